"""The coordinator's reports as pages: when places run out, how hires fare, what other weights would do."""

from collections.abc import Mapping

from fastapi import APIRouter, Request
from fastapi.responses import HTMLResponse

from services.matching import words
from services.matching.pages.sections import FAIRNESS, FORECAST, PAGES, WHAT_IF, spoken
from services.matching.policy import Policy
from services.matching.reading import Books
from services.matching.reports import fairness_words, forecast_words
from services.matching.reports.api import MONTHS, fairness_report, policy_with, weights_of
from services.matching.reports.fairness import RATES
from services.matching.reports.forecast import HORIZON_DAYS
from services.matching.reports.standing import WHAT_IF_DAYS, Standing
from services.matching.reports.what_if import MOST_HIRES, MOST_WEIGHT
from services.matching.store import API_PATH
from shared.access import CurrentViewer, check
from shared.clock import Clock
from shared.mongo import Database
from shared.pages import PageRoute, in_words
from shared.pages.words import hundredths
from shared.refusals import Refused, invalid
from shared.small_groups import FEWEST

SHOWN = 100  # hires matched differently; nobody reads more
ON_THE_PAGE = ("median_hours", "p90_hours", "mean_score", "waited_share", "same_department_share", "same_site_share")


def report_pages(db: Database, policy: Policy, standing: Standing, clock: Clock) -> APIRouter:
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

    @router.get(WHAT_IF)
    async def what_if(request: Request, viewer: CurrentViewer) -> HTMLResponse:
        check(viewer, "see_matching_reports")
        used, language = weights_of(policy), spoken()
        asked = _weights(request.query_params, used)
        found, wrong = None, ""
        if asked != used:
            try:
                found = await standing.what_if(clock().date(), policy_with(policy, asked))
            except Refused as refused:
                wrong = in_words(refused)
        shown = found.others[:SHOWN] if found else []
        ids = {id for other in shown for id in (other.hire_id, other.old_mentor, other.new_mentor) if id}
        return PAGES.render(
            request,
            "what_if.html",
            viewer=viewer,
            weights=asked,
            used=used,
            most=MOST_WEIGHT,
            label=lambda criterion: words.label(criterion, language),
            found=found,
            shown=shown,
            wrong=wrong,
            names=await Books(db).names(ids),
            points=hundredths,
            percent=fairness_words.percent,
            days=WHAT_IF_DAYS,
            limit=MOST_HIRES,
        )

    return router


def _weights(query: Mapping[str, str], used: Mapping[str, int]) -> dict[str, int]:
    """The weights asked for. Raises `Refused` 422 for one that is no whole number in range."""
    asked = dict(used)
    for name in used.keys() & query.keys():
        if not query[name].isascii() or not query[name].isdigit() or int(query[name][:9]) > MOST_WEIGHT:
            raise invalid(
                "a weight is a whole number from 0 to %(most)s; change '%(name)s'",
                "invalid_weights",
                name,
                most=MOST_WEIGHT,
                name=name,
            )
        asked[name] = int(query[name])
    return asked
