"""What the board and the timeline show."""

from collections.abc import Sequence
from datetime import date
from typing import Any

import pytest

from services.onboarding.commands import PauseJourney
from services.onboarding.parameters import languages
from services.onboarding.projections.board import Board, fold_board
from services.onboarding.projections.facets import RHYTHMS, Facet
from services.onboarding.projections.reading import TOPICS
from services.onboarding.projections.timeline import KINDS, TIMELINE_ENTRIES
from shared.events import EVENT_TYPES, Event
from shared.events.hr import EmployeeTerminated, HrEvent, TerminationCancelled
from shared.events.mentoring import Contribution, HireUnlisted, MentorAssigned
from shared.events.notifications import MessageSuppressed
from shared.events.onboarding import (
    JourneyCancelled,
    JourneyEnded,
    JourneyPaused,
    JourneyReopened,
    JourneyStarted,
    MeetingHeld,
    MilestoneAdded,
    MilestoneCompleted,
    MilestoneLate,
    MilestoneReminded,
    MilestoneWaived,
    NameChanged,
    PlannedMilestone,
    SurveyAnswered,
)
from tests.domain.onboarding.history import (
    ADA,
    BOSS,
    MENTOR,
    NOW,
    START,
    Life,
    assigned,
    at,
    board_of,
    counted,
    failed,
    hired,
    published,
    released,
    sent,
    timeline_of,
    waitlisted,
)

STARTED = JourneyStarted(
    employee_id=ADA,
    start_date=START,
    programme="small",
    programme_version="1",
    manager_id=BOSS,
    milestones=[
        PlannedMilestone(id="access", owner="manager", due=START),
        PlannedMilestone(id="meet", owner="mentor", due=date(2027, 1, 14)),
        PlannedMilestone(id="year", owner="coordinator", due=date(2028, 1, 11), optional=True),
    ],
)
LATE = MilestoneLate(employee_id=ADA, milestone_id="access", due=START)
DONE = MilestoneCompleted(employee_id=ADA, milestone_id="access", completed_at=at(3), completed_by=BOSS, cause="person")


def journey(*facts: Any) -> list[Event[Any]]:
    return [counted("onboarding", fact, number, at(number)) for number, fact in enumerate(facts, start=1)]


def row(events: Sequence[Event[Any]], before: Board | None = None) -> Board:
    after = board_of(events, before.model_dump(mode="json") if before else None)
    assert after is not None
    return after


def test_a_row_shows_progress_and_what_is_next() -> None:
    board = row(journey(STARTED))
    assert (board.status, board.start_date, board.manager_id) == ("active", START, BOSS)
    assert (board.done, board.total) == (0, 2)
    assert board.next is not None
    assert (board.next.id, board.next.owner, board.next.due) == ("access", "manager", START)
    board = row(journey(STARTED, DONE))
    assert (board.done, board.total, board.next.id if board.next else None) == (1, 2, "meet")


def test_a_late_milestone_needs_attention_until_it_is_settled() -> None:
    board = row(journey(STARTED, LATE))
    assert (board.late, board.attention, board.standing) == (["access"], ["late"], "late")
    assert board.next is not None
    assert board.next.id == "meet"
    assert not row(journey(STARTED, LATE, DONE)).needs_attention
    waived = row(journey(STARTED, LATE, MilestoneWaived(employee_id=ADA, milestone_id="access", waived_by=BOSS)))
    assert (waived.done, waived.total, waived.standing) == (0, 1, "track")


def test_a_row_is_found_by_what_is_late_at_every_level() -> None:
    mentors = MilestoneLate(employee_id=ADA, milestone_id="meet", due=START)
    found = row(journey(STARTED, LATE, mentors)).facets
    assert found == [
        "late::small",
        "late:manager",
        "late:manager:small",
        "late:manager:small:access",
        "late:mentor",
        "late:mentor:small",
        "late:mentor:small:meet",
    ]
    assert [str(Facet.of(facet)) for facet in found] == found
    assert row(journey(STARTED, LATE, DONE)).facets == []
    assert row(journey(STARTED, LATE, JourneyPaused(employee_id=ADA, since=START, paused_by=BOSS))).facets == []


ASKED = STARTED.model_copy(
    update={
        "milestones": [
            PlannedMilestone(id="meet", owner="mentor", due=START, meeting=1),
            PlannedMilestone(id="meet_2", owner="mentor", due=date(2027, 1, 14), meeting=2),
            PlannedMilestone(id="ask", owner="hire", due=date(2027, 1, 18), survey="pulse"),
        ]
    }
)
MET = MeetingHeld(employee_id=ADA, meeting_id="1", mentor_id=MENTOR, held_on=START, minutes=30, reported_by=MENTOR)
MET_AS_PLANNED = DONE.model_copy(update={"milestone_id": "meet", "cause": "meeting_held"})


def _is_late(milestone: str) -> MilestoneLate:
    return MilestoneLate(employee_id=ADA, milestone_id=milestone, due=START)


def _rhythm(*facts: Any, mentor: bool = True) -> list[str]:
    given = [counted("matching", assigned(), 1, at(0))] if mentor else []
    return [facet for facet in row([*journey(ASKED, *facts), *given]).facets if facet in RHYTHMS]


def test_a_pair_keeps_the_rhythm_while_no_planned_meeting_is_late() -> None:
    assert _rhythm() == []  # nothing was planned for before today
    assert _rhythm(_is_late("meet")) == ["never_met"]
    assert _rhythm(_is_late("meet"), MET, MET_AS_PLANNED) == ["on_rhythm"]
    assert _rhythm(MET, MET_AS_PLANNED, _is_late("meet_2")) == ["off_rhythm"]
    assert _rhythm(_is_late("meet"), mentor=False) == []
    assert _rhythm(MET, MET_AS_PLANNED, JourneyEnded(employee_id=ADA, outcome="completed")) == []


def test_a_survey_is_open_once_it_is_late_and_answered_from_the_answer_on() -> None:
    answer = SurveyAnswered(employee_id=ADA, survey_id="pulse", ratings={"mood": 4, "pace": 2})
    assert [each for each in row(journey(ASKED)).facets if "answered" in each] == []
    assert "unanswered::small:pulse" in row(journey(ASKED, _is_late("ask"))).facets
    board = row(journey(ASKED, _is_late("ask"), answer))  # a milestone may need more than the answer
    assert [each for each in board.facets if "answered" in each] == ["answered::small:pulse"]
    assert board.rated == ["small:pulse:mood:4", "small:pulse:pace:2"]
    over = row(journey(ASKED, answer, JourneyEnded(employee_id=ADA, outcome="left")))
    assert [each for each in over.facets if "answered" in each] == []
    assert row(journey(ASKED, answer, JourneyEnded(employee_id=ADA, outcome="left"), ASKED)).rated == []


def test_milestones_that_people_have_alone_are_found_together() -> None:
    added = MilestoneAdded(employee_id=ADA, milestone_id="own_3", owner="hire", due=START, added_by=BOSS)
    late = MilestoneLate(employee_id=ADA, milestone_id="own_3", due=START)
    assert "late:hire:small:own" in row(journey(STARTED, added, late)).facets


def test_a_journey_that_is_over_needs_no_attention() -> None:
    board = row(journey(STARTED, LATE, JourneyCancelled(employee_id=ADA)))
    assert (board.status, board.standing, board.needs_attention) == ("cancelled", "cancelled", False)
    assert row(journey(JourneyReopened(employee_id=ADA)), board).needs_attention
    assert row(journey(STARTED, JourneyEnded(employee_id=ADA, outcome="left"))).status == "left"


def test_a_lateness_told_after_the_completion_changes_nothing() -> None:
    assert row(journey(STARTED, DONE, LATE)).milestones["access"].status == "done"


def test_meetings_are_counted_with_the_last_day() -> None:
    held = [
        MeetingHeld(employee_id=ADA, meeting_id=str(day), held_on=date(2027, 1, day), minutes=30, reported_by=MENTOR)
        for day in (14, 12)
    ]
    board = row(journey(STARTED, *held))
    assert (board.meetings, board.last_meeting_on) == (2, date(2027, 1, 14))


def test_a_new_journey_of_the_same_person_starts_from_nothing() -> None:
    board = row(journey(STARTED, DONE, JourneyEnded(employee_id=ADA, outcome="left"), STARTED))
    assert (board.number, board.done, board.status) == (2, 0, "active")


def test_a_row_says_why_this_mentor_or_why_none() -> None:
    reasons = [Contribution(criterion="role", weight=5, value=9000, points=4500)]
    chosen = MentorAssigned(employee_id=ADA, mentor_id=MENTOR, score=4500, contributions=reasons, policy_version="1")
    board = row([*journey(STARTED), counted("matching", waitlisted(), 1, at(1))])
    assert (board.assignment.status, board.assignment.ruled_out, board.attention) == (
        "waitlisted",
        {"capacity": 3},
        ["no_mentor"],
    )
    board = row([counted("matching", chosen, 2, at(2))], board)
    assert (board.mentor_id, board.assignment.contributions, board.assignment.ruled_out) == (MENTOR, reasons, {})
    assert not board.needs_attention
    board = row([counted("matching", released(), 3, at(3))], board)
    assert (board.mentor_id, board.assignment.cause, board.attention) == (None, "mentor_left", ["no_mentor"])
    board = row([counted("matching", HireUnlisted(employee_id=ADA, cause="hire_rescinded"), 4, at(4))], board)
    assert board.assignment.status == "none"


def test_a_row_says_what_became_of_the_welcome_and_of_no_other_message() -> None:
    board = row(journey(STARTED))
    assert board.mail.state == "planned"
    board = row([counted("notifications", failed(), 1, at(1))], board)
    assert (board.mail.state, board.mail.reason, board.attention) == ("failed", "smtp_550", ["mail_failed"])
    board = row([counted("notifications", sent(), 2, at(2))], board)
    assert (board.mail.state, board.needs_attention) == ("sent", False)
    stored = board.model_dump(mode="json")
    assert fold_board(stored, counted("notifications", failed("mentor_brief"), 3, at(3))) is stored


@pytest.mark.parametrize(("reason", "attention"), [("no_address", True), ("withdrawn", False)])
def test_a_suppressed_welcome_needs_attention_only_where_somebody_can_mend_it(reason: str, attention: bool) -> None:
    suppressed = MessageSuppressed(**sent().model_dump(), reason=reason)
    board = row([*journey(STARTED), counted("notifications", suppressed, 1, at(1))])
    assert board.mail.state == "suppressed"
    assert board.needs_attention is attention


def test_what_the_board_does_not_show_leaves_it_untouched() -> None:
    reminded = MilestoneReminded(employee_id=ADA, milestone_id="meet", owner="mentor", due=START, reminded_on=START)
    assert fold_board(None, counted("onboarding", reminded, 1, at(1))) is None


def test_every_fact_about_a_person_on_our_topics_has_its_place_on_the_timeline_but_a_changed_name() -> None:
    told = {model for model in EVENT_TYPES.values() if not issubclass(model, HrEvent) and model.TOPIC in TOPICS}
    assert set(KINDS) == told - {NameChanged}  # which is theirs to tell


def test_a_timeline_is_in_order_of_time_with_who_and_what() -> None:
    timeline = timeline_of([*journey(STARTED, DONE), counted("matching", assigned(), 1, at(0))])
    assert timeline is not None
    assert [(entry.kind, entry.who, entry.milestone_id) for entry in timeline.entries] == [
        ("mentor_assigned", "policy", None),
        ("journey_started", None, None),
        ("milestone_completed", BOSS, "access"),
    ]
    assert timeline.entries[0].details["mentor_id"] == MENTOR
    assert "milestones" not in timeline.entries[1].details
    assert "employee_id" not in timeline.entries[1].details


def test_a_very_long_timeline_keeps_its_newest_entries() -> None:
    told = [counted("notifications", sent(), number, at(number)) for number in range(1, TIMELINE_ENTRIES + 11)]
    timeline = timeline_of(told)
    assert timeline is not None
    assert len(timeline.entries) == TIMELINE_ENTRIES
    assert timeline.entries[0].sequence == 11
    assert timeline_of([*told, counted("matching", assigned(), 1, at(0))]) == timeline


def test_titles_are_in_the_language_that_the_reader_likes_best() -> None:
    assert languages("de;q=0.5, fr-FR, en;q=0.8") == ["fr-FR", "en", "de"]
    assert languages("") == []
    assert languages("de;q=high, en") == ["en"]


def test_who_left_while_away_and_stays_after_all_is_away_again_on_the_board() -> None:
    life = Life()
    life.on(hired(), PauseJourney(employee_id=ADA, paused_by=BOSS))
    life.on(EmployeeTerminated(employee_id=ADA), TerminationCancelled(employee_id=ADA))
    row = board_of(published(life.told))
    assert row is not None
    assert (row.status, row.standing, row.attention) == ("paused", "paused", [])
    assert row.away is not None


def test_whoever_is_about_to_leave_needs_no_mentor() -> None:
    life = Life()
    life.on(hired(), EmployeeTerminated(employee_id=ADA, last_day=START))
    row = board_of([*published(life.told), counted("matching", released(), 1, NOW)])
    assert row is not None
    assert (row.last_day, row.attention, row.standing) == (START, [], "track")
