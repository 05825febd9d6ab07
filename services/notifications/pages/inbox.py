"""`/inbox`: what was written to whoever is signed in, newest first, with what they have not read yet."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Annotated
from zoneinfo import ZoneInfo

from fastapi import APIRouter, Path, Request
from fastapi.responses import HTMLResponse, RedirectResponse

from services.notifications import store
from services.notifications.entry import Entry
from services.notifications.rendering import Renderer
from services.notifications.reopening import reopened
from shared.access import CurrentViewer, Viewer
from shared.clock import Clock
from shared.directory import name_of, people
from shared.events.notifications import Template
from shared.links import Links
from shared.mongo import Database
from shared.pages import PageRoute, Templates
from shared.pages.language import N_
from shared.pages.language import gettext as _
from shared.refusals import Refused
from shared.settings import Settings

MOST = 100  # of a mailbox nobody reads further down; the person's page lists what was sent about somebody

TITLES: Mapping[Template, str] = {
    "welcome": N_("Welcome"),
    "mentor_introduction": N_("Your mentor"),
    "mentor_unavailable": N_("Your mentor is no longer available"),
    "mentor_guidance": N_("You are a mentor: how to begin"),
    "mentor_brief": N_("You mentor %(name)s"),
    "mentor_release": N_("Thank you for mentoring %(name)s"),
    "manager_notice": N_("%(name)s joins your team"),
    "hire_cancelled": N_("%(name)s is not coming after all"),
    "plans_changed": N_("Another start date: %(name)s"),
    "waitlisted": N_("No mentor yet for %(name)s"),
    "milestone_late": N_("Late: %(name)s"),
    "milestone_reminder": N_("A reminder: %(name)s"),
    "milestone_escalated": N_("Still open: %(name)s"),
    "survey_invitation": N_("A few questions for you"),
    "meeting_question": N_("Did you meet?"),
    "meeting_invitation": N_("A time to meet: %(name)s"),
    "meeting_cancelled": N_("A meeting is off: %(name)s"),
    "manager_digest": N_("Your week with your new people"),
    "week_ahead": N_("Your week ahead"),
    "undelivered": N_("Whom mail did not reach"),
}
"""What each message is called in a list; `name` is the hire whom it is about."""

TITLES_FOR_HIRES: Mapping[Template, str] = {
    **TITLES,
    "plans_changed": N_("Your start date has changed"),
    "milestone_late": N_("Late: something of yours"),
    "milestone_reminder": N_("A reminder"),
    "meeting_invitation": N_("A time to meet your mentor"),
    "meeting_cancelled": N_("A meeting with your mentor is off"),
}
"""What they are called to the hire, who needs no telling whom they are about."""


@dataclass(frozen=True, slots=True)
class Line:
    """One message in the list."""

    id: str
    title: str
    at: datetime
    unread: bool


def inbox_pages(db: Database, settings: Settings, renderer: Renderer, clock: Clock, pages: Templates) -> APIRouter:
    """The list, one message, and marking all as read."""
    router = APIRouter(route_class=PageRoute, include_in_schema=False)
    links = Links(settings.secret)

    @router.get("/inbox")
    async def show(request: Request, viewer: CurrentViewer) -> HTMLResponse:
        me = _reader(viewer)
        entries = await store.inbox(db, me, MOST)
        known = await people(db, {me, *(entry.employee_id for entry in entries)})
        zone = ZoneInfo(known.get(me, {}).get("time_zone") or "UTC")
        lines = [_line(entry, name_of(known.get(entry.employee_id, {}), entry.employee_id), zone) for entry in entries]
        unread, today = sum(line.unread for line in lines), clock().astimezone(zone).date()
        return pages.render(request, "inbox.html", viewer=viewer, lines=lines, unread=unread, today=today)

    @router.get("/inbox/{message_id}")
    async def read(request: Request, viewer: CurrentViewer, message_id: Annotated[str, Path(max_length=64)]) -> HTMLResponse:
        found = await store.entries(
            db, {"_id": message_id, "recipient_id": _reader(viewer), "state": {"$in": list(store.ARRIVED)}}
        )
        message = await reopened(db, found[0], renderer, settings.web_url, links, clock()) if found else None
        if message is None:
            raise Refused(404, "unknown_message", _("there is no such message in your inbox"))
        await store.mark_read(db, _reader(viewer), clock(), [message_id])
        return pages.render(request, "message.html", viewer=viewer, message=message.rendered, at=found[0].settled_at)

    @router.post("/inbox")
    async def read_all(viewer: CurrentViewer) -> RedirectResponse:
        await store.mark_read(db, _reader(viewer), clock())
        return RedirectResponse("/inbox", status_code=303)

    return router


def _reader(viewer: Viewer) -> str:
    if viewer.employee_id is None:
        raise Refused(404, "no_person", _("a program gets no mail; sign in as somebody"))
    return viewer.employee_id


def _line(entry: Entry, name: str, zone: ZoneInfo) -> Line:
    return Line(
        entry.message_id, title_of(entry, name), (entry.settled_at or entry.due_at).astimezone(zone), entry.read_at is None
    )


def title_of(entry: Entry, name: str) -> str:
    """What a message is called to its reader; `name` is the hire whom it is about."""
    theirs = TITLES_FOR_HIRES if entry.recipient_id == entry.employee_id else TITLES
    words = theirs.get(entry.template)  # type: ignore[call-overload]
    return _(words, name=name) if words else entry.template
