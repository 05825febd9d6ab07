"""Mentors and hires: what is known of each, and when a hire needs a mentor. What decisions make of them: `lifecycle`.

Facts of HR and of journeys are folded apart from each other, each in the order of its topic, and only together they say
whether a hire needs a mentor: so it does not matter which topic runs ahead.
"""

from datetime import date, datetime
from operator import not_
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, computed_field

from shared.events.mentoring import (
    Capacity,
    Contribution,
    ReleaseCause,
    Trait,
)


class _State(BaseModel):
    model_config = ConfigDict(frozen=True)


class Mentor(_State):
    """Somebody who volunteers, or was put forward (`nominated`: gets nobody until trained or accepted).

    A `stranger` is no mentor: something was told of somebody of whose enrolment nobody has told yet. `said` is when each field
    was last told; `word` what was told of being active while that could not count.
    `mentees` are the hires who have them as mentor now, `reserved` those for whom that is proposed; both in the order of their
    ids. `available_from` ends a leave. `ratings` is what each mentee answered about them (`facts.rating_of`), by the mentee's
    id; it stays when they pause or withdraw.
    """

    capacity: Capacity = 2
    trained: bool = True
    trained_on: date | None = None
    status: Literal["nominated", "active", "paused", "withdrawn"] = "active"
    available_from: date | None = None
    traits: list[Trait] = Field(default_factory=list)
    endorsed_by: str | None = None
    mentees: list[str] = Field(default_factory=list)
    reserved: list[str] = Field(default_factory=list)
    ratings: dict[str, int] = Field(default_factory=dict)
    stranger: bool = Field(default=False, exclude_if=not_)
    said: dict[str, datetime] = Field(default_factory=dict, exclude_if=not_)
    word: Literal["active", "paused"] | None = Field(default=None, exclude_if=not_)

    @computed_field  # type: ignore[prop-decorator]
    @property
    def load(self) -> int:
        """How many places are taken or reserved: stored beside them, so that the database can compare it with the capacity."""
        return len(self.mentees) + len(self.reserved)

    def says_the_same(self, other: "Mentor") -> bool:
        """Whether both are as they are told, whenever that was."""
        return self.model_copy(update={"said": other.said}) == other

    @property
    def held(self) -> list[str]:
        """Every hire who takes a place."""
        return sorted([*self.mentees, *self.reserved])

    @property
    def rated(self) -> tuple[int, int]:
        """How many mentees rated them, and the sum of the ratings in hundredths."""
        return len(self.ratings), sum(self.ratings.values())

    def with_rating(self, hire_id: str, rating: int) -> "Mentor":
        """The mentor as this mentee rates them, in hundredths."""
        return self.model_copy(update={"ratings": self.ratings | {hire_id: rating}})

    def with_mentee(self, hire_id: str) -> "Mentor":
        """The mentor after taking somebody on, for whom a place may have been reserved."""
        others = self.without(hire_id)
        return others.model_copy(update={"mentees": sorted([*others.mentees, hire_id])})

    def with_reserved(self, hire_id: str) -> "Mentor":
        """The mentor with a place kept for somebody."""
        others = self.without(hire_id)
        return others.model_copy(update={"reserved": sorted([*others.reserved, hire_id])})

    def without(self, hire_id: str) -> "Mentor":
        """The mentor after somebody went or is no longer proposed; nobody of theirs is no error."""
        return self.model_copy(
            update={name: [id for id in getattr(self, name) if id != hire_id] for name in ("mentees", "reserved")}
        )


class Reason(Contribution):
    """One criterion's part with the facts behind it (numbers and codes, no text about a person)."""

    evidence: dict[str, Any] = Field(default_factory=dict)

    def contribution(self) -> Contribution:
        """What the event tells of it: no evidence, which is the database's alone."""
        return Contribution(criterion=self.criterion, weight=self.weight, value=self.value, points=self.points)


class RunnerUp(_State):
    """A mentor who was possible too, with the points by criterion."""

    mentor_id: str
    score: int
    points: dict[str, int]
    taken: bool = False


class Change(_State):
    """The smallest change that would have picked a runner-up: see `explanations.Change`."""

    mentor_id: str
    difference: int
    criterion: str | None = None
    value: int = 0
    needed: int = 0


class Pin(_State):
    """A coordinator's word that a pair stays as it is, for as long as it is possible at all."""

    by: str
    at: datetime
    reason: str | None = None


Because = Literal["last_time", "reoptimised"]


class Decision(_State):
    """An assignment with everything that explains it. `score` is the sum of the reasons' points.

    `decided_by` is `policy`, or whoever overrode it, with their `reason` and the rules they set aside. `because` says what went
    before the best score: `last_time`, the pair goes on where it ended, or `reoptimised`, a move that gains for several together.
    Under approval `proposed_at` says since when it waited, and `approved_by` who let it through (`timeout`: nobody objected).
    """

    mentor_id: str
    score: int
    reasons: list[Reason]
    runners_up: list[RunnerUp] = Field(default_factory=list)
    change: Change | None = None
    policy_version: str
    decided_by: str = "policy"
    decided_at: datetime
    reason: str | None = None
    rules_set_aside: list[str] = Field(default_factory=list)
    because: Because | None = None
    proposed_at: datetime | None = None
    approved_by: str | None = None
    pin: Pin | None = None


class Proposal(_State):
    """A decision that waits for a coordinator, with its place reserved; it stands by itself at `until`."""

    decision: Decision
    until: datetime


class NearMiss(_State):
    """A mentor who would fit but for `rule`, the first of the `failing` ones."""

    mentor_id: str
    rule: str
    failing: list[str]
    score: int


class Waitlisting(_State):
    """Why a hire waits, as found `as_of`: excluded mentors by rule, and the nearest misses. `since` says how long already."""

    since: datetime
    as_of: datetime
    ruled_out: dict[str, int]
    nearest: list[NearMiss] = Field(default_factory=list)
    policy_version: str

    def says_the_same(self, other: "Waitlisting") -> bool:
        """Whether both give the same reasons, found whenever."""
        return self.model_copy(update={"since": other.since, "as_of": other.as_of}) == other


class PastPair(_State):
    """A pair that is over, and why, in the words that everybody may know: who asked for a change is among the objections."""

    mentor_id: str
    since: datetime
    until: datetime
    cause: str
    met: bool = False


class Objection(_State):
    """Why two must not be paired (again): a change that one side asked for, an exclusion, a proposal turned down.

    `by` is who asked; `side` whether as one of the pair. For coordinators' eyes only, and never on a topic.
    """

    mentor_id: str
    kind: Literal["change_requested", "excluded", "rejected"]
    side: Literal["hire", "mentor", "coordinator"]
    by: str
    at: datetime
    reason: str | None = None


Status = Literal["none", "proposed", "assigned", "waitlisted", "released"]


class Hire(_State):
    """A person as matching sees one.

    `hired`, `hirings` (how often they became expected) and `ended` (by what was told at `ended_at`) fold HR's facts;
    `journey` and `journeys` (how often one began) those of onboarding. `met` are the mentors they have met, `excluded`
    those they must not get, with the `objections` that say why. `waiting` outlives a proposal: whoever was told of waiting
    keeps their rank in it until they have a mentor. `hired_at` is when HR told of the
    latest hiring; `waited`: no mentor was possible at some time since; `last_day` of somebody who leaves later.
    """

    hired: bool = False
    hirings: int = 0
    hired_at: datetime | None = None
    waited: bool = False
    ended: Literal["hire_rescinded", "hire_terminated"] | None = None
    ended_at: datetime | None = None
    last_day: date | None = Field(default=None, exclude_if=not_)
    journey: Literal["none", "running", "completed", "cancelled", "left"] = "none"
    journeys: int = 0
    met: list[str] = Field(default_factory=list)
    excluded: list[str] = Field(default_factory=list)
    status: Status = "none"
    decision: Decision | None = None
    proposal: Proposal | None = None
    waiting: Waitlisting | None = None
    objections: list[Objection] = Field(default_factory=list)
    history: list[PastPair] = Field(default_factory=list)

    @property
    def mentor_id(self) -> str | None:
        """The mentor they have now."""
        return self.decision.mentor_id if self.decision is not None and self.status == "assigned" else None

    @property
    def place_with(self) -> str | None:
        """The mentor with whom they have a place, taken or reserved."""
        return self.proposal.decision.mentor_id if self.proposal is not None else self.mentor_id

    @property
    def leaves_later(self) -> bool:
        """Whether they leave at the end of a last day that is still ahead: onboarding tells when it is over where they work."""
        still = self.journeys < self.hirings or self.journey in ("none", "running")
        return self.ended == "hire_terminated" and self.last_day is not None and still

    @computed_field  # type: ignore[prop-decorator]
    @property
    def unsettled(self) -> bool:
        """Whether somebody objected to the present pair or proposal: stored, so that the owner of the pool finds it."""
        return self.place_with is not None and self.place_with in self.excluded

    @property
    def over(self) -> ReleaseCause | None:
        """Why no mentor is needed, or None for a hire who needs one. Nobody told of as a hire needs one either.

        An end of a journey counts only once that journey is the latest hiring's: an older one's may arrive late. That somebody
        left is HR's to say. Who leaves later keeps the mentor they have until then, and gets no other.
        """
        if self.leaves_later and self.mentor_id is not None:
            return None
        if self.ended is not None or not self.hired:
            return self.ended or "hire_rescinded"
        if self.journeys >= self.hirings and self.journey in ("completed", "cancelled"):
            return "journey_ended" if self.journey == "completed" else "hire_rescinded"
        return None
