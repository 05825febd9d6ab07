"""Rows in the form in which they are stored: JSON values in dicts.

The folds work on that form. A row is folded far more often than it is shown, and making objects of it and JSON of them
again would be most of the work. What the form is says the row's model (`Board`, `Timeline`), by which pages read it; tests
hold the two together.
"""

from typing import Any, TypeAlias

Stored: TypeAlias = dict[str, Any]


def instant(stamp: str) -> str:
    """What an instant (`Event.stamp`) is compared by: with or without a fraction, texts without the Z stand in order of time."""
    return stamp[:-1]
