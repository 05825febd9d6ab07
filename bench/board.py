"""`./firstmate bench board`: the board of a company with a thousand journeys against one with a hundred thousand.

The rows are what the read models' own fold made of hire events; the large company repeats them under other ids. Every request
goes through the whole web application, without a socket. The database's profiler says whether a query read a whole collection.
"""

import sys
import tempfile
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace
from http.cookies import SimpleCookie
from pathlib import Path
from statistics import quantiles
from time import perf_counter
from typing import Any

import httpx
from fastapi import FastAPI, Response
from pydantic import SecretStr

from bench.chain import command, cores, hires
from deploy.mongod import Mongod
from services.onboarding import store
from services.onboarding import web as onboarding
from services.onboarding.handlers import JourneyWork
from services.onboarding.programme_files import read_programmes
from services.onboarding.read_models import SERVICE, ReadModelWork
from shared.access import SESSION_COOKIE, Viewer, install_access
from shared.changes import OUTBOX
from shared.clock import now
from shared.directory import COLLECTION as DIRECTORY
from shared.events import Event, decode_record, new_event
from shared.events.hr import EmployeeSnapshot
from shared.mongo import Client, Database, Document, connect
from shared.pages import install_pages
from shared.processing import BATCH_RECORDS, Processor
from shared.settings import Settings
from shared.web import make_app
from shared.worker import prepare_database

JOURNEYS = 100_000
SMALL = 1_000
TEAM = 20  # hires below each manager
LARGE_TEAM, LARGE_TEAM_LEAD = 200, "B-large"
REQUESTS = 60
COORDINATOR, MANAGER = "C-1", "B-7"
BOARD, LISTING = "/board", "/api/onboarding/v1/journeys"
VIEWS: Mapping[str, tuple[str, str]] = {
    "a manager's board": (MANAGER, BOARD),
    "the board of 200 hires": (LARGE_TEAM_LEAD, BOARD),
    "everybody's board": (COORDINATOR, BOARD),
    "a manager's journeys": (MANAGER, f"{LISTING}?manager_id={MANAGER}"),
    "all journeys": (COORDINATOR, LISTING),
    "all late ones": (COORDINATOR, f"{LISTING}?late=true"),
    "the overview": (COORDINATOR, "/overview"),
    "a search by name": (COORDINATOR, f"{BOARD}?q=hire"),
    "a search by two names": (COORDINATOR, f"{BOARD}?q=hi+h-7"),
    "all without a mentor": (COORDINATOR, f"{BOARD}?show=attention&why=no_mentor"),
}
"""What is asked for: by whom, and where."""


def manager_of(number: int) -> str:
    """Twenty hires a manager."""
    return f"B-{number // TEAM}"


async def company(db: Database, journeys: int) -> None:
    """A directory, journeys and a board with that many rows, and one manager with two hundred hires beside them."""
    await prepare_database(db)
    await store.ensure_indexes(db)
    managers = [manager_of(number) for number in range(0, SMALL, TEAM)] + [LARGE_TEAM_LEAD]
    events: list[Event[Any]] = [_snapshot(id) for id in managers]
    events += [_below(event, manager_of(number)) for number, event in enumerate(hires(SMALL))]
    events += [_below(event, LARGE_TEAM_LEAD) for event in hires(LARGE_TEAM, first=1_000_000)]
    await _tell(db, events)
    for first in range(SMALL, journeys, SMALL):
        await _repeat(db, first)


def _snapshot(id: str) -> Event[Any]:
    return new_event(EmployeeSnapshot(employee_id=id, display_name=f"Boss {id}"), source="/bench", id=f"s-{id}", time=now())


def _below(event: Event[Any], manager_id: str) -> Event[Any]:
    return replace(event, data=event.data.model_copy(update={"manager_id": manager_id}))


async def _tell(db: Database, events: Sequence[Event[Any]]) -> None:
    programmes = read_programmes()
    journeys = Processor(service=SERVICE, consumer="bench", db=db, work=lambda: JourneyWork(db, programmes))
    board = Processor(service=SERVICE, consumer="bench.board", db=db, work=lambda: ReadModelWork(db))
    for first in range(0, len(events), BATCH_RECORDS):
        await journeys.execute(events[first : first + BATCH_RECORDS])
    async for document in db[OUTBOX].find({}).sort("_id"):
        await board.execute([decode_record(one["topic"], one["value"], one["headers"], now()) for one in document["records"]])


async def _repeat(db: Database, first: int) -> None:
    """The first thousand rows and people again, under the ids from `first` on."""
    for collection in (store.BOARD, DIRECTORY):
        rows = [_moved(row, first) async for row in db[collection].find({"_id": {"$in": [f"H-{n}" for n in range(SMALL)]}})]
        await db[collection].insert_many(rows)
    bosses = [{"_id": manager_of(first + number), "display_name": "Boss"} for number in range(0, SMALL, TEAM)]
    await db[DIRECTORY].insert_many(bosses)


def _moved(row: Document, first: int) -> Document:
    number = first + int(row["_id"].removeprefix("H-"))
    state = row.get("state", row)
    changed = {"manager_id": manager_of(number)} | ({"employee_id": f"H-{number}"} if "employee_id" in state else {})
    moved = row | {"_id": f"H-{number}"}
    return moved | {"state": state | changed} if "state" in row else moved | changed


@asynccontextmanager
async def web(client: Client, name: str) -> AsyncIterator[FastAPI]:
    """Onboarding's web side on one database."""
    settings = Settings(secret=SecretStr("of the bench"), coordinators=[COORDINATOR])
    app = make_app("bench", onboarding.web(client[name], settings))
    install_access(app, settings)
    install_pages(app, settings)
    async with app.router.lifespan_context(app):
        yield app


def browser(app: FastAPI, employee_id: str) -> httpx.AsyncClient:
    """Somebody's browser, signed in."""
    answer = Response()
    app.state.gate.sign_in(answer, Viewer(employee_id), secure=False)
    session = SimpleCookie(answer.headers["set-cookie"])[SESSION_COOKIE].value
    transport = httpx.ASGITransport(app=app, client=("127.0.0.1", 1))
    headers = {"accept-encoding": "gzip"}
    return httpx.AsyncClient(transport=transport, base_url="http://localhost", headers=headers, cookies={SESSION_COOKIE: session})


async def p95(app: FastAPI, employee_id: str, path: str) -> float:
    """Milliseconds of the 95th percentile."""
    taken = []
    async with browser(app, employee_id) as http:
        (await http.get(path)).raise_for_status()  # once without counting
        for _ in range(REQUESTS):
            started = perf_counter()
            answer = await http.get(path)
            taken.append(1000 * (perf_counter() - started))
            answer.raise_for_status()
    return quantiles(taken, n=20)[18]


async def every_view(client: Client, name: str) -> dict[str, float]:
    """Milliseconds of each view's 95th percentile."""
    async with web(client, name) as app:
        return {view: await p95(app, *asked) for view, asked in VIEWS.items()}


async def kilobytes(client: Client, name: str) -> float:
    """What the first rendering of the board of two hundred hires transfers."""
    async with web(client, name) as app, browser(app, LARGE_TEAM_LEAD) as http, http.stream("GET", BOARD) as answer:
        answer.raise_for_status()
        return sum([len(chunk) async for chunk in answer.aiter_raw()]) / 1000


async def collection_scans(db: Database) -> int:
    """How many of the profiled operations read a whole collection (a change stream reads the log, which has no index)."""
    scans: Document = {"planSummary": {"$regex": "COLLSCAN"}, "ns": {"$not": {"$regex": "system"}}}
    no_stream: Document = {"originatingCommand.pipeline.0.$changeStream": {"$exists": False}}
    return await db["system.profile"].count_documents(
        scans | no_stream | {"command.pipeline.0.$changeStream": {"$exists": False}}
    )


async def measure(journeys: int) -> dict[str, Any]:
    """The figures of one run."""
    with tempfile.TemporaryDirectory(prefix="firstmate-bench-") as folder:
        async with Mongod(Path(folder)) as mongod:
            client = await connect(mongod.uri)
            try:
                for name, count in (("small", SMALL), ("large", journeys)):
                    print(f"a company with {count} journeys", file=sys.stderr)
                    await company(client[name], count)
                small = await every_view(client, "small")
                await client["large"].command({"profile": 2})
                large = await every_view(client, "large")
                scans = await collection_scans(client["large"])
                transferred = await kilobytes(client, "large")
            finally:
                client.close()
    ratios = {name: round(large[name] / small[name], 2) for name in VIEWS}
    return {
        "cores": cores(),
        "journeys": journeys,
        "p95_100k_vs_1k": max(ratios.values()),
        "p95_ratios": ratios,
        "p95_ms": {name: round(value, 1) for name, value in large.items()},
        "collection_scans": scans,
        "board_kilobytes": round(transferred, 1),
    }


if __name__ == "__main__":
    command(measure, JOURNEYS, __doc__)
