"""Ways to reach people. A channel takes one message and either accepts it or says how it failed."""

from datetime import datetime, timedelta
from typing import Protocol

from services.notifications.letters import Outgoing


class Temporary(Exception):
    """Not now: the same message may be accepted later. `reason` is a code such as `smtp_451`."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


class Unreachable(Temporary):
    """The channel itself is away or refuses us: no message of any kind can go now."""


class Later(Exception):
    """Not now, and nobody's fault: the message was not tried. Ask again `after` this time; `reason` is a code."""

    def __init__(self, reason: str, after: timedelta) -> None:
        super().__init__(reason)
        self.reason = reason
        self.after = after


class Permanent(Exception):
    """Never: this message to this address will not be accepted. `reason` is a code such as `smtp_550`."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


class Channel(Protocol):
    """One way to send. `name` stands in the ledger; `width` is how many messages it takes at once, `patience` for how long
    one that fails for now is tried again. Mail that is away as a whole is waited for; other channels have mail in their place."""

    name: str
    width: int
    patience: timedelta

    async def send(self, message: Outgoing, now: datetime) -> None:
        """Hand the message over; returns once it is accepted. Raises `Later`, `Temporary`, `Unreachable` or `Permanent`.

        May be called up to `width` times at once. The same message sent again carries the same identity.
        """
        ...

    async def close(self) -> None:
        """Let connections go."""
        ...
