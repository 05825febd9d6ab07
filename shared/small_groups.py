"""Which groups of a report not to show, so that it tells on nobody. Pure.

Groups of fewer than five are hidden. So is what would give them away by subtraction from a total: where the hidden groups of a
table hold fewer than five people together, the next smallest group is hidden too (complementary suppression; Hundepool et al.,
Statistical Disclosure Control, 2012, chapter 4). A group in which everybody gave the same answer tells what each of them said,
however large it is (the homogeneity attack; Machanavajjhala et al., l-diversity, 2007): it is hidden like a small one, together
with as many more as make the hidden ones' answers differ.
"""

from collections.abc import Hashable, Iterable, Mapping, Sequence

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


def to_hide_in_all(tables: Iterable[Mapping[str, int]], answers: Iterable[Mapping[str, Sequence[Hashable]]] = ()) -> set[str]:
    """As `to_hide` where each group stands in several tables of the same groups, and is hidden in all of them or in none.

    `answers` hold what each group's members said, a table for each way in which they are shown: where all said the same, neither
    a group is shown nor what would give the hidden ones' answers by subtraction.
    """
    sizes, said = list(tables), list(answers)
    hidden = {name for table in said for name, given in table.items() if alike(given)}
    while more := (set().union(*(to_hide(table, hidden) for table in sizes)) - hidden) or _to_differ(said, hidden):
        hidden |= more
    return hidden


def _to_differ(said: Iterable[Mapping[str, Sequence[Hashable]]], hidden: set[str]) -> set[str]:
    """One more group to hide where the hidden ones of a table said the same together: the smallest other that said anything."""
    for table in said:
        if alike([each for name in hidden for each in table.get(name, ())]):
            others = sorted((len(given), name) for name, given in table.items() if given and name not in hidden)
            if others:
                return {others[0][1]}
    return set()


def alike(answers: Sequence[Hashable]) -> bool:
    """Whether there are answers, and all are the same."""
    return len(set(answers)) == 1
