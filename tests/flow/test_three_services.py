"""The three services together on a real database, with every order of deliveries that Kafka allows."""

import random
from collections import Counter
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from services.matching import handlers as matching_handlers
from services.notifications import handlers as notifications_handlers
from services.onboarding import handlers as onboarding_handlers
from shared import dead_letters
from shared.events import new_event
from shared.events.hr import EmployeeHired, EmployeeSnapshot, EmployeeTerminated, EmployeeUpdated, HireRescinded, StartDateChanged
from shared.events.mentoring import MentorChanged, MentorEnrolled, MentorWithdrawn
from shared.mongo import Client, Document
from tests.flow.system import Flow, open_flow

NOW = datetime(2027, 1, 4, 9, tzinfo=UTC)
PROFILE: dict[str, Any] = {
    "location": "FR",
    "time_zone": "Europe/Paris",
    "locale": "fr-FR",
    "languages": ["fr", "en"],
    "department": "Engineering",
    "skills": ["kafka"],
    "work_arrangement": "hybrid",
}


def event(id: str, payload: Any) -> Any:
    return new_event(payload, source="/hr/test", id=id, time=NOW)


def snapshot(id: str, **more: Any) -> Any:
    profile = PROFILE | {"start_date": "2020-01-06", "work_email": f"{id}@example.org", "manager_id": "BOSS"} | more
    return event(f"{id}-snapshot", EmployeeSnapshot(employee_id=id, display_name=f"Person {id}", **profile))


def hired(id: str, *, told: str = "", start: str = "2027-02-01", **more: Any) -> Any:
    profile = PROFILE | {"personal_email": f"{id}@example.net", "manager_id": "LEAD"} | more
    return event(
        f"{id}-hired{told}", EmployeeHired(employee_id=id, given_name="New", family_name=id, start_date=start, **profile)
    )


PEOPLE = [snapshot("BOSS", manager_id=None), snapshot("LEAD"), snapshot("M-1"), snapshot("M-2"), snapshot("M-3")]
MENTORS = [event(f"M-{n}-enrolled", MentorEnrolled(mentor_id=f"M-{n}", capacity=1 if n == 3 else 2)) for n in (1, 2, 3)]
STORY = [
    hired("E-1"),
    hired("E-1"),  # the same event again
    hired("E-1", told="-again"),  # the same fact under another id
    hired("E-2", start="2027-02-08"),
    hired("E-3"),
    hired("E-4", languages=["ja"]),  # nobody speaks it
    hired("E-5"),
    hired("E-6"),
    event("E-2-moved", StartDateChanged(employee_id="E-2", start_date="2027-03-01")),
    event("E-3-rescinded", HireRescinded(employee_id="E-3")),
    event("M-1-withdrawn", MentorWithdrawn(mentor_id="M-1")),
    event("E-5-updated", EmployeeUpdated(employee_id="E-5", manager_id="BOSS")),
    event("E-6-left", EmployeeTerminated(employee_id="E-6")),
]
LIVE = ("E-1", "E-2", "E-4", "E-5")


@pytest.fixture
async def flow(mongo_client: Client, request: pytest.FixtureRequest) -> AsyncIterator[Flow]:
    opened = await open_flow(mongo_client, f"flow_{abs(hash(request.node.name)) % 10**9}", lambda: NOW)
    yield opened
    for database in opened.databases.values():
        await mongo_client.drop_database(database.name)


async def states(flow: Flow, service: str, collection: str) -> dict[str, Document]:
    found = flow.databases[service][collection].find({"state": {"$ne": None}})
    return {document["_id"]: document["state"] async for document in found}


async def tell(flow: Flow, seed: int) -> None:
    rng = random.Random(seed)
    flow.publish(*PEOPLE, *MENTORS)
    if rng.random() < 0.5:
        await flow.settle(rng.randrange)
    for one in STORY:
        flow.publish(one)
        if rng.random() < 0.3:
            await flow.settle(rng.randrange)
    await flow.settle(rng.randrange)


@pytest.mark.parametrize("seed", range(6))
async def test_whatever_the_order_among_topics_the_services_agree_in_the_end(flow: Flow, seed: int) -> None:
    await tell(flow, seed)
    hires, mentors = await states(flow, "matching", "hires"), await states(flow, "matching", "mentors")
    journeys, board = await states(flow, "onboarding", "journeys"), await states(flow, "onboarding", "board")

    pairs = {id: hire["decision"]["mentor_id"] for id, hire in hires.items() if hire["status"] == "assigned"}
    assert {id: hires[id]["status"] for id in LIVE if id != "E-4"}.items() <= dict.fromkeys(LIVE, "assigned").items()
    assert hires["E-4"]["status"] == "waitlisted"
    assert hires["E-4"]["waiting"]
    assert set(pairs) == {"E-1", "E-2", "E-5"}
    assert Counter(pairs.values()) == Counter({id: len(mentor["mentees"]) for id, mentor in mentors.items() if mentor["mentees"]})
    assert all(len(mentor["mentees"]) <= mentor["capacity"] for mentor in mentors.values())
    assert "M-1" not in pairs.values()

    assert {id: journeys[id]["status"] for id in ("E-1", "E-2", "E-3", "E-4", "E-5", "E-6")} == {
        **dict.fromkeys(LIVE, "active"),
        "E-3": "cancelled",
        "E-6": "left",
    }
    assert journeys["E-2"]["start_date"] == "2027-03-01"
    for id in LIVE:
        row = board[id]
        assert row["assignment"]["mentor_id"] == pairs.get(id)
        assert row["start_date"] == journeys[id]["start_date"]
        assert row["manager_id"] == ("BOSS" if id == "E-5" else "LEAD")
        assert {name: one["status"] for name, one in row["milestones"].items()} == {
            name: one["status"] for name, one in journeys[id]["milestones"].items()
        }
    assert await letters_of(flow, "welcome") == Counter(
        {"E-1": 1, "E-2": 1, "E-4": 1, "E-5": 1} | await _maybe(flow, "E-3", "E-6")
    )
    for database in flow.databases.values():
        assert [letter async for letter in dead_letters.letters(database)] == []


async def letters_of(flow: Flow, template: str) -> Counter[str]:
    found = flow.databases["notifications"]["messages"].find({"template": template})
    return Counter([message["employee_id"] async for message in found])


async def _maybe(flow: Flow, *ids: str) -> dict[str, int]:
    """Those whose end was told in the same batch as their hiring need no welcome; at most one otherwise."""
    told = await letters_of(flow, "welcome")
    assert all(told[id] <= 1 for id in ids)
    return {id: told[id] for id in ids if told[id]}


async def test_a_replay_of_all_topics_from_the_beginning_changes_no_state_and_plans_no_message(flow: Flow) -> None:
    await tell(flow, 0)
    before = await _everything(flow)
    for database in flow.databases.values():
        await database["progress"].update_many({}, {"$set": {"next": 0}})
    for consumer in flow.consumers:
        consumer.places.clear()
        consumer.processor._places.clear()
    await flow.settle()
    assert await _everything(flow) == before


async def _everything(flow: Flow) -> dict[str, list[Document]]:
    collections = {
        "matching": ("hires", "mentors"),
        "onboarding": ("journeys", "board", "timeline"),
        "notifications": ("messages",),
    }
    return {
        f"{service}.{name}": [document.get("state", document) async for document in flow.databases[service][name].find()]
        for service, names in collections.items()
        for name in names
    }


async def test_a_bad_record_among_good_ones_is_buried_by_each_service_and_changes_nothing_else(flow: Flow) -> None:
    flow.publish(*PEOPLE, *MENTORS)
    flow.append("hr.employees", b"E-9", b"\x00junk", (("ce_id", None),))
    flow.publish(hired("E-1"))
    await flow.settle()
    for database in flow.databases.values():
        (letter,) = [letter async for letter in dead_letters.letters(database)]
        assert letter["topic"] == "hr.employees"
    assert (await states(flow, "matching", "hires"))["E-1"]["status"] == "assigned"


async def test_a_record_that_is_replayed_after_a_fix_has_the_effect_of_one_that_was_good_the_first_time(
    flow: Flow, mongo_client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    # HR's own times tell what is the later word: the record that is sent again comes behind it on its topic.
    told = [
        ("E-1-hired", hired("E-1").data, 2),
        ("E-1-moved", StartDateChanged(employee_id="E-1", start_date="2027-03-01"), 1),
        ("E-1-updated", EmployeeUpdated(employee_id="E-1", manager_id="BOSS"), 1),
        ("M-4-enrolled", MentorEnrolled(mentor_id="M-4", capacity=1), 2),
        ("M-4-changed", MentorChanged(mentor_id="M-4", capacity=3, status="paused"), 1),
    ]
    story = [new_event(fact, source="/hr/test", id=id, time=NOW - timedelta(days=days)) for id, fact, days in told]
    flow.publish(*PEOPLE, *MENTORS)
    await flow.settle()
    for service in (matching_handlers.MatchingWork, onboarding_handlers.JourneyWork, notifications_handlers.CorrespondenceWork):
        _break(monkeypatch, service, "E-1-hired", "M-4-enrolled")
    flow.publish(*story)
    await flow.settle()
    monkeypatch.undo()  # the fix
    for service, database in flow.databases.items():
        letters = [letter async for letter in dead_letters.letters(database)]
        assert len(letters) == (1 if service == "onboarding" else 2)  # which hears of no mentor's enrolment
        for letter in letters:
            assert await dead_letters.replay(database, letter["_id"], NOW)
    await flow.settle()

    good = await open_flow(mongo_client, "flow_good", lambda: NOW)
    try:
        good.publish(*PEOPLE, *MENTORS)
        await good.settle()
        good.publish(*story)
        await good.settle()
        journeys, expected = await states(flow, "onboarding", "journeys"), await states(good, "onboarding", "journeys")
        assert journeys["E-1"]["start_date"] == expected["E-1"]["start_date"] == "2027-03-01"
        assert _days(journeys["E-1"]) == _days(expected["E-1"])
        row = (await states(flow, "onboarding", "board"))["E-1"]
        assert (row["start_date"], row["manager_id"]) == ("2027-03-01", "BOSS")
        for one in (flow, good):
            for service in one.databases.values():
                assert (await service["directory"].find_one({"_id": "E-1"}))["manager_id"] == "BOSS"
            assert (await states(one, "notifications", "correspondences"))["E-1"]["manager_id"] == "BOSS"
            mentor = (await states(one, "matching", "mentors"))["M-4"]
            assert (mentor["capacity"], mentor["status"]) == (3, "paused")
        hires, hoped = await states(flow, "matching", "hires"), await states(good, "matching", "hires")
        assert hires["E-1"]["decision"]["mentor_id"] == hoped["E-1"]["decision"]["mentor_id"]
        assert await letters_of(flow, "welcome") == await letters_of(good, "welcome") == Counter({"E-1": 1})
    finally:
        for database in good.databases.values():
            await mongo_client.drop_database(database.name)


async def test_our_own_facts_that_were_buried_are_applied_in_their_order_once_replayed(
    flow: Flow, mongo_client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    out = [event(f"M-{n}-out", MentorWithdrawn(mentor_id=f"M-{n}")) for n in (3, 1)]  # each in turn has the place
    story = [hired("E-1"), *out, event("E-1-moved", StartDateChanged(employee_id="E-1", start_date="2027-03-01"))]
    _break(monkeypatch, onboarding_handlers.JourneyWork, "matching/E-1/1")  # the first mentor, who is replaced
    _break(monkeypatch, notifications_handlers.CorrespondenceWork, "onboarding/E-1/1")  # the journey's start, which is moved
    good = await open_flow(mongo_client, "flow_good", lambda: NOW)
    try:
        for each in (flow, good):
            each.publish(*PEOPLE, *MENTORS)
            for one in story:
                await each.settle()
                each.publish(one)
            await each.settle()
            if each is flow:
                monkeypatch.undo()  # the fix
                await _replay_all(flow)
        journey, hoped = [(await states(each, "onboarding", "journeys"))["E-1"] for each in (flow, good)]
        assert _days(journey).items() - _days(hoped).items() <= {("mentor_assigned", "2027-02-22")}  # HR's topic did not wait
        assert _statuses(journey) == _statuses(hoped)
        rows = [(await states(each, "onboarding", "board"))["E-1"] for each in (flow, good)]
        assert rows[0]["assignment"]["mentor_id"] == rows[1]["assignment"]["mentor_id"] == "M-2"
        said, hoped = [(await states(each, "notifications", "correspondences"))["E-1"] for each in (flow, good)]
        assert said["asks"] == hoped["asks"]
        assert said["asks"]
    finally:
        for database in good.databases.values():
            await mongo_client.drop_database(database.name)


async def _replay_all(flow: Flow) -> None:
    """Send the first of each key again: the others follow."""
    buried = 0
    for database in flow.databases.values():
        for letter in [letter async for letter in dead_letters.letters(database)]:
            buried += 1
            waits = letter["code"] == dead_letters.WAITS
            assert await dead_letters.replay(database, letter["_id"], NOW) is not waits
    assert buried > 2
    await flow.settle()
    for database in flow.databases.values():
        assert [letter async for letter in dead_letters.letters(database)] == []


def _break(monkeypatch: pytest.MonkeyPatch, work: Any, *over: str) -> None:
    """Give the service a fault that it trips over at these events."""
    real = work.decide

    def decide(self: Any, event: Any, now: datetime) -> None:
        if event.id in over:
            raise ZeroDivisionError
        real(self, event, now)

    monkeypatch.setattr(work, "decide", decide)


def _statuses(journey: Document) -> dict[str, Any]:
    return {name: milestone["status"] for name, milestone in journey["milestones"].items()}


def _days(journey: Document) -> dict[str, Any]:
    return {name: milestone["due"] for name, milestone in journey["milestones"].items()}
