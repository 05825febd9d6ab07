"""Working days where people work."""

from datetime import date, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.calendar import (
    Place,
    is_working_day,
    next_working_day,
    place,
    previous_working_day,
    shift_working_days,
)

PLACES = [place(code) for code in ("FR", "DE-BY", "US-CA", "SA", "IL", "AE", "JP", "BR", None)]
days = st.dates(date(2020, 1, 1), date(2035, 12, 31))


@pytest.mark.parametrize(
    ("location", "country", "subdivision"),
    [
        ("FR", "FR", None),
        ("DE-BY", "DE", "BY"),
        ("de-by", "DE", "BY"),
        ("US-CA", "US", "CA"),
        ("Munich, DE-BY", "DE", "BY"),
        ("Lyon, France", "FR", None),
        ("germany", "DE", None),
    ],
)
def test_a_location_is_read_as_code_or_country_name(location: str, country: str, subdivision: str | None) -> None:
    assert place(location) == Place(country, subdivision)


@pytest.mark.parametrize("location", ["Atlantis", "XX", "Floor 3", "", None, "FR-"])
def test_an_unknown_location_works_monday_to_friday_and_says_so(location: str | None) -> None:
    where = place(location)
    assert not where.known
    assert "Monday to Friday" in (where.note or "")
    assert is_working_day(date(2026, 12, 25), where)
    assert not is_working_day(date(2026, 12, 26), where)


def test_an_unknown_subdivision_falls_back_to_national_holidays_and_says_so() -> None:
    where = place("DE-ZZ")
    assert (where.country, where.subdivision) == ("DE", None)
    assert "ZZ" in (where.note or "")


@pytest.mark.parametrize(
    ("location", "day", "works"),
    [
        ("FR", date(2027, 7, 14), False),  # Bastille Day, a Wednesday
        ("DE", date(2027, 7, 14), True),
        ("DE-BY", date(2027, 1, 6), False),  # Epiphany, in Bavaria but not in Berlin
        ("DE-BE", date(2027, 1, 6), True),
        ("SA", date(2027, 1, 8), False),  # a Friday
        ("SA", date(2027, 1, 10), True),  # a Sunday
        ("IL", date(2027, 1, 10), True),
        ("AE", date(2027, 1, 10), False),  # the Emirates' weekend has been Saturday and Sunday since 2022
        ("AE", date(2020, 1, 10), False),  # and was Friday and Saturday before
        ("AE", date(2020, 1, 12), True),
    ],
)
def test_holidays_and_weekends_are_those_of_the_place_and_year(location: str, day: date, works: bool) -> None:
    assert is_working_day(day, place(location)) is works


def test_the_days_around_new_year_roll_over_the_year() -> None:
    assert next_working_day(date(2027, 1, 1), place("FR")) == date(2027, 1, 4)
    assert previous_working_day(date(2027, 1, 1), place("FR")) == date(2026, 12, 31)


def test_working_days_count_from_the_first_day_of_work() -> None:
    friday, saturday = date(2027, 1, 8), date(2027, 1, 9)
    assert shift_working_days(friday, 1, place("FR")) == date(2027, 1, 11)
    assert shift_working_days(saturday, 0, place("FR")) == date(2027, 1, 11)
    assert shift_working_days(saturday, 1, place("FR")) == date(2027, 1, 12)
    assert shift_working_days(friday, -5, place("FR")) == date(2026, 12, 31)  # over New Year's Day


@given(days, st.sampled_from(PLACES))
def test_rolling_ends_on_the_nearest_working_day(day: date, where: Place) -> None:
    after, before = next_working_day(day, where), previous_working_day(day, where)
    assert is_working_day(after, where)
    assert is_working_day(before, where)
    assert before <= day <= after
    between = [day + timedelta(days=n) for n in range((after - day).days)]
    assert not any(is_working_day(each, where) for each in between)


@given(days, st.integers(-30, 60), st.sampled_from(PLACES))
def test_shifting_crosses_exactly_that_many_working_days(day: date, count: int, where: Place) -> None:
    start, end = next_working_day(day, where), shift_working_days(day, count, where)
    low, high = min(start, end), max(start, end)
    crossed = sum(is_working_day(low + timedelta(days=n), where) for n in range((high - low).days))
    assert crossed == abs(count)
    assert is_working_day(end, where)
