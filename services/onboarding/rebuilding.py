"""A read model made again from the topics, beside the live one, and swapped in (docs/decisions/0020-rebuild-beside.md).

1. *Read* the topics from their beginning, up to the live model's progress, through the same fold into a collection of its own;
2. *hold* the live models' progress (`shared.hold`): pages go on being served, from rows that stand still for some seconds;
3. *reach*: read up to exactly the held progress;
4. *settle*: count and compare, swap, release. The live reader goes on from where it was held.

Nothing of it survives a death but a collection that the next rebuild drops: every stage leaves one whole model.
"""

import asyncio
import re
from collections.abc import AsyncIterator, Callable
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import structlog
from bson import decode

from services.onboarding.copying import Copy, collected_by_batches
from services.onboarding.projections.reading import TOPICS
from services.onboarding.read_models import CONSUMER, ReadModel
from services.onboarding.rebuilding_part import Part, PartFailed, Workers, divided, read_in_parts
from shared import hold, lease, progress
from shared.kafka import places
from shared.lease import Fence, LeaseLost
from shared.mongo import Database, PyMongoError
from shared.progress import Place
from shared.replay import Replay
from shared.topics import PARTITIONS

KEEP_ROWS = 1_200  # in each process, those used last: whoever joins at one time is told of at one time
ENOUGH_RECORDS = 5_000  # fewer are read within a moment by one process
NEAR_RECORDS = 2_000  # so few are read within a moment: hold then
COMPARE_ROWS = 100  # at a time: a timeline has some kilobytes, and an answer may have 16 MB
ROUNDS = 20  # a live model that runs ahead for ever is held nevertheless

LEASE = "rebuild"  # one at a time: the models share a reader, which only one may hold

Tell = Callable[[int, int], None]
log = structlog.get_logger()


def _nobody_listens(read: int, known: int) -> None:
    """Whoever tests is not waiting."""


class RebuildRefused(Exception):
    """It can't be done now; the message says why and what to do. The live model is as it was."""


@dataclass(frozen=True, slots=True)
class Rebuilt:
    """What came of it: records read, of them skipped (the dead letters'), rows made, rows that are not as the live ones were."""

    model: str
    records: int
    skipped: int
    rows: int
    rows_before: int
    differences: int
    seconds: float
    held_seconds: float


async def rebuild(
    db: Database,
    kafka: str,
    model: ReadModel,
    holder: str,
    now: datetime,
    tell: Tell = _nobody_listens,
    workers: Workers | None = None,
    *,
    fewer: bool = False,
) -> Rebuilt:
    """Make the model again from the topics and swap it in; with `fewer` also where it has fewer rows than the live one.

    `holder` names this rebuild among all that may run at once; `tell` is called with records read and records known so far.
    With `workers` they read too, where there is enough to read.
    Raises `RebuildRefused` (another rebuild runs, a topic has grown, rows were lost), `TopicBegun`, `TopicShorter`, KafkaError,
    PyMongoError.
    """
    fence = await lease.take(db, LEASE, holder)
    if fence is None:
        raise RebuildRefused(
            f"a read model is being rebuilt already; wait for that (one that died makes room in {lease.TTL_S:.0f} s)"
        )
    with collected_by_batches():
        return await _Rebuild(db, kafka, model, fence, now, tell, workers, fewer).run()


@dataclass
class _Rebuild:
    db: Database
    kafka: str
    model: ReadModel
    fence: Fence
    now: datetime
    tell: Tell
    workers: Workers | None
    fewer: bool
    records: int = 0
    skipped: int = 0
    _lost: list[Exception] = field(default_factory=list)
    _holding: bool = False

    @property
    def _born(self) -> int:
        return int(self.now.timestamp() * 1000)

    @property
    def name(self) -> str:
        """The collection that the copy grows in. The fence's number makes it this rebuild's own."""
        return f"{self.model.name}.rebuilding.{self.fence.number}"

    async def run(self) -> Rebuilt:
        """Every stage, and clean up after whichever was the last."""
        clock = asyncio.get_running_loop().time
        keeping = asyncio.create_task(self._keep())
        started = clock()
        try:
            await self._discard_remains()
            copy = Copy(self.db, self.model, self.name, self._born, KEEP_ROWS)
            await self.db.create_collection(self.name)
            async with Replay(self.kafka, CONSUMER, places(TOPICS)) as replay:
                self._refuse_unread(replay)
                await self._read_nearly_all(replay, copy)
                held_at = clock()
                await self._reach(replay, copy)
            before, differences = await self._settle(copy)
            done = clock()
            return Rebuilt(
                self.model.name,
                self.records,
                self.skipped,
                copy.inserted,
                before,
                differences,
                round(done - started, 3),
                round(done - held_at, 3),
            )
        finally:
            keeping.cancel()
            with suppress(PyMongoError):
                await asyncio.shield(self._clean_up())

    async def _keep(self) -> None:
        """Renew lease and hold; what is lost is noted, and the next step raises it."""
        while not self._lost:
            await asyncio.sleep(lease.RENEW_EVERY_S)
            try:
                with suppress(PyMongoError):
                    await lease.renew(self.db, self.fence)
                    if self._holding:
                        await hold.renew(self.db, CONSUMER, self.name)
            except (LeaseLost, hold.HoldLost) as error:
                self._lost.append(error)

    def _check(self) -> None:
        if self._lost:
            raise RebuildRefused(
                f"the rebuild stood still for too long and was given up ({self._lost[0]}); the {self.model.name} is as it was: "
                "start it again"
            ) from self._lost[0]

    async def _discard_remains(self) -> None:
        """Of rebuilds that died. The lease is ours: none of them is alive, and one that only stalled finds no copy to swap."""
        await hold.end(self.db, CONSUMER)
        remains = {"name": {"$regex": f"^{re.escape(self.model.name)}\\.rebuilding\\."}}
        for name in await self.db.list_collection_names(filter=remains):
            await self.db.drop_collection(name)

    def _refuse_unread(self, replay: Replay) -> None:
        """Facts of partitions that are not declared would be missing, and those of one person in two have no common order."""
        for topic in sorted({topic for topic, _ in replay.unread()}):
            raise RebuildRefused(
                f"topic {topic} has more partitions than the {PARTITIONS[topic]} that are declared, and what lies in the others "
                f"would be missing; the {self.model.name} is as it was. How to add some: docs/guides/run-it-on-a-cluster.md"
            )

    async def _read_nearly_all(self, replay: Replay, copy: Copy) -> None:
        target = await progress.read(self.db, CONSUMER, places(TOPICS))
        if self.workers is not None and self.workers.processes > 1 and sum(target.values()) > ENOUGH_RECORDS:
            await self._read_in_parts(replay, copy, target, self.workers)
        for _ in range(ROUNDS):
            target = await progress.read(self.db, CONSUMER, places(TOPICS))
            await self._read(replay, copy, target)
            if await self._behind(replay) < NEAR_RECORDS:
                break
        await copy.finish()  # so that little is left to write while the live model is held

    async def _read_in_parts(self, replay: Replay, copy: Copy, target: dict[Place, int], workers: Workers) -> None:
        await replay.check_ends(target)
        parts = [
            Part(self.kafka, self.model.name, self.name, self._born, KEEP_ROWS, places)
            for places in divided(target, workers.processes)
        ]
        try:
            done = await read_in_parts(self.db, parts, workers.beside, lambda read: self.tell(read, sum(target.values())))
        except PartFailed as failed:
            raise RebuildRefused(f"{failed}, with its words above; the {self.model.name} is as it was") from failed
        self.records, self.skipped, copy.inserted = done.records, done.skipped, done.inserted
        replay.go_on_at(target)
        self._check()

    async def _behind(self, replay: Replay) -> int:
        live = await progress.read(self.db, CONSUMER, places(TOPICS))
        return sum(live.values()) - sum(replay.positions.values())

    async def _read(self, replay: Replay, copy: Copy, target: dict[Place, int]) -> None:
        known = sum(target.values())
        async for batch in replay.up_to(target):
            self._check()
            self.skipped += await copy.fold(batch)
            self.records += len(batch)
            self.tell(self.records, known)

    async def _reach(self, replay: Replay, copy: Copy) -> None:
        held = await hold.place(self.db, CONSUMER, places(TOPICS), self.name)
        self._holding = True
        await self._read(replay, copy, held)
        await copy.finish()

    async def _settle(self, copy: Copy) -> tuple[int, int]:
        """Count, compare, index and swap; returns the number of live rows and of differences."""
        rows = await self.db[self.name].count_documents({})
        if rows != copy.inserted:
            raise RebuildRefused(
                f"{copy.inserted} rows were made and {rows} are there: somebody else wrote to {self.name}. "
                f"The {self.model.name} is as it was: start it again"
            )
        # Indexes made of all rows at once are half the work of keeping them row by row; the server makes them meanwhile.
        (before, differences), _ = await asyncio.gather(
            compare(self.db, self.model.name, self.name), self.model.ensure_indexes(self.db, self.name)
        )
        self._check()
        if rows < before and not self.fewer:
            raise RebuildRefused(
                f"the topics make {rows} rows, and the live {self.model.name} has {before}, which is left as it was. Either the "
                "topics have lost facts: restore them; or it holds rows that no fact makes: `rebuild --fewer` gives them up"
            )
        await self.db[self.name].rename(self.model.name, dropTarget=True)
        return before, differences

    async def _clean_up(self) -> None:
        """The copy goes before the hold, as anybody who ends a hold does; swapped in, it has another name already."""
        await self.db.drop_collection(self.name)
        await hold.release(self.db, CONSUMER, self.name)
        await lease.release(self.db, self.fence)


async def compare(db: Database, live: str, copy: str) -> tuple[int, int]:
    """The rows of the live collection, and how many of either have no equal in the other, field by field but for the version."""
    here, there = _rows(db, live), _rows(db, copy)
    rows = differences = 0
    ours, theirs = await asyncio.gather(anext(here, None), anext(there, None))
    while ours is not None or theirs is not None:
        order, differ = _compared(ours, theirs)
        rows, differences = rows + (order <= 0), differences + differ
        ours = await anext(here, None) if order <= 0 else ours
        theirs = await anext(there, None) if order >= 0 else theirs
    return rows, differences


async def _rows(db: Database, name: str) -> AsyncIterator[bytes]:
    """Every row as it is stored, without its version, in order of id. The next ones are fetched while some are looked at."""
    batches: Any = db[name].find_raw_batches({}, {"version": 0}, batch_size=COMPARE_ROWS).sort("_id")
    coming = asyncio.ensure_future(anext(batches, None))
    try:
        while (batch := await coming) is not None:
            coming = asyncio.ensure_future(anext(batches, None))
            begin = 0
            while begin < len(batch):
                end = begin + int.from_bytes(batch[begin : begin + 4], "little")  # where BSON says how long a document is
                yield batch[begin:end]
                begin = end
    finally:
        coming.cancel()


def _compared(ours: bytes | None, theirs: bytes | None) -> tuple[int, bool]:
    """Negative where only the live collection has its row, positive where only the copy has, else 0; and whether they differ."""
    if ours is None or theirs is None:
        return (1 if ours is None else -1), True
    if ours == theirs:
        return 0, False
    one, other = decode(ours), decode(theirs)  # fields may stand in another order
    return (one["_id"] > other["_id"]) - (one["_id"] < other["_id"]), one != other
