"""The commands against a real broker and database that FIRSTMATE_KAFKA and FIRSTMATE_MONGO name."""

import asyncio
import json
import os
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from aiokafka.admin import AIOKafkaAdminClient, NewTopic

from deploy import doctor, letters
from deploy.found import Found
from deploy.kafka_light import LightKafka
from deploy.ports import free_port
from services.onboarding.read_models import READ_MODELS
from shared import dead_letters, progress
from shared.changes import Changes
from shared.clock import now
from shared.events import Unprocessable
from shared.mongo import Client
from shared.record import Record
from shared.topics import SERVICES, TOPICS
from shared.worker import prepare_database

ROOT = Path(__file__).parent.parent.parent
NOW = datetime(2027, 1, 4, 9, tzinfo=UTC)
SNAPSHOT = {"specversion": "1.0", "source": "/hr/test", "type": "hr.employee.snapshot.v1"}


@pytest.fixture
async def client(mongo_client: Client) -> Any:
    """The services' databases with their common collections, dropped afterwards."""
    for service in SERVICES:
        await prepare_database(mongo_client[service])
    yield mongo_client
    for service in SERVICES:
        await mongo_client.drop_database(service)


@pytest.fixture
def command(mongo_url: str, kafka_url: str) -> Any:
    """Call `firstmate ...`; gives exit code, the JSON object on the last line (or None) and what was said to standard error."""

    def call(*arguments: str, **more: str) -> tuple[int, Any, str]:
        variables = {**os.environ, "FIRSTMATE_KAFKA": kafka_url, "FIRSTMATE_MONGO": mongo_url, **more}
        argv = [sys.executable, "-m", "deploy.cli", *arguments]
        done = subprocess.run(argv, capture_output=True, text=True, cwd=ROOT, env=variables, timeout=120, check=False)
        lines = done.stdout.splitlines()
        return done.returncode, json.loads(lines[-1]) if "--json" in arguments and lines else None, done.stderr

    return call


def person(number: int) -> str:
    data = {"employee_id": f"E-{number}", "display_name": f"Person {number}", "start_date": "2020-01-06"}
    return json.dumps({**SNAPSHOT, "id": f"t-{number}", "subject": f"E-{number}", "data": data})


async def bury(client: Client, service: str, offset: int, at: datetime, value: bytes | None = b"{", *, sequence: int = 0) -> str:
    own = (("ce_source", b"/firstmate/x"), ("ce_sequence", b"%d" % sequence)) if sequence else ()
    record = Record("hr.employees", 0, offset, b"E-1", value, (("ce_id", b"a"), ("odd", None), *own), at)
    changes = Changes()
    dead_letters.bury(changes, service, service, record, Unprocessable("malformed_json", "the value is no JSON", "data"), at)
    await changes.in_transaction(client[service])
    return f"{service}-hr.employees-0-{offset}"


def test_publish_puts_every_line_on_its_topic(command: Any, tmp_path: Path) -> None:
    file = tmp_path / "people.jsonl"
    file.write_text(f"{person(1)}\n{person(2)}\n")
    assert command("publish", str(file), "--json")[:2] == (
        0,
        {"lines": 2, "published": 2, "refused": 0, "faults": [], "problem": None},
    )


def test_publish_names_the_line_that_is_wrong_and_publishes_nothing(command: Any, tmp_path: Path) -> None:
    file = tmp_path / "people.jsonl"
    file.write_text(f"{person(1)}\nnothing\n")
    code, summary, said = command("publish", str(file), "--json")
    assert (code, summary["published"]) == (1, 0)
    assert "line 2" in said


def test_a_file_that_is_not_there_is_named(command: Any) -> None:
    code, _, said = command("import", "no-such.csv", "--json")
    assert code == 1
    assert "no-such.csv" in said
    assert "Traceback" not in said


def test_import_checks_a_table_without_publishing(command: Any, tmp_path: Path) -> None:
    file = tmp_path / "hires.csv"
    file.write_text("employee_id,given_name,start_date\nE-1,Ada,2027-01-11\nE-2,Grace,someday\n")
    code, summary, said = command("import", str(file), "--dry-run", "--json")
    assert (code, summary["rows"], summary["refused"]) == (1, 2, 1)
    assert "line 3, column start_date" in said


async def test_dead_letters_are_listed_oldest_first_over_all_services(client: Client) -> None:
    later = await bury(client, "matching", 7, NOW + timedelta(minutes=1))
    of_one_batch = [await bury(client, "onboarding", offset, NOW) for offset in (9, 10)]
    rows = await letters.listed(client, "open")
    assert [row["id"] for row in rows] == [*of_one_batch, later]
    assert rows[-1]["service"] == "matching"
    assert "value" not in rows[0]


@pytest.mark.parametrize(
    ("value", "shown"), [(b"{", {"value": "{"}), (b"\xff", {"value_base64": "/w=="}), (None, {"value": None})]
)
async def test_a_dead_letter_is_shown_whole(client: Client, value: bytes | None, shown: dict[str, Any]) -> None:
    id = await bury(client, "matching", 7, NOW, value)
    letter = await letters.shown(client, id)
    assert letter is not None
    assert shown.items() <= letter.items()
    assert letter["headers"] == {"ce_id": "a", "odd": ""}
    assert letter["code"] == "malformed_json"


async def test_each_is_replayed_or_dropped_once(client: Client) -> None:
    one, other = await bury(client, "matching", 1, NOW), await bury(client, "onboarding", 2, NOW)
    done = await letters.replayed(client, [one, "no-such", one], NOW)
    assert [(each["id"], each["done"]) for each in done] == [(one, True), ("no-such", False), (one, False)]
    assert (await letters.dropped(client, other, NOW), await letters.dropped(client, other, NOW)) == (True, False)
    assert await letters.listed(client, "open") == []


async def test_the_dead_letters_commands_give_results_and_exit_codes(client: Client, command: Any) -> None:
    id = await bury(client, "matching", 1, NOW)
    code, summary, _ = command("dead-letters", "list", "--json")
    assert (code, [row["id"] for row in summary["dead_letters"]]) == (0, [id])
    assert command("dead-letters", "show", "no-such")[0] == 1
    assert command("dead-letters", "replay")[0] == 2
    assert command("dead-letters", "replay", "--all", "--json")[:2] == (0, {"replayed": [id], "following": []})
    assert command("dead-letters", "drop", id)[0] == 1


async def test_a_letter_that_waits_for_another_is_told_for_which(client: Client, command: Any) -> None:
    first, second = [await bury(client, "onboarding", offset, NOW, sequence=offset) for offset in (1, 2)]
    code, _, said = command("dead-letters", "replay", second)
    assert (code, first in said) == (1, True)
    assert command("dead-letters", "replay", "--all", "--json")[:2] == (0, {"replayed": [first], "following": [second]})


async def test_doctor_finds_a_whole_system_well(client: Client, kafka_url: str, mongo_url: str, tmp_path: Path) -> None:
    findings = await doctor.examine(Found(kafka_url, mongo_url), tmp_path, now)
    checks = {
        "settings",
        "policy",
        "kafka",
        "templates",
        "topics",
        "mongo",
        "clocks",
        "outbox",
        "lag",
        "read models",
        "locations",
        "disk",
        "deployment",
    }
    assert {finding.check for finding in findings} == checks
    assert [finding for finding in findings if finding.status != "ok"] == []


async def test_doctor_names_places_of_which_no_public_holiday_is_known(client: Client) -> None:
    places = ["Lyon, FR", "DE-BY", "Headquarters", "Headquarters", "DE-ZZ", ""]
    people = [{"_id": f"P-{number}", "left": False, "location": where} for number, where in enumerate(places)]
    gone = {"_id": "P-9", "left": True, "location": "Atlantis"}
    await client["onboarding"]["directory"].insert_many([*people, gone])
    (finding,) = await doctor.location_findings(client)
    assert (finding.check, finding.status) == ("locations", "warn")
    assert "where 3 people work: 'Headquarters' (2, such as P-2), 'DE-ZZ' (1, such as P-4)" in finding.detail
    await client["onboarding"]["directory"].delete_many({"location": {"$in": ["Headquarters", "DE-ZZ"]}})
    (finding,) = await doctor.location_findings(client)
    assert (finding.status, finding.detail[:18]) == ("ok", "2 places of work, ")


async def test_doctor_names_the_service_whose_facts_nobody_publishes(client: Client) -> None:
    await client["matching"]["outbox"].insert_one({"records": [], "published_at": None})
    (fresh,) = await doctor.outbox_findings(client, now)
    assert fresh.status == "ok"
    (late,) = await doctor.outbox_findings(client, lambda: now() + timedelta(minutes=2))
    assert (late.status, late.detail.split()[0]) == ("warn", "matching")
    await client["matching"]["outbox"].delete_many({})


async def test_doctor_says_what_to_do_when_nothing_answers(tmp_path: Path) -> None:
    nowhere = f"127.0.0.1:{free_port()}"
    findings = await doctor.examine(Found(nowhere, f"mongodb://{nowhere}/?serverSelectionTimeoutMS=200"), tmp_path, now)
    failing = {finding.check: finding.advice for finding in findings if finding.status == "fail"}
    assert failing == {
        "kafka": "start the broker, or correct FIRSTMATE_KAFKA",
        "mongo": "start the database, or correct FIRSTMATE_MONGO",
    }


async def test_doctor_names_missing_topics_and_makes_none(client: Client, mongo_url: str, tmp_path: Path) -> None:
    async with LightKafka(tmp_path) as bare:
        for _ in range(2):
            topics = [finding for finding in await doctor.kafka_findings(bare.address) if finding.check == "topics"]
            assert [(finding.status, finding.detail) for finding in topics] == [
                ("fail", f"topic {topic.name} is missing") for topic in TOPICS
            ]


async def test_the_topic_job_makes_what_is_missing_once_and_refuses_what_is_not_as_declared(command: Any, tmp_path: Path) -> None:
    async with LightKafka(tmp_path) as bare:
        admin = AIOKafkaAdminClient(bootstrap_servers=bare.address)
        await admin.start()
        await admin.create_topics([NewTopic("mentoring.mentors", 2, 1)])
        await admin.close()
        there = {"FIRSTMATE_KAFKA": bare.address}
        code, before, _ = await asyncio.to_thread(command, "topics", "check", "--json", **there)
        assert (code, len(before["faults"])) == (1, len(TOPICS) + 1)  # it keeps records for seven days only, too
        code, made, words = await asyncio.to_thread(command, "topics", "create", "--json", **there)
        assert code == 1
        assert set(made["created"]) == {topic.name for topic in TOPICS} - {"mentoring.mentors"}
        assert "mentoring.mentors has 2 partitions, declared are 6" in words
        assert f"--bootstrap-server {bare.address} --alter --topic mentoring.mentors --partitions 6" in words
        _, again, _ = await asyncio.to_thread(command, "topics", "create", "--json", **there)
        assert again["created"] == []
        code, _, words = await asyncio.to_thread(command, "topics", "create", "--replicas", "3", **there)
        assert (code, "has 1 brokers" in words) == (2, True)


async def test_the_topic_job_is_content_with_what_it_made(command: Any, tmp_path: Path) -> None:
    async with LightKafka(tmp_path) as bare:
        code, made, words = await asyncio.to_thread(command, "topics", "create", "--json", FIRSTMATE_KAFKA=bare.address)
        assert (code, len(made["created"]), made["faults"]) == (0, len(TOPICS), []), words
        assert (await asyncio.to_thread(command, "topics", "check", FIRSTMATE_KAFKA=bare.address))[0] == 0


async def test_doctor_notices_clocks_apart_and_open_dead_letters(client: Client) -> None:
    await bury(client, "matching", 1, NOW)
    findings = {finding.check: finding for finding in await doctor.mongo_findings(client, lambda: now() - timedelta(seconds=30))}
    assert "+30" in findings["clocks"].detail or "+29" in findings["clocks"].detail
    assert findings["dead letters"].detail == "1 open"


async def test_doctor_finds_progress_beyond_a_topics_end_and_resets_it(client: Client, kafka_url: str) -> None:
    await progress.read(client["matching"], "matching", [("hr.employees", 0)])
    await client["matching"][progress.COLLECTION].update_many({}, {"$set": {"next": 10_000}})
    lost = [finding for finding in await doctor.lag_findings(client, kafka_url) if finding.status == "fail"]
    assert "--reset-progress matching:hr.employees" in lost[0].advice
    assert await doctor.reset_progress(client, "matching:no-such-topic") == []
    assert await doctor.reset_progress(client, "matching:hr.employees") == ["matching:hr.employees"]
    assert [finding.status for finding in await doctor.lag_findings(client, kafka_url)] == ["ok"]


def test_a_setting_that_is_none_or_wrong_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FIRSTMATE_KAFKAA", "x")
    assert [finding.detail for finding in doctor.settings_findings(os.environ)] == [
        "FIRSTMATE_KAFKAA: is no setting; did you mean FIRSTMATE_KAFKA?"
    ]
    monkeypatch.delenv("FIRSTMATE_KAFKAA")
    monkeypatch.setenv("FIRSTMATE_HEALTH_PORT", "many")
    (wrong,) = doctor.settings_findings(os.environ)
    assert wrong.status == "fail"
    assert "FIRSTMATE_HEALTH_PORT" in wrong.detail


def test_a_bench_that_does_not_exist_is_answered_with_those_that_do(command: Any) -> None:
    code, _, said = command("bench", "no-such")
    assert code == 2
    assert "processing" in said


def test_a_read_model_that_does_not_exist_is_refused_with_those_that_do(command: Any) -> None:
    code, _, said = command("rebuild", "bord")
    assert code == 2
    assert "there is no read model 'bord'; choose one of: board, timeline" in said


def test_a_rebuild_where_nothing_runs_says_what_to_do(command: Any, tmp_path: Path) -> None:
    code, _, said = command("rebuild", "--data", str(tmp_path))
    assert code == 1
    assert "start it with `./firstmate up`" in said


def test_every_read_model_is_rebuilt_by_one_command(client: Client, command: Any) -> None:
    code, summary, _ = command("rebuild", "--json")
    assert code == 0
    assert [(each["model"], each["differences"]) for each in summary["rebuilt"]] == [(name, 0) for name in READ_MODELS]
