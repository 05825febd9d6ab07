"""Everything MongoDB of onboarding: collections, indexes, queries.

| collection | holds | written by |
|---|---|---|
| `journeys` | one stream a person: `journey.Journey` | the journey handlers |
| `programmes` | programme versions that journeys are pinned to, `_id` = `id@version` | the journey handlers, once each |
| `survey_comments` | free text of surveys, for its owner and coordinators alone | the journey handlers |
| `journey_words` | titles and reasons that people wrote for one journey: free words never travel | the journey handlers |
| `shared_starts` | who agreed, for which of their journeys, to be seen by others who start then | `others.OthersDesk` |
| `directory` | who is who (`shared.directory`) | the journey handlers |
| `board`, `timeline` | one stream a person, as in `projections` | the read-model handlers |

A row of the board has `named` beside its state: what the person is found by (`naming`). It is the only copy of a name outside the
directory (docs/decisions/0040-a-board-is-searched-by-beginnings.md).
"""

import asyncio
from collections.abc import AsyncIterator, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Any, Literal, get_args

from bson import Timestamp

from services.onboarding.journey import Journey, JourneyStatus
from services.onboarding.naming import filed, sought
from services.onboarding.programme import Programme, Programmes
from services.onboarding.projections.board import Attention, Board, Standing
from services.onboarding.projections.timeline import Timeline
from shared import metrics
from shared.changes import Changes
from shared.directory import below, name_of, people
from shared.mongo import ASCENDING, Database, Document, IndexModel, UpdateOne, followed
from shared.paging import decode_cursor, encode_cursor

JOURNEYS, PROGRAMMES, COMMENTS = "journeys", "programmes", "survey_comments"
BOARD, TIMELINE, OUTCOMES = "board", "timeline", "outcomes"
WORDS, SHARED_STARTS = "journey_words", "shared_starts"
ACTIVE: Sequence[Standing] = ("late", "attention", "track")
SHOWN: Sequence[Standing] = (*ACTIVE, "paused", "completed", "left", "cancelled")  # `expected` is no journey yet
LIVE: Sequence[Standing] = (*ACTIVE, "paused", "completed")
PAGE = 50
UNNAMED_BATCH = 500  # rows
MENTEES_LIMIT = 200  # a mentor has at most 20 at a time; ended journeys keep their row


async def measure(db: Database) -> None:
    """Tell how many journeys stand how, as the board counts them."""
    for standing, count in (await board_counts(db, managers=None, standings=get_args(Standing))).items():
        metrics.JOURNEYS.labels(standing).set(count)


async def ensure_indexes(db: Database) -> None:
    """Every index that the queries below need. Safe to call again."""
    # `$gt ""` picks the texts among texts and nulls, and unlike `$type` the planner sees that the queries lie within it.
    waking = {"state.wake_at": {"$gt": ""}}
    await db[JOURNEYS].create_indexes([IndexModel([("state.wake_at", ASCENDING)], partialFilterExpression=waking)])
    await db[JOURNEYS].create_indexes([IndexModel([(field, ASCENDING) for field in ("state.programme", "state.status", "_id")])])
    await db[WORDS].create_indexes([IndexModel([("employee_id", ASCENDING), ("number", ASCENDING)])])
    await db[COMMENTS].create_indexes([IndexModel([("employee_id", ASCENDING), ("at", ASCENDING)])])
    await ensure_board_indexes(db, BOARD)
    await ensure_outcome_indexes(db, OUTCOMES)


async def ensure_board_indexes(db: Database, collection: str) -> None:
    """The board's indexes on a collection that is, or will be swapped in as, the board."""
    by_standing = [("state.standing", ASCENDING), ("state.start_date", ASCENDING), ("_id", ASCENDING)]
    await db[collection].create_indexes(
        [
            IndexModel([("state.manager_id", ASCENDING), *by_standing]),
            IndexModel(by_standing),
            IndexModel(
                [("state.assignment.mentor_id", ASCENDING)],
                partialFilterExpression={"state.assignment.mentor_id": {"$gt": ""}},
            ),
            IndexModel([("state.attention", ASCENDING), ("state.start_date", ASCENDING), ("_id", ASCENDING)]),
            IndexModel([("state.facets", ASCENDING), *by_standing]),
            IndexModel([("state.rated", ASCENDING), *by_standing]),
            IndexModel([("named", ASCENDING), *by_standing]),
        ]
    )


async def ensure_outcome_indexes(db: Database, collection: str) -> None:
    """The outcomes' index on a collection that is, or will be swapped in as, the outcomes."""
    await db[collection].create_indexes([IndexModel([("state.journeys.start_date", ASCENDING)])])


# Journeys ----------------------------------------------------------------------------------------------------------


async def journey(db: Database, employee_id: str) -> Journey | None:
    """A person's journey as last committed: one's own writes are in it. None, or `expected`, before the hire is known."""
    document = await db[JOURNEYS].find_one({"_id": employee_id}, {"state": 1})
    state = document["state"] if document else None
    return Journey.model_validate(state) if state is not None else None


async def waking(db: Database, now: datetime, limit: int, without: Collection[str] = ()) -> list[str]:
    """Employees whose journey the calendar changes by `now` (UTC), the longest overdue first; by index."""
    query = _waking_query(now, without)
    found = db[JOURNEYS].find(query, {"_id": 1}).sort("state.wake_at", ASCENDING).limit(limit)
    return [journey["_id"] async for journey in found]


def _waking_query(now: datetime, without: Collection[str]) -> Document:
    due: Document = {"state.wake_at": {"$gt": "", "$lte": now.replace(microsecond=0).isoformat().replace("+00:00", "Z")}}
    return due | ({"_id": {"$nin": sorted(without)}} if without else {})


def _programme_id(id: str, version: str) -> str:
    return f"{id}@{version}"


async def load_pinned(db: Database, programmes: Programmes, wanted: Iterable[tuple[str, str]]) -> None:
    """Make the stored versions among `wanted` (id, version) known, in one query and only where some are unknown."""
    unknown = sorted({_programme_id(*each) for each in wanted if not programmes.knows(*each)})
    if not unknown:
        return
    async for document in db[PROGRAMMES].find({"_id": {"$in": unknown}}):
        version = document["_id"].rpartition("@")[2]
        programmes.add(Programme.model_validate(document["programme"]), version)


def pin_programme(changes: Changes, programme: Programme) -> None:
    """Store a version at its use, so that it outlives a change of its file. Storing it again changes nothing."""
    content = {"programme": programme.model_dump(mode="json")}
    id = _programme_id(programme.id, programme.version)
    changes.write(PROGRAMMES, UpdateOne({"_id": id}, {"$setOnInsert": content}, upsert=True))


async def programme_of(db: Database, programmes: Programmes, id: str, version: str) -> Programme:
    """The version that a journey is pinned to. Raises `LookupError` when it is stored nowhere."""
    await load_pinned(db, programmes, [(id, version)])
    return programmes.pinned(id, version)


async def outdated(db: Database, programme: Programme, after: str, limit: int) -> list[Journey]:
    """Active journeys that follow another version of this programme, in order of employee id after `after`; by index."""
    found = db[JOURNEYS].find(outdated_query(programme, after), {"state": 1}).sort("_id", ASCENDING).limit(limit)
    return [Journey.model_validate(each["state"]) async for each in found]


def outdated_query(programme: Programme, after: str) -> Document:
    """What `outdated` looks for."""
    return {
        "state.programme": programme.id,
        "state.status": "active",
        "state.programme_version": {"$ne": programme.version},
        "_id": {"$gt": after},
    }


# Words that people wrote --------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Written:
    """What people wrote for one journey: titles by milestone, reasons by the sequence number of the fact they explain."""

    titles: Mapping[str, str] = field(default_factory=dict, repr=False)
    reasons: Mapping[int, str] = field(default_factory=dict, repr=False)


def keep_words(changes: Changes, journey: Journey, sequence: int, milestone_id: str, words: Mapping[str, str]) -> None:
    """Keep the `title` or `reason` that came with the fact of this sequence number."""
    content = {"employee_id": journey.employee_id, "number": journey.number, "sequence": sequence, "milestone_id": milestone_id}
    key = {"_id": f"{journey.employee_id}/{sequence}"}
    changes.write(WORDS, UpdateOne(key, {"$setOnInsert": content | dict(words)}, upsert=True))


async def written(db: Database, employee_id: str) -> Written:
    """What people wrote for this person's journeys; of a title given twice the later."""
    titles: dict[str, str] = {}
    reasons: dict[int, str] = {}
    async for each in db[WORDS].find({"employee_id": employee_id}).sort("number", ASCENDING):
        if each.get("title"):
            titles[each["milestone_id"]] = each["title"]
        if each.get("reason"):
            reasons[each["sequence"]] = each["reason"]
    return Written(titles, reasons)


# Free text of surveys ----------------------------------------------------------------------------------------------


def keep_comment(changes: Changes, employee_id: str, number: int, survey_id: str, text: str, now: datetime) -> None:
    """Keep the free text of an answer to the survey of a person's `number`-th journey."""
    content = {"employee_id": employee_id, "survey_id": survey_id, "text": text, "at": now}
    key = {"_id": f"{employee_id}/{number}/{survey_id}"}
    changes.write(COMMENTS, UpdateOne(key, {"$setOnInsert": content}, upsert=True))


async def survey_comments(db: Database, employee_id: str) -> list[Document]:
    """A person's free text, oldest first: `survey_id`, `text`, `at`. For the person and coordinators; callers check that."""
    shown = {"_id": 0, "survey_id": 1, "text": 1, "at": 1}
    return [comment async for comment in db[COMMENTS].find({"employee_id": employee_id}, shown).sort("at", ASCENDING)]


# Others who start around the same time -------------------------------------------------------------------------------


async def share_start(db: Database, employee_id: str, number: int, now: datetime) -> None:
    """Keep that a person agrees to be seen by others who start around the same time, for their `number`-th journey."""
    await db[SHARED_STARTS].update_one({"_id": employee_id}, {"$set": {"number": number, "at": now}}, upsert=True)


async def keep_start_private(db: Database, employee_id: str) -> None:
    """Forget that a person agreed, if they did."""
    await db[SHARED_STARTS].delete_one({"_id": employee_id})


async def sharing_starts(db: Database, employee_ids: Iterable[str]) -> dict[str, int]:
    """Of these people those who agreed, and for which of their journeys (its number)."""
    found = db[SHARED_STARTS].find({"_id": {"$in": sorted(employee_ids)}}, {"number": 1})
    return {each["_id"]: each["number"] async for each in found}


async def starting_between(db: Database, first: date, last: date) -> list[str]:
    """Everybody whose live journey starts on one of these days, both included; from the index alone."""
    shown = {"_id": 1, "state.standing": 1, "state.start_date": 1}
    return [each["_id"] async for each in db[BOARD].find(starting_query(first, last), shown)]


async def starts_of(db: Database, employee_ids: Iterable[str]) -> dict[str, tuple[int, date]]:
    """The number and first day of these people's present journeys."""
    shown = {"state.number": 1, "state.start_date": 1}
    found = db[BOARD].find({"_id": {"$in": sorted(employee_ids)}, "state.start_date": {"$ne": None}}, shown)
    return {each["_id"]: (each["state"]["number"], date.fromisoformat(each["state"]["start_date"])) async for each in found}


def starting_query(first: date, last: date) -> Document:
    """What `starting_between` looks for."""
    days = {"$gte": first.isoformat(), "$lte": last.isoformat()}
    return {"state.standing": {"$in": list(LIVE)}, "state.start_date": days}


# The board ---------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class BoardRow:
    """A row of the board with the people it names, joined from the directory (their ids stand in for unknown names)."""

    board: Board
    people: Mapping[str, Document] = field(repr=False)

    @property
    def employee_id(self) -> str:
        """The hire."""
        return self.board.employee_id

    @property
    def person(self) -> Document:
        """The hire's directory entry; empty when unknown."""
        return self.people.get(self.board.employee_id, {})

    @property
    def name(self) -> str:
        """The hire's name."""
        return self.name_of(self.board.employee_id) or self.board.employee_id

    @property
    def manager_name(self) -> str | None:
        """The manager's name, if there is a manager."""
        return self.name_of(self.board.manager_id)

    @property
    def mentor_name(self) -> str | None:
        """The mentor's name, if there is a mentor."""
        return self.name_of(self.board.mentor_id)

    def name_of(self, id: str | None) -> str | None:
        """The name of somebody in this row."""
        return name_of(self.people.get(id), id) if id is not None else None


@dataclass(frozen=True, slots=True)
class BoardPage:
    """Some rows in order of start date; `next` is the cursor of those after them."""

    rows: Sequence[BoardRow]
    next: str | None


async def board_page(
    db: Database,
    *,
    managers: Collection[str] | None,
    standings: Sequence[Standing] = SHOWN,
    why: Attention | None = None,
    facets: Collection[str] = (),
    name: str = "",
    after: str | None = None,
    limit: int = PAGE,
) -> BoardPage:
    """Journeys whose manager is one of `managers` (None: everybody's), in order of start date, then id.

    `standings`: only rows that stand so (see `standings_of`); `why`: only rows that need attention for this reason; `facets`:
    only rows that have one of these; `name`: only people who are found by it (`naming`); `after`: the `next` of the page before.
    Raises `Refused` 422 for a cursor that is not ours.
    """
    query = _board_query(managers, standings, facets, name) | ({"state.attention": why} if why else {})
    if why and managers is None and not facets and {"late", "attention"} <= set(standings):
        del query["state.standing"]  # it follows from the reason, whose index is then the only one that fits
    cursor = decode_cursor(after, 2)
    if cursor is not None:
        start, id = cursor
        query["state.start_date"] = {"$gte": start}
        query["$or"] = [{"state.start_date": {"$gt": start}}, {"_id": {"$gt": id}}]
    order = [("state.start_date", ASCENDING), ("_id", ASCENDING)]
    found = [Board.model_validate(each["state"]) async for each in db[BOARD].find(query).sort(order).limit(limit + 1)]
    boards = found[:limit]
    last = boards[-1] if len(found) > limit else None
    following = encode_cursor([str(last.start_date), last.employee_id]) if last else None
    return BoardPage(await _with_people(db, boards), following)


def standings_of(status: JourneyStatus | None = None, late: bool | None = None) -> list[Standing]:
    """The standings of journeys with this status (None: any) that have, or have not, a late milestone (None: both)."""
    of_status = ACTIVE if status == "active" else SHOWN if status is None else (status,)
    return [standing for standing in of_status if late is None or late == (standing == "late")]


def _board_query(
    managers: Collection[str] | None,
    standings: Sequence[Standing],
    facets: Collection[str] = (),
    name: str = "",
) -> Document:
    query: Document = {"state.standing": {"$in": list(standings)}}
    if managers is not None:
        query["state.manager_id"] = {"$in": sorted(managers)}
    if facets:
        query["state.facets"] = {"$in": sorted(facets)}
    if words := sought(name):
        query["$and"] = [{"named": {"$in": spellings}} for spellings in words]
    return query


async def managers_under(db: Database, manager_id: str) -> set[str]:
    """Who, of this manager and everybody in the reporting tree below, has journeys on the board: for `board_page`."""
    tree = sorted({manager_id} | await below(db, manager_id))
    return set(await db[BOARD].distinct("state.manager_id", {"state.manager_id": {"$in": tree}}))


async def board_counts(
    db: Database, *, managers: Collection[str] | None, standings: Sequence[Standing] = SHOWN
) -> dict[Standing, int]:
    """How many rows of these managers (None: everybody's) stand where."""
    # The `count` command reads keys only; an aggregation over as many rows takes three times as long.
    counted = await asyncio.gather(
        *(db.command("count", BOARD, query=_board_query(managers, [standing])) for standing in standings)
    )
    return {standing: found["n"] for standing, found in zip(standings, counted, strict=True)}


async def attention_counts(db: Database) -> dict[Attention, int]:
    """How many of everybody's rows need attention for which reason."""
    reasons = get_args(Attention)
    counted = await asyncio.gather(*(db.command("count", BOARD, query={"state.attention": reason}) for reason in reasons))
    return {reason: found["n"] for reason, found in zip(reasons, counted, strict=True)}


Counted = Literal["facets", "rated"]


async def texts(db: Database, field: Counted) -> list[str]:
    """Every facet, or rating, that some row has; one key is read for each, and for rows that have none one that is no text."""
    return [text for text in await db[BOARD].distinct(f"state.{field}") if isinstance(text, str)]


async def text_counts(db: Database, field: Counted, wanted: Collection[str], since: date | None = None) -> dict[str, int]:
    """How many of everybody's rows have each of these facets, or ratings.

    With `since` of the journeys that go on or are finished, and began on that day or later.
    """
    counted = await asyncio.gather(*(db.command("count", BOARD, query=text_query(field, text, since)) for text in wanted))
    return {text: found["n"] for text, found in zip(wanted, counted, strict=True)}


def text_query(field: Counted, text: str, since: date | None = None) -> Document:
    """The rows that `text_counts` counts."""
    lately = {"state.standing": {"$in": [*ACTIVE, "completed"]}, "state.start_date": {"$gte": since.isoformat()}} if since else {}
    return {f"state.{field}": text} | lately


async def starts_between(db: Database, first: date, last: date) -> int:
    """How many of everybody's active journeys start on these days, both included."""
    days = {"$gte": first.isoformat(), "$lte": last.isoformat()}
    queries = [{"state.standing": standing, "state.start_date": days} for standing in ACTIVE]
    counted = await asyncio.gather(*(db.command("count", BOARD, query=query) for query in queries))
    return sum(found["n"] for found in counted)


async def board_row(db: Database, employee_id: str) -> BoardRow | None:
    """One person's row; None before anything was told of them."""
    rows = await board_rows(db, [employee_id])
    return rows[0] if rows else None


async def board_rows(db: Database, employee_ids: Collection[str]) -> list[BoardRow]:
    """The rows of these people, in order of id; unknown ones are left out."""
    query = {"_id": {"$in": sorted(employee_ids)}}
    return await _with_people(db, [Board.model_validate(each["state"]) async for each in db[BOARD].find(query).sort("_id")])


async def mentees(db: Database, mentor_id: str) -> list[BoardRow]:
    """The rows of those whose mentor this is now, in order of start date."""
    query = {"state.assignment.mentor_id": mentor_id, "state.standing": {"$in": list(SHOWN)}}
    found = [Board.model_validate(each["state"]) async for each in db[BOARD].find(query).limit(MENTEES_LIMIT)]
    return await _with_people(db, sorted(found, key=lambda row: (str(row.start_date), row.employee_id)))


async def filed_names(db: Database, employee_ids: Collection[str]) -> dict[str, Document]:
    """By person what their row has beside its state: `named`, the texts that find them, by their name as it is now."""
    known = await people(db, employee_ids) if employee_ids else {}
    return {id: {"named": filed(id, known.get(id))} for id in employee_ids}


async def file_unnamed(db: Database) -> None:
    """File the rows that a version of before wrote without names; by index, so that it costs nothing once there are none."""
    while found := [row["_id"] async for row in db[BOARD].find(unnamed_query(), {"_id": 1}).limit(UNNAMED_BATCH)]:
        names = await filed_names(db, found)
        # Where a name was filed meanwhile it is a later one.
        await db[BOARD].bulk_write([UpdateOne({"_id": id, "named": None}, {"$set": name}) for id, name in names.items()])


def unnamed_query() -> Document:
    """What `file_unnamed` looks for; who is only expected gets a name with the journey."""
    return {"named": None, "state.standing": {"$in": list(SHOWN)}}


async def _with_people(db: Database, boards: Sequence[Board]) -> list[BoardRow]:
    named = {id for row in boards for id in (row.employee_id, row.manager_id, row.mentor_id) if id is not None}
    known = await people(db, named) if named else {}
    return [BoardRow(row, known) for row in boards]


async def timeline(db: Database, employee_id: str) -> Timeline | None:
    """What happened around one person, oldest first; None before anything did."""
    document = await db[TIMELINE].find_one({"_id": employee_id}, {"state": 1})
    return Timeline.model_validate(document["state"]) if document and document["state"] else None


async def names(db: Database, ids: Iterable[str | None]) -> dict[str, str]:
    """The names of these people by id; an id stands in for an unknown name."""
    wanted = {id for id in ids if id is not None}
    known = await people(db, wanted) if wanted else {}
    return {id: name_of(known.get(id), id) for id in wanted}


async def board_changes(db: Database) -> AsyncIterator[str | None]:
    """None, once every later change will be seen; then the employee id of every row that changes, in order.

    Ends when the board is swapped for another, raises PyMongoError when the database goes away: rows may then have changed
    unseen, and whoever shows them opens this again and reads the board afresh.
    """
    writes: list[Mapping[str, Any]] = [{"$match": {"operationType": {"$in": ["insert", "update", "replace", "invalidate"]}}}]
    here = (await db.command("ping"))["operationTime"]
    after = Timestamp(here.time, here.inc + 1)  # whatever is committed from then on is in the stream, open or not
    yield None
    async with db[BOARD].watch(writes, start_at_operation_time=after) as changes:
        async for change in followed(changes):
            if change["operationType"] == "invalidate":
                return
            yield str(change["documentKey"]["_id"])
