"""Whatever stands on a topic, `decode_record` gives an event or a named reason, and never repeats what it was told."""

import json
from collections.abc import Sequence
from contextlib import suppress
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from shared.changes import Changes
from shared.dead_letters import bury
from shared.events import EVENT_TYPES, Event, Unprocessable, decode_record
from shared.events.hr import FORBIDDEN_FIELDS, without_forbidden_fields
from shared.record import Record
from tests.contract.test_golden import golden

NOW = datetime(2027, 1, 11, 8, tzinfo=UTC)
TOPIC = "hr.employees"
SECRET = "Xylophonia Quux-Private"  # stands where the personal value is; no detail may hold it
HIRED = {"employee_id": "E-1001", "given_name": "Ada", "family_name": "Okafor", "start_date": "2027-01-11"}
HEADERS: dict[str, bytes | None] = {
    "ce_specversion": b"1.0",
    "ce_id": b"1",
    "ce_source": b"/hr/acme",
    "ce_type": b"hr.employee.hired.v1",
    "ce_subject": b"E-1001",
    "ce_time": b"2027-01-01T08:00:00Z",
    "content-type": b"application/json",
}
Headers = Sequence[tuple[str, bytes | None]]


def refusal(value: bytes | None, headers: Headers, topic: str = TOPIC) -> Unprocessable:
    with pytest.raises(Unprocessable) as caught:
        decode_record(topic, value, headers, NOW)
    return caught.value


def hired(**changes: Any) -> bytes:
    return json.dumps(HIRED | changes).encode()


def headers(**changes: bytes | None) -> Headers:
    changed = HEADERS | {f"ce_{name}": value for name, value in changes.items()}
    return list(changed.items())


def without(*names: str) -> Headers:
    return [(name, value) for name, value in HEADERS.items() if name not in names]


def nested(innermost: str, depth: int = 400) -> bytes:
    """A hire with valid JSON, `depth` objects deep (the reader manages some 900), in a field nobody reads."""
    return hired()[:-1] + b', "x": ' + b'{"x": ' * depth + innermost.encode() + b"}" * depth + b"}"


ENVELOPE: list[tuple[str, bytes | None, Headers, str, str | None]] = [
    ("no value", None, headers(), "null_value", None),
    ("2 MB of junk", b"\x00\xff" * 1_000_000, headers(), "too_large", None),
    ("2 MB of JSON", b'{"x": "' + b"a" * 2_000_000 + b'"}', headers(), "too_large", None),
    ("no headers", hired(), [], "not_a_cloudevent", None),
    ("other headers only", hired(), [("x-app", b"1"), ("content-type", b"application/json")], "not_a_cloudevent", None),
    ("no specversion", hired(), without("ce_specversion"), "missing_attribute", "specversion"),
    ("another specversion", hired(), headers(specversion=b"0.3"), "invalid_attribute", "specversion"),
    ("no id", hired(), without("ce_id"), "missing_attribute", "id"),
    ("an empty id", hired(), headers(id=b""), "missing_attribute", "id"),
    ("a null id", hired(), headers(id=None), "missing_attribute", "id"),
    ("an id of 300 characters", hired(), headers(id=b"x" * 300), "invalid_attribute", "id"),
    ("an id with a line break", hired(), headers(id=b"abc\n"), "invalid_attribute", "id"),
    ("no source", hired(), without("ce_source"), "missing_attribute", "source"),
    ("no type", hired(), without("ce_type"), "missing_attribute", "type"),
    ("a null type", hired(), headers(type=None), "missing_attribute", "type"),
    ("an unknown type", hired(), headers(type=b"hr.employee.promoted.v1"), "unknown_type", "type"),
    ("a later version", hired(), headers(type=b"hr.employee.hired.v9"), "unknown_type", "type"),
    ("a header that is not UTF-8", hired(), headers(subject=b"\xff\xfe"), "malformed_header", "ce_subject"),
    ("two ids", hired(), [*headers(), ("ce_id", b"2")], "duplicate_header", "ce_id"),
    ("two ids in two cases", hired(), [*headers(), ("CE_ID", b"2")], "duplicate_header", "ce_id"),
    ("an id and a null id", hired(), [*headers(), ("ce_id", None)], "duplicate_header", "ce_id"),
    ("a time in words", hired(), headers(time=b"yesterday"), "invalid_attribute", "time"),
    ("a time of digits only", hired(), headers(time=b"20270111"), "invalid_attribute", "time"),
    ("a thirteenth month", hired(), headers(time=b"2027-13-11T08:00:00Z"), "invalid_attribute", "time"),
    ("a time before the year 1", hired(), headers(time=b"0001-01-01T00:00:00+23:00"), "invalid_attribute", "time"),
    ("another subject", hired(), headers(subject=b"E-2"), "subject_mismatch", "subject"),
    ("no JSON", b"name=Ada", headers(), "malformed_json", None),
    ("empty value", b"", headers(), "malformed_json", None),
    ("half of a JSON object", hired()[:-1], headers(), "malformed_json", None),
    ("JSON in Latin-1", '{"given_name": "Zoë"}'.encode("latin-1"), headers(), "malformed_json", None),
    ("JSON in UTF-16", hired().decode().encode("utf-16"), headers(), "malformed_json", None),
    ("NaN", hired()[:-1] + b', "x": NaN}', headers(), "malformed_json", None),
    ("Infinity", hired()[:-1] + b', "x": [-Infinity]}', headers(), "malformed_json", None),
    ("a number of 5,000 digits", hired()[:-1] + b', "x": ' + b"9" * 5000 + b"}", headers(), "malformed_json", None),
    ("objects 100,000 deep", b'{"x":' * 40_000, headers(), "malformed_json", None),
    ("lists 100,000 deep", b"[" * 100_000, headers(), "malformed_json", None),
    ("a forbidden field 400 deep", nested('{"gender": 1}'), headers(), "forbidden_field", "x.x.x.x.x.gender"),
    ("a list", b"[]", headers(), "malformed_data", "data"),
    ("text", b'"hello"', headers(), "malformed_data", "data"),
    ("null", b"null", headers(), "malformed_data", "data"),
    ("structured, no JSON", b"?", [("content-type", b"application/cloudevents+json")], "malformed_json", None),
    ("structured, a list", b"[]", [("content-type", b"application/cloudevents+json")], "malformed_event", None),
]


@pytest.mark.parametrize(("value", "headers", "code", "field"), [row[1:] for row in ENVELOPE], ids=[row[0] for row in ENVELOPE])
def test_a_record_with_a_fault_in_its_envelope_is_refused_with_its_code(
    value: bytes | None, headers: Headers, code: str, field: str | None
) -> None:
    error = refusal(value, headers)
    assert (error.code, error.field) == (code, field)
    assert len(error.detail) < 400


FIELDS: list[tuple[str, dict[str, Any], str, str | None]] = [
    ("no employee id", {"employee_id": None}, "invalid_field", "employee_id"),
    ("an employee id of the wrong type", {"employee_id": 1001}, "invalid_field", "employee_id"),
    ("an employee id with spaces", {"employee_id": SECRET}, "invalid_field", "employee_id"),
    ("a malformed date", {"start_date": SECRET}, "invalid_field", "start_date"),
    ("a date in another order", {"start_date": "11.01.2027"}, "invalid_field", "start_date"),
    ("a date with a time", {"start_date": "2027-01-11T00:00:00Z"}, "invalid_field", "start_date"),
    ("a date as a number", {"start_date": 20270111}, "invalid_field", "start_date"),
    ("a date that no calendar has", {"start_date": "2027-02-30"}, "invalid_field", "start_date"),
    ("a date in full-width digits", {"start_date": "２０２７-01-11"}, "invalid_field", "start_date"),
    ("a date of a former century", {"start_date": "1927-01-11"}, "invalid_field", "start_date"),
    ("no start date", {"start_date": None}, "invalid_field", "start_date"),
    ("an unknown time zone", {"time_zone": "Europe/Atlantis"}, "invalid_field", "time_zone"),
    ("a time zone that is a path", {"time_zone": "../../etc/passwd"}, "invalid_field", "time_zone"),
    ("a time zone that differs on each machine", {"time_zone": "localtime"}, "invalid_field", "time_zone"),
    ("an unknown locale", {"locale": "xx-Nowhere-9"}, "invalid_field", "locale"),
    ("a language in digits", {"languages": ["12"]}, "invalid_field", "languages.0"),
    ("languages as text", {"languages": SECRET}, "invalid_field", "languages"),
    ("no name", {"given_name": None, "family_name": ""}, "invalid_field", None),
    ("a name of the wrong type", {"given_name": {"first": SECRET}}, "invalid_field", "given_name"),
    ("a name with a line break", {"given_name": f"{SECRET}\r\nBcc: x"}, "invalid_field", "given_name"),
    ("a name that reverses the writing", {"given_name": f"\u202e{SECRET}"}, "invalid_field", "given_name"),
    ("a name with half a character", {"given_name": f"{SECRET}\ud800"}, "invalid_field", "given_name"),
    ("a name of 300 characters", {"given_name": SECRET * 20}, "invalid_field", "given_name"),
    ("an address without @", {"work_email": SECRET}, "invalid_field", "work_email"),
    ("two addresses", {"work_email": f"{SECRET}@a.example,b@a.example"}, "invalid_field", "work_email"),
    ("an address with a header", {"personal_email": f"a@a.example\nCc: {SECRET}"}, "invalid_field", "personal_email"),
    ("another arrangement", {"work_arrangement": SECRET}, "invalid_field", "work_arrangement"),
    ("too many skills", {"skills": ["a"] * 51}, "invalid_field", "skills"),
    ("a skill of the wrong type", {"skills": [{"name": SECRET}]}, "invalid_field", "skills.0"),
    ("a manager id of the wrong type", {"manager_id": [SECRET]}, "invalid_field", "manager_id"),
    ("a birth date", {"birth_date": SECRET}, "forbidden_field", "birth_date"),
    ("a birth date in camelCase", {"birthDate": SECRET}, "forbidden_field", "birthDate"),
    ("a birth date with spaces", {"Date of Birth": SECRET}, "forbidden_field", "Date of Birth"),
    ("a birth date in capitals", {"DATE_OF_BIRTH": SECRET}, "forbidden_field", "DATE_OF_BIRTH"),
    ("a gender in full-width letters", {"ｇｅｎｄｅｒ": SECRET}, "forbidden_field", "ｇｅｎｄｅｒ"),
    ("a nested gender", {"profile": {"gender": SECRET}}, "forbidden_field", "profile.gender"),
    ("a gender in a list", {"people": [{"a": 1}, {"Gender": SECRET}]}, "forbidden_field", "people.1.Gender"),
    ("a gender in lists of lists", {"people": [[[{"gender": SECRET}]]]}, "forbidden_field", "people.0.0.0.gender"),
    ("a gender under a name", {SECRET: {"gender": 1}}, "forbidden_field", "?.gender"),
]


@pytest.mark.parametrize(("changes", "code", "field"), [row[1:] for row in FIELDS], ids=[row[0] for row in FIELDS])
@pytest.mark.parametrize("structured", [False, True], ids=["binary", "structured"])
def test_a_record_with_a_fault_in_its_data_is_refused_by_field_and_without_the_value(
    changes: dict[str, Any], code: str, field: str | None, structured: bool
) -> None:
    if structured:
        document = {"specversion": "1.0", "id": "1", "source": "/hr", "type": "hr.employee.hired.v1", "data": HIRED | changes}
        error = refusal(json.dumps(document).encode(), [("content-type", b"application/cloudevents+json; charset=utf-8")])
    else:
        error = refusal(hired(**changes), without("ce_subject"))
    assert (error.code, error.field) == (code, field)
    assert SECRET not in str(error)
    assert SECRET[:5] not in error.detail


@pytest.mark.parametrize("name", ["employee_id", "start_date"])
def test_a_required_field_that_is_missing_is_named(name: str) -> None:
    error = refusal(json.dumps({key: value for key, value in HIRED.items() if key != name}).encode(), without("ce_subject"))
    assert (error.code, error.field) == ("missing_field", name)


@pytest.mark.parametrize("name", sorted(FORBIDDEN_FIELDS))
def test_every_forbidden_field_is_refused_by_name(name: str) -> None:
    camel = "".join(part.title() if index else part for index, part in enumerate(name.split("_")))
    for spelled in (name, camel, name.replace("_", " ").title(), name.replace("_", "-").upper()):
        assert refusal(hired(**{spelled: SECRET}), headers()).code == "forbidden_field"


def test_no_field_of_an_hr_payload_is_forbidden() -> None:
    for type, model in EVENT_TYPES.items():
        if type.startswith("hr."):
            decode_record(TOPIC, json.dumps(golden(type)["data"]).encode(), headers(type=type.encode()), NOW)
            assert not FORBIDDEN_FIELDS & set(model.model_fields)


def test_what_is_kept_of_a_refused_record_has_lost_its_forbidden_values() -> None:
    data = {"id": 1, "birthDate": SECRET, "more": [{"Gender": SECRET, "title": "x"}]}
    kept = without_forbidden_fields(data)
    assert kept == {"id": 1, "birthDate": "[removed]", "more": [{"Gender": "[removed]", "title": "x"}]}
    deep: dict[str, Any] = {"gender": SECRET}
    for _ in range(5000):
        deep = {"x": deep}
    assert without_forbidden_fields(deep) == "[removed]"


@pytest.mark.parametrize(
    ("value", "kept"),
    [
        (hired(birthDate=SECRET, x="Zoë"), hired(birthDate="[removed]", x="Zoë")),
        (json.dumps({"data": {"gender": SECRET}}).encode(), b'{"data": {"gender": "[removed]"}}'),
        (b'{"start_date":   "soon"}', b'{"start_date":   "soon"}'),
        (b'{"gender": "', b'{"gender": "'),
        (None, None),
    ],
)
def test_a_dead_letter_is_kept_as_it_came_but_for_forbidden_values(value: bytes | None, kept: bytes | None) -> None:
    record = Record(TOPIC, 0, 7, b"E-1001", value, (), NOW)
    changes = Changes()
    bury(changes, "matching", "matching", record, Unprocessable("forbidden_field", "field 'x' is refused", "x"), NOW)
    ((letter,),) = changes._unguarded.values()
    (published,) = changes._records
    assert letter._doc["$setOnInsert"]["value"] == published["value"] == kept
    assert (published["topic"], published["key"]) == ("matching.dead-letters", b"E-1001")


def test_an_event_on_another_topic_is_refused() -> None:
    assert refusal(hired(), headers(), topic="mentoring.mentors").code == "wrong_topic"


def test_base64_data_is_refused_by_name() -> None:
    document = {"specversion": "1.0", "id": "1", "source": "/hr", "type": "hr.employee.hired.v1", "data_base64": "e30="}
    error = refusal(json.dumps(document).encode(), [("content-type", b"application/cloudevents+json")])
    assert (error.code, error.field) == ("malformed_event", "data_base64")


def test_what_a_tolerant_reader_accepts() -> None:
    accepted = [
        (hired(division="", work_email="  "), headers()),  # empty text is no value
        (b"\xef\xbb\xbf" + hired(), headers()),  # a byte order mark
        (hired(), headers(time=b"2027-01-01t08:00:00.123456789z")),  # nanoseconds, small letters
        (hired(), without("ce_time", "ce_subject", "content-type")),
        (hired(), [*headers(), ("ce_id", b"1")]),  # the same header twice
        (hired(), headers(subject=None)),
        (hired(locale="pt_BR", languages=["pt-BR", "EN "]), headers()),
        (nested("1"), headers()),
    ]
    for value, given_headers in accepted:
        event = decode_record(TOPIC, value, given_headers, NOW)
        assert event.subject == "E-1001"
    assert decode_record(TOPIC, hired(work_email=" "), headers(), NOW).data.work_email is None
    assert decode_record(TOPIC, hired(languages=["pt-BR", "EN "]), headers(), NOW).data.languages == ["pt", "en"]


HEADER_NAMES = st.sampled_from([*HEADERS, "ce_sequence", "ce_traceparent", "CE_ID", "x"]) | st.text(max_size=10)
HEADER_VALUES = st.none() | st.binary(max_size=40) | st.sampled_from([value for value in HEADERS.values() if value])
JSON_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: (
        st.lists(inner, max_size=4) | st.dictionaries(st.sampled_from(sorted(HIRED)) | st.text(max_size=8), inner, max_size=4)
    ),
    max_leaves=12,
)


def event_or_reason(topic: str, value: bytes | None, given_headers: Headers) -> None:
    with suppress(Unprocessable):
        event = decode_record(topic, value, given_headers, NOW)
        assert isinstance(event, Event)
        assert event.time.tzinfo is UTC


@given(
    value=st.none() | st.binary(max_size=200) | JSON_VALUES.map(lambda data: json.dumps(data).encode()),
    given_headers=st.lists(st.tuples(HEADER_NAMES, HEADER_VALUES), max_size=10),
    topic=st.sampled_from([TOPIC, "mentoring.mentors"]),
)
def test_arbitrary_records_give_an_event_or_a_reason(value: bytes | None, given_headers: Headers, topic: str) -> None:
    event_or_reason(topic, value, given_headers)


@settings(max_examples=300)
@given(type=st.sampled_from(sorted(EVENT_TYPES)), changes=st.dictionaries(st.integers(0, 30), JSON_VALUES, max_size=4))
def test_arbitrary_values_in_the_fields_of_any_event_give_an_event_or_a_reason(type: str, changes: dict[int, Any]) -> None:
    fields = sorted(EVENT_TYPES[type].model_fields)
    data = golden(type)["data"] | {fields[index % len(fields)]: value for index, value in changes.items()}
    event_or_reason(
        EVENT_TYPES[type].TOPIC, json.dumps(data).encode(), [*without("ce_subject", "ce_type"), ("ce_type", type.encode())]
    )


@given(
    document=st.dictionaries(
        st.sampled_from(["specversion", "id", "source", "type", "subject", "time", "data", "sequence", "traceparent"]),
        JSON_VALUES,
    )
)
def test_arbitrary_structured_events_give_an_event_or_a_reason(document: dict[str, Any]) -> None:
    filled = {"specversion": "1.0", "id": "1", "source": "/hr", "type": "hr.employee.hired.v1", "data": HIRED} | document
    event_or_reason(TOPIC, json.dumps(filled).encode(), [("content-type", b"application/cloudevents+json")])
