"""Onboarding on a real database: journeys, read models, the calendar."""

import asyncio
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest

from services.onboarding import store
from services.onboarding.commands import AnswerSurvey, CompleteMilestone, LogMeeting
from services.onboarding.handlers import as_event, command_processor, review_due_days
from services.onboarding.programme import Programmes
from services.onboarding.programme_files import SHIPPED as FOLDER
from services.onboarding.programme_files import read_programme
from services.onboarding.projections.board import Board
from services.onboarding.read_models import ReadModelWork
from shared import lease
from shared.events import Event
from shared.events.hr import EmployeeHired, EmployeeRehired, EmployeeSnapshot, EmployeeTerminated, HireRescinded
from shared.events.onboarding import NameChanged
from shared.mongo import Database
from shared.refusals import Refused
from tests.connected.onboarding_office import Office
from tests.domain.onboarding.history import (
    ADA,
    BOSS,
    MENTOR,
    NEW_BOSS,
    NOW,
    START,
    assigned,
    at,
    counted,
    hired,
    hr,
    moved,
    sent,
    snapshot,
    updated,
    waitlisted,
)

DEFAULT = (FOLDER / "default.yaml").read_text()


@pytest.fixture
async def office(database: Database) -> Office:
    return await Office(database).open()


def hire(employee_id: str, start: date = START, **profile: Any) -> Event[Any]:
    known: dict[str, Any] = {"manager_id": BOSS, "location": "FR", "time_zone": "Europe/Paris"} | profile
    data = EmployeeHired(employee_id=employee_id, display_name=f"Hire {employee_id}", start_date=start, **known)
    return hr(data, id=f"hire {employee_id}")


async def state(db: Database, id: str = ADA) -> Any:
    journey = await store.journey(db, id)
    assert journey is not None
    return journey


async def board(db: Database, id: str = ADA) -> Board:
    row = await store.board_row(db, id)
    assert row is not None
    return row.board


async def test_a_hire_becomes_a_journey_with_a_row_and_a_timeline(office: Office) -> None:
    await office.tell(hr(hired()), counted("matching", assigned(), 1, at(0)), counted("notifications", sent(), 1, at(1)))
    await office.project_published()
    assert await office.published_kinds() == ["JourneyStarted", "MilestoneCompleted", "MilestoneCompleted"]
    row = await store.board_row(office.db, ADA)
    assert row is not None
    assert (row.name, row.manager_name, row.mentor_name) == ("Ada Okafor", BOSS, MENTOR)
    assert (row.board.done, row.board.mail.state, row.board.assignment.status) == (2, "sent", "assigned")
    timeline = await store.timeline(office.db, ADA)
    assert timeline is not None
    assert {entry.kind for entry in timeline.entries} == {
        "journey_started",
        "milestone_completed",
        "mentor_assigned",
        "message_sent",
    }


async def test_facts_sent_again_under_other_offsets_change_nothing(office: Office) -> None:
    facts = [hr(hired()), counted("matching", assigned(), 1, at(0)), counted("notifications", sent(), 1, at(1))]
    await office.tell(*facts)
    await office.project_published()
    before = [await state(office.db), await board(office.db), await store.timeline(office.db, ADA)]
    await office.tell(*facts, *facts)
    await office.project_published()
    assert [await state(office.db), await board(office.db), await store.timeline(office.db, ADA)] == before
    assert len(await office.published()) == 3


async def test_facts_may_come_before_the_hire_they_are_about(office: Office) -> None:
    await office.tell(counted("matching", assigned(), 1, at(0)), counted("notifications", sent(), 1, at(1)))
    assert (await state(office.db)).status == "expected"
    assert await store.board_page(office.db, managers=None) == store.BoardPage([], None)
    await office.tell(hr(hired()))
    assert {id for id, each in (await state(office.db)).milestones.items() if each.status == "done"} == {
        "welcome_sent",
        "mentor_assigned",
    }


async def test_a_late_copy_of_the_old_leaving_takes_nobody_away_who_came_back(office: Office) -> None:
    office.now = at(60)
    left = EmployeeTerminated(employee_id=ADA, last_day=date(2027, 1, 1))
    back = EmployeeRehired(employee_id=ADA, display_name="Ada", start_date=date(2027, 6, 1))
    await office.tell(hr(hired(), at(0)), hr(left, at(10)), hr(back, at(20)))
    await office.tell(hr(left, at(10), "told again"), hr(HireRescinded(employee_id=ADA), at(15)))
    journey = await store.journey(office.db, ADA)
    assert journey is not None
    assert (journey.number, journey.status, journey.start_date) == (2, "active", date(2027, 6, 1))
    assert journey.last_day is None
    await office.tell(hr(left, at(30), "this time it is so"))
    journey = await store.journey(office.db, ADA)
    assert journey is not None
    assert journey.last_day == date(2027, 1, 1)


async def test_a_snapshot_fills_the_directory_and_starts_nothing(office: Office) -> None:
    await office.tell(hr(snapshot(manager_id=BOSS, title="Engineer", personal_email="ada@home.example")))
    assert await store.journey(office.db, ADA) is None
    assert await office.published() == []
    person = await office.db["directory"].find_one({"_id": ADA})
    assert person is not None
    assert (person["title"], person["manager_id"]) == ("Engineer", BOSS)
    assert "personal_email" not in person


async def test_a_message_that_no_milestone_waits_for_costs_no_write(office: Office) -> None:
    await office.tell(counted("notifications", sent("manager_notice", "manager"), 1, at(0)))
    assert await office.db[store.JOURNEYS].count_documents({}) == 0


async def test_personal_data_stays_in_the_directory(office: Office) -> None:
    await office.tell(hr(hired(personal_email="ada@home.example")), counted("matching", assigned(), 1, at(0)))
    await office.project_published()
    kept = [
        str([document async for document in office.db[name].find()])
        for name in (store.JOURNEYS, store.BOARD, store.TIMELINE, "outbox")
    ]
    assert not any("Okafor" in text or "home.example" in text for text in kept)


async def test_a_journey_keeps_its_programme_when_the_file_changes(office: Office) -> None:
    await office.tell(hr(hired()))
    pinned = (await state(office.db)).programme_version
    changed = Programmes([read_programme(DEFAULT.replace("day: 60", "day: 50"), "default.yaml")])
    later = Office(office.db, changed)
    later._offsets = office._offsets
    await later.tell(hr(moved(START + timedelta(days=7))), hire("E-2"))
    old, new = await state(office.db), await state(office.db, "E-2")
    assert old.programme_version == pinned != new.programme_version
    assert old.milestones["review_60"].due == date(2027, 3, 19)
    assert new.milestones["review_60"].due == date(2027, 3, 2)
    assert (await store.programme_of(office.db, Programmes(changed.current), "default", pinned)).version == pinned
    assert await office.db[store.PROGRAMMES].count_documents({}) == 2


async def test_many_hires_in_one_batch_are_one_transaction(office: Office) -> None:
    await office.tell(*(hire(f"E-{number}") for number in range(300)))
    assert await office.db["outbox"].count_documents({}) == 1
    assert await office.db[store.JOURNEYS].count_documents({"state.status": "active"}) == 300


async def test_two_replicas_that_write_at_once_lose_nothing(office: Office) -> None:
    await office.tell(hr(hired()))
    first, second = (command_processor(office.db, office.programmes, office.clock) for _ in range(2))
    commands = [
        CompleteMilestone(employee_id=ADA, milestone_id=id, completed_by=BOSS)
        for id in ("access_ready", "manager_one_to_one", "goals_30", "review_60")
    ]
    await asyncio.gather(
        *(
            processor.execute([as_event(command, office.now)])
            for processor, command in zip([first, second] * 2, commands, strict=True)
        )
    )
    assert (await state(office.db)).progress == (4, 20)


async def test_an_idempotency_key_is_carried_out_once(office: Office) -> None:
    office.now = datetime(2027, 1, 12, 12, tzinfo=UTC)
    await office.tell(hr(hired()), counted("matching", assigned(), 1, at(1)))
    processor = command_processor(office.db, office.programmes, office.clock)

    def meeting(id: str) -> Event[Any]:
        return as_event(LogMeeting(employee_id=ADA, meeting_id=id, held_on=START, minutes=30, reported_by=MENTOR), office.now)

    assert await processor.execute([meeting("a")], key="k") is not None
    assert await processor.execute([meeting("b")], key="k") is None
    assert len((await state(office.db)).meetings) == 1


async def test_a_refused_command_writes_nothing(office: Office) -> None:
    await office.tell(hr(hired()))
    processor = command_processor(office.db, office.programmes, office.clock)
    with pytest.raises(Refused):
        await processor.execute(
            [as_event(CompleteMilestone(employee_id=ADA, milestone_id="nothing", completed_by=BOSS), NOW)], key="k"
        )
    assert await office.db["requests"].count_documents({}) == 0


async def test_free_text_of_a_survey_is_kept_apart_and_never_travels(office: Office) -> None:
    await office.tell(hr(hired(start=NOW.date() - timedelta(days=7))))
    answer = AnswerSurvey(employee_id=ADA, survey_id="pulse_7", ratings={"satisfaction": 4}, comment="too many meetings")
    await command_processor(office.db, office.programmes, office.clock).execute([as_event(answer, NOW)])
    await office.project_published()
    (comment,) = await store.survey_comments(office.db, ADA)
    assert (comment["survey_id"], comment["text"]) == ("pulse_7", "too many meetings")
    for name in await office.db.list_collection_names():
        if name != store.COMMENTS:
            assert "too many" not in str([document async for document in office.db[name].find()]), name


async def fence(db: Database, holder: str = "a") -> lease.Fence:
    taken = await lease.take(db, "onboarding", holder)
    assert taken is not None
    return taken


async def filled_board(office: Office) -> None:
    """Twelve hires of two managers, one of whom reports to the other; three late, one rescinded, one waitlisted."""
    await office.tell(hr(EmployeeHired(employee_id=NEW_BOSS, display_name="Boss", start_date=START, manager_id=BOSS)))
    await office.tell(
        *(
            hire(f"E-{number:02}", START + timedelta(days=number % 5), manager_id=BOSS if number % 2 else NEW_BOSS)
            for number in range(12)
        )
    )
    rescinded = hr(HireRescinded(employee_id="E-11"), at(1))
    await office.tell(rescinded, counted("matching", waitlisted().model_copy(update={"employee_id": "E-10"}), 1, at(2)))
    office.now = datetime(2027, 1, 5, 12, tzinfo=UTC)
    await review_due_days(office.db, await fence(office.db), office.programmes, office.clock)
    await office.project_published()


async def test_a_board_is_paged_in_order_and_filtered(office: Office) -> None:
    await filled_board(office)
    seen: list[str] = []
    after: str | None = None
    while True:
        page = await store.board_page(office.db, managers={BOSS, NEW_BOSS}, standings=store.ACTIVE, after=after, limit=4)
        seen += [row.employee_id for row in page.rows]
        after = page.next
        if after is None:
            break
    rows = [await board(office.db, id) for id in seen]
    assert len(seen) == 12
    assert rows == sorted(rows, key=lambda row: (row.start_date, row.employee_id))
    direct = await store.board_page(office.db, managers={NEW_BOSS})
    assert {row.employee_id for row in direct.rows} == {f"E-{number:02}" for number in range(0, 12, 2)}
    late = await store.board_page(office.db, managers=None, standings=store.standings_of(late=True))
    assert {row.employee_id for row in late.rows} == {"E-00", "E-05", "E-10", NEW_BOSS}
    assert all(row.board.standing == "late" for row in late.rows)
    minding = await store.board_page(office.db, managers={NEW_BOSS}, standings=["late", "attention"])
    assert {row.employee_id for row in minding.rows} == {"E-00", "E-10"}
    fine = await store.board_page(office.db, managers={NEW_BOSS}, standings=["track", "completed", "left", "cancelled"])
    assert len(fine.rows) == 4
    assert [row.employee_id for row in (await store.board_page(office.db, managers=None, standings=["cancelled"])).rows] == [
        "E-11"
    ]
    counts = await store.board_counts(office.db, managers=None)
    assert (sum(counts.values()), counts["cancelled"], counts["late"] + counts["attention"]) == (13, 1, 4)


async def test_a_managers_board_reaches_down_the_reporting_tree(office: Office) -> None:
    await filled_board(office)
    assert await store.managers_under(office.db, BOSS) == {BOSS, NEW_BOSS}
    assert await store.managers_under(office.db, NEW_BOSS) == {NEW_BOSS}
    assert await store.managers_under(office.db, "E-03") == set()


async def test_a_cursor_of_somebody_elses_making_is_refused(office: Office) -> None:
    with pytest.raises(Refused, match="cursor"):
        await store.board_page(office.db, managers=None, after="nonsense")


async def test_boards_are_read_by_index_alone(office: Office) -> None:
    await filled_board(office)
    order = {"state.start_date": 1, "_id": 1}
    queries = [
        store._board_query({BOSS}, store.SHOWN),
        store._board_query({BOSS, NEW_BOSS}, store.ACTIVE),
        store._board_query({BOSS}, ["late"]),
        store._board_query(None, store.ACTIVE),
        store._board_query(None, ["late", "attention"]),
        store._board_query(None, ["late", "attention"], ["late:coordinator"]),
        store._board_query(None, ["track"], ["late:coordinator", "late::default"]),
        store._board_query({BOSS}, ["late"], ["late:coordinator"]),
        store._board_query(None, store.ACTIVE, name="hi"),
        store._board_query(None, store.SHOWN, name="müller"),
        store._board_query(None, ["track"], name="e-07 hire"),
        store._board_query({BOSS, NEW_BOSS}, store.ACTIVE, name="hire"),
    ]
    for query in queries:
        command = {"find": store.BOARD, "filter": query, "sort": order, "limit": 51}
        plan = str((await office.db.command({"explain": command, "verbosity": "queryPlanner"}))["queryPlanner"]["winningPlan"])
        assert "COLLSCAN" not in plan, query
        assert "'SORT'" not in plan, (query, plan)


async def found(office: Office, name: str, managers: set[str] | None = None) -> set[str]:
    page = await store.board_page(office.db, managers=managers, name=name)
    return {row.employee_id for row in page.rows}


async def test_a_search_finds_hires_alone_by_the_beginnings_of_their_names_and_by_id_and_goes_on_by_page(office: Office) -> None:
    await office.tell(hr(EmployeeSnapshot(employee_id="A-1", given_name="Anna", family_name="Lehr")))
    await office.tell(*(hire(f"E-{number}", given_name="Anna", family_name="Lehmann") for number in range(7)))
    await office.tell(hire("E-1001", family_name="Müller", manager_id=NEW_BOSS), hire("E-1002", family_name="王"))
    await office.project_published()
    annas = {f"E-{number}" for number in range(7)}
    assert await found(office, "LE an") == annas
    assert await found(office, "ehm") == set()
    assert await found(office, "muller") == await found(office, "Mueller") == await found(office, "e-1001") == {"E-1001"}
    assert await found(office, "王") == await found(office, "1002") == {"E-1002"}
    assert await found(office, "müll", {BOSS}) == set()
    first = await store.board_page(office.db, managers={BOSS}, name="leh", limit=4)
    rest = await store.board_page(office.db, managers={BOSS}, name="leh", limit=4, after=first.next)
    assert ({row.employee_id for row in (*first.rows, *rest.rows)}, rest.next) == (annas, None)


async def test_a_changed_name_is_found_and_the_one_before_is_not(office: Office) -> None:
    await office.tell(hr(hired()))
    await office.project_published()
    assert (await found(office, "okaf"), await found(office, "lovel")) == ({ADA}, set())
    await office.tell(hr(updated(family_name="Lovelace"), at(5)))
    await office.tell(hr(updated(title="Countess"), at(6)))
    (renamed,) = [event for event in await office.published() if isinstance(event.data, NameChanged)]
    await office.project([renamed])
    assert (await found(office, "okaf"), await found(office, "lovel")) == (set(), {ADA})


async def test_a_name_that_changes_while_its_row_is_made_is_found_in_the_end(office: Office) -> None:
    await office.tell(hr(hired()))
    started, work = await office.published(), ReadModelWork(office.db)
    await work.load(started)
    await office.tell(hr(updated(family_name="Lovelace"), at(5)))  # committed between reading the name and making the row
    for event in started:
        work.decide(event, NOW)
    await work.changes().in_transaction(office.db)
    assert (await found(office, "okaf"), await found(office, "lovel")) == ({ADA}, set())
    await office.project((await office.published())[-1:])
    assert (await found(office, "okaf"), await found(office, "lovel")) == (set(), {ADA})


async def test_rows_written_before_names_were_filed_are_found_too(office: Office) -> None:
    await filled_board(office)
    everybody = await found(office, "hire")
    await office.db[store.BOARD].update_many({}, {"$unset": {"named": 1}})
    assert await found(office, "hire") == set()
    await store.file_unnamed(office.db)
    assert await found(office, "hire") == everybody != set()
    unnamed = {"find": store.BOARD, "filter": store.unnamed_query(), "limit": 500}
    plan = str((await office.db.command({"explain": unnamed, "verbosity": "queryPlanner"}))["queryPlanner"]["winningPlan"])
    assert "named_1" in plan


async def test_late_milestones_are_counted_by_owner_programme_and_milestone(office: Office) -> None:
    await filled_board(office)
    found = await store.texts(office.db, "facets")
    counts = await store.text_counts(office.db, "facets", found)
    late = await store.board_page(office.db, managers=None, standings=["late"])
    assert counts["late::default"] == len(late.rows) == 4
    for facet in found:
        rows = (await store.board_page(office.db, managers=None, facets=[facet])).rows
        assert counts[facet] == len(rows) > 0, facet
    names = {milestone for row in late.rows for milestone in row.board.late}
    assert {f"late:coordinator:default:{name}" for name in names} <= set(found)
    either = await store.board_page(office.db, managers={NEW_BOSS}, facets=["late:hire", "late:coordinator"])
    assert {row.employee_id for row in either.rows} == {"E-00", "E-10"}


async def test_late_milestones_are_counted_by_index_alone(office: Office) -> None:
    await filled_board(office)
    commands = {
        "DISTINCT_SCAN": {"distinct": store.BOARD, "key": "state.facets"},
        "COUNT_SCAN": {"count": store.BOARD, "query": store.text_query("facets", "late:coordinator")},
        "IXSCAN": {"count": store.BOARD, "query": store.text_query("facets", "late:coordinator", START)},
    }
    for stage, command in commands.items():
        plan = await office.db.command({"explain": command, "verbosity": "executionStats"})
        assert stage in str(plan["queryPlanner"]["winningPlan"])
        assert plan["executionStats"]["totalDocsExamined"] == 0
        assert plan["executionStats"]["totalKeysExamined"] > 0


async def test_answers_are_counted_by_index_alone(office: Office) -> None:
    await filled_board(office)
    query = store.text_query("rated", "default:pulse_7:satisfaction:4", START)
    for command in ({"distinct": store.BOARD, "key": "state.rated"}, {"count": store.BOARD, "query": query}):
        plan = await office.db.command({"explain": command, "verbosity": "executionStats"})
        assert "_SCAN" in (stages := str(plan["queryPlanner"]["winningPlan"])) or "IXSCAN" in stages
        assert "FETCH" not in stages
        assert "COLLSCAN" not in stages


async def test_the_calendar_finds_its_journeys_by_index(office: Office) -> None:
    await office.tell(hr(hired()))
    command = {"find": store.JOURNEYS, "filter": store._waking_query(NOW, ()), "sort": {"state.wake_at": 1}, "limit": 500}
    plan = str((await office.db.command({"explain": command, "verbosity": "queryPlanner"}))["queryPlanner"]["winningPlan"])
    assert "IXSCAN" in plan
    assert "COLLSCAN" not in plan


async def test_mentees_are_those_who_have_the_mentor_now(office: Office) -> None:
    first = assigned().model_copy(update={"employee_id": "E-1"})
    second = assigned().model_copy(update={"employee_id": "E-2"})
    replaced = assigned("M-2", previous=MENTOR).model_copy(update={"employee_id": "E-2"})
    await office.tell(
        hire("E-1", time_zone="Asia/Tokyo"),
        hire("E-2"),
        counted("matching", first, 1, at(0)),
        counted("matching", second, 1, at(0)),
        counted("matching", replaced, 2, at(1)),
    )
    await office.project_published()
    assert [row.employee_id for row in await store.mentees(office.db, MENTOR)] == ["E-1"]
    assert [row.employee_id for row in await store.mentees(office.db, "M-2")] == ["E-2"]


async def test_whoever_watches_the_board_hears_of_each_row_that_changes_until_it_is_swapped(office: Office) -> None:
    changes = store.board_changes(office.db)
    assert await anext(changes) is None
    await office.tell(hr(hired()), counted("matching", waitlisted().model_copy(update={"employee_id": "E-2"}), 1, at(1)))
    await office.project_published()
    async with asyncio.timeout(90):
        assert [await anext(changes), await anext(changes)] == ["E-2", ADA]
        await office.db[store.BOARD].drop()
        assert [id async for id in changes] == []


async def test_names_stand_for_known_people_and_ids_for_unknown_ones(office: Office) -> None:
    await office.tell(hr(hired()))
    assert await store.names(office.db, [ADA, "E-404", None]) == {ADA: "Ada Okafor", "E-404": "E-404"}


async def test_an_update_of_the_manager_moves_the_row_to_the_other_board(office: Office) -> None:
    await office.tell(hr(hired()), hr(updated(manager_id=NEW_BOSS), at(1)))
    await office.project_published()
    assert (await store.board_page(office.db, managers={BOSS})).rows == []
    assert [row.employee_id for row in (await store.board_page(office.db, managers={NEW_BOSS})).rows] == [ADA]
