"""Meetings held against the planned rhythm, as a picture and in words."""

from datetime import date, timedelta

from services.onboarding.cadence import cadence_of
from services.onboarding.commands import LogMeeting, ReviewDueDays
from tests.domain.onboarding.history import ADA, AUTOMATIC, MENTOR, START, Life, assigned, hired, only, programmes
from tests.domain.onboarding.plan_changes import day

TODAY = START + timedelta(days=8)


def meet(on: date) -> LogMeeting:
    return LogMeeting(employee_id=ADA, meeting_id="1", held_on=on, minutes=30, reported_by=MENTOR)


def test_planned_and_held_meetings_stand_on_one_line_of_days() -> None:
    life = Life()
    life.on(hired(), assigned())
    life.on(meet(START + timedelta(days=5)), now=day(6))
    life.on(ReviewDueDays(employee_id=ADA), now=day(20))
    found = cadence_of(life.journey, only(life.programmes), TODAY)
    assert found is not None
    assert [(mark.at, mark.kept) for mark in found.planned] == [(0.0, "done"), (98.0, "late")]  # days 3 and 10
    assert [mark.at for mark in found.held] == [28.0]
    assert found.today == 70.0
    assert found.words == "1 of 2 planned meetings held. 1 is late."
    assert found.told == [
        "Planned by: Thu 14 Jan (held) and Thu 21 Jan (late).",
        "Held on: Sat 16 Jan.",
    ]
    assert cadence_of(life.journey, only(life.programmes), START + timedelta(days=90)).today is None  # type: ignore[union-attr]


def test_a_programme_without_meetings_has_no_rhythm() -> None:
    life = Life(programmes(AUTOMATIC))
    life.on(hired())
    assert cadence_of(life.journey, only(life.programmes), TODAY) is None


def test_a_meeting_outside_the_plan_widens_the_picture() -> None:
    life = Life()
    life.on(hired(), assigned())
    life.on(meet(START + timedelta(days=1)), now=day(2))
    found = cadence_of(life.journey, only(life.programmes), START + timedelta(days=1))
    assert found is not None
    assert (found.held[0].at, found.today) == (0.0, 0.0)
    assert found.planned[0].at > 0
