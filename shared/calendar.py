"""Which days are working days where a hire works.

Public holidays and weekends come from the `holidays` library (its country calendars, weekends included, by year: Friday
and Saturday in Saudi Arabia, Saturday and Sunday in France). Pure: the same place and day always give the same answer.
"""

import re
from dataclasses import dataclass
from datetime import date, timedelta
from functools import cache, lru_cache

import holidays
from babel import Locale
from babel.dates import format_date

from shared.refusals import Refused

ONE_DAY = timedelta(days=1)
LONGEST_BREAK = 31  # days; the longest run of days off in any calendar here is about two weeks, so a longer one is a fault
MONDAY_TO_FRIDAY = "Monday to Friday without public holidays"


@dataclass(frozen=True, slots=True)
class Place:
    """Where someone works, as far as working days go.

    `country` is ISO 3166-1 alpha-2 and `subdivision` the ISO 3166-2 part after the dash; `country` is None where the
    location is unknown, and then Monday to Friday are the working days. `note` says what could not be used, if anything.
    """

    country: str | None
    subdivision: str | None = None
    note: str | None = None

    @property
    def known(self) -> bool:
        """Whether public holidays of this place are known."""
        return self.country is not None


@cache
def _countries() -> dict[str, list[str]]:
    return {code: subdivisions for code, subdivisions in holidays.list_supported_countries().items() if len(code) == 2}


def subdivisions_of(country: str) -> list[str]:
    """The codes of a country's parts, as ISO 3166-2 has them after the dash: `BY` of `DE`."""
    return sorted(code for code in _countries().get(country, []) if re.fullmatch("[A-Z0-9]{1,3}", code))


@cache
def _codes_by_name() -> dict[str, str]:
    names = Locale("en").territories
    return {str(names[code]).casefold(): code for code in _countries() if code in names}


@lru_cache(maxsize=4096)  # a company has hundreds of sites at most; the text comes from outside, so it must be bounded
def place(location: str | None) -> Place:
    """Read a location: `FR`, `DE-BY`, `US-CA`, `Munich, DE-BY` or `Lyon, France`.

    Anything else gives a place whose `known` is false and whose `note` says which week was assumed.
    """
    if location is None or not location.strip():
        return Place(None, note=f"no location is known; {MONDAY_TO_FRIDAY} is assumed")
    last = location.rsplit(",", 1)[-1].strip()
    named = _codes_by_name().get(last.casefold())
    if named is not None:
        return Place(named)
    code = re.fullmatch(r"([A-Za-z]{2})(?:-([A-Za-z0-9]{1,3}))?", last)
    country = code.group(1).upper() if code else ""
    if code is None or country not in _countries():
        return Place(
            None,
            note=f"location '{location}' names no country; use an ISO code such as FR or DE-BY; {MONDAY_TO_FRIDAY} is assumed",
        )
    subdivision = (code.group(2) or "").upper() or None
    if subdivision is not None and subdivision not in _countries()[country]:
        return Place(country, note=f"no calendar for subdivision '{subdivision}' of {country}; national holidays are used")
    return Place(country, subdivision)


@lru_cache(maxsize=2048)  # a place and a year: some kilobytes each
def _days_off(country: str, subdivision: str | None, year: int) -> frozenset[date]:
    calendar = holidays.country_holidays(country, subdiv=subdivision, years=[year])
    first = date(year, 1, 1)
    days = (first + timedelta(days=number) for number in range((date(year + 1, 1, 1) - first).days))
    return frozenset(day for day in days if not calendar.is_working_day(day))


def is_working_day(day: date, where: Place) -> bool:
    """Whether people work there on `day`: neither weekend nor public holiday."""
    if where.country is None:
        return day.weekday() < 5
    return day not in _days_off(where.country, where.subdivision, day.year)


@dataclass(frozen=True, slots=True)
class WhyOff:
    """Why nobody works on a day: the holiday's name, or the weekday's on a weekend."""

    name: str
    holiday: bool


def day_off(day: date, where: Place, language: str = "en") -> WhyOff:
    """Why `day`, a day off there, is one; named in `language` (BCP 47), or as the place itself calls it."""
    name = _holidays(where.country, where.subdivision, day.year, language).get(day) if where.country else None
    return WhyOff(name, holiday=True) if name else WhyOff(format_date(day, "EEEE", locale=language), holiday=False)


@lru_cache(maxsize=256)
def _holidays(country: str, subdivision: str | None, year: int, language: str) -> dict[date, str]:
    here = holidays.country_holidays(country, subdiv=subdivision)
    spoken = next((tag for tag in here.supported_languages if tag.startswith(language[:2])), here.default_language)
    return dict(holidays.country_holidays(country, subdiv=subdivision, years=[year], language=spoken))


class NoWorkingDay(Refused):
    """A calendar without a working day for longer than anybody's holidays: what comes of it can't be meant."""

    def __init__(self, day: date, where: Place, before: bool) -> None:
        way = "before" if before else "after"
        detail = f"no working day within {LONGEST_BREAK} days {way} {day} in {where.country}; check the calendar of that place"
        super().__init__(422, "no_working_day", detail, field="location")


def _roll(day: date, where: Place, step: timedelta) -> date:
    first = day
    for _ in range(LONGEST_BREAK):
        if is_working_day(day, where):
            return day
        day += step
    raise NoWorkingDay(first, where, before=step < timedelta())


def next_working_day(day: date, where: Place) -> date:
    """`day` itself if it is a working day, otherwise the first one after it."""
    return _roll(day, where, ONE_DAY)


def previous_working_day(day: date, where: Place) -> date:
    """`day` itself if it is a working day, otherwise the last one before it."""
    return _roll(day, where, -ONE_DAY)


def shift_working_days(start: date, count: int, where: Place) -> date:
    """The working day `count` working days after `start` (before it where negative).

    `start` counts as day 0, rolled to a working day in the direction of travel first, so that one working day after a
    Saturday start is Tuesday: people who start on a day off begin on Monday.
    """
    step = ONE_DAY if count >= 0 else -ONE_DAY
    day = next_working_day(start, where)
    for _ in range(abs(count)):
        day = _roll(day + step, where, step)
    return day
