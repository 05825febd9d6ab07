"""Our own facts are read without detours, and never otherwise than with care."""

import json
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from shared.events import EVENT_TYPES, Unprocessable, decode, decode_record, new_event, to_record
from shared.events.envelope import envelope_from_record
from shared.events.hr import HrEvent
from shared.events.own import kind_of, own_fact
from tests.contract.golden import files

NOW = datetime(2027, 1, 11, 8, tzinfo=UTC)
TRACE = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
OWN = [type for type, model in EVENT_TYPES.items() if not issubclass(model, HrEvent)]
HEADER = st.sampled_from(range(9))
BYTES = st.one_of(
    st.binary(max_size=30),
    st.sampled_from([b"", b"1.0", b"0", b"-1", b"7.0", b"2027-01-11", b"2027-01-11 08:00:00Z", b"2027-01-11T08:00:00+01:00"]),
    st.sampled_from([b"2027-01-11T08:00:00.000000Z", b"2027-01-11T08:00:00.100000Z", b"2027-01-11T08:00:00.1+00:00"]),
    st.sampled_from([b"2027-01-11T08:00:00,123456Z", b"2027-W02-1T08:00:00Z", b"/firstmate/", b"application/json", None]),
)


def record(type: str, time: datetime = NOW) -> tuple[str, bytes, list[tuple[str, bytes]]]:
    document = json.loads(files()[type].read_text())
    data = EVENT_TYPES[type].model_validate(document["data"])
    event = new_event(data, source="/firstmate/test", id="test/1", time=time, sequence=7, traceparent=TRACE)
    _, value, headers = to_record(event)
    return data.TOPIC, value, headers


def with_care(topic: str, value: bytes | None, headers: Any) -> Any:
    return decode(envelope_from_record(value, headers), topic, NOW)


def outcome(read: Any, *record: Any) -> Any:
    try:
        event = read(*record, NOW) if read is decode_record else read(*record)
        return event, event.stamp, event.traceparent
    except Unprocessable as fault:
        return fault.code, fault.detail, fault.field


@pytest.mark.parametrize("type", OWN)
@pytest.mark.parametrize("time", [NOW, NOW.replace(microsecond=120)])
@pytest.mark.parametrize("traced", [True, False])
def test_a_fact_as_we_write_it_is_read_as_it_is_with_care(type: str, time: datetime, traced: bool) -> None:
    topic, value, headers = record(type, time)
    headers = headers if traced else headers[:-1]
    quick = own_fact(topic, value, headers)
    assert quick is not None
    assert (quick, quick.stamp, quick.traceparent) == outcome(with_care, topic, value, headers)


@settings(max_examples=300, deadline=None)
@given(st.sampled_from(OWN), HEADER, BYTES, st.booleans())
def test_a_header_that_is_not_as_we_write_it_is_read_with_care(type: str, which: int, raw: bytes | None, gone: bool) -> None:
    topic, value, headers = record(type)
    changed = [*headers[:which], *([] if gone else [(headers[which][0], raw)]), *headers[which + 1 :]]
    assert outcome(decode_record, topic, value, changed) == outcome(with_care, topic, value, changed)


@settings(max_examples=300, deadline=None)
@given(st.sampled_from(OWN), st.data())
def test_a_value_that_is_not_as_we_write_it_is_read_with_care(type: str, data: st.DataObject) -> None:
    topic, value, headers = record(type)
    fields = json.loads(value)
    name = data.draw(st.sampled_from(sorted(fields)))
    anything: Any = st.one_of(st.none(), st.booleans(), st.integers(), st.floats(), st.text(max_size=5), st.lists(st.integers()))
    strange = json.dumps(fields | {name: data.draw(anything), "more": data.draw(anything)}).encode()
    cut = data.draw(st.integers(0, len(value)))
    for changed in (strange, value[:cut], value[:cut] + b"\xff" + value[cut:], b"\xef\xbb\xbf" + value):
        assert outcome(decode_record, topic, changed, headers) == outcome(with_care, topic, changed, headers)


def test_the_kind_of_a_fact_is_seen_in_its_headers() -> None:
    _, _, headers = record("mentoring.assignment.assigned.v1")
    assert kind_of(headers) is EVENT_TYPES["mentoring.assignment.assigned.v1"]
    for strange in ([], headers[:3], headers[1:], [*headers[:3], ("ce_type", None)], [*headers[:3], ("ce_type", b"another")]):
        assert kind_of(strange) is None


def test_another_topic_is_named() -> None:
    _, value, headers = record("onboarding.journey.ended.v1")
    assert outcome(decode_record, "notifications.messages", value, headers)[0] == "wrong_topic"
