"""Metrics move with what is committed, on a real database: what is counted, and how things are told to stand."""

from datetime import timedelta
from typing import Any

from prometheus_client import REGISTRY

from services.matching import store as matching
from services.notifications import store as notifications
from services.onboarding import store as onboarding
from shared.events import new_event
from shared.health import Waiting
from shared.mongo import Database
from shared.processing import Processor
from tests.tally import NOW, Recount, TallyWork, hr_record


def value(name: str, **labels: str) -> float:
    return REGISTRY.get_sample_value(f"firstmate_{name}", labels) or 0.0


async def test_a_batch_counts_its_events_facts_size_and_stages(database: Database) -> None:
    here: dict[str, Any] = {"service": "tally", "consumer": "measured"}
    processor = Processor(service="tally", consumer="measured", db=database, work=lambda: TallyWork(database), clock=lambda: NOW)
    facts = value("facts_total", service="tally", type="mentoring.assignment.unlisted.v1")
    await processor.process([hr_record(0), hr_record(1, "E-2"), hr_record(2, value=b"{not json")])
    await processor.execute([new_event(Recount(employee_id="E-3"), source="/test", id="1", time=NOW)])
    assert value("events_total", type="hr.employee.snapshot.v1", **here) == 2
    assert value("facts_total", service="tally", type="mentoring.assignment.unlisted.v1") == facts + 3
    assert value("batch_records_sum", **here) == 3
    assert value("batch_records_count", **here) == value("batch_seconds_count", **here) == 1
    assert [value("stage_seconds_count", stage=stage, **here) for stage in ("read", "decide", "commit")] == [1, 1, 1]


async def test_hires_who_wait_places_journeys_and_mails_are_told_as_they_stand(database: Database) -> None:
    since = (NOW - timedelta(hours=2)).isoformat()
    hires = [
        {"_id": "E-1", "state": {"status": "waitlisted", "waiting": {"since": since}}},
        {"_id": "E-2", "state": {"status": "assigned"}},
    ]
    await database[matching.HIRES].insert_many(hires)
    mentors = [
        {"_id": "M-1", "state": {"status": "active", "capacity": 3, "load": 1}},
        {"_id": "M-2", "state": {"status": "paused", "capacity": 9}},
    ]
    await database[matching.MENTORS].insert_many(mentors)
    await database["board"].insert_many([{"_id": name, "state": {"standing": "late"}} for name in ("E-1", "E-2")])
    mails = [{"_id": state, "channel": "email", "state": state} for state in ("planned", "due", "sending", "sent")]
    await database[notifications.MESSAGES].insert_many(mails)
    await matching.measure(database, NOW)
    await onboarding.measure(database)
    await notifications.measure(database, ["email"])
    assert (value("waiting_hires"), value("waiting_seconds")) == (1, 7200)
    assert (value("mentor_places", use="taken"), value("mentor_places", use="free")) == (1, 2)
    assert (value("journeys", standing="late"), value("journeys", standing="track")) == (2, 0)
    assert [value("mails", channel="email", state=state) for state in ("planned", "due", "sending")] == [1, 1, 1]


def test_the_oldest_record_s_wait_is_known_from_where_topics_ended() -> None:
    waiting, place = Waiting(), ("hr.employees", 0)
    assert waiting.observe({place: 0}, {place: 10}, 100.0) == 0
    assert waiting.observe({place: 5}, {place: 10}, 101.0) == 0
    assert waiting.observe({place: 9}, {place: 10}, 104.0) == 3
    assert waiting.observe({place: 4}, {place: 15}, 106.0) == 2, "the first five are done: those seen at 104 are the oldest"
    assert waiting.observe({place: 0}, {place: 19}, 107.0) == 0
    for second in range(2000):
        oldest = waiting.observe({place: second + 1}, {place: 19}, 200.0 + second)
    assert oldest == 1999
    assert len(waiting.ends[place]) <= 600
