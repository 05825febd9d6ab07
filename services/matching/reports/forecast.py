"""When which department's mentors run out of places. Pure; the same input gives the same answer.

A department's free places fall with every hire who gets one of its mentors and rise as journeys end and mentors come back. What
ends and comes back is known; who will be hired is not, so it is simulated: hires keep coming at the pace of the last weeks.

* The pace of all hires together has a gamma distribution, the posterior of a Poisson rate under Jeffreys' prior (Gelman et al.,
  Bayesian Data Analysis, 3rd ed. 2013, chapter 2): few hires seen means a wide range, not a sure zero.
* Which department's mentors they get is drawn from a Dirichlet distribution around the shares seen (Perks' prior, one
  observation spread over all departments).
* Hires come in cohorts. How much more the weekly numbers vary than a Poisson process, the dispersion (McCullagh & Nelder,
  Generalized Linear Models, 2nd ed. 1989, section 6.2), widens both the pace and the weeks to come (gamma-mixed Poisson).

Nothing spills over: a hire for whom a full department has no place counts there, although another's mentor may take them.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date, timedelta

import numpy as np
from numpy.typing import NDArray

JOURNEY_DAYS = 90  # a mentor's place is taken until the hire's day 90, when the shipped programme closes the journey
HORIZON_DAYS = 90  # whoever is matched from now on keeps the place for longer, so no place is given twice within it
DRAWS = 1_000  # the ends of the range then move by about a day from one seed to another
SEED = 20_260_101  # any number; fixed, so that two people looking on one day see the same
WEEK = 7
WEEKS_THAT_TELL = 8  # a handful of numbers says little about how numbers vary, and the first load of a company is no cohort
INNER = (0.1, 0.5, 0.9)  # the range holds 8 of 10 outcomes
EVERYBODY = "All departments"

Counts = NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Supply:
    """A department's mentors today: `places` of those who can take somebody on, of them `free`.

    `opening[n]` places become free n days from now (n from 1 to the horizon). `waiting` hires of this department have no mentor.
    `weekly`: how many hires got one of its mentors in each of the last weeks, oldest first.
    """

    department: str
    places: int
    free: int
    waiting: int
    opening: tuple[int, ...]
    weekly: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Outlook:
    """What is to be expected of a department within the horizon.

    `likely` is the median day on which it has no place left, `early` and `late` bound 8 of 10 outcomes; None: not within the
    horizon. `chance` is the share of outcomes in which it runs out, 0..1. `lacking`: so many places more would keep it from
    running out before the horizon in half of the outcomes, `lacking_surely` in 9 of 10. `next_opening` is the first day on which
    a place opens.
    `low`, `middle`, `high`: free places per day from today on, never below 0.
    """

    department: str
    places: int
    free: int
    waiting: int
    per_month: float
    likely: date | None
    early: date | None
    late: date | None
    chance: float
    lacking: int
    lacking_surely: int
    next_opening: date | None
    low: tuple[int, ...]
    middle: tuple[int, ...]
    high: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Forecast:
    """All departments together, and each, the one that runs out first in front. `weeks` of arrivals went in."""

    together: Outlook
    departments: Sequence[Outlook]
    weeks: int
    dispersion: float


def forecast(supplies: Sequence[Supply], today: date, draws: int = DRAWS, seed: int = SEED) -> Forecast:
    """The forecast from `today` over the horizon. Every `weekly` must have the same length, at least 1.

    Raises ValueError for weeks of different lengths.
    """
    ordered = sorted(supplies, key=lambda supply: supply.department)
    weeks = {len(supply.weekly) for supply in ordered} or {1}
    if len(weeks) > 1:
        raise ValueError(f"the departments' weeks differ in number ({sorted(weeks)}); give each department the same weeks")
    seen = weeks.pop()
    spread = dispersion([sum(week) for week in zip(*(supply.weekly for supply in ordered), strict=True)])
    everything = np.zeros((draws, HORIZON_DAYS + 1), np.int64)
    outlooks = []
    for supply, arriving in zip(ordered, _arrivals(ordered, seen, spread, draws, seed), strict=True):
        balance = _balance(supply, arriving)
        everything += balance
        outlooks.append(_outlook(supply, balance, today))
    return Forecast(_outlook(_together(ordered), everything, today), sorted(outlooks, key=_urgency), seen, spread)


def dispersion(weekly: Sequence[int]) -> float:
    """How many times more weekly totals vary than a Poisson process would; at least 1, and 1 for too few weeks to tell."""
    mean = sum(weekly) / len(weekly) if weekly else 0.0
    if len(weekly) < WEEKS_THAT_TELL or not mean:
        return 1.0
    return max(sum((count - mean) ** 2 for count in weekly) / (len(weekly) - 1) / mean, 1.0)


def _arrivals(supplies: Sequence[Supply], weeks: int, spread: float, draws: int, seed: int) -> Iterator[Counts]:
    """Hires per day of the horizon who get a mentor of each department: shape (draws, horizon)."""
    if not supplies:
        return
    random = np.random.default_rng(seed)
    seen = np.array([sum(supply.weekly) for supply in supplies])
    pace = random.gamma((seen.sum() + 0.5) / spread, spread / weeks, draws)  # hires a week
    shares = random.dirichlet(seen + 1 / len(seen), draws)
    coming = -(-HORIZON_DAYS // WEEK)
    weekly = np.repeat(pace[:, None], coming, axis=1)
    if spread > 1:
        weekly = random.gamma(weekly / (spread - 1), spread - 1)
    daily = np.repeat(weekly / WEEK, WEEK, axis=1)[:, :HORIZON_DAYS]
    for department in range(len(supplies)):
        yield random.poisson(daily * shares[:, department, None])


def _balance(supply: Supply, arriving: Counts) -> Counts:
    """Free places at the end of each day, today first; below zero where hires find none. Shape (draws, horizon + 1)."""
    opening = np.zeros(HORIZON_DAYS, np.int64)
    known = supply.opening[:HORIZON_DAYS]
    opening[: len(known)] = known
    change = opening - arriving
    now = np.full((len(change), 1), supply.free, np.int64)
    if not supply.free:  # who waits although places are free waits for other reasons, which no place ends
        change[:, 0] -= supply.waiting
    return np.concatenate([now, now + np.cumsum(change, axis=1)], axis=1)


def _outlook(supply: Supply, balance: Counts, today: date) -> Outlook:
    out = balance <= 0
    first = np.where(out.any(axis=1), out.argmax(axis=1), HORIZON_DAYS + 1)
    early, likely, late = (_day(int(value), today) for value in np.quantile(first, INNER, method="inverted_cdf"))
    low, middle, high = (
        tuple(map(int, np.maximum(row, 0))) for row in np.quantile(balance, INNER, axis=0, method="inverted_cdf")
    )
    # One place has to be left on the worst day for a department not to have run out.
    short = np.maximum(1 - balance.min(axis=1), 0)
    lacking, surely = (int(value) for value in np.quantile(short, INNER[1:], method="inverted_cdf"))
    opens = next((days for days, places in enumerate(supply.opening, 1) if places), None)
    return Outlook(
        department=supply.department,
        places=supply.places,
        free=supply.free,
        waiting=supply.waiting,
        per_month=round(sum(supply.weekly) / len(supply.weekly) * 365.25 / 12 / WEEK, 1) if supply.weekly else 0.0,
        likely=likely,
        early=early,
        late=late,
        chance=float((first <= HORIZON_DAYS).mean()),
        lacking=lacking,
        lacking_surely=surely,
        next_opening=_day(opens, today) if opens is not None else None,
        low=low,
        middle=middle,
        high=high,
    )


def _day(offset: int, today: date) -> date | None:
    return today + timedelta(days=offset) if offset <= HORIZON_DAYS else None


def _together(supplies: Sequence[Supply]) -> Supply:
    opening = [0] * HORIZON_DAYS
    for supply in supplies:
        for day, places in enumerate(supply.opening[:HORIZON_DAYS]):
            opening[day] += places
    return Supply(
        EVERYBODY,
        sum(supply.places for supply in supplies),
        sum(supply.free for supply in supplies),
        sum(supply.waiting for supply in supplies),
        tuple(opening),
        tuple(sum(week) for week in zip(*(supply.weekly for supply in supplies), strict=True)),
    )


def _urgency(outlook: Outlook) -> tuple[date, float, str]:
    return outlook.likely or date.max, -outlook.chance, outlook.department
