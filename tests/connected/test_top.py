"""`./firstmate top` against a real broker and database."""

import io
import json
import os
import subprocess
import sys
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from rich.console import Console

from deploy import top
from shared import dead_letters, kafka, lease, progress
from shared.changes import OUTBOX
from shared.mongo import Client
from shared.topics import SERVICES
from shared.worker import prepare_database

ROOT = Path(__file__).parents[2]
NOW = datetime(2027, 1, 4, 9, tzinfo=UTC)
JOURNEYS = "onboarding.journeys"


@pytest.fixture
async def client(mongo_client: Client) -> AsyncIterator[Client]:
    for service in SERVICES:
        await prepare_database(mongo_client[service])
    yield mongo_client
    for service in SERVICES:
        await mongo_client.drop_database(service)


async def write(address: str, records: int) -> None:
    producer = kafka.producer(address)
    await producer.start()
    for _ in range(records):
        await producer.send_and_wait(JOURNEYS, key=b"E-1", value=b"{}", partition=0)
    await producer.stop()


async def read_up_to(client: Client, offset: int) -> None:
    where = {"consumer": "onboarding.read-models", "topic": JOURNEYS, "partition": 0}
    await client["onboarding"][progress.COLLECTION].update_one(where, {"$set": {"next": offset}}, upsert=True)


async def test_it_tells_rates_and_what_is_behind(client: Client, kafka_url: str) -> None:
    await write(kafka_url, 10)
    end = (await kafka.ends(kafka_url, [(JOURNEYS, 0)]))[JOURNEYS, 0]
    await read_up_to(client, end - 10)
    first = await top.look(client, kafka_url, lambda: NOW)
    assert [(each.name, each.behind, each.rate) for each in first.consumers] == [("onboarding.read-models", 10, None)]
    await read_up_to(client, end - 4)
    second = await top.look(client, kafka_url, lambda: NOW + timedelta(seconds=2), first)
    assert [(each.behind, each.rate) for each in second.consumers] == [(4, 3.0)]


async def test_it_tells_who_leads_what_waits_and_what_was_decided_last(client: Client, kafka_url: str) -> None:
    matching = client["matching"]
    fence = await lease.take(matching, "matching", "matching-0")
    assert fence is not None
    record = {"topic": "mentoring.assignments", "key": b"E-7", "value": b"{}", "headers": [["ce_type", b"mentor.assigned"]]}
    other = {**record, "topic": "matching.dead-letters", "key": b"E-8"}
    await matching[OUTBOX].insert_one({"records": [record, other], "published_at": None})
    await client["notifications"][dead_letters.COLLECTION].insert_many([{"state": "open"}, {"state": "dropped"}])
    later = datetime.now(UTC) + timedelta(seconds=60)
    seen = await top.look(client, kafka_url, lambda: later)
    services = {each.name: each for each in seen.services}
    assert services["matching"].leader == "matching-0"
    assert 55 < services["matching"].outbox_seconds < 75
    assert (services["onboarding"].leader, services["notifications"].dead_letters) == (None, 1)
    assert [(each.type, each.employee_id) for each in seen.latest] == [("mentor.assigned", "E-7")]
    screen = Console(record=True, width=120, file=io.StringIO())
    screen.print(top.drawn(seen))
    words = screen.export_text()
    assert all(part in words for part in ("matching-0", "nobody", "mentor.assigned", "E-7"))
    await lease.release(matching, fence)
    assert (await top.look(client, kafka_url, lambda: later)).services[0].leader is None


def test_the_command_prints_a_look(client: Client, kafka_url: str, mongo_url: str) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "deploy.cli", "top", "--json"],
        capture_output=True,
        text=True,
        cwd=ROOT,
        env={**os.environ, "FIRSTMATE_KAFKA": kafka_url, "FIRSTMATE_MONGO": mongo_url},
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert [each["name"] for each in json.loads(done.stdout.splitlines()[-1])["services"]] == list(SERVICES)
