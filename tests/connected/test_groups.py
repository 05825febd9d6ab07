"""Several workers of one service on a broker whose groups hold: shared out, taken over, nothing lost and nothing doubled.

The embedded broker never evicts a member that was killed (docs/decisions/0003), so these need `--backing apache` or the like.
"""

import asyncio
import signal
import sys
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from aiokafka import AIOKafkaProducer
from aiokafka.admin import AIOKafkaAdminClient, NewPartitions
from aiokafka.coordinator.protocol import ConsumerProtocolMemberAssignment
from aiokafka.errors import KafkaError

from deploy.parts import ROOT
from deploy.process import Process
from shared import kafka, progress
from shared.events import Fact, new_event, to_record
from shared.events.hr import EmployeeHired
from shared.events.mentoring import MentorEnrolled
from shared.mongo import Client
from shared.settings import Settings
from shared.topics import PARTITIONS, SERVICES
from tests.connected.test_worker import records_of, running, worker
from tests.tally import NOW, hr_record, tallied

pytestmark = [pytest.mark.groups, pytest.mark.slow]
HR = "hr.employees"
WITHIN_S = 240.0  # several share a small machine


async def until(question: Callable[[], Awaitable[Any]]) -> Any:
    async with asyncio.timeout(WITHIN_S):
        while not (answer := await question()):
            await asyncio.sleep(0.2)
        return answer


@pytest.fixture
async def client(mongo_client: Client) -> AsyncIterator[Client]:
    """The services' databases, empty, and dropped afterwards."""
    for service in SERVICES:
        await mongo_client.drop_database(service)
    yield mongo_client
    for service in SERVICES:
        await mongo_client.drop_database(service)


@pytest.fixture
async def producer(kafka_url: str) -> AsyncIterator[AIOKafkaProducer]:
    producer = kafka.producer(kafka_url)
    await producer.start()
    yield producer
    await producer.stop()


@pytest.fixture
async def admin(kafka_url: str) -> AsyncIterator[AIOKafkaAdminClient]:
    admin = AIOKafkaAdminClient(bootstrap_servers=kafka_url)
    await admin.start()
    yield admin
    await admin.close()


async def tell(producer: AIOKafkaProducer, facts: Iterable[Fact]) -> None:
    for number, fact in enumerate(facts):
        event = new_event(fact, source="/hr/test", id=f"{fact.subject}-{number}", time=NOW)
        key, value, headers = to_record(event)
        await producer.send_and_wait(fact.TOPIC, key=key, value=value, headers=headers)


def hires(ids: Iterable[int]) -> list[Fact]:
    return [EmployeeHired(employee_id=f"E-{id}", display_name=f"New {id}", start_date="2027-02-01") for id in ids]


@asynccontextmanager
async def processes(service: str, kafka_url: str, mongo_url: str, tmp_path: Path) -> AsyncIterator[dict[str, Process]]:
    """Two workers of a service, as they run on a cluster: `a` and `b`."""
    told = {"FIRSTMATE_KAFKA": kafka_url, "FIRSTMATE_KAFKA_GROUPS": "true", "FIRSTMATE_MONGO": mongo_url, "PYTHONPATH": str(ROOT)}
    command = [sys.executable, "-m", "deploy.run", service]
    async with AsyncExitStack() as stack:
        started = {}
        for name in ("a", "b"):
            log = tmp_path / f"{name}.log"
            started[name] = await Process.start(name, command, log=log, env=told | {"FIRSTMATE_INSTANCE": name})
            stack.push_async_callback(started[name].stop, 60)
        yield started
        assert all(process.code in (None, -signal.SIGKILL) for process in started.values())


async def members(admin: AIOKafkaAdminClient, group: str) -> dict[str, int]:
    """Of each member of a settled group, by its client's name: how many partitions it has."""
    try:
        (answer,) = await admin.describe_consumer_groups([group])
    except KafkaError:  # the first member makes the topic in which groups are kept
        return {}
    (described,) = answer.to_object()["groups"]
    if described["state"] != "Stable":
        return {}
    return {
        member["client_id"]: len(ConsumerProtocolMemberAssignment.decode(member["member_assignment"]).partitions())
        for member in described["members"]
    }


async def ids_said(kafka_url: str, topic: str, type: str) -> Counter[str]:
    """How many different facts of a type each person has on a topic: the relay may say one twice, under one id."""
    said = [dict(record.headers) for record in await records_of(kafka_url, topic, PARTITIONS[topic])]
    facts = {(headers["ce_id"], headers["ce_subject"].decode()) for headers in said if headers["ce_type"].decode() == type}
    return Counter(subject for _, subject in facts)


async def test_two_onboarding_workers_share_the_partitions_and_one_goes_on_for_both(
    client: Client,
    producer: AIOKafkaProducer,
    admin: AIOKafkaAdminClient,
    kafka_url: str,
    mongo_url: str,
    tmp_path: Path,
) -> None:
    db, everybody = client["onboarding"], range(120)
    async with processes("onboarding", kafka_url, mongo_url, tmp_path) as workers:

        async def both_have_some() -> bool:
            return sorted((await members(admin, "onboarding")).values()) == [9, 9]  # of three topics with six each

        async def so_many(number: int) -> bool:
            return await db["journeys"].count_documents({"state": {"$ne": None}}) >= number

        await until(both_have_some)
        await tell(producer, hires(everybody[:60]))
        await until(lambda: so_many(20))
        workers["a"].send(signal.SIGKILL)  # in the middle of the sixty, or just behind them
        await tell(producer, hires(everybody[60:]))
        await until(lambda: so_many(len(everybody)))

        async def one_is_left() -> bool:
            return await members(admin, "onboarding") == {"onboarding-b": 18}

        await until(one_is_left)

        async def all_is_said() -> bool:
            return len(await ids_said(kafka_url, "onboarding.journeys", "onboarding.journey.started.v1")) == len(everybody)

        await until(all_is_said)

        async def the_board_is_whole() -> bool:
            return await db["board"].count_documents({"state": {"$ne": None}}) == len(everybody)

        await until(the_board_is_whole)
    said = await ids_said(kafka_url, "onboarding.journeys", "onboarding.journey.started.v1")
    assert said == {f"E-{number}": 1 for number in everybody}
    places = [(HR, number) for number in range(PARTITIONS[HR])]
    assert await progress.read(db, "onboarding", places) == await kafka.ends(kafka_url, places)
    assert await db["dead_letters"].count_documents({}) == 0


async def test_of_two_matching_workers_one_decides_and_the_other_takes_over(
    client: Client, producer: AIOKafkaProducer, kafka_url: str, mongo_url: str, tmp_path: Path
) -> None:
    db, everybody = client["matching"], range(200, 260)
    async with processes("matching", kafka_url, mongo_url, tmp_path) as workers:

        async def decided(number: int) -> bool:
            settled = {"_id": {"$in": [f"E-{id}" for id in everybody]}, "state.status": {"$in": ["assigned", "waitlisted"]}}
            return await db["hires"].count_documents(settled) >= number

        async def holder() -> str | None:
            lease = await db["leases"].find_one({"_id": "matching"})
            return lease["holder"].removeprefix("matching-") if lease and lease["holder"] else None

        owner = await until(holder)
        await tell(producer, [MentorEnrolled(mentor_id=f"M-{number}", capacity=5) for number in range(4)])
        await tell(producer, hires(everybody[:30]))
        await until(lambda: decided(10))
        workers[owner].send(signal.SIGKILL)
        await tell(producer, hires(everybody[30:]))
        await until(lambda: decided(len(everybody)))
        assert await holder() == ({"a", "b"} - {owner}).pop()
    states = [document["state"] async for document in db["hires"].find({"state": {"$ne": None}})]
    pairs = Counter(state["decision"]["mentor_id"] for state in states if state["status"] == "assigned")
    mentors = {document["_id"]: document["state"] async for document in db["mentors"].find({"state": {"$ne": None}})}
    assert {id: len(mentor["mentees"]) for id, mentor in mentors.items() if mentor["mentees"]} == pairs
    assert all(len(mentor["mentees"]) <= mentor["capacity"] for mentor in mentors.values())
    assert await db["dead_letters"].count_documents({}) == 0


def member(settings: Settings, instance: str) -> AbstractAsyncContextManager[asyncio.Task[None]]:
    """A member of the group of the tally, in this process."""
    return running(worker(settings.model_copy(update={"instance": instance})))


@pytest.fixture
def settings(kafka_url: str, mongo_url: str) -> Settings:
    return Settings(kafka=kafka_url, mongo=mongo_url, kafka_groups=True)


async def test_a_member_that_is_restarted_gets_its_partitions_back_and_nobody_else_is_disturbed(
    client: Client, admin: AIOKafkaAdminClient, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[tuple[str, frozenset[int]]] = []
    real = kafka.FromProgress.on_partitions_assigned

    async def noted(self: kafka.FromProgress, given: Any) -> None:
        instance = self.subscriber._connection_args["group_instance_id"]
        seen.append((instance, frozenset(partition.partition for partition in given)))
        await real(self, given)

    monkeypatch.setattr(kafka.FromProgress, "on_partitions_assigned", noted)

    async def halves() -> bool:
        return await members(admin, "tally") == {"matching-a": 3, "matching-b": 3}

    async with member(settings, "a"):
        async with member(settings, "b"):
            await until(halves)
            (of_b,) = [given for instance, given in seen if instance == "tally-b" and len(given) == 3]
            before = len(seen)
        async with member(settings, "b"):

            async def back() -> bool:
                return len(seen) > before

            await until(back)
            assert await until(halves)
        assert seen[before:] == [("tally-b", of_b)]


async def test_added_partitions_are_taken_up_from_their_beginning(  # last here: the topic keeps them
    client: Client, admin: AIOKafkaAdminClient, producer: AIOKafkaProducer, settings: Settings
) -> None:
    db = client["matching"]

    async def send(id: str, partition: int) -> None:
        record = hr_record(0, f"P-{partition}", id=id)
        await producer.send_and_wait(HR, key=record.key, value=record.value, headers=list(record.headers), partition=partition)

    async def told(partition: int, *ids: str) -> bool:
        return await tallied(db, f"P-{partition}") == list(ids)

    async with member(settings, "a"), member(settings, "b"):
        await send("old", 0)
        await until(lambda: told(0, "old"))
        await admin.create_partitions({HR: NewPartitions(total_count=8)})
        await producer.client.force_metadata_update()
        await send("first", 7)
        await send("second", 7)
        await until(lambda: told(7, "first", "second"))
        assert await progress.read(db, "tally", [(HR, 6), (HR, 7)]) == {(HR, 6): 0, (HR, 7): 2}

        async def shared_out() -> bool:
            return await members(admin, "tally") == {"matching-a": 4, "matching-b": 4}

        await until(shared_out)
