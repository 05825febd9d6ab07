"""From a template and its context to subject, HTML and plain text, in the reader's language.

Templates lie in `templates/<language>/<template>.{subject,html,txt}`; `layout.html`, `parts.html` and `points.txt` are shared
by all languages, `phrases.txt` by all messages of one. HTML is escaped throughout; a missing variable is an error. A message
that a language lacks is written in the next language of its reader.
"""

import unicodedata
from collections.abc import Callable, Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass, fields, is_dataclass, replace
from datetime import date, datetime
from functools import cache, lru_cache
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import jinja2
import structlog
from babel import Locale, UnknownLocaleError
from babel.dates import format_date, format_skeleton, format_time
from babel.lists import format_list
from jinja2.sandbox import ImmutableSandboxedEnvironment

from services.notifications.brand import Brand, Logo
from services.notifications.inlining import inline
from services.notifications.moulds import Cast, cast, mould

SHIPPED = Path(__file__).parent / "templates"
FALLBACK_LANGUAGE = "en"
PEOPLES_OWN = frozenset({"name", "first", "role", "place", "mentor", "who", "waiting"})
"""The fields that hold people's own words, in whatever script they are written."""
BY_THE_LETTER = frozenset({"fr"})
"""Languages whose phrases ask how a name begins: d’Ada, de Noémie."""
MOULDS = 256  # as many kinds of message as are kept; one is some ten kilobytes
Moulds = tuple[tuple[str, ...], tuple[str, ...], tuple[str, ...]]
PARTS = ("subject", "html", "txt")
BELOW = "shipped/"
"""Before a shipped template's name, for company templates that build on it."""
ISOLATED, AGAIN = "\u2068", "\u2069"  # FIRST STRONG ISOLATE and POP DIRECTIONAL ISOLATE (UAX 9, section 2.4)
FOREIGN = {"ltr": frozenset({"R", "AL", "AN"}), "rtl": frozenset({"L"})}

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Rendered:
    """A message ready for a channel. `subject` is one line."""

    subject: str
    html: str
    text: str
    language: str
    logo: Logo | None = None


@dataclass(frozen=True, slots=True)
class Tongue:
    """The language a reader is written in, and how dates and lists are written in it."""

    language: str
    locale: Locale
    direction: str
    """Which way it is written: ltr or rtl."""

    def isolated(self, words: str) -> str:
        """Words of others amid this language: those of the other direction keep theirs, and move nothing around them."""
        foreign = FOREIGN[self.direction]
        if words.isascii() and self.direction == "ltr":  # nearly always
            return words
        return f"{ISOLATED}{words}{AGAIN}" if any(unicodedata.bidirectional(char) in foreign for char in words) else words

    def day(self, day: date) -> str:
        """A day with its weekday: Monday, 11 January 2027; Montag, 11. Januar 2027."""
        return _day(self.locale, day)

    def date(self, day: date) -> str:
        """A day among several, as short as it is clear: 11 January; 11. Januar."""
        return format_skeleton("MMMMd", day, locale=self.locale)

    def clock(self, moment: datetime) -> str:
        """A time of day as it is where the moment is: 10:00; 10:00 a.m. where people write so."""
        return format_time(moment, "short", locale=self.locale)

    def listed(self, words: Sequence[str]) -> str:
        """Words in a row: A, B and C; A, B und C."""
        return format_list([self.isolated(each) for each in words], "standard", locale=self.locale) if words else ""

    def language_name(self, code: str) -> str | None:
        """What a language is called in this one; None for a code nobody knows."""
        name: str | None = self.locale.languages.get(code)
        return name


def language_of(locale: str | None, otherwise: str = "") -> str:
    """The language of a BCP 47 tag, such as `de` of de-AT."""
    return (locale or otherwise).replace("_", "-").split("-")[0].lower()


def tongue_of(locale: str | None, languages: Iterable[str], available: Iterable[str]) -> Tongue:
    """The reader's own language if there are templates in it, else the first they speak, else English.

    `locale` is a BCP 47 tag such as de-AT or None; its region decides how dates are written where Babel knows the pair.
    """
    known = frozenset(available)
    tag = (locale or "").replace("_", "-")
    spoken = [language_of(tag), *languages]
    language = next((code for code in spoken if code in known), FALLBACK_LANGUAGE)
    return _tongue(language, tag)


@lru_cache(maxsize=1024)  # messages of one time name few days, in a few languages
def _day(locale: Locale, day: date) -> str:
    return format_date(day, "full", locale=locale)


@cache
def _tongue(language: str, tag: str) -> Tongue:
    locale = _locale(language, tag)
    return Tongue(language, locale, str(locale.text_direction))


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
    """All templates, compiled once.

    `folder` holds a folder per language. `own` are a company's sources by name, such as `de/welcome.html`: each stands in for
    the one of that name, which it finds as `shipped/de/welcome.html`. Company templates run in a sandbox.
    """

    def __init__(self, brand: Brand | str, folder: Path = SHIPPED, own: Mapping[str, str] | None = None) -> None:
        self.brand = Brand(brand) if isinstance(brand, str) else brand
        shipped = _read(folder)
        below = {f"{BELOW}{name}": source for name, source in shipped.items()}
        self.sources: Mapping[str, str] = {**shipped, **below, **(own or {})}
        loader = jinja2.FunctionLoader(self._found)
        kind = ImmutableSandboxedEnvironment if own else jinja2.Environment
        # Phrases stand in both kinds of text, and a macro escapes as its own template says, whoever calls it.
        self._escaping, self._plain = (_environment(kind, loader, autoescape=escape) for escape in (True, False))
        self._compiled: dict[tuple[bool, str], jinja2.Template] = {}
        self._phrases: dict[tuple[bool, str], SimpleNamespace] = {}
        folders = {name.partition("/")[0] for name in self.sources if name.endswith("/phrases.txt")} - {BELOW.strip("/")}
        self.languages = tuple(sorted(folders))
        self._templates = {language: _whole(self.sources, language) for language in self.languages}
        self._told: set[tuple[str, str, str]] = set()
        self._is_moulded = not own  # what a company's templates ask of a name, nobody knows here
        self._moulds: dict[Hashable, Moulds] = {}
        self._spoken = lru_cache(maxsize=1_024)(self._find_tongue)

    def tongue(self, template: str, locale: str | None, languages: Iterable[str]) -> Tongue:
        """The language this message is written in, of those that have it; once per message the log names what is missing."""
        return self._spoken(template, locale, tuple(languages))

    def _find_tongue(self, template: str, locale: str | None, spoken: tuple[str, ...]) -> Tongue:
        tongue = tongue_of(locale, spoken, (code for code in self.languages if template in self._templates[code]))
        wanted = tongue_of(locale, spoken, self.languages).language
        missing = (template, wanted, tongue.language)
        if wanted != tongue.language and missing not in self._told:
            self._told.add(missing)
            log.warning("template_missing", template=template, language=wanted, written_in=tongue.language)
        return tongue

    def render(self, template: str, tongue: Tongue, context: Mapping[str, Any]) -> Rendered:
        """Render one message. Raises `jinja2.TemplateError` naming what is missing or wrong."""
        made = cast(context, PEOPLES_OWN, tongue.isolated) if self._is_moulded and tongue.language not in BY_THE_LETTER else None
        if made is None:
            shown = {name: _amid(value, tongue) for name, value in context.items()}
            return self._rendered(template, tongue, context, shown)
        subject, html, text = self._mould(template, tongue, made)
        filled = made.words.into
        return Rendered(filled(subject), filled(html, html=True), filled(text), tongue.language, self.brand.logo)

    def _rendered(self, template: str, tongue: Tongue, context: Mapping[str, Any], shown: Mapping[str, Any]) -> Rendered:
        """From the context as it is and as it is shown amid the language."""
        common = {"brand": self.brand.name, "look": self.brand, "day": tongue.day, "clock": tongue.clock}
        common |= {"language": tongue.language, "direction": tongue.direction}
        # No mail program heeds marks of direction in a subject, and some show them.
        subject = " ".join(self._part(self._plain, template, "subject", tongue, common | dict(context)).split())
        html = self._part(self._escaping, template, "html", tongue, common | {**shown, "subject": subject})
        text = self._part(self._plain, template, "txt", tongue, common | {**shown})
        foot = self.brand.name, *self.brand.imprint, f"{self.phrase(tongue, 'preferences')}: {context['links']['preferences']}"
        return Rendered(subject, inline(html), _tidy(text, *foot), tongue.language, self.brand.logo)

    def _mould(self, template: str, tongue: Tongue, made: Cast) -> Moulds:
        """Subject, HTML and text of all messages that differ in words alone."""
        key = (template, tongue, made.key)
        if key not in self._moulds:
            if len(self._moulds) >= MOULDS:
                self._moulds.clear()
            rendered = self._rendered(template, tongue, made.plain, made.amid)
            self._moulds[key] = mould(rendered.subject), mould(rendered.html), mould(rendered.text)
        return self._moulds[key]

    def phrase(self, tongue: Tongue, name: str, *arguments: Any) -> str:
        """One phrase of the language: a macro of its `phrases.txt`."""
        macro: Callable[..., str] = getattr(self._phrases_of(self._plain, tongue.language), name)
        return macro(*arguments).strip()

    def parse(self, name: str) -> None:
        """Read one source. Raises `jinja2.TemplateSyntaxError`."""
        self._plain.parse(self.sources[name], name, name)

    def templates(self, language: str) -> frozenset[str]:
        """The names of all messages that this language has whole."""
        return self._templates[language]

    def _part(self, env: jinja2.Environment, template: str, part: str, tongue: Tongue, context: Mapping[str, Any]) -> str:
        modules: dict[str, Any] = {
            "phrases": self._phrases_of(env, tongue.language),
            "parts": self._template(env, "parts.html").module,
            "text": self._template(env, "points.txt").module,
        }
        return self._template(env, f"{tongue.language}/{template}.{part}").render({**modules, **context})

    def _phrases_of(self, env: jinja2.Environment, language: str) -> SimpleNamespace:
        """The macros of a language: the company's, and the shipped ones that it leaves as they are."""
        key = (env is self._escaping, language)
        if key not in self._phrases:
            names = (f"{BELOW}{language}/phrases.txt", f"{language}/phrases.txt")
            modules = (vars(self._template(env, name).module) for name in names if name in self.sources)
            found = {name: macro for module in modules for name, macro in module.items() if not name.startswith("_")}
            self._phrases[key] = SimpleNamespace(**found)
        return self._phrases[key]

    def _template(self, env: jinja2.Environment, name: str) -> jinja2.Template:
        """One template; jinja keeps them too, and looks at more than the name to find one."""
        key = (env is self._escaping, name)
        if key not in self._compiled:
            self._compiled[key] = env.get_template(name)
        return self._compiled[key]

    def _found(self, name: str) -> tuple[str, str, None] | None:
        return (self.sources[name], name, None) if name in self.sources else None


def _read(folder: Path) -> dict[str, str]:
    found = (path for path in folder.rglob("*") if path.suffix in (".subject", ".html", ".txt"))
    return {path.relative_to(folder).as_posix(): path.read_text() for path in found}


def _environment(kind: type[jinja2.Environment], loader: jinja2.BaseLoader, *, autoescape: bool) -> jinja2.Environment:
    return kind(
        loader=loader,
        autoescape=autoescape,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        auto_reload=False,  # templates change with a restart, and a look at the disk per message is dear
        cache_size=-1,
    )


def _whole(names: Iterable[str], language: str) -> frozenset[str]:
    """The messages of which a language has every part."""
    inside = [name.partition("/")[2] for name in names if name.startswith(f"{language}/")]
    held = (frozenset(name.removesuffix(f".{part}") for name in inside if name.endswith(f".{part}")) for part in PARTS)
    return frozenset.intersection(*held)


def _amid(value: Any, tongue: Tongue) -> Any:
    """What people call themselves as it stands amid the words of this language, wherever it is; all else as it is."""
    if isinstance(value, (list, tuple)):
        return [_amid(each, tongue) for each in value]
    if not is_dataclass(value) or isinstance(value, type):
        return value
    held = {each.name: getattr(value, each.name) for each in fields(value)}
    return replace(value, **{name: _field(name, inner, tongue) for name, inner in held.items()})


def _field(name: str, value: Any, tongue: Tongue) -> Any:
    if name in PEOPLES_OWN:
        return tongue.isolated(value) if isinstance(value, str) else [tongue.isolated(each) for each in value]
    return _amid(value, tongue)


def _tidy(text: str, *foot: str) -> str:
    """Plain text without stacked empty lines, signed."""
    lines = [line.rstrip() for line in text.strip().splitlines()]
    kept = [line for number, line in enumerate(lines) if line or (number and lines[number - 1])]
    return "\n".join([*kept, "", "-- ", *foot, ""])
