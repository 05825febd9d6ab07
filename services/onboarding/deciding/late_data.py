"""A hire that is told long after the start: the plan begins where the person is, not in their first week. Pure.

What was over for a month when we heard of it is waived by the system: nobody is sent back to it, yet it counts as done if it
happens. A start date that was a mistake and is corrected brings it back.
"""

from datetime import timedelta

from services.onboarding.conditions import ByStillEmployed
from services.onboarding.deciding.case import Case, Facts
from services.onboarding.deciding.days import programme_day
from services.onboarding.programme import Programme
from shared.calendar import place
from shared.events.onboarding import JourneyReplanned, JourneyStarted, PlannedMilestone

BEHIND = timedelta(days=30)  # notifications welcomes nobody after as long: a month in, the first week is no news


def drop_what_is_long_over(case: Case, programme: Programme, started: JourneyStarted) -> Facts:
    """What of a journey that starts now lies so far back that nobody would still do it."""
    behind = case.today - BEHIND
    long_over = [each.id for each in started.milestones if each.due < behind and _awaits_somebody(programme, each.id)]
    return [_late_data(case, programme, dropped=long_over)] if long_over else []


def take_back_what_lies_ahead(case: Case) -> Facts:
    """What was dropped as long over and, by a start date told since, is not."""
    journey, programme, start = case.journey, case.programme, case.journey.start_date
    assert start is not None
    planned = {each.id: each for each in programme.plan(start, case.person)}
    dropped = [id for id, each in journey.milestones.items() if each.dropped and each.cause == "late_data" and id in planned]
    where = place(case.person.location)
    days = {id: programme_day(journey, planned[id].due, start, where) for id in dropped}
    behind = case.today - BEHIND
    ahead = [planned[id].model_copy(update={"due": day}) for id, day in days.items() if day >= behind]
    return [_late_data(case, programme, added=ahead)] if ahead else []


def _awaits_somebody(programme: Programme, id: str) -> bool:
    return not isinstance(programme.by_id[id].completed_by, ByStillEmployed)


def _late_data(
    case: Case, programme: Programme, added: list[PlannedMilestone] | None = None, dropped: list[str] | None = None
) -> JourneyReplanned:
    return JourneyReplanned(
        employee_id=case.id,
        cause="late_data",
        programme=programme.id,
        programme_version=programme.version,
        decided_on=case.today,
        added=added or [],
        dropped=dropped or [],
    )
