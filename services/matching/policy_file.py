"""A policy's YAML file, checked to the line."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any, cast

import yaml
from pydantic import BaseModel, ValidationError

from services.matching.policy import Policy

SHIPPED = Path(__file__).with_name("policy.yaml")


class PolicyError(ValueError):
    """A policy that can't be used; each line of the message names file, line, field, what is wrong and what to do."""


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
