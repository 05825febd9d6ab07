"""`./firstmate trace`: what happened to one person, step by step, from the spans that `up` keeps in its data folder."""

import json
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import Any

from rich.text import Text
from rich.tree import Tree

EMPLOYEE = "firstmate.employee"
TRANSACTION = "transaction"
SHOWN = ("firstmate.recipient", "firstmate.outcome", "firstmate.reason")


@dataclass(frozen=True, slots=True)
class Step:
    """One span. `service` is the process that told of it, `ms` how long it took."""

    trace_id: str
    id: str
    parent: str | None
    name: str
    service: str
    start: datetime
    ms: float
    fault: str | None
    attributes: Mapping[str, Any]
    steps: "tuple[Step, ...]" = ()

    def json(self) -> dict[str, Any]:
        """As one JSON object, the steps below it inside."""
        own = {name: value for name, value in asdict(replace(self, steps=())).items() if name not in ("steps", "trace_id")}
        return {**own, "start": self.start.isoformat(), "steps": [step.json() for step in self.steps]}


def traces(folder: Path, employee_id: str) -> list[tuple[Step, ...]]:
    """Every trace in which something is about the person, oldest first, each as the steps that began it."""
    by_trace: dict[str, list[Step]] = defaultdict(list)
    for step in _read(folder):
        by_trace[step.trace_id].append(step)
    about = [steps for steps in by_trace.values() if any(step.attributes.get(EMPLOYEE) == employee_id for step in steps)]
    return sorted((_grown(steps) for steps in about), key=lambda began: began[0].start)


def drawn(began: Sequence[Step]) -> Tree:
    """One trace as a tree; times are since its beginning."""
    first = began[0]
    tree = Tree(Text(f"trace {first.trace_id}, {first.start.astimezone():%Y-%m-%d %H:%M:%S}"))
    for step in began:
        _hang(tree, step, first.start)
    return tree


def _read(folder: Path) -> Iterator[Step]:
    for path in sorted(folder.glob("*.jsonl*")):
        for line in path.read_text(encoding="utf-8").splitlines():
            try:
                yield _step(json.loads(line))
            except (ValueError, KeyError):
                continue  # a process that was killed may leave half a line


def _step(span: Mapping[str, Any]) -> Step:
    start, end = (datetime.fromisoformat(span[name].replace("Z", "+00:00")) for name in ("start_time", "end_time"))
    parent = span["parent_id"]
    return Step(
        trace_id=span["context"]["trace_id"].removeprefix("0x"),
        id=span["context"]["span_id"].removeprefix("0x"),
        parent=parent.removeprefix("0x") if parent else None,
        name=span["name"],
        service=span["resource"]["attributes"]["service.name"],
        start=start,
        ms=round((end - start).total_seconds() * 1000, 1),
        fault=span["status"].get("description") if span["status"]["status_code"] == "ERROR" else None,
        attributes=span["attributes"],
    )


def _grown(steps: Iterable[Step]) -> tuple[Step, ...]:
    """The steps that have no parent here, with those below them, in the order of time. A step told of twice stands once."""
    known = {step.id: step for step in steps}
    below: dict[str | None, list[Step]] = defaultdict(list)
    for step in known.values():
        below[step.parent if step.parent in known else None].append(step)

    def grow(parent: str | None) -> tuple[Step, ...]:
        ordered = sorted(below[parent], key=lambda step: (step.start, step.name))
        return tuple(replace(step, steps=grow(step.id)) for step in ordered)

    return grow(None)


def _hang(tree: Tree, step: Step, since: datetime) -> None:
    """A line per step; its transaction is told on the same line."""
    commits = [each.ms for each in step.steps if each.name == TRANSACTION]
    line = Text(f"+{(step.start - since).total_seconds():.3f} s  ", style="dim")
    line.append(step.name, style="bold not dim")
    for name in SHOWN:
        if name in step.attributes:
            line.append(f" {step.attributes[name]}", style="not dim")
    if step.fault:
        line.append(f" {step.fault}", style="red not dim")
    line.append(f"  {step.ms:g} ms" if step.ms else "")
    line.append(f", transaction {commits[0]:g} ms" if commits else "")
    branch = tree.add(line)
    for each in step.steps:
        if each.name != TRANSACTION:
            _hang(branch, each, since)
