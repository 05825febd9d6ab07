"""Small invented companies for property tests: few words, so that ties, scarcity and every rule occur."""

from datetime import date, timedelta

from hypothesis import settings
from hypothesis import strategies as st

from services.matching.person import Person, Seeker
from services.matching.policy import Policy
from services.matching.policy_file import load_policy, parse_policy
from services.matching.pool import Candidate

steady = settings(max_examples=60, deadline=None)  # a shared machine's pauses are no failures
DAY = date(2027, 1, 11)
SHIPPED = load_policy()
ONLY_LOAD = parse_policy("name: only-load\ncriteria: {load: {weight: 1}}")
TIED = parse_policy("name: tied\nrules: {minimum_tenure_days: 0}\ncriteria: {site: {weight: 1}}")
ODD_WEIGHTS = parse_policy(
    """
name: odd
rules: {training_required: false, shared_language_required: false, minimum_tenure_days: 30, same_department_percent: 40}
criteria:
  role: {weight: 7, same_family: 33}
  skills: {weight: 3, enough: 2}
  working_hours: {weight: 11, starts: 8, ends: 18, enough_hours: 7}
  values: {weight: 2, enough: 1}
  language: {weight: 1, other_language: 50, levels: {A1: 0, A2: 11, B1: 33, B2: 34, C1: 80}}
  seniority: {weight: 6, least: 1, most: 1, lost_per_step: 35}
  rating: {weight: 9, minimum_answers: 2, prior_answers: 3}
  tenure: {weight: 5, curve: [[0, 100], [1000, 1], [1001, 77]]}
  cross_group: {weight: 13, by: division}
"""
)
policies: st.SearchStrategy[Policy] = st.sampled_from([SHIPPED, ONLY_LOAD, TIED, ODD_WEIGHTS])

words = st.lists(st.sampled_from(["kafka", "sql", "python", "chess", "hiking"]), unique=True, max_size=4).map(tuple)
days = st.integers(-4000, 200).map(lambda days: DAY + timedelta(days=days))


def person_of(id: str) -> st.SearchStrategy[Person]:
    titles = st.frozensets(st.sampled_from(["data", "engineer", "sales", "analyst"]), max_size=3)
    return st.builds(
        Person,
        id=st.just(id),
        role=st.tuples(st.sampled_from([None, "engineering", "sales"]), titles),
        department=st.sampled_from([None, "a", "b"]),
        division=st.sampled_from([None, "x", "y"]),
        place=st.tuples(st.sampled_from([None, "paris", "lima"]), st.sampled_from([None, "onsite", "hybrid", "remote"])),
        time_zone=st.sampled_from([None, "Europe/Paris", "America/Lima", "Asia/Kathmandu", "Pacific/Auckland"]),
        languages=st.lists(st.sampled_from(["fr", "en", "es"]), unique=True, max_size=3).map(tuple),
        skills=words,
        interests=words,
        values=words,
        levels=st.lists(st.integers(0, 6), max_size=1).map(tuple),
        seniority=st.none() | st.integers(0, 6),
        start=st.none() | days,
    )


def mentor_of(id: str, most_places: int = 3) -> st.SearchStrategy[Candidate]:
    return st.builds(
        Candidate,
        person=person_of(id),
        capacity=st.integers(0, most_places),
        load=st.sampled_from([0, 0, 0, 1, 2]),
        active=st.sampled_from([True, True, True, False]),
        trained=st.sampled_from([True, True, True, False]),
        available_from=st.none() | days,
        known=st.sampled_from([True, True, True, False]),
        ratings=st.lists(st.integers(100, 500), max_size=5).map(lambda ratings: (len(ratings), sum(ratings))),
    )


def seeker_of(id: str, mentor_ids: list[str]) -> st.SearchStrategy[Seeker]:
    some = st.lists(st.sampled_from([*mentor_ids, id]), unique=True, max_size=2)
    return st.builds(
        Seeker,
        person=person_of(id),
        day=st.just(DAY),
        managers=some.map(tuple),
        reports=st.frozensets(st.sampled_from(mentor_ids), max_size=1) if mentor_ids else st.just(frozenset()),
        excluded=st.frozensets(st.sampled_from(mentor_ids), max_size=1) if mentor_ids else st.just(frozenset()),
        rank=st.just(0),
    )


@st.composite
def pools(draw: st.DrawFn, most: int = 6) -> list[Candidate]:
    count = draw(st.integers(0, most))
    return [draw(mentor_of(f"M-{number}")) for number in range(count)]


@st.composite
def intakes(draw: st.DrawFn, most_hires: int = 4, most_mentors: int = 6) -> tuple[Policy, list[Candidate], list[Seeker]]:
    """A policy, mentors and hires; the first hire may be a mentor as well."""
    mentors = draw(pools(most_mentors))
    ids = [mentor.person.id for mentor in mentors]
    hires = [f"H-{number}" for number in range(draw(st.integers(1, most_hires)))]
    if ids and draw(st.booleans()):
        hires[0] = ids[0]
    return draw(policies), mentors, [draw(seeker_of(id, ids)) for id in hires]
