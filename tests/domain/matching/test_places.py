"""What one more place is worth: exactly what solving again with that place gives."""

import random
from dataclasses import replace

from services.matching import rules
from services.matching.engine import match
from services.matching.person import Person, Seeker
from services.matching.policy import Policy
from services.matching.pool import Candidate, Pool
from services.matching.solving.places import MentorPlace, worth_of_places
from shared.events.mentoring import MAX_CAPACITY
from tests.domain.matching.crowds import each_seed, intake
from tests.domain.matching.populations import DAY, SHIPPED, TIED


def outcome(policy: Policy, mentors: list[Candidate], hires: list[Seeker]) -> tuple[int, int]:
    """How many are placed, and the total score without load, whose worth a capacity changes for everybody there."""
    found = [one for one in match(Pool(mentors), policy, hires) if one]
    return len(found), sum(part.points for one in found for part in one.parts if part.criterion != "load")


def raised(mentors: list[Candidate], ids: set[str]) -> list[Candidate]:
    return [replace(one, capacity=one.capacity + 1) if one.person.id in ids else one for one in mentors]


@each_seed
def test_a_place_is_worth_what_solving_again_with_it_gives(seed: int) -> None:
    policy, mentors, hires = intake(random.Random(seed), 6, 5)
    worth = worth_of_places(Pool(mentors), policy, hires)
    before = outcome(policy, mentors, hires)
    assert worth.waiting == len(hires) - before[0]
    by_id = {one.mentor_id: one for one in worth.mentors}
    for mentor in mentors:
        id = mentor.person.id
        after = outcome(policy, raised(mentors, {id}), hires)
        found = by_id.get(id)
        if mentor.load <= mentor.capacity < MAX_CAPACITY:
            assert (found.placed if found else 0) == after[0] - before[0]
            if "load" not in policy.shares:
                assert (found.points if found else 0) == after[1] - before[1]


@each_seed
def test_a_departments_places_place_whom_they_name(seed: int) -> None:
    policy, mentors, hires = intake(random.Random(seed), 6, 5)
    before = outcome(policy, mentors, hires)
    worth = worth_of_places(Pool(mentors), policy, hires)
    departments = {one.person.department for one in mentors}
    found = {one.department: one for one in worth.departments}
    assert found.keys() <= departments
    for department in departments:
        all_of_it = {one.person.id for one in mentors if one.person.department == department and one.load <= one.capacity}
        placed = outcome(policy, raised(mentors, all_of_it), hires)[0] - before[0]
        one = found.get(department)
        assert (one.placed if one else 0) == placed
        if one and one.placed:
            assert len(one.hires) >= one.placed
            assert outcome(policy, raised(mentors, set(one.mentors)), hires)[0] - before[0] == placed


@each_seed
def test_the_order_of_what_is_given_changes_nothing(seed: int) -> None:
    choose = random.Random(seed)
    policy, mentors, hires = intake(choose, 6, 5)
    expected = worth_of_places(Pool(mentors), policy, hires)
    shuffled = worth_of_places(Pool(choose.sample(mentors, len(mentors))), policy, choose.sample(hires, len(hires)))
    assert shuffled == expected


def test_a_place_is_worth_most_where_others_can_move_up() -> None:
    # Only M-1 speaks French. Two wait: one French speaker, and one who could have either mentor.
    french = Candidate(Person("M-1", department="support", languages=("fr",)), 1)
    english = Candidate(Person("M-2", department="sales", languages=("en",)), 1, load=1)
    boss = Candidate(Person("M-3", department="sales", languages=("en",)), MAX_CAPACITY, load=MAX_CAPACITY)
    pool = Pool([french, english, boss])
    hires = [Seeker(Person("H-1", languages=("fr",)), DAY), Seeker(Person("H-2", languages=("fr", "en")), DAY)]
    worth = worth_of_places(pool, SHIPPED, hires)
    assert worth.waiting == 1
    assert {one.mentor_id: one.placed for one in worth.mentors} == {"M-1": 1, "M-2": 1}
    assert {(one.department, one.mentors, one.placed) for one in worth.departments} == {
        ("support", ("M-1",), 1),
        ("sales", ("M-2",), 1),
    }
    assert rules.NAMES[-1] == "capacity"  # whoever only that rule excludes is who a place helps


def test_one_more_place_in_support_places_four_people() -> None:
    support = [Candidate(Person(f"M-{n}", department="support"), 1, load=1) for n in range(5)]
    hires = [Seeker(Person(f"H-{n}"), DAY) for n in range(4)]
    worth = worth_of_places(Pool(support), TIED, hires)
    (department,) = worth.departments
    assert (department.placed, len(department.mentors), department.hires) == (4, 4, ("H-0", "H-1", "H-2", "H-3"))
    assert [one.placed for one in worth.mentors] == [1] * 5
    assert isinstance(worth.mentors[0], MentorPlace)


def test_nobody_waiting_and_nobody_to_ask_are_empty_answers() -> None:
    assert worth_of_places(Pool(), SHIPPED, [Seeker(Person("H-1"), DAY)]).waiting == 1
    assert worth_of_places(Pool([Candidate(Person("M-1"), 1)]), SHIPPED, []).mentors == ()
