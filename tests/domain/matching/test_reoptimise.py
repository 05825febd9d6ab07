"""Re-optimisation: never worse, only those given move, and each step stands on its own."""

import random
from collections import Counter
from dataclasses import replace
from itertools import combinations

from bench import plain_matching as plain
from services.matching.engine import match
from services.matching.person import Person, Seeker
from services.matching.policy import Policy
from services.matching.pool import Candidate, Pool
from services.matching.reoptimisation.reoptimise import Pair, Proposal, Step, reoptimise
from tests.domain.matching.crowds import each_seed, intake
from tests.domain.matching.populations import DAY, ONLY_LOAD, SHIPPED, TIED

Company = tuple[Policy, list[Candidate], list[Pair], list[Seeker]]


def company_of(seed: int) -> Company:
    """Hires assigned first come, first served, a few of whom have met or been pinned, and those whom nobody had a place for."""
    choose = random.Random(seed)
    policy, mentors, hires = intake(choose, most_hires=8, most_mentors=5)
    pairs, waiting = [], []
    for seeker in hires:
        (found,) = match(Pool(mentors), policy, [seeker])
        if found is None:
            waiting.append(seeker)
            continue
        mentors = [replace(m, load=m.load + 1) if m.person.id == found.mentor_id else m for m in mentors]
        if choose.random() < 0.75:
            pairs.append(Pair(seeker, found.mentor_id))
    # Rules and places may have changed since.
    mentors = [replace(m, capacity=choose.choice([m.capacity, m.capacity, m.capacity + 1, 1])) for m in mentors]
    return policy, mentors, pairs, [replace(one, rank=number) for number, one in enumerate(waiting)]


def value(policy: Policy, mentors: list[Candidate], pairs: list[Pair]) -> int:
    """The total score: each pair without load, and what load adds for the places they take."""
    loads = {mentor.person.id: mentor for mentor in mentors}
    taken = Counter(pair.mentor_id for pair in pairs)
    share = policy.shares.get("load", 0)
    points = 0
    for pair in pairs:
        found = plain.values(policy, pair.seeker, loads[pair.mentor_id])
        points += sum(value * policy.shares[name] // 10_000 for name, value in found.items() if name != "load")
    for id, count in taken.items():
        mentor = loads[id]
        for load in range(mentor.load - count, mentor.load):
            points += (max(mentor.capacity - load, 0) * 10_000 // mentor.capacity if mentor.capacity else 0) * share // 10_000
    return points


def taken(company: Company, steps: list[Step]) -> tuple[list[Candidate], list[Pair]]:
    """Mentors and pairs with these steps taken."""
    _, mentors, pairs, waiting = company
    moves = {move.hire_id: move for step in steps for move in step.moves}
    loads = Counter(mentor.person.id for mentor in mentors for _ in range(mentor.load))
    for move in moves.values():
        loads[move.match.mentor_id] += 1
        if move.from_mentor:
            loads[move.from_mentor] -= 1
    now = [Pair(p.seeker, moves[p.seeker.person.id].match.mentor_id) if p.seeker.person.id in moves else p for p in pairs]
    now += [Pair(seeker, moves[seeker.person.id].match.mentor_id) for seeker in waiting if seeker.person.id in moves]
    return [replace(mentor, load=loads[mentor.person.id]) for mentor in mentors], now


def proposal_of(company: Company) -> Proposal:
    policy, mentors, pairs, waiting = company
    return reoptimise(Pool(mentors), policy, pairs, waiting)


@each_seed
def test_gains_add_up_and_the_total_is_what_the_moves_make_it(seed: int) -> None:
    company = company_of(seed)
    policy, mentors, pairs, _ = company
    proposal = proposal_of(company)
    assert proposal.before == value(policy, mentors, pairs)
    assert proposal.after == value(policy, *taken(company, list(proposal.steps)))
    assert proposal.gain == sum(step.gain for step in proposal.steps) == proposal.after - proposal.before
    assert proposal.placed == sum(step.placed for step in proposal.steps)


@each_seed
def test_any_steps_taken_leave_everybody_within_places_and_rules_and_gain_what_they_say(seed: int) -> None:
    company = company_of(seed)
    policy, mentors, pairs, _ = company
    steps = proposal_of(company).steps
    before = value(policy, mentors, pairs)
    full = {mentor.person.id: max(mentor.capacity, mentor.load) for mentor in mentors}
    for count in range(1, len(steps) + 1):
        for chosen in combinations(steps, count):
            after, now = taken(company, list(chosen))
            assert all(mentor.load <= full[mentor.person.id] for mentor in after)
            assert value(policy, after, now) - before >= sum(step.gain for step in chosen)
    by_id = {mentor.person.id: mentor for mentor in mentors}
    seekers = {one.person.id: one for one in [*(pair.seeker for pair in pairs), *company[3]]}
    for step in steps:
        assert step.gain > 0 or step.placed
        for move in step.moves:
            mentor = replace(by_id[move.match.mentor_id], load=move.match.load)
            assert plain.first_rule(policy, seekers[move.hire_id], mentor) is None
            assert (
                move.match.score == plain.score(policy, seekers[move.hire_id], mentor) == sum(p.points for p in move.match.parts)
            )
            assert move.before == sum(part.points for part in move.before_parts)


@each_seed
def test_only_pairs_given_and_those_who_wait_move(seed: int) -> None:
    company = company_of(seed)
    _, _, pairs, waiting = company
    now = {pair.seeker.person.id: pair.mentor_id for pair in pairs}
    moves = [move for step in proposal_of(company).steps for move in step.moves]
    assert len({move.hire_id for move in moves}) == len(moves)
    for move in moves:
        assert move.from_mentor == now.get(move.hire_id)
        assert move.match.mentor_id != move.from_mentor
        assert move.from_mentor is not None or move.hire_id in {seeker.person.id for seeker in waiting}


@each_seed
def test_what_is_taken_leaves_nothing_more_to_gain(seed: int) -> None:
    company = company_of(seed)
    proposal = proposal_of(company)
    mentors, pairs = taken(company, list(proposal.steps))
    placed = {move.hire_id for step in proposal.steps for move in step.moves}
    left = [seeker for seeker in company[3] if seeker.person.id not in placed]
    again = reoptimise(Pool(mentors), company[0], pairs, left)
    assert (again.steps, again.gain, again.before) == ((), 0, proposal.after)


@each_seed
def test_the_order_of_what_is_given_changes_nothing(seed: int) -> None:
    company = company_of(seed)
    policy, mentors, pairs, waiting = company
    choose = random.Random(seed)
    expected = proposal_of(company)
    again = [choose.sample(some, len(some)) for some in (mentors, pairs, waiting)]
    assert reoptimise(Pool(again[0]), policy, again[1], again[2]) == expected


def person(id: str, site: str) -> Person:
    return Person(id, place=(site, "onsite"))


def test_two_who_came_first_to_the_wrong_mentor_are_one_swap() -> None:
    mentors = [Candidate(person("M-1", "paris"), 1, load=1), Candidate(person("M-2", "lima"), 1, load=1)]
    there = [Pair(Seeker(person("H-1", "lima"), DAY), "M-1"), Pair(Seeker(person("H-2", "paris"), DAY), "M-2")]
    proposal = reoptimise(Pool(mentors), TIED, there)
    (step,) = proposal.steps
    assert [(move.hire_id, move.from_mentor, move.match.mentor_id) for move in step.moves] == [
        ("H-1", "M-1", "M-2"),
        ("H-2", "M-2", "M-1"),
    ]
    assert (step.gain, proposal.before, proposal.after) == (12_000, 8_000, 20_000)


def test_a_chain_brings_in_somebody_who_waits() -> None:
    french = Candidate(Person("M-1", languages=("fr",)), 1, load=1)
    both = Candidate(Person("M-2", languages=("fr", "en")), 1)
    there = Pair(Seeker(Person("H-1", languages=("fr", "en")), DAY), "M-1")
    waits = Seeker(Person("H-2", languages=("fr",)), DAY, excluded=frozenset({"M-2"}))
    (step,) = reoptimise(Pool([french, both]), SHIPPED, [there], [waits]).steps
    assert [(move.hire_id, move.from_mentor, move.match.mentor_id) for move in step.moves] == [
        ("H-2", None, "M-1"),
        ("H-1", "M-1", "M-2"),
    ]
    assert step.placed == 1


def test_nobody_moves_among_equals_and_nobody_new_comes_to_a_mentor_over_capacity() -> None:
    equal = [Candidate(Person(f"M-{n}"), 2, load=1) for n in range(6)]
    there = [Pair(Seeker(Person(f"H-{n}"), DAY), f"M-{n}") for n in range(6)]
    assert reoptimise(Pool(equal), TIED, there).steps == ()
    over = [Candidate(person("M-1", "paris"), 1, load=2), Candidate(person("M-2", "lima"), 1, load=1)]
    wrong = [Pair(Seeker(person("H-1", "lima"), DAY), "M-1"), Pair(Seeker(person("H-2", "paris"), DAY), "M-2")]
    assert reoptimise(Pool(over), TIED, wrong).steps == ()


def test_load_is_spread_again_where_it_has_piled_up() -> None:
    mentors = [Candidate(Person("M-1"), 4, load=4), Candidate(Person("M-2"), 4)]
    pairs = [Pair(Seeker(Person(f"H-{n}"), DAY), "M-1") for n in range(4)]
    proposal = reoptimise(Pool(mentors), ONLY_LOAD, pairs)
    assert [len(step.moves) for step in proposal.steps] == [1, 1]
    assert [step.gain for step in proposal.steps] == [7_500, 2_500]


def test_nothing_to_reconsider_is_an_empty_proposal() -> None:
    assert reoptimise(Pool(), SHIPPED, []) == Proposal((), 0, 0, 0, 0)
