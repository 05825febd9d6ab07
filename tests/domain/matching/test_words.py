"""Reasons in plain words that name the evidence, and drop a name once the directory no longer agrees."""

import re
from datetime import date
from typing import Any

import pytest
from hypothesis import given

from services.matching import rules, words
from services.matching.criteria import evidence
from services.matching.person import LEVELS, Person, Seeker, person_from
from services.matching.policy import Criteria
from services.matching.pool import Candidate
from services.matching.wording.english import span
from services.matching.wording.pair import Pair
from tests.domain.matching.populations import DAY, SHIPPED, mentor_of, person_of, steady

ENGLISH_WORDS = {
    *("the", "and", "of", "with", "both", "is", "are", "has", "have", "not", "no", "known"),
    *("mentor", "hire", "shared", "different", "work", "for", "years", "months"),
}
SAME_IN_FRENCH = {"mentor"}
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


def said(
    criterion: str, hire: dict[str, Any], mentor: dict[str, Any], language: str = "en", *, to_the_pair: bool = False, **more: Any
) -> str:
    seeker = Seeker(person_from("H-1", hire), DAY)
    seen = evidence(criterion, SHIPPED, seeker, Candidate(person_from("M-1", mentor), **{"capacity": 2} | more))
    return words.reason(criterion, seen, Pair(hire, mentor, to_the_pair), language)


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
        ("language", {"language_levels": {"fr": "C2", "en": "B2"}}, {}, "Both speak English (B2)"),
        ("values", {"values": ["Craft", "openness"]}, {"values": ["craft"]}, "1 shared value: Craft"),
        ("values", {"values": ["Craft"]}, {"values": ["calm"]}, "No value in common"),
        ("values", {}, {}, "No values are known of the new hire"),
        ("seniority", {}, {}, "The mentor is one step less senior than the new hire"),
        ("seniority", {"job_level": "Trainee"}, {}, "The mentor is 2 steps more senior than the new hire"),
        ("seniority", {"title": "Cook"}, {}, "Mentor and new hire are equally senior"),
        ("seniority", {"title": None}, {}, "Seniority is not known of both"),
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


@pytest.mark.parametrize(
    ("criterion", "hire", "mentor", "sentence"),
    [
        (
            "role",
            {},
            {},
            "Beide arbeiten im selben Tätigkeitsfeld (Engineering), ähnliche Titel: Senior Data Engineer und Data Analyst",
        ),
        ("role", {"role_family": "Sales"}, {}, "Verschiedene Tätigkeitsfelder (Sales und Engineering), ähnliche Titel"),
        ("role", {"role_family": None, "title": None}, {}, "Tätigkeitsfelder und Titel sind nicht von beiden bekannt"),
        ("skills", {}, {}, "2 von 3 genannten Kenntnissen sind gemeinsam: Kafka und SQL"),
        ("skills", {}, {"skills": ["go"]}, "Keine der 3 genannten Kenntnisse ist gemeinsam"),
        ("skills", {"skills": ["sql"]}, {}, "1 von 1 genannten Kenntnis ist gemeinsam: sql"),
        ("skills", {}, {"skills": []}, "Von der Begleitung sind keine Kenntnisse bekannt"),
        ("interests", {}, {}, "1 gemeinsames Interesse: Climbing"),
        ("interests", {"interests": []}, {}, "Von der neuen Person sind keine Interessen bekannt"),
        ("values", {"values": ["a", "b"]}, {"values": ["b", "a"]}, "2 gemeinsame Werte: a und b"),
        ("working_hours", {}, {}, "3,25 von 8 Arbeitsstunden liegen übereinander (Europe/Paris und Asia/Kathmandu)"),
        ("working_hours", {}, {"time_zone": "Europe/Berlin"}, "Alle 8 Arbeitsstunden liegen übereinander"),
        ("language", {}, {"languages": ["en", "fr"]}, "Beide sprechen Französisch und Englisch"),
        ("site", {}, {}, "Beide arbeiten in Paris, hybrid"),
        ("site", {}, {"location": "Lima"}, "Beide arbeiten hybrid, an verschiedenen Standorten (Paris und Lima)"),
        ("seniority", {"job_level": "Trainee"}, {}, "Die Begleitung steht 2 Erfahrungsstufen höher"),
        ("seniority", {}, {}, "Die Begleitung steht eine Erfahrungsstufe tiefer"),
        ("tenure", {}, {}, "Die Begleitung ist am ersten Tag seit 1 Jahr und 7 Monaten im Unternehmen"),
        ("load", {}, {}, "Die Begleitung ist für niemanden sonst da und hat 2 Plätze"),
        ("cross_group", {}, {}, "Verschiedene Abteilungen (Platform und Finance): ein Blick über das eigene Team hinaus"),
        ("cross_group", {}, {"department": "platform"}, "Dieselbe Abteilung (Platform)"),
    ],
)
def test_each_criterion_says_it_in_german(criterion: str, hire: dict[str, Any], mentor: dict[str, Any], sentence: str) -> None:
    assert said(criterion, HIRE | hire, MENTOR | mentor, "de").startswith(sentence)


@pytest.mark.parametrize(
    ("criterion", "hire", "mentor", "french", "arabic"),
    [
        (
            "skills",
            {},
            {},
            "2 compétences communes sur 3 citées par la nouvelle recrue : Kafka et SQL",
            "مهارتان مشتركتان من أصل 3 ذكرها الموظف الجديد: Kafka وSQL",
        ),
        ("interests", {}, {}, "1 centre d'intérêt commun : Climbing", "اهتمام مشترك: Climbing"),
        ("language", {}, {}, "Les deux parlent anglais", "لغة مشتركة بين الطرفين: الإنجليزية"),
        ("site", {}, {}, "Les deux travaillent à Paris, en mode hybride", "مكان العمل نفسه: Paris، بنظام هجين"),
        (
            "site",
            {},
            {"location": "Lima"},
            "Les deux travaillent en mode hybride, sur des sites",
            "العمل بنظام هجين لدى الطرفين، في",
        ),
        (
            "tenure",
            {},
            {},
            "Le premier jour, le mentor a 1 an et 7 mois",
            "مدة عمل المرشد في الشركة حتى اليوم الأول: سنة واحدة و7 أشهر",
        ),
        (
            "seniority",
            {},
            {},
            "Le mentor se situe un niveau au-dessous",
            "مستوى المرشد مقارنةً بالموظف الجديد: أدنى، والفرق درجة واحدة",
        ),
        ("load", {}, {}, "Le mentor n'accompagne personne d'autre et dispose de 2 places", "لا أحد آخر في إرشاد هذا المرشد"),
        ("cross_group", {}, {"department": "platform"}, "Le même service (Platform)", "القسم نفسه لدى الطرفين (Platform)"),
    ],
)
def test_each_criterion_says_it_in_french_and_in_arabic(
    criterion: str, hire: dict[str, Any], mentor: dict[str, Any], french: str, arabic: str
) -> None:
    assert said(criterion, HIRE | hire, MENTOR | mentor, "fr").startswith(french)
    assert said(criterion, HIRE | hire, MENTOR | mentor, "ar").startswith(arabic)


def test_arabic_counts_with_the_form_that_each_number_takes() -> None:
    said = [words.ruled_out("capacity", count, "ar") for count in (1, 2, 3, 11, 100)]
    assert [each.removesuffix(" بلا مكان شاغر") for each in said] == ["مرشد واحد", "مرشدان", "3 مرشدين", "11 مرشدًا", "100 مرشد"]


def test_the_pair_itself_is_addressed() -> None:
    assert said("language", HIRE, MENTOR, to_the_pair=True) == "You both speak English"
    assert said("language", HIRE, MENTOR, "de", to_the_pair=True) == "Ihr sprecht beide Englisch"


def test_places_already_taken_are_counted() -> None:
    assert said("load", HIRE, MENTOR, load=1) == "1 of the mentor's 2 places was taken"
    assert said("load", HIRE, MENTOR, load=2, capacity=3) == "2 of the mentor's 3 places were taken"
    assert said("load", HIRE, MENTOR, "de", load=1) == "1 von 2 Plätzen der Begleitung war vergeben"


def test_a_mean_of_few_ratings_is_told_to_nobody_and_any_mean_to_the_pair_neither() -> None:
    assert said("rating", HIRE, MENTOR) == "No earlier mentee has rated the mentor yet, which counts as average"
    assert said("rating", HIRE, MENTOR, ratings=(2, 900)) == (
        "Too few earlier mentees have rated the mentor to tell, which counts as average"
    )
    assert said("rating", HIRE, MENTOR, ratings=(4, 1750)) == "4 earlier mentees rated the mentor 4.37 of 5"
    assert said("rating", HIRE, MENTOR, "de", ratings=(4, 1750)) == "4 früher Begleitete haben 4,37 von 5 vergeben"
    assert said("rating", HIRE, MENTOR, ratings=(4, 1750), to_the_pair=True) == (
        "What earlier mentees said of the mentor was taken into account"
    )


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
    for criterion in SHIPPED.shares:
        seen = evidence(criterion, SHIPPED, Seeker(hire, DAY), mentor)
        for language in words.LANGUAGES:
            told = words.reason(criterion, seen, Pair({}, {}), language)
            assert len(told) > 10
            assert language == "en" or not ENGLISH_WORDS & set(re.findall(r"\w{3,}", told.lower())) - SAME_IN_FRENCH, told
        texts = [
            text
            for value in seen.values()
            for text in (value.values() if isinstance(value, dict) else value if isinstance(value, list) else [value])
            if isinstance(text, str)
        ]
        assert set(texts) <= {"fr", "en", "es", "department", "onsite", "hybrid", "remote", *LEVELS}


@pytest.mark.parametrize("language", words.LANGUAGES)
def test_every_rule_and_criterion_has_words_in_every_language(language: str) -> None:
    catalogue = words.LANGUAGES[language]
    assert catalogue.rules.keys() == set(rules.NAMES)
    assert catalogue.labels.keys() == catalogue.sentences.keys() == set(Criteria.model_fields)
    if language != "en":
        for name in catalogue.labels:
            assert words.label(name, language) != words.label(name)
        for name in catalogue.rules:
            told = f"{words.near_miss(name, language)} {words.ruled_out(name, 2, language)}".split()
            assert not ENGLISH_WORDS & set(told) - SAME_IN_FRENCH


def test_a_locale_reads_its_language_and_english_where_there_is_none() -> None:
    assert [words.tongue(locale) for locale in ("de-AT", "de_CH", "DE", "en-GB", "pt-BR", "", None)] == [
        *("de", "de", "de", "en", "en", "en", "en")
    ]


@pytest.mark.parametrize(
    ("accepted", "language"),
    [
        ("de-AT,de;q=0.9,en;q=0.8", "de"),
        ("fr, de;q=0.4, en;q=0.7", "fr"),
        ("ja, de;q=0.4, en;q=0.7", "en"),
        ("sv;q=1, DE", "de"),
        ("ar-EG, en;q=0.9", "ar"),
        ("de;q=0, en", "en"),
        ("de;q=much", "en"),
        ("*", "en"),
        ("", "en"),
        (None, "en"),
    ],
)
def test_a_reader_gets_the_language_they_prefer_among_those_there_are(accepted: str | None, language: str) -> None:
    assert words.preferred(accepted) == language


def test_several_rules_are_one_phrase() -> None:
    assert words.near_misses(["not_trained", "capacity"]) == "has not done the mentor training and has no free place"
    assert words.near_misses(["not_trained", "capacity"], "de") == (
        "hat die Mentoring-Schulung noch nicht gemacht und hat keinen freien Platz"
    )


def test_rules_and_former_names_read_as_sentences() -> None:
    assert words.ruled_out("capacity", 1, "de") == "1 Begleitung hat keinen freien Platz"
    assert words.ruled_out("capacity", 3, "de") == "3 Begleitungen haben keinen freien Platz"
    assert words.near_miss("not_active", "de") == "pausiert, hat aufgehört oder das Unternehmen verlassen"
    assert words.ruled_out("capacity", 1) == "1 mentor has no free place"
    assert words.ruled_out("capacity", 3) == "3 mentors have no free place"
    assert words.near_miss("no_shared_language") == "shares no language"
    assert words.ruled_out("a_former_rule", 2) == "2 mentors a_former_rule"
    assert words.reason("a_former_criterion", {"x": 1}, Pair({}, {})) == "a_former_criterion"


def test_what_would_have_changed_the_decision_is_told_in_percent() -> None:
    assert words.change("Ana", 312, "role", 4000, 5238) == (
        "Ana was 3.12 of 100 points behind and would have been chosen with 52.38 % instead of 40 % for role"
    )
    assert words.change("Ana", 312, "role", 4000, 5238, "de") == (
        "Ana lag 3,12 von 100 Punkten zurück und wäre mit 52,38 % statt 40 % bei „Tätigkeit“ gewählt worden"
    )
    assert words.change("Ana", 0, None, 0, 0, "de") == (
        "Ana hatte ebenso viele Punkte; kein einzelnes Kriterium hätte das aufgewogen"
    )
    assert words.change("Ana", 0, None, 0, 0) == "Ana had as many points; no single criterion would have made up for that"


@pytest.mark.parametrize(
    ("days", "words_"), [(1, "1 day"), (12, "12 days"), (31, "1 month"), (365, "1 year"), (820, "2 years and 3 months")]
)
def test_a_span_of_days_reads_as_people_say_it(days: int, words_: str) -> None:
    assert span(days) == words_


def test_a_person_is_made_comparable_from_a_directory_document() -> None:
    known = {
        "locale": "fr-FR",
        "title": "Head of  Data",
        "skills": ["SQL", " sql "],
        "start_date": "2027-01-11",
        "values": ["Craft"],
        "language_levels": {"fr": "B2", "de": "A1"},
    }
    assert person_from("E-1", known) == Person(
        "E-1",
        role=(None, frozenset({"data"})),
        languages=("fr",),
        levels=(4 - 1,),
        skills=("sql",),
        values=("craft",),
        seniority=5,
        start=date(2027, 1, 11),
    )


@pytest.mark.parametrize(
    ("job_level", "title", "step"),
    [
        (None, "Data Engineer", 2),
        (None, "Junior Data Engineer", 1),
        (None, "Senior Data Engineer", 3),
        (None, "Software Engineer II", 2),
        (None, "Leiterin Vertrieb", 5),
        (None, "Chief of Staff", 6),
        ("Trainee", "Chief of Staff", 0),
        ("L7", "Staff Engineer", 4),
        ("Senior", None, 3),
        (None, None, None),
        ("L7", None, None),
    ],
)
def test_seniority_is_read_from_job_level_or_title(job_level: str | None, title: str | None, step: int | None) -> None:
    assert person_from("E-1", {"job_level": job_level, "title": title}).seniority == step
