"""The email channel against a real SMTP server: which answers mean never, not now, and nobody at all."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime

import pytest

from deploy.ports import free_port
from services.notifications.channels import Permanent, Temporary, Unreachable
from services.notifications.channels.email import EmailChannel, Identity
from services.notifications.channels.server import MailServer
from services.notifications.letters import Outgoing
from services.notifications.rendering import Rendered
from tests.connected.post_office import PostOffice, post_office

NOW = datetime(2026, 12, 1, 10, tzinfo=UTC)


def letter(address: str = "ada@acme.example", name: str = "Ada") -> Outgoing:
    rendered = Rendered("Willkommen, Zoë", "<p>Grüße</p>", ".\nA line that begins with a dot\n..\nGrüße\n", "de")
    return Outgoing("0" * 32, "welcome", name, address, rendered, None)


@asynccontextmanager
async def channel(post: PostOffice, width: int = 4, **options: float) -> AsyncIterator[EmailChannel]:
    server = MailServer("127.0.0.1", post.port, connections=width)
    made = EmailChannel(server, Identity("Firstmate <welcome@firstmate.example>"), **options)
    try:
        yield made
    finally:
        await made.close()


async def outcome(post: PostOffice, message: Outgoing) -> Exception | None:
    async with channel(post) as email:
        try:
            await email.send(message, NOW)
        except (Permanent, Temporary) as error:
            return error
    return None


@pytest.mark.parametrize("pipelining", [True, False])
async def test_text_arrives_as_it_was_written_dots_and_all(pipelining: bool):
    async with post_office(pipelining=pipelining) as post, channel(post) as email:
        await email.send(letter(), NOW)
    (mail,) = post.to("ada@acme.example")
    assert mail["Subject"] == "Willkommen, Zoë"
    text = mail.get_body(("plain",)).get_content().replace("\r\n", "\n")
    assert text == ".\nA line that begins with a dot\n..\nGrüße\n"


@pytest.mark.parametrize("pipelining", [True, False])
@pytest.mark.parametrize(
    ("stage", "answer", "kind", "reason"),
    [
        ("on_rcpt", "550 no such mailbox", Permanent, "smtp_550"),
        ("on_rcpt", "450 busy", Temporary, "smtp_450"),
        ("on_data", "554 looks like spam", Permanent, "smtp_554"),
        ("on_data", "451 try later", Temporary, "smtp_451"),
        ("on_mail", "451 try later", Temporary, "smtp_451"),
        ("on_mail", "552 too large", Permanent, "smtp_552"),
        ("on_mail", "550 this sender may not send here", Unreachable, "smtp_550"),
        ("on_mail", "530 authentication required", Unreachable, "smtp_530"),
        ("on_rcpt", "421 closing", Unreachable, "smtp_421"),
    ],
)
async def test_each_refusal_is_told_apart(stage: str, answer: str, kind: type[Exception], reason: str, pipelining: bool):
    async with post_office(pipelining=pipelining, **{stage: lambda _: answer}) as post:
        error = await outcome(post, letter())
    assert type(error) is kind
    assert str(error) == reason


@pytest.mark.parametrize("pipelining", [True, False])
async def test_after_a_refusal_the_same_connection_serves_the_next_message(pipelining: bool):
    async with (
        post_office(pipelining=pipelining, on_rcpt=lambda address: "550 no" if "bob" in address else None) as post,
        channel(post, width=1) as email,
    ):
        with pytest.raises(Permanent):
            await email.send(letter("bob@acme.example"), NOW)
        await email.send(letter(), NOW)
        assert post.connections == 1
    assert len(post.accepted) == 1


async def test_nobody_listening_is_the_channels_fault():
    error = await outcome(PostOffice(port=free_port()), letter())
    assert type(error) is Unreachable
    assert str(error) == "smtp_unreachable"


async def test_a_server_that_says_nothing_is_given_up_on():
    silent = await asyncio.start_server(lambda reader, writer: asyncio.sleep(0), "127.0.0.1", 0)
    port = silent.sockets[0].getsockname()[1]
    email = EmailChannel(MailServer("127.0.0.1", port, connections=1), Identity("a@b.example"), connect_timeout=0.2)
    with pytest.raises(Unreachable, match="smtp_timeout"):
        await email.send(letter(), NOW)
    await email.close()
    silent.close()


async def test_a_server_that_hangs_up_in_the_middle_of_the_data_is_tried_later():
    async with post_office() as post:

        async def hang_up(_: str) -> None:
            for connection in post.open_connections():
                connection.transport.abort()

        post.before_data_answer = hang_up
        error = await outcome(post, letter())
    assert type(error) is Temporary
    assert str(error) == "smtp_unanswered"


@pytest.mark.parametrize("pipelining", [True, False])
async def test_a_connection_closed_by_the_server_before_the_data_is_replaced_without_a_word(pipelining: bool):
    async with post_office(pipelining=pipelining) as post, channel(post, width=1) as email:
        await email.send(letter(), NOW)
        answers = iter(["421 idle for too long", None])
        post.on_mail = lambda _: next(answers)
        await email.send(letter(), NOW)
        assert len(post.accepted) == 2
        assert post.connections == 2


async def test_a_mailbox_beyond_ascii_needs_a_server_that_knows_them():
    async with post_office() as post:
        assert await outcome(post, letter("jörg@acme.example")) is None
        assert [address for address, _ in post.accepted] == ["jörg@acme.example"]
    async with post_office(smtputf8=False) as post:
        error = await outcome(post, letter("jörg@acme.example"))
    assert type(error) is Permanent
    assert str(error) == "smtputf8_unsupported"


async def test_a_domain_that_can_not_be_written_for_mail_servers_is_refused_for_good():
    async with post_office() as post:
        error = await outcome(post, letter("ada@" + "ü" * 70 + ".example"))
    assert str(error) == "bad_address"


async def test_messages_share_a_fixed_number_of_connections():
    async with post_office() as post, channel(post, width=2) as email:
        await asyncio.gather(*(email.send(letter(), NOW) for _ in range(20)))
        assert post.connections == 2
    assert len(post.accepted) == 20


Talk = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


@asynccontextmanager
async def raw_server(talk: Talk) -> AsyncIterator[EmailChannel]:
    """The channel, to a server that greets, offers pipelining and then talks as it is told."""

    async def session(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"220 here\r\n")
        await reader.readline()
        writer.write(b"250-here\r\n250 PIPELINING\r\n")
        await talk(reader, writer)
        writer.close()

    server = await asyncio.start_server(session, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    email = EmailChannel(MailServer("127.0.0.1", port, connections=1), Identity("a@b.example"), command_timeout=5.0)
    try:
        yield email
    finally:
        await email.close()
        server.close()


async def test_data_that_a_server_agrees_to_for_nobody_is_ended_and_the_connection_goes_on():
    heard: list[bytes] = []

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        refuses = False
        while line := await reader.readline():
            heard.append(line)
            refuses = refuses or b"bob" in line
            if line == b"DATA\r\n":
                writer.write(b"354 go on\r\n")
                mail = b"".join([part async for part in lines_of(reader)])
                heard.append(b"a mail" if mail else b"nothing")
                writer.write(b"554 nobody to send it to\r\n" if refuses else b"250 thank you\r\n")
            elif line == b"RSET\r\n":
                refuses = False
                writer.write(b"250 forgotten\r\n")
            else:
                writer.write(b"550 no such mailbox\r\n" if line.startswith(b"RCPT") and refuses else b"250 fine\r\n")

    async with raw_server(talk) as email:
        with pytest.raises(Permanent, match="smtp_550"):
            await email.send(letter("bob@acme.example"), NOW)
        await email.send(letter(), NOW)
    assert [each for each in heard if each in (b"nothing", b"a mail")] == [b"nothing", b"a mail"]


async def lines_of(reader: asyncio.StreamReader) -> AsyncIterator[bytes]:
    while (line := await reader.readline()) not in (b".\r\n", b""):
        yield line


@pytest.mark.parametrize(
    ("replies", "reason"),
    [
        (b"250 fine\r\n", "smtp_disconnected"),
        (b"421 too many of you\r\n", "smtp_421"),
        (b"250 fine\r\n450-not\r\n450 now\r\n", "smtp_450"),
        (b"", "smtp_disconnected"),
    ],
)
async def test_of_a_server_that_hangs_up_amid_its_replies_the_first_refusal_counts(replies: bytes, reason: str):
    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        for _ in range(3):
            await reader.readline()
        for byte in replies:  # a reply may come in any pieces
            writer.write(bytes((byte,)))
            await writer.drain()

    async with raw_server(talk) as email:
        with pytest.raises(Temporary, match=reason):
            await email.send(letter(), NOW)


@pytest.mark.parametrize("said", [b"2" * 65_536, b"hello\r\n"])
async def test_what_is_no_reply_at_all_is_not_listened_to(said: bytes):
    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readline()
        writer.write(said)
        await reader.read()  # until the other side hangs up

    async with raw_server(talk) as email:
        with pytest.raises(Temporary, match="smtp_disconnected"):
            await email.send(letter(), NOW)


async def test_no_command_is_two():
    async with post_office() as post, channel(post, width=1) as email:
        await email.send(letter(), NOW)
        (pipeline,) = (each._pipeline for each in email._all)
        assert pipeline is not None
        with pytest.raises(ValueError, match="control character"):
            await pipeline.ask(b"RCPT TO:<ada@acme.example>\r\nRCPT TO:<eve@evil.example>", within=1.0)
