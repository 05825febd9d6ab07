"""Whether what happens to hires still flows: when the first fact about each came out of each service."""

import asyncio
from collections import defaultdict
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, suppress

from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.errors import KafkaError

from shared.events.mentoring import ASSIGNMENTS_TOPIC
from shared.events.notifications import TOPIC as MESSAGES_TOPIC
from shared.events.onboarding import TOPIC as JOURNEYS_TOPIC
from shared.kafka import places
from tests.chaos.load import Load

SAID_ON = {"matching": ASSIGNMENTS_TOPIC, "onboarding": JOURNEYS_TOPIC, "notifications": MESSAGES_TOPIC}
WINDOW_S = 2.0  # of hires that must have come through for it to flow again: each partition has some of them


class Flow:
    """What has been seen on the services' topics so far."""

    def __init__(self, load: Load) -> None:
        self._load = load
        self.missing: list[str] = []
        self._seen: dict[str, dict[str, float]] = defaultdict(dict)

    async def again(self, services: Sequence[str], since: float, within: float) -> float | None:
        """Seconds from `since` until the first hires sent after it, `WINDOW_S` of them, had come through all `services`.

        None when they had not `within` so many seconds; `missing` says what had not.
        """
        loop = asyncio.get_running_loop()
        while loop.time() < since + within:
            await asyncio.sleep(0.1)
            hires = self._load.first_steady(since, WINDOW_S)
            if hires is None:
                self.missing = ["no hires were sent"]
                continue
            arrived = {(service, id): self._seen[SAID_ON[service]].get(id) for service in services for id in hires}
            self.missing = [f"nothing from {service} about {id}" for (service, id), at in arrived.items() if at is None]
            if not self.missing:
                return max(at for at in arrived.values() if at is not None) - since
        return None

    @asynccontextmanager
    async def watching(self, address: str) -> AsyncIterator[None]:
        """Follow the topics while inside."""
        task = asyncio.create_task(self._watch(address))
        try:
            yield
        finally:
            task.cancel()
            with suppress(asyncio.CancelledError):
                await task

    async def _watch(self, address: str) -> None:
        consumer = AIOKafkaConsumer(bootstrap_servers=address, enable_auto_commit=False, auto_offset_reset="earliest")
        await consumer.start()
        try:
            consumer.assign([TopicPartition(*place) for place in places(list(SAID_ON.values()))])
            while True:
                with suppress(KafkaError):
                    found = await consumer.getmany(timeout_ms=200)
                    at = asyncio.get_running_loop().time()
                    for partition, records in found.items():
                        for record in records:
                            self._seen[partition.topic].setdefault((record.key or b"").decode(), at)
        finally:
            await consumer.stop()
