"""Dates, names and codes in words, for every page, in the page's language. `today` comes in as an argument."""

import re
from collections.abc import Sequence
from datetime import UTC, date, datetime
from hashlib import blake2b
from zoneinfo import ZoneInfo

from babel.dates import format_skeleton, format_time, format_timedelta
from babel.lists import format_list
from babel.numbers import format_decimal

from shared.pages.language import N_, current, gettext
from shared.pages.language import gettext as _

NEAR_DAYS = 13  # up to here people count days, beyond it they want the date
YEARLESS_DAYS = 180  # within half a year nobody mistakes the year
CODES = (
    N_("No address"),
    N_("Unknown"),
    N_("Released"),
    N_("Hire rescinded"),
    N_("Hire terminated"),
    N_("Mentor paused"),
    N_("Mentor withdrew"),
    N_("Mentor left"),
    N_("Reporting line"),
    N_("Journey ended"),
    N_("Coordinator"),
)
"""What `humane` makes of the codes that pages show most, for translation; of others the words stay English."""

AVATAR_TINTS = 6  # as many as style.css has


def as_day(value: date | str) -> date:
    """A calendar day from a date, a datetime or ISO text (as MongoDB and JSON hold it)."""
    if isinstance(value, datetime):
        return value.date()
    return value if isinstance(value, date) else date.fromisoformat(value[:10])


def day(value: date | str, today: date | None = None) -> str:
    """`Mon 11 Jan`; with the year where it is over half a year away or `today` is not given."""
    given = as_day(value)
    near = today is not None and abs((given - today).days) <= YEARLESS_DAYS
    return str(format_skeleton("MMMEd" if near else "yMMMEd", given, locale=current().locale))


def relative(value: date | str, today: date) -> str:
    """`today`, `tomorrow`, `in 3 days`, `2 days ago`; a date beyond a fortnight."""
    given = as_day(value)
    days = (given - today).days
    named = {0: _("today"), 1: _("tomorrow"), -1: _("yesterday")}
    if days in named:
        return named[days]
    if abs(days) > NEAR_DAYS:
        return day(given, today)
    return str(
        format_timedelta(given - today, granularity="day", threshold=NEAR_DAYS, add_direction=True, locale=current().locale)
    )


def moment(value: datetime | str, zone: str | None = None) -> str:
    """`11 Jan 2027, 09:30` in the IANA `zone`, or in UTC and saying so."""
    given = datetime.fromisoformat(value) if isinstance(value, str) else value
    given = given if given.tzinfo else given.replace(tzinfo=UTC)
    local = given.astimezone(ZoneInfo(zone) if zone else UTC)
    locale = current().locale
    on = format_skeleton("yMMMd", local.date(), locale=locale)
    at = format_time(local.time(), "short", locale=locale)
    return str(locale.datetime_formats["medium"]).format(at, on) + ("" if zone else " UTC")


def plural(count: int, one: str, many: str | None = None) -> str:
    """`1 person`, `3 people`; of words in English, where `ngettext` is not used yet."""
    return f"{count} {one if count == 1 else many or one + 's'}"


def listed(words: Sequence[str]) -> str:
    """`a`, `a and b`, `a, b and c`."""
    return str(format_list(list(words), locale=current().locale))


def one_of(words: Sequence[str]) -> str:
    """`a`, `a or b`, `a, b or c`."""
    return str(format_list(list(words), style="or", locale=current().locale))


def hundredths(value: int) -> str:
    """Hundredths (points, values of 10000) as people write them, of 100: `78`, `15.6`, in German `15,6`."""
    return str(format_decimal(value / 100, format="#,##0.##", locale=current().locale))


def humane(code: str) -> str:
    """A code as words: `mentor_paused` and `mentor-paused` become `Mentor paused`."""
    words = re.sub(r"[_\-.]+", " ", code).strip()
    return gettext(words[:1].upper() + words[1:])


def sentence(words: str) -> str:
    """With its full stop; one that ends in an abbreviation (`7 févr.`) has it already. Nothing stays nothing."""
    return words if not words or words.endswith(".") else f"{words}."


def lowered(words: str) -> str:
    """As it stands within a sentence; German nouns and Arabic know no such thing."""
    return words.lower() if current().tag in ("en", "fr") else words


def initials(name: str) -> str:
    """At most two letters for a round picture: first and last word of a name."""
    words = [word for word in name.split() if word[0].isalnum()]
    return "".join(word[0] for word in (words[:1] + words[-1:] if len(words) > 1 else words)).upper() or "?"


def tint(key: str) -> int:
    """A stable colour number 0..5 for a person."""
    return blake2b(key.encode(), digest_size=1).digest()[0] % AVATAR_TINTS
