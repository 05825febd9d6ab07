"""When mail goes, on a real database and a real SMTP server: nights, full days, pauses and what somebody does without."""

from collections.abc import AsyncIterator
from datetime import UTC, date, datetime, time, timedelta

import pytest

from services.notifications import store
from services.notifications.preferences import Preferences
from services.notifications.timing import Hours, Timing
from shared.events.hr import EmployeeUpdated
from shared.events.mentoring import MentorAssigned
from shared.mongo import Database
from tests.connected.post_office import COORDINATOR, Office, PostOffice, post_office

WORKING_HOURS = Timing(Hours(time(7), time(20)), per_day=4)
EVENING = datetime(2026, 12, 1, 21, tzinfo=UTC)  # a Tuesday


@pytest.fixture
async def post() -> AsyncIterator[PostOffice]:
    async with post_office() as office:
        yield office


@pytest.fixture
async def office(database: Database, post: PostOffice) -> Office:
    await store.ensure_indexes(database)
    office = Office(database, post, timing=WORKING_HOURS)
    await office.take_over()
    await office.know_people()
    return office


async def test_at_night_only_the_welcome_goes_and_in_the_morning_the_rest(office: Office, post: PostOffice):
    office.now = EVENING
    await office.hear(office.hired(), office.assigned())
    await office.send()
    assert post.templates == ["welcome"]
    brief = await office.entry("mentor_brief")
    assert (brief.state, brief.reason, brief.attempts) == ("due", "quiet_hours", 0)
    assert brief.due_at == datetime(2026, 12, 2, 7, tzinfo=UTC)
    office.now = datetime(2026, 12, 2, 7, tzinfo=UTC)
    await office.send()
    assert post.templates == ["manager_notice", "mentor_brief", "mentor_introduction", "welcome"]


async def briefs(office: Office, count: int) -> None:
    ids = [f"E-{number}" for number in range(count)]
    await office.hear(*(office.hired(id, manager_id=None) for id in ids))
    await office.hear(*(office.assigned(id) for id in ids))


async def test_a_mentor_of_many_gets_no_more_than_a_days_share_even_when_all_are_due_at_once(office: Office, post: PostOffice):
    await briefs(office, 10)
    days = []
    for _ in range(4):
        await office.send()
        days.append(len(post.to("noemie@acme.example")))
        office.pass_time(days=1)
    assert days == [4, 8, 10, 10]
    waited = [entry for entry in await office.ledger(template="mentor_brief") if entry.transitions[-4].reason == "daily_limit"]
    assert len(waited) == 6


async def test_what_is_on_its_way_counts_for_the_day(office: Office, post: PostOffice):
    await briefs(office, 3)
    await office.send()
    await briefs(office, 6)  # three of them repeat themselves
    await office.send()
    assert len(post.to("noemie@acme.example")) == 4


async def test_a_pause_holds_mail_back_and_ending_it_lets_it_go_at_once(office: Office, post: PostOffice):
    await store.prefer(office.db, "M-1", Preferences(paused_until=date(2027, 1, 4)), office.now)
    await office.hear(office.hired(), office.assigned())
    await office.send()
    brief = await office.entry("mentor_brief")
    assert (brief.reason, brief.due_at) == ("paused", datetime(2027, 1, 4, 7, tzinfo=UTC))
    await store.prefer(office.db, "M-1", Preferences(), office.now)
    await office.send()
    assert (await office.entry("mentor_brief")).state == "sent"


async def test_a_long_pause_is_no_failure_to_deliver(office: Office, post: PostOffice):
    await store.prefer(office.db, "M-1", Preferences(paused_until=date(2027, 1, 4)), office.now)
    await office.hear(office.hired(), office.assigned())
    await office.send()
    office.now = datetime(2027, 1, 4, 8, tzinfo=UTC)
    post.on_rcpt = lambda _: "451 later"
    await office.send()
    assert (await office.entry("mentor_brief")).state == "due"


async def test_a_chosen_language_counts_more_than_what_hr_says(office: Office, post: PostOffice):
    await store.prefer(office.db, "B-1", Preferences(language="en"), office.now)
    await office.hear(office.hired())
    office.pass_time(minutes=1)
    await office.send()
    (notice,) = post.to("jonas@acme.example")
    assert notice["Content-Language"] == "en"


async def test_a_storm_after_a_standstill_drops_what_lost_its_sense_and_says_so(office: Office, post: PostOffice):
    await office.hear(office.hired(), MentorAssigned.model_validate(office.assigned().model_dump()))
    office.pass_time(days=31)
    await office.send()
    ledger = {entry.template: (entry.state, entry.reason) for entry in await office.ledger()}
    assert ledger["welcome"] == ledger["manager_notice"] == ("suppressed", "outdated")
    assert ledger["mentor_introduction"][0] == ledger["mentor_brief"][0] == "sent"


async def test_holidays_are_those_of_the_place_where_the_reader_works(office: Office, post: PostOffice):
    await office.hear(EmployeeUpdated(employee_id="M-1", location="Lyon, FR", time_zone="Europe/Paris"))
    await office.hear(EmployeeUpdated(employee_id=COORDINATOR, location="Oslo, NO", time_zone="Europe/Oslo"))
    office.now = datetime(2026, 12, 25, 9, tzinfo=UTC)  # a Friday, and Christmas
    await office.hear(office.hired(location="FR"), office.assigned())
    await office.send()
    brief = await office.entry("mentor_brief")
    assert (brief.reason, brief.due_at) == ("day_off", datetime(2026, 12, 28, 6, tzinfo=UTC))


async def test_the_pages_of_a_reader_are_found_by_index(office: Office):
    await briefs(office, 3)
    await office.send()
    since = {"M-1": office.now - timedelta(days=1)}
    assert await store.sent_since(office.db, since) == {"M-1": 3}
    query = {"recipient_id": "M-1", "state": "sent", "settled_at": {"$gte": since["M-1"]}}
    plan = await office.db.command({"explain": {"find": store.MESSAGES, "filter": query}, "verbosity": "queryPlanner"})
    assert "COLLSCAN" not in str(plan)
