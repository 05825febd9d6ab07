"""What operators do to a running system: start many replicas at once, stop one in the middle of work."""

import asyncio
import signal
import sys
from pathlib import Path
from typing import Any

import pytest

from deploy.parts import ROOT, STOP_SECONDS
from deploy.process import Process
from services.matching import app as matching
from services.notifications import app as notifications
from services.onboarding import app as onboarding
from shared import kafka
from shared.clock import now
from shared.events import new_event, to_record
from shared.events.hr import EmployeeHired
from shared.mongo import Client, Database
from shared.schema import VERSIONS, claim
from shared.settings import Settings
from shared.topics import PARTITIONS, SERVICES
from shared.worker import prepare_database
from tests.conftest import Until
from tests.connected.test_worker import records_of
from tests.tally import NOW

HIRES, REPLICAS = 400, 8


async def indexes(db: Database) -> dict[str, set[str]]:
    return {name: set(await db[name].index_information()) for name in await db.list_collection_names()}


@pytest.mark.parametrize("service", [matching, onboarding, notifications], ids=SERVICES)
async def test_many_replicas_that_start_at_once_make_the_indexes_that_one_makes(service: Any, mongo_client: Client) -> None:
    worker = service.worker(Settings())
    alone, together = mongo_client["test_alone"], mongo_client["test_together"]

    async def prepare(db: Database) -> None:
        await claim(db, VERSIONS[worker.service], now)
        await prepare_database(db)
        if worker.prepare is not None:
            await worker.prepare(db)

    try:
        await prepare(alone)
        await asyncio.gather(*(prepare(together) for _ in range(REPLICAS)))
        assert await indexes(together) == await indexes(alone)
    finally:
        for db in (alone, together):
            await mongo_client.drop_database(db.name)


async def test_a_worker_that_is_told_to_stop_ends_in_time_and_the_next_one_finishes(
    mongo_client: Client, mongo_url: str, kafka_url: str, kafka_groups: bool, tmp_path: Path, until: Until
) -> None:
    await mongo_client.drop_database("onboarding")
    db = mongo_client["onboarding"]
    told = {"FIRSTMATE_KAFKA": kafka_url, "FIRSTMATE_KAFKA_GROUPS": str(kafka_groups).lower(), "FIRSTMATE_MONGO": mongo_url}

    async def start(name: str) -> Process:
        command = [sys.executable, "-m", "deploy.run", "onboarding"]
        return await Process.start(name, command, log=tmp_path / name, env=told | {"PYTHONPATH": str(ROOT)})

    async def so_many(number: int) -> bool:
        return await db["journeys"].count_documents({"state": {"$ne": None}}) >= number

    async def all_is_said() -> bool:
        return len(await started(kafka_url)) >= HIRES

    producer = kafka.producer(kafka_url)
    await producer.start()
    for number in range(HIRES):
        hire = EmployeeHired(employee_id=f"E-{number}", display_name=f"New {number}", start_date="2027-02-01")
        key, value, headers = to_record(new_event(hire, source="/hr/test", id=f"hired-{number}", time=NOW))
        await producer.send(hire.TOPIC, key=key, value=value, headers=headers)
    await producer.stop()

    first = await start("first")
    await until(lambda: so_many(1))
    assert await first.stop(STOP_SECONDS) == 0, "it did not end by itself in time"
    second = await start("second")
    try:
        await until(lambda: so_many(HIRES))
        await until(all_is_said)
    finally:
        assert await second.stop(STOP_SECONDS) in (0, -signal.SIGKILL)
    facts = await started(kafka_url)
    assert len(facts) == len({subject for _, subject in facts}) == HIRES
    assert await db["dead_letters"].count_documents({}) == 0
    await mongo_client.drop_database("onboarding")


async def test_a_process_that_can_not_end_in_time_says_so_and_ends(tmp_path: Path) -> None:
    code = """
import asyncio, sys
from deploy import run
from shared.settings import Settings

async def stubborn(settings):
    while True:
        try:
            print("here", flush=True)
            await asyncio.sleep(60)
        except asyncio.CancelledError:
            pass

run.DRAIN_S = 0.2
run.PROCESSES = {"web": stubborn}
sys.exit(asyncio.run(run.until_told("web", Settings())))
"""
    child = await Process.start("stubborn", [sys.executable, "-c", code], log=tmp_path / "log", env={"PYTHONPATH": str(ROOT)})
    while "here" not in (tmp_path / "log").read_text():
        await asyncio.sleep(0.05)
    assert await child.stop(STOP_SECONDS) == 1
    assert "not_drained" in (tmp_path / "log").read_text()


async def started(address: str) -> set[tuple[bytes, bytes]]:
    """Id and person of each journey that is said to have started; the relay may say one twice, under one id."""
    said = [
        dict(record.headers) for record in await records_of(address, "onboarding.journeys", PARTITIONS["onboarding.journeys"])
    ]
    return {(each["ce_id"], each["ce_subject"]) for each in said if each["ce_type"] == b"onboarding.journey.started.v1"}
