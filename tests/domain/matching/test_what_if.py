"""What other weights would have done: compared alike, honest about scores, and bounded."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from services.matching.person import Person, Seeker
from services.matching.policy_file import parse_policy
from services.matching.pool import Candidate
from services.matching.reports.what_if import MOST_HIRES, MOST_PAIRS, compare, most_hires, with_weights
from tests.domain.matching.populations import DAY, SHIPPED, intakes, steady

POLICY = parse_policy(
    "name: two\nrules: {minimum_tenure_days: 0, shared_language_required: false}\n"
    "criteria: {skills: {weight: 9}, interests: {weight: 1}}"
)


def mentor(id, *, skills=(), interests=(), department="a", capacity=1, load=0):
    return Candidate(Person(id, department=department, skills=skills, interests=interests), capacity, load)


def hire(id, *, skills=("kafka",), interests=("chess",), department="a"):
    return Seeker(Person(id, department=department, skills=skills, interests=interests), DAY)


TECHNICAL = mentor("M-skills", skills=("kafka",))
SOCIAL = mentor("M-interests", interests=("chess",), department="b")


def test_other_weights_pick_another_mentor_and_both_are_scored_by_both():
    found = compare([TECHNICAL, SOCIAL], POLICY, with_weights(POLICY, {"skills": 1, "interests": 9}), [hire("H")], {})
    (other,) = found.others
    assert (other.old_mentor, other.new_mentor) == ("M-skills", "M-interests")
    assert (other.old_now, other.old_then, other.new_now, other.new_then) == (9000, 1000, 1000, 9000)
    assert (found.now.score_now, found.now.score_then) == (9000, 1000)
    assert (found.then.score_now, found.then.score_then) == (1000, 9000)
    assert (found.now.same_department, found.then.same_department) == (1, 0)


def test_the_same_weights_change_nothing():
    found = compare([TECHNICAL, SOCIAL], POLICY, with_weights(POLICY, {}), [hire("H-1"), hire("H-2")], {})
    assert found.others == []
    assert found.now == found.then


def test_the_places_that_the_hires_hold_are_given_back_first():
    taken = mentor("M-skills", skills=("kafka",), load=1)
    found = compare([taken], POLICY, POLICY, [hire("H")], {"H": "M-skills"})
    assert (found.now.matched, found.now.full, found.now.idle) == (1, 1, 0)
    assert compare([taken], POLICY, POLICY, [hire("H")], {}).now.matched == 0, "somebody else's place stays taken"


def test_who_would_find_nobody_is_told_apart():
    found = compare([], POLICY, POLICY, [hire("H")], {"H": "M-gone"})
    assert (found.hires, found.now.matched, found.now.score_now, found.now.spread) == (1, 0, None, 0)


def test_the_spread_is_that_of_the_shares_of_places_taken():
    found = compare([mentor("A", skills=("kafka",)), mentor("B")], POLICY, POLICY, [hire("H")], {})
    assert (found.now.spread, found.now.idle, found.now.full) == (0.5, 1, 1)


def test_weights_must_be_weights_of_criteria_and_count_something():
    for weights in ({"age": 3}, {"skills": -1}, {"skills": 1001}, {"skills": 0, "interests": 0}):
        with pytest.raises(ValidationError):
            with_weights(POLICY, weights)
    assert with_weights(POLICY, {"site": 0}).version == POLICY.version
    assert with_weights(POLICY, {"site": 4}).shares == {"skills": 6429, "interests": 714, "site": 2857}


def test_the_work_is_bounded_by_hires_and_pairs():
    assert most_hires(0) == most_hires(100) == MOST_HIRES
    assert most_hires(100_000) * 100_000 <= MOST_PAIRS
    assert most_hires(10**9) == 1


@steady
@given(intakes(), st.sampled_from([{"role": 0}, {"load": 90}, {"site": 40, "skills": 0}]))
def test_each_side_is_at_least_as_good_by_its_own_weights_as_the_other(intake, weights):
    _, mentors, seekers = intake
    then = with_weights(SHIPPED, weights)
    found = compare(mentors, SHIPPED, then, seekers, {})
    assert found.now.matched == found.then.matched
    if found.now.matched:
        assert found.now.score_now >= found.then.score_now
        assert found.then.score_then >= found.now.score_then
    assert found == compare(mentors[::-1], SHIPPED, then, seekers, {})
