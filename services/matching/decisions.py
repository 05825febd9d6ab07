"""From what the engine found to what is stored: the decision with its evidence."""

from dataclasses import replace
from datetime import datetime

from services.matching import engine, explanations
from services.matching.criteria import evidence
from services.matching.domain import Change, Decision, NearMiss, Reason, RunnerUp, Waitlisting
from services.matching.person import Seeker
from services.matching.policy import Policy
from services.matching.pool import Candidate


def reasons_of(parts: tuple[explanations.Part, ...], seeker: Seeker, mentor: Candidate, policy: Policy) -> list[Reason]:
    """Each criterion's part with the facts behind it; `mentor` with the load that the parts were computed for."""
    return [
        Reason(
            criterion=part.criterion,
            weight=part.weight,
            value=part.value,
            points=part.points,
            evidence=evidence(part.criterion, policy, seeker, mentor),
        )
        for part in parts
    ]


def decision_of(found: explanations.Match, seeker: Seeker, mentor: Candidate, policy: Policy, now: datetime) -> Decision:
    """The policy's decision for one hire."""
    change = found.change
    return Decision(
        mentor_id=found.mentor_id,
        score=found.score,
        reasons=reasons_of(found.parts, seeker, replace(mentor, load=found.load), policy),
        runners_up=[
            RunnerUp(
                mentor_id=runner.mentor_id,
                score=runner.score,
                points={part.criterion: part.points for part in runner.parts},
                taken=runner.taken,
            )
            for runner in found.runners_up
        ],
        change=Change(
            mentor_id=change.mentor_id,
            difference=change.difference,
            criterion=change.criterion,
            value=change.value,
            needed=change.needed,
        )
        if change is not None
        else None,
        policy_version=policy.version,
        decided_at=now,
    )


def waitlisting_of(waiting: engine.Waiting, policy: Policy, now: datetime) -> Waitlisting:
    """Why a hire waits, as found now."""
    return Waitlisting(
        since=now,
        as_of=now,
        ruled_out=waiting.ruled_out,
        nearest=[
            NearMiss(mentor_id=near.mentor_id, rule=near.rule, failing=list(near.failing), score=near.score)
            for near in waiting.nearest
        ],
        policy_version=policy.version,
    )
