"""Onboarding's worker put together: what it follows and what it does. `web.py` is its other half."""

from services.onboarding.handlers import JourneyWork, review_due_days
from services.onboarding.programme_files import read_programmes
from services.onboarding.projections.reading import TOPICS as READ_MODEL_TOPICS
from services.onboarding.read_models import CONSUMER as READ_MODELS_CONSUMER
from services.onboarding.read_models import SERVICE, ReadModelWork, take_over
from services.onboarding.store import ensure_indexes, file_unnamed, measure
from shared.clock import now
from shared.events import hr, mentoring, notifications
from shared.lease import Fence
from shared.mongo import Database
from shared.settings import Settings
from shared.worker import MEASURE_EVERY_S, Duty, Subscription, Worker, every

JOURNEY_TOPICS = (hr.TOPIC, mentoring.ASSIGNMENTS_TOPIC, notifications.TOPIC)
REVIEW_EVERY_S = 30.0  # a due day ends at midnight somewhere; nobody needs to know within the second
NAME_EVERY_S = 60.0  # rows without a name come from a replica of the version before alone


def worker(settings: Settings) -> Worker:
    """The worker process: journeys, the read models, and the calendar. Raises `ProgrammeError` for a bad programme."""
    programmes = read_programmes(settings.programmes_dir)

    async def review(db: Database, fence: Fence) -> None:
        await review_due_days(db, fence, programmes, now)

    async def measured(db: Database, _: Fence) -> None:
        await measure(db)

    async def names(db: Database, _: Fence) -> None:
        await file_unnamed(db)

    async def prepare(db: Database) -> None:
        await ensure_indexes(db)
        await take_over(db)

    return Worker(
        service=SERVICE,
        settings=settings,
        subscriptions=[
            Subscription("onboarding", JOURNEY_TOPICS, lambda db: JourneyWork(db, programmes)),
            Subscription(READ_MODELS_CONSUMER, READ_MODEL_TOPICS, ReadModelWork),
        ],
        duties=[
            Duty("late-milestones", every(REVIEW_EVERY_S, review)),
            Duty("measures", every(MEASURE_EVERY_S, measured)),
            Duty("unnamed-rows", every(NAME_EVERY_S, names)),
        ],
        prepare=prepare,
    )
