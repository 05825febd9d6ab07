"""What people decide about mentors over HTTP: nominate, enrol, train, change, withdraw. Each is one command, one commit.

The web process holds no pool: it reads the few streams it changes, moves the pool's version with the mentors it touched,
and the owner of the pool catches up from that.
"""

from collections.abc import Sequence
from datetime import datetime
from typing import Any, ClassVar

from pydantic import BaseModel

from services.matching import store
from services.matching.domain import Mentor
from services.matching.facts import MENTOR_FOLDS
from shared.changes import Changes
from shared.events import Event
from shared.events.mentoring import MentorChanged, MentorEnrolled, MentorFact, MentorNominated, MentorTrained
from shared.mongo import Database
from shared.refusals import conflict, not_found


class OwnWord(BaseModel):
    """Command: what a mentor says of themselves. Unlike a coordinator's word it makes nobody a mentor."""

    TYPE: ClassVar[str] = "matching.own_word"
    mentor_id: str
    change: MentorChanged

    @property
    def subject(self) -> str:
        """The stream's key."""
        return self.mentor_id


class MentorWork:
    """Mentor facts told over HTTP: the fact is the command."""

    def __init__(self, db: Database) -> None:
        self._db = db
        self.mentors = store.mentors()

    async def load(self, events: Sequence[Event[Any]]) -> None:
        """The mentors concerned and the pool's version: two queries."""
        self._seen = await store.pool_version(self._db)
        await self.mentors.load(self._db, {event.subject for event in events})

    def decide(self, event: Event[Any], now: datetime) -> None:
        """Carry one fact out. Raises `Refused`: 404 for nobody's change, 409 for what does not fit the mentor's state."""
        stream = self.mentors[event.subject]
        before = stream.state if stream.state is not None and not stream.state.stranger else None
        if isinstance(event.data, OwnWord):
            _refuse_nominated(before)
        fact: MentorFact = event.data.change if isinstance(event.data, OwnWord) else event.data
        _refuse_unfit(fact, before)
        # The clock of whoever took the last word may be a moment ahead: who speaks now knows it.
        at = max([now, *(stream.state.said.values() if stream.state is not None else ())])
        after = MENTOR_FOLDS[type(fact)](stream.state, fact, at)
        if before is None or not after.says_the_same(before):
            stream.put(after)
            stream.emit(fact, now, event)

    def conclude(self, now: datetime) -> None:
        """Nothing is decided for several at once."""

    def changes(self) -> Changes:
        """The mentors, what they publish, and the pool's next version."""
        changes = Changes()
        changed = [stream for stream in self.mentors if stream.changed]
        self.mentors.add_to(changes)
        if changed:
            store.move_pool(changes, self._seen, "web", [stream.id for stream in changed])
        return changes


def _refuse_nominated(mentor: Mentor | None) -> None:
    if mentor is not None and mentor.status == "nominated":
        raise conflict("this nomination waits for the training or a coordinator's word", "nominated")


def _refuse_unfit(fact: MentorFact, mentor: Mentor | None) -> None:
    if isinstance(fact, MentorEnrolled):
        if mentor is not None and mentor.status not in ("withdrawn", "nominated"):
            raise conflict("this person is a mentor already; change capacity or status with PATCH", "already_enrolled")
    elif isinstance(fact, MentorNominated):
        if mentor is not None and mentor.status != "withdrawn":
            raise conflict("this person is a mentor or nominated already", "already_enrolled")
    elif mentor is None:
        raise not_found("this person is no mentor; enrol them first", "not_a_mentor")
    elif isinstance(fact, (MentorChanged, MentorTrained)) and mentor.status == "withdrawn":
        raise conflict("this person has withdrawn as a mentor; enrol them again", "withdrawn")
