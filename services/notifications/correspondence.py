"""What is known of one employee and what was written about them: the correspondence, pure data.

It holds what is known (from HR, matching and onboarding) and the letters written so far with what each recipient was last told.
"""

import hashlib
from datetime import date, datetime, timedelta
from functools import lru_cache
from operator import not_
from typing import ClassVar, Literal

from pydantic import BaseModel, ConfigDict, Field

from services.notifications.asking import Ask
from services.notifications.invitations import Invite
from shared.events.mentoring import Contribution
from shared.events.notifications import RecipientRole, Template
from shared.events.onboarding import EscalatedTo, Owner

EMAIL = "email"

TELLS_START: frozenset[Template] = frozenset({"welcome", "mentor_brief", "manager_notice", "plans_changed"})
"""Templates that name the start date: after one of them its recipient has been told."""

Summary = Literal["manager_digest", "undelivered", "week_ahead"]
"""A letter about many people or many days, and so written to somebody on a day rather than because of a fact."""

LetterStatus = Literal["planned", "sent", "failed", "suppressed", "withdrawn", "perhaps"]
"""`perhaps`: withdrawn after an attempt of which nobody knows whether it arrived."""


class State(BaseModel):
    """Base of the parts of a correspondence: never changed, only replaced."""

    model_config = ConfigDict(extra="ignore", frozen=True)


class Letter(State):
    """One message to one person. `cause` names the fact it tells of: the same fact told again gives the same letter."""

    template: Template
    role: RecipientRole
    recipient_id: str
    cause: str
    channel: str = EMAIL
    status: LetterStatus = "planned"
    due_at: datetime

    @property
    def id(self) -> str:
        """The ledger key and the stable part of the Message-ID: 32 hex digits, the same in every replay."""
        return message_id(self.cause, self.template, self.recipient_id, self.channel)

    @property
    def has_arrived(self) -> bool:
        """Whether its reader counts as told. Who perhaps was must hear of what changed: a word too many is better than none."""
        return self.status in ("sent", "perhaps")

    @property
    def is_withdrawn(self) -> bool:
        """Whether it is not to go any more, unless its reason comes back."""
        return self.status in ("withdrawn", "perhaps")

    @property
    def key(self) -> str:
        """What a correspondence knows the letter by, whichever channel it is on."""
        return message_id(self.cause, self.template, self.recipient_id, EMAIL)


class Assignment(State):
    """The mentor a hire has now; `event_id` is the fact that gave them, told at `since`, `contributions` why."""

    event_id: str
    mentor_id: str
    contributions: tuple[Contribution, ...] = ()
    decided_by: str = "policy"
    since: datetime | None = None


class LateMilestone(State):
    """A milestone that is late; `event_id` is the fact that said so, told at `told_at`."""

    event_id: str
    due: date
    owner: Owner
    told_at: datetime | None = None

    def cause(self, employee_id: str) -> str:
        """What a reminder of it tells of: everything that its owner heard of at one time, so that it is one letter, not five."""
        return self.event_id if self.told_at is None else f"{employee_id}/late-{self.owner}-{self.told_at.isoformat()}"


class Reminder(State):
    """An open milestone of which its owner is reminded; `event_id` is the fact that said so, told at `told_at`."""

    event_id: str
    due: date
    owner: Owner
    told_at: datetime

    def cause(self, employee_id: str) -> str:
        """What a letter tells of: everything of which its owner is reminded at one time."""
        return f"{employee_id}/reminder-{self.owner}-{self.told_at.isoformat()}"


class Escalation(Reminder):
    """An open milestone of which somebody else is to know: `to`."""

    to: EscalatedTo

    def cause(self, employee_id: str) -> str:
        """What a letter tells of: everything that its reader is to know at one time."""
        return f"{employee_id}/escalated-{self.to}-{self.told_at.isoformat()}"


class Correspondence(State):
    """Everything notifications knows and has written about one employee.

    `chapter` counts the times this person was hired, the last time heard of on the day `hired_on`; `moves` the changes of the
    start date, last said at `start_said_at`, as the manager is at `manager_said_at`; `over_at` is when HR said that the hire is
    over, `last_day` of somebody who is still there until onboarding tells that it is; `enrolment` the fact that made this person
    a mentor; `nominated` says that only their training (or a coordinator's word) is missing for that; both were last said at
    `mentoring_said_at`; `endings` maps the fact that gave a mentor to why that ended; `owners` a milestone to who owns it;
    `journey` counts this person's journeys, `resting` says that the last one is paused or over, `asks` maps its milestones to
    what mails ask about; `told` maps "role/recipient" to the start date that person was last told; `letters` is keyed by their
    keys. `meetings` counts those held with each mentor. `summaries` are those that this person gets of others, with the day each
    was last due. `invites` are the meetings that calendars were or will be told of.
    """

    employee_id: str
    status: Literal["unknown", "expected", "rescinded", "left"] = "unknown"
    chapter: int = 0
    moves: int = 0
    start_date: date | None = None
    start_said_at: datetime | None = None
    over_at: datetime | None = None
    last_day: date | None = Field(default=None, exclude_if=not_)
    hired_on: date | None = None
    manager_id: str | None = None
    manager_said_at: datetime | None = None
    enrolment: str | None = None
    nominated: bool = False
    mentoring_said_at: datetime | None = Field(default=None, exclude_if=not_)
    assignment: Assignment | None = None
    endings: dict[str, str] = Field(default_factory=dict)
    waitlisted_by: str | None = None
    owners: dict[str, Owner] = Field(default_factory=dict)
    late: dict[str, LateMilestone] = Field(default_factory=dict)
    reminders: dict[str, Reminder] = Field(default_factory=dict)
    escalations: dict[str, Escalation] = Field(default_factory=dict)
    journey: int = 0
    resting: bool = False
    asks: dict[str, Ask] = Field(default_factory=dict)
    summaries: dict[Summary, date] = Field(default_factory=dict)
    invites: dict[str, Invite] = Field(default_factory=dict)
    meetings: dict[str, int] = Field(default_factory=dict)
    letters: dict[str, Letter] = Field(default_factory=dict)
    told: dict[str, date] = Field(default_factory=dict)

    def letter(self, message_id: str) -> Letter | None:
        """The letter that this entry of the ledger is or was about, on whichever channel."""
        elsewhere = (each for each in self.letters.values() if each.channel != EMAIL and each.id == message_id)
        return self.letters.get(message_id) or next(elsewhere, None)

    @property
    def reminds(self) -> bool:
        """Whether somebody is or was told of a milestone that is open."""
        return bool(self.late or self.reminders or self.escalations)

    def heard_with(self, milestone_id: str, escalation: Escalation) -> list[LateMilestone | Reminder]:
        """What the owner of a milestone is told of it at the time at which somebody else is: that it is late, or a reminder."""
        told = (self.late.get(milestone_id), self.reminders.get(milestone_id))
        return [each for each in told if each is not None and each.told_at == escalation.told_at]

    def cause(self, fact: str) -> str:
        """The cause of a letter that follows from HR's facts alone, whatever ids HR gave the events that told them."""
        return f"{self.employee_id}/{fact}"

    def asking(self, ask: Ask) -> str:
        """The cause of a letter that asks this in the present journey."""
        return self.cause(f"ask-{self.journey}-{ask.name}")

    def invitation(self, key: str, sequence: int) -> str:
        """The cause of a letter that tells calendars of a meeting as it is planned now."""
        return self.cause(f"meet-{key}-{sequence}")

    def meeting(self, letter: Letter) -> str:
        """The key of the meeting that an invitation, or its cancellation, is about: the reverse of `invitation`."""
        return letter.cause.removeprefix(self.cause("meet-")).rpartition("-")[0]

    @property
    def invited(self) -> frozenset[tuple[str, str]]:
        """Which meetings, by key, which readers' calendars know of."""
        sent = (each for each in self.letters.values() if each.template == "meeting_invitation" and each.has_arrived)
        return frozenset((self.meeting(each), each.recipient_id) for each in sent)

    def started_before(self, we_heard: timedelta) -> bool:
        """Whether the first day was longer ago than that when we heard of the hire: late data, not news."""
        if self.start_date is None or self.hired_on is None:
            return False
        return self.start_date + we_heard < self.hired_on

    def was_sent(self, template: Template, cause: str, recipient_id: str) -> bool:
        """Whether this recipient has this letter."""
        letter = self.letters.get(message_id(cause, template, recipient_id, EMAIL))
        return letter is not None and letter.has_arrived


class SendResult(BaseModel):
    """What became of one attempt to send a message: a command to this service, never published.

    `told` is the start date that the message named. `retry_at` is set with the outcome `deferred`. `reason` is a code.
    `attempted` says whether the message itself was tried, so that its next pause is longer. `traceparent` is where its trace
    stands. `instead` is the channel by which it goes now, where it does not go by this one. `rendered_at` is when it was
    written, where it was, and `written_in` the language where that is not its reader's. `perhaps_told`: it does not go any more,
    and an attempt may have arrived. `failed_by` is the reason why this attempt failed, where the outcome has another.
    """

    model_config = ConfigDict(frozen=True)
    TYPE: ClassVar[str] = "notifications.record_result"

    employee_id: str
    message_id: str
    outcome: Literal["sent", "failed", "suppressed", "deferred"]
    reason: str | None = None
    told: date | None = None
    retry_at: datetime | None = None
    attempted: bool = False
    traceparent: str | None = None
    instead: str | None = None
    rendered_at: datetime | None = None
    written_in: str | None = None
    perhaps_told: bool = False
    failed_by: str | None = None

    @property
    def subject(self) -> str:
        """The stream's key."""
        return self.employee_id


class SummaryDue(BaseModel):
    """A summary is due to its reader on this day, where they are: a command to this service, never published."""

    model_config = ConfigDict(frozen=True)
    TYPE: ClassVar[str] = "notifications.summary_due"

    employee_id: str
    summary: Summary
    day: date

    @property
    def subject(self) -> str:
        """The stream's key."""
        return self.employee_id


@lru_cache(maxsize=8_192)  # each new fact asks for those of all letters again
def message_id(cause: str, template: str, recipient_id: str, channel: str) -> str:
    """The ledger key of (cause, template, recipient, channel)."""
    # The parts hold no control characters (checked at the edge), so the separator can't be forged.
    return hashlib.sha256("\x1f".join((cause, template, recipient_id, channel)).encode()).hexdigest()[:32]
