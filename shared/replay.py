"""Topics read again from their beginning, up to where a consumer's progress stands."""

from bisect import bisect_right
from collections.abc import AsyncIterator, Iterable, Mapping, Sequence
from heapq import merge
from operator import attrgetter
from types import TracebackType
from typing import Self

from aiokafka import AIOKafkaConsumer, ConsumerRecord, TopicPartition

from shared import kafka_access
from shared.progress import Place, TopicShorter

BATCH_RECORDS = 2_000
POLL_MS = 200
_TIME = attrgetter("timestamp")


class TopicBegun(Exception):
    """A topic's first records are gone: what was made of them can't be made again."""

    def __init__(self, place: Place, begin: int) -> None:
        super().__init__(
            f"topic {place[0]} partition {place[1]} begins at offset {begin}: what came before was deleted, and a rebuild would "
            f"lose what was made of it. Restore the topic, and let it keep its records for ever (retention.ms=-1)"
        )


class Replay:
    """Reads partitions from their beginning. `positions` are the next offsets to fetch. An async context manager."""

    def __init__(self, address: str, consumer: str, of: Iterable[Place]) -> None:
        self.positions: dict[Place, int] = dict.fromkeys(of, 0)
        self._name = consumer
        self._consumer = AIOKafkaConsumer(
            **kafka_access.client(address), enable_auto_commit=False, auto_offset_reset="none", max_poll_records=BATCH_RECORDS
        )

    async def __aenter__(self) -> Self:
        """Connect. Raises `TopicBegun` where a topic has lost its beginning, KafkaError without a broker."""
        try:
            await self._consumer.start()
            partitions = [TopicPartition(*place) for place in self.positions]
            self._consumer.assign(partitions)
            self._consumer.pause(*partitions)  # or all would be fetched ahead, and those without records again and again
            for partition, begin in (await self._consumer.beginning_offsets(partitions)).items():
                if begin > 0:
                    raise TopicBegun((partition.topic, partition.partition), begin)
                self._consumer.seek(partition, 0)
        except BaseException:
            await self._consumer.stop()
            raise
        return self

    async def __aexit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        await self._consumer.stop()

    def unread(self) -> set[Place]:
        """Partitions of the topics that the broker has, and that are not read here."""
        topics = {topic for topic, _ in self.positions}
        here = {(topic, number) for topic in topics for number in self._consumer.partitions_for_topic(topic) or ()}
        return here - self.positions.keys()

    async def up_to(self, target: Mapping[Place, int]) -> AsyncIterator[Sequence[ConsumerRecord[bytes, bytes]]]:
        """Batches of records until `positions` are exactly `target`.

        Raises `TopicShorter` where a topic ends before. One number of partition after the other, for what is told of a person
        lies under one number in every topic: so of all persons only some are told of at a time. Within it the topics are read
        at one pace, by the time of their records; what one topic holds stays in order whatever the times are.
        """
        await self.check_ends(target)
        for number in sorted({number for _, number in target}):
            behind = {place for place, offset in self.positions.items() if place[1] == number and offset < target[place]}
            self._consumer.resume(*(TopicPartition(*place) for place in behind))
            waiting: dict[Place, list[ConsumerRecord[bytes, bytes]]] = {place: [] for place in behind}
            while waiting:
                for place in [place for place, records in waiting.items() if not records]:
                    if self.positions[place] < target[place]:
                        waiting[place] = await self._read(place, target[place])
                    else:
                        self._consumer.pause(TopicPartition(*place))
                        del waiting[place]
                if batch := _oldest([records for records in waiting.values() if records]):
                    yield batch

    async def _read(self, place: Place, limit: int) -> list[ConsumerRecord[bytes, bytes]]:
        partition = TopicPartition(*place)
        found = await self._consumer.getmany(partition, timeout_ms=POLL_MS, max_records=BATCH_RECORDS)
        records: list[ConsumerRecord[bytes, bytes]] = found.get(partition, [])
        position = await self._consumer.position(partition)
        if position > limit:
            records = [record for record in records if record.offset < limit]
            self._consumer.seek(partition, limit)
        self.positions[place] = min(position, limit)
        return records

    def go_on_at(self, positions: Mapping[Place, int]) -> None:
        """Pass by what somebody else has read."""
        for place, offset in positions.items():
            self._consumer.seek(TopicPartition(*place), offset)
            self.positions[place] = offset

    async def check_ends(self, target: Mapping[Place, int]) -> None:
        """Raise `TopicShorter` where a topic ends before the target."""
        ends = await self._consumer.end_offsets([TopicPartition(*place) for place in target])
        for partition, end in ends.items():
            place = (partition.topic, partition.partition)
            if end < target[place]:
                raise TopicShorter(self._name, place, end, target[place])


def _oldest(waiting: Sequence[list[ConsumerRecord[bytes, bytes]]]) -> list[ConsumerRecord[bytes, bytes]]:
    """Take the records up to the time when the first of the lists ends: all of that one, whatever its times are."""
    until = min((records[-1].timestamp for records in waiting), default=0)
    taken = []
    for records in waiting:
        count = len(records) if records[-1].timestamp <= until else bisect_right(records, until, key=_TIME)
        taken.append(records[:count])
        del records[:count]
    return list(merge(*taken, key=_TIME))
