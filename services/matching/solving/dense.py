"""Small batches in which everybody finds a mentor: dense assignment, a column per place, in a fraction of the flow's time.

The same two stages as in `solver.py`: first the total score, by SciPy's `linear_sum_assignment` (Crouse, 2016); then, among the
few pairs that an optimal assignment may use, the hash, by its sparse kin (LAPJVsp; Jonker and Volgenant, 1987). Both work in
floating point, which is exact here: all costs are integers, and no sum along a path of so few hires reaches 2^53.
"""

import numpy as np
from numpy.typing import NDArray

from services.matching.solving.flow import FULL_UP, NONE, Int64s
from services.matching.solving.problem import Problem, Solution, scores_of
from services.matching.solving.ties import TIE_BITS, tie_break

CELLS = 1 << 19  # hires × places: 4 MB, and 724 hires at most; above that the flow, which knows who is alike, catches up
LARGEST_TIE = 1 << TIE_BITS  # above every hash, so that no cost is 0: a sparse matrix would take it for no pair

Floats = NDArray[np.float64]


def assigned(problem: Problem) -> Solution | None:
    """The best assignment; None for what only the flow can do: many hires, hires who must wait, mentors to stay with."""
    from scipy.optimize import linear_sum_assignment  # noqa: PLC0415  40 MB, for those who solve a batch

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
    """Of all assignments as good as the best, that with the largest sum of hashes; None where it takes too many pairs.

    Places that cost less than their mentor's price are filled in every one of them, those that cost as much may be. So nobody
    but a hire may fill the former; rows beyond the hires fill what is left of the latter.
    """
    from scipy.sparse import csr_array  # noqa: PLC0415
    from scipy.sparse.csgraph import min_weight_full_bipartite_matching  # noqa: PLC0415

    hires, mentors = tight.shape
    whole = _whole(prices)[:, None]
    must = (problem.place_costs < whole).sum(axis=1)
    may = np.minimum((problem.place_costs <= whole).sum(axis=1) - must, hires)
    filled, optional = int(must.sum()), int(may.sum())
    spare = filled + optional - hires if filled else 0
    some, theirs = np.nonzero(tight)
    if int((must + may)[theirs].sum()) + spare * optional > CELLS:
        return None
    costs = LARGEST_TIE - tie_break(problem.hire_keys[some], problem.mentor_keys[theirs])
    pairs, columns = _columns(theirs, must, 0)
    more, others = _columns(theirs, may, filled)
    pairs = np.concatenate([pairs, more])
    graph = csr_array(
        (
            np.concatenate([costs[pairs], np.ones(spare * optional, np.int64)]).astype(np.float64),
            (
                np.concatenate([some[pairs], np.repeat(np.arange(hires, hires + spare), optional)]),
                np.concatenate([columns, others, np.tile(np.arange(filled, filled + optional), spare)]),
            ),
        ),
        shape=(hires + spare, filled + optional),
    )
    chosen = min_weight_full_bipartite_matching(graph)[1][:hires]
    return np.asarray(np.repeat(np.tile(np.arange(mentors), 2), np.concatenate([must, may]))[chosen], np.intp)


def _columns(mentors: NDArray[np.intp], places: Int64s, first: int) -> tuple[NDArray[np.intp], Int64s]:
    """Every column of each of these mentors, who have so many `places` one after another from column `first` on.

    Two arrays: which of the mentors, and the column.
    """
    counts = places[mentors]
    which = np.repeat(np.arange(len(mentors)), counts)
    within = np.arange(len(which)) - np.repeat(np.cumsum(counts) - counts, counts)
    return which, first + (np.cumsum(places) - places)[mentors[which]] + within
