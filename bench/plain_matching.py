"""The matching rules and criteria once more, as plain loops over dataclasses: the yardstick of the bench, the tests' oracle.

Written from the policy's description and not from the engine: one mentor at a time, nothing vectorised, nothing cached.
"""

from collections.abc import Sequence
from datetime import UTC, date, datetime, time
from zoneinfo import ZoneInfo

from services.matching.person import Seeker
from services.matching.policy import Policy, Tenure
from services.matching.pool import Candidate

FULL = 10_000


def first_rule(policy: Policy, seeker: Seeker, mentor: Candidate) -> str | None:
    """The hard rule that a mentor's exclusion is put down to, or None for a possible one."""
    hire, person = seeker.person, mentor.person
    floor = seeker.day.toordinal() - policy.rules.minimum_tenure_days
    tests = (
        ("self", person.id == hire.id),
        ("profile_unknown", not mentor.known),
        ("not_active", not mentor.active),
        ("not_trained", policy.rules.training_required and not mentor.trained),
        ("excluded_pair", person.id in seeker.excluded),
        ("own_manager", seeker.managers[:1] == (person.id,)),
        ("reporting_chain", person.id in seeker.managers[1:] or person.id in seeker.reports),
        ("not_available_by_start", mentor.available_from is not None and mentor.available_from > seeker.day),
        ("tenure_too_short", person.start is not None and person.start.toordinal() > floor),
        (
            "no_shared_language",
            policy.rules.shared_language_required
            and bool(hire.languages and person.languages)
            and not any(language in person.languages for language in hire.languages),
        ),
        ("capacity", mentor.load >= mentor.capacity),
    )
    return next((name for name, excluded in tests if excluded), None)


def _offset(zone: str, day: date) -> int:
    offset = datetime.combine(day, time(12), UTC).astimezone(ZoneInfo(zone)).utcoffset()
    assert offset is not None
    return int(offset.total_seconds() // 60)


def _hours(seeker: Seeker, mentor: Candidate, policy: Policy) -> int:
    hours, ours, theirs = policy.criteria.working_hours, seeker.person.time_zone, mentor.person.time_zone
    if hours is None or ours is None or theirs is None:
        return 0
    ahead = (_offset(ours, seeker.day) - _offset(theirs, seeker.day)) % 1440
    common = max((hours.ends - hours.starts) * 60 - min(ahead, 1440 - ahead), 0)
    return min(common * FULL // (hours.enough_hours * 60), FULL)


def _tenure(tenure: Tenure, seeker: Seeker, mentor: Candidate) -> int:
    start = mentor.person.start
    if start is None or (days := (seeker.day - start).days) < tenure.curve[0][0]:
        return 0
    for (left, low), (right, high) in zip(tenure.curve, tenure.curve[1:], strict=False):
        if left <= days < right:
            return low * 100 + (high - low) * 100 * (days - left) // (right - left)
    return tenure.curve[-1][1] * 100


def _some(enough: int, ours: Sequence[str], theirs: Sequence[str]) -> int:
    needed = min(enough, len(ours))
    return min(sum(word in theirs for word in ours), needed) * FULL // needed if needed else 0


def values(policy: Policy, seeker: Seeker, mentor: Candidate) -> dict[str, int]:
    """Each used criterion's value, 0..10000."""
    criteria, hire, person = policy.criteria, seeker.person, mentor.person
    found: dict[str, int] = {}
    if criteria.role:
        words, all_words = hire.role[1] & person.role[1], hire.role[1] | person.role[1]
        family = criteria.role.same_family * 100
        same = hire.role[0] is not None and hire.role[0] == person.role[0]
        found["role"] = family * same + ((FULL - family) * len(words) // len(all_words) if all_words else 0)
    if criteria.skills:
        found["skills"] = _some(criteria.skills.enough, hire.skills, person.skills)
    if criteria.interests:
        found["interests"] = _some(criteria.interests.enough, hire.interests, person.interests)
    found["working_hours"] = _hours(seeker, mentor, policy)
    if criteria.language:
        first = bool(hire.languages) and hire.languages[0] in person.languages
        other = any(language in person.languages for language in hire.languages)
        found["language"] = FULL if first else criteria.language.other_language * 100 * other
    if criteria.site:
        here = hire.place[0] is not None and hire.place[0] == person.place[0]
        alike = hire.place[1] is not None and hire.place[1] == person.place[1]
        remote = alike and hire.place[1] == "remote"
        found["site"] = FULL if here or remote else criteria.site.same_arrangement * 100 * alike
    if criteria.tenure:
        found["tenure"] = _tenure(criteria.tenure, seeker, mentor)
    found["load"] = max(mentor.capacity - mentor.load, 0) * FULL // mentor.capacity if mentor.capacity else 0
    if criteria.cross_group:
        ours, theirs = getattr(hire, criteria.cross_group.by), getattr(person, criteria.cross_group.by)
        found["cross_group"] = FULL * (ours is not None and theirs is not None and ours != theirs)
    return {name: value for name, value in found.items() if name in policy.shares}


def score(policy: Policy, seeker: Seeker, mentor: Candidate) -> int:
    """The pair's score, 0..10000."""
    return sum(value * policy.shares[name] // FULL for name, value in values(policy, seeker, mentor).items())


def decide(policy: Policy, seeker: Seeker, mentors: Sequence[Candidate]) -> list[tuple[int, str]]:
    """The four best possible mentors as (score, id), ties by id: what one hire's decision is made of."""
    possible = [mentor for mentor in mentors if first_rule(policy, seeker, mentor) is None]
    return sorted(((score(policy, seeker, mentor), mentor.person.id) for mentor in possible), key=lambda one: (-one[0], one[1]))[
        :4
    ]
