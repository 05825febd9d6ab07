"""The published AsyncAPI document: whole, well formed, and true to the models."""

import json
from collections.abc import Iterator
from typing import Any

import jsonschema
import pytest
from faststream.specification.asyncapi.v3_0_0.schema import ApplicationSchema

from shared.asyncapi import asyncapi_document
from shared.events import EVENT_TYPES
from shared.topics import TOPICS
from tests.contract.test_golden import golden

DOCUMENT = asyncapi_document("kafka-1:9092,kafka-2:9092")


def references(part: Any) -> Iterator[str]:
    if isinstance(part, dict):
        if "$ref" in part:
            yield part["$ref"]
        for inner in part.values():
            yield from references(inner)
    elif isinstance(part, list):
        for inner in part:
            yield from references(inner)


def at(pointer: str) -> Any:
    part: Any = DOCUMENT
    for step in pointer.removeprefix("#/").split("/"):
        part = part[step]
    return part


def test_an_independent_reader_of_asyncapi_3_accepts_the_document() -> None:
    read = ApplicationSchema.model_validate({key: value for key, value in DOCUMENT.items() if key != "servers"})
    assert read.asyncapi == "3.0.0"
    assert set(read.channels) == {topic.name for topic in TOPICS}
    assert json.loads(json.dumps(DOCUMENT)) == DOCUMENT


def test_every_reference_leads_somewhere() -> None:
    found = set(references(DOCUMENT))
    assert found
    for pointer in found:
        assert at(pointer), pointer


@pytest.mark.parametrize("topic", TOPICS, ids=lambda topic: topic.name)
def test_every_topic_is_a_channel_with_its_settings_and_an_operation(topic: Any) -> None:
    channel = DOCUMENT["channels"][topic.name]
    assert channel["address"] == topic.name
    binding = channel["bindings"]["kafka"]
    assert (binding["partitions"], binding["topicConfiguration"]["retention.ms"]) == (topic.partitions, topic.retention_ms)
    operations = [part for part in DOCUMENT["operations"].values() if part["channel"]["$ref"] == f"#/channels/{topic.name}"]
    assert operations
    for operation in operations:
        assert {part["$ref"].rsplit("/", 1)[1] for part in operation["messages"]} == set(channel["messages"])


@pytest.mark.parametrize("type", EVENT_TYPES)
def test_every_event_type_is_a_message_on_its_topic_whose_schema_accepts_the_golden_example(type: str) -> None:
    channel = DOCUMENT["channels"][EVENT_TYPES[type].TOPIC]
    message = at(channel["messages"][type]["$ref"])
    assert message["name"] == type
    assert message["summary"].endswith((".", ";")) or len(message["summary"]) > 20
    schema = message["payload"] | {"components": DOCUMENT["components"]}
    validator = jsonschema.Draft202012Validator(schema)
    validator.validate(golden(type)["data"])
    with pytest.raises(jsonschema.ValidationError):
        validator.validate({"employee_id": 7})


def test_hr_systems_may_write_two_topics_and_firstmate_writes_the_others() -> None:
    actions = {name: operation["action"] for name, operation in DOCUMENT["operations"].items()}
    assert {name for name, action in actions.items() if action == "receive"} == {
        "receive-hr.employees",
        "receive-mentoring.mentors",
    }
    assert "send-hr.employees" not in actions
    assert "send-onboarding.journeys" in actions


def test_the_named_servers_are_the_given_ones() -> None:
    assert [server["host"] for server in DOCUMENT["servers"].values()] == ["kafka-1:9092", "kafka-2:9092"]
    assert "servers" not in asyncapi_document()
