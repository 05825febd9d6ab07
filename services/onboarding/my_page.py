"""The page of whoever is signed in: a hire's own journey, a mentor's mentees, or both."""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated

from fastapi import APIRouter, Form, Request
from fastapi.responses import HTMLResponse, RedirectResponse, Response

from services.onboarding import store
from services.onboarding.calendar_file import calendar_file
from services.onboarding.cards import Words, note_of
from services.onboarding.contacts import Contact, contacts
from services.onboarding.desk import Desk
from services.onboarding.others import Others, OthersDesk
from services.onboarding.person_pages import Case, Cases, MeetingForm, Named, Progress, badges_of, no_mentor, notice_of, urgent
from services.onboarding.projections.board import Assignment
from services.onboarding.views import OWNERS_TO_HIRE, OWNERS_TO_MENTOR, SurveyForm, Task, surveys_to_answer, tasks_of
from shared.access import CurrentViewer, Viewer
from shared.clock import Clock
from shared.directory import name_of, people
from shared.mongo import Database
from shared.pages import PageRoute, Templates
from shared.pages.language import gettext as _
from shared.refusals import Refused, forbidden

OTHERS_SHOWN = 5  # what others do next; the whole plan is one click away


@dataclass(frozen=True, slots=True)
class Own:
    """A hire's own journey: what waits for them, who sees to the rest, who is who."""

    progress: Progress
    surveys: Sequence[SurveyForm]
    yours: Sequence[Task]
    others: Sequence[Task]
    around: Sequence[Contact]
    no_mentor: str
    mentor_name: str
    why: str
    meeting: MeetingForm | None
    others_around: Others


@dataclass(frozen=True, slots=True)
class Mentee:
    """One mentee: what the mentor has to do for them, or else what comes next."""

    id: str
    name: str
    note: str
    badges: Sequence[Words]
    progress: Progress
    yours: Sequence[Task]
    next: Task | None
    meeting: MeetingForm | None


def own_journey(case: Case, assignment: Assignment, around: Sequence[Contact], others_around: Others) -> Own:
    """What a hire's own page shows of their journey."""
    tasks = tasks_of(case.journey, case.programme, case.may_complete, case.names, case.today, OWNERS_TO_HIRE)
    ahead = [*tasks.late, *tasks.soon]
    surveys = surveys_to_answer(case.journey, case.programme, case.today)
    asked = {survey.milestone_id for survey in surveys}  # their forms stand above: no second line for them
    mentor_id = case.journey.mentor_id
    return Own(
        progress=case.progress,
        surveys=surveys,
        yours=[task for task in urgent([*ahead, *tasks.later], "hire") if task.id not in asked][:OTHERS_SHOWN],
        others=[task for task in ahead if task.owner != "hire"][:OTHERS_SHOWN],
        around=around,
        no_mentor="" if mentor_id else no_mentor(assignment),
        mentor_name=case.named(mentor_id).given_name if mentor_id else "",
        why=case.why if mentor_id else "",
        meeting=case.meeting_form,
        others_around=others_around,
    )


def mentee_of(case: Case) -> Mentee:
    """What a mentor's page shows of a mentee."""
    tasks = tasks_of(case.journey, case.programme, case.may_complete, case.names, case.today, OWNERS_TO_MENTOR)
    ahead = [*tasks.late, *tasks.soon]
    return Mentee(
        id=case.id,
        name=name_of(case.person or None, case.id),
        note=note_of(case.person),
        badges=badges_of(case),
        progress=case.progress,
        yours=urgent(ahead, "mentor"),
        next=ahead[0] if ahead else None,
        meeting=case.meeting_form,
    )


def lead_of(case: Case | None, mentees: Sequence[Mentee] | None) -> str:
    """The sentence under the greeting."""
    if case is not None and case.journey.status == "active" and case.journey.start_date is not None:
        days = (case.today - case.journey.start_date).days
        if days < 0:
            return _("Your first day is ahead. This is what happens until then.")
        return _("Today is your first day.") if days == 0 else _("Day %(days)s of your first ninety.", days=days)
    if case is not None and case.journey.status == "completed":
        return _("You have finished your first ninety days.")
    return _("The people you mentor, and what comes next with each of them.") if mentees is not None else ""


def shared_notice(query: Mapping[str, str]) -> Words | None:
    """What the page says after somebody agreed to be seen by others, or took it back."""
    if query.get("shared") == "yes":
        return Words(_("You and the others who agreed now see each other."), "ok", "check")
    if query.get("shared") == "no":
        return Words(_("Nobody sees you there any more."), "ok", "check")
    return None


async def own_case(cases: Cases, viewer: Viewer, me: str) -> Case | None:
    """The journey of whoever asks, if they have one."""
    try:
        return await cases.of(viewer, me)
    except Refused as refused:
        if refused.status == 404:
            return None
        raise


async def mentees_of(db: Database, cases: Cases, viewer: Viewer, me: str) -> list[Case]:
    """The active journeys of those whose mentor this is."""
    rows = [row for row in await store.mentees(db, me) if row.board.status == "active"]
    found = await asyncio.gather(*(cases.of(viewer, row.employee_id) for row in rows), return_exceptions=True)
    for case in found:  # a mentee who was given to somebody else a moment ago is not theirs to see any more
        if isinstance(case, BaseException) and not isinstance(case, Refused):
            raise case
    return [case for case in found if isinstance(case, Case)]


async def contacts_of(db: Database, case: Case, coordinators: Sequence[str]) -> list[Contact]:
    """Mentor, manager and coordinators of a hire, for whoever may know how to reach them."""
    if not case.may("see_contacts"):
        return []
    mentor_id, manager_id = case.journey.mentor_id, case.journey.manager_id
    known = await people(db, [id for id in (mentor_id, manager_id, *coordinators) if id])
    return list(contacts(case.person, mentor_id, manager_id, coordinators, known, case.now))


def my_page(db: Database, desk: Desk, clock: Clock, pages: Templates, coordinators: Sequence[str]) -> APIRouter:
    """`/me`."""
    router = APIRouter(route_class=PageRoute, include_in_schema=False)
    cases = Cases(db, desk, clock)
    others = OthersDesk(db, desk, clock)

    async def shown_own(case: Case | None) -> Own | None:
        if case is None or not case.journey.live:
            return None
        row = await store.board_row(db, case.id)
        around, reachable = await asyncio.gather(others.around_journey(case.journey), contacts_of(db, case, coordinators))
        return own_journey(case, row.board.assignment if row else Assignment(), reachable, around)

    @router.get("/me")
    async def show_me(request: Request, viewer: CurrentViewer) -> HTMLResponse:
        me = viewer.employee_id
        if me is None:
            raise forbidden("this page is for people; the operator's token has no journey", "not_a_person")
        own = await own_case(cases, viewer, me)
        mentored = await mentees_of(db, cases, viewer, me)
        person = (await people(db, [me])).get(me)
        mentees = [mentee_of(case) for case in mentored] or None
        mentees = mentees if mentees or own else ([] if "me" in viewer.places else None)
        about = request.query_params.get("about", "")
        told = next((case for case in [own, *mentored] if case is not None and case.id == about), None)
        return pages.render(
            request,
            "me.html",
            viewer=viewer,
            person=Named(me, name_of(person, me)),
            notice=shared_notice(request.query_params) or (notice_of(told, request.query_params) if told else None),
            greeting=_("Hello, %(name)s", name=Named(me, name_of(person, me)).given_name),
            lead=lead_of(own, mentees),
            own=await shown_own(own),
            mentees=mentees,
        )

    return router


def my_start(db: Database, desk: Desk, clock: Clock) -> APIRouter:
    """`/me/others`: whether others who start around the same time see a hire."""
    router = APIRouter(route_class=PageRoute, include_in_schema=False)
    others = OthersDesk(db, desk, clock)

    @router.post("/me/others")
    async def share_start(viewer: CurrentViewer, agreed: Annotated[bool, Form()]) -> RedirectResponse:
        await others.choose(viewer, viewer.employee_id or "", agreed=agreed)
        return RedirectResponse(f"/me?shared={'yes' if agreed else 'no'}#around-you", status_code=303)

    return router


def my_calendar(desk: Desk) -> APIRouter:
    """`/me/calendar.ics`: a hire's plan for their own calendar."""
    router = APIRouter(route_class=PageRoute, include_in_schema=False)

    @router.get("/me/calendar.ics")
    async def calendar(viewer: CurrentViewer) -> Response:
        me = viewer.employee_id
        if me is None:
            raise forbidden("this page is for people; the operator's token has no journey", "not_a_person")
        journey = await desk.journey(viewer, me)
        named = {"Content-Disposition": 'attachment; filename="first-ninety-days.ics"', "Cache-Control": "no-store"}
        return Response(calendar_file(journey, await desk.programme(journey)), media_type="text/calendar", headers=named)

    return router
