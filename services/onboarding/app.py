"""Onboarding put together: what its worker follows and does, and what it serves over HTTP."""

from fastapi import APIRouter

from services.onboarding.api import api
from services.onboarding.handlers import JourneyWork, review_due_days
from services.onboarding.outcomes.api import outcome_api
from services.onboarding.pages import pages
from services.onboarding.positions import position_routes
from services.onboarding.programme_files import read_programmes
from services.onboarding.projections.reading import TOPICS as READ_MODEL_TOPICS
from services.onboarding.read_models import BOARD, OUTCOMES, SERVICE, TIMELINE
from services.onboarding.store import ensure_indexes
from shared.clock import Clock, now
from shared.events import hr, mentoring, notifications
from shared.lease import Fence
from shared.mongo import Database
from shared.settings import Settings
from shared.worker import Duty, Subscription, Worker, every

JOURNEY_TOPICS = (hr.TOPIC, mentoring.ASSIGNMENTS_TOPIC, notifications.TOPIC)
REVIEW_EVERY_S = 30.0  # a due day ends at midnight somewhere; nobody needs to know within the second


def worker(settings: Settings) -> Worker:
    """The worker process: journeys, the read models, and the calendar. Raises `ProgrammeError` for a bad programme."""
    programmes = read_programmes(settings.programmes_dir)

    async def review(db: Database, fence: Fence) -> None:
        await review_due_days(db, fence, programmes, now)

    return Worker(
        service=SERVICE,
        settings=settings,
        subscriptions=[
            Subscription("onboarding", JOURNEY_TOPICS, lambda db: JourneyWork(db, programmes)),
            Subscription(BOARD.consumer, READ_MODEL_TOPICS, BOARD.work),
            Subscription(TIMELINE.consumer, READ_MODEL_TOPICS, TIMELINE.work),
            Subscription(OUTCOMES.consumer, READ_MODEL_TOPICS, OUTCOMES.work),
        ],
        duties=[Duty("late-milestones", every(REVIEW_EVERY_S, review))],
        prepare=ensure_indexes,
    )


def web(db: Database, settings: Settings, clock: Clock = now) -> list[APIRouter]:
    """Its API and pages, over its database. Raises `ProgrammeError` for a bad programme."""
    programmes = read_programmes(settings.programmes_dir)
    return [
        api(db, programmes, clock),
        position_routes(db, settings.kafka, clock),
        outcome_api(db, clock),
        pages(db, programmes, settings, clock),
    ]
