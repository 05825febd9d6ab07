"""Resources for operators, held against the operators' own schemas, which come with their Go modules.

Strimzi is written in Java and in no Go module, and Percona's module can't be had either: their resources are held against the
code alone (`test_chart.py`).
"""

import json
import shutil
import subprocess
from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import yaml

from tests.contract.test_chart import HELM, rendered

GO = shutil.which("go")
MODULES = {
    "keda.sh": ("github.com/kedacore/keda/v2@v2.17.2", "config/crd/bases"),
    "monitoring.coreos.com": (
        "github.com/prometheus-operator/prometheus-operator@v0.84.0",
        "example/prometheus-operator-crd",
    ),
}

pytestmark = pytest.mark.skipif(HELM is None or GO is None, reason="no helm or no go on PATH")


@lru_cache
def folder(module: str) -> Path:
    """Where Go keeps the module; skips where it can't be fetched."""
    done = subprocess.run(
        [str(GO), "mod", "download", "-json", module], capture_output=True, text=True, cwd="/", timeout=300, check=False
    )
    found = json.loads(done.stdout or "{}")
    if "Dir" not in found:
        pytest.skip(f"{module} can't be fetched: {found.get('Error', done.stderr)[:200]}")
    return Path(found["Dir"])


def schema(resource: Mapping[str, Any]) -> dict[str, Any]:
    """The schema of the resource's kind and version, which names every field that there is."""
    group, _, version = resource["apiVersion"].partition("/")
    module, place = MODULES[group]
    file = folder(module) / place / f"{group}_{resource['kind'].lower()}s.yaml"
    versions = yaml.safe_load(file.read_text())["spec"]["versions"]
    (found,) = [each["schema"]["openAPIV3Schema"] for each in versions if each["name"] == version]
    closed: dict[str, Any] = close(found)
    closed["properties"]["metadata"] = {"type": "object"}  # Kubernetes' own
    return closed


def close(node: Any) -> Any:
    """The schema with no room for fields that it does not name; what takes a number or a text says so to JSON Schema."""
    if isinstance(node, list):
        return [close(each) for each in node]
    if not isinstance(node, dict):
        return node
    closed = {key: close(value) for key, value in node.items()}
    if isinstance(pattern := closed.get("pattern"), str):
        closed["pattern"] = pattern.replace("^(?i)", "(?i)^")  # as Python writes what Go does
    if closed.pop("x-kubernetes-int-or-string", False):
        closed["type"] = ["integer", "string"]
    if isinstance(node.get("properties"), dict) and not node.get("x-kubernetes-preserve-unknown-fields"):
        closed.setdefault("additionalProperties", False)
    return closed


@pytest.mark.parametrize("group", MODULES)
def test_operators_would_take_their_resources(group: str) -> None:
    given = ("--set", "strimzi.enabled=false,kafka.bootstrap=kafka:9093,settings.kafka_security=sasl_tls,settings.kafka_user=fm")
    resources = [*rendered("everything"), *rendered("everything", *given)]
    checked = set()
    for resource in resources:
        if resource["apiVersion"].startswith(group):
            jsonschema.validate(resource, schema(resource))
            checked.add(resource["kind"])
    expected = {"keda.sh": {"ScaledObject", "TriggerAuthentication"}, "monitoring.coreos.com": {"PodMonitor", "PrometheusRule"}}
    assert checked == expected[group]


def test_a_misspelt_field_is_found() -> None:
    (first, *_) = [each for each in rendered("everything") if each["kind"] == "ScaledObject"]
    first["spec"]["maxReplicas"] = 3
    with pytest.raises(jsonschema.ValidationError, match="maxReplicas"):
        jsonschema.validate(first, schema(first))
