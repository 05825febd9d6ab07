"""Batches that form by themselves: who is quick gets single items, who is slow gets more at once, nobody waits."""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator
from typing import TypeVar

T = TypeVar("T")


async def gathered(items: AsyncIterator[T], at_most: int) -> AsyncGenerator[list[T], None]:
    """What has come since the last yield, one to `at_most` items, at once when there is any.

    Unlike a loop over a change stream's `try_next`, which waits a second for more before it says that there is none. Reads
    at most twice `at_most` ahead. Ends with `items`; an exception of theirs comes out after what came before it.
    """
    queue: asyncio.Queue[T] = asyncio.Queue(at_most)

    async def fill() -> None:
        async for item in items:
            await queue.put(item)

    filling = asyncio.create_task(fill())
    getting = asyncio.create_task(queue.get())
    try:
        while True:
            await asyncio.wait({filling, getting}, return_when=asyncio.FIRST_COMPLETED)
            if not getting.done() and queue.empty():
                await filling  # it has ended: by itself, or with the exception that comes out here
                return
            first = await getting
            yield [first, *(queue.get_nowait() for _ in range(min(queue.qsize(), at_most - 1)))]
            getting = asyncio.create_task(queue.get())
    finally:
        filling.cancel()
        getting.cancel()
        await asyncio.gather(filling, getting, return_exceptions=True)
