"""Why each hire of a batch got their mentor, and which of the best for them did not come about: in columns, computed for all
at once. Objects are made of them for whoever reads one.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import NamedTuple, overload

import numpy as np
from numpy.typing import NDArray

from services.matching.criteria import PLACES, earned, place_codes
from services.matching.person import WORDS
from services.matching.policy import FULL, Policy
from services.matching.pool import Pool, identity
from services.matching.solving.batch import Batch, best_of_each
from services.matching.solving.flow import Int64s
from services.matching.solving.sharing import READS, alike
from services.matching.solving.ties import tie_break_one

RUNNERS_UP = 3
NOBODY = -1

Int16s = NDArray[np.int16]


class Part(NamedTuple):
    """One criterion's part in a score: `value` 0..10000, the policy's `weight`, and the `points` it adds."""

    criterion: str
    weight: int
    value: int
    points: int


Parts = tuple[Part, ...]


@lru_cache(maxsize=65_536)  # values are few; shared parts make a batch's reasons small
def part_of(criterion: str, weight: int, share: int, value: int) -> Part:
    """A criterion's part at this value."""
    return Part(criterion, weight, value, value * share // FULL)


def total(parts: Sequence[Part]) -> int:
    """The score: the sum of the points, by definition."""
    return sum([part.points for part in parts])


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


class Matches(Sequence[Match | None]):
    """The decisions of one batch in the order of its seekers; None for whoever must wait. Reading one makes it an object.

    `scores` (seekers,): the total of each, `NOBODY` for who waits.
    """

    def __init__(self, pool: Pool, policy: Policy, batch: Batch, mentors: NDArray[np.intp], order: Sequence[int]) -> None:
        self._policy = policy
        self._seekers = batch.seekers
        self._place = order  # where each seeker stands in the batch
        self._rows, self._more, self._taken = _shown(pool, batch, mentors)
        self._mentors = {row: pool.candidates[row] for row in np.unique(self._rows).tolist() if row != NOBODY}
        self._values = values_of(pool, policy, batch, self._rows, self._more)
        shares = np.array(list(policy.shares.values()), np.int64)
        points = self._values * shares[:, None, None] // FULL
        self._scores = points.sum(axis=0)
        self.scores: Int64s = np.where(mentors >= 0, self._scores[:, 0], NOBODY)[np.asarray(order, np.intp)]

    def __len__(self) -> int:
        return len(self._place)

    @overload
    def __getitem__(self, index: int) -> Match | None: ...

    @overload
    def __getitem__(self, index: slice) -> list[Match | None]: ...

    def __getitem__(self, index: int | slice) -> Match | list[Match | None] | None:
        if isinstance(index, slice):
            return [self._told(place) for place in self._place[index]]
        return self._told(self._place[index])

    def __iter__(self) -> Iterator[Match | None]:
        return map(self._told, self._place)

    def _told(self, hire: int) -> Match | None:
        """The decision for the hire at this place of the batch."""
        ours, *others = self._rows[hire].tolist()
        if ours == NOBODY:
            return None
        known = self._mentors
        parts = [self._parts(values) for values in self._values[:, hire].T.tolist()]
        scores, taken = self._scores[hire].tolist(), self._taken[hire].tolist()
        runners = tuple(
            RunnerUp(known[row].person.id, scores[place], parts[place], taken[place])
            for place, row in enumerate(others, start=1)
            if row != NOBODY
        )
        hire_id, mentor_id = self._seekers[hire].person.id, known[ours].person.id
        change = what_would_change(self._policy, hire_id, mentor_id, scores[0], runners)
        load = known[ours].load + int(self._more[hire, 0])
        return Match(hire_id, mentor_id, scores[0], load, parts[0], runners, change)

    def _parts(self, values: Sequence[int]) -> Parts:
        policy = self._policy
        return tuple(
            [
                part_of(name, getattr(policy.criteria, name).weight, share, value)
                for (name, share), value in zip(policy.shares.items(), values, strict=True)
            ]
        )


def _shown(pool: Pool, batch: Batch, mentors: NDArray[np.intp]) -> tuple[NDArray[np.intp], Int64s, NDArray[np.bool_]]:
    """The mentor and the runners-up of each hire, three arrays of shape (hires, 1 + `RUNNERS_UP`): the pool's rows, how many
    mentees more than the pool knows each has at that moment, and whether this decision took their last place.
    """
    matched = mentors >= 0
    count = np.bincount(mentors[matched], minlength=len(batch.rows))
    best = best_of_each(batch.problem, RUNNERS_UP + 1)
    away = np.argsort(best == mentors[:, None], axis=1, kind="stable")[:, :RUNNERS_UP]  # the chosen one is no runner-up
    shown = np.concatenate([mentors[:, None], np.take_along_axis(best, away, axis=1)], axis=1)
    shown[~matched] = NOBODY
    there = shown != NOBODY
    free = pool.column("free")[batch.rows].astype(np.int64)[shown]
    more = count[shown]
    taken = there & (more >= free)
    more = np.minimum(more, free - 1)
    more[:, 0] = _earlier(mentors)
    taken[:, 0] = False
    return np.where(there, batch.rows[shown], NOBODY), np.where(there, more, 0), taken


def _earlier(mentors: NDArray[np.intp]) -> Int64s:
    """How many hires before each one have the same mentor."""
    order = np.argsort(mentors, kind="stable")
    ordered = mentors[order]
    earlier = np.empty(len(mentors), np.int64)
    earlier[order] = np.arange(len(mentors)) - np.searchsorted(ordered, ordered)
    return earlier


def values_of(pool: Pool, policy: Policy, batch: Batch, rows: NDArray[np.intp], more: Int64s) -> Int16s:
    """Every used criterion's value for each hire with the mentors in their `rows`: shape (criteria, hires, rows of each).

    `more`: mentees that each of these mentors has beyond what the pool knows.
    """
    values = np.empty((len(policy.shares), *rows.shape), np.int16)
    for place, (name, share) in enumerate(policy.shares.items()):
        if name == "load":
            values[place] = PLACES[place_codes(pool, rows, more)]
        elif name in WORDS:
            named = [seeker.person.words(name) for seeker in batch.seekers]
            counts = np.array([len(words) for words in named])[:, None]
            values[place] = earned(pool.words[name].shared_by_each(named, rows), counts, getattr(policy.criteria, name).enough)
        else:
            for hires, seeker in alike(batch.seekers, READS[name]):
                lookup = batch.shared.one(seeker, name, share)
                values[place, hires] = lookup.values[lookup.codes[rows[hires]]]
    return values
