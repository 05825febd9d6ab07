"""Playing the sample company into a running Firstmate, and telling what happens to each hire."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from datetime import date, datetime
from time import monotonic
from typing import Any

import httpx
from aiokafka import AIOKafkaProducer

from deploy.asking import ASK_EVERY_S, Origin
from deploy.sample.company import Company, Hire, company
from deploy.sample.story import Scene, Telling, enrolments, hiring, present, starts_on, unreadable_record
from shared.clock import Clock
from shared.clock import now as system_clock
from shared.events import new_event, to_record
from shared.kafka import producer

MENTORS_PATIENCE_S = 30.0  # the first batch waits for the services' start
RULES_TOLD = 2  # what fits in a line
OUTCOME_PATIENCE_S = 5.0  # a decision takes some 0.1 s; whoever waits longer is told so
Say = Callable[[str], None]
Between = Callable[[int], Awaitable[None]]


async def play(
    endpoints: Mapping[str, Any],
    *,
    pace: float,
    say: Say,
    clock: Clock = system_clock,
    between: Between | None = None,
) -> None:
    """Introduce the people and mentors, then hire one by one with `pace` seconds in between (0: as fast as it goes).

    `endpoints`: what `endpoints.json` holds. With a pace each hire's outcome is asked for and told through `say`.
    `between(n)` is awaited after the n-th scene. Playing it again on the same data changes nothing. Raises KafkaError or
    `httpx.HTTPError` when the system is not there.
    """
    halden = company()
    today = clock().date()
    kafka = producer(endpoints["kafka"])
    await kafka.start()
    try:
        async with Origin(endpoints) as origin:
            await _tell(kafka, halden, [*present(halden, today), *enrolments(halden)], clock())
            waiting = await _mentors_known(origin, halden)
            say(f"{halden.name}: {len(halden.people)} people, {len(halden.mentors)} of them mentors")
            if waiting:
                say(f"{len(waiting)} mentors are not known yet; their places come into play later")
            for number, scene in enumerate(hiring(halden, today), 1):
                started = monotonic()
                await _perform(kafka, halden, scene, clock())
                if pace:
                    say(await _outcome(origin, halden, scene, today))
                    await asyncio.sleep(max(0.0, pace - (monotonic() - started)))
                if between is not None:
                    await between(number)
    finally:
        await kafka.stop()


async def _tell(kafka: AIOKafkaProducer, halden: Company, tellings: Sequence[Telling], now: datetime) -> None:
    confirmations = []
    for telling in tellings:
        event = new_event(telling.payload, source=halden.source, id=telling.id, time=now)
        key, value, headers = to_record(event)
        confirmations.append(await kafka.send(telling.topic, value, key=key, headers=headers))
    await asyncio.gather(*confirmations)


async def _perform(kafka: AIOKafkaProducer, halden: Company, scene: Scene, now: datetime) -> None:
    if scene.telling is not None:
        await _tell(kafka, halden, [scene.telling], now)
    else:
        topic, key, value, headers = unreadable_record(halden.source)
        await kafka.send_and_wait(topic, value, key=key, headers=headers)


async def _mentors_known(origin: Origin, halden: Company) -> set[str]:
    """Wait until matching knows the mentors; those whom it does not know in time."""
    waiting = {mentor.id for mentor in halden.mentors}
    until = monotonic() + MENTORS_PATIENCE_S
    while waiting and monotonic() < until:
        for id in sorted(waiting):
            try:
                found = await origin.mentor(id)
                if found is None or not found["known"]:
                    break
            except httpx.HTTPError:
                break
            waiting.discard(id)
        if waiting:
            await asyncio.sleep(ASK_EVERY_S)
    return waiting


async def _outcome(origin: Origin, halden: Company, scene: Scene, today: date) -> str:
    """What became of a scene, in a line."""
    if scene.act == "hired":
        hire = next(hire for hire in halden.hires if hire.id == scene.employee_id)
        return f"{_who(halden, hire)}: {await _mentor_line(origin, halden, hire)}"
    if scene.act == "moved":
        hire = next(hire for hire in halden.hires if hire.id == scene.employee_id)
        return f"{scene.name} starts {starts_on(hire, today):%d %B} instead: what is not done moves along"
    return {
        "repeated": f"HR repeats the hire of {scene.name}: nothing doubles",
        "told_again": f"HR tells of {scene.name} once more, as a new event: nothing doubles",
        "rescinded": f"{scene.name} will not come after all: the journey ends, the mentor's place is free again",
        "unreadable": "an event comes that nobody can read: see ./firstmate dead-letters list",
    }[scene.act]


def _who(halden: Company, hire: Hire) -> str:
    return f"{hire.name}, {hire.title} in {halden.sites[hire.site].location.partition(',')[0]}"


async def _mentor_line(origin: Origin, halden: Company, hire: Hire) -> str:
    found = await origin.settled_assignment(hire.id, OUTCOME_PATIENCE_S)
    if found is None:
        return "no decision about a mentor yet"
    if found["status"] == "assigned":
        names = {person.id: person.name for person in halden.people}
        return f"mentor {names.get(found['mentor_id'], found['mentor_id'])}, score {found['score'] / 100:.0f} of 100"
    if found["status"] == "proposed":
        return "a mentor is proposed; it stands once a coordinator approves it, or its time is over"
    return f"waits for a mentor: {why_waiting(found)}"


def why_waiting(assignment: Mapping[str, Any]) -> str:
    """The rules that exclude most mentors, in words."""
    excluding = sorted(assignment["ruled_out"], key=lambda each: -each["count"])
    return ", ".join(each["words"] for each in excluding[:RULES_TOLD])
