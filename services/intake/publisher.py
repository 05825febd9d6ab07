"""The one way from a door onto Kafka: with the broker's confirmation, or a clear refusal."""

import asyncio
from collections.abc import Sequence
from contextlib import suppress
from typing import Any

import structlog
from aiokafka import AIOKafkaProducer
from aiokafka.errors import KafkaError

from shared.events import Event, to_record
from shared.kafka import producer

PATIENCE_S = 10.0  # shorter than the half minute after which HTTP clients and proxies commonly give up
log = structlog.get_logger()


class KafkaUnavailable(Exception):
    """Not every event was confirmed. Some may have arrived all the same: send all again, a repeated id changes nothing."""


class Publisher:
    """Publishes events keyed by subject. Connects on first use, and again after a failure; `close` when done."""

    def __init__(self, address: str, *, patience_s: float = PATIENCE_S) -> None:
        self.address = address
        self._patience_s = patience_s
        self._producer: AIOKafkaProducer | None = None
        self._starting = asyncio.Lock()

    async def publish(self, events: Sequence[Event[Any]]) -> None:
        """Return once the broker has confirmed every event; those of one subject keep their order.

        Raises `KafkaUnavailable` after `patience_s` seconds or when the broker refuses.
        """
        try:
            async with asyncio.timeout(self._patience_s):
                kafka = await self._started()
                confirmations = []
                for event in events:
                    key, value, headers = to_record(event)
                    confirmations.append(await kafka.send(event.data.TOPIC, value, key=key, headers=headers))
                await asyncio.gather(*confirmations)
        except (KafkaError, TimeoutError) as error:
            log.warning("publish_failed", events=len(events), error=type(error).__name__)
            if isinstance(error, KafkaError):
                await self.close()  # the producer may have lost its place for good; the next call starts afresh
            raise KafkaUnavailable(f"the broker did not confirm within {self._patience_s:g} s ({type(error).__name__})") from None

    async def _started(self) -> AIOKafkaProducer:
        async with self._starting:
            if self._producer is None:
                fresh = producer(self.address)
                try:
                    await fresh.start()
                except BaseException:
                    await fresh.stop()
                    raise
                self._producer = fresh
            return self._producer

    async def close(self) -> None:
        """Let go of the connection. Nothing confirmed is lost."""
        kafka, self._producer = self._producer, None
        if kafka is not None:
            with suppress(KafkaError, TimeoutError):
                await asyncio.wait_for(kafka.stop(), self._patience_s)
