"""Meetings held against the planned rhythm, as a picture and in words."""

from datetime import date, timedelta

from services.onboarding.cadence import Cadence, cadence_of
from services.onboarding.commands import LogMeeting, ReviewDueDays
from services.onboarding.projections.facets import RHYTHMS
from tests.domain.onboarding.history import (
    ADA,
    AUTOMATIC,
    MENTOR,
    NOW,
    OTHER_MENTOR,
    START,
    Life,
    assigned,
    board_of,
    counted,
    hired,
    only,
    programmes,
    published,
)
from tests.domain.onboarding.plan_changes import day

TODAY = START + timedelta(days=8)


def meet(on: date, id: str = "1") -> LogMeeting:
    return LogMeeting(employee_id=ADA, meeting_id=id, held_on=on, minutes=30, reported_by=MENTOR)


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


WEEKLY = """
id: weekly
title: {en: Weekly}
milestones:
  - {id: mentor, title: {en: Mentor}, owner: coordinator, day: -7, completed_by: mentor_assigned}
  - {id: meet, title: {en: "Meeting {number}"}, owner: mentor, day: [0, 7, 14, 21, 28], completed_by: {event: meeting_held}}
"""


def _left_behind() -> Life:
    """The first mentor held the first of three meetings; the second came on day 16."""
    life = Life(programmes(WEEKLY))
    life.on(hired(), assigned())
    life.on(meet(START), now=day(0))
    life.on(ReviewDueDays(employee_id=ADA), now=day(16))
    life.on(assigned(OTHER_MENTOR, previous=MENTOR))
    return life


def _of(life: Life, on: date) -> Cadence:
    found = cadence_of(life.journey, only(life.programmes), on)
    assert found is not None
    return found


def test_with_another_mentor_the_rhythm_starts_anew_and_what_was_before_is_told() -> None:
    found = _of(_left_behind(), START + timedelta(days=16))
    assert [mark.kept for mark in found.planned] == ["open", "open"]  # days 21 and 28
    assert found.held == []
    assert found.words == "0 of 2 planned meetings held. Before that, with another mentor: 1."


def test_a_pair_that_meets_as_planned_is_on_time_whatever_was_left_open_before_them() -> None:
    life = _left_behind()
    life.on(meet(START + timedelta(days=21), "2"), now=day(21))  # the second of the journey, of which day 7 waited for two
    life.on(ReviewDueDays(employee_id=ADA), now=day(23))
    assert life.journey.milestones["meet_4"].status == "late"
    found = _of(life, START + timedelta(days=23))
    assert [mark.kept for mark in found.planned] == ["done", "open"]
    assert len(found.held) == 1
    assert found.words == "1 of 2 planned meetings held. Before that, with another mentor: 1."
    life.on(ReviewDueDays(employee_id=ADA), now=day(40))
    assert [mark.kept for mark in _of(life, START + timedelta(days=40)).planned] == ["done", "late"]


def test_the_board_and_the_picture_count_the_same_pair() -> None:
    """What the overview counts is what the person's page shows."""
    life = _left_behind()
    assert _rhythm(life) == []
    life.on(meet(START + timedelta(days=21), "2"), now=day(21))
    assert _rhythm(life) == ["on_rhythm"]
    life.on(ReviewDueDays(employee_id=ADA), now=day(23))
    assert _rhythm(life) == ["on_rhythm"]
    life.on(ReviewDueDays(employee_id=ADA), now=day(40))
    assert _rhythm(life) == ["off_rhythm"]
    life = _left_behind()
    life.on(ReviewDueDays(employee_id=ADA), now=day(23))
    assert _rhythm(life) == ["never_met"]


def _rhythm(life: Life) -> list[str]:
    """The facets of the board's row about meetings, whichever topic is read first."""
    own = published(life.told)
    others = [
        counted("matching", assigned(), 1, NOW),
        counted("matching", assigned(OTHER_MENTOR, previous=MENTOR), 2, day(16)),
    ]
    boards = [board_of(events) for events in ([*own, *others], [*others, *own], [others[0], *own, others[1]])]
    facets = [[facet for facet in board.facets if facet in RHYTHMS] for board in boards if board]
    assert facets == [facets[0]] * len(boards)
    return facets[0]
