"""What the connected tests stand on, chosen by one option: `./firstmate test --backing embedded|apache|containers|address`.

| backing | broker | database |
|---|---|---|
| `embedded` (the default) | the embedded one, a fresh one per module | a replica set of one |
| `apache` | Apache Kafka from its packages, KRaft | a replica set of three |
| `containers` | `apache/kafka` by testcontainers, KRaft | `mongo` by testcontainers, a replica set of one |
| `address` | the one that FIRSTMATE_TEST_KAFKA names | the one that FIRSTMATE_TEST_MONGO names |

Tests don't know which it is. One that needs more than every backing has says so by a fixture or a marker, which skips it with the
reason. A broker that lasts for the session gets fresh topics for every module: deleting and making them takes a fraction of a
broker's start.
"""

import asyncio
import os
import shutil
import subprocess
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest
from aiokafka.admin import AIOKafkaAdminClient
from pymongo import AsyncMongoClient
from pymongo.errors import OperationFailure, PyMongoError

from deploy.kafka_apache import ApacheKafka
from deploy.mongod import REPLICA_SET, Mongod
from deploy.ports import free_port
from deploy.process import Server
from deploy.replica_set import ReplicaSet
from shared.mongo import connect
from shared.topics import SERVICES, TOPICS, ensure_topics

BACKINGS = ("embedded", "apache", "containers", "address")
KAFKA_IMAGE = os.environ.get("FIRSTMATE_TEST_KAFKA_IMAGE", "apache/kafka:4.4.0")
MONGO_IMAGE = os.environ.get("FIRSTMATE_TEST_MONGO_IMAGE", "mongo:8.0")
READY_WITHIN_S = 180.0


@dataclass(frozen=True, slots=True)
class Ground:
    """What a session of tests stands on. `kafka` is None where every module starts a broker of its own."""

    name: str
    mongo: str
    kafka: str | None = None
    broker: Server | None = None
    """The session's broker where it is a process of ours, which a test may stop and start."""

    @property
    def groups(self) -> bool:
        """Whether consumer groups can be relied on (docs/decisions/0003)."""
        return self.kafka is not None


@asynccontextmanager
async def ground(name: str, folder: Path) -> AsyncIterator[Ground]:
    """The named backing, started where it is ours to start."""
    opened = {"embedded": _embedded, "apache": _apache, "containers": _containers, "address": _address}[name]
    async with opened(folder) as found:
        yield found


@asynccontextmanager
async def _embedded(folder: Path) -> AsyncIterator[Ground]:
    async with Mongod(folder / "mongo") as mongo:
        yield Ground("embedded", mongo.uri)


@asynccontextmanager
async def _apache(folder: Path) -> AsyncIterator[Ground]:
    # A given port, so that it can be started again in place.
    async with ApacheKafka(folder / "kafka", free_port()) as kafka, ReplicaSet(folder / "mongo") as mongo:
        yield Ground("apache", mongo.uri, kafka.address, kafka)


@asynccontextmanager
async def _address(_: Path) -> AsyncIterator[Ground]:
    missing = [name for name in ("FIRSTMATE_TEST_KAFKA", "FIRSTMATE_TEST_MONGO") if not os.environ.get(name)]
    if missing:
        pytest.exit(f"--backing address: {' and '.join(missing)} must name a cluster that may be emptied", returncode=4)
    kafka, mongo = os.environ["FIRSTMATE_TEST_KAFKA"], os.environ["FIRSTMATE_TEST_MONGO"]
    await _refuse_what_is_in_use(kafka, mongo)
    try:
        yield Ground("address", mongo, kafka)
    finally:
        await _delete_topics(kafka)


async def _refuse_what_is_in_use(kafka: str, mongo: str) -> None:
    """Tests delete topics and drop databases: whoever has some of these names is left alone."""
    there = [f"topic {name}" for name in await _topics(kafka)]
    client = await connect(mongo)
    there += [f"database {name}" for name in await client.list_database_names() if name in SERVICES]
    client.close()
    if there:
        words = f"--backing address: not empty ({', '.join(there)}); tests would delete these. Name other servers, or delete them"
        pytest.exit(words, returncode=4)


@asynccontextmanager
async def _containers(_: Path) -> AsyncIterator[Ground]:
    reason = await asyncio.to_thread(why_no_containers)
    if reason:
        pytest.skip(reason)
    from testcontainers.core.container import DockerContainer  # noqa: PLC0415  looks for an engine when it is imported

    # Ports are given, since both servers tell their clients where they are.
    broker, controller, port = free_port(), free_port(), free_port()
    kafka = DockerContainer(KAFKA_IMAGE).with_bind_ports(broker, broker)
    for key, value in kraft_variables(broker, controller).items():
        kafka = kafka.with_env(key, value)
    mongo = DockerContainer(MONGO_IMAGE).with_bind_ports(port, port)
    mongo = mongo.with_command(f"mongod --replSet {REPLICA_SET} --bind_ip_all --port {port}")
    try:
        await asyncio.gather(asyncio.to_thread(kafka.start), asyncio.to_thread(mongo.start))
        await asyncio.gather(_until_kafka(f"127.0.0.1:{broker}"), _initiate(port))
        uri = f"mongodb://127.0.0.1:{port}/?replicaSet={REPLICA_SET}"
        yield Ground("containers", uri, f"127.0.0.1:{broker}")
    finally:
        await asyncio.gather(asyncio.to_thread(kafka.stop), asyncio.to_thread(mongo.stop))


def why_no_containers() -> str | None:
    """Why containers can't be started here, or None."""
    if shutil.which("docker") is None:
        return "--backing containers: no container engine (there is no `docker`)"
    try:
        done = subprocess.run(["docker", "version"], capture_output=True, text=True, timeout=60, check=False)
    except subprocess.TimeoutExpired:
        return "--backing containers: `docker version` does not answer"
    if done.returncode:
        return f"--backing containers: no container engine answers ({done.stderr.strip().splitlines()[-1:]})"
    return None


def kraft_variables(port: int, controller: int) -> dict[str, str]:
    """How `apache/kafka` is told to be one KRaft node that clients reach on `port` of the loopback address."""
    return {
        "KAFKA_NODE_ID": "1",
        "KAFKA_PROCESS_ROLES": "broker,controller",
        "KAFKA_LISTENERS": f"PLAINTEXT://0.0.0.0:{port},CONTROLLER://127.0.0.1:{controller}",
        "KAFKA_ADVERTISED_LISTENERS": f"PLAINTEXT://127.0.0.1:{port}",
        "KAFKA_LISTENER_SECURITY_PROTOCOL_MAP": "PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT",
        "KAFKA_INTER_BROKER_LISTENER_NAME": "PLAINTEXT",
        "KAFKA_CONTROLLER_LISTENER_NAMES": "CONTROLLER",
        "KAFKA_CONTROLLER_QUORUM_VOTERS": f"1@127.0.0.1:{controller}",
        "KAFKA_AUTO_CREATE_TOPICS_ENABLE": "false",
        "KAFKA_OFFSETS_TOPIC_REPLICATION_FACTOR": "1",
        "KAFKA_OFFSETS_TOPIC_NUM_PARTITIONS": "5",
        "KAFKA_TRANSACTION_STATE_LOG_REPLICATION_FACTOR": "1",
        "KAFKA_TRANSACTION_STATE_LOG_MIN_ISR": "1",
        "KAFKA_GROUP_INITIAL_REBALANCE_DELAY_MS": "0",
    }


async def _until_kafka(address: str) -> None:
    async with asyncio.timeout(READY_WITHIN_S):
        while True:
            try:
                await _topics(address)
                return
            except Exception:  # whatever a server that is starting answers
                await asyncio.sleep(0.5)


async def _initiate(port: int) -> None:
    member = {"_id": 0, "host": f"127.0.0.1:{port}"}
    async with asyncio.timeout(READY_WITHIN_S), AsyncMongoClient(f"127.0.0.1:{port}", directConnection=True) as client:
        while True:
            try:
                if (await client.admin.command("hello")).get("isWritablePrimary"):
                    return
                await client.admin.command("replSetInitiate", {"_id": REPLICA_SET, "members": [member]})
            except OperationFailure:
                pass  # initiated, and electing itself
            except PyMongoError:
                await asyncio.sleep(0.5)


async def fresh_topics(address: str) -> None:
    """The declared topics, empty, whatever is there."""
    await _delete_topics(address)
    await ensure_topics(address)


async def _topics(address: str) -> list[str]:
    """Our topics that are there."""
    admin = AIOKafkaAdminClient(bootstrap_servers=address)
    await admin.start()
    try:
        there = set(await admin.list_topics())
    finally:
        await admin.close()
    return [topic.name for topic in TOPICS if topic.name in there]


async def _delete_topics(address: str) -> None:
    there = await _topics(address)
    if not there:
        return
    admin = AIOKafkaAdminClient(bootstrap_servers=address)
    await admin.start()
    try:
        await admin.delete_topics(there)
    finally:
        await admin.close()
    async with asyncio.timeout(READY_WITHIN_S):
        while await _topics(address):
            await asyncio.sleep(0.05)
