"""`./firstmate bench latency`: from the hire event's acknowledgement to the row on the board that names the mentor.

Hires come at an even pace on an idle system; the time of the row is when a change stream on the board shows it, as the live page
sees it. The references, in the same run: one record at a time through produce, consume, journaled write, produce, consume; and
the common way without guarantees (`tutorial` of `bench/other_ways.py`) at the same pace. `--kafka apache --members 3`: all on
Apache Kafka and a replica set of three.

Then, on fresh servers and at the same pace, with a mail server that accepts at once: until it accepts the hire's welcome.
"""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from statistics import median, quantiles
from time import perf_counter
from typing import Any

from aiokafka import AIOKafkaProducer

from bench import other_ways
from bench.chain import (
    COUNT_EVERY_S,
    ENGINES,
    PATIENCE_S,
    bare_loop_latency,
    command,
    cores,
    hires,
    mentors,
    publish,
    servers,
    until_count,
    workers,
)
from bench.mail_server import Welcomes, listening
from bench.processing import other_way
from deploy.ports import free_port
from shared import kafka as clients
from shared.events import to_record
from shared.mongo import Database, connect, followed

PER_SECOND = 20
HIRES = 200
MENTORS = 50
WARM_UP = 20
TUTORIAL = "tutorial"
MENTOR, THEIR_MENTOR = "state.assignment.mentor_id", "assignment.mentor_id"


async def measure(count: int, kafka: str = "light", members: int = 1) -> dict[str, Any]:
    """The figures of one run, in milliseconds."""
    async with servers(kafka, members) as (broker, mongo):
        producer = clients.producer(broker.address)
        await producer.start()
        client = await connect(mongo.uri)
        try:
            async with workers(broker, mongo):
                await publish(producer, mentors(MENTORS))
                await publish(producer, hires(WARM_UP, first=1_000_000))
                await until_count(client, [("onboarding", "board", {MENTOR: {"$ne": None}}, WARM_UP)])
                taken = await _paced(client["onboarding"], MENTOR, count, lambda hire: publish(producer, iter([hire])))
            bare = await bare_loop_latency(broker.address, client, count=100)
            async with other_way(TUTORIAL, client, broker.address, mongo, count + WARM_UP):
                theirs = client[other_ways.database(TUTORIAL, "onboarding")]
                for hire in hires(WARM_UP, first=1_000_000):
                    await _tell(producer, hire)
                await until_count(client, [(theirs.name, "board", {THEIR_MENTOR: {"$ne": None}}, WARM_UP)])
                tutorial = await _paced(theirs, THEIR_MENTOR, count, lambda hire: _tell(producer, hire))
        finally:
            client.close()
            await producer.stop()
    welcomed = await welcomes(count, kafka, members)
    return {
        "cores": cores(),
        "kafka": kafka,
        "members": members,
        "hires": len(taken),
        "per_second": PER_SECOND,
        "p50_ms": round(median(taken), 1),
        "p99_ms": round(quantiles(taken, n=100)[98], 1),
        "bare_p50_ms": round(median(bare), 1),
        "tutorial_p50_ms": round(median(tutorial), 1),
        "latency_p50_vs_raw_chain": round(median(taken) / median(bare), 1),
        "latency_p50_vs_tutorial": round(median(taken) / median(tutorial), 2),
        "welcome_accepted_ms_p50": round(median(welcomed), 1),
        "welcome_accepted_ms_p95": round(quantiles(welcomed, n=100)[94], 1),
        "welcome_accepted_ms_max": round(max(welcomed), 1),
    }


async def welcomes(count: int, kafka: str, members: int) -> list[float]:
    """Milliseconds for each of `count` hires, told at an even pace, until a mail server has accepted their welcome."""
    handler, port = Welcomes(), free_port()

    async def until_welcomed(people: int) -> None:
        async with asyncio.timeout(PATIENCE_S):
            while len(handler.accepted) < people:
                await asyncio.sleep(COUNT_EVERY_S)

    async with servers(kafka, members) as (broker, mongo), await listening(handler, port), workers(broker, mongo, smtp=port):
        producer = clients.producer(broker.address)
        await producer.start()
        try:
            await publish(producer, mentors(MENTORS))
            await publish(producer, hires(WARM_UP, first=1_000_000))
            await until_welcomed(WARM_UP)
            events = list(hires(count))
            sent = await _at_pace(events, lambda hire: publish(producer, iter([hire])))
            await until_welcomed(WARM_UP + count)
        finally:
            await producer.stop()
    return [1000 * (handler.accepted[event.data.personal_email] - sent[event.subject]) for event in events]


async def _tell(producer: AIOKafkaProducer, hire: Any) -> None:
    key, value, _ = to_record(hire)
    await producer.send_and_wait(other_ways.topic(TUTORIAL, other_ways.HR), key=key, value=value)


async def _paced(db: Database, mentor: str, count: int, tell: Callable[[Any], Awaitable[None]]) -> list[float]:
    """Milliseconds for each of `count` hires, told at an even pace, until `mentor` is in their row on the board."""
    events = list(hires(count))
    expected = {event.subject for event in events}
    seen: dict[str, float] = {}
    named = [{"$match": {f"fullDocument.{mentor}": {"$ne": None}}}]

    async def watch() -> None:
        async with db["board"].watch(named, full_document="updateLookup") as stream:
            watching.set()
            async for change in followed(stream):
                if change["documentKey"]["_id"] in expected:  # the warm-up's rows still change
                    seen.setdefault(change["documentKey"]["_id"], perf_counter())
                if len(seen) == count:
                    return

    watching = asyncio.Event()
    async with asyncio.timeout(120 + count / PER_SECOND), asyncio.TaskGroup() as tasks:
        tasks.create_task(watch())
        await watching.wait()
        sent = await _at_pace(events, tell)
    return [1000 * (seen[id] - sent[id]) for id in sent]


async def _at_pace(events: Sequence[Any], tell: Callable[[Any], Awaitable[None]]) -> dict[str, float]:
    """Tell of them one after another; when each was acknowledged, by `perf_counter`."""
    sent: dict[str, float] = {}
    for event in events:
        await tell(event)
        sent[event.subject] = perf_counter()
        await asyncio.sleep(1 / PER_SECOND)
    return sent


if __name__ == "__main__":
    command(measure, HIRES, __doc__, options=ENGINES)
