"""`./firstmate bench processing`: hires per second through all three services with every effect, against the bare loop.

Every hire has: an assignment with reasons, a dated journey, planned messages, and a row on the board that names the mentor.
"""

from time import perf_counter
from typing import Any

from bench.chain import bare_loop, chain, command, cores, hires, mentors, publish, until_count
from shared import kafka
from shared.mongo import Client
from shared.topics import SERVICES

HIRES = 2_000
MENTORS = 150  # twenty places each: half as many again as hires


async def measure(count: int) -> dict[str, Any]:
    """The figures of one run."""
    async with chain() as system:
        producer = kafka.producer(system.kafka)
        await producer.start()
        try:
            empty = await kept_kb(system.client)
            await publish(producer, mentors(MENTORS))
            await publish(producer, hires(50, first=1_000_000))  # warm caches and connections
            await until_count(system.client, _effects(50))
            before = await kept_kb(system.client)
            written = system.disk_writes()
            cpu = system.cpu_seconds()
            started = perf_counter()
            await publish(producer, hires(count))
            await until_count(system.client, _effects(count + 50))
            seconds = perf_counter() - started
            used = {name: after - cpu[name] for name, after in system.cpu_seconds().items()}
            memory = system.memory_mb()
            writes = system.disk_writes() - written
            after = await kept_kb(system.client)
            mails = await system.client["notifications"]["messages"].count_documents({})
        finally:
            await producer.stop()
        bare = await bare_loop(system.kafka, system.client, count)
    return {
        "cores": cores(),
        "hires": count,
        "seconds": round(seconds, 2),
        "hires_per_second": round(count / seconds),
        "bare_loop_seconds": round(bare, 2),
        "share_of_bare_loop": round(bare / seconds, 3),
        "cpu_ms_per_hire": round(1000 * sum(used.values()) / count, 2),
        "cpu_ms_by_process": {name: round(1000 * value / count, 2) for name, value in used.items()},
        "memory_mb": {name: round(value) for name, value in memory.items()},
        "database_kb_per_hire": round((after["all"] - before["all"]) / count, 1),
        "database_kb_per_employee": round((before["all"] - empty["all"]) / (MENTORS + 50), 1),
        "topics_kb_per_hire": round((after["outbox"] - before["outbox"]) / count, 1),
        "disk_writes_per_hire": round(writes / count, 3),
        "messages_per_hire": round(mails / (count + 50), 2),
    }


async def kept_kb(client: Client) -> dict[str, float]:
    """What the services' databases hold, before compression, with their indexes; and of it the outbox, which is what goes out."""
    stats = [await client[service].command("dbStats") for service in SERVICES]
    outbox = [await client[service].command("collStats", "outbox") for service in SERVICES]
    return {
        "all": sum(each["dataSize"] + each["indexSize"] for each in stats) / 1000,
        "outbox": sum(each["size"] for each in outbox) / 1000,
    }


def _effects(count: int) -> list[tuple[str, str, dict[str, Any], int]]:
    return [
        ("matching", "hires", {"state.status": "assigned"}, count),
        ("onboarding", "journeys", {"state.status": {"$ne": None}}, count),
        ("notifications", "messages", {"template": "welcome"}, count),
        ("notifications", "messages", {"template": "mentor_brief"}, count),
        ("onboarding", "board", {"state.assignment.mentor_id": {"$ne": None}}, count),
    ]


if __name__ == "__main__":
    command(measure, HIRES, __doc__)
