"""On which day a milestone of this journey is due: the programme's day, the time away, and what people set by hand. Pure.

The rules (docs/decisions/0018-a-plan-that-moves.md):

* The programme counts from the start date; days away after the start don't count, so a pause moves what comes after it.
* Nothing is due before the day of return, nor before the day on which a milestone came into a running journey.
* A day that somebody set stays when the start date moves, unless it would come to lie before the first day: then it keeps
  its distance from it.
* Whatever is moved lands on a working day where the hire works.
"""

from collections.abc import Iterable
from datetime import date, timedelta

from services.onboarding.deciding.case import Case, Facts
from services.onboarding.journey import Journey, MilestoneState
from services.onboarding.programme import Person, Programme
from shared.calendar import Place, next_working_day, place
from shared.events.onboarding import JourneyRescheduled


def paused_days(journey: Journey, start: date) -> int:
    """The calendar days since a start on `start` on which the person was away, in pauses that are over."""
    aways = ((max(pause.since, start), pause.back_on) for pause in journey.pauses)
    return sum(max(0, (back - since).days) for since, back in aways if back is not None)


def plan_end(journey: Journey, programme: Programme) -> date:
    """The day until which a journey's plan runs: its last required one, by the calendar."""
    assert journey.start_date is not None
    days = programme.last_required_day + paused_days(journey, journey.start_date)
    return journey.start_date + timedelta(days=days)


def due_days(
    journey: Journey, programme: Programme, ids: Iterable[str], start: date, person: Person, away: int = 0
) -> dict[str, date]:
    """The days on which these milestones of the journey are due for a start on `start`.

    `away` counts the days of a pause that is just over: days set by hand move by them, the programme's follow from the journey.
    """
    where = place(person.location)
    planned = programme.due_days(ids, start, person)
    return {id: _due(journey, journey.milestones[id], planned.get(id), start, where, away) for id in ids}


def _due(journey: Journey, milestone: MilestoneState, planned: date | None, start: date, where: Place, away: int) -> date:
    if planned is None or milestone.own_day:
        held = milestone.due
        day = _kept(held, journey.start_date or start, start) + timedelta(days=away)
        return held if day == held else next_working_day(max(day, back_on(journey) or day), where)
    return programme_day(journey, planned, start, where, milestone.not_before)


def _kept(day: date, start: date, new_start: date) -> date:
    return day + (new_start - start) if start <= day < new_start else day


def programme_day(journey: Journey, planned: date, start: date, where: Place, not_before: date | None = None) -> date:
    """The programme's day `planned` as it is for this journey, with its pauses, for a start on `start`."""
    moved = planned + timedelta(days=paused_days(journey, start))
    day = max(each for each in (moved, not_before, back_on(journey)) if each is not None)
    return planned if day == planned else next_working_day(day, where)


def back_on(journey: Journey) -> date | None:
    """The day of the last return from a pause."""
    return journey.pauses[-1].back_on if journey.pauses else None


def reschedule(case: Case) -> Facts:
    """The days that follow from the start date said last and from where the person works, where they are others than now."""
    journey = case.journey
    start = journey.heard.start_date or journey.start_date
    if start is None:
        return []
    due = due_days(journey, case.programme, journey.still_open, start, case.person)
    moved = {id: day for id, day in due.items() if day != journey.milestones[id].due}
    if start == journey.start_date and not moved:
        return []
    cause = "place_of_work" if start == journey.start_date else "start_date"
    return [JourneyRescheduled(employee_id=journey.employee_id, start_date=start, due=moved, cause=cause)]
