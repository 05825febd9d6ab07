"""Reports on matching over HTTP, version 1: how hires fare."""

from fastapi import APIRouter, Response

from services.matching import fairness, fairness_words
from services.matching.hiring import first_of_month
from services.matching.recent import recent_hires
from services.matching.store import API_PATH
from shared.access import CurrentViewer, check
from shared.clock import Clock
from shared.mongo import Database

MONTHS = 12  # one period for everybody: two that overlap would tell of small groups by subtraction


async def fairness_report(db: Database, clock: Clock) -> fairness.Fairness:
    """How the hires of this month and the eleven before it fare."""
    return fairness.report(await recent_hires(db, first_of_month(clock().date(), MONTHS - 1)))


def report_api(db: Database, clock: Clock) -> APIRouter:
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

    return router
