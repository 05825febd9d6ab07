"""The pages of notifications: whom mail does not reach, what was written to somebody, and how they want to be written to."""

from pathlib import Path

from fastapi import APIRouter

from services.notifications.chat_desk import ChatDesk
from services.notifications.pages.bounces import bounce_pages
from services.notifications.pages.chat import chat_pages
from services.notifications.pages.inbox import inbox_pages
from services.notifications.pages.messages import message_pages
from services.notifications.pages.preferences import preference_pages
from services.notifications.rendering import Renderer
from shared.clock import Clock
from shared.mongo import Database
from shared.pages import templates
from shared.settings import Settings

PAGES = templates(Path(__file__).parent / "templates")


def pages(db: Database, settings: Settings, renderer: Renderer, clock: Clock, desk: ChatDesk) -> APIRouter:
    """All of them, on one router."""
    router = APIRouter()
    router.include_router(preference_pages(db, settings, renderer.languages, clock, PAGES, desk))
    router.include_router(chat_pages(desk, PAGES))
    router.include_router(inbox_pages(db, settings, renderer, clock, PAGES))
    router.include_router(message_pages(db, PAGES))
    router.include_router(bounce_pages(db, settings, clock, PAGES))
    return router
