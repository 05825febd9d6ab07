"""`/preferences`: how a person wants to be written to, for whoever is signed in or holds the link from one of their mails."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import time
from typing import Annotated, Any

from babel import Locale
from babel.dates import format_time, get_day_names
from fastapi import APIRouter, Depends, Path, Request
from fastapi.responses import HTMLResponse, RedirectResponse, Response
from pydantic import ValidationError

from services.notifications.chat_desk import ChatDesk
from services.notifications.choosing import choose, fault_in
from services.notifications.letters import today
from services.notifications.preferences import OPTIONAL, USUAL, WEEKDAYS, Chosen, Kind, Preferences
from services.notifications.store import preferences_of
from services.notifications.timing import URGENT, Hours
from shared.access import CurrentViewer, Viewer
from shared.clock import Clock
from shared.directory import name_of, people
from shared.events.notifications import Template
from shared.links import Links
from shared.mongo import Database
from shared.pages import PageRoute, Templates
from shared.pages.language import N_, current
from shared.pages.language import gettext as _
from shared.refusals import Refused
from shared.settings import Settings

KINDS: Mapping[Kind, tuple[str, str]] = {
    "reminders": (N_("Reminders"), N_("before something of yours is due, and whether a first meeting took place")),
    "surveys": (N_("Surveys"), N_("a few questions along the way, for those who join")),
    "invitations": (N_("Invitations"), N_("meetings of mentor and mentee for your calendar")),
    "digest": (
        N_("The weekly overview"),
        N_("for managers: who starts, what is late, what changed; for those who join: what is next"),
    ),
}
ALWAYS: Mapping[str, frozenset[Template]] = {
    N_("The welcome"): frozenset({"welcome"}),
    N_("Changes of a start date"): frozenset({"plans_changed"}),
    N_("Who mentors whom, and when that ends"): frozenset(
        {"mentor_introduction", "mentor_brief", "mentor_unavailable", "mentor_release"}
    ),
    N_("For those who become a mentor: how to begin"): frozenset({"mentor_guidance"}),
    N_("Meetings that are off, where your calendar knows of them"): frozenset({"meeting_cancelled"}),
    N_("What is late or still open, to whoever sees to it"): frozenset({"milestone_late", "milestone_escalated"}),
    N_("For managers: who joins the team"): frozenset({"manager_notice"}),
    N_("For managers: who is not coming after all"): frozenset({"hire_cancelled"}),
    N_("For coordinators: who has no mentor yet"): frozenset({"waitlisted"}),
    N_("For coordinators: whom mail did not reach"): frozenset({"undelivered"}),
}
"""What nobody can do without, in words, and the messages that the words stand for; a line is urgent as a whole or not at all."""

TO_COORDINATORS: frozenset[Template] = frozenset({"waitlisted", "undelivered"})
"""What coordinators alone get. Whoever works here may come to mentor, lead, or begin anew."""
FIELDS = set(Preferences.model_fields) - {"declined"}
Fields = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Chooser:
    """Whose preferences these are: `path` is where their form goes, `viewer` who is signed in, if anybody is."""

    employee_id: str
    path: str
    viewer: Viewer | None


class Forms:
    """Shows and keeps what people choose."""

    def __init__(
        self, db: Database, settings: Settings, languages: Sequence[str], clock: Clock, pages: Templates, desk: ChatDesk
    ) -> None:
        self._db = db
        self._desk = desk
        self._coordinators = frozenset(settings.coordinators)
        self._hours = Hours.read(settings.mail_hours)
        self._clock = clock
        self._tongues = languages
        self.links = Links(settings.secret)
        self._web = settings.web_url.rstrip("/")
        self._pages = pages

    async def show(
        self, request: Request, who: Chooser, fields: Fields | None = None, wrong: str = "", wrong_chat: str = ""
    ) -> HTMLResponse:
        """The form with what is chosen, or as it was sent with what is `wrong` about it, or about the handle for chat."""
        chose = await self._chose(who)
        person = (await people(self._db, {who.employee_id})).get(who.employee_id, {})
        context = {
            "reader": name_of(person, who.employee_id),
            "languages": _languages(person, self._tongues),
            "weekdays": _weekdays(),
            "hours": _in_words(self._hours),
            "zone": (person.get("time_zone") or "UTC").replace("_", " "),
            "kinds": [(kind, _(title), _(words)) for kind, (title, words) in KINDS.items()],
            "always": _always(who.employee_id in self._coordinators),
            "form": _form(chose) if fields is None or wrong_chat else fields,
            "services": self._desk.services,
            "chat": chose.chat,
            "asked": chose.asked,
            "tried": fields if fields and wrong_chat else chose.asked or chose.chat or {"channel": "", "handle": ""},
            "wrong_chat": wrong_chat,
            "today": today(person, self._clock()).isoformat(),
            "saved": "saved" in request.query_params and not wrong,
            "wrong": wrong,
            "action": who.path,
            "feed": self.links.own("calendar", who.employee_id),
            "web": self._web,
        }
        return self._pages.render(
            request, "preferences.html", viewer=who.viewer, status=422 if wrong or wrong_chat else 200, **context
        )

    async def save(self, request: Request, who: Chooser) -> Response:
        """Keep what the form says, or show it again."""
        async with request.form(max_files=0, max_fields=20) as form:
            fields: Fields = {name: str(value) for name, value in form.items()}
            fields["wants"] = [str(each) for each in form.getlist("wants")]
        try:
            await choose(self._db, self._tongues, who.employee_id, _chosen(fields), self._clock())
        except (ValidationError, Refused) as error:
            return await self.show(request, who, _form(USUAL) | fields, fault_in(error))
        return RedirectResponse(f"{who.path}?saved", status_code=303)

    async def take_up_chat(self, request: Request, who: Chooser) -> Response:
        """Send a message to the handle that the form says, or go back to mail."""
        async with request.form(max_files=0, max_fields=5) as form:
            fields: Fields = {name: str(form.get(name, "")).strip() for name in ("channel", "handle", "by")}
        try:
            if fields["by"] == "mail":
                await self._desk.forget(who.employee_id)
            else:
                await self._desk.ask(who.employee_id, fields["channel"], fields["handle"])
        except Refused as error:
            return await self.show(request, who, fields, wrong_chat=error.detail)
        return RedirectResponse(f"{who.path}#chat", status_code=303)

    async def do_without(self, who: Chooser, kind: Kind) -> None:
        """Turn one kind off."""
        chose = await self._chose(who)
        await choose(
            self._db,
            self._tongues,
            who.employee_id,
            chose.model_copy(update={"declined": chose.declined | {kind}}),
            self._clock(),
        )

    def without(self, request: Request, who: Chooser, kind: Kind, *, done: bool) -> HTMLResponse:
        """Asks whether one kind may be turned off, or says that it is."""
        title = _(KINDS[kind][0])
        return self._pages.render(request, "without.html", viewer=None, title=title, done=done, action=who.path)

    async def _chose(self, who: Chooser) -> Chosen:
        return (await preferences_of(self._db, {who.employee_id})).get(who.employee_id, USUAL)


def preference_pages(
    db: Database, settings: Settings, languages: Sequence[str], clock: Clock, pages: Templates, desk: ChatDesk
) -> APIRouter:
    """The form for whoever is signed in, and for whoever holds a link."""
    router = APIRouter()
    forms = Forms(db, settings, languages, clock, pages, desk)
    router.include_router(_own(forms))
    router.include_router(_linked(forms))
    return router


def _own(forms: Forms) -> APIRouter:
    router = APIRouter(route_class=PageRoute, include_in_schema=False)

    def chooser(viewer: CurrentViewer) -> Chooser:
        if viewer.employee_id is None:
            raise Refused(404, "no_person", _("a program gets no mail; sign in as somebody"))
        return Chooser(viewer.employee_id, "/preferences", viewer)

    @router.get("/preferences")
    async def show(request: Request, who: Annotated[Chooser, Depends(chooser)]) -> HTMLResponse:
        return await forms.show(request, who)

    @router.post("/preferences")
    async def save(request: Request, who: Annotated[Chooser, Depends(chooser)]) -> Response:
        return await forms.save(request, who)

    @router.post("/preferences/chat")
    async def chat(request: Request, who: Annotated[Chooser, Depends(chooser)]) -> Response:
        return await forms.take_up_chat(request, who)

    return router


def _linked(forms: Forms) -> APIRouter:
    router = APIRouter(route_class=PageRoute, include_in_schema=False)

    def holder(token: Annotated[str, Path(max_length=1000)]) -> Chooser:
        employee_id = forms.links.owner("preferences", token)
        if employee_id is None:
            words = _("this link is not one of ours, or not whole; take it from a mail once more, or sign in")
            raise Refused(404, "unknown_link", words)
        return Chooser(employee_id, f"/preferences/{token}", None)

    Held = Annotated[Chooser, Depends(holder)]  # noqa: N806 - a type

    @router.get("/preferences/{token}")
    async def show(request: Request, who: Held) -> HTMLResponse:
        return await forms.show(request, who)

    @router.post("/preferences/{token}")
    async def save(request: Request, who: Held) -> Response:
        return await forms.save(request, who)

    @router.post("/preferences/{token}/chat")
    async def chat(request: Request, who: Held) -> Response:
        return await forms.take_up_chat(request, who)

    @router.get("/preferences/{token}/without/{kind}")
    async def ask(request: Request, who: Held, kind: Kind) -> HTMLResponse:
        # Mail scanners follow links: looking changes nothing.
        return forms.without(request, who, kind, done=False)

    @router.post("/preferences/{token}/without/{kind}")
    async def do_without(request: Request, who: Held, kind: Kind) -> HTMLResponse:
        # Mail programs send this by themselves when their reader unsubscribes (RFC 8058).
        await forms.do_without(who, kind)
        return forms.without(request, who, kind, done=True)

    return router


def _chosen(fields: Mapping[str, Any]) -> Preferences:
    """What a form says. Raises pydantic's ValidationError."""
    given = {name: fields.get(name) or None for name in ("language", "quiet_from", "quiet_until", "paused_until")}
    declined = [kind for kind in OPTIONAL if kind not in fields["wants"]]
    return Preferences.model_validate(given | {"digest_day": fields.get("digest_day", "monday"), "declined": declined})


def _form(chose: Preferences) -> dict[str, Any]:
    given = {name: value or "" for name, value in chose.model_dump(mode="json", include=FIELDS).items()}
    return given | {"wants": [kind for kind in OPTIONAL if kind not in chose.declined]}


def _always(coordinates: bool) -> list[tuple[str, bool]]:
    """What this reader can't do without, and whether it comes at any hour and in a pause."""
    shown = ((words, templates) for words, templates in ALWAYS.items() if coordinates or not templates <= TO_COORDINATORS)
    return [(_(words), templates <= URGENT) for words, templates in shown]


def _languages(person: Mapping[str, Any], tongues: Sequence[str]) -> list[tuple[str, str]]:
    """What there is to choose from, each language by its own name; HR's word first."""
    given = Locale.parse(str(person["locale"]), sep="-").get_display_name(current().locale) if person.get("locale") else None
    hr = _("as HR says: %(language)s", language=given) if given else _("as HR says")
    return [("", hr), *((code, str(Locale(code).get_display_name(code)).capitalize()) for code in tongues)]


def _weekdays() -> list[tuple[str, str]]:
    names = get_day_names("wide", "stand-alone", current().locale)
    return [(day, names[number]) for number, day in enumerate(WEEKDAYS)]


def _in_words(hours: Hours | None) -> str:
    if hours is None:
        return _("Mail goes to you at any hour.")
    opens, closes = (_time(each) for each in (hours.opens, hours.closes))
    words = _("Mail goes to you on working days between %(opens)s and %(closes)s, unless you say otherwise.")
    return words % {"opens": opens, "closes": closes}


def _time(at: time) -> str:
    return str(format_time(at, "short", locale=current().locale))
