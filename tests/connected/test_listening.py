"""A consumer hears at once what comes, on the real broker."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from aiokafka import AIOKafkaConsumer, TopicPartition

from shared import kafka
from shared.events.hr import TOPIC as HR

PLACES = [TopicPartition(HR, 0), TopicPartition(HR, 1)]


@asynccontextmanager
async def heard(address: str) -> AsyncIterator[tuple[Any, Any]]:
    """A consumer at the end of two partitions, and a producer."""
    consumer = AIOKafkaConsumer(bootstrap_servers=address, enable_auto_commit=False)
    producer = kafka.producer(address)
    await consumer.start()
    await producer.start()
    try:
        consumer.assign(PLACES)
        await consumer.seek_to_end()
        kafka.listen(consumer)
        kafka.pace(consumer)
        yield consumer, producer
    finally:
        await producer.stop()
        await consumer.stop()


async def values(consumer: Any) -> list[bytes]:
    return sorted(record.value for records in (await consumer.getmany(timeout_ms=20)).values() for record in records)


async def test_a_poll_waits_for_records_and_ends_with_them(kafka_url: str) -> None:
    async with heard(kafka_url) as (consumer, producer):
        polling = asyncio.create_task(values(consumer))
        await asyncio.sleep(0.2)
        assert not polling.done()
        await producer.send_and_wait(HR, b"one", b"k", partition=0)
        assert await polling == [b"one"]
