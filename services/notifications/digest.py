"""What a summary says, pure: to a manager how their people are doing, to a coordinator whom we could not reach, to a hire what
comes this week."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta

from services.notifications.correspondence import Correspondence
from services.notifications.entry import Entry
from services.notifications.letters import Person, called, today
from shared.events.onboarding import Owner

AHEAD = timedelta(days=14)  # who starts within a fortnight is worth a thought today
A_WEEK = timedelta(days=7)
FIRST_DAYS = timedelta(days=90)  # after that a hire belongs to the team like everybody
MOST = 10  # lines of a kind; the board shows the rest

UNREACHED = ("no_address", "bad_address", "address_bounced")
"""Reasons for which somebody did not get a message, which HR's record of them may mend."""


@dataclass(frozen=True, slots=True)
class Starter:
    """Somebody who starts soon; `mentor` is empty while nobody mentors them."""

    name: str
    day: date
    mentor: str


@dataclass(frozen=True, slots=True)
class Overdue:
    """A milestone of a hire that is late, with who sees to it; `who` is empty where nobody is named."""

    name: str
    milestone: str
    due: date
    owner: Owner
    who: str


@dataclass(frozen=True, slots=True)
class News:
    """What changed within a week: a `mentor` found, or another `start`."""

    name: str
    mentor: str = ""
    start: date | None = None


@dataclass(frozen=True, slots=True)
class Digest:
    """A manager's week. `well` counts the hires within their first ninety days of whom nothing is late; `more_late` what is late
    beyond the lines shown."""

    starting: Sequence[Starter] = ()
    late: Sequence[Overdue] = ()
    more_late: int = 0
    waiting: Sequence[str] = ()
    news: Sequence[News] = ()
    well: int = 0

    @property
    def says_anything(self) -> bool:
        """Whether it is worth a mail."""
        return bool(self.starting or self.late or self.waiting or self.news)


@dataclass(frozen=True, slots=True)
class Unreached:
    """Somebody who did not get `count` messages, the reason for the last, and whether they start soon."""

    employee_id: str
    name: str
    reason: str
    count: int


@dataclass(frozen=True, slots=True)
class Trouble:
    """Whom we could not reach since the last look; `more` counts those beyond the lines shown."""

    people: Sequence[Unreached] = ()
    more: int = 0

    @property
    def says_anything(self) -> bool:
        """Whether it is worth a mail."""
        return bool(self.people)


@dataclass(frozen=True, slots=True)
class Coming:
    """A milestone of the hire's coming days: a `meeting` with their mentor, or something they are asked."""

    milestone: str
    day: date
    meeting: bool


@dataclass(frozen=True, slots=True)
class Ahead:
    """A hire's week, day by day."""

    coming: Sequence[Coming] = ()

    @property
    def says_anything(self) -> bool:
        """Whether it is worth a mail."""
        return bool(self.coming)


Told = Digest | Trouble | Ahead
"""What a summary tells."""


def ahead(state: Correspondence | None, reader: Person, now: datetime) -> Ahead:
    """What comes to a hire within a week, today included."""
    if state is None or state.resting or state.status != "expected":
        return Ahead()
    day = today(reader, now)
    week = [(id, ask) for id, ask in state.asks.items() if ask.open and day <= ask.due < day + A_WEEK]
    coming = [Coming(id, ask.due, bool(ask.meeting)) for id, ask in week if ask.survey or state.assignment is not None]
    return Ahead(sorted(coming, key=lambda each: (each.day, each.milestone))[:MOST])


def digest(team: Sequence[Correspondence], people: Mapping[str, Person], reader: Person, now: datetime) -> Digest:
    """What a manager should know of their people this week. `team` are the hires who are expected or here."""
    day = today(reader, now)
    new = [state for state in team if state.start_date is not None and day - FIRST_DAYS <= state.start_date]
    late = _late(new, people)
    return Digest(
        starting=_starting(new, people, day),
        late=late[:MOST],
        more_late=max(0, len(late) - MOST),
        waiting=sorted(_name(state.employee_id, people) for state in new if state.waitlisted_by and state.assignment is None)[
            :MOST
        ],
        news=_news(new, people, now)[:MOST],
        well=sum(not state.late and state.start_date <= day for state in new if state.start_date is not None),
    )


def trouble(entries: Sequence[Entry], people: Mapping[str, Person]) -> Trouble:
    """Whom these messages did not reach, those with most of them first."""
    by_person: dict[str, list[Entry]] = {}
    for entry in entries:
        by_person.setdefault(entry.recipient_id, []).append(entry)
    found = [
        Unreached(id, _name(id, people), theirs[-1].reason or "", len(theirs))
        for id, theirs in sorted(by_person.items(), key=lambda each: (-len(each[1]), each[0]))
    ]
    return Trouble(found[:MOST], max(0, len(found) - MOST))


def _name(id: str, people: Mapping[str, Person]) -> str:
    return called(people.get(id, {}), id)


def _mentor(state: Correspondence, people: Mapping[str, Person]) -> str:
    return _name(state.assignment.mentor_id, people) if state.assignment else ""


def _waits(state: Correspondence) -> bool:
    return state.waitlisted_by is not None and state.assignment is None


def _starting(new: Sequence[Correspondence], people: Mapping[str, Person], day: date) -> list[Starter]:
    soon = [
        Starter(_name(state.employee_id, people), state.start_date, _mentor(state, people))
        for state in new
        if state.start_date is not None and day <= state.start_date <= day + AHEAD
    ]
    return sorted(soon, key=lambda each: (each.day, each.name))[:MOST]


def _late(new: Sequence[Correspondence], people: Mapping[str, Person]) -> list[Overdue]:
    lines = [
        Overdue(_name(state.employee_id, people), id, late.due, late.owner, _who(late.owner, state, people))
        for state in new
        for id, late in state.late.items()
    ]
    return sorted(lines, key=lambda each: (each.due, each.name, each.milestone))


def _who(owner: Owner, state: Correspondence, people: Mapping[str, Person]) -> str:
    if owner == "hire":
        return _name(state.employee_id, people)
    return _mentor(state, people) if owner == "mentor" else ""


def _news(new: Sequence[Correspondence], people: Mapping[str, Person], now: datetime) -> list[News]:
    found = [
        News(_name(state.employee_id, people), mentor=_mentor(state, people))
        for state in new
        if state.assignment is not None and state.assignment.since is not None and now - state.assignment.since < A_WEEK
    ]
    moved = [
        News(_name(state.employee_id, people), start=state.start_date)
        for state in new
        if state.moves and state.start_said_at is not None and now - state.start_said_at < A_WEEK
    ]
    return sorted([*found, *moved], key=lambda each: each.name)
