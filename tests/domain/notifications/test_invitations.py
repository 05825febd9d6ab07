"""Invitations to meetings: who is invited when, what changes a calendar hears, and that other programs read the files."""

from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
import vobject
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel

from services.notifications.correspondence import Letter
from services.notifications.invitations import AHEAD, HOURS, Attendee, Invitation, calendar_of, feed_of, start_of
from shared.events.hr import EmployeeTerminated, HireRescinded
from shared.events.onboarding import (
    JourneyEnded,
    JourneyPaused,
    JourneyRescheduled,
    JourneyResumed,
    MilestoneCompleted,
    MilestoneMoved,
    MilestoneWaived,
)
from tests.domain.notifications.correspondence import HIRE, MENTOR, NOW, OTHER_MENTOR, START, Post, assigned, hired, released
from tests.domain.notifications.test_what_is_asked import begun, morning

INVITATION, CANCELLED = "meeting_invitation", "meeting_cancelled"
SECOND = START + timedelta(days=11)


def paired() -> Post:
    post = Post()
    post.hear(hired())
    post.hear(begun(), topic="onboarding")
    post.hear(assigned(), topic="matching")
    return post


def planned(post: Post, template: str = INVITATION) -> list[Letter]:
    return [letter for letter in post.planned() if letter.template == template]


def send(post: Post, template: str = INVITATION) -> None:
    for letter in planned(post, template):
        post.take(letter)
        post.record()


def invited() -> Post:
    """Both calendars know of the first meeting; the second is planned."""
    post = paired()
    send(post)
    return post


def moved(**due: date) -> JourneyRescheduled:
    return JourneyRescheduled(employee_id=HIRE, start_date=START, due=due)


def test_both_are_invited_to_the_next_meeting_a_week_ahead_and_then_to_the_one_after():
    post = paired()
    assert {(letter.recipient_id, letter.role, letter.due_at) for letter in planned(post)} == {
        (HIRE, "hire", morning(START - AHEAD)),
        (MENTOR, "mentor", morning(START - AHEAD)),
    }
    send(post)
    assert {letter.due_at for letter in planned(post)} == {morning(date(2027, 1, 15))}  # a week ahead of the 22nd


def test_a_meeting_that_is_near_is_told_at_once():
    post = Post()
    post.hear(hired(start_date=NOW.date() + timedelta(days=3)))
    meeting = begun().milestones[0].model_copy(update={"due": NOW.date() + timedelta(days=3)})
    post.hear(begun(meeting), topic="onboarding")
    post.hear(assigned(), topic="matching")
    assert {letter.due_at for letter in planned(post)} == {NOW}


def test_a_meeting_moved_before_anybody_knew_of_it_gives_one_invitation_for_the_new_day():
    post = paired()
    post.hear(moved(first_mentor_meeting=date(2027, 1, 13)), topic="onboarding")
    assert {letter.due_at for letter in planned(post)} == {morning(date(2027, 1, 6))}
    assert planned(post, CANCELLED) == []


def test_a_meeting_that_moves_is_told_at_once_to_whoever_knew_of_it_with_a_higher_sequence():
    post = invited()
    post.hear(moved(first_mentor_meeting=date(2027, 1, 13)), topic="onboarding")
    updates = [letter for letter in planned(post) if letter.due_at == NOW]
    assert {letter.recipient_id for letter in updates} == {HIRE, MENTOR}
    send(post)
    post.hear(moved(first_mentor_meeting=START), topic="onboarding")  # and back again: their calendars must hear that too
    assert len([letter for letter in planned(post) if letter.due_at == NOW]) == 2
    assert post.state is not None
    assert {invite.sequence for invite in post.state.invites.values() if invite.number == 1} == {2}


@pytest.mark.parametrize(
    "fact",
    [
        JourneyPaused(employee_id=HIRE, since=NOW.date(), paused_by="B-1"),
        JourneyEnded(employee_id=HIRE, outcome="left"),
        MilestoneWaived(employee_id=HIRE, milestone_id="first_mentor_meeting", waived_by="B-1"),
        MilestoneCompleted(
            employee_id=HIRE, milestone_id="first_mentor_meeting", completed_at=NOW, completed_by=HIRE, cause="meeting_held"
        ),
    ],
    ids=lambda fact: type(fact).__name__,
)
def test_a_meeting_that_is_off_is_cancelled_in_both_calendars_once(fact: BaseModel):
    post = invited()
    post.hear(fact, topic="onboarding")
    assert {letter.recipient_id for letter in planned(post, CANCELLED)} == {HIRE, MENTOR}
    send(post, CANCELLED)
    post.hear(fact, topic="onboarding")
    assert planned(post, CANCELLED) == []


@pytest.mark.parametrize(("away", "off"), [(0, False), (1, False), (2, True)])
def test_a_meeting_that_was_held_on_its_day_is_not_called_off(away: int, off: bool):
    post = invited()
    post.hear(moved(first_mentor_meeting=NOW.date() + timedelta(days=away)), topic="onboarding")
    send(post)
    met = {"milestone_id": "first_mentor_meeting", "completed_at": NOW, "completed_by": HIRE, "cause": "meeting_held"}
    post.hear(MilestoneCompleted(employee_id=HIRE, **met), topic="onboarding")
    assert bool(planned(post, CANCELLED)) == off  # tomorrow's may be today's where the hire is


def test_a_meeting_that_is_not_needed_is_called_off_on_its_day_too():
    post = invited()
    post.hear(moved(first_mentor_meeting=NOW.date()), topic="onboarding")
    send(post)
    post.hear(MilestoneWaived(employee_id=HIRE, milestone_id="first_mentor_meeting", waived_by="B-1"), topic="onboarding")
    assert planned(post, CANCELLED)


def test_what_lies_beyond_a_last_day_ahead_is_off_for_both_and_what_comes_before_it_stays():
    post = invited()
    post.hear(EmployeeTerminated(employee_id=HIRE, last_day=date(2026, 12, 1)))
    assert {letter.recipient_id for letter in planned(post, CANCELLED)} == {MENTOR, HIRE}
    post = invited()
    post.hear(EmployeeTerminated(employee_id=HIRE, last_day=date(2027, 12, 1)))
    assert not planned(post, CANCELLED)


@pytest.mark.parametrize(
    "fact",
    [HireRescinded(employee_id=HIRE), EmployeeTerminated(employee_id=HIRE)],
    ids=lambda fact: fact.TYPE,
)
def test_the_mentor_of_who_does_not_come_or_stay_is_free_again(fact: BaseModel):
    post = invited()
    post.hear(fact)
    assert {letter.recipient_id for letter in planned(post, CANCELLED)} == {MENTOR}
    assert planned(post) == []


def test_another_mentor_gets_meetings_of_their_own_and_the_former_ones_are_cancelled():
    post = invited()
    post.hear(released("coordinator"), topic="matching")
    post.hear(assigned(OTHER_MENTOR), topic="matching")
    assert {letter.recipient_id for letter in planned(post, CANCELLED)} == {HIRE, MENTOR}
    assert {letter.recipient_id for letter in planned(post)} == {HIRE, OTHER_MENTOR}


def test_who_never_heard_of_a_meeting_hears_nothing_of_its_end():
    post = paired()
    post.hear(HireRescinded(employee_id=HIRE))
    assert planned(post, CANCELLED) == planned(post) == []


def test_mentors_whose_ids_begin_alike_are_told_apart():
    post = Post()
    post.hear(hired())
    post.hear(begun(), topic="onboarding")
    post.hear(assigned(f"{MENTOR}-2"), topic="matching")
    send(post)
    post.hear(released("coordinator", f"{MENTOR}-2"), topic="matching")
    post.hear(assigned(MENTOR), topic="matching")
    assert {letter.due_at for letter in planned(post) if letter.recipient_id == HIRE} == {morning(START - AHEAD)}
    assert {letter.recipient_id for letter in planned(post, CANCELLED)} == {HIRE, f"{MENTOR}-2"}


def test_after_a_pause_the_meetings_come_back_with_a_higher_sequence():
    post = invited()
    post.hear(JourneyPaused(employee_id=HIRE, since=NOW.date(), paused_by="B-1"), topic="onboarding")
    send(post, CANCELLED)
    later = date(2027, 6, 14)
    resumed = JourneyResumed(employee_id=HIRE, back_on=date(2027, 6, 7), due={"first_mentor_meeting": later}, resumed_by="B-1")
    post.hear(resumed, topic="onboarding")
    assert post.state is not None
    (invite,) = (invite for invite in post.state.invites.values() if invite.number == 1)
    assert (invite.status, invite.day, invite.sequence) == ("on", later, 2)


def test_a_moved_milestone_moves_its_meeting():
    post = invited()
    day = date(2027, 1, 14)
    post.hear(MilestoneMoved(employee_id=HIRE, milestone_id="first_mentor_meeting", due=day, moved_by="B-1"), topic="onboarding")
    assert len([letter for letter in planned(post) if letter.due_at == NOW]) == 2


ZONES = st.sampled_from(
    ["Europe/Paris", "America/New_York", "Asia/Kolkata", "Asia/Kathmandu", "Pacific/Auckland", "America/Sao_Paulo"]
)


@given(ZONES, ZONES, st.dates(date(2026, 1, 1), date(2030, 1, 1)), st.text())
def test_the_hour_is_one_of_the_hires_working_day_and_of_the_mentors_where_there_is_one(hire, mentor, day, key):
    start = start_of(day, hire, mentor, key)
    assert start.date() == day
    assert start.hour in HOURS
    assert start == start_of(day, hire, mentor, key)
    if (hire, mentor) == ("Europe/Paris", "America/New_York"):
        assert start.hour in (14, 15, 16)  # five hours apart while one of them has not changed its clocks yet


def test_several_mentees_of_one_day_are_spread_over_the_hours():
    hours = {start_of(START, "Europe/Paris", "Europe/Paris", f"E-{number}").hour for number in range(40)}
    assert hours == set(HOURS)


def invitation(**more: Any) -> Invitation:
    start = start_of(START, "Europe/Paris", "America/New_York", "k")
    two = [Attendee('Ada, Okafor; "A"', "ada@home.example"), Attendee("Noémie\\n", "noemie@acme.example")]
    usual = {
        "key": "E-1/1/first/M-1",
        "sequence": 3,
        "method": "REQUEST",
        "start": start,
        "title": "Ada & Noémie; a, b",
        "words": "https://x.example/me",
    }
    return Invitation(**(usual | {"attendees": two} | more))


def test_another_library_reads_back_what_was_written():
    written = calendar_of(invitation(), "welcome@acme.example", "acme.example", NOW)
    assert max(map(len, written.split(b"\r\n"))) <= 75
    read = vobject.readOne(written.decode())
    event = read.vevent
    assert (read.method.value, event.status.value, int(event.sequence.value)) == ("REQUEST", "CONFIRMED", 3)
    assert event.dtstart.value.astimezone(UTC) == invitation().start.astimezone(UTC)
    assert event.dtend.value - event.dtstart.value == timedelta(minutes=30)
    assert b"DTSTART;TZID=Europe/Paris:20270111T" in written
    assert read.vtimezone.tzid.value == "Europe/Paris"
    assert event.summary.value == "Ada & Noémie; a, b"
    assert event.organizer.value == "mailto:welcome@acme.example"
    assert [attendee.value for attendee in event.attendee_list] == ["mailto:ada@home.example", "mailto:noemie@acme.example"]
    assert event.uid.value.endswith("@acme.example")


def test_the_time_zone_that_is_sent_along_agrees_over_a_change_of_clocks():
    for month in (1, 3, 4, 7, 10, 11):
        start = datetime(2027, month, 29, 10, tzinfo=invitation().start.tzinfo)
        event = vobject.readOne(calendar_of(invitation(start=start), "a@b.example", "b.example", NOW).decode()).vevent
        assert event.dtstart.value.utcoffset() == start.utcoffset()


def test_all_changes_of_one_meeting_have_one_uid_and_other_meetings_another():
    def uid(**more: Any) -> str:
        return str(vobject.readOne(calendar_of(invitation(**more), "a@b.example", "b.example", NOW).decode()).vevent.uid.value)

    assert uid() == uid(sequence=9, method="CANCEL", start=invitation().start + timedelta(days=3))
    assert uid() != uid(key="E-1/1/first/M-2")


def test_a_cancellation_says_so_to_calendars():
    read = vobject.readOne(calendar_of(invitation(method="CANCEL"), "a@b.example", "b.example", NOW).decode())
    assert (read.method.value, read.vevent.status.value) == ("CANCEL", "CANCELLED")


def test_a_feed_holds_the_same_events_and_is_whole_when_empty():
    read = vobject.readOne(feed_of([invitation(attendees=[]), invitation(key="2", attendees=[])], "b.example", NOW).decode())
    assert read.method.value == "PUBLISH"
    assert len({event.uid.value for event in read.vevent_list}) == 2
    assert b"BEGIN:VCALENDAR" in feed_of([], "b.example", NOW)
