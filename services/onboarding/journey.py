"""The state of one employee's journey.

Two folds change it, both pure: `evolution.evolve` takes our own facts (what `domain.step` decided), `hearing.hear` what
others told (a mentor, a message, the times of HR's statements), which it only remembers.
"""

from datetime import UTC, date, datetime, time, timedelta
from operator import not_
from typing import Literal
from zoneinfo import ZoneInfo

from pydantic import BaseModel, ConfigDict, Field

from services.onboarding.conditions import fact_key
from shared.events.onboarding import Owner

JourneyStatus = Literal["expected", "active", "paused", "completed", "left", "cancelled"]
"""`expected`: something was heard of the person, but no hire; there is no journey yet."""
MilestoneStatus = Literal["planned", "late", "done", "waived"]

NO_ZONE = "UTC"  # where nobody told the hire's time zone
SYSTEM = "system"


class _State(BaseModel):
    # Lists and the like come from factories: pydantic copies any other default deeply for each object, which was a tenth of
    # what a worker did.
    model_config = ConfigDict(frozen=True, extra="ignore")


class MilestoneState(_State):
    """One milestone. `planned_at` is when it got its present due day; `settled_*` say who completed or waived it, when, why.

    `said_*`: somebody's word for one that needs more than that.
    `own`: this person alone has it, no programme, with reminders on the days `remind` from its due day and an escalation
    `escalate_after` days after it; `own_day` and `own_owner`: somebody set these for this person; `not_before` is the day it came
    into a running journey, before which it is never due; `reminded_on` and `escalated_on` the last of those days that was told
    of. Few milestones have any of these, so that they are stored where they say something: mongod is what throughput waits for.
    """

    id: str
    owner: Owner
    due: date
    optional: bool = False
    planned_at: datetime
    status: MilestoneStatus = "planned"
    said_at: datetime | None = Field(default=None, exclude_if=not_)
    said_by: str | None = Field(default=None, exclude_if=not_)
    settled_at: datetime | None = Field(default=None, exclude_if=not_)
    settled_by: str | None = Field(default=None, exclude_if=not_)
    cause: str | None = Field(default=None, exclude_if=not_)
    own: bool = Field(default=False, exclude_if=not_)
    remind: list[int] = Field(default_factory=list, exclude_if=not_)
    escalate_after: int | None = Field(default=None, exclude_if=not_)
    own_day: bool = Field(default=False, exclude_if=not_)
    own_owner: bool = Field(default=False, exclude_if=not_)
    not_before: date | None = Field(default=None, exclude_if=not_)
    reminded_on: date | None = Field(default=None, exclude_if=not_)
    escalated_on: date | None = Field(default=None, exclude_if=not_)

    @property
    def settled(self) -> bool:
        """Done or waived: nothing more is expected."""
        return self.status in ("done", "waived")

    @property
    def dropped(self) -> bool:
        """Waived by a change of plan, not by a person: what happens nevertheless still counts, and it may come back."""
        return self.status == "waived" and self.settled_by == SYSTEM


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


class Pause(_State):
    """A time away: `since` is its first day, `back_on` the day of return; while it lasts, the planned one if there is one."""

    since: date
    back_on: date | None


class PlannedPause(Pause):
    """A time away that lies ahead; `by` said so."""

    by: str


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

    `facts` holds, per kind (`fact_key`), when it happened; `over` is how HR ended the hire, if it did, and `last_day` when.
    """

    mentor_id: str | None = None
    facts: dict[str, list[datetime]] = Field(default_factory=dict)
    hired_at: datetime | None = None
    start_date: date | None = None
    start_date_at: datetime | None = None
    over: Literal["cancelled", "left"] | None = None
    over_at: datetime | None = None
    last_day: date | None = None


class Journey(_State):
    """One employee's journey. `number` counts this person's journeys from 1 (0: none yet).

    `since` is where this journey's part of the outside facts begins (None: all are its own); `earlier` are
    the programmes (id, version) that it followed before; `pause` is the present time away, `pauses` are the earlier ones and
    `planned_pause` the next; `last_day` is set while the person is about to leave; `wake_at` is the next instant at which the
    calendar alone changes something.
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
    milestones: dict[str, MilestoneState] = Field(default_factory=dict)
    meetings: list[Meeting] = Field(default_factory=list)
    surveys: dict[str, Answers] = Field(default_factory=dict)
    past: list[PastJourney] = Field(default_factory=list)
    earlier: list[tuple[str, str]] = Field(default_factory=list)
    pause: Pause | None = None
    pauses: list[Pause] = Field(default_factory=list)
    planned_pause: PlannedPause | None = Field(default=None, exclude_if=not_)
    last_day: date | None = None
    heard: Heard = Field(default_factory=Heard)
    wake_at: datetime | None = None

    @property
    def live(self) -> bool:
        """Whether the person is (or is about to be) here: facts about the journey still happen."""
        return self.status in ("active", "paused", "completed")

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
    def still_open(self) -> list[str]:
        """The milestones of which something is expected."""
        return [id for id, each in self.milestones.items() if not each.settled]

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


def is_older(at: datetime, than: datetime | None) -> bool:
    """Whether a statement made at `at` was overtaken by one made later (at the same instant: no, order decides)."""
    return than is not None and at < than
