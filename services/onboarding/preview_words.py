"""The words of a programme's preview, in the language of the page. Pure."""

from collections.abc import Mapping, Sequence
from datetime import date

from babel.dates import format_date

from services.onboarding.programme import Person
from shared.calendar import Place, WhyOff
from shared.pages.language import DEFAULT, N_, current, known_locale, ngettext
from shared.pages.language import gettext as _
from shared.pages.words import day, listed

Conditions = Sequence[tuple[str, Sequence[str]]]

OWNERS: Mapping[str, str] = {
    "hire": N_("New hire"),
    "mentor": N_("Mentor"),
    "manager": N_("Manager"),
    "coordinator": N_("Coordinator"),
}
PHASES: Mapping[str, str] = {
    "before": N_("Before the start"),
    "first_day": N_("First day"),
    "first_week": N_("First week"),
    "first_month": N_("First month"),
    "first_ninety_days": N_("First ninety days"),
    "later": N_("Later"),
}
FIELDS: Mapping[str, str] = {
    "work_arrangement": N_("work arrangement"),
    "department": N_("department"),
    "location": N_("location"),
    "employment_type": N_("employment type"),
}
ARRANGEMENTS = (N_("remote"), N_("hybrid"), N_("onsite"))
"""The only values of a field that are words of ours, for translation."""
NARROW = ("ar",)  # there even short names of weekdays are whole words


def locale_of(language: str) -> str:
    """The locale in which a preview in a language (BCP 47) speaks; English as it is written in Europe where we have no other."""
    return DEFAULT if language == "en" else known_locale(language) or DEFAULT


def month(first: date) -> str:
    """`January 2027`."""
    return str(format_date(first, "LLLL y", locale=current().locale))


def weekdays() -> list[str]:
    """A letter or two for each day of a week that begins on Monday."""
    pattern = "EEEEE" if current().tag in NARROW else "EEEEEE"
    return [str(format_date(date(2027, 1, 4 + number), pattern, locale=current().locale))[:2] for number in range(7)]


def near(value: date) -> str:
    """`Mon 11 Jan`: everything in a preview is near enough to do without the year."""
    return day(value, value)


def counted(days: int, in_working_days: bool, after: str | None) -> str:
    """How a milestone's day comes about; `after` is the title of the milestone it comes after."""
    if days == 0:
        return _("together with “%(title)s”", title=after) if after else _("on the first day")
    if in_working_days:
        length = ngettext("%(num)s working day", "%(num)s working days", abs(days))
    else:
        length = ngettext("%(num)s day", "%(num)s days", abs(days))
    if after:
        text = N_("%(days)s before “%(title)s”") if days < 0 else N_("%(days)s after “%(title)s”")
    else:
        text = N_("%(days)s before the start") if days < 0 else N_("%(days)s after the start")
    return _(text, days=length, title=after)


def moved(from_day: date, why: WhyOff) -> str:
    """Why it is due on another day than counted."""
    return _("%(day)s is a day off (%(name)s)", day=near(from_day), name=why.name)


def told(reminders: Sequence[date], escalation: date | None, to: str) -> str:
    """On which days its owner is reminded, and when whom else is told that it is open; empty where nobody is."""
    parts = [_("reminder on %(days)s", days=listed([near(each) for each in reminders]))] if reminders else []
    if escalation is not None:
        parts.append(_("still open on %(day)s: %(who)s is told", day=near(escalation), who=_(OWNERS[to])))
    return joined(parts)


def only_for(conditions: Conditions) -> str:
    """For whom it is, where it is not for everybody."""
    kinds = [_("%(field)s %(value)s", field=_(FIELDS[name]), value=_values(values)) for name, values in conditions]
    return _("only for %(who)s", who=listed(kinds)) if kinds else ""


def unmet(conditions: Conditions, person: Person) -> str:
    """For whom it is, and what this person is instead."""
    here = [_here(_(FIELDS[name]), getattr(person, name)) for name, _values in conditions]
    return joined([only_for(conditions), listed(here)])


def _here(field: str, value: str | None) -> str:
    if not value:
        return _("%(field)s is not told", field=field)
    return _("here: %(field)s %(value)s", field=field, value=_values([value]))


def _values(values: Sequence[str]) -> str:
    return " / ".join(_(value) if value in ARRANGEMENTS else value for value in values)


def not_chosen(why: str) -> str:
    """That a programme would not be this person's."""
    return _("This person would get another programme: this one is %(why)s.", why=why)


def place_note(where: Place, location: str | None) -> str:
    """What could not be used of a location."""
    if location is None:
        return _("No location is given: Monday to Friday without public holidays.")
    if where.known:
        text = N_("'%(location)s' names no part of %(country)s: its national holidays are used.")
    else:
        text = N_("'%(location)s' names no country: Monday to Friday without public holidays. Use a code such as FR or DE-BY.")
    return _(text, location=location, country=where.country)


def with_owner(owner: str, reasons: Sequence[str]) -> str:
    """Whose a milestone is, and its reasons, of which the first says when; empty ones are left out."""
    when, *others = reasons
    return joined([_("%(owner)s, %(when)s", owner=_(OWNERS[owner]), when=when), *(each for each in others if each)])


def joined(parts: Sequence[str]) -> str:
    """Clauses beside each other."""
    return _("; ").join(parts)
