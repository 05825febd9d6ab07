"""The simulated broker against the embedded one: what the product asks of its producer and consumers it gets from both.

Groups with several members run on real clusters only; of them the simulation models eager rebalances, fenced commits and
sessions that end, as Kafka's protocol says.
"""

import itertools
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import pytest
from aiokafka import AIOKafkaConsumer, TopicPartition

from shared import kafka
from shared.topics import PARTITIONS
from tests.simulation.broker import Broker, Consumer, Producer
from tests.simulation.store import Open

TOPIC = "onboarding.journeys"
_groups = itertools.count(1)


@dataclass
class Cluster:
    """Clients of one cluster, real or simulated."""

    producer: Callable[[], Any]
    consumer: Callable[..., Any]


@pytest.fixture(params=["simulated", "real"])
async def cluster(request: pytest.FixtureRequest, kafka_url: str) -> AsyncIterator[Cluster]:
    options = {"enable_auto_commit": False, "auto_offset_reset": "earliest"}
    if request.param == "real":
        yield Cluster(
            lambda: kafka.producer(kafka_url), lambda **more: AIOKafkaConsumer(bootstrap_servers=kafka_url, **options, **more)
        )
        return
    broker = Broker(PARTITIONS, lambda: int(datetime.now(UTC).timestamp() * 1000))
    yield Cluster(
        lambda: Producer(broker, Open(), enable_idempotence=True), lambda **more: Consumer(broker, Open(), **options, **more)
    )


def every(topic: str) -> list[TopicPartition]:
    """All its partitions."""
    return [TopicPartition(topic, number) for number in range(PARTITIONS[topic])]


async def send(cluster: Cluster, *records: tuple[bytes, bytes], headers: Any = ()) -> list[tuple[int, int]]:
    """Publish one after the other; returns partition and offset of each."""
    producer = cluster.producer()
    await producer.start()
    try:
        futures = [await producer.send(TOPIC, key=key, value=value, headers=headers) for key, value in records]
        return [(sent.partition, sent.offset) for sent in [await future for future in futures]]
    finally:
        await producer.stop()


async def take(consumer: Any, count: int) -> list[Any]:
    """So many records as they come."""
    found: list[Any] = []
    while len(found) < count:
        for records in (await consumer.getmany(timeout_ms=200, max_records=count - len(found))).values():
            found += records
    return found


async def test_a_key_goes_to_one_partition_in_order_and_to_the_same_one_on_both(cluster: Cluster) -> None:
    keys = [f"E-{number}".encode() for number in range(12)]
    places = await send(cluster, *((key, str(turn).encode()) for turn in range(3) for key in keys))
    by_key = {key: places[place::12] for place, key in enumerate(keys)}
    broker = Broker(PARTITIONS, lambda: 0)
    for key, found in by_key.items():
        assert {partition for partition, _ in found} == {broker.partition_of(TOPIC, key)}
        assert found == sorted(found)
    assert len({found[0][0] for found in by_key.values()}) > 1


async def test_records_arrive_as_they_were_sent(cluster: Cluster) -> None:
    headers = [("ce_id", b"1"), ("empty", b""), ("null", None), ("ce_id", b"2")]
    ((number, offset),) = await send(cluster, (b"key", b"value"), headers=headers)
    consumer = cluster.consumer()
    await consumer.start()
    try:
        consumer.assign([TopicPartition(TOPIC, number)])
        consumer.seek(TopicPartition(TOPIC, number), offset)
        (record,) = await take(consumer, 1)
        ours = kafka.to_record(record)
        assert (ours.topic, ours.partition, ours.offset, ours.key, ours.value) == (TOPIC, number, offset, b"key", b"value")
        assert list(ours.headers) == headers
        assert abs((datetime.now(UTC) - ours.timestamp).total_seconds()) < 3600
    finally:
        await consumer.stop()


async def test_a_group_goes_on_where_it_committed_and_rewinds_where_it_seeks(cluster: Cluster) -> None:
    partition = TopicPartition(TOPIC, (await send(cluster, *[(b"group", str(n).encode()) for n in range(6)]))[0][0])
    group = f"contract-{next(_groups)}"
    first = cluster.consumer(group_id=group)
    await first.start()
    begin = (await first.end_offsets([partition]))[partition] - 6
    try:
        first.assign([partition])
        first.seek(partition, begin)
        assert [record.value for record in await take(first, 2)] == [b"0", b"1"]
        first.seek(partition, begin + 1)
        assert [record.value for record in await take(first, 2)] == [b"1", b"2"]
        await first.commit()
        assert [record.value for record in await take(first, 1)] == [b"3"]
    finally:
        await first.stop()
    second = cluster.consumer(group_id=group)
    await second.start()
    try:
        second.assign([partition])
        assert [record.value for record in await take(second, 3)] == [b"3", b"4", b"5"]
        await second.commit({partition: begin})
    finally:
        await second.stop()


async def test_ends_and_beginnings(cluster: Cluster) -> None:
    consumer = cluster.consumer()
    await consumer.start()
    try:
        before = await consumer.end_offsets(every(TOPIC))
        ((number, offset),) = await send(cluster, (b"ends", b"x"))
        after = await consumer.end_offsets(every(TOPIC))
        assert {one: after[one] - before[one] for one in every(TOPIC)} == {
            one: int(one.partition == number) for one in every(TOPIC)
        }
        assert after[TopicPartition(TOPIC, number)] == offset + 1
        assert set((await consumer.beginning_offsets(every(TOPIC))).values()) == {0}
    finally:
        await consumer.stop()


async def test_an_empty_poll_finds_nothing_and_a_group_without_a_place_starts_at_the_beginning(cluster: Cluster) -> None:
    ((number, _),) = await send(cluster, (b"earliest", b"x"))
    consumer = cluster.consumer(group_id=f"contract-{next(_groups)}")
    await consumer.start()
    try:
        consumer.assign([TopicPartition(TOPIC, number)])
        (first,) = await take(consumer, 1)
        assert first.offset == 0
        rest = (await consumer.end_offsets([TopicPartition(TOPIC, number)]))[TopicPartition(TOPIC, number)] - 1
        await take(consumer, rest) if rest else None
        assert not any((await consumer.getmany(timeout_ms=50)).values())
        assert consumer.assignment() == {TopicPartition(TOPIC, number)}
    finally:
        await consumer.stop()
