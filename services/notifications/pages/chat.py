"""`/chat/{token}`: whoever opens the link in a chat message says whether messages shall come there."""

from typing import Annotated

from fastapi import APIRouter, Depends, Path, Request
from fastapi.responses import HTMLResponse

from services.notifications.chat_desk import ChatDesk, Question
from shared.pages import PageRoute, Templates
from shared.pages.language import gettext as _
from shared.refusals import Refused


def chat_pages(desk: ChatDesk, pages: Templates) -> APIRouter:
    """The question, and its answer."""
    router = APIRouter(route_class=PageRoute, include_in_schema=False)

    async def asked(token: Annotated[str, Path(max_length=1000)]) -> Question:
        question = await desk.question(token)
        if question is None:
            raise Refused(
                404, "unknown_link", _("this link was answered, is more than a day old, or is not whole; ask for another one")
            )
        return question

    Asked = Annotated[Question, Depends(asked)]  # noqa: N806 - a type

    @router.get("/chat/{token}")
    async def ask(request: Request, question: Asked) -> HTMLResponse:
        # Chat services open links to show a preview: looking changes nothing.
        return pages.render(request, "chat.html", viewer=None, question=question, done=False)

    @router.post("/chat/{token}")
    async def confirm(request: Request, question: Asked) -> HTMLResponse:
        if not await desk.confirm(question):
            raise Refused(
                404, "unknown_link", _("this link was answered, is more than a day old, or is not whole; ask for another one")
            )
        return pages.render(request, "chat.html", viewer=None, question=question, done=True)

    return router
