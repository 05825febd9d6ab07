"""`./firstmate bench mail`: welcomes per second from the ledger to an SMTP server's acceptance and back into the ledger.

One process sends, as in the product, and is warm. The reference is a bare aiosmtplib loop: one mail of ours, rendered once,
over as many connections to the same server in the same run, the mean of two such loops; the server offers pipelining, which
aiosmtplib makes no use of and which saves the server some percent of its work. Processor time is told beside the clock's:
`share_by_processor_time` is what the share would be were the machine idle and its cores always busy, since other work stretches
the three processes of the one otherwise than the two of the other. With failures a fifth of the messages are refused for now
the first time; the pauses before they are tried again, when nothing is due, are passed by moving the sender's
clock and don't count.
"""

import asyncio
import gc
import sys
import tempfile
from collections import Counter
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from itertools import count as numbers
from pathlib import Path
from statistics import fmean
from time import perf_counter
from typing import Any

import aiosmtplib
import psutil
from pydantic import SecretStr

from bench.chain import PATIENCE_S, command, cores, hires
from deploy.mongod import Mongod
from deploy.ports import free_port
from deploy.process import Process
from deploy.run import COLLECTION_THRESHOLDS
from services.notifications import store
from services.notifications.channels.email import EmailChannel, Identity
from services.notifications.channels.server import MailServer
from services.notifications.correspondence import EMAIL
from services.notifications.handlers import SERVICE, CorrespondenceWork
from services.notifications.rendering import Renderer
from services.notifications.sender import Sender
from shared import lease
from shared.clock import now
from shared.links import Links
from shared.mongo import Database, connect
from shared.processing import BATCH_RECORDS, Processor
from shared.worker import prepare_database

MESSAGES = 3_000
REFUSED_PERCENT = 20
CONNECTIONS = 4  # as many as the service opens by itself
SENDER = "welcome@bench.example"
WARMING = 20  # sent before: templates are compiled with the first messages after a start, and never again
NEXT_TRY = timedelta(minutes=10)  # later than any first pause


@dataclass(frozen=True, slots=True)
class Server:
    """The running SMTP server and the folder where it notes what it accepted."""

    port: int
    folder: Path
    pid: int

    def accepted(self) -> Counter[str]:
        """How often each Message-ID was accepted."""
        noted = self.folder / "accepted"
        return Counter(noted.read_text().split()) if noted.exists() else Counter()

    def noted(self) -> int:
        """The size of what it noted: it grows with each mail."""
        return (self.folder / "accepted").stat().st_size


@asynccontextmanager
async def smtp_server(percent: int) -> AsyncIterator[Server]:
    """A server that refuses `percent` of the messages the first time."""
    port = free_port()
    with tempfile.TemporaryDirectory(prefix="firstmate-bench-") as folder:
        argv = [sys.executable, "-m", "bench.mail_server", str(port), folder, str(percent)]
        process = await Process.start(
            "mail", argv, log=Path(folder) / "log", env={"PYTHONPATH": str(Path(__file__).parent.parent)}
        )
        try:
            await _until_open(port)
            yield Server(port, Path(folder), process.pid)
        finally:
            await process.stop(5.0)


async def _until_open(port: int) -> None:
    async with asyncio.timeout(PATIENCE_S):
        while True:
            try:
                _, writer = await asyncio.open_connection("127.0.0.1", port)
            except OSError:
                await asyncio.sleep(0.05)
                continue
            writer.close()
            return


class Clock:
    """The system's clock, moved ahead."""

    def __init__(self) -> None:
        self.ahead = timedelta()

    def __call__(self) -> datetime:
        """What it shows."""
        return now() + self.ahead


async def prepare(db: Database) -> None:
    """An empty ledger."""
    await prepare_database(db)
    await store.ensure_indexes(db)


async def plan(db: Database, messages: int, first: int = 0) -> None:
    """Enter that many welcomes in the ledger, the way hire events do."""
    processor = Processor(service=SERVICE, consumer="bench", db=db, work=lambda: CorrespondenceWork(db, []))
    # Nobody's manager: a notice to one would be due half a minute later, in the middle of the measurement.
    events = [replace(event, data=event.data.model_copy(update={"manager_id": None})) for event in hires(messages, first)]
    for begin in range(0, messages, BATCH_RECORDS):
        await processor.execute(events[begin : begin + BATCH_RECORDS])


@asynccontextmanager
async def sender(db: Database, port: int, clock: Clock) -> AsyncIterator[Sender]:
    """The service's sender, under the service's lease."""
    fence = await lease.take(db, SERVICE, "bench")
    if fence is None:
        raise RuntimeError("somebody else holds the lease of a fresh database")
    channel = EmailChannel(MailServer("127.0.0.1", port, connections=CONNECTIONS), Identity(f"Firstmate <{SENDER}>"))
    processor = Processor(service=SERVICE, consumer="bench.email", db=db, work=lambda: CorrespondenceWork(db, []), clock=clock)
    renderer, web_url = Renderer("Firstmate"), "http://127.0.0.1:8080"
    try:
        yield Sender(
            db=db,
            channel=channel,
            processor=processor,
            renderer=renderer,
            web_url=web_url,
            links=Links(SecretStr("bench")),
            fence=fence,
            clock=clock,
        )
    finally:
        await channel.close()


class Used:
    """Processor time in milliseconds per message, of this process (None) and of others, since it was made."""

    def __init__(self, messages: int, **pids: int | None) -> None:
        self._messages = messages
        self._processes = {name: psutil.Process(pid) for name, pid in pids.items()}
        self._before = self._seconds()

    def _seconds(self) -> dict[str, float]:
        times = {name: process.cpu_times() for name, process in self._processes.items()}
        return {name: used.user + used.system for name, used in times.items()}

    def each(self) -> dict[str, float]:
        """By process."""
        now = self._seconds()
        return {name: round((now[name] - before) / self._messages * 1_000, 3) for name, before in self._before.items()}


def least(used: dict[str, float]) -> float:
    """Milliseconds that a message takes at least, on this machine were it idle: no process is on two cores at once."""
    return max(*used.values(), sum(used.values()) / cores())


async def _until_settled(db: Database, server: Server) -> None:
    """Until nothing is open. The database is asked only while nothing arrives at the server: looks between the mails would count
    as the sender's and the database's work."""
    arrived = -1
    async with asyncio.timeout(PATIENCE_S):
        while True:
            before, arrived = arrived, server.noted()
            if before == arrived and not await _is_open(db):
                return
            await asyncio.sleep(0.05)


async def _is_open(db: Database) -> bool:
    waits = {"channel": EMAIL, "state": {"$in": list(store.OPEN)}, **store.UNSETTLED}
    return await db[store.MESSAGES].find_one(waits, {"_id": 1}) is not None


async def ours(db: Database, server: Server, mongod: int, messages: int) -> tuple[float, dict[str, float]]:
    """Seconds from a ledger full of due welcomes to the last one recorded as sent, and the processor time of each message."""
    await prepare(db)
    await plan(db, WARMING)
    async with sender(db, server.port, Clock()) as sending:
        await sending.drain()
        await plan(db, messages, first=WARMING)
        used, started = Used(messages, sender=None, mail_server=server.pid, mongod=mongod), perf_counter()
        running = asyncio.create_task(sending.run())
        try:
            await _until_settled(db, server)
            return perf_counter() - started, used.each()
        finally:
            running.cancel()
            await asyncio.gather(running, return_exceptions=True)


async def ours_with_failures(db: Database, server: Server, mongod: int, messages: int) -> tuple[float, dict[str, float]]:
    """The same where some are refused for now; only time with something due counts."""
    await prepare(db)
    await plan(db, messages + WARMING)
    clock = Clock()
    taken = 0.0
    async with sender(db, server.port, clock) as sending:
        used = Used(messages, sender=None, mail_server=server.pid, mongod=mongod)
        for _ in range(10):
            started = perf_counter()
            await sending.drain()
            taken += perf_counter() - started
            if await store.next_due(db, "email") is None:
                return taken, used.each()
            clock.ahead += NEXT_TRY
    raise TimeoutError("messages are still due after ten rounds of tries")


async def bare_loop(server: Server, mail: bytes, messages: int) -> tuple[float, dict[str, float]]:
    """The same for as many mails over as many connections with aiosmtplib alone."""
    ids = numbers()

    async def connection() -> None:
        async with aiosmtplib.SMTP(hostname="127.0.0.1", port=server.port, local_hostname="bench") as smtp:
            while (number := next(ids)) < messages:
                await smtp.sendmail(SENDER, [f"hire{number}@example.org"], mail)

    used, started = Used(messages, loop=None, mail_server=server.pid), perf_counter()
    await asyncio.gather(*(connection() for _ in range(CONNECTIONS)))
    return perf_counter() - started, used.each()


def _mean(runs: Sequence[tuple[float, dict[str, float]]]) -> tuple[float, dict[str, float]]:
    """Of several runs, the better of which would be compared with an only one of ours."""
    used = {name: round(fmean(each[name] for _, each in runs), 3) for name in runs[0][1]}
    return fmean(seconds for seconds, _ in runs), used


async def measure(messages: int) -> dict[str, Any]:
    """The figures of one run."""
    gc.set_threshold(*COLLECTION_THRESHOLDS)  # as in the product's processes
    async with AsyncExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="firstmate-bench-")))
        mongod = await stack.enter_async_context(Mongod(folder))
        client = await connect(mongod.uri)
        stack.callback(client.close)
        good = await stack.enter_async_context(smtp_server(0))
        moody = await stack.enter_async_context(smtp_server(REFUSED_PERCENT))
        assert mongod.process is not None
        sending, used = await ours(client["good"], good, mongod.process.pid, messages)
        accepted = good.accepted()
        mail = (good.folder / "sample").read_bytes()
        bare, used_bare = _mean([await bare_loop(good, mail, messages) for _ in range(2)])
        again, used_again = await ours_with_failures(client["moody"], moody, mongod.process.pid, messages)
        found = [accepted, moody.accepted()]
    return {
        "cores": cores(),
        "messages": messages,
        "connections": CONNECTIONS,
        "seconds": round(sending, 2),
        "messages_per_second": round(messages / sending),
        "bare_loop_seconds": round(bare, 2),
        "share_of_bare_loop": round(bare / sending, 3),
        "processor_ms": used,
        "processor_ms_of_bare_loop": used_bare,
        "share_by_processor_time": round(least(used_bare) / least(used), 3),
        "share_with_failures": round(sending / again, 3),
        "share_with_failures_by_processor_time": round(least(used) / least(used_again), 3),
        "doubled": sum(times - 1 for each in found for times in each.values()),
        "missing": sum(messages + WARMING - len(each) for each in found),
    }


if __name__ == "__main__":
    command(measure, MESSAGES, __doc__)
