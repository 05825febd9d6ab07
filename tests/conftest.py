"""What tests stand on: a real MongoDB replica set for the session, a fresh database per test, a fresh broker per module."""

import asyncio
import itertools
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest

from deploy.kafka_light import LightKafka
from deploy.mongod import Mongod
from deploy.ports import free_port
from shared.mongo import Client, Database, connect
from shared.topics import ensure_topics
from shared.worker import prepare_database

_numbers = itertools.count(1)
Until = Callable[[Callable[[], Awaitable[Any]]], Awaitable[Any]]


@pytest.fixture(scope="session")
async def mongo_server(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Mongod]:
    """The session's mongod, on a free port; its process can be looked at and paused by fault tests."""
    async with Mongod(tmp_path_factory.mktemp("mongo")) as server:
        yield server


@pytest.fixture(scope="session")
async def mongo_url(mongo_server: Mongod) -> str:
    """Its connection string."""
    return mongo_server.uri


@pytest.fixture(scope="session")
async def mongo_client(mongo_url: str) -> AsyncIterator[Client]:
    """One client for the session."""
    client = await connect(mongo_url)
    yield client
    client.close()


@pytest.fixture
async def database(mongo_client: Client) -> AsyncIterator[Database]:
    """An empty database with every service's common indexes, dropped after the test."""
    name = f"test_{next(_numbers)}"
    await prepare_database(mongo_client[name])
    yield mongo_client[name]
    await mongo_client.drop_database(name)


@pytest.fixture(scope="module")
async def kafka_server(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[LightKafka]:
    """A fresh broker with the declared topics."""
    folder: Path = tmp_path_factory.mktemp("kafka")
    async with LightKafka(folder, free_port()) as server:  # a given port, so that it can be restarted in place
        await ensure_topics(server.address)
        yield server


@pytest.fixture(scope="module")
async def kafka_url(kafka_server: LightKafka) -> str:
    """Its bootstrap address."""
    return kafka_server.address


@pytest.fixture
def until() -> Until:
    """`await until(question)`: asks until the answer is true (and returns it), for at most 90 seconds."""

    async def ask(question: Callable[[], Awaitable[Any]]) -> Any:
        async with asyncio.timeout(90):
            while not (answer := await question()):
                await asyncio.sleep(0.02)
            return answer

    return ask
