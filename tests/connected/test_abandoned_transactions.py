"""A process that is killed in a transaction must not hold up its successor."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import suppress
from typing import Any

import pytest
from pymongo.errors import AutoReconnect

from shared import lease, worker
from shared.changes import Changes
from shared.mongo import Client, Database, OperationFailure, Session, connect, end_abandoned, is_conflict, transaction
from shared.processing import Processor
from tests.tally import NOW, TallyWork, hr_record, tallied

NAME = "firstmate matching 0"


@pytest.fixture
async def clients(mongo_url: str) -> AsyncIterator[tuple[Client, Client]]:
    """The process that will be killed, and another one."""
    connected = await connect(mongo_url, name=NAME), await connect(mongo_url, name="firstmate matching 1")
    yield connected
    for client in connected:
        client.close()


async def move(db: Database, place: int, to: int, session: Session) -> None:
    await db["places"].update_one({"_id": place}, {"$set": {"next": to}}, session=session)


async def held(db: Database, place: int) -> bool:
    """Whether somebody's open transaction holds this document."""
    try:
        async with transaction(db) as session:
            await move(db, place, 1, session)
            await session.abort_transaction()
    except OperationFailure as error:
        if not is_conflict(error):
            raise
        return True
    return False


async def test_a_process_that_starts_again_ends_what_its_killed_predecessor_left_open(
    mongo_url: str, database: Database, clients: tuple[Client, Client]
) -> None:
    await database["places"].insert_many([{"_id": 1, "next": 0}, {"_id": 2, "next": 0}])
    killed, other = (client[database.name] for client in clients)
    async with transaction(other) as live:
        await move(other, 2, 5, live)
        with suppress(OperationFailure):  # a killed process never comes to the end of its transaction
            async with transaction(killed) as orphan:
                await move(killed, 1, 7, orphan)
                assert await held(database, 1)
                successor = await connect(mongo_url, name=NAME)
                assert not await held(successor[database.name], 1)
                successor.close()
    assert await database["places"].find_one({"_id": 1}) == {"_id": 1, "next": 0}
    assert await database["places"].find_one({"_id": 2}) == {"_id": 2, "next": 5}


async def test_who_takes_over_ends_what_a_killed_replica_of_the_service_left_open(
    database: Database, clients: tuple[Client, Client]
) -> None:
    await database["places"].insert_many([{"_id": 1, "next": 0}, {"_id": 2, "next": 0}])
    killed, other = (client[database.name] for client in clients)
    with suppress(OperationFailure):
        async with transaction(killed) as orphan:
            await move(killed, 1, 7, orphan)
            await end_abandoned(other.client, "firstmate match")  # another service
            assert await held(other, 1)
            await end_abandoned(other.client, "firstmate matching")
            assert not await held(other, 1)


@pytest.mark.parametrize("expires", ["before it is looked at", "just after"])
async def test_a_lease_that_a_killed_holders_transaction_locks_is_taken_over(
    database: Database, clients: tuple[Client, Client], expires: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    looks, is_free = iter([expires != "just after"]), lease.is_free

    async def look(db: Database, name: str) -> bool:
        return next(looks, True) and await is_free(db, name)

    monkeypatch.setattr(lease, "is_free", look)
    killed, other = (client[database.name] for client in clients)
    fence = await lease.take(killed, "matching", "matching-0", ttl=0)
    assert fence is not None
    with suppress(OperationFailure):
        async with transaction(killed) as orphan:  # as each that a fence guards
            await killed[lease.COLLECTION].update_one({"_id": "matching"}, {"$set": {"relay_token": 1}}, session=orphan)
            async with asyncio.timeout(20):  # the server ends the transaction after sixty
                taken = await worker._take(other, "matching", "matching-1")
            assert taken.number == fence.number + 1


async def test_a_holder_whose_own_commit_never_arrived_keeps_its_lease(
    database: Database, clients: tuple[Client, Client], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(lease, "RENEW_EVERY_S", 0.1)
    own = clients[0][database.name]
    fence = await lease.take(own, "matching", "matching-0", ttl=0)
    assert fence is not None
    with suppress(OperationFailure):
        async with transaction(own) as lost:
            await own[lease.COLLECTION].update_one({"_id": "matching"}, {"$set": {"relay_token": 1}}, session=lost)
            keeping = asyncio.create_task(worker._keep(own, fence))
            async with asyncio.timeout(20):  # the server ends the transaction after sixty
                while await lease.is_free(own, "matching"):
                    await asyncio.sleep(0.1)
            keeping.cancel()
            await fence.check(own)


async def test_a_batch_whose_commit_never_arrived_is_processed_at_once(
    database: Database, clients: tuple[Client, Client], monkeypatch: pytest.MonkeyPatch
) -> None:
    own = clients[0][database.name]
    await processor(own).process([hr_record(0)])
    in_transaction, tries = Changes.in_transaction, iter([True])

    async def lose(changes: Changes, db: Database, **options: Any) -> None:
        if next(tries, False):
            raise AutoReconnect("the answer is lost", {"errorLabels": ["UnknownTransactionCommitResult"]})
        await in_transaction(changes, db, **options)

    monkeypatch.setattr(Changes, "in_transaction", lose)
    with suppress(OperationFailure):
        async with transaction(own) as lost:
            await own["progress"].update_one({"consumer": "tally"}, {"$set": {"seen": True}}, session=lost)
            async with asyncio.timeout(20):  # the server ends the transaction after sixty
                await processor(own).process([hr_record(1)])
    assert await tallied(own) == ["id-0", "id-1"]


def processor(db: Database) -> Processor:
    return Processor(service="matching", consumer="tally", db=db, work=lambda: TallyWork(db), clock=lambda: NOW)
