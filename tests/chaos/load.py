"""What HR systems and mentors say during a run, by seed: a company's hires, all that changes, a bad record in every hundred."""

import asyncio
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field, replace
from datetime import timedelta
from itertools import islice
from random import Random
from typing import Any

from aiokafka import AIOKafkaProducer
from aiokafka.errors import KafkaError

from bench.chain import DEPARTMENTS, hires, mentors
from shared import kafka
from shared.clock import now
from shared.events import new_event, to_record
from shared.events.hr import TOPIC as HR_TOPIC
from shared.events.hr import EmployeeSnapshot, EmployeeTerminated, EmployeeUpdated, HireRescinded, StartDateChanged
from shared.events.mentoring import (
    ASSIGNMENTS_TOPIC,
    MAX_CAPACITY,
    MENTORS_TOPIC,
    MentorChanged,
    MentorEnrolled,
    MentorWithdrawn,
)
from shared.events.notifications import TOPIC as MESSAGES_TOPIC
from shared.events.onboarding import TOPIC as JOURNEYS_TOPIC

POISON_MARK = "x-chaos-poison"
"""The header by which a checker knows a bad record."""
MANAGERS = 50
MOST_HIRES = 1_000_000
BAD_EVERY = 100  # records
AT_ONCE = 25  # records on their way to the broker, at most: those of half a second
BULK_EVERY_S = 30.0
SOURCE = "/hr/chaos"
START_IN = timedelta(days=28)
POISONED = (HR_TOPIC, HR_TOPIC, MENTORS_TOPIC, ASSIGNMENTS_TOPIC, JOURNEYS_TOPIC, MESSAGES_TOPIC)

Wire = tuple[str, bytes | None, bytes | None, list[tuple[str, bytes]]]
"""Topic, key, value, headers."""


@dataclass
class Load:
    """A run's records in the order in which they are sent: of at least so many hires, and more until it is `enough`.

    `bulk` records come at once every `BULK_EVERY_S`, as HR exports them; the rest evenly.
    `sent_at` says when (loop time) the broker acknowledged each hire, `unsteady` which of them something ends.
    """

    hires: int
    seed: int
    bulk: int = 0
    enough: asyncio.Event = field(default_factory=asyncio.Event)
    sent_at: dict[str, float] = field(default_factory=dict)
    unsteady: set[str] = field(default_factory=set)
    records: int = 0
    poison: int = 0

    @property
    def mentor_count(self) -> int:
        """Places for 95 of 100 hires: some have to wait, and some of them get a place that somebody leaves."""
        return max(2, self.hires * 95 // (100 * (MAX_CAPACITY - 2)))

    def company(self) -> Iterator[Wire]:
        """Managers, mentors and their places, before anybody is hired."""
        for number in range(MANAGERS):
            id = f"B-{number}"
            manager = EmployeeSnapshot(employee_id=id, display_name=f"Manager {number}", work_email=f"{id}@example.org")
            yield _wire(_event(manager, f"manager-{number}"))
        for event in mentors(self.mentor_count):
            fewer = {"capacity": MAX_CAPACITY - 2} if isinstance(event.data, MentorEnrolled) else {}
            yield _wire(replace(event, data=event.data.model_copy(update=fewer)))

    def stream(self) -> Iterator[Wire]:
        """The hires and what becomes of them. The same seed says the same things of the same people in the same order."""
        random = Random(self.seed)
        later: list[Any] = []
        for number, event in enumerate(hires(MOST_HIRES)):
            if number >= self.hires and self.enough.is_set():
                break
            yield _wire(event)
            if random.random() < 0.05:
                yield _wire(event)  # HR repeats itself
            later += self._happenings(random, number)
            while later and (len(later) > 60 or random.random() < 0.3):
                yield _wire(_event(later.pop(random.randrange(len(later))), f"{number}-{len(later)}"))
            if number % 50 == 25:
                yield _wire(_event(self._mentor_change(random), f"mentor-{number}"))
        for number, data in enumerate(later):
            yield _wire(_event(data, f"last-{number}"))

    def _happenings(self, random: Random, number: int) -> Iterator[Any]:
        id, chance = f"H-{number}", random.random()
        if chance < 0.15:
            yield EmployeeUpdated(
                employee_id=id, department=random.choice(DEPARTMENTS), manager_id=f"B-{random.randrange(MANAGERS)}"
            )
        elif chance < 0.30:
            yield StartDateChanged(employee_id=id, start_date=(now() + START_IN).date() + timedelta(days=random.randrange(1, 30)))
        elif chance < 0.34:
            self.unsteady.add(id)
            yield HireRescinded(employee_id=id)
        elif chance < 0.37:
            self.unsteady.add(id)
            yield EmployeeTerminated(employee_id=id)

    def _mentor_change(self, random: Random) -> Any:
        mentor, chance = f"M-{random.randrange(self.mentor_count)}", random.random()
        if chance < 0.4:
            return MentorChanged(mentor_id=mentor, capacity=MAX_CAPACITY)  # never fewer than they have
        if chance < 0.6:
            return MentorChanged(mentor_id=mentor, status="paused")
        if chance < 0.9:
            return MentorChanged(mentor_id=mentor, status="active")
        return MentorWithdrawn(mentor_id=mentor)

    def first_steady(self, since: float, for_s: float) -> list[str] | None:
        """The hires that nothing ends among those acknowledged in the first `for_s` seconds that any was after `since`."""
        after = sorted((at, id) for id, at in self.sent_at.items() if at >= since and id not in self.unsteady)
        if not after or after[-1][0] - after[0][0] < for_s:
            return None  # there may be more to come
        return [id for at, id in after if at - after[0][0] <= for_s]

    async def send_company(self, address: str) -> None:
        """Who mentors, before anybody is hired."""
        async with _producer(address) as producer:
            await self._send(producer, list(self.company()))

    async def send(self, address: str, per_second: float) -> None:
        """Send all the rest, evenly at about this rate and `bulk` beside."""
        loop = asyncio.get_running_loop()
        async with _producer(address) as producer:
            at_once = max(1, min(AT_ONCE, round(per_second / 2)))
            left = self._with_poison()
            began, next_bulk, handed = loop.time(), loop.time() + BULK_EVERY_S, 0
            while waiting := list(islice(left, at_once)):
                await self._send(producer, waiting)
                handed += len(waiting)
                if self.bulk and loop.time() > next_bulk:
                    next_bulk += BULK_EVERY_S
                    await self._send(producer, list(islice(left, self.bulk)))
                await asyncio.sleep(max(0.0, began + handed / per_second - loop.time()))

    def _with_poison(self) -> Iterator[Wire]:
        random = Random(self.seed + 1)
        for number, wire in enumerate(self.stream()):
            yield wire
            if number % BAD_EVERY == BAD_EVERY // 2:
                yield _poison(random, number)

    async def _send(self, producer: AIOKafkaProducer, wires: Sequence[Wire]) -> None:
        """Acknowledged when this returns; what the broker did not take is sent again, as HR systems do."""
        left = list(wires)
        while left:
            answers = await asyncio.gather(*[_put(producer, wire) for wire in left], return_exceptions=True)
            at = asyncio.get_running_loop().time()
            failed = []
            for wire, answer in zip(left, answers, strict=True):
                if isinstance(answer, KafkaError):
                    failed.append(wire)
                elif isinstance(answer, BaseException):
                    raise answer
                else:
                    self._count(wire, at)
            if left := failed:
                await asyncio.sleep(0.5)

    def _count(self, wire: Wire, at: float) -> None:
        self.records += 1
        topic, key, _, headers = wire
        kind = dict(headers).get("ce_type")
        is_poison = headers[-1][0] == POISON_MARK
        self.poison += is_poison
        if not is_poison and topic == HR_TOPIC and kind == b"hr.employee.hired.v1" and key is not None:
            self.sent_at.setdefault(key.decode(), at)


@asynccontextmanager
async def _producer(address: str) -> AsyncIterator[AIOKafkaProducer]:
    producer = kafka.producer(address)
    await producer.start()
    try:
        yield producer
    finally:
        with suppress(KafkaError):
            await producer.stop()


async def _put(producer: AIOKafkaProducer, wire: Wire) -> Any:
    topic, key, value, headers = wire
    return await producer.send_and_wait(topic, key=key, value=value, headers=headers)


def _event(data: Any, id: str) -> Any:
    return new_event(data, source=SOURCE, id=id, time=now())


def _wire(event: Any) -> Wire:
    key, value, headers = to_record(event)
    return event.data.TOPIC, key, value, headers


def _poison(random: Random, number: int) -> Wire:
    """A record that nobody can process, on any of the topics."""
    topic = random.choice(POISONED)
    headers = {
        "ce_specversion": "1.0",
        "ce_id": f"poison-{number}",
        "ce_source": SOURCE,
        "ce_type": "hr.employee.hired.v1",
        "content-type": "application/json",
    }
    kind = random.randrange(5)
    value: bytes | None = b'{"employee_id": "X-1", "given_name": "Ada", "start_date": "2027-02-30"}'
    if kind == 0:
        value = b'{"employee_id": "X-1", "given_n'
    elif kind == 1:
        headers["ce_type"] = "hr.employee.promoted_to_emperor.v9"
    elif kind == 2:
        value = b"\xff\xfe\x00garbage"
    elif kind == 3:
        value = b'{"employee_id": "X-1", "given_name": "Ada", "start_date": "2027-02-01", "date_of_birth": "1990-01-01"}'
    return topic, f"X-{number}".encode(), value, [*((k, v.encode()) for k, v in headers.items()), (POISON_MARK, b"1")]
