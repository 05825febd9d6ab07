"""Kafka: the producer, and batches of records from FastStream to a processor.

Acknowledgement is `NACK_ON_ERROR` on every subscriber (a test looks at each): the offset is committed after the
batch is settled in the database, and a batch that could not be settled is fetched again. Kafka's offsets follow the
recorded progress; they never decide what is processed.
"""

import asyncio
from collections.abc import Awaitable, Callable, Container, Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, ConsumerRebalanceListener, ConsumerRecord, TopicPartition
from aiokafka.protocol.fetch import FetchRequest
from faststream import AckPolicy
from faststream.kafka import KafkaBroker
from faststream.kafka import TopicPartition as AssignedPartition

from shared import kafka_access
from shared.mongo import PyMongoError
from shared.processing import BATCH_RECORDS, PATIENCE_S
from shared.progress import Place, TopicShorter
from shared.record import Record
from shared.settings import Settings
from shared.topics import PARTITIONS

MAX_REQUEST_BYTES = 8 * 1024 * 1024  # dead letters carry whatever a producer managed to send
EMPTY_POLL_MS = 20  # FastStream sleeps this long after a poll that found nothing, and hears nothing meanwhile
FETCHED_BYTES = 256 * 1024  # of one partition at a time: aiokafka keeps as much of each in memory; a larger record comes alone
POLL_MS = 1_000  # hence polls wait so long; records that come end the wait at once
SMALL_BATCH = 100  # records; behind more of them others wait already
FETCH_PAUSES_S = (0.002, 0.025)  # on the embedded broker, which answers an empty fetch at once: after records, and at most
SESSION_TIMEOUT_MS = 10_000  # a worker that restarts within it keeps its partitions; the others get a dead one's after it
HEARTBEAT_MS = 1_000  # members hear by it that partitions are shared out anew, and wait for each other
REBALANCE_TIMEOUT_MS = 15_000  # so long the others wait for a member that does not answer; none waits for its batch with that
MAX_POLL_INTERVAL_MS = 300_000
METADATA_MAX_AGE_MS = 30_000  # so long until a group takes up partitions that were added to a topic
assert PATIENCE_S * 1000 < MAX_POLL_INTERVAL_MS

Handler = Callable[[Sequence[Record]], Awaitable[None]]


def producer(address: str) -> AIOKafkaProducer:
    """An idempotent producer that waits for all replicas; `start()` it before use, `stop()` it after."""
    return AIOKafkaProducer(
        **kafka_access.client(address), enable_idempotence=True, acks="all", linger_ms=0, max_request_size=MAX_REQUEST_BYTES
    )


def broker(settings: Settings, service: str) -> KafkaBroker:
    """FastStream's broker for a service's worker. Types are applied by the processor, per record."""
    return KafkaBroker(
        settings.kafka,
        security=kafka_access.security(settings.kafka),
        client_id=f"{service}-{settings.instance}",
        apply_types=False,
        allow_auto_create_topics=False,
        logger=None,
        graceful_timeout=15.0,
        metadata_max_age_ms=METADATA_MAX_AGE_MS,
    )


class FromProgress(ConsumerRebalanceListener):  # type: ignore[misc]
    """Has each newly assigned partition start at the recorded progress, wherever Kafka's own offsets stand.

    `recorded` reads the progress of places. `subscriber` is set once there is one.
    """

    def __init__(self, recorded: Callable[[Iterable[Place]], Awaitable[dict[Place, int]]]) -> None:
        self.subscriber: Any = None
        self._recorded = recorded
        self._asked_for: set[Place] = set()

    def on_partitions_revoked(self, revoked: Iterable[TopicPartition]) -> None:
        """Nothing to do: a batch that still runs is settled or meets the successor's progress."""

    async def on_partitions_assigned(self, assigned: Iterable[TopicPartition]) -> None:
        """Fetch nothing before the progress is known. With the database away the partitions wait for `go_on`."""
        self.subscriber.consumer.pause(*assigned)
        with suppress(PyMongoError):
            await self.go_on()

    async def go_on(self) -> None:
        """Let the partitions that wait start at their progress. Raises PyMongoError."""
        consumer = self.subscriber.consumer
        if not (waiting := consumer.paused()):
            return
        recorded = await self._recorded((partition.topic, partition.partition) for partition in waiting)
        for partition in waiting & consumer.paused():  # another rebalance may have taken some away meanwhile
            consumer.seek(partition, recorded[partition.topic, partition.partition])
            consumer.resume(partition)

    def take_up(self, known: Container[Place]) -> None:
        """Have the group share out partitions that were added to its topics: those that nobody has a progress in.

        aiokafka's group leader notices them by itself only after it has made an assignment; a leader that was restarted as a
        static member has made none, and they would be read by nobody. Asking makes one assignment, hence once for each.
        """
        consumer = self.subscriber.consumer
        here = {(topic, number) for topic in consumer.subscription() for number in consumer.partitions_for_topic(topic) or ()}
        unread = {place for place in here if place not in known}
        if unread - self._asked_for:
            consumer._coordinator.request_rejoin()
        self._asked_for = unread


def subscribe(
    kafka: KafkaBroker,
    consumer: str,
    topics: Sequence[str],
    handler: Handler,
    start: FromProgress,
    *,
    member: str | None = None,
) -> Any:
    """Register a batch subscriber of `topics`; returns FastStream's subscriber.

    As a `member` of the consumer group (static membership: whoever comes under the same name takes its place) it gets a share of
    the partitions, and each begins where `start` says; else this process takes all of them, since the embedded broker never
    evicts a dead member.
    """
    shared_out = member is not None
    names = tuple(topics) if shared_out else ()
    partitions = () if shared_out else [AssignedPartition(topic, number) for topic, number in places(topics)]
    subscriber = kafka.subscriber(
        *names,
        partitions=partitions,
        group_id=consumer,
        group_instance_id=f"{consumer}-{member}" if shared_out else None,
        batch=True,
        max_records=BATCH_RECORDS,
        max_partition_fetch_bytes=FETCHED_BYTES,
        batch_timeout_ms=EMPTY_POLL_MS,
        auto_offset_reset="earliest",
        session_timeout_ms=SESSION_TIMEOUT_MS,
        heartbeat_interval_ms=HEARTBEAT_MS,
        max_poll_interval_ms=MAX_POLL_INTERVAL_MS,
        rebalance_timeout_ms=REBALANCE_TIMEOUT_MS,
        listener=start if shared_out else None,
        ack_policy=AckPolicy.NACK_ON_ERROR,
        parser=_tolerant_parser,
        decoder=_raw_records,
        no_reply=True,
    )
    subscriber(handler)
    start.subscriber = subscriber
    return subscriber


def gathering(handler: Handler, seconds: float) -> Handler:
    """The handler, unhurried: what follows a small batch waits until `seconds` after that one's start, and comes as one batch.

    A batch of one record costs nearly as much as one of twenty. The first after a lull is handled at once.
    """
    if not seconds:
        return handler

    async def unhurried(records: Sequence[Record]) -> None:
        loop = asyncio.get_running_loop()
        gathered = loop.time() + seconds
        await handler(records)
        if len(records) < SMALL_BATCH:
            await asyncio.sleep(max(0.0, gathered - loop.time()))

    return unhurried


async def _tolerant_parser(batch: tuple[ConsumerRecord[Any, Any], ...], original: Any) -> Any:
    # FastStream's parser raises on a header that is null or not UTF-8, and the records would be gone: hide headers from it.
    message = await original(tuple(replace(record, headers=()) for record in batch))
    message.raw_message = batch
    return message


async def _raw_records(message: Any) -> list[Record]:
    return [to_record(record) for record in message.raw_message]


def to_record(record: ConsumerRecord[Any, Any]) -> Record:
    """A client library's record as ours."""
    return Record(
        topic=record.topic,
        partition=record.partition,
        offset=record.offset,
        key=record.key,
        value=record.value,
        headers=tuple(record.headers),
        timestamp=datetime.fromtimestamp(record.timestamp / 1000, UTC),
    )


def places(topics: Sequence[str]) -> list[Place]:
    """All partitions of the declared topics."""
    return [(topic, number) for topic in topics for number in range(PARTITIONS[topic])]


async def align_offsets(address: str, consumer: str, progress: dict[Place, int], *, shared_out: bool) -> dict[Place, int]:
    """See that every topic reaches the recorded progress, and set the group's offsets to it, before the only member starts.

    Returns where the places begin.
    After a restored database the group may stand ahead of it, and records would be skipped. Members of a group that is
    `shared_out` seek by themselves (`FromProgress`): a broker takes no commit from outside while one of them is there, or was
    there a moment ago. Raises `TopicShorter` when a topic ends before the progress.
    """
    client = AIOKafkaConsumer(**kafka_access.client(address), group_id=consumer, enable_auto_commit=False)
    try:
        await client.start()
        assigned = {place: TopicPartition(*place) for place in progress}
        client.assign(list(assigned.values()))
        ends = await client.end_offsets(list(assigned.values()))
        for place, partition in assigned.items():
            if ends[partition] < progress[place]:
                raise TopicShorter(consumer, place, ends[partition], progress[place])
        begins = _by_place(await client.beginning_offsets(list(assigned.values())))
        if not shared_out:
            await client.commit({partition: max(progress[place], begins[place]) for place, partition in assigned.items()})
        return begins
    finally:
        await client.stop()


async def bounds(address: str, wanted: Iterable[Place]) -> tuple[dict[Place, int], dict[Place, int]]:
    """Where each place begins and ends now: the offset of its oldest record, and the one that its next record will have."""
    partitions = [TopicPartition(*place) for place in sorted(wanted)]
    if not partitions:
        return {}, {}  # and no consumer: aiokafka 0.14 fails when one is stopped before it did anything
    consumer = AIOKafkaConsumer(**kafka_access.client(address), enable_auto_commit=False)
    try:
        await consumer.start()
        return _by_place(await consumer.beginning_offsets(partitions)), _by_place(await consumer.end_offsets(partitions))
    finally:
        await consumer.stop()


async def ends(address: str, wanted: Iterable[Place]) -> dict[Place, int]:
    """Where each place ends now, as in `bounds`."""
    return (await bounds(address, wanted))[1]


async def begins(consumer: AIOKafkaConsumer, wanted: Iterable[Place]) -> dict[Place, int]:
    """Where places that this consumer has begin now."""
    return _by_place(await consumer.beginning_offsets([TopicPartition(*place) for place in wanted]))


def _by_place(offsets: Mapping[TopicPartition, int]) -> dict[Place, int]:
    return {(partition.topic, partition.partition): offset for partition, offset in offsets.items()}


def listen(consumer: AIOKafkaConsumer) -> None:
    """Have polls wait for records. Call it on a started consumer.

    FastStream has one time for how long a poll waits and for how long it sleeps after one in vain: the latter is deaf, so that
    time is short, and this makes the former long.
    """
    getmany = consumer.getmany

    async def waiting(*, timeout_ms: int = 0, max_records: int | None = None) -> Any:
        return await getmany(timeout_ms=max(timeout_ms, POLL_MS), max_records=max_records)

    consumer.getmany = waiting


def pace(consumer: AIOKafkaConsumer) -> None:
    """Pause after each fetch that found nothing, longer each time. Call it on a started consumer of the embedded broker.

    That broker does not hold an empty fetch back for `fetch_max_wait_ms` as Kafka does, and aiokafka asks again at once: an
    idle worker and its broker would take a core. Where records have just come others follow soon, so the first pauses are short.
    aiokafka offers no pause of its own, hence the client's private `send`.
    """
    send, (shortest, longest) = consumer._client.send, FETCH_PAUSES_S
    pause = longest

    async def paced(node_id: int, request: Any, **options: Any) -> Any:
        nonlocal pause
        response = await send(node_id, request, **options)
        if isinstance(request, FetchRequest):
            if _holds_records(response):
                pause = shortest
            else:
                await asyncio.sleep(pause)
                pause = min(2 * pause, longest)
        return response

    consumer._client.send = paced


def _holds_records(response: Any) -> bool:
    return any(partition[-1] for _, partitions in response.topics for partition in partitions)


def lags(consumer: AIOKafkaConsumer, progress: dict[Place, int]) -> dict[Place, int]:
    """Records between the recorded progress and the topic's end, per assigned partition that has some, as of the last fetch."""
    behind: dict[Place, int] = {}
    for partition in consumer.assignment():
        end = consumer.highwater(partition)
        place = (partition.topic, partition.partition)
        if end is not None and place in progress:
            behind[place] = end - progress[place]
    return behind


async def ends_before(consumer: AIOKafkaConsumer, place: Place, offset: int) -> int | None:
    """Where a topic's partition ends now, if that is before `offset`; what a fetch said of it may be older than the progress."""
    partition = TopicPartition(*place)
    end: int = (await consumer.end_offsets([partition]))[partition]
    return end if end < offset else None
