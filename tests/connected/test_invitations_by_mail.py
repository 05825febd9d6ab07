"""Invitations as they arrive: in mails of a real SMTP server, and as the feed that calendars subscribe to."""

from collections.abc import AsyncIterator
from datetime import UTC, date, datetime, timedelta
from email.message import EmailMessage
from typing import Any

import httpx
import pytest
import vobject
from pydantic import SecretStr

from services.notifications import store
from services.notifications import web as notifications
from services.notifications.preferences import Preferences
from shared.access import install_access
from shared.events.hr import EmployeeUpdated, HireRescinded
from shared.events.onboarding import JourneyRescheduled, JourneyStarted, PlannedMilestone
from shared.mongo import Database
from shared.pages import install_pages
from shared.settings import Settings
from shared.web import make_app
from tests.connected.post_office import LINKS, Office, PostOffice, post_office

SETTINGS = Settings(secret=SecretStr("of the tests"), mail_from="Crew <crew@acme.example>")
START = date(2027, 1, 11)
FIRST, SECOND = date(2026, 12, 4), date(2027, 1, 22)


@pytest.fixture
async def post() -> AsyncIterator[PostOffice]:
    async with post_office() as office:
        yield office


def moved(**due: date) -> JourneyRescheduled:
    return JourneyRescheduled(employee_id="E-1", start_date=START, due=due)


@pytest.fixture
async def office(database: Database, post: PostOffice) -> Office:
    """Ada in Paris is met by Noémie in New York in three days, and again in January."""
    await store.ensure_indexes(database)
    office = Office(database, post)
    await office.take_over()
    await office.know_people()
    await office.hear(EmployeeUpdated(employee_id="M-1", time_zone="America/New_York"))
    plan = [
        PlannedMilestone(id="first_mentor_meeting", owner="mentor", due=FIRST, meeting=1),
        PlannedMilestone(id="mentor_meeting_2", owner="mentor", due=SECOND, meeting=2),
    ]
    journey = JourneyStarted(employee_id="E-1", start_date=START, programme="p", programme_version="1", milestones=plan)
    await office.hear(office.hired(time_zone="Europe/Paris"), journey, office.assigned())
    await office.send()
    return office


def invitations(post: PostOffice, address: str) -> list[Any]:
    """The calendar files that this address got, as another library reads them."""
    parts = [part for mail in post.to(address) for part in mail.walk() if part.get_content_type() == "text/calendar"]
    for part in parts:
        assert isinstance(part, EmailMessage)
        assert part.get_param("method") == str(vobject.readOne(part.get_content()).method.value)
    return [vobject.readOne(part.get_content()) for part in parts]


async def test_both_get_the_same_event_at_an_hour_at_which_both_work(office: Office, post: PostOffice):
    (hers,), (theirs,) = invitations(post, "e-1@home.example"), invitations(post, "noemie@acme.example")
    assert hers.vevent.uid.value == theirs.vevent.uid.value
    assert hers.vevent.dtstart.value == theirs.vevent.dtstart.value
    assert hers.vevent.dtstart.value.astimezone(UTC).hour in (14, 15)  # 15 or 16 in Paris, 9 or 10 in New York
    assert "e-1@home.example" not in str(theirs.serialize())  # a private address is nobody else's


def told(post: PostOffice, address: str) -> list[tuple[str, int, int]]:
    """Method, sequence and day of the month of what this address's calendar was told; all of the same event."""
    found = invitations(post, address)
    assert len({each.vevent.uid.value for each in found}) == 1
    return [(each.method.value, int(each.vevent.sequence.value), each.vevent.dtstart.value.day) for each in found]


async def test_a_move_updates_both_calendars_and_a_rescission_cancels_the_mentors(office: Office, post: PostOffice):
    await office.hear(moved(first_mentor_meeting=date(2026, 12, 9)))
    await office.send()
    await office.hear(HireRescinded(employee_id="E-1"))
    await office.send()
    assert told(post, "e-1@home.example") == [("REQUEST", 0, 4), ("REQUEST", 1, 9)]
    assert told(post, "noemie@acme.example") == [("REQUEST", 0, 4), ("REQUEST", 1, 9), ("CANCEL", 2, 9)]


async def test_sent_again_after_a_crash_it_is_the_same_event(office: Office, post: PostOffice):
    first = invitations(post, "noemie@acme.example")
    entry = (await office.ledger(template="meeting_invitation", recipient_id="M-1", state="sent"))[0]
    await office.db[store.MESSAGES].update_one(
        {"_id": entry.message_id}, {"$set": {"state": "due", "due_at": office.now, "settled_at": None}}
    )
    state = f"state.letters.{entry.message_id}.status"
    await office.db[store.CORRESPONDENCES].update_one({"_id": "E-1"}, {"$set": {state: "planned"}})
    await office.send()
    again = invitations(post, "noemie@acme.example")
    assert [each.vevent.uid.value for each in again] == [first[0].vevent.uid.value] * 2
    assert [each.vevent.sequence.value for each in again] == ["0", "0"]


async def test_who_does_without_invitations_gets_none_and_the_other_does(office: Office, post: PostOffice):
    await store.prefer(office.db, "M-1", Preferences(declined=frozenset({"invitations"})), office.now)
    office.now = datetime(2027, 1, 15, 12, tzinfo=UTC)
    await office.send()
    assert len(invitations(post, "noemie@acme.example")) == 1
    hers = [mail for address in ("e-1@acme.example", "e-1@home.example") for mail in post.to(address)]
    assert [mail["X-Firstmate-Template"] for mail in hers].count("meeting_invitation") == 2


@pytest.fixture
async def http(office: Office) -> AsyncIterator[httpx.AsyncClient]:
    app = make_app("notifications", notifications.web(office.db, SETTINGS, office.clock))
    install_access(app, SETTINGS)
    install_pages(app, SETTINGS)
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app=app), base_url="http://firstmate.test") as client:
        yield client


async def feed(http: httpx.AsyncClient, employee_id: str) -> Any:
    answer = await http.get(str(LINKS.own("calendar", employee_id)))
    assert (answer.status_code, answer.headers["content-type"]) == (200, "text/calendar; charset=utf-8")
    return vobject.readOne(answer.text)


@pytest.mark.parametrize("employee_id", ["E-1", "M-1"])
async def test_a_calendar_that_subscribes_sees_all_meetings_and_their_changes(
    office: Office, http: httpx.AsyncClient, employee_id: str
):
    before = await feed(http, employee_id)
    assert [event.dtstart.value.date() for event in before.vevent_list] == [FIRST, SECOND]
    later = SECOND + timedelta(days=7)
    await office.hear(moved(mentor_meeting_2=later))
    after = await feed(http, employee_id)
    assert [event.dtstart.value.date() for event in after.vevent_list] == [FIRST, later]
    assert [event.uid.value for event in after.vevent_list] == [event.uid.value for event in before.vevent_list]
    await office.hear(HireRescinded(employee_id="E-1"))
    assert not hasattr(await feed(http, employee_id), "vevent")


@pytest.mark.parametrize(("late_by", "state"), [(-1, ("sent", None)), (0, ("suppressed", "outdated"))])
async def test_nobody_is_invited_to_a_meeting_that_has_begun(
    office: Office, http: httpx.AsyncClient, late_by: int, state: tuple[str, str | None]
):
    """The sender stood still from the day on which the invitations were due."""
    _, second = (await feed(http, "M-1")).vevent_list
    waiting = {entry.message_id for entry in await office.ledger(template="meeting_invitation", state="planned")}
    office.now = second.dtstart.value.astimezone(UTC) + timedelta(minutes=late_by)
    await office.send()
    became = [
        (each.state, each.reason) for each in await office.ledger(template="meeting_invitation") if each.message_id in waiting
    ]
    assert became == [state, state]


async def test_whoever_meets_nobody_has_an_empty_calendar_and_a_foreign_link_none(http: httpx.AsyncClient):
    assert not hasattr(await feed(http, "B-1"), "vevent")
    preferences = str(LINKS.own("preferences", "E-1")).rpartition("/")[2]
    for token in ("x", preferences):  # a link to one thing opens no other
        assert (await http.get(f"/calendar/{token}")).status_code == 404


async def test_the_form_of_preferences_names_the_address(http: httpx.AsyncClient):
    page = await http.get(str(LINKS.own("preferences", "M-1")))
    assert str(LINKS.own("calendar", "M-1")) in page.text


async def test_a_mentors_meetings_are_found_by_index(office: Office):
    query = {"state.assignment.mentor_id": "M-1", "state.status": "expected"}
    plan = await office.db.command({"explain": {"find": store.CORRESPONDENCES, "filter": query}, "verbosity": "queryPlanner"})
    assert "COLLSCAN" not in str(plan)
