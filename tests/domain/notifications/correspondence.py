"""A correspondence driven in memory, as handlers and sender drive it together."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from typing import Any

from pydantic import BaseModel

from services.notifications.correspondence import TELLS_START, Correspondence, Letter, SendResult
from services.notifications.domain import Decision, Hasten, Plan, Whereabouts, Withdraw, decide, settle
from services.notifications.facts import evolve
from shared.events import Event, new_event
from shared.events.hr import EmployeeHired
from shared.events.mentoring import HireWaitlisted, MentorAssigned, MentorReleased

NOW = datetime(2026, 12, 1, 10, 0, tzinfo=UTC)
START = date(2027, 1, 11)
HIRE, MENTOR, OTHER_MENTOR, MANAGER, COORDINATOR = "E-1", "M-1", "M-2", "B-1", "C-1"


def hired(**more: Any) -> EmployeeHired:
    fields = {"employee_id": HIRE, "given_name": "Ada", "start_date": START, "manager_id": MANAGER} | more
    return EmployeeHired.model_validate(fields)


def assigned(mentor_id: str = MENTOR, **more: Any) -> MentorAssigned:
    fields = {"employee_id": HIRE, "mentor_id": mentor_id, "score": 7000, "policy_version": "1"} | more
    return MentorAssigned.model_validate(fields)


def released(cause: str, mentor_id: str = MENTOR) -> MentorReleased:
    return MentorReleased.model_validate({"employee_id": HIRE, "mentor_id": mentor_id, "cause": cause})


def waitlisted() -> HireWaitlisted:
    return HireWaitlisted(employee_id=HIRE, policy_version="1")


def stream_of(topic: str, facts: Iterable[BaseModel]) -> list[Event[Any]]:
    """Events as one source sends them: numbered where the source is ours, with ids that follow from their place."""
    return [
        new_event(fact, source=f"/{topic}", id=f"{topic}/{number}", time=NOW, sequence=None if topic == "hr" else number)
        for number, fact in enumerate(facts, start=1)
    ]


@dataclass
class Post:
    """State and ledger of one correspondence; `sent` holds what was accepted, in order, with the start date it named."""

    coordinators: tuple[str, ...] = (COORDINATOR,)
    state: Correspondence | None = None
    decisions: list[Decision] = field(default_factory=list)
    sent: list[tuple[Letter, date | None]] = field(default_factory=list)
    on_the_way: list[tuple[Letter, date | None]] = field(default_factory=list)

    def receive(self, event: Event[Any], now: datetime = NOW) -> None:
        self.state = evolve(self.state, event, now)
        if self.state is None:
            return
        for decision in decide(self.state, lambda _: Whereabouts("Europe/Berlin"), self.coordinators, now):
            self.decisions.append(decision)
            self.state = settle(self.state, decision)

    def hear(self, *facts: BaseModel, topic: str = "hr", said_at: datetime = NOW) -> None:
        base = len(self.decisions) * 100
        for number, event in enumerate(stream_of(topic, facts)):
            self.receive(new_event(event.data, source=event.source, id=f"{topic}/{base + number}", time=said_at))

    def planned(self) -> list[Letter]:
        return [letter for letter in (self.state.letters.values() if self.state else ()) if letter.status == "planned"]

    def take(self, letter: Letter) -> None:
        """The sender renders this letter from what is known now and hands it to the channel."""
        assert self.state is not None
        told = self.state.start_date if letter.template in TELLS_START else None
        self.on_the_way.append((letter, told))

    def record(self, outcome: str = "sent", reason: str | None = None) -> None:
        """The channel's answer to the letter that has been on the way longest."""
        letter, told = self.on_the_way.pop(0)
        if outcome == "sent":
            self.sent.append((letter, told))
        result = SendResult(
            employee_id=HIRE, message_id=letter.id, outcome=outcome, reason=reason, told=told if outcome == "sent" else None
        )
        self.receive(new_event(result, source="/sender", id=f"result/{letter.id}", time=NOW))

    def send_all(self) -> None:
        """Send until nothing is planned any more."""
        while self.on_the_way or self.planned():
            for letter in self.planned():
                if letter.id not in {other.id for other, _ in self.on_the_way}:
                    self.take(letter)
            while self.on_the_way:
                self.record()

    def mail(self) -> list[tuple[str, str]]:
        """Template and recipient of what was sent, in order."""
        return [(letter.template, letter.recipient_id) for letter, _ in self.sent]

    def drafts(self) -> set[tuple[str, str]]:
        return {(letter.template, letter.recipient_id) for letter in self.planned()}


__all__ = ["Hasten", "Plan", "Withdraw"]
