"""The guides' examples are run as they stand: a guide that lies fails here."""

import asyncio
import json
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from services.matching import policy as matching_policy
from services.matching.policy_file import load_policy
from services.onboarding.programme_files import SHIPPED, read_programmes
from shared import kafka as shared_kafka
from shared.events import decode as decode_envelope
from shared.events import decode_record, envelope_from_json
from tests.connected.test_worker import records_of

ROOT = Path(__file__).parents[2]
GUIDES = ROOT / "docs" / "guides"


def blocks(guide: str, language: str) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", (GUIDES / guide).read_text(), re.DOTALL)


async def test_the_producer_example_sends_an_event_that_is_understood(kafka_url: str, tmp_path: Path) -> None:
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "endpoints.json").write_text(json.dumps({"kafka": kafka_url}))
    (program,) = blocks("connect-your-hr-system.md", "python")
    done = await asyncio.create_subprocess_exec(sys.executable, "-c", program, cwd=tmp_path)
    assert await done.wait() == 0
    (record,) = await records_of(kafka_url, "hr.employees", 6)
    ours = shared_kafka.to_record(record)
    event = decode_record(ours.topic, ours.value, ours.headers, ours.timestamp)
    assert (event.subject, event.data.start_date.isoformat()) == ("E-1001", "2027-01-11")


def test_the_http_example_is_an_event_that_is_understood() -> None:
    text = (GUIDES / "connect-your-hr-system.md").read_text()
    body = re.search(r"-d '(\{.*?\})'\n", text, re.DOTALL)
    assert body is not None
    assert decode_envelope(envelope_from_json(json.loads(body.group(1)))).type == "hr.employee.hired.v1"


def test_the_programme_example_is_a_valid_programme(tmp_path: Path) -> None:
    (programme,) = blocks("write-a-programme.md", "yaml")
    (tmp_path / "sales-remote.yaml").write_text(programme)
    shutil.copy(SHIPPED / "default.yaml", tmp_path)
    read_programmes(tmp_path)


@pytest.mark.parametrize("block", blocks("change-the-matching-policy.md", "yaml"))
def test_the_policy_examples_are_valid_changes_of_the_shipped_policy(block: str, tmp_path: Path) -> None:
    shipped = yaml.safe_load((Path(matching_policy.__file__).parent / "policy.yaml").read_text())
    for part, values in yaml.safe_load(block).items():
        shipped[part] |= values
    changed = tmp_path / "policy.yaml"
    changed.write_text(yaml.safe_dump(shipped))
    assert load_policy(changed).version != load_policy(None).version


def test_the_policy_commands_say_something(tmp_path: Path) -> None:
    text = (GUIDES / "change-the-matching-policy.md").read_text()
    commands = re.findall(r"\./firstmate policy ((?:check|explain|diff) [^#`\n]+)", text)
    assert len(commands) >= 5
    own, mentors = tmp_path / "my-policy.yaml", tmp_path / "mentors.csv"
    shutil.copy(Path(matching_policy.__file__).parent / "policy.yaml", own)
    mentors.write_text("kind,employee_id,name,start_date,capacity\nmentor,M-1,Ana,2020-01-06,2\n")
    for command in commands:
        if "--hire" in command or "VERSION" in command:  # these ask a running system
            continue
        words = command.replace("my-policy.yaml", str(own)).replace("mentors.csv", str(mentors)).split()
        argv = [sys.executable, "-m", "deploy.cli", "policy", *words, "--json"]
        done = subprocess.run(argv, capture_output=True, text=True, cwd=ROOT, timeout=120, check=False)
        assert done.returncode == 0, done.stderr
        assert json.loads(done.stdout.splitlines()[-1])


def test_every_link_in_the_documents_leads_somewhere() -> None:
    documents = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *GUIDES.glob("*.md"), *(ROOT / "docs" / "decisions").glob("*.md")]
    broken = [
        f"{document.name}: {target}"
        for document in documents
        for target in re.findall(r"\]\((?!https?:)([^)#]+)\)", document.read_text())
        if not (document.parent / target).exists()
    ]
    assert broken == []
