"""The exact batch solver. What counts, in this order: as many hires matched as possible, and of those who wait the
longest-waiting; the total score; nobody moved without need; the pair hash, which is a fair and stable tie break.

Two stages of minimum-cost flow (`flow.py`), each proven best over all pairs. The first decides everything up to the total score,
with equal hires as one node; its duals say which pairs an optimal assignment may use at all (complementary slackness). The
second chooses among those by the hash. So no cost has to hold all four aims at once, and ten thousand hires fit 64 bits. Small
batches are solved as dense assignment (`dense.py`), with the same result.
"""

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from services.matching.solving import dense
from services.matching.solving.flow import COST_BITS, NONE, Arcs, Flow, Int64s, Network, cheapest
from services.matching.solving.problem import Bools, Classes, Problem, Solution, scores_of
from services.matching.solving.ties import TIE_BITS, tie_break

BLOCK_CELLS = 1 << 18  # pairs looked at together: 2 MB per 64-bit array, so that they stay in a processor's cache
NEARLY = (400, 100, 25, 0)
"""Points by which a pair may fail to pay and still be taken along: prices move, and each round more costs a flow."""
MANY = 4  # times as many paying pairs as wanted are cut before they are sorted


def solve(problem: Problem) -> Solution:
    """The best assignment. Raises ValueError for more ranked hires than 64 bits can tell apart."""
    hires, mentors = len(problem.profiles), len(problem.mentor_keys)
    waiting = problem.waiting_costs
    if not hires or not mentors or problem.place_points.shape[1] == 0:
        idle = problem.place_costs[:, 0] if problem.place_points.shape[1] else np.full(mentors, NONE)
        return Solution(np.full(hires, -1, np.intp), idle, waiting, (0, 0))
    return dense.assigned(problem) or by_flow(problem)


def by_flow(problem: Problem) -> Solution:
    """The best assignment of any problem that has a hire, a mentor and a place."""
    classes = problem.classes
    places = problem.place_costs
    pairs = _Scored(problem, classes)
    network = Network(classes.sizes, problem.waiting_costs[classes.first], places, np.zeros(len(places), np.int64))
    best = cheapest(network, pairs)
    chosen, rounds = _by_hash(problem, classes, pairs.tight, network, best)
    return Solution(chosen, best.prices, best.worth[classes.of_hire], (best.rounds, rounds))


class _Scored:
    """The first stage's pairs: classes and mentors, by score. `tight`: which cost exactly what they are worth, as bits."""

    def __init__(self, problem: Problem, classes: Classes) -> None:
        self._problem = problem
        self._classes = classes
        self._mentors = len(problem.mentor_keys)
        self.tight = np.zeros((len(classes), (self._mentors + 7) // 8), np.uint8)

    def paying(self, prices: Int64s, worth: Int64s, count: int) -> Iterator[Arcs]:
        """See `flow.Pairs`."""
        height = max(BLOCK_CELLS // self._mentors, 1)
        had = prices < NONE
        for first in range(0, len(self._classes), height):
            last = min(first + height, len(self._classes))
            scores = scores_of(self._problem, self._classes, first, last)
            gains = scores - prices
            gains += worth[first:last, None]
            possible = (scores >= 0) & had
            self.tight[first:last] = np.packbits(possible & (gains == 0), axis=1)
            wanted = count + int(self._classes.sizes[last - 1])
            possible = self._good(gains, possible, first, wanted)
            tails, heads = np.nonzero(possible)
            yield Arcs(tails + first, heads, -scores[tails, heads].astype(np.int64))

    def _good(self, gains: Int64s, possible: Bools, first: int, wanted: int) -> Bools:
        """The pairs that pay, with those that nearly do where these are few."""
        for nearly in NEARLY:
            good: Bools = possible & (gains > -nearly)
            if int(good.sum()) <= MANY * wanted * len(gains):
                return good
        return good & self._best(gains, good, first, wanted)

    def _best(self, gains: Int64s, possible: Bools, first: int, wanted: int) -> Bools:
        """The pairs with the largest gains, `wanted` of each class; of equals those that other classes look at less."""
        if wanted >= self._mentors:
            return possible
        classes = np.arange(first, first + len(gains))
        # An odd stride scatters the classes over all mentors; whom each begins with is no decision, only a start.
        turned = (np.arange(self._mentors) + (classes * 2_654_435_761 % self._mentors)[:, None]) % self._mentors
        keys = np.where(possible, np.minimum(gains, 1 << 40) * self._mentors + turned, -1)
        limit = np.partition(keys, -wanted, axis=1)[:, -wanted]
        best: Bools = keys >= limit[:, None]
        return best


def _by_hash(
    problem: Problem, classes: Classes, tight: NDArray[np.uint8], network: Network, best: Flow
) -> tuple[NDArray[np.intp], int]:
    """Of all assignments as good as the one found, that with the most stays and then the largest sum of hashes."""
    hires = len(classes.of_hire)
    below = (network.place_costs < best.prices[:, None]).sum(axis=1)
    up_to = (network.place_costs <= best.prices[:, None]).sum(axis=1)
    optional = np.arange(max(int((up_to - below).max()), 1))
    may_wait = (best.worth == network.waiting)[classes.of_hire]
    second = Network(
        sizes=np.ones(hires, np.int64),
        waiting=np.where(may_wait, 0, NONE),
        place_costs=np.where(optional < (up_to - below)[:, None], 0, NONE),
        mandatory=below,
    )
    pairs = _Tied(problem, classes, tight, up_to > 0)
    flow = cheapest(second, pairs, pairs.costed(*_spread(classes, best)))
    chosen = np.full(hires, -1, np.intp)
    chosen[flow.arcs.tails] = flow.arcs.heads
    return chosen, flow.rounds


def _spread(classes: Classes, best: Flow) -> tuple[Int64s, Int64s]:
    """The first stage's flow as one mentor per hire: hires and mentors."""
    by_class = np.argsort(classes.of_hire, kind="stable")
    starts = np.concatenate([[0], np.cumsum(classes.sizes)])
    sent = np.repeat(best.arcs.tails, best.amounts)
    place = np.arange(len(sent)) - np.searchsorted(sent, sent)
    return by_class[starts[sent] + place], np.repeat(best.arcs.heads, best.amounts)


class _Tied:
    """The second stage's pairs: hires and the mentors that an optimal assignment may give them, by hash."""

    def __init__(self, problem: Problem, classes: Classes, tight: NDArray[np.uint8], had: Bools) -> None:
        hires, mentors = len(problem.profiles), len(problem.mentor_keys)
        # As wide as the flow can hold: every stay outweighs all hashes together.
        stay_bits = hires.bit_length() if (problem.stays >= 0).any() else 0
        self._bits = min(TIE_BITS, COST_BITS - 2 - stay_bits - (hires + mentors + 2).bit_length())
        self._stay = hires << self._bits if stay_bits else 0
        self._problem = problem
        self._of_hire = classes.of_hire
        self._tight = tight
        self._had = np.packbits(had)

    def paying(self, prices: Int64s, worth: Int64s, count: int) -> Iterator[Arcs]:
        """See `flow.Pairs`."""
        mentors = len(prices)
        height = max(4 * BLOCK_CELLS // mentors, 1)
        for first in range(0, len(self._of_hire), height):
            bits = self._tight[self._of_hire[first : first + height]] & self._had
            tails, heads = np.nonzero(np.unpackbits(bits, axis=1, count=mentors))
            tails += first
            found = self.costed(tails, heads)
            gains = worth[tails] - prices[heads] - found.costs
            pays = np.flatnonzero(gains > 0)
            wanted = MANY * count * len(bits)
            if len(pays) > wanted:
                pays = pays[gains[pays] >= np.partition(gains[pays], -wanted)[-wanted]]
            yield Arcs(tails[pays], heads[pays], found.costs[pays])

    def costed(self, tails: Int64s, heads: Int64s) -> Arcs:
        """These pairs with their costs."""
        problem = self._problem
        costs = -tie_break(problem.hire_keys[tails], problem.mentor_keys[heads], self._bits)
        if self._stay:
            costs -= self._stay * (problem.stays[tails] == heads)
        return Arcs(tails, heads, costs)
