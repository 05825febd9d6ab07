"""The one place that reads the clock; everything else takes `now`."""

from collections.abc import Callable
from datetime import UTC, datetime

Clock = Callable[[], datetime]
"""Gives the present moment, aware and in UTC."""


def now() -> datetime:
    """The system clock, in UTC."""
    return datetime.now(UTC)
