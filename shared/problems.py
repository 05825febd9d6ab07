"""Refusals that people and machines can act on: RFC 9457 problem details."""

from http import HTTPStatus
from typing import Any

import structlog
from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from starlette.exceptions import HTTPException

from shared.events import Unprocessable
from shared.mongo import PyMongoError, is_outage

PROBLEM_JSON = "application/problem+json"
log = structlog.get_logger()


class Refused(Exception):
    """A request or command that can't be carried out, with what was wrong, where, and what to do.

    `status` is the HTTP status, `code` a stable word for machines, `field` the field at fault. `detail` holds no personal value.
    """

    def __init__(self, status: int, code: str, detail: str, *, title: str | None = None, field: str | None = None) -> None:
        super().__init__(f"{code}: {detail}")
        self.status = status
        self.code = code
        self.detail = detail
        self.title = title or HTTPStatus(status).phrase
        self.field = field

    def problem(self) -> dict[str, Any]:
        """The body of the answer."""
        body = {"type": "about:blank", "title": self.title, "status": self.status, "code": self.code, "detail": self.detail}
        return body | ({"field": self.field} if self.field else {})


def not_found(detail: str, code: str = "not_found") -> Refused:
    """404: what was asked for does not exist."""
    return Refused(404, code, detail)


def forbidden(detail: str, code: str = "forbidden") -> Refused:
    """403: it may exist, but not for this viewer."""
    return Refused(403, code, detail)


def conflict(detail: str, code: str = "conflict") -> Refused:
    """409: what is asked does not fit the present state."""
    return Refused(409, code, detail)


def invalid(detail: str, code: str = "invalid", field: str | None = None) -> Refused:
    """422: the request is understood and wrong."""
    return Refused(422, code, detail, field=field)


def problem_response(refused: Refused, headers: dict[str, str] | None = None) -> JSONResponse:
    """The refusal as an HTTP answer."""
    return JSONResponse(refused.problem(), status_code=refused.status, media_type=PROBLEM_JSON, headers=headers)


def refused_by_validation(error: RequestValidationError) -> Refused:
    """The first field at fault of a request that FastAPI could not read (422)."""
    first = error.errors()[0]
    path = [str(part) for part in first["loc"]]
    where = ".".join(path[1:]) or path[0]
    return Refused(422, "invalid_request", f"{where}: {first['msg']}", field=where)


def refused_by_database(request: Request, error: PyMongoError) -> Refused:
    """What to answer when the database failed: 503 while it can't be reached, 500 where it refused. Logs the kind of error."""
    log.error("database_failed", path=request.url.path, error=type(error).__name__)
    if is_outage(error):
        return Refused(503, "database_unavailable", "the database can't be reached now; try again in a few seconds")
    return Refused(500, "database_error", "the database refused the operation; see the log")


def install_problem_handlers(app: FastAPI) -> None:
    """Answer every refusal, validation error, unknown path and outage as a problem document."""

    @app.exception_handler(Refused)
    async def _refused(_: Request, error: Refused) -> JSONResponse:
        return problem_response(error)

    @app.exception_handler(Unprocessable)
    async def _unprocessable(_: Request, error: Unprocessable) -> JSONResponse:
        return problem_response(Refused(422, error.code, error.detail, field=error.field))

    @app.exception_handler(RequestValidationError)
    async def _invalid(_: Request, error: RequestValidationError) -> JSONResponse:
        return problem_response(refused_by_validation(error))

    @app.exception_handler(HTTPException)
    async def _http(_: Request, error: HTTPException) -> JSONResponse:
        code = HTTPStatus(error.status_code).name.lower()
        return problem_response(Refused(error.status_code, code, str(error.detail)), dict(error.headers or {}))

    @app.exception_handler(PyMongoError)
    async def _database(request: Request, error: PyMongoError) -> JSONResponse:
        refused = refused_by_database(request, error)
        return problem_response(refused, {"Retry-After": "5"} if refused.status == 503 else None)
