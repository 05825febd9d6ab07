"""The page on which a manager changes one person's plan, over HTTP as a browser without scripts sends it."""

import html
import re

import httpx
import pytest

from services.onboarding import store
from services.onboarding.programme import Programmes
from services.onboarding.programme_files import SHIPPED, read_programme
from shared.events.hr import EmployeeTerminated
from shared.mongo import Database
from tests.connected.pages_server import (
    ADA,
    BO,
    COORDINATOR,
    LEAD,
    MENTOR,
    STRANGER,
    Server,
    Told,
    serving,
    signed_in,
    small_company,
)

PLAN = f"/people/{ADA}/plan"


@pytest.fixture
async def told(database: Database) -> Told:
    return await small_company(database)


@pytest.fixture
async def server(database: Database, told: Told):
    async with serving(database, told) as server:
        yield server


async def sent(browser: httpx.AsyncClient, told: Told, what: str, **fields: str) -> str:
    """Send a form of the page; gives the page it leads to."""
    answer = await browser.post(f"{PLAN}/{what}", data=fields)
    assert answer.status_code == 303, answer.text
    await told.relay()
    page = await browser.get(answer.headers["location"])
    assert "The plan is changed." in page.text
    return html.unescape(page.text)


@pytest.mark.parametrize(("who", "status"), [(ADA, 403), (MENTOR, 403), (STRANGER, 403), (LEAD, 200), (COORDINATOR, 200)])
async def test_who_may_change_a_plan_finds_the_way_there_and_nobody_else(server: Server, who: str, status: int) -> None:
    async with signed_in(server, who) as browser:
        assert (await browser.get(PLAN)).status_code == status
        page = await browser.get(f"/people/{ADA}")
        assert (f'href="{PLAN}"' in page.text) is (status == 200)


async def test_a_manager_adds_and_moves_with_reasons_that_the_timeline_tells(server: Server, told: Told) -> None:
    async with signed_in(server, LEAD) as browser:
        fields = {"title": "Meet <the> works council", "owner": "hire", "due": "2027-02-03", "milestone_id": "own_1"}
        for _ in range(2):  # a double click
            page = await sent(browser, told, "milestones", **fields, reason="asked for")
        assert page.count(">Meet <the> works council (Wed 3 Feb)</option>") == 3  # move, owner, not needed
        await sent(browser, told, "due", milestone_id="goals_30", due="2027-02-24", reason="on holiday before")
        person = html.unescape((await browser.get(f"/people/{ADA}")).text)
        assert "Meet <the> works council: added by Lin Lead, due Wed, 3 Feb 2027: asked for" in person
        assert "moved to Wed, 24 Feb 2027 by Lin Lead: on holiday before" in person
        assert "<the>" not in (await browser.get(f"/people/{ADA}")).text


@pytest.mark.parametrize(
    ("remind", "escalate", "days", "after"), [("1", "3", [-1], 3), ("7", "7", [-7], 7), ("never", "never", [], None)]
)
async def test_a_manager_says_when_the_owner_and_somebody_else_hear_of_what_stays_open(
    server: Server, told: Told, remind: str, escalate: str, days: list[int], after: int | None
) -> None:
    async with signed_in(server, LEAD) as browser:
        fields = {"title": "Fetch the badge", "owner": "hire", "due": "2027-02-03", "milestone_id": "own_1"}
        page = await sent(browser, told, "milestones", **fields, remind=remind, escalate=escalate)
        assert f'value="{remind}"' in page.partition('name="remind"')[2].partition("</select>")[0]
        assert f'value="{escalate}"' in page.partition('name="escalate"')[2].partition("</select>")[0]
        journey = await store.journey(told.db, ADA)
        assert journey is not None
        assert (journey.milestones["own_1"].remind, journey.milestones["own_1"].escalate_after) == (days, after)
        refused = await browser.post(f"{PLAN}/milestones", data=fields | {"milestone_id": "own_2", "escalate": "5"})
        assert refused.status_code == 422


async def test_a_manager_pauses_and_resumes_and_the_board_says_so(server: Server, told: Told) -> None:
    async with signed_in(server, LEAD) as browser:
        page = await sent(browser, told, "pause", until="2027-06-01")
        assert "Away since" in page
        assert "back on Tue 1 Jun" in page
        assert "One more milestone" not in page
        board = (await browser.get("/board?show=paused")).text
        assert f'data-live-key="{ADA}"' in board
        assert "Away for a while" in board
        assert "Back Tue 1 Jun" in board
        page = await sent(browser, told, "resumption")
        assert "Away from" in page


async def test_a_pause_that_lies_ahead_is_shown_and_can_be_called_off(server: Server, told: Told) -> None:
    async with signed_in(server, LEAD) as browser:
        page = await sent(browser, told, "pause", since="2027-03-01", until="2027-06-01")
        assert "Away from Mon 1 Mar on, back on Tue 1 Jun." in page
        assert "One more milestone" in page  # the plan goes on until then
        assert f'data-live-key="{ADA}"' not in (await browser.get("/board?show=paused")).text
        text = html.unescape((await browser.get(f"/people/{ADA}")).text)
        assert "Will be away from Mon, 1 Mar 2027 on, said by Lin Lead" in text
        page = await sent(browser, told, "resumption")
        assert "Away from Mon 1 Mar" not in page


async def test_what_is_not_needed_can_be_needed_after_all_and_owned_by_somebody_else(server: Server, told: Told) -> None:
    async with signed_in(server, LEAD) as browser:
        page = await sent(browser, told, "waiver", milestone_id="goals_30", reason="agreed before the start")
        assert "Needed after all" in page
        person = html.unescape((await browser.get(f"/people/{ADA}")).text)
        assert "not needed, said by Lin Lead: agreed before the start" in person
        page = await sent(browser, told, "reopening", milestone_id="goals_30", reason="the team is new")
        assert "Needed after all" not in page
        await sent(browser, told, "owner", milestone_id="goals_30", owner="coordinator", reason="the lead is away")
        person = html.unescape((await browser.get(f"/people/{ADA}")).text)
        assert re.search(r"needed after all by .*, said by Lin Lead: the team is new", person)
        assert "the coordinator sees to it now, said by Lin Lead: the lead is away" in person


async def test_another_programme_is_shown_before_it_is_followed(database: Database, told: Told, tmp_path) -> None:
    shipped = (SHIPPED / "default.yaml").read_text()
    (tmp_path / "default.yaml").write_text(shipped)
    short = """
id: short
title: {en: Two weeks}
when: {department: Sales}
milestones:
  - {id: access_ready, title: {en: Access}, owner: manager, day: 0}
  - {id: demo, title: {en: First demo}, owner: hire, day: 14}
"""
    (tmp_path / "short.yaml").write_text(short)
    assert Programmes([read_programme(short, "short.yaml"), read_programme(shipped, "default.yaml")])
    async with serving(database, told, programmes_dir=tmp_path) as server, signed_in(server, LEAD) as browser:
        seen = html.unescape((await browser.get(PLAN, params={"programme": "short"})).text)
        assert "New: First demo, Mon 25 Jan." in seen
        assert "What is done stays done (2)." in seen
        page = await sent(browser, told, "programme", programme="short", reason="sells now")
        assert "First demo (Mon 25 Jan)" in page
        person = html.unescape((await browser.get(f"/people/{ADA}")).text)
        assert re.search(r"Another programme, by Lin Lead\..*: sells now", person)
        assert "Mentor assigned" in person  # done under the programme before, and still called so


async def test_a_form_that_can_not_be_says_why(server: Server) -> None:
    async with signed_in(server, LEAD) as browser:
        nothing = {"title": " ", "owner": "hire", "due": "2027-02-01", "milestone_id": "own_1"}
        for what, fields, words in (
            ("due", {"milestone_id": "goals_30", "due": "2027-01-01"}, "lies in the past"),
            ("pause", {"until": "soon"}, "is no day"),
            ("milestones", nothing, "say what is to be done"),
        ):
            answer = await browser.post(f"{PLAN}/{what}", data=fields)
            assert answer.status_code == 422
            assert words in html.unescape(answer.text)


async def test_a_leaving_ahead_stands_beside_the_name_and_what_is_over_offers_no_change(server: Server, told: Told) -> None:
    await told.fact(EmployeeTerminated(employee_id=ADA, last_day="2027-01-29"))
    await told.fact(EmployeeTerminated(employee_id=BO))
    async with signed_in(server, LEAD) as browser:
        assert "Leaves after Fri 29 Jan" in (await browser.get(f"/people/{ADA}")).text
        assert "there is nothing to change" in (await browser.get(f"/people/{BO}/plan")).text
