"""What people and the clock ask of a journey. Commands take the same road as facts and never leave the service."""

from datetime import date
from typing import Annotated, ClassVar

from pydantic import BaseModel, ConfigDict, Field

from shared.events.hr import EmployeeId
from shared.events.onboarding import Rating


class Command(BaseModel):
    """Common to all: the employee whose journey it is."""

    model_config = ConfigDict(frozen=True)
    TYPE: ClassVar[str]

    employee_id: EmployeeId

    @property
    def subject(self) -> str:
        """The stream's key."""
        return self.employee_id


class CompleteMilestone(Command):
    """Someone says that it is done; `completed_by` is an employee id, or `operator`."""

    TYPE: ClassVar[str] = "onboarding.complete_milestone"
    milestone_id: str
    completed_by: str


class WaiveMilestone(Command):
    """Someone says that this person does not need it."""

    TYPE: ClassVar[str] = "onboarding.waive_milestone"
    milestone_id: str
    waived_by: str


class LogMeeting(Command):
    """Mentor and hire met; the same `meeting_id` again changes nothing."""

    TYPE: ClassVar[str] = "onboarding.log_meeting"
    meeting_id: Annotated[str, Field(min_length=1, max_length=64, pattern=r"^[A-Za-z0-9._:-]+$")]
    held_on: date
    minutes: Annotated[int, Field(ge=1, le=480)]
    reported_by: str


class AnswerSurvey(Command):
    """The hire's ratings by question id. `comment` stays with its owner and the coordinators and never travels."""

    TYPE: ClassVar[str] = "onboarding.answer_survey"
    survey_id: str
    ratings: dict[str, Rating]
    comment: Annotated[str, Field(max_length=4000)] = ""


class ReviewDueDays(Command):
    """The clock asks what has become late, and who is still here on a retention day."""

    TYPE: ClassVar[str] = "onboarding.review_due_days"
