"""One person's plan as managers and coordinators change it: away, one more milestone, another day or owner, another programme."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from typing import Annotated, Literal

from fastapi import APIRouter, Form, Path, Query, Request
from fastapi.responses import HTMLResponse, RedirectResponse

from services.onboarding.cards import Words
from services.onboarding.deciding.changes import next_own
from services.onboarding.desk import Desk
from services.onboarding.happenings import changes_in_words
from services.onboarding.person_pages import Case, Cases, Named
from services.onboarding.plan_desk import PlanDesk
from services.onboarding.programme import Programme, Programmes
from services.onboarding.views import OWNERS, in_page_language, title_of
from shared.access import CurrentViewer, check
from shared.clock import Clock
from shared.events.onboarding import JourneyReplanned, Owner
from shared.mongo import Database
from shared.pages import PageRoute, Templates
from shared.pages.language import gettext as _
from shared.pages.words import day
from shared.refusals import invalid

Employee = Annotated[str, Path(max_length=64)]
Id = Annotated[str, Form(max_length=64, pattern=r"^[a-z0-9_]+$")]
Reason = Annotated[str, Form(max_length=500)]
NEVER = "never"  # an empty field of a form counts as one that was not sent
Until = Annotated[str, Form(max_length=10)]


@dataclass(frozen=True, slots=True)
class Choice:
    """Something to choose from a list."""

    id: str
    words: str


@dataclass(frozen=True, slots=True)
class Preview:
    """What following another programme would change, in a sentence for each kind of change."""

    programme: Choice
    lines: Sequence[str]


def open_choices(case: Case) -> list[Choice]:
    """What is open, by day, with the day."""
    states = sorted((case.journey.milestones[id] for id in case.journey.still_open), key=lambda each: (each.due, each.id))
    return [
        Choice(each.id, _("%(title)s (%(day)s)", title=title_of(case.programme, each.id), day=day(each.due, case.today)))
        for each in states
    ]


def waived_choices(case: Case) -> list[Choice]:
    """What was said not to be needed."""
    waived = [each.id for each in case.journey.milestones.values() if each.status == "waived"]
    return [Choice(id, title_of(case.programme, id)) for id in waived]


def programme_choices(case: Case, programmes: Programmes) -> list[Choice]:
    """The programmes, in their present versions, that this journey does not follow."""
    followed = (case.journey.programme, case.journey.programme_version)
    others = [each for each in programmes.current if (each.id, each.version) != followed]
    return [Choice(each.id, _called(each, case)) for each in others]


def _called(programme: Programme, case: Case) -> str:
    title = in_page_language(programme.title)
    return _("%(programme)s (its new version)", programme=title) if programme.id == case.journey.programme else title


def preview_of(case: Case, fact: JourneyReplanned, target: Programme) -> Preview:
    """The change in words."""
    dropped = [id for id in fact.dropped if id in case.journey.milestones]
    added = [each for each in fact.added if each.id not in fact.dropped]
    lines = changes_in_words(
        [_("%(title)s, %(day)s", title=title_of(target, each.id), day=day(each.due, case.today)) for each in added],
        [_("%(title)s, now %(day)s", title=title_of(target, each.id), day=day(each.due, case.today)) for each in fact.changed],
        [title_of(case.programme, id) for id in dropped],
    )
    kept = sum(each.status == "done" for each in case.journey.milestones.values())
    return Preview(Choice(target.id, _called(target, case)), [*lines, _("What is done stays done (%(number)s).", number=kept)])


def away_words(case: Case) -> str:
    """How long somebody is away, if they are."""
    pause, planned = case.journey.pause, case.journey.planned_pause
    if pause is None and planned is not None:
        first = day(planned.since, case.today)
        if planned.back_on is None:
            return _("Away from %(day)s on, with no day of return yet.", day=first)
        return _("Away from %(day)s on, back on %(back)s.", day=first, back=day(planned.back_on, case.today))
    if pause is None:
        return ""
    since = day(pause.since, case.today)
    if pause.back_on is None:
        return _("Away since %(day)s, with no day of return yet.", day=since)
    return _("Away since %(day)s, back on %(back)s.", day=since, back=day(pause.back_on, case.today))


def away_from(case: Case) -> date:
    """The first day of the time away that is or will be; today where there is none yet."""
    pause = case.journey.pause or case.journey.planned_pause
    return pause.since if pause else case.today


def plan_pages(db: Database, programmes: Programmes, desk: Desk, clock: Clock, pages: Templates) -> APIRouter:
    """`/people/{employee_id}/plan` and what its forms send."""
    router = APIRouter(route_class=PageRoute, include_in_schema=False)
    cases = Cases(db, desk, clock)
    plans = PlanDesk(db, desk, programmes, clock)

    @router.get("/people/{employee_id}/plan")
    async def show_plan(
        request: Request,
        viewer: CurrentViewer,
        employee_id: Employee,
        programme: Annotated[str, Query(max_length=64)] = "",
        changed: Annotated[str, Query(max_length=1)] = "",
    ) -> HTMLResponse:
        case = await cases.of(viewer, employee_id)
        check(viewer, "change_plan", subject=employee_id, chain=case.chain)
        preview: Preview | None = None
        if programme:
            _journey, fact = await plans.preview(viewer, employee_id, programme)
            preview = preview_of(case, fact, programmes.pinned(fact.programme, fact.programme_version)) if fact else None
        return pages.render(
            request,
            "plan.html",
            viewer=viewer,
            person=Named(case.id, case.names.get(case.id, case.id)),
            notice=Words(_("The plan is changed."), "ok", "check") if changed else None,
            live=case.journey.live,
            paused=case.journey.pause is not None,
            may_pause=case.journey.status in ("active", "paused"),
            away=away_words(case),
            away_from=away_from(case).isoformat(),
            today=case.today.isoformat(),
            open=open_choices(case),
            waived=waived_choices(case),
            next_own=next_own(case.journey),
            owners=[Choice(owner, _(words)) for owner, words in OWNERS.items()],
            programmes=programme_choices(case, programmes) if case.journey.status == "active" else [],
            preview=preview,
        )

    router.include_router(plan_forms(desk, plans))
    return router


def plan_forms(desk: Desk, plans: PlanDesk) -> APIRouter:
    """What the forms of the page send; each leads back to it."""
    router = APIRouter(route_class=PageRoute, include_in_schema=False)

    @router.post("/people/{employee_id}/plan/pause")
    async def pause(viewer: CurrentViewer, employee_id: Employee, until: Until = "", since: Until = "") -> RedirectResponse:
        await plans.pause(viewer, employee_id, day_in(until) if until else None, day_in(since) if since else None)
        return _back(employee_id)

    @router.post("/people/{employee_id}/plan/resumption")
    async def resume(viewer: CurrentViewer, employee_id: Employee) -> RedirectResponse:
        await plans.resume(viewer, employee_id)
        return _back(employee_id)

    @router.post("/people/{employee_id}/plan/milestones")
    async def add(
        viewer: CurrentViewer,
        employee_id: Employee,
        title: Annotated[str, Form(min_length=1, max_length=120)],
        owner: Annotated[Owner, Form()],
        due: Annotated[date, Form()],
        milestone_id: Id,
        remind: Annotated[Literal["never", "1", "3", "7"], Form()] = "1",
        escalate: Annotated[Literal["never", "3", "7"], Form()] = "7",
        reason: Reason = "",
    ) -> RedirectResponse:
        if not title.strip():
            raise invalid("title: is empty; say what is to be done", "no_title", "title")
        await plans.add(
            viewer,
            employee_id,
            title=title,
            owner=owner,
            due=due,
            remind=[] if remind == NEVER else [-int(remind)],
            escalate_after=None if escalate == NEVER else int(escalate),
            reason=reason,
            milestone_id=milestone_id,
        )
        return _back(employee_id)

    @router.post("/people/{employee_id}/plan/due")
    async def move(
        viewer: CurrentViewer, employee_id: Employee, milestone_id: Id, due: Annotated[date, Form()], reason: Reason = ""
    ) -> RedirectResponse:
        await plans.move(viewer, employee_id, milestone_id, due, reason)
        return _back(employee_id)

    @router.post("/people/{employee_id}/plan/owner")
    async def reassign(
        viewer: CurrentViewer, employee_id: Employee, milestone_id: Id, owner: Annotated[Owner, Form()], reason: Reason = ""
    ) -> RedirectResponse:
        await plans.reassign(viewer, employee_id, milestone_id, owner, reason)
        return _back(employee_id)

    @router.post("/people/{employee_id}/plan/waiver")
    async def waive(viewer: CurrentViewer, employee_id: Employee, milestone_id: Id, reason: Reason = "") -> RedirectResponse:
        await desk.waive_milestone(viewer, employee_id, milestone_id, reason=reason)
        return _back(employee_id)

    @router.post("/people/{employee_id}/plan/reopening")
    async def reopen(viewer: CurrentViewer, employee_id: Employee, milestone_id: Id, reason: Reason = "") -> RedirectResponse:
        await plans.reopen(viewer, employee_id, milestone_id, reason)
        return _back(employee_id)

    @router.post("/people/{employee_id}/plan/programme")
    async def change_programme(
        viewer: CurrentViewer, employee_id: Employee, programme: Id, reason: Reason = ""
    ) -> RedirectResponse:
        await plans.change_programme(viewer, employee_id, programme, reason)
        return _back(employee_id)

    return router


def day_in(text: str) -> date:
    """A day as a form sends it. Raises `Refused` 422."""
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise invalid("this is no day; choose one such as 2027-06-01, or leave it empty", "invalid_day", "until") from None


def _back(employee_id: str) -> RedirectResponse:
    return RedirectResponse(f"/people/{employee_id}/plan?changed=1", status_code=303)
