"""One declaration of the topics: whatever else names them says the same, so that a changed line reaches it or fails here."""

import json
import re
from pathlib import Path
from typing import Any

import pytest
import yaml
from typer.testing import CliRunner

from deploy import topics
from deploy.cli import app
from shared.asyncapi import asyncapi_document
from shared.topics import SERVICES, TOPICS, Topic

ROOT = Path(__file__).parents[2]
CHART = ROOT / "deploy" / "helm" / "firstmate" / "files" / "topics.json"
AS_DECLARED = topics.Standing(
    3, {topic.name: topic.partitions for topic in TOPICS}, {topic.name: dict(topic.config) for topic in TOPICS}
)


def printed(*arguments: str) -> str:
    done = CliRunner().invoke(app, ["topics", *arguments])
    assert done.exit_code == 0, done.output
    return done.stdout


def test_the_chart_holds_the_declaration() -> None:
    assert json.loads(CHART.read_text()) == json.loads(printed("--json")), (
        "write it anew: ./firstmate topics --json > deploy/helm/firstmate/files/topics.json"
    )


@pytest.mark.parametrize("topic", TOPICS, ids=lambda topic: topic.name)
def test_a_topic_is_the_same_as_a_resource_of_the_operator_and_in_asyncapi(topic: Topic) -> None:
    resources = {
        resource["metadata"]["name"]: resource for resource in yaml.safe_load_all(printed("--strimzi", "--cluster", "c"))
    }
    assert set(resources) == {each.name for each in TOPICS}
    resource = resources[topic.name]
    assert (resource["apiVersion"], resource["kind"]) == ("kafka.strimzi.io/v1", "KafkaTopic")
    assert resource["metadata"]["labels"] == {"strimzi.io/cluster": "c"}
    assert resource["spec"]["partitions"] == topic.partitions
    assert dict(topic.config).items() <= resource["spec"]["config"].items()
    binding = asyncapi_document()["channels"][topic.name]["bindings"]["kafka"]
    assert binding["partitions"] == topic.partitions
    told: dict[str, Any] = binding["topicConfiguration"]
    as_config = {name: ",".join(value) if isinstance(value, list) else str(value) for name, value in told.items()}
    assert as_config == dict(topic.config)


@pytest.mark.parametrize("topic", TOPICS, ids=lambda topic: topic.name)
def test_a_topic_s_name_is_one_that_kafka_and_kubernetes_take(topic: Topic) -> None:
    assert re.fullmatch(r"[a-z0-9]([-a-z0-9.]*[a-z0-9])?", topic.name)


def test_what_services_tell_each_other_is_never_compacted_and_never_runs_out() -> None:
    letters = {f"{service}.dead-letters" for service in SERVICES}
    for topic in TOPICS:
        assert topic.cleanup_policy == "delete", f"{topic.name}: read models are made again from every fact of a person"
        assert (topic.retention_ms == -1) == (topic.name not in letters | {"hr.employees"})
        assert (topic.config.get("retention.bytes") == "-1") == (topic.retention_ms == -1)


def test_a_topic_kept_for_ever_is_not_bound_by_its_size_either() -> None:
    name = "onboarding.journeys"
    capped = {**AS_DECLARED.configs, name: {**AS_DECLARED.configs[name], "retention.bytes": "1073741824"}}
    (fault,) = topics.faults(topics.Standing(3, AS_DECLARED.partitions, capped), "k:9092")
    assert fault.words == f"topic {name} has retention.bytes=1073741824, declared is -1"
    assert not fault.bearable


@pytest.mark.parametrize(
    ("brokers", "replicas", "in_sync", "words", "fix"),
    [
        (3, 1, "1", "has replication factor 1 on 3 brokers", "kafka-reassign-partitions.sh"),
        (3, 3, "1", "has min.insync.replicas=1 with 3 replicas", "min.insync.replicas=2"),
        (3, 2, "1", "has min.insync.replicas=1 with 2 replicas", "give it 3 replicas, then `kafka-configs.sh"),
        (3, 3, "2", "", ""),
        (1, 1, "1", "", ""),
    ],
)
def test_a_cluster_that_could_keep_more_copies_than_a_topic_has_is_told(
    brokers: int, replicas: int, in_sync: str, words: str, fix: str
) -> None:
    name = "mentoring.mentors"
    configs = {**AS_DECLARED.configs, name: {**AS_DECLARED.configs[name], "min.insync.replicas": in_sync}}
    found = topics.faults(topics.Standing(brokers, AS_DECLARED.partitions, configs, replicas={name: replicas}), "k:9092")
    assert [fault.bearable for fault in found] == [True] * bool(words)
    assert all(words in fault.words and fix in fault.fix for fault in found)


def test_a_record_counts_once_all_but_one_replica_have_it() -> None:
    alone, three = topics.strimzi("c", 1)[0], topics.strimzi("c", 3)[0]
    assert "min.insync.replicas" not in alone["spec"]["config"]
    assert three["spec"]["config"]["min.insync.replicas"] == "2"


def test_a_cluster_as_declared_has_no_fault() -> None:
    assert topics.faults(AS_DECLARED, "k:9092") == []


@pytest.mark.parametrize(
    ("partitions", "config", "problem", "fix", "bearable"),
    [
        ({"hr.employees": 3}, {}, "has 3 partitions, declared are 6", "--alter --topic hr.employees --partitions 6", False),
        ({"hr.employees": 12}, {}, "has 12 partitions, declared are 6", "no topic loses partitions", True),
        (
            {},
            {"retention.ms": "604800000"},
            "has retention.ms=604800000, declared is 2592000000",
            "retention.ms=2592000000",
            True,
        ),
        ({}, {"retention.ms": "-1"}, "has retention.ms=-1, declared is 2592000000", "retention.ms=2592000000", True),
        ({}, {"retention.ms": "604799999"}, "less than 7 days, and what a worker has not read", "retention.ms=2592000000", False),
        ({}, {"cleanup.policy": "compact"}, "has cleanup.policy=compact", "cleanup.policy=delete", False),
    ],
)
def test_each_difference_is_named_with_its_fix(
    partitions: dict[str, int], config: dict[str, str], problem: str, fix: str, bearable: bool
) -> None:
    standing = topics.Standing(
        3,
        {**AS_DECLARED.partitions, **partitions},
        {**AS_DECLARED.configs, "hr.employees": {**TOPICS[0].config, **config}},
    )
    (fault,) = topics.faults(standing, "k:9092")
    assert problem in fault.words
    assert fix in fault.fix
    assert fault.bearable is bearable


@pytest.mark.parametrize("topic", TOPICS, ids=lambda topic: topic.name)
def test_more_partitions_are_borne_only_where_no_order_hangs_on_them(topic: Topic) -> None:
    grown = topics.Standing(3, {**AS_DECLARED.partitions, topic.name: topic.partitions + 2}, AS_DECLARED.configs)
    (fault,) = topics.faults(grown, "k:9092", groups=True)
    assert fault.bearable is (topic.name == "hr.employees" or topic.name.endswith(".dead-letters"))
    assert fault.bearable is not ("passed by as repeated" in fault.words)
    (alone,) = topics.faults(grown, "k:9092", groups=False)
    assert not alone.bearable
