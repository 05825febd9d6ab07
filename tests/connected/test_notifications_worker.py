"""The whole notifications worker between a real broker, a real database and a real mail server."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from datetime import UTC, datetime
from typing import Any

import pytest

from services.notifications import app as notifications
from services.notifications import store
from services.notifications.correspondence import message_id
from shared import kafka
from shared.events import new_event, to_record
from shared.events.hr import EmployeeHired
from shared.mongo import Client, Database
from shared.settings import Settings
from tests.conftest import Until
from tests.connected.post_office import PostOffice, post_office


@pytest.fixture
async def db(mongo_client: Client) -> AsyncIterator[Database]:
    await mongo_client.drop_database("notifications")
    yield mongo_client["notifications"]
    await mongo_client.drop_database("notifications")


@pytest.fixture
async def post() -> AsyncIterator[PostOffice]:
    async with post_office() as office:
        yield office


@pytest.fixture
def settings(kafka_url: str, mongo_url: str, post: PostOffice) -> Settings:
    return Settings(kafka=kafka_url, mongo=mongo_url, smtp=f"127.0.0.1:{post.port}")


@asynccontextmanager
async def working(settings: Settings) -> AsyncIterator[None]:
    task = asyncio.create_task(notifications.worker(settings).run())
    try:
        yield
    finally:
        task.cancel()
        with suppress(asyncio.CancelledError, ExceptionGroup):
            await task


async def publish(kafka_url: str, employee_id: str) -> None:
    hired = EmployeeHired(
        employee_id=employee_id, given_name="Ada", personal_email=f"{employee_id}@home.example", start_date="2031-01-06"
    )
    event = new_event(hired, source="/hr/test", id=f"hired-{employee_id}", time=datetime.now(UTC))
    key, value, headers = to_record(event)
    producer = kafka.producer(kafka_url)
    await producer.start()
    try:
        await producer.send_and_wait("hr.employees", key=key, value=value, headers=headers)
    finally:
        await producer.stop()


async def test_a_hire_event_becomes_a_welcome_at_the_mail_server_and_a_fact_for_the_others(
    db: Database, settings: Settings, post: PostOffice, kafka_url: str, until: Until
):
    async with working(settings):
        await publish(kafka_url, "E-1")
        await until(lambda: _welcomed(post, "E-1"))
        await until(lambda: _published(db, b"notifications.message.sent.v1"))
    (mail,) = post.to("E-1@home.example")
    key = message_id("E-1/hire-1", "welcome", "E-1", "email")
    assert mail["Message-ID"] == f"<{key}@firstmate.example>"


async def test_a_worker_that_is_stopped_and_started_goes_on_where_it_was(
    db: Database, settings: Settings, post: PostOffice, kafka_url: str, until: Until
):
    async with working(settings):
        await publish(kafka_url, "E-2")
        await until(lambda: _welcomed(post, "E-2"))
    assert await db[store.MESSAGES].count_documents({"state": "sending"}) == 0, "an orderly stop records what it sent"
    await publish(kafka_url, "E-3")
    async with working(settings):
        await until(lambda: _welcomed(post, "E-3"))
    assert len(post.to("E-2@home.example")) == 1


async def test_a_mail_server_that_is_away_holds_up_no_event(
    db: Database, settings: Settings, post: PostOffice, kafka_url: str, until: Until
):
    await post.close()
    async with working(settings):
        for number in range(4, 8):
            await publish(kafka_url, f"E-{number}")
        await until(lambda: _planned(db, 4))
        await post.open()
        for number in range(4, 8):
            await until(lambda number=number: _welcomed(post, f"E-{number}"))


@pytest.mark.parametrize("smtp", ["nowhere", "mail.example.org", "mail.example.org:smtp"])
def test_a_mail_server_setting_that_is_none_stops_the_worker_with_words(smtp: str):
    with pytest.raises(ValueError, match="FIRSTMATE_SMTP"):
        notifications.worker(Settings(smtp=smtp))


async def _welcomed(post: PostOffice, employee_id: str) -> bool:
    return bool(post.to(f"{employee_id}@home.example"))


async def _planned(db: Database, count: int) -> bool:
    employees = {"employee_id": {"$in": [f"E-{number}" for number in range(4, 8)]}}
    return await db[store.MESSAGES].count_documents(employees) == count


async def _published(db: Database, kind: bytes) -> Any:
    found = [document async for document in db["outbox"].find({"published_at": {"$ne": None}})]
    return [record for document in found for record in document["records"] if ["ce_type", kind] in record["headers"]]
