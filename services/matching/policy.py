"""The matching policy: which criteria count how much, and which rules hold. `policy_file` reads it.

A policy's version is its name and a hash of its content: comments and layout change nothing, any number does.
"""

import json
from collections.abc import Iterator
from functools import cached_property
from hashlib import sha256
from typing import Annotated, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, model_validator

from services.matching.person import LEVELS

FULL = 10_000  # a score and each criterion's value run from 0 to this: integers add up alike in any order

Percent = Annotated[int, Field(strict=True, ge=0, le=100)]
Count = Annotated[int, Field(strict=True, ge=1, le=20)]
Steps = Annotated[int, Field(strict=True, ge=-6, le=6)]  # the ladder has seven
Hour = Annotated[int, Field(strict=True, ge=0, le=24)]
Days = Annotated[int, Field(strict=True, ge=0, le=3650)]  # nobody must have been here for more than ten years to be a mentor
Knot = tuple[Annotated[int, Field(strict=True, ge=0, le=36_500)], Percent]


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Criterion(_Strict):
    """Any criterion: `weight` is its part of the whole, relative to the other weights."""

    weight: Annotated[int, Field(strict=True, ge=0, le=1000)]


class Role(Criterion):
    """Same role family earns `same_family` percent, the rest by Jaccard similarity of the titles' words."""

    same_family: Percent = 60


class Skills(Criterion):
    """Skills the hire names and the mentor has; `enough` of them earn everything."""

    enough: Count = 3


class Interests(Criterion):
    """Interests both name; `enough` of them earn everything."""

    enough: Count = 2


class Meaning(Criterion):
    """How alike the interests of both mean, by a sentence model: each of the hire's counts as much as its nearest one of the
    mentor's, from `least` percent of similarity on; the `enough` best of them earn everything.
    """

    least: Percent = 50
    enough: Count = 2


class Values(Criterion):
    """What matters to both at work; `enough` shared words earn everything."""

    enough: Count = 2


class WorkingHours(Criterion):
    """Common hours of the working day from `starts` to `ends` o'clock local time; `enough_hours` earn everything."""

    starts: Hour = 9
    ends: Hour = 17
    enough_hours: Hour = 4

    @model_validator(mode="after")
    def _a_day(self) -> Self:
        if self.starts >= self.ends:
            raise ValueError("'starts' must be earlier than 'ends'")
        if not 1 <= self.enough_hours <= self.ends - self.starts:
            raise ValueError("'enough_hours' must be at least 1 and at most the working day's length")
        return self


class Levels(_Strict):
    """Percent of a shared language's part by the lower one of both people's levels. A level nobody told earns everything."""

    A1: Percent = 20
    A2: Percent = 40
    B1: Percent = 60
    B2: Percent = 80
    C1: Percent = 100
    C2: Percent = 100

    @model_validator(mode="after")
    def _rising(self) -> Self:
        percents = [getattr(self, level) for level in LEVELS]
        if percents != sorted(percents):
            raise ValueError("a better level must not earn less than a lower one: let the percents rise from A1 to C2")
        return self


class Language(Criterion):
    """The best shared language: the hire's first one earns everything, another one `other_language` percent, by level."""

    other_language: Percent = 60
    levels: Levels = Levels()


class Site(Criterion):
    """The same location earns everything, as do two remote workers; elsewhere the same arrangement `same_arrangement` percent."""

    same_arrangement: Percent = 40


class Seniority(Criterion):
    """Steps that the mentor stands above the hire on `person.LADDER`: `least` to `most` of them earn everything.

    Each step outside loses `lost_per_step` percent. A negative number is a step below.
    """

    least: Steps = 0
    most: Steps = 2
    lost_per_step: Percent = 40

    @model_validator(mode="after")
    def _a_span(self) -> Self:
        if self.least > self.most:
            raise ValueError("'least' must not be greater than 'most'")
        return self


class Tenure(Criterion):
    """Days the mentor has been here on the hire's first day, valued along `curve`: (days, percent), straight in between.

    Before the first knot nothing, after the last one its percent.
    """

    curve: Annotated[tuple[Knot, ...], Field(min_length=1, max_length=20)] = ((180, 70), (365, 100), (1095, 100), (2920, 40))

    @model_validator(mode="after")
    def _rising(self) -> Self:
        days = [knot[0] for knot in self.curve]
        if days != sorted(set(days)):
            raise ValueError("the days of 'curve' must rise from knot to knot")
        return self


class Rating(Criterion):
    """How earlier mentees rated the mentor in their journeys' surveys, 1..5; 1 earns nothing, 5 everything.

    The mean is drawn towards that of all mentors as if they had `prior_answers` more ratings of that mean, so that a few
    answers don't decide. Under `minimum_answers` a mentor counts as that mean: nobody suffers for being new to it.
    """

    minimum_answers: Count = 3
    prior_answers: Count = 5


class Load(Criterion):
    """The share of the mentor's places that is still free."""


class CrossGroup(Criterion):
    """Another department (or division) earns everything."""

    by: Literal["department", "division"] = "department"


class Criteria(_Strict):
    """Every criterion there is. One left out is not used."""

    role: Role | None = None
    skills: Skills | None = None
    interests: Interests | None = None
    meaning: Meaning | None = None
    values: Values | None = None
    working_hours: WorkingHours | None = None
    language: Language | None = None
    site: Site | None = None
    seniority: Seniority | None = None
    tenure: Tenure | None = None
    rating: Rating | None = None
    load: Load | None = None
    cross_group: CrossGroup | None = None

    @model_validator(mode="after")
    def _something_counts(self) -> Self:
        if not any(criterion.weight for _, criterion in self.used()):
            raise ValueError("the weights sum to nothing; give at least one criterion a weight above 0")
        return self

    def used(self) -> Iterator[tuple[str, Criterion]]:
        """The criteria given, by name, in the order of this model."""
        for name in type(self).model_fields:
            criterion: Criterion | None = getattr(self, name)
            if criterion is not None:
                yield name, criterion


class Rules(_Strict):
    """Hard rules that a policy decides. The others (own manager, reporting chain, capacity, ...) always hold."""

    training_required: Annotated[bool, Field(strict=True)] = True
    shared_language_required: Annotated[bool, Field(strict=True)] = True
    minimum_tenure_days: Days = 180
    same_department_percent: Percent = 100


class Policy(_Strict):
    """A whole policy."""

    name: Annotated[str, StringConstraints(pattern=r"^[a-z0-9][a-z0-9-]{0,39}$")]
    rules: Rules = Rules()
    criteria: Criteria

    @cached_property
    def version(self) -> str:
        """Name and content hash, such as `standard@1f0c9a2b3d4e`."""
        content = json.dumps(self.model_dump(mode="json"), sort_keys=True, separators=(",", ":"))
        return f"{self.name}@{sha256(content.encode()).hexdigest()[:12]}"

    @cached_property
    def shares(self) -> dict[str, int]:
        """The points that each used criterion adds at full value, in the criteria's order; they sum to `FULL` exactly.

        Largest remainders get the points that rounding down leaves over, the earlier criterion first on equal remainders.
        """
        weights = {name: criterion.weight for name, criterion in self.criteria.used() if criterion.weight}
        total = sum(weights.values())
        shares = {name: weight * FULL // total for name, weight in weights.items()}
        remainders = sorted(weights, key=lambda name: -(weights[name] * FULL % total))  # sorted() keeps the order of equals
        for name in remainders[: FULL - sum(shares.values())]:
            shares[name] += 1
        return shares
