"""Who may see and do what: one table, one check, and how a request says who is asking.

A manager sees the reporting chain below them, mentors their mentees, hires themselves, coordinators and the operator
all. People come with a signed session cookie, programs with the operator's bearer token.
"""

import ipaddress
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from hmac import compare_digest
from typing import Annotated, Final, Literal
from urllib.parse import urlsplit

from fastapi import Depends, FastAPI, Request, Response
from itsdangerous import BadSignature, URLSafeTimedSerializer
from starlette.datastructures import Headers
from starlette.types import ASGIApp, Receive, Scope, Send

from shared.events.onboarding import Owner
from shared.languages import N_
from shared.problems import problem_response
from shared.refusals import AnyOf, Refused, forbidden
from shared.settings import Settings

SESSION_COOKIE = "firstmate_session"
SESSION_S = 12 * 60 * 60  # a working day and some; then the person signs in again
SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS", "TRACE"})
LOOPBACK_NAMES = frozenset({"localhost", "127.0.0.1", "::1"})

OPERATOR: Final = "operator"  # how facts name a program with the operator's token

Role = Literal["operator", "coordinator"]
Relation = Literal["self", "mentor", "manager", "coordinator", "operator"]
Action = Literal[
    "see_board",
    "see_journey",
    "complete_milestone",
    "change_plan",
    "log_meeting",
    "answer_survey",
    "share_start",
    "see_contacts",
    "see_survey_comments",
    "see_assignment",
    "see_messages",
    "choose_preferences",
    "manage_mentors",
    "nominate_mentor",
    "choose_availability",
    "see_brief",
    "override_assignment",
    "request_change",
    "see_waitlist",
    "see_matching_reports",
    "see_projections",
    "see_outcomes",
    "see_programmes",
    "publish_events",
    "see_mail",
    "report_bounces",
    "see_bounces",
]

_STAFF: frozenset[Relation] = frozenset({"coordinator", "operator"})
_ABOVE: frozenset[Relation] = _STAFF | {"manager"}

MAY: Mapping[Action, frozenset[Relation]] = {
    "see_board": _ABOVE | {"self"},  # the subject is the person whose reporting tree it shows; none means everybody's
    "see_journey": _ABOVE | {"self", "mentor"},
    "change_plan": _ABOVE,
    "log_meeting": _STAFF | {"self", "mentor"},  # the two who met, or who keeps the books
    "answer_survey": frozenset({"self", "operator"}),  # nobody answers for another; the operator imports answers
    "share_start": frozenset({"self"}),  # nobody agrees for another, nor reads what others agreed to show to them
    "see_contacts": frozenset({"self"}),  # how to reach mentor, manager and coordinators is a hire's to know
    "see_survey_comments": _STAFF | {"self"},  # neither mentor nor manager: people write what they could not say to them
    "see_assignment": _ABOVE | {"self", "mentor"},
    "see_messages": _ABOVE | {"self"},
    "choose_preferences": _STAFF | {"self"},
    "manage_mentors": _STAFF,
    "nominate_mentor": _ABOVE | {"self"},
    "choose_availability": _STAFF | {"self"},  # the subject is the mentor
    "see_brief": _STAFF | {"mentor"},  # what a mentor is told of a mentee: interests are for the two, not for the line above
    "override_assignment": _STAFF,
    "request_change": _STAFF | {"self", "mentor"},
    "see_waitlist": _STAFF,
    "see_matching_reports": _STAFF,
    "see_projections": _STAFF,
    "see_outcomes": _STAFF,
    "see_programmes": _STAFF,
    "publish_events": frozenset({"operator"}),
    "see_mail": _STAFF,
    "report_bounces": frozenset({"operator"}),  # mail servers, with the operator's token
    "see_bounces": _STAFF,
}
"""Which relation to the subject suffices for which action; `complete_milestone` depends on its owner: `MAY_COMPLETE`."""

MAY_COMPLETE: Mapping[Owner, frozenset[Relation]] = {
    "hire": _ABOVE | {"self"},
    "mentor": _ABOVE | {"mentor"},
    "manager": _ABOVE,
    "coordinator": _ABOVE,
}
"""Whose word completes a milestone, by its owner: the owner's, a manager's above the hire, or a coordinator's."""

_WHO: Mapping[Relation, str] = {
    "self": N_("the person concerned"),
    "mentor": N_("their mentor"),
    "manager": N_("a manager above them"),
    "coordinator": N_("a coordinator"),
    "operator": N_("an operator"),
}
"""How a refusal names whose word would be enough."""

_REFUSED: Mapping[Action, str] = {
    "see_board": N_("only %(who)s may see this board"),
    "see_journey": N_("only %(who)s may see this journey"),
    "complete_milestone": N_("only %(who)s may mark this milestone as done or as not needed"),
    "change_plan": N_("only %(who)s may change this plan"),
    "log_meeting": N_("only %(who)s may log a meeting here"),
    "answer_survey": N_("only %(who)s may answer this survey"),
    "share_start": N_("only %(who)s may see and choose this"),
    "see_contacts": N_("only %(who)s may see how to reach the people around them"),
    "see_survey_comments": N_("only %(who)s may read what this person wrote in surveys"),
    "see_assignment": N_("only %(who)s may see why somebody has this mentor"),
    "see_messages": N_("only %(who)s may see these messages"),
    "choose_preferences": N_("only %(who)s may say how this person is written to"),
    "manage_mentors": N_("only %(who)s may enrol and change mentors"),
    "nominate_mentor": N_("only %(who)s may put this person forward as a mentor"),
    "choose_availability": N_("only %(who)s may see and say when this person mentors"),
    "see_brief": N_("only %(who)s may read what a mentor is told of this person"),
    "override_assignment": N_("only %(who)s may choose a mentor by hand"),
    "request_change": N_("only %(who)s may ask for another mentor here"),
    "see_waitlist": N_("only %(who)s may see the waitlist"),
    "see_matching_reports": N_("only %(who)s may see how matching fares and will fare"),
    "see_projections": N_("only %(who)s may see how current the pages are"),
    "see_outcomes": N_("only %(who)s may see what came of the programme"),
    "see_programmes": N_("only %(who)s may see the programmes"),
    "publish_events": N_("only %(who)s may publish events"),
    "see_mail": N_("only %(who)s may read the mail"),
    "report_bounces": N_("only %(who)s may report what became of mails"),
    "see_bounces": N_("only %(who)s may see whom mail does not reach"),
}


@dataclass(frozen=True, slots=True)
class Viewer:
    """Who is asking. `name` and `places` (the pages the navigation offers) serve display only and permit nothing."""

    employee_id: str | None
    roles: frozenset[Role] = frozenset()
    name: str = field(default="", repr=False, compare=False)
    places: frozenset[str] = field(default=frozenset(), compare=False)

    @property
    def by(self) -> str:
        """How facts and records name whoever did something: by the employee id, or as `operator`."""
        return self.employee_id or OPERATOR

    @property
    def sees_all(self) -> bool:
        """Coordinators and the operator see everybody."""
        return bool(self.roles)


def relations(
    viewer: Viewer, subject: str | None, chain: Sequence[str] = (), mentor_id: str | None = None
) -> frozenset[Relation]:
    """What the viewer is to the subject, whose managers upward are `chain` and whose present mentor is `mentor_id`."""
    found: set[Relation] = set(viewer.roles)
    me = viewer.employee_id
    if me is not None and subject is not None:
        if me == subject:
            found.add("self")
        elif me in chain:  # a reporting cycle must not make anybody their own manager
            found.add("manager")
        if me == mentor_id and me != subject:
            found.add("mentor")
    return frozenset(found)


def _enough(action: Action, owner: Owner | None) -> frozenset[Relation]:
    if action != "complete_milestone":
        return MAY[action]
    if owner is None:
        raise ValueError("complete_milestone needs the milestone's owner")
    return MAY_COMPLETE[owner]


def may(
    viewer: Viewer,
    action: Action,
    *,
    subject: str | None = None,
    chain: Sequence[str] = (),
    mentor_id: str | None = None,
    owner: Owner | None = None,
) -> bool:
    """Whether the viewer may do this; `owner` is the milestone's and needed for `complete_milestone` alone."""
    return bool(relations(viewer, subject, chain, mentor_id) & _enough(action, owner))


def check(
    viewer: Viewer,
    action: Action,
    *,
    subject: str | None = None,
    chain: Sequence[str] = (),
    mentor_id: str | None = None,
    owner: Owner | None = None,
) -> None:
    """As `may`, but raises `Refused` (403) that says whose word would be enough."""
    if not may(viewer, action, subject=subject, chain=chain, mentor_id=mentor_id, owner=owner):
        enough = _enough(action, owner)
        raise forbidden(_REFUSED[action], who=AnyOf(tuple(words for relation, words in _WHO.items() if relation in enough)))


class Gate:
    """Reads and writes who is asking, under the settings of this process.

    Sessions are signed and kept by the browser alone: nothing is stored, so signing out forgets the cookie and no more.
    """

    def __init__(self, settings: Settings) -> None:
        self._token = settings.token.get_secret_value()
        self._coordinators = frozenset(settings.coordinators)
        secret = settings.secret.get_secret_value()
        self._signer = URLSafeTimedSerializer(secret, salt="firstmate.session") if secret else None

    def viewer(self, headers: Headers, cookie: str | None) -> Viewer | None:
        """The viewer that a request names, or None. A bearer token that is wrong is not rescued by a cookie."""
        scheme, _, presented = headers.get("authorization", "").partition(" ")
        if scheme.lower() == "bearer":
            known = bool(self._token) and compare_digest(presented.strip().encode(), self._token.encode())
            return Viewer(None, frozenset({"operator"})) if known else None
        return self._of_session(cookie) if cookie else None

    def _of_session(self, cookie: str) -> Viewer | None:
        if self._signer is None:
            return None
        try:
            held = self._signer.loads(cookie, max_age=SESSION_S)
            employee_id, name, places = str(held["id"]), str(held["name"]), frozenset(map(str, held["places"]))
        except (BadSignature, KeyError, TypeError):
            return None
        # Roles are looked up on every request, so that who is no coordinator any more has no session that says so.
        return Viewer(employee_id, self.roles(employee_id), name, places)

    def roles(self, employee_id: str) -> frozenset[Role]:
        """The roles that the settings give this person."""
        return frozenset({"coordinator"}) if employee_id in self._coordinators else frozenset()

    def sign_in(self, response: Response, viewer: Viewer, *, secure: bool) -> None:
        """Put the session cookie of `viewer` on the response. Raises `Refused` (503) when no secret is set."""
        if self._signer is None:
            raise Refused(503, "no_secret", "sessions can't be signed: set FIRSTMATE_SECRET to a long random text")
        held = {"id": viewer.employee_id, "name": viewer.name, "places": sorted(viewer.places)}
        response.set_cookie(
            SESSION_COOKIE, str(self._signer.dumps(held)), max_age=SESSION_S, httponly=True, samesite="lax", secure=secure
        )

    def sign_out(self, response: Response) -> None:
        """Take the session cookie away."""
        response.delete_cookie(SESSION_COOKIE, httponly=True, samesite="lax")


def install_access(app: FastAPI, settings: Settings) -> None:
    """Let the app know its viewers and refuse writes that another site started. Call once, before it serves."""
    app.state.gate = Gate(settings)
    app.add_middleware(SameSiteWrites, web_url=settings.web_url)


def viewer_or_none(request: Request) -> Viewer | None:
    """The viewer of a request, or None when it names nobody (FastAPI dependency). Nobody where access is not installed."""
    gate: Gate | None = getattr(request.app.state, "gate", None)
    return gate.viewer(request.headers, request.cookies.get(SESSION_COOKIE)) if gate else None


def current_viewer(request: Request) -> Viewer:
    """The viewer of a request (FastAPI dependency). Raises `Refused` (401) when it names nobody."""
    viewer = viewer_or_none(request)
    if viewer is None:
        raise Refused(401, "not_signed_in", "sign in at /sign-in, or send the operator's token as 'Authorization: Bearer ...'")
    return viewer


CurrentViewer = Annotated[Viewer, Depends(current_viewer)]
"""A parameter's type: the viewer of the request, or 401."""


def require(action: Action) -> Callable[[Viewer], Viewer]:
    """A dependency that gives the viewer if they may do `action`, which concerns no single person (403 otherwise)."""

    def required(viewer: CurrentViewer) -> Viewer:
        check(viewer, action)
        return viewer

    return required


class SameSiteWrites:
    """ASGI middleware: a browser's unsafe request must come from our own pages (403 problem otherwise).

    Sec-Fetch-Site decides where it is sent, the Origin header otherwise; neither means no browser, so no one's cookies
    are being misused. Source of the method: Go 1.25's net/http.CrossOriginProtection.
    """

    def __init__(self, app: ASGIApp, web_url: str) -> None:
        self._app = app
        self._own = urlsplit(web_url).netloc.lower()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http" and scope["method"] not in SAFE_METHODS and not self._ours(Headers(scope=scope)):
            refused = forbidden("this request was started by another site; use Firstmate's own pages", "cross_site")
            await problem_response(refused)(scope, receive, send)
        else:
            await self._app(scope, receive, send)

    def _ours(self, headers: Headers) -> bool:
        if headers.get("authorization", "").lower().startswith("bearer "):
            return True  # browsers never add a bearer token by themselves
        site = headers.get("sec-fetch-site")
        if site is not None:
            return site in ("same-origin", "none")
        origin = headers.get("origin")
        return origin is None or urlsplit(origin).netloc.lower() in (headers.get("host", "").lower(), self._own)


def is_local(request: Request) -> bool:
    """Whether the request comes from this machine, straight and under its own name.

    A proxy's header or a foreign Host (DNS rebinding) makes it not local, whatever address it comes from.
    """
    if "forwarded" in request.headers or "x-forwarded-for" in request.headers or request.url.hostname not in LOOPBACK_NAMES:
        return False
    try:
        address = ipaddress.ip_address(request.client.host if request.client else "")
    except ValueError:
        return False
    return (getattr(address, "ipv4_mapped", None) or address).is_loopback
