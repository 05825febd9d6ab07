"""Hires that are told after their start: the plan begins where the person is, and nobody is told off for what was over before."""

from datetime import date, timedelta

import pytest

from services.onboarding.commands import ReviewDueDays
from services.onboarding.deciding.late_data import BEHIND
from shared.events.onboarding import JourneyReplanned, MilestoneLate
from tests.domain.onboarding.history import ADA, NOW, SHIPPED, Life, assigned, hired, kinds, moved, sent, updated

REVIEW = ReviewDueDays(employee_id=ADA)
TODAY = NOW.date()


@pytest.mark.parametrize("days_ago", range(0, 420, 3))
def test_whenever_the_start_was_nothing_that_was_over_before_we_heard_is_ever_late(days_ago: int) -> None:
    life = Life(SHIPPED)
    life.on(hired(TODAY - timedelta(days=days_ago)))
    told: list[MilestoneLate] = []
    for day in range(0, 500, 5):
        told += [fact for fact in life.on(REVIEW, now=NOW + timedelta(days=day)) if isinstance(fact, MilestoneLate)]
    assert all(fact.due >= TODAY for fact in told)
    assert len({fact.milestone_id for fact in told}) == len(told)
    if days_ago > 95 + BEHIND.days:  # day 90 may roll by a holiday
        assert (life.journey.status, told) == ("completed", [])


def test_what_was_long_over_when_we_heard_is_waived_and_the_rest_is_open() -> None:
    life = Life()
    _, replanned = life.on(hired(TODAY - timedelta(days=36)))
    assert isinstance(replanned, JourneyReplanned)
    assert (replanned.cause, set(replanned.dropped)) == ("late_data", {"welcome", "mentor", "access", "lunch", "meet_short"})
    assert life.statuses["pulse"] == life.statuses["meet_long"] == life.statuses["year"] == "planned"
    assert life.journey.progress == (0, 2)


def test_what_happens_nevertheless_counts() -> None:
    life = Life()
    life.on(assigned(), hired(TODAY - timedelta(days=36)), sent())
    assert life.done == {"mentor", "welcome"}


def test_a_start_a_few_weeks_ago_leaves_everything_open() -> None:
    life = Life()
    assert kinds(life.on(hired(TODAY - timedelta(days=20)))) == ["JourneyStarted"]


def test_a_mistaken_start_date_that_is_corrected_brings_everything_back() -> None:
    for correction in (moved, lambda start: updated(start_date=start)):
        life = Life()
        assert kinds(life.on(hired(date(2025, 1, 13)))) == ["JourneyStarted", "JourneyReplanned", "JourneyEnded"]
        start = TODAY + timedelta(days=20)
        facts = life.on(correction(start), now=NOW + timedelta(hours=1))
        assert kinds(facts) == ["JourneyRescheduled", "JourneyReplanned", "JourneyReopened"]
        assert (life.journey.status, life.journey.progress) == ("active", (0, 6))
        assert life.milestone("pulse").due == start + timedelta(days=7)


def test_a_transfer_does_not_bring_back_what_was_over_before_we_heard() -> None:
    life = Life()
    life.on(hired(TODAY - timedelta(days=36)))
    assert life.on(updated(department="Research")) == []
