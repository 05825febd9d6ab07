"""What the figures stand on: real servers on temporary data, the three workers as processes, and hires to feed them.

The reference is a *bare loop* on the same servers in the same run: produce, consume, one journaled write per batch, produce,
consume, with none of the guarantees. Figures are ratios to it, because machines are noisy.
"""

import argparse
import asyncio
import json
import os
import sys
import tempfile
from collections.abc import AsyncIterator, Callable, Coroutine, Iterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import psutil
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient, NewTopic

from deploy.kafka_light import LightKafka
from deploy.mongod import Mongod
from deploy.ports import free_port
from deploy.process import Process
from shared import kafka
from shared.clock import now
from shared.events import new_event, to_record
from shared.events.hr import EmployeeHired, EmployeeSnapshot
from shared.events.mentoring import MAX_CAPACITY, MentorEnrolled
from shared.mongo import Client, InsertOne, connect
from shared.topics import SERVICES, ensure_topics

PATIENCE_S = 180.0
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
        return int(psutil.Process(self.processes["mongod"]).io_counters().write_count)

    def memory_mb(self) -> dict[str, float]:
        """Resident memory of each process."""
        return {name: psutil.Process(pid).memory_info().rss / 1e6 for name, pid in self.processes.items()}


@asynccontextmanager
async def servers() -> AsyncIterator[tuple[LightKafka, Mongod]]:
    """A fresh broker and database on temporary data."""
    with tempfile.TemporaryDirectory(prefix="firstmate-bench-") as folder:
        async with LightKafka(Path(folder) / "kafka") as broker, Mongod(Path(folder) / "mongo") as mongod:
            await ensure_topics(broker.address)
            yield broker, mongod


@asynccontextmanager
async def chain() -> AsyncIterator[Chain]:
    """The three workers on fresh servers."""
    async with servers() as (broker, mongod), AsyncExitStack() as stack:
        processes = {"broker": broker.process.pid, "mongod": mongod.process.pid} if broker.process and mongod.process else {}
        for service in SERVICES:
            environment = {
                "FIRSTMATE_KAFKA": broker.address,
                "FIRSTMATE_MONGO": mongod.uri,
                "FIRSTMATE_LOG_LEVEL": "WARNING",
                "FIRSTMATE_SMTP": f"127.0.0.1:{free_port()}",  # nobody listens: sending is the mail bench's subject
                "FIRSTMATE_SECRET": "bench, which signs nothing that lasts",
                "PYTHONPATH": str(Path(__file__).parent.parent),
            }
            command = [sys.executable, "-m", "deploy.run", service]
            process = await Process.start(service, command, log=mongod.data / f"{service}.log", env=environment)
            stack.push_async_callback(process.stop, 10.0)
            processes[service] = process.pid
        client = await connect(mongod.uri)
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
    """Wait until each (database, collection, query) holds at least so many documents."""
    deadline = asyncio.get_running_loop().time() + PATIENCE_S
    for database, collection, query, count in wanted:
        while (found := await client[database][collection].count_documents(query)) < count:
            if asyncio.get_running_loop().time() > deadline:
                raise TimeoutError(f"{database}.{collection} {query}: {found} of {count} after {PATIENCE_S:.0f} s")
            await asyncio.sleep(0.01)


async def bare_loop(broker: str, client: Client, count: int) -> float:
    """Seconds for `count` hire records through produce, consume, one journaled write per batch, produce, consume."""
    await _create(broker, topics := ("bare.in", "bare.out"))
    records = [to_record(event) for event in hires(count)]
    producer = kafka.producer(broker)
    await producer.start()
    started = asyncio.get_running_loop().time()
    try:
        await asyncio.gather(
            _send_all(producer, topics[0], records),
            _copy(broker, client, producer, topics, count),
            _drain(broker, topics[1], count),
        )
        return asyncio.get_running_loop().time() - started
    finally:
        await producer.stop()


async def bare_loop_latency(broker: str, client: Client, count: int) -> list[float]:
    """Milliseconds of each of `count` records, one at a time, through the same loop."""
    await _create(broker, topics := ("bare.one", "bare.two"))
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


async def _create(broker: str, topics: Sequence[str]) -> None:
    admin = AIOKafkaAdminClient(bootstrap_servers=broker)
    await admin.start()
    await admin.create_topics([NewTopic(topic, 6, 1) for topic in topics])
    await admin.close()


async def _send_all(producer: AIOKafkaProducer, topic: str, records: Sequence[Any]) -> None:
    futures = [await producer.send(topic, key=key, value=value, headers=headers) for key, value, headers in records]
    await asyncio.gather(*futures)


@asynccontextmanager
async def _reading(broker: str, topic: str) -> AsyncIterator[AIOKafkaConsumer]:
    consumer = AIOKafkaConsumer(bootstrap_servers=broker, enable_auto_commit=False, auto_offset_reset="earliest")
    await consumer.start()
    try:
        consumer.assign([TopicPartition(topic, number) for number in range(6)])
        yield consumer
    finally:
        await consumer.stop()


async def _copy(broker: str, client: Client, producer: AIOKafkaProducer, topics: Sequence[str], count: int) -> None:
    done = 0
    async with _reading(broker, topics[0]) as consumer:
        while done < count:
            batch = [
                record for records in (await consumer.getmany(timeout_ms=20, max_records=500)).values() for record in records
            ]
            if batch:
                await client["bare"]["documents"].bulk_write([InsertOne(json.loads(record.value)) for record in batch])
                await asyncio.gather(*[await producer.send(topics[1], key=r.key, value=r.value) for r in batch])
                done += len(batch)


async def _drain(broker: str, topic: str, count: int) -> None:
    done = 0
    async with _reading(broker, topic) as consumer:
        while done < count:
            done += sum(len(records) for records in (await consumer.getmany(timeout_ms=20, max_records=500)).values())


def command(
    measure: Callable[[int], Coroutine[Any, Any, dict[str, Any]]], count: int, words: str | None, unit: str = "hires"
) -> None:
    """A bench's command line: `--json`, and `--hires` (or another `unit`) where `count` is too few or too many."""
    parser = argparse.ArgumentParser(description=words)
    parser.add_argument("--json", action="store_true")
    parser.add_argument(f"--{unit}", type=int, default=count, dest="count")
    arguments = parser.parse_args()
    _finish(asyncio.run(measure(arguments.count)), as_json=arguments.json)


def _finish(figures: dict[str, Any], *, as_json: bool) -> None:
    for name, value in figures.items():
        print(f"{name:32} {value}", file=sys.stderr if as_json else sys.stdout)
    if as_json:
        print(json.dumps(figures))


def cores() -> int:
    """Processor cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else (os.cpu_count() or 1)
