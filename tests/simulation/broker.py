"""A simulated Kafka cluster, and aiokafka's three clients of it: logs by partition, groups, an idempotent producer.

Kept: order within a partition, acknowledged records, a group's offsets. Not kept, since no real one keeps them: order across
partitions, one delivery only, an answer to every question.
"""

import asyncio
import contextvars
import itertools
from collections import defaultdict
from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

from aiokafka import ConsumerRecord, TopicPartition
from aiokafka.errors import CommitFailedError, ConsumerStoppedError, IllegalStateError, KafkaError, NotLeaderForPartitionError
from aiokafka.partitioner import DefaultPartitioner
from aiokafka.structs import RecordMetadata

from tests.simulation.loop import OWNER
from tests.simulation.queries import Unsupported
from tests.simulation.store import Gate

_partition_of = DefaultPartitioner()
LONGEST_POLL_S = 5.0


@dataclass(slots=True)
class Log:
    """One partition. Until `held_until` (of the loop's clock) its last records reach nobody."""

    records: list[ConsumerRecord] = field(default_factory=list)
    held_until: float = 0.0


@dataclass(eq=False, slots=True)
class Group:
    """A consumer group: its members in the order of joining, and how far each partition is committed."""

    members: "dict[str, Consumer]" = field(default_factory=dict)
    offsets: dict[TopicPartition, int] = field(default_factory=dict)
    generation: int = 0
    turn: int = 0

    def share_out(self, topics: Mapping[str, list[Log]]) -> None:
        """A rebalance: every member gets other partitions, from the committed offsets on, whatever it is doing."""
        self.generation += 1
        members = list(self.members.values())
        assigned: dict[Consumer, set[TopicPartition]] = {member: set() for member in members}
        for topic in sorted({topic for member in members for topic in member.topics}):
            takers = [member for member in members if topic in member.topics]
            for number in range(len(topics[topic])):
                assigned[takers[(number + self.turn) % len(takers)]].add(TopicPartition(topic, number))
        for member, partitions in assigned.items():
            member.given(partitions, self.generation)


class Broker:
    """The cluster."""

    def __init__(self, partitions: Mapping[str, int], wall_ms: Any) -> None:
        self.topics = {topic: [Log() for _ in range(count)] for topic, count in partitions.items()}
        self.groups: dict[str, Group] = defaultdict(Group)
        self._wall_ms = wall_ms
        self._arrived: asyncio.Future[None] | None = None
        self._names = itertools.count(1)

    def append(
        self,
        topic: str,
        key: bytes | None,
        value: bytes | None,
        headers: Iterable[tuple[str, bytes | None]],
        number: int | None = None,
    ) -> tuple[int, int]:
        """Add a record; returns its partition and offset."""
        logs = self.topics[topic]
        if number is None:
            every = list(range(len(logs)))
            number = _partition_of(key, every, every) if key is not None else 0
        log = logs[number]
        offset = len(log.records)
        size = len(value or b"")
        record = ConsumerRecord(
            topic, number, offset, self._wall_ms(), 0, key, value, None, len(key or b""), size, tuple(headers)
        )
        log.records.append(record)
        self.wake()
        return number, offset

    def partition_of(self, topic: str, key: bytes) -> int:
        """Where a key's records go."""
        every = list(range(len(self.topics[topic])))
        return int(_partition_of(key, every, every))

    def hold(self, topic: str, number: int, seconds: float) -> None:
        """Let nobody fetch from a partition for a while."""
        loop = asyncio.get_running_loop()
        self.topics[topic][number].held_until = loop.time() + seconds
        loop.call_later(seconds, self.wake)

    def rebalance(self, group: str) -> None:
        """Share a group's partitions out anew."""
        self.groups[group].turn += 1
        self.groups[group].share_out(self.topics)
        self.wake()

    def leave(self, consumer: "Consumer") -> None:
        """A member is gone: it said so, or its session is over."""
        for group in self.groups.values():
            for name, member in list(group.members.items()):
                if member is consumer:
                    del group.members[name]
                    if group.members:
                        group.share_out(self.topics)
        self.wake()

    def wake(self) -> None:
        """Let waiting consumers look again."""
        arrived, self._arrived = self._arrived, None
        if arrived is not None and not arrived.done():
            arrived.set_result(None)

    async def arrived(self) -> None:
        """Until something may have come."""
        if self._arrived is None or self._arrived.get_loop() is not asyncio.get_running_loop():
            self._arrived = asyncio.get_running_loop().create_future()
        await asyncio.shield(self._arrived)

    def records(self, topic: str) -> list[ConsumerRecord]:
        """Everything on a topic, partition by partition."""
        return [record for log in self.topics[topic] for record in log.records]


class _Wire:
    """What `shared.kafka.pace` takes hold of."""

    async def send(self, node_id: int, request: Any, **options: Any) -> Any:
        raise Unsupported("the simulated consumer has no wire")


class Consumer:
    """What `AIOKafkaConsumer` is to FastStream and to `shared.kafka`."""

    def __init__(
        self,
        broker: Broker,
        gate: Gate,
        *,
        group_id: str | None = None,
        group_instance_id: str | None = None,
        auto_offset_reset: str = "latest",
        enable_auto_commit: bool = True,
        **_: Any,
    ) -> None:
        self._broker = broker
        self._gate = gate
        self._owner = OWNER.get()
        self._group_id = group_id
        self._name = group_instance_id or f"member-{next(broker._names)}"
        self._earliest = auto_offset_reset == "earliest"
        self._commits_by_itself = enable_auto_commit and group_id is not None
        self._client, self._coordinator = _Wire(), self
        self.topics: set[str] = set()
        self._assigned: dict[TopicPartition, int] = {}
        self._paused: set[TopicPartition] = set()
        self._listener: Any = None
        self._generation: int | None = None
        self._running = False

    def subscribe(self, topics: Iterable[str] = (), pattern: str | None = None, listener: Any = None) -> None:
        self.topics = set(topics)
        self._listener = listener

    def subscription(self) -> frozenset[str]:
        return frozenset(self.topics)

    def partitions_for_topic(self, topic: str) -> set[int]:
        return set(range(len(self._broker.topics[topic])))

    def request_rejoin(self) -> None:
        """What the product asks aiokafka's coordinator for; here they are one."""
        self._broker.rebalance(str(self._group_id))

    def pause(self, *partitions: TopicPartition) -> None:
        self._paused |= self._assigned.keys() & set(partitions)

    def resume(self, *partitions: TopicPartition) -> None:
        self._paused -= set(partitions)
        self._broker.wake()

    def paused(self) -> set[TopicPartition]:
        return set(self._paused)

    def assign(self, partitions: Iterable[TopicPartition]) -> None:
        self.given(set(partitions), None)

    def given(self, partitions: set[TopicPartition], generation: int | None) -> None:
        """The partitions from now on, each from where the group has committed."""
        self._generation = generation
        self._assigned = {partition: self._committed(partition) for partition in sorted(partitions)}
        self._paused = set()
        if self._listener is not None and self._assigned:
            inside = contextvars.copy_context()
            inside.run(OWNER.set, self._owner)  # a rebalance is begun by others, and heard of here
            told = self._listener.on_partitions_assigned(set(self._assigned))
            asyncio.get_running_loop().create_task(told, context=inside)

    def _committed(self, partition: TopicPartition) -> int:
        offsets = self._broker.groups[self._group_id].offsets if self._group_id is not None else {}
        first = 0 if self._earliest else len(self._log(partition).records)
        return offsets.get(partition, first)

    def _log(self, partition: TopicPartition) -> Log:
        return self._broker.topics[partition.topic][partition.partition]

    async def start(self) -> None:
        await self._gate.before("join")
        self._running = True
        if self.topics:
            group = self._broker.groups[str(self._group_id)]
            known = self._name in group.members
            group.members[self._name] = self
            if known:  # static membership: back under its name, with what it had
                former = group.generation
                group.share_out(self._broker.topics)
                group.generation = max(group.generation, former)
            else:
                group.share_out(self._broker.topics)
        else:
            self.given(set(self._assigned), None)
        await self._gate.after("join")

    async def stop(self) -> None:
        self._running = False
        await self._gate.before("leave")
        self._broker.leave(self)

    def assignment(self) -> set[TopicPartition]:
        return set(self._assigned)

    async def getmany(self, *, timeout_ms: int = 0, max_records: int | None = None) -> dict[TopicPartition, list[ConsumerRecord]]:
        """As aiokafka's, but an empty poll lasts until something comes: nobody can tell, and idling costs nothing."""
        await self._gate.before("poll")
        if self._commits_by_itself:  # aiokafka does so every few seconds, whatever became of what it gave out
            with suppress(KafkaError):
                await self.commit()
        loop = asyncio.get_running_loop()
        until = loop.time() + max(timeout_ms / 1000, LONGEST_POLL_S)
        while True:
            if not self._running:
                raise ConsumerStoppedError
            found = self._fetched(max_records or 500, loop.time())
            if found or loop.time() >= until:
                await self._gate.after("poll")
                return self._still_ours(found)
            try:
                async with asyncio.timeout_at(until):
                    await self._broker.arrived()
            except TimeoutError:
                continue

    def _fetched(self, room: int, now: float) -> dict[TopicPartition, list[ConsumerRecord]]:
        found: dict[TopicPartition, list[ConsumerRecord]] = {}
        for partition, place in self._assigned.items():
            log = self._log(partition)
            if log.held_until > now or room <= 0 or partition in self._paused:
                continue
            if records := log.records[place : place + room]:
                found[partition] = records
                room -= len(records)
        return found

    def _still_ours(self, found: dict[TopicPartition, list[ConsumerRecord]]) -> dict[TopicPartition, list[ConsumerRecord]]:
        kept = {one: records for one, records in found.items() if self._assigned.get(one) == records[0].offset}
        for partition, records in kept.items():
            self._assigned[partition] = records[-1].offset + 1
        return kept

    def seek(self, partition: TopicPartition, offset: int) -> None:
        if partition not in self._assigned:
            raise IllegalStateError(f"No current assignment for partition {partition}")
        self._assigned[partition] = offset

    async def commit(self, offsets: Mapping[TopicPartition, int] | None = None) -> None:
        """All positions, or these. Raises CommitFailedError for somebody who is no member (any more)."""
        generation, wanted = self._generation, dict(self._assigned if offsets is None else offsets)
        await self._gate.before("offsets")
        group = self._broker.groups[str(self._group_id)]
        if self.topics and (group.members.get(self._name) is not self or generation != group.generation):
            raise CommitFailedError("the group has rebalanced")
        if not self.topics and any(member.topics for member in group.members.values()):
            raise CommitFailedError("UnknownMemberIdError")
        group.offsets |= wanted
        await self._gate.after("offsets")

    async def end_offsets(self, partitions: Iterable[TopicPartition]) -> dict[TopicPartition, int]:
        await self._gate.before("ends")
        return {partition: len(self._log(partition).records) for partition in partitions}

    async def beginning_offsets(self, partitions: Iterable[TopicPartition]) -> dict[TopicPartition, int]:
        await self._gate.before("beginnings")
        return dict.fromkeys(partitions, 0)

    def highwater(self, partition: TopicPartition) -> int | None:
        return len(self._log(partition).records)


class Producer:
    """What `AIOKafkaProducer` is to the relay: idempotent, so a record that failed holds up those after it in its partition."""

    def __init__(self, broker: Broker, gate: Gate, **options: Any) -> None:
        self._idempotent = bool(options.get("enable_idempotence"))
        self._broker = broker
        self._gate = gate
        self._failed: set[tuple[str, int]] = set()

    async def start(self) -> None:
        await self._gate.before("connect")

    async def stop(self) -> None:
        """Nothing is buffered."""

    async def flush(self) -> None:
        """Nothing is buffered."""

    async def send(
        self, topic: str, value: bytes | None = None, key: bytes | None = None, headers: Iterable[tuple[str, bytes | None]] = ()
    ) -> "asyncio.Future[RecordMetadata]":
        """The record is on its way; the future tells what became of it."""
        if not self._idempotent:
            raise Unsupported("a producer that is not idempotent")
        if key is None and value is None:
            raise AssertionError("Need at least one: key or value")
        place = topic, self._broker.partition_of(topic, key) if key is not None else 0
        try:
            if place in self._failed:
                raise NotLeaderForPartitionError
            await self._gate.before("produce")
        except (OSError, NotLeaderForPartitionError) as error:
            self._failed.add(place)
            return self._answer(NotLeaderForPartitionError(str(error)))
        number, offset = self._broker.append(topic, key, value, list(headers), place[1])
        try:
            await self._gate.after("produce")
        except (OSError, NotLeaderForPartitionError) as error:
            self._failed.add(place)
            return self._answer(NotLeaderForPartitionError(str(error)))
        partition = TopicPartition(topic, number)
        return self._answer(None, RecordMetadata(topic, number, partition, offset, 0, 0, 0))

    @staticmethod
    def _answer(error: Exception | None, result: Any = None) -> "asyncio.Future[Any]":
        answer = asyncio.get_running_loop().create_future()
        if error is not None:
            answer.set_exception(error)
        else:
            answer.set_result(result)
        return answer


class Admin:
    """FastStream opens one and asks it nothing."""

    async def start(self) -> None:
        """Nothing to do."""

    async def close(self) -> None:
        """Nothing to do."""
