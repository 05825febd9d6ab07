"""The words of a programme's preview, in English and German. Pure."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date

from babel.dates import format_date

from services.onboarding.programme import Person
from shared.calendar import Place, WhyOff

Conditions = Sequence[tuple[str, Sequence[str]]]


@dataclass(frozen=True, slots=True)
class Words:
    """How one language says it. `{n}` and the like are filled in."""

    language: str
    owners: Mapping[str, str]
    phases: Mapping[str, str]
    fields: Mapping[str, str]
    optional: str
    left_out: str
    after: Callable[[int, bool, str | None], str]
    moved_text: str
    reminders_text: str
    escalation_text: str
    only: str
    not_told: str
    is_here: str
    doubt: str
    no_place: str
    unknown_place: str
    unknown_part: str

    def day(self, day: date, *, year: bool = False) -> str:
        """`Mon 11 Jan`, `Mo 11. Jan.`; with the year where asked."""
        return format_date(day, self._pattern + (" y" if year else ""), locale=self.language)

    def month(self, day: date) -> str:
        """`January 2027`."""
        return format_date(day, "LLLL y", locale=self.language)

    def weekdays(self) -> list[str]:
        """Two letters for each day of a week that begins on Monday."""
        return [format_date(date(2027, 1, 4 + number), "EEEEEE", locale=self.language)[:2] for number in range(7)]

    @property
    def _pattern(self) -> str:
        return "EEE d. MMM" if self.language == "de" else "EEE d MMM"

    def counted(self, day: int, in_working_days: bool, after: str | None) -> str:
        """How a milestone's day comes about; `after` is the title of the milestone it comes after."""
        return self.after(day, in_working_days, after)

    def moved(self, counted: date, why: WhyOff) -> str:
        """Why it is due on another day than counted."""
        return self.moved_text.format(day=self.day(counted), name=why.name)

    def told(self, reminders: Sequence[date], escalation: date | None, to: str) -> str:
        """On which days its owner is reminded, and when whom else is told that it is open; empty where nobody is."""
        parts = [self.reminders_text.format(days=", ".join(map(self.day, reminders)))] if reminders else []
        if escalation is not None:
            parts.append(self.escalation_text.format(day=self.day(escalation), who=self.owners[to]))
        return "; ".join(parts)

    def only_for(self, conditions: Conditions) -> str:
        """For whom it is, where it is not for everybody."""
        told = ", ".join(f"{self.fields[name]} {' / '.join(values)}" for name, values in conditions)
        return self.only.format(who=told) if told else ""

    def unmet(self, conditions: Conditions, person: Person) -> str:
        """For whom it is, and what this person is instead."""
        told = ((self.fields[name], getattr(person, name)) for name, _ in conditions)
        here = [
            self.is_here.format(field=field, value=value) if value else self.not_told.format(field=field) for field, value in told
        ]
        return f"{self.only_for(conditions)}; {', '.join(here)}"

    def not_chosen(self, why: str) -> str:
        """That a programme would not be this person's."""
        return self.doubt.format(why=why)

    def place_note(self, where: Place, location: str | None) -> str:
        """What could not be used of a location."""
        if location is None:
            return self.no_place
        text = self.unknown_part if where.known else self.unknown_place
        return text.format(location=location, country=where.country)


def _after_in_english(day: int, in_working_days: bool, after: str | None) -> str:
    origin = f"“{after}”" if after else "the start"
    if day == 0:
        return f"together with {origin}" if after else "on the first day"
    unit = ("working day" if in_working_days else "day") + ("" if abs(day) == 1 else "s")
    return f"{abs(day)} {unit} {'before' if day < 0 else 'after'} {origin}"


def _after_in_german(day: int, in_working_days: bool, after: str | None) -> str:
    origin = f"„{after}“" if after else "dem Start"
    if day == 0:
        return f"zusammen mit {origin}" if after else "am ersten Tag"
    unit = ("Arbeitstag" if in_working_days else "Tag") + ("" if abs(day) == 1 else "e")
    return f"{abs(day)} {unit} {'vor' if day < 0 else 'nach'} {origin}"


ENGLISH = Words(
    language="en",
    owners={"hire": "New hire", "mentor": "Mentor", "manager": "Manager", "coordinator": "Coordinator"},
    phases={
        "before": "Before the start",
        "first_day": "First day",
        "first_week": "First week",
        "first_month": "First month",
        "first_ninety_days": "First ninety days",
        "later": "Later",
    },
    fields={
        "work_arrangement": "work arrangement",
        "department": "department",
        "location": "location",
        "employment_type": "employment type",
    },
    optional="optional",
    left_out="Not for this person",
    after=_after_in_english,
    moved_text="{day} is a day off ({name})",
    reminders_text="reminder on {days}",
    escalation_text="still open on {day}: {who} is told",
    only="only for {who}",
    not_told="{field} is not told",
    is_here="here: {field} {value}",
    doubt="This person would get another programme: this one is {why}.",
    no_place="No location is given: Monday to Friday without public holidays.",
    unknown_place="'{location}' names no country: Monday to Friday without public holidays. Use a code such as FR or DE-BY.",
    unknown_part="'{location}' names no part of {country}: its national holidays are used.",
)
GERMAN = Words(
    language="de",
    owners={"hire": "Neue Kraft", "mentor": "Mentor", "manager": "Führungskraft", "coordinator": "Koordination"},
    phases={
        "before": "Vor dem Start",
        "first_day": "Erster Tag",
        "first_week": "Erste Woche",
        "first_month": "Erster Monat",
        "first_ninety_days": "Erste neunzig Tage",
        "later": "Später",
    },
    fields={
        "work_arrangement": "Arbeitsform",
        "department": "Abteilung",
        "location": "Ort",
        "employment_type": "Beschäftigung",
    },
    optional="freiwillig",
    left_out="Nicht für diese Person",
    after=_after_in_german,
    moved_text="{day} ist frei ({name})",
    reminders_text="Erinnerung am {days}",
    escalation_text="am {day} noch offen: {who} erfährt es",
    only="nur für {who}",
    not_told="{field} nicht angegeben",
    is_here="hier: {field} {value}",
    doubt="Diese Person bekäme ein anderes Programm: dieses ist {why}.",
    no_place="Kein Ort angegeben: Montag bis Freitag ohne Feiertage.",
    unknown_place="„{location}“ nennt kein Land: Montag bis Freitag ohne Feiertage. Nutzen Sie einen Code wie FR oder DE-BY.",
    unknown_part="„{location}“ nennt keinen Teil von {country}: die landesweiten Feiertage gelten.",
)
_LANGUAGES = {each.language: each for each in (ENGLISH, GERMAN)}


def words_in(language: str) -> Words:
    """The words of a language by its BCP 47 tag; English where there are none."""
    return _LANGUAGES.get(language.split("-", maxsplit=1)[0].lower(), ENGLISH)
