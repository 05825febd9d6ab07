"""Commands that change a plan, and two programmes to change between: the tools of the tests of plans that follow real life."""

from datetime import UTC, date, datetime, timedelta
from typing import Any

from services.onboarding.commands import (
    AddMilestone,
    ChangeProgramme,
    MoveMilestone,
    PauseJourney,
    ReassignMilestone,
    ReopenMilestone,
    ResumeJourney,
    ReviewDueDays,
    WaiveMilestone,
)
from services.onboarding.programme import Programmes
from services.onboarding.programme_files import read_programme
from shared.events.hr import EmployeeTerminated, TerminationCancelled
from shared.events.onboarding import Owner
from tests.domain.onboarding.history import (
    ADA,
    BOSS,
    SMALL,
    START,
    programmes,
)

REVIEW = ReviewDueDays(employee_id=ADA)
STAYS = TerminationCancelled(employee_id=ADA)
RESUME = ResumeJourney(employee_id=ADA, resumed_by=BOSS)


def noon(day: date) -> datetime:
    return datetime(day.year, day.month, day.day, 12, tzinfo=UTC)


def day(number: int) -> datetime:
    """Noon of a day of the journey; the first is 0."""
    return noon(START + timedelta(days=number))


def leaves(last_day: date | None = None) -> EmployeeTerminated:
    return EmployeeTerminated(employee_id=ADA, last_day=last_day)


def waive(id: str) -> WaiveMilestone:
    return WaiveMilestone(employee_id=ADA, milestone_id=id, waived_by=BOSS)


def move(id: str, due: date) -> MoveMilestone:
    return MoveMilestone(employee_id=ADA, milestone_id=id, due=due, moved_by=BOSS)


def reassign(id: str, owner: Owner) -> ReassignMilestone:
    return ReassignMilestone(employee_id=ADA, milestone_id=id, owner=owner, reassigned_by=BOSS)


def pause(until: date | None = None, since: date | None = None) -> PauseJourney:
    return PauseJourney(employee_id=ADA, since=since, until=until, paused_by=BOSS)


def add(due: date, **more: Any) -> AddMilestone:
    return AddMilestone(employee_id=ADA, title="Meet the works council", owner="hire", due=due, added_by=BOSS, **more)


def reopen(id: str) -> ReopenMilestone:
    return ReopenMilestone(employee_id=ADA, milestone_id=id, reopened_by=BOSS)


def follow(programme: str) -> ChangeProgramme:
    return ChangeProgramme(employee_id=ADA, programme=programme, decided_by=BOSS)


OTHER = """
id: other
title: {en: Other}
when: {department: Sales}
surveys:
  pulse: {title: {en: Pulse}, questions: {mood: {en: "How is it?"}}}
milestones:
  - {id: welcome, title: {en: Welcome}, owner: coordinator, day: -7, completed_by: {event: message_sent, template: welcome}}
  - {id: demo, title: {en: Demo}, owner: manager, day: 4}
  - {id: pulse, title: {en: Pulse}, owner: hire, day: 14, completed_by: {event: survey_answered, survey: pulse}}
"""


def two_programmes() -> Programmes:
    return Programmes([read_programme(text, "test.yaml") for text in (SMALL, OTHER)])


REMINDING = """
id: reminding
title: {en: Reminds and escalates}
surveys:
  pulse: {title: {en: Pulse}, questions: {mood: {en: "How is it?"}}}
milestones:
  - {id: mentor, title: {en: Mentor}, owner: coordinator, day: -7, completed_by: mentor_assigned, remind: 3 before}
  - id: access
    title: {en: Access}
    owner: manager
    day: 0
    remind: [2 before, 1 after, 7 after]
    escalate: {after: 3, to: coordinator}
  - {id: shipped, title: {en: Shipped}, owner: manager, working_day: -2, when: {work_arrangement: remote}, remind: 0 before}
  - {id: lunch, title: {en: Lunch}, owner: mentor, day: 2, after: access, optional: true, remind: [1 before, 5 after]}
  - id: pulse
    title: {en: Pulse}
    owner: hire
    working_day: 5
    after: access
    completed_by: {all: [mentor_assigned, {event: survey_answered, survey: pulse}]}
    remind: [1 before, 1 after]
    escalate: {after: 1, to: manager}
"""


def several_programmes() -> Programmes:
    """As `two_programmes`, and one that reminds, with which everybody else begins."""
    return Programmes([read_programme(text, "test.yaml") for text in (SMALL, OTHER, REMINDING)])


NEW = """
  - {id: tour, title: {en: Tour}, owner: mentor, day: 1}
  - {id: talk, title: {en: Talk}, owner: hire, day: 40}
"""
GROWN = (SMALL + NEW.lstrip("\n")).replace("day: 10, completed_by", "day: 20, completed_by")


def grown(before: Programmes) -> Programmes:
    after = programmes(GROWN)
    for programme in before.current:
        after.add(programme)
    return after
