"""Lots decide whom the cap on pairs within a department keeps out of their own."""

from dataclasses import replace

from services.matching import rules
from services.matching.engine import match, why_not
from services.matching.person import Person, Seeker
from services.matching.policy import Policy
from services.matching.policy_file import parse_policy
from services.matching.pool import Candidate, Pool
from tests.domain.matching.populations import DAY


def capped(percent: int) -> Policy:
    return parse_policy(f"name: capped\nrules: {{same_department_percent: {percent}}}\ncriteria: {{load: {{weight: 1}}}}")


def hires(count: int, department: str | None = "a") -> list[Seeker]:
    return [Seeker(Person(f"H-{number}", department=department), DAY) for number in range(count)]


def mentors(**places: int) -> Pool:
    return Pool(Candidate(Person(f"M-{name}", department=name), capacity) for name, capacity in places.items())


def test_about_the_share_that_the_policy_names_may_stay_in_their_department() -> None:
    staying = sum(not rules.looks_elsewhere(capped(30), hire) for hire in hires(4000))
    assert 0.27 < staying / 4000 < 0.33
    assert not any(rules.looks_elsewhere(capped(100), hire) for hire in hires(100))
    assert all(rules.looks_elsewhere(capped(0), hire) for hire in hires(100))


def test_a_lower_cap_lets_nobody_stay_whom_a_higher_one_sends_elsewhere() -> None:
    for hire in hires(200):
        assert rules.looks_elsewhere(capped(30), hire) or not rules.looks_elsewhere(capped(60), hire)


def test_a_batch_and_a_single_hire_keep_to_the_same_lots() -> None:
    policy, pool = capped(50), mentors(a=20, b=20)
    asked = hires(16)
    together = match(pool, policy, asked)
    assert all(together)
    elsewhere = {hire.person.id for hire in asked if rules.looks_elsewhere(policy, hire)}
    assert 0 < len(elsewhere) < 16
    for found in [*together, *(match(pool, policy, [hire])[0] for hire in asked)]:
        assert found is not None
        if found.hire_id in elsewhere:
            assert found.mentor_id == "M-b"
            assert "M-a" not in [runner.mentor_id for runner in found.runners_up]


def test_who_finds_nobody_elsewhere_waits_and_is_told_so() -> None:
    (hire,) = hires(1)
    assert match(mentors(a=2), capped(0), [hire]) == [None]
    waiting = why_not(mentors(a=2), capped(0), hire)
    assert waiting.ruled_out == {"same_department": 1}
    assert [near.mentor_id for near in waiting.nearest] == ["M-a"]


def test_a_department_that_nobody_told_keeps_nobody_apart() -> None:
    unknown = replace(hires(1)[0], person=Person("H-0"))
    assert match(Pool([Candidate(Person("M-1"), 1)]), capped(0), [unknown])[0] is not None
