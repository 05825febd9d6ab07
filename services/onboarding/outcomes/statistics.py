"""Estimates with their 95 % intervals. Pure; numbers come from SciPy, the two small formulas it lacks from the sources named."""

import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from math import isfinite, sqrt
from typing import Any

import numpy as np
from scipy import stats

SURE = 0.95
Z = 1.959963984540054  # the normal quantile of 0.975
HALF = 0.5 + 1e-12  # products of fractions
SHORTEST = 2  # an interval of a mean needs two values


@dataclass(frozen=True, slots=True)
class Estimate:
    """A number with the people it rests on. `value` is None where nobody is counted, where it is hidden, or where nobody has been
    watched for long enough; `low` and `high` are None where no interval can be told."""

    base: int
    value: float | None = None
    low: float | None = None
    high: float | None = None
    hidden: bool = False


HIDDEN = Estimate(0, hidden=True)


@dataclass(frozen=True, slots=True)
class Life:
    """How long one person was watched, in days or hours, and whether that ended as they left, or got what they waited for."""

    days: float
    left: bool


def share(found: Sequence[bool]) -> Estimate:
    """The share of True, with Wilson's interval."""
    if not found:
        return Estimate(0)
    interval = stats.binomtest(sum(found), len(found)).proportion_ci(SURE, method="wilson")
    return Estimate(len(found), sum(found) / len(found), float(interval.low), float(interval.high))


def mean(values: Sequence[float]) -> Estimate:
    """The mean, with Student's interval."""
    if not values:
        return Estimate(0)
    middle = float(np.mean(values))
    if len(values) < SHORTEST or np.ptp(values) == 0:
        return Estimate(len(values), middle)
    interval = stats.ttest_1samp(values, 0).confidence_interval(SURE)
    return Estimate(len(values), middle, float(interval.low), float(interval.high))


def median_wait(waits: Sequence[Life]) -> Estimate:
    """The median time until something happened (`left`), where it has not happened to all yet (Kaplan-Meier)."""
    if not waits:
        return Estimate(0)
    curve = _curve(waits)
    points = [] if curve is None else zip(curve.quantiles, curve.probabilities, strict=True)
    return Estimate(len(waits), next((float(at) for at, still in points if still <= HALF), None))


def difference_of_means(ours: Sequence[float], theirs: Sequence[float]) -> Estimate:
    """Ours less theirs, with Welch's interval."""
    base = min(len(ours), len(theirs))
    if not base:
        return Estimate(0)
    value = float(np.mean(ours) - np.mean(theirs))
    if base < SHORTEST or (np.ptp(ours) == 0 and np.ptp(theirs) == 0):
        return Estimate(base, value)
    interval = stats.ttest_ind(ours, theirs, equal_var=False).confidence_interval(SURE)
    return Estimate(base, value, float(interval.low), float(interval.high))


def difference_of_shares(ours: Estimate, theirs: Estimate) -> Estimate:
    """Ours less theirs, from two Wilson intervals (Newcombe 1998, Statistics in Medicine 17:873, method 10)."""
    base = min(ours.base, theirs.base)
    if ours.value is None or theirs.value is None:
        return Estimate(base)
    if ours.low is None or ours.high is None or theirs.low is None or theirs.high is None:
        return Estimate(base, ours.value - theirs.value)
    value = ours.value - theirs.value
    down = sqrt((ours.value - ours.low) ** 2 + (theirs.high - theirs.value) ** 2)
    up = sqrt((ours.high - ours.value) ** 2 + (theirs.value - theirs.low) ** 2)
    return Estimate(base, value, value - down, value + up)


def retained(lives: Sequence[Life], day: float) -> Estimate:
    """The share still there after `day` days (Kaplan-Meier, log-log interval).

    Its base are those of whom it is known: who left by then, or was watched for so long. No value where nobody was watched for
    so long. Where nobody left, Wilson's interval for the base stands in: the product-limit one would be a point.
    """
    known = sum(life.left or life.days >= day for life in lives)
    if not any(life.days >= day for life in lives):
        gone = bool(lives) and all(life.left for life in lives)
        return Estimate(known, 0.0) if gone else Estimate(known)
    curve = _curve(lives)
    if curve is None or not any(life.left and life.days <= day for life in lives):
        return share([True] * known)
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "The confidence interval is undefined", RuntimeWarning)
        interval = curve.confidence_interval(SURE, method="log-log")
    low, high = (float(each.evaluate(day)) for each in (interval.low, interval.high))
    told = isfinite(low) and isfinite(high)  # where nobody is left the formula has no interval
    return Estimate(known, float(curve.evaluate(day)), low if told else None, high if told else None)


def difference_of_retention(ours: Sequence[Life], theirs: Sequence[Life], day: float) -> Estimate:
    """Ours less theirs after `day` days: from Greenwood's variances where people left on both sides, else from both intervals."""
    one, other = retained(ours, day), retained(theirs, day)
    errors = greenwood(ours, day), greenwood(theirs, day)
    if one.value is None or other.value is None or 0 in errors:
        return difference_of_shares(one, other)
    value, error = one.value - other.value, Z * sqrt(sum(errors))
    return Estimate(min(one.base, other.base), value, max(value - error, -1.0), min(value + error, 1.0))


def greenwood(lives: Sequence[Life], day: float) -> float:
    """The variance of the Kaplan-Meier estimate at a day (Greenwood 1926)."""
    at, left = np.unique([life.days for life in lives if life.left and life.days <= day], return_counts=True)
    at_risk = len(lives) - np.searchsorted(np.sort([life.days for life in lives]), at)
    some = at_risk > left  # where all leave at once, nobody stays and nothing varies
    value = np.prod(1 - left / at_risk)
    return float(value**2 * np.sum(left[some] / (at_risk[some] * (at_risk[some] - left[some]))))


def _curve(lives: Sequence[Life]) -> Any:
    """The Kaplan-Meier curve; None where nothing ever happened."""
    happened = [life.days for life in lives if life.left]
    if not happened:
        return None
    data = stats.CensoredData(uncensored=happened, right=[life.days for life in lives if not life.left])
    return stats.ecdf(data).sf
