"""Several owners of one pool, people at the API, crashes: no mentor overfilled, nobody stuck, nothing doubled."""

import asyncio
import random
from contextlib import suppress
from typing import Any

import pytest

from services.matching import store
from services.matching.desk import MentorPatch, OverrideRequest
from services.matching.handlers import MatchingWork
from shared.access import Viewer
from shared.changes import Conflict
from shared.events.hr import EmployeeTerminated, HireRescinded
from shared.events.mentoring import MentorEnrolled
from shared.mongo import Database
from shared.processing import read_record
from shared.refusals import Refused
from tests.connected.matching_company import company, enrolled, hired, known

OPERATOR = Viewer(None, frozenset({"operator"}))


async def test_two_workers_on_one_pool_never_overfill_a_mentor_and_both_get_through(database: Database) -> None:
    mentors = [f"M-{n}" for n in range(12)]
    first = await company(database, *map(known, mentors), *(enrolled(id, 2) for id in mentors))
    second = first.again("matching.second")

    async def work(room: Any, name: str) -> None:
        for batch in range(6):
            await room.tell(*(hired(f"{name}-{batch}-{n}") for n in range(4)))

    await asyncio.gather(work(first, "A"), work(second, "B"))
    pairs = await first.pairs()
    assert len(pairs) == 48
    assert sum(mentor is not None for mentor in pairs.values()) == 24
    await first.assert_in_order()


async def test_places_freed_by_one_worker_reach_those_who_wait_at_another(database: Database) -> None:
    first = await company(database, known("M-1"), enrolled("M-1"), hired("H-1"))
    second = first.again("matching.second")
    await second.tell(hired("H-2"))
    assert await first.pairs() == {"H-1": "M-1", "H-2": None}
    await first.tell(HireRescinded(employee_id="H-1"))
    await second.tell(hired("H-3"))
    assert await first.pairs() == {"H-2": "M-1", "H-3": None}


@pytest.mark.parametrize("seed", range(3))
async def test_people_and_workers_changing_the_same_mentors_at_once_leave_everything_in_order(
    database: Database, seed: int
) -> None:
    choose = random.Random(seed)
    mentors = [f"M-{n}" for n in range(6)]
    first = await company(database, *map(known, mentors), *(enrolled(id, 2) for id in mentors))
    second = first.again("matching.second")
    hires = [f"H-{n}" for n in range(20)]

    async def follow(room: Any, mine: list[str]) -> None:
        for id in mine:
            await room.tell(hired(id))
            if choose.random() < 0.3:
                await room.tell(HireRescinded(employee_id=id))

    async def decide_at_the_desk() -> None:
        for _ in range(15):
            change: Any = choose.choice(
                [
                    {"capacity": choose.randint(0, 3)},
                    {"status": "paused"},
                    {"status": "active"},
                    {"capacity": 2, "status": "active"},
                ]
            )
            await first.desk.change(choose.choice(mentors), MentorPatch(**change))
            try:
                request = OverrideRequest(mentor_id=choose.choice(mentors), reason="they know each other")
                await first.desk.override(OPERATOR, choose.choice(hires), request)
            except Refused:
                pass  # no such hire yet, or a rule stands against it

    await asyncio.gather(follow(first, hires[::2]), follow(second, hires[1::2]), decide_at_the_desk())
    await first.relay_own()
    await first.waitlist.try_again(database)
    await first.assert_in_order()
    for id, mentor_id in (await first.pairs()).items():
        if mentor_id is not None:
            assert (await first.mentor(mentor_id)).status == "active", id
    await assert_nobody_waits_beside_a_free_place(first)


async def assert_nobody_waits_beside_a_free_place(room: Any) -> None:
    waiting = [id for id, mentor_id in (await room.pairs()).items() if mentor_id is None]
    free = [
        mentor.employee_id for mentor in (await room.books.mentors("active", None, 50)).items if mentor.load < mentor.capacity
    ]
    assert not (waiting and free)


async def test_a_commit_that_fails_leaves_no_trace_in_the_memory(database: Database) -> None:
    room = await company(database, known("M-1"), enrolled("M-1"), known("M-2", department="x"))
    work = MatchingWork(database, room.memory)
    event = (await _events(room, hired("H-1"), EmployeeTerminated(employee_id="M-1"), enrolled("M-2")))[:3]
    await work.load(event)
    for one in event:
        work.decide(one, room.now)
    work.conclude(room.now)  # and then the process pauses, or the database is away: nothing is committed
    await room.tell(hired("H-2"))
    assert await room.pairs() == {"H-2": "M-1"}
    await room.assert_in_order()


async def test_a_hire_read_after_a_coordinator_moved_them_frees_the_right_place(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    room = await company(database, known("M-1"), known("M-2", department="x"), enrolled("M-1"), enrolled("M-2"))
    await room.tell(hired("H-1", department="y"))
    taken = (await room.pairs())["H-1"]
    other = "M-2" if taken == "M-1" else "M-1"
    begin, moved = room.memory.begin, []

    async def begin_and_be_overtaken(db: Database) -> Any:
        begun = await begin(db)
        if not moved:
            moved.append(True)
            await room.desk.override(OPERATOR, "H-1", OverrideRequest(mentor_id=other, reason="they know each other"))
        return begun

    monkeypatch.setattr(room.memory, "begin", begin_and_be_overtaken)
    await room.tell(HireRescinded(employee_id="H-1"))
    assert await room.pairs() == {}
    await room.assert_in_order()


async def test_an_attempt_that_another_one_overtook_in_memory_runs_again(database: Database) -> None:
    room = await company(database, known("M-1"), enrolled("M-1"))
    events = await _events(room, hired("H-1"))
    overtaken, other = MatchingWork(database, room.memory), MatchingWork(database, room.memory)
    await overtaken.load(events)
    await other.load(events)
    with pytest.raises(Conflict):
        overtaken.conclude(room.now)


async def test_an_attempt_that_was_overtaken_touches_nothing_of_the_other_one(database: Database) -> None:
    room = await company(database, known("M-1"), enrolled("M-1"))
    events = await _events(room, enrolled("M-1", 5))
    overtaken, other = MatchingWork(database, room.memory), MatchingWork(database, room.memory)
    await overtaken.load(events)
    await other.load(await _events(room, hired("H-1")))
    with pytest.raises(Conflict):
        overtaken.decide(events[0], room.now)
    mentor = room.memory.mentor("M-1")
    assert mentor is not None
    assert mentor.state is not None
    assert mentor.state.capacity == 1


async def test_nobody_decides_on_a_memory_that_another_attempt_is_just_loading(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As when a worker starts: the first batch and the waitlist's duty begin at once (found by the simulation, seed 266)."""
    room = (await company(database, known("M-1"), enrolled("M-1"))).again()
    managers, calls, first_has_begun = store.managers, [], asyncio.Event()

    async def slower_the_second_time(db: Database) -> Any:
        calls.append(db)
        if len(calls) == 2:
            await first_has_begun.wait()
        return await managers(db)

    monkeypatch.setattr(store, "managers", slower_the_second_time)
    first, second = (asyncio.create_task(room.memory.begin(database)) for _ in range(2))
    attempt, _ = await first
    first_has_begun.set()
    while not second.done():
        with suppress(Conflict):
            room.memory.claim(attempt)
            assert list(room.memory.mentor_ids()) == ["M-1"]
        await asyncio.sleep(0)
    room.memory.claim((await second)[0])


async def test_a_commit_whose_answer_was_lost_is_noticed_in_the_pools_log(database: Database) -> None:
    room = await company(database, known("M-1"), enrolled("M-1", 2))
    events = await _events(room, hired("H-1"))
    work = MatchingWork(database, room.memory)
    await work.load(events)
    work.decide(events[0], room.now)
    work.conclude(room.now)
    await work.changes().in_transaction(database)  # committed, but this process was not told
    await room.tell(hired("H-2"))
    assert await room.pairs() == {"H-1": "M-1", "H-2": "M-1"}
    await room.assert_in_order()


async def test_a_worker_that_slept_through_more_changes_than_the_log_holds_reads_the_pool_anew(database: Database) -> None:
    room = await company(database, known("M-1"), known("M-2"), enrolled("M-1"))
    await room.tell(hired("H-1"))
    for number in range(40):
        await room.desk.change("M-1", MentorPatch(capacity=number % 3))
    await room.desk.tell([MentorEnrolled(mentor_id="M-2", capacity=1)])
    await room.tell(hired("H-2"))
    assert await room.pairs() == {"H-1": "M-1", "H-2": "M-2"}


async def test_the_waitlist_is_tried_when_a_person_freed_a_place_and_when_a_day_begins(database: Database) -> None:
    room = await company(database, known("M-1", start_date="2026-12-01"), enrolled("M-1"), known("M-2"), enrolled("M-2", 0))
    await room.tell(hired("H-1"))
    await room.waitlist.try_again(database)
    assert await room.pairs() == {"H-1": None}
    await room.desk.change("M-2", MentorPatch(capacity=1))
    await room.waitlist.try_again(database)
    assert await room.pairs() == {"H-1": "M-2"}
    await room.tell(hired("H-2"))
    await room.waitlist.try_again(database)
    room.now = room.now.replace(month=9)
    await room.waitlist.try_again(database)  # M-1 has been here long enough by now
    assert await room.pairs() == {"H-1": "M-2", "H-2": "M-1"}
    await room.assert_in_order()


async def test_a_long_waitlist_is_walked_to_its_end(database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("services.matching.waitlist.WAITLIST_BATCH", 3)
    monkeypatch.setattr("services.matching.handlers.WAITLIST_BATCH", 3)
    room = await company(database, *(hired(f"H-{n}", languages=["fi"]) for n in range(7)), hired("H-9", languages=["fr"]))
    await room.tell(known("M-1", languages=["fr"]), enrolled("M-1"))
    await room.waitlist.try_again(database)
    assert (await room.pairs())["H-9"] == "M-1"


async def _events(room: Any, *payloads: Any) -> list[Any]:
    return [event for payload in payloads if (event := read_record(room.record(payload), room.processor.consumer).event)]
