"""Benches run from their command line on small sizes, and what must hold at any size holds."""

import json
import subprocess
import sys

import pytest

from deploy.parts import ROOT


@pytest.mark.parametrize("name", ["mail"])
def test_a_bench_loses_and_doubles_nothing(name: str) -> None:
    argv = [sys.executable, "-m", f"bench.{name}", "--json", "--hires", "60"]
    ran = subprocess.run(argv, cwd=ROOT, capture_output=True, text=True)
    assert ran.returncode == 0, ran.stderr
    figures = json.loads(ran.stdout.splitlines()[-1])
    assert (figures["messages"], figures["doubled"], figures["missing"]) == (60, 0, 0)
    assert 0 < figures["share_of_bare_loop"]
