"""What every language's sentences about a pair are made of."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from babel import Locale
from babel.lists import format_list
from babel.numbers import format_decimal

from services.matching.person import comparable

Known = Mapping[str, Any]
MONTH_DAYS = 30.44  # the mean of the Gregorian calendar


@dataclass(frozen=True, slots=True)
class Pair:
    """Whom the words are about: directory documents of both, and whether one of them is reading (`you both` or `both`)."""

    hire: Known
    mentor: Known
    to_the_pair: bool = False

    def fields(self, name: str) -> tuple[str | None, str | None]:
        """One text field of both, as written."""
        return self.hire.get(name), self.mentor.get(name)

    def same(self, field: str) -> bool | None:
        """Whether a field is the same of both now; None where it is not known of both."""
        ours, theirs = (comparable(text) for text in self.fields(field))
        return None if ours is None or theirs is None else ours == theirs

    def named(self, field: str, same: bool | None, locale: str) -> str:
        """Both people's words for a field in brackets, if they still say what the decision says."""
        ours, theirs = self.fields(field)
        if same is None or self.same(field) is not same:
            return ""
        return f" ({ours})" if same else f" ({listed([str(ours), str(theirs)], locale)})"

    def shared(self, field: str, count: int) -> list[str]:
        """The words of a list that both have, as the hire writes them; none where they are no longer `count`."""
        theirs = {comparable(word) for word in self.mentor.get(field) or ()}
        found = [word for word in self.hire.get(field) or () if comparable(word) in theirs]
        return found if len(found) == count else []


Sentence = Callable[[Known, Pair], str]


@dataclass(frozen=True, slots=True)
class Catalogue:
    """Everything one language says about decisions.

    `labels` name the criteria and `sentences` say what each saw; `rules` are predicates for one mentor and for several;
    `ruled_out` takes count and predicate, `change` the runner-up's name, points behind (None for a draw), and, where one
    criterion would have been enough, its label, value and the value needed; numbers come written as `locale` has them.
    """

    labels: Mapping[str, str]
    rules: Mapping[str, tuple[str, str]]
    sentences: Mapping[str, Sentence]
    locale: str
    ruled_out: Callable[[int, str], str]
    change: Callable[[str, str | None, tuple[str, str, str] | None], str]

    def number(self, hundredths: int) -> str:
        """Hundredths as people read them: `78`, `15.6`."""
        return str(format_decimal(hundredths / 100, format="0.##", locale=self.locale))


def listed(words: list[str], locale: str) -> str:
    """`a`, `a and b`, `a, b and c`."""
    return str(format_list(words, locale=locale))


def counted(count: int, locale: str, **forms: str) -> str:
    """A number with its word, from the forms that the language has (`one`, `few`, `other`, ...), `{}` for the number."""
    return forms.get(Locale.parse(locale).plural_form(count), forms["other"]).format(count)


def languages(codes: list[str], levels: Mapping[str, str], locale: str) -> str:
    """Languages by name, each with the level that both have at least, where it is told."""
    names = Locale.parse(locale).languages
    return listed([names.get(code, code) + (f" ({levels[code]})" if code in levels else "") for code in codes], locale)


def years_and_months(days: int) -> tuple[int, int]:
    """Days as whole years and months."""
    return divmod(round(days / MONTH_DAYS), 12)
