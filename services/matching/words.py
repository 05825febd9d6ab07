"""Decisions in plain words: each criterion with the evidence behind it, each rule with what it means.

A decision stores numbers and codes. The words that name skills, titles or places are read from the directory when somebody
looks, and left out where they no longer agree with what was decided: so erasing a person needs no change here.
"""

from collections.abc import Mapping, Sequence
from types import MappingProxyType

from services.matching.wording.arabic import ARABIC
from services.matching.wording.english import ENGLISH
from services.matching.wording.french import FRENCH
from services.matching.wording.german import GERMAN
from services.matching.wording.pair import Catalogue, Known, Pair, listed
from shared.languages import accepted

LANGUAGES: Mapping[str, Catalogue] = MappingProxyType({"en": ENGLISH, "de": GERMAN, "fr": FRENCH, "ar": ARABIC})
"""Every language that explanations are written in; a test holds each to the same criteria and rules."""
LABELS, RULES = ENGLISH.labels, ENGLISH.rules


def tongue(locale: str | None) -> str:
    """The language of `LANGUAGES` for a locale or language tag (`de-AT`), English where there is none."""
    language = (locale or "").replace("_", "-").split("-")[0].lower()
    return language if language in LANGUAGES else "en"


def preferred(header: str | None) -> str:
    """The first language of an `Accept-Language` header (RFC 9110, by weight) that there is; English where there is none."""
    there = (tongue(tag) for tag, weight in accepted(header or "") if weight > 0 and tag.split("-")[0].lower() in LANGUAGES)
    return next(there, "en")


def label(criterion: str, language: str = "en") -> str:
    """A criterion's name; one of a former version is called by its code."""
    return LANGUAGES[language].labels.get(criterion, criterion)


def reason(criterion: str, evidence: Known, pair: Pair, language: str = "en") -> str:
    """One criterion's evidence as a sentence without a full stop. A criterion of a former version is named only."""
    sentence = LANGUAGES[language].sentences.get(criterion)
    return sentence(evidence, pair) if sentence and evidence else label(criterion, language)


def ruled_out(rule: str, count: int, language: str = "en") -> str:
    """`3 mentors have no free place`."""
    catalogue = LANGUAGES[language]
    one, many = catalogue.rules.get(rule, (rule, rule))
    return catalogue.ruled_out(count, one if count == 1 else many)


def near_miss(rule: str, language: str = "en") -> str:
    """What a rule says about one mentor: `has no free place`."""
    return LANGUAGES[language].rules.get(rule, (rule, rule))[0]


def near_misses(rules: Sequence[str], language: str = "en") -> str:
    """What several rules say about one mentor: `has no free place and is away on the first day`."""
    return listed([near_miss(rule, language) for rule in rules], LANGUAGES[language].locale)


def change(name: str, difference: int, criterion: str | None, value: int, needed: int, language: str = "en") -> str:
    """What would have picked the runner-up called `name`, from points and values of 10000."""
    number = LANGUAGES[language].number
    enough = None if criterion is None else (label(criterion, language), number(value), number(needed))
    return LANGUAGES[language].change(name, number(difference) if difference else None, enough)


def points(score: int, language: str = "en") -> str:
    """A score or value of 10000 as people read it, of 100: `78`, `15.6`."""
    return LANGUAGES[language].number(score)
