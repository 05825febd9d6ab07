"""What tests stand on: a real MongoDB replica set for the session, a fresh database per test, fresh topics per module.

Which servers these are is chosen by `--backing` (tests/backing.py).
"""

import asyncio
import itertools
import os
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import pytest

from deploy.kafka_light import LightKafka
from deploy.ports import free_port
from deploy.process import Server
from shared.mongo import Client, Database, connect
from shared.topics import ensure_topics
from shared.worker import prepare_database
from tests.backing import BACKINGS, Ground, fresh_topics, ground

_numbers = itertools.count(1)
Until = Callable[[Callable[[], Awaitable[Any]]], Awaitable[Any]]


def pytest_addoption(parser: pytest.Parser) -> None:
    """`--backing`."""
    default = os.environ.get("FIRSTMATE_TEST_BACKING", "embedded")
    parser.addoption("--backing", choices=BACKINGS, default=default, help="What the connected tests stand on.")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """On the embedded servers: skip, with the reason, what needs consumer groups. On others: leave out what stands on none."""
    if config.getoption("--backing") == "embedded":
        reason = "several workers of one service share a consumer group, which needs Apache Kafka: --backing apache"
        for item in items:
            if item.get_closest_marker("groups"):
                item.add_marker(pytest.mark.skip(reason=reason))
        return
    elsewhere = [item for item in items if "backing" not in getattr(item, "fixturenames", ())]
    if elsewhere:
        config.hook.pytest_deselected(items=elsewhere)
        items[:] = [item for item in items if item not in elsewhere]


@pytest.fixture(scope="session")
async def backing(pytestconfig: pytest.Config, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Ground]:
    """The session's servers."""
    async with ground(pytestconfig.getoption("--backing"), tmp_path_factory.mktemp("backing")) as found:
        yield found


@pytest.fixture(scope="session")
async def mongo_url(backing: Ground) -> str:
    """Its database's connection string."""
    return backing.mongo


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
async def _kafka(backing: Ground, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[tuple[str, Server | None]]:
    """The broker's address with the declared topics, empty, and the broker where it is a process of ours."""
    if backing.kafka is not None:
        await fresh_topics(backing.kafka)
        yield backing.kafka, backing.broker
        return
    async with LightKafka(
        tmp_path_factory.mktemp("kafka"), free_port()
    ) as server:  # a given port: it can be started again in place
        await ensure_topics(server.address)
        yield server.address, server


@pytest.fixture(scope="module")
async def kafka_url(_kafka: tuple[str, Server | None]) -> str:
    """The bootstrap address of a broker with the declared topics, empty for each module."""
    return _kafka[0]


@pytest.fixture(scope="module")
async def kafka_server(_kafka: tuple[str, Server | None], backing: Ground) -> Server:
    """That broker, for tests that stop and start it."""
    if _kafka[1] is None:
        pytest.skip(f"stops and starts the broker, which is not ours with --backing {backing.name}")
    return _kafka[1]


@pytest.fixture
def kafka_groups(backing: Ground) -> bool:
    """Whether workers share partitions by consumer groups, as they do on this kind of broker in production."""
    return backing.groups


@pytest.fixture
def until() -> Until:
    """`await until(question)`: asks until the answer is true (and returns it), for at most 90 seconds."""

    async def ask(question: Callable[[], Awaitable[Any]]) -> Any:
        async with asyncio.timeout(90):
            while not (answer := await question()):
                await asyncio.sleep(0.02)
            return answer

    return ask
