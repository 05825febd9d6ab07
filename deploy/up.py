"""`./firstmate up`: the whole system in the foreground, with the sample company hired before your eyes."""

import asyncio
import contextlib
import importlib
import signal
import sys
from dataclasses import asdict, replace

import httpx
from aiokafka.errors import KafkaError

from deploy.endpoints import Endpoints
from deploy.process import StartError
from deploy.sample.company import company
from deploy.supervisor import Broken, Plan, running
from shared.clock import now

PACE_S = 1.5  # slow enough to watch the board fill, fast enough to wait for the end


def say(words: str) -> None:
    """A line for the one who watches. The system goes on when nobody does any more."""
    with contextlib.suppress(BrokenPipeError):
        print(f"{now().astimezone():%H:%M:%S}  {words}", flush=True)


async def up(plan: Plan, *, sample: bool) -> int:
    """Run until Ctrl-C or SIGTERM. The exit code is 0 when every part stopped in order."""
    work = asyncio.create_task(_run(plan, sample=sample))

    def stop() -> None:
        if work.cancelling():
            say("still stopping: every part gets the time to finish")
        else:
            work.cancel()

    hangup = [signal.SIGHUP] if signal.getsignal(signal.SIGHUP) != signal.SIG_IGN else []  # ignored under nohup
    for number in (signal.SIGINT, signal.SIGTERM, *hangup):
        asyncio.get_running_loop().add_signal_handler(number, stop)
    return await work


async def _run(plan: Plan, *, sample: bool) -> int:
    if sample:
        settings = {"sample_sign_in": "true", "coordinators": ",".join(company().coordinators)}
        plan = replace(plan, settings={**settings, **plan.settings})
    system = None
    try:
        async with running(plan, say) as system:
            print(ready_words(system.endpoints, sample=sample), flush=True)
            playing = asyncio.create_task(_play(system.endpoints)) if sample else None
            try:
                await system.until_broken()
            finally:
                if playing is not None:
                    playing.cancel()
    except asyncio.CancelledError:
        pass  # told to stop
    except (StartError, Broken) as error:
        print(f"firstmate: {error}", file=sys.stderr, flush=True)
        return 1
    return 1 if system is not None and system.forced else 0


async def _play(endpoints: Endpoints) -> None:
    # Loaded beside the running system: it takes as long as starting the servers does.
    play = (await asyncio.to_thread(importlib.import_module, "deploy.sample.play")).play
    try:
        await play(asdict(endpoints), pace=PACE_S, say=say)
        say("the sample company is hired; send events of your own, or stop with Ctrl-C")
    except (KafkaError, httpx.HTTPError, OSError) as error:
        say(f"the sample company stopped hiring ({type(error).__name__}); start again to go on where it was")


def ready_words(endpoints: Endpoints, *, sample: bool) -> str:
    """The addresses, for people and for scripts that wait for READY."""
    lines = [
        f"READY {endpoints.web}",
        *([f"  sign in      {endpoints.web}/sign-in as one of the sample people"] if sample else []),
        f"  mail         {endpoints.web}/mail",
        f"  API          {endpoints.web}/docs (operator's token in {endpoints.token_file})",
        f"  Kafka        {endpoints.kafka}",
        f"  MongoDB      {endpoints.mongo}",
        f"  SMTP         {endpoints.smtp}",
        "  Ctrl-C stops everything in order",
    ]
    return "\n".join(lines)
