"""The state of one employee's journey, and how facts change it.

Two folds, both pure: `evolve` takes our own facts (what `domain.decide` decided), `hear` what others told (a mentor, a
message, the times of HR's statements) and only remembers it. Topics are not ordered among themselves, so a mentor or a
sent message may be heard before the hire: it waits in `heard` and completes its milestone when the journey starts.
"""

from collections.abc import Callable, Mapping
from datetime import UTC, date, datetime, time, timedelta
from typing import Any, Literal
from zoneinfo import ZoneInfo

from pydantic import BaseModel, ConfigDict

from services.onboarding.programme import fact_key
from shared.events import Event, Fact
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
from shared.events.onboarding import (
    JourneyCancelled,
    JourneyEnded,
    JourneyReopened,
    JourneyRescheduled,
    JourneyStarted,
    ManagerChanged,
    MeetingHeld,
    MilestoneCompleted,
    MilestoneLate,
    MilestoneWaived,
    Owner,
    SurveyAnswered,
)

JourneyStatus = Literal["expected", "active", "completed", "left", "cancelled"]
"""`expected`: something was heard of the person, but no hire; there is no journey yet."""
MilestoneStatus = Literal["planned", "late", "done", "waived"]

TIMES_KEPT = 4  # of one kind of outside fact; the first since the journey's beginning matters, a person has few journeys
NO_ZONE = "UTC"  # where nobody told the hire's time zone
SYSTEM = "system"


class _State(BaseModel):
    model_config = ConfigDict(frozen=True, extra="ignore")


class MilestoneState(_State):
    """One milestone. `planned_at` is when it got its present due day; `settled_*` say who completed or waived it, when, why."""

    id: str
    owner: Owner
    due: date
    optional: bool = False
    planned_at: datetime
    status: MilestoneStatus = "planned"
    settled_at: datetime | None = None
    settled_by: str | None = None
    cause: str | None = None

    @property
    def settled(self) -> bool:
        """Done or waived: nothing more is expected."""
        return self.status in ("done", "waived")


class Meeting(_State):
    """One meeting of mentor and hire, as reported."""

    id: str
    held_on: date
    minutes: int
    mentor_id: str | None
    reported_by: str
    reported_at: datetime


class Answers(_State):
    """The ratings of one survey. Free text is kept elsewhere (`store.survey_comments`)."""

    ratings: dict[str, int]
    answered_at: datetime


class PastJourney(_State):
    """What is kept at hand of an earlier journey of the same person; the whole of it stays on the topic."""

    number: int
    start_date: date
    status: JourneyStatus
    programme: str
    programme_version: str
    started_at: datetime
    done: int
    required: int


class Heard(_State):
    """What others told. Times are those of the facts themselves; HR's are never taken as later than when they were read.

    `facts` holds, per kind (`fact_key`), when it happened; `over` is how HR ended the hire, if it did.
    """

    mentor_id: str | None = None
    facts: dict[str, list[datetime]] = {}
    hired_at: datetime | None = None
    start_date: date | None = None
    start_date_at: datetime | None = None
    over: Literal["cancelled", "left"] | None = None
    over_at: datetime | None = None


class Journey(_State):
    """One employee's journey. `number` counts this person's journeys from 1 (0: none yet).

    `since` is where this journey's part of the outside facts begins (None: all are its own); `wake_at` is the next
    instant at which the calendar alone changes something.
    """

    employee_id: str
    status: JourneyStatus = "expected"
    number: int = 0
    start_date: date | None = None
    programme: str | None = None
    programme_version: str | None = None
    manager_id: str | None = None
    started_at: datetime | None = None
    since: datetime | None = None
    milestones: dict[str, MilestoneState] = {}
    meetings: list[Meeting] = []
    surveys: dict[str, Answers] = {}
    past: list[PastJourney] = []
    heard: Heard = Heard()
    wake_at: datetime | None = None

    @property
    def live(self) -> bool:
        """Whether the person is (or is about to be) here: facts about the journey still happen."""
        return self.status in ("active", "completed")

    @property
    def mentor_id(self) -> str | None:
        """The present mentor."""
        return self.heard.mentor_id

    @property
    def had_mentor(self) -> bool:
        """Whether there is or was a mentor: who was released last week may still report a meeting of the week before."""
        return self.mentor_id is not None or bool(self.heard.facts.get(fact_key("mentor_assigned")))

    @property
    def progress(self) -> tuple[int, int]:
        """How many required milestones are done, and of how many; waived ones count on neither side."""
        counted = [each for each in self.milestones.values() if not each.optional and each.status != "waived"]
        return sum(each.status == "done" for each in counted), len(counted)

    @property
    def all_settled(self) -> bool:
        """Whether every required milestone is done or waived."""
        return all(each.settled for each in self.milestones.values() if not each.optional)


def day_end(day: date, time_zone: str | None) -> datetime:
    """The instant, in UTC, at which `day` is over in that IANA time zone."""
    return datetime.combine(day + timedelta(days=1), time(), ZoneInfo(time_zone or NO_ZONE)).astimezone(UTC)


def local_day(moment: datetime, time_zone: str | None) -> date:
    """The calendar day of an instant in that IANA time zone."""
    return moment.astimezone(ZoneInfo(time_zone or NO_ZONE)).date()


# What we decided ---------------------------------------------------------------------------------------------------


def evolve(journey: Journey, fact: Fact, at: datetime) -> Journey:
    """The journey after one of our own facts, recorded at `at`. Facts of other kinds change nothing."""
    change = _EVOLUTIONS.get(type(fact))
    return journey if change is None else change(journey, fact, at)


def _started(journey: Journey, fact: JourneyStarted, at: datetime) -> Journey:
    again = journey.number > 0
    return Journey(
        employee_id=journey.employee_id,
        status="active",
        number=journey.number + 1,
        start_date=fact.start_date,
        programme=fact.programme,
        programme_version=fact.programme_version,
        manager_id=fact.manager_id,
        started_at=at,
        since=(journey.heard.hired_at or at) if again else None,
        milestones={
            each.id: MilestoneState(id=each.id, owner=each.owner, due=each.due, optional=each.optional, planned_at=at)
            for each in fact.milestones
        },
        past=[*journey.past, _summary(journey)] if again else [],
        heard=journey.heard,
    )


def _summary(journey: Journey) -> PastJourney:
    done, required = journey.progress
    return PastJourney.model_validate(journey.model_dump() | {"done": done, "required": required})


def _rescheduled(journey: Journey, fact: JourneyRescheduled, at: datetime) -> Journey:
    moved = {
        id: _moved(milestone, fact.due[id], at)
        for id, milestone in journey.milestones.items()
        if id in fact.due and not milestone.settled
    }
    return journey.model_copy(update={"start_date": fact.start_date, "milestones": journey.milestones | moved})


def _moved(milestone: MilestoneState, due: date, at: datetime) -> MilestoneState:
    # One that was overdue and still is stays watched under its first planning; one that a corrected start date throws
    # into the past was never late in anybody's eyes.
    overdue_before_and_after = max(milestone.due, due) < at.date()
    planned_at = milestone.planned_at if overdue_before_and_after else at
    return milestone.model_copy(update={"due": due, "status": "planned", "planned_at": planned_at})


def _manager_changed(journey: Journey, fact: ManagerChanged, at: datetime) -> Journey:
    return journey.model_copy(update={"manager_id": fact.manager_id})


def _with_milestone(journey: Journey, id: str, **update: Any) -> Journey:
    milestone = journey.milestones.get(id)
    if milestone is None or milestone.status == "done":
        return journey
    return journey.model_copy(update={"milestones": journey.milestones | {id: milestone.model_copy(update=update)}})


def _completed(journey: Journey, fact: MilestoneCompleted, at: datetime) -> Journey:
    settled = {"settled_at": fact.completed_at, "settled_by": fact.completed_by, "cause": fact.cause}
    return _with_milestone(journey, fact.milestone_id, status="done", **settled)


def _late(journey: Journey, fact: MilestoneLate, at: datetime) -> Journey:
    return _with_milestone(journey, fact.milestone_id, status="late")


def _waived(journey: Journey, fact: MilestoneWaived, at: datetime) -> Journey:
    settled = {"settled_at": at, "settled_by": fact.waived_by, "cause": "waived"}
    return _with_milestone(journey, fact.milestone_id, status="waived", **settled)


def _met(journey: Journey, fact: MeetingHeld, at: datetime) -> Journey:
    meeting = Meeting(
        id=fact.meeting_id,
        held_on=fact.held_on,
        minutes=fact.minutes,
        mentor_id=fact.mentor_id,
        reported_by=fact.reported_by,
        reported_at=at,
    )
    return journey.model_copy(update={"meetings": [*journey.meetings, meeting]})


def _answered(journey: Journey, fact: SurveyAnswered, at: datetime) -> Journey:
    answers = Answers(ratings=fact.ratings, answered_at=at)
    return journey.model_copy(update={"surveys": journey.surveys | {fact.survey_id: answers}})


def _cancelled(journey: Journey, fact: JourneyCancelled, at: datetime) -> Journey:
    return journey.model_copy(update={"status": "cancelled"})


def _ended(journey: Journey, fact: JourneyEnded, at: datetime) -> Journey:
    return journey.model_copy(update={"status": fact.outcome})


def _reopened(journey: Journey, fact: JourneyReopened, at: datetime) -> Journey:
    # What fell due while nobody was here is not announced as late: it counts as planned now.
    open_again = {
        id: each.model_copy(update={"planned_at": at}) for id, each in journey.milestones.items() if each.status == "planned"
    }
    return journey.model_copy(update={"status": "active", "milestones": journey.milestones | open_again})


_EVOLUTIONS: Mapping[type[Fact], Callable[[Journey, Any, datetime], Journey]] = {
    JourneyStarted: _started,
    JourneyRescheduled: _rescheduled,
    ManagerChanged: _manager_changed,
    MilestoneCompleted: _completed,
    MilestoneLate: _late,
    MilestoneWaived: _waived,
    MeetingHeld: _met,
    SurveyAnswered: _answered,
    JourneyCancelled: _cancelled,
    JourneyEnded: _ended,
    JourneyReopened: _reopened,
}


# What others told --------------------------------------------------------------------------------------------------


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
        change |= {"over": None, "over_at": None}
    return change


def _start_date_told(heard: Heard, data: StartDateChanged | EmployeeUpdated, at: datetime) -> dict[str, Any]:
    if data.start_date is None or is_older(at, heard.start_date_at):
        return {}
    return {"start_date": data.start_date, "start_date_at": at}


def _rescinded(heard: Heard, data: HireRescinded, at: datetime) -> dict[str, Any]:
    return {"over": "cancelled", "over_at": at}


def _terminated(heard: Heard, data: EmployeeTerminated, at: datetime) -> dict[str, Any]:
    return {"over": "left", "over_at": at}


def _termination_cancelled(heard: Heard, data: TerminationCancelled, at: datetime) -> dict[str, Any]:
    return {"over": None, "over_at": None} if heard.over == "left" else {}


def is_older(at: datetime, than: datetime | None) -> bool:
    """Whether a statement made at `at` was overtaken by one made later (at the same instant: no, order decides)."""
    return than is not None and at < than


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
