"""Matching's worker put together: what it follows and what it does. `web.py` is its other half."""

import secrets
from datetime import timedelta

from services.matching import policies
from services.matching.handlers import MatchingWork
from services.matching.memory import Memory
from services.matching.policy_file import load_policy
from services.matching.reoptimisation.reoptimising import Nightly
from services.matching.store import SERVICE, ensure_indexes, measure
from services.matching.waitlist import Waitlist
from shared.clock import now
from shared.events import hr, mentoring, onboarding
from shared.lease import Fence
from shared.mongo import Database
from shared.settings import Settings
from shared.worker import MEASURE_EVERY_S, Duty, Subscription, Worker, every

TOPICS = (hr.TOPIC, mentoring.MENTORS_TOPIC, onboarding.TOPIC)
WAITLIST_EVERY_S = 2.0  # a place freed by a coordinator should not seem lost to the person who waits for it

NIGHT_LOOKED_FOR_EVERY_S = 60.0


def worker(settings: Settings) -> Worker:
    """The worker process: one owner of the mentor pool, others stand by. Raises `PolicyError` for a bad policy."""
    policy = load_policy(settings.policy_file)
    # The pool's log tells one start of a process from another by this name.
    memory = Memory(policy, f"{settings.instance}-{secrets.token_hex(4)}")
    approval = timedelta(hours=settings.approval_hours) if settings.approval_hours else None
    waitlist = Waitlist(memory, now, approval)
    duties = [Duty("waitlist", every(WAITLIST_EVERY_S, waitlist.try_again))]
    if settings.reoptimise_hour >= 0:
        nightly = Nightly(policy, now, settings.reoptimise_hour, settings.office_zone)
        duties.append(Duty("reoptimisation", every(NIGHT_LOOKED_FOR_EVERY_S, nightly.propose_if_due)))

    async def measured(db: Database, _: Fence) -> None:
        await measure(db, now())

    duties.append(Duty("measures", every(MEASURE_EVERY_S, measured)))

    async def prepare(db: Database) -> None:
        await ensure_indexes(db)
        await policies.remember(db, policy, now())

    return Worker(
        service=SERVICE,
        settings=settings,
        subscriptions=[Subscription("matching", TOPICS, lambda db: MatchingWork(db, memory, approval))],
        duties=duties,
        single_owner=True,
        prepare=prepare,
    )
