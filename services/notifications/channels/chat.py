"""Chat through Apprise: Slack, Teams, Mattermost, ntfy and whatever else it speaks, one person's handle at a time.

Apprise answers yes or no, and says why only to its log. What it says there about one message is heard beside that message,
and the HTTP status in it tells what is refused for good from what may go later. It works in threads of its own channel, so
that a service that hangs holds up nobody else.
"""

import asyncio
import logging
import re
from concurrent.futures import ThreadPoolExecutor
from contextvars import ContextVar, copy_context
from datetime import datetime, timedelta
from typing import Any

from services.notifications.channels import Permanent, Temporary, Unreachable
from services.notifications.chat_services import ChatService
from services.notifications.letters import Outgoing

WIDTH = 4
PATIENCE = timedelta(hours=1)  # then the message goes by mail: better there today than here tomorrow
TIMEOUT_S = 20.0  # Apprise waits four seconds to connect and four for each answer; some services need several
LONGEST = 1_200  # characters: what fits most services, and what anybody reads there
STATUS = re.compile(r"\berror=(\d{3})\b")
FOR_NOW = frozenset({408, 425, 429}) | frozenset(range(500, 600))
HANDLES = ("somebody", "4915112345678", "somebody@acme.example")  # of some kinds; services take one or another
SIGNATURE = "\n-- \n"
LOUD = re.compile(r"(?<=@)(?=(?:all|channel|everyone|here)\b)|(?<=<)(?=[!@])", re.IGNORECASE)
QUIETED = "\u2060"  # WORD JOINER: nothing to see, and no longer the word that calls everybody

_heard: ContextVar[list[str] | None] = ContextVar("heard", default=None)


class _Listener(logging.Handler):
    """Keeps what Apprise says with the message it says it about; its log, which may hold handles, goes nowhere else."""

    def emit(self, record: logging.LogRecord) -> None:
        heard = _heard.get()
        if heard is not None:
            heard.append(record.getMessage())


def fault_in(service: ChatService) -> str | None:
    """Why Apprise does not understand a service's address; None where it does with one kind of handle or another."""
    if any(_notifier(service.target(handle), "") is not None for handle in HANDLES):
        return None
    return "Apprise knows no such service, or a part of it is wrong"


def short(text: str, whole: str) -> str:
    """A mail's plain text as chat shows it: without the signature but for its last line, and where it is long its beginning,
    by paragraphs, and `whole`, the address at which all of it stands. Calls to everybody are just words."""
    body, _, foot = text.rpartition(SIGNATURE)
    body, last = body.strip(), foot.strip().rpartition("\n")[2]
    if len(body) > LONGEST:
        end = max(body.rfind("\n", 0, LONGEST), LONGEST // 2)
        body = f"{body[:end].rstrip()}\n…\n{whole}"
    return LOUD.sub(QUIETED, f"{body}\n\n{last}")


class ChatChannel:
    """Sends to one service. `web_url` is where whole messages stand."""

    def __init__(self, name: str, service: ChatService, web_url: str, *, timeout_s: float = TIMEOUT_S) -> None:
        self.name = name
        self.width = WIDTH
        self.patience = PATIENCE
        self._service = service
        self._web = web_url.rstrip("/")
        self._timeout = timeout_s
        self._threads = ThreadPoolExecutor(WIDTH, thread_name_prefix=f"chat-{name}")

    async def send(self, message: Outgoing, now: datetime) -> None:
        """Hand the message over; returns once the service accepted it. Raises `Temporary`, `Unreachable` or `Permanent`.

        Services know nothing of our Message-ID: what was accepted without our hearing of it comes twice.
        """
        text = short(message.rendered.text, f"{self._web}/inbox/{message.message_id}")
        await self.say(message.to_address, LOUD.sub(QUIETED, message.rendered.subject), text)

    async def say(self, handle: str, title: str, text: str) -> None:
        """Tell one handle something. Raises as `send`."""
        heard: list[str] = []
        context = copy_context()
        context.run(_heard.set, heard)
        telling = asyncio.get_running_loop().run_in_executor(self._threads, context.run, self._tell, handle, title, text)
        try:
            async with asyncio.timeout(self._timeout):
                accepted = await telling
        except TimeoutError:
            raise Unreachable("chat_timeout") from None
        if not accepted:
            raise _refusal(heard)

    def _tell(self, handle: str, title: str, text: str) -> bool:
        notifier = _notifier(self._service.target(handle), self._web) if self._service.takes(handle) else None
        if notifier is None:
            raise Permanent("bad_handle")
        return bool(notifier.notify(body=text, title=title))

    async def close(self) -> None:
        """Let the threads go; one that waits for a service ends with its answer."""
        self._threads.shutdown(wait=False, cancel_futures=True)


def _notifier(url: str, web_url: str) -> Any:
    """Apprise's object for an address; None for one that it does not take as it stands.

    It drops a receiver that it finds impossible, and would tell everybody in a service's own channel: so whatever it has to say
    of an address is a refusal.
    """
    import apprise  # noqa: PLC0415  a second and twenty megabytes, for those who have chat

    log = logging.getLogger("apprise")
    if not any(isinstance(each, _Listener) for each in log.handlers):
        log.addHandler(_Listener())
        log.setLevel(logging.WARNING)
        log.propagate = False
    # No picture: messages lead nobody to a third party's servers.
    asset = apprise.AppriseAsset(app_id="Firstmate", app_desc="Firstmate", app_url=web_url, image_url_mask="", image_url_logo="")
    heard: list[str] = []
    outer = _heard.set(heard)
    try:
        found = apprise.Apprise.instantiate(url, asset=asset, suppress_exceptions=True)
    finally:
        _heard.reset(outer)
    return None if heard else found


def _refusal(heard: list[str]) -> Exception:
    """What a refusal means, by what Apprise said of it; what it does not say may have been temporary."""
    words = " ".join(heard)
    if found := STATUS.findall(words):
        status = int(found[-1])
        return (Temporary if status in FOR_NOW else Permanent)(f"chat_{status}")
    return Unreachable("chat_unreachable") if "onnection" in words else Temporary("chat_refused")
