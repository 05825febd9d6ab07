"""The image as it is deployed: each process in a container of its own, read-only and not root, and the whole demo through them.

`ENGINE`, `FIRSTMATE_BASE` and `FIRSTMATE_IMAGE` name other ones than docker, the local base and an image built here;
`CONTAINERS_KAFKA=apache` takes Apache Kafka for a broker. With `--log-cli-level=INFO` it tells a transcript.
"""

import asyncio
import logging
import os
import shutil
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import httpx
import pytest

from deploy.demo import played_and_verified
from deploy.endpoints import Endpoints
from deploy.kafka_apache import ApacheKafka
from deploy.kafka_light import LightKafka
from deploy.mongod import Mongod
from deploy.ports import free_port
from deploy.process import Process, StartError
from deploy.sample.company import company
from tests.contract.test_compose import compose

ROOT = Path(__file__).parents[2]
ENGINE = os.environ.get("ENGINE", "docker")
BASE = os.environ.get("FIRSTMATE_BASE", "firstmate-base:bookworm")
WORKERS = ("matching", "onboarding", "notifications")
SECRET = "a secret of this test that nobody shares"
HARDENED = ("--read-only", "--tmpfs", "/tmp", "--cap-drop", "ALL", "--security-opt", "no-new-privileges", "--network", "host")

pytestmark = [pytest.mark.slow, pytest.mark.timeout(900)]


say = logging.getLogger("containers").info


def engine(*arguments: str, timeout: float = 120, **variables: str) -> subprocess.CompletedProcess[str]:
    command = [ENGINE, *arguments]
    environment = {**os.environ, **variables}
    return subprocess.run(command, capture_output=True, text=True, timeout=timeout, cwd=ROOT, env=environment, check=False)


@pytest.fixture(scope="module")
def image() -> str:
    """The image to try: FIRSTMATE_IMAGE, else one built here on a base that is there already."""
    if shutil.which(ENGINE) is None or engine("version").returncode != 0:
        pytest.skip(f"no container engine answers to `{ENGINE} version`")
    if given := os.environ.get("FIRSTMATE_IMAGE"):
        return given
    if engine("image", "inspect", BASE).returncode != 0:
        pytest.skip(f"there is no base image {BASE}: deploy/image/base.sh makes one, or FIRSTMATE_BASE names another")
    certificates = os.environ.get("PIP_CERT", "/etc/ssl/certs/ca-certificates.crt")
    secret = ["--secret", f"id=certificates,src={certificates}"] if Path(certificates).exists() else []
    options = ["--network", "host", "--build-arg", f"BASE={BASE}", *secret, "-t", "firstmate:test"]
    done = engine("build", "-f", "deploy/image/Dockerfile", *options, ".", timeout=800, DOCKER_BUILDKIT="1")
    assert done.returncode == 0, done.stderr[-3000:]
    return "firstmate:test"


@pytest.fixture
def containers() -> Iterator[list[str]]:
    """Ids of what a test starts; removed after it."""
    started: list[str] = []
    yield started
    for id in started:
        engine("rm", "--force", id)


def test_it_runs_as_nobody_on_a_file_system_that_it_cannot_write(image: str) -> None:
    look = "import os; print(os.getuid()); open('/tmp/x', 'w'); open('/app/x', 'w')"
    done = engine("run", "--rm", *HARDENED, "--entrypoint", "python", image, "-c", look)
    assert done.stdout.strip() == "10001"
    assert "Read-only file system" in done.stderr or "Permission denied" in done.stderr


def test_it_holds_what_the_lock_names_and_neither_servers_nor_tools(image: str) -> None:
    names = "import importlib.metadata as m; print(*sorted(d.name.lower().replace('_', '-') for d in m.distributions()))"
    found = set(engine("run", "--rm", *HARDENED, "--entrypoint", "python", image, "-c", names).stdout.split())
    lock = (ROOT / "requirements" / "image.lock").read_text()
    locked = {line.split("==")[0].split("[")[0] for line in lock.splitlines() if "==" in line and not line.startswith((" ", "#"))}
    assert found <= locked
    assert {"faststream", "motor", "ortools"} <= found
    labels = engine("image", "inspect", "--format", "{{json .Config.Labels}}", image).stdout
    assert "org.opencontainers.image.revision" in labels


def test_a_process_that_is_told_too_little_says_all_of_it_and_ends(image: str) -> None:
    done = engine("run", "--rm", *HARDENED, image, "run", "web")
    assert done.returncode == 2
    assert "FIRSTMATE_SECRET" in done.stdout
    assert "FIRSTMATE_WEB_URL" in done.stdout


@dataclass
class Servers:
    endpoints: Endpoints
    containers: list[str]
    image: str

    def settings(self) -> dict[str, str]:
        """The variables of every process."""
        ends = self.endpoints
        settings = {
            "KAFKA": ends.kafka,
            "KAFKA_GROUPS": str(ends.kafka_groups).lower(),
            "MONGO": ends.mongo,
            "SMTP": ends.smtp,
            "MAIL_HOURS": "always",
            "SECRET": SECRET,
            "TOKEN": ends.token,
            "WEB_URL": ends.web,
            "LISTEN": ends.web.removeprefix("http://"),
            "COORDINATORS": ",".join(company().coordinators),
        }
        return {f"FIRSTMATE_{name}": value for name, value in settings.items()}

    def start(self, name: str, *, port: int) -> str:
        """Start a process of Firstmate in a container; its id."""
        told = {**self.settings(), "FIRSTMATE_HEALTH_PORT": str(port)}
        variables = [part for variable, value in told.items() for part in ("--env", f"{variable}={value}")]
        done = engine("run", "--detach", *HARDENED, *variables, self.image, "run", name)
        assert done.returncode == 0, done.stderr
        self.containers.append(done.stdout.strip())
        return self.containers[-1]


@asynccontextmanager
async def servers(folder: Path, image: str, containers: list[str]) -> AsyncIterator[Servers]:
    """Broker, database and mail sink from this machine's own parts, where the containers reach them."""
    try:
        kind: Any = ApacheKafka if os.environ.get("CONTAINERS_KAFKA") == "apache" else LightKafka
        kafka = kind(folder / "kafka")
        async with kafka, Mongod(folder / "mongo") as mongo:
            smtp, mail = f"127.0.0.1:{free_port()}", folder / "mail"
            told = {"FIRSTMATE_SMTP": smtp, "FIRSTMATE_MAIL_DIR": str(mail), "PYTHONPATH": str(ROOT)}
            command = [sys.executable, "-m", "deploy.run", "mailsink"]
            sink = await Process.start("mailsink", command, log=folder / "mailsink.log", env=told)
            token = folder / "token"
            token.write_text("the operator's token of this test\n")
            web = f"http://127.0.0.1:{free_port()}"
            ends = Endpoints(web, kafka.address, mongo.uri, smtp, str(token), str(mail), kafka.groups)
            try:
                yield Servers(ends, containers, image)
            finally:
                await sink.stop(10.0)
    except StartError as error:
        pytest.skip(str(error))


async def healthy(id: str) -> None:
    """Wait until the engine's own health check is content."""
    async with asyncio.timeout(300):
        while True:
            state = engine("inspect", "--format", "{{.State.Status}} {{.State.Health.Status}}", id).stdout.split()
            assert state[0] == "running", engine("logs", id).stdout[-2000:]
            if state[1] == "healthy":
                return
            await asyncio.sleep(1)


async def verify_the_demo(endpoints: Endpoints) -> None:
    """The sample company played through the origin and the broker, and every hire verified."""
    findings = await played_and_verified(SimpleNamespace(endpoints=endpoints), company(), say, None)  # type: ignore[arg-type]
    assert findings.problems == []
    figures = findings.figures()
    say(str(figures))
    assert figures["hires"] >= 20


async def test_the_whole_demo_passes_through_containers(image: str, containers: list[str], tmp_path: Path) -> None:
    async with servers(tmp_path, image, containers) as stack:
        made = engine("run", "--rm", *HARDENED, "--env", f"FIRSTMATE_KAFKA={stack.endpoints.kafka}", image, "topics", "create")
        assert made.returncode == 0, made.stderr
        say(made.stdout.strip())
        started = {name: stack.start(name, port=free_port()) for name in (*WORKERS, "web")}
        await asyncio.gather(*(healthy(id) for id in started.values()))
        say(engine("ps", "--format", "{{.Image}}  {{.Command}}  {{.Status}}", "--no-trunc").stdout.strip())
        await verify_the_demo(stack.endpoints)
        async with httpx.AsyncClient(trust_env=False) as http:
            assert (await http.get(f"{stack.endpoints.web}/readyz")).status_code == 200
        for name, id in started.items():
            ended = engine("stop", "--time", "40", id)
            code = engine("inspect", "--format", "{{.State.ExitCode}}", id).stdout.strip()
            assert (ended.returncode, code) == (0, "0"), f"{name} did not stop in order: {engine('logs', id).stdout[-1000:]}"


OVERRIDE = """\
# Broker and database are this machine's, which listen on the loopback address: so the services stand on the host's network.
services:
  topics: {{network_mode: host}}
  matching: {{network_mode: host, environment: {{FIRSTMATE_HEALTH_PORT: "{matching}"}}}}
  onboarding: {{network_mode: host, environment: {{FIRSTMATE_HEALTH_PORT: "{onboarding}"}}}}
  notifications: {{network_mode: host, environment: {{FIRSTMATE_HEALTH_PORT: "{notifications}"}}}}
  web: {{network_mode: host, ports: !reset [], environment: {{FIRSTMATE_LISTEN: "{web}", FIRSTMATE_HEALTH_PORT: "0"}}}}
"""


async def test_the_whole_demo_passes_through_the_services_of_the_compose_file(image: str, tmp_path: Path) -> None:
    found = compose()
    if found is None:
        pytest.skip("no compose of version 2 answers to `docker compose`; COMPOSE may name one")
    async with servers(tmp_path, image, []) as stack:
        override = tmp_path / "override.yaml"
        ports = {name: str(free_port()) for name in WORKERS}
        override.write_text(OVERRIDE.format(**ports, web=stack.endpoints.web.removeprefix("http://")))
        call = [*found, "--project-name", "firstmate-test", "-f", str(ROOT / "deploy/compose/compose.yaml"), "-f", str(override)]
        variables = {**os.environ, **stack.settings(), "FIRSTMATE_IMAGE": image}

        async def run(*arguments: str) -> subprocess.CompletedProcess[str]:
            return await asyncio.to_thread(
                subprocess.run, [*call, *arguments], capture_output=True, text=True, env=variables, timeout=400, check=False
            )

        try:
            made = await run("run", "--rm", "--no-deps", "topics")
            assert made.returncode == 0, made.stderr
            up = await run("up", "--no-deps", "--no-build", "--detach", "--wait", *WORKERS, "web")
            assert up.returncode == 0, up.stderr + (await run("logs")).stdout[-3000:]
            say((await run("ps")).stdout.strip())
            await verify_the_demo(stack.endpoints)
        finally:
            await run("down", "--timeout", "40", "--volumes")
