"""Mentors and hires: what is known of each, when a hire needs a mentor, and what a decision makes of both.

Facts of HR and of journeys are folded apart from each other, each in the order of its topic, and only together they say
whether a hire needs a mentor: so it does not matter which topic runs ahead.
"""

from collections.abc import Callable, Mapping
from datetime import date, datetime
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, computed_field

from shared.events import Fact
from shared.events.hr import (
    EmployeeHired,
    EmployeeRehired,
    EmployeeTerminated,
    HireRescinded,
    TerminationCancelled,
)
from shared.events.mentoring import (
    Capacity,
    Contribution,
    HireUnlisted,
    HireWaitlisted,
    MentorAssigned,
    MentorChanged,
    MentorEnrolled,
    MentorReleased,
    MentorWithdrawn,
    ReleaseCause,
    Trait,
)
from shared.events.onboarding import JourneyCancelled, JourneyEnded, JourneyReopened, JourneyStarted, MeetingHeld


class _State(BaseModel):
    model_config = ConfigDict(frozen=True)


class Mentor(_State):
    """Somebody who volunteers. `mentees` are the hires who have them as mentor now, in the order of their ids."""

    capacity: Capacity = 2
    trained: bool = True
    status: Literal["active", "paused", "withdrawn"] = "active"
    available_from: date | None = None
    traits: list[Trait] = []
    endorsed_by: str | None = None
    mentees: list[str] = []

    @computed_field  # type: ignore[prop-decorator]
    @property
    def load(self) -> int:
        """How many live mentees: stored beside them, so that the database can compare it with the capacity."""
        return len(self.mentees)

    def with_mentee(self, hire_id: str) -> "Mentor":
        """The mentor after taking somebody on."""
        return self.model_copy(update={"mentees": sorted({*self.mentees, hire_id})})

    def without_mentee(self, hire_id: str) -> "Mentor":
        """The mentor after somebody went; no mentee of theirs is no error."""
        return self.model_copy(update={"mentees": [id for id in self.mentees if id != hire_id]})


class Reason(Contribution):
    """One criterion's part with the facts behind it (numbers and codes, no text about a person)."""

    evidence: dict[str, Any] = Field(default_factory=dict)

    def contribution(self) -> Contribution:
        """What the event tells of it: no evidence, which is the database's alone."""
        return Contribution(criterion=self.criterion, weight=self.weight, value=self.value, points=self.points)


class RunnerUp(_State):
    """A mentor who was possible too, with the points by criterion."""

    mentor_id: str
    score: int
    points: dict[str, int]
    taken: bool = False


class Change(_State):
    """The smallest change that would have picked a runner-up: see `engine.Change`."""

    mentor_id: str
    difference: int
    criterion: str | None = None
    value: int = 0
    needed: int = 0


class Decision(_State):
    """An assignment with everything that explains it. `score` is the sum of the reasons' points.

    `decided_by` is `policy`, or whoever overrode it, with their `reason` and the rules they set aside.
    """

    mentor_id: str
    score: int
    reasons: list[Reason]
    runners_up: list[RunnerUp] = []
    change: Change | None = None
    policy_version: str
    decided_by: str = "policy"
    decided_at: datetime
    reason: str | None = None
    rules_set_aside: list[str] = []


class NearMiss(_State):
    """A mentor who would fit but for `rule`, the first of the `failing` ones."""

    mentor_id: str
    rule: str
    failing: list[str]
    score: int


class Waitlisting(_State):
    """Why a hire waits, as found `as_of`: excluded mentors by rule, and the nearest misses. `since` says how long already."""

    since: datetime
    as_of: datetime
    ruled_out: dict[str, int]
    nearest: list[NearMiss] = []
    policy_version: str


class PastPair(_State):
    """A pair that is over. `cause` is the release's, or `replaced` when another mentor followed at once."""

    mentor_id: str
    since: datetime
    until: datetime
    cause: str
    met: bool = False


Status = Literal["none", "assigned", "waitlisted", "released"]


class Hire(_State):
    """A person as matching sees one.

    `hired`, `hirings` (how often they became expected) and `ended` (by what was told at `ended_at`) fold HR's facts;
    `journey` and `journeys` (how often one began) those of onboarding. `met` are the mentors they have met, `excluded`
    those they must not get. `hired_at` is when HR told of the latest hiring; `waited`: no mentor was possible at some time since.
    """

    hired: bool = False
    hirings: int = 0
    hired_at: datetime | None = None
    waited: bool = False
    ended: Literal["hire_rescinded", "hire_terminated"] | None = None
    ended_at: datetime | None = None
    journey: Literal["none", "running", "completed", "cancelled", "left"] = "none"
    journeys: int = 0
    met: list[str] = []
    excluded: list[str] = []
    status: Status = "none"
    decision: Decision | None = None
    waiting: Waitlisting | None = None
    history: list[PastPair] = []

    @property
    def mentor_id(self) -> str | None:
        """The mentor they have now."""
        return self.decision.mentor_id if self.decision is not None and self.status == "assigned" else None

    @property
    def over(self) -> ReleaseCause | None:
        """Why no mentor is needed, or None for a hire who needs one. Nobody told of as a hire needs one either.

        An end of a journey counts only once that journey is the latest hiring's: an older one's may arrive late. That somebody
        left is HR's to say.
        """
        if self.ended is not None or not self.hired:
            return self.ended or "hire_rescinded"
        if self.journeys >= self.hirings and self.journey in ("completed", "cancelled"):
            return "journey_ended" if self.journey == "completed" else "hire_rescinded"
        return None


def _enrolled(mentor: Mentor | None, fact: MentorEnrolled) -> Mentor:
    mentees = mentor.mentees if mentor is not None else []
    return Mentor(capacity=fact.capacity, trained=fact.trained, traits=fact.traits, endorsed_by=fact.endorsed_by, mentees=mentees)


def _changed(mentor: Mentor | None, fact: MentorChanged) -> Mentor | None:
    # Who has withdrawn comes back by enrolling, not by a change of detail that was under way.
    if mentor is None or mentor.status == "withdrawn":
        return mentor
    return mentor.model_copy(update=fact.model_dump(exclude={"mentor_id"}, exclude_none=True))


def _withdrawn(mentor: Mentor | None, _: MentorWithdrawn) -> Mentor | None:
    return mentor.model_copy(update={"status": "withdrawn"}) if mentor is not None else None


MENTOR_FOLDS: Mapping[type, Callable[[Mentor | None, Any], Mentor | None]] = {
    MentorEnrolled: _enrolled,
    MentorChanged: _changed,
    MentorWithdrawn: _withdrawn,
}


def _hired(hire: Hire, _: EmployeeHired | EmployeeRehired, at: datetime) -> Hire:
    if hire.ended_at is not None and at < hire.ended_at:
        return hire.model_copy(
            update={"hired": True, "hired_at": hire.hired_at or at}
        )  # told late: what ended it was said after it
    begins = not hire.hired or hire.ended is not None  # HR may send two events for one hire
    begun = {"hirings": hire.hirings + 1, "hired_at": at, "waited": False} if begins else {}
    return hire.model_copy(update={"hired": True, "ended": None, "ended_at": None} | begun)


def _rescinded(hire: Hire, _: HireRescinded, at: datetime) -> Hire:
    return hire.model_copy(update={"ended": "hire_rescinded", "ended_at": at})


def _terminated(hire: Hire, _: EmployeeTerminated, at: datetime) -> Hire:
    return hire.model_copy(update={"ended": "hire_terminated", "ended_at": at})


def _stays(hire: Hire, _: TerminationCancelled, __: datetime) -> Hire:
    return hire.model_copy(update={"ended": None, "ended_at": None}) if hire.ended == "hire_terminated" else hire


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


def lost_mentor(mentor: Mentor, *, left: bool, reporting_line: bool, excluded: bool) -> ReleaseCause | None:
    """Why a pair can't go on, or None. Capacity, training and tenure decide about new pairs only: they tear nobody apart."""
    if left:
        return "mentor_left"
    if mentor.status != "active":
        return "mentor_paused" if mentor.status == "paused" else "mentor_withdrew"
    if reporting_line:
        return "reporting_line"
    return "coordinator" if excluded else None


def assign(id: str, hire: Hire, decision: Decision) -> tuple[Hire, MentorAssigned]:
    """The hire with this decision's mentor, in place of any former one, and the fact to tell."""
    previous = hire.mentor_id
    after = hire.model_copy(
        update={
            "status": "assigned",
            "decision": decision,
            "waiting": None,
            "history": _with_past(hire, "replaced", decision.decided_at),
        }
    )
    return after, MentorAssigned(
        employee_id=id,
        mentor_id=decision.mentor_id,
        score=decision.score,
        contributions=[reason.contribution() for reason in decision.reasons],
        runner_up_ids=[runner.mentor_id for runner in decision.runners_up],
        decided_by=decision.decided_by,
        policy_version=decision.policy_version,
        previous_mentor_id=previous,
    )


def wait(id: str, hire: Hire, waiting: Waitlisting) -> tuple[Hire, HireWaitlisted | None]:
    """The hire on the waitlist, or still there with fresh reasons (then nothing is told)."""
    if hire.status == "waitlisted" and hire.waiting is not None:
        return hire.model_copy(update={"waiting": waiting.model_copy(update={"since": hire.waiting.since})}), None
    after = hire.model_copy(update={"status": "waitlisted", "waiting": waiting, "waited": True})
    return after, HireWaitlisted(employee_id=id, ruled_out=waiting.ruled_out, policy_version=waiting.policy_version)


def release(id: str, hire: Hire, cause: ReleaseCause, now: datetime) -> tuple[Hire, Fact | None]:
    """The hire without a mentor and off the waitlist, and the fact to tell, if there was anything to end."""
    after = hire.model_copy(
        update={"status": "released", "decision": None, "waiting": None, "history": _with_past(hire, cause, now)}
    )
    if hire.mentor_id is not None:
        return after, MentorReleased(employee_id=id, mentor_id=hire.mentor_id, cause=cause)
    if hire.status == "waitlisted":
        return after, HireUnlisted(employee_id=id, cause=cause)
    return hire, None


def _with_past(hire: Hire, cause: str, until: datetime) -> list[PastPair]:
    if hire.decision is None or hire.status != "assigned":
        return hire.history
    mentor_id = hire.decision.mentor_id
    past = PastPair(mentor_id=mentor_id, since=hire.decision.decided_at, until=until, cause=cause, met=mentor_id in hire.met)
    return [*hire.history, past]
