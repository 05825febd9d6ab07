"""How a person says how they want to be written to: by page, by the link in a mail, by one click of a mail program, by API."""

import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import date, time
from pathlib import Path
from typing import Any, get_args

import httpx
import pytest
from fastapi import Response
from pydantic import SecretStr

from services.notifications import store
from services.notifications import web as notifications
from services.notifications.pages.preferences import ALWAYS, TO_COORDINATORS
from services.notifications.preferences import OPTIONAL, USUAL, Chat, Preferences
from services.notifications.timing import URGENT
from shared.access import Gate, Viewer, install_access
from shared.events.hr import EmployeeUpdated
from shared.events.notifications import Template
from shared.links import Links
from shared.mongo import Database
from shared.pages import install_pages
from shared.settings import Settings
from shared.web import make_app
from tests.connected.chat_server import ChatServer, chat_server
from tests.connected.post_office import LINKS, Office, PostOffice, post_office

SETTINGS = Settings(secret=SecretStr("of the tests"), token=SecretStr("operator-token"), coordinators=["C-1"])
OPERATOR = {"Authorization": "Bearer operator-token"}
API = "/api/notifications/v1/preferences"


@pytest.fixture
async def post() -> AsyncIterator[PostOffice]:
    async with post_office() as office:
        yield office


@pytest.fixture
async def office(database: Database, post: PostOffice) -> Office:
    await store.ensure_indexes(database)
    office = Office(database, post)
    await office.take_over()
    await office.know_people()
    await office.hear(EmployeeUpdated(employee_id="M-1", time_zone="Europe/Paris", locale="fr-FR"))
    return office


def test_each_message_is_either_as_one_likes_or_named_among_those_that_always_come():
    optional = frozenset().union(*OPTIONAL.values())
    named = [template for templates in ALWAYS.values() for template in templates]
    assert sorted(named) == sorted(frozenset(get_args(Template)) - optional)
    assert all(templates <= URGENT or not templates & URGENT for templates in ALWAYS.values())
    assert frozenset(named) >= URGENT | TO_COORDINATORS


async def test_the_form_says_what_always_comes_and_what_of_that_ignores_a_pause(http: httpx.AsyncClient):
    def marked(page: str) -> dict[str, bool]:
        lines = re.findall(r"<li>([^<]+?)\s*(<span class=\"soft\">at once: [^<]*</span>)?</li>", page)
        return {words: bool(mark) for words, mark in lines}

    everybody = marked((await http.get(str(LINKS.own("preferences", "M-1")))).text)
    assert everybody.keys() == {words for words, templates in ALWAYS.items() if not templates <= TO_COORDINATORS}
    assert {words for words, urgent in everybody.items() if urgent} == {
        "The welcome",
        "For managers: who is not coming after all",
    }
    assert marked((await http.get(str(LINKS.own("preferences", "C-1")))).text).keys() == ALWAYS.keys()


@asynccontextmanager
async def serving(office: Office, settings: Settings) -> AsyncIterator[httpx.AsyncClient]:
    app = make_app("notifications", notifications.web(office.db, settings, office.clock))
    install_access(app, settings)
    install_pages(app, settings)
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app=app), base_url="http://firstmate.test") as client:
        yield client


@pytest.fixture
async def http(office: Office) -> AsyncIterator[httpx.AsyncClient]:
    async with serving(office, SETTINGS) as client:
        yield client


def as_person(employee_id: str) -> dict[str, str]:
    answer = Response()
    Gate(SETTINGS).sign_in(answer, Viewer(employee_id), secure=False)
    return {"Cookie": answer.headers["set-cookie"].split(";")[0]}


def link(employee_id: str = "M-1") -> str:
    path = LINKS.own("preferences", employee_id)
    assert path is not None
    return path


def form(**more: Any) -> dict[str, Any]:
    usual = {"language": "", "digest_day": "monday", "quiet_from": "", "quiet_until": "", "paused_until": ""}
    return usual | {"wants": list(OPTIONAL)} | more


async def chosen(office: Office, employee_id: str = "M-1") -> Preferences | None:
    found = (await store.preferences_of(office.db, {employee_id})).get(employee_id)
    return Preferences.model_validate(found.model_dump()) if found else None


async def test_every_mail_carries_its_readers_own_link_and_the_link_opens_their_form(
    office: Office, post: PostOffice, http: httpx.AsyncClient
):
    await office.hear(office.hired(), office.assigned())
    await office.send()
    for address, id in (("noemie@acme.example", "M-1"), ("e-1@home.example", "E-1")):
        for mail in post.to(address):
            text = mail.get_body(("plain",))
            html = mail.get_body(("html",))
            assert text is not None
            assert html is not None
            paths = {
                re.search(r"http://127.0.0.1:8080(/preferences/\S+?)[\"\s]", part.get_content() + " ")[1] for part in (text, html)
            }  # type: ignore[index]
            assert paths == {link(id)}
    page = await http.get(link())
    assert page.status_code == 200
    assert "Noémie" in page.text


async def test_a_form_is_kept_and_shown_again(office: Office, http: httpx.AsyncClient):
    sent = form(
        language="de", digest_day="friday", quiet_from="18:30", quiet_until="09:00", paused_until="2027-01-07", wants=["digest"]
    )
    answer = await http.post(link(), data=sent)
    assert (answer.status_code, answer.headers["location"]) == (303, f"{link()}?saved")
    assert await chosen(office) == Preferences(
        language="de",
        digest_day="friday",
        quiet_from=time(18, 30),
        quiet_until=time(9),
        paused_until=date(2027, 1, 7),
        declined=frozenset({"reminders", "surveys", "invitations"}),
    )
    page = (await http.get(f"{link()}?saved")).text
    assert "Kept." in page
    for field in ('value="18:30"', 'value="09:00"', 'value="2027-01-07"', 'value="digest" checked', 'value="friday" selected'):
        assert field in page
    assert 'value="surveys" checked' not in page


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        ({"quiet_from": "18:00"}, "quiet hours need both ends"),
        ({"quiet_from": "18:00", "quiet_until": "18:00"}, "quiet hours need both ends"),
        ({"quiet_from": "6 pm", "quiet_until": "08:00"}, "a time is such as 18:30"),
        ({"paused_until": "2026-12-01"}, "a pause ends after today"),
        ({"paused_until": "2199-01-01"}, "by 2027-12-02"),
        ({"paused_until": "soon"}, "a day such as"),
        ({"language": "xx"}, "mails are written in"),
    ],
)
async def test_what_cannot_be_is_said_and_nothing_is_kept_or_lost(
    office: Office, http: httpx.AsyncClient, wrong: dict[str, str], words: str
):
    answer = await http.post(link(), data=form(**wrong))
    assert answer.status_code == 422
    assert words in answer.text
    assert f'value="{next(iter(wrong.values()))}"' in answer.text or "language" in wrong
    assert await chosen(office) is None


@pytest.mark.parametrize(
    "token", ["x", link("M-1")[:-3].rpartition("/")[2], Links(SecretStr("another")).own("preferences", "M-1")[13:]]
)  # type: ignore[index]
async def test_a_link_that_is_not_ours_opens_nothing(office: Office, http: httpx.AsyncClient, token: str):
    for answer in (await http.get(f"/preferences/{token}"), await http.post(f"/preferences/{token}", data=form())):
        assert answer.status_code == 404
        assert "not one of ours" in answer.text
    assert await chosen(office) is None


async def test_one_click_of_a_mail_program_turns_one_kind_off_and_a_look_does_not(office: Office, http: httpx.AsyncClient):
    where = f"{link()}/without/surveys"
    assert (await http.get(where)).status_code == 200
    assert await chosen(office) is None
    answer = await http.post(where, data={"List-Unsubscribe": "One-Click"})
    assert answer.status_code == 200
    assert (await chosen(office)) == Preferences(declined=frozenset({"surveys"}))
    await http.post(f"{link()}/without/reminders")
    assert (await chosen(office)) == Preferences(declined=frozenset({"surveys", "reminders"}))
    assert (await http.post(f"{link()}/without/everything")).status_code == 422


async def test_whoever_is_signed_in_finds_their_own_and_nobody_elses(office: Office, http: httpx.AsyncClient):
    assert (await http.get("/preferences")).status_code == 303
    answer = await http.post("/preferences", data=form(quiet_from="20:00", quiet_until="06:00"), headers=as_person("B-1"))
    assert answer.status_code == 303
    assert await chosen(office, "B-1") is not None
    assert await chosen(office, "M-1") is None
    assert (await http.get("/preferences", headers=OPERATOR)).status_code == 404


async def test_programs_read_and_write_for_people_and_people_for_themselves(office: Office, http: httpx.AsyncClient):
    usual = (await http.get(f"{API}/M-1", headers=OPERATOR)).json()
    assert usual == {
        "language": None,
        "digest_day": "monday",
        "quiet_from": None,
        "quiet_until": None,
        "paused_until": None,
        "declined": [],
    }
    wanted = usual | {"quiet_from": "18:00", "quiet_until": "08:30", "declined": ["surveys"]}
    assert (await http.put(f"{API}/M-1", json=wanted, headers=as_person("M-1"))).json() == wanted
    assert (await http.get(f"{API}/M-1", headers=as_person("C-1"))).json() == wanted
    assert (await http.get(f"{API}/M-1", headers=as_person("B-1"))).status_code == 403
    assert (await http.put(f"{API}/M-1", json=wanted, headers=as_person("B-1"))).status_code == 403
    assert (await http.put(f"{API}/NOBODY", json=wanted, headers=OPERATOR)).status_code == 404
    assert (await http.put(f"{API}/M-1", json=wanted | {"declined": ["welcome"]}, headers=OPERATOR)).status_code == 422


async def test_the_form_speaks_the_readers_language(office: Office, http: httpx.AsyncClient):
    page = (await http.get(link(), headers={"Accept-Language": "de"})).text
    assert "Wie wir dir schreiben" in page
    assert "Montag" in page
    assert "wie im Personalsystem: Französisch" in page


@pytest.fixture
async def chatty(office: Office, tmp_path: Path) -> AsyncIterator[tuple[httpx.AsyncClient, ChatServer]]:
    with chat_server() as server:
        file = tmp_path / "chat.yaml"
        file.write_text(f"ntfy: {{url: 'ntfy://127.0.0.1:{server.port}/{{handle}}', title: ntfy}}")
        settings = SETTINGS.model_copy(update={"chat_file": file})
        async with serving(office, settings) as client:
            yield client, server


async def ask(http: httpx.AsyncClient, handle: str = "noemie-7Yt4", **more: str) -> httpx.Response:
    return await http.post(f"{link()}/chat", data={"channel": "ntfy", "handle": handle} | more)


def link_in(server: ChatServer) -> str:
    found = re.search(r"/chat/\S+", server.accepted[-1]["message"])
    assert found is not None
    return found[0]


async def chat_of(office: Office, employee_id: str = "M-1") -> Chat | None:
    return (await store.preferences_of(office.db, {employee_id})).get(employee_id, USUAL).chat


async def test_chat_is_taken_up_by_whoever_reads_the_handle_and_looking_changes_nothing(
    office: Office, chatty: tuple[httpx.AsyncClient, ChatServer]
):
    http, server = chatty
    assert "By chat" in (await http.get(link())).text
    assert (await ask(http)).status_code == 303
    assert "noemie-7Yt4" in (await http.get(link())).text
    assert await chat_of(office) is None
    page = await http.get(link_in(server))
    assert "Noémie" in page.text
    assert await chat_of(office) is None
    assert (await http.post(link_in(server))).status_code == 200
    chat = await chat_of(office)
    assert chat is not None
    assert (chat.channel, chat.handle) == ("ntfy", "noemie-7Yt4")
    assert (await http.post(link_in(server))).status_code == 404
    assert (await http.post(f"{link()}/chat", data={"by": "mail"})).status_code == 303
    assert await chat_of(office) is None


async def test_by_api_too_a_handle_counts_once_its_reader_has_said_yes(
    office: Office, chatty: tuple[httpx.AsyncClient, ChatServer]
):
    http, server = chatty
    url, wanted = f"{API}/M-1/chat", {"channel": "ntfy", "handle": "noemie-7Yt4"}
    before = (await http.get(url, headers=as_person("M-1"))).json()
    assert before == {"chat": None, "asked": None, "services": [{"channel": "ntfy", "title": "ntfy", "handle": ""}]}
    asked = await http.put(url, json=wanted, headers=as_person("M-1"))
    assert asked.status_code == 202
    assert asked.json()["asked"].items() >= wanted.items()
    assert "code" not in asked.json()["asked"]
    assert asked.json()["chat"] is None
    await http.post(link_in(server))
    after = (await http.get(url, headers=OPERATOR)).json()
    assert after["chat"].items() >= wanted.items()
    assert after["asked"] is None
    assert (await http.delete(url, headers=as_person("M-1"))).status_code == 204
    assert await chat_of(office) is None


async def test_by_api_nobody_asks_for_somebody_else_and_what_is_wrong_is_said(
    office: Office, chatty: tuple[httpx.AsyncClient, ChatServer]
):
    http, server = chatty
    url, wanted = f"{API}/M-1/chat", {"channel": "ntfy", "handle": "noemie-7Yt4"}
    for answer in (
        await http.get(url, headers=as_person("B-1")),
        await http.put(url, json=wanted, headers=as_person("B-1")),
        await http.delete(url, headers=as_person("B-1")),
    ):
        assert answer.status_code == 403
    refused = await http.put(url, json=wanted | {"handle": "@noemie"}, headers=OPERATOR)
    assert (refused.status_code, refused.json()["code"]) == (422, "bad_handle")
    refused = await http.put(url, json=wanted | {"channel": "pigeon"}, headers=OPERATOR)
    assert (refused.status_code, refused.json()["code"]) == (422, "unknown_channel")
    assert (await http.put(f"{API}/NOBODY/chat", json=wanted, headers=OPERATOR)).status_code == 404
    assert server.asked == 0


async def test_a_link_counts_for_a_day_and_only_the_last_one_does(office: Office, chatty: tuple[httpx.AsyncClient, ChatServer]):
    http, server = chatty
    await ask(http)
    first = link_in(server)
    await ask(http)
    assert (await http.get(first)).status_code == 404
    office.pass_time(hours=25)
    assert (await http.post(link_in(server))).status_code == 404
    assert (await http.post("/chat/forged")).status_code == 404
    assert await chat_of(office) is None


async def test_what_is_wrong_with_a_handle_is_said_and_nobody_is_rung_for_ever(
    office: Office, chatty: tuple[httpx.AsyncClient, ChatServer]
):
    http, server = chatty
    for handle, channel in (("@noemie", "ntfy"), ("a b", "ntfy"), ("noemie", "slack")):
        refused = await ask(http, handle, channel=channel)
        assert refused.status_code == 422
        assert 'role="alert"' in refused.text
    assert server.asked == 0
    server.status = 404
    assert "takes no message for" in (await ask(http)).text
    server.status = 503
    assert "does not answer us just now" in (await ask(http)).text
    server.status = 200
    for _ in range(5):
        await ask(http)
    assert len(server.accepted) == 3
    assert "look for the last one" in (await ask(http)).text


async def test_without_chat_services_the_page_offers_none(http: httpx.AsyncClient):
    assert "By chat" not in (await http.get(link())).text
    assert (await ask(http)).status_code == 422
