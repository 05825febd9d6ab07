"""Summaries on a real database and a real SMTP server: when they are due to whom, what they say, and that they come once."""

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta

import pytest

from services.notifications import store
from services.notifications.preferences import Preferences
from services.notifications.summaries import plan_due
from services.notifications.timing import Hours, Timing
from shared.events.hr import EmployeeSnapshot, EmployeeUpdated
from shared.events.onboarding import JourneyPaused, JourneyStarted, MilestoneLate
from shared.lease import LeaseLost
from shared.mongo import Database
from tests.connected.post_office import COORDINATOR, Office, PostOffice, post_office

MONDAY = datetime(2026, 12, 7, 8, tzinfo=UTC)


@pytest.fixture
async def post() -> AsyncIterator[PostOffice]:
    async with post_office() as office:
        yield office


@pytest.fixture
async def office(database: Database, post: PostOffice) -> Office:
    """Jonas expects three people who were hired in the week before."""
    await store.ensure_indexes(database)
    office = Office(database, post)
    await office.take_over()
    await office.know_people()
    await office.hear(*(office.hired(f"E-{number}", start_date="2026-12-14", given_name=f"Hire{number}") for number in range(3)))
    await office.hear(office.assigned("E-0"))
    office.pass_time(minutes=1)
    await office.send()
    office.now = MONDAY
    post.accepted.clear()
    return office


async def plan(office: Office) -> None:
    await plan_due(office.db, office.processor(), office.fence, [COORDINATOR], office.clock)


async def digests(office: Office, post: PostOffice) -> list[str]:
    await plan(office)
    office.pass_time(hours=1)
    await office.send()
    mails = [mail for _, mail in post.accepted if mail["X-Firstmate-Template"] == "manager_digest"]
    return [part.get_content() for mail in mails for part in mail.iter_parts() if part.get_content_type() == "text/plain"]


async def test_a_manager_gets_one_letter_on_monday_morning_that_names_everybody(office: Office, post: PostOffice):
    (text,) = await digests(office, post)
    assert "Hire0 Of" not in text
    assert "Hire0: Montag, 14. Dezember 2026, begleitet von Noémie" in text
    assert "Hire1: Montag, 14. Dezember 2026, noch ohne Begleitung" in text
    assert await digests(office, post) == [text]
    assert [entry.state for entry in await office.ledger(template="manager_digest")] == ["sent"]


async def test_two_schedulers_at_once_plan_one(office: Office, post: PostOffice):
    await asyncio.gather(plan(office), plan(office))
    assert len(await office.ledger(template="manager_digest")) == 1


async def test_who_lost_the_lease_plans_nothing(office: Office):
    before = office.fence
    await office.take_over()
    with pytest.raises(LeaseLost):
        await plan_due(office.db, office.processor(), before, [COORDINATOR], office.clock)
    assert await office.ledger(template="manager_digest") == []


async def test_the_weekday_is_the_managers_choice_where_they_are(office: Office, post: PostOffice):
    await store.prefer(office.db, "B-1", Preferences(digest_day="tuesday"), office.now)
    await office.hear(EmployeeUpdated(employee_id="B-1", time_zone="Pacific/Auckland"))
    office.now = datetime(2026, 12, 7, 16, 30, tzinfo=UTC)  # Tuesday, 05:30 in Auckland
    await plan(office)
    assert await office.ledger(template="manager_digest") == []
    office.now = datetime(2026, 12, 7, 17, 30, tzinfo=UTC)
    await plan(office)
    (entry,) = await office.ledger(template="manager_digest")
    assert entry.due_at == datetime(2026, 12, 7, 20, tzinfo=UTC)  # 09:00 there


async def test_who_does_without_or_has_left_gets_none(office: Office, post: PostOffice):
    await store.prefer(office.db, "B-1", Preferences(declined=frozenset({"digest"})), office.now)
    assert await digests(office, post) == []
    assert [entry.reason for entry in await office.ledger(template="manager_digest")] == ["declined"]


async def test_a_week_without_news_sends_nothing_and_the_ledger_says_so(office: Office, post: PostOffice):
    office.now = datetime(2027, 1, 4, 8, tzinfo=UTC)
    await office.hear(*(office.assigned(f"E-{number}") for number in range(3)))
    office.now = datetime(2027, 1, 18, 8, tzinfo=UTC)
    assert await digests(office, post) == []
    assert [entry.reason for entry in await office.ledger(template="manager_digest")] == ["nothing_to_tell"]


async def test_one_that_could_not_go_in_its_week_gives_way_to_the_next(office: Office, post: PostOffice):
    office.timing = Timing(Hours.read("07:00-20:00"))
    await store.prefer(office.db, "B-1", Preferences(paused_until=datetime(2026, 12, 14).date()), office.now)  # noqa: DTZ001
    await digests(office, post)
    office.now = datetime(2026, 12, 14, 8, tzinfo=UTC)
    (text,) = await digests(office, post)
    assert "Montag, 14. Dezember" in text
    states = [(entry.state, entry.reason) for entry in await office.ledger(template="manager_digest")]
    assert sorted(map(str, states)) == ["('sent', None)", "('suppressed', 'withdrawn')"]


async def test_what_is_late_is_in_the_digest(office: Office, post: PostOffice):
    office.now = datetime(2026, 12, 18, 8, tzinfo=UTC)
    due = datetime(2026, 12, 16).date()  # noqa: DTZ001
    planned = [{"id": "manager_one_to_one", "owner": "manager", "due": due}]
    started = {
        "employee_id": "E-1",
        "start_date": "2026-12-14",
        "programme": "default",
        "programme_version": "1",
        "milestones": planned,
    }
    await office.hear(
        JourneyStarted.model_validate(started), MilestoneLate(employee_id="E-1", milestone_id="manager_one_to_one", due=due)
    )
    office.now = datetime(2026, 12, 21, 8, tzinfo=UTC)
    (text,) = await digests(office, post)
    assert "Hire1: " in text
    assert "Das liegt bei dir." in text


async def test_coordinators_hear_next_morning_whom_mail_did_not_reach(office: Office, post: PostOffice):
    await plan(office)
    assert await office.ledger(template="undelivered") == []
    post.on_rcpt = lambda address: "550 no such user" if address == "e-9@home.example" else None
    nobody = EmployeeSnapshot(employee_id="M-9", given_name="Nia")
    await office.hear(
        nobody, office.hired("E-8", personal_email=None, work_email=None, given_name="Nix"), office.hired("E-9", given_name="Una")
    )
    await office.send()
    office.pass_time(hours=23)
    await plan(office)
    await plan(office)
    office.pass_time(hours=6)
    await office.send()
    (mail,) = post.to("cleo@acme.example")
    assert mail["X-Firstmate-Template"] == "undelivered"
    text = next(part.get_content() for part in mail.iter_parts())
    assert "Nix: no address is known" in text
    assert "Una: the mail server refused it (smtp_550)" in text


async def test_trouble_of_one_day_is_told_on_one_day(office: Office, post: PostOffice):
    await office.hear(office.hired("E-8", personal_email=None, work_email=None))
    await office.send()
    for _ in range(3):
        office.pass_time(hours=23)
        await plan(office)
    assert len(await office.ledger(template="undelivered")) == 1


async def test_managers_and_their_people_are_found_by_index(office: Office):
    manager = {"state.manager_id": "B-1", "state.status": "expected", "state.start_date": {"$gte": "2026-01-01"}}
    reason = {"reason": {"$type": "string"}, "settled_at": {"$gte": MONDAY, "$lt": MONDAY}}
    for collection, query in ((store.CORRESPONDENCES, manager), (store.MESSAGES, reason)):
        plan = await office.db.command({"explain": {"find": collection, "filter": query}, "verbosity": "queryPlanner"})
        assert "COLLSCAN" not in str(plan)


async def a_hire_at_work(office: Office, **more: object) -> None:
    """Ada began in the week before: a meeting and a survey are due this week, another meeting later."""
    milestones = [
        {"id": "mentor_meeting_2", "owner": "mentor", "due": "2026-12-09", "meeting": 2},
        {"id": "pulse_7", "owner": "hire", "due": "2026-12-07", "survey": "pulse_7"},
        {"id": "mentor_meeting_3", "owner": "mentor", "due": "2026-12-14", "meeting": 3},
    ]
    journey = {"start_date": "2026-11-30", "programme": "default", "programme_version": "1", "milestones": milestones}
    office.now = MONDAY - timedelta(days=10)
    await office.hear(office.hired("E-9", start_date="2026-11-30", **more), office.assigned("E-9"))
    await office.hear(JourneyStarted.model_validate({"employee_id": "E-9"} | journey))
    await office.send()
    office.now = MONDAY


async def weeks(office: Office, post: PostOffice) -> list[str]:
    await plan(office)
    office.pass_time(hours=1)
    await office.send()
    mails = [mail for mail in post.to("e-9@acme.example") if mail["X-Firstmate-Template"] == "week_ahead"]
    return [mail.get_body(("plain",)).get_content() for mail in mails]


async def test_a_hire_reads_on_monday_morning_what_comes_this_week(office: Office, post: PostOffice):
    await a_hire_at_work(office, time_zone="Europe/Berlin")
    (text,) = await weeks(office, post)
    lines = [line for line in text.splitlines() if line.startswith("- ")]
    assert [line.partition(":")[0] for line in lines] == ["- Monday, 7 December 2026", "- Wednesday, 9 December 2026"]
    assert lines[1].endswith("with Noémie")
    assert await weeks(office, post) == [text]
    office.now = MONDAY + timedelta(days=7)
    assert len(await weeks(office, post)) == 2


async def test_a_week_without_anything_is_no_mail_and_neither_is_one_that_is_declined_or_at_rest(
    office: Office, post: PostOffice
):
    await a_hire_at_work(office)
    office.now += timedelta(days=14)
    assert await weeks(office, post) == []
    assert [entry.reason for entry in await office.ledger(template="week_ahead", employee_id="E-9")] == ["nothing_to_tell"]
    await store.prefer(office.db, "E-9", Preferences(declined=frozenset({"digest"})), office.now)
    office.now = MONDAY
    assert await weeks(office, post) == []
    await office.hear(JourneyPaused.model_validate({"employee_id": "E-9", "since": "2026-12-08", "paused_by": "B-1"}))
    assert len(await office.ledger(template="week_ahead", employee_id="E-9")) == 2
    office.now = MONDAY + timedelta(days=7)
    await plan(office)
    assert len(await office.ledger(template="week_ahead", employee_id="E-9")) == 2


async def test_before_the_first_day_and_after_ninety_nobody_gets_a_week(office: Office, post: PostOffice):
    await plan(office)
    assert await office.ledger(template="week_ahead") == []
    await a_hire_at_work(office)
    office.now = MONDAY + timedelta(weeks=13)
    await plan(office)
    assert await office.ledger(template="week_ahead", employee_id="E-9") == []
