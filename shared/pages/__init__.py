"""Server-rendered pages: one layout, one style, one way to render. Services bring their own templates.

    PAGES = templates(Path(__file__).parent / "templates")
    router = APIRouter(route_class=PageRoute, include_in_schema=False)

    @router.get("/coordinator/waitlist")
    async def waitlist(request: Request, viewer: CurrentViewer) -> HTMLResponse:
        check(viewer, "see_waitlist")
        return PAGES.render(request, "waitlist.html", viewer=viewer, waiting=...)

A template begins with `{% extends "layout.html" %}` and fills the blocks `title` and `main`. Everywhere `parts` has the macros of
`parts.html` for what repeats (person, badge, icon, bar, empty); `static/style.css` begins with the list of its building blocks.
Texts are translated where they stand: `{% trans %}Sign out{% endtrans %}` or `_("...")` in templates, `language.py` in Python.
Scripts and styles come from `/static` alone: the policy sent with each page forbids inline ones and other origins.
"""

import asyncio
import re
from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from hashlib import blake2b
from http import HTTPStatus
from pathlib import Path
from typing import Annotated, Any
from urllib.parse import quote

import jinja2
from fastapi import APIRouter, FastAPI, Form, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import HTMLResponse, RedirectResponse, Response
from fastapi.routing import APIRoute
from starlette.exceptions import HTTPException
from starlette.staticfiles import StaticFiles
from starlette.types import Scope

from shared.access import Viewer, viewer_or_none
from shared.mongo import PyMongoError
from shared.pages import words
from shared.pages.language import COOKIE, LANGUAGES, N_, SpeakTheirLanguage, current, gettext, known_locale, plain_ngettext
from shared.problems import allowed_methods, problem_response, refused_by_database, refused_by_validation
from shared.refusals import AnyOf, Refused, invalid
from shared.settings import Settings

FOLDER = Path(__file__).parent
STATIC = FOLDER / "static"
LANGUAGE_KEPT_S = 365 * 24 * 60 * 60  # people do not change it often
FOREVER = "public, max-age=31536000, immutable"  # an asset's address holds the hash of its content

FILTERS: tuple[Callable[..., object], ...] = (
    words.day,
    words.relative,
    words.moment,
    words.plural,
    words.listed,
    words.humane,
    words.sentence,
    words.initials,
    words.tint,
)

HEADINGS = {
    403: N_("This is not yours to see or do"),
    404: N_("Nothing here"),
    405: N_("Nothing here"),
    409: N_("This does not fit any more"),
    413: N_("This is too much at once"),
    422: N_("This can't be done as it was asked"),
    500: N_("Something went wrong"),
    503: N_("Not possible just now"),
}
"""What a page says above a refusal, by its status."""

NOWHERE = {
    404: N_("there is nothing at this address; check it, or go on from the start page"),
    405: N_("this address takes forms and not visits; go back to the page before"),
}

HEADERS = {
    "Content-Security-Policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; "
        "frame-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
    ),
    "Vary": "Accept-Language, Cookie",
    "Cache-Control": "no-store",  # pages show people; a shared computer must not keep them
    "Referrer-Policy": "same-origin",
    "X-Content-Type-Options": "nosniff",
}


@dataclass(frozen=True, slots=True)
class Place:
    """One entry of the navigation; `key` is what `Viewer.places` holds for those who have it, None: whoever sees all."""

    label: str
    path: str
    key: str | None = None


PLACES = (
    Place(N_("Overview"), "/overview"),
    Place(N_("Board"), "/board", "board"),
    Place(N_("My page"), "/me", "me"),
    Place(N_("Mentoring"), "/mentoring", "mentoring"),
    Place(N_("Inbox"), "/inbox", "inbox"),
    Place(N_("Matching"), "/coordinator"),
    Place(N_("Programmes"), "/programmes"),
    Place(N_("Outcomes"), "/outcomes"),
    Place(N_("Mail"), "/mail"),
)


PERSONAL = frozenset({"me", "mentoring", "inbox"})
"""Places that are somebody's own, whatever else they may see."""


def nav(viewer: Viewer | None) -> list[Place]:
    """The pages to offer a viewer. What they may really see is decided by each page with `shared.access`."""
    if viewer is None:
        return []
    theirs = viewer.places | ({"inbox"} if viewer.employee_id else set())
    return [place for place in PLACES if place.key in theirs or (viewer.sees_all and place.key not in PERSONAL)]


def asset(name: str) -> str:
    """The address of a static file, with its content's hash so that it can be cached for ever."""
    return f"/static/{name}?v={blake2b((STATIC / name).read_bytes(), digest_size=6).hexdigest()}"


class Templates:
    """A Jinja environment over the shared layout and a service's own folders."""

    def __init__(self, folders: tuple[Path, ...]) -> None:
        loader = jinja2.FileSystemLoader([*folders, FOLDER / "templates"])
        self.environment = jinja2.Environment(
            loader=loader, autoescape=True, undefined=jinja2.StrictUndefined, trim_blocks=True, lstrip_blocks=True
        )
        self.environment.add_extension("jinja2.ext.i18n")
        self.environment.install_gettext_callables(gettext, plain_ngettext, newstyle=True)  # type: ignore[attr-defined]
        self.environment.policies["ext.i18n.trimmed"] = True  # a line break in a template is no part of its text
        self.environment.filters |= {word.__name__: word for word in FILTERS}
        assets = {path.name: asset(path.name) for path in STATIC.iterdir() if path.is_file()}
        self.environment.globals["asset"] = assets.__getitem__
        self.environment.globals["parts"] = self.environment.get_template("parts.html").module

    def partial(self, name: str, **context: Any) -> str:
        """A template without the layout around it, for live updates."""
        return self.environment.get_template(name).render(context)

    def render(self, request: Request, name: str, *, viewer: Viewer | None, status: int = 200, **context: Any) -> HTMLResponse:
        """A whole page. Templates also get `viewer`, `nav`, `path`, `address`, `page_language`, `page_languages` and `brand`."""
        address = request.url.path + (f"?{request.url.query}" if request.url.query else "")
        around = {
            "page_language": current(),
            "page_languages": LANGUAGES,
            "address": address if request.method == "GET" else "/",  # where to go on after the language was changed
            "viewer": viewer,
            "nav": nav(viewer),
            "path": request.url.path,
            "brand": getattr(request.app.state, "brand", "Firstmate"),
        }
        return HTMLResponse(self.partial(name, **around, **context), status_code=status, headers=HEADERS)


def templates(*folders: Path) -> Templates:
    """The templates of a service; later folders and the shared ones stand behind earlier ones."""
    return Templates(folders)


_SHARED = templates()


class PageRoute(APIRoute):
    """A route whose refusals are read by people: a page that says what happened, or the way to sign in."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        handle = super().get_route_handler()

        async def handle_for_people(request: Request) -> Response:
            try:
                return await handle(request)
            except Refused as refused:
                return refusal_page(request, refused)
            except RequestValidationError as error:
                return refusal_page(request, _unreadable(error))
            except PyMongoError as error:
                return refusal_page(request, refused_by_database(request, error))

        return handle_for_people


def _unreadable(error: RequestValidationError) -> Refused:
    """A form or address that can't be read; what is wrong with the field is said in English, as the library has it."""
    refused = refused_by_validation(error)
    _, _, fault = refused.detail.partition(": ")
    return invalid(
        "the field '%(name)s' can't be read (%(fault)s); go back and check it",
        refused.code,
        refused.field,
        name=refused.field,
        fault=fault,
    )


def refusal_page(request: Request, refused: Refused) -> Response:
    """What a person sees instead of a problem document; who is not signed in is shown the way there and comes back."""
    if refused.status == 401:
        back = request.url.path + (f"?{request.url.query}" if request.url.query else "")
        wanted = f"?next={quote(back, safe='')}" if request.method == "GET" and back != "/" else ""
        return RedirectResponse(f"/sign-in{wanted}", status_code=303)
    heading = gettext(HEADINGS.get(refused.status, refused.title))
    status, viewer = refused.status, viewer_or_none(request)
    return _SHARED.render(
        request, "refused.html", viewer=viewer, status=status, number=status, heading=heading, words=in_words(refused)
    )


def in_words(refused: Refused) -> str:
    """A refusal as a sentence in the page's language, without a full stop; in English where nobody translated it."""
    values = {
        name: words.one_of([gettext(text) for text in value.texts]) if isinstance(value, AnyOf) else value
        for name, value in refused.values.items()
    }
    said = gettext(refused.text, **values)
    return said[:1].upper() + said[1:]


async def _answer_in_kind(request: Request, error: Exception) -> Response:
    """A page for people, a problem document for programs, where no route of ours had its say."""
    headers = dict(getattr(error, "headers", None) or {})
    if isinstance(error, HTTPException):
        words = gettext(NOWHERE[error.status_code])
        if error.status_code == 405:
            headers = {"Allow": allowed_methods(request.app, request.scope)}
            words = words if request.method == "GET" else f"this address takes {headers['Allow']}"
        refused = Refused(error.status_code, HTTPStatus(error.status_code).name.lower(), words)
    else:  # it is raised again after the answer, and so logged
        refused = Refused(500, "internal_error", "something went wrong on our side; try again, and tell the operator if it stays")
    if "text/html" in request.headers.get("accept", "") and not request.url.path.startswith("/api/"):
        return refusal_page(request, refused)
    return problem_response(refused, headers)


def local_path(wanted: str, otherwise: str = "/") -> str:
    """An address to send a browser on to, if it is one of ours; anything that could lead elsewhere becomes `otherwise`."""
    return wanted if re.fullmatch(r"/(?![/\\])[\x21-\x5b\x5d-\x7e]*", wanted) else otherwise


class _Assets(StaticFiles):
    def file_response(self, full_path: Any, stat_result: Any, scope: Scope, status_code: int = 200) -> Response:
        response = super().file_response(full_path, stat_result, scope, status_code)
        response.headers["Cache-Control"] = FOREVER if b"v=" in scope["query_string"] else "no-cache"
        response.headers["X-Content-Type-Options"] = "nosniff"
        return response


def _language_route() -> APIRouter:
    router = APIRouter(route_class=PageRoute, include_in_schema=False)

    @router.post("/language")
    async def choose_language(
        request: Request, to: Annotated[str, Form(max_length=35)], next: Annotated[str, Form(max_length=2000)] = "/"
    ) -> RedirectResponse:
        if known_locale(to) is None:
            raise invalid(
                "pages speak %(languages)s; choose one of these",
                "unknown_language",
                "to",
                languages=", ".join(LANGUAGES.values()),
            )
        answer = RedirectResponse(local_path(next), status_code=303)
        secure = request.url.scheme == "https"
        answer.set_cookie(COOKIE, to, max_age=LANGUAGE_KEPT_S, httponly=True, samesite="lax", secure=secure)
        return answer

    return router


def install_pages(app: FastAPI, settings: Settings) -> None:
    """Serve the static files and give every page its brand. Call once, before the app serves.

    Whoever runs the server sets `app.state.stopping` when it begins to stop, so that open live pages let go of it.
    """
    app.state.brand = settings.brand_name
    for error in (404, 405, Exception):
        app.add_exception_handler(error, _answer_in_kind)
    app.state.stopping = asyncio.Event()
    app.include_router(_language_route())
    app.add_middleware(SpeakTheirLanguage)
    app.mount("/static", _Assets(directory=STATIC), name="static")
