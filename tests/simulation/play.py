"""Plays a script: starts the services, lets the company live and things go wrong, heals everything, and waits for quiet."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

from pymongo.errors import PyMongoError

from services.matching.desk import Desk
from services.matching.pair_desk import PairCommand
from services.onboarding.handlers import as_event, command_processor
from services.onboarding.programme import Programmes
from shared import clock as clocks
from shared.events import to_record
from shared.events.mentoring import MentorFact
from shared.mongo import Database
from shared.refusals import Refused
from tests.simulation import loop as virtual
from tests.simulation.checker import Checker, is_quiet
from tests.simulation.script import Fault, Script, Step
from tests.simulation.store_client import Client
from tests.simulation.world import OWNER, Armed, Process, World, _policy, _programmes, inhabited

QUIET_FOR_S = 10.0  # longer than the senders' poll, the waitlist's pause and a lease that its own holder has locked
QUIET_WITHIN_S = 240.0  # the longest holds and pauses of the product, several times over


@dataclass(slots=True)
class Outcome:
    """What a run came to."""

    script: Script
    violations: list[str]
    hash: str
    trace: list[str] = field(default_factory=list)
    happened: dict[str, int] = field(default_factory=dict)
    seconds: float = 0.0

    @property
    def invariant(self) -> str:
        """The name of the first invariant that does not hold, or nothing."""
        return self.violations[0].split(":")[0] if self.violations else ""


def play(script: Script, *, tracing: bool = False, bug: Callable[[], Any] | None = None) -> Outcome:
    """Play it on a loop of its own; `bug` is a patch of the product, in force while it lasts."""
    outcome: Outcome = virtual.run(_play(script, tracing, bug))
    return outcome


async def _play(script: Script, tracing: bool, bug: Callable[[], Any] | None) -> Outcome:
    settings = {"mail_hours": script.mail_hours, "approval_hours": script.approval_hours}
    world = World(script.seed, replicas=script.replicas, settings=settings, tracing=tracing)
    checker = Checker(world)
    with inhabited(world), (bug or _nothing)():
        company = Company(world, checker)
        for service, count in script.replicas.items():
            for replica in range(count):
                world.start(service, replica)
        await asyncio.sleep(0.5)
        entries = sorted([*script.steps, *script.faults], key=lambda entry: entry.at)
        loop = asyncio.get_running_loop()
        for entry in entries:
            if world.stopped:
                break
            await asyncio.sleep(max(0.0, entry.at + 0.5 - loop.time()))
            if isinstance(entry, Step):
                company.do(entry)
            else:
                afflict(world, entry)
        await asyncio.sleep(1.0)
        heal(world)
        stuck = await _until_quiet(world, company)
        checker.finish(stuck)
        lines = list(world.lines)
        outcome = Outcome(script, checker.violations, world.hash, lines, world.happened, loop.time())
        world.end()
        await asyncio.sleep(0)
    return outcome


class _nothing:  # noqa: N801  used as a function
    def __enter__(self) -> None:
        """Nothing is patched."""

    def __exit__(self, *_: object) -> None:
        """Nothing was patched."""


async def _until_quiet(world: World, company: "Company") -> list[str]:
    """Wait until nothing moves; returns what still does when it takes too long."""
    loop = asyncio.get_running_loop()
    deadline = loop.time() + QUIET_WITHIN_S
    quiet_since: float | None = None
    while True:
        moving = is_quiet(world) + company.waiting()
        if moving or world.stopped:
            quiet_since = None
        elif quiet_since is None:
            quiet_since = loop.time()
        elif loop.time() - quiet_since > QUIET_FOR_S:
            return []
        if world.stopped or loop.time() > deadline:
            return moving
        await asyncio.sleep(1.0)


def heal(world: World) -> None:
    """Let nothing go wrong any more; what is away comes back in its time."""
    for process in world.processes.values():
        process.armed.clear()
        process.ahead = timedelta()
    world.refusals.clear()


def afflict(world: World, fault: Fault) -> None:
    """Let a fault happen, or arm it."""
    now = asyncio.get_running_loop().time()
    process = world.processes.get(fault.target)
    if fault.kind in ("kill", "lose", "freeze", "conflict"):
        if process is not None and process.alive:
            process.armed.append(Armed(fault.kind, fault.what, int(fault.amount), fault.after))
        return
    world.trace("fault", fault.kind, fault.target, fault.amount)
    world.happened[fault.kind] = world.happened.get(fault.kind, 0) + 1
    world.disturbed += 1
    if fault.kind == "outage":  # an election: what was under way is gone, and for a while nobody writes
        world.store.abort_all()
        world.store_away_until = max(world.store_away_until, now + fault.amount)
    elif fault.kind == "broker":
        world.broker_away_until = max(world.broker_away_until, now + fault.amount)
    elif fault.kind == "away" and process is not None:
        process.away_until = max(process.away_until, now + fault.amount)
    elif fault.kind == "hold":
        topic, _, number = fault.target.rpartition(":")
        world.broker.hold(topic, int(number), fault.amount)
    elif fault.kind == "rebalance":
        world.broker.rebalance(fault.target)
    elif fault.kind == "clock" and process is not None:
        process.ahead = timedelta(seconds=fault.amount)
    elif fault.kind == "jump":
        world.leap += timedelta(seconds=fault.amount)
    elif fault.kind == "forget":
        world.store.forgotten = world.store.number


class Company:
    """Everybody outside the workers: HR, people at their browsers (a web process), and time itself."""

    def __init__(self, world: World, checker: Checker) -> None:
        self.world = world
        self.checker = checker
        self._web = Process(world, "web", 0, 1, world.random)
        self._client = Client(world.store, self._web, "web")
        self._asking: list[asyncio.Task[None]] = []
        self._windows = {"report": self._report, "desk": self._mentor, "pair": self._pair}

    def waiting(self) -> list[str]:
        """Requests that were not answered yet."""
        self._asking = [task for task in self._asking if not task.done()]
        return ["requests are not answered"] if self._asking else []

    def do(self, step: Step) -> None:
        """One step of the script."""
        self.world.trace("step", step.kind)
        if step.kind == "hr":
            key, value, headers = to_record(step.what)
            self.world.broker.append(step.what.data.TOPIC, key, value, headers)
        elif step.kind == "poison":
            key, value, headers = step.what
            number, offset = self.world.broker.append("hr.employees", key, value, headers)
            self.checker.poisoned.add(("hr.employees", number, offset))
        elif step.kind == "leap":
            self.world.leap += step.what
            self.world.disturbed += 1
        elif step.kind == "refusals":
            template, says = step.what
            self.world.refusals[template] = list(says)
        else:
            self._ask(step)

    def _ask(self, step: Step) -> None:
        OWNER.set(self._web)
        try:
            self._asking.append(asyncio.get_running_loop().create_task(self._answered(step)))
        finally:
            OWNER.set(None)

    async def _answered(self, step: Step) -> None:
        """A person presses the button until there is an answer; the key says that it is one request."""
        asked, key = step.what
        for _ in range(20):
            try:
                await self._windows[step.kind](asked, key)
            except Refused as refusal:
                if refusal.status != 503:
                    return
            except PyMongoError:
                pass
            else:
                self.checker.answered.append((step.kind, key, asked))
                return
            await asyncio.sleep(2.0)

    async def _report(self, command: Any, key: str) -> None:
        db: Database = self._client["onboarding"]  # type: ignore[assignment]
        processor = command_processor(db, Programmes(_programmes().current), clocks.now)
        await processor.execute([as_event(command, clocks.now())], key=key)

    async def _mentor(self, fact: MentorFact, key: str) -> None:
        await self._desk().tell([fact], key)

    async def _pair(self, command: PairCommand, key: str) -> None:
        await self._desk().decide(command, key)

    def _desk(self) -> Desk:
        db: Database = self._client["matching"]  # type: ignore[assignment]
        return Desk(db, _policy(), clocks.now)
