"""What every HTTP side shares: the application's frame, idempotency keys."""

from collections.abc import Callable, Sequence
from contextlib import AbstractAsyncContextManager
from typing import Annotated, Any

from fastapi import APIRouter, FastAPI, Header, Query, Request
from starlette.middleware.gzip import GZipMiddleware
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from shared.paging import PAGE_LIMIT
from shared.problems import PROBLEM_JSON, install_problem_handlers, problem_response
from shared.refusals import Refused

BODY_BYTES = 64 * 1024  # the longest form holds a few thousand characters
BODILESS = ("GET", "HEAD", "OPTIONS")
PACKET_BYTES = 1_400  # what fits into one packet arrives no sooner for being smaller

FASTAPI_REFUSAL = "HTTPValidationError"
PROBLEM_SCHEMA: dict[str, Any] = {
    "type": "object",
    "title": "Problem",
    "description": "RFC 9457. `code` is a stable word for machines, `field` the field at fault.",
    "required": ["type", "title", "status", "code", "detail"],
    "properties": {name: {"type": "string"} for name in ("type", "title", "code", "detail", "field")}
    | {"status": {"type": "integer"}},
}
PROBLEM_RESPONSE: dict[str, Any] = {
    "description": "Refused, or failed.",
    "content": {PROBLEM_JSON: {"schema": {"$ref": "#/components/schemas/Problem"}}},
}

Limit = Annotated[int, Query(ge=1, le=PAGE_LIMIT, description="Items per page.")]
Cursor = Annotated[str | None, Query(max_length=500, description="`next` of the page before.")]
IdempotencyKey = Annotated[
    str | None,
    Header(alias="Idempotency-Key", max_length=200, description="Repeat a request with the same key and it is carried out once."),
]


async def body_within(request: Request, limit: int, refusal: Refused) -> bytes:
    """The whole body, of at most `limit` bytes. Raises `refusal` as soon as it is known to be larger."""
    declared = request.headers.get("content-length", "")
    if declared.isdecimal() and int(declared[:20]) > limit:
        raise refusal
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        if len(body) > limit:
            raise refusal
    return bytes(body)


_TOO_LARGE = Refused(413, "too_large", f"the body is larger than {BODY_BYTES // 1024} KiB; nothing here takes as much")


class HeadAsGet:
    """Answers HEAD as GET without the body, as RFC 9110 (9.3.2) has it; FastAPI's routes know GET alone."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass everything else on."""
        if scope["type"] != "http" or scope["method"] != "HEAD":
            await self._app(scope, receive, send)
            return

        async def send_head(message: Message) -> None:
            if message["type"] == "http.response.body":
                message = {**message, "body": b""}
            await send(message)

        await self._app({**scope, "method": "GET"}, receive, send_head)


class SmallBodies:
    """Refuses a body larger than any form or command (413), before anything reads it; addresses below `without` look themselves.

    FastAPI's own limit would answer in plain text, where every refusal of ours is a problem document.
    """

    def __init__(self, app: ASGIApp, without: Sequence[str]) -> None:
        self._app = app
        self._without = tuple(without)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Read the body first, whatever the request says of its length, and hand it on in one piece."""
        if scope["type"] != "http" or scope["method"] in BODILESS or scope["path"].startswith(self._without):
            await self._app(scope, receive, send)
            return
        body = bytearray()
        message: Message = {"more_body": True}
        while message.get("more_body", False):
            message = await receive()
            body += message.get("body", b"")
            if len(body) > BODY_BYTES:
                await problem_response(_TOO_LARGE, {"Connection": "close"})(scope, receive, send)
                return
        whole: list[Message] = [{**message, "body": bytes(body)}]
        await self._app(scope, lambda: _next(whole, receive), send)


async def _next(waiting: list[Message], receive: Receive) -> Message:
    return waiting.pop() if waiting else await receive()


def scoped_key(key: str | None, *scope: str) -> str | None:
    """An idempotency key that holds for one operation on one thing by one caller only."""
    return " ".join((*scope, key)) if key else None


def make_app(
    title: str,
    routers: Sequence[APIRouter],
    *,
    lifespan: Callable[[FastAPI], AbstractAsyncContextManager[None]] | None = None,
    large_bodies: Sequence[str] = (),
) -> FastAPI:
    """An application whose refusals are problem documents and whose documentation loads nothing from elsewhere.

    Bodies are limited to `BODY_BYTES` but for paths that begin with one of `large_bodies`.
    """
    app = FastAPI(title=title, version="1", lifespan=lifespan, docs_url=None, redoc_url=None)
    app.add_middleware(SmallBodies, without=large_bodies)
    app.add_middleware(GZipMiddleware, minimum_size=PACKET_BYTES, compresslevel=6)  # event streams go as they are
    app.add_middleware(HeadAsGet)
    install_problem_handlers(app)
    for router in routers:
        app.include_router(router)
    _describe_problems(app)
    return app


def _describe_problems(app: FastAPI) -> None:
    """Let the OpenAPI document say that every refusal is a problem document, where FastAPI would describe its own."""
    described = app.openapi

    def openapi() -> dict[str, Any]:
        if app.openapi_schema is None:
            document = described()
            schemas = document.setdefault("components", {}).setdefault("schemas", {})
            schemas["Problem"] = PROBLEM_SCHEMA
            operations = [operation for methods in document["paths"].values() for operation in methods.values()]
            for responses in (operation["responses"] for operation in operations):
                if FASTAPI_REFUSAL in str(responses.get("422")):
                    del responses["422"]
                responses.setdefault("default", PROBLEM_RESPONSE)
            schemas.pop(FASTAPI_REFUSAL, None)
            schemas.pop("ValidationError", None)
        return app.openapi_schema or {}

    app.openapi = openapi  # type: ignore[method-assign]
