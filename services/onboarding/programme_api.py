"""Programmes over HTTP: which there are, and what one would plan for somebody."""

from typing import Annotated

from fastapi import APIRouter, Query
from pydantic import BaseModel

from services.onboarding.deciding.replanning import named_programme
from services.onboarding.parameters import AcceptLanguage, Id, languages
from services.onboarding.preview import Newcomer, Preview, preview
from services.onboarding.programme import Programme, Programmes, text_in
from shared.access import CurrentViewer, check
from shared.paging import Page


class ProgrammeView(BaseModel):
    """A programme in its present version. `when` holds the conditions of whose it is, none where it is everybody's."""

    id: str
    version: str
    title: str
    when: dict[str, list[str]]
    milestones: int


def programme_view(programme: Programme, tags: list[str]) -> ProgrammeView:
    """The programme as the API lists it, titled in the first of the languages `tags` that it has."""
    return ProgrammeView(
        id=programme.id,
        version=programme.version,
        title=text_in(programme.title, tags),
        when={name: list(values) for name, values in programme.when if values},
        milestones=len(programme.milestones),
    )


def previewed(programmes: Programmes, id: str, newcomer: Newcomer, language: str) -> Preview:
    """The preview of the named programme. Raises `Refused`: 404 for an unknown one, 422 where the place has no working days."""
    return preview(named_programme(programmes, id), newcomer.start, newcomer.person, language)


def programme_routes(programmes: Programmes) -> APIRouter:
    """`/programmes` below the API's prefix."""
    router = APIRouter()

    @router.get("/programmes")
    async def list_programmes(viewer: CurrentViewer, accept_language: AcceptLanguage = "") -> Page[ProgrammeView]:
        """The programmes of which a new hire gets the most specific one, that first."""
        check(viewer, "see_programmes")
        tags = languages(accept_language)
        return Page(items=[programme_view(each, tags) for each in programmes.current], next=None)

    @router.get("/programmes/{programme_id}/preview")
    async def preview_programme(
        viewer: CurrentViewer, programme_id: Id, newcomer: Annotated[Newcomer, Query()], accept_language: AcceptLanguage = ""
    ) -> Preview:
        """What the programme would plan for somebody who starts on a day: each day with its reason, and what is left out."""
        check(viewer, "see_programmes")
        tags = languages(accept_language)
        return previewed(programmes, programme_id, newcomer, tags[0] if tags else "en")

    return router
