"""Our own facts, exactly as `to_record` writes them, read without detours.

Nearly every record on our topics is one, and the careful reading of `envelope_from_record` would be most of what a consumer
does. Whatever is not exactly so (another order of headers, another form of time, a fault anywhere) is nothing here, and is
read with care.
"""

from collections.abc import Mapping
from datetime import datetime
from functools import lru_cache
from typing import Any

from pydantic import ValidationError

from shared.events.envelope import (
    JSON,
    MAX_ATTRIBUTE,
    MAX_RECORD_BYTES,
    MAX_SEQUENCE,
    OWN_SOURCES,
    SPEC_VERSION,
    Event,
    Headers,
    trace_of,
)
from shared.events.mentoring import MENTORING_EVENTS, Fact
from shared.events.notifications import NOTIFICATION_EVENTS
from shared.events.onboarding import ONBOARDING_EVENTS

_FACTS: Mapping[bytes | None, type[Fact]] = {
    fact.TYPE.encode(): fact for fact in (*MENTORING_EVENTS, *ONBOARDING_EVENTS, *NOTIFICATION_EVENTS)
}
_NAMES = ("ce_specversion", "ce_id", "ce_source", "ce_type", "ce_subject", "ce_time", "content-type", "ce_sequence")
_TYPE = _NAMES.index("ce_type")
_TRACE = "ce_traceparent"
_VERSION, _JSON, _OWN = SPEC_VERSION.encode(), JSON.encode(), OWN_SOURCES.encode()
_TIME = {len("2027-01-11T08:00:00Z"): b"--T::Z", len("2027-01-11T08:00:00.000000Z"): b"--T::."}  # every third byte from the fifth


def own_fact(topic: str, value: bytes | None, headers: Headers) -> Event[Any] | None:
    """The event in a record, if it is one of our own as we write them; None for everything else."""
    try:
        return _read(topic, value, headers)
    except (ValidationError, ValueError):
        return None


def kind_of(headers: Headers) -> type[Fact] | None:
    """The kind of fact that a record with these headers says it holds, where they stand as we write them; None says nothing."""
    name, kind = headers[_TYPE] if len(headers) > _TYPE else ("", None)
    return _FACTS.get(kind) if name == _NAMES[_TYPE] else None


def _read(topic: str, value: bytes | None, headers: Headers) -> Event[Any]:
    if value is None or len(value) > MAX_RECORD_BYTES:
        raise ValueError
    (a, version), (b, id), (c, source), (d, kind), (e, subject), (f, time), (g, content), (h, sequence), *rest = headers
    if (a, b, c, d, e, f, g, h) != _NAMES or id is None or subject is None or time is None or sequence is None:
        raise ValueError
    fact, origin = _written(topic, version, source, kind, content)
    if time[4:20:3] != _TIME.get(len(time)) or time[-1:] != b"Z" or time[-8:] == b".000000Z" or not sequence.isdigit():
        raise ValueError
    if _no_json(value):
        raise ValueError
    data: Any = fact.__pydantic_validator__.validate_json(value)
    whose, number, stamp = data.subject, int(sequence), time.decode()
    if whose.encode() != subject or not 0 < number <= MAX_SEQUENCE:
        raise ValueError
    told, trace = datetime.fromisoformat(stamp), _trace(rest) if rest else None
    event = Event(_attribute(id), origin, fact.TYPE, whose, told, data, number, trace)
    event.written = stamp
    return event


@lru_cache(maxsize=512)  # the few that we write
def _written(
    topic: str, version: bytes | None, source: bytes | None, kind: bytes | None, content: bytes | None
) -> tuple[type[Fact], str]:
    """The kind of fact, and who tells it. Raises ValueError where the rest is not as we write it for that kind."""
    fact = _FACTS.get(kind)
    if fact is None or source is None or (topic, version, content) != (fact.TOPIC, _VERSION, _JSON):
        raise ValueError
    if not source.startswith(_OWN):
        raise ValueError
    return fact, _attribute(source)


def _trace(rest: Headers) -> str | None:
    ((name, value),) = rest
    if name != _TRACE:
        raise ValueError
    return trace_of(value.decode("ascii")) if value else None


def _no_json(value: bytes) -> bool:
    """Whether there may be a number in it that is none: JSON has no such, but pydantic's parser takes them."""
    return (b"N" in value and b"NaN" in value) or (b"I" in value and b"Infinity" in value)  # one byte is found much faster


def _attribute(raw: bytes) -> str:
    text = raw.decode("ascii")
    if not text or len(text) > MAX_ATTRIBUTE or not text.isprintable():
        raise ValueError
    return text
