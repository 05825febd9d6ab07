"""Mail servers of real companies, and those that misbehave: each is a real server here, with real certificates."""

import asyncio
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import trustme
from aiosmtpd.smtp import SMTP, AuthResult, LoginPassword
from pydantic import SecretStr

from deploy.doctor import mail_finding
from services.notifications.channels import Later, Permanent, Temporary, Unreachable
from services.notifications.channels.email import EmailChannel, Identity
from services.notifications.channels.server import ADVICE, MailServer
from services.notifications.letters import Outgoing
from services.notifications.rendering import Rendered
from shared.settings import Settings, SmtpTls
from tests.connected.post_office import PostOffice

NOW = datetime(2026, 12, 1, 10, tzinfo=UTC)
SENDER = Identity("Firstmate <welcome@firstmate.example>")
PASSWORD = "correct horse"


def letter(address: str = "ada@acme.example") -> Outgoing:
    return Outgoing("0" * 32, "welcome", "Ada", address, Rendered("Welcome", "<p>Hello</p>", "Hello\n", "en"), None)


@pytest.fixture(scope="module")
def authority() -> trustme.CA:
    return trustme.CA()


@pytest.fixture
def ca_file(authority: trustme.CA, tmp_path: Path) -> Path:
    path = tmp_path / "authority.pem"
    authority.cert_pem.write_to_path(path)
    return path


def certificate(authority: trustme.CA, name: str = "127.0.0.1", not_after: datetime | None = None) -> ssl.SSLContext:
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    authority.issue_cert(name, not_after=not_after).configure_cert(context)
    return context


def knows(_: Any, __: Any, ___: Any, mechanism: str, data: Any) -> AuthResult:
    right = isinstance(data, LoginPassword) and (data.login, data.password) == (b"firstmate", PASSWORD.encode())
    return AuthResult(success=right, handled=False)


@asynccontextmanager
async def mail_server(implicit: ssl.SSLContext | None = None, **options: Any) -> AsyncIterator[tuple[int, PostOffice]]:
    """aiosmtpd with these options; its port and what it accepts."""
    office = PostOffice()
    loop = asyncio.get_running_loop()
    server = await loop.create_server(lambda: SMTP(office, loop=loop, **options), "127.0.0.1", 0, ssl=implicit)
    try:
        yield server.sockets[0].getsockname()[1], office
    finally:
        server.close()


def settings(port: int, tls: SmtpTls, ca_file: Path | None, **more: Any) -> Settings:
    return Settings(smtp=f"127.0.0.1:{port}", smtp_tls=tls, smtp_ca_file=ca_file, **more)


async def sent(given: Settings, **options: float) -> str:
    """`sent`, or the reason why not."""
    email = EmailChannel(MailServer.of(given), SENDER, **options)
    try:
        await email.send(letter(), NOW)
    except (Unreachable, Temporary, Permanent) as error:
        return error.reason
    finally:
        await email.close()
    return "sent"


async def test_mail_goes_over_implicit_tls_to_a_server_whose_certificate_is_good(authority: trustme.CA, ca_file: Path):
    async with mail_server(certificate(authority)) as (port, office):
        assert await sent(settings(port, "implicit", ca_file)) == "sent"
    assert len(office.accepted) == 1


async def test_mail_goes_over_starttls_signed_in(authority: trustme.CA, ca_file: Path):
    options = {"tls_context": certificate(authority), "require_starttls": True, "authenticator": knows, "auth_required": True}
    async with mail_server(**options) as (port, office):
        given = settings(port, "starttls", ca_file, smtp_user="firstmate", smtp_password=SecretStr(PASSWORD))
        assert await sent(given) == "sent"
        finding = await mail_finding(given)
    assert len(office.accepted) == 1
    assert finding.status == "ok"


@pytest.mark.parametrize("tls", ["implicit", "starttls", "auto"])
@pytest.mark.parametrize("wrong", ["expired", "name", "untrusted"])
async def test_a_wrong_certificate_is_named_and_nothing_is_sent(authority: trustme.CA, ca_file: Path, tls: SmtpTls, wrong: str):
    context = {
        "expired": lambda: certificate(authority, not_after=datetime.now(UTC) - timedelta(days=1)),
        "name": lambda: certificate(authority, "mail.other.example"),
        "untrusted": lambda: certificate(trustme.CA()),
    }[wrong]()
    options = {"implicit": context} if tls == "implicit" else {"tls_context": context}
    async with mail_server(**options) as (port, office):
        given = settings(port, tls, ca_file)
        assert await sent(given) == f"smtp_certificate_{wrong}"
        finding = await mail_finding(given)
    assert office.accepted == []
    assert finding.advice == ADVICE[f"smtp_certificate_{wrong}"]


async def test_where_starttls_is_required_and_not_offered_nothing_is_sent(ca_file: Path):
    async with mail_server() as (port, office):
        assert await sent(settings(port, "starttls", ca_file)) == "smtp_no_starttls"
        assert await sent(settings(port, "auto", ca_file)) == "sent"
    assert len(office.accepted) == 1


async def test_a_refused_password_is_told_apart_from_a_server_without_sign_in(ca_file: Path):
    async with mail_server(authenticator=knows, auth_require_tls=False) as (port, _):
        given = settings(port, "off", None, smtp_user="firstmate", smtp_password=SecretStr("wrong"))
        assert await sent(given) == "smtp_auth_refused"
        assert (await mail_finding(given)).advice == ADVICE["smtp_auth_refused"]
    async with mail_server(auth_exclude_mechanism=["PLAIN", "LOGIN"]) as (port, _):
        given = settings(port, "off", None, smtp_user="firstmate", smtp_password=SecretStr(PASSWORD))
        assert await sent(given) == "smtp_auth_unsupported"


Conversation = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


async def _slowly(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    for character in "220 a server that takes its time for every letter of its greeting":
        writer.write(character.encode())
        await writer.drain()
        await asyncio.sleep(0.1)


async def _silently(reader: asyncio.StreamReader, _: asyncio.StreamWriter) -> None:
    await reader.read()


async def _in_tongues(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    writer.write(b"HTTP/1.1 400 Bad Request\r\n\r\n")
    await reader.read()


async def _hangs_after_mail(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    writer.write(b"220 here\r\n")
    while line := await reader.readline():
        if line.startswith(b"RCPT"):
            await reader.read()
        writer.write(b"250 fine\r\n")


async def _closes_amid_the_data(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    writer.write(b"220 here\r\n")
    while line := await reader.readline():
        if line.startswith(b"DATA"):
            writer.write(b"354 go on\r\n")
            await reader.readline()
            writer.transport.abort()
            return
        writer.write(b"250 fine\r\n")


@pytest.mark.parametrize(
    ("talks", "reasons"),
    [
        (_slowly, {"smtp_timeout"}),
        (_silently, {"smtp_timeout"}),
        (_in_tongues, {"smtp_-1"}),
        (_hangs_after_mail, {"smtp_timeout"}),
        (_closes_amid_the_data, {"smtp_unanswered"}),
    ],
)
async def test_a_server_that_misbehaves_is_given_up_on_with_its_reason(talks: Conversation, reasons: set[str]):
    async def session(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            await talks(reader, writer)
        except ConnectionError:
            pass
        finally:
            writer.close()

    server = await asyncio.start_server(session, "127.0.0.1", 0)
    given = settings(server.sockets[0].getsockname()[1], "off", None)
    try:
        assert await sent(given, connect_timeout=0.3, command_timeout=0.3) in reasons
    finally:
        server.close()


async def test_a_domain_gets_no_more_than_its_share_and_others_go_on():
    async with mail_server() as (port, office):
        server = MailServer("127.0.0.1", port, tls="off", per_domain=1)
        email = EmailChannel(server, SENDER)
        first = await asyncio.gather(*(email.send(letter(), NOW) for _ in range(5)), return_exceptions=True)
        await email.send(letter("bob@other.example"), NOW)
        await email.close()
    later = [each for each in first if isinstance(each, Later)]
    assert len(later) == 3  # one at once, one within a second, three not yet
    assert [round(each.after.total_seconds()) for each in later] == [2, 3, 4]
    assert len(office.to("ada@acme.example")) == 2
    assert len(office.to("bob@other.example")) == 1


async def test_a_domain_is_written_to_by_no_more_connections_than_it_may():
    async with mail_server() as (port, office):
        gate = asyncio.Event()
        office.before_data_answer = lambda _: gate.wait()
        email = EmailChannel(MailServer("127.0.0.1", port, tls="off", domain_connections=1), SENDER)
        first = asyncio.create_task(email.send(letter(), NOW))
        await asyncio.sleep(0)
        with pytest.raises(Later, match="domain_busy"):
            await email.send(letter(), NOW)
        gate.set()
        await first
        await email.close()


def test_everything_that_contradicts_itself_is_said_at_once(tmp_path: Path):
    given = Settings(
        smtp="mail.acme.example:465",
        smtp_tls="auto",
        smtp_user="firstmate",
        smtp_ca_file=tmp_path / "none.pem",
        smtp_connections=2,
        smtp_domain_connections=3,
    )
    with pytest.raises(ValueError, match="FIRSTMATE_SMTP_TLS") as caught:
        MailServer.of(given)
    lines = str(caught.value).splitlines()
    assert [line.partition(":")[0] for line in lines] == [
        "FIRSTMATE_SMTP_TLS",
        "FIRSTMATE_SMTP_TLS",
        "FIRSTMATE_SMTP_PASSWORD",
        "FIRSTMATE_SMTP_DOMAIN_CONNECTIONS",
        "FIRSTMATE_SMTP_CA_FILE",
    ]


@pytest.mark.parametrize(
    ("given", "setting"),
    [
        ({"smtp": "mail.acme.example:587", "smtp_tls": "implicit"}, "FIRSTMATE_SMTP_TLS"),
        ({"smtp_password": SecretStr("x")}, "FIRSTMATE_SMTP_USER"),
        ({"smtp_tls": "off", "smtp_ca_file": Path(ssl.get_default_verify_paths().openssl_cafile)}, "FIRSTMATE_SMTP_CA_FILE"),
    ],
)
def test_each_contradiction_names_its_setting(given: dict[str, Any], setting: str):
    with pytest.raises(ValueError, match=setting):
        MailServer.of(Settings(**given))


def test_this_machine_may_be_signed_in_to_in_the_clear():
    assert MailServer.of(Settings(smtp_user="a", smtp_password=SecretStr("b"))).user == "a"
