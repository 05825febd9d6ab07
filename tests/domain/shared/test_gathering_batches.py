"""What comes singly is done together, where nobody waits for it."""

import asyncio
from collections.abc import Sequence
from datetime import UTC, datetime

import pytest

from shared.kafka import SMALL_BATCH, gathering
from shared.record import Record

HOUR = 3_600.0


def record(offset: int) -> Record:
    return Record(
        topic="t", partition=0, offset=offset, key=None, value=b"", headers=(), timestamp=datetime(2026, 1, 1, tzinfo=UTC)
    )


class Handled:
    """A handler that notes what it got."""

    def __init__(self) -> None:
        self.batches: list[int] = []
        self.got = asyncio.Event()

    async def __call__(self, records: Sequence[Record]) -> None:
        self.batches.append(len(records))
        self.got.set()


async def test_a_small_batch_is_handled_at_once_and_the_next_one_is_not_asked_for_yet() -> None:
    handled = Handled()
    task = asyncio.create_task(gathering(handled, HOUR)([record(1)]))
    async with asyncio.timeout(30):
        await handled.got.wait()
    await asyncio.sleep(0)
    assert handled.batches == [1]
    assert not task.done()
    task.cancel()


async def test_behind_a_large_batch_others_wait_already() -> None:
    handled = Handled()
    async with asyncio.timeout(30):
        await gathering(handled, HOUR)([record(n) for n in range(SMALL_BATCH)])
    assert handled.batches == [SMALL_BATCH]


async def test_what_fails_is_told_at_once() -> None:
    async def failing(records: Sequence[Record]) -> None:
        raise OSError("away")

    async with asyncio.timeout(30):
        with pytest.raises(OSError, match="away"):
            await gathering(failing, HOUR)([record(1)])
