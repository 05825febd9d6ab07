"""The engine against plain loops and brute force: exact, explained, and the same in any order."""

import random
from collections import Counter
from dataclasses import replace
from itertools import product

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from bench import plain_matching as plain
from services.matching import rules
from services.matching.engine import match, parts_of, why_not
from services.matching.explanations import Match, tie_of
from services.matching.person import Person, Seeker
from services.matching.policy import FULL, Criteria, Policy
from services.matching.pool import Candidate, Pool, identity
from services.matching.solving.batch import base_scores, batch_of
from services.matching.solving.sharing import READS
from services.matching.solving.ties import tie_break
from tests.domain.matching.crowds import each_seed, intake
from tests.domain.matching.populations import DAY, ONLY_LOAD, SHIPPED, TIED, intakes, mentor_of, person_of, steady

Intake = tuple[Policy, list[Candidate], list[Seeker]]


def mentor(id: str, capacity: int = 1, **more: object) -> Candidate:
    return Candidate(Person(id), capacity, **more)  # type: ignore[arg-type]


def hire(id: str, **more: object) -> Seeker:
    return Seeker(Person(id), DAY, **more)  # type: ignore[arg-type]


def pairs(found: list[Match | None]) -> dict[str, str]:
    return {one.hire_id: one.mentor_id for one in found if one}


@steady
@given(intakes())
def test_rules_and_scores_equal_those_of_a_plain_loop(intake: Intake) -> None:
    policy, mentors, hires = intake
    pool = Pool(mentors)
    for seeker in hires:
        if not mentors:
            continue
        excluded = rules.masks(pool, policy, seeker)
        assert (rules.legal(pool, policy, seeker) == ~excluded.any(axis=0)).all()
        parts = parts_of(pool, policy, seeker, [(row, 0) for row in range(len(pool))])
        for row, candidate in enumerate(mentors):
            names = [name for name, fails in zip(rules.NAMES, excluded[:, row], strict=True) if fails]
            assert (names[0] if names else None) == plain.first_rule(policy, seeker, candidate)
            assert {part.criterion: part.value for part in parts[row]} == plain.values(
                policy, seeker, candidate, plain.mean_rating(mentors)
            )


@steady
@given(intakes())
def test_the_contributions_add_up_to_the_score_exactly(intake: Intake) -> None:
    policy, mentors, hires = intake
    for found in match(Pool(mentors), policy, hires):
        if found:
            for score, parts in [(found.score, found.parts), *((r.score, r.parts) for r in found.runners_up)]:
                assert sum(part.points for part in parts) == score <= FULL
                assert all(part.points == part.value * policy.shares[part.criterion] // FULL for part in parts)


@steady
@given(intakes())
def test_one_hire_gets_the_best_possible_mentor(intake: Intake) -> None:
    policy, mentors, (seeker, *_) = intake
    (found,) = match(Pool(mentors), policy, [seeker])
    best = plain.decide(policy, seeker, mentors, plain.mean_rating(mentors))
    assert (found is None) == (not best)
    if found:
        assert found.score == best[0][0]
        assert [found.score, *(runner.score for runner in found.runners_up)] == [score for score, _ in best]
        assert len({found.mentor_id, *(runner.mentor_id for runner in found.runners_up)}) == len(best)


def _brute_force(policy: Policy, mentors: list[Candidate], hires: list[Seeker]) -> tuple[int, int]:
    """The most hires that can be matched, and the highest total score with that many."""
    best, mean = (0, 0), plain.mean_rating(mentors)
    options = [[None, *(m for m in mentors if plain.first_rule(policy, seeker, m) is None)] for seeker in hires]
    for choice in product(*options):
        counts: Counter[str] = Counter()
        scores = []
        for seeker, chosen in zip(hires, choice, strict=True):
            if chosen:
                scores.append(plain.score(policy, seeker, replace(chosen, load=chosen.load + counts[chosen.person.id]), mean))
                counts[chosen.person.id] += 1
        if all(m.load + counts[m.person.id] <= m.capacity for m in mentors if counts[m.person.id]):
            best = max(best, (len(scores), sum(scores)))
    return best


@steady
@given(intakes(most_hires=4, most_mentors=4))
def test_a_batch_is_as_good_as_the_best_of_all_assignments(intake: Intake) -> None:
    policy, mentors, hires = intake
    found = [one for one in match(Pool(mentors), policy, hires) if one]
    assert (len(found), sum(one.score for one in found)) == _brute_force(policy, mentors, hires)


@steady
@given(intakes(most_hires=6))
def test_no_hard_rule_is_broken_and_no_mentor_overfilled(intake: Intake) -> None:
    policy, mentors, hires = intake
    by_id = {candidate.person.id: candidate for candidate in mentors}
    loads: Counter[str] = Counter()
    for seeker, found in zip(hires, match(Pool(mentors), policy, hires), strict=True):
        if found:
            assert found.hire_id == seeker.person.id
            for id in (found.mentor_id, *(runner.mentor_id for runner in found.runners_up)):
                assert plain.first_rule(policy, seeker, by_id[id]) is None
            loads[found.mentor_id] += 1
    for id, more in loads.items():
        assert by_id[id].load + more <= by_id[id].capacity


@steady
@given(intakes(most_hires=6), st.randoms(use_true_random=False))
def test_the_order_of_mentors_and_hires_changes_nothing(intake: Intake, random: st.random_module) -> None:
    policy, mentors, hires = intake
    expected = {one.hire_id: one for one in match(Pool(mentors), policy, hires) if one}
    random.shuffle(mentors)
    shuffled = random.sample(hires, len(hires))
    assert {one.hire_id: one for one in match(Pool(mentors), policy, shuffled) if one} == expected


@steady
@given(intakes(), st.data())
def test_a_pool_changed_mentor_by_mentor_equals_one_made_at_once(intake: Intake, data: st.DataObject) -> None:
    policy, mentors, hires = intake
    pool = Pool(mentors)
    pool.put(data.draw(mentor_of("M-100")))
    for candidate in data.draw(st.lists(st.sampled_from(mentors), max_size=4)) if mentors else []:
        pool.remove(candidate.person.id)
        pool.put(data.draw(mentor_of(candidate.person.id)))
        pool.put(candidate)
    pool.remove("M-100")
    pool.remove("nobody")
    assert list(match(pool, policy, hires)) == list(match(Pool(mentors), policy, hires))
    assert [why_not(pool, policy, one) for one in hires] == [why_not(Pool(mentors), policy, one) for one in hires]


@steady
@given(intakes(), st.data())
def test_the_change_named_would_have_picked_the_runner_up_and_no_smaller_one(intake: Intake, data: st.DataObject) -> None:
    policy, mentors, (seeker, *_) = intake
    (found,) = match(Pool(mentors), policy, [seeker])
    if not found or not found.change or found.change.criterion is None:
        return
    runner = next(one for one in found.runners_up if one.mentor_id == found.change.mentor_id)
    assert found.change.difference == found.score - runner.score
    share = policy.shares[found.change.criterion]
    now = next(part for part in runner.parts if part.criterion == found.change.criterion)
    assert now.value == found.change.value
    assert runner.score - now.points + found.change.needed * share // FULL >= found.score
    assert runner.score - now.points + (found.change.needed - 1) * share // FULL <= found.score


def test_a_pool_of_twelve_hundred_equal_mentors_spreads_hires_by_a_stable_hash() -> None:
    mentors = [mentor(f"M-{number}") for number in range(1200)]
    hires = [hire(f"H-{number}") for number in range(40)]
    found = pairs(match(Pool(mentors), TIED, hires))
    assert len(set(found.values())) == 40
    assert found == pairs(match(Pool(reversed(mentors)), TIED, hires[::-1]))
    assert pairs(match(Pool(mentors), TIED, hires[:1])) == {"H-0": found["H-0"]}


def test_hires_who_are_alike_all_find_a_mentor_where_places_just_suffice() -> None:
    # A flow over a fixed number of best mentors leaves most of these waiting.
    mentors = [mentor(f"M-{number:03}", 1) for number in range(120)]
    hires = [hire(f"H-{number:03}") for number in range(120)]
    assert len(pairs(match(Pool(mentors), TIED, hires))) == 120


def test_load_is_spread_before_anybody_gets_a_second_mentee() -> None:
    mentors = [mentor("M-1", 2), mentor("M-2", 2), mentor("M-3", 2)]
    found = match(Pool(mentors), ONLY_LOAD, [hire("H-1"), hire("H-2"), hire("H-3"), hire("H-4")])
    assert sorted(Counter(pairs(found).values()).values()) == [1, 1, 2]


def test_the_last_place_goes_to_whoever_has_waited_longest() -> None:
    people = Person("M-1", place=("paris", "hybrid"), start=DAY.replace(year=2025))
    nearer = Seeker(Person("H-1", place=("paris", "hybrid")), DAY, rank=1)
    longer = Seeker(Person("H-2", place=("lima", "onsite")), DAY, rank=2)
    new = Seeker(Person("H-3", place=("paris", "hybrid")), DAY)
    assert pairs(match(Pool([Candidate(people, 1)]), SHIPPED, [new, nearer, longer])) == {"H-2": "M-1"}


def test_a_longer_wait_never_costs_another_hire_a_mentor() -> None:
    french, any_language = Person("M-1", languages=("fr",)), Person("M-2", languages=("fr", "en"))
    longest = Seeker(Person("H-1", languages=("fr",)), DAY, rank=2)
    later = Seeker(Person("H-2", languages=("en",)), DAY, rank=1)
    found = pairs(match(Pool([Candidate(french, 1), Candidate(any_language, 1)]), SHIPPED, [longest, later]))
    assert found == {"H-1": "M-1", "H-2": "M-2"}


@steady
@given(intakes())
def test_a_waiting_hire_learns_which_rule_excluded_how_many(intake: Intake) -> None:
    policy, mentors, hires = intake
    for seeker in hires:
        waiting = why_not(Pool(mentors), policy, seeker)
        expected = Counter(rule for candidate in mentors if (rule := plain.first_rule(policy, seeker, candidate)))
        assert waiting.ruled_out == expected
        assert len(waiting.nearest) <= 3
        for near in waiting.nearest:
            assert near.rule == near.failing[0]
            assert not {"self", "own_manager", "reporting_chain"} & set(near.failing)


def test_the_nearest_miss_fails_fewest_rules_and_then_scores_highest() -> None:
    fits = Person("M-fits", place=("paris", "hybrid"))
    mentors = [
        Candidate(Person("M-far"), 1, load=1),
        Candidate(fits, 1, load=1),
        Candidate(Person("M-worse", place=("paris", "hybrid")), 1, load=1, trained=False),
        Candidate(Person("M-boss", place=("paris", "hybrid")), 1, load=1),
    ]
    seeker = Seeker(Person("H-1", place=("paris", "hybrid")), DAY, managers=("M-boss",))
    waiting = why_not(Pool(mentors), SHIPPED, seeker)
    assert [near.mentor_id for near in waiting.nearest] == ["M-fits", "M-far", "M-worse"]
    assert [near.rule for near in waiting.nearest] == ["capacity", "capacity", "not_trained"]
    assert waiting.ruled_out == {"capacity": 2, "not_trained": 1, "own_manager": 1}


def test_an_empty_pool_and_mentors_without_places_leave_everybody_waiting() -> None:
    assert match(Pool(), SHIPPED, [hire("H-1"), hire("H-2")]) == [None, None]
    assert match(Pool([mentor("M-1", 0)]), SHIPPED, [hire("H-1"), hire("H-2")]) == [None, None]
    assert match(Pool([mentor("M-1", 0)]), SHIPPED, [hire("H-1")]) == [None]
    assert match(Pool([mentor("M-1", 1)]), SHIPPED, []) == []
    assert why_not(Pool(), SHIPPED, hire("H-1")).ruled_out == {}


def test_a_runner_up_whose_last_place_went_to_another_is_marked_so() -> None:
    both_like = Candidate(Person("M-1", place=("paris", "hybrid")), 1)
    other = Candidate(Person("M-2"), 1)
    near = Seeker(Person("H-1", place=("paris", "hybrid")), DAY)
    also_near = Seeker(Person("H-2", place=("paris", "onsite")), DAY)
    found = {one.hire_id: one for one in match(Pool([both_like, other]), SHIPPED, [near, also_near]) if one}
    loser = next(one for one in found.values() if one.mentor_id == "M-2")
    assert [(runner.mentor_id, runner.taken) for runner in loser.runners_up] == [("M-1", True)]
    assert loser.change is None


def test_a_pool_grows_past_its_first_room_and_its_first_sixty_four_words() -> None:
    mentors = [Candidate(Person(f"M-{n}", skills=(f"skill {n}", "all")), 1) for n in range(200)]
    pool = Pool(mentors)
    seeker = Seeker(Person("H-1", skills=("all", "skill 150", "skill 7", "unheard of")), DAY)
    counts = pool.words["skills"].shared(seeker.person.skills, len(pool))
    assert counts[150] == counts[7] == 2
    assert int(np.sum(counts)) == 202
    assert next(one.mentor_id for one in match(pool, SHIPPED, [seeker]) if one) in {"M-150", "M-7"}


@steady
@given(person_of("A"), person_of("B"))
def test_time_zones_and_titles_count_alike_from_either_side(one: Person, other: Person) -> None:
    there = plain.values(SHIPPED, Seeker(one, DAY), Candidate(other, 1))
    back = plain.values(SHIPPED, Seeker(other, DAY), Candidate(one, 1))
    assert (there["role"], there["working_hours"], there["site"]) == (back["role"], back["working_hours"], back["site"])


@steady
@given(st.text(min_size=1), st.text(min_size=1))
def test_the_tie_break_of_one_pair_is_that_of_the_array(hire_id: str, mentor_id: str) -> None:
    hires, mentors = (np.array([identity(id)], np.uint64) for id in (hire_id, mentor_id))
    assert tie_of(hire_id, mentor_id) == tie_break(hires, mentors)[0]


def test_every_criterion_says_what_of_a_hire_it_reads() -> None:
    assert READS.keys() == Criteria.model_fields.keys()


@each_seed
def test_hires_who_share_lookups_score_as_each_does_alone(seed: int) -> None:
    policy, mentors, hires = intake(random.Random(seed), most_hires=12, most_mentors=8)
    pool, batch = Pool(mentors), batch_of(Pool(mentors), policy, hires)
    for hire, seeker in enumerate(batch.seekers):
        together = batch.problem.rows(batch.problem.profiles[[hire]])[0]
        alone = np.where(rules.open_to(pool, policy, seeker), base_scores(pool, policy, seeker), -1)
        assert (together == alone[batch.rows]).all()


def test_a_hundred_thousand_equal_mentors_are_told_apart_by_the_hash_alone() -> None:
    mentors = [mentor(f"M-{number}", 1) for number in range(100_000)]
    hires = [hire(f"H-{number}") for number in range(3)]
    pool = Pool(mentors)
    alone = [pairs(match(pool, TIED, [one])) for one in hires]
    together = pairs(match(pool, TIED, hires))
    assert together == {id: mentor_id for one in alone for id, mentor_id in one.items()}
    assert len(set(together.values())) == 3


def test_capacities_from_none_to_twenty_are_filled_and_never_overfilled() -> None:
    mentors = [mentor("M-0", 0), mentor("M-20", 20), mentor("M-1", 1)]
    found = Counter(pairs(match(Pool(mentors), ONLY_LOAD, [hire(f"H-{number:02}") for number in range(25)])).values())
    assert found == {"M-20": 20, "M-1": 1}
