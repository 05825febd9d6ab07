"""Who is behind with what: hires for whom something is late, by owner, programme and milestone. Pure."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import cast

from pydantic import BaseModel

from services.onboarding.board_view import BoardView
from services.onboarding.facet_words import milestone_in_words, owner_in_words, programme_in_words
from services.onboarding.programme import Programmes
from services.onboarding.projections.facets import Facet
from shared.events.onboarding import Owner


class LateCount(BaseModel):
    """For how many `people` a milestone of this owner and programme is late; None stands for any.

    `milestone` is `own` for those that one person alone has.
    """

    owner: Owner | None
    programme: str | None
    milestone: str | None
    people: int

    @property
    def facet(self) -> Facet:
        """What finds these people on the board."""
        return Facet("late", self.owner or "", self.programme or "", self.milestone or "")


@dataclass(frozen=True, slots=True)
class LateLine:
    """A number with the way to whom it counts."""

    title: str
    owner: str
    people: int
    href: str


@dataclass(frozen=True, slots=True)
class LateProgramme:
    """What is late in one programme, what most wait for first."""

    title: str
    people: int
    href: str
    owners: Sequence[LateLine]
    milestones: Sequence[LateLine]


@dataclass(frozen=True, slots=True)
class Lateness:
    """Who is behind: owners and programmes, those with the most first; `most` is the longest bar."""

    owners: Sequence[LateLine]
    programmes: Sequence[LateProgramme]
    most: int


def late_counts(counts: Mapping[str, int]) -> list[LateCount]:
    """The late ones among facets with their numbers, those with the most people first."""
    found = [(Facet.of(text), people) for text, people in counts.items() if people]
    late = [
        LateCount(
            owner=cast(Owner | None, facet.owner or None),
            programme=facet.programme or None,
            milestone=facet.milestone or None,
            people=people,
        )
        for facet, people in found
        if facet.kind == "late"
    ]
    return sorted(late, key=lambda each: (-each.people, str(each.facet)))


def lateness(counts: Sequence[LateCount], programmes: Programmes) -> Lateness:
    """The numbers in words and with their links."""
    owners = [_line(each, programmes) for each in counts if each.owner and not each.programme]
    return Lateness(owners, list(_programmes(counts, programmes)), max((line.people for line in owners), default=0))


def _programmes(counts: Sequence[LateCount], programmes: Programmes) -> Iterator[LateProgramme]:
    for total in counts:
        if total.programme and not total.owner:
            within = [each for each in counts if each.programme == total.programme and each.owner]
            title = programme_in_words(total.programme, programmes)
            owners = [_line(each, programmes) for each in within if not each.milestone]
            milestones = [_line(each, programmes) for each in within if each.milestone]
            yield LateProgramme(title, total.people, _address(total.facet), owners, milestones)


def _line(count: LateCount, programmes: Programmes) -> LateLine:
    title = milestone_in_words(count.facet, programmes) if count.milestone else ""
    return LateLine(title, owner_in_words(count.owner or ""), count.people, _address(count.facet))


def _address(facet: Facet) -> str:
    return BoardView(facets=(str(facet),)).address("/board")
