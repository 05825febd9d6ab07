"""The relay on a real database and broker: in commit order, after a crash, past a lost history, whatever the size."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from typing import Any

import pytest

from shared import kafka, lease, outbox
from shared.changes import Changes
from shared.events import new_event
from shared.events.mentoring import HireUnlisted
from shared.lease import Fence, LeaseLost
from shared.mongo import Database, transaction
from shared.outbox import Relay
from tests.conftest import Until
from tests.connected.test_worker import records_of
from tests.tally import NOW

TOPIC = "mentoring.assignments"


@pytest.fixture
async def producer(kafka_url: str) -> AsyncIterator[Any]:
    producer = kafka.producer(kafka_url)
    await producer.start()
    yield producer
    await producer.stop()


async def say(db: Database, id: str, employee: str) -> None:
    changes = Changes()
    fact = HireUnlisted(employee_id=employee, cause="coordinator")
    changes.publish(new_event(fact, source="/firstmate/tally", id=id, time=NOW, sequence=1))
    await changes.in_transaction(db)


async def take(db: Database, holder: str = "me") -> Fence:
    fence = await lease.take(db, "tally", holder)
    assert fence is not None
    return fence


@asynccontextmanager
async def relaying(db: Database, producer: Any, fence: Fence) -> AsyncIterator[asyncio.Task[None]]:
    task = asyncio.create_task(Relay(service="tally", db=db, producer=producer, fence=fence, clock=lambda: NOW).run())
    try:
        yield task
    finally:
        task.cancel()
        with suppress(asyncio.CancelledError, LeaseLost):
            await task


async def ids(address: str, employee: str) -> list[str]:
    found = await records_of(address, TOPIC, 6)
    return [dict(record.headers)["ce_id"].decode() for record in found if record.key == employee.encode()]


async def test_what_waits_at_the_start_and_what_comes_later_is_published_in_order(
    database: Database, producer: Any, kafka_url: str, until: Until
) -> None:
    await say(database, "before-1", "A-1")
    await say(database, "before-2", "A-1")
    async with relaying(database, producer, await take(database)):
        await until(lambda: _told(database))
        await say(database, "after", "A-1")
        await until(lambda: _told(database))
    assert await ids(kafka_url, "A-1") == ["before-1", "before-2", "after"]


async def test_a_letter_about_a_record_without_key_and_value_holds_nobody_up(
    database: Database, producer: Any, kafka_url: str, until: Until
) -> None:
    changes = Changes()
    changes.publish_raw("onboarding.dead-letters", None, None, [("x-dead-letter-id", b"bare")])
    await changes.in_transaction(database)
    await say(database, "behind-it", "A-6")
    async with relaying(database, producer, await take(database)):
        await until(lambda: _told(database))
    letters = [dict(record.headers) for record in await records_of(kafka_url, "onboarding.dead-letters", 1)]
    assert [headers["x-dead-letter-id"] for headers in letters] == [b"bare"]
    assert await ids(kafka_url, "A-6") == ["behind-it"]


async def test_a_relay_started_again_goes_on_after_what_was_acknowledged(
    database: Database, producer: Any, kafka_url: str, until: Until
) -> None:
    async with relaying(database, producer, await take(database)):
        await say(database, "first", "A-2")
        await until(lambda: _told(database))
    await say(database, "meanwhile", "A-2")
    async with relaying(database, producer, await take(database)):
        await until(lambda: _told(database))
    assert await ids(kafka_url, "A-2") == ["first", "meanwhile"]


async def test_a_lost_history_is_made_up_for_from_what_is_unpublished(
    database: Database, producer: Any, kafka_url: str, until: Until
) -> None:
    fence = await take(database)
    await say(database, "unsaid", "A-3")
    # a token from long before the oplog's beginning, as after a long stop
    token = {"_data": "8200000001000000012B0229296E04"}
    await database["leases"].update_one({"_id": "tally"}, {"$set": {"relay_token": token}})
    async with relaying(database, producer, fence):
        await until(lambda: _told(database))
    assert await ids(kafka_url, "A-3") == ["unsaid"]


async def test_a_relay_that_lost_its_lease_says_nothing_more(
    database: Database, producer: Any, kafka_url: str, until: Until
) -> None:
    old = await take(database)
    async with relaying(database, producer, old) as task:
        await say(database, "said", "A-4")
        await until(lambda: _told(database))
        await take(database)  # taken over
        await say(database, "for the successor", "A-4")
        with pytest.raises(LeaseLost):
            await asyncio.wait_for(task, 10)
    assert await ids(kafka_url, "A-4") == ["said"]


async def test_a_value_larger_than_the_broker_takes_is_left_out_and_does_not_block_the_rest(
    database: Database, producer: Any, kafka_url: str, until: Until
) -> None:
    changes = Changes()
    changes.publish_raw(
        "matching.dead-letters", b"A-5", b"x" * (kafka.MAX_REQUEST_BYTES + 1), [("x-dead-letter-id", b"big"), ("null", None)]
    )
    await changes.in_transaction(database)
    async with relaying(database, producer, await take(database)):
        await say(database, "next", "A-5")
        await until(lambda: _told(database))
    (letter,) = await records_of(kafka_url, "matching.dead-letters", 1)
    assert letter.value is None
    assert dict(letter.headers) == {"x-dead-letter-id": b"big", "null": None, "x-value-left-out": b"size"}
    assert await ids(kafka_url, "A-5") == ["next"]


async def _told(db: Database) -> bool:
    return await outbox.unpublished_age(db, NOW) == 0 and await db["outbox"].find_one({"published_at": None}) is None


async def test_a_lease_that_is_renewed_just_then_makes_the_relay_say_nothing_twice(
    database: Database, producer: Any, kafka_url: str, until: Until
) -> None:
    fence = await take(database)
    async with relaying(database, producer, fence) as relay:
        async with transaction(database) as session:  # holds the lease's document as a renewal does, only longer
            await database[lease.COLLECTION].update_one({"_id": "tally"}, {"$set": {"touched": 1}}, session=session)
            await say(database, "once", "A-9")

            async def is_said() -> bool:
                return bool(await ids(kafka_url, "A-9"))

            await until(is_said)
            assert not await _told(database)
        await until(lambda: _told(database))
        assert not relay.done()
    assert await ids(kafka_url, "A-9") == ["once"]
