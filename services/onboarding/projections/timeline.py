"""The person's timeline: everything told of one person, in time order."""

from bisect import insort
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from pydantic import BaseModel, ConfigDict

from services.onboarding.projections.stored import Stored, instant
from shared.events import Event, Fact
from shared.events.mentoring import HireUnlisted, HireWaitlisted, MentorAssigned, MentorReleased
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
    SurveyAnswered,
)

TIMELINE_ENTRIES = 400  # a full journey has about 80; the newest are kept, the topics keep all


class _Model(BaseModel):
    model_config = ConfigDict(frozen=True, extra="ignore")


class Entry(_Model):
    """One thing that happened. `kind` names it (`KINDS`), `who` is an employee id, `system`, `policy` or `operator`.

    `details` holds the fact's own fields but the employee, as JSON values.
    """

    at: datetime
    topic: str
    sequence: int
    kind: str
    who: str | None = None
    milestone_id: str | None = None
    details: dict[str, Any] = {}

    @property
    def order(self) -> tuple[datetime, str, int]:
        """Timelines are sorted by this: time, then topic and place in it, which no two entries share."""
        return self.at, self.topic, self.sequence


class Timeline(_Model):
    """Everything told of one person, oldest first; of very long ones only the newest `TIMELINE_ENTRIES`."""

    employee_id: str
    entries: list[Entry] = []


KINDS: Mapping[type[Fact], tuple[str, str | None]] = {
    JourneyStarted: ("journey_started", None),
    JourneyRescheduled: ("journey_rescheduled", None),
    JourneyReplanned: ("journey_replanned", "decided_by"),
    JourneyPaused: ("journey_paused", "paused_by"),
    PausePlanned: ("pause_planned", "planned_by"),
    PauseCancelled: ("pause_cancelled", "cancelled_by"),
    JourneyResumed: ("journey_resumed", "resumed_by"),
    LeavingPlanned: ("leaving_planned", None),
    LeavingCancelled: ("leaving_cancelled", None),
    ManagerChanged: ("manager_changed", None),
    MilestoneCompleted: ("milestone_completed", "completed_by"),
    MilestoneConfirmed: ("milestone_confirmed", "confirmed_by"),
    MilestoneLate: ("milestone_late", None),
    MilestoneReminded: ("milestone_reminded", None),
    MilestoneEscalated: ("milestone_escalated", None),
    MilestoneWaived: ("milestone_waived", "waived_by"),
    MilestoneReopened: ("milestone_reopened", "reopened_by"),
    MilestoneAdded: ("milestone_added", "added_by"),
    MilestoneMoved: ("milestone_moved", "moved_by"),
    MilestoneReassigned: ("milestone_reassigned", "reassigned_by"),
    MeetingHeld: ("meeting_held", "reported_by"),
    SurveyAnswered: ("survey_answered", "employee_id"),
    JourneyCancelled: ("journey_cancelled", None),
    JourneyEnded: ("journey_ended", None),
    JourneyReopened: ("journey_reopened", None),
    MentorAssigned: ("mentor_assigned", "decided_by"),
    MentorReleased: ("mentor_released", None),
    HireWaitlisted: ("hire_waitlisted", None),
    HireUnlisted: ("hire_unlisted", None),
    MessageSent: ("message_sent", None),
    MessageFailed: ("message_failed", None),
    MessageSuppressed: ("message_suppressed", None),
}
"""What a timeline shows: the kind of its entry, and the field that says who did it. That somebody took another name is theirs
alone to tell: it is no entry."""

_NOT_SHOWN = {"employee_id", "milestones"}  # the plan is in the journey; here it would be half the document


def fold_timeline(timeline: Stored | None, event: Event[Any]) -> Stored | None:
    """The timeline after an event of `TOPICS`, in the form that is stored: a `Timeline` as JSON."""
    kind = KINDS.get(type(event.data))
    if kind is None:
        return timeline
    entries = list(timeline["entries"]) if timeline else []
    entry = _entry(event, *kind)
    if entries and _is_before(entry, entries[-1]):
        insort(entries, entry, key=_order)
    else:
        entries.append(entry)
    kept = entries if len(entries) <= TIMELINE_ENTRIES else entries[-TIMELINE_ENTRIES:]
    return {"employee_id": event.subject, "entries": kept}


def _order(entry: Stored) -> tuple[str, str, int]:
    """`Entry.order` of a stored entry."""
    return instant(entry["at"]), entry["topic"], entry["sequence"]


def _is_before(entry: Stored, other: Stored) -> bool:
    at, of_other = instant(entry["at"]), instant(other["at"])
    return at < of_other or (at == of_other and _order(entry) < _order(other))


def _entry(event: Event[Any], kind: str, who: str | None) -> Stored:
    fact = event.data
    details = fact.__pydantic_serializer__.to_python(
        fact, mode="json", exclude_none=True, exclude=_NOT_SHOWN
    )  # `model_dump`, faster
    return {
        "at": event.stamp,
        "topic": fact.TOPIC,
        "sequence": event.sequence or 0,
        "kind": kind,
        "who": getattr(fact, who) if who else None,
        "milestone_id": details.pop("milestone_id", None),
        "details": details,
    }
