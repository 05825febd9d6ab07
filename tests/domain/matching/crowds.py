"""Small invented companies by number: cheap to make by the hundred, and each found again by its seed."""

import random
from datetime import timedelta

import pytest

from services.matching.person import Person, Seeker
from services.matching.policy import Policy
from services.matching.pool import Candidate
from tests.domain.matching.populations import DAY, ODD_WEIGHTS, ONLY_LOAD, SHIPPED, TIED

POLICIES = (SHIPPED, ONLY_LOAD, TIED, ODD_WEIGHTS)
WORDS = ("kafka", "sql", "python", "chess", "hiking")
each_seed = pytest.mark.parametrize("seed", range(80))


def some(choose: random.Random, among: tuple[str, ...], most: int) -> tuple[str, ...]:
    return tuple(choose.sample(among, min(choose.randint(0, most), len(among))))


def person(choose: random.Random, id: str) -> Person:
    return Person(
        id=id,
        role=(
            choose.choice([None, "engineering", "sales"]),
            frozenset(some(choose, ("data", "engineer", "sales", "analyst"), 3)),
        ),
        department=choose.choice([None, "a", "b"]),
        division=choose.choice([None, "x", "y"]),
        place=(choose.choice([None, "paris", "lima"]), choose.choice([None, "onsite", "hybrid", "remote"])),
        time_zone=choose.choice([None, "Europe/Paris", "America/Lima", "Asia/Kathmandu", "Pacific/Auckland"]),
        languages=some(choose, ("fr", "en", "es"), 3),
        skills=some(choose, WORDS, 4),
        interests=some(choose, WORDS, 4),
        start=choose.choice([None, DAY + timedelta(days=choose.randint(-4000, 200))]),
    )


def mentor(choose: random.Random, id: str) -> Candidate:
    return Candidate(
        person=person(choose, id),
        capacity=choose.randint(0, 3),
        load=choose.choice([0, 0, 0, 1, 2]),
        active=choose.random() < 0.8,
        trained=choose.random() < 0.8,
        available_from=choose.choice([None, None, DAY + timedelta(days=choose.randint(-50, 50))]),
        known=choose.random() < 0.9,
    )


def seeker(choose: random.Random, id: str, mentors: tuple[str, ...]) -> Seeker:
    return Seeker(
        person=person(choose, id),
        day=DAY,
        managers=some(choose, (*mentors, id), 2),
        reports=frozenset(some(choose, mentors, 1)),
        excluded=frozenset(some(choose, mentors, 1)),
    )


def intake(choose: random.Random, most_hires: int, most_mentors: int) -> tuple[Policy, list[Candidate], list[Seeker]]:
    """A policy, mentors and hires; the first hire may be a mentor as well, and some hires share one profile."""
    mentors = [mentor(choose, f"M-{number}") for number in range(choose.randint(0, most_mentors))]
    ids = tuple(one.person.id for one in mentors)
    hires = [f"H-{number}" for number in range(choose.randint(1, most_hires))]
    if ids and choose.random() < 0.5:
        hires[0] = ids[0]
    return choose.choice(POLICIES), mentors, [seeker(choose, id, ids) for id in hires]
