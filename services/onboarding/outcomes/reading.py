"""Reads the cases of a report: outcomes by index, places of work from the directory."""

import asyncio
from datetime import date

from services.onboarding.outcomes.cases import Case, Place, cases_of
from services.onboarding.outcomes.report import Dimension, Report, report
from services.onboarding.projections.outcomes import Outcomes
from services.onboarding.store import OUTCOMES
from shared.clock import Clock
from shared.directory import COLLECTION
from shared.mongo import Database, Document
from shared.refusals import not_found

MONTHS = 24  # of starts: enough for retention at a year, and the same for everybody, so that no two periods can be subtracted
AT_ONCE = 2_000  # people a query asks the directory for


def since(today: date) -> date:
    """The first day of the period that is reported on: whole months, so that one day's report differs little from the next."""
    months = today.year * 12 + today.month - 1 - MONTHS
    return date(months // 12, months % 12 + 1, 1)


def outcomes_query(first: date) -> Document:
    """The outcomes with a journey that began on or after a day."""
    return {"state.journeys.start_date": {"$gte": first.isoformat()}}


async def cases(db: Database, clock: Clock) -> list[Case]:
    """The journeys that began in the period."""
    now = clock()
    first = since(now.date())
    rows = [Outcomes.model_validate(each["state"]) async for each in db[OUTCOMES].find(outcomes_query(first), {"state": 1})]
    places = await _places(db, [row.employee_id for row in rows])
    return [case for row in rows for case in cases_of(row, places.get(row.employee_id, Place()), now) if case.start >= first]


async def _places(db: Database, ids: list[str]) -> dict[str, Place]:
    found: dict[str, Place] = {}
    shown = {"department": 1, "location": 1, "work_arrangement": 1}
    for begin in range(0, len(ids), AT_ONCE):
        async for person in db[COLLECTION].find({"_id": {"$in": ids[begin : begin + AT_ONCE]}}, shown):
            found[person["_id"]] = Place(person.get("department"), person.get("location"), person.get("work_arrangement"))
    return found


async def outcome_report(db: Database, clock: Clock, dimension: Dimension | None, group: str | None) -> Report:
    """The report about everybody or one group. Raises `Refused` 404 for a group that is too small, or not there."""
    known = await cases(db, clock)
    try:
        return await asyncio.to_thread(report, known, dimension, group)
    except KeyError:
        raise not_found(
            f"there is no {dimension} of this name with enough people to report on; choose one of those offered", "no_such_group"
        ) from None
