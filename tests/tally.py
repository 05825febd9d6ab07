"""A service as small as can be, for tests of what all services share: it counts each person's HR events and says so."""

from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from typing import Any

from pydantic import BaseModel

from shared.changes import Changes
from shared.events import Event
from shared.events.mentoring import HireUnlisted
from shared.mongo import Database
from shared.record import Record
from shared.refusals import conflict
from shared.streams import Streams

NOW = datetime(2027, 1, 4, 9, tzinfo=UTC)


class Tally(BaseModel):
    """How many events came, and which, in order."""

    events: list[str] = []


class Recount(BaseModel):
    """A command: count once more. `refuse` makes the decision refuse it."""

    TYPE: str = "tally.recount.v1"
    TOPIC: str = "none"
    employee_id: str
    refuse: bool = False

    @property
    def subject(self) -> str:
        return self.employee_id


class TallyWork:
    """Counts; an id that starts with `poison` raises, one that starts with `huge` can't be stored."""

    def __init__(self, db: Database, before_commit: Callable[[], None] | None = None) -> None:
        self.db = db
        self.tallies = Streams("tallies", Tally, "tally")
        self.before_commit = before_commit

    async def load(self, events: Sequence[Event[Any]]) -> None:
        await self.tallies.load(self.db, {event.subject for event in events})

    def decide(self, event: Event[Any], now: datetime) -> None:
        stream = self.tallies[event.subject]
        if stream.is_repeat(event):
            return
        if event.id.startswith("poison"):
            raise ZeroDivisionError("Ada Okafor")  # an exception's text may hold a name: it must reach no log
        if isinstance(event.data, Recount) and event.data.refuse:
            raise conflict("already counted")
        stream.remember(event)
        state = stream.state or Tally()
        note = event.id + "x" * 17_000_000 if event.id.startswith("huge") else event.id
        stream.put(Tally(events=[*state.events, note]))
        stream.emit(HireUnlisted(employee_id=event.subject, cause="coordinator"), now, event)

    def conclude(self, now: datetime) -> None:
        if self.before_commit:
            self.before_commit()

    def changes(self) -> Changes:
        changes = Changes()
        self.tallies.add_to(changes)
        return changes


def hr_record(
    offset: int, employee: str = "E-1", *, id: str | None = None, partition: int = 0, value: bytes | None = None
) -> Record:
    """A valid snapshot event at an offset of `hr.employees`; `value` replaces its data."""
    headers = {
        "ce_specversion": "1.0",
        "ce_id": id or f"id-{offset}",
        "ce_source": "/hr/test",
        "ce_type": "hr.employee.snapshot.v1",
        "content-type": "application/json",
    }
    body = value if value is not None else b'{"employee_id": "%s", "display_name": "Ada Okafor"}' % employee.encode()
    return Record(
        topic="hr.employees",
        partition=partition,
        offset=offset,
        key=employee.encode(),
        value=body,
        headers=tuple((name, text.encode()) for name, text in headers.items()),
        timestamp=NOW,
    )


async def tallied(db: Database, employee: str = "E-1") -> list[str]:
    """The ids counted for a person."""
    document = await db["tallies"].find_one({"_id": employee})
    return document["state"]["events"] if document else []


async def said(db: Database) -> list[str]:
    """The ids of all events in the outbox, in insertion order."""
    ids: list[str] = []
    async for document in db["outbox"].find().sort("_id", 1):
        ids += [
            dict(record["headers"])["ce_id"].decode() for record in document["records"] if b"x-error" not in record["headers"]
        ]
    return ids
