"""Programmes as written: the fields of a YAML file, their JSON Schema, and the milestones that entries stand for. Pure."""

from collections.abc import Mapping
from typing import Annotated, Any, Self

from pydantic import AfterValidator, BeforeValidator, ConfigDict, Field, StringConstraints, model_validator

from services.onboarding.conditions import AllOf, ByMeetingHeld, ByPerson, CompletedBy, Part, Slug, listed
from services.onboarding.programme import MAX_MILESTONES, Day, Escalation, Milestone, Programme, Survey, Texts, When
from shared.events.onboarding import Owner


def _all_on_other_days(written: list[str]) -> list[str]:
    days = [_days_from_due(each) for each in written]
    if len(set(days)) < len(days):
        raise ValueError("names one day twice; keep one")
    return written


Days = Annotated[
    list[Day],
    Field(min_length=1, max_length=60),
    BeforeValidator(listed, json_schema_input_type=Day | Annotated[list[Day], Field(min_length=1, max_length=60)]),
]


Reminder = Annotated[str, StringConstraints(pattern=r"^([0-9]|[1-8][0-9]|90) (before|after)$")]
Reminders = Annotated[
    list[Reminder],
    Field(max_length=5),
    AfterValidator(_all_on_other_days),
    BeforeValidator(listed, json_schema_input_type=Reminder | Annotated[list[Reminder], Field(max_length=5)]),
]


class Repetition(Part):
    """A milestone again and again, from its day on: the cadence of meetings."""

    every: Annotated[str, StringConstraints(pattern=r"^(1 week|([2-9]|[1-4][0-9]|5[0-2]) weeks)$")]
    """`1 week`, `2 weeks`, up to `52 weeks`: from one to the next."""
    until: Day
    """The last day that may be one, counted as `day` is."""

    def days(self, first: int) -> list[int]:
        """The days from `first` on."""
        return list(range(first, self.until + 1, 7 * int(self.every.split()[0])))


class MilestoneEntry(Part):
    """A milestone as written. A list of days, or `repeat`, makes one milestone for each, numbered from `numbered_from`.

    Of a repeated milestone, `{number}` in the titles stands for the number, the ids end in it, and a meeting that
    completes it is the meeting of that number.
    """

    model_config = ConfigDict(json_schema_extra={"oneOf": [{"required": ["day"]}, {"required": ["working_day"]}]})

    id: Slug
    """What facts, APIs and running journeys know it by: keep it when the words change."""
    title: Texts
    """What is to be done, by language."""
    description: Texts = Field(default={})
    """A sentence more, by language."""
    owner: Owner
    """Who sees to it."""
    day: Days | None = None
    """Calendar days from the start date (0), negative before it; a day off rolls to a working day. A list repeats it."""
    working_day: Days | None = None
    """Working days from the start date, by the calendar of the place where the hire works. A list repeats the milestone."""
    repeat: Repetition | None = None
    """From its one `day` on, the same milestone every so many weeks; each is numbered as in a list of days."""
    after: Slug | None = None
    """Another milestone, from whose due day the days are counted instead of the start date."""
    numbered_from: Annotated[int, Field(ge=1, le=100)] | None = None
    """The number of the first of a repeated milestone; 1 without it."""
    completed_by: CompletedBy = ByPerson()
    """What completes it; without it, its owner's word."""
    optional: bool = False
    """Whether it neither keeps a journey open nor counts in its progress."""
    when: When = When()
    """For whom it is; without it, for everybody who has this programme."""
    remind: Reminders = Field(default=[])
    """When its owner is reminded: `2 before` or `1 after` the due day, in the days in which it counts; `0 before` is the day."""
    escalate: Escalation | None = None
    """Who else is told that it is still open so many days after its due day."""

    @model_validator(mode="after")
    def _has_one_day(self) -> Self:
        if (self.day is None) == (self.working_day is None):
            raise ValueError("needs either 'day' (calendar days from the start date) or 'working_day', and not both")
        if self.repeat is not None and (self.day is None or len(self.day) > 1):
            raise ValueError("'repeat' goes on from one 'day', in calendar days; give it that, or list the days without it")
        if self.repeat is not None and len(self.days) < 2:
            raise ValueError(f"'repeat' ends at day {self.repeat.until} and so repeats nothing; let it end later, or remove it")
        if self.numbered_from is not None and len(self.days) == 1:
            raise ValueError("'numbered_from' is for a milestone with several days; remove it, or list or repeat them")
        return self

    @property
    def days(self) -> list[int]:
        """Its day offsets, whichever way they count."""
        if self.repeat is not None and self.day is not None:
            return self.repeat.days(self.day[0])
        return self.day or self.working_day or []

    def milestones(self) -> list[Milestone]:
        """The one milestone, or the repeated ones."""
        if len(self.days) == 1:
            return [self._milestone(self.days[0], None)]
        return [self._milestone(day, number) for number, day in enumerate(self.days, start=self.numbered_from or 1)]

    def _milestone(self, day: int, number: int | None) -> Milestone:
        condition = self.completed_by if number is None else _of_number(self.completed_by, number)
        return Milestone(
            id=self.id if number is None else f"{self.id}_{number}",
            title=_numbered(self.title, number),
            description=_numbered(self.description, number),
            owner=self.owner,
            day=day,
            in_working_days=self.working_day is not None,
            after=self.after,
            completed_by=condition,
            optional=self.optional,
            when=self.when,
            remind=sorted(map(_days_from_due, self.remind)),
            escalate=self.escalate,
        )


def _days_from_due(written: str) -> int:
    count, side = written.split()
    return -int(count) if side == "before" else int(count)


def _of_number(condition: CompletedBy, number: int) -> CompletedBy:
    if isinstance(condition, AllOf):
        return condition.model_copy(update={"all": [_of_number(each, number) for each in condition.all]})
    return condition.model_copy(update={"number": number}) if isinstance(condition, ByMeetingHeld) else condition


def _numbered(texts: Mapping[str, str], number: int | None) -> dict[str, str]:
    return {tag: text if number is None else text.replace("{number}", str(number)) for tag, text in texts.items()}


class ProgrammeFile(Part):
    """A programme as written."""

    id: Slug
    """What journeys and rules know it by."""
    title: Texts
    """What people call it, by language."""
    when: When = When()
    """For whom it is: the most specific that holds is chosen. Leave it out of one, which is for everybody else."""
    surveys: dict[Slug, Survey] = Field(default={})
    """Questions that milestones wait for."""
    milestones: Annotated[list[MilestoneEntry], Field(min_length=1, max_length=MAX_MILESTONES)]
    """What is to be done, in the order of the page."""

    def programme(self) -> Programme:
        """The programme that it stands for."""
        milestones = [milestone for entry in self.milestones for milestone in entry.milestones()]
        return Programme(id=self.id, title=self.title, when=self.when, surveys=self.surveys, milestones=milestones)


def schema() -> dict[str, Any]:
    """The JSON Schema (draft 2020-12) of a programme file, for editors that help to write one."""
    return (
        {"$schema": "https://json-schema.org/draft/2020-12/schema"}
        | ProgrammeFile.model_json_schema()
        | {"title": "Firstmate programme"}
    )
