"""Matching against its yardsticks: a plain loop for one hire, the dense optimum for a batch. `python -m bench.matching --json`.

Ratios are of CPU time, since machines are shared; latencies are of the clock. Populations are generated with a fixed
seed. Two regimes for batches: `mixed`, and `clustered`, where 60 % of the hires share one profile; in both there are 1.05
places per hire, where greedy ways and fixed short lists fail.
"""

import json
import random
import sys
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date, timedelta
from statistics import median, quantiles
from time import perf_counter, process_time
from typing import Any

import numpy as np
from scipy.optimize import linear_sum_assignment

from bench import plain_matching as plain
from services.matching.engine import Match, match
from services.matching.person import Person, Seeker
from services.matching.policy_file import load_policy
from services.matching.pool import Candidate, Pool

POLICY = load_policy()
DAY = date(2027, 1, 11)
FAMILIES = ("engineering", "sales", "support", "finance", "design", "people", "operations", "research")
TITLES = ("data engineer", "software engineer", "account manager", "analyst", "designer", "recruiter", "controller", "scientist")
PLACES = [(f"city {n}", arrangement) for n in range(12) for arrangement in ("onsite", "hybrid", "remote")]
ZONES = ("Europe/Paris", "Europe/London", "America/New_York", "America/Chicago", "Asia/Kolkata", "Asia/Tokyo", "Africa/Lagos")
TONGUES = (("en",), ("en", "fr"), ("en", "de"), ("en", "es"), ("fr",), ("de",), ("ja", "en"))
WORDS = tuple(f"word {n}" for n in range(120))
SINGLE_SIZES = (1_000, 10_000, 100_000)
BATCH = (300, 150)  # hires and mentors: the dense reference over plain scores takes a few seconds
FORBIDDEN, WAITING = 1e9, 1e7  # more than all scores of a batch; a forbidden pair more than waiting


@dataclass(frozen=True, slots=True)
class Intake:
    """Mentors and hires of one batch."""

    mentors: list[Candidate]
    hires: list[Seeker]


def person(choose: random.Random, id: str, start: date) -> Person:
    """Somebody with a likely profile."""
    return Person(
        id=id,
        role=(choose.choice(FAMILIES), frozenset(choose.choice(TITLES).split())),
        department=choose.choice(FAMILIES),
        division=choose.choice("abc"),
        place=choose.choice(PLACES),
        time_zone=choose.choice(ZONES),
        languages=choose.choice(TONGUES),
        skills=tuple(choose.sample(WORDS, 6)),
        interests=tuple(choose.sample(WORDS, 5)),
        start=start,
    )


def mentors(choose: random.Random, count: int, places: int = 3) -> list[Candidate]:
    """Mentors of all tenures, a few of them away, paused or full."""
    return [
        Candidate(
            person(choose, f"M-{number:06}", DAY - timedelta(days=choose.randrange(60, 4000))),
            capacity=places,
            load=choose.randrange(places),
            active=choose.random() > 0.03,
            trained=choose.random() > 0.03,
        )
        for number in range(count)
    ]


def hires(choose: random.Random, count: int, alike: float = 0.0) -> list[Seeker]:
    """Hires with a manager each; the first `alike` of them share one profile."""
    one = person(choose, "", DAY)
    found = []
    for number in range(count):
        id = f"H-{number:06}"
        profile = replace(one, id=id) if number < alike * count else person(choose, id, DAY)
        found.append(Seeker(profile, DAY, managers=(f"M-{choose.randrange(100):06}", f"M-{choose.randrange(100):06}")))
    return found


def one_hire(count: int) -> dict[str, float]:
    """Decisions for one hire each, with rules, reasons and runners-up, against a plain loop over the same mentors."""
    choose = random.Random(count)
    candidates = mentors(choose, count)
    pool = Pool(candidates)
    seekers = hires(choose, 300)
    times = []
    decided: list[Match | None] = []
    used = process_time()
    for seeker in seekers:
        started = perf_counter()
        decided += match(pool, POLICY, [seeker])
        times.append(perf_counter() - started)
    ours = (process_time() - used) / len(seekers)
    loops = seekers[: max(1, min(10, 20_000 // count))]
    used = process_time()
    expected = [plain.decide(POLICY, seeker, candidates) for seeker in loops]
    loop = (process_time() - used) / len(loops)
    wrong = sum(
        (found.score if found else None) != (best[0][0] if best else None) for found, best in zip(decided, expected, strict=False)
    )
    return {
        "decision_p50_ms": round(1000 * median(times), 3),
        "decision_p99_ms": round(1000 * quantiles(times, n=100)[98], 3),
        "speedup_vs_object_loop": round(loop / ours, 1),
        "wrong_decisions": wrong,
    }


def batch(alike: float) -> dict[str, float]:
    """A batch where places just suffice, against the dense optimum over plainly computed scores."""
    choose = random.Random(7)
    count, pool_size = BATCH
    places = round(count * 1.05 / pool_size) + 1
    candidates = [replace(one, load=0, active=True, trained=True) for one in mentors(choose, pool_size, places)]
    free = round(count * 1.05)
    candidates = [
        replace(one, load=max(places - share, 0)) for one, share in zip(candidates, _shares(free, pool_size, places), strict=True)
    ]
    intake = Intake(candidates, hires(choose, count, alike))
    started = process_time()
    found = match(Pool(intake.mentors), POLICY, intake.hires)
    ours = process_time() - started
    matched, total, reference = dense_optimum(intake)
    got = [one for one in found if one]
    shuffled = Intake(choose.sample(intake.mentors, pool_size), choose.sample(intake.hires, count))
    again = {one.hire_id: one.mentor_id for one in match(Pool(shuffled.mentors), POLICY, shuffled.hires) if one}
    pairs = {one.hire_id: one.mentor_id for one in got}
    return {
        "share_of_optimum": round(sum(one.score for one in got) / total, 6),
        "unmatched_though_possible": matched - len(got),
        "pairs_changed_by_permutation": len(set(pairs.items()) ^ set(again.items())),
        "capacity_violations": _overfull(intake, got),
        "rule_violations": _broken(intake, got),
        "speedup_vs_plain_scores_and_lsa": round(reference / ours, 1),
    }


def _shares(free: int, mentors: int, places: int) -> list[int]:
    """`free` places spread over the mentors as evenly as it goes."""
    return [min(places, free // mentors + (number < free % mentors)) for number in range(mentors)]


def dense_optimum(intake: Intake) -> tuple[int, int, float]:
    """How many can be matched, the best total score, and the CPU seconds: one column per place, one per hire for waiting."""
    started = process_time()
    columns = [(mentor, load) for mentor in intake.mentors for load in range(mentor.load, mentor.capacity)]
    costs = np.full((len(intake.hires), len(columns) + len(intake.hires)), WAITING)
    for row, seeker in enumerate(intake.hires):
        known: dict[str, dict[int, float]] = {}
        for column, (mentor, load) in enumerate(columns):
            by_load = known.setdefault(mentor.person.id, {})
            if load not in by_load:
                now = replace(mentor, load=load)
                fails = plain.first_rule(POLICY, seeker, now)
                by_load[load] = FORBIDDEN if fails else -float(plain.score(POLICY, seeker, now))
            costs[row, column] = by_load[load]
    rows, chosen = linear_sum_assignment(costs)
    best = costs[rows, chosen]
    return int((best <= 0).sum()), int(-best[best <= 0].sum()), process_time() - started


def _overfull(intake: Intake, found: Sequence[Match]) -> int:
    loads = {mentor.person.id: mentor.load for mentor in intake.mentors}
    for one in found:
        loads[one.mentor_id] += 1
    return sum(loads[mentor.person.id] > mentor.capacity for mentor in intake.mentors)


def _broken(intake: Intake, found: Sequence[Match]) -> int:
    by_id = {mentor.person.id: mentor for mentor in intake.mentors}
    seekers = {seeker.person.id: seeker for seeker in intake.hires}
    return sum(plain.first_rule(POLICY, seekers[one.hire_id], by_id[one.mentor_id]) is not None for one in found)


def main() -> None:
    """Measure, tell progress on standard error, and print the figures."""
    figures: dict[str, Any] = {}
    for count in SINGLE_SIZES:
        print(f"one hire, {count} mentors", file=sys.stderr)
        figures |= {f"{name}_{count // 1000}k": value for name, value in one_hire(count).items()}
    for regime, alike in (("mixed", 0.0), ("clustered", 0.6)):
        print(f"a batch, {regime}", file=sys.stderr)
        figures |= {f"{name}_{regime}": value for name, value in batch(alike).items()}
    if "--json" in sys.argv[1:]:
        print(json.dumps(figures))
        return
    width = max(map(len, figures))
    for name, value in figures.items():
        print(f"{name:{width}}  {value}")


if __name__ == "__main__":
    main()
