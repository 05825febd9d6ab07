"""A journey through three start dates, another manager and a transfer: page and API against an expectation written by hand.

The days were counted on a calendar of 2027: Good Friday (26 March) and Easter Monday are days off in Bavaria; in France Good
Friday is not, so the transfer moves the meeting of day 39. Whit Monday (17 May) is a day off in both. The mentor was
found while the first day was 1 March: what is done keeps its day.
"""

import html
import re
from datetime import UTC, date, datetime
from typing import Any

import pytest

from shared.events.hr import EmployeeUpdated, StartDateChanged
from shared.mongo import Database
from tests.connected.pages_server import LEAD, OTHER_BOSS, Told, serving, signed_in, small_company

HIRE = "E-110"
PLAN = """
mentor_assigned      2027-02-22 done
welcome_sent         2027-02-08 planned
mentor_brief_sent    2027-02-08 planned
equipment_shipped    2027-02-10 planned
access_ready         2027-02-15 planned
first_mentor_meeting 2027-02-15 planned
manager_one_to_one   2027-02-19 planned
pulse_7              2027-02-22 planned
mentor_meeting_2     2027-02-26 planned
pulse_14             2027-03-01 planned
mentor_meeting_3     2027-03-05 planned
mentor_meeting_4     2027-03-12 planned
goals_30             2027-03-17 planned
match_quality        2027-03-17 planned
mentor_meeting_5     2027-03-30 planned
mentor_meeting_6     2027-04-09 planned
review_60            2027-04-16 planned
mentor_meeting_7     2027-04-23 planned
mentor_meeting_8     2027-05-07 planned
outcome_survey       2027-05-18 planned
close                2027-05-18 planned
retention_180        2027-08-16 planned
retention_365        2028-02-15 planned
"""
HAPPENED = [
    "Journey began: The first ninety days",
    "The first day is now Mon, 8 Feb 2027; 22 open milestones moved with it",
    "The first day is now Mon, 1 Mar 2027; 22 open milestones moved with it",
    "Mina Mentor became the mentor",
    "The first day is now Mon, 15 Feb 2027; 21 open milestones moved with it",
    "Otto Other became the manager",
    "1 day moved to working days of the new place of work",
    "Transfer. New: Equipment shipped.",
]


@pytest.fixture
async def told(database: Database) -> Told:
    """The small company, and a hire whose first day moves three times before they change manager, place and arrangement."""
    told = await small_company(database)
    steps: list[Any] = [
        StartDateChanged(employee_id=HIRE, start_date=date(2027, 2, 8)),
        StartDateChanged(employee_id=HIRE, start_date=date(2027, 3, 1)),
        None,
        StartDateChanged(employee_id=HIRE, start_date=date(2027, 2, 15)),
        EmployeeUpdated(employee_id=HIRE, manager_id=OTHER_BOSS),
        EmployeeUpdated(employee_id=HIRE, location="Munich, DE-BY", work_arrangement="remote", department="Sales"),
    ]
    told.now = datetime(2027, 1, 4, 9, tzinfo=UTC)
    await told.hire(HIRE, LEAD, date(2027, 2, 1))
    for day, step in enumerate(steps, start=5):
        told.now = datetime(2027, 1, day, 9, tzinfo=UTC)
        await (told.fact(step) if step is not None else told.assign(HIRE))
    return told


async def test_a_journey_replanned_many_times_is_as_counted_by_hand_and_tells_each_reason(database: Database, told: Told) -> None:
    async with serving(database, told) as server, signed_in(server, OTHER_BOSS) as browser:
        body = (await browser.get(f"/api/onboarding/v1/journeys/{HIRE}")).json()
        page = (await browser.get(f"/people/{HIRE}")).text
    planned = {each["id"]: (each["due"], each["status"]) for each in body["milestones"]}
    expected = {id: (due, status) for id, due, status in map(str.split, PLAN.strip().splitlines())}
    assert planned == expected
    assert body["start_date"] == "2027-02-15"
    lines = re.findall(r'<span class="timeline__when">[^<]*</span>(.*?)</li>', page, re.S)
    assert [html.unescape(line.strip()) for line in reversed(lines)] == HAPPENED


async def test_who_was_the_manager_before_the_change_no_longer_sees_the_journey(database: Database, told: Told) -> None:
    async with serving(database, told) as server, signed_in(server, LEAD) as browser:
        assert (await browser.get(f"/api/onboarding/v1/journeys/{HIRE}")).status_code == 403
