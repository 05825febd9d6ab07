"""What a decision may look at, and the refusals that several share. Pure."""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import date, datetime
from typing import Any, Self

from services.onboarding.evolution import evolve
from services.onboarding.journey import Journey, MilestoneState, local_day
from services.onboarding.programme import Person, Programme, Programmes
from shared.events import Event, Fact
from shared.refusals import conflict, not_found

Facts = list[Fact]


@dataclass(frozen=True, slots=True)
class Case:
    """Everything a decision may look at. `journey` has heard the event already; `data` is the event's."""

    journey: Journey
    event: Event[Any]
    person: Person
    programmes: Programmes
    now: datetime

    @property
    def data(self) -> Any:
        """What the event or command says."""
        return self.event.data

    @property
    def id(self) -> str:
        """The employee."""
        return self.journey.employee_id

    @property
    def programme(self) -> Programme:
        """The version that the journey is pinned to. Only for a journey that has started."""
        return pinned_programme(self.journey, self.programmes)

    @property
    def today(self) -> date:
        """The calendar day where the hire works."""
        return local_day(self.now, self.person.time_zone)

    def after(self, facts: Iterable[Fact]) -> Self:
        """The case as it is once these facts are decided."""
        return replace(self, journey=evolved(self.journey, facts, self.now))


def pinned_programme(journey: Journey, programmes: Programmes) -> Programme:
    """The programme version of a journey that has started. Raises `LookupError` when it is not known."""
    return programmes.pinned(journey.programme or "", journey.programme_version or "")


def evolved(journey: Journey, facts: Iterable[Fact], now: datetime) -> Journey:
    """The journey after facts recorded now."""
    for fact in facts:
        journey = evolve(journey, fact, now)
    return journey


def require_live(journey: Journey) -> None:
    """Raises `Refused`: 404 before there is a journey, 409 once it is over."""
    if journey.status == "expected":
        raise not_found("this person has no journey; it starts when their HR system tells of the hire", "no_journey")
    if not journey.live:
        raise conflict("this journey is over; nothing can be reported for it any more", "journey_over")


def require_running(journey: Journey) -> None:
    """Raises `Refused` as `require_live`, and 409 while the journey is paused: what stands still is not re-planned."""
    require_live(journey)
    if journey.status == "paused":
        raise conflict("this journey is paused, and its days are planned anew when it goes on; resume it first", "journey_paused")


def milestone_of(journey: Journey, milestone_id: str) -> MilestoneState:
    """One milestone of a journey. Raises `Refused` 404 for one that it does not have."""
    milestone = journey.milestones.get(milestone_id)
    if milestone is None:
        known = ", ".join(journey.milestones)
        raise not_found(
            "this journey has no milestone '%(id)s'; it has: %(known)s", "unknown_milestone", id=milestone_id, known=known
        )
    return milestone
