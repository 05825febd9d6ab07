"""What each fact changes in a correspondence, pure: HR's, matching's and onboarding's facts, and the sender's results."""

from collections.abc import Callable
from typing import Any

from services.notifications.domain import TELLS_START, Assignment, Correspondence, LateMilestone, SendResult
from shared.events import Event
from shared.events.hr import (
    EmployeeHired,
    EmployeeRehired,
    EmployeeSnapshot,
    EmployeeTerminated,
    EmployeeUpdated,
    HireRescinded,
    Profile,
    StartDateChanged,
    TerminationCancelled,
)
from shared.events.mentoring import (
    HireUnlisted,
    HireWaitlisted,
    MentorAssigned,
    MentorEnrolled,
    MentorReleased,
    MentorWithdrawn,
)
from shared.events.onboarding import (
    JourneyCancelled,
    JourneyEnded,
    JourneyRescheduled,
    JourneyStarted,
    MilestoneCompleted,
    MilestoneLate,
    MilestoneWaived,
)


def evolve(state: Correspondence | None, event: Event[Any]) -> Correspondence | None:
    """The correspondence after one fact; unchanged by facts that mean nothing here.

    Repeats must be kept out by the caller where the fact would count again; equal values change nothing in any case.
    """
    learn = LEARN.get(type(event.data))
    return learn(state or Correspondence(employee_id=event.subject), event) if learn is not None else state


def _with(state: Correspondence, **changes: Any) -> Correspondence:
    return state.model_copy(update=changes)


def _with_profile(state: Correspondence, profile: Profile) -> Correspondence:
    if "manager_id" in profile.model_fields_set:
        state = _with(state, manager_id=profile.manager_id)
    if profile.start_date is not None:
        state = _with_start(state, profile)
    return state


def _with_start(state: Correspondence, data: Any) -> Correspondence:
    if state.status != "expected" or data.start_date == state.start_date:
        return state
    return _with(state, start_date=data.start_date, moves=state.moves + 1)


def _new_chapter(state: Correspondence, data: EmployeeHired | EmployeeRehired) -> Correspondence:
    # Who was told the start of the chapter before (a mentor whose release is not known yet) is told this one as a change.
    moves = state.moves + (state.chapter > 0 and data.start_date != state.start_date)
    chapter = _with(state, status="expected", chapter=state.chapter + 1, start_date=data.start_date, moves=moves)
    return _with_profile(chapter, data)


def _hired(state: Correspondence, event: Event[EmployeeHired]) -> Correspondence:
    # A second hire event for somebody expected is a repetition or a correction, not a second hire.
    return _with_profile(state, event.data) if state.status == "expected" else _new_chapter(state, event.data)


def _rehired(state: Correspondence, event: Event[EmployeeRehired]) -> Correspondence:
    # HR may never have told of the leaving in between: another start date says that this is another hire.
    if state.status == "expected" and event.data.start_date == state.start_date:
        return _with_profile(state, event.data)
    return _new_chapter(state, event.data)


def _described(state: Correspondence, event: Event[EmployeeSnapshot | EmployeeUpdated]) -> Correspondence:
    return _with_profile(state, event.data)


def _start_moved(state: Correspondence, event: Event[StartDateChanged]) -> Correspondence:
    return _with_start(state, event.data)


def _rescinded(state: Correspondence, event: Event[HireRescinded]) -> Correspondence:
    return _with(state, status="rescinded") if state.status == "expected" else state


def _left(state: Correspondence, event: Event[EmployeeTerminated]) -> Correspondence:
    return _with(state, status="left") if state.status == "expected" else state


def _stays(state: Correspondence, event: Event[TerminationCancelled]) -> Correspondence:
    return _with(state, status="expected") if state.status == "left" else state


def _enrolled(state: Correspondence, event: Event[MentorEnrolled]) -> Correspondence:
    return state if state.enrolment is not None else _with(state, enrolment=event.id)


def _withdrawn(state: Correspondence, event: Event[MentorWithdrawn]) -> Correspondence:
    return _with(state, enrolment=None)


def _assigned(state: Correspondence, event: Event[MentorAssigned]) -> Correspondence:
    data, before = event.data, state.assignment
    contributions = tuple(data.contributions)
    if before is not None and before.mentor_id == data.mentor_id:
        # Confirmed or decided anew with the same outcome: nobody needs to hear it twice.
        return _with(state, assignment=before.model_copy(update={"contributions": contributions}), waitlisted_by=None)
    endings = state.endings | ({before.event_id: "replaced"} if before is not None else {})
    assignment = Assignment(event_id=event.id, mentor_id=data.mentor_id, contributions=contributions)
    return _with(state, assignment=assignment, endings=endings, waitlisted_by=None)


def _released(state: Correspondence, event: Event[MentorReleased]) -> Correspondence:
    before = state.assignment
    if before is None or before.mentor_id != event.data.mentor_id:
        return state
    return _with(state, assignment=None, endings=state.endings | {before.event_id: event.data.cause})


def _waitlisted(state: Correspondence, event: Event[HireWaitlisted]) -> Correspondence:
    return state if state.waitlisted_by is not None else _with(state, waitlisted_by=event.id)


def _unlisted(state: Correspondence, event: Event[HireUnlisted]) -> Correspondence:
    return _with(state, waitlisted_by=None)


def _journey_started(state: Correspondence, event: Event[JourneyStarted]) -> Correspondence:
    return _with(state, owners={milestone.id: milestone.owner for milestone in event.data.milestones}, late={})


def _journey_rescheduled(state: Correspondence, event: Event[JourneyRescheduled]) -> Correspondence:
    return _with(state, late={id: late for id, late in state.late.items() if id not in event.data.due})


def _milestone_late(state: Correspondence, event: Event[MilestoneLate]) -> Correspondence:
    data, owner = event.data, state.owners.get(event.data.milestone_id)
    if owner is None:
        return state
    return _with(state, late=state.late | {data.milestone_id: LateMilestone(event_id=event.id, due=data.due, owner=owner)})


def _milestone_settled(state: Correspondence, event: Event[MilestoneCompleted | MilestoneWaived]) -> Correspondence:
    return _with(state, late={id: late for id, late in state.late.items() if id != event.data.milestone_id})


def _journey_over(state: Correspondence, event: Event[JourneyCancelled | JourneyEnded]) -> Correspondence:
    return _with(state, late={})


def _result(state: Correspondence, event: Event[SendResult]) -> Correspondence:
    result = event.data
    letter = state.letters.get(result.message_id)
    if letter is None or result.outcome == "deferred":
        return state
    # "sent" holds even for a letter withdrawn meanwhile: it is on its way, and its reader was told.
    status = "withdrawn" if result.reason == "withdrawn" else result.outcome
    state = _with(state, letters=state.letters | {letter.id: letter.model_copy(update={"status": status})})
    if result.outcome == "sent" and result.told is not None and letter.template in TELLS_START:
        state = _with(state, told=state.told | {f"{letter.role}/{letter.recipient_id}": result.told})
    return state


LEARN: dict[type, Callable[[Correspondence, Event[Any]], Correspondence]] = {
    EmployeeHired: _hired,
    EmployeeRehired: _rehired,
    EmployeeSnapshot: _described,
    EmployeeUpdated: _described,
    StartDateChanged: _start_moved,
    HireRescinded: _rescinded,
    EmployeeTerminated: _left,
    TerminationCancelled: _stays,
    MentorEnrolled: _enrolled,
    MentorWithdrawn: _withdrawn,
    MentorAssigned: _assigned,
    MentorReleased: _released,
    HireWaitlisted: _waitlisted,
    HireUnlisted: _unlisted,
    JourneyStarted: _journey_started,
    JourneyRescheduled: _journey_rescheduled,
    MilestoneLate: _milestone_late,
    MilestoneCompleted: _milestone_settled,
    MilestoneWaived: _milestone_settled,
    JourneyCancelled: _journey_over,
    JourneyEnded: _journey_over,
    SendResult: _result,
}
"""Every fact that means something here; the others pass by."""
