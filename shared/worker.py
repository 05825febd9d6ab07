"""A service's worker process: its subscriptions, and its duties under the service's lease.

Every replica consumes; one replica at a time, holding the lease, also relays the outbox and runs the duties
(schedulers, senders). A service with `single_owner` consumes under the lease too: one owner, others stand by.
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from functools import partial
from time import monotonic
from typing import Any

import structlog
import uvicorn
from aiokafka.errors import KafkaError
from faststream.kafka import KafkaBroker

from shared import dead_letters, directory, kafka, kafka_access, lease, metrics, outbox, progress, schema
from shared.clock import now
from shared.health import Failing, Pulse, Waiting, health_app
from shared.kafka import FromProgress
from shared.lease import Fence, LeaseLost
from shared.logs import where
from shared.mongo import Database, PyMongoError, connect, end_abandoned
from shared.processing import Processor, Work
from shared.progress import Place
from shared.settings import Settings

WATCH_EVERY_S = 1.0
MEASURE_EVERY_S = 30.0  # how things stand is looked at by Prometheus about as often
WAITED_LONG_S = 30.0  # nothing is deleted before a consumer that keeps up
LONGEST_PAUSE_S = 10.0
REQUESTS_KEPT_S = 30 * 24 * 3600  # an HTTP client that repeats itself after a month means something new

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Subscription:
    """Topics one consumer follows. `work` makes the service's part of one attempt; `consumer` names group and progress.

    `gather_s`: seconds that what is said may wait for what follows it (`kafka.gathering`), where nobody waits for it.
    """

    consumer: str
    topics: Sequence[str]
    work: Callable[[Database], Work]
    gather_s: float = 0.0


@dataclass(frozen=True, slots=True)
class Duty:
    """Something one replica does at a time: `run` goes on until cancelled, or raises and is started again after a pause."""

    name: str
    run: Callable[[Database, Fence], Awaitable[None]]


def every(seconds: float, job: Callable[[Database, Fence], Awaitable[None]]) -> Callable[[Database, Fence], Awaitable[None]]:
    """Make a duty's `run` of a job: at once, then with `seconds` of pause after each end."""

    async def run(db: Database, fence: Fence) -> None:
        while True:
            await job(db, fence)
            await asyncio.sleep(seconds)

    return run


async def prepare_database(db: Database) -> None:
    """Collections and indexes that every service needs."""
    for part in (outbox, progress, dead_letters, directory):
        await part.ensure_indexes(db)
    await db["requests"].create_index("at", expireAfterSeconds=REQUESTS_KEPT_S)


@dataclass(slots=True)
class Worker:
    """One service's worker. `prepare` makes the service's own indexes; `run` ends when cancelled or when the lease of a single
    owner is lost, and raises what can't be waited out (`TopicShorter`, `DataNewer`). `version` is the schema version that the
    code knows, where it is not the declared one."""

    service: str
    settings: Settings
    subscriptions: Sequence[Subscription]
    duties: Sequence[Duty] = ()
    single_owner: bool = False
    prepare: Callable[[Database], Awaitable[None]] | None = None
    version: int | None = None
    pulses: dict[str, Pulse] = field(default_factory=dict)
    failing: dict[str, Failing] = field(default_factory=dict)
    waiting: dict[str, Waiting] = field(default_factory=dict)
    gone: dict[tuple[str, Place], int] = field(default_factory=dict)

    async def run(self) -> None:
        """Work until cancelled."""
        client = await connect(self.settings.mongo, name=f"firstmate {self.service} {self.settings.instance}")
        db: Database = client[self.service]
        try:
            await schema.claim(db, self._version, now)
            await prepare_database(db)
            if self.prepare is not None:
                await self.prepare(db)
            async with _serving(self._health(db), self.settings.health_port), asyncio.TaskGroup() as tasks:
                tasks.create_task(schema.watch(db, self._version))
                if self.single_owner:
                    tasks.create_task(self._lead(db, consume=True))
                else:
                    tasks.create_task(self._consume(db))
                    tasks.create_task(self._lead(db, consume=False))
        finally:
            client.close()

    @property
    def _version(self) -> int:
        return schema.VERSIONS[self.service] if self.version is None else self.version

    async def _consume(self, db: Database) -> None:
        """Follow the topics from the recorded progress."""
        kafka_broker = kafka.broker(self.settings, self.service)
        followers: list[tuple[Processor, FromProgress]] = []
        for subscription in self.subscriptions:
            recorded = await progress.read(db, subscription.consumer, kafka.places(subscription.topics))
            async with kafka_access.explained(self.settings.kafka):
                begins = await kafka.align_offsets(
                    self.settings.kafka, subscription.consumer, recorded, shared_out=self.settings.kafka_groups
                )
            self._tell_gone(subscription.consumer, progress.gone(recorded, begins))
            processor = _processor(self.service, subscription, db)
            start = FromProgress(partial(self._recorded, db, subscription.consumer))
            # A new owner comes as the same member: the group hands it everything at once, and the old one nothing more.
            member = "owner" if self.single_owner else self.settings.instance
            kafka.subscribe(
                kafka_broker,
                subscription.consumer,
                subscription.topics,
                kafka.gathering(processor.process, subscription.gather_s),
                start,
                member=member if self.settings.kafka_groups else None,
            )
            followers.append((processor, start))
            self.pulses[subscription.consumer] = Pulse(subscription.consumer)
        await kafka_broker.start()
        for _, start in followers:
            kafka.listen(start.subscriber.consumer)
            if not self.settings.kafka_groups:
                kafka.pace(start.subscriber.consumer)
        log.info("consuming", consumers=[subscription.consumer for subscription in self.subscriptions])
        try:
            while True:
                await asyncio.sleep(WATCH_EVERY_S)
                for processor, start in followers:
                    with suppress(PyMongoError):  # an outage shows elsewhere
                        await start.go_on()
                        if self.settings.kafka_groups:
                            start.take_up(await progress.known(db, processor.consumer))
                        await self._watch(db, processor, start.subscriber)
        finally:
            await kafka_broker.stop()

    async def _recorded(self, db: Database, consumer: str, places: Iterable[Place]) -> dict[Place, int]:
        """The progress of places that a group has just given us: whoever had them may have died, and hold them for a minute."""
        await end_abandoned(db.client, f"firstmate {self.service}")
        return await progress.read(db, consumer, places)

    async def _watch(self, db: Database, processor: Processor, subscriber: Any) -> None:
        """Compare the recorded progress, whoever made it, with where the topics end."""
        consumer = subscriber.consumer
        places = [(partition.topic, partition.partition) for partition in consumer.assignment()] if consumer is not None else []
        done = await progress.read(db, processor.consumer, places)
        behind = kafka.lags(consumer, done) if places else {}
        for place, records in behind.items():
            if records < 0 and (end := await kafka.ends_before(consumer, place, done[place])) is not None:
                raise progress.TopicShorter(processor.consumer, place, end, done[place])
            metrics.LAG.labels(self.service, processor.consumer, *place).set(max(records, 0))
        for place, offset in done.items():
            metrics.POSITION.labels(self.service, processor.consumer, *place).set(offset)
        waiting = self.waiting.setdefault(processor.consumer, Waiting())
        oldest = waiting.observe(behind, done, monotonic())
        metrics.UNPROCESSED_SECONDS.labels(self.service, processor.consumer).set(oldest)
        if oldest > WAITED_LONG_S:
            with suppress(KafkaError, TimeoutError):  # an outage shows elsewhere
                async with asyncio.timeout(WATCH_EVERY_S):
                    begins = await kafka.begins(consumer, behind)
                self._tell_gone(processor.consumer, progress.gone(done, begins))
        running = any(not task.done() for task in subscriber.tasks)
        self.pulses[processor.consumer].observe(behind, done, running=running, at=monotonic())

    def _tell_gone(self, consumer: str, gone: dict[Place, int]) -> None:
        """Say once of each loss that records were deleted before they were processed: nobody else would notice."""
        for place, records in gone.items():
            if self.gone.get((consumer, place), 0) >= records:
                continue
            self.gone[consumer, place] = records
            topic, partition = place
            metrics.GONE.labels(self.service, consumer, topic, partition).set(records)
            log.error(
                "records_gone",
                consumer=consumer,
                topic=topic,
                partition=partition,
                records=records,
                words=f"{records} records of topic {topic} partition {partition} were deleted before {consumer} processed them: "
                "let whoever publishes there send again what was told meanwhile, and give the topic a longer retention",
            )

    async def _lead(self, db: Database, *, consume: bool) -> None:
        """Wait for the lease, act under it, and start over when it is lost."""
        holder = f"{self.service}-{self.settings.instance}"
        while True:
            fence = await _take(db, self.service, holder)
            log.info("leading", fence=fence.number)
            metrics.LEADING.labels(self.service).set(1)
            try:
                async with asyncio.TaskGroup() as tasks:
                    tasks.create_task(_keep(db, fence))
                    tasks.create_task(
                        self._again(db, fence, Duty("outbox_age", every(lease.RENEW_EVERY_S, self._measure_outbox)))
                    )
                    tasks.create_task(self._again(db, fence, Duty("relay", self._relay)))
                    for duty in self.duties:
                        tasks.create_task(self._again(db, fence, duty))
                    if consume:
                        tasks.create_task(self._consume(db))
            except* LeaseLost:
                log.warning("lease_lost", fence=fence.number)
            finally:
                metrics.LEADING.labels(self.service).set(0)
                with suppress(PyMongoError):
                    await asyncio.shield(lease.release(db, fence))

    async def _again(self, db: Database, fence: Fence, duty: Duty) -> None:
        """Run a duty for ever: what it raises is logged and it starts again after a growing pause."""
        pause = 0.1
        while True:
            started = monotonic()
            try:
                await duty.run(db, fence)
            except LeaseLost:
                raise
            except Exception as error:
                if (task := asyncio.current_task()) is not None and task.cancelling():
                    raise asyncio.CancelledError from error  # the end was asked for, and tidying up failed, as in an outage
                name = type(error).__name__
                log.warning("duty_failed", duty=duty.name, error=name, where=where(error), pause=pause)
                if not _is_outage(error):
                    at, row = monotonic(), self.failing.get(duty.name)
                    self.failing[duty.name] = row.again(name, at) if row else Failing(name, at, at)
            await fence.check_if_reachable(db)
            pause = 0.1 if monotonic() - started > LONGEST_PAUSE_S else min(pause * 2, LONGEST_PAUSE_S)
            await asyncio.sleep(pause)

    async def _measure_outbox(self, db: Database, _: Fence) -> None:
        metrics.OUTBOX_SECONDS.labels(self.service).set(await outbox.unpublished_age(db, now()))

    async def _relay(self, db: Database, fence: Fence) -> None:
        producer = kafka.producer(self.settings.kafka)
        try:
            await producer.start()
            await outbox.Relay(service=self.service, db=db, producer=producer, fence=fence).run()
        finally:
            await producer.stop()

    def _health(self, db: Database) -> Any:
        async def ready() -> dict[str, str | None]:
            return {"mongo": await _problem(db.command("ping")), "kafka": await _problem(_reach(self.settings.kafka))}

        return health_app(self.pulses, self.failing, ready)


def _processor(service: str, subscription: Subscription, db: Database) -> Processor:
    return Processor(service=service, consumer=subscription.consumer, db=db, work=lambda: subscription.work(db))


def _is_outage(error: Exception) -> bool:
    """Whether what a duty stands on is away: readiness tells, and starting this process anew would not help."""
    return isinstance(error, (OSError, PyMongoError)) or (isinstance(error, KafkaError) and bool(error.retriable))


async def _take(db: Database, name: str, holder: str) -> Fence:
    while True:
        with suppress(PyMongoError):
            if await lease.is_free(db, name):
                # What a dead holder left open holds us up for a minute, and may lock the lease itself.
                await end_abandoned(db.client, f"firstmate {name}")
            if (fence := await lease.take(db, name, holder)) is not None:
                return fence
        await asyncio.sleep(lease.RENEW_EVERY_S / 3)


async def _keep(db: Database, fence: Fence) -> None:
    """Renew until the lease is lost. While the database is away nobody else can take it either.

    A transaction of our own whose commit never arrived may lock it: where it expired so, what we left open is ended.
    """
    while True:
        await asyncio.sleep(lease.RENEW_EVERY_S)
        with suppress(PyMongoError):
            if not await _renewed(db, fence) and await lease.is_free(db, fence.lease):
                await end_abandoned(db.client, f"firstmate {fence.lease}")


async def _renewed(db: Database, fence: Fence) -> bool:
    try:
        await lease.renew(db, fence)
    except PyMongoError:
        return False
    return True


async def _problem(question: Awaitable[Any]) -> str | None:
    try:
        async with asyncio.timeout(5):
            await question
    except Exception as error:
        return f"{type(error).__name__}"
    return None


async def _reach(address: str) -> None:
    probe = KafkaBroker(address, security=kafka_access.security(address), logger=None)
    try:
        await probe.connect()
        if not await probe.ping(timeout=4):
            raise ConnectionError("no answer")
    finally:
        await probe.stop()


@asynccontextmanager
async def _serving(app: Any, port: int) -> AsyncIterator[None]:
    """Answer on the health port, where there is one, until left."""
    if not port:
        yield
        return
    server = uvicorn.Server(uvicorn.Config(app, host="0.0.0.0", port=port, log_config=None, access_log=False))  # noqa: S104
    server.install_signal_handlers = lambda: None  # type: ignore[attr-defined]
    serving = asyncio.create_task(server._serve())
    try:
        yield
    finally:
        server.should_exit = True
        await serving
