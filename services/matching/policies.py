"""Every policy version that was ever in force, whole: so an old decision can be explained against its own policy.

Collection `policies`, document `{_id: version, content, since}`; written once, when a worker first starts with it.
"""

from collections import Counter
from datetime import datetime

import numpy as np
from pydantic import ValidationError

from services.matching import rules
from services.matching.person import Person, Seeker
from services.matching.policy import Policy
from services.matching.policy_file import Fault, PolicyError
from services.matching.pool import Pool
from shared.mongo import Database

COLLECTION = "policies"
OWN = ("not_trained", "tenure_too_short")
"""Rules that a policy decides and that exclude mentors whoever the hire is."""


async def remember(db: Database, policy: Policy, now: datetime) -> None:
    """Keep this version, if it is new."""
    document = {"content": policy.model_dump(mode="json"), "since": now}
    await db[COLLECTION].update_one({"_id": policy.version}, {"$setOnInsert": document}, upsert=True)


async def recall(db: Database, version: str) -> Policy | None:
    """The policy of a version, or None for one that was never in force here. Raises `PolicyError` for one of a later release."""
    found = await db[COLLECTION].find_one({"_id": version})
    if found is None:
        return None
    try:
        return Policy.model_validate(found["content"])
    except ValidationError as error:
        words = f"this release does not know {error.error_count()} of its settings; ask the release that stored it"
        raise PolicyError([Fault(version, 1, "", words)]) from error


async def versions(db: Database) -> list[tuple[str, datetime]]:
    """Every version with the time since when it is known, oldest first."""
    return [
        (found["_id"], found["since"]) async for found in db[COLLECTION].find({}, {"since": 1}).sort([("since", 1), ("_id", 1)])
    ]


def excluded(pool: Pool, policy: Policy, now: datetime) -> dict[str, int]:
    """How many mentors each rule would exclude for a hire of whom nothing is known and who starts today."""
    if not len(pool):
        return {}
    nobody = Seeker(Person(""), now.date())
    counts = np.count_nonzero(rules.masks(pool, policy, nobody), axis=1)
    return {name: int(count) for name, count in zip(rules.NAMES, counts, strict=True) if count}


def excluding_everyone(pool: Pool, policy: Policy, now: datetime) -> list[str]:
    """The rules of the policy's own that exclude every mentor by themselves: with them nobody gets a mentor."""
    counts = Counter(excluded(pool, policy, now))
    return [rule for rule in OWN if len(pool) and counts[rule] == len(pool)]
