"""What people are found by. Pure."""

import pytest

from services.onboarding.naming import LONGEST, filed, is_named, sought


@pytest.mark.parametrize(
    ("name", "text", "found"),
    [
        ("Anna Lehmann", "an le", True),
        ("Anna Lehmann", "LE  anna", True),
        ("Anna Lehmann", "hm", False),
        ("Anna Lehmann", "an lo", False),
        ("Ådne Ørsted", "ØRST ådne", True),
        ("Ådne Ørsted", "orst adn", True),
        ("Jürgen Groß", "juergen gross", True),
        ("Juergen Gross", "Jürgen groß", True),
        ("Jürgen Groß", "jurg", True),
        ("Anna-Lena O’Brien", "lena bri", True),
        ("Anna-Lena O’Brien", "annal obrien", True),
        ("Anna-Lena O’Brien", "anna-lena o'brien", True),
        ("Łukasz Żak", "lukasz zak", True),
        ("محمد الأحمد", "الاحم", True),
        ("مُحَمَّد", "محم", True),
        ("王小明", "王小", True),
        ("김민수", "김민", True),
        ("हिन्दी राव", "हिन्", True),
        ("Иван Ёлкин", "елк иван", True),
        ("Hire 17", "17 hire", True),
        ("Hire 17", "1", False),
        ("Anna Lehmann", "E-1001", True),
        ("Anna Lehmann", "e-1001", True),
        ("Anna Lehmann", "1001 anna", True),
        ("Anna Lehmann", "E-100", False),
        ("Anna Lehmann", "e", False),
        ("Anna Lehmann", ".*", False),
        ("Anna Lehmann", "$", False),
    ],
)
def test_people_are_found_by_the_beginnings_of_their_words_and_by_their_id(name: str, text: str, found: bool) -> None:
    assert is_named("E-1001", {"display_name": name}, text) is found


def test_given_and_family_name_find_somebody_too_and_an_unknown_person_is_found_by_id() -> None:
    assert is_named("E-1", {"given_name": "小明", "family_name": "王"}, "小 王")
    assert is_named("E-1", None, "e-1")
    assert not is_named("E-1", None, "anna")


def test_a_long_name_is_filed_under_few_texts_and_found_as_a_whole() -> None:
    name = {"display_name": "Wolfeschlegelsteinhausen"}
    assert len(filed("E-1", name)) == LONGEST + 2
    assert is_named("E-1", name, "wolfeschlegelsteinhausen")
    assert sought("wolfeschlegelsteinhausen") == [["wolfesch"]]
