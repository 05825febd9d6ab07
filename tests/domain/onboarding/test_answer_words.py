"""What the pages behind links say: in the language of the page, with days as it writes them."""

from datetime import date

from services.onboarding.answer_words import greeting, in_words
from shared.pages.language import speaking


def test_days_are_written_as_the_language_of_the_page_writes_them() -> None:
    said = {}
    for locale in ("en_GB", "de_AT", "fr", "ar"):
        with speaking(locale):
            said[locale] = in_words("not_open_words", day=date(2027, 1, 11))
    assert said["en_GB"] == "You will be asked on 11 January 2027. The same link works from then on."
    assert said["de_AT"] == "Gefragt wirst du am 11. Jänner 2027. Ab dann geht derselbe Link."
    assert "11 janvier 2027" in said["fr"]
    assert "11 يناير 2027" in said["ar"]


def test_a_survey_says_how_many_questions_it_has() -> None:
    with speaking("de"):
        assert greeting("Ada", 1) == "Hallo Ada, nur eine Frage."
        assert greeting("Ada", 3) == "Hallo Ada, 3 kurze Fragen."
    with speaking("ar"):
        assert len({greeting("Ada", count).replace(str(count), "") for count in (1, 2, 3, 11)}) == 4
