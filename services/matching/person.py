"""What matching knows about a person: the few directory fields that criteria and rules read, made comparable.

Demographics are not here and can't be: the directory never holds them.
"""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date
from functools import lru_cache
from typing import Any

FIELDS = frozenset(
    {
        *("display_name", "given_name", "family_name", "title", "role_family", "department", "division", "location"),
        *("time_zone", "locale", "languages", "manager_id", "start_date", "work_arrangement", "skills", "interests"),
    }
)
"""The directory fields that matching keeps: names for its pages, the rest for rules and criteria."""

# Words in a title that say how senior or in which of several equal seats somebody is, not what they do.
RANK_WORDS = frozenset(
    {
        *("senior", "junior", "lead", "principal", "staff", "head", "chief", "associate", "assistant", "sr", "jr"),
        *("i", "ii", "iii", "iv", "of", "and", "the", "for"),
    }
)


@dataclass(frozen=True, slots=True)
class Person:
    """One person's comparable facts: text case-folded, lists without repeats, None or empty where unknown.

    `role` is (role family, words of the title without ranks), `place` is (location, work arrangement).
    """

    id: str
    role: tuple[str | None, frozenset[str]] = (None, frozenset())
    department: str | None = None
    division: str | None = None
    place: tuple[str | None, str | None] = (None, None)
    time_zone: str | None = None
    languages: tuple[str, ...] = ()
    skills: tuple[str, ...] = ()
    interests: tuple[str, ...] = ()
    start: date | None = None


@dataclass(frozen=True, slots=True)
class Seeker:
    """A hire who needs a mentor.

    `day` is the first day that counts: the start date, or today once that is past. `managers` are those above, nearest
    first; `reports` everybody below; `excluded` mentors whom this hire must not get. `rank` is 0 for a new request; among
    those who wait, a larger one has waited longer and goes first.
    """

    person: Person
    day: date
    managers: tuple[str, ...] = ()
    reports: frozenset[str] = frozenset()
    excluded: frozenset[str] = frozenset()
    rank: int = 0


@lru_cache(maxsize=65_536)  # a company's titles, skills and places are few and come back with every person
def comparable(text: str | None) -> str | None:
    """Case-folded with single spaces; None for nothing."""
    return " ".join(text.casefold().split()) or None if text is not None else None


def _each(words: Iterable[str] | None) -> tuple[str, ...]:
    return tuple(dict.fromkeys(word for word in map(comparable, words or ()) if word is not None))


@lru_cache(maxsize=65_536)
def title_words(title: str | None) -> frozenset[str]:
    """The words of a title that say what the person does."""
    return frozenset(re.findall(r"[^\W_]+", title or "")) - RANK_WORDS


def person_from(id: str, known: Mapping[str, Any]) -> Person:
    """A person from a directory document (fields of `shared.events.hr`, JSON types).

    Spoken languages fall back on the locale's, so that a bare hire event can be matched.
    """
    locale = comparable(known.get("locale"))
    start = known.get("start_date")
    return Person(
        id=id,
        role=(comparable(known.get("role_family")), title_words(comparable(known.get("title")))),
        department=comparable(known.get("department")),
        division=comparable(known.get("division")),
        place=(comparable(known.get("location")), known.get("work_arrangement")),
        time_zone=known.get("time_zone"),
        languages=_each(known.get("languages")) or ((locale.split("-")[0],) if locale else ()),
        skills=_each(known.get("skills")),
        interests=_each(known.get("interests")),
        start=date.fromisoformat(start) if start else None,
    )
