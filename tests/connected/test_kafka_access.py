"""A Kafka that takes nobody without TLS and a password: everything goes through it, and what is wrong is said in words."""

import asyncio
import os
import re
import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import pytest
import trustme
from aiokafka.errors import KafkaConnectionError
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, load_pem_private_key

from deploy import doctor, kafka_jars
from deploy.kafka_apache import ApacheKafka, Secured
from deploy.kafka_light import LightKafka
from deploy.ports import free_port
from deploy.process import StartError
from shared import kafka, kafka_access
from shared.mongo import Client
from shared.settings import Settings
from shared.topics import ensure_topics
from shared.worker import Subscription, Worker
from tests.conftest import Until
from tests.tally import TallyWork, hr_record, tallied

ROOT = Path(__file__).parents[2]
USER, PASSWORD = "firstmate", "correct-horse-battery"
pytestmark = pytest.mark.slow


@dataclass(frozen=True, slots=True)
class Broker:
    address: str
    ca: Path
    strange_ca: Path


@pytest.fixture(scope="module")
async def broker(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Broker]:
    folder = tmp_path_factory.mktemp("secured")
    try:
        await asyncio.to_thread(kafka_jars.fetch, print)
    except StartError as error:
        pytest.skip(str(error))
    authority, stranger = trustme.CA(), trustme.CA()
    authority.cert_pem.write_to_path(folder / "ca.pem")
    stranger.cert_pem.write_to_path(folder / "strange.pem")
    issued = authority.issue_cert("127.0.0.1")
    issued.cert_chain_pems[0].write_to_path(folder / "broker.pem")
    key = load_pem_private_key(issued.private_key_pem.bytes(), None)
    (folder / "key.pem").write_bytes(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    secured = Secured(folder / "broker.pem", folder / "key.pem", {USER: PASSWORD})
    async with ApacheKafka(folder / "kafka", free_port(), secured=secured) as server:
        yield Broker(server.address, folder / "ca.pem", folder / "strange.pem")


@pytest.fixture
def told(broker: Broker, monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    """This process is told how to reach the broker; a test may tell it something else."""
    given = {"": broker.address, "_SECURITY": "sasl_tls", "_CA_FILE": str(broker.ca), "_USER": USER, "_PASSWORD": PASSWORD}
    for name, value in given.items():
        monkeypatch.setenv(f"FIRSTMATE_KAFKA{name}", value)
    return monkeypatch


async def put(address: str, id: str) -> None:
    producer = kafka.producer(address)
    await producer.start()
    record = hr_record(0, "E-1", id=id)
    await producer.send_and_wait(record.topic, key=record.key, value=record.value, headers=list(record.headers), partition=0)
    await producer.stop()


@pytest.mark.parametrize("mechanism", ["SCRAM-SHA-512", "PLAIN"])
async def test_a_worker_reads_and_publishes_through_it(
    broker: Broker, told: pytest.MonkeyPatch, mongo_client: Client, mongo_url: str, until: Until, mechanism: str
) -> None:
    told.setenv("FIRSTMATE_KAFKA_SASL_MECHANISM", mechanism)
    await ensure_topics(broker.address)
    await mongo_client.drop_database("matching")
    db = mongo_client["matching"]
    settings = Settings(mongo=mongo_url, kafka_groups=True)
    work = Worker("matching", settings, [Subscription("tally", ["hr.employees"], TallyWork)])
    running = asyncio.create_task(work.run())
    try:
        await put(broker.address, f"by-{mechanism}")

        async def done() -> bool:
            counted = f"by-{mechanism}" in await tallied(db)
            return counted and await db["outbox"].find_one({"published_at": None}) is None

        await until(done)
    finally:
        running.cancel()
        with suppress(asyncio.CancelledError, ExceptionGroup):
            await running
        await mongo_client.drop_database("matching")


async def test_doctor_and_the_topic_job_go_through_it_with_a_password_from_a_file(
    broker: Broker, told: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "password").write_text(PASSWORD + "\n")
    told.delenv("FIRSTMATE_KAFKA_PASSWORD")
    told.setenv("FIRSTMATE_KAFKA_PASSWORD_FILE", str(tmp_path / "password"))
    assert await kafka_access.trouble(broker.address) is None
    command = [sys.executable, "-m", "deploy.cli", "topics", "create"]
    done = await asyncio.to_thread(
        subprocess.run, command, cwd=ROOT, env=dict(os.environ), capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    findings = await doctor.kafka_findings(broker.address)
    assert [finding.status for finding in findings] == ["ok", "ok"]


@pytest.mark.parametrize(
    ("setting", "words"),
    [
        ("_PASSWORD=wrong", r"refuses user 'firstmate'.*FIRSTMATE_KAFKA_USER"),
        ("_CA_FILE=strange", r"certificate that is not trusted.*FIRSTMATE_KAFKA_CA_FILE"),
        ("_SASL_MECHANISM=SCRAM-SHA-256", r"SCRAM-SHA-256.*FIRSTMATE_KAFKA_SASL_MECHANISM"),
    ],
)
async def test_what_keeps_us_out_is_said_with_what_to_do(
    broker: Broker, told: pytest.MonkeyPatch, mongo_client: Client, mongo_url: str, setting: str, words: str
) -> None:
    name, _, value = setting.partition("=")
    told.setenv(f"FIRSTMATE_KAFKA{name}", str(broker.strange_ca) if value == "strange" else value)
    (finding, *_) = await doctor.kafka_findings(broker.address)
    assert finding.status == "fail"
    assert re.search(words, f"{finding.detail}; {finding.advice}"), finding
    assert PASSWORD not in str(finding)
    work = Worker("matching", Settings(mongo=mongo_url), [Subscription("tally", ["hr.employees"], TallyWork)])
    with pytest.raises(ExceptionGroup) as ended:
        await work.run()
    await mongo_client.drop_database("matching")
    (reason,) = [error for error in ended.value.exceptions if isinstance(error, KafkaConnectionError)]
    assert re.search(words, str(reason))


async def test_a_port_that_speaks_no_tls_is_called_so(tmp_path: Path, told: pytest.MonkeyPatch) -> None:
    async with LightKafka(tmp_path / "plain", free_port()) as plain:
        told.setenv("FIRSTMATE_KAFKA", plain.address)
        problem = await kafka_access.trouble(plain.address) or ""
    assert "speaks no TLS" in problem
    gone = await kafka_access.trouble(plain.address) or ""
    assert "does not answer" in gone


def test_another_address_is_this_machine_s_own_and_plain(told: pytest.MonkeyPatch) -> None:
    assert kafka_access.client("127.0.0.1:1") == {"bootstrap_servers": "127.0.0.1:1"}


def test_no_client_is_made_past_it() -> None:
    made = re.compile(r"(AIOKafka(?:Producer|Consumer|AdminClient)|KafkaBroker)\(\s*([^\n]*(?:\n[^\n]*){2})")
    for path in [*(ROOT / "shared").rglob("*.py"), *(ROOT / "services").rglob("*.py"), *(ROOT / "deploy").rglob("*.py")]:
        for client, arguments in made.findall(path.read_text()):
            assert "kafka_access." in arguments, (path.name, client)
