"""One hire's pair as a page: why this mentor, or why none yet."""

from fastapi import APIRouter, Request
from fastapi.responses import HTMLResponse

from services.matching import words
from services.matching.policy import FULL, Policy
from services.matching.reading import Books
from services.matching.sections import PAGES, Employee
from services.matching.views import AssignmentView
from shared.access import CurrentViewer
from shared.pages import PageRoute


def pair_pages(books: Books, policy: Policy) -> APIRouter:
    """The routes over a connected database."""
    router = APIRouter(route_class=PageRoute, include_in_schema=False)

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
