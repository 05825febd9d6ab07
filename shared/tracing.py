"""Traces: one hire followed from the HR event through topics, transactions and relays to the mail.

A span's id follows from its parent's and from what it handles (docs/decisions/0032). So it is known before the step is over and
can be committed with what the step decides (events in the outbox, entries of the ledger); a step that is repeated after a crash
is the same span again; and services that read one event in parallel agree on its trace. Spans are told once their transaction
is through.

Off, which is the default, nothing is made here, and a trace context that came with an event is passed on as it is. A *context*
is a W3C `traceparent`: `00-<trace id>-<span id>-<flags>`.
"""

import hashlib
import os
import secrets
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from time import time_ns
from typing import TYPE_CHECKING, Any, Literal

from shared.events import Event
from shared.mongo import Document
from shared.record import Record

if TYPE_CHECKING:
    from shared.spans import Recorder

HEADER = "ce_traceparent"
CONSUMER = "messaging.consumer.group.name"
TELLS_ORIGINS = "matching"  # reads all that comes from outside, and has one owner: each origin is told of once
OTLP = ("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "OTEL_EXPORTER_OTLP_ENDPOINT")
_LAST_HEADERS = (
    "ce_sequence",
    HEADER,
)  # how a fact of ours ends; what was sent again or buried ends otherwise and stays as it is

_recorder: "Recorder | None" = None


@dataclass(slots=True)
class Span:
    """One step. `started` is in nanoseconds since 1970, by this machine's clock and not the one that decisions see; so is
    `arrived`, the broker's time of an event that came without a trace: then this step's parent is the event itself."""

    name: str
    context: str
    parent: str | None
    kind: Literal["consumer", "producer", "internal"] = "internal"
    started: int = field(default_factory=time_ns)
    attributes: Mapping[str, str | int] = field(default_factory=dict)
    fault: str | None = None
    arrived: int | None = None

    @property
    def trace_id(self) -> str:
        """32 hex digits."""
        return self.context[3:35]

    @property
    def is_sampled(self) -> bool:
        """Whether its trace is one of those that are told of."""
        return _is_sampled(self.context)


def configure(service: str, folder: Path | None, environment: Mapping[str, str] = os.environ) -> None:
    """Tell of spans from now on, where there is somebody to tell: files in `folder`, an OTLP endpoint by OpenTelemetry's own
    variables, or both. Call once per process, and `shut_down` at its end."""
    global _recorder  # noqa: PLW0603  one process, one recorder
    otlp = any(environment.get(name) for name in OTLP)
    if environment.get("OTEL_SDK_DISABLED", "").lower() == "true" or not (otlp or folder):
        return
    from shared.spans import Recorder  # noqa: PLC0415  half a second and 10 MB, for those who asked for it

    _recorder = Recorder(service, folder, otlp=otlp)


def shut_down() -> None:
    """Hand over what is not told yet."""
    global _recorder  # noqa: PLW0603
    if _recorder is not None:
        _recorder.shut_down()
    _recorder = None


def is_on() -> bool:
    """Whether spans are told of. Whatever would cost something asks first."""
    return _recorder is not None


def tell(spans: Iterable[Span], *, ended: int | None = None, link: Span | None = None) -> None:
    """Record spans, all of which ended at `ended` (nanoseconds since 1970; now, without it), each with a link where given."""
    if _recorder is not None:
        ended = time_ns() if ended is None else ended
        for span in spans:
            if span.is_sampled:
                _recorder.record(span, ended, link)


def origin(*identity: str) -> str:
    """The context in which something begins that came without one: the same for everybody who sees it."""
    digest = hashlib.sha256("\n".join(identity).encode()).hexdigest()
    sampled = _recorder is not None and _recorder.samples(digest[:32])
    return f"00-{digest[:32]}-{digest[32:48]}-{int(sampled):02x}"


def below(parent: str, *identity: str) -> str:
    """The context of a step below `parent`. `identity` tells it from other steps there, and is the same when it is repeated."""
    span_id = hashlib.sha256("\n".join((parent[36:52], *identity)).encode()).hexdigest()[:16]
    return f"{parent[:36]}{span_id}{parent[52:]}"


def consumed(consumer: str, record: Record, event: Event[Any] | None) -> Span:
    """What `consumer` does with a record, which holds `event` if it can be read."""
    place = (record.topic, str(record.partition), str(record.offset))
    came_with = event.traceparent if event else None
    parent = came_with or (origin(event.source, event.id) if event else origin(*place))
    attributes: dict[str, str | int] = {
        "messaging.system": "kafka",
        "messaging.destination.name": record.topic,
        "messaging.destination.partition.id": str(record.partition),
        "messaging.kafka.offset": record.offset,
        CONSUMER: consumer,
    }
    if event is not None:
        attributes |= _about(event)
    name = f"{consumer} {event.type if event else 'unreadable record'}"
    arrived = None if came_with else int(record.timestamp.timestamp() * 1e9)
    return Span(name, below(parent, consumer, *place), parent, "consumer", attributes=attributes, arrived=arrived)


def commanded(consumer: str, command: Event[Any]) -> Span:
    """What a person's or the clock's command does; one that follows from nothing begins a trace."""
    name, about = f"{consumer} {command.type}", _about(command)
    if command.traceparent is None:
        return Span(name, _random(), None, attributes=about)
    return Span(name, below(command.traceparent, consumer, command.id), command.traceparent, attributes=about)


def batch(consumer: str, started: int) -> Span:
    """A whole batch: what its events have in common. It is a trace of its own, which theirs link to."""
    return Span(f"{consumer} batch", _random(), None, started=started)


def step(name: str, parent: str | None, *identity: str, **attributes: str) -> Span | None:
    """A step below a context that has one; None while traces are off."""
    if _recorder is None or parent is None:
        return None
    return Span(
        name, below(parent, name, *identity), parent, attributes={f"firstmate.{key}": at for key, at in attributes.items()}
    )


def published(record: Document) -> Span | None:
    """The publication of a record of the outbox, whose header from now on leads to it; None for one that has to stay as it is."""
    headers = record["headers"]
    if not headers or headers[-1][0] not in _LAST_HEADERS:
        return None
    told = {name: value.decode() for name, value in headers if value is not None}
    parent = told.get(HEADER)
    context = below(parent, "publish", told["ce_id"]) if parent else origin(told["ce_source"], told["ce_id"])
    record["headers"] = [*(header for header in headers if header[0] != HEADER), [HEADER, context.encode()]]
    attributes: dict[str, str | int] = {
        "messaging.system": "kafka",
        "messaging.destination.name": record["topic"],
        "cloudevents.event_id": told["ce_id"],
        "cloudevents.event_type": told["ce_type"],
        "firstmate.employee": told["ce_subject"],
    }
    return Span(f"publish {told['ce_type']}", context, parent, "producer", attributes=attributes)


def tell_origins(service: str, spans: Iterable[Span]) -> None:
    """Record what came in without a trace, as the moments that begin one; one service does, for all."""
    for span in spans if service == TELLS_ORIGINS else ():
        if span.arrived is not None and span.parent is not None:
            told = {key: value for key, value in span.attributes.items() if key != CONSUMER}
            name = str(span.attributes.get("cloudevents.event_type", "unreadable record"))
            tell([Span(name, span.parent, None, "producer", span.arrived, told)], ended=span.arrived)


def _about(event: Event[Any]) -> dict[str, str | int]:
    return {
        "cloudevents.event_id": event.id,
        "cloudevents.event_source": event.source,
        "cloudevents.event_type": event.type,
        "firstmate.employee": event.subject,
    }


def _random() -> str:
    trace_id = secrets.token_hex(16)
    sampled = _recorder is not None and _recorder.samples(trace_id)
    return f"00-{trace_id}-{secrets.token_hex(8)}-{int(sampled):02x}"


def _is_sampled(context: str) -> bool:
    return bool(int(context[53:55], 16) & 1)
