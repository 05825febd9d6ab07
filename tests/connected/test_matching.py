"""Matching on the real database: each fact of HR, of mentors and of journeys, and what it makes of pairs."""

from datetime import date, timedelta

import pytest
import structlog
from pydantic import ValidationError

from services.matching import store
from services.matching.domain import Mentor
from services.matching.policy_file import parse_policy
from services.matching.store import PoolVersion
from shared.changes import Changes, Conflict
from shared.events.hr import (
    EmployeeRehired,
    EmployeeTerminated,
    EmployeeUpdated,
    HireRescinded,
    StartDateChanged,
    TerminationCancelled,
)
from shared.events.mentoring import MentorChanged, MentorWithdrawn
from shared.events.onboarding import (
    JourneyCancelled,
    JourneyEnded,
    JourneyReopened,
    JourneyStarted,
    MeetingHeld,
    MilestoneLate,
    SurveyAnswered,
)
from shared.mongo import Database
from tests.connected.matching_company import company, enrolled, hired, known


def started(id: str) -> JourneyStarted:
    return JourneyStarted(employee_id=id, start_date=date(2027, 1, 11), programme="p", programme_version="1", milestones=[])


async def test_a_hire_gets_the_best_mentor_with_reasons_and_runners_up(database: Database) -> None:
    room = await company(
        database,
        *(known(f"M-{n}", department=f"d{n}", skills=["kafka"] if n == 2 else []) for n in range(5)),
        *(enrolled(f"M-{n}") for n in range(5)),
    )
    await room.tell(hired("H-1", skills=["kafka"], department="d9"))
    hire = await room.hire("H-1")
    decision = hire.decision
    assert hire.status == "assigned"
    assert decision is not None
    assert decision.mentor_id == "M-2"
    assert decision.score == sum(reason.points for reason in decision.reasons)
    assert len(decision.runners_up) == 3
    assert decision.change is not None
    assert (await room.mentor("M-2")).mentees == ["H-1"]
    (event,) = await room.said()
    assert event.type == "mentoring.assignment.assigned.v1"
    assert (event.data.mentor_id, event.data.score, event.data.decided_by) == ("M-2", decision.score, "policy")
    assert event.data.runner_up_ids == [runner.mentor_id for runner in decision.runners_up]
    assert event.data.previous_mentor_id is None
    assert sum(part.points for part in event.data.contributions) == decision.score
    await room.assert_in_order()


async def test_a_hire_nobody_can_mentor_waits_with_the_rules_and_near_misses(database: Database) -> None:
    room = await company(database, known("M-1", languages=["fr"]), known("M-2"), enrolled("M-1"), enrolled("M-2", 0))
    await room.tell(hired("H-1", languages=["en"], manager_id="M-9"))
    hire = await room.hire("H-1")
    assert hire.waiting is not None
    assert hire.waiting.ruled_out == {"no_shared_language": 1, "capacity": 1}
    assert {near.mentor_id: near.rule for near in hire.waiting.nearest} == {"M-1": "no_shared_language", "M-2": "capacity"}
    (event,) = await room.said()
    assert event.data.ruled_out == hire.waiting.ruled_out


async def test_repeated_and_redelivered_facts_change_nothing(database: Database) -> None:
    room = await company(database, known("M-1"), enrolled("M-1", 2))
    first = room.record(hired("H-1"), id="the-hire")
    await room.processor.process([first])
    before = await database["hires"].find_one({"_id": "H-1"})
    await room.again().processor.process([first])
    await room.processor.process([room.record(hired("H-1"), id="the-hire"), room.record(enrolled("M-1", 9), id="twice")])
    await room.processor.process([room.record(MentorWithdrawn(mentor_id="M-1"), id="twice")])
    assert await database["hires"].find_one({"_id": "H-1"}) == before
    assert await room.told("H-1") == ["assigned"]
    assert (await room.mentor("M-1")).status == "active"


async def test_two_hire_events_for_one_hire_make_one_assignment(database: Database) -> None:
    room = await company(database, known("M-1"), enrolled("M-1", 2))
    await room.tell(hired("H-1"), hired("H-1"))
    await room.tell(hired("H-1", title="Cook"))
    assert await room.told("H-1") == ["assigned"]
    assert (await room.hire("H-1")).hirings == 1


@pytest.mark.parametrize(
    ("fact", "cause"),
    [
        (HireRescinded(employee_id="H-1"), "hire_rescinded"),
        (EmployeeTerminated(employee_id="H-1"), "hire_terminated"),
        (JourneyEnded(employee_id="H-1", outcome="completed"), "journey_ended"),
        (JourneyCancelled(employee_id="H-1"), "hire_rescinded"),
    ],
)
async def test_whoever_needs_no_mentor_any_more_frees_the_place_for_who_waits(
    database: Database, fact: object, cause: str
) -> None:
    room = await company(database, known("M-1"), enrolled("M-1"), hired("H-1"))
    await room.tell(hired("H-2"), started("H-1"))
    assert await room.pairs() == {"H-1": "M-1", "H-2": None}
    await room.tell(fact)
    assert await room.pairs() == {"H-2": "M-1"}
    hire = await room.hire("H-1")
    assert (hire.status, hire.mentor_id) == ("released", None)
    assert [(past.mentor_id, past.cause) for past in hire.history] == [("M-1", cause)]
    assert await room.told("H-1") == ["assigned", "released"]
    assert await room.told("H-2") == ["waitlisted", "assigned"]
    await room.assert_in_order()


async def test_who_waits_and_needs_no_mentor_any_more_is_taken_off_the_list(database: Database) -> None:
    room = await company(database, hired("H-1"))
    await room.tell(HireRescinded(employee_id="H-1"))
    assert await room.told("H-1") == ["waitlisted", "unlisted"]
    assert await room.pairs() == {}
    await room.tell(known("M-1"), enrolled("M-1"))
    assert await room.pairs() == {}


async def test_a_hire_rescinded_in_the_same_batch_never_gets_a_mentor(database: Database) -> None:
    room = await company(database, known("M-1"), enrolled("M-1"))
    await room.tell(hired("H-1"), HireRescinded(employee_id="H-1"), hired("H-2"))
    assert await room.pairs() == {"H-2": "M-1"}
    assert await room.told("H-1") == []


async def test_a_hire_event_told_after_the_rescission_that_followed_it_revives_nothing(database: Database) -> None:
    room = await company(database, known("M-1"), enrolled("M-1"))
    late = room.record(hired("H-1"))
    room.now += timedelta(minutes=5)
    rescinded = room.record(HireRescinded(employee_id="H-1"))
    await room.processor.process([rescinded])
    await room.again("late").processor.process([late])
    assert await room.pairs() == {}


async def test_a_person_who_comes_back_or_stays_after_all_is_matched_again(database: Database) -> None:
    room = await company(database, known("M-1"), enrolled("M-1"), hired("H-1"))
    await room.tell(EmployeeTerminated(employee_id="H-1"))
    await room.tell(TerminationCancelled(employee_id="H-1"))
    assert await room.pairs() == {"H-1": "M-1"}
    await room.tell(EmployeeTerminated(employee_id="H-1"))
    await room.tell(EmployeeRehired(employee_id="H-1", display_name="H", start_date=date(2028, 1, 3)))
    assert await room.pairs() == {"H-1": "M-1"}
    assert await room.told("H-1") == ["assigned", "released"] * 2 + ["assigned"]
    await room.assert_in_order()


async def test_an_old_journeys_end_that_arrives_late_does_not_end_the_rehire(database: Database) -> None:
    room = await company(database, known("M-1"), enrolled("M-1"), hired("H-1"))
    await room.tell(EmployeeTerminated(employee_id="H-1"))
    await room.tell(EmployeeRehired(employee_id="H-1", display_name="H", start_date=date(2028, 1, 3)))
    await room.tell(started("H-1"), JourneyEnded(employee_id="H-1", outcome="completed"))
    assert await room.pairs() == {"H-1": "M-1"}
    await room.tell(started("H-1"), JourneyEnded(employee_id="H-1", outcome="completed"))
    assert await room.pairs() == {}


async def test_a_journey_that_goes_on_needs_its_mentor_again(database: Database) -> None:
    room = await company(database, known("M-1"), enrolled("M-1"), hired("H-1"), started("H-1"))
    await room.tell(JourneyCancelled(employee_id="H-1"))
    await room.tell(JourneyReopened(employee_id="H-1"))
    assert await room.pairs() == {"H-1": "M-1"}


async def test_a_meeting_marks_the_pair_as_one_that_has_met(database: Database) -> None:
    room = await company(database, known("M-1"), enrolled("M-1"), hired("H-1"))
    await room.tell(
        MeetingHeld(employee_id="H-1", meeting_id="1", mentor_id="M-1", held_on=date(2027, 1, 12), minutes=30, reported_by="H-1")
    )
    assert (await room.hire("H-1")).met == ["M-1"]
    await room.tell(EmployeeTerminated(employee_id="M-1"))
    assert [past.met for past in (await room.hire("H-1")).history] == [True]


async def test_facts_of_a_journey_that_do_not_matter_cost_no_write(database: Database) -> None:
    room = await company(database, hired("H-1"))
    before = await database["hires"].find_one({"_id": "H-1"})
    await room.tell(MilestoneLate(employee_id="H-1", milestone_id="m", due=date(2027, 1, 1)))
    assert await database["hires"].find_one({"_id": "H-1"}) == before


@pytest.mark.parametrize(
    ("fact", "cause"),
    [
        (MentorChanged(mentor_id="M-1", status="paused"), "mentor_paused"),
        (MentorWithdrawn(mentor_id="M-1"), "mentor_withdrew"),
        (EmployeeTerminated(employee_id="M-1"), "mentor_left"),
        (EmployeeUpdated(employee_id="H-1", manager_id="M-1"), "reporting_line"),
        (EmployeeUpdated(employee_id="H-1", manager_id="B-1"), "reporting_line"),
        (EmployeeUpdated(employee_id="B-2", manager_id="M-1"), "reporting_line"),
        (EmployeeUpdated(employee_id="M-1", manager_id="H-1"), "reporting_line"),
    ],
)
async def test_mentees_of_a_lost_mentor_are_matched_again_at_once(database: Database, fact: object, cause: str) -> None:
    room = await company(
        database,
        known("B-1", manager_id="M-1"),
        known("B-2"),
        *(known(f"M-{n}", department="x" if n == 1 else "y") for n in (1, 2)),
        *(enrolled(f"M-{n}") for n in (1, 2)),
    )
    await room.tell(hired("H-1", department="y", manager_id="B-2"))
    assert await room.pairs() == {"H-1": "M-1"}
    await room.tell(fact)
    assert await room.pairs() == {"H-1": "M-2"}
    *_, event = await room.said()
    assert (event.data.mentor_id, event.data.previous_mentor_id) == ("M-2", "M-1")
    assert await room.told("H-1") == ["assigned", "assigned"]
    await room.assert_in_order()
    # and where nobody else is there, the pair ends and the hire waits
    await room.tell(MentorWithdrawn(mentor_id="M-2"))
    assert await room.pairs() == {"H-1": None}
    assert await room.told("H-1") == ["assigned", "assigned", "released", "waitlisted"]
    assert [past.cause for past in (await room.hire("H-1")).history] == [cause, "mentor_withdrew"]
    await room.assert_in_order()


async def test_the_release_names_its_cause(database: Database) -> None:
    room = await company(database, known("M-1"), enrolled("M-1"), hired("H-1"))
    await room.tell(EmployeeUpdated(employee_id="H-1", manager_id="M-1"))
    released = next(event for event in await room.said() if event.type.endswith("released.v1"))
    assert (released.data.mentor_id, released.data.cause) == ("M-1", "reporting_line")
    hire = await room.hire("H-1")
    assert hire.waiting is not None
    assert hire.waiting.ruled_out == {"own_manager": 1}


@pytest.mark.parametrize("fact", [MentorChanged(mentor_id="M-1", capacity=0), MentorChanged(mentor_id="M-1", trained=False)])
async def test_a_smaller_capacity_moves_nobody_and_takes_nobody_new(database: Database, fact: MentorChanged) -> None:
    room = await company(database, known("M-1"), enrolled("M-1", 2), hired("H-1"))
    await room.tell(fact)
    await room.tell(hired("H-2"))
    assert await room.pairs() == {"H-1": "M-1", "H-2": None}


async def test_a_start_date_change_keeps_the_mentor_and_gives_who_waits_another_chance(database: Database) -> None:
    room = await company(
        database, known("M-1", start_date="2026-12-01"), enrolled("M-1"), known("M-2"), enrolled("M-2"), hired("H-0")
    )
    await room.tell(hired("H-1"))
    assert await room.pairs() == {"H-0": "M-2", "H-1": None}
    await room.tell(
        StartDateChanged(employee_id="H-1", start_date=date(2027, 9, 1)),
        StartDateChanged(employee_id="H-0", start_date=date(2026, 1, 1)),
    )
    assert await room.pairs() == {"H-0": "M-2", "H-1": "M-1"}


async def test_a_mentor_unknown_to_hr_gets_mentees_once_hr_has_told_who_they_are(database: Database) -> None:
    room = await company(database, enrolled("M-1"), hired("H-1"))
    hire = await room.hire("H-1")
    assert hire.waiting is not None
    assert hire.waiting.ruled_out == {"profile_unknown": 1}
    await room.tell(known("M-1"))
    assert await room.pairs() == {"H-1": "M-1"}


async def test_a_snapshot_and_an_update_start_nothing(database: Database) -> None:
    room = await company(database, known("M-1"), enrolled("M-1"), known("E-1"))
    await room.tell(EmployeeUpdated(employee_id="E-1", title="Cook"))
    assert await room.pairs() == {}
    assert await room.said() == []


async def test_mentors_facts_about_somebody_who_never_enrolled_change_nothing(database: Database) -> None:
    room = await company(
        database, known("M-1"), MentorChanged(mentor_id="M-1", capacity=3), MentorWithdrawn(mentor_id="M-1"), hired("H-1")
    )
    assert await room.pairs() == {"H-1": None}
    hire = await room.hire("H-1")
    assert hire.waiting is not None
    assert hire.waiting.ruled_out == {}


async def test_a_withdrawn_mentor_comes_back_by_enrolling_only(database: Database) -> None:
    room = await company(database, known("M-1"), enrolled("M-1"), MentorWithdrawn(mentor_id="M-1"))
    await room.tell(MentorChanged(mentor_id="M-1", status="active"), hired("H-1"))
    assert await room.pairs() == {"H-1": None}
    await room.tell(enrolled("M-1"))
    assert await room.pairs() == {"H-1": "M-1"}


async def test_a_manager_nobody_knows_and_a_circle_of_managers_are_no_obstacle(database: Database) -> None:
    room = await company(
        database,
        known("A", manager_id="B"),
        known("B", manager_id="A"),
        known("M-1"),
        enrolled("M-1", 5),
        enrolled("A"),
        enrolled("B"),
    )
    await room.tell(hired("H-1", manager_id="nobody-known"), hired("H-2", manager_id="A"), hired("H-3", manager_id="H-3"))
    pairs = await room.pairs()
    assert pairs["H-2"] == "M-1"
    assert None not in pairs.values()


async def test_somebody_who_is_mentor_and_hire_at_once_never_gets_themselves(database: Database) -> None:
    room = await company(database, known("M-1"), enrolled("M-1", 5), enrolled("H-1", 5))
    await room.tell(hired("H-1"), hired("H-2"))
    assert await room.pairs() == {"H-1": "M-1", "H-2": "M-1"}
    await room.tell(EmployeeTerminated(employee_id="M-1"))
    # H-1 has not been here long enough for H-2, and is no mentor of their own
    assert await room.pairs() == {"H-1": None, "H-2": None}
    await room.assert_in_order()


async def test_the_longest_waiting_is_placed_first_and_nobody_is_told_twice(database: Database) -> None:
    room = await company(database, hired("H-2"))
    await room.tell(hired("H-1"))
    await room.tell(hired("H-3"), known("M-1"))
    await room.tell(enrolled("M-1", 2), hired("H-0"))
    assert await room.pairs() == {"H-2": "M-1", "H-1": "M-1", "H-3": None, "H-0": None}
    assert await room.told("H-3") == ["waitlisted"]


async def test_a_batch_is_matched_together_and_not_one_by_one(database: Database) -> None:
    # One by one, H-1 would take M-1, who is the only one that H-2 can talk to.
    room = await company(
        database, known("M-1", languages=["en", "fr"], department="z"), known("M-2", languages=["en"], department="a")
    )
    await room.tell(enrolled("M-1"), enrolled("M-2"))
    await room.tell(hired("H-1", languages=["en"], department="a"), hired("H-2", languages=["fr"], department="a"))
    assert await room.pairs() == {"H-1": "M-2", "H-2": "M-1"}


async def test_the_database_itself_refuses_an_overfull_mentor(database: Database) -> None:
    await company(database, known("M-1"), enrolled("M-1", 1))
    streams = store.mentors()
    await streams.load(database, ["M-1"])
    stream = streams["M-1"]
    # Somebody filled the place without moving the version: only the condition on the capacity can notice.
    await database["mentors"].update_one({"_id": "M-1"}, {"$set": {"state.load": 1, "state.mentees": ["X"]}})
    stream.put((stream.state or Mentor()).with_mentee("H-1"))
    changes = Changes()
    store.write_mentor(changes, stream, 0)
    with pytest.raises(Conflict):
        await changes.in_transaction(database)


async def test_a_second_version_of_the_pool_from_the_same_one_is_a_conflict(database: Database) -> None:
    await company(database)
    for outcome in ("committed", "conflict"):
        changes = Changes()
        store.move_pool(changes, PoolVersion(0), "one", ["M-1"])
        if outcome == "committed":
            await changes.in_transaction(database)
        else:
            with pytest.raises(Conflict):
                await changes.in_transaction(database)
    assert (await store.pool_version(database)).since(0) == [("one", ("M-1",))]
    assert (await store.pool_version(database)).since(-1) is None


async def test_answers_about_the_mentor_are_kept_once_per_mentee_and_survive_a_withdrawal(database: Database) -> None:
    room = await company(database, known("M-1"), enrolled("M-1", 3))
    await room.tell(hired("H-1"), hired("H-2"))

    def answer(id: str, mentor_id: str | None = "M-1", **ratings: int) -> SurveyAnswered:
        return SurveyAnswered(employee_id=id, survey_id="match_quality", mentor_id=mentor_id, ratings=ratings)

    await room.tell(answer("H-1", match_quality=5, availability=4), answer("H-2", match_quality=2))
    assert (await room.mentor("M-1")).ratings == {"H-1": 450, "H-2": 200}
    await room.tell(answer("H-2", match_quality=3), answer("H-1", satisfaction=1), answer("H-1", None, match_quality=1))
    await room.tell(answer("H-1", "M-unknown", match_quality=1))
    await room.tell(MentorWithdrawn(mentor_id="M-1"), enrolled("M-1", 3))
    assert (await room.mentor("M-1")).ratings == {"H-1": 450, "H-2": 300}
    assert (await store.rated(database)) == (2, 750)
    assert room.memory.pool.rated == (2, 750)
    await room.assert_in_order()


async def test_under_a_rule_that_excludes_everyone_all_wait_with_its_count_and_the_log_says_so(database: Database) -> None:
    strict = parse_policy("name: strict\nrules: {minimum_tenure_days: 3650}\ncriteria: {role: {weight: 1}}")
    room = await company(database, known("M-1"), known("M-2"), enrolled("M-1", 3), enrolled("M-2", 3), policy=strict)
    await room.tell(hired("H-1"), hired("H-2"))
    assert await room.pairs() == {"H-1": None, "H-2": None}
    for id in ("H-1", "H-2"):
        waiting = (await room.hire(id)).waiting
        assert waiting is not None
        assert waiting.ruled_out == {"tenure_too_short": 2}
    with structlog.testing.capture_logs() as logs:
        await room.waitlist.try_again(database)
    assert [(entry["event"], entry["rule"]) for entry in logs if entry["log_level"] == "warning"] == [
        ("rule_excludes_every_mentor", "tenure_too_short")
    ]


async def test_a_mentor_without_a_place_takes_nobody_and_one_with_too_many_is_no_fact(database: Database) -> None:
    room = await company(database, known("M-1"), enrolled("M-1", 0), hired("H-1"))
    waiting = (await room.hire("H-1")).waiting
    assert waiting is not None
    assert waiting.ruled_out == {"capacity": 1}
    for capacity in (-1, 10_000):
        with pytest.raises(ValidationError):
            enrolled("M-2", capacity)
