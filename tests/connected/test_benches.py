"""A bench runs from its command line on a small size, and what must hold at any size holds."""

import json
import subprocess
import sys

from deploy.parts import ROOT


def test_the_mail_bench_counts_what_is_lost_and_doubled_and_finds_none() -> None:
    argv = [sys.executable, "-m", "bench.mail", "--json", "--hires", "60"]
    ran = subprocess.run(argv, check=False, cwd=ROOT, capture_output=True, text=True)
    assert ran.returncode == 0, ran.stderr
    figures = json.loads(ran.stdout.splitlines()[-1])
    assert (figures["messages"], figures["doubled"], figures["missing"]) == (60, 0, 0)
    assert figures["share_of_bare_loop"] > 0
