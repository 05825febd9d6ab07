"""`./firstmate top`: what moves at this moment, for a person at a shell; read from database and broker, without metrics."""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from typing import Any

from rich.console import Console, Group
from rich.live import Live
from rich.table import Table

from deploy.found import Found, database
from shared import dead_letters, kafka, lease, outbox, progress
from shared.changes import OUTBOX
from shared.clock import Clock
from shared.events import mentoring
from shared.mongo import Client, Database
from shared.progress import Place
from shared.topics import SERVICES

EVERY_S = 2.0
LATEST = 5


@dataclass(frozen=True, slots=True)
class Consumer:
    """One consumer: records that it has `read` in all, how many are `behind` it, and how many it reads a second."""

    name: str
    read: int
    behind: int
    rate: float | None = None


@dataclass(frozen=True, slots=True)
class ServiceNow:
    """One service: who holds its lease (None: nobody), seconds that its oldest fact waits to be published, open dead letters."""

    name: str
    leader: str | None
    outbox_seconds: float
    dead_letters: int


@dataclass(frozen=True, slots=True)
class Latest:
    """One of the latest facts about assignments, by ids alone."""

    at: datetime
    type: str
    employee_id: str


@dataclass(frozen=True, slots=True)
class Look:
    """Everything at `at`."""

    at: datetime
    consumers: Sequence[Consumer]
    services: Sequence[ServiceNow]
    latest: Sequence[Latest] = field(default=())

    def json(self) -> dict[str, Any]:
        """As JSON values."""
        latest = [{**asdict(each), "at": each.at.isoformat()} for each in self.latest]
        return {**asdict(self), "at": self.at.isoformat(), "latest": latest}


async def look(client: Client, address: str, clock: Clock, before: Look | None = None) -> Look:
    """One look; rates since the one `before`. Raises KafkaError and PyMongoError."""
    at = clock()
    done = await _progress(client)
    ends = await kafka.ends(address, {place for places in done.values() for place in places})
    consumers = [_consumer(name, places, ends, at, before) for name, places in sorted(done.items())]
    services = [await _service(client[name], clock) for name in SERVICES]
    return Look(at, consumers, services, await _latest(client["matching"]))


async def watch(found: Found, clock: Clock, every: float = EVERY_S) -> None:
    """Draw look after look until interrupted."""
    async with database(found) as client:
        seen = await look(client, found.kafka, clock)
        with Live(drawn(seen), console=Console(), auto_refresh=False, screen=True) as screen:
            while True:
                await asyncio.sleep(every)
                seen = await look(client, found.kafka, clock, seen)
                screen.update(drawn(seen), refresh=True)


async def once(found: Found, clock: Clock, within: float = 1.0) -> Look:
    """Two looks `within` seconds of each other, so that there are rates: the second one."""
    async with database(found) as client:
        first = await look(client, found.kafka, clock)
        await asyncio.sleep(within)
        return await look(client, found.kafka, clock, first)


def drawn(seen: Look) -> Group:
    """The look as tables."""
    consumers = _table("consumer", "read", "a second", "behind")
    for each in seen.consumers:
        rate = "" if each.rate is None else f"{each.rate:,.1f}"
        consumers.add_row(each.name, f"{each.read:,}", rate, f"[red]{each.behind:,}[/]" if each.behind else "0")
    services = _table("service", "lease held by", "oldest fact unpublished", "dead letters")
    for service in seen.services:
        letters = f"[red]{service.dead_letters}[/]" if service.dead_letters else "0"
        services.add_row(service.name, service.leader or "[red]nobody[/]", f"{service.outbox_seconds:.0f} s", letters)
    latest = _table("latest of assignments", "hire", "at")
    for fact in seen.latest:
        latest.add_row(fact.type, fact.employee_id, f"{fact.at.astimezone():%H:%M:%S}")
    return Group(f"Firstmate at {seen.at.astimezone():%H:%M:%S}; Ctrl-C ends", consumers, services, latest)


def _table(*headings: str) -> Table:
    table = Table(box=None, header_style="bold", padding=(0, 2))
    for heading in headings:
        table.add_column(heading)
    return table


async def _progress(client: Client) -> Mapping[str, Mapping[Place, int]]:
    found: dict[str, dict[Place, int]] = {}
    for service in SERVICES:
        async for document in client[service][progress.COLLECTION].find({}):
            found.setdefault(document["consumer"], {})[document["topic"], document["partition"]] = document["next"]
    return found


def _consumer(name: str, places: Mapping[Place, int], ends: Mapping[Place, int], at: datetime, before: Look | None) -> Consumer:
    read = sum(places.values())
    behind = sum(max(0, ends[place] - offset) for place, offset in places.items())
    earlier = next((each.read for each in before.consumers if each.name == name), None) if before else None
    seconds = (at - before.at).total_seconds() if before else 0.0
    rate = (read - earlier) / seconds if earlier is not None and seconds > 0 else None
    return Consumer(name, read, behind, rate)


async def _service(db: Database, clock: Clock) -> ServiceNow:
    held = await db[lease.COLLECTION].find_one({"_id": db.name, "$expr": {"$gt": ["$expires_at", "$$NOW"]}})
    letters = await db[dead_letters.COLLECTION].count_documents({"state": "open"})
    return ServiceNow(db.name, held["holder"] if held else None, await outbox.unpublished_age(db, clock()), letters)


async def _latest(db: Database) -> list[Latest]:
    """The newest facts first, from the outbox, which keeps what was published for a week."""
    facts = [
        Latest(document["_id"].generation_time.astimezone(UTC), _type(record), _text(record["key"]))
        async for document in db[OUTBOX].find().sort("_id", -1).limit(LATEST)
        for record in reversed(document["records"])
        if record["topic"] == mentoring.ASSIGNMENTS_TOPIC
    ]
    return facts[:LATEST]


def _type(record: Mapping[str, Any]) -> str:
    return next((_text(value) for name, value in record["headers"] if name == "ce_type"), "")


def _text(value: bytes | str | None) -> str:
    return value.decode(errors="replace") if isinstance(value, bytes) else value or ""
