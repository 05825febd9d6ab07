"""A timeline in words: what happened around one person, who did it, and what became of messages. Pure."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import cast

from services.onboarding.cards import Words
from services.onboarding.programme import Programme, text_in
from services.onboarding.projections.timeline import Entry
from services.onboarding.views import LANGUAGES, NOT_PEOPLE, OWNERS, by_whom, title_of
from shared.events.onboarding import TOPIC as JOURNEYS
from shared.events.onboarding import Owner
from shared.pages.words import day, humane, moment, plural

_TOLD_ALREADY = ("mentor_assigned", "meeting_held", "survey_answered")  # a milestone done by these: they have their own line
TITLES_SHOWN = 4  # of a longer list one line names the first, the plan has all
_ID_FIELDS = ("mentor_id", "manager_id", "recipient_id", "reported_by")


@dataclass(frozen=True, slots=True)
class Happening:
    """One line of a timeline; `kind` is `late` for what is late and empty otherwise."""

    when: str
    words: str
    kind: str = ""


@dataclass(frozen=True, slots=True)
class MessageLine:
    """One message and its state."""

    words: str
    state: Words


def people_in(entries: Iterable[Entry]) -> set[str]:
    """The ids of everybody that entries name, so that their names can be read in one query."""
    ids = {entry.who for entry in entries if entry.who and entry.who not in NOT_PEOPLE}
    return ids | {str(entry.details[name]) for entry in entries for name in _ID_FIELDS if entry.details.get(name)}


def happenings(
    entries: Iterable[Entry],
    programme: Programme | None,
    names: Mapping[str, str],
    zone: str | None,
    reasons: Mapping[int, str] | None = None,
) -> list[Happening]:
    """What happened, newest first, at the time of day where the hire works; messages have their own list.

    `reasons` are what people wrote, by the sequence number of the fact that they explain.
    """
    shown = []
    for entry in reversed(list(entries)):
        words = _WORDS.get(entry.kind)
        if words is not None and entry.details.get("cause") not in _TOLD_ALREADY:
            why = (reasons or {}).get(entry.sequence) if entry.topic == JOURNEYS else None
            said = words(_Told(entry, programme, names)) + (f": {why}" if why else "")
            shown.append(Happening(moment(entry.at, zone), said, _kind(entry)))
    return shown


def messages_in(entries: Iterable[Entry], names: Mapping[str, str]) -> list[MessageLine]:
    """The messages, newest first; told again, a message has its newest state."""
    newest: dict[str, Entry] = {}
    for entry in entries:
        if entry.kind in _MESSAGE_STATES:
            newest[str(entry.details.get("message_id"))] = entry
    return [_message(entry, names) for entry in sorted(newest.values(), key=lambda each: each.order, reverse=True)]


def _kind(entry: Entry) -> str:
    return "late" if entry.kind == "milestone_late" else ""


@dataclass(frozen=True, slots=True)
class _Told:
    entry: Entry
    programme: Programme | None
    names: Mapping[str, str]

    @property
    def title(self) -> str:
        return title_of(self.programme, self.entry.milestone_id or "")

    def name(self, field: str) -> str:
        id = str(self.entry.details.get(field) or "")
        return self.names.get(id, id)

    @property
    def by(self) -> str:
        return by_whom(self.entry.who, self.names)

    @property
    def owner(self) -> str:
        owner = self.text("owner")
        return OWNERS.get(cast(Owner, owner), owner).lower()

    def text(self, field: str) -> str:
        return str(self.entry.details.get(field, ""))


def _journey_started(told: _Told) -> str:
    title = text_in(told.programme.title, LANGUAGES) if told.programme else told.text("programme")
    return f"Journey began: {title}"


def _manager_changed(told: _Told) -> str:
    return f"{told.name('manager_id')} became the manager" if told.text("manager_id") else "No manager any more"


def _met(told: _Told) -> str:
    mentor = told.name("mentor_id") or "the mentor"
    return f"Met {mentor} for {told.text('minutes')} minutes on {day(told.text('held_on'))}"


def _survey(told: _Told) -> str:
    survey = told.programme.surveys.get(told.text("survey_id")) if told.programme else None
    return f"Answered: {text_in(survey.title, LANGUAGES) if survey else humane(told.text('survey_id'))}"


def _released(told: _Told) -> str:
    return f"{told.name('mentor_id')} is no longer the mentor: {humane(told.text('cause')).lower()}"


def _rescheduled(told: _Told) -> str:
    moved = told.entry.details.get("due") or {}
    if told.text("cause") == "place_of_work":
        return f"{plural(len(moved), 'day')} moved to working days of the new place of work"
    with_it = f"; {plural(len(moved), 'open milestone')} moved with it" if moved else ""
    return f"The first day is now {day(told.text('start_date'))}{with_it}"


_REPLANNED: Mapping[str, str] = {
    "transfer": "Transfer",
    "programme": "Another programme",
    "migration": "The programme's new version",
    "late_data": "Told long after the start",
}


def _replanned(told: _Told) -> str:
    """`Transfer: new are A and B; not needed any more is C`, by whom."""
    details = told.entry.details
    dropped = [str(id) for id in details.get("dropped", [])]
    added = [str(each["id"]) for each in details.get("added", []) if each["id"] not in dropped]
    changes = [f"{words}: {_titles(told, ids)}" for words, ids in (("new", added), ("not needed any more", dropped)) if ids]
    if details.get("changed"):
        changes.append(f"changed: {_titles(told, [str(each['id']) for each in details['changed']])}")
    how = _REPLANNED.get(told.text("cause"), humane(told.text("cause")))
    return f"{how}{told.by} ({'; '.join(changes) or 'nothing else changes'})"


def _titles(told: _Told, ids: Sequence[str]) -> str:
    shown = [title_of(told.programme, id) for id in ids[:TITLES_SHOWN]]
    more = len(ids) - len(shown)
    return ", ".join(shown) + (f" and {more} more" if more else "")


def _paused(told: _Told) -> str:
    until = told.text("until")
    return f"Journey paused{told.by}" + (f" until {day(until)}" if until else "")


def _reassigned(told: _Told) -> str:
    return f"{told.title}: {told.owner} sees to it now, said{told.by}"


def _escalated(told: _Told) -> str:
    to = OWNERS.get(cast(Owner, told.text("to")), told.text("to")).lower()
    return f"{told.title}: still open, so the {to} hears of it; it stays with the {told.owner}"


_WORDS: Mapping[str, Callable[[_Told], str]] = {
    "journey_started": _journey_started,
    "journey_rescheduled": _rescheduled,
    "journey_replanned": _replanned,
    "journey_paused": _paused,
    "journey_resumed": lambda told: f"Back on {day(told.text('back_on'))}: the journey goes on{told.by}",
    "leaving_planned": lambda told: f"Will leave: last day {day(told.text('last_day'))}",
    "leaving_cancelled": lambda told: "Stays after all",
    "manager_changed": _manager_changed,
    "milestone_completed": lambda told: f"{told.title}: done{told.by}",
    "milestone_confirmed": lambda told: f"{told.title}: done as far as a word goes, said{told.by}",
    "milestone_late": lambda told: f"{told.title}: late",
    "milestone_reminded": lambda told: f"{told.title}: reminder for the {told.owner}, due {day(told.text('due'))}",
    "milestone_escalated": _escalated,
    "milestone_waived": lambda told: f"{told.title}: not needed, said{told.by}",
    "milestone_reopened": lambda told: f"{told.title}: needed after all by {day(told.text('due'))}, said{told.by}",
    "milestone_added": lambda told: f"{told.title}: added{told.by}, due {day(told.text('due'))}",
    "milestone_moved": lambda told: f"{told.title}: moved to {day(told.text('due'))}{told.by}",
    "milestone_reassigned": _reassigned,
    "meeting_held": _met,
    "survey_answered": _survey,
    "journey_cancelled": lambda told: "Will not join after all",
    "journey_ended": lambda told: "Journey finished" if told.text("outcome") == "completed" else "Left",
    "journey_reopened": lambda told: "The journey goes on",
    "mentor_assigned": lambda told: f"{told.name('mentor_id')} became the mentor{told.by}",
    "mentor_released": _released,
    "hire_waitlisted": lambda told: "On the waitlist for a mentor",
    "hire_unlisted": lambda told: "Off the waitlist",
}

_MESSAGE_STATES: Mapping[str, Words] = {
    "message_sent": Words("Sent", "ok", "check"),
    "message_failed": Words("Failed", "late", "alert"),
    "message_suppressed": Words("Not sent", "muted", "minus"),
}


def _message(entry: Entry, names: Mapping[str, str]) -> MessageLine:
    told = _Told(entry, None, names)
    to = told.name("recipient_id") or humane(told.text("recipient_role"))
    state = _MESSAGE_STATES[entry.kind]
    reason = told.text("reason")
    words = f"{state.words}: {humane(reason).lower()}" if reason else state.words
    return MessageLine(f"{humane(told.text('template'))}, to {to}", Words(words, state.kind, state.symbol))
