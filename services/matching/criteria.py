"""The criteria: what each says about a hire and every mentor of the pool, as integers.

A criterion gives a `Lookup`: a code per mentor and a value (0..10000) per code. Tables are small and mostly cached, so a
hire against the whole pool is one gather per criterion. `evidence` says the same about one pair, for the explanation.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, date, datetime, time
from functools import cached_property, lru_cache
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np
from numpy.typing import NDArray

from services.matching.meaning import similarity
from services.matching.person import LADDER, LEVELS, UNTOLD, Seeker, Spoken
from services.matching.policy import (
    FULL,
    CrossGroup,
    Interests,
    Language,
    Load,
    Meaning,
    Policy,
    Rating,
    Role,
    Seniority,
    Site,
    Skills,
    Tenure,
    Values,
    WorkingHours,
)
from services.matching.pool import ALL, LOADS, Candidate, Ints, Pool, Rows, Vocabulary
from shared.events.mentoring import MAX_CAPACITY

DAY_MINUTES = 24 * 60
PERCENT = FULL // 100
Evidence = dict[str, Any]


def points_of(values: NDArray[np.int16], share: int) -> NDArray[np.int16]:
    """Points of values 0..10000 of a criterion that adds `share` points at full value."""
    return (values.astype(np.int32) * share // FULL).astype(np.int16)


@dataclass(eq=False)  # neither frozen nor slotted: a dozen are made for each decision
class Lookup:
    """One criterion for one hire. `values[codes[row]]` is its value 0..10000 for the mentor in that row, `points` of the same
    code what it adds to the score: value × share, rounded down, so that points add up to the score exactly.
    """

    name: str
    weight: int
    share: int
    codes: Ints
    values: NDArray[np.int16]
    points: NDArray[np.int16]

    @cached_property
    def scores(self) -> NDArray[np.int16]:
        """What it adds to each mentor's score, shape (mentors,)."""
        return self.points.take(self.codes, mode="clip")  # without checking bounds, which costs as much as the gather


def _role_value(ours: tuple[str | None, frozenset[str]], theirs: tuple[str | None, frozenset[str]], role: Role) -> int:
    family = role.same_family * PERCENT if ours[0] is not None and ours[0] == theirs[0] else 0
    together = len(ours[1] | theirs[1])
    title = (FULL - role.same_family * PERCENT) * len(ours[1] & theirs[1]) // together if together else 0
    return family + title


def _role(pool: Pool, seeker: Seeker, role: Role, rows: Rows) -> tuple[Ints, NDArray[np.int16]]:
    ours = seeker.person.role
    return pool.column("role", rows), pool.table(("role", ours, role), pool.roles, lambda theirs: _role_value(ours, theirs, role))


def earned(shared: Ints, named: int | Ints, enough: int) -> NDArray[np.int16]:
    """The value of sharing so many of the `named` words, where `enough` (or all named) of them earn everything."""
    needed = np.maximum(np.minimum(enough, named), 1)
    return (np.minimum(shared, needed).astype(np.int64) * FULL // needed).astype(np.int16)


@lru_cache(maxsize=1024)  # a few words, in a few policies
def _share_of(enough: int, named: int) -> NDArray[np.int16]:
    """Value by number of shared words 0..`named`."""
    return earned(np.arange(named + 1), named, enough)


def _shared_words(pool: Pool, seeker: Seeker, name: str, enough: int, rows: Rows) -> tuple[Ints, NDArray[np.int16]]:
    """A criterion of words: those of the seeker's that a mentor has too."""
    named = seeker.person.words(name)
    return pool.words[name].shared(named, len(pool), rows), _share_of(enough, len(named))


def _skills(pool: Pool, seeker: Seeker, skills: Skills, rows: Rows) -> tuple[Ints, NDArray[np.int16]]:
    return _shared_words(pool, seeker, "skills", skills.enough, rows)


def _interests(pool: Pool, seeker: Seeker, interests: Interests, rows: Rows) -> tuple[Ints, NDArray[np.int16]]:
    return _shared_words(pool, seeker, "interests", interests.enough, rows)


def nearest(ours: tuple[str, ...], theirs: tuple[str, ...], meaning: Meaning) -> list[int]:
    """What each of our interests earns for the nearest one of theirs, 0..10000, most first."""
    found = [max((similarity(one, other) for other in theirs), default=0) for one in ours]
    return sorted((value if value >= meaning.least * PERCENT else 0 for value in found), reverse=True)


def _meaning_value(ours: tuple[str, ...], theirs: tuple[str, ...], meaning: Meaning) -> int:
    needed = min(meaning.enough, len(ours))
    return sum(nearest(ours, theirs, meaning)[:needed]) // needed if needed else 0


def _meaning(pool: Pool, seeker: Seeker, meaning: Meaning, rows: Rows) -> tuple[Ints, NDArray[np.int16]]:
    ours = seeker.person.interests
    key = ("meaning", ours, meaning)
    return pool.column("interest_set", rows), pool.table(
        key, pool.interest_sets, lambda theirs: _meaning_value(ours, theirs, meaning)
    )


def _values(pool: Pool, seeker: Seeker, values: Values, rows: Rows) -> tuple[Ints, NDArray[np.int16]]:
    return _shared_words(pool, seeker, "values", values.enough, rows)


@lru_cache(maxsize=65_536)  # about 600 zones, and the days on which hires start
def _offset(zone: str, day: date) -> int:
    """Minutes east of UTC at noon (UTC) of a day."""
    offset = datetime.combine(day, time(12), UTC).astimezone(ZoneInfo(zone)).utcoffset()
    return int(offset.total_seconds()) // 60 if offset is not None else 0


def common_minutes(ours: str, theirs: str, day: date, hours: WorkingHours) -> int:
    """Minutes of the working day that two zones have in common, wherever the date line runs between them."""
    length = 60 * (hours.ends - hours.starts)
    apart = (_offset(ours, day) - _offset(theirs, day)) % DAY_MINUTES
    return max(length - min(apart, DAY_MINUTES - apart), 0)


def _working_hours_value(ours: str | None, theirs: str | None, day: date, hours: WorkingHours) -> int:
    if ours is None or theirs is None:
        return 0
    enough = 60 * hours.enough_hours
    return min(common_minutes(ours, theirs, day, hours), enough) * FULL // enough


def _working_hours(pool: Pool, seeker: Seeker, hours: WorkingHours, rows: Rows) -> tuple[Ints, NDArray[np.int16]]:
    ours, day = seeker.person.time_zone, seeker.day
    key = ("working_hours", ours, day, hours)
    return pool.column("zone", rows), pool.table(key, pool.zones, lambda theirs: _working_hours_value(ours, theirs, day, hours))


def speaks_with(ours: tuple[str, ...]) -> Callable[[Spoken], int]:
    """Whether somebody can talk to us, as 1 or 0; who has told no language is taken to."""
    return lambda theirs: int(not theirs[0] or bool(set(ours) & set(theirs[0])))


def shared_levels(ours: Spoken, theirs: Spoken) -> dict[str, int]:
    """The languages of both, in the order of ours, with the lower one of both levels."""
    levels = dict(zip(*theirs, strict=True))
    return {code: min(level, levels[code]) for code, level in zip(*ours, strict=True) if code in levels}


def _language_value(ours: Spoken, theirs: Spoken, language: Language) -> int:
    percents = (*(getattr(language.levels, level) for level in LEVELS), 100)
    return max(
        (
            (100 if code == ours[0][0] else language.other_language) * percents[level]
            for code, level in shared_levels(ours, theirs).items()
        ),
        default=0,
    )


def _language(pool: Pool, seeker: Seeker, language: Language, rows: Rows) -> tuple[Ints, NDArray[np.int16]]:
    ours = seeker.person.spoken
    key = ("language", ours, language)
    return pool.column("languages", rows), pool.table(key, pool.languages, lambda theirs: _language_value(ours, theirs, language))


def _site_value(ours: tuple[str | None, str | None], theirs: tuple[str | None, str | None], site: Site) -> int:
    if ours[1] == theirs[1] == "remote" or (ours[0] is not None and ours[0] == theirs[0]):
        return FULL
    return site.same_arrangement * PERCENT if ours[1] is not None and ours[1] == theirs[1] else 0


def _site(pool: Pool, seeker: Seeker, site: Site, rows: Rows) -> tuple[Ints, NDArray[np.int16]]:
    ours = seeker.person.place
    return pool.column("place", rows), pool.table(
        ("site", ours, site), pool.places, lambda theirs: _site_value(ours, theirs, site)
    )


@lru_cache(maxsize=1024)  # a hire's seven steps in a few policies
def _steps(ours: int | None, seniority: Seniority) -> NDArray[np.int16]:
    """Value by the mentor's step; the last one is for a mentor whose step is not known."""
    if ours is None:
        return np.zeros(len(LADDER) + 1, np.int16)
    above = np.arange(len(LADDER)) - ours
    outside = np.maximum(seniority.least - above, 0) + np.maximum(above - seniority.most, 0)
    return np.append(np.maximum(FULL - outside * seniority.lost_per_step * PERCENT, 0), 0).astype(np.int16)


def _seniority(pool: Pool, seeker: Seeker, seniority: Seniority, rows: Rows) -> tuple[Ints, NDArray[np.int16]]:
    return pool.column("seniority", rows), _steps(seeker.person.seniority, seniority)


@lru_cache(maxsize=64)
def _curve(tenure: Tenure) -> NDArray[np.int16]:
    """Value by days, from -1 (not started, or unknown) to the last knot."""
    days = [knot[0] for knot in tenure.curve]
    values = [knot[1] * PERCENT for knot in tenure.curve]
    table = np.zeros(days[-1] + 2, np.int16)
    for index in range(len(days) - 1):
        steps = np.arange(days[index + 1] - days[index])
        rise = values[index + 1] - values[index]
        table[days[index] + 1 : days[index + 1] + 1] = values[index] + rise * steps // (days[index + 1] - days[index])
    table[-1] = values[-1]
    return table


def _tenure(pool: Pool, seeker: Seeker, tenure: Tenure, rows: Rows) -> tuple[Ints, NDArray[np.int16]]:
    values = _curve(tenure)
    days = np.clip(np.int32(seeker.day.toordinal()) - pool.column("start", rows), -1, len(values) - 2)
    return days + np.int32(1), values


WORST, NEUTRAL, BEST = 100, 300, 500  # ratings run from 1 to 5; in hundredths


def _rating_value(ratings: tuple[int, int], mean: int, rating: Rating) -> int:
    answers, total = ratings if ratings[0] >= rating.minimum_answers else (0, 0)
    drawn = (total + mean * rating.prior_answers) // (answers + rating.prior_answers)
    return (drawn - WORST) * FULL // (BEST - WORST)


def _rating(pool: Pool, _: Seeker, rating: Rating, rows: Rows) -> tuple[Ints, NDArray[np.int16]]:
    answers, total = pool.rated
    mean = total // answers if answers else NEUTRAL
    return pool.column("rating", rows), pool.table(
        ("rating", mean, rating), pool.ratings, lambda ratings: _rating_value(ratings, mean, rating)
    )


def load_value(load: int, capacity: int) -> int:
    """The share of free places, 0..10000."""
    return max(capacity - load, 0) * FULL // capacity if capacity else 0


PLACES = np.array(
    [[load_value(load, capacity) for load in range(LOADS)] for capacity in range(MAX_CAPACITY + 1)], np.int16
).ravel()
"""The value of each code of the pool's column `places`; the code after it is one mentee more."""


def place_codes(pool: Pool, rows: NDArray[np.intp], more: NDArray[np.integer[Any]]) -> NDArray[np.int64]:
    """The codes of the mentors in `rows` (any shape) with so many mentees `more` than the pool knows."""
    capacity, load = np.divmod(pool.column("places", rows).astype(np.int64), LOADS)
    codes: NDArray[np.int64] = capacity * LOADS + np.minimum(load + more, LOADS - 1)
    return codes


def _load(pool: Pool, _: Seeker, __: Load, rows: Rows) -> tuple[Ints, NDArray[np.int16]]:
    return pool.column("places", rows), PLACES


def _cross_group(pool: Pool, seeker: Seeker, group: CrossGroup, rows: Rows) -> tuple[Ints, NDArray[np.int16]]:
    ours: str | None = getattr(seeker.person, group.by)
    groups: Vocabulary[str | None] = pool.departments if group.by == "department" else pool.divisions
    key = ("cross_group", group.by, ours)
    return pool.column(group.by, rows), pool.table(
        key, groups, lambda theirs: FULL * (None not in (ours, theirs) and ours != theirs)
    )


_LOOKUPS: dict[str, Callable[[Pool, Seeker, Any, Rows], tuple[Ints, NDArray[np.int16]]]] = {
    "role": _role,
    "skills": _skills,
    "interests": _interests,
    "meaning": _meaning,
    "values": _values,
    "working_hours": _working_hours,
    "language": _language,
    "site": _site,
    "seniority": _seniority,
    "tenure": _tenure,
    "rating": _rating,
    "load": _load,
    "cross_group": _cross_group,
}


def lookups(pool: Pool, policy: Policy, seeker: Seeker, rows: Rows = ALL) -> list[Lookup]:
    """Every used criterion for one hire, in the policy's order; of the mentors in `rows` only, where given."""
    return [lookup_of(pool, policy, seeker, name, share, rows) for name, share in policy.shares.items()]


def lookup_of(pool: Pool, policy: Policy, seeker: Seeker, name: str, share: int, rows: Rows) -> Lookup:
    """One criterion for one hire; `share` is the points that the policy gives it at full value."""
    criterion = getattr(policy.criteria, name)
    codes, values = _LOOKUPS[name](pool, seeker, criterion, rows)
    return Lookup(name, criterion.weight, share, codes, values, pool.derived(values, share, points_of))


def _words_evidence(ours: tuple[str, ...], theirs: tuple[str, ...]) -> Evidence:
    # Counts only: which words they are is looked up in the directory when somebody reads it, so that erasing works.
    return {"named": len(ours), "offered": len(theirs), "shared": len(set(ours) & set(theirs))}


def _role_evidence(seeker: Seeker, mentor: Candidate, _: Role) -> Evidence:
    ours, theirs = seeker.person.role, mentor.person.role
    known = ours[0] is not None and theirs[0] is not None
    return {"same_family": ours[0] == theirs[0] if known else None, "shared_title_words": len(ours[1] & theirs[1])}


def _working_hours_evidence(seeker: Seeker, mentor: Candidate, hours: WorkingHours) -> Evidence:
    ours, theirs = seeker.person.time_zone, mentor.person.time_zone
    common = common_minutes(ours, theirs, seeker.day, hours) if ours and theirs else None
    return {"common_minutes": common, "day_hours": hours.ends - hours.starts}


def _site_evidence(seeker: Seeker, mentor: Candidate, _: Site) -> Evidence:
    ours, theirs = seeker.person.place, mentor.person.place
    return {
        "same_location": None if None in (ours[0], theirs[0]) else ours[0] == theirs[0],
        "arrangement": ours[1] if ours[1] == theirs[1] else None,
        "arrangements_known": None not in (ours[1], theirs[1]),
    }


def _meaning_evidence(seeker: Seeker, mentor: Candidate, meaning: Meaning) -> Evidence:
    ours, theirs = seeker.person.interests, mentor.person.interests
    return {"named": len(ours), "offered": len(theirs), "near": sum(value > 0 for value in nearest(ours, theirs, meaning))}


def _language_evidence(seeker: Seeker, mentor: Candidate, _: Language) -> Evidence:
    ours, theirs = seeker.person.spoken, mentor.person.spoken
    shared = shared_levels(ours, theirs)
    levels = {code: LEVELS[level] for code, level in shared.items() if level != UNTOLD}
    return {"shared": list(shared), "levels": levels, "known": bool(ours[0] and theirs[0])}


def _seniority_evidence(seeker: Seeker, mentor: Candidate, _: Seniority) -> Evidence:
    ours, theirs = seeker.person.seniority, mentor.person.seniority
    return {"steps": None if ours is None or theirs is None else theirs - ours}


def _rating_evidence(_: Seeker, mentor: Candidate, rating: Rating) -> Evidence:
    # Under the minimum not even the mean is kept: it would tell what one or two people answered.
    answers, total = mentor.ratings
    return {"answers": answers, "mean": total // answers if answers >= rating.minimum_answers else None}


def _tenure_evidence(seeker: Seeker, mentor: Candidate, _: Tenure) -> Evidence:
    start = mentor.person.start
    return {"days": seeker.day.toordinal() - start.toordinal() if start else None}


def _cross_group_evidence(seeker: Seeker, mentor: Candidate, group: CrossGroup) -> Evidence:
    ours, theirs = getattr(seeker.person, group.by), getattr(mentor.person, group.by)
    return {"by": group.by, "different": None if None in (ours, theirs) else ours != theirs}


_EVIDENCE: dict[str, Callable[[Seeker, Candidate, Any], Evidence]] = {
    "role": _role_evidence,
    "skills": lambda seeker, mentor, _: _words_evidence(seeker.person.skills, mentor.person.skills),
    "interests": lambda seeker, mentor, _: _words_evidence(seeker.person.interests, mentor.person.interests),
    "meaning": _meaning_evidence,
    "values": lambda seeker, mentor, _: _words_evidence(seeker.person.values, mentor.person.values),
    "working_hours": _working_hours_evidence,
    "language": _language_evidence,
    "site": _site_evidence,
    "seniority": _seniority_evidence,
    "tenure": _tenure_evidence,
    "rating": _rating_evidence,
    "load": lambda _, mentor, __: {"load": mentor.load, "capacity": mentor.capacity},
    "cross_group": _cross_group_evidence,
}


def evidence(name: str, policy: Policy, seeker: Seeker, mentor: Candidate) -> Evidence:
    """The facts behind one criterion's value for one pair: numbers and codes, no text about a person."""
    return _EVIDENCE[name](seeker, mentor, getattr(policy.criteria, name))
