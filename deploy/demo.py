"""`./firstmate demo`: the whole system on temporary data, the sample company played through it, every hire verified."""

import asyncio
import json
import os
import signal
import sys
import tempfile
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from datetime import date
from pathlib import Path
from time import monotonic

import httpx
from aiokafka import AIOKafkaConsumer
from rich import box
from rich.console import Console
from rich.table import Table

from deploy.asking import Origin
from deploy.process import StartError
from deploy.quiet import following, still_to_do
from deploy.sample.company import Company, company
from deploy.sample.play import play, why_waiting
from deploy.sample.story import starts_on
from deploy.sample.verify import Findings, Outcome, verify
from deploy.supervisor import Broken, Plan, System, running
from shared import clock
from shared.mongo import Client, PyMongoError, connect

PATIENCE_S = 120.0  # quiet comes after some three seconds; a service that was killed and a busy machine may take much longer
LOOK_EVERY_S = 0.3
PLAIN_WIDTH = 120  # of a file or pipe: the table's rows fit
KILL_AFTER_SCENES = 12  # of thirty: hires are being matched and welcomed then
KILLING_PACE_S = 0.05  # so that the service is at work when it is killed, and not still at the first batch
SERVICES = ("matching", "onboarding", "notifications")

Say = Callable[[str], None]


@dataclass(slots=True)
class Killing:
    """Which service is killed in the middle, and the process id that it had."""

    service: str
    pid: int = 0


async def demo(*, as_json: bool = False, kill: str | None = None, console: Console | None = None) -> int:
    """Run it; the exit code is 0 only if everything holds. `kill` names a service to end with SIGKILL in the middle."""
    screen = console or Console(highlight=False, width=None if sys.stdout.isatty() else PLAIN_WIDTH)

    def say(words: str) -> None:
        screen.print(words, markup=False)

    if kill is not None and kill not in SERVICES:
        say(f"there is no service '{kill}' to kill; choose one of {', '.join(SERVICES)}")
        return 2
    started = monotonic()
    halden = company()
    with tempfile.TemporaryDirectory(prefix="firstmate-demo-", ignore_cleanup_errors=True) as folder:
        plan = Plan(Path(folder), port=0, usual_ports=False, settings={"coordinators": ",".join(halden.coordinators)})
        try:
            async with running(plan, say) as system:
                findings = await _performed(system, halden, say, Killing(kill) if kill else None)
        except (StartError, Broken) as error:
            findings = Findings(problems=[str(error)])
    seconds = round(monotonic() - started, 1)
    if findings.outcomes:
        screen.print(_table(findings, halden, clock.now().date()))
    for problem in findings.problems:
        screen.print(f"problem: {problem}", markup=False)
    figures = findings.figures()
    say(", ".join(f"{count} {name.replace('_', ' ')}" for name, count in figures.items()) + f" in {seconds} s")
    if as_json:
        say_json({**figures, "seconds": seconds, "problems": findings.problems})
    return 1 if findings.problems else 0


def say_json(summary: dict[str, object]) -> None:
    """The last line of standard output, unwrapped and plain."""
    print(json.dumps(summary, ensure_ascii=False), flush=True)


async def _performed(system: System, halden: Company, say: Say, killing: Killing | None) -> Findings:
    """Play, wait for quiet, verify. Raises `Broken` when a part can't be kept alive."""
    broken = asyncio.create_task(system.until_broken())
    work = asyncio.create_task(played_and_verified(system, halden, say, killing))
    try:
        await asyncio.wait({broken, work}, return_when=asyncio.FIRST_COMPLETED)
        if not work.done():
            await broken
        return await work
    finally:
        broken.cancel()
        work.cancel()
        await asyncio.gather(broken, work, return_exceptions=True)


async def played_and_verified(system: System, halden: Company, say: Say, killing: Killing | None) -> Findings:
    """Play the company, wait until all is settled, and verify every hire. Of `system` only its endpoints are asked."""

    async def between(scene: int) -> None:
        if killing is None:
            return
        await asyncio.sleep(KILLING_PACE_S)
        if scene == KILL_AFTER_SCENES:
            killing.pid = system.endpoints.processes[killing.service]
            os.kill(killing.pid, signal.SIGKILL)

    today = clock.now().date()
    await play(asdict(system.endpoints), pace=0, say=say, between=between)
    say("everybody is hired; waiting until all of it is settled")
    client = await connect(system.endpoints.mongo)
    try:
        async with Origin(asdict(system.endpoints)) as origin, following(system.endpoints.kafka) as consumer:
            findings = await _when_quiet(origin, client, consumer, system, today)
    finally:
        client.close()
    if killing is not None and system.endpoints.processes[killing.service] == killing.pid:
        findings.problems.append(f"{killing.service} was killed and has not been started again")
    return findings


async def _when_quiet(origin: Origin, client: Client, consumer: AIOKafkaConsumer, system: System, today: date) -> Findings:
    """Look until the system is quiet and everything holds, or for `PATIENCE_S`; then what the last look found."""
    until, quiet_looks = monotonic() + PATIENCE_S, 0
    while True:
        overdue, findings = monotonic() > until, Findings()
        try:
            waiting = await still_to_do(client, consumer, clock.now())
            # Between two looks nothing began that the first could not see.
            quiet_looks = 0 if waiting else quiet_looks + 1
            if quiet_looks >= 2 or overdue:
                findings = await verify(origin, client, Path(system.endpoints.mail_dir), company(), today)
        except (httpx.HTTPError, PyMongoError) as error:
            waiting, quiet_looks = [f"{type(error).__name__} on asking"], 0
        if overdue or (quiet_looks >= 2 and not findings.problems):
            findings.problems += [f"not quiet after {PATIENCE_S:.0f} s: {each}" for each in waiting]
            return findings
        await asyncio.sleep(LOOK_EVERY_S)


def _table(findings: Findings, halden: Company, today: date) -> Table:
    names = {person.id: person.name for person in halden.people}
    table = Table(title=f"{halden.name}: who was hired, and what became of it", box=box.SIMPLE_HEAD)
    for heading in ("hire", "starts", "mentor (of 100)", "journey", "mail"):
        table.add_column(heading)
    for outcome in findings.outcomes:
        hire = outcome.hire
        table.add_row(
            hire.name,
            starts_on(hire, today).isoformat(),
            _mentor(outcome, names),
            _journey(outcome),
            _mail(outcome),
        )
    return table


def _mentor(outcome: Outcome, names: Mapping[str, str]) -> str:
    found = outcome.assignment
    if found is None:
        return "none"
    if outcome.assigned:
        return f"{names.get(found['mentor_id'], found['mentor_id'])} ({found['score'] / 100:.0f})"
    if outcome.waitlisted:
        return f"waits: {why_waiting(found)}"
    return str(found["status"])


def _journey(outcome: Outcome) -> str:
    journey = outcome.journey
    if journey is None:
        return "none"
    return f"{journey['status']} {journey['progress']['done']}/{journey['progress']['total']}"


def _mail(outcome: Outcome) -> str:
    welcome = next((message["state"] for message in outcome.messages if message["template"] == "welcome"), "none")
    sent = sum(message["state"] == "sent" for message in outcome.messages)
    return f"welcome {welcome}, {sent} sent"
