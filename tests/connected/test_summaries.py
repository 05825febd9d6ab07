"""Summaries on a real database and a real SMTP server: when they are due to whom, what they say, and that they come once."""

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta

import pytest

from services.notifications import store
from services.notifications.bounces import Bounce
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


async def test_one_that_is_planned_late_on_its_day_goes_at_once(office: Office, post: PostOffice):
    office.timing = Timing(Hours.read("07:00-20:00"))
    office.now = MONDAY.replace(hour=15)
    await plan(office)
    await office.send()
    assert "manager_digest" in post.templates


@pytest.mark.parametrize("day", ["saturday", "sunday"])
async def test_who_chose_a_day_of_the_weekend_gets_it_then_within_their_hours(office: Office, post: PostOffice, day: str):
    office.timing = Timing(Hours.read("07:00-20:00"))
    quiet = {"quiet_from": "18:00", "quiet_until": "11:00"}
    await store.prefer(office.db, "B-1", Preferences.model_validate({"digest_day": day} | quiet), office.now)
    office.now = MONDAY + timedelta(days=5 if day == "saturday" else 6, hours=1)
    assert await digests(office, post) == []
    office.pass_time(hours=1)
    assert len(await digests(office, post)) == 1
    await office.hear(office.assigned("E-1", "M-1"))
    await office.send()
    assert "mentor_brief" not in post.templates, "all else keeps the weekend"


async def test_one_whose_day_the_service_missed_comes_later_in_the_week_once(office: Office, post: PostOffice):
    for day in (0, 8, 10, 14):
        office.now = MONDAY + timedelta(days=day)
        await plan(office)
        await office.send()
    planned = [entry.planned_at - MONDAY for entry in await office.ledger(template="manager_digest")]
    assert sorted(planned) == [timedelta(0), timedelta(days=8), timedelta(days=14)]


async def test_a_day_before_there_was_anything_to_tell_or_another_choice_makes_nothing_up(office: Office, post: PostOffice):
    await store.prefer(office.db, "B-1", Preferences(digest_day="friday"), office.now)
    await office.hear(office.hired("E-7", manager_id="M-1"))
    office.now = MONDAY + timedelta(days=1)
    await plan(office)
    assert {each.recipient_id for each in await office.ledger(template="manager_digest")} == {"B-1"}  # last Friday's was missed
    await store.prefer(office.db, "B-1", Preferences(digest_day="monday"), office.now)
    office.now = MONDAY + timedelta(days=2)
    await plan(office)
    assert len(await office.ledger(template="manager_digest")) == 1


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


async def nobody_reaches(office: Office, *ids: str) -> None:
    """These are hired without an address, and their mail is tried."""
    await office.hear(*(office.hired(id, personal_email=None, work_email=None, given_name=f"Lost{id[2:]}") for id in ids))
    await office.send()


async def notices(office: Office, post: PostOffice, at: datetime) -> list[str]:
    """What coordinators have been told by then, of notices planned at six and sent at nine."""
    office.now = at.replace(hour=6)
    await plan(office)
    office.now = at.replace(hour=9)
    await office.send()
    mails = [mail for mail in post.to("cleo@acme.example") if mail["X-Firstmate-Template"] == "undelivered"]
    return [part.get_content() for mail in mails for part in mail.iter_parts() if part.get_content_type() == "text/plain"]


@pytest.mark.parametrize("weekend", [True, False])
async def test_what_failed_on_friday_and_on_saturday_is_told_on_monday_once(office: Office, post: PostOffice, weekend: bool):
    """Also where the service stood still over the weekend, and planned nothing."""
    friday, saturday = MONDAY + timedelta(days=4), MONDAY + timedelta(days=5)
    for number, day in enumerate((friday, saturday)):
        office.now = day.replace(hour=15)
        await nobody_reaches(office, f"E-2{number}")
        if weekend:
            assert await notices(office, post, day + timedelta(days=1)) == []
    (text,) = await notices(office, post, MONDAY + timedelta(days=7))
    assert "Lost20: no address is known" in text
    assert "Lost21: no address is known" in text
    assert await notices(office, post, MONDAY + timedelta(days=8)) == [text]
    await nobody_reaches(office, "E-22")
    (_, later) = await notices(office, post, MONDAY + timedelta(days=9))
    assert "Lost22" in later
    assert "Lost20" not in later


async def test_what_a_notice_that_never_went_would_have_told_is_in_the_next(office: Office, post: PostOffice):
    await nobody_reaches(office, "E-20")
    post.on_rcpt = lambda address: "451 later" if address.startswith("cleo") else None
    assert await notices(office, post, MONDAY + timedelta(days=1)) == []
    await nobody_reaches(office, "E-21")
    post.on_rcpt = lambda _: None
    (text,) = await notices(office, post, MONDAY + timedelta(days=2))
    assert "Lost20" in text
    assert "Lost21" in text
    states = [(entry.state, entry.reason) for entry in await office.ledger(template="undelivered")]
    assert sorted(map(str, states)) == ["('sent', None)", "('suppressed', 'withdrawn')"]


async def test_a_pause_of_weeks_costs_a_coordinator_no_failure(office: Office, post: PostOffice):
    office.timing = Timing(Hours.read("07:00-20:00"))
    await store.prefer(office.db, COORDINATOR, Preferences(paused_until=MONDAY.date() + timedelta(days=21)), office.now)
    await nobody_reaches(office, "E-20")
    for day in (1, 2, 20):
        assert await notices(office, post, MONDAY + timedelta(days=day)) == []
    (text,) = await notices(office, post, MONDAY + timedelta(days=21))
    assert "Lost20" in text
    assert len(await office.ledger(template="undelivered")) == 1


async def test_mail_that_comes_back_after_the_notice_of_its_day_is_in_the_next(office: Office, post: PostOffice):
    await nobody_reaches(office, "E-20")
    await office.hear(office.hired("E-21", given_name="Una"))
    await office.send()
    assert len(await notices(office, post, MONDAY + timedelta(days=1))) == 1
    (welcome,) = await office.ledger(template="welcome", employee_id="E-21")
    returned = {"employee_id": "E-21", "message_id": welcome.message_id, "recipient_id": "E-21"}
    await office.hear(Bounce(**returned, action="failed", status="5.1.1", address="0" * 64))
    (_, text) = await notices(office, post, MONDAY + timedelta(days=2))
    assert "Una: mail to the address came back" in text
    assert "Lost20" not in text


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
