"""`./firstmate doctor --reset-progress`: for a topic that was made anew or lost records, whose loss is given up."""

import os
from pathlib import Path

from deploy.doctor import reset_progress
from deploy.endpoints import NotRunning
from deploy.found import DEFAULT_DATA, Found, database
from deploy.mongod import Mongod
from deploy.supervisor import alone
from shared.settings import Settings


async def reset(data: Path | None, which: str) -> list[str]:
    """What was reset. On a data folder the database is started for it; raises `StartError` while the system runs there."""
    if data is None and "FIRSTMATE_MONGO" in os.environ:
        return await _reset(Settings().mongo, which)
    folder = data or DEFAULT_DATA
    if not (folder / "mongo").is_dir():
        raise NotRunning(f"{folder} holds no database; name the folder with --data, or the database with FIRSTMATE_MONGO")
    with alone(folder):
        async with Mongod(folder / "mongo", log=folder / "logs" / "mongo.log") as mongo:
            return await _reset(mongo.uri, which)


async def _reset(mongo: str, which: str) -> list[str]:
    async with database(Found("", mongo)) as client:
        return await reset_progress(client, which)
