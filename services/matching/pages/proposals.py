"""Proposals as pages: matches that wait for a coordinator's word."""

from typing import Annotated

from fastapi import APIRouter, Form, Request
from fastapi.responses import HTMLResponse, RedirectResponse

from services.matching.desk import Approval, Desk, Rejection
from services.matching.pages.sections import ON_A_PAGE, PAGES, PROPOSALS, Employee, back_to, notice, spoken
from services.matching.pair_desk import Why
from services.matching.policy import FULL
from services.matching.reading import Books
from services.matching.views import ApprovalView, ReasonView
from shared.access import CurrentViewer, check
from shared.clock import Clock
from shared.events.hr import EmployeeId
from shared.pages import PageRoute
from shared.pages.words import hundredths
from shared.refusals import Refused

STRONGEST = 3  # reasons that a coordinator reads before they decide; the rest is a click away


def strongest(proposal: ApprovalView) -> list[ReasonView]:
    """The reasons that add most to the score, of equals in the policy's order."""
    return sorted(proposal.reasons, key=lambda reason: -reason.points)[:STRONGEST]


def proposal_pages(books: Books, desk: Desk, clock: Clock) -> APIRouter:
    """The routes over a connected database."""
    router = APIRouter(route_class=PageRoute, include_in_schema=False)

    @router.get(PROPOSALS)
    async def proposals(
        request: Request, viewer: CurrentViewer, cursor: str | None = None, done: str = "", left: int = 0
    ) -> HTMLResponse:
        check(viewer, "see_waitlist")
        page = await books.approvals(cursor, ON_A_PAGE, spoken())
        return PAGES.render(
            request,
            "proposals.html",
            viewer=viewer,
            proposals=page.items,
            reasons={proposal.employee_id: strongest(proposal) for proposal in page.items},
            points=hundredths,
            full=FULL,
            now=clock(),
            notice=notice(done),
            left=left,
            next_page=f"{PROPOSALS}?cursor={page.next}" if page.next else None,
        )

    @router.post(PROPOSALS)
    async def approve_all(viewer: CurrentViewer, proposal: Annotated[list[str], Form(max_length=ON_A_PAGE)]) -> RedirectResponse:
        """Each `employee_id:mentor_id` as it was shown: one that has changed since then is left, and said so."""
        left = 0
        for employee_id, _, mentor_id in (each.partition(":") for each in proposal):
            check(viewer, "override_assignment", subject=employee_id)
            try:
                await desk.approve(viewer, employee_id, Approval(mentor_id=mentor_id))
            except Refused:
                left += 1
        return back_to(f"{PROPOSALS}?left={left}" if left else PROPOSALS, "all_approved")

    @router.post(PROPOSALS + "/{employee_id}/approve")
    async def approve(viewer: CurrentViewer, employee_id: Employee, mentor_id: Annotated[EmployeeId, Form()]) -> RedirectResponse:
        check(viewer, "override_assignment", subject=employee_id)
        await desk.approve(viewer, employee_id, Approval(mentor_id=mentor_id))
        return back_to(PROPOSALS, "approved")

    @router.post(PROPOSALS + "/{employee_id}/reject")
    async def reject(viewer: CurrentViewer, employee_id: Employee, reason: Annotated[Why, Form()]) -> RedirectResponse:
        check(viewer, "override_assignment", subject=employee_id)
        await desk.reject(viewer, employee_id, Rejection(reason=reason))
        return back_to(PROPOSALS, "rejected")

    return router
