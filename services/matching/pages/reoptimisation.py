"""Better pairs as a page: what would fit better among pairs that have not met, taken step by step or all at once."""

from typing import Annotated, Literal

from fastapi import APIRouter, Form, Request
from fastapi.responses import HTMLResponse, RedirectResponse

from services.matching import words
from services.matching.pages.sections import BETTER, PAGES, back_to, notice, spoken
from services.matching.reading import Books
from services.matching.reoptimisation.api import Proposals
from services.matching.reoptimisation.moves import WHY_NOT
from services.matching.reoptimisation.reoptimising import Reoptimiser
from shared.access import CurrentViewer, check
from shared.pages import PageRoute
from shared.pages.language import gettext as _
from shared.pages.words import hundredths
from shared.refusals import Refused

MOST_STEPS = 50  # on one page; the next ones come once these are decided

Id = Annotated[str, Form(max_length=200)]
StepIds = Annotated[list[str] | None, Form(max_length=MOST_STEPS)]


def against_in_words(fault: str) -> str:
    """What speaks against a step, from a key of `WHY_NOT` or a hard rule; nothing for a word that is neither."""
    if fault in WHY_NOT:
        return _(WHY_NOT[fault])
    return _("a mentor in it %(rule)s", rule=words.near_miss(fault, spoken())) if fault in words.RULES else ""


def reoptimisation_pages(books: Books, proposals: Proposals, reoptimiser: Reoptimiser) -> APIRouter:
    """The routes over a connected database."""
    router = APIRouter(route_class=PageRoute, include_in_schema=False)

    @router.get(BETTER)
    async def better(request: Request, viewer: CurrentViewer, done: str = "", why: str = "") -> HTMLResponse:
        check(viewer, "override_assignment")
        latest = next(iter((await proposals.page(None, 1, spoken())).items), None)
        steps = latest.steps if latest else []
        undecided = [step for step in steps if step.state == "open"]
        decided = [step for step in steps if step.state != "open"]
        made_by = {latest.made_by} if latest else set()
        return PAGES.render(
            request,
            "better.html",
            viewer=viewer,
            latest=latest,
            undecided=undecided[:MOST_STEPS],
            more=max(len(undecided) - MOST_STEPS, 0),
            decided=decided[-MOST_STEPS:],
            names=await books.names(made_by),
            points=hundredths,
            notice=notice(done),
            stale=done == "stale",
            because=against_in_words(why),
            against=against_in_words,
        )

    @router.post(BETTER)
    async def look(viewer: CurrentViewer) -> RedirectResponse:
        check(viewer, "override_assignment")
        await reoptimiser.propose(viewer.by)
        return back_to(BETTER, "looked")

    @router.post(BETTER + "/steps")
    async def decide(
        viewer: CurrentViewer, proposal: Id, act: Annotated[Literal["accept", "dismiss"], Form()], step: StepIds = None
    ) -> RedirectResponse:
        """Decide about some steps; about all that are open where none is named."""
        check(viewer, "override_assignment")
        if act == "dismiss":
            await reoptimiser.dismiss(proposal, step, viewer.by)
            return back_to(BETTER, "dismissed")
        try:
            await reoptimiser.accept(proposal, step, viewer.by)
        except Refused as refused:
            if refused.status != 409:
                raise
            return back_to(f"{BETTER}?why={refused.code}", "stale")
        return back_to(BETTER, "moved")

    return router
