"""Reads the cases of a report: outcomes by index, places of work from the directory; and keeps reports for a while."""

import asyncio
import sys
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import date, datetime
from typing import Annotated, TypeAlias

from fastapi import Query

from services.onboarding.kept import Kept
from services.onboarding.outcomes.cases import Case, Place, cases_of
from services.onboarding.outcomes.report import Dimension, Report, quarter_of, report, report_between, reports
from services.onboarding.projections.outcomes import Outcomes
from services.onboarding.store import OUTCOMES
from shared.clock import Clock
from shared.directory import COLLECTION
from shared.mongo import Database, Document
from shared.refusals import invalid, not_found

QUARTERS = 8  # before the present one: enough for retention at a year
AT_ONCE = 2_000  # people a query asks the directory for
KEPT_S = 300.0  # whoever looks at several groups sees them as of one moment; and nobody waits for what another just waited for

By = Annotated[Dimension | None, Query(description="Look at one group of this kind.")]
Group = Annotated[str | None, Query(max_length=200, description="The group, one of `choices`.")]
Quarter = Annotated[str, Query(pattern=r"^(\d{4}-Q[1-4])?$", description="A quarter of first days, one of `quarters`.")]
Key: TypeAlias = tuple[str | None, str | None]


def since(today: date) -> date:
    """The first day of the starts that are reported on: of a quarter, so that one day's report differs little from the next."""
    return _quarters_before(today, QUARTERS)


def quarters_until(today: date) -> list[str]:
    """The quarters of which a period can be made, oldest first."""
    return [quarter_of(_quarters_before(today, back)) for back in range(QUARTERS, -1, -1)]


def _quarters_before(today: date, count: int) -> date:
    quarters = today.year * 4 + (today.month - 1) // 3 - count
    return date(quarters // 4, quarters % 4 * 3 + 1, 1)


def outcomes_query(first: date) -> Document:
    """The outcomes with a journey that began on or after a day."""
    return {"state.journeys.start_date": {"$gte": first.isoformat()}}


async def cases(db: Database, clock: Clock) -> list[Case]:
    """The journeys that began in the quarters that are reported on."""
    now = clock()
    first = since(now.date())
    found: list[Case] = []
    rows: list[Document] = []
    async for row in db[OUTCOMES].find(outcomes_query(first), {"state": 1}).batch_size(AT_ONCE):
        rows.append(row["state"])
        if len(rows) == AT_ONCE:
            found += await _cases_of(db, rows, first, now)
            rows = []
    return found + await _cases_of(db, rows, first, now)


async def _cases_of(db: Database, rows: Sequence[Document], first: date, now: datetime) -> list[Case]:
    places = await _places(db, [row["employee_id"] for row in rows])

    def made() -> list[Case]:
        known = (Outcomes.model_validate(row) for row in rows)
        return [each for row in known for each in cases_of(row, places.get(row.employee_id, Place()), now) if each.start >= first]

    return await asyncio.to_thread(made)  # validating takes a while, in which pages are served


async def _places(db: Database, ids: Sequence[str]) -> dict[str, Place]:
    shown = {"department": 1, "location": 1, "work_arrangement": 1}
    return {
        person["_id"]: Place(*(_once(person.get(name)) for name in shown))
        async for person in db[COLLECTION].find({"_id": {"$in": list(ids)}}, shown)
    }


def _once(text: str | None) -> str | None:
    """The same object for the same text: a company has few departments and many people."""
    return text if text is None else sys.intern(text)


@dataclass(slots=True)
class _Made:
    """The cases as of one moment, and the reports made of them so far."""

    cases: Sequence[Case]
    at: datetime
    reports: dict[Key, Report] = field(default_factory=dict)
    lock: asyncio.Lock = field(default_factory=asyncio.Lock)


class Reporting:
    """Reports worked out once for all who ask within five minutes, also of several groups and periods, as of one moment."""

    def __init__(self, db: Database, clock: Clock) -> None:
        self._db = db
        self._clock = clock
        self._kept = Kept(self._begin, KEPT_S)

    async def _begin(self) -> _Made:
        at = self._clock()
        return _Made(await cases(self._db, lambda: at), at)

    async def report(self, by: Dimension | None, group: str | None, first: str = "", last: str = "") -> Report:
        """The report about everybody, one group, or those who began from one quarter to another (empty: from the oldest, to now).

        Raises `Refused`: 404 for a group that is too small, or not there, and for a quarter not reported on; 422 for a group and
        a period at once, which together could tell of few, and for a period that ends before it begins.
        """
        made = await self._kept.get()
        quarters = quarters_until(made.at.date())
        key: Key = (by, group) if by and group else (None, None)
        if first or last:
            if key != (None, None):
                raise invalid("choose a group or a period: both together could tell of few people", "group_and_period", "first")
            key = _period(first or quarters[0], last or quarters[-1], quarters)
        async with made.lock:  # who asks meanwhile waits for the same report
            if key not in made.reports:
                made.reports |= await asyncio.to_thread(_worked_out, made.cases, key, by)
        if key not in made.reports:
            raise not_found(
                f"there is no {by} of this name with enough people to report on; choose one of those offered", "no_such_group"
            )
        return replace(made.reports[key], quarters=quarters, since=since(made.at.date()), made_at=made.at)


def _period(first: str, last: str, quarters: Sequence[str]) -> Key:
    if not {first, last} <= set(quarters):
        raise not_found("this quarter is not reported on; choose one of those offered", "no_such_quarter")
    if first > last:
        raise invalid("the period ends before it begins; choose a later quarter to end it", "ends_before", "last")
    return (None, None) if (first, last) == (quarters[0], quarters[-1]) else (first, last)


def _worked_out(known: Sequence[Case], key: Key, by: Dimension | None) -> dict[Key, Report]:
    """The report of a key, and what comes of itself with it: what one group hides depends on all others of its dimension."""
    first, second = key
    if first is None or second is None:
        return {key: report(known)}
    if by is not None and first == by:
        return {(by, group): found for group, found in reports(known, by).items()}
    return {key: report_between(known, first, second)}
