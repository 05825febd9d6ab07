"""The two ways in which such a chain is commonly written, with the same effects for each hire as ours, for the bench alone.

* `tutorial`: one message per handler, single operations, events published directly: no guarantee at all.
* `safe`: one transaction per message with an inbox and an outbox, which is polled: the guarantees, paid one by one.

Both write what ours writes: a decision, a journey with the shipped programme's milestones, seven messages, and rows of three
read models; the decision itself is the least loaded mentor, which costs next to nothing. `python -m bench.other_ways WAY SERVICE
KAFKA MONGO` is one service's process.
"""

import asyncio
import contextlib
import json
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from typing import Any

from aiokafka import AIOKafkaProducer
from faststream import AckPolicy
from faststream.kafka import KafkaBroker, KafkaMessage, TopicPartition

from services.onboarding.programme import Person
from services.onboarding.programme_files import read_programmes
from shared import kafka
from shared.clock import now
from shared.mongo import Database, Document, DuplicateKeyError, Session, connect, transaction

PARTITIONS = 6
POLL_S = 0.05  # an outbox is polled as often as its readers want to wait
HR, ASSIGNMENTS, JOURNEYS = "hr", "assignments", "journeys"
FOLLOWED: Mapping[str, Sequence[str]] = {
    "matching": (HR,),
    "onboarding": (HR, ASSIGNMENTS, JOURNEYS),
    "notifications": (HR, ASSIGNMENTS, JOURNEYS),
}
LETTERS: Mapping[str, Sequence[str]] = {
    HR: ("welcome", "manager_notice"),
    ASSIGNMENTS: ("mentor_introduction", "mentor_brief"),
    JOURNEYS: ("meeting_invitation", "meeting_invitation_mentor", "survey_invitation"),
}


def topic(way: str, name: str) -> str:
    """This way's own topic."""
    return f"{way}.{name}"


def database(way: str, service: str) -> str:
    """This way's own database of a service."""
    return f"{way}_{service}"


@dataclass(slots=True)
class Doing:
    """What one handler does: operations on the database, one by one, and events to publish after them."""

    db: Database
    session: Session | None
    events: list[tuple[str, Document]] = field(default_factory=list)

    async def insert(self, collection: str, document: Document) -> None:
        """One document."""
        await self.db[collection].insert_one(document, session=self.session)

    async def update(self, collection: str, id: str, update: Document) -> None:
        """One document, made where it is missing."""
        await self.db[collection].update_one({"_id": id}, update, upsert=True, session=self.session)

    def publish(self, name: str, event: Document) -> None:
        """An event of the person it is about."""
        self.events.append((name, event))


async def match(doing: Doing, name: str, event: Document) -> None:
    """The least loaded mentor."""
    mentor = await doing.db["mentors"].find_one_and_update(
        {"load": {"$lt": 20}}, {"$inc": {"load": 1}}, sort=[("load", 1)], session=doing.session
    )
    if mentor is None:
        raise LookupError("no mentor has a free place")
    id = event["employee_id"]
    reasons = [{"criterion": f"criterion {n}", "weight": 10, "points": 5_000, "evidence": ["a", "b"]} for n in range(12)]
    decision = {"mentor_id": mentor["_id"], "score": 7_500, "reasons": reasons, "runners_up": reasons[:3]}
    await doing.insert("hires", {"_id": id, "status": "assigned", "decision": decision})
    await doing.update("directory", id, {"$set": _person(event)})
    doing.publish(ASSIGNMENTS, {"employee_id": id, "mentor_id": mentor["_id"], "contributions": reasons})


async def onboard(doing: Doing, name: str, event: Document) -> None:
    """A journey, its first milestone, and the rows of three read models."""
    id = event["employee_id"]
    if name == HR:
        start = date.fromisoformat(event["start_date"])
        planned = PROGRAMME.plan(start, Person.of(event))
        milestones = {each.id: each.model_dump(mode="json") | {"status": "planned"} for each in planned}
        journey = {"status": "active", "milestones": milestones, "start_date": event["start_date"]}
        await doing.update("journeys", id, {"$set": journey})  # an assignment may have come before
        await doing.update("directory", id, {"$set": _person(event)})
        doing.publish(JOURNEYS, {"kind": "started", "employee_id": id, "milestones": milestones})
    elif name == ASSIGNMENTS:
        await doing.update("journeys", id, {"$set": {"mentored": True, "mentor_id": event["mentor_id"]}})
        for model in ("board", "timeline", "outcomes"):
            await doing.update(model, id, {"$set": {"assignment": event}})
        doing.publish(JOURNEYS, {"kind": "completed", "employee_id": id, "milestone_id": "mentor"})
    elif event["kind"] == "started":
        await doing.update("board", id, {"$set": {"milestones": event["milestones"], "status": "active"}})
        await doing.update("timeline", id, {"$push": {"entries": event}})
        await doing.update("outcomes", id, {"$set": {"status": "active"}})
    else:
        await doing.update("board", id, {"$set": {"mentored": True}})
        await doing.update("timeline", id, {"$push": {"entries": event}})
        await doing.update("outcomes", id, {"$set": {"milestone": event["milestone_id"]}})


async def notify(doing: Doing, name: str, event: Document) -> None:
    """The planned messages, each in the ledger."""
    id = event["employee_id"]
    if event.get("kind") == "completed":
        return
    if name == HR:
        await doing.update("directory", id, {"$set": _person(event)})
    for template in LETTERS[name]:
        steps = [{"state": "planned", "at": now()}]
        letter = {"employee_id": id, "template": template, "recipient_id": id, "state": "planned", "transitions": steps}
        await doing.insert("messages", {"_id": f"{id}/{template}"} | letter | {"due_at": now(), "channel": "email"})
    await doing.update("correspondences", id, {"$set": {f"known.{name}": event}})


Handler = Callable[[Doing, str, Document], Any]
HANDLERS: Mapping[str, Handler] = {"matching": match, "onboarding": onboard, "notifications": notify}
KEPT = ("given_name", "family_name", "personal_email", "manager_id", "department", "skills")
PROGRAMME = read_programmes().choose(Person())


def _person(event: Document) -> Document:
    return {name: event.get(name) for name in KEPT}


async def follow(way: str, service: str, address: str, mongo: str) -> None:
    """One service's process, until it is ended."""
    client = await connect(mongo)
    db = client[database(way, service)]
    broker = KafkaBroker(address, logger=None)
    producer = kafka.producer(address)
    await producer.start()
    handle = HANDLERS[service]

    async def plainly(name: str, event: Document, id: str) -> None:
        doing = Doing(db, None)
        await handle(doing, name, event)
        for to, told in doing.events:
            await producer.send_and_wait(topic(way, to), json.dumps(told).encode(), told["employee_id"].encode())

    async def safely(name: str, event: Document, id: str) -> None:
        with contextlib.suppress(DuplicateKeyError):  # seen before
            async with transaction(db) as session:
                doing = Doing(db, session)
                await doing.insert("inbox", {"_id": id})
                await handle(doing, name, event)
                for to, told in doing.events:
                    await doing.insert("outbox", {"topic": topic(way, to), "event": told})

    effect = plainly if way == "tutorial" else safely
    for name in FOLLOWED[service]:
        subscribe(broker, topic(way, name), f"{way}.{service}", name, effect)
    await broker.start()
    if way == "tutorial":
        await asyncio.Event().wait()
    await poll(db, producer)


def subscribe(broker: KafkaBroker, name: str, group: str, short: str, effect: Callable[[str, Document, str], Any]) -> None:
    """One message per handler, acknowledged after it."""
    subscriber = broker.subscriber(
        partitions=[TopicPartition(name, number) for number in range(PARTITIONS)],
        group_id=group,
        auto_offset_reset="earliest",
        ack_policy=AckPolicy.NACK_ON_ERROR,
    )

    async def handle(event: dict[str, Any], message: KafkaMessage) -> None:
        raw: Any = message.raw_message
        await effect(short, event, f"{raw.topic} {raw.partition} {raw.offset}")

    subscriber(handle)


async def poll(db: Database, producer: AIOKafkaProducer) -> None:
    """Publish the outbox in the order of insertion, for ever."""
    while True:
        waiting = [document async for document in db["outbox"].find().sort("_id", 1).limit(500)]
        for document in waiting:
            event = document["event"]
            await producer.send_and_wait(document["topic"], json.dumps(event).encode(), event["employee_id"].encode())
            await db["outbox"].delete_one({"_id": document["_id"]})
        if not waiting:
            await asyncio.sleep(POLL_S)


if __name__ == "__main__":
    asyncio.run(follow(*sys.argv[1:]))
