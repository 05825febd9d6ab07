"""Health of a worker: alive is not enough, its consumers must move and its duties must run.

A consumer is *stuck* when records wait for it and its progress has not moved for `STUCK_AFTER_S`, or when its consume
loop has ended; a duty (the relay, a scheduler, a sender) when it has failed as long, again and again, at something else than an
outage. Liveness (`/healthz`) says so; readiness (`/readyz`) asks the broker and the database.
"""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from time import monotonic
from typing import Any

from prometheus_client import REGISTRY, CollectorRegistry
from prometheus_client.exposition import choose_encoder
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from shared.progress import Place

MENDED_AFTER_S = 30.0  # three times the longest pause between two tries of a duty
MARKS_KEPT = 600
STUCK_AFTER_S = 90.0  # longer than one batch may wait for an outage (60 s), so that waiting is not called being stuck


@dataclass(slots=True)
class Pulse:
    """What is watched of one consumer. Times are `time.monotonic()` seconds."""

    consumer: str
    lag: Mapping[Place, int] = field(default_factory=dict)
    progress: Mapping[Place, int] = field(default_factory=dict)
    running: bool = True
    moved_at: float = field(default_factory=monotonic)

    def observe(self, lag: Mapping[Place, int], progress: Mapping[Place, int], *, running: bool, at: float) -> None:
        """Take note of where the consumer stands."""
        if progress != self.progress or sum(lag.values()) <= 0:
            self.moved_at = at
        self.lag, self.progress, self.running = dict(lag), dict(progress), running

    def problem(self, at: float) -> str | None:
        """Why this consumer is not well, or None."""
        if not self.running:
            return "its consume loop has ended"
        waiting = sum(self.lag.values())
        if waiting > 0 and at - self.moved_at > STUCK_AFTER_S:
            return f"{waiting} records wait and nothing has moved for {at - self.moved_at:.0f} s"
        return None


@dataclass(slots=True)
class Waiting:
    """Since when records have waited for a consumer, from where its topics ended at each look. Times as in `Pulse`.

    Exact to the pause between two looks; what waited before the first look counts from that on.
    """

    ends: dict[Place, list[tuple[int, float]]] = field(default_factory=dict)

    def observe(self, lag: Mapping[Place, int], progress: Mapping[Place, int], at: float) -> float:
        """Seconds that the oldest waiting record has been seen to wait, 0 when none waits."""
        for place, behind in lag.items():
            end = progress[place] + behind
            seen = [(offset, since) for offset, since in self.ends.get(place, []) if offset > progress[place]]
            if behind > 0 and (not seen or end > seen[-1][0]):
                seen.append((end, at))
            # The oldest matter: where there are too many, the newest two become one.
            self.ends[place] = seen if len(seen) <= MARKS_KEPT else [*seen[:-2], (seen[-1][0], seen[-2][1])]
        return max((at - seen[0][1] for seen in self.ends.values() if seen), default=0.0)


@dataclass(slots=True)
class Failing:
    """A duty's failures in a row, the first and the last. Times are `time.monotonic()` seconds."""

    error: str
    since: float
    last: float

    def again(self, error: str, at: float) -> "Failing":
        """After one more failure; one long after the others begins a new row."""
        return Failing(error, at if at - self.last > MENDED_AFTER_S else self.since, at)

    def problem(self, at: float) -> str | None:
        """Why this duty is not well, or None."""
        if at - self.last > MENDED_AFTER_S or self.last - self.since < STUCK_AFTER_S:
            return None
        return f"it has failed again and again for {self.last - self.since:.0f} s ({self.error}); see the worker's log"


def report(pulses: Mapping[str, Pulse], failing: Mapping[str, Failing], at: float) -> tuple[bool, dict[str, Any]]:
    """Whether all is well, and the state of each consumer and of each duty that has failed lately."""
    consumers = {name: {"lag": sum(pulse.lag.values()), "problem": pulse.problem(at)} for name, pulse in sorted(pulses.items())}
    duties = {name: {"problem": problem} for name, row in sorted(failing.items()) if (problem := row.problem(at)) is not None}
    well = not duties and all(consumer["problem"] is None for consumer in consumers.values())
    return well, {"status": "ok" if well else "stuck", "consumers": consumers, "duties": duties}


def exposition(registry: CollectorRegistry, accept: str) -> Response:
    """All metrics in the format that is accepted: OpenMetrics names a trace beside some of them, Prometheus' own text none."""
    encode, content_type = choose_encoder(accept)
    return Response(encode(registry), media_type=content_type)


def health_app(
    pulses: Mapping[str, Pulse], failing: Mapping[str, Failing], ready: Callable[[], Awaitable[dict[str, str | None]]]
) -> Starlette:
    """The worker's own small HTTP side. `ready` gives, per part (`kafka`, `mongo`), None or what is wrong."""

    async def healthz(_: Request) -> JSONResponse:
        well, body = report(pulses, failing, monotonic())
        return JSONResponse(body, status_code=200 if well else 503)

    async def readyz(_: Request) -> JSONResponse:
        parts = await ready()
        well = all(problem is None for problem in parts.values())
        return JSONResponse({"status": "ok" if well else "unavailable", "parts": parts}, status_code=200 if well else 503)

    async def metrics(request: Request) -> Response:
        return exposition(REGISTRY, request.headers.get("accept", ""))

    return Starlette(routes=[Route("/healthz", healthz), Route("/readyz", readyz), Route("/metrics", metrics)])
