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
from services.matching.words import points
from shared.access import CurrentViewer, check
from shared.clock import Clock
from shared.pages import PageRoute
from shared.pages.words import listed, moment, plural

MOST_DEPARTMENTS = 3

TOOLS: tuple[tuple[str, str, str], ...] = (
    (WAITLIST, "Waitlist", "Who has no mentor yet, why, and what would help."),
    (PROPOSALS, "Proposals", "Matches that wait for your approval."),
    (BETTER, "Better pairs", "What would fit better among pairs that have not met."),
    (MENTORS, "Mentors", "Places, leave, training, nominations."),
    (FORECAST, "Forecast", "Which department runs out of places, and when."),
    (WHAT_IF, "What if", "Other weights, tried on the hires of late."),
    (FAIRNESS, "Fairness", "How hires fare, group by group."),
    ("/coordinator/read-models", "Read models", "How current boards and timelines are."),
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
            tools=TOOLS,
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
    said = (
        f"{plural(count, 'proposal waits', 'proposals wait')} for your word; the first stands by itself on {moment(first.until)}"
    )
    return [Task(said, PROPOSALS, "Look at them", "wait")]


async def _waiting(books: Books) -> list[Task]:
    waiting = (await books.numbers()).waiting
    said = plural(waiting, "hire waits for a mentor", "hires wait for a mentor")
    return [Task(said, WAITLIST, "See what would help", "late")] if waiting else []


async def _better(proposals: Proposals) -> list[Task]:
    latest = next(iter((await proposals.page(None, 1)).items), None)
    undecided = [step for step in latest.steps if step.state == "open"] if latest else []
    gain = points(sum(step.gain for step in undecided))
    said = f"{plural(len(undecided), 'step')} among pairs that have not met would add {gain} points"
    return [Task(said, BETTER, "Look at them", "info")] if undecided else []


async def _nominations(books: Books) -> list[Task]:
    count = await books.nominated()
    said = f"{plural(count, 'nomination waits', 'nominations wait')} for training or acceptance"
    return [Task(said, f"{MENTORS}?status=nominated", "Look at them", "info")] if count else []


async def _outlook(standing: Standing, today: date) -> list[Task]:
    found, _ = await standing.forecast(today)
    needing = forecast_words.needing(found)
    if not needing:
        return []
    said = f"{needing[0].department}: {forecast_words.verdict(needing[0], today)}"
    others = [one.department for one in needing[1 : 1 + MOST_DEPARTMENTS]]
    more = len(needing) - 1 - len(others)
    others += [plural(more, "department more", "departments more")] if more else []
    if others:
        said += f". Short of places soon: {listed(others)}"
    return [Task(said, FORECAST, "See the forecast", "warn")]
