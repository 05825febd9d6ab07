"""Each seeded bug is found, and what finds it can be made small."""

from pathlib import Path

import pytest

from tests.simulation.bugs import BUGS, FOUND, WITHIN, table
from tests.simulation.play import Outcome, play
from tests.simulation.script import script_of
from tests.simulation.shrink import shrink
from tests.simulation.thread import played

ROOT = Path(__file__).parents[2]
CRASHES = ("nothing stops", "the simulation knows it")  # a patch that no longer fits and merely raises is no find
pytestmark = pytest.mark.no_cover  # the tracer more than doubles a run, and other tests say what is covered


def _found(name: str) -> Outcome:
    for seed in [FOUND[name][0], *range(1, WITHIN + 1)]:
        outcome = play(script_of(seed), bug=BUGS[name].patch)
        if outcome.violations:
            return outcome
    raise AssertionError(f"'{name}' is not found within {WITHIN} seeds")


@pytest.mark.parametrize("name", BUGS)
async def test_each_seeded_bug_is_found(name: str) -> None:
    """By another invariant or seed than in the table, if the product has changed: `--bugs` makes the table anew."""
    outcome = await played(_found, name)
    assert outcome.invariant not in CRASHES
    assert (await played(play, outcome.script)).violations == []


def test_the_proof_shows_the_table() -> None:
    assert table() in (ROOT / "docs" / "proof.md").read_text(encoding="utf-8")


async def test_a_failing_script_is_made_smaller_and_fails_the_same() -> None:
    found = await played(_found, "marked before sent")
    whole = found.script
    least = await played(shrink, whole, bug=BUGS["marked before sent"].patch, runs=25)
    assert least.invariant == found.invariant
    assert len(least.script.steps) + len(least.script.faults) < (len(whole.steps) + len(whole.faults)) / 2
    again = await played(play, least.script, bug=BUGS["marked before sent"].patch)
    assert (again.hash, again.violations) == (least.hash, least.violations)
