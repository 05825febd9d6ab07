"""What a board can be narrowed to and counted by: texts in each row that one index holds.

`late:mentor:default:goals_30` stands in the row of a hire whose milestone of that owner, programme and name is late; where a
part is left out, as in `late:mentor` and `late::default`, any will do. So people are counted once at every level. Surveys stand
as `answered::default:pulse_7` or `unanswered::default:pulse_7`, meetings as one word. Nobody chooses these by the clock: a row
says what facts said last.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import chain, product
from typing import Literal, cast, get_args

from services.onboarding.deciding.changes import OWN
from services.onboarding.projections.stored import Stored

Rhythm = Literal["on_rhythm", "off_rhythm", "never_met"]
"""How mentor and hire keep the planned meetings: none is late and some was held, one is late, or one is and none was held.

After an earlier mentor it starts anew with the present one: with the meetings planned since then, of which each meeting of these
two counts for the next, whatever was left open before them."""
Kind = Literal["late", "answered", "unanswered", Rhythm]
RHYTHMS: tuple[Rhythm, ...] = get_args(Rhythm)
OF_THEIR_OWN = OWN.rstrip("_")  # milestones that one person alone has are counted together


@dataclass(frozen=True, slots=True)
class Facet:
    """One thing to narrow a board to; an empty part stands for any. As a text it is what rows and addresses hold.

    `milestone` is the survey where the kind is about surveys.
    """

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
    return sorted({*chain(_late(row), map(str, _surveys(row)), map(str, _rhythm(row)))})


def rated(programme: str, survey: str, question: str, rating: int) -> str:
    """One rating of an answer, as rows hold it for means to be counted from: it is no facet, and nobody looks people up by it."""
    return f"{programme}:{survey}:{question}:{rating}"


def _late(row: Stored) -> Iterator[str]:
    if row["status"] != "active":
        return
    programme = row["programme"] or ""
    for id in row["late"]:
        name = OF_THEIR_OWN if id.startswith(OWN) else id
        yield from _late_as(row["milestones"][id]["owner"], programme, name)


@lru_cache(maxsize=1_024)  # as many as programmes have milestones
def _late_as(owner: str, programme: str, name: str) -> Sequence[str]:
    wider = [Facet("late", *each) for each in product(("", owner), ("", programme)) if any(each)]
    return [str(facet) for facet in (Facet("late", owner, programme, name), *wider)]


def _surveys(row: Stored) -> Iterator[Facet]:
    if row["status"] not in ("active", "completed"):
        return
    answered = {tuple(each.split(":")[:2]) for each in row["rated"]}
    for programme, survey in answered:
        yield Facet("answered", programme=programme, milestone=survey)
    programme = row["programme"] or ""
    for milestone in row["milestones"].values():
        survey = milestone.get("survey")
        if survey and milestone["status"] == "late" and (programme, survey) not in answered:
            yield Facet("unanswered", programme=programme, milestone=survey)


def _rhythm(row: Stored) -> Iterator[Facet]:
    if row["status"] != "active" or row["assignment"]["status"] != "assigned":
        return
    planned = [each for each in row["milestones"].values() if each.get("meeting")]
    kept = [each["status"] for each in planned]
    late, held, met = "late" in kept, "done" in kept, row["meetings"] > 0
    if row["assignment"].get("after_another"):
        late, held, met = _anew(row, planned)
    if late:
        yield Facet("off_rhythm" if met else "never_met")
    elif held:
        yield Facet("on_rhythm")


def _anew(row: Stored, planned: Sequence[Stored]) -> tuple[bool, bool, bool]:
    """Of a pair after another: whether one of their meetings is late, whether some was held as planned, whether they met."""
    mentor, since = row["assignment"]["mentor_id"], row["assignment"]["since"][:10]
    held = sum(each.get("met") == mentor for each in planned if each["status"] == "done")
    theirs = [each["status"] for each in planned if each["due"] >= since]
    late = "late" in theirs and held < theirs.count("late") + theirs.count("done")
    return late, held > 0, mentor in row["met"]
