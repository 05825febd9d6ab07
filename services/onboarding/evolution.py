"""How our own facts change a journey. Pure.

The state is the fold of these facts and of what was heard (`hearing`); nothing done is ever undone by any of them.
"""

from collections.abc import Callable, Mapping
from datetime import date, datetime
from typing import Any

from services.onboarding.journey import SYSTEM, Answers, Journey, Meeting, MilestoneState, PastJourney, Pause, PlannedPause
from shared.events import Fact
from shared.events.onboarding import (
    JourneyCancelled,
    JourneyEnded,
    JourneyPaused,
    JourneyReopened,
    JourneyReplanned,
    JourneyRescheduled,
    JourneyResumed,
    JourneyStarted,
    LeavingCancelled,
    LeavingPlanned,
    ManagerChanged,
    MeetingHeld,
    MilestoneAdded,
    MilestoneCompleted,
    MilestoneConfirmed,
    MilestoneEscalated,
    MilestoneLate,
    MilestoneMoved,
    MilestoneReassigned,
    MilestoneReminded,
    MilestoneReopened,
    MilestoneWaived,
    PauseCancelled,
    PausePlanned,
    PlannedMilestone,
    SurveyAnswered,
)


def evolve(journey: Journey, fact: Fact, at: datetime) -> Journey:
    """The journey after one of our own facts, recorded at `at`. Facts of other kinds change nothing."""
    change = _EVOLUTIONS.get(type(fact))
    return journey if change is None else change(journey, fact, at)


def _started(journey: Journey, fact: JourneyStarted, at: datetime) -> Journey:
    again = journey.number > 0
    return Journey(
        employee_id=journey.employee_id,
        status="active",
        number=journey.number + 1,
        start_date=fact.start_date,
        programme=fact.programme,
        programme_version=fact.programme_version,
        manager_id=fact.manager_id,
        started_at=at,
        since=(journey.heard.hired_at or at) if again else None,
        milestones={each.id: _planned(each, at) for each in fact.milestones},
        past=[*journey.past, _summary(journey)] if again else [],
        heard=journey.heard,
    )


def _planned(planned: PlannedMilestone, at: datetime, **more: Any) -> MilestoneState:
    return MilestoneState(id=planned.id, owner=planned.owner, due=planned.due, optional=planned.optional, planned_at=at, **more)


def _summary(journey: Journey) -> PastJourney:
    done, required = journey.progress
    return PastJourney.model_validate(journey.model_dump() | {"done": done, "required": required})


def _rescheduled(journey: Journey, fact: JourneyRescheduled, at: datetime) -> Journey:
    return journey.model_copy(update={"start_date": fact.start_date, "milestones": _all_moved(journey, fact.due, at)})


def _all_moved(journey: Journey, due: Mapping[str, date], at: datetime) -> dict[str, MilestoneState]:
    return {id: each if each.settled or id not in due else _moved(each, due[id], at) for id, each in journey.milestones.items()}


def _moved(milestone: MilestoneState, due: date, at: datetime) -> MilestoneState:
    # One that was overdue and still is stays watched under its first planning; one that a corrected start date throws
    # into the past was never late in anybody's eyes.
    overdue_before_and_after = max(milestone.due, due) < at.date()
    planned_at = milestone.planned_at if overdue_before_and_after else at
    return milestone.model_copy(update={"due": due, "status": "planned", "planned_at": planned_at})


def _replanned(journey: Journey, fact: JourneyReplanned, at: datetime) -> Journey:
    milestones = dict(journey.milestones)
    for each in fact.added:
        # What the calendar completes may lie behind; of everything else the day it came is the first it can be due.
        not_before = fact.decided_on if each.due >= fact.decided_on else None
        milestones[each.id] = _planned(each, at, not_before=not_before)
    for each in fact.changed:
        before = milestones[each.id]
        moved = before if before.due == each.due else _moved(before, each.due, at)
        milestones[each.id] = moved.model_copy(update={"owner": each.owner, "optional": each.optional})
    settled = {"status": "waived", "settled_at": at, "settled_by": SYSTEM, "cause": fact.cause}
    milestones |= {id: milestones[id].model_copy(update=settled) for id in fact.dropped}
    update: dict[str, Any] = {"milestones": milestones}
    followed = (journey.programme or "", journey.programme_version or "")
    if followed != (fact.programme, fact.programme_version):
        # Another version reminds of nothing that lay before it: else a migration would write to everybody at once.
        told = {"reminded_on": fact.decided_on, "escalated_on": fact.decided_on}
        update["milestones"] = {id: each if each.settled else each.model_copy(update=told) for id, each in milestones.items()}
        update |= {"programme": fact.programme, "programme_version": fact.programme_version}
        update |= {"earlier": [*(each for each in journey.earlier if each != followed), followed]}
    return journey.model_copy(update=update)


def _paused(journey: Journey, fact: JourneyPaused, at: datetime) -> Journey:
    pause = Pause(since=fact.since, back_on=fact.until)
    return journey.model_copy(update={"status": "paused", "pause": pause, "planned_pause": None})


def _pause_planned(journey: Journey, fact: PausePlanned, at: datetime) -> Journey:
    planned = PlannedPause(since=fact.since, back_on=fact.until, by=fact.planned_by)
    return journey.model_copy(update={"planned_pause": planned})


def _pause_cancelled(journey: Journey, fact: PauseCancelled, at: datetime) -> Journey:
    return journey.model_copy(update={"planned_pause": None})


def _resumed(journey: Journey, fact: JourneyResumed, at: datetime) -> Journey:
    over = [Pause(since=journey.pause.since, back_on=fact.back_on)] if journey.pause else []
    moved = {
        id: each.model_copy(update={"due": fact.due.get(id, each.due), "status": "planned", "planned_at": at})
        for id, each in journey.milestones.items()
        if not each.settled
    }
    milestones = journey.milestones | moved
    pauses = [*journey.pauses, *over]
    return journey.model_copy(update={"status": "active", "pause": None, "pauses": pauses, "milestones": milestones})


def _leaving_planned(journey: Journey, fact: LeavingPlanned, at: datetime) -> Journey:
    return journey.model_copy(update={"last_day": fact.last_day})


def _leaving_cancelled(journey: Journey, fact: LeavingCancelled, at: datetime) -> Journey:
    return journey.model_copy(update={"last_day": None})


def _manager_changed(journey: Journey, fact: ManagerChanged, at: datetime) -> Journey:
    return journey.model_copy(update={"manager_id": fact.manager_id})


def _with_milestone(journey: Journey, id: str, **update: Any) -> Journey:
    milestone = journey.milestones.get(id)
    if milestone is None or milestone.status == "done":
        return journey
    return journey.model_copy(update={"milestones": journey.milestones | {id: milestone.model_copy(update=update)}})


def _completed(journey: Journey, fact: MilestoneCompleted, at: datetime) -> Journey:
    settled = {"settled_at": fact.completed_at, "settled_by": fact.completed_by, "cause": fact.cause}
    return _with_milestone(journey, fact.milestone_id, status="done", **settled)


def _confirmed(journey: Journey, fact: MilestoneConfirmed, at: datetime) -> Journey:
    return _with_milestone(journey, fact.milestone_id, said_at=at, said_by=fact.confirmed_by)


def _late(journey: Journey, fact: MilestoneLate, at: datetime) -> Journey:
    covered = {"reminded_on": fact.reminded_on} if fact.reminded_on else {}
    return _with_milestone(journey, fact.milestone_id, status="late", **covered)


def _reminded(journey: Journey, fact: MilestoneReminded, at: datetime) -> Journey:
    return _with_milestone(journey, fact.milestone_id, reminded_on=fact.reminded_on)


def _escalated(journey: Journey, fact: MilestoneEscalated, at: datetime) -> Journey:
    return _with_milestone(journey, fact.milestone_id, escalated_on=fact.escalated_on)


def _waived(journey: Journey, fact: MilestoneWaived, at: datetime) -> Journey:
    settled = {"settled_at": at, "settled_by": fact.waived_by, "cause": "waived"}
    return _with_milestone(journey, fact.milestone_id, status="waived", **settled)


def _milestone_reopened(journey: Journey, fact: MilestoneReopened, at: datetime) -> Journey:
    again = {"status": "planned", "due": fact.due, "planned_at": at, "not_before": fact.due}
    return _with_milestone(journey, fact.milestone_id, **again, settled_at=None, settled_by=None, cause=None)


def _milestone_added(journey: Journey, fact: MilestoneAdded, at: datetime) -> Journey:
    planned = PlannedMilestone(id=fact.milestone_id, owner=fact.owner, due=fact.due, optional=fact.optional)
    telling = {"remind": fact.remind, "escalate_after": fact.escalate_after}
    own = _planned(planned, at, own=True, own_day=True, own_owner=True, **telling)
    return journey.model_copy(update={"milestones": journey.milestones | {own.id: own}})


def _milestone_moved(journey: Journey, fact: MilestoneMoved, at: datetime) -> Journey:
    return _with_milestone(journey, fact.milestone_id, due=fact.due, status="planned", planned_at=at, own_day=True)


def _milestone_reassigned(journey: Journey, fact: MilestoneReassigned, at: datetime) -> Journey:
    return _with_milestone(journey, fact.milestone_id, owner=fact.owner, own_owner=True)


def _met(journey: Journey, fact: MeetingHeld, at: datetime) -> Journey:
    meeting = Meeting(
        id=fact.meeting_id,
        held_on=fact.held_on,
        minutes=fact.minutes,
        mentor_id=fact.mentor_id,
        reported_by=fact.reported_by,
        reported_at=at,
    )
    return journey.model_copy(update={"meetings": [*journey.meetings, meeting]})


def _answered(journey: Journey, fact: SurveyAnswered, at: datetime) -> Journey:
    answers = Answers(ratings=fact.ratings, answered_at=at)
    return journey.model_copy(update={"surveys": journey.surveys | {fact.survey_id: answers}})


def _cancelled(journey: Journey, fact: JourneyCancelled, at: datetime) -> Journey:
    return journey.model_copy(update={"status": "cancelled", "last_day": None})


def _ended(journey: Journey, fact: JourneyEnded, at: datetime) -> Journey:
    last_day = journey.last_day if fact.outcome == "completed" else None
    return journey.model_copy(update={"status": fact.outcome, "last_day": last_day})


def _reopened(journey: Journey, fact: JourneyReopened, at: datetime) -> Journey:
    # What fell due while nobody was here is not announced as late: it counts as planned now.
    open_again = {
        id: each.model_copy(update={"planned_at": at}) for id, each in journey.milestones.items() if each.status == "planned"
    }
    status = "active" if journey.pause is None else "paused"
    return journey.model_copy(update={"status": status, "milestones": journey.milestones | open_again})


_EVOLUTIONS: Mapping[type[Fact], Callable[[Journey, Any, datetime], Journey]] = {
    JourneyStarted: _started,
    JourneyRescheduled: _rescheduled,
    JourneyReplanned: _replanned,
    JourneyPaused: _paused,
    PausePlanned: _pause_planned,
    PauseCancelled: _pause_cancelled,
    JourneyResumed: _resumed,
    LeavingPlanned: _leaving_planned,
    LeavingCancelled: _leaving_cancelled,
    ManagerChanged: _manager_changed,
    MilestoneCompleted: _completed,
    MilestoneConfirmed: _confirmed,
    MilestoneLate: _late,
    MilestoneReminded: _reminded,
    MilestoneEscalated: _escalated,
    MilestoneWaived: _waived,
    MilestoneReopened: _milestone_reopened,
    MilestoneAdded: _milestone_added,
    MilestoneMoved: _milestone_moved,
    MilestoneReassigned: _milestone_reassigned,
    MeetingHeld: _met,
    SurveyAnswered: _answered,
    JourneyCancelled: _cancelled,
    JourneyEnded: _ended,
    JourneyReopened: _reopened,
}
