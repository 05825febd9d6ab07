"""What came of the programme, as JSON and as a table for spreadsheets."""

from typing import Annotated

from fastapi import APIRouter, Query, Response

from services.onboarding.outcomes import words
from services.onboarding.outcomes.reading import outcome_report
from services.onboarding.outcomes.report import Dimension, Report
from shared.access import CurrentViewer, check
from shared.clock import Clock
from shared.mongo import Database
from shared.tables import csv_response

API_PATH = "/api/onboarding/v1"
By = Annotated[Dimension | None, Query(description="Look at one group of this kind.")]
Group = Annotated[str | None, Query(max_length=200, description="The group, one of `choices`.")]


def outcome_api(db: Database, clock: Clock) -> APIRouter:
    """The routes over a connected database."""
    router = APIRouter(prefix=API_PATH, tags=["onboarding"])

    @router.get("/outcomes", summary="What came of the programme, by contact with the mentor")
    async def outcomes(viewer: CurrentViewer, by: By = None, group: Group = None) -> Report:
        """Shares 0..1, ratings 1..5, hours; intervals of 95 %. What would tell of fewer than five people is hidden."""
        check(viewer, "see_outcomes")
        return await outcome_report(db, clock, by, group)

    @router.get("/outcomes.csv", summary="The same as a table for spreadsheets", response_class=Response)
    async def outcome_table(viewer: CurrentViewer, by: By = None, group: Group = None) -> Response:
        check(viewer, "see_outcomes")
        text = words.table(await outcome_report(db, clock, by, group))
        return csv_response(text, "outcomes.csv")

    return router
