"""JSON lines are checked whole before the first one is published."""

import io
import json
from datetime import UTC, datetime

import pytest

from services.intake.publish import FAULTS_SHOWN, publish_file, publish_lines
from services.intake.publisher import Publisher

NOW = datetime(2027, 1, 11, 8, tzinfo=UTC)
HIRED = {
    "specversion": "1.0",
    "id": "1",
    "source": "/hr/acme",
    "type": "hr.employee.hired.v1",
    "data": {"employee_id": "E-1", "display_name": "Ada", "start_date": "2027-02-01"},
}
NOWHERE = Publisher("127.0.0.1:1", patience_s=0.5)


def lines(*documents: object) -> io.BytesIO:
    return io.BytesIO(b"".join((part if isinstance(part, bytes) else json.dumps(part).encode()) + b"\n" for part in documents))


async def test_every_bad_line_is_named_and_nothing_is_published() -> None:
    birth = HIRED | {"data": HIRED["data"] | {"birth_date": "1990-01-01"}}
    own = HIRED | {"type": "mentoring.assignment.released.v1"}
    spoofed = HIRED | {"source": "/firstmate/matching"}
    report = await publish_lines(lines(HIRED, b"", b"{", birth, own, spoofed, b"x" * 300_000, HIRED), NOWHERE, NOW)
    assert [(fault.line, fault.code, fault.field) for fault in report.faults] == [
        (3, "malformed_json", None),
        (4, "forbidden_field", "birth_date"),
        (5, "type_not_accepted", "type"),
        (6, "reserved_source", "source"),
        (7, "too_large", None),
    ]
    assert (report.lines, report.refused, report.published, report.ok) == (7, 5, 0, False)
    assert "--skip-bad" in (report.problem or "")


async def test_only_the_first_faults_are_listed_and_all_are_counted() -> None:
    report = await publish_lines(lines(*[b"?"] * (FAULTS_SHOWN + 20)), NOWHERE, NOW)
    assert (report.refused, len(report.summary()["faults"])) == (FAULTS_SHOWN + 20, FAULTS_SHOWN)


async def test_without_a_broker_the_report_says_what_to_do() -> None:
    report = await publish_lines(lines(HIRED), NOWHERE, NOW)
    assert (report.published, report.ok) == (0, False)
    assert "run the same command again" in (report.problem or "")


async def test_an_empty_input_is_no_fault() -> None:
    assert (await publish_lines(lines(), NOWHERE, NOW)).ok


async def test_standard_input_is_read_twice_as_well(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(lines(HIRED, b"{")))
    report = await publish_file("-", "127.0.0.1:1", NOW)
    assert (report.lines, report.refused) == (2, 1)


async def test_a_file_that_is_not_there_is_an_os_error() -> None:
    with pytest.raises(FileNotFoundError):
        await publish_file("nowhere.jsonl", "127.0.0.1:1", NOW)
