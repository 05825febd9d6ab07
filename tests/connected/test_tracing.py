"""Spans of one service on a real database and broker: ids that are known before and the same again, told once it is committed."""

import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

import pytest
import structlog
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from prometheus_client import REGISTRY

from deploy.traces import Step, traces
from shared import kafka, spans, tracing
from shared.events import new_event
from shared.health import exposition
from shared.mongo import Database
from shared.processing import Processor
from shared.record import Record
from tests.conftest import Until
from tests.connected.test_outbox import ids as published_ids
from tests.connected.test_outbox import relaying, take
from tests.connected.test_worker import records_of
from tests.tally import NOW, Recount, TallyWork, hr_record

HRS = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"
Told = Callable[..., list[list[tuple[Step, ...]]]]


@pytest.fixture
def told(tmp_path: Path) -> Iterator[Told]:
    """Traces are on; the answer is what files hold about each person, after which they are off."""
    tracing.configure("matching", tmp_path, {})

    def read(*employees: str) -> list[list[tuple[Step, ...]]]:
        tracing.shut_down()
        return [traces(tmp_path, employee_id) for employee_id in employees]

    yield read
    tracing.shut_down()


def processor(db: Database, consumer: str = "tally", service: str = "matching") -> Processor:
    return Processor(service=service, consumer=consumer, db=db, work=lambda: TallyWork(db), clock=lambda: NOW)


def sent_by_hr(record: Record, traceparent: str) -> Record:
    return replace(record, headers=(*record.headers, ("ce_traceparent", traceparent.encode())))


async def outgoing(db: Database) -> list[dict[str, str]]:
    found = [record async for document in db["outbox"].find().sort("_id", 1) for record in document["records"]]
    return [{name: value.decode() for name, value in record["headers"]} for record in found]


async def test_all_who_read_an_event_agree_on_its_trace_and_one_tells_of_its_origin(database: Database, told: Told) -> None:
    for consumer, service in (("tally", "matching"), ("other", "onboarding"), ("third", "notifications")):
        await processor(database, consumer, service).process([hr_record(0)])
    ((trace,),) = told("E-1")
    (origin,) = trace
    assert (origin.name, origin.start, origin.ms) == ("hr.employee.snapshot.v1", NOW, 0)
    assert {step.name for step in origin.steps} == {f"{name} hr.employee.snapshot.v1" for name in ("tally", "other", "third")}
    for step in origin.steps:
        assert [each.name for each in step.steps] == ["transaction"]
        assert step.attributes["messaging.kafka.offset"] == 0


async def test_what_follows_carries_the_step_that_decided_it_and_is_the_same_when_it_is_repeated(
    database: Database, told: Told
) -> None:
    before = await outgoing(database)
    await processor(database).process([sent_by_hr(hr_record(0), HRS)])
    (said,) = await outgoing(database)
    assert before == []
    await database["progress"].update_many({}, {"$set": {"next": 0}})
    await database["tallies"].delete_many({})
    await processor(database).process([sent_by_hr(hr_record(0), HRS)])
    assert [each["ce_traceparent"] for each in await outgoing(database)] == [said["ce_traceparent"]] * 2
    ((trace,),) = told("E-1")
    (step,) = trace
    assert f"00-{step.trace_id}-{step.parent}-01" == HRS
    assert said["ce_traceparent"] == f"00-{step.trace_id}-{step.id}-01"


async def test_where_hr_takes_no_sample_nothing_is_told_and_the_context_goes_on(database: Database, told: Told) -> None:
    await processor(database).process([sent_by_hr(hr_record(0), HRS[:-1] + "0")])
    (said,) = await outgoing(database)
    assert said["ce_traceparent"].startswith(HRS[:36])
    assert said["ce_traceparent"].endswith("-00")
    assert told("E-1") == [[]]


async def test_off_a_context_is_passed_on_as_it_is_and_none_is_made(database: Database) -> None:
    await processor(database).process([sent_by_hr(hr_record(0), HRS), hr_record(1, "E-2")])
    first, second = await outgoing(database)
    assert first["ce_traceparent"] == HRS
    assert "ce_traceparent" not in second


def test_off_nothing_of_the_sdk_is_loaded() -> None:
    code = "import sys, services.matching.app, services.onboarding.app; print([n for n in sys.modules if 'telemetry.sdk' in n])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=120)
    assert done.stdout.strip() == "[]"


async def test_a_dead_letter_is_a_step_with_its_reason_and_logs_name_the_trace(database: Database, told: Told) -> None:
    with structlog.testing.capture_logs() as logs:
        await processor(database).process([hr_record(0, id="poison"), hr_record(1, value=b"{not json")])
    buried = {entry["offset"]: entry["trace_id"] for entry in logs if entry["event"] == "dead_lettered"}
    committed = {id for entry in logs if entry["event"] == "batch_committed" for id in entry["trace_ids"]}
    ((trace,),) = told("E-1")
    (step,) = trace[0].steps
    assert step.fault == "processing_failed"
    assert buried[0] == step.trace_id
    assert set(buried.values()) == committed


async def test_a_command_begins_a_trace_or_goes_on_with_one(database: Database, told: Told) -> None:
    alone, below = Recount(employee_id="E-1"), Recount(employee_id="E-2")
    commands = [
        new_event(alone, source="/test", id="1", time=NOW),
        new_event(below, source="/test", id="2", time=NOW, traceparent=HRS),
    ]
    await processor(database).execute(commands)
    ((began,), (joined,)) = told("E-1", "E-2")
    assert [(step.name, step.parent) for step in began] == [("tally tally.recount.v1", None)]
    assert [f"00-{step.trace_id}-{step.parent}-01" for step in joined] == [HRS]


async def test_consumers_find_the_publication_and_dead_letters_stay_as_they_are(
    database: Database, kafka_url: str, until: Until, told: Told
) -> None:
    bad = hr_record(1, value=b"{not json")
    await processor(database).process([hr_record(0, "E-77"), bad])
    producer = kafka.producer(kafka_url)
    await producer.start()
    async with relaying(database, producer, await take(database)):
        await until(lambda: _told(database))
    await producer.stop()
    assert await published_ids(kafka_url, "E-77") == ["tally/E-77/1"]
    (record,) = [each for each in await records_of(kafka_url, "mentoring.assignments", 6) if each.key == b"E-77"]
    (buried,) = await records_of(kafka_url, "matching.dead-letters", 1)
    assert buried.headers[: len(bad.headers)] == bad.headers
    assert "ce_traceparent" not in dict(buried.headers)
    ((trace,),) = told("E-77")
    (step,) = trace[0].steps
    (publication,) = [each for each in step.steps if each.name.startswith("publish")]
    assert dict(record.headers)["ce_traceparent"].decode() == f"00-{step.trace_id}-{publication.id}-01"
    assert record.headers[-1][0] == "ce_traceparent"


async def _told(db: Database) -> bool:
    return await db["outbox"].find_one({"published_at": None}) is None


async def test_a_batch_s_time_names_a_trace_where_openmetrics_is_asked_for(database: Database, told: Told) -> None:
    await processor(database, "exemplary").process([sent_by_hr(hr_record(0), HRS)])
    named = exposition(REGISTRY, "application/openmetrics-text;version=1.0.0").body.decode()
    lines = [line for line in named.splitlines() if 'consumer="exemplary"' in line and "firstmate_batch_seconds_bucket" in line]
    assert any(f'# {{trace_id="{HRS[3:35]}"}}' in line for line in lines)
    assert HRS[3:35] not in exposition(REGISTRY, "text/plain").body.decode()


def test_files_stay_within_their_bounds(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(spans, "FILE_BYTES", 10_000)
    tracing.configure("matching", tmp_path, {})
    for number in range(500):
        tracing.tell([tracing.Span(f"step {number}", tracing.origin(str(number)), None)])
    tracing.shut_down()
    sizes = [path.stat().st_size for path in tmp_path.iterdir()]
    assert len(sizes) == 2
    assert max(sizes) <= 10_000


def test_a_share_of_traces_is_told_of_by_their_ids(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OTEL_TRACES_SAMPLER", "parentbased_traceidratio")
    monkeypatch.setenv("OTEL_TRACES_SAMPLER_ARG", "0.5")
    tracing.configure("matching", tmp_path, {})
    flags = [tracing.origin("/hr", str(number))[-2:] for number in range(400)]
    again = [tracing.origin("/hr", str(number))[-2:] for number in range(400)]
    tracing.shut_down()
    assert flags == again
    assert 120 < flags.count("01") < 280


def test_a_collector_gets_them_as_otlp(monkeypatch: pytest.MonkeyPatch) -> None:
    got: list[ExportTraceServiceRequest] = []

    class Collector(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            assert self.path == "/v1/traces"
            body = self.rfile.read(int(self.headers["content-length"]))
            got.append(ExportTraceServiceRequest.FromString(body))
            self.send_response(200)
            self.end_headers()

        def log_message(self, *_: Any) -> None:
            """Not on the screen."""

    server = HTTPServer(("127.0.0.1", 0), Collector)
    Thread(target=server.serve_forever, daemon=True).start()
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", f"http://127.0.0.1:{server.server_port}")
    tracing.configure("matching", None)
    tracing.tell([tracing.Span("a step", HRS, None, fault="why")])
    tracing.shut_down()
    server.shutdown()
    server.server_close()
    (resource,) = got[0].resource_spans
    (span,) = resource.scope_spans[0].spans
    assert (span.name, span.trace_id.hex(), span.span_id.hex()) == ("a step", HRS[3:35], HRS[36:52])
    assert ("service.name", "matching") in [(each.key, each.value.string_value) for each in resource.resource.attributes]
    assert span.status.message == "why"
