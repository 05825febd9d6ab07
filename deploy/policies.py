"""Matching policies against mentors: those of a running system, or those of a table."""

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import asdict
from datetime import datetime
from pathlib import Path
from typing import Any

from deploy.endpoints import NotRunning
from deploy.found import database, find
from services.intake.table import read_table
from services.matching import engine, explanations, policies, rules, words
from services.matching.criteria import evidence
from services.matching.facts import MENTOR_FOLDS
from services.matching.memory import Memory, candidate
from services.matching.person import Seeker, person_from
from services.matching.policy import Policy
from services.matching.policy_file import PolicyError, load_policy
from services.matching.pool import Pool
from services.matching.reading import Books
from services.matching.store import SERVICE
from services.matching.wording.pair import Pair
from shared.directory import people
from shared.events.hr import Profile
from shared.events.mentoring import MentorFact
from shared.mongo import Database
from shared.settings import Settings


class Unknown(ValueError):
    """What was asked about is not there; the text says what to do."""


def in_force(path: Path | None) -> tuple[str, Policy]:
    """The policy of a file, else the one that the settings name, else the shipped one; with its name. Raises `PolicyError`."""
    file = path or Settings().policy_file
    return str(file or "the shipped policy"), load_policy(file)


@asynccontextmanager
async def matching_of(data: Path | None) -> AsyncIterator[Database]:
    """Matching's database of the system that `find` finds. Raises `NotRunning`."""
    async with database(find(data, "MONGO")) as client:
        yield client[SERVICE]


async def policy_of(source: str, data: Path | None) -> Policy:
    """A policy by file, or by a version that was in force. Raises `PolicyError`, `NotRunning`, `Unknown`."""
    if not _is_version(source):
        return load_policy(Path(source))
    async with matching_of(data) as db:
        policy = await policies.recall(db, source)
        if policy is None:
            known = ", ".join(version for version, _ in await policies.versions(db)) or "none"
            raise Unknown(f"the policy {source} was never in force here; those that were: {known}")
        return policy


def _is_version(source: str) -> bool:
    return "@" in source and not Path(source).exists()


async def known_versions(data: Path | None) -> list[tuple[str, datetime]]:
    """Every version that was in force, oldest first. Raises `NotRunning`."""
    async with matching_of(data) as db:
        return await policies.versions(db)


async def live_pool(policy: Policy, data: Path | None) -> Pool | None:
    """The mentors of the running system; None where none runs and none was named. Raises `NotRunning` for one that was."""
    try:
        async with matching_of(data) as db:
            memory = Memory(policy, "command")
            await memory.begin(db)
            return memory.pool
    except NotRunning:
        if data is not None:
            raise
        return None


def table_pool(file: Path, now: datetime) -> Pool:
    """The mentors of a table as `./firstmate import` reads it. Raises `Unreadable`, `ColumnFault`, `OSError`, `Unknown`."""
    _, rows = read_table(file.read_bytes(), now)
    pool = Pool()
    for row in rows:
        if row.faults:
            fault = row.faults[0]
            raise Unknown(f"{file}:{fault.line}: {fault.column or 'row'}: {fault.detail}")
        payloads = [event.data for event in row.events]
        mentor = next((MENTOR_FOLDS[type(fact)](None, fact, now) for fact in payloads if isinstance(fact, MentorFact)), None)
        known = next((fact for fact in payloads if isinstance(fact, Profile)), None)
        if mentor is not None and known is not None:
            profile = known.profile()
            pool.put(candidate(person_from(known.employee_id, profile), mentor, profile))
    return pool


def tested(policy: Policy, pool: Pool, now: datetime) -> dict[str, Any]:
    """What the rules make of a pool: `mentors`, `excluded` by rule for a hire who starts today, `excludes_everyone`."""
    return {
        "mentors": len(pool),
        "excluded": policies.excluded(pool, policy, now),
        "excludes_everyone": policies.excluding_everyone(pool, policy, now),
    }


def faults_of(error: PolicyError) -> list[dict[str, Any]]:
    """The faults, ready for JSON."""
    return [asdict(fault) for fault in error.faults]


async def pair(policy: Policy, hire_id: str, mentor_id: str, data: Path | None, now: datetime, language: str) -> dict[str, Any]:
    """How a policy sees one hire and one mentor of the running system now. Raises `NotRunning`, `Unknown`.

    `criteria` add up to `score`; `rules_against` stand against the pair. The hire's own place counts as free.
    """
    async with matching_of(data) as db:
        memory = Memory(policy, "command")
        await memory.begin(db)
        known = await people(db, [hire_id, mentor_id])
        stream, hire = memory.mentor(mentor_id), await Books(db).hire(hire_id)
    if hire is None or hire_id not in known:
        raise Unknown(f"{hire_id} is nobody whom the HR system has told of")
    if stream is None or stream.state is None:
        raise Unknown(f"{mentor_id} is no mentor; enrol them first")
    mentor = candidate(person_from(mentor_id, known.get(mentor_id) or {}), stream.state.without(hire_id), known.get(mentor_id))
    memory.pool.put(mentor)
    person = person_from(hire_id, known[hire_id])
    seeker = Seeker(
        person=person,
        day=max(person.start or now.date(), now.date()),
        managers=memory.reporting.managers(hire_id),
        reports=memory.reporting.reports(hire_id),
        excluded=frozenset(hire.excluded),
    )
    row = memory.pool.row(mentor_id)
    (parts,) = engine.parts_of(memory.pool, policy, seeker, [(row or 0, 0)])
    broken = rules.masks(memory.pool, policy, seeker)[:, row or 0]
    said = Pair(known[hire_id], known.get(mentor_id) or {})
    return {
        "hire_id": hire_id,
        "mentor_id": mentor_id,
        "policy_version": policy.version,
        "score": explanations.total(parts),
        "criteria": [
            {
                "criterion": part.criterion,
                "label": words.label(part.criterion, language),
                "weight": part.weight,
                "share": policy.shares[part.criterion],
                "value": part.value,
                "points": part.points,
                "words": words.reason(part.criterion, evidence(part.criterion, policy, seeker, mentor), said, language),
            }
            for part in parts
        ],
        "rules_against": [
            {"rule": name, "words": words.near_miss(name, language)}
            for name, fails in zip(rules.NAMES, broken, strict=True)
            if fails
        ],
        "decided": _decided(hire.decision, mentor_id),
    }


def _decided(decision: Any, mentor_id: str) -> Mapping[str, Any] | None:
    """The stored decision, where it is about this pair."""
    if decision is None or decision.mentor_id != mentor_id:
        return None
    return {"policy_version": decision.policy_version, "score": decision.score, "decided_at": decision.decided_at.isoformat()}
