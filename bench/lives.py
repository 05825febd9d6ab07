"""Whole journeys as they stand on the topics: decided by onboarding's own `step`, day by day, and repeated under other ids.

Each of the `DISTINCT` lives is another one (its days, who is late, who moves, goes on leave or leaves); people arrive at a
steady rate, so that at any time those of some months are under way, as in a company.
"""

import heapq
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from random import Random
from typing import Any, TypeAlias

from services.onboarding.commands import AnswerSurvey, CompleteMilestone, LogMeeting, PauseJourney, ResumeJourney, ReviewDueDays
from services.onboarding.domain import step
from services.onboarding.journey import Journey
from services.onboarding.programme import PERSON_FIELDS, Person, Programmes
from services.onboarding.programme_files import read_programmes
from shared.directory import Directory
from shared.events import Event, Fact, new_event, to_record
from shared.events.hr import EmployeeHired, EmployeeTerminated, EmployeeUpdated, StartDateChanged
from shared.events.mentoring import Contribution, MentorAssigned
from shared.events.notifications import MessageSent
from shared.refusals import Refused

DISTINCT = 300
ARRIVALS_A_DAY = 40
SPAN_DAYS = 120  # the retention days after that are told too, where the calendar comes to them
ID = "H-0000000"  # stands for the hire in a life; an id of the same length takes its place in the bytes
FIRST_DAY = date(2023, 1, 9)  # all of a million events are past: Apache Kafka refuses what is ahead of its clock
CRITERIA = ("role", "skills", "hours", "languages", "interests")

Record: TypeAlias = tuple[int, str, bytes, bytes, list[tuple[str, bytes]]]
"""Time in ms, topic, key, value, headers."""


@dataclass(frozen=True, slots=True)
class Told:
    """One record of a life: seconds after its beginning, and what stands on the topic."""

    after: float
    topic: str
    value: bytes
    headers: Sequence[tuple[str, bytes]]


@dataclass
class _Life:
    """One hire's journey while it is lived; `told` are the facts of all services, in order of time."""

    programmes: Programmes
    random: Random
    now: datetime
    journey: Journey = field(default_factory=lambda: Journey(employee_id=ID))
    directory: Directory = field(default_factory=lambda: Directory(PERSON_FIELDS))
    told: list[Event[Any]] = field(default_factory=list)
    counts: dict[str, int] = field(default_factory=dict)

    def on(self, cause: Any, at: datetime) -> None:
        """Let something happen; before it, whatever the calendar brings up to then."""
        while self.journey.wake_at is not None and self.journey.wake_at <= at:
            self._happens(ReviewDueDays(employee_id=ID), self.journey.wake_at)
        self._happens(cause, at)

    def _happens(self, cause: Any, at: datetime) -> None:
        self.now = max(self.now, at)
        event = self._fact(cause) if isinstance(cause, Fact) else self._said(cause)
        self.directory.apply(event, self.now)
        person = Person.of(self.directory.get(ID))
        try:
            self.journey, facts = step(self.journey, event, person, self.programmes, self.now)
        except Refused:  # asked for what is done or over already: people do
            return
        for fact in facts:
            self._fact(fact)

    def _fact(self, fact: Fact) -> Event[Any]:
        service = fact.TOPIC.split(".")[0].replace("mentoring", "matching")
        number = self.counts[service] = self.counts.get(service, 0) + 1
        id = f"{service}/{ID}/{number}"
        event: Event[Any] = new_event(fact, source=f"/firstmate/{service}", id=id, time=self.now, sequence=number)
        self.told.append(event)
        return event

    def _said(self, cause: Any) -> Event[Any]:
        return new_event(cause, source="/hr/bench", id=f"{cause.TYPE}/{self.now.isoformat()}", time=self.now)


def lives(count: int = DISTINCT) -> list[list[Told]]:
    """That many lives; always the same."""
    programmes = read_programmes()
    return [_lived(programmes, Random(number)) for number in range(count)]


def _lived(programmes: Programmes, random: Random) -> list[Told]:
    start = FIRST_DAY + timedelta(days=random.randrange(14))
    begin = _at(start - timedelta(days=random.randint(5, 30)), random)
    life = _Life(programmes, random, begin)
    life.on(_hired(start, random), begin)
    life.on(_assigned(random), begin + timedelta(seconds=1))
    for number, template in enumerate(("welcome", "manager_notice", "mentor_introduction", "mentor_brief")):
        life.on(_sent(template), begin + timedelta(seconds=2 + number))
    for at, cause in sorted(_what_happens(life, start), key=lambda one: one[0]):
        life.on(cause, at)
    told = []
    for event in life.told:
        _, value, headers = to_record(event)
        told.append(Told((event.time - begin).total_seconds(), event.data.TOPIC, value, headers))
    return told


def _what_happens(life: _Life, start: date) -> Iterator[tuple[datetime, Any]]:
    random = life.random
    for milestone in life.journey.milestones.values():
        if random.random() < 0.8:
            day = milestone.due + timedelta(days=random.choice((-1, 0, 0, 0, 0, 0, 2)))
            yield _at(day, random), CompleteMilestone(employee_id=ID, milestone_id=milestone.id, completed_by="M-0001")
    for week in range(random.randint(2, 9)):
        day = start + timedelta(days=7 * week + random.randrange(4))
        held = LogMeeting(employee_id=ID, meeting_id=f"{week}", held_on=day, minutes=30, reported_by=ID)
        yield _at(day, random), held
    yield _at(start + timedelta(days=7), random), AnswerSurvey(employee_id=ID, survey_id="pulse_week_1", ratings={"mood": 4})
    for number in range(random.randint(1, 4)):
        yield _at(start + timedelta(days=number * 20), random), _sent(f"reminder_{number}")
    if random.random() < 0.1:
        yield _at(start - timedelta(days=3), random), StartDateChanged(employee_id=ID, start_date=start + timedelta(days=7))
    if random.random() < 0.05:
        yield _at(start + timedelta(days=20), random), EmployeeUpdated(employee_id=ID, manager_id="B-0002")
    if random.random() < 0.03:
        yield _at(start + timedelta(days=30), random), PauseJourney(employee_id=ID, paused_by="B-0001")
        yield _at(start + timedelta(days=60), random), ResumeJourney(employee_id=ID, resumed_by="B-0001")
    if random.random() < 0.03:
        yield _at(start + timedelta(days=45), random), EmployeeTerminated(employee_id=ID)
    yield _at(start + timedelta(days=SPAN_DAYS), random), ReviewDueDays(employee_id=ID)


def _at(day: date, random: Random) -> datetime:
    return datetime.combine(day, time(8, random.randrange(60), random.randrange(60)), UTC)


def _hired(start: date, random: Random) -> EmployeeHired:
    return EmployeeHired(
        employee_id=ID,
        given_name="Hire",
        family_name="Bench",
        start_date=start,
        manager_id=f"B-{random.randrange(2000):04}",
        location=random.choice(("FR", "DE", "GB")),
        time_zone=random.choice(("Europe/Paris", "Europe/Berlin", "Europe/London")),
        work_arrangement=random.choice(("hybrid", "remote", "onsite")),
        department=random.choice(("Engineering", "Support", "Sales")),
    )


def _assigned(random: Random) -> MentorAssigned:
    reasons = [Contribution(criterion=each, weight=5, value=8000, points=1600) for each in CRITERIA]
    return MentorAssigned(
        employee_id=ID,
        mentor_id=f"M-{random.randrange(3000):04}",
        score=8000,
        contributions=reasons,
        runner_up_ids=[f"M-{random.randrange(3000):04}" for _ in range(3)],
        policy_version="bench",
    )


def _sent(template: str) -> MessageSent:
    return MessageSent(
        employee_id=ID, message_id=f"{ID}/{template}", template=template, recipient_id=ID, recipient_role="hire", channel="email"
    )


def records(count: int) -> Iterator[Record]:
    """So many records in order of time."""
    kinds = lives()
    underway: list[tuple[float, int, int]] = []  # time of the next record, whose, which
    arrived, gap = 0, 86_400 / ARRIVALS_A_DAY
    origin = datetime.combine(FIRST_DAY, time(), UTC).timestamp()
    for _ in range(count):
        while not underway or underway[0][0] >= arrived * gap:
            heapq.heappush(underway, (arrived * gap, arrived, 0))
            arrived += 1
        at, who, which = heapq.heappop(underway)
        life, id = kinds[who % DISTINCT], f"H-{who:07}".encode()
        told = life[which]
        if which + 1 < len(life):
            heapq.heappush(underway, (who * gap + life[which + 1].after, who, which + 1))
        headers = [(name, value.replace(_ID, id)) for name, value in told.headers]
        yield int(1000 * (origin + at)), told.topic, id, told.value.replace(_ID, id), headers


_ID = ID.encode()
