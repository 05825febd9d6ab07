"""The pinned shape of every event: one file per type in `golden/` with an example and the JSON schema of its data.

`python -m tests.contract.golden` writes the present schema into each file where the change only adds, and names the
changes that would break a reader or a writer. Such a change is a new version: leave the class and its file as they
are, add a class with `TYPE = "....v2"` beside it, write `golden/....v2.json` with an example, run this module, and
read both versions until the old one is no longer on any topic.
"""

import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from shared.events import EVENT_TYPES

FOLDER = Path(__file__).parent / "golden"
Schema = dict[str, Any]


def files() -> dict[str, Path]:
    """Each pinned type with its file."""
    return {path.stem: path for path in sorted(FOLDER.glob("*.json"))}


def current_schema(type: str) -> Schema:
    """The JSON schema of a type's data as the code has it now: references resolved, words for humans left out."""
    schema = EVENT_TYPES[type].model_json_schema()
    return plain(schema, schema.get("$defs", {}))


def plain(schema: Any, definitions: Schema) -> Any:
    """A schema without references, titles and descriptions (a property of such a name stays)."""
    if isinstance(schema, list):
        return [plain(part, definitions) for part in schema]
    if not isinstance(schema, dict):
        return schema
    if "$ref" in schema:
        return plain(definitions[schema["$ref"].removeprefix("#/$defs/")], definitions)
    kept = {key: value for key, value in schema.items() if key not in ("title", "description", "$defs")}
    return {
        key: {name: plain(part, definitions) for name, part in value.items()}
        if key == "properties"
        else plain(value, definitions)
        for key, value in kept.items()
    }


def breaking_changes(pinned: Any, current: Any, path: str = "data") -> Iterator[str]:
    """What in `current` would break whoever reads or writes by `pinned`. A new optional property breaks nobody."""
    if isinstance(pinned, dict) and isinstance(current, dict):
        if "properties" in pinned:
            yield from _changed_properties(pinned, current, path)
        for key in sorted((pinned.keys() | current.keys()) - {"properties", "required"}):
            yield from breaking_changes(pinned.get(key), current.get(key), f"{path}.{key}")
    elif isinstance(pinned, list) and isinstance(current, list) and len(pinned) == len(current):
        for index, (before, after) in enumerate(zip(pinned, current, strict=True)):
            yield from breaking_changes(before, after, f"{path}[{index}]")
    elif pinned != current:
        yield f"{path}: was {json.dumps(pinned)}, is {json.dumps(current)}"


def _changed_properties(pinned: Schema, current: Schema, path: str) -> Iterator[str]:
    before, after = set(pinned.get("required", [])), set(current.get("required", []))
    for name, schema in pinned["properties"].items():
        if name not in current.get("properties", {}):
            yield f"{path}.{name}: is gone"
        else:
            yield from breaking_changes(schema, current["properties"][name], f"{path}.{name}")
    yield from (
        f"{path}.{name}: is required now, so events already on the topic can't be read" for name in sorted(after - before)
    )
    yield from (f"{path}.{name}: is optional now, so readers that rely on it fail" for name in sorted(before - after))


def main() -> int:
    """Pin what only adds. Answers 1 when something is missing or breaks."""
    faults = [f"{type}: no file {FOLDER.name}/{type}.json with an example" for type in EVENT_TYPES.keys() - files().keys()]
    for type, path in files().items():
        document = json.loads(path.read_text())
        changes = list(breaking_changes(document["schema"], current_schema(type))) if "schema" in document else []
        faults += [f"{type}: {change}" for change in changes]
        if not changes:
            path.write_text(json.dumps(document | {"schema": current_schema(type)}, indent=2, ensure_ascii=False) + "\n")
    sys.stdout.write("".join(f"{fault}\n" for fault in faults))
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main())
