"""Motor's client of the simulated store (`tests.simulation.store`): databases, tables, cursors, sessions and change streams.

What the product does not use raises `Unsupported`: tests hold the rest against a real mongod (`test_store_contract`).
"""

import asyncio
from bisect import bisect_right
from collections.abc import AsyncIterator, Callable, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

from bson import Timestamp
from pymongo import DeleteMany, DeleteOne, InsertOne, ReplaceOne, UpdateMany, UpdateOne
from pymongo.errors import BulkWriteError, DuplicateKeyError, ExecutionTimeout, InvalidOperation, OperationFailure
from pymongo.results import BulkWriteResult, DeleteResult, InsertOneResult, UpdateResult

from shared import mongo
from shared.changes import Step, is_single
from tests.simulation import queries
from tests.simulation.queries import Document, Unsupported
from tests.simulation.stages import aggregated
from tests.simulation.store import Busy, Gate, Open, Store, Transaction, no_transaction, token_of


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


async def carried_out(db: Any, steps: Sequence[Step]) -> None:
    """What `shared.changes.carried_out` does in a thread, with a client that has none."""
    if is_single(steps):
        steps[0].hold(await db[steps[0].collection].bulk_write(steps[0].ops))
        return
    async with mongo.transaction(db) as session:
        for step in steps:
            step.hold(await db[step.collection].bulk_write(step.ops, session=session))


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
        """The pipeline over what is committed."""

        def committed(name: str) -> list[Document]:
            return [queries.decoded(raw) for raw in self._store.read(self.database.name, name, None, None)]

        def read() -> list[Document]:
            return aggregated(stages, committed(self.name), committed, self._store.clock())

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

    async def find_one_and_update(
        self,
        query: Document,
        update: Any,
        *,
        return_document: bool = False,
        maxTimeMS: int | None = None,  # noqa: N803  as pymongo has it
    ) -> Document | None:
        if not return_document:
            raise Unsupported("the document before the update")
        await self._gate.before(f"find_one_and_update {self.name}")
        try:
            async with asyncio.timeout(None if maxTimeMS is None else maxTimeMS / 1000):
                found = await self._waiting(lambda: self._update(UpdateOne(query, update), Tally(), None, many=False))
        except TimeoutError:
            raise ExecutionTimeout("operation exceeded time limit", 50) from None
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

    async def drop_index(self, name: str) -> None:
        await self._gate.before(f"drop_index {self.name}")
        raise OperationFailure(f"index not found with name [{name}]", 27)  # none is kept here under a name

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
        for id, raw, document in self._store.seen(self.database.name, self.name, query, transaction):
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
