"""The pages speak every language they offer: each text is translated, with the same values in it, and nothing is left over."""

from datetime import date
from pathlib import Path

import pytest
import yaml
from babel import Locale

import services.notifications
from deploy.translations import faults, file_of, others, read, texts, update
from services.onboarding.happenings import TEMPLATES
from services.onboarding.programme_files import SHIPPED as FILES
from shared.pages import language, words
from shared.pages.language import FOLDER, LANGUAGES, best_for, gettext, known_locale, ngettext, speaking

MAILS = Path(services.notifications.__file__).parent / "templates" / "en"
FOUND = texts()


@pytest.mark.parametrize("tag", others())
def test_every_text_is_translated_with_the_same_values_in_it(tag):
    assert [f"{fault.text}: {fault.words}" for fault in faults(tag, FOUND)] == []


def test_a_missing_a_broken_and_a_forgotten_translation_are_named(tmp_path, monkeypatch):
    monkeypatch.setattr("deploy.translations.FOLDER", tmp_path)
    head = 'msgid ""\nmsgstr ""\n"Content-Type: text/plain; charset=utf-8\\n"\n'
    texts = 'msgid "due %(when)s"\nmsgstr "fällig %(wann)s"\n\nmsgid "Gone"\nmsgstr "Fort"\n'
    file_of("de").write_text(f"{head}\n{texts}")
    said = {(fault.text, fault.words) for fault in faults("de", FOUND)}
    assert ("Board", "is not translated") in said
    assert ("Gone", "is on no page any more") in said
    assert any(text == "due %(when)s" and "placeholder" in words for text, words in said)
    assert update("de", FOUND) > 50
    assert "Gone" not in file_of("de").read_text()
    assert "wann" in file_of("de").read_text()


def texts_of(thing):
    """Every text in several languages within a programme."""
    if isinstance(thing, dict) and "en" in thing:
        return [thing]
    parts = thing.values() if isinstance(thing, dict) else thing if isinstance(thing, list) else []
    return [found for part in parts for found in texts_of(part)]


def test_the_shipped_programme_has_every_text_in_every_language_of_the_pages():
    found = texts_of(yaml.safe_load((FILES / "default.yaml").read_text()))
    assert len(found) > 30
    assert [text["en"] for text in found if set(text) != set(LANGUAGES)] == []


def test_every_message_has_a_name_that_is_translated():
    messages = {file.stem for file in MAILS.glob("*.subject")}
    assert len(messages) > 10
    assert {words.humane(message) for message in messages} - set(TEMPLATES) == set()


@pytest.mark.parametrize(
    ("header", "locale"),
    [
        ("", "en_GB"),
        ("de-AT,de;q=0.9,en;q=0.8", "de_AT"),
        ("fr-CH", "fr_CH"),
        ("tlh, sv;q=0.9, ar-EG;q=0.8", "ar_EG"),
        ("en-US,en;q=0.5", "en_US"),
        ("en", "en"),
        ("ja", "en_GB"),
        ("de;q=0, fr;q=0.1", "fr"),
        ("de-NOWHERE-x", "de"),
        (";;;", "en_GB"),
    ],
)
def test_a_reader_gets_the_first_of_their_languages_that_pages_speak(header, locale):
    assert best_for(header) == locale


def test_every_offered_language_is_known_by_name_and_kept_in_a_file():
    assert {tag for tag in LANGUAGES if known_locale(tag) is None} == set()
    assert {file.stem for file in FOLDER.glob("*.po")} == set(LANGUAGES) - {"en"}
    assert {tag: Locale(tag).text_direction for tag in LANGUAGES} == {"en": "ltr", "de": "ltr", "fr": "ltr", "ar": "rtl"}


def test_words_days_and_numbers_follow_the_language_of_the_page():
    monday, friday = date(2027, 1, 11), date(2027, 1, 8)
    said = {}
    for locale in ("en_GB", "en_US", "de", "fr", "ar"):
        with speaking(locale):
            said[locale] = (words.day(monday, friday), words.relative(monday, friday), words.listed(["a", "b"]), gettext("Board"))
    assert said["en_GB"] == ("Mon 11 Jan", "in 3 days", "a and b", "Board")
    assert said["en_US"][0] == "Mon, Jan 11"
    assert said["de"] == ("Mo., 11. Jan.", "in 3 Tagen", "a und b", "Übersicht")
    assert said["fr"][1] == "dans 3 jours"
    assert said["ar"][1] == "خلال 3 أيام"


def test_numbers_take_the_form_that_the_language_has_for_them():
    with speaking("ar"):
        weeks = [ngettext("in %(num)s week", "in %(num)s weeks", number) for number in (1, 2, 3, 11, 100)]
    assert len({text.replace(str(number), "") for text, number in zip(weeks, (1, 2, 3, 11, 100), strict=True)}) >= 4


def test_arabic_counts_eleven_in_the_accusative_and_a_hundred_in_the_genitive():
    with speaking("ar"):
        assert ngettext("in %(num)s week", "in %(num)s weeks", 11) == "بعد 11 أسبوعًا"
        assert ngettext("in %(num)s week", "in %(num)s weeks", 100) == "بعد 100 أسبوع"
    forms = [message.string for message in read("ar") if message.id and message.pluralizable]
    assert [each for each in forms if each[4].count("ًا") > each[5].count("ًا")] == []  # 4: from 100, 5: from 11 on


def test_outside_a_page_words_are_english():
    assert language.current().tag == "en"
    assert gettext("On track") == "On track"
