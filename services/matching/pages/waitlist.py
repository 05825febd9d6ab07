"""The waitlist as a page: who waits and why, what would place whom, and the forms that do it."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Annotated, Literal

from fastapi import APIRouter, Form, Request
from fastapi.responses import HTMLResponse, RedirectResponse

from services.matching.desk import Desk, OverrideRequest
from services.matching.pages.sections import ON_A_PAGE, PAGES, WAITLIST, Employee, back_to, notice, spoken
from services.matching.pair_desk import Why
from services.matching.reading import Books
from services.matching.reports.standing import Standing
from services.matching.reports.suggestions import Suggestion
from services.matching.rules import OVERRIDABLE
from services.matching.views import MentorView, NearMissView, WaitingView
from shared.access import CurrentViewer, check
from shared.clock import Clock
from shared.directory import name_of, people
from shared.events.hr import EmployeeId
from shared.events.mentoring import MAX_CAPACITY, Capacity, MentorChanged
from shared.pages import PageRoute
from shared.pages.language import current, ngettext
from shared.pages.language import gettext as _
from shared.pages.words import hundredths, listed
from shared.refusals import invalid

MOST_SHOWN = 4  # suggestions; who carries out one of them sees the next


@dataclass(frozen=True, slots=True)
class Help:
    """What a coordinator can do about a near miss: `assign` with a reason, one `place` more, or see the mentor."""

    near: NearMissView
    act: Literal["assign", "place", "look"]
    capacity: int = 0


def help_for(near: NearMissView, mentor: MentorView | None) -> Help:
    """The one action that would help a hire to this mentor."""
    if set(near.failing) <= OVERRIDABLE:
        return Help(near, "assign")
    if near.failing == ["capacity"] and mentor is not None and mentor.load < MAX_CAPACITY:
        return Help(near, "place", mentor.load + 1)
    return Help(near, "look")


@dataclass(frozen=True, slots=True)
class Proposed:
    """A suggestion in words: what to do, whom it would place, and the mentors with the places they would have."""

    kind: str
    words: str
    placed: str
    count: int
    mentors: tuple[tuple[str, int], ...]


def in_words(found: Suggestion, names: Mapping[str, str], departments: Mapping[str, str]) -> Proposed:
    """A suggestion as the page shows it."""
    ids = [id for id, _places in found.mentors]
    who = listed([names.get(id, id) for id in ids])
    where = {departments[id] for id in ids if id in departments}
    if len(where) == 1:
        who = _("%(people)s in %(department)s", people=who, department=where.pop())
    said = {
        "places": ngettext("One more place for %(who)s", "One more place each for %(who)s", len(ids), who=who),
        "return": _("%(who)s back from leave now", who=who),
        "train": _("%(who)s with the mentor training done", who=who),
        "resume": _("%(who)s with the pause ended", who=who),
    }
    placed = [
        _("%(hire)s with %(mentor)s", hire=names.get(one.hire_id, one.hire_id), mentor=names.get(one.mentor_id, one.mentor_id))
        for one in found.placed
    ]
    return Proposed(found.kind, said[found.kind], listed(placed), len(placed), found.mentors)


def waitlist_pages(books: Books, desk: Desk, standing: Standing, clock: Clock) -> APIRouter:
    """The routes over a connected database."""
    router = APIRouter(route_class=PageRoute, include_in_schema=False)

    @router.get(WAITLIST)
    async def waitlist(request: Request, viewer: CurrentViewer, cursor: str | None = None, done: str = "") -> HTMLResponse:
        check(viewer, "see_waitlist")
        page = await books.waitlist(cursor, ON_A_PAGE, spoken())
        mentors = {mentor.employee_id: mentor for mentor in await books.some_mentors(_nearest(page.items))}
        proposed, languages, looked_at = await _proposed(books, standing, clock) if page.items else ([], [], 0)
        return PAGES.render(
            request,
            "waitlist.html",
            viewer=viewer,
            waiting=page.items,
            proposed=proposed,
            looked_at=looked_at,
            languages=[(current().locale.languages.get(code, code), count) for code, count in languages],
            helping={
                hire.employee_id: [help_for(near, mentors.get(near.mentor_id)) for near in hire.nearest] for hire in page.items
            },
            points=hundredths,
            numbers=await books.numbers(),
            today=clock().date(),
            notice=notice(done),
            next_page=f"{WAITLIST}?cursor={page.next}" if page.next else None,
        )

    @router.post(WAITLIST + "/places")
    async def more_places(
        viewer: CurrentViewer,
        mentor_id: Annotated[list[EmployeeId], Form(max_length=100)],
        capacity: Annotated[list[Capacity], Form(max_length=100)],
    ) -> RedirectResponse:
        check(viewer, "manage_mentors")
        if len(mentor_id) != len(capacity) or len(set(mentor_id)) != len(mentor_id):
            raise invalid("each mentor needs one number of places; go back to the waitlist and try again", "uneven", "capacity")
        await desk.tell([MentorChanged(mentor_id=id, capacity=places) for id, places in zip(mentor_id, capacity, strict=True)])
        return back_to(WAITLIST, "places")

    @router.post(WAITLIST + "/{employee_id}/override")
    async def override(
        viewer: CurrentViewer, employee_id: Employee, mentor_id: Annotated[EmployeeId, Form()], reason: Annotated[Why, Form()]
    ) -> RedirectResponse:
        check(viewer, "override_assignment", subject=employee_id)
        await desk.override(viewer, employee_id, OverrideRequest(mentor_id=mentor_id, reason=reason))
        return back_to(WAITLIST, "assigned")

    return router


async def _proposed(books: Books, standing: Standing, clock: Clock) -> tuple[list[Proposed], list[tuple[str, int]], int]:
    found = await standing.suggestions(clock().date())
    shown = found.found[:MOST_SHOWN]
    concerned = {id for one in shown for id, _ in one.mentors} | {
        id for one in shown for placed in one.placed for id in (placed.hire_id, placed.mentor_id)
    }
    known = await people(books.db, concerned)
    names = {id: name_of(person, id) for id, person in known.items()}
    departments = {id: person["department"] for id, person in known.items() if person.get("department")}
    return [in_words(one, names, departments) for one in shown], list(found.languages), found.looked_at


def _nearest(waiting: Iterable[WaitingView]) -> set[str]:
    return {near.mentor_id for hire in waiting for near in hire.nearest}
