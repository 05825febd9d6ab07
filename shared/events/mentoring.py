"""Facts about mentors (`mentoring.mentors`, key mentor id) and about pairs (`mentoring.assignments`, key employee id).

Ids, codes and decisions only: names and addresses never travel on our own topics.
"""

from datetime import date
from typing import Annotated, ClassVar, Literal

from pydantic import BaseModel, ConfigDict, Field

from shared.events.hr import EmployeeId

MENTORS_TOPIC = "mentoring.mentors"
ASSIGNMENTS_TOPIC = "mentoring.assignments"
MAX_CAPACITY = 20  # nobody mentors more people at once and does it well; a larger number is a typing error

Capacity = Annotated[int, Field(ge=0, le=MAX_CAPACITY)]
Trait = Literal["sensibility", "confidence", "social_skills", "reliability"]
Points = Annotated[int, Field(ge=0, le=10_000)]


class Fact(BaseModel):
    """Base of our own payloads: tolerant reader, never changed after creation."""

    model_config = ConfigDict(extra="ignore", frozen=True)
    TYPE: ClassVar[str]
    TOPIC: ClassVar[str]


class MentorFact(Fact):
    TOPIC: ClassVar[str] = MENTORS_TOPIC
    mentor_id: EmployeeId

    @property
    def subject(self) -> str:
        """The stream's key."""
        return self.mentor_id


class MentorEnrolled(MentorFact):
    """Someone volunteers. `traits` is the nomination checklist, `endorsed_by` the employee who vouches for it."""

    TYPE: ClassVar[str] = "mentoring.mentor.enrolled.v1"
    capacity: Capacity = 2
    trained: bool = True
    traits: list[Trait] = []
    endorsed_by: EmployeeId | None = None


class MentorChanged(MentorFact):
    """Capacity, training or availability changed; fields not sent stay as they are. `available_from` ends a leave."""

    TYPE: ClassVar[str] = "mentoring.mentor.changed.v1"
    capacity: Capacity | None = None
    trained: bool | None = None
    status: Literal["active", "paused"] | None = None
    available_from: date | None = None


class MentorNominated(MentorFact):
    """Somebody is put forward as a mentor: the checklist and who vouches for them. They get nobody until trained or accepted."""

    TYPE: ClassVar[str] = "mentoring.mentor.nominated.v1"
    capacity: Capacity = 2
    traits: list[Trait] = []
    endorsed_by: EmployeeId | None = None


class MentorTrained(MentorFact):
    """The mentor training is done, since that day; it also accepts a nomination."""

    TYPE: ClassVar[str] = "mentoring.mentor.trained.v1"
    trained_on: date


class MentorWithdrawn(MentorFact):
    """The person no longer mentors; their mentees are matched again."""

    TYPE: ClassVar[str] = "mentoring.mentor.withdrawn.v1"


class AssignmentFact(Fact):
    TOPIC: ClassVar[str] = ASSIGNMENTS_TOPIC
    employee_id: EmployeeId

    @property
    def subject(self) -> str:
        """The stream's key."""
        return self.employee_id


class Contribution(BaseModel):
    """One criterion's part in a score: `value` 0..10000, `weight` the policy's, `points` what it added to the score."""

    model_config = ConfigDict(extra="ignore", frozen=True)
    criterion: str
    weight: int
    value: Points
    points: Points


ReleaseCause = Literal[
    "hire_rescinded",
    "hire_terminated",
    "mentor_paused",
    "mentor_withdrew",
    "mentor_left",
    "reporting_line",
    "journey_ended",
    "coordinator",
]


class MentorAssigned(AssignmentFact):
    """The hire has this mentor from now on. `score` is 0..10000 and equals the sum of the contributions' points.

    `previous_mentor_id` is set when this replaces an earlier mentor (who needs no `released` of their own),
    and `previous_cause` then says why; who asked for it is nobody's business here.
    """

    TYPE: ClassVar[str] = "mentoring.assignment.assigned.v1"
    mentor_id: EmployeeId
    score: Points
    contributions: list[Contribution] = []
    runner_up_ids: list[EmployeeId] = []
    decided_by: str = "policy"
    policy_version: str
    previous_mentor_id: EmployeeId | None = None
    previous_cause: ReleaseCause | None = None


class MentorReleased(AssignmentFact):
    """The hire no longer has this mentor and, for now, no other."""

    TYPE: ClassVar[str] = "mentoring.assignment.released.v1"
    mentor_id: EmployeeId
    cause: ReleaseCause


class HireWaitlisted(AssignmentFact):
    """No mentor is possible now. `ruled_out` counts mentors by the hard rule that excluded them first."""

    TYPE: ClassVar[str] = "mentoring.assignment.waitlisted.v1"
    ruled_out: dict[str, int] = {}
    policy_version: str


class HireUnlisted(AssignmentFact):
    """A waitlisted hire needs no mentor any more (rescinded, left)."""

    TYPE: ClassVar[str] = "mentoring.assignment.unlisted.v1"
    cause: ReleaseCause


MENTORING_EVENTS: tuple[type[Fact], ...] = (
    MentorEnrolled,
    MentorNominated,
    MentorTrained,
    MentorChanged,
    MentorWithdrawn,
    MentorAssigned,
    MentorReleased,
    HireWaitlisted,
    HireUnlisted,
)
