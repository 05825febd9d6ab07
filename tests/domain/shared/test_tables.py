"""A table for spreadsheets opens as text."""

import csv

import pytest

from shared.tables import cell, csv_response, lines


@pytest.mark.parametrize("text", ["=1+1", "+1", "-1", "@sum", "\tx", "\rx", "\nx"])
def test_text_that_a_spreadsheet_would_carry_out_is_marked_as_text(text):
    assert cell(text) == f"'{text}"


def test_numbers_and_other_text_stay_as_they_are():
    assert [cell(value) for value in (-1.5, None, "Ada", "a=b", "")] == [-1.5, None, "Ada", "a=b", ""]


def test_a_table_reads_back_as_it_was():
    rows = [["name", "words"], ["Ada", 'says "hi",\nand goes'], ["Østergård", ""]]
    assert list(csv.reader(lines(rows).splitlines(keepends=True))) == rows


def test_a_download_is_utf8_that_spreadsheets_recognise_and_nobody_keeps():
    answer = csv_response("a\r\n", "x.csv")
    assert answer.body.startswith(b"\xef\xbb\xbf")
    assert (answer.headers["cache-control"], "x.csv" in answer.headers["content-disposition"]) == ("no-store", True)
