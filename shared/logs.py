"""Structured logs: one JSON object a line, with ids and codes, never a name, an address or a message text."""

import logging
import sys
import traceback
from pathlib import Path
from types import TracebackType

import structlog
from structlog.typing import EventDict, Processor, WrappedLogger

FRAMES_KEPT = 12  # the innermost; what is further out is the server's own


def name_exception(_: WrappedLogger, __: str, event: EventDict) -> EventDict:
    """An exception as its type and places. Its message may quote what somebody sent: it never gets into a log."""
    given = event.pop("exc_info", None)
    error = sys.exc_info()[1] if given is True else given[1] if isinstance(given, tuple) else given
    if isinstance(error, BaseException):
        event["error"] = type(error).__name__
        event["at"] = places(error.__traceback__)
    return event


def places(trace: TracebackType | None) -> list[str]:
    """The innermost frames, `file.py:12 function`."""
    return [f"{Path(frame.filename).name}:{frame.lineno} {frame.name}" for frame in traceback.extract_tb(trace)[-FRAMES_KEPT:]]


def where(error: BaseException) -> str:
    """The line that raised; the message itself may quote a personal value and stays out of the log."""
    return next(reversed(places(error.__traceback__)), "")


def first_line(_: WrappedLogger, __: str, event: EventDict) -> EventDict:
    """Libraries put a summary on the first line of a message and quote objects, arguments included, on the next ones."""
    event["event"] = str(event["event"]).partition("\n")[0]
    return event


def configure(service: str, level: str = "INFO") -> None:
    """Send structlog's and the libraries' logs as JSON lines to standard output. Call once per process."""
    number = logging.getLevelNamesMapping().get(level.upper(), logging.INFO)

    def name_service(_: WrappedLogger, __: str, event: EventDict) -> EventDict:
        event.setdefault("service", service)
        return event

    common: list[Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.processors.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        name_service,
    ]
    structlog.configure(
        processors=[*common, name_exception, structlog.processors.JSONRenderer()],
        wrapper_class=structlog.make_filtering_bound_logger(number),
        logger_factory=structlog.WriteLoggerFactory(sys.stdout),
        cache_logger_on_first_use=True,
    )
    handler = logging.StreamHandler(sys.stdout)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=[*common, structlog.stdlib.add_logger_name, first_line, name_exception],
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, structlog.processors.JSONRenderer()],
        )
    )
    logging.basicConfig(level=max(number, logging.WARNING), handlers=[handler], force=True)
