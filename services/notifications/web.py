"""Notifications over HTTP, put together: the API, the pages, the feeds."""

import os

from fastapi import APIRouter

from services.notifications.api import api, chat_api, preference_api
from services.notifications.bounce_desk import bounce_api
from services.notifications.channels.email import Identity
from services.notifications.chat_desk import ChatDesk
from services.notifications.chat_services import chat_services
from services.notifications.company import company
from services.notifications.feed import calendar_feed
from services.notifications.pages import pages
from shared.clock import Clock, now
from shared.links import Links
from shared.mongo import Database
from shared.settings import Settings


def web(db: Database, settings: Settings, clock: Clock = now) -> list[APIRouter]:
    """The routers of the origin. Raises ValueError when the file of chat services is wrong."""
    renderer = company(settings.templates, settings.brand_name).renderer
    feed = calendar_feed(db, settings, renderer, Identity.of(settings, renderer.brand).domain, clock)
    choosing, bounces = preference_api(db, renderer, clock), bounce_api(db, settings, clock)
    desk = ChatDesk(db, chat_services(settings.chat_file, os.environ), Links(settings.secret), settings.web_url, clock)
    return [api(db), choosing, chat_api(db, desk), bounces, pages(db, settings, renderer, clock, desk), feed]
