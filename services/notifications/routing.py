"""By which channel a message goes, pure: chat for what fits there and whose reader proved a handle, mail for all else."""

from datetime import datetime

from services.notifications.chat_services import ChatServices
from services.notifications.correspondence import EMAIL
from services.notifications.entry import PREFERS_CHAT, Entry
from services.notifications.letters import Person, is_expected
from services.notifications.preferences import Chat, Chosen
from shared.directory import has_left
from shared.events.notifications import Template

IN_CHAT: frozenset[Template] = frozenset(
    {
        "milestone_late",
        "milestone_reminder",
        "milestone_escalated",
        "survey_invitation",
        "meeting_question",
        "manager_digest",
        "week_ahead",
        "waitlisted",
        "undelivered",
    }
)
"""What passes with the day: something to do, to answer or to know this week. What people keep (a welcome, a mentor, a changed
plan) and what calendars read stays mail."""


def chat_for(template: str, reader: Person, chosen: Chosen, services: ChatServices, now: datetime) -> Chat | None:
    """Where this reader gets such a message by chat; None where it goes by mail. Nobody is at work before their first day."""
    chat = chosen.chat
    if chat is None or chat.channel not in services or template not in IN_CHAT:
        return None
    return None if is_expected(reader, now) or has_left(reader, now) else chat


def diversion(entry: Entry, chat: Chat | None) -> tuple[str, str] | None:
    """Why and to which other channel a message goes than the one it is on. What came back from chat stays mail."""
    if entry.channel == EMAIL:
        return (PREFERS_CHAT, chat.channel) if chat is not None and not entry.came_back else None
    return None if chat is not None and chat.channel == entry.channel else ("prefers_email", EMAIL)
