"""When to try again, pure: growing pauses per message with an end to them, and a rest for a channel that is away."""

import hashlib
from dataclasses import dataclass
from datetime import datetime, timedelta

FIRST_PAUSE = timedelta(seconds=60)  # greylisting servers accept a second try after one to five minutes
LONGEST_PAUSE = timedelta(hours=4)  # a mailbox that is full in the morning may be emptied at noon
GIVE_UP_AFTER = timedelta(days=2)  # over a week-end, not a week: a late welcome is worse than a repaired address
JITTER = 0.25  # spreads messages that failed together over half their pause

FIRST_LOOK = timedelta(seconds=2)  # a person unknown yet: their record is usually a batch away
LONGEST_LOOK = timedelta(minutes=5)

FIRST_REST = timedelta(seconds=1)  # a mail server that restarts is back in seconds
LONGEST_REST = timedelta(minutes=5)
LASTING = timedelta(days=2)  # a channel that has been away for so long is not expected by the minute,
LASTING_REST = timedelta(minutes=30)  # and each look at it is a step in the ledger


def pause(attempts: int, key: str, *, first: timedelta = FIRST_PAUSE, longest: timedelta = LONGEST_PAUSE) -> timedelta:
    """How long to wait after this many failed attempts (from 1): doubling up to `longest`, spread by the key and the attempt.

    The spread comes from a hash, so the same attempt waits the same time in a replay.
    """
    grown = _doubled(first, attempts, longest)
    spread = int.from_bytes(hashlib.sha256(f"{key}/{attempts}".encode()).digest()[:4]) / 2**32
    return grown * (1 - JITTER + 2 * JITTER * spread)


def _doubled(first: timedelta, times: int, longest: timedelta) -> timedelta:
    return min(first * float(1 << min(times - 1, 20)), longest)  # twenty doublings pass any pause here


def is_over(first_tried_at: datetime | None, now: datetime, patience: timedelta = GIVE_UP_AFTER) -> bool:
    """Whether a message has been tried for long enough."""
    return first_tried_at is not None and now - first_tried_at >= patience


@dataclass(slots=True)
class Breaker:
    """Keeps a sender from a channel that is away. After each rest one message goes ahead to see."""

    failures: int = 0
    rests_until: datetime | None = None
    failing_since: datetime | None = None

    def is_resting(self, now: datetime) -> bool:
        """Whether nothing may be sent now."""
        return self.rests_until is not None and now < self.rests_until

    @property
    def is_whole(self) -> bool:
        """Whether the channel worked when it was last tried."""
        return self.failures == 0

    def trip(self, now: datetime) -> datetime:
        """The channel failed: rest, longer each time. Failures of what was sent together count once. Gives the rest's end."""
        if not self.is_resting(now):
            self.failures += 1
            self.failing_since = self.failing_since or now
            longest = LASTING_REST if now - self.failing_since >= LASTING else LONGEST_REST
            self.rests_until = now + _doubled(FIRST_REST, self.failures, longest)
        return self.rests_until or now

    def mend(self) -> None:
        """The channel accepted something."""
        self.failures, self.rests_until, self.failing_since = 0, None, None
