"""Processing events once in effect: small batches, one transaction each, progress in the database.

The road of a batch (docs/decisions/0001-progress-in-the-database.md):

1. decode each record; one that can't be read goes to the dead letters, the others go on;
2. drop what lies below this consumer's recorded progress; load all states the batch touches;
3. fold the batch through the service's pure decisions in memory, in order;
4. commit progress, states, dead letters and outbox in one transaction;
   (facts of ours that come after one of their key in the dead letters wait there too, and follow it when it is replayed);
5. on a conflict run again on fresh states; on a deterministic failure halve the batch until the bad record stands
   alone in the dead letters; on an outage wait with growing, jittered pauses and keep the place.

A crash anywhere repeats work and never an effect. Commands from HTTP and from the clock take the same road from
step 2 on (`execute`), with an idempotency key instead of an offset.
"""

import asyncio
import secrets
from collections import Counter
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from itertools import chain, groupby, repeat, takewhile
from time import perf_counter, time_ns
from typing import Any, Protocol, TypeVar

import structlog

from shared import dead_letters, hold, metrics, progress, tracing
from shared.changes import Changes, Conflict
from shared.clock import Clock
from shared.clock import now as system_clock
from shared.dead_letters import LETTER_HEADER, REPLAY_HEADER, WAITS, bury
from shared.events import Event, Unprocessable, decode_record
from shared.hold import Held
from shared.lease import Fence
from shared.logs import where
from shared.mongo import (
    Database,
    Document,
    InsertOne,
    PyMongoError,
    end_abandoned,
    is_conflict,
    is_duplicate,
    is_outage,
    is_rejected,
    is_unknown,
)
from shared.progress import Place
from shared.record import Record
from shared.refusals import Refused
from shared.tracing import Span

BATCH_RECORDS = 500  # bulk writes level off here
FIRST_PAUSE_S = 0.02  # a conflicting transaction is over within milliseconds
HELD_PAUSE_S = 0.2  # a hold is over within seconds, and rows stand still meanwhile
LONGEST_PAUSE_S = 5.0  # an election takes about 12 s: two or three tries in it, no thundering herd after it
PATIENCE_S = 60.0  # well under max_poll_interval_ms (300 s); after it the batch is fetched again, place kept
COMMAND_PATIENCE_S = 8.0  # a person waits
DUPLICATES_BEFORE_REJECTED = 5  # a lost race for an insert is gone at the next try; five in a row are a fault of the record

T = TypeVar("T")
log = structlog.get_logger()
_random = secrets.SystemRandom()


class Work(Protocol):
    """What one service does with one batch. A new object for every attempt, so that what it read is fresh."""

    async def load(self, events: Sequence[Event[Any]]) -> None:
        """Read every state the events touch, in a fixed number of queries. May raise PyMongoError."""
        ...

    def decide(self, event: Event[Any], now: datetime) -> None:
        """Fold one event, purely and in memory. An exception counts as deterministic: the record goes to the dead letters."""
        ...

    def conclude(self, now: datetime) -> None:
        """Called once after the last event of the batch."""
        ...

    def changes(self) -> Changes:
        """Everything to commit."""
        ...


class Stuck(Exception):
    """The database stayed away longer than a batch may wait; the records are fetched again."""


@dataclass(frozen=True, slots=True)
class Item:
    """A record with what decoding made of it: an event, or the fault that keeps it from being one, or neither (passed by).

    `span` is there while traces are on; the event's trace context then leads to it. `letter` is the dead letter of which this is
    the replay, for a fact that others wait for; `alone` when those are not to follow it.
    """

    record: Record
    event: Event[Any] | None = None
    fault: Unprocessable | None = None
    span: Span | None = None
    letter: str | None = None
    alone: bool = False


def read_record(record: Record, consumer: str) -> Item:
    """Decode a record for a consumer: one that was sent again for another consumer is passed by."""
    meant_for = record.header(REPLAY_HEADER)
    if meant_for is not None and meant_for != consumer.encode():
        return Item(record)
    letter = (record.header(LETTER_HEADER) or b"").decode(errors="replace") or None if meant_for is not None else None
    try:
        event = decode_record(record.topic, record.value, record.headers, record.timestamp)
        return Item(record, event=event, letter=letter)
    except Unprocessable as fault:
        return Item(record, fault=fault, letter=letter)


class Processor:
    """Applies records and commands to one service's database. Safe to run in several processes at once.

    `consumer` names the progress; `work` makes the service's part for one attempt.
    """

    def __init__(
        self, *, service: str, consumer: str, db: Database, work: Callable[[], Work], clock: Clock = system_clock
    ) -> None:
        self.service = service
        self.consumer = consumer
        self._db = db
        self._work = work
        self._clock = clock
        self._places: dict[Place, int] = {}  # progress as last committed; the commit's guard tells when it is stale
        self._awaited: dict[dead_letters.Key, int] = {}  # per key the first fact that is among the dead letters

    async def process(self, records: Sequence[Record]) -> None:
        """Settle the records: each applied, repeated, or in the dead letters when this returns.

        Raises `Stuck` after `PATIENCE_S` without the database; nothing is then lost or half done.
        """
        if not records:
            return
        started = perf_counter()
        items = [read_record(record, self.consumer) for record in records]
        metrics.BATCH_RECORDS.labels(self.service, self.consumer).observe(len(records))
        self._took("read", perf_counter() - started)
        if tracing.is_on():
            items = [_followed(item, self.consumer) for item in items]
        for _, run in groupby(items, key=lambda item: item.letter):  # what others wait for is settled alone, with them
            await self._settle(list(run))
        sampled = next((item.span for item in items if item.span and item.span.is_sampled), None)
        seconds = metrics.BATCH_SECONDS.labels(self.service, self.consumer)
        seconds.observe(perf_counter() - started, {"trace_id": sampled.trace_id} if sampled else None)

    async def execute(
        self,
        commands: Sequence[Event[Any]],
        *,
        key: str | None = None,
        fence: Fence | None = None,
        knowing: Callable[[Any], None] | None = None,
    ) -> Work | None:
        """Carry out commands in one transaction; returns the work done, or None when `key` was carried out before.

        `knowing` is given the work of the first attempt, to tell it what need not be read; guards find out what is no longer so,
        and what is tried again reads everything.

        A `Refused` (or any exception) from a decision comes out and nothing is written. With `fence`, raises `LeaseLost`
        when the lease has another holder. Raises `Refused` 503 after `COMMAND_PATIENCE_S` without the database.
        """
        works = chain([self._informed(knowing)] if knowing else [], repeat(self._work))
        try:
            return await self._persist(
                lambda careful: self._command(commands, key, fence, next(works), careful), COMMAND_PATIENCE_S
            )
        except Stuck as error:
            raise Refused(503, "database_unavailable", "the database can't be reached now; try again in a few seconds") from error

    async def _settle(self, items: Sequence[Item]) -> None:
        try:
            await self._persist(lambda careful: self._attempt(items, careful), PATIENCE_S)
        except (Stuck, progress.TopicShorter):
            raise
        except Exception as error:
            if len(items) > 1:
                middle = len(items) // 2
                await self._settle(items[:middle])
                await self._settle(items[middle:])
            elif items[0].letter is not None and not items[0].alone:
                await self._settle([replace(items[0], alone=True)])  # whose fault it was, the next replay tells
            elif items[0].fault is None:
                log.error("processing_failed", consumer=self.consumer, error=type(error).__name__, where=where(error))
                await self._settle([replace(items[0], event=None, fault=_fault_of(error))])
            else:  # even its burial is refused: that is no fault of the record
                raise

    async def _persist(self, attempt: Callable[[bool], Awaitable[T]], patience: float) -> T:
        """Run the attempt until it is through, pausing between tries; deterministic failures come out at once.

        It is told whether to be careful: whether one before it met a document that it took to be new.
        """
        loop = asyncio.get_running_loop()
        deadline = loop.time() + patience
        pause, duplicates, careful, lost = FIRST_PAUSE_S, 0, False, False
        while True:
            try:
                return await attempt(careful)
            except (Conflict, Held, PyMongoError, OSError) as error:
                reason = _reason_to_retry(error)
                met = isinstance(error, PyMongoError) and is_duplicate(error)
                careful, duplicates = careful or met, duplicates + 1 if met else 0
                if reason is None or duplicates >= DUPLICATES_BEFORE_REJECTED:
                    raise
                self._places.clear()
                lost = (lost or is_unknown(error)) and not await self._ended()
                metrics.RETRIES.labels(self.service, self.consumer, reason).inc()
                if loop.time() + pause > deadline:
                    raise Stuck(
                        f"{self.consumer}: no commit within {patience:.0f} s ({reason}: {type(error).__name__})"
                    ) from error
                log_retry = log.debug if reason in ("conflict", "held") else log.warning
                log_retry("attempt_failed", consumer=self.consumer, reason=reason, error=type(error).__name__, pause=pause)
            await asyncio.sleep(pause * _random.uniform(0.5, 1.0))
            pause = min(pause * 2, HELD_PAUSE_S if reason == "held" else LONGEST_PAUSE_S)

    async def _ended(self) -> bool:
        """End a transaction whose commit may never have arrived; whether the database was there for it. What it wrote would
        meet every further attempt for a minute."""
        try:
            await end_abandoned(self._db.client, f"firstmate {self.service}")
        except PyMongoError:
            return False
        return True

    async def _attempt(self, items: Sequence[Item], careful: bool) -> None:
        before = await self._progress({item.record.place for item in items})
        fresh = [item for item in items if item.record.offset >= before[item.record.place]]
        after: dict[Place, int] = {}
        for item in fresh:
            after[item.record.place] = max(after.get(item.record.place, 0), item.record.offset + 1)
        if fresh:
            now, started = self._clock(), time_ns()
            fresh, awaited = await self._in_turn(fresh)
            waiting = await self._waiting_for(fresh[0])
            events = [item.event for item in fresh if item.event is not None]
            changes = await self._decisions([*events, *waiting.values()], now)
            for item in fresh:
                if item.letter is not None:
                    dead_letters.hear(changes, item.letter)
                if item.fault is not None:
                    bury(changes, self.service, self.consumer, item.record, item.fault, now)
            for letter in waiting:
                dead_letters.follow(changes, letter, now)
            progress.advance(changes, self.consumer, before, after)
            decided = time_ns()
            await changes.in_transaction(self._db, careful=careful)
            self._places |= after
            self._awaited = awaited
            if fresh[0].letter is not None:
                self._places.clear()  # and with it what is awaited
            self._took("decide", (decided - started) / 1e9)
            self._took("commit", (time_ns() - decided) / 1e9)
            metrics.count_facts(self.service, changes.facts)
            if tracing.is_on():
                self._tell([_faulty(item) for item in fresh if item.span is not None], changes, started, decided)
        self._report(items, fresh)

    async def _progress(self, places: set[Place]) -> dict[Place, int]:
        if not places <= self._places.keys():
            await hold.respect(self._db, self.consumer)
            self._awaited = await dead_letters.awaited(self._db, self.consumer)
            self._places |= await progress.read(self._db, self.consumer, places)
        return self._places

    async def _in_turn(self, items: list[Item]) -> tuple[list[Item], dict[dead_letters.Key, int]]:
        """The items, those at fault that come after a dead letter of their key; and what is awaited once they are settled."""
        if not self._awaited and all(item.fault is None for item in items):
            return items, self._awaited
        if any(_must_wait(item, self._awaited) for item in items):  # a letter may have been dropped
            self._awaited = await dead_letters.awaited(self._db, self.consumer)
        awaited, settled = dict(self._awaited), []
        for item in items:
            settled.append(replace(item, event=None, fault=_WAITING) if _must_wait(item, awaited) else item)
            if settled[-1].fault is not None and (place := dead_letters.turn(item.record)) is not None:
                awaited[place.key] = min(place.sequence, awaited.get(place.key, place.sequence))
        return settled, awaited

    async def _waiting_for(self, item: Item) -> dict[str, Event[Any]]:
        """The facts that wait for a replayed one alone, by their letters and in order."""
        if item.letter is None or item.alone or item.event is None or (place := dead_letters.turn(item.record)) is None:
            return {}
        found = [(each, _read_letter(each)) for each in await dead_letters.followers(self._db, self.consumer, place)]
        return {each["_id"]: event for each, event in takewhile(lambda pair: pair[1] is not None, found) if event is not None}

    async def _decisions(self, events: Sequence[Event[Any]], now: datetime) -> Changes:
        if not events:
            return Changes()
        return (await self._decided(self._work(), events, now)).changes()

    def _informed(self, knowing: Callable[[Any], None]) -> Callable[[], Work]:
        def work() -> Work:
            made = self._work()
            knowing(made)
            return made

        return work

    async def _decided(self, work: Work, events: Sequence[Event[Any]], now: datetime) -> Work:
        await work.load(events)
        for event in events:
            work.decide(event, now)
        work.conclude(now)
        return work

    async def _command(
        self, commands: Sequence[Event[Any]], key: str | None, fence: Fence | None, new: Callable[[], Work], careful: bool
    ) -> Work | None:
        if key is not None and await self._db["requests"].find_one({"_id": key}) is not None:
            return None
        if fence is not None:
            await fence.check(self._db)
        now, started = self._clock(), time_ns()
        spans = [tracing.commanded(self.consumer, command) for command in commands] if tracing.is_on() else []
        if spans:
            commands = [replace(command, traceparent=span.context) for command, span in zip(commands, spans, strict=True)]
        work = await self._decided(new(), commands, now)
        changes = work.changes()
        if not changes:
            return work
        if key is not None:
            changes.write("requests", InsertOne({"_id": key, "at": now}))
        if fence is not None:
            fence.guard(changes)
        decided = time_ns()
        await changes.in_transaction(self._db, careful=careful)
        metrics.count_facts(self.service, changes.facts)
        if spans:
            self._tell(spans, changes, started, decided)
        return work

    def _tell(self, spans: Sequence[Span], changes: Changes, started: int, decided: int) -> None:
        """Record the spans of what is committed: each event's, with the batch's for a link, and its share of the transaction."""
        committed, whole = time_ns(), tracing.batch(self.consumer, started)
        whole.attributes = {"messaging.batch.message_count": len(spans)}
        tracing.tell_origins(self.service, spans)
        tracing.tell([whole], ended=committed)
        tracing.tell(changes.spans, ended=committed)
        tracing.tell(spans, ended=committed, link=whole)
        told = {"db.system.name": "mongodb", "db.namespace": self._db.name}
        shares = [(span.context, tracing.below(span.context, "transaction")) for span in spans]
        tracing.tell(
            [Span("transaction", own, above, started=decided, attributes=told) for above, own in shares], ended=committed
        )

    def _took(self, stage: str, seconds: float) -> None:
        metrics.STAGE_SECONDS.labels(self.service, self.consumer, stage).observe(seconds)

    def _report(self, items: Sequence[Item], fresh: Sequence[Item]) -> None:
        buried = [item for item in fresh if item.fault is not None]
        outcomes = {
            "applied": len(fresh) - len(buried),
            "repeated": len(items) - len(fresh),
            "dead_lettered": len(buried),
        }
        for outcome, count in outcomes.items():
            if count:
                metrics.RECORDS.labels(self.service, self.consumer, outcome).inc(count)
        for kind, count in Counter(item.event.type for item in fresh if item.event is not None).items():
            metrics.EVENTS.labels(self.service, self.consumer, kind).inc(count)
        for item in buried:
            _log_burial(self.consumer, item)
        ids = [item.event.id for item in fresh if item.event is not None]
        traces = {"trace_ids": [item.span.trace_id for item in fresh if item.span][:20]} if tracing.is_on() else {}
        log.info("batch_committed", consumer=self.consumer, event_ids=ids[:20], **traces, **outcomes)


def _followed(item: Item, consumer: str) -> Item:
    """The item with the span of what happens to it now, whose context its event carries on to all that follows."""
    span = tracing.consumed(consumer, item.record, item.event)
    return replace(item, span=span, event=replace(item.event, traceparent=span.context) if item.event else None)


_WAITING = Unprocessable(
    WAITS, "an earlier fact of this key is among the dead letters; this one follows by itself when that is replayed or dropped"
)


def _must_wait(item: Item, awaited: Mapping[dead_letters.Key, int]) -> bool:
    if item.event is None or not awaited or (place := dead_letters.turn(item.record)) is None:
        return False
    return awaited.get(place.key, place.sequence) < place.sequence


def _read_letter(letter: Document) -> Event[Any] | None:
    """None where it can't be read even now: whose replay says why."""
    try:
        return decode_record(letter["topic"], letter["value"], letter["headers"], letter["at"])
    except Unprocessable:
        return None


def _faulty(item: Item) -> Span:
    assert item.span is not None
    return replace(item.span, fault=item.fault.code) if item.fault else item.span


def _log_burial(consumer: str, item: Item) -> None:
    record, fault = item.record, item.fault
    log.warning(
        "dead_lettered",
        consumer=consumer,
        topic=record.topic,
        partition=record.partition,
        offset=record.offset,
        event_id=item.event.id if item.event else None,
        code=fault.code if fault else None,
        field=fault.field if fault else None,
        **({"trace_id": item.span.trace_id} if item.span else {}),
    )


def _reason_to_retry(error: Exception) -> str | None:
    """`conflict`, `held`, `outage`, or None for a failure that trying again can't mend."""
    if isinstance(error, Held):
        return "held"
    if isinstance(error, Conflict):
        return "conflict"
    if isinstance(error, PyMongoError):
        if is_conflict(error) or is_duplicate(error):
            return "conflict"
        # Whatever else the server answers (no rights, no space, no primary) is no fault of one record, unless it says so.
        return None if is_rejected(error) and not is_outage(error) else "outage"
    return "outage"


def _fault_of(error: Exception) -> Unprocessable:
    if isinstance(error, Unprocessable):
        return error
    if isinstance(error, Refused):
        return Unprocessable(error.code, error.detail, error.field)
    return Unprocessable("processing_failed", f"{type(error).__name__} while processing; see the worker's log, mend, then replay")
