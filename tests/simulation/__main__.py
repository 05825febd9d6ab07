"""`python -m tests.simulation`: many seeds for a soak, one to replay it with its trace, or the seeded bugs."""

import argparse
import json
import sys
from collections import Counter
from collections.abc import Iterable, Sequence
from multiprocessing import get_context
from time import perf_counter

from tests.simulation.bugs import BUGS, WITHIN
from tests.simulation.play import Outcome, play
from tests.simulation.script import script_of
from tests.simulation.shrink import shrink


def _of(seed: int) -> tuple[int, list[str], dict[str, int]]:
    outcome = play(script_of(seed))
    return seed, outcome.violations, outcome.happened


def soak(seeds: Sequence[int], processes: int) -> int:
    """Play all seeds; tell of those that violate something, and how often each fault happened. Returns how many did."""
    began, bad, faults = perf_counter(), 0, Counter[str]()
    with get_context("spawn").Pool(processes, maxtasksperchild=200) as pool:
        for number, (seed, violations, happened) in enumerate(pool.imap_unordered(_of, seeds, chunksize=5), 1):
            faults.update(happened)
            if violations:
                bad += 1
                print(f"seed {seed}: {violations[0]}", flush=True)
            if number % 100 == 0:
                print(f"{number} of {len(seeds)} seeds, {perf_counter() - began:.0f} s", file=sys.stderr, flush=True)
    seconds = round(perf_counter() - began, 1)
    print(json.dumps({"seeds": len(seeds), "violating": bad, "faults": dict(sorted(faults.items())), "seconds": seconds}))
    return bad


def replay(seed: int, bug: str | None, *, smaller: bool) -> Outcome:
    """Play one seed with its trace, then the smallest script that still fails."""
    patch = BUGS[bug].patch if bug else None
    outcome = play(script_of(seed), tracing=True, bug=patch)
    print("\n".join([str(outcome.script), *outcome.trace, f"history {outcome.hash}"]))
    print("\n".join(["violations:", *outcome.violations] if outcome.violations else ["no violation"]))
    if outcome.violations and smaller:
        least = shrink(outcome.script, bug=patch)
        print("\n".join(["", "the smallest script that still breaks it:", str(least.script), *least.violations]))
    return outcome


def seeded_bugs(names: Iterable[str]) -> int:
    """Find each seeded bug; returns how many stay hidden within the first seeds."""
    hidden = 0
    for name in names:
        for seed in range(1, WITHIN + 1):
            outcome = play(script_of(seed), bug=BUGS[name].patch)
            if outcome.violations:
                print(f'    "{name}": ({seed}, "{outcome.invariant}"),', flush=True)
                break
        else:
            hidden += 1
            print(f"{name}: not found within {WITHIN} seeds", flush=True)
    return hidden


def main() -> int:
    """The command."""
    parser = argparse.ArgumentParser(prog="python -m tests.simulation", description=__doc__)
    parser.add_argument("--seeds", help="a range such as 1..10000", metavar="FIRST..LAST")
    parser.add_argument("--processes", type=int, default=1)
    parser.add_argument("--seed", type=int, help="replay this one: script, trace, violations, and a smaller script that fails")
    parser.add_argument("--bug", choices=sorted(BUGS), help="with --seed: with this mistake in the product")
    parser.add_argument("--no-shrink", action="store_true")
    parser.add_argument("--bugs", nargs="*", metavar="NAME", help="find the seeded bugs, all or these")
    chosen = parser.parse_args()
    if chosen.seed is not None:
        return bool(replay(chosen.seed, chosen.bug, smaller=not chosen.no_shrink).violations)
    if chosen.bugs is not None:
        unknown = set(chosen.bugs) - BUGS.keys()
        if unknown:
            parser.error(f"no such bug: {', '.join(sorted(unknown))}; there are {', '.join(BUGS)}")
        return bool(seeded_bugs(chosen.bugs or BUGS))
    first, separator, last = (chosen.seeds or "1..500").partition("..")
    if not separator or not first.isdigit() or not last.isdigit() or int(last) < int(first):
        parser.error("--seeds takes a range such as 1..10000")
    return bool(soak(range(int(first), int(last) + 1), chosen.processes))


if __name__ == "__main__":
    sys.exit(main())
