"""What was or will be sent about somebody, over HTTP."""

from collections.abc import AsyncIterator

import httpx
import pytest
from fastapi import Response
from pydantic import SecretStr

from services.notifications import store
from services.notifications import web as notifications
from shared.access import Gate, Viewer, install_access
from shared.events.hr import EmployeeSnapshot, EmployeeUpdated
from shared.mongo import Database
from shared.settings import Settings
from shared.web import make_app
from tests.connected.post_office import Office, post_office

SETTINGS = Settings(secret=SecretStr("a long random text"), token=SecretStr("operator-token"), coordinators=["C-1"])
MESSAGES = "/api/notifications/v1/messages"
OPERATOR = {"Authorization": "Bearer operator-token"}


@pytest.fixture
async def http(database: Database) -> AsyncIterator[httpx.AsyncClient]:
    """Ada has a mentor and was written to; her manager reports to TOP."""
    await store.ensure_indexes(database)
    async with post_office() as post:
        office = Office(database, post)
        await office.take_over()
        await office.know_people()
        await office.hear(
            EmployeeUpdated(employee_id="B-1", manager_id="TOP"), EmployeeSnapshot(employee_id="TOP", given_name="Tove")
        )
        await office.hear(office.hired(), office.assigned())
        await office.send()
        app = make_app("notifications", notifications.web(database, SETTINGS))
        install_access(app, SETTINGS)
        async with httpx.AsyncClient(transport=httpx.ASGITransport(app=app), base_url="http://firstmate.test") as client:
            yield client


def as_person(employee_id: str) -> dict[str, str]:
    answer = Response()
    Gate(SETTINGS).sign_in(answer, Viewer(employee_id), secure=False)
    return {"Cookie": answer.headers["set-cookie"].split(";")[0]}


async def test_messages_are_listed_with_reader_channel_state_and_steps_and_without_text_or_address(http: httpx.AsyncClient):
    answer = await http.get(MESSAGES, params={"employee_id": "E-1"}, headers=OPERATOR)
    assert answer.status_code == 200
    items = {item["template"]: item for item in answer.json()["items"]}
    assert items.keys() == {"welcome", "manager_notice", "mentor_introduction", "mentor_brief"}
    brief = items["mentor_brief"]
    assert (brief["recipient_id"], brief["recipient_role"], brief["channel"], brief["state"]) == (
        "M-1",
        "mentor",
        "email",
        "sent",
    )
    assert [step["state"] for step in brief["transitions"]] == ["planned", "due", "sending", "rendered", "sent"]
    assert "example" not in answer.text, "an address"
    assert "Noémie" not in answer.text, "a name"


async def test_pages_follow_each_other_without_gap_or_overlap(http: httpx.AsyncClient):
    seen, cursor = [], None
    while True:
        params = {"employee_id": "E-1", "limit": 1} | ({"cursor": cursor} if cursor else {})
        page = (await http.get(MESSAGES, params=params, headers=OPERATOR)).json()
        seen += [item["message_id"] for item in page["items"]]
        cursor = page["next"]
        if cursor is None:
            break
    assert len(seen) == len(set(seen)) == 4


@pytest.mark.parametrize("viewer", ["E-1", "B-1", "TOP", "C-1"])
async def test_the_person_the_managers_above_and_coordinators_see_the_messages(http: httpx.AsyncClient, viewer: str):
    assert (await http.get(MESSAGES, params={"employee_id": "E-1"}, headers=as_person(viewer))).status_code == 200


@pytest.mark.parametrize(("headers", "status"), [({}, 401), (as_person("M-1"), 403), (as_person("E-9"), 403)])
async def test_nobody_else_does(http: httpx.AsyncClient, headers: dict[str, str], status: int):
    answer = await http.get(MESSAGES, params={"employee_id": "E-1"}, headers=headers)
    assert answer.status_code == status
    assert answer.headers["content-type"] == "application/problem+json"


async def test_of_somebody_unknown_there_are_no_messages(http: httpx.AsyncClient):
    answer = await http.get(MESSAGES, params={"employee_id": "NOBODY"}, headers=OPERATOR)
    assert answer.json() == {"items": [], "next": None}


@pytest.mark.parametrize(
    ("params", "field"),
    [
        ({}, "employee_id"),
        ({"employee_id": "no such id!"}, "employee_id"),
        ({"employee_id": "E-1", "cursor": "nonsense"}, "cursor"),
        ({"employee_id": "E-1", "cursor": "WyJub3QgYSB0aW1lIiwgIngiXQ"}, "cursor"),
        ({"employee_id": "E-1", "limit": "0"}, "limit"),
    ],
)
async def test_a_wrong_question_is_answered_with_its_field(http: httpx.AsyncClient, params: dict[str, str], field: str):
    answer = await http.get(MESSAGES, params=params, headers=OPERATOR)
    assert answer.status_code == 422
    assert answer.json()["field"] == field
