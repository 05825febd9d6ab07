"""The mail sink's viewer: what people would have received, for those who run the programme.

A message's HTML is shown in a frame of its own, without scripts and without anything from elsewhere.
"""

import asyncio
from pathlib import Path
from typing import Annotated
from urllib.parse import quote

from fastapi import APIRouter, Depends, Query, Request
from fastapi.responses import HTMLResponse, Response

from deploy import mailbox
from shared.access import Viewer, require
from shared.pages import PageRoute, templates
from shared.refusals import not_found

LISTED = 200  # a list of more is searched by recipient
PAGES = templates(Path(__file__).parent / "templates")
FRAME_HEADERS = {
    "Content-Security-Policy": (
        "default-src 'none'; style-src 'unsafe-inline'; img-src data:; base-uri 'none'; form-action 'none'; "
        "frame-ancestors 'self'; sandbox allow-popups allow-popups-to-escape-sandbox"
    ),
    "Cache-Control": "no-store",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
}
MayRead = Annotated[Viewer, Depends(require("see_mail"))]


def mail_viewer(folder: Path) -> APIRouter:
    """`/mail` and one message, over the Maildir `folder`."""
    router = APIRouter(route_class=PageRoute, include_in_schema=False)

    @router.get("/mail")
    async def listing(request: Request, viewer: MayRead, to: Annotated[str, Query(max_length=200)] = "") -> HTMLResponse:
        mails = await asyncio.to_thread(mailbox.newest, folder, LISTED, to.strip())
        return PAGES.render(request, "mail.html", viewer=viewer, mails=mails, to=to.strip(), limit=LISTED)

    @router.get("/mail/{id}")
    async def message(request: Request, id: str, viewer: MayRead) -> HTMLResponse:
        return PAGES.render(request, "mail_message.html", viewer=viewer, mail=await _find(id))

    @router.get("/mail/{id}/html")
    async def html(id: str, _: MayRead) -> HTMLResponse:
        mail = await _find(id)
        # Links open beside the viewer: inside the frame they would be blocked.
        return HTMLResponse('<base target="_blank">' + (mail.html or ""), headers=FRAME_HEADERS)

    @router.get("/mail/{id}/parts/{number}")
    async def part(id: str, number: int, _: MayRead) -> Response:
        found = await asyncio.to_thread(mailbox.part, folder, id, number)
        if found is None:
            raise not_found("the mail sink holds no such part of a message")
        name, content = found
        disposition = f"attachment; filename*=UTF-8''{quote(name, safe='')}"
        headers = {**FRAME_HEADERS, "Content-Disposition": disposition}
        return Response(content, media_type="application/octet-stream", headers=headers)

    async def _find(id: str) -> mailbox.Mail:
        mail = await asyncio.to_thread(mailbox.find, folder, id)
        if mail is None:
            raise not_found("the mail sink holds no such message")
        return mail

    return router
