"""Rows in the form in which they are stored: JSON values in dicts.

The folds work on that form. A row is folded far more often than it is shown, and making objects of it and JSON of them
again would be most of the work. What the form is says the row's model (`Board`, `Timeline`), by which pages read it; tests
hold the two together.
"""

from datetime import UTC, datetime
from typing import Any, TypeAlias

Stored: TypeAlias = dict[str, Any]


def stamp(time: datetime) -> str:
    """An instant as it is stored: ISO 8601 in UTC, with Z."""
    utc = time if time.tzinfo is UTC else time.astimezone(UTC)
    return utc.isoformat()[:-6] + "Z"


def instant(stamp: str) -> str:
    """What a stored instant is compared by: with or without a fraction, texts without the Z stand in order of time."""
    return stamp[:-1]
