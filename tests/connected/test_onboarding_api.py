"""Onboarding's JSON over HTTP, on a real database."""

from collections.abc import AsyncIterator
from datetime import UTC, date, datetime, timedelta
from typing import Any

import httpx
import pytest
from fastapi import FastAPI, Response
from pydantic import SecretStr

from services.onboarding import store
from services.onboarding.api import api
from shared.access import Gate, Viewer, install_access
from shared.events.hr import EmployeeSnapshot, HireRescinded
from shared.mongo import Database
from shared.settings import Settings
from shared.web import make_app
from tests.connected.onboarding_office import Office
from tests.domain.onboarding.history import ADA, BOSS, MENTOR, NEW_BOSS, START, assigned, at, counted, hired, hr, sent

SETTINGS = Settings(secret=SecretStr("a long random text"), token=SecretStr("operator-token"), coordinators=["C-1"])
JOURNEYS = "/api/onboarding/v1/journeys"
TOP, STRANGER, COORDINATOR = "E-0001", "E-9", "C-1"


@pytest.fixture
async def office(database: Database) -> Office:
    """Ada, whose manager reports to somebody, has a mentor and a welcome; it is noon of her first day."""
    office = await Office(database, now=datetime(2027, 1, 11, 12, tzinfo=UTC)).open()
    boss = EmployeeSnapshot(employee_id=BOSS, display_name="Boss", manager_id=TOP)
    await office.tell(
        hr(boss), hr(hired()), counted("matching", assigned(), 1, at(0)), counted("notifications", sent(), 1, at(1))
    )
    await office.project_published()
    return office


@pytest.fixture
def app(office: Office) -> FastAPI:
    app = make_app("onboarding", [api(office.db, office.programmes, office.clock)])
    install_access(app, SETTINGS)
    return app


@pytest.fixture
async def http(app: FastAPI) -> AsyncIterator[httpx.AsyncClient]:
    transport = httpx.ASGITransport(app=app)
    async with httpx.AsyncClient(transport=transport, base_url="http://firstmate.test") as client:
        yield client


def operator() -> dict[str, str]:
    return {"Authorization": "Bearer operator-token"}


def as_person(employee_id: str) -> dict[str, str]:
    answer = Response()
    Gate(SETTINGS).sign_in(answer, Viewer(employee_id), secure=False)
    return {"Cookie": answer.headers["set-cookie"].split(";")[0]}


def milestone(body: dict[str, Any], id: str) -> dict[str, Any]:
    return next(each for each in body["milestones"] if each["id"] == id)


async def test_a_journey_has_exactly_the_fields_of_the_contract(http: httpx.AsyncClient) -> None:
    answer = await http.get(f"{JOURNEYS}/{ADA}", headers=operator())
    body = answer.json()
    assert answer.status_code == 200
    assert body.keys() == {"status", "start_date", "programme", "mentor", "progress", "milestones"}
    assert (body["status"], body["start_date"], body["programme"], body["mentor"]) == ("active", "2027-01-11", "default", MENTOR)
    assert body["progress"] == {"done": 2, "total": 20}
    assert all(each.keys() == {"id", "title", "owner", "due", "status", "completed_at"} for each in body["milestones"])
    assert milestone(body, "mentor_assigned") == {
        "id": "mentor_assigned",
        "title": "Mentor assigned",
        "owner": "coordinator",
        "due": "2027-01-04",
        "status": "done",
        "completed_at": "2026-12-01T09:00:00Z",
    }
    assert milestone(body, "close")["completed_at"] is None


async def test_titles_come_in_the_readers_language(http: httpx.AsyncClient) -> None:
    answer = await http.get(f"{JOURNEYS}/{ADA}", headers=operator() | {"Accept-Language": "ja, de-AT;q=0.8, en;q=0.5"})
    assert milestone(answer.json(), "mentor_assigned")["title"] == "Begleitung zugeordnet"


@pytest.mark.parametrize(
    ("viewer", "status"), [(ADA, 200), (MENTOR, 200), (BOSS, 200), (TOP, 200), (COORDINATOR, 200), (STRANGER, 403)]
)
async def test_who_may_see_a_journey(http: httpx.AsyncClient, viewer: str, status: int) -> None:
    assert (await http.get(f"{JOURNEYS}/{ADA}", headers=as_person(viewer))).status_code == status


async def test_nobody_gets_nothing(http: httpx.AsyncClient) -> None:
    answer = await http.get(f"{JOURNEYS}/{ADA}")
    assert answer.status_code == 401
    assert answer.headers["content-type"] == "application/problem+json"


async def test_a_journey_that_is_not_there_is_a_problem_with_words(http: httpx.AsyncClient, office: Office) -> None:
    answer = await http.get(f"{JOURNEYS}/E-404", headers=operator())
    assert (answer.status_code, answer.json()["code"]) == (404, "no_journey")
    await office.tell(counted("matching", assigned().model_copy(update={"employee_id": "E-2"}), 1, at(0)))
    assert (await http.get(f"{JOURNEYS}/E-2", headers=operator())).status_code == 404


async def test_a_completion_is_seen_in_its_answer_and_repeated_without_effect(http: httpx.AsyncClient, office: Office) -> None:
    url = f"{JOURNEYS}/{ADA}/milestones/access_ready/completion"
    headers = as_person(BOSS) | {"Idempotency-Key": "tick-1"}
    first = await http.post(url, headers=headers)
    again = await http.post(url, headers=headers)
    assert (first.status_code, again.status_code) == (200, 200)
    assert first.json() == again.json()
    assert milestone(first.json(), "access_ready")["status"] == "done"
    assert milestone(first.json(), "access_ready")["completed_at"] == "2027-01-11T12:00:00Z"
    journey = await store.journey(office.db, ADA)
    assert journey is not None
    assert journey.milestones["access_ready"].settled_by == BOSS


@pytest.mark.parametrize(
    ("viewer", "id", "status"),
    [
        (ADA, "access_ready", 403),  # the manager's
        (MENTOR, "access_ready", 403),
        (TOP, "access_ready", 200),
        (COORDINATOR, "access_ready", 200),
        (BOSS, "welcome_sent", 409),  # completed by an event
        (BOSS, "nothing", 404),
        (STRANGER, "nothing", 403),
    ],
)
async def test_whose_word_completes_which_milestone(http: httpx.AsyncClient, viewer: str, id: str, status: int) -> None:
    answer = await http.post(f"{JOURNEYS}/{ADA}/milestones/{id}/completion", headers=as_person(viewer))
    assert answer.status_code == status


@pytest.mark.parametrize(("viewer", "status"), [(ADA, 403), (MENTOR, 403), (BOSS, 200), (COORDINATOR, 200)])
async def test_a_waiver_is_a_managers_or_coordinators_word(http: httpx.AsyncClient, viewer: str, status: int) -> None:
    answer = await http.post(f"{JOURNEYS}/{ADA}/milestones/pulse_7/waiver", headers=as_person(viewer))
    assert answer.status_code == status
    if status == 200:
        assert milestone(answer.json(), "pulse_7")["status"] == "waived"
        assert answer.json()["progress"]["total"] == 19


async def test_mentor_and_hire_may_both_log_the_meeting_of_a_day_and_it_counts_once(
    http: httpx.AsyncClient, office: Office
) -> None:
    report = {"held_on": "2027-01-11", "minutes": 30}
    for person in (MENTOR, ADA):
        answer = await http.post(f"{JOURNEYS}/{ADA}/meetings", headers=as_person(person), json=report)
        assert answer.status_code == 200
    assert milestone(answer.json(), "first_mentor_meeting")["status"] == "done"
    assert milestone(answer.json(), "mentor_meeting_2")["status"] == "planned"
    another = report | {"meeting_id": "afternoon"}
    answer = await http.post(f"{JOURNEYS}/{ADA}/meetings", headers=as_person(ADA), json=another)
    assert milestone(answer.json(), "mentor_meeting_2")["status"] == "done"


@pytest.mark.parametrize(
    ("report", "field"),
    [
        ({"held_on": "2027-02-30", "minutes": 30}, "held_on"),
        ({"held_on": "2027-03-01", "minutes": 30}, "held_on"),
        ({"held_on": "1970-01-01", "minutes": 30}, "held_on"),
        ({"held_on": "2027-01-11", "minutes": 0}, "minutes"),
        ({"held_on": "2027-01-11", "minutes": 30, "meeting_id": "a b"}, "meeting_id"),
        ({"held_on": "2027-01-11", "minutes": 30, "notes": "x"}, "notes"),
    ],
)
async def test_a_meeting_that_can_not_have_been_is_refused_by_its_field(
    http: httpx.AsyncClient, report: dict[str, Any], field: str
) -> None:
    answer = await http.post(f"{JOURNEYS}/{ADA}/meetings", headers=as_person(ADA), json=report)
    assert (answer.status_code, answer.json()["field"]) == (422, field)


async def test_a_survey_is_answered_by_the_hire_alone_and_once(http: httpx.AsyncClient, office: Office) -> None:
    url, reply = f"{JOURNEYS}/{ADA}/surveys/pulse_7", {"ratings": {"satisfaction": 5}, "comment": "good people"}
    assert (await http.post(url, headers=as_person(BOSS), json=reply)).status_code == 403
    early = await http.post(url, headers=as_person(ADA), json=reply)
    assert (early.status_code, early.json()["code"]) == (409, "survey_not_open")
    office.now += timedelta(days=7)
    answer = await http.post(url, headers=as_person(ADA), json=reply)
    assert milestone(answer.json(), "pulse_7")["status"] == "done"
    other = await http.post(url, headers=as_person(ADA), json={"ratings": {"satisfaction": 1}})
    assert (other.status_code, other.json()["code"]) == (409, "already_answered")
    assert [comment["text"] for comment in await store.survey_comments(office.db, ADA)] == ["good people"]
    wrong = await http.post(f"{JOURNEYS}/{ADA}/surveys/pulse_14", headers=as_person(ADA), json={"ratings": {"satisfaction": 6}})
    assert (wrong.status_code, wrong.json()["field"]) == (422, "ratings.satisfaction")


async def test_nothing_is_reported_for_a_rescinded_hire(http: httpx.AsyncClient, office: Office) -> None:
    await office.tell(hr(HireRescinded(employee_id=ADA), at(5)))
    answer = await http.post(f"{JOURNEYS}/{ADA}/milestones/access_ready/completion", headers=operator())
    assert (answer.status_code, answer.json()["code"]) == (409, "journey_over")


async def test_the_board_is_listed_in_pages_of_a_reporting_tree(http: httpx.AsyncClient, office: Office) -> None:
    hires = [
        hired(date(2027, 2, day), manager_id=BOSS if day % 2 else NEW_BOSS).model_copy(update={"employee_id": f"E-{day:02}"})
        for day in range(1, 8)
    ]
    await office.tell(*(hr(each, id=each.employee_id) for each in hires))
    await office.project_published()
    seen: list[dict[str, Any]] = []
    cursor: str | None = None
    while True:
        params = {"manager_id": TOP, "limit": "2"} | ({"cursor": cursor} if cursor else {})
        body = (await http.get(JOURNEYS, headers=as_person(TOP), params=params)).json()
        seen += body["items"]
        cursor = body["next"]
        if cursor is None:
            break
    assert [row["employee_id"] for row in seen] == [ADA, "E-01", "E-03", "E-05", "E-07"]
    assert seen[0] == {
        "employee_id": ADA,
        "status": "active",
        "start_date": START.isoformat(),
        "programme": "default",
        "manager_id": BOSS,
        "mentor": MENTOR,
        "assignment": "assigned",
        "progress": {"done": 2, "total": 20},
        "next": {"id": "mentor_brief_sent", "owner": "coordinator", "due": "2027-01-04"},
        "late": [],
        "attention": [],
        "meetings": 0,
        "welcome": "sent",
        "updated_at": "2027-01-11T12:00:00Z",
    }
    everybody = (await http.get(JOURNEYS, headers=as_person(COORDINATOR))).json()
    assert len(everybody["items"]) == 8
    assert (await http.get(JOURNEYS, headers=operator(), params={"late": "true"})).json() == {"items": [], "next": None}
    assert (await http.get(JOURNEYS, headers=operator(), params={"status": "left"})).json()["items"] == []


@pytest.mark.parametrize(
    ("viewer", "params", "status"),
    [
        (BOSS, {"manager_id": BOSS}, 200),
        (TOP, {"manager_id": BOSS}, 200),
        (BOSS, {"manager_id": TOP}, 403),
        (STRANGER, {"manager_id": BOSS}, 403),
        (BOSS, {}, 403),
        (COORDINATOR, {}, 200),
        (COORDINATOR, {"status": "sleeping"}, 422),
        (COORDINATOR, {"cursor": "nonsense"}, 422),
        (COORDINATOR, {"limit": "100000"}, 422),
    ],
)
async def test_who_may_list_what(http: httpx.AsyncClient, viewer: str, params: dict[str, str], status: int) -> None:
    assert (await http.get(JOURNEYS, headers=as_person(viewer), params=params)).status_code == status


async def test_every_operation_is_described(app: FastAPI) -> None:
    paths = app.openapi()["paths"]
    assert set(paths) == {
        JOURNEYS,
        "/api/onboarding/v1/programmes",
        "/api/onboarding/v1/programmes/{programme_id}/preview",
        f"{JOURNEYS}/{{employee_id}}",
        f"{JOURNEYS}/{{employee_id}}/milestones/{{milestone_id}}/completion",
        f"{JOURNEYS}/{{employee_id}}/milestones/{{milestone_id}}/waiver",
        f"{JOURNEYS}/{{employee_id}}/meetings",
        f"{JOURNEYS}/{{employee_id}}/surveys/{{survey_id}}",
        f"{JOURNEYS}/{{employee_id}}/others",
        f"{JOURNEYS}/{{employee_id}}/milestones",
        f"{JOURNEYS}/{{employee_id}}/milestones/{{milestone_id}}/due",
        f"{JOURNEYS}/{{employee_id}}/milestones/{{milestone_id}}/owner",
        f"{JOURNEYS}/{{employee_id}}/milestones/{{milestone_id}}/reopening",
        f"{JOURNEYS}/{{employee_id}}/pause",
        f"{JOURNEYS}/{{employee_id}}/resumption",
        f"{JOURNEYS}/{{employee_id}}/programme",
    }
    assert all(operation["description"] for path in paths.values() for operation in path.values())
