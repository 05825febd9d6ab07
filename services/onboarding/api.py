"""Onboarding's JSON over HTTP, version 1: journeys and what people report of them."""

from datetime import date, datetime
from typing import Annotated, Literal

from fastapi import APIRouter, Body
from pydantic import BaseModel, ConfigDict, Field

from services.onboarding import store
from services.onboarding.commands import COMMENT_LENGTH, FreeWords
from services.onboarding.desk import Desk
from services.onboarding.journey import Journey, JourneyStatus, MilestoneState, MilestoneStatus
from services.onboarding.others import OthersDesk
from services.onboarding.parameters import AcceptLanguage, Employee, Id, Said, languages
from services.onboarding.plan_api import plan_routes
from services.onboarding.programme import Programme, Programmes, text_in
from services.onboarding.programme_api import programme_routes
from services.onboarding.store import BoardRow
from shared.access import CurrentViewer, check
from shared.clock import Clock
from shared.directory import chain
from shared.events.hr import EmployeeId
from shared.events.onboarding import Minutes, Owner, Rating
from shared.mongo import Database
from shared.paging import PAGE_DEFAULT, Page
from shared.web import Cursor, IdempotencyKey, Limit


class Progress(BaseModel):
    """Required milestones done, and of how many; waived ones count on neither side."""

    done: int
    total: int


class MilestoneView(BaseModel):
    """One milestone. `due` is a calendar day where the hire works; `completed_at` is set once it is done."""

    id: str
    title: str
    owner: Owner
    due: date
    status: MilestoneStatus
    completed_at: datetime | None


class JourneyView(BaseModel):
    """A person's journey. `programme` is the programme's id, `mentor` the mentor's employee id."""

    status: JourneyStatus
    start_date: date
    programme: str
    mentor: str | None
    progress: Progress
    milestones: list[MilestoneView]


class NextView(BaseModel):
    """The milestone that is due next and not late."""

    id: str
    owner: Owner
    due: date


class RowView(BaseModel):
    """One journey in a listing; `late` are ids of milestones, `welcome` is what became of the welcome message."""

    employee_id: str
    status: JourneyStatus
    start_date: date
    programme: str
    manager_id: str | None
    mentor: str | None
    assignment: Literal["none", "assigned", "waitlisted", "released"]
    progress: Progress
    next: NextView | None
    late: list[str]
    attention: list[str]
    meetings: int
    welcome: Literal["planned", "sent", "failed", "suppressed"]
    updated_at: datetime


class MeetingReport(Said):
    """A meeting of mentor and hire. Without `meeting_id` it is the meeting of that day, however many report it."""

    held_on: date
    minutes: Minutes
    meeting_id: Annotated[str, Field(min_length=1, max_length=64, pattern=r"^[A-Za-z0-9._:-]+$")] | None = None


class SurveyReply(Said):
    """A rating 1..5 for every question of the survey; `comment` is seen by the hire and coordinators alone."""

    ratings: Annotated[dict[str, Rating], Field(max_length=20)]
    comment: Annotated[str, Field(max_length=COMMENT_LENGTH)] = ""


class SharedStart(Said):
    """Whether the person agrees that others who start around the same time, and agreed too, see them, and they those."""

    agreed: bool


class OtherView(BaseModel):
    """Somebody who starts around the same time and agreed to be seen; `here`: at the same place of work."""

    model_config = ConfigDict(from_attributes=True)
    employee_id: str
    name: str
    department: str | None
    start_date: date
    work_email: str | None
    here: bool


class OthersView(BaseModel):
    """Who starts within two weeks of a person. Without the person's own agreement `people` is empty.

    `more` agreed too and are beyond the list. `all_around` counts everybody; null where it would tell of fewer than five who did
    not agree.
    """

    model_config = ConfigDict(from_attributes=True)
    agreed: bool
    people: list[OtherView]
    more: int
    all_around: int | None


class Waiver(Said):
    """Why a milestone is not needed: seen by whoever sees the journey, never published."""

    reason: FreeWords = ""


def journey_view(journey: Journey, programme: Programme, tags: list[str]) -> JourneyView:
    """The journey as the API shows it, titles in the first of the languages `tags` that the programme has."""
    done, total = journey.progress
    assert journey.start_date is not None
    return JourneyView(
        status=journey.status,
        start_date=journey.start_date,
        programme=programme.id,
        mentor=journey.mentor_id,
        progress=Progress(done=done, total=total),
        milestones=[_milestone_view(each, programme, tags) for each in journey.milestones.values()],
    )


def _milestone_view(state: MilestoneState, programme: Programme, tags: list[str]) -> MilestoneView:
    planned = programme.by_id.get(state.id)
    return MilestoneView(
        id=state.id,
        title=text_in(planned.title, tags) if planned else state.id,
        owner=state.owner,
        due=state.due,
        status=state.status,
        completed_at=state.settled_at if state.status == "done" else None,
    )


def _row_view(row: BoardRow) -> RowView:
    board = row.board
    assert board.start_date is not None
    return RowView(
        employee_id=board.employee_id,
        status=board.status,
        start_date=board.start_date,
        programme=board.programme or "",
        manager_id=board.manager_id,
        mentor=board.mentor_id,
        assignment=board.assignment.status,
        progress=Progress(done=board.done, total=board.total),
        next=NextView.model_validate(board.next, from_attributes=True) if board.next else None,
        late=board.late,
        attention=list(board.attention),
        meetings=board.meetings,
        welcome=board.mail.state,
        updated_at=board.updated_at,
    )


def api(db: Database, programmes: Programmes, clock: Clock) -> APIRouter:
    """The routes under `/api/onboarding/v1`."""
    router = APIRouter(prefix="/api/onboarding/v1", tags=["onboarding"])
    desk = Desk(db, programmes, clock)
    others = OthersDesk(db, desk, clock)

    async def shown(journey: Journey, accept_language: str) -> JourneyView:
        return journey_view(journey, await desk.programme(journey), languages(accept_language))

    @router.get("/journeys")
    async def list_journeys(
        viewer: CurrentViewer,
        manager_id: EmployeeId | None = None,
        status: JourneyStatus | None = None,
        late: bool | None = None,
        cursor: Cursor = None,
        limit: Limit = PAGE_DEFAULT,
    ) -> Page[RowView]:
        """Journeys in order of start date: of a manager's whole reporting tree, or everybody's for coordinators."""
        above = await chain(db, manager_id) if manager_id and not viewer.sees_all else ()
        check(viewer, "see_board", subject=manager_id, chain=above)
        managers = await store.managers_under(db, manager_id) if manager_id else None
        page = await store.board_page(
            db, managers=managers, standings=store.standings_of(status, late), after=cursor, limit=limit
        )
        return Page(items=[_row_view(row) for row in page.rows], next=page.next)

    @router.get("/journeys/{employee_id}")
    async def get_journey(viewer: CurrentViewer, employee_id: Employee, accept_language: AcceptLanguage = "") -> JourneyView:
        """One person's journey, one's own reports included."""
        return await shown(await desk.journey(viewer, employee_id), accept_language)

    @router.post("/journeys/{employee_id}/milestones/{milestone_id}/completion")
    async def complete_milestone(
        viewer: CurrentViewer,
        employee_id: Employee,
        milestone_id: Id,
        idempotency_key: IdempotencyKey = None,
        accept_language: AcceptLanguage = "",
    ) -> JourneyView:
        """A milestone is done: the word of its owner, a manager above the hire, or a coordinator."""
        return await shown(await desk.complete_milestone(viewer, employee_id, milestone_id, idempotency_key), accept_language)

    @router.post("/journeys/{employee_id}/milestones/{milestone_id}/waiver")
    async def waive_milestone(
        viewer: CurrentViewer,
        employee_id: Employee,
        milestone_id: Id,
        said: Annotated[Waiver | None, Body()] = None,
        idempotency_key: IdempotencyKey = None,
        accept_language: AcceptLanguage = "",
    ) -> JourneyView:
        """A milestone is not needed for this person: the word of a manager above the hire, or a coordinator."""
        reason = said.reason if said else ""
        journey = await desk.waive_milestone(viewer, employee_id, milestone_id, idempotency_key, reason)
        return await shown(journey, accept_language)

    @router.post("/journeys/{employee_id}/meetings")
    async def log_meeting(
        viewer: CurrentViewer,
        employee_id: Employee,
        report: MeetingReport,
        idempotency_key: IdempotencyKey = None,
        accept_language: AcceptLanguage = "",
    ) -> JourneyView:
        """Mentor and hire met."""
        journey = await desk.log_meeting(viewer, employee_id, report.held_on, report.minutes, report.meeting_id, idempotency_key)
        return await shown(journey, accept_language)

    @router.post("/journeys/{employee_id}/surveys/{survey_id}")
    async def answer_survey(
        viewer: CurrentViewer,
        employee_id: Employee,
        survey_id: Id,
        reply: SurveyReply,
        idempotency_key: IdempotencyKey = None,
        accept_language: AcceptLanguage = "",
    ) -> JourneyView:
        """The hire's answer to a survey; answered once."""
        journey = await desk.answer_survey(viewer, employee_id, survey_id, reply.ratings, reply.comment, idempotency_key)
        return await shown(journey, accept_language)

    @router.get("/journeys/{employee_id}/others")
    async def get_others(viewer: CurrentViewer, employee_id: Employee) -> OthersView:
        """Who starts around the same time, as far as they agreed to be seen; for the person alone."""
        return OthersView.model_validate(await others.around(viewer, employee_id))

    @router.put("/journeys/{employee_id}/others")
    async def share_start(viewer: CurrentViewer, employee_id: Employee, said: SharedStart) -> OthersView:
        """Agree to be seen by others who start around the same time, or take it back, which holds at once."""
        await others.choose(viewer, employee_id, agreed=said.agreed)
        return OthersView.model_validate(await others.around(viewer, employee_id))

    router.include_router(programme_routes(programmes))
    router.include_router(plan_routes(db, programmes, clock, desk, shown, JourneyView))
    return router
