"""Minimum-cost flow over few pairs, priced until it is proven best over all of them: one stage of the solver.

A flow over a fixed number of best pairs is a trap: when hires are alike and places scarce it leaves half of them unmatched. So
the duals (what one more place at a mentor is worth) are taken from the residual network, every pair is priced with them, and
pairs that would pay are added, until none is left: then no other flow is cheaper (complementary slackness). Costs are integers.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

FIRST_ARCS = 16  # best heads per unit to begin with; more are added by price, most batches need one or two rounds
NONE = 1 << 61  # the cost of what can't be had
FULL_UP = 1 << 60  # the price of a head with no place left that nobody can leave; above every real price
COST_BITS = 61  # SimpleMinCostFlow refuses cost × nodes from about 2^62

Int64s = NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Arcs:
    """Pairs with what one unit costs, each array of shape (pairs,)."""

    tails: Int64s
    heads: Int64s
    costs: Int64s

    def __len__(self) -> int:
        return len(self.tails)


class Pairs(Protocol):
    """All pairs there are, seen block by block, so that memory does not grow with their number."""

    def paying(self, prices: Int64s, worth: Int64s, count: int) -> Iterator[Arcs]:
        """Pairs with cost + price of the head < worth of the tail: about `count` good ones per unit of each tail, and at least
        one from each block that holds any. A few that nearly pay may be among them.
        """
        ...


@dataclass(frozen=True, slots=True)
class Network:
    """What a stage decides about. `sizes` (tails,): units that each tail sends. `waiting` (tails,): what a unit left over costs,
    `NONE` where none may be. `place_costs` (heads, places): of a head's next place, the one after it, ..., never falling;
    `NONE` where there is none. `mandatory` (heads,): units that each head must get besides those places.
    """

    sizes: Int64s
    waiting: Int64s
    place_costs: Int64s
    mandatory: Int64s


@dataclass(frozen=True, slots=True)
class Flow:
    """A cheapest flow. `arcs` that are used, sorted by tail and head, with `amounts`; the duals: `prices` (heads,) of one more
    unit at each head, `worth` (tails,) of one unit less at each tail; the `rounds` of flow and pricing it took.
    """

    arcs: Arcs
    amounts: Int64s
    prices: Int64s
    worth: Int64s
    rounds: int


def cheapest(network: Network, pairs: Pairs, known: Arcs | None = None) -> Flow:
    """The cheapest flow over all pairs. `known`: arcs over which one is possible, where not everybody may wait."""
    first = np.full(len(network.sizes), NONE)
    start = np.where(network.mandatory > 0, 0, network.place_costs[:, 0])
    arcs = _merged([known] if known else [], pairs.paying(start, first, FIRST_ARCS))
    count = FIRST_ARCS
    for rounds in range(1, len(network.sizes) * len(network.mandatory) + 2):
        amounts = _solve(network, arcs)
        prices, worth = _duals(network, arcs, amounts)
        more = list(pairs.paying(prices, worth, count))
        if not any((block.costs + prices[block.heads] < worth[block.tails]).any() for block in more):
            used = amounts > 0
            return Flow(Arcs(arcs.tails[used], arcs.heads[used], arcs.costs[used]), amounts[used], prices, worth, rounds)
        arcs = _merged([arcs], iter(more))
        count *= 2  # those who are alike want the same heads; the more rounds, the more each must look further down
    raise AssertionError("every round adds a pair, and pairs are finite")


def _merged(first: list[Arcs], more: Iterator[Arcs]) -> Arcs:
    """All of them sorted by tail and head, each pair once."""
    blocks = [*first, *more]
    tails, heads, costs = (
        np.concatenate([getattr(block, name) for block in blocks]) if blocks else np.zeros(0, np.int64)
        for name in ("tails", "heads", "costs")
    )
    order = np.lexsort((heads, tails))
    tails, heads, costs = tails[order], heads[order], costs[order]
    fresh = (np.diff(tails, prepend=-1) != 0) | (np.diff(heads, prepend=-1) != 0)
    return Arcs(tails[fresh], heads[fresh], costs[fresh])


def _solve(network: Network, arcs: Arcs) -> Int64s:
    """The cheapest flow over these arcs alone: units on each."""
    from ortools.graph.python.min_cost_flow import SimpleMinCostFlow  # noqa: PLC0415  20 MB, for those who solve large batches

    tails = len(network.sizes)
    used, compact = np.unique(np.concatenate([arcs.heads, np.flatnonzero(network.mandatory)]), return_inverse=True)
    sink = tails + len(used)
    place_costs = network.place_costs[used]
    heads, place = np.nonzero(place_costs < NONE)
    may_wait = np.flatnonzero(network.waiting < NONE)
    room = (network.place_costs < NONE).sum(axis=1) + network.mandatory
    flow = SimpleMinCostFlow()
    numbers = flow.add_arcs_with_capacity_and_unit_cost(
        np.concatenate([arcs.tails, may_wait, heads + tails]),
        np.concatenate([compact[: len(arcs)] + tails, np.full(len(may_wait) + len(heads), sink)]),
        np.concatenate(
            [
                np.minimum(network.sizes[arcs.tails], room[arcs.heads]),
                network.sizes[may_wait],
                np.ones(len(heads), np.int64),
            ]
        ),
        np.concatenate([arcs.costs, network.waiting[may_wait], place_costs[heads, place]]),
    )
    left = int(network.sizes.sum() - network.mandatory.sum())
    flow.set_nodes_supplies(np.arange(sink + 1), np.concatenate([network.sizes, -network.mandatory[used], [-left]]))
    status = flow.solve()
    if status != flow.OPTIMAL:
        raise ArithmeticError(f"the flow solver ended with {status}; {tails} tails, {len(used)} heads, {len(arcs)} pairs")
    return np.asarray(flow.flows(numbers[: len(arcs)]), np.int64)


def _duals(network: Network, arcs: Arcs, amounts: Int64s) -> tuple[Int64s, Int64s]:
    """Prices from the residual network: shortest distances to the sink (Bellman-Ford).

    From a head: its next place, or moving one of the units there elsewhere. From a tail: waiting, or any of its heads.
    """
    taken = np.bincount(arcs.heads, weights=amounts, minlength=len(network.mandatory)).astype(np.int64) - network.mandatory
    width = network.place_costs.shape[1]
    next_place = network.place_costs[np.arange(len(taken)), np.minimum(taken, width - 1)]
    bare = np.where((taken < width) & (next_place < NONE), next_place, FULL_UP)
    used = amounts > 0
    heads, tails, costs = arcs.heads[used], arcs.tails[used], arcs.costs[used]
    askers, starts = np.unique(arcs.tails, return_index=True)
    prices = bare
    while True:
        worth = network.waiting.copy()
        if len(askers):
            worth[askers] = np.minimum(worth[askers], np.minimum.reduceat(arcs.costs + prices[arcs.heads], starts))
        lowered = bare.copy()
        np.minimum.at(lowered, heads, worth[tails] - costs)
        if np.array_equal(lowered, prices):
            return prices, worth
        prices = lowered
