"""The web origin: every service's API and pages behind one address, and what operators ask.

It holds no state and no work: workers do that in processes of their own. `/healthz` speaks for them too, as far as the setting
`peers` names them.
"""

import asyncio
import os
from collections.abc import Awaitable
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from typing import Any

import httpx
import uvicorn
from aiokafka.admin import AIOKafkaAdminClient
from fastapi import APIRouter, FastAPI, Request
from fastapi.responses import HTMLResponse, JSONResponse, Response
from prometheus_client import REGISTRY, CollectorRegistry, multiprocess

from deploy.mailviewer import mail_viewer
from services.intake import web as intake
from services.matching import web as matching
from services.notifications import web as notifications
from services.onboarding import web as onboarding
from shared import kafka_access, schema
from shared.access import install_access, viewer_or_none
from shared.asyncapi import asyncapi_document
from shared.health import exposition
from shared.mongo import Client, connect
from shared.pages import install_pages, templates
from shared.settings import Settings
from shared.web import make_app

ANSWER_WITHIN_S = 4.0  # operators' probes commonly give up after five
STOP_WITHIN_S = 5  # requests in flight may end; open event streams are told to

PAGES = templates(Path(__file__).parent / "templates")


def origin(client: Client, settings: Settings) -> FastAPI:
    """The application over a connected client."""
    routers = [
        *intake.web(settings),
        *matching.web(client["matching"], settings),
        *onboarding.web(client["onboarding"], settings),
        *notifications.web(client["notifications"], settings),
        operations(client, settings),
    ]
    if settings.mail_dir is not None:
        routers.append(mail_viewer(settings.mail_dir))
    app = make_app("Firstmate", routers, large_bodies=intake.LARGE_BODIES)
    install_access(app, settings)
    install_pages(app, settings)
    return app


def operations(client: Client, settings: Settings) -> APIRouter:
    """Health, readiness, metrics, and the descriptions of what there is to call and to read."""
    router = APIRouter(tags=["operations"])
    peers = dict(peer.split("=", 1) for peer in settings.peers)

    @router.get("/healthz", summary="Whether every process is alive and moving; names the part that is not")
    async def healthz() -> JSONResponse:
        answers = await asyncio.gather(*(peer_health(url) for url in peers.values()))
        parts = {"web": {"status": "ok"}, **dict(zip(peers, answers, strict=True))}
        bad = [name for name, part in parts.items() if part["status"] != "ok"]
        body = {"status": "failing" if bad else "ok", "failing": bad, "parts": parts}
        return JSONResponse(body, status_code=503 if bad else 200)

    @router.get("/readyz", summary="Whether what this process stands on can be reached")
    async def readyz() -> JSONResponse:
        mongo, kafka = await asyncio.gather(problem(client.admin.command("ping")), problem(reach_kafka(settings.kafka)))
        well = mongo is None and kafka is None
        body = {"status": "ok" if well else "unavailable", "parts": {"mongo": mongo, "kafka": kafka}}
        return JSONResponse(body, status_code=200 if well else 503)

    @router.get("/metrics", summary="Prometheus metrics of all processes that share PROMETHEUS_MULTIPROC_DIR")
    def metrics(request: Request) -> Response:
        registry = REGISTRY
        if "PROMETHEUS_MULTIPROC_DIR" in os.environ:
            registry = CollectorRegistry()
            multiprocess.MultiProcessCollector(registry)  # type: ignore[no-untyped-call]
        return exposition(registry, request.headers.get("accept", ""))

    @router.get("/asyncapi", summary="Every event, as an AsyncAPI 3.0 document")
    def asyncapi() -> JSONResponse:
        return JSONResponse(asyncapi_document(settings.kafka))

    @router.get("/docs", include_in_schema=False)
    def docs(request: Request) -> HTMLResponse:
        return PAGES.render(request, "docs.html", viewer=viewer_or_none(request), groups=described(request.app.openapi()))

    return router


def described(openapi: dict[str, Any]) -> dict[str, list[dict[str, str]]]:
    """The operations of an OpenAPI document by their first tag or, where they have none, the service in their path."""
    groups: dict[str, list[dict[str, str]]] = {}
    for path, methods in openapi["paths"].items():
        for method, operation in methods.items():
            parts = path.strip("/").split("/")
            tag = (operation.get("tags") or [parts[1] if parts[0] == "api" and len(parts) > 1 else parts[0]])[0]
            summary = operation.get("summary", "")
            groups.setdefault(tag, []).append(
                {"method": method.upper(), "path": path, "summary": summary, "more": operation.get("description", "")}
            )
    return groups


async def peer_health(url: str) -> dict[str, Any]:
    """A worker's own answer, or that there is none."""
    try:
        async with httpx.AsyncClient(timeout=ANSWER_WITHIN_S, trust_env=False) as http:
            answer: dict[str, Any] = (await http.get(f"{url}/healthz")).json()
            return {"status": "unreadable answer"} | answer
    except (httpx.HTTPError, ValueError) as error:
        return {"status": "unreachable", "problem": type(error).__name__}


async def problem(question: Awaitable[Any]) -> str | None:
    """What is wrong, or None when the answer comes in time."""
    try:
        async with asyncio.timeout(ANSWER_WITHIN_S):
            await question
    except Exception as error:
        return type(error).__name__
    return None


async def reach_kafka(address: str) -> None:
    """Raises when no broker answers."""
    admin = AIOKafkaAdminClient(**kafka_access.client(address))
    try:
        await admin.start()
    finally:
        await admin.close()


class OriginServer(uvicorn.Server):
    """uvicorn that leaves signals to the process it runs in (`deploy.run`)."""

    def capture_signals(self) -> AbstractContextManager[None]:  # type: ignore[override]
        """None of them."""
        return nullcontext()


async def serve(settings: Settings) -> None:
    """Serve until cancelled, then let requests end.

    Raises `ServerSelectionTimeoutError` when the database does not answer, `DataNewer` when it holds what newer code wrote.
    """
    client = await connect(settings.mongo)
    try:
        for service, version in schema.VERSIONS.items():
            await schema.check(client[service], version)
        await _serve(client, settings)
    finally:
        client.close()


async def _serve(client: Client, settings: Settings) -> None:
    app = origin(client, settings)
    host, _, port = settings.listen.rpartition(":")
    options: dict[str, Any] = {
        "log_config": None,
        "access_log": False,
        "server_header": False,
        "timeout_graceful_shutdown": STOP_WITHIN_S,
    }
    server = OriginServer(uvicorn.Config(app, host=host, port=int(port), **options))
    serving = asyncio.create_task(server.serve())
    try:
        await asyncio.shield(serving)
    finally:
        app.state.stopping.set()  # open pages let go
        server.should_exit = True
        await serving
