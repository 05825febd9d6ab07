"""The one declared list of topics: of the embedded stack, the topic job, the cluster's resources, `doctor` and AsyncAPI.

Topics are never created by producing to them: a misspelt name must fail, not start a topic of its own.
"""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass

from aiokafka.admin import AIOKafkaAdminClient, NewTopic
from aiokafka.errors import TopicAlreadyExistsError, for_code

from shared import kafka_access
from shared.events import hr, mentoring, notifications, onboarding

DAY_MS = 24 * 60 * 60 * 1000
LEAST_RETENTION_MS = 7 * DAY_MS  # of what is read: a worker that stopped on a Friday before a holiday is seen to within it
SERVICES = ("matching", "onboarding", "notifications")


@dataclass(frozen=True, slots=True)
class Topic:
    """One topic: `retention_ms` of -1 keeps records for ever (our own facts rebuild the read models).

    `cleanup_policy` is Kafka's. None of ours is compacted: a key is a person, whose last fact does not hold the earlier ones.
    """

    name: str
    purpose: str
    partitions: int = 6  # two for each of three workers; more only help once one worker per partition is busy
    retention_ms: int = -1
    cleanup_policy: str = "delete"

    @property
    def config(self) -> Mapping[str, str]:
        """Its settings in Kafka's own names. What is kept for ever is so however much it gets, whatever the cluster's default."""
        config = {"cleanup.policy": self.cleanup_policy, "retention.ms": str(self.retention_ms)}
        return config | ({"retention.bytes": "-1"} if self.retention_ms < 0 else {})


def dead_letter_topic(service: str) -> str:
    """Where `service` publishes records that it can't process."""
    return f"{service}.dead-letters"


TOPICS: tuple[Topic, ...] = (
    Topic(hr.TOPIC, "What HR systems tell: hires, moves, leavers. Holds personal data.", retention_ms=30 * DAY_MS),
    Topic(mentoring.MENTORS_TOPIC, "Who mentors, with which capacity."),
    Topic(mentoring.ASSIGNMENTS_TOPIC, "Who has which mentor, who waits."),
    Topic(onboarding.TOPIC, "Journeys: milestones, meetings, surveys."),
    Topic(notifications.TOPIC, "What was sent to whom, or not."),
    *(
        Topic(dead_letter_topic(service), f"Records that {service} can't process.", partitions=1, retention_ms=90 * DAY_MS)
        for service in SERVICES
    ),
)
DEAD_LETTERS = frozenset(map(dead_letter_topic, SERVICES))
MAY_GROW = DEAD_LETTERS | {hr.TOPIC}
"""Topics whose facts carry no number: elsewhere a fact that is read before an earlier one of its person makes that one look
repeated, and it would be lost."""
PARTITIONS = {topic.name: topic.partitions for topic in TOPICS}
KNOWN_WITHIN_S = 60  # Apache Kafka's controller answers before its brokers know


def acknowledging(replication: int) -> Mapping[str, str]:
    """What a topic of so many replicas needs besides: a record counts once all but one have it, so that one may be away."""
    return {"min.insync.replicas": str(replication - 1)} if replication > 1 else {}


async def ensure_topics(address: str, *, replication: int = 1) -> list[str]:
    """Create the declared topics that are missing; returns their names once the broker tells of them.

    Raises a KafkaError when one can't be made, TimeoutError when the broker does not come to know what its controller made.
    """
    admin = AIOKafkaAdminClient(**kafka_access.client(address))
    await admin.start()
    try:
        missing = [topic for topic in TOPICS if topic.name not in set(await admin.list_topics())]
        if not missing:
            return []
        answer = await admin.create_topics(
            [
                NewTopic(topic.name, topic.partitions, replication, topic_configs={**topic.config, **acknowledging(replication)})
                for topic in missing
            ]
        )
        for name, code, *message in answer.topic_errors:
            if code and for_code(code) is not TopicAlreadyExistsError:
                raise for_code(code)(f"topic {name} could not be created: {message}")
        names = [topic.name for topic in missing]
        async with asyncio.timeout(KNOWN_WITHIN_S):
            while not set(names) <= set(await admin.list_topics()):  # noqa: ASYNC110  only asking tells
                await asyncio.sleep(0.05)
        return names
    finally:
        await admin.close()
