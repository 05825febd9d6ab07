"""Whether a running system has anything left to do: records to process, events to publish, messages to send."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import datetime

from aiokafka import AIOKafkaConsumer, TopicPartition

from shared import kafka_access
from shared.clock import Clock
from shared.mongo import Client, Database, connect
from shared.topics import SERVICES

MESSAGES = "messages"
LOOK_EVERY_S = 0.2  # what one service does next begins within it


@asynccontextmanager
async def following(kafka: str) -> AsyncIterator[AIOKafkaConsumer]:
    """A client that can tell where topics end; it reads nothing."""
    consumer = AIOKafkaConsumer(**kafka_access.client(kafka), enable_auto_commit=False)
    await consumer.start()
    try:
        yield consumer
    finally:
        await consumer.stop()


async def still_to_do(client: Client, consumer: AIOKafkaConsumer, now: datetime) -> list[str]:
    """What is not settled yet, in words; empty when the system is quiet. Asked twice with the same answer it is so."""
    found: list[str] = []
    for service in SERVICES:
        db = client[service]
        unpublished = await db["outbox"].count_documents({"published_at": None})
        if unpublished:
            found.append(f"{service}: {unpublished} batches to publish")
        if behind := await _behind(db, consumer):
            found.append(f"{service}: {behind} records to process")
    if waiting := await _messages_under_way(client["notifications"], now):
        found.append(f"notifications: {waiting} messages to send")
    return found


async def _behind(db: Database, consumer: AIOKafkaConsumer) -> int:
    places = {
        (document["consumer"], TopicPartition(document["topic"], document["partition"])): document["next"]
        async for document in db["progress"].find()
    }
    if not places:
        return 1  # it has not even begun
    ends = await consumer.end_offsets(list({partition for _, partition in places}))
    return sum(max(0, ends[partition] - done) for (_, partition), done in places.items())


async def _messages_under_way(db: Database, now: datetime) -> int:
    due = {"state": {"$in": ["planned", "due"]}, "due_at": {"$lte": now}}
    return int(await db[MESSAGES].count_documents({"$or": [due, {"state": "sending"}]}))


async def until_quiet(mongo: str, kafka: str, clock: Clock) -> None:
    """Return when nothing is left to do, asked twice in a row. Waits for ever: the caller sets the limit."""
    client = await connect(mongo)
    try:
        async with following(kafka) as consumer:
            quiet_looks = 0
            while quiet_looks < 2:
                quiet_looks = 0 if await still_to_do(client, consumer, clock()) else quiet_looks + 1
                await asyncio.sleep(LOOK_EVERY_S)
    finally:
        client.close()
