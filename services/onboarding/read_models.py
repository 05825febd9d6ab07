"""The read models: of each its name, its fold, its collection, and the part it has in one batch."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Generic, TypeVar

from pydantic import BaseModel

from services.onboarding import store
from services.onboarding.projections.board import Board, fold_board
from services.onboarding.projections.outcomes import Outcomes, fold_outcomes
from services.onboarding.projections.timeline import Timeline, fold_timeline
from shared.changes import Changes
from shared.events import Event
from shared.mongo import Database
from shared.streams import Stream, Streams

SERVICE = "onboarding"
S = TypeVar("S", bound=BaseModel)


async def _no_indexes(db: Database, collection: str) -> None:
    """Looked up by person alone."""


@dataclass(frozen=True, slots=True)
class ReadModel(Generic[S]):
    """A pure fold per event into one document per person, in the collection of the model's name."""

    name: str
    model: type[S]
    fold: Callable[[S | None, Event[Any]], S | None]
    ensure_indexes: Callable[[Database, str], Awaitable[None]] = _no_indexes

    @property
    def consumer(self) -> str:
        """Who reads the topics for it."""
        return f"{SERVICE}.{self.name}"

    def apply(self, row: Stream[S], event: Event[Any]) -> None:
        """Fold one event into a person's row, unless it was folded before or the model does not show it."""
        if row.is_repeat(event):
            return
        state = self.fold(row.state, event)
        if state is not row.state:
            row.remember(event)
            row.put(state)


BOARD = ReadModel(store.BOARD, Board, fold_board, store.ensure_board_indexes)
TIMELINE = ReadModel(store.TIMELINE, Timeline, fold_timeline)
OUTCOMES = ReadModel(store.OUTCOMES, Outcomes, fold_outcomes, store.ensure_outcome_indexes)
READ_MODELS: Mapping[str, ReadModel[Any]] = {model.name: model for model in (BOARD, TIMELINE, OUTCOMES)}


class ReadModelWork(Generic[S]):
    """One read model's part of one batch."""

    def __init__(self, db: Database, model: ReadModel[S]) -> None:
        self._db = db
        self._model = model
        self._rows = Streams(model.name, model.model, SERVICE)

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
        self._rows.add_to(changes)
        return changes


def board_work(db: Database) -> ReadModelWork[Board]:
    """The board's part of one batch."""
    return ReadModelWork(db, BOARD)


def outcomes_work(db: Database) -> ReadModelWork[Outcomes]:
    """The outcomes' part of one batch."""
    return ReadModelWork(db, OUTCOMES)


def timeline_work(db: Database) -> ReadModelWork[Timeline]:
    """The timelines' part of one batch."""
    return ReadModelWork(db, TIMELINE)
