"""Processing on the real database: once in effect, whatever is repeated, refused, raced or broken."""

import asyncio
from typing import Any

import pytest
import structlog

from shared import dead_letters, lease, progress
from shared.changes import Changes
from shared.events import new_event
from shared.lease import LeaseLost
from shared.mongo import Database, UpdateOne
from shared.processing import Processor
from shared.refusals import Refused
from tests.tally import NOW, Recount, TallyWork, hr_record, said, tallied


def processor(db: Database, **options: Any) -> Processor:
    return Processor(service="tally", consumer="tally", db=db, work=lambda: TallyWork(db, **options), clock=lambda: NOW)


async def next_offset(db: Database, partition: int = 0) -> int:
    return (await progress.read(db, "tally", [("hr.employees", partition)]))[("hr.employees", partition)]


async def open_letters(db: Database) -> list[dict[str, Any]]:
    return [letter async for letter in dead_letters.letters(db)]


async def test_a_batch_applies_each_record_in_order_and_moves_the_progress(database: Database) -> None:
    await processor(database).process([hr_record(0), hr_record(1), hr_record(2, "E-2")])
    assert await tallied(database) == ["id-0", "id-1"]
    assert await tallied(database, "E-2") == ["id-2"]
    assert await next_offset(database) == 3
    assert await said(database) == ["tally/E-1/1", "tally/E-1/2", "tally/E-2/1"]


async def test_a_redelivered_batch_changes_nothing(database: Database) -> None:
    batch = [hr_record(0), hr_record(1)]
    await processor(database).process(batch)
    await processor(database).process([*batch, hr_record(2)])
    assert await tallied(database) == ["id-0", "id-1", "id-2"]
    assert len(await said(database)) == 3


async def test_a_fact_sent_again_under_another_offset_changes_nothing(database: Database) -> None:
    await processor(database).process([hr_record(0, id="same"), hr_record(1, id="same")])
    await processor(database).process([hr_record(2, id="same")])
    assert await tallied(database) == ["same"]
    assert await next_offset(database) == 3


async def test_a_record_that_cannot_be_read_goes_to_the_dead_letters_whole_and_the_rest_goes_on(database: Database) -> None:
    await processor(database).process([hr_record(0), hr_record(1, value=b"{not json"), hr_record(2)])
    assert await tallied(database) == ["id-0", "id-2"]
    (letter,) = await open_letters(database)
    assert (letter["code"], letter["offset"], letter["consumer"]) == ("malformed_json", 1, "tally")
    whole = await dead_letters.letter(database, letter["_id"])
    assert whole is not None
    assert whole["value"] == b"{not json"
    outbox = [record async for document in database["outbox"].find() for record in document["records"]]
    assert [record["topic"] for record in outbox].count("tally.dead-letters") == 1


async def test_a_record_whose_decision_fails_ends_alone_in_the_dead_letters(database: Database) -> None:
    records = [hr_record(n, f"E-{n % 5}", id="poison" if n == 37 else None) for n in range(100)]
    with structlog.testing.capture_logs() as logs:
        await processor(database).process(records)
    (letter,) = await open_letters(database)
    assert (letter["code"], letter["offset"]) == ("processing_failed", 37)
    counted = [id for number in range(5) for id in await tallied(database, f"E-{number}")]
    assert sorted(counted) == sorted(f"id-{n}" for n in range(100) if n != 37)
    assert "Okafor" not in str(logs)
    assert "Okafor" not in str(letter["detail"])


async def test_a_state_the_database_refuses_ends_alone_in_the_dead_letters(database: Database) -> None:
    await processor(database).process([hr_record(0, "E-1"), hr_record(1, "E-2", id="huge"), hr_record(2, "E-3")])
    (letter,) = await open_letters(database)
    assert letter["offset"] == 1
    assert await tallied(database, "E-3") == ["id-2"]
    assert await next_offset(database) == 3


async def test_of_two_workers_on_the_same_records_one_has_effect(database: Database) -> None:
    batch = [hr_record(n, f"E-{n % 7}") for n in range(50)]
    await asyncio.gather(*(processor(database).process(batch) for _ in range(4)))
    assert sum([len(await tallied(database, f"E-{n}")) for n in range(7)]) == 50
    assert len(await said(database)) == 50


async def test_two_workers_on_the_same_states_lose_nothing(database: Database) -> None:
    first = [hr_record(n, "E-1", partition=0) for n in range(30)]
    second = [hr_record(n, "E-1", partition=1, id=f"other-{n}") for n in range(30)]
    await asyncio.gather(
        *(processor(database).process(first[n : n + 3]) for n in range(0, 30, 3)),
        *(processor(database).process(second[n : n + 3]) for n in range(0, 30, 3)),
    )
    # Batches of one partition run side by side here, so later ones may settle first and the earlier count as repeated;
    # what was counted is counted once, and its events carry every number once.
    counted = await tallied(database)
    assert len(counted) == len(set(counted))
    assert await said(database) == [f"tally/E-1/{n}" for n in range(1, len(counted) + 1)]


async def test_a_document_that_was_taken_to_be_new_and_is_there_is_left_to_the_careful_write(database: Database) -> None:
    class Noting(TallyWork):
        def changes(self) -> Changes:
            changes = super().changes()
            for tally in self.tallies:
                kept = UpdateOne({"_id": tally.id}, {"$setOnInsert": {"note": "ours"}}, upsert=True)
                changes.add("notes", {"_id": tally.id, "note": "ours"}, otherwise=kept)
            return changes

    await database["notes"].insert_one({"_id": "E-1", "note": "another's"})
    processor = Processor(service="tally", consumer="tally", db=database, work=lambda: Noting(database))
    await processor.process([hr_record(0), hr_record(1, "E-2")])
    assert await tallied(database) == ["id-0"]
    assert await tallied(database, "E-2") == ["id-1"]
    notes = {document["_id"]: document["note"] async for document in database["notes"].find()}
    assert notes == {"E-1": "another's", "E-2": "ours"}


async def test_a_crash_before_the_commit_leaves_nothing_and_a_second_try_everything(database: Database) -> None:
    def crash() -> None:
        raise asyncio.CancelledError

    with pytest.raises(asyncio.CancelledError):
        await processor(database, before_commit=crash).process([hr_record(0)])
    assert await tallied(database) == []
    assert await next_offset(database) == 0
    await processor(database).process([hr_record(0)])
    assert await tallied(database) == ["id-0"]


async def test_an_outage_is_waited_out_and_keeps_the_place(database: Database) -> None:
    await database.client.admin.command("replSetStepDown", 2, secondaryCatchUpPeriodSecs=0, force=True)
    await processor(database).process([hr_record(0)])
    assert await tallied(database) == ["id-0"]


async def test_a_replayed_dead_letter_reaches_the_consumer_that_refused_it_and_no_other(database: Database) -> None:
    await processor(database).process([hr_record(0, id="poison")])
    (letter,) = await open_letters(database)
    assert await dead_letters.replay(database, letter["_id"], NOW)
    assert not await dead_letters.replay(database, letter["_id"], NOW)
    replayed = [
        record async for doc in database["outbox"].find() for record in doc["records"] if record["topic"] == "hr.employees"
    ]
    assert len(replayed) == 1
    headers = tuple((name, value) for name, value in replayed[0]["headers"])
    assert dict(headers)["x-replay-for"] == b"tally"
    again = hr_record(1)
    for_other = again.__class__(
        **{**{f: getattr(again, f) for f in again.__slots__}, "headers": (*again.headers, ("x-replay-for", b"x"))}
    )
    await processor(database).process([for_other])
    assert await tallied(database) == []
    assert await next_offset(database) == 2


async def test_a_dropped_dead_letter_is_no_longer_open(database: Database) -> None:
    await processor(database).process([hr_record(0, value=b"")])
    (letter,) = await open_letters(database)
    assert await dead_letters.drop(database, letter["_id"], NOW)
    assert not await dead_letters.drop(database, letter["_id"], NOW)
    assert await open_letters(database) == []


def recount(id: str, *, refuse: bool = False) -> Any:
    return new_event(Recount(employee_id="E-1", refuse=refuse), source="/test", id=id, time=NOW)


async def test_a_command_with_the_same_key_is_carried_out_once(database: Database) -> None:
    results = await asyncio.gather(*(processor(database).execute([recount(f"c-{n}")], key="k") for n in range(5)))
    assert sum(result is not None for result in results) == 1
    assert len(await tallied(database)) == 1


async def test_a_refused_command_writes_nothing_and_its_key_stays_free(database: Database) -> None:
    with pytest.raises(Refused) as refused:
        await processor(database).execute([recount("c-1", refuse=True)], key="k")
    assert refused.value.status == 409
    assert await tallied(database) == []
    assert await processor(database).execute([recount("c-2")], key="k") is not None


async def test_a_holder_that_lost_the_lease_can_write_nothing(database: Database) -> None:
    old = await lease.take(database, "tally", "first", ttl=0.01)
    assert old is not None
    await asyncio.sleep(0.05)
    new = await lease.take(database, "tally", "second")
    assert new is not None
    assert new.number > old.number
    with pytest.raises(LeaseLost):
        await processor(database).execute([recount("late")], fence=old)
    assert await tallied(database) == []
    assert await processor(database).execute([recount("mine")], fence=new) is not None


async def test_a_live_holder_keeps_the_lease_and_the_same_holder_restarted_need_not_wait(database: Database) -> None:
    first = await lease.take(database, "tally", "first")
    assert first is not None
    assert await lease.take(database, "tally", "second") is None
    again = await lease.take(database, "tally", "first")
    assert again is not None
    with pytest.raises(LeaseLost):
        await lease.renew(database, first)
    await lease.renew(database, again)
    await lease.release(database, again)
    assert await lease.take(database, "tally", "second") is not None
