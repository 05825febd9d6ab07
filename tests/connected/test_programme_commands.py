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
