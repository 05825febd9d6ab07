"""Reasons in plain words that name the evidence, and drop a name once the directory no longer agrees."""

from datetime import date
from typing import Any

import pytest
from hypothesis import given

from services.matching import rules, words
from services.matching.criteria import evidence
from services.matching.person import Person, Seeker, person_from
from services.matching.policy import Criteria
from services.matching.pool import Candidate
from services.matching.words import Pair
from tests.domain.matching.populations import DAY, SHIPPED, mentor_of, person_of, steady

HIRE: dict[str, Any] = {
    "title": "Senior Data Engineer",
    "role_family": "Engineering",
    "department": "Platform",
    "location": "Paris",
    "work_arrangement": "hybrid",
    "time_zone": "Europe/Paris",
    "languages": ["fr", "en"],
    "skills": ["Kafka", "SQL", "dbt"],
    "interests": ["Climbing"],
    "start_date": "2027-01-11",
}
MENTOR: dict[str, Any] = HIRE | {
    "title": "Data Analyst",
    "department": "Finance",
    "time_zone": "Asia/Kathmandu",
    "languages": ["en", "ne"],
    "skills": ["kafka", "sql"],
    "interests": ["climbing", "chess"],
    "start_date": "2025-06-02",
}


def said(criterion: str, hire: dict[str, Any], mentor: dict[str, Any], load: int = 0, capacity: int = 2, **pair: Any) -> str:
    seeker = Seeker(person_from("H-1", hire), DAY)
    seen = evidence(criterion, SHIPPED, seeker, Candidate(person_from("M-1", mentor), capacity, load))
    return words.reason(criterion, seen, Pair(hire, mentor, **pair))


@pytest.mark.parametrize(
    ("criterion", "hire", "mentor", "sentence"),
    [
        (
            "role",
            {},
            {},
            "Both work in the same role family (Engineering), with similar titles: Senior Data Engineer and Data Analyst",
        ),
        (
            "role",
            {"role_family": "Sales"},
            {"title": "Cook"},
            "Different role families (Sales and Engineering), different titles: Senior Data Engineer and Cook",
        ),
        ("role", {"role_family": None}, {}, "Similar titles: Senior Data Engineer and Data Analyst"),
        ("role", {"role_family": None, "title": None}, {}, "Role families and titles are not known of both"),
        ("skills", {}, {}, "2 of 3 skills named by the new hire are shared: Kafka and SQL"),
        ("skills", {}, {"skills": ["go"]}, "None of the 3 skills named by the new hire is shared"),
        ("skills", {"skills": ["x"]}, {}, "No shared skill"),
        ("skills", {"skills": ["sql"]}, {}, "1 of 1 skills named by the new hire is shared: sql"),
        ("skills", {"skills": []}, {}, "No skills are known of the new hire"),
        ("skills", {}, {"skills": []}, "No skills are known of the mentor"),
        ("interests", {}, {}, "1 shared interest: Climbing"),
        ("interests", {"interests": ["chess", "climbing"]}, {}, "2 shared interests: chess and climbing"),
        ("interests", {}, {"interests": ["go"]}, "No interest in common"),
        ("interests", {"interests": []}, {}, "No interests are known of the new hire"),
        ("working_hours", {}, {}, "3.25 of 8 working hours overlap (Europe/Paris and Asia/Kathmandu)"),
        ("working_hours", {}, {"time_zone": "Europe/Berlin"}, "All 8 working hours overlap"),
        (
            "working_hours",
            {},
            {"time_zone": "Pacific/Auckland"},
            "None of 8 working hours overlap (Europe/Paris and Pacific/Auckland)",
        ),
        ("working_hours", {}, {"time_zone": None}, "Time zones are not known of both"),
        ("language", {}, {}, "Both speak English"),
        ("language", {}, {"languages": ["en", "fr"]}, "Both speak French and English"),
        ("language", {}, {"languages": ["xx"]}, "No language in common"),
        ("language", {}, {"languages": None}, "Languages are not known of both"),
        ("site", {}, {}, "Both work in Paris, in hybrid mode"),
        ("site", {}, {"work_arrangement": "onsite"}, "Both work in Paris"),
        ("site", {}, {"location": "Lima"}, "Both work in hybrid mode, at different sites (Paris and Lima)"),
        ("site", {"work_arrangement": "remote"}, {"location": "Lima", "work_arrangement": "remote"}, "Both work remotely"),
        (
            "site",
            {"work_arrangement": "onsite"},
            {"location": "Lima"},
            "Work at different sites (Paris and Lima) and in different arrangements",
        ),
        ("site", {"location": None, "work_arrangement": None}, {}, "Sites and arrangements are not known of both or differ"),
        ("tenure", {}, {}, "The mentor has been here for 1 year and 7 months on the first day"),
        ("tenure", {}, {"start_date": "2027-01-01"}, "The mentor has been here for 10 days on the first day"),
        ("tenure", {}, {"start_date": "2028-01-01"}, "The mentor has not started yet"),
        ("tenure", {}, {"start_date": None}, "The mentor's own first day is not known"),
        ("load", {}, {}, "The mentor has no other mentee, with 2 places"),
        ("cross_group", {}, {}, "Different departments (Platform and Finance): meets people beyond the own team"),
        ("cross_group", {}, {"department": "platform"}, "The same department (Platform)"),
        ("cross_group", {"department": None}, {}, "Departments are not known of both"),
    ],
)
def test_each_criterion_says_what_it_saw(criterion: str, hire: dict[str, Any], mentor: dict[str, Any], sentence: str) -> None:
    assert said(criterion, HIRE | hire, MENTOR | mentor) == sentence


def test_the_pair_itself_is_addressed() -> None:
    assert said("language", HIRE, MENTOR, to_the_pair=True) == "You both speak English"


def test_places_already_taken_are_counted() -> None:
    assert said("load", HIRE, MENTOR, load=1) == "1 of the mentor's 2 places was taken"
    assert said("load", HIRE, MENTOR, load=2, capacity=3) == "2 of the mentor's 3 places were taken"


def test_words_the_directory_no_longer_confirms_are_left_out() -> None:
    seeker = Seeker(person_from("H-1", HIRE), DAY)
    mentor = Candidate(person_from("M-1", MENTOR), 2)
    erased = Pair({}, {})
    assert (
        words.reason("skills", evidence("skills", SHIPPED, seeker, mentor), erased)
        == "2 of 3 skills named by the new hire are shared"
    )
    assert words.reason("interests", evidence("interests", SHIPPED, seeker, mentor), erased) == "1 shared interest"
    assert (
        words.reason("role", evidence("role", SHIPPED, seeker, mentor), erased)
        == "Both work in the same role family, with similar titles"
    )
    assert words.reason("site", evidence("site", SHIPPED, seeker, mentor), erased) == "Both work at the same site, in hybrid mode"
    moved = Pair(HIRE, MENTOR | {"department": "Platform"})
    assert words.reason("cross_group", evidence("cross_group", SHIPPED, seeker, mentor), moved) == (
        "Different departments: meets people beyond the own team"
    )


@steady
@given(person_of("H-1"), mentor_of("M-1"))
def test_every_pair_has_a_sentence_for_every_criterion_and_stores_no_word_about_a_person(hire: Person, mentor: Candidate) -> None:
    for criterion in Criteria.model_fields:
        seen = evidence(criterion, SHIPPED, Seeker(hire, DAY), mentor)
        assert len(words.reason(criterion, seen, Pair({}, {}))) > 10
        texts = [
            text for value in seen.values() for text in (value if isinstance(value, list) else [value]) if isinstance(text, str)
        ]
        assert set(texts) <= {"fr", "en", "es", "department", "onsite", "hybrid", "remote"}


def test_every_rule_and_criterion_has_words() -> None:
    assert words.RULES.keys() == set(rules.NAMES)
    assert words.LABELS.keys() == set(Criteria.model_fields)
    assert words.ruled_out("capacity", 1) == "1 mentor has no free place"
    assert words.ruled_out("capacity", 3) == "3 mentors have no free place"
    assert words.near_miss("no_shared_language") == "shares no language"
    assert words.ruled_out("a_former_rule", 2) == "2 mentors a_former_rule"
    assert words.reason("a_former_criterion", {"x": 1}, Pair({}, {})) == "a_former_criterion"


def test_what_would_have_changed_the_decision_is_told_in_percent() -> None:
    assert words.change("Ana", 312, "role", 4000, 5238) == (
        "Ana was 3.12 of 100 points behind and would have been chosen with 52.38 % instead of 40 % for role"
    )
    assert words.change("Ana", 0, None, 0, 0) == "Ana had as many points; no single criterion would have made up for that"


@pytest.mark.parametrize(
    ("days", "words_"), [(1, "1 day"), (12, "12 days"), (31, "1 month"), (365, "1 year"), (820, "2 years and 3 months")]
)
def test_a_span_of_days_reads_as_people_say_it(days: int, words_: str) -> None:
    assert words.span(days) == words_


def test_a_person_is_made_comparable_from_a_directory_document() -> None:
    person = person_from(
        "E-1", {"locale": "fr-FR", "title": "Head of  Data", "skills": ["SQL", " sql "], "start_date": "2027-01-11"}
    )
    assert person == Person("E-1", role=(None, frozenset({"data"})), languages=("fr",), skills=("sql",), start=date(2027, 1, 11))
