"""Keeping and deciding what a re-optimisation proposes: each step is held against the present before it is taken."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, ClassVar

from pydantic import BaseModel

from services.matching import lifecycle, store
from services.matching.choices import chosen, standing_rules
from services.matching.domain import Hire, Mentor
from services.matching.memory import candidate
from services.matching.person import FIELDS, Seeker, person_from
from services.matching.policy import Policy
from services.matching.pool import Pool
from services.matching.reoptimisation import moves
from services.matching.reoptimisation.moves import Reoptimisation, Step, StepState
from services.matching.seeking import seeker_of
from shared.changes import Changes
from shared.directory import Directory, chains
from shared.events import Event
from shared.mongo import Database
from shared.refusals import conflict, invalid, not_found


class Keep(BaseModel):
    """Command: keep this proposal; what was open of earlier ones is superseded."""

    TYPE: ClassVar[str] = "matching.keep_reoptimisation"
    TOPIC: ClassVar[str] = "none"
    subject: str
    found: Reoptimisation


class Settle(BaseModel):
    """Command: take or dismiss steps of a proposal, all open ones where `steps` is None."""

    TYPE: ClassVar[str] = "matching.settle_reoptimisation"
    TOPIC: ClassVar[str] = "none"
    subject: str
    by: str
    take: bool
    steps: list[str] | None = None


class KeepWork:
    """Keeps a proposal. Of two made at once the later commit supersedes the other."""

    def __init__(self, db: Database) -> None:
        self._db = db
        self.kept = store.reoptimisations()

    async def load(self, events: Sequence[Event[Any]]) -> None:
        """The new one's place, and what is open."""
        ids = [event.subject for event in events]
        await self.kept.load(self._db, [*ids, *await store.open_reoptimisations(self._db)])

    def decide(self, event: Event[Any], now: datetime) -> None:
        """Supersede what is open, then keep the new one."""
        for stream in self.kept:
            if stream.state is not None and stream.state.open:
                stream.put(stream.state.all_open("superseded", event.data.found.made_by, now))
        self.kept[event.subject].put(event.data.found)

    def conclude(self, now: datetime) -> None:
        """Nothing is decided for several at once."""

    def changes(self) -> Changes:
        """The proposals."""
        changes = Changes()
        self.kept.add_to(changes)
        return changes


class SettleWork:
    """Takes or dismisses steps. What no longer holds is refused by name: noted as stale beside others that are taken, and as
    the answer where nothing could be."""

    def __init__(self, db: Database, policy: Policy) -> None:
        self._db = db
        self._policy = policy
        self.kept = store.reoptimisations()
        self.hires = store.hires()
        self.mentors = store.mentors()
        self._people = Directory(FIELDS)
        self._chains: Mapping[str, list[str]] = {}
        self._loads: dict[str, int] = {}

    async def load(self, events: Sequence[Event[Any]]) -> None:
        """The proposal, everybody in the steps, and their reporting lines: seven queries."""
        (event,) = events
        self._seen = await store.pool_version(self._db)
        await self.kept.load(self._db, [event.subject])
        proposal = self.kept[event.subject].state
        if proposal is None or not event.data.take:
            return
        all_moves = [move for step in _wanted(proposal, event.data.steps) for move in step.moves]
        hire_ids = {move.hire_id for move in all_moves}
        mentor_ids = {id for move in all_moves for id in (move.from_mentor, move.to_mentor) if id is not None}
        await self.hires.load(self._db, hire_ids)
        await self.mentors.load(self._db, mentor_ids)
        self._loads = {stream.id: stream.state.load for stream in self.mentors if stream.state is not None}
        await self._people.load(self._db, hire_ids | mentor_ids)
        self._chains = await chains(self._db, hire_ids | mentor_ids)
        # Once more, last: whoever was overtaken meanwhile hears that nothing is open, and not that a pair has changed.
        self.kept = store.reoptimisations()
        await self.kept.load(self._db, [event.subject])

    def decide(self, event: Event[Any], now: datetime) -> None:
        """Raises `Refused`: 404 for no such proposal or step, 409 with the first step's fault when none can be taken."""
        command: Settle = event.data
        stream = self.kept[event.subject]
        if stream.state is None:
            raise not_found("there is no such proposal", "no_reoptimisation")
        steps = _wanted(stream.state, command.steps)
        if not steps:
            raise conflict("nothing in it is open any more; ask for a new proposal", "nothing_open")
        settled = {step.id: self._settle(step, stream.state, command, event, now) for step in steps}
        if command.take and all(step.state == "stale" for step in settled.values()):
            fault = settled[steps[0].id].refused or ""
            raise conflict(f"{moves.WHY_NOT.get(fault, f'a rule forbids it now: {fault}')}; ask for a new proposal", fault)
        stream.put(stream.state.with_steps(settled))

    def _settle(self, step: Step, proposal: Reoptimisation, command: Settle, event: Event[Any], now: datetime) -> Step:
        if not command.take:
            return step.settled("dismissed", command.by, now)
        fault = "policy_changed" if proposal.policy_version != self._policy.version else self._against(step, now)
        state: StepState = "stale" if fault else "accepted"
        if fault is None:
            self._take(step, event, now)
        return step.settled(state, command.by, now, fault)

    def _against(self, step: Step, now: datetime) -> str | None:
        """What speaks against a step on what is true now, earlier steps included."""
        found = (moves.against(move, self._hire(move.hire_id)) for move in step.moves)
        fault = next((fault for fault in found if fault is not None), None)
        if fault is not None:
            return fault
        mentors = self._vacated(step)
        for move in step.moves:
            there = mentors.get(move.to_mentor)
            if there is None:
                return "not_active"
            pool = self._pool({move.to_mentor: there})
            broken = standing_rules(pool, self._policy, self._seeker(move.hire_id, now), move.to_mentor)
            if broken:
                return "mentor_full" if broken == ["capacity"] else broken[0]
            mentors[move.to_mentor] = there.with_mentee(move.hire_id)
        return None

    def _take(self, step: Step, event: Event[Any], now: datetime) -> None:
        vacated = self._vacated(step)
        for move in step.moves:
            pool = self._pool({id: vacated[id] for id in (move.from_mentor, move.to_mentor) if id is not None})
            others = [move.from_mentor] if move.from_mentor is not None else []
            decision = chosen(
                pool,
                self._policy,
                self._seeker(move.hire_id, now),
                move.to_mentor,
                others,
                now,
                because="reoptimised",
                approved_by=event.data.by,
            )
            vacated[move.to_mentor] = vacated[move.to_mentor].with_mentee(move.hire_id)
            after, fact = lifecycle.assign(move.hire_id, self._hire(move.hire_id), decision)
            stream = self.hires[move.hire_id]
            stream.put(after)
            stream.emit(fact, now, event)
        for id, mentor in vacated.items():
            self.mentors[id].put(mentor)

    def _vacated(self, step: Step) -> dict[str, Mentor]:
        """The mentors of a step once everybody in it has left theirs."""
        found: dict[str, Mentor] = {}
        for move in step.moves:
            for id in (move.to_mentor, move.from_mentor):
                state = self.mentors[id].state if id is not None else None
                if id is not None and state is not None:
                    found.setdefault(id, state)
        for move in step.moves:
            if move.from_mentor in found:
                found[move.from_mentor] = found[move.from_mentor].without(move.hire_id)
        return found

    def _pool(self, mentors: Mapping[str, Mentor]) -> Pool:
        known = {id: self._people.get(id) for id in mentors}
        return Pool(candidate(person_from(id, known[id] or {}), state, known[id]) for id, state in mentors.items())

    def _seeker(self, id: str, now: datetime) -> Seeker:
        # Of those below the hire only the mentors of these steps matter.
        reports = [mentor.id for mentor in self.mentors if id in self._chains.get(mentor.id, ())]
        managers = self._chains.get(id, ())
        return seeker_of(id, self._hire(id), self._people.get(id), now.date(), managers=managers, reports=reports)

    def _hire(self, id: str) -> Hire:
        return self.hires[id].state or Hire()

    def conclude(self, now: datetime) -> None:
        """Nothing is decided for several at once."""

    def changes(self) -> Changes:
        """The proposal, the hires and mentors of the steps taken, and the pool's next version."""
        changes = Changes()
        self.kept.add_to(changes)
        self.hires.add_to(changes)
        touched = [stream for stream in self.mentors if stream.changed]
        for stream in touched:
            store.write_mentor(changes, stream, self._loads[stream.id])
        if touched:
            store.move_pool(changes, self._seen, "web", [stream.id for stream in touched])
        return changes


def _wanted(proposal: Reoptimisation, ids: Sequence[str] | None) -> list[Step]:
    """The open steps among these ids, or all. Raises `Refused` 422 for an id the proposal does not have."""
    unknown = set(ids or ()) - {step.id for step in proposal.steps}
    if unknown:
        raise invalid("the proposal has no step %(step)s", "no_such_step", "steps", step=min(unknown))
    return [step for step in proposal.steps if step.state == "open" and (ids is None or step.id in ids)]
