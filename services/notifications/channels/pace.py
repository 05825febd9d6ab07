"""How fast mail goes to one domain, pure: at most so many messages a second, evenly; who would wait long comes back later."""

from dataclasses import dataclass, field

PATIENCE_S = 1.0  # somebody who waits longer would keep others, whose domain has room, from their turn
DOMAINS = 10_000  # remembered at once; those whose turn is free are forgotten first


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
