"""`./firstmate bench processing`: hires per second through all three services with every effect, against other ways to do it.

Every hire has: an assignment with reasons, a dated journey, planned messages, and a row on the board that names the mentor.
Beside it in the same run, on the same servers: the two common ways (`bench/other_ways.py`), which write as much for each hire,
and the raw ceiling (`bench/ceiling.py`). Each figure is the median of the rounds.

`--kafka apache --members 3`: on Apache Kafka and a replica set of three. `--workers 2 --kafka apache`: several workers of each
service, which share partitions; only our own figures, since the other ways know no groups. `--backlog 10000`: how much memory
workers take that find so many hires waiting, and how long each hire, beside a tenth of them.
"""

import asyncio
import json
import sys
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from statistics import median
from time import perf_counter
from typing import Any

from aiokafka import AIOKafkaProducer

from bench import other_ways
from bench.chain import ENGINES, Chain, Kafka, Mongo, command, cores, create, hires, mentors, publish, servers, until_count
from bench.chain import workers as started
from deploy.process import Process
from shared import kafka as clients
from shared.events import to_record
from shared.events.mentoring import MAX_CAPACITY
from shared.mongo import Client, connect
from shared.topics import SERVICES

HIRES = 2_000
ROUNDS = 3
WARM_UP = 50
FEWER = {"tutorial": 10, "safe": 20}  # they take so many times as long: fewer hires give a rate as well

Wanted = Sequence[tuple[str, str, dict[str, Any], int]]


async def measure(count: int, kafka: str = "light", members: int = 1, workers: int = 1, backlog: int = 0) -> dict[str, Any]:
    """The figures of one run."""
    async with servers(kafka, members) as (broker, mongo):
        if backlog:
            return {"cores": cores()} | await _waiting(broker, mongo, backlog)
        producer = clients.producer(broker.address)
        await producer.start()
        client = await connect(mongo.uri)
        try:
            async with started(broker, mongo, workers) as system:
                ground = {"kafka": kafka, "members": members, "workers": workers}
                figures: dict[str, Any] = ground | await _ours(system, producer, count)
            if workers > 1:
                return figures
            ceiling = [await _ceiling(broker.address, mongo.uri, client, number) for number in range(ROUNDS)]
            ways = {way: await _other(way, producer, client, broker.address, mongo, count // FEWER[way]) for way in FEWER}
        finally:
            client.close()
            await producer.stop()
    rate = figures["hires_per_second"]
    documents = median(each["documents"] for each in ceiling) / (count * ROUNDS + WARM_UP)
    per_second = median(each["documents"] / each["seconds"] for each in ceiling)
    return figures | {
        "tutorial_hires_per_second": round(ways["tutorial"], 1),
        "safe_naive_hires_per_second": round(ways["safe"], 1),
        "throughput_vs_tutorial": round(rate / ways["tutorial"], 2),
        "throughput_vs_safe_naive": round(rate / ways["safe"], 2),
        "documents_per_hire": round(documents, 1),
        "ceiling_documents_per_second": round(per_second),
        "share_of_ceiling": round(documents * rate / per_second, 3),
    }


async def _ours(system: Chain, producer: AIOKafkaProducer, count: int) -> dict[str, Any]:
    pool = (ROUNDS * count + WARM_UP) * 3 // 2 // MAX_CAPACITY + 1
    empty = await kept_kb(system.client)
    await publish(producer, mentors(pool))
    await publish(producer, hires(WARM_UP, first=1_000_000))  # warm caches and connections
    await until_count(system.client, _effects(WARM_UP))
    before, written = await kept_kb(system.client), system.disk_writes()
    cpu, rates, hired = system.cpu_seconds(), [], ROUNDS * count
    for number in range(ROUNDS):
        started = perf_counter()
        await publish(producer, hires(count, first=number * count))
        await until_count(system.client, _effects((number + 1) * count + WARM_UP))
        rates.append(count / (perf_counter() - started))
    used = {name: (after - cpu[name]) / hired for name, after in system.cpu_seconds().items()}
    kept, writes = await kept_kb(system.client), system.disk_writes() - written
    mails = await system.client["notifications"]["messages"].count_documents({})
    return {
        "cores": cores(),
        "rounds": ROUNDS,
        "hires": count,
        "hires_per_second": round(median(rates), 1),
        "cpu_ms_per_hire": round(1000 * sum(used.values()), 2),
        "cpu_ms_by_process": {name: round(1000 * value, 2) for name, value in used.items()},
        "rss_mb": {name: round(value) for name, value in system.memory_mb().items()},
        "database_kb_per_hire": round((kept["all"] - before["all"]) / hired, 1),
        "database_kb_per_employee": round((before["all"] - empty["all"]) / (pool + WARM_UP), 1),
        "topics_kb_per_hire": round((kept["outbox"] - before["outbox"]) / hired, 1),
        "disk_writes_per_hire": round(writes / hired, 3),
        "messages_per_hire": round(mails / (hired + WARM_UP), 2),
    }


async def _waiting(broker: Kafka, mongo: Mongo, backlog: int) -> dict[str, Any]:
    """What workers take that start with hires waiting: a tenth of them, then all, each time on the same data.

    The time of a hire is that of the last four fifths: before them the processes start.
    """
    producer = clients.producer(broker.address)
    await producer.start()
    taken: dict[str, Any] = {}
    seconds: list[float] = []
    try:
        await publish(producer, mentors(backlog * 3 // 2 // MAX_CAPACITY + 1))
        done = 0
        for upto in (backlog // 10, backlog):
            await publish(producer, hires(upto - done, first=done))
            async with started(broker, mongo) as system:
                await until_count(system.client, _effects(begun := done + (upto - done) // 5))
                began = perf_counter()
                await until_count(system.client, _effects(upto))
                seconds.append((perf_counter() - began) / (upto - begun))
                taken[f"rss_mb_after_{upto - done}"] = {name: round(value) for name, value in system.memory_mb().items()}
                taken[f"seconds_per_hire_after_{upto - done}"] = round(seconds[-1], 5)
            done = upto
    finally:
        await producer.stop()
    return taken | {"seconds_per_hire_all_vs_a_tenth": round(seconds[1] / seconds[0], 3)}


async def kept_kb(client: Client) -> dict[str, float]:
    """What the services' databases hold, before compression, with their indexes; and of it the outbox, which is what goes out."""
    stats = [await client[service].command("dbStats") for service in SERVICES]
    outbox = [await client[service].command("collStats", "outbox") for service in SERVICES]
    return {
        "all": sum(each["dataSize"] + each["indexSize"] for each in stats) / 1000,
        "outbox": sum(each["size"] for each in outbox) / 1000,
    }


def _effects(count: int) -> Wanted:
    return [
        ("matching", "hires", {"state.status": "assigned"}, count),
        ("onboarding", "journeys", {"state.status": {"$ne": None}}, count),
        ("notifications", "messages", {"template": "welcome"}, count),
        ("notifications", "messages", {"template": "mentor_brief"}, count),
        ("notifications", "messages", {"template": "survey_invitation"}, count),
        ("onboarding", "board", {"state.assignment.mentor_id": {"$ne": None}}, count),
        ("onboarding", "timeline", {"state.entries.2": {"$exists": True}}, count),
    ]


async def _ceiling(address: str, mongo: str, client: Client, number: int) -> dict[str, float]:
    """Three processes at once, each told to begin when all are ready."""
    names = {service: f"ceiling_{service}_{number}" for service in SERVICES}
    pipe = asyncio.subprocess.PIPE
    started = [
        await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "bench.ceiling", service, address, mongo, name), stdin=pipe, stdout=pipe
        )
        for service, name in names.items()
    ]
    answers = []
    for process in started:
        assert process.stdout is not None
        await process.stdout.readline()
    for process in started:
        assert process.stdin is not None
        process.stdin.write(b"\n")
    for process in started:
        told, _ = await process.communicate()
        answers.append(json.loads(told))
    for name in names.values():
        await client.drop_database(name)
    return {"seconds": max(each["seconds"] for each in answers), "documents": sum(each["documents"] for each in answers)}


async def _other(way: str, producer: AIOKafkaProducer, client: Client, address: str, mongo: Mongo, count: int) -> float:
    """Hires per second of another way."""
    rates = []
    async with other_way(way, client, address, mongo, ROUNDS * count + WARM_UP):
        await _tell(way, producer, WARM_UP, 1_000_000)
        await until_count(client, _other_effects(way, WARM_UP))
        for number in range(ROUNDS):
            started = perf_counter()
            await _tell(way, producer, count, number * count)
            await until_count(client, _other_effects(way, (number + 1) * count + WARM_UP))
            rates.append(count / (perf_counter() - started))
    return median(rates)


async def _tell(way: str, producer: AIOKafkaProducer, count: int, first: int) -> None:
    records = [to_record(event) for event in hires(count, first=first)]
    name = other_ways.topic(way, other_ways.HR)
    await asyncio.gather(*[await producer.send(name, key=key, value=value) for key, value, _ in records])


def _other_effects(way: str, count: int) -> Wanted:
    onboarding, notifications = other_ways.database(way, "onboarding"), other_ways.database(way, "notifications")
    return [
        (onboarding, "journeys", {"mentor_id": {"$ne": None}}, count),
        *((onboarding, model, {"assignment": {"$ne": None}}, count) for model in ("board", "timeline", "outcomes")),
        (onboarding, "timeline", {"entries.1": {"$exists": True}}, count),
        (notifications, "messages", {}, count * sum(map(len, other_ways.LETTERS.values()))),
    ]


@asynccontextmanager
async def other_way(way: str, client: Client, address: str, mongo: Mongo, hires: int) -> AsyncIterator[None]:
    """Another way's processes at work, with places for so many hires."""
    await create(address, [other_ways.topic(way, name) for name in (other_ways.HR, other_ways.ASSIGNMENTS, other_ways.JOURNEYS)])
    places = [{"_id": f"M-{n}", "load": 0} for n in range(hires // MAX_CAPACITY + 1)]
    matching = client[other_ways.database(way, "matching")]
    await matching["mentors"].insert_many(places)
    await matching["mentors"].create_index("load")
    async with AsyncExitStack() as stack:
        for service in SERVICES:
            argv = [sys.executable, "-m", "bench.other_ways", way, service, address, mongo.uri]
            process = await Process.start(f"{way} {service}", argv, log=mongo.data / f"{way}-{service}.log", env={})
            stack.push_async_callback(process.stop, 10.0)
        yield


if __name__ == "__main__":
    more = {"workers": {"type": int, "default": 1}, "backlog": {"type": int, "default": 0}}
    command(measure, HIRES, __doc__, options={**ENGINES, **more})
