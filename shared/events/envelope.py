"""The envelope around every fact: CloudEvents 1.0 and its Kafka binding.

Binary mode goes out; binary and structured mode come in (tolerant reader: unknown attributes and fields are
ignored). Source of the format: CloudEvents specification 1.0.2 and its Kafka protocol binding 1.0.2.
"""

import json
import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Generic, TypeVar

from pydantic import BaseModel

SPEC_VERSION = "1.0"
JSON = "application/json"
STRUCTURED = "application/cloudevents+json"
MAX_RECORD_BYTES = 256 * 1024  # a hire event is about 1 kB; two hundred times that is a mistake, not a person
MAX_ATTRIBUTE = 256  # longer ids and subjects do not fit an index key comfortably
MAX_SEQUENCE = 2**63 - 1  # what the database holds as an integer
OWN_SOURCES = "/firstmate/"  # every source of ours starts so; only these keep count per stream
ATTRIBUTES = ("specversion", "id", "source", "type", "subject", "time", "sequence", "traceparent")
_HEADERS = frozenset(f"ce_{name}" for name in ATTRIBUTES)
_ATTRIBUTE = re.compile(r"[\x20-\x7e\u00a0-\ud7ff\ue000-\ufffd]+")
_RFC_3339 = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:\d\d)?", re.ASCII)
_TRACEPARENT = re.compile(r"[0-9a-f]{2}-[0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f]{2}")

Headers = Sequence[tuple[str, bytes | None]]
P_co = TypeVar("P_co", bound=BaseModel, covariant=True)


class Unprocessable(ValueError):
    """A record that can never be processed, whatever is tried again.

    `code` is a stable word for machines (`malformed_json`, `invalid_field`, ...); `detail` says what was wrong,
    where, and what to do; `field` is the dotted path of the field at fault. None of them holds a personal value.
    """

    def __init__(self, code: str, detail: str, field: str | None = None) -> None:
        super().__init__(f"{code}: {detail}")
        self.code = code
        self.detail = detail
        self.field = field


@dataclass(frozen=True, slots=True)
class Envelope:
    """A CloudEvent whose data is still unread JSON (`data`: whatever JSON held, normally an object)."""

    id: str
    source: str
    type: str
    subject: str | None
    time: datetime | None
    data: Any
    sequence: int | None = None
    traceparent: str | None = None


@dataclass(slots=True)
class Event(Generic[P_co]):
    """One fact with its envelope, decoded.

    `subject` is the stream's key (an employee id). `sequence` counts the events of that stream from 1 where the
    source keeps count (our own services do; whatever others count is ignored). `time` is when it became true, in UTC.

    Nobody changes an event. It is not frozen, for a frozen one takes five times as long to make, and every record becomes one.
    """

    id: str
    source: str
    type: str
    subject: str
    time: datetime
    data: P_co
    sequence: int | None = None
    traceparent: str | None = field(default=None, compare=False)
    written: str | None = field(default=None, init=False, compare=False, repr=False)

    @property
    def stamp(self) -> str:
        """`time` as records and rows have it: ISO 8601 in UTC, with Z. Worked out once, or read: `written`."""
        if self.written is None:
            self.written = self.time.astimezone(UTC).isoformat().replace("+00:00", "Z")
        return self.written


def _headers(headers: Headers, wanted: Collection[str]) -> dict[str, str | None]:
    """The wanted headers as text, names in lower case. Others are never looked at: a tolerant reader."""
    named: dict[str, str | None] = {}
    for spelled, raw in headers:
        name = spelled.lower()
        if name not in wanted:
            continue
        try:
            text = None if raw is None else raw.decode("utf-8")
        except UnicodeDecodeError:
            raise Unprocessable("malformed_header", f"header {name} is not UTF-8; send it as UTF-8 text", name) from None
        if named.setdefault(name, text) != text:
            raise Unprocessable("duplicate_header", f"header {name} stands twice with different values; send it once", name)
    return named


def _attribute(value: object, name: str) -> str:
    if value is None or value == "":
        raise Unprocessable("missing_attribute", f"CloudEvents attribute '{name}' is missing; every event needs one", name)
    if not isinstance(value, str):
        raise Unprocessable("invalid_attribute", f"CloudEvents attribute '{name}' must be a string", name)
    if len(value) > MAX_ATTRIBUTE or not _ATTRIBUTE.fullmatch(value):
        raise Unprocessable(
            "invalid_attribute", f"CloudEvents attribute '{name}' must be 1 to {MAX_ATTRIBUTE} printable characters", name
        )
    return value


def _time(value: object) -> datetime | None:
    if value is None or value == "":
        return None
    try:
        text = value.upper() if isinstance(value, str) else ""
        if not _RFC_3339.fullmatch(text):
            raise ValueError
        parsed = datetime.fromisoformat(text)
        return parsed.astimezone(UTC) if parsed.tzinfo else parsed.replace(tzinfo=UTC)
    except (ValueError, OverflowError):  # OverflowError: an offset that leads out of the years 1 to 9999
        raise Unprocessable(
            "invalid_attribute", "CloudEvents attribute 'time' must be an RFC 3339 time such as 2027-01-11T08:00:00Z", "time"
        ) from None


def _sequence(value: object) -> int | None:
    try:
        number = int(str(value)) if value not in (None, "") else None
    except ValueError:
        return None  # other systems may use the extension's name for something else: tolerant reader
    return number if number is not None and 0 < number <= MAX_SEQUENCE else None


def trace_of(value: object) -> str | None:
    """A trace context as W3C writes it, or None."""
    return value if isinstance(value, str) and _TRACEPARENT.fullmatch(value) else None


def _refuse_constant(_: str) -> None:
    raise ValueError("NaN and Infinity are not JSON")


_DECODER = json.JSONDecoder(parse_constant=_refuse_constant)


def read_json(raw: bytes) -> Any:
    """JSON as RFC 8259 has it: UTF-8, no NaN or Infinity. Raises `Unprocessable` (`malformed_json`)."""
    try:
        return _DECODER.decode(raw.decode("utf-8-sig"))
    except (ValueError, RecursionError) as error:  # ValueError: not UTF-8, not JSON, or a number of thousands of digits
        where = f" at character {error.pos}" if isinstance(error, json.JSONDecodeError) else ""
        raise Unprocessable("malformed_json", f"the value is not JSON{where}; send UTF-8 JSON") from None


def envelope_from_attributes(attributes: Mapping[str, Any], data: Any) -> Envelope:
    """Check CloudEvents attributes (names without prefix). Raises `Unprocessable` naming the attribute."""
    version = attributes.get("specversion")
    if _attribute(version, "specversion") != SPEC_VERSION:
        raise Unprocessable("invalid_attribute", "CloudEvents attribute 'specversion' must be 1.0", "specversion")
    subject = attributes.get("subject")
    return Envelope(
        id=_attribute(attributes.get("id"), "id"),
        source=_attribute(attributes.get("source"), "source"),
        type=_attribute(attributes.get("type"), "type"),
        subject=_attribute(subject, "subject") if subject not in (None, "") else None,
        time=_time(attributes.get("time")),
        data=data,
        sequence=_sequence(attributes.get("sequence")),
        traceparent=trace_of(attributes.get("traceparent")),
    )


def envelope_from_json(document: Any) -> Envelope:
    """Read one structured-mode CloudEvent (a JSON object with `data`). Raises `Unprocessable`."""
    if not isinstance(document, dict):
        raise Unprocessable("malformed_event", "a structured CloudEvent must be a JSON object")
    if "data_base64" in document:
        raise Unprocessable("malformed_event", "'data_base64' is not supported; send the data as JSON in 'data'", "data_base64")
    return envelope_from_attributes(document, document.get("data"))


def envelope_from_record(value: bytes | None, headers: Headers) -> Envelope:
    """Read a Kafka record in binary or structured mode. Raises `Unprocessable` with the reason.

    Structured mode is chosen by the content type alone, as the binding says, even where `ce_` headers stand beside it.
    """
    if value is None:
        raise Unprocessable("null_value", "the record has no value; a tombstone means nothing here, send an event")
    if len(value) > MAX_RECORD_BYTES:
        raise Unprocessable("too_large", f"the value has {len(value)} bytes; at most {MAX_RECORD_BYTES} are accepted")
    content_type = _headers(headers, ("content-type",)).get("content-type") or ""
    if content_type.lower().startswith("application/cloudevents"):
        return envelope_from_json(read_json(value))
    named = _headers(headers, _HEADERS)
    if not named:
        raise Unprocessable(
            "not_a_cloudevent", "no ce_ headers and no application/cloudevents+json content type; send a CloudEvent"
        )
    return envelope_from_attributes({name.removeprefix("ce_"): text for name, text in named.items()}, read_json(value))


def to_record(event: Event[BaseModel]) -> tuple[bytes, bytes, list[tuple[str, bytes]]]:
    """The Kafka record of an event in binary mode: key, value, headers.

    Fields that were never set are left out. One that was set to null stays: in an update it clears the field.
    """
    headers = [
        ("ce_specversion", SPEC_VERSION),
        ("ce_id", event.id),
        ("ce_source", event.source),
        ("ce_type", event.type),
        ("ce_subject", event.subject),
        ("ce_time", event.stamp),
        ("content-type", JSON),
    ]
    if event.sequence is not None:
        headers.append(("ce_sequence", str(event.sequence)))
    if event.traceparent:
        headers.append(("ce_traceparent", event.traceparent))
    data = event.data
    unset = {name for name in type(data).model_fields if name not in data.model_fields_set and getattr(data, name) is None}
    value = data.model_dump_json(exclude=unset).encode()
    return event.subject.encode(), value, [(name, text.encode()) for name, text in headers]
