"""The owner's duty: nobody waits beside a free place, a change that was asked for happens, a proposal stands in time."""

from collections.abc import Sequence
from datetime import date, datetime, timedelta
from typing import Any

import structlog

from services.matching import store
from services.matching.handlers import WAITLIST_BATCH, LookAgain, MatchingWork
from services.matching.memory import Memory
from services.matching.policies import excluding_everyone
from services.matching.store import SERVICE
from shared.clock import Clock
from shared.events import new_event
from shared.lease import Fence
from shared.mongo import Database
from shared.processing import Processor

REFRESH_EVERY = timedelta(minutes=5)  # a mask over all mentors and a write for each who waits: cheap, but not for every change
HAND_OVER_EVERY = timedelta(minutes=10)  # a last day ends at midnight somewhere; nobody meets the next mentor that night

log = structlog.get_logger()


class Waitlist:
    """Walks the waitlist from the longest-waiting on, whenever the pool changed or a day began (tenures grow, leaves end).

    The reasons of those who still wait are found anew at most every `REFRESH_EVERY`. `approval` as in `MatchingWork`.
    """

    def __init__(self, memory: Memory, clock: Clock, approval: timedelta | None = None) -> None:
        self._memory = memory
        self._clock = clock
        self._approval = approval
        self._tried: tuple[int, date] | None = None
        self._explained: tuple[int, date] | None = None
        self._explained_at: datetime | None = None
        self._handed_over_at: datetime | None = None

    async def try_again(self, db: Database, fence: Fence | None = None) -> None:
        """Settle what is due, then try who waits, if anything changed. Raises `LeaseLost` as `Processor.execute` does."""
        due = await store.due(db, self._clock() if self._approval is not None else None, WAITLIST_BATCH)
        if due:
            await self._look(db, fence, due, refresh=False)
        now = self._clock()
        if self._handed_over_at is None or now - self._handed_over_at >= HAND_OVER_EVERY:
            mentees = await store.handing_over(db, now, WAITLIST_BATCH)
            if mentees:
                await self._look(db, fence, mentees, refresh=False)
            self._handed_over_at = now
        state = ((await store.pool_version(db)).number, now.date())
        refresh = state != self._explained and (self._explained_at is None or now - self._explained_at >= REFRESH_EVERY)
        if state == self._tried and not refresh:
            return
        await self._walk(db, fence, refresh=refresh)
        self._tried = state
        if refresh:
            self._explained, self._explained_at = state, now
            for rule in excluding_everyone(self._memory.pool, self._memory.policy, now):
                log.warning(
                    "rule_excludes_every_mentor", rule=rule, policy=self._memory.policy.version, advice="./firstmate policy check"
                )

    async def _walk(self, db: Database, fence: Fence | None, *, refresh: bool) -> None:
        after: tuple[Any, str] | None = None
        while waiting := await store.longest_waiting(db, WAITLIST_BATCH, after):
            await self._look(db, fence, [id for _, id in waiting], refresh=refresh)
            after = waiting[-1]
            if len(waiting) < WAITLIST_BATCH or not (refresh or self._memory.has_places()):
                break

    async def _look(self, db: Database, fence: Fence | None, hire_ids: Sequence[str], *, refresh: bool) -> None:
        processor = Processor(
            service=SERVICE,
            consumer="matching.waitlist",
            db=db,
            work=lambda: MatchingWork(db, self._memory, self._approval),
            clock=self._clock,
        )
        command = LookAgain(hire_ids=list(hire_ids), refresh=refresh)
        look = new_event(command, source="/firstmate/matching/waitlist", id="look", time=self._clock())
        await processor.execute([look], fence=fence)
