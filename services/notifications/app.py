"""The notifications worker put together: its subscriptions, the sender's duty, the summaries. `web.py` is its other half."""

import os

import structlog

from services.notifications import store
from services.notifications.channels import Channel
from services.notifications.channels.chat import ChatChannel
from services.notifications.channels.email import EmailChannel, Identity
from services.notifications.channels.server import MailServer
from services.notifications.chat_services import ChatService, chat_services
from services.notifications.checking import check
from services.notifications.company import company
from services.notifications.correspondence import EMAIL
from services.notifications.handlers import SERVICE, CorrespondenceWork
from services.notifications.rendering import Renderer
from services.notifications.sender import Sender
from services.notifications.stranded import bring_back_stranded
from services.notifications.summaries import plan_due
from services.notifications.suppression import Suppression
from services.notifications.timing import Hours, Timing
from shared.clock import now
from shared.events import hr, mentoring, onboarding
from shared.lease import Fence
from shared.links import Links
from shared.mongo import Database
from shared.processing import Processor
from shared.settings import Settings
from shared.worker import MEASURE_EVERY_S, Duty, Subscription, Worker, every

log = structlog.get_logger()

STRANDED_EVERY_S = 300.0  # what a change of settings left waiting has waited for a restart
SUMMARIES_EVERY_S = 300.0  # they are read in the morning; nobody waits for one
GATHER_S = 0.1  # nobody waits for a mail by the tenth of a second, and one hire is four facts here
TOPICS = (hr.TOPIC, mentoring.MENTORS_TOPIC, mentoring.ASSIGNMENTS_TOPIC, onboarding.TOPIC)


def worker(settings: Settings) -> Worker:
    """The worker: writes letters on facts, and sends them. Raises ValueError when templates or the settings of mail or
    chat are wrong."""
    renderer = templates(settings)
    identity = Identity.of(settings, renderer.brand)
    timing = Timing(Hours.read(settings.mail_hours), settings.mails_per_day)
    server = MailServer.of(settings)
    services = chat_services(settings.chat_file, os.environ)

    def work(db: Database) -> CorrespondenceWork:
        return CorrespondenceWork(db, settings.coordinators)

    async def send(db: Database, fence: Fence, channel: Channel) -> None:
        processor = Processor(service=SERVICE, consumer=f"notifications.{channel.name}", db=db, work=lambda: work(db))
        sender = Sender(
            db=db,
            channel=channel,
            processor=processor,
            renderer=renderer,
            web_url=settings.web_url,
            links=Links(settings.secret),
            fence=fence,
            timing=timing,
            suppression=Suppression(settings.secret),
            services=services,
        )
        try:
            await sender.run()
        finally:
            await channel.close()

    async def send_email(db: Database, fence: Fence) -> None:
        await send(db, fence, EmailChannel(server, identity))

    def by_chat(name: str, service: ChatService) -> Duty:
        async def send_chat(db: Database, fence: Fence) -> None:
            await send(db, fence, ChatChannel(name, service, settings.web_url))

        return Duty(f"chat {name}", send_chat)

    async def bring_back(db: Database, fence: Fence) -> None:
        processor = Processor(service=SERVICE, consumer="notifications.stranded", db=db, work=lambda: work(db))
        await bring_back_stranded(db, processor, fence, services, now)

    async def plan_summaries(db: Database, fence: Fence) -> None:
        processor = Processor(service=SERVICE, consumer="notifications.summaries", db=db, work=lambda: work(db))
        await plan_due(db, processor, fence, settings.coordinators, now)

    async def measure(db: Database, _: Fence) -> None:
        await store.measure(db, (EMAIL, *services))

    return Worker(
        service=SERVICE,
        settings=settings,
        subscriptions=[Subscription("notifications", TOPICS, work, gather_s=GATHER_S)],
        duties=[
            Duty("email", send_email),
            *(by_chat(name, service) for name, service in services.items()),
            Duty("stranded", every(STRANDED_EVERY_S, bring_back)),
            Duty("summaries", every(SUMMARIES_EVERY_S, plan_summaries)),
            Duty("measures", every(MEASURE_EVERY_S, measure)),
        ],
        prepare=store.ensure_indexes,
    )


def templates(settings: Settings) -> Renderer:
    """The shipped templates with the company's over them, whose faults are logged. Raises ValueError for the shipped ones'."""
    if faults := [fault for fault in check(Renderer(settings.brand_name)) if fault.grave]:
        raise ValueError("message templates are wrong:\n" + "\n".join(map(str, faults)))
    found = company(settings.templates, settings.brand_name)
    for fault in found.set_aside:
        log.error("template_set_aside", file=fault.where, line=fault.line, problem=fault.message)
    return found.renderer
