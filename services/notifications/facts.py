"""What each fact changes in a correspondence, pure: HR's, matching's and onboarding's facts, and the sender's results."""

from collections.abc import Callable, Collection, Mapping
from dataclasses import replace
from datetime import date, datetime, timedelta
from typing import Any, TypeVar

from pydantic import BaseModel

from services.notifications import asking
from services.notifications.correspondence import (
    TELLS_START,
    Assignment,
    Correspondence,
    Escalation,
    LateMilestone,
    Reminder,
    SendResult,
    SummaryDue,
)
from services.notifications.invitations import held, kept
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
    MentorChanged,
    MentorEnrolled,
    MentorNominated,
    MentorReleased,
    MentorTrained,
    MentorWithdrawn,
)
from shared.events.onboarding import (
    JourneyCancelled,
    JourneyEnded,
    JourneyPaused,
    JourneyReopened,
    JourneyReplanned,
    JourneyRescheduled,
    JourneyResumed,
    JourneyStarted,
    MeetingHeld,
    MilestoneAdded,
    MilestoneCompleted,
    MilestoneEscalated,
    MilestoneLate,
    MilestoneMoved,
    MilestoneReassigned,
    MilestoneReminded,
    MilestoneReopened,
    MilestoneWaived,
    Owner,
    SurveyAnswered,
)

T = TypeVar("T", bound=BaseModel)
JOURNEY = timedelta(days=90)  # the shipped programme's length


def evolve(state: Correspondence | None, event: Event[Any], now: datetime) -> Correspondence | None:
    """The correspondence after one fact; unchanged by facts that mean nothing here.

    Repeats must be kept out by the caller where the fact would count again; equal values change nothing in any case.
    """
    learn = LEARN.get(type(event.data))
    if learn is None:
        return state
    # An HR system whose clock is ahead of ours must not outrank what it says later.
    before = state or Correspondence(employee_id=event.subject)
    after = _with_invites(learn(before, replace(event, time=min(event.time, now))), before, now.date())
    return after if after.chapter == before.chapter else _with(after, hired_on=now.date())


def _with_invites(state: Correspondence, before: Correspondence, today: date) -> Correspondence:
    """With the meetings that follow from plan and pair."""
    if _pairing(state) == _pairing(before):
        return state
    meet = state.assignment if state.status == "expected" and not state.resting else None
    last = state.last_day
    asks = {id: ask for id, ask in state.asks.items() if last is None or ask.due <= last}  # nobody meets who has left by then
    invites = kept(state.invites, state.journey, asks, meet.mentor_id if meet else None, today)
    return _with(state, invites=invites) if invites != state.invites else state


def _pairing(state: Correspondence) -> tuple[object, ...]:
    return state.asks, state.assignment, state.status, state.resting, state.last_day


def _with(state: Correspondence, **changes: Any) -> Correspondence:
    return state.model_copy(update=changes)


def _with_manager(state: Correspondence, profile: Profile, said_at: datetime) -> Correspondence:
    if "manager_id" not in profile.model_fields_set or _is_overtaken(said_at, by=state.manager_said_at):
        return state
    return _with(state, manager_id=profile.manager_id, manager_said_at=said_at)


def _with_start(state: Correspondence, start_date: date | None, said_at: datetime) -> Correspondence:
    if start_date is None or _is_overtaken(said_at, by=state.start_said_at):
        return state
    moved = state.start_date is not None and state.start_date != start_date
    return _with(state, start_date=start_date, start_said_at=said_at, moves=state.moves + moved)


def _is_overtaken(said_at: datetime, by: datetime | None) -> bool:
    """Whether a statement made then is older than the one made at `by`; at the same instant their order decides."""
    return by is not None and said_at < by


def _hired(state: Correspondence, event: Event[EmployeeHired | EmployeeRehired]) -> Correspondence:
    data = event.data
    if _is_overtaken(event.time, state.over_at):  # HR is late, not hiring again
        return _expected_late(state, event)
    leaves = state.status == "left" or state.last_day is not None
    if leaves and data.start_date == state.start_date:  # HR repeats what is over
        return state
    if leaves or state.status != "expected":
        state = _with(state, status="expected", chapter=state.chapter + 1, over_at=None, last_day=None)
    # A second hire event for somebody expected is a repetition or a correction, not a second hire.
    return _with_manager(_with_start(state, data.start_date, event.time), data, event.time)


def _expected_late(state: Correspondence, event: Event[EmployeeHired | EmployeeRehired]) -> Correspondence:
    """A hire that is told after the leaving is news of somebody who is still to come and to leave, and of nobody else."""
    if state.status != "unknown" or state.last_day is None:
        return state
    state = _with(state, status="expected")
    return _with_manager(_with_start(state, event.data.start_date, event.time), event.data, event.time)


def _rehired(state: Correspondence, event: Event[EmployeeRehired]) -> Correspondence:
    # HR may never have told of the leaving in between: a start after the whole journey says that this is another hire.
    stays = state.status == "expected" and state.last_day is None
    if stays and state.start_date and event.data.start_date > state.start_date + JOURNEY:
        state = _with(state, chapter=state.chapter + 1)
    return _hired(state, event)


def _updated(state: Correspondence, event: Event[EmployeeUpdated]) -> Correspondence:
    return _with_manager(_with_start(state, event.data.start_date, event.time), event.data, event.time)


def _described(state: Correspondence, event: Event[EmployeeSnapshot]) -> Correspondence:
    return _with_manager(state, event.data, event.time)  # the start date of an existing employee is history


def _start_moved(state: Correspondence, event: Event[StartDateChanged]) -> Correspondence:
    return _with_start(state, event.data.start_date, event.time)


def _rescinded(state: Correspondence, event: Event[HireRescinded]) -> Correspondence:
    return _over(state, "rescinded", event.time)


def _left(state: Correspondence, event: Event[EmployeeTerminated]) -> Correspondence:
    last_day = event.data.last_day
    if last_day is None or last_day < event.time.date() or state.resting:
        return _over(state, "left", event.time)
    return _with(state, over_at=event.time, last_day=last_day)


def _over(state: Correspondence, status: str, said_at: datetime) -> Correspondence:
    state = _with(state, over_at=said_at, last_day=None)  # kept even of somebody unknown: their hire may be told late
    return _with(state, status=status) if state.status == "expected" else state


def _stays(state: Correspondence, event: Event[TerminationCancelled]) -> Correspondence:
    if state.status == "rescinded":
        return state
    return _with(state, status="expected" if state.status == "left" else state.status, over_at=None, last_day=None)


def _enrolled(state: Correspondence, event: Event[MentorEnrolled]) -> Correspondence:
    if _is_overtaken(event.time, by=state.mentoring_said_at):
        return state
    return _with(state, enrolment=state.enrolment or event.id, nominated=False, mentoring_said_at=event.time)


def _nominated(state: Correspondence, event: Event[MentorNominated]) -> Correspondence:
    if _is_overtaken(event.time, by=state.mentoring_said_at):
        return state
    return _with(state, nominated=state.enrolment is None, mentoring_said_at=event.time)


def _trained(state: Correspondence, event: Event[MentorTrained]) -> Correspondence:
    return _with(state, enrolment=event.id, nominated=False) if state.nominated else state


def _mentor_changed(state: Correspondence, event: Event[MentorChanged]) -> Correspondence:
    accepted = state.nominated and event.data.status == "active"
    return _with(state, enrolment=event.id, nominated=False) if accepted else state


def _withdrawn(state: Correspondence, event: Event[MentorWithdrawn]) -> Correspondence:
    if _is_overtaken(event.time, by=state.mentoring_said_at):
        return state
    return _with(state, enrolment=None, nominated=False, mentoring_said_at=event.time)


def _assigned(state: Correspondence, event: Event[MentorAssigned]) -> Correspondence:
    data, before = event.data, state.assignment
    contributions = tuple(data.contributions)
    if before is not None and before.mentor_id == data.mentor_id:
        # Confirmed or decided anew with the same outcome: nobody needs to hear it twice.
        return _with(
            state,
            assignment=before.model_copy(update={"contributions": contributions, "decided_by": data.decided_by}),
            waitlisted_by=None,
        )
    endings = state.endings | ({before.event_id: data.previous_cause or "replaced"} if before is not None else {})
    assignment = Assignment(
        event_id=event.id, mentor_id=data.mentor_id, contributions=contributions, decided_by=data.decided_by, since=event.time
    )
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
    milestones = event.data.milestones
    asks = asking.asked(milestones, event.time.date())
    owners = {milestone.id: milestone.owner for milestone in milestones}
    return _with(_at_rest(state), owners=owners, asks=asks, journey=state.journey + 1, resting=False)


def _journey_rescheduled(state: Correspondence, event: Event[JourneyRescheduled]) -> Correspondence:
    return _moved(state, event.data.due, event.time)


def _moved(state: Correspondence, due: Mapping[str, date], said_at: datetime) -> Correspondence:
    return _with(_no_longer_late(state, due), asks=asking.moved(state.asks, due, said_at.date()))


def _no_longer_late(state: Correspondence, ids: Collection[str]) -> Correspondence:
    """Nobody is to be told any more that these are open."""
    told = (state.late, state.reminders, state.escalations)
    late, reminders, escalations = ({id: each for id, each in of.items() if id not in ids} for of in told)
    return _with(state, late=late, reminders=reminders, escalations=escalations)


def _at_rest(state: Correspondence) -> Correspondence:
    return _with(state, late={}, reminders={}, escalations={}, resting=True)


def _journey_replanned(state: Correspondence, event: Event[JourneyReplanned]) -> Correspondence:
    planned = [*event.data.added, *event.data.changed]
    owners = state.owners | {milestone.id: milestone.owner for milestone in planned}
    state = _no_longer_late(state, {*event.data.dropped, *(each.id for each in planned)})
    asks = state.asks | asking.asked(planned, event.time.date())
    return _with(state, owners=owners, asks=asking.opened(asks, event.data.dropped, open=False))


def _milestone_planned(state: Correspondence, event: Event[MilestoneAdded]) -> Correspondence:
    return _with(state, owners=state.owners | {event.data.milestone_id: event.data.owner})


def _milestone_reassigned(state: Correspondence, event: Event[MilestoneReassigned]) -> Correspondence:
    id, owner = event.data.milestone_id, event.data.owner
    return _with(
        state,
        owners=state.owners | {id: owner},
        late=_with_owner(state.late, id, owner),
        reminders=_with_owner(state.reminders, id, owner),
        escalations=_with_owner(state.escalations, id, owner),
    )


def _with_owner(told: dict[str, T], id: str, owner: Owner) -> dict[str, T]:
    return told | ({id: told[id].model_copy(update={"owner": owner})} if id in told else {})


def _milestone_late(state: Correspondence, event: Event[MilestoneLate]) -> Correspondence:
    data, owner = event.data, state.owners.get(event.data.milestone_id)
    if owner is None:
        return state
    late = LateMilestone(event_id=event.id, due=data.due, owner=owner, told_at=event.time)
    reminders = {id: each for id, each in state.reminders.items() if id != data.milestone_id}  # being late says as much
    return _with(state, late=state.late | {data.milestone_id: late}, reminders=reminders)


def _milestone_reminded(state: Correspondence, event: Event[MilestoneReminded]) -> Correspondence:
    data = event.data
    reminder = Reminder(event_id=event.id, due=data.due, owner=data.owner, told_at=event.time)
    return _with(state, reminders=state.reminders | {data.milestone_id: reminder})


def _milestone_escalated(state: Correspondence, event: Event[MilestoneEscalated]) -> Correspondence:
    data = event.data
    escalation = Escalation(event_id=event.id, due=data.due, owner=data.owner, told_at=event.time, to=data.to)
    return _with(state, escalations=state.escalations | {data.milestone_id: escalation})


def _milestone_done(state: Correspondence, event: Event[MilestoneCompleted]) -> Correspondence:
    met = held(state.invites, state.journey, event.data.milestone_id, event.time.date())
    return _milestone_settled(_with(state, invites=met), event)


def _milestone_settled(state: Correspondence, event: Event[MilestoneCompleted | MilestoneWaived]) -> Correspondence:
    id = event.data.milestone_id
    return _with(_no_longer_late(state, {id}), asks=asking.opened(state.asks, {id}, open=False))


def _milestone_moved(state: Correspondence, event: Event[MilestoneMoved]) -> Correspondence:
    return _moved(state, {event.data.milestone_id: event.data.due}, event.time)


def _milestone_reopened(state: Correspondence, event: Event[MilestoneReopened]) -> Correspondence:
    state = _moved(state, {event.data.milestone_id: event.data.due}, event.time)
    return _with(state, asks=asking.opened(state.asks, {event.data.milestone_id}, open=True))


def _survey_answered(state: Correspondence, event: Event[SurveyAnswered]) -> Correspondence:
    return _with(state, asks=asking.answered(state.asks, event.data.survey_id))


def _journey_at_rest(state: Correspondence, event: Event[JourneyCancelled | JourneyPaused]) -> Correspondence:
    return _at_rest(state)


def _journey_ended(state: Correspondence, event: Event[JourneyEnded]) -> Correspondence:
    """At rest; and of somebody who was about to leave, the end of the last day where they work."""
    if event.data.outcome == "left" and state.last_day is not None:
        state = _over(state, "left", state.over_at or event.time)
    return _at_rest(state)


def _journey_resumed(state: Correspondence, event: Event[JourneyResumed]) -> Correspondence:
    return _with(_moved(state, event.data.due, event.time), resting=False)


def _journey_goes_on(state: Correspondence, event: Event[JourneyReopened]) -> Correspondence:
    return _with(state, resting=False)


def _result(state: Correspondence, event: Event[SendResult]) -> Correspondence:
    result = event.data
    letter = state.letter(result.message_id)
    if letter is None or result.outcome == "deferred":
        return state
    # "sent" holds even for a letter withdrawn meanwhile: it is on its way, and its reader was told.
    status = "perhaps" if result.perhaps_told else "withdrawn" if result.reason == "withdrawn" else result.outcome
    letters = state.letters | {letter.key: letter.model_copy(update={"status": status})}
    told = state.told
    if (result.outcome == "sent" or result.perhaps_told) and result.told is not None and letter.template in TELLS_START:
        told = told | {f"{letter.role}/{letter.recipient_id}": result.told}
    return _with(state, letters=letters, told=told)


def _summary_due(state: Correspondence, event: Event[SummaryDue]) -> Correspondence:
    return _with(state, summaries=state.summaries | {event.data.summary: event.data.day})


def _met(state: Correspondence, event: Event[MeetingHeld]) -> Correspondence:
    mentor_id = event.data.mentor_id
    if mentor_id is None:
        return state
    return _with(state, meetings=state.meetings | {mentor_id: state.meetings.get(mentor_id, 0) + 1})


LEARN: dict[type, Callable[[Correspondence, Event[Any]], Correspondence]] = {
    EmployeeHired: _hired,
    EmployeeRehired: _rehired,
    EmployeeSnapshot: _described,
    EmployeeUpdated: _updated,
    StartDateChanged: _start_moved,
    HireRescinded: _rescinded,
    EmployeeTerminated: _left,
    TerminationCancelled: _stays,
    MentorEnrolled: _enrolled,
    MentorNominated: _nominated,
    MentorTrained: _trained,
    MentorChanged: _mentor_changed,
    MentorWithdrawn: _withdrawn,
    MentorAssigned: _assigned,
    MentorReleased: _released,
    HireWaitlisted: _waitlisted,
    HireUnlisted: _unlisted,
    JourneyStarted: _journey_started,
    JourneyRescheduled: _journey_rescheduled,
    MilestoneLate: _milestone_late,
    MilestoneReminded: _milestone_reminded,
    MilestoneEscalated: _milestone_escalated,
    JourneyReplanned: _journey_replanned,
    MilestoneAdded: _milestone_planned,
    MilestoneReassigned: _milestone_reassigned,
    MilestoneMoved: _milestone_moved,
    MilestoneCompleted: _milestone_done,
    MilestoneWaived: _milestone_settled,
    MilestoneReopened: _milestone_reopened,
    SurveyAnswered: _survey_answered,
    JourneyCancelled: _journey_at_rest,
    JourneyEnded: _journey_ended,
    JourneyPaused: _journey_at_rest,
    JourneyResumed: _journey_resumed,
    JourneyReopened: _journey_goes_on,
    MeetingHeld: _met,
    SummaryDue: _summary_due,
    SendResult: _result,
}
"""Every fact that means something here; the others pass by."""
