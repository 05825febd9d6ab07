"""What a journey decides: `step` takes an event and gives the journey after it and the facts to publish.

One function per cause, named after effect and cause; `DECISIONS` is the list of them. Pure: time, person and programmes
come in as arguments. What every decision shares:

* A repeated fact decides nothing, and nothing completed is ever undone.
* A journey is `completed` when every required milestone is done or waived: in the shipped programme those up to the close
  on day 90. Optional milestones and retention days (completed by `still_employed`) don't keep it open. It goes on when
  something required comes into it again.
* An outside fact (a mentor, a sent message) completes its milestone whatever has become of the journey, so that the end
  does not depend on which topic was read first. It belongs to a rehire's new journey if it is not older than the rehire.
* A milestone whose due day was over before the journey was created (or its day was set) is never announced as late:
  late data means a late start, not a storm of notices.
"""

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any

from pydantic import BaseModel

from services.onboarding.commands import (
    AddMilestone,
    AnswerSurvey,
    ChangeProgramme,
    CompleteMilestone,
    LogMeeting,
    MoveMilestone,
    PauseJourney,
    ReassignMilestone,
    ReopenMilestone,
    ResumeJourney,
    ReviewDueDays,
    WaiveMilestone,
)
from services.onboarding.deciding.calendar_days import follow_the_calendar_on_due_days, wake_at
from services.onboarding.deciding.case import Case, Facts, evolved, pinned_programme
from services.onboarding.deciding.changes import (
    add_milestone_on_a_persons_word,
    move_milestone_on_a_persons_word,
    pause_journey_on_a_persons_word,
    reassign_milestone_on_a_persons_word,
    reopen_milestone_on_a_persons_word,
    resume_journey_on_a_persons_word,
    waive_milestone_on_a_persons_word,
)
from services.onboarding.deciding.hr import (
    cancel_journey_on_hire_rescinded,
    end_journey_on_employee_terminated,
    follow_profile_on_employee_updated,
    reschedule_journey_on_start_date_changed,
    start_journey_on_employee_hired,
    start_new_journey_on_employee_rehired,
    stay_on_termination_cancelled,
)
from services.onboarding.deciding.replanning import follow_other_programme_on_a_persons_word
from services.onboarding.deciding.reports import (
    answer_survey_on_reply,
    complete_milestone_on_a_persons_word,
    hold_meeting_on_report,
)
from services.onboarding.hearing import hear
from services.onboarding.journey import Journey
from services.onboarding.milestones import conditions_met
from services.onboarding.programme import Person, Programmes
from shared.events import Event
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
from shared.events.onboarding import JourneyEnded, JourneyReopened


def step(journey: Journey, event: Event[Any], person: Person, programmes: Programmes, now: datetime) -> tuple[Journey, Facts]:
    """The journey after an event or command, and the facts it gives rise to, in order.

    `person` is what HR last told of the employee, this event included. Raises `Refused` for a command that can't be carried out.
    """
    heard = hear(journey, event, now)
    decision = DECISIONS.get(type(event.data))
    if decision is None:
        return heard, []
    case = Case(heard, event, person, programmes, now)
    facts = decision(case)
    decided = case.after(facts)
    following = _what_follows(decided)
    after = evolved(decided.journey, following, now)
    wake = wake_at(after, pinned_programme(after, programmes), person) if after.live else None
    return (after if after.wake_at == wake else after.model_copy(update={"wake_at": wake})), facts + following


def nothing_but_what_follows(case: Case) -> Facts:
    """Outside facts were heard; what they complete follows."""
    return []


def _what_follows(case: Case) -> Facts:
    """Milestones whose condition is met by now, the end of a journey in which everything is settled, and its going on."""
    if case.journey.status == "expected":
        return []
    facts = conditions_met(case.journey, case.programme)
    after = case.after(facts).journey
    if after.status == "active" and after.all_settled:
        facts.append(JourneyEnded(employee_id=case.id, outcome="completed"))
    if after.status == "completed" and not after.all_settled:
        facts.append(JourneyReopened(employee_id=case.id))
    return facts


DECISIONS: Mapping[type[BaseModel], Callable[[Case], Facts]] = {
    EmployeeHired: start_journey_on_employee_hired,
    EmployeeRehired: start_new_journey_on_employee_rehired,
    EmployeeUpdated: follow_profile_on_employee_updated,
    EmployeeSnapshot: follow_profile_on_employee_updated,
    StartDateChanged: reschedule_journey_on_start_date_changed,
    HireRescinded: cancel_journey_on_hire_rescinded,
    EmployeeTerminated: end_journey_on_employee_terminated,
    TerminationCancelled: stay_on_termination_cancelled,
    MentorAssigned: nothing_but_what_follows,
    MentorReleased: nothing_but_what_follows,
    MessageSent: nothing_but_what_follows,
    CompleteMilestone: complete_milestone_on_a_persons_word,
    WaiveMilestone: waive_milestone_on_a_persons_word,
    ReopenMilestone: reopen_milestone_on_a_persons_word,
    AddMilestone: add_milestone_on_a_persons_word,
    MoveMilestone: move_milestone_on_a_persons_word,
    ReassignMilestone: reassign_milestone_on_a_persons_word,
    ChangeProgramme: follow_other_programme_on_a_persons_word,
    PauseJourney: pause_journey_on_a_persons_word,
    ResumeJourney: resume_journey_on_a_persons_word,
    LogMeeting: hold_meeting_on_report,
    AnswerSurvey: answer_survey_on_reply,
    ReviewDueDays: follow_the_calendar_on_due_days,
}
"""Every cause a journey knows, and what it has as its effect."""
