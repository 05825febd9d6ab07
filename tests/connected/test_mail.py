"""The local mail sink and its viewer."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import suppress
from email.message import EmailMessage
from pathlib import Path

import aiosmtplib
import httpx
import pytest
from fastapi import FastAPI, Response

from deploy import mailbox, mailsink
from deploy.mailviewer import mail_viewer
from deploy.parts import listens
from deploy.ports import free_port
from shared.access import Gate, Viewer, install_access
from shared.pages import install_pages
from shared.settings import Settings
from shared.web import make_app
from tests.conftest import Until

TOKEN = {"authorization": "Bearer operators-token"}


def letter(to: str = "ada@mail.example", *, id: str = "<1@firstmate>", subject: str = "Välkommen, Ada") -> EmailMessage:
    message = EmailMessage()
    message["From"], message["To"], message["Subject"], message["Message-ID"] = "welcome@firstmate.example", to, subject, id
    message.set_content("Plain words")
    message.add_alternative("<html><head></head><body><h1>Hej</h1><script>alert(1)</script></body></html>", subtype="html")
    message.add_attachment(b"BEGIN:VCALENDAR", maintype="text", subtype="calendar", filename="möte.ics")
    return message


@pytest.fixture
async def sink(tmp_path: Path, until: Until) -> AsyncIterator[int]:
    """A running sink's port; its folder is `tmp_path`."""
    port = free_port()
    serving = asyncio.create_task(mailsink.serve(f"127.0.0.1:{port}", tmp_path))
    missing = listens(f"127.0.0.1:{port}")

    async def serves() -> bool:
        return await missing() is None

    await until(serves)
    yield port
    serving.cancel()
    with suppress(asyncio.CancelledError):
        await serving


@pytest.fixture
async def viewer(tmp_path: Path) -> AsyncIterator[httpx.AsyncClient]:
    """A client of the viewer over the same folder."""
    settings = Settings(token="operators-token", secret="s" * 32, coordinators=["E-1"])  # type: ignore[arg-type]
    app: FastAPI = make_app("mail", [mail_viewer(tmp_path)])
    install_access(app, settings)
    install_pages(app, settings)
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://127.0.0.1") as client:
        yield client


async def send(port: int, message: EmailMessage, *recipients: str) -> None:
    await aiosmtplib.send(message, hostname="127.0.0.1", port=port, recipients=recipients or None, use_tls=False, start_tls=False)


async def test_every_message_is_kept_once_for_each_recipient(sink: int, tmp_path: Path) -> None:
    await send(sink, letter(), "ada@mail.example", "grace@mail.example")
    assert sorted(mail.recipient for mail in mailbox.newest(tmp_path, 10)) == ["ada@mail.example", "grace@mail.example"]


async def test_a_message_sent_again_after_a_crash_takes_the_earlier_ones_place(sink: int, tmp_path: Path) -> None:
    await send(sink, letter())
    await send(sink, letter())
    await send(sink, letter(id="<2@firstmate>"))
    assert len(mailbox.newest(tmp_path, 10)) == 2


async def test_the_list_shows_the_newest_first_and_searches_by_recipient(sink: int, viewer: httpx.AsyncClient) -> None:
    for number in range(3):
        await send(sink, letter(f"p{number}@mail.example", id=f"<{number}@firstmate>", subject=f"Letter {number}"))
    page = (await viewer.get("/mail", headers=TOKEN)).text
    assert page.index("Letter 2") < page.index("Letter 1") < page.index("Letter 0")
    found = (await viewer.get("/mail", params={"to": "P1@"}, headers=TOKEN)).text
    assert "Letter 1" in found
    assert "Letter 0" not in found


async def test_a_message_shows_its_text_headers_and_attachments(sink: int, viewer: httpx.AsyncClient, tmp_path: Path) -> None:
    await send(sink, letter())
    mail = mailbox.newest(tmp_path, 1)[0]
    page = (await viewer.get(f"/mail/{mail.id}", headers=TOKEN)).text
    assert all(words in page for words in ("Välkommen, Ada", "Plain words", "&lt;1@firstmate&gt;", "möte.ics"))
    assert f'src="/mail/{mail.id}/html"' in page
    assert "<h1>Hej" not in page
    attached = mail.attachments[0]
    part = await viewer.get(f"/mail/{mail.id}/parts/{attached.number}", headers=TOKEN)
    assert part.content == b"BEGIN:VCALENDAR"
    assert part.headers["content-disposition"].startswith("attachment")


async def test_html_is_framed_without_scripts_or_anything_from_elsewhere(
    sink: int, viewer: httpx.AsyncClient, tmp_path: Path
) -> None:
    await send(sink, letter())
    mail = mailbox.newest(tmp_path, 1)[0]
    framed = await viewer.get(f"/mail/{mail.id}/html", headers=TOKEN)
    policy = framed.headers["content-security-policy"]
    assert "default-src 'none'" in policy
    assert "script-src" not in policy
    assert "allow-scripts" not in policy
    assert "sandbox" in policy
    assert "<h1>Hej</h1>" in framed.text


async def test_a_logo_that_came_along_is_shown_in_the_html(sink: int, viewer: httpx.AsyncClient, tmp_path: Path) -> None:
    message = letter()
    html = message.get_body(("html",))
    assert isinstance(html, EmailMessage)
    html.set_content('<p><img src="cid:logo@firstmate" alt="Acme"></p>', subtype="html")
    html.add_related(b"GIF89a", maintype="image", subtype="gif", cid="<logo@firstmate>")
    await send(sink, message)
    shown = await viewer.get(f"/mail/{mailbox.newest(tmp_path, 1)[0].id}/html", headers=TOKEN)
    assert 'src="data:image/gif;base64,R0lGODlh"' in shown.text


@pytest.mark.parametrize("path", ["/mail", "/mail/x", "/mail/x/html", "/mail/x/parts/0"])
async def test_mail_is_for_those_who_run_the_programme(viewer: httpx.AsyncClient, path: str) -> None:
    assert (await viewer.get(path)).status_code in (303, 401)
    settings = Settings(secret="s" * 32, coordinators=["E-1"])  # type: ignore[arg-type]
    for employee, status in (("E-2", 403), ("E-1", 200 if path == "/mail" else 404)):
        answer = Response()
        Gate(settings).sign_in(answer, Viewer(employee), secure=False)
        cookie = answer.headers["set-cookie"].partition(";")[0]
        assert (await viewer.get(path, headers={"cookie": cookie})).status_code == status


@pytest.mark.parametrize("id", ["..", "..%2Fsecret", "%2e%2e%2f%2e%2e%2fetc%2fpasswd", "a b"])
async def test_no_id_leads_out_of_the_mailbox(viewer: httpx.AsyncClient, tmp_path: Path, id: str) -> None:
    (tmp_path / "secret").write_text("not a mail")
    assert (await viewer.get(f"/mail/{id}", headers=TOKEN)).status_code == 404


async def test_a_message_that_breaks_the_rules_is_still_shown(sink: int, viewer: httpx.AsyncClient, tmp_path: Path) -> None:
    broken = b"Subject: \xff\xfe\r\nContent-Type: text/plain; charset=no-such\r\n\r\nwords \xff"
    client = aiosmtplib.SMTP(hostname="127.0.0.1", port=sink, start_tls=False)
    async with client:
        await client.sendmail("", ["ada@mail.example"], broken)
    mail = mailbox.newest(tmp_path, 1)[0]
    page = await viewer.get(f"/mail/{mail.id}", headers=TOKEN)
    assert page.status_code == 200
    assert "words" in page.text
