"""What pages say of a row, a journey and a timeline: each state in its words. Pure."""

from datetime import UTC, date, datetime, timedelta

import pytest

from services.onboarding.board_view import BoardView
from services.onboarding.cards import card_of, note_of, start_of, waiting_words
from services.onboarding.evolution import evolve
from services.onboarding.happenings import happenings, messages_in, people_in
from services.onboarding.journey import Journey
from services.onboarding.person_pages import grade, ratings_in, reasons_of
from services.onboarding.programme import Person
from services.onboarding.programme_files import read_programmes
from services.onboarding.projections.board import Assignment, Board, Mail
from services.onboarding.projections.timeline import Entry
from services.onboarding.store import BoardRow
from services.onboarding.views import surveys_to_answer, tasks_of, title_of
from shared.events import new_event
from shared.events.mentoring import Contribution, HireWaitlisted, MentorAssigned, MentorReleased
from shared.events.notifications import MessageFailed, MessageSent, MessageSuppressed
from shared.events.onboarding import (
    JourneyEnded,
    JourneyRescheduled,
    JourneyStarted,
    ManagerChanged,
    MeetingHeld,
    MilestoneCompleted,
    MilestoneEscalated,
    MilestoneLate,
    MilestoneReminded,
    MilestoneWaived,
    SurveyAnswered,
)
from shared.refusals import Refused
from tests.domain.onboarding.history import board_of, timeline_of

ADA, BOSS, MENTOR = "E-101", "E-2", "E-10"
START = date(2027, 1, 11)
NOW = datetime(2027, 1, 20, 12, tzinfo=UTC)
PROGRAMME = read_programmes().choose(Person())
NAMES = {ADA: "Ada Okafor", BOSS: "Lin Lead", MENTOR: "Mina Mentor"}
PEOPLE = {id: {"_id": id, "display_name": name} for id, name in NAMES.items()}


def started(start=START):
    plan = PROGRAMME.plan(start, Person())
    pinned = {"programme": PROGRAMME.id, "programme_version": PROGRAMME.version}
    return JourneyStarted(employee_id=ADA, start_date=start, manager_id=BOSS, milestones=plan, **pinned)


def events(*facts):
    """The facts as events, each a minute after the one before."""
    source = {"mentoring": "matching", "notifications": "notifications", "onboarding": "onboarding"}
    return [
        new_event(
            fact,
            source=f"/firstmate/{source[fact.TOPIC.split('.')[0]]}",
            id=str(number),
            time=NOW - timedelta(days=20) + timedelta(minutes=number),
            sequence=number,
        )
        for number, fact in enumerate(facts, 1)
    ]


def board(*facts):
    return board_of(events(*facts))


def card(*facts, now=NOW):
    return card_of(BoardRow(board(*facts), PEOPLE), PROGRAMME, now)


def journey(*facts):
    state = Journey(employee_id=ADA)
    for fact in facts:
        state = evolve(state, fact, NOW - timedelta(days=20))
    return state


def timeline(*facts):
    return timeline_of(events(*facts)).entries


OF_THE_MANAGER = {"employee_id": ADA, "owner": "manager", "due": START}


def late(id):
    return MilestoneLate(employee_id=ADA, milestone_id=id, due=START)


def done(id, by=BOSS):
    return MilestoneCompleted(employee_id=ADA, milestone_id=id, completed_at=NOW, completed_by=by, cause="person")


def assigned(by="policy"):
    return MentorAssigned(employee_id=ADA, mentor_id=MENTOR, score=0, decided_by=by, policy_version="1")


def message(kind, template="welcome", to=ADA, role="hire", **more):
    id = f"{template}/{to}"
    return kind(employee_id=ADA, message_id=id, template=template, recipient_id=to, recipient_role=role, channel="email", **more)


# -- cards --------------------------------------------------------------------------------------------------------


def test_a_card_of_somebody_on_track():
    shown = card(started(), assigned(), message(MessageSent), done("welcome_sent", "system"))
    assert (shown.section, shown.tone, shown.flags) == ("track", "", [])
    assert (shown.name, shown.mentor, shown.mail.words) == ("Ada Okafor", "Mina Mentor", "Sent")
    assert (shown.start.words, shown.start.day) == ("Day 9", "Mon 11 Jan")
    assert (shown.done, shown.late) == (1, 0)
    assert shown.order == f"2027-01-11 {ADA}"


def test_a_card_names_what_is_late_and_counts_what_is_too_much():
    shown = card(started(), late("access_ready"))
    assert (shown.section, shown.tone, shown.late) == ("attention", "late", 1)
    assert shown.flags[0].words == "Accounts and access ready, due 9 days ago"
    many = card(started(), *(late(id) for id in ("access_ready", "first_mentor_meeting", "manager_one_to_one", "pulse_7")))
    assert len(many.flags) == 4
    assert many.flags[-1].words == "1 more late"


def test_a_card_says_when_the_next_milestone_was_due():
    shown = card(started())
    assert shown.next.when.startswith("due ")
    assert card(started(date(2027, 2, 1))).next.when == "in 5 days"


@pytest.mark.parametrize(
    ("assignment", "said"),
    [
        (Assignment(status="waitlisted"), "Waiting for a mentor: nobody mentors yet"),
        (
            Assignment(status="waitlisted", ruled_out={"not_trained": 3, "capacity": 1}),
            "Waiting for a mentor: every suitable mentor is full",
        ),
        (
            Assignment(status="waitlisted", ruled_out={"not_trained": 1, "no_shared_language": 9, "capacity": 0}),
            "Waiting for a mentor: no mentor shares a language with them",
        ),
        (Assignment(status="waitlisted", ruled_out={"new_rule": 2}), "Waiting for a mentor: new rule"),
        (Assignment(status="released", cause="mentor_left"), "Looking for another mentor: mentor left"),
    ],
)
def test_why_there_is_no_mentor(assignment, said):
    assert waiting_words(assignment) == said


@pytest.mark.parametrize(
    ("message_fact", "mail", "flag"),
    [
        (message(MessageFailed, reason="smtp_550"), "Failed", "Welcome mail failed: smtp 550"),
        (message(MessageSuppressed, reason="no_address"), "Not sent", "Welcome mail not sent: no address"),
    ],
)
def test_what_became_of_the_welcome(message_fact, mail, flag):
    shown = card(started(), message_fact)
    assert shown.mail.words == mail
    assert [each.words for each in shown.flags] == [flag]


def test_a_journey_that_is_over_says_so_and_needs_nobody():
    left = card(started(), late("access_ready"), JourneyEnded(employee_id=ADA, outcome="left"))
    assert (left.section, left.start.words, left.no_next, left.flags, left.late) == ("left", "Left", "Left", [], 0)


FIRST_DAYS = {
    -28: "In 4 weeks",
    -20: "In 2 weeks",
    -13: "In 13 days",
    -1: "Tomorrow",
    0: "Starts today",
    1: "Day 1",
    90: "Day 90",
}


@pytest.mark.parametrize(("days", "words"), list(FIRST_DAYS.items()))
def test_how_far_the_first_day_is(days, words):
    assert start_of("active", START, START + timedelta(days=days)).words == words


def test_days_are_counted_where_the_hire_works():
    row = BoardRow(board(started(date(2027, 1, 21))), PEOPLE | {ADA: {"_id": ADA, "time_zone": "Pacific/Auckland"}})
    assert card_of(row, PROGRAMME, NOW).start.words == "Starts today"  # 1 a.m. there


def test_an_unknown_programme_leaves_milestones_with_their_ids():
    assert title_of(None, "access_ready") == "Access ready"
    assert title_of(PROGRAMME, "not_in_it") == "Not in it"


@pytest.mark.parametrize(
    ("person", "note"),
    [
        ({}, ""),
        ({"title": "Analyst", "department": "Finance", "location": "Lyon, FR"}, "Analyst, Finance · Lyon"),
        ({"department": "Finance", "work_arrangement": "remote"}, "Finance · remote"),
        ({"location": "New York, US-NY", "work_arrangement": "hybrid"}, "New York"),
        ({"location": "FR"}, "FR"),
    ],
)
def test_a_person_in_one_line_of_what_is_known(person, note):
    assert note_of(person) == note


def test_a_view_holds_rows_of_its_sections_and_words_in_any_order():
    row = BoardRow(board(started()), {ADA: {"_id": ADA, "given_name": "Ada", "family_name": "Okafor"}})
    assert BoardView().holds(row)
    assert BoardView(q="oka ad").holds(row)
    assert not BoardView(q="oka bo").holds(row)
    assert not BoardView(show="attention").holds(row)
    assert BoardView("attention", "a b").address("/board", after="x") == "/board?show=attention&q=a+b&after=x"
    assert BoardView(facets=("late::small", "late:mentor")).address("/board") == "/board?facet=late::small&facet=late:mentor"
    late = BoardRow(row.board.model_copy(update={"facets": ["late:mentor", "late:mentor:small"]}), row.people)
    assert BoardView(facets=("late:hire", "late:mentor")).holds(late)
    assert not BoardView(facets=("late:hire",)).holds(late)


# -- a journey's tasks --------------------------------------------------------------------------------------------


def test_tasks_stand_where_people_need_them():
    state = journey(started(), done("access_ready"), late("manager_one_to_one"))
    tasks = tasks_of(state, PROGRAMME, lambda owner: owner == "manager", NAMES, NOW.date())
    assert [task.id for task in tasks.late] == ["manager_one_to_one"]
    assert [task.id for task in tasks.settled] == ["access_ready"]
    assert tasks.settled[0].due == "Done Wed 20 Jan by Lin Lead"
    assert len(tasks.soon) >= 3
    assert {task.id for task in (*tasks.late, *tasks.soon, *tasks.later, *tasks.settled)} == state.milestones.keys()


def test_a_button_is_offered_where_a_word_is_enough_and_the_viewers_counts():
    tasks = tasks_of(journey(started()), PROGRAMME, lambda owner: owner == "manager", NAMES, NOW.date())
    offered = {task.id for task in (*tasks.soon, *tasks.later) if task.may_complete}
    assert "access_ready" in offered
    assert all(PROGRAMME.by_id[id].owner == "manager" and PROGRAMME.by_id[id].completed_by.event == "person" for id in offered)
    over = journey(started(), JourneyEnded(employee_id=ADA, outcome="left"))
    after = tasks_of(over, PROGRAMME, lambda owner: True, NAMES, NOW.date())
    assert not any(task.may_complete for task in (*after.late, *after.soon, *after.later))


def test_what_is_waived_is_not_needed_and_says_whose_word_it_was():
    state = journey(started(), MilestoneWaived(employee_id=ADA, milestone_id="pulse_7", waived_by="operator"))
    (task,) = tasks_of(state, PROGRAMME, lambda owner: True, NAMES, NOW.date()).settled
    assert (task.state, task.may_complete) == ("off", False)
    assert task.due == "Not needed Thu 31 Dec by the operator"


def test_surveys_are_asked_from_their_day_on_until_they_are_answered():
    assert [form.id for form in surveys_to_answer(journey(started()), PROGRAMME, START)] == []
    (form,) = surveys_to_answer(journey(started()), PROGRAMME, NOW.date())
    assert (form.id, form.questions[0].text, form.comment) == (
        "pulse_7",
        "How was your first week?",
        "What would have made it better?",
    )
    answered = journey(started(), SurveyAnswered(employee_id=ADA, survey_id="pulse_7", ratings={"satisfaction": 4}))
    assert surveys_to_answer(answered, PROGRAMME, NOW.date()) == []
    waived = MilestoneWaived(employee_id=ADA, milestone_id=form.milestone_id, waived_by=BOSS)
    assert surveys_to_answer(journey(started(), waived), PROGRAMME, NOW.date()) == []


def test_ratings_are_read_from_a_form_by_question():
    assert ratings_in({"rating.satisfaction": "4", "comment": "x"}) == {"satisfaction": 4}
    for wrong in ("0", "6", "4.5", "", "good"):
        with pytest.raises(Refused):
            ratings_in({"rating.satisfaction": wrong})


def test_reasons_are_the_criteria_that_added_most_in_words():
    parts = [("site", 600, 0), ("role", 2600, 10_000), ("skills", 900, 5_000), ("new_one", 1, 1)]
    contributions = [Contribution(criterion=name, weight=1, points=points, value=value) for name, points, value in parts]
    found = reasons_of(Assignment(contributions=contributions))
    assert [(reason.label, reason.words) for reason in found] == [
        ("Same kind of work", "Full"),
        ("Shared skills", "Some"),
        ("Site and arrangement", "None"),
        ("New one", "Little"),
    ]
    assert [grade(value) for value in (10_000, 7_000, 4_000, 100, 0)] == ["Full", "Strong", "Some", "Little", "None"]


# -- timelines ----------------------------------------------------------------------------------------------------


def test_a_timeline_says_what_happened_and_who_did_it_newest_first():
    entries = timeline(
        started(),
        HireWaitlisted(employee_id=ADA, policy_version="1"),
        assigned(),
        MentorReleased(employee_id=ADA, mentor_id=MENTOR, cause="mentor_paused"),
        assigned(by=BOSS),
        JourneyRescheduled(employee_id=ADA, start_date=date(2027, 1, 18), due={}),
        ManagerChanged(employee_id=ADA, manager_id=BOSS),
        ManagerChanged(employee_id=ADA),
        MilestoneReminded(milestone_id="access_ready", reminded_on=date(2027, 1, 8), **OF_THE_MANAGER),
        late("access_ready"),
        MilestoneEscalated(milestone_id="access_ready", escalated_on=date(2027, 1, 13), to="coordinator", **OF_THE_MANAGER),
        done("access_ready"),
        done("welcome_sent", "system"),
        MilestoneWaived(employee_id=ADA, milestone_id="pulse_7", waived_by="operator"),
        MeetingHeld(employee_id=ADA, meeting_id="1", mentor_id=MENTOR, held_on=START, minutes=30, reported_by=MENTOR),
        SurveyAnswered(employee_id=ADA, survey_id="pulse_14", ratings={"satisfaction": 4}),
        JourneyEnded(employee_id=ADA, outcome="completed"),
    )
    lines = happenings(entries, PROGRAMME, NAMES, "Europe/Paris")
    assert [line.words for line in reversed(lines)] == [
        "Journey began: The first ninety days",
        "On the waitlist for a mentor",
        "Mina Mentor became the mentor",
        "Mina Mentor is no longer the mentor: mentor paused",
        "Mina Mentor became the mentor by Lin Lead",
        "The first day is now Mon, 18 Jan 2027",
        "Lin Lead became the manager",
        "No manager any more",
        "Accounts and access ready: reminder for the manager, due Mon, 11 Jan 2027",
        "Accounts and access ready: late",
        "Accounts and access ready: still open, so the coordinator hears of it; it stays with the manager",
        "Accounts and access ready: done by Lin Lead",
        "Welcome message sent: done",
        "One question after a week: not needed, said by the operator",
        "Met Mina Mentor for 30 minutes on Mon, 11 Jan 2027, logged by Mina Mentor",
        "Answered: Two weeks in",
        "Journey finished",
    ]
    assert lines[-1].when == "31 Dec 2026, 13:01"
    assert [line.kind for line in lines if "late" in line.words] == ["late"]


def test_messages_have_their_own_list_in_their_newest_state():
    entries = timeline(
        message(MessageFailed, reason="smtp_450"),
        message(MessageSent),
        message(MessageSuppressed, template="mentor_brief", to=MENTOR, role="mentor", reason="withdrawn"),
        message(MessageSent, template="manager_notice", to="E-404", role="manager"),
    )
    assert happenings(entries, PROGRAMME, NAMES, None) == []
    assert [(line.words, line.state.words) for line in messages_in(entries, NAMES)] == [
        ("Manager notice, to E-404", "Sent"),
        ("Mentor brief, to Mina Mentor", "Not sent: withdrawn"),
        ("Welcome, to Ada Okafor", "Sent"),
    ]
    assert people_in(entries) == {ADA, MENTOR, "E-404"}


def test_a_timeline_of_another_programme_or_kind_is_still_told():
    entries = timeline(started(), late("from_long_ago"))
    assert [line.words for line in happenings(entries, None, {}, None)] == ["From long ago: late", "Journey began: default"]
    unknown = Entry(at=NOW, topic="x", sequence=1, kind="something_new")
    assert happenings([unknown], PROGRAMME, {}, None) == []


def test_a_row_without_a_journey_has_no_start():
    row = Board(employee_id=ADA, mail=Mail(), updated_at=NOW)
    assert card_of(BoardRow(row, {}), None, NOW).start.words == "Not known"
