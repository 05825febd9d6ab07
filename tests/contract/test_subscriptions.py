"""Every subscription of every service: acknowledged after the batch is settled, from the beginning, on declared topics."""

from pathlib import Path
from typing import Any

import pytest
from faststream import AckPolicy

from services.matching import app as matching
from services.notifications import app as notifications
from services.onboarding import app as onboarding
from shared import kafka
from shared.settings import Settings
from shared.topics import PARTITIONS, SERVICES
from shared.worker import Subscription

ROOT = Path(__file__).parents[2]
WORKERS = [app.worker(Settings()) for app in (matching, onboarding, notifications)]
SUBSCRIPTIONS = [(worker.service, one) for worker in WORKERS for one in worker.subscriptions]


async def _ignore(_: Any) -> Any: ...


@pytest.mark.parametrize("groups", [False, True], ids=["assigned", "groups"])
@pytest.mark.parametrize(("service", "subscription"), SUBSCRIPTIONS, ids=[one.consumer for _, one in SUBSCRIPTIONS])
def test_a_batch_is_acknowledged_after_it_is_settled_and_fetched_again_when_it_was_not(
    service: str, subscription: Subscription, groups: bool
) -> None:
    broker, start, member = kafka.broker(Settings(), service), kafka.FromProgress(_ignore), "0" if groups else None
    subscriber = kafka.subscribe(broker, subscription.consumer, subscription.topics, _ignore, start, member=member)
    assert subscriber.ack_policy is AckPolicy.NACK_ON_ERROR
    assert subscriber._connection_args["auto_offset_reset"] == "earliest"
    assert subscriber.group_id == subscription.consumer
    followed = {topic.name for topic in subscriber.topics} if groups else {place.topic for place in subscriber.partitions}
    assert followed == set(subscription.topics) <= PARTITIONS.keys()
    if not groups:
        assert len(subscriber.partitions) == sum(PARTITIONS[topic] for topic in subscription.topics)


def test_each_service_has_a_worker_and_no_two_consumers_share_a_name() -> None:
    assert {worker.service for worker in WORKERS} == set(SERVICES)
    names = [subscription.consumer for _, subscription in SUBSCRIPTIONS]
    assert len(names) == len(set(names))


def test_there_is_no_other_way_to_subscribe() -> None:
    sources = [path for room in ("services", "shared", "deploy") for path in (ROOT / room).rglob("*.py")]
    assert [path.name for path in sources if ".subscriber(" in path.read_text()] == ["kafka.py"]
