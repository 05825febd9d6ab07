"""A short run over faults of every sort; the long ones are the command's (`python -m tests.chaos`, docs/faults.md)."""

import asyncio

import pytest

from deploy import kafka_jars
from deploy.process import StartError
from tests.chaos.faults import FAULTS, script
from tests.chaos.run import run
from tests.chaos.stack import make_next_release

SHORT = tuple(fault for fault in FAULTS if fault.in_short)


@pytest.fixture(scope="module")
async def kafka_files() -> None:
    """Apache Kafka's files; skips where they can't be had."""
    try:
        await asyncio.to_thread(kafka_jars.fetch, print)
    except StartError as error:
        pytest.skip(str(error))


@pytest.mark.slow
@pytest.mark.timeout(1500)  # some three minutes where nothing else runs
@pytest.mark.usefixtures("kafka_files")
async def test_nothing_is_lost_doubled_or_stuck_under_faults_of_every_sort() -> None:
    report = await run(300, len(SHORT), seed=1, say=print, kinds=SHORT)
    found = {kind: report[kind] for kind in ("lost", "doubled", "invariant_violations", "stuck")}
    assert found == {"lost": 0, "doubled": 0, "invariant_violations": 0, "stuck": 0}, report
    assert report["faults"] == len(SHORT)
    assert report["hires"] == 300
    assert report["bad_records"] > 0
    assert report["facts_with_the_next_releases_field"] > 0


def test_a_seed_gives_the_same_script_and_every_kind_comes_once_before_any_a_second_time() -> None:
    assert script(60, 7) == script(60, 7) != script(60, 8)
    assert {fault.kind for fault in script(len(FAULTS), 3)} == {fault.kind for fault in FAULTS}


def test_the_next_release_differs_from_this_one_by_one_field(tmp_path_factory: pytest.TempPathFactory) -> None:
    release = make_next_release(tmp_path_factory.mktemp("next"))
    assert 'settled_in: str = "one round"' in (release / "shared" / "events" / "mentoring.py").read_text()
