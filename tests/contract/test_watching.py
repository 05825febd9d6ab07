"""Alerts and dashboards ask for metrics that there are, and every alert has its section in the runbooks."""

import json
import re
from pathlib import Path
from typing import Any

import prometheus_client
import pytest
import yaml

from deploy.metrics_page import page
from shared import metrics
from shared.events import EVENT_TYPES

ROOT = Path(__file__).parents[2]
FILES = ROOT / "deploy" / "helm" / "firstmate" / "files"
RULES: list[dict[str, Any]] = [
    rule for group in yaml.safe_load((FILES / "alerts.yaml").read_text())["groups"] for rule in group["rules"]
]
DASHBOARDS = sorted((FILES / "dashboards").glob("*.json"))


def series() -> dict[str, set[str]]:
    """The names that Prometheus stores, with their labels."""
    found: dict[str, set[str]] = {}
    for metric in vars(metrics).values():
        if isinstance(metric, prometheus_client.metrics.MetricWrapperBase):
            (described,) = metric.describe()
            labels = set(metric._labelnames)
            ends = {"counter": ["_total"], "histogram": ["_bucket", "_sum", "_count"]}.get(described.type, [""])
            found |= {described.name + end: labels | ({"le"} if end == "_bucket" else set()) for end in ends}
    return found


def asked(expression: str) -> set[str]:
    return set(re.findall(r"firstmate_\w+", expression))


def grouped_by(expression: str) -> set[str]:
    return {label.strip() for labels in re.findall(r"by \(([^)]*)\)", expression) for label in labels.split(",")}


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule["alert"])
def test_an_alert_asks_for_what_there_is_and_has_a_runbook(rule: dict[str, Any]) -> None:
    known = series()
    assert asked(rule["expr"]) <= set(known)
    labels = {label for name in asked(rule["expr"]) for label in known[name]}
    assert grouped_by(rule["expr"]) <= labels
    told = set(re.findall(r"\$labels\.(\w+)", rule["annotations"]["summary"]))
    assert told <= (grouped_by(rule["expr"]) or {"instance", "job"})
    page, _, anchor = rule["annotations"]["runbook"].partition("#")
    headings = re.findall(r"^## (\w+)$", (ROOT / page).read_text(), re.MULTILINE)
    assert anchor in [heading.lower() for heading in headings]


def test_every_runbook_belongs_to_an_alert() -> None:
    headings = re.findall(r"^## (\w+)$", (ROOT / "docs" / "runbooks.md").read_text(), re.MULTILINE)
    assert headings == [rule["alert"] for rule in RULES]


@pytest.mark.parametrize("file", DASHBOARDS, ids=lambda file: file.stem)
def test_a_dashboard_asks_for_what_there_is(file: Path) -> None:
    known = series()
    panels = json.loads(file.read_text())["panels"]
    assert len(panels) >= 4
    assert len({panel["id"] for panel in panels}) == len(panels)
    for panel in panels:
        for target in panel["targets"]:
            names = asked(target["expr"])
            assert names, panel["title"]
            assert names <= set(known)
            assert grouped_by(target["expr"]) <= {"instance"} | {label for name in names for label in known[name]}


def test_the_types_that_a_dashboard_asks_for_are_events_that_there_are() -> None:
    asked_for = [
        pattern
        for file in DASHBOARDS
        for panel in json.loads(file.read_text())["panels"]
        for target in panel["targets"]
        for pattern in re.findall(r'type=~"([^"]+)"', target["expr"])
    ]
    assert len(asked_for) >= 5
    for pattern in asked_for:
        for each in re.sub(r"(.*)\((.*)\)(.*)", lambda m: "\n".join(m[1] + one + m[3] for one in m[2].split("|")), pattern).split(
            "\n"
        ):
            assert any(re.fullmatch(each, kind) for kind in EVENT_TYPES), each


def test_the_page_of_metrics_is_what_is_declared_and_nothing_is_declared_elsewhere() -> None:
    assert (ROOT / "docs" / "metrics.md").read_text() == page(), "run: python -m deploy.metrics_page > docs/metrics.md"
    declared = re.compile(r"\b(Counter|Gauge|Histogram|Summary)\(\s*\"")
    sources = [path for room in ("shared", "services", "deploy") for path in (ROOT / room).rglob("*.py")]
    assert [path.name for path in sources if declared.search(path.read_text())] == ["metrics.py"]
