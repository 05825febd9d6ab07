"""Whether a process may start on what it is pointed at: looked at before anything is read or written, told in words.

`./firstmate doctor` tells the same faults, and those that a process can bear.
"""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC

import structlog
from aiokafka.errors import KafkaError

from deploy import topics
from deploy.topics import Standing
from shared import deployment
from shared.clock import Clock, now
from shared.mongo import Client, PyMongoError, connect
from shared.settings import Settings
from shared.topics import SERVICES

MOST_SKEW_S = 60.0  # due days and quiet hours bear no more; machines that ask for the time are within one second
BROKER_WITHIN_S = 30.0  # as long as a database may take to elect itself: what is started together may come up in any order
LOOK_AGAIN_S = 5.0
LOOK_WITHIN_S = 10.0
NEEDED: Mapping[str, tuple[int, int]] = {
    "headers of records (Produce version 3)": (0, 3),
    "headers of records (Fetch version 4)": (1, 4),
    "idempotent producers (InitProducerId)": (22, 0),
}
"""What the broker must serve: Kafka's number of the request, and the version of it."""

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Lack:
    """What is not as it must be, and how to mend it."""

    what: str
    fix: str

    def __str__(self) -> str:
        return f"{self.what}; {self.fix}"


class Unfit(Exception):
    """A process can't work on what it is pointed at. One line for each lack, with how to mend it."""

    def __init__(self, lacks: Sequence[Lack]) -> None:
        super().__init__("\n".join(map(str, lacks)))


async def check_worker(settings: Settings, service: str) -> None:
    """As `check`, for a service's worker."""
    await check(settings, [service], now)


async def check_web(settings: Settings) -> bool:
    """As `check`, for the web process, which writes to every service's database and serves pages without a broker."""
    return await check(settings, SERVICES, now, needs_broker=False)


async def check_web_later(settings: Settings) -> None:
    """As `check_web`, until the broker has answered: pages that were served without one may be another deployment's.

    Raises `ForeignDatabase`. A cluster that lacks something yet is told of: pages that are served need none of it.
    """
    known = False
    while not known:
        await asyncio.sleep(LOOK_AGAIN_S)
        try:
            known = await check_web(settings)
        except (Unfit, PyMongoError) as error:
            log.warning("not_fit_yet", error=type(error).__name__, words=str(error) if isinstance(error, Unfit) else None)


async def check(settings: Settings, services: Sequence[str], clock: Clock, *, needs_broker: bool = True) -> bool:
    """Return when a process of these services may start; the databases are claimed for the cluster then. False where no broker
    answered, and nothing could be held against it.

    Raises `Unfit` with everything that is wrong, `ForeignDatabase`, `NoReplicaSet`, and KafkaError or PyMongoError where nothing
    answers. Without `needs_broker` a broker that does not answer is passed by: pages are served without one.
    """
    client = await connect(settings.mongo)
    try:
        standing = await (_patiently(settings.kafka) if needs_broker else _if_it_answers(settings.kafka))
        lacks = clock_lacks(await skew(client, clock))
        if standing is not None:
            lacks += broker_lacks(standing)
            for fault in topics.faults(standing, settings.kafka, groups=settings.kafka_groups):
                if fault.bearable:
                    log.warning("topic_not_as_declared", words=str(fault))
                else:
                    lacks.append(Lack(fault.words, fault.fix))
        if lacks:
            raise Unfit(lacks)
        if standing is not None and standing.cluster is not None:
            for service in services:
                await deployment.claim(client[service], standing.cluster, clock)
        return standing is not None
    finally:
        client.close()


def broker_lacks(standing: Standing) -> list[Lack]:
    """What the broker does not serve. One that does not tell what it serves has nothing held against it."""
    fix = "point FIRSTMATE_KAFKA at Apache Kafka 2.1 or newer, or what speaks its protocol"
    return [
        Lack(f"the broker serves no {what}", fix)
        for what, (request, version) in NEEDED.items()
        if standing.serves and standing.serves.get(request, -1) < version
    ]


async def skew(client: Client, clock: Clock) -> float:
    """By how many seconds the database's clock is ahead of this machine's."""
    before = clock()
    hello = await client.admin.command("hello")
    after = clock()
    return float((hello["localTime"].replace(tzinfo=UTC) - before).total_seconds() - (after - before).total_seconds() / 2)


def clock_lacks(seconds: float) -> list[Lack]:
    """Whether the clocks are too far apart to work."""
    if abs(seconds) <= MOST_SKEW_S:
        return []
    what = f"the database's clock is {seconds:+.0f} s from this machine's: days would be due and mails be sent at wrong times"
    return [Lack(what, "let NTP set the clocks of both machines")]


async def _patiently(address: str) -> Standing:
    deadline = asyncio.get_running_loop().time() + BROKER_WITHIN_S
    while True:
        try:
            async with asyncio.timeout(LOOK_WITHIN_S):
                return await topics.look(address)
        except (KafkaError, OSError, TimeoutError) as error:
            if asyncio.get_running_loop().time() > deadline:
                raise
            log.warning("broker_awaited", address=address, error=type(error).__name__)
        await asyncio.sleep(1.0)


async def _if_it_answers(address: str) -> Standing | None:
    try:
        async with asyncio.timeout(LOOK_WITHIN_S):
            return await topics.look(address)
    except (KafkaError, OSError, TimeoutError):
        return None
