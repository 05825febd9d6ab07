"""A directory as it is in life: circles of managers, managers nobody knows, people who are mentor and hire at once."""

from shared.events.hr import EmployeeTerminated, EmployeeUpdated, TerminationCancelled
from shared.mongo import Database
from tests.connected.matching_company import company, enrolled, hired, known


async def test_within_a_circle_of_managers_everybody_above_is_ruled_out_and_the_reasons_say_so(database: Database) -> None:
    room = await company(
        database,
        known("A", manager_id="B"),
        known("B", manager_id="C"),
        known("C", manager_id="A"),
        *(enrolled(id) for id in "ABC"),
        hired("H-1", manager_id="A"),
    )
    waiting = (await room.hire("H-1")).waiting
    assert waiting is not None
    assert waiting.ruled_out == {"own_manager": 1, "reporting_chain": 2}
    assert waiting.nearest == []  # no place and no time would lift a reporting line


async def test_a_circle_that_hr_mends_opens_the_way(database: Database) -> None:
    room = await company(
        database, known("A", manager_id="B"), known("B", manager_id="A"), enrolled("B"), hired("H-1", manager_id="A")
    )
    assert await room.pairs() == {"H-1": None}
    await room.tell(EmployeeUpdated(employee_id="A", manager_id=None))
    await room.waitlist.try_again(database)
    assert await room.pairs() == {"H-1": "B"}


async def test_a_hire_who_closes_a_circle_loses_only_a_mentor_within_it(database: Database) -> None:
    room = await company(database, known("A"), known("B", department="x"), enrolled("A"), enrolled("B"))
    await room.tell(hired("H-1", manager_id="Z", department="x"), hired("H-2"))
    pairs = await room.pairs()
    mentor_id = pairs["H-1"]
    assert mentor_id is not None
    other = "B" if mentor_id == "A" else "A"
    await room.tell(
        EmployeeUpdated(employee_id=mentor_id, manager_id="H-1"), EmployeeUpdated(employee_id="H-1", manager_id=mentor_id)
    )
    assert await room.pairs() == {"H-1": None, "H-2": other}
    await room.assert_in_order()


async def test_a_manager_whom_hr_has_not_told_of_yet_rules_out_themselves_once_told(database: Database) -> None:
    room = await company(database, known("M-1"), enrolled("M-1"), enrolled("B-1"), hired("H-1", manager_id="B-1"))
    assert await room.pairs() == {"H-1": "M-1"}
    await room.tell(known("B-1"), EmployeeTerminated(employee_id="M-1"))
    waiting = (await room.hire("H-1")).waiting
    assert waiting is not None
    assert waiting.ruled_out == {"own_manager": 1, "not_active": 1}


async def test_somebody_who_is_hire_and_mentor_at_once_is_ruled_out_for_themselves_by_name(database: Database) -> None:
    room = await company(database, enrolled("H-1"), hired("H-1"))
    waiting = (await room.hire("H-1")).waiting
    assert waiting is not None
    assert (waiting.ruled_out, waiting.nearest) == ({"self": 1}, [])


async def test_whoever_is_both_and_leaves_frees_their_mentor_and_is_replaced_as_one(database: Database) -> None:
    room = await company(
        database, known("M-1"), known("M-2"), enrolled("M-1"), known("H-1", start_date="2024-01-01"), enrolled("H-1", 2)
    )
    await room.tell(hired("H-1", start_date="2024-01-01"), hired("H-2"))
    assert await room.pairs() == {"H-1": "M-1", "H-2": "H-1"}
    await room.tell(enrolled("M-2"), EmployeeTerminated(employee_id="H-1"))
    pairs = await room.pairs()
    assert pairs.keys() == {"H-2"}
    assert pairs["H-2"] in ("M-1", "M-2")
    await room.assert_in_order()
    await room.tell(TerminationCancelled(employee_id="H-1"))
    assert None not in (await room.pairs()).values()
    assert (await room.mentor("H-1")).status == "active"
    await room.assert_in_order()
