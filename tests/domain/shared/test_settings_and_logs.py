"""The edges of a process: what it is told, and what it says."""

import json
import logging

import pytest
import structlog

from shared import logs
from shared.settings import Settings


def test_lists_are_given_as_comma_separated_text(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FIRSTMATE_COORDINATORS", "E-1, E-2,")
    monkeypatch.setenv("FIRSTMATE_PEERS", "matching=http://127.0.0.1:1")
    settings = Settings()
    assert settings.coordinators == ["E-1", "E-2"]
    assert settings.peers == ["matching=http://127.0.0.1:1"]


def test_secrets_do_not_show_in_what_is_printed() -> None:
    assert "hush" not in repr(Settings(secret="hush", token="hush"))


def test_logs_are_one_json_object_a_line_that_names_the_service(capsys: pytest.CaptureFixture[str]) -> None:
    try:
        logs.configure("onboarding")
        structlog.get_logger().info("batch_committed", event_ids=["e-1"])
        logging.getLogger("library").warning("a library speaks")
        lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    finally:
        structlog.reset_defaults()
        logging.basicConfig(force=True)
    assert [line["service"] for line in lines] == ["onboarding", "onboarding"]
    assert lines[0]["event_ids"] == ["e-1"]
    assert lines[1]["event"] == "a library speaks"
    assert all(line["timestamp"].endswith("Z") for line in lines)
