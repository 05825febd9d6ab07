"""A table of people, read as it comes out of spreadsheets, and refused cell by cell where it is wrong."""

from contextlib import suppress
from datetime import UTC, date, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.intake.columns import ColumnFault
from services.intake.publisher import Publisher
from services.intake.table import Row, Unreadable, import_table, read_table
from shared.events.hr import EmployeeHired, EmployeeSnapshot
from shared.events.mentoring import MentorEnrolled

NOW = datetime(2027, 1, 11, 8, tzinfo=UTC)
NOWHERE = Publisher("127.0.0.1:1")  # never connected to: what these tests import is refused or a dry run


def rows(text: str) -> list[Row]:
    return read_table(text.encode(), NOW)[1]


def only(text: str) -> Any:
    (row,) = rows(text)
    assert row.faults == []
    (event,) = row.events
    return event.data


def faults(text: str) -> list[tuple[int, str | None, str]]:
    return [(fault.line, fault.column, fault.code) for row in rows(text) for fault in row.faults]


def test_a_table_with_start_dates_holds_hires() -> None:
    hire = only("employee_id,given_name,start_date,skills\nE-1,Ada,2027-02-01,kafka|python\n")
    assert isinstance(hire, EmployeeHired)
    assert (hire.employee_id, hire.start_date, hire.skills) == ("E-1", date(2027, 2, 1), ["kafka", "python"])


def test_a_table_without_start_dates_holds_existing_employees() -> None:
    assert isinstance(only("employee_id,name\nE-1,Ada Okafor\n"), EmployeeSnapshot)


def test_a_table_with_capacities_holds_mentors_and_a_named_one_is_introduced_first() -> None:
    assert only("mentor id;places;trained;traits\nE-1;3;yes;sensibility, reliability\n") == MentorEnrolled(
        mentor_id="E-1", capacity=3, trained=True, traits=["sensibility", "reliability"]
    )
    (row,) = rows("employee_id,name,capacity\nE-1,Ada,3\n")
    assert [type(event.data) for event in row.events] == [EmployeeSnapshot, MentorEnrolled]


def test_a_kind_column_decides_row_by_row() -> None:
    text = (
        "kind,employee_id,name,start_date,capacity\nNew hire,E-1,Ada,2027-02-01,\nemployee,E-2,Ben,2019-02-01,\nmentor,E-2,,,2\n"
    )
    assert [type(event.data) for row in rows(text) for event in row.events] == [EmployeeHired, EmployeeSnapshot, MentorEnrolled]
    assert faults("kind,employee_id,name\ncontractor,E-1,Ada\n,E-2,Ben\n") == [
        (2, "kind", "invalid_field"),
        (3, "kind", "invalid_field"),
    ]


@pytest.mark.parametrize(
    "header",
    [
        "employeeId,givenName,familyName,workEmail,startDate",
        "Employee ID;First Name;Last Name;E-Mail;Start date",
        "ID\tForename\tSurname\tWork mail\tHire-Date",
        "\ufeffemployee_id,given_name,family_name,work_email,start_date",
        "WORKER_ID|FIRST_NAME|LAST_NAME|EMAIL ADDRESS|FIRST DAY",
    ],
)
def test_headers_are_recognised_in_many_spellings_and_with_any_delimiter(header: str) -> None:
    delimiter = next(mark for mark in ",;\t|" if mark in header)
    hire = only(f"{header}\n{delimiter.join(['E-1', 'Zoë', 'Ångström', 'zoe@a.example', '2027-02-01'])}\n")
    assert (hire.name, hire.work_email) == ("Zoë Ångström", "zoe@a.example")


def test_lists_are_split_at_any_of_three_marks_that_are_not_the_delimiter() -> None:
    assert only('employee_id,name,languages\nE-1,Ada,"fr; en|de,pt-BR"\n').languages == ["fr", "en", "de", "pt"]
    assert only("employee_id;name;languages\nE-1;Ada;fr,en\n").languages == ["fr", "en"]


def test_empty_cells_and_empty_rows_say_nothing() -> None:
    row = only("employee_id,name,title,manager\n,,,\nE-1,Ada,  ,\n\n   ,\n")
    assert row.model_fields_set == {"employee_id", "display_name"}


def test_unknown_columns_are_ignored_and_named() -> None:
    columns, _ = read_table(b"employee_id,name,Shoe size,\nE-1,Ada,43,x\n", NOW)
    assert columns.ignored == ["Shoe size"]


def test_windows_line_ends_quotes_and_line_breaks_in_cells_are_understood() -> None:
    assert only('employee_id,name,title\r\nE-1,"Okafor, Ada","Head of ""Data"""\r\n').title == 'Head of "Data"'
    text = 'employee_id,name,title\nE-1,Ada,"two\nlines"\nE-2,Ben,Engineer\nE 3,Cy,x\n'
    assert faults(text) == [(2, "title", "invalid_field"), (5, "employee_id", "invalid_field")]


def test_excels_unicode_text_is_understood() -> None:
    _, (row,) = read_table("employee_id\tname\nE-1\tZoë\n".encode("utf-16"), NOW)
    assert row.events[0].data.name == "Zoë"


def test_every_wrong_cell_is_named_by_line_and_by_the_tables_own_header() -> None:
    text = "Employee ID,Name,Start Date,Time zone,E-Mail,Manager\nE-1,Ada,01.02.2027,Mars/Base,nobody,E 7\nE-2,,2027-02-01,,,\n"
    assert faults(text) == [
        (2, "E-Mail", "invalid_field"),
        (2, "Time zone", "invalid_field"),
        (2, "Manager", "invalid_field"),
        (2, "Start Date", "invalid_field"),
        (3, None, "invalid_field"),
    ]


def test_a_date_in_another_form_is_refused_with_the_accepted_form_and_without_its_value() -> None:
    (fault,) = rows("employee_id,name,start_date\nE-1,Ada,1/2/2027\n")[0].faults
    assert "2027-01-11" in fault.detail
    assert "1/2/2027" not in fault.detail


def test_a_hire_whose_start_lies_long_back_is_refused_unless_the_kind_is_said() -> None:
    assert faults("employee_id,name,start_date\nE-1,Ada,2019-02-01\n") == [(2, "start_date", "long_ago")]
    assert faults("kind,employee_id,name,start_date\nhire,E-1,Ada,2019-02-01\n") == []


def test_two_rows_about_one_person_are_refused() -> None:
    assert faults("employee_id,name\nE-1,Ada\nE-2,Ben\nE-1,Ada\n") == [(4, "employee_id", "duplicate_row")]


def test_a_row_with_more_cells_than_columns_is_refused() -> None:
    assert faults("employee_id,name\nE-1,Okafor, Ada\n") == [(2, None, "too_many_cells")]
    assert faults("employee_id,name\nE-1,Ada,,\n") == []


@pytest.mark.parametrize("header", ["Date of Birth", "gender", "Nationality", "SSN", "salary"])
def test_a_forbidden_column_refuses_the_whole_table_by_name(header: str) -> None:
    with pytest.raises(ColumnFault) as caught:
        rows(f"employee_id,name,{header}\nE-1,Ada,\n")
    assert (caught.value.code, caught.value.column) == ("forbidden_field", header)


@pytest.mark.parametrize(
    ("text", "code"),
    [("name,title\nAda,x\n", "missing_column"), ("", "missing_column"), ("employee_id,Name,Full name\n", "duplicate_column")],
)
def test_a_header_that_cannot_be_used_is_refused(text: str, code: str) -> None:
    with pytest.raises(ColumnFault) as caught:
        rows(text)
    assert caught.value.code == code


@pytest.mark.parametrize(
    ("raw", "words"),
    [
        ("employee_id,name\nE-1,Zoë\n".encode("latin-1"), "line 2 is not UTF-8"),
        (b'employee_id,name\nE-1,"Ada\nE-2,Ben\n', "line 2 is not CSV"),
        (b'employee_id,name\nE-1,"Ada" Okafor\n', "line 2 is not CSV"),
    ],
)
async def test_a_file_that_is_no_table_is_refused_with_its_line(raw: bytes, words: str) -> None:
    report = await import_table(raw, NOWHERE, NOW)
    assert not report.ok
    assert words in (report.problem or "")


def test_the_same_content_gives_the_same_event_id_whatever_the_order_of_columns() -> None:
    first = rows("employee_id,name,start_date\nE-1,Ada,2027-02-01\n")[0].events[0]
    second = rows("start date;Name;ID;title\n2027-02-01;Ada;E-1;\n")[0].events[0]
    other = rows("employee_id,name,start_date\nE-1,Ada,2027-02-08\n")[0].events[0]
    assert first.id == second.id != other.id


async def test_one_wrong_row_keeps_the_whole_table_out_and_says_so() -> None:
    report = await import_table(b"employee_id,name\nE-1,Ada\nE 2,Ben\n", NOWHERE, NOW)
    assert (report.rows, report.refused, report.published, report.ok) == (2, 1, 0, False)
    assert report.summary()["faults"][0]["line"] == 3


async def test_a_dry_run_says_what_would_be_published() -> None:
    report = await import_table(b"employee_id,name,capacity\nE-1,Ada,2\nE-2,,1\n", NOWHERE, NOW, dry_run=True)
    assert (report.ok, report.rows, report.events, report.published, report.kinds) == (True, 2, 3, 0, {"mentor": 2})


async def test_a_forbidden_column_is_reported_as_the_fault_of_line_one() -> None:
    report = await import_table(b"employee_id,name,Gender\nE-1,Ada,x\n", NOWHERE, NOW)
    (fault,) = report.faults
    assert (report.ok, fault.line, fault.column, fault.code) == (False, 1, "Gender", "forbidden_field")


async def test_a_table_without_a_broker_says_what_to_do() -> None:
    report = await import_table(b"employee_id,name\nE-1,Ada\n", Publisher("127.0.0.1:1", patience_s=0.5), NOW)
    assert (report.ok, report.events, report.published) == (False, 1, 0)
    assert "run the same command again" in (report.problem or "")


async def test_a_table_that_is_too_large_is_refused_by_its_size(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("services.intake.table.MAX_TABLE_BYTES", 10)
    report = await import_table(b"employee_id,name\n", NOWHERE, NOW)
    assert "split it" in (report.problem or "")


@given(st.binary(max_size=200) | st.text(max_size=200).map(str.encode), st.booleans())
def test_arbitrary_bytes_are_a_table_or_are_refused(raw: bytes, with_header: bool) -> None:
    with suppress(Unreadable, ColumnFault):
        columns, read = read_table(b"employee_id,name,start_date\n" + raw if with_header else raw, NOW)
        assert len(columns.headers) == len(columns.fields)
        assert all(bool(row.events) or bool(row.faults) for row in read)
