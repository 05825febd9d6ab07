"""When milestones complete by themselves, when they are late, and when the calendar must be asked again. Pure."""

from datetime import date, datetime, timedelta

from services.onboarding.conditions import (
    ByMeetingHeld,
    ByPerson,
    BySurveyAnswered,
    CompletedBy,
    surveys_in,
)
from services.onboarding.journey import SYSTEM, Journey, MilestoneState, day_end, is_older, local_day
from services.onboarding.programme import Milestone, Person, Programme
from services.onboarding.reminding import still_to_tell
from shared.events import Fact
from shared.events.onboarding import MilestoneCompleted, MilestoneLate


def conditions_met(journey: Journey, programme: Programme) -> list[Fact]:
    """Completions of the open milestones whose condition is met by what was heard, held and answered so far."""
    facts: list[Fact] = []
    for planned in programme.by_events:
        state = journey.milestones.get(planned.id)
        met = None if state is None or (state.settled and not state.dropped) else _all_met(journey, state, planned)
        if met is not None:
            facts.append(completed(journey, planned.id, *met, planned.completed_by.event))
    return facts


def _all_met(journey: Journey, state: MilestoneState, planned: Milestone) -> tuple[datetime, str] | None:
    """When, and by whose doing, the last of what the milestone needs was met; None while something is missing."""
    last: tuple[datetime, str] | None = None
    for condition, key in planned.needs:
        met = _met(journey, state, condition, key)
        if met is None:
            return None
        last = met if last is None or met[0] > last[0] else last
    return last


def _met(journey: Journey, state: MilestoneState, condition: CompletedBy, key: str | None) -> tuple[datetime, str] | None:
    if key is not None:
        times = journey.heard.facts.get(key, [])
        return next(((at, SYSTEM) for at in times if not is_older(at, journey.since)), None)
    if isinstance(condition, ByMeetingHeld):
        long_enough = [meeting for meeting in journey.meetings if meeting.minutes >= condition.minutes]
        if len(long_enough) < condition.number:
            return None
        meeting = long_enough[condition.number - 1]
        return meeting.reported_at, meeting.reported_by
    if isinstance(condition, ByPerson) and state.said_at is not None:
        return state.said_at, state.said_by or SYSTEM
    if isinstance(condition, BySurveyAnswered) and condition.survey in journey.surveys:
        return journey.surveys[condition.survey].answered_at, journey.employee_id
    return None


def asked_from(journey: Journey, programme: Programme, survey_id: str) -> date | None:
    """The day where the hire works from which a survey is asked: the first on which one of its milestones is due.

    None for a survey that no milestone of this journey asks for.
    """
    return min((journey.milestones[id].due for id in asking(journey, programme, survey_id)), default=None)


def asking(journey: Journey, programme: Programme, survey_id: str) -> list[str]:
    """The milestones of this journey that need the answers of a survey."""
    return [
        each.id for each in programme.milestones if each.id in journey.milestones and survey_id in surveys_in(each.completed_by)
    ]


def completed(journey: Journey, id: str, at: datetime, by: str, cause: str) -> MilestoneCompleted:
    """The fact that a milestone is done."""
    return MilestoneCompleted(employee_id=journey.employee_id, milestone_id=id, completed_at=at, completed_by=by, cause=cause)


def late(journey: Journey, person: Person, now: datetime) -> list[MilestoneLate]:
    """Open milestones whose due day is over where the person works, and that nobody was told of yet.

    A milestone whose due day was over before the journey was created never is: a journey that starts from late data must
    not begin with a storm of notices. Optional milestones are never late.
    """
    return [
        MilestoneLate(employee_id=journey.employee_id, milestone_id=each.id, due=each.due)
        for each in journey.milestones.values()
        if _can_be_late(journey, each, person) and day_end(each.due, person.time_zone) <= now
    ]


def _can_be_late(journey: Journey, milestone: MilestoneState, person: Person) -> bool:
    return (
        journey.status == "active" and milestone.status == "planned" and not milestone.optional and _was_ahead(milestone, person)
    )


def _was_ahead(milestone: MilestoneState, person: Person) -> bool:
    """Whether the due day was not over when it was planned, where the person works."""
    days = (milestone.due - milestone.planned_at.date()).days
    # Zones lie within a day of UTC: only around that day is it worth to ask which day it was there.
    return days > 1 or (days >= -1 and milestone.due >= local_day(milestone.planned_at, person.time_zone))


def retained(journey: Journey, programme: Programme, person: Person, now: datetime) -> list[Fact]:
    """Completions of the retention days that are over and found the person still here."""
    ends = {each.id: day_end(each.due, person.time_zone) for each in _awaiting_retention(journey, programme)}
    return [completed(journey, id, end, SYSTEM, "still_employed") for id, end in ends.items() if end <= now]


def _awaiting_retention(journey: Journey, programme: Programme) -> list[MilestoneState]:
    states = [journey.milestones[each.id] for each in programme.by_time if each.id in journey.milestones]
    return [each for each in states if not each.settled]


def next_wake(journey: Journey, programme: Programme, person: Person) -> datetime | None:
    """The next instant at which the calendar alone changes something in a live journey, or None."""
    days = [each.due for each in journey.milestones.values() if _can_be_late(journey, each, person)]
    days += [each.due for each in _awaiting_retention(journey, programme)]
    # A day of telling begins when the one before it ends.
    days += [day - timedelta(days=1) for each in still_to_tell(journey, programme, person) for day in each.days]
    return day_end(min(days), person.time_zone) if days else None
