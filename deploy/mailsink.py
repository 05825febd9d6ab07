"""The local mail sink: an SMTP server that accepts every message and keeps it in a Maildir for the viewer (`/mail`).

A message with the Message-ID and recipient of an earlier one is the same message, sent again after a crash: it takes the earlier
one's place, as mail servers with duplicate suppression do (Sieve's `duplicate`, RFC 7352).
"""

import asyncio
import hashlib
from email.parser import BytesHeaderParser
from email.policy import default
from pathlib import Path
from typing import Any

import structlog
from aiosmtpd.smtp import SMTP, Envelope, Session

LARGEST_BYTES = 32 * 1024 * 1024
log = structlog.get_logger()


class MailSink:
    """aiosmtpd's handler: one file per message and recipient."""

    def __init__(self, folder: Path) -> None:
        for name in ("tmp", "new", "cur"):
            (folder / name).mkdir(parents=True, exist_ok=True)
        self._folder = folder

    async def handle_DATA(self, _: SMTP, __: Session, envelope: Envelope) -> str:  # noqa: N802  aiosmtpd's name for it
        """Keep the message once for each recipient."""
        content = envelope.content if isinstance(envelope.content, bytes) else str(envelope.content).encode()
        for recipient in envelope.rcpt_tos:
            self._keep(content, recipient, envelope.mail_from or "")
        return "250 kept"

    def _keep(self, content: bytes, recipient: str, sender: str) -> None:
        headers = BytesHeaderParser(policy=default).parsebytes(content)
        identity = str(headers.get("Message-ID", "")).strip() or hashlib.sha256(content).hexdigest()
        name = hashlib.sha256(f"{identity}\n{recipient}".encode()).hexdigest()[:24] + ".firstmate"
        again = any((self._folder / place / name).exists() for place in ("new", "cur"))
        fresh = self._folder / "tmp" / name
        fresh.write_bytes(f"Delivered-To: {recipient}\r\nReturn-Path: <{sender}>\r\n".encode() + content)
        fresh.replace(self._folder / "new" / name)
        log.info("mail_kept", mail=name, bytes=len(content), again=again)


async def serve(address: str, folder: Path) -> None:
    """Serve until cancelled."""
    host, _, port = address.rpartition(":")
    sink = MailSink(folder)
    loop = asyncio.get_running_loop()

    def session() -> Any:
        return SMTP(sink, data_size_limit=LARGEST_BYTES, enable_SMTPUTF8=True, ident="Firstmate mail sink", loop=loop)

    server = await loop.create_server(session, host, int(port))
    log.info("mail_sink_listening", address=address)
    async with server:
        await server.serve_forever()
