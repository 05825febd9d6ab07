"""Where a message may go, and what keeps it from going, pure."""

from collections.abc import Mapping
from datetime import datetime, timedelta

from services.notifications.correspondence import Correspondence
from services.notifications.entry import Entry
from services.notifications.letters import Person, address_of, is_possible
from services.notifications.retries import FIRST_LOOK, LONGEST_LOOK, pause
from services.notifications.timing import Hindrance
from shared.directory import has_left

READER_AWAITED = timedelta(hours=1)  # HR's record of the reader may come after the fact that concerns them
NAMED_AWAITED = timedelta(minutes=1)  # so may that of somebody the message names; then their id has to do
NAMES_MENTOR = frozenset({"mentor_introduction", "manager_notice", "meeting_question"})


def people_needed(entry: Entry, state: Correspondence | None) -> set[str]:
    """Everybody a message may name."""
    mentor_ids = {letter.recipient_id for letter in state.letters.values() if letter.role == "mentor"} if state else set()
    current = {state.assignment.mentor_id} if state and state.assignment else set()
    invited = {invite.mentor_id for invite in state.invites.values()} if state else set()
    manager = {state.manager_id} if state and state.manager_id else set()
    return {entry.employee_id, entry.recipient_id, *mentor_ids, *current, *invited, *manager}


def address_or_hindrance(
    entry: Entry, state: Correspondence, people: Mapping[str, Person], now: datetime, handle: str | None = None
) -> str | Hindrance:
    """The address to write to now, or what is in the way; of a message that goes by chat, the `handle`."""
    reader = people.get(entry.recipient_id)
    if reader is None:
        return _await(entry, READER_AWAITED, now) or Hindrance("no_address")
    if has_left(reader, now):
        return Hindrance("recipient_left")
    address = handle or address_of(reader, now)
    if address is None:
        return Hindrance("no_address")
    if handle is None and not is_possible(address):
        return Hindrance("bad_address")
    if _named(entry, state) - people.keys():
        return _await(entry, NAMED_AWAITED, now) or address
    return address


def _named(entry: Entry, state: Correspondence) -> set[str]:
    mentor = {state.assignment.mentor_id} if state.assignment and entry.template in NAMES_MENTOR else set()
    return {entry.employee_id, *mentor}


def _await(entry: Entry, patience: timedelta, now: datetime) -> Hindrance | None:
    """Look again later, while the message is young."""
    if now - entry.planned_at >= patience:
        return None
    return Hindrance("unknown_person", now + pause(entry.attempts + 1, entry.message_id, first=FIRST_LOOK, longest=LONGEST_LOOK))
