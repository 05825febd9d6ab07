"""What others tell of a person: remembered as it is heard, decided upon elsewhere. Pure.

Topics are not ordered among themselves, so a mentor or a sent message may be heard before the hire: it waits in `heard`
and completes its milestone when the journey starts.
"""

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any

from pydantic import BaseModel

from services.onboarding.conditions import fact_key
from services.onboarding.journey import Heard, Journey, is_older
from shared.events import Event
from shared.events.hr import (
    EmployeeHired,
    EmployeeRehired,
    EmployeeTerminated,
    EmployeeUpdated,
    HireRescinded,
    StartDateChanged,
    TerminationCancelled,
)
from shared.events.mentoring import MentorAssigned, MentorReleased
from shared.events.notifications import MessageSent

TIMES_KEPT = 4  # of one kind of outside fact; the first since the journey's beginning matters, a person has few journeys
NOT_OVER: Mapping[str, Any] = {"over": None, "over_at": None, "last_day": None}


def hear(journey: Journey, event: Event[Any], now: datetime) -> Journey:
    """The journey with what the event tells remembered; events that need no memory change nothing."""
    memory = _MEMORIES.get(type(event.data))
    if memory is None:
        return journey
    # An HR system with a clock (or an effective date) ahead of ours must not outrank what it says later.
    change = memory(journey.heard, event.data, min(event.time, now))
    return journey.model_copy(update={"heard": journey.heard.model_copy(update=change)}) if change else journey


def _fact_at(heard: Heard, key: str, at: datetime) -> dict[str, Any]:
    return {"facts": heard.facts | {key: sorted([*heard.facts.get(key, []), at])[-TIMES_KEPT:]}}


def _mentor_assigned(heard: Heard, data: MentorAssigned, at: datetime) -> dict[str, Any]:
    return {"mentor_id": data.mentor_id} | _fact_at(heard, fact_key("mentor_assigned"), at)


def _mentor_released(heard: Heard, data: MentorReleased, at: datetime) -> dict[str, Any]:
    return {"mentor_id": None} if heard.mentor_id == data.mentor_id else {}


def _message_sent(heard: Heard, data: MessageSent, at: datetime) -> dict[str, Any]:
    return _fact_at(heard, fact_key("message_sent", data.template, data.recipient_role), at)


def _hired(heard: Heard, data: EmployeeHired | EmployeeRehired, at: datetime) -> dict[str, Any]:
    change: dict[str, Any] = {"hired_at": at}
    if not is_older(at, heard.start_date_at):
        change |= {"start_date": data.start_date, "start_date_at": at}
    if not is_older(at, heard.over_at):
        change |= NOT_OVER
    return change


def _start_date_told(heard: Heard, data: StartDateChanged | EmployeeUpdated, at: datetime) -> dict[str, Any]:
    if data.start_date is None or is_older(at, heard.start_date_at):
        return {}
    return {"start_date": data.start_date, "start_date_at": at}


def _rescinded(heard: Heard, data: HireRescinded, at: datetime) -> dict[str, Any]:
    return {"over": "cancelled", "over_at": at, "last_day": None}


def _terminated(heard: Heard, data: EmployeeTerminated, at: datetime) -> dict[str, Any]:
    return {"over": "left", "over_at": at, "last_day": data.last_day}


def _termination_cancelled(heard: Heard, data: TerminationCancelled, at: datetime) -> dict[str, Any]:
    return dict(NOT_OVER) if heard.over == "left" else {}


_MEMORIES: Mapping[type[BaseModel], Callable[[Heard, Any, datetime], dict[str, Any]]] = {
    MentorAssigned: _mentor_assigned,
    MentorReleased: _mentor_released,
    MessageSent: _message_sent,
    EmployeeHired: _hired,
    EmployeeRehired: _hired,
    EmployeeUpdated: _start_date_told,
    StartDateChanged: _start_date_told,
    HireRescinded: _rescinded,
    EmployeeTerminated: _terminated,
    TerminationCancelled: _termination_cancelled,
}
