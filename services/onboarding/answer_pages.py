"""Answering from a mail: the pages behind signed links, for whoever holds one, on a phone and without signing in.

Looking changes nothing (mail scanners look too); only the form's button does.
"""

from typing import Annotated
from urllib.parse import urlencode

from fastapi import APIRouter, Path, Request
from fastapi.responses import HTMLResponse, RedirectResponse, Response

from services.onboarding import store
from services.onboarding.answer_words import greeting, in_words
from services.onboarding.answers import (
    ALTERED,
    USUAL_MINUTES,
    Asked,
    Closed,
    Fields,
    comment_in,
    in_readers_words,
    meeting_in,
    ratings_in,
)
from services.onboarding.commands import COMMENT_LENGTH
from services.onboarding.desk import Desk
from services.onboarding.parameters import fields_of
from services.onboarding.views import survey_form
from shared.access import Viewer
from shared.clock import Clock
from shared.directory import name_of, people
from shared.links import Links
from shared.mongo import Database
from shared.pages import PageRoute, Templates
from shared.refusals import Refused

Token = Annotated[str, Path(max_length=1000)]


class Answers:
    """Reads what links ask, and carries out what their readers say."""

    def __init__(self, db: Database, desk: Desk, clock: Clock, links: Links) -> None:
        self._db = db
        self._desk = desk
        self._clock = clock
        self._links = links

    async def asked(self, token: str) -> Asked | None:
        """What a link asks; None for one that is not ours."""
        link = self._links.read(token)
        journey = await store.journey(self._db, link.hire_id) if link else None
        if link is None or journey is None or journey.number == 0:
            return None
        programme = await self._desk.programme(journey)
        other_id = (journey.mentor_id or "") if link.reporter_id == link.hire_id else link.hire_id
        known = await people(self._db, {id for id in (link.hire_id, link.reporter_id, other_id) if id})
        names = {id: name_of(person, id).split(" ")[0] for id, person in known.items()}
        return Asked(
            link=link,
            journey=journey,
            programme=programme,
            now=self._clock(),
            zone=known.get(link.hire_id, {}).get("time_zone"),
            reader=names.get(link.reporter_id, ""),
            other=names.get(other_id, ""),
        )

    async def report(self, asked: Asked, fields: Fields) -> None:
        """Record what the form says, with the rights of the person the link was sent to. Raises `Refused`."""
        link, viewer = asked.link, Viewer(asked.link.reporter_id)
        if link.purpose == "survey":
            ratings, comment = ratings_in(asked, fields), comment_in(asked, fields)
            await self._desk.answer_survey(viewer, link.hire_id, link.survey, ratings, comment)
        else:
            await self._desk.log_meeting(viewer, link.hire_id, *meeting_in(asked, fields))


def answer_pages(db: Database, desk: Desk, clock: Clock, links: Links, pages: Templates) -> APIRouter:
    """`/answer/{token}`: what a link asks, and the answer to it."""
    router = APIRouter(route_class=PageRoute, include_in_schema=False)
    answers = Answers(db, desk, clock, links)

    def refusal(request: Request, closed: Closed) -> HTMLResponse:
        title, words = in_words(closed.why), in_words(f"{closed.why}_words", day=closed.day)
        own_page = in_words("own_page") if closed.own_page else ""
        context = {"title": title, "words": words, "own_page": own_page}
        return pages.render(request, "answer_said.html", viewer=None, status=closed.status, **context)

    def shown(request: Request, asked: Asked, fields: Fields, wrong: str = "") -> HTMLResponse:
        template, context = (_survey if asked.link.purpose == "survey" else _meeting)(asked, fields)
        context |= {"say": in_words, "wrong": wrong, "fields": fields}
        return pages.render(request, template, viewer=None, status=422 if wrong else 200, **context)

    @router.get("/answer/{token}")
    async def show(request: Request, token: Token) -> HTMLResponse:
        asked = await answers.asked(token)
        if asked is None or asked.closed:
            return refusal(request, (asked and asked.closed) or ALTERED)
        return shown(request, asked, request.query_params)

    @router.post("/answer/{token}")
    async def answer(request: Request, token: Token) -> Response:
        asked = await answers.asked(token)
        if asked is None or asked.closed:
            return refusal(request, (asked and asked.closed) or ALTERED)
        fields = await fields_of(request)
        try:
            await answers.report(asked, fields)
        except Refused as refused:
            if refused.status == 422:
                return shown(request, asked, fields, in_readers_words(refused))
            if refused.code != "already_answered":  # sent twice: the page that follows says so
                raise
        met = {"met": fields["held_on"]} if "held_on" in fields else {}
        return RedirectResponse(f"/answer/{token}?{urlencode(met)}".rstrip("?"), status_code=303)

    return router


def _survey(asked: Asked, fields: Fields) -> tuple[str, dict[str, object]]:
    given = asked.journey.surveys.get(asked.link.survey)
    if given is not None:
        title, words = in_words("thanks", name=asked.reader), in_words("answered", day=asked.local_day(given.answered_at))
        return "answer_said.html", {"title": title, "words": words, "own_page": ""}
    survey = survey_form(asked.programme, asked.link.survey)
    lead = greeting(asked.reader, len(survey.questions))
    return "answer_survey.html", {"survey": survey, "lead": lead, "longest": COMMENT_LENGTH}


def _meeting(asked: Asked, fields: Fields) -> tuple[str, dict[str, object]]:
    today = asked.today.isoformat()
    days = {meeting.held_on.isoformat(): meeting.held_on for meeting in asked.journey.meetings}
    return "answer_meeting.html", {
        "heading": in_words("did_you_meet", name=asked.other) if asked.other else in_words("did_you_meet_mentor"),
        "noted": days.get(fields.get("met", today)) if "held_on" not in fields else None,
        "today": today,
        "held_on": fields.get("held_on", today),
        "minutes": fields.get("minutes", USUAL_MINUTES),
    }
