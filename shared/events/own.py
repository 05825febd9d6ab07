"""Our own facts, exactly as `to_record` writes them, read without detours.

Nearly every record on our topics is one, and the careful reading of `envelope_from_record` would be most of what a consumer
does. Whatever is not exactly so (another order of headers, another form of time, a fault anywhere) is nothing here, and is
read with care.
"""

import re
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
_TRACED = (*_NAMES, "ce_traceparent")
_VERSION, _JSON, _OWN = SPEC_VERSION.encode(), JSON.encode(), OWN_SOURCES.encode()
_TIME = re.compile(rb"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{6})?Z")


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
    if value is None or len(value) > MAX_RECORD_BYTES or len(headers) not in (len(_NAMES), len(_TRACED)):
        raise ValueError
    names, (version, id, source, type, subject, time, content, sequence, *trace) = zip(*headers)  # noqa: B905  pairs
    fact = _FACTS.get(type)
    if fact is None or names not in (_NAMES, _TRACED) or (topic, version, content) != (fact.TOPIC, _VERSION, _JSON):
        raise ValueError
    if not _TIME.fullmatch(time or b"") or not (sequence or b"").isdigit() or None in (id, source, subject):
        raise ValueError
    if b"NaN" in value or b"Infinity" in value:  # no JSON, but pydantic's parser takes them
        raise ValueError
    data: Any = fact.__pydantic_validator__.validate_json(value)
    number, told = int(sequence), datetime.fromisoformat(time.decode())
    if data.subject.encode() != subject or not 0 < number <= MAX_SEQUENCE:
        raise ValueError
    traceparent = trace_of(trace[0].decode("ascii")) if trace and trace[0] else None
    return Event(_attribute(id), _own_source(source), fact.TYPE, data.subject, told, data, number, traceparent)


@lru_cache(maxsize=16)
def _own_source(raw: bytes) -> str:
    if not raw.startswith(_OWN):
        raise ValueError
    return _attribute(raw)


def _attribute(raw: bytes) -> str:
    text = raw.decode("ascii")
    if not text or len(text) > MAX_ATTRIBUTE or not text.isprintable():
        raise ValueError
    return text
