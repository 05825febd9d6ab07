"""Refusals that people and machines can act on: RFC 9457 problem details."""

from http import HTTPStatus

import structlog
from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from starlette.exceptions import HTTPException

from shared.events import Unprocessable
from shared.mongo import PyMongoError, is_outage
from shared.refusals import Refused, conflict, forbidden, invalid, not_found

__all__ = ["Refused", "conflict", "forbidden", "install_problem_handlers", "invalid", "not_found", "problem_response"]

PROBLEM_JSON = "application/problem+json"
log = structlog.get_logger()


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
