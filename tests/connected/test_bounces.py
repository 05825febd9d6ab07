"""Reports that mail servers send back: what each changes, once, and whom mail goes to no more."""

import asyncio
import os
import re
import sys
from asyncio.subprocess import PIPE, STDOUT
from collections.abc import AsyncIterator
from contextlib import suppress
from email.message import EmailMessage
from pathlib import Path
from typing import Any

import httpx
import pytest
import uvicorn
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import SecretStr

from deploy.ports import free_port
from services.notifications.bounces import read_report
from services.notifications.correspondence import message_id
from services.notifications.suppression import COLLECTION
from services.notifications.web import web
from shared.access import install_access
from shared.events.hr import EmployeeSnapshot, EmployeeUpdated, HireRescinded, StartDateChanged
from shared.mongo import Client, Database
from shared.pages import install_pages
from shared.refusals import Refused
from shared.settings import Settings
from shared.web import make_app
from tests.connected.post_office import COORDINATOR, Office, PostOffice, post_office

ROOT = Path(__file__).parents[2]
SETTINGS = Settings(token=SecretStr("operators-token"), secret=SecretStr(""), coordinators=[COORDINATOR])
OPERATOR = {"authorization": "Bearer operators-token"}
MAIL = {"content-type": "message/rfc822"}
PATH = "/api/notifications/v1/bounces"
WELCOME = message_id("E-1/hire-1", "welcome", "E-1", "email")


def dsn(original: EmailMessage, action: str, status: str, headers_only: bool = False) -> bytes:
    """A report as Postfix writes it."""
    what, kind = original.as_bytes(), b"message/rfc822"
    if headers_only:
        what, kind = what.partition(b"\n\n")[0] + b"\n\n", b"text/rfc822-headers"
    return b"\r\n".join(
        [
            b"From: MAILER-DAEMON@mail.acme.example",
            b"To: welcome@firstmate.example",
            b"Subject: Undelivered Mail Returned to Sender",
            b"MIME-Version: 1.0",
            b'Content-Type: multipart/report; report-type=delivery-status; boundary="b0"',
            b"",
            b"--b0",
            b"Content-Type: text/plain",
            b"",
            b"I'm sorry to have to inform you that your message could not be delivered.",
            b"--b0",
            b"Content-Type: message/delivery-status",
            b"",
            b"Reporting-MTA: dns; mail.acme.example",
            b"",
            f"Final-Recipient: rfc822; {original['To'].addresses[0].addr_spec}".encode(),
            f"Action: {action}".encode(),
            f"Status: {status}".encode(),
            b"Diagnostic-Code: smtp; 550 no such user",
            b"",
            b"--b0",
            b"Content-Type: " + kind,
            b"",
            what,
            b"--b0--",
            b"",
        ]
    )


@pytest.fixture
async def post() -> AsyncIterator[PostOffice]:
    async with post_office() as office:
        yield office


@pytest.fixture
async def db(mongo_client: Client) -> AsyncIterator[Database]:
    await mongo_client.drop_database("bounces")
    yield mongo_client["bounces"]
    await mongo_client.drop_database("bounces")


@pytest.fixture
async def office(db: Database, post: PostOffice) -> Office:
    """A hire has been welcomed."""
    from services.notifications import store  # noqa: PLC0415
    from shared.worker import prepare_database  # noqa: PLC0415

    await prepare_database(db)
    await store.ensure_indexes(db)
    made = Office(db, post)
    await made.take_over()
    await made.know_people()
    await made.hear(made.hired(manager_id=None))
    await made.send()
    return made


@pytest.fixture
async def http(office: Office) -> AsyncIterator[httpx.AsyncClient]:
    app: Any = make_app("notifications", web(office.db, SETTINGS, office.clock))
    install_access(app, SETTINGS)
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://127.0.0.1", headers=OPERATOR) as client:
        yield client


async def report(http: httpx.AsyncClient, raw: bytes) -> dict[str, Any]:
    answer = await http.post(PATH, content=raw, headers=MAIL)
    assert answer.status_code == 200, answer.text
    body: dict[str, Any] = answer.json()
    return body


def where(entry: Any) -> list[tuple[str, str | None]]:
    return [(step.state, step.reason) for step in entry.transitions if step.state not in ("rendered", "sending")]


async def test_what_came_back_goes_to_the_address_that_hr_corrects_and_every_step_is_kept(
    office: Office, post: PostOffice, http: httpx.AsyncClient
):
    await report(http, dsn(post.to("e-1@home.example")[0], "failed", "5.1.1"))
    await office.hear(office.assigned())
    await office.send()
    assert (await office.entry("mentor_introduction")).reason == "address_bounced"
    corrected = office.event(EmployeeUpdated(employee_id="E-1", personal_email="ada@home.example"))
    for _ in range(2):  # HR repeats itself
        await office.processor().execute([corrected])
        await office.send()
    assert [mail["X-Firstmate-Template"] for mail in post.to("ada@home.example")] == ["welcome", "mentor_introduction"]
    again = [("due", "address_changed"), ("sent", None)]
    assert where(await office.entry("welcome"))[2:] == [("sent", None), ("failed", "bounced_5_1_1"), *again]
    assert where(await office.entry("mentor_introduction"))[2:] == [("suppressed", "address_bounced"), *again]
    assert len({mail["Message-ID"] for mail in [*post.to("ada@home.example"), *post.to("e-1@home.example")]}) == 2


@pytest.mark.parametrize(
    ("address", "reason"), [(None, "no_address"), ("ada@-.example", "bad_address"), ("no@home.example", "smtp_550")]
)
async def test_a_reader_of_others_letters_gets_those_too_that_still_hold(
    office: Office, post: PostOffice, address: str | None, reason: str
):
    """A manager without a usable address: the notice about one hire waits for it, that about another is not true any more."""
    post.on_rcpt = lambda to: "550 no such user" if to.startswith("no@") else None
    await office.hear(EmployeeSnapshot.model_validate({"employee_id": "B-2", "given_name": "Bo", "work_email": address}))
    await office.hear(office.hired("E-2", manager_id="B-2"), office.hired("E-3", manager_id="B-2"))
    office.pass_time(minutes=1)
    await office.send()
    assert {entry.reason for entry in await office.ledger(recipient_id="B-2")} == {reason}
    await office.hear(HireRescinded(employee_id="E-3"))
    await office.hear(EmployeeUpdated(employee_id="B-2", work_email="bo@acme.example"))
    await office.send()
    assert [mail["X-Firstmate-Template"] for mail in post.to("bo@acme.example")] == ["manager_notice"]
    assert {entry.employee_id for entry in await office.ledger(recipient_id="B-2", state="sent")} == {"E-2"}


async def test_what_is_not_worth_reading_any_more_and_what_was_read_stays_as_it_is(
    office: Office, post: PostOffice, http: httpx.AsyncClient
):
    await office.hear(office.hired("E-2", personal_email=None, work_email=None, manager_id=None))
    await office.send()
    office.pass_time(days=31)
    both = [EmployeeUpdated(employee_id=id, personal_email=f"new-{id}@home.example") for id in ("E-1", "E-2")]
    await office.hear(*both)
    await office.send()
    assert {entry.employee_id: entry.reason for entry in await office.ledger(template="welcome")} == {
        "E-1": None,
        "E-2": "outdated",
    }
    assert post.templates == ["welcome"]


@pytest.mark.parametrize("headers_only", [False, True])
async def test_a_bounce_fails_the_message_is_told_and_keeps_later_mail_from_the_address(
    office: Office, post: PostOffice, http: httpx.AsyncClient, headers_only: bool
):
    (mail,) = post.to("e-1@home.example")
    raw = dsn(mail, "failed", "5.1.1", headers_only)
    assert await report(http, raw) == {"message_id": WELCOME, "outcome": "failed", "status": "5.1.1"}
    entry = await office.entry("welcome")
    assert (entry.state, entry.reason) == ("failed", "bounced_5_1_1")
    assert [step.state for step in entry.transitions][-2:] == ["sent", "failed"]
    assert b"notifications.message.failed.v1" in [each["ce_type"] for each in await office.outbox()]
    (kept,) = [document async for document in office.db[COLLECTION].find()]
    assert "home.example" not in str(kept)

    (listed,) = (await http.get(PATH)).json()["items"]
    assert (listed["recipient_id"], listed["status"]) == ("E-1", "5.1.1")
    await office.hear(office.assigned())
    await office.send()
    introduction = await office.entry("mentor_introduction")
    assert (introduction.state, introduction.reason) == ("suppressed", "address_bounced")
    assert len(post.to("e-1@home.example")) == 1


async def test_a_report_that_comes_again_changes_nothing(office: Office, post: PostOffice, http: httpx.AsyncClient):
    (mail,) = post.to("e-1@home.example")
    await report(http, dsn(mail, "failed", "5.1.1"))
    before, told = await office.entry("welcome"), len(await office.outbox())
    assert (await report(http, dsn(mail, "failed", "5.1.1")))["outcome"] == "repeated"
    assert (await report(http, dsn(mail, "delivered", "2.0.0")))["outcome"] == "repeated"
    assert await office.entry("welcome") == before
    assert len(await office.outbox()) == told


async def test_another_address_is_written_to_and_ends_the_listing(office: Office, post: PostOffice, http: httpx.AsyncClient):
    (mail,) = post.to("e-1@home.example")
    await report(http, dsn(mail, "failed", "5.1.1"))
    await office.hear(EmployeeUpdated(employee_id="E-1", personal_email="ada@new.example"), office.assigned())
    await office.send()
    assert (await http.get(PATH)).json()["items"] == []
    assert post.to("ada@new.example")


async def test_an_address_that_works_after_all_is_written_to_again(office: Office, post: PostOffice, http: httpx.AsyncClient):
    (mail,) = post.to("e-1@home.example")
    await report(http, dsn(mail, "failed", "5.2.1"))
    (listed,) = (await http.get(PATH)).json()["items"]
    assert (await http.delete(f"{PATH}/{listed['address']}")).status_code == 204
    assert (await http.delete(f"{PATH}/{listed['address']}")).status_code == 404
    await office.hear(office.assigned())
    await office.send()
    assert (await office.entry("mentor_introduction")).state == "sent"


async def test_a_delay_is_noted_a_delivery_confirms_and_neither_keeps_mail_back(
    office: Office, post: PostOffice, http: httpx.AsyncClient
):
    (mail,) = post.to("e-1@home.example")
    assert (await report(http, dsn(mail, "delayed", "4.4.1")))["outcome"] == "noted"
    entry = await office.entry("welcome")
    assert (entry.state, entry.transitions[-1].reason) == ("sent", "delayed_4_4_1")
    assert (await report(http, dsn(mail, "delayed", "4.4.1")))["outcome"] == "repeated"
    assert (await report(http, dsn(mail, "delivered", "2.0.0")))["outcome"] == "confirmed"
    assert (await office.entry("welcome")).state == "confirmed"
    assert await office.db[COLLECTION].count_documents({}) == 0
    await office.hear(StartDateChanged(employee_id="E-1", start_date="2027-02-01"))
    await office.send()
    assert (await office.entry("plans_changed")).state == "sent"


async def test_a_server_that_gave_up_fails_the_message_and_not_the_address(
    office: Office, post: PostOffice, http: httpx.AsyncClient
):
    (mail,) = post.to("e-1@home.example")
    assert (await report(http, dsn(mail, "failed", "4.4.7")))["outcome"] == "failed"
    assert await office.db[COLLECTION].count_documents({}) == 0


async def test_foreign_and_malformed_reports_are_refused_and_change_nothing(
    office: Office, post: PostOffice, http: httpx.AsyncClient
):
    (mail,) = post.to("e-1@home.example")
    foreign = dsn(mail, "failed", "5.1.1").replace(WELCOME.encode(), b"0" * 32)
    elsewhere = dsn(mail, "failed", "5.1.1").replace(f"<{WELCOME}@".encode(), b"<CAF+x@")
    for raw, status, code in [
        (foreign, 404, "unknown_message"),
        (elsewhere, 404, "unknown_message"),
        (mail.as_bytes(), 422, "not_a_report"),
        (b"", 422, "not_a_report"),
        (dsn(mail, "dropped", "5.1.1"), 422, "not_a_report"),
        (dsn(mail, "failed", "none"), 422, "not_a_report"),
        (b"x" * 2_000_001, 413, "too_large"),
    ]:
        answer = await http.post(PATH, content=raw, headers=MAIL)
        assert (answer.status_code, answer.json()["code"]) == (status, code)
    assert (await http.post(PATH, content=b"{}", headers={"content-type": "application/json"})).status_code == 415
    assert (await office.entry("welcome")).state == "sent"


async def test_only_the_operator_reports(http: httpx.AsyncClient):
    answer = await http.post(PATH, content=b"", headers=MAIL | {"authorization": "Bearer wrong"})
    assert answer.status_code == 401


@settings(deadline=None)  # a busy machine is no fault
@given(st.binary(max_size=400), st.integers(0, 2_000))
def test_whatever_comes_is_read_or_refused(noise: bytes, at: int):
    original = EmailMessage()
    original["To"], original["Message-ID"] = "Ada <ada@home.example>", f"<{WELCOME}@firstmate.example>"
    whole = dsn(original, "failed", "5.1.1")
    at = min(at, len(whole))
    with suppress(Refused):  # and nothing else
        assert read_report(whole[:at] + noise + whole[at:]).message_id


async def test_a_coordinator_sees_whom_mail_does_not_reach_and_lets_it_go_again(
    office: Office, post: PostOffice, http: httpx.AsyncClient
):
    install_pages(http._transport.app, SETTINGS)  # type: ignore[attr-defined]
    assert "Mail reaches everybody" in (await http.get("/coordinator/bounces")).text
    (mail,) = post.to("e-1@home.example")
    await report(http, dsn(mail, "failed", "5.1.1"))
    page = (await http.get("/coordinator/bounces")).text
    assert "there is no such mailbox" in page
    assert "e-1@home.example" not in page
    (address,) = re.findall(r'name="address" value="([0-9a-f]{64})"', page)
    answer = await http.post("/coordinator/bounces", data={"address": address})
    assert (answer.status_code, answer.headers["location"]) == (303, "/coordinator/bounces?again")
    assert (await http.get(PATH)).json()["items"] == []
    assert (await http.post("/coordinator/bounces", data={"address": address})).status_code == 404
    await office.hear(office.assigned())
    await office.send()
    assert (await office.entry("mentor_introduction")).state == "sent"


@pytest.fixture
async def origin(office: Office) -> AsyncIterator[str]:
    """The address of a real web server with this service's API."""
    app = make_app("notifications", web(office.db, SETTINGS, office.clock))
    install_access(app, SETTINGS)
    port = free_port()
    server = uvicorn.Server(uvicorn.Config(app, host="127.0.0.1", port=port, log_config=None, lifespan="off"))
    server.install_signal_handlers = lambda: None  # type: ignore[attr-defined]
    serving = asyncio.create_task(server._serve())
    while not server.started:
        await asyncio.sleep(0.01)
    yield f"http://127.0.0.1:{port}"
    server.should_exit = True
    await serving


async def bounce(origin: str, report: bytes, token: str = "operators-token") -> tuple[int, str]:
    """`firstmate bounce -`, as a mail server's pipe calls it: its exit code and all that it said."""
    variables = {**os.environ, "FIRSTMATE_WEB_URL": origin, "FIRSTMATE_TOKEN": token}
    running = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "deploy.cli", "bounce", "-"), stdin=PIPE, stdout=PIPE, stderr=STDOUT, cwd=ROOT, env=variables
    )
    said, _ = await running.communicate(report)
    return running.returncode or 0, said.decode()


async def test_the_command_hands_a_report_to_the_running_origin_and_says_what_is_wrong_with_it(
    office: Office, post: PostOffice, origin: str
):
    await office.hear(office.hired(manager_id=None))
    await office.send()
    report = dsn(post.accepted[0][1], "failed", "5.1.1")
    code, said = await bounce(origin, report, token="another")
    assert code != 0
    assert (await office.entry("welcome")).state == "sent"
    code, said = await bounce(origin, report)
    assert (code, "failed" in said) == (0, True), said
    entry = await office.entry("welcome")
    assert (entry.state, entry.reason) == ("failed", "bounced_5_1_1")
    code, said = await bounce(origin, b"Subject: lunch\r\n\r\nAt noon?")
    assert code != 0
    assert "report" in said
    code, said = await bounce(f"http://127.0.0.1:{free_port()}", report)
    assert code != 0
    assert "does not answer" in said
