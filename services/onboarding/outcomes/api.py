"""What came of the programme, as JSON and as a table for spreadsheets."""

from fastapi import APIRouter, Response

from services.onboarding.outcomes import words
from services.onboarding.outcomes.reading import By, Group, Quarter, Reporting
from services.onboarding.outcomes.report import Report
from shared.access import CurrentViewer, check
from shared.tables import csv_response

API_PATH = "/api/onboarding/v1"


def outcome_api(reporting: Reporting) -> APIRouter:
    """The routes over a connected database."""
    router = APIRouter(prefix=API_PATH, tags=["onboarding"])

    @router.get("/outcomes", summary="What came of the programme, by contact with the mentor")
    async def outcomes(
        viewer: CurrentViewer, by: By = None, group: Group = None, first: Quarter = "", last: Quarter = ""
    ) -> Report:
        """Shares 0..1, ratings 1..5, hours; intervals of 95 %. What would tell of fewer than five people, or what all of some
        answered, is hidden. `first` and `last` are whole quarters of first days, for everybody together."""
        check(viewer, "see_outcomes")
        return await reporting.report(by, group, first, last)

    @router.get("/outcomes.csv", summary="The same as a table for spreadsheets", response_class=Response)
    async def outcome_table(
        viewer: CurrentViewer, by: By = None, group: Group = None, first: Quarter = "", last: Quarter = ""
    ) -> Response:
        check(viewer, "see_outcomes")
        text = words.table(await reporting.report(by, group, first, last))
        return csv_response(text, "outcomes.csv")

    return router
