"""Facts about journeys (`onboarding.journeys`, key employee id). Ids, dates and codes only."""

from datetime import date, datetime
from typing import Annotated, ClassVar, Literal

from pydantic import BaseModel, ConfigDict, Field

from shared.events.hr import EmployeeId
from shared.events.mentoring import Fact

TOPIC = "onboarding.journeys"
Owner = Literal["hire", "mentor", "manager", "coordinator"]
Rating = Annotated[int, Field(ge=1, le=5)]


class JourneyFact(Fact):
    TOPIC: ClassVar[str] = TOPIC
    employee_id: EmployeeId

    @property
    def subject(self) -> str:
        """The stream's key."""
        return self.employee_id


class PlannedMilestone(BaseModel):
    """A milestone as planned: `due` is a calendar day where the hire works."""

    model_config = ConfigDict(extra="ignore", frozen=True)
    id: str
    owner: Owner
    due: date
    optional: bool = False


class JourneyStarted(JourneyFact):
    """A hire's journey exists, pinned to this programme and version."""

    TYPE: ClassVar[str] = "onboarding.journey.started.v1"
    start_date: date
    programme: str
    programme_version: str
    manager_id: EmployeeId | None = None
    milestones: list[PlannedMilestone]


class JourneyRescheduled(JourneyFact):
    """The start date moved; `due` holds the new days of the milestones that were not done."""

    TYPE: ClassVar[str] = "onboarding.journey.rescheduled.v1"
    start_date: date
    due: dict[str, date]


class ManagerChanged(JourneyFact):
    """The journey has another manager (or none)."""

    TYPE: ClassVar[str] = "onboarding.journey.manager_changed.v1"
    manager_id: EmployeeId | None = None


class MilestoneCompleted(JourneyFact):
    """`completed_by` is an employee id or `system`; `cause` the kind of fact that completed it (`person`, `mentor_assigned`,
    `message_sent`, `meeting_held`, `survey_answered`)."""

    TYPE: ClassVar[str] = "onboarding.milestone.completed.v1"
    milestone_id: str
    completed_at: datetime
    completed_by: str
    cause: str


class MilestoneLate(JourneyFact):
    """The due day is over where the hire works and the milestone is not done."""

    TYPE: ClassVar[str] = "onboarding.milestone.late.v1"
    milestone_id: str
    due: date


class MilestoneWaived(JourneyFact):
    """The milestone is not needed for this person."""

    TYPE: ClassVar[str] = "onboarding.milestone.waived.v1"
    milestone_id: str
    waived_by: str


class MeetingHeld(JourneyFact):
    """Mentor and hire met for `minutes`; `meeting_id` is unique within the journey."""

    TYPE: ClassVar[str] = "onboarding.meeting.held.v1"
    meeting_id: str
    mentor_id: EmployeeId | None = None
    held_on: date
    minutes: Annotated[int, Field(ge=1, le=480)]
    reported_by: str


class SurveyAnswered(JourneyFact):
    """Ratings 1..5 by question id; free text never travels. `mentor_id` is the mentor at that time."""

    TYPE: ClassVar[str] = "onboarding.survey.answered.v1"
    survey_id: str
    mentor_id: EmployeeId | None = None
    ratings: dict[str, Rating]


class JourneyCancelled(JourneyFact):
    """The hire was rescinded: nothing of the journey is live."""

    TYPE: ClassVar[str] = "onboarding.journey.cancelled.v1"


class JourneyEnded(JourneyFact):
    """The journey is over: every milestone settled (`completed`) or the person left (`left`)."""

    TYPE: ClassVar[str] = "onboarding.journey.ended.v1"
    outcome: Literal["completed", "left"]


class JourneyReopened(JourneyFact):
    """A journey that had ended goes on (termination cancelled, hired again after a rescission)."""

    TYPE: ClassVar[str] = "onboarding.journey.reopened.v1"


ONBOARDING_EVENTS: tuple[type[Fact], ...] = (
    JourneyStarted,
    JourneyRescheduled,
    ManagerChanged,
    MilestoneCompleted,
    MilestoneLate,
    MilestoneWaived,
    MeetingHeld,
    SurveyAnswered,
    JourneyCancelled,
    JourneyEnded,
    JourneyReopened,
)
