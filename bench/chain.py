"""What the figures stand on: real servers on temporary data, the three workers as processes, and hires to feed them.

Figures are ratios to a reference on the same servers in the same run, because machines are noisy.
"""

import argparse
import asyncio
import itertools
import json
import os
import sys
import tempfile
from collections.abc import AsyncIterator, Callable, Coroutine, Iterator, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path
from time import perf_counter
from typing import Any, TypeAlias

import psutil
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient, NewTopic

from deploy.kafka_apache import ApacheKafka
from deploy.kafka_light import LightKafka
from deploy.mongod import Mongod
from deploy.ports import free_port
from deploy.process import Process
from deploy.replica_set import MEMBERS, ReplicaSet
from shared import kafka
from shared.clock import now
from shared.events import new_event, to_record
from shared.events.hr import EmployeeHired, EmployeeSnapshot
from shared.events.mentoring import MAX_CAPACITY, MentorEnrolled
from shared.mongo import Client, connect
from shared.topics import SERVICES, ensure_topics

PATIENCE_S = 180.0
COUNT_EVERY_S = 0.05
Kafka: TypeAlias = LightKafka | ApacheKafka
KAFKA: Mapping[str, type[LightKafka] | type[ApacheKafka]] = {"light": LightKafka, "apache": ApacheKafka}
ENGINES: Mapping[str, Mapping[str, Any]] = {
    "kafka": {"choices": list(KAFKA), "default": "light"},
    "members": {"type": int, "choices": [1, MEMBERS], "default": 1},
}
"""The options of a bench that say what it runs on."""
DEPARTMENTS = ("Engineering", "Support", "Sales", "Finance", "Design")
LANGUAGES = (["en"], ["en", "fr"], ["en", "de"], ["en", "es"])
SKILLS = ("kafka", "python", "sql", "negotiation", "figma", "excel", "go", "support", "budgeting", "testing")
INTERESTS = ("climbing", "chess", "cooking", "cycling", "reading", "gardening")
ZONES = ("Europe/Paris", "Europe/Berlin", "Europe/London", "America/New_York")


@dataclass(frozen=True, slots=True)
class Chain:
    """The running system: addresses, a client, and its processes by name."""

    kafka: str
    client: Client
    processes: dict[str, int]

    def cpu_seconds(self) -> dict[str, float]:
        """CPU time used so far by each process."""
        times = {name: psutil.Process(pid).cpu_times() for name, pid in self.processes.items()}
        return {name: used.user + used.system for name, used in times.items()}

    def disk_writes(self) -> int:
        """How often the database has written to its files so far."""
        pids = (pid for name, pid in self.processes.items() if name.startswith("mongo"))
        return sum(int(psutil.Process(pid).io_counters().write_count) for pid in pids)

    def memory_mb(self) -> dict[str, float]:
        """Resident memory of each process."""
        return {name: psutil.Process(pid).memory_info().rss / 1e6 for name, pid in self.processes.items()}


@dataclass(frozen=True, slots=True)
class Mongo:
    """The running database: its connection string, a folder for logs beside it, and its processes by name."""

    uri: str
    data: Path
    processes: dict[str, int]


@asynccontextmanager
async def servers(kafka: str = "light", members: int = 1) -> AsyncIterator[tuple[Kafka, Mongo]]:
    """A fresh broker (`light` or `apache`) and database, of one member or a set of three, on temporary data."""
    with tempfile.TemporaryDirectory(prefix="firstmate-bench-") as folder:
        async with KAFKA[kafka](Path(folder) / "kafka") as broker, _mongo(Path(folder) / "mongo", members) as mongo:
            await ensure_topics(broker.address)
            yield broker, mongo


@asynccontextmanager
async def _mongo(folder: Path, members: int) -> AsyncIterator[Mongo]:
    if members == 1:
        async with Mongod(folder) as alone:
            yield Mongo(alone.uri, folder, {"mongod": alone.process.pid} if alone.process else {})
        return
    async with ReplicaSet(folder) as whole:
        found = {name: member.process.pid for name, member in whole.members.items() if member.process}
        yield Mongo(whole.uri, folder, found)


@asynccontextmanager
async def workers(broker: Kafka, mongo: Mongo, each: int = 1, smtp: int | None = None) -> AsyncIterator[Chain]:
    """The three workers as processes on these servers, `each` so many times; more than one share the partitions as a group.

    Of matching one works and the others stand by. Mails go to the port `smtp` of this machine, at any hour; by itself nobody
    listens, since sending is the mail bench's subject.
    """
    if each > 1 and not broker.groups:
        raise SystemExit(
            "several workers share partitions as a consumer group, which the embedded broker can't; add --kafka apache"
        )
    async with AsyncExitStack() as stack:
        processes = ({"broker": broker.process.pid} if broker.process else {}) | mongo.processes
        mail = {"FIRSTMATE_SMTP": f"127.0.0.1:{smtp or free_port()}"} | ({"FIRSTMATE_MAIL_HOURS": "always"} if smtp else {})
        for service, number in itertools.product(SERVICES, range(each)):
            environment = {
                "FIRSTMATE_KAFKA": broker.address,
                "FIRSTMATE_MONGO": mongo.uri,
                **({"FIRSTMATE_KAFKA_GROUPS": "true", "FIRSTMATE_INSTANCE": str(number)} if broker.groups else {}),
                "FIRSTMATE_LOG_LEVEL": "WARNING",
                **mail,
                "FIRSTMATE_SECRET": "bench, which signs nothing that lasts",
                "PYTHONPATH": str(Path(__file__).parent.parent),
            }
            command = [sys.executable, "-m", "deploy.run", service]
            name = service if each == 1 else f"{service}-{number}"
            process = await Process.start(name, command, log=mongo.data / f"{name}.log", env=environment)
            stack.push_async_callback(process.stop, 10.0)
            processes[name] = process.pid
        client = await connect(mongo.uri)
        stack.callback(client.close)
        yield Chain(broker.address, client, processes)


def mentors(count: int) -> Iterator[Any]:
    """Snapshot and enrolment events of `count` mentors, `MAX_CAPACITY` places each."""
    for n in range(count):
        profile = _profile(n) | {"start_date": "2021-03-01"}
        yield new_event(
            EmployeeSnapshot(employee_id=f"M-{n}", display_name=f"Mentor {n}", **profile),
            source="/bench",
            id=f"s-{n}",
            time=now(),
        )
        yield new_event(MentorEnrolled(mentor_id=f"M-{n}", capacity=MAX_CAPACITY), source="/bench", id=f"m-{n}", time=now())


def hires(count: int, first: int = 0) -> Iterator[Any]:
    """Hire events of `count` people who start in four weeks."""
    start = now().date() + timedelta(days=28)
    for n in range(first, first + count):
        yield new_event(_hired(n, start), source="/bench", id=f"h-{n}", time=now())


def _hired(n: int, start: date) -> EmployeeHired:
    return EmployeeHired(
        employee_id=f"H-{n}",
        given_name="Hire",
        family_name=str(n),
        start_date=start,
        personal_email=f"hire{n}@example.org",
        manager_id=f"B-{n % 50}",
        **_profile(n * 7 + 3),
    )


def _profile(n: int) -> dict[str, Any]:
    return {
        "department": DEPARTMENTS[n % 5],
        "role_family": DEPARTMENTS[n % 5],
        "title": f"{DEPARTMENTS[n % 5]} specialist",
        "languages": LANGUAGES[n % 4],
        "time_zone": ZONES[n % 4],
        "location": "FR",
        "skills": [SKILLS[n % 10], SKILLS[(n + 3) % 10]],
        "interests": [INTERESTS[n % 6], INTERESTS[(n + 1) % 6]],
        "work_arrangement": "hybrid",
    }


async def publish(producer: AIOKafkaProducer, events: Iterator[Any]) -> None:
    """Send them all and await the acknowledgements."""
    futures = []
    for event in events:
        key, value, headers = to_record(event)
        futures.append(await producer.send(event.data.TOPIC, key=key, value=value, headers=headers))
    await asyncio.gather(*futures)


async def until_count(client: Client, wanted: Sequence[tuple[str, str, dict[str, Any], int]]) -> None:
    """Wait until each (database, collection, query) holds at least so many documents.

    Counting is work for the database that is measured: it gets nine times as long to work as the last count took.
    """
    deadline = asyncio.get_running_loop().time() + PATIENCE_S
    for database, collection, query, count in wanted:
        while True:
            asked = perf_counter()
            if (found := await client[database][collection].count_documents(query)) >= count:
                break
            if asyncio.get_running_loop().time() > deadline:
                raise TimeoutError(f"{database}.{collection} {query}: {found} of {count} after {PATIENCE_S:.0f} s")
            await asyncio.sleep(max(COUNT_EVERY_S, 9 * (perf_counter() - asked)))


async def bare_loop_latency(broker: str, client: Client, count: int) -> list[float]:
    """Milliseconds of each of `count` records, one at a time, through the same loop."""
    await create(broker, topics := ("bare.one", "bare.two"))
    producer = kafka.producer(broker)
    await producer.start()
    taken: list[float] = []
    try:
        async with _reading(broker, topics[0]) as first, _reading(broker, topics[1]) as second:
            for event in hires(count):
                key, value, _ = to_record(event)
                started = asyncio.get_running_loop().time()
                await producer.send_and_wait(topics[0], key=key, value=value)
                record = await first.getone()
                await client["bare"]["documents"].insert_one(json.loads(record.value))
                await producer.send_and_wait(topics[1], key=record.key, value=record.value)
                await second.getone()
                taken.append(1000 * (asyncio.get_running_loop().time() - started))
    finally:
        await producer.stop()
    return taken


async def create(broker: str, topics: Sequence[str]) -> None:
    """Topics for a reference."""
    admin = AIOKafkaAdminClient(bootstrap_servers=broker)
    await admin.start()
    await admin.create_topics([NewTopic(topic, 6, 1) for topic in topics])
    await admin.close()


@asynccontextmanager
async def _reading(broker: str, topic: str) -> AsyncIterator[AIOKafkaConsumer]:
    consumer = AIOKafkaConsumer(bootstrap_servers=broker, enable_auto_commit=False, auto_offset_reset="earliest")
    await consumer.start()
    try:
        consumer.assign([TopicPartition(topic, number) for number in range(6)])
        yield consumer
    finally:
        await consumer.stop()


def command(
    measure: Callable[..., Coroutine[Any, Any, dict[str, Any]]],
    count: int,
    words: str | None,
    unit: str = "hires",
    options: Mapping[str, Mapping[str, Any]] | None = None,
) -> None:
    """A bench's command line: `--json`, and `--hires` (or another `unit`) where `count` is too few or too many.

    `options` are more of its own, as `argparse` takes them; `measure` gets each by its name.
    """
    parser = argparse.ArgumentParser(description=words)
    for name, option in (options or {}).items():
        parser.add_argument(f"--{name}", **option)
    parser.add_argument("--json", action="store_true")
    parser.add_argument(f"--{unit}", type=int, default=count, dest="count")
    arguments = parser.parse_args()
    chosen = {name: getattr(arguments, name) for name in options or {}}
    _finish(asyncio.run(measure(arguments.count, **chosen)), as_json=arguments.json)


def _finish(figures: dict[str, Any], *, as_json: bool) -> None:
    for name, value in figures.items():
        print(f"{name:32} {value}", file=sys.stderr if as_json else sys.stdout)
    if as_json:
        print(json.dumps(figures))


def cores() -> int:
    """Processor cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else (os.cpu_count() or 1)
