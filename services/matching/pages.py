"""Matching's pages: the coordinator's waitlist and mentors, and why this mentor. Forms work without a script."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Literal
from urllib.parse import urlencode

from fastapi import APIRouter, Form, Request
from fastapi import Path as InPath
from fastapi.responses import HTMLResponse, RedirectResponse

from services.matching import words
from services.matching.desk import Desk, MentorPatch, OverrideRequest
from services.matching.pair_desk import Why
from services.matching.policy import FULL, Policy
from services.matching.reading import Books, Shown
from services.matching.rules import OVERRIDABLE
from services.matching.sections import MENTORS, PAGES, WAITLIST
from services.matching.views import AssignmentView, MentorView, NearMissView, WaitingView
from shared.access import CurrentViewer, check
from shared.clock import Clock
from shared.directory import name_of
from shared.events.hr import EmployeeId
from shared.events.mentoring import MAX_CAPACITY, Capacity, MentorEnrolled
from shared.mongo import Database
from shared.pages import PageRoute, local_path

ON_A_PAGE = 25

Employee = Annotated[EmployeeId, InPath()]
Cursor = str | None
Back = Annotated[str, Form(max_length=500)]

NOTICES: Mapping[str, str] = {
    "assigned": "Assigned. Hire and mentor are being told.",
    "places": "Places changed. Whoever waits is looked at again within seconds.",
    "paused": "Paused. Their mentees are being matched again.",
    "active": "Active again. Whoever waits is looked at again within seconds.",
    "withdrawn": "Withdrawn. Their mentees are being matched again.",
    "enrolled": "Enrolled. Whoever waits is looked at again within seconds.",
}
STATUS_BADGES = {
    "nominated": ("Nominated", "warn"),
    "active": ("Active", "ok"),
    "paused": ("Paused", "warn"),
    "withdrawn": ("Withdrawn", "muted"),
    "left": ("Left the company", "muted"),
}


@dataclass(frozen=True, slots=True)
class Suggestion:
    """What a coordinator can do about a near miss: `assign` with a reason, one `place` more, or see the mentor."""

    near: NearMissView
    act: Literal["assign", "place", "look"]
    capacity: int = 0


def suggestion(near: NearMissView, mentor: MentorView | None) -> Suggestion:
    """The one action that would help a hire to this mentor."""
    if set(near.failing) <= OVERRIDABLE:
        return Suggestion(near, "assign")
    if near.failing == ["capacity"] and mentor is not None and mentor.load < MAX_CAPACITY:
        return Suggestion(near, "place", mentor.load + 1)
    return Suggestion(near, "look")


def pages(db: Database, policy: Policy, clock: Clock) -> APIRouter:
    """The pages over a connected database."""
    router = APIRouter(route_class=PageRoute, include_in_schema=False)
    books, desk = Books(db), Desk(db, policy, clock)

    @router.get(WAITLIST)
    async def waitlist(request: Request, viewer: CurrentViewer, cursor: Cursor = None, done: str = "") -> HTMLResponse:
        check(viewer, "see_waitlist")
        page = await books.waitlist(cursor, ON_A_PAGE)
        numbers = await books.numbers()
        mentors = {mentor.employee_id: mentor for mentor in await books.some_mentors(_nearest(page.items))}
        suggested = {
            hire.employee_id: [suggestion(near, mentors.get(near.mentor_id)) for near in hire.nearest] for hire in page.items
        }
        return PAGES.render(
            request,
            "waitlist.html",
            viewer=viewer,
            waiting=page.items,
            suggested=suggested,
            points=words.points,
            numbers=numbers,
            today=clock().date(),
            notice=NOTICES.get(done),
            next_page=f"{WAITLIST}?{urlencode({'cursor': page.next})}" if page.next else None,
        )

    @router.post(WAITLIST + "/{employee_id}/override")
    async def override(
        viewer: CurrentViewer, employee_id: Employee, mentor_id: Annotated[EmployeeId, Form()], reason: Annotated[Why, Form()]
    ) -> RedirectResponse:
        check(viewer, "override_assignment", subject=employee_id)
        await desk.override(viewer, employee_id, OverrideRequest(mentor_id=mentor_id, reason=reason))
        return _back(WAITLIST, "assigned")

    @router.get(MENTORS)
    async def mentors(
        request: Request, viewer: CurrentViewer, status: Shown | None = None, cursor: Cursor = None, done: str = ""
    ) -> HTMLResponse:
        check(viewer, "manage_mentors")
        page = await books.mentors(status, cursor, ON_A_PAGE)
        mentees = await books.mentees(page.items)
        address = f"{MENTORS}?{urlencode({'status': status})}" if status else MENTORS
        more = urlencode({name: value for name, value in (("status", status), ("cursor", page.next)) if value})
        return PAGES.render(
            request,
            "mentors.html",
            viewer=viewer,
            mentors=page.items,
            mentees={id: name_of(known, id) for id, known in mentees.items()},
            numbers=await books.numbers(),
            badges=STATUS_BADGES,
            shown=status,
            here=address,
            most=MAX_CAPACITY,
            notice=NOTICES.get(done),
            today=clock().date(),
            next_page=f"{MENTORS}?{more}" if page.next else None,
        )

    @router.post(MENTORS)
    async def enrol(
        viewer: CurrentViewer, employee_id: Annotated[EmployeeId, Form()], capacity: Annotated[Capacity, Form()] = 2
    ) -> RedirectResponse:
        check(viewer, "manage_mentors", subject=employee_id)
        await desk.tell([MentorEnrolled(mentor_id=employee_id, capacity=capacity)])
        return _back(MENTORS, "enrolled")

    @router.post(MENTORS + "/{mentor_id}/places")
    async def places(
        viewer: CurrentViewer, mentor_id: Employee, capacity: Annotated[Capacity, Form()], back: Back = MENTORS
    ) -> RedirectResponse:
        check(viewer, "manage_mentors", subject=mentor_id)
        await desk.change(mentor_id, MentorPatch(capacity=capacity))
        return _back(back, "places")

    @router.post(MENTORS + "/{mentor_id}/status")
    async def status(
        viewer: CurrentViewer,
        mentor_id: Employee,
        status: Annotated[Literal["active", "paused", "withdrawn"], Form()],
        back: Back = MENTORS,
    ) -> RedirectResponse:
        check(viewer, "manage_mentors", subject=mentor_id)
        await desk.change(mentor_id, MentorPatch(status=status))
        return _back(back, status)

    @router.get("/matching/why/{employee_id}")
    async def why(request: Request, viewer: CurrentViewer, employee_id: Employee) -> HTMLResponse:
        view = await books.assignment(viewer, employee_id)
        return PAGES.render(
            request,
            "why.html",
            viewer=viewer,
            hire=view,
            shares=policy.shares if view.policy_version == policy.version else _shares_of(view),
            rules={rule: words.near_miss(rule) for rule in view.rules_set_aside},
            ruled_out_total=sum(rule.count for rule in view.ruled_out),
            full=FULL,
            points=words.points,
            decided=await _decider(books, view),
            names=await _past_names(books, view),
        )

    return router


def _nearest(waiting: list[WaitingView]) -> set[str]:
    return {near.mentor_id for hire in waiting for near in hire.nearest}


def _back(path: str, done: str) -> RedirectResponse:
    target = local_path(path, MENTORS)
    return RedirectResponse(f"{target}{'&' if '?' in target else '?'}done={done}", status_code=303)


def _shares_of(view: AssignmentView) -> dict[str, int]:
    """What each criterion could have added under the policy of that time, from the weights that were stored."""
    total = sum(reason.weight for reason in view.reasons) or 1
    return {reason.criterion: max(reason.weight * FULL // total, reason.points, 1) for reason in view.reasons}


async def _decider(books: Books, view: AssignmentView) -> str:
    if view.decided_by in (None, "policy"):
        return "the matching policy"
    names = await books.names({view.decided_by or ""})
    return "the operator" if view.decided_by == "operator" else names.get(view.decided_by or "", view.decided_by or "")


async def _past_names(books: Books, view: AssignmentView) -> dict[str, str]:
    return await books.names({past.mentor_id for past in view.history})
