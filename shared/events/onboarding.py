"""Facts about journeys (`onboarding.journeys`, key employee id). Ids, dates and codes only."""

from datetime import date, datetime
from operator import not_
from typing import Annotated, ClassVar, Literal

from pydantic import BaseModel, ConfigDict, Field

from shared.events.hr import EmployeeId
from shared.events.mentoring import Fact

TOPIC = "onboarding.journeys"
Owner = Literal["hire", "mentor", "manager", "coordinator"]
Rating = Annotated[int, Field(ge=1, le=5)]
MOST_MINUTES = 480  # of one meeting: a working day
Minutes = Annotated[int, Field(ge=1, le=MOST_MINUTES)]
EscalatedTo = Literal["manager", "coordinator"]
RescheduleCause = Literal["start_date", "place_of_work"]
ReplanCause = Literal["transfer", "programme", "migration", "late_data"]


class JourneyFact(Fact):
    TOPIC: ClassVar[str] = TOPIC
    employee_id: EmployeeId

    @property
    def subject(self) -> str:
        """The stream's key."""
        return self.employee_id


class PlannedMilestone(BaseModel):
    """A milestone as planned: `due` is a calendar day where the hire works.

    `survey` is the one it is completed by, `meeting` the number of the meeting with the mentor; most have neither.
    """

    model_config = ConfigDict(extra="ignore", frozen=True)
    id: str
    owner: Owner
    due: date
    optional: bool = False
    survey: str | None = Field(default=None, exclude_if=not_)
    meeting: int | None = Field(default=None, exclude_if=not_)


class JourneyStarted(JourneyFact):
    """A hire's journey exists, pinned to this programme and version."""

    TYPE: ClassVar[str] = "onboarding.journey.started.v1"
    start_date: date
    programme: str
    programme_version: str
    manager_id: EmployeeId | None = None
    milestones: list[PlannedMilestone]


class JourneyRescheduled(JourneyFact):
    """Days moved: `due` holds the new days of those milestones that were not done and have another one now.

    The cause is a moved `start_date`, or a `place_of_work` with other working days.
    """

    TYPE: ClassVar[str] = "onboarding.journey.rescheduled.v1"
    start_date: date
    due: dict[str, date]
    cause: RescheduleCause = "start_date"


class JourneyReplanned(JourneyFact):
    """The journey has other milestones: by a `transfer`, another `programme`, another version of its own (`migration`), or since
    the hire was told long after the start (`late_data`).

    `added` came new (or came back), `changed` have another owner, day or weight, `dropped` are not needed any more and were not
    done; one in `added` and `dropped` belongs to a stretch that is behind this person. `decided_on` is the day where the hire
    works, before which nothing added is due; `decided_by` an employee id, `operator` or `system`.
    """

    TYPE: ClassVar[str] = "onboarding.journey.replanned.v1"
    cause: ReplanCause
    programme: str
    programme_version: str
    decided_on: date
    decided_by: str = "system"
    added: list[PlannedMilestone] = Field(default=[])
    changed: list[PlannedMilestone] = Field(default=[])
    dropped: list[str] = Field(default=[])


class JourneyPaused(JourneyFact):
    """The person is away from `since` on; `until` is the day they are back, where it is planned. Told again, it is another."""

    TYPE: ClassVar[str] = "onboarding.journey.paused.v1"
    since: date
    until: date | None = None
    paused_by: str


class PausePlanned(JourneyFact):
    """The person will be away from `since` on, a day that lies ahead; `until` is the day they are back, where it is planned.

    Told again, it is another. The journey goes on until that day begins where the hire works, and `JourneyPaused` tells of it.
    """

    TYPE: ClassVar[str] = "onboarding.journey.pause_planned.v1"
    since: date
    until: date | None = None
    planned_by: str


class PauseCancelled(JourneyFact):
    """The person will not be away after all; the pause that was planned had not begun."""

    TYPE: ClassVar[str] = "onboarding.journey.pause_cancelled.v1"
    cancelled_by: str


class JourneyResumed(JourneyFact):
    """The person is back since `back_on`; `due` holds the new days of what is open."""

    TYPE: ClassVar[str] = "onboarding.journey.resumed.v1"
    back_on: date
    due: dict[str, date]
    resumed_by: str


class LeavingPlanned(JourneyFact):
    """The person leaves at the end of `last_day`; until then the journey goes on. Told again, the day is another."""

    TYPE: ClassVar[str] = "onboarding.journey.leaving_planned.v1"
    last_day: date


class LeavingCancelled(JourneyFact):
    """The person stays after all; nothing had ended yet."""

    TYPE: ClassVar[str] = "onboarding.journey.leaving_cancelled.v1"


class ManagerChanged(JourneyFact):
    """The journey has another manager (or none)."""

    TYPE: ClassVar[str] = "onboarding.journey.manager_changed.v1"
    manager_id: EmployeeId | None = None


class NameChanged(JourneyFact):
    """HR tells another name of somebody who has a journey. Which one stands in directories alone."""

    TYPE: ClassVar[str] = "onboarding.journey.name_changed.v1"


class MilestoneCompleted(JourneyFact):
    """`completed_by` is an employee id or `system`; `cause` the kind of fact that completed it (`person`, `mentor_assigned`,
    `message_sent`, `meeting_held`, `survey_answered`, `still_employed`; `all` where several were needed)."""

    TYPE: ClassVar[str] = "onboarding.milestone.completed.v1"
    milestone_id: str
    completed_at: datetime
    completed_by: str
    cause: str


class MilestoneConfirmed(JourneyFact):
    """Somebody said that a milestone is done that needs more than a word; it is done when the rest is there too."""

    TYPE: ClassVar[str] = "onboarding.milestone.confirmed.v1"
    milestone_id: str
    confirmed_by: str


class MilestoneLate(JourneyFact):
    """The due day is over where the hire works and the milestone is not done.

    `reminded_on` is the last of its reminder days that this covers, so that nobody hears twice at once.
    """

    TYPE: ClassVar[str] = "onboarding.milestone.late.v1"
    milestone_id: str
    due: date
    reminded_on: date | None = None


class MilestoneReminded(JourneyFact):
    """A reminder day of an open milestone has come: its `owner` is to be reminded.

    `reminded_on` is that day; it covers those before it that nobody was told of, so that after a standstill it is one.
    """

    TYPE: ClassVar[str] = "onboarding.milestone.reminded.v1"
    milestone_id: str
    owner: Owner
    due: date
    reminded_on: date


class MilestoneEscalated(JourneyFact):
    """A milestone is open for so long after its due day that somebody else is to know: `to`; it stays with its `owner`."""

    TYPE: ClassVar[str] = "onboarding.milestone.escalated.v1"
    milestone_id: str
    owner: Owner
    due: date
    escalated_on: date
    to: EscalatedTo


class MilestoneWaived(JourneyFact):
    """The milestone is not needed for this person."""

    TYPE: ClassVar[str] = "onboarding.milestone.waived.v1"
    milestone_id: str
    waived_by: str


class MilestoneReopened(JourneyFact):
    """A waived milestone is needed after all, by `due`."""

    TYPE: ClassVar[str] = "onboarding.milestone.reopened.v1"
    milestone_id: str
    due: date
    reopened_by: str


class MilestoneAdded(JourneyFact):
    """A milestone of this person alone, which no programme has. Its title is kept beside the journey and never travels.

    `remind` are the days on which its owner is reminded, counted from its due day; so many days after it, somebody else is told
    that it is still open: `escalate_after`.
    """

    TYPE: ClassVar[str] = "onboarding.milestone.added.v1"
    milestone_id: str
    owner: Owner
    due: date
    optional: bool = False
    remind: list[int] = Field(default=[], exclude_if=not_)
    escalate_after: int | None = Field(default=None, exclude_if=not_)
    added_by: str


class MilestoneMoved(JourneyFact):
    """Somebody set another day for a milestone; the reason is kept beside the journey and never travels."""

    TYPE: ClassVar[str] = "onboarding.milestone.moved.v1"
    milestone_id: str
    due: date
    moved_by: str


class MilestoneReassigned(JourneyFact):
    """Somebody else sees to the milestone."""

    TYPE: ClassVar[str] = "onboarding.milestone.reassigned.v1"
    milestone_id: str
    owner: Owner
    reassigned_by: str


class MeetingHeld(JourneyFact):
    """Mentor and hire met for `minutes`; `meeting_id` is unique within the journey."""

    TYPE: ClassVar[str] = "onboarding.meeting.held.v1"
    meeting_id: str
    mentor_id: EmployeeId | None = None
    held_on: date
    minutes: Minutes
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
    """A journey that had ended goes on (termination cancelled, hired again after a rescission, or something to do again)."""

    TYPE: ClassVar[str] = "onboarding.journey.reopened.v1"


ONBOARDING_EVENTS: tuple[type[Fact], ...] = (
    JourneyStarted,
    JourneyRescheduled,
    JourneyReplanned,
    JourneyPaused,
    PausePlanned,
    PauseCancelled,
    JourneyResumed,
    LeavingPlanned,
    LeavingCancelled,
    ManagerChanged,
    NameChanged,
    MilestoneCompleted,
    MilestoneConfirmed,
    MilestoneLate,
    MilestoneReminded,
    MilestoneEscalated,
    MilestoneWaived,
    MilestoneReopened,
    MilestoneAdded,
    MilestoneMoved,
    MilestoneReassigned,
    MeetingHeld,
    SurveyAnswered,
    JourneyCancelled,
    JourneyEnded,
    JourneyReopened,
)
