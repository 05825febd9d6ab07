"""What people are found by: the beginnings of the words of their names, and their id. Pure.

A board's rows are filed under each beginning (`filed`), so that what somebody types is an equality, which an index keeps in the
board's own order. Case and marks don't count: `muller` and `mueller` find Müller, and `le an` finds Anna Lehmann.
"""

import re
import unicodedata
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

NAMES = ("given_name", "family_name", "display_name")  # of a directory entry
LONGEST = 8  # letters of a beginning: those after them tell hardly anybody apart, and each is one more key for every hire
MOST_WORDS = 5  # of a search
BETWEEN_WORDS = re.compile(r"[\s,;()]+")
WITHIN_WORDS = re.compile(r"[-'’.·]+")
PLAIN = str.maketrans({"ø": "o", "đ": "d", "ð": "d", "ł": "l", "ı": "i", "æ": "ae", "œ": "oe", "þ": "th"})
SPELLED_OUT = str.maketrans({"ä": "ae", "ö": "oe", "ü": "ue", "ø": "oe", "å": "aa"})


def filed(employee_id: str, person: Mapping[str, Any] | None) -> list[str]:
    """Every text that finds this person, in order; `person` is their directory entry."""
    names = [str((person or {}).get(field) or "") for field in NAMES]
    return sorted({beginning for text in (*names, employee_id) for word in _words(text) for beginning in _filed(word)})


def sought(text: str) -> list[list[str]]:
    """For each word of what somebody typed the texts of which a row must be filed under one; later words are left out."""
    return [sorted({word[: _length(word)] for word in _spellings(each)}) for each in _typed(text)][:MOST_WORDS]


def is_named(employee_id: str, person: Mapping[str, Any] | None, text: str) -> bool:
    """Whether a search for the text finds this person."""
    words = sought(text)
    under = set(filed(employee_id, person)) if words else set()
    return all(not under.isdisjoint(spellings) for spellings in words)


def _typed(text: str) -> Iterator[str]:
    for word in BETWEEN_WORDS.split(text):
        yield from [word] if _has_digit(word) else filter(None, WITHIN_WORDS.split(word))


def _words(text: str) -> Iterator[str]:
    """The words of a name or an id: whole, and the parts of double names; a part of an id counts where it has a digit."""
    for word in BETWEEN_WORDS.split(text):
        parts = WITHIN_WORDS.split(word)
        within = [part for part in parts if _has_digit(part)] if _has_digit(word) else [*parts, "".join(parts)]
        yield from filter(None, {word, *within} if _has_digit(word) else within)


def _filed(word: str) -> Iterable[str]:
    """A number is found as a whole: whoever looks for `e` means a name, not everybody whose id begins so."""
    for spelled in _spellings(word):
        yield from [spelled] if _has_digit(spelled) else (spelled[:end] for end in range(1, _length(spelled) + 1))


def _length(word: str) -> int:
    return len(word) if _has_digit(word) else min(len(word), LONGEST)


def _spellings(word: str) -> Sequence[str]:
    """A word without case and marks, and as it is written where there are no such letters."""
    lower = unicodedata.normalize("NFC", word.casefold())
    return [spelled for spelled in {_folded(lower), _folded(lower.translate(SPELLED_OUT))} if spelled]


def _folded(word: str) -> str:
    parts = unicodedata.normalize("NFKD", word)
    return "".join(part for part in parts if not unicodedata.combining(part)).translate(PLAIN)


def _has_digit(word: str) -> bool:
    return any(letter.isdigit() for letter in word)
