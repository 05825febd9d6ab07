"""Onboarding's pages: the start page, signing in as somebody of the sample, and what stands in the modules beside this."""

from pathlib import Path
from typing import Annotated

from fastapi import APIRouter, Form, Query, Request
from fastapi.responses import HTMLResponse, RedirectResponse

from services.onboarding.answer_pages import answer_pages
from services.onboarding.board_pages import board_pages
from services.onboarding.board_table import board_table
from services.onboarding.desk import Desk
from services.onboarding.my_page import my_calendar, my_page, my_start
from services.onboarding.outcomes.pages import outcome_pages
from services.onboarding.outcomes.reading import Reporting
from services.onboarding.overview import overview_routes
from services.onboarding.people import sample_people, someone
from services.onboarding.person_pages import person_pages
from services.onboarding.plan_pages import plan_pages
from services.onboarding.positions import position_pages
from services.onboarding.programme import Programmes
from services.onboarding.programme_pages import programme_pages
from shared.access import Viewer, is_local, viewer_or_none
from shared.clock import Clock
from shared.links import Links
from shared.mongo import Database
from shared.pages import PageRoute, Templates, local_path, templates
from shared.refusals import forbidden, invalid
from shared.settings import Settings

FOLDER = Path(__file__).parent / "templates"


def pages(db: Database, programmes: Programmes, settings: Settings, clock: Clock, reporting: Reporting) -> APIRouter:
    """Every page of onboarding."""
    found = templates(FOLDER)
    desk = Desk(db, programmes, clock)
    router = APIRouter()
    router.include_router(sign_in_pages(db, settings, clock, found))
    router.include_router(board_pages(db, programmes, clock, found))
    router.include_router(person_pages(db, desk, clock, found))
    router.include_router(plan_pages(db, programmes, desk, clock, found))
    router.include_router(answer_pages(db, desk, clock, Links(settings.secret), found))
    router.include_router(my_calendar(desk))
    router.include_router(my_page(db, desk, clock, found, settings.coordinators))
    router.include_router(my_start(db, desk, clock))
    router.include_router(outcome_pages(reporting, found))
    router.include_router(overview_routes(db, programmes, clock, found))
    router.include_router(board_table(db, programmes, clock))
    router.include_router(position_pages(db, settings.kafka, clock, found))
    router.include_router(programme_pages(programmes, clock, found))
    return router


def start_page_of(viewer: Viewer) -> str:
    """Where somebody begins: managers and coordinators with their board, others with their own page, where they have one."""
    if viewer.sees_all or "board" in viewer.places:
        return "/board"
    return "/mentoring" if "mentoring" in viewer.places and "me" not in viewer.places else "/me"


def sign_in_pages(db: Database, settings: Settings, clock: Clock, found: Templates) -> APIRouter:
    """`/`, `/sign-in`, `/sign-out`. Choosing who one is works for the sample, from this machine alone."""
    router = APIRouter(route_class=PageRoute, include_in_schema=False)

    def offered(request: Request) -> bool:
        return settings.sample_sign_in and is_local(request)

    @router.get("/")
    async def start(request: Request) -> RedirectResponse:
        viewer = viewer_or_none(request)
        return RedirectResponse(start_page_of(viewer) if viewer else "/sign-in", status_code=303)

    @router.get("/sign-in")
    async def show_sign_in(request: Request, next: Annotated[str, Query(max_length=500)] = "/") -> HTMLResponse:
        viewer = viewer_or_none(request)
        if not offered(request):
            return found.render(request, "sign_in_off.html", viewer=viewer)
        groups = await sample_people(db, settings.coordinators, clock())
        return found.render(request, "sign_in.html", viewer=viewer, groups=groups, next=local_path(next))

    @router.post("/sign-in")
    async def sign_in(
        request: Request,
        employee_id: Annotated[str, Form(max_length=64)],
        next: Annotated[str, Form(max_length=500)] = "/",
    ) -> RedirectResponse:
        if not offered(request):
            raise forbidden("choosing who one is works for the sample only, on the machine where it runs", "no_sample_sign_in")
        chosen = await someone(db, employee_id, settings.coordinators, clock())
        if chosen is None:
            raise invalid(
                "nobody here has this employee id, or they have left; choose somebody of the list", "nobody", "employee_id"
            )
        answer = RedirectResponse(local_path(next), status_code=303)
        viewer = Viewer(chosen.id, name=chosen.name, places=chosen.places)
        request.app.state.gate.sign_in(answer, viewer, secure=request.url.scheme == "https")
        return answer

    @router.post("/sign-out")
    async def sign_out(request: Request) -> RedirectResponse:
        answer = RedirectResponse("/sign-in", status_code=303)
        request.app.state.gate.sign_out(answer)
        return answer

    return router
