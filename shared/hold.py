"""Holds: a consumer's progress stands still while what it writes is swapped for a fresh copy.

A hold is written into the consumer's progress documents, `held: {copy, until}`: the guard that moves the progress meets it in
the same transaction as the batch's effects. Time is the database's own. Two rules make a swap safe, whoever dies or stalls:

1. the progress moves only where no hold stands;
2. whoever else ends a hold drops the copy that it names first.

So whoever still means to swap finds either the progress exactly where it was held, or no copy to swap in.
"""

from collections.abc import Iterable
from typing import Any

from shared import progress
from shared.mongo import Database
from shared.progress import Place

TTL_S = 10.0  # so long a reader stands still behind a holder that died; three renewals fit in


class Held(Exception):
    """This consumer's progress is held: wait and try again."""


class HoldLost(Exception):
    """The hold was ended by somebody else, and the copy is gone."""


def _until() -> dict[str, Any]:
    return {"$add": ["$$NOW", int(TTL_S * 1000)]}


async def place(db: Database, consumer: str, places: Iterable[Place], copy: str) -> dict[Place, int]:
    """Hold the progress; returns where it stands from now on. `copy` names the collection to be swapped in.

    Waits for batches that are being committed. Raises `Held` where another hold stands.
    """
    wanted = list(places)
    await progress.read(db, consumer, wanted)  # each place has its document then
    held = {"copy": {"$literal": copy}, "until": _until()}
    await db[progress.COLLECTION].update_many({"consumer": consumer, "held": None}, [{"$set": {"held": held}}])
    if await db[progress.COLLECTION].find_one({"consumer": consumer, "held.copy": {"$ne": copy}}) is not None:
        await release(db, consumer, copy)
        raise Held(f"{consumer} is held by somebody else")
    return await progress.read(db, consumer, wanted)


async def renew(db: Database, consumer: str, copy: str) -> None:
    """Hold on for another `TTL_S` seconds. Raises `HoldLost`."""
    mine = {"consumer": consumer, "held.copy": copy}
    if not (await db[progress.COLLECTION].update_many(mine, [{"$set": {"held.until": _until()}}])).matched_count:
        raise HoldLost(f"{consumer} goes on without {copy}")


async def release(db: Database, consumer: str, copy: str) -> None:
    """Let the progress move again."""
    await db[progress.COLLECTION].update_many({"consumer": consumer, "held.copy": copy}, {"$unset": {"held": ""}})


async def respect(db: Database, consumer: str) -> None:
    """Raise `Held` while a hold stands; end one that was not renewed in time."""
    if (copy := await _copy(db, consumer)) is None:
        return
    over = {"consumer": consumer, "held.copy": copy, "$expr": {"$lt": ["$held.until", "$$NOW"]}}
    if await db[progress.COLLECTION].find_one(over) is None:
        raise Held(f"{consumer} is held while its rows are swapped for {copy}")
    await end(db, consumer)


async def end(db: Database, consumer: str) -> None:
    """End whatever hold stands, and whoever placed it can't swap any more."""
    while (copy := await _copy(db, consumer)) is not None:
        await db.drop_collection(copy)
        await release(db, consumer, copy)


async def is_held(db: Database, consumer: str) -> bool:
    """Whether the consumer stands still while its rows are swapped."""
    return await _copy(db, consumer) is not None


async def _copy(db: Database, consumer: str) -> str | None:
    held = await db[progress.COLLECTION].find_one({"consumer": consumer, "held": {"$ne": None}})
    return held["held"]["copy"] if held else None
