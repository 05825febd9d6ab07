"""The language of the page being made: chosen once a request, then known to templates and to whoever makes words for them.

    from shared.pages.language import N_, gettext as _, ngettext

    TITLES = {"track": N_("On track")}          # noted for translation where no request is
    _(TITLES["track"])                           # translated where one is
    _("Back %(day)s", day=day(until))            # values have names, so that a translation can move them
    ngettext("%(num)s week", "%(num)s weeks", weeks)

The text itself is the key, as gettext has it; `translations/<language>.po` hold the others. What nobody translated stays English.
Outside a request (tests, commands) the language is English as it is written in Europe.
"""

import io
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from babel import Locale, UnknownLocaleError
from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po
from babel.support import NullTranslations, Translations
from starlette.datastructures import Headers
from starlette.requests import cookie_parser
from starlette.types import ASGIApp, Receive, Scope, Send

from shared.languages import N_ as N_  # noqa: PLC0414 - whoever words pages finds all of it here
from shared.languages import accepted

FOLDER = Path(__file__).parent / "translations"
LANGUAGES: Mapping[str, str] = {"en": "English", "de": "Deutsch", "fr": "Français", "ar": "العربية"}
"""The languages that pages speak, each by its own name."""

TWO_STOPS = re.compile(r"(?<!\.)\.\.(?=\s|$)")  # and no ellipsis
COOKIE = "firstmate_language"  # somebody's own choice; it is no secret and names nobody
DEFAULT = "en_GB"  # day before month, 24 hours: what most people who wrote no preference read without a mistake


@dataclass(frozen=True, slots=True)
class Language:
    """`locale` says how dates and numbers are written, `words` translates."""

    locale: Locale
    words: NullTranslations

    @property
    def tag(self) -> str:
        """For the `lang` attribute: `de`."""
        return str(self.locale.language)

    @property
    def direction(self) -> str:
        """For the `dir` attribute: `ltr` or `rtl`."""
        return str(self.locale.text_direction)


@cache
def language(locale: str) -> Language:
    """The language of a locale as Babel writes it (`de_AT`). Raises `UnknownLocaleError` where Babel does not know it."""
    found = Locale.parse(locale)
    return Language(found, _words(found.language))


@cache
def _words(tag: str) -> NullTranslations:
    file = FOLDER / f"{tag}.po"
    if not file.exists():
        return NullTranslations()
    compiled = io.BytesIO()
    with file.open("rb") as source:
        write_mo(compiled, read_po(source, locale=tag))
    compiled.seek(0)
    return Translations(compiled)


def best_for(header: str) -> str:
    """The locale of the first language in an `Accept-Language` header that pages speak; the default where there is none."""
    for tag, weight in accepted(header):
        if weight > 0 and (known := known_locale(tag)) is not None:
            return known
    return DEFAULT


def known_locale(tag: str) -> str | None:
    """A BCP 47 tag as a locale in a language that pages speak, its region kept where Babel knows the pair; None otherwise."""
    subtags = tag.replace("_", "-").split("-")
    main = subtags[0].lower()
    if main not in LANGUAGES:
        return None
    try:
        return str(Locale.parse("_".join([main, *subtags[1:]]), "_"))
    except (UnknownLocaleError, ValueError):
        return DEFAULT if main == "en" else main


_current: ContextVar[str] = ContextVar("page language", default=DEFAULT)


def current() -> Language:
    """The language of the page that is being made."""
    return language(_current.get())


@contextmanager
def speaking(locale: str) -> Iterator[None]:
    """Make pages in this locale's language within the block."""
    before = _current.set(locale)
    try:
        yield
    finally:
        _current.reset(before)


def gettext(text: str, **values: object) -> str:
    """The text in the page's language, with its `%(name)s` filled."""
    translated = str(current().words.gettext(text))
    return _filled(translated, values) if values else translated


def ngettext(one: str, many: str, num: int, **values: object) -> str:
    """The form for this number in the page's language, with `%(num)s` and other names filled."""
    translated = str(current().words.ngettext(one, many, num))
    return _filled(translated, {"num": num, **values})


def _filled(text: str, values: Mapping[str, object]) -> str:
    """The text with its values; where one ends in an abbreviation (`7 févr.`) and the sentence with it, one stop is enough."""
    filled = text % values
    return TWO_STOPS.sub(".", filled) if ".." in filled else filled


def plain_ngettext(one: str, many: str, num: int) -> str:
    """The form for this number, nothing filled: Jinja fills, and escapes what it fills in."""
    return str(current().words.ngettext(one, many, num))


class SpeakTheirLanguage:
    """ASGI middleware: the reader's own choice (cookie), else what their browser asks for."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle one request or lifespan."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        headers = Headers(scope=scope)
        chosen = known_locale(cookie_parser(headers.get("cookie", "")).get(COOKIE, ""))
        with speaking(chosen or best_for(headers.get("accept-language", ""))):
            await self._app(scope, receive, send)
