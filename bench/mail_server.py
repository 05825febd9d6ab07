"""An SMTP server for the mail bench, in a process of its own: `python -m bench.mail_server PORT FOLDER PERCENT [NEVER]`.

It accepts everything, notes each accepted Message-ID as a line of FOLDER/accepted and keeps the first mail as FOLDER/sample.
PERCENT of the messages, chosen by their id, are refused for now (451) the first time they come, NEVER percent for good (550).
"""

import asyncio
import re
import sys
from pathlib import Path
from time import perf_counter
from typing import IO
from zlib import crc32

from aiosmtpd.smtp import SMTP, Envelope, Session

MESSAGE_ID = re.compile(rb"^Message-ID: <([^>]+)>", re.MULTILINE)
WELCOME = re.compile(rb"^X-Firstmate-Template: welcome\r?$", re.MULTILINE)


def is_refused_for_good(id: bytes, never: int) -> bool:
    """Whether the message with this id is among the `never` percent."""
    return crc32(id) % 100 >= 100 - never


class Offering:
    """What mail servers offer: aiosmtpd bears several commands at once too, and does not say so."""

    async def handle_EHLO(  # noqa: N802
        self, _: SMTP, session: Session, __: Envelope, hostname: str, replies: list[str]
    ) -> list[str]:
        """Add pipelining to aiosmtpd's replies."""
        session.host_name = hostname
        return [replies[0], "250-PIPELINING", *replies[1:]]


class Accepting(Offering):
    """aiosmtpd's handler."""

    def __init__(self, folder: Path, accepted: IO[bytes], percent: int, never: int) -> None:
        self._sample = folder / "sample"
        self._accepted = accepted
        self._percent = percent
        self._never = never
        self._refused: set[bytes] = set()

    async def handle_DATA(self, _: SMTP, __: Session, envelope: Envelope) -> str:  # noqa: N802  aiosmtpd's name for it
        """Refuse it for now, or note it before it is acknowledged."""
        content = envelope.content if isinstance(envelope.content, bytes) else b""
        found = MESSAGE_ID.search(content)
        id = found.group(1) if found else b"none"
        if is_refused_for_good(id, self._never):
            return "550 5.1.1 nobody of that name"
        if crc32(id) % 100 < self._percent and id not in self._refused:
            self._refused.add(id)
            return "451 4.7.1 try again later"
        if not self._sample.exists():
            self._sample.write_bytes(content)
        self._accepted.write(id + b"\n")
        self._accepted.flush()
        return "250 accepted"


class Welcomes(Offering):
    """aiosmtpd's handler: accepts everything, and notes when the first welcome to each address came, by `perf_counter`."""

    def __init__(self) -> None:
        self.accepted: dict[str, float] = {}

    async def handle_DATA(self, _: SMTP, __: Session, envelope: Envelope) -> str:  # noqa: N802  aiosmtpd's name for it
        """Note it as it is accepted."""
        content = envelope.content if isinstance(envelope.content, bytes) else b""
        if WELCOME.search(content):
            self.accepted.setdefault(envelope.rcpt_tos[0], perf_counter())
        return "250 accepted"


async def listening(handler: Offering, port: int) -> asyncio.Server:
    """A server of this loop that hands what comes to `handler`."""
    loop = asyncio.get_running_loop()
    return await loop.create_server(lambda: SMTP(handler, ident="bench", loop=loop), "127.0.0.1", port)


async def serve(port: int, folder: Path, percent: int, never: int = 0) -> None:
    """Serve until the process ends."""
    with (folder / "accepted").open("ab") as accepted:
        handler = Accepting(folder, accepted, percent, never)
        async with await listening(handler, port) as server:
            await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(serve(int(sys.argv[1]), Path(sys.argv[2]), *map(int, sys.argv[3:])))
