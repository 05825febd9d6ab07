"""Matching's API and pages over HTTP on the real database: what each viewer sees, may do, and is refused."""

from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest
from fastapi import FastAPI, Response
from pydantic import SecretStr

from services.matching import web as matching
from services.matching.app import worker
from services.matching.policy_file import PolicyError, load_policy
from shared.access import Gate, Viewer, install_access
from shared.events.hr import EmployeeTerminated, HireRescinded
from shared.events.mentoring import MentorChanged
from shared.mongo import Database
from shared.pages import install_pages
from shared.settings import Settings
from shared.web import make_app
from tests.connected.matching_company import Company, company, enrolled, hired, known

API = "/api/matching/v1"
OPERATOR = {"authorization": "Bearer operator-token"}
SETTINGS = Settings(secret=SecretStr("a secret for tests"), token=SecretStr("operator-token"), coordinators=["C-1"])


@pytest.fixture
async def room(database: Database) -> Company:
    return await company(
        database,
        known("B-1"),
        known("C-1"),
        known("M-1", display_name="Mina Mentor", languages=["en"], skills=["kafka"], department="Sales", interests=["chess"]),
        known("M-2", display_name="Max Mentor", languages=["en"], department="Platform"),
        known("M-3", display_name="Ria Ñandú", languages=["es"]),
        enrolled("M-1"),
        enrolled("M-2"),
        enrolled("M-3"),
    )


@pytest.fixture
async def app(room: Company) -> FastAPI:
    made = make_app("test", matching.web(room.db, SETTINGS, lambda: room.now))
    install_access(made, SETTINGS)
    install_pages(made, SETTINGS)
    return made


@pytest.fixture
async def http(app: FastAPI) -> AsyncIterator[httpx.AsyncClient]:
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://127.0.0.1") as client:
        yield client


def signed_in(id: str) -> dict[str, str]:
    response = Response()
    Gate(SETTINGS).sign_in(response, Viewer(id, name=id), secure=False)
    return {"cookie": response.headers["set-cookie"].split(";")[0]}


async def get(http: httpx.AsyncClient, path: str, headers: dict[str, str] = OPERATOR, status: int = 200) -> Any:
    answer = await http.get(path, headers=headers)
    assert answer.status_code == status, answer.text
    return answer.json() if "json" in answer.headers["content-type"] else answer.text


async def test_somebody_of_whom_something_was_told_before_the_enrolment_is_no_mentor_until_then(
    room: Company, http: httpx.AsyncClient
) -> None:
    await room.tell(told := MentorChanged(mentor_id="B-1", capacity=4), hired("H-1", languages=["en"]))
    assert told.subject not in [each["employee_id"] for each in (await get(http, f"{API}/mentors?limit=100"))["items"]]
    for answer in (
        await http.get(f"{API}/mentors/B-1", headers=OPERATOR),
        await http.patch(f"{API}/mentors/B-1", json={"capacity": 3}, headers=OPERATOR),
        await override(http, "H-1", "B-1"),
    ):
        assert (answer.status_code, answer.json()["code"]) == (404, "not_a_mentor")
    answer = await http.post(f"{API}/mentors", json={"employee_id": "B-1", "capacity": 1}, headers=OPERATOR)
    assert answer.status_code == 201, answer.text
    assert (await get(http, f"{API}/mentors/B-1"))["capacity"] == 1


async def test_an_assignment_tells_mentor_score_reasons_runners_up_and_what_would_change(
    room: Company, http: httpx.AsyncClient
) -> None:
    await room.tell(
        hired("H-1", languages=["en"], skills=["Kafka"], interests=["Chess", "Go"], department="Platform", manager_id="B-1")
    )
    told = await get(http, f"{API}/assignments/H-1")
    assert (told["status"], told["mentor_id"], told["mentor_name"]) == ("assigned", "M-1", "Mina Mentor")
    assert told["score"] == sum(reason["points"] for reason in told["reasons"])
    said = {reason["criterion"]: reason["words"] for reason in told["reasons"]}
    assert said["skills"] == "1 of 1 skills named by the new hire is shared: Kafka"
    assert said["interests"] == "1 shared interest: Chess"
    assert said["language"] == "Both speak English"
    assert said["cross_group"] == "Different departments (Platform and Sales): meets people beyond the own team"
    assert [runner["mentor_id"] for runner in told["runners_up"]] == ["M-2"]
    assert told["runners_up"][0]["difference"] == told["score"] - told["runners_up"][0]["score"] > 0
    assert told["what_would_change"]["mentor_id"] == "M-2"
    assert told["what_would_change"]["words"].startswith("Max Mentor was ")
    assert told["policy_version"] == load_policy().version
    assert told["decided_by"] == "policy"
    assert told["ruled_out"] == []


async def test_reasons_come_in_german_to_who_asks_for_it(room: Company, http: httpx.AsyncClient) -> None:
    await room.tell(hired("H-1", languages=["en"], interests=["Chess", "Go"]))
    asked = OPERATOR | {"accept-language": "de-DE, en;q=0.5"}
    found = (await http.get(f"{API}/assignments/H-1", headers=asked)).json()
    said = {reason["criterion"]: (reason["label"], reason["words"]) for reason in found["reasons"]}
    assert said["interests"] == ("Interessen", "1 gemeinsames Interesse: Chess")
    assert "gewählt worden" in found["what_would_change"]["words"] or "aufgewogen" in found["what_would_change"]["words"]
    english = (await http.get(f"{API}/assignments/H-1", headers=OPERATOR)).json()
    assert [reason["points"] for reason in english["reasons"]] == [reason["points"] for reason in found["reasons"]]


async def test_who_waits_is_told_what_was_ruled_out_and_who_came_near(room: Company, http: httpx.AsyncClient) -> None:
    await room.tell(hired("H-1", languages=["fi"]))
    told = await get(http, f"{API}/assignments/H-1")
    assert told["status"] == "waitlisted"
    assert told["ruled_out"] == [{"rule": "no_shared_language", "count": 3, "words": "3 mentors share no language"}]
    assert {near["words"] for near in told["nearest"]} == {"shares no language"}
    waitlist = await get(http, f"{API}/waitlist")
    assert [(one["employee_id"], one["nearest"]) for one in waitlist["items"]] == [("H-1", told["nearest"])]
    assert waitlist["next"] is None


async def test_managers_see_all_the_pair_sees_its_own_reasons_and_others_nothing(room: Company, http: httpx.AsyncClient) -> None:
    await room.tell(
        hired("H-1", languages=["en"], skills=["kafka"], manager_id="B-1"), hired("H-2", languages=["en"], manager_id="B-1")
    )
    for viewer, whole in (("B-1", True), ("C-1", True), ("H-1", False), ("M-1", False)):
        told = await get(http, f"{API}/assignments/H-1", signed_in(viewer))
        assert bool(told["runners_up"]) is whole
        speak = next(reason["words"] for reason in told["reasons"] if reason["criterion"] == "language")
        assert speak == ("Both speak English" if whole else "You both speak English")
    for stranger in ("H-2", "M-3"):
        assert (await get(http, f"{API}/assignments/H-1", signed_in(stranger), 403))["code"] == "forbidden"
    assert (await get(http, f"{API}/assignments/H-1", {}, 401))["code"] == "not_signed_in"


async def test_nobody_without_a_decision_has_an_assignment(room: Company, http: httpx.AsyncClient) -> None:
    await room.tell(hired("H-1"), HireRescinded(employee_id="H-1"))
    for id in ("H-1", "M-1", "nobody"):
        assert (await get(http, f"{API}/assignments/{id}", status=404))["code"] == "no_assignment"
    await room.tell(hired("H-2"))
    await room.tell(HireRescinded(employee_id="H-2"))
    told = await get(http, f"{API}/assignments/H-2")
    assert (told["status"], told["mentor_id"], told["history"][0]["cause"]) == ("released", None, "hire_rescinded")


async def test_enrolling_is_idempotent_by_key_and_a_conflict_without(room: Company, http: httpx.AsyncClient) -> None:
    body = {"employee_id": "M-9", "capacity": 3, "traits": ["reliability"], "endorsed_by": "B-1"}
    keyed = OPERATOR | {"idempotency-key": "k1"}
    first = await http.post(f"{API}/mentors", json=body, headers=keyed)
    assert (first.status_code, first.json()["capacity"], first.json()["known"]) == (201, 3, False)
    assert first.json()["traits"] == ["reliability"]
    again = await http.post(f"{API}/mentors", json=body, headers=keyed)
    assert (again.status_code, again.json()) == (200, first.json())
    other = await http.post(f"{API}/mentors", json=body, headers=OPERATOR)
    assert (other.status_code, other.json()["code"]) == (409, "already_enrolled")
    assert [event.type for event in await room.said()] == ["mentoring.mentor.enrolled.v1"]


@pytest.mark.parametrize(
    "body",
    [
        {"employee_id": "M-9", "capacity": -1},
        {"employee_id": "M-9", "capacity": 10_000},
        {"employee_id": ""},
        {},
        {"employee_id": "M-9", "age": 3},
    ],
)
async def test_an_enrolment_that_makes_no_sense_is_refused_with_its_field(http: httpx.AsyncClient, body: dict[str, Any]) -> None:
    answer = await http.post(f"{API}/mentors", json=body, headers=OPERATOR)
    assert (answer.status_code, answer.headers["content-type"]) == (422, "application/problem+json")
    assert answer.json()["field"]


async def test_a_pause_frees_the_mentees_and_a_resumed_mentor_gets_who_waits(room: Company, http: httpx.AsyncClient) -> None:
    await room.tell(hired("H-1", languages=["es"]))
    paused = await http.patch(f"{API}/mentors/M-3", json={"status": "paused"}, headers=OPERATOR)
    assert (paused.status_code, paused.json()["status"], paused.json()["mentees"]) == (200, "paused", ["H-1"])
    await room.relay_own()
    assert await room.pairs() == {"H-1": None}
    assert await room.told("H-1") == ["assigned", "released", "waitlisted"]
    await http.patch(f"{API}/mentors/M-3", json={"status": "active", "capacity": 2}, headers=OPERATOR)
    await room.relay_own()
    assert await room.pairs() == {"H-1": "M-3"}
    mentor = await get(http, f"{API}/mentors/M-3")
    assert (mentor["load"], mentor["capacity"], mentor["mentees"]) == (1, 2, ["H-1"])
    await room.assert_in_order()


async def test_withdrawal_leave_and_their_ends(room: Company, http: httpx.AsyncClient) -> None:
    away = await http.patch(f"{API}/mentors/M-3", json={"available_from": "2027-05-01", "trained": False}, headers=OPERATOR)
    assert (away.json()["available_from"], away.json()["trained"]) == ("2027-05-01", False)
    back = await http.patch(f"{API}/mentors/M-3", json={"available_from": None}, headers=OPERATOR)
    assert back.json()["available_from"] == room.now.date().isoformat()
    gone = await http.patch(f"{API}/mentors/M-3", json={"status": "withdrawn", "capacity": 4}, headers=OPERATOR)
    assert (gone.json()["status"], gone.json()["capacity"]) == ("withdrawn", 4)
    refused = await http.patch(f"{API}/mentors/M-3", json={"status": "active"}, headers=OPERATOR)
    assert (refused.status_code, refused.json()["code"]) == (409, "withdrawn")
    assert (await http.patch(f"{API}/mentors/M-3", json={}, headers=OPERATOR)).status_code == 200
    assert (await http.patch(f"{API}/mentors/nobody", json={"capacity": 1}, headers=OPERATOR)).status_code == 404
    await get(http, f"{API}/mentors/nobody", status=404)
    await room.tell(EmployeeTerminated(employee_id="M-2"))
    assert (await get(http, f"{API}/mentors/M-2"))["status"] == "left"


async def test_mentors_and_waitlist_come_in_pages(room: Company, http: httpx.AsyncClient) -> None:
    await room.tell(*(hired(f"H-{n}", languages=["fi"]) for n in range(3)))
    for path, all_ids in ((f"{API}/mentors", ["M-1", "M-2", "M-3"]), (f"{API}/waitlist", ["H-0", "H-1", "H-2"])):
        found: list[str] = []
        cursor: str | None = ""
        while cursor is not None:
            page = await get(http, f"{path}?limit=2" + (f"&cursor={cursor}" if cursor else ""))
            found += [item["employee_id"] for item in page["items"]]
            cursor = page["next"]
        assert found == all_ids
        assert (await get(http, f"{path}?cursor=junk", status=422))["field"] == "cursor"
    await http.patch(f"{API}/mentors/M-1", json={"status": "paused"}, headers=OPERATOR)
    assert [one["employee_id"] for one in (await get(http, f"{API}/mentors?status=paused"))["items"]] == ["M-1"]


async def override(
    http: httpx.AsyncClient, hire: str, mentor: str, headers: dict[str, str] = OPERATOR, **more: Any
) -> httpx.Response:
    body = {"mentor_id": mentor, "reason": "they worked together before"} | more
    return await http.post(f"{API}/assignments/{hire}/override", json=body, headers=headers)


async def test_an_override_replaces_the_mentor_and_keeps_who_decided_and_why(room: Company, http: httpx.AsyncClient) -> None:
    await room.tell(hired("H-1", languages=["en"], skills=["kafka"], manager_id="B-1"))
    answer = await override(http, "H-1", "M-3", signed_in("C-1") | {"idempotency-key": "k"})
    told = answer.json()
    assert answer.status_code == 200, told
    assert (told["mentor_id"], told["decided_by"], told["reason"]) == ("M-3", "C-1", "they worked together before")
    assert told["rules_set_aside"] == ["no_shared_language"]
    assert [past["mentor_id"] for past in told["history"]] == ["M-1"]
    assert told["score"] == sum(reason["points"] for reason in told["reasons"])
    again = await override(http, "H-1", "M-3", signed_in("C-1") | {"idempotency-key": "k"})
    assert (again.status_code, again.json()) == (200, told)
    *_, event = await room.said()
    assert (event.data.mentor_id, event.data.previous_mentor_id, event.data.decided_by) == ("M-3", "M-1", "C-1")
    await room.tell(hired("H-2", languages=["en"], skills=["kafka"]))
    assert await room.pairs() == {"H-1": "M-3", "H-2": "M-1"}
    await room.assert_in_order()


async def test_an_override_that_a_rule_forbids_is_refused_by_name(room: Company, http: httpx.AsyncClient) -> None:
    await room.tell(
        known("R-1", manager_id="H-1"),
        known("M-7", languages=["en"]),
        enrolled("R-1"),
        enrolled("M-7", 0),
        enrolled("H-1"),
        enrolled("B-1"),
    )
    await room.tell(enrolled("U-1"), hired("H-1", languages=["en"], manager_id="B-1"))
    await http.patch(f"{API}/mentors/M-2", json={"status": "paused"}, headers=OPERATOR)
    now = (await get(http, f"{API}/assignments/H-1"))["mentor_id"]
    for mentor, status, code in (
        ("M-7", 409, "capacity"),
        ("M-2", 409, "not_active"),
        ("B-1", 409, "own_manager"),
        ("R-1", 409, "reporting_chain"),
        ("U-1", 409, "profile_unknown"),
        ("H-1", 422, "self"),
        ("C-1", 404, "not_a_mentor"),
        (now, 409, "already_assigned"),
    ):
        answer = await override(http, "H-1", mentor)
        assert (answer.status_code, answer.json()["code"]) == (status, code), mentor
    assert (await override(http, "M-1", "M-3")).json()["code"] == "not_a_hire"
    await room.tell(HireRescinded(employee_id="H-1"))
    assert (await override(http, "H-1", "M-3")).json()["code"] == "hire_rescinded"
    assert (await override(http, "H-1", "M-3", reason="x")).status_code == 422
    assert (await override(http, "H-1", "M-3", signed_in("B-1"))).status_code == 403


async def test_a_pair_that_was_excluded_is_never_made_again(room: Company, http: httpx.AsyncClient) -> None:
    await room.tell(hired("H-1", languages=["en"], skills=["kafka"]))
    assert (await override(http, "H-1", "M-2", exclude_previous=True)).status_code == 200
    assert (await override(http, "H-1", "M-1")).json()["code"] == "excluded_pair"
    await http.patch(f"{API}/mentors/M-2", json={"status": "withdrawn"}, headers=OPERATOR)
    await room.relay_own()
    assert await room.pairs() == {"H-1": None}
    told = await get(http, f"{API}/assignments/H-1")
    assert {rule["rule"]: rule["count"] for rule in told["ruled_out"]} == {
        "excluded_pair": 1,
        "not_active": 1,
        "no_shared_language": 1,
    }


@pytest.mark.parametrize(
    "path", [f"{API}/mentors", f"{API}/mentors/M-1", f"{API}/waitlist", "/coordinator/waitlist", "/coordinator/mentors"]
)
async def test_mentors_and_waitlist_are_for_coordinators_and_the_operator_only(
    room: Company, http: httpx.AsyncClient, path: str
) -> None:
    await get(http, path, signed_in("C-1"))
    await get(http, path, signed_in("M-1"), 403)
    await get(http, path, signed_in("B-1"), 403)


async def test_writes_are_for_coordinators_and_the_operator_only(room: Company, http: httpx.AsyncClient) -> None:
    await room.tell(hired("H-1"))
    for path, form in (
        ("/coordinator/mentors", {"employee_id": "M-9", "capacity": "1"}),
        ("/coordinator/mentors/M-1/places", {"capacity": "9"}),
        ("/coordinator/mentors/M-1/status", {"status": "paused"}),
        ("/coordinator/waitlist/H-1/override", {"mentor_id": "M-3", "reason": "because"}),
    ):
        assert (await http.post(path, data=form, headers=signed_in("M-1"))).status_code == 403, path
    assert (await http.patch(f"{API}/mentors/M-1", json={"capacity": 9}, headers=signed_in("M-1"))).status_code == 403
    assert (await http.post(f"{API}/mentors", json={"employee_id": "M-9"}, headers=signed_in("M-1"))).status_code == 403


async def test_the_waitlist_page_says_why_and_offers_what_would_help(room: Company, http: httpx.AsyncClient) -> None:
    cora = signed_in("C-1")
    assert "Nobody waits" in await get(http, "/coordinator/waitlist", cora)
    await http.patch(f"{API}/mentors/M-3", json={"capacity": 0}, headers=OPERATOR)
    await room.tell(hired("H-1", languages=["es"], display_name="<i>Fi</i>"), hired("H-2", languages=["fi"], manager_id="B-1"))
    page = await get(http, "/coordinator/waitlist", cora)
    assert "&lt;i&gt;Fi&lt;/i&gt;" in page
    assert "1 mentor has no free place" in page
    assert "for Ria Ñandú, then 1" in page
    assert "Assign Mina Mentor" in page
    assigned = await http.post(
        "/coordinator/waitlist/H-2/override", data={"mentor_id": "M-1", "reason": "both know some Swedish"}, headers=cora
    )
    assert (assigned.status_code, assigned.headers["location"]) == (303, "/coordinator/waitlist?done=assigned")
    placed = await http.post(
        "/coordinator/mentors/M-3/places", data={"capacity": "1", "back": "/coordinator/waitlist"}, headers=cora
    )
    assert placed.headers["location"] == "/coordinator/waitlist?done=places"
    await room.waitlist.try_again(room.db)
    assert await room.pairs() == {"H-1": "M-3", "H-2": "M-1"}
    assert "Places changed" in await get(http, placed.headers["location"], cora)
    why = await get(http, "/matching/why/H-2", cora)
    assert "both know some Swedish" in why
    assert "shares no language" in why


async def test_the_mentors_page_shows_load_and_its_forms_work(room: Company, http: httpx.AsyncClient) -> None:
    cora = signed_in("C-1")
    await room.tell(hired("H-1", display_name="Hal Hire", languages=["es"]))
    page = await get(http, "/coordinator/mentors", cora)
    assert "1 of 1 taken" in page
    assert "Hal Hire" in page
    paused = await http.post(
        "/coordinator/mentors/M-2/status", data={"status": "paused", "back": "https://elsewhere.example"}, headers=cora
    )
    assert paused.headers["location"] == "/coordinator/mentors?done=paused"
    page = await get(http, "/coordinator/mentors?status=paused", cora)
    assert "Max Mentor" in page
    assert "Mina Mentor" not in page
    assert "Resume" in page
    resumed = await http.post(
        "/coordinator/mentors/M-2/status", data={"status": "active", "back": "/coordinator/mentors?status=paused"}, headers=cora
    )
    assert resumed.headers["location"] == "/coordinator/mentors?status=paused&done=active"
    assert "No mentors here" in await get(http, "/coordinator/mentors?status=paused", cora)
    await http.post("/coordinator/mentors", data={"employee_id": "B-1", "capacity": "3"}, headers=cora)
    assert (await get(http, f"{API}/mentors/B-1"))["capacity"] == 3
    twice = await http.post("/coordinator/mentors", data={"employee_id": "B-1", "capacity": "3"}, headers=cora)
    assert (twice.status_code, "mentor already" in twice.text) == (409, True)
    wrong = await http.post("/coordinator/mentors/M-2/places", data={"capacity": "99"}, headers=cora)
    assert (wrong.status_code, "text/html" in wrong.headers["content-type"]) == (422, True)


async def test_the_page_of_reasons_has_a_bar_for_each_and_names_who_came_next(room: Company, http: httpx.AsyncClient) -> None:
    await room.tell(
        hired("H-1", display_name="Hal Hire", languages=["en"], skills=["kafka"], manager_id="B-1"),
        hired("H-2", languages=["fi"]),
    )
    page = await get(http, "/matching/why/H-1", signed_in("B-1"))
    assert "Why <bdi>Mina Mentor</bdi> mentors <bdi>Hal Hire</bdi>" in page
    assert page.count("bar__meter") >= 9 + 1
    assert "Max Mentor" in page
    own = await get(http, "/matching/why/H-1", signed_in("H-1"))
    assert "You both speak English" in own
    assert "Max Mentor" not in own
    assert "3 mentors share no language" in await get(http, "/matching/why/H-2", signed_in("C-1"))
    await get(http, "/matching/why/H-1", signed_in("H-2"), 403)
    await room.tell(HireRescinded(employee_id="H-1"))
    assert "has no mentor any more" in await get(http, "/matching/why/H-1", signed_in("C-1"))
    unknown = await http.get("/matching/why/H-1")
    assert (unknown.status_code, unknown.headers["location"]) == (303, "/sign-in?next=%2Fmatching%2Fwhy%2FH-1")


async def test_a_page_of_an_older_policy_still_draws_its_bars(room: Company, http: httpx.AsyncClient) -> None:
    await room.tell(hired("H-1"))
    await room.db["hires"].update_one({"_id": "H-1"}, {"$set": {"state.decision.policy_version": "older@1"}})
    assert "older@1" in await get(http, "/matching/why/H-1")


def test_a_bad_policy_keeps_worker_and_web_from_starting(tmp_path: Any) -> None:
    bad = tmp_path / "bad.yaml"
    bad.write_text("name: x")
    with pytest.raises(PolicyError):
        worker(Settings(policy_file=bad))
