"""The matching policy: which criteria count how much, and which rules hold. One YAML file, checked to the line.

A policy's version is its name and a hash of its content: comments and layout change nothing, any number does.
"""

import json
from collections.abc import Iterator
from functools import cached_property
from hashlib import sha256
from pathlib import Path
from typing import Annotated, Any, Literal, Self, cast

import yaml
from pydantic import BaseModel, ConfigDict, Field, StringConstraints, ValidationError, model_validator

SHIPPED = Path(__file__).with_name("policy.yaml")
FULL = 10_000  # a score and each criterion's value run from 0 to this: integers add up alike in any order

Percent = Annotated[int, Field(strict=True, ge=0, le=100)]
Count = Annotated[int, Field(strict=True, ge=1, le=20)]
Hour = Annotated[int, Field(strict=True, ge=0, le=24)]
Days = Annotated[int, Field(strict=True, ge=0, le=3650)]  # nobody must have been here for more than ten years to be a mentor
Knot = tuple[Annotated[int, Field(strict=True, ge=0, le=36_500)], Percent]


class PolicyError(ValueError):
    """A policy that can't be used; each line of the message names file, line, field, what is wrong and what to do."""


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


class Language(Criterion):
    """The hire's first language shared earns everything, another one `other_language` percent."""

    other_language: Percent = 60


class Site(Criterion):
    """The same location earns everything, as do two remote workers; elsewhere the same arrangement `same_arrangement` percent."""

    same_arrangement: Percent = 40


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
    working_hours: WorkingHours | None = None
    language: Language | None = None
    site: Site | None = None
    tenure: Tenure | None = None
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


def load_policy(path: Path | None = None) -> Policy:
    """The policy in `path`, or the shipped one. Raises `PolicyError`, also for a file that can't be read."""
    file = path or SHIPPED
    try:
        text = file.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise PolicyError(
            f"{file}: the policy can't be read ({type(error).__name__}); set FIRSTMATE_POLICY_FILE to a YAML file"
        ) from error
    return parse_policy(text, str(file))


def parse_policy(text: str, name: str = "policy.yaml") -> Policy:
    """Check a policy's text. Raises `PolicyError` with one line per fault: `file:line: field: fault; what to do`."""
    try:
        root = yaml.compose(text, Loader=yaml.SafeLoader)
        content = yaml.safe_load(text)
    except yaml.MarkedYAMLError as error:
        line = error.problem_mark.line + 1 if error.problem_mark else 1
        raise PolicyError(f"{name}:{line}: not YAML: {error.problem}; mend the layout of this line") from error
    except yaml.YAMLError as error:
        raise PolicyError(
            f"{name}:1: not YAML: the file holds a character that YAML forbids; save it as plain UTF-8 text"
        ) from error
    if not isinstance(root, yaml.MappingNode):
        raise PolicyError(
            f"{name}:1: a policy is a mapping with 'name', 'rules' and 'criteria'; start from the shipped policy.yaml"
        )
    repeated = [f"{name}:{line}: {field}: given twice; keep one of them" for field, line in _repeats(root)]
    if repeated:
        raise PolicyError("\n".join(repeated))
    try:
        return Policy.model_validate(content)
    except ValidationError as error:
        faults = [_fault(name, root, cast("dict[str, Any]", fault)) for fault in error.errors(include_url=False)]
        raise PolicyError("\n".join(faults)) from None


def _repeats(node: yaml.Node, path: str = "") -> Iterator[tuple[str, int]]:
    if isinstance(node, yaml.SequenceNode):
        for index, item in enumerate(node.value):
            yield from _repeats(item, f"{path}{index}.")
    if isinstance(node, yaml.MappingNode):
        seen: set[str] = set()
        for key, value in node.value:
            if key.value in seen:
                yield f"{path}{key.value}", key.start_mark.line + 1
            seen.add(str(key.value))
            yield from _repeats(value, f"{path}{key.value}.")


def _line(root: yaml.Node, loc: tuple[int | str, ...]) -> int:
    """The line of the deepest node that `loc` leads to."""
    node, line = root, root.start_mark.line
    for step in loc:
        if isinstance(node, yaml.MappingNode):
            found = next(((key, value) for key, value in node.value if key.value == str(step)), None)
        elif isinstance(node, yaml.SequenceNode) and isinstance(step, int) and step < len(node.value):
            found = (node.value[step], node.value[step])
        else:
            found = None
        if found is None:
            break
        line, node = found[0].start_mark.line, found[1]
    return line + 1


def _fault(name: str, root: yaml.Node, fault: dict[str, Any]) -> str:
    loc: tuple[int | str, ...] = fault["loc"]
    field = ".".join(str(step) for step in loc) or "policy"
    return f"{name}:{_line(root, loc)}: {field}: {_words(loc, fault)}"


def _words(loc: tuple[int | str, ...], fault: dict[str, Any]) -> str:
    kind, message = fault["type"], fault["msg"].removeprefix("Value error, ")
    if kind == "extra_forbidden":
        return f"unknown {'criterion' if loc[:-1] == ('criteria',) else 'setting'}; use one of {', '.join(_known(loc))}"
    if kind == "missing":
        return "missing; add it"
    if kind == "string_pattern_mismatch":
        return "must be small letters, digits and dashes; rename it"
    if kind == "value_error":
        return f"{message}; change it"
    return f"{message[:1].lower()}{message[1:]} (found {fault['input']!r}); change it"


def _known(loc: tuple[int | str, ...]) -> list[str]:
    model: type[BaseModel] = Policy
    for step in loc[:-1]:
        annotation = model.model_fields[str(step)].annotation
        candidates = [annotation, *getattr(annotation, "__args__", ())]
        model = next(kind for kind in candidates if isinstance(kind, type) and issubclass(kind, BaseModel))
    return list(model.model_fields)
