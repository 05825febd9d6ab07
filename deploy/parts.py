"""The parts of a local system: how each is started and when it is ready."""

import asyncio
import contextlib
import json
import sys
from collections.abc import Awaitable, Callable, Mapping
from pathlib import Path
from typing import Protocol

import httpx
from prometheus_client import multiprocess

from deploy.kafka_apache import ApacheKafka
from deploy.kafka_light import LightKafka
from deploy.mongod import Mongod
from deploy.process import Process, StartError

ROOT = Path(__file__).parent.parent
READY_SECONDS = 180.0  # a process that dies is told of at once; a small machine that runs much else may need minutes
STOP_SECONDS = 20.0  # a worker may finish a batch, which takes up to fifteen under load

Server = Mongod | LightKafka | ApacheKafka
Missing = Callable[[], Awaitable[str | None]]
"""What a part still lacks to be ready, in words; None when it serves."""


class Part(Protocol):
    """What the supervisor keeps alive."""

    name: str
    key: str

    @property
    def process(self) -> Process | None:
        """The present process."""

    async def start(self) -> None:
        """Start it, or start it again. Raises `StartError`."""

    async def stop(self) -> None:
        """Stop it in order."""


class Service:
    """One of our own processes: `python -m deploy.run <what>`, settings from environment variables."""

    def __init__(self, what: str, settings: Mapping[str, str], log: Path, missing: Missing) -> None:
        self.name = self.key = what
        self.process: Process | None = None
        self._settings = settings
        self._log = log
        self._missing = missing

    async def start(self) -> None:
        """Start the process and return at once; `until_ready` waits. Raises `StartError`."""
        if self.process is not None and "PROMETHEUS_MULTIPROC_DIR" in self._settings:
            multiprocess.mark_process_dead(self.process.pid, self._settings["PROMETHEUS_MULTIPROC_DIR"])  # type: ignore[no-untyped-call]
        command = [sys.executable, "-m", "deploy.run", self.name]
        self.process = await Process.start(self.name, command, log=self._log, env={**self._settings, "PYTHONPATH": str(ROOT)})

    async def until_ready(self) -> None:
        """Return when it serves. Raises `StartError` when it ends instead, or takes too long."""
        process = self.process
        assert process is not None
        missing: str | None = None
        try:
            async with asyncio.timeout(READY_SECONDS):
                while missing := await self._missing():
                    if process.code is not None:
                        raise StartError(f"{self.name}: ended with code {process.code} while starting. {log_words(process)}")
                    await asyncio.sleep(0.1)
        except TimeoutError:
            words = f"{self.name}: not ready after {READY_SECONDS:.0f} s; {missing or 'it answers nothing'}. {log_words(process)}"
            raise StartError(words) from None

    async def stop(self) -> None:
        """An orderly stop: what it holds is finished or left for the next start."""
        if self.process is not None:
            await self.process.stop(STOP_SECONDS)


def log_words(process: Process) -> str:
    """The last thing that it said, and where to look for more."""
    last = next(iter(process.last_words(1)), "")
    with contextlib.suppress(ValueError):
        entry = json.loads(last)  # our own processes write one JSON object a line
        told = (entry.get("event"), entry.get("error"), *entry.get("at", [])[-1:])
        last = str(entry.get("words") or " ".join(filter(None, told)))
    return f"Its log: {process.log}" + (f", which ends: {last}" if last else "")


def answers(url: str) -> Missing:
    """Ready when this address answers 200."""

    async def ask() -> str | None:
        try:
            async with httpx.AsyncClient(timeout=5, trust_env=False) as client:
                answer = await client.get(url)
        except httpx.HTTPError as error:
            return f"{url}: {type(error).__name__}"
        return None if answer.status_code == 200 else f"{url} answers {answer.status_code}: {answer.text[:300]}"

    return ask


def listens(address: str) -> Missing:
    """Ready when this host:port takes connections."""
    host, _, port = address.rpartition(":")

    async def ask() -> str | None:
        try:
            _, writer = await asyncio.open_connection(host, int(port))
        except OSError as error:
            return f"{address}: {error.strerror}"
        writer.close()
        return None

    return ask
