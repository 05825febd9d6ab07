"""Those who come last: first come, first served leaves them the rest; re-optimising pairs that have not met gives it back.

Hires arrive one by one and are assigned at once. Side by side: nothing ever moves (greedy), and a coordinator who accepts each
night's proposal. In the plain figure nobody has met yet, as in an intake with one start date; in the other a pair has met, and
stays, once a third of all arrivals have come after it.
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import replace

from bench.crowd import Intake
from bench.dense import optimum
from services.matching.engine import match, parts_of
from services.matching.explanations import Parts
from services.matching.person import Seeker
from services.matching.policy import Policy
from services.matching.pool import Pool
from services.matching.reoptimisation.reoptimise import Pair, reoptimise

NIGHTS = 10
MET_AFTER = 1 / 3


def late_shares(batch: Intake, policy: Policy) -> dict[str, float]:
    """The mean score (without load) of the last tenth of arrivals, as a share of the mean of everybody in the optimum."""
    best = optimum(Pool(batch.mentors), policy, batch.hires).scores
    mean = float(best[best >= 0].mean())
    greedy = _assigned(batch, policy, nights=0, met_after=1.0)
    ours = _assigned(batch, policy, nights=NIGHTS, met_after=1.0)
    later = _assigned(batch, policy, nights=NIGHTS, met_after=MET_AFTER)
    return {
        "late_arrival_share_greedy": _late(batch, policy, greedy) / mean,
        "late_arrival_share": _late(batch, policy, ours) / mean,
        "late_arrival_share_met_after_a_third": _late(batch, policy, later) / mean,
    }


def _assigned(batch: Intake, policy: Policy, nights: int, met_after: float) -> dict[str, str]:
    """The mentor of each hire in the end."""
    pool = Pool(batch.mentors)
    now: dict[str, str] = {}
    waiting: list[Seeker] = []
    every = max(len(batch.hires) // nights, 1) if nights else len(batch.hires) + 1
    for number, seeker in enumerate(batch.hires, 1):
        (found,) = match(pool, policy, [seeker])
        if found is None:
            waiting.append(seeker)
        else:
            now[seeker.person.id] = found.mentor_id
            _put(pool, [found.mentor_id], 1)
        if number % every == 0 or (nights and number == len(batch.hires)):
            recent = batch.hires[max(0, number - round(met_after * len(batch.hires))) : number]
            waiting = _accept_all(pool, policy, now, recent, waiting)
    return now


def _accept_all(pool: Pool, policy: Policy, now: dict[str, str], recent: Sequence[Seeker], waiting: list[Seeker]) -> list[Seeker]:
    pairs = [Pair(seeker, now[seeker.person.id]) for seeker in recent if seeker.person.id in now]
    for step in reoptimise(pool, policy, pairs, waiting).steps:
        for move in step.moves:
            if move.from_mentor is not None:
                _put(pool, [move.from_mentor], -1)
            _put(pool, [move.match.mentor_id], 1)
            now[move.hire_id] = move.match.mentor_id
    return [seeker for seeker in waiting if seeker.person.id not in now]


def _put(pool: Pool, ids: Sequence[str], more: int) -> None:
    for id, count in Counter(ids).items():
        pool.put(replace(pool[id], load=pool[id].load + more * count))


def _late(batch: Intake, policy: Policy, mentors: dict[str, str]) -> float:
    """A hire who waits counts as nothing."""
    pool = Pool(batch.mentors)
    last = batch.hires[-max(len(batch.hires) // 10, 1) :]
    scores = []
    for seeker in last:
        row = pool.row(mentors.get(seeker.person.id, ""))
        scores.append(_without_load(parts_of(pool, policy, seeker, [(row, 0)])[0]) if row is not None else 0)
    return sum(scores) / len(scores)


def _without_load(parts: Parts) -> int:
    return sum(part.points for part in parts if part.criterion != "load")
