"""Notifications on a real database and a real SMTP server: what goes, when it goes again, and that it goes once."""

import asyncio
import json
import re
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from email.message import EmailMessage
from typing import Any

import pytest

from services.notifications import store
from services.notifications.correspondence import EMAIL
from services.notifications.retries import GIVE_UP_AFTER
from shared.events import Event, Fact
from shared.events.hr import EmployeeRehired, EmployeeTerminated, EmployeeUpdated, HireRescinded, StartDateChanged
from shared.events.mentoring import HireWaitlisted, MentorReleased
from shared.events.onboarding import JourneyStarted, MilestoneCompleted, MilestoneEscalated, MilestoneLate, MilestoneReminded
from shared.lease import LeaseLost
from shared.links import Link
from shared.mongo import Database, Document
from tests.conftest import Until
from tests.connected.post_office import LINKS, Office, PostOffice, post_office


@pytest.fixture
async def post() -> AsyncIterator[PostOffice]:
    async with post_office() as office:
        yield office


@pytest.fixture
async def office(database: Database, post: PostOffice) -> Office:
    await store.ensure_indexes(database)
    office = Office(database, post)
    await office.take_over()
    await office.know_people()
    return office


async def test_a_hire_their_mentor_and_their_manager_get_their_mail_and_the_ledger_says_so(office: Office, post: PostOffice):
    await office.hear(office.hired(), office.assigned())
    await office.send()
    assert post.templates == ["manager_notice", "mentor_brief", "mentor_introduction", "welcome"]
    assert {entry.state for entry in await office.ledger()} == {"sent"}
    welcome = await office.entry("welcome")
    assert [step.state for step in welcome.transitions] == ["planned", "due", "sending", "rendered", "sent"]
    ids = {mail["X-Firstmate-Template"]: mail["Message-ID"] for _, mail in post.accepted}
    assert ids["welcome"] == f"<{welcome.message_id}@firstmate.example>"


async def test_a_storm_of_hires_of_half_a_year_ago_writes_to_nobody(office: Office, post: PostOffice):
    long_ago = (office.now - timedelta(days=182)).date().isoformat()
    ids = [f"E-{number}" for number in range(300)]
    await office.hear(*(office.hired(id, start_date=long_ago) for id in ids))
    await office.hear(*(office.assigned(id) for id in ids[:100]))
    await office.hear(*(HireWaitlisted(employee_id=id, policy_version="1") for id in ids[100:]))
    await office.hear(*(MentorReleased(employee_id=id, mentor_id="M-1", cause="journey_ended") for id in ids[:100]))
    await office.send()
    assert (post.accepted, await office.ledger()) == ([], [])


async def test_each_message_sent_is_told_to_the_other_services_once(office: Office):
    await office.hear(office.hired())
    await office.send()
    await office.send()
    told = [json.loads(event["value"]) for event in await office.outbox() if event["ce_type"] == b"notifications.message.sent.v1"]
    assert [fact["template"] for fact in told] == ["welcome"]


async def test_the_mail_goes_to_the_personal_address_before_the_start_and_to_the_work_address_from_it_on(
    office: Office, post: PostOffice
):
    await office.hear(office.hired(), office.hired("E-2", start_date="2026-12-01"))
    await office.send()
    welcomed = {address for address, mail in post.accepted if mail["X-Firstmate-Template"] == "welcome"}
    assert welcomed == {"e-1@home.example", "e-2@acme.example"}


async def test_each_reader_is_written_to_in_their_language(office: Office, post: PostOffice):
    await office.hear(office.hired(), office.assigned())
    await office.send()
    (notice,) = post.to("jonas@acme.example")
    assert notice["Content-Language"] == "de"
    assert "Montag, 11. Januar 2027" in notice.get_body(("plain",)).get_content()
    (brief,) = post.to("noemie@acme.example")
    assert "You both know kafka." in brief.get_body(("html",)).get_content()


async def test_hearing_everything_again_sends_nothing_again(office: Office, post: PostOffice):
    facts = [office.event(fact) for fact in (office.hired(), office.assigned(), StartDateChanged.model_validate(MOVED))]
    for _ in range(2):
        for fact in facts:
            await office.processor().execute([fact])
            await office.send()
    assert len(post.accepted) == 7
    assert len({mail["Message-ID"] for _, mail in post.accepted}) == 7


async def test_what_changes_nothing_is_not_noted_and_told_again_changes_nothing_either(office: Office, database: Database):
    def told(sequence: int, fact: Fact) -> Event[Any]:
        return replace(office.event(fact), source="/firstmate/onboarding", sequence=sequence)

    async def known() -> Document | None:
        return await database["correspondences"].find_one({"_id": "E-1"})

    milestone = {"id": "pulse_7", "owner": "hire", "due": "2027-01-18", "survey": "pulse_7"}
    plan = {"start_date": "2027-01-11", "programme": "default", "programme_version": "1", "milestones": [milestone]}
    done = {"completed_at": office.now, "completed_by": "system", "cause": "person"}
    started = told(1, JourneyStarted.model_validate({"employee_id": "E-1", **plan}))
    other = told(2, MilestoneCompleted(employee_id="E-1", milestone_id="access_ready", **done))
    await office.hear(office.hired())
    await office.processor().execute([started])
    before = await known()
    await office.processor().execute([other])
    assert await known() == before
    await office.processor().execute([told(3, MilestoneCompleted(employee_id="E-1", milestone_id="pulse_7", **done))])
    after = await known()
    assert after != before
    await office.processor().execute([other, started])
    assert await known() == after


async def test_correspondences_built_anew_beside_the_kept_ledger_send_nothing_again(office: Office, post: PostOffice):
    facts = [office.event(fact) for fact in (office.hired(), office.assigned(), StartDateChanged.model_validate(MOVED))]
    await office.processor().execute(facts)
    await office.send()
    await office.db[store.CORRESPONDENCES].delete_many({})
    await office.processor().execute(facts)
    await office.send()
    assert len(post.accepted) == 4


async def test_a_refusal_for_now_is_tried_again_after_a_pause_and_then_accepted(office: Office, post: PostOffice):
    post.on_rcpt = lambda _: "451 greylisted, come back"
    await office.hear(office.hired(manager_id=None))
    await office.send()
    entry = await office.entry("welcome")
    assert (entry.state, entry.reason, entry.attempts) == ("due", "smtp_451", 1)
    assert timedelta(seconds=40) < entry.due_at - office.now < timedelta(seconds=80)
    await office.send()
    assert (await office.entry("welcome")).attempts == 1, "the pause is kept"
    post.on_rcpt = lambda _: None
    office.pass_time(minutes=2)
    await office.send()
    assert (await office.entry("welcome")).state == "sent"
    assert post.templates == ["welcome"]


async def test_refusals_for_now_end_after_two_days(office: Office, post: PostOffice):
    post.on_data = lambda _: "452 mailbox full"
    await office.hear(office.hired(manager_id=None))
    began = office.now
    while (entry := await office.entry("welcome")).state != "failed":
        office.now = max(office.now, entry.due_at)
        await office.send()
    assert GIVE_UP_AFTER <= office.now - began < GIVE_UP_AFTER + timedelta(hours=6)
    assert entry.reason == "smtp_452"
    assert entry.attempts < 30


async def test_a_refusal_for_good_is_final_and_told(office: Office, post: PostOffice):
    post.on_rcpt = lambda _: "550 no such mailbox"
    await office.hear(office.hired(manager_id=None))
    await office.send()
    office.pass_time(days=3)
    await office.send()
    entry = await office.entry("welcome")
    assert (entry.state, entry.reason, entry.attempts) == ("failed", "smtp_550", 1)
    (failed,) = [event for event in await office.outbox() if event["ce_type"] == b"notifications.message.failed.v1"]
    assert json.loads(failed["value"])["reason"] == "smtp_550"


async def test_one_refused_message_does_not_keep_the_others(office: Office, post: PostOffice):
    post.on_rcpt = lambda address: "550 no such mailbox" if address.startswith("e-3") else None
    await office.hear(*(office.hired(f"E-{number}", manager_id=None) for number in range(1, 8)))
    await office.send()
    states = {entry.employee_id: entry.state for entry in await office.ledger()}
    assert states.pop("E-3") == "failed"
    assert set(states.values()) == {"sent"}


async def test_a_mail_server_that_is_away_costs_a_rest_and_no_message(office: Office, post: PostOffice):
    await post.close()
    await office.hear(*(office.hired(f"E-{number}", manager_id=None) for number in range(1, 8)))
    async with office.sender() as sender:
        await sender.drain()
        assert {entry.state for entry in await office.ledger()} == {"due"}
        assert {entry.attempts for entry in await office.ledger()} == {0}
        before = await office.ledger()
        await sender.drain()
        assert await office.ledger() == before, "a resting channel is left alone"
        await post.open()
        office.pass_time(seconds=2)
        await sender.drain()
    assert len(post.accepted) == 7
    assert {entry.state for entry in await office.ledger()} == {"sent"}


async def test_after_days_without_a_mail_server_what_is_worth_reading_goes_and_the_rest_is_outdated(
    office: Office, post: PostOffice
):
    """The outage costs no patience either: a server that is back and busy is asked again."""
    await post.close()
    due = (office.now + timedelta(days=1)).date()
    journey = {"employee_id": "E-1", "start_date": "2027-01-11", "programme": "default", "programme_version": "1"}
    desk = {"id": "desk", "owner": "manager", "due": due}
    await office.hear(office.hired(), JourneyStarted.model_validate(journey | {"milestones": [desk]}))
    await office.hear(
        MilestoneReminded(employee_id="E-1", milestone_id="desk", due=due, owner="manager", reminded_on=office.now.date())
    )
    for _ in range(20):
        office.pass_time(hours=7)
        await office.send()
    await post.open()
    office.pass_time(minutes=1)
    post.on_rcpt = lambda _: "451 so many of you"
    await office.send()
    waiting = {entry.template: (entry.state, entry.reason) for entry in await office.ledger()}
    assert waiting["welcome"] == waiting["manager_notice"] == ("due", "smtp_451")
    assert waiting["milestone_reminder"] == ("suppressed", "outdated")
    post.on_rcpt = lambda _: None
    office.pass_time(hours=1)
    await office.send()
    assert post.templates == ["manager_notice", "welcome"]


async def test_a_mail_server_that_hangs_up_between_two_messages_is_called_again(office: Office, post: PostOffice):
    async with office.sender() as sender:
        await office.hear(office.hired(manager_id=None))
        await sender.drain()
        await post.close()
        await post.open()
        await office.hear(office.hired("E-2", manager_id=None))
        await sender.drain()
    assert post.templates == ["welcome", "welcome"]


async def test_connections_are_few_and_used_again(office: Office, post: PostOffice):
    await office.hear(*(office.hired(f"E-{number}", manager_id=None) for number in range(1, 61)))
    await office.send(width=3)
    assert len(post.accepted) == 60
    assert post.connections <= 3


async def test_a_mail_server_that_hangs_is_given_up_on_and_tried_later(office: Office, post: PostOffice):
    never = asyncio.Event()

    async def hang(_: str) -> None:
        await never.wait()

    post.before_data_answer = hang
    await office.hear(office.hired(manager_id=None))
    await office.send(command_timeout=0.2, acceptance_timeout=0.4)
    entry = await office.entry("welcome")
    assert (entry.state, entry.reason) == ("due", "smtp_unanswered")
    never.set()


@pytest.mark.parametrize("pipelining", [True, False])
async def test_a_mail_server_that_accepts_slowly_is_waited_for_and_gets_it_once(
    office: Office, post: PostOffice, pipelining: bool
):
    post.pipelining = pipelining
    post.before_data_answer = lambda _: asyncio.sleep(0.6)
    await office.hear(office.hired(manager_id=None))
    await office.send(command_timeout=0.2)
    assert (await office.entry("welcome")).state == "sent"
    assert post.templates == ["welcome"]


async def test_a_domain_that_accepts_slowly_holds_up_no_other(office: Office, post: PostOffice, until: Until):
    released = asyncio.Event()

    async def slow(address: str) -> None:
        if address.endswith("@slow.example"):
            await released.wait()

    post.before_data_answer = slow
    await office.hear(*(office.hired(f"E-{n}", personal_email=f"e-{n}@slow.example", manager_id=None) for n in range(2, 6)))
    async with office.sender(width=2, command_timeout=0.2) as sender:
        running = asyncio.create_task(sender.run())
        await until(lambda: _accepted(post, "e-2@slow.example"))
        await office.hear(office.hired("E-9", manager_id=None))
        await until(lambda: _state(office, "E-9", "sent"))
        waiting = [entry.reason for entry in await office.ledger(template="welcome", state="due")]
        assert set(waiting) <= {"smtp_unanswered", "domain_slow"}
        assert len(waiting) == 3
        released.set()
        await until(lambda: _state(office, "E-2", "sent"))
        office.pass_time(minutes=10)
        for number in range(3, 6):
            await until(lambda number=number: _state(office, f"E-{number}", "sent"))
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)


async def test_a_slow_message_does_not_hold_up_another(office: Office, post: PostOffice, until: Until):
    released = asyncio.Event()

    async def slow(address: str) -> None:
        if address.startswith("e-1@"):
            await released.wait()

    post.before_data_answer = slow
    await office.hear(office.hired(manager_id=None))
    async with office.sender() as sender:
        running = asyncio.create_task(sender.run())
        await until(lambda: _accepted(post, "e-1@home.example"))
        await office.hear(office.hired("E-2", manager_id=None))
        await until(lambda: _state(office, "E-2", "sent"))
        assert (await office.ledger(employee_id="E-1"))[0].state == "sending"
        released.set()
        await until(lambda: _state(office, "E-1", "sent"))
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)


async def test_a_sender_wakes_as_soon_as_a_message_is_planned(office: Office, post: PostOffice, until: Until):
    async with office.sender() as sender:
        running = asyncio.create_task(sender.run())
        await office.hear(office.hired(manager_id=None))
        await until(lambda: _accepted(post, "e-1@home.example"))
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)


class Crash(BaseException):
    """No exception that anybody handles."""


async def test_news_is_what_is_planned_from_a_moment_on_heard_of_at_once_or_listened_for_later(office: Office):
    await office.hear(office.hired(manager_id=None))
    since = await store.moment(office.db)
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.5):
            await store.news(office.db, since)
    listening = asyncio.create_task(store.news(office.db, since))
    await office.hear(office.hired("E-2", manager_id=None))
    async with asyncio.timeout(30):
        await listening
        await store.news(office.db, since)  # also for who listens only now


async def crash_before_the_record(office: Office, monkeypatch: pytest.MonkeyPatch) -> None:
    """Everything due is accepted, and its sender dies before it noted anything."""

    async def crash(*_: object) -> None:
        raise Crash

    async with office.sender() as sender:
        with monkeypatch.context() as patched:
            patched.setattr(sender, "_execute", crash)
            with pytest.raises(Crash):
                await sender.drain()


async def test_a_crash_between_acceptance_and_record_sends_again_under_the_same_message_id(
    office: Office, post: PostOffice, monkeypatch: pytest.MonkeyPatch
):
    await office.hear(office.hired(manager_id=None))
    await crash_before_the_record(office, monkeypatch)
    assert (await office.entry("welcome")).state == "sending"
    await office.take_over()
    await office.send()
    first, second = (mail for _, mail in post.accepted)
    assert first["Message-ID"] == second["Message-ID"]
    entry = await office.entry("welcome")
    assert [(step.state, step.reason) for step in entry.transitions][-5:] == [
        ("sending", None),
        ("due", "abandoned"),
        ("sending", None),
        ("rendered", None),
        ("sent", None),
    ]


async def test_who_may_have_been_told_before_a_crash_hears_that_it_is_off(
    office: Office, post: PostOffice, monkeypatch: pytest.MonkeyPatch
):
    await office.hear(office.hired(), office.assigned())
    await crash_before_the_record(office, monkeypatch)
    accepted = len(post.accepted)
    await office.hear(HireRescinded(employee_id="E-1"))
    await office.take_over()
    await office.send()
    notice = await office.entry("manager_notice")
    assert (notice.state, notice.reason, notice.may_have_arrived) == ("suppressed", "withdrawn", True)
    # Manager and mentor may expect somebody; the hire hears it from people.
    assert sorted(mail["X-Firstmate-Template"] for _, mail in post.accepted[accepted:]) == ["hire_cancelled", "mentor_release"]


async def test_a_message_that_lost_its_answer_and_was_withdrawn_meanwhile_counts_as_told(office: Office, post: PostOffice):
    async def hang_up(_: str) -> None:
        for connection in post.open_connections():
            connection.transport.abort()

    await office.hear(office.hired(), office.assigned())
    post.before_data_answer = hang_up
    async with office.sender() as sender:
        results = [await sender._deliver(draft) for draft in await sender._take(10)]
        post.before_data_answer, accepted = None, len(post.accepted)
        await office.hear(HireRescinded(employee_id="E-1"))
        await sender._record([result for result in results if result is not None])
    notice = await office.entry("manager_notice")
    assert (notice.state, notice.reason, notice.may_have_arrived) == ("suppressed", "withdrawn", True)
    await office.send()
    assert sorted(mail["X-Firstmate-Template"] for _, mail in post.accepted[accepted:]) == ["hire_cancelled", "mentor_release"]


async def test_two_senders_at_once_send_nothing_twice(office: Office, post: PostOffice):
    await office.hear(*(office.hired(f"E-{number}", manager_id=None) for number in range(1, 101)))
    await asyncio.gather(office.send(), office.send())
    assert len(post.accepted) == 100
    assert len({mail["Message-ID"] for _, mail in post.accepted}) == 100
    assert {entry.state for entry in await office.ledger()} == {"sent"}


async def test_a_sender_that_lost_its_lease_takes_nothing_more(office: Office, post: PostOffice):
    await office.hear(office.hired(manager_id=None))
    async with office.sender() as stale:
        await office.take_over()
        with pytest.raises(LeaseLost):
            await stale.drain()
    assert not post.accepted


async def test_a_sender_that_slept_through_its_lease_does_not_send_what_another_has_taken_over(office: Office, post: PostOffice):
    await office.hear(office.hired(manager_id=None))
    async with office.sender() as sleeper:
        (draft,) = await sleeper._take(10)
        await office.take_over()
        await office.send()
        assert await sleeper._deliver(replace(draft, taken_at=draft.taken_at - 60)) is None
    assert len(post.accepted) == 1


async def test_a_stale_senders_result_counts_and_the_new_one_changes_nothing(office: Office, post: PostOffice):
    await office.hear(office.hired(manager_id=None))
    async with office.sender() as stale:
        (draft,) = await stale._take(10)
        result = await stale._deliver(draft)
        await office.take_over()
        await store.give_back(office.db, EMAIL, office.fence.number, office.now, own=True)
        await stale._record([result])
        assert (await office.entry("welcome")).state == "sent"
    await office.send()
    assert len(post.accepted) == 1


async def test_no_address_and_an_impossible_address_are_suppressed_with_the_reason(office: Office, post: PostOffice):
    await office.hear(
        office.hired(personal_email=None, work_email=None, manager_id=None),
        office.hired("E-2", personal_email="ada@-broken-.example", manager_id=None),
    )
    await office.send()
    reasons = {entry.employee_id: (entry.state, entry.reason) for entry in await office.ledger()}
    assert reasons == {"E-1": ("suppressed", "no_address"), "E-2": ("suppressed", "bad_address")}
    assert not post.accepted


async def test_a_reader_whom_hr_has_not_told_of_yet_is_waited_for(office: Office, post: PostOffice):
    await office.hear(office.hired(manager_id="B-9"), office.assigned())
    await office.send()
    notice = await office.entry("manager_notice")
    assert (notice.state, notice.reason) == ("due", "unknown_person")
    await office.hear(office.hired("B-9", given_name="Bo", manager_id=None, start_date="2020-01-06"))
    office.pass_time(seconds=10)
    await office.send()
    assert (await office.entry("manager_notice")).state == "sent"


async def test_a_reader_whom_hr_never_tells_of_is_given_up(office: Office):
    await office.hear(office.hired(manager_id="B-9"), office.assigned())
    for _ in range(20):
        await office.send()
        office.pass_time(minutes=5)
    notice = await office.entry("manager_notice")
    assert (notice.state, notice.reason) == ("suppressed", "no_address")


async def test_a_rescinded_hires_messages_are_withdrawn_and_the_withdrawal_is_told(office: Office, post: PostOffice):
    await office.hear(office.hired(), office.assigned(), HireRescinded(employee_id="E-1"))
    await office.send()
    assert not post.accepted
    assert {(entry.state, entry.reason) for entry in await office.ledger()} == {("suppressed", "withdrawn")}
    told = [event for event in await office.outbox() if event["ce_type"] == b"notifications.message.suppressed.v1"]
    assert len(told) == 4


async def test_a_hire_withdrawn_while_a_refused_message_waits_is_not_written_to_later(office: Office, post: PostOffice):
    post.on_rcpt = lambda _: "450 later"
    await office.hear(office.hired(manager_id=None))
    async with office.sender() as sender:
        (draft,) = await sender._take(10)
        result = await sender._deliver(draft)
        await office.hear(HireRescinded(employee_id="E-1"))
        assert (await office.entry("welcome")).state == "sending", "what is on the way is left to its result"
        await sender._record([result])
    entry = await office.entry("welcome")
    assert (entry.state, entry.reason) == ("suppressed", "withdrawn")


async def test_a_rehire_is_welcomed_again_with_a_message_of_its_own(office: Office, post: PostOffice):
    await office.hear(office.hired(manager_id=None))
    await office.send()
    await office.hear(EmployeeTerminated(employee_id="E-1"))
    await office.hear(EmployeeRehired.model_validate(office.hired(start_date="2027-06-01").profile() | {"employee_id": "E-1"}))
    await office.send()
    welcomes = [mail["Message-ID"] for _, mail in post.accepted if mail["X-Firstmate-Template"] == "welcome"]
    assert len(set(welcomes)) == 2


async def test_a_late_copy_of_the_old_leaving_withdraws_nothing_of_who_came_back(office: Office, post: PostOffice):
    await office.hear(office.hired(manager_id=None))
    await office.send()
    left = office.event(EmployeeTerminated(employee_id="E-1"))
    await office.processor().execute([left])
    office.pass_time(minutes=1)
    await office.hear(EmployeeRehired.model_validate(office.hired(start_date="2027-06-01").profile() | {"employee_id": "E-1"}))
    await office.processor().execute([replace(left, id="told again")])
    await office.send()
    welcomes = [mail["Message-ID"] for _, mail in post.accepted if mail["X-Firstmate-Template"] == "welcome"]
    assert len(set(welcomes)) == 2


async def test_a_moved_start_is_told_with_both_dates(office: Office, post: PostOffice):
    await office.hear(office.hired(manager_id=None))
    await office.send()
    await office.hear(StartDateChanged.model_validate(MOVED))
    await office.send()
    text = post.to("e-1@home.example")[-1].get_body(("plain",)).get_content()
    assert "Monday, 11 January 2027" in text
    assert "Monday, 1 February 2027" in text


async def test_coordinators_hear_of_a_waitlisted_hire(office: Office, post: PostOffice):
    await office.hear(office.hired(), HireWaitlisted(employee_id="E-1", policy_version="1"))
    await office.send()
    (mail,) = post.to("cleo@acme.example")
    assert mail["Subject"] == "No mentor yet for Ada"


async def test_a_result_that_can_not_be_recorded_with_the_correspondence_is_recorded_in_the_ledger(
    office: Office, post: PostOffice, monkeypatch: pytest.MonkeyPatch
):
    await office.hear(office.hired(manager_id=None))
    async with office.sender() as sender:

        async def broken(*_: object) -> None:
            raise ValueError("a state that nobody can read")

        monkeypatch.setattr(sender, "_execute", broken)
        await sender.drain()
        await sender.drain()
    assert len(post.accepted) == 1
    assert (await office.entry("welcome")).state == "sent"


async def test_a_reminder_waits_for_the_readers_morning_and_is_withdrawn_when_it_is_done(office: Office, post: PostOffice):
    await office.hear(EmployeeUpdated(employee_id="M-1", time_zone="America/New_York"))
    await office.hear(office.hired(manager_id=None), office.assigned())
    await office.send()
    milestones = [{"id": id, "owner": "mentor", "due": "2026-11-30"} for id in ("first_mentor_meeting", "mentor_meeting_2")]
    journey = {"start_date": "2027-01-11", "programme": "default", "programme_version": "1", "milestones": milestones}
    await office.hear(JourneyStarted.model_validate({"employee_id": "E-1"} | journey))
    for milestone in milestones:
        late = {"employee_id": "E-1", "milestone_id": milestone["id"], "due": milestone["due"]}
        await office.hear(MilestoneLate.model_validate(late))
        office.now += timedelta(minutes=1)  # told at one time, they would be one reminder
    done = {"milestone_id": "mentor_meeting_2", "completed_at": office.now, "completed_by": "M-1", "cause": "person"}
    await office.hear(MilestoneCompleted.model_validate({"employee_id": "E-1"} | done))
    await office.send()
    waiting, withdrawn = sorted(await office.ledger(template="milestone_late"), key=lambda entry: entry.state)
    assert (waiting.state, waiting.due_at) == ("planned", datetime(2026, 12, 1, 14, tzinfo=UTC))
    assert (withdrawn.state, withdrawn.reason) == ("suppressed", "withdrawn")
    office.now = waiting.due_at
    await office.send()
    assert "First meeting between mentor and mentee" in post.to("noemie@acme.example")[-1].get_body(("html",)).get_content()
    steps = (await office.ledger(_id=waiting.message_id))[0].transitions
    assert [step.state for step in steps] == ["planned", "due", "sending", "rendered", "sent"]


async def test_reminders_of_one_time_are_one_mail_and_whoever_else_is_to_know_gets_another(office: Office, post: PostOffice):
    await office.hear(office.hired(), office.assigned())
    await office.send()
    before = len(post.accepted)
    about = {"employee_id": "E-1", "owner": "mentor", "due": date(2026, 12, 4)}
    for id in ("first_mentor_meeting", "mentor_meeting_2"):
        await office.hear(MilestoneReminded(milestone_id=id, reminded_on=office.now.date(), **about))
    await office.hear(MilestoneEscalated(milestone_id="goals_30", escalated_on=office.now.date(), to="manager", **about))
    await office.send()
    assert len(post.accepted) == before
    office.now += timedelta(days=1)
    await office.send()
    kinds = [mail["X-Firstmate-Template"] for _, mail in post.accepted[before:]]
    assert sorted(kinds) == ["milestone_escalated", "milestone_reminder"]
    html = {mail["X-Firstmate-Template"]: mail.get_body(("html",)).get_content() for _, mail in post.accepted[before:]}
    assert "First meeting between mentor and mentee" in html["milestone_reminder"]
    assert "Mentor meeting 2" in html["milestone_reminder"]
    assert "Ziele für die ersten dreißig Tage" in html["milestone_escalated"]  # its reader is written to in German


@pytest.mark.parametrize("mentor_id", ["M-1", "M-2"])
async def test_a_reminder_keeps_to_its_readers_morning_whatever_else_is_told_meanwhile(office: Office, mentor_id: str):
    for id in ("M-1", "M-2"):
        await office.hear(EmployeeUpdated(employee_id=id, time_zone="America/Los_Angeles"))
    await office.hear(office.hired(manager_id=None), office.assigned())
    milestone = {"id": "first_mentor_meeting", "owner": "mentor", "due": "2026-11-30"}
    journey = {"start_date": "2027-01-11", "programme": "default", "programme_version": "1", "milestones": [milestone]}
    await office.hear(JourneyStarted.model_validate({"employee_id": "E-1"} | journey))
    office.now = datetime(2026, 12, 2, 3, tzinfo=UTC)
    await office.hear(MilestoneLate(employee_id="E-1", milestone_id="first_mentor_meeting", due=date(2026, 11, 30)))
    office.now = datetime(2026, 12, 2, 5, tzinfo=UTC)
    await office.hear(office.assigned(mentor_id=mentor_id))  # the same mentor again, or another
    (reminder,) = await office.ledger(template="milestone_late", reason=None)
    assert (reminder.recipient_id, reminder.due_at) == (mentor_id, datetime(2026, 12, 2, 17, tzinfo=UTC))


async def test_a_hire_answers_a_survey_and_both_say_that_they_met_by_the_links_in_their_mail(office: Office, post: PostOffice):
    await office.hear(office.hired(time_zone="America/Los_Angeles"), office.assigned())
    meeting = {"id": "first_mentor_meeting", "owner": "mentor", "due": "2026-12-01", "meeting": 1}
    survey = {"id": "pulse_7", "owner": "hire", "due": "2026-12-08", "survey": "pulse_7"}
    journey = {"start_date": "2027-01-11", "programme": "default", "programme_version": "1", "milestones": [meeting, survey]}
    await office.hear(JourneyStarted.model_validate({"employee_id": "E-1"} | journey))
    assert (await office.entry("survey_invitation")).due_at == datetime(2026, 12, 8, 17, tzinfo=UTC)
    office.now = datetime(2026, 12, 2, 9, tzinfo=UTC)
    await office.hear(MilestoneLate(employee_id="E-1", milestone_id="first_mentor_meeting", due=date(2026, 12, 1)))
    office.now = datetime(2026, 12, 8, 17, tzinfo=UTC)
    await office.send()
    read = {mail["X-Firstmate-Template"]: links_in(mail) for _, mail in post.accepted}
    last = date(2026, 12, 31)
    assert read["meeting_question"] == [Link.to_meeting("E-1", "E-1", 1, last)]
    assert read["milestone_late"] == [Link.to_meeting("E-1", "M-1", 1, last)]
    assert read["survey_invitation"] == [Link.to_survey("E-1", 1, "pulse_7", date(2027, 1, 7))]


def links_in(mail: EmailMessage) -> list[Link | None]:
    """What the links of a mail permit; its two parts hold the same."""
    parts = [mail.get_body((kind,)) for kind in ("plain", "html")]
    plain, html = (re.findall(r"http://127.0.0.1:8080/answer/([\w.-]+)", part.get_content()) for part in parts if part)
    assert plain == html
    return [LINKS.read(token) for token in plain]


async def _accepted(post: PostOffice, address: str) -> bool:
    return bool(post.to(address))


async def _state(office: Office, employee_id: str, state: str) -> bool:
    return bool(await office.ledger(employee_id=employee_id, state=state))


MOVED = {"employee_id": "E-1", "start_date": "2027-02-01"}


async def test_the_ledger_says_in_which_language_a_message_was_written_where_its_readers_is_missing(office: Office):
    await office.hear(office.hired(locale="sv-SE", languages=["fi", "de"]), office.hired("E-2", locale="fr-CA"))
    await office.send()
    written = {
        entry.employee_id: next(step.reason for step in entry.transitions if step.state == "rendered")
        for entry in await office.ledger(template="welcome")
    }
    assert written == {"E-1": "written_in_de", "E-2": None}
