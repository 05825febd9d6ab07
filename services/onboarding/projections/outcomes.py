"""Outcomes: what came of each journey of a person, as far as figures about the programme need it. No words, no names."""

from collections.abc import Callable, Mapping
from datetime import date, datetime
from typing import Any

from pydantic import BaseModel, ConfigDict

from services.onboarding.projections.stored import Stored
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


NOT_ENDED: Stored = {"last_day": None, "left_on": None, "completed_on": None, "cancelled": False}


def fold_outcomes(before: Stored | None, event: Event[Any]) -> Stored | None:
    """The outcomes after an event of `TOPICS`, in the form that is stored: an `Outcomes` as JSON."""
    row = before or {"employee_id": event.subject, "journeys": [], "assigned_at": []}
    if isinstance(event.data, MentorAssigned):
        return {**row, "assigned_at": [*row["assigned_at"], event.stamp][:ASSIGNMENTS_KEPT]}
    if isinstance(event.data, JourneyStarted):
        return {**row, "journeys": [*row["journeys"], _begun(event)]}
    change = _CHANGES.get(type(event.data))
    if change is None or not row["journeys"]:
        return before
    *earlier, present = row["journeys"]
    return {**row, "journeys": [*earlier, {**present, **change(present, event)}]}


def may_show_in_outcomes(kind: type[Fact], value: bytes) -> bool:
    """Whether a fact of this kind changes outcomes."""
    return kind in _CHANGES or kind in (MentorAssigned, JourneyStarted)


def _begun(event: Event[JourneyStarted]) -> Stored:
    known = {"start_date": event.data.start_date.isoformat(), "known_at": event.stamp, "programme": event.data.programme}
    return {**known, "meetings": [], "answers": [], **NOT_ENDED}


def _ended(journey: Stored, event: Event[JourneyEnded]) -> Stored:
    on = event.time.date().isoformat()
    if event.data.outcome == "completed":
        return {"completed_on": on}
    return {"left_on": journey["last_day"] or on}


def _answered(journey: Stored, event: Event[SurveyAnswered]) -> Stored:
    return {"answers": [*journey["answers"], {"at": event.stamp, "ratings": event.data.ratings}]}


_CHANGES: Mapping[type[Fact], Callable[[Stored, Event[Any]], Stored]] = {
    JourneyRescheduled: lambda journey, event: {"start_date": event.data.start_date.isoformat()},
    MeetingHeld: lambda journey, event: {"meetings": [*journey["meetings"], event.data.held_on.isoformat()]},
    SurveyAnswered: _answered,
    LeavingPlanned: lambda journey, event: {"last_day": event.data.last_day.isoformat()},
    LeavingCancelled: lambda journey, event: {"last_day": None},
    JourneyEnded: _ended,
    JourneyCancelled: lambda journey, event: {"cancelled": True},
    JourneyReopened: lambda journey, event: NOT_ENDED,
}
