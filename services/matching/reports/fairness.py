"""How hires fare with matching, group by group, without telling on anybody. Pure.

Groups of fewer than five are not shown, nor what would give them away by subtraction (`shared.small_groups`). It is done for
every figure by the people that figure rests on.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from math import ceil
from typing import Literal

from scipy.stats import binomtest, fisher_exact

from services.matching.reports.hiring import RecentHire
from shared.small_groups import FEWEST, to_hide

LEVEL = 0.05  # how often a group may be named although only chance speaks, over all groups of the report together
UNKNOWN = "not known"

Dimension = Literal["department", "site", "arrangement", "month"]
Measure = Literal[
    "median_hours", "p90_hours", "mean_score", "waited_share", "waiting_share", "same_department_share", "same_site_share"
]
RATES: tuple[Measure, ...] = ("waited_share", "waiting_share", "same_department_share", "same_site_share")

DIMENSIONS: Mapping[Dimension, Callable[[RecentHire], str | None]] = {
    "department": lambda hire: hire.department,
    "site": lambda hire: hire.location,
    "arrangement": lambda hire: hire.arrangement,
    "month": lambda hire: f"{hire.hired_at:%Y-%m}",
}


@dataclass(frozen=True, slots=True)
class Figure:
    """One number about a group, and on how many people it rests.

    `value`: hours, a score of 10000, or a share 0..1; None where nobody is counted, where it is hidden, or where a percentile of
    the time to match falls among those who still wait (`beyond`). `low` and `high` bound a share (Wilson, 95 %).
    """

    base: int
    value: float | None = None
    low: float | None = None
    high: float | None = None
    hidden: bool = False
    beyond: bool = False


HIDDEN = Figure(0, hidden=True)


@dataclass(frozen=True, slots=True)
class Group:
    """One group of a dimension. `hires` is None where the group is hidden."""

    name: str
    hires: int | None
    figures: Mapping[Measure, Figure]


@dataclass(frozen=True, slots=True)
class StandsOut:
    """A shown group whose hires had to wait more often than the others, by more than chance explains.

    `share` and `others` are the shares 0..1; `p` is Fisher's exact test, corrected after Holm for all groups of the report.
    """

    dimension: Dimension
    group: str
    share: float
    others: float
    p: float


@dataclass(frozen=True, slots=True)
class Fairness:
    """The whole report. `together` is everybody; `tables` has the groups by name, months in order."""

    together: Group
    tables: Mapping[Dimension, Sequence[Group]]
    stands_out: Sequence[StandsOut] = field(default=())


def report(hires: Sequence[RecentHire]) -> Fairness:
    """The report about these hires."""
    everybody = _group("everybody", hires)
    if len(hires) < FEWEST:
        return Fairness(_hide(everybody), dict.fromkeys(DIMENSIONS, ()))
    tables = {dimension: _table(hires, of) for dimension, of in DIMENSIONS.items()}
    together = Group(everybody.name, everybody.hires, {m: _shown(figure) for m, figure in everybody.figures.items()})
    return Fairness(together, tables, _standing_out(tables))


def _table(hires: Sequence[RecentHire], of: Callable[[RecentHire], str | None]) -> list[Group]:
    members: dict[str, list[RecentHire]] = {}
    for hire in hires:
        members.setdefault(of(hire) or UNKNOWN, []).append(hire)
    groups = [_group(name, members[name]) for name in sorted(members, key=lambda name: (name == UNKNOWN, name.casefold(), name))]
    return suppressed(groups)


def suppressed(groups: Sequence[Group]) -> list[Group]:
    """The groups of one table with everything hidden that would tell of fewer than five people, directly or by subtraction."""
    hidden = to_hide({group.name: group.hires or 0 for group in groups})
    for_measure = {
        measure: to_hide({group.name: group.figures[measure].base for group in groups}, hidden)
        for measure in (groups[0].figures if groups else ())
    }
    return [
        _hide(group)
        if group.name in hidden
        else Group(
            group.name,
            group.hires,
            {m: HIDDEN if group.name in for_measure[m] else figure for m, figure in group.figures.items()},
        )
        for group in groups
    ]


def _hide(group: Group) -> Group:
    return Group(group.name, None, dict.fromkeys(group.figures, HIDDEN))


def _shown(figure: Figure) -> Figure:
    return figure if figure.base == 0 or figure.base >= FEWEST else HIDDEN


def _group(name: str, hires: Sequence[RecentHire]) -> Group:
    hours = [(hire.matched_at - hire.hired_at).total_seconds() / 3600 for hire in hires if hire.matched_at is not None]
    pending = sum((hire.waiting or hire.proposed) and hire.matched_at is None for hire in hires)
    scores = [hire.score for hire in hires if hire.score is not None]
    figures: dict[Measure, Figure] = {
        "median_hours": _percentile(hours, pending, 0.5),
        "p90_hours": _percentile(hours, pending, 0.9),
        "mean_score": Figure(len(scores), sum(scores) / len(scores)) if scores else Figure(0),
        "waited_share": _share([hire.waited for hire in hires]),
        "waiting_share": _share([hire.waiting for hire in hires]),
        "same_department_share": _share(_same((hire.department, hire.mentor_department) for hire in hires)),
        "same_site_share": _share(_same((hire.location, hire.mentor_location) for hire in hires)),
    }
    return Group(name, len(hires), figures)


def _same(pairs: Iterable[tuple[str | None, str | None]]) -> list[bool]:
    """Whether both of a pair are of the same group, where both are known."""
    return [ours == theirs for ours, theirs in pairs if ours is not None and theirs is not None]


def _percentile(hours: Sequence[float], pending: int, share: float) -> Figure:
    """The smallest time by which `share` of the hires had a mentor; who still waits counts as waiting longest."""
    base = len(hours) + pending
    if not base:
        return Figure(0)
    place = max(ceil(share * base), 1)
    return Figure(base, beyond=True) if place > len(hours) else Figure(base, max(sorted(hours)[place - 1], 0.0))


def _share(found: Sequence[bool]) -> Figure:
    if not found:
        return Figure(0)
    interval = binomtest(sum(found), len(found)).proportion_ci(method="wilson")
    return Figure(len(found), sum(found) / len(found), float(interval.low), float(interval.high))


def _standing_out(tables: Mapping[Dimension, Sequence[Group]]) -> list[StandsOut]:
    """Groups that wait more often, from shown figures only; each against the other shown groups of its table."""
    tested: list[StandsOut] = []
    for dimension, groups in tables.items():
        shown = [(group, group.figures["waited_share"]) for group in groups if group.figures["waited_share"].value is not None]
        counts = {group.name: (round((figure.value or 0) * figure.base), figure.base) for group, figure in shown}
        waited, of = sum(count for count, _ in counts.values()), sum(base for _, base in counts.values())
        for name, (ours, base) in counts.items():
            if of > base:
                table = [[ours, base - ours], [waited - ours, of - base - waited + ours]]
                p = float(fisher_exact(table, alternative="greater").pvalue)
                tested.append(StandsOut(dimension, name, ours / base, (waited - ours) / (of - base), p))
    tested.sort(key=lambda one: (one.p, one.dimension, one.group))
    found: list[StandsOut] = []
    for place, one in enumerate(tested):
        corrected = one.p * (len(tested) - place)
        if corrected > LEVEL:
            break
        found.append(StandsOut(one.dimension, one.group, one.share, one.others, corrected))
    return found
