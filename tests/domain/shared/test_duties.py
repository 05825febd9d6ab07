"""Duties of a worker: what an end that is asked for does to one whose tidying up fails."""

import asyncio
from typing import Any

import pytest

from shared.lease import Fence
from shared.mongo import ServerSelectionTimeoutError
from shared.settings import Settings
from shared.worker import Duty, Worker


async def test_a_duty_that_is_cancelled_in_an_outage_ends_though_it_can_tidy_nothing_up() -> None:
    begun = asyncio.Event()

    async def run(db: Any, fence: Fence) -> None:
        begun.set()
        try:
            await asyncio.sleep(3600)
        finally:  # as senders do that record what is on the way
            raise ServerSelectionTimeoutError("the database is away")

    working = asyncio.create_task(Worker("matching", Settings(), [])._again(None, Fence("matching", 1), Duty("sending", run)))
    await begun.wait()
    working.cancel()
    async with asyncio.timeout(30):
        with pytest.raises(asyncio.CancelledError):
            await working
