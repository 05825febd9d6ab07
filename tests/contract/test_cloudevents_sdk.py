"""The CloudEvents SDK as an independent reader and writer of what travels on Kafka."""

import json
from datetime import UTC, datetime
from typing import Any

import pytest
from cloudevents.core.bindings.kafka import KafkaMessage, from_binary, to_binary, to_structured
from cloudevents.core.formats.json import JSONFormat
from cloudevents.core.v1.event import CloudEvent

from shared.events import EVENT_TYPES, decode_record, new_event, to_record
from tests.contract.test_golden import golden

NOW = datetime(2027, 1, 11, 8, 0, 0, 250_000, tzinfo=UTC)


def ours(type: str, sequence: int | None = 3) -> Any:
    payload = EVENT_TYPES[type].model_validate(golden(type)["data"])
    return new_event(payload, source="/firstmate/test", id=f"test/{type}/1", time=NOW, sequence=sequence)


def theirs(type: str) -> CloudEvent:
    event = ours(type)
    attributes = {
        "id": event.id,
        "source": event.source,
        "type": type,
        "subject": event.subject,
        "time": NOW,
        "specversion": "1.0",
        "datacontenttype": "application/json",
        "sequence": "3",
    }
    return CloudEvent(attributes=attributes, data=golden(type)["data"])


@pytest.mark.parametrize("type", EVENT_TYPES)
def test_the_sdk_reads_what_we_write(type: str) -> None:
    event = ours(type)
    key, value, headers = to_record(event)
    read = from_binary(KafkaMessage(headers=dict(headers), key=key, value=value), JSONFormat())
    assert read.get_id() == event.id
    assert read.get_source() == event.source
    assert read.get_type() == type
    assert read.get_subject() == event.subject
    assert read.get_time() == NOW
    assert read.get_datacontenttype() == "application/json"
    assert read.get_extension("sequence") == "3"
    assert read.get_extension("partitionkey") == event.subject
    assert read.get_data() == golden(type)["data"]


@pytest.mark.parametrize("write", [to_binary, to_structured], ids=["binary", "structured"])
@pytest.mark.parametrize("type", EVENT_TYPES)
def test_we_read_what_the_sdk_writes(type: str, write: Any) -> None:
    message = write(theirs(type), JSONFormat())
    assert decode_record(EVENT_TYPES[type].TOPIC, message.value, list(message.headers.items()), NOW) == ours(type)


def test_a_structured_record_is_read_as_one_even_when_ce_headers_stand_beside_it() -> None:
    message = to_structured(theirs("hr.employee.hired.v1"), JSONFormat())
    headers = [*message.headers.items(), ("ce_id", b"another"), ("ce_type", b"\xff")]
    assert decode_record("hr.employees", message.value, headers, NOW) == ours("hr.employee.hired.v1")


def test_extensions_and_unknown_fields_are_ignored() -> None:
    data = golden("hr.employee.hired.v1")["data"] | {"favourite_colour": "green"}
    attributes = theirs("hr.employee.hired.v1").get_attributes() | {"comexampleorg": "acme"}
    message = to_binary(CloudEvent(attributes=attributes, data=data), JSONFormat())
    headers = [*message.headers.items(), ("x-trace", b"\xff"), ("x-null", None)]
    assert decode_record("hr.employees", message.value, headers, NOW) == ours("hr.employee.hired.v1")


def test_the_count_of_a_foreign_source_is_not_taken_for_ours() -> None:
    attributes = theirs("hr.employee.hired.v1").get_attributes() | {"source": "/hr/acme"}
    message = to_binary(CloudEvent(attributes=attributes, data=golden("hr.employee.hired.v1")["data"]), JSONFormat())
    assert decode_record("hr.employees", message.value, list(message.headers.items()), NOW).sequence is None


def test_trace_context_travels_and_nonsense_in_its_place_is_dropped() -> None:
    parent = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"
    for sent, kept in ((parent, parent), ("00-xyz", None)):
        message = to_structured(theirs("hr.employee.hired.v1"), JSONFormat())
        value = json.dumps(json.loads(message.value) | {"traceparent": sent}).encode()
        event = decode_record("hr.employees", value, list(message.headers.items()), NOW)
        assert event.traceparent == kept
        assert (("ce_traceparent", parent.encode()) in to_record(event)[2]) == (kept is not None)
