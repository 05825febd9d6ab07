"""Decisions that are not the solver's: a person's choice, a pair that goes on, a move. Explained by the same criteria. Pure."""

from collections.abc import Iterable
from datetime import datetime
from typing import Any

from services.matching import engine, explanations, rules
from services.matching.decisions import reasons_of
from services.matching.domain import Decision, RunnerUp
from services.matching.person import Seeker
from services.matching.policy import Policy
from services.matching.pool import Pool


def chosen(
    pool: Pool, policy: Policy, seeker: Seeker, mentor_id: str, others: Iterable[str], now: datetime, **more: Any
) -> Decision:
    """The decision for this mentor, with the best of `others` who are possible as runners-up; `more` are fields of `Decision`.

    `pool` must hold the mentor, and as few more as the caller likes; a runner-up may have more points than the one chosen.
    """
    possible = rules.legal(pool, policy, seeker)
    rows = [row for id in sorted({*others} - {mentor_id}) if (row := pool.row(id)) is not None and possible[row]]
    mentor = pool[mentor_id]
    ours, *theirs = engine.parts_of(pool, policy, seeker, [(row, 0) for row in (_row(pool, mentor_id), *rows)])
    runners = [
        RunnerUp(mentor_id=pool.ids[row], score=explanations.total(parts), points={part.criterion: part.points for part in parts})
        for row, parts in zip(rows, theirs, strict=True)
    ]
    runners.sort(key=lambda runner: (-runner.score, -explanations.tie_of(seeker.person.id, runner.mentor_id), runner.mentor_id))
    return Decision(
        mentor_id=mentor_id,
        score=explanations.total(ours),
        reasons=reasons_of(ours, seeker, mentor, policy),
        runners_up=runners[: explanations.RUNNERS_UP],
        policy_version=policy.version,
        decided_at=now,
        **more,
    )


def standing_rules(pool: Pool, policy: Policy, seeker: Seeker, mentor_id: str) -> list[str]:
    """The rules that this pair would break, in the order of `rules.NAMES`."""
    broken = rules.masks(pool, policy, seeker)[:, _row(pool, mentor_id)]
    return [name for name, fails in zip(rules.NAMES, broken, strict=True) if fails]


def _row(pool: Pool, mentor_id: str) -> int:
    row = pool.row(mentor_id)
    if row is None:
        raise KeyError(mentor_id)
    return row
