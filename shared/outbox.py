"""The outbox and its relay: what a transaction decided to say is said, in commit order, at least once.

Collection `outbox`, one document per batch: `{_id, records: [{topic, key, value, headers}], published_at}`. The relay
follows it by change stream (which gives commit order; polling by `_id` misses documents that commit late) and
records its resume token, under the fence of its lease, now and then and only after the broker has acknowledged. Consumers
drop what is sent twice: our events carry the sequence number of their stream. The trace context of each event's cause is
stored among its headers; where traces are on, the publication is a step below it, and what consumers find.
"""

import asyncio
from collections.abc import Sequence
from contextlib import aclosing, suppress
from datetime import UTC, datetime
from typing import Any

import structlog
from aiokafka import AIOKafkaProducer
from aiokafka.errors import MessageSizeTooLargeError

from shared import metrics, tracing
from shared.changes import OUTBOX, Changes, Conflict
from shared.clock import Clock
from shared.clock import now as system_clock
from shared.gathering import gathered
from shared.lease import COLLECTION as LEASES
from shared.lease import Fence, LeaseLost
from shared.mongo import Database, Document, OperationFailure, PyMongoError, UpdateMany, followed, is_conflict

DOCUMENTS_AT_ONCE = 50  # each holds up to a batch's events; enough to keep the producer busy, little to send again
KEEP_PUBLISHED_S = 7 * 24 * 3600  # long enough to look into a problem after a week-end
NOTE_EVERY_S = 0.2  # so much at most is said again after a kill
HISTORY_LOST = 286  # ChangeStreamHistoryLost: the oplog no longer reaches back to the resume token

log = structlog.get_logger()


class Relay:
    """Publishes one service's outbox while its fence stands. Run one per taking of the lease."""

    def __init__(
        self, *, service: str, db: Database, producer: AIOKafkaProducer, fence: Fence, clock: Clock = system_clock
    ) -> None:
        self._service = service
        self._db = db
        self._producer = producer
        self._fence = fence
        self._clock = clock
        self._said: list[Any] = []  # and not noted yet
        self._token: Any = None
        self._noted: Any = None

    async def run(self) -> None:
        """Publish until cancelled. Raises `LeaseLost`, KafkaError and PyMongoError as they come."""
        noting = asyncio.create_task(self._note())
        try:
            await self._tell()
        finally:
            noting.cancel()
            await asyncio.wait([noting])
            with suppress(LeaseLost, PyMongoError):
                await self._record()

    async def _tell(self) -> None:
        lease = await self._db[LEASES].find_one({"_id": self._fence.lease}) or {}
        token = lease.get("relay_token")
        try:
            await self._follow(token)
        except OperationFailure as error:
            if error.code != HISTORY_LOST or token is None:
                raise
            log.warning("outbox_history_lost", service=self._service)
            await self._follow(None)

    async def _follow(self, token: Any) -> None:
        inserts = [{"$match": {"operationType": "insert"}}]
        async with self._db[OUTBOX].watch(inserts, resume_after=token, max_await_time_ms=1_000) as stream:
            if token is None:  # first start, or history lost: whatever is unpublished comes first
                await stream.try_next()  # opens the cursor before the sweep reads, so that nothing falls between
                await self._publish(await self._unpublished(), stream.resume_token)
            async with aclosing(gathered(followed(stream), DOCUMENTS_AT_ONCE)) as batches:
                async for changes in batches:
                    # The stream itself may have read ahead: where to go on is after the last of these.
                    await self._publish([change["fullDocument"] for change in changes], changes[-1]["_id"])

    async def _unpublished(self) -> list[Document]:
        return [document async for document in self._db[OUTBOX].find({"published_at": None}).sort("_id", 1)]

    async def _publish(self, documents: Sequence[Document], token: Any) -> None:
        await self._fence.check(self._db)  # a holder that slept through its lease must not speak out of turn
        records = [record for document in documents for record in document["records"]]
        spans = [span for record in records if (span := tracing.published(record))] if tracing.is_on() else []
        await self._send(records)
        tracing.tell(spans)
        self._said += [document["_id"] for document in documents]
        self._token = token
        for record in records:
            metrics.RELAYED.labels(self._service, record["topic"]).inc()

    async def _note(self) -> None:
        """Note again and again what was said, until the lease is lost. Not each time: a note costs the database more than the
        facts of a hire do, and what it misses when we are killed is only said once more."""
        with suppress(LeaseLost):  # which whoever speaks next meets too, as outages are met by the change stream
            while True:
                await asyncio.sleep(NOTE_EVERY_S)
                with suppress(PyMongoError):
                    await self._record()

    async def _record(self) -> None:
        """A conflict is somebody renewing the lease just now, or having taken it over."""
        said, token = list(self._said), self._token
        if token is self._noted:
            return
        changes = Changes()
        self._fence.guard(changes, relay_token=token)
        if said:
            changes.write(OUTBOX, UpdateMany({"_id": {"$in": said}}, {"$set": {"published_at": self._clock()}}))
        try:
            await changes.in_transaction(self._db)
        except (Conflict, PyMongoError) as error:
            await self._fence.check(self._db)
            if isinstance(error, PyMongoError) and not is_conflict(error):
                raise
            return
        self._noted = token
        del self._said[: len(said)]

    async def _send(self, records: Sequence[Document]) -> None:
        sending = [(record, await self._hand_over(record, record["value"])) for record in records]
        answers = await asyncio.gather(*(future for _, future in sending), return_exceptions=True)
        for (record, _), answer in zip(sending, answers, strict=True):
            if isinstance(answer, MessageSizeTooLargeError):
                # Only a dead letter can be as large as the broker allows: its whole value stays in the database.
                log.warning("value_left_out", topic=record["topic"])
                slim = {**record, "headers": [*record["headers"], ["x-value-left-out", b"size"]]}
                await (await self._hand_over(slim, None))
            elif isinstance(answer, BaseException):
                raise answer

    async def _hand_over(self, record: Document, value: bytes | None) -> "asyncio.Future[Any]":
        headers = [(name, text) for name, text in record["headers"]]
        # A dead letter is as bare as the record was; the producer takes none without key and value, so the key is empty then.
        key = b"" if record["key"] is None and value is None else record["key"]
        try:
            sent: asyncio.Future[Any] = await self._producer.send(record["topic"], key=key, value=value, headers=headers)
        except MessageSizeTooLargeError as error:  # refused before it left; the same answer as the broker's
            sent = asyncio.get_running_loop().create_future()
            sent.set_exception(error)
        return sent


async def unpublished_age(db: Database, now: datetime) -> float:
    """Seconds that the oldest unpublished document has waited; 0 when all is said."""
    oldest = await db[OUTBOX].find_one({"published_at": None}, {"_id": 1}, sort=[("_id", 1)])
    return max(0.0, (now - oldest["_id"].generation_time.astimezone(UTC)).total_seconds()) if oldest else 0.0


async def ensure_indexes(db: Database) -> None:
    """The sweep's order; published documents leave after a week. Creates the collection, which the change stream needs."""
    await db[OUTBOX].create_index([("published_at", 1), ("_id", 1)])
    await db[OUTBOX].create_index("published_at", expireAfterSeconds=KEEP_PUBLISHED_S, name="expire_published")
