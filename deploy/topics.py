"""The declared topics against a cluster's, and as what other tools read: JSON for the chart, resources for Strimzi's operator.

Everything here follows from `shared/topics.py`; a test compares what is written down elsewhere with it.
"""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.admin.config_resource import ConfigResource, ConfigResourceType
from aiokafka.protocol.admin import ApiVersionRequest

from shared import kafka_access
from shared.topics import DAY_MS, DEAD_LETTERS, LEAST_RETENTION_MS, MAY_GROW, TOPICS, Topic, acknowledging

REPLICAS = 3  # one may be away for repair and one fail meanwhile
OUT_OF_ORDER = "a person's facts lie in two of them now, and one that is read after a later one is passed by as repeated"
UNREAD = f"less than {LEAST_RETENTION_MS // DAY_MS} days, and what a worker has not read by then is lost"
API_VERSION = "kafka.strimzi.io/v1"


@dataclass(frozen=True, slots=True)
class Standing:
    """What a cluster has: how many brokers, and of each declared topic that is there its partitions and settings.

    `replicas` is how many copies each topic's least kept partition has, `cluster` its id and `serves` the highest version of each
    kind of request, as far as it tells.
    """

    brokers: int
    partitions: Mapping[str, int]
    configs: Mapping[str, Mapping[str, str]]
    cluster: str | None = None
    serves: Mapping[int, int] = field(default_factory=dict)
    replicas: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Fault:
    """How a topic is not as declared, and what to do. A `bearable` one keeps nobody from working."""

    topic: str
    words: str
    fix: str
    bearable: bool = False

    def __str__(self) -> str:
        return f"{self.words}; {self.fix}"


def declared() -> list[dict[str, Any]]:
    """The declaration as JSON values: name, purpose, partitions, and Kafka's settings as text."""
    return [{**asdict(topic), "config": dict(topic.config)} for topic in TOPICS]


def strimzi(cluster: str, replicas: int = REPLICAS) -> list[dict[str, Any]]:
    """A `KafkaTopic` per topic, for Strimzi's topic operator of the Kafka `cluster`."""
    return [_resource(topic, cluster, replicas) for topic in TOPICS]


def _resource(topic: Topic, cluster: str, replicas: int) -> dict[str, Any]:
    return {
        "apiVersion": API_VERSION,
        "kind": "KafkaTopic",
        "metadata": {
            "name": topic.name,
            "labels": {"strimzi.io/cluster": cluster},
            "annotations": {"firstmate/purpose": topic.purpose},
        },
        "spec": {"partitions": topic.partitions, "replicas": replicas, "config": {**topic.config, **acknowledging(replicas)}},
    }


async def look(address: str) -> Standing:
    """What the cluster has. Raises KafkaError, OSError."""
    admin = AIOKafkaAdminClient(**kafka_access.client(address))
    try:
        await admin.start()
        described = await admin.describe_cluster()
        told = await admin._send_request(ApiVersionRequest())  # what it serves; aiokafka keeps that to itself
        # Only topics that are there are described: the embedded broker makes a topic that it is asked about.
        there = set(await admin.list_topics())
        here = [topic.name for topic in TOPICS if topic.name in there]
        found = await admin.describe_topics(here) if here else []
        return Standing(
            brokers=len(described["brokers"]),
            partitions={each["topic"]: len(each["partitions"]) for each in found},
            configs=await _configs(admin, here),
            replicas={each["topic"]: min(len(one["replicas"]) for one in each["partitions"]) for each in found},
            cluster=described.get("cluster_id"),
            serves={request: newest for request, _, newest in told.api_versions},
        )
    finally:
        await admin.close()


async def _configs(admin: AIOKafkaAdminClient, names: Sequence[str]) -> dict[str, dict[str, str]]:
    answers = await admin.describe_configs([ConfigResource(ConfigResourceType.TOPIC, name) for name in names])
    return {resource[3]: {entry[0]: entry[1] for entry in resource[4]} for answer in answers for resource in answer.resources}


def faults(standing: Standing, address: str, *, groups: bool = True) -> list[Fault]:
    """Every way in which the topics are not as declared. Settings that the broker does not tell are not held against it.

    Without consumer `groups` workers read the declared partitions alone, so that more of them are not to be borne; with them only
    where no order hangs on it.
    """
    found: list[Fault] = []
    for topic in TOPICS:
        if topic.name not in standing.partitions:
            found.append(Fault(topic.name, f"topic {topic.name} is missing", "`./firstmate topics create` makes it"))
            continue
        found += _partition_fault(topic, standing.partitions[topic.name], address, groups)
        found += _config_faults(topic, standing.configs.get(topic.name, {}), address)
        found += _copy_faults(topic, standing, address)
    return found


def _partition_fault(topic: Topic, partitions: int, address: str, groups: bool) -> list[Fault]:
    words = f"topic {topic.name} has {partitions} partitions, declared are {topic.partitions}"
    if partitions < topic.partitions:
        alter = f"kafka-topics.sh --bootstrap-server {address} --alter --topic {topic.name} --partitions {topic.partitions}"
        return [
            Fault(topic.name, words, f"while it is empty: `{alter}`; with records in it see docs/guides/run-it-on-a-cluster.md")
        ]
    if partitions > topic.partitions:
        fix = (
            "no topic loses partitions: delete it while it is empty, then `./firstmate topics create`; with records in it "
            f"declare {partitions} in shared/topics.py once all is read: docs/guides/run-it-on-a-cluster.md"
        )
        may_grow = topic.name in MAY_GROW
        return [Fault(topic.name, words if may_grow else f"{words}: {OUT_OF_ORDER}", fix, bearable=groups and may_grow)]
    return []


def _config_faults(topic: Topic, config: Mapping[str, str], address: str) -> list[Fault]:
    change = _change(topic, address)
    faults = []
    for name, value in topic.config.items():
        if name in config and config[name] != value:
            words = f"topic {topic.name} has {name}={config[name]}, declared is {value}"
            too_short = name == "retention.ms" and _is_too_short(topic, int(config[name]))
            # What is to be kept for ever nothing can bring back; what goes anyway only goes sooner or later, once it was read.
            bearable = name == "retention.ms" and topic.retention_ms >= 0 and not too_short
            faults.append(Fault(topic.name, f"{words}: {UNREAD}" if too_short else words, f"`{change} {name}={value}`", bearable))
    return faults


def _copy_faults(topic: Topic, standing: Standing, address: str) -> list[Fault]:
    """Whether a cluster with room for more keeps what was acknowledged on one broker alone."""
    replicas = standing.replicas.get(topic.name)
    if replicas is None or standing.brokers < REPLICAS:
        return []
    if replicas == 1:
        words = (
            f"topic {topic.name} has replication factor 1 on {standing.brokers} brokers: its facts go with the one that has them"
        )
        fix = f"give it {REPLICAS} replicas with kafka-reassign-partitions.sh --bootstrap-server {address}"
        return [Fault(topic.name, words, fix, bearable=True)]
    if standing.configs.get(topic.name, {}).get("min.insync.replicas") == "1":
        words = f"topic {topic.name} has min.insync.replicas=1 with {replicas} replicas: one that is alone acknowledges for all"
        more = "" if replicas >= REPLICAS else f"give it {REPLICAS} replicas, then "
        fix = f"{more}`{_change(topic, address)} min.insync.replicas={max(replicas, REPLICAS) - 1}`"
        return [Fault(topic.name, words, fix, bearable=True)]
    return []


def _is_too_short(topic: Topic, retention_ms: int) -> bool:
    """Whether records may go before they are read. The topics of dead letters are read by nobody."""
    return topic.name not in DEAD_LETTERS and 0 <= retention_ms < LEAST_RETENTION_MS


def _change(topic: Topic, address: str) -> str:
    return f"kafka-configs.sh --bootstrap-server {address} --alter --entity-type topics --entity-name {topic.name} --add-config"
