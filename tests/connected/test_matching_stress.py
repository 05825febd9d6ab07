"""Three workers on their own partitions, a desk that changes its mind, duties: invariants hold at every moment."""

import asyncio
import random
from collections.abc import Awaitable, Callable
from contextlib import suppress
from datetime import date, timedelta
from typing import Any

import pytest

from services.matching import store
from services.matching.desk import Approval, Exclusion, MentorPatch, OverrideRequest, ReasonGiven, Rejection
from services.matching.reoptimisation.reoptimising import Reoptimiser
from shared.access import Viewer
from shared.events.hr import EmployeeRehired, EmployeeTerminated, HireRescinded
from shared.events.onboarding import MeetingHeld
from shared.mongo import Database
from shared.refusals import Refused
from tests.connected.matching_company import Company, company, enrolled, hired, known

COORDINATOR = Viewer("C-1", frozenset({"coordinator"}))
MENTORS = [f"M-{n}" for n in range(7)]
HIRES = [f"H-{n}" for n in range(21)]
PATIENCE_S = 60  # far more than it takes: whoever waits for each other for ever fails here


async def crowd(database: Database, approval: timedelta | None = None) -> Company:
    return await company(
        database,
        known("C-1"),
        *(known(id, skills=[str(n % 3)], department=str(n % 2)) for n, id in enumerate(MENTORS)),
        *(enrolled(id, 2) for id in MENTORS),
        approval=approval,
    )


async def follow(room: Company, mine: list[str], choose: random.Random) -> None:
    """One worker's partition: each hire's own facts, in order."""
    for id in mine:
        await room.tell(hired(id, skills=[str(choose.randrange(3))], department=str(choose.randrange(2))))
        what = choose.random()
        if what < 0.2:
            await room.tell(EmployeeTerminated(employee_id=id))
            await room.tell(EmployeeRehired(employee_id=id, display_name=id, start_date=date(2027, 6, 1)))
        elif what < 0.35:
            await room.tell(HireRescinded(employee_id=id))
        elif what < 0.5 and (mentor_id := (await room.hire(id)).mentor_id) is not None:
            await room.tell(
                MeetingHeld(
                    employee_id=id, meeting_id="1", mentor_id=mentor_id, held_on=date(2027, 1, 5), minutes=9, reported_by=id
                )
            )


async def decide_by_chance(room: Company, choose: random.Random, done: asyncio.Event, *, lowers_capacity: bool = False) -> None:
    """The desk: every kind of decision, about anybody, until `done`; what a rule forbids is refused, and that is fine."""
    desk, reoptimiser = room.desk, Reoptimiser(room.db, room.policy, lambda: room.now)

    async def ask(id: str, mentor_id: str) -> None:
        hire = await room.books.hire(id)
        await desk.request_change(Viewer(id), id, hire.mentor_id if hire else None, ReasonGiven())

    async def reoptimise(_: str, __: str) -> None:
        proposal = await reoptimiser.propose("C-1")
        await reoptimiser.accept(proposal or "", None, "C-1")

    decisions: list[Callable[[str, str], Awaitable[None]]] = [
        lambda hire, mentor: desk.override(COORDINATOR, hire, OverrideRequest(mentor_id=mentor, reason="by chance")),
        lambda hire, mentor: desk.exclude(COORDINATOR, hire, Exclusion(mentor_id=mentor)),
        lambda hire, mentor: desk.allow(COORDINATOR, hire, mentor),
        lambda hire, mentor: desk.pin(COORDINATOR, hire, ReasonGiven()),
        lambda hire, mentor: desk.approve(COORDINATOR, hire, Approval()),
        lambda hire, mentor: desk.reject(COORDINATOR, hire, Rejection(reason="by chance")),
        lambda hire, mentor: desk.change(mentor, MentorPatch(status=choose.choice(["paused", "active", "active"]))),
        lambda hire, mentor: desk.change(mentor, MentorPatch(capacity=choose.randint(0, 3) if lowers_capacity else 3)),
        ask,
        reoptimise,
    ]
    while not done.is_set():
        with suppress(Refused):  # no such hire yet, or a rule stands against it
            await choose.choice(decisions)(choose.choice(HIRES), choose.choice(MENTORS))


async def look_again(room: Company, done: asyncio.Event) -> None:
    """The owner's duty."""
    while not done.is_set():
        await room.waitlist.try_again(room.db)


async def never_overfull(room: Company, done: asyncio.Event) -> None:
    """Look at the mentors as they are at any moment."""
    while not done.is_set():
        async for document in room.db[store.MENTORS].find():
            state = document["state"]
            assert state["load"] == len(state["mentees"]) + len(state["reserved"]) <= state["capacity"], document["_id"]
        await asyncio.sleep(0.01)


async def settled(room: Company) -> None:
    """The facts that the desk told have reached the worker, and its duty has looked at everybody."""
    await room.relay_own()
    for _ in range(3):
        await room.waitlist.try_again(room.db)


async def assert_nobody_waits_beside_a_place(room: Company) -> None:
    free = [one for one in (await room.books.mentors("active", None, 50)).items if one.load < one.capacity]
    for id, mentor_id in (await room.pairs()).items():
        hire = await room.hire(id)
        possible = [one.employee_id for one in free if one.employee_id not in hire.excluded]
        assert mentor_id is not None or not possible, f"{id} waits while {possible} have places"


@pytest.mark.parametrize(("seed", "approval"), [(1, None), (2, None), (3, timedelta(hours=1))])
async def test_workers_desk_and_duties_at_once_overfill_nobody_forget_nobody_and_tell_each_effect_once(
    database: Database, seed: int, approval: timedelta | None
) -> None:
    first = await crowd(database, approval)
    workers = [first, first.again("matching.second"), first.again("matching.third")]
    followed, done = asyncio.Event(), asyncio.Event()
    async with asyncio.timeout(PATIENCE_S), asyncio.TaskGroup() as tasks:
        tasks.create_task(never_overfull(first, done))
        deciding = tasks.create_task(decide_by_chance(first, random.Random(seed), followed))
        looking = tasks.create_task(look_again(first, followed))
        await asyncio.gather(
            *(follow(room, HIRES[number::3], random.Random(f"{seed} {number}")) for number, room in enumerate(workers))
        )
        followed.set()
        await asyncio.gather(deciding, looking)
        await settled(first)
        done.set()
    await first.assert_in_order()
    assert await store.due(database, first.now, 50) == []
    await assert_nobody_waits_beside_a_place(first)


async def test_capacities_lowered_meanwhile_part_nobody_and_the_order_holds(database: Database) -> None:
    first = await crowd(database)
    workers = [first, first.again("matching.second")]
    followed = asyncio.Event()
    async with asyncio.timeout(PATIENCE_S), asyncio.TaskGroup() as tasks:
        tasks.create_task(decide_by_chance(first, random.Random("lowered"), followed, lowers_capacity=True))
        await asyncio.gather(
            *(follow(room, HIRES[number::2], random.Random(f"lowered {number}")) for number, room in enumerate(workers))
        )
        followed.set()
    await settled(first)
    await first.assert_in_order()
    await assert_nobody_waits_beside_a_place(first)


async def test_two_coordinators_who_accept_the_same_steps_at_once_move_everybody_once(database: Database) -> None:
    room = await company(database, known("M-A", skills=["a"]), known("M-B", skills=["b"]), enrolled("M-A", 0), enrolled("M-B"))
    await room.tell(hired("H-A", skills=["a"]))
    await room.desk.change("M-A", MentorPatch(capacity=1))
    await room.tell(hired("H-B", skills=["b"]))
    reoptimiser = Reoptimiser(database, room.policy, lambda: room.now)
    id = await reoptimiser.propose("C-1")
    answers = await asyncio.gather(
        *(reoptimiser.accept(id or "", None, by) for by in ("C-1", "C-2", "C-3")), return_exceptions=True
    )
    assert sorted(answer.code if isinstance(answer, Refused) else "" for answer in answers) == [
        "",
        "nothing_open",
        "nothing_open",
    ]
    assert await room.told("H-A") == ["assigned", "assigned"]
    await room.assert_in_order()


async def test_a_place_that_many_want_at_once_goes_to_one_and_the_others_hear_that_it_is_taken(database: Database) -> None:
    room = await company(database, known("M-1"), enrolled("M-1", 0), *(hired(id) for id in HIRES[:6]))
    await room.desk.change("M-1", MentorPatch(capacity=1))
    wanted: list[Any] = [
        room.desk.override(COORDINATOR, id, OverrideRequest(mentor_id="M-1", reason="a good match")) for id in HIRES[:6]
    ]
    answers = await asyncio.gather(*wanted, room.waitlist.try_again(database), return_exceptions=True)
    refused = [answer.code for answer in answers if isinstance(answer, Refused)]
    assert set(refused) <= {"capacity", "already_assigned"}
    assert [answer for answer in answers if isinstance(answer, Exception) and not isinstance(answer, Refused)] == []
    assert (await room.mentor("M-1")).load == 1
    await room.assert_in_order()
