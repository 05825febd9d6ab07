"""How fast mail goes to one domain, pure: at most so many messages a second, evenly; who would wait long comes back later."""

from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

PATIENCE_S = 1.0  # somebody who waits longer would keep others, whose domain has room, from their turn
DOMAINS = 10_000  # remembered at once; those whose turn is free are forgotten first


@dataclass(slots=True)
class Slowness:
    """Domains for which the server takes its time to accept; at most `most` messages wait for it, so that others have room."""

    most: int
    _waited_for: Counter[str] = field(default_factory=Counter)
    _slow: set[str] = field(default_factory=set)

    @contextmanager
    def watch(self, domain: str) -> Iterator[Callable[[], bool]]:
        """Around one message: what is yielded is asked, once its answer takes long, whether to go on waiting."""
        waits = False

        def may_wait() -> bool:
            nonlocal waits
            waits = self._waited_for.total() < self.most
            if waits:
                self._waited_for[domain] += 1
                self._slow.add(domain)
            return waits

        try:
            yield may_wait
        finally:
            if waits:
                self._waited_for[domain] -= 1
            else:
                self._slow.discard(domain)

    def is_waited_for(self, domain: str) -> bool:
        """Whether the server has not accepted yet what it had long ago."""
        return self._waited_for[domain] > 0

    def is_full(self, domain: str, busy: int) -> bool:
        """Whether a domain that was slow last time has as many messages on the way as may wait."""
        return domain in self._slow and busy >= self.most


@dataclass(slots=True)
class Pace:
    """Turns by domain, `per_second` of them (0: any number). Times are in seconds of any clock that never goes back."""

    per_second: float
    _next: dict[str, float] = field(default_factory=dict)
    _back: dict[str, float] = field(default_factory=dict)

    def turn(self, domain: str, now: float) -> tuple[float, bool]:
        """Seconds to wait, and whether the turn is taken: if not, to ask again after so long, each in a second of their own."""
        if not self.per_second:
            return 0.0, True
        self._forget(now)
        due = max(self._next.get(domain, now), now)
        if due - now <= PATIENCE_S:
            self._next[domain] = due + 1 / self.per_second
            return due - now, True
        back = max(self._back.get(domain, due), due)
        self._back[domain] = back + 1 / self.per_second
        return back - now, False

    def _forget(self, now: float) -> None:
        if len(self._next) < DOMAINS:
            return
        self._next = {domain: due for domain, due in self._next.items() if due > now}
        self._back = {domain: due for domain, due in self._back.items() if due > now}
