"""The faults: each strikes, lasts for a while and is healed. A script of them follows from a seed."""

import asyncio
import os
import signal
import subprocess
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from random import Random
from typing import Any

from aiokafka.admin import AIOKafkaAdminClient, NewPartitions

from shared.events.hr import TOPIC as HR_TOPIC
from shared.kafka import SESSION_TIMEOUT_MS
from shared.topics import SERVICES
from tests.chaos.stack import Stack, Worker, make_next_release

EVERYBODY = tuple(SERVICES)
SMALL_DISK_MB = 900
DIES_WITHIN_S = 40.0

Strike = Callable[[Stack, Random], Awaitable[Any]]
Heal = Callable[[Stack, Any], Awaitable[None]]


async def _nothing(stack: Stack, state: Any) -> None:
    """It is over as soon as it has struck."""


@dataclass(frozen=True)
class Fault:
    """One kind. `strike` does the harm and returns what `heal`, `lasts_s` later, needs to end it.

    `through`: the services whose facts show that it flows again; `by_itself`: it must flow again before it is healed.
    `planned_s` is what it takes on an idle machine; `in_short`: it is in the short run of the tests.
    """

    kind: str
    strike: Strike
    heal: Heal = _nothing
    lasts_s: float = 0.0
    through: tuple[str, ...] = EVERYBODY
    by_itself: bool = True
    planned_s: float = 10.0
    in_short: bool = True


def _kill(service: str) -> Fault:
    async def strike(stack: Stack, random: Random) -> None:
        await (await stack.holder(service)).kill()

    return Fault(
        f"kill -9 the leading {service} worker, started again",
        strike,
        through=(service,),
        planned_s=7,
        in_short=service == "matching",
    )


def _lose(service: str) -> Fault:
    async def strike(stack: Stack, random: Random) -> Worker:
        worker = await stack.holder(service)
        await worker.kill(come_back=False)
        return worker

    async def heal(stack: Stack, worker: Worker) -> None:
        worker.wanted.set()

    kind, short = f"kill -9 the leading {service} worker, a standby takes over", service == "matching"
    return Fault(kind, strike, heal, through=(service,), planned_s=25, in_short=short)


def _zombie(service: str) -> Fault:
    async def strike(stack: Stack, random: Random) -> Worker:
        worker = await stack.holder(service)
        worker.send(signal.SIGSTOP)
        return worker

    async def heal(stack: Stack, worker: Worker) -> None:
        worker.send(signal.SIGCONT)

    lasts = SESSION_TIMEOUT_MS / 1000 + 6
    kind = f"pause the leading {service} worker beyond its session, then let it go on"
    return Fault(kind, strike, heal, lasts, through=(service,), planned_s=lasts + 5, in_short=False)


async def _stop_broker(stack: Stack, random: Random) -> None:
    await stack.kafka.stop()


async def _kill_broker(stack: Stack, random: Random) -> None:
    await stack.kafka.kill()


async def _start_broker(stack: Stack, _: Any) -> None:
    await stack.kafka.start()


async def _kill_primary(stack: Stack, random: Random) -> str:
    name = await stack.mongo.primary()
    await stack.mongo.members[name].kill()
    return name


async def _restart_member(stack: Stack, name: str) -> None:
    await stack.mongo.restart(name)
    await stack.mongo.until_whole()


async def _pause_primary(stack: Stack, random: Random) -> str:
    name = await stack.mongo.primary()
    stack.mongo.members[name].pause()
    return name


async def _resume_member(stack: Stack, name: str) -> None:
    stack.mongo.members[name].resume()
    await stack.mongo.until_whole()


async def _step_down(stack: Stack, random: Random) -> None:
    await stack.mongo.step_down()


def _cut(names: tuple[str, ...], what: str) -> Fault:
    async def strike(stack: Stack, random: Random) -> None:
        for name in names:
            stack.proxies[name].refuses = True
            stack.proxies[name].cut()

    async def heal(stack: Stack, _: Any) -> None:
        for name in names:
            stack.proxies[name].refuses = False

    kind, short = f"cut every connection to {what} for two seconds", what != "the broker"
    return Fault(kind, strike, heal, 2.0, by_itself=False, planned_s=9, in_short=short)


async def _delay(stack: Stack, random: Random) -> None:
    for proxy in stack.proxies.values():
        proxy.delay_s = 0.03


async def _hurry(stack: Stack, _: Any) -> None:
    for proxy in stack.proxies.values():
        proxy.delay_s = 0.0


async def _fill_disk(stack: Stack, random: Random) -> str:
    """Fill the small disk while its member is primary, until it dies of that."""
    assert stack.small_disk is not None
    member = stack.mongo.members["mongo-2"]
    await stack.mongo.step_up("mongo-2")
    _fill(stack.small_disk / "filler")
    assert member.process is not None
    async with asyncio.timeout(DIES_WITHIN_S):
        await member.process.wait()
    return "mongo-2"


def _fill(file: Path) -> None:
    try:
        with file.open("wb", buffering=0) as filler:
            while True:
                filler.write(b"x" * 1_000_000)
    except OSError:
        pass  # it is full


async def _empty_disk(stack: Stack, name: str) -> None:
    assert stack.small_disk is not None
    (stack.small_disk / "filler").unlink()
    await _restart_member(stack, name)


async def _more_partitions(stack: Stack, random: Random) -> None:
    admin = AIOKafkaAdminClient(bootstrap_servers=stack.kafka.address)
    await admin.start()
    try:
        found = await admin.describe_topics([HR_TOPIC])
        await admin.create_partitions({HR_TOPIC: NewPartitions(len(found[0]["partitions"]) + 1)})
    finally:
        await admin.close()


async def _roll(stack: Stack, random: Random) -> None:
    """One after the other onto the next release; where all run it, back again."""
    if stack.next_release is None:
        stack.next_release = await asyncio.to_thread(make_next_release, stack.folder / "next")
    on_next = next(iter(stack.workers.values())).source == stack.next_release
    for worker in stack.workers.values():
        await worker.roll(stack.this_release if on_next else stack.next_release)


FAULTS = (
    *(_kill(service) for service in SERVICES),
    *(_lose(service) for service in SERVICES),
    *(_zombie(service) for service in SERVICES),
    Fault(
        "stop the broker in order, start it again",
        _stop_broker,
        _start_broker,
        2.0,
        by_itself=False,
        planned_s=20,
        in_short=False,
    ),
    Fault("kill -9 the broker, start it again", _kill_broker, _start_broker, 2.0, by_itself=False, planned_s=20),
    Fault("kill -9 the MongoDB primary, start it again", _kill_primary, _restart_member, planned_s=25),
    Fault("pause the MongoDB primary, let it go on", _pause_primary, _resume_member, 15.0, planned_s=30, in_short=False),
    Fault("force an election (replSetStepDown)", _step_down, planned_s=12),
    _cut(("kafka",), "the broker"),
    _cut(("mongo-0", "mongo-1", "mongo-2"), "MongoDB"),
    _cut(("mail",), "the mail server"),
    Fault("delay everything on its way by 30 ms", _delay, _hurry, 5.0, planned_s=12, in_short=False),
    Fault("fill the disk of the MongoDB primary until it dies", _fill_disk, _empty_disk, planned_s=45, in_short=False),
    Fault("more partitions for hr.employees", _more_partitions, planned_s=10),
    Fault("roll to the release with one new event field, or back", _roll, planned_s=40),
)


def script(count: int, seed: int, kinds: Sequence[Fault] = FAULTS) -> list[Fault]:
    """`count` faults in an order of this seed: every kind once before any a second time."""
    random = Random(seed)
    found: list[Fault] = []
    while len(found) < count:
        found += random.sample(kinds, len(kinds))
    return found[:count]


@asynccontextmanager
async def small_disk(folder: Path) -> AsyncIterator[Path | None]:
    """A file system of `SMALL_DISK_MB`, or None where this user may mount none."""
    folder.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", f"size={SMALL_DISK_MB}m", "firstmate-chaos", str(folder)]
    mounted = os.geteuid() == 0 and (await asyncio.to_thread(subprocess.run, command, check=False)).returncode == 0
    try:
        yield folder if mounted else None
    finally:
        if mounted:
            await asyncio.to_thread(subprocess.run, ["umount", "-l", str(folder)], check=True)


def possible(kinds: Sequence[Fault], *, with_small_disk: bool) -> tuple[Fault, ...]:
    """Those of the kinds that can be had here."""
    return tuple(fault for fault in kinds if with_small_disk or fault.strike is not _fill_disk)
