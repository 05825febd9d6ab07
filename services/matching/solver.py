"""The exact batch solver: minimum-cost flow over each hire's best mentors, priced until it is proven best over all.

A flow over a fixed number of best mentors is a trap: when hires are alike and places scarce it leaves half of them
unmatched. So the duals (what one more place at a mentor is worth) are taken from the residual network, every legal pair is
priced with them, pairs that would pay are added, until none is left: then no other assignment is better (complementary
slackness). Costs are integers throughout, so that the answer is exact and the same on every machine.

What counts, in this order: as many hires matched as possible, and of those who wait the longest-waiting; the total score; the
pair hash, which is a fair and stable tie break.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from ortools.graph.python.min_cost_flow import SimpleMinCostFlow

from services.matching.policy import FULL

FIRST_ARCS = 16  # best mentors per hire to begin with; more are added by price, most batches need one round
BLOCK_CELLS = 1 << 21  # pairs priced at a time: 16 MB of 64-bit costs
MOST_TIE_BITS = 16
COST_BITS = 61  # SimpleMinCostFlow refuses cost × nodes from about 2^62
FAR = 1 << 62
_64 = 1 << 64

Int64s = NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Problem:
    """Hires and mentors, both in the order of their ids.

    `scores` (hires, mentors): 0..10000 without what load adds, -1 where a rule forbids the pair. `place_points` (mentors,
    places): what load adds for a mentor's next place, the one after it, ...; never rising along a row; -1 where there is none.
    `hire_keys`, `mentor_keys`: 64-bit numbers of the ids. `ranks` (hires,): 0 for new ones, more for who has waited longer.
    """

    scores: NDArray[np.int16]
    place_points: NDArray[np.int16]
    hire_keys: NDArray[np.uint64]
    mentor_keys: NDArray[np.uint64]
    ranks: Int64s


@dataclass(frozen=True, slots=True)
class Solution:
    """`mentors` (hires,): the column assigned, or -1. `rounds` of flow and pricing it took; the last one found nothing better."""

    mentors: NDArray[np.intp]
    rounds: int


def tie_break(hire_keys: NDArray[np.uint64], mentor_keys: NDArray[np.uint64], bits: int) -> Int64s:
    """A number in [0, 2^bits) per pair, larger is preferred: the SplitMix64 finaliser over both ids (arrays that broadcast)."""
    mixed = hire_keys * np.uint64(0x9E3779B97F4A7C15) ^ mentor_keys
    mixed = (mixed ^ (mixed >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    mixed = (mixed ^ (mixed >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return (
        ((mixed ^ (mixed >> np.uint64(31))) >> np.uint64(64 - bits)).astype(np.int64) if bits else np.zeros(mixed.shape, np.int64)
    )


def tie_break_one(hire_key: int, mentor_key: int, bits: int) -> int:
    """`tie_break` of one pair, in plain integers: a tenth of the time."""
    mixed = hire_key * 0x9E3779B97F4A7C15 % _64 ^ mentor_key
    mixed = (mixed ^ mixed >> 30) * 0xBF58476D1CE4E5B9 % _64
    mixed = (mixed ^ mixed >> 27) * 0x94D049BB133111EB % _64
    return (mixed ^ mixed >> 31) >> (64 - bits)


@dataclass(frozen=True, slots=True)
class _Scale:
    """How scores, ties and unmatched hires weigh in one integer cost."""

    bits: int
    point: int
    unmatched: Int64s

    @classmethod
    def of(cls, problem: Problem) -> "_Scale":
        hires, mentors = problem.scores.shape
        order = np.unique(problem.ranks, return_inverse=True)[1].reshape(-1).astype(np.int64)
        nodes = hires + mentors + 2
        for bits in range(MOST_TIE_BITS, -1, -1):
            point = hires << bits  # one point of score outweighs every tie break together
            step = (hires + 1) * (FULL * point + (1 << bits))  # one hire matched outweighs every score together
            if (int(order.max()) + 1) * step * nodes < 1 << COST_BITS:
                return cls(bits, point, (order + 1) * step)
        raise ValueError(
            f"{hires} hires with {int(order.max()) + 1} ranks are too many for one exact solve; solve them in blocks"
        )


def solve(problem: Problem) -> Solution:
    """The best assignment. Raises ValueError when costs don't fit 64 bits (ten thousand hires do, ranks apart)."""
    hires, mentors = problem.scores.shape
    if not hires or not mentors or problem.place_points.shape[1] == 0:
        return Solution(np.full(hires, -1, np.intp), 0)
    return _Search(problem, _Scale.of(problem)).run()


class _Search:
    def __init__(self, problem: Problem, scale: _Scale) -> None:
        self._problem = problem
        self._scale = scale
        self._hires, self._mentors = problem.scores.shape
        places = problem.place_points[:, : self._hires]
        self._place_costs = np.where(places >= 0, -places.astype(np.int64) * scale.point, FAR)
        self._places = (places >= 0).sum(axis=1)
        # The arcs chosen so far, sorted by hire: one hire, one mentor, one cost each.
        self._tails, self._heads, self._costs = self._select(self._place_costs[:, 0], np.full(self._hires, FAR), FIRST_ARCS)

    def run(self) -> Solution:
        count = FIRST_ARCS
        for rounds in range(1, self._hires * self._mentors + 2):
            mentors = self._flow()
            prices, worth = self._duals(mentors)
            tails, heads, costs = self._select(prices, worth, count)
            if not len(tails):
                return Solution(mentors, rounds)
            self._add(tails, heads, costs)
            count *= 2  # hires that are alike want the same mentors; the more rounds, the more each must look further down
        raise AssertionError("every round adds a pair, and pairs are finite")

    def _select(self, prices: Int64s, worth: Int64s, count: int) -> tuple[Int64s, Int64s, Int64s]:
        """Per hire the `count` pairs with the lowest cost plus price, of those below what the hire's place is worth now.

        Pairs whose mentor has no place left, or that a rule forbids, never are. Equal ones are taken in the mentors' order.
        """
        found: list[tuple[Int64s, Int64s, Int64s]] = []
        height = max(BLOCK_CELLS // self._mentors, 1)
        for first in range(0, self._hires, height):
            block = slice(first, min(first + height, self._hires))
            tails, heads = np.nonzero(self._promising(block, prices, worth, count))
            tails += first
            costs = self._cost(tails, heads)
            priced = costs + prices[heads]
            paying = priced < worth[tails]
            found.append(_first_of_each(tails[paying], heads[paying], costs[paying], priced[paying], count))
        tails, heads, costs = (np.concatenate(part) for part in zip(*found, strict=True))
        return tails, heads, costs

    def _promising(self, block: slice, prices: Int64s, worth: Int64s, count: int) -> NDArray[np.bool_]:
        """Which pairs of these hires may be among those to select, judged without the tie break, which costs most to compute."""
        scores = self._problem.scores[block]
        gains = scores * np.int64(self._scale.point)
        gains -= prices[None, :]
        open_pairs: NDArray[np.bool_] = scores >= 0
        open_pairs &= gains > (-worth[block, None] - (1 << self._scale.bits))
        open_pairs &= prices[None, :] < FAR
        if open_pairs.shape[1] > count and int(open_pairs.sum()) > count * len(scores):
            gains[~open_pairs] = -FAR
            limit = np.partition(gains, -count, axis=1)[:, -count]
            open_pairs &= gains >= (limit - (1 << self._scale.bits))[:, None]
        return open_pairs

    def _cost(self, tails: Int64s, heads: Int64s) -> Int64s:
        problem, scale = self._problem, self._scale
        ties = tie_break(problem.hire_keys[tails], problem.mentor_keys[heads], scale.bits)
        return -(problem.scores[tails, heads].astype(np.int64) * scale.point + ties)

    def _add(self, tails: Int64s, heads: Int64s, costs: Int64s) -> None:
        tails = np.concatenate([self._tails, tails])
        heads = np.concatenate([self._heads, heads])
        order = np.lexsort((heads, tails))
        self._tails, self._heads = tails[order], heads[order]
        self._costs = np.concatenate([self._costs, costs])[order]

    def _flow(self) -> NDArray[np.intp]:
        """The best assignment over the arcs chosen so far: mentor per hire, or -1."""
        used, compact = np.unique(self._heads, return_inverse=True)
        sink = self._hires + len(used)
        places = np.repeat(np.arange(len(used)), self._places[used])
        place_costs = self._place_costs[used][self._place_costs[used] < FAR]
        everyone = np.arange(self._hires)
        flow = SimpleMinCostFlow()
        arcs = flow.add_arcs_with_capacity_and_unit_cost(
            np.concatenate([self._tails, everyone, places + self._hires]),
            np.concatenate([compact + self._hires, np.full(self._hires, sink), np.full(len(places), sink)]),
            np.ones(len(self._tails) + self._hires + len(places), np.int64),
            np.concatenate([self._costs, self._scale.unmatched, place_costs]),
        )
        flow.set_nodes_supplies(np.arange(sink + 1), np.concatenate([np.ones(self._hires), np.zeros(len(used)), [-self._hires]]))
        status = flow.solve()
        if status != flow.OPTIMAL:
            raise ArithmeticError(f"the flow solver ended with {status}; {self._hires} hires, {len(used)} mentors")
        taken = flow.flows(arcs[: len(self._tails)]) > 0
        mentors = np.full(self._hires, -1, np.intp)
        mentors[self._tails[taken]] = self._heads[taken]
        return mentors

    def _duals(self, mentors: NDArray[np.intp]) -> tuple[Int64s, Int64s]:
        """Prices from the residual network: what one more hire costs at each mentor, and what each hire's place is worth.

        Shortest distances to the sink (Bellman-Ford): a mentor's next place, or moving one of the mentees there elsewhere.
        """
        taken = np.bincount(mentors[mentors >= 0], minlength=self._mentors)
        width = self._place_costs.shape[1]
        next_place = self._place_costs[np.arange(self._mentors), np.minimum(taken, width - 1)]
        bare = np.where(taken < self._places, next_place, FAR)
        matched = np.flatnonzero(mentors >= 0)
        theirs = mentors[matched]
        own_cost = np.zeros(self._hires, np.int64)
        is_own = self._heads == mentors[self._tails]
        own_cost[self._tails[is_own]] = self._costs[is_own]
        askers, starts = np.unique(self._tails, return_index=True)
        prices = bare
        while True:
            worth = self._scale.unmatched.copy()
            if len(askers):
                worth[askers] = np.minimum(worth[askers], np.minimum.reduceat(self._costs + prices[self._heads], starts))
            lowered = bare.copy()
            np.minimum.at(lowered, theirs, worth[matched] - own_cost[matched])
            if np.array_equal(lowered, prices):
                return prices, worth
            prices = lowered


def _first_of_each(tails: Int64s, heads: Int64s, costs: Int64s, priced: Int64s, count: int) -> tuple[Int64s, Int64s, Int64s]:
    """The `count` lowest-priced pairs of each hire; of equals the first mentor, so that no machine's sort decides."""
    order = np.lexsort((heads, priced, tails))
    tails, heads, costs = tails[order], heads[order], costs[order]
    starts = np.flatnonzero(np.diff(tails, prepend=-1))
    place = np.arange(len(tails)) - np.repeat(starts, np.diff(starts, append=len(tails)))
    chosen = place < count
    return tails[chosen], heads[chosen], costs[chosen]
