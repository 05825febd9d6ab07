"""The solver against SciPy's dense assignment, and against the certificate that needs no solver: prices no pair can better."""

from dataclasses import dataclass, field, replace

import numpy as np
import pytest
from hypothesis import given as drawn
from hypothesis import strategies as st
from numpy.typing import NDArray
from scipy.optimize import linear_sum_assignment

from services.matching.solving.certificate import faults
from services.matching.solving.dense import assigned
from services.matching.solving.problem import Problem, Solution
from services.matching.solving.solver import by_flow, solve
from services.matching.solving.ties import TIE_BITS, tie_break
from tests.domain.matching.populations import steady

FORBIDDEN = 10**9
WAITING = 10**7  # more than all scores of a test together, less than a forbidden pair


@dataclass(frozen=True)
class Dense:
    """A problem written out: one row of scores per hire."""

    scores: NDArray[np.int16]
    place_points: NDArray[np.int16]
    hire_keys: NDArray[np.uint64]
    mentor_keys: NDArray[np.uint64]
    ranks: NDArray[np.int64]
    stays: NDArray[np.int64] = field(default_factory=lambda: np.zeros(0, np.int64))

    @property
    def problem(self) -> Problem:
        """Equal rows are one profile, as the engine would make them."""
        rows, profiles = np.unique(self.scores, axis=0, return_inverse=True)
        stays = self.stays if len(self.stays) else np.full(len(self.scores), -1)
        return Problem(
            rows=lambda wanted: rows[wanted],
            profiles=profiles.reshape(-1),
            exceptions=np.zeros((3, 0), np.int64),
            place_points=self.place_points,
            hire_keys=self.hire_keys,
            mentor_keys=self.mentor_keys,
            ranks=self.ranks,
            stays=stays,
        )

    def solved(self) -> NDArray[np.intp]:
        """The mentors, from a solution that the certificate finds no fault with; the flow finds the same, with the same duals."""
        solution = solve(self.problem)
        assert faults(self.problem, solution) == []
        if 0 not in (*self.scores.shape, self.place_points.shape[1]):
            flow = by_flow(self.problem)
            assert (flow.mentors == solution.mentors).all()
            assert (flow.prices == solution.prices).all()
            assert (flow.worth == solution.worth).all()
        return solution.mentors


def dense(seed: int, hires: int, mentors: int, *, places: int = 2, alike: float = 0.0, coarse: int = 1) -> Dense:
    random = np.random.default_rng(seed)
    scores = random.integers(0, 9500 // coarse, (hires, mentors)) * coarse
    forbidden = random.random((hires, mentors)) < 0.2
    same = int(hires * alike)
    scores[:same], forbidden[:same] = scores[:1], forbidden[:1]
    capacities = random.integers(0, places + 1, mentors)
    left = capacities[:, None] - np.arange(places)[None, :]
    return Dense(
        scores=np.where(forbidden, -1, scores).astype(np.int16),
        place_points=np.where(left > 0, 500 * left // places, -1).astype(np.int16),
        hire_keys=random.integers(0, 1 << 63, hires).astype(np.uint64),
        mentor_keys=random.integers(0, 1 << 63, mentors).astype(np.uint64),
        ranks=np.zeros(hires, np.int64),
    )


def worth(given: Dense, mentors: NDArray[np.intp]) -> tuple[int, int]:
    """How many hires are matched, and their total score; fails on a forbidden pair or an overfull mentor."""
    used = [0] * given.scores.shape[1]
    total = 0
    for hire, mentor in enumerate(mentors):
        if mentor >= 0:
            assert given.scores[hire, mentor] >= 0
            assert given.place_points[mentor, used[mentor]] >= 0
            total += int(given.scores[hire, mentor]) + int(given.place_points[mentor, used[mentor]])
            used[mentor] += 1
    return int((mentors >= 0).sum()), total


def dense_optimum(given: Dense) -> tuple[int, int]:
    """The same by `linear_sum_assignment` over one column per place, and one per hire for waiting."""
    mentors, place = np.nonzero(given.place_points >= 0)
    points = given.place_points[mentors, place].astype(np.float64)
    pairs = np.where(given.scores[:, mentors] >= 0, -(given.scores[:, mentors] + points), FORBIDDEN)
    costs = np.concatenate([pairs, np.full((len(given.scores), len(given.scores)), WAITING)], axis=1)
    rows, columns = linear_sum_assignment(costs)
    chosen = costs[rows, columns]
    return int((chosen <= 0).sum()), int(-chosen[chosen <= 0].sum())


@pytest.mark.parametrize("alike", [0.0, 0.6, 1.0])
@pytest.mark.parametrize(("hires", "mentors", "places"), [(1, 1, 1), (7, 3, 4), (60, 200, 2), (120, 70, 2), (90, 90, 1)])
@pytest.mark.parametrize("coarse", [1, 1000])
def test_the_solution_is_as_good_as_the_dense_optimum(alike: float, hires: int, mentors: int, places: int, coarse: int) -> None:
    for seed in range(3):
        given = dense(seed, hires, mentors, places=places, alike=alike, coarse=coarse)
        assert worth(given, given.solved()) == dense_optimum(given)


def test_hires_who_are_alike_all_find_a_place_where_a_fixed_number_of_best_mentors_fails() -> None:
    given = dense(5, 300, 400, places=1, alike=0.9)
    given.scores[range(270), range(270)] = 1  # a trifle of their own each, so that no two are one node of the flow
    assert worth(given, given.solved()) == dense_optimum(given)
    assert by_flow(given.problem).rounds[0] > 1


def mix(given: Dense, hires: NDArray[np.int64], mentors: NDArray[np.int64]) -> Dense:
    return Dense(
        given.scores[hires][:, mentors],
        given.place_points[mentors],
        given.hire_keys[hires],
        given.mentor_keys[mentors],
        given.ranks[hires],
    )


@pytest.mark.parametrize(
    ("hires", "mentors", "places", "answers"),
    [
        (40, 60, 3, True),  # places to spare
        (30, 60, 1, True),
        (60, 20, 9, True),  # several places each, few to spare
        (60, 20, 1, False),  # some must wait
        (500, 900, 5, False),  # too many cells
    ],
)
def test_a_small_batch_in_which_nobody_waits_is_solved_without_the_flow(
    hires: int, mentors: int, places: int, answers: bool
) -> None:
    given = dense(4, hires, mentors, places=places, coarse=500)
    assert (assigned(given.problem) is not None) == answers
    given.solved()


@pytest.mark.parametrize("coarse", [1, 1000, 9000])
@pytest.mark.parametrize("alike", [0.0, 0.4, 1.0])
def test_renumbering_hires_and_mentors_gives_the_same_pairs(coarse: int, alike: float) -> None:
    given = dense(11, 80, 90, places=2, alike=alike, coarse=coarse)
    random = np.random.default_rng(0)
    hires, mentors = random.permutation(80), random.permutation(90)
    found, again = given.solved(), mix(given, hires, mentors).solved()
    back = np.full(80, -1)
    back[hires] = np.where(again >= 0, mentors[again], -1)
    assert (back == found).all()


def test_of_the_best_assignments_that_with_the_largest_sum_of_hashes_is_taken() -> None:
    for seed in range(5):
        given = dense(seed, 12, 15, places=1, coarse=4000)
        ties = tie_break(given.hire_keys[:, None], given.mentor_keys[None, :])
        cost = np.where(given.scores >= 0, given.scores.astype(object) << 60, -(1 << 80)) + ties
        mentors = np.flatnonzero(given.place_points[:, 0] >= 0)
        found = given.solved()
        if (found < 0).any():
            continue
        best = _brute(cost[:, mentors] + (given.place_points[mentors, 0].astype(object) << 60))
        assert sum(cost[hire, mentor] + (int(given.place_points[mentor, 0]) << 60) for hire, mentor in enumerate(found)) == best


def _brute(gains: NDArray[np.object_]) -> int:
    """The best sum with one column per row, by dynamic programming over the sets of columns used."""
    best: dict[int, int] = {0: 0}
    for row in gains:
        after: dict[int, int] = {}
        for used, total in best.items():
            for column, gain in enumerate(row):
                if not used >> column & 1:
                    after[used | 1 << column] = max(after.get(used | 1 << column, -(1 << 90)), total + gain)
        best = after
    return max(best.values())


def test_among_equally_good_mentors_everybody_stays_who_can() -> None:
    given = dense(2, 40, 60, places=1, coarse=9000)
    found = given.solved()
    other = replace(given, hire_keys=given.hire_keys[::-1]).solved()  # another of the best assignments, by other hashes
    assert (other != found).any()
    assert (replace(given, stays=other.astype(np.int64)).solved() == other).all()


def test_of_those_who_must_wait_the_higher_rank_goes_first_and_never_lowers_the_number() -> None:
    given = dense(3, 40, 10, places=2)
    ranked = replace(given, ranks=np.arange(40))
    mentors = ranked.solved()
    assert worth(ranked, mentors)[0] == dense_optimum(given)[0]
    expected: list[int] = []
    for hire in reversed(range(40)):  # greedy by rank is optimal: what can be matched together is a matroid
        trial = sorted([*expected, hire])
        alone = replace(given, scores=given.scores[trial], hire_keys=given.hire_keys[trial], ranks=np.zeros(len(trial), np.int64))
        if dense_optimum(alone)[0] == len(trial):
            expected = trial
    assert sorted(np.flatnonzero(mentors >= 0)) == expected


@steady
@drawn(st.integers(0, 2**32 - 1), st.integers(1, 14), st.integers(1, 10), st.sampled_from([1, 500, 4000]), st.booleans())
def test_every_solution_carries_a_certificate_that_a_worse_one_does_not(
    seed: int, hires: int, mentors: int, coarse: int, ranked: bool
) -> None:
    given = dense(seed, hires, mentors, places=3, alike=0.5, coarse=coarse)
    if ranked:
        given = replace(given, ranks=np.random.default_rng(seed).integers(0, 3, hires))
    solution = solve(given.problem)
    assert faults(given.problem, solution) == []
    value = worth(given, solution.mentors)
    for hire in np.flatnonzero(solution.mentors >= 0):
        for mentor in (-1, *range(mentors)):
            tried = solution.mentors.copy()
            tried[hire] = mentor
            legal = mentor < 0 or (
                given.scores[hire, mentor] >= 0 and (tried == mentor).sum() <= (given.place_points[mentor] >= 0).sum()
            )
            if not legal or worth(given, tried) < value:
                assert faults(given.problem, replace(solution, mentors=tried)) != []


def test_a_rule_of_one_hire_alone_equals_a_row_of_their_own() -> None:
    given = dense(8, 50, 40, places=2, alike=0.8, coarse=500)
    plain = given.scores.copy()
    rows, hires = np.array([0, 3, 20, 49]), np.array([5, 7, 5, 0])
    plain[rows, hires] = [-1, -1, 700, -1]
    exceptions = np.array([rows, hires, [-1, -1, 700, -1]])
    problem = replace(given.problem, exceptions=exceptions)
    for solution in (solve(problem), by_flow(problem)):
        assert faults(problem, solution) == []
        assert (solution.mentors == replace(given, scores=plain).solved()).all()


def test_ten_thousand_hires_with_a_rank_each_fit_one_exact_solve() -> None:
    given = replace(dense(0, 10_000, 3), ranks=np.arange(10_000))
    assert worth(given, given.solved())[0] == int((given.place_points >= 0).sum())


def test_nobody_to_match_or_nobody_to_match_with_is_an_empty_answer() -> None:
    assert len(dense(0, 0, 5).solved()) == 0
    assert list(dense(0, 3, 0).solved()) == [-1, -1, -1]


def test_more_ranks_than_exact_costs_can_hold_are_refused_in_words() -> None:
    many = 200_000
    ranked = replace(dense(0, many, 3), ranks=np.arange(many))
    with pytest.raises(ValueError, match="solve them in parts"):
        solve(ranked.problem)


def test_the_tie_break_is_pinned_so_that_an_upgrade_that_changes_it_is_noticed() -> None:
    keys = np.array([1, 2**63 + 5], np.uint64)
    assert tie_break(keys[:, None], keys[None, :], 16).tolist() == [[58585, 15111], [21281, 14184]]
    assert tie_break(keys, keys)[0] >> TIE_BITS - 16 == 58585


def test_a_certificate_names_what_is_wrong() -> None:
    given = dense(4, 6, 5)
    solution = solve(given.problem)
    empty = Solution(np.full(6, -1, np.intp), solution.prices, solution.worth, solution.rounds)
    assert "a hire's worth is not what waiting costs" in faults(given.problem, empty)
