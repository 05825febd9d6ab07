"""`/outcomes`: what came of the programme, for those who run it."""

from urllib.parse import urlencode

from fastapi import APIRouter, Request
from fastapi.responses import HTMLResponse

from services.onboarding.outcomes import words
from services.onboarding.outcomes.api import API_PATH
from services.onboarding.outcomes.reading import By, Group, Quarter, Reporting
from services.onboarding.outcomes.report import COMPARED
from shared.access import CurrentViewer, check
from shared.pages import PageRoute, Templates
from shared.small_groups import FEWEST

PAGE = "/outcomes"


def outcome_pages(reporting: Reporting, pages: Templates) -> APIRouter:
    """The page over a connected database."""
    router = APIRouter(route_class=PageRoute, include_in_schema=False)

    @router.get(PAGE)
    async def show_outcomes(
        request: Request,
        viewer: CurrentViewer,
        by: By = None,
        group: Group = None,
        first: Quarter = "",
        last: Quarter = "",
    ) -> HTMLResponse:
        check(viewer, "see_outcomes")
        found = await reporting.report(by, group, first, last)
        asked = {"by": by, "group": group} if by and group else {}
        period = {"first": first or found.quarters[0], "last": last or found.quarters[-1]} if first or last else {}
        return pages.render(
            request,
            "outcomes.html",
            viewer=viewer,
            found=found,
            by_measure={one.measure: one for one in found.compared},
            compared=[one for one in found.compared if one.measure in COMPARED],
            asked=asked,
            period=period,
            links=lambda dimension, name: f"{PAGE}?{urlencode({'by': dimension, 'group': name})}",
            csv=f"{API_PATH}/outcomes.csv" + (f"?{urlencode(asked | period)}" if asked or period else ""),
            say=words,
            labels=words.labels(),
            fewest=FEWEST,
        )

    return router
