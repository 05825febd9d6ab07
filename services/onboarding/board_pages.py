"""The board: everybody who joins below a manager, first those who need attention; kept current while it is open."""

from collections.abc import Iterable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Annotated, Any

from fastapi import APIRouter, Depends, FastAPI, Header, Query, Request
from fastapi.responses import HTMLResponse, Response
from pydantic import StringConstraints

from services.onboarding import store
from services.onboarding.board_view import REASONS, STANDINGS, TILES, TITLES, BoardView, Section, Show, Why
from services.onboarding.cards import Card, card_of, order_of, section_of
from services.onboarding.facet_words import facets_in_words
from services.onboarding.live import Numbers, OpenBoard, board_feed
from services.onboarding.people import managers_seen_by
from services.onboarding.programme import Programme, Programmes
from services.onboarding.projections.facets import RHYTHMS
from services.onboarding.store import BoardPage, BoardRow
from services.onboarding.views import title_of
from shared.access import CurrentViewer, Viewer
from shared.clock import Clock
from shared.mongo import Database
from shared.pages import PageRoute, Templates
from shared.pages.language import N_
from shared.pages.language import gettext as _
from shared.pages.live import EventStream
from shared.paging import decode_cursor
from shared.web import Cursor

ATTENTION_SHOWN = 100  # who has more is better served by the page that shows only those, a page at a time

NEWS = {True: N_("%(name)s needs attention"), False: N_("%(name)s is up to date")}

SearchText = Annotated[str, Query(max_length=80)]
NARROWING = ("late", "unanswered", *RHYTHMS)
FacetText = Annotated[str, StringConstraints(pattern=rf"^({'|'.join(NARROWING)})(:[a-z0-9_]*){{0,3}}$", max_length=160)]
FacetTexts = Annotated[Sequence[FacetText], Query(max_length=50)]


def view_of(show: Show = "", why: Why = "", facet: FacetTexts = (), q: SearchText = "") -> BoardView:
    """What the address says."""
    return BoardView(show, q.strip(), why, tuple(facet))


AddressedView = Annotated[BoardView, Depends(view_of)]
Position = Annotated[str, Query(max_length=64)]


@dataclass(frozen=True, slots=True)
class SectionView:
    """One list of the board. `more`: it goes on elsewhere; `since` is the order of the last card of the page before."""

    name: Section
    title: str
    cards: Sequence[Card]
    more: bool
    since: str


@dataclass(frozen=True, slots=True)
class TileView:
    """One number above the board, and the way to what it counts."""

    name: str
    label: str
    count: int
    href: str
    current: bool


class Board:
    """Reads what a viewer's board shows."""

    def __init__(self, db: Database, programmes: Programmes, clock: Clock) -> None:
        self._db = db
        self._programmes = programmes
        self._clock = clock
        self.numbers = Numbers(db)

    async def sections(self, viewer: Viewer, view: BoardView, after: str | None) -> tuple[list[SectionView], str | None]:
        """The lists of a view and the cursor of the next page, which goes on in the last of them."""
        managers = await managers_seen_by(self._db, viewer)
        shown: list[SectionView] = []
        following: str | None = None
        for section in view.sections[-1:] if after else view.sections:
            last = section == view.sections[-1]
            page = await store.board_page(
                self._db,
                managers=managers,
                standings=STANDINGS[section],
                why=view.why or None,
                facets=view.facets,
                name=view.q,
                after=after if last else None,
                limit=store.PAGE if last else ATTENTION_SHOWN,
            )
            following = page.next
            shown.append(await self._section(section, page, after if last else None))
        return shown, following

    async def _section(self, section: Section, page: BoardPage, after: str | None) -> SectionView:
        await self.learn_programmes(page.rows)
        cards = [self.card(row) for row in page.rows if row.board.start_date is not None]
        start_and_id = decode_cursor(after, 2)
        since = " ".join(map(str, start_and_id)) if start_and_id else ""
        return SectionView(section, _(TITLES[section]), cards, page.next is not None, since)

    async def learn_programmes(self, rows: Iterable[BoardRow]) -> None:
        """Make the programme versions of these rows known, so that `card` has their titles."""
        pins = {(row.board.programme, row.board.programme_version) for row in rows}
        await store.load_pinned(self._db, self._programmes, [(id, version) for id, version in pins if id and version])

    def card(self, row: BoardRow) -> Card:
        """The card of a row."""
        return card_of(row, self._programme(row), self._clock())

    def title(self, row: BoardRow, milestone_id: str) -> str:
        """The title of a milestone of a row."""
        return title_of(self._programme(row), milestone_id)

    def _programme(self, row: BoardRow) -> Programme | None:
        id, version = row.board.programme or "", row.board.programme_version or ""
        return self._programmes.pinned(id, version) if self._programmes.knows(id, version) else None

    async def tiles(self, viewer: Viewer, view: BoardView) -> list[TileView]:
        """The numbers above the board; a search stays while one goes from one to another."""
        counts = await self.numbers.of(viewer)
        return [
            TileView(
                name,
                _(label),
                counts[name],
                view.address("/board", show=show, why="", facet=""),
                show == view.show and view.plain,
            )
            for show, name, label in TILES
        ]


def heading(viewer: Viewer) -> tuple[str, str]:
    """The title and the sentence above a viewer's board."""
    if viewer.sees_all:
        return _("Everyone who joins"), _("All journeys of the programme: who needs somebody first, then who is on track.")
    return _("Your people"), _("Everyone who joins below you: who needs you first, then who is on track.")


def nobody(view: BoardView) -> tuple[str, str]:
    """What an empty board says."""
    if view.q:
        return _("Nobody by that name"), _("Look for the beginning of another name, or for an id, or show everybody.")
    if view.show == "attention":
        return _("Nobody needs attention"), _("Everything is on time, and everybody has a mentor.")
    if view.show:
        return _("Nobody yet"), _("Whoever belongs here appears by themselves.")
    return _("Nobody is joining just now"), _("A hire appears here within a second of the HR system telling of it.")


def board_pages(db: Database, programmes: Programmes, clock: Clock, pages: Templates) -> APIRouter:
    """`/board` and the stream that keeps it current."""
    board = Board(db, programmes, clock)
    feed = board_feed(db, board.learn_programmes)

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> Any:
        yield
        await feed.close()

    router = APIRouter(route_class=PageRoute, include_in_schema=False, lifespan=lifespan)

    def live_card(row: BoardRow) -> dict[str, str]:
        card = board.card(row)
        html = pages.partial("card.html", card=card)
        news = NEWS[card.section == "attention"]
        return {
            "key": card.employee_id,
            "section": section_of(row.board),
            "order": order_of(row.board),
            "html": html,
            "words": _(news, name=card.name),
        }

    @router.get("/board")
    async def show_board(
        request: Request,
        viewer: CurrentViewer,
        view: AddressedView,
        after: Cursor = None,
    ) -> HTMLResponse:
        at = await feed.position()  # before the rows are read: what changes from here on comes through the stream
        sections, following = await board.sections(viewer, view, after)
        return pages.render(
            request,
            "board.html",
            viewer=viewer,
            heading=heading(viewer),
            nobody=nobody(view),
            view=view,
            tiles=await board.tiles(viewer, view),
            sections=sections,
            everybody=view.address("/board", q=""),
            narrowed=facets_in_words(view.facets, programmes),
            widened=view.address("/board", facet=""),
            reasons=[(name, _(words), view.address("/board", show="attention", why=name)) for name, words in REASONS.items()],
            any_reason=view.address("/board", show="attention", why=""),
            table=view.address("/board.csv"),
            next_page=view.address("/board", after=following) if following else None,
            live=view.address("/live/board"),
            at=at,
        )

    @router.get("/live/board")
    async def follow_board(
        request: Request,
        viewer: CurrentViewer,
        view: AddressedView,
        at: Position = "",
        last_event_id: Annotated[str, Header(max_length=64)] = "",
    ) -> Response:
        await feed.position()  # begins to follow where nobody did since this process started
        opened = OpenBoard(db, viewer, view, live_card, board.numbers)
        await opened.open()
        return EventStream(opened.messages(feed, last_event_id or at), request.app.state.stopping)

    return router
