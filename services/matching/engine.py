"""Who mentors whom: scores, the exact choice for one hire or a batch, and what it takes to explain either.

Pure: numpy in, decisions out. The same mentors and hires in any order give the same answer.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from services.matching import rules
from services.matching.criteria import Lookup, lookups, place_codes
from services.matching.explanations import (
    RUNNERS_UP,
    Match,
    Matches,
    Parts,
    RunnerUp,
    part_of,
    total,
    what_would_change,
)
from services.matching.person import Seeker
from services.matching.policy import Policy
from services.matching.pool import Bools, Ints, Pool, identity
from services.matching.solving.batch import batch_of, sort_keys
from services.matching.solving.solver import solve

NEAREST = 3
NEVER_NEAR = ("self", "profile_unknown", "excluded_pair", "own_manager", "reporting_chain")
"""Rules that no more place or time would lift: whoever they exclude is no near miss."""
FAILING_STEP = 1 << 15  # one rule less to fail counts more than any score


@dataclass(frozen=True, slots=True)
class NearMiss:
    """A mentor who would fit but for `rule` (the first of the `failing` ones)."""

    mentor_id: str
    rule: str
    failing: tuple[str, ...]
    score: int


@dataclass(frozen=True, slots=True)
class Waiting:
    """Why a hire waits. `ruled_out` counts the excluded mentors by the first rule that excludes each."""

    ruled_out: dict[str, int]
    nearest: tuple[NearMiss, ...]


def match(pool: Pool, policy: Policy, seekers: Sequence[Seeker]) -> Sequence[Match | None]:
    """The best assignment of all seekers together, in their order; None for whoever must wait.

    As many as possible are matched, of those who wait the longest-waiting first; then the total score is the highest possible,
    where each mentee a mentor takes on lowers what load adds for the next. The pool is left as it is.
    """
    if not len(pool):
        return [None] * len(seekers)
    if len(seekers) == 1:
        return [_match_one(pool, policy, seekers[0])]
    return match_batch(pool, policy, seekers) or [None] * len(seekers)


def match_batch(pool: Pool, policy: Policy, seekers: Sequence[Seeker]) -> Matches | None:
    """`match` of several seekers, in columns; None where no mentor has a place."""
    batch = batch_of(pool, policy, seekers)
    if not len(batch.rows):
        return None
    place = {seeker.person.id: hire for hire, seeker in enumerate(batch.seekers)}
    order = [place[seeker.person.id] for seeker in seekers]
    return Matches(pool, policy, batch, solve(batch.problem).mentors, order)


def _match_one(pool: Pool, policy: Policy, seeker: Seeker) -> Match | None:
    """The same for one: the best free mentor is the optimum."""
    known = lookups(pool, policy, seeker)
    scores = np.zeros(len(pool), np.int16)
    for lookup in known:
        scores += lookup.scores
    rows = ranked(pool, seeker.person.id, scores, rules.legal(pool, policy, seeker), RUNNERS_UP + 1)
    if not rows:
        return None
    ours, *others = _parts((lookup, lookup.codes[rows]) for lookup in known)
    mentor, hire_id, score = pool.candidates[rows[0]], seeker.person.id, total(ours)
    runners = tuple([RunnerUp(pool.ids[row], total(parts), parts) for row, parts in zip(rows[1:], others, strict=True)])
    change = what_would_change(policy, hire_id, mentor.person.id, score, runners)
    return Match(hire_id, mentor.person.id, score, mentor.load, ours, runners, change)


def _parts(known: Iterable[tuple[Lookup, Ints]]) -> list[Parts]:
    """Of some mentors, from each criterion's lookup with the mentors' codes there."""
    columns = [
        [part_of(lookup.name, lookup.weight, lookup.share, value) for value in lookup.values.take(codes).tolist()]
        for lookup, codes in known
    ]
    return list(zip(*columns, strict=True))


def parts_of(pool: Pool, policy: Policy, seeker: Seeker, mentors: Sequence[tuple[int, int]]) -> list[Parts]:
    """Every criterion's part for some mentors, each given as (row, mentees more than the pool knows)."""
    rows, more = np.array(mentors, np.intp).reshape(-1, 2).T
    known = lookups(pool, policy, seeker, rows)
    return _parts((lookup, place_codes(pool, rows, more) if lookup.name == "load" else lookup.codes) for lookup in known)


def ranked(pool: Pool, hire_id: str, scores: NDArray[np.signedinteger], among: Bools, count: int) -> list[int]:
    """The rows of the `count` best mentors: by score, then by the pair's hash, then by id. Ties are never cut by position."""
    rows = np.flatnonzero(among)
    if len(rows) > count:
        candidates = scores[rows]
        rows = rows[candidates >= np.partition(candidates, -count)[-count]]
    keys = sort_keys(np.array([identity(hire_id)], np.uint64), pool.column("identity")[rows], scores[rows])
    if len(rows) > count:
        enough = keys >= np.partition(keys, -count)[-count]
        rows, keys = rows[enough], keys[enough]
    found = sorted(zip((-keys).tolist(), [pool.ids[row] for row in rows], rows.tolist(), strict=True))
    return [row for _, _, row in found[:count]]


def why_not(pool: Pool, policy: Policy, seeker: Seeker) -> Waiting:
    """Why no mentor is possible for a hire in the pool as it is now, and who would be nearest."""
    if not len(pool):
        return Waiting({}, ())
    excluded = rules.masks(pool, policy, seeker)
    counts = np.bincount(excluded.argmax(axis=0)[excluded.any(axis=0)], minlength=len(rules.NAMES))
    ruled_out = {name: int(count) for name, count in zip(rules.NAMES, counts, strict=True) if count}
    hopeless = excluded[[rules.NAMES.index(name) for name in NEVER_NEAR]].any(axis=0)
    failing = excluded.sum(axis=0)
    scores = np.zeros(len(pool), np.int32)
    for lookup in lookups(pool, policy, seeker):
        scores += lookup.scores
    nearness = scores - failing.astype(np.int32) * FAILING_STEP
    nearest = ranked(pool, seeker.person.id, nearness, ~hopeless & (failing > 0), NEAREST)
    return Waiting(ruled_out, tuple(_near_miss(pool, row, excluded[:, row], int(scores[row])) for row in nearest))


def _near_miss(pool: Pool, row: int, excluded: Bools, score: int) -> NearMiss:
    failing = tuple(name for name, fails in zip(rules.NAMES, excluded, strict=True) if fails)
    return NearMiss(pool.ids[row], failing[0], failing, score)
