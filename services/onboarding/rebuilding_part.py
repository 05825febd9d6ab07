"""One of several processes that read the topics for a rebuild: some partitions each, of every topic the same ones.

A person's facts lie in the partition of that number in each topic, so no two processes meet in a row; if they did, the second
to write it would fail, and the rebuild with it. Started by `read_in_parts`, which puts what to do on standard input; how far
it is goes to standard output, one JSON object a line.
"""

import asyncio
import json
import os
import sys
from asyncio.subprocess import PIPE, Process
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from services.onboarding.copying import Copy, collected_by_batches
from services.onboarding.projections.reading import TOPICS
from services.onboarding.read_models import CONSUMER, READ_MODELS, SERVICE
from shared.mongo import connect
from shared.progress import Place
from shared.replay import Replay

ROOT = Path(__file__).parents[2]
TOLD_EVERY = 5  # batches


class PartFailed(Exception):
    """A process ended before its part was done."""


@dataclass(frozen=True, slots=True)
class Part:
    """What one process reads: `target` is where it stops in each of its places; `rows` may be in memory at a time."""

    kafka: str
    mongo: str
    model: str
    copy: str
    born: int
    rows: int
    target: Sequence[tuple[str, int, int]]


@dataclass(frozen=True, slots=True)
class Done:
    """How far it is: records read, skipped, and rows inserted."""

    records: int = 0
    skipped: int = 0
    inserted: int = 0

    def __add__(self, other: "Done") -> "Done":
        return Done(self.records + other.records, self.skipped + other.skipped, self.inserted + other.inserted)


def divided(target: Mapping[Place, int], processes: int) -> list[list[tuple[str, int, int]]]:
    """The places by the number of their partition, one list for each process that has any."""
    parts = [[(*place, end) for place, end in target.items() if place[1] % processes == part] for part in range(processes)]
    return [part for part in parts if part]


async def read_in_parts(parts: Sequence[Part], tell: Callable[[int], None]) -> Done:
    """Let a process read each part, at once. `tell` is called with the records read so far. Raises `PartFailed`."""
    told = [Done() for _ in parts]

    async def follow(number: int, process: Process) -> None:
        assert process.stdin is not None
        assert process.stdout is not None
        process.stdin.write(json.dumps(asdict(parts[number])).encode())
        process.stdin.close()
        async for line in process.stdout:
            told[number] = Done(**json.loads(line))
            tell(sum(each.records for each in told))
        if code := await process.wait():
            raise PartFailed(f"a process that read for the {parts[number].model} ended with code {code}")

    argv = [sys.executable, "-m", "services.onboarding.rebuilding_part"]
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    processes = [await asyncio.create_subprocess_exec(*argv, stdin=PIPE, stdout=PIPE, env=environment) for _ in parts]
    try:
        async with asyncio.TaskGroup() as following:
            for number, process in enumerate(processes):
                following.create_task(follow(number, process))
    except* PartFailed as failed:
        raise failed.exceptions[0] from None
    finally:
        for process in processes:
            if process.returncode is None:
                process.kill()
                await process.wait()
    return sum(told, Done())


async def read_part(part: Part) -> None:
    """Fold the part's records into rows of the copy. Raises as `Replay` and the database do."""
    model, target = READ_MODELS[part.model], {(topic, number): end for topic, number, end in part.target}
    client = await connect(part.mongo)
    copy = Copy(client[SERVICE], model, part.copy, part.born, part.rows)
    records = skipped = 0
    async with Replay(part.kafka, CONSUMER, TOPICS, of=target) as replay:
        number = 0
        async for batch in replay.up_to(target):
            skipped += await copy.fold(batch)
            records += len(batch)
            number += 1
            if number % TOLD_EVERY == 0:
                _tell(Done(records, skipped, copy.inserted))
    await copy.finish()
    client.close()
    _tell(Done(records, skipped, copy.inserted))


def _tell(done: Done) -> None:
    sys.stdout.write(json.dumps(asdict(done)) + "\n")
    sys.stdout.flush()


def main(order: dict[str, Any]) -> None:
    """Read the part."""
    with collected_by_batches():
        asyncio.run(read_part(Part(**order)))


if __name__ == "__main__":
    main(json.load(sys.stdin))
