"""A real SMTP server (aiosmtpd) that answers as it is told, and the notifications service's parts around a real database."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from email import message_from_bytes, policy
from email.message import EmailMessage
from itertools import count
from typing import Any

from aiosmtpd.smtp import SMTP, Envelope, Session
from pydantic import BaseModel, SecretStr

from deploy.ports import free_port
from services.notifications import store
from services.notifications.channels.email import EmailChannel, Identity
from services.notifications.channels.server import MailServer
from services.notifications.chat_services import ChatServices
from services.notifications.entry import Entry
from services.notifications.handlers import SERVICE, CorrespondenceWork
from services.notifications.rendering import Renderer
from services.notifications.sender import Sender
from services.notifications.timing import Timing
from shared import lease
from shared.events import Event, new_event
from shared.events.hr import EmployeeHired, EmployeeSnapshot
from shared.events.mentoring import MentorAssigned
from shared.lease import Fence
from shared.links import Links
from shared.mongo import Database
from shared.processing import Processor

START = datetime(2026, 12, 1, 10, tzinfo=UTC)
COORDINATOR = "C-1"
LINKS = Links(SecretStr("of the tests"))
Answer = Callable[[str], str | None]
"""Given a recipient's address: the SMTP answer that refuses it, or None to accept."""


@dataclass
class PostOffice:
    """Answers MAIL, RCPT and the end of DATA as `on_mail`, `on_rcpt` and `on_data` say; keeps what it accepted."""

    port: int = 0
    on_mail: Answer = lambda _: None
    on_rcpt: Answer = lambda _: None
    on_data: Answer = lambda _: None
    smtputf8: bool = True
    pipelining: bool = True
    before_data_answer: Callable[[str], Any] | None = None
    accepted: list[tuple[str, EmailMessage]] = field(default_factory=list)
    connections: int = 0
    _server: asyncio.Server | None = None
    _open: set[SMTP] = field(default_factory=set)

    async def handle_EHLO(  # noqa: N802
        self, _: SMTP, session: Session, __: Envelope, hostname: str, replies: list[str]
    ) -> list[str]:
        session.host_name = hostname
        return [replies[0], *(["250-PIPELINING"] if self.pipelining else []), *replies[1:]]

    async def handle_MAIL(self, _: SMTP, __: Session, envelope: Envelope, address: str, options: Any) -> str:  # noqa: N802
        refusal = self.on_mail(address)
        if refusal is None:
            envelope.mail_from = address
            envelope.mail_options.extend(options)
        return refusal or "250 OK"

    async def handle_RCPT(self, _: SMTP, __: Session, envelope: Envelope, address: str, options: Any) -> str:  # noqa: N802
        refusal = self.on_rcpt(address)
        if refusal is None:
            envelope.rcpt_tos.append(address)
        return refusal or "250 OK"

    async def handle_DATA(self, _: SMTP, __: Session, envelope: Envelope) -> str:  # noqa: N802
        recipient = envelope.rcpt_tos[0]
        refusal = self.on_data(recipient)
        if refusal is None:
            mail = message_from_bytes(envelope.content, policy=policy.default)
            assert isinstance(mail, EmailMessage)
            self.accepted.append((recipient, mail))
        if self.before_data_answer is not None:
            await self.before_data_answer(recipient)
        return refusal or "250 accepted"

    async def open(self) -> None:
        self.port = self.port or free_port()
        loop = asyncio.get_running_loop()

        def session() -> SMTP:
            self.connections += 1
            server = SMTP(self, enable_SMTPUTF8=self.smtputf8, ident="post office", loop=loop)
            self._open.add(server)
            return server

        self._server = await loop.create_server(session, "127.0.0.1", self.port)

    async def close(self) -> None:
        """Refuse new connections and hang up on the old ones."""
        if self._server is not None:
            self._server.close()
        for connection in self._open:
            if connection.transport is not None:
                connection.transport.abort()
        self._open.clear()

    def open_connections(self) -> list[SMTP]:
        return [connection for connection in self._open if connection.transport is not None]

    def to(self, address: str) -> list[EmailMessage]:
        return [mail for recipient, mail in self.accepted if recipient == address]

    @property
    def templates(self) -> list[str]:
        return sorted(mail["X-Firstmate-Template"] for _, mail in self.accepted)


@asynccontextmanager
async def post_office(**answers: Any) -> AsyncIterator[PostOffice]:
    office = PostOffice(**answers)
    await office.open()
    try:
        yield office
    finally:
        await office.close()


@dataclass
class Office:
    """The notifications service without Kafka: facts go in by hand, and a clock that is moved by hand says when."""

    db: Database
    post: PostOffice
    now: datetime = START
    timing: Timing = field(default_factory=Timing)
    services: ChatServices = field(default_factory=dict)
    fence: Fence = field(init=False)
    _numbers: Any = field(default_factory=lambda: count(1))

    def clock(self) -> datetime:
        return self.now

    def pass_time(self, **by: float) -> None:
        self.now += timedelta(**by)

    async def take_over(self) -> None:
        """Another replica takes the lease, the one before having gone silent."""
        fence = await lease.take(self.db, "notifications", f"replica-{next(self._numbers)}", ttl=0)
        assert fence is not None
        self.fence = fence

    def processor(self) -> Processor:
        return Processor(
            service=SERVICE,
            consumer="test",
            db=self.db,
            work=lambda: CorrespondenceWork(self.db, [COORDINATOR]),
            clock=self.clock,
        )

    def event(self, fact: BaseModel) -> Event[Any]:
        return new_event(fact, source="/test", id=f"event-{next(self._numbers)}", time=self.now)

    async def hear(self, *facts: BaseModel) -> None:
        await self.processor().execute([self.event(fact) for fact in facts])

    async def know_people(self) -> None:
        await self.hear(
            EmployeeSnapshot(
                employee_id="B-1", given_name="Jonas", family_name="Weber", work_email="jonas@acme.example", locale="de-DE"
            ),
            EmployeeSnapshot(employee_id="M-1", given_name="Noémie", work_email="noemie@acme.example", skills=["Kafka"]),
            EmployeeSnapshot(employee_id=COORDINATOR, given_name="Cleo", work_email="cleo@acme.example"),
        )

    def hired(self, employee_id: str = "E-1", **more: Any) -> EmployeeHired:
        fields = {
            "employee_id": employee_id,
            "given_name": "Ada",
            "personal_email": f"{employee_id.lower()}@home.example",
            "work_email": f"{employee_id.lower()}@acme.example",
            "start_date": "2027-01-11",
            "manager_id": "B-1",
            "skills": ["kafka"],
        }
        return EmployeeHired.model_validate(fields | more)

    def assigned(self, employee_id: str = "E-1", mentor_id: str = "M-1") -> MentorAssigned:
        contribution = {"criterion": "skills", "weight": 30, "value": 9000, "points": 2700}
        fields = {
            "employee_id": employee_id,
            "mentor_id": mentor_id,
            "score": 2700,
            "contributions": [contribution],
            "policy_version": "1",
        }
        return MentorAssigned.model_validate(fields)

    @asynccontextmanager
    async def sender(self, **options: Any) -> AsyncIterator[Sender]:
        server = MailServer("127.0.0.1", self.post.port, connections=options.pop("width", 4))
        channel = options.pop("channel", None) or EmailChannel(
            server, Identity("Firstmate <welcome@firstmate.example>"), **options
        )
        sender = Sender(
            db=self.db,
            channel=channel,
            processor=self.processor(),
            renderer=Renderer("Firstmate"),
            web_url="http://127.0.0.1:8080",
            links=LINKS,
            fence=self.fence,
            timing=self.timing,
            services=self.services,
            clock=self.clock,
        )
        try:
            yield sender
        finally:
            await channel.close()

    async def send(self, **options: Any) -> None:
        """One sender until nothing is due."""
        async with self.sender(**options) as sender:
            await sender.drain()

    async def ledger(self, **query: Any) -> list[Entry]:
        return await store.entries(self.db, query)

    async def entry(self, template: str) -> Entry:
        (entry,) = await self.ledger(template=template)
        return entry

    async def outbox(self) -> list[dict[str, Any]]:
        documents = self.db["outbox"].find().sort("_id", 1)
        return [dict(record["headers"]) | {"value": record["value"]} async for doc in documents for record in doc["records"]]
