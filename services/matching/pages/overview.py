"""Where a coordinator begins: what to do now, in one list, and the way to everything of matching."""

from dataclasses import dataclass
from datetime import date

from fastapi import APIRouter, Request
from fastapi.responses import HTMLResponse

from services.matching.pages.sections import BETTER, FAIRNESS, FORECAST, MENTORS, OVERVIEW, PAGES, PROPOSALS, WAITLIST, WHAT_IF
from services.matching.reading import Books
from services.matching.reoptimisation.api import Proposals
from services.matching.reports import forecast_words
from services.matching.reports.standing import Standing
from shared.access import CurrentViewer, check
from shared.clock import Clock
from shared.pages import PageRoute
from shared.pages.language import N_, ngettext
from shared.pages.language import gettext as _
from shared.pages.words import hundredths, listed, moment

MOST_DEPARTMENTS = 3

TOOLS: tuple[tuple[str, str, str], ...] = (
    (WAITLIST, N_("Waitlist"), N_("Who has no mentor yet, why, and what would help.")),
    (PROPOSALS, N_("Proposals"), N_("Matches that wait for your approval.")),
    (BETTER, N_("Better pairs"), N_("What would fit better among pairs that have not met.")),
    (MENTORS, N_("Mentors"), N_("Places, leave, training, nominations.")),
    (FORECAST, N_("Forecast"), N_("Which department runs out of places, and when.")),
    (WHAT_IF, N_("What if"), N_("Other weights, tried on the hires of late.")),
    (FAIRNESS, N_("Fairness"), N_("How hires fare, group by group.")),
    ("/coordinator/read-models", N_("Read models"), N_("How current boards and timelines are.")),
)


@dataclass(frozen=True, slots=True)
class Task:
    """One thing to do: words, where to do it, how the link is called, and a badge's kind."""

    words: str
    path: str
    link: str
    kind: str


def overview_pages(books: Books, standing: Standing, proposals: Proposals, clock: Clock) -> APIRouter:
    """The route over a connected database."""
    router = APIRouter(route_class=PageRoute, include_in_schema=False)

    @router.get(OVERVIEW)
    async def overview(request: Request, viewer: CurrentViewer) -> HTMLResponse:
        check(viewer, "see_waitlist")
        today = clock().date()
        return PAGES.render(
            request,
            "overview.html",
            viewer=viewer,
            tasks=await _tasks(books, standing, proposals, today),
            numbers=await books.numbers(),
            tools=[(address, _(name), _(words)) for address, name, words in TOOLS],
        )

    return router


async def _tasks(books: Books, standing: Standing, proposals: Proposals, today: date) -> list[Task]:
    """What waits for a coordinator, the most urgent first."""
    return [
        *await _proposals(books),
        *await _waiting(books),
        *await _better(proposals),
        *await _nominations(books),
        *await _outlook(standing, today),
    ]


async def _proposals(books: Books) -> list[Task]:
    count = await books.proposed()
    if not count:
        return []
    (first,) = (await books.approvals(None, 1)).items
    said = ngettext(
        "%(num)s proposal waits for your word; the first stands by itself on %(when)s",
        "%(num)s proposals wait for your word; the first stands by itself on %(when)s",
        count,
        when=moment(first.until),
    )
    return [Task(said, PROPOSALS, _("Look at them"), "wait")]


async def _waiting(books: Books) -> list[Task]:
    waiting = (await books.numbers()).waiting
    said = ngettext("%(num)s hire waits for a mentor", "%(num)s hires wait for a mentor", waiting)
    return [Task(said, WAITLIST, _("See what would help"), "late")] if waiting else []


async def _better(proposals: Proposals) -> list[Task]:
    latest = next(iter((await proposals.page(None, 1)).items), None)
    undecided = [step for step in latest.steps if step.state == "open"] if latest else []
    said = ngettext(
        "%(num)s step among pairs that have not met would add %(points)s points",
        "%(num)s steps among pairs that have not met would add %(points)s points",
        len(undecided),
        points=hundredths(sum(step.gain for step in undecided)),
    )
    return [Task(said, BETTER, _("Look at them"), "info")] if undecided else []


async def _nominations(books: Books) -> list[Task]:
    count = await books.nominated()
    said = ngettext(
        "%(num)s nomination waits for training or acceptance", "%(num)s nominations wait for training or acceptance", count
    )
    return [Task(said, f"{MENTORS}?status=nominated", _("Look at them"), "info")] if count else []


async def _outlook(standing: Standing, today: date) -> list[Task]:
    found, _known = await standing.forecast(today)
    needing = forecast_words.needing(found)
    if not needing:
        return []
    said = _("%(department)s: %(verdict)s", department=needing[0].department, verdict=forecast_words.verdict(needing[0], today))
    others = [one.department for one in needing[1 : 1 + MOST_DEPARTMENTS]]
    more = len(needing) - 1 - len(others)
    others += [ngettext("%(num)s more department", "%(num)s more departments", more)] if more else []
    if others:
        said = _("%(first)s. Short of places soon: %(departments)s", first=said, departments=listed(others))
    return [Task(said, FORECAST, _("See the forecast"), "warn")]
