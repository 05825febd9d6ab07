"""From seekers and the pool to the solver's problem: who shares a profile, which pairs a rule forbids, what places add."""

from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from services.matching import rules
from services.matching.criteria import PLACES, lookups, points_of
from services.matching.person import Seeker
from services.matching.policy import Policy
from services.matching.pool import Bools, Pool, identity
from services.matching.solving.flow import Int64s
from services.matching.solving.problem import Int16s, Problem, scores_of
from services.matching.solving.sharing import READS, SharedLookups, alike
from services.matching.solving.ties import TIE_BITS, tie_break

KEPT_CELLS = 1 << 25  # scores kept between rounds, 64 MB; above that they are computed anew each time, block by block
RANKED_CELLS = 1 << 18
MOST_MASKS = 256  # days and languages of a batch's hires; 5 MB at twenty thousand mentors


@dataclass(frozen=True, slots=True)
class Batch:
    """Seekers in the order of their ids, the pool's rows of the problem's mentors in the order of theirs, the problem, and the
    lookups that hires have in common.
    """

    seekers: list[Seeker]
    rows: NDArray[np.intp]
    problem: Problem
    shared: SharedLookups


def profile_of(policy: Policy, seeker: Seeker) -> Hashable:
    """What scores and rules make of somebody, whoever they are: equal for equal profiles."""
    return rules.reads(policy, seeker), *[READS[name](seeker) for name in policy.shares]


def base_scores(pool: Pool, policy: Policy, seeker: Seeker) -> Int16s:
    """The score with each mentor without what load adds, shape (mentors,)."""
    scores = np.zeros(len(pool), np.int16)
    for lookup in lookups(pool, policy, seeker):
        if lookup.name != "load":
            scores += lookup.scores
    return scores


class ProfileScores:
    """The rows of a problem: profiles (a seeker of each) against the mentors in `rows` of the pool, -1 where a rule forbids."""

    def __init__(
        self, pool: Pool, policy: Policy, profiles: Sequence[Seeker], rows: NDArray[np.intp], shared: SharedLookups
    ) -> None:
        self._pool = pool
        self._policy = policy
        self._profiles = profiles
        self._rows = rows
        self._shared = shared
        fits = len(profiles) * len(rows) <= KEPT_CELLS
        self._kept = np.empty((len(profiles), len(rows)), np.int16) if fits else None
        self._known = np.zeros(len(profiles), np.bool_)
        self._closed: dict[Hashable, Bools] = {}

    def __call__(self, wanted: Int64s) -> Int16s:
        """Scores of these profiles; a fresh array."""
        if self._kept is None:
            return self._scored(wanted)
        missing = wanted[~self._known[wanted]]
        height = max(RANKED_CELLS // max(len(self._rows), 1), 1)
        for first in range(0, len(missing), height):
            some = missing[first : first + height]
            self._kept[some] = self._scored(some)
            self._known[some] = True
        kept: Int16s = self._kept[wanted]
        return kept

    def _scored(self, wanted: Int64s) -> Int16s:
        seekers = [self._profiles[profile] for profile in wanted.tolist()]
        points = np.zeros((len(seekers), len(self._pool)), np.int16)
        for name, share in self._policy.shares.items():
            if name == "load":  # depends on the place, not on the pair
                continue
            for places, seeker in alike(seekers, READS[name]):
                added = self._shared.one(seeker, name, share).scores
                if len(places) == 1:
                    points[places[0]] += added
                else:
                    points[places] += added
        scores: Int16s = points[:, self._rows]
        for places, seeker in alike(seekers, lambda seeker: rules.reads(self._policy, seeker)):
            forbidden = np.flatnonzero(self._forbidden(seeker))
            if len(forbidden):
                scores[np.ix_(np.array(places), forbidden)] = -1
        return scores

    def _forbidden(self, seeker: Seeker) -> Bools:
        key = rules.reads(self._policy, seeker)
        found = self._closed.get(key)
        if found is None:
            if len(self._closed) >= MOST_MASKS:
                self._closed.clear()
            found = self._closed[key] = ~rules.open_to(self._pool, self._policy, seeker)[self._rows]
        return found


def batch_of(pool: Pool, policy: Policy, seekers: Sequence[Seeker], held: Mapping[str, int] | None = None) -> Batch:
    """The problem of matching these seekers with the mentors who have a free place.

    `held`: places that some mentors have at least, whatever their capacity; rules still keep newcomers from a full one.
    """
    ordered = sorted(seekers, key=lambda seeker: seeker.person.id)
    free = pool.column("free").astype(np.int64)
    for id, places in (held or {}).items():
        row = pool.row(id)
        if row is not None:
            free[row] = max(free[row], places)
    rows = pool.order[free[pool.order] > 0]
    profiles: dict[Hashable, int] = {}
    of_hire = np.array([profiles.setdefault(profile_of(policy, seeker), len(profiles)) for seeker in ordered], np.int64)
    _, first = np.unique(of_hire, return_index=True)
    shared = SharedLookups(pool, policy)
    problem = Problem(
        rows=ProfileScores(pool, policy, [ordered[hire] for hire in first], rows, shared),
        profiles=of_hire,
        exceptions=_barred(pool, ordered, rows),
        place_points=_place_points(pool, policy, rows, np.minimum(free[rows], len(ordered) + 1)),
        hire_keys=np.array([identity(seeker.person.id) for seeker in ordered], np.uint64),
        mentor_keys=pool.column("identity")[rows],
        ranks=np.array([seeker.rank for seeker in ordered], np.int64),
        stays=np.full(len(ordered), -1, np.int64),
    )
    return Batch(ordered, rows, problem, shared)


def _barred(pool: Pool, seekers: Sequence[Seeker], rows: NDArray[np.intp]) -> Int64s:
    """The pairs that a rule about these two people forbids, as the problem's exceptions."""
    column = np.full(len(pool), -1, np.int64)
    column[rows] = np.arange(len(rows))
    found = [
        (hire, int(column[row]), -1)
        for hire, seeker in enumerate(seekers)
        for row in sorted(rules.barred(pool, seeker))
        if column[row] >= 0
    ]
    return np.array(found, np.int64).reshape(-1, 3).T


def _place_points(pool: Pool, policy: Policy, rows: NDArray[np.intp], free: Int64s) -> Int16s:
    codes = pool.column("places")[rows]
    later = np.arange(int(free.max(initial=0)))
    points = points_of(PLACES, policy.shares.get("load", 0))
    return np.where(free[:, None] > later, points.take(codes[:, None] + later, mode="clip"), np.int16(-1))


def best_of_each(problem: Problem, count: int) -> NDArray[np.intp]:
    """Each hire's `count` best mentors as they are now, one by one and not as a batch: by score, hash, order of mentors.

    Shape (hires, `count`), -1 where there are no more.
    """
    classes = problem.classes
    best = np.full((len(problem.profiles), count), -1, np.intp)
    members = np.argsort(classes.of_hire, kind="stable")
    ends = np.cumsum(classes.sizes)
    now = problem.place_points[:, 0]
    width = max(len(now), 1)
    height = max(RANKED_CELLS // width, 1)
    for first in range(0, len(classes), height):
        last = min(first + height, len(classes))
        scores = scores_of(problem, classes, first, last)
        scores = np.where(scores >= 0, scores + now, np.int16(-1))
        limits = np.partition(scores, -count, axis=1)[:, -count] if width > count else np.zeros(len(scores), np.int16)
        among = scores >= np.maximum(limits, 0)[:, None]
        hires = members[ends[first] - classes.sizes[first] : ends[last - 1]]
        for begin in range(0, len(hires), height):
            some = hires[begin : begin + height]
            rows = classes.of_hire[some] - first
            places, mentors = np.nonzero(among[rows])
            keys = sort_keys(problem.hire_keys[some[places]], problem.mentor_keys[mentors], scores[rows[places], mentors])
            order = np.lexsort((-keys, places))
            places, mentors = places[order], mentors[order]
            rank = np.arange(len(places)) - np.searchsorted(places, places)
            kept = rank < count
            best[some[places[kept]], rank[kept]] = mentors[kept]
    return best


def sort_keys(hire_keys: NDArray[np.uint64], mentor_keys: NDArray[np.uint64], scores: NDArray[np.signedinteger]) -> Int64s:
    """Scores and hashes in one number, larger is better."""
    return (scores.astype(np.int64) << TIE_BITS) + tie_break(hire_keys, mentor_keys)
