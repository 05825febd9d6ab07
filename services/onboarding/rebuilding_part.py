"""Several processes that read the topics for a rebuild: some partitions each, of every topic the same ones.

A person's facts lie in the partition of that number in each topic, so no two processes meet in a row; if they did, the second
to write it would fail, and the rebuild with it. One of them is the rebuild's own. The others are made from it before it has
threads: an interpreter of their own would take them a second to start, and each its own memory for the same modules.
"""

import asyncio
import signal
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from functools import partial
from multiprocessing import get_context
from multiprocessing.connection import Connection
from multiprocessing.process import BaseProcess
from typing import TypeAlias

from services.onboarding.copying import Copy, collected_by_batches
from services.onboarding.read_models import CONSUMER, READ_MODELS, SERVICE
from shared.heap import share_one_heap
from shared.mongo import Database, connect
from shared.progress import Place
from shared.replay import Replay

TOLD_EVERY = 5  # batches
ENDS_WITHIN_S = 5.0
_PROCESSES = get_context("fork") if sys.platform == "linux" else get_context("spawn")  # macOS' own libraries survive no fork

Hear: TypeAlias = Callable[["Done"], None]


class PartFailed(Exception):
    """A process ended before its part was done."""


@dataclass(frozen=True, slots=True)
class Part:
    """What one process reads: `target` is where it stops in each of its places; `rows` may be in memory at a time."""

    kafka: str
    model: str
    copy: str
    born: int
    rows: int
    target: Mapping[Place, int]


@dataclass(frozen=True, slots=True)
class Done:
    """How far a part is: records read, skipped, and rows inserted. `whole` once it is all done."""

    records: int = 0
    skipped: int = 0
    inserted: int = 0
    whole: bool = False

    def __add__(self, other: "Done") -> "Done":
        return Done(self.records + other.records, self.skipped + other.skipped, self.inserted + other.inserted)


@dataclass(frozen=True, slots=True)
class Worker:
    """A process that waits for parts, and the line to it: parts go there, and how far it is comes back."""

    process: BaseProcess
    line: Connection


@dataclass(frozen=True, slots=True)
class Workers:
    """The processes that read beside this one."""

    beside: Sequence[Worker]

    @property
    def processes(self) -> int:
        """How many read at once, this one among them."""
        return 1 + len(self.beside)


@contextmanager
def workers(processes: int, mongo: str) -> Iterator[Workers]:
    """So many processes with this one, to the end of the block; `mongo` is where the others find the database.

    Call it before the loop: a process that is made from one with threads may lack what they held.
    """
    share_one_heap()
    beside = [_begun(mongo) for _ in range(processes - 1)]
    try:
        yield Workers(beside)
    finally:
        for each in beside:
            each.line.close()
        for each in beside:
            each.process.join(ENDS_WITHIN_S)
            _end(each)


def divided(target: Mapping[Place, int], processes: int) -> list[dict[Place, int]]:
    """The places by the number of their partition, one target for each process that has any."""
    parts = [{place: end for place, end in target.items() if place[1] % processes == part} for part in range(processes)]
    return [part for part in parts if part]


async def read_in_parts(db: Database, parts: Sequence[Part], beside: Sequence[Worker], tell: Callable[[int], None]) -> Done:
    """Have each part read, at once: the first here. `tell` is called with the records read so far.

    Raises `PartFailed`, and as `Replay` and the database do.
    """
    told = [Done() for _ in parts]

    def hear(number: int, done: Done) -> None:
        told[number] = done
        tell(sum(each.records for each in told))

    try:
        async with asyncio.TaskGroup() as reading:
            for number, (part, worker) in enumerate(zip(parts[1:], beside, strict=False), start=1):
                reading.create_task(_follow(worker, part, partial(hear, number)))
            reading.create_task(read_part(db, parts[0], partial(hear, 0)))
    except* Exception as failed:
        raise failed.exceptions[0] from None
    finally:
        for worker, done in zip(beside, told[1:], strict=False):
            if not done.whole:
                _end(worker)
    return sum(told, Done())


async def _follow(worker: Worker, part: Part, hear: Hear) -> None:
    done = Done()
    try:
        worker.line.send(part)
        while not done.whole:
            done = await asyncio.to_thread(worker.line.recv)
            hear(done)
    except (EOFError, OSError):
        worker.process.join(ENDS_WITHIN_S)
        raise PartFailed(f"a process that read for the {part.model} ended with code {worker.process.exitcode}") from None


async def read_part(db: Database, part: Part, hear: Hear) -> None:
    """Fold the part's records into rows of the copy. Raises as `Replay` and the database do."""
    copy = Copy(db, READ_MODELS[part.model], part.copy, part.born, part.rows)
    records = skipped = number = 0
    async with Replay(part.kafka, CONSUMER, part.target) as replay:
        async for batch in replay.up_to(part.target):
            skipped += await copy.fold(batch)
            records += len(batch)
            number += 1
            if number % TOLD_EVERY == 0:
                hear(Done(records, skipped, copy.inserted))
    await copy.finish()
    hear(Done(records, skipped, copy.inserted, whole=True))


def _begun(mongo: str) -> Worker:
    here, there = _PROCESSES.Pipe()
    process = _PROCESSES.Process(target=_read_parts, args=(there, here, mongo), daemon=True)
    process.start()
    there.close()
    return Worker(process, here)


def _end(worker: Worker) -> None:
    if worker.process.is_alive():
        worker.process.kill()
        worker.process.join()


def _read_parts(line: Connection, others: Connection, mongo: str) -> None:
    """What another process does: it ends with its line, whatever becomes of the one at the other end."""
    others.close()
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # who asked for the rebuild gives it up; and then the line ends
    with suppress(EOFError), collected_by_batches():
        while True:
            asyncio.run(_read_apart(line.recv(), mongo, line.send))


async def _read_apart(part: Part, mongo: str, hear: Hear) -> None:
    client = await connect(mongo)
    try:
        await read_part(client[SERVICE], part, hear)
    finally:
        client.close()
