"""Every event's payload is pinned: changing one on purpose is a new version, changing one by accident fails here."""

import json
from datetime import UTC, datetime
from typing import Any

import pytest

from shared.events import EVENT_TYPES, decode_record, envelope_from_json, new_event, to_record
from shared.topics import TOPICS
from tests.contract.golden import breaking_changes, current_schema, files

NOW = datetime(2027, 1, 11, 8, tzinfo=UTC)
HOW = "see the first lines of tests/contract/golden.py for how to make a new version"


def golden(type: str) -> dict[str, Any]:
    document: dict[str, Any] = json.loads(files()[type].read_text())
    return document


def test_every_event_type_has_a_golden_file_and_every_file_a_type() -> None:
    assert set(files()) == set(EVENT_TYPES), HOW


@pytest.mark.parametrize("type", EVENT_TYPES)
def test_a_golden_example_comes_back_equal_from_decoding_and_encoding(type: str) -> None:
    document = golden(type)
    headers = [
        ("ce_specversion", b"1.0"),
        ("ce_id", b"1"),
        ("ce_source", b"/firstmate/test"),
        ("ce_type", type.encode()),
        ("ce_time", b"2027-01-11T08:00:00.123456Z"),
        ("ce_sequence", b"7"),
        ("content-type", b"application/json"),
    ]
    event = decode_record(document["topic"], json.dumps(document["data"]).encode(), headers, NOW)
    key, value, written = to_record(event)
    assert json.loads(value) == document["data"]
    assert key.decode() == event.subject
    assert set(headers) < set(written)
    assert decode_record(document["topic"], value, written, NOW) == event


@pytest.mark.parametrize("type", EVENT_TYPES)
def test_an_example_shows_every_field_of_its_type(type: str) -> None:
    document = golden(type)
    if type != "hr.employee.updated.v1":  # its example shows a few fields and a null: that is what an update is
        assert set(document["data"]) == set(document["schema"]["properties"])


@pytest.mark.parametrize("type", EVENT_TYPES)
def test_a_payload_changes_only_by_optional_fields(type: str) -> None:
    assert list(breaking_changes(golden(type)["schema"], current_schema(type))) == [], HOW


def test_every_event_type_has_a_declared_topic() -> None:
    assert {model.TOPIC for model in EVENT_TYPES.values()} <= {topic.name for topic in TOPICS}


def test_the_version_is_part_of_every_type_name() -> None:
    assert all(type.rsplit(".", 1)[1].removeprefix("v").isdigit() for type in EVENT_TYPES)


PINNED = {
    "properties": {"a": {"type": "string"}, "b": {"type": "integer", "default": 2}},
    "required": ["a"],
    "type": "object",
}


@pytest.mark.parametrize(
    ("change", "named"),
    [
        ({"properties": {"a": {"type": "string"}}}, "data.b: is gone"),
        ({"properties": {"a": {"type": "integer"}, "b": PINNED["properties"]["b"]}}, "data.a.type"),
        ({"properties": {"a": {"type": "string"}, "b": {"type": "integer", "default": 3}}}, "data.b.default"),
        ({"required": ["a", "b"]}, "data.b: is required now"),
        ({"required": []}, "data.a: is optional now"),
    ],
)
def test_a_change_that_breaks_a_reader_is_named(change: dict[str, Any], named: str) -> None:
    changes = list(breaking_changes(PINNED, PINNED | change))
    assert len(changes) == 1
    assert changes[0].startswith(named)


def test_a_new_optional_field_breaks_nobody() -> None:
    grown = PINNED | {"properties": PINNED["properties"] | {"c": {"type": "string", "default": ""}}}
    assert list(breaking_changes(PINNED, grown)) == []


def test_a_field_set_to_null_travels_and_one_never_set_does_not() -> None:
    event = envelope_from_json(
        {
            "specversion": "1.0",
            "id": "1",
            "source": "/hr",
            "type": "hr.employee.updated.v1",
            "data": {"employee_id": "E-1", "manager_id": None},
        }
    )
    payload = EVENT_TYPES[event.type].model_validate(event.data)
    _, value, _ = to_record(new_event(payload, source="/hr", id="1", time=NOW))
    assert json.loads(value) == {"employee_id": "E-1", "manager_id": None}
