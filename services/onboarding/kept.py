"""A result that many ask for, made anew when it is older than so many seconds, once for all who ask meanwhile."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Generic, TypeVar

T = TypeVar("T")


class Kept(Generic[T]):
    """`make` is called when the last result is older than `seconds`; what it raises is raised to who asked, and not kept."""

    def __init__(self, make: Callable[[], Awaitable[T]], seconds: float) -> None:
        self._make = make
        self._seconds = seconds
        self._lock = asyncio.Lock()
        self._made: tuple[float, T] | None = None

    async def get(self) -> T:
        """The result, at most `seconds` old."""
        return (await self.dated())[1]

    async def dated(self) -> tuple[float, T]:
        """Since when (loop time) the result was made, and the result: what happened before then is in it."""
        async with self._lock:  # who asks meanwhile waits for the same result
            time = asyncio.get_running_loop().time()
            if self._made is None or time - self._made[0] > self._seconds:
                self._made = time, await self._make()
            return self._made
