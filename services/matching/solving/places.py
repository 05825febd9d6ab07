"""What one more place would be worth: at each mentor, and at each department, for the hires who wait.

Both are exact. A mentor's figure is the best path through the optimal assignment that ends in the new place: somebody who waits
takes it, or takes a place that others vacate in turn. A department's is a second solve with one more place at each mentor there.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from services.matching.criteria import load_value, points_of
from services.matching.person import Seeker
from services.matching.policy import Policy
from services.matching.pool import Bools, Candidate, Pool
from services.matching.solving.batch import Batch, batch_of
from services.matching.solving.flow import Int64s
from services.matching.solving.problem import Problem, scores_of
from services.matching.solving.solver import solve
from shared.events.mentoring import MAX_CAPACITY

NOWHERE = 1 << 60  # the cost of a place nobody can fill
PLACED = 1 << 40  # what placing one more hire is worth in one number with points, which stay far below
BLOCK_CELLS = 1 << 18


@dataclass(frozen=True, slots=True)
class MentorPlace:
    """One more place at one mentor: `placed` 1 if a hire more finds a mentor, and the `points` by which the total score grows.

    `points` may be negative where others move to a lesser match so that one more is placed.
    """

    mentor_id: str
    department: str | None
    placed: int
    points: int


@dataclass(frozen=True, slots=True)
class DepartmentPlaces:
    """One more place at each mentor of a department: the `mentors` whose new place is used, the `hires` who are placed more, and
    the `points` by which the total score grows. `department` as the pool knows it: case-folded, None for unknown.
    """

    department: str | None
    mentors: tuple[str, ...]
    hires: tuple[str, ...]
    placed: int
    points: int


@dataclass(frozen=True, slots=True)
class PlacesWorth:
    """`waiting`: hires nobody has a place for now. Mentors and departments whose places are worth something, best first."""

    waiting: int
    mentors: tuple[MentorPlace, ...]
    departments: tuple[DepartmentPlaces, ...]


def worth_of_places(pool: Pool, policy: Policy, waiting: Sequence[Seeker]) -> PlacesWorth:
    """What one more place would be worth to those who wait, with everybody assigned so far staying where they are.

    Every mentor counts whom a rule but for capacity allows somebody, up to the largest capacity there is. Who has waited longer
    makes no difference to the worth of a place. The new place adds what load adds to the last of so many places.
    """
    if not waiting or not len(pool):
        return PlacesWorth(len(waiting), (), ())
    batch, extra = _with_one_more(pool, policy, waiting)
    now = np.asarray(solve(batch.problem).mentors, np.int64)
    mentors = _each_mentor(pool, batch, extra, now)
    departments = _each_department(pool, batch, extra, now)
    return PlacesWorth(int((now < 0).sum()), tuple(mentors), tuple(departments))


def _with_one_more(pool: Pool, policy: Policy, waiting: Sequence[Seeker]) -> tuple[Batch, Int64s]:
    """The problem as things are, over all mentors who could have one more place, and what that place would add (mentors,)."""
    raised = Pool(replace(mentor, capacity=mentor.capacity + 1) if _can_grow(mentor) else mentor for mentor in pool.candidates)
    batch = batch_of(raised, policy, [replace(seeker, rank=0) for seeker in waiting])
    free = pool.column("free")[batch.rows].astype(np.int64)
    growing = [pool.candidates[row] if _can_grow(pool.candidates[row]) else None for row in batch.rows]
    last = np.array([load_value(mentor.capacity, mentor.capacity + 1) if mentor else 0 for mentor in growing], np.int16)
    extra = points_of(last, policy.shares.get("load", 0)).astype(np.int64)
    extra[[mentor is None for mentor in growing]] = -1
    as_now = batch_of(pool, policy, batch.seekers)
    places = np.full((len(batch.rows), as_now.problem.place_points.shape[1] + 1), -1, np.int16)
    places[free > 0, :-1] = as_now.problem.place_points
    return replace(batch, problem=replace(batch.problem, place_points=places)), extra


def _can_grow(mentor: Candidate) -> bool:
    return mentor.load <= mentor.capacity < MAX_CAPACITY


def _lengthened(problem: Problem, extra: Int64s, which: Bools) -> Problem:
    """The problem with one more place at some mentors."""
    places = problem.place_points.copy()
    there = (places >= 0).sum(axis=1)
    rows = np.flatnonzero(which & (extra >= 0) & (there < places.shape[1]))
    places[rows, there[rows]] = extra[rows]
    return replace(problem, place_points=places)


def _each_mentor(pool: Pool, batch: Batch, extra: Int64s, now: Int64s) -> list[MentorPlace]:
    gains = -(_filled(batch.problem, now) - extra)
    placed = (gains + PLACED // 2) // PLACED
    points = gains - placed * PLACED
    found = []
    for mentor in np.flatnonzero((extra >= 0) & (gains > 0)).tolist():
        candidate = pool.candidates[int(batch.rows[mentor])]
        found.append(MentorPlace(candidate.person.id, candidate.person.department, int(placed[mentor]), int(points[mentor])))
    return sorted(found, key=lambda one: (-one.placed, -one.points, one.mentor_id))


def _filled(problem: Problem, now: Int64s) -> Int64s:
    """What it costs at best to fill one more place at each mentor, shape (mentors,): shortest paths backwards (Bellman-Ford).

    Somebody who waits fills it, or somebody who leaves a place: that is filled in turn, or stays empty and gives back its points.
    """
    if not len(problem.mentor_keys):
        return np.zeros(0, np.int64)
    classes = problem.classes
    taken = np.bincount(now[now >= 0], minlength=len(problem.mentor_keys))
    last = problem.place_costs[np.arange(len(taken)), np.maximum(taken - 1, 0)]
    emptied = np.where(taken > 0, -last, NOWHERE)
    own = np.zeros(len(now), np.int64)
    for first, last_class in _blocks(len(classes), len(taken)):
        scores = scores_of(problem, classes, first, last_class)
        here = np.flatnonzero((classes.of_hire >= first) & (classes.of_hire < last_class) & (now >= 0))
        own[here] = -scores[classes.of_hire[here] - first, now[here]].astype(np.int64)
    filled = np.full(len(taken), NOWHERE)
    while True:
        vacated = np.minimum(filled, emptied)
        leaving = np.where(now >= 0, vacated[now] - own, -PLACED)
        start = np.full(len(classes), NOWHERE)
        np.minimum.at(start, classes.of_hire, leaving)
        lowered = filled.copy()
        for first, last_class in _blocks(len(classes), len(taken)):
            scores = scores_of(problem, classes, first, last_class)
            costs = np.where(scores >= 0, start[first:last_class, None] - scores, NOWHERE)
            lowered = np.minimum(lowered, costs.min(axis=0))
        if np.array_equal(lowered, filled):
            return filled
        filled = lowered


def _blocks(rows: int, width: int) -> list[tuple[int, int]]:
    height = max(BLOCK_CELLS // max(width, 1), 1)
    return [(first, min(first + height, rows)) for first in range(0, rows, height)]


def _each_department(pool: Pool, batch: Batch, extra: Int64s, now: Int64s) -> list[DepartmentPlaces]:
    departments = [pool.candidates[row].person.department for row in batch.rows]
    before = _total(batch.problem, now)
    found = []
    for department in sorted(set(departments), key=lambda name: (name is None, name or "")):
        which = np.array([one == department for one in departments])
        problem = _lengthened(batch.problem, extra, which)
        after = np.asarray(solve(problem).mentors, np.int64)
        free = (batch.problem.place_points >= 0).sum(axis=1)
        used = np.flatnonzero(np.bincount(after[after >= 0], minlength=len(free)) > free)
        hires = tuple(batch.seekers[hire].person.id for hire in np.flatnonzero((after >= 0) & (now < 0)))
        placed, points = int((after >= 0).sum() - (now >= 0).sum()), _total(problem, after) - before
        if placed or points:
            mentors = tuple(pool.ids[int(batch.rows[mentor])] for mentor in used)
            found.append(DepartmentPlaces(department, mentors, hires, placed, points))
    return sorted(found, key=lambda one: (-one.placed, -one.points))


def _total(problem: Problem, mentors: Int64s) -> int:
    """The total score of an assignment, load included."""
    points = 0
    for hire in np.flatnonzero(mentors >= 0).tolist():
        points += int(problem.rows(problem.profiles[[hire]])[0, mentors[hire]])
    taken = np.bincount(mentors[mentors >= 0], minlength=len(problem.place_points))
    used = (np.arange(problem.place_points.shape[1]) < taken[:, None]) & (problem.place_points >= 0)
    return points + int(problem.place_points[used].astype(np.int64).sum())
