"""Load, decide, commit: how matching takes facts from its topics and turns them into assignments.

A batch is folded event by event (`facts.HIRE_FOLDS`, `facts.MENTOR_FOLDS`, the directory, the reporting lines); then,
once, everybody concerned is looked at: who needs no mentor is released, who lost theirs or has none is matched together
with those on the waitlist whom a freed place might suit. What is decided depends on states alone, so a repeated fact
decides nothing, and a fact that came early counts when the other half arrives.

Where decisions need approval they are made as proposals: the place is reserved, a coordinator decides, or time does.
"""

import asyncio
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from datetime import date, datetime, timedelta
from typing import Any, ClassVar

import structlog
from pydantic import BaseModel

from services.matching import engine, lifecycle, rules, store
from services.matching.choices import chosen
from services.matching.decisions import decision_of, waitlisting_of
from services.matching.domain import Decision, Hire, Mentor
from services.matching.facts import HIRE_FOLDS, MENTOR_FOLDS, rating_of
from services.matching.memory import Attempt, Memory
from services.matching.person import FIELDS, Seeker
from services.matching.seeking import needed_from, ranks, seeker_of
from services.matching.store import SERVICE
from shared.changes import Changes
from shared.directory import Directory, has_left
from shared.events import Event, Fact, HrEvent
from shared.events.hr import EmployeeTerminated, HireRescinded, Profile, TerminationCancelled
from shared.events.mentoring import MentorFact, ReleaseCause
from shared.events.onboarding import JourneyCancelled, JourneyEnded, JourneyFact, SurveyAnswered
from shared.mongo import Database
from shared.streams import Stream

OWN_SOURCE = f"/firstmate/{SERVICE}"
WAITLIST_BATCH = 500  # as many waiting hires as a batch has records; the rest are tried in turn by the worker's duty
MOST_TOGETHER = 10_000  # hires solved in one go: far more than a batch has, and costs stay exact in 64 bits

FREES_PLACES = (EmployeeTerminated, HireRescinded, TerminationCancelled, JourneyEnded, JourneyCancelled, MentorFact)
"""Facts after which somebody on the waitlist may find a place."""

log = structlog.get_logger()


class LookAgain(BaseModel):
    """Command of the owner's duties: look at these hires again; with `refresh`, say anew why those wait who still do."""

    TYPE: ClassVar[str] = "matching.look_again"
    TOPIC: ClassVar[str] = "none"
    subject: str = "hires"
    hire_ids: list[str] = []
    refresh: bool = False


class MatchingWork:
    """One attempt at a batch of HR, mentor and journey facts. Needs the pool's memory, which outlives it.

    `approval` is how long a coordinator has to approve a decision; None where decisions stand at once.
    """

    def __init__(self, db: Database, memory: Memory, approval: timedelta | None = None) -> None:
        self._db = db
        self._memory = memory
        self._approval = approval
        self.hires = store.hires()
        self.people = Directory(FIELDS)
        self._concerned: dict[str, Event[Any] | None] = {}
        self._mentors: set[str] = set()
        self._explain: set[str] = set()
        self._attempt: Attempt | None = None

    async def load(self, events: Sequence[Event[Any]]) -> None:
        """Pool version, hires and people of the batch: three queries, one more where the waitlist may find a place.

        Raises `Conflict` as `Memory.claim`.
        """
        events = [event for event in events if _matters(event.data)]
        if not events:
            return
        self._attempt, others = await self._memory.begin(self._db)
        looks = [event.data for event in events if isinstance(event.data, LookAgain)]
        subjects = {event.subject for event in events if not isinstance(event.data, LookAgain)}
        waiting = {id for look in looks for id in look.hire_ids}
        self._explain = {id for look in looks if look.refresh for id in look.hire_ids}
        if others or any(self._may_free_places(event) for event in events):
            waiting |= {id for _, id in await store.longest_waiting(self._db, WAITLIST_BATCH)}
        self._memory.claim(self._attempt)  # who began meanwhile looks at the memory now
        mentees = set(self._mentees({*subjects, *self._mentors_near_moves(events)}))
        everybody = subjects | waiting | mentees
        await asyncio.gather(self.hires.load(self._db, everybody), self.people.load(self._db, everybody))
        self._concerned = dict.fromkeys([*waiting, *mentees])

    def _may_free_places(self, event: Event[Any]) -> bool:
        return isinstance(event.data, FREES_PLACES) or (isinstance(event.data, HrEvent) and event.subject in self._memory)

    def _mentees(self, mentor_ids: Iterable[str]) -> Iterable[str]:
        for id in mentor_ids:
            stream = self._memory.mentor(id)
            if stream is not None and stream.state is not None:
                yield from stream.state.held

    def _mentors_near_moves(self, events: Sequence[Event[Any]]) -> set[str]:
        """Mentors with mentees above, below or among the people whose manager changes in this batch."""
        reporting = self._memory.reporting
        moved = {
            event.subject
            for event in events
            if _tells_manager(event.data) and reporting.attempt(event.subject, event.data.manager_id)
        }
        with_mentees = {id for id in self._memory.mentor_ids() if any(True for _ in self._mentees([id]))} if moved else set()
        near = {id for id in with_mentees if id in moved or not moved.isdisjoint(reporting.managers(id))}
        for id in moved if with_mentees else ():
            near |= with_mentees.intersection(reporting.managers(id))
        reporting.drop()
        return near

    def decide(self, event: Event[Any], now: datetime) -> None:
        """Fold one fact. What follows from it is decided once for the batch, in `conclude`.

        Raises `Conflict` as `Memory.claim`.
        """
        if self._attempt is not None:
            self._memory.claim(self._attempt)
        for kind, fold in FOLDS.items():
            if isinstance(event.data, kind):
                fold(self, event, now)

    def follow_person_on_hr_fact(self, event: Event[Any], now: datetime) -> None:
        """HR's word: the directory, the reporting line, and whether a hire is expected."""
        stream = self.hires[event.subject]
        if stream.is_repeat(event):
            return
        stream.remember(event)
        if self.people.is_overtaken(event):
            return
        self.people.apply(event, now)
        known = self.people.get(event.subject)
        if known is not None and _tells_manager(event.data):
            self._memory.move_line(event.subject, known["manager_id"])  # a later word than this one may be known
        if event.subject in self._memory and known is not None:
            self._memory.learn(event.subject, known)
            self._mentors.add(event.subject)
        self._fold_hire(stream, event, now)

    def follow_journey_on_journey_fact(self, event: Event[Any], now: datetime) -> None:
        """Onboarding's word: an ended journey frees the mentor's place, a meeting makes a pair one that has met, answers rate."""
        if not _matters(event.data) or self.hires[event.subject].is_repeat(event):
            return
        self.hires[event.subject].remember(event)
        if isinstance(event.data, SurveyAnswered):
            self._rate(event.data)
        else:
            self._fold_hire(self.hires[event.subject], event, now)

    def _rate(self, fact: SurveyAnswered) -> None:
        rating, mentor_id = rating_of(fact), fact.mentor_id
        stream = self._memory.mentor(mentor_id) if mentor_id else None
        if rating is None or mentor_id is None or stream is None or stream.state is None:
            return
        self._memory.edit(mentor_id).put(stream.state.with_rating(fact.employee_id, rating))
        self._mentors.add(mentor_id)

    def _fold_hire(self, stream: Stream[Hire], event: Event[Any], now: datetime) -> None:
        fold = HIRE_FOLDS.get(type(event.data))
        if fold is not None:
            # An HR system whose clock runs ahead must not outrank what it says later.
            stream.put(fold(stream.state or Hire(), event.data, min(event.time, now)))
        self._concerned[event.subject] = event
        self._explain.add(event.subject)

    def follow_mentor_on_mentor_fact(self, event: Event[Any], now: datetime) -> None:
        """A mentor enrolled, changed or withdrew. What our own API told is in the database already and only looked at."""
        self._mentors.add(event.subject)
        for mentee in self._mentees([event.subject]):
            self._concerned[mentee] = event
        if event.source == OWN_SOURCE:
            return
        stream = self._memory.edit(event.subject)
        if stream.is_repeat(event):
            return
        stream.remember(event)
        stream.put(MENTOR_FOLDS[type(event.data)](stream.state, event.data, min(event.time, now)))
        known = self.people.get(event.subject)
        if known is not None:
            self._memory.learn(event.subject, known)

    def conclude(self, now: datetime) -> None:
        """Release, match and waitlist everybody concerned."""
        if self._attempt is None:
            return
        self._memory.claim(self._attempt)
        for id in sorted(self._mentors):
            self._memory.show(id)
        seekers: dict[str, ReleaseCause | None] = {}
        for id in sorted(self._concerned):
            hire = self.hires[id].state
            if hire is None:
                continue
            if hire.over is not None:
                self._release(id, hire, hire.over, now)
            elif hire.place_with is None:
                seekers[id] = None
            elif (cause := self._why_lost(id, hire, now)) is not None and hire.leaves_later:
                self._release(id, hire, cause, now)  # for the days until they leave nobody gets to know another mentor
            elif cause is not None:
                seekers[id] = cause
            elif hire.proposal is not None and (self._approval is None or hire.proposal.until <= now):
                self._commit_to(id, lifecycle.approved(hire.proposal, "timeout", now), None, now)
        self._match(seekers, now)

    def _why_lost(self, id: str, hire: Hire, now: datetime) -> ReleaseCause | None:
        mentor_id = hire.place_with or ""
        stream = self._memory.mentor(mentor_id)
        if stream is None or stream.state is None:
            return "mentor_withdrew"
        reporting = self._memory.reporting
        pinned = hire.decision is not None and hire.decision.pin is not None
        return lifecycle.lost_mentor(
            stream.state,
            left=has_left(self._memory.person(mentor_id) or {}, now),
            reporting_line=mentor_id in reporting.managers(id) or id in reporting.managers(mentor_id),
            excluded=mentor_id in hire.excluded,
            away=not pinned and lifecycle.is_away(stream.state, needed_from(self.people.get(id), now.date())),
        )

    def _match(self, lost: Mapping[str, ReleaseCause | None], now: datetime) -> None:
        """Match all seekers together; `lost` says why the former mentor of each can't go on."""
        for mentor_id, hire_id in [(self._hire(id).place_with, id) for id in lost]:
            if mentor_id is not None:
                self._free(mentor_id, hire_id)
        seekers = self._without_those_who_resume(self._seekers(lost, now.date()), now)
        pool, policy = self._memory.pool, self._memory.policy
        unmatched: list[Seeker] = []
        for first in range(0, len(seekers), MOST_TOGETHER):
            block = seekers[first : first + MOST_TOGETHER]
            for seeker, found in zip(block, engine.match(pool, policy, block), strict=True):
                if found is None:
                    unmatched.append(seeker)
                else:
                    decision = decision_of(found, seeker, pool[found.mentor_id], policy, now)
                    self._decide_for(seeker.person.id, decision, lost[seeker.person.id], now)
            for mentor_id in {self._hire(seeker.person.id).place_with for seeker in block} - {None}:
                self._memory.show(str(mentor_id))
        for seeker in unmatched:
            self._waitlist(seeker, lost[seeker.person.id], now)

    def _without_those_who_resume(self, seekers: Sequence[Seeker], now: datetime) -> list[Seeker]:
        """Who has been here before gets the mentor from then, where free and possible; answers the others."""
        pool, policy = self._memory.pool, self._memory.policy
        others = []
        for seeker in seekers:
            id = seeker.person.id
            former = lifecycle.former_mentor(self._hire(id))
            row = pool.row(former) if former is not None else None
            if former is None or row is None or not rules.legal(pool, policy, seeker)[row]:
                others.append(seeker)
                continue
            (best,) = engine.match(pool, policy, [seeker])
            rivals = [best.mentor_id, *(runner.mentor_id for runner in best.runners_up)] if best is not None else []
            self._decide_for(id, chosen(pool, policy, seeker, former, rivals, now, because="last_time"), None, now)
            self._memory.show(former)
        return others

    def _seekers(self, ids: Collection[str], today: date) -> list[Seeker]:
        """The seekers, longest-waiting first."""
        rank_of = ranks({id: self._hire(id) for id in ids})
        ordered = sorted(sorted(ids), key=lambda hire_id: -rank_of.get(hire_id, 0))
        reporting = self._memory.reporting
        return [
            seeker_of(
                id,
                self._hire(id),
                self.people.get(id),
                today,
                managers=reporting.managers(id),
                reports=reporting.reports(id),
                rank=rank_of.get(id, 0),
            )
            for id in ordered
        ]

    def _hire(self, id: str) -> Hire:
        return self.hires[id].state or Hire()

    def _free(self, mentor_id: str, hire_id: str) -> None:
        stream = self._memory.edit(mentor_id)
        if stream.state is not None and hire_id in stream.state.held:
            stream.put(stream.state.without(hire_id))
            self._memory.show(mentor_id)

    def _decide_for(self, id: str, decision: Decision, lost: ReleaseCause | None, now: datetime) -> None:
        if self._approval is None:
            self._commit_to(id, decision, lost, now)
            return
        mentor = self._mentor(decision.mentor_id)
        mentor.put((mentor.state or Mentor()).with_reserved(id))
        self._tell(id, *lifecycle.propose(id, self._hire(id), decision, now + self._approval, lost), now)

    def _commit_to(self, id: str, decision: Decision, lost: ReleaseCause | None, now: datetime) -> None:
        mentor = self._mentor(decision.mentor_id)
        mentor.put((mentor.state or Mentor()).with_mentee(id))
        self._tell(id, *lifecycle.assign(id, self._hire(id), decision, lost or "coordinator"), now)

    def _mentor(self, id: str) -> Stream[Mentor]:
        stream = self._memory.edit(id)
        if stream.state is None:
            raise AssertionError("the pool holds enrolled mentors only")
        return stream

    def _waitlist(self, seeker: Seeker, lost: ReleaseCause | None, now: datetime) -> None:
        id = seeker.person.id
        hire = self._hire(id)
        if hire.status == "waitlisted" and id not in self._explain:
            return  # tried with the others; what was found out about them still holds
        if lost is not None and hire.mentor_id is not None:
            hire, fact = lifecycle.release(id, hire, lost, now)
            self._tell(id, hire, fact, now)
        waiting = waitlisting_of(engine.why_not(self._memory.pool, self._memory.policy, seeker), self._memory.policy, now)
        if hire.status == "waitlisted" and hire.waiting is not None and waiting.says_the_same(hire.waiting):
            return
        self._tell(id, *lifecycle.wait(id, hire, waiting), now)

    def _release(self, id: str, hire: Hire, cause: ReleaseCause, now: datetime) -> None:
        if hire.place_with is not None:
            self._free(hire.place_with, id)
        after, fact = lifecycle.release(id, hire, cause, now)
        if after is not hire:
            self._tell(id, after, fact, now)

    def _tell(self, id: str, state: Hire, fact: Fact | None, now: datetime) -> None:
        stream = self.hires[id]
        stream.put(state)
        if fact is not None:
            stream.emit(fact, now, self._concerned.get(id))

    def changes(self) -> Changes:
        """The changed hires, people and mentors, and the pool's next version."""
        changes = Changes()
        if self._attempt is None:
            return changes
        self.hires.add_to(changes)
        self.people.add_to(changes)
        self._memory.add_to(changes)
        return changes


FOLDS: Mapping[type, Callable[[MatchingWork, Event[Any], datetime], None]] = {
    HrEvent: MatchingWork.follow_person_on_hr_fact,
    JourneyFact: MatchingWork.follow_journey_on_journey_fact,
    MentorFact: MatchingWork.follow_mentor_on_mentor_fact,
}
"""What is done with each kind of fact."""


def _matters(data: Any) -> bool:
    # Most facts of a journey (milestones, other surveys) change nothing about who needs a mentor or who is a good one.
    if isinstance(data, SurveyAnswered):
        return rating_of(data) is not None
    return not isinstance(data, JourneyFact) or type(data) in HIRE_FOLDS


def _tells_manager(data: Any) -> bool:
    return isinstance(data, Profile) and "manager_id" in data.model_fields_set
