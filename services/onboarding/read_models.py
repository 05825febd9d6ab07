"""The read models: of each its name, its fold and its collection; and what becomes of a batch in all of them.

One consumer reads the topics for all: a record is fetched and decoded once, and a batch is one transaction, which is most of
what it costs.
"""

import asyncio
from collections import defaultdict
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from services.onboarding import store
from services.onboarding.projections.board import finish_board, fold_board, may_show_on_board
from services.onboarding.projections.outcomes import fold_outcomes, may_show_in_outcomes
from services.onboarding.projections.stored import Stored
from services.onboarding.projections.timeline import fold_timeline
from shared import dead_letters, progress
from shared.changes import Changes
from shared.events import Event, Fact
from shared.events.onboarding import JourneyStarted, NameChanged
from shared.mongo import Database, DeleteMany, Document, UpdateMany
from shared.progress import Place
from shared.streams import Stream, Streams

SERVICE = "onboarding"
CONSUMER = f"{SERVICE}.read-models"


def _whatever(kind: type[Fact], value: bytes) -> bool:
    """Each fact may be shown."""
    return True


def _as_it_is(row: Stored) -> Stored:
    return row


async def _nothing_beside(db: Database, rows: Mapping[str, Stored]) -> dict[str, Document]:
    """A row is its stream alone."""
    return {}


async def _names_beside(db: Database, rows: Mapping[str, Stored]) -> dict[str, Document]:
    return await store.filed_names(db, [id for id, row in rows.items() if row["number"]])


async def _no_indexes(db: Database, collection: str) -> None:
    """Looked up by person alone."""


@dataclass(frozen=True, slots=True)
class ReadModel:
    """A pure fold per event into one document per person, in the collection of the model's name.

    `may_show` tells, of a fact of this kind with this JSON, whether the fold may do anything with it: most facts are none of a
    model's business, and what is no need not be read. `finish` adds what follows from the rest of a row, once for any number of
    events: before it is written. `beside` reads what rows have beside their state, from where it stands alone: no topic tells it.
    """

    name: str
    fold: Callable[[Stored | None, Event[Any]], Stored | None]
    may_show: Callable[[type[Fact], bytes], bool] = _whatever
    finish: Callable[[Stored], Stored] = _as_it_is
    beside: Callable[[Database, Mapping[str, Stored]], Awaitable[dict[str, Document]]] = _nothing_beside
    ensure_indexes: Callable[[Database, str], Awaitable[None]] = _no_indexes

    def apply(self, row: Stream[Stored], event: Event[Any]) -> None:
        """Fold one event into a person's row, unless it was folded before or the model does not show it."""
        if row.is_repeat(event):
            return
        state = self.fold(row.state, event)
        if state is not row.state:
            row.remember(event)
            row.put(state)

    def complete(self, row: Stream[Stored]) -> None:
        """Make a changed row whole, for it to be written."""
        if row.changed and row.state is not None:
            row.put(self.finish(row.state))


BOARD = ReadModel(store.BOARD, fold_board, may_show_on_board, finish_board, _names_beside, store.ensure_board_indexes)
NAMING = (JourneyStarted, NameChanged)  # the directory has the name by then: it is committed with them
TIMELINE = ReadModel(store.TIMELINE, fold_timeline)
OUTCOMES = ReadModel(store.OUTCOMES, fold_outcomes, may_show_in_outcomes, ensure_indexes=store.ensure_outcome_indexes)
READ_MODELS: Mapping[str, ReadModel] = {model.name: model for model in (BOARD, TIMELINE, OUTCOMES)}


class ReadModelWork:
    """The rows of all models that one batch touches."""

    def __init__(self, db: Database) -> None:
        self._db = db
        self._names: dict[str, Document] = {}
        self._models = [(model, Streams[Stored](model.name, dict, SERVICE)) for model in READ_MODELS.values()]

    async def load(self, events: Sequence[Event[Any]]) -> None:
        """The rows of everybody in the batch: one query a model, and one for the names of those whose row gets one."""
        ids = {event.subject for event in events}
        naming = {event.subject for event in events if isinstance(event.data, NAMING)}
        loading = [rows.load(self._db, ids) for _, rows in self._models]
        self._names, _ = await asyncio.gather(store.filed_names(self._db, naming), asyncio.gather(*loading))

    def decide(self, event: Event[Any], now: datetime) -> None:
        """Fold one event."""
        for model, rows in self._models:
            model.apply(rows[event.subject], event)

    def conclude(self, now: datetime) -> None:
        """Nothing is decided for a batch as a whole."""

    def changes(self) -> Changes:
        """The changed rows."""
        changes = Changes()
        for model, rows in self._models:
            for row in rows:
                model.complete(row)
                if model is BOARD:
                    row.beside = self._names.get(row.id, {})
            rows.add_to(changes)
        return changes


async def take_over(db: Database) -> None:
    """Go on where the models stood when each had a reader of its own: with the one that was furthest behind.

    What the others have seen repeats nothing. Safe to call again, and beside readers of before.
    """
    former = [f"{SERVICE}.{name}" for name in READ_MODELS]
    stood: dict[Place, list[int]] = defaultdict(list)
    async for each in db[progress.COLLECTION].find({"consumer": {"$in": former}}):
        stood[each["topic"], each["partition"]].append(each["next"])
    if not stood:
        return
    changes = Changes()
    progress.begin(changes, CONSUMER, {place: min(offsets) for place, offsets in stood.items()})
    changes.write(progress.COLLECTION, DeleteMany({"consumer": {"$in": former}}))
    changes.write(dead_letters.COLLECTION, UpdateMany({"consumer": {"$in": former}}, {"$set": {"consumer": CONSUMER}}))
    await changes.in_transaction(db)
