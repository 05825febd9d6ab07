"""A replica set of three: what it acknowledged outlives its primary, and it finds another one."""

from pathlib import Path

import pytest

from deploy.replica_set import ReplicaSet
from shared.mongo import PyMongoError, connect


@pytest.mark.slow
async def test_acknowledged_writes_outlive_a_killed_primary_which_comes_back_as_a_follower(tmp_path: Path) -> None:
    async with ReplicaSet(tmp_path) as mongo:
        client = await connect(mongo.uri)
        things = client["test"]["things"]
        await things.insert_many([{"_id": number} for number in range(100)])

        first = await mongo.primary()
        await mongo.members[first].kill()
        second = await mongo.primary()
        assert second != first
        while True:  # the driver needs a moment to hear of the election
            try:
                await things.update_one({"_id": 100}, {"$set": {"after": first}}, upsert=True)
                break
            except PyMongoError:
                continue
        assert await things.count_documents({}) == 101

        await mongo.restart(first)
        await mongo.until_whole()
        assert await mongo.step_down() == second
        assert await mongo.primary() in set(mongo.members) - {second}
        client.close()


@pytest.mark.slow
async def test_a_paused_primary_is_replaced_and_follows_when_it_goes_on(tmp_path: Path) -> None:
    async with ReplicaSet(tmp_path) as mongo:
        paused = await mongo.primary()
        mongo.members[paused].pause()
        assert await mongo.primary() != paused
        mongo.members[paused].resume()
        await mongo.until_whole()
