"""What mails ask a hire along the way: surveys when they are due, one at a time, and whether the first meeting was held."""

from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
from pydantic import BaseModel

from services.notifications.correspondence import Letter
from services.notifications.domain import Whereabouts, due_at
from shared.events.hr import EmployeeTerminated, HireRescinded, TerminationCancelled
from shared.events.onboarding import (
    JourneyEnded,
    JourneyPaused,
    JourneyReplanned,
    JourneyRescheduled,
    JourneyResumed,
    JourneyStarted,
    MilestoneCompleted,
    MilestoneMoved,
    MilestoneReopened,
    MilestoneWaived,
    PlannedMilestone,
    SurveyAnswered,
)
from tests.domain.notifications.correspondence import HIRE, NOW, START, Post, assigned, hired

WEEK, FORTNIGHT = START + timedelta(days=7), START + timedelta(days=14)
PLAN = (
    PlannedMilestone(id="first_mentor_meeting", owner="mentor", due=START, meeting=1),
    PlannedMilestone(id="mentor_meeting_2", owner="mentor", due=START + timedelta(days=11), meeting=2),
    PlannedMilestone(id="pulse_14", owner="hire", due=FORTNIGHT, survey="pulse_14"),
    PlannedMilestone(id="pulse_7", owner="hire", due=WEEK, survey="pulse_7"),
)


def begun(*milestones: PlannedMilestone) -> JourneyStarted:
    return JourneyStarted(
        employee_id=HIRE, start_date=START, programme="p", programme_version="1", milestones=list(milestones or PLAN)
    )


def asked(post: Post, template: str = "survey_invitation") -> list[Letter]:
    return [letter for letter in post.planned() if letter.template == template]


def days(post: Post, template: str = "survey_invitation") -> list[date]:
    return [letter.due_at.date() for letter in asked(post, template)]


def on_the_way(*facts: BaseModel) -> Post:
    post = Post()
    post.hear(hired())
    post.hear(begun(), *facts, topic="onboarding")
    return post


def morning(day: date) -> datetime:
    return datetime(day.year, day.month, day.day, 8, tzinfo=UTC)  # nine o'clock in Berlin in winter


def send(post: Post, template: str) -> None:
    (letter,) = asked(post, template)
    post.take(letter)
    post.record()


def test_a_hire_is_asked_on_the_morning_of_the_surveys_day_and_only_the_next_survey_is_planned() -> None:
    post = on_the_way()
    (letter,) = asked(post)
    assert (letter.recipient_id, letter.role, letter.due_at) == (HIRE, "hire", morning(WEEK))
    send(post, "survey_invitation")
    assert days(post) == [FORTNIGHT]
    send(post, "survey_invitation")
    assert asked(post) == []


@pytest.mark.parametrize(
    "fact",
    [
        SurveyAnswered(employee_id=HIRE, survey_id="pulse_7", ratings={"satisfaction": 4}),
        MilestoneCompleted(
            employee_id=HIRE, milestone_id="pulse_7", completed_at=NOW, completed_by=HIRE, cause="survey_answered"
        ),
        MilestoneWaived(employee_id=HIRE, milestone_id="pulse_7", waived_by="B-1"),
        JourneyReplanned(
            employee_id=HIRE, cause="programme", programme="q", programme_version="1", decided_on=START, dropped=["pulse_7"]
        ),
    ],
    ids=lambda fact: type(fact).__name__,
)
def test_who_needs_no_asking_any_more_is_asked_the_next_survey(fact: BaseModel) -> None:
    post = on_the_way(fact)
    assert days(post) == [FORTNIGHT]


@pytest.mark.parametrize(
    ("fact", "day"),
    [
        (JourneyRescheduled(employee_id=HIRE, start_date=START, due={"pulse_7": date(2027, 1, 20)}), date(2027, 1, 20)),
        (MilestoneMoved(employee_id=HIRE, milestone_id="pulse_7", due=date(2027, 1, 13), moved_by="B-1"), date(2027, 1, 13)),
        (MilestoneMoved(employee_id=HIRE, milestone_id="pulse_7", due=date(2027, 3, 1), moved_by="B-1"), FORTNIGHT),
    ],
)
def test_the_invitation_moves_with_its_day_and_goes_once(fact: BaseModel, day: date) -> None:
    post = on_the_way(fact)
    assert days(post) == [day]
    send(post, "survey_invitation")
    assert [letter.template for letter, _ in post.sent].count("survey_invitation") == 1


def test_a_day_moved_and_moved_back_gives_the_one_letter_it_had() -> None:
    post = on_the_way()
    (before,) = asked(post)
    for due in (FORTNIGHT + timedelta(days=1), WEEK):
        post.hear(JourneyRescheduled(employee_id=HIRE, start_date=START, due={"pulse_7": due}), topic="onboarding")
    assert [letter.id for letter in asked(post)] == [before.id]


@pytest.mark.parametrize(
    "rest",
    [JourneyPaused(employee_id=HIRE, since=START, paused_by="B-1"), JourneyEnded(employee_id=HIRE, outcome="completed")],
    ids=["paused", "ended"],
)
def test_nobody_is_asked_while_the_journey_is_paused_or_over(rest: BaseModel) -> None:
    post = on_the_way(rest)
    assert asked(post) == []


def test_after_a_pause_the_new_days_count() -> None:
    post = on_the_way(
        JourneyPaused(employee_id=HIRE, since=START, paused_by="B-1"),
        JourneyResumed(employee_id=HIRE, back_on=date(2027, 3, 1), due={"pulse_7": date(2027, 3, 8)}, resumed_by="B-1"),
    )
    assert days(post) == [FORTNIGHT]
    post.hear(MilestoneWaived(employee_id=HIRE, milestone_id="pulse_14", waived_by="B-1"), topic="onboarding")
    assert days(post) == [date(2027, 3, 8)]


def test_a_survey_that_is_needed_after_all_is_asked_again() -> None:
    waived = MilestoneWaived(employee_id=HIRE, milestone_id="pulse_7", waived_by="B-1")
    post = on_the_way(waived, MilestoneReopened(employee_id=HIRE, milestone_id="pulse_7", due=WEEK, reopened_by="B-1"))
    assert days(post) == [WEEK]


def test_surveys_that_were_over_when_the_journey_became_known_are_asked_of_nobody() -> None:
    past = PlannedMilestone(id="pulse_7", owner="hire", due=NOW.date() - timedelta(days=1), survey="pulse_7")
    today = PlannedMilestone(id="pulse_14", owner="hire", due=NOW.date(), survey="pulse_14")
    post = Post()
    post.hear(hired(start_date=NOW.date() - timedelta(days=14)))
    post.hear(begun(past, today), topic="onboarding")
    assert days(post) == [NOW.date() + timedelta(days=1)]  # this morning is over


@pytest.mark.parametrize("over", [HireRescinded(employee_id=HIRE), EmployeeTerminated(employee_id=HIRE)])
def test_whoever_does_not_come_or_leaves_is_asked_nothing(over: Any) -> None:
    post = on_the_way()
    post.hear(over)
    assert asked(post) == []
    post.hear(TerminationCancelled(employee_id=HIRE))
    assert len(asked(post)) == (0 if isinstance(over, HireRescinded) else 1)


def test_a_hire_is_asked_once_whether_the_first_meeting_was_held_on_the_working_morning_after_its_day() -> None:
    post = on_the_way()
    assert asked(post, "meeting_question") == []  # nobody mentors yet
    post.hear(assigned(), topic="matching")
    assert [letter.due_at for letter in asked(post, "meeting_question")] == [morning(START + timedelta(days=1))]
    post.hear(
        MilestoneMoved(employee_id=HIRE, milestone_id="first_mentor_meeting", due=date(2027, 1, 15), moved_by="B-1"),
        topic="onboarding",
    )
    assert days(post, "meeting_question") == [date(2027, 1, 18)]  # the 16th is a Saturday
    send(post, "meeting_question")
    post.hear(
        MilestoneMoved(employee_id=HIRE, milestone_id="first_mentor_meeting", due=date(2027, 1, 25), moved_by="B-1"),
        topic="onboarding",
    )
    assert asked(post, "meeting_question") == []


def test_who_has_met_or_had_nobody_to_meet_is_not_asked_about_it() -> None:
    post = on_the_way()
    post.hear(assigned(), topic="matching", said_at=NOW)
    post.hear(
        MilestoneCompleted(
            employee_id=HIRE, milestone_id="first_mentor_meeting", completed_at=NOW, completed_by="M-1", cause="meeting_held"
        ),
        topic="onboarding",
    )
    assert asked(post, "meeting_question") == []


def test_what_is_read_on_a_day_is_due_on_its_first_working_morning_where_its_reader_is() -> None:
    saturday = date(2027, 1, 16)
    there = Whereabouts("America/Los_Angeles")
    assert due_at("survey_invitation", there, NOW, saturday) == datetime(2027, 1, 18, 17, tzinfo=UTC)
    afternoon = datetime(2027, 1, 18, 20, tzinfo=UTC)
    assert due_at("survey_invitation", there, afternoon, saturday) == datetime(2027, 1, 19, 17, tzinfo=UTC)
