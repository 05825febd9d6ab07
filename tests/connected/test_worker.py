"""A whole worker between a real broker and a real database: from record to record."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from typing import Any

import pytest
from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.admin.records_to_delete import RecordsToDelete
from structlog.testing import capture_logs

from deploy.doctor import lag_findings
from deploy.process import Server
from shared import dead_letters, kafka, lease, progress
from shared.mongo import Client, Database
from shared.settings import Settings
from shared.worker import Duty, Subscription, Worker
from tests.conftest import Until
from tests.tally import TallyWork, hr_record, tallied

HR = "hr.employees"


@pytest.fixture
async def db(mongo_client: Client) -> AsyncIterator[Database]:
    # the worker opens the database named after its service; dropped before and after
    await mongo_client.drop_database("matching")
    yield mongo_client["matching"]
    await mongo_client.drop_database("matching")


@pytest.fixture
def settings(kafka_url: str, mongo_url: str, kafka_groups: bool) -> Settings:
    return Settings(kafka=kafka_url, mongo=mongo_url, kafka_groups=kafka_groups)


@pytest.fixture
async def publish(kafka_url: str) -> AsyncIterator[Callable[..., Awaitable[int]]]:
    producer = kafka.producer(kafka_url)
    await producer.start()

    async def send(id: str, employee: str = "E-1", value: bytes | None = None, headers: Any = None) -> int:
        record = hr_record(0, employee, id=id, value=value)
        answer = await producer.send_and_wait(
            HR, key=record.key, value=record.value, headers=list(record.headers if headers is None else headers), partition=0
        )
        return int(answer.offset)

    yield send
    await producer.stop()


def worker(settings: Settings, **options: Any) -> Worker:
    subscription = Subscription("tally", [HR], TallyWork)
    return Worker("matching", settings, [subscription], **options)


@asynccontextmanager
async def running(work: Worker) -> AsyncIterator[asyncio.Task[None]]:
    task = asyncio.create_task(work.run())
    try:
        yield task
    finally:
        task.cancel()
        with suppress(asyncio.CancelledError, ExceptionGroup):
            await task


async def records_of(address: str, topic: str, partitions: int) -> list[Any]:
    consumer = AIOKafkaConsumer(bootstrap_servers=address, enable_auto_commit=False)
    await consumer.start()
    try:
        places = [TopicPartition(topic, number) for number in range(partitions)]
        consumer.assign(places)
        await consumer.seek_to_beginning()
        ends = await consumer.end_offsets(places)
        found: list[Any] = []
        while sum([await consumer.position(place) for place in places]) < sum(ends.values()):
            for batch in (await consumer.getmany(timeout_ms=200)).values():
                found += batch
        return found
    finally:
        await consumer.stop()


async def test_a_record_becomes_a_state_and_its_event_reaches_the_topic(
    db: Database, settings: Settings, publish: Any, until: Until, kafka_url: str
) -> None:
    async with running(worker(settings)):
        await publish("first")
        await publish("bad", value=b"junk")
        await publish("null value", value=b"null")
        await publish("second")
        await until(lambda: _counted(db, ["first", "second"]))
        await until(lambda: _said(kafka_url, 2))
        letters = await until(lambda: _letters(db, 2))
    assert {letter["code"] for letter in letters} == {"malformed_json", "malformed_data"}
    buried = await records_of(kafka_url, "matching.dead-letters", 1)
    assert [record.value for record in buried] == [b"junk", b"null"]


async def test_a_record_without_key_and_value_becomes_a_letter_and_holds_nobody_up(
    db: Database, settings: Settings, until: Until, kafka_url: str
) -> None:
    producer = kafka.producer(kafka_url)
    await producer.start()
    async with running(worker(settings)):
        await producer.send_and_wait(HR, key=None, value=b"", partition=0)
        await producer.send_and_wait(HR, key=b"E-1", value=None, partition=0)
        record = hr_record(0, id="behind-them")
        await producer.send_and_wait(HR, key=record.key, value=record.value, headers=list(record.headers), partition=0)
        await until(lambda: _counted(db, ["behind-them"]))
        await until(lambda: _letters(db, 2))
    await producer.stop()


async def test_a_worker_that_starts_with_nothing_to_do_is_not_behind(
    db: Database, settings: Settings, publish: Any, until: Until
) -> None:
    async with running(worker(settings)):
        await publish("done-before")
        await until(lambda: _counted(db, ["done-before"]))
    again = worker(settings)
    async with running(again):
        pulse = await until(lambda: _seen(again))
        assert sum(pulse.lag.values()) == 0


async def _seen(work: Worker) -> Any:
    """The pulse, once the consumer was looked at with what it has fetched."""
    pulse = work.pulses.get("tally")
    return pulse if pulse is not None and (HR, 0) in pulse.lag else None


async def test_headers_that_are_null_or_not_text_kill_no_consumer(
    db: Database, settings: Settings, publish: Any, until: Until
) -> None:
    async with running(worker(settings)):
        await publish("null-header", headers=[("ce_id", None), ("ce_specversion", b"1.0")])
        await publish("broken-header", headers=[("ce_id", b"\xff\xfe"), ("ce_specversion", b"1.0")])
        await publish("after")
        await until(lambda: _counted(db, ["after"]))
        assert len(await until(lambda: _letters(db, 2))) >= 2


async def test_a_worker_killed_and_started_again_goes_on_where_it_was(
    db: Database, settings: Settings, publish: Any, until: Until
) -> None:
    async with running(worker(settings)):
        await publish("before", "E-9")
        await until(lambda: _counted(db, ["before"], "E-9"))
    await publish("meanwhile", "E-9")
    async with running(worker(settings)):
        await publish("after", "E-9")
        await until(lambda: _counted(db, ["before", "meanwhile", "after"], "E-9"))


async def test_the_recorded_progress_wins_over_kafkas_offsets(
    db: Database, settings: Settings, publish: Any, until: Until
) -> None:
    async with running(worker(settings)):
        await publish("restored", "E-7")
        await until(lambda: _counted(db, ["restored"], "E-7"))
    await db["tallies"].delete_many({})  # a backup from before any of it is put back
    await db["progress"].update_many({}, {"$set": {"next": 0}})
    async with running(worker(settings)):
        await until(lambda: _counted(db, ["restored"], "E-7"))


async def test_a_topic_shorter_than_the_progress_stops_the_worker_with_words(
    db: Database, settings: Settings, publish: Any
) -> None:
    end = await publish("last") + 1
    await progress.read(db, "tally", [(HR, 0)])
    await db["progress"].update_one({"topic": HR, "partition": 0}, {"$set": {"next": end + 5}})
    with pytest.raises(ExceptionGroup) as stopped:
        await worker(settings).run()
    shorter = stopped.value.exceptions[0]
    assert isinstance(shorter, progress.TopicShorter)
    assert "--reset-progress tally:hr.employees" in str(shorter)


async def test_records_that_were_deleted_before_they_were_processed_are_told_and_the_worker_goes_on(
    db: Database, settings: Settings, publish: Any, until: Until, kafka_url: str, mongo_client: Client
) -> None:
    done = await publish("read") + 1
    await progress.read(db, "tally", [(HR, 0)])
    await db["progress"].update_one({"topic": HR, "partition": 0}, {"$set": {"next": done}})
    for id in ("lost", "lost too", "kept"):
        begin = await publish(id, "E-5")
    admin = AIOKafkaAdminClient(bootstrap_servers=kafka_url)
    await admin.start()
    await admin.delete_records({TopicPartition(HR, 0): RecordsToDelete(begin)})
    await admin.close()
    (finding,) = [each for each in await lag_findings(mongo_client, kafka_url) if each.status == "fail"]
    assert finding.detail == "2 records were deleted before tally:hr.employees was processed as far"
    with capture_logs() as logs:
        async with running(work := worker(settings)):
            await until(lambda: _counted(db, ["kept"], "E-5"))
    (told,) = [each for each in logs if each["event"] == "records_gone"]
    assert (told["log_level"], told["topic"], told["partition"], told["records"]) == ("error", HR, 0, 2)
    assert work.gone == {("tally", (HR, 0)): 2}
    assert [each for each in await lag_findings(mongo_client, kafka_url) if each.status == "fail"] == []


async def test_records_that_are_deleted_while_a_worker_stands_still_are_told(
    db: Database, settings: Settings, publish: Any, until: Until, kafka_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("shared.worker.WAITED_LONG_S", 0.0)
    gate = asyncio.Event()
    gate.set()

    class Gated(TallyWork):
        async def load(self, events: Any) -> None:
            await gate.wait()
            await super().load(events)

    work = Worker("matching", settings, [Subscription("tally", [HR], Gated)])
    async with running(work):
        await publish("before", "E-6")
        await until(lambda: _counted(db, ["before"], "E-6"))
        gate.clear()
        stands = await publish("stands", "E-6")
        admin = AIOKafkaAdminClient(bootstrap_servers=kafka_url)
        await admin.start()
        await admin.delete_records({TopicPartition(HR, 0): RecordsToDelete(stands + 1)})
        await admin.close()
        await until(lambda: _is(lambda: work.gone == {("tally", (HR, 0)): 1}))
        gate.set()


async def _is(question: Callable[[], bool]) -> bool:
    return question()


async def test_what_was_there_before_a_consumers_first_record_is_none_of_its() -> None:
    assert progress.gone({(HR, 0): 0, (HR, 1): 3, (HR, 2): 3}, {(HR, 0): 5, (HR, 1): 5, (HR, 2): 3}) == {(HR, 1): 2}


async def test_a_single_owner_stands_by_while_another_holds_the_lease(
    db: Database, settings: Settings, publish: Any, until: Until
) -> None:
    other = await lease.take(db, "matching", "somebody-else", ttl=3600)
    assert other is not None
    async with running(worker(settings, single_owner=True)):
        await publish("owned", "E-5")
        await asyncio.sleep(1.0)
        assert await tallied(db, "E-5") == []
        await lease.release(db, other)
        await until(lambda: _counted(db, ["owned"], "E-5"))


async def test_a_duty_that_fails_is_started_again_and_harms_nobody(
    db: Database, settings: Settings, publish: Any, until: Until
) -> None:
    starts: list[int] = []

    async def fail(_: Database, fence: lease.Fence) -> None:
        starts.append(fence.number)
        raise RuntimeError("broken")

    async with running(worker(settings, duties=[Duty("broken", fail)])):
        await publish("still", "E-4")
        await until(lambda: _counted(db, ["still"], "E-4"))
        await until(lambda: _at_least(starts, 2))


async def test_every_subscriber_is_fetched_again_on_failure_and_starts_at_the_beginning(settings: Settings) -> None:
    for groups in (False, True):
        broker = kafka.broker(settings, "matching")
        start = kafka.FromProgress(_nothing)
        subscriber = kafka.subscribe(broker, "c", [HR], _nothing, start, member="0" if groups else None)
        assert subscriber.ack_policy == "nack_on_error"
        assert subscriber._connection_args["auto_offset_reset"] == "earliest"


async def test_the_broker_restarted_in_order_loses_nothing(
    db: Database, settings: Settings, publish: Any, until: Until, kafka_server: Server
) -> None:
    async with running(worker(settings)):
        await publish("early", "E-3")
        await until(lambda: _counted(db, ["early"], "E-3"))
        await kafka_server.stop()
        await kafka_server.start()
        await publish("late", "E-3")
        await until(lambda: _counted(db, ["early", "late"], "E-3"))


async def _nothing(_: Any) -> Any: ...


async def _counted(db: Database, ids: list[str], employee: str = "E-1") -> bool:
    counted = await tallied(db, employee)
    return [id for id in counted if id in ids] == ids


async def _letters(db: Database, number: int) -> list[dict[str, Any]] | None:
    letters = [letter async for letter in dead_letters.letters(db)]
    return letters if len(letters) >= number else None


async def _said(address: str, number: int) -> bool:
    return len(await records_of(address, "mentoring.assignments", 6)) >= number


async def _at_least(items: list[int], number: int) -> bool:
    return len(items) >= number


async def test_an_idle_consumer_of_the_embedded_broker_does_not_ask_without_pause(kafka_url: str) -> None:
    consumer = AIOKafkaConsumer(bootstrap_servers=kafka_url, enable_auto_commit=False)
    await consumer.start()
    try:
        consumer.assign([TopicPartition(HR, 0)])
        await consumer.seek_to_end()
        kafka.pace(consumer)
        asked, send = [0], consumer._client.send

        async def counted(*arguments: Any, **options: Any) -> Any:
            asked[0] += 1
            return await send(*arguments, **options)

        consumer._client.send = counted
        loop = asyncio.get_running_loop()
        started = loop.time()
        while asked[0] < 10:
            await consumer.getmany(timeout_ms=20)
        assert loop.time() - started >= 8 * kafka.FETCH_PAUSES_S[1]  # a lower bound: however slow the machine, never faster
    finally:
        await consumer.stop()
