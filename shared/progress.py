"""A consumer's progress: the next offset per topic and partition, in the service's own database.

Collection `progress`, document `{_id: "<consumer> <topic> <partition>", consumer, topic, partition, next}`. It moves in
the transaction of the batch's effects, from exactly the value it was read at: that is what makes processing once. While a hold
stands in it (`shared.hold`) it does not move.
"""

from collections.abc import Iterable, Mapping

from shared.changes import Changes
from shared.mongo import Database, UpdateOne

COLLECTION = "progress"
Place = tuple[str, int]
"""A topic and one of its partitions."""


class TopicShorter(Exception):
    """A topic ends before the recorded progress: it was recreated, restored or lost records."""

    def __init__(self, consumer: str, place: Place, end: int, progress: int) -> None:
        topic, partition = place
        super().__init__(
            f"topic {topic} partition {partition} ends at offset {end}, but consumer {consumer} has processed up to {progress}: "
            f"the topic was recreated or lost records. Restore the topic; or, if what it lost is given up, stop the workers "
            f"and run './firstmate doctor --reset-progress {consumer}:{topic}' to read it again from its beginning."
        )


def gone(done: Mapping[Place, int], begins: Mapping[Place, int]) -> dict[Place, int]:
    """How many records each topic deleted before a consumer processed them, where there are some.

    What was there before the consumer's first record is none of its: a progress of 0 begins where the topic does.
    """
    return {place: begins[place] - offset for place, offset in done.items() if 0 < offset < begins.get(place, 0)}


def _id(consumer: str, place: Place) -> str:
    return f"{consumer} {place[0]} {place[1]}"


async def read(db: Database, consumer: str, places: Iterable[Place]) -> dict[Place, int]:
    """The next offset of each place; a place never read before gets its document with 0."""
    wanted = sorted(set(places))
    found = await known(db, consumer)
    missing = [place for place in wanted if place not in found]
    if missing:
        await db[COLLECTION].bulk_write([_beginning(consumer, place, 0) for place in missing], ordered=False)
        found = await known(db, consumer)
    return {place: found[place] for place in wanted}


async def known(db: Database, consumer: str) -> dict[Place, int]:
    """The next offset of each place that was ever read."""
    cursor = db[COLLECTION].find({"consumer": consumer})
    return {(document["topic"], document["partition"]): document["next"] async for document in cursor}


def begin(changes: Changes, consumer: str, at: Mapping[Place, int]) -> None:
    """Let a consumer that has no progress yet begin at these offsets; one that has stays where it is."""
    for place, offset in sorted(at.items()):
        changes.write(COLLECTION, _beginning(consumer, place, offset))


def _beginning(consumer: str, place: Place, offset: int) -> UpdateOne:
    content = {"consumer": consumer, "topic": place[0], "partition": place[1], "next": offset}
    return UpdateOne({"_id": _id(consumer, place)}, {"$setOnInsert": content}, upsert=True)


def advance(changes: Changes, consumer: str, before: Mapping[Place, int], after: Mapping[Place, int]) -> None:
    """Move each place from exactly `before` to `after`; anybody else's move in between, or a hold, is a conflict."""
    for place, offset in sorted(after.items()):
        here = {"_id": _id(consumer, place), "next": before[place], "held": None}
        changes.guarded(COLLECTION, UpdateOne(here, {"$set": {"next": offset}}))


async def reset(db: Database, consumer: str, topic: str) -> int:
    """Forget the progress in a topic (an operator's decision); returns how many partitions were reset."""
    return (await db[COLLECTION].update_many({"consumer": consumer, "topic": topic}, {"$set": {"next": 0}})).modified_count


async def ensure_indexes(db: Database) -> None:
    """The index by consumer."""
    await db[COLLECTION].create_index("consumer")
