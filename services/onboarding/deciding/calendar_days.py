"""What the calendar alone does to a journey: what is late or to be reminded of, who is still here, back or gone. Pure."""

from datetime import date, datetime, timedelta
from typing import Any

from services.onboarding.deciding.case import Case, Facts
from services.onboarding.deciding.changes import resume
from services.onboarding.deciding.hr import leave
from services.onboarding.journey import SYSTEM, Journey, day_end
from services.onboarding.milestones import late, next_wake, retained
from services.onboarding.programme import Person, Programme
from services.onboarding.reminding import still_to_tell
from shared.events.onboarding import JourneyPaused, MilestoneEscalated, MilestoneReminded


def follow_the_calendar_on_due_days(case: Case) -> Facts:
    """Days that are over where the hire works. Who is gone by now was late with nothing on the way."""
    journey = case.journey
    if not journey.live:
        return []
    if journey.last_day is not None and day_end(journey.last_day, case.person.time_zone) <= case.now:
        return leave(case, journey.last_day)
    facts = _away(case)
    case = case.after(facts)
    back = _back(case)
    facts += back
    case = case.after(back)
    if case.journey.status == "paused":
        return facts
    facts += _told_today(case)
    return [*facts, *retained(case.journey, case.programme, case.person, case.now)]


def _told_today(case: Case) -> Facts:
    """What is late, whom to remind, and what goes to somebody else by now. Being late is a reminder too: nobody hears twice."""
    lates = {fact.milestone_id: fact for fact in late(case.journey, case.person, case.now)}
    others: Facts = []
    for each in still_to_tell(case.journey, case.programme, case.person):
        state = each.milestone
        come = [day for day in each.reminders if day <= case.today]
        about: dict[str, Any] = {"employee_id": case.id, "milestone_id": state.id, "owner": state.owner, "due": state.due}
        if come and state.id in lates:
            lates[state.id] = lates[state.id].model_copy(update={"reminded_on": come[-1]})
        elif come:
            others.append(MilestoneReminded(**about, reminded_on=come[-1]))
        if each.escalation is not None and each.escalation <= case.today and each.planned.escalate is not None:
            others.append(MilestoneEscalated(**about, escalated_on=each.escalation, to=each.planned.escalate.to))
    return [*lates.values(), *others]


def _away(case: Case) -> Facts:
    planned = case.journey.planned_pause
    if planned is None or case.journey.status != "active" or case.today < planned.since:
        return []
    return [JourneyPaused(employee_id=case.id, since=planned.since, until=planned.back_on, paused_by=planned.by)]


def _back(case: Case) -> Facts:
    pause = case.journey.pause
    if pause is None or pause.back_on is None or case.today < pause.back_on:
        return []
    return resume(case, pause.back_on, SYSTEM)


def wake_at(journey: Journey, programme: Programme, person: Person) -> datetime | None:
    """The next instant at which the calendar alone changes something in a live journey, or None."""
    ends: list[date] = [] if journey.last_day is None else [journey.last_day]
    if journey.pause is not None and journey.pause.back_on is not None:
        ends.append(journey.pause.back_on - timedelta(days=1))
    if journey.planned_pause is not None and journey.status == "active":
        ends.append(journey.planned_pause.since - timedelta(days=1))
    times = [day_end(day, person.time_zone) for day in ends]
    following = next_wake(journey, programme, person) if journey.pause is None else None
    return min([*times, following] if following else times, default=None)
