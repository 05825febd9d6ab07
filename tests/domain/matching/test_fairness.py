"""The fairness report: what it counts, and that it tells on nobody."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.matching.reports.fairness import RATES, report
from services.matching.reports.hiring import RecentHire
from shared.small_groups import FEWEST, to_hide
from tests.domain.matching.populations import steady

NOON = datetime(2027, 3, 10, 12, tzinfo=UTC)


def hires(count, first=0, *, after_hours=1.0, **more):
    """So many hires alike; `after_hours` None is somebody who waits."""
    waits = after_hours is None
    given = {
        "hired_at": NOON,
        "waiting": waits,
        "waited": waits,
        "matched_at": None if waits else NOON + timedelta(hours=after_hours),
        "mentor_id": None if waits else "M",
        "score": None if waits else 8000,
        "department": "Sales",
        "mentor_department": None if waits else "Sales",
        "location": "Paris",
        "mentor_location": None if waits else "Paris",
        "arrangement": "hybrid",
    } | more
    return [RecentHire(id=f"H-{first + number}", **given) for number in range(count)]


def figures(found, dimension, name):
    return next(group for group in found.tables[dimension] if group.name == name).figures


def test_a_group_shows_what_was_counted():
    found = report(
        [
            *hires(6, after_hours=2),
            *hires(3, after_hours=10, mentor_department="Platform", score=5000),
            *hires(1, after_hours=None),
        ]
    )
    sales = figures(found, "department", "Sales")
    assert found.together.hires == 10
    assert sales["median_hours"].value == 2
    assert sales["p90_hours"].value == 10
    assert sales["mean_score"].value == (6 * 8000 + 3 * 5000) / 9
    assert sales["waited_share"].value == sales["waiting_share"].value == 0.1
    assert (sales["same_department_share"].base, sales["same_department_share"].value) == (9, 6 / 9)


def test_who_still_waits_counts_as_waiting_longest():
    found = report([*hires(5, after_hours=1), *hires(5, after_hours=None)]).together.figures
    assert found["median_hours"].value == 1
    assert found["p90_hours"].beyond
    assert found["p90_hours"].value is None


def test_a_group_under_five_is_not_shown_nor_the_one_that_would_give_it_away():
    found = report([*hires(4), *hires(6, department="Legal"), *hires(30, department="Support")])
    shown = {group.name: group.hires for group in found.tables["department"]}
    assert shown == {"Legal": None, "Sales": None, "Support": 30}
    assert all(figure.hidden for figure in figures(found, "department", "Legal").values())


def test_two_small_groups_that_are_five_together_hide_nobody_else():
    found = report([*hires(3), *hires(2, department="Legal"), *hires(6, department="Support")])
    assert [group.hires for group in found.tables["department"]] == [None, None, 6]


def test_a_figure_that_rests_on_few_is_hidden_within_a_group_that_is_shown():
    found = report([*hires(10, after_hours=None), *hires(2), *hires(9, department="Legal"), *hires(8, department="Ops")])
    sales = figures(found, "department", "Sales")
    assert sales["waiting_share"].value == 10 / 12
    assert sales["mean_score"].hidden
    assert figures(found, "department", "Ops")["mean_score"].hidden, "what is left of the total would tell of two people"
    assert not figures(found, "department", "Legal")["mean_score"].hidden


@pytest.mark.parametrize("count", [0, 1, 4])
def test_fewer_than_five_hires_make_no_report(count):
    found = report(hires(count))
    assert found.together.hires is None
    assert not any(found.tables.values())


sizes = st.dictionaries(st.sampled_from("abcdefgh"), st.integers(0, 12), max_size=8)


@steady
@given(sizes, st.sets(st.sampled_from("abcdefgh"), max_size=2))
def test_no_subtraction_from_a_total_leaves_fewer_than_five(counts, already):
    already = already & {name for name, size in counts.items() if size}
    hidden = to_hide(counts, already)
    left = sum(counts[name] for name in hidden)
    shown = {name: size for name, size in counts.items() if name not in hidden}
    assert all(size == 0 or size >= FEWEST for size in shown.values())
    assert left == 0 or left >= FEWEST or not any(shown.values())


@steady
@given(sizes)
def test_nobody_is_hidden_without_need(counts):
    hidden = to_hide(counts)
    small = {name for name, size in counts.items() if 0 < size < FEWEST}
    more = hidden - small
    if more:
        last = max(more, key=lambda name: (counts[name], name))
        assert sum(counts[name] for name in hidden - {last}) < FEWEST
    assert small <= hidden


def test_a_group_that_waits_more_often_than_chance_explains_is_named_and_a_chance_difference_is_not():
    found = report([*hires(20, waited=True), *hires(40, department="Support")])
    assert [(one.dimension, one.group, one.share, one.others) for one in found.stands_out] == [("department", "Sales", 1, 0)]
    found = report(
        [*hires(6, waited=True), *hires(14), *hires(4, department="Support", waited=True), *hires(16, department="Support")]
    )
    assert found.stands_out == []


def test_shares_have_an_interval_that_holds_them():
    found = report([*hires(7, waited=True), *hires(13)]).together.figures
    for rate in RATES:
        assert 0 <= found[rate].low <= found[rate].value <= found[rate].high <= 1
    assert found["waited_share"].low == pytest.approx(0.181, abs=0.001), "Wilson's interval for 7 of 20"
    assert found["waited_share"].high == pytest.approx(0.567, abs=0.001)
