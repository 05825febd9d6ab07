"""`/mentoring`: a mentor's own page of matching: what to know about each mentee, and when and for how many they are there.

Where mentees stand and what is due is onboarding's, on `/me`; meetings are logged by its form.
"""

from collections.abc import Mapping, Sequence
from datetime import date
from typing import Annotated, Literal
from zoneinfo import ZoneInfo

from fastapi import APIRouter, Form, Request
from fastapi.responses import HTMLResponse, RedirectResponse

from services.matching.briefs import Brief
from services.matching.desk import Availability, Desk, Nomination
from services.matching.pages.mentors import STATUS_BADGES, day_in
from services.matching.pages.sections import MENTORING, PAGES, back_to, spoken
from services.matching.reading import Books
from services.matching.views import MentorView
from shared.access import CurrentViewer, Viewer, check
from shared.clock import Clock
from shared.events.mentoring import MAX_CAPACITY, Capacity
from shared.pages import PageRoute
from shared.pages.language import N_
from shared.pages.language import gettext as _
from shared.refusals import Refused, forbidden

NOTICES: Mapping[str, str] = {
    "places": N_("Noted. Fewer places part you from nobody."),
    "leave": N_("Noted. Nobody new who starts before you are back; a leave of more than two weeks finds your mentees others."),
    "back": N_("Welcome back. Whoever waits is looked at again within seconds."),
    "paused": N_("Noted. Your mentees are getting other mentors."),
    "active": N_("Good to have you back. Whoever waits is looked at again within seconds."),
    "nominated": N_("Thank you. A coordinator sees that you want to mentor, and gets in touch."),
}


def mentoring_pages(books: Books, desk: Desk, clock: Clock) -> APIRouter:
    """The page and its forms, over a connected database."""
    router = APIRouter(route_class=PageRoute, include_in_schema=False)
    router.include_router(_saying(desk))

    @router.get(MENTORING)
    async def mentoring(request: Request, viewer: CurrentViewer, done: str = "", met: str = "") -> HTMLResponse:
        me = _person(viewer)
        mentor = await _mentor(books, me)
        briefs = await _briefs(books, viewer, mentor.mentees if mentor else ())
        now = clock()
        return PAGES.render(
            request,
            "mentoring.html",
            viewer=viewer,
            mentor=mentor,
            briefs=briefs,
            todays={each.employee_id: now.astimezone(ZoneInfo(each.time_zone or "UTC")).date().isoformat() for each in briefs},
            badges=STATUS_BADGES,
            most=MAX_CAPACITY,
            notice=_("Meeting logged.") if met else _(NOTICES[done]) if done in NOTICES else "",
            today=now.date(),
        )

    return router


def _saying(desk: Desk) -> APIRouter:
    router = APIRouter(route_class=PageRoute)

    @router.post(MENTORING + "/places")
    async def places(viewer: CurrentViewer, capacity: Annotated[Capacity, Form()]) -> RedirectResponse:
        await desk.be_available(_person(viewer), Availability(capacity=capacity))
        return back_to(MENTORING, "places")

    @router.post(MENTORING + "/leave")
    async def leave(viewer: CurrentViewer, until: Annotated[str, Form(max_length=10)] = "") -> RedirectResponse:
        day: date | None = day_in(until)
        await desk.be_available(_person(viewer), Availability(available_from=day))
        return back_to(MENTORING, "leave" if day else "back")

    @router.post(MENTORING + "/status")
    async def status(viewer: CurrentViewer, status: Annotated[Literal["active", "paused"], Form()]) -> RedirectResponse:
        await desk.be_available(_person(viewer), Availability(status=status))
        return back_to(MENTORING, status)

    @router.post(MENTORING + "/nomination")
    async def nomination(viewer: CurrentViewer, capacity: Annotated[Capacity, Form()] = 2) -> RedirectResponse:
        me = _person(viewer)
        check(viewer, "nominate_mentor", subject=me)
        await desk.nominate(viewer, Nomination(employee_id=me, capacity=capacity))
        return back_to(MENTORING, "nominated")

    return router


def _person(viewer: Viewer) -> str:
    """Who is asking, about whom this page is. Raises `Refused` 403 for a program."""
    if viewer.employee_id is None:
        raise forbidden("this page is for people; the operator's token mentors nobody", "not_a_person")
    check(viewer, "choose_availability", subject=viewer.employee_id)
    return viewer.employee_id


async def _mentor(books: Books, id: str) -> MentorView | None:
    try:
        return await books.mentor(id)
    except Refused as refused:
        if refused.status == 404:
            return None
        raise


async def _briefs(books: Books, viewer: Viewer, mentees: Sequence[str]) -> list[Brief]:
    """Briefs about those who are still this mentor's mentees; somebody given to another a moment ago is passed by."""
    found = []
    for id in mentees:
        try:
            found.append(await books.brief(viewer, id, spoken()))
        except Refused:
            continue
    return sorted(found, key=lambda each: (str(each.start_date), each.name))
