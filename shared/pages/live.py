"""Open pages that stay current: one source for all of them, and none can hold up another.

A `Feed` follows its source once per process and keeps the last changes in a ring. Every open page reads the ring at
its own pace from its own position, so a slow page costs nothing and one that falls off the ring loads afresh.
`EventStream` carries messages to one page as server-sent events (WHATWG HTML, section 9.2).
"""

import asyncio
import json
import secrets
from collections import deque
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Sequence
from contextlib import aclosing, suppress
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

import structlog
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

KEEP_CHANGES = 2_000  # a page that missed more is quicker loaded afresh than brought up to date
HEARTBEAT_S = 15.0  # proxies close a silent connection after 30 to 60 s
PACE_S = 0.1  # at most ten times a second to each page: nobody reads faster, and a burst becomes one message
LIFETIME_S = 15 * 60.0  # then the page connects again and is asked again who is looking
SEND_WITHIN_S = 20.0  # a browser that takes nothing for so long is gone, whatever TCP says
RETRY_MS = 1_000
LONGEST_PAUSE_S = 10.0

T = TypeVar("T")
Source = Callable[[], AsyncIterator[Sequence[T]]]

log = structlog.get_logger()


class Lost(Exception):
    """Changes after this position are not known here: the page has to be loaded afresh."""


class Feed(Generic[T]):
    """The changes of one source, numbered; a position is `<run>.<number>`.

    `source` opens the source and yields changes in order. Its first yield, which may be empty, says that it is open and
    misses nothing from now on. When it raises, the feed opens it again with growing pauses, under a new run: what
    happened between is unknown.
    """

    def __init__(self, name: str, source: Source[T], *, keep: int = KEEP_CHANGES) -> None:
        self._name = name
        self._source = source
        self._ring: deque[tuple[int, T]] = deque(maxlen=keep)
        self._number = 0
        self._run = ""  # none while the source is not open
        self._news = asyncio.Event()
        self._task: asyncio.Task[None] | None = None

    async def position(self, within: float = 5.0) -> str:
        """The present end. What is read from the database after this call and followed from here misses nothing.

        Begins to follow the source when nobody did. Where the source does not open `within` seconds, the position is
        one that `after` calls lost: the page shows what it has and tries again.
        """
        if self._task is None or self._task.done():
            self._task = asyncio.create_task(self._follow(), name=f"feed {self._name}")
        with suppress(TimeoutError):
            async with asyncio.timeout(within):
                while not self._run:
                    await self._news.wait()
        return f"{self._run}.{self._number}"

    async def after(self, position: str, within: float = HEARTBEAT_S) -> tuple[str, list[T]]:
        """The changes after a position and the new position; none when nothing happens `within` seconds. Raises `Lost`."""
        run, _, number = position.rpartition(".")
        if not run or not number.isdecimal():
            raise Lost(position)
        found = self._since(run, int(number))
        if not found:
            with suppress(TimeoutError):
                async with asyncio.timeout(within):  # unlike wait_for before Python 3.12 it never swallows a cancellation
                    await self._news.wait()
            found = self._since(run, int(number))
        return f"{run}.{self._number}", found

    def _since(self, run: str, number: int) -> list[T]:
        oldest = self._ring[0][0] if self._ring else self._number + 1
        if run != self._run or not oldest - 1 <= number <= self._number:
            raise Lost(f"{run}.{number}")
        return [change for at, change in self._ring if at > number]

    async def close(self) -> None:
        """Stop following the source."""
        if self._task is not None:
            self._task.cancel()
            with suppress(asyncio.CancelledError):
                await self._task

    async def _follow(self) -> None:
        pause = 0.5
        while True:
            try:
                async for changes in self._source():
                    pause = 0.5
                    self._add(changes)
            except Exception as error:  # whatever it was, open pages must find their way back
                log.warning("feed_interrupted", feed=self._name, error=type(error).__name__, pause_s=pause)
            self._run = ""
            self._announce()
            await asyncio.sleep(pause)
            pause = min(2 * pause, LONGEST_PAUSE_S)

    def _add(self, changes: Sequence[T]) -> None:
        self._run = self._run or secrets.token_hex(4)
        for change in changes:
            self._number += 1
            self._ring.append((self._number, change))
        self._announce()

    def _announce(self) -> None:
        told, self._news = self._news, asyncio.Event()
        told.set()


@dataclass(frozen=True, slots=True)
class Message:
    """One server-sent event: `data` goes as JSON, `id` comes back as Last-Event-ID."""

    event: str
    data: Any
    id: str | None = None

    def wire(self) -> bytes:
        """The message as it travels; JSON has no line breaks of its own."""
        id_line = f"id: {self.id}\n" if self.id is not None else ""
        return f"{id_line}event: {self.event}\ndata: {json.dumps(self.data, separators=(',', ':'))}\n\n".encode()


class EventStream(Response):
    """Sends messages until they end, the page closes, the server stops (`stopping`) or the stream is old enough.

    `messages` yields a Message, or None where there is nothing to say: a heartbeat. It is closed in every case.
    """

    media_type = "text/event-stream"

    def __init__(self, messages: AsyncGenerator[Message | None, None], stopping: asyncio.Event) -> None:
        super().__init__(headers={"Cache-Control": "no-store", "X-Accel-Buffering": "no"})
        del self.headers["content-length"]
        self._messages = messages
        self._stopping = stopping

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        await send({"type": "http.response.start", "status": self.status_code, "headers": self.raw_headers})
        writing = asyncio.create_task(self._write(send))
        ends = {writing, asyncio.create_task(_disconnected(receive)), asyncio.create_task(self._stopping.wait())}
        try:
            await asyncio.wait(ends, timeout=LIFETIME_S, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for task in ends:
                task.cancel()
            results = await asyncio.gather(*ends, return_exceptions=True)
        for result in results:
            if isinstance(result, Exception) and not isinstance(result, (OSError, TimeoutError)):
                log.error("live_stream_failed", path=scope["path"], error=type(result).__name__, exc_info=result)
        with suppress(OSError, TimeoutError):
            async with asyncio.timeout(SEND_WITHIN_S):
                await send({"type": "http.response.body", "body": b""})

    async def _write(self, send: Send) -> None:
        async def put(body: bytes) -> None:
            async with asyncio.timeout(SEND_WITHIN_S):
                await send({"type": "http.response.body", "body": body, "more_body": True})

        await put(f"retry: {RETRY_MS}\n\n".encode())
        async with aclosing(self._messages) as messages:
            async for message in messages:
                await put(message.wire() if message is not None else b": still here\n\n")


async def _disconnected(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass
