"""The matching rules and criteria once more, as plain loops over dataclasses: the yardstick of the bench, the tests' oracle.

Written from the policy's description and not from the engine: one mentor at a time, nothing vectorised, nothing cached.
"""

from collections.abc import Callable, Iterable, Sequence
from datetime import UTC, date, datetime, time
from typing import Any
from zoneinfo import ZoneInfo

from services.matching.person import LEVELS, UNTOLD, Person, Seeker
from services.matching.policy import CrossGroup, Language, Policy, Rating, Role, Seniority, Site, Tenure
from services.matching.pool import Candidate
from services.matching.rules import lot

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
        (
            "same_department",
            hire.department is not None
            and hire.department == person.department
            and lot(hire.id) >= policy.rules.same_department_percent,
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


def _language(language: Language, hire: Person, mentor: Person) -> int:
    best = 0
    for index, code in enumerate(hire.languages):
        if code not in mentor.languages:
            continue
        levels = (hire.spoken[1][index], mentor.spoken[1][mentor.languages.index(code)])
        percent = 100 if min(levels) == UNTOLD else getattr(language.levels, LEVELS[min(levels)])
        best = max(best, (language.other_language if index else 100) * percent)
    return best


def _seniority(seniority: Seniority, hire: Person, mentor: Person) -> int:
    if hire.seniority is None or mentor.seniority is None:
        return 0
    above = mentor.seniority - hire.seniority
    outside = seniority.least - above if above < seniority.least else max(above - seniority.most, 0)
    return max(FULL - 100 * seniority.lost_per_step * outside, 0)


def _rating(rating: Rating, mentor: Candidate, mean: int) -> int:
    answers, total = mentor.ratings
    if answers < rating.minimum_answers:
        return (mean - 100) * 25
    return ((total + mean * rating.prior_answers) // (answers + rating.prior_answers) - 100) * 25


def mean_rating(mentors: Iterable[Candidate]) -> int:
    """The mean of all ratings in hundredths, rounded down; the scale's middle where there is none."""
    ratings = [mentor.ratings for mentor in mentors]
    answers = sum(one for one, _ in ratings)
    return sum(total for _, total in ratings) // answers if answers else 300


def _role(role: Role, hire: Person, mentor: Person) -> int:
    words, all_words = hire.role[1] & mentor.role[1], hire.role[1] | mentor.role[1]
    family = role.same_family * 100
    same = hire.role[0] is not None and hire.role[0] == mentor.role[0]
    return family * same + ((FULL - family) * len(words) // len(all_words) if all_words else 0)


def _site(site: Site, hire: Person, mentor: Person) -> int:
    here = hire.place[0] is not None and hire.place[0] == mentor.place[0]
    alike = hire.place[1] is not None and hire.place[1] == mentor.place[1]
    return FULL if here or (alike and hire.place[1] == "remote") else site.same_arrangement * 100 * alike


def _apart(group: CrossGroup, hire: Person, mentor: Person) -> int:
    ours, theirs = getattr(hire, group.by), getattr(mentor, group.by)
    return FULL * (ours is not None and theirs is not None and ours != theirs)


def values(policy: Policy, seeker: Seeker, mentor: Candidate, mean: int = 300) -> dict[str, int]:
    """Each used criterion's value, 0..10000. `mean` is that of all mentors' ratings (`mean_rating`)."""
    hire, person = seeker.person, mentor.person
    by_name: dict[str, Callable[[Any], int]] = {
        "role": lambda role: _role(role, hire, person),
        "skills": lambda skills: _some(skills.enough, hire.skills, person.skills),
        "interests": lambda interests: _some(interests.enough, hire.interests, person.interests),
        "values": lambda values: _some(values.enough, hire.values, person.values),
        "working_hours": lambda _: _hours(seeker, mentor, policy),
        "language": lambda language: _language(language, hire, person),
        "site": lambda site: _site(site, hire, person),
        "seniority": lambda seniority: _seniority(seniority, hire, person),
        "tenure": lambda tenure: _tenure(tenure, seeker, mentor),
        "rating": lambda rating: _rating(rating, mentor, mean),
        "load": lambda _: max(mentor.capacity - mentor.load, 0) * FULL // mentor.capacity if mentor.capacity else 0,
        "cross_group": lambda group: _apart(group, hire, person),
    }
    return {name: by_name[name](getattr(policy.criteria, name)) for name in policy.shares}


def score(policy: Policy, seeker: Seeker, mentor: Candidate, mean: int = 300) -> int:
    """The pair's score, 0..10000."""
    return sum(value * policy.shares[name] // FULL for name, value in values(policy, seeker, mentor, mean).items())


def decide(policy: Policy, seeker: Seeker, mentors: Sequence[Candidate], mean: int = 300) -> list[tuple[int, str]]:
    """The four best possible mentors as (score, id), ties by id: what one hire's decision is made of."""
    possible = [mentor for mentor in mentors if first_rule(policy, seeker, mentor) is None]
    scored = ((score(policy, seeker, mentor, mean), mentor.person.id) for mentor in possible)
    return sorted(scored, key=lambda one: (-one[0], one[1]))[:4]
