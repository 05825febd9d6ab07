"""Aggregations of the simulated store: the stages that the product uses, as mongod carries them out."""

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any

from tests.simulation import queries
from tests.simulation.queries import Document, Unsupported

Collection = Callable[[str], list[Document]]
"""The documents of another collection, by its name."""


def aggregated(stages: list[Document], documents: list[Document], others: Collection, now: datetime) -> list[Document]:
    """What comes out of the pipeline. Raises `Unsupported`."""
    for stage in stages:
        ((name, what),) = stage.items()
        if name not in _STAGES:
            raise Unsupported(f"aggregate with {name}")
        documents = _STAGES[name](documents, what, others, now)
    return documents


def _match(documents: list[Document], query: Document, _: Collection, now: datetime) -> list[Document]:
    test = queries.compiled(query)
    return [document for document in documents if test(document, now)]


def _group(documents: list[Document], group: Document, _: Collection, now: datetime) -> list[Document]:
    sums: dict[Any, Document] = {}
    fields = {name: what for name, what in group.items() if name != "_id"}
    for document in documents:
        key = queries.evaluate(group["_id"], document, now)
        row = sums.setdefault(key, {"_id": key} | dict.fromkeys(fields, 0))
        for name, what in fields.items():
            if not isinstance(what, dict) or what.keys() != {"$sum"}:
                raise Unsupported(f"$group {name}")
            row[name] += queries.evaluate(what["$sum"], document, now) or 0
    return list(sums.values())


def _project(documents: list[Document], fields: Document, _: Collection, now: datetime) -> list[Document]:
    worked_out = {name: what for name, what in fields.items() if not isinstance(what, int)}
    shown = {name: what for name, what in fields.items() if name not in worked_out}
    return [
        (queries.projected(document, shown) if shown else {"_id": document["_id"]})
        | {name: queries.evaluate(what, document, now) for name, what in worked_out.items()}
        for document in documents
    ]


def _unwind(documents: list[Document], path: str, _: Collection, now: datetime) -> list[Document]:
    name = path.removeprefix("$")
    return [document | {name: each} for document in documents for each in queries.evaluate(path, document, now) or ()]


def _graph_lookup(documents: list[Document], walk: Document, others: Collection, now: datetime) -> list[Document]:
    there = others(walk["from"])
    return [
        document | {walk["as"]: _walked(queries.evaluate(walk["startWith"], document, now), walk, there)}
        for document in documents
    ]


def _walked(start: Any, walk: Document, there: list[Document]) -> list[Document]:
    found: dict[Any, Document] = {}
    frontier = {start}
    for _ in range(walk["maxDepth"] + 1):
        reached = [one for one in there if one["_id"] not in found and one.get(walk["connectToField"]) in frontier - {None}]
        if not reached:
            break
        found |= {one["_id"]: one for one in reached}
        frontier = {one.get(walk["connectFromField"]) for one in reached}
    return list(found.values())


_STAGES: Mapping[str, Callable[[list[Document], Any, Collection, datetime], list[Document]]] = {
    "$match": _match,
    "$group": _group,
    "$project": _project,
    "$unwind": _unwind,
    "$graphLookup": _graph_lookup,
}
