"""Streams: the state of one aggregate with what makes processing it once possible.

A stream is one document: `{_id, version, sequence, seen, recent, state}`.

* `version` guards the write: it moves by one with each commit, and only from the value that was read. What is written is the
  difference to what was read (`shared.differences`).
* `sequence` counts the events this stream has emitted; consumers drop what they have seen.
* `seen` holds, per source, the sequence number last applied; `recent` the ids of the last events without a
  sequence number (HR systems count nothing).
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from functools import lru_cache
from typing import Any, Generic, TypeVar

from pydantic import BaseModel

from shared.changes import Changes
from shared.differences import update_of
from shared.events import Event, Fact, new_event
from shared.mongo import Database, Document, InsertOne, ReplaceOne, UpdateOne, WriteOp

RECENT_IDS = 64  # an HR system repeats itself within hours; 64 facts about one person span years

S = TypeVar("S")


@dataclass(slots=True)
class Stream(Generic[S]):
    """One aggregate while a batch is decided in memory. `state` is None where nothing has happened yet, `stored` what the
    database holds of it. Both are only ever replaced, never changed in place. `beside` are fields to write beside the state with
    its next change; they are not read back."""

    id: str
    service: str
    state: S | None = None
    version: int = 0
    sequence: int = 0
    seen: dict[str, int] = field(default_factory=dict)
    recent: list[str] = field(default_factory=list)
    outgoing: list[Event[Any]] = field(default_factory=list)
    changed: bool = False
    stored: S | None = None
    stored_recent: list[str] | None = None
    beside: Document = field(default_factory=dict)

    def is_repeat(self, event: Event[Any]) -> bool:
        """Whether this fact was applied already, under this or another offset."""
        if event.sequence is not None:
            return event.sequence <= self.seen.get(_counter(event.source, event.data.TOPIC), 0)
        return _identity(event) in self.recent

    def remember(self, event: Event[Any]) -> None:
        """Note that the fact is applied; the note is committed with the state."""
        if event.sequence is not None:
            self.seen[_counter(event.source, event.data.TOPIC)] = event.sequence
        else:
            self.recent = [*self.recent, _identity(event)][-RECENT_IDS:]
        self.changed = True

    def emit(self, payload: Fact, now: datetime, cause: Event[Any] | None = None) -> Event[Any]:
        """Add a fact of ours to the stream. Its id follows from stream and sequence: the same again after a crash."""
        self.sequence += 1
        event: Event[Any] = new_event(
            payload,
            source=f"/firstmate/{self.service}",
            id=f"{self.service}/{self.id}/{self.sequence}",
            time=now,
            sequence=self.sequence,
            traceparent=cause.traceparent if cause else None,
        )
        self.outgoing.append(event)
        self.changed = True
        return event

    def put(self, state: S | None) -> None:
        """Replace the state without a fact (what a service only remembers)."""
        self.state = state
        self.changed = True

    def document(self) -> Document:
        """What is stored, at the next version."""
        return {
            "_id": self.id,
            "version": self.version + 1,
            "sequence": self.sequence,
            "seen": self._seen(),
            "recent": self.recent,
            "state": self.state.model_dump(mode="json") if isinstance(self.state, BaseModel) else self.state,
            **self.beside,
        }

    def write(self, **also: Any) -> WriteOp:
        """What brings the stored stream to this one, from the version that was read alone, and where `also` holds of it."""
        if self.version == 0:
            return InsertOne(self.document())
        same = {"_id": self.id, "version": self.version, **also}
        if self.state is None or self.stored is None:
            return ReplaceOne(same, self.document())
        update = update_of("state", self.stored, self.state)
        update["$set"] |= {"version": self.version + 1, "sequence": self.sequence, "seen": self._seen(), **self.beside}
        if self.recent is not self.stored_recent:
            update["$set"]["recent"] = self.recent
        return UpdateOne(same, update)

    def _seen(self) -> dict[str, int]:
        """In one order, whatever was heard first: two rows that say the same are the same bytes, and quickly compared."""
        return dict(sorted(self.seen.items()))

    def committed(self) -> "Stream[S]":
        """The stream once that is written."""
        return Stream(
            self.id,
            self.service,
            self.state,
            self.version + 1,
            self.sequence,
            self.seen,
            self.recent,
            stored=self.state,
            stored_recent=self.recent,
        )


@lru_cache(maxsize=64)  # our own sources alone count
def _counter(source: str, topic: str) -> str:
    # A source may keep streams on several topics, each with its own count; a dot would nest in MongoDB.
    return f"{source}:{topic}".replace(".", "_")


def _identity(event: Event[Any]) -> str:
    return f"{event.source} {event.id}"


def read_stream(document: Document, model: type[S], service: str) -> Stream[S]:
    """The stream that was stored as this document. With `dict` for a model the state is its stored form itself."""
    kept, recent = document["state"], document["recent"]
    state = model.model_validate(kept) if kept is not None and issubclass(model, BaseModel) else kept
    return Stream(
        id=document["_id"],
        service=service,
        state=state,
        version=document["version"],
        sequence=document["sequence"],
        seen=document["seen"],
        recent=recent,
        stored=state,
        stored_recent=recent,
    )


class Streams(Generic[S]):
    """All streams of one collection that one attempt touches.

    `model` is the state's pydantic model, stored as its JSON form, or `dict`: then the state is that form. `service` names the
    source of emitted events.
    """

    def __init__(self, collection: str, model: type[S], service: str) -> None:
        self.collection = collection
        self._model = model
        self._service = service
        self._streams: dict[str, Stream[S]] = {}
        self._known: dict[str, Stream[S]] = {}

    def know(self, streams: Iterable[Stream[S]]) -> None:
        """Streams as they were read a while ago: those that are still as they were need not be read again."""
        self._known |= {stream.id: stream for stream in streams}

    async def load(self, db: Database, ids: Iterable[str]) -> None:
        """Read the streams not loaded yet, in one query; an id without a document becomes an empty stream."""
        wanted = sorted(set(ids) - self._streams.keys())
        if known := [id for id in wanted if id in self._known]:
            await self._look_at(db, known)
            wanted = [id for id in wanted if id not in self._streams]
        if not wanted:
            return
        for id in wanted:
            self._streams[id] = Stream(id, self._service)
        for document in await db[self.collection].find({"_id": {"$in": wanted}}).to_list(None):
            self._streams[document["_id"]] = read_stream(document, self._model, self._service)

    async def _look_at(self, db: Database, known: Sequence[str]) -> None:
        """Take those of the known streams that are still at their version. What is known is not changed itself: others may know
        it too."""
        for found in await db[self.collection].find({"_id": {"$in": known}}, {"version": 1}).to_list(None):
            stream = self._known[found["_id"]]
            if stream.version == found["version"]:
                self._streams[stream.id] = replace(stream, seen=dict(stream.seen), outgoing=[])

    def __getitem__(self, id: str) -> Stream[S]:
        """The loaded stream. Raises KeyError for one that was not loaded: a bug in `load`."""
        return self._streams[id]

    def __contains__(self, id: object) -> bool:
        return id in self._streams

    def __iter__(self) -> Iterator[Stream[S]]:
        return iter(self._streams.values())

    def add_to(self, changes: Changes) -> None:
        """Hand the changed streams, each guarded by its version, and what they emitted to the transaction."""
        for stream in self._streams.values():
            if not stream.changed:
                continue
            changes.guarded(self.collection, stream.write())
            for event in stream.outgoing:
                changes.publish(event)
