"""`./firstmate publish`: structured CloudEvents, one JSON object per line, onto Kafka.

The whole input is checked before anything is published, so that a half-wrong file changes nothing.
"""

import itertools
import shutil
import sys
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from datetime import datetime
from pathlib import Path
from tempfile import SpooledTemporaryFile
from typing import IO, Any

from services.intake.accept import accept
from services.intake.publisher import KafkaUnavailable, Publisher
from shared.events import Event, Unprocessable, envelope_from_json, read_json
from shared.events.envelope import MAX_RECORD_BYTES

CHUNK_EVENTS = 500  # confirmed together; what stands before a failing chunk is on Kafka
SPOOL_BYTES = 16 * 1024 * 1024  # standard input up to this size stays in memory
FAULTS_SHOWN = 100  # a file in the wrong format has a fault on every line


@dataclass(frozen=True, slots=True)
class LineFault:
    """Why a line can't be published; `line` counts from 1."""

    line: int
    code: str
    detail: str
    field: str | None = None


@dataclass(slots=True)
class PublishReport:
    """What became of the input. `faults` holds the first hundred; `problem` says what stopped it, if anything."""

    lines: int = 0
    published: int = 0
    refused: int = 0
    faults: list[LineFault] = field(default_factory=list)
    problem: str | None = None

    @property
    def ok(self) -> bool:
        """Whether everything that should be published is."""
        return self.problem is None

    def summary(self) -> dict[str, Any]:
        """Ready for JSON."""
        return asdict(self)


async def publish_file(path: str, kafka: str, now: datetime, *, skip_bad: bool = False) -> PublishReport:
    """`publish_lines` for a file, or for standard input where `path` is `-`. Raises `OSError` when it can't be read."""
    publisher = Publisher(kafka)
    try:
        with open_source(path) as source:
            return await publish_lines(source, publisher, now, skip_bad=skip_bad)
    finally:
        await publisher.close()


def open_source(path: str) -> IO[bytes]:
    """A seekable file. Standard input (`-`) is copied to a temporary file where it is long."""
    if path != "-":
        return Path(path).open("rb")
    copy = SpooledTemporaryFile(max_size=SPOOL_BYTES)  # noqa: SIM115 - the caller closes it
    shutil.copyfileobj(sys.stdin.buffer, copy)
    copy.seek(0)
    return copy


async def publish_lines(source: IO[bytes], publisher: Publisher, now: datetime, *, skip_bad: bool = False) -> PublishReport:
    """Check every line of `source` (seekable: it is read twice), then publish in order. `skip_bad`: leave bad lines out."""
    report = PublishReport()
    for number, outcome in _read(source, now):
        report.lines += 1
        if isinstance(outcome, Unprocessable):
            report.refused += 1
            if len(report.faults) < FAULTS_SHOWN:
                report.faults.append(LineFault(number, outcome.code, outcome.detail, outcome.field))
    if report.refused and not skip_bad:
        report.problem = (
            f"{report.refused} of {report.lines} lines can't be published, so none was; correct them, or use --skip-bad"
        )
        return report
    source.seek(0)
    events = (outcome for _, outcome in _read(source, now) if isinstance(outcome, Event))
    try:
        while chunk := list(itertools.islice(events, CHUNK_EVENTS)):
            await publisher.publish(chunk)
            report.published += len(chunk)
    except KafkaUnavailable as error:
        report.problem = f"{error}; run the same command again, what is already there changes nothing"
    return report


def _read(source: IO[bytes], now: datetime) -> Iterator[tuple[int, Event[Any] | Unprocessable]]:
    """Every line that is not blank, with its number."""
    for number, line in enumerate(_bounded_lines(source), 1):
        if line.strip():
            yield number, _event(line, now)


def _bounded_lines(source: IO[bytes]) -> Iterator[bytes]:
    """Lines, of which a too long one is cut after the limit: a file without line ends must not fill the memory."""
    while line := source.readline(MAX_RECORD_BYTES + 2):
        rest = line
        while len(rest) > MAX_RECORD_BYTES and not rest.endswith(b"\n"):
            rest = source.readline(MAX_RECORD_BYTES + 2) or b"\n"
        yield line


def _event(line: bytes, now: datetime) -> Event[Any] | Unprocessable:
    try:
        if len(line) > MAX_RECORD_BYTES:
            raise Unprocessable("too_large", f"the line is longer than {MAX_RECORD_BYTES} bytes; one event per line")
        return accept(envelope_from_json(read_json(line)), now)
    except Unprocessable as fault:
        return fault
