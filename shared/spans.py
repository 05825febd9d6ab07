"""Where spans go: OpenTelemetry's SDK, to an OTLP endpoint, to files of JSON lines, or both. Loaded only where traces are on."""

from collections.abc import Sequence
from logging import LogRecord
from logging.handlers import RotatingFileHandler
from pathlib import Path

from opentelemetry import trace
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor, SpanExporter, SpanExportResult
from opentelemetry.sdk.trace.id_generator import IdGenerator
from opentelemetry.sdk.trace.sampling import Decision
from opentelemetry.trace import Link, NonRecordingSpan, SpanContext, SpanKind, Status, StatusCode, TraceFlags

from shared.tracing import Span

FILE_BYTES = 16 * 1024 * 1024  # some ten thousand spans, and as many again in the file before
FILE_DELAY_MS = 300  # somebody at a shell looks at once
WAITING_SPANS = 20_000  # what a batch of 500 hires leaves at once; more are dropped rather than kept in memory
KINDS = {"consumer": SpanKind.CONSUMER, "producer": SpanKind.PRODUCER, "internal": SpanKind.INTERNAL}


class GivenIds(IdGenerator):
    """Gives the ids that were decided on before: `context` of the span that is being made."""

    def __init__(self) -> None:
        self.context = ""

    def generate_span_id(self) -> int:
        """64 bits."""
        return int(self.context[36:52], 16)

    def generate_trace_id(self) -> int:
        """128 bits."""
        return int(self.context[3:35], 16)


class SpanFile(SpanExporter):
    """Spans as JSON lines in a file that starts anew when it is full; the one before is kept beside it."""

    def __init__(self, path: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        self._file = RotatingFileHandler(path, maxBytes=FILE_BYTES, backupCount=1, delay=True, encoding="utf-8")

    def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
        """Write them, one line each."""
        for span in spans:
            line = span.to_json(indent=None)
            self._file.emit(LogRecord("spans", 0, "", 0, line, None, None))
        return SpanExportResult.SUCCESS

    def shutdown(self) -> None:
        """Close the file."""
        self._file.close()


class Recorder:
    """Makes OpenTelemetry's spans of ours and hands them on in the background. `service` is the process's name."""

    def __init__(self, service: str, folder: Path | None, *, otlp: bool) -> None:
        self._ids = GivenIds()
        self._provider = TracerProvider(
            resource=Resource.create({"service.name": service, "service.namespace": "firstmate"}), id_generator=self._ids
        )
        if folder is not None:
            file = SpanFile(folder / f"{service}.jsonl")
            self._add(BatchSpanProcessor(file, max_queue_size=WAITING_SPANS, schedule_delay_millis=FILE_DELAY_MS))
        if otlp:
            from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter  # noqa: PLC0415

            self._add(BatchSpanProcessor(OTLPSpanExporter()))  # all else by OpenTelemetry's own variables
        self._tracer = self._provider.get_tracer("firstmate")

    def _add(self, processor: BatchSpanProcessor) -> None:
        self._provider.add_span_processor(processor)

    def samples(self, trace_id: str) -> bool:
        """Whether a trace that begins here is told of (`OTEL_TRACES_SAMPLER`): by its id, so that all services agree."""
        decision = self._provider.sampler.should_sample(None, int(trace_id, 16), "").decision
        return decision is not Decision.DROP

    def record(self, span: Span, ended: int, link: Span | None) -> None:
        """Hand one span on, under the ids that it has already."""
        parent = trace.set_span_in_context(NonRecordingSpan(context_of(span.parent))) if span.parent else None
        self._ids.context = span.context
        made = self._tracer.start_span(
            span.name,
            context=parent,
            kind=KINDS[span.kind],
            attributes=span.attributes,
            links=[Link(context_of(link.context))] if link else (),
            start_time=span.started,
        )
        if span.fault is not None:
            made.set_status(Status(StatusCode.ERROR, span.fault))
        made.end(ended)

    def shut_down(self) -> None:
        """Hand over what waits, and end."""
        self._provider.shutdown()


def context_of(traceparent: str) -> SpanContext:
    """W3C's text as OpenTelemetry's object."""
    trace_id, span_id, flags = (int(part, 16) for part in (traceparent[3:35], traceparent[36:52], traceparent[53:55]))
    return SpanContext(trace_id, span_id, is_remote=True, trace_flags=TraceFlags(flags))
