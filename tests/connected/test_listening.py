"""What a consumer hears on the real broker: at once what comes, and together what follows closely."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.errors import KafkaConnectionError

from shared import kafka
from shared.events.hr import TOPIC as HR

PLACES = [TopicPartition(HR, 0), TopicPartition(HR, 1)]
LINGER_S = 0.5


@asynccontextmanager
async def heard(address: str, linger: float) -> AsyncIterator[tuple[Any, Any]]:
    """A consumer at the end of two partitions, and a producer."""
    consumer = AIOKafkaConsumer(bootstrap_servers=address, enable_auto_commit=False)
    producer = kafka.producer(address)
    await consumer.start()
    await producer.start()
    try:
        consumer.assign(PLACES)
        await consumer.seek_to_end()
        kafka.listen(consumer, linger)
        kafka.pace(consumer)
        yield consumer, producer
    finally:
        await producer.stop()
        await consumer.stop()


async def values(consumer: Any, **options: Any) -> list[bytes]:
    return sorted(record.value for records in (await consumer.getmany(timeout_ms=20, **options)).values() for record in records)


async def test_a_poll_waits_for_records_and_ends_with_them(kafka_url: str) -> None:
    async with heard(kafka_url, 0.0) as (consumer, producer):
        polling = asyncio.create_task(values(consumer))
        await asyncio.sleep(0.2)
        assert not polling.done()
        await producer.send_and_wait(HR, b"one", b"k", partition=0)
        assert await polling == [b"one"]


async def test_a_batch_lingers_for_what_follows_its_first_record(kafka_url: str) -> None:
    async with heard(kafka_url, LINGER_S) as (consumer, producer):
        polling = asyncio.create_task(values(consumer))
        for number in range(3):
            await producer.send_and_wait(HR, b"%d" % number, b"k", partition=number % 2)
        assert await polling == [b"0", b"1", b"2"]


async def test_a_full_batch_lingers_for_nobody(kafka_url: str) -> None:
    async with heard(kafka_url, 60.0) as (consumer, producer):
        await asyncio.gather(*[await producer.send(HR, b"%d" % number, b"k", partition=0) for number in range(3)])
        async with asyncio.timeout(30):
            assert await values(consumer, max_records=1) == [b"0"]


async def test_what_was_found_is_not_lost_with_a_failure_while_lingering(kafka_url: str) -> None:
    async with heard(kafka_url, 0.0) as (consumer, producer):
        asked, getmany = [0], consumer.getmany

        async def failing(**options: Any) -> Any:
            asked[0] += 1
            if asked[0] == 2:
                raise KafkaConnectionError("gone for a moment")
            return await getmany(**options)

        consumer.getmany = failing
        kafka.listen(consumer, LINGER_S)
        await producer.send_and_wait(HR, b"one", b"k", partition=0)
        assert await values(consumer) == [b"one"]
        await producer.send_and_wait(HR, b"two", b"k", partition=0)
        assert await values(consumer) == [b"two"]
