"""Outcomes: what came of each journey of a person, as far as figures about the programme need it. No words, no names."""

from collections.abc import Callable, Mapping
from datetime import date, datetime
from typing import Any

from pydantic import BaseModel, ConfigDict

from shared.events import Event, Fact
from shared.events.mentoring import MentorAssigned
from shared.events.onboarding import (
    JourneyCancelled,
    JourneyEnded,
    JourneyReopened,
    JourneyRescheduled,
    JourneyStarted,
    LeavingCancelled,
    LeavingPlanned,
    MeetingHeld,
    SurveyAnswered,
)

ASSIGNMENTS_KEPT = 50  # somebody with more mentors than these is a test


class _Model(BaseModel):
    model_config = ConfigDict(frozen=True, extra="ignore")


class Answer(_Model):
    """Ratings 1..5 by question, and the instant they were given."""

    at: datetime
    ratings: dict[str, int]


class Outcome(_Model):
    """One journey. `known_at` is when it began to exist, `left_on` the last day of somebody who left, `completed_on` the day on
    which everything was settled: nothing is told of a person after it."""

    start_date: date
    known_at: datetime
    programme: str
    meetings: list[date] = []
    answers: list[Answer] = []
    last_day: date | None = None
    left_on: date | None = None
    completed_on: date | None = None
    cancelled: bool = False


class Outcomes(_Model):
    """A person's journeys, oldest first, and when they were given mentors: each topic tells its own part."""

    employee_id: str
    journeys: list[Outcome] = []
    assigned_at: list[datetime] = []


def fold_outcomes(before: Outcomes | None, event: Event[Any]) -> Outcomes | None:
    """The outcomes after an event of `TOPICS`."""
    row = before or Outcomes(employee_id=event.subject)
    if isinstance(event.data, MentorAssigned):
        return row.model_copy(update={"assigned_at": [*row.assigned_at, event.time][:ASSIGNMENTS_KEPT]})
    if isinstance(event.data, JourneyStarted):
        begun = Outcome(start_date=event.data.start_date, known_at=event.time, programme=event.data.programme)
        return row.model_copy(update={"journeys": [*row.journeys, begun]})
    change = _CHANGES.get(type(event.data))
    if change is None or not row.journeys:
        return before
    present = row.journeys[-1].model_copy(update=change(row.journeys[-1], event))
    return row.model_copy(update={"journeys": [*row.journeys[:-1], present]})


def _ended(journey: Outcome, event: Event[JourneyEnded]) -> dict[str, Any]:
    on = event.time.date()
    if event.data.outcome == "completed":
        return {"completed_on": on}
    return {"left_on": journey.last_day or on}


def _answered(journey: Outcome, event: Event[SurveyAnswered]) -> dict[str, Any]:
    return {"answers": [*journey.answers, Answer(at=event.time, ratings=event.data.ratings)]}


_CHANGES: Mapping[type[Fact], Callable[[Outcome, Event[Any]], dict[str, Any]]] = {
    JourneyRescheduled: lambda journey, event: {"start_date": event.data.start_date},
    MeetingHeld: lambda journey, event: {"meetings": [*journey.meetings, event.data.held_on]},
    SurveyAnswered: _answered,
    LeavingPlanned: lambda journey, event: {"last_day": event.data.last_day},
    LeavingCancelled: lambda journey, event: {"last_day": None},
    JourneyEnded: _ended,
    JourneyCancelled: lambda journey, event: {"cancelled": True},
    JourneyReopened: lambda journey, event: {"left_on": None, "last_day": None, "completed_on": None, "cancelled": False},
}
