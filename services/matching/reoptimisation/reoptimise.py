"""What could be better among pairs that have not met: the optimal reassignment, as steps that can be taken one by one.

Nothing moves by itself. The pairs given are freed in thought, matched anew together with whoever waits, and the difference is
taken apart into cycles (two or more hires change places) and chains (somebody moves to a free place, others move up, perhaps
somebody who waits comes in). Each step leaves every mentor within their places whatever other steps are taken; the gains add up.
"""

from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from services.matching.engine import parts_of
from services.matching.explanations import Match, Parts, total
from services.matching.person import Seeker
from services.matching.policy import Policy
from services.matching.pool import Pool
from services.matching.solving.batch import Batch, batch_of
from services.matching.solving.flow import Int64s
from services.matching.solving.solver import solve

OUTSIDE = -1  # where somebody who waits comes from


@dataclass(frozen=True, slots=True)
class Pair:
    """A live match that may move: the two have not met, and nobody pinned or decided it by hand."""

    seeker: Seeker
    mentor_id: str


@dataclass(frozen=True, slots=True)
class Move:
    """One hire to another mentor. `from_mentor` is None for somebody who waits, `before` is then 0 and its parts are empty.

    `match` explains the new pair as it will be when this step is taken; `before` and `before_parts` the pair of now. Both
    scores hold what load adds, which depends on who else is there: the step's `gain` is what counts.
    """

    hire_id: str
    from_mentor: str | None
    match: Match
    before: int
    before_parts: Parts


@dataclass(frozen=True, slots=True)
class Step:
    """Moves that belong together: taken whole or not at all, whatever becomes of the other steps.

    `gain` in points of the total score (10000 is one perfect match), at least 1 unless it places somebody who waits: `placed`
    is then 1, else 0. Of steps that fill the same mentor's places each is priced at a place of its own, the fullest last: taken
    alone a step gains this or more.
    """

    moves: tuple[Move, ...]
    gain: int
    placed: int


@dataclass(frozen=True, slots=True)
class Proposal:
    """The steps, those that place somebody first, then by gain. `gain` and `placed` are their sums.

    `before` and `after`: the total score of all pairs given, now and with every step taken; `after - before == gain`.
    """

    steps: tuple[Step, ...]
    gain: int
    placed: int
    before: int
    after: int


def reoptimise(pool: Pool, policy: Policy, pairs: Sequence[Pair], waiting: Sequence[Seeker] = ()) -> Proposal:
    """The best reassignment of these pairs, and of those who wait where that places them.

    The pool counts the pairs as load, as it does for every decision. Nobody given loses their place; as many of those who
    wait as possible are placed, the longest-waiting (largest rank) first; then the total score is the highest possible; among
    equals everybody stays who can. A pair that a rule would no longer allow may stay, but nobody new moves to such a mentor.
    Raises KeyError for a mentor who is not in the pool.
    """
    if not pairs and not waiting:
        return Proposal((), 0, 0, 0, 0)
    held = Counter(pair.mentor_id for pair in pairs)
    batch, known = _problem(pool, policy, pairs, waiting, held)
    after = np.asarray(solve(batch.problem).mentors, np.int64)
    before = batch.problem.stays
    points = _points(batch, known, before, after)
    steps = _steps(batch, before, after, points)
    found = [_told(pool, policy, batch, before, after, step) for step in steps]
    found.sort(key=lambda step: (-step.placed, -step.gain, step.moves[0].hire_id))
    value, gain = _value(batch, before, points[0]), sum(step.gain for step in found)
    return Proposal(tuple(found), gain, sum(step.placed for step in found), value, value + gain)


def _problem(
    pool: Pool, policy: Policy, pairs: Sequence[Pair], waiting: Sequence[Seeker], held: Counter[str]
) -> tuple[Batch, dict[str, int]]:
    """The problem with the pairs' places freed, and what each pair scores now without load, by hire."""
    freed = Pool(
        replace(mentor, load=mentor.load - held[mentor.person.id]) if mentor.load <= mentor.capacity else mentor
        for mentor in pool.candidates  # one over capacity takes nobody new, not even for somebody who leaves
    )
    first = 1 + max((seeker.rank for seeker in waiting), default=0)
    seekers = [*(replace(pair.seeker, rank=first) for pair in pairs), *waiting]
    batch = batch_of(freed, policy, seekers, held)
    column = {int(row): place for place, row in enumerate(batch.rows)}
    theirs = {pair.seeker.person.id: pair.mentor_id for pair in pairs}
    stays = np.full(len(seekers), OUTSIDE, np.int64)
    exceptions = {(hire, mentor): score for hire, mentor, score in batch.problem.exceptions.T.tolist()}
    known: dict[str, int] = {}
    for hire, seeker in enumerate(batch.seekers):
        id = seeker.person.id
        if id in theirs:
            row = freed.row(theirs[id])
            if row is None:
                raise KeyError(f"{theirs[id]} is in no pool; release the mentees of a mentor who withdrew before matching anew")
            stays[hire] = column[row]
            (parts,) = parts_of(freed, policy, seeker, [(row, 0)])
            known[id] = exceptions[hire, column[row]] = sum(part.points for part in parts if part.criterion != "load")
    changed = np.array([(*pair, score) for pair, score in exceptions.items()], np.int64).reshape(-1, 3).T
    return replace(batch, problem=replace(batch.problem, exceptions=changed, stays=stays)), known


def _points(batch: Batch, known: dict[str, int], before: Int64s, after: Int64s) -> tuple[Int64s, Int64s]:
    """Each hire's score without load, now and afterwards; 0 for nobody."""
    problem = batch.problem
    now = np.array([known.get(seeker.person.id, 0) for seeker in batch.seekers], np.int64)
    then = np.where(after == before, now, 0)
    moved = np.flatnonzero((after != before) & (after >= 0))
    for hire in moved.tolist():
        then[hire] = int(problem.rows(problem.profiles[[hire]])[0, after[hire]])
    return now, then


def _value(batch: Batch, mentors: Int64s, points: Int64s) -> int:
    taken = np.bincount(mentors[mentors >= 0], minlength=len(batch.rows))
    places = batch.problem.place_points
    used = (np.arange(places.shape[1]) < taken[:, None]) & (places >= 0)
    return int(points.sum()) + int(places[used].astype(np.int64).sum())


@dataclass(frozen=True, slots=True)
class _Step:
    """Hires in the order in which each takes the place of the next; the last takes a free one, or the first one's in a cycle."""

    hires: tuple[int, ...]
    cycle: bool
    gain: int


def _steps(batch: Batch, before: Int64s, after: Int64s, points: tuple[Int64s, Int64s]) -> list[_Step]:
    """The difference as cycles and chains that pass each mentor once, in an order that depends on ids alone."""
    leaving: dict[int, list[int]] = defaultdict(list)
    for hire in np.flatnonzero(before != after)[::-1].tolist():
        leaving[int(before[hire])].append(hire)
    arriving = Counter(after[before != after].tolist())
    surplus = {mentor: len(hires) - arriving[mentor] for mentor, hires in leaving.items()}
    gains = (points[1] - points[0]).tolist()
    places = batch.problem.place_points.astype(np.int64)
    taken = np.bincount(before[before >= 0], minlength=len(batch.rows))
    found: list[_Step] = []
    for start in sorted(leaving):
        for _ in range(max(surplus[start], 0)):
            chain = _walk(leaving, after, start, found, gains)
            end = int(after[chain[-1]])
            gain = sum(gains[hire] for hire in chain) + int(places[end, taken[end]])
            taken[end] += 1
            if start != OUTSIDE:
                taken[start] -= 1
                gain -= int(places[start, taken[start]])
            found.append(_Step(tuple(chain), cycle=False, gain=gain))
    for start in sorted(leaving):
        while leaving[start]:
            _walk(leaving, after, start, found, gains)
    return [step for step in found if step.gain or before[step.hires[0]] == OUTSIDE]


def _walk(leaving: dict[int, list[int]], after: Int64s, start: int, found: list[_Step], gains: Sequence[int]) -> list[int]:
    """Follow hires to where they go until nobody leaves there; a cycle on the way is a step of its own."""
    path: list[int] = []
    visited = [start]
    while leaving[visited[-1]]:
        path.append(leaving[visited[-1]].pop())
        there = int(after[path[-1]])
        if there in visited:
            begin = visited.index(there)
            cycle = path[begin:]
            found.append(_Step(tuple(cycle), cycle=True, gain=sum(gains[hire] for hire in cycle)))
            del path[begin:], visited[begin + 1 :]
        else:
            visited.append(there)
    return path


def _told(pool: Pool, policy: Policy, batch: Batch, before: Int64s, after: Int64s, step: _Step) -> Step:
    moves = []
    for place, hire in enumerate(step.hires):
        # Whoever the next one leaves has one mentee less before this hire comes.
        vacated = step.cycle or place + 1 < len(step.hires)
        moves.append(_move(pool, policy, batch, int(before[hire]), int(after[hire]), hire, -int(vacated)))
    return Step(tuple(moves), step.gain, sum(move.from_mentor is None for move in moves))


def _move(pool: Pool, policy: Policy, batch: Batch, source: int, target: int, hire: int, more: int) -> Move:
    seeker = batch.seekers[hire]
    rows = [int(batch.rows[mentor]) for mentor in (target, source) if mentor != OUTSIDE]
    theirs, *ours = parts_of(pool, policy, seeker, list(zip(rows, (more, -1), strict=False)))
    mentor = pool.candidates[rows[0]]
    match = Match(seeker.person.id, mentor.person.id, total(theirs), mentor.load + more, theirs, (), None)
    if source == OUTSIDE:
        return Move(seeker.person.id, None, match, 0, ())
    return Move(seeker.person.id, pool.ids[rows[1]], match, total(ours[0]), ours[0])
