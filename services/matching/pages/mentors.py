"""The mentor pool as pages: who mentors and how loaded, found by state and words; and one mentor with everything to change."""

from collections.abc import Mapping
from datetime import date
from typing import Annotated, Literal
from urllib.parse import urlencode

from fastapi import APIRouter, Form, Query, Request
from fastapi.responses import HTMLResponse, RedirectResponse

from services.matching.desk import LEAVE_AHEAD, Desk, MentorPatch, Nomination, Training
from services.matching.mentor_search import Filter
from services.matching.pages.sections import MENTORS, ON_A_PAGE, PAGES, Back, Employee, back_to, notice
from services.matching.reading import Books
from services.matching.views import MentorView
from shared.access import CurrentViewer, check
from shared.clock import Clock
from shared.directory import name_of
from shared.events.hr import EmployeeId
from shared.events.mentoring import MAX_CAPACITY, Capacity, MentorEnrolled, Trait
from shared.pages import PageRoute
from shared.pages.language import N_
from shared.pages.language import gettext as _
from shared.refusals import invalid

STATUS_BADGES = {
    "nominated": (N_("Nominated"), "info"),
    "active": (N_("Active"), "ok"),
    "paused": (N_("Paused"), "warn"),
    "withdrawn": (N_("Withdrawn"), "muted"),
    "left": (N_("Left the company"), "muted"),
}
FILTERS: dict[Filter, str] = {
    "all": N_("All"),
    "free": N_("With free places"),
    "full": N_("Full"),
    "away": N_("On leave"),
    "untrained": N_("Not trained"),
    "nominated": N_("Nominated"),
    "paused": N_("Paused"),
    "withdrawn": N_("Withdrawn"),
}
TRAITS: Mapping[Trait, str] = {
    "sensibility": N_("Sensibility"),
    "confidence": N_("Confidence"),
    "social_skills": N_("Social skills"),
    "reliability": N_("Reliability"),
}
Words = Annotated[str, Query(max_length=100)]


def mentor_pages(books: Books, desk: Desk, clock: Clock) -> APIRouter:
    """The routes over a connected database."""
    router = APIRouter(route_class=PageRoute, include_in_schema=False)
    router.include_router(_showing(books, clock))
    router.include_router(_enrolling(desk))
    router.include_router(_changing(desk, clock))
    return router


def _showing(books: Books, clock: Clock) -> APIRouter:
    router = APIRouter(route_class=PageRoute)

    @router.get(MENTORS)
    async def mentors(
        request: Request,
        viewer: CurrentViewer,
        status: Filter = "all",
        q: Words = "",
        department: Words = "",
        cursor: str | None = None,
        done: str = "",
    ) -> HTMLResponse:
        check(viewer, "manage_mentors")
        today = clock().date()
        page = await books.find_mentors(status, q, department, today, cursor, ON_A_PAGE)
        mentees = await books.mentees(page.items)
        asked = {name: value for name, value in (("q", q.strip()), ("department", department)) if value}
        chosen = asked | ({"status": status} if status != "all" else {})
        return PAGES.render(
            request,
            "mentors.html",
            viewer=viewer,
            mentors=page.items,
            mentees={id: name_of(known, id) for id, known in mentees.items()},
            numbers=await books.numbers(),
            badges=STATUS_BADGES,
            filters=[
                (name, _(words), _address(asked | ({"status": name} if name != "all" else {}))) for name, words in FILTERS.items()
            ],
            shown=status,
            q=q.strip(),
            department=department,
            elsewhere=_address({name: value for name, value in chosen.items() if name != "department"}),
            here=_address(chosen),
            most=MAX_CAPACITY,
            traits=TRAITS,
            notice=notice(done),
            today=today,
            next_page=_address(chosen | {"cursor": page.next}) if page.next else None,
        )

    @router.get(MENTORS + "/{mentor_id}")
    async def mentor(request: Request, viewer: CurrentViewer, mentor_id: Employee, done: str = "") -> HTMLResponse:
        check(viewer, "manage_mentors", subject=mentor_id)
        found = await books.mentor(mentor_id)
        return PAGES.render(
            request,
            "mentor.html",
            viewer=viewer,
            mentor=found,
            names=await books.names(_concerned(found)),
            badges=STATUS_BADGES,
            most=MAX_CAPACITY,
            traits=TRAITS,
            notice=notice(done),
            today=clock().date(),
        )

    return router


def _enrolling(desk: Desk) -> APIRouter:
    router = APIRouter(route_class=PageRoute)

    @router.post(MENTORS)
    async def enrol(
        viewer: CurrentViewer,
        employee_id: Annotated[EmployeeId, Form()],
        capacity: Annotated[Capacity, Form()] = 2,
        act: Annotated[Literal["enrol", "nominate"], Form()] = "enrol",
        trained: Annotated[bool, Form()] = True,
        traits: Annotated[list[Trait], Form()] = [],  # noqa: B006  (FastAPI copies it)
        endorsed_by: Annotated[str, Form(max_length=64)] = "",
    ) -> RedirectResponse:
        check(viewer, "manage_mentors", subject=employee_id)
        endorser = endorsed_by.strip() or None
        if act == "nominate":
            await desk.nominate(
                viewer, Nomination(employee_id=employee_id, capacity=capacity, traits=traits, endorsed_by=endorser)
            )
            return back_to(MENTORS, "nominated")
        fact = MentorEnrolled(mentor_id=employee_id, capacity=capacity, trained=trained, traits=traits, endorsed_by=endorser)
        await desk.tell([fact])
        return back_to(MENTORS, "enrolled")

    return router


def _changing(desk: Desk, clock: Clock) -> APIRouter:
    router = APIRouter(route_class=PageRoute)

    @router.post(MENTORS + "/{mentor_id}/places")
    async def places(
        viewer: CurrentViewer, mentor_id: Employee, capacity: Annotated[Capacity, Form()], back: Back = MENTORS
    ) -> RedirectResponse:
        check(viewer, "manage_mentors", subject=mentor_id)
        await desk.change(mentor_id, MentorPatch(capacity=capacity))
        return back_to(back, "places")

    @router.post(MENTORS + "/{mentor_id}/status")
    async def status(
        viewer: CurrentViewer,
        mentor_id: Employee,
        status: Annotated[Literal["active", "paused", "withdrawn"], Form()],
        back: Back = MENTORS,
    ) -> RedirectResponse:
        check(viewer, "manage_mentors", subject=mentor_id)
        await desk.change(mentor_id, MentorPatch(status=status))
        return back_to(back, status)

    @router.post(MENTORS + "/{mentor_id}/leave")
    async def leave(
        viewer: CurrentViewer, mentor_id: Employee, until: Annotated[str, Form(max_length=10)] = "", back: Back = MENTORS
    ) -> RedirectResponse:
        check(viewer, "manage_mentors", subject=mentor_id)
        day = day_in(until)
        if day is not None and day <= clock().date():
            raise invalid(LEAVE_AHEAD, "in_the_past", "until")
        await desk.change(mentor_id, MentorPatch(available_from=day))
        return back_to(back, "leave" if day else "back")

    @router.post(MENTORS + "/{mentor_id}/training")
    async def training(
        viewer: CurrentViewer, mentor_id: Employee, trained_on: Annotated[str, Form(max_length=10)] = "", back: Back = MENTORS
    ) -> RedirectResponse:
        check(viewer, "manage_mentors", subject=mentor_id)
        await desk.train(mentor_id, Training(trained_on=day_in(trained_on)))
        return back_to(back, "trained")

    return router


def day_in(text: str) -> date | None:
    """The day of a form's field; None where it is empty. Raises `Refused` 422 for what is no day."""
    try:
        return date.fromisoformat(text) if text else None
    except ValueError:
        raise invalid("'%(given)s' is no day; write it as 2027-01-31", "no_day", given=text) from None


def _concerned(mentor: MentorView) -> set[str]:
    return {*mentor.mentees, *mentor.reserved, *((mentor.endorsed_by,) if mentor.endorsed_by else ())}


def _address(asked: dict[str, str]) -> str:
    return f"{MENTORS}?{urlencode(asked)}" if asked else MENTORS
