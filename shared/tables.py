"""Tables for spreadsheets: CSV that opens as text, whatever people called themselves."""

import csv
from collections.abc import AsyncIterator, Iterable, Sequence
from io import StringIO

from starlette.responses import Response, StreamingResponse

CSV = "text/csv; charset=utf-8"
MARK = b"\xef\xbb\xbf"  # what makes spreadsheets read UTF-8
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
    return Response(MARK + text.encode(), media_type=CSV, headers=_headers(file))


def csv_stream(texts: AsyncIterator[str], file: str) -> Response:
    """A table to download while it is read. Where reading fails the connection breaks: a part is never taken for the whole."""

    async def body() -> AsyncIterator[bytes]:
        yield MARK
        async for text in texts:
            yield text.encode()

    return StreamingResponse(body(), media_type=CSV, headers=_headers(file))


def _headers(file: str) -> dict[str, str]:
    return {"Content-Disposition": f'attachment; filename="{file}"', "Cache-Control": "no-store"}
