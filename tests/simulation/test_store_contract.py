"""The simulated store against a real mongod: whatever the product asks of the one it gets the same from the other."""

import asyncio
import itertools
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta, timezone
from typing import Any
from unittest import mock

import pytest
from bson import ObjectId
from pymongo import DeleteOne, InsertOne, ReplaceOne, UpdateMany, UpdateOne
from pymongo.errors import BulkWriteError, DuplicateKeyError, ExecutionTimeout, OperationFailure, PyMongoError

from shared import hold, lease, progress
from shared.changes import Changes, Conflict
from shared.mongo import Client, followed, is_conflict, is_duplicate, transaction
from tests.simulation.store import Store
from tests.simulation.store_client import Client as SimulatedClient
from tests.simulation.store_client import carried_out

_numbers = itertools.count(1)
NOW = datetime(2027, 1, 4, 9, 30, 15, 123_456, tzinfo=UTC)


@pytest.fixture(params=["simulated", "real"])
async def db(request: pytest.FixtureRequest, mongo_client: Client) -> AsyncIterator[Any]:
    """An empty database of the simulated store, then of a real mongod."""
    if request.param == "simulated":
        with mock.patch("shared.changes.carried_out", carried_out):
            yield SimulatedClient(Store(lambda: datetime.now(UTC).replace(microsecond=0)))["contract"]
        return
    name = f"contract_{next(_numbers)}"
    yield mongo_client[name]
    await mongo_client.drop_database(name)


async def ids(db: Any, query: Any, **options: Any) -> list[Any]:
    """The ids that a query finds, in order."""
    return [document["_id"] async for document in db["things"].find(query, **options).sort("_id", 1)]


async def fill(db: Any, **documents: Any) -> None:
    """Documents by id."""
    await db["things"].bulk_write([InsertOne({"_id": id, **document}) for id, document in documents.items()])


QUERIES: list[tuple[Any, list[str]]] = [
    ({}, ["a", "b", "c", "d", "e"]),
    ({"_id": "b"}, ["b"]),
    ({"_id": {"$in": ["c", "a", "none"]}}, ["a", "c"]),
    ({"_id": {"$nin": ["c", "a"]}}, ["b", "d", "e"]),
    ({"n": None}, ["c", "d", "e"]),
    ({"n": {"$ne": None}}, ["a", "b"]),
    ({"n": {"$gt": 1}}, ["b"]),
    ({"n": {"$lte": 2}}, ["a", "b"]),
    ({"n": {"$exists": True}}, ["a", "b", "c"]),
    ({"n": {"$exists": False}}, ["d", "e"]),
    ({"text": {"$gt": ""}}, ["a", "b"]),
    ({"text": {"$gt": "", "$lte": "m"}}, ["a"]),
    ({"text": {"$type": "string"}}, ["a", "b"]),
    ({"state.open": True}, ["a"]),
    ({"state.open": {"$ne": True}}, ["b", "c", "d", "e"]),
    ({"state": {"$ne": None}}, ["a", "b"]),
    ({"list": "y"}, ["a", "b"]),
    ({"list": {"$in": ["x"]}}, ["a"]),
    ({"rows.id": 2}, ["d"]),
    ({"rows.id": {"$nin": [2, 9]}}, ["a", "b", "c", "e"]),
    ({"at": {"$lte": NOW}}, ["e"]),
    ({"at": {"$lt": NOW}}, []),
    ({"at": {"$gte": NOW - timedelta(days=1), "$lt": NOW + timedelta(milliseconds=1)}}, ["e"]),
    ({"$or": [{"n": 1}, {"state.open": False}]}, ["a", "b"]),
    ({"$and": [{"n": {"$gte": 1}}, {"text": "z"}]}, ["b"]),
    ({"$expr": {"$lte": [{"$add": ["$n", 1]}, 2]}, "n": {"$ne": None}}, ["a"]),
    ({"text": {"$regex": "^a( |$)"}}, ["a"]),
    ({"flag": 1}, []),
    ({"flag": True}, ["e"]),
]


@pytest.mark.parametrize(("query", "found"), QUERIES, ids=[str(query) for query, _ in QUERIES])
async def test_queries_find_the_same(db: Any, query: Any, found: list[str]) -> None:
    await fill(
        db,
        a={"n": 1, "text": "a", "state": {"open": True}, "list": ["x", "y"]},
        b={"n": 2, "text": "z", "state": {"open": False}, "list": "y"},
        c={"n": None, "text": None, "state": None, "list": []},
        d={"rows": [{"id": 1}, {"id": 2}]},
        e={"at": NOW, "flag": True},
    )
    assert await ids(db, query) == found


UPDATES: list[tuple[Any, Any]] = [
    ({"$set": {"n": 5, "deep.er": "x"}}, {"n": 5, "deep": {"a": 1, "er": "x"}, "list": [1], "at": None}),
    ({"$inc": {"n": 2, "new": 1}}, {"n": 3, "new": 1, "deep": {"a": 1}, "list": [1], "at": None}),
    ({"$push": {"list": 2}}, {"n": 1, "deep": {"a": 1}, "list": [1, 2], "at": None}),
    ({"$push": {"list": {"$each": [2, 3], "$slice": -2}}}, {"n": 1, "deep": {"a": 1}, "list": [2, 3], "at": None}),
    ({"$unset": {"deep": ""}}, {"n": 1, "list": [1], "at": None}),
    ({"$max": {"n": 0}}, {"n": 1, "deep": {"a": 1}, "list": [1], "at": None}),
    ({"$max": {"n": 7}}, {"n": 7, "deep": {"a": 1}, "list": [1], "at": None}),
    ({"$setOnInsert": {"n": 9}}, {"n": 1, "deep": {"a": 1}, "list": [1], "at": None}),
    ([{"$set": {"n": {"$add": ["$n", 1]}, "old": "$n"}}], {"n": 2, "deep": {"a": 1}, "list": [1], "at": None, "old": 1}),
    ([{"$set": {"x": {"$literal": "$n"}}}], {"n": 1, "deep": {"a": 1}, "list": [1], "at": None, "x": "$n"}),
    (
        [{"$set": {"list": {"$concatArrays": ["$list", [{"s": "q"}]]}}}],
        {"n": 1, "deep": {"a": 1}, "list": [1, {"s": "q"}], "at": None},
    ),
    *(
        ([{"$set": {"x": {"$max": of}}}], {"n": 1, "deep": {"a": 1}, "list": [1], "at": None, "x": most})
        for of, most in ([[0, {"$subtract": ["$n", 5]}], 0], [[0, "$n"], 1], [["$n", "text", "$none"], "text"], [["$at"], None])
    ),
    (
        [{"$set": {"list": {"$cond": [{"$eq": ["$n", 1]}, ["yes"], []]}}}],
        {"n": 1, "deep": {"a": 1}, "list": ["yes"], "at": None},
    ),
]


@pytest.mark.parametrize(("update", "expected"), UPDATES, ids=[str(update) for update, _ in UPDATES])
async def test_updates_leave_the_same(db: Any, update: Any, expected: Any) -> None:
    await fill(db, a={"n": 1, "deep": {"a": 1}, "list": [1], "at": None})
    result = await db["things"].update_one({"_id": "a"}, update)
    assert result.matched_count == 1
    before = {"n": 1, "deep": {"a": 1}, "list": [1], "at": None}
    assert result.modified_count == int(expected != before)
    found = await db["things"].find_one({"_id": "a"})
    assert found == {"_id": "a", **expected}


async def test_upserts_insert_once_and_say_so(db: Any) -> None:
    for expected in (1, 0):
        op = UpdateOne({"_id": "a", "n": 1}, {"$setOnInsert": {"made": True}, "$set": {"seen": 1}}, upsert=True)
        result = await db["things"].bulk_write([op])
        assert (result.upserted_count, result.matched_count) == (expected, 1 - expected)
    assert await db["things"].find_one({"_id": "a"}) == {"_id": "a", "n": 1, "made": True, "seen": 1}
    replaced = await db["things"].replace_one({"_id": "b"}, {"x": 1}, upsert=True)
    assert replaced.matched_count == 0
    assert await db["things"].find_one({"_id": "b"}) == {"_id": "b", "x": 1}


async def test_an_upsert_whose_filter_misses_a_document_of_its_id_is_a_duplicate(db: Any) -> None:
    await fill(db, a={"n": 1})
    with pytest.raises(DuplicateKeyError):
        await db["things"].update_one({"_id": "a", "n": 2}, {"$set": {"x": 1}}, upsert=True)


async def test_times_are_aware_and_whole_milliseconds_and_nothing_is_shared_with_the_caller(db: Any) -> None:
    document = {"_id": "a", "at": NOW.astimezone(timezone(timedelta(hours=2))), "list": [{"x": (1, 2)}], "raw": b"\x00"}
    await db["things"].insert_one(document)
    document["list"][0]["x"] = "changed"
    found = await db["things"].find_one({"_id": "a"})
    assert found == {"_id": "a", "at": NOW.replace(microsecond=123_000), "list": [{"x": [1, 2]}], "raw": b"\x00"}
    assert found["at"].utcoffset() == timedelta(0)
    found["list"].append("more")
    assert (await db["things"].find_one({"_id": "a"}))["list"] == [{"x": [1, 2]}]


async def test_ids_are_given_where_they_are_missing(db: Any) -> None:
    await db["things"].bulk_write([InsertOne({"n": 1}), InsertOne({"n": 2})])
    found = [document["_id"] async for document in db["things"].find().sort("n", 1)]
    assert all(isinstance(id, ObjectId) for id in found)
    assert found == sorted(found)


async def test_sorting_limits_and_projections(db: Any) -> None:
    await fill(
        db,
        a={"n": 2, "s": {"t": "x", "u": 1}},
        b={"n": 1, "s": {"t": "y"}},
        c={"n": None},
        d={"s": None},
        e={"n": "text"},
        f={"n": NOW},
    )

    async def order(*keys: Any) -> str:
        return "".join([document["_id"] async for document in db["things"].find().sort(list(keys))])

    assert await order(("n", 1), ("_id", 1)) == "cdbaef"
    assert await order(("n", -1), ("_id", 1)) == "feabcd"
    assert await order(("s.t", -1), ("n", 1), ("_id", -1)) == "badcef" or await order(("s.t", -1), ("_id", 1)) == "bacdef"
    assert [each["_id"] async for each in db["things"].find().sort("_id", -1).limit(2)] == ["f", "e"]
    assert await db["things"].find_one({"_id": "a"}, {"s.t": 1}) == {"_id": "a", "s": {"t": "x"}}
    assert await db["things"].find_one({"_id": "a"}, {"s": 0}) == {"_id": "a", "n": 2}
    assert await db["things"].find_one({"_id": "b"}, {"s.u": 1}) == {"_id": "b", "s": {}}
    assert await db["things"].find_one({"_id": "d"}, {"s.u": 1}) == {"_id": "d"}
    assert await db["things"].find_one({"_id": "a"}, {"_id": 1}) == {"_id": "a"}
    assert await db["things"].find_one({"n": {"$in": [1, 2]}}, {"n": 1}, sort=[("n", 1)]) == {"_id": "b", "n": 1}
    assert await db["things"].find_one({"_id": "z"}) is None


async def test_counts_distinct_values_and_groups(db: Any) -> None:
    await fill(
        db, a={"k": "x", "s": {"m": "M"}}, b={"k": "y", "s": {"m": None}}, c={"k": "x", "s": {}}, d={"k": "x", "s": {"m": "L"}}
    )
    assert await db["things"].count_documents({"k": "x"}) == 3
    assert await db["things"].distinct("s.m", {"k": {"$in": ["x", "y"]}}) == [None, "L", "M"]
    stages = [{"$match": {"k": {"$nin": ["z"]}}}, {"$group": {"_id": "$k", "count": {"$sum": 1}}}]
    assert {row["_id"]: row["count"] async for row in db["things"].aggregate(stages)} == {"x": 3, "y": 1}


async def test_pipelines_walk_up_and_down_a_tree_and_take_apart_what_is_kept_by_name(db: Any) -> None:
    await fill(
        db, top={}, a={"up": "top"}, b={"up": "a"}, c={"up": "b", "marks": {"x": 2, "y": 3}}, loop={"up": "loop", "marks": {}}
    )
    up: dict[str, Any] = {"from": "things", "startWith": "$up", "connectFromField": "up", "connectToField": "_id", "maxDepth": 1}
    climb = [
        {"$match": {"_id": {"$in": ["c", "loop", "top"]}}},
        {"$graphLookup": up | {"as": "above"}},
        {"$project": {"up": 1, "above._id": 1, "above.up": 1}},
    ]
    above = {
        row["_id"]: sorted((one["_id"], one.get("up")) for one in row["above"]) async for row in db["things"].aggregate(climb)
    }
    assert above == {"c": [("a", "top"), ("b", "a")], "loop": [("loop", "loop")], "top": []}
    down = up | {"startWith": "$_id", "connectFromField": "_id", "connectToField": "up", "as": "under", "maxDepth": 9}
    descend = [{"$match": {"up": "top"}}, {"$graphLookup": down}, {"$project": {"under._id": 1}}]
    under = [(row["_id"], sorted(one["_id"] for one in row["under"])) async for row in db["things"].aggregate(descend)]
    assert under == [("a", ["b", "c"])]
    apart = [
        {"$project": {"mark": {"$objectToArray": "$marks"}}},
        {"$unwind": "$mark"},
        {"$group": {"_id": None, "count": {"$sum": 1}, "sum": {"$sum": "$mark.v"}}},
    ]
    assert [row async for row in db["things"].aggregate(apart)] == [{"_id": None, "count": 2, "sum": 5}]


async def test_deletes_and_many_at_once(db: Any) -> None:
    await fill(db, a={"k": 1}, b={"k": 1}, c={"k": 2})
    result = await db["things"].update_many({"k": 1}, {"$set": {"k": 3}})
    assert (result.matched_count, result.modified_count) == (2, 2)
    assert (await db["things"].update_many({"k": 3}, [{"$set": {"k": {"$add": ["$k", 1]}}}])).modified_count == 2
    bulk = await db["things"].bulk_write([DeleteOne({"k": 4}), UpdateMany({"k": 4}, {"$set": {"k": 5}}), DeleteOne({"k": 9})])
    assert (bulk.deleted_count, bulk.matched_count) == (1, 1)
    assert (await db["things"].delete_one({"k": 2})).deleted_count == 1
    assert len(await ids(db, {})) == 1


async def test_an_index_that_is_not_there_cannot_be_dropped(db: Any) -> None:
    await fill(db, a={})
    with pytest.raises(OperationFailure) as error:
        await db["things"].drop_index("never_made")
    assert error.value.code == 27


async def test_find_one_and_update_gives_the_document_after(db: Any) -> None:
    await fill(db, a={"n": 1})
    after = await db["things"].find_one_and_update(
        {"_id": "a", "n": 1}, [{"$set": {"n": {"$add": ["$n", 1]}}}], return_document=True
    )
    assert after == {"_id": "a", "n": 2}
    assert await db["things"].find_one_and_update({"_id": "a", "n": 1}, {"$set": {"n": 0}}, return_document=True) is None


async def test_a_batch_of_writes_stops_at_its_first_duplicate(db: Any) -> None:
    await fill(db, b={})
    with pytest.raises(BulkWriteError) as error:
        await db["things"].bulk_write([InsertOne({"_id": "a"}), InsertOne({"_id": "b"}), InsertOne({"_id": "c"})])
    assert is_duplicate(error.value)
    assert await ids(db, {}) == ["a", "b"]


async def test_the_stores_time_moves_and_compares(db: Any) -> None:
    await fill(db, a={"until": datetime(2000, 1, 1, tzinfo=UTC)}, b={"until": datetime(2100, 1, 1, tzinfo=UTC)})
    assert await ids(db, {"$expr": {"$lt": ["$until", "$$NOW"]}}) == ["a"]
    await db["things"].update_one({"_id": "a"}, [{"$set": {"until": {"$add": ["$$NOW", 60_000]}}}])
    assert await ids(db, {"$expr": {"$lt": ["$until", "$$NOW"]}}) == []
    await db["things"].update_one({"_id": "a"}, [{"$set": {"until": {"$subtract": ["$$NOW", 60_000]}}}])
    assert await ids(db, {"$expr": {"$lt": ["$until", "$$NOW"]}}) == ["a"]
    await db["things"].update_one({"_id": "b"}, {"$currentDate": {"used": True}})
    assert isinstance((await db["things"].find_one({"_id": "b"}))["used"], datetime)


# Transactions -------------------------------------------------------------------------------------------------------


async def test_a_transaction_is_seen_whole_or_not_at_all(db: Any) -> None:
    await fill(db, a={"n": 1})
    async with transaction(db) as session:
        await db["things"].bulk_write([UpdateOne({"_id": "a"}, {"$set": {"n": 2}}), InsertOne({"_id": "b"})], session=session)
        assert (await db["things"].find_one({"_id": "a"}))["n"] == 1
        assert await ids(db, {}) == ["a"]
        assert (await db["things"].find_one({"_id": "a"}, session=session))["n"] == 2
    assert await ids(db, {"$or": [{"n": 2}, {"_id": "b"}]}) == ["a", "b"]


async def test_an_exception_leaves_nothing(db: Any) -> None:
    await fill(db, a={"n": 1})
    with pytest.raises(ZeroDivisionError):
        async with transaction(db) as session:
            await db["things"].bulk_write([UpdateOne({"_id": "a"}, {"$set": {"n": 2}}), InsertOne({"_id": "b"})], session=session)
            raise ZeroDivisionError
    assert await ids(db, {"n": 1}) == ["a"]
    assert await ids(db, {}) == ["a"]


async def test_a_transaction_reads_as_of_its_beginning(db: Any) -> None:
    await fill(db, a={"n": 1}, b={"n": 1})
    async with transaction(db) as session:
        assert (await db["things"].find_one({"_id": "b"}, session=session))["n"] == 1
        await db["things"].update_one({"_id": "a"}, {"$set": {"n": 2}})
        await db["things"].bulk_write([InsertOne({"_id": "c", "n": 1})])
        await db["things"].delete_one({"_id": "b"})
        assert [each["_id"] async for each in db["things"].find({"n": 1}, session=session).sort("_id", 1)] == ["a", "b"]
    assert await ids(db, {}) == ["a", "c"]


async def test_who_writes_what_changed_since_the_beginning_conflicts(db: Any) -> None:
    await fill(db, a={"n": 1}, b={"n": 1})
    with pytest.raises(PyMongoError) as error:
        async with transaction(db) as session:
            await db["things"].find_one({"_id": "b"}, session=session)
            await db["things"].update_one({"_id": "a"}, {"$set": {"n": 2}})
            await db["things"].bulk_write([UpdateOne({"_id": "a", "n": 1}, {"$set": {"n": 3}})], session=session)
    assert is_conflict(error.value)
    assert not is_duplicate(error.value)
    assert (await db["things"].find_one({"_id": "a"}))["n"] == 2


async def test_who_writes_what_another_is_writing_conflicts_at_once(db: Any) -> None:
    await fill(db, a={"n": 1})
    async with transaction(db) as first:
        await db["things"].bulk_write([UpdateOne({"_id": "a"}, {"$set": {"n": 2}})], session=first)
        with pytest.raises(PyMongoError) as error:
            async with transaction(db) as second:
                await db["things"].bulk_write([UpdateOne({"_id": "a"}, {"$set": {"n": 3}})], session=second)
        assert is_conflict(error.value)
    assert (await db["things"].find_one({"_id": "a"}))["n"] == 2


async def test_two_that_insert_the_same_id_conflict(db: Any) -> None:
    await fill(db, other={})
    async with transaction(db) as first:
        await db["things"].bulk_write([InsertOne({"_id": "a"})], session=first)
        with pytest.raises(PyMongoError) as error:
            async with transaction(db) as second:
                await db["things"].bulk_write([InsertOne({"_id": "a"})], session=second)
        assert is_conflict(error.value)


async def test_a_duplicate_in_a_transaction_ends_it(db: Any) -> None:
    await fill(db, a={})
    with pytest.raises(PyMongoError) as error:
        async with transaction(db) as session:
            await db["things"].bulk_write([InsertOne({"_id": "b"}), InsertOne({"_id": "a"})], session=session)
    assert is_duplicate(error.value)
    assert await ids(db, {}) == ["a"]


async def test_an_insert_of_what_came_after_the_beginning_fails_as_a_race(db: Any) -> None:
    await fill(db, b={})
    with pytest.raises(PyMongoError) as error:
        async with transaction(db) as session:
            await db["things"].find_one({"_id": "b"}, session=session)
            await fill(db, a={})
            await db["things"].bulk_write([InsertOne({"_id": "a"})], session=session)
    assert is_conflict(error.value) or is_duplicate(error.value)


async def test_a_write_that_changes_nothing_does_not_conflict(db: Any) -> None:
    """So whoever must lose to others has to change something: `Fence.guard` notes the time."""
    await fill(db, a={"n": 1})
    async with transaction(db) as first:
        result = await db["things"].bulk_write([UpdateOne({"_id": "a", "n": 1}, {"$set": {"n": 1}})], session=first)
        assert result.matched_count == 1
        await db["things"].update_one({"_id": "a"}, {"$set": {"n": 2}})
    assert (await db["things"].find_one({"_id": "a"}))["n"] == 2


async def test_a_single_write_waits_for_the_end_of_a_transaction(db: Any) -> None:
    await fill(db, a={"n": 1})
    async with transaction(db) as session:
        await db["things"].bulk_write([UpdateOne({"_id": "a"}, {"$inc": {"n": 1}})], session=session)
        waiting = asyncio.ensure_future(db["things"].update_one({"_id": "a"}, {"$inc": {"n": 10}}))
        await asyncio.sleep(0.1)
        assert not waiting.done()
    await waiting
    assert (await db["things"].find_one({"_id": "a"}))["n"] == 12


async def test_a_single_write_waits_no_longer_than_it_says(db: Any) -> None:
    await fill(db, a={"n": 1})
    async with transaction(db) as session:
        await db["things"].bulk_write([UpdateOne({"_id": "a"}, {"$inc": {"n": 1}})], session=session)
        with pytest.raises(ExecutionTimeout):
            await db["things"].find_one_and_update({"_id": "a"}, {"$inc": {"n": 10}}, return_document=True, maxTimeMS=100)
    assert (await db["things"].find_one({"_id": "a"}))["n"] == 2


async def test_nothing_goes_on_in_a_transaction_that_failed(db: Any) -> None:
    await fill(db, a={"n": 1})
    with pytest.raises(OperationFailure) as error:
        async with transaction(db) as session:
            with pytest.raises(BulkWriteError):
                await db["things"].bulk_write([InsertOne({"_id": "a"})], session=session)
            await db["things"].bulk_write([InsertOne({"_id": "b"})], session=session)
    assert is_conflict(error.value)
    assert await ids(db, {}) == ["a"]


# Change streams -----------------------------------------------------------------------------------------------------


async def test_a_change_stream_tells_in_the_order_of_commits_and_goes_on_after_a_token(db: Any) -> None:
    await fill(db, old={})
    async with db["things"].watch([{"$match": {"operationType": "insert"}}], max_await_time_ms=100) as stream:
        assert await stream.try_next() is None
        async with transaction(db) as late:
            await db["things"].bulk_write([InsertOne({"_id": "late"})], session=late)
            await fill(db, early={})
        await db["things"].update_one({"_id": "old"}, {"$set": {"x": 1}})
        await fill(db, last={"n": 1})
        events = [await stream.next() for _ in range(3)]
        assert await stream.try_next() is None
    assert [event["documentKey"]["_id"] for event in events] == ["early", "late", "last"]
    assert events[2]["fullDocument"] == {"_id": "last", "n": 1}
    async with db["things"].watch([{"$match": {"operationType": "insert"}}], resume_after=events[0]["_id"]) as again:
        assert [(await again.next())["documentKey"]["_id"] for _ in range(2)] == ["late", "last"]


async def test_a_change_stream_tells_which_fields_changed(db: Any) -> None:
    await fill(db, a={"state": "planned", "n": 1})
    match = [
        {
            "$match": {
                "$or": [
                    {"operationType": "insert"},
                    {"operationType": "update", "updateDescription.updatedFields.state": {"$in": ["due"]}},
                ]
            }
        }
    ]
    async with db["things"].watch(match, max_await_time_ms=100) as stream:
        assert await stream.try_next() is None
        await db["things"].update_one({"_id": "a"}, {"$set": {"n": 2}})
        await db["things"].bulk_write([ReplaceOne({"_id": "a"}, {"state": "due"})])
        await db["things"].update_one({"_id": "a"}, {"$set": {"state": "sent"}})
        await db["things"].update_one({"_id": "a"}, {"$set": {"state": "due"}})
        await fill(db, b={})
        assert [(await stream.next())["operationType"] for _ in range(2)] == ["update", "insert"]
        assert await stream.try_next() is None


async def test_a_change_stream_shows_no_more_than_was_asked_for_and_all_that_came_together(db: Any) -> None:
    only = [{"$match": {"operationType": "insert"}}, {"$project": {"_id": 1, "documentKey": 1}}]
    async with db["things"].watch(only, max_await_time_ms=100) as stream:
        assert await stream.try_next() is None
        await fill(db, **{f"t{number:03}": {"n": number} for number in range(300)})
        seen = [change async for change, _ in zip_of(followed(stream), range(300))]
        assert [change["documentKey"]["_id"] for change in seen] == [f"t{number:03}" for number in range(300)]
        assert {*seen[0]} == {"_id", "documentKey"}


async def zip_of(items: Any, numbers: Any) -> Any:
    """As `zip`, and no item more is asked for."""
    for number in numbers:
        yield await anext(items), number


async def test_a_stream_that_was_opened_misses_nothing_and_its_token_moves_without_events(db: Any) -> None:
    await fill(db, a={})
    async with db["things"].watch([{"$match": {"operationType": "insert"}}], max_await_time_ms=100) as stream:
        assert await stream.try_next() is None
        token = stream.resume_token
    assert token is not None
    await fill(db, b={})
    async with db["things"].watch([{"$match": {"operationType": "insert"}}], resume_after=token) as stream:
        assert (await stream.next())["documentKey"]["_id"] == "b"


# What the product builds of it --------------------------------------------------------------------------------------


async def test_the_products_own_parts_work_on_both(db: Any) -> None:
    """Lease, fence, progress, hold and changes, unchanged."""
    first = await lease.take(db, "relay", "one")
    assert first is not None
    assert await lease.take(db, "relay", "two") is None
    await lease.renew(db, first)
    await lease.release(db, first)
    await asyncio.sleep(0.01)
    second = None
    while second is None:
        second = await lease.take(db, "relay", "two")
        await asyncio.sleep(0.05)
    assert second.number == first.number + 1
    with pytest.raises(lease.LeaseLost):
        await first.check(db)
    stale = Changes()
    first.guard(stale)
    with pytest.raises(Conflict):
        await stale.in_transaction(db)

    place = ("topic", 0)
    assert await progress.read(db, "reader", [place]) == {place: 0}
    for expected in (None, Conflict):
        changes = Changes()
        progress.advance(changes, "reader", {place: 0}, {place: 5})
        changes.publish_raw("topic", b"key", b"value", [("name", None)])
        if expected is None:
            await changes.in_transaction(db)
        else:
            with pytest.raises(expected):
                await changes.in_transaction(db)
    assert await progress.read(db, "reader", [place]) == {place: 5}
    assert await db["outbox"].count_documents({}) == 1
    assert await hold.place(db, "reader", [place], "copy") == {place: 5}
    with pytest.raises(hold.Held):
        await hold.respect(db, "reader")
    await hold.end(db, "reader")
    await hold.respect(db, "reader")


def test_a_transaction_whose_time_is_over_holds_nothing_though_it_writes_on() -> None:
    """Not to be seen on a real mongod within a test: its transactions live a minute."""
    now = NOW
    store = Store(lambda: now)
    slow = store.begin(store.new_session(), "slow")
    store.put("contract", "things", "a", "insert", {"_id": "a"}, slow)
    now += timedelta(minutes=2)
    with pytest.raises(OperationFailure) as error:
        store.put("contract", "things", "a", "update", {"_id": "a", "n": 1}, slow)
    assert error.value.code == 251
    store.put("contract", "things", "a", "insert", {"_id": "a"}, None)
    assert set(store.documents("contract", "things")) == {"a"}
