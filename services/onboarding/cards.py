"""A row of the board in words: one card, made the same way for a page and for a live update. Pure."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime

from services.onboarding.journey import JourneyStatus, local_day
from services.onboarding.programme import Programme
from services.onboarding.projections.board import Assignment, Attention, Board, Mail
from services.onboarding.store import BoardRow
from services.onboarding.views import OWNERS, title_of
from shared.mongo import Document
from shared.pages.words import NEAR_DAYS, day, humane, plural, relative

LATE_SHOWN = 3  # more late milestones than these are one sentence: the person's page has them all

_TONES: Mapping[Attention, str] = {"late": "late", "no_mentor": "wait", "mail_failed": "warn"}
_OVER: Mapping[JourneyStatus, str] = {"paused": "Paused", "completed": "Finished", "left": "Left", "cancelled": "Not joining"}
_RULED_OUT: Mapping[str, str] = {
    "capacity": "every suitable mentor is full",
    "no_shared_language": "no mentor shares a language with them",
    "not_available_by_start": "no mentor is available by the start date",
    "tenure_too_short": "the mentors are too new themselves",
    "not_trained": "the mentors have not had their training yet",
    "not_active": "no mentor is active",
    "own_manager": "the only mentors are their managers",
    "reporting_chain": "the only mentors are in their reporting line",
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
        no_next=_away_words(board, today) or _OVER.get(board.status, "Nothing is open"),
        mail=mail_words(board.mail),
        flags=_flags(board, programme, today) if board.status == "active" else [],
    )


def note_of(person: Document) -> str:
    """Title, department and place in one line, of what is known."""
    work = ", ".join(part for part in (person.get("title"), person.get("department")) if part)
    arrangement = person.get("work_arrangement")
    place = ", ".join(part for part in (_place(person.get("location")), "remote" if arrangement == "remote" else None) if part)
    return " · ".join(part for part in (work, place) if part)


def _place(location: str | None) -> str:
    """A location without the country code that HR systems put behind it: people know where Lyon is."""
    return re.sub(r",\s*[A-Z]{2}(-[A-Z0-9]{1,3})?$", "", location or "")


def start_of(status: JourneyStatus, start: date | None, today: date) -> Start:
    """How far it is to the first day, or since."""
    if start is None:
        return Start("Not known", "")
    days = (today - start).days
    if status in _OVER:
        words = _OVER[status]
    elif days == 0:
        words = "Starts today"
    elif days > 0:
        words = f"Day {days}"
    else:
        near = relative(start, today) if -days <= NEAR_DAYS else f"in {plural(-days // 7, 'week')}"
        words = near[:1].upper() + near[1:]
    return Start(words, day(start, today))


def _next(board: Board, programme: Programme | None, today: date) -> Next | None:
    following = board.next
    if following is None or board.status not in ("active", "completed"):
        return None
    when = relative(following.due, today)
    title = title_of(programme, following.id)
    return Next(title, OWNERS[following.owner], f"due {when}" if following.due < today else when)


def _away_words(board: Board, today: date) -> str:
    return f"Back {day(board.away.until, today)}" if board.away and board.away.until and board.status == "paused" else ""


def no_mentor_words(assignment: Assignment) -> str:
    """What stands where the mentor's name would."""
    return {"waitlisted": "On the waitlist", "released": "Being matched again"}.get(assignment.status, "Not yet")


def waiting_words(assignment: Assignment) -> str:
    """Why there is no mentor: what most nearly made one possible, or else what ruled out most mentors."""
    if assignment.status == "released":
        return f"Looking for another mentor: {humane(assignment.cause or 'released').lower()}"
    ruled_out = assignment.ruled_out
    if not ruled_out:
        return "Waiting for a mentor: nobody mentors yet"
    # Capacity is what a mentor is put down to last: whoever it ruled out would be possible with one more place.
    rule = "capacity" if ruled_out.get("capacity") else max(ruled_out, key=lambda name: (ruled_out[name], name))
    return f"Waiting for a mentor: {_RULED_OUT.get(rule, humane(rule).lower())}"


def mail_words(mail: Mail) -> Words:
    """What became of the welcome message."""
    return {
        "planned": Words("On its way", "muted", "clock"),
        "sent": Words("Sent", "ok", "check"),
        "failed": Words("Failed", "late", "alert"),
        "suppressed": Words("Not sent", "warn", "minus"),
    }[mail.state]


def _flags(board: Board, programme: Programme | None, today: date) -> list[Words]:
    flags = [_late_flag(board, id, programme, today) for id in board.late[:LATE_SHOWN]]
    if len(board.late) > LATE_SHOWN:
        flags.append(Words(f"{len(board.late) - LATE_SHOWN} more late", "late", "alert"))
    if "no_mentor" in board.attention:
        flags.append(Words(waiting_words(board.assignment), "wait", "wait"))
    if "mail_failed" in board.attention:
        what = "failed" if board.mail.state == "failed" else "not sent"
        flags.append(Words(f"Welcome mail {what}: {humane(board.mail.reason or 'unknown').lower()}", "warn", "mail"))
    return flags


def _late_flag(board: Board, id: str, programme: Programme | None, today: date) -> Words:
    return Words(f"{title_of(programme, id)}, due {relative(board.milestones[id].due, today)}", "late", "alert")
