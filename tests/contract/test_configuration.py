"""What a process is told wrongly comes out all at once, by name and with the fix, before it connects to anything."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from deploy import configuration
from shared.settings import Settings

ROOT = Path(__file__).parents[2]
VALUES = ROOT / "deploy" / "helm" / "firstmate" / "values.schema.json"
# What the chart says itself, and folders that it mounts.
CHARTS_OWN = {"kafka", "kafka_groups", "mongo", "instance", "secret", "token", "listen", "health_port", "data_dir", "mail_dir"}
CHARTS_OWN |= {"peers", "policy_file", "programmes_dir", "sample_sign_in", "smtp_password", "traces_dir"}
CHARTS_OWN |= {"kafka_password", "kafka_password_file"}
RANDOM = "0123456789abcdef0123456789abcdef"


@pytest.fixture(autouse=True)
def _bare(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [name for name in os.environ if name.startswith("FIRSTMATE_")]:
        monkeypatch.delenv(name)


def faults(monkeypatch: pytest.MonkeyPatch, process: str, **variables: str) -> dict[str, str]:
    """The words of each fault by setting; `variables` are FIRSTMATE_ ones without the prefix, in lower case."""
    for name, value in variables.items():
        monkeypatch.setenv(f"FIRSTMATE_{name.upper()}", value)
    settings, found = configuration.read(process, os.environ)
    assert (settings is None) == bool(found)
    return {fault.setting: fault.words for fault in found}


def test_everything_wrong_is_told_at_once_also_beside_values_that_cannot_be_read(monkeypatch: pytest.MonkeyPatch) -> None:
    found = faults(
        monkeypatch,
        "notifications",
        health_port="many",
        mails_per_day="-1",
        kafka="kafka",
        mongo="kafka:9092",
        smtp="mail",
        mail_hours="at night",
        mail_from="nobody",
        instance="2",
        log_level="LOUD",
        web_url="firstmate.example.org",
    )
    names = "health_port mails_per_day kafka mongo smtp mail_hours mail_from instance log_level web_url secret"
    assert set(found) == {f"FIRSTMATE_{name.upper()}" for name in names.split()}
    assert "07:00-20:00" in found["FIRSTMATE_MAIL_HOURS"]
    assert "FIRSTMATE_KAFKA_GROUPS=true" in found["FIRSTMATE_INSTANCE"]


def test_replicas_that_share_partitions_are_named_after_their_hosts_where_nobody_names_them(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    assert Settings().instance == "0"
    monkeypatch.setenv("FIRSTMATE_KAFKA_GROUPS", "true")
    names = []
    for host in ("4f1c0e", "9ab2d7"):  # two containers of `compose up --scale onboarding=2`
        monkeypatch.setattr("socket.gethostname", lambda host=host: host)
        settings, found = configuration.read("onboarding", os.environ)
        assert found == []
        assert settings is not None
        names.append(settings.instance)
    assert names == ["4f1c0e", "9ab2d7"]
    monkeypatch.setenv("FIRSTMATE_INSTANCE", "onboarding-1")
    assert Settings().instance == "onboarding-1"


def test_all_that_is_wrong_about_a_secured_kafka_is_told_at_once(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "ca.pem").write_text("no certificate")
    found = faults(monkeypatch, "matching", kafka_security="sasl_tls", kafka_ca_file=str(tmp_path / "ca.pem"))
    names = {"KAFKA", "KAFKA_CA_FILE", "KAFKA_USER", "KAFKA_PASSWORD"}
    assert set(found) == {f"FIRSTMATE_{name}" for name in names}
    assert "no certificate in PEM" in found["FIRSTMATE_KAFKA_CA_FILE"]


@pytest.mark.parametrize(
    ("given", "wrong"),
    [
        ({"kafka_security": "ssl"}, {"KAFKA_SECURITY"}),
        (
            {"kafka_user": "hr", "kafka_password": "x", "kafka_ca_file": "ca.pem"},
            {"KAFKA_USER", "KAFKA_PASSWORD", "KAFKA_CA_FILE"},
        ),
        ({"kafka_security": "tls", "kafka_user": "hr", "kafka_password_file": "f"}, {"KAFKA_USER", "KAFKA_PASSWORD_FILE"}),
        ({"kafka_security": "tls", "kafka_ca_file": "/nowhere/ca.pem"}, {"KAFKA_CA_FILE"}),
        ({"kafka_security": "sasl_tls", "kafka_user": "hr", "kafka_password_file": "/nowhere"}, {"KAFKA_PASSWORD_FILE"}),
        (
            {"kafka_security": "sasl_tls", "kafka_user": "hr", "kafka_password": "x", "kafka_password_file": "/nowhere"},
            {"KAFKA_PASSWORD"},
        ),
        (
            {"kafka_security": "sasl_tls", "kafka_user": "hr", "kafka_password": "x", "kafka_sasl_mechanism": "GSSAPI"},
            {"KAFKA_SASL_MECHANISM"},
        ),
        ({"kafka_security": "sasl_tls", "kafka_user": "hr", "kafka_password": "x"}, set()),
        ({"kafka_security": "plaintext", "kafka_ca_file": "", "kafka_user": "", "kafka_password": ""}, set()),
    ],
)
def test_what_can_t_be_true_together_about_kafka_is_named(
    monkeypatch: pytest.MonkeyPatch, given: dict[str, str], wrong: set[str]
) -> None:
    assert set(faults(monkeypatch, "matching", kafka="kafka:9093", **given)) == {f"FIRSTMATE_{name}" for name in wrong}


def test_traces_are_sent_to_a_url_and_by_http_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", "collector:4317")
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_PROTOCOL", "grpc")
    found = faults(monkeypatch, "matching")
    assert set(found) == {"OTEL_EXPORTER_OTLP_ENDPOINT", "OTEL_EXPORTER_OTLP_PROTOCOL"}
    assert "4318" in found["OTEL_EXPORTER_OTLP_PROTOCOL"]
    assert "http://" in found["OTEL_EXPORTER_OTLP_ENDPOINT"]


@pytest.mark.parametrize("process", ["matching", "onboarding", "mailsink"])
def test_one_machine_needs_to_be_told_nothing(monkeypatch: pytest.MonkeyPatch, process: str) -> None:
    assert faults(monkeypatch, process) == {}


@pytest.mark.parametrize(
    ("process", "variables", "setting"),
    [
        ("web", {}, "secret"),
        ("web", {"secret": "short"}, "secret"),
        ("web", {"secret": RANDOM, "token": RANDOM}, "token"),
        ("web", {"secret": RANDOM, "listen": "0.0.0.0:8080"}, "web_url"),
        ("web", {"secret": RANDOM, "listen": "8080"}, "listen"),
        ("web", {"secret": RANDOM, "peers": "http://matching:8081"}, "peers"),
        ("onboarding", {"instance": "1"}, "instance"),
        ("onboarding", {"programmes_dir": "/nowhere"}, "programmes_dir"),
        ("onboarding", {"health_port": "70000"}, "health_port"),
        ("matching", {"approval_hours": "24"}, "approval_hours"),
        ("matching", {"policy_file": "/nowhere/policy.yaml"}, "policy_file"),
        ("notifications", {"secret": RANDOM, "smtp_user": "firstmate"}, "smtp_password"),
        ("notifications", {"secret": RANDOM, "smtp_ca_file": "/nowhere/ca.pem"}, "smtp_ca_file"),
        ("notifications", {"secret": RANDOM, "templates": "/nowhere"}, "templates"),
        ("notifications", {"secret": RANDOM, "chat_file": "/nowhere/chat.yaml"}, "chat_file"),
        ("web", {"secret": RANDOM, "chat_file": "/nowhere/chat.yaml"}, "chat_file"),
        ("matching", {"office_zone": "Mars/Olympus"}, "office_zone"),
    ],
)
def test_each_contradiction_names_its_setting_alone(
    monkeypatch: pytest.MonkeyPatch, process: str, variables: dict[str, str], setting: str
) -> None:
    assert list(faults(monkeypatch, process, **variables)) == [f"FIRSTMATE_{setting.upper()}"]


@pytest.mark.parametrize(
    ("process", "variables"),
    [
        ("web", {"secret": RANDOM, "token": "another", "listen": "0.0.0.0:8080", "web_url": "https://firstmate.example.org"}),
        ("onboarding", {"instance": "1", "kafka_groups": "true"}),
        ("matching", {"instance": "1"}),  # one owner, others stand by: no partitions are shared
        ("matching", {"approval_hours": "24", "coordinators": "E-1"}),
        ("notifications", {"secret": RANDOM, "mail_hours": "always", "mongo": "mongodb+srv://u:p@db.example.org"}),
    ],
)
def test_what_mends_them_is_accepted(monkeypatch: pytest.MonkeyPatch, process: str, variables: dict[str, str]) -> None:
    assert faults(monkeypatch, process, **variables) == {}


def test_a_misspelt_setting_is_told_with_the_one_that_was_meant() -> None:
    words = [str(each) for each in configuration.unknown({"FIRSTMATE_KAFKA_GROUP": "true", "FIRSTMATE_KAFKA": "x", "PATH": ""})]
    assert words == ["FIRSTMATE_KAFKA_GROUP: is no setting; did you mean FIRSTMATE_KAFKA_GROUPS?"]


def test_a_process_ends_with_every_fault_and_without_having_connected() -> None:
    variables = {"FIRSTMATE_KAFKA": "nowhere", "FIRSTMATE_MONGO": "mongodb://127.0.0.1:1/", "FIRSTMATE_HEALTH_PORT": "x"}
    bare = {name: value for name, value in os.environ.items() if not name.startswith("FIRSTMATE_")}
    done = subprocess.run(
        [sys.executable, "-m", "deploy.run", "web"],
        capture_output=True,
        text=True,
        cwd=ROOT,
        env={**bare, **variables},
        timeout=120,
        check=False,
    )
    lines = [json.loads(line) for line in done.stdout.splitlines()]
    assert done.returncode == 2
    assert {line["event"] for line in lines} == {"settings_wrong"}  # no line that says it started
    assert {line["words"].split(":")[0] for line in lines} == {
        "FIRSTMATE_KAFKA",
        "FIRSTMATE_HEALTH_PORT",
        "FIRSTMATE_SECRET",
    }


def test_the_chart_takes_every_setting_that_is_not_its_own() -> None:
    taken = set(json.loads(VALUES.read_text())["properties"]["settings"]["properties"])
    assert taken == set(Settings.model_fields) - CHARTS_OWN, "name it in values.schema.json under settings, or in CHARTS_OWN"
