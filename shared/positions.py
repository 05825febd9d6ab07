"""Where a consumer stands in its topics: its recorded progress beside their ends, and how long the next record has waited."""

import asyncio
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime

from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.errors import KafkaError

from shared import kafka_access, progress
from shared.mongo import Database
from shared.progress import Place

WITHIN_S = 3.0  # somebody waits for the answer


@dataclass(frozen=True, slots=True)
class Position:
    """One partition: `next` is the offset that is processed next, `end` the one its next record will have (None: no broker).

    `waiting_since` is when the record at `next` was written, where there is one.
    """

    topic: str
    partition: int
    next: int
    end: int | None
    waiting_since: datetime | None = None

    @property
    def lag(self) -> int | None:
        """Records that wait."""
        return None if self.end is None else max(0, self.end - self.next)


async def positions(db: Database, address: str, consumer: str, places: Iterable[Place]) -> list[Position]:
    """The consumer's position in each place. Without a broker the ends are unknown. Raises PyMongoError."""
    done = await progress.read(db, consumer, places)
    try:
        async with asyncio.timeout(WITHIN_S):
            ends, since = await _looked_up(address, done)
    except (KafkaError, OSError, TimeoutError):
        ends, since = {}, {}
    return [Position(*place, offset, ends.get(place), since.get(place)) for place, offset in sorted(done.items())]


async def _looked_up(address: str, done: Mapping[Place, int]) -> tuple[dict[Place, int], dict[Place, datetime]]:
    client = AIOKafkaConsumer(**kafka_access.client(address), enable_auto_commit=False)
    try:
        await client.start()
        found = await client.end_offsets([TopicPartition(*place) for place in done])
        ends = {(partition.topic, partition.partition): end for partition, end in found.items()}
        return ends, await _written(client, {place: offset for place, offset in done.items() if ends[place] > offset})
    finally:
        await client.stop()


async def _written(client: AIOKafkaConsumer, wanted: dict[Place, int]) -> dict[Place, datetime]:
    """When the record at each offset was written."""
    written: dict[Place, datetime] = {}
    client.assign([TopicPartition(*place) for place in wanted])
    for place, offset in wanted.items():
        client.seek(TopicPartition(*place), offset)
    for place in wanted:
        record = await client.getone(TopicPartition(*place))
        written[place] = datetime.fromtimestamp(record.timestamp / 1000, UTC)
    return written
