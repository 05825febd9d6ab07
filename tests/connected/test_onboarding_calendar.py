"""The calendar on a real database: what is late and what is over, found by index, told once, also after days without a clock."""

import asyncio
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest

from services.onboarding import store
from services.onboarding.commands import PauseJourney
from services.onboarding.handlers import as_event, command_processor, review_due_days
from shared import calendar, lease
from shared.events import Event
from shared.events.hr import EmployeeTerminated, HireRescinded
from shared.lease import LeaseLost
from tests.connected.onboarding_office import Office
from tests.connected.test_onboarding import board, fence, hire, office, state
from tests.domain.onboarding.history import (
    ADA,
    BOSS,
    NOW,
    START,
    at,
    hired,
    hr,
    programmes,
)
from tests.domain.onboarding.plan_changes import REMINDING

__all__ = ["office"]


async def carry_out(office: Office, command: Any) -> None:
    await command_processor(office.db, office.programmes, office.clock).execute([as_event(command, office.now)])


async def test_late_milestones_are_announced_once_by_the_calendar_in_each_zone(office: Office) -> None:
    zones = {"E-1": "Asia/Tokyo", "E-2": "Europe/Paris", "E-3": "America/Los_Angeles"}
    await office.tell(*(hire(id, time_zone=zone) for id, zone in zones.items()))
    mine = await fence(office.db)

    async def late() -> list[str]:
        await review_due_days(office.db, mine, office.programmes, office.clock)
        return sorted({event.subject for event in await office.published() if "late" in event.type})

    office.now = datetime(2027, 1, 4, 14, tzinfo=UTC)
    assert await late() == []
    office.now = datetime(2027, 1, 4, 15, tzinfo=UTC)
    assert await late() == ["E-1"]
    office.now = datetime(2027, 1, 4, 23, tzinfo=UTC)
    assert await late() == ["E-1", "E-2"]
    office.now = datetime(2027, 1, 5, 8, tzinfo=UTC)
    assert await late() == ["E-1", "E-2", "E-3"]
    told = len(await office.published())
    await late()
    assert len(await office.published()) == told
    await office.project_published()
    assert (await board(office.db, "E-1")).late == ["welcome_sent", "mentor_assigned", "mentor_brief_sent"]


async def test_the_calendar_catches_up_in_batches(office: Office, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("services.onboarding.handlers.REVIEW_BATCH", 10)
    await office.tell(*(hire(f"E-{number}") for number in range(35)))
    office.now = NOW + timedelta(days=60)
    await review_due_days(office.db, await fence(office.db), office.programmes, office.clock)
    assert await store.waking(office.db, office.now, 100) == []
    assert len({event.subject for event in await office.published() if "late" in event.type}) == 35


async def test_two_owners_who_review_at_once_announce_once(office: Office, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("services.onboarding.handlers.REVIEW_BATCH", 10)
    await office.tell(*(hire(f"E-{number}") for number in range(35)))
    office.now = NOW + timedelta(days=36)
    mine = await fence(office.db)
    await asyncio.gather(*(review_due_days(office.db, mine, office.programmes, office.clock) for _ in range(2)))
    late = [(event.subject, event.data.milestone_id) for event in await office.published() if "late" in event.type]
    assert len(late) == len(set(late)) == 35 * 3


async def test_a_clock_that_was_away_for_months_tells_of_each_late_day_once_and_ends_what_is_over(office: Office) -> None:
    await office.tell(hr(hired()), hire("E-2"), hire("E-3"))
    await office.tell(hr(EmployeeTerminated(employee_id="E-2", last_day=START + timedelta(days=10)), at(1)))
    await carry_out(office, PauseJourney(employee_id="E-3", until=START + timedelta(days=60), paused_by=BOSS))
    office.now = NOW + timedelta(days=140)
    mine = await fence(office.db)
    for _ in range(2):
        await review_due_days(office.db, mine, office.programmes, office.clock)
    told = [(event.subject, type(event.data).__name__) for event in await office.published()]
    assert [kind for id, kind in told if id == ADA].count("MilestoneLate") == 20
    assert [kind for id, kind in told if id == "E-2"] == ["JourneyStarted", "LeavingPlanned", "JourneyEnded"]
    assert [kind for id, kind in told if id == "E-3"][:3] == ["JourneyStarted", "JourneyPaused", "JourneyResumed"]
    assert (await state(office.db, "E-3")).pauses[0].back_on == START + timedelta(days=60)
    assert await store.waking(office.db, office.now, 10) == []


async def test_a_hire_and_its_rescission_end_alike_in_one_batch_and_in_two(office: Office) -> None:
    office.now = at(5)

    def told_of(id: str) -> list[Event[Any]]:
        return [hire(id), hr(HireRescinded(employee_id=id), at(1), f"rescinded {id}")]

    await office.tell(*told_of("E-1"))
    for event in told_of("E-2"):
        await office.tell(event)
    for event in reversed(told_of("E-3")):
        await office.tell(event)
    states = [(await state(office.db, id)).model_dump(exclude={"employee_id", "heard"}) for id in ("E-1", "E-2", "E-3")]
    assert states[0] == states[1] == states[2]
    assert states[0]["status"] == "cancelled"


async def test_a_storm_of_late_data_brings_no_late_notice_and_leaves_nothing_to_do(office: Office) -> None:
    office.now = datetime(2027, 7, 1, tzinfo=UTC)
    await office.tell(*(hire(f"E-{number}", date(2027, 1, 4)) for number in range(600)))
    mine = await fence(office.db)
    for _ in range(3):
        await review_due_days(office.db, mine, office.programmes, office.clock)
        office.now += timedelta(days=7)
    told = await office.published_kinds()
    assert set(told) == {"JourneyStarted", "JourneyReplanned", "JourneyEnded", "MilestoneCompleted"}
    assert told.count("MilestoneCompleted") == 600  # still here on day 180, two days after we heard
    assert (await state(office.db, "E-7")).status == "completed"


async def test_a_journey_that_can_not_be_reviewed_holds_up_nobody_else(office: Office) -> None:
    await office.tell(*(hire(f"E-{number}") for number in range(4)))
    broken = {"state.programme_version": "gone"}
    await office.db[store.JOURNEYS].update_one({"_id": "E-2"}, {"$set": broken})
    office.now = NOW + timedelta(days=60)
    await review_due_days(office.db, await fence(office.db), office.programmes, office.clock)
    assert await store.waking(office.db, office.now, 10) == ["E-2"]


async def test_reminders_after_days_without_a_clock_are_one_and_two_schedulers_tell_them_once(office: Office) -> None:
    office.programmes = programmes(REMINDING)
    await office.tell(*(hire(f"E-{number}") for number in range(20)))
    office.now = datetime(2027, 1, 19, 12, tzinfo=UTC)  # nobody looked since before the start: three reminder days passed
    mine = await fence(office.db)
    await asyncio.gather(*(review_due_days(office.db, mine, office.programmes, office.clock) for _ in range(2)))
    await review_due_days(office.db, mine, office.programmes, office.clock)
    told = [(event.subject, event.data) for event in await office.published()]
    kinds = [type(data).__name__ for id, data in told if id == "E-7" and getattr(data, "milestone_id", "") == "access"]
    assert sorted(kinds) == ["MilestoneEscalated", "MilestoneLate"]
    assert len({(id, type(data), getattr(data, "milestone_id", "")) for id, data in told}) == len(told)
    await office.project_published()
    timeline = await store.timeline(office.db, "E-7")
    assert timeline is not None
    assert "milestone_escalated" in [entry.kind for entry in timeline.entries]


async def test_a_hire_where_nobody_ever_works_is_kept_as_a_dead_letter_and_holds_up_nobody(
    office: Office, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = calendar.is_working_day
    # No calendar has so long a break today: only a broken one would.
    monkeypatch.setattr(calendar, "is_working_day", lambda day, where: where.country != "DE" and real(day, where))
    await office.tell(hire("E-1"), hire("E-2", location="Munich, DE-BY"), hire("E-3"))
    assert [(await store.journey(office.db, id)) is not None for id in ("E-1", "E-2", "E-3")] == [True, False, True]
    letter = await office.db["dead_letters"].find_one()
    assert (bytes(letter["key"]), letter["code"], letter["field"]) == (b"E-2", "no_working_day", "location")
    assert "in DE; check the calendar of that place" in letter["detail"]


async def test_a_review_where_nobody_ever_works_holds_up_nobody_else(office: Office, monkeypatch: pytest.MonkeyPatch) -> None:
    await office.tell(hire("E-1"), hire("E-2", location="Munich, DE-BY"))
    for id in ("E-1", "E-2"):
        await carry_out(office, PauseJourney(employee_id=id, until=NOW.date() + timedelta(days=9), paused_by=BOSS))
    real = calendar.is_working_day
    monkeypatch.setattr(calendar, "is_working_day", lambda day, where: where.country != "DE" and real(day, where))
    office.now = NOW + timedelta(days=10)
    await review_due_days(office.db, await fence(office.db), office.programmes, office.clock)
    assert await store.waking(office.db, office.now, 10) == ["E-2"]


async def test_who_lost_the_lease_announces_nothing(office: Office) -> None:
    await office.tell(hr(hired()))
    old = await fence(office.db)
    await lease.release(office.db, old)
    await fence(office.db, "b")
    office.now = NOW + timedelta(days=60)
    with pytest.raises(LeaseLost):
        await review_due_days(office.db, old, office.programmes, office.clock)
    assert await office.published_kinds() == ["JourneyStarted"]
