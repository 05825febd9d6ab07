"""The solver against SciPy's dense assignment, and against the certificate that needs no solver: prices no pair can better."""

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.optimize import linear_sum_assignment

from services.matching.solver import Problem, solve, tie_break

FORBIDDEN = 10**9
WAITING = 10**7  # more than all scores of a test together, less than a forbidden pair


def problem(seed: int, hires: int, mentors: int, *, places: int = 2, alike: float = 0.0, coarse: int = 1) -> Problem:
    random = np.random.default_rng(seed)
    scores = random.integers(0, 9500 // coarse, (hires, mentors)) * coarse
    forbidden = random.random((hires, mentors)) < 0.2
    same = int(hires * alike)
    scores[:same], forbidden[:same] = scores[:1], forbidden[:1]
    capacities = random.integers(0, places + 1, mentors)
    left = capacities[:, None] - np.arange(places)[None, :]
    return Problem(
        scores=np.where(forbidden, -1, scores).astype(np.int16),
        place_points=np.where(left > 0, 500 * left // places, -1).astype(np.int16),
        hire_keys=random.integers(0, 1 << 63, hires).astype(np.uint64),
        mentor_keys=random.integers(0, 1 << 63, mentors).astype(np.uint64),
        ranks=np.zeros(hires, np.int64),
    )


def worth(given: Problem, mentors: NDArray[np.intp]) -> tuple[int, int]:
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


def dense_optimum(given: Problem) -> tuple[int, int]:
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
        given = problem(seed, hires, mentors, places=places, alike=alike, coarse=coarse)
        assert worth(given, solve(given).mentors) == dense_optimum(given)


def test_hires_who_are_alike_all_find_a_place_where_a_fixed_number_of_best_mentors_fails() -> None:
    given = problem(5, 300, 400, places=1, alike=0.9)
    solution = solve(given)
    assert worth(given, solution.mentors) == dense_optimum(given)
    assert solution.rounds > 1


@pytest.mark.parametrize("coarse", [1, 1000, 9000])
def test_renumbering_hires_and_mentors_gives_the_same_pairs(coarse: int) -> None:
    given = problem(11, 80, 90, places=2, alike=0.4, coarse=coarse)
    random = np.random.default_rng(0)
    hires, mentors = random.permutation(80), random.permutation(90)
    renumbered = Problem(
        given.scores[hires][:, mentors],
        given.place_points[mentors],
        given.hire_keys[hires],
        given.mentor_keys[mentors],
        given.ranks,
    )
    found, again = solve(given).mentors, solve(renumbered).mentors
    back = np.full(80, -1)
    back[hires] = np.where(again >= 0, mentors[again], -1)
    assert (back == found).all()


def test_of_those_who_must_wait_the_higher_rank_goes_first_and_never_lowers_the_number() -> None:
    given = problem(3, 40, 10, places=2)
    ranked = Problem(given.scores, given.place_points, given.hire_keys, given.mentor_keys, np.arange(40))
    mentors = solve(ranked).mentors
    assert worth(ranked, mentors)[0] == dense_optimum(given)[0]
    expected: list[int] = []
    for hire in reversed(range(40)):  # greedy by rank is optimal: what can be matched together is a matroid
        trial = sorted([*expected, hire])
        alone = Problem(
            given.scores[trial], given.place_points, given.hire_keys[trial], given.mentor_keys, np.zeros(len(trial), np.int64)
        )
        if dense_optimum(alone)[0] == len(trial):
            expected = trial
    assert sorted(np.flatnonzero(mentors >= 0)) == expected


def test_nobody_to_match_or_nobody_to_match_with_is_an_empty_answer() -> None:
    assert len(solve(problem(0, 0, 5)).mentors) == 0
    assert list(solve(problem(0, 3, 0)).mentors) == [-1, -1, -1]


def test_more_ranks_than_exact_costs_can_hold_are_refused_in_words() -> None:
    given = problem(0, 5000, 3)
    ranked = Problem(given.scores, given.place_points, given.hire_keys, given.mentor_keys, np.arange(5000))
    with pytest.raises(ValueError, match="solve them in blocks"):
        solve(ranked)


def test_the_tie_break_is_pinned_so_that_an_upgrade_that_changes_it_is_noticed() -> None:
    keys = np.array([1, 2**63 + 5], np.uint64)
    assert tie_break(keys[:, None], keys[None, :], 16).tolist() == [[58585, 15111], [21281, 14184]]
    assert tie_break(keys, keys, 0).tolist() == [0, 0]
