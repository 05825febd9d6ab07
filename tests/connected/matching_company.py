"""A company on matching's real database: facts go in as records, decisions are read from streams and outbox."""

import itertools
from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from services.matching import store
from services.matching.desk import Desk
from services.matching.domain import Hire, Mentor
from services.matching.handlers import MatchingWork
from services.matching.memory import Memory
from services.matching.policy import Policy
from services.matching.policy_file import load_policy
from services.matching.reading import Books
from services.matching.waitlist import Waitlist
from shared.events import Event, decode_record, new_event, to_record
from shared.events.hr import EmployeeHired, EmployeeSnapshot
from shared.events.mentoring import MentorEnrolled
from shared.mongo import Database
from shared.processing import Processor
from shared.record import Record
from tests.domain.matching.told import Told

NOW = datetime(2027, 1, 4, 9, tzinfo=UTC)
_numbers = itertools.count(1)


def hired(id: str, **profile: Any) -> EmployeeHired:
    return EmployeeHired.model_validate({"employee_id": id, "display_name": id, "start_date": "2027-01-11"} | profile)


def known(id: str, **profile: Any) -> EmployeeSnapshot:
    return EmployeeSnapshot.model_validate({"employee_id": id, "display_name": id, "start_date": "2024-01-11"} | profile)


def enrolled(id: str, capacity: int = 1, **more: Any) -> MentorEnrolled:
    return MentorEnrolled.model_validate({"mentor_id": id, "capacity": capacity} | more)


@dataclass
class Company:
    """One database and one owner of its pool; `again()` is another owner of the same pool."""

    db: Database
    policy: Policy = field(default_factory=load_policy)
    now: datetime = NOW
    consumer: str = "matching"
    approval: timedelta | None = None

    def __post_init__(self) -> None:
        self.memory = Memory(self.policy, f"test-{next(_numbers)}")
        self.processor = Processor(
            service="matching",
            consumer=self.consumer,
            db=self.db,
            work=lambda: MatchingWork(self.db, self.memory, self.approval),
            clock=lambda: self.now,
        )
        self.desk = Desk(self.db, self.policy, lambda: self.now)
        self.books = Books(self.db)
        self.waitlist = Waitlist(self.memory, lambda: self.now, self.approval)
        self._offsets: defaultdict[str, int] = defaultdict(int)

    def again(self, consumer: str = "matching") -> "Company":
        """Another process: same database, own memory. With its own `consumer`, it follows other records."""
        other = Company(self.db, self.policy, self.now, consumer, self.approval)
        other._offsets = self._offsets if consumer == self.consumer else defaultdict(int)
        return other

    def record(self, payload: Any, *, id: str | None = None, source: str = "/hr/test", sequence: int | None = None) -> Record:
        """The payload as the next record of its topic."""
        event: Event[Any] = new_event(payload, source=source, id=id or f"id-{next(_numbers)}", time=self.now, sequence=sequence)
        return self.record_of(event)

    def record_of(self, event: Event[Any]) -> Record:
        """The event as the next record of its topic."""
        topic = event.data.TOPIC
        key, value, headers = to_record(event)
        self._offsets[topic] += 1
        return Record(topic, 0, self._offsets[topic] - 1, key, value, tuple(headers), self.now)

    async def tell(self, *payloads: Any) -> None:
        """All payloads as one batch, each a fact of its own, a second after the last."""
        self.now += timedelta(seconds=1)
        await self.processor.process([self.record(payload) for payload in payloads])

    async def relay_own(self) -> None:
        """Bring the web's facts about mentors to the worker, as Kafka does."""
        facts = [event for event in await self.said() if event.data.TOPIC == "mentoring.mentors"]
        await self.processor.process([self.record_of(event) for event in facts])

    async def hire(self, id: str) -> Hire:
        found = await self.books.hire(id)
        assert found is not None, f"nothing is known of {id}"
        return found

    async def mentor(self, id: str) -> Mentor:
        document = await self.db[store.MENTORS].find_one({"_id": id})
        assert document is not None
        return Mentor.model_validate(document["state"])

    async def pairs(self) -> dict[str, str | None]:
        """Every hire's mentor, None for who waits; who is neither is left out."""
        cursor = self.db[store.HIRES].find({"state.status": {"$in": ["assigned", "waitlisted"]}})
        return {document["_id"]: Hire.model_validate(document["state"]).mentor_id async for document in cursor}

    async def said(self) -> list[Event[Any]]:
        """Every event in the outbox."""
        events = []
        async for document in self.db["outbox"].find().sort("_id", 1):
            for record in document["records"]:
                headers = [(name, value) for name, value in record["headers"]]
                if not any(name == "x-error" for name, _ in headers):
                    events.append(decode_record(record["topic"], record["value"], headers, self.now))
        return events

    async def told(self, id: str) -> list[str]:
        """What was said about one hire, as the last word of each type."""
        return [event.type.split(".")[-2] for event in await self.said() if event.subject == id]

    async def assert_in_order(self) -> None:
        """What must hold at any moment, whatever came before."""
        loads: Counter[str] = Counter()
        hires = {document["_id"]: document["state"] async for document in self.db[store.HIRES].find({"state": {"$ne": None}})}
        for id, state in hires.items():
            hire = Hire.model_validate(state)
            if hire.over is None:
                assert hire.status in ("proposed", "assigned", "waitlisted"), f"{id} needs a mentor and is {hire.status}"
            else:
                assert hire.status in ("none", "released"), f"{id} needs no mentor and is {hire.status}"
            if hire.place_with:
                loads[hire.place_with] += 1
                mentor = await self.mentor(hire.place_with)
                assert id in (mentor.mentees if hire.mentor_id else mentor.reserved)
            assert (hire.proposal is not None) is (hire.status == "proposed")
        async for document in self.db[store.MENTORS].find({"state": {"$ne": None}}):
            mentor = Mentor.model_validate(document["state"])
            assert document["state"]["load"] == mentor.load == loads[document["_id"]]
        sequences: defaultdict[tuple[str, str], list[int]] = defaultdict(list)
        told: defaultdict[str, Told] = defaultdict(Told)
        for event in await self.said():
            sequences[event.data.TOPIC, event.subject].append(event.sequence or 0)
            told[event.subject].hear(event.data)
        for numbers in sequences.values():
            assert numbers == list(range(1, len(numbers) + 1))
        for id, state in hires.items():
            hire = Hire.model_validate(state)
            assert (told[id].mentor_id, told[id].waits) == (hire.mentor_id, hire.waiting is not None), f"{id} was told otherwise"


async def company(db: Database, *payloads: Any, **options: Any) -> Company:
    """A company whose database is prepared and which was told these facts."""
    await store.ensure_indexes(db)
    made = Company(db, **options)
    if payloads:
        await made.tell(*payloads)
    return made


def ids(pairs: Sequence[Event[Any]]) -> list[str]:
    return [event.subject for event in pairs]
