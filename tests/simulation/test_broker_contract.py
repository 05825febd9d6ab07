"""The simulated broker against a real one: what the product asks of its producer and consumers it gets from both.

What groups with several members do is held against a broker whose groups hold, `--backing apache` or the like. The simulation
differs in two: whoever stops leaves at once, where a real one keeps a named member's share until its session ends; and a member
whose name was taken over stays out, where aiokafka's asks for the name again when a commit of its fails.
"""

import itertools
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import pytest
from aiokafka import AIOKafkaConsumer, ConsumerRebalanceListener, TopicPartition
from aiokafka.errors import CommitFailedError

from shared import kafka
from shared.topics import PARTITIONS
from tests.conftest import Until
from tests.simulation.broker import Broker, Consumer, Producer
from tests.simulation.store import Open

TOPIC = "onboarding.journeys"
_groups = itertools.count(1)


@dataclass
class Cluster:
    """Clients of one cluster, real or simulated."""

    producer: Callable[[], Any]
    consumer: Callable[..., Any]


def _cluster(kind: str, kafka_url: str) -> Cluster:
    options: dict[str, Any] = {"enable_auto_commit": False, "auto_offset_reset": "earliest"}
    if kind == "real":
        return Cluster(
            lambda: kafka.producer(kafka_url), lambda **more: AIOKafkaConsumer(bootstrap_servers=kafka_url, **options, **more)
        )
    broker = Broker(PARTITIONS, lambda: int(datetime.now(UTC).timestamp() * 1000))
    return Cluster(
        lambda: Producer(broker, Open(), enable_idempotence=True), lambda **more: Consumer(broker, Open(), **options, **more)
    )


@pytest.fixture(params=["simulated", "real"])
def cluster(request: pytest.FixtureRequest, kafka_url: str) -> Cluster:
    return _cluster(request.param, kafka_url)


@pytest.fixture(params=["simulated", pytest.param("real", marks=pytest.mark.groups)])
def grouped(request: pytest.FixtureRequest, kafka_url: str) -> Cluster:
    """One whose groups share partitions out."""
    return _cluster(request.param, kafka_url)


@dataclass
class Told(ConsumerRebalanceListener):  # type: ignore[misc]
    """What a member of a group is told."""

    last: set[TopicPartition] = field(default_factory=set)

    def on_partitions_revoked(self, revoked: set[TopicPartition]) -> None:
        """Others are told too."""

    async def on_partitions_assigned(self, assigned: set[TopicPartition]) -> None:
        self.last = set(assigned)


@asynccontextmanager
async def member(cluster: Cluster, group: str, told: Told | None = None, name: str | None = None) -> AsyncIterator[Any]:
    """A consumer that shares the topic with the others of its group."""
    consumer = cluster.consumer(
        group_id=group, group_instance_id=name, session_timeout_ms=6_000, heartbeat_interval_ms=500, rebalance_timeout_ms=6_000
    )
    consumer.subscribe([TOPIC], listener=told)
    await consumer.start()
    try:
        yield consumer
    finally:
        await consumer.stop()


async def shared_out(until: Until, *members: Any) -> None:
    """Wait until each has a share, no two the same partition, and together all."""

    async def so() -> bool:
        shares = [member.assignment() for member in members]
        return all(shares) and sum(map(len, shares)) == len(every(TOPIC)) and set().union(*shares) == set(every(TOPIC))

    await until(so)


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


async def told(until: Until, listener: Told, member: Any) -> None:
    """Wait until a member's listener has heard of its whole share."""

    async def so() -> bool:
        return listener.last == set(member.assignment())

    await until(so)


async def test_members_share_all_partitions_and_each_is_told_its_own(grouped: Cluster, until: Until) -> None:
    group, one, other = f"contract-{next(_groups)}", Told(), Told()
    async with member(grouped, group, one) as first:
        await shared_out(until, first)
        async with member(grouped, group, other) as second:
            await shared_out(until, first, second)
            await told(until, one, first)
            await told(until, other, second)
        await shared_out(until, first)
        await told(until, one, first)


async def test_after_a_rebalance_what_was_not_committed_comes_again_to_whoever_has_the_partition(
    grouped: Cluster, until: Until
) -> None:
    places = await send(grouped, *((f"again-{n}".encode(), b"x") for n in range(12)))
    group = f"contract-{next(_groups)}"
    async with member(grouped, group) as first:
        await shared_out(until, first)
        ends = await first.end_offsets(every(TOPIC))
        await take(first, sum(ends.values()))
        committed = {TopicPartition(TOPIC, number): offset + 1 for number, offset in places[:4]}  # of the others none
        await first.commit(committed)
        async with member(grouped, group) as second:
            await shared_out(until, first, second)
            left = {one: end - committed.get(one, 0) for one, end in ends.items()}
            for one in (first, second):
                found = await take(one, sum(left[partition] for partition in one.assignment()))
                first_of = {record.partition: record.offset for record in reversed(found)}
                assert first_of == {p.partition: committed.get(p, 0) for p in one.assignment() if left[p]}


async def test_whoever_comes_under_a_members_name_takes_its_place_and_the_former_commits_no_more(
    grouped: Cluster, until: Until
) -> None:
    await send(grouped, (b"named", b"x"))
    group = f"contract-{next(_groups)}"
    async with member(grouped, group, name="owner") as former:
        await shared_out(until, former)
        await take(former, 1)
        async with member(grouped, group, name="owner") as present:
            await shared_out(until, present)
            with pytest.raises(CommitFailedError):
                await former.commit()


async def test_no_outsider_commits_for_a_group_that_has_members(grouped: Cluster, until: Until) -> None:
    await send(grouped, (b"outside", b"x"))
    group = f"contract-{next(_groups)}"
    outsider = grouped.consumer(group_id=group)
    async with member(grouped, group) as inside:
        await shared_out(until, inside)
        await outsider.start()
        try:
            outsider.assign(every(TOPIC))
            await take(outsider, 1)
            with pytest.raises(CommitFailedError):
                await outsider.commit()
        finally:
            await outsider.stop()
