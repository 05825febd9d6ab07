"""The web origin and the process runner: what operators are told, and what logs are not."""

import asyncio
import json
import os
import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from time import monotonic

import httpx
import pytest
import uvicorn

from deploy import run
from deploy.origin import OriginServer, described, operations
from deploy.parts import listens
from deploy.ports import free_port
from shared.health import STUCK_AFTER_S, Pulse, health_app
from shared.mongo import Client, ServerSelectionTimeoutError
from shared.progress import TopicShorter
from shared.settings import Settings
from shared.web import make_app
from tests.conftest import Until

ROOT = Path(__file__).parent.parent.parent


def pulse(*, moved_at: float) -> Pulse:
    return Pulse(
        "onboarding.read-models", lag={("onboarding.journeys", 0): 3}, progress={("onboarding.journeys", 0): 7}, moved_at=moved_at
    )


@asynccontextmanager
async def worker_health(one: Pulse, until: Until) -> AsyncIterator[str]:
    """A worker's own health address, served for real."""

    async def ready() -> dict[str, str | None]:
        return {}

    port = free_port()
    config = uvicorn.Config(health_app({one.consumer: one}, {}, ready), host="127.0.0.1", port=port, log_config=None)
    server = OriginServer(config)
    serving = asyncio.create_task(server.serve())
    missing = listens(f"127.0.0.1:{port}")

    async def serves() -> bool:
        return await missing() is None

    await until(serves)
    yield f"http://127.0.0.1:{port}"
    server.should_exit = True
    await serving


async def healthz(client: Client, *peers: str) -> tuple[int, dict[str, object]]:
    app = make_app("operations", [operations(client, Settings(peers=list(peers), kafka=f"127.0.0.1:{free_port()}"))])
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://test") as http:
        answer = await http.get("/healthz")
        return answer.status_code, answer.json()


async def test_a_consumer_that_moves_is_well(mongo_client: Client, until: Until) -> None:
    async with worker_health(pulse(moved_at=monotonic()), until) as url:
        assert await healthz(mongo_client, f"onboarding={url}") == (
            200,
            {
                "status": "ok",
                "failing": [],
                "parts": {
                    "web": {"status": "ok"},
                    "onboarding": {
                        "status": "ok",
                        "consumers": {"onboarding.read-models": {"lag": 3, "problem": None}},
                        "duties": {},
                    },
                },
            },
        )


async def test_a_stuck_consumer_fails_the_whole_and_is_named(mongo_client: Client, until: Until) -> None:
    async with worker_health(pulse(moved_at=monotonic() - STUCK_AFTER_S - 5), until) as url:
        status, body = await healthz(mongo_client, f"onboarding={url}")
    assert (status, body["failing"]) == (503, ["onboarding"])
    assert "3 records wait and nothing has moved" in json.dumps(body)


async def test_a_worker_that_is_gone_fails_the_whole_and_is_named(mongo_client: Client) -> None:
    status, body = await healthz(mongo_client, f"matching=http://127.0.0.1:{free_port()}")
    assert (status, body["failing"]) == (503, ["matching"])


async def test_readiness_names_what_cant_be_reached(mongo_client: Client) -> None:
    app = make_app("operations", [operations(mongo_client, Settings(kafka=f"127.0.0.1:{free_port()}"))])
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://test") as http:
        answer = await http.get("/readyz")
    assert answer.status_code == 503
    assert answer.json()["parts"]["mongo"] is None
    assert answer.json()["parts"]["kafka"] is not None


def test_operations_are_described_by_the_service_that_they_belong_to() -> None:
    paths = {
        "/api/matching/v1/mentors": {"get": {"summary": "Mentors"}},
        "/healthz": {"get": {"tags": ["operations"], "summary": "Health"}},
    }
    groups = described({"paths": paths})
    assert {name: [operation["path"] for operation in operations] for name, operations in groups.items()} == {
        "matching": ["/api/matching/v1/mentors"],
        "operations": ["/healthz"],
    }


@pytest.mark.parametrize(
    ("error", "told"),
    [
        (TopicShorter("board", ("onboarding.journeys", 1), 3, 9), True),
        (ServerSelectionTimeoutError("no primary"), True),
        (FileNotFoundError(2, "No such file"), True),
        (ValueError("Ada Okafor has no mentor"), False),
        (KeyError("ada@mail.example"), False),
    ],
)
def test_only_messages_that_hold_nothing_personal_reach_the_log(error: Exception, told: bool) -> None:
    assert (run.words(error) is not None) is told


def test_every_error_of_a_group_is_logged() -> None:
    group = ExceptionGroup("two", [ValueError("a"), ExceptionGroup("inner", [KeyError("b")])])
    assert [type(one) for one in run.leaves(group)] == [ValueError, KeyError]


def started(*arguments: str, **variables: str) -> subprocess.CompletedProcess[str]:
    argv = [sys.executable, "-m", "deploy.run", *arguments]
    return subprocess.run(
        argv, capture_output=True, text=True, cwd=ROOT, env={**os.environ, **variables}, timeout=120, check=False
    )


def test_an_unknown_process_is_answered_with_those_that_there_are() -> None:
    done = started("payroll")
    assert done.returncode == 2
    assert "onboarding|matching|notifications|web|mailsink" in done.stderr


def test_a_wrong_setting_ends_a_process_with_its_name() -> None:
    done = started("mailsink", FIRSTMATE_HEALTH_PORT="many")
    assert done.returncode == 2
    assert "FIRSTMATE_HEALTH_PORT" in json.loads(done.stdout.splitlines()[-1])["words"]
    assert "many" not in done.stdout
