"""What each fact changes of a mentor or a hire, pure. What follows from it is decided elsewhere, from states alone."""

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any

from services.matching.domain import Hire, Mentor
from shared.events.hr import (
    EmployeeHired,
    EmployeeRehired,
    EmployeeTerminated,
    HireRescinded,
    TerminationCancelled,
)
from shared.events.mentoring import (
    MentorChanged,
    MentorEnrolled,
    MentorNominated,
    MentorTrained,
    MentorWithdrawn,
)
from shared.events.onboarding import JourneyCancelled, JourneyEnded, JourneyReopened, JourneyStarted, MeetingHeld, SurveyAnswered

ABOUT_THE_MENTOR = frozenset({"match_quality", "availability"})
"""The survey questions whose answers rate the mentor, by their ids in the programme."""


def rating_of(fact: SurveyAnswered) -> int | None:
    """The mean of the answers about the mentor in hundredths (100 to 500), rounded down; None where there is none."""
    ratings = [rating for question, rating in fact.ratings.items() if question in ABOUT_THE_MENTOR]
    return sum(ratings) * 100 // len(ratings) if ratings and fact.mentor_id else None


def _enrolled(mentor: Mentor | None, fact: MentorEnrolled, at: datetime) -> Mentor:
    told = {"capacity": fact.capacity, "trained": fact.trained, "traits": fact.traits, "endorsed_by": fact.endorsed_by}
    untrained = {} if fact.trained else {"trained_on": None}
    return _told_late(_newest(mentor or STRANGER, at, status="active", available_from=None, **told, **untrained), at)


def _nominated(mentor: Mentor | None, fact: MentorNominated, at: datetime) -> Mentor:
    before = _newest(mentor or STRANGER, at, traits=fact.traits, endorsed_by=fact.endorsed_by)
    if before.status in ("active", "paused"):
        return before  # a mentor already: somebody vouches for them all the same
    trained = before.trained_on is not None
    return _told_late(_newest(before, at, status="nominated", capacity=fact.capacity, trained=trained, available_from=None), at)


def _trained(mentor: Mentor | None, fact: MentorTrained, at: datetime) -> Mentor:
    before = mentor or STRANGER
    accepted = {"status": "active"} if before.status == "nominated" else {}
    return _newest(before, at, trained=True, trained_on=fact.trained_on, **accepted)


def _changed(mentor: Mentor | None, fact: MentorChanged, at: datetime) -> Mentor:
    before = mentor or STRANGER
    told = fact.model_dump(exclude={"mentor_id"}, exclude_none=True)
    if before.status == "withdrawn" and "status" in told:
        # Who has withdrawn comes back by enrolling, not by a change of detail; but the enrolment may be told after this.
        told["word"] = told.pop("status")
    return _newest(before, at, **told, **({"trained_on": None} if fact.trained is False else {}))


def _withdrawn(mentor: Mentor | None, _: MentorWithdrawn, at: datetime) -> Mentor:
    return _newest(mentor or STRANGER, at, status="withdrawn")


STRANGER = Mentor(status="withdrawn", stranger=True)


def _newest(mentor: Mentor, at: datetime, **told: Any) -> Mentor:
    """The mentor with what is told, but for fields of which a later word is known; at one time the one that comes later counts.

    A state of an older version does not tell when anything was said: there any word is the newer one.
    """
    said = mentor.said
    newer = {name: value for name, value in told.items() if name not in said or at >= said[name]}
    return mentor.model_copy(update=newer | {"said": said | dict.fromkeys(newer, at)})


def _told_late(mentor: Mentor, at: datetime) -> Mentor:
    """With what was said after this enrolment or nomination, and came before it."""
    trained_at, word_at = mentor.said.get("trained_on", at), mentor.said.get("word", at)
    if mentor.status == "nominated" and mentor.trained_on is not None and trained_at > at:
        mentor = _newest(mentor, trained_at, status="active")
    if mentor.status in ("nominated", "active") and mentor.word is not None and word_at > at:
        mentor = _newest(mentor, word_at, status=mentor.word)
    return mentor.model_copy(update={"stranger": False})


MENTOR_FOLDS: Mapping[type, Callable[[Mentor | None, Any, datetime], Mentor]] = {
    MentorEnrolled: _enrolled,
    MentorNominated: _nominated,
    MentorTrained: _trained,
    MentorChanged: _changed,
    MentorWithdrawn: _withdrawn,
}
"""What each fact about a mentor, told at a time, changes. In whatever order they come, the later word on each field stands."""


NOT_ENDED: dict[str, Any] = {"ended": None, "ended_at": None, "last_day": None}


def _hired(hire: Hire, _: EmployeeHired | EmployeeRehired, at: datetime) -> Hire:
    if hire.ended_at is not None and at < hire.ended_at:
        return hire.model_copy(
            update={"hired": True, "hired_at": hire.hired_at or at}
        )  # told late: what ended it was said after it
    begins = not hire.hired or hire.ended is not None  # HR may send two events for one hire
    begun = {"hirings": hire.hirings + 1, "hired_at": at, "waited": False} if begins else {}
    return hire.model_copy(update={"hired": True} | NOT_ENDED | begun)


def _rescinded(hire: Hire, _: HireRescinded, at: datetime) -> Hire:
    return hire.model_copy(update={"ended": "hire_rescinded", "ended_at": at, "last_day": None})


def _terminated(hire: Hire, fact: EmployeeTerminated, at: datetime) -> Hire:
    ahead = fact.last_day is not None and fact.last_day >= at.date()
    return hire.model_copy(update={"ended": "hire_terminated", "ended_at": at, "last_day": fact.last_day if ahead else None})


def _stays(hire: Hire, _: TerminationCancelled, __: datetime) -> Hire:
    return hire.model_copy(update=NOT_ENDED) if hire.ended == "hire_terminated" else hire


def _journey_began(hire: Hire, _: JourneyStarted | JourneyReopened, __: datetime) -> Hire:
    return hire.model_copy(update={"journey": "running", "journeys": hire.journeys + 1})


def _journey_cancelled(hire: Hire, _: JourneyCancelled, __: datetime) -> Hire:
    return hire.model_copy(update={"journey": "cancelled"})


def _journey_ended(hire: Hire, fact: JourneyEnded, _: datetime) -> Hire:
    return hire.model_copy(update={"journey": fact.outcome})


def _met(hire: Hire, fact: MeetingHeld, _: datetime) -> Hire:
    return hire.model_copy(update={"met": sorted({*hire.met, fact.mentor_id})}) if fact.mentor_id else hire


HIRE_FOLDS: Mapping[type, Callable[[Hire, Any, datetime], Hire]] = {
    EmployeeHired: _hired,
    EmployeeRehired: _hired,
    HireRescinded: _rescinded,
    EmployeeTerminated: _terminated,
    TerminationCancelled: _stays,
    JourneyStarted: _journey_began,
    JourneyReopened: _journey_began,
    JourneyCancelled: _journey_cancelled,
    JourneyEnded: _journey_ended,
    MeetingHeld: _met,
}
"""What each fact about a hire, told at a time, changes; facts that are not here change at most the directory."""
