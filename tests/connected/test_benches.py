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


def test_the_matching_bench_is_optimal_legal_and_the_same_in_any_order() -> None:
    argv = [sys.executable, "-m", "bench.matching", "--json", "--quick"]
    ran = subprocess.run(argv, check=False, cwd=ROOT, capture_output=True, text=True)
    assert ran.returncode == 0, ran.stderr
    figures = json.loads(ran.stdout.splitlines()[-1])
    none = ("uncertified", "unmatched_though_possible", "pairs_changed_by_permutation", "capacity_violations", "rule_violations")
    assert {name: figures[name] for name in none} == dict.fromkeys(none, 0)
    assert figures["share_of_optimum"] == 1
    assert figures["wrong_decisions_1k"] == 0
    assert figures["late_arrival_share_1.05"] > figures["late_arrival_share_greedy_1.05"]


def test_the_rebuild_bench_finds_no_difference_to_the_live_rows() -> None:
    argv = [sys.executable, "-m", "bench.rebuild", "--json", "--events", "6000"]
    ran = subprocess.run(argv, check=False, cwd=ROOT, capture_output=True, text=True)
    assert ran.returncode == 0, ran.stderr
    figures = json.loads(ran.stdout.splitlines()[-1])
    assert (figures["differences"], figures["board"]["records"], figures["timeline"]["records"]) == (0, 6000, 6000)
    assert figures["board"]["rows"] == figures["timeline"]["rows"] > 0
    assert figures["share_of_bare_loop"] > 0


def test_the_processing_bench_has_every_effect_in_each_way() -> None:
    argv = [sys.executable, "-m", "bench.processing", "--json", "--hires", "40"]
    ran = subprocess.run(argv, check=False, cwd=ROOT, capture_output=True, text=True)
    assert ran.returncode == 0, ran.stderr  # each way is waited for until all its effects are there
    figures = json.loads(ran.stdout.splitlines()[-1])
    assert figures["documents_per_hire"] > 10
    assert min(figures[f"throughput_vs_{way}"] for way in ("tutorial", "safe_naive")) > 0
    assert 0 < figures["share_of_ceiling"] < 1
