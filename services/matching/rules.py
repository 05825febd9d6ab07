"""The hard rules, each by the name that explanations use: who can't be whose mentor, whatever the score.

A rule excludes on what is known: somebody whose languages or start date nobody told is not excluded for them.
"""

from collections.abc import Callable, Hashable, Iterable

import numpy as np

from services.matching.criteria import speaks_with
from services.matching.person import Seeker
from services.matching.policy import Policy
from services.matching.pool import FULL_UP, INACTIVE, NEVER, UNKNOWN, UNTRAINED, Bools, Pool, identity

EVERYBODY = 100
Mask = Callable[[Pool, Policy, Seeker], Bools]


def _closed_by(bit: int) -> Mask:
    return lambda pool, _policy, _seeker: (pool.column("closed") & np.uint8(bit)) != 0


def _among(ids: Callable[[Seeker], Iterable[str]]) -> Mask:
    def mask(pool: Pool, _: Policy, seeker: Seeker) -> Bools:
        excluded = np.zeros(len(pool), np.bool_)
        for id in ids(seeker):
            row = pool.row(id)
            if row is not None:
                excluded[row] = True
        return excluded

    return mask


def _untrained(pool: Pool, policy: Policy, seeker: Seeker) -> Bools:
    if not policy.rules.training_required:
        return np.zeros(len(pool), np.bool_)
    return _closed_by(UNTRAINED)(pool, policy, seeker)


def _away(pool: Pool, _: Policy, seeker: Seeker) -> Bools:
    return np.asarray(pool.column("available") > seeker.day.toordinal(), np.bool_)


def _too_new(pool: Pool, policy: Policy, seeker: Seeker) -> Bools:
    start = pool.column("start")
    return np.asarray((start > seeker.day.toordinal() - policy.rules.minimum_tenure_days) & (start != NEVER), np.bool_)


def _no_common_language(pool: Pool, policy: Policy, seeker: Seeker) -> Bools:
    ours = seeker.person.languages
    if not policy.rules.shared_language_required or not ours:
        return np.zeros(len(pool), np.bool_)
    return np.asarray(
        pool.table(("speaks_with", ours), pool.languages, speaks_with(ours)).take(pool.column("languages")) == 0, np.bool_
    )


def lot(id: str) -> int:
    """0..99, drawn by an id and nothing else: the same on every machine, and again whenever the person is matched."""
    return identity(f"lot {id}") % 100


def looks_elsewhere(policy: Policy, seeker: Seeker) -> bool:
    """Whether this hire is one of those who get no mentor from their own department."""
    if seeker.elsewhere is not None:
        return seeker.elsewhere
    percent = policy.rules.same_department_percent
    return percent < EVERYBODY and lot(seeker.person.id) >= percent


def _same_department(pool: Pool, policy: Policy, seeker: Seeker) -> Bools:
    ours = seeker.person.department
    code = pool.departments.find(ours) if ours is not None and looks_elsewhere(policy, seeker) else None
    return np.zeros(len(pool), np.bool_) if code is None else np.asarray(pool.column("department") == code, np.bool_)


RULES: dict[str, Mask] = {
    "self": _among(lambda seeker: (seeker.person.id,)),
    "profile_unknown": _closed_by(UNKNOWN),
    "not_active": _closed_by(INACTIVE),
    "not_trained": _untrained,
    "excluded_pair": _among(lambda seeker: seeker.excluded),
    "own_manager": _among(lambda seeker: seeker.managers[:1]),
    "reporting_chain": _among(lambda seeker: (*seeker.managers[1:], *seeker.reports)),
    "not_available_by_start": _away,
    "tenure_too_short": _too_new,
    "no_shared_language": _no_common_language,
    "same_department": _same_department,
    "capacity": _closed_by(FULL_UP),
}
"""Every rule in the order in which a mentor's exclusion is put down to it. Capacity comes last: whoever is put down to
it alone would be possible with one more place."""

NAMES: tuple[str, ...] = tuple(RULES)
LASTING = frozenset({"self", "not_active", "excluded_pair", "own_manager", "reporting_chain"})
"""Rules that end a match already made; the others decide only about new ones."""
OVERRIDABLE = frozenset({"not_trained", "not_available_by_start", "tenure_too_short", "no_shared_language", "same_department"})
"""Rules that a coordinator may set aside with a reason. The rest protect people or the mentor's places, and what hinders
can be mended first: raise the capacity, end the pause, load the profile."""


def masks(pool: Pool, policy: Policy, seeker: Seeker) -> np.ndarray[tuple[int, int], np.dtype[np.bool_]]:
    """Which rule excludes which mentor: shape (rules in the order of `NAMES`, mentors)."""
    return np.stack([mask(pool, policy, seeker) for mask in RULES.values()])


def legal(pool: Pool, policy: Policy, seeker: Seeker) -> Bools:
    """Which mentors no rule excludes, shape (mentors,). Equals `~masks(...).any(axis=0)`, without what that costs."""
    possible = open_to(pool, policy, seeker)
    for row in barred(pool, seeker):
        possible[row] = False
    return possible


def open_to(pool: Pool, policy: Policy, seeker: Seeker) -> Bools:
    """`legal` but for the rules about who two people are to each other. Depends on `reads` alone."""
    forbidding = UNKNOWN | INACTIVE | FULL_UP | (UNTRAINED if policy.rules.training_required else 0)
    possible = (pool.column("closed") & np.uint8(forbidding)) == 0
    possible &= ~_away(pool, policy, seeker)
    possible &= ~_too_new(pool, policy, seeker)
    if policy.rules.shared_language_required and seeker.person.languages:
        possible &= ~_no_common_language(pool, policy, seeker)
    if looks_elsewhere(policy, seeker):
        possible &= ~_same_department(pool, policy, seeker)
    return np.asarray(possible, np.bool_)


def reads(policy: Policy, seeker: Seeker) -> Hashable:
    """What of a hire `open_to` looks at."""
    elsewhere = seeker.person.department if looks_elsewhere(policy, seeker) else None
    return seeker.day, seeker.person.languages, elsewhere


def barred(pool: Pool, seeker: Seeker) -> set[int]:
    """The rows of mentors whom this hire can't have for who they are to each other."""
    rows = (pool.row(id) for id in (seeker.person.id, *seeker.managers, *seeker.reports, *seeker.excluded))
    return {row for row in rows if row is not None}
