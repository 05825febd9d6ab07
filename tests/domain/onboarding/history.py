"""Facts about one hire, and a journey that lives through them in memory: the tools of the domain tests."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from typing import Any

from services.onboarding.domain import step
from services.onboarding.journey import Journey, MilestoneState
from services.onboarding.programme import Person, Programme, Programmes
from services.onboarding.programme_files import read_programme, read_programmes
from services.onboarding.projections.board import Board, finish_board, fold_board
from services.onboarding.projections.stored import Stored
from services.onboarding.projections.timeline import Timeline, fold_timeline
from shared.directory import Directory
from shared.events import Event, Fact, new_event
from shared.events.hr import EmployeeHired, EmployeeRehired, EmployeeSnapshot, EmployeeUpdated, HrEvent, StartDateChanged
from shared.events.mentoring import AssignmentFact, HireWaitlisted, MentorAssigned, MentorReleased
from shared.events.notifications import MessageFact, MessageFailed, MessageSent
from shared.events.onboarding import JourneyFact

ADA = "E-1001"
BOSS, NEW_BOSS, MENTOR, OTHER_MENTOR = "E-7", "E-8", "M-1", "M-2"
START = date(2027, 1, 11)  # a Monday
NOW = datetime(2026, 12, 1, 9, tzinfo=UTC)
SHIPPED = read_programmes()

SMALL = """
id: small
title: {en: Small}
surveys:
  pulse: {title: {en: Pulse}, questions: {mood: {en: "How is it?"}}, comment: {en: "More?"}}
milestones:
  - {id: welcome, title: {en: Welcome}, owner: coordinator, day: -7, completed_by: {event: message_sent, template: welcome}}
  - {id: mentor, title: {en: Mentor}, owner: coordinator, day: -7, completed_by: mentor_assigned}
  - {id: access, title: {en: Access}, owner: manager, day: 0}
  - {id: shipped, title: {en: Shipped}, owner: manager, working_day: -2, when: {work_arrangement: remote}}
  - {id: meet_short, title: {en: Meet}, owner: mentor, day: 3, completed_by: {event: meeting_held}}
  - {id: meet_long, title: {en: Talk}, owner: mentor, day: 10, completed_by: {event: meeting_held, number: 2, minutes: 30}}
  - {id: pulse, title: {en: Pulse}, owner: hire, day: 7, completed_by: {event: survey_answered, survey: pulse}}
  - {id: lunch, title: {en: Lunch}, owner: mentor, day: 2, optional: true}
  - {id: year, title: {en: A year}, owner: coordinator, day: 365, completed_by: still_employed}
"""

AUTOMATIC = """
id: automatic
title: {en: Settled by events alone}
milestones:
  - {id: welcome, title: {en: Welcome}, owner: coordinator, day: -7, completed_by: {event: message_sent, template: welcome}}
  - {id: mentor, title: {en: Mentor}, owner: coordinator, working_day: -2, completed_by: mentor_assigned}
"""

CONDITIONAL = """
id: conditional
title: {en: Events that complete what only some people have}
milestones:
  - {id: welcome, title: {en: Welcome}, owner: coordinator, day: 20, completed_by: {event: message_sent, template: welcome}}
  - {id: mentor, title: {en: Mentor}, owner: mentor, day: 30, completed_by: mentor_assigned, when: {work_arrangement: remote}}
  - {id: site, title: {en: Site}, owner: coordinator, day: 1, completed_by: mentor_assigned, when: {location: FR}}
"""


def programmes(text: str = SMALL) -> Programmes:
    """A registry with the programme in `text` alone."""
    return Programmes([read_programme(text, "test.yaml")])


def only(registry: Programmes) -> Programme:
    """The one programme of a registry."""
    (programme,) = registry.current
    return programme


def at(minutes: int) -> datetime:
    """An instant some minutes after `NOW`."""
    return NOW + timedelta(minutes=minutes)


def hr(data: HrEvent, time: datetime = NOW, id: str | None = None) -> Event[Any]:
    """A fact of the HR system, which counts nothing."""
    return new_event(data, source="/hr/acme", id=id or f"{data.TYPE}/{time.isoformat()}", time=time)


def counted(source: str, data: Fact, sequence: int, time: datetime) -> Event[Any]:
    """A fact of one of our services, which count theirs."""
    kind: Any = data
    return new_event(kind, source=f"/firstmate/{source}", id=f"{source}/{kind.subject}/{sequence}", time=time, sequence=sequence)


def hired(start: date = START, **profile: Any) -> EmployeeHired:
    known: dict[str, Any] = {"manager_id": BOSS, "location": "FR", "time_zone": "Europe/Paris"} | profile
    return EmployeeHired(employee_id=ADA, given_name="Ada", family_name="Okafor", start_date=start, **known)


def rehired(start: date, **profile: Any) -> EmployeeRehired:
    known: dict[str, Any] = {"manager_id": BOSS, "location": "FR", "time_zone": "Europe/Paris"} | profile
    return EmployeeRehired(employee_id=ADA, given_name="Ada", family_name="Okafor", start_date=start, **known)


def snapshot(**profile: Any) -> EmployeeSnapshot:
    return EmployeeSnapshot(employee_id=ADA, given_name="Ada", family_name="Okafor", **profile)


def updated(**profile: Any) -> EmployeeUpdated:
    return EmployeeUpdated(employee_id=ADA, **profile)


def moved(start: date) -> StartDateChanged:
    return StartDateChanged(employee_id=ADA, start_date=start)


def assigned(mentor: str = MENTOR, previous: str | None = None) -> MentorAssigned:
    return MentorAssigned(employee_id=ADA, mentor_id=mentor, score=8000, policy_version="1", previous_mentor_id=previous)


def released(mentor: str = MENTOR) -> MentorReleased:
    return MentorReleased(employee_id=ADA, mentor_id=mentor, cause="mentor_left")


def waitlisted() -> HireWaitlisted:
    return HireWaitlisted(employee_id=ADA, ruled_out={"capacity": 3}, policy_version="1")


def sent(template: str = "welcome", role: str = "hire") -> MessageSent:
    return MessageSent(
        employee_id=ADA, message_id=f"m-{template}", template=template, recipient_id=ADA, recipient_role=role, channel="email"
    )


def failed(template: str = "welcome") -> MessageFailed:
    return MessageFailed(**sent(template).model_dump(), reason="smtp_550")


@dataclass
class Life:
    """One hire's stream in memory: what the handlers keep, without a database. `told` are the facts it published."""

    programmes: Programmes = field(default_factory=programmes)
    journey: Journey = field(default_factory=lambda: Journey(employee_id=ADA))
    now: datetime = NOW
    told: list[tuple[datetime, Fact]] = field(default_factory=list)
    directory: Directory = field(
        default_factory=lambda: Directory(
            ["manager_id", "location", "time_zone", "department", "work_arrangement", "employment_type"]
        )
    )

    def on(self, *causes: Any, now: datetime | None = None) -> list[Fact]:
        """Live through facts (events, or payloads told now); returns what was decided."""
        self.now = now or self.now
        decided: list[Fact] = []
        for cause in causes:
            event = cause if isinstance(cause, Event) else self._told_now(cause)
            self.directory.apply(event, self.now)
            person = Person.of(self.directory.get(ADA))
            self.journey, facts = step(self.journey, event, person, self.programmes, self.now)
            self.told += [(self.now, fact) for fact in facts]
            decided += facts
        return decided

    def _told_now(self, data: Any) -> Event[Any]:
        number = len(self.told) + 1
        if isinstance(data, AssignmentFact):
            return counted("matching", data, number, self.now)
        if isinstance(data, MessageFact):
            return counted("notifications", data, number, self.now)
        return new_event(data, source="/hr/acme", id=f"{number}", time=self.now)

    def milestone(self, id: str) -> MilestoneState:
        """One milestone of the journey."""
        return self.journey.milestones[id]

    @property
    def statuses(self) -> dict[str, str]:
        """Every milestone's status."""
        return {id: each.status for id, each in self.journey.milestones.items()}

    @property
    def done(self) -> set[str]:
        """The milestones that are done."""
        return {id for id, status in self.statuses.items() if status == "done"}


def board_of(events: Iterable[Event[Any]], row: Stored | None = None) -> Board | None:
    """The board's row after these events, as pages read it."""
    for event in events:
        row = fold_board(row, event)
    return Board.model_validate(finish_board(row)) if row is not None else None


def timeline_of(events: Iterable[Event[Any]]) -> Timeline | None:
    """The timeline after these events, as pages read it."""
    told: Stored | None = None
    for event in events:
        told = fold_timeline(told, event)
    return Timeline.model_validate(told) if told is not None else None


def kinds(facts: Iterable[Fact]) -> list[str]:
    """The names of the facts, in order."""
    return [type(fact).__name__ for fact in facts]


def published(facts: Sequence[tuple[datetime, Fact]]) -> list[Event[Any]]:
    """Facts of a journey in the envelopes in which they travel."""
    return [
        counted("onboarding", fact, number, time)
        for number, (time, fact) in enumerate(facts, start=1)
        if isinstance(fact, JourneyFact)
    ]
