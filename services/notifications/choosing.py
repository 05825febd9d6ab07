"""Choosing how to be written to, by page, link or program: what is possible, and what is wrong with what is not."""

from collections.abc import Sequence
from datetime import datetime

from pydantic import ValidationError

from services.notifications.letters import today
from services.notifications.preferences import LONGEST_PAUSE, Preferences
from services.notifications.store import prefer
from shared.directory import people
from shared.events import describe
from shared.mongo import Database
from shared.pages.language import gettext as _
from shared.refusals import Refused, invalid


async def choose(db: Database, languages: Sequence[str], employee_id: str, preferences: Preferences, now: datetime) -> None:
    """Keep what a person chose; it counts from the next message on, also for those that wait.

    `languages` are those that mails are written in. Raises `Refused` (404, 422).
    """
    person = (await people(db, {employee_id})).get(employee_id)
    if person is None:
        raise Refused(404, "unknown_employee", f"there is no employee {employee_id}")
    if preferences.language is not None and preferences.language not in languages:
        known = ", ".join(languages)
        raise invalid(_("mails are written in %(known)s; choose one of these", known=known), "unknown_language", "language")
    day, last = today(person, now), today(person, now) + LONGEST_PAUSE
    if preferences.paused_until is not None and not day < preferences.paused_until <= last:
        raise invalid(
            _("a pause ends after today and within a year, by %(last)s", last=last.isoformat()), "bad_pause", "paused_until"
        )
    await prefer(db, employee_id, preferences, now)


def fault_in(error: ValidationError | Refused) -> str:
    """What is wrong, for whoever filled in the form."""
    if isinstance(error, Refused):
        return error.detail
    if any(fault.field for fault in describe(error)):
        return _("a time is such as 18:30, and a day such as 2027-01-31")
    return _("quiet hours need both ends, and they must differ; leave both empty for the usual hours")
