"""Processing on the real database: once in effect, whatever is repeated, refused, raced or broken."""

import asyncio
from datetime import datetime
from typing import Any

import pytest
import structlog

from shared import dead_letters, lease, progress
from shared.changes import Changes
from shared.events import Event, new_event, to_record
from shared.events.mentoring import ASSIGNMENTS_TOPIC, HireWaitlisted
from shared.lease import LeaseLost
from shared.mongo import Database, UpdateOne
from shared.processing import Processor
from shared.record import Record
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


def own_record(offset: int, sequence: int, employee: str = "E-1", *, sent_again: dict[str, Any] | None = None) -> Record:
    """Matching's fact with this number about a person, or the replay of what was put into the outbox."""
    if sent_again is not None:
        key, value, headers = sent_again["key"], sent_again["value"], sent_again["headers"]
    else:
        fact = HireWaitlisted(employee_id=employee, policy_version="1")
        source, id = "/firstmate/matching", f"matching/{employee}/{sequence}"
        key, value, headers = to_record(new_event(fact, source=source, id=id, time=NOW, sequence=sequence))
    return Record(ASSIGNMENTS_TOPIC, 0, offset, key, value, tuple((name, text) for name, text in headers), NOW)


class Refusing(TallyWork):
    """A service with a fault that facts with these numbers trip over."""

    sequences: frozenset[int] = frozenset()

    def decide(self, event: Event[Any], now: datetime) -> None:
        if event.sequence in self.sequences:
            raise ZeroDivisionError
        super().decide(event, now)


def refusing(db: Database, *sequences: int) -> Processor:
    def work() -> TallyWork:
        made = Refusing(db)
        made.sequences = frozenset(sequences)
        return made

    return Processor(service="tally", consumer="tally", db=db, work=work, clock=lambda: NOW)


async def sent_again(db: Database) -> list[dict[str, Any]]:
    """What the outbox holds of replayed records, in order."""
    records = [record async for document in db["outbox"].find().sort("_id", 1) for record in document["records"]]
    return [record for record in records if record["topic"] == ASSIGNMENTS_TOPIC and len(record["headers"][0]) == 2]


async def letters_by_sequence(db: Database) -> dict[int, tuple[str, str]]:
    return {one["sequence"]: (one["state"], one["code"]) async for one in db["dead_letters"].find()}


async def test_facts_that_come_after_a_dead_letter_of_their_key_wait_and_follow_its_replay_in_order(database: Database) -> None:
    broken = refusing(database, 2)
    await broken.process([own_record(0, 1), own_record(1, 2), own_record(2, 3), own_record(3, 1, "E-2")])
    await broken.process([own_record(4, 4)])
    assert await tallied(database) == ["matching/E-1/1"]
    assert await tallied(database, "E-2") == ["matching/E-2/1"]
    waits = ("open", dead_letters.WAITS)
    assert await letters_by_sequence(database) == {2: ("open", "processing_failed"), 3: waits, 4: waits}

    ids = [letter["_id"] for letter in await open_letters(database)]
    mended = refusing(database)
    assert [await dead_letters.replay(database, id, NOW) for id in reversed(ids)] == [False, False, True]
    await mended.process([own_record(5, 5)])  # before the replay arrives
    (again,) = [one for one in await sent_again(database) if ("x-replay-for", b"tally") in map(tuple, one["headers"])]
    await mended.process([own_record(6, 0, sent_again=again), own_record(7, 6)])
    assert await tallied(database) == [f"matching/E-1/{number}" for number in range(1, 7)]
    assert {state for state, _ in (await letters_by_sequence(database)).values()} == {"replayed"}
    assert await database["dead_letters"].count_documents({"awaited": True}) == 0
    await mended.process([own_record(8, 0, sent_again=again), own_record(9, 7)])  # a relay may say it twice
    assert await tallied(database) == [f"matching/E-1/{number}" for number in range(1, 8)]


async def test_what_fails_among_those_that_follow_holds_up_the_rest_and_is_told_by_its_own_replay(database: Database) -> None:
    await refusing(database, 1).process([own_record(0, 1), own_record(1, 2), own_record(2, 3)])
    first, second, third = [letter["_id"] for letter in await open_letters(database)]
    assert await dead_letters.replay(database, first, NOW)
    half_mended = refusing(database, 2)
    await half_mended.process([own_record(3, 0, sent_again=(await sent_again(database))[-1])])
    assert await tallied(database) == ["matching/E-1/1"]
    assert [letter["_id"] for letter in await open_letters(database)] == [second, third]
    assert await dead_letters.replay(database, second, NOW)
    await half_mended.process([own_record(4, 0, sent_again=(await sent_again(database))[-1]), own_record(5, 4)])
    codes = {letter["sequence"]: letter["code"] for letter in await open_letters(database)}
    assert codes == {2: "processing_failed", 3: dead_letters.WAITS, 4: dead_letters.WAITS}
    (again,) = [letter["_id"] for letter in await open_letters(database) if letter["sequence"] == 2]
    assert await dead_letters.replay(database, again, NOW)
    await refusing(database).process([own_record(6, 0, sent_again=(await sent_again(database))[-1])])
    assert await tallied(database) == [f"matching/E-1/{number}" for number in range(1, 5)]
    assert await open_letters(database) == []


async def test_when_a_dead_letter_is_dropped_what_waits_for_it_goes_on(database: Database) -> None:
    worker = refusing(database, 1)
    await worker.process([own_record(0, 1), own_record(1, 2), own_record(2, 3)])
    assert await dead_letters.drop(database, (await open_letters(database))[0]["_id"], NOW)
    await worker.process([own_record(3, 0, sent_again=(await sent_again(database))[-1])])
    assert await tallied(database) == ["matching/E-1/2", "matching/E-1/3"]

    await worker.process([own_record(4, 1, "E-2")])
    assert await dead_letters.drop(database, (await open_letters(database))[0]["_id"], NOW)
    await worker.process([own_record(5, 2, "E-2")])  # nothing waited, and nothing does
    assert await tallied(database, "E-2") == ["matching/E-2/2"]


async def test_a_worker_that_starts_knows_what_is_awaited(database: Database) -> None:
    await refusing(database, 1).process([own_record(0, 1)])
    await refusing(database).process([own_record(1, 2)])
    assert await tallied(database) == []
    assert len(await open_letters(database)) == 2


async def test_hr_records_wait_for_nothing(database: Database) -> None:
    await processor(database).process([hr_record(0, id="poison"), hr_record(1)])
    await processor(database).process([hr_record(2)])
    assert await tallied(database) == ["id-1", "id-2"]


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
