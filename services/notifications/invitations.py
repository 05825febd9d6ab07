"""Invitations to the meetings of mentor and mentee: which there are, when, and what calendars are told of them. Pure."""

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from typing import Literal
from zoneinfo import ZoneInfo

from icalendar import Calendar, Event, vCalAddress, vText
from pydantic import BaseModel, ConfigDict

from services.notifications.asking import Asks

AHEAD = timedelta(days=7)  # early enough to find a free half hour, late enough that the plan holds
MINUTES = 30
ONE_DAY = timedelta(days=1)
A_YEAR = timedelta(days=366)
HOURS = (10, 11, 14, 15, 9, 16)  # where the hire is; nobody's lunch, and not the first thing in the morning
OFFICE = (time(9), time(16, 30))  # when a mentor elsewhere may begin a half hour
PRODUCT = "-//Firstmate//Meetings//EN"

Status = Literal["on", "cancelled", "over"]
Method = Literal["REQUEST", "CANCEL"]


class Invite(BaseModel):
    """One planned meeting of a pair. `sequence` grows with each change (RFC 5545, section 3.8.7.4); `over` is what is not planned
    any more and whose day has passed: calendars keep it."""

    model_config = ConfigDict(extra="ignore", frozen=True)

    mentor_id: str
    number: int
    day: date
    sequence: int = 0
    status: Status = "on"


Invites = Mapping[str, Invite]
"""By journey, milestone and mentor: each pair has its own meetings."""


@dataclass(frozen=True, slots=True)
class Attendee:
    """Somebody who is invited."""

    name: str
    address: str


@dataclass(frozen=True, slots=True)
class Invitation:
    """What a calendar is told: `key` is the same for all changes of one meeting, `start` in the hire's time zone."""

    key: str
    sequence: int
    method: Method
    start: datetime
    title: str
    words: str
    attendees: Sequence[Attendee] = ()


def kept(invites: Invites, journey: int, asks: Asks, mentor_id: str | None, today: date) -> dict[str, Invite]:
    """The invitations once these meetings are planned with this mentor, None for nobody: new, moved and cancelled ones."""
    planned = {
        f"{journey}/{id}/{mentor_id}": ask for id, ask in asks.items() if mentor_id and ask.meeting and ask.open and not ask.past
    }
    now = dict(invites)
    for key, ask in planned.items():
        known = invites.get(key)
        if known is None:
            now[key] = Invite(mentor_id=str(mentor_id), number=ask.meeting, day=ask.due)
        elif known.status != "on" or known.day != ask.due:
            now[key] = known.model_copy(update={"status": "on", "day": ask.due, "sequence": known.sequence + 1})
    for key, known in invites.items():
        if known.status == "on" and key not in planned:
            now[key] = known.model_copy(update=_ended(known, today))
    return now


def held(invites: Invites, journey: int, milestone_id: str, on: date) -> dict[str, Invite]:
    """The invitations once this meeting was held: on its day there is nothing to call off. What was met for earlier leaves
    the calendars, as `kept` has it. Where the hire works it may be a day later than `on`, which is in UTC."""
    ours = f"{journey}/{milestone_id}/"
    met = {key for key, each in invites.items() if key.startswith(ours) and each.status == "on" and each.day <= on + ONE_DAY}
    return dict(invites) | {key: invites[key].model_copy(update={"status": "over"}) for key in met}


def _ended(invite: Invite, today: date) -> dict[str, object]:
    return {"status": "over"} if invite.day < today else {"status": "cancelled", "sequence": invite.sequence + 1}


def in_order(invites: Invites) -> Iterator[tuple[str, Invite]]:
    """Those that are on, by their day."""
    yield from sorted(
        ((key, each) for key, each in invites.items() if each.status == "on"), key=lambda each: (each[1].day, each[0])
    )


def start_of(day: date, hire_zone: str | None, mentor_zone: str | None, key: str) -> datetime:
    """A proposal for the hour: one at which both work, where there is one.

    Meetings of one day are spread over the hours, so that a mentor of several is not asked to be in two places.
    """
    here = ZoneInfo(hire_zone or "UTC")
    there = ZoneInfo(mentor_zone) if mentor_zone else here
    starts = [datetime.combine(day, time(hour), here) for hour in HOURS]
    suiting = [start for start in starts if OFFICE[0] <= start.astimezone(there).time() <= OFFICE[1]] or starts
    return suiting[_number(key) % len(suiting)]


def _number(key: str) -> int:
    return int.from_bytes(hashlib.sha256(key.encode()).digest()[:4])


def calendar_of(invitation: Invitation, organiser: str, domain: str, now: datetime) -> bytes:
    """The invitation as its reader's calendar takes it (RFC 5546): a request or its cancellation, with its time zone."""
    calendar = _calendar(invitation.method)
    event = _event(invitation, domain, now)
    sender = vCalAddress(f"mailto:{organiser}")
    event.add("organizer", sender)
    for attendee in invitation.attendees:
        event.add("attendee", _attendee(attendee), encode=False)
    calendar.add_component(event)
    return _written(calendar, [invitation])


def feed_of(invitations: Sequence[Invitation], domain: str, now: datetime) -> bytes:
    """All of somebody's meetings, for a calendar that looks again by itself: the events of the mails, so that none doubles."""
    calendar = _calendar("PUBLISH")
    calendar.add("refresh-interval;value=duration", "PT6H")
    for invitation in invitations:
        calendar.add_component(_event(invitation, domain, now))
    return _written(calendar, invitations)


def _calendar(method: str) -> Calendar:
    calendar = Calendar()
    calendar.add("prodid", PRODUCT)
    calendar.add("version", "2.0")
    calendar.add("method", method)
    return calendar


def _event(invitation: Invitation, domain: str, now: datetime) -> Event:
    event = Event()
    uid = hashlib.sha256(invitation.key.encode()).hexdigest()[:32]
    event.add("uid", f"{uid}@{domain}")
    event.add("sequence", invitation.sequence)
    event.add("dtstamp", now)
    event.add("dtstart", invitation.start)
    event.add("dtend", invitation.start + timedelta(minutes=MINUTES))
    event.add("summary", invitation.title)
    event.add("description", invitation.words)
    event.add("status", "CANCELLED" if invitation.method == "CANCEL" else "CONFIRMED")
    return event


def _attendee(attendee: Attendee) -> vCalAddress:
    address = vCalAddress(f"mailto:{attendee.address}")
    address.params["CN"] = vText(attendee.name)
    address.params["ROLE"] = vText("REQ-PARTICIPANT")
    address.params["PARTSTAT"] = vText("NEEDS-ACTION")
    address.params["RSVP"] = vText("TRUE")
    return address


def _written(calendar: Calendar, invitations: Sequence[Invitation]) -> bytes:
    if invitations:  # the zones' rules for the time around, and not for a century
        days = [invitation.start.date() for invitation in invitations]
        calendar.add_missing_timezones(min(days) - A_YEAR, max(days) + A_YEAR)
    written: bytes = calendar.to_ical()
    return written
