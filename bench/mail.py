"""`./firstmate bench mail`: welcomes per second from the ledger to an SMTP server's acceptance and back into the ledger.

The reference is a bare aiosmtplib loop: one mail of the same content, rendered once, over as many connections to the same
server in the same run. With failures a fifth of the messages are refused for now the first time; the pauses before they are
tried again, when nothing is due, are passed by moving the sender's clock and don't count.
"""

import asyncio
import sys
import tempfile
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from itertools import count as numbers
from pathlib import Path
from time import perf_counter
from typing import Any

import aiosmtplib
from pydantic import SecretStr

from bench.chain import PATIENCE_S, command, cores, hires, until_count
from deploy.mongod import Mongod
from deploy.ports import free_port
from deploy.process import Process
from services.notifications import store
from services.notifications.channels.email import EmailChannel, Identity
from services.notifications.channels.server import MailServer
from services.notifications.handlers import SERVICE, CorrespondenceWork
from services.notifications.rendering import Renderer
from services.notifications.sender import Sender
from shared import lease
from shared.clock import now
from shared.links import Links
from shared.mongo import Client, Database, connect
from shared.processing import BATCH_RECORDS, Processor
from shared.worker import prepare_database

MESSAGES = 3_000
REFUSED_PERCENT = 20
CONNECTIONS = 4  # as many as the service opens by itself
SENDER = "welcome@bench.example"
NEXT_TRY = timedelta(minutes=10)  # later than any first pause


@dataclass(frozen=True, slots=True)
class Server:
    """The running SMTP server and the folder where it notes what it accepted."""

    port: int
    folder: Path

    def accepted(self) -> Counter[str]:
        """How often each Message-ID was accepted."""
        noted = self.folder / "accepted"
        return Counter(noted.read_text().split()) if noted.exists() else Counter()


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
            yield Server(port, Path(folder))
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


async def plan(db: Database, messages: int) -> None:
    """Enter that many welcomes in the ledger, the way hire events do."""
    await prepare_database(db)
    await store.ensure_indexes(db)
    processor = Processor(service=SERVICE, consumer="bench", db=db, work=lambda: CorrespondenceWork(db, []))
    # Nobody's manager: a notice to one would be due half a minute later, in the middle of the measurement.
    events = [replace(event, data=event.data.model_copy(update={"manager_id": None})) for event in hires(messages)]
    for first in range(0, messages, BATCH_RECORDS):
        await processor.execute(events[first : first + BATCH_RECORDS])


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


async def ours(client: Client, db: Database, server: Server, messages: int) -> float:
    """Seconds from a ledger full of due welcomes to the last one recorded as sent."""
    await plan(db, messages)
    async with sender(db, server.port, Clock()) as sending:
        started = perf_counter()
        running = asyncio.create_task(sending.run())
        try:
            await until_count(client, [(db.name, store.MESSAGES, {"state": "sent"}, messages)])
            return perf_counter() - started
        finally:
            running.cancel()
            await asyncio.gather(running, return_exceptions=True)


async def ours_with_failures(db: Database, server: Server, messages: int) -> float:
    """The same where some are refused for now; only time with something due counts."""
    await plan(db, messages)
    clock = Clock()
    taken = 0.0
    async with sender(db, server.port, clock) as sending:
        for _ in range(10):
            started = perf_counter()
            await sending.drain()
            taken += perf_counter() - started
            if await store.next_due(db, "email") is None:
                return taken
            clock.ahead += NEXT_TRY
    raise TimeoutError("messages are still due after ten rounds of tries")


async def bare_loop(port: int, mail: bytes, messages: int) -> float:
    """Seconds for as many mails over as many connections with aiosmtplib alone."""
    ids = numbers()

    async def connection() -> None:
        async with aiosmtplib.SMTP(hostname="127.0.0.1", port=port, local_hostname="bench") as smtp:
            while (number := next(ids)) < messages:
                await smtp.sendmail(SENDER, [f"hire{number}@example.org"], mail)

    started = perf_counter()
    await asyncio.gather(*(connection() for _ in range(CONNECTIONS)))
    return perf_counter() - started


async def measure(messages: int) -> dict[str, Any]:
    """The figures of one run."""
    async with AsyncExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="firstmate-bench-")))
        mongod = await stack.enter_async_context(Mongod(folder))
        client = await connect(mongod.uri)
        stack.callback(client.close)
        good = await stack.enter_async_context(smtp_server(0))
        moody = await stack.enter_async_context(smtp_server(REFUSED_PERCENT))
        sending = await ours(client, client["good"], good, messages)
        again = await ours_with_failures(client["moody"], moody, messages)
        accepted = [good.accepted(), moody.accepted()]
        bare = await bare_loop(good.port, (good.folder / "sample").read_bytes(), messages)
    return {
        "cores": cores(),
        "messages": messages,
        "connections": CONNECTIONS,
        "seconds": round(sending, 2),
        "messages_per_second": round(messages / sending),
        "bare_loop_seconds": round(bare, 2),
        "share_of_bare_loop": round(bare / sending, 3),
        "share_with_failures": round(sending / again, 3),
        "doubled": sum(times - 1 for found in accepted for times in found.values()),
        "missing": sum(messages - len(found) for found in accepted),
    }


if __name__ == "__main__":
    command(measure, MESSAGES, __doc__)
