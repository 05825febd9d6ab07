"""The coordinator's reports as pages: when places run out, and how hires fare. Forms work without a script."""

from fastapi import APIRouter, Request
from fastapi.responses import HTMLResponse

from services.matching import fairness_words, forecast_words
from services.matching.fairness import FEWEST, RATES
from services.matching.forecast import HORIZON_DAYS
from services.matching.report_api import MONTHS, fairness_report
from services.matching.sections import FAIRNESS, FORECAST, PAGES
from services.matching.standing import Standing
from services.matching.store import API_PATH
from shared.access import CurrentViewer, check
from shared.clock import Clock
from shared.mongo import Database
from shared.pages import PageRoute

ON_THE_PAGE = ("median_hours", "p90_hours", "mean_score", "waited_share", "same_department_share", "same_site_share")


def report_pages(db: Database, standing: Standing, clock: Clock) -> APIRouter:
    """The pages over a connected database."""
    router = APIRouter(route_class=PageRoute, include_in_schema=False)

    @router.get(FAIRNESS)
    async def fairness(request: Request, viewer: CurrentViewer) -> HTMLResponse:
        check(viewer, "see_matching_reports")
        return PAGES.render(
            request,
            "fairness.html",
            viewer=viewer,
            found=await fairness_report(db, clock),
            say=fairness_words,
            measures=ON_THE_PAGE,
            rates=RATES,
            months=MONTHS,
            fewest=FEWEST,
            csv=f"{API_PATH}/fairness.csv",
        )

    @router.get(FORECAST)
    async def forecast(request: Request, viewer: CurrentViewer) -> HTMLResponse:
        check(viewer, "see_matching_reports")
        today = clock().date()
        found, known = await standing.forecast(today)
        return PAGES.render(
            request,
            "forecast.html",
            viewer=viewer,
            found=found,
            needing=forecast_words.needing(found),
            overdue=known.overdue,
            say=forecast_words,
            days=HORIZON_DAYS,
            today=today,
        )

    return router
