"""What a board can be narrowed to and counted by: texts in each row that one index holds.

`late:mentor:default:goals_30` stands in the row of a hire whose milestone of that owner, programme and name is late; where a
part is left out, as in `late:mentor` and `late::default`, any will do. So people are counted once at every level.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import product
from typing import Literal, cast

from services.onboarding.deciding.changes import OWN
from services.onboarding.projections.stored import Stored

Kind = Literal["late"]
OF_THEIR_OWN = OWN.rstrip("_")  # milestones that one person alone has are counted together


@dataclass(frozen=True, slots=True)
class Facet:
    """One thing to narrow a board to; an empty part stands for any. As a text it is what rows and addresses hold."""

    kind: Kind
    owner: str = ""
    programme: str = ""
    milestone: str = ""

    def __str__(self) -> str:
        return ":".join((self.kind, self.owner, self.programme, self.milestone)).rstrip(":")

    @classmethod
    def of(cls, text: str) -> "Facet":
        """The facet that a text stands for; `text` comes from a row or was checked to be one."""
        kind, *parts = text.split(":")
        return cls(cast(Kind, kind), *parts)


def facets_of(row: Stored) -> list[str]:
    """The facets of a row that is counted already, in order."""
    return sorted({str(facet) for facet in _late(row)})


def _late(row: Stored) -> Iterator[Facet]:
    if row["status"] != "active":
        return
    programme = row["programme"] or ""
    for id in row["late"]:
        name = OF_THEIR_OWN if id.startswith(OWN) else id
        yield Facet("late", row["milestones"][id]["owner"], programme, name)
        for owner, of_programme in product(("", row["milestones"][id]["owner"]), ("", programme)):
            if owner or of_programme:
                yield Facet("late", owner, of_programme)
