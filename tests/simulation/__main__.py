"""`python -m tests.simulation`: many seeds for a soak, one to replay it with its trace, or the seeded bugs."""

import argparse
import sys
from collections.abc import Iterable

from tests.simulation.bugs import BUGS, WITHIN
from tests.simulation.play import Outcome, play
from tests.simulation.script import script_of
from tests.simulation.shrink import shrink
from tests.simulation.soak import soak


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
