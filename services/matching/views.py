"""What the API answers and the pages show: decisions with names and words, for whoever may see them."""

from collections.abc import Mapping
from datetime import date, datetime
from typing import Any, Literal

from pydantic import BaseModel

from services.matching import words
from services.matching.domain import Because, Decision, Hire, Mentor, Objection, PastPair, Proposal, RunnerUp, Waitlisting
from services.matching.wording.pair import Pair
from shared.directory import name_of
from shared.events.mentoring import Trait
from shared.mongo import Document

People = Mapping[str, Document]
"""Directory documents by id."""


class ReasonView(BaseModel):
    """One criterion: its `value` (0..10000), the policy's `weight`, the `points` it added, and what was seen, in words."""

    criterion: str
    label: str
    weight: int
    value: int
    points: int
    words: str


class DifferenceView(BaseModel):
    """One criterion of a runner-up: the `points` it gave them, and by how many the chosen mentor's were more (less below 0)."""

    criterion: str
    label: str
    points: int
    difference: int


class RunnerUpView(BaseModel):
    """A mentor who was possible too; `taken`: their last place went to another hire in the same decision.

    `differences` are by criterion in the policy's order, and sum to `difference` exactly.
    """

    mentor_id: str
    name: str
    score: int
    difference: int
    taken: bool
    points: dict[str, int]
    differences: list[DifferenceView] = []


class ChangeView(BaseModel):
    """The smallest change of one criterion that would have picked a runner-up; without a criterion, none alone would."""

    mentor_id: str
    difference: int
    criterion: str | None
    value: int
    needed: int
    words: str


class RuledOutView(BaseModel):
    """How many mentors a hard rule excluded first."""

    rule: str
    count: int
    words: str


class NearMissView(BaseModel):
    """A mentor who would fit but for one rule or a few."""

    mentor_id: str
    name: str
    rule: str
    failing: list[str]
    score: int
    words: str


class AssignmentView(BaseModel):
    """A hire's mentor and why, or why none is possible yet.

    Who else was considered (`runners_up`, `what_would_change`, `nearest`) is shown to managers and coordinators, not to the pair.
    """

    employee_id: str
    name: str
    status: Literal["proposed", "assigned", "waitlisted", "released"]
    mentor_id: str | None = None
    mentor_name: str | None = None
    score: int | None = None
    reasons: list[ReasonView] = []
    runners_up: list[RunnerUpView] = []
    what_would_change: ChangeView | None = None
    ruled_out: list[RuledOutView] = []
    nearest: list[NearMissView] = []
    waiting_since: datetime | None = None
    policy_version: str | None = None
    decided_by: str | None = None
    decided_at: datetime | None = None
    reason: str | None = None
    rules_set_aside: list[str] = []
    because: Because | None = None
    approved_by: str | None = None
    pinned: bool = False
    met: bool = False
    history: list[PastPair] = []
    objections: list[Objection] = []


class ApprovalView(BaseModel):
    """A proposal that waits for a coordinator; at `until` it stands by itself."""

    employee_id: str
    name: str
    title: str | None
    department: str | None
    mentor_id: str
    mentor_name: str
    score: int
    reasons: list[ReasonView]
    runners_up: list[RunnerUpView]
    what_would_change: ChangeView | None = None
    proposed_at: datetime
    until: datetime
    policy_version: str
    because: Because | None


class MentorView(BaseModel):
    """A mentor: `load` of `capacity` places taken or reserved (for hires whose proposal waits); `status` is `left` for somebody
    who left the company, and `leaves_on` the last day of somebody who is about to and still has mentees."""

    employee_id: str
    name: str
    title: str | None
    department: str | None
    location: str | None
    status: Literal["nominated", "active", "paused", "withdrawn", "left"]
    capacity: int
    load: int
    trained: bool
    trained_on: date | None
    available_from: date | None
    traits: list[Trait]
    endorsed_by: str | None
    mentees: list[str]
    reserved: list[str]
    known: bool
    leaves_on: date | None = None


class AvailabilityView(BaseModel):
    """What mentors see of themselves: places, leave, pause, and whom they have; as in `MentorView`."""

    employee_id: str
    status: Literal["nominated", "active", "paused", "withdrawn", "left"]
    capacity: int
    load: int
    available_from: date | None
    mentees: list[str]


class WaitingView(BaseModel):
    """A hire on the waitlist."""

    employee_id: str
    name: str
    title: str | None
    department: str | None
    location: str | None
    start_date: str | None
    waiting_since: datetime
    as_of: datetime
    ruled_out: list[RuledOutView]
    nearest: list[NearMissView]
    policy_version: str


def concerned(hire: Hire) -> set[str]:
    """Everybody whose name an assignment's view shows."""
    found: set[str] = {past.mentor_id for past in hire.history}
    decision = hire.proposal.decision if hire.proposal is not None else hire.decision
    if decision is not None:
        found |= {decision.mentor_id, *(runner.mentor_id for runner in decision.runners_up)}
    if hire.waiting is not None:
        found |= {near.mentor_id for near in hire.waiting.nearest}
    return found


def assignment(
    id: str,
    hire: Hire,
    people: People,
    *,
    whole: bool,
    to_the_pair: bool = False,
    staff: bool = False,
    language: str = "en",
) -> AssignmentView:
    """The view of a hire who has or had to do with matching. `whole` adds who else was considered, and what is proposed: the two
    hear of it once it stands. `staff` adds who objected to what."""
    if hire.status == "none":
        raise ValueError("nothing was decided about this person")
    view = AssignmentView(
        employee_id=id, name=name_of(people.get(id), id), status=hire.status, met=hire.mentor_id in hire.met, history=hire.history
    )
    decision = hire.proposal.decision if hire.proposal is not None and whole else hire.decision
    if decision is not None:
        view = view.model_copy(update=_decided(id, decision, people, whole=whole, to_the_pair=to_the_pair, language=language))
    if staff:
        view = view.model_copy(update={"objections": hire.objections})
    if hire.waiting is not None:
        view = view.model_copy(update=_waits(hire.waiting, people, whole=whole, language=language))
    return view


def _decided(
    id: str, decision: Decision, people: People, *, whole: bool, to_the_pair: bool, language: str = "en"
) -> dict[str, Any]:
    pair = Pair(people.get(id) or {}, people.get(decision.mentor_id) or {}, to_the_pair)
    seen: dict[str, Any] = {
        "mentor_id": decision.mentor_id,
        "mentor_name": name_of(people.get(decision.mentor_id), decision.mentor_id),
        "score": decision.score,
        "reasons": [
            ReasonView(
                criterion=reason.criterion,
                label=words.label(reason.criterion, language),
                weight=reason.weight,
                value=reason.value,
                points=reason.points,
                words=words.reason(reason.criterion, reason.evidence, pair, language),
            )
            for reason in decision.reasons
        ],
        "policy_version": decision.policy_version,
        "decided_by": decision.decided_by,
        "decided_at": decision.decided_at,
        "reason": decision.reason,
        "rules_set_aside": decision.rules_set_aside,
        "because": decision.because,
        "approved_by": decision.approved_by,
        "pinned": decision.pin is not None,
    }
    return seen | (_others(decision, people, language) if whole else {})


def _others(decision: Decision, people: People, language: str) -> dict[str, Any]:
    runners = [
        RunnerUpView(
            mentor_id=runner.mentor_id,
            name=name_of(people.get(runner.mentor_id), runner.mentor_id),
            score=runner.score,
            difference=decision.score - runner.score,
            taken=runner.taken,
            points=runner.points,
            differences=_differences(decision, runner, language),
        )
        for runner in decision.runners_up
    ]
    change = decision.change
    if change is None:
        return {"runners_up": runners}
    name = name_of(people.get(change.mentor_id), change.mentor_id)
    told = words.change(name, change.difference, change.criterion, change.value, change.needed, language)
    return {"runners_up": runners, "what_would_change": ChangeView(**change.model_dump(), words=told)}


def _differences(decision: Decision, runner: RunnerUp, language: str) -> list[DifferenceView]:
    ours = {reason.criterion: reason.points for reason in decision.reasons}
    return [
        DifferenceView(
            criterion=criterion,
            label=words.label(criterion, language),
            points=runner.points.get(criterion, 0),
            difference=ours.get(criterion, 0) - runner.points.get(criterion, 0),
        )
        for criterion in {**ours, **runner.points}
    ]


def approval(id: str, proposal: Proposal, people: People, language: str = "en") -> ApprovalView:
    """The view of a proposal, for coordinators."""
    person, decision = people.get(id) or {}, proposal.decision
    told = _decided(id, decision, people, whole=True, to_the_pair=False, language=language)
    shown = {name: told[name] for name in told.keys() & ApprovalView.model_fields.keys()}
    return ApprovalView(
        employee_id=id,
        name=name_of(people.get(id), id),
        title=person.get("title"),
        department=person.get("department"),
        proposed_at=decision.decided_at,
        until=proposal.until,
        **shown,
    )


def ruled_out(waiting: Waitlisting, language: str = "en") -> list[RuledOutView]:
    """The rules by how many mentors each excluded, most first."""
    ordered = sorted(waiting.ruled_out.items(), key=lambda item: (-item[1], item[0]))
    return [RuledOutView(rule=rule, count=count, words=words.ruled_out(rule, count, language)) for rule, count in ordered]


def nearest(waiting: Waitlisting, people: People, language: str = "en") -> list[NearMissView]:
    """The mentors who came nearest."""
    return [
        NearMissView(
            mentor_id=near.mentor_id,
            name=name_of(people.get(near.mentor_id), near.mentor_id),
            rule=near.rule,
            failing=near.failing,
            score=near.score,
            words=words.near_misses(near.failing, language),
        )
        for near in waiting.nearest
    ]


def _waits(waiting: Waitlisting, people: People, *, whole: bool, language: str) -> dict[str, Any]:
    return {
        "waiting_since": waiting.since,
        "ruled_out": ruled_out(waiting, language),
        "nearest": nearest(waiting, people, language) if whole else [],
        "policy_version": waiting.policy_version,
    }


def mentor(id: str, state: Mentor, known: Document | None) -> MentorView:
    """The view of a mentor."""
    person = known or {}
    last_day = person.get("last_day") if person.get("left") and state.held else None  # handed over, they have left
    leaves_on = date.fromisoformat(last_day) if last_day else None
    return MentorView(
        employee_id=id,
        name=name_of(known, id),
        title=person.get("title"),
        department=person.get("department"),
        location=person.get("location"),
        status="left" if person.get("left") and not leaves_on else state.status,
        leaves_on=leaves_on,
        capacity=state.capacity,
        load=state.load,
        trained=state.trained,
        trained_on=state.trained_on,
        available_from=state.available_from,
        traits=state.traits,
        endorsed_by=state.endorsed_by,
        mentees=state.mentees,
        reserved=state.reserved,
        known=known is not None,
    )


def waiting(id: str, state: Waitlisting, people: People, language: str = "en") -> WaitingView:
    """The view of a hire on the waitlist."""
    person = people.get(id) or {}
    return WaitingView(
        employee_id=id,
        name=name_of(people.get(id), id),
        title=person.get("title"),
        department=person.get("department"),
        location=person.get("location"),
        start_date=person.get("start_date"),
        waiting_since=state.since,
        as_of=state.as_of,
        ruled_out=ruled_out(state, language),
        nearest=nearest(state, people, language),
        policy_version=state.policy_version,
    )
