"""Code that is older than the data says so and stops; newer code takes the data over."""

import asyncio
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from deploy import origin
from shared import schema
from shared.clock import now
from shared.mongo import Client, Database
from shared.settings import Settings
from shared.worker import Worker

ROOT = Path(__file__).parents[2]


async def recorded(db: Database) -> int:
    document = await db[schema.COLLECTION].find_one({"_id": "schema"})
    assert document is not None
    return int(document["version"])


async def test_newer_code_raises_the_version_and_older_code_is_refused_from_then_on(database: Database) -> None:
    await schema.claim(database, 1, now)
    await schema.claim(database, 2, now)
    await schema.claim(database, 2, now)
    assert await recorded(database) == 2
    with pytest.raises(schema.DataNewer, match=r"schema version 2, this code knows 1.*run the newer release"):
        await schema.claim(database, 1, now)
    assert await recorded(database) == 2


async def test_of_many_that_start_at_once_the_newest_wins(database: Database) -> None:
    results = await asyncio.gather(*(schema.claim(database, version, now) for version in (1, 3, 2, 3, 1)), return_exceptions=True)
    assert await recorded(database) == 3
    assert [each for each in results if each is not None and not isinstance(each, schema.DataNewer)] == []
    assert results[1] is results[3] is None


async def test_running_code_stops_when_newer_code_takes_the_data_over(database: Database) -> None:
    await schema.claim(database, 1, now)
    watching = asyncio.create_task(schema.watch(database, 1, every=0.01))
    await asyncio.sleep(0.05)
    assert not watching.done()
    await schema.claim(database, 2, now)
    with pytest.raises(schema.DataNewer):
        async with asyncio.timeout(30):
            await watching


async def test_a_worker_and_the_web_refuse_newer_data(mongo_client: Client, mongo_url: str, kafka_url: str) -> None:
    settings = Settings(kafka=kafka_url, mongo=mongo_url)
    try:
        await schema.claim(mongo_client["matching"], schema.VERSIONS["matching"] + 1, now)
        with pytest.raises(schema.DataNewer):
            await Worker("matching", settings, []).run()
        with pytest.raises(schema.DataNewer):
            await origin.serve(settings)
    finally:
        await mongo_client.drop_database("matching")


async def test_a_process_says_so_in_its_last_line(mongo_client: Client, mongo_url: str, kafka_url: str) -> None:
    await schema.claim(mongo_client["onboarding"], schema.VERSIONS["onboarding"] + 1, now)
    variables = {"FIRSTMATE_KAFKA": kafka_url, "FIRSTMATE_MONGO": mongo_url}
    try:
        done = await asyncio.to_thread(
            subprocess.run,
            [sys.executable, "-m", "deploy.run", "onboarding"],
            capture_output=True,
            text=True,
            cwd=ROOT,
            env={**os.environ, **variables},
            timeout=120,
            check=False,
        )
    finally:
        await mongo_client.drop_database("onboarding")
    last = json.loads(done.stdout.splitlines()[-1])
    assert (done.returncode, last["error"]) == (1, "DataNewer")
    assert "run the newer release" in last["words"]
