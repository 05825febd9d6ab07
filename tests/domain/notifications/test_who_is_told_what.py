from datetime import UTC, date, datetime, timedelta

import pytest

from services.notifications.domain import MATCH_GRACE, Hasten, Plan, Whereabouts, due_at
from services.notifications.letters import _escalations_in
from shared.events.hr import (
    EmployeeRehired,
    EmployeeSnapshot,
    EmployeeTerminated,
    EmployeeUpdated,
    HireRescinded,
    StartDateChanged,
    TerminationCancelled,
)
from shared.events.mentoring import (
    HireUnlisted,
    MentorChanged,
    MentorEnrolled,
    MentorNominated,
    MentorTrained,
    MentorWithdrawn,
)
from shared.events.onboarding import (
    JourneyEnded,
    JourneyPaused,
    JourneyStarted,
    MilestoneCompleted,
    MilestoneEscalated,
    MilestoneLate,
    MilestoneReassigned,
    MilestoneReminded,
    PlannedMilestone,
)
from tests.domain.notifications.correspondence import (
    COORDINATOR,
    HIRE,
    MANAGER,
    MENTOR,
    NOW,
    OTHER_MENTOR,
    START,
    Post,
    assigned,
    hired,
    released,
    stream_of,
    waitlisted,
)

NEW_START = date(2027, 2, 1)


def matched() -> Post:
    """A hire with a mentor, everybody told."""
    post = Post()
    post.hear(hired())
    post.hear(assigned(), topic="matching")
    post.send_all()
    return post


def test_a_hire_is_welcomed_without_waiting_for_a_match():
    post = Post()
    post.hear(hired())
    welcome = next(letter for letter in post.planned() if letter.template == "welcome")
    assert (welcome.recipient_id, welcome.due_at) == (HIRE, NOW)


def test_a_hire_whose_record_names_themselves_as_manager_is_told_nothing_about_themselves():
    post = Post()
    post.hear(hired(manager_id=HIRE))
    assert [letter.template for letter in post.planned()] == ["welcome"]


def test_a_matched_hire_their_mentor_and_their_manager_are_told():
    assert set(matched().mail()) == {
        ("welcome", HIRE),
        ("manager_notice", MANAGER),
        ("mentor_introduction", HIRE),
        ("mentor_brief", MENTOR),
    }


def test_a_manager_waits_a_moment_for_the_match_and_hears_at_once_when_it_is_there():
    post = Post()
    post.hear(hired())
    assert next(letter for letter in post.planned() if letter.template == "manager_notice").due_at == NOW + MATCH_GRACE
    post.hear(assigned(), topic="matching")
    assert [decision.letter.due_at for decision in post.decisions if isinstance(decision, Hasten)] == [NOW]


def test_an_assignment_that_arrives_before_its_hire_is_told_once_both_are_known():
    post = Post()
    post.hear(assigned(), topic="matching")
    assert not post.planned()
    post.hear(hired())
    assert ("mentor_brief", MENTOR) in post.drafts()


def test_a_hire_told_twice_under_two_ids_is_one_hire():
    post = matched()
    post.hear(hired())
    assert not post.planned()


def test_a_snapshot_writes_to_nobody():
    post = Post()
    post.hear(EmployeeSnapshot(employee_id=HIRE, given_name="Ada", start_date=NEW_START))
    post.hear(StartDateChanged(employee_id=HIRE, start_date=NEW_START), EmployeeTerminated(employee_id=HIRE))
    assert not post.decisions


def test_a_moved_start_is_told_to_everybody_who_knows_the_old_one():
    post = matched()
    before = len(post.sent)
    post.hear(StartDateChanged(employee_id=HIRE, start_date=NEW_START))
    post.send_all()
    assert set(post.mail()[before:]) == {("plans_changed", HIRE), ("plans_changed", MENTOR), ("plans_changed", MANAGER)}


def test_who_has_not_been_told_yet_hears_the_new_start_and_nothing_of_the_old():
    post = Post()
    post.hear(hired(), StartDateChanged(employee_id=HIRE, start_date=NEW_START))
    post.send_all()
    assert {told for _, told in post.sent} == {NEW_START}
    assert "plans_changed" not in dict(post.mail())


def test_a_start_that_moves_while_its_message_is_on_the_way_is_made_good():
    post = Post()
    post.hear(hired())
    welcome = next(letter for letter in post.planned() if letter.template == "welcome")
    post.take(welcome)
    post.hear(StartDateChanged(employee_id=HIRE, start_date=NEW_START))
    post.record()
    assert ("plans_changed", HIRE) in post.drafts()


def test_a_start_that_moves_there_and_back_before_anybody_hears_is_not_told():
    post = matched()
    post.hear(StartDateChanged(employee_id=HIRE, start_date=NEW_START))
    post.hear(StartDateChanged(employee_id=HIRE, start_date=hired().start_date))
    assert not post.planned()


def test_the_same_new_start_told_twice_is_one_change():
    post = matched()
    for _ in range(2):
        post.hear(StartDateChanged(employee_id=HIRE, start_date=NEW_START))
        post.send_all()
    assert post.mail().count(("plans_changed", HIRE)) == 1


def test_a_rescinded_hire_whom_nobody_heard_of_stays_unheard_of():
    post = Post()
    post.hear(hired())
    post.hear(assigned(), topic="matching")
    post.hear(HireRescinded(employee_id=HIRE))
    assert not post.planned()
    assert {letter.status for letter in post.state.letters.values()} == {"withdrawn"}


def test_a_rescinded_hire_is_told_to_mentor_and_manager_and_not_to_the_person():
    post = matched()
    before = len(post.sent)
    post.hear(HireRescinded(employee_id=HIRE))
    post.hear(released("hire_rescinded"), topic="matching")
    post.send_all()
    assert set(post.mail()[before:]) == {("mentor_release", MENTOR), ("hire_cancelled", MANAGER)}


def test_a_mentor_who_is_told_while_the_hire_is_rescinded_gets_a_kind_word():
    post = Post()
    post.hear(hired())
    post.hear(assigned(), topic="matching")
    post.take(next(letter for letter in post.planned() if letter.template == "mentor_brief"))
    post.hear(HireRescinded(employee_id=HIRE))
    assert not post.planned()
    post.record()
    assert post.drafts() == {("mentor_release", MENTOR)}


def test_a_withdrawn_message_is_planned_again_when_its_reason_is_back():
    post = Post()
    post.hear(hired(), EmployeeTerminated(employee_id=HIRE), TerminationCancelled(employee_id=HIRE))
    again = [decision for decision in post.decisions if isinstance(decision, Plan) and decision.again]
    assert {decision.letter.template for decision in again} == {"welcome", "manager_notice"}


def test_a_rehire_is_welcomed_again():
    post = matched()
    post.hear(EmployeeTerminated(employee_id=HIRE))
    post.hear(released("hire_terminated"), topic="matching")
    post.hear(EmployeeRehired(employee_id=HIRE, given_name="Ada", start_date=NEW_START))
    post.send_all()
    assert post.mail().count(("welcome", HIRE)) == 2
    assert ("plans_changed", HIRE) not in post.mail()


LAST_DAY = START + timedelta(days=60)
LEAVES_LATER = EmployeeTerminated(employee_id=HIRE, last_day=LAST_DAY)
GONE = JourneyEnded(employee_id=HIRE, outcome="left")


def test_who_leaves_later_is_written_to_until_the_last_day_is_over():
    post = Post()
    post.hear(hired(), LEAVES_LATER)
    assert post.state.status == "expected"
    assert {template for template, _ in post.drafts()} >= {"welcome", "manager_notice"}
    post.hear(GONE, topic="onboarding")
    assert post.state.status == "left"


def test_the_end_of_the_last_day_may_be_told_before_the_leaving():
    post = Post()
    post.hear(hired())
    post.hear(GONE, topic="onboarding")
    post.hear(LEAVES_LATER)
    assert post.state.status == "left"


def test_who_stays_after_all_or_is_hired_anew_before_the_last_day_is_not_ended_by_it():
    for after in (
        TerminationCancelled(employee_id=HIRE),
        EmployeeRehired(employee_id=HIRE, given_name="Ada", start_date=LAST_DAY + timedelta(days=9)),
    ):
        post = Post()
        post.hear(hired(), LEAVES_LATER, after)
        post.hear(GONE, topic="onboarding")
        assert post.state.status == "expected", after


def test_a_replaced_mentor_is_released_and_the_hire_meets_the_new_one():
    post = matched()
    before = len(post.sent)
    post.hear(assigned(OTHER_MENTOR, previous_mentor_id=MENTOR), topic="matching")
    post.send_all()
    assert set(post.mail()[before:]) == {
        ("mentor_release", MENTOR),
        ("mentor_introduction", HIRE),
        ("mentor_brief", OTHER_MENTOR),
    }


def test_the_same_mentor_confirmed_is_no_news():
    post = matched()
    post.hear(assigned(decided_by="C-1"), topic="matching")
    assert not post.planned()


def test_a_mentor_who_left_the_company_is_not_written_to_and_the_hire_is():
    post = matched()
    post.hear(released("mentor_left"), topic="matching")
    assert post.drafts() == {("mentor_unavailable", HIRE)}


def test_a_mentor_is_thanked_when_the_journey_ends_and_the_hire_is_not_alarmed():
    post = matched()
    post.hear(released("journey_ended"), topic="matching")
    assert post.drafts() == {("mentor_release", MENTOR)}


def test_a_waitlisted_hire_is_told_to_the_coordinators_once():
    post = Post()
    post.hear(hired())
    post.hear(waitlisted(), topic="matching")
    post.hear(waitlisted(), topic="matching")
    post.send_all()
    assert post.mail().count(("waitlisted", COORDINATOR)) == 1


def test_a_waitlisted_hire_who_is_matched_before_the_message_goes_is_no_news_to_coordinators():
    post = Post()
    post.hear(hired())
    post.hear(waitlisted(), topic="matching")
    post.hear(assigned(), topic="matching")
    post.send_all()
    assert "waitlisted" not in dict(post.mail())


def test_a_hire_who_is_unlisted_is_no_news_to_coordinators():
    post = Post()
    post.hear(hired())
    post.hear(waitlisted(), topic="matching")
    post.hear(HireUnlisted(employee_id=HIRE, cause="hire_rescinded"), topic="matching")
    assert ("waitlisted", COORDINATOR) not in post.drafts()


def test_a_new_manager_is_told_of_the_hire():
    post = matched()
    post.hear(EmployeeUpdated(employee_id=HIRE, manager_id="B-2"))
    assert post.drafts() == {("manager_notice", "B-2")}


def test_an_update_without_a_manager_leaves_the_manager():
    post = matched()
    post.hear(EmployeeUpdated(employee_id=HIRE, title="Engineer"))
    assert post.state.manager_id == MANAGER


@pytest.mark.parametrize(
    "accepted", [MentorTrained(mentor_id=HIRE, trained_on=NEW_START), MentorChanged(mentor_id=HIRE, status="active")]
)
def test_somebody_nominated_is_guided_once_they_are_a_mentor(accepted):
    post = Post()
    post.hear(MentorNominated(mentor_id=HIRE, endorsed_by=MANAGER), MentorChanged(mentor_id=HIRE, capacity=3), topic="matching")
    assert post.drafts() == set()
    post.hear(accepted, MentorTrained(mentor_id=HIRE, trained_on=NEW_START), topic="matching")
    assert post.drafts() == {("mentor_guidance", HIRE)}


def test_training_alone_makes_nobody_a_mentor():
    post = Post()
    post.hear(MentorTrained(mentor_id=HIRE, trained_on=NEW_START), topic="matching")
    assert post.drafts() == set()


def test_a_mentor_who_left_is_not_written_to_when_another_follows_at_once():
    post = matched()
    before = len(post.sent)
    post.hear(assigned(OTHER_MENTOR, previous_mentor_id=MENTOR, previous_cause="mentor_left"), topic="matching")
    post.send_all()
    assert ("mentor_release", MENTOR) not in post.mail()[before:]
    assert ("mentor_brief", OTHER_MENTOR) in post.mail()[before:]


def test_a_mentor_is_guided_once_per_enrolment():
    post = Post()
    post.hear(MentorEnrolled(mentor_id=HIRE), MentorEnrolled(mentor_id=HIRE), topic="matching")
    post.send_all()
    post.hear(MentorWithdrawn(mentor_id=HIRE), MentorEnrolled(mentor_id=HIRE), topic="matching")
    post.send_all()
    assert post.mail() == [("mentor_guidance", HIRE), ("mentor_guidance", HIRE)]


@pytest.mark.parametrize(
    ("owner", "reader"), [("hire", HIRE), ("mentor", MENTOR), ("manager", MANAGER), ("coordinator", COORDINATOR)]
)
def test_a_late_milestone_is_told_to_its_owner_in_the_morning(owner, reader):
    post = matched()
    milestone = PlannedMilestone(id="first_meeting", owner=owner, due=date(2026, 11, 30))
    started = JourneyStarted(
        employee_id=HIRE, start_date=date(2027, 1, 11), programme="default", programme_version="1", milestones=[milestone]
    )
    late = MilestoneLate(employee_id=HIRE, milestone_id="first_meeting", due=date(2026, 11, 30))
    post.hear(started, late, topic="onboarding")
    (letter,) = post.planned()
    assert (letter.template, letter.recipient_id) == ("milestone_late", reader)
    assert letter.due_at == datetime(2026, 12, 2, 8, tzinfo=UTC)  # nine o'clock in Berlin, the day after
    done = MilestoneCompleted(
        employee_id=HIRE, milestone_id="first_meeting", completed_at=NOW, completed_by=reader, cause="person"
    )
    post.hear(done, topic="onboarding")
    assert not post.planned()


def test_what_its_owner_hears_to_be_late_at_one_time_is_one_reminder():
    post = matched()
    ids = ["first_meeting", "second_meeting", "third_meeting"]
    milestones = [PlannedMilestone(id=id, owner="mentor", due=date(2026, 11, 28)) for id in ids]
    started = JourneyStarted(
        employee_id=HIRE, start_date=date(2027, 1, 11), programme="default", programme_version="1", milestones=milestones
    )
    lates = [MilestoneLate(employee_id=HIRE, milestone_id=id, due=date(2026, 11, 28)) for id in ids]
    post.hear(started, *lates, topic="onboarding")
    (letter,) = post.planned()
    assert letter.template == "milestone_late"
    done = {"completed_at": NOW, "completed_by": MENTOR, "cause": "person"}
    post.hear(MilestoneCompleted(employee_id=HIRE, milestone_id="first_meeting", **done), topic="onboarding")
    assert post.planned() == [letter]
    post.send_all()
    post.hear(MilestoneCompleted(employee_id=HIRE, milestone_id="second_meeting", **done), topic="onboarding")
    assert post.planned() == []


def test_who_pauses_is_not_reminded():
    post = matched()
    milestone = PlannedMilestone(id="first_meeting", owner="mentor", due=date(2026, 11, 30))
    started = JourneyStarted(
        employee_id=HIRE, start_date=date(2027, 1, 11), programme="default", programme_version="1", milestones=[milestone]
    )
    late = MilestoneLate(employee_id=HIRE, milestone_id="first_meeting", due=date(2026, 11, 30))
    post.hear(started, late, topic="onboarding")
    assert post.planned()
    post.hear(JourneyPaused(employee_id=HIRE, since=NOW.date(), paused_by=MANAGER), topic="onboarding")
    assert not post.planned()


def reminded(id, owner="mentor", due=date(2026, 12, 4)):
    return MilestoneReminded(employee_id=HIRE, milestone_id=id, owner=owner, due=due, reminded_on=NOW.date())


def escalated(id, to="manager", owner="mentor"):
    day = date(2026, 11, 27)
    return MilestoneEscalated(employee_id=HIRE, milestone_id=id, owner=owner, due=day, escalated_on=NOW.date(), to=to)


def done(id):
    return MilestoneCompleted(employee_id=HIRE, milestone_id=id, completed_at=NOW, completed_by=MENTOR, cause="person")


def with_plan(*ids, owner="mentor"):
    post = matched()
    milestones = [PlannedMilestone(id=id, owner=owner, due=date(2026, 11, 28)) for id in ids]
    started = {"start_date": date(2027, 1, 11), "programme": "default", "programme_version": "1"}
    post.hear(JourneyStarted(employee_id=HIRE, milestones=milestones, **started), topic="onboarding")
    return post


@pytest.mark.parametrize(
    ("owner", "reader"), [("hire", HIRE), ("mentor", MENTOR), ("manager", MANAGER), ("coordinator", COORDINATOR)]
)
def test_what_an_owner_is_reminded_of_at_one_time_is_one_letter_in_the_morning(owner, reader):
    post = with_plan("first_meeting", "second_meeting", owner=owner)
    post.hear(reminded("first_meeting", owner), reminded("second_meeting", owner), topic="onboarding")
    (letter,) = post.planned()
    assert (letter.template, letter.role, letter.recipient_id) == ("milestone_reminder", owner, reader)
    assert letter.due_at == datetime(2026, 12, 2, 8, tzinfo=UTC)
    post.hear(done("first_meeting"), topic="onboarding")
    assert post.planned() == [letter]
    post.hear(done("second_meeting"), topic="onboarding")
    assert not post.planned()


def test_what_is_late_and_what_is_reminded_of_at_one_time_is_one_letter():
    post = with_plan("first_meeting", "second_meeting")
    late = MilestoneLate(employee_id=HIRE, milestone_id="first_meeting", due=date(2026, 11, 28))
    post.hear(late, reminded("second_meeting"), topic="onboarding")
    assert [letter.template for letter in post.planned()] == ["milestone_late"]
    post.hear(done("first_meeting"), topic="onboarding")
    assert [letter.template for letter in post.planned()] == ["milestone_reminder"]


def test_who_hears_that_it_is_late_needs_no_reminder_of_it_any_more():
    post = with_plan("first_meeting")
    post.hear(reminded("first_meeting"), topic="onboarding")
    late = MilestoneLate(employee_id=HIRE, milestone_id="first_meeting", due=date(2026, 11, 28))
    post.hear(late, topic="onboarding")
    assert [letter.template for letter in post.planned()] == ["milestone_late"]


@pytest.mark.parametrize(("to", "reader"), [("manager", MANAGER), ("coordinator", COORDINATOR)])
def test_what_stays_open_is_told_to_whom_the_programme_names_in_one_letter(to, reader):
    post = with_plan("first_meeting", "second_meeting")
    post.hear(escalated("first_meeting", to), escalated("second_meeting", to), topic="onboarding")
    (letter,) = post.planned()
    assert (letter.template, letter.role, letter.recipient_id) == ("milestone_escalated", to, reader)
    post.send_all()
    post.hear(done("first_meeting"), topic="onboarding")
    assert not post.planned()


def test_what_would_go_to_a_manager_goes_to_coordinators_where_there_is_none():
    for manager_id in (None, HIRE):
        post = with_plan("first_meeting")
        post.hear(EmployeeUpdated(employee_id=HIRE, manager_id=manager_id))
        post.hear(escalated("first_meeting"), topic="onboarding")
        assert [(letter.template, letter.recipient_id) for letter in post.planned()] == [("milestone_escalated", COORDINATOR)]


def test_nobody_is_told_of_their_own_as_of_somebody_elses():
    post = with_plan("first_meeting")
    post.hear(escalated("first_meeting"), topic="onboarding")
    owner = MilestoneReassigned(employee_id=HIRE, milestone_id="first_meeting", owner="manager", reassigned_by=COORDINATOR)
    post.hear(owner, topic="onboarding")
    assert not post.planned()


@pytest.mark.parametrize(
    "own",
    [
        reminded("first_meeting", "manager"),
        MilestoneLate(employee_id=HIRE, milestone_id="first_meeting", due=date(2026, 11, 28)),
    ],
)
def test_who_owns_what_others_are_told_of_at_the_same_time_gets_one_letter(own):
    post = with_plan("first_meeting", "second_meeting", owner="manager")
    post.hear(EmployeeUpdated(employee_id=HIRE, manager_id=COORDINATOR))  # who manages this hire coordinates as well
    theirs = "milestone_reminder" if isinstance(own, MilestoneReminded) else "milestone_late"
    post.hear(own, escalated("first_meeting", "coordinator", "manager"), topic="onboarding")
    assert [each.template for each in post.planned() if each.template.startswith("milestone")] == [theirs]
    post.hear(escalated("second_meeting", "coordinator"), topic="onboarding")
    told = {each.template: each for each in post.planned()}
    assert told.keys() >= {theirs, "milestone_escalated"}
    assert [id for id, *_ in _escalations_in(told["milestone_escalated"], post.state)] == ["second_meeting"]


def test_who_pauses_gets_no_reminder_and_nobody_hears_of_it():
    post = with_plan("first_meeting", "second_meeting")
    post.hear(reminded("first_meeting"), escalated("second_meeting"), topic="onboarding")
    assert len(post.planned()) == 2
    post.hear(JourneyPaused(employee_id=HIRE, since=NOW.date(), paused_by=MANAGER), topic="onboarding")
    assert not post.planned()


def test_a_reminder_keeps_the_weekend_free():
    friday_noon = datetime(2026, 12, 4, 12, tzinfo=UTC)
    assert due_at("milestone_late", Whereabouts("Europe/Berlin"), friday_noon) == datetime(2026, 12, 7, 8, tzinfo=UTC)


def test_a_reminder_comes_at_nine_by_the_readers_clock_on_both_sides_of_a_clock_change():
    zone = "America/New_York"
    before = due_at("milestone_late", Whereabouts(zone), datetime(2027, 3, 12, 10, tzinfo=UTC))
    after = due_at("milestone_late", Whereabouts(zone), datetime(2027, 3, 14, 20, tzinfo=UTC))
    assert (before, after) == (datetime(2027, 3, 12, 14, tzinfo=UTC), datetime(2027, 3, 15, 13, tzinfo=UTC))


def test_a_failed_message_is_not_planned_again():
    post = Post()
    post.hear(hired())
    post.take(next(letter for letter in post.planned() if letter.template == "welcome"))
    post.record("failed", "smtp_550")
    post.hear(EmployeeUpdated(employee_id=HIRE, title="Engineer"))
    assert ("welcome", HIRE) not in post.drafts()


def test_who_never_got_the_welcome_is_not_told_that_plans_changed():
    post = Post()
    post.hear(hired())
    post.take(next(letter for letter in post.planned() if letter.template == "welcome"))
    post.record("suppressed", "no_address")
    post.hear(StartDateChanged(employee_id=HIRE, start_date=NEW_START))
    assert ("plans_changed", HIRE) not in post.drafts()


def test_a_put_off_message_stays_planned():
    post = Post()
    post.hear(hired())
    post.take(next(letter for letter in post.planned() if letter.template == "welcome"))
    post.record("deferred", "smtp_451")
    assert ("welcome", HIRE) in post.drafts()


def test_new_facts_never_put_a_message_off():
    post = Post()
    post.hear(hired())
    due = {letter.id: letter.due_at for letter in post.planned()}
    post.receive(stream_of("hr", [EmployeeUpdated(employee_id=HIRE, title="Engineer")])[0], NOW + timedelta(seconds=20))
    assert {letter.id: letter.due_at for letter in post.planned()} == due


HOUR = timedelta(hours=1)


def test_a_hire_told_late_after_its_rescission_is_not_welcomed():
    post = Post()
    post.hear(HireRescinded(employee_id=HIRE))
    post.hear(hired(), said_at=NOW - HOUR)
    assert not post.planned()
    post.hear(hired(), said_at=NOW)
    assert ("welcome", HIRE) in post.drafts(), "hired again after that"


def test_a_start_date_said_later_outlasts_a_hire_that_is_told_late():
    post = Post()
    post.hear(StartDateChanged(employee_id=HIRE, start_date=NEW_START))
    post.hear(hired(), said_at=NOW - HOUR)
    post.send_all()
    assert {told for _, told in post.sent} == {NEW_START}


def test_a_manager_said_later_outlasts_one_that_is_told_late():
    post = Post()
    post.hear(hired(manager_id="B-2"))
    post.hear(EmployeeUpdated(employee_id=HIRE, manager_id="B-3"), said_at=NOW - HOUR)
    assert post.state.manager_id == "B-2"
    post.hear(EmployeeUpdated(employee_id=HIRE, manager_id="B-4"))
    assert post.state.manager_id == "B-4", "of two at one time the one that comes later"


def test_an_enrolment_told_late_after_its_withdrawal_is_not_welcomed():
    post = Post()
    post.hear(MentorWithdrawn(mentor_id=HIRE), topic="mentors")
    post.hear(MentorEnrolled(mentor_id=HIRE), topic="mentors", said_at=NOW - HOUR)
    assert post.state.enrolment is None
    post.hear(MentorEnrolled(mentor_id=HIRE), topic="mentors")
    assert post.state.enrolment is not None


def test_an_hr_clock_ahead_of_ours_does_not_outrank_what_is_said_later():
    post = Post()
    post.hear(hired(), said_at=NOW + timedelta(days=30))
    post.hear(hired(start_date=NEW_START), said_at=NOW)
    assert post.state.start_date == NEW_START


def test_an_old_hire_repeated_after_the_person_left_is_no_new_hire():
    post = matched()
    post.hear(EmployeeTerminated(employee_id=HIRE))
    post.hear(hired())
    assert ("welcome", HIRE) not in post.drafts()


def test_a_rehire_during_the_journey_is_a_moved_start_and_after_it_a_new_one():
    post = matched()
    post.hear(EmployeeRehired(employee_id=HIRE, given_name="Ada", start_date=NEW_START))
    assert ("plans_changed", HIRE) in post.drafts()
    post.send_all()
    post.hear(EmployeeRehired(employee_id=HIRE, given_name="Ada", start_date=NEW_START + timedelta(days=91)))
    assert ("welcome", HIRE) in post.drafts()


def test_the_start_date_in_a_snapshot_moves_nothing():
    post = matched()
    post.hear(EmployeeSnapshot(employee_id=HIRE, given_name="Ada", start_date=NEW_START))
    assert not post.planned()


@pytest.mark.parametrize(("days_ago", "drafts"), [(0, 2), (30, 2), (31, 0), (182, 0)])
def test_who_has_been_here_for_a_month_when_we_hear_of_it_is_not_welcomed(days_ago: int, drafts: int):
    post = Post()
    post.hear(hired(start_date=NOW.date() - timedelta(days=days_ago)))
    assert len(post.drafts()) == drafts


@pytest.mark.parametrize(("days_ago", "told"), [(80, True), (182, False)])
def test_a_match_for_somebody_whose_first_weeks_are_long_over_is_no_news(days_ago: int, told: bool):
    post = Post()
    post.hear(hired(start_date=NOW.date() - timedelta(days=days_ago)))
    post.hear(assigned(), topic="matching")
    assert (("mentor_brief", MENTOR) in post.drafts()) is told
    assert (("mentor_introduction", HIRE) in post.drafts()) is told


def test_a_mentor_whom_a_person_chose_is_news_however_long_somebody_is_here():
    post = Post()
    post.hear(hired(start_date=NOW.date() - timedelta(days=182)))
    post.hear(assigned(decided_by=COORDINATOR), topic="matching")
    assert ("mentor_brief", MENTOR) in post.drafts()


def test_coordinators_are_not_told_that_somebody_waits_whose_first_weeks_are_long_over():
    post = Post()
    post.hear(hired(start_date=NOW.date() - timedelta(days=182)))
    post.hear(waitlisted(), topic="matching")
    assert post.drafts() == set()


def test_a_start_date_that_was_a_mistake_and_is_corrected_is_welcomed():
    post = Post()
    post.hear(hired(start_date=date(2025, 1, 13)))
    assert post.drafts() == set()
    post.hear(StartDateChanged(employee_id=HIRE, start_date=START))
    assert ("welcome", HIRE) in post.drafts()
