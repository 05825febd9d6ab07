"""`./firstmate policy` on files and on a real system's data, and what doctor says of a policy."""

import json
import os
import subprocess
import sys
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import pytest

from deploy import doctor
from services.matching import policies
from services.matching.policy_file import SHIPPED, PolicyError, load_policy, parse_policy
from shared.mongo import Client
from shared.worker import prepare_database
from tests.connected.matching_company import NOW, Company, company, enrolled, hired, known

ROOT = Path(__file__).parents[2]
Command = Callable[..., tuple[int, Any, str, str]]


@pytest.fixture
def command(mongo_url: str) -> Command:
    """Call `firstmate policy ... --json`; gives exit code, the JSON object, standard output and standard error."""

    def call(*arguments: str, **more: str) -> tuple[int, Any, str, str]:
        variables = {**os.environ, "FIRSTMATE_MONGO": mongo_url, **more}
        argv = [sys.executable, "-m", "deploy.cli", "policy", *arguments, "--json"]
        done = subprocess.run(argv, capture_output=True, text=True, cwd=ROOT, env=variables, timeout=120, check=False)
        lines = done.stdout.splitlines()
        return done.returncode, json.loads(lines[-1]) if lines else None, done.stdout, done.stderr

    return call


@pytest.fixture
async def room(mongo_client: Client) -> AsyncIterator[Company]:
    """The database that commands look at, with a hire and two mentors of whom one is their manager."""
    db = mongo_client["matching"]
    await prepare_database(db)
    yield await company(
        db,
        known("M-1", title="Data Engineer", department="Finance", languages=["en-C1"], interests=["Chess"]),
        known("B-1"),
        enrolled("M-1", 2),
        enrolled("B-1", 2),
        hired(
            "H-1", title="Senior Data Engineer", department="Platform", manager_id="B-1", languages=["en"], interests=["chess"]
        ),
    )
    await mongo_client.drop_database("matching")


def test_check_tells_every_fault_with_its_line_and_fails(command: Command, tmp_path: Path) -> None:
    broken = tmp_path / "own.yaml"
    broken.write_text("name: own\ncriteria:\n  rolle: {weight: 3}\n  site: {weight: many}\n")
    code, found, _, said = command("check", str(broken))
    assert code == 1
    assert [(fault["line"], fault["field"]) for fault in found["faults"]] == [(4, "criteria.site.weight"), (3, "criteria.rolle")]
    assert found["ok"] is False
    assert "own.yaml:3: criteria.rolle: unknown criterion; did you mean role?" in said


def test_check_of_a_good_policy_counts_whom_each_rule_excludes(command: Command, room: Company) -> None:
    code, found, words, _ = command("check", str(SHIPPED))
    assert code == 0
    assert found == {
        "ok": True,
        "faults": [],
        "policy": str(SHIPPED),
        "version": load_policy().version,
        "mentors": 2,
        "excluded": {},
        "excludes_everyone": [],
    }
    assert "no rule excludes anybody" in words


def test_check_names_a_rule_that_excludes_everyone(command: Command, room: Company, tmp_path: Path) -> None:
    strict = tmp_path / "strict.yaml"
    strict.write_text("name: strict\nrules: {minimum_tenure_days: 3650}\ncriteria: {role: {weight: 1}}\n")
    code, found, words, said = command("check", str(strict))
    assert (code, found["excludes_everyone"]) == (1, ["tenure_too_short"])
    assert "2 mentors have not been here long enough" in words
    assert "rules.minimum_tenure_days: ask for fewer days: with it every new hire waits" in said


def test_check_takes_mentors_from_a_table(command: Command, tmp_path: Path) -> None:
    table = tmp_path / "mentors.csv"
    table.write_text(
        "kind,employee_id,name,start_date,capacity,trained\nmentor,M-1,Ana,2020-01-06,2,no\nmentor,M-2,Bo,2020-01-06,2,no\n"
    )
    code, found, _, said = command("check", str(SHIPPED), "--mentors", str(table))
    assert (code, found["mentors"], found["excludes_everyone"]) == (1, 2, ["not_trained"])
    assert "rules.training_required" in said
    table.write_text("kind,employee_id,name,capacity\nmentor,M-1,Ana,lots\n")
    code, _, _, said = command("check", str(SHIPPED), "--mentors", str(table))
    assert code == 1
    assert "mentors.csv:2: capacity" in said


def test_the_policy_in_force_is_that_of_the_settings(command: Command, tmp_path: Path) -> None:
    own = tmp_path / "own.yaml"
    own.write_text("name: own\ncriteria: {role: {weight: 1}}\n")
    code, found, words, _ = command("explain", FIRSTMATE_POLICY_FILE=str(own))
    assert code == 0
    assert [(one["criterion"], one["share"]) for one in found["criteria"]] == [("role", 10_000)]
    assert "100  Role: the same role family earns 60 %" in words
    assert any(rule.startswith("Only mentors who have done the training") for rule in found["rules"])


def test_explain_says_how_a_pairs_score_comes_about(command: Command, room: Company) -> None:
    code, found, words, _ = command("explain", "--hire", "H-1", "--mentor", "M-1")
    assert code == 0
    assert sum(one["points"] for one in found["criteria"]) == found["score"]
    assert all(one["points"] == one["value"] * one["share"] // 10_000 for one in found["criteria"])
    assert found["rules_against"] == []
    assert found["decided"]["policy_version"] == load_policy().version
    assert found["decided"]["score"] == found["score"]
    assert "Both speak English (C1)" in words
    code, found, words, _ = command("explain", "--hire", "H-1", "--mentor", "B-1", "--language", "de")
    assert code == 0
    assert [rule["rule"] for rule in found["rules_against"]] == ["own_manager"]
    assert {one["label"] for one in found["criteria"]} >= {"Tätigkeit", "Kenntnisse"}


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (("--hire", "H-9", "--mentor", "M-1"), 1, "H-9 is nobody whom the HR system has told of"),
        (("--hire", "H-1", "--mentor", "H-1"), 1, "H-1 is no mentor"),
        (("--hire", "H-1"), 2, "name both --hire and --mentor"),
        (("standard@000000000000",), 1, "was never in force here; those that were: none"),
        (("nowhere.yaml",), 1, "nowhere.yaml:1: the policy can't be read"),
    ],
)
def test_what_is_not_there_is_said(command: Command, room: Company, arguments: tuple[str, ...], code: int, said: str) -> None:
    found = command("explain", *arguments)
    assert found[0] == code
    assert said in found[3]


async def test_a_version_that_was_in_force_explains_itself_later(command: Command, room: Company, tmp_path: Path) -> None:
    old = parse_policy("name: old\ncriteria: {role: {weight: 1}, tenure: {weight: 1, curve: [[0, 10], [9, 90]]}}")
    await policies.remember(room.db, old, NOW)
    await policies.remember(room.db, old, NOW.replace(year=2030))
    assert (await policies.recall(room.db, old.version)) == old
    code, found, _, _ = command("explain", old.version, "--hire", "H-1", "--mentor", "M-1")
    assert (code, found["policy_version"], len(found["criteria"])) == (0, old.version, 2)
    code, found, _, _ = command("versions")
    assert (code, found) == (0, {"versions": [{"version": old.version, "since": NOW.isoformat()}]})
    new = tmp_path / "new.yaml"
    new.write_text(
        "name: new\nrules: {minimum_tenure_days: 1}\ncriteria: {role: {weight: 3, same_family: 50}, load: {weight: 1}}\n"
    )
    code, found, words, _ = command("diff", old.version, str(new))
    assert code == 0
    assert [one["field"] for one in found["differences"]] == [
        *("role", "tenure", "load", "criteria.role.same_family", "rules.minimum_tenure_days")
    ]
    assert "Role counts 75 instead of 50 of 100 points" in words
    assert "Time at the company no longer counts: it was 50 of 100 points" in words
    assert "Free places is new: it counts 25 of 100 points" in words
    assert "role.same_family is 50 instead of 60" in words
    assert "rules.minimum_tenure_days is 1 instead of 180" in words


async def test_a_stored_policy_that_this_release_cannot_read_says_so(room: Company) -> None:
    await room.db[policies.COLLECTION].insert_one({"_id": "x@1", "content": {"name": "x", "luck": 3}, "since": NOW})
    with pytest.raises(PolicyError, match="x@1:1: this release does not know 2 of its settings"):
        await policies.recall(room.db, "x@1")


def test_diff_of_equal_policies_finds_nothing(command: Command) -> None:
    code, found, words, _ = command("diff", str(SHIPPED), str(SHIPPED))
    assert (code, found["differences"]) == (0, [])
    assert "Both count and rule alike." in words


async def test_doctor_names_a_broken_policy_and_rules_that_leave_nobody(
    room: Company, mongo_client: Client, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    own = tmp_path / "own.yaml"
    monkeypatch.setenv("FIRSTMATE_POLICY_FILE", str(own))
    finding, policy = doctor.policy_finding()
    assert (finding.status, policy) == ("fail", None)
    own.write_text("name: own\nrules: {minimum_tenure_days: 3650}\ncriteria: {role: {weight: 1}}\n")
    finding, policy = doctor.policy_finding()
    assert finding.status == "ok"
    assert policy is not None
    (warned,) = await doctor.rule_findings(mongo_client, policy, lambda: NOW)
    assert (warned.status, warned.detail) == ("warn", "its rule tenure_too_short excludes every mentor: every new hire waits")
