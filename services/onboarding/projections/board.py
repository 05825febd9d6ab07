"""The board: one row a hire, as their manager sees them."""

from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, date, datetime
from operator import not_
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from services.onboarding.journey import JourneyStatus, MilestoneStatus
from services.onboarding.projections.facets import facets_of, rated
from services.onboarding.projections.stored import Stored, instant
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
    NameChanged,
    Owner,
    PlannedMilestone,
    SurveyAnswered,
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
    """A milestone as the board counts it; `survey` and `meeting` as in `PlannedMilestone`, `met` the mentor who held that."""

    owner: Owner
    due: date
    optional: bool = False
    status: MilestoneStatus = "planned"
    survey: str | None = Field(default=None, exclude_if=not_)
    meeting: int | None = Field(default=None, exclude_if=not_)
    met: str | None = Field(default=None, exclude_if=not_)


class NextMilestone(_Model):
    """The open milestone that is due first and not late."""

    id: str
    owner: Owner
    due: date


class Assignment(_Model):
    """Whether there is a mentor, and why. `score` and points are 0..10000; `ruled_out` counts mentors by hard rule.

    `after_another`: there was a mentor before.
    """

    status: AssignmentStatus = "none"
    mentor_id: str | None = None
    score: int | None = None
    contributions: list[Contribution] = []
    runner_up_ids: list[str] = []
    decided_by: str | None = None
    ruled_out: dict[str, int] = {}
    cause: str | None = None
    since: datetime | None = None
    after_another: bool = Field(default=False, exclude_if=not_)


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
    `facets` are what it is found and counted by besides (`facets.Facet`); `rated` are the ratings of this journey, for means;
    `met` are the mentors with whom meetings were held, the last one last.
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
    facets: list[str] = []
    rated: list[str] = []
    away: Away | None = None
    last_day: date | None = None
    meetings: int = 0
    last_meeting_on: date | None = None
    met: list[str] = []
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


EMPTY: Stored = Board(employee_id="", updated_at=datetime.fromtimestamp(0, UTC)).model_dump(mode="json")


def fold_board(row: Stored | None, event: Event[Any]) -> Stored | None:
    """The row after an event of `TOPICS`, in the form that is stored; events that no row shows leave it as it is (also None).

    What is counted from the milestones, and where the row stands, is as it was: `finish_board` works it out, once for any
    number of events.
    """
    change = _BOARD.get(type(event.data))
    if change is None:
        return row
    before = row or EMPTY | {"employee_id": event.subject}
    if len(before) != len(EMPTY):  # stored before a field was added
        before = EMPTY | before
    updates = change(before, event)
    if updates is None:
        return row
    updated_at = before["updated_at"] if instant(before["updated_at"]) > instant(event.stamp) else event.stamp
    return {**before, **updates, "updated_at": updated_at}


def may_show_on_board(kind: type[Fact], value: bytes) -> bool:
    """Whether a fact of this kind with this JSON may change a row: of all messages only a welcome does."""
    return kind in _BOARD and (kind not in _OF_MESSAGES or _WELCOME in value or b"\\" in value)


def finish_board(row: Stored) -> Stored:
    """The row with everything that follows from the rest of it: a `Board` as JSON."""
    counted = {**row, **_counted(row["milestones"])}
    attention = _attention(counted)
    standing = _standing(row["status"], attention)
    return {**counted, "attention": attention, "standing": standing, "facets": facets_of(counted)}


def _attention(row: Stored) -> list[Attention]:
    if row["status"] != "active":
        return []
    assignment, mail = row["assignment"], row["mail"]
    reasons: Mapping[Attention, bool] = {
        "late": bool(row["late"]),
        "no_mentor": assignment["status"] in ("waitlisted", "released") and row["last_day"] is None,
        "mail_failed": mail["state"] == "failed" or mail["reason"] == NO_ADDRESS,
    }
    return [reason for reason, holds in reasons.items() if holds]


def _standing(status: JourneyStatus, attention: Sequence[Attention]) -> Standing:
    if status != "active":
        return status
    if "late" in attention:
        return "late"
    return "attention" if attention else "track"


_ASSIGNED = {"mentor_id", "score", "contributions", "runner_up_ids", "decided_by"}

Updates = dict[str, Any]
Milestones = dict[str, Stored]
OPEN: Sequence[MilestoneStatus] = ("planned", "late")


def _counted(milestones: Milestones) -> Updates:
    """Everything that is counted from the milestones."""
    done, total, late, first = 0, 0, [], None
    for id, each in milestones.items():
        status = each["status"]
        if status == "late":
            late.append(id)
        if each["optional"] or status == "waived":
            continue
        total += 1
        if status == "done":
            done += 1
        elif status == "planned" and (first is None or each["due"] < milestones[first]["due"]):
            first = id
    following = {"id": first, "owner": milestones[first]["owner"], "due": milestones[first]["due"]} if first else None
    return {"done": done, "total": total, "next": following, "late": late}


def _row_started(row: Stored, event: Event[JourneyStarted]) -> Updates:
    fact = event.data
    return {
        "status": "active",
        "milestones": {each.id: _row_of_programme(each) for each in fact.milestones},
        "number": row["number"] + 1,
        "start_date": fact.start_date.isoformat(),
        "programme": fact.programme,
        "programme_version": fact.programme_version,
        "manager_id": fact.manager_id,
        "away": None,
        "last_day": None,
        "meetings": 0,
        "last_meeting_on": None,
        "met": [],
        "rated": [],
    }


def _row_planned(planned: PlannedMilestone | MilestoneAdded) -> Stored:
    return {"owner": planned.owner, "due": planned.due.isoformat(), "optional": planned.optional, "status": "planned"}


def _row_of_programme(planned: PlannedMilestone) -> Stored:
    row = _row_planned(planned)
    if planned.survey:
        row["survey"] = planned.survey
    if planned.meeting:
        row["meeting"] = planned.meeting
    return row


def _row_rescheduled(row: Stored, event: Event[JourneyRescheduled]) -> Updates:
    due = event.data.due
    moved = {
        id: {**each, "due": due[id].isoformat(), "status": "planned"}
        for id, each in row["milestones"].items()
        if id in due and each["status"] in OPEN
    }
    return {"milestones": {**row["milestones"], **moved}, "start_date": event.data.start_date.isoformat()}


def _row_replanned(row: Stored, event: Event[JourneyReplanned]) -> Updates:
    fact, milestones = event.data, dict(row["milestones"])
    milestones |= {each.id: _row_of_programme(each) for each in fact.added}
    for each in fact.changed:
        before, after = milestones[each.id], _row_of_programme(each)
        milestones[each.id] = after | {"status": before["status"] if before["due"] == after["due"] else "planned"}
    milestones |= {id: {**milestones[id], "status": "waived"} for id in fact.dropped}
    return {"milestones": milestones, "programme": fact.programme, "programme_version": fact.programme_version}


def _row_paused(row: Stored, event: Event[JourneyPaused]) -> Updates:
    return {"status": "paused", "away": Away(since=event.data.since, until=event.data.until).model_dump(mode="json")}


def _row_resumed(row: Stored, event: Event[JourneyResumed]) -> Updates:
    due = event.data.due
    again = {
        id: {**each, "due": due[id].isoformat() if id in due else each["due"], "status": "planned"}
        for id, each in row["milestones"].items()
        if each["status"] in OPEN
    }
    return {"milestones": {**row["milestones"], **again}, "status": "active", "away": None}


def _row_ended(row: Stored, event: Event[JourneyEnded]) -> Updates:
    gone = {} if event.data.outcome == "completed" else {"last_day": None}
    return {"status": event.data.outcome, **gone}


def _row_reopened(row: Stored, event: Event[JourneyReopened]) -> Updates:
    return {"status": "active" if row["away"] is None else "paused"}


def _row_added(row: Stored, event: Event[MilestoneAdded]) -> Updates:
    return {"milestones": {**row["milestones"], event.data.milestone_id: _row_planned(event.data)}}


def _row_changed(change: Callable[[Any], Updates]) -> Callable[[Stored, Event[Any]], Updates | None]:
    return lambda row, event: _row_with(row, event.data.milestone_id, change(event.data))


def _row_with(row: Stored, id: str, change: Updates) -> Updates | None:
    """The change of one milestone that is known and not done."""
    milestones = row["milestones"]
    milestone = milestones.get(id)
    if milestone is None or milestone["status"] == "done":
        return None
    return {"milestones": {**milestones, id: {**milestone, **change}}}


def _row_milestone(status: MilestoneStatus) -> Callable[[Stored, Event[Any]], Updates | None]:
    change = {"status": status}
    return lambda row, event: _row_with(row, event.data.milestone_id, change)


def _row_done(row: Stored, event: Event[MilestoneCompleted]) -> Updates | None:
    """Done; of a planned meeting, with the mentor of the last one: the fact that one was held comes before this one."""
    id = event.data.milestone_id
    planned = row["milestones"].get(id)
    met = row["met"] if planned and planned.get("meeting") else []
    return _row_with(row, id, {"status": "done", "met": met[-1]} if met else {"status": "done"})


def _row_due_anew(row: Stored, event: Event[Any]) -> Updates | None:
    return _row_changed(lambda fact: {"due": fact.due.isoformat(), "status": "planned"})(row, event)


def _row_met(row: Stored, event: Event[MeetingHeld]) -> Updates:
    return {
        "meetings": row["meetings"] + 1,
        "last_meeting_on": max(row["last_meeting_on"] or "", event.data.held_on.isoformat()),
        "met": _last(row["met"], event.data.mentor_id),
    }


def _last(met: Sequence[str], mentor_id: str | None) -> list[str]:
    return [*(each for each in met if each != mentor_id), mentor_id] if mentor_id else list(met)


def _row_answered(row: Stored, event: Event[SurveyAnswered]) -> Updates:
    fact, programme = event.data, row["programme"] or ""
    return {"rated": [*row["rated"], *(rated(programme, fact.survey_id, *each) for each in fact.ratings.items())]}


def _row_assigned(row: Stored, event: Event[MentorAssigned]) -> Updates:
    told = event.data.model_dump(mode="json", include=_ASSIGNED)
    return _assignment(row, status="assigned", since=event.stamp, **told)


def _row_released(row: Stored, event: Event[MentorReleased]) -> Updates:
    return _assignment(row, status="released", cause=event.data.cause, since=event.stamp)


def _row_waitlisted(row: Stored, event: Event[HireWaitlisted]) -> Updates:
    return _assignment(row, status="waitlisted", ruled_out=event.data.ruled_out, since=event.stamp)


def _row_unlisted(row: Stored, event: Event[HireUnlisted]) -> Updates:
    return _assignment(row, status="none", cause=event.data.cause, since=event.stamp)


def _assignment(row: Stored, **known: Any) -> Updates:
    """Another `Assignment`, of which this is known."""
    before = row["assignment"]
    after = {**EMPTY["assignment"], **known}
    if before.get("after_another") or before["mentor_id"]:
        after["after_another"] = True
    return {"assignment": after}


def _row_message(state: MailState) -> Callable[[Stored, Event[Any]], Updates | None]:
    def change(row: Stored, event: Event[Any]) -> Updates | None:
        if event.data.template != WELCOME or event.data.recipient_role != "hire":
            return None
        mail = Mail(state=state, reason=getattr(event.data, "reason", None), at=event.time)
        return {"mail": mail.model_dump(mode="json")}

    return change


_BOARD: Mapping[type[Fact], Callable[[Stored, Event[Any]], Updates | None]] = {
    JourneyStarted: _row_started,
    JourneyRescheduled: _row_rescheduled,
    ManagerChanged: lambda row, event: {"manager_id": event.data.manager_id},
    NameChanged: lambda row, event: {},
    MilestoneCompleted: _row_done,
    MilestoneLate: _row_milestone("late"),
    MilestoneWaived: _row_milestone("waived"),
    MilestoneReopened: _row_due_anew,
    MilestoneAdded: _row_added,
    MilestoneMoved: _row_due_anew,
    MilestoneReassigned: _row_changed(lambda fact: {"owner": fact.owner}),
    MeetingHeld: _row_met,
    SurveyAnswered: _row_answered,
    JourneyReplanned: _row_replanned,
    JourneyPaused: _row_paused,
    JourneyResumed: _row_resumed,
    LeavingPlanned: lambda row, event: {"last_day": event.data.last_day.isoformat()},
    LeavingCancelled: lambda row, event: {"last_day": None},
    JourneyCancelled: lambda row, event: {"status": "cancelled", "last_day": None},
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
_OF_MESSAGES = (MessageSent, MessageFailed, MessageSuppressed)
_WELCOME = f'"{WELCOME}"'.encode()
