"""What people change of one person's plan: waive, reopen, add, move or reassign a milestone; pause and resume. Pure."""

from datetime import date, timedelta

from services.onboarding.deciding.case import Case, Facts, evolved, milestone_of, require_live, require_running
from services.onboarding.deciding.days import back_on, due_days
from services.onboarding.journey import Journey, MilestoneState, local_day
from services.onboarding.programme import LATEST_DAY, MAX_MILESTONES
from shared.calendar import next_working_day, place
from shared.events.onboarding import (
    JourneyPaused,
    JourneyResumed,
    MilestoneAdded,
    MilestoneMoved,
    MilestoneReassigned,
    MilestoneReopened,
    MilestoneWaived,
    PauseCancelled,
    PausePlanned,
)
from shared.refusals import conflict, invalid

OWN = "own_"  # how ids of milestones begin that one person alone has
LONGEST_PAUSE = timedelta(days=3 * 366)  # parental leave lasts up to three years in the countries that grant most


def waive_milestone_on_a_persons_word(case: Case) -> Facts:
    """Not needed for this person. What is done can't be waived."""
    require_live(case.journey)
    milestone = milestone_of(case.journey, case.data.milestone_id)
    if milestone.status == "done":
        raise conflict("milestone '%(id)s' is done already and can't be waived", "already_done", id=milestone.id)
    if milestone.status == "waived":
        return []
    return [MilestoneWaived(employee_id=case.id, milestone_id=milestone.id, waived_by=case.data.waived_by)]


def reopen_milestone_on_a_persons_word(case: Case) -> Facts:
    """Needed after all: by its own day, or by the next working day where that is over."""
    require_running(case.journey)
    milestone = milestone_of(case.journey, case.data.milestone_id)
    if milestone.status != "waived":
        return []
    due = _again_due(case, milestone)
    return [MilestoneReopened(employee_id=case.id, milestone_id=milestone.id, due=due, reopened_by=case.data.reopened_by)]


def _again_due(case: Case, milestone: MilestoneState) -> date:
    start = case.journey.start_date or case.today
    day = due_days(case.journey, case.programme, [milestone.id], start, case.person)[milestone.id]
    return day if day >= case.today else next_working_day(case.today, place(case.person.location))


def add_milestone_on_a_persons_word(case: Case) -> Facts:
    """A milestone that this person alone has; one with an id that is there already changes nothing."""
    journey, said = case.journey, case.data
    require_running(journey)
    id = said.milestone_id or next_own(journey)
    if id in journey.milestones:
        if journey.milestones[id].own:
            return []
        raise conflict("milestone '%(id)s' is one of the programme's; leave the id out and it gets its own", "id_taken", id=id)
    if len(journey.milestones) >= MAX_MILESTONES:
        raise conflict(
            "this journey has %(most)s milestones, as many as one can have; waive some",
            "too_many_milestones",
            most=MAX_MILESTONES,
        )
    if said.optional and said.escalate_after:
        raise invalid(
            "escalate_after: an optional milestone may stay open, so nobody is told; leave it out, or make it required",
            "optional_escalates",
            "escalate_after",
        )
    _check_day(case, said.due)
    return [
        MilestoneAdded(
            employee_id=case.id,
            milestone_id=id,
            owner=said.owner,
            due=said.due,
            optional=said.optional,
            remind=sorted(set(said.remind)),
            escalate_after=said.escalate_after,
            added_by=said.added_by,
        )
    ]


def next_own(journey: Journey) -> str:
    """The id of the next milestone that this person alone has."""
    return f"{OWN}{1 + sum(each.own for each in journey.milestones.values())}"


def move_milestone_on_a_persons_word(case: Case) -> Facts:
    """Another day for something open. It stays when the start date moves, unless it would lie before the first day."""
    require_running(case.journey)
    milestone = _open_milestone(case)
    if milestone.due == case.data.due:
        return []
    _check_day(case, case.data.due)
    return [MilestoneMoved(employee_id=case.id, milestone_id=milestone.id, due=case.data.due, moved_by=case.data.moved_by)]


def reassign_milestone_on_a_persons_word(case: Case) -> Facts:
    """Somebody else sees to something open."""
    require_live(case.journey)
    milestone = _open_milestone(case)
    if milestone.owner == case.data.owner:
        return []
    return [
        MilestoneReassigned(
            employee_id=case.id,
            milestone_id=milestone.id,
            owner=case.data.owner,
            reassigned_by=case.data.reassigned_by,
        )
    ]


def _open_milestone(case: Case) -> MilestoneState:
    milestone = milestone_of(case.journey, case.data.milestone_id)
    if milestone.status == "done":
        raise conflict("milestone '%(id)s' is done already; nothing of it can change", "already_done", id=milestone.id)
    if milestone.status == "waived":
        raise conflict("milestone '%(id)s' is waived; reopen it first", "waived", id=milestone.id)
    return milestone


def _check_day(case: Case, due: date) -> None:
    if due < case.today:
        raise invalid("due: lies in the past; choose %(first)s or later", "past_day", "due", first=case.today)
    latest = (case.journey.start_date or case.today) + timedelta(days=LATEST_DAY)
    if due > latest:
        raise invalid(
            "due: lies more than %(days)s days after the start; choose %(latest)s or earlier",
            "day_too_late",
            "due",
            days=LATEST_DAY,
            latest=latest,
        )


# Pause and resume ---------------------------------------------------------------------------------------------------


def pause_journey_on_a_persons_word(case: Case) -> Facts:
    """The journey stands still from a day on: nothing is late, nobody is reminded. Said again, the days are others.

    A day that lies ahead is waited for; one that is over counts as away from then on.
    """
    journey = case.journey
    require_live(journey)
    if journey.status == "completed":
        raise conflict("this journey is completed; there is nothing to pause", "journey_completed")
    since, until = case.data.since or _present_since(case), case.data.until
    _check_days(case, since, until)
    if journey.pause is None and since > case.today:
        return _planned(case, since, until)
    if journey.pause is not None and (journey.pause.since, journey.pause.back_on) == (since, until):
        return []
    return [JourneyPaused(employee_id=case.id, since=since, until=until, paused_by=case.data.paused_by)]


def _present_since(case: Case) -> date:
    return case.journey.pause.since if case.journey.pause is not None else case.today


def _planned(case: Case, since: date, until: date | None) -> Facts:
    planned = case.journey.planned_pause
    if planned is not None and (planned.since, planned.back_on) == (since, until):
        return []
    return [PausePlanned(employee_id=case.id, since=since, until=until, planned_by=case.data.paused_by)]


def _check_days(case: Case, since: date, until: date | None) -> None:
    journey = case.journey
    if journey.pause is not None and since > case.today:
        raise invalid("since: the pause has begun; choose today or an earlier day, or resume the journey", "pause_begun", "since")
    if since > case.today + LONGEST_PAUSE:
        raise invalid("since: lies more than three years ahead; check the year", "pause_too_far", "since")
    told = local_day(journey.started_at, case.person.time_zone) if journey.started_at else case.today
    earliest = back_on(journey) or min(told, journey.start_date or told)
    if since < min(earliest, case.today):
        raise invalid(
            "since: lies before this journey began or went on; choose %(earliest)s or later",
            "pause_too_early",
            "since",
            earliest=earliest,
        )
    if until is None:
        return
    if until <= max(case.today, since):
        raise invalid("until: the day of return must lie in the future; resume the journey instead", "past_return", "until")
    if until > max(case.today, since) + LONGEST_PAUSE:
        raise invalid("until: lies more than three years ahead; check the year, or leave it out", "pause_too_long", "until")


def resume_journey_on_a_persons_word(case: Case) -> Facts:
    """The journey goes on today, or a pause that was planned does not come. One that is not paused goes on already."""
    require_live(case.journey)
    if case.journey.pause is not None:
        return resume(case, case.today, case.data.resumed_by)
    if case.journey.planned_pause is not None:
        return [PauseCancelled(employee_id=case.id, cancelled_by=case.data.resumed_by)]
    return []


def resume(case: Case, on: date, by: str) -> Facts:
    """The end of the pause: what is open moves by the days away, and nothing is due before the day of return."""
    journey = case.journey
    assert journey.pause is not None
    start = journey.start_date or on
    resumed = JourneyResumed(employee_id=case.id, back_on=on, due={}, resumed_by=by)
    after = evolved(journey, [resumed], case.now)
    away = max(0, (on - max(journey.pause.since, start)).days)
    due = due_days(after, case.programme, journey.still_open, start, case.person, away)
    moved = {id: day for id, day in due.items() if day != journey.milestones[id].due}
    return [resumed.model_copy(update={"due": moved})]
