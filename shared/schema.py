"""The version of what a service keeps in its database, so that code which is older than the data stops instead of guessing.

Collection `schema`, one document `{_id: "schema", version, at}`. A version is counted up by whoever changes documents so that the
code before can't work on them any longer; fields that the code before leaves alone need no new version. The first worker of newer
code raises it, and every process of older code then stops and says so: at its start, or while it runs (docs/decisions/0023).
"""

import asyncio
from collections.abc import Mapping
from contextlib import suppress

from shared.clock import Clock
from shared.mongo import Database, PyMongoError

VERSIONS: Mapping[str, int] = {"matching": 1, "onboarding": 1, "notifications": 1}
COLLECTION = "schema"
LOOK_EVERY_S = 10.0  # in a rolling update both versions run side by side for longer than this


class DataNewer(Exception):
    """The data is of a version that this code does not know; the message says which, and what to do."""


async def claim(db: Database, version: int, clock: Clock) -> None:
    """Raise the recorded version to `version`, the one that this code writes. Raises `DataNewer` where it is beyond that."""
    await check(db, version)
    raised = {"$max": {"version": version}, "$setOnInsert": {"at": clock()}}
    await db[COLLECTION].update_one({"_id": "schema"}, raised, upsert=True)
    await check(db, version)  # another process may have been first with a newer one


async def check(db: Database, version: int) -> None:
    """Raises `DataNewer` when the database holds what code of `version` can't work on."""
    found = await db[COLLECTION].find_one({"_id": "schema"})
    if found is not None and found["version"] > version:
        raise DataNewer(
            f"the data of '{db.name}' has schema version {found['version']}, this code knows {version}: it is older than "
            "the data and would spoil it; run the newer release, or restore a backup from before it"
        )


async def watch(db: Database, version: int, every: float = LOOK_EVERY_S) -> None:
    """Look again for ever. Raises `DataNewer` as soon as newer code has raised the version; an outage is waited out."""
    while True:
        await asyncio.sleep(every)
        with suppress(PyMongoError):
            await check(db, version)
