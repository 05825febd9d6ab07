"""The raw ceiling: the same bytes consumed and the same documents bulk-written, by as many processes, with no logic.

`python -m bench.ceiling SERVICE KAFKA MONGO DATABASE` is one service's process: it reads what the service's worker has written,
says so, and on a line of input writes it again into a fresh database with the same indexes, while it consumes the service's
topics. Its answer is the seconds and the number of documents.
"""

import asyncio
import importlib
import json
import sys
from time import perf_counter

from aiokafka import AIOKafkaConsumer, TopicPartition

from shared import kafka
from shared.mongo import Database, Document, InsertOne, connect
from shared.processing import BATCH_RECORDS
from shared.settings import Settings
from shared.worker import prepare_database

COLLECTIONS = {
    "matching": ("hires", "directory"),
    "onboarding": ("journeys", "directory", "board", "timeline", "outcomes"),
    "notifications": ("messages", "correspondences", "directory"),
}
"""What a service writes for each hire."""


async def main(service: str, address: str, mongo: str, name: str) -> None:
    """Read, wait for the word, write and consume."""
    client = await connect(mongo)
    worker = importlib.import_module(f"services.{service}.app").worker(Settings(kafka=address, mongo=mongo))
    db = client[name]
    await prepare_database(db)
    await worker.prepare(db)
    documents = {each: [document async for document in client[service][each].find()] for each in COLLECTIONS[service]}
    topics = sorted({topic for subscription in worker.subscriptions for topic in subscription.topics})
    print("ready", flush=True)
    await asyncio.to_thread(sys.stdin.readline)
    started = perf_counter()
    await asyncio.gather(consume(address, topics), *(write(db, each, found) for each, found in documents.items()))
    print(json.dumps({"seconds": perf_counter() - started, "documents": sum(map(len, documents.values()))}), flush=True)
    client.close()


async def write(db: Database, collection: str, documents: list[Document]) -> None:
    """Bulk writes of as many as a batch has records."""
    for first in range(0, len(documents), BATCH_RECORDS):
        batch = documents[first : first + BATCH_RECORDS]
        await db[collection].bulk_write([InsertOne(document) for document in batch], ordered=False)


async def consume(address: str, topics: list[str]) -> None:
    """Everything that is there."""
    ends = await kafka.ends(address, kafka.places(topics))
    consumer = AIOKafkaConsumer(bootstrap_servers=address, enable_auto_commit=False, auto_offset_reset="earliest")
    await consumer.start()
    try:
        consumer.assign([TopicPartition(*place) for place in ends])
        left = sum(ends.values())
        while left > 0:
            left -= sum(map(len, (await consumer.getmany(timeout_ms=20, max_records=BATCH_RECORDS)).values()))
    finally:
        await consumer.stop()


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
