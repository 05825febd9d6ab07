"""From a template and its context to subject, HTML and plain text, in the reader's language.

Templates lie in `templates/<language>/<template>.{subject,html,txt}`; `layout.html`, `parts.html` and `points.txt` are shared
by all languages, `phrases.txt` by all messages of one. HTML is escaped throughout; a missing variable is an error.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from functools import cache
from pathlib import Path
from typing import Any

import css_inline
import jinja2
from babel import Locale, UnknownLocaleError
from babel.dates import format_date
from babel.lists import format_list

SHIPPED = Path(__file__).parent / "templates"
FALLBACK_LANGUAGE = "en"
PARTS = ("subject", "html", "txt")


@dataclass(frozen=True, slots=True)
class Rendered:
    """A message ready for a channel. `subject` is one line."""

    subject: str
    html: str
    text: str
    language: str


@dataclass(frozen=True, slots=True)
class Tongue:
    """The language a reader is written in, and how dates and lists are written in it."""

    language: str
    locale: Locale

    def day(self, day: date) -> str:
        """A day with its weekday: Monday, 11 January 2027; Montag, 11. Januar 2027."""
        return format_date(day, "full", locale=self.locale)

    def listed(self, words: Sequence[str]) -> str:
        """Words in a row: A, B and C; A, B und C."""
        return format_list(words, "standard", locale=self.locale) if words else ""

    def language_name(self, code: str) -> str | None:
        """What a language is called in this one; None for a code nobody knows."""
        name: str | None = self.locale.languages.get(code)
        return name


def tongue_of(locale: str | None, languages: Iterable[str], available: Iterable[str]) -> Tongue:
    """The reader's own language if there are templates in it, else the first they speak, else English.

    `locale` is a BCP 47 tag such as de-AT or None; its region decides how dates are written where Babel knows the pair.
    """
    known = frozenset(available)
    tag = (locale or "").replace("_", "-")
    spoken = [tag.split("-")[0].lower(), *languages]
    language = next((code for code in spoken if code in known), FALLBACK_LANGUAGE)
    return Tongue(language, _locale(language, tag))


@cache
def _locale(language: str, tag: str) -> Locale:
    try:
        own = Locale.parse(tag, sep="-")
        if own.language == language:
            return own
        # Babel knows such pairs only where people use them: de-FR is none, en-DE is.
        return Locale.parse(f"{language}-{own.territory}", sep="-")
    except (UnknownLocaleError, ValueError, TypeError):
        # English for readers elsewhere: day before month, as everywhere outside the United States.
        return Locale.parse("en_GB" if language == "en" else language)


class Renderer:
    """All templates, compiled once. `folder` holds a folder per language."""

    def __init__(self, brand: str, folder: Path = SHIPPED) -> None:
        self._env = jinja2.Environment(
            loader=jinja2.FileSystemLoader(folder),
            autoescape=jinja2.select_autoescape(enabled_extensions=("html",), default=False),
            undefined=jinja2.StrictUndefined,
            trim_blocks=True,
            lstrip_blocks=True,
            auto_reload=False,  # templates change with a restart, and a look at the disk per message is dear
        )
        self._brand = brand
        self._inliner = css_inline.CSSInliner(keep_at_rules=True, load_remote_stylesheets=False)
        self.languages = tuple(sorted(path.name for path in folder.iterdir() if path.is_dir()))
        self._folder = folder

    def render(self, template: str, tongue: Tongue, context: Mapping[str, Any]) -> Rendered:
        """Render one message. Raises `jinja2.TemplateError` naming what is missing or wrong."""
        everything = {
            **context,
            "brand": self._brand,
            "language": tongue.language,
            "direction": tongue.locale.text_direction,
            "day": tongue.day,
            "phrases": self._module(f"{tongue.language}/phrases.txt"),
            "parts": self._module("parts.html"),
            "text": self._module("points.txt"),
        }
        subject = " ".join(self._part(template, tongue, "subject", everything).split())
        html = self._part(template, tongue, "html", everything | {"subject": subject})
        text = self._part(template, tongue, "txt", everything)
        return Rendered(subject, self._inliner.inline(html), _tidy(text, self._brand), tongue.language)

    def phrase(self, tongue: Tongue, name: str, *arguments: Any) -> str:
        """One phrase of the language: a macro of its `phrases.txt`."""
        macro: Callable[..., str] = getattr(self._module(f"{tongue.language}/phrases.txt"), name)
        return macro(*arguments).strip()

    def templates(self, language: str) -> frozenset[str]:
        """The names of all messages that this language has."""
        return frozenset(path.stem for path in (self._folder / language).glob("*.subject"))

    def _part(self, template: str, tongue: Tongue, part: str, context: Mapping[str, Any]) -> str:
        return self._env.get_template(f"{tongue.language}/{template}.{part}").render(context)

    def _module(self, name: str) -> Any:
        return self._env.get_template(name).module


def _tidy(text: str, brand: str) -> str:
    """Plain text without stacked empty lines, signed."""
    lines = [line.rstrip() for line in text.strip().splitlines()]
    kept = [line for number, line in enumerate(lines) if line or (number and lines[number - 1])]
    return "\n".join([*kept, "", "-- ", brand, ""])
