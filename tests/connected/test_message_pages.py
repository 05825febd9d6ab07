"""Every message about somebody with each step it took, for whoever may see that."""

import re
from collections.abc import AsyncIterator

import httpx
import pytest
from fastapi import Response
from pydantic import SecretStr

from services.notifications import store
from services.notifications import web as notifications
from shared.access import Gate, Viewer, install_access
from shared.mongo import Database
from shared.pages import install_pages
from shared.settings import Settings
from shared.web import make_app
from tests.connected.post_office import COORDINATOR, Office, post_office

SETTINGS = Settings(secret=SecretStr("of the tests"), coordinators=[COORDINATOR])
PAGE = "/people/E-1/messages"


@pytest.fixture
async def http(database: Database) -> AsyncIterator[httpx.AsyncClient]:
    """The welcome was refused once for now, and her manager's notice for good."""
    await store.ensure_indexes(database)
    async with post_office(on_rcpt=lambda to: "550 nobody" if "jonas" in to else "451 later") as post:
        office = Office(database, post)
        await office.take_over()
        await office.know_people()
        await office.hear(office.hired(given_name="<Ada>"))
        office.pass_time(minutes=1)
        await office.send()
        post.on_rcpt = lambda _: None
        office.pass_time(minutes=5)
        await office.send()
        await office.hear(office.hired(employee_id="E-2"))
        app = make_app("notifications", notifications.web(database, SETTINGS, office.clock))
        install_access(app, SETTINGS)
        install_pages(app, SETTINGS)
        async with httpx.AsyncClient(transport=httpx.ASGITransport(app=app), base_url="http://firstmate.test") as client:
            yield client


async def seen(http: httpx.AsyncClient, who: str, path: str = PAGE) -> httpx.Response:
    answer = Response()
    Gate(SETTINGS).sign_in(answer, Viewer(who), secure=False)
    return await http.get(path, headers={"Cookie": answer.headers["set-cookie"].split(";")[0], "Accept-Language": "en"})


async def test_a_coordinator_reads_each_step_with_its_time_and_reason(http: httpx.AsyncClient):
    page = (await seen(http, COORDINATOR)).text
    folded = {re.sub(r"<[^>]+>", "", each).strip(): each for each in re.findall(r"<details>(.*?)</details>", page, re.DOTALL)}
    (welcome,) = (each for words, each in folded.items() if words.startswith("Welcome"))
    steps = re.findall(r'timeline__when">([^<]+)</span>([^<]+)</li>', welcome)
    assert [words for _, words in steps] == [
        "Planned",
        "Waits to be sent",
        "Taken up by the sender",
        "Written",
        "Waits to be sent: smtp 451",
        "Taken up by the sender",
        "Written",
        "Accepted for delivery",
    ]
    assert [at.rpartition(", ")[2].replace("\u202f", " ") for at, _ in steps][0::4] == ["10:00 AM UTC", "10:01 AM UTC"]
    (notice,) = (each for words, each in folded.items() if "joins your team" in words)
    assert "Failed: smtp 550" in notice
    assert "&lt;Ada&gt;" in notice
    assert "<details open" not in page


async def test_of_what_is_planned_the_page_says_when_it_is_to_be_sent(http: httpx.AsyncClient):
    page = (await seen(http, COORDINATOR, "/people/E-2/messages")).text
    assert re.findall(r'timeline__when">[^<]+</span>([^<]+)</li>', page)[:2] == ["Planned", "To be sent"]


@pytest.mark.parametrize(("who", "status"), [("E-1", 200), ("B-1", 200), ("M-1", 403)])
async def test_whoever_sees_the_messages_of_a_person_sees_their_steps(http: httpx.AsyncClient, who: str, status: int):
    assert (await seen(http, who)).status_code == status


async def test_of_whom_nothing_was_written_the_page_says_so(http: httpx.AsyncClient):
    assert "What is planned for this person appears here." in (await seen(http, COORDINATOR, "/people/E-9/messages")).text
