"""Each service's own directory: the few personal fields it needs of each person, folded from HR events.

Erasing a person touches directories, and `named` in their row of onboarding's board: our own topics carry ids. Collection
`directory`, document `{_id: employee_id, <fields>, "left": bool, "last_day": date, "said_at": time, "said": {field: time},
"start_said_at": time, "again_said_at": time, "left_said_at": time, "leaving_said_at": time}` with the JSON types of
`shared.events.hr`. When HR said a field stands in `said`, or else in `said_at`; of the start date in `start_said_at`. Where a row
of an older version does not tell, any word is the newer one. `left` says that HR told of the leaving, last at `left_said_at`;
until the `last_day`, where one is told, is over, the person is still there: `has_left`. `again_said_at` is when HR said that
somebody comes again who was leaving or had left, `leaving_said_at` when it last told of a leaving or its cancellation, where that
is known.
"""

from collections.abc import Collection, Iterable, Mapping
from datetime import date, datetime
from typing import Any
from zoneinfo import ZoneInfo

from shared.changes import Changes
from shared.events import Event
from shared.events.hr import (
    EmployeeHired,
    EmployeeRehired,
    EmployeeTerminated,
    HireRescinded,
    Profile,
    StartDateChanged,
    TerminationCancelled,
)
from shared.mongo import Database, Document, UpdateOne

COLLECTION = "directory"
NAMES = ("given_name", "family_name", "display_name")
UNTIMED = frozenset(
    {
        "_id",
        "left",
        "last_day",
        "start_date",
        "start_said_at",
        "again_said_at",
        "left_said_at",
        "leaving_said_at",
        "said_at",
        "said",
    }
)
ENDINGS = (EmployeeTerminated, HireRescinded)
CHAIN_LIMIT = 30  # deeper reporting lines than this are a loop in the data


class Directory:
    """The people one attempt touches; `fields` are the profile fields this service keeps."""

    def __init__(self, fields: Collection[str]) -> None:
        self._fields = frozenset(fields)
        self._people: dict[str, Document | None] = {}
        self._changed: dict[str, Document] = {}
        self._new: set[str] = set()

    async def load(self, db: Database, ids: Iterable[str]) -> None:
        """Read the people not loaded yet, in one query."""
        wanted = sorted(set(ids) - self._people.keys())
        if not wanted:
            return
        self._people |= dict.fromkeys(wanted)
        async for person in db[COLLECTION].find({"_id": {"$in": wanted}}):
            self._people[person["_id"]] = person
        self._new |= {id for id in wanted if self._people[id] is None}

    def get(self, id: str) -> Document | None:
        """The person as known now, including what this attempt has applied; None when unknown."""
        return self._people.get(id)

    def is_overtaken(self, event: Event[Any]) -> bool:
        """Whether a later word on the leaving is known: this one is about what was before, and comes late.

        An ending is overtaken by a coming back, a termination by its cancellation, and that by another ending.
        """
        person, said_at = self._people.get(event.subject) or {}, event.time.isoformat()
        before_the_last = said_at < (person.get("leaving_said_at") or "")
        if isinstance(event.data, TerminationCancelled):
            return before_the_last and bool(person.get("left"))
        if isinstance(event.data, EmployeeTerminated) and before_the_last and not person.get("left"):
            return True
        return isinstance(event.data, ENDINGS) and said_at < person.get("again_said_at", "")

    def apply(self, event: Event[Any], now: datetime) -> None:
        """Fold one HR event that was not applied before; others change nothing here.

        A field said earlier than as it is known comes late and is passed by; nothing counts as said after `now`.
        """
        before, said_at = self._people.get(event.subject) or {}, min(event.time, now).isoformat()
        change = _newest(before, _told(event.data, self._fields), said_at) | _standing(event.data, before, said_at)
        if self._comes_again(event, now):
            change["again_said_at"] = event.time.isoformat()
        if isinstance(event.data, (*ENDINGS, TerminationCancelled)):  # one ahead of ours is an effective date
            change["leaving_said_at"] = event.time.isoformat() if event.time <= now else None
        if "left" in change and "last_day" not in change and before.get("last_day"):
            change["last_day"] = None
        if not change:
            return
        self._people[event.subject] = (before or {"_id": event.subject, "left": False}) | change
        self._changed[event.subject] = self._changed.get(event.subject, {}) | change

    def _comes_again(self, event: Event[Any], now: datetime) -> bool:
        """Whether this is the latest word of a coming back, said at a known time: one ahead of ours is an effective date."""
        before = self._people.get(event.subject) or {}
        again = isinstance(event.data, EmployeeRehired) or (isinstance(event.data, EmployeeHired) and before.get("left", False))
        said_at = event.time.isoformat()
        known = max(str(before.get("again_said_at", "")), str(before.get("left_said_at", "")))
        return bool(again) and known <= said_at <= now.isoformat()

    def add_to(self, changes: Changes) -> None:
        """Hand the changed people to the transaction."""
        for id, change in self._changed.items():
            defaults = {} if "left" in change else {"left": False}
            update: Document = {"$set": change} | ({"$setOnInsert": defaults} if defaults else {})
            write = UpdateOne({"_id": id}, update, upsert=True)
            if id in self._new:
                changes.add(COLLECTION, {"_id": id, **defaults, **change}, otherwise=write)
            else:
                changes.write(COLLECTION, write)


def _told(data: Any, fields: frozenset[str]) -> Document:
    """What an HR event tells of the fields that are kept."""
    if isinstance(data, Profile):
        return {name: value for name, value in data.profile().items() if name in fields}
    if isinstance(data, StartDateChanged) and "start_date" in fields:
        return {"start_date": data.start_date.isoformat()}
    return {}


def _newest(person: Document, told: Document, said_at: str) -> Document:
    """What is told without the fields of which a later word is known, with when it was said.

    Most rows hold what was said at one time: that is noted once, and a field of its own time beside it.
    """
    change = {name: value for name, value in told.items() if said_at >= _said_at(person, name)}
    if "start_date" in change:
        change["start_said_at"] = said_at
    timed = [name for name in change if name not in UNTIMED]
    if not timed:
        return change
    others = person.keys() - change.keys() - UNTIMED
    if not others:
        return change | {"said_at": said_at} | ({"said": {}} if person.get("said") else {})
    return change | {"said": person.get("said", {}) | dict.fromkeys(timed, said_at)}


def _said_at(person: Document, name: str) -> str:
    """When HR said the field as it is known; empty where that is not known, or nothing was said of it."""
    if name == "start_date":
        return str(person.get("start_said_at", ""))
    return str(person.get("said", {}).get(name) or person.get("said_at", "")) if name in person else ""


def _standing(data: Any, person: Document, said_at: str) -> Document:
    """What an HR event tells of whether the person is here. A hire said before the ending that is known begins nothing anew."""
    if isinstance(data, (EmployeeHired, EmployeeRehired)):
        return {} if said_at < person.get("left_said_at", "") else {"left": False}
    if isinstance(data, TerminationCancelled):
        return {"left": False}
    if isinstance(data, EmployeeTerminated):
        return {"left": True, "left_said_at": said_at} | ({"last_day": data.last_day.isoformat()} if data.last_day else {})
    return {"left": True, "left_said_at": said_at} if isinstance(data, HireRescinded) else {}


def has_left(person: Mapping[str, Any], now: datetime) -> bool:
    """Whether the person is gone: HR told of the leaving, and the last day is over where they work."""
    last_day = person.get("last_day")
    if not person.get("left") or last_day is None:
        return bool(person.get("left"))
    return now.astimezone(ZoneInfo(person.get("time_zone") or "UTC")).date() > date.fromisoformat(last_day)


def name_of(person: Document | None, id: str) -> str:
    """The name to show for a person, or the id of somebody unknown."""
    if person is None:
        return id
    full = " ".join(part for part in (person.get("given_name"), person.get("family_name")) if part)
    return person.get("display_name") or full or id


async def people(db: Database, ids: Iterable[str]) -> dict[str, Document]:
    """The known ones among these people, by id, in one query."""
    found = await db[COLLECTION].find({"_id": {"$in": sorted(set(ids))}}).to_list(None)
    return {person["_id"]: person for person in found}


async def chain(db: Database, employee_id: str) -> list[str]:
    """The managers above a person, nearest first. A loop in the data ends the chain; nobody manages themselves."""
    return (await chains(db, [employee_id]))[employee_id]


async def chains(db: Database, ids: Iterable[str]) -> dict[str, list[str]]:
    """As `chain`, for several people in one query; an unknown person has no managers."""
    wanted = sorted(set(ids))
    walk: list[Document] = [
        {"$match": {"_id": {"$in": wanted}}},
        {
            "$graphLookup": {
                "from": COLLECTION,
                "startWith": "$manager_id",
                "connectFromField": "manager_id",
                "connectToField": "_id",
                "as": "above",
                "maxDepth": CHAIN_LIMIT,
            }
        },
        {"$project": {"manager_id": 1, "above._id": 1, "above.manager_id": 1}},
    ]
    found: dict[str, list[str]] = {id: [] for id in wanted}
    async for person in db[COLLECTION].aggregate(walk):
        above = {manager["_id"]: manager.get("manager_id") for manager in person["above"]}
        found[person["_id"]] = _upwards(person["_id"], person.get("manager_id"), above)
    return found


def _upwards(employee_id: str, manager_id: str | None, above: dict[str, str | None]) -> list[str]:
    managers: list[str] = []
    while manager_id and manager_id not in managers and manager_id != employee_id and len(managers) < CHAIN_LIMIT:
        managers.append(manager_id)
        manager_id = above.get(manager_id)
    return managers


async def below(db: Database, manager_id: str) -> set[str]:
    """Everybody in the reporting tree under a manager, without the manager. Needs the index on `manager_id`."""
    walk: list[Document] = [
        {"$match": {"manager_id": manager_id}},
        {
            "$graphLookup": {
                "from": COLLECTION,
                "startWith": "$_id",
                "connectFromField": "_id",
                "connectToField": "manager_id",
                "as": "under",
                "maxDepth": CHAIN_LIMIT,
            }
        },
        {"$project": {"under._id": 1}},
    ]
    found: set[str] = set()
    async for person in db[COLLECTION].aggregate(walk):
        found |= {person["_id"], *(other["_id"] for other in person["under"])}
    return found - {manager_id}


async def ensure_indexes(db: Database) -> None:
    """The index that `below` walks."""
    await db[COLLECTION].create_index("manager_id")
