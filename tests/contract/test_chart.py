"""The Helm chart: rendered by helm for three sets of values, held against Kubernetes' own schemas and against the code."""

import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import kubernetes_validate
import pytest
import yaml

from services.matching import app as matching
from services.notifications import app as notifications
from services.onboarding import app as onboarding
from shared.settings import Settings
from shared.topics import SERVICES, TOPICS

CHART = Path(__file__).parents[2] / "deploy" / "helm" / "firstmate"
SETS = ("small", "production", "everything")
KUBERNETES = "1.33"
OF_OPERATORS = ("strimzi.io", "keda.sh", "percona.com", "monitoring.coreos.com")  # see test_operator_resources.py
HELM = os.environ.get("HELM") or shutil.which("helm")

pytestmark = pytest.mark.skipif(HELM is None, reason="no helm on PATH: `go install helm.sh/helm/v3/cmd/helm@v3.19.0` makes one")


def helm(*arguments: str, values: str = "small") -> subprocess.CompletedProcess[str]:
    command = [str(HELM), "template", "firstmate", str(CHART), "--kube-version", f"{KUBERNETES}.0"]
    command += ["--values", str(CHART / "values" / f"{values}.yaml"), *arguments]
    return subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)


def rendered(values: str, *arguments: str) -> list[dict[str, Any]]:
    done = helm(*arguments, values=values)
    assert done.returncode == 0, done.stderr
    return [resource for resource in yaml.safe_load_all(done.stdout) if resource]


@pytest.fixture(scope="module")
def charts() -> dict[str, list[dict[str, Any]]]:
    return {values: rendered(values) for values in SETS}


def of_kind(resources: list[dict[str, Any]], kind: str) -> dict[str, dict[str, Any]]:
    return {each["metadata"]["name"]: each for each in resources if each["kind"] == kind}


def pods(resources: list[dict[str, Any]]) -> Iterator[tuple[str, dict[str, Any]]]:
    for each in resources:
        if each["kind"] in ("Deployment", "StatefulSet", "Job"):
            yield each["metadata"]["name"], each["spec"]["template"]["spec"]


@pytest.mark.parametrize("values", SETS)
def test_every_resource_is_one_that_kubernetes_takes(charts: dict[str, Any], values: str) -> None:
    checked = 0
    for resource in charts[values]:
        if not any(group in resource["apiVersion"] for group in OF_OPERATORS):
            kubernetes_validate.validate(resource, KUBERNETES, strict=True)
            checked += 1
    assert checked >= 15
    names = [(each["apiVersion"], each["kind"], each["metadata"]["name"]) for each in charts[values]]
    assert len(names) == len(set(names))


@pytest.mark.parametrize("values", SETS)
def test_every_pod_runs_as_nobody_on_a_file_system_that_it_cannot_write(charts: dict[str, Any], values: str) -> None:
    found = dict(pods(charts[values]))
    assert {f"firstmate-{name}" for name in (*SERVICES, "web")} <= set(found)
    for name, pod in found.items():
        (container,) = pod["containers"]
        assert pod["securityContext"]["runAsNonRoot"], name
        assert container["securityContext"]["readOnlyRootFilesystem"], name
        assert not pod["automountServiceAccountToken"], name
        assert not pod["enableServiceLinks"], "a Service 'firstmate-x' would add FIRSTMATE_X_PORT to the environment"
        assert container["resources"]["requests"]["memory"]


@pytest.mark.parametrize("values", SETS)
def test_what_a_pod_is_told_are_settings_and_secrets_are_references(charts: dict[str, Any], values: str) -> None:
    for name, pod in pods(charts[values]):
        for variable in pod["containers"][0]["env"]:
            known = variable["name"].removeprefix("FIRSTMATE_").lower() in Settings.model_fields
            assert known or variable["name"].startswith("OTEL_"), (name, variable)
            if variable["name"] in ("FIRSTMATE_SECRET", "FIRSTMATE_TOKEN", "FIRSTMATE_SMTP_PASSWORD"):
                assert "secretKeyRef" in variable["valueFrom"]


def test_a_secured_cluster_is_signed_in_to_by_pods_and_by_keda() -> None:
    given = "keda.enabled=true,settings.kafka_security=sasl_tls,settings.kafka_user=firstmate"
    resources = rendered("production", "--set", given)
    for name, pod in pods(resources):
        variables = {each["name"]: each for each in pod["containers"][0]["env"]}
        assert variables["FIRSTMATE_KAFKA_SECURITY"]["value"] == "sasl_tls", name
        assert variables["FIRSTMATE_KAFKA_PASSWORD"]["valueFrom"]["secretKeyRef"]["key"] == "kafka_password"
    signing = of_kind(resources, "TriggerAuthentication")
    for scaled in of_kind(resources, "ScaledObject").values():
        for trigger in scaled["spec"]["triggers"]:
            assert trigger["metadata"] | {"tls": "enable", "sasl": "scram_sha512"} == trigger["metadata"]
            asked = signing[trigger["authenticationRef"]["name"]]["spec"]["env"]
            assert {each["parameter"] for each in asked} == {"username", "password"}


def test_strimzi_s_plain_inner_listener_and_a_secured_cluster_exclude_each_other() -> None:
    done = helm("--set", "settings.kafka_security=tls", values="everything")
    assert done.returncode != 0
    assert "inner listener" in done.stderr


def test_traces_are_sent_on_where_a_collector_is_named(charts: dict[str, Any]) -> None:
    def told(values: str) -> set[str]:
        return {each["name"] for _, pod in pods(charts[values]) for each in pod["containers"][0]["env"]}

    assert {"OTEL_EXPORTER_OTLP_ENDPOINT", "OTEL_TRACES_SAMPLER_ARG"} <= told("everything")
    assert not {name for name in told("small") if name.startswith("OTEL_")}


@pytest.mark.parametrize("values", SETS)
def test_a_replica_is_the_same_member_after_a_restart_and_a_stuck_consumer_is_restarted(
    charts: dict[str, Any], values: str
) -> None:
    sets = of_kind(charts[values], "StatefulSet")
    assert set(sets) == {f"firstmate-{service}" for service in SERVICES}
    for stateful in sets.values():
        container = stateful["spec"]["template"]["spec"]["containers"][0]
        variables = {each["name"]: each for each in container["env"]}
        assert variables["FIRSTMATE_INSTANCE"]["valueFrom"]["fieldRef"]["fieldPath"] == "metadata.name"
        assert variables["FIRSTMATE_KAFKA_GROUPS"]["value"] == "true"
        assert container["livenessProbe"]["httpGet"]["path"] == "/healthz"
        assert container["readinessProbe"]["httpGet"]["path"] == "/readyz"


def test_lag_of_every_consumer_scales_to_at_most_one_replica_per_partition(charts: dict[str, Any]) -> None:
    scaled = of_kind(charts["everything"], "ScaledObject")
    assert set(scaled) == {"firstmate-onboarding", "firstmate-notifications"}
    for app in (onboarding, notifications):
        worker = app.worker(Settings())
        spec = scaled[f"firstmate-{worker.service}"]["spec"]
        groups = {trigger["metadata"]["consumerGroup"] for trigger in spec["triggers"]}
        assert groups == {subscription.consumer for subscription in worker.subscriptions}
        fewest = min(topic.partitions for topic in TOPICS if topic.name in worker.subscriptions[0].topics)
        assert spec["minReplicaCount"] <= spec["maxReplicaCount"] <= fewest < 20
        assert "replicas" not in of_kind(charts["everything"], "StatefulSet")[f"firstmate-{worker.service}"]["spec"]
    assert matching.worker(Settings()).single_owner  # several own nothing more: not scaled


def test_the_cluster_s_topics_are_the_declared_ones(charts: dict[str, Any]) -> None:
    found = of_kind(charts["everything"], "KafkaTopic")
    assert set(found) == {topic.name for topic in TOPICS}
    for topic in TOPICS:
        assert found[topic.name]["spec"]["partitions"] == topic.partitions
        assert dict(topic.config).items() <= found[topic.name]["spec"]["config"].items()
    assert {each["apiVersion"] for each in charts["everything"] if "strimzi" in each["apiVersion"]} == {"kafka.strimzi.io/v1"}


def test_topics_come_from_a_job_where_no_operator_makes_them(charts: dict[str, Any]) -> None:
    assert [each["metadata"]["name"] for each in charts["small"] if each["kind"] == "Job"] == ["firstmate-topics"]
    assert not of_kind(charts["everything"], "Job")


@pytest.mark.parametrize(
    ("setting", "words"),
    [
        ("web.replicas=0", "/web/replicas"),
        ("workers.matching.replica=3", "'replica' not allowed"),
        ("workers.onboarding.replicas=7", "give at most 6"),
        ("kafka.bootstrap=kafka", "/kafka/bootstrap"),
        ("kafka.bootstrap=", "allOf"),
        ("strimzi.enabled=true", "allOf"),
        ("settings.web_url=example.org", "/settings/web_url"),
        ("settings.mail_hour=always", "'mail_hour' not allowed"),
        ("settings.secret=abc", "'secret' not allowed"),
        ("mongo.uri=mongodb://u:p@h/", "/mongo/uri"),
        ("image.repository=", "/image/repository"),
        ("ingress.enabled=true", "/ingress"),
        ("secretName=", "/secretName"),
        ("traces.endpoint=collector", "/traces/endpoint"),
        ("traces.share=2", "/traces/share"),
    ],
)
def test_values_that_break_the_schema_are_refused_by_name(setting: str, words: str) -> None:
    done = helm("--set", setting)
    assert done.returncode != 0
    assert words in done.stderr
