"""Every way in ends as the same record on Kafka: from independent clients, by HTTP, as JSON lines and as a table."""

import asyncio
import io
import json
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import quote

import httpx
import pytest
from aiokafka import AIOKafkaConsumer
from cloudevents.core.bindings import http as sdk_http
from cloudevents.core.bindings.kafka import to_binary, to_structured
from cloudevents.core.formats.json import JSONFormat
from cloudevents.core.v1.event import CloudEvent
from confluent_kafka import Producer
from fastapi import FastAPI
from pydantic import SecretStr

from deploy.ports import free_port
from services.intake.http_binding import BATCH, MAX_BATCH_BYTES, MAX_BATCH_EVENTS
from services.intake.publish import publish_file, publish_lines
from services.intake.publisher import Publisher
from services.intake.table import import_file
from services.intake.web import LARGE_BODIES, web
from shared.access import install_access
from shared.events import Event, decode_record
from shared.events.envelope import MAX_RECORD_BYTES, STRUCTURED
from shared.settings import Settings
from shared.web import make_app

NOW = datetime(2027, 1, 11, 8, tzinfo=UTC)
TOKEN = "operator-token"
HIRED = {"employee_id": "E-1001", "given_name": "Zoë", "family_name": "Ångström", "start_date": "2027-02-01", "skills": ["kafka"]}
EVENTS = "/api/intake/v1/events"


def structured(id: str, employee_id: str = "E-1001", **changes: Any) -> dict[str, Any]:
    event = {"specversion": "1.0", "id": id, "source": "/hr/acme", "type": "hr.employee.hired.v1"}
    return event | {"data": HIRED | {"employee_id": employee_id}} | changes


def sdk_event(id: str) -> CloudEvent:
    attributes = {"id": id, "source": "/hr/acme", "type": "hr.employee.hired.v1", "subject": "E-1001", "specversion": "1.0"}
    return CloudEvent(attributes=attributes | {"time": NOW, "datacontenttype": "application/json"}, data=HIRED)


class Reader:
    """Everything on the two inbound topics, decoded as the services decode it."""

    def __init__(self, consumer: AIOKafkaConsumer) -> None:
        self._consumer = consumer
        self.read: list[tuple[bytes | None, Event[Any]]] = []

    async def events(self, *ids: str) -> list[Event[Any]]:
        """The events with these ids, in the order they stand, once all are there."""
        async with asyncio.timeout(60):
            while not set(ids) <= {event.id for _, event in self.read}:
                for batch in (await self._consumer.getmany(timeout_ms=100)).values():
                    for record in batch:
                        event = decode_record(record.topic, record.value, record.headers, NOW)
                        self.read.append((record.key, event))
        assert all(key == event.subject.encode() for key, event in self.read)
        return [event for _, event in self.read if event.id in ids]

    async def ids(self) -> set[str]:
        """What is there now."""
        for batch in (await self._consumer.getmany(timeout_ms=300)).values():
            self.read += [(record.key, decode_record(record.topic, record.value, record.headers, NOW)) for record in batch]
        return {event.id for _, event in self.read}


@pytest.fixture
async def reader(kafka_url: str) -> AsyncIterator[Reader]:
    consumer = AIOKafkaConsumer(
        "hr.employees", "mentoring.mentors", bootstrap_servers=kafka_url, auto_offset_reset="earliest", group_id=None
    )
    await consumer.start()
    yield Reader(consumer)
    await consumer.stop()


def door(kafka: str) -> FastAPI:
    settings = Settings(kafka=kafka, token=SecretStr(TOKEN), secret=SecretStr("s" * 32))
    app = make_app("doors", web(settings, lambda: NOW), large_bodies=LARGE_BODIES)
    install_access(app, settings)
    return app


@pytest.fixture
async def http(kafka_url: str) -> AsyncIterator[httpx.AsyncClient]:
    app = door(kafka_url)
    async with (
        app.router.lifespan_context(app),
        httpx.AsyncClient(
            transport=httpx.ASGITransport(app), base_url="http://127.0.0.1", headers={"authorization": f"Bearer {TOKEN}"}
        ) as client,
    ):
        yield client


@pytest.mark.parametrize("write", [to_binary, to_structured], ids=["binary", "structured"])
async def test_what_an_independent_kafka_client_sends_is_read(kafka_url: str, reader: Reader, write: Any) -> None:
    message = write(sdk_event(f"confluent-{write.__name__}"), JSONFormat())
    delivered: list[Any] = []
    producer = Producer({"bootstrap.servers": kafka_url, "enable.idempotence": True})
    producer.produce(
        "hr.employees",
        value=message.value,
        key="E-1001",
        headers=list(message.headers.items()),
        on_delivery=lambda error, _: delivered.append(error),
    )
    assert await asyncio.to_thread(producer.flush, 15) == 0
    assert delivered == [None]
    (event,) = await reader.events(f"confluent-{write.__name__}")
    assert (event.subject, event.time, event.data.name, event.data.skills) == ("E-1001", NOW, "Zoë Ångström", ["kafka"])


@pytest.mark.parametrize("write", [sdk_http.to_binary, sdk_http.to_structured], ids=["binary", "structured"])
async def test_what_the_cloudevents_sdk_sends_by_http_is_read(http: httpx.AsyncClient, reader: Reader, write: Any) -> None:
    message = write(sdk_event(f"sdk-{write.__name__}"), JSONFormat())
    answer = await http.post(EVENTS, content=message.body, headers=message.headers)
    assert answer.status_code == 202
    assert answer.json() == {"accepted": 1, "refused": 0, "results": [{"id": f"sdk-{write.__name__}", "status": "accepted"}]}
    (event,) = await reader.events(f"sdk-{write.__name__}")
    assert (event.subject, event.time, event.data.name) == ("E-1001", NOW, "Zoë Ångström")


async def test_a_batch_is_published_in_order_and_an_event_without_time_gets_the_moment_of_arrival(
    http: httpx.AsyncClient, reader: Reader
) -> None:
    change = {"type": "hr.employee.start_date_changed.v1", "data": {"employee_id": "E-1001", "start_date": "2027-02-08"}}
    batch = [structured("b-1"), structured("b-2", **change), structured("b-3", time="2027-01-02T03:04:05+01:00")]
    answer = await http.post(EVENTS, json=batch, headers={"content-type": BATCH})
    assert (answer.status_code, answer.json()["accepted"]) == (202, 3)
    events = await reader.events("b-1", "b-2", "b-3")
    assert [event.id for event in events] == ["b-1", "b-2", "b-3"]
    assert [event.time for event in events] == [NOW, NOW, datetime(2027, 1, 2, 2, 4, 5, tzinfo=UTC)]


async def test_mentors_may_be_enrolled_through_the_door(http: httpx.AsyncClient, reader: Reader) -> None:
    enrolled = structured("m-1", type="mentoring.mentor.enrolled.v1", data={"mentor_id": "E-7", "capacity": 3})
    assert (await http.post(EVENTS, json=enrolled, headers={"content-type": STRUCTURED})).status_code == 202
    (event,) = await reader.events("m-1")
    assert (event.subject, event.data.capacity) == ("E-7", 3)


async def test_a_null_in_an_update_arrives_as_one(http: httpx.AsyncClient, reader: Reader) -> None:
    update = structured("n-1", type="hr.employee.updated.v1", data={"employee_id": "E-1001", "manager_id": None})
    assert (await http.post(EVENTS, json=update, headers={"content-type": STRUCTURED})).status_code == 202
    (event,) = await reader.events("n-1")
    assert event.data.profile() == {"manager_id": None}


async def test_header_values_are_percent_decoded_and_unquoted(http: httpx.AsyncClient, reader: Reader) -> None:
    headers = {"ce-specversion": "1.0", "ce-type": "hr.employee.hired.v1", "content-type": "application/json; charset=utf-8"}
    for id, written in (("Zoë 1", quote("Zoë 1")), ("Zoë 2", '"Zo%C3%AB 2"')):
        answer = await http.post(EVENTS, json=HIRED, headers=headers | {"ce-source": "/hr/acme", "ce-id": written})
        assert answer.json()["results"][0]["id"] == id
    assert len(await reader.events("Zoë 1", "Zoë 2")) == 2


async def test_the_good_events_of_a_batch_are_published_and_each_bad_one_is_answered(
    http: httpx.AsyncClient, reader: Reader
) -> None:
    bad: list[Any] = [
        structured("p-2", data={**HIRED, "birthDate": "1990-01-01"}),
        structured("p-3", data={**HIRED, "time_zone": "Mars/Base"}),
        {"specversion": "1.0", "source": "/hr", "type": "hr.employee.hired.v1", "data": HIRED},
        "no event",
        structured("p-6", type="onboarding.journey.cancelled.v1"),
        structured("p-7", source="/firstmate/onboarding"),
        structured("p-8", type="hr.employee.promoted.v1"),
    ]
    answer = await http.post(EVENTS, json=[structured("p-1"), *bad, structured("p-9")], headers={"content-type": BATCH})
    assert answer.status_code == 207
    body = answer.json()
    assert (body["accepted"], body["refused"]) == (2, 7)
    assert [(result.get("id"), result["status"], result.get("code"), result.get("field")) for result in body["results"]] == [
        ("p-1", "accepted", None, None),
        ("p-2", "refused", "forbidden_field", "birthDate"),
        ("p-3", "refused", "invalid_field", "time_zone"),
        (None, "refused", "missing_attribute", "id"),
        (None, "refused", "malformed_event", None),
        ("p-6", "refused", "type_not_accepted", "type"),
        ("p-7", "refused", "reserved_source", "source"),
        ("p-8", "refused", "unknown_type", "type"),
        ("p-9", "accepted", None, None),
    ]
    await reader.events("p-1", "p-9")
    assert not {"p-2", "p-3", "p-6", "p-7", "p-8"} & await reader.ids()


async def test_a_batch_of_bad_events_is_a_problem_with_a_result_for_each(http: httpx.AsyncClient) -> None:
    answer = await http.post(EVENTS, json=[{}, {"specversion": "0.3"}], headers={"content-type": BATCH})
    assert (answer.status_code, answer.headers["content-type"]) == (422, "application/problem+json")
    body = answer.json()
    assert (body["code"], body["accepted"], len(body["results"])) == ("every_event_refused", 0, 2)


@pytest.mark.parametrize(
    ("body", "headers", "status", "code", "field"),
    [
        (json.dumps(structured("")).encode(), {"content-type": STRUCTURED}, 422, "missing_attribute", "id"),
        (b"{", {"content-type": STRUCTURED}, 422, "malformed_json", None),
        (b"{}", {"content-type": BATCH}, 422, "malformed_event", None),
        (b"[]", {"content-type": STRUCTURED}, 422, "malformed_event", None),
        (b"{}", {"content-type": "application/json"}, 422, "not_a_cloudevent", None),
        (b"{}", {"content-type": "application/json", "ce-id": "%FF"}, 422, "malformed_header", "ce-id"),
        (b"<hire/>", {"content-type": "text/xml"}, 415, "unsupported_media_type", "content-type"),
        (b"", {}, 415, "unsupported_media_type", "content-type"),
        (b"x", {"content-type": "application/cloudevents+avro"}, 415, "unsupported_media_type", "content-type"),
        (b" " * (MAX_RECORD_BYTES + 1), {"content-type": STRUCTURED}, 413, "too_large", None),
        (b" " * (MAX_BATCH_BYTES + 1), {"content-type": BATCH}, 413, "too_large", None),
        (b"[" + b"1," * MAX_BATCH_EVENTS + b"1]", {"content-type": BATCH}, 413, "too_large", None),
    ],
)
async def test_a_request_that_is_wrong_as_a_whole_is_a_problem_naming_the_field(
    http: httpx.AsyncClient, body: bytes, headers: dict[str, str], status: int, code: str, field: str | None
) -> None:
    answer = await http.post(EVENTS, content=body, headers=headers)
    assert answer.status_code == status
    assert answer.headers["content-type"] == "application/problem+json"
    problem = answer.json()
    assert (problem["code"], problem.get("field"), problem["status"]) == (code, field, status)
    assert problem["detail"]


async def test_a_body_without_a_declared_length_is_cut_off_at_the_limit(http: httpx.AsyncClient) -> None:
    sent = 0

    async def endless() -> AsyncIterator[bytes]:
        nonlocal sent
        while True:
            sent += 65536
            yield b" " * 65536

    answer = await http.post(EVENTS, content=endless(), headers={"content-type": STRUCTURED})
    assert answer.status_code == 413
    assert sent <= MAX_RECORD_BYTES + 2 * 65536


@pytest.mark.parametrize("token", [None, "wrong"])
async def test_only_the_operator_may_publish(http: httpx.AsyncClient, token: str | None) -> None:
    headers = {"content-type": STRUCTURED, "authorization": f"Bearer {token}" if token else ""}
    assert (await http.post(EVENTS, json=structured("u-1"), headers=headers)).status_code == 401


async def test_without_kafka_the_door_says_when_to_come_again() -> None:
    app = door(f"127.0.0.1:{free_port()}")
    headers = {"authorization": f"Bearer {TOKEN}", "content-type": STRUCTURED}
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://127.0.0.1", headers=headers) as client:
        answer = await client.post(EVENTS, json=structured("k-1"), timeout=30)
    assert answer.status_code == 503
    assert int(answer.headers["retry-after"]) > 0
    assert answer.json()["code"] == "kafka_unavailable"


async def test_many_requests_at_once_are_all_confirmed(http: httpx.AsyncClient, reader: Reader) -> None:
    ids = [f"many-{number}" for number in range(60)]
    answers = await asyncio.gather(
        *(http.post(EVENTS, json=structured(id, f"E-{id}"), headers={"content-type": STRUCTURED}) for id in ids)
    )
    assert {answer.status_code for answer in answers} == {202}
    assert len(await reader.events(*ids)) == 60


async def test_lines_are_published_in_order_and_bad_ones_left_out_on_request(
    kafka_url: str, reader: Reader, tmp_path: Path
) -> None:
    source = tmp_path / "hires.jsonl"
    events = [structured(f"l-{number}", "E-5") for number in range(3)]
    source.write_text("\n".join([json.dumps(events[0]), "{", json.dumps(events[1]), "", json.dumps(events[2])]))
    refused = await publish_file(str(source), kafka_url, NOW)
    assert (refused.ok, refused.published, [fault.line for fault in refused.faults]) == (False, 0, [2])
    report = await publish_file(str(source), kafka_url, NOW, skip_bad=True)
    assert (report.ok, report.lines, report.published, report.refused) == (True, 4, 3, 1)
    assert [event.id for event in await reader.events("l-0", "l-1", "l-2")] == ["l-0", "l-1", "l-2"]


async def test_more_lines_than_one_chunk_all_arrive(kafka_url: str, reader: Reader) -> None:
    ids = [f"chunk-{number}" for number in range(1203)]
    source = io.BytesIO("\n".join(json.dumps(structured(id, f"E-{id}")) for id in ids).encode())
    publisher = Publisher(kafka_url)
    report = await publish_lines(source, publisher, NOW)
    await publisher.close()
    assert report.published == 1203
    assert len(await reader.events(*ids)) == 1203


async def test_a_table_is_imported_and_importing_it_again_tells_nothing_and_says_so(
    kafka_url: str, reader: Reader, tmp_path: Path
) -> None:
    table = tmp_path / "people.csv"
    start = (NOW + timedelta(days=30)).date()
    table.write_text(
        f"kind;id;name;Hire date;places;skills\nhire;E-71;Ada Okafor;{start};;kafka,go\nmentor;E-72;Ben Sato;;2;\n", "utf-8"
    )
    reports = [await import_file(str(table), kafka_url, NOW) for _ in range(2)]
    assert [(report.ok, report.published, report.unchanged) for report in reports] == [(True, 3, 0), (True, 0, 3)]

    async def imported() -> list[Event[Any]]:
        await reader.ids()
        return [event for _, event in reader.read if event.source == "/import/table"]

    async with asyncio.timeout(60):
        while len(events := await imported()) < 3:
            pass
    assert len({event.id for event in events}) == 3
    assert {event.type for event in events} == {"hr.employee.hired.v1", "hr.employee.snapshot.v1", "mentoring.mentor.enrolled.v1"}
    (hire,) = {event.data.name: event for event in events if event.subject == "E-71"}.values()
    assert (hire.data.start_date, hire.data.skills) == (start, ["kafka", "go"])


async def test_a_table_that_goes_back_to_an_earlier_state_is_told_anew(kafka_url: str, reader: Reader, tmp_path: Path) -> None:
    table = tmp_path / "hire.csv"
    states = [f"employee_id,name,start_date\nE-81,Ada,{(NOW + timedelta(days=days)).date()}\n" for days in (30, 40, 30, 40, 40)]
    published = []
    for state in states:
        table.write_text(state, "utf-8")
        published.append((await import_file(str(table), kafka_url, NOW)).published)
    assert published == [1, 1, 1, 1, 0]
    async with asyncio.timeout(60):
        while len([event for _, event in reader.read if event.subject == "E-81"]) < 4:
            await reader.ids()
    ids = [event.id for _, event in reader.read if event.subject == "E-81"]
    assert len(set(ids)) == 4
