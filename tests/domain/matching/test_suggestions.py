"""Suggestions for the waitlist: each does exactly what it says."""

from dataclasses import replace
from datetime import timedelta

from hypothesis import given

from services.matching import engine
from services.matching.person import Person, Seeker
from services.matching.policy_file import parse_policy
from services.matching.pool import Candidate, Pool
from services.matching.reports.suggestions import MOST_PAIRS, most_waiting, suggest
from tests.domain.matching.populations import DAY, intakes, steady

POLICY = parse_policy("name: one\nrules: {minimum_tenure_days: 0}\ncriteria: {role: {weight: 1}, load: {weight: 1}}")


def mentor(id, department="support", *, capacity=1, load=1, languages=("en",), **more):
    return Candidate(Person(id, department=department, languages=languages), capacity, load, **more)


def hire(id, *languages, **more):
    return Seeker(Person(id, languages=languages or ("en",)), DAY, **more)


def suggested(mentors, hires, paused=()):
    return suggest(mentors, frozenset(paused), POLICY, hires).found


def test_one_more_place_for_each_of_a_departments_mentors_says_who_would_get_whom():
    (found,) = suggested([mentor("A"), mentor("B"), mentor("C")], [hire("H-1"), hire("H-2")])
    assert (found.kind, len(found.mentors)) == ("places", 2)
    assert {placed.hire_id for placed in found.placed} == {"H-1", "H-2"}
    assert {(placed.mentor_id, 2) for placed in found.placed} == set(found.mentors)


def test_places_in_several_departments_are_suggested_together_where_that_places_more():
    mentors = [mentor("A"), mentor("B", "sales"), mentor("C", "sales", languages=("fi",))]
    first, *single = suggested(mentors, [hire("H-1"), hire("H-2")])
    assert (first.mentors, len(first.placed)) == ((("A", 2), ("B", 2)), 2)
    assert [(one.mentors, len(one.placed)) for one in single] == [((("A", 2),), 1), ((("B", 2),), 1)]
    (alone, other) = suggested(mentors, [hire("H-1")])
    assert [len(one.mentors) for one in (alone, other)] == [1, 1], "no more mentors than it takes"


def test_a_place_where_nobody_speaks_their_language_helps_nobody():
    (found,) = suggested([mentor("A"), mentor("B", "sales", languages=("fi",))], [hire("H", "fi")])
    assert found.mentors == (("B", 2),)


def test_a_pause_that_could_end_a_training_and_a_leave_are_suggested_by_what_they_would_do():
    mentors = [
        mentor("P", load=0, capacity=2, active=False),
        mentor("T", load=0, capacity=3, trained=False),
        mentor("L", load=0, available_from=DAY + timedelta(days=9)),
    ]
    found = suggested(mentors, [hire("H-1"), hire("H-2"), hire("H-3")], paused=["P"])
    assert [(one.kind, one.mentors, len(one.placed)) for one in found] == [
        ("train", (("T", 3),), 3),
        ("resume", (("P", 2),), 2),
        ("return", (("L", 1),), 1),
    ]


def test_who_left_is_not_suggested_to_come_back():
    assert suggested([mentor("P", load=0, active=False)], [hire("H")]) == []


def test_two_hindrances_are_not_mended_by_one_change():
    assert suggested([mentor("P", active=False)], [hire("H")], paused=["P"]) == []


def test_nobody_is_suggested_beyond_the_most_places_there_can_be():
    assert suggested([mentor("A", capacity=20, load=20)], [hire("H")]) == []


def test_languages_that_no_mentor_shares_are_counted():
    found = suggest(
        [mentor("A")], frozenset(), POLICY, [hire("1", "fi", "se"), hire("2", "fi"), hire("3", "hu"), hire("4", "en", "hu")]
    )
    assert found.languages == [("fi", 2), ("hu", 1)]
    assert suggest([mentor("A", languages=())], frozenset(), POLICY, [hire("1", "fi")]).languages == []


def test_without_mentors_or_without_anybody_waiting_there_is_nothing_to_suggest():
    assert suggested([], [hire("H")]) == []
    assert suggested([mentor("A")], []) == []


def test_the_work_is_bounded():
    assert most_waiting(10) * 10 <= MOST_PAIRS
    assert most_waiting(10**9) == 1


def changed(mentors, found):
    lift = {
        "places": lambda one: replace(one, capacity=one.capacity + 1),
        "return": lambda one: replace(one, available_from=None),
        "train": lambda one: replace(one, trained=True),
        "resume": lambda one: replace(one, active=True),
    }[found.kind]
    return [lift(one) if one.person.id in dict(found.mentors) else one for one in mentors]


@steady
@given(intakes())
def test_each_suggestion_carried_out_places_exactly_as_many_as_it_says(intake):
    policy, mentors, hires = intake
    before = sum(match is not None for match in engine.match(Pool(mentors), policy, hires))
    for found in suggest(mentors, frozenset(one.person.id for one in mentors), policy, hires).found:
        after = sum(match is not None for match in engine.match(Pool(changed(mentors, found)), policy, hires))
        assert after - before == len(found.placed) > 0
