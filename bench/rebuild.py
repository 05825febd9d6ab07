"""`./firstmate bench rebuild`: read models made again from a million events, compared with the live ones, against a bare loop.

The events are whole journeys (`bench.lives`). The live rows are what onboarding's own worker makes of them. The bare loop reads
the same bytes and bulk-writes the same final rows, with nothing in between, once before each rebuild and once after it, for
machines change their pace. Memory grows by what a rebuild takes more at its most than one of a tenth of the events, at most
`SMALL`. Each step is a process of its own. The live models meet three backlogs, each ten times the one before.

`--kafka apache`: the embedded broker answers with a whole partition at once, whatever a reader asks for, and rebuilds hold it.
"""

import asyncio
import json
import subprocess
import sys
from collections.abc import Callable, Coroutine, Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from statistics import mean
from time import perf_counter
from typing import Any

import psutil
from aiokafka import AIOKafkaConsumer, TopicPartition

from bench.chain import ENGINES, command, cores, servers
from bench.lives import Record, records
from services.onboarding.projections.reading import TOPICS
from services.onboarding.read_models import CONSUMER, READ_MODELS, SERVICE, ReadModelWork
from services.onboarding.rebuilding import rebuild
from services.onboarding.rebuilding_part import Workers, workers
from services.onboarding.store import ensure_indexes
from shared import kafka as clients
from shared import progress
from shared.clock import now
from shared.mongo import Database, InsertOne, connect
from shared.progress import Place
from shared.settings import Settings
from shared.worker import Subscription, Worker

EVENTS = 1_000_000
FEW = 10_000  # the first backlog
SMALL = 100_000  # what more events take than these is growth
PUBLISH_AT_ONCE = 5_000
READ_AT_ONCE, WRITE_AT_ONCE = 1_000, 500
PATIENCE_S = 3_600.0
LOOK_EVERY_S = 0.1


async def publish(address: str, events: Iterable[Record]) -> None:
    """Put the events onto their topics, each at the time when it happened."""
    producer = clients.producer(address)
    await producer.start()
    try:
        futures: list[Any] = []
        for at, topic, key, value, headers in events:
            futures.append(await producer.send(topic, value, key, timestamp_ms=at, headers=headers))
            if len(futures) == PUBLISH_AT_ONCE:
                await asyncio.gather(*futures)
                futures = []
        await asyncio.gather(*futures)
    finally:
        await producer.stop()


async def live(address: str, mongo: str) -> dict[str, Any]:
    """Let onboarding's worker make its read models, up to the ends of the topics.

    The time of an event is that of the last four fifths: before them the process warms up.
    """
    following = [Subscription(CONSUMER, TOPICS, ReadModelWork)]
    settings = Settings(kafka=address, mongo=mongo, log_level="WARNING")
    working = asyncio.create_task(Worker(SERVICE, settings, following, prepare=ensure_indexes).run())
    client = await connect(mongo)
    ends = await clients.ends(address, clients.places(TOPICS))

    async def until(upto: int) -> tuple[int, float]:
        async with asyncio.timeout(PATIENCE_S):
            while (done := await _done(client[SERVICE], ends)) < upto:
                if working.done():
                    working.result()
                await asyncio.sleep(0.2)
        return done, perf_counter()

    begin, started = await until(0)
    last = sum(ends.values())
    warm, since = await until(begin + (last - begin) // 5)
    _, ended = await until(last)
    memory = psutil.Process().memory_info().rss
    working.cancel()
    await asyncio.gather(working, return_exceptions=True)
    client.close()
    return {"seconds": ended - started, "seconds_per_event": (ended - since) / max(1, last - warm), "rss_mb": memory / 1e6}


async def _done(db: Database, ends: Mapping[Place, int]) -> int:
    return sum((await progress.read(db, CONSUMER, ends)).values())


@dataclass
class Memory:
    """The most that processes take together, in bytes."""

    processes: Sequence[psutil.Process]
    most: int = 0

    async def look(self) -> None:
        """Look again and again, until cancelled."""
        while True:
            self.most = max(self.most, sum(each.memory_info().rss for each in self.processes))
            await asyncio.sleep(LOOK_EVERY_S)


def again(address: str, mongo: str, name: str) -> dict[str, Any]:
    """Rebuild one model, with as many processes as there are cores."""
    with workers(cores(), mongo) as reading:
        figures = asyncio.run(rebuilt(address, mongo, name, reading))
    return figures | {"cpu_seconds": sum(psutil.Process().cpu_times()[:4])}  # of the others too, which have ended


async def rebuilt(address: str, mongo: str, name: str, reading: Workers) -> dict[str, Any]:
    """Rebuild one model, and look at the memory of all processes meanwhile."""
    process = psutil.Process()
    memory = Memory([process, *(psutil.Process(each.process.pid) for each in reading.beside)])

    client = await connect(mongo)
    looking = asyncio.create_task(memory.look())
    done = await rebuild(client[SERVICE], address, READ_MODELS[name], "bench", now(), workers=reading)
    looking.cancel()
    client.close()
    return {
        "records": done.records,
        "rows": done.rows,
        "differences": done.differences,
        "seconds": done.seconds,
        "held_seconds": done.held_seconds,
        "rss_mb": memory.most / 1e6,
    }


async def bare(address: str, mongo: str, name: str) -> dict[str, Any]:
    """Read every record, and bulk-write the rows that a model has in the end; fetching those rows is not counted."""
    started = perf_counter()
    await _consume(address)
    seconds = perf_counter() - started
    client = await connect(mongo)
    copy, rows = client[SERVICE][f"{name}.bare"], []
    async for row in client[SERVICE][name].find({}):
        rows.append(row)
        if len(rows) == WRITE_AT_ONCE:
            seconds += await _write(copy, rows)
            rows = []
    seconds += await _write(copy, rows) if rows else 0.0
    await copy.drop()
    client.close()
    return {"seconds": seconds, "cpu_seconds": sum(psutil.Process().cpu_times()[:2])}


async def _write(copy: Any, rows: list[Any]) -> float:
    started = perf_counter()
    await copy.bulk_write([InsertOne(row) for row in rows], ordered=False)
    return perf_counter() - started


async def _consume(address: str) -> None:
    ends = await clients.ends(address, clients.places(TOPICS))
    consumer = AIOKafkaConsumer(bootstrap_servers=address, enable_auto_commit=False, max_poll_records=READ_AT_ONCE)
    await consumer.start()
    try:
        consumer.assign([TopicPartition(*place) for place in ends])
        await consumer.seek_to_beginning()
        left = sum(ends.values())
        while left:
            left -= sum(map(len, (await consumer.getmany(timeout_ms=200)).values()))
    finally:
        await consumer.stop()


def looped(step: Callable[..., Coroutine[Any, Any, dict[str, Any]]]) -> Callable[..., dict[str, Any]]:
    """The step in a loop of its own."""
    return lambda *arguments: asyncio.run(step(*arguments))


STEPS: Mapping[str, Callable[..., dict[str, Any]]] = {"live": looped(live), "again": again, "bare": looped(bare)}


def apart(step: str, *arguments: str) -> dict[str, Any]:
    """One step in a process of its own."""
    argv = [sys.executable, "-m", "bench.rebuild", step, *arguments]
    done = subprocess.run(argv, stdout=subprocess.PIPE, text=True, check=True)
    answer: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return answer


async def measure(count: int, kafka: str = "light", members: int = 1) -> dict[str, Any]:
    """The figures of one run."""
    figures: dict[str, Any] = {"kafka": kafka, "members": members, "cores": cores(), "events": count}
    events, few, small = records(count), min(FEW, count // 100), min(SMALL, count // 10)
    async with servers(kafka, members) as (broker, mongod):
        address, mongo = broker.address, mongod.uri
        backlogs = {few: await _lived(address, mongo, islice(events, few))}
        backlogs[small - few] = await _lived(address, mongo, islice(events, small - few))
        before = {name: await asyncio.to_thread(apart, "again", address, mongo, name) for name in READ_MODELS}
        backlogs[count - small] = await _lived(address, mongo, events)
        for name in READ_MODELS:
            figures[name] = await _against_the_loop(address, mongo, name)
            figures[name]["rss_growth_mb"] = figures[name]["rss_mb"] - before[name]["rss_mb"]
    models = [figures[name] for name in READ_MODELS]
    first, *_, last = (lived["seconds_per_event"] for lived in backlogs.values())
    return figures | {
        "live": {f"backlog_{waiting}": lived for waiting, lived in backlogs.items()},
        "seconds_per_event_1M_vs_10k": round(last / first, 3),
        "differences": sum(model["differences"] for model in (*models, *before.values())),
        "share_of_bare_loop": min(model["share_of_bare_loop"] for model in models),
        "rss_growth_mb": round(max(model["rss_growth_mb"] for model in models), 1),
    }


async def _lived(address: str, mongo: str, events: Iterable[Record]) -> dict[str, float]:
    """Publish events, and have the live read models made of them."""
    print("events are published, and the live read models made", file=sys.stderr)
    await publish(address, events)
    lived: dict[str, float] = await asyncio.to_thread(apart, "live", address, mongo)
    return lived


async def _against_the_loop(address: str, mongo: str, name: str) -> dict[str, Any]:
    print(f"{name}: the bare loop, the rebuild, and the loop again", file=sys.stderr)
    before = await asyncio.to_thread(apart, "bare", address, mongo, name)
    rebuilt = await asyncio.to_thread(apart, "again", address, mongo, name)
    loops = [before, await asyncio.to_thread(apart, "bare", address, mongo, name)]
    share = mean(loop["seconds"] for loop in loops) / rebuilt["seconds"]
    return rebuilt | {"bare_loops": loops, "share_of_bare_loop": round(share, 3)}


if __name__ == "__main__":
    if sys.argv[1:2] and sys.argv[1] in STEPS:
        print(json.dumps(STEPS[sys.argv[1]](*sys.argv[2:])))
    else:
        command(measure, EVENTS, __doc__, "events", ENGINES)
