"""Email over SMTP: builds the message, keeps a few connections open, and tells refusals for good from refusals for now."""

import asyncio
import re
import socket
import ssl
from base64 import encodebytes
from binascii import b2a_qp
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from email.header import Header
from email.utils import format_datetime, parseaddr
from functools import lru_cache, partial
from typing import Any, Self

import aiosmtplib

from services.notifications.brand import Brand
from services.notifications.channels import Later, Permanent, Temporary, Unreachable
from services.notifications.channels.pace import PATIENCE_S, Pace, Slowness
from services.notifications.channels.pipeline import Longer, Pipeline
from services.notifications.channels.server import MailServer
from services.notifications.entry import UNANSWERED
from services.notifications.invitations import calendar_of
from services.notifications.letters import Outgoing, one_line
from services.notifications.moulds import Filled
from services.notifications.retries import GIVE_UP_AFTER
from shared.settings import Settings

CONNECT_TIMEOUT_S = 10.0
STEPS = 3  # connecting, encrypting, signing in: a server that takes its time for each by bits and pieces is given up on
COMMAND_TIMEOUT_S = 30.0  # RFC 5321 allows minutes; a server this slow is better tried again later
ACCEPTANCE_TIMEOUT_S = 600.0  # of a whole mail: who gives up sooner is sent it twice (RFC 5321, section 4.5.3.2.6)
SLOW_PAUSE = timedelta(seconds=60)
IDLE_S = 20.0  # servers hang up on idle clients, some after half a minute; an older connection is opened anew
REFUSED_FOR_NOW = range(400, 500)
OK, FORWARDED, GO_ON = 250, 251, 354
SERVICE_CLOSING = 421
TOO_LARGE = 552
LINES = 8_192  # some hundred kinds of message; a line is some hundred bytes
QUOTED_LINE = 75  # characters of quoted-printable, and a "=" for a break that is not in the text (RFC 2045, section 6.7)
SOFT_BREAK = b"=\r\n"
SHORT = 70  # characters of a header that is never folded
CRLF = b"\r\n"
HEADER_BREAK = re.compile(r"\r\n(?![ \t])|\n(?<!\r\n)|\r(?!\n)|\x00")
CERTIFICATE_FAULTS = {10: "smtp_certificate_expired", 62: "smtp_certificate_name", 64: "smtp_certificate_name"}
"""OpenSSL's numbers: X509_V_ERR_CERT_HAS_EXPIRED, _HOSTNAME_MISMATCH, _IP_ADDRESS_MISMATCH."""
UNSUPPORTED = "smtputf8_unsupported"


@dataclass(frozen=True, slots=True)
class Identity:
    """Who writes: `mail_from` and `reply_to` as RFC 5322 mailboxes. Raises ValueError for one that is no mailbox."""

    mail_from: str
    reply_to: str | None = None
    address: str = field(init=False)
    domain: str = field(init=False)
    headers: bytes = field(init=False)

    def __post_init__(self) -> None:
        name, address = _mailbox(self.mail_from, "FIRSTMATE_MAIL_FROM")
        headers = _header("From", _addressed(name, address))
        if self.reply_to:
            headers += _header("Reply-To", _addressed(*_mailbox(self.reply_to, "FIRSTMATE_MAIL_REPLY_TO")))
        object.__setattr__(self, "address", address)
        object.__setattr__(self, "domain", address.rpartition("@")[2])
        object.__setattr__(self, "headers", headers)

    @classmethod
    def of(cls, settings: Settings, brand: Brand) -> Self:
        """As the company's brand says, else as the settings do. Raises ValueError for what is no mailbox."""
        return cls(brand.mail_from or settings.mail_from, brand.reply_to or settings.mail_reply_to)


def build(message: Outgoing, identity: Identity, now: datetime) -> bytes:
    """The mail as it goes over the wire: plain text with an HTML alternative. Its Message-ID follows from the ledger key alone.

    Written by hand because the standard library's modern classes take three times as long as all the rest of sending;
    that its parser reads back what was meant is tested.
    """
    boundary = f"=_{message.message_id}"  # "=_" can't occur in quoted-printable text (RFC 2045, section 6.7)
    head = b"".join(
        (
            _header("Message-ID", f"<{message.message_id}@{identity.domain}>"),
            _dated(now.replace(microsecond=0)),
            identity.headers,
            _header("To", _addressed(one_line(message.to_name), envelope_address(message.to_address))),
            _header("Subject", _worded(one_line(message.rendered.subject), "Subject")),
            b"Auto-Submitted: auto-generated\r\n",  # RFC 3834: no out-of-office reply, please
            _kind(message.rendered.language, message.template),
            *_unsubscribing(message.unsubscribe),
            b"MIME-Version: 1.0\r\n",
            _header("Content-Type", f'multipart/alternative; boundary="{boundary}"'),
        )
    )
    parts = _part(boundary, "plain", message.rendered.text) + _html(boundary, message)
    if message.invitation is not None:
        calendar = calendar_of(message.invitation, identity.address, identity.domain, now).decode()
        parts += _part(boundary, f"calendar; method={message.invitation.method}", calendar)
    return head + CRLF + parts + f"--{boundary}--\r\n".encode()


def _unsubscribing(url: str | None) -> Iterator[bytes]:
    if url is None:
        return
    yield _header("List-Unsubscribe", f"<{url}>")
    if url.startswith("https:"):  # RFC 8058 has the one click go over HTTPS alone
        yield _header("List-Unsubscribe-Post", "List-Unsubscribe=One-Click")


def _mailbox(text: str, setting: str) -> tuple[str, str]:
    name, address = parseaddr(text)
    if "@" not in address or not address.isascii():
        raise ValueError(f"{setting} must be a mailbox such as 'Firstmate <welcome@example.org>'")
    return one_line(name), address


def _header(name: str, value: str) -> bytes:
    """One header. Raises ValueError for a value that would begin another one."""
    if HEADER_BREAK.search(value):
        raise ValueError(f"the header {name} would end before its value does")
    return f"{name}: {value}\r\n".encode()


def _worded(text: str, header: str) -> str:
    """Text as a header holds it: folded, and in encoded words where it is not ASCII (RFC 2047)."""
    if text.isascii() and len(header) + len(text) < SHORT:
        return text
    return Header(text, "us-ascii" if text.isascii() else "utf-8", header_name=header).encode(linesep="\r\n")


def _addressed(name: str, address: str) -> str:
    if not name:
        return address
    if not name.isascii():
        return f"{_worded(name, 'To')}\r\n <{address}>"
    quoted = name.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{quoted}" <{address}>'


@lru_cache(maxsize=4)
def _dated(second: datetime) -> bytes:
    return _header("Date", format_datetime(second))


@lru_cache(maxsize=1_024)
def _kind(language: str, template: str) -> bytes:
    return _header("Content-Language", language) + _header("X-Firstmate-Template", template)


def quoted(text: str) -> bytes:
    """A text in quoted-printable, each line ended. Of what came out of a mould only the words are written anew."""
    if not isinstance(text, Filled):
        return b"".join(map(_quoted_line, text.splitlines()))
    done, room = [], QUOTED_LINE
    for number, piece in enumerate(text.pieces):
        if number % 2:
            word = _line(" ".join(piece.splitlines()))[:-2]  # words are on one line; were one not, it would end no line here
            done += [word] if len(word) <= room else [SOFT_BREAK, word]
        elif piece:
            same, room = _quoted_piece(piece)
            done += [same] if not number or same.startswith(CRLF) else [SOFT_BREAK, same]
        else:
            room = 0
    whole = b"".join(done)
    return whole if whole.endswith(CRLF) else whole + CRLF


@lru_cache(maxsize=LINES)
def _quoted_piece(piece: str) -> tuple[bytes, int]:
    """What stands between two words, and how many characters still fit into the line it ends with."""
    lines = f"{piece}$".splitlines()  # with an end, so that the last one counts even if it is empty
    quoted = _line("\r\n".join(lines)[:-1])[:-2]
    return quoted, QUOTED_LINE - len(quoted.rpartition(b"\n")[2])


def _line(line: str) -> bytes:
    return b2a_qp(line.encode() + CRLF, istext=True)


_quoted_line = lru_cache(maxsize=LINES)(_line)
"""Nearly all lines of a mail stand in thousands of others too."""


def _part(boundary: str, subtype: str, text: str) -> bytes:
    head = f"--{boundary}\r\nContent-Type: text/{subtype}; charset=utf-8\r\nContent-Transfer-Encoding: quoted-printable\r\n\r\n"
    return head.encode() + quoted(text) + CRLF


def _html(boundary: str, message: Outgoing) -> bytes:
    """The HTML, with the logo beside it where there is one (RFC 2387)."""
    logo, html = message.rendered.logo, message.rendered.html
    if logo is None:
        return _part(boundary, "html", html)
    inner = f"=_related_{message.message_id}"
    head = f'--{boundary}\r\nContent-Type: multipart/related; type="text/html"; boundary="{inner}"\r\n\r\n'
    picture = (
        f"--{inner}\r\nContent-Type: image/{logo.kind}\r\nContent-Transfer-Encoding: base64\r\n"
        f"Content-ID: <{logo.cid}>\r\nContent-Disposition: inline\r\n\r\n"
    )
    content = encodebytes(logo.content).replace(b"\n", CRLF)
    return head.encode() + _part(inner, "html", html) + picture.encode() + content + f"--{inner}--\r\n".encode()


def envelope_address(address: str) -> str:
    """The address as SMTP carries it, with its domain in ASCII where it can be; the local part may stay beyond ASCII."""
    local, _, domain = address.rpartition("@")
    try:
        return f"{local}@{_in_ascii(domain)}"
    except UnicodeError:
        raise Permanent("bad_address") from None


@lru_cache(maxsize=1_024)
def _in_ascii(domain: str) -> str:
    return domain.encode("idna").decode()


class _Connection:
    """One SMTP connection, opened when first needed."""

    def __init__(self, server: MailServer, connect_timeout: float, command_timeout: float, acceptance_timeout: float) -> None:
        # The default local hostname asks DNS and may wait for it; the plain name is as good.
        self._smtp = aiosmtplib.SMTP(
            hostname=server.host,
            port=server.port,
            timeout=command_timeout,
            local_hostname=socket.gethostname(),
            use_tls=server.tls == "implicit",
            start_tls=False,
            tls_context=server.context,
        )
        self._server = server
        self._pipeline: Pipeline | None = None
        self._connect_timeout = connect_timeout
        self._command_timeout = command_timeout
        self._acceptance_timeout = acceptance_timeout
        self._used_at = 0.0

    async def transfer(self, sender: str, recipient: str, mail: bytes, *, smtputf8: bool, may_wait: Callable[[], bool]) -> None:
        """Hand one mail over. An open connection that turns out dead before the data is replaced once. `may_wait` is asked
        whether to wait for a server that has all of it and takes longer than for other answers.

        Raises `Temporary` with `UNANSWERED` when the server had all of it and did not answer.
        """
        reused = await self._ready()
        try:
            await self._begin(sender, recipient, smtputf8=smtputf8)
        except (aiosmtplib.SMTPServerDisconnected, aiosmtplib.SMTPResponseException) as error:
            closing = not isinstance(error, aiosmtplib.SMTPResponseException) or error.code == SERVICE_CLOSING
            if not (reused and closing):
                raise
            self.drop()
            await self._ready()
            await self._begin(sender, recipient, smtputf8=smtputf8)
        try:
            await self._finish(mail, lambda: max(self._acceptance_timeout - self._command_timeout, 0) * may_wait())
        except aiosmtplib.SMTPResponseException:
            raise
        except (aiosmtplib.SMTPException, OSError) as error:
            self.drop()
            raise Temporary(UNANSWERED) from error
        self._used_at = asyncio.get_running_loop().time()

    async def _ready(self) -> bool:
        """Have an open connection; True when it is one used before."""
        if self._smtp.is_connected and asyncio.get_running_loop().time() - self._used_at <= IDLE_S:
            return True
        self.drop()
        try:
            async with asyncio.timeout(self._connect_timeout * STEPS):
                await self._open()
        except Unreachable:
            self.drop()
            raise
        except (aiosmtplib.SMTPException, OSError, ValueError) as error:
            self.drop()
            raise Unreachable(_reason(error)) from error
        self._used_at = asyncio.get_running_loop().time()
        return False

    async def _open(self) -> None:
        await self._smtp.connect(timeout=self._connect_timeout)
        await self._greet()
        if self._server.tls in ("auto", "starttls"):
            if self._smtp.supports_extension("starttls"):
                await self._smtp.starttls(timeout=self._connect_timeout)
                await self._greet()
            elif self._server.encrypts:
                raise Unreachable("smtp_no_starttls")
        if self._server.user:
            await self._sign_in()
        self._pipeline = Pipeline(self._smtp)

    async def _greet(self) -> None:
        try:
            await self._smtp.ehlo(timeout=self._connect_timeout)
        except aiosmtplib.SMTPHeloError:  # servers older than ESMTP
            await self._smtp.helo(timeout=self._connect_timeout)

    async def _sign_in(self) -> None:
        if not self._smtp.supports_extension("auth") or not self._smtp.supported_auth_methods:
            raise Unreachable("smtp_auth_unsupported")
        password = self._server.password.get_secret_value()
        try:
            await self._smtp.login(self._server.user, password, timeout=self._connect_timeout)
        except aiosmtplib.SMTPAuthenticationError as error:
            # A server that can't look anybody up just now says so with a code of its own.
            raise Unreachable("smtp_auth_refused" if error.code not in REFUSED_FOR_NOW else _reason(error)) from None

    async def check(self) -> None:
        """Open the connection, sign in, and close it again. Raises `Unreachable`."""
        await self._ready()
        await self.quit()

    async def _begin(self, sender: str, recipient: str, *, smtputf8: bool) -> None:
        if smtputf8 and not self._smtp.supports_extension("smtputf8"):
            raise Permanent(UNSUPPORTED)
        # Written here since the library parses each address anew; ours are checked and hold no display name.
        options = b" SMTPUTF8" if smtputf8 else b""
        mail, rcpt = b"MAIL FROM:<" + sender.encode() + b">" + options, b"RCPT TO:<" + recipient.encode() + b">"
        assert self._pipeline is not None
        if not self._smtp.supports_extension("pipelining"):
            _check_sender(await self._smtp.execute_command(mail), sender)
            _check_recipient(await self._smtp.execute_command(rcpt), recipient)
            _check_data(*await self._pipeline.ask(b"DATA", within=self._command_timeout))
            return
        replies = await self._pipeline.ask(mail, rcpt, b"DATA", within=self._command_timeout)
        try:
            _check(replies, sender, recipient)
        except aiosmtplib.SMTPResponseException:
            if replies[-1].code == GO_ON:  # it may agree to data for nobody, and waits for its end (RFC 2920, section 3.1)
                await self._pipeline.tell(b"", within=self._command_timeout)
            raise

    async def _finish(self, mail: bytes, longer: Longer) -> None:
        assert self._pipeline is not None
        reply = await self._pipeline.tell(mail, within=self._command_timeout, longer=longer)
        if reply.code != OK:
            raise aiosmtplib.SMTPDataError(reply.code, reply.message)

    async def reset(self) -> None:
        """Leave the failed transaction behind; a connection that can't is closed."""
        try:
            await self._smtp.rset(timeout=self._connect_timeout)
        except (aiosmtplib.SMTPException, OSError):
            self.drop()

    def drop(self) -> None:
        """Close without ceremony."""
        if self._smtp.is_connected:
            self._smtp.close()

    async def quit(self) -> None:
        """Close as the protocol wants it."""
        if self._smtp.is_connected:
            await _quietly(self._smtp.quit(timeout=self._connect_timeout))
        self.drop()


class EmailChannel:
    """Sends over a few reused connections to one mail server, at the pace that it and each recipient's domain bear."""

    name = "email"

    def __init__(
        self,
        server: MailServer,
        sender: Identity,
        *,
        connect_timeout: float = CONNECT_TIMEOUT_S,
        command_timeout: float = COMMAND_TIMEOUT_S,
        acceptance_timeout: float = ACCEPTANCE_TIMEOUT_S,
    ) -> None:
        self.width = server.connections
        self.patience = GIVE_UP_AFTER
        self._sender = sender
        self._pace = Pace(server.per_domain)
        self._at_once = server.domain_connections
        self._slowness = Slowness(max(1, self.width - 1))
        self._busy: Counter[str] = Counter()
        self._idle: asyncio.LifoQueue[_Connection] = asyncio.LifoQueue()  # the warmest first
        self._all = [_Connection(server, connect_timeout, command_timeout, acceptance_timeout) for _ in range(self.width)]
        for connection in self._all:
            self._idle.put_nowait(connection)

    async def send(self, message: Outgoing, now: datetime) -> None:
        """See `Channel.send`."""
        recipient = envelope_address(message.to_address)
        domain = recipient.rpartition("@")[2].lower()
        async with self._turn(domain):
            with self._slowness.watch(domain) as may_wait:
                await self._send(build(message, self._sender, now), recipient, may_wait)

    @asynccontextmanager
    async def _turn(self, domain: str) -> AsyncIterator[None]:
        """The domain's turn. Raises `Later` where it would be long in coming."""
        if self._slowness.is_waited_for(domain):
            raise Later("domain_slow", SLOW_PAUSE)
        busy = self._busy[domain]
        if (self._at_once and busy >= self._at_once) or self._slowness.is_full(domain, busy):
            raise Later("domain_busy", timedelta(seconds=PATIENCE_S))
        wait, taken = self._pace.turn(domain, asyncio.get_running_loop().time())
        if not taken:
            raise Later("domain_rate", timedelta(seconds=wait))
        self._busy[domain] += 1
        try:
            if wait:
                await asyncio.sleep(wait)
            yield
        finally:
            self._busy[domain] -= 1
            if not self._busy[domain]:
                del self._busy[domain]

    async def _send(self, data: bytes, recipient: str, may_wait: Callable[[], bool]) -> None:
        connection = await self._idle.get()
        try:
            await connection.transfer(self._sender.address, recipient, data, smtputf8=not recipient.isascii(), may_wait=may_wait)
        except Temporary:
            raise
        except (Permanent, aiosmtplib.SMTPResponseException) as error:
            await connection.reset()
            raise _refusal(error) from error
        except (aiosmtplib.SMTPException, OSError) as error:
            connection.drop()
            raise Temporary(_reason(error)) from error
        except BaseException:  # cancelled in the middle: the conversation can't be continued
            connection.drop()
            raise
        finally:
            self._idle.put_nowait(connection)

    async def check(self) -> None:
        """Whether the server can be reached, is who it should be, and lets us in. Raises `Unreachable`."""
        await self._all[0].check()

    async def close(self) -> None:
        """Say goodbye on every connection."""
        await asyncio.gather(*(connection.quit() for connection in self._all))


def _check(replies: Sequence[aiosmtplib.SMTPResponse], sender: str, recipient: str) -> None:
    """Raise for the first of the replies to MAIL, RCPT and DATA that is a refusal, or is missing."""
    checks: tuple[Callable[[aiosmtplib.SMTPResponse], None], ...] = (
        partial(_check_sender, sender=sender),
        partial(_check_recipient, recipient=recipient),
        _check_data,
    )
    for reply, check in zip(replies, checks, strict=False):
        check(reply)
    if len(replies) < len(checks):
        raise aiosmtplib.SMTPServerDisconnected("the server hung up amid its replies")


def _check_sender(reply: aiosmtplib.SMTPResponse, sender: str) -> None:
    if reply.code != OK:
        raise aiosmtplib.SMTPSenderRefused(reply.code, reply.message, sender)


def _check_recipient(reply: aiosmtplib.SMTPResponse, recipient: str) -> None:
    if reply.code not in (OK, FORWARDED):
        raise aiosmtplib.SMTPRecipientRefused(reply.code, reply.message, recipient)


def _check_data(reply: aiosmtplib.SMTPResponse) -> None:
    if reply.code != GO_ON:
        raise aiosmtplib.SMTPDataError(reply.code, reply.message)


def _refusal(error: Permanent | aiosmtplib.SMTPResponseException) -> Permanent | Temporary:
    if isinstance(error, Permanent):
        return error
    reason = f"smtp_{error.code}"
    if error.code == SERVICE_CLOSING:
        return Unreachable(reason)
    if error.code in REFUSED_FOR_NOW:
        return Temporary(reason)
    # A server that refuses our sender refuses every message: a setting is wrong, no message is at fault.
    if isinstance(error, aiosmtplib.SMTPSenderRefused) and error.code != TOO_LARGE:
        return Unreachable(reason)
    return Permanent(reason)


def _reason(error: BaseException) -> str:
    causes = list(_causes(error))
    if isinstance(error, aiosmtplib.SMTPResponseException):
        return f"smtp_{error.code}"
    for cause in causes:
        if isinstance(cause, ssl.SSLCertVerificationError):
            return CERTIFICATE_FAULTS.get(cause.verify_code, "smtp_certificate_untrusted")
    if any(isinstance(cause, TimeoutError) for cause in causes):
        return "smtp_timeout"
    if any(isinstance(cause, ssl.SSLError) for cause in causes):
        return "smtp_tls_failed"
    hung_up = (aiosmtplib.SMTPServerDisconnected, ConnectionResetError, BrokenPipeError)
    return "smtp_disconnected" if any(isinstance(cause, hung_up) for cause in causes) else "smtp_unreachable"


def _causes(error: BaseException) -> Iterator[BaseException]:
    found: BaseException | None = error
    while found is not None:
        yield found
        found = found.__cause__ or found.__context__


async def _quietly(goodbye: Awaitable[Any]) -> None:
    try:
        await goodbye
    except (aiosmtplib.SMTPException, OSError):
        return
