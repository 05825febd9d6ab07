"""A company's own templates and brand, from a folder that looks like ours: what is sound is used, what is not is set aside.

Each faulty file is named with its line, and the shipped one serves in its place: a slip in a template must never keep a
welcome from being sent, and a message with a hole in it must never be.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml
from babel import Locale, UnknownLocaleError
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from services.notifications.brand import Brand, Logo, darkened, faint, faint_in_the_dark, lightened
from services.notifications.channels.email import Identity
from services.notifications.checking import Fault, check, syntax_faults
from services.notifications.letters import one_line
from services.notifications.rendering import PARTS, Renderer
from shared.events.notifications import RECIPIENTS

BRAND_FILE, LAYOUT, PHRASES = "brand.yaml", "layout.html", "phrases.txt"
BOTH_DIRECTIONS = ("ar", "en")
LARGEST_TEMPLATE = 200_000  # bytes; mail programs cut off what is longer than half of that
LARGEST_LOGO = 100_000  # bytes; it goes along with every mail
KINDS = {b"\x89PNG\r\n\x1a\n": "png", b"\xff\xd8\xff": "jpeg", b"GIF8": "gif"}
COLOUR = re.compile(r"#[0-9a-fA-F]{6}")


@dataclass(frozen=True, slots=True)
class Company:
    """What messages are written with. `set_aside` are faults of files that the shipped ones serve for, `doubts` all others."""

    renderer: Renderer
    set_aside: tuple[Fault, ...] = ()
    doubts: tuple[Fault, ...] = ()


class BrandFile(BaseModel):
    """`brand.yaml` as written."""

    model_config = ConfigDict(extra="forbid", strict=True)

    name: str | None = Field(None, min_length=1, max_length=60)
    colour: str | None = None
    colour_dark: str | None = None
    logo: str | None = None
    logo_alt: str | None = Field(None, max_length=100)
    sender: str | None = None
    reply_to: str | None = None
    imprint: str | None = Field(None, max_length=500)


def company(folder: Path | None, name: str) -> Company:
    """The renderer over the company's folder, as far as it is sound; over the shipped templates alone without one.

    `name` is the brand's where the folder names none. Never raises for what is in the folder, or for there being none.
    """
    if folder is None:
        return Company(Renderer(name))
    if not folder.is_dir():
        fault = Fault(str(folder), 0, "is no folder; correct FIRSTMATE_TEMPLATES")
        return Company(Renderer(name), (fault,))
    brand, set_aside = _brand(folder, name)
    sources, unread, doubts = _sources(folder)
    set_aside = [*set_aside, *unread]
    own: dict[str, str] = {}
    for group, languages, templates in _groups(sources):
        own, faults = _adopted(brand, own, group, languages, templates)
        set_aside += [fault for fault in faults if fault.grave]
    renderer = Renderer(brand, own=own)
    doubts += [fault for fault in check(renderer, languages=_touched(own, renderer)) if not fault.grave]
    return Company(renderer, tuple(sorted(set(set_aside))), tuple(sorted(set(doubts))))


def _touched(own: Mapping[str, str], renderer: Renderer) -> list[str]:
    """The languages in which something of the company's is seen."""
    if LAYOUT in own:
        return list(renderer.languages)
    return [language for language in renderer.languages if any(name.startswith(f"{language}/") for name in own)]


def _adopted(
    brand: Brand, own: dict[str, str], group: Mapping[str, str], languages: list[str], templates: list[str] | None
) -> tuple[dict[str, str], list[Fault]]:
    """`own` with as much of this group as is sound, and what is wrong with the rest."""
    faults: list[Fault] = []
    left = dict(group)
    while left:
        renderer = Renderer(brand, own=own | left)
        found = [fault for name in left for fault in syntax_faults(renderer, name)]
        known = [language for language in languages if language in renderer.languages]
        found = found or [fault for fault in check(renderer, None, known, templates) if fault.grave]
        if not found:
            return own | left, faults
        named = [fault for fault in found if fault.where in left]
        faults += named or [Fault(min(left), 0, f"with it: {found[0]}")]
        blamed = {fault.where for fault in named} or set(left)
        left = {name: source for name, source in left.items() if name not in blamed}
    return own, faults


def _groups(sources: Mapping[str, str]) -> Iterator[tuple[dict[str, str], list[str], list[str] | None]]:
    """What is tried together, in the order in which it builds on each other, with the languages and templates it shows in."""
    if LAYOUT in sources:
        yield {LAYOUT: sources[LAYOUT]}, list(BOTH_DIRECTIONS), None
    languages = sorted({name.partition("/")[0] for name in sources if "/" in name})
    for language in languages:
        if f"{language}/{PHRASES}" in sources:
            yield {f"{language}/{PHRASES}": sources[f"{language}/{PHRASES}"]}, [language], None
    for language in languages:
        for template in sorted(RECIPIENTS):
            names = [f"{language}/{template}.{part}" for part in PARTS]
            if group := {name: sources[name] for name in names if name in sources}:
                yield group, [language], [template]


def _sources(folder: Path) -> tuple[dict[str, str], list[Fault], list[Fault]]:
    """The templates in the folder by name, what can't be read of them, and what belongs to no message."""
    sources: dict[str, str] = {}
    unread, strange = [], []
    for path in sorted(path for path in folder.rglob("*") if path.is_file()):
        name = path.relative_to(folder).as_posix()
        if any(part.startswith(".") for part in Path(name).parts):
            continue
        if not _is_template(name):
            if "/" in name or path.suffix in (".html", ".txt", ".subject"):
                strange.append(
                    Fault(name, 0, "belongs to no message and is not used; compare its name with the shipped ones", False)
                )
            continue
        try:
            if path.stat().st_size > LARGEST_TEMPLATE:
                raise ValueError(f"is longer than {LARGEST_TEMPLATE} bytes")
            sources[name] = path.read_text(encoding="utf-8")
        except (OSError, ValueError) as error:
            unread.append(Fault(name, 0, f"can't be read: {error}"))
    return sources, unread, strange


def _is_template(name: str) -> bool:
    if name == LAYOUT:
        return True
    language, _, inside = name.partition("/")
    template, _, part = inside.partition(".")
    return _is_language(language) and (inside == PHRASES or (template in RECIPIENTS and part in PARTS))


def _is_language(code: str) -> bool:
    try:
        return code.isalpha() and code.islower() and Locale.parse(code).language == code
    except (UnknownLocaleError, ValueError):
        return False


def _brand(folder: Path, name: str) -> tuple[Brand, list[Fault]]:
    """The brand of the folder; with any fault in it the shipped one, and every fault."""
    path = folder / BRAND_FILE
    if not path.exists():
        return Brand(name), []
    try:
        lines, written = _read_brand(path)
        given = BrandFile.model_validate(written)
        brand, problems = _made(given, folder, name)
        faults = [Fault(BRAND_FILE, lines.get(field, 1), f"{field}: {words}") for field, words in problems]
    except ValidationError as error:
        at = [(str(each["loc"][0]), each["msg"]) for each in error.errors()]
        faults = [Fault(BRAND_FILE, lines.get(field, 1), f"{field}: {words}") for field, words in at]
    except yaml.MarkedYAMLError as error:
        line = error.problem_mark.line + 1 if error.problem_mark else 1
        faults = [Fault(BRAND_FILE, line, f"is no YAML: {error.problem}")]
    except (OSError, ValueError, yaml.YAMLError) as error:
        faults = [Fault(BRAND_FILE, 1, f"can't be read: {error}")]
    return (Brand(name), faults) if faults else (brand, [])


def _read_brand(path: Path) -> tuple[dict[str, int], dict[str, Any]]:
    """The line of each field, and what is written. Raises ValueError for anything but fields, each once."""
    text = path.read_text(encoding="utf-8")
    root = yaml.compose(text, Loader=yaml.SafeLoader)
    if not isinstance(root, yaml.MappingNode):
        raise ValueError("write fields such as `name: Acme`")
    lines: dict[str, int] = {}
    for key, _ in root.value:
        if key.value in lines:
            raise ValueError(f"'{key.value}' stands here twice, also in line {key.start_mark.line + 1}; keep one")
        lines[key.value] = key.start_mark.line + 1
    return lines, yaml.safe_load(text)


def _made(given: BrandFile, folder: Path, name: str) -> tuple[Brand, list[tuple[str, str]]]:
    """The brand, and what is wrong by field."""
    shown = one_line(given.name or name)
    problems = [*_colour_problems(given), *_mailbox_problems(given)]
    logo = None
    if given.logo is not None:
        try:
            logo = _logo(folder, given.logo, given.logo_alt or shown)
        except (OSError, ValueError) as error:
            problems.append(("logo", str(error)))
    if problems:
        return Brand(name), problems
    brand = Brand(
        shown,
        logo=logo,
        imprint=tuple(one_line(line) for line in (given.imprint or "").splitlines() if line.strip()),
        mail_from=given.sender,
        reply_to=given.reply_to,
    )
    return _coloured(brand, given), []


def _coloured(brand: Brand, given: BrandFile) -> Brand:
    if given.colour is None and given.colour_dark is None:
        return brand
    colour = (given.colour or brand.colour).lower()
    dark = (given.colour_dark or lightened(colour)).lower()
    return Brand(brand.name, colour, dark, brand.logo, brand.imprint, brand.mail_from, brand.reply_to)


def _colour_problems(given: BrandFile) -> Iterator[tuple[str, str]]:
    tests = (("colour", given.colour, faint, darkened), ("colour_dark", given.colour_dark, faint_in_the_dark, lightened))
    for field, colour, too_faint, mended in tests:
        if colour is None:
            continue
        if not COLOUR.fullmatch(colour):
            yield field, f"'{colour}' is no colour; write six hexadecimal digits after #, in quotes, such as '#0d5c68'"
        elif (ratio := too_faint(colour)) is not None:
            theme = "light" if field == "colour" else "dark"
            yield (
                field,
                f"{colour} has a contrast of {ratio:.1f} in the {theme} theme where 4.5 is needed; {mended(colour)} would do",
            )


def _mailbox_problems(given: BrandFile) -> Iterator[tuple[str, str]]:
    for field, mailbox in (("sender", given.sender), ("reply_to", given.reply_to)):
        if mailbox is None:
            continue
        try:
            Identity(mailbox)
        except ValueError:
            yield field, f"'{mailbox}' is no mailbox; write one such as 'Acme <welcome@acme.example>'"


def _logo(folder: Path, file: str, alt: str) -> Logo:
    """The picture. Raises ValueError for what is none that mail programs show, OSError for what can't be read."""
    path = folder / file
    if not path.resolve().is_relative_to(folder.resolve()):
        raise ValueError(f"'{file}' lies outside the folder; put it inside")
    if not path.is_file():
        raise ValueError(f"there is no file '{file}' in the folder")
    if path.stat().st_size > LARGEST_LOGO:
        raise ValueError(
            f"'{file}' has {path.stat().st_size} bytes where {LARGEST_LOGO} are the most, since it goes with every mail"
        )
    content = path.read_bytes()
    kind = next((kind for start, kind in KINDS.items() if content.startswith(start)), None)
    if kind is None:
        raise ValueError(f"'{file}' is neither PNG nor JPEG nor GIF; mail programs show no others")
    return Logo(content, kind, one_line(alt))
