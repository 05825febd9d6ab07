"""A simulated MongoDB replica set: snapshot transactions, write conflicts, changes in commit order.

Documents are kept as BSON, each with its versions since the oldest open transaction. A transaction reads the versions of its
beginning and loses (WriteConflict) as soon as it writes what somebody else wrote after that, or is writing just now; a single
write waits for such a transaction to end. What the product does not use raises `Unsupported`: tests hold the rest
against a real mongod (`test_store_contract`).
"""

import asyncio
import itertools
import uuid
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Protocol

from bson import ObjectId
from pymongo.errors import OperationFailure

from tests.simulation import queries
from tests.simulation.queries import Document

LIFETIME = timedelta(seconds=60)  # transactionLifetimeLimitSeconds
Clock = Callable[[], datetime]


class Gate(Protocol):
    """Where a simulated process meets the world: both may wait, raise, or never come back."""

    async def before(self, what: str) -> None: ...

    async def after(self, what: str) -> None: ...


class Open:
    """A gate that lets everything through."""

    async def before(self, what: str) -> None:
        await asyncio.sleep(0)

    async def after(self, what: str) -> None:
        """Nothing falls between an operation and its answer."""


@dataclass(slots=True)
class Version:
    """A document as of a commit; `raw` is None once it is deleted."""

    at: int
    raw: bytes | None
    document: Document | None


@dataclass(slots=True)
class Slot:
    """All that is known of one `_id`: its versions, oldest first, and the transaction that is writing it."""

    versions: list[Version] = field(default_factory=list)
    writer: "Transaction | None" = None

    @property
    def last(self) -> int:
        return self.versions[-1].at if self.versions else 0

    def as_of(self, at: int | None) -> Version | None:
        for version in reversed(self.versions):
            if at is None or version.at <= at:
                return version if version.raw is not None else None
        return None


@dataclass(slots=True)
class Change:
    """One write in the order of commits."""

    number: int
    kind: str
    id: Any
    raw: bytes | None
    fields: tuple[str, ...] = ()

    def event(self, database: str, collection: str) -> Document:
        document = queries.decoded(self.raw) if self.raw is not None else None
        event: Document = {
            "_id": token_of(self.number),
            "operationType": self.kind,
            "ns": {"db": database, "coll": collection},
            "documentKey": {"_id": self.id},
        }
        if self.kind in ("insert", "replace"):
            event["fullDocument"] = document
        if self.kind == "update":
            event["updateDescription"] = {"updatedFields": {name: (document or {}).get(name) for name in self.fields}}
        return event


def token_of(number: int) -> Document:
    """A resume token."""
    return {"_data": f"{number:012d}"}


@dataclass(slots=True)
class Collection:
    """One collection: slots in the order of insertion, and what happened to it."""

    slots: dict[Any, Slot] = field(default_factory=dict)
    changes: list[Change] = field(default_factory=list)
    unique: list[tuple[str, ...]] = field(default_factory=list)


@dataclass(eq=False, slots=True)
class Transaction:
    """What one session has written and not committed."""

    session: uuid.UUID
    client: str | None
    started_at: datetime
    snapshot: int
    writes: dict[tuple[str, str, Any], tuple[str, bytes | None, tuple[str, ...]]] = field(default_factory=dict)
    state: str = "open"


def conflict(text: str = "WriteConflict error") -> OperationFailure:
    """What a transaction gets that came second."""
    details = {"ok": 0, "code": 112, "codeName": "WriteConflict", "errorLabels": ["TransientTransactionError"]}
    return OperationFailure(text, 112, details)


def no_transaction() -> OperationFailure:
    """What a transaction gets that the server has ended."""
    details = {"ok": 0, "code": 251, "codeName": "NoSuchTransaction", "errorLabels": ["TransientTransactionError"]}
    return OperationFailure("Transaction was aborted", 251, details)


class Busy(Exception):
    """A single write meets a transaction's: it waits for that one's end."""

    def __init__(self, writer: Transaction) -> None:
        super().__init__()
        self.writer = writer


class Store:
    """The server: all databases, in one order of commits."""

    def __init__(self, clock: Clock, ids: Callable[[], ObjectId] = ObjectId) -> None:
        self.clock = clock
        self.new_id = ids
        self.databases: dict[str, dict[str, Collection]] = {}
        self.number = 0
        self.forgotten = 0  # changes up to here can't be followed any more
        self.transactions: dict[uuid.UUID, Transaction] = {}
        self.watchers: list[Callable[[list[tuple[str, str, Any]]], None]] = []
        self._sessions = itertools.count(1)
        self._moved: asyncio.Future[None] | None = None

    def collection(self, database: str, name: str) -> Collection:
        """The collection, made where it is missing."""
        return self.databases.setdefault(database, {}).setdefault(name, Collection())

    def documents(self, database: str, name: str) -> dict[Any, Document]:
        """Everything committed, by `_id`: for checkers, not to be changed."""
        found: dict[Any, Document] = {}
        for id, slot in self.collection(database, name).slots.items():
            version = slot.as_of(None)
            if version is not None and version.document is not None:
                found[id] = version.document
        return found

    def new_session(self) -> uuid.UUID:
        """An id for a session."""
        return uuid.UUID(int=next(self._sessions))

    # Reading

    def read(self, database: str, name: str, query: Mapping[str, Any] | None, transaction: Transaction | None) -> Iterator[bytes]:
        """What matches, as BSON, as the transaction sees it or as committed last."""
        test, now = queries.compiled(query), self.clock()
        for _id, raw, document in self.seen(database, name, query or {}, transaction):
            if test(document, now):
                yield raw

    def seen(
        self, database: str, name: str, query: Mapping[str, Any], transaction: Transaction | None
    ) -> list[tuple[Any, bytes, Document]]:
        """Each document that matches, with its id and BSON, as of now or of the transaction's beginning with what it wrote."""
        slots = self.collection(database, name).slots
        found = []
        for id in self._ids(slots, query):
            slot = slots.get(id)
            if slot is None:
                continue
            written = transaction.writes.get((database, name, id)) if transaction else None
            if written is not None:
                if written[1] is not None:
                    found.append((id, written[1], queries.decoded(written[1])))
                continue
            version = slot.as_of(transaction.snapshot if transaction else None)
            if version is not None and version.raw is not None and version.document is not None:
                found.append((id, version.raw, version.document))
        return found

    @staticmethod
    def _ids(slots: dict[Any, Slot], query: Mapping[str, Any]) -> Iterable[Any]:
        wanted = query.get("_id")
        if isinstance(wanted, (str, ObjectId)):
            return [wanted]
        if isinstance(wanted, dict) and wanted.keys() == {"$in"}:
            chosen = set(wanted["$in"])
            return [id for id in slots if id in chosen] if len(chosen) > 1 else list(chosen)
        return list(slots)

    # Writing

    def begin(self, session: uuid.UUID, client: str | None) -> Transaction:
        """A transaction on what is committed now."""
        transaction = Transaction(session, client, self.clock(), self.number)
        self.transactions[session] = transaction
        return transaction

    def put(
        self,
        database: str,
        name: str,
        id: Any,
        kind: str,
        document: Document | None,
        transaction: Transaction | None,
        fields: tuple[str, ...] = (),
    ) -> None:
        """Write one document. Raises WriteConflict in a transaction that comes second, `Busy` for a single write."""
        raw = queries.encoded(document) if document is not None else None
        slots = self.collection(database, name).slots
        if id in slots:
            self._reap(slots[id].writer)
        if transaction is not None and transaction.state != "open":  # its own time is over, and it meets its own write
            raise no_transaction()
        slot = slots.setdefault(id, Slot())
        if transaction is None:
            if slot.writer is not None:
                raise Busy(slot.writer)
            self._apply([((database, name, id), (kind, raw, fields))])
            return
        if slot.writer not in (None, transaction) or slot.last > transaction.snapshot:
            self.abort(transaction)
            raise conflict()
        slot.writer = transaction
        before = transaction.writes.get((database, name, id))
        transaction.writes[database, name, id] = ("insert" if before and before[0] == "insert" and raw else kind, raw, fields)

    def _reap(self, writer: Transaction | None) -> None:
        if writer is not None and self.clock() - writer.started_at > LIFETIME:
            self.abort(writer)

    def commit(self, transaction: Transaction) -> None:
        """Make everything visible at once. Raises NoSuchTransaction where the server has ended it; again is no error."""
        if transaction.state == "committed":
            return
        if transaction.state == "aborted":
            raise no_transaction()
        transaction.state = "committed"
        self._release(transaction)
        self._apply(list(transaction.writes.items()))

    def abort(self, transaction: Transaction) -> None:
        """Forget what it wrote."""
        if transaction.state == "open":
            transaction.state = "aborted"
            self._release(transaction)
            self._wake()

    def abort_all(self) -> None:
        """What a change of the primary does."""
        for transaction in list(self.transactions.values()):
            self.abort(transaction)

    def _release(self, transaction: Transaction) -> None:
        self.transactions.pop(transaction.session, None)
        for database, name, id in transaction.writes:
            slots = self.collection(database, name).slots
            slots[id].writer = None
            if not slots[id].versions and transaction.state == "aborted":
                del slots[id]

    def _apply(self, writes: list[tuple[tuple[str, str, Any], tuple[str, bytes | None, tuple[str, ...]]]]) -> None:
        oldest = min((each.snapshot for each in self.transactions.values()), default=self.number)
        self.number += 1
        at = self.number
        for (database, name, id), (kind, raw, fields) in writes:
            collection = self.collection(database, name)
            slot = collection.slots.setdefault(id, Slot())
            keep = max((place for place, version in enumerate(slot.versions) if version.at <= oldest), default=0)
            document = queries.decoded(raw) if raw is not None else None
            slot.versions = [*slot.versions[keep:], Version(at, raw, document)]
            self.number += 1
            collection.changes.append(Change(self.number, kind, id, raw, fields))
            if raw is None and not self.transactions:
                del collection.slots[id]
        self.number += 1
        written = [place for place, _ in writes]
        for watcher in self.watchers:
            watcher(written)
        self._wake()

    def _wake(self) -> None:
        moved, self._moved = self._moved, None
        if moved is not None and not moved.done():
            moved.set_result(None)

    async def moved(self) -> None:
        """Until the next commit or abort."""
        if self._moved is None or self._moved.get_loop() is not asyncio.get_running_loop():
            self._moved = asyncio.get_running_loop().create_future()
        await asyncio.shield(self._moved)
