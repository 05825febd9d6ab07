"""Approval mode on the real database: a decision waits with its place reserved, for a coordinator or for its time."""

from datetime import timedelta

import pytest

from services.matching.desk import Approval, MentorPatch, OverrideRequest, Rejection
from shared.access import Viewer
from shared.events.hr import EmployeeTerminated, HireRescinded
from shared.events.mentoring import MentorChanged, MentorWithdrawn
from shared.mongo import Database
from shared.refusals import Refused
from tests.connected.matching_company import Company, company, enrolled, hired, known

COORDINATOR = Viewer("C-1", frozenset({"coordinator"}))
FOUR_HOURS = timedelta(hours=4)


async def office(database: Database) -> Company:
    """H-1 is proposed to M-1; M-2 is the runner-up."""
    room = await company(
        database,
        known("M-1", skills=["kafka"], department="x"),
        known("M-2", department="x"),
        enrolled("M-1"),
        enrolled("M-2"),
        approval=FOUR_HOURS,
    )
    await room.tell(hired("H-1", skills=["kafka"], department="y"))
    hire = await room.hire("H-1")
    assert (hire.status, hire.mentor_id, hire.place_with) == ("proposed", None, "M-1")
    return room


async def test_a_proposal_reserves_its_place_and_is_told_to_nobody(database: Database) -> None:
    room = await office(database)
    mentor = await room.mentor("M-1")
    assert (mentor.load, mentor.mentees, mentor.reserved) == (1, [], ["H-1"])
    assert await room.said() == []
    await room.tell(hired("H-2", skills=["kafka"], department="y"))
    assert (await room.hire("H-2")).place_with == "M-2"
    (first, second) = (await room.books.approvals(None, 50)).items
    assert (first.employee_id, first.mentor_id, first.until) == ("H-1", "M-1", room.now - timedelta(seconds=1) + FOUR_HOURS)
    assert [runner.mentor_id for runner in first.runners_up] == ["M-2"]
    page = await room.books.approvals(None, 1)
    assert [one.employee_id for one in (await room.books.approvals(page.next, 1)).items] == [second.employee_id]
    await room.assert_in_order()


async def test_an_approved_proposal_stands_and_is_told_once(database: Database) -> None:
    room = await office(database)
    await room.desk.approve(COORDINATOR, "H-1", Approval(), key="once")
    await room.desk.approve(COORDINATOR, "H-1", Approval(), key="once")
    assert await room.pairs() == {"H-1": "M-1"}
    (event,) = await room.said()
    assert (event.data.mentor_id, event.data.decided_by, event.data.previous_mentor_id) == ("M-1", "policy", None)
    decision = (await room.hire("H-1")).decision
    assert decision is not None
    assert (decision.approved_by, decision.proposed_at is not None) == ("C-1", True)
    with pytest.raises(Refused) as refused:
        await room.desk.approve(COORDINATOR, "H-1", Approval())
    assert refused.value.code == "no_proposal"
    await room.assert_in_order()


async def test_a_runner_up_may_be_approved_instead_and_the_reserved_place_is_free_again(database: Database) -> None:
    room = await office(database)
    with pytest.raises(Refused) as refused:
        await room.desk.approve(COORDINATOR, "H-1", Approval(mentor_id="M-9"))
    assert refused.value.code == "not_a_runner_up"
    await room.desk.approve(COORDINATOR, "H-1", Approval(mentor_id="M-2"))
    assert await room.pairs() == {"H-1": "M-2"}
    decision = (await room.hire("H-1")).decision
    assert decision is not None
    assert (decision.decided_by, [runner.mentor_id for runner in decision.runners_up]) == ("C-1", ["M-1"])
    assert (await room.mentor("M-1")).load == 0
    assert await room.told("H-1") == ["assigned"]
    await room.assert_in_order()


async def test_a_proposal_that_is_turned_down_is_followed_by_another_and_then_by_the_waitlist(database: Database) -> None:
    room = await office(database)
    await room.desk.reject(COORDINATOR, "H-1", Rejection(reason="too far away"))
    with pytest.raises(Refused) as refused:
        await room.desk.approve(COORDINATOR, "H-1", Approval())
    assert refused.value.code == "excluded_pair"
    await room.waitlist.try_again(database)
    assert (await room.hire("H-1")).place_with == "M-2"
    assert (await room.mentor("M-1")).load == 0
    await room.desk.reject(COORDINATOR, "H-1", Rejection(reason="too far away"))
    await room.waitlist.try_again(database)
    hire = await room.hire("H-1")
    assert (hire.status, [one.kind for one in hire.objections]) == ("waitlisted", ["rejected", "rejected"])
    assert await room.told("H-1") == ["waitlisted"]
    await room.assert_in_order()


async def test_a_proposal_stands_by_itself_in_time_and_not_before(database: Database) -> None:
    room = await office(database)
    room.now += FOUR_HOURS - timedelta(seconds=2)
    await room.waitlist.try_again(database)
    assert (await room.hire("H-1")).status == "proposed"
    room.now += timedelta(seconds=3)
    await room.waitlist.try_again(database)
    await room.waitlist.try_again(database)
    assert await room.pairs() == {"H-1": "M-1"}
    decision = (await room.hire("H-1")).decision
    assert decision is not None
    assert decision.approved_by == "timeout"
    assert await room.told("H-1") == ["assigned"]
    await room.assert_in_order()


async def test_a_proposal_whose_mentor_is_lost_meanwhile_is_made_anew(database: Database) -> None:
    room = await office(database)
    await room.tell(MentorChanged(mentor_id="M-1", status="paused"))
    assert (await room.hire("H-1")).place_with == "M-2"
    await room.tell(EmployeeTerminated(employee_id="M-2"))
    assert (await room.hire("H-1")).status == "waitlisted"
    assert await room.told("H-1") == ["waitlisted"]
    await room.assert_in_order()


async def test_a_mentor_who_paused_before_the_worker_knows_is_not_approved(database: Database) -> None:
    room = await office(database)
    await room.desk.change("M-1", MentorPatch(status="paused"))
    with pytest.raises(Refused) as refused:
        await room.desk.approve(COORDINATOR, "H-1", Approval())
    assert refused.value.code == "not_active"


async def test_the_end_of_a_hire_frees_the_reserved_place_for_who_waits(database: Database) -> None:
    room = await office(database)
    await room.tell(hired("H-2"))
    await room.tell(hired("H-3"))
    assert (await room.hire("H-3")).status == "waitlisted"
    await room.tell(HireRescinded(employee_id="H-1"))
    assert (await room.hire("H-3")).place_with == "M-1"
    assert await room.told("H-1") == []
    assert await room.told("H-3") == ["waitlisted"]
    await room.assert_in_order()


async def test_whoever_loses_a_mentor_hears_that_at_once_and_of_the_next_once_it_stands(database: Database) -> None:
    room = await office(database)
    await room.desk.approve(COORDINATOR, "H-1", Approval())
    await room.tell(MentorWithdrawn(mentor_id="M-1"))
    hire = await room.hire("H-1")
    assert (hire.status, hire.place_with) == ("proposed", "M-2")
    assert await room.told("H-1") == ["assigned", "released"]
    assert (await room.said())[-1].data.cause == "mentor_withdrew"
    assert [past.cause for past in hire.history] == ["mentor_withdrew"]
    await room.desk.approve(COORDINATOR, "H-1", Approval())
    assert await room.told("H-1") == ["assigned", "released", "assigned"]
    await room.assert_in_order()


async def test_an_override_takes_the_place_of_a_proposal(database: Database) -> None:
    room = await office(database)
    await room.desk.override(COORDINATOR, "H-1", OverrideRequest(mentor_id="M-1", reason="just right"))
    assert await room.pairs() == {"H-1": "M-1"}
    mentor = await room.mentor("M-1")
    assert (mentor.mentees, mentor.reserved) == (["H-1"], [])
    await room.assert_in_order()


async def test_proposals_stand_once_approval_is_switched_off(database: Database) -> None:
    room = await office(database)
    room.approval = None
    other = room.again()
    await other.waitlist.try_again(database)
    assert await room.pairs() == {"H-1": "M-1"}
