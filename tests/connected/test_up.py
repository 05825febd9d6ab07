"""`./firstmate up` as people use it: as a process, with everything that it starts."""

import asyncio
import json
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import psutil
import pytest

from deploy.endpoints import Endpoints, NotRunning, read
from deploy.parts import Service
from deploy.process import Process
from deploy.supervisor import Broken, Plan, System

ROOT = Path(__file__).parent.parent.parent
PATIENCE_S = 240.0  # five processes start at once on a machine that may have other work
PROCESSES = {"mongo", "kafka", "mailsink", "matching", "onboarding", "notifications", "web"}
WITHOUT_SETTINGS = {name: value for name, value in os.environ.items() if not name.startswith("FIRSTMATE_")}


def call(*arguments: str) -> subprocess.CompletedProcess[str]:
    """One command, to its end."""
    command = [sys.executable, "-m", "deploy.cli", *arguments]
    return subprocess.run(
        command, capture_output=True, text=True, cwd=ROOT, env=WITHOUT_SETTINGS, timeout=PATIENCE_S, check=False
    )


def until(question: Callable[[], Any]) -> Any:
    """The first true answer."""
    deadline = time.monotonic() + PATIENCE_S
    while not (answer := question()):
        assert time.monotonic() < deadline, "it did not come to pass"
        time.sleep(0.05)
    return answer


class Up:
    """A running `up` on a folder; `output` is what it has said so far."""

    def __init__(self, data: Path) -> None:
        self.data = data
        self._log = data.with_suffix(".out")
        command = [sys.executable, "-m", "deploy.cli", "up", "--data", str(data), "--port", "0", "--no-sample"]
        with self._log.open("w") as log:
            self.process = subprocess.Popen(command, stdout=log, stderr=log, cwd=ROOT, env=WITHOUT_SETTINGS)
        until(lambda: self.process.poll() is not None or "READY" in self.output)
        assert self.process.poll() is None, self.output

    @property
    def output(self) -> str:
        return self._log.read_text()

    @property
    def endpoints(self) -> Endpoints:
        return read(self.data)

    def get(self, path: str, *, signed: bool = False) -> httpx.Response:
        headers = {"authorization": f"Bearer {self.endpoints.token}"} if signed else {}
        return httpx.get(f"{self.endpoints.web}{path}", headers=headers, timeout=15, trust_env=False)

    def stop(self) -> int:
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(PATIENCE_S)


@pytest.fixture(scope="module")
def system(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Up]:
    """One running system for the tests of this module."""
    up = Up(tmp_path_factory.mktemp("up") / "data")
    yield up
    if up.process.poll() is None:
        up.stop()


def test_it_says_where_everything_is(system: Up) -> None:
    ends = system.endpoints
    assert f"READY {ends.web}" in system.output
    assert "made for one machine" in system.output
    assert set(ends.processes) == PROCESSES
    assert all(psutil.pid_exists(pid) for pid in ends.processes.values())
    written = json.loads((system.data / "endpoints.json").read_text())
    assert {"web", "kafka", "mongo", "smtp", "token_file"} <= written.keys()


def test_secrets_are_for_their_owner_alone(system: Up) -> None:
    for name in ("operator-token", "session-secret"):
        assert (system.data / name).stat().st_mode & 0o777 == 0o600


def test_health_speaks_for_every_process_and_metrics_come_from_all(system: Up) -> None:
    health = system.get("/healthz")
    assert (health.status_code, health.json()["failing"]) == (200, [])
    assert set(health.json()["parts"]) == {"web", "matching", "onboarding", "notifications"}
    assert system.get("/readyz").json()["parts"] == {"mongo": None, "kafka": None}
    leading = until(lambda: set(re.findall(r'firstmate_leading{service="(\w+)"} 1', system.get("/metrics").text)))
    assert leading <= {"matching", "onboarding", "notifications"}
    until(lambda: 'firstmate_consumer_lag_records{consumer="onboarding"' in system.get("/metrics").text)


def test_descriptions_of_the_interfaces_load_nothing_from_elsewhere(system: Up) -> None:
    assert system.get("/asyncapi").json()["asyncapi"] == "3.0.0"
    paths = system.get("/openapi.json").json()["paths"]
    assert "/api/intake/v1/events" in paths
    page = system.get("/docs").text
    assert all(path in page for path in paths)
    assert not re.search(r"""(src|href)=["']?(https?:)?//""", page)


def test_a_second_start_on_the_same_data_is_refused(system: Up) -> None:
    done = call("up", "--data", str(system.data), "--port", "0", "--no-sample")
    assert done.returncode == 1
    assert "already runs on" in done.stderr
    assert str(system.process.pid) in done.stderr


def test_a_taken_port_is_named_with_another_to_choose(system: Up, tmp_path: Path) -> None:
    port = system.endpoints.web.rpartition(":")[2]
    done = call("up", "--data", str(tmp_path / "other"), "--port", port, "--no-sample")
    assert done.returncode == 1
    assert re.search(rf"port {port} is taken; .* --port \d+", done.stderr)


def test_doctor_finds_it_well(system: Up) -> None:
    done = call("doctor", "--data", str(system.data), "--json")
    summary = json.loads(done.stdout.splitlines()[-1])
    assert (done.returncode, summary["ok"]) == (0, True), done.stdout + done.stderr
    assert {"settings", "kafka", "topics", "mongo", "clocks", "lag", "web", "disk"} <= {
        found["check"] for found in summary["findings"]
    }


@pytest.mark.parametrize("name", ["onboarding", "web", "mongo"])
def test_a_process_that_is_killed_is_started_again(system: Up, name: str) -> None:
    before = system.endpoints.processes[name]
    os.kill(before, signal.SIGKILL)
    until(lambda: system.endpoints.processes[name] != before)
    assert "was ended by signal 9; starting it again" in system.output

    def well() -> bool:
        try:
            return system.get("/healthz").status_code == 200 and system.get("/readyz").status_code == 200
        except httpx.HTTPError:
            return False

    until(well)


def test_sigterm_stops_every_process_and_a_new_start_goes_on_with_the_data(system: Up) -> None:
    first = system.endpoints
    event = {"specversion": "1.0", "id": "a", "source": "/t", "type": "hr.employee.snapshot.v1", "subject": "E-1"}
    event["data"] = {"employee_id": "E-1", "given_name": "Ada", "start_date": "2020-01-06"}  # type: ignore[assignment]
    headers = {"authorization": f"Bearer {first.token}", "content-type": "application/cloudevents+json"}
    told = httpx.post(f"{first.web}/api/intake/v1/events", json=event, headers=headers, timeout=30, trust_env=False)
    assert told.status_code == 202, told.text
    assert system.stop() == 0, system.output
    assert not any(psutil.pid_exists(pid) for pid in first.processes.values())
    with pytest.raises(NotRunning):
        read(system.data)

    again = Up(system.data)
    try:
        assert again.endpoints.token == first.token
        findings = json.loads(call("doctor", "--data", str(again.data), "--json").stdout.splitlines()[-1])["findings"]
        assert [found for found in findings if found["check"] == "progress"] == []  # the broker kept its records
    finally:
        assert again.stop() == 0, again.output


def test_wrong_settings_end_the_start_with_what_is_wrong(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "deploy.cli", "up", "--data", str(tmp_path / "data"), "--port", "0", "--no-sample"]
    wrong = {**WITHOUT_SETTINGS, "FIRSTMATE_PROGRAMMES_DIR": str(tmp_path / "nothing")}
    done = subprocess.run(command, capture_output=True, text=True, cwd=ROOT, env=wrong, timeout=PATIENCE_S, check=False)
    assert done.returncode == 1
    # whichever of the two that read programmes comes to it first
    assert re.search(
        r"firstmate: (onboarding|web): ended with code 2 while starting.*FIRSTMATE_PROGRAMMES_DIR.*nothing", done.stderr
    ), done.stderr
    assert not (tmp_path / "data" / "endpoints.json").exists()


async def test_what_dies_all_the_time_is_given_up_with_the_reason(tmp_path: Path) -> None:
    class Dying(Service):
        async def start(self) -> None:
            command = [sys.executable, "-c", """print('{"event": "failed", "words": "no such folder"}'); raise SystemExit(3)"""]
            self.process = await Process.start("dying", command, log=tmp_path / "dying.log")

    async def never() -> bool:
        return False

    said: list[str] = []
    system = System(Plan(tmp_path), said.append)
    await system._add(Dying("dying", {}, tmp_path / "dying.log", never))
    with pytest.raises(Broken, match=r"dying: ended with code 3, 5 times within 60 s.*no such folder"):
        await asyncio.wait_for(system.until_broken(), PATIENCE_S)
    assert [float(pause) for pause in re.findall(r"again in ([\d.]+) s", "\n".join(said))] == [0.2, 0.4, 0.8, 1.6]
    await system.stop()


def test_commands_say_when_nothing_runs(tmp_path: Path) -> None:
    done = call("dead-letters", "list", "--data", str(tmp_path))
    assert done.returncode == 1
    assert "nothing runs on" in done.stderr
    assert "./firstmate up" in done.stderr
