"""What decisions make of hires and mentors, and what is told of it: no database, no clock."""

from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.matching import lifecycle, rules
from services.matching.domain import Decision, Hire, Mentor, PastPair, Waitlisting
from services.matching.facts import MENTOR_FOLDS
from services.matching.pair_desk import STANDS
from shared.events.mentoring import (
    HireUnlisted,
    HireWaitlisted,
    MentorAssigned,
    MentorChanged,
    MentorEnrolled,
    MentorNominated,
    MentorReleased,
    MentorTrained,
    MentorWithdrawn,
)
from tests.domain.matching.populations import steady
from tests.domain.matching.told import Told

NOW = datetime(2027, 1, 4, 9, tzinfo=UTC)
TODAY = NOW.date()


def decision(mentor_id: str = "M-1", **more: Any) -> Decision:
    return Decision(mentor_id=mentor_id, score=0, reasons=[], policy_version="p@1", decided_at=NOW, **more)


def waiting(since: datetime = NOW, **more: Any) -> Waitlisting:
    return Waitlisting(since=since, as_of=NOW, ruled_out={}, policy_version="p@1", **more)


def after(mentor: Mentor | None, *facts: Any) -> Mentor | None:
    for fact in facts:
        mentor = MENTOR_FOLDS[type(fact)](mentor, fact, NOW)
    return mentor


def test_every_rule_that_nobody_may_set_aside_has_an_answer() -> None:
    assert STANDS.keys() == set(rules.NAMES) - rules.OVERRIDABLE
    assert all(STANDS[rule]().code == rule for rule in STANDS)


FINE = {"left": False, "reporting_line": False, "excluded": False, "away": False}


@pytest.mark.parametrize(
    ("mentor", "known", "cause"),
    [
        (Mentor(), {}, None),
        (Mentor(capacity=0, trained=False, mentees=["H-1"]), {}, None),
        (Mentor(status="paused"), {}, "mentor_paused"),
        (Mentor(status="withdrawn"), {"excluded": True}, "mentor_withdrew"),
        (Mentor(status="paused"), {"left": True}, "mentor_left"),
        (Mentor(), {"reporting_line": True}, "reporting_line"),
        (Mentor(), {"excluded": True}, "coordinator"),
        (Mentor(), {"away": True}, "mentor_paused"),
    ],
)
def test_a_pair_ends_when_the_mentor_is_gone_or_the_two_must_not_be_and_never_for_capacity_or_training(
    mentor: Mentor, known: dict[str, bool], cause: str | None
) -> None:
    assert lifecycle.lost_mentor(mentor, **FINE | known) == cause


@pytest.mark.parametrize(
    ("back_in", "starts_in", "away"),
    [(14, 0, False), (15, 0, True), (60, 46, False), (60, 45, True), (None, 0, False)],
)
def test_a_leave_ends_a_pair_only_if_the_hire_would_be_alone_for_more_than_two_weeks(
    back_in: int | None, starts_in: int, away: bool
) -> None:
    mentor = Mentor(available_from=TODAY + timedelta(days=back_in) if back_in is not None else None)
    assert lifecycle.is_away(mentor, TODAY + timedelta(days=starts_in)) is away


NOMINATED = MentorNominated(mentor_id="M-1", capacity=3, traits=["reliability"], endorsed_by="B-1")
TRAINED = MentorTrained(mentor_id="M-1", trained_on=date(2027, 1, 2))


def test_somebody_nominated_becomes_a_mentor_by_the_training() -> None:
    mentor = after(None, NOMINATED)
    assert mentor is not None
    assert mentor.says_the_same(Mentor(status="nominated", capacity=3, trained=False, traits=["reliability"], endorsed_by="B-1"))
    trained = after(mentor, TRAINED)
    assert trained is not None
    assert (trained.status, trained.trained, trained.trained_on) == ("active", True, date(2027, 1, 2))


def test_a_nomination_that_is_accepted_without_training_leaves_the_rule_to_the_policy() -> None:
    mentor = after(None, NOMINATED, MentorChanged(mentor_id="M-1", status="active"))
    assert mentor is not None
    assert (mentor.status, mentor.trained) == ("active", False)


@pytest.mark.parametrize("status", ["active", "paused"])
def test_nominating_a_mentor_keeps_them_as_they_are_and_notes_who_vouches(status: Any) -> None:
    before = Mentor(status=status, capacity=1, mentees=["H-1"], trained_on=date(2026, 1, 1))
    mentor = after(before, NOMINATED)
    assert mentor is not None
    assert mentor.says_the_same(before.model_copy(update={"traits": ["reliability"], "endorsed_by": "B-1"}))


def test_training_trains_nobody_who_is_no_mentor_and_brings_back_nobody_who_withdrew() -> None:
    stranger = after(None, TRAINED)
    assert stranger is not None
    assert stranger.stranger
    gone = after(Mentor(), MentorWithdrawn(mentor_id="M-1"), TRAINED)
    assert gone is not None
    assert (gone.status, gone.trained_on) == ("withdrawn", date(2027, 1, 2))
    paused = after(Mentor(status="paused", trained=False), TRAINED)
    assert paused is not None
    assert (paused.status, paused.trained) == ("paused", True)


def test_training_is_remembered_through_a_new_enrolment_and_lost_only_by_its_own_word() -> None:
    again = after(Mentor(), TRAINED, MentorWithdrawn(mentor_id="M-1"), MentorEnrolled(mentor_id="M-1"))
    assert again is not None
    assert again.trained_on == date(2027, 1, 2)
    untrained = after(again, MentorChanged(mentor_id="M-1", trained=False))
    assert untrained is not None
    assert (untrained.trained, untrained.trained_on) == (False, None)


def test_whoever_was_trained_before_needs_no_second_training_when_nominated() -> None:
    mentor = after(Mentor(), TRAINED, MentorWithdrawn(mentor_id="M-1"), NOMINATED)
    assert mentor is not None
    assert (mentor.status, mentor.trained) == ("nominated", True)


ENROLLED, WITHDRAWN = MentorEnrolled(mentor_id="M-1", capacity=2), MentorWithdrawn(mentor_id="M-1")
CHANGES = st.builds(
    MentorChanged,
    mentor_id=st.just("M-1"),
    capacity=st.none() | st.integers(0, 4),
    trained=st.sampled_from([None, None, True, False]),
    status=st.sampled_from([None, "active", "paused"]),
    available_from=st.none() | st.sampled_from([TODAY, TODAY + timedelta(days=9)]),
)
WORDS = st.lists(CHANGES | st.just(TRAINED) | st.just(MentorEnrolled(mentor_id="M-1", capacity=1, trained=False)), max_size=5)


@given(WORDS, st.booleans(), st.data())
def test_in_whatever_order_a_mentors_facts_come_the_later_word_on_each_field_stands(
    words: list[Any], withdraws: bool, data: st.DataObject
) -> None:
    said = list(enumerate([ENROLLED, *words, *([WITHDRAWN] if withdraws else [])]))
    in_order = in_any = None
    for minute, fact in said:
        in_order = MENTOR_FOLDS[type(fact)](in_order, fact, NOW + timedelta(minutes=minute))
    for minute, fact in data.draw(st.permutations(said)):
        in_any = MENTOR_FOLDS[type(fact)](in_any, fact, NOW + timedelta(minutes=minute))
    assert in_order is not None
    assert in_any is not None
    assert _told_of(in_any) == _told_of(in_order)


def _told_of(mentor: Mentor) -> dict[str, Any]:
    return mentor.model_dump(exclude={"said", "word"})


def test_a_mentor_stored_by_an_older_version_takes_any_word_as_the_newer_one() -> None:
    changed = MENTOR_FOLDS[MentorChanged](Mentor(capacity=1), MentorChanged(mentor_id="M-1", capacity=3), NOW - timedelta(days=9))
    assert changed.capacity == 3


def test_a_change_before_the_enrolment_makes_nobody_a_mentor_and_counts_once_that_is_told() -> None:
    paused = MentorChanged(mentor_id="M-1", status="paused", capacity=3)
    stranger = MENTOR_FOLDS[MentorChanged](None, paused, NOW)
    assert stranger.stranger
    mentor = MENTOR_FOLDS[MentorEnrolled](stranger, ENROLLED, NOW - timedelta(hours=1))
    assert (mentor.status, mentor.capacity) == ("paused", 3)


def test_a_reserved_place_counts_as_taken_and_becomes_the_mentees() -> None:
    mentor = Mentor(mentees=["H-2"]).with_reserved("H-1")
    assert (mentor.load, mentor.held, mentor.mentees) == (2, ["H-1", "H-2"], ["H-2"])
    mentor = mentor.with_mentee("H-1")
    assert (mentor.load, mentor.mentees, mentor.reserved) == (2, ["H-1", "H-2"], [])
    assert mentor.without("H-1").without("H-2").without("nobody") == Mentor()


def test_an_assignment_in_place_of_another_tells_why_once_and_keeps_the_pair_in_history() -> None:
    hire, _ = lifecycle.assign("H-1", Hire(hired=True, met=["M-1"]), decision("M-1"))
    hire, fact = lifecycle.assign("H-1", hire, decision("M-2"), "mentor_paused")
    assert isinstance(fact, MentorAssigned)
    assert (fact.mentor_id, fact.previous_mentor_id, fact.previous_cause) == ("M-2", "M-1", "mentor_paused")
    assert hire.history == [PastPair(mentor_id="M-1", since=NOW, until=NOW, cause="mentor_paused", met=True)]
    assert hire.mentor_id == "M-2"


def test_a_first_assignment_tells_of_no_cause() -> None:
    _, fact = lifecycle.assign("H-1", Hire(hired=True), decision())
    assert (fact.previous_mentor_id, fact.previous_cause) == (None, None)


def test_a_proposal_is_told_to_nobody_until_it_stands() -> None:
    hire, fact = lifecycle.propose("H-1", Hire(hired=True), decision(), NOW + timedelta(hours=4), None)
    assert fact is None
    assert (hire.status, hire.mentor_id, hire.place_with) == ("proposed", None, "M-1")
    assert hire.proposal is not None
    later = NOW + timedelta(hours=1)
    hire, told = lifecycle.assign("H-1", hire, lifecycle.approved(hire.proposal, "C-1", later))
    assert (told.mentor_id, told.previous_mentor_id, told.decided_by) == ("M-1", None, "policy")
    assert hire.decision is not None
    assert (hire.decision.decided_at, hire.decision.proposed_at, hire.decision.approved_by) == (later, NOW, "C-1")
    assert (hire.proposal, hire.status) == (None, "assigned")


def test_a_proposal_for_somebody_who_lost_their_mentor_tells_that_the_mentor_is_gone() -> None:
    hire, _ = lifecycle.assign("H-1", Hire(hired=True), decision("M-1"))
    hire, fact = lifecycle.propose("H-1", hire, decision("M-2"), NOW, "mentor_left")
    assert isinstance(fact, MentorReleased)
    assert (fact.mentor_id, fact.cause) == ("M-1", "mentor_left")
    assert [past.cause for past in hire.history] == ["mentor_left"]


def test_whoever_waited_before_a_proposal_came_to_nothing_waits_on_and_hears_it_once() -> None:
    hire, told = lifecycle.wait("H-1", Hire(hired=True), waiting(NOW - timedelta(days=3)))
    assert isinstance(told, HireWaitlisted)
    hire, nothing = lifecycle.propose("H-1", hire, decision(), NOW, None)
    assert nothing is None
    hire, nothing = lifecycle.wait("H-1", hire, waiting())
    assert nothing is None
    assert hire.waiting is not None
    assert (hire.status, hire.proposal, hire.waiting.since) == ("waitlisted", None, NOW - timedelta(days=3))


def test_the_end_of_a_proposal_that_nobody_heard_of_is_told_to_nobody() -> None:
    hire, _ = lifecycle.propose("H-1", Hire(hired=True), decision(), NOW, None)
    hire, fact = lifecycle.release("H-1", hire, "hire_rescinded", NOW)
    assert (hire.status, hire.proposal, hire.history, fact) == ("none", None, [], None)


def test_the_end_of_a_proposal_for_somebody_on_the_waitlist_takes_them_off_it() -> None:
    hire, _ = lifecycle.wait("H-1", Hire(hired=True), waiting())
    hire, _ = lifecycle.propose("H-1", hire, decision(), NOW, None)
    hire, fact = lifecycle.release("H-1", hire, "hire_rescinded", NOW)
    assert isinstance(fact, HireUnlisted)
    assert (hire.status, hire.waiting) == ("released", None)


def test_a_release_is_told_once() -> None:
    hire, _ = lifecycle.assign("H-1", Hire(hired=True), decision())
    hire, fact = lifecycle.release("H-1", hire, "journey_ended", NOW)
    assert isinstance(fact, MentorReleased)
    assert lifecycle.release("H-1", hire, "journey_ended", NOW) == (hire, None)


@pytest.mark.parametrize(
    ("cause", "resumed"),
    [
        ("hire_terminated", True),
        ("hire_rescinded", True),
        ("journey_ended", True),
        ("mentor_left", True),
        ("mentor_paused", True),
        ("mentor_withdrew", False),
        ("reporting_line", False),
        ("coordinator", False),
    ],
)
def test_a_pair_goes_on_only_if_its_end_said_nothing_about_the_two(cause: str, resumed: bool) -> None:
    past = [PastPair(mentor_id=id, since=NOW, until=NOW, cause=cause) for id in ("M-0", "M-1")]
    assert lifecycle.former_mentor(Hire(history=past)) == ("M-1" if resumed else None)
    assert lifecycle.former_mentor(Hire(history=past, excluded=["M-1"])) is None
    assert lifecycle.former_mentor(Hire(history=past, status="assigned", decision=decision("M-2"))) is None


def test_a_hire_is_unsettled_while_the_present_pair_or_proposal_is_excluded() -> None:
    assert not Hire(excluded=["M-1"]).unsettled
    assert Hire(status="assigned", decision=decision("M-1"), excluded=["M-1"]).unsettled
    assert not Hire(status="assigned", decision=decision("M-2"), excluded=["M-1"]).unsettled
    proposed, _ = lifecycle.propose("H-1", Hire(excluded=["M-1"]), decision("M-1"), NOW, None)
    assert proposed.unsettled


def test_reasons_found_again_say_the_same_whenever_they_were_found() -> None:
    assert waiting(NOW - timedelta(days=1)).says_the_same(waiting())
    assert not waiting().says_the_same(waiting().model_copy(update={"ruled_out": {"capacity": 1}}))


OPERATIONS = ("assign", "propose", "approve", "wait", "release")
TURNS = st.lists(st.tuples(st.sampled_from(OPERATIONS), st.sampled_from(["M-1", "M-2", "M-3"])), max_size=25)


@steady
@given(TURNS)
def test_whatever_is_decided_in_whatever_order_every_effect_is_told_once(turns: list[tuple[str, str]]) -> None:
    hire, told, pairs = Hire(hired=True), Told(), 0
    for number, (turn, mentor_id) in enumerate(turns):
        now, fact = NOW + timedelta(hours=number), None
        if turn == "assign" and mentor_id != hire.mentor_id:
            hire, fact = lifecycle.assign("H-1", hire, decision(mentor_id))
        elif turn == "propose" and hire.place_with is None:
            hire, fact = lifecycle.propose("H-1", hire, decision(mentor_id), now, None)
        elif turn == "approve" and hire.proposal is not None:
            hire, fact = lifecycle.assign("H-1", hire, lifecycle.approved(hire.proposal, "C-1", now))
        elif turn == "wait" and hire.mentor_id is None:
            hire, fact = lifecycle.wait("H-1", hire, waiting(now))
        elif turn == "release":
            hire, fact = lifecycle.release("H-1", hire, "hire_rescinded", now)
        if fact is not None:
            told.hear(fact)
            pairs += isinstance(fact, MentorAssigned)
        assert (told.mentor_id, told.waits) == (hire.mentor_id, hire.waiting is not None)
        assert len(hire.history) == pairs - (hire.mentor_id is not None)
        assert (hire.proposal is not None) is (hire.status == "proposed")
        assert (hire.decision is not None) is (hire.status == "assigned")
