"""Which part of the board a page shows, as its address says it. Pure."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal
from urllib.parse import urlencode

from services.onboarding.cards import section_of
from services.onboarding.naming import is_named
from services.onboarding.projections.board import Attention, Standing
from services.onboarding.store import BoardRow
from shared.pages.language import N_

Show = Literal["", "attention", "paused", "completed", "over"]
Why = Attention | Literal[""]
Section = Literal["attention", "track", "paused", "completed", "left", "cancelled"]

SECTIONS: Mapping[Show, Sequence[Section]] = {
    "": ("attention", "paused", "track"),
    "attention": ("attention",),
    "paused": ("paused",),
    "completed": ("completed",),
    "over": ("left", "cancelled"),
}
STANDINGS: Mapping[Section, Sequence[Standing]] = {
    "attention": ("late", "attention"),
    "track": ("track",),
    "paused": ("paused",),
    "completed": ("completed",),
    "left": ("left",),
    "cancelled": ("cancelled",),
}
TITLES: Mapping[Section, str] = {
    "attention": N_("Needs attention"),
    "track": N_("On track"),
    "paused": N_("Away for a while"),
    "completed": N_("Finished"),
    "left": N_("Left during their journey"),
    "cancelled": N_("Not joining after all"),
}
REASONS: Mapping[Attention, str] = {
    "late": N_("Something is late"),
    "no_mentor": N_("No mentor yet"),
    "mail_failed": N_("The welcome did not arrive"),
}
TILES: Sequence[tuple[Show, str, str]] = (
    ("", "all", N_("Joining")),
    ("attention", "attention", N_("Need attention")),
    ("completed", "completed", N_("Finished")),
    ("over", "over", N_("Left or not joining")),
)
"""What `show` may be, the name of its number, and its words."""


@dataclass(frozen=True, slots=True)
class BoardView:
    """`show` chooses sections, `why` a reason to need attention, `facets` what else (any of them), `q` holds words of a name."""

    show: Show = ""
    q: str = ""
    why: Why = ""
    facets: tuple[str, ...] = ()

    @property
    def sections(self) -> Sequence[Section]:
        """The sections it shows, in order."""
        return ("attention",) if self.why else SECTIONS[self.show]

    @property
    def plain(self) -> bool:
        """Whether it shows everybody who stands in its sections, but for a search."""
        return not self.why and not self.facets

    def holds(self, row: BoardRow) -> bool:
        """Whether a row stands in one of its sections and is searched for."""
        wanted = not self.why or self.why in row.board.attention
        wanted = wanted and (not self.facets or not set(self.facets).isdisjoint(row.board.facets))
        return wanted and section_of(row.board) in self.sections and is_named(row.employee_id, row.person, self.q)

    def address(self, path: str, **changed: str | Sequence[str]) -> str:
        """The address of a page with this view, some of it changed; what is empty is left out."""
        wanted = {"show": self.show, "why": self.why, "facet": self.facets, "q": self.q} | changed
        query = urlencode({name: value for name, value in wanted.items() if value}, doseq=True, safe=":")
        return f"{path}?{query}" if query else path
