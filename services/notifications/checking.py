"""What is wrong with templates, found by writing every message in every state and language, and looking at what came out."""

import re
from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass
from html.parser import HTMLParser
from types import TracebackType
from urllib.parse import urlsplit

import jinja2

from services.notifications.letters import one_line
from services.notifications.rendering import Rendered, Renderer
from services.notifications.samples import WEB_URL, Sample, preview, samples
from shared.events.notifications import RECIPIENTS

Served = Callable[[str], bool]
"""Whether a path, with its query, is one that pages answer."""

ADDRESS = re.compile(r"https?://\S+")
LIVING = frozenset({"script", "iframe", "object", "embed", "link", "form", "input", "video", "audio", "base", "svg"})
FETCHED = frozenset({"src", "srcset", "background", "poster"})
OWN_CONTENT = ("cid:", "data:image/")
REMOTE_STYLE = re.compile(r"url\(|@import", re.IGNORECASE)


@dataclass(frozen=True, slots=True, order=True)
class Fault:
    """One thing wrong with a template. `line` counts from 1, 0 where none can be named. Grave ones must not be sent."""

    where: str
    line: int
    message: str
    grave: bool = True

    def __str__(self) -> str:
        return f"{self.where}{f', line {self.line}' if self.line else ''}: {self.message}"


def check(
    renderer: Renderer,
    served: Served | None = None,
    languages: Collection[str] | None = None,
    templates: Collection[str] | None = None,
) -> list[Fault]:
    """Everything wrong with these languages and templates (None: with all), each thing once, in the order of files and lines.

    Grave: a syntax error, a missing variable, an empty part, a subject of several lines, anything fetched from elsewhere or
    alive, a link that leads nowhere. The rest is told only: a message that a language lacks, a missing preheader or alt text.
    Without `served`, paths of pages are believed.
    """
    found: set[Fault] = set()
    for language in renderer.languages if languages is None else languages:
        have = renderer.templates(language)
        wanted = have if templates is None else have & frozenset(templates)
        if templates is None:
            found |= set(_missing(language, sorted(RECIPIENTS.keys() - have)))
        for name in wanted:
            found |= set(_subject_lines(renderer, f"{language}/{name}.subject"))
        for sample in samples():
            if sample.letter.template in wanted:
                found |= set(_faults(renderer, sample, language, served))
    return sorted(found)


def syntax_faults(renderer: Renderer, name: str) -> list[Fault]:
    """What keeps one source from being read at all."""
    try:
        renderer.parse(name)
    except jinja2.TemplateSyntaxError as error:
        return [Fault(name, error.lineno, error.message or "can't be read")]
    return []


def _missing(language: str, names: list[str]) -> Iterator[Fault]:
    if names:
        words = f"lacks {', '.join(names)}, or a part of it; readers get it in the next language they speak, or in English"
        yield Fault(language, 0, words, grave=False)


def _subject_lines(renderer: Renderer, name: str) -> Iterator[Fault]:
    if "\n" in renderer.sources[name].strip():
        yield Fault(name, 2, "a subject is one line, since a line break ends the header; write it on the first")


def _faults(renderer: Renderer, sample: Sample, language: str, served: Served | None) -> Iterator[Fault]:
    name = f"{language}/{sample.letter.template}"
    try:
        rendered = preview(renderer, sample, language).rendered
    except jinja2.TemplateSyntaxError as error:
        yield Fault(error.name or name, error.lineno, error.message or "can't be read")
    except Exception as error:  # a template can fail in any way that an expression can
        yield _failed(renderer, name, error)
    else:
        yield from _empty(rendered, name)
        yield from _looked_at(renderer, rendered, name, served)


def _failed(renderer: Renderer, name: str, error: Exception) -> Fault:
    where, line = name, 0
    for code, number in _steps(error.__traceback__):
        if code in renderer.sources:
            where, line = code, number
    return Fault(where, line, str(error) or type(error).__name__)


def _steps(traceback: TracebackType | None) -> Iterator[tuple[str, int]]:
    while traceback is not None:
        yield traceback.tb_frame.f_code.co_filename, traceback.tb_lineno
        traceback = traceback.tb_next


def _empty(rendered: Rendered, name: str) -> Iterator[Fault]:
    for part, words in (("subject", rendered.subject), ("html", rendered.html), ("txt", rendered.text)):
        if not words.strip():
            yield Fault(f"{name}.{part}", 0, "is empty")
    if one_line(rendered.subject) != rendered.subject:
        yield Fault(f"{name}.subject", 1, "holds control characters, which no header can; take them out")


def _looked_at(renderer: Renderer, rendered: Rendered, name: str, served: Served | None) -> Iterator[Fault]:
    look = _Look(served)
    look.feed(rendered.html)
    look.close()
    if look.preheader is None:
        yield Fault("layout.html", 0, "has no element of class 'preheader' around that block", grave=False)
    elif not look.preheader.strip():
        words = "has no preheader: fill the block, so that the list of mails says more than the subject"
        yield Fault(f"{name}.html", 0, words, grave=False)
    for needle, message, grave in look.found:
        yield _placed(renderer, (f"{name}.html", "layout.html", "parts.html"), needle, message, grave=grave)
    for address in ADDRESS.findall(rendered.text):
        for message in link_faults(address, served):
            yield _placed(renderer, (f"{name}.txt",), address, message)


def _placed(renderer: Renderer, names: tuple[str, ...], needle: str, message: str, *, grave: bool = True) -> Fault:
    """The fault where its words stand in a source: what came out of an expression stands in none."""
    for name in names:
        for number, line in enumerate(renderer.sources[name].splitlines(), 1):
            if needle and needle.lower() in line.lower():
                return Fault(name, number, message, grave)
    return Fault(names[0], 0, message, grave)


def link_faults(address: str, served: Served | None) -> Iterator[str]:
    """Why a link in a mail would lead nowhere, or where nobody should be led."""
    try:
        scheme, host, path, query, _ = urlsplit(address)
    except ValueError:
        yield f"'{address}' is no address"
        return
    own = urlsplit(WEB_URL)
    if scheme == "mailto":
        return
    if (scheme, host) == (own.scheme, own.netloc):
        if served is not None and not served(f"{path or '/'}{'?' + query if query else ''}"):
            yield f"no page answers at '{path}'; use one of `links`"
    elif not scheme or not host:
        yield f"'{address}' leads nowhere from a mail; use one of `links`, or write it out with https://"
    elif scheme != "https":
        yield f"'{address}' is not https"


class _Look(HTMLParser):
    """What a mail program would see in a document."""

    def __init__(self, served: Served | None) -> None:
        super().__init__()
        self.found: list[tuple[str, str, bool]] = []
        self.preheader: str | None = None
        self._served = served
        self._tag = ""
        self._hidden = False

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        attributes = {name: value or "" for name, value in attrs}
        self._tag = tag
        self._hidden = "preheader" in attributes.get("class", "").split()
        if self._hidden:
            self.preheader = ""
        if tag in LIVING:
            self._say(f"<{tag}", f"<{tag}> has no place in a mail: programs block it, and filters take it for an attack")
        if tag == "img" and "alt" not in attributes:
            self._say("<img", 'a picture without alt text: say what it shows, or alt="" where it is ornament', grave=False)
        for name, value in attributes.items():
            self._attribute(tag, name, value)

    def handle_endtag(self, tag: str) -> None:
        self._hidden = False

    def handle_data(self, data: str) -> None:
        if self._hidden:
            self.preheader = f"{self.preheader or ''}{data}"
        if self._tag == "style":
            self._style(data)

    def _attribute(self, tag: str, name: str, value: str) -> None:
        if name.startswith("on"):
            self._say(f"{name}=", f"'{name}' would run a script, which no mail program does")
        if name in FETCHED and not value.startswith(OWN_CONTENT):
            self._say(
                value, f"<{tag}> loads '{value}' from elsewhere, which tells a stranger who reads; put pictures into the brand"
            )
        if name == "style":
            self._style(value)
        if name == "href":
            for message in link_faults(value, self._served):
                self._say(value, message)

    def _style(self, style: str) -> None:
        for found in REMOTE_STYLE.findall(style):
            self._say(found, f"the style loads something from elsewhere by '{found}'; leave it out")

    def _say(self, needle: str, message: str, *, grave: bool = True) -> None:
        self.found.append((needle, message, grave))
