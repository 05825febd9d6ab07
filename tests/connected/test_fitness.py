"""No process starts on what it can't work on: each lack is told with how to mend it, before anything is read or written."""

import asyncio
import sys
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from aiokafka.admin import AIOKafkaAdminClient, NewTopic

from deploy import doctor, fitness, topics
from deploy.found import Found
from deploy.kafka_light import LightKafka
from deploy.mongod import LISTENING, Mongod
from deploy.parts import ROOT
from deploy.ports import free_port
from deploy.process import Process
from shared import deployment
from shared.clock import now
from shared.deployment import ForeignDatabase
from shared.mongo import Client
from shared.settings import Settings
from shared.topics import SERVICES, TOPICS, ensure_topics

OWN, HR = "mentoring.mentors", "hr.employees"


class Standalone(Mongod):
    """A mongod as it is started without `--replSet`."""

    @property
    def uri(self) -> str:
        return f"mongodb://{self.address}/"

    async def command(self) -> list[str]:
        command = await super().command()
        at = command.index("--replSet")
        return command[:at] + command[at + 4 :]  # without the oplog's size, too

    async def is_ready(self) -> bool:
        return self.process is not None and self.process.has_said(LISTENING)


@pytest.fixture
async def settings(kafka_url: str, mongo_url: str, mongo_client: Client) -> AsyncIterator[Settings]:
    """The settings of a process, on databases that are nobody's yet."""
    for service in SERVICES:
        await mongo_client.drop_database(service)
    yield Settings(kafka=kafka_url, mongo=mongo_url)
    for service in SERVICES:
        await mongo_client.drop_database(service)


@asynccontextmanager
async def broker(folder: Path, but: Mapping[str, Mapping[str, Any]]) -> AsyncIterator[LightKafka]:
    """A broker with the declared topics, `but` for what is given: other settings of `NewTopic`."""
    async with LightKafka(folder) as server:
        admin = AIOKafkaAdminClient(bootstrap_servers=server.address)
        await admin.start()
        for topic in TOPICS:
            given = but.get(topic.name, {})
            config = {**topic.config, **given.get("config", {})}
            await admin.create_topics([NewTopic(topic.name, given.get("partitions", topic.partitions), 1, topic_configs=config)])
        await admin.close()
        yield server


async def ended(tmp_path: Path, settings: Settings, process: str = "onboarding") -> tuple[int, str]:
    """Start this process of Firstmate; its exit code and what it said."""
    told = {"FIRSTMATE_KAFKA": settings.kafka, "FIRSTMATE_MONGO": settings.mongo, "PYTHONPATH": str(ROOT)}
    told |= {
        "FIRSTMATE_SECRET": "a secret of this test",
        "FIRSTMATE_LISTEN": f"127.0.0.1:{free_port()}",
        "FIRSTMATE_WEB_URL": "http://127.0.0.1",
    }
    child = await Process.start(process, [sys.executable, "-m", "deploy.run", process], log=tmp_path / "log", env=told)
    try:
        code = await asyncio.wait_for(child.wait(), 120)
    finally:
        await child.stop(5)
    return code, (tmp_path / "log").read_text()


async def test_what_is_as_it_should_be_is_claimed_for_this_cluster_and_starts_again(
    settings: Settings, mongo_client: Client
) -> None:
    cluster = (await topics.look(settings.kafka)).cluster
    for _ in range(2):
        await fitness.check_worker(settings, "onboarding")
    assert (await mongo_client["onboarding"][deployment.COLLECTION].find_one())["kafka"] == cluster
    assert await mongo_client["matching"].list_collection_names() == []


async def test_without_the_topics_nothing_starts_and_nothing_is_written(
    settings: Settings, mongo_client: Client, tmp_path: Path
) -> None:
    async with LightKafka(tmp_path / "bare") as bare:
        code, said = await ended(tmp_path, settings.model_copy(update={"kafka": bare.address}))
    assert code == 1
    for topic in TOPICS:
        assert f"topic {topic.name} is missing; `./firstmate topics create` makes it" in said
    assert "onboarding" not in await mongo_client.list_database_names()


@pytest.mark.parametrize(
    ("but", "words"),
    [
        ({OWN: {"partitions": 2}}, f"topic {OWN} has 2 partitions, declared are 6; while it is empty: `kafka-topics.sh"),
        ({OWN: {"partitions": 8}}, f"topic {OWN} has 8 partitions, declared are 6"),
        ({OWN: {"partitions": 8, "groups": True}}, f"topic {OWN} has 8 partitions, declared are 6: a person's facts lie in two"),
        (
            {HR: {"config": {"retention.ms": "86400000"}}},
            f"topic {HR} has retention.ms=86400000, declared is 2592000000: less than 7",
        ),
        ({OWN: {"config": {"cleanup.policy": "compact"}}}, f"topic {OWN} has cleanup.policy=compact, declared is delete"),
        ({OWN: {"config": {"retention.ms": "604800000"}}}, f"topic {OWN} has retention.ms=604800000, declared is -1"),
    ],
    ids=[
        "too few partitions",
        "more partitions than are read",
        "more than keep the order",
        "gone within a day",
        "compacted",
        "kept for a week only",
    ],
)
async def test_topics_that_would_lose_facts_are_refused(
    settings: Settings, tmp_path: Path, but: Mapping[str, Any], words: str
) -> None:
    groups = any(given.get("groups") for given in but.values())
    async with broker(tmp_path, but) as server:
        here = settings.model_copy(update={"kafka": server.address, "kafka_groups": groups})
        with pytest.raises(fitness.Unfit) as refused:
            await fitness.check_worker(here, "onboarding")
        assert "fail" in [finding.status for finding in await doctor.kafka_findings(server.address)]
    (line,) = str(refused.value).splitlines()
    assert line.startswith(words)


@pytest.mark.parametrize(
    ("but", "groups"),
    [({HR: {"config": {"retention.ms": "864000000"}}}, False), ({HR: {"partitions": 8}}, True)],
    ids=["personal data that goes sooner", "more partitions, which a group reads"],
)
async def test_what_can_be_borne_keeps_nobody_from_working(
    settings: Settings, tmp_path: Path, but: Mapping[str, Any], groups: bool
) -> None:
    async with broker(tmp_path, but) as server:
        await fitness.check_worker(settings.model_copy(update={"kafka": server.address, "kafka_groups": groups}), "onboarding")
        assert [finding.status for finding in await doctor.kafka_findings(server.address)] == ["ok", "warn"]


async def test_a_mongod_that_stands_alone_is_refused_by_every_process_and_by_doctor(settings: Settings, tmp_path: Path) -> None:
    async with Standalone(tmp_path / "mongo") as alone:
        here = settings.model_copy(update={"mongo": alone.uri})
        for process in ("onboarding", "web"):
            code, said = await ended(tmp_path / process, here, process)
            assert code == 1
            assert f"the database server {alone.address} stands alone, without a replica set; start mongod with --replSet" in said
        findings = await doctor.examine(Found(settings.kafka, alone.uri), tmp_path, now)
    (failing,) = [finding for finding in findings if finding.status == "fail"]
    assert (failing.check, "--replSet" in failing.advice) == ("mongo", True)


@pytest.mark.parametrize("hours", [-1, 1])
async def test_a_clock_an_hour_off_is_refused(settings: Settings, hours: int) -> None:
    with pytest.raises(fitness.Unfit, match=r"clock is [+-]3[56]\d\d s from this machine's.*; let NTP set the clocks"):
        await fitness.check(settings, ["onboarding"], lambda: now() + timedelta(hours=hours))
    assert doctor.clock_finding(hours * 3600).status == "fail"


async def test_a_broker_that_is_too_old_is_refused_and_those_that_we_run_are_not(settings: Settings) -> None:
    standing = await topics.look(settings.kafka)
    assert fitness.broker_lacks(standing) == []
    assert standing.serves[0] >= 3
    old = topics.Standing(1, {}, {}, serves={0: 2, 1: 3, 2: 1, 3: 2, 18: 0})  # as Kafka 0.10.2 answers
    told = [str(lack) for lack in fitness.broker_lacks(old)]
    assert [line.split(" (")[0] for line in told] == [
        "the broker serves no headers of records",
        "the broker serves no headers of records",
        "the broker serves no idempotent producers",
    ]
    assert all("Apache Kafka 2.1 or newer" in line for line in told)


@pytest.mark.parametrize("process", ["onboarding", "web"])
async def test_another_deployments_database_is_left_alone_until_it_is_adopted(
    settings: Settings, mongo_client: Client, tmp_path: Path, process: str
) -> None:
    here = (await topics.look(settings.kafka)).cluster
    await deployment.claim(mongo_client["onboarding"], "another-cluster", now)
    code, said = await ended(tmp_path, settings, process)
    assert code == 1
    assert "database onboarding belongs to the deployment on Kafka cluster another-cluster" in said
    assert f"not {here}" in said
    assert "doctor --adopt-database" in said
    assert await mongo_client["onboarding"].list_collection_names() == [deployment.COLLECTION]

    (failing,) = [one for one in await doctor.deployment_findings(mongo_client, settings.kafka) if one.status == "fail"]
    assert "another-cluster" in failing.detail
    assert await doctor.adopt_databases(mongo_client, settings.kafka, now) == {"onboarding": "another-cluster"}
    await fitness.check_worker(settings, "onboarding")
    assert [one.status for one in await doctor.deployment_findings(mongo_client, settings.kafka)] == ["ok"]


async def test_of_two_deployments_that_claim_one_database_at_once_one_gets_it(database: Any) -> None:
    claims = [deployment.claim(database, f"cluster-{number}", now) for number in range(8)]
    outcomes = await asyncio.gather(*claims, return_exceptions=True)
    assert sum(outcome is None for outcome in outcomes) == 1
    assert sum(isinstance(outcome, ForeignDatabase) for outcome in outcomes) == 7


async def test_the_web_ends_when_a_broker_that_was_silent_turns_out_to_be_another_deployments(
    settings: Settings, mongo_client: Client, tmp_path: Path
) -> None:
    await deployment.claim(mongo_client["onboarding"], "another-cluster", now)
    away = settings.model_copy(update={"kafka": f"127.0.0.1:{free_port()}"})
    web = asyncio.create_task(ended(tmp_path, away, "web"))
    try:
        while not (tmp_path / "log").exists() or "Unable connect" not in (tmp_path / "log").read_text():
            await asyncio.sleep(0.1)
            assert not web.done()
        await asyncio.sleep(fitness.LOOK_WITHIN_S)  # it has looked once, and serves
        assert not web.done()
        async with LightKafka(tmp_path / "kafka", port=int(away.kafka.partition(":")[2])) as broker:
            await ensure_topics(broker.address)
            code, said = await web
        assert code == 1
        assert "belongs to the deployment on Kafka cluster another-cluster" in said
    finally:
        web.cancel()
