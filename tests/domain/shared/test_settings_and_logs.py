"""The edges of a process: what it is told, and what it says."""

import json
import logging
from typing import Any

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


def test_no_log_line_holds_what_an_exception_quotes(capsys: pytest.CaptureFixture[str]) -> None:
    def failing(value: str) -> None:
        raise ValueError(f"'{value}' is no date")

    try:
        logs.configure("onboarding")
        try:
            failing("Ada Okafor")
        except ValueError as error:
            structlog.get_logger().exception("own")
            structlog.get_logger().error("given", exc_info=error)
            logging.getLogger("library").exception("a library fails\nover 'Ada Okafor'")
            logging.getLogger("library").error("another", exc_info=error)
        printed = capsys.readouterr().out
    finally:
        structlog.reset_defaults()
        logging.basicConfig(force=True)
    assert "Okafor" not in printed
    lines = [json.loads(line) for line in printed.splitlines()]
    assert [line["event"] for line in lines] == ["own", "given", "a library fails", "another"]
    assert all(line["error"] == "ValueError" and line["at"][-1].endswith("failing") for line in lines)


def test_a_client_that_reaches_nobody_says_so_seldom_and_how_often() -> None:
    seldom = logs.Seldom()

    def said(at: float, name: str = "aiokafka.client", line: int = 7, **also: Any) -> str | None:
        record = logging.LogRecord(name, logging.ERROR, "client.py", line, "Unable to reach %s", (1,), also.get("exc_info"))
        record.created = at
        return record.getMessage() if seldom.filter(record) else None

    assert said(100.0) == "Unable to reach 1"
    assert [said(100.1), said(109.9)] == [None, None]
    assert said(100.1, line=8) == "Unable to reach 1"  # another place
    assert said(110.1) == "Unable to reach 1 (and 2 times more since it was last told)"
    assert said(120.2) == "Unable to reach 1"
    error = (ValueError, ValueError("x"), None)
    assert said(120.3, exc_info=error) == "Unable to reach 1"  # somebody has to look at it
    assert [said(1.0, "uvicorn.error"), said(1.1, "uvicorn.error")] == ["Unable to reach 1"] * 2  # nobody's client
