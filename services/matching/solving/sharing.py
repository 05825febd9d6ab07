"""What hires of a batch have in common: each criterion is looked up once for all who are alike in what it reads."""

from collections.abc import Callable, Hashable, Iterator, Sequence

from services.matching.criteria import Lookup, lookup_of
from services.matching.person import WORDS, Seeker
from services.matching.policy import Policy
from services.matching.pool import ALL, Pool

SHARED_BYTES = 1 << 25  # what the lookups of one batch add to scores, 16 bits each

READS: dict[str, Callable[[Seeker], Hashable]] = {
    "role": lambda seeker: seeker.person.role,
    "skills": lambda seeker: seeker.person.skills,
    "interests": lambda seeker: seeker.person.interests,
    "meaning": lambda seeker: seeker.person.interests,
    "values": lambda seeker: seeker.person.values,
    "working_hours": lambda seeker: (seeker.person.time_zone, seeker.day),
    "language": lambda seeker: seeker.person.spoken,
    "site": lambda seeker: seeker.person.place,
    "seniority": lambda seeker: seeker.person.seniority,
    "tenure": lambda seeker: seeker.day,
    "rating": lambda _: None,
    "load": lambda _: None,
    "cross_group": lambda seeker: (seeker.person.department, seeker.person.division),
}
"""What of a hire each criterion reads: two who are alike in it get the same values."""
VARIOUS = frozenset({*WORDS, "meaning"})  # so various that hardly two hires share a lookup


def alike(seekers: Sequence[Seeker], reads: Callable[[Seeker], Hashable]) -> Iterator[tuple[list[int], Seeker]]:
    """Those who are equal in what is read of them, by their places, and one of them."""
    groups: dict[Hashable, list[int]] = {}
    for place, seeker in enumerate(seekers):
        groups.setdefault(reads(seeker), []).append(place)
    for places in groups.values():
        yield places, seekers[places[0]]


class SharedLookups:
    """Lookups of many hires, each made once for all who are alike in what its criterion reads."""

    def __init__(self, pool: Pool, policy: Policy) -> None:
        self._pool = pool
        self._policy = policy
        self._most = SHARED_BYTES // (2 * max(len(pool), 1))
        self._made: dict[tuple[str, Hashable], Lookup] = {}

    def one(self, seeker: Seeker, name: str, share: int) -> Lookup:
        """One criterion for one hire; `share` as the policy has it."""
        if name in VARIOUS:
            return lookup_of(self._pool, self._policy, seeker, name, share, ALL)
        key = (name, READS[name](seeker))
        found = self._made.get(key)
        if found is None:
            if len(self._made) >= self._most:
                self._made.clear()
            found = self._made[key] = lookup_of(self._pool, self._policy, seeker, name, share, ALL)
        return found
