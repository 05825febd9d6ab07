"""Proposals to re-optimise with names and words, for coordinators."""

from collections.abc import Iterable
from datetime import datetime

from pydantic import BaseModel

from services.matching import words
from services.matching.reoptimisation.moves import WHY_NOT, Move, Reoptimisation, Step, StepState
from services.matching.views import People, ReasonView
from services.matching.wording.pair import Pair
from shared.directory import name_of


class MoveView(BaseModel):
    """One hire to another mentor; without `from_mentor_id`, from the waitlist. `before_points` by criterion, now."""

    employee_id: str
    name: str
    from_mentor_id: str | None
    from_mentor_name: str | None
    to_mentor_id: str
    to_mentor_name: str
    before: int
    after: int
    before_points: dict[str, int]
    reasons: list[ReasonView]


class StepView(BaseModel):
    """Moves that are taken together or not at all. `refused` and `refused_words` say why a stale one could not be taken."""

    id: str
    state: StepState
    gain: int
    placed: int
    moves: list[MoveView]
    refused: str | None
    refused_words: str | None
    decided_by: str | None
    decided_at: datetime | None


class ReoptimisationView(BaseModel):
    """A proposal: `pairs` that have not met and `waiting` hires were considered; scores and gains in points, 10000 the best pair.

    `open` says whether a step is left to decide.
    """

    id: str
    made_at: datetime
    made_by: str
    policy_version: str
    pairs: int
    waiting: int
    before: int
    after: int
    gain: int
    placed: int
    open: bool
    steps: list[StepView]


def people_in(proposals: Iterable[Reoptimisation]) -> set[str]:
    """Everybody whose name these views show."""
    all_moves = [move for proposal in proposals for step in proposal.steps for move in step.moves]
    return {id for move in all_moves for id in (move.hire_id, move.from_mentor, move.to_mentor) if id is not None}


def reoptimisation(id: str, proposal: Reoptimisation, people: People, language: str = "en") -> ReoptimisationView:
    """The view of a proposal, its reasons in a language of `words.LANGUAGES`."""
    told = proposal.model_dump(exclude={"steps"})
    return ReoptimisationView(id=id, **told, steps=[_step(step, people, language) for step in proposal.steps])


def _step(step: Step, people: People, language: str) -> StepView:
    refused = step.refused
    return StepView(
        **step.model_dump(exclude={"moves"}),
        moves=[_move(move, people, language) for move in step.moves],
        refused_words=(WHY_NOT.get(refused) or f"a mentor in it {words.near_miss(refused)}") if refused else None,
    )


def _move(move: Move, people: People, language: str) -> MoveView:
    pair = Pair(people.get(move.hire_id) or {}, people.get(move.to_mentor) or {})
    return MoveView(
        employee_id=move.hire_id,
        name=name_of(people.get(move.hire_id), move.hire_id),
        from_mentor_id=move.from_mentor,
        from_mentor_name=name_of(people.get(move.from_mentor), move.from_mentor) if move.from_mentor else None,
        to_mentor_id=move.to_mentor,
        to_mentor_name=name_of(people.get(move.to_mentor), move.to_mentor),
        before=move.before,
        after=move.after,
        before_points=move.before_points,
        reasons=[
            ReasonView(
                criterion=reason.criterion,
                label=words.label(reason.criterion, language),
                weight=reason.weight,
                value=reason.value,
                points=reason.points,
                words=words.reason(reason.criterion, reason.evidence, pair, language),
            )
            for reason in move.reasons
        ],
    )
