"""SMTP commands sent in one go (RFC 2920), for servers that offer it: two round trips a message instead of four.

aiosmtplib hears one reply after each command and drops what comes with it, and has one time-out for all replies to a mail. This
stands between the connection and its protocol while replies to several commands, or to a whole mail, are awaited; all else goes
on through the library.
"""

import asyncio
import re
from collections.abc import Callable
from typing import cast

import aiosmtplib

LONGEST_REPLY = 32_768  # bytes; a server that never ends a line must not fill our memory
Longer = Callable[[], float]
CONTROL = re.compile(rb"[\x00-\x1f\x7f]")


class Pipeline(asyncio.Protocol):
    """Takes over the connection of a client that has greeted and signed in."""

    def __init__(self, smtp: aiosmtplib.SMTP) -> None:
        assert smtp.protocol is not None
        self._library = smtp.protocol
        self._transport = cast(asyncio.Transport, smtp.transport)
        self._heard = b""
        self._replies: list[aiosmtplib.SMTPResponse] = []
        self._wanted = 0
        self._waiter: asyncio.Future[None] | None = None
        self._transport.set_protocol(self)

    async def ask(self, *commands: bytes, within: float) -> list[aiosmtplib.SMTPResponse]:
        """Send the commands; their replies, fewer where the server hung up before the last.

        Raises ValueError for a command that would be two, `SMTPServerDisconnected` and `SMTPReadTimeoutError`.
        """
        if any(CONTROL.search(command) for command in commands):
            raise ValueError("an SMTP command holds a control character")
        return await self._exchange(b"\r\n".join((*commands, b"")), len(commands), within)

    async def tell(self, mail: bytes, within: float, longer: Longer | None = None) -> aiosmtplib.SMTPResponse:
        """Send a mail, of lines that end in CRLF, after a DATA that the server agreed to; its reply. Raises as `ask`.

        `longer` is asked once, when the time is over, for how many seconds more to wait.
        """
        stuffed = b"." + mail if mail.startswith(b".") else mail
        return (await self._exchange(stuffed.replace(b"\r\n.", b"\r\n..") + b".\r\n", 1, within, longer))[0]

    async def _exchange(
        self, data: bytes, replies: int, within: float, longer: Longer | None = None
    ) -> list[aiosmtplib.SMTPResponse]:
        if self._transport.is_closing():
            raise aiosmtplib.SMTPServerDisconnected("connection lost")
        self._heard, self._replies, self._wanted = b"", [], replies
        loop = asyncio.get_running_loop()
        self._waiter = loop.create_future()
        self._patience = loop.call_later(within, self._lose_patience, longer)
        self._transport.write(data)
        try:
            await self._waiter
        finally:
            self._patience.cancel()
            self._waiter = None
        return self._replies[:replies]

    def data_received(self, data: bytes) -> None:
        """Replies; those to single commands are the library's."""
        if self._waiter is None:
            self._library.data_received(data)
            return
        self._heard += data
        *lines, self._heard = self._heard.split(b"\n")
        if len(self._heard) > LONGEST_REPLY or not all(line[:3].isdigit() for line in lines):
            self._transport.abort()  # that is no mail server, or not one that we understand
            return
        self._replies += [_reply(line) for line in lines if line[3:4] != b"-"]  # a reply's last line says all that is asked here
        if len(self._replies) >= self._wanted:
            self._wake()

    def connection_lost(self, exc: Exception | None) -> None:
        """What came before the end may say why."""
        if self._waiter is not None and not self._waiter.done() and not self._replies:
            lost = aiosmtplib.SMTPServerDisconnected("connection lost")
            lost.__cause__ = exc
            self._waiter.set_exception(lost)
        self._wake()
        self._library.connection_lost(exc)

    def eof_received(self) -> bool | None:
        """As the library has it."""
        return self._library.eof_received()

    def pause_writing(self) -> None:
        """As the library has it."""
        self._library.pause_writing()

    def resume_writing(self) -> None:
        """As the library has it."""
        self._library.resume_writing()

    def _lose_patience(self, longer: Longer | None) -> None:
        if self._waiter is None or self._waiter.done():
            return
        if longer is not None and (more := longer()):
            self._patience = asyncio.get_running_loop().call_later(more, self._lose_patience, None)
        else:
            self._waiter.set_exception(aiosmtplib.SMTPReadTimeoutError("no reply in time"))

    def _wake(self) -> None:
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(None)


def _reply(line: bytes) -> aiosmtplib.SMTPResponse:
    return aiosmtplib.SMTPResponse(int(line[:3]), line[4:].strip().decode("utf-8", "replace"))
