"""Child processes: started away from the terminal, output in a log file, stopped in order."""

import asyncio
import contextlib
import ctypes
import os
import shutil
import signal
import sys
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Self

from deploy.ports import free_port

LOG_BYTES = 10_000_000  # a log longer than this is set aside as *.1 before the next start: twice this per process at most
PORT_TRIES = 3  # somebody may take a free port between choosing and binding it


class StartError(Exception):
    """A part of the system can't be started; the message says what, why and what to do."""


class Process:
    """A running child. Its own session keeps the terminal's Ctrl-C from it: its parent decides when it ends."""

    def __init__(self, name: str, log: Path, child: asyncio.subprocess.Process, log_start: int) -> None:
        self.name = name
        self.log = log
        self._child = child
        self._log_start = log_start

    @classmethod
    async def start(cls, name: str, argv: Sequence[str], *, log: Path, env: Mapping[str, str] | None = None) -> "Process":
        """Start `argv`, appending its output to `log`. `env` is added to this process's environment. Raises `StartError`."""
        try:
            log_start = _prepare_log(log)
            with log.open("ab") as output:
                child = await asyncio.create_subprocess_exec(
                    *argv,
                    stdin=asyncio.subprocess.DEVNULL,
                    stdout=output,
                    stderr=output,
                    env={**os.environ, **(env or {})},
                    start_new_session=True,
                    preexec_fn=_end_with_parent(),
                )
        except OSError as error:
            raise StartError(f"{name}: could not be started ({error.strerror}: {error.filename or argv[0]})") from error
        return cls(name, log, child, log_start)

    @property
    def pid(self) -> int:
        """The child's process id."""
        return self._child.pid

    @property
    def code(self) -> int | None:
        """Its exit code (negative: the signal that ended it), or None while it runs."""
        return self._child.returncode

    async def wait(self) -> int:
        """Wait for its end; its exit code."""
        return await self._child.wait()

    def send(self, number: int) -> None:
        """Send it a signal; one that has ended is left alone."""
        with contextlib.suppress(ProcessLookupError):
            self._child.send_signal(number)

    async def stop(self, patience: float) -> int:
        """SIGTERM, up to `patience` seconds for an orderly end, then SIGKILL; its exit code. An ended one is left alone."""
        if self.code is None:
            with contextlib.suppress(ProcessLookupError):
                self._child.terminate()
            try:
                async with asyncio.timeout(patience):
                    await self.wait()
            except TimeoutError:
                with contextlib.suppress(ProcessLookupError):
                    self._child.kill()
        return await self.wait()

    def has_said(self, words: str) -> bool:
        """Whether its log since this start holds these words; reads all of it, so ask while it starts."""
        try:
            with self.log.open("rb") as file:
                file.seek(self._log_start)
                return words.encode() in file.read()
        except OSError:
            return False

    def last_words(self, lines: int = 5) -> list[str]:
        """The last lines that it wrote into its log since this start."""
        window = 65_536  # far more than a few lines, far less than a log
        try:
            with self.log.open("rb") as file:
                file.seek(max(self._log_start, self.log.stat().st_size - window))
                return file.read().decode(errors="replace").splitlines()[-lines:]
        except OSError:
            return []


class Server(ABC):
    """A server of this machine that is a child process: `async with` starts it, waits until it serves, and stops it.

    The same data folder can be started again, on any port.
    """

    name: str
    """For people."""
    key: str
    """For machines: its log file, its entry in `endpoints.json`."""
    room_mb: int
    """Free space below which a start would soon end in a failed write."""
    start_seconds: float
    stop_seconds: float

    def __init__(self, data: Path, port: int | None = None, log: Path | None = None) -> None:
        """`data`: its folder, made when missing. `port`: of 127.0.0.1, where None a free one. `log`: by default in `data`."""
        self.data = data
        self.log = log or data / f"{self.key}.log"
        self._given_port = port
        self.port = port or 0
        self.process: Process | None = None

    @property
    def address(self) -> str:
        """host:port."""
        return f"127.0.0.1:{self.port}"

    async def start(self) -> None:
        """Returns when the server serves. Raises `StartError`; nothing is left running then."""
        self._check_folder()
        for attempt in range(1, PORT_TRIES + 1):
            self.port = self._given_port or free_port()
            self.process = await Process.start(self.name, await self.command(), log=self.log)
            try:
                await self._until_ready(self.process)
            except BaseException:
                code = self.process.code
                await self.stop()
                if code is not None and self._given_port is None and attempt < PORT_TRIES and self.port_was_taken(code):
                    continue
                raise
            return

    async def wait(self) -> int:
        """Wait until the server ends; its exit code."""
        assert self.process is not None
        return await self.process.wait()

    async def kill(self) -> None:
        """End it at once (`kill -9`)."""
        assert self.process is not None
        self.process.send(signal.SIGKILL)
        await self.process.wait()

    async def stop(self) -> None:
        """An orderly stop; a server that was never started is left alone."""
        if self.process is not None:
            await self.process.stop(self.stop_seconds)

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        await self.stop()

    @abstractmethod
    async def command(self) -> list[str]:
        """The command line for `self.port`, after whatever must be prepared for it. Raises `StartError`."""

    @abstractmethod
    async def is_ready(self) -> bool:
        """Whether it serves now; asked again and again while it starts."""

    @abstractmethod
    def port_was_taken(self, code: int) -> bool:
        """Whether an ended start was for want of its port."""

    @abstractmethod
    def why_it_ended(self, code: int) -> str:
        """What ended the start, and what to do."""

    def _check_folder(self) -> None:
        try:
            self.data.mkdir(parents=True, exist_ok=True)
            free_mb = shutil.disk_usage(self.data).free // 1_000_000
        except OSError as error:
            raise StartError(
                f"{self.name}: the data folder {self.data} can't be used ({error.strerror}); choose another."
            ) from error
        if free_mb < self.room_mb:
            raise StartError(
                f"{self.name}: the disk is full: {free_mb} MB free where {self.data} lies, {self.room_mb} MB are needed. "
                "Make room or choose another data folder."
            )

    async def _until_ready(self, process: Process) -> None:
        try:
            async with asyncio.timeout(self.start_seconds):
                while not await self.is_ready():
                    if process.code is not None:
                        raise StartError(f"{self.name}: {self.why_it_ended(process.code)}")
                    await asyncio.sleep(0.03)
        except TimeoutError:
            raise StartError(f"{self.name}: not ready after {self.start_seconds:.0f} s. Its log: {self.log}") from None


def _prepare_log(log: Path) -> int:
    """Make its folder and set aside a long one; the length of the log at the start."""
    log.parent.mkdir(parents=True, exist_ok=True)
    if not log.exists():
        return 0
    if log.stat().st_size > LOG_BYTES:
        log.replace(log.with_name(log.name + ".1"))
        return 0
    return log.stat().st_size


def _end_with_parent() -> Callable[[], None] | None:
    """On Linux: have the kernel send SIGTERM when the parent dies, so even a killed supervisor leaves a broker that saves."""
    if not sys.platform.startswith("linux"):
        return None
    libc = ctypes.CDLL(None)
    set_parent_death_signal = 1  # PR_SET_PDEATHSIG of prctl(2)

    def ask() -> None:
        libc.prctl(set_parent_death_signal, signal.SIGTERM)

    return ask
