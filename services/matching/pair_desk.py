"""What people decide about a pair over HTTP: choose, ask for a change, exclude, pin, approve. Each is one command, one commit.

Whoever needs another mentor is only marked here: the owner of the pool, which alone sees everybody, finds one within seconds.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime
from typing import Annotated, Any, ClassVar, Literal

from pydantic import BaseModel, StringConstraints

from services.matching import lifecycle, rules, store
from services.matching.choices import chosen, standing_rules
from services.matching.domain import Decision, Hire, Mentor, Objection, Pin, Proposal
from services.matching.memory import candidate
from services.matching.person import FIELDS, Seeker, person_from
from services.matching.policy import Policy
from services.matching.pool import Pool
from services.matching.seeking import seeker_of
from shared import directory
from shared.changes import Changes
from shared.directory import Directory
from shared.events import Event
from shared.events.hr import EmployeeId
from shared.mongo import Database
from shared.refusals import Refused, conflict, invalid, not_found
from shared.streams import Stream

Why = Annotated[str, StringConstraints(strip_whitespace=True, min_length=3, max_length=500)]
Side = Literal["hire", "mentor", "coordinator"]


class PairCommand(BaseModel):
    """Something decided about the pair of the hire `subject`; `by` is the employee id of who decides, or `operator`."""

    TYPE: ClassVar[str]
    TOPIC: ClassVar[str] = "none"
    subject: EmployeeId
    by: str


class Override(PairCommand):
    """A coordinator's own choice of mentor, with a reason; `exclude_previous`: never again the one they have now."""

    TYPE: ClassVar[str] = "matching.override"
    mentor_id: EmployeeId
    reason: Why
    exclude_previous: bool = False


class RequestChange(PairCommand):
    """One of the two, or somebody for them, asks for another pair. `expected` is the mentor they had when they asked."""

    TYPE: ClassVar[str] = "matching.request_change"
    expected: EmployeeId
    side: Side
    reason: Why | None = None


class Exclude(PairCommand):
    """These two must not be paired (any more)."""

    TYPE: ClassVar[str] = "matching.exclude"
    mentor_id: EmployeeId
    reason: Why | None = None


class Allow(PairCommand):
    """These two may be paired again."""

    TYPE: ClassVar[str] = "matching.allow"
    mentor_id: EmployeeId


class PinPair(PairCommand):
    """The present pair stays as it is."""

    TYPE: ClassVar[str] = "matching.pin"
    reason: Why | None = None


class UnpinPair(PairCommand):
    """The present pair may move again."""

    TYPE: ClassVar[str] = "matching.unpin"


class Approve(PairCommand):
    """The proposal stands, or the runner-up `mentor_id` instead."""

    TYPE: ClassVar[str] = "matching.approve"
    mentor_id: EmployeeId | None = None


class Reject(PairCommand):
    """Not these two; the hire is matched again without this mentor."""

    TYPE: ClassVar[str] = "matching.reject"
    reason: Why


class PairWork:
    """One command about one hire's pair: checked against the rules that can't be set aside, explained, committed."""

    def __init__(self, db: Database, policy: Policy) -> None:
        self._db = db
        self._policy = policy
        self.hires = store.hires()
        self.mentors = store.mentors()
        self._people = Directory(FIELDS)
        self._rated = (0, 0)
        self._managers: list[str] = []
        self._reports: set[str] = set()
        self._stirred: set[str] = set()

    async def load(self, events: Sequence[Event[Any]]) -> None:
        """Hire, every mentor concerned, their profiles, and the hire's reporting line: seven queries."""
        (event,) = events
        hire_id, named = event.subject, getattr(event.data, "mentor_id", None)
        self._seen = await store.pool_version(self._db)
        await self.hires.load(self._db, [hire_id])
        mentors = {*_considered(self.hires[hire_id].state or Hire()), *([named] if named else ())}
        await self.mentors.load(self._db, mentors)
        self._loads = {stream.id: stream.state.load for stream in self.mentors if stream.state is not None}
        await self._people.load(self._db, [hire_id, *mentors])
        self._rated = await store.rated(self._db)
        self._managers = await directory.chain(self._db, hire_id)
        self._reports = await directory.below(self._db, hire_id)

    def decide(self, event: Event[Any], now: datetime) -> None:
        """Carry the command out. Raises `Refused` (404, 409, 422) with what stands against it."""
        _DECISIONS[type(event.data)](self, event, now)

    def override(self, event: Event[Override], now: datetime) -> None:
        """Assign as commanded, in place of whoever it was or would have been."""
        command, stream = event.data, self.hires[event.subject]
        hire = _needing(stream)
        mentor = self.mentors[command.mentor_id].state
        if mentor is None or mentor.stranger:
            raise not_found("%(id)s is no mentor; enrol them first", "not_a_mentor", id=command.mentor_id)
        if hire.mentor_id == command.mentor_id:
            raise conflict("the hire has this mentor already", "already_assigned")
        self._choose(event, hire, command.mentor_id, now, reason=command.reason, exclude=command.exclude_previous)

    def request_change(self, event: Event[RequestChange], now: datetime) -> None:
        """Note who asked, and never pair the two again. Asked twice, it is one request."""
        command, stream = event.data, self.hires[event.subject]
        hire = _needing(stream)
        if hire.mentor_id is None or hire.mentor_id != command.expected:
            raise conflict("this pair has ended already", "pair_ended")
        if not hire.unsettled:
            stream.put(_object(hire, hire.mentor_id, "change_requested", command, now, command.side, command.reason))

    def exclude(self, event: Event[Exclude], now: datetime) -> None:
        """Keep two people apart, before they are paired or after."""
        command, stream = event.data, self.hires[event.subject]
        if command.mentor_id == event.subject:
            raise invalid("nobody is their own mentor anyway", "self", "mentor_id")
        for id in (event.subject, command.mentor_id):
            if self._people.get(id) is None:
                raise not_found("the HR system has told of nobody with the id %(id)s; check it", "unknown_person", id=id)
        hire = stream.state or Hire()
        if command.mentor_id not in hire.excluded:
            stream.put(_object(hire, command.mentor_id, "excluded", command, now, "coordinator", command.reason))

    def allow(self, event: Event[Allow], _: datetime) -> None:
        """Undo an exclusion; the objections stay on record. What was never excluded changes nothing."""
        stream, mentor_id = self.hires[event.subject], event.data.mentor_id
        if stream.state is not None and mentor_id in stream.state.excluded:
            kept = [id for id in stream.state.excluded if id != mentor_id]
            stream.put(stream.state.model_copy(update={"excluded": kept}))
            self._stirred.add(mentor_id)

    def pin(self, event: Event[PinPair], now: datetime) -> None:
        """Mark the present decision as one that stays; it ends with the pair."""
        self._set_pin(event.subject, Pin(by=event.data.by, at=now, reason=event.data.reason))

    def unpin(self, event: Event[UnpinPair], _: datetime) -> None:
        """Take the mark away."""
        self._set_pin(event.subject, None)

    def _set_pin(self, id: str, pin: Pin | None) -> None:
        stream = self.hires[id]
        hire = stream.state
        if hire is None or hire.decision is None or hire.mentor_id is None:
            raise conflict("this person has no mentor now; only a pair can be pinned", "no_mentor")
        if (hire.decision.pin is None) is not (pin is None):
            stream.put(hire.model_copy(update={"decision": hire.decision.model_copy(update={"pin": pin})}))

    def approve(self, event: Event[Approve], now: datetime) -> None:
        """Let the proposal stand if it still can, or take one of its runners-up."""
        hire, proposal = self._proposal(event.subject)
        wanted = event.data.mentor_id or proposal.decision.mentor_id
        if wanted != proposal.decision.mentor_id:
            if wanted not in {runner.mentor_id for runner in proposal.decision.runners_up}:
                raise invalid("this mentor is no runner-up of the proposal; use the override", "not_a_runner_up", "mentor_id")
            self._choose(event, hire, wanted, now)
            return
        if hire.unsettled:
            raise conflict("somebody has objected to this proposal; another one follows within seconds", "excluded_pair")
        seeker = self._seeker(hire, event.subject, now)
        broken = standing_rules(self._pool([wanted], event.subject), self._policy, seeker, wanted)
        _refuse([rule for rule in broken if rule in rules.LASTING])
        mentor = self.mentors[wanted]
        mentor.put((mentor.state or Mentor()).with_mentee(event.subject))
        self._assign(event, lifecycle.approved(proposal, event.data.by, now), hire, now)

    def reject(self, event: Event[Reject], now: datetime) -> None:
        """Turn the proposal down for good. The place is freed when the owner of the pool decides anew."""
        hire, proposal = self._proposal(event.subject)
        if not hire.unsettled:
            mentor_id, why = proposal.decision.mentor_id, event.data.reason
            self.hires[event.subject].put(_object(hire, mentor_id, "rejected", event.data, now, "coordinator", why))

    def _proposal(self, id: str) -> tuple[Hire, Proposal]:
        hire = _needing(self.hires[id])
        if hire.proposal is None:
            raise conflict("nothing is proposed for this hire (any more)", "no_proposal")
        return hire, hire.proposal

    def _choose(
        self, event: Event[Any], hire: Hire, mentor_id: str, now: datetime, reason: str | None = None, exclude: bool = False
    ) -> None:
        """Give the hire this mentor by a person's word, if no rule that can't be set aside stands against it."""
        seeker, considered = self._seeker(hire, event.subject, now), _considered(hire)
        pool = self._pool({mentor_id, *considered}, event.subject)
        failing = standing_rules(pool, self._policy, seeker, mentor_id)
        _refuse([rule for rule in failing if rule not in rules.OVERRIDABLE])
        decision = chosen(
            pool,
            self._policy,
            seeker,
            mentor_id,
            considered,
            now,
            decided_by=event.data.by,
            reason=reason,
            rules_set_aside=failing,
        )
        if hire.place_with is not None:
            previous = self.mentors[hire.place_with]
            if previous.state is not None:
                previous.put(previous.state.without(event.subject))
        mentor = self.mentors[mentor_id]
        mentor.put((mentor.state or Mentor()).with_mentee(event.subject))
        if exclude and hire.mentor_id is not None:
            hire = _object(hire, hire.mentor_id, "excluded", event.data, now, "coordinator", reason)
        self._assign(event, decision, hire, now)

    def _assign(self, event: Event[Any], decision: Decision, hire: Hire, now: datetime) -> None:
        after, fact = lifecycle.assign(event.subject, hire, decision)
        stream = self.hires[event.subject]
        stream.put(after)
        stream.emit(fact, now, event)

    def _seeker(self, hire: Hire, id: str, now: datetime) -> Seeker:
        known = self._people.get(id)
        return seeker_of(id, hire, known, now.date(), managers=self._managers, reports=self._reports)

    def _pool(self, mentor_ids: Iterable[str], hire_id: str) -> Pool:
        """These mentors as far as they are some, with the hire's own place counted as free."""
        pool = Pool()
        for id in sorted(mentor_ids):
            state, known = self.mentors[id].state, self._people.get(id)
            if state is not None:
                pool.put(candidate(person_from(id, known or {}), state.without(hire_id), known))
        pool.rated = self._rated  # of all mentors, although few are in it
        return pool

    def conclude(self, now: datetime) -> None:
        """Nothing is decided for several at once."""

    def changes(self) -> Changes:
        """The hire, the mentors with their places, and the pool's next version where places or possibilities changed."""
        changes = Changes()
        self.hires.add_to(changes)
        touched = [stream for stream in self.mentors if stream.changed]
        for stream in touched:
            store.write_mentor(changes, stream, self._loads[stream.id])
        if touched or self._stirred:
            store.move_pool(changes, self._seen, "web", [*(stream.id for stream in touched), *self._stirred])
        return changes


def _needing(stream: Stream[Hire]) -> Hire:
    if stream.state is None or not stream.state.hired:
        raise not_found("%(id)s is no new hire; only hires get a mentor", "not_a_hire", id=stream.id)
    if stream.state.over is not None:
        raise conflict("this hire needs no mentor any more", stream.state.over)
    return stream.state


def _considered(hire: Hire) -> set[str]:
    """Whoever has the hire's place now, and the runners-up of that decision."""
    decision = hire.proposal.decision if hire.proposal is not None else hire.decision
    return {decision.mentor_id, *(runner.mentor_id for runner in decision.runners_up)} if decision is not None else set()


def _object(
    hire: Hire,
    mentor_id: str,
    kind: Literal["change_requested", "excluded", "rejected"],
    command: PairCommand,
    now: datetime,
    side: Side,
    reason: str | None,
) -> Hire:
    objection = Objection(mentor_id=mentor_id, kind=kind, side=side, by=command.by, at=now, reason=reason)
    return hire.model_copy(update={"excluded": sorted({*hire.excluded, mentor_id}), "objections": [*hire.objections, objection]})


_DECISIONS: Mapping[type[PairCommand], Callable[[PairWork, Event[Any], datetime], None]] = {
    Override: PairWork.override,
    RequestChange: PairWork.request_change,
    Exclude: PairWork.exclude,
    Allow: PairWork.allow,
    PinPair: PairWork.pin,
    UnpinPair: PairWork.unpin,
    Approve: PairWork.approve,
    Reject: PairWork.reject,
}

STANDS: Mapping[str, Callable[[], Refused]] = {
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
"""What to answer for each rule that nobody may set aside."""


def _refuse(standing: Sequence[str]) -> None:
    """Raise `Refused` with the first of the rules, if there is one."""
    if standing:
        raise STANDS[standing[0]]()
