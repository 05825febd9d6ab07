"""`./firstmate dead-letters`: what could not be processed, over all services."""

import base64
from datetime import datetime
from operator import itemgetter
from typing import Any

from shared import dead_letters
from shared.mongo import Client
from shared.topics import SERVICES

Row = dict[str, Any]


async def listed(client: Client, state: str | None) -> list[Row]:
    """The dead letters in `state` (None: all) of all services, oldest first, without their content."""
    rows = [
        {"id": letter["_id"], "service": service, **_shown(letter)}
        for service in SERVICES
        async for letter in dead_letters.letters(client[service], state=state)
    ]
    # One batch buries all its letters at one moment, and an id as text would put offset 10 before 9.
    return sorted(rows, key=itemgetter("at", "service", "consumer", "topic", "partition", "offset"))


async def shown(client: Client, id: str) -> Row | None:
    """One dead letter whole: `value` as text, or as `value_base64` where it is none; None when there is no such letter."""
    for service in SERVICES:
        letter = await dead_letters.letter(client[service], id)
        if letter is not None:
            headers = {name: (value or b"").decode(errors="replace") for name, value in letter["headers"]}
            return {"id": id, "service": service, **_shown(letter), "headers": headers, **_value(letter["value"])}
    return None


async def replayed(client: Client, ids: list[str], now: datetime) -> list[Row]:
    """Send each to its topic again; per id whether it was (`done`), and if not, for which other it waits (`after`)."""
    return [await _replayed(client, id, now) for id in ids]


async def _replayed(client: Client, id: str, now: datetime) -> Row:
    for service in SERVICES:
        letter = await dead_letters.letter(client[service], id)
        if letter is not None:
            after = await dead_letters.earlier(client[service], letter)
            return {"id": id, "done": await dead_letters.replay(client[service], id, now), "after": after}
    return {"id": id, "done": False, "after": None}


async def dropped(client: Client, id: str, now: datetime) -> bool:
    """Give one up. False when it is not there or not open."""
    for service in SERVICES:
        if await dead_letters.drop(client[service], id, now):
            return True
    return False


def _shown(letter: dict[str, Any]) -> Row:
    fields = ("consumer", "topic", "partition", "offset", "code", "detail", "field", "state")
    return {"at": letter["at"].isoformat(), **{name: letter.get(name) for name in fields}}


def _value(value: bytes | None) -> Row:
    if value is None:
        return {"value": None}
    try:
        return {"value": value.decode()}
    except UnicodeDecodeError:
        return {"value_base64": base64.b64encode(value).decode()}
