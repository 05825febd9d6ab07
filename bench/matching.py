"""`./firstmate bench matching`: ours against its yardsticks, in one run. `--quick`: small sizes, nothing that must be fetched.

References: `mentor-match` on its own task, SciPy's `linear_sum_assignment` on the dense matrix as optimum, a plain loop over
dataclasses for one hire, first come first served for late arrivals. Ratios are of CPU time, since machines are shared; latencies
are of the clock. Populations have a fixed seed. Regimes: `mixed`, and `clustered`, where 60 % of the hires share one profile,
both with 1.05 places per hire; `scarce` is clustered with 0.7. A key without a suffix is the worst of those with one.
"""

import argparse
import json
import random
import resource
import sys
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from statistics import median, quantiles
from time import perf_counter, process_time
from typing import Any

from bench import plain_matching as plain
from bench import reference
from bench.arrivals import late_shares
from bench.chain import cores
from bench.crowd import Intake, hires, intake, mentors, shuffled
from bench.dense import optimum
from bench.memory import UNIT, peak_mb
from services.matching.engine import match
from services.matching.explanations import Match
from services.matching.policy_file import load_policy
from services.matching.pool import Pool
from services.matching.solving.batch import batch_of
from services.matching.solving.certificate import faults, gap
from services.matching.solving.solver import solve

POLICY = load_policy()
SUM = ("uncertified", "unmatched_though_possible", "pairs_changed_by_permutation", "capacity_violations", "rule_violations")
LEAST = (
    "speedup_vs_mentor_match",
    "speedup_vs_lsa",
    "speedup_vs_object_loop",
    "share_of_optimum",
    "late_arrival_share",
    "score_gain_vs_mentor_match_rounds",
)
MOST = ("memory_vs_lsa", "decision_p50_ms", "decision_p99_ms")


@dataclass(frozen=True, slots=True)
class Sizes:
    """`batches`: hires, mentors, regime, and whether the dense optimum is worth its minutes there."""

    singles: tuple[int, ...]
    batches: tuple[tuple[int, int, str, bool], ...]
    permuted: int
    memory: tuple[int, int]
    memory_lsa: tuple[int, int]
    arrivals: tuple[int, int]
    its_task: tuple[int, ...]
    rounds: tuple[int, int]


FULL = Sizes(
    singles=(1_000, 10_000, 100_000),
    batches=(
        *((1_000, 350, regime, True) for regime in ("mixed", "clustered", "scarce")),
        (5_000, 1_750, "mixed", True),
        (5_000, 1_750, "clustered", True),
        (10_000, 3_500, "mixed", False),
        (10_000, 3_500, "clustered", False),
    ),
    permuted=5_000,
    memory=(10_000, 20_000),
    memory_lsa=(1_500, 3_000),
    arrivals=(400, 140),
    its_task=(100, 200, 500),
    rounds=(300, 120),
)
QUICK = Sizes(
    singles=(1_000,),
    batches=tuple((200, 70, regime, True) for regime in ("mixed", "clustered", "scarce")),
    permuted=200,
    memory=(400, 800),
    memory_lsa=(200, 400),
    arrivals=(60, 20),
    its_task=(),
    rounds=(0, 0),
)
REGIMES = {"mixed": (0.0, 1.05), "clustered": (0.6, 1.05), "scarce": (0.6, 0.7)}


def measure(sizes: Sizes) -> dict[str, Any]:
    """Every figure of one run."""
    figures: dict[str, Any] = {"cores": cores(), "policy": POLICY.version, "sizes": asdict(sizes)}
    for size, found in _parts(sizes):
        for name, value in found.items():
            figures[f"{name}_{size}"] = value
            _worst(figures, name, value)
    return figures


def _worst(figures: dict[str, Any], name: str, value: float) -> None:
    if name in SUM:
        figures[name] = figures.get(name, 0) + value
    elif name in LEAST:
        figures[name] = min(figures.get(name, value), value)
    elif name in MOST:
        figures[name] = max(figures.get(name, value), value)


def _parts(sizes: Sizes) -> Iterator[tuple[str, dict[str, float]]]:
    for count in sizes.its_task:
        _say(f"the task of mentor-match, {count} mentees and mentors")
        yield str(count), reference.one_to_one(count)
    for regime in ("mixed", "clustered") if sizes.rounds[0] else ():
        _say(f"mentor-match in rounds, {sizes.rounds[0]} hires, {sizes.rounds[1]} mentors, {regime}")
        yield "{}x{}_{}".format(*sizes.rounds, regime), reference.rounds(*sizes.rounds, REGIMES[regime][0])
    for count in sizes.singles:
        _say(f"one hire, {count} mentors")
        yield f"{count // 1000}k", one_hire(count)
    for count, pool, regime, dense in sizes.batches:
        _say(f"a batch of {count} hires, {pool} mentors, {regime}{', and its dense optimum' if dense else ''}")
        yield f"{count}x{pool}_{regime}", batch(count, pool, regime, dense=dense, permuted=count <= sizes.permuted)
    _say(f"memory of {sizes.memory[0]} hires and {sizes.memory[1]} mentors")
    yield "x".join(map(str, sizes.memory)), memory(sizes)
    for places in (1.05, 1.5, 3.0):
        _say(f"late arrivals, {places} places per hire")
        shares = late_shares(intake(*sizes.arrivals, 0.0, places, seed=5), POLICY)
        yield f"{places:g}", {name: round(value, 4) for name, value in shares.items()}


def one_hire(count: int) -> dict[str, float]:
    """Decisions for one hire each, with rules, reasons and runners-up, against a plain loop over the same mentors."""
    choose = random.Random(count)
    candidates = mentors(choose, count)
    pool = Pool(candidates)
    seekers = hires(choose, 300, 0.0, count)
    times = []
    decided: list[Match | None] = []
    used = process_time()
    for seeker in seekers:
        started = perf_counter()
        decided += match(pool, POLICY, [seeker])
        times.append(perf_counter() - started)
    ours = (process_time() - used) / len(seekers)
    loops = seekers[: max(2, min(10, 20_000 // count))]
    used = process_time()
    expected = [plain.decide(POLICY, seeker, candidates) for seeker in loops]
    loop = (process_time() - used) / len(loops)
    wrong = sum(_scores(found) != [score for score, _ in best] for found, best in zip(decided, expected, strict=False))
    return {
        "decision_p50_ms": round(1000 * median(times), 3),
        "decision_p99_ms": round(1000 * quantiles(times, n=100)[98], 3),
        "speedup_vs_object_loop": round(loop / ours, 1),
        "wrong_decisions": wrong,
    }


def _scores(found: Match | None) -> list[int]:
    return [found.score, *(runner.score for runner in found.runners_up)] if found else []


def batch(count: int, pool_size: int, regime: str, *, dense: bool, permuted: bool) -> dict[str, float]:
    """One batch: certified, held against the dense optimum where asked, and solved again in another order."""
    given = intake(count, pool_size, *REGIMES[regime])
    pool = Pool(given.mentors)
    started = process_time()
    found = [one for one in match(pool, POLICY, given.hires) if one]
    ours = process_time() - started
    problem = batch_of(pool, POLICY, given.hires).problem
    solution = solve(problem)
    total = sum(one.score for one in found)
    certain = not faults(problem, solution) and int((solution.mentors >= 0).sum()) == len(found)
    figures = {
        "seconds": round(ours, 2),
        "matched": len(found),
        "uncertified": int(not certain),
        "share_of_optimum": round(total / (total + gap(problem, solution)), 6),
        "capacity_violations": _overfull(given, found),
        "rule_violations": _broken(given, found),
    }
    if dense:
        best = optimum(pool, POLICY, given.hires)
        figures |= {
            "share_of_optimum": round(total / best.total, 6),
            "unmatched_though_possible": best.matched - len(found),
            "lsa_seconds": round(best.seconds, 2),
        }
        if (count, regime) in ((5_000, "clustered"), (5_000, "mixed")):
            figures["speedup_vs_lsa" if regime == "clustered" else "speedup_vs_lsa_when"] = round(best.seconds / ours, 1)
    if permuted:
        again = shuffled(given)
        pairs = {(one.hire_id, one.mentor_id) for one in found}
        other = {(one.hire_id, one.mentor_id) for one in match(Pool(again.mentors), POLICY, again.hires) if one}
        figures["pairs_changed_by_permutation"] = len(pairs - other)
    return figures


def memory(sizes: Sizes) -> dict[str, float]:
    """Peak memory of a batch on top of its people. The dense matrix of the large one is not made: its figure is a smaller one's,
    measured, times the ratio of their cells.
    """
    ours, lsa = peak_mb("ours", *sizes.memory), peak_mb("lsa", *sizes.memory_lsa)
    cells = (sizes.memory[0] * sizes.memory[1]) / (sizes.memory_lsa[0] * sizes.memory_lsa[1])
    return {
        "memory_vs_lsa": round(ours["mb"] / (lsa["mb"] * cells), 4),
        "memory_mb": round(ours["mb"]),
        "lsa_memory_mb_extrapolated": round(lsa["mb"] * cells),
        "lsa_memory_mb_measured_at_{}x{}".format(*sizes.memory_lsa): round(lsa["mb"]),
        "seconds": round(ours["seconds"], 1),
    }


def _overfull(given: Intake, found: Sequence[Match]) -> int:
    loads = {mentor.person.id: mentor.load for mentor in given.mentors}
    for one in found:
        loads[one.mentor_id] += 1
    return sum(loads[mentor.person.id] > mentor.capacity for mentor in given.mentors)


def _broken(given: Intake, found: Sequence[Match]) -> int:
    by_id = {mentor.person.id: mentor for mentor in given.mentors}
    seekers = {seeker.person.id: seeker for seeker in given.hires}
    return sum(plain.first_rule(POLICY, seekers[one.hire_id], by_id[one.mentor_id]) is not None for one in found)


def _say(words: str) -> None:
    print(words, file=sys.stderr, flush=True)


def main() -> None:
    """Measure, tell progress on standard error, and print the figures."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--quick", action="store_true")
    arguments = parser.parse_args()
    figures = measure(QUICK if arguments.quick else FULL)
    figures["peak_memory_mb"] = round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * UNIT / 1e6)
    if arguments.json:
        print(json.dumps(figures))
        return
    width = max(map(len, figures))
    for name, value in figures.items():
        print(f"{name:{width}}  {value}")


if __name__ == "__main__":
    main()
