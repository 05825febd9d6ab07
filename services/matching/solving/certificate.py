"""Checks that a solution is the best there is, without solving anything: feasible duals and complementary slackness.

Nothing here is shared with the solver but the problem and the solution's numbers, so it is an oracle for both stages of it.
"""

import numpy as np
from numpy.typing import NDArray

from services.matching.solving.problem import Problem, Solution

BLOCK_CELLS = 1 << 18


def faults(problem: Problem, solution: Solution) -> list[str]:
    """What speaks against the solution, in words; empty when it is legal and no other has more hires, ranks or points.

    Every legal pair costs (minus its score, plus the mentor's price) no less than the hire's worth, and exactly that where it is
    assigned; waiting likewise; places cheaper than their mentor's price are taken, dearer ones are not.
    """
    mentors, worth, waiting = solution.mentors, solution.worth, problem.waiting_costs
    matched = mentors >= 0
    found = []
    if (worth > waiting).any() or (worth[~matched] != waiting[~matched]).any():
        found.append("a hire's worth is not what waiting costs")
    found += _pair_faults(problem, solution)
    taken = np.bincount(mentors[matched], minlength=len(solution.prices))
    if (taken > (problem.place_points >= 0).sum(axis=1)).any():
        found.append("a mentor has more hires than places")
    elif not _places_fit(problem.place_points, taken, solution.prices):
        found.append("a mentor's price does not fit the places taken")
    return found


def _pair_faults(problem: Problem, solution: Solution) -> list[str]:
    found = set()
    hires, width = len(problem.profiles), len(problem.mentor_keys)
    exceptions = problem.exceptions[:, np.argsort(problem.exceptions[0], kind="stable")]
    height = max(BLOCK_CELLS // max(width, 1), 1)
    for first in range(0, hires if width else 0, height):
        block = np.arange(first, min(first + height, hires))
        distinct, rows = np.unique(problem.profiles[block], return_inverse=True)
        scores = problem.rows(distinct)[rows.reshape(-1)]
        begin, end = np.searchsorted(exceptions[0], (first, first + height))
        own, columns, points = exceptions[:, begin:end]
        scores[own - first, columns] = points
        costs = solution.prices[None, :] - scores
        if ((scores >= 0) & (costs < solution.worth[block, None])).any():
            found.add("a legal pair costs less than the hire is worth")
        matched = block[solution.mentors[block] >= 0]
        chosen = solution.mentors[matched]
        if (scores[matched - first, chosen] < 0).any():
            found.add("an assigned pair is forbidden")
        if (costs[matched - first, chosen] != solution.worth[matched]).any():
            found.add("an assigned pair does not cost what the hire is worth")
    return sorted(found)


def _places_fit(place_points: NDArray[np.int16], taken: NDArray[np.int64], prices: NDArray[np.int64]) -> bool:
    places = np.arange(place_points.shape[1])
    there = place_points >= 0
    used = there & (places < taken[:, None])
    spare = there & ~used
    costs = -place_points.astype(np.int64)
    return not (used & (costs > prices[:, None])).any() and not (spare & (costs < prices[:, None])).any()


def gap(problem: Problem, solution: Solution) -> int:
    """By how much another assignment could at most be better, in points (one hire more counts above all points): cost minus the
    bound that the prices prove; 0 for the optimum. Holds for any prices, if no legal pair costs less than its hire is worth.
    """
    taken = np.bincount(solution.mentors[solution.mentors >= 0], minlength=len(solution.prices))
    places = np.arange(problem.place_points.shape[1])
    there = problem.place_points >= 0
    reduced = np.where(there, -problem.place_points.astype(np.int64) - solution.prices[:, None], 0)
    bound = int(solution.worth.sum()) + int(np.minimum(reduced, 0).sum())
    cost = int(problem.waiting_costs[solution.mentors < 0].sum())
    cost -= int(problem.place_points[there & (places < taken[:, None])].astype(np.int64).sum())
    matched = np.flatnonzero(solution.mentors >= 0)
    own = {(hire, mentor): score for hire, mentor, score in problem.exceptions.T.tolist()}
    for hire in matched.tolist():
        mentor = int(solution.mentors[hire])
        known = own.get((hire, mentor))
        cost -= known if known is not None else int(problem.rows(problem.profiles[[hire]])[0, mentor])
    return cost - bound
