"""A short run over faults of every sort; the long ones are the command's (`python -m tests.chaos`, docs/faults.md)."""

import asyncio
import json
import os

import pytest

from deploy import kafka_jars
from deploy.process import StartError
from tests.chaos.checker import check, until_quiet
from tests.chaos.faults import FAULTS, script
from tests.chaos.run import run
from tests.chaos.stack import Stack, make_next_release

SHORT = tuple(fault for fault in FAULTS if fault.in_short)


@pytest.fixture(scope="module")
async def kafka_files() -> None:
    """Apache Kafka's files; skips where they can't be had."""
    try:
        await asyncio.to_thread(kafka_jars.fetch, print)
    except StartError as error:
        pytest.skip(str(error))


@pytest.mark.slow
@pytest.mark.timeout(1500)
@pytest.mark.skipif(
    "FIRSTMATE_TEST_CHAOS" not in os.environ, reason="keeps two cores busy for minutes; FIRSTMATE_TEST_CHAOS=1 runs it"
)
@pytest.mark.usefixtures("kafka_files")
async def test_nothing_is_lost_doubled_or_stuck_under_faults_of_every_sort() -> None:
    report = await run(400, len(SHORT), seed=1, say=print, kinds=SHORT, afterwards=what_is_spoilt_is_found)
    print(json.dumps(report, indent=2))  # what was found stands in it; pytest shortens it
    found = {kind: report[kind] for kind in ("lost", "doubled", "invariant_violations", "stuck")}
    assert found == {"lost": 0, "doubled": 0, "invariant_violations": 0, "stuck": 0}
    assert report["faults"] == len(SHORT)
    assert report["hires"] >= 400
    assert report["bad_records"] > 0
    assert report["facts_with_the_next_releases_field"] > 0


async def what_is_spoilt_is_found(stack: Stack) -> None:
    """Whether the checker sees what it is there for: each harm is done to a copy that was found whole."""
    matching, onboarding, notifications = (stack.client[service] for service in ("matching", "onboarding", "notifications"))
    hire = await matching["hires"].find_one({"state.status": "assigned"})
    other = await matching["mentors"].find_one({"_id": {"$ne": hire["state"]["decision"]["mentor_id"]}})
    await matching["mentors"].update_one({"_id": other["_id"]}, {"$push": {"state.mentees": hire["_id"]}})
    journey = await onboarding["journeys"].find_one({"state.status": "active"})
    await onboarding["journeys"].update_one({"_id": journey["_id"]}, {"$set": {"state.start_date": "2031-01-01"}})
    row = await onboarding["board"].find_one({})
    await onboarding["board"].update_one({"_id": row["_id"]}, {"$set": {"state.start_date": "2031-01-01"}})
    letter = await onboarding["dead_letters"].find_one_and_delete({})
    said = await notifications["correspondences"].find_one_and_update({"sequence": {"$gt": 0}}, {"$inc": {"sequence": 1}})
    sent = await notifications["messages"].find_one({"state": "sent"})
    with stack.accepted.open("a") as accepted:
        accepted.write(f"{sent['_id']}@firstmate.example\n" * 9)
    found = await check(stack.client, stack.kafka_address, stack.accepted)
    assert f"{hire['_id']} has 2 places" in found.doubled
    assert f"the journey of {journey['_id']} is not the fold of its facts" in found.invariant_violations
    assert f"board of {row['_id']} is not the fold of the topics" in found.invariant_violations
    assert f"bad record {letter['_id']} is no dead letter in the database" in found.lost
    assert any(said["_id"] in words for words in found.lost)
    assert any(sent["_id"] in words for words in found.doubled)
    await notifications["outbox"].find_one_and_update({}, {"$set": {"published_at": None}})
    assert await until_quiet(stack.client, stack.kafka_address, 0) == ["1 documents in the outbox of notifications"]


def test_a_seed_gives_the_same_script_and_every_kind_comes_once_before_any_a_second_time() -> None:
    assert script(60, 7) == script(60, 7) != script(60, 8)
    assert {fault.kind for fault in script(len(FAULTS), 3)} == {fault.kind for fault in FAULTS}


def test_the_next_release_differs_from_this_one_by_one_field(tmp_path_factory: pytest.TempPathFactory) -> None:
    release = make_next_release(tmp_path_factory.mktemp("next"))
    assert 'settled_in: str = "one round"' in (release / "shared" / "events" / "mentoring.py").read_text()
