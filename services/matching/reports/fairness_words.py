"""The fairness report for people: figures in words, what each means, and as a table for spreadsheets."""

from collections.abc import Mapping

from services.matching.reports.fairness import DIMENSIONS, RATES, Dimension, Fairness, Figure, Group, Measure
from services.matching.words import points
from shared.tables import lines

LABELS: Mapping[Measure, str] = {
    "median_hours": "Half had a mentor within",
    "p90_hours": "9 in 10 within",
    "mean_score": "Mean score",
    "waited_share": "Had to wait",
    "waiting_share": "Waiting now",
    "same_department_share": "Mentor of the same department",
    "same_site_share": "Mentor at the same site",
}
DIMENSION_LABELS: Mapping[Dimension, str] = {
    "department": "Department",
    "site": "Site",
    "arrangement": "Arrangement",
    "month": "Month of hiring",
}
DEFINITIONS: Mapping[str, str] = {
    "hires": (
        "New hires whom the HR system told of in the period and for whom a mentor was looked for. Who was hired twice "
        "counts once, with the latest hiring. Department, site and arrangement are as HR has them today."
    ),
    "median_hours": (
        "From the time in the HR system's hire event to the first mentor. Half of the group had one within this time; "
        "who still waits counts as waiting longest, and 'not yet' means that half of the group is not there."
    ),
    "p90_hours": "The same time within which nine of ten had a mentor.",
    "mean_score": (
        "The mean of the scores, of 100 points, of those who have a mentor now. Scores made under different policies "
        "are averaged as they are."
    ),
    "waited_share": (
        "The share of hires for whom at some time since the hiring no mentor was possible: at the start, or after a "
        "mentor paused or left. The range beside it would hold the true share in 19 of 20 such groups (Wilson "
        "interval)."
    ),
    "waiting_share": "The share of hires who are on the waitlist now.",
    "same_department_share": (
        "Of the hires who have a mentor now, and where both departments are known, the share whose mentor is of their "
        "own department. The lower, the more contact across groups."
    ),
    "same_site_share": "The same for the site.",
}
LIMITS: tuple[str, ...] = (
    (
        "Not why. A group may wait longer because few mentors speak its language, because it was hired all at once, or "
        "because the policy serves it badly; the waitlist's explanations tell these apart, this report does not."
    ),
    (
        "Not whether a single difference is chance. Small groups swing widely: look at the ranges. A group is named at "
        "the top only when chance would name any group at all in fewer than 1 of 20 such reports."
    ),
    "Not whether the mentoring is any good: the score says how well a pair fits the policy, not what came of it.",
    (
        "Nothing about gender, age, origin and the like: Firstmate does not hold them. A fair share by department can "
        "still be an unfair one by something that is not here."
    ),
    (
        "Groups under five are not shown, nor what would tell of them by subtraction within a table. Who keeps reports "
        "from different days may still learn from comparing them: share them with care."
    ),
)
SECOND, MINUTE, DAY = 1 / 3600, 1 / 60, 24.0


def lasting(hours: float) -> str:
    """`under 1 s`, `12 s`, `5 min`, `3 h`, `2.5 days`."""
    if hours < SECOND:
        return "under 1 s"
    if hours < MINUTE:
        return f"{hours / SECOND:.0f} s"
    if hours < 1:
        return f"{hours / MINUTE:.0f} min"
    if hours < 2 * DAY:
        return f"{hours:.0f} h"
    return f"{hours / DAY:.1f}".removesuffix(".0") + " days"


def percent(share: float) -> str:
    """`12 %`, and `0.4 %` for what is not nothing."""
    return f"{share:.0%}".replace("%", " %") if share == 0 or share >= 0.01 else f"{100 * share:.1f} %"


def in_words(measure: Measure, figure: Figure) -> str:
    """A figure as people read it; the reason where there is none."""
    if figure.hidden:
        return "hidden"
    if figure.beyond:
        return "not yet"
    if figure.value is None:
        return "–"
    if measure in RATES:
        return percent(figure.value)
    return points(round(figure.value)) if measure == "mean_score" else lasting(figure.value)


def range_in_words(figure: Figure) -> str:
    """`4 to 30 %`, or nothing for a figure without one."""
    if figure.low is None or figure.high is None:
        return ""
    return f"{100 * figure.low:.0f} to {100 * figure.high:.0f} %"


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
