"""Dead letters: records that nobody can process, kept so that nothing is lost.

A record is kept as it came, but for the values of demographic and government-id fields: those are never stored.

Collection `dead_letters` of each service, document `{_id, consumer, topic, partition, offset, key, value, headers, code,
detail, field, at, state}` with `state` open, replayed or dropped. Each is also published once to `<service>.dead-letters`.
"""

import json
from collections.abc import AsyncIterator
from datetime import datetime

from shared.changes import Changes
from shared.events import Unprocessable, read_json
from shared.events.hr import REMOVED, without_forbidden_fields
from shared.mongo import Database, Document, UpdateOne
from shared.record import Record
from shared.topics import dead_letter_topic

COLLECTION = "dead_letters"
REPLAY_HEADER = "x-replay-for"  # names the consumer that a replayed record is meant for; others pass it by


def bury(changes: Changes, service: str, consumer: str, record: Record, fault: Unprocessable, now: datetime) -> None:
    """Put the record with the reason into the transaction: stored and published exactly once."""
    letter = f"{consumer}-{record.topic}-{record.partition}-{record.offset}"
    value = _without_forbidden_values(record.value)
    document: Document = {
        "consumer": consumer,
        "topic": record.topic,
        "partition": record.partition,
        "offset": record.offset,
        "key": record.key,
        "value": value,
        "headers": [list(header) for header in record.headers],
        "code": fault.code,
        "detail": fault.detail,
        "field": fault.field,
        "at": now,
        "state": "open",
    }
    changes.write(COLLECTION, UpdateOne({"_id": letter}, {"$setOnInsert": document}, upsert=True))
    notes = {
        "x-dead-letter-id": letter,
        "x-original-topic": record.topic,
        "x-original-partition": str(record.partition),
        "x-original-offset": str(record.offset),
        "x-consumer": consumer,
        "x-error-code": fault.code,
        "x-error": fault.detail,
    }
    headers = [*record.headers, *((name, text.encode()) for name, text in notes.items())]
    changes.publish_raw(dead_letter_topic(service), record.key, value, headers)


def _without_forbidden_values(value: bytes | None) -> bytes | None:
    try:
        data = read_json(value or b"")
        kept = without_forbidden_fields(data)
        return value if kept == data else json.dumps(kept).encode()
    except Unprocessable:
        return value  # no JSON, so no field that could be told apart
    except RecursionError:
        return json.dumps(REMOVED).encode()


async def letters(db: Database, *, state: str | None = "open") -> AsyncIterator[Document]:
    """The service's dead letters, oldest first, without their values; `state` None gives all."""
    query = {"state": state} if state else {}
    async for letter in db[COLLECTION].find(query, {"value": 0, "headers": 0}).sort([("at", 1), ("_id", 1)]):
        yield letter


async def letter(db: Database, id: str) -> Document | None:
    """One dead letter, whole."""
    found: Document | None = await db[COLLECTION].find_one({"_id": id})
    return found


async def replay(db: Database, id: str, now: datetime) -> bool:
    """Send the record to its topic again, for the consumer that refused it. False when it is not open.

    It goes through the outbox in the transaction that marks it replayed: once, whatever crashes.
    """
    found = await letter(db, id)
    if found is None or found["state"] != "open":
        return False
    changes = Changes()
    changes.guarded(COLLECTION, _settle(id, "replayed", now))
    headers = [(name, value) for name, value in found["headers"] if name != REPLAY_HEADER]
    changes.publish_raw(found["topic"], found["key"], found["value"], [*headers, (REPLAY_HEADER, found["consumer"].encode())])
    await changes.in_transaction(db)
    return True


async def drop(db: Database, id: str, now: datetime) -> bool:
    """Give the record up; it stays readable until it expires. False when it is not open."""
    settle = _settle(id, "dropped", now)
    return bool((await db[COLLECTION].bulk_write([settle])).matched_count)


def _settle(id: str, state: str, now: datetime) -> UpdateOne:
    return UpdateOne({"_id": id, "state": "open"}, {"$set": {"state": state, "settled_at": now}})


async def ensure_indexes(db: Database) -> None:
    """The listing's order; settled letters leave after 90 days."""
    await db[COLLECTION].create_index([("state", 1), ("at", 1), ("_id", 1)])
    await db[COLLECTION].create_index("settled_at", expireAfterSeconds=90 * 24 * 3600)
