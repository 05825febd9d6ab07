"""Reading programmes from YAML files, with errors that name file, line and what to do."""

import difflib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Self

import yaml
from pydantic import BeforeValidator, ConfigDict, Field, ValidationError, model_validator
from pydantic_core import ErrorDetails

from services.onboarding.conditions import (
    AllOf,
    ByMeetingHeld,
    ByPerson,
    ByStillEmployed,
    BySurveyAnswered,
    CompletedBy,
    Part,
    Slug,
    conditions_in,
    listed,
)
from services.onboarding.programme import (
    EARLIEST_DAY,
    LATEST_DAY,
    MAX_MILESTONES,
    Day,
    Milestone,
    Programme,
    Programmes,
    Survey,
    Texts,
    When,
    misplaced,
)
from shared.events.onboarding import Owner

SHIPPED = Path(__file__).parent / "programmes"
MAX_FILE_BYTES = 256 * 1024  # the shipped programme has about 10 kB
MAX_NODES = 20_000  # YAML aliases can multiply a small file into a huge one

Steps = tuple[str | int, ...]
Days = Annotated[
    list[Day],
    Field(min_length=1, max_length=60),
    BeforeValidator(listed, json_schema_input_type=Day | Annotated[list[Day], Field(min_length=1, max_length=60)]),
]


@dataclass(frozen=True, slots=True)
class Fault:
    """One thing wrong with a programme file; `line` counts from 1."""

    file: str
    line: int
    message: str

    def __str__(self) -> str:
        return f"{self.file}:{self.line}: {self.message}"


class ProgrammeError(ValueError):
    """A programme that can't be used. `faults` holds everything found, in the order of the file."""

    def __init__(self, faults: list[Fault]) -> None:
        super().__init__("\n".join(map(str, faults)))
        self.faults = faults


class MilestoneEntry(Part):
    """A milestone as written. A list of days makes one milestone for each, numbered from `numbered_from`.

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

    @model_validator(mode="after")
    def _has_one_day(self) -> Self:
        if (self.day is None) == (self.working_day is None):
            raise ValueError("needs either 'day' (calendar days from the start date) or 'working_day', and not both")
        if self.numbered_from is not None and len(self.days) == 1:
            raise ValueError("'numbered_from' is for a milestone with a list of days; remove it, or list several days")
        return self

    @property
    def days(self) -> list[int]:
        """Its day offsets, whichever way they count."""
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
        )


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


def schema() -> dict[str, Any]:
    """The JSON Schema (draft 2020-12) of a programme file, for editors that help to write one."""
    return (
        {"$schema": "https://json-schema.org/draft/2020-12/schema"}
        | ProgrammeFile.model_json_schema()
        | {"title": "Firstmate programme"}
    )


class _Reader:
    """Turns YAML nodes into plain data and keeps the line of every value."""

    def __init__(self, file: str, text: str) -> None:
        self.file = file
        self.lines: dict[Steps, int] = {(): 1}
        self._loader = yaml.SafeLoader(text)
        self._open: set[int] = set()
        self._nodes = 0

    def read(self) -> Any:
        """The document as plain data. Raises `ProgrammeError`."""
        try:
            node = self._loader.get_single_node()
            return None if node is None else self._plain(node, ())
        except yaml.MarkedYAMLError as error:
            mark = error.problem_mark or error.context_mark
            mend = "check the indentation, and put text with : ? { or # in quotes"
            problem = f"not valid YAML: {error.problem or error.context}; {mend}"
            raise self.fail(mark.line + 1 if mark else 1, problem) from None
        except yaml.YAMLError as error:
            raise self.fail(1, f"not valid YAML: {error}") from None
        finally:
            self._loader.dispose()

    def fail(self, line: int, message: str) -> ProgrammeError:
        """An error about one line."""
        return ProgrammeError([Fault(self.file, line, message)])

    def _plain(self, node: yaml.Node, path: Steps) -> Any:
        line = node.start_mark.line + 1
        self.lines.setdefault(path, line)
        self._nodes += 1
        if self._nodes > MAX_NODES:
            raise self.fail(line, f"more than {MAX_NODES} values once aliases are written out; use fewer aliases")
        if id(node) in self._open:
            raise self.fail(line, "an alias contains itself; write the value out instead")
        self._open.add(id(node))
        try:
            if isinstance(node, yaml.MappingNode):
                return self._mapping(node, path)
            if isinstance(node, yaml.SequenceNode):
                return [self._plain(item, (*path, index)) for index, item in enumerate(node.value)]
            return self._loader.construct_object(node)
        except ValueError as error:
            if isinstance(error, ProgrammeError):
                raise
            raise self.fail(line, f"a value that can't be read ({error}); put it in quotes if it is text") from None
        finally:
            self._open.discard(id(node))

    def _mapping(self, node: yaml.MappingNode, path: Steps) -> dict[str, Any]:
        data: dict[str, Any] = {}
        for key_node, value_node in node.value:
            line = key_node.start_mark.line + 1
            if not isinstance(key_node, yaml.ScalarNode):
                raise self.fail(line, "a field's name must be plain text")
            name = key_node.value  # as written: YAML would read the language `no` as false
            if name in data:
                raise self.fail(line, f"'{name}' stands here twice; keep one")
            self.lines[(*path, name)] = line
            data[name] = self._plain(value_node, (*path, name))
        return data

    def line_of(self, path: Iterable[str | int]) -> tuple[int, Steps]:
        """The line of the value at `path`, and the part of the path that the file has (validation adds steps of its own)."""
        found: Steps = ()
        for step in path:
            if (*found, step) in self.lines:
                found = (*found, step)
        return self.lines[found], found


def _dotted(path: Steps) -> str:
    text = ""
    for step in path:
        text += f"[{step}]" if isinstance(step, int) else f".{step}" if text else step
    return text


_FIELDS: Mapping[str, frozenset[str]] = {
    "milestones": frozenset(MilestoneEntry.model_fields),
    "surveys": frozenset(Survey.model_fields),
    "when": frozenset(When.model_fields),
    "": frozenset(ProgrammeFile.model_fields),
}


def _advice(error: ErrorDetails) -> str:
    name = str(error["loc"][-1]) if error["loc"] else ""
    if error["type"] == "missing":
        return f"'{name}' is missing; add it"
    if error["type"] == "extra_forbidden":
        parents = [str(step) for step in error["loc"][:-1]]
        names = next(
            (_FIELDS[parent] for parent in reversed(parents) if parent in _FIELDS), frozenset(ProgrammeFile.model_fields)
        )
        near = difflib.get_close_matches(name, names, n=1)
        return f"'{name}' is not a field here; " + (f"did you mean '{near[0]}'?" if near else "remove it")
    if error["type"] in ("union_tag_invalid", "union_tag_not_found"):
        return f"{error['msg']}; write 'person', or an event with its details"
    if error["type"] == "string_pattern_mismatch":
        return f"{error['msg']}; ids are lower-case letters, digits and underscores, languages are tags such as en or pt-BR"
    return error["msg"].removeprefix("Value error, ")


def read_programme(text: str, file: str) -> Programme:
    """The programme in a YAML text; `file` is the name that errors show. Raises `ProgrammeError`."""
    reader = _Reader(file, text)
    data = reader.read()
    if not isinstance(data, dict):
        raise reader.fail(1, "a programme is a mapping with 'id', 'title' and 'milestones'; see the shipped default.yaml")
    try:
        written = ProgrammeFile.model_validate(data)
    except ValidationError as error:
        raise ProgrammeError(_faults_of_fields(reader, error)) from None
    faults = list(_faults_between_parts(reader, written))
    if faults:
        raise ProgrammeError(faults)
    milestones = [milestone for entry in written.milestones for milestone in entry.milestones()]
    return Programme(id=written.id, title=written.title, when=written.when, surveys=written.surveys, milestones=milestones)


def _faults_of_fields(reader: _Reader, error: ValidationError) -> list[Fault]:
    faults = []
    for each in error.errors(include_url=False):
        line, found = reader.line_of(each["loc"])
        message = _advice(each)
        faults.append(Fault(reader.file, line, f"{_dotted(found)}: {message}" if found else message))
    return sorted(faults, key=lambda fault: fault.line)


def _faults_between_parts(reader: _Reader, written: ProgrammeFile) -> Iterator[Fault]:
    """What `Programme` would refuse as a whole, found here with the line of the milestone at fault."""
    ids: set[str] = set()
    for index, entry in enumerate(written.milestones):
        for milestone in entry.milestones():
            if milestone.id in ids:
                line, _ = reader.line_of(("milestones", index, "id"))
                yield Fault(reader.file, line, f"milestone id '{milestone.id}' is used twice; give each its own")
            ids.add(milestone.id)
        for condition in conditions_in(entry.completed_by):
            if isinstance(condition, BySurveyAnswered) and condition.survey not in written.surveys:
                line, _ = reader.line_of(("milestones", index, "completed_by"))
                known = ", ".join(written.surveys) or "none is there"
                yield Fault(
                    reader.file,
                    line,
                    f"survey '{condition.survey}' is not under 'surveys' ({known}); add it, or name one that is",
                )
    yield from _faults_of_days(reader, written)
    if not any(each.required and not each.when.conditions for entry in written.milestones for each in entry.milestones()):
        line, _ = reader.line_of(("milestones",))
        yield Fault(reader.file, line, "no milestone is required of everybody, so a journey would end when it starts; add one")


def _faults_of_days(reader: _Reader, written: ProgrammeFile) -> Iterator[Fault]:
    """Milestones that come after nothing or after themselves, or whose days add up to one that can't be meant."""
    places = {each.id: index for index, entry in enumerate(written.milestones) for each in entry.milestones()}
    milestones = {each.id: each for entry in written.milestones for each in entry.milestones()}
    wrong = list(misplaced({id: each.after for id, each in milestones.items()}))
    for id, words in wrong:
        line, _ = reader.line_of(("milestones", places[id], "after"))
        near = difflib.get_close_matches(str(milestones[id].after), milestones.keys() - {id}, n=1)
        hint = "" if milestones[id].after in milestones else f"; did you mean '{near[0]}'?" if near else "; name one that is"
        yield Fault(reader.file, line, f"milestone '{id}' {words}{hint}")
    if wrong:
        return
    for id, each in milestones.items():
        day, before = each.day, each.after
        while before is not None:
            day, before = day + milestones[before].day, milestones[before].after
        line, _ = reader.line_of(("milestones", places[id]))
        if not EARLIEST_DAY <= day <= LATEST_DAY:
            yield Fault(
                reader.file, line, f"milestone '{id}' is due {day} days from the start date; keep to {EARLIEST_DAY}..{LATEST_DAY}"
            )
        if isinstance(each.completed_by, ByStillEmployed) and day < 0:
            yield Fault(
                reader.file,
                line,
                f"milestone '{id}' can never be reached: nobody is still employed before the start; use a later day",
            )


def read_programmes(folder: Path | None = None) -> Programmes:
    """All programmes of a folder (`*.yaml`, `*.yml`), the shipped ones where None is given.

    Raises `ProgrammeError` with every fault of every file, also when the folder holds no programme for everybody.
    """
    where = folder or SHIPPED
    programmes = read_files(where)
    try:
        return Programmes(programmes)
    except ValueError as error:
        raise ProgrammeError([Fault(str(where), 1, str(error))]) from None


def read_files(where: Path) -> list[Programme]:
    """The programmes of a folder, or the one of a file, each for itself. Raises `ProgrammeError` with every fault of each."""
    files = [where] if where.is_file() else sorted([*where.glob("*.yaml"), *where.glob("*.yml")])
    if not files:
        missing = "no programme here; put at least one .yaml file into this folder" if where.exists() else "there is no such file"
        raise ProgrammeError([Fault(str(where), 1, missing)])
    programmes: list[Programme] = []
    faults: list[Fault] = []
    for file in files:
        try:
            programmes.append(read_programme(_text(file), file.name))
        except ProgrammeError as error:
            faults.extend(error.faults)
    if faults:
        raise ProgrammeError(faults)
    return programmes


def _text(file: Path) -> str:
    try:
        raw = file.read_bytes()
        if len(raw) > MAX_FILE_BYTES:
            raise ProgrammeError([Fault(file.name, 1, f"has {len(raw)} bytes; a programme has at most {MAX_FILE_BYTES}")])
        return raw.decode("utf-8")
    except UnicodeDecodeError:
        raise ProgrammeError([Fault(file.name, 1, "is not UTF-8; save it as UTF-8")]) from None
    except OSError as error:
        raise ProgrammeError([Fault(file.name, 1, f"can't be read ({error.strerror}); check its permissions")]) from None
