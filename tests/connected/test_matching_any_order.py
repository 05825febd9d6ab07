"""Topics are not ordered among each other: every interleaving that keeps each topic's order per key ends alike."""

import random
from collections.abc import Iterator
from datetime import date, timedelta
from typing import Any

import pytest

from services.matching import store
from services.matching.domain import Hire
from shared.events import Event, new_event
from shared.events.hr import (
    EmployeeRehired,
    EmployeeTerminated,
    EmployeeUpdated,
    HireRescinded,
    StartDateChanged,
    TerminationCancelled,
)
from shared.events.mentoring import MentorChanged, MentorNominated, MentorTrained, MentorWithdrawn
from shared.events.onboarding import JourneyCancelled, JourneyEnded, JourneyReopened, JourneyStarted, MeetingHeld
from shared.mongo import Client, Database
from shared.worker import prepare_database
from tests.connected.matching_company import NOW, Company, company, enrolled, hired, known

PEOPLE = [f"P-{n}" for n in range(6)]  # each may be hire, mentor and manager of others


def hr_history(choose: random.Random, id: str) -> Iterator[Any]:
    yield choose.choice([known, hired])(
        id, languages=choose.choice([["en"], ["en", "fr"]]), manager_id=choose.choice([None, *PEOPLE])
    )
    for _ in range(choose.randint(0, 4)):
        yield choose.choice(
            [
                lambda: hired(id),
                lambda: HireRescinded(employee_id=id),
                lambda: EmployeeTerminated(employee_id=id),
                lambda: TerminationCancelled(employee_id=id),
                lambda: EmployeeRehired(employee_id=id, display_name=id, start_date=date(2027, 6, 1)),
                lambda: EmployeeUpdated(employee_id=id, manager_id=choose.choice(PEOPLE)),
                lambda: EmployeeUpdated(employee_id=id, languages=["de"]),
                lambda: StartDateChanged(employee_id=id, start_date=date(2027, 3, 1)),
            ]
        )()


def mentor_history(choose: random.Random, id: str) -> Iterator[Any]:
    if choose.random() < 0.7:
        yield choose.choice([enrolled(id, choose.randint(0, 2)), MentorNominated(mentor_id=id, capacity=choose.randint(0, 2))])
        for _ in range(choose.randint(0, 3)):
            yield choose.choice(
                [
                    lambda: MentorChanged(mentor_id=id, status="paused"),
                    lambda: MentorChanged(mentor_id=id, status="active", capacity=2),
                    lambda: MentorChanged(mentor_id=id, trained=False),
                    lambda: MentorChanged(mentor_id=id, available_from=date(2027, 1, choose.randint(5, 31))),
                    lambda: MentorTrained(mentor_id=id, trained_on=date(2026, 12, 1)),
                    lambda: MentorNominated(mentor_id=id, endorsed_by="B-1"),
                    lambda: MentorWithdrawn(mentor_id=id),
                    lambda: enrolled(id, 1),
                ]
            )()


def journey_history(choose: random.Random, id: str) -> Iterator[Any]:
    def started() -> Any:
        return JourneyStarted(employee_id=id, start_date=date(2027, 1, 11), programme="p", programme_version="1", milestones=[])

    for _ in range(choose.randint(0, 4)):
        yield choose.choice(
            [
                started,
                lambda: JourneyCancelled(employee_id=id),
                lambda: JourneyReopened(employee_id=id),
                lambda: JourneyEnded(employee_id=id, outcome="completed"),
                lambda: JourneyEnded(employee_id=id, outcome="left"),
                lambda: MeetingHeld(
                    employee_id=id,
                    meeting_id="m",
                    mentor_id=choose.choice(PEOPLE),
                    held_on=date(2027, 2, 1),
                    minutes=20,
                    reported_by=id,
                ),
            ]
        )()


def histories(seed: int) -> list[list[Event[Any]]]:
    """One list per topic and person, in order."""
    choose = random.Random(seed)
    found = []
    for kind, history in (("hr", hr_history), ("mentors", mentor_history), ("journeys", journey_history)):
        for id in PEOPLE:
            payloads = list(history(choose, id))
            found.append(
                [
                    new_event(
                        payload,
                        source=f"/{kind}",
                        id=f"{kind}/{id}/{n}",
                        time=NOW + timedelta(minutes=n),
                        sequence=_sequence(kind, n),
                    )
                    for n, payload in enumerate(payloads, 1)
                ]
            )
    return [history for history in found if history]


def _sequence(kind: str, number: int) -> int | None:
    return number if kind == "journeys" else None  # who sends facts about people and mentors from outside counts nothing


def interleaved(histories: list[list[Event[Any]]], choose: random.Random) -> list[list[Event[Any]]]:
    """Batches in one of the possible orders; some facts come twice."""
    left = [list(history) for history in histories]
    batches: list[list[Event[Any]]] = [[]]
    while any(left):
        event = choose.choice([history for history in left if history]).pop(0)
        batches[-1] += [event] * choose.choice([1, 1, 1, 2])
        if choose.random() < 0.3:
            batches.append([])
    return batches


async def _play(room: Company, batches: list[list[Event[Any]]]) -> None:
    room.now = NOW + timedelta(days=1)
    for batch in batches:
        await room.processor.process([room.record_of(event) for event in batch])
        await room.assert_in_order()


async def facts(db: Database) -> dict[str, Any]:
    """What is known, without what was decided at which moment."""
    decided = {"status", "decision", "proposal", "waiting", "waited", "history"}
    hires = {
        document["_id"]: Hire.model_validate(document["state"]).model_dump(exclude=decided)
        async for document in db[store.HIRES].find({"state": {"$ne": None}})
    }
    mentors = {
        document["_id"]: {name: value for name, value in document["state"].items() if name not in ("mentees", "reserved", "load")}
        async for document in db[store.MENTORS].find({"state": {"$ne": None}})
    }
    people = {person["_id"]: person async for person in db["directory"].find()}
    return {"hires": hires, "mentors": mentors, "people": people}


@pytest.mark.parametrize("seed", range(12))
async def test_every_interleaving_of_the_topics_ends_alike(mongo_client: Client, seed: int) -> None:
    given = histories(seed)
    ends = []
    for order in range(3):
        db = mongo_client[f"matching_order_{seed}_{order}"]
        await mongo_client.drop_database(db.name)
        await prepare_database(db)
        # Every third history under approval: a proposal is held to the same rules as a pair.
        room = await company(db, approval=timedelta(hours=1) if seed % 3 == 0 else None)
        await _play(room, interleaved(given, random.Random(f"{seed} {order}")))
        await room.waitlist.try_again(db)
        await room.assert_in_order()
        ends.append(await facts(db))
        await mongo_client.drop_database(db.name)
    assert ends[0] == ends[1] == ends[2]
