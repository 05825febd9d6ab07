"""Whom the messages of one taking are for: what they chose, where they are, and how much they got today."""

import asyncio
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, time
from typing import Self
from zoneinfo import ZoneInfo

from services.notifications.chat_services import ChatServices
from services.notifications.correspondence import Correspondence, Letter
from services.notifications.entry import Entry
from services.notifications.letters import Person, is_expected, meeting_in
from services.notifications.preferences import USUAL, Chat, Chosen, Preferences
from services.notifications.rendering import language_of
from services.notifications.routing import chat_for
from services.notifications.store import preferences_of, sent_since
from services.notifications.timing import URGENT, Hindrance, Reader, Timing
from shared.calendar import place
from shared.mongo import Database


class Readers:
    """Lets messages of one taking through, one after the other."""

    def __init__(
        self,
        timing: Timing,
        people: Mapping[str, Person],
        chose: Mapping[str, Chosen],
        got: Mapping[str, int],
        now: datetime,
        services: ChatServices,
    ) -> None:
        self._timing = timing
        self._chose = chose
        self._got = Counter(got)
        self._now = now
        self._services = services
        self.people = {id: as_they_wish(person, chose.get(id)) for id, person in people.items()}

    @classmethod
    async def load(
        cls,
        db: Database,
        timing: Timing,
        entries: Sequence[Entry],
        people: Mapping[str, Person],
        on_the_way_to: Iterable[str],
        now: datetime,
        services: ChatServices,
    ) -> Self:
        """Read what these messages' readers chose and got today; what is on its way to them counts as got. `services` are those
        that they may be reached by."""
        counted = {each.recipient_id for each in entries if each.template not in URGENT} if timing.per_day else set()
        days = {id: _day_begun(people.get(id, {}), now) for id in counted}
        chose, got = await asyncio.gather(preferences_of(db, {each.recipient_id for each in entries}), sent_since(db, days))
        return cls(timing, people, chose, Counter(got) + Counter(on_the_way_to), now, services)

    def chat(self, letter: Letter) -> Chat | None:
        """Where this message's reader gets it by chat; None where it goes by mail."""
        id = letter.recipient_id
        return chat_for(letter.template, self.people.get(id, {}), self._chose.get(id, USUAL), self._services, self._now)

    def hindrance(self, letter: Letter, state: Correspondence) -> Hindrance | None:
        """What keeps this message from its reader now; None lets it go, and counts it."""
        id = letter.recipient_id
        person = self.people.get(id, {})
        where = None if is_expected(person, self._now) else place(person.get("location"))
        reader = Reader(person.get("time_zone"), where, self._chose.get(id, USUAL), self._got[id])
        begins = meeting_in(letter, state, self.people).start if letter.template == "meeting_invitation" else None
        found = self._timing.hindrance(letter.template, letter.due_at, reader, self._now, begins)
        if found is None and letter.template not in URGENT:
            self._got[id] += 1
        return found


def as_they_wish(person: Person, chose: Preferences | None) -> Person:
    """In the language they chose; HR's locale goes on saying how dates are written where it is one of that language."""
    language = chose.language if chose else None
    if language is None or language_of(person.get("locale")) == language:
        return person
    return {**person, "locale": language}


def _day_begun(person: Person, now: datetime) -> datetime:
    here = now.astimezone(ZoneInfo(person.get("time_zone") or "UTC"))
    return datetime.combine(here.date(), time(0), here.tzinfo)
