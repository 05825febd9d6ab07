"""Everything that one transaction writes, gathered in memory and then committed at once."""

from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from pymongo.results import BulkWriteResult

from shared.events import Event, to_record
from shared.mongo import TRANSACTION, Database, Document, InsertOne, PyMongoDatabase, WriteOp, at_once
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
        """Carry everything out in one transaction, one round trip per collection. Nothing is tried again.

        `careful`: what is new may be there already. A single write is whole by itself, and goes alone: a batch that moves nothing
        but its progress costs a third so. Raises `Conflict` when a guard fails, PyMongoError as it comes. Cancelled on the way,
        it may be carried out or not, as after any commit whose answer is lost.
        """
        if steps := list(self._steps(careful)):
            await carried_out(db, steps)

    def _steps(self, careful: bool) -> Iterator["Step"]:
        for collection in sorted(self._guarded.keys() | self._new.keys() | self._unguarded.keys()):
            if guarded := self._guarded.get(collection):
                yield Step(collection, guarded, guarded=True)
            new = [otherwise if careful else insert for insert, otherwise in self._new.get(collection, [])]
            if unguarded := [*new, *self._unguarded.get(collection, [])]:
                yield Step(collection, unguarded)
        if self._records:
            # One document a batch: fewer and cheaper documents are what throughput depends on.
            yield Step(OUTBOX, [InsertOne({"records": self._records, "published_at": None})])


@dataclass(frozen=True, slots=True)
class Step:
    """Writes to one collection, in their order; where they are `guarded` each must do something."""

    collection: str
    ops: Sequence[WriteOp]
    guarded: bool = False

    def hold(self, result: BulkWriteResult) -> None:
        """Raise `Conflict` unless every guarded write found what it was meant for."""
        found = result.inserted_count + result.matched_count + result.deleted_count + result.upserted_count
        if self.guarded and found != len(self.ops):
            raise Conflict(f"{len(self.ops) - found} of {len(self.ops)} guarded writes to {self.collection} met another version")


def is_single(steps: Sequence[Step]) -> bool:
    """Whether all of it is one write."""
    return sum(len(step.ops) for step in steps) == 1


async def carried_out(db: Database, steps: Sequence[Step]) -> None:
    """Carry the steps out together. Raises `Conflict`, PyMongoError."""
    await at_once(db, partial(_carry_out, steps))


def _carry_out(steps: Sequence[Step], db: PyMongoDatabase[Document]) -> None:
    if is_single(steps):
        steps[0].hold(db[steps[0].collection].bulk_write(steps[0].ops))
        return
    with db.client.start_session() as session, session.start_transaction(**TRANSACTION):
        for step in steps:
            step.hold(db[step.collection].bulk_write(step.ops, session=session))
