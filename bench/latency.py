"""`./firstmate bench latency`: from the hire event's acknowledgement to the row on the board that names the mentor.

Hires come at an even pace on an idle system; the time of the row is when a change stream on the board shows it, as the live page
sees it. The reference is one record at a time through produce, consume, journaled write, produce, consume, in the same run.
"""

import asyncio
from statistics import median, quantiles
from time import perf_counter
from typing import Any

from bench.chain import Chain, bare_loop_latency, chain, command, cores, hires, mentors, publish, until_count
from shared import kafka

PER_SECOND = 20
HIRES = 200
MENTORS = 50


async def measure(count: int) -> dict[str, Any]:
    """The figures of one run, in milliseconds."""
    async with chain() as system:
        producer = kafka.producer(system.kafka)
        await producer.start()
        try:
            await publish(producer, mentors(MENTORS))
            await publish(producer, hires(20, first=1_000_000))
            await until_count(system.client, [("onboarding", "board", {"state.assignment.mentor_id": {"$ne": None}}, 20)])
            taken = await _paced(system, producer, count)
        finally:
            await producer.stop()
        bare = await bare_loop_latency(system.kafka, system.client, count=100)
    return {
        "cores": cores(),
        "hires": len(taken),
        "per_second": PER_SECOND,
        "p50_ms": round(median(taken), 1),
        "p99_ms": round(quantiles(taken, n=100)[98], 1),
        "bare_p50_ms": round(median(bare), 1),
        "p50_vs_bare": round(median(taken) / median(bare), 1),
    }


async def _paced(system: Chain, producer: Any, count: int) -> list[float]:
    events = list(hires(count))
    expected = {event.subject for event in events}
    sent: dict[str, float] = {}
    seen: dict[str, float] = {}
    named = [{"$match": {"fullDocument.state.assignment.mentor_id": {"$ne": None}}}]

    async def watch() -> None:
        async with system.client["onboarding"]["board"].watch(named, full_document="updateLookup") as stream:
            watching.set()
            async for change in stream:
                if change["documentKey"]["_id"] in expected:  # the warm-up's rows still change
                    seen.setdefault(change["documentKey"]["_id"], perf_counter())
                if len(seen) == count:
                    return

    watching = asyncio.Event()
    async with asyncio.timeout(60 + count / PER_SECOND), asyncio.TaskGroup() as tasks:
        tasks.create_task(watch())
        await watching.wait()
        for event in events:
            await publish(producer, iter([event]))
            sent[event.subject] = perf_counter()
            await asyncio.sleep(1 / PER_SECOND)
    return [1000 * (seen[id] - sent[id]) for id in sent]


if __name__ == "__main__":
    command(measure, HIRES, __doc__)
