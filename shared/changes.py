"""Everything that one transaction writes, gathered in memory and then committed at once."""

from collections import defaultdict
from collections.abc import Iterable, Sized
from dataclasses import dataclass, field
from itertools import chain
from typing import Any

from pymongo.results import BulkWriteResult

from shared.events import Event, to_record
from shared.mongo import Database, Document, InsertOne, Session, WriteOp, transaction
from shared.tracing import Span

OUTBOX = "outbox"


class Conflict(Exception):
    """A guard did not hold: somebody else was first. The attempt runs again on fresh states."""


@dataclass(slots=True)
class Changes:
    """Writes by collection, and the records for the outbox. `spans` are the steps that traces show once it is committed,
    `facts` the events among the records."""

    _guarded: dict[str, list[WriteOp]] = field(default_factory=lambda: defaultdict(list))
    _new: dict[str, list[tuple[WriteOp, WriteOp]]] = field(default_factory=lambda: defaultdict(list))
    _unguarded: dict[str, list[WriteOp]] = field(default_factory=lambda: defaultdict(list))
    _records: list[Document] = field(default_factory=list)
    spans: list[Span] = field(default_factory=list)
    facts: list[Event[Any]] = field(default_factory=list)

    def guarded(self, collection: str, op: WriteOp) -> None:
        """A write that must insert or match exactly one document; otherwise the attempt is a conflict."""
        self._guarded[collection].append(op)

    def write(self, collection: str, op: WriteOp) -> None:
        """A write that may be repeated and may match nothing: upserts with `$set` or `$setOnInsert`, deletes."""
        self._unguarded[collection].append(op)

    def add(self, collection: str, document: Document, otherwise: WriteOp) -> None:
        """A document that is not there as far as is known; `otherwise` is what does as well where it is.

        An insert costs the database half of an upsert. One that meets a document fails with a duplicate key, and the attempt runs
        again carefully.
        """
        self._new[collection].append((InsertOne(document), otherwise))

    def publish(self, event: Event[Any]) -> None:
        """An event for the outbox; its topic and key follow from its data."""
        self.facts.append(event)
        key, value, headers = to_record(event)
        self.publish_raw(event.data.TOPIC, key, value, headers)

    def publish_raw(
        self, topic: str, key: bytes | None, value: bytes | None, headers: list[tuple[str, bytes | None]] | Any
    ) -> None:
        """A record for the outbox as it is (dead letters)."""
        self._records.append({"topic": topic, "key": key, "value": value, "headers": [list(header) for header in headers]})

    def __bool__(self) -> bool:
        return bool(self._guarded or self._new or self._unguarded or self._records)

    async def in_transaction(self, db: Database, *, careful: bool = False) -> None:
        """Open a transaction, carry everything out, commit. Raises as `commit` does; nothing is tried again.

        A single write is whole by itself, and goes alone: a batch that moves nothing but its progress costs a third so.
        """
        writes: Iterable[Sized] = chain(self._guarded.values(), self._new.values(), self._unguarded.values())
        if len(self._records) + sum(map(len, writes)) == 1:
            await self.commit(db, None, careful=careful)
            return
        async with transaction(db) as session:
            await self.commit(db, session, careful=careful)

    async def commit(self, db: Database, session: Session | None, *, careful: bool = False) -> None:
        """Carry everything out inside the session's transaction, one round trip per collection.

        `careful`: what is new may be there already. Raises `Conflict` when a guard fails, PyMongoError as it comes.
        """
        if self._records:
            # One document a batch: fewer and cheaper documents are what throughput depends on.
            self._unguarded[OUTBOX].append(InsertOne({"records": self._records, "published_at": None}))
        for collection in sorted(self._guarded.keys() | self._new.keys() | self._unguarded.keys()):
            guarded = self._guarded.get(collection, [])
            if guarded:
                _held(await db[collection].bulk_write(guarded, ordered=True, session=session), len(guarded), collection)
            new = [otherwise if careful else insert for insert, otherwise in self._new.get(collection, [])]
            unguarded = [*new, *self._unguarded.get(collection, [])]
            if unguarded:
                await db[collection].bulk_write(unguarded, ordered=True, session=session)


def _held(result: BulkWriteResult, expected: int, collection: str) -> None:
    found = result.inserted_count + result.matched_count + result.deleted_count + result.upserted_count
    if found != expected:
        raise Conflict(f"{expected - found} of {expected} guarded writes to {collection} met another version")
