"""Dead letters: records that nobody can process, kept so that nothing is lost.

A record is kept as it came, but for the values of demographic and government-id fields: those are never stored.

Collection `dead_letters` of each service, document `{_id, consumer, topic, partition, offset, key, value, headers, code,
detail, field, at, state}` with `state` open, replayed or dropped. Each is also published once to `<service>.dead-letters`.

A fact of ours has its place in the order of its key: what comes after it builds on it. So its letter has `sequence` too, and
is `awaited` until its replay is heard or it is dropped; what comes later for the same key waits among the letters meanwhile
(code `waits_for_earlier`), and follows in the same transaction (docs/decisions/0043-facts-wait-for-a-dead-letter.md). HR's
records don't: HR counts nothing, and its times say which word is the later one.
"""

import json
from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import datetime
from itertools import takewhile

from shared.changes import Changes
from shared.events import Unprocessable, read_json
from shared.events.envelope import OWN_SOURCES
from shared.events.hr import REMOVED, without_forbidden_fields
from shared.mongo import Database, Document, UpdateOne
from shared.record import Record
from shared.topics import dead_letter_topic

COLLECTION = "dead_letters"
REPLAY_HEADER = "x-replay-for"  # names the consumer that a replayed record is meant for; others pass it by
LETTER_HEADER = "x-replay-letter"  # the letter that it was, for a fact that others wait for
WAITS = "waits_for_earlier"

Key = tuple[str, bytes]  # topic and key: facts about the same person on another topic have an order of their own


@dataclass(frozen=True, slots=True)
class Turn:
    """A record's place in the order of its key."""

    key: Key
    sequence: int


def turn(record: Record) -> Turn | None:
    """The record's place among ours, None for one whose order does not count."""
    headers = dict(record.headers)
    source, sequence = headers.get("ce_source") or b"", headers.get("ce_sequence") or b""
    if record.key is None or not source.startswith(OWN_SOURCES.encode()) or not sequence.isdigit():
        return None
    return Turn((record.topic, record.key), int(sequence))


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
    if (place := turn(record)) is not None:
        document |= {"sequence": place.sequence, "awaited": True}
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


async def awaited(db: Database, consumer: str) -> dict[Key, int]:
    """The earliest sequence that is awaited of each key, for this consumer."""
    first: dict[Key, int] = {}
    async for each in db[COLLECTION].find({"awaited": True, "consumer": consumer}, {"topic": 1, "key": 1, "sequence": 1}):
        key = (each["topic"], each["key"])
        first[key] = min(each["sequence"], first.get(key, each["sequence"]))
    return first


async def earlier(db: Database, letter: Document) -> str | None:
    """The id of the letter that this one waits for; None where it is the first of its key."""
    if not letter.get("awaited"):
        return None
    before = await _awaited_with(db, letter, {"$lt": letter["sequence"]})
    return before[0]["_id"] if before else None


async def followers(db: Database, consumer: str, place: Turn) -> list[Document]:
    """What waits for the fact at this place and for nothing else, in order."""
    topic, key = place.key
    later = await _awaited_with(db, {"consumer": consumer, "topic": topic, "key": key}, {"$gt": place.sequence})
    return list(takewhile(lambda each: each["state"] == "open" and each["code"] == WAITS, later))


async def _awaited_with(db: Database, letter: Document, sequence: Document) -> list[Document]:
    same = {name: letter[name] for name in ("consumer", "topic", "key")}
    found = db[COLLECTION].find({"awaited": True, **same, "sequence": sequence}).sort([("sequence", 1)])
    return [each async for each in found]


async def replay(db: Database, id: str, now: datetime) -> bool:
    """Send the record to its topic again, for the consumer that refused it. False when it is not open, or waits for another.

    It goes through the outbox in the transaction that marks it replayed: once, whatever crashes.
    """
    found = await letter(db, id)
    if found is None or found["state"] != "open" or await earlier(db, found) is not None:
        return False
    changes = Changes()
    _send(changes, found, now)
    await changes.in_transaction(db)
    return True


def _send(changes: Changes, found: Document, now: datetime) -> None:
    changes.guarded(COLLECTION, _settle(found["_id"], "replayed", now))
    own = [(REPLAY_HEADER, found["consumer"].encode())]
    if found.get("awaited"):
        own.append((LETTER_HEADER, found["_id"].encode()))
    headers = [(name, value) for name, value in found["headers"] if name not in (REPLAY_HEADER, LETTER_HEADER)]
    changes.publish_raw(found["topic"], found["key"], found["value"], [*headers, *own])


def hear(changes: Changes, id: str) -> None:
    """Note that a replayed fact is applied, or in a new letter: nothing waits for this one any more."""
    changes.write(COLLECTION, UpdateOne({"_id": id}, {"$unset": {"awaited": ""}}))


def follow(changes: Changes, id: str, now: datetime) -> None:
    """Note that a fact that waited is applied."""
    changes.guarded(COLLECTION, _settle(id, "replayed", now, heard=True))


async def drop(db: Database, id: str, now: datetime) -> bool:
    """Give the record up; it stays readable until it expires. False when it is not open.

    What waits for it alone is sent to its topic again.
    """
    found = await letter(db, id)
    if found is None or found["state"] != "open":
        return False
    changes = Changes()
    changes.guarded(COLLECTION, _settle(id, "dropped", now, heard=True))
    if found.get("awaited") and await earlier(db, found) is None:
        for following in (await _awaited_with(db, found, {"$gt": found["sequence"]}))[:1]:
            if following["state"] == "open":
                _send(changes, following, now)
    await changes.in_transaction(db)
    return True


def _settle(id: str, state: str, now: datetime, *, heard: bool = False) -> UpdateOne:
    update: Document = {"$set": {"state": state, "settled_at": now}}
    return UpdateOne({"_id": id, "state": "open"}, update | ({"$unset": {"awaited": ""}} if heard else {}))


async def ensure_indexes(db: Database) -> None:
    """The listing's order, and who waits for whom; settled letters leave after 90 days."""
    await db[COLLECTION].create_index([("state", 1), ("at", 1), ("_id", 1)])
    by_key = [("consumer", 1), ("topic", 1), ("key", 1), ("sequence", 1)]
    await db[COLLECTION].create_index(by_key, partialFilterExpression={"awaited": True})
    await db[COLLECTION].create_index("settled_at", expireAfterSeconds=90 * 24 * 3600)
