"""Chat through Apprise, against a real HTTP server that speaks as ntfy and Mattermost do, a real mail server and database."""

import asyncio
import threading
from collections.abc import AsyncIterator, Iterator
from datetime import timedelta
from typing import Any

import pytest

from services.notifications import store
from services.notifications.channels import Permanent, Temporary, Unreachable
from services.notifications.channels.chat import PATIENCE, ChatChannel
from services.notifications.chat_services import ChatService
from services.notifications.correspondence import EMAIL
from services.notifications.entry import Entry
from services.notifications.preferences import Asked, Preferences
from services.notifications.stranded import bring_back_stranded
from shared.events.mentoring import HireWaitlisted
from shared.mongo import Database
from tests.connected.chat_server import ChatServer, chat_server
from tests.connected.post_office import COORDINATOR, Office, PostOffice, post_office

WEB = "http://127.0.0.1:8080"


@pytest.fixture
def chat() -> Iterator[ChatServer]:
    with chat_server() as server:
        yield server


@pytest.fixture
async def post() -> AsyncIterator[PostOffice]:
    async with post_office() as office:
        yield office


@pytest.fixture
async def office(database: Database, post: PostOffice, chat: ChatServer) -> Office:
    """Cleo, who runs the programme, reads by ntfy."""
    await store.ensure_indexes(database)
    ntfy = ChatService(url=f"ntfy://127.0.0.1:{chat.port}/{{handle}}", title="ntfy")
    webhook = f"mmost://127.0.0.1:{chat.port}/3ccdd113474722377935511fc85d3dd4?to={{handle}}"
    mattermost = ChatService(url=webhook, title="Mattermost", pattern=".*")
    office = Office(database, post, services={"ntfy": ntfy, "mattermost": mattermost})
    await office.take_over()
    await office.know_people()
    await read_by(office, "ntfy", "cleo-7Yt4")
    return office


async def read_by(office: Office, channel: str, handle: str, employee_id: str = COORDINATOR) -> None:
    asked = Asked(channel=channel, handle=handle, code=f"code of {employee_id}", asked_at=office.now)
    await store.ask_for_chat(office.db, employee_id, asked, [office.now])
    assert await store.confirm_chat(office.db, employee_id, asked.code, office.now, office.now)


def waitlisted(employee_id: str = "E-1") -> HireWaitlisted:
    return HireWaitlisted(employee_id=employee_id, policy_version="1")


def channel_of(office: Office, name: str = "ntfy", **options: Any) -> ChatChannel:
    return ChatChannel(name, office.services[name], WEB, **options)


async def chat_round(office: Office, name: str = "ntfy", **options: Any) -> None:
    await office.send(channel=channel_of(office, name, **options))


async def entries(office: Office) -> dict[str, Entry]:
    return {entry.channel: entry for entry in await office.ledger(template="waitlisted")}


async def a_message_for_chat(office: Office) -> None:
    await office.hear(office.hired(), waitlisted())
    await office.send()


def steps(entry: Entry) -> list[tuple[str, str | None]]:
    return [(step.state, step.reason) for step in entry.transitions]


async def test_what_fits_chat_goes_there_and_the_rest_goes_by_mail(office: Office, post: PostOffice, chat: ChatServer):
    await a_message_for_chat(office)
    assert "waitlisted" not in post.templates
    assert "welcome" in post.templates
    by_mail = (await entries(office))[EMAIL]
    assert (by_mail.state, by_mail.reason) == ("suppressed", "prefers_chat")
    await chat_round(office)
    (said,) = chat.accepted
    assert said["topic"] == "cleo-7Yt4"
    assert "Ada" in said["title"]
    assert f"{WEB}/coordinator/waitlist" in said["message"]
    assert "<" not in said["message"]
    by_chat = (await entries(office))["ntfy"]
    assert (by_chat.state, by_chat.attempts) == ("sent", 1)
    assert by_chat.message_id != by_mail.message_id
    told = [each for each in await office.outbox() if each.get("ce_type") == b"notifications.message.sent.v1"]
    assert [each for each in told if b'"ntfy"' in each["value"]] != []


async def test_mattermost_gets_it_in_the_channel_of_ones_own(office: Office, chat: ChatServer):
    await read_by(office, "mattermost", "for-cleo")
    await a_message_for_chat(office)
    await chat_round(office, "mattermost")
    (said,) = chat.accepted
    assert said["channel"] == "for-cleo"
    assert "Ada" in said["text"]


async def test_mail_stays_mail_for_who_is_not_at_work_yet(office: Office, post: PostOffice, chat: ChatServer):
    await office.hear(office.hired(COORDINATOR, personal_email="cleo@home.example"), waitlisted())
    await office.hear(office.hired(), waitlisted())
    await office.send()
    assert "waitlisted" in [mail["X-Firstmate-Template"] for mail in post.to("cleo@home.example")]
    assert set(await entries(office)) == {EMAIL}


@pytest.mark.parametrize("status", [401, 403, 404, 413])
async def test_what_chat_refuses_for_good_goes_by_mail_at_once(office: Office, post: PostOffice, chat: ChatServer, status: int):
    await a_message_for_chat(office)
    chat.status = status
    await chat_round(office)
    await office.send()
    found = await entries(office)
    assert (found["ntfy"].state, found["ntfy"].reason) == ("failed", f"chat_{status}")
    assert steps(found[EMAIL])[-3:] == [("sending", None), ("rendered", None), ("sent", None)]
    assert ("due", "instead_of_ntfy") in steps(found[EMAIL])
    assert [mail["X-Firstmate-Template"] for mail in post.to("cleo@acme.example")] == ["waitlisted"]
    chat.status = 200
    await office.send()
    await chat_round(office)
    assert chat.accepted == []


@pytest.mark.parametrize("status", [429, 500, 503])
async def test_what_chat_refuses_for_now_goes_there_later(office: Office, post: PostOffice, chat: ChatServer, status: int):
    await a_message_for_chat(office)
    chat.status = status
    await chat_round(office)
    waiting = (await entries(office))["ntfy"]
    assert (waiting.state, waiting.reason, waiting.attempts) == ("due", f"chat_{status}", 1)
    assert timedelta(seconds=40) < waiting.due_at - office.now < timedelta(seconds=80)
    chat.status = 200
    office.pass_time(minutes=2)
    await chat_round(office)
    assert (await entries(office))["ntfy"].state == "sent"
    assert len(chat.accepted) == 1
    assert post.to("cleo@acme.example") == []


async def test_a_service_that_stays_away_gives_everything_to_mail_after_an_hour(
    office: Office, post: PostOffice, chat: ChatServer
):
    ids = [f"E-{number}" for number in range(6)]
    for id in ids:
        await office.hear(office.hired(id), waitlisted(id))
    await office.send()
    chat.close()
    async with office.sender(channel=channel_of(office)) as sender:
        await sender.drain()
        assert post.to("cleo@acme.example") == []
        office.pass_time(seconds=PATIENCE.total_seconds() + 1)
        await sender.drain()
    await office.send()
    assert len(post.to("cleo@acme.example")) == 6
    gone = [entry.reason for entry in await office.ledger(template="waitlisted", channel="ntfy")]
    assert set(gone) <= {"chat_unreachable", "channel_away"}
    assert len(gone) == 6


async def test_a_service_that_is_back_in_time_gets_its_messages(office: Office, post: PostOffice, chat: ChatServer):
    await a_message_for_chat(office)
    chat.close()
    await chat_round(office)
    waiting = (await entries(office))["ntfy"]
    assert (waiting.state, waiting.reason) == ("due", "chat_unreachable")
    chat.open()
    office.pass_time(minutes=1)
    await chat_round(office)
    assert (await entries(office))["ntfy"].state == "sent"


async def test_a_service_that_hangs_holds_up_nobody_else(office: Office, post: PostOffice, chat: ChatServer):
    await a_message_for_chat(office)
    answer = threading.Event()
    chat.before_answer = answer.wait
    hanging = asyncio.create_task(chat_round(office, timeout_s=1.0))
    while not chat.asked:
        await asyncio.sleep(0.01)
    await office.hear(office.hired("E-2"))
    await office.send()
    assert len(post.to("e-2@home.example")) == 1
    await hanging
    answer.set()
    assert (await entries(office))["ntfy"].reason == "chat_timeout"


async def test_a_channel_that_is_no_longer_configured_leaves_its_messages_to_mail(office: Office, post: PostOffice):
    await a_message_for_chat(office)
    office.services = {}
    await bring_back_stranded(office.db, office.processor(), office.fence, office.services, office.clock)
    await office.send()
    found = await entries(office)
    assert (found["ntfy"].state, found["ntfy"].reason) == ("failed", "channel_removed")
    assert found[EMAIL].state == "sent"


async def test_who_goes_back_to_mail_gets_there_what_waited_for_chat(office: Office, post: PostOffice, chat: ChatServer):
    await a_message_for_chat(office)
    await store.forget_chat(office.db, COORDINATOR)
    await chat_round(office)
    await office.send()
    found = await entries(office)
    assert (found["ntfy"].state, found["ntfy"].reason) == ("suppressed", "prefers_email")
    assert (found[EMAIL].state, len(chat.accepted)) == ("sent", 0)


async def test_a_letter_withdrawn_while_it_waits_for_chat_goes_nowhere_and_back_there_when_its_reason_is(
    office: Office, post: PostOffice, chat: ChatServer
):
    await a_message_for_chat(office)
    await office.hear(office.assigned())
    withdrawn = (await entries(office))["ntfy"]
    assert (withdrawn.state, withdrawn.reason) == ("suppressed", "withdrawn")
    await chat_round(office)
    await office.send()
    assert chat.accepted == []
    assert "waitlisted" not in post.templates


async def test_a_sender_that_died_with_a_chat_message_sends_it_again_and_mail_is_left_alone(
    office: Office, post: PostOffice, chat: ChatServer
):
    await a_message_for_chat(office)
    taken = await store.claim(office.db, "ntfy", 10, office.fence.number, office.now)
    assert len(taken) == 1
    await office.take_over()
    await office.send()  # mail's sender gives back its own, not what chat's holds
    assert (await entries(office))["ntfy"].state == "sending"
    await chat_round(office)
    found = await entries(office)
    assert (found["ntfy"].state, len(chat.accepted)) == ("sent", 1)
    assert found[EMAIL].reason == "prefers_chat"


async def test_two_records_of_one_diversion_are_one_chat_message(office: Office, chat: ChatServer):
    """Two senders of mail that both saw the wish: the later record finds its entry settled."""
    await office.hear(office.hired(), waitlisted())
    await asyncio.gather(office.send(), office.send())
    await asyncio.gather(chat_round(office), chat_round(office))
    assert len(chat.accepted) == 1
    assert len(await office.ledger(template="waitlisted")) == 2


async def test_preferences_saved_later_leave_the_handle_alone(office: Office):
    await store.prefer(office.db, COORDINATOR, Preferences(language="de"), office.now)
    chosen = (await store.preferences_of(office.db, {COORDINATOR}))[COORDINATOR]
    assert chosen.chat is not None
    assert (chosen.language, chosen.chat.handle) == ("de", "cleo-7Yt4")


@pytest.mark.parametrize("handle", ["@cleo", "cleo dunn", "cleo,dunn", "cleo&to=dunn", "cl\u00e9o"])
async def test_a_handle_that_apprise_would_drop_is_refused_and_not_told_to_everybody(
    office: Office, chat: ChatServer, handle: str
):
    channel = channel_of(office, "mattermost")
    with pytest.raises(Permanent) as refused:
        await channel.say(handle, "a title", "a text")
    assert (refused.value.reason, chat.asked) == ("bad_handle", 0)
    await channel.close()


async def test_what_apprise_says_tells_for_good_from_for_now(office: Office, chat: ChatServer):
    channel = channel_of(office)
    for status, kind in ((404, Permanent), (400, Permanent), (429, Temporary), (502, Temporary)):
        chat.status = status
        with pytest.raises(kind) as refused:
            await channel.say("cleo", "a title", "a text")
        assert refused.value.reason == f"chat_{status}"
    chat.close()
    with pytest.raises(Unreachable):
        await channel.say("cleo", "a title", "a text")
    await channel.close()
