"""Whichever of HR's words comes late, onboarding and notifications agree on who is to come, when, to whom, and until when."""

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from itertools import permutations
from typing import Any

import pytest

from services.notifications.correspondence import Correspondence
from services.notifications.facts import evolve
from services.onboarding.domain import step
from services.onboarding.journey import Journey
from services.onboarding.programme import PERSON_FIELDS, Person
from services.onboarding.programme_files import read_programmes
from shared.directory import Directory
from shared.events import Event, new_event
from shared.events.hr import (
    EmployeeHired,
    EmployeeTerminated,
    EmployeeUpdated,
    HireRescinded,
    HrEvent,
    StartDateChanged,
    TerminationCancelled,
)

NOW = datetime(2027, 1, 4, 9, tzinfo=UTC)
PROGRAMMES = read_programmes()
HIRED = EmployeeHired(
    employee_id="E-1", display_name="Ada", manager_id="B-1", start_date="2027-02-01", location="FR", time_zone="Europe/Paris"
)
SAID: dict[str, HrEvent] = {
    "moved": StartDateChanged(employee_id="E-1", start_date="2027-03-01"),
    "another manager": EmployeeUpdated(employee_id="E-1", manager_id="B-2"),
    "leaves": EmployeeTerminated(employee_id="E-1", last_day="2027-04-01"),
    "left": EmployeeTerminated(employee_id="E-1"),
    "stays": TerminationCancelled(employee_id="E-1"),
    "rescinded": HireRescinded(employee_id="E-1"),
}


def _orders() -> Iterator[tuple[str, ...]]:
    """A hire and what HR says then; the cancellation of a termination says nothing of a rescission."""
    for count in (1, 2, 3):
        for said in permutations(SAID, count):
            if not {"stays", "rescinded"} <= set(said):
                yield said


def _heard(said: Sequence[str], late: int) -> list[Event[Any]]:
    words = [HIRED, *(SAID[name] for name in said)]
    times = [NOW + timedelta(minutes=10 * number) for number in range(len(words))]
    events = [new_event(word, source="/hr", id=f"{at}", time=at) for word, at in zip(words, times, strict=True)]
    return [*events[:late], *events[late + 1 :], events[late]]


def _followed(events: Sequence[Event[Any]]) -> tuple[Journey, Correspondence]:
    directory, journey, letters = Directory(PERSON_FIELDS), Journey(employee_id="E-1"), Correspondence(employee_id="E-1")
    now = NOW + timedelta(hours=1)
    for event in events:
        if directory.is_overtaken(event):
            continue
        directory.apply(event, now)
        journey, _ = step(journey, event, Person.of(directory.get("E-1")), PROGRAMMES, now)
        letters = evolve(letters, event, now)
    return journey, letters


@pytest.mark.parametrize("said", list(_orders()), ids=", ".join)
def test_the_services_agree_whichever_word_comes_late(said: tuple[str, ...]) -> None:
    for late in range(len(said) + 1):
        journey, letters = _followed(_heard(said, late))
        assert (letters.status == "expected") is (journey.status == "active"), f"{late} was late"
        if journey.status == "active":
            ours = (journey.start_date, journey.manager_id, journey.last_day)
            assert (letters.start_date, letters.manager_id, letters.last_day) == ours, f"{late} was late"
