"""Programmes for coordinators: which there are, and the journey that somebody would have, as a calendar."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from itertools import groupby
from typing import Annotated, get_args

from fastapi import APIRouter, Query, Request
from fastapi.responses import HTMLResponse

from services.onboarding import preview_words as words
from services.onboarding.parameters import Id
from services.onboarding.preview import Month, Newcomer, Preview, PreviewedMilestone, months
from services.onboarding.programme import Programme, Programmes
from services.onboarding.programme_api import previewed
from services.onboarding.views import in_page_language
from shared.access import CurrentViewer, check
from shared.clock import Clock
from shared.events.hr import WorkArrangement
from shared.pages import PageRoute, Templates
from shared.pages.language import current, ngettext
from shared.pages.language import gettext as _
from shared.pages.words import day, listed

NOTICE_DAYS = 14  # somebody who signs today starts about then: a preview's first day unless another is asked for


@dataclass(frozen=True, slots=True)
class Entry:
    """A programme in the list."""

    id: str
    title: str
    who: str
    size: str


@dataclass(frozen=True, slots=True)
class Cell:
    """One day of a month's grid; `words` say to everybody what its look says."""

    number: int
    look: str
    words: str


@dataclass(frozen=True, slots=True)
class Stretch:
    """What is due in a month, of one phase; `title` is empty where the phase goes on from the month before."""

    title: str
    milestones: Sequence[PreviewedMilestone]


@dataclass(frozen=True, slots=True)
class MonthView:
    """A month as the page shows it."""

    title: str
    weeks: Sequence[Sequence[Cell | None]]
    stretches: Sequence[Stretch]
    holidays: Sequence[str]


def entry_of(programme: Programme) -> Entry:
    """The line of a programme."""
    who = words.only_for([(name, values) for name, values in programme.when if values])
    size = ngettext("%(num)s milestone", "%(num)s milestones", len(programme.milestones))
    return Entry(programme.id, in_page_language(programme.title), who or _("for everybody whom no other names"), size)


def month_views(shown: Preview) -> Iterator[MonthView]:
    """The preview's months; a phase is named where it begins."""
    named = ""
    for month in months(shown):
        stretches = []
        for phase, milestones in groupby(month.milestones, key=lambda each: each.phase):
            stretches.append(Stretch("" if phase == named else _(words.PHASES[phase]), list(milestones)))
            named = phase
        yield MonthView(
            title=words.month(month.first),
            weeks=[[_cell(each, month, shown.start_date) if each else None for each in week] for week in month.weeks],
            stretches=stretches,
            holidays=[_("%(day)s: %(name)s", day=words.near(each.day), name=each.name) for each in month.holidays],
        )


def _cell(this: date, month: Month, start: date) -> Cell:
    due, off = len(month.due_on(this)), month.days_off.get(this)
    looks = {"due": due > 0, "start": this == start, "holiday": off is not None and off.kind == "holiday", "off": off is not None}
    said = [ngettext("%(num)s due", "%(num)s due", due)] if due else []
    said += [_("first day")] if looks["start"] else []
    said += [off.name] if off and off.kind == "holiday" else []
    return Cell(this.day, " ".join(f"is-{name}" for name, is_so in looks.items() if is_so), listed(said))


def programme_pages(programmes: Programmes, clock: Clock, pages: Templates) -> APIRouter:
    """`/programmes` and `/programmes/{id}`, for coordinators."""
    router = APIRouter(route_class=PageRoute, include_in_schema=False)

    @router.get("/programmes")
    async def list_programmes(request: Request, viewer: CurrentViewer) -> HTMLResponse:
        check(viewer, "see_programmes")
        entries = [entry_of(each) for each in programmes.current]
        return pages.render(request, "programmes.html", viewer=viewer, entries=entries)

    @router.get("/programmes/{programme_id}")
    async def show_programme(request: Request, viewer: CurrentViewer, programme_id: Id) -> HTMLResponse:
        check(viewer, "see_programmes")
        return await preview_for(request, viewer, programme_id, Newcomer(start=clock().date() + timedelta(days=NOTICE_DAYS)))

    @router.get("/programmes/{programme_id}/preview")
    async def preview_for(
        request: Request, viewer: CurrentViewer, programme_id: Id, newcomer: Annotated[Newcomer, Query()]
    ) -> HTMLResponse:
        check(viewer, "see_programmes")
        shown = previewed(programmes, programme_id, newcomer, str(current().locale).replace("_", "-"))
        return pages.render(
            request,
            "programme.html",
            viewer=viewer,
            shown=shown,
            newcomer=newcomer,
            months=list(month_views(shown)),
            words=words,
            start=day(shown.start_date),
            arrangements=get_args(WorkArrangement),
        )

    return router
