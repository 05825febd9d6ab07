"""The proof that every message is sent once in effect: its sender is killed again and again, and so is the mail server.

FIRSTMATE_PROOF=full plays it at full size: 5,000 messages, twenty kills, five restarts of the mail server.
"""

import asyncio
import os
import random
import sys
from collections import Counter
from collections.abc import AsyncIterator
from dataclasses import dataclass, field, replace
from pathlib import Path

import pytest

from bench.chain import hires
from bench.mail_server import is_refused_for_good
from deploy.ports import free_port
from services.notifications import store
from services.notifications.entry import FINAL, Entry
from services.notifications.handlers import SERVICE, CorrespondenceWork
from shared.clock import now
from shared.mongo import Client, Database
from shared.processing import BATCH_RECORDS, Processor
from shared.worker import prepare_database

ROOT = Path(__file__).parents[2]
MESSAGES, KILLS, RESTARTS = (5_000, 20, 5) if os.environ.get("FIRSTMATE_PROOF") == "full" else (300, 4, 2)
FOR_NOW, FOR_GOOD = 10, 2  # percent
SEED = 20261127
# What the sender saw of an acceptance that it was not told of.
LOST = ("smtp_unanswered", "smtp_disconnected", "smtp_unreachable", "smtp_timeout")


@dataclass
class Killed:
    """A process that is started again each time it is killed."""

    arguments: list[str]
    log: Path
    process: asyncio.subprocess.Process | None = None
    started: int = 0

    async def start(self) -> None:
        with self.log.open("ab") as log:
            self.process = await asyncio.create_subprocess_exec(
                sys.executable, "-m", *self.arguments, cwd=ROOT, stdout=log, stderr=log
            )
        self.started += 1

    async def kill(self) -> None:
        if self.process is not None and self.process.returncode is None:
            self.process.kill()
            await self.process.wait()


@dataclass
class Post:
    folder: Path
    port: int = field(default_factory=free_port)

    def accepted(self) -> Counter[str]:
        noted = self.folder / "accepted"
        return Counter(noted.read_text().split()) if noted.exists() else Counter()


@pytest.fixture
async def db(mongo_client: Client) -> AsyncIterator[Database]:
    await mongo_client.drop_database("killed_sender")
    yield mongo_client["killed_sender"]
    await mongo_client.drop_database("killed_sender")


async def plan(db: Database) -> None:
    await prepare_database(db)
    await store.ensure_indexes(db)
    processor = Processor(service=SERVICE, consumer="test", db=db, work=lambda: CorrespondenceWork(db, []))
    events = [replace(event, data=event.data.model_copy(update={"manager_id": None})) for event in hires(MESSAGES)]
    for first in range(0, MESSAGES, BATCH_RECORDS):
        await processor.execute(events[first : first + BATCH_RECORDS])


async def unsettled(db: Database) -> int:
    return await db[store.MESSAGES].count_documents({"state": {"$nin": list(FINAL)}})


async def play(db: Database, post: Post, sender: Killed, server: Killed) -> None:
    """Kill one or the other whenever so many more have been accepted, by a plan that the seed gives."""
    chance = random.Random(SEED)
    moments = sorted(chance.sample(range(1, MESSAGES * 9 // 10), KILLS + RESTARTS))
    victims = [sender] * KILLS + [server] * RESTARTS
    chance.shuffle(victims)
    for moment, victim in zip(moments, victims, strict=True):
        while len(post.accepted()) < moment and await unsettled(db):
            assert sender.process is not None
            assert sender.process.returncode is None, sender.log.read_text()[-2_000:]
            await asyncio.sleep(0.005)
        await victim.kill()
        await victim.start()
    while await unsettled(db):
        await asyncio.sleep(0.1)


def repeats_explained(entry: Entry) -> int:
    """How often this message may have been accepted without the ledger hearing of it."""
    return sum(step.reason == "abandoned" or step.reason in LOST for step in entry.transitions)


@pytest.mark.slow
@pytest.mark.timeout(1_800)
async def test_every_message_ends_and_none_is_sent_twice_but_where_a_kill_fell_before_its_record(
    db: Database, mongo_url: str, tmp_path: Path
):
    await plan(db)
    post = Post(tmp_path)
    sender = Killed(
        ["tests.connected.dying_sender", mongo_url, db.name, str(post.port), now().isoformat()], tmp_path / "sender.log"
    )
    server = Killed(["bench.mail_server", str(post.port), str(tmp_path), str(FOR_NOW), str(FOR_GOOD)], tmp_path / "server.log")
    try:
        await server.start()
        await sender.start()
        await play(db, post, sender, server)
    finally:
        await sender.kill()
        await server.kill()
    accepted = post.accepted()
    entries = {entry.message_id: entry for entry in await store.entries(db, {})}
    never = {id for id in entries if is_refused_for_good(f"{id}@firstmate.example".encode(), FOR_GOOD)}
    doubled = {id.partition("@")[0]: times - 1 for id, times in accepted.items() if times > 1}
    print(  # noqa: T201 - the figures of the full size are written down
        f"{len(entries)} messages, {sender.started - 1} kills, {server.started - 1} restarts of the mail server: "
        f"{len(accepted)} accepted, {len(never)} refused for good, {sum(doubled.values())} accepted again, "
        f"{sum(any(step.reason == 'abandoned' for step in entry.transitions) for entry in entries.values())} abandoned"
    )
    assert sender.started - 1 == KILLS
    assert server.started - 1 == RESTARTS
    assert len(entries) == MESSAGES
    assert {id for id, entry in entries.items() if entry.state == "failed"} == never
    assert {id for id, entry in entries.items() if entry.state == "sent"} == entries.keys() - never
    assert {id.partition("@")[0] for id in accepted} == entries.keys() - never
    assert len(accepted) == len(entries) - len(never)  # each under one Message-ID, however often
    for id, times in doubled.items():
        assert times <= repeats_explained(entries[id]), entries[id].transitions
