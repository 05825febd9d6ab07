"""A timeline in words: what happened around one person, who did it, and what became of messages. Pure."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import cast

from services.onboarding.cards import Words
from services.onboarding.programme import Programme
from services.onboarding.projections.timeline import Entry
from services.onboarding.views import NOT_PEOPLE, OWNERS, in_page_language, title_of, who_did
from shared.events.onboarding import TOPIC as JOURNEYS
from shared.events.onboarding import Owner
from shared.pages.language import N_, ngettext
from shared.pages.language import gettext as _
from shared.pages.words import day, humane, listed, lowered, moment

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
            said = words(_Told(entry, programme, names))
            said = _("%(what)s: %(why)s", what=said, why=why) if why else said
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
    def who(self) -> str:
        return who_did(self.entry.who, self.names)

    def owner(self, field: str = "owner") -> str:
        owner = self.text(field)
        return lowered(_(OWNERS.get(cast(Owner, owner), owner)))

    def day(self, field: str) -> str:
        return day(self.text(field))

    def text(self, field: str) -> str:
        return str(self.entry.details.get(field, ""))


def _journey_started(told: _Told) -> str:
    title = in_page_language(told.programme.title) if told.programme else told.text("programme")
    return _("Journey began: %(programme)s", programme=title)


def _manager_changed(told: _Told) -> str:
    if not told.text("manager_id"):
        return _("No manager any more")
    return _("%(name)s became the manager", name=told.name("manager_id"))


def _assigned(told: _Told) -> str:
    text = N_("%(name)s became the mentor by %(who)s") if told.who else N_("%(name)s became the mentor")
    return _(text, name=told.name("mentor_id"), who=told.who)


def _met(told: _Told) -> str:
    met = _meeting(told)
    return _("%(what)s, logged by %(who)s", what=met, who=told.who) if told.who else met


def _meeting(told: _Told) -> str:
    return ngettext(
        "Met %(name)s for %(num)s minute on %(day)s",
        "Met %(name)s for %(num)s minutes on %(day)s",
        int(told.text("minutes")),
        name=told.name("mentor_id") or _("the mentor"),
        day=told.day("held_on"),
    )


def _survey(told: _Told) -> str:
    survey = told.programme.surveys.get(told.text("survey_id")) if told.programme else None
    return _("Answered: %(what)s", what=in_page_language(survey.title) if survey else humane(told.text("survey_id")))


def _released(told: _Told) -> str:
    why = lowered(humane(told.text("cause")))
    return _("%(name)s is no longer the mentor: %(why)s", name=told.name("mentor_id"), why=why)


def _rescheduled(told: _Told) -> str:
    moved = len(told.entry.details.get("due") or {})
    if told.text("cause") == "place_of_work":
        return ngettext(
            "%(num)s day moved to working days of the new place of work",
            "%(num)s days moved to working days of the new place of work",
            moved,
        )
    if not moved:
        return _("The first day is now %(day)s", day=told.day("start_date"))
    return ngettext(
        "The first day is now %(day)s; %(num)s open milestone moved with it",
        "The first day is now %(day)s; %(num)s open milestones moved with it",
        moved,
        day=told.day("start_date"),
    )


_REPLANNED: Mapping[str, str] = {
    "transfer": N_("Transfer"),
    "programme": N_("Another programme"),
    "migration": N_("The programme's new version"),
    "late_data": N_("Told long after the start"),
}


def _replanned(told: _Told) -> str:
    """`Transfer. New: A and B. Not needed any more: C.`, by whom."""
    details, cause = told.entry.details, told.text("cause")
    dropped = [str(id) for id in details.get("dropped", [])]
    added = [str(each["id"]) for each in details.get("added", []) if each["id"] not in dropped]
    changed = [str(each["id"]) for each in details.get("changed", [])]
    changes = changes_in_words(*([title_of(told.programme, id) for id in ids] for ids in (added, changed, dropped)))
    how = _(_REPLANNED[cause]) if cause in _REPLANNED else humane(cause)
    text = N_("%(how)s, by %(who)s.") if told.who else N_("%(how)s.")
    return " ".join([_(text, how=how, who=told.who), *(changes or [_("Nothing else changes.")])])


def changes_in_words(added: Sequence[str], changed: Sequence[str], dropped: Sequence[str]) -> list[str]:
    """What changes in a plan, a sentence for each kind of change that there is; of long lists the first."""
    kinds = (
        (N_("New: %(what)s."), added),
        (N_("Changed: %(what)s."), changed),
        (N_("Not needed any more: %(what)s."), dropped),
    )
    return [_(text, what=_first_of(things)) for text, things in kinds if things]


def _first_of(things: Sequence[str]) -> str:
    more = len(things) - TITLES_SHOWN
    return listed([*things[:TITLES_SHOWN], *([ngettext("%(num)s more", "%(num)s more", more)] if more > 0 else [])])


def _paused(told: _Told) -> str:
    if not told.text("until"):
        text = N_("Journey paused by %(who)s") if told.who else N_("Journey paused")
        return _(text, who=told.who)
    text = N_("Journey paused by %(who)s until %(day)s") if told.who else N_("Journey paused until %(day)s")
    return _(text, who=told.who, day=told.day("until"))


def _resumed(told: _Told) -> str:
    text = N_("Back on %(day)s: the journey goes on, by %(who)s") if told.who else N_("Back on %(day)s: the journey goes on")
    return _(text, day=told.day("back_on"), who=told.who)


def _completed(told: _Told) -> str:
    text = N_("%(title)s: done by %(who)s") if told.who else N_("%(title)s: done")
    return _(text, title=told.title, who=told.who)


def _added(told: _Told) -> str:
    text = N_("%(title)s: added by %(who)s, due %(day)s") if told.who else N_("%(title)s: added, due %(day)s")
    return _(text, title=told.title, who=told.who, day=told.day("due"))


def _moved(told: _Told) -> str:
    text = N_("%(title)s: moved to %(day)s by %(who)s") if told.who else N_("%(title)s: moved to %(day)s")
    return _(text, title=told.title, who=told.who, day=told.day("due"))


def _escalated(told: _Told) -> str:
    text = N_("%(title)s: still open, so the %(other)s hears of it; it stays with the %(owner)s")
    return _(text, title=told.title, other=told.owner("to"), owner=told.owner())


_SENTENCES: Mapping[str, str] = {
    "pause_planned": N_("Will be away from %(since)s on, said by %(who)s"),
    "pause_cancelled": N_("Will not be away after all, said by %(who)s"),
    "leaving_cancelled": N_("Stays after all"),
    "leaving_planned": N_("Will leave: last day %(last_day)s"),
    "milestone_confirmed": N_("%(title)s: done as far as a word goes, said by %(who)s"),
    "milestone_late": N_("%(title)s: late"),
    "milestone_reminded": N_("%(title)s: reminder for the %(owner)s, due %(due)s"),
    "milestone_waived": N_("%(title)s: not needed, said by %(who)s"),
    "milestone_reopened": N_("%(title)s: needed after all by %(due)s, said by %(who)s"),
    "milestone_reassigned": N_("%(title)s: the %(owner)s sees to it now, said by %(who)s"),
    "journey_cancelled": N_("Will not join after all"),
    "journey_reopened": N_("The journey goes on"),
    "hire_waitlisted": N_("On the waitlist for a mentor"),
    "hire_unlisted": N_("Off the waitlist"),
}
"""Kinds of which every entry says the same, with its own title, people and days."""


def _sentence(told: _Told) -> str:
    days = {field: told.day(field) for field in ("due", "last_day", "since") if told.text(field)}
    who = told.who or _("the system")
    return _(_SENTENCES[told.entry.kind], title=told.title, who=who, owner=told.owner(), **days)


_WORDS: Mapping[str, Callable[[_Told], str]] = {
    **dict.fromkeys(_SENTENCES, _sentence),
    "journey_started": _journey_started,
    "journey_rescheduled": _rescheduled,
    "journey_replanned": _replanned,
    "journey_paused": _paused,
    "journey_resumed": _resumed,
    "manager_changed": _manager_changed,
    "milestone_completed": _completed,
    "milestone_escalated": _escalated,
    "milestone_added": _added,
    "milestone_moved": _moved,
    "meeting_held": _met,
    "survey_answered": _survey,
    "journey_ended": lambda told: _("Journey finished") if told.text("outcome") == "completed" else _("Left"),
    "mentor_assigned": _assigned,
    "mentor_released": _released,
}

_MESSAGE_STATES: Mapping[str, Words] = {
    "message_sent": Words(N_("Sent"), "ok", "check"),
    "message_failed": Words(N_("Failed"), "late", "alert"),
    "message_suppressed": Words(N_("Not sent"), "muted", "minus"),
}

TEMPLATES = (
    N_("Welcome"),
    N_("Hire cancelled"),
    N_("Manager digest"),
    N_("Week ahead"),
    N_("Manager notice"),
    N_("Meeting cancelled"),
    N_("Meeting invitation"),
    N_("Meeting question"),
    N_("Mentor brief"),
    N_("Mentor guidance"),
    N_("Mentor introduction"),
    N_("Mentor release"),
    N_("Mentor unavailable"),
    N_("Milestone escalated"),
    N_("Milestone late"),
    N_("Milestone reminder"),
    N_("Plans changed"),
    N_("Survey invitation"),
    N_("Undelivered"),
    N_("Waitlisted"),
    N_("Withdrawn"),
)
"""What `humane` makes of the names of messages and of why one was not sent, for translation."""


def _message(entry: Entry, names: Mapping[str, str]) -> MessageLine:
    told = _Told(entry, None, names)
    role = told.text("recipient_role")
    to = told.name("recipient_id") or _(OWNERS.get(cast(Owner, role), humane(role)))
    state = _MESSAGE_STATES[entry.kind]
    words, reason = _(state.words), told.text("reason")
    if reason:
        words = _("%(what)s: %(why)s", what=words, why=lowered(humane(reason)))
    line = _("%(what)s, to %(who)s", what=humane(told.text("template")), who=to)
    return MessageLine(line, Words(words, state.kind, state.symbol))
