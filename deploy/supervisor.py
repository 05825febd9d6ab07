"""The whole system on one machine: starts its parts in order, keeps them alive, stops them in reverse order."""

import asyncio
import contextlib
import fcntl
import os
import secrets
import shutil
import signal
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from time import monotonic
from typing import Literal

from aiokafka.errors import KafkaError

from deploy.endpoints import FILE, Endpoints
from deploy.kafka_apache import ApacheKafka
from deploy.kafka_light import LightKafka
from deploy.mongod import Mongod
from deploy.parts import Missing, Part, Service, answers, listens, log_words
from deploy.ports import free_port, is_free
from deploy.process import StartError
from shared.topics import ensure_topics

WORKERS = ("matching", "onboarding", "notifications")
WEB_PORT = 8080
USUAL_PORTS = {"kafka": 9092, "mongo": 27017, "smtp": 1025}  # the defaults of FIRSTMATE_*, taken where they are free
DEATHS = 5
WITHIN_S = 60.0  # so many deaths within this time are no accident: end, and let somebody look
FIRST_PAUSE_S = 0.2

Say = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Plan:
    """What to run. `usual_ports` False takes free ports for everything behind the web; so does `port` 0, which is free as well.

    `settings` are FIRSTMATE_ variables (without the prefix, lower case) for every process, over the caller's environment.
    """

    data: Path
    port: int = WEB_PORT
    kafka: Literal["light", "apache"] = "light"
    usual_ports: bool = True
    settings: dict[str, str] = field(default_factory=dict)


class Broken(Exception):
    """A part can't be kept alive; the message says which and why."""


class System:
    """A running system. Made by `running`."""

    def __init__(self, plan: Plan, say: Say) -> None:
        self.plan = plan
        self.data = plan.data.resolve()
        self.endpoints = Endpoints("", "", "", "", "", "")
        self._say = say
        self._web_port = 0
        self._parts: list[Part] = []
        self._keepers: list[asyncio.Task[None]] = []
        self._broken: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self.forced: list[str] = []
        """The parts that did not stop in order and were ended by force."""

    async def start(self) -> None:
        """Start every part in order. Raises `StartError`; `stop` must follow in any case."""
        self._web_port = self._find_web_port()
        await self._start_mongo()
        kafka, groups = await self._start_kafka()
        created = await ensure_topics(kafka)
        self._say(f"topics: {len(created)} created" if created else "topics: as declared")
        smtp = f"127.0.0.1:{self._port('smtp')}"
        self.endpoints = replace(
            self.endpoints,
            web=f"http://127.0.0.1:{self._web_port}",
            kafka=kafka,
            kafka_groups=groups,
            smtp=smtp,
            token_file=str(secret_file(self.data / "operator-token")),
            mail_dir=str(self.data / "mail"),
        )
        services = self._services()
        for service in services:
            await self._add(service)
        await self._until_ready(services)
        self._publish()

    async def _until_ready(self, services: Sequence[Service]) -> None:
        async def ready(service: Service) -> None:
            await service.until_ready()
            self._say(f"{service.name}: ready")

        waiting = [asyncio.create_task(ready(service)) for service in services]
        try:
            await asyncio.gather(*waiting)
        finally:
            for task in waiting:
                task.cancel()

    async def stop(self) -> None:
        """Stop every part in reverse order; none is left behind."""
        for keeper in self._keepers:
            keeper.cancel()
        await asyncio.gather(*self._keepers, return_exceptions=True)
        for group in self._stop_order():
            await asyncio.gather(*(part.stop() for part in group))
            self.forced += [part.name for part in group if part.process and part.process.code == -signal.SIGKILL]
        with contextlib.suppress(FileNotFoundError):
            (self.data / FILE).unlink()

    async def until_broken(self) -> None:
        """Raises `Broken` when a part can't be kept alive; otherwise never returns."""
        await asyncio.shield(self._broken)

    async def _start_mongo(self) -> None:
        given = os.environ.get("FIRSTMATE_MONGO")
        if given:
            self._say("MongoDB: the one that FIRSTMATE_MONGO names")
            self.endpoints = replace(self.endpoints, mongo=given)
            return
        mongo = Mongod(self.data / "mongo", self._port("mongo"), self._log("mongo"))
        await self._add(mongo)
        self.endpoints = replace(self.endpoints, mongo=mongo.uri)
        self._say(f"MongoDB: {mongo.address}")

    async def _start_kafka(self) -> tuple[str, bool]:
        """Its address, and whether consumer groups can be relied on."""
        given = os.environ.get("FIRSTMATE_KAFKA")
        if given:
            self._say(f"Kafka: {given}, as FIRSTMATE_KAFKA says")
            return given, os.environ.get("FIRSTMATE_KAFKA_GROUPS", "").lower() in ("1", "true", "yes", "on")
        kafka: LightKafka | ApacheKafka
        if self.plan.kafka == "apache":
            kafka = ApacheKafka(self.data / "kafka-apache", self._port("kafka"), self._log("kafka"), say=self._say)
        else:
            kafka = LightKafka(self.data / "kafka", self._port("kafka"), self._log("kafka"))
        await self._add(kafka)
        made_for = (
            ""
            if kafka.groups
            else " (made for one machine: for production set FIRSTMATE_KAFKA, to try Apache Kafka --kafka apache)"
        )
        self._say(f"{kafka.name}: {kafka.address}{made_for}")
        return kafka.address, kafka.groups

    def _services(self) -> list[Service]:
        metrics = self.data / "metrics"
        shutil.rmtree(metrics, ignore_errors=True)  # numbers of processes that are gone
        metrics.mkdir(parents=True)
        health = {name: free_port() for name in WORKERS}
        ends = self.endpoints
        common = {
            "kafka": ends.kafka,
            "kafka_groups": str(ends.kafka_groups).lower(),
            "kafka_security": _kafka_security(),
            "mongo": ends.mongo,
            "smtp": ends.smtp,
            "mail_hours": os.environ.get("FIRSTMATE_MAIL_HOURS", "always"),  # tried at night, it should answer at night
            "web_url": ends.web,
            "data_dir": str(self.data),
            "mail_dir": ends.mail_dir,
            "traces_dir": str(self.data / "traces"),
            "token": ends.token,
            "secret": secret_file(self.data / "session-secret").read_text().strip(),
            **self.plan.settings,
        }
        peers = ",".join(f"{name}=http://127.0.0.1:{port}" for name, port in health.items())
        services = [self._service("mailsink", common, {}, listens(ends.smtp))]
        for name, port in health.items():
            services.append(self._service(name, common, {"health_port": str(port)}, answers(f"http://127.0.0.1:{port}/readyz")))
        web = {"listen": ends.web.removeprefix("http://"), "peers": peers}
        services.append(self._service("web", common, web, answers(f"{ends.web}/readyz")))
        return services

    def _service(self, name: str, common: dict[str, str], own: dict[str, str], missing: Missing) -> Service:
        variables = {f"FIRSTMATE_{key.upper()}": value for key, value in {**common, **own}.items()}
        variables["PROMETHEUS_MULTIPROC_DIR"] = str(self.data / "metrics")
        return Service(name, variables, self._log(name), missing)

    async def _add(self, part: Part) -> None:
        """Start it and look after it from now on."""
        self._parts.append(part)
        await part.start()
        self._keepers.append(asyncio.create_task(self._keep(part), name=f"keep {part.name}"))

    async def _keep(self, part: Part) -> None:
        """Start it again whenever it dies, with growing pauses; give up when it dies all the time."""
        deaths: list[float] = []
        while True:
            process = part.process
            assert process is not None
            code = await process.wait()
            deaths = [at for at in deaths if monotonic() - at < WITHIN_S] + [monotonic()]
            how = f"was ended by signal {-code}" if code < 0 else f"ended with code {code}"
            if len(deaths) >= DEATHS:
                self._give_up(f"{part.name}: {how}, {DEATHS} times within {WITHIN_S:.0f} s. {log_words(process)}")
                return
            pause = FIRST_PAUSE_S * 2 ** (len(deaths) - 1)
            self._say(f"{part.name}: {how}; starting it again in {pause:.1f} s. {log_words(process)}")
            await asyncio.sleep(pause)
            try:
                await part.start()
                if part.key == "kafka":
                    await ensure_topics(self.endpoints.kafka)  # one that was killed hard may have lost them
            except (StartError, KafkaError) as error:
                self._say(str(error))
                continue
            self._say(f"{part.name}: runs again")
            self._publish()

    def _give_up(self, words: str) -> None:
        if not self._broken.done():
            self._broken.set_exception(Broken(words))

    def _publish(self) -> None:
        """Tell other commands where everything is."""
        processes = {part.key: part.process.pid for part in self._parts if part.process is not None}
        self.endpoints = replace(self.endpoints, processes=processes)
        self.endpoints.write(self.data)

    def _stop_order(self) -> Iterator[Sequence[Part]]:
        """The web, then the workers together, then what they stand on."""
        workers = [part for part in self._parts if part.name in WORKERS]
        for part in reversed(self._parts):
            if part not in workers:
                yield [part]
            elif workers and part is workers[-1]:
                yield workers

    def _find_web_port(self) -> int:
        port = self.plan.port or free_port()
        if not is_free(port):
            raise StartError(
                f"port {port} is taken; end what listens there, or choose another one, for example: --port {free_port()}"
            )
        return port

    def _port(self, what: str) -> int:
        usual = USUAL_PORTS[what]
        wanted = self.plan.usual_ports and self.plan.port and usual != self._web_port
        return usual if wanted and is_free(usual) else free_port()

    def _log(self, name: str) -> Path:
        return self.data / "logs" / f"{name}.log"


@asynccontextmanager
async def running(plan: Plan, say: Say) -> AsyncIterator[System]:
    """The system, started; stopped in order on leaving. Raises `StartError`, also when it runs on this data already."""
    with alone(plan.data):
        system = System(plan, say)
        try:
            await system.start()
            yield system
        finally:
            say("stopping")
            await asyncio.shield(asyncio.create_task(system.stop()))
            say(f"stopped, by force: {', '.join(system.forced)}" if system.forced else "stopped")


@contextlib.contextmanager
def alone(data: Path) -> Iterator[None]:
    """Hold the data folder against a second start. The lock goes with the process, however it ends."""
    try:
        data.mkdir(parents=True, exist_ok=True)
        file = (data / "up.lock").open("a+")
    except OSError as error:
        raise StartError(f"the data folder {data} can't be used ({error.strerror}); choose another one with --data") from error
    with file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            file.seek(0)
            raise StartError(
                f"Firstmate already runs on {data} (process {file.read().strip()}); stop it with Ctrl-C there, "
                "or choose another folder with --data"
            ) from None
        file.seek(0)
        file.truncate()
        file.write(str(os.getpid()))
        file.flush()
        yield


def _kafka_security() -> str:
    """How the given cluster is spoken to; the brokers that we start ourselves are plain, whatever the environment says."""
    given = "FIRSTMATE_KAFKA" in os.environ and os.environ.get("FIRSTMATE_KAFKA_SECURITY")
    return given or "plaintext"


def secret_file(path: Path) -> Path:
    """A file with a random text that only its owner can read; kept when it is there."""
    with contextlib.suppress(FileExistsError):
        descriptor = os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600)
        with os.fdopen(descriptor, "w") as file:
            file.write(secrets.token_urlsafe(32) + "\n")
    return path
