"""A journey stands still while the person is away, and goes on where it was."""

from datetime import UTC, date, datetime, timedelta

import pytest

from services.onboarding.commands import (
    CompleteMilestone,
)
from shared.refusals import Refused
from tests.domain.onboarding.history import (
    ADA,
    BOSS,
    START,
    Life,
    hired,
    kinds,
    moved,
    sent,
)
from tests.domain.onboarding.plan_changes import (
    RESUME,
    REVIEW,
    STAYS,
    add,
    day,
    follow,
    leaves,
    move,
    noon,
    pause,
    reopen,
    waive,
)


def test_nothing_is_late_and_nobody_is_retained_while_a_journey_is_paused() -> None:
    life = Life()
    life.on(hired())
    assert kinds(life.on(pause(), now=day(-10))) == ["JourneyPaused"]
    assert life.journey.wake_at is None
    assert life.on(REVIEW, now=day(500)) == []


def test_what_is_open_moves_by_the_days_away_to_working_days() -> None:
    life = Life()
    life.on(hired(), sent())
    life.on(pause(), now=day(5))
    life.on(RESUME, now=day(15))
    assert life.milestone("welcome").due == date(2027, 1, 4)  # done before
    assert life.milestone("meet_long").due == START + timedelta(days=21)  # day 20 is a Sunday
    assert life.milestone("access").due == START + timedelta(days=15)  # overdue when the pause began: due on the day of return
    assert life.on(moved(START)) == []


def test_a_pause_with_a_planned_end_is_over_by_the_clock_when_that_day_begins() -> None:
    life = Life()
    life.on(hired())
    life.on(pause(START + timedelta(days=15)), now=day(5))
    assert life.journey.wake_at == datetime(2027, 1, 25, 23, tzinfo=UTC)
    assert life.on(REVIEW, now=datetime(2027, 1, 25, 22, 59, tzinfo=UTC)) == []
    assert kinds(life.on(REVIEW, now=datetime(2027, 1, 25, 23, tzinfo=UTC))) == ["JourneyResumed"]
    assert life.journey.status == "active"


def test_a_clock_that_comes_late_ends_the_pause_on_the_planned_day() -> None:
    life = Life()
    life.on(hired())
    life.on(pause(START + timedelta(days=15)), now=day(5))
    facts = life.on(REVIEW, now=day(18))
    assert kinds(facts)[0] == "JourneyResumed"
    assert life.journey.pauses[0].back_on == START + timedelta(days=15)
    assert life.journey.wake_at is not None
    assert life.journey.wake_at > life.now


def test_a_start_date_that_moves_behind_the_pause_forgets_it() -> None:
    life = Life()
    life.on(hired())
    life.on(pause(), now=day(5))
    life.on(RESUME, now=day(15))
    later = START + timedelta(days=28)
    life.on(moved(later))
    assert life.milestone("meet_short").due == later + timedelta(days=3)


def test_a_pause_moves_a_day_set_by_hand_as_well() -> None:
    life = Life()
    life.on(hired(), move("pulse", START + timedelta(days=9)))
    life.on(pause(), now=day(5))
    life.on(RESUME, now=day(12))
    assert life.milestone("pulse").due == START + timedelta(days=16)


def test_paused_again_the_planned_return_is_another_and_the_same_again_nothing() -> None:
    life = Life()
    life.on(hired())
    life.on(pause(START + timedelta(days=15)), now=day(5))
    assert life.on(pause(START + timedelta(days=15))) == []
    assert kinds(life.on(pause(START + timedelta(days=30)), now=day(8))) == ["JourneyPaused"]
    assert life.journey.pause is not None
    assert life.journey.pause.since == START + timedelta(days=5)


def test_who_is_away_can_leave_and_come_back_to_the_pause() -> None:
    life = Life()
    life.on(hired())
    life.on(pause(), leaves(), now=day(5))
    assert life.journey.status == "left"
    life.on(STAYS)
    assert life.journey.status == "paused"


def test_while_paused_what_happened_is_reported_and_the_plan_stands_still() -> None:
    life = Life()
    life.on(hired(), pause())
    assert kinds(life.on(CompleteMilestone(employee_id=ADA, milestone_id="access", completed_by=BOSS))) == ["MilestoneCompleted"]
    for command in (add(START), move("pulse", START), reopen("pulse"), follow("small")):
        with pytest.raises(Refused) as refused:
            life.on(command)
        assert refused.value.code == "journey_paused"


def test_everything_settled_during_a_pause_completes_the_journey_on_return() -> None:
    life = Life()
    life.on(hired(), pause())
    life.on(*(waive(id) for id in ("welcome", "mentor", "access", "meet_short", "meet_long", "pulse")))
    assert life.journey.status == "paused"
    assert kinds(life.on(RESUME)) == ["JourneyResumed", "JourneyEnded"]


@pytest.mark.parametrize(("until", "code"), [(START, "past_return"), (START + timedelta(days=4000), "pause_too_long")])
def test_a_pause_ends_in_the_future_and_within_reason(until: date, code: str) -> None:
    life = Life()
    life.on(hired())
    with pytest.raises(Refused) as refused:
        life.on(pause(until), now=day(0))
    assert (refused.value.code, refused.value.field) == (code, "until")


AWAY, BACK = START + timedelta(days=20), START + timedelta(days=30)


def test_a_pause_that_lies_ahead_begins_by_the_clock_on_its_day() -> None:
    life = Life()
    life.on(hired(), sent())
    assert kinds(life.on(pause(BACK, AWAY), now=day(5))) == ["PausePlanned"]
    assert life.journey.status == "active"
    assert life.on(pause(BACK, AWAY)) == []
    assert kinds(life.on(REVIEW, now=day(12)))  # what is due before it is late as ever
    assert life.journey.wake_at == datetime(2027, 1, 30, 23, tzinfo=UTC)
    assert kinds(life.on(REVIEW, now=datetime(2027, 1, 30, 23, tzinfo=UTC))) == ["JourneyPaused"]
    assert life.journey.pause is not None
    assert (life.journey.pause.since, life.journey.pause.back_on, life.journey.planned_pause) == (AWAY, BACK, None)
    assert kinds(life.on(REVIEW, now=noon(BACK)))[0] == "JourneyResumed"


def test_a_clock_that_comes_after_a_planned_pause_tells_of_both_its_ends() -> None:
    life = Life()
    life.on(hired())
    life.on(pause(BACK, AWAY), now=day(5))
    assert kinds(life.on(REVIEW, now=day(33)))[:2] == ["JourneyPaused", "JourneyResumed"]
    assert [(each.since, each.back_on) for each in life.journey.pauses] == [(AWAY, BACK)]


def test_a_planned_pause_can_be_changed_called_off_or_begin_today() -> None:
    life = Life()
    life.on(hired())
    life.on(pause(BACK, AWAY), now=day(5))
    later = AWAY + timedelta(days=1)
    assert kinds(life.on(pause(BACK, later))) == ["PausePlanned"]
    assert kinds(life.on(RESUME)) == ["PauseCancelled"]
    assert (life.journey.status, life.journey.planned_pause) == ("active", None)
    assert life.on(RESUME) == []
    life.on(pause(BACK, AWAY))
    assert kinds(life.on(pause())) == ["JourneyPaused"]
    assert life.journey.planned_pause is None


def test_a_pause_can_have_begun_on_a_day_that_is_over() -> None:
    life = Life()
    life.on(hired(), sent())
    life.on(pause(since=START + timedelta(days=5)), now=day(9))
    life.on(RESUME, now=day(15))
    assert life.milestone("meet_long").due == START + timedelta(days=21)  # as if it had been said on day 5


@pytest.mark.parametrize(
    ("since", "code"),
    [(START - timedelta(days=200), "pause_too_early"), (START + timedelta(days=4000), "pause_too_far")],
)
def test_a_pause_begins_within_the_journey_and_within_reason(since: date, code: str) -> None:
    life = Life()
    life.on(hired())
    with pytest.raises(Refused) as refused:
        life.on(pause(since=since), now=day(0))
    assert (refused.value.code, refused.value.field) == (code, "since")


def test_a_pause_begins_after_the_one_before_and_while_it_lasts_not_later() -> None:
    life = Life()
    life.on(hired())
    life.on(pause(), now=day(5))
    with pytest.raises(Refused, match="begun"):
        life.on(pause(since=START + timedelta(days=9)), now=day(6))
    assert kinds(life.on(pause(since=START + timedelta(days=4)))) == ["JourneyPaused"]
    life.on(RESUME, now=day(15))
    with pytest.raises(Refused, match="went on"):
        life.on(pause(since=START + timedelta(days=14)), now=day(20))
