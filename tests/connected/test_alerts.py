"""Each alert's condition, provoked on real parts: what Prometheus would read of it moves, and moves back where it is mended."""

import asyncio
import os
import signal
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from datetime import timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest
import yaml
from aiokafka import TopicPartition
from aiokafka.admin import AIOKafkaAdminClient, RecordsToDelete
from bson import ObjectId
from prometheus_client import REGISTRY
from prometheus_client.parser import text_string_to_metric_families

from deploy.kafka_light import LightKafka
from deploy.ports import free_port
from shared import hold, kafka, lease, metrics, progress
from shared.clock import now
from shared.mongo import Client, Database
from shared.settings import Settings
from shared.worker import Subscription, Worker
from tests.conftest import Until
from tests.connected.post_office import Office, post_office
from tests.tally import TallyWork, hr_record

RULES = Path(__file__).parents[2] / "deploy" / "helm" / "firstmate" / "files" / "alerts.yaml"
HR = "hr.employees"


@pytest.fixture
async def db(mongo_client: Client) -> AsyncIterator[Database]:
    await mongo_client.drop_database("matching")
    yield mongo_client["matching"]
    await mongo_client.drop_database("matching")


@pytest.fixture
def settings(kafka_url: str, mongo_url: str) -> Settings:
    return Settings(kafka=kafka_url, mongo=mongo_url, health_port=free_port())


@asynccontextmanager
async def working(settings: Settings) -> AsyncIterator[Callable[..., Any]]:
    """A worker; the answer reads one of its metrics as Prometheus does, summed over what the labels leave open."""
    for measured in (metrics.POSITION, metrics.LAG):
        measured.clear()  # as in a process that has just begun: other tests' workers had theirs in this one
    task = asyncio.create_task(Worker("matching", settings, [Subscription("tally", [HR], TallyWork)]).run())

    async def read(name: str, **labels: str) -> float | None:
        text = await scraped(settings)
        samples = [sample for family in text_string_to_metric_families(text or "") for sample in family.samples]
        found = [each.value for each in samples if each.name == f"firstmate_{name}" and labels.items() <= each.labels.items()]
        return sum(found) if found else None

    try:
        yield read
    finally:
        task.cancel()
        with suppress(asyncio.CancelledError, ExceptionGroup):
            await task


async def scraped(settings: Settings) -> str | None:
    try:
        async with httpx.AsyncClient(trust_env=False, timeout=10) as http:
            return (await http.get(f"http://127.0.0.1:{settings.health_port}/metrics")).text
    except httpx.HTTPError:
        return None


async def publish(address: str, values: list[bytes | None]) -> None:
    producer = kafka.producer(address)
    await producer.start()
    sent = []
    for number, value in enumerate(values):
        record = hr_record(0, f"E-{number}", id=f"id-{number}-{id(values)}", value=value)
        sent.append(await producer.send(HR, key=record.key, value=record.value, headers=list(record.headers), partition=0))
    await asyncio.gather(*sent)
    await producer.stop()


async def is_leading(read: Callable[..., Any]) -> bool:
    return bool(await read("leading", service="matching"))


async def test_firstmate_process_down(settings: Settings, db: Database, until: Until) -> None:
    async with working(settings):
        await until(lambda: scraped(settings))
    assert await scraped(settings) is None


async def test_firstmate_consumer_behind_and_firstmate_consumer_stuck(
    settings: Settings, db: Database, kafka_url: str, until: Until
) -> None:
    async with working(settings) as read:
        await publish(kafka_url, [None])
        await until(lambda: read("consumer_position_records", consumer="tally", partition="0"))
        await hold.place(db, "tally", kafka.places([HR]), "copy")
        held = asyncio.create_task(_hold_on(db))
        await publish(kafka_url, [None] * 1_100)

        async def is_behind() -> bool:
            return (await read("consumer_lag_records", consumer="tally") or 0) > 1_000

        await until(is_behind)
        position = await read("consumer_position_records", consumer="tally")
        await until(lambda: read("unprocessed_seconds", consumer="tally"))
        assert await read("consumer_position_records", consumer="tally") == position
        held.cancel()
        await hold.release(db, "tally", "copy")

        async def has_caught_up() -> bool:
            return await read("consumer_lag_records", consumer="tally") == 0

        await until(has_caught_up)
        assert await read("consumer_position_records", consumer="tally") == position + 1_100


async def _hold_on(db: Database) -> None:
    while True:
        await asyncio.sleep(1)
        await hold.renew(db, "tally", "copy")


async def test_firstmate_records_gone(settings: Settings, db: Database, kafka_url: str, until: Until) -> None:
    await publish(kafka_url, [None] * 3)
    end = (await kafka.ends(kafka_url, [(HR, 0)]))[HR, 0]
    await progress.read(db, "tally", [(HR, 0)])
    await db["progress"].update_one({"topic": HR, "partition": 0}, {"$set": {"next": end - 2}})
    admin = AIOKafkaAdminClient(bootstrap_servers=kafka_url)
    await admin.start()
    await admin.delete_records({TopicPartition(HR, 0): RecordsToDelete(end)})
    await admin.close()
    async with working(settings) as read:

        async def counted() -> bool:
            return await read("gone_records", consumer="tally", topic=HR, partition="0") == 2

        await until(counted)


async def test_firstmate_outbox_waits(settings: Settings, db: Database, kafka_server: LightKafka, until: Until) -> None:
    async with working(settings) as read:
        await until(lambda: is_leading(read))
        await publish(kafka_server.address, [None])
        await until(lambda: db["outbox"].find_one({"published_at": {"$ne": None}}))
        assert kafka_server.process is not None
        os.kill(kafka_server.process.pid, signal.SIGSTOP)
        try:
            decided = ObjectId.from_datetime(now() - timedelta(minutes=1))
            record = {"topic": "mentoring.assignments", "key": b"E-1", "value": b"{}", "headers": []}
            await db["outbox"].insert_one({"_id": decided, "records": [record], "published_at": None})

            async def waits() -> bool:
                return (await read("outbox_seconds", service="matching") or 0) > 30

            await until(waits)
        finally:
            os.kill(kafka_server.process.pid, signal.SIGCONT)

        async def is_published() -> bool:
            return await read("outbox_seconds", service="matching") == 0

        await until(is_published)


async def test_firstmate_nobody_leads(settings: Settings, db: Database, until: Until) -> None:
    async with working(settings) as read:
        await until(lambda: is_leading(read))
        stranger = {"holder": "a stranger who does nothing", "expires_at": now() + timedelta(hours=1)}
        await db[lease.COLLECTION].update_one({"_id": "matching"}, {"$set": stranger, "$inc": {"fence": 1}})

        async def is_nobody() -> bool:
            return await read("leading", service="matching") == 0

        await until(is_nobody)


async def test_firstmate_dead_letters(settings: Settings, db: Database, kafka_url: str, until: Until) -> None:
    async with working(settings) as read:
        buried = {"consumer": "tally", "outcome": "dead_lettered"}
        before = await read("records_total", **buried) or 0
        await publish(kafka_url, [b"{not json"])

        async def is_buried() -> bool:
            return (await read("records_total", **buried) or 0) > before

        await until(is_buried)


def mails(outcome: str) -> float:
    return REGISTRY.get_sample_value("firstmate_messages_total", {"channel": "email", "outcome": outcome}) or 0.0


async def told(db: Database, refusal: str) -> None:
    async with post_office(on_rcpt=lambda _: refusal) as post:
        office = Office(db, post)
        await office.take_over()
        await office.know_people()
        await office.hear(office.hired())
        async with office.sender() as sender:
            await sender.drain()


async def test_firstmate_mail_fails(database: Database) -> None:
    before = mails("failed")
    await told(database, "550 5.1.1 no such user")
    assert mails("failed") > before


async def test_firstmate_mail_deferred(database: Database) -> None:
    before = mails("deferred")
    await told(database, "451 4.7.1 later")
    assert mails("deferred") > before


def test_every_alert_is_provoked_here() -> None:
    alerts = [rule["alert"] for group in yaml.safe_load(RULES.read_text())["groups"] for rule in group["rules"]]
    provoked = " ".join(name.replace("_", "") for name in globals() if name.startswith("test_firstmate"))
    assert [alert for alert in alerts if alert.lower() not in provoked] == []
