"""Every fact that travels between services, and the one way to read it: `decode`."""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from shared.events.envelope import (
    OWN_SOURCES,
    Envelope,
    Event,
    Headers,
    Unprocessable,
    envelope_from_attributes,
    envelope_from_json,
    envelope_from_record,
    read_json,
    to_record,
)
from shared.events.hr import HR_EVENTS, HrEvent, refuse_forbidden_fields, shown_name
from shared.events.mentoring import MENTORING_EVENTS, Fact
from shared.events.notifications import NOTIFICATION_EVENTS
from shared.events.onboarding import ONBOARDING_EVENTS
from shared.events.own import own_fact

__all__ = [
    "EVENT_TYPES",
    "Envelope",
    "Event",
    "Fact",
    "HrEvent",
    "Payload",
    "Unprocessable",
    "decode",
    "decode_record",
    "describe",
    "envelope_from_attributes",
    "envelope_from_json",
    "new_event",
    "read_json",
    "refuse_forbidden_fields",
    "to_record",
]

Payload = HrEvent | Fact
_MODELS: tuple[type[HrEvent] | type[Fact], ...] = (*HR_EVENTS, *MENTORING_EVENTS, *ONBOARDING_EVENTS, *NOTIFICATION_EVENTS)
EVENT_TYPES: Mapping[str, type[HrEvent] | type[Fact]] = {model.TYPE: model for model in _MODELS}


def describe(error: ValidationError) -> list[Unprocessable]:
    """Every fault of a validation, in words that name the field and never its value."""
    return [_fault(fault) for fault in error.errors(include_url=False, include_input=False, include_context=False)]


def _fault(fault: ErrorDetails) -> Unprocessable:
    path = ".".join(shown_name(part) for part in fault["loc"]) or None
    message = fault["msg"].removeprefix("Value error, ")
    code = "missing_field" if fault["type"] == "missing" else "invalid_field"
    return Unprocessable(code, f"{path or 'data'}: {message}", path)


def decode(envelope: Envelope, topic: str | None = None, received_at: datetime | None = None) -> Event[Any]:
    """Validate an envelope's data against the type it names.

    `topic`, where given, must be the one the type belongs to. `received_at` stands in for a missing `time`.
    Raises `Unprocessable`: `unknown_type`, `wrong_topic`, `malformed_data`, `forbidden_field`, `missing_field`,
    `invalid_field`, `subject_mismatch`.
    """
    model = EVENT_TYPES.get(envelope.type)
    if model is None:
        raise Unprocessable(
            "unknown_type", f"event type '{envelope.type}' is not one that Firstmate knows; see /asyncapi", "type"
        )
    if topic is not None and topic != model.TOPIC:
        raise Unprocessable(
            "wrong_topic", f"event type '{envelope.type}' belongs on topic '{model.TOPIC}', not '{topic}'", "type"
        )
    if not isinstance(envelope.data, dict):
        raise Unprocessable("malformed_data", "the event's data must be a JSON object", "data")
    if issubclass(model, HrEvent):
        refuse_forbidden_fields(envelope.data)
    try:
        data: Any = model.model_validate(envelope.data)
    except ValidationError as error:
        raise describe(error)[0] from None
    if envelope.subject is not None and envelope.subject != data.subject:
        raise Unprocessable(
            "subject_mismatch", "the event's subject is not the person in its data; they must be the same", "subject"
        )
    return Event(
        id=envelope.id,
        source=envelope.source,
        type=envelope.type,
        subject=data.subject,
        time=envelope.time or received_at or datetime.fromtimestamp(0, UTC),
        data=data,
        sequence=envelope.sequence if envelope.source.startswith(OWN_SOURCES) else None,
        traceparent=envelope.traceparent,
    )


def decode_record(topic: str, value: bytes | None, headers: Headers, received_at: datetime) -> Event[Any]:
    """Read one Kafka record of `topic`. Raises `Unprocessable` and nothing else."""
    return own_fact(topic, value, headers) or decode(envelope_from_record(value, headers), topic, received_at)


def new_event(payload: BaseModel, *, source: str, id: str, time: datetime, **more: Any) -> Event[Any]:
    """Put an envelope around a payload of ours."""
    kind: Any = payload
    return Event(id=id, source=source, type=kind.TYPE, subject=kind.subject, time=time, data=payload, **more)
