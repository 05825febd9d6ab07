"""What has to be written for a stored state to become another: the update with the fields that differ, and no more.

A state is large and a fact changes little of it. Writing the whole again was most of what the database did: it is encoded,
sent, logged and indexed anew. Pure.
"""

from collections.abc import Iterable, Mapping, Sequence
from functools import lru_cache
from typing import Any, Literal

from pydantic import BaseModel

Document = dict[str, Any]
MISSING = object()

Part = Literal[True] | Mapping[Any, bool]
"""Of a field: the whole of it, or these keys of a mapping, or these places at the end of a list."""


def update_of(path: str, before: Any, after: Any) -> Document:
    """The update that makes `after` of `before`, stored under `path`: two states of one pydantic model, stored as its JSON form,
    or two of those forms.

    `$set` is always there. A mapping with the same keys in the same order is updated key by key, a list that has only grown
    gets what is new; every other field is set whole.
    """
    if isinstance(after, BaseModel):
        parts = _parts(before, after, _fields(type(after)))
        form: Document = after.model_dump(mode="json", include=dict(parts)) if parts else {}
        gone = parts.keys() - form.keys()  # what the model leaves out where it says nothing
    else:
        parts = _parts(before, after, after)
        form = {name: _of(after[name], part) for name, part in parts.items()}
        gone = before.keys() - after.keys()
    update: Document = {"$set": {}}
    for name, value in form.items():
        where, part = f"{path}.{name}", parts[name]
        if part is True:
            update["$set"][where] = value
        elif isinstance(value, list):
            update.setdefault("$push", {})[where] = {"$each": value}
        else:
            update["$set"] |= {f"{where}.{key}": each for key, each in value.items()}
    if gone:
        update["$unset"] = {f"{path}.{name}": True for name in sorted(gone)}
    return update


@lru_cache(maxsize=64)
def _fields(model: type[BaseModel]) -> Sequence[str]:
    return [*model.model_fields, *model.model_computed_fields]


def _parts(before: Any, after: Any, names: Iterable[str]) -> dict[str, Part]:
    """What differs, by field."""
    old, new = _values(before), _values(after)
    differing = [name for name in names if old.get(name, MISSING) is not new[name] and old.get(name, MISSING) != new[name]]
    return {name: _within(old.get(name, MISSING), new[name]) for name in differing}


def _values(state: Any) -> Mapping[str, Any]:
    held: dict[str, Any] = state if isinstance(state, dict) else vars(state)
    computed = type(state).model_computed_fields if isinstance(state, BaseModel) else ()
    return held | {name: getattr(state, name) for name in computed} if computed else held


def _within(old: Any, new: Any) -> Part:
    if isinstance(new, dict) and isinstance(old, dict) and list(old) == list(new):
        differing = [key for key in new if old[key] is not new[key] and old[key] != new[key]]
        # A dot in a key would lead elsewhere.
        return dict.fromkeys(differing, True) if all(map(_is_plain, differing)) else True
    if isinstance(new, list) and isinstance(old, list) and 0 < len(old) < len(new) and new[: len(old)] == old:
        return dict.fromkeys(range(len(old), len(new)), True)
    return True


def _of(value: Any, part: Part) -> Any:
    if part is True:
        return value
    return [value[place] for place in part] if isinstance(value, list) else {key: value[key] for key in part}


def _is_plain(key: object) -> bool:
    return isinstance(key, str) and key != "" and "." not in key and "$" not in key and not key.isdigit()
