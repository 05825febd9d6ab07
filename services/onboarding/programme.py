"""Programmes: which milestones a journey has, when each is due, who sees to it and what completes it.

A programme comes from a YAML file (`programme_files.py`) and is pinned by id and version; the version is a hash of its
content, so that a changed file is a new version and a running journey keeps the one it started with. Pure.
"""

import hashlib
import json
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from functools import cached_property
from typing import Annotated, Any, Literal, Self

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, StringConstraints, model_validator

from services.onboarding.calendar import Place, next_working_day, place, previous_working_day, shift_working_days
from shared.events.hr import WorkArrangement
from shared.events.notifications import RecipientRole
from shared.events.onboarding import Owner, PlannedMilestone

FALLBACK_LANGUAGE = "en"
EARLIEST_DAY, LATEST_DAY = -180, 1095  # half a year before the start, three years after it: beyond is a typing error
MAX_MILESTONES = 200  # a journey is one document and one page; the shipped programme has about 25

Slug = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9_]{0,47}$")]
Language = Annotated[str, StringConstraints(pattern=r"^[a-z]{2,3}(-[A-Za-z0-9]{2,8})*$")]
Words = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=1000)]
Day = Annotated[int, Field(ge=EARLIEST_DAY, le=LATEST_DAY)]


def _with_fallback(texts: dict[str, str]) -> dict[str, str]:
    if texts and FALLBACK_LANGUAGE not in texts:
        raise ValueError(f"has no '{FALLBACK_LANGUAGE}' text; every other language falls back to it, so add one")
    return texts


Texts = Annotated[dict[Language, Words], AfterValidator(_with_fallback)]
"""One text in several languages, by BCP 47 tag; `en` is always there."""


def text_in(texts: Mapping[str, str], languages: Iterable[str]) -> str:
    """The text in the first of `languages` (BCP 47 tags) that it has, region dropped where needed; else English, else empty."""
    for tag in languages:
        wanted = tag.replace("_", "-")
        for candidate in (wanted, wanted.split("-")[0].lower()):
            if candidate in texts:
                return texts[candidate]
    return texts.get(FALLBACK_LANGUAGE, "")


def listed(value: object) -> object:
    """Accept one value where a list is meant: `department: Sales`."""
    return value if isinstance(value, list) else [value]


class Part(BaseModel):
    """A piece of a programme: unknown fields are refused, nothing changes after reading."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class ByPerson(Part):
    """Completed by someone's word."""

    event: Literal["person"] = "person"


class ByMentorAssigned(Part):
    """Completed when the hire has a mentor."""

    event: Literal["mentor_assigned"]


class ByMessageSent(Part):
    """Completed when the channel accepted a message made from `template` for this recipient."""

    event: Literal["message_sent"]
    template: Slug
    recipient: RecipientRole = "hire"


class ByMeetingHeld(Part):
    """Completed by the `number`-th meeting of mentor and hire that took at least `minutes`."""

    event: Literal["meeting_held"]
    number: Annotated[int, Field(ge=1, le=100)] = 1
    minutes: Annotated[int, Field(ge=1, le=480)] = 1


class BySurveyAnswered(Part):
    """Completed when the hire answered this survey of the programme."""

    event: Literal["survey_answered"]
    survey: Slug


class ByStillEmployed(Part):
    """Completed by the calendar: the due day is over and the person has not left."""

    event: Literal["still_employed"]


def _spelled_out(value: object) -> object:
    return {"event": value} if isinstance(value, str) else value


CompletedBy = Annotated[
    ByPerson | ByMentorAssigned | ByMessageSent | ByMeetingHeld | BySurveyAnswered | ByStillEmployed,
    Field(discriminator="event"),
    BeforeValidator(_spelled_out),
]


@dataclass(frozen=True, slots=True)
class Person:
    """What decisions know about a hire, as their HR system last told."""

    manager_id: str | None = None
    location: str | None = None
    time_zone: str | None = None
    department: str | None = None
    work_arrangement: str | None = None
    employment_type: str | None = None

    @classmethod
    def of(cls, document: Mapping[str, Any] | None) -> Self:
        """From a document of the directory; somebody unknown is a person about whom nothing is known."""
        known = document or {}
        return cls(**{name: known.get(name) for name in PERSON_FIELDS})


PERSON_FIELDS = ("manager_id", "location", "time_zone", "department", "work_arrangement", "employment_type")

AnyOf = Annotated[list[Words], BeforeValidator(listed)]


class When(Part):
    """For whom something applies: every condition that is given must hold, each by any of its values.

    `location` compares places: `DE` holds in all of Germany, `DE-BY` in Bavaria alone. Letters' case does not matter.
    """

    work_arrangement: Annotated[list[WorkArrangement], BeforeValidator(listed)] = []
    department: AnyOf = []
    location: AnyOf = []
    employment_type: AnyOf = []

    @property
    def conditions(self) -> int:
        """How many conditions there are: the more, the more specific."""
        return sum(bool(values) for _, values in self)

    def holds(self, person: Person) -> bool:
        """Whether it applies to this person; what is unknown about a person holds for no condition."""
        return (
            _is_one_of(person.work_arrangement, self.work_arrangement)
            and _is_one_of(person.department, self.department)
            and _is_one_of(person.employment_type, self.employment_type)
            and (not self.location or any(_within(person.location, region) for region in self.location))
        )


def _is_one_of(value: str | None, wanted: Sequence[str]) -> bool:
    return not wanted or (value is not None and value.casefold() in {each.casefold() for each in wanted})


def _within(location: str | None, region: str) -> bool:
    here, there = place(location), place(region)
    if not there.known:
        return location is not None and location.casefold() == region.casefold()
    return here.country == there.country and there.subdivision in (None, here.subdivision)


class Milestone(Part):
    """One milestone of a programme. `day` counts from the start date (day 0), in calendar or in working days."""

    id: Slug
    title: Texts
    description: Texts = {}
    owner: Owner
    day: Day
    in_working_days: bool = False
    completed_by: CompletedBy = ByPerson()
    optional: bool = False
    when: When = When()

    @cached_property
    def waits_for(self) -> str | None:
        """The key of the outside fact that completes it (see `fact_key`), or None where no outside fact does."""
        condition = self.completed_by
        if isinstance(condition, ByMessageSent):
            return fact_key("message_sent", condition.template, condition.recipient)
        return fact_key("mentor_assigned") if isinstance(condition, ByMentorAssigned) else None

    @property
    def required(self) -> bool:
        """Whether it keeps a journey open, counts in its progress and can be late: not optional, nor a matter of time alone."""
        return not self.optional and not isinstance(self.completed_by, ByStillEmployed)

    def due(self, start: date, where: Place) -> date:
        """The day it is due: never a day off. Before the start it rolls back, from the start on it rolls forward."""
        if self.in_working_days:
            return shift_working_days(start, self.day, where)
        day = start + timedelta(days=self.day)
        return previous_working_day(day, where) if self.day < 0 else next_working_day(day, where)


def fact_key(*parts: str) -> str:
    """How a journey files an outside fact that may complete a milestone: `message_sent:welcome:hire`."""
    return ":".join(parts)


class Survey(Part):
    """Questions answered by ratings 1..5, and whether free text is asked for."""

    title: Texts
    questions: Annotated[dict[Slug, Texts], Field(min_length=1, max_length=20)]
    comment: Texts = {}


class Programme(Part):
    """One version of a programme, milestones in the order of the file."""

    id: Slug
    title: Texts
    when: When = When()
    surveys: dict[Slug, Survey] = {}
    milestones: list[Milestone]

    @cached_property
    def version(self) -> str:
        """A hash of the content: twelve hexadecimal digits of SHA-256 over its canonical JSON."""
        content = json.dumps(self.model_dump(mode="json"), sort_keys=True, ensure_ascii=False, separators=(",", ":"))
        return hashlib.sha256(content.encode()).hexdigest()[:12]

    @cached_property
    def by_id(self) -> Mapping[str, Milestone]:
        """Its milestones by id."""
        return {milestone.id: milestone for milestone in self.milestones}

    @cached_property
    def by_events(self) -> Sequence[Milestone]:
        """Its milestones that facts complete, and nobody's word."""
        return [each for each in self.milestones if not isinstance(each.completed_by, (ByPerson, ByStillEmployed))]

    @cached_property
    def by_time(self) -> Sequence[Milestone]:
        """Its milestones that the calendar completes."""
        return [each for each in self.milestones if isinstance(each.completed_by, ByStillEmployed)]

    @cached_property
    def last_required_day(self) -> int:
        """The latest day offset that a journey waits for (90 in the shipped programme), in calendar days."""
        # Seven calendar days hold five working days everywhere but in weeks with holidays: near enough for an ending.
        days = [m.day * 7 // 5 if m.in_working_days else m.day for m in self.milestones if m.required]
        return max(days, default=0)

    def plan(self, start: date, person: Person) -> list[PlannedMilestone]:
        """The milestones that apply to this person, with the days they are due."""
        where = place(person.location)
        return [
            PlannedMilestone(id=each.id, owner=each.owner, due=each.due(start, where), optional=not each.required)
            for each in self.milestones
            if each.when.holds(person)
        ]

    def due_days(self, ids: Iterable[str], start: date, person: Person) -> dict[str, date]:
        """The days these milestones are due for a start on `start`; ids of other programmes are left out."""
        where = place(person.location)
        return {id: self.by_id[id].due(start, where) for id in ids if id in self.by_id}

    @model_validator(mode="after")
    def _is_whole(self) -> Self:
        twice = [id for id, count in Counter(milestone.id for milestone in self.milestones).items() if count > 1]
        if twice:
            raise ValueError(f"milestone id '{twice[0]}' is used twice; give each its own")
        if not any(milestone.required and not milestone.when.conditions for milestone in self.milestones):
            raise ValueError("no milestone is required of everybody, so a journey would end when it starts; add one")
        for milestone in self.milestones:
            condition = milestone.completed_by
            if isinstance(condition, BySurveyAnswered) and condition.survey not in self.surveys:
                known = ", ".join(self.surveys) or "none"
                raise ValueError(
                    f"milestone '{milestone.id}' waits for survey '{condition.survey}', which is not under 'surveys' ({known})"
                )
        return self


def with_others(programme: Programme, others: Iterable[Milestone]) -> Programme:
    """The programme as a journey's pages show it: with milestones that only this journey has. Not one to pin or to plan by."""
    known = programme.by_id
    more = [each for each in others if each.id not in known]
    if not more:
        return programme
    shown = {name: getattr(programme, name) for name in Programme.model_fields}
    return Programme.model_construct(**(shown | {"milestones": [*programme.milestones, *more]}))


class Programmes:
    """Every programme version this process knows: the current ones, from which new journeys choose, and pinned older ones."""

    def __init__(self, current: Sequence[Programme]) -> None:
        """Raises `ValueError` when two have one id or none is for everybody."""
        self._current = sorted(current, key=lambda each: (-each.when.conditions, each.id))
        self._known = {(each.id, each.version): each for each in current}
        self._waited_for = {key for each in current for key in _keys(each)}
        ids = Counter(each.id for each in current)
        if len(ids) < len(current):
            raise ValueError(f"two programmes have the id '{ids.most_common(1)[0][0]}'; give each file its own")
        if not any(each.when.conditions == 0 for each in current):
            raise ValueError("every programme has a 'when'; leave it out of one, so that there is a programme for everybody")

    @property
    def current(self) -> Sequence[Programme]:
        """What new journeys choose from, the most specific first."""
        return self._current

    def choose(self, person: Person) -> Programme:
        """The programme of a new journey: the most specific whose `when` holds, the first by id among equals."""
        return next(each for each in self._current if each.when.holds(person))

    def pinned(self, id: str, version: str) -> Programme:
        """The version a journey started with. Raises `LookupError` when it was not added before."""
        try:
            return self._known[(id, version)]
        except KeyError:
            raise LookupError(f"programme {id} version {version} is not stored; restore the collection 'programmes'") from None

    def knows(self, id: str, version: str) -> bool:
        """Whether `pinned` would find it."""
        return (id, version) in self._known

    def add(self, programme: Programme) -> None:
        """Make an older version known; new journeys don't choose it."""
        self._known[(programme.id, programme.version)] = programme
        self._waited_for |= _keys(programme)

    def waits_for(self, key: str) -> bool:
        """Whether a milestone of any known version is completed by the outside fact filed under `key`."""
        return key in self._waited_for


def _keys(programme: Programme) -> set[str]:
    return {key for each in programme.milestones if (key := each.waits_for) is not None}
