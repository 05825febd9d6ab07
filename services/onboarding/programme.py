"""Programmes: which milestones a journey has, when each is due, who sees to it and what completes it.

A programme comes from a YAML file (`programme_files.py`) and is pinned by id and version; the version is a hash of its
content, so that a changed file is a new version and a running journey keeps the one it started with. Pure.
"""

import hashlib
import json
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from functools import cached_property, lru_cache
from typing import Annotated, Any, Self

from pydantic import AfterValidator, BeforeValidator, Field, StringConstraints, model_validator

from services.onboarding.conditions import (
    ByPerson,
    ByStillEmployed,
    BySurveyAnswered,
    CompletedBy,
    Part,
    Slug,
    conditions_in,
    heard_as,
    listed,
    meetings_in,
    surveys_in,
)
from shared.calendar import Place, next_working_day, place, previous_working_day, shift_working_days
from shared.events.hr import WorkArrangement
from shared.events.onboarding import EscalatedTo, Owner, PlannedMilestone

FALLBACK_LANGUAGE = "en"
EARLIEST_DAY, LATEST_DAY = -180, 1095  # half a year before the start, three years after it: beyond is a typing error
FARTHEST_REMINDER = 90  # days from the due day: nobody is reminded of what is a quarter away
PLANS_KEPT = 256  # of days and places; some ten kilobytes each
MAX_MILESTONES = 200  # a journey is one document and one page; the shipped programme has about 25

Language = Annotated[str, StringConstraints(pattern=r"^[a-z]{2,3}(-[A-Za-z0-9]{2,8})*$")]
Words = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=1000)]
Day = Annotated[int, Field(ge=EARLIEST_DAY, le=LATEST_DAY)]


def _with_fallback(texts: dict[str, str]) -> dict[str, str]:
    if texts and FALLBACK_LANGUAGE not in texts:
        raise ValueError(f"has no '{FALLBACK_LANGUAGE}' text; every other language falls back to it, so add one")
    return texts


Texts = Annotated[
    dict[Language, Words], AfterValidator(_with_fallback), Field(json_schema_extra={"required": [FALLBACK_LANGUAGE]})
]
"""One text in several languages, by BCP 47 tag; `en` is always there."""


def text_in(texts: Mapping[str, str], languages: Iterable[str]) -> str:
    """The text in the first of `languages` (BCP 47 tags) that it has, region dropped where needed; else English, else empty."""
    for tag in languages:
        wanted = tag.replace("_", "-")
        for candidate in (wanted, wanted.split("-")[0].lower()):
            if candidate in texts:
                return texts[candidate]
    return texts.get(FALLBACK_LANGUAGE, "")


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

AnyOf = Annotated[list[Words], BeforeValidator(listed, json_schema_input_type=Words | list[Words])]


class When(Part):
    """For whom something applies: every condition that is given must hold, each by any of its values.

    `location` compares places: `DE` holds in all of Germany, `DE-BY` in Bavaria alone. Letters' case does not matter.
    """

    work_arrangement: Annotated[
        list[WorkArrangement], BeforeValidator(listed, json_schema_input_type=WorkArrangement | list[WorkArrangement])
    ] = Field(default=[])
    """How somebody works: one, or a list of which any holds."""
    department: AnyOf = Field(default=[])
    """As the HR system names it: one, or a list of which any holds."""
    location: AnyOf = Field(default=[])
    """A country (`DE`) or a part of it (`DE-BY`): one, or a list of which any holds."""
    employment_type: AnyOf = Field(default=[])
    """As the HR system names it: one, or a list of which any holds."""

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


def compatible(field: str, some: Sequence[str], others: Sequence[str]) -> bool:
    """Whether somebody can have one of `some` and one of `others` in this field of a `When`."""
    if field == "location":
        return any(_within(each, other) or _within(other, each) for each in some for other in others)
    return any(_is_one_of(each, others) for each in some)


def _within(location: str | None, region: str) -> bool:
    here, there = place(location), place(region)
    if not there.known or there.note is not None:  # `DE-ZZ` is not all of Germany
        return location is not None and location.casefold() == region.casefold()
    return here.country == there.country and there.subdivision in (None, here.subdivision)


class Escalation(Part):
    """Who else is to know that a milestone is open so many days after its due day."""

    after: Annotated[int, Field(ge=1, le=FARTHEST_REMINDER)]
    """How many days after the due day, in the days in which the milestone counts."""
    to: EscalatedTo
    """Whom to tell; it stays with its owner."""


class Milestone(Part):
    """One milestone of a programme.

    `day` counts from the start date (day 0), or from the due day of the milestone `after` which it comes; in calendar or
    in working days. `remind` counts likewise from its own due day (negative before it), in order.
    """

    id: Slug
    title: Texts
    description: Texts = Field(default={})
    owner: Owner
    day: Day
    in_working_days: bool = False
    after: Slug | None = None
    completed_by: CompletedBy = ByPerson()
    optional: bool = False
    when: When = When()
    remind: list[Annotated[int, Field(ge=-FARTHEST_REMINDER, le=FARTHEST_REMINDER)]] = Field(default=[])
    escalate: Escalation | None = None

    @cached_property
    def waits_for(self) -> frozenset[str]:
        """The keys (see `conditions.fact_key`) of the outside facts that help to complete it."""
        return frozenset(key for each in conditions_in(self.completed_by) if (key := heard_as(each)) is not None)

    @cached_property
    def needs(self) -> Sequence[tuple[CompletedBy, str | None]]:
        """The single conditions of its completion, each with the key of the outside fact that meets it, if one does."""
        return [(each, heard_as(each)) for each in conditions_in(self.completed_by)]

    @property
    def required(self) -> bool:
        """Whether it keeps a journey open, counts in its progress and can be late: not optional, nor a matter of time alone."""
        return not self.optional and not isinstance(self.completed_by, ByStillEmployed)

    def due(self, start: date, where: Place) -> date:
        """The day it is due, counted from `start`: the start date, or the due day of the milestone it comes `after`.

        Never a day off. Before `start` it rolls back, from then on it rolls forward.
        """
        return self._days_from(start, self.day, where)

    def reminder_days(self, due: date, where: Place) -> list[date]:
        """The days on which its owner is reminded where it is due on `due`, in order and never days off."""
        return [self._days_from(due, days, where) for days in self.remind]

    def escalation_day(self, due: date, where: Place) -> date | None:
        """The day on which somebody else is told that it is still open, where it is due on `due`."""
        return self._days_from(due, self.escalate.after, where) if self.escalate else None

    def _days_from(self, origin: date, days: int, where: Place) -> date:
        if self.in_working_days:
            return shift_working_days(origin, days, where)
        day = origin + timedelta(days=days)
        return previous_working_day(day, where) if days < 0 else next_working_day(day, where)


def misplaced(after: Mapping[str, str | None]) -> Iterator[tuple[str, str]]:
    """Milestones (id and what is wrong) that come after one that is not there, or after themselves.

    `after` maps each milestone to the one it comes after. Of a cycle the first member is named, with all the others.
    """
    told: set[str] = set()
    for id in after:
        way = [id]
        while (before := after[way[-1]]) in after and before not in way:
            way.append(str(before))
        if before is None:
            continue
        if before not in after:
            if len(way) == 1:
                yield id, f"comes after '{before}', which is no milestone of this programme"
        elif before == id and not told & set(way):
            told |= set(way)
            yield id, f"comes after itself: {' after '.join([*way, id])}; give one of them a day from the start date instead"


class Survey(Part):
    """Questions answered by ratings 1..5, and whether free text is asked for."""

    title: Texts
    """What the survey is called, by language."""
    questions: Annotated[dict[Slug, Texts], Field(min_length=1, max_length=20)]
    """Each answered by a rating from 1 to 5; the ids name them in reports."""
    comment: Texts = Field(default={})
    """The question for free text, by language; none is asked without it."""
    low: Texts = Field(default={})
    """What a rating of 1 means, by language; `not at all` where it is left out."""
    high: Texts = Field(default={})
    """What a rating of 5 means, by language; `very much` where it is left out."""


class Programme(Part):
    """One version of a programme, milestones in the order of the file."""

    id: Slug
    title: Texts
    when: When = When()
    surveys: dict[Slug, Survey] = Field(default={})
    milestones: list[Milestone]

    @cached_property
    def version(self) -> str:
        """A hash of the content: twelve hexadecimal digits of SHA-256 over its canonical JSON.

        What is left at its default is left out, so that a field that is new here makes no new version of old files. A
        default, once released, is therefore never changed.
        """
        written = self.model_dump(mode="json", exclude_defaults=True)
        content = json.dumps(written, sort_keys=True, ensure_ascii=False, separators=(",", ":"))
        return hashlib.sha256(content.encode()).hexdigest()[:12]

    @cached_property
    def by_id(self) -> Mapping[str, Milestone]:
        """Its milestones by id."""
        return {milestone.id: milestone for milestone in self.milestones}

    @cached_property
    def by_events(self) -> Sequence[Milestone]:
        """Its milestones that facts complete: nobody's word, or not that alone."""
        return [each for each in self.milestones if not isinstance(each.completed_by, (ByPerson, ByStillEmployed))]

    @cached_property
    def by_time(self) -> Sequence[Milestone]:
        """Its milestones that the calendar completes."""
        return [each for each in self.milestones if isinstance(each.completed_by, ByStillEmployed)]

    @cached_property
    def reminding(self) -> Sequence[Milestone]:
        """Its milestones of which somebody is reminded or told."""
        return [each for each in self.milestones if each.remind or each.escalate is not None]

    @cached_property
    def last_required_day(self) -> int:
        """The latest day offset that a journey waits for (90 in the shipped programme), in calendar days."""
        return max((self.day_of(each.id) for each in self.milestones if each.required), default=0)

    def day_of(self, id: str) -> int:
        """About how many calendar days after the start date (before it where negative) a milestone is due."""
        # Seven calendar days hold five working days everywhere but in weeks with holidays: near enough for an ending.
        return sum(each.day * 7 // 5 if each.in_working_days else each.day for each in self.way_to(id))

    def way_to(self, id: str) -> Sequence[Milestone]:
        """The milestones whose days add up to this one's: those it comes after, the first one first, and itself."""
        way = [self.by_id[id]]
        while way[0].after is not None:  # ends: no milestone comes after itself (`misplaced`)
            way.insert(0, self.by_id[way[0].after])
        return way

    def due(self, id: str, start: date, where: Place) -> date:
        """The day a milestone is due for a start on `start`."""
        day = start
        for each in self.way_to(id):
            day = each.due(day, where)
        return day

    def plan(self, start: date, person: Person) -> list[PlannedMilestone]:
        """The milestones that apply to this person, with the days they are due."""
        everything, conditional = self.planned(start, place(person.location)), self.conditional
        return [each for each in everything if each.id not in conditional or self.by_id[each.id].when.holds(person)]

    @cached_property
    def conditional(self) -> frozenset[str]:
        """Its milestones that are not for everybody."""
        return frozenset(each.id for each in self.milestones if each.when.conditions)

    @cached_property
    def planned(self) -> Callable[[date, Place], Sequence[PlannedMilestone]]:
        """All its milestones as planned for a start on that day in that place. People start on the same few days."""
        return lru_cache(maxsize=PLANS_KEPT)(self._planned)

    def _planned(self, start: date, where: Place) -> Sequence[PlannedMilestone]:
        return [
            PlannedMilestone(
                id=each.id,
                owner=each.owner,
                due=self.due(each.id, start, where),
                optional=not each.required,
                survey=next(iter(surveys_in(each.completed_by)), None),
                meeting=next(iter(meetings_in(each.completed_by)), None),
            )
            for each in self.milestones
        ]

    def due_days(self, ids: Iterable[str], start: date, person: Person) -> dict[str, date]:
        """The days these milestones are due for a start on `start`; ids of other programmes are left out."""
        where = place(person.location)
        return {id: self.due(id, start, where) for id in ids if id in self.by_id}

    @model_validator(mode="after")
    def _is_whole(self) -> Self:
        twice = [id for id, count in Counter(milestone.id for milestone in self.milestones).items() if count > 1]
        if twice:
            raise ValueError(f"milestone id '{twice[0]}' is used twice; give each its own")
        if not any(milestone.required and not milestone.when.conditions for milestone in self.milestones):
            raise ValueError("no milestone is required of everybody, so a journey would end when it starts; add one")
        for milestone in self.milestones:
            for condition in conditions_in(milestone.completed_by):
                if isinstance(condition, BySurveyAnswered) and condition.survey not in self.surveys:
                    known = ", ".join(self.surveys) or "none"
                    raise ValueError(
                        f"milestone '{milestone.id}' waits for survey '{condition.survey}', not under 'surveys' ({known})"
                    )
        wrong = next(misplaced({each.id: each.after for each in self.milestones}), None)
        if wrong is not None:
            raise ValueError(f"milestone '{wrong[0]}' {wrong[1]}")
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

    def add(self, programme: Programme, version: str | None = None) -> None:
        """Make an older version known; new journeys don't choose it.

        `version` is the one that it was stored under, which may be older than the present way to make one from the content.
        """
        self._known[(programme.id, version or programme.version)] = programme
        self._waited_for |= _keys(programme)

    def waits_for(self, key: str) -> bool:
        """Whether a milestone of any known version is completed by the outside fact filed under `key`."""
        return key in self._waited_for


def _keys(programme: Programme) -> set[str]:
    return {key for each in programme.milestones for key in each.waits_for}
