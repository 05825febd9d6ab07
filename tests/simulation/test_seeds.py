"""The simulation itself: the first seeds hold every invariant, and runs repeat exactly."""

import asyncio
import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.simulation.play import play
from tests.simulation.script import script_of
from tests.simulation.thread import played

ROOT = Path(__file__).parents[2]
SEEDS, AT_ONCE = 500, 10
FOUND = (8103, 8436, 8591)  # seeds of a soak that broke an invariant, of the product's or of the checker's making


@pytest.mark.slow
@pytest.mark.no_cover  # the tracer more than doubles a run, and other tests say what is covered
@pytest.mark.parametrize("first", range(1, SEEDS + 1, AT_ONCE))
async def test_whatever_goes_wrong_every_invariant_holds(first: int) -> None:
    """A failure names its seed: `python -m tests.simulation --seed N` replays it with its trace and makes it smaller."""

    def violations() -> dict[int, list[str]]:
        outcomes = (play(script_of(seed)) for seed in range(first, first + AT_ONCE))
        return {outcome.script.seed: outcome.violations for outcome in outcomes if outcome.violations}

    assert await played(violations) == {}


@pytest.mark.no_cover
@pytest.mark.parametrize("seed", FOUND)
async def test_what_a_soak_has_found_stays_mended(seed: int) -> None:
    assert (await played(play, script_of(seed))).violations == []


def _hash_in_a_fresh_process(seed: int, hash_seed: str) -> str:
    command = [sys.executable, "-m", "tests.simulation", "--seed", str(seed), "--no-shrink"]
    done = subprocess.run(
        command, cwd=ROOT, env=os.environ | {"PYTHONHASHSEED": hash_seed}, capture_output=True, text=True, check=True, timeout=300
    )
    found = re.search(r"^history (\w+)$", done.stdout, re.MULTILINE)
    assert found is not None
    return found[1]


async def test_a_seed_gives_the_same_run_again_here_and_in_processes_with_other_hashes() -> None:
    here = [(await played(play, script_of(7))).hash for _ in range(2)]
    there = [await asyncio.to_thread(_hash_in_a_fresh_process, 7, hash_seed) for hash_seed in ("1", "2")]
    assert len({*here, *there}) == 1
    assert (await played(play, script_of(8))).hash != here[0]


async def test_a_soak_plays_many_seeds_in_processes_of_their_own() -> None:
    command = [sys.executable, "-m", "tests.simulation", "--seeds", "1..12", "--processes", "2"]
    done = await asyncio.to_thread(
        subprocess.run, command, cwd=ROOT, env=dict(os.environ), capture_output=True, text=True, check=True, timeout=300
    )
    told = json.loads(done.stdout.splitlines()[-1])
    assert (told["seeds"], told["violating"]) == (12, 0)
    assert told["faults"]
