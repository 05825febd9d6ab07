"""What people change for one person: waive, reopen, add, move, reassign; and another programme."""

from datetime import date, timedelta
from typing import Any

import pytest

from services.onboarding.commands import (
    CompleteMilestone,
    ReassignMilestone,
)
from shared.events.onboarding import JourneyReplanned
from shared.refusals import Refused
from tests.domain.onboarding.history import (
    ADA,
    BOSS,
    START,
    Life,
    hired,
    kinds,
    moved,
    sent,
    updated,
)
from tests.domain.onboarding.plan_changes import REVIEW, add, day, follow, grown, move, reopen, two_programmes, waive


def test_a_waived_milestone_is_needed_again_by_its_day_or_by_the_next_working_day() -> None:
    life = Life()
    life.on(hired(), waive("pulse"), waive("access"))
    life.on(reopen("pulse"), now=day(5))
    assert (life.statuses["pulse"], life.milestone("pulse").due) == ("planned", START + timedelta(days=7))
    life.on(reopen("access"), now=day(5))
    assert life.milestone("access").due == START + timedelta(days=7)
    assert life.on(reopen("access")) == []


def test_an_own_milestone_is_done_by_its_owners_word_and_keeps_the_journey_open() -> None:
    life = Life()
    life.on(hired())
    (added,) = life.on(add(START + timedelta(days=20)))
    assert added.milestone_id == "own_1"
    assert life.journey.progress == (0, 7)
    life.on(CompleteMilestone(employee_id=ADA, milestone_id="own_1", completed_by=ADA))
    assert life.statuses["own_1"] == "done"
    (second,) = life.on(add(START))
    assert second.milestone_id == "own_2"


def test_an_own_milestone_with_the_same_id_again_changes_nothing_and_one_of_the_programme_is_refused() -> None:
    life = Life()
    life.on(hired(), add(START, milestone_id="council"))
    assert life.on(add(START + timedelta(days=5), milestone_id="council")) == []
    with pytest.raises(Refused, match="id_taken"):
        life.on(add(START, milestone_id="pulse"))


def test_an_own_milestone_is_not_dropped_by_a_transfer_or_another_programme() -> None:
    life = Life()
    life.on(hired(), add(START), updated(work_arrangement="remote"))
    assert life.statuses["own_1"] == "planned"


def test_a_day_set_by_hand_stays_when_the_start_date_moves() -> None:
    life = Life()
    life.on(hired(), move("pulse", START + timedelta(days=40)))
    life.on(moved(START + timedelta(days=14)))
    assert life.milestone("pulse").due == START + timedelta(days=40)
    assert life.milestone("meet_short").due == START + timedelta(days=17)


def test_a_day_set_by_hand_that_would_lie_before_the_first_day_keeps_its_distance_from_it() -> None:
    life = Life()
    life.on(hired(), move("pulse", START + timedelta(days=9)), move("welcome", START - timedelta(days=3)))
    life.on(moved(START + timedelta(days=14)))
    assert life.milestone("pulse").due == START + timedelta(days=23)
    assert life.milestone("welcome").due == START - timedelta(days=3)  # before the first day by intent


@pytest.mark.parametrize(
    ("due", "code"), [(START - timedelta(days=1), "past_day"), (START + timedelta(days=2000), "day_too_late")]
)
def test_a_day_set_by_hand_lies_ahead_and_within_reason(due: date, code: str) -> None:
    life = Life()
    life.on(hired())
    for command in (move("pulse", due), add(due)):
        with pytest.raises(Refused) as refused:
            life.on(command, now=day(0))
        assert (refused.value.code, refused.value.field) == (code, "due")


def test_a_late_milestone_that_is_moved_is_not_late_until_its_new_day_is_over() -> None:
    life = Life()
    life.on(hired(), now=day(-20))
    life.on(REVIEW, now=day(1))
    assert life.statuses["access"] == "late"
    life.on(move("access", START + timedelta(days=4)))
    assert life.statuses["access"] == "planned"
    assert kinds(life.on(REVIEW, now=day(5))).count("MilestoneLate") == 2  # and meet_short, of day 3


def test_another_owner_stays_when_the_programme_changes() -> None:
    life = Life(two_programmes())
    life.on(hired(), ReassignMilestone(employee_id=ADA, milestone_id="pulse", owner="manager", reassigned_by=BOSS))
    life.on(follow("other"))
    assert life.milestone("pulse").owner == "manager"


@pytest.mark.parametrize("command", [move("welcome", START + timedelta(days=1))])
def test_nothing_of_what_is_done_can_be_changed(command: Any) -> None:
    life = Life()
    life.on(hired(), sent())
    with pytest.raises(Refused, match="already_done"):
        life.on(command)


def test_an_unknown_milestone_is_named_with_those_there_are() -> None:
    life = Life()
    life.on(hired())
    for command in (move("nothing", START), reopen("nothing"), waive("nothing")):
        with pytest.raises(Refused, match="no milestone 'nothing'; it has: welcome"):
            life.on(command)


def test_another_programme_keeps_what_is_done_and_the_state_of_equal_ids() -> None:
    life = Life(two_programmes())
    life.on(hired(), sent())
    (replanned,) = life.on(follow("other"))
    assert isinstance(replanned, JourneyReplanned)
    assert (replanned.cause, replanned.decided_by) == ("programme", BOSS)
    assert [each.id for each in replanned.added] == ["demo"]
    assert [(each.id, each.due) for each in replanned.changed] == [("pulse", START + timedelta(days=14))]
    assert set(replanned.dropped) == {"mentor", "access", "meet_short", "meet_long", "lunch", "year"}
    assert (life.journey.programme, life.done) == ("other", {"welcome"})
    assert life.on(follow("other")) == []


def test_back_to_the_first_programme_brings_back_what_was_dropped() -> None:
    life = Life(two_programmes())
    life.on(hired(), sent(), waive("lunch"), follow("other"), follow("small"))
    assert life.statuses["access"] == life.statuses["mentor"] == "planned"
    assert life.statuses["lunch"] == life.statuses["demo"] == "waived"


def test_what_another_programme_adds_is_due_today_at_the_earliest() -> None:
    life = Life(two_programmes())
    life.on(hired())
    life.on(follow("other"), now=day(9))
    assert life.milestone("demo").due == START + timedelta(days=9)


def test_an_unknown_programme_is_refused_with_those_there_are() -> None:
    life = Life(two_programmes())
    life.on(hired())
    with pytest.raises(Refused, match="there are: other, small"):
        life.on(follow("nothing"))


def test_a_migration_adds_only_what_lies_ahead_and_moves_what_is_open() -> None:
    life = Life()
    life.on(hired())
    life.programmes = grown(life.programmes)
    (replanned,) = life.on(follow("small"), now=day(9))
    assert isinstance(replanned, JourneyReplanned)
    assert replanned.cause == "migration"
    assert (life.statuses["tour"], life.statuses["talk"]) == ("waived", "planned")
    assert life.milestone("meet_long").due == START + timedelta(days=21)  # day 20 is a Sunday
    assert life.on(follow("small")) == []
    assert life.on(updated(department="Research")) == []  # what is behind stays behind


def test_a_completed_journey_follows_no_other_programme() -> None:
    life = Life(two_programmes())
    life.on(hired(), *(waive(id) for id in ("welcome", "mentor", "access", "meet_short", "meet_long", "pulse")))
    with pytest.raises(Refused, match="journey_completed"):
        life.on(follow("other"))
