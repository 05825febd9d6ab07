"""The forecast for people, in the page's language: sentences, and the points of its picture. Pure."""

from collections.abc import Sequence
from datetime import date

from babel.numbers import format_decimal

from services.matching.reports.forecast import HORIZON_DAYS, JOURNEY_DAYS, Forecast, Outlook
from services.matching.reports.supply import FEWEST_WEEKS
from shared.pages.language import current, ngettext
from shared.pages.language import gettext as _
from shared.pages.words import day

SAFE = 0.1  # a department that runs out in fewer outcomes needs nothing now


def verdict(outlook: Outlook, today: date) -> str:
    """What is to be expected, as one sentence without a full stop."""
    if outlook.free == 0 and outlook.next_opening:
        return _("Full now; the next place opens on %(day)s", day=day(outlook.next_opening, today))
    if outlook.free == 0:
        return _("Full now; no place opens soon")
    if outlook.likely is not None:
        return _range(outlook, day(outlook.likely, today), today)
    if outlook.chance > SAFE:
        return _(
            "Probably enough for %(days)s days, but in %(tenths)s of 10 outcomes it is full earlier",
            days=HORIZON_DAYS,
            tenths=max(round(outlook.chance * 10), 1),
        )
    return _("Enough for the next %(days)s days", days=HORIZON_DAYS)


def _range(outlook: Outlook, likely: str, today: date) -> str:
    early = day(outlook.early, today) if outlook.early else ""
    if outlook.late is None:
        return _("Probably full on %(day)s; in 9 of 10 outcomes not before %(early)s", day=likely, early=early)
    if outlook.late == outlook.early:
        return _("Probably full on %(day)s; in 8 of 10 outcomes on that day", day=likely)
    return _(
        "Probably full on %(day)s; in 8 of 10 outcomes between %(early)s and %(late)s",
        day=likely,
        early=early,
        late=day(outlook.late, today),
    )


def advice(outlook: Outlook) -> str:
    """What would help, or nothing."""
    if outlook.chance <= SAFE:
        return ""
    if not outlook.lacking:
        return ngettext(
            "%(num)s more place would do for the %(days)s days in 9 of 10 outcomes",
            "%(num)s more places would do for the %(days)s days in 9 of 10 outcomes",
            outlook.lacking_surely,
            days=HORIZON_DAYS,
        )
    return ngettext(
        "%(num)s more place would do for the %(days)s days in half of the outcomes, %(surely)s in 9 of 10",
        "%(num)s more places would do for the %(days)s days in half of the outcomes, %(surely)s in 9 of 10",
        outlook.lacking,
        days=HORIZON_DAYS,
        surely=outlook.lacking_surely,
    )


def kind(outlook: Outlook) -> tuple[str, str]:
    """A badge: its words and its kind."""
    if outlook.free == 0:
        return _("full"), "late"
    if outlook.likely is not None:
        return _("runs out"), "warn"
    return (_("watch"), "info") if outlook.chance > SAFE else (_("enough"), "ok")


def needing(found: Forecast) -> list[Outlook]:
    """The departments to do something about, the most urgent first."""
    return [outlook for outlook in found.departments if advice(outlook)]


def method(weeks: int) -> list[str]:
    """How it is reckoned, in sentences."""
    said = [
        _(
            "Hires keep coming at the pace of the last %(weeks)s weeks, and get mentors of the departments that hires got "
            "mentors of.",
            weeks=weeks,
        ),
        _(
            "A place opens when the mentee's day %(days)s comes, for new hires with their announced start date; "
            "mentors on leave come back on the day that is known.",
            days=JOURNEY_DAYS,
        ),
        _(
            "What is uncertain is drawn many times over: the pace, the department, and that hires come in groups. The range "
            "holds 8 of 10 outcomes."
        ),
        _(
            "Not foreseen: a hiring freeze or a wave that the last weeks did not have, mentors who enrol, pause or leave, "
            "and hires whom another department's mentors take on when their own are full."
        ),
    ]
    short = _("Firstmate has known hires for less than %(weeks)s weeks here: take this as a first guess.", weeks=FEWEST_WEEKS)
    return [*said, short] if weeks <= FEWEST_WEEKS else said


def number(value: float) -> str:
    """A number with one decimal at most, as the page's language writes it."""
    return str(format_decimal(value, format="#,##0.#", locale=current().locale))


def band(outlook: Outlook, most: int) -> str:
    """The area between low and high as SVG points, in a picture of 90 × 100 units."""
    upper = _points(outlook.high, most)
    return " ".join([*upper, *reversed(_points(outlook.low, most))])


def line(outlook: Outlook, most: int) -> str:
    """The middle as SVG points."""
    return " ".join(_points(outlook.middle, most))


def _points(values: Sequence[int], most: int) -> list[str]:
    return [f"{x},{100 - 96 * value / most:.1f}" for x, value in enumerate(values)]


def most(outlook: Outlook) -> int:
    """The picture's height in places."""
    return max(*outlook.high, outlook.free, 1)
