"""The inbox: what was written to whoever is signed in, what of it is unread, and that it is nobody else's."""

import re
from collections.abc import AsyncIterator
from datetime import date

import httpx
import pytest
from fastapi import Response
from pydantic import SecretStr

from services.notifications import store
from services.notifications import web as notifications
from shared.access import Gate, Viewer, install_access
from shared.events.hr import EmployeeUpdated, StartDateChanged
from shared.mongo import Database
from shared.pages import install_pages
from shared.settings import Settings
from shared.web import make_app
from tests.connected.post_office import Office, post_office

SETTINGS = Settings(secret=SecretStr("of the tests"), token=SecretStr("operator-token"), coordinators=["C-1"])
OPERATOR = {"Authorization": "Bearer operator-token"}


@pytest.fixture
async def http(database: Database) -> AsyncIterator[httpx.AsyncClient]:
    """Noémie mentors Ada and Bo; the brief about Bo is on its way."""
    await store.ensure_indexes(database)
    async with post_office() as post:
        office = Office(database, post)
        await office.take_over()
        await office.know_people()
        await office.hear(office.hired(), office.assigned())
        await office.send()
        office.pass_time(hours=1)
        await office.hear(office.hired("E-2", given_name="Bo"), office.assigned("E-2"))
        app = make_app("notifications", notifications.web(database, SETTINGS, office.clock))
        install_access(app, SETTINGS)
        install_pages(app, SETTINGS)
        async with httpx.AsyncClient(transport=httpx.ASGITransport(app=app), base_url="http://firstmate.test") as client:
            client.office = office  # type: ignore[attr-defined]
            yield client


def office_of(http: httpx.AsyncClient) -> Office:
    return http.office  # type: ignore[attr-defined,no-any-return]


def as_person(employee_id: str, language: str = "en") -> dict[str, str]:
    answer = Response()
    Gate(SETTINGS).sign_in(answer, Viewer(employee_id), secure=False)
    return {"Cookie": answer.headers["set-cookie"].split(";")[0], "Accept-Language": language}


async def titles(http: httpx.AsyncClient, who: str, language: str = "en") -> list[str]:
    page = await http.get("/inbox", headers=as_person(who, language))
    assert page.status_code == 200
    return re.findall(r'href="/inbox/[0-9a-f]{32}"[^>]*>([^<]+)<', page.text)


async def test_whoever_is_signed_in_sees_what_reached_them_the_latest_first(http: httpx.AsyncClient):
    assert await titles(http, "M-1") == ["You mentor Ada"]
    await office_of(http).send()
    assert await titles(http, "M-1") == ["You mentor Bo", "You mentor Ada"]
    assert await titles(http, "E-1") == ["Your mentor", "Welcome"] or await titles(http, "E-1") == ["Welcome", "Your mentor"]
    assert await titles(http, "M-1", "de") != await titles(http, "M-1")
    assert await titles(http, "C-1") == []


async def test_a_hire_reads_of_what_is_theirs_and_others_whom_it_is_about(http: httpx.AsyncClient):
    office = office_of(http)
    await office.hear(StartDateChanged(employee_id="E-1", start_date=date(2027, 2, 1)))
    office.pass_time(days=1)
    await office.send()
    assert "Your start date has changed" in await titles(http, "E-1")
    assert "Another start date: Ada" in await titles(http, "M-1")
    assert not [title for title in await titles(http, "E-1") if "Ada" in title]


async def test_what_is_opened_is_read_and_says_what_the_mail_said(http: httpx.AsyncClient):
    page = (await http.get("/inbox", headers=as_person("M-1"))).text
    assert "1 unread message" in page
    (path,) = re.findall(r"/inbox/[0-9a-f]{32}", page)
    opened = await http.get(path, headers=as_person("M-1"))
    assert "Ada" in opened.text
    assert "You are mentoring" in opened.text
    assert "Nothing unread" in (await http.get("/inbox", headers=as_person("M-1"))).text


async def test_all_are_read_at_once(http: httpx.AsyncClient):
    await office_of(http).send()
    assert "2 unread messages" in (await http.get("/inbox", headers=as_person("M-1"))).text
    assert (await http.post("/inbox", headers=as_person("M-1"))).status_code == 303
    assert "Nothing unread" in (await http.get("/inbox", headers=as_person("M-1"))).text
    assert "2 unread" in (await http.get("/inbox", headers=as_person("E-1"))).text


async def test_nobody_opens_what_was_written_to_another_or_did_not_go(http: httpx.AsyncClient):
    office = office_of(http)
    (ada,) = await office.ledger(template="mentor_brief", employee_id="E-1")
    (bo,) = await office.ledger(template="mentor_brief", employee_id="E-2")
    for who, entry in (("E-1", ada), ("B-1", ada), ("C-1", ada), ("M-1", bo)):
        assert (await http.get(f"/inbox/{entry.message_id}", headers=as_person(who))).status_code == 404
    assert (await http.get("/inbox")).status_code == 303
    assert (await http.get("/inbox", headers=OPERATOR)).status_code == 404
    assert (await office.ledger(_id=ada.message_id))[0].read_at is None


async def test_a_hostile_name_is_words_and_nothing_else(http: httpx.AsyncClient):
    office = office_of(http)
    await office.hear(EmployeeUpdated(employee_id="E-1", given_name="<script>alert(1)</script>"))
    page = (await http.get("/inbox", headers=as_person("M-1"))).text
    (path,) = re.findall(r"/inbox/[0-9a-f]{32}", page)
    for text in (page, (await http.get(path, headers=as_person("M-1"))).text):
        assert "<script>alert" not in text
        assert "&lt;script&gt;" in text


async def test_an_inbox_is_found_by_index(http: httpx.AsyncClient):
    query = {"recipient_id": "M-1", "state": {"$in": list(store.ARRIVED)}}
    find = {"find": store.MESSAGES, "filter": query, "sort": {"settled_at": -1}, "limit": 10}
    plan = await office_of(http).db.command({"explain": find, "verbosity": "queryPlanner"})
    assert "COLLSCAN" not in str(plan)
    assert "'SORT'" not in str(plan["queryPlanner"]["winningPlan"])
