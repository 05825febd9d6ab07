"""A re-optimisation as it is proposed and kept, step by step, and what speaks against taking a step now. Pure."""

from datetime import datetime
from typing import Literal

from pydantic import BaseModel, ConfigDict, computed_field

from services.matching.domain import Hire, Reason
from shared.languages import N_

StepState = Literal["open", "accepted", "dismissed", "stale", "superseded"]

WHY_NOT = {
    "policy_changed": N_("the matching policy has changed since"),
    "hire_gone": N_("somebody in it needs no mentor any more"),
    "pair_changed": N_("somebody in it has another mentor by now"),
    "met": N_("a pair in it has met meanwhile"),
    "pinned": N_("a pair in it is pinned"),
    "decided_by_hand": N_("a pair in it was decided by hand, or goes on from last time"),
    "mentor_full": N_("a mentor in it has no free place any more"),
}
"""What speaks against a step, in words; the hard rules have theirs in `words.RULES`."""


class _State(BaseModel):
    model_config = ConfigDict(frozen=True)


class Move(_State):
    """One hire to another mentor; `from_mentor` is None for somebody who waits. `before` and `after` are the pair's scores."""

    hire_id: str
    from_mentor: str | None
    to_mentor: str
    before: int
    after: int
    before_points: dict[str, int]
    reasons: list[Reason]


class Step(_State):
    """Moves that are taken together or not at all. `gain` in points of the total score; `placed` of them had no mentor.

    `refused` says why a stale one could not be taken: a key of `WHY_NOT` or a hard rule.
    """

    id: str
    gain: int
    placed: int
    moves: list[Move]
    state: StepState = "open"
    refused: str | None = None
    decided_by: str | None = None
    decided_at: datetime | None = None

    def settled(self, state: StepState, by: str, now: datetime, refused: str | None = None) -> "Step":
        """The step once somebody, or what happened meanwhile, has decided about it."""
        return self.model_copy(update={"state": state, "refused": refused, "decided_by": by, "decided_at": now})


class Reoptimisation(_State):
    """What would be better among pairs that have not met, as found at `made_at`; `made_by` is an employee id or `nightly`.

    `pairs` and `waiting` were considered; `before` and `after` are their total scores, now and with every step taken.
    """

    made_at: datetime
    made_by: str
    policy_version: str
    pairs: int
    waiting: int
    before: int
    after: int
    gain: int
    placed: int
    steps: list[Step]

    @computed_field  # type: ignore[prop-decorator]
    @property
    def open(self) -> bool:
        """Whether anything is left to decide: stored, so that a later proposal finds and supersedes it."""
        return any(step.state == "open" for step in self.steps)

    def with_steps(self, settled: dict[str, Step]) -> "Reoptimisation":
        """The same with these steps, by id, in place of their former states."""
        return self.model_copy(update={"steps": [settled.get(step.id, step) for step in self.steps]})

    def all_open(self, state: StepState, by: str, now: datetime) -> "Reoptimisation":
        """The same with whatever is open settled so."""
        return self.with_steps({step.id: step.settled(state, by, now) for step in self.steps if step.state == "open"})


def may_move(hire: Hire) -> str | None:
    """Why a hire's pair stays as it is, as a key of `WHY_NOT`; None where it may move."""
    decision = hire.decision
    if hire.over is not None or hire.leaves_later:
        return "hire_gone"
    if decision is None or hire.mentor_id is None:
        return None
    if decision.mentor_id in hire.met:
        return "met"
    if decision.pin is not None:
        return "pinned"
    by_hand = decision.decided_by != "policy" or decision.because == "last_time"
    return "decided_by_hand" if by_hand else "pair_changed" if hire.unsettled else None


def against(move: Move, hire: Hire) -> str | None:
    """What speaks against a move because of the hire, as a key of `WHY_NOT`; None where nothing does."""
    if hire.over is not None:
        return "hire_gone"
    as_found = "waitlisted" if move.from_mentor is None else "assigned"
    if hire.status != as_found or hire.mentor_id != move.from_mentor:
        return "pair_changed"
    return may_move(hire)
