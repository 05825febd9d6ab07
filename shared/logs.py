"""Structured logs: one JSON object a line, with ids and codes, never a name, an address or a message text."""

import logging
import sys
import traceback
from pathlib import Path
from types import TracebackType

import structlog
from structlog.typing import EventDict, Processor, WrappedLogger

FRAMES_KEPT = 12  # the innermost; what is further out is the server's own
CLIENTS = ("aiokafka", "pymongo")  # which say ten times a second that they reach nobody
SELDOM_S = 10.0


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


class Seldom(logging.Filter):
    """Lets each place in the code of client libraries speak once in `SELDOM_S`; what it says next tells how often it was silent.

    An outage of a minute would write thousands of lines, among which its beginning and end are lost. Exceptions always pass.
    """

    def __init__(self) -> None:
        super().__init__()
        self._spoke: dict[tuple[str, int], tuple[float, int]] = {}

    def filter(self, record: logging.LogRecord) -> bool:
        """Whether it is written."""
        if record.exc_info or record.name.partition(".")[0] not in CLIENTS:
            return True
        place = record.pathname, record.lineno
        spoke, silent = self._spoke.get(place, (float("-inf"), 0))
        if record.created - spoke < SELDOM_S:
            self._spoke[place] = spoke, silent + 1
            return False
        self._spoke[place] = record.created, 0
        if silent:
            record.msg, record.args = f"{record.getMessage()} (and {silent} times more since it was last told)", ()
        return True


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
    handler.addFilter(Seldom())
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=[*common, structlog.stdlib.add_logger_name, first_line, name_exception],
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, structlog.processors.JSONRenderer()],
        )
    )
    logging.basicConfig(level=max(number, logging.WARNING), handlers=[handler], force=True)
