"""What imports have told before: so that the same table again changes nothing, and a return to an earlier row does."""

from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import Any

from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.errors import KafkaError

from services.intake.publisher import KafkaUnavailable
from shared import kafka, kafka_access
from shared.events import Event

Told = dict[tuple[str, str], list[str]]
"""The ids that imports have used, in order, by topic and subject."""

WAIT_MS = 200


async def told_before(address: str, source: str, topics: Iterable[str]) -> Told:
    """Read the topics from their beginning to their present end. Raises `KafkaUnavailable`."""
    consumer = AIOKafkaConsumer(**kafka_access.client(address), enable_auto_commit=False)
    told: Told = {}
    try:
        await consumer.start()
        places = [TopicPartition(*place) for place in kafka.places(sorted(set(topics)))]
        consumer.assign(places)
        await consumer.seek_to_beginning()
        ends = await consumer.end_offsets(places)
        while any([await consumer.position(place) < ends[place] for place in places]):
            for place, records in (await consumer.getmany(timeout_ms=WAIT_MS)).items():
                for record in records:
                    headers = dict(record.headers)
                    if headers.get("ce_source") == source.encode() and record.key is not None:
                        id = (headers.get("ce_id") or b"").decode(errors="replace")
                        told.setdefault((place.topic, record.key.decode(errors="replace")), []).append(id)
    except (KafkaError, OSError) as error:
        raise KafkaUnavailable(f"what was imported before can't be read ({type(error).__name__})") from error
    finally:
        await consumer.stop()
    return told


def only_new(events: Sequence[Event[Any]], told: Told) -> list[Event[Any]]:
    """The events that say something else than the last import did about the same thing.

    An id that was used before the last one is used again with a number behind it: whoever reads it would pass by a repeated one.
    """
    new = []
    for event in events:
        before = told.get((event.data.TOPIC, event.subject), [])
        times = sum(_row(id) == event.id for id in before)
        if not before or _row(before[-1]) != event.id:
            new.append(replace(event, id=f"{event.id}.{times + 1}") if times else event)
    return new


def _row(id: str) -> str:
    """The id of the row's content alone."""
    return id.partition(".")[0]
