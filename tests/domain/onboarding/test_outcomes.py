"""What came of the programme: counted right, compared fairly, and telling on nobody."""

import random
from datetime import UTC, date, datetime, timedelta
from itertools import permutations

import pytest
from scipy import stats

from services.onboarding.outcomes.cases import Case, Place, cases_of
from services.onboarding.outcomes.report import ANSWERS, DIMENSIONS, MEASURES, Report, quarter_of, report, report_between, reports
from services.onboarding.outcomes.statistics import (
    Life,
    difference_of_means,
    difference_of_retention,
    difference_of_shares,
    greenwood,
    mean,
    median_wait,
    retained,
    share,
)
from services.onboarding.projections.outcomes import Outcomes, fold_outcomes
from shared.events.onboarding import (
    JourneyCancelled,
    JourneyEnded,
    JourneyReopened,
    JourneyRescheduled,
    JourneyStarted,
    LeavingPlanned,
    MeetingHeld,
    SurveyAnswered,
)
from shared.small_groups import FEWEST, alike, to_hide_in_all
from tests.domain.onboarding.history import ADA, MENTOR, START, assigned, counted

KNOWN = datetime(2027, 1, 4, 9, tzinfo=UTC)
LATER = datetime(2028, 6, 1, tzinfo=UTC)


def started(start=START):
    return JourneyStarted(employee_id=ADA, start_date=start, programme="default", programme_version="1", milestones=[])


def met(day, start=START):
    held = start + timedelta(days=day)
    return MeetingHeld(employee_id=ADA, meeting_id=str(day), mentor_id=MENTOR, held_on=held, minutes=30, reported_by=MENTOR)


def answered(**ratings):
    return SurveyAnswered(employee_id=ADA, survey_id="any", ratings=ratings)


def on(day):
    return datetime(2027, 1, 11, 12, tzinfo=UTC) + timedelta(days=day)


def folded(events, before=None):
    for event in events:
        before = fold_outcomes(before, event)
    assert Outcomes.model_validate(before).model_dump(mode="json") == before  # the form that is stored is the model's
    return Outcomes.model_validate(before)


def told(*facts):
    return [counted("onboarding", fact, number, at) for number, (fact, at) in enumerate(facts, start=1)]


LIFE = told(
    (started(), KNOWN),
    (met(0), on(0)),
    (met(9), on(9)),
    (answered(satisfaction=4), on(8)),
    (met(20), on(21)),
    (answered(satisfaction=2), on(14)),
    (answered(match_quality=5, availability=3), on(31)),
    (answered(satisfaction=5, productivity=4, belonging=3), on(91)),
    (LeavingPlanned(employee_id=ADA, last_day=START + timedelta(days=200)), on(150)),
    (JourneyEnded(employee_id=ADA, outcome="left"), on(201)),
)
MATCHED = [counted("matching", assigned(), 1, KNOWN + timedelta(hours=3)), counted("matching", assigned("M-2"), 2, on(40))]


def test_a_journey_becomes_one_case_in_days_from_its_start():
    (case,) = cases_of(folded([*LIFE, *MATCHED]), Place("Sales", "Lyon, FR", "hybrid"), LATER)
    assert (case.hours_to_mentor, case.meeting_days, case.met_by(30)) == (3, (0, 9, 20), 3)
    assert (case.week_1, case.day_90, case.match_quality, case.productive) == (4, 5, 5, 4)
    assert (case.left_day, case.contact, case.told_late, case.department) == (200, "regular", False, "Sales")
    assert case.was_there_on(199)
    assert not case.was_there_on(200)


def test_any_interleaving_of_the_topics_ends_alike():
    whole = folded([*LIFE, *MATCHED])
    for chosen in random.Random(7).sample(list(permutations(range(12), 2)), 40):
        order, mine, theirs = [], iter(LIFE), iter(MATCHED)
        for place in range(12):
            order.append(next(theirs) if place in chosen else next(mine))
        assert folded(order) == whole


def test_a_moved_start_moves_all_days_and_a_reopened_journey_did_not_end():
    moved = JourneyRescheduled(employee_id=ADA, start_date=START + timedelta(days=7), due={})
    ended = JourneyEnded(employee_id=ADA, outcome="left")
    again = JourneyReopened(employee_id=ADA)
    row = folded(told((started(), KNOWN), (met(14), on(14)), (moved, on(1)), (ended, on(20)), (again, on(21))))
    (case,) = cases_of(row, Place(), on(40))
    assert (case.meeting_days, case.left_day, case.seen_until) == ((7,), None, 33)


def test_a_second_journey_has_its_own_mentor_and_its_own_end():
    row = folded(
        [
            *told(
                (started(), KNOWN),
                (JourneyEnded(employee_id=ADA, outcome="left"), on(30)),
                (started(START + timedelta(days=100)), on(90)),
            ),
            MATCHED[0],
            counted("matching", assigned("M-2"), 2, on(90) + timedelta(hours=2)),
        ]
    )
    first, second = cases_of(row, Place(), on(110))
    assert (first.left_day, first.hours_to_mentor) == (30, 3)
    assert (second.left_day, second.hours_to_mentor, second.seen_until) == (None, 2, 10)


def test_who_leaves_without_a_mentor_waits_no_longer():
    left = JourneyEnded(employee_id=ADA, outcome="left")
    (case,) = cases_of(folded(told((started(), KNOWN), (left, on(12)))), Place(), LATER)
    assert case.hours_to_mentor is None
    assert KNOWN + timedelta(hours=case.hours_known) == datetime(2027, 1, 24, tzinfo=UTC)  # the evening of day 12


def test_who_never_came_and_who_is_not_there_yet_are_no_cases():
    called_off = told((started(), KNOWN), (JourneyCancelled(employee_id=ADA), on(-2)))
    assert list(cases_of(folded(called_off), Place(), LATER)) == []
    assert list(cases_of(folded(told((started(), KNOWN))), Place(), on(-1))) == []
    assert fold_outcomes(None, told((met(3), on(3)))[0]) is None


def test_who_was_told_of_late_or_left_early_is_in_neither_kind_of_contact():
    (late,) = cases_of(folded(told((started(), on(60)))), Place(), LATER)
    assert (late.told_late, late.contact) == (True, None)
    (early,) = cases_of(folded(told((started(), KNOWN), (JourneyEnded(employee_id=ADA, outcome="left"), on(12)))), Place(), LATER)
    assert early.contact is None
    (young,) = cases_of(folded(told((started(), KNOWN))), Place(), on(29))
    assert young.contact is None


# Statistics: numbers worked out by hand or taken from the sources that are named --------------------------------------


def test_a_share_has_wilsons_interval():
    # Newcombe 1998, Statistics in Medicine 17:857, table I: 81 of 263, score method without continuity correction
    found = share([True] * 81 + [False] * 182)
    assert (round(found.low, 4), round(found.high, 4)) == (0.2553, 0.3662)


def test_a_difference_of_shares_has_newcombes_interval():
    # Newcombe 1998, Statistics in Medicine 17:873, table II (a): 56/70 less 48/80, method 10
    found = difference_of_shares(share([True] * 56 + [False] * 14), share([True] * 48 + [False] * 32))
    assert [round(number, 4) for number in (found.value, found.low, found.high)] == [0.2, 0.0524, 0.3339]


def test_a_mean_and_a_difference_of_means_have_students_and_welchs_intervals():
    # mean 3, standard deviation sqrt(2.5), t(4; 0.975) = 2.776445
    found = mean([1, 2, 3, 4, 5])
    assert found.high - 3 == pytest.approx(2.776445 * (2.5 / 5) ** 0.5, abs=1e-5)
    apart = difference_of_means([4, 5, 5, 4], [2, 3, 3, 2])
    assert apart.value == 2
    assert apart.high - 2 == pytest.approx(2.446912 * (1 / 3 / 4 * 2) ** 0.5, abs=1e-5)  # equal variances: 6 degrees of freedom
    assert difference_of_means([4, 4], [3, 3]).low is None
    assert mean([4]).low is None


# Two people leave on day 6 of 8 watched, one on day 10 of 5, one on 20 of 3; others are watched until 8, 15, 30 and 40.
LIVES = [
    Life(6, True),
    Life(6, True),
    Life(8, False),
    Life(10, True),
    Life(15, False),
    Life(20, True),
    Life(30, False),
    Life(40, False),
]


def test_retention_is_the_product_limit_worked_out_by_hand():
    assert retained(LIVES, 6).value == pytest.approx(6 / 8)
    assert retained(LIVES, 10).value == pytest.approx(6 / 8 * 4 / 5)
    assert retained(LIVES, 25).value == pytest.approx(6 / 8 * 4 / 5 * 2 / 3)
    by_hand = (6 / 8 * 4 / 5) ** 2 * (2 / (8 * 6) + 1 / (5 * 4))
    assert greenwood(LIVES, 12) == pytest.approx(by_hand)
    assert greenwood(LIVES, 5) == greenwood([], 5) == 0
    assert greenwood([Life(5, True)] * 3, 5) == 0


def test_greenwoods_variance_is_scipys_linear_interval():
    data = stats.CensoredData(uncensored=[6, 6, 10, 20], right=[8, 15, 30, 40])
    low = float(stats.ecdf(data).sf.confidence_interval(0.95, method="linear").low.evaluate(12))
    assert retained(LIVES, 12).value - 1.959964 * greenwood(LIVES, 12) ** 0.5 == pytest.approx(low, abs=1e-6)


def test_retention_says_nothing_of_days_that_nobody_was_watched_for():
    assert retained(LIVES, 41).value is None
    assert retained([], 10).base == 0
    assert retained([Life(50, False)] * 6, 40).value == 1
    assert retained([Life(50, False)] * 6, 40).low == pytest.approx(share([True] * 6).low)
    assert retained([Life(5, True)] * 6, 40).value == 0
    assert retained([Life(10, False)] * 3 + [Life(50, False)] * 2, 40).base == 2


def test_a_difference_of_retention_stays_within_what_is_possible():
    found = difference_of_retention([Life(400, False)] * 10, [Life(100, True)] * 9 + [Life(400, False)], 365)
    assert found.value == pytest.approx(0.9)
    assert -1 <= found.low < found.value < found.high <= 1


def test_the_median_wait_counts_who_still_waits():
    assert median_wait([Life(1, True), Life(2, True), Life(50, False), Life(60, False)]).value == 2
    assert median_wait([Life(1, True), Life(50, False), Life(60, False)]).value is None
    assert median_wait([Life(3, False)]).value is None


# The report -----------------------------------------------------------------------------------------------------------


def case(**known):
    usual = {
        "start": date(2027, 1, 4),
        "department": "Sales",
        "location": "Lyon, FR",
        "arrangement": "hybrid",
        "hours_known": 9000.0,
        "hours_to_mentor": 2.0,
        "meeting_days": (1, 8, 15),
        "week_1": 4,
        "day_90": 4,
        "match_quality": 4,
        "productive": 4,
        "left_day": None,
        "seen_until": 400,
        "told_late": False,
    }
    return Case(**(usual | known))


def invented(people, seed=1):
    """A company in which contact adds 0.5 to satisfaction and takes 0.10 off leaving within a year."""
    dice = random.Random(seed)
    found = []
    for _ in range(people):
        regular = dice.random() < 0.6
        score = min(5, max(1, round(dice.gauss(3.6 + 0.5 * regular, 0.9))))
        left = dice.randrange(31, 365) if dice.random() < 0.2 - 0.1 * regular else None
        found.append(
            case(
                department=dice.choice(["Sales", "Engineering", "Support"]),
                meeting_days=tuple(range(1, 29, 7)) if regular else (3,),
                day_90=None if left is not None and left < 90 else score,
                left_day=left,
            )
        )
    return found


def of(found: Report, measure):
    return next(each for each in found.compared if each.measure == measure)


def test_intervals_hold_the_true_difference_about_as_often_as_they_say():
    held = {"day_90": 0, "retained_365": 0}
    true = {"day_90": None, "retained_365": 0.1}
    large = report(invented(40_000, seed=99))
    true["day_90"] = of(large, "day_90").difference.value  # the clipping to 1..5 takes a little off 0.5
    for seed in range(60):
        found = report(invented(400, seed))
        for measure in held:
            difference = of(found, measure).difference
            held[measure] += difference.low <= true[measure] <= difference.high
    assert held["day_90"] >= 52
    assert held["retained_365"] >= 52


def test_who_leaves_before_day_30_makes_no_contact_look_bad():
    early = [case(left_day=day, meeting_days=()) for day in range(5, 25)]
    there = [case(meeting_days=(1,)) for _ in range(20)] + [case() for _ in range(20)]
    found = report([*early, *there])
    assert of(found, "retained_90").difference.value == 0
    assert of(found, "retained_90").everybody.value == pytest.approx(40 / 60)
    assert (found.regular, found.little) == (20, 20)


def test_who_was_told_of_late_does_not_make_everybody_look_loyal():
    told_in_time = [case(left_day=60) for _ in range(30)] + [case() for _ in range(70)]
    loaded_later = [case(told_late=True, meeting_days=()) for _ in range(300)]
    found = of(report([*told_in_time, *loaded_later]), "retained_90").everybody
    assert (found.base, found.value) == (100, pytest.approx(0.7))


def test_meetings_stand_in_the_published_bands():
    many = [case(meeting_days=tuple(range(n)), productive=rating) for n in (0, 1, 3, 8, 9) for rating in (2, *[4] * 9)]
    bands = {band.name: band for band in report(many).bands}
    assert [band.by_90.value for band in bands.values()] == [0.2] * 5
    assert bands["4-8"].published == 0.86
    assert bands["9+"].productive.value == 0.9


def test_a_company_of_four_is_not_reported_on():
    found = report([case() for _ in range(4)])
    assert (found.people, found.curves, found.bands) == (None, (), ())
    assert all(each.everybody.hidden for each in found.compared)


def shown(estimate):
    return not estimate.hidden and estimate.base


@pytest.mark.parametrize("seed", range(30))
def test_no_figure_tells_of_fewer_than_five_by_itself_or_by_subtraction(seed):
    dice = random.Random(seed)
    everybody = [
        case(
            department=dice.choice(["Sales"] * 12 + ["Support"] * 4 + ["Law", None]),
            location=dice.choice(["Lyon, FR"] * 3 + ["Graz, AT"]),
            meeting_days=dice.choice([(1, 2, 3), (1,), ()]),
            week_1=dice.choice([None, 3, 5]),
            day_90=dice.choice([None, None, None, 4]),
            left_day=dice.choice([None, None, 10, 100]),
            told_late=dice.random() < 0.1,
        )
        for _ in range(dice.randrange(5, 60))
    ]
    total = report(everybody)
    for dimension in DIMENSIONS:
        parts = {group: report(everybody, dimension, group) for group in total.choices.get(dimension, ())}
        sizes = [found.people for found in parts.values()]
        assert all(size >= FEWEST for size in sizes)
        assert len(everybody) - sum(sizes) == 0 or len(everybody) - sum(sizes) >= FEWEST
        for measure in MEASURES:
            for level in ("everybody", "regular", "little"):
                figures = [getattr(of(found, measure), level) for found in parts.values()]
                bases = [figure.base for figure in figures if shown(figure)]
                assert all(base >= FEWEST for base in bases)
                whole = getattr(of(total, measure), level)
                if shown(whole) and bases:
                    assert whole.base - sum(bases) == 0 or whole.base - sum(bases) >= FEWEST


def test_a_group_that_is_too_small_cannot_be_asked_for():
    cases = [
        *(case() for _ in range(9)),
        *(case(department="Law") for _ in range(5)),
        *(case(department="Art") for _ in range(2)),
    ]
    with pytest.raises(KeyError):
        report(cases, "department", "Art")
    assert report(cases).choices["department"] == ["Sales"]  # Law hides Art


def test_groups_hide_in_all_tables_or_in_none():
    tables = [{"a": 9, "b": 7, "c": 0}, {"a": 2, "b": 8, "c": 6}]
    hidden = to_hide_in_all(tables)
    assert "a" in hidden
    for table in tables:
        left = sum(size for name, size in table.items() if name in hidden)
        assert left == 0 or left >= FEWEST


# Everybody the same answer ------------------------------------------------------------------------------------------


def answered(department, *ratings):
    """Hires of a department with these answers after ninety days; contact varies, which answers here do not."""
    return [case(department=department, day_90=rating, meeting_days=((1, 8, 15), ())[n % 2]) for n, rating in enumerate(ratings)]


MIXED = [*[3, 3, 4, 4, 5, 5] * 3]


def test_a_figure_in_which_everybody_gave_the_same_answer_is_not_shown():
    same = report([case(day_90=5, week_1=rating) for rating in MIXED])
    assert of(same, "day_90").everybody.hidden
    assert not of(same, "week_1").everybody.hidden
    assert not of(same, "retained_90").everybody.hidden  # that nobody has left is known without any report


def test_a_kind_of_contact_in_which_everybody_gave_the_same_answer_hides_the_figure():
    regular = [case(day_90=5) for _ in range(10)]
    little = [case(day_90=rating, meeting_days=()) for rating in MIXED]
    assert of(report([*regular, *little]), "day_90").everybody.hidden


def test_a_share_of_all_or_of_nobody_is_everybodys_answer_too():
    assert of(report([case(productive=rating) for rating in (4, 5) * 10]), "productive").everybody.hidden
    assert of(report([case(productive=rating) for rating in (1, 2) * 10]), "productive").everybody.hidden
    assert not of(report([case(productive=rating) for rating in (2, 5) * 10]), "productive").everybody.hidden


def test_the_answer_of_all_of_a_group_cannot_be_worked_out_from_the_others_and_the_total():
    people = [*answered("Sales", *MIXED), *answered("Support", *MIXED, *MIXED), *answered("Law", *[5] * 8)]
    assert not of(report(people), "day_90").everybody.hidden
    found = {name: of(each, "day_90") for name, each in reports(people, "department").items()}
    assert {name for name, one in found.items() if one.everybody.hidden} == {"Law", "Sales"}  # the smallest beside it goes too


def test_a_band_of_meetings_in_which_all_answered_alike_is_hidden_with_another():
    many = [case(meeting_days=tuple(range(n)), productive=rating) for n in (1, 3, 8) for rating in (2, *[4] * 9)]
    many += [case(meeting_days=(), productive=2) for _ in range(10)]
    hidden = {band.name for band in report(many).bands if band.productive.hidden}
    assert len(hidden) == 2
    assert "none" in hidden


def test_groups_hidden_for_one_answer_answer_differently_together():
    said = [{"a": [5] * 9, "b": [5] * 7, "c": [4] * 6, "d": [3, 4] * 5, "e": [3, 4] * 4}]
    sizes = [{name: len(given) for name, given in said[0].items()}]
    assert to_hide_in_all(sizes, said) == {"a", "b", "c"}
    said = [{"a": [5] * 9, "d": [3, 4] * 5, "e": [3, 4] * 4}]
    assert to_hide_in_all([{name: len(given) for name, given in said[0].items()}], said) == {"a", "e"}


# Periods ------------------------------------------------------------------------------------------------------------

QUARTERS = ["2026-Q1", "2026-Q2", "2026-Q3", "2026-Q4", "2027-Q1"]


def test_a_day_lies_in_its_quarter():
    days = (date(2026, 1, 1), date(2026, 3, 31), date(2026, 4, 1), date(2026, 12, 31))
    assert [quarter_of(day) for day in days] == ["2026-Q1", "2026-Q1", "2026-Q2", "2026-Q4"]


def began(quarter, number, **known):
    year, nth = quarter.split("-Q")
    ratings = [
        {"week_1": 3, "day_90": 4, "match_quality": 4, "productive": 2},
        {"week_1": 5, "day_90": 3, "match_quality": 5, "productive": 5},
    ]
    return [
        case(start=date(int(year), 3 * int(nth), 3), **(ratings[n // 2 % 2] | {"meeting_days": ((1, 8, 15), ())[n % 2]} | known))
        for n in range(number)
    ]


def test_a_quarter_of_few_is_told_of_only_together_with_others():
    people = [*began("2026-Q1", 20), *began("2026-Q2", 3), *began("2026-Q3", 30), *began("2026-Q4", 40)]
    assert report_between(people, "2026-Q3", "2026-Q4").people == 70
    assert report_between(people, "2026-Q2", "2026-Q2").people is None
    assert report_between(people, "2026-Q2", "2026-Q4").people is None  # less the period above, it would be three people
    assert report_between(people, "2026-Q1", "2026-Q1").people is None  # hides the three: the next smallest
    assert report_between(people, "2026-Q1", "2026-Q2").people == 23
    assert report_between(people, "2026-Q1", "2026-Q4").people == 93


def test_a_period_has_neither_bands_nor_curves():
    people = [*began("2026-Q1", 40), *began("2026-Q2", 40)]
    found = report_between(people, "2026-Q1", "2026-Q1")
    assert (found.people, found.bands, found.curves) == (40, (), ())
    assert report(people).bands


@pytest.mark.parametrize("seed", range(40))
def test_no_two_periods_tell_of_few_or_of_one_answer_by_subtraction(seed):
    dice = random.Random(seed)
    people = [
        each
        for quarter in QUARTERS
        for each in began(quarter, dice.choice([0, 2, 4, 6, 9, 30]), **dice.choice([{}, {}, {"day_90": 5}, {"day_90": None}]))
    ]
    spans = [(a, b) for n, a in enumerate(QUARTERS) for b in QUARTERS[n:]]
    found = {span: report_between(people, *span) for span in spans}
    of_quarter = {quarter: [each for each in people if quarter_of(each.start) == quarter] for quarter in QUARTERS}

    def within(span):
        return {quarter for quarter in QUARTERS if span[0] <= quarter <= span[1]}

    def check(one, other, value_of, answers):
        apart = [each for quarter in within(one) - within(other) for each in of_quarter[quarter]]
        told = [value for each in apart if (value := value_of(each)) is not None]
        assert len(told) == 0 or len(told) >= FEWEST, (one, other)
        assert not (answers and alike(told)), (one, other)

    for one, other in permutations(spans, 2):
        if not within(other) < within(one):
            continue
        if found[one].people and found[other].people:
            check(one, other, lambda each: 1, answers=False)
        for measure in ("week_1", "day_90"):
            if shown(of(found[one], measure).everybody) and shown(of(found[other], measure).everybody):
                check(one, other, lambda each, measure=measure: getattr(each, measure), answers=measure in ANSWERS)
