"""AsyncAPI 3.0 for everything on Kafka, written from the event models and the declared topics alone.

Source of the format: AsyncAPI specification 3.0.0 and its Kafka bindings 0.5.0. Read from Firstmate's side: `receive`
is what others may send to it, `send` what it tells.
"""

import re
from importlib.metadata import PackageNotFoundError, version
from typing import Any

from pydantic.json_schema import models_json_schema

from shared import kafka_access
from shared.events import EVENT_TYPES, Fact, HrEvent
from shared.events.envelope import JSON, MAX_ATTRIBUTE, MAX_RECORD_BYTES, STRUCTURED
from shared.topics import TOPICS, Topic

VERSION = "3.0.0"
KAFKA_BINDING = "0.5.0"
FROM_OUTSIDE = frozenset({"hr.employees", "mentoring.mentors"})  # the topics that other systems may write to
ONLY_FROM_OUTSIDE = frozenset({"hr.employees"})
Json = dict[str, Any]


def asyncapi_document(kafka: str | None = None) -> Json:
    """The document, ready for JSON. `kafka`: the bootstrap servers to name, comma separated."""
    document: Json = {
        "asyncapi": VERSION,
        "info": {
            "title": "Firstmate events",
            "version": _version(),
            "description": (
                f"CloudEvents 1.0 on Kafka, one JSON object per record, at most {MAX_RECORD_BYTES // 1024} KiB. Firstmate writes "
                f"binary mode (attributes as `ce_` headers) and reads that and structured mode (`{STRUCTURED}`). The record key "
                "is the event's subject. Unknown fields are ignored; a changed payload is a new version of its type."
            ),
            "license": {"name": "Apache-2.0"},
        },
        "defaultContentType": JSON,
        "channels": {topic.name: _channel(topic) for topic in TOPICS},
        "operations": {name: operation for topic in TOPICS for name, operation in _operations(topic).items()},
        "components": {
            "messages": {name: _message(name, model) for name, model in EVENT_TYPES.items()} | {"dead-letter": _dead_letter()},
            "messageTraits": {"cloudevent": {"headers": _headers()}},
            "schemas": _schemas(),
        },
    }
    if kafka:
        protocol = "kafka-secure" if kafka_access.security(kafka) else "kafka"
        document["servers"] = {
            f"kafka-{number}": {"host": host.strip(), "protocol": protocol} for number, host in enumerate(kafka.split(","), 1)
        }
    return document


def _version() -> str:
    try:
        return version("firstmate")
    except PackageNotFoundError:  # run from a checkout
        return "0.1.0"


def _messages_on(topic: Topic) -> list[str]:
    return [name for name, model in EVENT_TYPES.items() if topic.name == model.TOPIC] or ["dead-letter"]


def _channel(topic: Topic) -> Json:
    return {
        "address": topic.name,
        "description": topic.purpose,
        "messages": {name: {"$ref": f"#/components/messages/{name}"} for name in _messages_on(topic)},
        "bindings": {
            "kafka": {
                "topic": topic.name,
                "partitions": topic.partitions,
                "topicConfiguration": {
                    "cleanup.policy": [topic.cleanup_policy],
                    **{name: int(value) for name, value in topic.config.items() if name.startswith("retention.")},
                },
                "bindingVersion": KAFKA_BINDING,
            }
        },
    }


def _operations(topic: Topic) -> dict[str, Json]:
    actions = (["receive"] if topic.name in FROM_OUTSIDE else []) + ([] if topic.name in ONLY_FROM_OUTSIDE else ["send"])
    return {
        f"{action}-{topic.name}": {
            "action": action,
            "channel": {"$ref": f"#/channels/{topic.name}"},
            "messages": [{"$ref": f"#/channels/{topic.name}/messages/{name}"} for name in _messages_on(topic)],
        }
        for action in actions
    }


def _message(name: str, model: type[HrEvent] | type[Fact]) -> Json:
    return {
        "name": name,
        "title": re.sub(r"(?<=[a-z])(?=[A-Z])", " ", model.__name__).capitalize(),
        "summary": (model.__doc__ or "").strip().split("\n")[0],
        "contentType": JSON,
        "traits": [{"$ref": "#/components/messageTraits/cloudevent"}],
        "headers": {"type": "object", "properties": {"ce_type": {"const": name}}},
        "payload": {"$ref": f"#/components/schemas/{model.__name__}"},
        "bindings": {
            "kafka": {"key": {"type": "string", "description": "The event's subject."}, "bindingVersion": KAFKA_BINDING}
        },
    }


def _headers() -> Json:
    text = {"type": "string", "minLength": 1, "maxLength": MAX_ATTRIBUTE}
    return {
        "type": "object",
        "required": ["ce_specversion", "ce_id", "ce_source", "ce_type"],
        "properties": {
            "ce_specversion": {"const": "1.0"},
            "ce_id": text | {"description": "The fact's own id: a repeated one changes nothing."},
            "ce_source": text | {"description": "Which system says so, such as /hr/acme."},
            "ce_type": text,
            "ce_subject": text | {"description": "The employee id in the data, where given."},
            "ce_time": {"type": "string", "format": "date-time"},
            "ce_sequence": {"type": "string", "description": "Counts a subject's events from 1; Firstmate's own events only."},
            "ce_traceparent": {"type": "string", "description": "W3C trace context."},
            "content-type": {"type": "string", "description": f"{JSON}, or {STRUCTURED} for structured mode."},
        },
    }


def _dead_letter() -> Json:
    notes = ("id", "original-topic", "original-partition", "original-offset", "consumer", "error-code", "error")
    names = ("x-dead-letter-id" if note == "id" else f"x-{note}" for note in notes)
    return {
        "name": "dead-letter",
        "title": "Dead letter",
        "summary": "A record that could not be processed: its own value and headers, and why.",
        "headers": {"type": "object", "properties": {name: {"type": "string"} for name in names}},
        "payload": {"description": "The refused record's value as it was."},
    }


def _schemas() -> Json:
    _, schema = models_json_schema(
        [(model, "validation") for model in EVENT_TYPES.values()], ref_template="#/components/schemas/{model}"
    )
    schemas: Json = schema["$defs"]
    return schemas
