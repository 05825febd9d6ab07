"""A door whose broker goes away says so in time, and goes on when it is back."""

import asyncio
from datetime import UTC, datetime
from pathlib import Path

import pytest
from aiokafka import AIOKafkaConsumer

from deploy.kafka_light import LightKafka
from services.intake.publisher import KafkaUnavailable, Publisher
from shared.events import Event, new_event
from shared.events.hr import EmployeeHired
from shared.topics import ensure_topics

NOW = datetime(2027, 1, 11, 8, tzinfo=UTC)


def hired(number: int) -> Event[EmployeeHired]:
    payload = EmployeeHired.model_validate({"employee_id": f"E-{number}", "display_name": "Ada", "start_date": "2027-02-01"})
    return new_event(payload, source="/hr/acme", id=f"o-{number}", time=NOW)


async def test_what_was_confirmed_is_there_and_what_was_refused_can_be_sent_again(tmp_path: Path) -> None:
    broker = LightKafka(tmp_path)
    await broker.start()
    try:
        await ensure_topics(broker.address)
        publisher = Publisher(broker.address, patience_s=3)
        await publisher.publish([hired(1)])
        await broker.stop()
        for _ in range(2):  # the second finds a connection that is known to be gone
            with pytest.raises(KafkaUnavailable, match="did not confirm"):
                await publisher.publish([hired(2)])
        again = LightKafka(tmp_path, broker.port)
        await again.start()
        try:
            async with asyncio.timeout(90):
                while True:
                    try:
                        await publisher.publish([hired(2)])
                        break
                    except KafkaUnavailable:
                        continue
            assert await ids(broker.address, 2) >= {"o-1", "o-2"}
            await publisher.close()
            await publisher.publish([hired(3)])  # a closed one connects again
            assert await ids(broker.address, 3) >= {"o-1", "o-2", "o-3"}
            await publisher.close()
        finally:
            await again.stop()
    finally:
        await broker.stop()


async def ids(address: str, expected: int) -> set[str]:
    """Ids of the events on the topic, once at least so many different ones are there."""
    consumer = AIOKafkaConsumer("hr.employees", bootstrap_servers=address, auto_offset_reset="earliest", group_id=None)
    await consumer.start()
    found: set[str] = set()
    try:
        async with asyncio.timeout(60):
            while len(found) < expected:
                for records in (await consumer.getmany(timeout_ms=200)).values():
                    found |= {dict(record.headers)["ce_id"].decode() for record in records}
        return found
    finally:
        await consumer.stop()
