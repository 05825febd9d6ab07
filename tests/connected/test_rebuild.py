"""Read models made again from real topics, beside a running worker: nothing lost, nothing doubled, whoever dies."""

import asyncio
import subprocess
import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import httpx
import psutil
import pytest
from aiokafka import AIOKafkaProducer
from aiokafka.admin import AIOKafkaAdminClient, NewTopic
from pydantic import SecretStr

from deploy.doctor import read_model_findings
from deploy.kafka_light import LightKafka
from deploy.parts import ROOT
from deploy.ports import free_port
from services.onboarding import app as onboarding
from services.onboarding import rebuilding, store
from services.onboarding.positions import card, look_up
from services.onboarding.projections.reading import TOPICS
from services.onboarding.projections.timeline import TIMELINE_ENTRIES
from services.onboarding.read_models import BOARD, CONSUMER, READ_MODELS, SERVICE, TIMELINE, ReadModel, ReadModelWork, take_over
from services.onboarding.rebuilding import LEASE, RebuildRefused, Rebuilt, rebuild
from services.onboarding.rebuilding_part import workers
from services.onboarding.web import web
from shared import hold, kafka, lease, progress, replay
from shared.access import install_access
from shared.changes import Conflict
from shared.clock import now
from shared.events import Fact, new_event, to_record
from shared.events.notifications import MessageSent
from shared.events.onboarding import JourneyStarted, MeetingHeld, MilestoneCompleted, PlannedMilestone
from shared.mongo import Client, Database
from shared.pages import install_pages
from shared.settings import Settings
from shared.topics import PARTITIONS
from shared.web import make_app
from tests.connected.dying_rebuild import DEAD, STAGES

PATIENCE_S = 120.0
START = date(2027, 1, 11)
PEOPLE = 30


async def until(question: Callable[[], Awaitable[Any]]) -> Any:
    async with asyncio.timeout(PATIENCE_S):
        while not (answer := await question()):
            await asyncio.sleep(0.05)
        return answer


@dataclass
class Company:
    """What is published of some people, with the count that each source keeps."""

    producer: AIOKafkaProducer
    counts: dict[tuple[str, str], int] = field(default_factory=dict)

    async def tell(self, *facts: Fact) -> None:
        for fact in facts:
            service = fact.TOPIC.split(".")[0]
            stream = (service, fact.subject)
            number = self.counts[stream] = self.counts.get(stream, 0) + 1
            source, id = f"/firstmate/{service}", f"{service}/{fact.subject}/{number}"
            event = new_event(fact, source=source, id=id, time=now(), sequence=number)
            key, value, headers = to_record(event)
            await self.producer.send_and_wait(fact.TOPIC, key=key, value=value, headers=headers)

    async def hire(self, id: str) -> None:
        planned = [
            PlannedMilestone(id=f"m{n}", owner="manager", due=START + timedelta(days=n), optional=n == 3) for n in range(4)
        ]
        started = JourneyStarted(
            employee_id=id, start_date=START, programme="p", programme_version="1", manager_id="B-1", milestones=planned
        )
        await self.tell(started, self.done(id, "m0"), self.welcomed(id))

    @staticmethod
    def done(id: str, milestone: str) -> Fact:
        return MilestoneCompleted(employee_id=id, milestone_id=milestone, completed_at=now(), completed_by="B-1", cause="person")

    @staticmethod
    def met(id: str, number: int) -> Fact:
        return MeetingHeld(employee_id=id, meeting_id=f"n{number}", held_on=START, minutes=30, reported_by=id)

    @staticmethod
    def welcomed(id: str) -> Fact:
        return MessageSent(
            employee_id=id, recipient_id=id, recipient_role="hire", template="welcome", channel="email", message_id=f"w-{id}"
        )


@pytest.fixture
async def db(mongo_client: Client) -> AsyncIterator[Database]:
    await mongo_client.drop_database(SERVICE)  # the worker opens the database named after its service
    yield mongo_client[SERVICE]
    await mongo_client.drop_database(SERVICE)


@pytest.fixture
def settings(kafka_url: str, mongo_url: str) -> Settings:
    return Settings(kafka=kafka_url, mongo=mongo_url)


@pytest.fixture
async def company(kafka_url: str) -> AsyncIterator[Company]:
    producer = kafka.producer(kafka_url)
    await producer.start()
    yield Company(producer)
    await producer.stop()


@asynccontextmanager
async def working(settings: Settings) -> AsyncIterator[None]:
    task = asyncio.create_task(onboarding.worker(settings).run())
    try:
        yield
    finally:
        task.cancel()
        with suppress(asyncio.CancelledError, ExceptionGroup):
            await task


async def caught_up(db: Database, kafka_url: str) -> None:
    """Until both read models stand where the topics end."""

    async def at_the_end() -> bool:
        ends = await kafka.ends(kafka_url, kafka.places(TOPICS))
        return await progress.read(db, CONSUMER, ends) == ends

    await until(at_the_end)


async def rows(db: Database, name: str = store.BOARD) -> dict[str, Any]:
    return {row["_id"]: row async for row in db[name].find({}, {"version": 0})}


async def rebuilt(db: Database, kafka_url: str, model: ReadModel = BOARD) -> Rebuilt:
    """A rebuild, as soon as one that died makes room."""
    while True:
        try:
            return await rebuild(db, kafka_url, model, "test", now())
        except RebuildRefused:
            await asyncio.sleep(0.2)


async def left_over(db: Database) -> list[str]:
    held = [each["_id"] async for each in db[progress.COLLECTION].find({"held": {"$ne": None}})]
    return held + [name for name in await db.list_collection_names() if "rebuilding" in name]


@pytest.mark.parametrize("name", READ_MODELS)
async def test_a_rebuilt_model_is_the_live_one_field_by_field(
    db: Database, settings: Settings, company: Company, kafka_url: str, name: str
) -> None:
    async with working(settings):
        for number in range(PEOPLE):
            await company.hire(f"{name}-{number}")
        await caught_up(db, kafka_url)
        before, indexes = await rows(db, name), await db[name].index_information()
        done = await rebuilt(db, kafka_url, READ_MODELS[name])
        assert (done.rows, done.rows_before, done.differences, done.skipped) == (len(before), len(before), 0, 0)
        assert done.records == sum((await progress.read(db, CONSUMER, kafka.places(TOPICS))).values())
        assert await rows(db, name) == before
        assert await db[name].index_information() == indexes
        await company.tell(company.met(f"{name}-0", 1))
        await caught_up(db, kafka_url)
        changed = {id for id, row in (await rows(db, name)).items() if row != before[id]}
        assert changed == {f"{name}-0"}
    assert await left_over(db) == []


@pytest.mark.parametrize("name", READ_MODELS)
async def test_several_processes_with_few_rows_in_memory_make_the_same_model(
    db: Database,
    settings: Settings,
    company: Company,
    kafka_url: str,
    mongo_url: str,
    monkeypatch: pytest.MonkeyPatch,
    name: str,
) -> None:
    monkeypatch.setattr(rebuilding, "ENOUGH_RECORDS", 0)
    monkeypatch.setattr(rebuilding, "KEEP_ROWS", 3)
    monkeypatch.setattr(replay, "BATCH_RECORDS", 7)
    async with working(settings):
        for number in range(PEOPLE):
            await company.hire(f"{name}-parts-{number}")
        for number in range(PEOPLE):  # told of again when others have taken their place in memory
            await company.tell(company.met(f"{name}-parts-{number}", 1))
        await caught_up(db, kafka_url)
        before = await rows(db, name)
        with workers(2, mongo_url) as reading:
            done = await rebuild(db, kafka_url, READ_MODELS[name], "test", now(), workers=reading)
        assert (done.rows, done.differences) == (len(before), 0)
        assert await rows(db, name) == before
        alone = await rebuilt(db, kafka_url, READ_MODELS[name])
        assert (alone.rows, alone.records, alone.differences) == (done.rows, done.records, 0)


async def test_a_process_that_fails_ends_the_rebuild_and_leaves_the_model(
    db: Database, settings: Settings, company: Company, kafka_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(rebuilding, "ENOUGH_RECORDS", 0)
    async with working(settings):
        await company.hire("fails")
        await caught_up(db, kafka_url)
        before = await rows(db)
        refused = pytest.raises(RebuildRefused, match=r"ended with code 1, with its words above; the board is as it was")
        with workers(2, "no database") as reading, refused:
            await rebuild(db, kafka_url, BOARD, "test", now(), workers=reading)
        assert await rows(db) == before
        assert await left_over(db) == []


def test_processes_that_read_for_a_rebuild_end_with_it_when_it_is_killed() -> None:
    program = (
        "import time; from services.onboarding.rebuilding_part import workers\n"
        "with workers(3, '') as reading: print(*(each.process.pid for each in reading.beside), flush=True); time.sleep(600)"
    )
    with subprocess.Popen([sys.executable, "-c", program], cwd=ROOT, stdout=subprocess.PIPE, text=True) as rebuild:
        assert rebuild.stdout is not None
        pids = [int(pid) for pid in rebuild.stdout.readline().split()]
        beside = [psutil.Process(pid) for pid in pids]
        rebuild.kill()
    gone, alive = psutil.wait_procs(beside, timeout=PATIENCE_S)
    assert (len(gone), alive) == (2, [])


async def test_a_rebuild_while_facts_keep_coming_loses_none_and_doubles_none(
    db: Database, settings: Settings, company: Company, kafka_url: str
) -> None:
    ids = [f"busy-{number}" for number in range(5)]

    async def keep_telling() -> None:
        number = 0
        while True:
            number += 1
            for id in ids:
                await company.tell(company.met(id, number))

    async with working(settings):
        for id in ids:
            await company.hire(id)
        telling = asyncio.create_task(keep_telling())
        await until(lambda: db[BOARD.name].find_one({"_id": ids[0], "state.meetings": {"$gte": 3}}))
        await rebuilt(db, kafka_url, TIMELINE)
        await rebuilt(db, kafka_url, BOARD)
        telling.cancel()
        with suppress(asyncio.CancelledError):
            await telling
        for id in ids:
            await company.tell(company.done(id, "m1"))
        await caught_up(db, kafka_url)
        meetings = {id: company.counts["onboarding", id] - 3 for id in ids}
        assert {id: (await rows(db))[id]["state"]["meetings"] for id in ids} == meetings
        entries = {row: len(each["state"]["entries"]) for row, each in (await rows(db, store.TIMELINE)).items()}
        assert {id: entries[id] for id in ids} == {id: min(meetings[id] + 4, TIMELINE_ENTRIES) for id in ids}
        assert [(await rebuilt(db, kafka_url, model)).differences for model in READ_MODELS.values()] == [0] * len(READ_MODELS)


async def test_what_is_broken_or_missing_in_the_live_model_is_mended(
    db: Database, settings: Settings, company: Company, kafka_url: str
) -> None:
    async with working(settings):
        for number in range(3):
            await company.hire(f"mend-{number}")
        await caught_up(db, kafka_url)
        before = await rows(db)
        await db[BOARD.name].delete_one({"_id": "mend-0"})
        await db[BOARD.name].update_one({"_id": "mend-1"}, {"$set": {"state.done": 99}})
        await db[BOARD.name].insert_one(before["mend-2"] | {"_id": "nobody", "version": 1})
        assert (await rebuilt(db, kafka_url)).differences == 3
        assert await rows(db) == before


async def test_a_copy_with_fewer_rows_than_the_live_model_is_swapped_in_only_where_that_is_asked_for(
    db: Database, settings: Settings, company: Company, kafka_url: str
) -> None:
    async with working(settings):
        await company.hire("fewer")
        await caught_up(db, kafka_url)
        before = await rows(db)
        await db[BOARD.name].insert_one(before["fewer"] | {"_id": "nobody", "version": 1})
        with pytest.raises(RebuildRefused, match=f"the topics make {len(before)} rows.* board has {len(before) + 1}.*--fewer"):
            await rebuild(db, kafka_url, BOARD, "test", now())
        assert "nobody" in await rows(db)
        assert await left_over(db) == []
        done = await rebuild(db, kafka_url, BOARD, "test", now(), fewer=True)
        assert (done.rows, done.rows_before) == (len(before), len(before) + 1)
        assert await rows(db) == before


async def test_a_topic_with_more_partitions_than_are_read_is_refused(db: Database, tmp_path: Path) -> None:
    topic, declared = TOPICS[0], PARTITIONS[TOPICS[0]]
    async with LightKafka(tmp_path) as server:
        admin = AIOKafkaAdminClient(bootstrap_servers=server.address)
        await admin.start()
        await admin.create_topics([NewTopic(name, PARTITIONS[name] + 2 * (name == topic), 1) for name in TOPICS])
        await admin.close()
        with pytest.raises(RebuildRefused, match=f"topic {topic} has more partitions than the {declared} that"):
            await rebuild(db, server.address, BOARD, "test", now())
    assert await left_over(db) == []


@pytest.mark.parametrize("stage", STAGES)
async def test_a_rebuild_that_dies_leaves_a_whole_model_that_goes_on(
    db: Database, settings: Settings, company: Company, kafka_url: str, mongo_url: str, stage: str
) -> None:
    id = f"dies-{stage}"
    async with working(settings):
        await company.hire(id)
        await caught_up(db, kafka_url)
        before = await rows(db)
        argv = [sys.executable, "-m", "tests.connected.dying_rebuild", stage, kafka_url, mongo_url]
        process = await asyncio.create_subprocess_exec(*argv, cwd=ROOT)
        assert await process.wait() == DEAD
        assert await rows(db) == before
        await company.tell(company.met(id, 1))
        await until(lambda: db[BOARD.name].find_one({"_id": id, "state.meetings": 1}))
        done = await rebuilt(db, kafka_url)
        assert (done.differences, done.rows) == (0, len(before))
        assert await left_over(db) == []


async def test_a_batch_decided_on_a_row_of_before_the_swap_is_decided_again(
    db: Database, settings: Settings, company: Company, kafka_url: str
) -> None:
    async with working(settings):
        await company.hire("slow")
        await caught_up(db, kafka_url)
    work = ReadModelWork(db)
    event = new_event(company.met("slow", 1), source="/firstmate/onboarding", id="x", time=now(), sequence=9)
    await work.load([event])
    work.decide(event, now())
    await rebuilt(db, kafka_url)
    with pytest.raises(Conflict):
        await work.changes().in_transaction(db)


async def test_of_two_rebuilds_at_once_the_second_is_refused(
    db: Database, settings: Settings, company: Company, kafka_url: str
) -> None:
    other = await lease.take(db, LEASE, "other", ttl=3600)
    assert other is not None
    with pytest.raises(RebuildRefused, match="being rebuilt already"):
        await rebuild(db, kafka_url, BOARD, "test", now())


async def test_a_topic_shorter_than_the_progress_is_named_and_the_model_stays(
    db: Database, settings: Settings, company: Company, kafka_url: str
) -> None:
    async with working(settings):
        await company.hire("short")
        await caught_up(db, kafka_url)
    before = await rows(db)
    await db[progress.COLLECTION].update_one({"consumer": CONSUMER}, {"$inc": {"next": 1_000}})
    with pytest.raises(progress.TopicShorter, match=r"Restore the topic"):
        await rebuild(db, kafka_url, BOARD, "test", now())
    assert await rows(db) == before
    assert await left_over(db) == []


async def test_the_shared_reader_goes_on_where_the_one_furthest_behind_stood(
    db: Database, settings: Settings, company: Company, kafka_url: str
) -> None:
    async with working(settings):
        await company.hire("former")
        await caught_up(db, kafka_url)
    before, ends = await rows(db), await progress.read(db, CONSUMER, kafka.places(TOPICS))
    place = next(place for place, end in ends.items() if place[0] == "onboarding.journeys" and end)
    await db[progress.COLLECTION].delete_many({"consumer": CONSUMER})
    for model, behind in (("board", 0), ("timeline", 1), ("outcomes", 0)):
        await progress.read(db, f"onboarding.{model}", ends)
        for each, end in ends.items():
            here = {"consumer": f"onboarding.{model}", "topic": each[0], "partition": each[1]}
            await db[progress.COLLECTION].update_one(here, {"$set": {"next": end - behind * (each == place)}})
    await take_over(db)
    assert await progress.read(db, CONSUMER, ends) == {**ends, place: ends[place] - 1}
    await take_over(db)
    async with working(settings):
        await caught_up(db, kafka_url)
    assert await rows(db) == before
    assert set(await db[progress.COLLECTION].distinct("consumer")) == {"onboarding", CONSUMER}


@pytest.fixture
async def http(db: Database, settings: Settings) -> AsyncIterator[httpx.AsyncClient]:
    staff = settings.model_copy(update={"secret": SecretStr("a long secret"), "token": SecretStr("token")})
    app = make_app("onboarding", web(db, staff))
    install_access(app, staff)
    install_pages(app, staff)
    headers = {"authorization": "Bearer token"}
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://localhost", headers=headers) as client:
        yield client


async def test_positions_and_lag_of_the_read_models_are_seen(
    db: Database, settings: Settings, company: Company, kafka_url: str, http: httpx.AsyncClient
) -> None:
    async with working(settings):
        await company.hire("seen")
        await caught_up(db, kafka_url)
    board, timeline, *_ = (await http.get("/api/onboarding/v1/projections")).json()["items"]
    assert (board["name"], timeline["name"]) == ("board", "timeline")
    assert (board["lag"], board["held"], board["oldest_waiting_seconds"]) == (0, False, None)
    assert all(each["position"] == each["end"] for each in board["partitions"])
    assert "Up to date" in (await http.get("/coordinator/read-models")).text
    await company.tell(company.met("seen", 1), company.met("seen", 2))
    assert "2 to go, the oldest for" in (await http.get("/coordinator/read-models")).text
    lines = {(each.check, each.status, each.detail) for each in await read_model_findings(db.client, kafka_url)}
    assert any(status == "ok" and "timeline, outcomes have read" in words and "2 wait" in words for _, status, words in lines)
    await hold.place(db, CONSUMER, kafka.places(TOPICS), "copy")
    board, timeline, *_ = (await http.get("/api/onboarding/v1/projections")).json()["items"]
    (waiting,) = [each for each in board["partitions"] if each["lag"]]
    assert (waiting["topic"], waiting["lag"], board["lag"], timeline["held"]) == ("onboarding.journeys", 2, 2, True)
    assert 0 <= waiting["oldest_waiting_seconds"] == board["oldest_waiting_seconds"] < PATIENCE_S
    assert "Standing still for a moment" in (await http.get("/coordinator/read-models")).text
    lines = {(each.check, each.status, each.detail) for each in await read_model_findings(db.client, kafka_url)}
    assert any(status == "warn" and "stand still" in words for _, status, words in lines)


async def test_without_a_broker_positions_are_known_and_lag_is_not(db: Database, settings: Settings) -> None:
    board, *_ = await look_up(db, f"127.0.0.1:{free_port()}", now())
    assert (board.lag, board.partitions[0].position, board.partitions[0].end) == (None, 0, None)
    assert card(board).state == "The broker does not answer, so nobody knows what waits"


async def test_a_holder_that_stalled_finds_no_copy_to_swap_in(database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(hold, "TTL_S", 0.0)
    await database["copy"].insert_one({"_id": 1})
    await hold.place(database, "reader", [("t", 0)], "copy")
    await until(lambda: _is_free(database))
    assert "copy" not in await database.list_collection_names()
    with pytest.raises(hold.HoldLost):
        await hold.renew(database, "reader", "copy")


async def _is_free(database: Database) -> bool:
    try:
        await hold.respect(database, "reader")
    except hold.Held:
        return False
    return True
