"""What people decide about mentors and pairs over HTTP: enrol, change, withdraw, override. Each is one command, one commit.

The web process holds no pool: it reads the few streams it changes, moves the pool's version with the mentors it touched,
and the owner of the pool catches up from that.
"""

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import Annotated, Any, ClassVar

from pydantic import BaseModel, Field, StringConstraints

from services.matching import domain, engine, rules, store
from services.matching.decisions import reasons_of
from services.matching.domain import MENTOR_FOLDS, Decision, Hire, Mentor
from services.matching.memory import candidate
from services.matching.person import FIELDS, Seeker, person_from
from services.matching.policy import Policy
from services.matching.pool import Pool
from shared import directory
from shared.changes import Changes
from shared.directory import Directory
from shared.events import Event
from shared.events.hr import EmployeeId
from shared.events.mentoring import MentorChanged, MentorEnrolled, MentorFact
from shared.mongo import Database
from shared.problems import Refused, conflict, invalid, not_found
from shared.streams import Stream

Why = Annotated[str, StringConstraints(strip_whitespace=True, min_length=3, max_length=500)]


class Override(BaseModel):
    """Command: a coordinator's own decision about a hire's mentor, with a reason."""

    TYPE: ClassVar[str] = "matching.override"
    TOPIC: ClassVar[str] = "none"
    subject: EmployeeId
    mentor_id: EmployeeId
    reason: Why
    decided_by: str
    exclude_previous: bool = Field(False, description="Never pair this hire with the mentor they have now again.")


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
        before = stream.state
        _refuse_unfit(event.data, before)
        after = MENTOR_FOLDS[type(event.data)](before, event.data)
        if after != before:
            stream.put(after)
            stream.emit(event.data, now, event)

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


def _refuse_unfit(fact: MentorFact, mentor: Mentor | None) -> None:
    if isinstance(fact, MentorEnrolled):
        if mentor is not None and mentor.status != "withdrawn":
            raise conflict("this person is a mentor already; change capacity or status with PATCH", "already_enrolled")
    elif mentor is None:
        raise not_found("this person is no mentor; enrol them first", "not_a_mentor")
    elif isinstance(fact, MentorChanged) and mentor.status == "withdrawn":
        raise conflict("this person has withdrawn as a mentor; enrol them again", "withdrawn")


class OverrideWork:
    """A coordinator's decision: checked against the rules that can't be set aside, explained, committed."""

    def __init__(self, db: Database, policy: Policy) -> None:
        self._db = db
        self._policy = policy
        self.hires = store.hires()
        self.mentors = store.mentors()
        self._people = Directory(FIELDS)
        self._managers: list[str] = []
        self._reports: set[str] = set()

    async def load(self, events: Sequence[Event[Any]]) -> None:
        """Hire, both mentors, their profiles, and the hire's reporting line."""
        (event,) = events
        command: Override = event.data
        self._seen = await store.pool_version(self._db)
        await self.hires.load(self._db, [command.subject])
        hire = self.hires[command.subject].state
        await self.mentors.load(self._db, {command.mentor_id, *((hire.mentor_id,) if hire and hire.mentor_id else ())})
        self._loads = {stream.id: stream.state.load for stream in self.mentors if stream.state is not None}
        await self._people.load(self._db, [command.subject, command.mentor_id])
        self._managers = await directory.chain(self._db, command.subject)
        self._reports = await directory.below(self._db, command.subject)

    def decide(self, event: Event[Any], now: datetime) -> None:
        """Assign as commanded. Raises `Refused` (404, 409) with the rule that stands against it."""
        command: Override = event.data
        stream = self.hires[command.subject]
        hire, mentor = self._hire_of(stream), self.mentors[command.mentor_id]
        if mentor.state is None:
            raise not_found(f"{command.mentor_id} is no mentor; enrol them first", "not_a_mentor")
        if hire.mentor_id == command.mentor_id:
            raise conflict("the hire has this mentor already", "already_assigned")
        decision = self._decision(command, hire, mentor.state, now)
        if command.exclude_previous and hire.mentor_id:
            hire = hire.model_copy(update={"excluded": sorted({*hire.excluded, hire.mentor_id})})
        if hire.mentor_id is not None:
            previous = self.mentors[hire.mentor_id]
            if previous.state is not None:
                previous.put(previous.state.without_mentee(command.subject))
        mentor.put(mentor.state.with_mentee(command.subject))
        after, fact = domain.assign(command.subject, hire, decision)
        stream.put(after)
        stream.emit(fact, now, event)

    def _hire_of(self, stream: Stream[Hire]) -> Hire:
        if stream.state is None or not stream.state.hired:
            raise not_found(f"{stream.id} is no new hire; only hires get a mentor", "not_a_hire")
        if stream.state.over is not None:
            raise conflict("this hire needs no mentor any more", stream.state.over)
        return stream.state

    def _decision(self, command: Override, hire: Hire, mentor: Mentor, now: datetime) -> Decision:
        person = person_from(command.subject, self._people.get(command.subject) or {})
        seeker = Seeker(
            person=person,
            day=max(person.start or now.date(), now.date()),
            managers=tuple(self._managers),
            reports=frozenset(self._reports),
            excluded=frozenset(hire.excluded),
        )
        known = self._people.get(command.mentor_id)
        seen = candidate(person_from(command.mentor_id, known or {}), mentor, known)
        pool = Pool([seen])
        failing = [name for name, fails in zip(rules.NAMES, rules.masks(pool, self._policy, seeker)[:, 0], strict=True) if fails]
        standing = [name for name in failing if name not in rules.OVERRIDABLE]
        if standing:
            raise _rule_stands(standing[0])
        (parts,) = engine.parts_of(pool, self._policy, seeker, [(0, 0)])
        return Decision(
            mentor_id=command.mentor_id,
            score=engine.total(parts),
            reasons=reasons_of(parts, seeker, seen, self._policy),
            policy_version=self._policy.version,
            decided_by=command.decided_by,
            decided_at=now,
            reason=command.reason,
            rules_set_aside=failing,
        )

    def conclude(self, now: datetime) -> None:
        """Nothing is decided for several at once."""

    def changes(self) -> Changes:
        """The hire, both mentors with their places, and the pool's next version."""
        changes = Changes()
        self.hires.add_to(changes)
        touched = [stream for stream in self.mentors if stream.changed]
        for stream in touched:
            store.write_mentor(changes, stream, self._loads[stream.id])
        store.move_pool(changes, self._seen, "web", [stream.id for stream in touched])
        return changes


_STANDS: Mapping[str, Callable[[], Refused]] = {
    "self": lambda: invalid("nobody is their own mentor", "self", "mentor_id"),
    "capacity": lambda: conflict("the mentor has no free place; raise the capacity first", "capacity"),
    "not_active": lambda: conflict("the mentor has paused, withdrawn or left; end the pause first", "not_active"),
    "profile_unknown": lambda: conflict(
        "the HR system has not told who this mentor is, so their reporting line is not known", "profile_unknown"
    ),
    "excluded_pair": lambda: conflict("these two must not be paired again", "excluded_pair"),
    "own_manager": lambda: conflict("the mentor is the hire's own manager", "own_manager"),
    "reporting_chain": lambda: conflict("the mentor is in the hire's reporting line", "reporting_chain"),
}


def _rule_stands(rule: str) -> Refused:
    return _STANDS[rule]()
