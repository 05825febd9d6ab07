"""Who mentors whom: scores, the exact choice for one hire or a batch, and what it takes to explain either.

Pure: numpy in, decisions out. The same mentors and hires in any order give the same answer.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from services.matching import rules
from services.matching.criteria import Lookup, load_value, lookups
from services.matching.person import Seeker
from services.matching.policy import FULL, Policy
from services.matching.pool import Bools, Candidate, Ints, Pool, identity
from services.matching.solving.batch import Batch, batch_of, best_of_each, sort_keys
from services.matching.solving.solver import solve
from services.matching.solving.ties import tie_break_one

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


Parts = tuple[Part, ...]


@dataclass(frozen=True, slots=True)
class RunnerUp:
    """A mentor who was possible too. `taken`: their last place went to another hire in the same decision."""

    mentor_id: str
    score: int
    parts: Parts
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
    parts: Parts
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


def match(pool: Pool, policy: Policy, seekers: Sequence[Seeker]) -> list[Match | None]:
    """The best assignment of all seekers together, in their order; None for whoever must wait.

    As many as possible are matched, of those who wait the longest-waiting first; then the total score is the highest possible,
    where each mentee a mentor takes on lowers what load adds for the next. The pool is left as it is.
    """
    if not len(pool):
        return [None] * len(seekers)
    if len(seekers) == 1:
        return [_match_one(pool, policy, seekers[0])]
    batch = batch_of(pool, policy, seekers)
    if not len(batch.rows):
        return [None] * len(seekers)
    found = _explained(pool, policy, batch, solve(batch.problem).mentors)
    by_id = {seeker.person.id: one for seeker, one in zip(batch.seekers, found, strict=True)}
    return [by_id[seeker.person.id] for seeker in seekers]


def _match_one(pool: Pool, policy: Policy, seeker: Seeker) -> Match | None:
    """The same for one: the best free mentor is the optimum."""
    known = lookups(pool, policy, seeker)
    scores = np.zeros(len(pool), np.int16)
    for lookup in known:
        scores += lookup.scores
    rows = ranked(pool, seeker.person.id, scores, rules.legal(pool, policy, seeker), RUNNERS_UP + 1)
    if not rows:
        return None
    explainer = _Explainer(pool, [(lookup, lookup.codes[rows]) for lookup in known], rows)
    return _told(pool, policy, seeker, rows[0], [(other, 0, False) for other in rows[1:]], explainer, 0)


def _explained(pool: Pool, policy: Policy, batch: Batch, mentors: NDArray[np.intp]) -> list[Match | None]:
    """Why each seeker got their mentor, and which of the best for them did not come about."""
    chosen, best = mentors.tolist(), best_of_each(batch.problem, RUNNERS_UP + 1)
    rows: list[int] = batch.rows.tolist()
    taken: dict[int, int] = {}
    places = []
    for mentor in chosen:  # how many of this decision's mentees each hire's mentor has taken on before them
        places.append(taken.get(mentor, 0))
        taken[mentor] = places[-1] + 1
    alike: dict[int, list[int]] = {}
    for hire, profile in enumerate(batch.problem.profiles.tolist()):
        if chosen[hire] >= 0:
            alike.setdefault(profile, []).append(hire)
    found: list[Match | None] = [None] * len(chosen)
    for hires in alike.values():
        shown = sorted({mentor for hire in hires for mentor in (chosen[hire], *best[hire])})
        known = batch.shared.at(batch.seekers[hires[0]], batch.rows[shown])
        explainer = _Explainer(pool, [(lookup, lookup.codes) for lookup in known], [rows[mentor] for mentor in shown])
        for hire in hires:
            others = []
            for mentor in [mentor for mentor in best[hire] if mentor != chosen[hire]][:RUNNERS_UP]:
                free, more = _free(pool.candidates[rows[mentor]]), taken.get(mentor, 0)
                others.append((rows[mentor], min(more, free - 1), more >= free))
            found[hire] = _told(pool, policy, batch.seekers[hire], rows[chosen[hire]], others, explainer, places[hire])
    return found


class _Explainer:
    """The parts of one profile's scores with the mentors in some `rows`; `known`: each lookup with the codes of those."""

    def __init__(self, pool: Pool, known: Sequence[tuple[Lookup, Ints]], rows: Sequence[int]) -> None:
        self._pool = pool
        self._load = next((place for place, (lookup, _) in enumerate(known) if lookup.name == "load"), None)
        self._known = known
        columns = [
            [part_of(lookup.name, lookup.weight, lookup.share, value) for value in lookup.values.take(codes).tolist()]
            for lookup, codes in known
        ]
        self._parts = dict(zip(rows, zip(*columns, strict=True), strict=True)) if columns else {}

    def parts(self, row: int, more: int) -> Parts:
        """Every criterion's part for the mentor in `row` with `more` mentees than the pool knows."""
        parts = self._parts[row]
        if self._load is None or not more:
            return parts
        mentor, (lookup, _) = self._pool.candidates[row], self._known[self._load]
        load = part_of(lookup.name, lookup.weight, lookup.share, load_value(mentor.load + more, mentor.capacity))
        return (*parts[: self._load], load, *parts[self._load + 1 :])


@lru_cache(maxsize=65_536)  # values are few; shared parts make a batch's reasons small
def part_of(criterion: str, weight: int, share: int, value: int) -> Part:
    """A criterion's part at this value."""
    return Part(criterion, weight, value, value * share // FULL)


def _told(
    pool: Pool,
    policy: Policy,
    seeker: Seeker,
    row: int,
    others: Sequence[tuple[int, int, bool]],
    explainer: _Explainer,
    place: int,
) -> Match:
    """`others`: row, mentees more than the pool knows, and whether their last place is taken, of each runner-up."""
    ours = explainer.parts(row, place)
    runners = []
    for other, more, taken in others:
        parts = explainer.parts(other, more)
        runners.append(RunnerUp(pool.ids[other], total(parts), parts, taken))
    score = total(ours)
    hire_id, mentor_id = seeker.person.id, pool.ids[row]
    change = what_would_change(policy, hire_id, mentor_id, score, runners)
    return Match(hire_id, mentor_id, score, pool.candidates[row].load + place, ours, tuple(runners), change)


def ranked(pool: Pool, hire_id: str, scores: NDArray[np.signedinteger], among: Bools, count: int) -> list[int]:
    """The rows of the `count` best mentors: by score, then by the pair's hash, then by id. Ties are never cut by position."""
    rows = np.flatnonzero(among)
    if len(rows) > count:
        candidates = scores[rows]
        rows = rows[candidates >= np.partition(candidates, -count)[-count]]
    keys = sort_keys(np.array([identity(hire_id)], np.uint64), pool.column("identity")[rows], scores[rows])
    if len(rows) > count:
        enough = keys >= np.partition(keys, -count)[-count]
        rows, keys = rows[enough], keys[enough]
    found = sorted(zip((-keys).tolist(), [pool.ids[row] for row in rows], rows.tolist(), strict=True))
    return [row for _, _, row in found[:count]]


def parts_of(pool: Pool, policy: Policy, seeker: Seeker, mentors: Sequence[tuple[int, int]]) -> list[Parts]:
    """Every criterion's part for some mentors, each given as (row, mentees more than the pool knows)."""
    rows = [row for row, _ in mentors]
    known = lookups(pool, policy, seeker, np.array(rows, np.intp))
    explainer = _Explainer(pool, [(lookup, lookup.codes) for lookup in known], rows)
    return [explainer.parts(row, more) for row, more in mentors]


def total(parts: Sequence[Part]) -> int:
    """The score: the sum of the points, by definition."""
    return sum([part.points for part in parts])


def _free(candidate: Candidate) -> int:
    return candidate.capacity - candidate.load


def tie_of(hire_id: str, mentor_id: str) -> int:
    """The pair's number that decides between equal scores: what `tie_break` gives in an array."""
    return tie_break_one(identity(hire_id), identity(mentor_id))


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
        scores += lookup.scores
    nearness = scores - failing.astype(np.int32) * FAILING_STEP
    nearest = ranked(pool, seeker.person.id, nearness, ~hopeless & (failing > 0), NEAREST)
    return Waiting(ruled_out, tuple(_near_miss(pool, row, excluded[:, row], int(scores[row])) for row in nearest))


def _near_miss(pool: Pool, row: int, excluded: Bools, score: int) -> NearMiss:
    failing = tuple(name for name, fails in zip(rules.NAMES, excluded, strict=True) if fails)
    return NearMiss(pool.ids[row], failing[0], failing, score)
