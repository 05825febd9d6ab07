"""The simulation itself: the first seeds hold every invariant, runs repeat exactly, and each seeded bug is found."""

import asyncio
import json
import os
import re
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from tests.simulation.bugs import BUGS, FOUND, WITHIN, table
from tests.simulation.play import Outcome, play
from tests.simulation.script import script_of
from tests.simulation.shrink import shrink

ROOT = Path(__file__).parents[2]
SEEDS, AT_ONCE = 500, 10


async def played(work: "object", *arguments: object, **options: object) -> object:
    """Run on a thread of its own: the virtual loop can't run inside pytest's."""
    with ThreadPoolExecutor(1) as thread:
        return await asyncio.get_running_loop().run_in_executor(thread, lambda: work(*arguments, **options))  # type: ignore[operator]


@pytest.mark.slow
@pytest.mark.parametrize("first", range(1, SEEDS + 1, AT_ONCE))
async def test_whatever_goes_wrong_every_invariant_holds(first: int) -> None:
    """A failure names its seed: `python -m tests.simulation --seed N` replays it with its trace and makes it smaller."""

    def violations() -> dict[int, list[str]]:
        outcomes = (play(script_of(seed)) for seed in range(first, first + AT_ONCE))
        return {outcome.script.seed: outcome.violations for outcome in outcomes if outcome.violations}

    assert await played(violations) == {}


def _hash_in_a_fresh_process(seed: int, hash_seed: str) -> str:
    command = [sys.executable, "-m", "tests.simulation", "--seed", str(seed), "--no-shrink"]
    done = subprocess.run(
        command, cwd=ROOT, env=os.environ | {"PYTHONHASHSEED": hash_seed}, capture_output=True, text=True, check=True, timeout=300
    )
    found = re.search(r"^history (\w+)$", done.stdout, re.MULTILINE)
    assert found is not None
    return found[1]


async def test_a_seed_gives_the_same_run_again_here_and_in_processes_with_other_hashes() -> None:
    here = [(await played(play, script_of(7))).hash for _ in range(2)]  # type: ignore[attr-defined]
    there = [await asyncio.to_thread(_hash_in_a_fresh_process, 7, hash_seed) for hash_seed in ("1", "2")]
    assert len({*here, *there}) == 1
    assert (await played(play, script_of(8))).hash != here[0]  # type: ignore[attr-defined]


def _first_found(name: str) -> Outcome:
    for seed in range(1, WITHIN + 1):
        outcome = play(script_of(seed), bug=BUGS[name].patch)
        if outcome.violations:
            return outcome
    raise AssertionError(f"'{name}' is not found within {WITHIN} seeds")


@pytest.mark.parametrize("name", BUGS)
async def test_each_seeded_bug_is_found(name: str) -> None:
    """At which seed may change with the product: `--bugs` makes the table anew."""
    assert name in FOUND
    outcome = await played(_first_found, name)
    assert isinstance(outcome, Outcome)
    assert (await played(play, outcome.script)).violations == []  # type: ignore[attr-defined]


def test_the_proof_shows_the_table() -> None:
    assert table() in (ROOT / "docs" / "proof.md").read_text(encoding="utf-8")


async def test_a_failing_script_is_made_smaller_and_fails_the_same() -> None:
    found = await played(_first_found, "marked before sent")
    assert isinstance(found, Outcome)
    whole = found.script
    least = await played(shrink, whole, bug=BUGS["marked before sent"].patch, runs=25)
    assert isinstance(least, Outcome)
    assert least.invariant == found.invariant
    assert len(least.script.steps) + len(least.script.faults) < (len(whole.steps) + len(whole.faults)) / 2
    again = await played(play, least.script, bug=BUGS["marked before sent"].patch)
    assert isinstance(again, Outcome)
    assert (again.hash, again.violations) == (least.hash, least.violations)


async def test_a_soak_plays_many_seeds_in_processes_of_their_own() -> None:
    command = [sys.executable, "-m", "tests.simulation", "--seeds", "1..12", "--processes", "2"]
    done = await asyncio.to_thread(
        subprocess.run, command, cwd=ROOT, env=dict(os.environ), capture_output=True, text=True, check=True, timeout=300
    )
    told = json.loads(done.stdout.splitlines()[-1])
    assert (told["seeds"], told["violating"]) == (12, 0)
    assert told["faults"]
