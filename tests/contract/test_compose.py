"""The compose file: taken by compose itself where there is one, and held against the code everywhere."""

import os
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from deploy.kafka_jars import locked
from deploy.run import PROCESSES
from shared.settings import Settings
from shared.topics import SERVICES
from shared.tracing import OTLP

FILE = Path(__file__).parents[2] / "deploy" / "compose" / "compose.yaml"
OURS = (*SERVICES, "web", "topics")
SECRET = "0123456789abcdef0123456789abcdef"


def compose() -> list[str] | None:
    """The command of a compose of version 2 or newer, or None."""
    for command in ([os.environ["COMPOSE"]] if "COMPOSE" in os.environ else []), ["docker", "compose"], ["docker-compose"]:
        if command and shutil.which(command[0]):
            done = subprocess.run([*command, "version", "--short"], capture_output=True, text=True, timeout=60, check=False)
            if done.returncode == 0 and not done.stdout.startswith(("1.", "v1.")):
                return command
    return None


@pytest.fixture(scope="module")
def services() -> dict[str, Any]:
    found: dict[str, Any] = yaml.safe_load(FILE.read_text())["services"]
    return found


def test_every_process_is_started_with_settings_that_there_are(services: dict[str, Any]) -> None:
    assert set(OURS) <= set(services)
    for name in OURS:
        service = services[name]
        for variable in service["environment"]:
            known = variable.removeprefix("FIRSTMATE_").lower() in Settings.model_fields or variable in OTLP
            assert known, (name, variable)
        if name != "topics":
            assert service["command"] == ["run", name]
            assert name in PROCESSES
        assert service["read_only"] is True
        assert service["cap_drop"] == ["ALL"]


def test_a_service_can_have_several_containers_each_with_a_name_of_its_own(services: dict[str, Any]) -> None:
    for name in SERVICES:
        assert services[name]["environment"]["FIRSTMATE_KAFKA_GROUPS"].endswith(":-true}")
        assert "FIRSTMATE_INSTANCE" not in services[name]["environment"], "one name for all of them"
        assert not {"hostname", "container_name"} & services[name].keys()
        assert not services[name].get("ports"), "two can't have one port of the machine"


def test_nothing_starts_before_what_it_stands_on_is_well(services: dict[str, Any]) -> None:
    assert services["topics"]["depends_on"] == {"kafka": {"condition": "service_healthy"}}
    for name in SERVICES:
        assert services[name]["depends_on"] == {
            "topics": {"condition": "service_completed_successfully"},
            "mongo": {"condition": "service_healthy"},
        }
    assert set(services["web"]["depends_on"]) == set(SERVICES)
    assert all("healthcheck" in services[name] for name in ("kafka", "mongo"))


def test_topics_are_made_by_the_job_alone_and_ports_stay_on_this_machine(services: dict[str, Any]) -> None:
    assert services["kafka"]["environment"]["KAFKA_AUTO_CREATE_TOPICS_ENABLE"] == "false"
    for service in services.values():
        assert all(port.startswith("127.0.0.1:") for port in service.get("ports", []))


def test_the_broker_is_of_the_version_that_the_tests_run(services: dict[str, Any]) -> None:
    (version,) = {jar.version for jar in locked() if jar.artifact == "kafka_2.13"}
    assert services["kafka"]["image"] == f"apache/kafka:{version}"


def test_what_is_mounted_is_there(services: dict[str, Any]) -> None:
    for service in services.values():
        for volume in service.get("volumes", []):
            if volume.startswith("."):
                assert (FILE.parent / volume.split(":")[0]).resolve().exists(), volume


def test_compose_takes_the_file_and_refuses_it_without_a_secret() -> None:
    command = compose()
    if command is None:
        pytest.skip("no compose of version 2 answers to `docker compose`; COMPOSE may name one")
    bare = {name: value for name, value in os.environ.items() if not name.startswith("FIRSTMATE_")}
    call = [*command, "-f", str(FILE), "--profile", "watch", "config", "--quiet"]
    done = subprocess.run(call, capture_output=True, text=True, env={**bare, "FIRSTMATE_SECRET": SECRET}, timeout=60, check=False)
    assert done.returncode == 0, done.stderr
    refused = subprocess.run(call, capture_output=True, text=True, env=bare, timeout=60, check=False)
    assert refused.returncode != 0
    assert "long random text" in refused.stderr
