"""Makes a failing script small: leaves out steps and faults as long as the same invariant breaks."""

from collections.abc import Callable
from typing import Any

from tests.simulation.play import Outcome, play
from tests.simulation.script import Script

RUNS = 250  # at most; one takes about half a second


def shrink(script: Script, *, bug: Callable[[], Any] | None = None, runs: int = RUNS) -> Outcome:
    """The smallest run found that breaks the invariant that `script` breaks first. Raises ValueError where it breaks none."""
    best = play(script, bug=bug)
    if not best.violations:
        raise ValueError(f"seed {script.seed} violates nothing")
    for part in ("faults", "steps"):
        size = max(1, len(getattr(best.script, part)) // 2)
        while True:
            smaller = False
            start = 0
            while start < len(getattr(best.script, part)) and runs > 0:
                left_out = frozenset(range(start, start + size))
                outcome = play(best.script.without(**{part: left_out}), bug=bug)
                runs -= 1
                if outcome.invariant == best.invariant:
                    best, smaller = outcome, True
                else:
                    start += size
            if runs <= 0 or (size == 1 and not smaller):
                break
            size = max(1, size // 2)
    return best
