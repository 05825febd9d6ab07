"""docs/scaling.md says what its script derives from the committed results, and the script derives what it should."""

import json
from pathlib import Path

import pytest
import yaml

from bench.scaling import RESULTS, needs, page
from shared.topics import TOPICS

ROOT = Path(__file__).parents[2]
FIGURES = {
    "processing": {
        "cpu_ms_by_process": {"matching": 7.0, "onboarding": 14.0, "notifications": 7.0},
        "database_kb_per_hire": 10.0,
        "database_kb_per_employee": 2.0,
        "topics_kb_per_hire": 5.0,
        "disk_writes_per_hire": 0.5,
        "messages_per_hire": 6.0,
    },
    "mail": {"messages_per_second": 100},
}


def test_the_page_is_what_the_results_give() -> None:
    assert (ROOT / "docs" / "scaling.md").read_text() == page(json.loads(RESULTS.read_text())), (
        "run: python -m bench.scaling > docs/scaling.md"
    )


def test_needs_follow_from_figures() -> None:
    large = needs(3_000_000, FIGURES)
    assert large.hires_a_year == 600_000
    assert large.peak_per_s == pytest.approx(100)
    assert large.cores == {"matching": 1, "onboarding": 2, "notifications": 1}
    assert large.database_gb == pytest.approx(6 + 18)
    assert large.topics_gb == pytest.approx(9)
    assert large.writes_per_s == pytest.approx(50)
    assert large.share_of_mail == pytest.approx(6)
    assert large.share_of_owner == pytest.approx(1)
    assert large.bottleneck == "one mail sender, at 600 % of what it manages"


def test_few_partitions_are_what_topics_are_declared_with() -> None:
    assert needs(1_000, FIGURES).partitions == TOPICS[0].partitions
    assert needs(100_000_000, FIGURES).partitions > TOPICS[0].partitions


def test_a_bench_that_was_not_run_is_named() -> None:
    with pytest.raises(KeyError):
        needs(1_000, {"processing": FIGURES["processing"]})
    results = json.loads(RESULTS.read_text())
    without = {name: value for name, value in results.items() if name not in ("rebuild", "board")}
    assert "Not measured yet: rebuild, board" in page(without)


def test_the_chart_asks_for_the_memory_that_was_measured() -> None:
    measured = json.loads(RESULTS.read_text())["processing"]["rss_mb"]
    workers = yaml.safe_load((ROOT / "deploy" / "helm" / "firstmate" / "values.yaml").read_text())["workers"]
    for name, worker in workers.items():
        asked = int(worker["resources"]["requests"]["memory"].removesuffix("Mi")) * 2**20 / 1e6
        assert measured[name] <= asked <= 2 * measured[name], name
