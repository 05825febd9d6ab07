"""What is to be solved, and what a solution is: hires, mentors with places, scores block by block, and the certificate."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from services.matching.policy import FULL
from services.matching.solving.flow import COST_BITS, NONE, Int64s

Int16s = NDArray[np.int16]
Bools = NDArray[np.bool_]
Rows = Callable[[Int64s], Int16s]
"""Scores of some profiles against all mentors, shape (given, mentors); asked for block by block, so never all there at once."""


@dataclass(frozen=True)
class Problem:
    """Hires and mentors, in any order.

    `rows`: scores 0..10000 of a profile without what load adds, -1 where a rule forbids the pair. `profiles` (hires,): which one
    each hire has. `exceptions` (3, any): hire, mentor, and the score that holds for these two instead, each pair once.
    `place_points` (mentors, places): what load adds for a mentor's next place, the one after it, ...; never rising along a row;
    -1 where there is none. `hire_keys`, `mentor_keys`: 64-bit numbers of the ids. `ranks` (hires,): 0 for new ones, more for
    who has waited longer. `stays` (hires,): the mentor to prefer among equally good ones, or -1.
    """

    rows: Rows
    profiles: Int64s
    exceptions: Int64s
    place_points: Int16s
    hire_keys: NDArray[np.uint64]
    mentor_keys: NDArray[np.uint64]
    ranks: Int64s
    stays: Int64s

    @cached_property
    def classes(self) -> "Classes":
        """The hires grouped."""
        return Classes.of(self)

    @cached_property
    def place_costs(self) -> Int64s:
        """Costs of each mentor's places, `NONE` where there is none; one more than there are hires at most."""
        places = self.place_points[:, : len(self.profiles) + 1]
        return np.where(places >= 0, -places.astype(np.int64), NONE)

    @cached_property
    def waiting_costs(self) -> Int64s:
        """What it costs to leave each hire out: one hire matched outweighs every score together, one rank all of them once more.

        Linear ranks are enough: the hires that can be matched together are a matroid, whose best basis depends on the order
        alone. Raises ValueError where such costs don't fit 64 bits (forty thousand hires with a rank each do).
        """
        levels = np.unique(self.ranks, return_inverse=True)[1].reshape(-1).astype(np.int64) + 1
        step = (len(levels) + 2) * FULL
        nodes = len(levels) + len(self.mentor_keys) + 2
        if len(levels) and int(levels.max()) * step * nodes >= 1 << COST_BITS:
            raise ValueError(
                f"{len(levels)} hires with {int(levels.max())} ranks are too many to solve at once; solve them in parts"
            )
        return levels * step


@dataclass(frozen=True, slots=True)
class Solution:
    """`mentors` (hires,): the mentor assigned, or -1. The certificate, in points: `prices` (mentors,) of one more hire at each,
    and `worth` (hires,), what each hire costs at best with these prices. `rounds` of flow and pricing of both stages.
    """

    mentors: NDArray[np.intp]
    prices: Int64s
    worth: Int64s
    rounds: tuple[int, int]


@dataclass(frozen=True, slots=True)
class Classes:
    """Hires that nothing but the hash tells apart: same profile, exceptions and rank. Ordered by size, so that blocks are alike.

    `of_hire` (hires,): each hire's class. `first`, `sizes` (classes,): one of its hires, and how many there are. `exceptions`
    (3, any): as in the problem, with classes for hires, sorted by class.
    """

    of_hire: Int64s
    first: Int64s
    sizes: Int64s
    exceptions: Int64s

    @classmethod
    def of(cls, problem: Problem) -> "Classes":
        """Group a problem's hires."""
        own: dict[int, list[tuple[int, int]]] = {}
        for hire, mentor, score in problem.exceptions.T.tolist():
            own.setdefault(hire, []).append((mentor, score))
        numbers: dict[tuple[int, int, tuple[tuple[int, int], ...]], int] = {}
        of_hire = np.zeros(len(problem.profiles), np.int64)
        for hire, (profile, rank) in enumerate(zip(problem.profiles.tolist(), problem.ranks.tolist(), strict=True)):
            key = (profile, rank, tuple(sorted(own.get(hire, ()))))
            of_hire[hire] = numbers.setdefault(key, len(numbers))
        sizes = np.bincount(of_hire)
        order = np.argsort(sizes, kind="stable")
        place = np.empty_like(order)
        place[order] = np.arange(len(order))
        of_hire = place[of_hire]
        first = np.zeros(len(order), np.int64)
        first[of_hire[::-1]] = np.arange(len(of_hire))[::-1]
        theirs = [(number, *one) for number, hire in enumerate(first.tolist()) for one in own.get(hire, ())]
        return cls(of_hire, first, sizes[order], np.array(theirs, np.int64).reshape(-1, 3).T)

    def __len__(self) -> int:
        return len(self.sizes)


def scores_of(problem: Problem, classes: Classes, first: int, last: int) -> Int16s:
    """Scores of the classes in a range, exceptions included."""
    scores = problem.rows(problem.profiles[classes.first[first:last]])
    begin, end = np.searchsorted(classes.exceptions[0], (first, last))
    if end > begin:
        scores = scores.copy()
        rows, mentors, points = classes.exceptions[:, begin:end]
        scores[rows - first, mentors] = points
    return scores
