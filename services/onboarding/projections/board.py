"""The board: one row a hire, as their manager sees them."""

from collections.abc import Callable, Mapping, Sequence
from datetime import date, datetime
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict

from services.onboarding.journey import JourneyStatus, MilestoneStatus
from shared.events import Event, Fact
from shared.events.mentoring import (
    Contribution,
    HireUnlisted,
    HireWaitlisted,
    MentorAssigned,
    MentorReleased,
)
from shared.events.notifications import MessageFailed, MessageSent, MessageSuppressed
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
    MilestoneLate,
    MilestoneMoved,
    MilestoneReassigned,
    MilestoneReopened,
    MilestoneWaived,
    Owner,
    PlannedMilestone,
)

WELCOME = "welcome"  # the template whose fate the board shows: a hire who heard nothing is what managers worry about
NO_ADDRESS = "no_address"  # of all reasons to suppress a welcome the one that somebody can mend

AssignmentStatus = Literal["none", "assigned", "waitlisted", "released"]
MailState = Literal["planned", "sent", "failed", "suppressed"]


Attention = Literal["late", "no_mentor", "mail_failed"]
Standing = Literal["expected", "late", "attention", "track", "paused", "completed", "left", "cancelled"]


class _Model(BaseModel):
    model_config = ConfigDict(frozen=True, extra="ignore")


class BoardMilestone(_Model):
    """A milestone as the board counts it."""

    owner: Owner
    due: date
    optional: bool = False
    status: MilestoneStatus = "planned"


class NextMilestone(_Model):
    """The open milestone that is due first and not late."""

    id: str
    owner: Owner
    due: date


class Assignment(_Model):
    """Whether there is a mentor, and why. `score` and points are 0..10000; `ruled_out` counts mentors by hard rule."""

    status: AssignmentStatus = "none"
    mentor_id: str | None = None
    score: int | None = None
    contributions: list[Contribution] = []
    runner_up_ids: list[str] = []
    decided_by: str | None = None
    ruled_out: dict[str, int] = {}
    cause: str | None = None
    since: datetime | None = None


class Mail(_Model):
    """What became of the welcome message to the hire; `reason` is a code where it was not sent."""

    state: MailState = "planned"
    reason: str | None = None
    at: datetime | None = None


class Away(_Model):
    """A pause that lasts: its first day, and the day of return where it is planned."""

    since: date
    until: date | None = None


class Board(_Model):
    """One row: a hire as their manager sees them. `done` of `total` counts required milestones that were not waived.

    `attention` says why a manager should look: `late`, `no_mentor` (waitlisted, or released and not assigned again),
    `mail_failed` (or no address to send to); `away` is set while the journey is paused, `last_day` while the person is about to
    leave. `standing` is where the row stands among others, in one word that an index can
    hold: an active journey is `late`, needs `attention` for another reason or is on `track`; any other stands by its status.
    """

    employee_id: str
    status: JourneyStatus = "expected"
    number: int = 0
    start_date: date | None = None
    programme: str | None = None
    programme_version: str | None = None
    manager_id: str | None = None
    milestones: dict[str, BoardMilestone] = {}
    done: int = 0
    total: int = 0
    next: NextMilestone | None = None
    late: list[str] = []
    attention: list[Attention] = []
    standing: Standing = "expected"
    away: Away | None = None
    last_day: date | None = None
    meetings: int = 0
    last_meeting_on: date | None = None
    assignment: Assignment = Assignment()
    mail: Mail = Mail()
    updated_at: datetime

    @property
    def mentor_id(self) -> str | None:
        """The present mentor."""
        return self.assignment.mentor_id

    @property
    def needs_attention(self) -> bool:
        """Whether a manager should look."""
        return bool(self.attention)


def fold_board(row: Board | None, event: Event[Any]) -> Board | None:
    """The row after an event of `TOPICS`; events that no row shows leave it as it is (also None)."""
    change = _BOARD.get(type(event.data))
    if change is None:
        return row
    before = row or Board(employee_id=event.subject, updated_at=event.time)
    updates = change(before, event)
    if updates is None:
        return row
    after = before.model_copy(update=updates | {"updated_at": max(before.updated_at, event.time)})
    attention = _attention(after)
    return after.model_copy(update={"attention": attention, "standing": _standing(after.status, attention)})


def _attention(row: Board) -> list[Attention]:
    if row.status != "active":
        return []
    reasons: Mapping[Attention, bool] = {
        "late": bool(row.late),
        "no_mentor": row.assignment.status in ("waitlisted", "released") and row.last_day is None,
        "mail_failed": row.mail.state == "failed" or row.mail.reason == NO_ADDRESS,
    }
    return [reason for reason, holds in reasons.items() if holds]


def _standing(status: JourneyStatus, attention: Sequence[Attention]) -> Standing:
    if status != "active":
        return status
    if "late" in attention:
        return "late"
    return "attention" if attention else "track"


Updates = dict[str, Any]
OPEN: Sequence[MilestoneStatus] = ("planned", "late")


def _counted(row: Board, milestones: dict[str, BoardMilestone], status: JourneyStatus | None = None) -> Updates:
    """The milestones with everything that is counted from them."""
    status = status or row.status
    required = {id: each for id, each in milestones.items() if not each.optional and each.status != "waived"}
    late = [id for id, each in milestones.items() if each.status == "late"]
    ahead = [(each.due, place, id) for place, (id, each) in enumerate(required.items()) if each.status == "planned"]
    first = min(ahead)[2] if ahead else None
    return {
        "status": status,
        "milestones": milestones,
        "done": sum(each.status == "done" for each in required.values()),
        "total": len(required),
        "next": NextMilestone(id=first, owner=required[first].owner, due=required[first].due) if first else None,
        "late": late,
    }


def _row_started(row: Board, event: Event[JourneyStarted]) -> Updates:
    fact = event.data
    planned = {each.id: _row_planned(each) for each in fact.milestones}
    return _counted(row, planned, "active") | {
        "number": row.number + 1,
        "start_date": fact.start_date,
        "programme": fact.programme,
        "programme_version": fact.programme_version,
        "manager_id": fact.manager_id,
        "away": None,
        "last_day": None,
        "meetings": 0,
        "last_meeting_on": None,
    }


def _row_planned(planned: PlannedMilestone) -> BoardMilestone:
    return BoardMilestone(owner=planned.owner, due=planned.due, optional=planned.optional)


def _row_rescheduled(row: Board, event: Event[JourneyRescheduled]) -> Updates:
    moved = {
        id: each.model_copy(update={"due": event.data.due[id], "status": "planned"})
        for id, each in row.milestones.items()
        if id in event.data.due and each.status in OPEN
    }
    return _counted(row, row.milestones | moved) | {"start_date": event.data.start_date}


def _row_replanned(row: Board, event: Event[JourneyReplanned]) -> Updates:
    fact, milestones = event.data, dict(row.milestones)
    milestones |= {each.id: _row_planned(each) for each in fact.added}
    for each in fact.changed:
        before = milestones[each.id]
        moved = {"owner": each.owner, "optional": each.optional, "due": each.due}
        status = {} if before.due == each.due else {"status": "planned"}
        milestones[each.id] = before.model_copy(update=moved | status)
    milestones |= {id: milestones[id].model_copy(update={"status": "waived"}) for id in fact.dropped}
    return _counted(row, milestones) | {"programme": fact.programme, "programme_version": fact.programme_version}


def _row_paused(row: Board, event: Event[JourneyPaused]) -> Updates:
    return _counted(row, row.milestones, "paused") | {"away": Away(since=event.data.since, until=event.data.until)}


def _row_resumed(row: Board, event: Event[JourneyResumed]) -> Updates:
    again = {
        id: each.model_copy(update={"due": event.data.due.get(id, each.due), "status": "planned"})
        for id, each in row.milestones.items()
        if each.status in OPEN
    }
    return _counted(row, row.milestones | again, "active") | {"away": None}


def _row_ended(row: Board, event: Event[JourneyEnded]) -> Updates:
    gone = {} if event.data.outcome == "completed" else {"last_day": None}
    return _counted(row, row.milestones, event.data.outcome) | gone


def _row_reopened(row: Board, event: Event[JourneyReopened]) -> Updates:
    return _counted(row, row.milestones, "active" if row.away is None else "paused")


def _row_added(row: Board, event: Event[MilestoneAdded]) -> Updates:
    fact = event.data
    return _counted(
        row,
        row.milestones | {fact.milestone_id: BoardMilestone(owner=fact.owner, due=fact.due, optional=fact.optional)},
    )


def _row_changed(change: Callable[[Any], Updates]) -> Callable[[Board, Event[Any]], Updates | None]:
    def apply(row: Board, event: Event[Any]) -> Updates | None:
        milestone = row.milestones.get(event.data.milestone_id)
        if milestone is None or milestone.status == "done":
            return None
        changed = milestone.model_copy(update=change(event.data))
        return _counted(row, row.milestones | {event.data.milestone_id: changed})

    return apply


def _row_milestone(status: MilestoneStatus) -> Callable[[Board, Event[Any]], Updates | None]:
    return _row_changed(lambda _: {"status": status})


def _row_due_anew(row: Board, event: Event[Any]) -> Updates | None:
    return _row_changed(lambda fact: {"due": fact.due, "status": "planned"})(row, event)


def _row_met(row: Board, event: Event[MeetingHeld]) -> Updates:
    days = [day for day in (row.last_meeting_on, event.data.held_on) if day is not None]
    return {"meetings": row.meetings + 1, "last_meeting_on": max(days)}


def _row_assigned(row: Board, event: Event[MentorAssigned]) -> Updates:
    fact = event.data
    return {
        "assignment": Assignment(
            status="assigned",
            mentor_id=fact.mentor_id,
            score=fact.score,
            contributions=fact.contributions,
            runner_up_ids=fact.runner_up_ids,
            decided_by=fact.decided_by,
            since=event.time,
        )
    }


def _row_released(row: Board, event: Event[MentorReleased]) -> Updates:
    return {"assignment": Assignment(status="released", cause=event.data.cause, since=event.time)}


def _row_waitlisted(row: Board, event: Event[HireWaitlisted]) -> Updates:
    return {"assignment": Assignment(status="waitlisted", ruled_out=event.data.ruled_out, since=event.time)}


def _row_unlisted(row: Board, event: Event[HireUnlisted]) -> Updates:
    return {"assignment": Assignment(status="none", cause=event.data.cause, since=event.time)}


def _row_message(state: MailState) -> Callable[[Board, Event[Any]], Updates | None]:
    def change(row: Board, event: Event[Any]) -> Updates | None:
        if event.data.template != WELCOME or event.data.recipient_role != "hire":
            return None
        return {"mail": Mail(state=state, reason=getattr(event.data, "reason", None), at=event.time)}

    return change


_BOARD: Mapping[type[Fact], Callable[[Board, Event[Any]], Updates | None]] = {
    JourneyStarted: _row_started,
    JourneyRescheduled: _row_rescheduled,
    ManagerChanged: lambda row, event: {"manager_id": event.data.manager_id},
    MilestoneCompleted: _row_milestone("done"),
    MilestoneLate: _row_milestone("late"),
    MilestoneWaived: _row_milestone("waived"),
    MilestoneReopened: _row_due_anew,
    MilestoneAdded: _row_added,
    MilestoneMoved: _row_due_anew,
    MilestoneReassigned: _row_changed(lambda fact: {"owner": fact.owner}),
    MeetingHeld: _row_met,
    JourneyReplanned: _row_replanned,
    JourneyPaused: _row_paused,
    JourneyResumed: _row_resumed,
    LeavingPlanned: lambda row, event: {"last_day": event.data.last_day},
    LeavingCancelled: lambda row, event: {"last_day": None},
    JourneyCancelled: lambda row, event: _counted(row, row.milestones, "cancelled") | {"last_day": None},
    JourneyEnded: _row_ended,
    JourneyReopened: _row_reopened,
    MentorAssigned: _row_assigned,
    MentorReleased: _row_released,
    HireWaitlisted: _row_waitlisted,
    HireUnlisted: _row_unlisted,
    MessageSent: _row_message("sent"),
    MessageFailed: _row_message("failed"),
    MessageSuppressed: _row_message("suppressed"),
}
