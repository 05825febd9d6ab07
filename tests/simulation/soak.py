"""Many seeds in several processes. Not in `__main__`, which a spawned process does not import."""

import json
import sys
from collections import Counter
from collections.abc import Sequence
from multiprocessing import get_context
from time import perf_counter

from tests.simulation.play import play
from tests.simulation.script import script_of


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
