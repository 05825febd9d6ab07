"""What came of the programme: everybody, and hires with regular mentor contact against hires with little. Pure.

Contact is told at day 30, and compared is what came after it, among those who were still there (a landmark analysis; Anderson,
Cain and Gelber 1983): whoever leaves in week two has had no time for many meetings, and would make meetings look like a cure.
"""

from collections.abc import Callable, Hashable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, datetime
from typing import Literal, TypeVar

from services.onboarding.outcomes.cases import REGULAR_BY_DAY, Case, Contact
from services.onboarding.outcomes.statistics import (
    HIDDEN,
    Estimate,
    Life,
    difference_of_means,
    difference_of_retention,
    difference_of_shares,
    mean,
    median_wait,
    retained,
    share,
)
from shared.small_groups import FEWEST, to_hide, to_hide_in_all

T = TypeVar("T")

GOOD = 4  # of 5
DAY_HOURS = 24
CURVE_DAYS = tuple(range(30, 366, 15))  # coarse, so that no single day on which somebody left can be read from a picture

Measure = Literal[
    "within_a_day", "met_by_30", "week_1", "match_quality", "day_90", "productive", "retained_90", "retained_180", "retained_365"
]
Dimension = Literal["department", "location", "arrangement"]
Level = Literal["everybody", "regular", "little"]
Part = Level | Literal["neither"]
Parts = Mapping[Part, Sequence[Case]]
CONTACTS: tuple[Contact, ...] = ("regular", "little")
NOBODY = Estimate(0)


def _within_a_day(case: Case) -> bool | None:
    """Whether there was a mentor within a day; None where the day is not over and nobody is there yet."""
    if case.hours_to_mentor is not None:
        return case.hours_to_mentor <= DAY_HOURS
    return False if case.hours_known >= DAY_HOURS else None


DIMENSIONS: Mapping[Dimension, Callable[[Case], str | None]] = {
    "department": lambda case: case.department,
    "location": lambda case: case.location,
    "arrangement": lambda case: case.arrangement,
}
UNKNOWN = "not known"
RETENTION: Mapping[Measure, int] = {"retained_90": 90, "retained_180": 180, "retained_365": 365}
RATINGS: Mapping[Measure, Callable[[Case], int | None]] = {
    "week_1": lambda case: case.week_1,
    "match_quality": lambda case: case.match_quality,
    "day_90": lambda case: case.day_90,
}
SHARES: Mapping[Measure, Callable[[Case], bool | None]] = {
    "within_a_day": _within_a_day,
    "met_by_30": lambda case: case.met_by(30) > 0 if case.was_there_on(30) and not case.told_late else None,
    "productive": lambda case: case.productive >= GOOD if case.productive is not None else None,
}
MEASURES: tuple[Measure, ...] = (
    "within_a_day",
    "met_by_30",
    "week_1",
    "match_quality",
    "day_90",
    "productive",
    "retained_90",
    "retained_180",
    "retained_365",
)
COMPARED: tuple[Measure, ...] = tuple(each for each in MEASURES if each != "met_by_30")  # contact is made of meetings

ANSWERS: frozenset[Measure] = frozenset({"week_1", "match_quality", "day_90", "productive"})
"""Measures of what people said: where all said the same, the figure is the answer of each. Who met or stayed is no secret."""

PUBLISHED: Mapping[str, tuple[range, float | None]] = {
    "none": (range(1), None),
    "1": (range(1, 2), 0.56),
    "2-3": (range(2, 4), 0.73),
    "4-8": (range(4, 9), 0.86),
    "9+": (range(9, 10_000), 0.97),
}
"""Meetings in the first ninety days, and the share whose buddy helped them become productive quickly: Microsoft's pilot with 600
new hires (Klinghoffer, Young and Haspas, Harvard Business Review, June 2019)."""


@dataclass(frozen=True, slots=True)
class Compared:
    """One measure. `difference` is regular less little; shares are 0..1, ratings 1..5."""

    measure: Measure
    everybody: Estimate
    regular: Estimate
    little: Estimate
    difference: Estimate


@dataclass(frozen=True, slots=True)
class Band:
    """Hires by meetings: the share of all by day 30 and 90, how many of these are productive quickly, and what is published."""

    name: str
    by_30: Estimate
    by_90: Estimate
    productive: Estimate
    published: float | None


@dataclass(frozen=True, slots=True)
class Curve:
    """The share still there by day, from day 30 on, for one kind of contact."""

    contact: Contact
    days: Sequence[int]
    points: Sequence[Estimate]


@dataclass(frozen=True, slots=True)
class Report:
    """`people` began a journey, `regular` and `little` of them could be told apart at day 30; None where it would tell of few.

    `choices` are the groups that can be looked at alone, by dimension, and `quarters` those of which a period can be made;
    `bands` and `curves` are empty where they would tell. Starts count from `since` on; it was worked out at `made_at`.
    """

    people: int | None
    regular: int | None
    little: int | None
    hours_to_mentor: Estimate
    compared: Sequence[Compared]
    bands: Sequence[Band] = field(default=())
    curves: Sequence[Curve] = field(default=())
    choices: Mapping[Dimension, Sequence[str]] = field(default_factory=dict)
    quarters: Sequence[str] = field(default=())
    since: date | None = None
    made_at: datetime | None = None


def report(cases: Sequence[Case], dimension: Dimension | None = None, group: str | None = None) -> Report:
    """The report about everybody, or about one group of one dimension. Raises `KeyError` for one that is not among `choices`."""
    if dimension is None or group is None:
        return _everybody(cases, _all_choices(cases))
    return reports(cases, dimension)[group]


def reports(cases: Sequence[Case], dimension: Dimension) -> dict[str, Report]:
    """The reports about each group of a dimension that can be looked at alone: what one hides depends on all others."""
    choices = _all_choices(cases)
    groups = {name: _by_contact(members) for name, members in _groups(cases, DIMENSIONS[dimension]).items()}
    found = {name: {measure: _compared(measure, parts) for measure in MEASURES} for name, parts in groups.items()}
    hidden = {measure: _hidden(measure, groups) for measure in MEASURES}
    waits = {name: median_wait(_waits(parts["everybody"])) for name, parts in groups.items()}
    untold_contact = _untold_contact(groups)
    untold_wait = to_hide({name: one.base for name, one in waits.items()})
    return {
        name: Report(
            people=len(groups[name]["everybody"]),
            regular=len(groups[name]["regular"]) if name not in untold_contact else None,
            little=len(groups[name]["little"]) if name not in untold_contact else None,
            hours_to_mentor=HIDDEN if name in untold_wait else waits[name],
            compared=[_hide(found[name][each]) if name in hidden[each] else found[name][each] for each in MEASURES],
            choices=choices,
        )
        for name in choices[dimension]
    }


def quarter_of(day: date) -> str:
    """The quarter of a day: `2026-Q4`."""
    return f"{day.year}-Q{(day.month + 2) // 3}"


def report_between(cases: Sequence[Case], first: str, last: str) -> Report:
    """The report about everybody who began from one quarter to another, both whole.

    Periods overlap, so each could be subtracted from another. Those quarters that may not be told of one by one are therefore in
    a period all together or not at all, for each figure: whatever is added and subtracted, they come out as one group.
    """
    groups = {name: _by_contact(members) for name, members in _groups(cases, lambda case: quarter_of(case.start)).items()}
    within = {name for name in groups if first <= name <= last}
    chosen = [case for case in cases if quarter_of(case.start) in within]
    choices = _all_choices(cases)
    if _cuts(to_hide({name: len(parts["everybody"]) for name, parts in groups.items()}), within):
        return replace(_nothing(), choices=choices)
    whole = _all_of(chosen, choices)
    hidden = {measure for measure in MEASURES if _cuts(_hidden(measure, groups), within)}
    tell = not _cuts(_untold_contact(groups), within)
    return replace(
        whole,
        regular=whole.regular if tell else None,
        little=whole.little if tell else None,
        compared=[_hide(each) if each.measure in hidden else each for each in whole.compared],
    )


def _cuts(hidden: set[str], within: set[str]) -> bool:
    """Whether a period has some of the hidden quarters and not all of them."""
    return bool(hidden & within) and not hidden <= within


def _nothing() -> Report:
    return Report(None, None, None, HIDDEN, [Compared(measure, HIDDEN, HIDDEN, HIDDEN, HIDDEN) for measure in MEASURES])


def _everybody(cases: Sequence[Case], choices: Mapping[Dimension, Sequence[str]]) -> Report:
    found = _all_of(cases, choices)
    if found.people is None:
        return found
    return replace(found, bands=_bands(cases), curves=() if found.regular is None else _curves(_by_contact(cases)))


def _all_of(cases: Sequence[Case], choices: Mapping[Dimension, Sequence[str]]) -> Report:
    """The figures about all of these, without bands and curves."""
    if len(cases) < FEWEST:
        return replace(_nothing(), choices=choices)
    parts = _by_contact(cases)
    tell = not any(0 < len(parts[contact]) < FEWEST for contact in CONTACTS)
    compared = [_compared(measure, parts) for measure in MEASURES]
    return Report(
        people=len(cases),
        regular=len(parts["regular"]) if tell else None,
        little=len(parts["little"]) if tell else None,
        hours_to_mentor=_large(median_wait(_waits(cases))),
        compared=[_hide(each) if _hidden(each.measure, {"": parts}) else each for each in compared],
        choices=choices,
    )


def _all_choices(cases: Sequence[Case]) -> dict[Dimension, list[str]]:
    return {each: _choices(cases, each) for each in DIMENSIONS}


def _choices(cases: Sequence[Case], dimension: Dimension) -> list[str]:
    sizes = {name: len(members) for name, members in _groups(cases, DIMENSIONS[dimension]).items()}
    return sorted(sizes.keys() - to_hide(sizes) - {UNKNOWN}, key=str.casefold)


def _groups(cases: Sequence[Case], of: Callable[[Case], str | None]) -> dict[str, list[Case]]:
    groups: dict[str, list[Case]] = {}
    for case in cases:
        groups.setdefault(of(case) or UNKNOWN, []).append(case)
    return groups


def _hidden(measure: Measure, groups: Mapping[str, Parts]) -> set[str]:
    """Groups whose figure would tell of fewer than five people, or what all of them answered: by itself, by contact, or by
    subtraction. Who is in neither kind of contact could be told from the two and from everybody."""
    known = _known_of(measure)
    parts: tuple[Part, ...] = ("everybody", *CONTACTS, "neither") if measure in COMPARED else ("everybody",)
    tables = [{name: known(of[part]) for name, of in groups.items()} for part in parts]
    sizes = [{name: len(values) for name, values in table.items()} for table in tables]
    return to_hide_in_all(sizes, tables if measure in ANSWERS else ())


def _untold_contact(groups: Mapping[str, Parts]) -> set[str]:
    return to_hide_in_all([{name: len(parts[contact]) for name, parts in groups.items()} for contact in CONTACTS])


def _known_of(measure: Measure) -> Callable[[Sequence[Case]], Sequence[Hashable]]:
    """Whom a measure counts, each by what it counts of them; of retention, those of whom it is known by its day."""
    if measure in RETENTION:
        day = RETENTION[measure]
        return lambda cases: [life for life in _lives(cases) if life.left or life.days >= day]
    of: Callable[[Case], Hashable] = RATINGS[measure] if measure in RATINGS else SHARES[measure]
    return lambda cases: _known(of, cases)


def _hide(one: Compared) -> Compared:
    return Compared(one.measure, HIDDEN, HIDDEN, HIDDEN, HIDDEN)


def _large(one: Estimate) -> Estimate:
    return HIDDEN if 0 < one.base < FEWEST else one


def _by_contact(cases: Sequence[Case]) -> Parts:
    told = [(case.contact, case) for case in cases]
    kinds: dict[Part, Sequence[Case]] = {contact: [case for kind, case in told if kind == contact] for contact in CONTACTS}
    return kinds | {"everybody": cases, "neither": [case for kind, case in told if kind is None]}


def _compared(measure: Measure, parts: Parts) -> Compared:
    estimate, differ = _estimator(measure)
    everybody, regular, little = parts["everybody"], parts["regular"], parts["little"]
    if measure not in COMPARED:
        return Compared(measure, estimate(everybody), NOBODY, NOBODY, NOBODY)
    return Compared(measure, estimate(everybody), estimate(regular), estimate(little), differ(regular, little))


Some = Sequence[Case]


def _estimator(measure: Measure) -> tuple[Callable[[Some], Estimate], Callable[[Some, Some], Estimate]]:
    """How a measure is estimated for some, and its difference between two groups of them."""
    if measure in RETENTION:
        day = RETENTION[measure]
        return lambda cases: retained(_lives(cases), day), lambda a, b: difference_of_retention(_lives(a), _lives(b), day)
    if measure in RATINGS:
        rating = RATINGS[measure]
        return (
            lambda cases: mean(_known(rating, cases)),
            lambda a, b: difference_of_means(_known(rating, a), _known(rating, b)),
        )
    found = SHARES[measure]
    return (
        lambda cases: share(_known(found, cases)),
        lambda a, b: difference_of_shares(share(_known(found, a)), share(_known(found, b))),
    )


def _known(of: Callable[[Case], T | None], cases: Sequence[Case]) -> list[T]:
    return [value for value in map(of, cases) if value is not None]


def _waits(cases: Sequence[Case]) -> list[Life]:
    return [Life(case.hours_known, False) if case.hours_to_mentor is None else Life(case.hours_to_mentor, True) for case in cases]


def _lives(cases: Sequence[Case]) -> list[Life]:
    """Lives from the first day on. Who was told of late had stayed until then: counted, they would make everybody look loyal."""
    return [
        Life(case.seen_until, False) if case.left_day is None else Life(case.left_day, True)
        for case in cases
        if not case.told_late
    ]


def _bands(cases: Sequence[Case]) -> list[Band]:
    by_30, by_90 = (
        [case.met_by(day) for case in cases if case.was_there_on(day) and not case.told_late] for day in (REGULAR_BY_DAY, 90)
    )
    rated = [(case.met_by(90), case.productive >= GOOD) for case in cases if case.productive is not None and not case.told_late]
    counts = [
        {name: sum(met in band for met in of) for name, (band, _) in PUBLISHED.items()}
        for of in (by_30, by_90, [met for met, _ in rated])
    ]
    hidden_30, hidden_90 = (to_hide(each) for each in counts[:2])
    said = {name: [good for met, good in rated if met in band] for name, (band, _) in PUBLISHED.items()}
    hidden_rated = to_hide_in_all([counts[2]], [said])
    return [
        Band(
            name,
            HIDDEN if name in hidden_30 else _large(share([met in band for met in by_30])),
            HIDDEN if name in hidden_90 else _large(share([met in band for met in by_90])),
            HIDDEN if name in hidden_rated else share([good for met, good in rated if met in band]),
            published,
        )
        for name, (band, published) in PUBLISHED.items()
    ]


def _curves(parts: Parts) -> list[Curve]:
    found = []
    for contact in CONTACTS:
        lives = _lives(parts[contact])
        points = {day: retained(lives, day) for day in CURVE_DAYS}
        known = {day: point for day, point in points.items() if point.value is not None and point.base >= FEWEST}
        found.append(Curve(contact, tuple(known), tuple(known.values())))
    return found
