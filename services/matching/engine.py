"""Who mentors whom: scores, the exact choice for one hire or a batch, and what it takes to explain either.

Pure: numpy in, decisions out. The same mentors and hires in any order give the same answer.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from services.matching import rules
from services.matching.criteria import PLACES, load_value, lookups, points_of
from services.matching.person import Seeker
from services.matching.policy import FULL, Policy
from services.matching.pool import Bools, Candidate, Pool, identity
from services.matching.solver import MOST_TIE_BITS, Problem, solve, tie_break, tie_break_one

RUNNERS_UP = 3
NEAREST = 3
NEVER_NEAR = ("self", "profile_unknown", "excluded_pair", "own_manager", "reporting_chain")
"""Rules that no more place or time would lift: whoever they exclude is no near miss."""
FAILING_STEP = 1 << 15  # one rule less to fail counts more than any score


class Part(NamedTuple):
    """One criterion's part in a score: `value` 0..10000, the policy's `weight`, and the `points` it adds."""

    criterion: str
    weight: int
    value: int
    points: int


@dataclass(frozen=True, slots=True)
class RunnerUp:
    """A mentor who was possible too. `taken`: their last place went to another hire in the same decision."""

    mentor_id: str
    score: int
    parts: tuple[Part, ...]
    taken: bool = False


@dataclass(frozen=True, slots=True)
class Change:
    """The smallest change of one criterion that would have picked the best runner-up who still has a place.

    `difference` is how many points they lack. `criterion` would have needed the value `needed` instead of `value`; None where no
    criterion alone would have been enough.
    """

    mentor_id: str
    difference: int
    criterion: str | None = None
    value: int = 0
    needed: int = 0


@dataclass(frozen=True, slots=True)
class Match:
    """A decision for one hire: `score` is the sum of the parts' points, `load` what the mentor has beside this hire."""

    hire_id: str
    mentor_id: str
    score: int
    load: int
    parts: tuple[Part, ...]
    runners_up: tuple[RunnerUp, ...]
    change: Change | None


@dataclass(frozen=True, slots=True)
class NearMiss:
    """A mentor who would fit but for `rule` (the first of the `failing` ones)."""

    mentor_id: str
    rule: str
    failing: tuple[str, ...]
    score: int


@dataclass(frozen=True, slots=True)
class Waiting:
    """Why a hire waits. `ruled_out` counts the excluded mentors by the first rule that excludes each."""

    ruled_out: dict[str, int]
    nearest: tuple[NearMiss, ...]


@dataclass(slots=True)
class _Asked:
    """A hire against the pool: `base` is the score without what load adds, shape (mentors,); -1 where a rule forbids it."""

    seeker: Seeker
    base: NDArray[np.int16]
    best: list[int]


def match(pool: Pool, policy: Policy, seekers: Sequence[Seeker]) -> list[Match | None]:
    """The best assignment of all seekers together, in their order; None for whoever must wait.

    As many as possible are matched, of those who wait the longest-waiting first; then the total score is the highest possible,
    where each mentee a mentor takes on lowers what load adds for the next. The pool is left as it is.
    """
    if not len(pool) or not seekers:
        return [None] * len(seekers)
    asked = {seeker.person.id: _ask(pool, policy, seeker) for seeker in seekers}
    chosen = _choose(pool, policy, sorted(asked.items()))
    taken = np.bincount([row for row in chosen.values() if row >= 0], minlength=len(pool))
    places = _places(pool, chosen)
    decided: list[Match | None] = []
    for seeker in seekers:
        row = chosen[seeker.person.id]
        place = places.get(seeker.person.id, 0)
        decided.append(_explain(pool, policy, asked[seeker.person.id], row, place, taken) if row >= 0 else None)
    return decided


def _ask(pool: Pool, policy: Policy, seeker: Seeker) -> _Asked:
    base, load = np.zeros(len(pool), np.int16), np.zeros(len(pool), np.int16)
    for lookup in lookups(pool, policy, seeker):
        part = load if lookup.name == "load" else base
        part += lookup.scores()
    possible = rules.legal(pool, policy, seeker)
    best = ranked(pool, seeker.person.id, base + load, possible, RUNNERS_UP + 1)
    base[~possible] = -1
    return _Asked(seeker, base, best)


def ranked(pool: Pool, hire_id: str, scores: NDArray[np.signedinteger], among: Bools, count: int) -> list[int]:
    """The rows of the `count` best mentors: by score, then by the pair's hash, then by id. Ties are never cut by position."""
    rows = np.flatnonzero(among)
    if len(rows) > count:
        candidates = scores[rows]
        rows = rows[candidates >= np.partition(candidates, -count)[-count]]
    ties = tie_break(np.array([identity(hire_id)], np.uint64), pool.column("identity")[rows], MOST_TIE_BITS)
    keys = (scores[rows].astype(np.int64) << MOST_TIE_BITS) + ties
    if len(rows) > count:
        enough = keys >= np.partition(keys, -count)[-count]
        rows, keys = rows[enough], keys[enough]
    order = sorted(range(len(rows)), key=lambda index: (-keys[index], pool.ids[rows[index]]))
    return [int(rows[index]) for index in order[:count]]


def _choose(pool: Pool, policy: Policy, asked: list[tuple[str, _Asked]]) -> dict[str, int]:
    """The row of each hire's mentor, or -1."""
    if len(asked) == 1:
        ((id, alone),) = asked
        return {id: alone.best[0] if alone.best else -1}
    order = pool.order[pool.column("free")[pool.order] > 0]
    if not len(order):
        return {id: -1 for id, _ in asked}
    free, codes = pool.column("free")[order], pool.column("places")[order]
    later = np.arange(min(int(free.max()), len(asked)))
    points = points_of(PLACES, policy.shares.get("load", 0))
    places = np.where(free[:, None] > later, points.take(codes[:, None] + later, mode="clip"), np.int16(-1))
    solution = solve(
        Problem(
            scores=np.stack([one.base[order] for _, one in asked]),
            place_points=places,
            hire_keys=np.array([identity(id) for id, _ in asked], np.uint64),
            mentor_keys=pool.column("identity")[order],
            ranks=np.array([one.seeker.rank for _, one in asked], np.int64),
        )
    )
    return {id: int(order[column]) if column >= 0 else -1 for (id, _), column in zip(asked, solution.mentors, strict=True)}


def _places(pool: Pool, chosen: dict[str, int]) -> dict[str, int]:
    """How many of this decision's mentees each hire's mentor has taken on before them, in the order of their ids."""
    counts: dict[int, int] = {}
    places: dict[str, int] = {}
    for id, row in sorted(chosen.items()):
        if row >= 0:
            places[id] = counts.get(row, 0)
            counts[row] = places[id] + 1
    return places


def parts_of(pool: Pool, policy: Policy, seeker: Seeker, mentors: Sequence[tuple[int, int]]) -> list[tuple[Part, ...]]:
    """Every criterion's part for some mentors, each given as (row, mentees more than the pool knows)."""
    rows = np.array([row for row, _ in mentors], np.intp)
    by_criterion = []
    for lookup in lookups(pool, policy, seeker, rows):
        values: list[int] = lookup.values.take(lookup.codes).tolist()
        if lookup.name == "load":
            taking_on = [(pool.candidates[row], more) for row, more in mentors]
            values = [load_value(mentor.load + more, mentor.capacity) for mentor, more in taking_on]
        by_criterion.append([Part(lookup.name, lookup.weight, value, value * lookup.share // FULL) for value in values])
    return list(zip(*by_criterion, strict=True))


def total(parts: Sequence[Part]) -> int:
    """The score: the sum of the points, by definition."""
    return sum(part.points for part in parts)


def _explain(pool: Pool, policy: Policy, asked: _Asked, row: int, place: int, taken: NDArray[np.int64]) -> Match:
    others = [other for other in asked.best if other != row][:RUNNERS_UP]
    more = [min(int(taken[other]), _free(pool.candidates[other]) - 1) for other in others]
    ours, *theirs = parts_of(pool, policy, asked.seeker, [(row, place), *zip(others, more, strict=True)])
    runners = tuple(
        RunnerUp(pool.ids[other], total(parts), parts, taken=int(taken[other]) >= _free(pool.candidates[other]))
        for other, parts in zip(others, theirs, strict=True)
    )
    hire_id, mentor_id = asked.seeker.person.id, pool.ids[row]
    change = what_would_change(policy, hire_id, mentor_id, total(ours), runners)
    return Match(hire_id, mentor_id, total(ours), pool.candidates[row].load + place, ours, runners, change)


def _free(candidate: Candidate) -> int:
    return candidate.capacity - candidate.load


def tie_of(hire_id: str, mentor_id: str) -> int:
    """The pair's number that decides between equal scores: what `tie_break` gives in an array."""
    return tie_break_one(identity(hire_id), identity(mentor_id), MOST_TIE_BITS)


def what_would_change(policy: Policy, hire_id: str, mentor_id: str, score: int, runners: Sequence[RunnerUp]) -> Change | None:
    """The smallest change of one criterion that would have picked the best runner-up who still has a place; None without one."""
    possible = [runner for runner in runners if not runner.taken]
    if not possible:
        return None
    best = max(possible, key=lambda runner: (runner.score, tie_of(hire_id, runner.mentor_id)))
    ours, theirs = (tie_of(hire_id, mentor_id), mentor_id), (tie_of(hire_id, best.mentor_id), best.mentor_id)
    wins_tie = (-theirs[0], theirs[1]) < (-ours[0], ours[1])
    lacking = max(score - best.score, 0)
    wanted = max(lacking + (0 if wins_tie else 1), 1)
    changes = [
        (needed - part.value, part, needed)
        for part in best.parts
        if (needed := -(-(part.points + wanted) * FULL // policy.shares[part.criterion])) <= FULL
    ]
    if not changes:
        return Change(best.mentor_id, lacking)
    _, part, needed = min(changes, key=lambda change: change[0])
    return Change(best.mentor_id, lacking, part.criterion, part.value, needed)


def why_not(pool: Pool, policy: Policy, seeker: Seeker) -> Waiting:
    """Why no mentor is possible for a hire in the pool as it is now, and who would be nearest."""
    if not len(pool):
        return Waiting({}, ())
    excluded = rules.masks(pool, policy, seeker)
    counts = np.bincount(excluded.argmax(axis=0)[excluded.any(axis=0)], minlength=len(rules.NAMES))
    ruled_out = {name: int(count) for name, count in zip(rules.NAMES, counts, strict=True) if count}
    hopeless = excluded[[rules.NAMES.index(name) for name in NEVER_NEAR]].any(axis=0)
    failing = excluded.sum(axis=0)
    scores = np.zeros(len(pool), np.int32)
    for lookup in lookups(pool, policy, seeker):
        scores += lookup.scores()
    nearness = scores - failing.astype(np.int32) * FAILING_STEP
    nearest = ranked(pool, seeker.person.id, nearness, ~hopeless & (failing > 0), NEAREST)
    return Waiting(ruled_out, tuple(_near_miss(pool, row, excluded[:, row], int(scores[row])) for row in nearest))


def _near_miss(pool: Pool, row: int, excluded: Bools, score: int) -> NearMiss:
    failing = tuple(name for name, fails in zip(rules.NAMES, excluded, strict=True) if fails)
    return NearMiss(pool.ids[row], failing[0], failing, score)
