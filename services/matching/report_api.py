"""Reports on matching over HTTP, version 1: how hires fare, and when places run out."""

from collections.abc import Sequence

from fastapi import APIRouter, Response
from pydantic import BaseModel, Field

from services.matching import fairness, fairness_words
from services.matching.forecast import Outlook
from services.matching.hiring import first_of_month
from services.matching.recent import recent_hires
from services.matching.standing import Standing
from services.matching.store import API_PATH
from shared.access import CurrentViewer, check
from shared.clock import Clock
from shared.mongo import Database

MONTHS = 12  # one period for everybody: two that overlap would tell of small groups by subtraction


class ForecastView(BaseModel):
    """When which department's mentors run out of places, within 90 days; ranges hold 8 of 10 outcomes."""

    together: Outlook
    departments: Sequence[Outlook] = Field(description="The one that runs out first in front.")
    weeks: int = Field(description="So many weeks of hires went in.")
    dispersion: float = Field(description="How many times more weekly hires vary than a Poisson process would; 1 or more.")
    overdue: int = Field(description="Mentees past day 90 who still hold a place; the forecast does not count on these places.")


async def fairness_report(db: Database, clock: Clock) -> fairness.Fairness:
    """How the hires of this month and the eleven before it fare."""
    return fairness.report(await recent_hires(db, first_of_month(clock().date(), MONTHS - 1)))


def report_api(db: Database, standing: Standing, clock: Clock) -> APIRouter:
    """The routes over a connected database."""
    router = APIRouter(prefix=API_PATH, tags=["matching"])

    @router.get("/fairness", summary="How hires of each department, site, arrangement and month fare")
    async def fair(viewer: CurrentViewer) -> fairness.Fairness:
        """Times in hours, scores of 10000, shares 0..1. Groups under five are hidden, and what would tell of them."""
        check(viewer, "see_matching_reports")
        return await fairness_report(db, clock)

    @router.get("/fairness.csv", summary="The same as a table for spreadsheets", response_class=Response)
    async def fair_table(viewer: CurrentViewer) -> Response:
        check(viewer, "see_matching_reports")
        text = fairness_words.table(await fairness_report(db, clock))
        headers = {"Content-Disposition": 'attachment; filename="fairness.csv"', "Cache-Control": "no-store"}
        # The mark at the beginning is what makes spreadsheets read UTF-8.
        return Response(text.encode("utf-8-sig"), media_type="text/csv; charset=utf-8", headers=headers)

    @router.get("/forecast", summary="When which department runs out of mentors' places")
    async def places(viewer: CurrentViewer) -> ForecastView:
        check(viewer, "see_matching_reports")
        found, known = await standing.forecast(clock().date())
        return ForecastView(
            together=found.together,
            departments=found.departments,
            weeks=found.weeks,
            dispersion=found.dispersion,
            overdue=known.overdue,
        )

    return router
