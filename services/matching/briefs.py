"""What a mentor is told of a mentee: who it is, what the two have in common, and what to talk about first. Pure.

The same as the letter that tells a mentor of a new mentee, to look at again before a meeting.
"""

from collections.abc import Iterable, Mapping
from datetime import date
from typing import Any

from babel import UnknownLocaleError
from babel.core import Locale
from pydantic import BaseModel

from services.matching.views import AssignmentView
from shared.pages.language import current
from shared.pages.language import gettext as _
from shared.pages.words import listed

IN_COMMON = 4  # more reasons convince nobody more
WORTH_TELLING = 3_000  # of 10,000: less of a criterion than a third is no reason anybody would name
ABOUT_THE_MENTOR = frozenset({"load", "tenure", "rating"})  # why this mentor, and nothing that the two share
THINGS_TOLD = 3  # of a list of skills or interests: enough to begin a conversation
LONGEST_THING = 60  # characters; a longer entry is a paragraph somebody pasted


class Brief(BaseModel):
    """A mentee as their mentor is told. `in_common` and `openers` are sentences in the reader's language.

    `met` says whether the two have met.
    """

    employee_id: str
    name: str
    title: str | None
    department: str | None
    location: str | None
    work_arrangement: str | None
    time_zone: str | None
    start_date: date | None
    languages: list[str]
    skills: list[str]
    interests: list[str]
    in_common: list[str]
    openers: list[str]
    met: bool


def brief_of(pair: AssignmentView, hire: Mapping[str, Any]) -> Brief:
    """The brief about the hire of a pair, whose directory document is `hire`; empty for somebody HR told nothing of."""
    shared = (each for each in pair.reasons if each.value >= WORTH_TELLING and each.criterion not in ABOUT_THE_MENTOR)
    strongest = sorted((each for each in shared if each.points), key=lambda each: -each.points)
    start = hire.get("start_date")
    return Brief(
        employee_id=pair.employee_id,
        name=pair.name,
        **{field: hire.get(field) for field in ("title", "department", "location", "work_arrangement", "time_zone")},
        start_date=date.fromisoformat(start) if start else None,
        languages=[_language(code) for code in hire.get("languages") or ()],
        skills=hire.get("skills") or [],
        interests=hire.get("interests") or [],
        in_common=[each.words for each in strongest[:IN_COMMON]],
        openers=_openers(hire),
        met=pair.met,
    )


def _openers(hire: Mapping[str, Any]) -> list[str]:
    interests, skills, place = _some(hire.get("interests")), _some(hire.get("skills")), hire.get("location")
    found = []
    if interests:
        found.append(_("Interests to ask about: %(what)s.", what=interests))
    if skills:
        found.append(_("Ask where the experience with %(what)s comes from, and what was most enjoyable about it.", what=skills))
    if place:
        found.append(
            _(
                "Ask for a first impression of %(place)s, and tell what you would have liked to know about it yourself.",
                place=place,
            )
        )
    return [
        *found,
        _("What has surprised you so far, on your way to us?"),
        _("What would make the first three months a success for you?"),
    ]


def _some(things: Iterable[str] | None) -> str:
    short = [thing for each in things or () if (thing := " ".join(each.split())) and len(thing) <= LONGEST_THING]
    return listed(short[:THINGS_TOLD])


def _language(code: str) -> str:
    try:
        return Locale.parse(code, sep="-").get_display_name(current().locale) or code
    except (ValueError, UnknownLocaleError):
        return code
