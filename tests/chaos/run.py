"""One run: the stack, the load and the faults, then the checker; what came of it as a report."""

import asyncio
import statistics
import tempfile
from collections import Counter, defaultdict
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from random import Random
from typing import Any

from shared.clock import now
from shared.mongo import Client, PyMongoError
from tests.chaos import checker
from tests.chaos.faults import EVERYBODY, FAULTS, Fault, possible, script, small_disk
from tests.chaos.flow import Flow
from tests.chaos.load import BULK_EVERY_S, Load
from tests.chaos.stack import Stack, running

STARTS_WITHIN_S = 240.0
FLOWS_WITHIN_S = 90.0
QUIET_WITHIN_S = 150.0
PAUSE_S = (0.5, 2.5)  # between two faults, by seed
LEAST_A_SECOND = 4.0  # records: fewer would not show when it flows again
RECORDS_PER_HIRE = 1.45  # what `Load` says of each, on average

Say = Callable[[str], None]


@dataclass
class Struck:
    """What is known of the faults that struck: how often each kind, and how long until it flowed again."""

    times: Counter[str] = field(default_factory=Counter)
    recovery: dict[str, list[float]] = field(default_factory=lambda: defaultdict(list))
    not_flowing: list[str] = field(default_factory=list)

    def told(self) -> dict[str, Any]:
        """By kind, in seconds."""
        return {
            kind: {
                "times": times,
                **(
                    {"median_s": round(statistics.median(took), 1), "longest_s": round(max(took), 1)}
                    if (took := self.recovery[kind])
                    else {}
                ),
            }
            for kind, times in sorted(self.times.items())
        }


async def run(
    hires: int,
    faults: int,
    seed: int,
    say: Say,
    kinds: Sequence[Fault] = FAULTS,
    logs: Path | None = None,
    afterwards: Callable[[Stack], Awaitable[None]] | None = None,
    bulk: int = 0,
) -> dict[str, Any]:
    """The report of a run over so many hires and faults, chosen by the seed out of those `kinds` that can be had here.

    `logs`: where the workers' logs go that are to be kept. `afterwards` gets the system once it was checked. `bulk` records come
    at once now and then (`Load`).
    """
    began = now()
    with tempfile.TemporaryDirectory(prefix="firstmate-chaos-") as name:
        folder = Path(name)
        async with small_disk(folder / "small") as disk:
            chosen = script(faults, seed, possible(kinds, with_small_disk=disk is not None))
            async with running(folder, disk, logs) as stack:
                say("the system runs")
                report = await _under_load(stack, Load(hires, seed, bulk), chosen, seed, say)
                if afterwards is not None:
                    await afterwards(stack)
                return report | {
                    "seed": seed,
                    "seconds": round((now() - began).total_seconds()),
                    "skipped": [] if disk else ["disk full: this user may mount no file system"],
                }


async def _under_load(stack: Stack, load: Load, chosen: Sequence[Fault], seed: int, say: Say) -> dict[str, Any]:
    flow, struck = Flow(load), Struck()
    planned = sum(fault.planned_s + sum(PAUSE_S) / 2 for fault in chosen) + 5
    overfull: set[str] = set()
    await load.send_company(stack.kafka_address)
    if slow := await checker.until_quiet(stack.client, stack.kafka_address, STARTS_WITHIN_S):
        raise TimeoutError(f"the system does not get going: {'; '.join(slow)}")
    say("the company is known, hires and faults begin")
    async with flow.watching(stack.kafka_address):
        watching = asyncio.create_task(_look_at_mentors(stack.client, overfull))
        evenly = max(LEAST_A_SECOND, load.hires * RECORDS_PER_HIRE / planned - load.bulk / BULK_EVERY_S)
        sending = asyncio.create_task(load.send(stack.kafka_address, evenly))
        try:
            await _strike(stack, flow, chosen, Random(seed), struck, say)
            say("the faults are over")
            load.enough.set()
            await sending
            say(f"{load.records} records are sent, {load.poison} of them bad")
            quiet_from = asyncio.get_running_loop().time()
            stuck = await checker.until_quiet(stack.client, stack.kafka_address, QUIET_WITHIN_S)
            quiet_s = asyncio.get_running_loop().time() - quiet_from
        finally:
            watching.cancel()
            sending.cancel()
            await asyncio.gather(watching, sending, return_exceptions=True)
    say("checking")
    findings = await checker.check(stack.client, stack.kafka_address, stack.accepted)
    findings.stuck += stuck + struck.not_flowing
    findings.invariant_violations += sorted(overfull)
    return {
        "faults": sum(struck.times.values()),
        "by_kind": struck.told(),
        "worker_starts": {name: worker.starts for name, worker in stack.workers.items()},
        "seconds_until_quiet": round(quiet_s, 1),
        **findings.told(),
    }


async def _strike(stack: Stack, flow: Flow, chosen: Sequence[Fault], random: Random, struck: Struck, say: Say) -> None:
    loop = asyncio.get_running_loop()
    if (first := await flow.again(EVERYBODY, loop.time(), STARTS_WITHIN_S)) is None:
        raise TimeoutError(f"it does not flow before any fault; see the workers' logs: {flow.missing[:20]}")
    say(f"it flows, after {first:.1f} s")
    for fault in chosen:
        await asyncio.sleep(random.uniform(*PAUSE_S))
        at = loop.time()
        say(fault.kind)
        struck.times[fault.kind] += 1
        state = await fault.strike(stack, random)
        took = await flow.again(fault.through, at, FLOWS_WITHIN_S) if fault.by_itself else None
        await asyncio.sleep(max(0.0, at + fault.lasts_s - loop.time()))
        await fault.heal(stack, state)
        if not fault.by_itself:
            took = await flow.again(fault.through, at, FLOWS_WITHIN_S)
        if took is None:
            missing = "; ".join(flow.missing[:3])
            struck.not_flowing.append(f"it did not flow for {FLOWS_WITHIN_S:.0f} s after: {fault.kind}: {missing}")
            say(f"  {struck.not_flowing[-1]}")
        else:
            struck.recovery[fault.kind].append(took)
        say(f"  flows again after {took and round(took, 1)} s, over after {loop.time() - at:.1f} s")


async def _look_at_mentors(client: Client, overfull: set[str]) -> None:
    while True:
        await asyncio.sleep(1.0)
        with suppress(PyMongoError):
            overfull.update(await checker.overfull(client))
