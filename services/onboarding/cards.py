"""A row of the board in words: one card, made the same way for a page and for a live update. Pure."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime

from services.onboarding.journey import JourneyStatus, local_day
from services.onboarding.programme import Programme
from services.onboarding.projections.board import NO_ADDRESS, Assignment, Attention, Board, Mail
from services.onboarding.store import BoardRow
from services.onboarding.views import OWNERS, title_of
from shared.mongo import Document
from shared.pages.language import N_, ngettext
from shared.pages.language import gettext as _
from shared.pages.words import NEAR_DAYS, day, humane, lowered, relative

LATE_SHOWN = 3  # more late milestones than these are one sentence: the person's page has them all

_TONES: Mapping[Attention, str] = {"late": "late", "no_mentor": "wait", "mail_failed": "warn"}
_OVER: Mapping[JourneyStatus, str] = {
    "paused": N_("Paused"),
    "completed": N_("Finished"),
    "left": N_("Left"),
    "cancelled": N_("Not joining"),
}
_RULED_OUT: Mapping[str, str] = {
    "capacity": N_("every suitable mentor is full"),
    "no_shared_language": N_("no mentor shares a language with them"),
    "not_available_by_start": N_("no mentor is available by the start date"),
    "tenure_too_short": N_("the mentors are too new themselves"),
    "not_trained": N_("the mentors have not had their training yet"),
    "not_active": N_("no mentor is active"),
    "own_manager": N_("the only mentors are their managers"),
    "reporting_chain": N_("the only mentors are in their reporting line"),
}


@dataclass(frozen=True, slots=True)
class Words:
    """A short state with its kind (ok, warn, late, wait, info, muted) and symbol, as `parts.badge` takes them."""

    words: str
    kind: str = "muted"
    symbol: str = ""


@dataclass(frozen=True, slots=True)
class Start:
    """When the hire starts: counted and as a date."""

    words: str
    day: str


@dataclass(frozen=True, slots=True)
class Next:
    """The milestone that is due first."""

    title: str
    owner: str
    when: str


@dataclass(frozen=True, slots=True)
class Remedy:
    """What mends the first reason for which a row needs attention, and the page where that is done."""

    words: str
    href: str


@dataclass(frozen=True, slots=True)
class Card:
    """What `card.html` shows. `section` and `order` say where it stands on the board; `order` sorts as the store does."""

    employee_id: str
    name: str
    note: str
    section: str
    order: str
    tone: str
    start: Start
    done: int
    late: int
    total: int
    mentor: str
    no_mentor: str
    next: Next | None
    no_next: str
    mail: Words
    flags: Sequence[Words]
    remedy: Remedy | None


def section_of(board: Board) -> str:
    """The part of the board a row stands in."""
    if board.status != "active":
        return board.status
    return "attention" if board.needs_attention else "track"


def order_of(board: Board) -> str:
    """Sorts rows as the store's pages do: by start date, then id."""
    return f"{board.start_date} {board.employee_id}"


def card_of(row: BoardRow, programme: Programme | None, now: datetime) -> Card:
    """The card of a row; days are counted where the hire works."""
    board, person = row.board, row.person
    today = local_day(now, person.get("time_zone"))
    return Card(
        employee_id=board.employee_id,
        name=row.name,
        note=note_of(person),
        section=section_of(board),
        order=order_of(board),
        tone=_TONES[board.attention[0]] if board.attention else "",
        start=start_of(board.status, board.start_date, today),
        done=board.done,
        late=len([id for id in board.late if not board.milestones[id].optional]) if board.status == "active" else 0,
        total=board.total,
        mentor=row.mentor_name or "",
        no_mentor=no_mentor_words(board.assignment),
        next=_next(board, programme, today),
        no_next=_away_words(board, today) or _(_OVER.get(board.status, N_("Nothing is open"))),
        mail=mail_words(board.mail),
        flags=_flags(board, programme, today) if board.status == "active" else [],
        remedy=_remedy(board),
    )


def note_of(person: Document) -> str:
    """Title, department and place in one line, of what is known."""
    work = ", ".join(part for part in (person.get("title"), person.get("department")) if part)
    arrangement = person.get("work_arrangement")
    place = ", ".join(part for part in (_place(person.get("location")), _("remote") if arrangement == "remote" else None) if part)
    return " · ".join(part for part in (work, place) if part)


def _place(location: str | None) -> str:
    """A location without the country code that HR systems put behind it: people know where Lyon is."""
    return re.sub(r",\s*[A-Z]{2}(-[A-Z0-9]{1,3})?$", "", location or "")


def start_of(status: JourneyStatus, start: date | None, today: date) -> Start:
    """How far it is to the first day, or since."""
    if start is None:
        return Start(_("Not known"), "")
    days = (today - start).days
    if status in _OVER:
        words = _(_OVER[status])
    elif days == 0:
        words = _("Starts today")
    elif days > 0:
        words = _("Day %(days)s", days=days)
    else:
        near = relative(start, today) if -days <= NEAR_DAYS else ngettext("in %(num)s week", "in %(num)s weeks", -days // 7)
        words = near[:1].upper() + near[1:]
    return Start(words, day(start, today))


def _next(board: Board, programme: Programme | None, today: date) -> Next | None:
    following = board.next
    if following is None or board.status not in ("active", "completed"):
        return None
    when = relative(following.due, today)
    title = title_of(programme, following.id)
    return Next(title, _(OWNERS[following.owner]), _("due %(when)s", when=when) if following.due < today else when)


def _away_words(board: Board, today: date) -> str:
    if board.status != "paused" or board.away is None or board.away.until is None:
        return ""
    return _("Back %(day)s", day=day(board.away.until, today))


def no_mentor_words(assignment: Assignment) -> str:
    """What stands where the mentor's name would."""
    known = {"waitlisted": N_("On the waitlist"), "released": N_("Being matched again")}
    return _(known.get(assignment.status, N_("Not yet")))


def waiting_words(assignment: Assignment) -> str:
    """Why there is no mentor: what most nearly made one possible, or else what ruled out most mentors."""
    if assignment.status == "released":
        return _("Looking for another mentor: %(why)s", why=lowered(humane(assignment.cause or "released")))
    ruled_out = assignment.ruled_out
    if not ruled_out:
        return _("Waiting for a mentor: nobody mentors yet")
    # Capacity is what a mentor is put down to last: whoever it ruled out would be possible with one more place.
    rule = "capacity" if ruled_out.get("capacity") else max(ruled_out, key=lambda name: (ruled_out[name], name))
    return _("Waiting for a mentor: %(why)s", why=_(_RULED_OUT[rule]) if rule in _RULED_OUT else lowered(humane(rule)))


def mail_words(mail: Mail) -> Words:
    """What became of the welcome message."""
    return {
        "planned": Words(_("On its way"), "muted", "clock"),
        "sent": Words(_("Sent"), "ok", "check"),
        "failed": Words(_("Failed"), "late", "alert"),
        "suppressed": Words(_("Not sent"), "warn", "minus"),
    }[mail.state]


def _flags(board: Board, programme: Programme | None, today: date) -> list[Words]:
    flags = [_late_flag(board, id, programme, today) for id in board.late[:LATE_SHOWN]]
    if len(board.late) > LATE_SHOWN:
        flags.append(Words(ngettext("%(num)s more late", "%(num)s more late", len(board.late) - LATE_SHOWN), "late", "alert"))
    if "no_mentor" in board.attention:
        flags.append(Words(waiting_words(board.assignment), "wait", "wait"))
    if "mail_failed" in board.attention:
        text = N_("Welcome mail failed: %(why)s") if board.mail.state == "failed" else N_("Welcome mail not sent: %(why)s")
        flags.append(Words(_(text, why=lowered(humane(board.mail.reason or "unknown"))), "warn", "mail"))
    return flags


def _remedy(board: Board) -> Remedy | None:
    page = f"/people/{board.employee_id}"
    match board.attention:
        case ["late", *_]:
            return Remedy(_("Mark as done or not needed"), f"{page}#late")
        case ["no_mentor", *_]:
            return Remedy(_("See who could mentor"), f"/matching/why/{board.employee_id}")
        case ["mail_failed"] if board.mail.reason == NO_ADDRESS:
            return Remedy(_("Ask HR for an address"), f"{page}#messages")
        case ["mail_failed"]:
            return Remedy(_("See what went wrong"), f"{page}#messages")
    return None


def _late_flag(board: Board, id: str, programme: Programme | None, today: date) -> Words:
    due = relative(board.milestones[id].due, today)
    return Words(_("%(title)s, due %(when)s", title=title_of(programme, id), when=due), "late", "alert")
