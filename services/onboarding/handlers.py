"""Load, decide, commit: how onboarding takes facts from the topics, commands from people, and the clock.

What each cause has as its effect stands in `domain.DECISIONS` (journeys) and in `read_models`; here states
are read, handed to those decisions, and given back to be committed.
"""

import asyncio
from collections.abc import Iterable, Sequence
from datetime import datetime
from http import HTTPStatus
from typing import Any

import structlog

from services.onboarding import store
from services.onboarding.commands import AnswerSurvey, Command, ReviewDueDays
from services.onboarding.conditions import fact_key
from services.onboarding.domain import DECISIONS, step
from services.onboarding.journey import Journey
from services.onboarding.programme import PERSON_FIELDS, Person, Programmes
from services.onboarding.read_models import SERVICE
from shared.changes import Changes
from shared.clock import Clock
from shared.directory import NAMES, Directory
from shared.events import Event, Fact, new_event
from shared.events.notifications import MessageSent
from shared.events.onboarding import (
    JourneyReplanned,
    JourneyStarted,
    MilestoneAdded,
    MilestoneMoved,
    MilestoneReassigned,
    MilestoneReopened,
    MilestoneWaived,
    NameChanged,
    SurveyAnswered,
)
from shared.lease import Fence, LeaseLost
from shared.mongo import Database
from shared.processing import Processor
from shared.refusals import Refused
from shared.streams import Streams

DIRECTORY_FIELDS = (*NAMES, *PERSON_FIELDS, "title", "start_date", "locale", "work_email")
EXPLAINED = (MilestoneAdded, MilestoneMoved, MilestoneReassigned, MilestoneReopened, MilestoneWaived, JourneyReplanned)
"""What somebody may have given a reason for."""
REVIEW_BATCH = 500  # as many as a batch from Kafka: bulk writes level off here

log = structlog.get_logger()


class JourneyWork:
    """Journeys: facts of HR, matching and notifications, and commands, decided in memory and committed together."""

    def __init__(self, db: Database, programmes: Programmes) -> None:
        self._db = db
        self._programmes = programmes
        self._changes = Changes()
        self._pinned: set[tuple[str, str]] = set()
        self.journeys = Streams(store.JOURNEYS, Journey, SERVICE)
        self.people = Directory(DIRECTORY_FIELDS)

    async def load(self, events: Sequence[Event[Any]]) -> None:
        """Journeys, people and pinned programmes of the batch: at most three queries."""
        ids = {event.subject for event in events if type(event.data) in DECISIONS}
        await asyncio.gather(self.journeys.load(self._db, ids), self.people.load(self._db, ids))
        await store.load_pinned(self._db, self._programmes, self._pins(ids))

    def _pins(self, ids: Iterable[str]) -> set[tuple[str, str]]:
        states = [state for id in ids if (state := self.journeys[id].state) is not None]
        return {(each.programme, each.programme_version) for each in states if each.programme and each.programme_version}

    def decide(self, event: Event[Any], now: datetime) -> None:
        """Fold one event. Raises `Refused` for a command that can't be carried out."""
        if type(event.data) not in DECISIONS or self._is_unawaited(event.data):
            return
        stream = self.journeys[event.subject]
        if not isinstance(event.data, Command):
            if stream.is_repeat(event):
                return
            stream.remember(event)
            if self.people.is_overtaken(event):
                return
            called = self._called(event.subject)
            self.people.apply(event, now)
            if stream.state is not None and stream.state.number and self._called(event.subject) != called:
                stream.emit(NameChanged(employee_id=event.subject), now, event)
        before = stream.state or Journey(employee_id=event.subject)
        person = Person.of(self.people.get(event.subject))
        after, facts = step(before, event, person, self._programmes, now)
        if after != before:
            stream.put(after)
        for fact in facts:
            emitted = stream.emit(fact, now, event)
            self._keep_beside(fact, event, after, now)
            if isinstance(fact, EXPLAINED):
                self._keep_words(getattr(fact, "milestone_id", ""), event.data, after, emitted.sequence or 0)

    def _called(self, employee_id: str) -> Sequence[Any]:
        person = self.people.get(employee_id) or {}
        return [person.get(name) for name in NAMES]

    def _is_unawaited(self, data: Any) -> bool:
        # Half of what is read are messages that no milestone waits for: not even a note of them is worth a write.
        if not isinstance(data, MessageSent):
            return False
        return not self._programmes.waits_for(fact_key("message_sent", data.template, data.recipient_role))

    def _keep_beside(self, fact: Fact, cause: Event[Any], journey: Journey, now: datetime) -> None:
        """What a fact brings with it that is kept outside the journey: its programme version, free text of an answer."""
        if (
            isinstance(fact, (JourneyStarted, JourneyReplanned))
            and (pin := (fact.programme, fact.programme_version)) not in self._pinned
        ):
            self._pinned.add(pin)  # once a batch: most of its journeys follow the same programme
            store.pin_programme(self._changes, self._programmes.pinned(*pin))
        if isinstance(fact, SurveyAnswered) and isinstance(cause.data, AnswerSurvey) and cause.data.comment:
            store.keep_comment(self._changes, journey.employee_id, journey.number, fact.survey_id, cause.data.comment, now)

    def _keep_words(self, milestone_id: str, said: Any, journey: Journey, sequence: int) -> None:
        words = {name: text for name in ("title", "reason") if (text := getattr(said, name, ""))}
        if words:
            store.keep_words(self._changes, journey, sequence, milestone_id, words)

    def conclude(self, now: datetime) -> None:
        """Nothing is decided for a batch as a whole."""

    def changes(self) -> Changes:
        """The changed journeys and people, and what they publish."""
        self.journeys.add_to(self._changes)
        self.people.add_to(self._changes)
        return self._changes


def command_processor(db: Database, programmes: Programmes, clock: Clock) -> Processor:
    """Carries out commands of people and the clock; safe beside the worker and any number of its like."""
    return Processor(
        service=SERVICE, consumer="onboarding.commands", db=db, work=lambda: JourneyWork(db, programmes), clock=clock
    )


def as_event(command: Command, now: datetime) -> Event[Any]:
    """A command in the envelope that processing takes. It is not repeated by its id but by its idempotency key."""
    id = f"{command.TYPE}/{command.employee_id}/{now.isoformat()}"
    return new_event(command, source="/firstmate/onboarding/commands", id=id, time=now)


async def review_due_days(db: Database, fence: Fence, programmes: Programmes, clock: Clock) -> None:
    """Announce what is late and who is still here on a retention day, for every journey whose time has come.

    In batches and by index, also after days of downtime. A journey that can't be reviewed is logged and passed by, so that
    it holds up nobody else. Raises `LeaseLost`, and `Refused` 503 while the database is away.
    """
    processor = command_processor(db, programmes, clock)
    passed_by: set[str] = set()
    reviewed: set[str] = set()
    while True:
        now = clock()
        due = await store.waking(db, now, REVIEW_BATCH, without=passed_by)
        if not due or reviewed.issuperset(due):
            return
        passed_by |= await _review(processor, due, fence, now)
        reviewed.update(due)


async def _review(processor: Processor, due: Sequence[str], fence: Fence, now: datetime) -> set[str]:
    """Review these journeys in one transaction; returns those for which it failed, found by halving."""
    commands = [as_event(ReviewDueDays(employee_id=id), now) for id in due]
    try:
        await processor.execute(commands, fence=fence)
        return set()
    except LeaseLost:
        raise
    except Exception as error:
        if isinstance(error, Refused) and error.status == HTTPStatus.SERVICE_UNAVAILABLE:
            raise
        if len(due) == 1:
            log.error("due_days_not_reviewed", employee_id=due[0], error=type(error).__name__)
            return set(due)
    middle = len(due) // 2
    return await _review(processor, due[:middle], fence, now) | await _review(processor, due[middle:], fence, now)
