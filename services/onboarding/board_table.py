"""`/board.csv`: the people a board shows, as a table for spreadsheets."""

from collections.abc import Iterator, Sequence

from fastapi import APIRouter, Response

from services.onboarding.board_pages import AddressedView, Board
from services.onboarding.board_view import STANDINGS
from services.onboarding.people import managers_seen_by
from services.onboarding.programme import Programmes
from services.onboarding.store import BoardRow, board_page
from shared.access import CurrentViewer
from shared.clock import Clock
from shared.mongo import Database
from shared.pages import PageRoute
from shared.paging import PAGE_LIMIT
from shared.tables import csv_response, lines

MOST = 20_000  # rows; a spreadsheet of more is not read by a person, and programs have the API
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
        standings = [standing for section in view.sections for standing in STANDINGS[section]]
        rows: list[BoardRow] = []
        after: str | None = None
        while len(rows) < MOST:
            page = await board_page(
                db,
                managers=managers,
                standings=standings,
                why=view.why or None,
                facets=view.facets,
                name=view.q,
                after=after,
                limit=PAGE_LIMIT,
            )
            rows += page.rows
            after = page.next
            if after is None:
                break
        await board.learn_programmes(rows)
        return csv_response(lines([HEAD, *_cells(board, rows)]), "board.csv")

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
