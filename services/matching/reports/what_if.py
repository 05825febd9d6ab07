"""What other weights would have done: the hires of late matched anew under today's weights and under others. Pure.

Both sides are found the same way, all hires at once on the mentors as they are now, with the places that these hires hold given
back. So what differs is the weights' doing, and not the order in which people were hired. Nothing is stored or told.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from statistics import fmean, pstdev

from services.matching import engine
from services.matching.explanations import Match, total
from services.matching.person import Seeker
from services.matching.policy import Policy
from services.matching.pool import Candidate, Pool

MOST_PAIRS = 1_000_000  # hires × mentors: two solves, explained, take about three seconds on one core
MOST_HIRES = 500
MOST_WEIGHT = 1_000  # as in a policy file


@dataclass(frozen=True, slots=True)
class Side:
    """One assignment of all hires. `score_now`, `score_then`: its mean scores (of 10000) by today's and by the other weights.

    Shares are 0..1, None without a pair that tells; `spread` is the standard deviation of the share of places taken over the
    mentors with places; `idle` and `full` count mentors.
    """

    matched: int
    score_now: float | None
    score_then: float | None
    same_department: float | None
    spread: float
    idle: int
    full: int


@dataclass(frozen=True, slots=True)
class Other:
    """A hire who would get somebody else. Mentors are None where nobody would be possible.

    Scores are of 10000: the old mentor's by today's weights and by the others, then the new mentor's.
    """

    hire_id: str
    old_mentor: str | None
    new_mentor: str | None
    old_now: int | None
    old_then: int | None
    new_now: int | None
    new_then: int | None


@dataclass(frozen=True, slots=True)
class Comparison:
    """`hires` were compared; `others` are those matched differently, the largest gain by the other weights first."""

    hires: int
    now: Side
    then: Side
    others: Sequence[Other]


def with_weights(policy: Policy, weights: Mapping[str, int]) -> Policy:
    """The policy with other weights; criteria that are not named keep theirs. One that the policy left out gets its defaults.

    Raises pydantic's `ValidationError` for an unknown criterion, a weight that is none, and weights that sum to nothing.
    """
    given = policy.model_dump()
    for name, weight in weights.items():
        known = given["criteria"].get(name)
        if known is not None or weight:
            given["criteria"][name] = (known or {}) | {"weight": weight}
    return Policy.model_validate(given)


def most_hires(mentors: int) -> int:
    """How many hires can be compared at once on a pool of this size."""
    return max(min(MOST_HIRES, MOST_PAIRS // max(mentors, 1)), 1)


def compare(
    mentors: Sequence[Candidate], now: Policy, then: Policy, seekers: Sequence[Seeker], mentor_of: Mapping[str, str]
) -> Comparison:
    """Match `seekers` under both policies. `mentor_of` says whose place each of them holds."""
    pool = Pool(_given_back(mentors, [mentor_of[s.person.id] for s in seekers if s.person.id in mentor_of]))
    before, after = engine.match(pool, now, seekers), engine.match(pool, then, seekers)
    rows = [
        (seeker, old, new, _scores(pool, now, then, seeker, old), _scores(pool, now, then, seeker, new))
        for seeker, old, new in zip(seekers, before, after, strict=True)
    ]
    others = [
        Other(
            hire_id=seeker.person.id,
            old_mentor=old.mentor_id if old else None,
            new_mentor=new.mentor_id if new else None,
            old_now=olds[0],
            old_then=olds[1],
            new_now=news[0],
            new_then=news[1],
        )
        for seeker, old, new, olds, news in rows
        if (old.mentor_id if old else None) != (new.mentor_id if new else None)
    ]
    others.sort(key=lambda other: (-((other.new_then or 0) - (other.old_then or 0)), other.hire_id))
    return Comparison(
        hires=len(seekers),
        now=_side(pool, seekers, before, [olds for *_, olds, _ in rows]),
        then=_side(pool, seekers, after, [news for *_, news in rows]),
        others=others,
    )


def _given_back(mentors: Sequence[Candidate], held: Sequence[str]) -> list[Candidate]:
    places: dict[str, int] = {}
    for mentor_id in held:
        places[mentor_id] = places.get(mentor_id, 0) + 1
    return [replace(mentor, load=max(mentor.load - places.get(mentor.person.id, 0), 0)) for mentor in mentors]


def _scores(pool: Pool, now: Policy, then: Policy, seeker: Seeker, found: Match | None) -> tuple[int | None, int | None]:
    """A pair's score by both policies, with the place that the mentor had left for it."""
    if found is None:
        return None, None
    row = pool.row(found.mentor_id)
    if row is None:
        raise AssertionError("the engine assigns mentors of the pool only")
    at = [(row, found.load - pool.candidates[row].load)]
    today, other = (total(engine.parts_of(pool, policy, seeker, at)[0]) for policy in (now, then))
    return today, other


def _side(
    pool: Pool,
    seekers: Sequence[Seeker],
    found: Sequence[Match | None],
    scores: Sequence[tuple[int | None, int | None]],
) -> Side:
    taken: dict[str, int] = {}
    same: list[bool] = []
    for seeker, match in zip(seekers, found, strict=True):
        if match is not None:
            taken[match.mentor_id] = taken.get(match.mentor_id, 0) + 1
            ours, theirs = seeker.person.department, pool[match.mentor_id].person.department
            if ours is not None and theirs is not None:
                same.append(ours == theirs)
    open_now = [mentor for mentor in pool.candidates if mentor.active and mentor.known and mentor.capacity]
    loads = [(mentor.load + taken.get(mentor.person.id, 0), mentor.capacity) for mentor in open_now]
    return Side(
        matched=sum(match is not None for match in found),
        score_now=_mean([now for now, _ in scores if now is not None]),
        score_then=_mean([then for _, then in scores if then is not None]),
        same_department=_mean(same),
        spread=pstdev(load / capacity for load, capacity in loads) if loads else 0.0,
        idle=sum(not load for load, _ in loads),
        full=sum(load >= capacity for load, capacity in loads),
    )


def _mean(values: Sequence[int | bool]) -> float | None:
    return fmean(values) if values else None
