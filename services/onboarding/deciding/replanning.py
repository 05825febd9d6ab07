"""Other milestones for a running journey: by a transfer, another programme, or a newer version of its own. Pure.

Nothing done is lost: a milestone keeps its state by its id. What is no longer needed and not done is waived by the system,
stays visible, and comes back when it applies again. What comes new is due today at the earliest; by a newer version of the
same programme it comes only where its day is still ahead, so that a migration sends nobody back to their first week.
"""

from datetime import date, datetime

from services.onboarding.conditions import ByStillEmployed
from services.onboarding.deciding.case import Case, Facts, require_running
from services.onboarding.deciding.days import due_days, plan_end, programme_day
from services.onboarding.journey import SYSTEM, Journey, MilestoneState, local_day
from services.onboarding.programme import Person, Programme, Programmes
from shared.calendar import place
from shared.events.onboarding import JourneyReplanned, PlannedMilestone, ReplanCause
from shared.refusals import conflict, not_found


def add_and_drop_milestones_on_transfer(case: Case) -> Facts:
    """What now applies is added while the plan runs, what no longer applies is dropped."""
    fact = replanned(case.journey, case.programme, case.person, case.now, "transfer", SYSTEM)
    return [fact] if fact.added or fact.dropped else []


def follow_other_programme_on_a_persons_word(case: Case) -> Facts:
    """From now on by the present version of the named programme."""
    require_running(case.journey)
    fact = change_of_programme(case.journey, case.data.programme, case.person, case.programmes, case.now, case.data.decided_by)
    return [] if fact is None else [fact]


def named_programme(programmes: Programmes, id: str) -> Programme:
    """The present version of a programme. Raises `Refused` 404 with the known ones."""
    found = next((each for each in programmes.current if each.id == id), None)
    if found is None:
        known = ", ".join(each.id for each in programmes.current)
        raise not_found("there is no programme '%(id)s'; there are: %(known)s", "unknown_programme", id=id, known=known)
    return found


def change_of_programme(
    journey: Journey, programme_id: str, person: Person, programmes: Programmes, now: datetime, by: str
) -> JourneyReplanned | None:
    """What following the present version of that programme would change; None where the journey follows it already.

    Raises `Refused`: 404 for an unknown programme, 409 for a journey that is completed.
    """
    target = named_programme(programmes, programme_id)
    if (target.id, target.version) == (journey.programme, journey.programme_version):
        return None
    if journey.status == "completed":
        raise conflict("this journey is completed; add a milestone instead of another programme", "journey_completed")
    return replanned(journey, target, person, now, "migration" if target.id == journey.programme else "programme", by)


def replanned(
    journey: Journey, programme: Programme, person: Person, now: datetime, cause: ReplanCause, by: str
) -> JourneyReplanned:
    """How the journey's milestones come to be those that `programme` has for this person."""
    assert journey.start_date is not None
    today = local_day(now, person.time_zone)
    planned = {each.id: each for each in programme.plan(journey.start_date, person)}
    runs = cause != "transfer" or today <= plan_end(journey, programme)
    added = [
        _added(journey, programme, each, person, today) for each in planned.values() if runs and _is_new(journey, each.id, cause)
    ]
    behind = [each.id for each in added if cause == "migration" and _planned_day(journey, planned[each.id], person) < today]
    # Behind already by an earlier migration: once is enough.
    added = [each for each in added if each.id not in behind or each.id not in journey.milestones]
    gone = [id for id in journey.still_open if id not in planned and not journey.milestones[id].own]
    return JourneyReplanned(
        employee_id=journey.employee_id,
        cause=cause,
        programme=programme.id,
        programme_version=programme.version,
        decided_on=today,
        decided_by=by,
        added=added,
        changed=_changed(journey, programme, planned, person),
        dropped=[*gone, *(id for id in behind if id not in journey.milestones)],
    )


def _is_new(journey: Journey, id: str, cause: ReplanCause) -> bool:
    state = journey.milestones.get(id)
    if state is None or not state.dropped:
        return state is None
    # Another programme or version decides anew; a transfer only takes back what a transfer has dropped.
    return state.cause == "transfer" if cause == "transfer" else state.cause != "late_data"


def _planned_day(journey: Journey, planned: PlannedMilestone, person: Person) -> date:
    assert journey.start_date is not None
    return programme_day(journey, planned.due, journey.start_date, place(person.location))


def _added(journey: Journey, programme: Programme, planned: PlannedMilestone, person: Person, today: date) -> PlannedMilestone:
    assert journey.start_date is not None
    by_time = isinstance(programme.by_id[planned.id].completed_by, ByStillEmployed)
    not_before = None if by_time else today
    due = programme_day(journey, planned.due, journey.start_date, place(person.location), not_before)
    return planned.model_copy(update={"due": due})


def _changed(
    journey: Journey, programme: Programme, planned: dict[str, PlannedMilestone], person: Person
) -> list[PlannedMilestone]:
    assert journey.start_date is not None
    kept = [id for id in journey.still_open if id in planned and not journey.milestones[id].own]
    due = due_days(journey, programme, kept, journey.start_date, person)
    wanted = [_as_wanted(journey.milestones[id], planned[id], due[id]) for id in kept]
    return [each for each in wanted if _is_other(journey.milestones[each.id], each)]


def _as_wanted(state: MilestoneState, planned: PlannedMilestone, due: date) -> PlannedMilestone:
    owner = state.owner if state.own_owner else planned.owner
    return planned.model_copy(update={"due": due, "owner": owner})


def _is_other(state: MilestoneState, wanted: PlannedMilestone) -> bool:
    return (state.owner, state.due, state.optional) != (wanted.owner, wanted.due, wanted.optional)
