"""`./firstmate templates` as somebody calls it who writes mails of their own, and what doctor says of these."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from deploy.doctor import template_findings
from shared.settings import Settings

ROOT = Path(__file__).parents[2]


def called(*arguments: str, **more: str) -> tuple[int, Any, str]:
    """Exit code, the JSON object of the last line, and standard error."""
    argv = [sys.executable, "-m", "deploy.cli", "templates", *arguments, "--json"]
    done = subprocess.run(argv, capture_output=True, text=True, cwd=ROOT, env={**os.environ, **more}, timeout=120, check=False)
    lines = done.stdout.splitlines()
    return done.returncode, json.loads(lines[-1]) if lines else None, done.stderr


@pytest.fixture
def own(tmp_path: Path) -> Path:
    """A company's folder with one fault and one link to a page that is none of ours."""
    (tmp_path / "de").mkdir()
    (tmp_path / "de" / "welcome.subject").write_text("Moin {{ hire.shoe_size }}")
    (tmp_path / "de" / "waitlisted.txt").write_text("Mehr:\n{{ links.home }}warteliste")
    (tmp_path / "de" / "waitlisted.subject").write_text("Moin, {{ reader.first }}")
    return tmp_path


def test_the_shipped_templates_pass_with_every_link_answered_by_a_page():
    code, found, _ = called("check")
    assert (code, found["faults"], found["doubts"]) == (0, [], [])
    assert found["languages"] == ["ar", "de", "en", "es", "fr"]


def test_check_names_faults_of_the_companys_folder_and_links_that_no_page_answers(own: Path):
    code, found, said = called("check", str(own))
    assert code == 1
    assert [(each["where"], each["line"]) for each in found["faults"]] == [("de/waitlisted.txt", 0), ("de/welcome.subject", 1)]
    assert "no page answers at '/warteliste'" in found["faults"][0]["message"]
    assert "2 faults" in said


def test_preview_writes_what_is_chosen_with_an_index_to_look_at(own: Path, tmp_path: Path):
    out = tmp_path / "out"
    code, found, said = called(
        *("preview", "waitlisted", "--language", "de", "--role", "coordinator", "--out", str(out)), FIRSTMATE_TEMPLATES=str(own)
    )
    assert code == 0
    assert {each["subject"] for each in found["previews"]} == {"Moin, Jonas"}
    assert "set aside, the shipped one is shown: de/welcome.subject, line 1" in said
    index = Path(found["index"]).read_text()
    for each in found["previews"]:
        assert f'src="{each["name"]}.html"' in index
        assert "Noch keine Begleitung" in (out / f"{each['name']}.html").read_text()
        assert (out / f"{each['name']}.txt").read_text().startswith("Mehr:")


@pytest.mark.parametrize("wrong", [("welcom",), ("--language", "tlh"), ("--role", "boss")])
def test_preview_of_what_there_is_none_of_names_what_there_is(wrong: tuple[str, ...]):
    code, found, said = called("preview", *wrong)
    assert (code, found) == (2, None)
    assert "choose one of: " in said


def test_doctor_names_what_is_set_aside_and_how_to_look_again(own: Path):
    (fault,) = template_findings(Settings(templates=own))
    assert (fault.check, fault.status) == ("templates", "warn")
    assert "de/welcome.subject, line 1" in fault.detail
    assert "templates check" in fault.advice
    (well,) = template_findings(Settings())
    assert (well.status, well.detail) == ("ok", "mails in ar, de, en, es, fr")
