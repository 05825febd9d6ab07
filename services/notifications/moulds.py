"""One rendering for many readers: what differs from person to person is left out, and filled in last.

Of two welcomes in one language only names, roles, addresses and links differ. In their places a character stands that no text
has a meaning for; the message is rendered and its styles are inlined once with those, and kept. Templates have to show such
words as they are, and may ask only whether there is one, or whether two are the same: that the shipped ones do is tested.
"""

import re
from collections.abc import Callable, Hashable, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain
from typing import Any

from markupsafe import escape

FIRST_GAP, LAST_GAP = 0xF0000, 0xFFFFD  # a plane for private use; inlining has the private characters of the first plane
A_GAP = re.compile("([\U000f0000-\U000ffffd])")
FIELDS = ("name", "first", "role", "place", "address")  # all that a figure has, in its order
PEOPLE = ("reader", "hire", "mentor", "manager")
PERSONAL_LINKS = ("preferences", "person")
SENTENCES = ("reasons", "openers")
NOT_SHOWN = ("pair", "criteria")  # what words are made of before a template sees them


class Filled(str):
    """A text out of a mould: every second one of its `pieces` is a word, the others are the same in all of its kind."""

    __slots__ = ("pieces",)
    pieces: Sequence[str]


@dataclass(frozen=True, slots=True)
class Words:
    """What goes into the gaps of one message. A word has two gaps: the even one is for it as it is, the odd one for it as it
    stands amid this language."""

    each: tuple[str, ...]

    def into(self, mould: tuple[str, ...], *, html: bool = False) -> Filled:
        """The text of a mould."""
        pieces = list(mould)
        words = [self.each[ord(gap) - FIRST_GAP] for gap in pieces[1::2]]
        pieces[1::2] = map(escape, words) if html else words
        text = Filled("".join(pieces))
        text.pieces = pieces
        return text


@dataclass(frozen=True, slots=True)
class Cast:
    """A message's context without its words: `key` is the same for all that differ in words alone, `plain` has words as they are,
    `amid` as they stand amid the language."""

    key: Hashable
    plain: Mapping[str, Any]
    amid: Mapping[str, Any]
    words: Words


def mould(text: str) -> tuple[str, ...]:
    """A text with gaps: every second piece is one."""
    return tuple(A_GAP.split(text))


def cast(context: Mapping[str, Any], peoples_own: frozenset[str], isolated: Callable[[str], str]) -> Cast | None:
    """The context with gaps for words; None where the message is the only one of its kind, or a word holds what looks like a gap.

    `peoples_own` are the fields of a person that are `isolated` amid a language.
    """
    if context.get("summary") is not None or context.get("meeting") is not None:
        return None
    numbers: dict[tuple[str, str], int] = {}

    def gaps(word: str, shown: str) -> tuple[str, str]:
        number = numbers.setdefault((word, shown), FIRST_GAP + 2 * len(numbers)) if word else 0
        return (chr(number), chr(number + 1)) if number else ("", "")

    def same(word: str) -> str:
        return gaps(word, word)[0]

    plain = {name: value for name, value in context.items() if name not in NOT_SHOWN}
    plain["links"] = {**context["links"], **{name: same(context["links"][name]) for name in PERSONAL_LINKS}}
    plain["answer"] = same(context["answer"])
    for name in SENTENCES:
        if name in context:
            plain[name] = [same(sentence) for sentence in context[name]]
    amid = dict(plain)
    ways: dict[int, tuple[Any, Any]] = {}
    for name in PEOPLE:
        if (person := context[name]) is None:
            continue
        if id(person) not in ways:  # mostly the reader is one of the others
            held = [(each, str(getattr(person, each))) for each in FIELDS]
            both = [gaps(word, isolated(word) if each in peoples_own else word) for each, word in held]
            ways[id(person)] = type(person)(*[gap for gap, _ in both]), type(person)(*[gap for _, gap in both])
        plain[name], amid[name] = ways[id(person)]
    words = tuple(chain.from_iterable(numbers))
    if any(A_GAP.search(word) for word in [word for word in words if not word.isascii()]):
        return None
    return Cast((*plain, *map(_fixed, plain.values())), plain, amid, Words(words))


def _fixed(value: Any) -> Hashable:
    if isinstance(value, dict):
        return tuple(value.items())
    return tuple(value) if isinstance(value, list) else value
