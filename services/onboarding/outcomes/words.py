"""The outcomes in words: labels, definitions, limits, and the table for spreadsheets. Pure."""

from collections.abc import Mapping, Sequence

from services.onboarding.outcomes.cases import REGULAR_BY_DAY, REGULAR_MEETINGS, TOLD_LATE_DAYS
from services.onboarding.outcomes.report import GOOD, RATINGS, Compared, Curve, Level, Report
from services.onboarding.outcomes.statistics import Estimate
from shared.small_groups import FEWEST
from shared.tables import lines

LABELS: Mapping[str, str] = {
    "people": "Hires",
    "contact": "Regular and little contact",
    "hours_to_mentor": "Time to a mentor",
    "within_a_day": "Mentor within a day",
    "met_by_30": "Met the mentor by day 30",
    "week_1": "Satisfaction after week 1",
    "match_quality": "How well the mentor fits",
    "day_90": "Satisfaction after 90 days",
    "productive": "Productive quickly",
    "retained_90": "Still there after 90 days",
    "retained_180": "Still there after 180 days",
    "retained_365": "Still there after a year",
    "bands": "Meetings in bands",
    "difference": "Difference",
}
DEFINITIONS: Mapping[str, str] = {
    "people": "Journeys that began in the last 24 months. Hires that were called off, and first days to come, are not counted.",
    "contact": f"Regular: at least {REGULAR_MEETINGS} meetings with the mentor by day {REGULAR_BY_DAY}. Little: fewer. Only "
    f"hires who "
    f"were still there on day {REGULAR_BY_DAY} are told apart, and not those of whom the HR system told more than "
    f"{TOLD_LATE_DAYS} "
    "days after their start: nobody could log their first meetings.",
    "hours_to_mentor": "From the moment the hire was known here to the first mentor, half of all hires being faster. Who "
    "still waits "
    "counts as waiting, who left without one as waiting until then.",
    "within_a_day": "The share of hires who had a mentor within 24 hours of being known here.",
    "met_by_30": "The share of hires, still there on day 30, with at least one meeting by then.",
    "week_1": "The mean of the first answer, 1 to 5, to the question about satisfaction from day 2 to day 21. It is given "
    "before contact "
    "can be told apart: a difference here is one that contact did not make.",
    "match_quality": "The mean of the first answer, 1 to 5, to how well the mentor fits.",
    "day_90": "The mean of the first answer, 1 to 5, to the question about satisfaction from day 60 to day 150.",
    "productive": f"The share of those who answered that gave {GOOD} or 5 to 'My mentor helped me become productive quickly'.",
    "retained_90": "The share of hires still employed 90 days after their start (Kaplan-Meier: who has not been here for so "
    "long counts "
    f"for as long as they have). Hires of whom the HR system told more than {TOLD_LATE_DAYS} days after their start are left "
    "out: whoever had left before was not told of, so they would make everybody look loyal.",
    "retained_180": "As above, after 180 days.",
    "retained_365": "As above, after 365 days.",
    "bands": "Hires by the number of meetings with their mentor. The published figures are from a pilot with 600 new hires at "
    "Microsoft "
    "(Harvard Business Review, June 2019): the share who said that their buddy helped them become productive quickly.",
    "difference": "Regular less little contact, with the range in which the true difference lies in 95 of 100 such reports. "
    "Where the "
    "range holds zero, chance alone may explain the difference.",
}
LIMITS = (
    "People chose how often they met. Who is doing well, has time or likes company meets more, and would stay longer and be more "
    "content without a single meeting: a difference between regular and little contact is no proof that the meetings made it.",
    "Who answers surveys is not everybody: the content and the angry answer more.",
    "With many figures side by side, one in twenty looks like a difference by chance alone.",
    "A proof needs chance to decide, for example who gets a mentor in the first month and who in the second.",
)
BAND_LABELS: Mapping[str, str] = {
    "none": "No meeting",
    "1": "1 meeting",
    "2-3": "2 or 3",
    "4-8": "4 to 8",
    "9+": "More than 8",
}
LEVEL_LABELS: Mapping[Level, str] = {"everybody": "Everybody", "regular": "Regular contact", "little": "Little contact"}
SOON_MINUTES = 120  # beyond it people think in hours
DIMENSION_LABELS = {"department": "Department", "location": "Site", "arrangement": "Arrangement"}


def in_words(measure: str, one: Estimate) -> str:
    """A figure: `72 %`, `4.2`, `3 hours`; why there is none otherwise."""
    if one.hidden:
        return "not shown"
    if one.value is None:
        return "not known yet" if one.base else "nobody yet"
    return _number(measure, one.value)


def range_in_words(measure: str, one: Estimate) -> str:
    """The interval in words; empty where there is none."""
    if one.low is None or one.high is None:
        return ""
    return f"{_number(measure, one.low)} to {_number(measure, one.high)}"


def difference_in_words(one: Compared) -> str:
    """Regular less little, with its sign."""
    difference = one.difference
    if difference.hidden or difference.value is None:
        return in_words(one.measure, difference) if difference.hidden else "not known yet"
    return _signed(one.measure, difference.value)


def difference_range_in_words(one: Compared) -> str:
    """The interval of the difference, with signs."""
    low, high = one.difference.low, one.difference.high
    return f"{_signed(one.measure, low)} to {_signed(one.measure, high)}" if low is not None and high is not None else ""


def verdict(one: Compared) -> str:
    """Whether chance alone may explain the difference; empty where there is none."""
    low, high = one.difference.low, one.difference.high
    if low is None or high is None:
        return ""
    if low <= 0 <= high:
        return "chance alone may explain it"
    return "more with regular contact" if low > 0 else "less with regular contact"


def _number(measure: str, value: float) -> str:
    if measure == "hours_to_mentor":
        minutes = round(value * 60)
        if minutes < SOON_MINUTES:
            return f"{minutes} minutes" if minutes > 1 else "a minute at most"
        return f"{value:.0f} hours" if value < 72 else f"{value / 24:.0f} days"
    return f"{value:.1f}" if measure in RATINGS else f"{100 * value:.0f} %"


def _signed(measure: str, value: float) -> str:
    if measure in RATINGS:
        return f"{value:+.1f}".replace("-", "−").replace("−0.0", "0.0").replace("+0.0", "0.0")
    return f"{round(100 * value):+d} points".replace("-", "−").replace("+0 ", "0 ")


def span(one: Compared) -> tuple[float, float, float] | None:
    """Low, middle and high of a difference as places 0..100 on a line whose middle is zero; None where there is no interval."""
    low, value, high = one.difference.low, one.difference.value, one.difference.high
    if low is None or value is None or high is None:
        return None
    widest = 2.0 if one.measure in RATINGS else 0.5  # rating points, or half of everybody: what lies beyond is cut
    return tuple(50 + 50 * max(-1.0, min(1.0, each / widest)) for each in (low, value, high))  # type: ignore[return-value]


CURVE_FROM = 0.5  # a curve of people who stay lies high: the picture begins where half have left


def curve_points(curve: Curve, side: str) -> str:
    """A side (`value`, `low`, `high`) of a curve as points of a picture 335 wide, 100 high; steps, as people leave at once."""
    return " ".join(f"{day - 30},{_height(getattr(point, side))}" for day, point in zip(curve.days, curve.points, strict=True))


def curve_band(curve: Curve) -> str:
    """The interval of a curve as a closed line."""
    known = [(day, point) for day, point in zip(curve.days, curve.points, strict=True) if point.low is not None]
    there = [f"{day - 30},{_height(point.high)}" for day, point in known]
    back = [f"{day - 30},{_height(point.low)}" for day, point in reversed(known)]
    return " ".join(there + back)


def _height(value: float | None) -> float:
    return round(100 * (1 - (max(value or 0.0, CURVE_FROM) - CURVE_FROM) / (1 - CURVE_FROM)), 1)


HEAD = ("figure", "of", "people", "value", "low", "high", "hidden")


def table(found: Report) -> str:
    """The report as CSV: a line per figure and kind of contact; shares 0..1, ratings 1..5, hours."""
    rows: list[Sequence[object]] = [HEAD, ("hours_to_mentor", "everybody", *_cells(found.hours_to_mentor))]
    for one in found.compared:
        for level in ("everybody", "regular", "little", "difference"):
            rows.append((one.measure, level, *_cells(getattr(one, level))))
    for band in found.bands:
        for name, estimate in (("by_30", band.by_30), ("by_90", band.by_90), ("productive", band.productive)):
            rows.append((f"meetings_{name}", band.name, *_cells(estimate)))
    return lines(rows)


def _cells(one: Estimate) -> tuple[object, ...]:
    numbers = ("" if each is None else round(each, 4) for each in (one.value, one.low, one.high))
    return ("" if one.hidden else one.base, *numbers, "yes" if one.hidden else "")


def hidden_words() -> str:
    """Why something is not shown."""
    return f"Figures about fewer than {FEWEST} people, and those from which they could be worked out, are not shown."
