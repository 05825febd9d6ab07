"""What has been and has to be written to whom about one employee: the correspondence, pure.

The state holds two things: what is known (from HR, matching and onboarding) and the letters written so far with what
each recipient was last told. `decide` compares them: what somebody ought to know and was not told is planned, what is
planned and no longer true is withdrawn. So the order in which topics arrive does not matter, a repeated fact plans
nothing, and a change that meets a message on its way is made good by a later one.
"""

import hashlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from typing import ClassVar, Literal
from zoneinfo import ZoneInfo

from pydantic import BaseModel, ConfigDict

from services.notifications.asking import Ask, first_meeting, surveys
from shared.events.mentoring import Contribution
from shared.events.notifications import RecipientRole, Template
from shared.events.onboarding import EscalatedTo, Owner

EMAIL = "email"
MATCH_GRACE = timedelta(seconds=30)  # matching answers within a second; a manager's notice waits this long to name the mentor
WELCOME_UNTIL = timedelta(days=30)  # a month in, nobody wants to be welcomed, nor told that somebody new starts
PAIRED_UNTIL = timedelta(days=90)  # the shipped programme's length: whose first weeks are long over meets nobody by mail
MORNING = time(9)  # a reminder is read when the day begins, and nobody's evening is spoilt by it

TELLS_START: frozenset[Template] = frozenset({"welcome", "mentor_brief", "manager_notice", "plans_changed"})
"""Templates that name the start date: after one of them its recipient has been told."""

IN_THE_MORNING: frozenset[Template] = frozenset({"milestone_late", "milestone_reminder", "milestone_escalated"})
"""Templates of reminders."""

LetterStatus = Literal["planned", "sent", "failed", "suppressed", "withdrawn"]


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
    start date, last said at `start_said_at`; `over_at` is when HR said that the hire is over; `enrolment` the fact that made
    this person a mentor; `nominated` says that only their training (or a coordinator's word) is missing for that; `endings`
    maps the fact that gave a mentor to why that ended; `owners` a milestone to who owns it; `journey` counts this person's
    journeys, `resting` says that the last one is paused or over, `asks` maps its milestones to what mails ask about; `told` maps
    "role/recipient" to the start date that person was last told; `letters` is keyed by message id.
    """

    employee_id: str
    status: Literal["unknown", "expected", "rescinded", "left"] = "unknown"
    chapter: int = 0
    moves: int = 0
    start_date: date | None = None
    start_said_at: datetime | None = None
    over_at: datetime | None = None
    hired_on: date | None = None
    manager_id: str | None = None
    enrolment: str | None = None
    nominated: bool = False
    assignment: Assignment | None = None
    endings: dict[str, str] = {}
    waitlisted_by: str | None = None
    owners: dict[str, Owner] = {}
    late: dict[str, LateMilestone] = {}
    reminders: dict[str, Reminder] = {}
    escalations: dict[str, Escalation] = {}
    journey: int = 0
    resting: bool = False
    asks: dict[str, Ask] = {}
    letters: dict[str, Letter] = {}
    told: dict[str, date] = {}

    @property
    def reminds(self) -> bool:
        """Whether somebody is or was told of a milestone that is open."""
        return bool(self.late or self.reminders or self.escalations)

    def cause(self, fact: str) -> str:
        """The cause of a letter that follows from HR's facts alone, whatever ids HR gave the events that told them."""
        return f"{self.employee_id}/{fact}"

    def asking(self, ask: Ask) -> str:
        """The cause of a letter that asks this in the present journey."""
        return self.cause(f"ask-{self.journey}-{ask.name}")

    def started_before(self, we_heard: timedelta) -> bool:
        """Whether the first day was longer ago than that when we heard of the hire: late data, not news."""
        if self.start_date is None or self.hired_on is None:
            return False
        return self.start_date + we_heard < self.hired_on

    def was_sent(self, template: Template, cause: str, recipient_id: str) -> bool:
        """Whether this recipient has this letter."""
        letter = self.letters.get(message_id(cause, template, recipient_id, EMAIL))
        return letter is not None and letter.status == "sent"


class SendResult(BaseModel):
    """What became of one attempt to send a message: a command to this service, never published.

    `told` is the start date that the message named. `retry_at` is set with the outcome `deferred`. `reason` is a code.
    `attempted` says whether the message itself was tried, so that its next pause is longer.
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

    @property
    def subject(self) -> str:
        """The stream's key."""
        return self.employee_id


@dataclass(frozen=True, slots=True)
class Wanted:
    """A letter that somebody ought to have; `on` is the day on which it is read, where that matters."""

    template: Template
    role: RecipientRole
    recipient_id: str
    cause: str
    on: date | None = None


@dataclass(frozen=True, slots=True)
class Plan:
    """Enter the letter in the ledger (again, when it had been withdrawn and its reason is back)."""

    letter: Letter
    again: bool = False


@dataclass(frozen=True, slots=True)
class Hasten:
    """Send a planned letter at its new, earlier due time."""

    letter: Letter


@dataclass(frozen=True, slots=True)
class Withdraw:
    """Don't send a planned letter: what it says is no longer true or needed."""

    letter: Letter


Decision = Plan | Hasten | Withdraw
ZoneOf = Callable[[str], str | None]
"""Gives a person's IANA time zone, None where unknown."""


def message_id(cause: str, template: str, recipient_id: str, channel: str) -> str:
    """The ledger key of (cause, template, recipient, channel)."""
    # The parts hold no control characters (checked at the edge), so the separator can't be forged.
    return hashlib.sha256("\x1f".join((cause, template, recipient_id, channel)).encode()).hexdigest()[:32]


def decide(state: Correspondence, zone_of: ZoneOf, coordinators: Sequence[str], now: datetime) -> list[Decision]:
    """What has to happen for everybody to know what they ought to; nothing when they do."""
    wanted: dict[str, Wanted] = {}
    for wish in _wanted(state, coordinators):
        # One person in two roles is told once.
        wanted.setdefault(message_id(wish.cause, wish.template, wish.recipient_id, EMAIL), wish)
    decisions: list[Decision] = [
        Withdraw(letter) for id, letter in state.letters.items() if letter.status == "planned" and id not in wanted
    ]
    for id, wish in wanted.items():
        letter = state.letters.get(id)
        if letter is not None and letter.status in ("sent", "failed", "suppressed"):
            continue
        due_at = _due_at(wish, state, zone_of(wish.recipient_id), now)
        if letter is None or letter.status == "withdrawn":
            decisions.append(Plan(_letter(wish, due_at), again=letter is not None))
        elif due_at < letter.due_at:  # never later: each new fact would put it off
            decisions.append(Hasten(letter.model_copy(update={"due_at": due_at})))
    return decisions


def settle(state: Correspondence, decision: Decision) -> Correspondence:
    """The correspondence once the decision is in the ledger."""
    letter = decision.letter
    if isinstance(decision, Withdraw):
        letter = letter.model_copy(update={"status": "withdrawn"})
    return state.model_copy(update={"letters": state.letters | {letter.id: letter}})


def due_at(template: Template, zone: str | None, now: datetime, on: date | None = None) -> datetime:
    """When a message is due, in UTC: a reminder at the next working morning of its recipient, what is read `on` a day at its
    first working morning from then on, all else at once.

    `zone` is the recipient's IANA time zone; UTC stands in for an unknown one.
    """
    if template not in IN_THE_MORNING and on is None:
        return now
    here = now.astimezone(ZoneInfo(zone or "UTC"))
    day = here.date() if here.time() <= MORNING else here.date() + timedelta(days=1)
    day = max(day, on or day)
    while day.weekday() >= 5:  # Saturday, Sunday
        day += timedelta(days=1)
    return datetime.combine(day, MORNING, here.tzinfo).astimezone(now.tzinfo)


def _due_at(wish: Wanted, state: Correspondence, zone: str | None, now: datetime) -> datetime:
    unmatched = state.assignment is None and state.waitlisted_by is None
    if wish.template == "manager_notice" and unmatched:
        return now + MATCH_GRACE
    return due_at(wish.template, zone, now, wish.on)


def _letter(wish: Wanted, due_at: datetime) -> Letter:
    return Letter(template=wish.template, role=wish.role, recipient_id=wish.recipient_id, cause=wish.cause, due_at=due_at)


def _wanted(state: Correspondence, coordinators: Sequence[str]) -> Iterator[Wanted]:
    """Every letter that follows from what is known, in the order of importance to its reader."""
    if state.enrolment is not None:
        yield Wanted("mentor_guidance", "mentor", state.employee_id, state.enrolment)
    yield from _releases(state)
    if state.status == "rescinded":
        yield from _cancellations(state)
    if state.status == "expected":
        yield from _to_hire(state)
        yield from _about_pair(state, coordinators)
        yield from _moved_start(state)
        yield from _late_milestones(state, coordinators)
        yield from _reminders(state, coordinators)
        yield from _escalations(state, coordinators)
        if not state.resting:
            yield from _next_survey(state)
            yield from _first_meeting(state)


def _to_hire(state: Correspondence) -> Iterator[Wanted]:
    if state.started_before(WELCOME_UNTIL):
        return
    hired = state.cause(f"hire-{state.chapter}")
    yield Wanted("welcome", "hire", state.employee_id, hired)
    if state.manager_id not in (None, state.employee_id):  # in a wrong reporting line somebody leads themselves
        yield Wanted("manager_notice", "manager", str(state.manager_id), hired)


def _about_pair(state: Correspondence, coordinators: Sequence[str]) -> Iterator[Wanted]:
    chosen = state.assignment is not None and state.assignment.decided_by != "policy"
    if state.started_before(PAIRED_UNTIL) and not chosen:
        return
    if state.assignment is not None:
        yield Wanted("mentor_introduction", "hire", state.employee_id, state.assignment.event_id)
        yield Wanted("mentor_brief", "mentor", state.assignment.mentor_id, state.assignment.event_id)
        return
    for given_by, cause in state.endings.items():
        # A hire who was introduced and has nobody now must not wait for a person who will not come.
        if cause != "journey_ended" and state.was_sent("mentor_introduction", given_by, state.employee_id):
            yield Wanted("mentor_unavailable", "hire", state.employee_id, f"{given_by}/ended")
    if state.waitlisted_by is not None:
        for coordinator in coordinators:
            yield Wanted("waitlisted", "coordinator", coordinator, state.waitlisted_by)


def _releases(state: Correspondence) -> Iterator[Wanted]:
    """A kind word to each mentor who was told of this hire and no longer has them."""
    current = state.assignment.event_id if state.assignment is not None and state.status == "expected" else None
    for letter in state.letters.values():
        told = letter.template == "mentor_brief" and letter.status == "sent"
        # Who left the company reads no mail here.
        if told and letter.cause != current and state.endings.get(letter.cause) != "mentor_left":
            yield Wanted("mentor_release", "mentor", letter.recipient_id, letter.cause)


def _cancellations(state: Correspondence) -> Iterator[Wanted]:
    """Managers who expect the person. The person themselves hears it from people, not from a machine."""
    hired = state.cause(f"hire-{state.chapter}")
    for letter in state.letters.values():
        if letter.template == "manager_notice" and letter.cause == hired and letter.status == "sent":
            yield Wanted("hire_cancelled", "manager", letter.recipient_id, state.cause(f"rescinded-{state.chapter}"))


def _moved_start(state: Correspondence) -> Iterator[Wanted]:
    """Everybody whose first letter is sent and who was last told another start date."""
    hired, moved = state.cause(f"hire-{state.chapter}"), state.cause(f"start-{state.moves}")
    first: list[tuple[Template, RecipientRole, str | None, str]] = [
        ("welcome", "hire", state.employee_id, hired),
        ("manager_notice", "manager", state.manager_id, hired),
    ]
    if state.assignment is not None:
        first.append(("mentor_brief", "mentor", state.assignment.mentor_id, state.assignment.event_id))
    for template, role, recipient_id, cause in first:
        if recipient_id is None or not state.was_sent(template, cause, recipient_id):
            continue
        if state.told.get(f"{role}/{recipient_id}") != state.start_date:
            yield Wanted("plans_changed", role, recipient_id, moved)


def _late_milestones(state: Correspondence, coordinators: Sequence[str]) -> Iterator[Wanted]:
    for late in state.late.values():
        for recipient_id in _owners(late.owner, state, coordinators):
            yield Wanted("milestone_late", late.owner, recipient_id, late.cause(state.employee_id))


def _reminders(state: Correspondence, coordinators: Sequence[str]) -> Iterator[Wanted]:
    """What its owner hears to be late at the same time is one letter with it, which names both."""
    lates = {(late.owner, late.told_at) for late in state.late.values()}
    for reminder in state.reminders.values():
        if (reminder.owner, reminder.told_at) in lates:
            continue
        for recipient_id in _owners(reminder.owner, state, coordinators):
            yield Wanted("milestone_reminder", reminder.owner, recipient_id, reminder.cause(state.employee_id))


def _escalations(state: Correspondence, coordinators: Sequence[str]) -> Iterator[Wanted]:
    for escalation in state.escalations.values():
        manager = state.manager_id if escalation.to == "manager" and state.manager_id != state.employee_id else None
        role: EscalatedTo = "manager" if manager else "coordinator"  # where there is no manager, it must not end with nobody
        if role == escalation.owner:
            continue
        for recipient_id in [manager] if manager else coordinators:
            yield Wanted("milestone_escalated", role, recipient_id, escalation.cause(state.employee_id))


def _next_survey(state: Correspondence) -> Iterator[Wanted]:
    """One at a time: the next is planned when the one before is sent, so that a changed plan changes one letter."""
    for ask in surveys(state.asks):
        wish = Wanted("survey_invitation", "hire", state.employee_id, state.asking(ask), ask.due)
        yield wish
        letter = state.letters.get(message_id(wish.cause, wish.template, wish.recipient_id, EMAIL))
        if letter is None or letter.status in ("planned", "withdrawn"):
            return


def _first_meeting(state: Correspondence) -> Iterator[Wanted]:
    """The day after the first meeting was planned, once a journey, for whoever had a mentor by then."""
    ask, mentor = first_meeting(state.asks), state.assignment
    if ask is None or mentor is None or mentor.since is None or mentor.since.date() > ask.due:
        return
    before = (each for each in state.letters.values() if each.template == "meeting_question" and each.status == "sent")
    if not any(each.cause.startswith(state.cause(f"ask-{state.journey}-")) for each in before):
        yield Wanted("meeting_question", "hire", state.employee_id, state.asking(ask), ask.due + timedelta(days=1))


def _owners(owner: Owner, state: Correspondence, coordinators: Sequence[str]) -> Sequence[str]:
    if owner == "coordinator":
        return coordinators
    mentor_id = state.assignment.mentor_id if state.assignment else None
    person = {"hire": state.employee_id, "manager": state.manager_id, "mentor": mentor_id}[owner]
    return [person] if person is not None else []
