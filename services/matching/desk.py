"""The desk: what people may ask of matching, for API and pages alike. Each is one command, one commit, once per key."""

from collections.abc import Sequence
from datetime import date
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from services.matching.mentor_desk import MentorWork, OwnWord
from services.matching.pair_desk import (
    Allow,
    Approve,
    Exclude,
    Override,
    PairCommand,
    PairWork,
    PinPair,
    Reject,
    RequestChange,
    Side,
    UnpinPair,
    Why,
)
from services.matching.policy import Policy
from services.matching.store import SERVICE
from shared.access import Viewer, relations
from shared.clock import Clock
from shared.events import Event
from shared.events.hr import EmployeeId
from shared.events.mentoring import Capacity, MentorChanged, MentorFact, MentorNominated, MentorTrained, MentorWithdrawn, Trait
from shared.languages import N_
from shared.mongo import Database
from shared.processing import Processor
from shared.refusals import invalid

LEAVE_AHEAD = N_("a leave ends on a day to come; leave the field empty for somebody who is back")


class _Request(BaseModel):
    model_config = ConfigDict(extra="forbid")


class Enrolment(_Request):
    """Somebody volunteers as a mentor. `traits` is the nomination's checklist, `endorsed_by` who vouches for it."""

    employee_id: EmployeeId
    capacity: Capacity = 2
    trained: bool = True
    traits: list[Trait] = []
    endorsed_by: EmployeeId | None = None


class Nomination(_Request):
    """Somebody is put forward as a mentor, with the checklist. A coordinator may name who vouches; otherwise who asks does."""

    employee_id: EmployeeId
    capacity: Capacity = 2
    traits: list[Trait] = []
    endorsed_by: EmployeeId | None = None


class Training(_Request):
    """The mentor training was done on this day; today where none is given."""

    trained_on: date | None = None


class MentorPatch(_Request):
    """What changes about a mentor; what is not sent stays. `available_from` null ends a leave today; `active` accepts a
    nomination too."""

    capacity: Capacity | None = None
    trained: bool | None = None
    status: Literal["active", "paused", "withdrawn"] | None = None
    available_from: date | None = None


class Availability(_Request):
    """When and for how many a mentor is there, by their own word; what is not sent stays. `available_from` null: back today."""

    capacity: Capacity | None = None
    status: Literal["active", "paused"] | None = None
    available_from: date | None = None


class OverrideRequest(_Request):
    """A coordinator's own choice of mentor."""

    mentor_id: EmployeeId
    reason: Why
    exclude_previous: Annotated[bool, Field(description="Never pair this hire with the mentor they have now again.")] = False


class ReasonGiven(_Request):
    """A reason, if one likes to give it; only coordinators read it."""

    reason: Why | None = None


class Exclusion(_Request):
    """Somebody who must not be this hire's mentor."""

    mentor_id: EmployeeId
    reason: Why | None = None


class Approval(_Request):
    """What is approved: the proposed mentor, or a runner-up instead."""

    mentor_id: EmployeeId | None = None


class Rejection(_Request):
    """Why not these two."""

    reason: Why


class Desk:
    """Carries people's decisions out. Every method raises `Refused` (404, 409, 422) with what stands against it."""

    def __init__(self, db: Database, policy: Policy, clock: Clock) -> None:
        self._clock = clock
        self._mentors = Processor(service=SERVICE, consumer="matching.web", db=db, work=lambda: MentorWork(db), clock=clock)
        self._pairs = Processor(service=SERVICE, consumer="matching.web", db=db, work=lambda: PairWork(db, policy), clock=clock)

    async def tell(self, facts: Sequence[MentorFact], key: str | None = None) -> bool:
        """Facts about mentors. Says whether they were carried out now (False: before, under the same key)."""
        return await self._mentors.execute([self._command(fact) for fact in facts], key=key) is not None

    async def nominate(self, viewer: Viewer, request: Nomination, key: str | None = None) -> bool:
        """Put somebody forward: shown among the mentors as `nominated`, gets nobody until trained or accepted."""
        endorser = request.endorsed_by if viewer.sees_all and request.endorsed_by else viewer.employee_id
        return await self.tell(
            [
                MentorNominated(
                    mentor_id=request.employee_id,
                    capacity=request.capacity,
                    traits=request.traits,
                    endorsed_by=endorser if endorser != request.employee_id else None,  # nobody vouches for themselves
                )
            ],
            key,
        )

    async def train(self, mentor_id: str, request: Training, key: str | None = None) -> None:
        """The training is done: the mentor can be matched, and a nomination is accepted."""
        today = self._clock().date()
        day = request.trained_on or today
        if day > today:
            raise invalid("a training that is done was done today or before", "in_the_future", "trained_on")
        await self.tell([MentorTrained(mentor_id=mentor_id, trained_on=day)], key)

    async def change(self, mentor_id: str, patch: MentorPatch) -> None:
        """What a patch says, as facts."""
        change = self._changed(patch)
        facts: list[MentorFact] = []
        withdrawn = change.get("status") == "withdrawn"
        if withdrawn:
            change.pop("status")
        if change:
            facts.append(MentorChanged(mentor_id=mentor_id, **change))
        if withdrawn:
            facts.append(MentorWithdrawn(mentor_id=mentor_id))
        if facts:
            await self.tell(facts)

    async def be_available(self, mentor_id: str, said: Availability) -> None:
        """A mentor's own word about their places, a leave or a pause; a nomination they can't accept themselves."""
        if said.available_from is not None and said.available_from <= self._clock().date():
            raise invalid(LEAVE_AHEAD, "in_the_past", "available_from")
        if change := self._changed(said):
            word = OwnWord(mentor_id=mentor_id, change=MentorChanged(mentor_id=mentor_id, **change))
            await self._mentors.execute([self._command(word)])

    def _changed(self, said: MentorPatch | Availability) -> dict[str, Any]:
        back = "available_from" in said.model_fields_set and said.available_from is None
        return said.model_dump(exclude_none=True) | ({"available_from": self._clock().date()} if back else {})

    async def override(self, viewer: Viewer, employee_id: str, request: OverrideRequest, key: str | None = None) -> None:
        """A coordinator's choice, at once, also in place of a proposal."""
        await self.decide(Override(subject=employee_id, by=viewer.by, **request.model_dump()), key)

    async def request_change(
        self, viewer: Viewer, employee_id: str, mentor_id: str | None, request: ReasonGiven, key: str | None = None
    ) -> None:
        """Another mentor for this hire, instead of the present `mentor_id`: within seconds, and never the same pair again."""
        found = relations(viewer, employee_id, mentor_id=mentor_id)
        side: Side = "hire" if "self" in found else "mentor" if "mentor" in found else "coordinator"
        expected = mentor_id or employee_id  # nobody has themselves: answered as a pair that has ended
        await self.decide(
            RequestChange(subject=employee_id, by=viewer.by, expected=expected, side=side, reason=request.reason), key
        )

    async def exclude(self, viewer: Viewer, employee_id: str, request: Exclusion, key: str | None = None) -> None:
        """Keep two apart, before they are paired or after; a present pair is matched again within seconds."""
        await self.decide(Exclude(subject=employee_id, by=viewer.by, **request.model_dump()), key)

    async def allow(self, viewer: Viewer, employee_id: str, mentor_id: str) -> None:
        """Undo an exclusion."""
        await self.decide(Allow(subject=employee_id, by=viewer.by, mentor_id=mentor_id))

    async def pin(self, viewer: Viewer, employee_id: str, request: ReasonGiven, key: str | None = None) -> None:
        """Keep the present pair as it is: no proposal moves it, a leave does not end it."""
        await self.decide(PinPair(subject=employee_id, by=viewer.by, reason=request.reason), key)

    async def unpin(self, viewer: Viewer, employee_id: str) -> None:
        """Let the pair move again."""
        await self.decide(UnpinPair(subject=employee_id, by=viewer.by))

    async def approve(self, viewer: Viewer, employee_id: str, request: Approval, key: str | None = None) -> None:
        """Let a proposal stand, or one of its runners-up."""
        await self.decide(Approve(subject=employee_id, by=viewer.by, mentor_id=request.mentor_id), key)

    async def reject(self, viewer: Viewer, employee_id: str, request: Rejection, key: str | None = None) -> None:
        """Turn a proposal down; another one (or a place on the waitlist) follows within seconds."""
        await self.decide(Reject(subject=employee_id, by=viewer.by, reason=request.reason), key)

    async def decide(self, command: PairCommand, key: str | None = None) -> None:
        """A command as it stands, from whoever may give it."""
        await self._pairs.execute([self._command(command)], key=key)

    def _command(self, data: Any) -> Event[Any]:
        return Event(
            id="command", source=f"/firstmate/{SERVICE}/web", type=data.TYPE, subject=data.subject, time=self._clock(), data=data
        )
