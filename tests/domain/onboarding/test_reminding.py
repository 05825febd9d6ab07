"""Reminders and escalation: on their days, once, late ones in one, and none of what is done, waived, paused or over."""

from datetime import UTC, date, datetime, timedelta

import pytest

from services.onboarding.commands import CompleteMilestone
from services.onboarding.programme import Programme, Programmes
from services.onboarding.programme_files import read_programme
from shared.events import Fact
from shared.events.onboarding import MilestoneEscalated, MilestoneLate, MilestoneReminded
from shared.refusals import Refused
from tests.domain.onboarding.history import ADA, BOSS, NOW, SMALL, START, Life, hired, moved, only, programmes
from tests.domain.onboarding.plan_changes import RESUME, REVIEW, add, day, follow, move, noon, pause, reassign, waive
from tests.domain.onboarding.test_programme import faults_of

TELLING = SMALL.replace(
    "owner: manager, day: 0",
    "owner: manager, day: 0, remind: [2 before, 1 after, 9 after], escalate: {after: 3, to: coordinator}",
)
Told = list[tuple[date, str, str]]


def about(facts: list[Fact], life: Life) -> Told:
    """Who is told what of `access`, and on which day."""
    told = []
    for fact in facts:
        if getattr(fact, "milestone_id", "") != "access":
            continue
        if isinstance(fact, MilestoneLate):
            told.append((life.now.date(), "late", "manager"))
        if isinstance(fact, MilestoneReminded):
            told.append((life.now.date(), "reminded", fact.owner))
        if isinstance(fact, MilestoneEscalated):
            told.append((life.now.date(), "escalated", fact.to))
    return told


def watched(life: Life, first: date, last: date, every: int = 1) -> Told:
    """What is told from one day to another when the clock looks in at noon every so many days."""
    told: Told = []
    when = first
    while when <= last:
        told += about(life.on(REVIEW, now=noon(when)), life)
        when += timedelta(days=every)
    return told


def begun(start: date = START, text: str = TELLING) -> Life:
    life = Life(programmes(text))
    life.on(hired(start), now=NOW)
    return life


END = START + timedelta(days=40)


def test_each_is_told_on_its_day_and_being_late_is_the_reminder_of_its_day() -> None:
    assert watched(begun(), NOW.date(), END) == [
        (date(2027, 1, 8), "reminded", "manager"),  # two days before Monday is Saturday: on Friday
        (date(2027, 1, 12), "late", "manager"),  # and the reminder of "1 after"
        (date(2027, 1, 14), "escalated", "coordinator"),
        (date(2027, 1, 20), "reminded", "manager"),
    ]


def test_a_reminder_comes_as_its_day_begins_where_the_hire_works() -> None:
    life = begun()
    life.on(REVIEW, now=datetime(2027, 1, 7, 22, 59, tzinfo=UTC))
    assert about(life.on(REVIEW, now=datetime(2027, 1, 7, 22, 59, 59, tzinfo=UTC)), life) == []
    assert life.journey.wake_at == datetime(2027, 1, 7, 23, tzinfo=UTC)
    (fact,) = life.on(REVIEW, now=datetime(2027, 1, 7, 23, tzinfo=UTC))
    assert fact == MilestoneReminded(
        employee_id=ADA, milestone_id="access", owner="manager", due=START, reminded_on=date(2027, 1, 8)
    )


def test_after_a_standstill_one_tells_for_all_that_were_missed() -> None:
    life = begun()
    told = about(life.on(REVIEW, now=noon(END)), life)
    assert told == [(END, "late", "manager"), (END, "escalated", "coordinator")]
    assert watched(life, END, END + timedelta(days=30)) == []


@pytest.mark.parametrize("days", [20, 40, 200])
def test_late_data_starts_no_storm(days: int) -> None:
    start = NOW.date() - timedelta(days=days)
    assert watched(begun(start), NOW.date(), NOW.date() + timedelta(days=60)) == []


def test_of_a_hire_told_a_few_days_late_only_what_still_comes_is_told() -> None:
    start = NOW.date() - timedelta(days=4)
    assert watched(begun(start), NOW.date(), NOW.date() + timedelta(days=60)) == [(date(2026, 12, 7), "reminded", "manager")]


def test_nobody_is_told_of_what_is_done_or_not_needed() -> None:
    done = CompleteMilestone(employee_id=ADA, milestone_id="access", completed_by=BOSS)
    for command in (done, waive("access")):
        life = begun()
        life.on(command, now=day(-5))
        assert watched(life, START - timedelta(days=5), END) == []


def test_while_away_nobody_is_told_and_on_return_the_days_count_anew() -> None:
    life = begun()
    life.on(pause(), now=day(-5))
    assert watched(life, START - timedelta(days=5), START + timedelta(days=20)) == []
    life.on(RESUME, now=day(21))
    assert [each for each in watched(life, START + timedelta(days=21), END + timedelta(days=20)) if each[1] != "late"] == [
        (date(2027, 2, 4), "escalated", "coordinator"),
        (date(2027, 2, 10), "reminded", "manager"),
    ]


def test_a_moved_day_is_reminded_of_anew() -> None:
    life = begun()
    assert watched(life, NOW.date(), START - timedelta(days=1)) == [(date(2027, 1, 8), "reminded", "manager")]
    life.on(moved(START + timedelta(days=28)), now=day(-1))
    told = watched(life, START, START + timedelta(days=28))
    assert told == [(date(2027, 2, 5), "reminded", "manager")]
    life.on(move("access", START + timedelta(days=60)), now=day(28))
    assert watched(life, START + timedelta(days=28), START + timedelta(days=59)) == [(date(2027, 3, 10), "reminded", "manager")]


def test_working_days_count_where_the_milestone_counts_them() -> None:
    text = TELLING.replace("owner: manager, day: 0", "owner: manager, working_day: 0")
    assert watched(begun(text=text), NOW.date(), END) == [
        (date(2027, 1, 7), "reminded", "manager"),
        (date(2027, 1, 12), "late", "manager"),
        (date(2027, 1, 14), "escalated", "coordinator"),
        (date(2027, 1, 22), "reminded", "manager"),
    ]


def test_another_version_reminds_of_nothing_that_lay_before_it() -> None:
    life = begun(text=SMALL)
    life.on(REVIEW, now=day(15))
    grown = Programmes([read_programme(TELLING, "test.yaml"), read_programme(TELLING.replace("id: small", "id: told"), "t.yaml")])
    grown.add(only(programmes(SMALL)))
    life.programmes = grown
    life.on(follow("told"), now=day(15))
    assert watched(life, START + timedelta(days=15), START + timedelta(days=60)) == []


def test_a_milestone_that_is_optional_is_reminded_of_and_never_late() -> None:
    life = begun(text=SMALL.replace("owner: manager, day: 0", "owner: manager, day: 0, optional: true, remind: 1 after"))
    assert watched(life, NOW.date(), END) == [(date(2027, 1, 12), "reminded", "manager")]


def test_a_programme_with_reminders_is_the_same_when_stored_and_one_without_keeps_its_version() -> None:
    programme = read_programme(TELLING, "mine.yaml")
    assert programme.by_id["access"].remind == [-2, 1, 9]
    assert Programme.model_validate(programme.model_dump(mode="json")) == programme
    assert "remind" not in read_programme(SMALL, "mine.yaml").model_dump_json(exclude_defaults=True)


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        ("remind: 2 days before", "written as '2 before' or '1 after'"),
        ("remind: 91 after", "written as '2 before' or '1 after'"),
        ("remind: [1 after, 1 after]", "one day twice"),
        ("remind: [0 before, 0 after]", "one day twice"),
        ("escalate: {after: 0, to: coordinator}", "greater than or equal to 1"),
        ("escalate: {after: 3, to: mentor}", "'manager' or 'coordinator'"),
        ("escalate: {after: 3, to: manager}", "is the manager's own"),
        ("optional: true, escalate: {after: 3, to: coordinator}", "is optional"),
        ("completed_by: still_employed, remind: 1 after", "which the calendar settles"),
    ],
)
def test_what_could_tell_nobody_anything_is_refused(wrong: str, words: str) -> None:
    found = faults_of(SMALL.replace("owner: manager, day: 0", f"owner: manager, day: 0, {wrong}"))
    assert any(words in message for _, message in found), found


def _told_of_own(life: Life, until: date) -> Told:
    told: Told = []
    when = NOW.date()
    while when <= until:
        facts = life.on(REVIEW, now=noon(when))
        told += [(when, fact.milestone_id, fact.owner) for fact in facts if isinstance(fact, MilestoneReminded)]
        when += timedelta(days=1)
    return told


def test_the_owner_of_a_milestone_that_one_person_alone_has_is_reminded_too() -> None:
    life = Life()
    life.on(hired(), now=NOW)
    monday = START + timedelta(days=7)
    life.on(add(monday), add(monday, remind=[-7, 2, -7]), add(monday, remind=[]))
    assert _told_of_own(life, END) == [
        (date(2027, 1, 11), "own_2", "hire"),
        (date(2027, 1, 15), "own_1", "hire"),  # a day before a Monday is a Sunday: on Friday
        (date(2027, 1, 20), "own_2", "hire"),
    ]


def _escalated(life: Life) -> Told:
    """Who hears that an own milestone is open, when the clock looks in daily."""
    told: Told = []
    for number in range((END - NOW.date()).days):
        when = NOW.date() + timedelta(days=number)
        facts = life.on(REVIEW, now=noon(when))
        told += [(when, fact.milestone_id, fact.to) for fact in facts if isinstance(fact, MilestoneEscalated)]
    return told


def test_what_one_person_alone_has_is_escalated_once_to_somebody_else_than_its_owner() -> None:
    life = Life()
    life.on(hired(), now=NOW)
    monday = START + timedelta(days=7)
    life.on(add(monday, escalate_after=3), add(monday, remind=[], escalate_after=5), add(monday))
    life.on(reassign("own_2", "manager"))
    assert _escalated(life) == [
        (date(2027, 1, 21), "own_1", "manager"),
        (date(2027, 1, 25), "own_2", "coordinator"),  # five days after a Monday is a Saturday: on Monday
    ]


def test_an_escalation_of_ones_own_moves_with_its_day_and_stops_when_it_is_settled() -> None:
    life = Life()
    life.on(hired(), now=NOW)
    monday = START + timedelta(days=7)
    life.on(add(monday, remind=[], escalate_after=3), add(monday, escalate_after=3))
    life.on(move("own_1", monday + timedelta(days=7)), waive("own_2"))
    assert _escalated(life) == [(date(2027, 1, 28), "own_1", "manager")]


def test_of_an_optional_one_that_may_stay_open_nobody_is_told() -> None:
    life = Life()
    life.on(hired(), now=NOW)
    with pytest.raises(Refused, match="optional milestone may stay open"):
        life.on(add(START + timedelta(days=7), optional=True, escalate_after=3))


def test_a_reminder_of_ones_own_moves_with_its_day_and_stops_when_it_is_settled() -> None:
    life = Life()
    life.on(hired(), now=NOW)
    life.on(add(START + timedelta(days=7)), add(START + timedelta(days=7)))
    life.on(move("own_1", START + timedelta(days=10)), waive("own_2"))
    assert life.journey.wake_at is not None
    assert _told_of_own(life, END) == [(date(2027, 1, 20), "own_1", "hire")]
