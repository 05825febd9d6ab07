"""The dense optimum: SciPy's `linear_sum_assignment` with one column per place, on the same scores as ours."""

from dataclasses import dataclass
from time import process_time

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import linear_sum_assignment

from services.matching import rules
from services.matching.criteria import PLACES, points_of
from services.matching.person import Seeker
from services.matching.policy import Policy
from services.matching.pool import Pool
from services.matching.solving.batch import base_scores

FORBIDDEN = 1e7  # more than all scores along any chain of changes in the batches of this bench


@dataclass(frozen=True, slots=True)
class Optimum:
    """How many are matched, their total score, the scores without load by hire (-1 unmatched), and the CPU seconds."""

    matched: int
    total: int
    scores: NDArray[np.int64]
    seconds: float


def optimum(pool: Pool, policy: Policy, hires: list[Seeker]) -> Optimum:
    """The best assignment. Scoring included: a hire at a time against the columns, as ours does."""
    started = process_time()
    costs, columns = cost_matrix(pool, policy, hires)
    rows, chosen = linear_sum_assignment(costs)
    best = costs[rows, chosen]
    legal = best <= 0
    scores = np.full(len(hires), -1, np.int64)
    scores[rows[legal]] = (-best[legal] - columns[chosen[legal]]).astype(np.int64)
    return Optimum(int(legal.sum()), int(-best[legal].sum()), scores, process_time() - started)


def cost_matrix(pool: Pool, policy: Policy, hires: list[Seeker]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Costs (hires, places) as the solver takes them, and what load adds to each place."""
    free = pool.column("free")
    mentors = np.repeat(np.arange(len(pool)), free)
    place = np.arange(len(mentors)) - np.repeat(np.cumsum(free) - free, free)
    adds = points_of(PLACES, policy.shares.get("load", 0))[pool.column("places")[mentors] + place].astype(np.float64)
    costs = np.empty((len(hires), len(mentors)))
    for row, seeker in enumerate(hires):
        scores = base_scores(pool, policy, seeker).astype(np.float64)
        scores[~rules.legal(pool, policy, seeker)] = np.nan
        np.subtract(-scores[mentors], adds, out=costs[row])
    np.nan_to_num(costs, copy=False, nan=FORBIDDEN)
    return costs, adds
