"""The forecast for people: sentences, and the points of its picture. Pure."""

from collections.abc import Sequence
from datetime import date

from services.matching.reports.forecast import HORIZON_DAYS, JOURNEY_DAYS, Forecast, Outlook
from services.matching.reports.supply import FEWEST_WEEKS
from shared.pages.words import day, plural

SAFE = 0.1  # a department that runs out in fewer outcomes needs nothing now


def verdict(outlook: Outlook, today: date) -> str:
    """What is to be expected, as one sentence without a full stop."""
    if outlook.free == 0:
        opens = f"the next place opens on {day(outlook.next_opening, today)}" if outlook.next_opening else "no place opens soon"
        return f"Full now; {opens}"
    if outlook.likely is not None:
        return f"Probably full on {day(outlook.likely, today)}; {_range(outlook, today)}"
    if outlook.chance > SAFE:
        return f"Probably enough for {HORIZON_DAYS} days, but in {_of_ten(outlook.chance)} outcomes it is full earlier"
    return f"Enough for the next {HORIZON_DAYS} days"


def _range(outlook: Outlook, today: date) -> str:
    early = day(outlook.early, today) if outlook.early else ""
    if outlook.late is None:
        return f"in 9 of 10 outcomes not before {early}"
    if outlook.late == outlook.early:
        return "in 8 of 10 outcomes on that day"
    return f"in 8 of 10 outcomes between {early} and {day(outlook.late, today)}"


def _of_ten(share: float) -> str:
    return f"{max(round(share * 10), 1)} of 10"


def advice(outlook: Outlook) -> str:
    """What would help, or nothing."""
    if outlook.chance <= SAFE:
        return ""
    if not outlook.lacking:
        return f"{plural(outlook.lacking_surely, 'more place')} would do for the {HORIZON_DAYS} days in 9 of 10 outcomes"
    enough = f"{plural(outlook.lacking, 'more place')} would do for the {HORIZON_DAYS} days in half of the outcomes"
    return f"{enough}, {outlook.lacking_surely} in 9 of 10"


def kind(outlook: Outlook) -> tuple[str, str]:
    """A badge: its words and its kind."""
    if outlook.free == 0:
        return "full", "late"
    if outlook.likely is not None:
        return "runs out", "warn"
    return ("watch", "info") if outlook.chance > SAFE else ("enough", "ok")


def needing(found: Forecast) -> list[Outlook]:
    """The departments to do something about, the most urgent first."""
    return [outlook for outlook in found.departments if advice(outlook)]


def method(weeks: int) -> tuple[str, ...]:
    """How it is reckoned, in sentences."""
    said = (
        f"Hires keep coming at the pace of the last {weeks} weeks, and get mentors of the departments that hires got mentors of.",
        (
            f"A place opens when the mentee's day {JOURNEY_DAYS} comes, for new hires with their announced start date; "
            f"mentors on leave come back on the day that is known."
        ),
        (
            "What is uncertain is drawn many times over: the pace, the department, and that hires come in groups. The range"
            " holds 8 of 10 outcomes."
        ),
        (
            "Not foreseen: a hiring freeze or a wave that the last weeks did not have, mentors who enrol, pause or leave, "
            "and hires whom another department's mentors take on when their own are full."
        ),
    )
    short = (f"Firstmate has known hires for less than {FEWEST_WEEKS} weeks here: take this as a first guess.",)
    return said + (short if weeks <= FEWEST_WEEKS else ())


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
