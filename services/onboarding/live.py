"""The open boards of this process: one change stream for all of them, and to each only what its viewer may see."""

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable, Iterable, Mapping, Sequence
from contextlib import aclosing
from dataclasses import dataclass
from typing import Any

from services.onboarding.board_view import BoardView
from services.onboarding.kept import Kept
from services.onboarding.people import managers_seen_by
from services.onboarding.projections.board import Standing
from services.onboarding.store import ACTIVE, BoardRow, board_changes, board_counts, board_rows
from shared.access import Viewer, may
from shared.directory import below, chains
from shared.gathering import gathered
from shared.mongo import Database
from shared.pages.live import HEARTBEAT_S, PACE_S, Feed, Lost, Message

ROWS_AT_ONCE = 500  # read again in one query, whatever they change
COUNTS_EVERY_S = 1.0  # the numbers above a board are told at most this often
EVERYBODYS_KEPT_S = 2.0  # counting a hundred thousand takes the database 40 ms

Render = Callable[[BoardRow], Any]


@dataclass(frozen=True, slots=True)
class Change:
    """A row as it is now, and who is above the hire, nearest first."""

    row: BoardRow
    chain: Sequence[str]


def board_feed(db: Database, prepare: Callable[[Sequence[BoardRow]], Awaitable[None]]) -> Feed[Change]:
    """The changes of the board, each read once for all who look at it; `prepare` is called before rows are handed out."""

    async def source() -> AsyncGenerator[Sequence[Change], None]:
        async with aclosing(gathered(board_changes(db), ROWS_AT_ONCE)) as batches:
            async for ids in batches:
                changes = await _changes(db, {id for id in ids if id is not None})
                await prepare([change.row for change in changes])
                yield changes

    return Feed("board", source)


async def _changes(db: Database, ids: Iterable[str]) -> list[Change]:
    wanted = set(ids)
    rows = await board_rows(db, wanted) if wanted else []
    managers = {row.board.manager_id for row in rows if row.board.manager_id is not None}
    above = await chains(db, managers) if managers else {}
    return [Change(row, _line(row.board.manager_id, above)) for row in rows]


def _line(manager_id: str | None, above: dict[str, list[str]]) -> Sequence[str]:
    return [] if manager_id is None else [manager_id, *above[manager_id]]


def is_on_board(viewer: Viewer, employee_id: str, chain: Sequence[str]) -> bool:
    """Whether a hire belongs on the viewer's board: somebody else, whom they may see as a manager or by their role."""
    return employee_id != viewer.employee_id and may(viewer, "see_journey", subject=employee_id, chain=chain)


class Numbers:
    """The numbers above boards. Everybody's have as many keys as there are journeys: counted once for all who look."""

    def __init__(self, db: Database) -> None:
        self._db = db
        self._everybodys = Kept(lambda: board_counts(db, managers=None), EVERYBODYS_KEPT_S)

    async def of(self, viewer: Viewer) -> dict[str, int]:
        """Those of a viewer's board, by the name of their tile; everybody's may be two seconds old."""
        return (await self.dated(viewer))[1]

    async def dated(self, viewer: Viewer) -> tuple[float, dict[str, int]]:
        """As `of`, with when (loop time) counting began."""
        managers = await managers_seen_by(self._db, viewer)
        if managers is None:
            began, counts = await self._everybodys.dated()
        else:
            began = asyncio.get_running_loop().time()
            counts = await board_counts(self._db, managers=managers)
        return began, tile_counts(counts)


class OpenBoard:
    """What one open board is told. `known` are hires it may have shown: only of those it is told that they are gone."""

    def __init__(self, db: Database, viewer: Viewer, view: BoardView, card: Render, numbers: Numbers) -> None:
        self._db = db
        self._viewer = viewer
        self._view = view
        self._card = card
        self._numbers = numbers
        self._known: set[str] = set()

    async def open(self) -> None:
        """Read who is below the viewer now: whoever leaves is then told to be gone, and nobody else ever."""
        me = self._viewer.employee_id
        self._known = set() if self._viewer.sees_all or me is None else await below(self._db, me)

    async def messages(self, feed: Feed[Change], position: str) -> AsyncGenerator[Message | None, None]:
        """Cards, departures and numbers after a position; None now and then, so that the line stays open.

        Ends with `refresh` when the position is lost.
        """
        clock = asyncio.get_running_loop().time
        said_at = counted_at = changed_at = clock()
        counts_due = True  # what came between counting for the page and its first message is in no number yet
        while True:
            within = max(0.0, counted_at + COUNTS_EVERY_S - clock()) if counts_due else HEARTBEAT_S
            try:
                position, changes = await feed.after(position, within)
            except Lost:
                yield Message("refresh", None)
                return
            told = [told for change in _latest(changes) if (told := self._told(change)) is not None]
            for message in told[:-1]:
                yield message
            if told:  # the last of a batch carries the position: what arrived in part is sent again
                yield Message(told[-1].event, told[-1].data, position)
            if told:
                counts_due, changed_at = True, clock()
            if counts_due and clock() >= counted_at + COUNTS_EVERY_S:
                began, counts = await self._numbers.dated(self._viewer)
                yield Message("counts", counts)
                counts_due = began < changed_at  # somebody else's count of a moment ago: told anew when there is another
                counted_at = said_at = clock()
            elif clock() >= said_at + HEARTBEAT_S:
                yield None
                said_at = clock()
            await asyncio.sleep(PACE_S)

    def _told(self, change: Change) -> Message | None:
        id = change.row.employee_id
        if is_on_board(self._viewer, id, change.chain):
            self._known.add(id)
            return Message("card", self._card(change.row)) if self._view.holds(change.row) else Message("gone", {"key": id})
        if id in self._known:
            self._known.discard(id)
            return Message("gone", {"key": id})
        return None


def _latest(changes: Iterable[Change]) -> list[Change]:
    return list({change.row.employee_id: change for change in changes}.values())


def tile_counts(counts: Mapping[Standing, int]) -> dict[str, int]:
    """The numbers above a board, by the name of their tile."""
    return {
        "all": sum(counts[standing] for standing in (*ACTIVE, "paused")),
        "attention": counts["late"] + counts["attention"],
        "completed": counts["completed"],
        "over": counts["left"] + counts["cancelled"],
    }
