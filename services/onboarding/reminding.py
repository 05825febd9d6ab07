"""On which days a milestone's owner is reminded, and when somebody else is to know that it is still open. Pure.

A reminder counts from the due day, in the days in which the milestone counts; one that falls on a day off goes before the due
day to the working day before it and otherwise to the one after it. It is told as its day begins where the hire works, once:
after a standstill one tells for all that were missed. What had passed when the milestone got its day is passed over, so that
late data starts no storm. Only what is open in an active journey is told of.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from typing import Any

from services.onboarding.journey import Journey, MilestoneState, local_day
from services.onboarding.programme import Escalation, Milestone, Person, Programme
from shared.calendar import place


@dataclass(frozen=True, slots=True)
class Ahead:
    """What is still to be told of one milestone: its reminder days in order, and the day of its escalation."""

    milestone: MilestoneState
    planned: Milestone
    reminders: list[date]
    escalation: date | None

    @property
    def days(self) -> list[date]:
        """All of them."""
        return [*self.reminders, *([self.escalation] if self.escalation else [])]


def _of_their_own(journey: Journey) -> Iterator[Milestone]:
    """What this person alone has, as far as somebody is reminded or told of it."""
    for state in journey.milestones.values():
        if state.own and (state.remind or state.escalate_after):
            telling: dict[str, Any] = {"remind": state.remind, "escalate": _to_somebody_else(state)}
            yield Milestone.model_construct(id=state.id, title={}, owner=state.owner, day=0, **telling)


def _to_somebody_else(state: MilestoneState) -> Escalation | None:
    """The manager, or coordinators where the manager sees to it: whoever owns it by then, somebody else hears."""
    if state.escalate_after is None:
        return None
    return Escalation(after=state.escalate_after, to="coordinator" if state.owner == "manager" else "manager")


def still_to_tell(journey: Journey, programme: Programme, person: Person) -> Iterator[Ahead]:
    """Every milestone of which somebody is to be told, on a day that was not told of yet, passed or not."""
    if journey.status != "active":
        return
    where = place(person.location)
    for planned in [*programme.reminding, *_of_their_own(journey)]:
        state = journey.milestones.get(planned.id)
        if state is None or state.settled:
            continue
        known = local_day(state.planned_at, person.time_zone)
        reminded, escalated = max(known, state.reminded_on or known), max(known, state.escalated_on or known)
        reminders = [day for day in planned.reminder_days(state.due, where) if day > reminded]
        escalation = planned.escalation_day(state.due, where)
        told_already = escalation is None or escalation <= escalated
        yield Ahead(state, planned, reminders, None if told_already else escalation)
