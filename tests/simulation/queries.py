"""MongoDB's queries, updates and expressions, as far as the product uses them. Whatever else is asked raises `Unsupported`.

Works on documents as BSON gives them back (aware times of whole milliseconds, lists for tuples), never on the caller's objects.
"""

import re
from collections.abc import Callable, Iterator, Mapping
from datetime import datetime, timedelta
from typing import Any

import bson
from bson import CodecOptions, ObjectId
from bson.codec_options import TypeRegistry

Document = dict[str, Any]
unsupported: list[str] = []
"""What was asked in vain since it was emptied: the product logs a duty's failure and goes on, a run must not."""


class Unsupported(NotImplementedError):
    """The simulation does not know this; teach it, with a row in the contract suite."""

    def __init__(self, what: str) -> None:
        super().__init__(what)
        unsupported.append(what)


AWARE: CodecOptions[Any] = CodecOptions(tz_aware=True, type_registry=TypeRegistry())
_MISSING = object()
_RANKS = ((bool, 8), (int, 2), (float, 2), (str, 3), (dict, 4), (list, 5), (bytes, 6), (ObjectId, 7), (datetime, 9))

_KNOWN: dict[type, int] = dict(_RANKS)


def encoded(document: Mapping[str, Any]) -> bytes:
    """The document as BSON."""
    return bson.encode(document)


def decoded(raw: bytes) -> Document:
    """A fresh document of BSON."""
    found: Document = bson.decode(raw, AWARE)
    return found


def rank(value: Any) -> int:
    """The place of a value's type in BSON's order of types."""
    if type(value) in _KNOWN:
        return _KNOWN[type(value)]
    if value is None or value is _MISSING:
        return 1
    for kind, number in _RANKS:
        if isinstance(value, kind):
            return number
    raise Unsupported(f"no order for {type(value).__name__}")


def order(value: Any) -> tuple[Any, ...]:
    """What values are sorted by."""
    if value is None or value is _MISSING:
        return (1,)
    if isinstance(value, dict):
        return (4, *((order(name), order(inner)) for name, inner in value.items()))
    if isinstance(value, list):
        return (5, *(order(inner) for inner in value))
    return (rank(value), value)


def _same(left: Any, right: Any) -> bool:
    return left is right or (left == right and (type(left) is type(right) or rank(left) == rank(right)))


def _reach(value: Any, path: list[str]) -> Iterator[Any]:
    if not path:
        yield value
    elif isinstance(value, dict):
        if path[0] in value:
            yield from _reach(value[path[0]], path[1:])
    elif isinstance(value, list):
        for item in value:
            if isinstance(item, dict):
                yield from _reach(item, path)


def _candidates(leaves: list[Any]) -> Iterator[Any]:
    for leaf in leaves:
        yield leaf
        if isinstance(leaf, list):
            yield from leaf


def _equals(target: Any) -> Callable[[list[Any]], bool]:
    if target is None:
        return lambda leaves: not leaves or any(leaf is None for leaf in _candidates(leaves))
    return lambda leaves: any(_same(leaf, target) for leaf in _candidates(leaves))


def _compares(target: Any, holds: Callable[[Any, Any], bool]) -> Callable[[list[Any]], bool]:
    kind = rank(target)
    return lambda leaves: any(rank(leaf) == kind and holds(leaf, target) for leaf in _candidates(leaves))


def _one_of(targets: list[Any]) -> Callable[[list[Any]], bool]:
    if all(isinstance(target, str) for target in targets):
        wanted = set(targets)
        return lambda leaves: any(isinstance(leaf, str) and leaf in wanted for leaf in _candidates(leaves))
    tests = [_equals(target) for target in targets]
    return lambda leaves: any(test(leaves) for test in tests)


def _not(test: Callable[[list[Any]], bool]) -> Callable[[list[Any]], bool]:
    return lambda leaves: not test(leaves)


def _of_type(name: str) -> Callable[[list[Any]], bool]:
    if name != "string":
        raise Unsupported(f"$type {name}")
    return lambda leaves: any(isinstance(leaf, str) for leaf in _candidates(leaves))


def _like(pattern: str) -> Callable[[list[Any]], bool]:
    wanted = re.compile(pattern)
    return lambda leaves: any(isinstance(leaf, str) and wanted.search(leaf) is not None for leaf in _candidates(leaves))


_OPERATORS: Mapping[str, Callable[[Any], Callable[[list[Any]], bool]]] = {
    "$eq": _equals,
    "$ne": lambda target: _not(_equals(target)),
    "$in": _one_of,
    "$nin": lambda targets: _not(_one_of(targets)),
    "$gt": lambda target: _compares(target, lambda left, right: left > right),
    "$gte": lambda target: _compares(target, lambda left, right: left >= right),
    "$lt": lambda target: _compares(target, lambda left, right: left < right),
    "$lte": lambda target: _compares(target, lambda left, right: left <= right),
    "$exists": lambda wanted: lambda leaves: bool(leaves) == bool(wanted),
    "$type": _of_type,
    "$regex": _like,
}


def is_operators(value: Any) -> bool:
    """Whether a query's value is a document of operators."""
    return isinstance(value, dict) and bool(value) and all(name.startswith("$") for name in value)


def _field(name: str, wanted: Any) -> Callable[[Document, datetime], bool]:
    if isinstance(wanted, (str, ObjectId)) and "." not in name:
        return lambda document, now: (value := document.get(name)) == wanted or (isinstance(value, list) and wanted in value)
    path = name.split(".")
    asked = wanted if is_operators(wanted) else {"$eq": wanted}
    tests = []
    for operator, target in asked.items():
        if operator not in _OPERATORS:
            raise Unsupported(f"query operator {operator}")
        tests.append(_OPERATORS[operator](target))

    (first, *others), top = tests, len(path) == 1

    def holds(document: Document, now: datetime) -> bool:
        leaves = ([document[name]] if name in document else []) if top else list(_reach(document, path))
        return first(leaves) and (not others or all(test(leaves) for test in others))

    return holds


def compiled(query: Mapping[str, Any] | None) -> Callable[[Document, datetime], bool]:
    """Whether a document matches the query, at the store's time."""
    asked = decoded(encoded(query or {}))
    tests: list[Callable[[Document, datetime], bool]] = []
    for name, wanted in asked.items():
        if name == "$or":
            branches = [compiled(branch) for branch in wanted]
            tests.append(lambda document, now, branches=branches: any(branch(document, now) for branch in branches))
        elif name == "$and":
            tests += [compiled(branch) for branch in wanted]
        elif name == "$expr":
            tests.append(lambda document, now, wanted=wanted: bool(evaluate(wanted, document, now)))
        elif name.startswith("$"):
            raise Unsupported(f"query operator {name}")
        else:
            tests.append(_field(name, wanted))
    if len(tests) == 1:
        return tests[0]
    return lambda document, now: all(test(document, now) for test in tests)


# Expressions --------------------------------------------------------------------------------------------------------


def evaluate(expression: Any, document: Document, now: datetime) -> Any:
    """The value of an aggregation expression. A missing field is None."""
    if isinstance(expression, str) and expression.startswith("$$"):
        if expression != "$$NOW":
            raise Unsupported(expression)
        return now
    if isinstance(expression, str) and expression.startswith("$"):
        return next(_reach(document, expression[1:].split(".")), None)
    if isinstance(expression, list):
        return [evaluate(item, document, now) for item in expression]
    if not isinstance(expression, dict):
        return expression
    if len(expression) == 1 and (name := next(iter(expression))).startswith("$"):
        return _operation(name, expression[name], document, now)
    return {name: evaluate(inner, document, now) for name, inner in expression.items()}


def _operation(name: str, argument: Any, document: Document, now: datetime) -> Any:
    if name == "$literal":
        return argument
    if name == "$cond":
        test, yes, no = argument
        return evaluate(yes if evaluate(test, document, now) else no, document, now)
    if name == "$objectToArray":
        fields = evaluate(argument, document, now)
        return None if fields is None else [{"k": key, "v": value} for key, value in fields.items()]
    values = [evaluate(item, document, now) for item in argument]
    if name in ("$add", "$subtract"):
        if any(value is None for value in values):
            return None
        total, *more = values
        for value in more:
            step = timedelta(milliseconds=value) if isinstance(total, datetime) else value
            total = total + step if name == "$add" else total - step
        return total
    if name == "$concatArrays":
        return [item for value in values for item in value]
    if name == "$max":
        return max((value for value in values if value is not None), key=order, default=None)
    left, right = values
    if name == "$eq":
        return _same(left, right)
    if name in ("$lt", "$lte"):
        return order(left) < order(right) or (name == "$lte" and order(left) == order(right))
    raise Unsupported(f"expression {name}")


# Updates ------------------------------------------------------------------------------------------------------------


def _place(document: Document, name: str) -> tuple[Document, str]:
    *path, last = name.split(".")
    for step in path:
        inner = document.setdefault(step, {})
        if not isinstance(inner, dict):
            raise Unsupported(f"update of {name} through {type(inner).__name__}")
        document = inner
    return document, last


def _set(document: Document, name: str, value: Any) -> None:
    place, last = _place(document, name)
    place[last] = value


def _unset(document: Document, name: str) -> None:
    place, last = _place(document, name)
    place.pop(last, None)


def _increase(document: Document, name: str, by: Any) -> None:
    place, last = _place(document, name)
    place[last] = place.get(last, 0) + by


def _raise_to(document: Document, name: str, value: Any) -> None:
    place, last = _place(document, name)
    if last not in place or order(place[last]) < order(value):
        place[last] = value


def _push(document: Document, name: str, what: Any) -> None:
    place, last = _place(document, name)
    items, slice_ = [what], None
    if isinstance(what, dict) and "$each" in what:
        if what.keys() - {"$each", "$slice"}:
            raise Unsupported(f"$push with {sorted(what)}")
        items, slice_ = what["$each"], what.get("$slice")
    grown = [*place.get(last, []), *items]
    if slice_ is not None and slice_ >= 0:
        raise Unsupported("$slice from the front")
    place[last] = grown if slice_ is None else grown[slice_:]


_CHANGES: Mapping[str, Callable[[Document, str, Any], None]] = {
    "$set": _set,
    "$inc": _increase,
    "$max": _raise_to,
    "$push": _push,
    "$unset": lambda document, name, _: _unset(document, name),
}


def updated(document: Document, update: Any, now: datetime, *, inserted: bool) -> Document:
    """The document after an update; changes `document` itself. `inserted`: an upsert found none, so `$setOnInsert` counts."""
    if isinstance(update, list):
        for stage in update:
            if stage.keys() != {"$set"}:
                raise Unsupported(f"pipeline update {sorted(stage)}")
            values = {name: evaluate(expression, document, now) for name, expression in stage["$set"].items()}
            for name, value in values.items():
                _set(document, name, value)
        return document
    for operator, fields in update.items():
        if operator == "$setOnInsert":
            for name, value in fields.items() if inserted else ():
                _set(document, name, value)
        elif operator == "$currentDate":
            for name in fields:
                _set(document, name, now)
        elif operator in _CHANGES:
            for name, value in fields.items():
                _CHANGES[operator](document, name, value)
        else:
            raise Unsupported(f"update operator {operator}")
    return document


def equalities(query: Mapping[str, Any]) -> Document:
    """What an upsert that found nothing takes over from its query."""
    seed: Document = {}
    for name, wanted in query.items():
        if name.startswith("$") or is_operators(wanted):
            continue
        _set(seed, name, wanted)
    return seed


def projected(document: Document, fields: Mapping[str, Any] | None) -> Document:
    """Only the fields asked for, or all but those refused."""
    if not fields:
        return document
    shown = {name: wanted for name, wanted in fields.items() if name != "_id"}
    if any(not isinstance(wanted, (int, bool)) for wanted in fields.values()) or len(set(map(bool, shown.values()))) > 1:
        raise Unsupported(f"projection {dict(fields)}")
    if shown and not next(iter(shown.values())):
        for name in fields:
            if not fields[name]:
                _unset(document, name)
        return document
    out: Document = {"_id": document["_id"]} if fields.get("_id", 1) else {}
    for name in shown:
        _copy(document, out, name.split("."))
    return out


def _copy(source: Any, target: Document, path: list[str]) -> None:
    head, *rest = path
    if not isinstance(source, dict) or head not in source:
        return
    if not rest:
        target[head] = source[head]
    elif isinstance(source[head], dict):
        _copy(source[head], target.setdefault(head, {}), rest)
    elif isinstance(source[head], list):
        if not all(isinstance(each, dict) for each in source[head]):
            raise Unsupported(f"projection through an array of values at {head}")
        for each, shown in zip(source[head], target.setdefault(head, [{} for _ in source[head]]), strict=True):
            _copy(each, shown, rest)


def sorted_by(documents: list[Document], keys: list[tuple[str, int]]) -> list[Document]:
    """In the order of the keys."""
    for name, direction in reversed(keys):
        path = name.split(".")
        documents = sorted(documents, key=lambda one, path=path: order(next(_reach(one, path), None)), reverse=direction < 0)
    return documents
