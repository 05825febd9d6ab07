"""Keeps the translations of the pages beside their texts: `./firstmate translations`.

Texts are found where they stand (`_`, `N_`, `ngettext` and refusals in Python, `{% trans %}` and `_` in templates) and brought
into one file per language, whose translations stay; a translator then fills what is empty.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from io import BytesIO
from pathlib import Path

from babel.messages.catalog import Catalog, Message
from babel.messages.extract import extract_from_dir
from babel.messages.pofile import read_po, write_po

from shared.pages.language import FOLDER, LANGUAGES

ROOT = Path(__file__).parent.parent
SOURCES = ("shared", "services", "deploy")
METHODS = [("**/notifications/templates/**", "ignore"), ("**/templates/**.html", "jinja2"), ("**.py", "python")]
OPTIONS = {"**/templates/**.html": {"trimmed": "true", "silent": "false"}}
KEYWORDS: Mapping[str, tuple[int, ...] | None] = {
    "_": None,
    "N_": None,
    "gettext": None,
    "ngettext": (1, 2),
    "Refused": (3,),  # pages say refusals too
    "not_found": (1,),
    "forbidden": (1,),
    "conflict": (1,),
    "invalid": (1,),
}
ENGLISH = "en"  # the texts themselves
NEVER = datetime(2000, 1, 1, tzinfo=UTC)  # a date in the file's head would make a change of every run


@dataclass(frozen=True, slots=True)
class Fault:
    """What is wrong with one text in one language."""

    language: str
    text: str
    words: str


def texts() -> Catalog:
    """Every text on pages, with the places where it stands."""
    catalog = Catalog(project="Firstmate", creation_date=NEVER, charset="utf-8")
    for source in SOURCES:
        found = extract_from_dir(str(ROOT / source), METHODS, OPTIONS, dict(KEYWORDS), strip_comment_tags=True)
        for file, _line, message, _comments, _context in found:
            catalog.add(message, locations=[(f"{source}/{file}", 0)])
    return catalog


def file_of(language: str) -> Path:
    """Where the translations into a language are."""
    return FOLDER / f"{language}.po"


def read(language: str) -> Catalog:
    """A language's translations; none where there is no file yet."""
    file = file_of(language)
    with BytesIO(file.read_bytes() if file.exists() else b"") as source:
        return read_po(source, locale=language)


def update(language: str, found: Catalog) -> int:
    """Bring new texts into a language's file and take those out that are gone; how many are without translation."""
    catalog = read(language)
    catalog.update(found, no_fuzzy_matching=True)
    catalog.obsolete.clear()
    catalog.revision_date = catalog.creation_date = NEVER
    catalog.fuzzy = False
    catalog.project, catalog.version, catalog.header_comment = "Firstmate", "1", f"# Firstmate's pages: {LANGUAGES[language]}"
    catalog.msgid_bugs_address = catalog.last_translator = ""
    catalog.language_team = LANGUAGES[language]
    with file_of(language).open("wb") as target:
        write_po(target, catalog, width=0, sort_output=True, include_lineno=False, omit_header=False)
    return sum(not translated(message) for message in catalog if message.id)


def translated(message: Message) -> bool:
    """Whether every form of it is there."""
    strings = message.string if isinstance(message.string, (list, tuple)) else [message.string]
    return all(strings)


def faults(language: str, found: Catalog) -> Iterator[Fault]:
    """What is missing, left over, or names other values than its text."""
    catalog = read(language)
    for message in found:
        if not message.id:
            continue
        text = message.id[0] if isinstance(message.id, (list, tuple)) else message.id
        known = catalog.get(message.id)
        if known is None or not translated(known):
            yield Fault(language, text, "is not translated")
            continue
        known.flags.add("python-format")  # the check below looks at texts with values only
        for error in known.check(catalog):
            yield Fault(language, text, str(error))
        if not message.pluralizable and values_in(text) - values_in(str(known.string)):
            yield Fault(language, text, "loses a value")
    for message in catalog:
        if message.id and found.get(message.id) is None:
            yield Fault(language, str(message.id), "is on no page any more")


def values_in(text: str) -> set[str]:
    """The names of the values that a text is filled with."""
    return set(re.findall(r"%\((\w+)\)s", text))


def others() -> list[str]:
    """The languages that need a file."""
    return [each for each in LANGUAGES if each != ENGLISH]
