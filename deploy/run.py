"""`python -m deploy.run onboarding|matching|notifications|web|mailsink`: one process of Firstmate, told by its environment.

The same command runs under `up`, in compose and in Kubernetes. SIGTERM and SIGINT stop it in order, with code 0; code 1 says in
the last line of the log what ended it, code 2 that the settings are wrong: each fault a line, before anything is connected to.

A service's worker is one kind of process: it consumes, and the replica that holds the service's lease also relays the outbox,
keeps the calendar and sends mail (docs/decisions/0023). There is no relay, scheduler or sender to start apart.
"""

import asyncio
import gc
import importlib
import os
import signal
import sys
import traceback
from collections.abc import Awaitable, Callable, Iterator, Mapping
from pathlib import Path

import structlog

from deploy import configuration
from shared import logs, tracing
from shared.heap import share_one_heap
from shared.settings import Settings

# Their messages say what to do and hold no personal value; those of other exceptions may quote a document. By name, because
# importing them is half of what a small process like the mail sink would load.
TELLING = frozenset(
    {
        "TopicShorter",
        "ServerSelectionTimeoutError",
        "NoReplicaSet",
        "KafkaConnectionError",
        "Unfit",
        "ForeignDatabase",
        "ProgrammeError",
        "PolicyError",
        "DataNewer",
    }
)

# New containers between two looks for garbage, and looks of each generation before the next one's. A batch of 500 makes a hundred
# thousand objects that hold no cycles; with Python's defaults (700, 10, 10) looking for some was a good third of a worker's time.
COLLECTION_THRESHOLDS = (50_000, 20, 50)

DRAIN_S = 18.0  # from the signal to the end; the supervisor kills after twenty, compose and Kubernetes later

log = structlog.get_logger()


async def run_worker(service: str, settings: Settings) -> None:
    """A service's worker, until cancelled."""
    await importlib.import_module("deploy.fitness").check_worker(settings, service)
    await importlib.import_module(f"services.{service}.app").worker(settings).run()


async def run_web(settings: Settings) -> None:
    """The origin, until cancelled."""
    fitness, origin = importlib.import_module("deploy.fitness"), importlib.import_module("deploy.origin")
    if await fitness.check_web(settings):
        await origin.serve(settings)
        return
    async with asyncio.TaskGroup() as tasks:
        looking = tasks.create_task(fitness.check_web_later(settings))
        await origin.serve(settings)
        looking.cancel()


async def run_mailsink(settings: Settings) -> None:
    """The local mail sink, until cancelled."""
    sink = importlib.import_module("deploy.mailsink")
    await sink.serve(settings.smtp, settings.mail_dir or settings.data_dir / "mail")


def _worker(service: str) -> Callable[[Settings], Awaitable[None]]:
    return lambda settings: run_worker(service, settings)


# Each imports its own part alone: a mail sink needs no solver.
PROCESSES: Mapping[str, Callable[[Settings], Awaitable[None]]] = {
    **{service: _worker(service) for service in ("onboarding", "matching", "notifications")},
    "web": run_web,
    "mailsink": run_mailsink,
}


def main(arguments: list[str]) -> int:
    """Run the named process; its exit code."""
    if len(arguments) != 1 or arguments[0] not in PROCESSES:
        print(f"usage: python -m deploy.run {'|'.join(PROCESSES)}", file=sys.stderr)
        return 2
    name = arguments[0]
    logs.configure(name)
    for strange in configuration.unknown(os.environ):
        log.warning("setting_unknown", words=str(strange))
    settings, faults = configuration.read(name, os.environ)
    for fault in faults:
        log.error("settings_wrong", words=str(fault))
    if settings is None:
        return 2
    logs.configure(name, settings.log_level)
    gc.set_threshold(*COLLECTION_THRESHOLDS)
    share_one_heap()
    tracing.configure(name, settings.traces_dir)
    try:
        return asyncio.run(until_told(name, settings))
    finally:
        tracing.shut_down()


async def until_told(name: str, settings: Settings) -> int:
    """Run it until SIGTERM or SIGINT, which cancel it; 0 then, 1 when it ended by itself."""
    working = asyncio.ensure_future(PROCESSES[name](settings))
    loop = asyncio.get_running_loop()
    told: list[int] = []

    def stop(number: int) -> None:
        if not told:
            loop.call_later(DRAIN_S, give_up)
        told.append(number)
        working.cancel()

    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop, number)
    log.info("starting")
    try:
        await working
    except asyncio.CancelledError:
        pass
    except Exception as error:
        for one in leaves(error):
            log.error("failed", error=type(one).__name__, words=words(one), at=places(one))
        return 1
    if not told:
        log.error("ended", words="the process ended by itself, which it should not")
        return 1
    log.info("stopped")
    return 0


def give_up() -> None:
    """End at once: what is not done is done again by whoever comes next, and somebody hears why this took so long."""
    log.error("not_drained", words=f"not everything ended within {DRAIN_S:g} s; what was on its way is done again")
    sys.stdout.flush()
    os._exit(1)


def leaves(error: BaseException) -> Iterator[BaseException]:
    """The single exceptions in a group, or the exception itself."""
    if isinstance(error, BaseExceptionGroup):
        for one in error.exceptions:
            yield from leaves(one)
    else:
        yield error


def words(error: BaseException) -> str | None:
    """What an exception says, where that is known to hold nothing personal."""
    known = isinstance(error, OSError) or any(kind.__name__ in TELLING for kind in type(error).__mro__)
    return str(error) if known else None


def places(error: BaseException) -> list[str]:
    """Where it came from: file, line and function, innermost last, without any value."""
    frames = traceback.extract_tb(error.__traceback__)[-8:]
    return [f"{Path(frame.filename).name}:{frame.lineno} {frame.name}" for frame in frames]


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
