"""The demo holds, also when a service is killed in the middle of it."""

import json
from typing import Any

import pytest

from deploy.demo import SERVICES, demo

EXPECTED = {
    "hires": 25,
    "assigned": 21,
    "waitlisted": 3,
    "rescinded": 1,
    "journeys": 24,
    "welcomes": 24,
    "dead_letters": 3,
    "problems": [],
}
"""The rescinded hire is counted in none but `hires`; each service that reads HR's topic has the unreadable event."""


def summary(printed: str) -> dict[str, Any]:
    said: dict[str, Any] = json.loads(printed.strip().splitlines()[-1])
    return {name: said[name] for name in EXPECTED}


@pytest.mark.slow
@pytest.mark.parametrize("killed", [None, *SERVICES], ids=lambda service: service or "nobody")
async def test_the_demo_ends_alike_whoever_is_killed_in_the_middle(
    killed: str | None, capsys: pytest.CaptureFixture[str]
) -> None:
    code = await demo(as_json=True, kill=killed)
    printed = capsys.readouterr().out
    assert summary(printed) == EXPECTED, printed
    assert code == 0


async def test_a_service_that_is_not_there_can_not_be_killed(capsys: pytest.CaptureFixture[str]) -> None:
    assert await demo(kill="payroll") == 2
    assert "matching, onboarding, notifications" in capsys.readouterr().out
