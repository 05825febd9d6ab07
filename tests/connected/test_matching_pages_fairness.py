"""The fairness report on the real database: what is counted, who sees it, and that nobody is recognised in it."""

import csv
import io
from collections.abc import AsyncIterator
from datetime import date, timedelta

import pytest

from services.matching.reports.hiring import first_of_month
from services.matching.reports.recent import recent_hires
from shared.events.hr import EmployeeRehired, HireRescinded
from shared.mongo import Database
from tests.connected.matching_company import Company, company, enrolled, hired, known
from tests.connected.matching_web import API, OPERATOR, Web, signed_in, web_of


@pytest.fixture
async def room(database: Database) -> Company:
    return await company(
        database,
        known("C-1"),
        known("M-1", department="Sales", location="Paris, FR", languages=["en"]),
        enrolled("M-1", capacity=8),
    )


@pytest.fixture
async def web(room: Company) -> AsyncIterator[Web]:
    async with web_of(room) as web:
        yield web


def group(department: str, count: int, **more: object) -> list[object]:
    return [
        hired(f"{department}-{n}", department=department, location="Paris, FR", work_arrangement="hybrid", **more)
        for n in range(count)
    ]


async def test_each_group_shows_times_scores_and_shares(room: Company, web: Web) -> None:
    await room.tell(*group("Sales", 6, languages=["en"]), *group("Ops", 5, languages=["fi"]))
    told = await web.get(f"{API}/fairness")
    assert told["together"]["hires"] == 11
    sales, ops = (next(g for g in told["tables"]["department"] if g["name"] == name) for name in ("Sales", "Ops"))
    assert sales["figures"]["same_department_share"]["value"] == 1
    assert sales["figures"]["median_hours"]["value"] < 1
    assert (sales["figures"]["waited_share"]["value"], ops["figures"]["waited_share"]["value"]) == (0, 1)
    assert ops["figures"]["median_hours"] == {
        "base": 5,
        "value": None,
        "low": None,
        "high": None,
        "hidden": False,
        "beyond": True,
    }
    assert [(one["group"], one["dimension"]) for one in told["stands_out"]] == [("Ops", "department")]
    page = await web.get("/coordinator/fairness")
    assert "<strong>Ops</strong>" in page
    assert "100 % of the hires had to wait" in page
    assert 'href="#def-waited_share"' in page
    assert 'id="def-waited_share"' in page
    assert "What cannot be concluded" in page


async def test_small_groups_are_in_neither_page_nor_answer_nor_table(room: Company, web: Web) -> None:
    await room.tell(*group("Sales", 6), *group("Ops", 6), *group("Legal", 2, languages=["fi"]))
    told = await web.get(f"{API}/fairness")
    hidden = [g for g in told["tables"]["department"] if g["hires"] is None]
    assert [g["name"] for g in hidden] == ["Legal", "Ops"], "two people alone would follow from the total"
    assert all(f["hidden"] and f["value"] is None and f["base"] == 0 for g in hidden for f in g["figures"].values())
    assert "Not shown, so that nobody can be recognised: Legal; Ops." in await web.get("/coordinator/fairness")
    lines = list(csv.DictReader(io.StringIO((await web.get(f"{API}/fairness.csv")).removeprefix("\ufeff"))))
    legal = next(line for line in lines if line["group"] == "Legal")
    assert set(legal.values()) == {"department", "Legal", "hidden"}


async def test_the_table_holds_no_formula_whatever_a_department_is_called(room: Company, web: Web) -> None:
    for start in ("=cmd|' /C calc'!A0", "+1", "-1", "@SUM(A1)"):
        await room.tell(*[hired(f"{start[0]}{n}".encode().hex(), department=start) for n in range(5)])
    answer = await web.http.get(f"{API}/fairness.csv", headers=OPERATOR)
    assert answer.headers["content-type"] == "text/csv; charset=utf-8"
    assert answer.content.startswith(b"\xef\xbb\xbf")
    rows = list(csv.reader(io.StringIO(answer.content.decode("utf-8-sig"))))
    assert {"'=cmd|' /C calc'!A0", "'+1", "'-1", "'@SUM(A1)"} <= {row[1] for row in rows}
    assert not [cell for row in rows for cell in row if cell.startswith(("=", "+", "-", "@"))]


async def test_without_enough_hires_there_is_no_report(room: Company, web: Web) -> None:
    await room.tell(*group("Sales", 4))
    assert (await web.get(f"{API}/fairness"))["together"]["hires"] is None
    assert "Too few hires to report on" in await web.get("/coordinator/fairness")


@pytest.mark.parametrize("path", [f"{API}/fairness", f"{API}/fairness.csv", "/coordinator/fairness"])
async def test_the_report_is_for_coordinators_and_the_operator(web: Web, path: str) -> None:
    await web.get(path, OPERATOR)
    await web.get(path, signed_in("M-1"), 403)


async def test_recent_hires_begin_with_the_day_asked_for_and_end_with_the_latest(room: Company) -> None:
    await room.tell(hired("old"))
    room.now += timedelta(days=40)
    await room.tell(hired("new"), hired("newer"), hired("gone"))
    await room.tell(HireRescinded(employee_id="gone"))
    since = room.now.date() - timedelta(days=30)
    assert {hire.id for hire in await recent_hires(room.db, since)} == {"new", "newer", "gone"}
    assert len(await recent_hires(room.db, since, most=1)) == 1
    plan = (
        await room.db["hires"]
        .find({"state.hired_at": {"$gte": since.isoformat()}})
        .sort([("state.hired_at", -1), ("_id", -1)])
        .explain()
    )
    assert "by_hiring" in str(plan["queryPlanner"]["winningPlan"])
    assert "SORT" not in str(plan["queryPlanner"]["winningPlan"])


async def test_who_is_hired_again_counts_from_then_on(room: Company) -> None:
    await room.tell(hired("H-1"))
    await room.tell(HireRescinded(employee_id="H-1"))
    room.now += timedelta(days=40)
    await room.tell(EmployeeRehired.model_validate({"employee_id": "H-1", "display_name": "H", "start_date": "2027-03-01"}))
    (again,) = await recent_hires(room.db, room.now.date())
    assert again.matched_at is not None
    assert again.matched_at >= again.hired_at == room.now


def test_months_are_counted_back_across_years() -> None:
    assert first_of_month(date(2027, 1, 31), 11) == date(2026, 2, 1)
    assert first_of_month(date(2027, 3, 31), 0) == date(2027, 3, 1)
