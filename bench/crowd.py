"""Generated mentors and hires for the matching bench, from a fixed seed: the same on every machine."""

import random
from dataclasses import dataclass, replace
from datetime import date, timedelta

from services.matching.person import Person, Seeker
from services.matching.pool import Candidate

DAY = date(2027, 1, 11)
FAMILIES = ("engineering", "sales", "support", "finance", "design", "people", "operations", "research")
TITLES = ("data engineer", "software engineer", "account manager", "analyst", "designer", "recruiter", "controller", "scientist")
PLACES = [(f"city {n}", arrangement) for n in range(12) for arrangement in ("onsite", "hybrid", "remote")]
ZONES = ("Europe/Paris", "Europe/London", "America/New_York", "America/Chicago", "Asia/Kolkata", "Asia/Tokyo", "Africa/Lagos")
TONGUES = (("en",), ("en", "fr"), ("en", "de"), ("en", "es"), ("fr",), ("de",), ("ja", "en"))
EVERYBODYS = ("en", "fr", "de", "es")  # mentors of a batch speak them all: places are scarce, not languages
WORDS = tuple(f"word {n}" for n in range(120))
MENTORING_MANAGERS = 0.1  # hires whose manager is a mentor as well: the pairs that a rule about two people forbids


@dataclass(frozen=True, slots=True)
class Intake:
    """Mentors and hires of one batch."""

    mentors: list[Candidate]
    hires: list[Seeker]


def person(choose: random.Random, id: str, start: date) -> Person:
    """Somebody with a likely profile."""
    return Person(
        id=id,
        role=(choose.choice(FAMILIES), frozenset(choose.choice(TITLES).split())),
        department=choose.choice(FAMILIES),
        division=choose.choice("abc"),
        place=choose.choice(PLACES),
        time_zone=choose.choice(ZONES),
        languages=choose.choice(TONGUES),
        skills=tuple(choose.sample(WORDS, 6)),
        interests=tuple(choose.sample(WORDS, 5)),
        start=start,
    )


def mentors(choose: random.Random, count: int, places: int = 3) -> list[Candidate]:
    """Mentors of all tenures, a few of them away, paused or full."""
    return [
        Candidate(
            person(choose, f"M-{number:06}", DAY - timedelta(days=choose.randrange(60, 4000))),
            capacity=places,
            load=choose.randrange(places),
            active=choose.random() > 0.03,
            trained=choose.random() > 0.03,
        )
        for number in range(count)
    ]


def hires(choose: random.Random, count: int, alike: float, pool: int) -> list[Seeker]:
    """Hires with two managers above each, a tenth of whom are mentors; the first `alike` of them share one profile."""
    one = person(choose, "", DAY)
    found = []
    for number in range(count):
        id = f"H-{number:06}"
        profile = one._replace(id=id) if number < alike * count else person(choose, id, DAY)
        own = f"M-{choose.randrange(pool):06}" if choose.random() < MENTORING_MANAGERS else f"B-{choose.randrange(100)}"
        found.append(Seeker(profile, DAY, managers=(own, f"B-{choose.randrange(10)}")))
    return found


def intake(count: int, pool: int, alike: float, places_per_hire: float, seed: int = 7) -> Intake:
    """A batch where the mentors' free places are `places_per_hire` times the hires, spread as evenly as it goes."""
    choose = random.Random(seed)
    free = round(count * places_per_hire)
    capacity = -(-free // pool) + 1
    shares = [min(capacity, free // pool + (number < free % pool)) for number in range(pool)]
    everybody = mentors(choose, pool, capacity)
    open_to_all = [
        replace(
            one,
            load=capacity - share,
            active=True,
            trained=True,
            person=one.person._replace(start=DAY - timedelta(days=choose.randrange(200, 4000)), languages=EVERYBODYS),
        )
        for one, share in zip(everybody, shares, strict=True)
    ]
    return Intake(open_to_all, hires(choose, count, alike, pool))


def shuffled(batch: Intake, seed: int = 11) -> Intake:
    """The same people in another order."""
    choose = random.Random(seed)
    return Intake(choose.sample(batch.mentors, len(batch.mentors)), choose.sample(batch.hires, len(batch.hires)))
