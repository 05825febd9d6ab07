"""What a board is narrowed to, in words. Pure."""

from collections.abc import Mapping, Sequence

from services.onboarding.programme import Programme, Programmes
from services.onboarding.projections.facets import OF_THEIR_OWN, Facet
from services.onboarding.views import OWNERS, in_page_language, survey_title, title_of
from shared.pages.language import N_
from shared.pages.language import gettext as _
from shared.pages.words import humane

RHYTHM_WORDS: Mapping[str, str] = {
    "on_rhythm": N_("Meet as planned"),
    "off_rhythm": N_("Behind with meetings"),
    "never_met": N_("Have not met yet"),
}


def facets_in_words(facets: Sequence[str], programmes: Programmes) -> str:
    """`Late: Mentor, The first ninety days, First meeting with the mentor`; empty where there are none."""
    return "; ".join(_facet_in_words(Facet.of(facet), programmes) for facet in facets)


def _facet_in_words(facet: Facet, programmes: Programmes) -> str:
    if facet.kind in RHYTHM_WORDS:
        return _(RHYTHM_WORDS[facet.kind])
    if facet.kind == "unanswered":
        return _("Not answered: %(what)s", what=survey_in_words(facet, programmes))
    parts = [
        owner_in_words(facet.owner) if facet.owner else "",
        programme_in_words(facet.programme, programmes) if facet.programme else "",
        milestone_in_words(facet, programmes) if facet.milestone else "",
    ]
    what = ", ".join(part for part in parts if part)
    return _("Late: %(what)s", what=what) if what else _("Something is late")


def owner_in_words(owner: str) -> str:
    """Who sees to it."""
    return _(OWNERS[owner]) if owner in OWNERS else humane(owner)


def programme_in_words(id: str, programmes: Programmes) -> str:
    """The title of a programme; its id in words where it is offered no more."""
    programme = _current(id, programmes)
    return in_page_language(programme.title) if programme else humane(id)


def milestone_in_words(facet: Facet, programmes: Programmes) -> str:
    """The title of a facet's milestone."""
    if facet.milestone == OF_THEIR_OWN:
        return _("Milestones of their own")
    return title_of(_current(facet.programme, programmes), facet.milestone)


def survey_in_words(facet: Facet, programmes: Programmes) -> str:
    """The title of a facet's survey; its id in words where its programme does not have it any more."""
    programme = _current(facet.programme, programmes)
    return survey_title(programme, facet.milestone) if programme else humane(facet.milestone)


def _current(id: str, programmes: Programmes) -> Programme | None:
    return next((each for each in programmes.current if each.id == id), None)
