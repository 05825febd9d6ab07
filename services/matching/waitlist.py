"""The owner's duty: nobody waits while a place is free for them, whoever freed it."""

from datetime import date
from typing import Any

from services.matching import store
from services.matching.handlers import WAITLIST_BATCH, MatchingWork, TryWaitlist
from services.matching.memory import Memory
from services.matching.store import SERVICE
from shared.clock import Clock
from shared.events import new_event
from shared.lease import Fence
from shared.mongo import Database
from shared.processing import Processor


class Waitlist:
    """Walks the waitlist from the longest-waiting on, whenever the pool changed or a day began (tenures grow, leaves end)."""

    def __init__(self, memory: Memory, clock: Clock) -> None:
        self._memory = memory
        self._clock = clock
        self._tried: tuple[int, date] | None = None

    async def try_again(self, db: Database, fence: Fence | None = None) -> None:
        """Try everybody who waits, if anything changed since the last time. Raises `LeaseLost` as `Processor.execute` does."""
        state = ((await store.pool_version(db)).number, self._clock().date())
        if state == self._tried:
            return
        processor = Processor(
            service=SERVICE,
            consumer="matching.waitlist",
            db=db,
            work=lambda: MatchingWork(db, self._memory),
            clock=self._clock,
        )
        after: tuple[Any, str] | None = None
        while waiting := await store.longest_waiting(db, WAITLIST_BATCH, after):
            command = TryWaitlist(hire_ids=[id for _, id in waiting])
            now = self._clock()
            await processor.execute(
                [new_event(command, source="/firstmate/matching/waitlist", id="waitlist", time=now)], fence=fence
            )
            after = waiting[-1]
            if len(waiting) < WAITLIST_BATCH or not self._memory.has_places():
                break
        self._tried = state
