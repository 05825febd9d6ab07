"""Matching over HTTP, version 1: assignments with their reasons, mentors, the waitlist, and what people decide about pairs."""

from typing import Annotated, Any

from fastapi import APIRouter, Header, Response
from pydantic import BaseModel

from services.matching import words
from services.matching.briefs import Brief
from services.matching.desk import (
    Approval,
    Availability,
    Desk,
    Enrolment,
    Exclusion,
    MentorPatch,
    Nomination,
    OverrideRequest,
    ReasonGiven,
    Rejection,
    Training,
)
from services.matching.policy import Policy
from services.matching.reading import Books, Shown
from services.matching.store import API_PATH
from services.matching.views import ApprovalView, AssignmentView, AvailabilityView, MentorView, WaitingView
from shared.access import CurrentViewer, check
from shared.clock import Clock
from shared.directory import chain
from shared.events.hr import EmployeeId
from shared.events.mentoring import MentorEnrolled
from shared.mongo import Database
from shared.paging import PAGE_DEFAULT, Page
from shared.web import Cursor, IdempotencyKey, Limit, scoped_key

Accepted = Annotated[
    str | None, Header(alias="Accept-Language", max_length=200, description="The language of the reasons: en, de, fr or ar.")
]
BEFORE: dict[int | str, dict[str, Any]] = {
    200: {"model": MentorView, "description": "Carried out before, under the same idempotency key"}
}


class Requested(BaseModel):
    """A request that is carried out within seconds."""

    employee_id: str
    status: str = "requested"


def api(db: Database, policy: Policy, clock: Clock) -> APIRouter:
    """The routes over a connected database."""
    router = APIRouter(prefix=API_PATH, tags=["matching"])
    books, desk = Books(db), Desk(db, policy, clock)
    router.include_router(_pairs(books, desk))
    router.include_router(_approvals(books, desk))
    router.include_router(_mentors(books, desk))
    router.include_router(_availability(books, desk))
    return router


def _pairs(books: Books, desk: Desk) -> APIRouter:
    router = APIRouter()

    @router.get("/assignments/{employee_id}", summary="A hire's mentor and why, or why none is possible yet")
    async def assignment(employee_id: str, viewer: CurrentViewer, accept_language: Accepted = None) -> AssignmentView:
        return await books.assignment(viewer, employee_id, words.preferred(accept_language))

    @router.get("/assignments/{employee_id}/brief", summary="What the mentor is told of a mentee, to begin with")
    async def brief(employee_id: str, viewer: CurrentViewer, accept_language: Accepted = None) -> Brief:
        """For the present mentor and coordinators; in the language of the page or the request."""
        return await books.brief(viewer, employee_id, words.preferred(accept_language))

    @router.post("/assignments/{employee_id}/override", summary="A coordinator's own choice of mentor, with a reason")
    async def override(
        employee_id: EmployeeId, request: OverrideRequest, viewer: CurrentViewer, key: IdempotencyKey = None
    ) -> AssignmentView:
        """Training, tenure, leave and language may be set aside; capacity, pauses, reporting line and exclusions not."""
        check(viewer, "override_assignment", subject=employee_id)
        await desk.override(viewer, employee_id, request, scoped_key(key, "override", employee_id, viewer.by))
        return await books.assignment(viewer, employee_id)

    @router.post("/assignments/{employee_id}/request-change", status_code=202, summary="Ask for another mentor or mentee")
    async def request_change(
        employee_id: EmployeeId, request: ReasonGiven, viewer: CurrentViewer, key: IdempotencyKey = None
    ) -> Requested:
        """For hire and mentor alike, without blame. The two are never paired again; the other side is not told who asked."""
        hire = await books.hire(employee_id)
        mentor_id = hire.mentor_id if hire is not None else None
        check(viewer, "request_change", subject=employee_id, mentor_id=mentor_id)
        scoped = scoped_key(key, "request-change", employee_id, viewer.by)
        await desk.request_change(viewer, employee_id, mentor_id, request, scoped)
        return Requested(employee_id=employee_id)

    @router.post("/assignments/{employee_id}/exclusions", status_code=202, summary="Keep two people apart")
    async def exclude(
        employee_id: EmployeeId, request: Exclusion, viewer: CurrentViewer, key: IdempotencyKey = None
    ) -> Requested:
        """Before they are paired or after: a present pair is matched again within seconds."""
        check(viewer, "override_assignment", subject=employee_id)
        await desk.exclude(viewer, employee_id, request, scoped_key(key, "exclude", employee_id, viewer.by))
        return Requested(employee_id=employee_id)

    @router.delete("/assignments/{employee_id}/exclusions/{mentor_id}", status_code=204, summary="Undo an exclusion")
    async def allow(employee_id: EmployeeId, mentor_id: EmployeeId, viewer: CurrentViewer) -> None:
        check(viewer, "override_assignment", subject=employee_id)
        await desk.allow(viewer, employee_id, mentor_id)

    @router.put("/assignments/{employee_id}/pin", summary="Keep this pair as it is")
    async def pin(employee_id: EmployeeId, request: ReasonGiven, viewer: CurrentViewer) -> AssignmentView:
        """No re-optimisation moves a pinned pair, and a leave does not end it; only what makes it impossible does."""
        check(viewer, "override_assignment", subject=employee_id)
        await desk.pin(viewer, employee_id, request)
        return await books.assignment(viewer, employee_id)

    @router.delete("/assignments/{employee_id}/pin", summary="Let this pair move again")
    async def unpin(employee_id: EmployeeId, viewer: CurrentViewer) -> AssignmentView:
        check(viewer, "override_assignment", subject=employee_id)
        await desk.unpin(viewer, employee_id)
        return await books.assignment(viewer, employee_id)

    return router


def _approvals(books: Books, desk: Desk) -> APIRouter:
    router = APIRouter()

    @router.get("/approvals", summary="Proposals that wait for a coordinator, those that stand soonest by themselves first")
    async def approvals(viewer: CurrentViewer, cursor: Cursor = None, limit: Limit = PAGE_DEFAULT) -> Page[ApprovalView]:
        """Empty unless FIRSTMATE_APPROVAL_HOURS is set."""
        check(viewer, "see_waitlist")
        return await books.approvals(cursor, limit)

    @router.post("/approvals/{employee_id}/approve", summary="Let a proposal stand, or one of its runners-up instead")
    async def approve(
        employee_id: EmployeeId, request: Approval, viewer: CurrentViewer, key: IdempotencyKey = None
    ) -> AssignmentView:
        check(viewer, "override_assignment", subject=employee_id)
        await desk.approve(viewer, employee_id, request, scoped_key(key, "approve", employee_id, viewer.by))
        return await books.assignment(viewer, employee_id)

    @router.post("/approvals/{employee_id}/reject", status_code=202, summary="Turn a proposal down, with a reason")
    async def reject(employee_id: EmployeeId, request: Rejection, viewer: CurrentViewer, key: IdempotencyKey = None) -> Requested:
        """These two are not proposed again; another proposal, or a place on the waitlist, follows within seconds."""
        check(viewer, "override_assignment", subject=employee_id)
        await desk.reject(viewer, employee_id, request, scoped_key(key, "reject", employee_id, viewer.by))
        return Requested(employee_id=employee_id)

    @router.get("/waitlist", summary="Hires without a mentor, longest-waiting first, and why")
    async def waitlist(viewer: CurrentViewer, cursor: Cursor = None, limit: Limit = PAGE_DEFAULT) -> Page[WaitingView]:
        check(viewer, "see_waitlist")
        return await books.waitlist(cursor, limit)

    return router


def _mentors(books: Books, desk: Desk) -> APIRouter:
    router = APIRouter()

    @router.get("/mentors", summary="Mentors by id, a page at a time")
    async def mentors(
        viewer: CurrentViewer, status: Shown | None = None, cursor: Cursor = None, limit: Limit = PAGE_DEFAULT
    ) -> Page[MentorView]:
        check(viewer, "manage_mentors")
        return await books.mentors(status, cursor, limit)

    @router.post("/mentors", status_code=201, summary="Enrol a mentor", responses=BEFORE)
    async def enrol(request: Enrolment, viewer: CurrentViewer, response: Response, key: IdempotencyKey = None) -> MentorView:
        """Somebody whom the HR system has not told of yet may be enrolled; they get mentees once it has."""
        check(viewer, "manage_mentors")
        fact = MentorEnrolled(mentor_id=request.employee_id, **request.model_dump(exclude={"employee_id"}))
        if not await desk.tell([fact], scoped_key(key, "enrol", request.employee_id, viewer.by)):
            response.status_code = 200
        return await books.mentor(request.employee_id)

    @router.post("/nominations", status_code=201, summary="Put somebody forward as a mentor", responses=BEFORE)
    async def nominate(request: Nomination, viewer: CurrentViewer, response: Response, key: IdempotencyKey = None) -> MentorView:
        """Anybody for themselves, a manager for their people, a coordinator for everybody. Nominated is not matched yet: the
        training, or a coordinator who sets the status to active, makes a mentor."""
        check(viewer, "nominate_mentor", subject=request.employee_id, chain=await chain(books.db, request.employee_id))
        if not await desk.nominate(viewer, request, scoped_key(key, "nominate", request.employee_id, viewer.by)):
            response.status_code = 200
        return await books.mentor(request.employee_id)

    @router.get("/mentors/{mentor_id}", summary="A mentor with places and load")
    async def mentor(mentor_id: str, viewer: CurrentViewer) -> MentorView:
        check(viewer, "manage_mentors", subject=mentor_id)
        return await books.mentor(mentor_id)

    @router.patch("/mentors/{mentor_id}", summary="Pause, resume, withdraw, change places, accept a nomination")
    async def change(mentor_id: EmployeeId, patch: MentorPatch, viewer: CurrentViewer) -> MentorView:
        """Mentees of somebody who pauses or withdraws are matched again at once, as are those whom a leave (`available_from`)
        of more than two weeks would leave alone; a smaller capacity moves nobody."""
        check(viewer, "manage_mentors", subject=mentor_id)
        await desk.change(mentor_id, patch)
        return await books.mentor(mentor_id)

    @router.post("/mentors/{mentor_id}/training", summary="The mentor training is done")
    async def train(mentor_id: EmployeeId, request: Training, viewer: CurrentViewer, key: IdempotencyKey = None) -> MentorView:
        check(viewer, "manage_mentors", subject=mentor_id)
        await desk.train(mentor_id, request, scoped_key(key, "train", mentor_id, viewer.by))
        return await books.mentor(mentor_id)

    return router


def _availability(books: Books, desk: Desk) -> APIRouter:
    router = APIRouter()

    @router.get("/mentors/{mentor_id}/availability", summary="When and for how many a mentor is there")
    async def availability(mentor_id: EmployeeId, viewer: CurrentViewer) -> AvailabilityView:
        check(viewer, "choose_availability", subject=mentor_id)
        return AvailabilityView.model_validate(await books.mentor(mentor_id), from_attributes=True)

    @router.patch("/mentors/{mentor_id}/availability", summary="A mentor's own word: places, leave, pause")
    async def be_available(mentor_id: EmployeeId, said: Availability, viewer: CurrentViewer) -> AvailabilityView:
        """By mentors for themselves; what follows is as with a coordinator's change."""
        check(viewer, "choose_availability", subject=mentor_id)
        await desk.be_available(mentor_id, said)
        return AvailabilityView.model_validate(await books.mentor(mentor_id), from_attributes=True)

    return router
