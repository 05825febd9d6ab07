"""What a decision makes of a hire, and the fact it tells: propose, assign, wait, release; when a pair can't go on. Pure."""

from datetime import date, datetime, timedelta

from services.matching.domain import Decision, Hire, Mentor, PastPair, Proposal, Waitlisting
from shared.events import Fact
from shared.events.mentoring import HireUnlisted, HireWaitlisted, MentorAssigned, MentorReleased, ReleaseCause

SHORT_LEAVE = timedelta(days=14)  # meetings are weekly at first: two are missed at most, and a new mentor would cost more

RESUMABLE = frozenset({"hire_rescinded", "hire_terminated", "journey_ended", "mentor_left", "mentor_paused"})
"""Ends of a pair that say nothing about the two: it goes on where both are there again."""


def is_away(mentor: Mentor, needed_from: date) -> bool:
    """Whether the mentor's leave lasts too long for a mentee who needs them from that day on; a short one keeps pairs."""
    return mentor.available_from is not None and mentor.available_from - needed_from > SHORT_LEAVE


def lost_mentor(mentor: Mentor, *, left: bool, reporting_line: bool, excluded: bool, away: bool) -> ReleaseCause | None:
    """Why a pair can't go on, or None. Capacity, training and tenure decide about new pairs only: they tear nobody apart."""
    if left:
        return "mentor_left"
    if mentor.status != "active":
        return "mentor_withdrew" if mentor.status == "withdrawn" else "mentor_paused"
    if reporting_line:
        return "reporting_line"
    if excluded:
        return "coordinator"
    return "mentor_paused" if away else None


def former_mentor(hire: Hire) -> str | None:
    """The mentor to ask first for somebody without one: that of the last pair, where it did not end because of the two."""
    if hire.place_with is not None or not hire.history:
        return None
    last = hire.history[-1]
    return last.mentor_id if last.cause in RESUMABLE and last.mentor_id not in hire.excluded else None


def assign(id: str, hire: Hire, decision: Decision, cause: ReleaseCause = "coordinator") -> tuple[Hire, MentorAssigned]:
    """The hire with this decision's mentor, and the fact to tell. `cause` is why a former mentor is one no longer."""
    previous = hire.mentor_id
    after = hire.model_copy(
        update={
            "status": "assigned",
            "decision": decision,
            "proposal": None,
            "waiting": None,
            "history": _with_past(hire, cause, decision.decided_at),
        }
    )
    return after, MentorAssigned(
        employee_id=id,
        mentor_id=decision.mentor_id,
        score=decision.score,
        contributions=[reason.contribution() for reason in decision.reasons],
        runner_up_ids=[runner.mentor_id for runner in decision.runners_up],
        decided_by=decision.decided_by,
        policy_version=decision.policy_version,
        previous_mentor_id=previous,
        previous_cause=cause if previous is not None else None,
    )


def propose(
    id: str, hire: Hire, decision: Decision, until: datetime, cause: ReleaseCause | None
) -> tuple[Hire, MentorReleased | None]:
    """The hire with a decision that waits for approval until then. What is told is only that a former mentor is gone."""
    after = hire.model_copy(
        update={
            "status": "proposed",
            "decision": None,
            "proposal": Proposal(decision=decision, until=until.replace(microsecond=0)),
            "history": _with_past(hire, cause or "coordinator", decision.decided_at),
        }
    )
    gone = hire.mentor_id
    return after, MentorReleased(employee_id=id, mentor_id=gone, cause=cause or "coordinator") if gone is not None else None


def approved(proposal: Proposal, by: str, now: datetime) -> Decision:
    """The proposed decision as it stands once approved: the pair begins now."""
    decision = proposal.decision
    return decision.model_copy(update={"decided_at": now, "proposed_at": decision.decided_at, "approved_by": by})


def wait(id: str, hire: Hire, waiting: Waitlisting) -> tuple[Hire, HireWaitlisted | None]:
    """The hire on the waitlist, or still there with fresh reasons (then nothing is told)."""
    told = hire.waiting
    if told is not None:
        waiting = waiting.model_copy(update={"since": told.since})
    after = hire.model_copy(update={"status": "waitlisted", "waiting": waiting, "waited": True, "proposal": None})
    if told is not None:
        return after, None
    return after, HireWaitlisted(employee_id=id, ruled_out=waiting.ruled_out, policy_version=waiting.policy_version)


def release(id: str, hire: Hire, cause: ReleaseCause, now: datetime) -> tuple[Hire, Fact | None]:
    """The hire without a mentor and off the waitlist, and the fact to tell, if there was anything to end."""
    if hire.status in ("none", "released"):
        return hire, None
    history = _with_past(hire, cause, now)
    known = hire.waiting is not None or bool(history)  # of a proposal that nobody heard of nothing remains
    after = hire.model_copy(
        update={
            "status": "released" if known else "none",
            "decision": None,
            "proposal": None,
            "waiting": None,
            "history": history,
        }
    )
    if hire.mentor_id is not None:
        return after, MentorReleased(employee_id=id, mentor_id=hire.mentor_id, cause=cause)
    if hire.waiting is not None:
        return after, HireUnlisted(employee_id=id, cause=cause)
    return after, None


def _with_past(hire: Hire, cause: str, until: datetime) -> list[PastPair]:
    mentor_id = hire.mentor_id
    if hire.decision is None or mentor_id is None:
        return hire.history
    past = PastPair(mentor_id=mentor_id, since=hire.decision.decided_at, until=until, cause=cause, met=mentor_id in hire.met)
    return [*hire.history, past]
