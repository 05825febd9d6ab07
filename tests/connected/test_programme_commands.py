"""`./firstmate programme migrate` on a real system's data."""

import json
import os
import subprocess
import sys
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import pytest

from services.onboarding import store
from services.onboarding.programme_files import SHIPPED
from shared.mongo import Client
from shared.worker import prepare_database
from tests.connected.onboarding_office import Office
from tests.domain.onboarding.history import ADA, hired, hr

ROOT = Path(__file__).parents[2]
Command = Callable[..., tuple[int, Any, str]]


@pytest.fixture
def command(mongo_url: str, tmp_path: Path) -> Command:
    """Call `firstmate programme ... --json` with a changed programme; gives exit code, the JSON object, standard error."""
    changed = (SHIPPED / "default.yaml").read_text().replace("day: 60", "day: 50")
    (tmp_path / "default.yaml").write_text(changed)

    def call(*arguments: str) -> tuple[int, Any, str]:
        variables = {**os.environ, "FIRSTMATE_MONGO": mongo_url, "FIRSTMATE_PROGRAMMES_DIR": str(tmp_path)}
        argv = [sys.executable, "-m", "deploy.cli", "programme", *arguments, "--json"]
        done = subprocess.run(argv, capture_output=True, text=True, cwd=ROOT, env=variables, timeout=120, check=False)
        lines = done.stdout.splitlines()
        return done.returncode, json.loads(lines[-1]) if lines else None, done.stderr

    return call


@pytest.fixture
async def office(mongo_client: Client) -> AsyncIterator[Office]:
    """Ada's journey in the database that commands look at."""
    db = mongo_client["onboarding"]
    await prepare_database(db)
    office = await Office(db).open()
    await office.tell(hr(hired()))
    yield office
    await mongo_client.drop_database("onboarding")


async def version(office: Office) -> str | None:
    journey = await store.journey(office.db, ADA)
    return journey.programme_version if journey else None


async def test_a_migration_is_previewed_then_carried_out_and_safe_to_repeat(command: Command, office: Office) -> None:
    pinned = await version(office)
    code, seen, _ = command("migrate", "default", "--dry-run")
    assert (code, seen["journeys"], seen["migrated"]) == (0, 1, 0)
    assert await version(office) == pinned
    code, done, said = command("migrate", "default")
    assert (code, done["journeys"], done["migrated"], done["refused"]) == (0, 1, 1, 0)
    assert "1 of 1 journeys" in said
    assert await version(office) == done["version"] != pinned
    code, again, _ = command("migrate", "default")
    assert (code, again["journeys"], again["migrated"]) == (0, 0, 0)


def test_an_unknown_programme_fails_with_those_there_are(command: Command) -> None:
    code, _, said = command("migrate", "nothing")
    assert code == 1
    assert "there is no programme 'nothing'; there are: default" in said


def test_check_names_every_fault_and_fails(command: Command, tmp_path: Path) -> None:
    code, seen, _ = command("check")
    assert (code, seen["ok"], [each["id"] for each in seen["programmes"]]) == (0, True, ["default"])
    wrong = tmp_path / "wrong.yaml"
    wrong.write_text((SHIPPED / "default.yaml").read_text().replace("owner: mentor", "owner: boss").replace("day: 60", "day: x"))
    code, seen, said = command("check", str(wrong))
    assert (code, seen["ok"], len(seen["faults"])) == (1, False, 3)
    assert all(f"wrong.yaml:{fault['line']}: {fault['message']}" in said for fault in seen["faults"])
    code, seen, _ = command("check", str(tmp_path))
    assert (code, len(seen["faults"])) == (1, 3)
    code, _, said = command("check", str(tmp_path / "nothing"))
    assert code == 1
    assert "there is no such file" in said


def test_a_preview_gives_the_days_of_the_programme_in_force(command: Command) -> None:
    code, seen, _ = command("preview", "--start", "2027-01-11", "--location", "FR")
    assert code == 0
    assert {each["id"]: each["due"] for each in seen["milestones"]}["review_60"] == "2027-03-02"  # as changed above
    assert [each["id"] for each in seen["left_out"]] == ["equipment_shipped"]
    code, _, said = command("preview", "--start", "1970-01-01")
    assert code == 2
    assert "must lie between 2000-01-01" in said
    for nowhere in ("NOWHERE", "DE-ZZ"):
        code, _, said = command("preview", "--start", "2027-01-11", "--location", nowhere)
        assert (code, f"--location '{nowhere}' names no country, or a part" in said) == (2, True)
    assert command("preview", "--start", "2027-01-11", "--location", "Las Palmas, IC")[0] == 0  # a place without a calendar
    code, _, said = command("preview", "--start", "2027-01-11", "--programme", "nothing")
    assert code == 1
    assert "there are: default" in said


def test_a_preview_is_drawn_with_owners_reasons_and_holidays_also_without_colours() -> None:
    argv = [sys.executable, "-m", "deploy.cli", "programme", "preview", "--start", "2027-03-01", "--location", "DE-BY"]
    wide = {**os.environ, "COLUMNS": "110"}
    done = subprocess.run(
        [*argv, "--language", "de"], capture_output=True, text=True, cwd=ROOT, env=wide, timeout=120, check=True
    )
    for words in (
        "März 2027",
        "Erste Woche",
        "Führungskraft, 4 Arbeitstage nach dem Start",
        "Ostermontag",
        "nur für Arbeitsweise",
    ):
        assert words in done.stdout
    assert max(map(len, done.stdout.splitlines())) <= 110
