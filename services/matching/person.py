"""What matching knows about a person: the few directory fields that criteria and rules read, made comparable.

Demographics are not here and can't be: the directory never holds them.
"""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date
from functools import lru_cache
from typing import Any, NamedTuple

FIELDS = frozenset(
    {
        *("display_name", "given_name", "family_name", "title", "job_level", "role_family", "department", "division"),
        *("location", "time_zone", "locale", "languages", "language_levels", "manager_id", "start_date", "work_arrangement"),
        *("skills", "interests", "values"),
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

LADDER = ("trainee", "junior", "professional", "senior", "lead", "head", "executive")
"""Steps of seniority. Somebody whose title says no rank is a professional."""
_STEPS: dict[str, int] = {
    word: step
    for step, words in enumerate(
        (
            "trainee intern apprentice praktikant praktikantin werkstudent werkstudentin azubi volontär volontärin",
            "junior jr entry graduate i",
            "professional intermediate mid ii",
            "senior sr iii",
            "lead principal staff teamleiter teamleiterin teamleitung iv",
            "head director direktor direktorin leiter leiterin leitung",
            "executive chief vp svp evp president ceo cto cfo coo geschäftsführer geschäftsführerin vorstand",
        )
    )
    for word in words.split()
}
LEVELS = ("A1", "A2", "B1", "B2", "C1", "C2")  # of the Common European Framework of Reference for Languages
UNTOLD = len(LEVELS)  # a language without a level counts as spoken well: most systems know no levels

WORDS = ("skills", "interests", "values")  # sets of words that people have in common or not

Spoken = tuple[tuple[str, ...], tuple[int, ...]]
"""Languages, the best first, and the level of each: 0 (A1) to 5 (C2), or `UNTOLD`."""


class Person(NamedTuple):  # of all immutable things the one that is made fastest: there is one per person of a company
    """One person's comparable facts: text case-folded, lists without repeats, None or empty where unknown.

    `role` is (role family, words of the title without ranks), `place` is (location, work arrangement), `seniority` a step of
    `LADDER`. `levels` belong to `languages` one by one; fewer of them leave the rest `UNTOLD`.
    """

    id: str
    role: tuple[str | None, frozenset[str]] = (None, frozenset())
    department: str | None = None
    division: str | None = None
    place: tuple[str | None, str | None] = (None, None)
    time_zone: str | None = None
    languages: tuple[str, ...] = ()
    levels: tuple[int, ...] = ()
    skills: tuple[str, ...] = ()
    interests: tuple[str, ...] = ()
    values: tuple[str, ...] = ()
    seniority: int | None = None
    start: date | None = None

    @property
    def spoken(self) -> Spoken:
        """The languages with a level for each."""
        return self.languages, (*self.levels[: len(self.languages)], *(UNTOLD for _ in self.languages[len(self.levels) :]))

    def words(self, name: str) -> tuple[str, ...]:
        """One of the sets in `WORDS`."""
        found: tuple[str, ...] = getattr(self, name)
        return found


@dataclass(frozen=True, slots=True)
class Seeker:
    """A hire who needs a mentor.

    `day` is the first day that counts: the start date, or today once that is past. `managers` are those above, nearest
    first; `reports` everybody below; `excluded` mentors whom this hire must not get. `rank` is 0 for a new request; among
    those who wait, a larger one has waited longer and goes first. `elsewhere` says for a profile without an id what
    `rules.looks_elsewhere` says of the person.
    """

    person: Person
    day: date
    managers: tuple[str, ...] = ()
    reports: frozenset[str] = frozenset()
    excluded: frozenset[str] = frozenset()
    rank: int = 0
    elsewhere: bool | None = None


@lru_cache(maxsize=65_536)  # a company's titles, skills and places are few and come back with every person
def comparable(text: str | None) -> str | None:
    """Case-folded with single spaces; None for nothing."""
    return " ".join(text.casefold().split()) or None if text is not None else None


def _each(words: Iterable[str] | None) -> tuple[str, ...]:
    if not words:
        return ()
    return tuple(dict.fromkeys([word for word in map(comparable, words) if word is not None]))


@lru_cache(maxsize=65_536)
def title_words(title: str | None) -> frozenset[str]:
    """The words of a title that say what the person does."""
    return frozenset(re.findall(r"[^\W_]+", title or "")) - RANK_WORDS


@lru_cache(maxsize=65_536)
def seniority(job_level: str | None, title: str | None) -> int | None:
    """The step of `LADDER` that a job level names, or else a title; the highest where several stand. None for nothing known."""
    for text in (job_level, title):
        steps = [_STEPS[word] for word in re.findall(r"[^\W_]+", text or "") if word in _STEPS]
        if steps:
            return max(steps)
    return LADDER.index("professional") if title else None


def person_from(id: str, known: Mapping[str, Any]) -> Person:
    """A person from a directory document (fields of `shared.events.hr`, JSON types).

    Spoken languages fall back on the locale's, so that a bare hire event can be matched.
    """
    locale, title = comparable(known.get("locale")), comparable(known.get("title"))
    start, levels = known.get("start_date"), known.get("language_levels") or {}
    languages = _each(known.get("languages")) or ((locale.split("-")[0],) if locale else ())
    return Person(
        id=id,
        role=(comparable(known.get("role_family")), title_words(title)),
        department=comparable(known.get("department")),
        division=comparable(known.get("division")),
        place=(comparable(known.get("location")), known.get("work_arrangement")),
        time_zone=known.get("time_zone"),
        languages=languages,
        levels=tuple(LEVELS.index(levels[code]) if levels.get(code) in LEVELS else UNTOLD for code in languages),
        skills=_each(known.get("skills")),
        interests=_each(known.get("interests")),
        values=_each(known.get("values")),
        seniority=seniority(comparable(known.get("job_level")), title),
        start=date.fromisoformat(start) if start else None,
    )
