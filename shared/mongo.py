"""MongoDB: the one module that imports Motor, so that its successor can replace it in one place (docs/decisions)."""

import asyncio
import re
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any, TypeAlias, TypeVar
from urllib.parse import urlsplit

from bson import Binary
from motor.motor_asyncio import AsyncIOMotorClient, AsyncIOMotorClientSession, AsyncIOMotorDatabase
from pymongo import ASCENDING, DESCENDING, DeleteMany, DeleteOne, IndexModel, InsertOne, ReplaceOne, UpdateMany, UpdateOne
from pymongo.database import Database as PyMongoDatabase
from pymongo.errors import (
    AutoReconnect,
    BulkWriteError,
    ConnectionFailure,
    DocumentTooLarge,
    DuplicateKeyError,
    ExecutionTimeout,
    InvalidName,
    NetworkTimeout,
    OperationFailure,
    PyMongoError,
    ServerSelectionTimeoutError,
    WTimeoutError,
)
from pymongo.read_concern import ReadConcern
from pymongo.write_concern import WriteConcern

__all__ = [
    "ASCENDING",
    "DESCENDING",
    "TRANSACTION",
    "Client",
    "Database",
    "DeleteMany",
    "DeleteOne",
    "Document",
    "DuplicateKeyError",
    "IndexModel",
    "InsertOne",
    "NoReplicaSet",
    "OperationFailure",
    "PyMongoDatabase",
    "PyMongoError",
    "ReplaceOne",
    "ServerSelectionTimeoutError",
    "Session",
    "UpdateMany",
    "UpdateOne",
    "WriteOp",
    "at_once",
    "connect",
    "end_abandoned",
    "followed",
    "is_conflict",
    "is_duplicate",
    "is_outage",
    "is_rejected",
    "is_unknown",
    "transaction",
]

Document: TypeAlias = dict[str, Any]
WriteOp: TypeAlias = InsertOne[Document] | ReplaceOne[Document] | UpdateOne | UpdateMany | DeleteOne | DeleteMany
if TYPE_CHECKING:
    Client: TypeAlias = AsyncIOMotorClient[Document]
    Database: TypeAlias = AsyncIOMotorDatabase[Document]
    Session: TypeAlias = AsyncIOMotorClientSession
else:  # Motor's classes are generic in its stubs only
    Client, Database, Session = AsyncIOMotorClient, AsyncIOMotorDatabase, AsyncIOMotorClientSession

T = TypeVar("T")

TRANSACTION: dict[str, Any] = {"read_concern": ReadConcern("snapshot"), "write_concern": WriteConcern("majority")}
FROZEN_AFTER_MS = 5_000  # a server that is silent for twice this is given up, and what waits for its answer fails; 30 s otherwise
WRITABLE_WITHIN_S = 30.0  # an election takes about 12 s with default settings; twice that and some
OUTAGES = (AutoReconnect, ConnectionFailure, NetworkTimeout, ServerSelectionTimeoutError, WTimeoutError, ExecutionTimeout)
NOT_PRIMARY_CODES = frozenset({91, 189, 10058, 10107, 11600, 11602, 13435, 13436})  # NotWritablePrimary and kin, shutdown
CONFLICT_CODES = frozenset({112, 251})  # WriteConflict, NoSuchTransaction (aborted by the server)
DUPLICATE_CODE = 11000
REJECTED_CODES = frozenset({2, 9, 14, 52, 121, 10334, 17280, 17419})  # BadValue, FailedToParse, ..., BSONObjectTooLarge


def unconnected() -> Client:
    """A client that connects to nothing until it is asked something: for looking at an application without its data."""
    client: Client = AsyncIOMotorClient(connect=False)
    return client


class NoReplicaSet(PyMongoError):
    """The server stands alone: it has neither transactions nor change streams."""

    def __init__(self, address: str) -> None:
        self.what = f"the database server {address} stands alone, without a replica set"
        self.fix = (
            "start mongod with --replSet and initiate the set (one member will do): transactions and change streams need it; "
            "or correct FIRSTMATE_MONGO"
        )
        super().__init__(f"{self.what}; {self.fix}")


async def connect(uri: str, *, name: str | None = None, within: float = WRITABLE_WITHIN_S) -> Client:
    """A client whose primary is writable. Sessions opened before that fail, so nothing else may connect by itself.

    `name`: what this process is called among all that connect; transactions that an earlier one of that name left open are
    ended. Raises `ServerSelectionTimeoutError` when no writable primary answers `within` seconds, `NoReplicaSet` for a server
    that stands alone.
    """
    client: Client = AsyncIOMotorClient(
        uri,
        appname=name,
        tz_aware=True,
        serverSelectionTimeoutMS=5_000,
        connectTimeoutMS=FROZEN_AFTER_MS,
        heartbeatFrequencyMS=FROZEN_AFTER_MS,
        retryWrites=True,
        w="majority",
        uuidRepresentation="standard",
    )
    deadline = asyncio.get_running_loop().time() + within
    while True:
        try:
            hello = await client.admin.command("hello")
            if hello.get("isWritablePrimary"):
                if "setName" not in hello and hello.get("msg") != "isdbgrid":  # nor a router of a sharded cluster
                    client.close()
                    raise NoReplicaSet(urlsplit(uri).netloc.rpartition("@")[2])
                if name is not None:
                    await end_abandoned(client, name)
                return client
            problem: Exception = ServerSelectionTimeoutError("the replica set has no writable primary")
        except OUTAGES as error:
            problem = error
        if asyncio.get_running_loop().time() > deadline:
            client.close()
            raise ServerSelectionTimeoutError(
                f"no writable primary within {within:.0f} s; is FIRSTMATE_MONGO a replica set that is up? ({problem})"
            )
        await asyncio.sleep(0.05)


async def end_abandoned(client: Client, name: str) -> None:
    """End transactions that killed processes of this name, or of one that begins so, left open.

    The server does not tie a transaction to its connection: what it wrote stays locked for a minute
    (`transactionLifetimeLimitSeconds`), and whoever takes over would meet nothing but conflicts for so long. A living one
    that is met between two steps runs again, as after any conflict.
    """
    running = {"$currentOp": {"allUsers": False, "idleSessions": True}}
    named = {"$regex": f"^{re.escape(name)}( |$)"}
    abandoned = {"$match": {"appName": named, "active": False, "transaction": {"$exists": True}}}
    found = client.admin.aggregate([running, abandoned])
    sessions = [{"id": Binary.from_uuid(operation["lsid"]["id"])} async for operation in found]
    if sessions:
        await client.admin.command("killSessions", sessions)


async def at_once(db: Database, job: "Callable[[PyMongoDatabase[Document]], T]") -> T:
    """What `job` does with PyMongo's own database, in one visit to a thread.

    Motor sends a thread for each operation, whose coming and going costs as much as a small operation does. What was cancelled
    goes on in its thread to its end.
    """
    return await asyncio.to_thread(job, db.delegate)


@asynccontextmanager
async def transaction(db: Database) -> AsyncIterator[Session]:
    """One transaction with snapshot reads and majority writes; commits on leaving, aborts on any exception.

    Unlike `with_transaction` it never runs anything again by itself: the caller reloads states first.
    """
    async with (
        await db.client.start_session() as session,
        session.start_transaction(**TRANSACTION),
    ):
        yield session


async def followed(stream: Any) -> AsyncGenerator[Document, None]:
    """Every change of a change stream, as it comes.

    Motor sends a thread for each. What came in one answer with the one before lies in memory already, and is taken from there: a
    batch that writes thousands of documents would otherwise keep whoever follows them busy for longer than it took.
    """
    while True:
        yield await stream.next()
        answer = getattr(stream.delegate, "_cursor", None)  # PyMongo tells of it in no other way
        while answer is not None and answer._has_next() and (change := stream.delegate.try_next()) is not None:
            yield change


def _codes(error: PyMongoError) -> set[int]:
    details: Mapping[str, Any] = getattr(error, "details", None) or {}
    codes = {int(item["code"]) for item in details.get("writeErrors", [])}
    code = getattr(error, "code", None)
    return codes | ({int(code)} if code is not None else set())


def is_duplicate(error: PyMongoError) -> bool:
    """A unique key was taken: inside a transaction that means somebody else inserted the same document first."""
    return isinstance(error, DuplicateKeyError) or (isinstance(error, BulkWriteError) and DUPLICATE_CODE in _codes(error))


def is_unknown(error: Exception) -> bool:
    """A commit's answer was lost: it happened, or its transaction is open still (`end_abandoned`)."""
    return isinstance(error, PyMongoError) and bool(error.has_error_label("UnknownTransactionCommitResult"))


def is_conflict(error: PyMongoError) -> bool:
    """Another transaction came first (or the commit's outcome is unknown): run again on fresh states."""
    labelled = error.has_error_label("TransientTransactionError") or is_unknown(error)
    return labelled or bool(_codes(error) & CONFLICT_CODES)


def is_rejected(error: PyMongoError) -> bool:
    """The server or driver refuses this very document (too large, not storable): trying again can't mend it."""
    return isinstance(error, (DocumentTooLarge, InvalidName)) or bool(_codes(error) & REJECTED_CODES)


def is_outage(error: PyMongoError) -> bool:
    """The database can't be reached or can't write now: wait and try again."""
    return isinstance(error, OUTAGES) or (isinstance(error, OperationFailure) and bool(_codes(error) & NOT_PRIMARY_CODES))
