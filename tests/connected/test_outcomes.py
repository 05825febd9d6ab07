"""The outcomes as coordinators get them: page, JSON and table, on a real database."""

import csv
from datetime import date
from types import SimpleNamespace

import pytest

from services.onboarding import store
from services.onboarding.outcomes.reading import cases, outcomes_query, since
from services.onboarding.outcomes.report import report
from tests.connected.cohort import TODAY, tell
from tests.connected.pages_server import COORDINATOR, LEAD, serving, signed_in, small_company

OPERATOR = {"Authorization": "Bearer t"}


@pytest.fixture
async def server(database):
    told = await small_company(database)
    await tell(database, 300)
    told.now = TODAY
    async with serving(database, told) as server:
        yield SimpleNamespace(url=server.url, db=database)


async def test_the_page_the_json_and_the_table_say_what_the_cases_say(server):
    found = report(await cases(server.db, lambda: TODAY))
    async with signed_in(server, COORDINATOR) as browser:
        page = await browser.get("/outcomes")
        assert page.status_code == 200
        assert f"Met their mentor regularly: {found.regular} hires. Did not: {found.little}." in page.text
        assert "is no proof that the meetings made it" in page.text
        answer = (await browser.get("/api/onboarding/v1/outcomes")).json()
        by_measure = {one["measure"]: one for one in answer["compared"]}
        mine = next(one for one in found.compared if one.measure == "retained_365")
        assert by_measure["retained_365"]["difference"]["value"] == pytest.approx(mine.difference.value)
        assert (answer["people"], answer["regular"], answer["little"]) == (found.people, found.regular, found.little)
        text = (await browser.get("/api/onboarding/v1/outcomes.csv")).content.decode("utf-8-sig")
        rows = {(row["figure"], row["of"]): row for row in csv.DictReader(text.splitlines())}
        assert float(rows["retained_365", "difference"]["value"]) == pytest.approx(mine.difference.value, abs=1e-4)
        assert rows["meetings_by_90", "4-8"]["people"]


async def test_one_group_can_be_looked_at_and_one_that_is_too_small_cannot(server):
    async with signed_in(server, COORDINATOR) as browser:
        page = await browser.get("/outcomes", params={"by": "department", "group": "Sales"})
        assert page.status_code == 200
        assert "<bdi>Sales</bdi></strong> only" in page.text
        assert (await browser.get("/outcomes", params={"by": "department", "group": "Law"})).status_code == 404
        assert (await browser.get("/outcomes", params={"by": "shoe size", "group": "43"})).status_code == 422


async def test_a_period_of_whole_quarters_can_be_looked_at_and_no_group_within_it(server):
    known = await cases(server.db, lambda: TODAY)
    async with signed_in(server, COORDINATOR) as browser:
        page = await browser.get("/outcomes", params={"first": "2025-Q4", "last": "2026-Q1"})
        assert "began from <strong>Q4 2025</strong> to <strong>Q1 2026</strong>" in page.text
        assert 'outcomes.csv?first=2025-Q4&amp;last=2026-Q1"' in page.text
        api = "/api/onboarding/v1/outcomes"
        answer = (await browser.get(api, params={"first": "2025-Q4", "last": "2026-Q1"})).json()
        assert answer["people"] == len([each for each in known if date(2025, 10, 1) <= each.start < date(2026, 4, 1)])
        assert answer["quarters"][0] == "2025-Q2"
        whole = (await browser.get(api, params={"first": answer["quarters"][0]})).json()
        assert whole == (await browser.get(api)).json()
        for wrong, status in (
            ({"first": "2025-Q4", "by": "department", "group": "Sales"}, 422),
            ({"first": "2026-Q2", "last": "2026-Q1"}, 422),
            ({"first": "2026-01-05"}, 422),
            ({"first": "2019-Q1"}, 404),
        ):
            assert (await browser.get(api, params=wrong)).status_code == status, wrong
            assert (await browser.get("/outcomes", params=wrong)).status_code == status, wrong


async def test_a_report_is_worked_out_once_and_says_when(server):
    async with signed_in(server, COORDINATOR) as browser:
        before = (await browser.get("/api/onboarding/v1/outcomes")).json()
        assert before["made_at"] == "2027-06-15T09:00:00Z"
        await server.db[store.OUTCOMES].delete_many({})
        assert (await browser.get("/api/onboarding/v1/outcomes")).json() == before
        group = (await browser.get("/api/onboarding/v1/outcomes", params={"by": "department", "group": "Sales"})).json()
        assert group["people"] > 0  # as of the same moment
        assert "As of 15 Jun 2027, 09:00 UTC" in (await browser.get("/outcomes", headers={"Accept-Language": "en-GB"})).text


async def test_outcomes_are_for_those_who_run_the_programme(server):
    async with signed_in(server, LEAD) as browser:
        assert (await browser.get("/outcomes")).status_code == 403
        assert (await browser.get("/api/onboarding/v1/outcomes")).status_code == 403
        assert (await browser.get("/api/onboarding/v1/outcomes.csv")).status_code == 403
    async with signed_in(server, None) as browser:
        assert (await browser.get("/api/onboarding/v1/outcomes", headers=OPERATOR)).status_code == 200


async def test_a_young_programme_says_that_there_is_too_little(database):
    told = await small_company(database)
    async with serving(database, told) as server, signed_in(server, COORDINATOR) as browser:
        page = await browser.get("/outcomes")
        assert "Too few journeys to report on" in page.text
        assert "What cannot be concluded" in page.text


async def test_the_report_reads_by_index(database):
    await store.ensure_indexes(database)
    await tell(database, 20)
    plan = await database[store.OUTCOMES].find(outcomes_query(since(TODAY.date()))).explain()
    assert "COLLSCAN" not in str(plan["queryPlanner"]["winningPlan"])
