from datetime import UTC, date, datetime, time, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from services.notifications.entry import Entry
from services.notifications.preferences import Preferences
from services.notifications.timing import KEEPS_ITS_SENSE, URGENT, Hours, Reader, Timing
from shared.calendar import is_working_day, place

WORKING_HOURS = Timing(Hours(time(7), time(20)), per_day=3)
PARIS, BERLIN = "Europe/Paris", "Europe/Berlin"
FRANCE = place("FR")
TUESDAY_NOON = datetime(2027, 1, 12, 12, tzinfo=UTC)


def reader(**more: object) -> Reader:
    return Reader(**({"zone": PARIS, "where": FRANCE} | more))  # type: ignore[arg-type]


def held(now: datetime, template: str = "mentor_brief", timing: Timing = WORKING_HOURS, **more: object) -> tuple[str, str] | None:
    found = timing.hindrance(template, now, reader(**more), now)  # type: ignore[arg-type]
    return found and (found.reason, found.retry_at.isoformat() if found.retry_at else "")


def test_in_working_hours_everything_goes():
    assert held(TUESDAY_NOON) is None


@pytest.mark.parametrize(
    ("now", "reason", "until"),
    [
        (datetime(2027, 1, 12, 20, tzinfo=UTC), "quiet_hours", "2027-01-13T07:00:00+01:00"),  # Tuesday, 21:00 in Paris
        (datetime(2027, 1, 12, 4, tzinfo=UTC), "quiet_hours", "2027-01-12T07:00:00+01:00"),  # 05:00
        (datetime(2027, 1, 12, 19, tzinfo=UTC), "quiet_hours", "2027-01-13T07:00:00+01:00"),  # 20:00 is too late already
        (datetime(2027, 1, 15, 20, tzinfo=UTC), "quiet_hours", "2027-01-18T07:00:00+01:00"),  # Friday evening
        (datetime(2027, 1, 16, 12, tzinfo=UTC), "day_off", "2027-01-18T07:00:00+01:00"),  # Saturday
        (datetime(2027, 7, 14, 12, tzinfo=UTC), "day_off", "2027-07-15T07:00:00+02:00"),  # the national holiday
        (
            datetime(2027, 3, 26, 21, tzinfo=UTC),
            "quiet_hours",
            "2027-03-30T07:00:00+02:00",
        ),  # over Easter and the change of clocks
    ],
)
def test_nights_weekends_and_holidays_are_the_readers_own(now: datetime, reason: str, until: str):
    assert held(now) == (reason, until)


def test_where_the_week_ends_on_friday_sunday_is_a_working_day():
    friday, sunday = datetime(2027, 1, 15, 9, tzinfo=UTC), datetime(2027, 1, 17, 9, tzinfo=UTC)
    riyadh = {"zone": "Asia/Riyadh", "where": place("SA")}
    assert held(friday, **riyadh) == ("day_off", "2027-01-17T07:00:00+03:00")
    assert held(sunday, **riyadh) is None


def test_mail_to_somebodys_home_keeps_the_night_and_not_the_weekend():
    assert held(datetime(2027, 1, 16, 12, tzinfo=UTC), where=None) is None
    assert held(datetime(2027, 1, 16, 23, tzinfo=UTC), where=None) == ("quiet_hours", "2027-01-17T07:00:00+01:00")


@pytest.mark.parametrize("template", sorted(URGENT))
def test_what_is_urgent_goes_at_night_on_a_full_day_and_in_a_pause(template: str):
    away = Preferences(paused_until=date(2027, 2, 1))
    assert held(datetime(2027, 1, 16, 2, tzinfo=UTC), template, preferences=away, sent_today=99) is None


def test_a_full_day_goes_on_the_next_working_morning():
    friday = datetime(2027, 1, 15, 12, tzinfo=UTC)
    assert held(friday, sent_today=2) is None
    assert held(friday, sent_today=3) == ("daily_limit", "2027-01-18T07:00:00+01:00")
    assert held(friday, timing=Timing(WORKING_HOURS.hours, per_day=0), sent_today=99) is None


def test_a_readers_own_quiet_hours_stand_in_the_place_of_the_companys():
    early = Preferences(quiet_from=time(16), quiet_until=time(5, 30))
    assert held(datetime(2027, 1, 12, 5, tzinfo=UTC), preferences=early) is None
    assert held(datetime(2027, 1, 12, 15, tzinfo=UTC), preferences=early) == ("quiet_hours", "2027-01-13T05:30:00+01:00")


def test_whoever_works_at_night_is_written_to_at_night():
    night = Preferences(quiet_from=time(6), quiet_until=time(21))
    assert held(datetime(2027, 1, 12, 23, tzinfo=UTC), preferences=night) is None
    assert held(TUESDAY_NOON, preferences=night) == ("quiet_hours", "2027-01-12T21:00:00+01:00")


def test_own_quiet_hours_hold_also_where_a_company_writes_at_any_time():
    early = Preferences(quiet_from=time(16), quiet_until=time(6))
    assert held(datetime(2027, 1, 16, 2, tzinfo=UTC), timing=Timing()) is None
    assert held(datetime(2027, 1, 12, 16, tzinfo=UTC), timing=Timing(), preferences=early) == (
        "quiet_hours",
        "2027-01-13T06:00:00+01:00",
    )


def test_a_pause_ends_on_the_first_working_morning_from_its_last_day_on():
    away = Preferences(paused_until=date(2027, 1, 16))
    assert held(TUESDAY_NOON, preferences=away) == ("paused", "2027-01-18T07:00:00+01:00")
    assert held(datetime(2027, 1, 18, 9, tzinfo=UTC), preferences=away) is None


def test_what_a_reader_does_without_is_not_sent_and_the_rest_is():
    without = Preferences(declined=frozenset({"surveys"}))
    assert held(TUESDAY_NOON, "survey_invitation", preferences=without) == ("declined", "")
    assert held(TUESDAY_NOON, "milestone_reminder", preferences=without) is None


@pytest.mark.parametrize("template", sorted(KEEPS_ITS_SENSE))
def test_after_a_long_downtime_what_is_stale_is_dropped(template: str):
    now, keeps = TUESDAY_NOON, KEEPS_ITS_SENSE[template]  # type: ignore[index]
    assert WORKING_HOURS.hindrance(template, now - keeps, reader(), now) is None  # type: ignore[arg-type]
    found = WORKING_HOURS.hindrance(template, now - keeps - timedelta(seconds=1), reader(), now)  # type: ignore[arg-type]
    assert found is not None
    assert (found.reason, found.retry_at) == ("outdated", None)


def test_an_introduction_never_grows_stale():
    assert WORKING_HOURS.hindrance("mentor_introduction", TUESDAY_NOON - timedelta(days=90), reader(), TUESDAY_NOON) is None


CLOCKS = st.times().map(lambda at: at.replace(second=0, microsecond=0))


@given(
    now=st.datetimes(datetime(2026, 1, 1), datetime(2028, 1, 1)),  # noqa: DTZ001 - given a zone below
    hours=st.tuples(CLOCKS, CLOCKS).filter(lambda pair: pair[0] != pair[1]),
    zone=st.sampled_from(["Europe/Paris", "America/New_York", "Asia/Kathmandu", "Pacific/Auckland", "Pacific/Apia", "UTC"]),
    country=st.sampled_from(["FR", "US", "SA", "IN", "NZ", "JP", ""]),
    sent=st.integers(0, 5),
    paused=st.none() | st.dates(date(2026, 1, 1), date(2027, 12, 31)),
)
def test_whatever_waits_goes_when_its_wait_is_over(now, hours, zone, country, sent, paused):
    """No message waits for a moment at which it has to wait again, unless the day there is full."""
    now = now.replace(tzinfo=UTC)
    timing = Timing(Hours(*hours), per_day=3)
    someone = Reader(zone, place(country), Preferences(paused_until=paused), sent)
    found = timing.hindrance("mentor_brief", now, someone, now)
    if found is None:
        return
    assert found.retry_at is not None
    assert found.retry_at > now
    assert is_working_day(found.retry_at.date(), place(country))
    then = Reader(zone, place(country), Preferences(paused_until=paused))
    again = timing.hindrance("mentor_brief", now, then, found.retry_at.astimezone(UTC))
    assert again is None or found.retry_at.time() != hours[0]  # a clock that was put forward skips some openings


@pytest.mark.parametrize("text", ["7-20", "07:00", "night", "25:00-26:00", "08:00-08:00", ""])
def test_hours_that_cannot_be_are_refused_by_the_name_of_their_setting(text: str):
    with pytest.raises(ValueError, match="FIRSTMATE_MAIL_HOURS"):
        Hours.read(text)


def test_hours_are_read():
    assert Hours.read("07:00-20:00") == Hours(time(7), time(20))
    assert Hours.read("always") is None


@pytest.mark.parametrize(
    "hours", [{"quiet_from": "18:00"}, {"quiet_until": "08:00"}, {"quiet_from": "08:00", "quiet_until": "08:00"}]
)
def test_quiet_hours_need_two_ends_that_differ(hours: dict[str, str]):
    with pytest.raises(ValidationError, match="quiet"):
        Preferences.model_validate(hours)


def test_waiting_for_ones_hour_is_no_failed_attempt():
    def step(state: str, hour: int, reason: str | None = None) -> dict[str, object]:
        return {"state": state, "at": datetime(2027, 1, 15, hour, tzinfo=UTC), "reason": reason}

    steps = [
        step("planned", 1),
        step("sending", 2),
        step("due", 2, "quiet_hours"),
        step("sending", 5),
        step("rendered", 5),
        step("due", 5, "domain_rate"),
        step("sending", 7),
        step("rendered", 7, "written_in_en"),
        step("due", 7, "smtp_451"),
    ]
    fields = {"_id": "1", "employee_id": "E-1", "template": "welcome", "recipient_id": "E-1", "recipient_role": "hire"}
    moments = {"due_at": TUESDAY_NOON, "planned_at": TUESDAY_NOON}
    entry = Entry.model_validate(fields | moments | {"channel": "email", "state": "due", "transitions": steps})
    assert entry.first_tried_at == datetime(2027, 1, 15, 7, tzinfo=UTC)
