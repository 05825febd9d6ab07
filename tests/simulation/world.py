"""The simulated world: processes that run the product's own workers, the gate between them and everything outside, and time.

A process may die, freeze or lose touch at any of its operations on store, broker or mail server, before or after it takes
effect: between two such operations nothing can be seen of it, so these are all the moments there are. A dead process's
tasks are cancelled, and whatever they still try never arrives; its sessions stay open on the server.
"""

import asyncio
import contextlib
import functools
import hashlib
import logging
import random
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import Any
from unittest import mock

import structlog
from aiokafka import errors as kafka_errors
from bson import ObjectId
from pymongo.errors import AutoReconnect

from services.matching import app as matching
from services.notifications import app as notifications
from services.notifications.channels import Permanent, Temporary, Unreachable
from services.notifications.channels.email import EmailChannel
from services.notifications.entry import UNANSWERED
from services.notifications.letters import Outgoing
from services.notifications.retries import GIVE_UP_AFTER
from services.onboarding import app as onboarding
from services.onboarding.programme import Programmes
from shared.settings import Settings
from shared.topics import PARTITIONS
from tests.simulation.broker import Admin, Broker, Consumer, Producer
from tests.simulation.loop import OWNER, OrderedSet
from tests.simulation.store import Store
from tests.simulation.store_client import Client, carried_out

BEGINNING = datetime(2027, 1, 4, 9, tzinfo=UTC)  # a Monday
APPS = {"matching": matching, "onboarding": onboarding, "notifications": notifications}
SESSION_S = 30.0  # a group drops a member that it has not heard of for so long
RESTART_S = 1.0


class Lost(AutoReconnect):
    """The connection went before an answer came."""


@dataclass(slots=True)
class Armed:
    """A fault that waits for its moment: the `skip`-th operation from now on whose name begins with `what`."""

    kind: str
    what: str
    skip: int
    after: bool


@dataclass(eq=False, slots=True)
class Process:
    """One worker process, from its start to its end."""

    world: "World"
    service: str
    replica: int
    incarnation: int
    random: random.Random
    alive: bool = True
    thawed: asyncio.Future[None] | None = None
    ahead: timedelta = timedelta()
    away_until: float = 0.0
    armed: list[Armed] = field(default_factory=list)
    tasks: list[asyncio.Task[Any]] = field(default_factory=list)
    consumers: list[Consumer] = field(default_factory=list)
    main: asyncio.Task[Any] | None = None
    tokens: int = 0

    @property
    def name(self) -> str:
        return f"{self.service}-{self.replica}"

    def adopt(self, task: asyncio.Task[Any]) -> None:
        """A task that runs in this process."""
        self.tasks.append(task)
        if len(self.tasks) > 400:
            self.tasks = [one for one in self.tasks if not one.done()]

    def token(self) -> str:
        """What differs from process to process, and is the same again in a replay."""
        self.tokens += 1
        return f"{self.name}-{self.incarnation}-{self.tokens}"

    async def before(self, what: str) -> None:
        await self._pass()
        await asyncio.sleep(self.random.random() ** 3 * 0.012)
        await self._pass()
        await self._fault(what, after=False)
        self._reach(what)

    async def after(self, what: str) -> None:
        await self._fault(what, after=True)
        await asyncio.sleep(self.random.random() * 0.002)
        await self._pass()

    async def _pass(self) -> None:
        """Only who is alive and awake goes on."""
        while self.thawed is not None and self.alive:
            await asyncio.shield(self.thawed)
        if not self.alive:
            raise asyncio.CancelledError

    def _reach(self, what: str) -> None:
        world, now = self.world, asyncio.get_running_loop().time()
        of_broker = what in BROKER_OPERATIONS
        if of_broker and now < world.broker_away_until:
            world.hindered += 1
            if what in ("poll", "offsets", "produce"):
                raise kafka_errors.NotLeaderForPartitionError
            raise kafka_errors.KafkaConnectionError("no broker")
        if not of_broker and what != "mail" and now < max(world.store_away_until, self.away_until):
            world.hindered += 1
            raise Lost("connection closed")

    async def _fault(self, what: str, *, after: bool) -> None:
        for fault in self.armed:
            if fault.after != after or not what.startswith(fault.what):
                continue
            fault.skip -= 1
            if fault.skip >= 0:
                continue
            self.armed.remove(fault)
            await self._happen(fault, what)
            return

    async def _happen(self, fault: Armed, what: str) -> None:
        self.world.trace("fault", fault.kind, self.name, what, "after" if fault.after else "before")
        self.world.happened[fault.kind] = self.world.happened.get(fault.kind, 0) + 1
        if fault.kind == "kill":
            self.world.kill(self)
            raise asyncio.CancelledError
        if fault.kind == "freeze":
            self.world.freeze(self, self.random.uniform(3, 25))
            await self._pass()
        elif fault.kind == "lose" and what in BROKER_OPERATIONS:
            raise kafka_errors.NotLeaderForPartitionError
        elif fault.kind == "lose" and what == "mail":
            raise Lost("connection closed")
        elif fault.kind == "lose":
            labels = ["UnknownTransactionCommitResult"] if what == "commit" else ["TransientTransactionError"]
            raise Lost("connection closed", {"errorLabels": labels})


BROKER_OPERATIONS = frozenset({"join", "leave", "poll", "offsets", "ends", "beginnings", "connect", "produce"})


@dataclass(frozen=True, slots=True)
class Mail:
    """One acceptance by the mail server, at `moment` of the loop. `disturbed` counts what had gone wrong in the whole world."""

    id: str
    template: str
    address: str
    moment: float
    disturbed: int


class World:
    """Everything there is in one run."""

    def __init__(self, seed: int, *, replicas: dict[str, int], settings: dict[str, Any], tracing: bool = False) -> None:
        self.random = random.Random(seed * 7919 + 1)
        self.leap = timedelta()
        self.replicas = replicas
        self.settings = settings
        self.processes: dict[str, Process] = {}
        self.mails: list[Mail] = []
        self.refusals: dict[str, list[str]] = {}  # by message id: what the mail server is still going to say
        self.lines: list[str] = []
        self.stopped: list[str] = []
        self.happened: dict[str, int] = {}
        self.disturbed = 0
        self.hindered = 0
        self.quiet = False
        self.store_away_until = 0.0
        self.broker_away_until = 0.0
        self._tracing = tracing
        self._digest = hashlib.sha256()
        self._ids = 0
        self.store = Store(self.server_time, self._new_id)
        self.broker = Broker(PARTITIONS, lambda: int(self.server_time().timestamp() * 1000))
        self.store.watchers.append(self._trace_commit)

    # Time and ids

    def true_time(self) -> datetime:
        """The wall clock as it is."""
        return BEGINNING + timedelta(seconds=asyncio.get_running_loop().time()) + self.leap

    def server_time(self) -> datetime:
        """The store's clock, in whole milliseconds."""
        now = self.true_time()
        return now.replace(microsecond=now.microsecond // 1000 * 1000)

    def process_time(self, zone: Any = None) -> datetime:
        """What `datetime.now` says in the process that asks."""
        owner = OWNER.get()
        return self.true_time() + (owner.ahead if isinstance(owner, Process) else timedelta())

    def _new_id(self) -> ObjectId:
        self._ids += 1
        moment = int(self.true_time().timestamp())
        return ObjectId(moment.to_bytes(4, "big") + self._ids.to_bytes(8, "big"))

    # Trace

    def trace(self, *what: Any) -> None:
        """Note something in the run's history; the history's hash is what two runs of one seed share."""
        line = f"{asyncio.get_running_loop().time():9.4f} {' '.join(map(str, what))}"
        self._digest.update(line.encode())
        if self._tracing:
            self.lines.append(line)

    def _trace_commit(self, written: list[tuple[str, str, Any]]) -> None:
        for database, name, id in written:
            slot = self.store.collection(database, name).slots.get(id)
            self._digest.update((slot.versions[-1].raw or b"-") if slot and slot.versions else b"-")
        self.trace("commit", *(f"{database}.{name}/{id}" for database, name, id in written[:12]), len(written))

    @property
    def hash(self) -> str:
        return self._digest.hexdigest()

    # Processes

    def start(self, service: str, replica: int, incarnation: int = 1) -> Process:
        """Start a worker; it is started again when it ends."""
        process = Process(
            self, service, replica, incarnation, random.Random(f"{self.random.random()} {service} {replica} {incarnation}")
        )
        self.processes[process.name] = process
        self.trace("start", process.name, incarnation)
        OWNER.set(process)
        try:
            process.main = asyncio.get_running_loop().create_task(self._supervise(process))
        finally:
            OWNER.set(None)
        return process

    async def _supervise(self, process: Process) -> None:
        settings = _settings(process.replica, self.replicas[process.service] > 1, **self.settings)
        try:
            await APPS[process.service].worker(settings).run()
            ended = "ended"
        except asyncio.CancelledError:
            if not process.alive:
                return
            ended = "cancelled"
        except BaseExceptionGroup as group:
            ended = ",".join(sorted({f"{type(error).__name__}: {error}"[:200] for error in _leaves(group)}))
        except Exception as error:
            ended = f"{type(error).__name__}: {error}"[:200]
        if process.alive:
            self.trace("ended", process.name, ended)
            self.disturbed += 1
            if not ended.startswith(
                ("Lost", "ServerSelectionTimeoutError", "KafkaConnectionError", "NotLeaderForPartitionError")
            ):
                self.stopped.append(" ".join(f"{process.name}: {ended}".split()))
            self._gone(process, RESTART_S)

    def kill(self, process: Process, back_after: float | None = None) -> None:
        """End a process between two operations."""
        if not process.alive:
            return
        self.disturbed += 1
        self.trace("kill", process.name, process.incarnation)
        self._gone(process, self.random.uniform(0.1, 12.0) if back_after is None else back_after)

    def _gone(self, process: Process, back_after: float) -> None:
        loop = asyncio.get_running_loop()
        process.alive = False
        if process.thawed is not None and not process.thawed.done():
            process.thawed.set_result(None)
        for task in process.tasks:
            if not task.done() and task is not asyncio.current_task():
                task.cancel()
        loop.call_later(SESSION_S, self._forget_member, process)
        loop.call_later(back_after, self._restart, process)

    def _forget_member(self, process: Process) -> None:
        for consumer in process.consumers:
            self.broker.leave(consumer)

    def _restart(self, process: Process) -> None:
        if self.processes[process.name] is process:
            self.start(process.service, process.replica, process.incarnation + 1)

    def freeze(self, process: Process, seconds: float) -> None:
        """Stop a process as SIGSTOP does, and let it go on later as if nothing had been."""
        if process.thawed is not None or not process.alive:
            return
        self.disturbed += 1
        self.trace("freeze", process.name, f"{seconds:.1f}")
        loop = asyncio.get_running_loop()
        process.thawed = loop.create_future()
        loop.call_later(seconds, self.thaw, process)

    def thaw(self, process: Process) -> None:
        """Let it go on."""
        thawed, process.thawed = process.thawed, None
        if thawed is not None and not thawed.done():
            self.disturbed += 1
            self.trace("thaw", process.name)
            thawed.set_result(None)

    def end(self) -> None:
        """Let nobody do anything any more."""
        for process in self.processes.values():
            process.alive = False
            for task in process.tasks:
                task.cancel()


class MailServer:
    """What the sender's channel is to it; accepts, refuses or loses touch as the world says."""

    name = EmailChannel.name
    width = 4
    patience = GIVE_UP_AFTER

    def __init__(self, world: World) -> None:
        self._world = world

    async def send(self, message: Outgoing, now: datetime) -> None:
        process = OWNER.get()
        assert isinstance(process, Process)
        try:
            await process.before("mail")
        except Lost:
            raise Temporary("smtp_disconnected") from None
        waiting = self._world.refusals.get(message.template, [])
        if waiting:
            refusal = waiting.pop(0)
            self._world.trace("refused", message.message_id, refusal)
            self._world.disturbed += 1
            raise {"later": Temporary("smtp_451"), "never": Permanent("smtp_550"), "away": Unreachable("smtp_unreachable")}[
                refusal
            ]
        moment = asyncio.get_running_loop().time()
        mail = Mail(message.message_id, message.template, message.to_address, moment, self._world.disturbed)
        self._world.trace("mail", mail.id, mail.template, mail.address)
        self._world.mails.append(mail)
        try:
            await process.after("mail")
        except Lost:
            self._world.disturbed += 1
            raise Temporary(UNANSWERED) from None

    async def close(self) -> None:
        """Nothing is open."""


def _leaves(group: BaseExceptionGroup[Any]) -> Iterator[BaseException]:
    for error in group.exceptions:
        if isinstance(error, BaseExceptionGroup):
            yield from _leaves(error)
        else:
            yield error


@functools.lru_cache(maxsize=64)
def _settings(replica: int, groups: bool, mail_hours: str, approval_hours: int) -> Settings:
    return Settings(
        kafka="simulated",
        mongo="simulated",
        kafka_groups=groups,
        instance=str(replica),
        secret="a secret of forty characters, or a few more",
        coordinators=["C-1"],
        mail_hours=mail_hours,
        approval_hours=approval_hours,
        reoptimise_hour=3,
        smtp_tls="off",
    )


@functools.lru_cache(maxsize=1)
def _templates() -> Any:
    return _real_templates(_settings(0, False, "always", 0))


_real_templates = notifications.templates
_real_programmes = onboarding.read_programmes
_real_policy = matching.load_policy


@functools.lru_cache(maxsize=1)
def _programmes() -> Any:
    return _real_programmes(None)


@functools.lru_cache(maxsize=1)
def _policy() -> Any:
    return _real_policy(None)


@contextlib.contextmanager
def inhabited(world: World) -> Iterator[None]:
    """While it lasts the product's processes live in this world: what they reach outside themselves for is simulated."""

    def owner() -> Process:
        found = OWNER.get()
        assert isinstance(found, Process)
        return found

    def client(*_: Any, appname: str | None = None, **__: Any) -> Client:
        return Client(world.store, owner(), appname)

    def consumer(*_: Any, **options: Any) -> Consumer:
        made = Consumer(world.broker, owner(), **options)
        owner().consumers.append(made)
        return made

    def producer(*_: Any, **options: Any) -> Producer:
        return Producer(world.broker, owner(), **options)

    def chosen(low: float, high: float) -> float:
        return owner().random.uniform(low, high)

    clock = SimpleNamespace(now=world.process_time)
    token = SimpleNamespace(token_hex=lambda _: owner().token())
    chance = SimpleNamespace(uniform=chosen)
    with contextlib.ExitStack() as stack:
        stack.callback(structlog.configure, **structlog.get_config())
        silent = structlog.make_filtering_bound_logger(logging.CRITICAL)
        structlog.configure(wrapper_class=silent, cache_logger_on_first_use=False)
        for target, value in {
            "shared.mongo.AsyncIOMotorClient": client,
            "shared.changes.carried_out": carried_out,
            "shared.kafka.AIOKafkaConsumer": consumer,
            "shared.kafka.AIOKafkaProducer": producer,
            "aiokafka.AIOKafkaConsumer": consumer,
            "aiokafka.AIOKafkaProducer": producer,
            "aiokafka.admin.client.AIOKafkaAdminClient": lambda **_: Admin(),
            "faststream._internal.broker.registrator.WeakSet": OrderedSet,
            "shared.clock.datetime": clock,
            "shared.worker.monotonic": lambda: asyncio.get_running_loop().time(),
            "shared.processing._random": chance,
            "services.matching.app.secrets": token,
            "services.matching.reoptimisation.reoptimising.secrets": token,
            "services.notifications.store.ObjectId": world._new_id,
            "services.notifications.app.EmailChannel": lambda *_: MailServer(world),
            "services.notifications.app.templates": lambda _: _templates(),
            "services.onboarding.app.read_programmes": lambda _: Programmes(_programmes().current),
            "services.matching.app.load_policy": lambda _: _policy(),
        }.items():
            stack.enter_context(mock.patch(target, value))
        yield
