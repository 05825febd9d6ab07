"""What people report: milestones, meetings, surveys. And what the calendar says of them."""

from datetime import UTC, date, datetime, timedelta

import pytest

from services.onboarding.commands import AnswerSurvey, CompleteMilestone, LogMeeting, ReviewDueDays, WaiveMilestone
from services.onboarding.journey import day_end
from shared.events.hr import EmployeeTerminated, HireRescinded, TerminationCancelled
from shared.events.mentoring import MentorReleased
from shared.events.onboarding import MeetingHeld, MilestoneLate
from shared.refusals import Refused
from tests.domain.onboarding.history import (
    ADA,
    BOSS,
    MENTOR,
    NOW,
    SHIPPED,
    START,
    Life,
    assigned,
    hired,
    kinds,
    moved,
    sent,
    snapshot,
    updated,
)

REVIEW = ReviewDueDays(employee_id=ADA)
RESCINDED = HireRescinded(employee_id=ADA)
LEFT = EmployeeTerminated(employee_id=ADA)
STAYS = TerminationCancelled(employee_id=ADA)


def done(id: str, by: str = BOSS) -> CompleteMilestone:
    return CompleteMilestone(employee_id=ADA, milestone_id=id, completed_by=by)


def waived(id: str, by: str = BOSS) -> WaiveMilestone:
    return WaiveMilestone(employee_id=ADA, milestone_id=id, waived_by=by)


def met(id: str = "1", on: date = START, minutes: int = 30, by: str = MENTOR) -> LogMeeting:
    return LogMeeting(employee_id=ADA, meeting_id=id, held_on=on, minutes=minutes, reported_by=by)


def answers(mood: int = 4, **ratings: int) -> AnswerSurvey:
    return AnswerSurvey(employee_id=ADA, survey_id="pulse", ratings={"mood": mood} | ratings)


def refusal(life: Life, command: object) -> Refused:
    before = life.journey
    with pytest.raises(Refused) as refused:
        life.on(command)
    assert life.journey is before
    return refused.value


def started(now: datetime = NOW) -> Life:
    life = Life(now=now)
    life.on(hired())
    return life


def mentored(now: datetime = NOW) -> Life:
    life = started(now)
    life.on(assigned())
    return life


def asked() -> Life:
    """It is the day of the survey."""
    life = mentored()
    life.now = noon(START + timedelta(days=7))
    return life


def noon(day: date) -> datetime:
    return datetime(day.year, day.month, day.day, 12, tzinfo=UTC)


def test_a_persons_word_completes_a_milestone_once() -> None:
    life = started()
    (fact,) = life.on(done("access"))
    assert life.on(done("access", by="E-9")) == []
    assert life.milestone("access").settled_by == BOSS
    assert life.milestone("access").cause == "person"
    assert fact.milestone_id == "access"


def test_a_milestone_that_waits_for_an_event_takes_nobodys_word() -> None:
    refused = refusal(started(), done("welcome"))
    assert (refused.status, refused.code) == (409, "completed_by_event")
    assert "message_sent" in refused.detail


def test_a_milestone_that_does_not_exist_is_refused_with_those_that_do() -> None:
    refused = refusal(started(), done("acess"))
    assert (refused.status, refused.code) == (404, "unknown_milestone")
    assert "access" in refused.detail


@pytest.mark.parametrize("command", [done("access"), waived("access"), met(), answers()])
def test_nothing_can_be_reported_without_a_journey(command: object) -> None:
    life = Life()
    life.on(snapshot())
    assert refusal(life, command).code == "no_journey"


@pytest.mark.parametrize("command", [done("access"), waived("access"), met(), answers()])
def test_nothing_can_be_reported_for_a_journey_that_is_over(command: object) -> None:
    life = started()
    life.on(RESCINDED)
    assert (refusal(life, command).status, refusal(life, command).code) == (409, "journey_over")


def test_a_waived_milestone_counts_on_neither_side_and_may_still_be_done() -> None:
    life = started()
    life.on(waived("access"))
    assert life.on(waived("access")) == []
    assert life.journey.progress == (0, 5)
    life.on(done("access"))
    assert life.statuses["access"] == "done"


def test_an_event_does_not_complete_what_was_waived() -> None:
    life = started()
    life.on(waived("welcome"))
    assert life.on(sent()) == []


def test_what_is_done_can_not_be_waived() -> None:
    life = started()
    life.on(done("access"))
    assert refusal(life, waived("access")).code == "already_done"


def test_a_meeting_is_logged_once_by_its_id_and_names_the_mentor() -> None:
    life = mentored(noon(START))
    facts = life.on(met("a"))
    assert kinds(facts) == ["MeetingHeld", "MilestoneCompleted"]
    assert isinstance(facts[0], MeetingHeld)
    assert facts[0].mentor_id == MENTOR
    assert life.on(met("a", minutes=60)) == []
    assert life.milestone("meet_short").settled_by == MENTOR


def test_a_meeting_milestone_wants_its_number_of_meetings_that_were_long_enough() -> None:
    life = mentored(noon(START))
    life.on(met("a", minutes=30), met("b", minutes=10))
    assert life.statuses["meet_long"] == "planned"
    life.on(met("c", minutes=45))
    assert life.statuses["meet_long"] == "done"


def test_a_meeting_is_logged_with_a_mentor_also_with_one_who_was_released_since() -> None:
    life = started(noon(START))
    refused = refusal(life, met())
    assert (refused.status, refused.code) == (409, "no_mentor")
    life.on(assigned(), MentorReleased(employee_id=ADA, mentor_id=MENTOR, cause="mentor_left"))
    assert kinds(life.on(met()))[0] == "MeetingHeld"


def test_a_meeting_in_the_future_is_refused() -> None:
    life = mentored(noon(START))
    refused = refusal(life, met(on=START + timedelta(days=1)))
    assert (refused.status, refused.code, refused.field) == (422, "future_meeting", "held_on")


def test_today_is_the_day_where_the_hire_works() -> None:
    evening = datetime(2027, 1, 11, 22, tzinfo=UTC)
    life = Life(now=evening)
    life.on(hired(time_zone="Asia/Tokyo"), assigned())
    assert kinds(life.on(met(on=date(2027, 1, 12))))[0] == "MeetingHeld"


def test_a_meeting_before_the_journey_began_is_refused() -> None:
    life = mentored(noon(START))
    assert refusal(life, met(on=date(1970, 1, 1))).code == "meeting_too_early"


def test_a_journey_from_late_data_takes_meetings_since_the_start() -> None:
    life = Life(now=noon(START + timedelta(days=40)))
    life.on(hired(), assigned())
    assert kinds(life.on(met(on=START)))[0] == "MeetingHeld"


def test_a_survey_completes_its_milestone_and_its_comment_does_not_travel() -> None:
    life = asked()
    facts = life.on(AnswerSurvey(employee_id=ADA, survey_id="pulse", ratings={"mood": 5}, comment="private"))
    assert kinds(facts) == ["SurveyAnswered", "MilestoneCompleted"]
    assert "private" not in str([fact.model_dump() for fact in facts])
    assert "private" not in life.journey.model_dump_json()
    assert life.milestone("pulse").settled_by == ADA


def test_a_survey_is_answered_once() -> None:
    life = asked()
    life.on(answers(4))
    assert life.on(answers(4)) == []
    assert refusal(life, answers(5)).code == "already_answered"


def test_a_survey_is_answered_from_its_day_on_where_the_hire_works() -> None:
    life = mentored()
    life.on(updated(time_zone="Pacific/Auckland"))
    midnight = datetime(2027, 1, 17, 11, tzinfo=UTC)
    life.now = midnight - timedelta(seconds=1)
    early = refusal(life, answers())
    assert (early.status, early.code) == (409, "survey_not_open")
    assert "from 2027-01-18 on" in early.detail
    assert kinds(life.on(answers(), now=midnight)) == ["SurveyAnswered", "MilestoneCompleted"]


def test_a_survey_that_is_late_is_still_welcome_and_moves_with_the_start() -> None:
    life = asked()
    life.on(REVIEW, now=noon(START + timedelta(days=8)))
    life.on(moved(START + timedelta(days=14)))
    assert refusal(life, answers()).code == "survey_not_open"
    life.on(answers(), now=noon(START + timedelta(days=60)))
    assert life.milestone("pulse").status == "done"


def test_a_survey_wants_exactly_its_questions() -> None:
    life = asked()
    assert refusal(life, answers(4, weather=1)).code == "wrong_questions"
    missing = refusal(life, AnswerSurvey(employee_id=ADA, survey_id="pulse", ratings={}))
    assert "ratings.mood: is not rated" in missing.detail
    unknown = refusal(life, AnswerSurvey(employee_id=ADA, survey_id="weather", ratings={}))
    assert (unknown.status, unknown.code) == (404, "unknown_survey")
    assert "pulse" in unknown.detail


def test_a_milestone_is_late_once_its_day_is_over_where_the_hire_works() -> None:
    life = Life()
    life.on(hired(time_zone="America/Los_Angeles"), sent(), assigned())
    end = day_end(START, "America/Los_Angeles")
    assert end == datetime(2027, 1, 12, 8, tzinfo=UTC)
    assert life.journey.wake_at == end
    assert life.on(REVIEW, now=end - timedelta(seconds=1)) == []
    assert life.on(REVIEW, now=end) == [MilestoneLate(employee_id=ADA, milestone_id="access", due=START)]
    assert life.on(REVIEW, now=end + timedelta(hours=1)) == []
    assert life.journey.wake_at == day_end(START + timedelta(days=3), "America/Los_Angeles")


def test_a_change_of_time_zone_changes_when_a_day_is_over() -> None:
    life = started()
    life.on(updated(time_zone="Pacific/Auckland"))
    assert life.journey.wake_at == datetime(2027, 1, 4, 11, tzinfo=UTC)


def test_after_downtime_everything_missed_is_announced_once() -> None:
    life = started()
    first = life.on(REVIEW, now=noon(START + timedelta(days=30)))
    assert {fact.milestone_id for fact in first} == {"welcome", "mentor", "access", "meet_short", "pulse", "meet_long"}
    assert life.on(REVIEW) == []


def test_optional_milestones_are_never_late() -> None:
    life = started()
    life.on(REVIEW, now=noon(START + timedelta(days=30)))
    assert life.statuses["lunch"] == "planned"


def test_a_journey_from_late_data_starts_without_a_storm_of_late_notices() -> None:
    life = Life(SHIPPED, now=noon(START + timedelta(days=180)))
    life.on(hired())
    facts = life.on(REVIEW, now=noon(START + timedelta(days=240)))
    assert [(type(fact).__name__, fact.milestone_id) for fact in facts] == [("MilestoneCompleted", "retention_180")]


def test_what_still_lies_ahead_in_a_journey_from_late_data_can_be_late() -> None:
    life = Life(now=noon(START + timedelta(days=7)))
    life.on(hired())
    facts = life.on(REVIEW, now=noon(START + timedelta(days=60)))
    assert {fact.milestone_id for fact in facts} == {"pulse", "meet_long"}


def test_a_late_milestone_can_be_done_and_is_then_late_no_more() -> None:
    life = started()
    life.on(REVIEW, now=noon(START + timedelta(days=1)))
    assert life.statuses["access"] == "late"
    life.on(done("access"))
    assert life.statuses["access"] == "done"


def test_a_moved_start_date_takes_lateness_away_and_the_new_day_can_be_late_again() -> None:
    life = started()
    life.on(REVIEW, now=noon(START + timedelta(days=1)))
    life.on(moved(START + timedelta(days=14)))
    assert life.statuses["access"] == "planned"
    facts = life.on(REVIEW, now=noon(START + timedelta(days=15)))
    assert MilestoneLate(employee_id=ADA, milestone_id="access", due=START + timedelta(days=14)) in facts


def test_a_start_date_corrected_into_the_past_brings_no_storm_either() -> None:
    life = started(noon(START - timedelta(days=30)))
    life.on(moved(START - timedelta(days=120)), now=noon(START - timedelta(days=29)))
    assert life.on(REVIEW, now=noon(START + timedelta(days=60))) == []


def test_what_was_late_and_is_still_overdue_after_a_small_move_stays_late() -> None:
    life = started()
    life.on(REVIEW, now=noon(START + timedelta(days=5)))
    life.on(moved(START + timedelta(days=1)))
    assert "access" in {fact.milestone_id for fact in life.on(REVIEW)}


def test_the_time_somebody_was_gone_makes_nothing_late() -> None:
    life = started()
    life.on(LEFT)
    assert life.on(REVIEW, now=noon(START + timedelta(days=20))) == []
    life.on(STAYS)
    assert life.on(REVIEW, now=noon(START + timedelta(days=60))) == []


def test_still_here_on_a_retention_day_is_recorded_even_after_completion() -> None:
    life = started()
    a_year = life.milestone("year").due
    life.on(sent(), assigned(), *(waived(id) for id in ("meet_short", "meet_long", "pulse", "access")))
    assert life.journey.status == "completed"
    assert life.journey.wake_at == day_end(a_year, "Europe/Paris")
    (fact,) = life.on(REVIEW, now=noon(a_year + timedelta(days=2)))
    assert (fact.milestone_id, fact.cause, fact.completed_at) == ("year", "still_employed", day_end(a_year, "Europe/Paris"))
    assert life.journey.wake_at is None


def test_who_left_before_a_retention_day_is_not_counted_as_here() -> None:
    life = started()
    life.on(LEFT)
    assert life.on(REVIEW, now=noon(START + timedelta(days=500))) == []


def test_a_retention_day_that_the_calendar_has_yet_to_see_counts_before_the_leaving() -> None:
    life = started()
    facts = life.on(LEFT, now=noon(START + timedelta(days=370)))
    assert kinds(facts) == ["MilestoneCompleted", "JourneyEnded"]
