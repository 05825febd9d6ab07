"""A fenced lease: at most one holder acts, and one that lost it without noticing can't write.

Collection `leases`, document `{_id: name, holder, fence, expires_at}`. Time is the database's own (`$$NOW`), so the
clocks of the replicas don't matter. Every taking raises `fence`; a write guarded by an older number matches nothing.
Source of the method: M. Kleppmann, "How to do distributed locking" (fencing tokens).
"""

from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from shared.changes import Changes
from shared.mongo import Database, PyMongoError, UpdateOne

COLLECTION = "leases"
TTL_S = 6.0  # a holder that died is replaced after this long; three renewals fit in
RENEW_EVERY_S = 2.0
ANSWERED_WITHIN_MS = 1_000
EXPIRED: dict[str, Any] = {"$expr": {"$lt": ["$expires_at", "$$NOW"]}}


class LeaseLost(Exception):
    """Somebody else holds the lease now: stop acting."""


@dataclass(frozen=True, slots=True)
class Fence:
    """Proof of one taking of a lease."""

    lease: str
    number: int

    def guard(self, changes: Changes, **recorded: Any) -> None:
        """Make the transaction fail unless this taking still stands; `recorded` is kept with the lease."""
        update = {"$set": recorded} if recorded else {"$currentDate": {"used_at": True}}
        changes.guarded(COLLECTION, UpdateOne({"_id": self.lease, "fence": self.number}, update))

    async def check(self, db: Database) -> None:
        """Raise `LeaseLost` when this taking no longer stands."""
        if await db[COLLECTION].find_one({"_id": self.lease, "fence": self.number}) is None:
            raise LeaseLost(f"the lease '{self.lease}' was taken over by another replica")

    async def check_if_reachable(self, db: Database) -> None:
        """As `check`, but a database that is away proves nothing."""
        with suppress(PyMongoError):
            await self.check(db)


def _until(ttl: float) -> dict[str, Any]:
    return {"$add": ["$$NOW", int(ttl * 1000)]}


async def is_free(db: Database, lease: str) -> bool:
    """Whether its holder did not renew it in time."""
    return await db[COLLECTION].find_one({"_id": lease, **EXPIRED}, {"_id": 1}) is not None


async def take(db: Database, lease: str, holder: str, *, ttl: float = TTL_S) -> Fence | None:
    """Take the lease if it is free, expired, or was this holder's before (a restarted replica need not wait).

    `holder` must be unique among live replicas and stable over restarts. Returns None while another holds it. Raises
    `ExecutionTimeout` where the lease is locked: by a transaction that its dead holder left open, for one.
    """
    free = {"_id": lease, "$or": [{"holder": holder}, EXPIRED]}
    grab = [{"$set": {"holder": holder, "fence": {"$add": ["$fence", 1]}, "expires_at": _until(ttl)}}]
    unheld = {"$setOnInsert": {"holder": None, "fence": 0, "expires_at": datetime.fromtimestamp(0, UTC)}}
    await db[COLLECTION].update_one({"_id": lease}, unheld, upsert=True)
    taken = await db[COLLECTION].find_one_and_update(free, grab, return_document=True, maxTimeMS=ANSWERED_WITHIN_MS)
    return Fence(lease, int(taken["fence"])) if taken else None


async def renew(db: Database, fence: Fence, *, ttl: float = TTL_S) -> None:
    """Hold on for another `ttl` seconds. Raises `LeaseLost`, and `ExecutionTimeout` where the lease is locked, as `take` does."""
    mine, longer = {"_id": fence.lease, "fence": fence.number}, [{"$set": {"expires_at": _until(ttl)}}]
    if await db[COLLECTION].find_one_and_update(mine, longer, return_document=True, maxTimeMS=ANSWERED_WITHIN_MS) is None:
        raise LeaseLost(f"the lease '{fence.lease}' was taken over by another replica")


async def release(db: Database, fence: Fence) -> None:
    """Let another replica take over at once (orderly stop)."""
    mine = {"_id": fence.lease, "fence": fence.number}
    await db[COLLECTION].update_one(mine, [{"$set": {"expires_at": {"$subtract": ["$$NOW", 1]}}}])
