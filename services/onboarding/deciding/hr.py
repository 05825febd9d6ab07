"""What the HR system's facts do to a journey. Pure.

Of HR's statements of the start date the one said last counts, however late it arrives; at the same instant the order decides.
A rescission or termination told before its hire ends the journey as it starts.
"""

from collections.abc import Callable
from datetime import date

from services.onboarding.deciding.case import Case, Facts
from services.onboarding.deciding.days import plan_end, reschedule
from services.onboarding.deciding.late_data import drop_what_is_long_over, take_back_what_lies_ahead
from services.onboarding.deciding.replanning import add_and_drop_milestones_on_transfer
from services.onboarding.journey import day_end
from services.onboarding.milestones import retained
from shared.events.onboarding import (
    JourneyCancelled,
    JourneyEnded,
    JourneyReopened,
    JourneyStarted,
    LeavingCancelled,
    LeavingPlanned,
    ManagerChanged,
)


def start_journey_on_employee_hired(case: Case) -> Facts:
    """A hire starts a journey; told again, it moves the start date; after a rescission, it reopens the journey."""
    journey = case.journey
    if journey.status == "expected":
        return _start(case)
    if journey.live:
        return _start_after_last_day(case) or _follow(case)
    if journey.heard.over is not None:  # older than the ending: the HR system is late, not hiring again
        return []
    if journey.status == "cancelled":
        return _reopen(case)
    return [] if case.data.start_date == journey.start_date else _start(case)


def start_new_journey_on_employee_rehired(case: Case) -> Facts:
    """A rehire starts a new journey once the old one is over; otherwise it is a moved start date.

    Nobody may have told of the leaving: a start after the last required day of the present plan is a new journey too.
    """
    journey = case.journey
    if journey.live and case.data.start_date > plan_end(journey, case.programme):
        return _start_after_last_day(case) or _start(case)
    if journey.status == "cancelled" and journey.heard.over is None and case.data.start_date != journey.start_date:
        return _start(case)
    return start_journey_on_employee_hired(case)


def follow_profile_on_employee_updated(case: Case) -> Facts:
    """A new manager or start date, a transfer or another place of work changes the plan; the rest is the directory's.

    A snapshot does the same and starts nothing either; the start date that it holds is history and moves nothing.
    """
    return _follow(case) if case.journey.live else []


def reschedule_journey_on_start_date_changed(case: Case) -> Facts:
    """What is not done moves with the start date. Without a live journey the date is remembered for it."""
    return _each_in_turn(case, reschedule, take_back_what_lies_ahead) if case.journey.live else []


def cancel_journey_on_hire_rescinded(case: Case) -> Facts:
    """The person will not start: nothing of the journey is live any more."""
    return [JourneyCancelled(employee_id=case.id)] if case.journey.live else []


def end_journey_on_employee_terminated(case: Case) -> Facts:
    """The person leaves: at once, or when their last day is over where they work."""
    return leave(case, case.data.last_day) if case.journey.live else []


def stay_on_termination_cancelled(case: Case) -> Facts:
    """The person stays: a leaving that was planned is off, a journey that had ended goes on with what is open."""
    if case.journey.live and case.journey.last_day is not None:
        return [LeavingCancelled(employee_id=case.id)]
    return _reopen(case) if case.journey.status == "left" else []


def leave(case: Case, last_day: date | None) -> Facts:
    """The end of a live journey, now or planned. Retention days that were reached before it count."""
    end = case.now if last_day is None else day_end(last_day, case.person.time_zone)
    if last_day is not None and end > case.now:
        return [] if case.journey.last_day == last_day else [LeavingPlanned(employee_id=case.id, last_day=last_day)]
    away = case.journey.status == "paused"
    reached = [] if away else retained(case.journey, case.programme, case.person, end)
    return [*reached, JourneyEnded(employee_id=case.id, outcome="left")]


def _start(case: Case) -> Facts:
    journey, programme = case.journey, case.programmes.choose(case.person)
    heard = journey.heard
    start = heard.start_date or case.data.start_date
    started = JourneyStarted(
        employee_id=case.id,
        start_date=start,
        programme=programme.id,
        programme_version=programme.version,
        manager_id=case.person.manager_id,
        milestones=programme.plan(start, case.person),
    )
    if heard.over == "cancelled":
        return [started, JourneyCancelled(employee_id=case.id)]
    if heard.over == "left":
        return [started, *leave(case.after([started]), heard.last_day)]
    return [started, *drop_what_is_long_over(case, programme, started)]


def _start_after_last_day(case: Case) -> Facts:
    """Hired for a day after the last one of a leaving that was planned: the old journey ends here and a new one starts."""
    last_day = case.journey.last_day
    if last_day is None or case.journey.heard.over is not None or case.data.start_date <= last_day:
        return []
    ended = JourneyEnded(employee_id=case.id, outcome="left")
    return [ended, *_start(case.after([ended]))]


def _reopen(case: Case) -> Facts:
    reopened = JourneyReopened(employee_id=case.id)
    return [reopened, *_follow(case.after([reopened]))]


def _follow(case: Case) -> Facts:
    """Manager, days and milestones as HR's profile has them now."""
    effects = (_follow_manager, reschedule, take_back_what_lies_ahead, add_and_drop_milestones_on_transfer)
    return _each_in_turn(case, *effects)


def _each_in_turn(case: Case, *effects: Callable[[Case], Facts]) -> Facts:
    facts: Facts = []
    for effect in effects:
        facts += effect(case.after(facts))
    return facts


def _follow_manager(case: Case) -> Facts:
    manager_id = case.person.manager_id
    return [] if manager_id == case.journey.manager_id else [ManagerChanged(employee_id=case.id, manager_id=manager_id)]
