"""MongoDB of matching: mentors, hires, and the pool's version.

`mentors` and `hires` are streams (`shared.streams`). `pool` is one document, `{_id: "pool", version, log: [{version, by,
mentors}]}`: whatever changes mentors or reporting lines moves the version by one, from the value it was read at. So
whoever keeps the pool in memory knows at one glance whether it is still true, and of two decisions about the same places
only one commits.
"""

from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from services.matching.domain import Hire, Mentor
from services.matching.reoptimisation.moves import Reoptimisation
from shared import metrics
from shared.changes import Changes
from shared.directory import COLLECTION as DIRECTORY
from shared.directory import has_left
from shared.mongo import ASCENDING, DESCENDING, Database, Document, IndexModel, UpdateOne
from shared.streams import Stream, Streams

SERVICE = "matching"
API_PATH = "/api/matching/v1"
MENTORS, HIRES, POOL, REOPTIMISATIONS = "mentors", "hires", "pool", "reoptimisations"
KNOWN: Document = {"state": {"$ne": None}, "state.stranger": {"$ne": True}}
"""Whoever is or was a mentor, or is put forward as one."""
FREE = {"$max": [0, {"$subtract": ["$state.capacity", "$state.load"]}]}
HAND_OVER_WITHIN = timedelta(days=90)  # of a mentor's last day; no standstill lasts longer
LOG_KEPT = 32  # a worker looks at least once every few seconds; a person changes a mentor every few minutes


@dataclass(frozen=True, slots=True)
class Numbers:
    """Hires who wait; active mentors with their taken and free places."""

    waiting: int
    mentors: int
    taken: int
    free: int


async def ensure_indexes(db: Database) -> None:
    """Indexes, and the pool's document."""
    waiting = [("state.status", ASCENDING), ("state.waiting.since", ASCENDING), ("_id", ASCENDING)]
    hired = IndexModel([("state.hired_at", ASCENDING), ("_id", ASCENDING)], name="by_hiring")
    proposed = IndexModel(
        [("state.status", ASCENDING), ("state.proposal.until", ASCENDING), ("_id", ASCENDING)], name="proposals"
    )
    unsettled = IndexModel("state.unsettled", name="unsettled", partialFilterExpression={"state.unsettled": True})
    await db[HIRES].create_indexes([IndexModel(waiting, name="waitlist"), hired, proposed, unsettled])
    await db[MENTORS].create_indexes([IndexModel([("state.status", ASCENDING), ("_id", ASCENDING)], name="by_status")])
    made = IndexModel([("state.made_at", DESCENDING), ("_id", DESCENDING)], name="by_making")
    await db[REOPTIMISATIONS].create_indexes([made, IndexModel("state.open", partialFilterExpression={"state.open": True})])
    await db[DIRECTORY].create_index("last_day", partialFilterExpression={"last_day": {"$gt": ""}})
    await db[POOL].update_one({"_id": "pool"}, {"$setOnInsert": {"version": 0, "log": []}}, upsert=True)


async def measure(db: Database, now: datetime) -> None:
    """Tell how many wait and how long, and how many places are free."""
    found = await numbers(db)
    metrics.WAITING_HIRES.set(found.waiting)
    longest = await longest_waiting(db, 1)
    since = datetime.fromisoformat(longest[0][0]) if longest else now
    metrics.WAITING_SECONDS.set(max(0.0, (now - since).total_seconds()))
    metrics.PLACES.labels("taken").set(found.taken)
    metrics.PLACES.labels("free").set(found.free)


async def numbers(db: Database) -> Numbers:
    """The programme in four numbers."""
    count: Document = {"_id": None, "mentors": {"$sum": 1}, "taken": {"$sum": "$state.load"}, "free": {"$sum": FREE}}
    waiting = await db[HIRES].count_documents({"state.status": "waitlisted"})
    async for found in db[MENTORS].aggregate([{"$match": {"state.status": "active"}}, {"$group": count}]):
        return Numbers(waiting, found["mentors"], found["taken"], found["free"])
    return Numbers(waiting, 0, 0, 0)


def mentors() -> Streams[Mentor]:
    """An empty set of mentor streams."""
    return Streams(MENTORS, Mentor, SERVICE)


def hires() -> Streams[Hire]:
    """An empty set of hire streams."""
    return Streams(HIRES, Hire, SERVICE)


def reoptimisations() -> Streams[Reoptimisation]:
    """An empty set of proposals to re-optimise."""
    return Streams(REOPTIMISATIONS, Reoptimisation, SERVICE)


@dataclass(frozen=True, slots=True)
class PoolVersion:
    """The pool's version, and who made the latest ones: `(version, by, mentor ids or None for more than mentors)`."""

    number: int
    log: tuple[tuple[int, str, tuple[str, ...] | None], ...] = ()

    def since(self, version: int) -> list[tuple[str, tuple[str, ...] | None]] | None:
        """Who changed what after `version`, oldest first; None when the log no longer reaches back that far."""
        later = [(by, mentors) for number, by, mentors in self.log if number > version]
        return later if version >= 0 and len(later) == self.number - version else None


async def pool_version(db: Database) -> PoolVersion:
    """The pool's version now."""
    document = await db[POOL].find_one({"_id": "pool"})
    if document is None:
        return PoolVersion(0)
    log = ((one["version"], one["by"], tuple(one["mentors"]) if one["mentors"] is not None else None) for one in document["log"])
    return PoolVersion(document["version"], tuple(log))


def move_pool(changes: Changes, seen: PoolVersion, by: str, mentors: Sequence[str] | None) -> None:
    """Let the transaction make the next version; anybody else's in between is a conflict. `mentors` None: reload everything."""
    entry = {"version": seen.number + 1, "by": by, "mentors": sorted(mentors) if mentors is not None else None}
    update = {"$set": {"version": seen.number + 1}, "$push": {"log": {"$each": [entry], "$slice": -LOG_KEPT}}}
    changes.guarded(POOL, UpdateOne({"_id": "pool", "version": seen.number}, update))


def pin_pool(changes: Changes, seen: PoolVersion) -> None:
    """Let the transaction commit only while this is still the version: hires were read after it, and must not be newer."""
    same = {"_id": "pool", "version": seen.number}
    changes.guarded(POOL, UpdateOne(same, {"$set": {"version": seen.number}}))


def write_mentor(changes: Changes, stream: Stream[Mentor], load_before: int) -> None:
    """The mentor's new state, guarded by version; with more mentees than before also by the capacity, in the database itself."""
    more = (stream.state.load if stream.state else 0) - load_before
    fits: Document = {}
    if stream.state is not None and more > 0:
        fits["$expr"] = {"$lte": [{"$add": ["$state.load", more]}, stream.state.capacity]}
    changes.guarded(MENTORS, stream.write(**fits))
    for event in stream.outgoing:
        changes.publish(event)


async def all_ids(db: Database, collection: str) -> list[str]:
    """The id of every document."""
    return [document["_id"] async for document in db[collection].find({}, {"_id": 1})]


async def managers(db: Database) -> dict[str, str | None]:
    """Whom each person of the directory reports to."""
    return {person["_id"]: person.get("manager_id") async for person in db["directory"].find({}, {"manager_id": 1})}


async def rated(db: Database) -> tuple[int, int]:
    """How many ratings all mentors have together, and their sum in hundredths."""
    ratings: list[Document] = [
        {"$project": {"rating": {"$objectToArray": "$state.ratings"}}},
        {"$unwind": "$rating"},
        {"$group": {"_id": None, "answers": {"$sum": 1}, "sum": {"$sum": "$rating.v"}}},
    ]
    async for found in db[MENTORS].aggregate(ratings):
        return found["answers"], found["sum"]
    return 0, 0


async def longest_waiting(db: Database, count: int, after: tuple[Any, str] | None = None) -> list[tuple[Any, str]]:
    """The (since, id) of the `count` hires who have waited longest, ties by id, from after the given one on."""
    query: Document = {"state.status": "waitlisted"}
    if after is not None:
        since, id = after
        query["$or"] = [{"state.waiting.since": {"$gt": since}}, {"state.waiting.since": since, "_id": {"$gt": id}}]
    cursor = db[HIRES].find(query, {"state.waiting.since": 1}).sort([("state.waiting.since", 1), ("_id", 1)]).limit(count)
    return [(document["state"]["waiting"]["since"], document["_id"]) async for document in cursor]


async def due(db: Database, now: datetime | None, count: int) -> list[str]:
    """Hires whose pair or proposal somebody objected to, and whose proposal has waited until `now` (None: any proposal)."""
    waited: Document = {"state.status": "proposed"}
    if now is not None:
        waited["state.proposal.until"] = {"$lte": as_stored(now)}
    cursor = db[HIRES].find({"$or": [{"state.unsettled": True}, waited]}, {"_id": 1}).sort("_id", 1).limit(count)
    return [document["_id"] async for document in cursor]


def as_stored(moment: datetime) -> str:
    """A time in UTC of whole seconds as streams hold it."""
    return moment.replace(microsecond=0).isoformat().replace("+00:00", "Z")


async def proposals(db: Database, count: int, after: tuple[str, str] | None = None) -> list[tuple[str, Hire]]:
    """The (id, hire) of `count` proposals that wait for approval, those that end first first, from after (until, id) on."""
    query: Document = {"state.status": "proposed"}
    if after is not None:
        until, id = after
        query["$or"] = [{"state.proposal.until": {"$gt": until}}, {"state.proposal.until": until, "_id": {"$gt": id}}]
    cursor = db[HIRES].find(query).sort([("state.proposal.until", 1), ("_id", 1)]).limit(count)
    return [(document["_id"], Hire.model_validate(document["state"])) async for document in cursor]


async def movable(db: Database) -> dict[str, Hire]:
    """Every hire who waits, and those whose pair the policy decided; whether they have met is in the state."""
    assigned = {"state.status": "assigned", "state.decision.decided_by": "policy", "state.decision.pin": None}
    cursor = db[HIRES].find({"$or": [{"state.status": "waitlisted"}, assigned]}, {"state": 1})
    return {document["_id"]: Hire.model_validate(document["state"]) async for document in cursor}


async def latest_reoptimisations(
    db: Database, count: int, after: tuple[str, str] | None = None
) -> list[tuple[str, Reoptimisation]]:
    """The (id, proposal) of the latest `count`, newest first, from after (made_at, id) on."""
    query: Document = {}
    if after is not None:
        made_at, id = after
        query["$or"] = [{"state.made_at": {"$lt": made_at}}, {"state.made_at": made_at, "_id": {"$lt": id}}]
    cursor = db[REOPTIMISATIONS].find(query).sort([("state.made_at", -1), ("_id", -1)]).limit(count)
    return [(document["_id"], Reoptimisation.model_validate(document["state"])) async for document in cursor]


async def open_reoptimisations(db: Database) -> list[str]:
    """The ids of the proposals with something left to decide."""
    return [document["_id"] async for document in db[REOPTIMISATIONS].find({"state.open": True}, {"_id": 1})]


async def handing_over(db: Database, now: datetime, count: int) -> list[str]:
    """The mentees of `count` mentors at most whose last day is over, by index; from then on they need others."""
    days = {"$gte": (now.date() - HAND_OVER_WITHIN).isoformat(), "$lte": now.date().isoformat()}
    gone = [person["_id"] async for person in db[DIRECTORY].find({"last_day": days, "left": True}) if has_left(person, now)]
    still_held = {"_id": {"$in": gone}, "state.load": {"$gt": 0}}
    found = [Mentor.model_validate(each["state"]) async for each in db[MENTORS].find(still_held, {"state": 1}).limit(count)]
    return sorted({hire_id for mentor in found for hire_id in mentor.held})


async def find(db: Database, collection: str, query: Document, limit: int) -> AsyncIterator[Document]:
    """Documents of a stream collection in the order of their ids."""
    async for document in db[collection].find(query).sort("_id", 1).limit(limit):
        yield document
