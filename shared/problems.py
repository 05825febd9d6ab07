"""Refusals that people and machines can act on: RFC 9457 problem details."""

from http import HTTPStatus

import structlog
from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from starlette.exceptions import HTTPException
from starlette.routing import BaseRoute, Match
from starlette.types import Scope

from shared.events import Unprocessable
from shared.mongo import PyMongoError, is_outage
from shared.refusals import Refused

METHODS = ("DELETE", "GET", "PATCH", "POST", "PUT")
PROBLEM_JSON = "application/problem+json"
log = structlog.get_logger()


def problem_response(refused: Refused, headers: dict[str, str] | None = None) -> JSONResponse:
    """The refusal as an HTTP answer."""
    return JSONResponse(refused.problem(), status_code=refused.status, media_type=PROBLEM_JSON, headers=headers)


def refused_by_validation(error: RequestValidationError) -> Refused:
    """The first field at fault of a request that FastAPI could not read (422)."""
    first = error.errors()[0]
    if first["type"] == "json_invalid":
        return Refused(422, "malformed_json", f"the body is not JSON at character {first['loc'][-1]}; send one JSON object")
    path = [str(part) for part in first["loc"]]
    where = ".".join(path[1:]) or path[0]
    return Refused(422, "invalid_request", f"{where}: {first['msg']}", field=where)


def refused_by_database(request: Request, error: PyMongoError) -> Refused:
    """What to answer when the database failed: 503 while it can't be reached, 500 where it refused. Logs the kind of error."""
    # The route, not the address: that holds ids, and the signed links of mails.
    route = getattr(request.scope.get("route"), "path", "")
    log.error("database_failed", route=route, error=type(error).__name__)
    if is_outage(error):
        return Refused(503, "database_unavailable", "the database can't be reached now; try again in a few seconds")
    return Refused(500, "database_error", "the database refused the operation; see the log")


def refused_by_framework(error: HTTPException) -> Refused:
    """What FastAPI refuses by itself, in words that help."""
    if error.status_code == HTTPStatus.BAD_REQUEST:  # all it says of a body is that parsing failed
        return Refused(
            400, "malformed_json", "the body can't be read; send UTF-8 JSON of a few levels, with numbers of a few digits"
        )
    return Refused(error.status_code, HTTPStatus(error.status_code).name.lower(), str(error.detail))


def allowed_methods(app: FastAPI, scope: Scope) -> str:
    """The methods that some route takes at a request's path: the framework itself names those of the first such route alone."""
    taken = [method for method in METHODS if any(_takes(route, scope, method) for route in app.routes)]
    return ", ".join(sorted([*taken, "HEAD"] if "GET" in taken else taken))


def _takes(route: BaseRoute, scope: Scope, method: str) -> bool:
    return route.matches({**scope, "method": method})[0] is Match.FULL


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
    async def _http(request: Request, error: HTTPException) -> JSONResponse:
        headers = dict(error.headers or {})
        if error.status_code == HTTPStatus.METHOD_NOT_ALLOWED:
            headers = {"Allow": allowed_methods(app, request.scope)}
        return problem_response(refused_by_framework(error), headers)

    @app.exception_handler(PyMongoError)
    async def _database(request: Request, error: PyMongoError) -> JSONResponse:
        refused = refused_by_database(request, error)
        return problem_response(refused, {"Retry-After": "5"} if refused.status == 503 else None)
