"""The alert rules under Prometheus' own checker, on series that are made up: when each fires, and when not."""

import os
import shutil
import subprocess
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).parents[2]
RULES = ROOT / "deploy" / "helm" / "firstmate" / "files" / "alerts.yaml"
CASES = Path(__file__).with_name("alerts.test.yaml")
PROMTOOL = os.environ.get("PROMTOOL") or shutil.which("promtool")


def promtool(*arguments: str) -> None:
    done = subprocess.run([str(PROMTOOL), *arguments], capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.skipif(
    PROMTOOL is None,
    reason="no promtool on PATH: in a module of its own, `go get` and `go build github.com/prometheus/prometheus/cmd/promtool`",
)
def test_rules_are_ones_that_prometheus_takes_and_fire_when_they_should(tmp_path: Path) -> None:
    promtool("check", "rules", str(RULES))
    cases = tmp_path / "cases.yaml"
    cases.write_text(CASES.read_text().replace("[RULES]", f"[{RULES}]"))
    promtool("test", "rules", str(cases))


def test_every_rule_has_a_case() -> None:
    rules = [rule["alert"] for group in yaml.safe_load(RULES.read_text())["groups"] for rule in group["rules"]]
    text = CASES.read_text()
    assert [rule for rule in rules if rule not in text] == []
