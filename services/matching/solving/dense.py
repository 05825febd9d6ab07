"""Small batches in which everybody finds a mentor: dense assignment, a column per place, in a tenth of the flow's time.

The same two stages as in `solver.py`, each by SciPy's `linear_sum_assignment` (Crouse, 2016): first the total score, then, among
the pairs that an optimal assignment may use, the hash. It works in floating point, which is exact here: all costs are integers,
and no sum along a path of so few hires reaches 2^53.
"""

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import linear_sum_assignment

from services.matching.solving.flow import FULL_UP, NONE, Int64s
from services.matching.solving.problem import Problem, Solution, scores_of
from services.matching.solving.ties import tie_break

CELLS = 1 << 19  # hires × places: 4 MB, and 724 hires at most; above that the flow, which knows who is alike, catches up

Floats = NDArray[np.float64]


def assigned(problem: Problem) -> Solution | None:
    """The best assignment; None for what only the flow can do: many hires, hires who must wait, mentors to stay with."""
    hires = len(problem.profiles)
    free = np.minimum((problem.place_points >= 0).sum(axis=1), hires)
    if not hires <= int(free.sum()) <= CELLS // max(hires, 1) or (problem.stays >= 0).any():
        return None
    classes = problem.classes
    scores = scores_of(problem, classes, 0, len(classes))[classes.of_hire]
    costs = np.where(scores >= 0, -scores, np.inf)
    columns = np.repeat(np.arange(len(free)), free)
    place = np.arange(len(columns)) - np.repeat(np.cumsum(free) - free, free)
    try:
        _, chosen = linear_sum_assignment(costs[:, columns] + problem.place_costs[columns, place])
    except ValueError:  # "cost matrix is infeasible": somebody must wait
        return None
    prices, worth = _duals(problem, costs, columns[chosen])
    mentors = _by_hash(problem, costs + prices == worth[:, None], prices)
    if mentors is None:
        return None
    return Solution(mentors, _whole(prices), _whole(worth), (0, 0))


def _whole(costs: Floats) -> Int64s:
    return np.where(np.isinf(costs), FULL_UP, costs).astype(np.int64)


def _duals(problem: Problem, costs: Floats, mentors: NDArray[np.intp]) -> tuple[Floats, Floats]:
    """What one more hire costs at each mentor, and each hire's worth: shortest paths in the residual network (Bellman-Ford).

    As `flow._duals`, over all pairs at once.
    """
    own = costs[np.arange(len(mentors)), mentors]
    places = problem.place_costs
    taken = np.bincount(mentors, minlength=len(places))
    following = places[np.arange(len(places)), np.minimum(taken, places.shape[1] - 1)]
    bare = np.where((taken < places.shape[1]) & (following < NONE), following, np.inf)
    prices = bare
    worth = np.minimum(problem.waiting_costs, (costs + prices).min(axis=1))
    while True:
        lowered = bare.copy()
        np.minimum.at(lowered, mentors, worth - own)
        changed = np.flatnonzero(lowered < prices)
        if not len(changed):
            return prices, worth
        prices = lowered
        worth = np.minimum(worth, (costs[:, changed] + prices[changed]).min(axis=1))


def _by_hash(problem: Problem, tight: NDArray[np.bool_], prices: Floats) -> NDArray[np.intp] | None:
    """Of all assignments as good as the best, that with the largest sum of hashes; None where it takes too many places.

    Places that cost less than their mentor's price are filled in every one of them, those that cost as much may be. So nobody
    but a hire may fill the former; rows beyond the hires fill what is left of the latter.
    """
    hires = len(tight)
    whole = _whole(prices)[:, None]
    must = (problem.place_costs < whole).sum(axis=1)
    may = np.minimum((problem.place_costs <= whole).sum(axis=1) - must, hires)
    columns = np.concatenate([np.repeat(np.arange(len(must)), must), np.repeat(np.arange(len(may)), may)])
    filled = int(must.sum())
    spare = len(columns) - hires if filled else 0
    if (hires + spare) * len(columns) > 2 * CELLS:
        return None
    hashes = np.full(tight.shape, np.inf)
    some, theirs = np.nonzero(tight)
    hashes[some, theirs] = -tie_break(problem.hire_keys[some], problem.mentor_keys[theirs])
    costs = np.zeros((hires + spare, len(columns)))
    costs[:hires] = hashes[:, columns]
    costs[hires:, :filled] = np.inf
    return np.asarray(columns[linear_sum_assignment(costs)[1][:hires]], np.intp)
