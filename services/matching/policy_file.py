"""A policy's YAML file, checked to the line."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path
from typing import Any, cast

import yaml
from pydantic import BaseModel, ValidationError

from services.matching.meaning import installed
from services.matching.policy import Policy

SHIPPED = Path(__file__).with_name("policy.yaml")


@dataclass(frozen=True, slots=True)
class Fault:
    """What is wrong with a policy, in which file, on which line, at which field, and what to do."""

    file: str
    line: int
    field: str
    words: str

    def __str__(self) -> str:
        return f"{self.file}:{self.line}: {f'{self.field}: ' if self.field else ''}{self.words}"


class PolicyError(ValueError):
    """A policy that can't be used; each line of the message names file, line, field, what is wrong and what to do."""

    def __init__(self, faults: Iterable[Fault]) -> None:
        self.faults = tuple(faults)
        super().__init__("\n".join(map(str, self.faults)))


def load_policy(path: Path | None = None) -> Policy:
    """The policy in `path`, or the shipped one.

    Raises `PolicyError`, also for a file that can't be read or that weighs meaning while the sentence model is not installed.
    """
    file = path or SHIPPED
    try:
        text = file.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        words = f"the policy can't be read ({type(error).__name__}); name a YAML file, for the services by FIRSTMATE_POLICY_FILE"
        raise PolicyError([Fault(str(file), 1, "", words)]) from error
    policy = parse_policy(text, str(file))
    if "meaning" in policy.shares and not installed():
        words = "needs the sentence model; install it with ./firstmate policy enable-meaning, or take the weight away"
        line = _line(_read(text, str(file))[0], ("criteria", "meaning"))
        raise PolicyError([Fault(str(file), line, "criteria.meaning", words)])
    return policy


def parse_policy(text: str, name: str = "policy.yaml") -> Policy:
    """Check a policy's text. Raises `PolicyError` with one line per fault: `file:line: field: fault; what to do`."""
    root, content = _read(text, name)
    faults = [Fault(name, line, field, words) for field, line, words in _slips(root)]
    if faults:
        raise PolicyError(faults)
    try:
        return Policy.model_validate(content)
    except ValidationError as error:
        found = [_fault(name, root, cast("dict[str, Any]", fault)) for fault in error.errors(include_url=False)]
        raise PolicyError(found) from None


def _read(text: str, name: str) -> tuple[yaml.MappingNode, Any]:
    try:
        root = yaml.compose(text, Loader=yaml.SafeLoader)
        content = yaml.safe_load(text)
    except yaml.MarkedYAMLError as error:
        line = error.problem_mark.line + 1 if error.problem_mark else 1
        mend = "indent with spaces, not tabs" if "\\t" in str(error.problem) else "mend the layout of this line"
        raise PolicyError([Fault(name, line, "", f"not YAML: {error.problem}; {mend}")]) from error
    except (yaml.YAMLError, ValueError) as error:  # ValueError: a day such as 2027-02-30
        words = "not YAML: the file holds something that YAML can't read; save it as plain UTF-8 text, without dates"
        raise PolicyError([Fault(name, 1, "", words)]) from error
    if not isinstance(root, yaml.MappingNode):
        words = "a policy is a mapping with 'name', 'rules' and 'criteria'; start from the shipped policy.yaml"
        raise PolicyError([Fault(name, 1, "", words)])
    return root, content


def _slips(root: yaml.MappingNode) -> Iterator[tuple[str, int, str]]:
    """What YAML lets pass: keys given twice, and criteria with nothing under them. Field, line and words of each."""
    waiting: list[tuple[str, yaml.Node]] = [("", root)]
    seen_nodes: set[int] = set()  # an alias may lead back to what holds it
    while waiting:
        path, node = waiting.pop(0)
        if id(node) in seen_nodes:
            continue
        seen_nodes.add(id(node))
        if isinstance(node, yaml.SequenceNode):
            waiting += [(f"{path}{index}.", item) for index, item in enumerate(node.value)]
        if isinstance(node, yaml.MappingNode):
            keys: set[str] = set()
            for key, value in node.value:
                field, line = f"{path}{key.value}", key.start_mark.line + 1
                if str(key.value) in keys:
                    yield field, line, "given twice; keep one of them"
                elif path == "criteria." and isinstance(value, yaml.ScalarNode) and value.tag.endswith(":null"):
                    yield field, line, "nothing stands under it; give it a weight, or leave it out"
                keys.add(str(key.value))
                waiting.append((f"{field}.", value))


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


def _fault(name: str, root: yaml.Node, fault: dict[str, Any]) -> Fault:
    loc: tuple[int | str, ...] = fault["loc"]
    return Fault(name, _line(root, loc), ".".join(str(step) for step in loc) or "policy", _words(loc, fault))


def _words(loc: tuple[int | str, ...], fault: dict[str, Any]) -> str:
    kind, message = fault["type"], fault["msg"].removeprefix("Value error, ")
    if kind == "extra_forbidden":
        known = _known(loc)
        by_letters = {name.casefold(): name for name in known}
        near = [by_letters[match] for match in get_close_matches(str(loc[-1]).casefold(), by_letters, n=1)]
        what = "criterion" if loc[:-1] == ("criteria",) else "setting"
        return f"unknown {what}; {f'did you mean {near[0]}? ' if near else ''}use one of {', '.join(known)}"
    if kind == "missing":
        return "missing; add it"
    if kind == "string_pattern_mismatch":
        return "must be small letters, digits and dashes; rename it"
    if kind == "value_error":
        return f"{message}; change it"
    return f"{message[:1].lower()}{message[1:]} (found {_shown(fault['input'])}); change it"


def _shown(value: object) -> str:
    text = repr(value)
    return text if len(text) <= 60 else f"{text[:57]}..."


def _known(loc: tuple[int | str, ...]) -> list[str]:
    model: type[BaseModel] = Policy
    for step in loc[:-1]:
        annotation = model.model_fields[str(step)].annotation
        candidates = [annotation, *getattr(annotation, "__args__", ())]
        model = next(kind for kind in candidates if isinstance(kind, type) and issubclass(kind, BaseModel))
    return list(model.model_fields)
