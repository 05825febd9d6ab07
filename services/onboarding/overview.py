"""Where a coordinator begins: how everybody who joins is doing, as a page and as JSON.

Numbers are counted by index alone, and once for all who ask within seconds: a hundred thousand journeys have as many keys.
A read model of its own would have to count across people, which folds do not: each makes one person's row.
"""

import asyncio
from collections.abc import Mapping, Sequence
from datetime import date, timedelta

from fastapi import APIRouter, Request
from fastapi.responses import HTMLResponse
from pydantic import BaseModel

from services.onboarding.board_view import REASONS
from services.onboarding.facet_words import RHYTHM_WORDS
from services.onboarding.kept import Kept
from services.onboarding.lateness import LateCount, late_counts, lateness
from services.onboarding.live import tile_counts
from services.onboarding.outcomes.words import percent
from services.onboarding.programme import Programmes
from services.onboarding.projections.board import Attention, Standing
from services.onboarding.projections.facets import RHYTHMS, Rhythm
from services.onboarding.store import attention_counts, board_counts, starts_between, text_counts, texts
from services.onboarding.survey_shares import SurveyShare, about_surveys, line_of, survey_shares
from shared.access import CurrentViewer, check
from shared.clock import Clock
from shared.mongo import Database
from shared.pages import PageRoute, Templates
from shared.pages.language import N_
from shared.pages.language import gettext as _
from shared.small_groups import FEWEST

PAGE = "/overview"
WEEKS = 5
RECENT = timedelta(days=183)  # of starts: whose surveys are counted
KEPT_S = 5.0
TOOLS: Sequence[tuple[str, str, str]] = (
    ("/board", N_("Board"), N_("Everybody, one by one: who needs somebody first.")),
    ("/coordinator", N_("Matching"), N_("Who waits for a mentor, mentors and their places, fairness.")),
    ("/outcomes", N_("Outcomes"), N_("What came of it: contentment, match quality, who stays.")),
    ("/programmes", N_("Programmes"), N_("What is planned for whom, as a calendar.")),
    ("/coordinator/read-models", N_("Read models"), N_("How current boards and timelines are.")),
    ("/coordinator/bounces", N_("Whom mail does not reach"), N_("Addresses that mail came back from, and what helps.")),
    ("/mail", N_("Mail"), N_("What was sent, on this machine.")),
)


class WeekOfStarts(BaseModel):
    """How many people start from Monday `first` to Sunday."""

    first: date
    starts: int


class Overview(BaseModel):
    """Journeys by standing, those that need attention by reason (one may have several), for whom something is late by whose and
    what it is, surveys of the journeys that began in the last half year, pairs of mentor and hire by how they keep the planned
    meetings, and starts by week from this one on."""

    standings: dict[Standing, int]
    attention: dict[Attention, int]
    late: list[LateCount]
    surveys: list[SurveyShare]
    pairs: dict[Rhythm, int]
    starts: list[WeekOfStarts]


async def overview(db: Database, programmes: Programmes, today: date) -> Overview:
    """How everybody is doing on a day."""
    monday = today - timedelta(days=today.weekday())
    weeks = [monday + timedelta(weeks=number) for number in range(WEEKS)]
    facets, ratings = await asyncio.gather(texts(db, "facets"), texts(db, "rated"))
    asked = [each for each in facets if about_surveys(each)]
    people, answers, rated = await asyncio.gather(
        text_counts(db, "facets", [each for each in facets if each not in asked]),
        text_counts(db, "facets", asked, today - RECENT),
        text_counts(db, "rated", ratings, today - RECENT),
    )
    standings, attention, *starts = await asyncio.gather(
        board_counts(db, managers=None),
        attention_counts(db),
        *(starts_between(db, first, first + timedelta(days=6)) for first in weeks),
    )
    counted = [WeekOfStarts(first=first, starts=number) for first, number in zip(weeks, starts, strict=True)]
    return Overview(
        standings=standings,
        attention=attention,
        late=late_counts(people),
        surveys=survey_shares(answers, rated, programmes),
        pairs={rhythm: people.get(rhythm, 0) for rhythm in RHYTHMS},
        starts=counted,
    )


def overview_routes(db: Database, programmes: Programmes, clock: Clock, pages: Templates) -> APIRouter:
    """`/overview` and `GET /api/onboarding/v1/overview`, over the same count."""
    recent = Kept(lambda: overview(db, programmes, clock().date()), KEPT_S)
    router = APIRouter()
    router.include_router(_api(recent))
    router.include_router(_page(recent, programmes, clock, pages))
    return router


def _api(recent: Kept[Overview]) -> APIRouter:
    router = APIRouter(prefix="/api/onboarding/v1", tags=["onboarding"])

    @router.get("/overview", summary="How everybody who joins is doing")
    async def all_in_numbers(viewer: CurrentViewer) -> Overview:
        """Journeys by standing, reasons for attention, what is late and whose it is, surveys, meetings, and starts by week.

        Up to five seconds old. An address of the board takes `facet=late:OWNER:PROGRAMME:MILESTONE`, any part left empty, a
        `facet` of `unanswered`, or the name of a rhythm.
        """
        check(viewer, "see_board")
        return await recent.get()

    return router


def _page(recent: Kept[Overview], programmes: Programmes, clock: Clock, pages: Templates) -> APIRouter:
    router = APIRouter(route_class=PageRoute, include_in_schema=False)

    @router.get(PAGE)
    async def show_overview(request: Request, viewer: CurrentViewer) -> HTMLResponse:
        check(viewer, "see_board")
        found = await recent.get()
        return pages.render(
            request,
            "overview_of_journeys.html",
            viewer=viewer,
            found=found,
            counts=tile_counts(found.standings),
            tasks=_tasks(found.attention),
            late=lateness(found.late, programmes),
            surveys=[line_of(each) for each in found.surveys],
            pairs=_pairs(found.pairs),
            paired=sum(found.pairs.values()),
            fewest=FEWEST,
            most=max(week.starts for week in found.starts),
            tools=[(path, _(name), _(words)) for path, name, words in TOOLS],
            today=clock().date(),
        )

    return router


def _tasks(attention: Mapping[Attention, int]) -> list[tuple[str, int, str]]:
    """Each reason with its number and where to see whom."""
    return [(_(REASONS[reason]), number, f"/board?show=attention&why={reason}") for reason, number in attention.items() if number]


def _pairs(pairs: Mapping[Rhythm, int]) -> list[tuple[str, int, str, str]]:
    """Each rhythm with its number, its share in words, and where to see whom."""
    total = sum(pairs.values()) or 1
    return [(_(RHYTHM_WORDS[each]), pairs[each], percent(pairs[each] / total), f"/board?facet={each}") for each in pairs]
