"""Reports on matching over HTTP, version 1: how hires fare, when places run out, what would help, what other weights would do."""

from collections.abc import Mapping, Sequence
from typing import Annotated

from fastapi import APIRouter, Response
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from services.matching.meaning import installed
from services.matching.policy import Policy
from services.matching.reports import fairness, fairness_words
from services.matching.reports.forecast import Outlook
from services.matching.reports.hiring import first_of_month
from services.matching.reports.recent import recent_hires
from services.matching.reports.standing import Standing
from services.matching.reports.suggestions import Suggestions
from services.matching.reports.what_if import MOST_WEIGHT, Comparison, with_weights
from services.matching.store import API_PATH
from shared.access import CurrentViewer, check
from shared.clock import Clock
from shared.mongo import Database
from shared.refusals import invalid
from shared.tables import csv_response

MONTHS = 12  # one period for everybody: two that overlap would tell of small groups by subtraction


class Weights(BaseModel):
    """Other weights by criterion; who is not named keeps theirs."""

    model_config = ConfigDict(extra="forbid")
    weights: dict[str, Annotated[int, Field(strict=True, ge=0, le=MOST_WEIGHT)]]


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


def policy_with(policy: Policy, weights: Mapping[str, int]) -> Policy:
    """The policy with other weights. Raises `Refused` 422 for weights that make no policy."""
    try:
        then = with_weights(policy, weights)
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        name = next((str(step) for step in first["loc"] if step != "criteria"), "weights")
        if first["type"] == "extra_forbidden":
            raise invalid(
                "there is no criterion '%(name)s'; use one of %(names)s",
                "unknown_criterion",
                name,
                name=name,
                names=", ".join(weights_of(policy)),
            ) from None
        said = first["msg"].removeprefix("Value error, ")
        raise invalid("these weights make no policy: %(why)s", "invalid_weights", name, why=said[:1].lower() + said[1:]) from None
    if "meaning" in then.shares and not installed():
        raise invalid("the criterion 'meaning' needs the sentence model, which is not installed here", "no_model", "meaning")
    return then


def weights_of(policy: Policy) -> dict[str, int]:
    """The weight of every criterion that can be used here, 0 for one that is not."""
    used = dict(policy.criteria.used())
    known = [name for name in type(policy.criteria).model_fields if name != "meaning" or installed()]
    return {name: used[name].weight if name in used else 0 for name in known}


def report_api(db: Database, policy: Policy, standing: Standing, clock: Clock) -> APIRouter:
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
        return csv_response(text, "fairness.csv")

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

    @router.get("/waitlist/suggestions", summary="What would place whom of those who wait")
    async def suggestions(viewer: CurrentViewer) -> Suggestions:
        """Each is tried on the waitlist: carried out now, it places exactly these hires. Scores of 10000."""
        check(viewer, "see_waitlist")
        return await standing.suggestions(clock().date())

    @router.post("/what-if", summary="Who of the last 90 days' hires would be matched differently under other weights")
    async def other_weights(request: Weights, viewer: CurrentViewer) -> Comparison:
        """Nothing is stored or told. Both sides match all these hires at once on the mentors as they are now."""
        check(viewer, "see_matching_reports")
        return await standing.what_if(clock().date(), policy_with(policy, request.weights))

    return router
