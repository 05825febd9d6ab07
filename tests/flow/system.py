"""The three services in memory: real database, real processors and works, and topics that are lists.

What Kafka does between the services (keeping order per key, nothing else) is done here by hand, so that a test decides which
consumer moves when. `Flow.settle(choose)` carries records on until nothing moves.
"""

from collections import defaultdict
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from services.matching import app as matching
from services.notifications import app as notifications
from services.onboarding import app as onboarding
from shared.events import to_record
from shared.mongo import Client, Database
from shared.processing import Processor
from shared.record import Record
from shared.settings import Settings
from shared.worker import Subscription, prepare_database

Choose = Callable[[int], int]
"""Given how many moves are possible, the index of the one to make."""


@dataclass(slots=True)
class Consumer:
    """One consumer group with its place in each topic."""

    processor: Processor
    subscription: Subscription
    places: dict[str, int] = field(default_factory=lambda: defaultdict(int))


@dataclass(slots=True)
class Flow:
    """The services' databases, their consumers, and the topics."""

    databases: dict[str, Database]
    consumers: list[Consumer]
    topics: dict[str, list[Record]] = field(default_factory=lambda: defaultdict(list))
    relayed: dict[str, set[Any]] = field(default_factory=lambda: defaultdict(set))

    def publish(self, *events: Any) -> None:
        """Put events on their topics, as an HR system does."""
        for event in events:
            key, value, headers = to_record(event)
            self.append(event.data.TOPIC, key, value, tuple(headers))

    def append(self, topic: str, key: bytes | None, value: bytes | None, headers: tuple[Any, ...]) -> None:
        """Put a record on a topic as it is. One partition: a topic's order holds for each key all the more."""
        log = self.topics[topic]
        log.append(Record(topic, 0, len(log), key, value, headers, datetime.fromisoformat("2027-01-04T09:00:00+00:00")))

    async def relay(self) -> None:
        """What a relay does: publish each outbox document once, in order."""
        for service, database in self.databases.items():
            async for document in database["outbox"].find().sort("_id", 1):
                if document["_id"] not in self.relayed[service]:
                    self.relayed[service].add(document["_id"])
                    for record in document["records"]:
                        headers = tuple((name, value) for name, value in record["headers"])
                        self.append(record["topic"], record["key"], record["value"], headers)

    def moves(self) -> list[tuple[Consumer, str]]:
        """Every consumer and topic of it where something waits."""
        return [
            (consumer, topic)
            for consumer in self.consumers
            for topic in consumer.subscription.topics
            if consumer.places[topic] < len(self.topics[topic])
        ]

    async def move(self, consumer: Consumer, topic: str, records: int) -> None:
        """Let a consumer take some records of a topic."""
        place = consumer.places[topic]
        batch = self.topics[topic][place : place + records]
        await consumer.processor.process(batch)
        consumer.places[topic] = place + len(batch)

    async def settle(self, choose: Choose | None = None) -> None:
        """Move until nothing waits. `choose` picks each next move and the batch's size; without it all go as they come."""
        while True:
            await self.relay()
            moves = self.moves()
            if not moves:
                return
            consumer, topic = moves[choose(len(moves)) if choose else 0]
            await self.move(consumer, topic, 1 + choose(5) if choose else 500)


async def open_flow(client: Client, name: str, clock: Callable[[], datetime], services: Iterable[Any] = ()) -> Flow:
    """A flow on fresh databases, whose names begin with `name`."""
    settings = Settings()
    databases: dict[str, Database] = {}
    consumers: list[Consumer] = []
    for service in services or (matching, onboarding, notifications):
        worker = service.worker(settings)
        db = databases[worker.service] = client[f"{name}_{worker.service}"]
        await prepare_database(db)
        if worker.prepare is not None:
            await worker.prepare(db)
        consumers += [Consumer(_processor(worker.service, one, db, clock), one) for one in worker.subscriptions]
    return Flow(databases, consumers)


def _processor(service: str, subscription: Subscription, db: Database, clock: Callable[[], datetime]) -> Processor:
    return Processor(service=service, consumer=subscription.consumer, db=db, work=lambda: subscription.work(db), clock=clock)
