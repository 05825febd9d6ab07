"""Onboarding's pages on a real database and a real HTTP server, told facts without Kafka: the tools of the page tests."""

import asyncio
import json
from contextlib import asynccontextmanager
from datetime import UTC, date, datetime, timedelta
from typing import Any

import httpx
import uvicorn
from fastapi import APIRouter, FastAPI
from pydantic import SecretStr

from services.onboarding import store
from services.onboarding import web as onboarding
from services.onboarding.handlers import JourneyWork, as_event
from services.onboarding.programme_files import read_programmes
from services.onboarding.read_models import ReadModelWork
from shared.access import install_access
from shared.changes import OUTBOX
from shared.events import decode_record, new_event
from shared.events.hr import EmployeeHired, EmployeeSnapshot
from shared.events.mentoring import Contribution, MentorAssigned
from shared.events.notifications import MessageSent
from shared.mongo import Database
from shared.pages import install_pages
from shared.processing import Processor
from shared.settings import Settings
from shared.web import make_app

BOSS, LEAD, OTHER_BOSS, MENTOR, COORDINATOR, STRANGER = "E-1", "E-2", "E-3", "E-10", "E-20", "E-30"
ADA, BO, CY = "E-101", "E-102", "E-103"
NOW = datetime(2027, 1, 20, 12, tzinfo=UTC)
STARTS = {ADA: date(2027, 1, 11), BO: date(2027, 1, 25), CY: date(2027, 1, 18)}
NAMES = {
    BOSS: ("Grace", "Hopper"),
    LEAD: ("Lin", "Lead"),
    OTHER_BOSS: ("Otto", "Other"),
    MENTOR: ("Mina", "Mentor"),
    COORDINATOR: ("Cora", "Coordinator"),
    STRANGER: ("Sam", "Stranger"),
    ADA: ("Ada", "Okafor"),
    BO: ("Bo", "<b>Berg</b>"),
    CY: ("Cy", "Chen"),
}


class Told:
    """The workers of onboarding without a broker: each fact goes to the journeys, and what they say to the read models."""

    def __init__(self, db: Database) -> None:
        self.db = db
        self.now = NOW
        programmes = read_programmes()
        works = (lambda: JourneyWork(db, programmes), lambda: ReadModelWork(db))
        self._journeys, self._read_models = (
            Processor(service="onboarding", consumer=f"test {number}", db=db, work=work, clock=lambda: self.now)
            for number, work in enumerate(works)
        )
        self._sequences: dict[tuple[str, str], int] = {}
        self._said: set[Any] = set()

    async def fact(self, payload: Any) -> None:
        """Tell one fact: HR's to the journeys, others also to the read models."""
        source = {"hr": "/hr/acme", "mentoring": "/firstmate/matching", "notifications": "/firstmate/notifications"}
        prefix = payload.TOPIC.split(".")[0]
        key = (prefix, payload.subject)
        self._sequences[key] = number = self._sequences.get(key, 0) + 1
        event = new_event(
            payload,
            source=source[prefix],
            id=f"{payload.TYPE}/{payload.subject}/{number}",
            time=self.now,
            sequence=None if prefix == "hr" else number,
        )
        await self._journeys.execute([event])
        if prefix != "hr":
            await self._read([event])
        await self.relay()

    async def command(self, command: Any) -> None:
        """Carry out a command as the clock does it."""
        await self._journeys.execute([as_event(command, self.now)])
        await self.relay()

    async def relay(self) -> None:
        """Hand what the journeys said to the read models."""
        async for document in self.db[OUTBOX].find({}).sort("_id"):
            if document["_id"] not in self._said:
                self._said.add(document["_id"])
                records = document["records"]
                await self._read([decode_record(each["topic"], each["value"], each["headers"], self.now) for each in records])

    async def _read(self, events: list[Any]) -> None:
        await self._read_models.execute(events)

    async def hire(self, id: str, manager_id: str, start: date | None = None) -> None:
        """A hire below a manager."""
        given, family = NAMES.get(id, ("New", id))
        start = start or STARTS.get(id, date(2027, 2, 1))
        profile = {"given_name": given, "family_name": family, "title": "Analyst", "location": "Lyon, FR"}
        await self.fact(EmployeeHired(employee_id=id, manager_id=manager_id, start_date=start, **profile))

    async def assign(self, id: str, mentor_id: str = MENTOR) -> None:
        """A mentor for a hire."""
        parts = [("role", 26, 10_000), ("skills", 18, 5_000), ("site", 6, 0)]
        contributions = [Contribution(criterion=name, weight=w, value=v, points=w * v // 100) for name, w, v in parts]
        await self.fact(
            MentorAssigned(employee_id=id, mentor_id=mentor_id, score=3_500, contributions=contributions, policy_version="1")
        )

    async def welcome(self, id: str) -> None:
        """The welcome message was sent."""
        await self.fact(
            MessageSent(
                employee_id=id, message_id=f"m-{id}", template="welcome", recipient_id=id, recipient_role="hire", channel="email"
            )
        )


async def small_company(db: Database) -> Told:
    """Grace leads Lin, Lin hires Ada and Bo; Otto, beside them, hires Cy. Mina mentors Ada. It is Ada's tenth day."""
    await store.ensure_indexes(db)
    told = Told(db)
    told.now = NOW - timedelta(days=30)
    managers = {BOSS: None, LEAD: BOSS, OTHER_BOSS: None, MENTOR: OTHER_BOSS, COORDINATOR: None, STRANGER: OTHER_BOSS}
    for id, manager_id in managers.items():
        given, family = NAMES[id]
        await told.fact(EmployeeSnapshot(employee_id=id, given_name=given, family_name=family, manager_id=manager_id))
    for id, manager_id in ((ADA, LEAD), (BO, LEAD), (CY, OTHER_BOSS)):
        await told.hire(id, manager_id)
    await told.assign(ADA)
    await told.welcome(ADA)
    told.now = NOW
    return told


def settings(**more: Any) -> Settings:
    given = {"secret": SecretStr("of the tests"), "token": SecretStr("t"), "coordinators": [COORDINATOR], "sample_sign_in": True}
    return Settings(**(given | more))


class Server(uvicorn.Server):
    """A server in this process that stops as the real one does: open streams are told first."""

    def __init__(self, app: FastAPI) -> None:
        super().__init__(uvicorn.Config(app, port=0, log_level="warning", timeout_graceful_shutdown=10, lifespan="on"))
        self.app = app

    async def shutdown(self, sockets: Any = None) -> None:
        self.app.state.stopping.set()
        await super().shutdown(sockets)

    @property
    def url(self) -> str:
        port = self.servers[0].sockets[0].getsockname()[1]
        return f"http://127.0.0.1:{port}"


@asynccontextmanager
async def serving(db: Database, told: Told, **more: Any):
    """The pages over a database, on a free port; gives the server."""
    chosen = settings(**more)
    async with served(onboarding.web(db, chosen, lambda: told.now), chosen) as server:
        yield server


@asynccontextmanager
async def served(routers: list[APIRouter], chosen: Settings):
    """These routers with sign-in and page layout, on a free port; gives the server."""
    app = make_app("Pages", routers)
    install_access(app, chosen)
    install_pages(app, chosen)
    server = Server(app)
    running = asyncio.create_task(server.serve())
    while not server.started:
        await asyncio.sleep(0.01)
        assert not running.done()
    try:
        yield server
    finally:
        server.should_exit = True
        await running


@asynccontextmanager
async def signed_in(server: Server, employee_id: str | None):
    """A browser without pictures, signed in as somebody."""
    async with httpx.AsyncClient(base_url=server.url, timeout=20) as browser:
        if employee_id is not None:
            answer = await browser.post("/sign-in", data={"employee_id": employee_id})
            assert answer.status_code == 303, answer.text
        yield browser


class Events:
    """A stream of server-sent events as a browser reads it."""

    def __init__(self, response: httpx.Response) -> None:
        self._lines = response.aiter_lines()
        self.id = ""

    async def next(self, name: str) -> Any:
        """The data of the next event of this name; others are passed by."""
        async with asyncio.timeout(60):
            while True:
                event, data = await self.any()
                if event == name:
                    return data

    async def any(self) -> tuple[str, Any]:
        """The next event: its name and data."""
        event = ""
        async for line in self._lines:
            if line.startswith("id: "):
                self.id = line[4:]
            elif line.startswith("event: "):
                event = line[7:]
            elif line.startswith("data: "):
                return event, json.loads(line[6:])
        raise EOFError


@asynccontextmanager
async def following(browser: httpx.AsyncClient, board: str = "/board", **headers: str):
    """An open board: its page's text and the events that come after it."""
    page = await browser.get(board)
    marked = {name: page.text.split(f'{name}="')[1].split('"')[0] for name in ("data-live", "data-live-at")}
    address = httpx.URL(marked["data-live"].replace("&amp;", "&")).copy_merge_params({"at": marked["data-live-at"]})
    async with browser.stream("GET", address, headers=headers) as response:
        assert response.headers["content-type"].startswith("text/event-stream"), await response.aread()
        yield page.text, Events(response)
