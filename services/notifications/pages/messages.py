"""`/people/{id}/messages`: every message about somebody, as the ledger has it, each with the steps it took, folded."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from fastapi import APIRouter, Request
from fastapi.responses import HTMLResponse

from services.notifications.entry import Entry, LedgerState, Transition
from services.notifications.pages.inbox import title_of
from services.notifications.store import latest_about, mentor_of
from shared import directory
from shared.access import CurrentViewer, check
from shared.directory import name_of, people
from shared.events.hr import EmployeeId
from shared.mongo import Database
from shared.pages import PageRoute, Templates
from shared.pages.language import N_
from shared.pages.language import gettext as _
from shared.pages.words import humane, lowered, moment

MOST = 200  # about a hire there are some dozens; older ones are in the API

STATES: Mapping[LedgerState, tuple[str, str, str]] = {
    "planned": (N_("Planned"), "muted", "clock"),
    "due": (N_("Waits to be sent"), "info", "clock"),
    "sending": (N_("Taken up by the sender"), "info", "mail"),
    "rendered": (N_("Written"), "info", "mail"),
    "sent": (N_("Accepted for delivery"), "ok", "check"),
    "confirmed": (N_("Arrived"), "ok", "check"),
    "failed": (N_("Failed"), "late", "alert"),
    "suppressed": (N_("Not sent"), "muted", "minus"),
}
"""What each state is called, with its badge's kind and symbol."""

REASONS = (
    N_("Withdrawn"),
    N_("Outdated"),
    N_("Declined"),
    N_("Nothing to tell"),
    N_("Paused"),
    N_("Quiet hours"),
    N_("Day off"),
    N_("Daily limit"),
    N_("No address"),
    N_("Bad address"),
    N_("Address bounced"),
    N_("Address changed"),
    N_("Recipient left"),
    N_("Unknown person"),
    N_("Preferences changed"),
    N_("Prefers chat"),
    N_("Prefers email"),
    N_("Abandoned"),
    N_("Channel resting"),
    N_("Domain slow"),
)
"""What `humane` makes of the reasons that readers meet, for translation; those of mail servers stay as the log has them."""


@dataclass(frozen=True, slots=True)
class Line:
    """One message: what it is, to whom, where it stands, and its steps as moment and words, the oldest first."""

    title: str
    to: str
    state: str
    kind: str
    symbol: str
    steps: Sequence[tuple[str, str]]


def message_pages(db: Database, pages: Templates) -> APIRouter:
    """The messages about one person, the latest planned first."""
    router = APIRouter(route_class=PageRoute, include_in_schema=False)

    @router.get("/people/{employee_id}/messages")
    async def show(request: Request, viewer: CurrentViewer, employee_id: EmployeeId) -> HTMLResponse:
        chain = [] if viewer.sees_all else await directory.chain(db, employee_id)
        check(viewer, "see_messages", subject=employee_id, chain=chain, mentor_id=await mentor_of(db, employee_id))
        entries = await latest_about(db, employee_id, MOST)
        known = await people(db, {employee_id, *(entry.recipient_id for entry in entries)})
        names = {id: name_of(known.get(id), id) for id in {employee_id, *(entry.recipient_id for entry in entries)}}
        zone = known.get(viewer.employee_id or "", {}).get("time_zone")
        lines = [_line(entry, names, zone) for entry in entries]
        about = {"id": employee_id, "name": names[employee_id]}
        return pages.render(request, "messages.html", viewer=viewer, person=about, lines=lines)

    return router


def _line(entry: Entry, names: Mapping[str, str], zone: str | None) -> Line:
    words, kind, symbol = STATES[entry.state]
    steps = [(moment(step.at, zone), _step(step)) for step in entry.transitions]
    if entry.state == "planned":
        steps.append((moment(entry.due_at, zone), _("To be sent")))
    return Line(title_of(entry, names[entry.employee_id]), names[entry.recipient_id], _(words), kind, symbol, steps)


def _step(step: Transition) -> str:
    words = _(STATES[step.state][0])
    return _("%(what)s: %(why)s", what=words, why=lowered(humane(step.reason))) if step.reason else words
