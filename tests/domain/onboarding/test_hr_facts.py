"""What HR's facts do to a journey."""

from datetime import UTC, date, datetime, timedelta

import pytest

from services.onboarding.commands import CompleteMilestone, WaiveMilestone
from services.onboarding.journey import Journey
from shared.events.hr import EmployeeTerminated, HireRescinded, TerminationCancelled
from shared.events.onboarding import JourneyRescheduled, JourneyStarted, MilestoneCompleted
from tests.domain.onboarding.history import (
    ADA,
    AUTOMATIC,
    BOSS,
    MENTOR,
    NEW_BOSS,
    NOW,
    OTHER_MENTOR,
    START,
    Life,
    assigned,
    at,
    counted,
    hired,
    hr,
    kinds,
    moved,
    programmes,
    rehired,
    released,
    sent,
    snapshot,
    updated,
)

LATER = START + timedelta(days=14)
RESCINDED = HireRescinded(employee_id=ADA)
LEFT = EmployeeTerminated(employee_id=ADA)
STAYS = TerminationCancelled(employee_id=ADA)


def test_a_changed_start_date_that_was_said_before_another_comes_late_and_moves_nothing() -> None:
    life = Life()
    life.on(hired())
    later, earlier = START + timedelta(days=7), START + timedelta(days=14)
    life.on(hr(moved(later), NOW + timedelta(seconds=9)), now=NOW + timedelta(minutes=1))
    life.on(hr(moved(earlier), NOW + timedelta(seconds=3)), now=NOW + timedelta(minutes=2))
    assert life.journey.start_date == later


def test_a_hire_starts_a_journey_that_is_pinned_and_planned() -> None:
    life = Life()
    (started,) = life.on(hired())
    assert isinstance(started, JourneyStarted)
    assert (started.programme, started.programme_version) == ("small", life.programmes.current[0].version)
    assert started.manager_id == BOSS
    assert "shipped" not in {each.id for each in started.milestones}
    assert life.journey.status == "active"
    assert life.milestone("welcome").due == date(2027, 1, 4)
    assert life.milestone("year").optional


def test_a_remote_hire_has_the_milestones_of_remote_hires() -> None:
    life = Life()
    life.on(hired(work_arrangement="remote"))
    assert life.milestone("shipped").due == date(2027, 1, 7)


def test_a_snapshot_starts_nothing() -> None:
    life = Life()
    assert life.on(snapshot(manager_id=BOSS)) == []
    assert life.journey == Journey(employee_id=ADA)


def test_the_same_hire_told_again_under_another_id_changes_nothing() -> None:
    life = Life()
    life.on(hr(hired(), id="a"))
    assert life.on(hr(hired(), id="b")) == []


def test_a_hire_told_again_with_another_start_date_is_a_moved_start_date() -> None:
    life = Life()
    life.on(hr(hired(), at(0), "a"))
    assert kinds(life.on(hr(hired(LATER), at(1), "b"), now=at(1))) == ["JourneyRescheduled"]
    assert life.journey.start_date == LATER


def test_a_hire_that_was_told_before_the_newest_start_date_does_not_bring_the_old_one_back() -> None:
    life = Life()
    life.on(hr(hired(), at(0), "a"), hr(moved(LATER), at(5)), now=at(5))
    assert life.on(hr(hired(), at(0), "late copy"), now=at(9)) == []
    assert life.journey.start_date == LATER


def test_a_start_date_change_moves_only_what_is_not_done() -> None:
    life = Life()
    life.on(hired(), sent(), WaiveMilestone(employee_id=ADA, milestone_id="access", waived_by=BOSS))
    (rescheduled,) = life.on(moved(LATER))
    assert isinstance(rescheduled, JourneyRescheduled)
    assert rescheduled.due.keys() == {"mentor", "meet_short", "meet_long", "pulse", "lunch", "year"}
    assert life.milestone("welcome").due == date(2027, 1, 4)
    assert life.milestone("access").due == START
    assert life.milestone("meet_short").due == LATER + timedelta(days=3)


def test_the_same_start_date_again_changes_nothing() -> None:
    life = Life()
    life.on(hired())
    assert life.on(moved(START)) == []


def test_a_start_date_change_that_arrives_before_the_hire_counts_when_it_is_newer() -> None:
    life = Life()
    assert life.on(hr(moved(LATER), at(5)), now=at(5)) == []
    assert life.journey.status == "expected"
    life.on(hr(hired(), at(0)), now=at(6))
    assert life.journey.start_date == LATER


def test_a_start_date_change_that_is_older_than_the_hire_is_forgotten() -> None:
    life = Life()
    life.on(hr(moved(LATER), at(0)), hr(hired(), at(5)), now=at(6))
    assert life.journey.start_date == START


def test_an_hr_clock_ahead_of_ours_does_not_outrank_what_is_told_later() -> None:
    life = Life()
    effective_date = datetime(2027, 6, 1, tzinfo=UTC)
    life.on(hr(hired(), effective_date, "a"), now=at(0))
    life.on(hr(hired(LATER), at(10), "b"), now=at(11))
    assert life.journey.start_date == LATER


def test_a_rescinded_hire_has_no_live_journey() -> None:
    life = Life()
    assert kinds(life.on(hired(), RESCINDED)) == ["JourneyStarted", "JourneyCancelled"]
    assert life.on(RESCINDED) == []
    assert life.journey.status == "cancelled"
    assert life.journey.wake_at is None


def test_a_rescission_that_arrives_before_its_hire_cancels_it_at_once() -> None:
    life = Life()
    assert life.on(hr(RESCINDED, at(5)), now=at(5)) == []
    assert kinds(life.on(hr(hired(), at(0)), now=at(6))) == ["JourneyStarted", "JourneyCancelled"]


def test_a_hire_after_an_unrelated_older_rescission_starts_normally() -> None:
    life = Life()
    assert kinds(life.on(hr(RESCINDED, at(0)), hr(hired(), at(5)), now=at(6))) == ["JourneyStarted"]


def test_hired_again_after_a_rescission_reopens_the_journey_and_keeps_what_is_done() -> None:
    life = Life()
    life.on(hr(hired(), at(0)), sent(), hr(RESCINDED, at(2)), now=at(3))
    assert kinds(life.on(hr(hired(LATER), at(4)), now=at(5))) == ["JourneyReopened", "JourneyRescheduled"]
    assert life.journey.status == "active"
    assert life.journey.number == 1
    assert life.done == {"welcome"}


def test_a_copy_of_the_old_hire_does_not_bring_back_who_was_rescinded() -> None:
    life = Life()
    life.on(hr(hired(), at(0)), hr(RESCINDED, at(2)), now=at(3))
    assert life.on(hr(hired(), at(0), "late copy"), now=at(4)) == []
    assert life.journey.status == "cancelled"


def test_who_leaves_ends_the_journey() -> None:
    life = Life()
    assert kinds(life.on(hired(), LEFT)) == ["JourneyStarted", "JourneyEnded"]
    assert life.journey.status == "left"
    assert life.on(LEFT) == []


def test_a_termination_without_any_journey_changes_nothing() -> None:
    life = Life()
    assert life.on(snapshot(), LEFT, STAYS) == []


def test_a_cancelled_termination_reopens_with_the_manager_and_start_date_of_now() -> None:
    life = Life()
    life.on(hired(), sent(), LEFT, updated(manager_id=NEW_BOSS), moved(LATER))
    assert kinds(life.on(STAYS)) == ["JourneyReopened", "ManagerChanged", "JourneyRescheduled"]
    assert (life.journey.status, life.journey.manager_id, life.journey.start_date) == ("active", NEW_BOSS, LATER)
    assert life.done == {"welcome"}


def test_a_termination_cancelled_while_nobody_left_changes_nothing() -> None:
    life = Life()
    life.on(hired())
    assert life.on(STAYS) == []


def test_a_new_manager_is_the_journeys_manager() -> None:
    life = Life()
    life.on(hired())
    assert kinds(life.on(updated(manager_id=NEW_BOSS))) == ["ManagerChanged"]
    assert life.on(updated(title="Engineer")) == []
    assert kinds(life.on(snapshot(manager_id=BOSS))) == ["ManagerChanged"]
    assert life.journey.manager_id == BOSS


def test_a_move_to_another_country_follows_its_holidays() -> None:
    life = Life()
    life.on(hired(date(2027, 5, 4), location="FR"))
    assert life.milestone("meet_short").due == date(2027, 5, 7)
    moved_to = life.on(updated(location="SA"))
    assert kinds(moved_to) == ["JourneyRescheduled"]
    assert life.milestone("meet_short").due == date(2027, 5, 9)  # Friday and Saturday are days off there
    assert life.on(updated(location="SA")) == []


def test_an_update_can_move_the_start_date() -> None:
    life = Life()
    life.on(hired())
    assert kinds(life.on(updated(start_date=LATER))) == ["JourneyRescheduled"]


def test_a_rehire_after_leaving_is_a_new_journey_that_knows_the_old() -> None:
    life = Life()
    life.on(hr(hired(), at(0)), sent(), assigned(), hr(LEFT, at(3)), now=at(4))
    again = date(2028, 3, 6)
    assert kinds(life.on(hr(rehired(again), at(60)), now=at(60))) == ["JourneyStarted"]
    assert life.journey.number == 2
    assert life.journey.start_date == again
    assert life.done == set()
    (old,) = life.journey.past
    assert (old.number, old.status, old.start_date, old.done, old.required) == (1, "left", START, 2, 6)


def test_a_rehire_told_twice_is_one_journey() -> None:
    life = Life()
    again = date(2028, 3, 6)
    life.on(hr(hired(), at(0)), hr(LEFT, at(3)), hr(rehired(again), at(60), "a"), now=at(60))
    assert life.on(hr(rehired(again), at(60), "b"), now=at(61)) == []
    assert life.journey.number == 2


def test_a_rehire_of_somebody_still_here_is_a_moved_start_date() -> None:
    life = Life()
    life.on(hired())
    assert kinds(life.on(rehired(START + timedelta(days=7)))) == ["JourneyRescheduled"]


def test_a_rehire_long_after_the_plan_is_a_new_journey_though_nobody_told_of_the_leaving() -> None:
    life = Life()
    life.on(hired())
    assert kinds(life.on(rehired(START + timedelta(days=400)))) == ["JourneyStarted"]
    assert life.journey.number == 2


def test_a_rehire_after_a_rescission_with_another_date_is_a_new_journey() -> None:
    life = Life()
    life.on(hired(), RESCINDED)
    assert kinds(life.on(rehired(LATER))) == ["JourneyStarted"]


def test_a_hire_told_for_somebody_who_left_is_a_rehire_unless_it_is_the_old_hire() -> None:
    life = Life()
    life.on(hr(hired(), at(0), "a"), hr(LEFT, at(3)), now=at(4))
    assert life.on(hr(hired(), at(5), "b"), now=at(5)) == []
    assert kinds(life.on(hr(hired(date(2028, 3, 6)), at(60), "c"), now=at(60))) == ["JourneyStarted"]


@pytest.mark.parametrize("lag", [0, 30])
def test_facts_from_before_a_rehire_complete_nothing_of_the_new_journey(lag: int) -> None:
    life = Life()
    life.on(hr(hired(), at(0)), hr(LEFT, at(10)), hr(rehired(date(2028, 3, 6)), at(60)), now=at(60 + lag))
    assert life.on(counted("matching", assigned(), 1, at(1)), counted("matching", released(), 2, at(11))) == []
    assert "mentor" not in life.done
    life.on(counted("matching", assigned(OTHER_MENTOR), 3, at(60)))
    assert life.milestone("mentor").status == "done"
    assert life.journey.mentor_id == OTHER_MENTOR


def test_a_mentor_and_a_message_heard_before_the_hire_complete_their_milestones_when_it_starts() -> None:
    life = Life()
    assert life.on(assigned(), sent()) == []
    facts = life.on(hired())
    assert kinds(facts) == ["JourneyStarted", "MilestoneCompleted", "MilestoneCompleted"]
    assert life.done == {"welcome", "mentor"}
    assert life.journey.mentor_id == MENTOR


def test_who_when_and_why_of_a_completion_are_recorded() -> None:
    life = Life()
    life.on(hired())
    (completed,) = life.on(counted("matching", assigned(), 1, at(-3)))
    assert isinstance(completed, MilestoneCompleted)
    assert (completed.completed_at, completed.completed_by, completed.cause) == (at(-3), "system", "mentor_assigned")


def test_only_the_message_that_the_milestone_names_completes_it() -> None:
    life = Life()
    life.on(hired())
    assert life.on(sent("manager_notice", "manager"), sent("welcome", "mentor")) == []


def test_a_released_mentor_is_gone_but_the_milestone_stays_done() -> None:
    life = Life()
    life.on(hired(), assigned())
    life.on(assigned(OTHER_MENTOR, previous=MENTOR), released(MENTOR))
    assert life.journey.mentor_id == OTHER_MENTOR
    life.on(released(OTHER_MENTOR))
    assert life.journey.mentor_id is None
    assert life.milestone("mentor").status == "done"


def test_a_journey_is_completed_when_everything_required_is_settled() -> None:
    life = Life(programmes(AUTOMATIC))
    life.on(hired(), sent())
    assert kinds(life.on(assigned())) == ["MilestoneCompleted", "JourneyEnded"]
    assert life.journey.status == "completed"


def test_the_last_word_or_waiver_completes_a_journey_and_optional_or_retention_milestones_do_not_keep_it_open() -> None:
    life = Life()
    life.on(hired(), sent(), assigned())
    life.on(*(WaiveMilestone(employee_id=ADA, milestone_id=id, waived_by=BOSS) for id in ("meet_short", "meet_long", "pulse")))
    facts = life.on(CompleteMilestone(employee_id=ADA, milestone_id="access", completed_by=BOSS))
    assert kinds(facts) == ["MilestoneCompleted", "JourneyEnded"]
    assert life.journey.progress == (3, 3)
    assert life.statuses["lunch"] == life.statuses["year"] == "planned"


def test_leaving_after_a_completed_journey_is_on_record() -> None:
    life = Life(programmes(AUTOMATIC))
    life.on(hired(), sent(), assigned())
    assert kinds(life.on(LEFT)) == ["JourneyEnded"]
    assert life.journey.status == "left"
    assert kinds(life.on(STAYS)) == ["JourneyReopened", "JourneyEnded"]
    assert life.journey.status == "completed"


def test_a_hire_whose_zone_nobody_told_is_counted_in_utc() -> None:
    life = Life()
    life.on(hired(time_zone=None))
    assert life.journey.wake_at == datetime(2027, 1, 5, tzinfo=UTC)
    assert life.journey.wake_at > NOW
