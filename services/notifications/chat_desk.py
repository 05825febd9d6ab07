"""Taking up chat: a message to the handle that somebody gave holds a link, and who opens it and says yes is reached there.

So nobody can have messages sent to somebody else, and nobody is written to by chat where nothing arrives.
"""

import secrets
from dataclasses import dataclass
from datetime import datetime, timedelta

from services.notifications.channels import Permanent, Temporary
from services.notifications.channels.chat import ChatChannel
from services.notifications.chat_services import ChatServices
from services.notifications.letters import called
from services.notifications.preferences import USUAL, Asked
from services.notifications.store import ask_for_chat, confirm_chat, forget_chat, preferences_of
from shared.clock import Clock
from shared.directory import people
from shared.links import Links
from shared.mongo import Database
from shared.pages.language import gettext as _
from shared.refusals import Refused, invalid

A_DAY = timedelta(days=1)  # how long a link counts
ASKS_A_DAY = 5  # who means well needs two; somebody else's handle must not be a bell to ring
WITHIN_S = 12.0  # somebody looks at the page meanwhile


@dataclass(frozen=True, slots=True)
class Question:
    """What a link asks: whether `name` is reached on `channel`, by its `title`, at `handle`."""

    employee_id: str
    name: str
    channel: str
    title: str
    handle: str
    code: str


class ChatDesk:
    """Asks handles whose they are. `web_url` is the origin that links lead to."""

    def __init__(self, db: Database, services: ChatServices, links: Links, web_url: str, clock: Clock) -> None:
        self._db = db
        self.services = services
        self._links = links
        self._web = web_url.rstrip("/")
        self._clock = clock

    async def ask(self, employee_id: str, channel: str, handle: str) -> None:
        """Send the link to this handle. What was confirmed before counts until this is. Raises `Refused` (404, 422, 429, 502)."""
        service, now = self.services.get(channel), self._clock()
        if service is None:
            raise invalid(_("choose one of the services in the list"), "unknown_channel", "channel")
        if not service.takes(handle):
            words = _("%(service)s has no such handle; leave out @ and # before it", service=service.title)
            raise invalid(words, "bad_handle", "handle")
        asked = Asked(channel=channel, handle=handle, code=secrets.token_urlsafe(16), asked_at=now)
        address = self._links.own("chat", f"{asked.code} {employee_id}")
        if address is None:
            raise Refused(503, "no_secret", _("links need a secret, and none is set here"))
        person = (await people(self._db, {employee_id})).get(employee_id)
        if person is None:
            raise Refused(404, "unknown_employee", _("there is no such employee"))
        chosen = (await preferences_of(self._db, {employee_id})).get(employee_id, USUAL)
        lately = [each for each in chosen.asks if now - each < A_DAY]
        if len(lately) >= ASKS_A_DAY:
            raise Refused(
                429, "asked_often", _("you asked for several messages today; look for the last one, or try again tomorrow")
            )
        await ask_for_chat(self._db, employee_id, asked, [*lately, now])
        title = _("Firstmate: is this you?")
        words = _(
            "%(name)s asked for messages from Firstmate here. If that is you, open this and say yes:",
            name=called(person, employee_id),
        )
        after = _("If it is not, do nothing: nothing more comes.")
        await self._tell(asked, title, f"{words}\n{self._web}{address}\n\n{after}")

    async def _tell(self, asked: Asked, title: str, text: str) -> None:
        service = self.services[asked.channel]
        channel = ChatChannel(asked.channel, service, self._web, timeout_s=WITHIN_S)
        try:
            await channel.say(asked.handle, title, text)
        except Permanent:
            words = _(
                "%(service)s takes no message for %(handle)s; is it written right?", service=service.title, handle=asked.handle
            )
            raise invalid(words, "handle_refused", "handle") from None
        except Temporary:
            words = _("%(service)s does not answer us just now; try again later. Mail goes on coming.", service=service.title)
            raise Refused(502, "chat_away", words) from None
        finally:
            await channel.close()

    async def question(self, token: str) -> Question | None:
        """What a link asks; None for one that is not ours, was answered, or has run out."""
        code, _space, employee_id = (self._links.owner("chat", token) or "").partition(" ")
        asked = (await preferences_of(self._db, {employee_id})).get(employee_id, USUAL).asked
        if not code or asked is None or asked.code != code or self._clock() - asked.asked_at >= A_DAY:
            return None
        service, person = self.services.get(asked.channel), (await people(self._db, {employee_id})).get(employee_id, {})
        title = service.title if service else asked.channel
        return Question(employee_id, called(person, employee_id), asked.channel, title, asked.handle, code)

    async def confirm(self, question: Question) -> bool:
        """Write there from now on; False where the link was answered or ran out meanwhile."""
        now: datetime = self._clock()
        return await confirm_chat(self._db, question.employee_id, question.code, now - A_DAY, now)

    async def forget(self, employee_id: str) -> None:
        """Write to this person by mail alone."""
        await forget_chat(self._db, employee_id)
