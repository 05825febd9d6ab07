"""Changes of one person's plan as JSON over HTTP: pause and resume, own milestones and days, another programme."""

from collections.abc import Awaitable, Callable
from datetime import date
from typing import Annotated

from fastapi import APIRouter, Body, Query
from pydantic import BaseModel, Field

from services.onboarding.commands import A_DAY_BEFORE, EscalateAfter, FreeWords, MilestoneId, Reminders, Title
from services.onboarding.desk import Desk
from services.onboarding.journey import Journey
from services.onboarding.parameters import AcceptLanguage, Employee, Id, Said, languages
from services.onboarding.plan_desk import PlanDesk
from services.onboarding.programme import Programme, Programmes, text_in
from shared.access import CurrentViewer
from shared.clock import Clock
from shared.events.onboarding import JourneyReplanned, Owner, PlannedMilestone, ReplanCause
from shared.mongo import Database
from shared.web import IdempotencyKey

ProgrammeId = Annotated[str, Field(max_length=64, pattern=r"^[a-z0-9_]+$")]


class PauseRequest(Said):
    """The person is away from `since` on: today where it is left out, or a day that is over or lies ahead. `until` is the day of
    return, where it is known. No reason is asked for."""

    since: date | None = None
    until: date | None = None


class NewMilestone(Said):
    """A milestone for this person alone. `title` and `reason` are seen by whoever sees the journey, and never travel.

    The same `id` again changes nothing; without one it gets the next of its own. Its owner is reminded on the days `remind`,
    counted from `due`: negative before it. So many days after it, `escalate_after`, the manager hears that it is still open, or
    coordinators where the manager sees to it.
    """

    title: Title
    owner: Owner
    due: date
    optional: bool = False
    remind: Reminders = Field(default=[*A_DAY_BEFORE])
    escalate_after: EscalateAfter | None = None
    reason: FreeWords = ""
    id: MilestoneId | None = None


class OtherDay(Said):
    """Another day for a milestone, with the reason, which whoever sees the journey sees."""

    due: date
    reason: FreeWords = ""


class OtherOwner(Said):
    """Another owner for a milestone, with the reason, which whoever sees the journey sees."""

    owner: Owner
    reason: FreeWords = ""


class NeededAfterAll(Said):
    """Why a waived milestone is needed after all, which whoever sees the journey sees."""

    reason: FreeWords = ""


class OtherProgramme(Said):
    """The programme to follow from now on, in its present version, with the reason, which whoever sees the journey sees."""

    programme: ProgrammeId
    reason: FreeWords = ""


class PlannedView(BaseModel):
    """A milestone as it would be; `due_before` is its present day where it has one."""

    id: str
    title: str
    owner: Owner
    due: date
    due_before: date | None


class ReplanView(BaseModel):
    """What following a programme would change. `kept` are done already and stay so; `cause` is null where nothing changes."""

    programme: str
    cause: ReplanCause | None
    added: list[PlannedView]
    changed: list[PlannedView]
    dropped: list[str]
    kept: list[str]


Shown = Callable[[Journey, str], Awaitable[object]]
"""A journey as the API answers it, in the languages of an Accept-Language header."""


def replan_view(
    journey: Journey, fact: JourneyReplanned | None, programme_id: str, target: Programme | None, tags: list[str]
) -> ReplanView:
    """A change of plan as the API shows it before it is made."""

    def view(each: PlannedMilestone) -> PlannedView:
        planned = target.by_id.get(each.id) if target else None
        before = journey.milestones.get(each.id)
        title = text_in(planned.title, tags) if planned else each.id
        return PlannedView(id=each.id, title=title, owner=each.owner, due=each.due, due_before=before.due if before else None)

    dropped = fact.dropped if fact else []
    return ReplanView(
        programme=programme_id,
        cause=fact.cause if fact else None,
        added=[view(each) for each in fact.added if each.id not in dropped] if fact else [],
        changed=[view(each) for each in fact.changed] if fact else [],
        dropped=[id for id in dropped if id in journey.milestones],
        kept=[id for id, each in journey.milestones.items() if each.status == "done"],
    )


def plan_routes(db: Database, programmes: Programmes, clock: Clock, desk: Desk, shown: Shown, response: type) -> APIRouter:
    """The routes, to be put below the journeys' prefix; every change answers with the journey (`response`) as it is then."""
    router = APIRouter()
    plans = PlanDesk(db, desk, programmes, clock)

    @router.post("/journeys/{employee_id}/pause", response_model=response)
    async def pause_journey(
        viewer: CurrentViewer,
        employee_id: Employee,
        said: Annotated[PauseRequest | None, Body()] = None,
        idempotency_key: IdempotencyKey = None,
        accept_language: AcceptLanguage = "",
    ) -> object:
        """The person is away: nothing is late, nobody is reminded. The word of a manager above the hire, or a coordinator."""
        days = said or PauseRequest()
        journey = await plans.pause(viewer, employee_id, days.until, days.since, idempotency_key)
        return await shown(journey, accept_language)

    @router.post("/journeys/{employee_id}/resumption", response_model=response)
    async def resume_journey(
        viewer: CurrentViewer,
        employee_id: Employee,
        idempotency_key: IdempotencyKey = None,
        accept_language: AcceptLanguage = "",
    ) -> object:
        """The person is back: what is open moves by the days away. The word of a manager above the hire, or a coordinator."""
        return await shown(await plans.resume(viewer, employee_id, idempotency_key), accept_language)

    @router.post("/journeys/{employee_id}/milestones", response_model=response)
    async def add_milestone(
        viewer: CurrentViewer,
        employee_id: Employee,
        new: NewMilestone,
        idempotency_key: IdempotencyKey = None,
        accept_language: AcceptLanguage = "",
    ) -> object:
        """A milestone for this person alone: the word of a manager above the hire, or a coordinator."""
        said = new.model_dump(exclude={"id"})
        journey = await plans.add(viewer, employee_id, **said, milestone_id=new.id, key=idempotency_key)
        return await shown(journey, accept_language)

    @router.post("/journeys/{employee_id}/milestones/{milestone_id}/due", response_model=response)
    async def move_milestone(
        viewer: CurrentViewer,
        employee_id: Employee,
        milestone_id: Id,
        other: OtherDay,
        idempotency_key: IdempotencyKey = None,
        accept_language: AcceptLanguage = "",
    ) -> object:
        """Another day, which stays when the start date moves: the word of a manager above the hire, or a coordinator."""
        journey = await plans.move(viewer, employee_id, milestone_id, other.due, other.reason, idempotency_key)
        return await shown(journey, accept_language)

    @router.post("/journeys/{employee_id}/milestones/{milestone_id}/owner", response_model=response)
    async def reassign_milestone(
        viewer: CurrentViewer,
        employee_id: Employee,
        milestone_id: Id,
        other: OtherOwner,
        idempotency_key: IdempotencyKey = None,
        accept_language: AcceptLanguage = "",
    ) -> object:
        """Another owner: the word of a manager above the hire, or a coordinator."""
        journey = await plans.reassign(viewer, employee_id, milestone_id, other.owner, other.reason, idempotency_key)
        return await shown(journey, accept_language)

    @router.post("/journeys/{employee_id}/milestones/{milestone_id}/reopening", response_model=response)
    async def reopen_milestone(
        viewer: CurrentViewer,
        employee_id: Employee,
        milestone_id: Id,
        said: Annotated[NeededAfterAll | None, Body()] = None,
        idempotency_key: IdempotencyKey = None,
        accept_language: AcceptLanguage = "",
    ) -> object:
        """A waived milestone is needed after all: the word of a manager above the hire, or a coordinator."""
        reason = said.reason if said else ""
        return await shown(await plans.reopen(viewer, employee_id, milestone_id, reason, idempotency_key), accept_language)

    @router.get("/journeys/{employee_id}/programme")
    async def preview_programme(
        viewer: CurrentViewer,
        employee_id: Employee,
        programme: Annotated[ProgrammeId, Query(description="The programme that the journey would follow.")],
        accept_language: AcceptLanguage = "",
    ) -> ReplanView:
        """What following a programme, in its present version, would change for this person now."""
        journey, fact = await plans.preview(viewer, employee_id, programme)
        target = programmes.pinned(fact.programme, fact.programme_version) if fact else None
        return replan_view(journey, fact, programme, target, languages(accept_language))

    @router.post("/journeys/{employee_id}/programme", response_model=response)
    async def change_programme(
        viewer: CurrentViewer,
        employee_id: Employee,
        other: OtherProgramme,
        idempotency_key: IdempotencyKey = None,
        accept_language: AcceptLanguage = "",
    ) -> object:
        """Follow a programme in its present version from now on: the word of a manager above the hire, or a coordinator."""
        journey = await plans.change_programme(viewer, employee_id, other.programme, other.reason, idempotency_key)
        return await shown(journey, accept_language)

    return router
