"""A pair's whole life on the real database: nomination, leave, change, exclusion, pin, return; who is told what, and once."""

from datetime import UTC, date, datetime, time, timedelta
from typing import Any

import pytest

from services.matching.desk import Exclusion, MentorPatch, Nomination, OverrideRequest, ReasonGiven, Training
from shared.access import Viewer
from shared.events import new_event
from shared.events.hr import (
    EmployeeRehired,
    EmployeeTerminated,
    EmployeeUpdated,
    HireRescinded,
    StartDateChanged,
    TerminationCancelled,
)
from shared.events.mentoring import MentorChanged, MentorNominated, MentorTrained, MentorWithdrawn
from shared.events.onboarding import JourneyEnded, JourneyReopened, JourneyStarted, MeetingHeld
from shared.mongo import Database
from shared.refusals import Refused
from tests.connected.matching_company import NOW, Company, company, enrolled, hired, known

COORDINATOR = Viewer("C-1", frozenset({"coordinator"}))
BEST = {"skills": ["kafka"], "department": "x"}


async def pair_and_spare(database: Database, **hire: Any) -> Company:
    """H-1 with M-1, and M-2 who is possible too."""
    room = await company(
        database,
        known("C-1"),
        known("M-1", **BEST),
        known("M-2", department="x"),
        enrolled("M-1"),
        enrolled("M-2"),
    )
    await room.tell(hired("H-1", skills=["kafka"], department="y", **hire))
    assert await room.pairs() == {"H-1": "M-1"}
    return room


async def test_somebody_nominated_gets_a_mentee_only_once_trained(database: Database) -> None:
    room = await company(
        database, known("M-1"), MentorNominated(mentor_id="M-1", traits=["confidence"], endorsed_by="B-1"), hired("H-1")
    )
    assert await room.pairs() == {"H-1": None}
    await room.tell(MentorTrained(mentor_id="M-1", trained_on=date(2027, 1, 2)))
    assert await room.pairs() == {"H-1": "M-1"}
    mentor = await room.mentor("M-1")
    assert (mentor.trained_on, mentor.traits, mentor.endorsed_by) == (date(2027, 1, 2), ["confidence"], "B-1")


async def test_nominating_and_training_at_the_desk_makes_a_mentor_and_tells_both_facts(database: Database) -> None:
    room = await company(database, known("M-1"), hired("H-1"))
    await room.desk.nominate(Viewer("B-1"), Nomination(employee_id="M-1", traits=["reliability"]))
    mentor = await room.mentor("M-1")
    assert (mentor.status, mentor.endorsed_by) == ("nominated", "B-1")
    with pytest.raises(Refused, match="nominated already"):
        await room.desk.nominate(Viewer("B-1"), Nomination(employee_id="M-1"))
    with pytest.raises(Refused, match="today or before"):
        await room.desk.train("M-1", Training(trained_on=date(2027, 2, 1)))
    await room.desk.train("M-1", Training())
    assert (await room.mentor("M-1")).trained_on == room.now.date()
    await room.waitlist.try_again(database)
    assert await room.pairs() == {"H-1": "M-1"}
    assert await room.told("M-1") == ["nominated", "trained"]


async def test_nobody_vouches_for_themselves_and_a_coordinator_may_name_who_does(database: Database) -> None:
    room = await company(database, known("M-1"), known("M-2"))
    await room.desk.nominate(Viewer("M-1"), Nomination(employee_id="M-1", endorsed_by="B-9"))
    await room.desk.nominate(COORDINATOR, Nomination(employee_id="M-2", endorsed_by="B-9"))
    assert ((await room.mentor("M-1")).endorsed_by, (await room.mentor("M-2")).endorsed_by) == (None, "B-9")


async def test_a_capacity_below_the_load_keeps_everybody_and_takes_nobody_until_there_is_a_place_again(
    database: Database,
) -> None:
    room = await company(database, known("M-1"), enrolled("M-1", 2), hired("H-1"), hired("H-2"))
    await room.tell(MentorChanged(mentor_id="M-1", capacity=1), hired("H-3"))
    assert await room.pairs() == {"H-1": "M-1", "H-2": "M-1", "H-3": None}
    mentor = await room.books.mentor("M-1")
    assert (mentor.load, mentor.capacity) == (2, 1)
    await room.tell(HireRescinded(employee_id="H-1"))
    assert await room.pairs() == {"H-2": "M-1", "H-3": None}
    await room.tell(HireRescinded(employee_id="H-2"))
    assert await room.pairs() == {"H-3": "M-1"}


async def test_a_short_leave_keeps_the_pair_and_a_long_one_finds_another_mentor(database: Database) -> None:
    room = await pair_and_spare(database, start_date="2026-12-01")
    await room.tell(MentorChanged(mentor_id="M-1", available_from=room.now.date() + timedelta(days=14)))
    assert await room.pairs() == {"H-1": "M-1"}
    await room.tell(MentorChanged(mentor_id="M-1", available_from=room.now.date() + timedelta(days=15)))
    assert await room.pairs() == {"H-1": "M-2"}
    assert [past.cause for past in (await room.hire("H-1")).history] == ["mentor_paused"]
    assert await room.told("H-1") == ["assigned", "assigned"]


async def test_a_leave_that_is_over_before_the_hire_comes_ends_nothing_until_the_start_moves_into_it(database: Database) -> None:
    room = await pair_and_spare(database, start_date="2027-03-01")
    await room.tell(MentorChanged(mentor_id="M-1", available_from=date(2027, 2, 20)))
    assert await room.pairs() == {"H-1": "M-1"}
    await room.tell(StartDateChanged(employee_id="H-1", start_date=date(2027, 1, 20)))
    assert await room.pairs() == {"H-1": "M-2"}


async def test_a_mentor_comes_back_from_leave_by_themselves_on_the_day(database: Database) -> None:
    room = await company(database, known("M-1"), enrolled("M-1"), MentorChanged(mentor_id="M-1", available_from=date(2027, 1, 8)))
    await room.tell(hired("H-1", start_date="2026-12-01"))
    await room.waitlist.try_again(database)
    assert await room.pairs() == {"H-1": None}
    room.now = room.now.replace(day=8)
    await room.waitlist.try_again(database)
    assert await room.pairs() == {"H-1": "M-1"}


async def test_a_mentor_who_left_and_stays_after_all_gets_those_back_who_still_wait(database: Database) -> None:
    room = await company(database, known("M-1"), enrolled("M-1"), hired("H-1"))
    await room.tell(EmployeeTerminated(employee_id="M-1"))
    await room.tell(TerminationCancelled(employee_id="M-1"))
    hire = await room.hire("H-1")
    assert hire.decision is not None
    assert (hire.mentor_id, hire.decision.because) == ("M-1", "last_time")
    assert await room.told("H-1") == ["assigned", "released", "waitlisted", "assigned"]


async def test_a_transfer_keeps_the_pair_unless_the_reporting_line_forbids_it(database: Database) -> None:
    room = await pair_and_spare(database)
    await room.tell(EmployeeUpdated(employee_id="H-1", department="z", manager_id="B-1"))
    assert await room.pairs() == {"H-1": "M-1"}
    await room.tell(EmployeeUpdated(employee_id="B-1", manager_id="M-1"))
    assert await room.pairs() == {"H-1": "M-2"}
    *_, event = await room.said()
    assert (event.data.previous_mentor_id, event.data.previous_cause) == ("M-1", "reporting_line")


async def test_whoever_is_hired_again_gets_the_mentor_from_last_time_before_a_better_one(database: Database) -> None:
    room = await pair_and_spare(database)
    await room.desk.override(COORDINATOR, "H-1", OverrideRequest(mentor_id="M-2", reason="they share an office"))
    await room.tell(EmployeeTerminated(employee_id="H-1"))
    await room.tell(EmployeeRehired(employee_id="H-1", display_name="H", start_date=date(2028, 1, 3)))
    hire = await room.hire("H-1")
    assert hire.decision is not None
    assert (hire.mentor_id, hire.decision.because, hire.decision.decided_by) == ("M-2", "last_time", "policy")
    assert [runner.mentor_id for runner in hire.decision.runners_up] == ["M-1"]
    assert hire.decision.runners_up[0].score > hire.decision.score == sum(reason.points for reason in hire.decision.reasons)
    assert [past.mentor_id for past in hire.history] == ["M-1", "M-2"]
    await room.assert_in_order()


async def test_a_late_copy_of_the_old_leaving_frees_no_place_of_who_came_back(database: Database) -> None:
    room = await pair_and_spare(database)
    await room.tell(EmployeeTerminated(employee_id="H-1"))
    left_at = room.now
    await room.tell(EmployeeRehired(employee_id="H-1", display_name="H", start_date=date(2028, 1, 3)))
    before = await room.pairs()
    assert before.keys() == {"H-1"}
    again = new_event(EmployeeTerminated(employee_id="H-1"), source="/hr/test", id="told again", time=left_at)
    await room.processor.process([room.record_of(again)])
    assert await room.pairs() == before
    await room.tell(EmployeeTerminated(employee_id="H-1"))
    assert await room.pairs() == {}


async def test_the_mentor_from_last_time_is_asked_only_where_free_and_possible(database: Database) -> None:
    room = await pair_and_spare(database)
    await room.tell(EmployeeTerminated(employee_id="H-1"), hired("H-2", skills=["kafka"], department="y"))
    assert await room.pairs() == {"H-2": "M-1"}
    await room.tell(EmployeeRehired(employee_id="H-1", display_name="H", start_date=date(2028, 1, 3)))
    assert await room.pairs() == {"H-1": "M-2", "H-2": "M-1"}


async def test_two_who_come_back_for_one_place_get_it_by_turns_and_nobody_is_overfilled(database: Database) -> None:
    room = await company(database, known("M-1"), enrolled("M-1", 2), hired("H-1"), hired("H-2"))
    await room.tell(EmployeeTerminated(employee_id="H-1"), EmployeeTerminated(employee_id="H-2"))
    await room.tell(MentorChanged(mentor_id="M-1", capacity=1))
    await room.tell(TerminationCancelled(employee_id="H-1"), TerminationCancelled(employee_id="H-2"))
    assert sorted((await room.pairs()).items()) == [("H-1", "M-1"), ("H-2", None)]
    await room.assert_in_order()


async def test_a_journey_that_goes_on_goes_on_with_its_mentor(database: Database) -> None:
    room = await pair_and_spare(database)
    await room.desk.override(COORDINATOR, "H-1", OverrideRequest(mentor_id="M-2", reason="they share an office"))
    started = JourneyStarted(employee_id="H-1", start_date=date(2027, 1, 11), programme="p", programme_version="1", milestones=[])
    await room.tell(started, JourneyEnded(employee_id="H-1", outcome="completed"))
    assert await room.pairs() == {}
    await room.tell(JourneyReopened(employee_id="H-1"))
    assert await room.pairs() == {"H-1": "M-2"}


@pytest.mark.parametrize(("viewer", "side"), [("H-1", "hire"), ("M-1", "mentor"), ("C-1", "coordinator")])
async def test_a_change_that_one_of_the_two_asked_for_happens_without_saying_who(
    database: Database, viewer: str, side: str
) -> None:
    room = await pair_and_spare(database)
    asking = COORDINATOR if viewer == "C-1" else Viewer(viewer)
    await room.desk.request_change(asking, "H-1", "M-1", ReasonGiven(reason="we do not get along"))
    await room.desk.request_change(asking, "H-1", "M-1", ReasonGiven())
    assert await room.pairs() == {"H-1": "M-1"}
    await room.waitlist.try_again(database)
    assert await room.pairs() == {"H-1": "M-2"}
    *_, event = await room.said()
    assert (event.data.previous_mentor_id, event.data.previous_cause) == ("M-1", "coordinator")
    assert "get along" not in event.data.model_dump_json()
    hire = await room.hire("H-1")
    assert [(past.mentor_id, past.cause) for past in hire.history] == [("M-1", "coordinator")]
    assert [(one.mentor_id, one.kind, one.side, one.by) for one in hire.objections] == [("M-1", "change_requested", side, viewer)]
    await room.tell(MentorWithdrawn(mentor_id="M-2"))
    assert await room.pairs() == {"H-1": None}
    await room.assert_in_order()


async def test_a_change_with_nobody_else_possible_ends_the_pair_and_the_place_goes_to_who_waits(database: Database) -> None:
    room = await company(database, known("M-1"), enrolled("M-1"), hired("H-1"))
    await room.tell(hired("H-2"))
    await room.desk.request_change(Viewer("H-1"), "H-1", "M-1", ReasonGiven())
    await room.waitlist.try_again(database)
    await room.waitlist.try_again(database)
    assert await room.pairs() == {"H-1": None, "H-2": "M-1"}
    assert await room.told("H-1") == ["assigned", "released", "waitlisted"]
    assert await room.told("H-2") == ["waitlisted", "assigned"]
    await room.assert_in_order()


async def test_asking_for_a_change_of_a_pair_that_has_ended_is_refused(database: Database) -> None:
    room = await pair_and_spare(database)
    for hire_id, mentor_id, code in (("H-1", "M-2", "pair_ended"), ("H-1", None, "pair_ended"), ("M-2", None, "not_a_hire")):
        with pytest.raises(Refused) as refused:
            await room.desk.request_change(COORDINATOR, hire_id, mentor_id, ReasonGiven())
        assert refused.value.code == code
    await room.tell(HireRescinded(employee_id="H-1"))
    with pytest.raises(Refused) as refused:
        await room.desk.request_change(COORDINATOR, "H-1", "M-1", ReasonGiven())
    assert refused.value.code == "hire_rescinded"


async def test_two_people_kept_apart_before_are_never_paired_and_after_it_are_parted(database: Database) -> None:
    room = await company(database, known("M-1"), known("M-2"), enrolled("M-1"), known("H-1"), known("H-2"))
    await room.desk.exclude(COORDINATOR, "H-1", Exclusion(mentor_id="M-1", reason="they are married"))
    await room.tell(hired("H-1"))
    assert await room.pairs() == {"H-1": None}
    await room.desk.allow(COORDINATOR, "H-1", "M-1")
    await room.desk.allow(COORDINATOR, "H-1", "M-9")
    await room.waitlist.try_again(database)
    assert await room.pairs() == {"H-1": "M-1"}
    await room.tell(enrolled("M-2"))
    await room.desk.exclude(COORDINATOR, "H-1", Exclusion(mentor_id="M-1"))
    await room.waitlist.try_again(database)
    assert await room.pairs() == {"H-1": "M-2"}
    assert [one.kind for one in (await room.hire("H-1")).objections] == ["excluded", "excluded"]
    await room.assert_in_order()


async def test_an_exclusion_of_somebody_unknown_or_of_oneself_is_refused(database: Database) -> None:
    room = await pair_and_spare(database)
    for hire_id, mentor_id, code in (("H-1", "H-1", "self"), ("H-1", "X-1", "unknown_person"), ("X-1", "M-1", "unknown_person")):
        with pytest.raises(Refused) as refused:
            await room.desk.exclude(COORDINATOR, hire_id, Exclusion(mentor_id=mentor_id))
        assert refused.value.code == code


async def test_a_pinned_pair_outlasts_a_leave_and_ends_only_when_it_is_impossible(database: Database) -> None:
    room = await pair_and_spare(database, start_date="2026-12-01")
    await room.desk.pin(COORDINATOR, "H-1", ReasonGiven(reason="family reasons"))
    await room.tell(MentorChanged(mentor_id="M-1", available_from=date(2027, 6, 1)))
    assert await room.pairs() == {"H-1": "M-1"}
    decision = (await room.hire("H-1")).decision
    assert decision is not None
    assert decision.pin is not None
    assert (decision.pin.by, decision.pin.reason) == ("C-1", "family reasons")
    await room.tell(MentorChanged(mentor_id="M-1", status="paused"))
    assert await room.pairs() == {"H-1": "M-2"}
    moved = (await room.hire("H-1")).decision
    assert moved is not None
    assert moved.pin is None
    with pytest.raises(Refused):
        await room.desk.pin(COORDINATOR, "H-2", ReasonGiven())


async def test_a_pair_that_is_unpinned_follows_the_rules_again(database: Database) -> None:
    room = await pair_and_spare(database, start_date="2026-12-01")
    await room.desk.pin(COORDINATOR, "H-1", ReasonGiven())
    await room.tell(MentorChanged(mentor_id="M-1", available_from=date(2027, 6, 1)))
    await room.desk.unpin(COORDINATOR, "H-1")
    await room.tell(MentorChanged(mentor_id="M-1", available_from=date(2027, 6, 2)))
    assert await room.pairs() == {"H-1": "M-2"}


async def test_an_override_keeps_the_former_mentor_and_the_runners_up_to_compare_with(database: Database) -> None:
    room = await pair_and_spare(database)
    await room.tell(known("M-3", department="x"), enrolled("M-3"))
    await room.desk.override(COORDINATOR, "H-1", OverrideRequest(mentor_id="M-3", reason="they share an office"))
    decision = (await room.hire("H-1")).decision
    assert decision is not None
    assert (decision.mentor_id, decision.reason) == ("M-3", "they share an office")
    assert [runner.mentor_id for runner in decision.runners_up] == ["M-1", "M-2"]
    assert all(runner.score == sum(runner.points.values()) for runner in decision.runners_up)


async def test_the_history_of_pairs_says_since_until_why_and_whether_they_met(database: Database) -> None:
    room = await pair_and_spare(database)
    began = room.now
    meeting = MeetingHeld(
        employee_id="H-1", meeting_id="1", mentor_id="M-1", held_on=date(2027, 1, 4), minutes=30, reported_by="H-1"
    )
    await room.tell(meeting, MentorChanged(mentor_id="M-1", status="paused"))
    (past,) = (await room.hire("H-1")).history
    assert (past.since, past.until, past.cause, past.met) == (began, room.now, "mentor_paused", True)


async def test_reasons_of_who_waits_are_found_anew_after_the_pool_changed_but_not_at_every_change(database: Database) -> None:
    room = await company(database, known("M-1"), enrolled("M-1", 0), hired("H-1"))
    await room.waitlist.try_again(database)
    await room.desk.change("M-1", MentorPatch(status="paused"))
    await room.waitlist.try_again(database)
    waiting = (await room.hire("H-1")).waiting
    assert waiting is not None
    assert waiting.ruled_out == {"capacity": 1}
    room.now += timedelta(minutes=6)
    await room.waitlist.try_again(database)
    fresh = (await room.hire("H-1")).waiting
    assert fresh is not None
    assert (fresh.ruled_out, fresh.since, fresh.as_of) == ({"not_active": 1}, waiting.since, room.now)
    assert await room.told("H-1") == ["waitlisted"]
    stored = await database["hires"].find_one({"_id": "H-1"})
    await room.desk.change("M-1", MentorPatch(available_from=date(2026, 1, 1)))
    room.now += timedelta(minutes=6)
    await room.waitlist.try_again(database)  # looked at, and still true: no write
    assert await database["hires"].find_one({"_id": "H-1"}) == stored


# A last day ahead ---------------------------------------------------------------------------------------------------

FRIDAY = NOW.date() + timedelta(days=11)
STARTED = JourneyStarted(employee_id="H-1", start_date=NOW.date(), programme="p", programme_version="1", milestones=[])


async def test_a_mentee_keeps_the_mentor_until_onboarding_tells_that_the_last_day_is_over(database: Database) -> None:
    room = await company(database, known("M-1"), enrolled("M-1"), hired("H-1"), STARTED)
    await room.tell(EmployeeTerminated(employee_id="H-1", last_day=FRIDAY))
    assert await room.pairs() == {"H-1": "M-1"}
    await room.tell(hired("H-2"))
    assert (await room.pairs())["H-2"] is None  # the place is not free yet
    await room.tell(JourneyEnded(employee_id="H-1", outcome="left"))
    assert await room.pairs() == {"H-2": "M-1"}
    assert (await room.told("H-1"))[-1] == "released"


async def test_who_leaves_later_gets_no_mentor_any_more_and_who_stays_after_all_does(database: Database) -> None:
    room = await company(database, known("M-1"), hired("H-1"))
    await room.tell(EmployeeTerminated(employee_id="H-1", last_day=FRIDAY))
    assert await room.pairs() == {}  # taken from the waitlist
    await room.tell(enrolled("M-1"))
    assert await room.pairs() == {}
    await room.tell(TerminationCancelled(employee_id="H-1"))
    assert await room.pairs() == {"H-1": "M-1"}


async def test_who_leaves_later_and_loses_the_mentor_gets_no_other_for_the_days_that_remain(database: Database) -> None:
    room = await company(database, known("M-1"), known("M-2"), enrolled("M-1"), hired("H-1"), enrolled("M-2", capacity=0))
    await room.tell(EmployeeTerminated(employee_id="H-1", last_day=FRIDAY), enrolled("M-2"))
    await room.tell(EmployeeTerminated(employee_id="M-1"))
    assert await room.pairs() == {}


async def test_the_end_of_the_last_day_may_be_told_before_the_leaving_is_heard_of(database: Database) -> None:
    room = await company(database, known("M-1"), enrolled("M-1"), hired("H-1"), STARTED)
    await room.tell(JourneyEnded(employee_id="H-1", outcome="left"))
    await room.tell(EmployeeTerminated(employee_id="H-1", last_day=FRIDAY))
    assert await room.pairs() == {}


async def test_a_mentor_who_leaves_later_gets_nobody_new_and_hands_over_when_the_last_day_is_over(database: Database) -> None:
    room = await company(database, known("M-1", time_zone="America/Lima"), enrolled("M-1", capacity=2), hired("H-1"))
    await room.tell(EmployeeTerminated(employee_id="M-1", last_day=FRIDAY), hired("H-2"))
    assert await room.pairs() == {"H-1": "M-1", "H-2": None}
    assert (await room.books.mentor("M-1")).leaves_on == FRIDAY
    await room.tell(known("M-2"), enrolled("M-2", capacity=2))
    await room.waitlist.try_again(room.db)
    assert await room.pairs() == {"H-1": "M-1", "H-2": "M-2"}
    room.now = datetime.combine(FRIDAY + timedelta(days=1), time(4), UTC)  # still Friday in Lima
    await room.waitlist.try_again(room.db)
    assert (await room.pairs())["H-1"] == "M-1"
    room.now += timedelta(hours=2)
    await room.waitlist.try_again(room.db)
    assert await room.pairs() == {"H-1": "M-2", "H-2": "M-2"}
    assert (await room.books.mentor("M-1")).status == "left"
