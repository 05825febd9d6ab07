"""The directory on the real database: a fold of HR events, and the reporting tree."""

from datetime import timedelta
from itertools import permutations
from typing import Any

import pytest

from shared import directory
from shared.changes import Changes
from shared.directory import Directory, below, chain, name_of, people
from shared.events import HrEvent, new_event
from shared.events.hr import (
    EmployeeHired,
    EmployeeRehired,
    EmployeeSnapshot,
    EmployeeTerminated,
    EmployeeUpdated,
    HireRescinded,
    StartDateChanged,
    TerminationCancelled,
)
from shared.mongo import Database
from tests.tally import NOW

FIELDS = {"given_name", "family_name", "display_name", "manager_id", "start_date", "languages"}


def event(payload: HrEvent) -> Any:
    return new_event(payload, source="/hr", id="1", time=NOW)


async def fold(db: Database, *payloads: HrEvent) -> None:
    for payload in payloads:
        people_of_batch = Directory(FIELDS)
        await people_of_batch.load(db, [payload.subject])
        people_of_batch.apply(event(payload), NOW)
        changes = Changes()
        people_of_batch.add_to(changes)
        await changes.in_transaction(db)


def person(id: str, manager: str | None = None) -> EmployeeSnapshot:
    return EmployeeSnapshot(employee_id=id, display_name=f"Person {id}", **({"manager_id": manager} if manager else {}))


async def test_an_update_changes_only_what_was_sent(database: Database) -> None:
    hired = EmployeeHired(
        employee_id="E-1", given_name="Ada", family_name="Okafor", start_date="2027-01-11", languages=["fr", "en"]
    )
    await fold(database, hired, EmployeeUpdated(employee_id="E-1", manager_id="E-9"))
    (found,) = (await people(database, ["E-1"])).values()
    assert found == {
        "_id": "E-1",
        "given_name": "Ada",
        "family_name": "Okafor",
        "start_date": "2027-01-11",
        "languages": ["fr", "en"],
        "manager_id": "E-9",
        "left": False,
        "start_said_at": NOW.isoformat(),
        "said_at": NOW.isoformat(),
        "said": {"manager_id": NOW.isoformat()},
    }


async def test_fields_a_service_does_not_need_are_not_kept(database: Database) -> None:
    await fold(database, EmployeeSnapshot(employee_id="E-1", display_name="Ada", work_email="ada@example.org"))
    assert "work_email" not in (await people(database, ["E-1"]))["E-1"]


@pytest.mark.parametrize(("payload", "left"), [(EmployeeTerminated, True), (HireRescinded, True), (TerminationCancelled, False)])
async def test_leaving_and_staying_are_noted(database: Database, payload: type[HrEvent], left: bool) -> None:
    await fold(database, person("E-1"), payload(employee_id="E-1"))
    assert (await people(database, ["E-1"]))["E-1"]["left"] is left


async def test_a_moved_start_date_is_noted(database: Database) -> None:
    await fold(database, person("E-1"), StartDateChanged(employee_id="E-1", start_date="2027-02-01"))
    assert (await people(database, ["E-1"]))["E-1"]["start_date"] == "2027-02-01"


async def test_the_chain_goes_up_nearest_first_and_the_tree_goes_down(database: Database) -> None:
    await directory.ensure_indexes(database)
    await fold(
        database, person("top"), person("head", "top"), person("lead", "head"), person("hire", "lead"), person("other", "top")
    )
    assert await chain(database, "hire") == ["lead", "head", "top"]
    assert await below(database, "head") == {"lead", "hire"}
    assert await below(database, "hire") == set()
    assert await chain(database, "nobody") == []


async def test_a_loop_in_the_reporting_lines_ends(database: Database) -> None:
    await fold(database, person("a", "b"), person("b", "c"), person("c", "a"), person("self", "self"))
    assert await chain(database, "a") == ["b", "c"]
    assert await below(database, "a") == {"b", "c"}
    assert await chain(database, "self") == []


async def test_an_unknown_manager_is_still_the_manager(database: Database) -> None:
    await fold(database, person("hire", "unknown"))
    assert await chain(database, "hire") == ["unknown"]


def test_a_person_without_a_name_is_shown_by_id() -> None:
    assert name_of(None, "E-1") == "E-1"
    assert name_of({"_id": "E-1"}, "E-1") == "E-1"
    assert name_of({"given_name": "Ada", "family_name": "Okafor"}, "E-1") == "Ada Okafor"
    assert name_of({"given_name": "Ada", "display_name": "A. Okafor"}, "E-1") == "A. Okafor"


async def test_a_start_date_said_before_the_one_that_is_known_comes_late_and_is_passed_by(database: Database) -> None:
    said = {9: "2027-01-18", 3: "2027-02-01"}  # seconds after the hire, in the order of arrival
    await fold(database, EmployeeHired(employee_id="E-1", display_name="Ada", start_date="2027-01-11"))
    for seconds, date in said.items():
        entries = Directory(FIELDS)
        await entries.load(database, ["E-1"])
        change = StartDateChanged(employee_id="E-1", start_date=date)
        entries.apply(new_event(change, source="/hr", id=date, time=NOW + timedelta(seconds=seconds)), NOW + timedelta(minutes=1))
        changes = Changes()
        entries.add_to(changes)
        await changes.in_transaction(database)
    (found,) = (await people(database, ["E-1"])).values()
    assert found["start_date"] == "2027-01-18"


SAID: list[tuple[HrEvent, int]] = [
    (EmployeeHired(employee_id="E-1", given_name="Ada", start_date="2027-01-11", manager_id="B-1", languages=["fr"]), 0),
    (EmployeeUpdated(employee_id="E-1", manager_id="B-2"), 5),
    (EmployeeUpdated(employee_id="E-1", manager_id=None, given_name="Adah"), 9),
    (EmployeeSnapshot(employee_id="E-1", given_name="Ad", family_name="Okafor", manager_id="B-3"), 7),
]


@pytest.mark.parametrize("order", list(permutations(SAID)))
async def test_in_whatever_order_hr_is_heard_the_later_word_on_each_field_stands(database: Database, order: Any) -> None:
    for payload, second in order:
        await _hear(database, payload, second)
    (found,) = (await people(database, ["E-1"])).values()
    assert {name: found[name] for name in FIELDS & found.keys()} == {
        "given_name": "Adah",
        "family_name": "Okafor",
        "manager_id": None,
        "start_date": "2027-01-11",
        "languages": ["fr"],
    }


async def test_of_two_words_at_one_time_the_one_that_comes_later_counts(database: Database) -> None:
    for manager in ("B-1", "B-2"):
        await _hear(database, EmployeeUpdated(employee_id="E-1", manager_id=manager), 5)
    assert (await people(database, ["E-1"]))["E-1"]["manager_id"] == "B-2"


async def test_a_row_of_an_older_version_takes_any_word_and_knows_from_then_on(database: Database) -> None:
    await database[directory.COLLECTION].insert_one({"_id": "E-1", "left": False, "manager_id": "B-1", "given_name": "Ada"})
    await _hear(database, EmployeeUpdated(employee_id="E-1", manager_id="B-2"), 5)
    await _hear(database, EmployeeUpdated(employee_id="E-1", manager_id="B-3", given_name="Adah"), 3)
    found = (await people(database, ["E-1"]))["E-1"]
    assert (found["manager_id"], found["given_name"]) == ("B-2", "Adah")


async def test_a_clock_that_is_ahead_outranks_nothing_that_hr_says_later(database: Database) -> None:
    await _hear(database, EmployeeUpdated(employee_id="E-1", manager_id="B-1"), 9_000)
    await _hear(database, EmployeeUpdated(employee_id="E-1", manager_id="B-2"), 60)
    assert (await people(database, ["E-1"]))["E-1"]["manager_id"] == "B-2"


@pytest.mark.parametrize("ending", [EmployeeTerminated(employee_id="E-1"), HireRescinded(employee_id="E-1")])
async def test_a_hire_told_after_the_ending_that_was_said_later_begins_nothing_anew(database: Database, ending: HrEvent) -> None:
    for payload, second, left in ((ending, 5, True), (HIRED, 0, True), (HIRED, 9, False)):
        await _hear(database, payload, second)
        assert (await people(database, ["E-1"]))["E-1"]["left"] is left


HIRED = EmployeeHired(employee_id="E-1", display_name="Ada", start_date="2027-01-11")
REHIRED = EmployeeRehired(employee_id="E-1", display_name="Ada", start_date="2027-06-01")
STAYS = TerminationCancelled(employee_id="E-1")
LEFT, RESCINDED = EmployeeTerminated(employee_id="E-1"), HireRescinded(employee_id="E-1")
Told = list[tuple[HrEvent, int]]


@pytest.mark.parametrize("ending", [LEFT, RESCINDED])
@pytest.mark.parametrize(
    ("told", "said", "overtaken"),
    [
        ([(HIRED, 0), (LEFT, 5), (REHIRED, 9)], 5, True),  # told again of the employment before
        ([(HIRED, 0), (RESCINDED, 5), (HIRED, 9)], 5, True),
        ([(HIRED, 0), (REHIRED, 9)], 5, True),  # nobody had told of the leaving in between
        ([(HIRED, 0), (LEFT, 5), (REHIRED, 9)], 9, False),  # at one time their order decides
        ([(HIRED, 0), (LEFT, 5), (REHIRED, 9)], 12, False),
        ([(HIRED, 4)], 2, False),  # ended before it was told of: it is over as it starts
        ([(HIRED, 0), (HIRED, 9)], 5, False),  # HR repeats a hire
        ([(HIRED, 0), (LEFT, 5), (REHIRED, 600)], 70, False),  # an effective date ahead says not when it was said
        ([(HIRED, 0), (LEFT, 5), (REHIRED, 20), (LEFT, 25), (REHIRED, 30), (REHIRED, 20)], 25, True),
        ([], 5, False),
        ([(HIRED, 0), (LEFT, 20)], 5, False),  # of two endings their order decides
    ],
)
async def test_an_ending_said_before_the_coming_back_is_about_what_was_before(
    database: Database, told: Told, said: int, overtaken: bool, ending: HrEvent
) -> None:
    assert await _is_overtaken(database, told, _said(ending, said)) is overtaken


@pytest.mark.parametrize(
    ("told", "late", "said", "overtaken"),
    [
        ([(HIRED, 0), (LEFT, 5), (STAYS, 9)], LEFT, 5, True),  # told again of what was cancelled
        ([(HIRED, 0), (STAYS, 9)], LEFT, 5, True),  # cancelled before we heard of it
        ([(HIRED, 0), (LEFT, 5), (STAYS, 9)], LEFT, 12, False),
        ([(HIRED, 0), (LEFT, 5), (STAYS, 600)], LEFT, 9, False),  # an effective date ahead says not when it was said
        ([(HIRED, 0), (STAYS, 9)], RESCINDED, 5, False),  # a termination is cancelled, nothing else
        ([(HIRED, 0), (LEFT, 5), (STAYS, 9), (LEFT, 20)], STAYS, 9, True),  # about the leaving before
        ([(HIRED, 0), (LEFT, 5), (STAYS, 9), (LEFT, 20)], STAYS, 25, False),
        ([(HIRED, 0), (LEFT, 5)], STAYS, 5, False),  # at one time their order decides
        ([(HIRED, 0), (LEFT, 600)], STAYS, 5, False),
        ([(HIRED, 0), (STAYS, 9)], STAYS, 5, False),
        ([], STAYS, 5, False),
    ],
)
async def test_of_a_leaving_and_its_cancellation_the_later_word_stands(
    database: Database, told: Told, late: HrEvent, said: int, overtaken: bool
) -> None:
    assert await _is_overtaken(database, told, _said(late, said)) is overtaken


async def _is_overtaken(db: Database, told: Told, event: Any) -> bool:
    for payload, second in told:
        await _hear(db, payload, second)
    entries = Directory(FIELDS)
    await entries.load(db, ["E-1"])
    return entries.is_overtaken(event)


def _said(payload: HrEvent, second: int) -> Any:
    return new_event(payload, source="/hr", id="1", time=NOW + timedelta(seconds=second))


async def _hear(db: Database, payload: HrEvent, second: int) -> None:
    entries = Directory(FIELDS)
    await entries.load(db, [payload.subject])
    entries.apply(_said(payload, second), NOW + timedelta(minutes=1))
    changes = Changes()
    entries.add_to(changes)
    await changes.in_transaction(db)
