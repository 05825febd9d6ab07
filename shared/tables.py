"""Tables for spreadsheets: CSV that opens as text, whatever people called themselves."""

import csv
from collections.abc import Iterable, Sequence
from io import StringIO

from starlette.responses import Response

FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n")  # a spreadsheet would carry out a cell that begins so (OWASP, CSV injection)


def cell(value: object) -> object:
    """A value as a cell; text that a spreadsheet would take for a formula is marked as text."""
    return f"'{value}" if isinstance(value, str) and value.startswith(FORMULA) else value


def lines(rows: Iterable[Sequence[object]]) -> str:
    """Rows as CSV (RFC 4180)."""
    out = StringIO()
    csv.writer(out, lineterminator="\r\n").writerows([cell(value) for value in row] for row in rows)
    return out.getvalue()


def csv_response(text: str, file: str) -> Response:
    """A table to download."""
    headers = {"Content-Disposition": f'attachment; filename="{file}"', "Cache-Control": "no-store"}
    # The mark at the beginning is what makes spreadsheets read UTF-8.
    return Response(text.encode("utf-8-sig"), media_type="text/csv; charset=utf-8", headers=headers)
