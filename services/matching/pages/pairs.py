"""One hire's pair as a page: why this mentor, or why none yet, and what may be decided about it."""

from typing import Annotated

from fastapi import APIRouter, Form, Request
from fastapi.responses import HTMLResponse, RedirectResponse

from services.matching import words
from services.matching.desk import Desk, Exclusion, OverrideRequest, ReasonGiven
from services.matching.pages.sections import PAGES, WHY, Employee, back_to, notice, spoken
from services.matching.pair_desk import Why
from services.matching.policy import FULL, Policy
from services.matching.reading import Books
from services.matching.views import AssignmentView
from shared.access import OPERATOR, CurrentViewer, check, may
from shared.events.hr import EmployeeId
from shared.pages import PageRoute
from shared.pages.language import N_
from shared.pages.language import gettext as _
from shared.pages.words import hundredths
from shared.refusals import invalid

FEWEST_LETTERS = 3  # of a reason; less is a slip of the keyboard
CAUSES = {"last_time": N_("the mentor they had last time"), "reoptimised": N_("moved by a coordinator to make pairs fit better")}
OBJECTIONS = {"change_requested": N_("change requested"), "excluded": N_("excluded"), "rejected": N_("rejected")}
SIDES = {"hire": N_("the hire"), "mentor": N_("the mentor"), "coordinator": N_("a coordinator")}


def pair_pages(books: Books, desk: Desk, policy: Policy) -> APIRouter:
    """The routes over a connected database."""
    router = APIRouter(route_class=PageRoute, include_in_schema=False)
    router.include_router(_deciding(books, desk))

    @router.get(WHY + "/{employee_id}")
    async def why(request: Request, viewer: CurrentViewer, employee_id: Employee, done: str = "") -> HTMLResponse:
        language = spoken()
        view = await books.assignment(viewer, employee_id, language)
        decides = may(viewer, "override_assignment", subject=employee_id)
        names = await books.names(_concerned(view))
        return PAGES.render(
            request,
            "why.html",
            viewer=viewer,
            hire=view,
            shares=policy.shares if view.policy_version == policy.version else shares_of(view),
            earlier=bool(view.reasons) and view.policy_version != policy.version,
            rules={rule: words.near_miss(rule, language) for rule in view.rules_set_aside},
            ruled_out_total=sum(rule.count for rule in view.ruled_out),
            widest=max((abs(each.difference) for runner in view.runners_up for each in runner.differences), default=0),
            full=FULL,
            points=hundredths,
            causes=CAUSES,
            objections=OBJECTIONS,
            sides=SIDES,
            decided=_decider(view.decided_by, names),
            approved=_decider(view.approved_by, names),
            names=names,
            decides=decides,
            asks=view.status == "assigned" and may(viewer, "request_change", subject=employee_id, mentor_id=view.mentor_id),
            notice=notice(done),
        )

    return router


def _deciding(books: Books, desk: Desk) -> APIRouter:
    router = APIRouter(route_class=PageRoute)

    @router.post(WHY + "/{employee_id}/pin")
    async def pin(viewer: CurrentViewer, employee_id: Employee, reason: Reason = "") -> RedirectResponse:
        check(viewer, "override_assignment", subject=employee_id)
        await desk.pin(viewer, employee_id, ReasonGiven(reason=_given(reason)))
        return back_to(f"{WHY}/{employee_id}", "pinned")

    @router.post(WHY + "/{employee_id}/unpin")
    async def unpin(viewer: CurrentViewer, employee_id: Employee) -> RedirectResponse:
        check(viewer, "override_assignment", subject=employee_id)
        await desk.unpin(viewer, employee_id)
        return back_to(f"{WHY}/{employee_id}", "unpinned")

    @router.post(WHY + "/{employee_id}/override")
    async def override(
        viewer: CurrentViewer, employee_id: Employee, mentor_id: Annotated[EmployeeId, Form()], reason: Annotated[Why, Form()]
    ) -> RedirectResponse:
        check(viewer, "override_assignment", subject=employee_id)
        await desk.override(viewer, employee_id, OverrideRequest(mentor_id=mentor_id, reason=reason))
        return back_to(f"{WHY}/{employee_id}", "assigned")

    @router.post(WHY + "/{employee_id}/apart")
    async def apart(
        viewer: CurrentViewer, employee_id: Employee, mentor_id: Annotated[EmployeeId, Form()], reason: Reason = ""
    ) -> RedirectResponse:
        check(viewer, "override_assignment", subject=employee_id)
        await desk.exclude(viewer, employee_id, Exclusion(mentor_id=mentor_id, reason=_given(reason)))
        return back_to(f"{WHY}/{employee_id}", "excluded")

    @router.post(WHY + "/{employee_id}/change")
    async def change(viewer: CurrentViewer, employee_id: Employee, reason: Reason = "") -> RedirectResponse:
        hire = await books.hire(employee_id)
        mentor_id = hire.mentor_id if hire is not None else None
        check(viewer, "request_change", subject=employee_id, mentor_id=mentor_id)
        await desk.request_change(viewer, employee_id, mentor_id, ReasonGiven(reason=_given(reason)))
        if viewer.employee_id == mentor_id:
            return back_to("/me", "change")  # from now on the pair is not theirs to see
        return back_to(f"{WHY}/{employee_id}", "change")

    return router


Reason = Annotated[str, Form(max_length=500)]


def _given(reason: str) -> str | None:
    """A reason that need not be given. Raises `Refused` 422 for one that says nothing."""
    said = reason.strip()
    if said and len(said) < FEWEST_LETTERS:
        raise invalid(
            "a reason has at least %(fewest)s letters; say more, or leave it empty", "too_short", "reason", fewest=FEWEST_LETTERS
        )
    return said or None


def shares_of(view: AssignmentView) -> dict[str, int]:
    """What each criterion could have added under the policy of that time, from the weights that were stored."""
    total = sum(reason.weight for reason in view.reasons) or 1
    return {reason.criterion: max(reason.weight * FULL // total, reason.points, 1) for reason in view.reasons}


def _decider(by: str | None, names: dict[str, str]) -> str:
    if by in (None, "policy"):
        return _("the matching policy")
    return _("the operator") if by == OPERATOR else names.get(by or "", by or "")


def _concerned(view: AssignmentView) -> set[str]:
    found = {past.mentor_id for past in view.history} | {objection.mentor_id for objection in view.objections}
    return found | {id for id in (view.decided_by, view.approved_by) if id}
