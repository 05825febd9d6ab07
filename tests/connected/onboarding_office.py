"""Onboarding over a real database with its topics kept in memory: what goes in as records, what comes out of the outbox."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from services.onboarding import store
from services.onboarding.handlers import JourneyWork
from services.onboarding.programme import Programmes
from services.onboarding.programme_files import read_programmes
from services.onboarding.read_models import CONSUMER, ReadModelWork
from shared.events import Event, decode_record, to_record
from shared.mongo import Database
from shared.processing import Processor, Work
from shared.record import Record
from tests.domain.onboarding.history import NOW


@dataclass
class Office:
    """The three consumers of onboarding's worker. `now` is what their clocks show."""

    db: Database
    programmes: Programmes = field(default_factory=read_programmes)
    now: datetime = NOW
    _offsets: dict[tuple[str, str], int] = field(default_factory=dict)

    async def open(self) -> "Office":
        """Make the service's indexes."""
        await store.ensure_indexes(self.db)
        return self

    def clock(self) -> datetime:
        return self.now

    def processor(self, consumer: str, work: Callable[[], Work]) -> Processor:
        return Processor(service="onboarding", consumer=consumer, db=self.db, work=work, clock=self.clock)

    @property
    def journeys(self) -> Processor:
        return self.processor("onboarding", lambda: JourneyWork(self.db, self.programmes))

    async def tell(self, *events: Event[Any]) -> None:
        """Let the journeys and the read models process facts of other services, one batch each."""
        await self.journeys.process(self.records("onboarding", events))
        await self.project([event for event in events if event.sequence is not None])

    async def project(self, events: Sequence[Event[Any]]) -> None:
        """Let the read models process facts of our own topics."""
        await self.processor(CONSUMER, lambda: ReadModelWork(self.db)).process(self.records(CONSUMER, events))

    async def project_published(self) -> None:
        """Let the read models process everything that onboarding has published: what was seen before is dropped."""
        await self.project(await self.published())

    def records(self, consumer: str, events: Iterable[Event[Any]]) -> list[Record]:
        """The events as records at the next offsets of their topics, all in one partition."""
        made = []
        for event in events:
            key, value, headers = to_record(event)
            topic = event.data.TOPIC
            offset = self._offsets.get((consumer, topic), 0)
            self._offsets[(consumer, topic)] = offset + 1
            made.append(Record(topic, 0, offset, key, value, tuple(headers), event.time))
        return made

    async def published(self) -> list[Event[Any]]:
        """Every event in the outbox, in order of commit."""
        return [
            decode_record(record["topic"], record["value"], [tuple(header) for header in record["headers"]], self.now)
            async for document in self.db["outbox"].find().sort("_id", 1)
            for record in document["records"]
        ]

    async def published_kinds(self) -> list[str]:
        """The names of the published facts."""
        return [type(event.data).__name__ for event in await self.published()]
