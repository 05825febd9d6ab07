"""Which groups of a report not to show, so that it tells on nobody. Pure.

Groups of fewer than five are hidden. So is what would give them away by subtraction from a total: where the hidden groups of a
table hold fewer than five people together, the next smallest group is hidden too (complementary suppression; Hundepool et al.,
Statistical Disclosure Control, 2012, chapter 4).
"""

from collections.abc import Iterable, Mapping

FEWEST = 5


def to_hide(sizes: Mapping[str, int], already: Iterable[str] = ()) -> set[str]:
    """Which groups not to show: the small ones, those `already` hidden, and as many more as keep the hidden ones' sum at five.

    A group of nobody tells of nobody. The smallest go first, of equals the first by name, so that the same report hides the same.
    """
    hidden = {name for name, size in sizes.items() if 0 < size < FEWEST} | set(already)
    rest = sorted((name for name, size in sizes.items() if size and name not in hidden), key=lambda name: (sizes[name], name))
    while 0 < sum(sizes[name] for name in hidden) < FEWEST and rest:
        hidden.add(rest.pop(0))
    return hidden


def to_hide_in_all(tables: Iterable[Mapping[str, int]]) -> set[str]:
    """As `to_hide` where each group stands in several tables of the same groups, and is hidden in all of them or in none."""
    sizes = list(tables)
    hidden: set[str] = set()
    while more := set().union(*(to_hide(table, hidden) for table in sizes)) - hidden:
        hidden |= more
    return hidden
