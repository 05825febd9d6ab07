"""A fresh copy of a read model in the making: the same fold as the live one's, without its transactions."""

import asyncio
import gc
from collections.abc import Iterator, Sequence, Set
from contextlib import contextmanager
from typing import Any

import structlog
from aiokafka import ConsumerRecord
from pymongo.write_concern import WriteConcern

from services.onboarding.projections.stored import Stored
from services.onboarding.read_models import CONSUMER, SERVICE, ReadModel
from shared.events.own import kind_of, own_fact
from shared.kafka import to_record
from shared.logs import where
from shared.mongo import Database, InsertOne, ReplaceOne, WriteOp
from shared.processing import read_record
from shared.streams import Stream, read_stream

WRITE_ROWS = 200  # at a time: few that were used lately leave with those that were not
COLLECT_EVERY = 50  # batches

log = structlog.get_logger()


@contextmanager
def collected_by_batches() -> Iterator[None]:
    """Within, garbage is looked for between batches alone, and not in what is there already.

    Events and rows hold no cycles, and the modules alone are half a million objects: looking cost half of a rebuild.
    """
    gc.disable()
    gc.freeze()
    try:
        yield
    finally:
        gc.unfreeze()
        gc.enable()


class Copy:
    """The rows of a model in the making: those used last in memory, the others in the collection `name`."""

    def __init__(self, db: Database, model: ReadModel, name: str, born: int, keep: int) -> None:
        """Of all rows about `keep` are in memory.

        Rows count their versions from `born`, so that a batch decided on a row of the live model matches none of them.
        """
        self._rows: dict[str, Stream[Stored]] = {}  # in order of use
        # That the primary has a row will do: the swap is written to the majority, and with it all that came before.
        self._collection = db.get_collection(name, write_concern=WriteConcern(w=1))
        self._db = db
        self._model = model
        self._born = born
        self._keep = keep
        self._writing: asyncio.Task[Any] | None = None
        self._leaving: set[str] = set()  # rows on their way into the collection
        self.inserted = 0
        self._batches = 0

    async def fold(self, records: Sequence[ConsumerRecord[Any, Any]]) -> int:
        """Fold records; returns how many were skipped because the live model could not use them either.

        What the model would not show is passed by unread: most of the work is reading.
        """
        self._batches += 1
        if self._batches % COLLECT_EVERY == 0 and not gc.isenabled():
            gc.collect(1)  # not what has stayed before: rows hold no cycles
        events, skipped = [], 0
        for record in records:
            kind = kind_of(record.headers)
            if kind is not None and not self._model.may_show(kind, record.value or b""):
                continue
            event = own_fact(record.topic, record.value, record.headers)
            if event is None:
                item = read_record(to_record(record), CONSUMER)
                event, skipped = item.event, skipped + (item.fault is not None)
            if event is not None:
                events.append(event)
        await self._use({event.subject for event in events})
        for event in events:
            try:
                self._model.apply(self._rows[event.subject], event)
            except Exception as error:  # what the live model buries
                log.warning("record_skipped", event_id=event.id, error=type(error).__name__, where=where(error))
                skipped += 1
        return skipped

    async def _use(self, ids: Set[str]) -> None:
        missing = []
        for id in ids:
            row = self._rows.pop(id, None)
            if row is None:
                missing.append(id)
                row = Stream(id, SERVICE, version=self._born)
            self._rows[id] = row
        if missing and self.inserted:
            if not self._leaving.isdisjoint(missing):
                await self._written()
            async for document in self._collection.find({"_id": {"$in": missing}}):
                self._rows[document["_id"]] = read_stream(document, dict, SERVICE)
        if len(self._rows) > self._keep:
            leaving = max(WRITE_ROWS, len(self._rows) - self._keep)
            await self._write(list(self._rows.values())[: min(leaving, len(self._rows) - len(ids))])

    async def finish(self) -> None:
        """Write what is in memory."""
        while self._rows:
            await self._write(list(self._rows.values())[:WRITE_ROWS])
        await self._written()

    async def _write(self, rows: Sequence[Stream[Stored]]) -> None:
        """Write rows while others are folded."""
        ops: list[WriteOp] = []
        for row in rows:
            self._model.complete(row)
        changed = {row.id: row.state for row in rows if row.changed and row.state is not None}
        beside = await self._model.beside(self._db, changed)
        for row in rows:
            if row.changed:
                new = row.version == self._born
                self.inserted += new
                row.beside = beside.get(row.id, {})
                ops.append(InsertOne(row.document()) if new else ReplaceOne({"_id": row.id}, row.document()))
            del self._rows[row.id]
        await self._written()
        if ops:
            self._leaving = {row.id for row in rows}
            self._writing = asyncio.ensure_future(self._collection.bulk_write(ops, ordered=False))

    async def _written(self) -> None:
        """Wait for what is being written."""
        if self._writing is not None:
            writing, self._writing = self._writing, None
            await writing
            self._leaving = set()
