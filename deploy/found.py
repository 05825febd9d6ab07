"""How commands find the system they are about."""

import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from deploy import endpoints
from deploy.endpoints import Endpoints, NotRunning
from shared.mongo import Client, ServerSelectionTimeoutError, connect
from shared.settings import Settings

MONGO_WITHIN_S = 5.0
DEFAULT_DATA = Path(__file__).parent.parent / "data"


@dataclass(frozen=True, slots=True)
class Found:
    """Addresses to work on; `local` is there when they came from a data folder."""

    kafka: str
    mongo: str
    local: Endpoints | None = None


def find(data: Path | None, *needed: Literal["KAFKA", "MONGO"]) -> Found:
    """By `--data`, else by FIRSTMATE_KAFKA and FIRSTMATE_MONGO as far as needed, else the default folder. Raises `NotRunning`."""
    if data is None and all(f"FIRSTMATE_{part}" in os.environ for part in needed):
        settings = Settings()
        return Found(settings.kafka, settings.mongo)
    local = endpoints.read(data or DEFAULT_DATA)
    return Found(local.kafka, local.mongo, local)


@asynccontextmanager
async def database(found: Found) -> AsyncIterator[Client]:
    """A connected client. Raises `NotRunning` when nothing answers there."""
    try:
        client = await connect(found.mongo, within=MONGO_WITHIN_S)
    except ServerSelectionTimeoutError:
        where = "of what ran on this data folder" if found.local else "that FIRSTMATE_MONGO names"
        raise NotRunning(f"the database {where} does not answer; `./firstmate doctor` looks closer") from None
    try:
        yield client
    finally:
        client.close()
