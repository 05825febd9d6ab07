"""What the pages behind links say, in every language alike."""

import re

from services.onboarding.answer_words import WORDS, language_of


def test_every_text_is_there_in_every_language_with_the_same_values_to_fill_in() -> None:
    def holes(language: str) -> dict[str, set[str]]:
        return {key: set(re.findall(r"{(\w+)}", text)) for key, text in WORDS[language].items()}  # type: ignore[index]

    assert holes("de") == holes("en")


def test_a_reader_gets_their_language_whatever_its_region_and_english_otherwise() -> None:
    assert [language_of(tag) for tag in ("de", "de-AT", "de_CH", "DE", "fr-FR", "", None)] == [*["de"] * 4, *["en"] * 3]
