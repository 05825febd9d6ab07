"""How a hire reaches the people around them: their address at work, and how far their clock is from the hire's. Pure."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from urllib.parse import quote
from zoneinfo import ZoneInfo

from babel.units import format_unit

from shared.directory import name_of
from shared.mongo import Document
from shared.pages.language import current
from shared.pages.language import gettext as _

COORDINATORS_SHOWN = 3  # of more, whom to write to would be the question again
HOUR = timedelta(hours=1)


@dataclass(frozen=True, slots=True)
class Contact:
    """Somebody around a hire; `email` is empty where their HR system told none, `clock` where nobody's place is known."""

    id: str
    name: str = field(repr=False)
    note: str
    email: str = field(repr=False)
    clock: str

    @property
    def mailto(self) -> str:
        """Where a link to their address leads; empty without one."""
        return mailto(self.email)


def mailto(address: str | None) -> str:
    """The link that writes to an address (RFC 6068); empty without one."""
    return f"mailto:{quote(address, safe='@')}" if address else ""


def contacts(
    hire: Document,
    mentor_id: str | None,
    manager_id: str | None,
    coordinators: Sequence[str],
    known: Mapping[str, Document],
    now: datetime,
) -> Iterator[Contact]:
    """Mentor, manager and coordinators of a hire, each once and in this order; of coordinators those who are here.

    `known` are people of the directory by id.
    """
    here = [id for id in coordinators if id in known and not known[id].get("left")][:COORDINATORS_SHOWN]
    told = {hire.get("_id"), None}
    for id, note in ((mentor_id, _("Your mentor")), (manager_id, _("Your manager")), *((id, _("Coordinator")) for id in here)):
        if id is not None and id not in told:
            told.add(id)
            yield _contact(id, note, known.get(id, {}), hire.get("time_zone"), now)


def _contact(id: str, note: str, person: Document, zone: str | None, now: datetime) -> Contact:
    reads_mail = not person.get("left")
    email = (person.get("work_email") or "") if reads_mail else ""
    return Contact(id, name_of(person or None, id), note, email, clock_words(person.get("time_zone"), zone, now))


def clock_words(theirs: str | None, yours: str | None, now: datetime) -> str:
    """`Europe/Paris, 1 hour ahead of you`; empty where either zone is unknown."""
    if not theirs or not yours:
        return ""
    ahead = _offset(theirs, now) - _offset(yours, now)
    zone = theirs.replace("_", " ")
    if not ahead:
        return _("%(zone)s, the same time as with you", zone=zone)
    hours = format_unit(abs(ahead) / HOUR, "duration-hour", locale=current().locale)
    return (
        _("%(zone)s, %(hours)s ahead of you", zone=zone, hours=hours)
        if ahead > timedelta()
        else _("%(zone)s, %(hours)s behind you", zone=zone, hours=hours)
    )


def _offset(zone: str, now: datetime) -> timedelta:
    return now.astimezone(ZoneInfo(zone)).utcoffset() or timedelta()
