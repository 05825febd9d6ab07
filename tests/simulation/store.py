"""A simulated MongoDB replica set and its Motor client: snapshot transactions, write conflicts, change streams, `$$NOW`.

Documents are kept as BSON, each with its versions since the oldest open transaction. A transaction reads the versions of its
beginning and loses (WriteConflict) as soon as it writes what somebody else wrote after that, or is writing just now; a single
write waits for such a transaction to end. What the product does not use raises `Unsupported`: tests hold the rest
against a real mongod (`test_store_contract`).
"""

import asyncio
import itertools
import uuid
from bisect import bisect_right
from collections.abc import AsyncIterator, Callable, Iterable, Iterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Protocol

from bson import ObjectId, Timestamp
from pymongo import DeleteMany, DeleteOne, InsertOne, ReplaceOne, UpdateMany, UpdateOne
from pymongo.errors import BulkWriteError, DuplicateKeyError, InvalidOperation, OperationFailure
from pymongo.results import BulkWriteResult, DeleteResult, InsertOneResult, UpdateResult

from tests.simulation import queries
from tests.simulation.queries import Document, Unsupported

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
        for _id, raw, document in self._seen(database, name, query or {}, transaction):
            if test(document, now):
                yield raw

    def _seen(
        self, database: str, name: str, query: Mapping[str, Any], transaction: Transaction | None
    ) -> list[tuple[Any, bytes, Document]]:
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


# The client ---------------------------------------------------------------------------------------------------------


class Client:
    """What Motor's client is to the product."""

    def __init__(self, store: Store, gate: Gate | None = None, name: str | None = None) -> None:
        self.store = store
        self.gate: Gate = gate or Open()
        self.name = name
        self.admin = Admin(self)

    def __getitem__(self, name: str) -> "Database":
        return Database(self, name)

    async def start_session(self) -> "Session":
        """A session; it costs no round trip."""
        return Session(self)

    async def drop_database(self, name: str) -> None:
        await self.gate.before("drop_database")
        self.store.databases.pop(name, None)

    def close(self) -> None:
        """Connections go; what they left open on the server stays."""


class Admin:
    """The database `admin`."""

    def __init__(self, client: Client) -> None:
        self._client = client

    async def command(self, name: str, *arguments: Any) -> Document:
        await self._client.gate.before(name)
        if name == "hello":
            return {"isWritablePrimary": True, "setName": "simulated"}
        if name == "killSessions":
            wanted = {session["id"].as_uuid() for session in arguments[0]}
            for session in wanted:
                if (transaction := self._client.store.transactions.get(session)) is not None:
                    self._client.store.abort(transaction)
            return {"ok": 1}
        raise Unsupported(name)

    def aggregate(self, stages: list[Document]) -> "Cursor":
        """`$currentOp`: the transactions that no connection works on."""
        if "$currentOp" not in stages[0] or len(stages) != 2:
            raise Unsupported(str(stages))
        store, test = self._client.store, queries.compiled(stages[1]["$match"])

        def read() -> list[Document]:
            found = []
            for transaction in store.transactions.values():
                seen: Document = {"appName": transaction.client, "active": False, "transaction": {}}
                if test(seen, store.clock()):
                    found.append(seen | {"lsid": {"id": transaction.session}})
            return found

        return Cursor(self._client.gate, "currentOp", read)


class Session:
    """A session with at most one transaction at a time."""

    def __init__(self, client: Client) -> None:
        self._client = client
        self._id = client.store.new_session()
        self.transaction: Transaction | None = None
        self.wanted = False

    async def __aenter__(self) -> "Session":
        return self

    async def __aexit__(self, *_: object) -> None:
        if self.wanted:
            await self._abort()

    @asynccontextmanager
    async def start_transaction(self, **_: Any) -> AsyncIterator[None]:
        self.wanted, self.transaction = True, None
        try:
            yield
        except BaseException:
            await self._abort()
            raise
        await self._commit()

    async def _commit(self) -> None:
        self.wanted = False
        if self.transaction is None:
            return
        await self._client.gate.before("commit")
        self._client.store.commit(self.transaction)
        await self._client.gate.after("commit")

    async def _abort(self) -> None:
        self.wanted = False
        if self.transaction is not None and self.transaction.state == "open":
            try:
                await self._client.gate.before("abort")
            except OSError:
                return
            except Exception:  # a driver's abort tells no error: the server ends it later
                return
            self._client.store.abort(self.transaction)

    def joined(self) -> Transaction:
        """The transaction, begun on the server by its first operation. Raises NoSuchTransaction once it is ended."""
        if not self.wanted:
            raise InvalidOperation("no transaction started")
        if self.transaction is None:
            self.transaction = self._client.store.begin(self._id, self._client.name)
        if self.transaction.state != "open":
            raise no_transaction()
        return self.transaction


class Database:
    """One database of a client."""

    def __init__(self, client: Client, name: str) -> None:
        self.client = client
        self.name = name

    def __getitem__(self, name: str) -> "Table":
        return Table(self, name)

    async def command(self, name: str) -> Document:
        await self.client.gate.before(name)
        if name != "ping":
            raise Unsupported(name)
        return {"ok": 1, "operationTime": Timestamp(1, self.client.store.number)}

    async def drop_collection(self, name: str) -> None:
        await self.client.gate.before("drop_collection")
        self.client.store.databases.get(self.name, {}).pop(name, None)


class Cursor:
    """Documents once they are asked for."""

    def __init__(self, gate: Gate, what: str, read: Callable[[], list[Document]]) -> None:
        self._gate = gate
        self._what = what
        self._read = read
        self._sort: list[tuple[str, int]] = []
        self._limit = 0
        self._fields: Mapping[str, Any] | None = None
        self._found: Iterator[Document] | None = None

    def project(self, fields: Mapping[str, Any] | None) -> "Cursor":
        self._fields = fields
        return self

    def sort(self, key: str | list[tuple[str, int]], direction: int = 1) -> "Cursor":
        self._sort = [(key, direction)] if isinstance(key, str) else list(key)
        return self

    def limit(self, count: int) -> "Cursor":
        self._limit = count
        return self

    def __aiter__(self) -> "Cursor":
        return self

    async def _fetch(self) -> Iterator[Document]:
        await self._gate.before(self._what)
        found = self._read()
        if self._sort:
            found = queries.sorted_by(found, self._sort)
        if self._limit:
            found = found[: self._limit]
        shown = [queries.projected(document, self._fields) for document in found]
        await self._gate.after(self._what)
        return iter(shown)

    async def __anext__(self) -> Document:
        if self._found is None:
            self._found = await self._fetch()
        for document in self._found:
            return document
        raise StopAsyncIteration

    async def to_list(self, length: int | None = None) -> list[Document]:
        return [document async for document in self]


WriteOp = InsertOne[Document] | ReplaceOne[Document] | UpdateOne | UpdateMany | DeleteOne | DeleteMany


@dataclass(slots=True)
class Tally:
    """What writes did."""

    inserted: int = 0
    matched: int = 0
    modified: int = 0
    deleted: int = 0
    upserted: list[Document] = field(default_factory=list)

    def as_bulk(self) -> Document:
        return {
            "nInserted": self.inserted,
            "nMatched": self.matched,
            "nModified": self.modified,
            "nRemoved": self.deleted,
            "nUpserted": len(self.upserted),
            "upserted": self.upserted,
            "writeErrors": [],
            "writeConcernErrors": [],
        }


class Table:
    """One collection of a client."""

    def __init__(self, database: Database, name: str) -> None:
        self.database = database
        self.name = name
        self._store = database.client.store
        self._gate = database.client.gate

    # Reading

    def find(
        self, query: Mapping[str, Any] | None = None, projection: Mapping[str, Any] | None = None, *, session: Any = None
    ) -> Cursor:
        def read() -> list[Document]:
            transaction = session.joined() if session else None
            return [queries.decoded(raw) for raw in self._store.read(self.database.name, self.name, query, transaction)]

        return Cursor(self._gate, f"find {self.name}", read).project(projection)

    async def find_one(
        self,
        query: Mapping[str, Any] | None = None,
        projection: Mapping[str, Any] | None = None,
        *,
        sort: list[tuple[str, int]] | None = None,
        session: Any = None,
    ) -> Document | None:
        cursor = self.find(query, projection, session=session).sort(sort or [])
        async for document in cursor.limit(1):
            return document
        return None

    async def count_documents(self, query: Mapping[str, Any]) -> int:
        return len(await self.find(query).to_list())

    async def distinct(self, key: str, query: Mapping[str, Any] | None = None) -> list[Any]:
        values: list[Any] = []
        async for document in self.find(query):
            for leaf in queries._candidates(list(queries._reach(document, key.split(".")))):
                if not isinstance(leaf, list) and not any(queries._same(leaf, value) for value in values):
                    values.append(leaf)
        return sorted(values, key=queries.order)

    def aggregate(self, stages: list[Document]) -> Cursor:
        """`$match` and `$group` with `$sum`."""
        if [next(iter(stage)) for stage in stages] != ["$match", "$group"]:
            raise Unsupported(f"aggregate {stages}")
        query, group = stages[0]["$match"], stages[1]["$group"]

        def read() -> list[Document]:
            sums: dict[Any, Document] = {}
            for raw in self._store.read(self.database.name, self.name, query, None):
                document = queries.decoded(raw)
                key = queries.evaluate(group["_id"], document, self._store.clock())
                row = sums.setdefault(key, {"_id": key} | {name: 0 for name in group if name != "_id"})
                for name, what in group.items():
                    if name == "_id":
                        continue
                    if not isinstance(what, dict) or what.keys() != {"$sum"}:
                        raise Unsupported(f"$group {name}")
                    row[name] += queries.evaluate(what["$sum"], document, self._store.clock()) or 0
            return list(sums.values())

        return Cursor(self._gate, f"aggregate {self.name}", read)

    def watch(
        self,
        pipeline: list[Document] | None = None,
        *,
        resume_after: Any = None,
        start_at_operation_time: Timestamp | None = None,
        max_await_time_ms: int | None = None,
    ) -> "ChangeStream":
        if start_at_operation_time is not None:
            resume_after = token_of(start_at_operation_time.inc - 1)
        return ChangeStream(self, pipeline or [], resume_after, (max_await_time_ms or 1_000) / 1000)

    # Writing

    async def bulk_write(self, ops: list[WriteOp], *, ordered: bool = True, session: Any = None) -> BulkWriteResult:
        tally = await self._write(list(ops), session, bulk=True)
        return BulkWriteResult(tally.as_bulk(), True)

    async def insert_one(self, document: Document, *, session: Any = None) -> InsertOneResult:
        document.setdefault("_id", self._store.new_id())
        await self._write([InsertOne(document)], session)
        return InsertOneResult(document["_id"], True)

    async def insert_many(self, documents: list[Document]) -> None:
        await self._write([InsertOne(document) for document in documents], None)

    async def update_one(self, query: Document, update: Any, *, upsert: bool = False, session: Any = None) -> UpdateResult:
        return _update_result(await self._write([UpdateOne(query, update, upsert=upsert)], session))

    async def update_many(self, query: Document, update: Any, *, session: Any = None) -> UpdateResult:
        return _update_result(await self._write([UpdateMany(query, update)], session))

    async def replace_one(self, query: Document, document: Document, *, upsert: bool = False) -> UpdateResult:
        return _update_result(await self._write([ReplaceOne(query, document, upsert=upsert)], None))

    async def delete_one(self, query: Document) -> DeleteResult:
        return DeleteResult({"n": (await self._write([DeleteOne(query)], None)).deleted}, True)

    async def delete_many(self, query: Document) -> DeleteResult:
        return DeleteResult({"n": (await self._write([DeleteMany(query)], None)).deleted}, True)

    async def find_one_and_update(self, query: Document, update: Any, *, return_document: bool = False) -> Document | None:
        if not return_document:
            raise Unsupported("the document before the update")
        await self._gate.before(f"find_one_and_update {self.name}")
        found = await self._waiting(lambda: self._update(UpdateOne(query, update), Tally(), None, many=False))
        await self._gate.after(f"find_one_and_update {self.name}")
        return queries.decoded(queries.encoded(found[0])) if found else None

    async def create_index(self, keys: Any, **options: Any) -> str:
        await self._gate.before(f"create_index {self.name}")
        names = (keys,) if isinstance(keys, str) else tuple(name for name, _ in keys)
        collection = self._store.collection(self.database.name, self.name)
        if options.get("unique") and names not in collection.unique:
            collection.unique.append(names)
        return "_".join(names)

    async def create_indexes(self, indexes: list[Any]) -> None:
        await self._gate.before(f"create_indexes {self.name}")
        if any(index.document.get("unique") for index in indexes):
            raise Unsupported("unique indexes made together")
        self._store.collection(self.database.name, self.name)

    async def drop(self) -> None:
        await self.database.drop_collection(self.name)

    async def _write(self, ops: list[WriteOp], session: Any, *, bulk: bool = False) -> Tally:
        await self._gate.before(f"write {self.name}")
        transaction = session.joined() if session else None
        tally = Tally()
        for place, op in enumerate(ops):
            try:
                await self._waiting(lambda op=op, place=place: self._one(op, place, tally, transaction))
            except DuplicateKeyError as error:
                if transaction is not None:
                    self._store.abort(transaction)
                if not bulk:
                    raise
                failed = {"index": place, "code": 11000, "errmsg": str(error), "op": {}}
                raise BulkWriteError(tally.as_bulk() | {"writeErrors": [failed]}) from None
        await self._gate.after(f"write {self.name}")
        return tally

    async def _waiting(self, write: Callable[[], Any]) -> Any:
        while True:
            try:
                return write()
            except Busy:
                # the writer's end wakes this; so does the passing of its lifetime
                try:
                    async with asyncio.timeout(1):
                        await self._store.moved()
                except TimeoutError:
                    continue

    def _one(self, op: Any, place: int, tally: Tally, transaction: Transaction | None) -> None:
        if isinstance(op, InsertOne):
            document = op._doc
            document.setdefault("_id", self._store.new_id())
            self._insert(queries.decoded(queries.encoded(document)), transaction)
            tally.inserted += 1
        elif isinstance(op, (DeleteOne, DeleteMany)):
            self._delete(op, tally, transaction)
        else:
            self._update(op, tally, transaction, many=isinstance(op, UpdateMany), place=place)

    def _insert(self, document: Document, transaction: Transaction | None) -> None:
        id = document["_id"]
        slot = self._store.collection(self.database.name, self.name).slots.get(id)
        if slot is not None:
            seen = transaction.writes.get((self.database.name, self.name, id)) if transaction else None
            here = slot.as_of(None) is not None if seen is None else seen[1] is not None
            if here and not (transaction is not None and slot.last > transaction.snapshot):
                raise DuplicateKeyError(f"E11000 duplicate key error _id: {id!r}", 11000, {"code": 11000})
        self._refuse_twins(document, transaction)
        self._store.put(self.database.name, self.name, id, "insert", document, transaction)

    def _refuse_twins(self, document: Document, transaction: Transaction | None) -> None:
        for names in self._store.collection(self.database.name, self.name).unique:
            wanted: Document = {name: next(queries._reach(document, name.split(".")), None) for name in names}
            for id, _, _other in self._matching(wanted, transaction, many=True):
                if id != document["_id"]:
                    raise DuplicateKeyError(f"E11000 duplicate key error {names}", 11000, {"code": 11000})

    def _matching(
        self, query: Mapping[str, Any], transaction: Transaction | None, *, many: bool
    ) -> list[tuple[Any, bytes, Document]]:
        test, now = queries.compiled(query), self._store.clock()
        found = []
        for id, raw, document in self._store._seen(self.database.name, self.name, query, transaction):
            if test(document, now):
                found.append((id, raw, document))
                if not many:
                    break
        return found

    def _update(self, op: Any, tally: Tally, transaction: Transaction | None, *, many: bool, place: int = 0) -> list[Document]:
        found = self._matching(op._filter, transaction, many=many)
        now = self._store.clock()
        if isinstance(op, ReplaceOne):
            change: Any = queries.decoded(queries.encoded(op._doc))
        elif isinstance(op._doc, list):
            change = queries.decoded(queries.encoded({"stages": op._doc}))["stages"]
        else:
            change = queries.decoded(queries.encoded(op._doc))
        written: list[Document] = []
        for id, raw, before in found:
            after = (
                {"_id": id} | {name: value for name, value in change.items() if name != "_id"}
                if isinstance(op, ReplaceOne)
                else queries.updated(queries.decoded(raw), change, now, inserted=False)
            )
            tally.matched += 1
            written.append(after)
            if queries.encoded(after) == raw:
                continue  # the server writes nothing then, and nothing conflicts
            fields = tuple(name for name in after if name not in before or after[name] != before[name])
            kind = "replace" if isinstance(op, ReplaceOne) else "update"
            self._store.put(self.database.name, self.name, id, kind, after, transaction, fields)
            tally.modified += 1
        if not found and getattr(op, "_upsert", False):
            seed = queries.equalities(queries.decoded(queries.encoded(op._filter)))
            if isinstance(op, ReplaceOne):
                seed = ({"_id": seed["_id"]} if "_id" in seed else {}) | change
            else:
                seed = queries.updated(seed, change, now, inserted=True)
            seed = {"_id": seed.pop("_id", None) or self._store.new_id()} | seed
            self._insert(seed, transaction)
            tally.upserted.append({"index": place, "_id": seed["_id"]})
            written.append(seed)
        return written

    def _delete(self, op: Any, tally: Tally, transaction: Transaction | None) -> None:
        for id, _, _document in self._matching(op._filter, transaction, many=isinstance(op, DeleteMany)):
            self._store.put(self.database.name, self.name, id, "delete", None, transaction)
            tally.deleted += 1


def _update_result(tally: Tally) -> UpdateResult:
    upserted = tally.upserted[0]["_id"] if tally.upserted else None
    found = {"n": tally.matched + len(tally.upserted), "nModified": tally.modified}
    return UpdateResult(found | ({"upserted": upserted} if tally.upserted else {}), True)


class ChangeStream:
    """Follows a collection in commit order from its opening, or from after a token."""

    def __init__(self, table: Table, pipeline: list[Document], token: Any, patience: float) -> None:
        *tests, last = [*pipeline, {"$project": {}}] if not pipeline or "$project" not in pipeline[-1] else pipeline
        if any(stage.keys() != {"$match"} for stage in tests):
            raise Unsupported(f"watch {pipeline}")
        self.delegate = None  # what Motor hands every call to: here nothing comes ahead of its call
        self._fields = last["$project"]
        self._table = table
        self._store = table._store
        self._gate = table._gate
        self._tests = [queries.compiled(stage["$match"]) for stage in tests]
        self._patience = patience
        self._after = int(token["_data"]) if token is not None else None
        self._opened = False
        self._resumed = token is not None

    async def __aenter__(self) -> "ChangeStream":
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    def __aiter__(self) -> "ChangeStream":
        return self

    @property
    def resume_token(self) -> Document | None:
        return token_of(self._after) if self._after is not None else None

    async def close(self) -> None:
        """The server's cursor goes."""

    async def _open(self) -> None:
        if self._opened:
            return
        await self._gate.before(f"watch {self._table.name}")
        if self._after is None:
            self._after = self._store.number
        elif self._after < self._store.forgotten:
            details = {"ok": 0, "code": 286, "codeName": "ChangeStreamHistoryLost"}
            raise OperationFailure("the resume point may no longer be in the oplog", 286, details)
        self._opened = True
        await self._gate.after(f"watch {self._table.name}")

    def _next(self) -> Document | None:
        changes = self._store.collection(self._table.database.name, self._table.name).changes
        place = bisect_right(changes, self._after or 0, key=lambda change: change.number)
        for change in changes[place:]:
            self._after = change.number
            event = change.event(self._table.database.name, self._table.name)
            if all(test(event, self._store.clock()) for test in self._tests):
                return queries.projected(event, self._fields)
        self._after = max(self._after or 0, self._store.number)
        return None

    async def try_next(self) -> Document | None:
        """The next change, or None after a while without one."""
        await self._open()
        try:
            async with asyncio.timeout(self._patience):
                return await self.next()
        except TimeoutError:
            return None

    async def next(self) -> Document:
        """The next change, whenever it comes."""
        await self._open()
        here = self._after
        while (event := self._next()) is None:
            here = self._after
            await self._store.moved()
        try:
            await self._gate.before(f"next {self._table.name}")
        except BaseException:
            self._after = here  # what was not handed out is handed out next time
            raise
        return event

    async def __anext__(self) -> Document:
        return await self.next()
