"""What would help those who wait: each change to the mentors, and whom exactly it would place. Pure.

Every suggestion is tried: the change is made in a copy of the pool and the whole waitlist solved on it. So its count is what
happens if it is carried out now, and not an estimate.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Literal, get_args

import numpy as np

from services.matching import engine, rules
from services.matching.person import Seeker
from services.matching.policy import Policy
from services.matching.pool import Candidate, Pool
from services.matching.solving.places import worth_of_places

Kind = Literal["places", "return", "train", "resume"]  # in the order in which a coordinator would try them
MOST_TRIED = 6  # changes of one kind: each costs a solve of the waitlist, and nobody reads more
MOST_PAIRS = 200_000  # waiting hires × mentors looked at: about two seconds on one core
MOST_WAITING = 100  # the longest-waiting; what helps them is what helps most


@dataclass(frozen=True, slots=True)
class Placed:
    """A hire whom a change would place, with whom, and the pair's score of 10000."""

    hire_id: str
    mentor_id: str
    score: int


@dataclass(frozen=True, slots=True)
class Suggestion:
    """A change and what it would do. `mentors`: who would change, each with the places they would then have; for `places` these
    are one more than now."""

    kind: Kind
    mentors: tuple[tuple[str, int], ...]
    placed: tuple[Placed, ...]


@dataclass(frozen=True, slots=True)
class Suggestions:
    """`found`, the one that places most in front. `languages`: hires whom no mentor at all shares a language with, by their first
    one. `looked_at`: so many of those who wait were tried, the longest-waiting."""

    found: Sequence[Suggestion]
    languages: Sequence[tuple[str, int]]
    looked_at: int


def most_waiting(mentors: int) -> int:
    """How many waiting hires can be tried on a pool of this size."""
    return max(min(MOST_WAITING, MOST_PAIRS // max(mentors, 1)), 1)


def suggest(mentors: Iterable[Candidate], paused: frozenset[str], policy: Policy, waiting: Sequence[Seeker]) -> Suggestions:
    """What would place whom of the `waiting`. `paused` are the mentors who could end a pause; who left or withdrew can't."""
    pool = Pool(mentors)
    if not waiting or not len(pool):
        return Suggestions([], _languages_lacking(pool, waiting), len(waiting))
    already = {found.hire_id for found in engine.match(pool, policy, waiting) if found is not None}
    found = [
        suggestion
        for kind, changed in [*_places(pool, policy, waiting), *_hindered(pool, policy, waiting, paused)]
        if (suggestion := _try(pool, policy, waiting, already, kind, changed)) is not None
    ]
    most = max((len(one.placed) for one in found if one.kind == "places" and len(one.mentors) == 1), default=0)
    enough = [one for one in found if len(one.mentors) == 1 or len(one.placed) > most]  # no more mentors than it takes
    found = list({(one.kind, one.mentors): one for one in enough}.values())
    kinds = list(get_args(Kind))
    found.sort(key=lambda one: (-len(one.placed), kinds.index(one.kind), one.mentors))
    return Suggestions(found, _languages_lacking(pool, waiting), len(waiting))


def _places(pool: Pool, policy: Policy, waiting: Sequence[Seeker]) -> list[tuple[Kind, list[Candidate]]]:
    """One more place at those mentors of each department whose new place would be used, and at all of these together."""
    each = [one.mentors for one in worth_of_places(pool, policy, waiting).departments if one.placed][:MOST_TRIED]
    together = [tuple(id for ids in each for id in ids)] if len(each) > 1 else []
    return [("places", [replace(pool[id], capacity=pool[id].capacity + 1) for id in ids]) for ids in (*together, *each)]


_LIFTS: dict[Kind, tuple[str, Callable[[Candidate], Candidate]]] = {
    "return": ("not_available_by_start", lambda mentor: replace(mentor, available_from=None)),
    "train": ("not_trained", lambda mentor: replace(mentor, trained=True)),
    "resume": ("not_active", lambda mentor: replace(mentor, active=True)),
}
"""Per kind of change to one mentor the rule it lifts, and the mentor after it."""


def _hindered(
    pool: Pool, policy: Policy, waiting: Sequence[Seeker], paused: frozenset[str]
) -> list[tuple[Kind, list[Candidate]]]:
    """The mentors whom one rule alone, which a change would lift, keeps from somebody: those first who could help most."""
    counts = {kind: np.zeros(len(pool), np.intp) for kind in _LIFTS}
    for seeker in waiting:
        excluded = rules.masks(pool, policy, seeker)
        once = excluded.sum(axis=0) == 1
        for kind, (rule, _) in _LIFTS.items():
            counts[kind] += once & excluded[rules.NAMES.index(rule)]
    found: list[tuple[Kind, list[Candidate]]] = []
    for kind, (_, lift) in _LIFTS.items():
        rows = sorted(np.flatnonzero(counts[kind]), key=lambda row: (-counts[kind][row], pool.ids[row]))
        able = [pool.candidates[row] for row in rows if kind != "resume" or pool.ids[row] in paused]
        found += [(kind, [lift(mentor)]) for mentor in able[:MOST_TRIED]]
    return found


def _try(
    pool: Pool, policy: Policy, waiting: Sequence[Seeker], already: set[str], kind: Kind, changed: Sequence[Candidate]
) -> Suggestion | None:
    # While nobody who waits is possible anywhere, only the changed mentors can take anybody on: a tiny problem, equally exact.
    tried = Pool(pool.candidates if already else ())
    for mentor in changed:
        tried.put(mentor)
    matched = [found for found in engine.match(tried, policy, waiting) if found is not None]
    placed = [Placed(found.hire_id, found.mentor_id, found.score) for found in matched if found.hire_id not in already]
    if len(matched) <= len(already) or not placed:
        return None
    used = {found.mentor_id for found in matched}
    needed = sorted((mentor.person.id, mentor.capacity) for mentor in changed if mentor.person.id in used)
    return Suggestion(kind, tuple(needed), tuple(placed))


def _languages_lacking(pool: Pool, waiting: Sequence[Seeker]) -> list[tuple[str, int]]:
    """How many hires share a language with no mentor of the pool, by their first language, the most in front."""
    spoken = {language for mentor in pool.candidates for language in mentor.person.languages}
    untold = any(not mentor.person.languages for mentor in pool.candidates)
    counts: dict[str, int] = {}
    for seeker in waiting:
        theirs = seeker.person.languages
        if theirs and not untold and not spoken & set(theirs):
            counts[theirs[0]] = counts.get(theirs[0], 0) + 1
    return sorted(counts.items(), key=lambda item: (-item[1], item[0]))
