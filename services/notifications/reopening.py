"""A message that was sent, written once more from what is known now: for its reader, who opens it in the inbox."""

from datetime import datetime

from services.notifications.correspondence import Correspondence
from services.notifications.entry import Entry
from services.notifications.letters import Outgoing, compose
from services.notifications.readers import as_they_wish
from services.notifications.rendering import Renderer
from services.notifications.sending import people_needed
from services.notifications.store import CORRESPONDENCES, preferences_of
from services.notifications.summaries import gather
from shared.directory import people
from shared.links import Links
from shared.mongo import Database


async def reopened(db: Database, entry: Entry, renderer: Renderer, web_url: str, links: Links, now: datetime) -> Outgoing | None:
    """The message as it would be written now; None where what it told of is not known any more.

    Raises `jinja2.TemplateError` where a template is wrong.
    """
    found = await db[CORRESPONDENCES].find_one({"_id": entry.employee_id}, {"state": 1})
    state = Correspondence.model_validate(found["state"]) if found and found["state"] else None
    letter = state.letter(entry.message_id) if state else None
    if state is None or letter is None:
        return None
    summaries = await gather(db, [entry], now)
    known = await people(db, people_needed(entry, state) | summaries.people)
    chose = await preferences_of(db, {entry.recipient_id})
    spoken = {id: as_they_wish(person, chose.get(id)) for id, person in known.items()}
    about = {"summary": summaries.about(entry, known, now)}
    return compose(letter, state, spoken, "", renderer, web_url, links, now, about)
