"""`/coordinator/bounces`: whom mail does not reach, why, and what helps."""

from dataclasses import dataclass
from datetime import date
from typing import Annotated

from fastapi import APIRouter, Form, Request
from fastapi.responses import HTMLResponse, RedirectResponse

from services.notifications.suppression import Bounced, Suppression, lift
from shared.access import CurrentViewer, check
from shared.clock import Clock
from shared.directory import name_of, people
from shared.mongo import Database, Document
from shared.pages import PageRoute, Templates
from shared.pages.language import N_
from shared.pages.language import gettext as _
from shared.settings import Settings

PATH = "/coordinator/bounces"

WHY = {
    "5.1": N_("there is no such mailbox"),
    "5.2": N_("the mailbox is full or takes no mail"),
    "5.3": N_("the mail server there takes no mail"),
    "5.4": N_("no mail server could be found for the address"),
    "5.7": N_("the mail server there refuses us: ask its operators"),
}
"""What the first two numbers of a status mean (RFC 3463)."""


@dataclass(frozen=True, slots=True)
class Line:
    """Somebody whom mail does not reach."""

    address: str
    employee_id: str
    name: str
    why: str
    status: str
    since: date


def bounce_pages(db: Database, settings: Settings, clock: Clock, pages: Templates) -> APIRouter:
    """The list, and writing to somebody again."""
    router = APIRouter(route_class=PageRoute, include_in_schema=False)
    suppression = Suppression(settings.secret)

    @router.get(PATH)
    async def show(request: Request, viewer: CurrentViewer) -> HTMLResponse:
        check(viewer, "see_bounces")
        found = await suppression.present(db)
        known = await people(db, {each.recipient_id for each in found})
        lines = [_line(each, known) for each in found]
        again = "again" in request.query_params
        return pages.render(request, "bounces.html", viewer=viewer, lines=lines, again=again, today=clock().date())

    @router.post(PATH)
    async def write_again(viewer: CurrentViewer, address: Annotated[str, Form(pattern=r"^[0-9a-f]{64}$")]) -> RedirectResponse:
        check(viewer, "see_bounces")
        await lift(db, address)
        return RedirectResponse(f"{PATH}?again", status_code=303)

    return router


def _line(bounced: Bounced, known: dict[str, Document]) -> Line:
    why = WHY.get(bounced.status.rpartition(".")[0])
    name = name_of(known.get(bounced.recipient_id), bounced.recipient_id)
    words = _(why) if why else _("mail came back")
    return Line(bounced.address, bounced.recipient_id, name, words, bounced.status, bounced.at.date())
