"""`/board.csv`: the people a board shows, as a table for spreadsheets."""

from collections.abc import AsyncIterator, Collection, Iterator, Sequence

from fastapi import APIRouter, Response

from services.onboarding.board_pages import AddressedView, Board
from services.onboarding.board_view import STANDINGS, BoardView
from services.onboarding.people import managers_seen_by
from services.onboarding.programme import Programmes
from services.onboarding.store import BoardRow, board_page
from shared.access import CurrentViewer
from shared.clock import Clock
from shared.mongo import Database
from shared.pages import PageRoute
from shared.tables import csv_stream, lines

BATCH = 500  # rows in memory at a time, however many there are
HEAD = (
    *("employee_id", "name", "title", "department", "location", "start_date", "manager", "status", "attention"),
    *("done", "total", "late", "mentor", "meetings", "next", "next_due", "welcome_mail"),
)


def board_table(db: Database, programmes: Programmes, clock: Clock) -> APIRouter:
    """The route over a connected database; it shows whom the board with the same address shows."""
    router = APIRouter(route_class=PageRoute, include_in_schema=False)
    board = Board(db, programmes, clock)

    @router.get("/board.csv")
    async def table(viewer: CurrentViewer, view: AddressedView) -> Response:
        managers = await managers_seen_by(db, viewer)
        return csv_stream(_texts(managers, view), "board.csv")

    async def _texts(managers: Collection[str] | None, view: BoardView) -> AsyncIterator[str]:
        yield lines([HEAD])
        async for rows in _batches(managers, view):
            await board.learn_programmes(rows)
            yield lines(_cells(board, rows))

    async def _batches(managers: Collection[str] | None, view: BoardView) -> AsyncIterator[Sequence[BoardRow]]:
        """All rows, some at a time. Each goes on behind the last one's place, whoever has left it meanwhile."""
        standings = [standing for section in view.sections for standing in STANDINGS[section]]
        after: str | None = None
        while True:
            page = await board_page(
                db,
                managers=managers,
                standings=standings,
                why=view.why or None,
                facets=view.facets,
                name=view.q,
                after=after,
                limit=BATCH,
            )
            yield page.rows
            after = page.next
            if after is None:
                return

    return router


def _cells(board: Board, rows: Sequence[BoardRow]) -> Iterator[Sequence[object]]:
    for row in rows:
        state, person = row.board, row.person
        yield (
            *(row.employee_id, row.name, person.get("title"), person.get("department"), person.get("location")),
            *(state.start_date, row.manager_name, state.status, " ".join(state.attention)),
            *(state.done, state.total, len(state.late), row.mentor_name, state.meetings),
            *((board.title(row, state.next.id), state.next.due) if state.next else ("", "")),
            state.mail.state,
        )
