"""What the forecast starts from: which places count, when they open, and whose hires are whose."""

from datetime import UTC, date, datetime, timedelta

from services.matching.reports.forecast import JOURNEY_DAYS
from services.matching.reports.hiring import RecentHire
from services.matching.reports.supply import FEWEST_WEEKS, MOST_WEEKS, MentorNow, supplies, weeks_of

TODAY = date(2027, 1, 11)
NOON = datetime(2027, 1, 11, 12, tzinfo=UTC)


def starting(days_ago):
    return TODAY - timedelta(days=days_ago)


def only(*mentors, hires=(), waiting=None, weeks=4):
    found = supplies(mentors, hires, waiting or {}, weeks, TODAY)
    (supply,) = found.supplies
    return supply, found


def opens(supply):
    return {day: places for day, places in enumerate(supply.opening, 1) if places}


def test_a_place_opens_when_the_mentees_journey_ends():
    supply, found = only(MentorNow("Support", 3, True, starts=(starting(80), starting(-10))))
    assert (supply.places, supply.free, found.overdue) == (3, 1, 0)
    assert opens(supply) == {JOURNEY_DAYS - 80: 1}, "who starts in ten days ends beyond the horizon"


def test_nobody_counts_on_a_place_whose_journey_should_have_ended_or_has_no_date():
    supply, found = only(MentorNow("Support", 2, True, starts=(starting(100), None)))
    assert (supply.free, opens(supply), found.overdue) == (0, {}, 1)


def test_of_more_mentees_than_places_the_first_to_end_frees_none():
    supply, _ = only(MentorNow("Support", 1, True, starts=(starting(80), starting(70))))
    assert (supply.free, opens(supply)) == (0, {20: 1})


def test_a_mentor_on_leave_brings_their_places_when_they_are_back():
    supply, _ = only(MentorNow("Support", 3, True, back=TODAY + timedelta(days=30), starts=(starting(80),)))
    assert (supply.places, supply.free, opens(supply)) == (0, 0, {30: 3})


def test_a_leave_that_is_over_keeps_nobody_away():
    supply, _ = only(MentorNow("Support", 3, True, back=TODAY))
    assert (supply.free, opens(supply)) == (3, {})


def test_who_may_take_nobody_on_brings_no_places():
    assert supplies([MentorNow("Support", 3, False, starts=(starting(80),))], [], {}, 4, TODAY).supplies == []


def test_hires_count_by_week_with_their_mentors_department_or_their_own_while_they_wait():
    hires = [
        RecentHire("today", NOON, waiting=False, waited=False, mentor_id="M", department="Sales", mentor_department="Support"),
        RecentHire("last week", NOON - timedelta(days=7), waiting=True, waited=True, department="Support"),
        RecentHire("too long ago", NOON - timedelta(days=28), waiting=True, waited=True, department="Support"),
        RecentHire("gone", NOON, waiting=False, waited=False, department="Support"),
    ]
    supply, _ = only(hires=hires, waiting={"Support": 2})
    assert (supply.weekly, supply.waiting) == ((0, 0, 1, 1), 2)


def test_a_young_installation_looks_at_a_month_and_an_old_one_at_a_quarter():
    assert weeks_of(None, TODAY) == weeks_of(TODAY, TODAY) == FEWEST_WEEKS
    assert weeks_of(TODAY - timedelta(days=49), TODAY) == 8
    assert weeks_of(TODAY - timedelta(days=4000), TODAY) == MOST_WEEKS
