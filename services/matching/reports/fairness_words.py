"""The fairness report for people: figures in words, what each means, and as a table for spreadsheets."""

from collections.abc import Mapping, Sequence
from datetime import date

from babel.dates import format_skeleton
from babel.numbers import format_decimal

from services.matching.reports.fairness import DIMENSIONS, RATES, UNKNOWN, Dimension, Fairness, Figure, Group, Measure
from shared.pages.language import N_, current
from shared.pages.language import gettext as _
from shared.pages.words import hundredths
from shared.tables import lines

LABELS: Mapping[Measure, str] = {
    "median_hours": N_("Half had a mentor within"),
    "p90_hours": N_("9 in 10 within"),
    "mean_score": N_("Mean score"),
    "waited_share": N_("Had to wait"),
    "waiting_share": N_("Waiting now"),
    "same_department_share": N_("Mentor of the same department"),
    "same_site_share": N_("Mentor at the same site"),
}
DIMENSION_LABELS: Mapping[Dimension, str] = {
    "department": N_("Department"),
    "site": N_("Site"),
    "arrangement": N_("Arrangement"),
    "month": N_("Month of hiring"),
}
DIMENSION_TITLES: Mapping[Dimension, str] = {
    "department": N_("By department"),
    "site": N_("By site"),
    "arrangement": N_("By arrangement"),
    "month": N_("By month of hiring"),
}
ARRANGEMENTS = {"onsite": N_("Onsite"), "hybrid": N_("Hybrid"), "remote": N_("Remote")}
DEFINITIONS: Mapping[str, str] = {
    "hires": N_(
        "New hires whom the HR system told of in the period and for whom a mentor was looked for. Who was hired twice "
        "counts once, with the latest hiring. Department, site and arrangement are as HR has them today."
    ),
    "median_hours": N_(
        "From the time in the HR system's hire event to the first mentor. Half of the group had one within this time; "
        "who still waits counts as waiting longest, and 'not yet' means that half of the group is not there."
    ),
    "p90_hours": N_("The same time within which nine of ten had a mentor."),
    "mean_score": N_(
        "The mean of the scores, of 100 points, of those who have a mentor now. Scores made under different policies "
        "are averaged as they are."
    ),
    "waited_share": N_(
        "The share of hires for whom at some time since the hiring no mentor was possible: at the start, or after a "
        "mentor paused or left. The range beside it would hold the true share in 19 of 20 such groups (Wilson "
        "interval)."
    ),
    "waiting_share": N_("The share of hires who are on the waitlist now."),
    "same_department_share": N_(
        "Of the hires who have a mentor now, and where both departments are known, the share whose mentor is of their "
        "own department. The lower, the more contact across groups."
    ),
    "same_site_share": N_("The same for the site."),
}
LIMITS: tuple[str, ...] = (
    N_(
        "Not why. A group may wait longer because few mentors speak its language, because it was hired all at once, or "
        "because the policy serves it badly; the waitlist's explanations tell these apart, this report does not."
    ),
    N_(
        "Not whether a single difference is chance. Small groups swing widely: look at the ranges. A group is named at "
        "the top only when chance would name any group at all in fewer than 1 of 20 such reports."
    ),
    N_("Not whether the mentoring is any good: the score says how well a pair fits the policy, not what came of it."),
    N_(
        "Nothing about gender, age, origin and the like: Firstmate does not hold them. A fair share by department can "
        "still be an unfair one by something that is not here."
    ),
    N_(
        "Groups under five are not shown, nor what would tell of them by subtraction within a table. Who keeps reports "
        "from different days may still learn from comparing them: share them with care."
    ),
)
SECOND, MINUTE, DAY = 1 / 3600, 1 / 60, 24.0


def labels() -> dict[str, str]:
    """What each figure is called, in the page's language; so too below."""
    return {"hires": _("Hires")} | {measure: _(label) for measure, label in LABELS.items()}


def definitions() -> dict[str, str]:
    """What each figure means."""
    return {name: _(words) for name, words in DEFINITIONS.items()}


def limits() -> list[str]:
    """What cannot be concluded from the report."""
    return [_(words) for words in LIMITS]


def group_name(dimension: Dimension, name: str) -> str:
    """A group as people call it: codes and months in words, what HR names as it stands."""
    if name == UNKNOWN:
        return _("not known")
    if dimension == "month":
        return str(format_skeleton("yMMM", date.fromisoformat(f"{name}-01"), locale=current().locale))
    return _(ARRANGEMENTS[name]) if dimension == "arrangement" and name in ARRANGEMENTS else name


def group_names(dimension: Dimension, names: Sequence[str]) -> str:
    """Several groups: a name may hold a comma of its own."""
    return "; ".join(group_name(dimension, name) for name in names)


def lasting(hours: float) -> str:
    """`under 1 s`, `12 s`, `5 min`, `3 h`, `2.5 days`."""
    if hours < SECOND:
        return _("under 1 s")
    if hours < MINUTE:
        return _("%(number)s s", number=round(hours / SECOND))
    if hours < 1:
        return _("%(number)s min", number=round(hours / MINUTE))
    if hours < 2 * DAY:
        return _("%(number)s h", number=round(hours))
    return _("%(number)s days", number=_number(hours / DAY, "#,##0.#"))


def percent(share: float) -> str:
    """`12 %`, and `0.4 %` for what is not nothing."""
    return f"{_number(100 * share, '0' if share == 0 or share >= 0.01 else '0.0')} %"


def _number(value: float, form: str) -> str:
    return str(format_decimal(value, format=form, locale=current().locale))


def in_words(measure: Measure, figure: Figure) -> str:
    """A figure as people read it; the reason where there is none."""
    if figure.hidden:
        return _("hidden")
    if figure.beyond:
        return _("not yet")
    if figure.value is None:
        return "–"
    if measure in RATES:
        return percent(figure.value)
    return hundredths(round(figure.value)) if measure == "mean_score" else lasting(figure.value)


def range_in_words(figure: Figure) -> str:
    """`4 to 30 %`, or nothing for a figure without one."""
    if figure.low is None or figure.high is None:
        return ""
    return _("%(low)s to %(high)s", low=_number(100 * figure.low, "0"), high=f"{_number(100 * figure.high, '0')} %")


def table(found: Fairness) -> str:
    """The report as comma-separated values, a line per group; times in hours, scores of 100, shares 0..1."""
    groups = [_row(dimension, group) for dimension in DIMENSIONS for group in found.tables[dimension]]
    return lines([["dimension", "group", "hires", *LABELS], _row("together", found.together), *groups])


def _row(dimension: str, group: Group) -> list[str]:
    hires = "hidden" if group.hires is None else str(group.hires)
    return [dimension, group.name, hires, *(_cell(measure, group.figures[measure]) for measure in LABELS)]


def _cell(measure: Measure, figure: Figure) -> str:
    if figure.value is None:
        return "hidden" if figure.hidden else "not yet" if figure.beyond else ""
    return f"{figure.value / 100 if measure == 'mean_score' else figure.value:.4f}"
