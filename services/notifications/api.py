"""JSON over HTTP: what was or will be sent about an employee, and how somebody wants to be written to."""

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Annotated

from fastapi import APIRouter, Query
from pydantic import BaseModel, ConfigDict, Field

from services.notifications.chat_desk import ChatDesk
from services.notifications.choosing import choose
from services.notifications.entry import Entry, LedgerState, Transition
from services.notifications.preferences import USUAL, Preferences
from services.notifications.rendering import Renderer
from services.notifications.store import mentor_of, messages_about, preferences_of
from shared import directory
from shared.access import CurrentViewer, check
from shared.clock import Clock
from shared.events.hr import EmployeeId
from shared.events.notifications import RecipientRole
from shared.mongo import Database
from shared.paging import PAGE_DEFAULT, Page, decode_cursor, encode_cursor
from shared.refusals import invalid
from shared.web import Cursor, Limit


class Message(BaseModel):
    """One message, without its text and its address. `reason` says why a message failed, waits again, or was not sent."""

    message_id: str
    employee_id: str
    template: str
    recipient_id: str
    recipient_role: RecipientRole
    channel: str
    state: LedgerState
    reason: str | None
    planned_at: datetime
    due_at: datetime
    settled_at: datetime | None
    attempts: int
    transitions: list[Transition]


def api(db: Database) -> APIRouter:
    """The router of this service."""
    router = APIRouter(prefix="/api/notifications/v1", tags=["notifications"])

    @router.get("/messages")
    async def list_messages(
        viewer: CurrentViewer,
        employee_id: Annotated[EmployeeId, Query(description="The employee whom the messages are about.")],
        cursor: Cursor = None,
        limit: Limit = PAGE_DEFAULT,
    ) -> Page[Message]:
        """Messages about an employee, to whomever they go, in the order they were planned."""
        chain = [] if viewer.sees_all else await directory.chain(db, employee_id)
        check(viewer, "see_messages", subject=employee_id, chain=chain, mentor_id=await mentor_of(db, employee_id))
        found = await messages_about(db, employee_id, _after(cursor), limit + 1)
        return Page(items=[_message(entry) for entry in found[:limit]], next=_next(found, limit))

    return router


def preference_api(db: Database, renderer: Renderer, clock: Clock) -> APIRouter:
    """How a person wants to be written to."""
    router = APIRouter(prefix="/api/notifications/v1", tags=["notifications"])

    @router.get("/preferences/{employee_id}")
    async def read_preferences(viewer: CurrentViewer, employee_id: EmployeeId) -> Preferences:
        """What somebody chose, or what holds for whoever chose nothing."""
        check(viewer, "choose_preferences", subject=employee_id)
        return (await preferences_of(db, {employee_id})).get(employee_id, USUAL)

    @router.put("/preferences/{employee_id}")
    async def write_preferences(viewer: CurrentViewer, employee_id: EmployeeId, preferences: Preferences) -> Preferences:
        """Choose all of it anew; it counts from the next message on, also for those that wait."""
        check(viewer, "choose_preferences", subject=employee_id)
        await choose(db, renderer.languages, employee_id, preferences, clock())
        return preferences

    return router


class Handle(BaseModel):
    """A handle on one of the company's chat services, as `GET` names them."""

    channel: Annotated[str, Field(max_length=80)]
    handle: Annotated[str, Field(max_length=200)]


class Unproved(Handle):
    """A handle that was sent a link at `asked_at`: whoever opens it within a day and says yes is reached there."""

    model_config = ConfigDict(from_attributes=True)

    asked_at: datetime


class Proved(Handle):
    """The handle at which somebody is reached, theirs as they proved at `confirmed_at`."""

    model_config = ConfigDict(from_attributes=True)

    confirmed_at: datetime


class Offered(BaseModel):
    """A chat service of the company: the `handle` it wants, in words."""

    channel: str
    title: str
    handle: str


class ByChat(BaseModel):
    """Where somebody is reached by chat, null for mail alone; what waits for their yes; and the services to choose from."""

    chat: Proved | None
    asked: Unproved | None
    services: list[Offered]


def chat_api(db: Database, desk: ChatDesk) -> APIRouter:
    """Whether a person is written to by chat."""
    router = APIRouter(prefix="/api/notifications/v1", tags=["notifications"])

    @router.get("/preferences/{employee_id}/chat")
    async def read_chat(viewer: CurrentViewer, employee_id: EmployeeId) -> ByChat:
        """Where somebody is reached by chat."""
        check(viewer, "choose_preferences", subject=employee_id)
        return await shown(employee_id)

    @router.put("/preferences/{employee_id}/chat", status_code=202)
    async def ask_for_chat(viewer: CurrentViewer, employee_id: EmployeeId, wanted: Handle) -> ByChat:
        """Ask for messages at this handle. It is sent a link, and counts once somebody has said yes behind that: nobody, not even
        a program, can have others written to. Until then all stays as it is."""
        check(viewer, "choose_preferences", subject=employee_id)
        await desk.ask(employee_id, wanted.channel, wanted.handle)
        return await shown(employee_id)

    @router.delete("/preferences/{employee_id}/chat", status_code=204)
    async def forget_chat(viewer: CurrentViewer, employee_id: EmployeeId) -> None:
        """Write to this person by mail alone; a link that was sent no longer counts."""
        check(viewer, "choose_preferences", subject=employee_id)
        await desk.forget(employee_id)

    async def shown(employee_id: str) -> ByChat:
        chose = (await preferences_of(db, {employee_id})).get(employee_id, USUAL)
        return ByChat(
            chat=Proved.model_validate(chose.chat) if chose.chat else None,
            asked=Unproved.model_validate(chose.asked) if chose.asked else None,
            services=[Offered(channel=name, title=each.title, handle=each.handle) for name, each in desk.services.items()],
        )

    return router


def _message(entry: Entry) -> Message:
    return Message.model_validate(entry.model_dump(exclude={"revision"}))


def _next(found: Sequence[Entry], limit: int) -> str | None:
    if len(found) <= limit:
        return None
    last = found[limit - 1]
    return encode_cursor([last.planned_at.isoformat(), last.message_id])


def _after(cursor: str | None) -> tuple[datetime, str] | None:
    values = decode_cursor(cursor, 2)
    if values is None:
        return None
    try:
        return datetime.fromisoformat(str(values[0])).astimezone(UTC), str(values[1])
    except (ValueError, OverflowError):  # OverflowError: an offset that leads out of the years 1 to 9999
        raise invalid("cursor is not one that this listing gave; start again without it", "invalid_cursor", "cursor") from None
