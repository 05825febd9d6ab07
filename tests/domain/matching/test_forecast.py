"""The forecast: what it adds up, how sure it is, and that it says the same twice."""

from datetime import date, timedelta

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.matching.reports.forecast import HORIZON_DAYS, Supply, dispersion, forecast
from tests.domain.matching.populations import steady

TODAY = date(2027, 1, 11)
WEEKS = 13


def supply(department="Support", free=5, *, places=10, waiting=0, opening=(), weekly=(1,) * WEEKS):
    return Supply(department, places, free, waiting, tuple(opening), tuple(weekly))


def one(*args, **more):
    (found,) = forecast([supply(*args, **more)], TODAY).departments
    return found


def test_a_department_with_places_for_the_pace_of_its_hires_lasts_and_one_without_does_not():
    lasting, ending = one(free=40), one(free=5)
    assert (lasting.likely, lasting.chance, lasting.lacking, lasting.lacking_surely) == (None, 0, 0, 0)
    assert ending.likely is not None
    assert abs((ending.likely - TODAY).days - 35) <= 5, "five places, one hire a week"
    assert TODAY < ending.early < ending.likely
    assert ending.late is None or ending.late > ending.likely
    assert ending.chance > 0.9


def test_a_full_department_is_out_today_and_says_when_a_place_opens():
    found = one(free=0, opening=[0, 0, 0, 2])
    assert (found.early, found.likely, found.late, found.chance) == (TODAY, TODAY, TODAY, 1)
    assert found.next_opening == TODAY + timedelta(days=4)


def test_ending_journeys_put_the_day_off():
    assert one(free=5, opening=[0] * 20 + [30]).likely is None


def test_who_waits_for_a_place_takes_what_opens_first():
    opening = [0, 5]
    assert one(free=0, waiting=4, opening=opening).lacking == one(free=0, opening=opening).lacking + 4


def test_who_waits_although_places_are_free_waits_for_something_else():
    assert one(free=5, waiting=4).likely == one(free=5).likely


def test_so_many_places_more_keep_it_from_running_out_in_half_of_the_outcomes_or_in_nine_of_ten():
    found = one(free=3)
    for lacking, chance in ((found.lacking, 0.5), (found.lacking_surely, 0.1)):
        assert one(free=3 + lacking).chance <= chance
        assert one(free=3 + lacking - 1).chance > chance


def test_no_hires_seen_is_no_promise_that_none_will_come():
    found = one(free=1, weekly=(0,) * WEEKS)
    assert 0 < found.chance < 0.5
    assert found.likely is None


def test_cohorts_widen_the_range():
    even = one(free=12, weekly=(2,) * WEEKS)
    cohorts = one(free=12, weekly=(0, 0, 0, 0, 0, 13, 0, 0, 0, 0, 0, 13, 0))
    assert cohorts.early < even.early
    assert cohorts.chance < even.chance


def test_the_same_input_in_any_order_gives_the_same_forecast():
    some = [supply("A", 3), supply("B", 9, weekly=(2,) * WEEKS), supply("C", 0)]
    assert forecast(some, TODAY) == forecast(some[::-1], TODAY)


def test_all_departments_together_add_up():
    found = forecast([supply("A", 3, waiting=1), supply("B", 9, opening=[1])], TODAY)
    assert (found.together.free, found.together.places, found.together.waiting) == (12, 20, 1)
    assert found.together.next_opening == TODAY + timedelta(days=1)
    assert [outlook.department for outlook in found.departments] == ["A", "B"]


def test_a_company_without_mentors_has_a_forecast_of_nothing():
    found = forecast([], TODAY)
    assert found.departments == []
    assert (found.together.free, found.together.likely) == (0, TODAY)


def test_weeks_of_different_lengths_are_refused():
    with pytest.raises(ValueError, match="the same weeks"):
        forecast([supply("A"), supply("B", weekly=(1,))], TODAY)


def test_dispersion_is_variance_over_mean_and_never_below_a_poisson_process():
    assert dispersion([2] * 13) == 1
    assert dispersion([0, 4] * 6) == pytest.approx(2.18, abs=0.01)
    assert dispersion([9, 0, 0, 0, 0, 0, 0]) == 1, "too few weeks to tell"
    assert dispersion([]) == 1


@steady
@given(
    st.integers(0, 20),
    st.integers(0, 3),
    st.lists(st.integers(0, 5), min_size=4, max_size=13),
    st.lists(st.integers(0, 2), max_size=90),
)
def test_a_range_is_in_order_and_places_are_never_below_none(free, waiting, weekly, opening):
    (found,) = forecast([supply(free=free, waiting=waiting, weekly=weekly, opening=opening)], TODAY, draws=200).departments
    days = [(day or date.max) for day in (found.early, found.likely, found.late)]
    assert days == sorted(days)
    assert len(found.low) == len(found.high) == HORIZON_DAYS + 1
    assert all(0 <= low <= middle <= high for low, middle, high in zip(found.low, found.middle, found.high, strict=True))
    assert found.middle[0] == free
    assert (found.lacking == 0) == (found.chance <= 0.5)
    assert (found.lacking_surely == 0) == (found.chance <= 0.1)


def test_the_range_holds_eight_of_ten_of_what_then_happens():
    random = np.random.default_rng(5)
    held = 0
    for _ in range(300):
        pace = random.uniform(0.5, 4)
        weekly = random.poisson(pace, WEEKS)
        coming = random.poisson(pace / 7, HORIZON_DAYS).sum()
        (found,) = forecast([supply(free=400, places=400, weekly=map(int, weekly))], TODAY, draws=300).departments
        held += found.low[-1] <= 400 - coming <= found.high[-1]
    assert 0.75 <= held / 300 <= 0.88
