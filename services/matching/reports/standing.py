"""How matching stands now, for reports: the pool in this process's memory, kept current by its version, and what it leads to."""

import asyncio
import secrets
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import date, timedelta

from services.matching import store
from services.matching.memory import Memory
from services.matching.person import FIELDS, Seeker, person_from
from services.matching.policy import Policy
from services.matching.reporting import Reporting
from services.matching.reports.forecast import WEEK, Forecast, forecast
from services.matching.reports.recent import recent_hires
from services.matching.reports.suggestions import Suggestions, most_waiting, suggest
from services.matching.reports.supply import Input, MentorNow, supplies, weeks_of
from services.matching.reports.what_if import Comparison, compare, most_hires
from shared.directory import COLLECTION as DIRECTORY
from shared.mongo import Database, Document

WHAT_IF_DAYS = 90
MOST_WAITING = 5_000  # more is no waitlist any more; beyond it the figures say 'at least'


class Standing:
    """Reads the pool for reports. One report at a time: they are heavy, and the memory is one."""

    def __init__(self, db: Database, policy: Policy) -> None:
        self._db = db
        self._policy = policy
        self._memory = Memory(policy, f"reports-{secrets.token_hex(4)}")
        self._turn = asyncio.Lock()

    @asynccontextmanager
    async def memory(self) -> AsyncIterator[Memory]:
        """The pool as it is now, to read only, for as long as the block lasts."""
        async with self._turn:
            await self._memory.begin(self._db)
            yield self._memory

    async def forecast(self, today: date) -> tuple[Forecast, Input]:
        """When which department runs out of places, and what that starts from. The simulation runs in a thread."""
        async with self.memory() as memory:
            known = await self._input(memory, today)
        return await asyncio.to_thread(forecast, known.supplies, today), known

    async def what_if(self, today: date, then: Policy) -> Comparison:
        """The hires of late matched under today's policy and under another. The matching runs in a thread, one at a time."""
        async with self.memory() as memory:
            mentors = list(memory.pool.candidates)
            seekers, mentor_of = await self._recent_seekers(memory, today, most_hires(len(mentors)))
            return await asyncio.to_thread(compare, mentors, self._policy, then, seekers, mentor_of)

    async def suggestions(self, today: date) -> Suggestions:
        """What would place whom of those who wait. The solving runs in a thread."""
        async with self.memory() as memory:
            mentors = list(memory.pool.candidates)
            waiting = [id for _, id in await store.longest_waiting(self._db, most_waiting(len(mentors)))]
            cursor = self._db[store.HIRES].find({"_id": {"$in": waiting}}, {"state.excluded": 1})
            excluded = {document["_id"]: frozenset(document["state"].get("excluded", ())) async for document in cursor}
            people = await _fields(self._db, set(waiting), *FIELDS)
            seekers = [
                seeker_of(id, people.get(id), excluded.get(id, frozenset()), memory.reporting, today, len(waiting) - place)
                for place, id in enumerate(waiting)
            ]
            states = {id: stream.state for id in memory.mentor_ids() if (stream := memory.mentor(id)) and stream.state}
            paused = frozenset(id for id, state in states.items() if state.status == "paused" and not _left(memory, id))
            return await asyncio.to_thread(suggest, mentors, paused, self._policy, seekers)

    async def _recent_seekers(self, memory: Memory, today: date, most: int) -> tuple[list[Seeker], dict[str, str]]:
        """The latest hires who need a mentor, as they would ask today, and the mentors they have."""
        since = today - timedelta(days=WHAT_IF_DAYS)
        query: Document = {
            "state.hired_at": {"$gte": since.isoformat()},
            "state.status": {"$in": ["assigned", "proposed", "waitlisted"]},
            "state.decision.pin": None,  # a pinned pair is not moved by any weights
        }
        fields = {"state.status": 1, "state.excluded": 1, "state.decision.mentor_id": 1, "state.proposal.decision.mentor_id": 1}
        cursor = self._db[store.HIRES].find(query, fields).sort([("state.hired_at", -1), ("_id", -1)]).limit(most)
        states = {document["_id"]: document["state"] async for document in cursor}
        people = await _fields(self._db, set(states), *FIELDS)
        seekers = [
            seeker_of(id, people.get(id), frozenset(states[id].get("excluded", ())), memory.reporting, today)
            for id in sorted(states)
        ]
        held = {id: _held(state) for id, state in states.items()}
        return seekers, {id: mentor_id for id, mentor_id in held.items() if mentor_id is not None}

    async def _input(self, memory: Memory, today: date) -> Input:
        weeks = weeks_of(await _first_hire(self._db), today)
        hires = await recent_hires(self._db, today - timedelta(days=WEEK * weeks - 1))
        waiting = [id for _, id in await store.longest_waiting(self._db, MOST_WAITING)]
        mentors = [(id, stream.state) for id in memory.mentor_ids() if (stream := memory.mentor(id)) and stream.state]
        mentees = {mentee for _, mentor in mentors for mentee in (*mentor.mentees, *mentor.reserved)}
        people = await _fields(self._db, {*waiting, *mentees}, "department", "start_date")
        starts = {id: date.fromisoformat(day) for id in mentees if (day := people.get(id, {}).get("start_date"))}
        standing = []
        for id, mentor in mentors:
            person = memory.person(id)
            trained = mentor.trained or not self._policy.rules.training_required
            standing.append(
                MentorNow(
                    department=(person or {}).get("department"),
                    capacity=mentor.capacity,
                    open=mentor.status == "active" and person is not None and not person.get("left") and trained,
                    back=mentor.available_from,
                    starts=tuple(starts.get(mentee) for mentee in (*mentor.mentees, *mentor.reserved)),
                )
            )
        waits = Counter(people.get(id, {}).get("department") for id in waiting)
        return supplies(standing, hires, waits, weeks, today)


def _held(state: Document) -> str | None:
    """Whose place a hire has, or has reserved while their proposal waits."""
    if state["status"] == "proposed":
        return str(state["proposal"]["decision"]["mentor_id"])
    return str(state["decision"]["mentor_id"]) if state["status"] == "assigned" else None


def _left(memory: Memory, mentor_id: str) -> bool:
    return bool((memory.person(mentor_id) or {}).get("left", True))


def seeker_of(
    id: str, known: Document | None, excluded: frozenset[str], reporting: Reporting, today: date, rank: int = 0
) -> Seeker:
    """A hire as they would ask for a mentor today."""
    person = person_from(id, known or {})
    return Seeker(
        person=person,
        day=max(person.start or today, today),
        managers=reporting.managers(id),
        reports=reporting.reports(id),
        excluded=excluded,
        rank=rank,
    )


async def _first_hire(db: Database) -> date | None:
    """The day of the oldest hire there is, by index."""
    query: Document = {"state.hired_at": {"$gt": ""}}
    async for document in db[store.HIRES].find(query, {"state.hired_at": 1}).sort([("state.hired_at", 1), ("_id", 1)]).limit(1):
        return date.fromisoformat(document["state"]["hired_at"][:10])
    return None


async def _fields(db: Database, ids: set[str], *fields: str) -> dict[str, Document]:
    cursor = db[DIRECTORY].find({"_id": {"$in": sorted(ids)}}, dict.fromkeys(fields, 1))
    return {person["_id"]: person async for person in cursor}
