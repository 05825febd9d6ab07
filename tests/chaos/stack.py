"""The system under faults: the real servers behind proxies, a mail server, and two workers of each service as processes."""

import asyncio
import shutil
import signal
import sys
from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

from deploy.kafka_apache import ApacheKafka
from deploy.parts import ROOT, listens
from deploy.ports import free_port
from deploy.process import Process
from deploy.replica_set import ReplicaSet
from shared import lease
from shared.mongo import Client, connect
from shared.topics import SERVICES, ensure_topics
from tests.chaos.proxy import Proxy

REPLICAS = ("0", "1")
RESTART_AFTER_S = 0.5  # what a supervisor takes to notice
STOP_S = 30.0
NEXT_RELEASE_FIELD = "settled_in"
"""The event field that the next release adds to every `assigned`."""


@dataclass
class Worker:
    """One worker process that is started again whenever it ends, as a supervisor does; `source` is the release that it runs."""

    service: str
    instance: str
    settings: Mapping[str, str]
    log: Path
    source: Path = ROOT
    starts: int = 0
    process: Process | None = None
    wanted: asyncio.Event = field(default_factory=asyncio.Event)
    _keeping: asyncio.Task[None] | None = None

    @property
    def name(self) -> str:
        """As its lease names it."""
        return f"{self.service}-{self.instance}"

    def begin(self) -> None:
        """Start it, and again from then on."""
        self.wanted.set()
        self._keeping = asyncio.create_task(self._keep(), name=f"keep {self.name}")

    async def _keep(self) -> None:
        while True:
            await self.wanted.wait()
            command = [sys.executable, "-P", "-m", "deploy.run", self.service]  # -P: this folder is not the release's
            self.process = await Process.start(
                self.name, command, log=self.log, env={**self.settings, "PYTHONPATH": str(self.source)}
            )
            self.starts += 1
            await self.process.wait()
            await asyncio.sleep(RESTART_AFTER_S)

    def send(self, number: int) -> None:
        """Send it a signal."""
        assert self.process is not None
        self.process.send(number)

    async def kill(self, *, come_back: bool = True) -> None:
        """End it at once; where it is not to `come_back`, `wanted.set()` lets it."""
        if not come_back:
            self.wanted.clear()
        self.send(signal.SIGKILL)
        assert self.process is not None
        await self.process.wait()

    async def roll(self, source: Path) -> None:
        """An orderly stop, then a start of the release in `source`."""
        self.source = source
        assert self.process is not None
        before = self.starts
        await self.process.stop(STOP_S)
        while self.starts == before:
            await asyncio.sleep(0.1)

    async def end(self) -> None:
        """An orderly stop for good."""
        if self._keeping is not None:
            self._keeping.cancel()
            await asyncio.gather(self._keeping, return_exceptions=True)
        if self.process is not None:
            self.process.send(signal.SIGCONT)
            await self.process.stop(STOP_S)


@dataclass
class Stack:
    """The running system. `proxies` are named `kafka`, `mail` and as the members of `mongo` are."""

    folder: Path
    kafka: ApacheKafka
    mongo: ReplicaSet
    proxies: dict[str, Proxy]
    mail: Process
    client: Client
    workers: dict[str, Worker]
    small_disk: Path | None = None
    this_release: Path = ROOT
    next_release: Path | None = None

    @property
    def kafka_address(self) -> str:
        """Where clients find the broker."""
        return self.proxies["kafka"].address

    @property
    def accepted(self) -> Path:
        """The ids of the mails that were accepted, a line each."""
        return self.folder / "mail" / "accepted"

    async def holder(self, service: str) -> Worker:
        """Who holds a service's lease: for matching the owner, for all the relay."""
        while True:
            found = await self.client[service][lease.COLLECTION].find_one({"_id": service})
            if found is not None and found["holder"] in self.workers:
                return self.workers[found["holder"]]
            await asyncio.sleep(0.2)


@asynccontextmanager
async def running(folder: Path, small_disk: Path | None = None, logs: Path | None = None) -> AsyncIterator[Stack]:
    """The system, started; everything is ended on leaving. With `small_disk` one member of MongoDB keeps its data there."""
    async with AsyncExitStack() as stack:
        mongo = ReplicaSet(folder, folders={"mongo-2": small_disk / "data"} if small_disk else None)
        kafka_port, mail_port = free_port(), free_port()
        targets = mongo.addresses | {"kafka": f"127.0.0.1:{kafka_port}", "mail": f"127.0.0.1:{mail_port}"}
        proxies = {name: await stack.enter_async_context(Proxy(target)) for name, target in targets.items()}
        mongo.addresses = {name: proxies[name].address for name in mongo.addresses}
        kafka = ApacheKafka(folder / "kafka", kafka_port, advertised=proxies["kafka"].address)
        await stack.enter_async_context(mongo)
        await stack.enter_async_context(kafka)
        await ensure_topics(kafka.address)
        mail_folder = folder / "mail"
        mail_folder.mkdir()
        mail = await _mail_server(stack, mail_folder, mail_port)
        client = await connect(mongo.uri)
        stack.callback(client.close)
        workers = _workers(logs or folder / "logs", proxies, mongo)
        for worker in workers.values():
            stack.push_async_callback(worker.end)
            worker.begin()
        yield Stack(folder, kafka, mongo, proxies, mail, client, workers, small_disk)


async def _mail_server(stack: AsyncExitStack, folder: Path, port: int) -> Process:
    command = [sys.executable, "-m", "bench.mail_server", str(port), str(folder), "0"]
    mail = await Process.start("mail", command, log=folder / "log", env={"PYTHONPATH": str(ROOT)})
    stack.push_async_callback(mail.stop, 5.0)
    while await listens(f"127.0.0.1:{port}")():
        await asyncio.sleep(0.05)
    return mail


def _workers(logs: Path, proxies: Mapping[str, Proxy], mongo: ReplicaSet) -> dict[str, Worker]:
    settings = {
        "FIRSTMATE_KAFKA": proxies["kafka"].address,
        "FIRSTMATE_KAFKA_GROUPS": "true",
        "FIRSTMATE_MONGO": mongo.uri,
        "FIRSTMATE_SMTP": proxies["mail"].address,
        "FIRSTMATE_SMTP_DOMAIN_RATE": "0",
        "FIRSTMATE_MAIL_HOURS": "always",
        "FIRSTMATE_MAILS_PER_DAY": "0",
        "FIRSTMATE_SECRET": "of the fault tests, signs nothing that lasts",
        "FIRSTMATE_LOG_LEVEL": "WARNING",
        "FIRSTMATE_REOPTIMISE_HOUR": "-1",
    }
    workers = [
        Worker(service, instance, settings | {"FIRSTMATE_INSTANCE": instance}, logs / f"{service}-{instance}.log")
        for service in SERVICES
        for instance in REPLICAS
    ]
    return {worker.name: worker for worker in workers}


def make_next_release(folder: Path) -> Path:
    """The source of a release that adds one field to an event, beside ours; the folder to run it from."""
    for room in ("deploy", "services", "shared"):
        shutil.copytree(ROOT / room, folder / room, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copytree(ROOT / "requirements", folder / "requirements")
    events = folder / "shared" / "events" / "mentoring.py"
    before = "    previous_mentor_id: EmployeeId | None = None\n"
    source = events.read_text()
    assert source.count(before) == 1
    events.write_text(source.replace(before, f'    {NEXT_RELEASE_FIELD}: str = "one round"\n{before}'))
    return folder
