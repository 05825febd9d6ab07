"""The read models: of each its name, its fold, its collection, and the part it has in one batch."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from services.onboarding import store
from services.onboarding.projections.board import finish_board, fold_board
from services.onboarding.projections.outcomes import fold_outcomes
from services.onboarding.projections.stored import Stored
from services.onboarding.projections.timeline import fold_timeline
from shared.changes import Changes
from shared.events import Event
from shared.mongo import Database
from shared.streams import Stream, Streams

SERVICE = "onboarding"


def _as_it_is(row: Stored) -> Stored:
    return row


async def _no_indexes(db: Database, collection: str) -> None:
    """Looked up by person alone."""


@dataclass(frozen=True, slots=True)
class ReadModel:
    """A pure fold per event into one document per person, in the collection of the model's name.

    `finish` adds what follows from the rest of a row, once for any number of events: before it is written.
    """

    name: str
    fold: Callable[[Stored | None, Event[Any]], Stored | None]
    finish: Callable[[Stored], Stored] = _as_it_is
    ensure_indexes: Callable[[Database, str], Awaitable[None]] = _no_indexes

    @property
    def consumer(self) -> str:
        """Who reads the topics for it."""
        return f"{SERVICE}.{self.name}"

    def apply(self, row: Stream[Stored], event: Event[Any]) -> None:
        """Fold one event into a person's row, unless it was folded before or the model does not show it."""
        if row.is_repeat(event):
            return
        state = self.fold(row.state, event)
        if state is not row.state:
            row.remember(event)
            row.put(state)

    def work(self, db: Database) -> "ReadModelWork":
        """Its part of one batch."""
        return ReadModelWork(db, self)

    def complete(self, row: Stream[Stored]) -> None:
        """Make a changed row whole, for it to be written."""
        if row.changed and row.state is not None:
            row.put(self.finish(row.state))


BOARD = ReadModel(store.BOARD, fold_board, finish_board, store.ensure_board_indexes)
TIMELINE = ReadModel(store.TIMELINE, fold_timeline)
OUTCOMES = ReadModel(store.OUTCOMES, fold_outcomes, ensure_indexes=store.ensure_outcome_indexes)
READ_MODELS: Mapping[str, ReadModel] = {model.name: model for model in (BOARD, TIMELINE, OUTCOMES)}


class ReadModelWork:
    """One read model's part of one batch."""

    def __init__(self, db: Database, model: ReadModel) -> None:
        self._db = db
        self._model = model
        self._rows: Streams[Stored] = Streams(model.name, dict, SERVICE)

    async def load(self, events: Sequence[Event[Any]]) -> None:
        """The documents of everybody in the batch: one query."""
        await self._rows.load(self._db, {event.subject for event in events})

    def decide(self, event: Event[Any], now: datetime) -> None:
        """Fold one event."""
        self._model.apply(self._rows[event.subject], event)

    def conclude(self, now: datetime) -> None:
        """Nothing is decided for a batch as a whole."""

    def changes(self) -> Changes:
        """The changed documents."""
        changes = Changes()
        for row in self._rows:
            self._model.complete(row)
        self._rows.add_to(changes)
        return changes
