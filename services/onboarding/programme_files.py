"""Reading programmes from YAML files, with errors that name file, line and what to do."""

import difflib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

import yaml
from pydantic import ValidationError
from pydantic_core import ErrorDetails

from services.onboarding.programme import Escalation, Programme, Programmes, Survey, When
from services.onboarding.programme_checks import Finding, Steps, doubts, faults, faults_beside
from services.onboarding.programme_entries import MilestoneEntry, ProgrammeFile, Repetition

SHIPPED = Path(__file__).parent / "programmes"
MAX_FILE_BYTES = 256 * 1024  # the shipped programme has about 10 kB
MAX_NODES = 20_000  # YAML aliases can multiply a small file into a huge one


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
    "repeat": frozenset(Repetition.model_fields),
    "escalate": frozenset(Escalation.model_fields),
    "": frozenset(ProgrammeFile.model_fields),
}


_WRITTEN: Mapping[str, str] = {
    "every": "is written as '1 week', '2 weeks' and so on up to '52 weeks'",
    "remind": "a reminder is written as '2 before' or '1 after', counting up to 90 days from the due day",
}


_NO_EVENT = "names no event; write 'person', or an event with its details"


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
        tag, known = error["ctx"].get("tag", ""), error["ctx"].get("expected_tags", "")
        return f"'{tag}' can't stand here; write one of {known}, those about events with their details" if tag else _NO_EVENT
    if error["type"] == "too_short":
        return f"needs at least {error['ctx']['min_length']}, and has {error['ctx']['actual_length']}"
    if error["type"] == "string_pattern_mismatch":
        otherwise = "ids are lower-case letters, digits and underscores, languages are tags such as en or pt-BR"
        return next((words for field, words in _WRITTEN.items() if field in error["loc"]), f"{error['msg']}; {otherwise}")
    return error["msg"].removeprefix("Value error, ")


def read_programme(text: str, file: str) -> Programme:
    """The programme in a YAML text; `file` is the name that errors show. Raises `ProgrammeError`."""
    return _read(text, file)[2]


def doubts_about(text: str, file: str, today: date) -> list[Fault]:
    """What of a programme that is well formed may not be meant. Raises `ProgrammeError` as `read_programme` does."""
    reader, written, programme = _read(text, file)
    return _with_lines(reader, doubts(written, programme, today))


def _read(text: str, file: str) -> tuple["_Reader", ProgrammeFile, Programme]:
    reader = _Reader(file, text)
    data = reader.read()
    if not isinstance(data, dict):
        raise reader.fail(1, "a programme is a mapping with 'id', 'title' and 'milestones'; see the shipped default.yaml")
    try:
        written = ProgrammeFile.model_validate(data)
    except ValidationError as error:
        found = [*_faults_of_fields(reader, error), *_with_lines(reader, _faults_beside(reader, data, error))]
        raise ProgrammeError(sorted(found, key=lambda fault: fault.line)) from None
    found = _with_lines(reader, faults(written))
    if found:
        raise ProgrammeError(found)
    return reader, written, written.programme()


def _faults_beside(reader: "_Reader", data: Mapping[str, Any], error: ValidationError) -> list[Finding]:
    wrong = [reader.line_of(each["loc"])[1] for each in error.errors(include_url=False)]
    return faults_beside(data, [at for at in wrong if at])


def _with_lines(reader: "_Reader", findings: Iterable[Finding]) -> list[Fault]:
    found = [Fault(reader.file, reader.line_of(each.at)[0], each.message) for each in findings]
    return sorted(found, key=lambda fault: fault.line)


def _faults_of_fields(reader: _Reader, error: ValidationError) -> list[Fault]:
    faults = []
    for each in error.errors(include_url=False):
        line, found = reader.line_of(each["loc"])
        message = _advice(each)
        faults.append(Fault(reader.file, line, f"{_dotted(found)}: {message}" if found else message))
    return sorted(faults, key=lambda fault: fault.line)


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
    programmes: list[Programme] = []
    found: list[Fault] = []
    for file in _files(where):
        try:
            programmes.append(read_programme(_text(file), file.name))
        except ProgrammeError as error:
            found.extend(error.faults)
    if found:
        raise ProgrammeError(found)
    return programmes


def doubts_in(where: Path | None, today: date) -> list[Fault]:
    """What of well-formed programmes may not be meant, in a folder or a file. Raises `ProgrammeError` as reading them does."""
    return [each for file in _files(where or SHIPPED) for each in doubts_about(_text(file), file.name, today)]


def _files(where: Path) -> list[Path]:
    files = [where] if where.is_file() else sorted([*where.glob("*.yaml"), *where.glob("*.yml")])
    if not files:
        missing = "no programme here; put at least one .yaml file into this folder" if where.exists() else "there is no such file"
        raise ProgrammeError([Fault(str(where), 1, missing)])
    return files


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
