"""What people and the clock ask of a journey. Commands take the same road as facts and never leave the service."""

from datetime import date
from typing import Annotated, ClassVar

from pydantic import BaseModel, ConfigDict, Field, StringConstraints

from shared.events.hr import EmployeeId
from shared.events.onboarding import Minutes, Owner, Rating

COMMENT_LENGTH = 4_000  # characters of free text in a survey: two pages

MilestoneId = Annotated[str, Field(min_length=1, max_length=64, pattern=r"^[a-z][a-z0-9_]*$")]
FreeWords = Annotated[str, StringConstraints(strip_whitespace=True, max_length=500)]
Reminders = Annotated[list[Annotated[int, Field(ge=-90, le=90)]], Field(max_length=10)]
EscalateAfter = Annotated[int, Field(ge=1, le=90)]
A_DAY_BEFORE = (-1,)  # when the owner of a milestone that one person alone has is reminded, unless somebody chose otherwise
Title = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=120)]


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
    """Someone says that this person does not need it; `reason` stays beside the journey."""

    TYPE: ClassVar[str] = "onboarding.waive_milestone"
    milestone_id: str
    reason: FreeWords = ""
    waived_by: str


class ReopenMilestone(Command):
    """Someone says that a waived milestone is needed after all."""

    TYPE: ClassVar[str] = "onboarding.reopen_milestone"
    milestone_id: str
    reason: FreeWords = ""
    reopened_by: str


class AddMilestone(Command):
    """A milestone for this person alone. The same `milestone_id` again changes nothing; without one it gets the next free.

    `title` and `reason` are free words: they stay beside the journey and never travel. `remind` counts days from the due day,
    as a programme's milestones do: negative before it. `escalate_after` so many days, somebody else hears that it is open.
    """

    TYPE: ClassVar[str] = "onboarding.add_milestone"
    milestone_id: MilestoneId | None = None
    title: Title
    owner: Owner
    due: date
    optional: bool = False
    remind: Reminders = Field(default=[*A_DAY_BEFORE])
    escalate_after: EscalateAfter | None = None
    reason: FreeWords = ""
    added_by: str


class MoveMilestone(Command):
    """Another day for a milestone of this person."""

    TYPE: ClassVar[str] = "onboarding.move_milestone"
    milestone_id: str
    due: date
    reason: FreeWords = ""
    moved_by: str


class ReassignMilestone(Command):
    """Another owner for a milestone of this person."""

    TYPE: ClassVar[str] = "onboarding.reassign_milestone"
    milestone_id: str
    owner: Owner
    reason: FreeWords = ""
    reassigned_by: str


class ChangeProgramme(Command):
    """Follow the present version of this programme from now on: another one, or the journey's own as it is now."""

    TYPE: ClassVar[str] = "onboarding.change_programme"
    programme: str
    reason: FreeWords = ""
    decided_by: str


class PauseJourney(Command):
    """The person is away from `since` (today where it is left out), which may be over or lie ahead; `until` is the day they are
    back, where it is known. No reason is asked for."""

    TYPE: ClassVar[str] = "onboarding.pause_journey"
    since: date | None = None
    until: date | None = None
    paused_by: str


class ResumeJourney(Command):
    """The person is back today, or will not be away after all."""

    TYPE: ClassVar[str] = "onboarding.resume_journey"
    resumed_by: str


class LogMeeting(Command):
    """Mentor and hire met; the same `meeting_id` again changes nothing."""

    TYPE: ClassVar[str] = "onboarding.log_meeting"
    meeting_id: Annotated[str, Field(min_length=1, max_length=64, pattern=r"^[A-Za-z0-9._:-]+$")]
    held_on: date
    minutes: Minutes
    reported_by: str


class AnswerSurvey(Command):
    """The hire's ratings by question id. `comment` stays with its owner and the coordinators and never travels."""

    TYPE: ClassVar[str] = "onboarding.answer_survey"
    survey_id: str
    ratings: dict[str, Rating]
    comment: Annotated[str, Field(max_length=COMMENT_LENGTH)] = ""


class ReviewDueDays(Command):
    """The clock asks what has become late, who is still here on a retention day, who is back and who is gone."""

    TYPE: ClassVar[str] = "onboarding.review_due_days"
