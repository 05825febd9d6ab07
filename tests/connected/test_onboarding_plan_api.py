"""One person's plan over HTTP, on a real database: pause, own milestones and days, another programme, migration of many."""

from collections.abc import AsyncIterator
from datetime import UTC, date, datetime, timedelta
from typing import Any

import httpx
import pytest

from services.onboarding import store
from services.onboarding.api import api
from services.onboarding.migration import migrate, preview
from shared.access import install_access
from shared.events.hr import EmployeeHired, EmployeeSnapshot, HireRescinded
from shared.mongo import Database
from shared.web import make_app
from tests.connected.onboarding_office import Office
from tests.connected.test_onboarding_api import COORDINATOR, JOURNEYS, SETTINGS, STRANGER, TOP, as_person, milestone, operator
from tests.domain.onboarding.history import ADA, BOSS, MENTOR, START, assigned, at, counted, hired, hr, programmes, sent
from tests.domain.onboarding.plan_changes import grown, two_programmes

HERE = f"{JOURNEYS}/{ADA}"


@pytest.fixture
async def office(database: Database) -> Office:
    """Ada on her first day, in a company with two programmes."""
    office = await Office(database, two_programmes(), now=datetime(2027, 1, 11, 12, tzinfo=UTC)).open()
    boss = EmployeeSnapshot(employee_id=BOSS, display_name="Boss", manager_id=TOP)
    facts = (counted("matching", assigned(), 1, at(0)), counted("notifications", sent(), 1, at(1)))
    await office.tell(hr(boss), hr(hired()), *facts)
    await office.project_published()
    return office


@pytest.fixture
async def http(office: Office) -> AsyncIterator[httpx.AsyncClient]:
    app = make_app("onboarding", [api(office.db, office.programmes, office.clock)])
    install_access(app, SETTINGS)
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app=app), base_url="http://firstmate.test") as client:
        yield client


async def post(http: httpx.AsyncClient, path: str, body: dict[str, Any] | None = None, who: str = BOSS) -> httpx.Response:
    return await http.post(f"{HERE}{path}", headers=as_person(who), json=body)


NEW = {"title": "Meet the works council", "owner": "hire", "due": "2027-02-01", "reason": "asked for by the council"}
CHANGES: list[tuple[str, dict[str, Any] | None]] = [
    ("/pause", None),
    ("/resumption", None),
    ("/milestones", NEW),
    ("/milestones/pulse/due", {"due": "2027-02-01"}),
    ("/milestones/pulse/owner", {"owner": "manager"}),
    ("/milestones/pulse/reopening", None),
    ("/programme", {"programme": "other"}),
]


@pytest.mark.parametrize(("path", "body"), CHANGES)
async def test_a_plan_is_changed_by_those_above_the_hire_alone(
    http: httpx.AsyncClient, path: str, body: dict[str, Any] | None
) -> None:
    for who in (ADA, MENTOR, STRANGER):
        refused = await post(http, path, body, who)
        assert (refused.status_code, refused.json()["code"]) == (403, "forbidden")
    for who in (BOSS, TOP, COORDINATOR):
        assert (await post(http, path, body, who)).status_code == 200, who


@pytest.mark.parametrize(("path", "body"), CHANGES)
async def test_nothing_of_a_journey_that_is_over_or_not_there_can_be_changed(
    http: httpx.AsyncClient, office: Office, path: str, body: dict[str, Any] | None
) -> None:
    await office.tell(hr(HireRescinded(employee_id=ADA), at(5)))
    over = await post(http, path, body)
    assert (over.status_code, over.json()["code"]) == (409, "journey_over")
    missing = await http.post(f"{JOURNEYS}/E-404{path}", headers=operator(), json=body)
    assert (missing.status_code, missing.json()["code"]) == (404, "no_journey")
    assert (await office.published_kinds())[-1] == "JourneyCancelled"


async def test_a_paused_journey_stands_apart_on_the_board_and_needs_nobody(http: httpx.AsyncClient, office: Office) -> None:
    paused = await post(http, "/pause", {"until": "2027-02-10"})
    assert (paused.status_code, paused.json()["status"]) == (200, "paused")
    await office.project_published()
    listed = (await http.get(JOURNEYS, headers=operator(), params={"status": "paused"})).json()["items"]
    assert [(row["employee_id"], row["attention"], row["late"]) for row in listed] == [(ADA, [], [])]
    refused = await post(http, "/milestones/pulse/due", {"due": "2027-02-01"})
    assert (refused.status_code, refused.json()["code"]) == (409, "journey_paused")
    office.now += timedelta(days=10)
    resumed = await post(http, "/resumption")
    assert resumed.json()["status"] == "active"
    assert milestone(resumed.json(), "access")["due"] == "2027-01-21"
    assert milestone(resumed.json(), "meet_long")["due"] == "2027-02-01"  # ten days after the 21st is a Sunday
    await office.project_published()
    row = await store.board_row(office.db, ADA)
    assert row is not None
    assert (row.board.away, row.board.standing) == (None, "track")


async def test_an_own_milestone_keeps_its_words_beside_the_journey(http: httpx.AsyncClient, office: Office) -> None:
    added = await post(http, "/milestones", NEW)
    assert milestone(added.json(), "own_1")["title"] == "Meet the works council"
    await office.project_published()
    for name in (store.JOURNEYS, store.BOARD, store.TIMELINE, "outbox"):
        assert "works council" not in str([document async for document in office.db[name].find()]), name
    words = await store.written(office.db, ADA)
    assert (list(words.titles.values()), list(words.reasons.values())) == ([NEW["title"]], [NEW["reason"]])
    done = await http.post(f"{HERE}/milestones/own_1/completion", headers=as_person(ADA))
    assert milestone(done.json(), "own_1")["status"] == "done"


async def test_changes_of_a_plan_take_a_reason_that_stays_beside_the_journey(http: httpx.AsyncClient, office: Office) -> None:
    changes: list[tuple[str, dict[str, Any]]] = [
        ("/milestones/pulse/owner", {"owner": "manager", "reason": "nobody else"}),
        ("/milestones/pulse/waiver", {"reason": "not now"}),
        ("/milestones/pulse/reopening", {"reason": "now after all"}),
        ("/programme", {"programme": "other", "reason": "another trade"}),
    ]
    for path, body in changes:
        assert (await post(http, path, body)).status_code == 200, path
    await office.project_published()
    reasons = (await store.written(office.db, ADA)).reasons
    assert set(reasons.values()) == {body["reason"] for _, body in changes}
    for name in (store.JOURNEYS, store.BOARD, store.TIMELINE, "outbox"):
        assert "another trade" not in str([document async for document in office.db[name].find()]), name
    assert (await post(http, "/milestones/pulse/reopening", {"reason": "x" * 501})).status_code == 422


async def test_the_same_own_milestone_again_is_one(http: httpx.AsyncClient) -> None:
    for _ in range(2):
        answer = await post(http, "/milestones", NEW | {"id": "council"})
        assert answer.status_code == 200
    headers = as_person(BOSS) | {"Idempotency-Key": "k"}
    for _ in range(2):
        answer = await http.post(f"{HERE}/milestones", headers=headers, json=NEW)
    assert [each["id"] for each in answer.json()["milestones"] if each["title"] == NEW["title"]] == ["council", "own_2"]


@pytest.mark.parametrize(
    ("path", "body", "status", "code"),
    [
        ("/milestones/nothing/due", {"due": "2027-02-01"}, 404, "unknown_milestone"),
        ("/milestones/welcome/due", {"due": "2027-02-01"}, 409, "already_done"),
        ("/milestones/pulse/due", {"due": "2027-01-10"}, 422, "past_day"),
        ("/milestones/pulse/due", {"due": "2199-01-10"}, 422, "day_too_late"),
        ("/milestones/pulse/due", {"due": "soon"}, 422, None),
        ("/milestones/pulse/owner", {"owner": "cook"}, 422, None),
        ("/milestones", NEW | {"title": " "}, 422, None),
        ("/milestones", NEW | {"due": "1970-01-01"}, 422, "past_day"),
        ("/milestones", NEW | {"id": "pulse"}, 409, "id_taken"),
        ("/milestones", NEW | {"escalate_after": 0}, 422, None),
        ("/milestones", NEW | {"escalate_after": 91}, 422, None),
        ("/milestones", NEW | {"escalate_after": 3, "optional": True}, 422, "optional_escalates"),
        ("/pause", {"until": "2027-01-11"}, 422, "past_return"),
        ("/programme", {"programme": "nothing"}, 404, "unknown_programme"),
    ],
)
async def test_what_can_not_be_is_refused_by_name(
    http: httpx.AsyncClient, path: str, body: dict[str, Any], status: int, code: str | None
) -> None:
    answer = await post(http, path, body)
    assert answer.status_code == status
    assert answer.headers["content-type"] == "application/problem+json"
    if code is not None:
        assert answer.json()["code"] == code


async def test_another_programme_is_previewed_then_followed_and_the_old_titles_stay(http: httpx.AsyncClient) -> None:
    url = f"{HERE}/programme"
    seen = (await http.get(url, headers=as_person(BOSS), params={"programme": "other"})).json()
    assert seen["cause"] == "programme"
    assert [(each["id"], each["title"], each["due"], each["due_before"]) for each in seen["added"]] == [
        ("demo", "Demo", "2027-01-15", None)
    ]
    assert [(each["id"], each["due"], each["due_before"]) for each in seen["changed"]] == [("pulse", "2027-01-25", "2027-01-18")]
    assert set(seen["dropped"]) == {"access", "meet_short", "meet_long", "lunch", "year"}
    assert set(seen["kept"]) == {"welcome", "mentor"}
    assert (await http.get(HERE, headers=operator())).json()["programme"] == "small"
    body = (await post(http, "/programme", {"programme": "other"})).json()
    assert body["programme"] == "other"
    assert {each["id"]: each["due"] for each in seen["added"]} == {"demo": milestone(body, "demo")["due"]}
    assert (milestone(body, "mentor")["status"], milestone(body, "mentor")["title"]) == ("done", "Mentor")
    again = (await http.get(url, headers=as_person(BOSS), params={"programme": "other"})).json()
    assert (again["cause"], again["added"], again["changed"]) == (None, [], [])


async def many(office: Office, number: int) -> None:
    hires = [
        EmployeeHired(employee_id=f"E-{each:03}", display_name="A hire", start_date=START, location="FR")
        for each in range(number)
    ]
    await office.tell(*(hr(each, id=each.employee_id) for each in hires))


async def test_running_journeys_migrate_in_batches_once_after_a_preview(
    office: Office, http: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("services.onboarding.migration.BATCH", 10)
    await many(office, 34)
    await post(http, "/pause")
    later = grown(office.programmes)
    before = len(await office.published())
    seen = await preview(office.db, later, "small", office.clock)
    assert (seen.journeys, seen.added, seen.dropped) == (34, {"tour": 34, "talk": 34}, {})
    assert seen.changed == {"meet_long": 34}
    assert len(await office.published()) == before
    heard: list[int] = []
    done = await migrate(office.db, later, "small", "operator", office.clock, heard.append)
    assert (done.journeys, done.refused, heard) == (34, 0, [10, 20, 30, 34])
    assert (await migrate(office.db, later, "small", "operator", office.clock)).journeys == 0
    journey = await store.journey(office.db, "E-007")
    assert journey is not None
    assert (journey.programme_version, journey.milestones["talk"].due) == (seen.version, date(2027, 2, 22))
    kinds = (await office.published_kinds())[before:]
    assert kinds == ["JourneyReplanned"] * 34
    paused = await store.journey(office.db, ADA)
    assert paused is not None
    assert paused.programme_version != seen.version


async def test_the_outdated_journeys_of_a_programme_are_found_by_index(office: Office) -> None:
    query = store.outdated_query(programmes().current[0], "E-0")
    command = {"find": store.JOURNEYS, "filter": query, "sort": {"_id": 1}, "limit": 500}
    plan = str((await office.db.command({"explain": command, "verbosity": "queryPlanner"}))["queryPlanner"]["winningPlan"])
    assert "IXSCAN" in plan
    assert "COLLSCAN" not in plan
    assert "'SORT'" not in plan
