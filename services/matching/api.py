"""Matching over HTTP, version 1: assignments with their reasons, mentors, the waitlist, overrides."""

from collections.abc import Sequence
from datetime import date
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Response
from pydantic import BaseModel, ConfigDict, Field

from services.matching.desk import MentorWork, Override, OverrideWork, Why
from services.matching.policy import Policy
from services.matching.reading import Books, Shown
from services.matching.store import API_PATH, SERVICE
from services.matching.views import AssignmentView, MentorView, WaitingView
from shared.access import CurrentViewer, Viewer, check
from shared.clock import Clock
from shared.events import Event
from shared.events.hr import EmployeeId
from shared.events.mentoring import Capacity, MentorChanged, MentorEnrolled, MentorFact, MentorWithdrawn, Trait
from shared.mongo import Database
from shared.processing import Processor
from shared.web import PAGE_DEFAULT, Cursor, IdempotencyKey, Limit, Page, scoped_key


class Enrolment(BaseModel):
    """Somebody volunteers as a mentor. `traits` is the nomination's checklist, `endorsed_by` who vouches for it."""

    model_config = ConfigDict(extra="forbid")
    employee_id: EmployeeId
    capacity: Capacity = 2
    trained: bool = True
    traits: list[Trait] = []
    endorsed_by: EmployeeId | None = None


class MentorPatch(BaseModel):
    """What changes about a mentor; what is not sent stays. `available_from` null ends a leave today."""

    model_config = ConfigDict(extra="forbid")
    capacity: Capacity | None = None
    trained: bool | None = None
    status: Literal["active", "paused", "withdrawn"] | None = None
    available_from: date | None = None


class OverrideRequest(BaseModel):
    """A coordinator's own choice of mentor."""

    model_config = ConfigDict(extra="forbid")
    mentor_id: EmployeeId
    reason: Why
    exclude_previous: Annotated[bool, Field(description="Never pair this hire with the mentor they have now again.")] = False


class Desk:
    """Carries people's decisions out."""

    def __init__(self, db: Database, policy: Policy, clock: Clock) -> None:
        self._clock = clock
        self._mentors = Processor(service=SERVICE, consumer="matching.web", db=db, work=lambda: MentorWork(db), clock=clock)
        self._overrides = Processor(
            service=SERVICE, consumer="matching.web", db=db, work=lambda: OverrideWork(db, policy), clock=clock
        )

    async def tell(self, facts: Sequence[MentorFact], key: str | None = None) -> bool:
        """Facts about mentors. Says whether they were carried out now (False: before, under the same key). Raises `Refused`."""
        return await self._mentors.execute([self._command(fact, fact.TYPE) for fact in facts], key=key) is not None

    async def change(self, mentor_id: str, patch: MentorPatch) -> None:
        """What a patch says, as facts. Raises `Refused`."""
        change = patch.model_dump(exclude_none=True)
        if "available_from" in patch.model_fields_set and patch.available_from is None:
            change["available_from"] = self._clock().date()
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

    async def override(self, viewer: Viewer, employee_id: str, request: OverrideRequest, key: str | None = None) -> None:
        """A coordinator's choice. Raises `Refused` 404, 409, 422 with the rule that stands against it."""
        command = Override(
            subject=employee_id,
            mentor_id=request.mentor_id,
            reason=request.reason,
            decided_by=viewer.employee_id or "operator",
            exclude_previous=request.exclude_previous,
        )
        await self._overrides.execute([self._command(command, command.TYPE)], key=key)

    def _command(self, data: Any, type: str) -> Event[Any]:
        return Event(
            id="command", source=f"/firstmate/{SERVICE}/web", type=type, subject=data.subject, time=self._clock(), data=data
        )


def api(db: Database, policy: Policy, clock: Clock) -> APIRouter:
    """The routes over a connected database."""
    router = APIRouter(prefix=API_PATH, tags=["matching"])
    books, desk = Books(db), Desk(db, policy, clock)

    @router.get("/assignments/{employee_id}", summary="A hire's mentor and why, or why none is possible yet")
    async def assignment(employee_id: str, viewer: CurrentViewer) -> AssignmentView:
        return await books.assignment(viewer, employee_id)

    @router.post("/assignments/{employee_id}/override", summary="A coordinator's own choice of mentor, with a reason")
    async def override(
        employee_id: EmployeeId, request: OverrideRequest, viewer: CurrentViewer, key: IdempotencyKey = None
    ) -> AssignmentView:
        """Training, tenure, leave and language may be set aside; capacity, pauses, reporting line and exclusions not."""
        check(viewer, "override_assignment", subject=employee_id)
        await desk.override(viewer, employee_id, request, scoped_key(key, "override", employee_id, _caller(viewer)))
        return await books.assignment(viewer, employee_id)

    @router.get("/mentors", summary="Mentors by id, a page at a time")
    async def mentors(
        viewer: CurrentViewer, status: Shown | None = None, cursor: Cursor = None, limit: Limit = PAGE_DEFAULT
    ) -> Page[MentorView]:
        check(viewer, "manage_mentors")
        return await books.mentors(status, cursor, limit)

    @router.post(
        "/mentors",
        status_code=201,
        summary="Enrol a mentor",
        responses={200: {"model": MentorView, "description": "Enrolled before, under the same idempotency key"}},
    )
    async def enrol(request: Enrolment, viewer: CurrentViewer, response: Response, key: IdempotencyKey = None) -> MentorView:
        """Somebody whom the HR system has not told of yet may be enrolled; they get mentees once it has."""
        check(viewer, "manage_mentors")
        fact = MentorEnrolled(mentor_id=request.employee_id, **request.model_dump(exclude={"employee_id"}))
        if not await desk.tell([fact], scoped_key(key, "enrol", request.employee_id, _caller(viewer))):
            response.status_code = 200
        return await books.mentor(request.employee_id)

    @router.get("/mentors/{mentor_id}", summary="A mentor with places and load")
    async def mentor(mentor_id: str, viewer: CurrentViewer) -> MentorView:
        check(viewer, "manage_mentors", subject=mentor_id)
        return await books.mentor(mentor_id)

    @router.patch("/mentors/{mentor_id}", summary="Pause, resume, withdraw, change places")
    async def change(mentor_id: EmployeeId, patch: MentorPatch, viewer: CurrentViewer) -> MentorView:
        """Mentees of somebody who pauses or withdraws are matched again at once; a smaller capacity moves nobody."""
        check(viewer, "manage_mentors", subject=mentor_id)
        await desk.change(mentor_id, patch)
        return await books.mentor(mentor_id)

    @router.get("/waitlist", summary="Hires without a mentor, longest-waiting first, and why")
    async def waitlist(viewer: CurrentViewer, cursor: Cursor = None, limit: Limit = PAGE_DEFAULT) -> Page[WaitingView]:
        check(viewer, "see_waitlist")
        return await books.waitlist(cursor, limit)

    return router


def _caller(viewer: Viewer) -> str:
    return viewer.employee_id or "operator"
