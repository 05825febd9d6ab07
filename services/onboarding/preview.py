"""What a programme would plan for somebody, drawn before anybody starts: each day with its reason, and what is left out. Pure."""

from calendar import Calendar
from collections.abc import Iterator, Sequence
from datetime import date, timedelta
from typing import Annotated, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field

from services.onboarding import preview_words as words
from services.onboarding.programme import Milestone, Person, Programme, When, text_in
from shared.calendar import Place, day_off, is_working_day, place
from shared.events.hr import StartDate, Text, WorkArrangement
from shared.events.onboarding import Owner
from shared.pages.language import current, speaking

Phase = Literal["before", "first_day", "first_week", "first_month", "first_ninety_days", "later"]
PHASE_ENDS: Sequence[tuple[Phase, int]] = (
    ("before", -1),
    ("first_day", 0),
    ("first_week", 6),
    ("first_month", 30),
    ("first_ninety_days", 92),  # day 90 may roll to a Monday
)


Known = Annotated[Text | None, BeforeValidator(lambda value: value or None)]
"""A field of a form: left empty, nothing is known."""


class Newcomer(BaseModel):
    """Somebody who might start: what a preview may be told of them."""

    model_config = ConfigDict(frozen=True)
    start: StartDate
    location: Known = None
    department: Known = None
    work_arrangement: Annotated[WorkArrangement | None, BeforeValidator(lambda value: value or None)] = None
    employment_type: Known = None

    @property
    def person(self) -> Person:
        """As decisions see them."""
        return Person.of(self.model_dump())


class _Shown(BaseModel):
    model_config = ConfigDict(frozen=True)


class PreviewedMilestone(_Shown):
    """One milestone that this person would have.

    `counted` says how its day comes about, `moved` why it is another one than counted (empty where it is not), `why` for whom
    it is (empty where it is for everybody), `told` when its owner is reminded and who else is told that it is open.
    """

    id: str
    title: str
    owner: Owner
    due: date
    phase: Phase
    required: bool
    completed_by: str = Field(description="The kind of fact that completes it, as `completed_by` has it.")
    counted: str
    moved: str
    why: str
    told: str


class LeftOut(_Shown):
    """A milestone of the programme that this person would not have, and why."""

    id: str
    title: str
    why: str


class DayOff(_Shown):
    """A day on which nobody works there: `name` is the holiday's, or the weekday's on a weekend."""

    day: date
    kind: Literal["weekend", "holiday"]
    name: str


class Preview(_Shown):
    """A programme as one person would have it. `notes` say what the reader should know: assumptions, doubts."""

    programme: str
    version: str
    title: str
    start_date: date
    location: str | None
    notes: list[str]
    milestones: list[PreviewedMilestone]
    left_out: list[LeftOut]
    days_off: list[DayOff]


class Month(_Shown):
    """A month of the preview in which something is due: its weeks from Monday (None: a day of another month)."""

    first: date
    weeks: list[list[date | None]]
    milestones: list[PreviewedMilestone]
    days_off: dict[date, DayOff]

    @property
    def holidays(self) -> list[DayOff]:
        """Its public holidays."""
        return [each for each in self.days_off.values() if each.kind == "holiday"]

    def due_on(self, day: date) -> list[PreviewedMilestone]:
        """What is due on a day of it."""
        return [each for each in self.milestones if each.due == day]


def preview(programme: Programme, start: date, person: Person, language: str = "en") -> Preview:
    """What `programme` plans for a start on `start`, in words of `language` (a BCP 47 tag; English where it has none).

    Raises `NoWorkingDay` where the calendar of the place has none for a month.
    """
    with speaking(words.locale_of(language)):
        return _preview(programme, start, person, language)


def _preview(programme: Programme, start: date, person: Person, language: str) -> Preview:
    where = place(person.location)
    here = [_previewed(each, programme, start, where, language) for each in programme.milestones if each.when.holds(person)]
    due = sorted(here, key=lambda each: each.due)
    elsewhere = [each for each in programme.milestones if not each.when.holds(person)]
    return Preview(
        programme=programme.id,
        version=programme.version,
        title=text_in(programme.title, [language]),
        start_date=start,
        location=person.location,
        notes=list(_notes(programme, person, where)),
        milestones=due,
        left_out=[
            LeftOut(id=each.id, title=text_in(each.title, [language]), why=words.unmet(unmet(each.when, person), person))
            for each in elsewhere
        ],
        days_off=list(_days_off([start, *(each.due for each in due)], where)),
    )


def months(shown: Preview) -> Iterator[Month]:
    """The months in which something is due, in order."""
    off = {each.day: each for each in shown.days_off}
    for year, month in sorted({(each.due.year, each.due.month) for each in shown.milestones}):
        weeks = Calendar().monthdatescalendar(year, month)
        yield Month(
            first=date(year, month, 1),
            weeks=[[day if day.month == month else None for day in week] for week in weeks],
            milestones=[each for each in shown.milestones if (each.due.year, each.due.month) == (year, month)],
            days_off={day: each for day, each in off.items() if (day.year, day.month) == (year, month)},
        )


def unmet(when: When, person: Person) -> list[tuple[str, Sequence[str]]]:
    """The conditions (field and its values) that do not hold for this person."""
    return [(name, values) for name, values in when if values and not When(**{name: values}).holds(person)]


def _previewed(each: Milestone, programme: Programme, start: date, where: Place, language: str) -> PreviewedMilestone:
    before = programme.due(each.after, start, where) if each.after else start
    due = programme.due(each.id, start, where)
    counted = before if each.in_working_days else before + timedelta(days=each.day)
    why_off = None if each.in_working_days or counted == due else day_off(counted, where, current().tag)
    after = text_in(programme.by_id[each.after].title, [language]) if each.after else None
    return PreviewedMilestone(
        id=each.id,
        title=text_in(each.title, [language]),
        owner=each.owner,
        due=due,
        phase=_phase(each, programme, start, due),
        required=each.required,
        completed_by=each.completed_by.event,
        counted=words.counted(each.day, each.in_working_days, after),
        moved=words.moved(counted, why_off) if why_off else "",
        why=words.only_for([(name, values) for name, values in each.when if values]),
        told=words.told(
            each.reminder_days(due, where), each.escalation_day(due, where), each.escalate.to if each.escalate else ""
        ),
    )


def _phase(each: Milestone, programme: Programme, start: date, due: date) -> Phase:
    # What is counted as the first day is that, although a start on a holiday moves it to the next working day.
    day = 0 if programme.day_of(each.id) == 0 else (due - start).days
    return next((phase for phase, last in PHASE_ENDS if day <= last), "later")


def _notes(programme: Programme, person: Person, where: Place) -> Iterator[str]:
    missed = unmet(programme.when, person)
    if missed:
        yield words.not_chosen(words.unmet(missed, person))
    if where.note:
        yield words.place_note(where, person.location)


def _days_off(days: Sequence[date], where: Place) -> Iterator[DayOff]:
    first = min(days).replace(day=1)
    after = (max(days).replace(day=1) + timedelta(days=32)).replace(day=1)
    for number in range((after - first).days):
        day = first + timedelta(days=number)
        if not is_working_day(day, where):
            named = day_off(day, where, current().tag)
            yield DayOff(day=day, kind="holiday" if named.holiday else "weekend", name=named.name)
