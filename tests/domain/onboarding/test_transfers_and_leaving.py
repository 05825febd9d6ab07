"""Transfers, and leavings that are planned, happen and are called off."""

from datetime import UTC, date, datetime, timedelta

from services.onboarding.commands import (
    CompleteMilestone,
)
from shared.events.onboarding import JourneyReplanned, JourneyRescheduled, LeavingPlanned
from tests.domain.onboarding.history import (
    ADA,
    BOSS,
    START,
    Life,
    at,
    hired,
    hr,
    kinds,
    rehired,
    updated,
)
from tests.domain.onboarding.plan_changes import (
    REVIEW,
    STAYS,
    day,
    leaves,
    waive,
)


def test_a_transfer_adds_what_now_applies_and_drops_what_no_longer_does() -> None:
    life = Life()
    life.on(hired())
    (added,) = life.on(updated(work_arrangement="remote"))
    assert isinstance(added, JourneyReplanned)
    assert (added.cause, [each.id for each in added.added], added.dropped) == ("transfer", ["shipped"], [])
    assert life.milestone("shipped").due == date(2027, 1, 7)
    (dropped,) = life.on(updated(work_arrangement="onsite"))
    assert isinstance(dropped, JourneyReplanned)
    assert (dropped.added, dropped.dropped) == ([], ["shipped"])
    assert (life.statuses["shipped"], life.milestone("shipped").cause) == ("waived", "transfer")
    life.on(updated(work_arrangement="remote"))
    assert life.statuses["shipped"] == "planned"


def test_a_transfer_keeps_what_is_done_though_it_no_longer_applies() -> None:
    life = Life()
    life.on(hired(work_arrangement="remote"))
    life.on(CompleteMilestone(employee_id=ADA, milestone_id="shipped", completed_by=BOSS))
    assert life.on(updated(work_arrangement="onsite")) == []
    assert life.statuses["shipped"] == "done"


def test_what_a_transfer_adds_is_due_today_at_the_earliest_and_stays_so() -> None:
    life = Life()
    life.on(hired())
    life.on(updated(work_arrangement="remote"), now=day(5))  # a Saturday
    assert life.milestone("shipped").due == date(2027, 1, 18)
    assert life.on(updated(title="Engineer"), now=day(8)) == []


def test_a_transfer_after_the_plan_has_run_out_adds_nothing() -> None:
    life = Life()
    life.on(hired())
    assert life.on(updated(work_arrangement="remote"), now=day(60)) == []


def test_what_a_person_waived_does_not_come_back_by_a_transfer() -> None:
    life = Life()
    life.on(hired(work_arrangement="remote"), waive("shipped"))
    assert life.on(updated(work_arrangement="onsite"), updated(work_arrangement="remote")) == []
    assert life.statuses["shipped"] == "waived"


def test_a_transfer_that_brings_work_reopens_a_completed_journey() -> None:
    life = Life()
    life.on(hired(), *(waive(id) for id in ("welcome", "mentor", "access", "meet_short", "meet_long", "pulse")))
    assert life.journey.status == "completed"
    assert kinds(life.on(updated(work_arrangement="remote"))) == ["JourneyReplanned", "JourneyReopened"]
    assert life.journey.status == "active"


def test_a_move_to_another_zone_moves_the_end_of_the_due_days() -> None:
    life = Life()
    life.on(hired())
    paris = life.journey.wake_at
    life.on(updated(time_zone="Asia/Tokyo"))
    assert paris is not None
    assert life.journey.wake_at == paris - timedelta(hours=8)


def test_a_move_of_place_names_its_cause() -> None:
    life = Life()
    life.on(hired(date(2027, 5, 4), location="FR"))
    (rescheduled,) = life.on(updated(location="SA"))
    assert isinstance(rescheduled, JourneyRescheduled)
    assert rescheduled.cause == "place_of_work"
    assert "meet_short" in rescheduled.due


def test_a_journey_goes_on_until_the_last_day_is_over_where_the_person_works() -> None:
    life = Life()
    life.on(hired())
    last = START + timedelta(days=1)
    (planned,) = life.on(leaves(last), now=day(0))
    assert planned == LeavingPlanned(employee_id=ADA, last_day=last)
    assert (life.journey.status, life.journey.last_day) == ("active", last)
    life.on(REVIEW, now=datetime(2027, 1, 12, 22, 59, tzinfo=UTC))
    assert life.journey.status == "active"
    assert life.journey.wake_at == datetime(2027, 1, 12, 23, tzinfo=UTC)  # the end of that day in Paris
    assert kinds(life.on(REVIEW, now=datetime(2027, 1, 12, 23, tzinfo=UTC))) == ["JourneyEnded"]
    assert (life.journey.status, life.journey.wake_at) == ("left", None)


def test_a_last_day_that_is_over_ends_the_journey_at_once_and_counts_retention_up_to_it_alone() -> None:
    life = Life()
    life.on(hired())
    life.on(REVIEW, now=day(30))
    assert kinds(life.on(leaves(START + timedelta(days=364)), now=day(400))) == ["JourneyEnded"]
    assert life.statuses["year"] == "planned"


def test_retention_days_before_the_last_day_count() -> None:
    life = Life()
    life.on(hired())
    assert kinds(life.on(leaves(START + timedelta(days=370)), now=day(400))) == ["MilestoneCompleted", "JourneyEnded"]


def test_a_planned_leaving_told_again_is_one_and_with_another_day_another() -> None:
    life = Life()
    life.on(hired(), leaves(START))
    assert life.on(leaves(START)) == []
    assert kinds(life.on(leaves(START + timedelta(days=3)))) == ["LeavingPlanned"]


def test_a_leaving_is_cancelled_before_it_happens() -> None:
    life = Life()
    life.on(hired(), leaves(START + timedelta(days=3)))
    assert kinds(life.on(STAYS)) == ["LeavingCancelled"]
    assert (life.journey.status, life.journey.last_day) == ("active", None)
    assert life.on(STAYS) == []


def test_a_leaving_is_cancelled_after_it_happened() -> None:
    life = Life()
    life.on(hired(), leaves(START))
    life.on(REVIEW, now=day(2))
    assert life.journey.status == "left"
    assert kinds(life.on(STAYS)) == ["JourneyReopened"]
    assert life.journey.status == "active"


def test_a_leaving_told_before_its_hire_is_planned_when_the_journey_starts() -> None:
    life = Life()
    life.on(hr(leaves(START + timedelta(days=60)), at(5)), now=at(5))
    assert kinds(life.on(hr(hired(), at(0)), now=at(6))) == ["JourneyStarted", "LeavingPlanned"]


def test_hired_for_a_day_after_the_planned_last_one_ends_the_old_journey_and_starts_a_new_one() -> None:
    life = Life()
    life.on(hr(hired(), at(0)), hr(leaves(START + timedelta(days=60)), at(1)), now=at(1))
    assert kinds(life.on(hr(rehired(START + timedelta(days=61)), at(2)), now=at(2))) == ["JourneyEnded", "JourneyStarted"]
    assert (life.journey.number, life.journey.last_day, life.journey.past[0].status) == (2, None, "left")
