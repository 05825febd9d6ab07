"""What a journey decides: `step` takes an event and gives the journey after it and the facts to publish.

One function per cause, named after effect and cause; `DECISIONS` is the list of them. Pure: time, person and programmes
come in as arguments. What every decision shares:

* A repeated fact decides nothing, and nothing completed is ever undone.
* A journey is `completed` when every required milestone is done or waived: in the shipped programme those up to the close
  on day 90. Optional milestones and retention days (completed by `still_employed`) don't keep it open.
* An outside fact (a mentor, a sent message) completes its milestone whatever has become of the journey, so that the end
  does not depend on which topic was read first. It belongs to a rehire's new journey if it is not older than the rehire.
* A milestone whose due day was over before the journey was created (or its day was set) is never announced as late:
  late data means a late start, not a storm of notices.
* Of HR's statements of the start date the one said last counts, however late it arrives; at the same instant the order decides.
  A rescission or termination told before its hire ends the journey as it starts.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from typing import Any

from pydantic import BaseModel

from services.onboarding.commands import AnswerSurvey, CompleteMilestone, LogMeeting, ReviewDueDays, WaiveMilestone
from services.onboarding.journey import Journey, MilestoneState, evolve, hear, local_day
from services.onboarding.milestones import completed, conditions_met, late, next_wake, retained
from services.onboarding.programme import ByPerson, Person, Programme, Programmes
from shared.events import Event, Fact
from shared.events.hr import (
    EmployeeHired,
    EmployeeRehired,
    EmployeeSnapshot,
    EmployeeTerminated,
    EmployeeUpdated,
    HireRescinded,
    StartDateChanged,
    TerminationCancelled,
)
from shared.events.mentoring import MentorAssigned, MentorReleased
from shared.events.notifications import MessageSent
from shared.events.onboarding import (
    JourneyCancelled,
    JourneyEnded,
    JourneyReopened,
    JourneyRescheduled,
    JourneyStarted,
    ManagerChanged,
    MeetingHeld,
    MilestoneWaived,
    SurveyAnswered,
)
from shared.refusals import conflict, invalid, not_found

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
    def programme(self) -> Programme:
        """The version that the journey is pinned to. Only for a journey that has started."""
        return pinned_programme(self.journey, self.programmes)


def pinned_programme(journey: Journey, programmes: Programmes) -> Programme:
    """The programme version of a journey that has started. Raises `LookupError` when it is not known."""
    return programmes.pinned(journey.programme or "", journey.programme_version or "")


def step(
    journey: Journey, event: Event[Any], person: Person, programmes: Programmes, now: datetime
) -> tuple[Journey, list[Fact]]:
    """The journey after an event or command, and the facts it gives rise to, in order.

    `person` is what HR last told of the employee, this event included. Raises `Refused` for a command that can't be carried out.
    """
    heard = hear(journey, event, now)
    decision = DECISIONS.get(type(event.data))
    if decision is None:
        return heard, []
    case = Case(heard, event, person, programmes, now)
    facts = decision(case)
    after = _after(heard, facts, now)
    following = _what_follows(replace(case, journey=after))
    after = _after(after, following, now)
    wake_at = next_wake(after, pinned_programme(after, programmes), person) if after.live else None
    return (after if after.wake_at == wake_at else after.model_copy(update={"wake_at": wake_at})), facts + following


def _after(journey: Journey, facts: Iterable[Fact], now: datetime) -> Journey:
    for fact in facts:
        journey = evolve(journey, fact, now)
    return journey


# HR's facts --------------------------------------------------------------------------------------------------------


def start_journey_on_employee_hired(case: Case) -> Facts:
    """A hire starts a journey; told again, it moves the start date; after a rescission, it reopens the journey."""
    journey = case.journey
    if journey.status == "expected":
        return _start(case)
    if journey.live:
        return _follow_manager(case) + _reschedule(case)
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
    if journey.live and journey.start_date is not None:
        planned_until = journey.start_date + timedelta(days=case.programme.last_required_day)
        if case.data.start_date > planned_until:
            return _start(case)
    if journey.status == "cancelled" and journey.heard.over is None and case.data.start_date != journey.start_date:
        return _start(case)
    return start_journey_on_employee_hired(case)


def follow_profile_on_employee_updated(case: Case) -> Facts:
    """A new manager, start date or place of work (other holidays) changes the plan; the rest is the directory's.

    A snapshot does the same and starts nothing either; the start date that it holds is history and moves nothing.
    """
    return _follow_manager(case) + _reschedule(case) if case.journey.live else []


def reschedule_journey_on_start_date_changed(case: Case) -> Facts:
    """What is not done moves with the start date. Without a live journey the date is remembered for it."""
    return _reschedule(case) if case.journey.live else []


def cancel_journey_on_hire_rescinded(case: Case) -> Facts:
    """The person will not start: nothing of the journey is live any more."""
    return [JourneyCancelled(employee_id=case.journey.employee_id)] if case.journey.live else []


def end_journey_on_employee_terminated(case: Case) -> Facts:
    """The person leaves; retention days that were reached by now count."""
    if not case.journey.live:
        return []
    reached = retained(case.journey, case.programme, case.person, case.now)
    return [*reached, JourneyEnded(employee_id=case.journey.employee_id, outcome="left")]


def reopen_journey_on_termination_cancelled(case: Case) -> Facts:
    """The person stays: the journey goes on with what is open."""
    return _reopen(case) if case.journey.status == "left" else []


def _start(case: Case) -> Facts:
    journey, programme = case.journey, case.programmes.choose(case.person)
    heard = journey.heard
    start = heard.start_date or case.data.start_date
    started = JourneyStarted(
        employee_id=journey.employee_id,
        start_date=start,
        programme=programme.id,
        programme_version=programme.version,
        manager_id=case.person.manager_id,
        milestones=programme.plan(start, case.person),
    )
    if heard.over == "cancelled":
        return [started, JourneyCancelled(employee_id=journey.employee_id)]
    if heard.over == "left":
        return [started, JourneyEnded(employee_id=journey.employee_id, outcome="left")]
    return [started]


def _reopen(case: Case) -> Facts:
    reopened: Fact = JourneyReopened(employee_id=case.journey.employee_id)
    after = replace(case, journey=evolve(case.journey, reopened, case.now))
    return [reopened, *_follow_manager(after), *_reschedule(after)]


def _follow_manager(case: Case) -> Facts:
    journey, manager_id = case.journey, case.person.manager_id
    return [] if manager_id == journey.manager_id else [ManagerChanged(employee_id=journey.employee_id, manager_id=manager_id)]


def _reschedule(case: Case) -> Facts:
    journey = case.journey
    start = journey.heard.start_date or journey.start_date
    if start is None:
        return []
    still_open = [id for id, milestone in journey.milestones.items() if not milestone.settled]
    due = case.programme.due_days(still_open, start, case.person)
    if start == journey.start_date and all(journey.milestones[id].due == day for id, day in due.items()):
        return []
    return [JourneyRescheduled(employee_id=journey.employee_id, start_date=start, due=due)]


# What people report ------------------------------------------------------------------------------------------------


def complete_milestone_on_a_persons_word(case: Case) -> Facts:
    """Done is done: said again, it changes nothing. One that waits for an event takes nobody's word for it."""
    milestone = _milestone_of_live_journey(case)
    condition = case.programme.by_id[milestone.id].completed_by
    if not isinstance(condition, ByPerson):
        raise conflict(
            f"milestone '{milestone.id}' is completed by an event ({condition.event}), not by hand; report that, or waive it",
            "completed_by_event",
        )
    if milestone.status == "done":
        return []
    return [completed(case.journey, milestone.id, case.now, case.data.completed_by, condition.event)]


def waive_milestone_on_a_persons_word(case: Case) -> Facts:
    """Not needed for this person. What is done can't be waived."""
    milestone = _milestone_of_live_journey(case)
    if milestone.status == "done":
        raise conflict(f"milestone '{milestone.id}' is done already and can't be waived", "already_done")
    if milestone.status == "waived":
        return []
    return [MilestoneWaived(employee_id=case.journey.employee_id, milestone_id=milestone.id, waived_by=case.data.waived_by)]


def hold_meeting_on_report(case: Case) -> Facts:
    """Mentor and hire met, on a day that can have been: not in the future, not before the journey."""
    journey, said = case.journey, case.data
    _require_live(journey)
    if not journey.had_mentor:
        raise conflict("this person has had no mentor yet; a meeting is logged with a mentor", "no_mentor")
    if any(meeting.id == said.meeting_id for meeting in journey.meetings):
        return []
    today = local_day(case.now, case.person.time_zone)
    if said.held_on > today:
        raise invalid("held_on: lies in the future; log a meeting once it was held", "future_meeting", "held_on")
    earliest = _earliest_meeting(journey)
    if earliest is not None and said.held_on < earliest:
        raise invalid(f"held_on: lies before this journey began ({earliest}); check the year", "meeting_too_early", "held_on")
    return [
        MeetingHeld(
            employee_id=journey.employee_id,
            meeting_id=said.meeting_id,
            mentor_id=journey.mentor_id,
            held_on=said.held_on,
            minutes=said.minutes,
            reported_by=said.reported_by,
        )
    ]


def _earliest_meeting(journey: Journey) -> date | None:
    # A journey made from late data may have begun before anybody told us: then the start date counts.
    days = [journey.start_date, journey.started_at.date() if journey.started_at else None]
    return min((day for day in days if day is not None), default=None)


def answer_survey_on_reply(case: Case) -> Facts:
    """Every question rated once; a survey is answered once."""
    journey, said = case.journey, case.data
    _require_live(journey)
    survey = case.programme.surveys.get(said.survey_id)
    if survey is None:
        known = ", ".join(case.programme.surveys) or "none"
        raise not_found(f"this journey has no survey '{said.survey_id}'; its surveys are: {known}", "unknown_survey")
    if said.survey_id in journey.surveys:
        if journey.surveys[said.survey_id].ratings == said.ratings:
            return []
        raise conflict(f"survey '{said.survey_id}' is answered already; an answer can't be changed", "already_answered")
    wrong = sorted(said.ratings.keys() ^ survey.questions.keys())
    if wrong:
        fault = "is not rated" if wrong[0] in survey.questions else "is not a question of this survey"
        raise invalid(f"ratings.{wrong[0]}: {fault}; rate {', '.join(survey.questions)}", "wrong_questions", "ratings")
    return [
        SurveyAnswered(
            employee_id=journey.employee_id, survey_id=said.survey_id, mentor_id=journey.mentor_id, ratings=said.ratings
        )
    ]


def _require_live(journey: Journey) -> None:
    if journey.status == "expected":
        raise not_found("this person has no journey; it starts when their HR system tells of the hire", "no_journey")
    if not journey.live:
        raise conflict(f"this journey is over ({journey.status}); nothing can be reported for it any more", "journey_over")


def _milestone_of_live_journey(case: Case) -> MilestoneState:
    _require_live(case.journey)
    milestone = case.journey.milestones.get(case.data.milestone_id)
    if milestone is None:
        known = ", ".join(case.journey.milestones)
        raise not_found(f"this journey has no milestone '{case.data.milestone_id}'; it has: {known}", "unknown_milestone")
    return milestone


# What follows from facts and from the calendar -----------------------------------------------------------------------


def nothing_but_what_follows(case: Case) -> Facts:
    """Outside facts were heard; what they complete follows."""
    return []


def announce_late_and_retained_on_due_days(case: Case) -> Facts:
    """Days that are over where the hire works: what is late then, and who is still here then."""
    journey = case.journey
    if not journey.live:
        return []
    return [*late(journey, case.person, case.now), *retained(journey, case.programme, case.person, case.now)]


def _what_follows(case: Case) -> Facts:
    """Milestones whose condition is met by now, and the end of a journey in which everything is settled."""
    journey = case.journey
    if journey.status == "expected":
        return []
    facts = conditions_met(journey, case.programme)
    after = _after(journey, facts, case.now)
    if after.status == "active" and after.all_settled:
        facts.append(JourneyEnded(employee_id=journey.employee_id, outcome="completed"))
    return facts


DECISIONS: Mapping[type[BaseModel], Callable[[Case], Facts]] = {
    EmployeeHired: start_journey_on_employee_hired,
    EmployeeRehired: start_new_journey_on_employee_rehired,
    EmployeeUpdated: follow_profile_on_employee_updated,
    EmployeeSnapshot: follow_profile_on_employee_updated,
    StartDateChanged: reschedule_journey_on_start_date_changed,
    HireRescinded: cancel_journey_on_hire_rescinded,
    EmployeeTerminated: end_journey_on_employee_terminated,
    TerminationCancelled: reopen_journey_on_termination_cancelled,
    MentorAssigned: nothing_but_what_follows,
    MentorReleased: nothing_but_what_follows,
    MessageSent: nothing_but_what_follows,
    CompleteMilestone: complete_milestone_on_a_persons_word,
    WaiveMilestone: waive_milestone_on_a_persons_word,
    LogMeeting: hold_meeting_on_report,
    AnswerSurvey: answer_survey_on_reply,
    ReviewDueDays: announce_late_and_retained_on_due_days,
}
"""Every cause a journey knows, and what it has as its effect."""
