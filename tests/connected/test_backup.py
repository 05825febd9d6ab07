"""Backup and restore, as docs/guides/back-up-and-restore.md says: in the middle of work, then every fact counted once."""

import asyncio
import json
import os
import subprocess
import sys
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from deploy.backup import BackupError, back_up, read_manifest, restore
from deploy.parts import ROOT
from shared import kafka
from shared.clock import now
from shared.mongo import Client, Database
from shared.settings import Settings
from shared.topics import SERVICES
from tests.conftest import Until
from tests.connected.test_worker import records_of, running, worker
from tests.tally import hr_record, tallied

HR, SAID = "hr.employees", "mentoring.assignments"
GUIDE = ROOT / "docs" / "guides" / "back-up-and-restore.md"


@pytest.fixture
async def client(mongo_client: Client) -> AsyncIterator[Client]:
    """The services' databases, empty before and after."""
    await drop(mongo_client)
    yield mongo_client
    await drop(mongo_client)


async def drop(client: Client) -> None:
    for service in SERVICES:
        await client.drop_database(service)


@pytest.fixture
def settings(kafka_url: str, mongo_url: str, kafka_groups: bool) -> Settings:
    return Settings(kafka=kafka_url, mongo=mongo_url, kafka_groups=kafka_groups)


async def firstmate(settings: Settings, *arguments: str) -> tuple[int, Any, str]:
    """Call a command; its exit code, its JSON and what it said to standard error."""
    told = {**os.environ, "FIRSTMATE_KAFKA": settings.kafka, "FIRSTMATE_MONGO": settings.mongo}
    command = [sys.executable, "-m", "deploy.cli", *arguments, "--json"]
    done = await asyncio.to_thread(
        subprocess.run, command, capture_output=True, text=True, cwd=ROOT, env=told, timeout=120, check=False
    )
    return done.returncode, json.loads(done.stdout.splitlines()[-1]) if done.returncode == 0 else None, done.stderr


async def test_what_is_restored_reads_the_rest_and_counts_every_fact_once(
    client: Client, settings: Settings, tmp_path: Path, until: Until
) -> None:
    db, folder, people = client["matching"], tmp_path / "monday", [f"P-{number}" for number in range(6)]
    producer = kafka.producer(settings.kafka)
    await producer.start()
    sent: dict[str, list[str]] = {person: [] for person in people}

    async def tell(numbers: range) -> None:
        for number in numbers:
            person = people[number % len(people)]
            record = hr_record(0, person, id=f"fact-{number}")
            sent[person].append(f"fact-{number}")
            await producer.send_and_wait(HR, key=record.key, value=record.value, headers=list(record.headers))

    async def all_counted() -> bool:
        return [await tallied(db, person) for person in people] == list(sent.values())

    async with running(worker(settings)):
        await tell(range(60))
        await until(all_counted)
        talking = asyncio.create_task(tell(range(60, 300)))  # the backup is made while facts come in
        code, summary, said = await firstmate(settings, "backup", str(folder))
        assert code == 0, said
        await talking
        await until(all_counted)
    counted = sum([len(await tallied(db, person)) for person in people])

    await drop(client)
    code, restored, said = await firstmate(settings, "restore", str(folder))
    assert code == 0, said
    assert restored == summary
    before = sum([len(await tallied(db, person)) for person in people])
    assert 60 <= before <= counted
    assert await progressed(db) == before  # states and progress are of one moment
    async with running(worker(settings)):
        await tell(range(300, 330))
        await until(all_counted)

        async def all_said() -> bool:
            return len(await facts_said(settings.kafka)) == 330

        await until(all_said)
    await producer.stop()


async def progressed(db: Database) -> int:
    """How many records the restored progress has passed."""
    return sum([document["next"] async for document in db["progress"].find({"consumer": "tally"})])


async def facts_said(address: str) -> set[bytes]:
    return {dict(record.headers)["ce_id"] for record in await records_of(address, SAID, 6)}


async def test_a_restore_writes_over_nothing_and_takes_no_half_backup(client: Client, tmp_path: Path) -> None:
    await client["onboarding"]["journeys"].insert_one({"_id": "E-1"})
    folder = tmp_path / "backup"
    assert (await back_up(client, folder, now))["onboarding"] == 1
    assert folder.stat().st_mode & 0o077 == 0
    with pytest.raises(BackupError, match="not empty: onboarding"):
        await restore(client, folder)
    with pytest.raises(BackupError, match="is not empty; name a folder that is new"):
        await back_up(client, folder, now)
    await drop(client)
    journeys = folder / "onboarding" / "journeys.bson"
    whole = journeys.read_bytes()
    journeys.write_bytes(b"")
    with pytest.raises(BackupError, match="is damaged"):
        await restore(client, folder)
    journeys.write_bytes(whole)
    assert (await restore(client, folder))["onboarding"] == 1
    (folder / "backup.json").unlink()
    with pytest.raises(BackupError, match="holds no whole backup"):
        read_manifest(folder)


def test_the_guide_names_these_commands() -> None:
    text = GUIDE.read_text()
    for command in ("./firstmate backup /backups/monday", "./firstmate restore /backups/monday", "doctor --adopt-database"):
        assert command in text
