"""The outcomes in words: labels, definitions, limits, and the table for spreadsheets. Pure."""

from collections.abc import Mapping, Sequence
from datetime import date

from babel.dates import format_skeleton
from babel.numbers import format_decimal

from services.onboarding.outcomes.cases import REGULAR_BY_DAY, REGULAR_MEETINGS, TOLD_LATE_DAYS
from services.onboarding.outcomes.report import GOOD, RATINGS, Compared, Curve, Level, Report
from services.onboarding.outcomes.statistics import Estimate
from shared.pages.language import N_, current, ngettext
from shared.pages.language import gettext as _
from shared.pages.words import lowered
from shared.small_groups import FEWEST
from shared.tables import lines

LABELS: Mapping[str, str] = {
    "people": N_("Hires"),
    "contact": N_("Regular and little contact"),
    "hours_to_mentor": N_("Time to a mentor"),
    "within_a_day": N_("Mentor within a day"),
    "met_by_30": N_("Met the mentor by day 30"),
    "week_1": N_("Satisfaction after week 1"),
    "match_quality": N_("How well the mentor fits"),
    "day_90": N_("Satisfaction after 90 days"),
    "productive": N_("Productive quickly"),
    "retained_90": N_("Still there after 90 days"),
    "retained_180": N_("Still there after 180 days"),
    "retained_365": N_("Still there after a year"),
    "bands": N_("Meetings in bands"),
    "difference": N_("Difference"),
}
DEFINITIONS: Mapping[str, str] = {
    "people": N_(
        "Journeys that began in the last eight quarters and in this one. Hires that were called off, and first days to come, are "
        "not counted."
    ),
    "contact": N_(
        "Regular: at least %(meetings)s meetings with the mentor by day %(by_day)s. Little: fewer. Only hires who were "
        "still there on day %(by_day)s are told apart, and not those of whom the HR system told more than %(late)s days "
        "after their start: nobody could log their first meetings."
    ),
    "hours_to_mentor": N_(
        "From the moment the hire was known here to the first mentor, half of all hires being faster. Who still waits "
        "counts as waiting, who left without one as waiting until then."
    ),
    "within_a_day": N_("The share of hires who had a mentor within 24 hours of being known here."),
    "met_by_30": N_("The share of hires, still there on day 30, with at least one meeting by then."),
    "week_1": N_(
        "The mean of the first answer, 1 to 5, to the question about satisfaction from day 2 to day 21. It is given "
        "before contact can be told apart: a difference here is one that contact did not make."
    ),
    "match_quality": N_("The mean of the first answer, 1 to 5, to how well the mentor fits."),
    "day_90": N_("The mean of the first answer, 1 to 5, to the question about satisfaction from day 60 to day 150."),
    "productive": N_(
        "The share of those who answered that gave %(good)s or 5 to 'My mentor helped me become productive quickly'."
    ),
    "retained_90": N_(
        "The share of hires still employed 90 days after their start (Kaplan-Meier: who has not been here for so long "
        "counts for as long as they have). Hires of whom the HR system told more than %(late)s days after their start "
        "are left out: whoever had left before was not told of, so they would make everybody look loyal."
    ),
    "retained_180": N_("As above, after 180 days."),
    "retained_365": N_("As above, after 365 days."),
    "bands": N_(
        "Hires by the number of meetings with their mentor. The published figures are from a pilot with 600 new hires at "
        "Microsoft (Harvard Business Review, June 2019): the share who said that their buddy helped them become "
        "productive quickly."
    ),
    "difference": N_(
        "Regular less little contact, with the range in which the true difference lies in 95 of 100 such reports. Where "
        "the range holds zero, chance alone may explain the difference."
    ),
}
LIMITS = (
    N_(
        "People chose how often they met. Who is doing well, has time or likes company meets more, and would stay longer "
        "and be more content without a single meeting: a difference between regular and little contact is no proof that "
        "the meetings made it."
    ),
    N_("Who answers surveys is not everybody: the content and the angry answer more."),
    N_("With many figures side by side, one in twenty looks like a difference by chance alone."),
    N_("A proof needs chance to decide, for example who gets a mentor in the first month and who in the second."),
)
BAND_LABELS: Mapping[str, str] = {
    "none": N_("No meeting"),
    "1": N_("1 meeting"),
    "2-3": N_("2 or 3"),
    "4-8": N_("4 to 8"),
    "9+": N_("More than 8"),
}
LEVEL_LABELS: Mapping[Level, str] = {
    "everybody": N_("Everybody"),
    "regular": N_("Regular contact"),
    "little": N_("Little contact"),
}
SOON_MINUTES = 120  # beyond it people think in hours
DIMENSION_LABELS = {"department": N_("By department"), "location": N_("By site"), "arrangement": N_("By arrangement")}
ARRANGEMENTS = (N_("Remote"), N_("Hybrid"), N_("Onsite"))
"""What `humane` makes of the arrangements, for translation."""


def labels() -> dict[str, str]:
    """The name of each figure."""
    return {name: _(text) for name, text in LABELS.items()}


def definitions() -> dict[str, str]:
    """What each figure means."""
    counted = {"meetings": REGULAR_MEETINGS, "by_day": REGULAR_BY_DAY, "late": TOLD_LATE_DAYS, "good": GOOD}
    return {name: _(text, **counted) for name, text in DEFINITIONS.items()}


def limits() -> list[str]:
    """What cannot be concluded."""
    return [_(text) for text in LIMITS]


def label_within(measure: str) -> str:
    """A figure's name as it stands after its number."""
    return lowered(_(LABELS[measure]))


def in_words(measure: str, one: Estimate) -> str:
    """A figure: `72 %`, `4.2`, `3 hours`; why there is none otherwise."""
    if one.hidden:
        return _("not shown")
    if one.value is None:
        return _("not known yet") if one.base else _("no figure")
    return _number(measure, one.value)


def range_in_words(measure: str, one: Estimate) -> str:
    """The interval in words; empty where there is none."""
    if one.low is None or one.high is None:
        return ""
    return _("%(low)s to %(high)s", low=_number(measure, one.low), high=_number(measure, one.high))


def difference_in_words(one: Compared) -> str:
    """Regular less little, with its sign."""
    difference = one.difference
    if difference.hidden or difference.value is None:
        return in_words(one.measure, difference) if difference.hidden else _("not known yet")
    return _signed(one.measure, difference.value)


def difference_range_in_words(one: Compared) -> str:
    """The interval of the difference, with signs, and whether chance alone may explain it; empty where there is none."""
    low, high = one.difference.low, one.difference.high
    if low is None or high is None:
        return ""
    signed = {"low": _signed(one.measure, low), "high": _signed(one.measure, high)}
    if low <= 0 <= high:
        return _("%(low)s to %(high)s: chance alone may explain it", **signed)
    if low > 0:
        return _("%(low)s to %(high)s: more with regular contact", **signed)
    return _("%(low)s to %(high)s: less with regular contact", **signed)


NO_BREAK = "\u00a0"


def percent(share: float) -> str:
    """A share 0..1 as `72 %`, whose sign stays on the line of its number."""
    return _("%(number)s %%", number=_decimal(100 * share, "#,##0")).replace(" ", NO_BREAK)


def rating(mean: float) -> str:
    """A mean rating as `4.2`."""
    return _decimal(mean, "0.0")


def stay_in_words(curve: Curve) -> str:
    """How many of a kind are still there at the end of their curve."""
    last = curve.points[-1]
    told = {"contact": _(LEVEL_LABELS[curve.contact]), "share": in_words("retained_90", last), "days": curve.days[-1]}
    if last.low is None:
        return _("%(contact)s: of those there on day 30, %(share)s still after %(days)s days", **told)
    return _(
        "%(contact)s: of those there on day 30, %(share)s still after %(days)s days (%(range)s)",
        range=range_in_words("retained_90", last),
        **told,
    )


def _decimal(value: float, pattern: str) -> str:
    return str(format_decimal(value, format=pattern, locale=current().locale))


def _number(measure: str, value: float) -> str:
    if measure == "hours_to_mentor":
        return _time(value)
    return _decimal(value, "0.0") if measure in RATINGS else percent(value)


def _time(hours: float) -> str:
    minutes = round(hours * 60)
    if minutes <= 1:
        return _("a minute at most")
    if minutes < SOON_MINUTES:
        return ngettext("%(num)s minute", "%(num)s minutes", minutes)
    if hours < 72:
        return ngettext("%(num)s hour", "%(num)s hours", round(hours))
    return ngettext("%(num)s day", "%(num)s days", round(hours / 24))


def _signed(measure: str, value: float) -> str:
    if measure in RATINGS:
        rounded = round(value, 1)
        return _left_to_right(_decimal(rounded, "+0.0;−0.0" if rounded else "0.0"))
    points = round(100 * value)
    signed = _left_to_right(_decimal(points, "+0;−0" if points else "0"))
    return ngettext("%(signed)s point", "%(signed)s points", abs(points), signed=signed)


def _left_to_right(number: str) -> str:
    """A number with its sign before it, in a line from right to left too (Unicode's isolates)."""
    return f"\u2066{number}\u2069" if current().direction == "rtl" else number


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
    return _(
        "Figures about fewer than %(fewest)s people, those in which everybody gave the same answer, and those from which either "
        "could be worked out, are not shown.",
        fewest=FEWEST,
    )


def quarter(name: str) -> str:
    """`2026-Q4` as people write it: `Q4 2026`."""
    year, _, number = name.partition("-Q")
    return str(format_skeleton("yQQQ", date(int(year), 3 * int(number), 1), locale=current().locale))
