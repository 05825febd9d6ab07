"""Which pairs may move at all, and what speaks against a step once time has passed: no database, no clock."""

from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest

from services.matching.domain import Decision, Hire, Pin, Waitlisting
from services.matching.reoptimisation.moves import Move, Reoptimisation, Step, against, may_move
from services.matching.seeking import needed_from, ranks, seeker_of

NOW = datetime(2027, 1, 4, 9, tzinfo=UTC)


def paired(mentor_id: str = "M-1", met: Any = (), excluded: Any = (), **decision: Any) -> Hire:
    made = Decision(mentor_id=mentor_id, score=0, reasons=[], policy_version="p@1", decided_at=NOW, **decision)
    return Hire(hired=True, status="assigned", decision=made, met=list(met), excluded=list(excluded))


def waits(since: datetime = NOW) -> Hire:
    found = Waitlisting(since=since, as_of=NOW, ruled_out={}, policy_version="p@1")
    return Hire(hired=True, status="waitlisted", waiting=found)


def move(from_mentor: str | None = "M-1", hire_id: str = "H-1") -> Move:
    return Move(hire_id=hire_id, from_mentor=from_mentor, to_mentor="M-2", before=0, after=1, before_points={}, reasons=[])


@pytest.mark.parametrize(
    ("hire", "fault"),
    [
        (paired(), None),
        (paired(met=["M-9"]), None),
        (paired(because="reoptimised", approved_by="C-1"), None),
        (waits(), None),
        (paired(met=["M-1"]), "met"),
        (paired(pin=Pin(by="C-1", at=NOW)), "pinned"),
        (paired(decided_by="C-1"), "decided_by_hand"),
        (paired(because="last_time"), "decided_by_hand"),
        (paired(excluded=["M-1"]), "pair_changed"),
        (paired().model_copy(update={"ended": "hire_terminated"}), "hire_gone"),
        (Hire(), "hire_gone"),
    ],
)
def test_only_pairs_that_the_policy_alone_decided_and_that_have_not_met_may_move(hire: Hire, fault: str | None) -> None:
    assert may_move(hire) == fault


@pytest.mark.parametrize(
    ("of", "hire", "fault"),
    [
        (move(), paired(), None),
        (move(None), waits(), None),
        (move(), paired("M-3"), "pair_changed"),
        (move(), waits(), "pair_changed"),
        (move(None), paired(), "pair_changed"),
        (move(), paired(met=["M-1"]), "met"),
        (move(), Hire(), "hire_gone"),
        (move(None), Hire(hired=True, status="proposed"), "pair_changed"),
    ],
)
def test_a_move_holds_only_from_where_it_was_found(of: Move, hire: Hire, fault: str | None) -> None:
    assert against(of, hire) == fault


def proposal(*states: Any) -> Reoptimisation:
    steps = [Step(id=str(n), gain=1, placed=0, moves=[move()], state=state) for n, state in enumerate(states, 1)]
    return Reoptimisation(
        made_at=NOW,
        made_by="nightly",
        policy_version="p@1",
        pairs=1,
        waiting=0,
        before=0,
        after=1,
        gain=1,
        placed=0,
        steps=steps,
    )


def test_a_proposal_is_open_while_a_step_is() -> None:
    assert proposal("accepted", "open").open
    assert not proposal("accepted", "stale").open
    assert not proposal().open


def test_settling_what_is_open_leaves_what_was_decided() -> None:
    settled = proposal("accepted", "open", "dismissed").all_open("superseded", "C-1", NOW)
    assert [(step.state, step.decided_by) for step in settled.steps] == [
        ("accepted", None),
        ("superseded", "C-1"),
        ("dismissed", None),
    ]


def test_a_mentor_is_needed_from_the_first_day_or_from_today_once_that_is_past() -> None:
    assert needed_from({"start_date": "2027-02-01"}, NOW.date()) == date(2027, 2, 1)
    assert needed_from({"start_date": "2026-02-01"}, NOW.date()) == NOW.date()
    assert needed_from(None, NOW.date()) == NOW.date()


def test_the_longest_waiting_has_the_greatest_rank_and_ties_go_by_id() -> None:
    early = NOW - timedelta(days=1)
    assert ranks({"H-1": waits(), "H-2": waits(early), "H-3": waits(early), "H-4": paired()}) == {"H-2": 3, "H-3": 2, "H-1": 1}


def test_a_seeker_carries_what_rules_need() -> None:
    hire = paired(excluded=["M-1"])
    seeker = seeker_of("H-1", hire, {"start_date": "2027-02-01"}, NOW.date(), managers=["B-1", "B-2"], reports=["R-1"], rank=4)
    assert (seeker.person.id, seeker.day, seeker.managers) == ("H-1", date(2027, 2, 1), ("B-1", "B-2"))
    assert (seeker.reports, seeker.excluded, seeker.rank) == (frozenset({"R-1"}), frozenset({"M-1"}), 4)
