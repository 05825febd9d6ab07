"""The ledger is asked by index alone, and the index of what waits holds nothing that is settled."""

from collections.abc import AsyncIterator
from typing import Any

import pytest

from services.notifications import store
from services.notifications.preferences import Preferences
from shared.mongo import Database
from tests.connected.post_office import Office, post_office

FORMER = [("channel", 1), ("state", 1), ("due_at", 1)]


@pytest.fixture
async def office(database: Database) -> AsyncIterator[Office]:
    await store.ensure_indexes(database)
    async with post_office() as post:
        office = Office(database, post)
        await office.take_over()
        await office.know_people()
        yield office


async def test_no_question_to_the_ledger_looks_at_all_of_it(office: Office, database: Database) -> None:
    await database.command("profile", 2)
    await office.hear(office.hired(), office.assigned())
    await office.send()
    now = office.clock()
    await store.next_due(database, "email")
    await store.stranded(database, ["email"], 10)
    await store.inbox(database, "M-1", 10)
    await store.mark_read(database, "M-1", now)
    await store.sent_since(database, {"M-1": now})
    await store.prefer(database, "M-1", Preferences(), now)
    await store.messages_about(database, "E-1", None, 10)
    await store.measure(database, ["email"])
    await database.command("profile", 0)
    asked = {"ns": f"{database.name}.{store.MESSAGES}", "planSummary": {"$exists": True}}
    plans = [(each["planSummary"], each["command"]) async for each in database["system.profile"].find(asked)]
    assert len(plans) > 8
    assert [plan for plan in plans if "IXSCAN" not in plan[0] and "COUNT_SCAN" not in plan[0]] == []


async def test_what_is_settled_leaves_the_index_of_what_waits(office: Office, database: Database) -> None:
    await office.hear(office.hired(), office.assigned())
    planned = await database[store.MESSAGES].count_documents({})
    assert await _keys(database) == planned
    await office.send()
    assert await _keys(database) == await database[store.MESSAGES].count_documents({"state": {"$in": list(store.OPEN)}}) < planned


async def test_indexes_of_before_are_dropped(database: Database) -> None:
    await database[store.MESSAGES].create_index(FORMER)
    await store.ensure_indexes(database)
    await store.ensure_indexes(database)
    assert not set(store.FORMER_INDEXES) & (await database[store.MESSAGES].index_information()).keys()


async def _keys(db: Database) -> int:
    """How many entries the index of what waits has."""
    found: dict[str, Any] = await db.command("validate", store.MESSAGES)
    return int(found["keysPerIndex"]["due"])
