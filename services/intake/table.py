"""`./firstmate import`: hires, employees and mentors from a CSV table.

Every row is checked before anything is published. Event ids come from the row's content, so that importing a table
again changes nothing, and importing it after a correction tells only what is new.
"""

import csv
import hashlib
import io
import json
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any

from pydantic import ValidationError

from services.intake.columns import (
    KIND,
    KINDS,
    ColumnFault,
    Columns,
    Kind,
    cell_value,
    infer_kind,
    payload_models,
    read_header,
)
from services.intake.earlier import only_new, told_before
from services.intake.publish import CHUNK_EVENTS, FAULTS_SHOWN, open_source
from services.intake.publisher import KafkaUnavailable, Publisher
from shared.events import Event, describe, new_event
from shared.events.hr import EmployeeSnapshot

SOURCE = "/import/table"
MAX_TABLE_BYTES = 64 * 1024 * 1024  # some hundred thousand people; it is read into memory
DELIMITERS = ",;\t|"
LONG_AGO = timedelta(days=90)  # a first ninety days that are over need no journey: more likely a table of existing people
NAMES = frozenset({"display_name", "given_name", "family_name"})


@dataclass(frozen=True, slots=True)
class CellFault:
    """Why a row can't be imported: the line where it starts (the header is 1) and the column as the table spells it."""

    line: int
    column: str | None
    code: str
    detail: str


@dataclass(slots=True)
class ImportReport:
    """What became of the table. `kinds` counts the good rows of each kind, `faults` holds the first hundred."""

    rows: int = 0
    refused: int = 0
    events: int = 0
    published: int = 0
    dry_run: bool = False
    unchanged: int = 0
    kinds: dict[str, int] = field(default_factory=dict)
    ignored_columns: list[str] = field(default_factory=list)
    faults: list[CellFault] = field(default_factory=list)
    problem: str | None = None

    @property
    def ok(self) -> bool:
        """Whether the table is good and, but for a dry run, published."""
        return self.problem is None

    def summary(self) -> dict[str, Any]:
        """Ready for JSON."""
        return asdict(self)


@dataclass(frozen=True, slots=True)
class Row:
    """A checked row: its events, or what is wrong with it. It starts on `line`, as editors count."""

    line: int
    kind: Kind | None
    events: list[Event[Any]]
    faults: list[CellFault]


class Unreadable(ValueError):
    """A file that is no table in UTF-8; the text says what to do."""


async def import_file(path: str, kafka: str, now: datetime, *, dry_run: bool = False, skip_bad: bool = False) -> ImportReport:
    """`import_table` for a file (`-`: standard input). Raises `OSError` when it can't be read."""
    with open_source(path) as source:
        raw = source.read(MAX_TABLE_BYTES + 1)
    publisher = Publisher(kafka)
    try:
        return await import_table(raw, publisher, now, dry_run=dry_run, skip_bad=skip_bad)
    finally:
        await publisher.close()


async def import_table(
    raw: bytes, publisher: Publisher, now: datetime, *, dry_run: bool = False, skip_bad: bool = False
) -> ImportReport:
    """Check the table, then publish its events in the order of its rows. With `skip_bad` bad rows are left out."""
    report = ImportReport(dry_run=dry_run)
    try:
        columns, rows = read_table(raw, now)
    except Unreadable as error:
        report.problem = str(error)
        return report
    except ColumnFault as fault:
        report.faults.append(CellFault(1, fault.column, fault.code, fault.detail))
        report.problem = fault.detail
        return report
    report.ignored_columns = columns.ignored
    report.rows = len(rows)
    report.refused = sum(bool(row.faults) for row in rows)
    report.faults = [fault for row in rows for fault in row.faults][:FAULTS_SHOWN]
    report.kinds = dict(Counter(str(row.kind) for row in rows if not row.faults))
    events = [event for row in rows if not row.faults for event in row.events]
    report.events = len(events)
    if report.refused and not skip_bad:
        report.problem = (
            f"{report.refused} of {report.rows} rows are wrong, so none was imported; correct them, or use --skip-bad"
        )
    elif not dry_run:
        await _publish(events, publisher, report)
    return report


async def _publish(events: Sequence[Event[Any]], publisher: Publisher, report: ImportReport) -> None:
    try:
        new = only_new(events, await told_before(publisher.address, SOURCE, {event.data.TOPIC for event in events}))
        report.unchanged = len(events) - len(new)
        for start in range(0, len(new), CHUNK_EVENTS):
            chunk = new[start : start + CHUNK_EVENTS]
            await publisher.publish(chunk)
            report.published += len(chunk)
    except KafkaUnavailable as error:
        report.problem = f"{error}; run the same command again, what is already there changes nothing"


def read_table(raw: bytes, now: datetime) -> tuple[Columns, list[Row]]:
    """The header and every row that is not empty. Raises `Unreadable`, or `ColumnFault` for the header."""
    lines = _lines(_text(raw))
    _, header = next(lines, (1, []))
    columns = read_header(header)
    inferred = None if KIND in columns.fields else infer_kind(columns)
    rows = [_row(line, cells, columns, inferred, now) for line, cells in lines if any(cell.strip() for cell in cells)]
    return columns, _without_repeats(rows, columns)


def _text(raw: bytes) -> str:
    if len(raw) > MAX_TABLE_BYTES:
        raise Unreadable(f"the table is larger than {MAX_TABLE_BYTES // 1024**2} MB; split it")
    try:
        if raw.startswith((b"\xff\xfe", b"\xfe\xff")):
            return raw.decode("utf-16")  # what Excel calls Unicode text
        return raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = raw[: error.start].count(b"\n") + 1
        raise Unreadable(f"line {line} is not UTF-8; save the table as CSV UTF-8") from None


def _lines(text: str) -> Iterator[tuple[int, list[str]]]:
    """Each record with the line it starts on. The delimiter is the one that occurs most in the header, which holds no lists."""
    header = text.lstrip("\r\n").partition("\n")[0]
    delimiter = max(DELIMITERS, key=header.count)
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True)
    start = 1
    try:
        for cells in reader:
            if cells:
                yield start, cells
            start = reader.line_num + 1
    except csv.Error as error:
        raise Unreadable(f"line {start} is not CSV ({error}); check its quotes") from None


def _row(line: int, cells: list[str], columns: Columns, inferred: Kind | None, now: datetime) -> Row:
    if len(cells) > len(columns.fields) and any(cell.strip() for cell in cells[len(columns.fields) :]):
        detail = f"the row has {len(cells)} cells under {len(columns.fields)} columns; quote cells that hold the delimiter"
        return Row(line, None, [], [CellFault(line, None, "too_many_cells", detail)])
    data = {
        name: cell_value(name, cell.strip()) for name, cell in zip(columns.fields, cells, strict=False) if name and cell.strip()
    }
    kind = inferred or KINDS.get(str(data.pop(KIND, "")).replace(" ", "_"))
    if kind is None:
        detail = "the kind must be hire, employee or mentor"
        return Row(line, None, [], [CellFault(line, columns.header_of(KIND), "invalid_field", detail)])
    events, faults = _events(kind, data, line, columns, now)
    if kind == inferred == "hire" and not faults and events[0].data.start_date < now.date() - LONG_AGO:
        detail = "the start date lies more than 90 days back; add a column 'kind' that says hire or employee"
        faults.append(CellFault(line, columns.header_of("start_date"), "long_ago", detail))
    return Row(line, kind, events, faults)


def _events(
    kind: Kind, data: dict[str, Any], line: int, columns: Columns, now: datetime
) -> tuple[list[Event[Any]], list[CellFault]]:
    events: list[Event[Any]] = []
    faults: list[CellFault] = []
    for model in payload_models(kind):
        if kind == "mentor" and model is EmployeeSnapshot and not NAMES & data.keys():
            continue  # a mentor who is known already: the row says only how they mentor
        try:
            payload = model.model_validate(data | {"mentor_id": data.get("employee_id")})
        except ValidationError as error:
            for fault in describe(error):
                field = "employee_id" if fault.field == "mentor_id" else fault.field
                faults.append(CellFault(line, columns.header_of(field), fault.code, fault.detail))
            continue
        events.append(new_event(payload, source=SOURCE, id=_event_id(payload), time=now))
    return events, faults


def _without_repeats(rows: list[Row], columns: Columns) -> list[Row]:
    """The rows, of which one about a person that an earlier row of the same kind is about has a fault."""
    seen: dict[tuple[Kind | None, str], int] = {}
    checked = []
    for row in rows:
        key = (row.kind, row.events[0].subject) if row.events else (None, "")
        if row.events and (first := seen.setdefault(key, row.line)) != row.line:
            detail = f"line {first} is about the same person; a table has one row per person and kind"
            fault = CellFault(row.line, columns.header_of("employee_id"), "duplicate_row", detail)
            row = replace(row, faults=[*row.faults, fault])  # noqa: PLW2901
        checked.append(row)
    return checked


def _event_id(payload: Any) -> str:
    """The same for the same content, whatever the order of the columns."""
    content = json.dumps([payload.TYPE, payload.model_dump(mode="json", exclude_unset=True)], sort_keys=True)
    return f"row-{hashlib.sha256(content.encode()).hexdigest()[:32]}"
