"""A hire's plan as a calendar file (RFC 5545): what is theirs to do and the meetings with their mentor. Pure."""

from icalendar import Calendar, Event

from services.onboarding.conditions import meetings_in
from services.onboarding.journey import Journey, MilestoneState
from services.onboarding.programme import Programme
from services.onboarding.views import title_of

PRODUCT = "-//Firstmate//Onboarding plan//EN"


def calendar_file(journey: Journey, programme: Programme) -> bytes:
    """The open milestones that the hire owns or that are meetings, as whole days that leave one free.

    Each keeps its UID for the whole journey, so that a file fetched again moves what it brought before and doubles nothing.
    """
    calendar = Calendar()
    calendar.add("prodid", PRODUCT)
    calendar.add("version", "2.0")
    if journey.live:
        for state in journey.milestones.values():
            if not state.settled and (state.owner == "hire" or _is_meeting(programme, state)):
                calendar.add_component(_event(journey, programme, state))
    written: bytes = calendar.to_ical()
    return written


def _is_meeting(programme: Programme, state: MilestoneState) -> bool:
    planned = programme.by_id.get(state.id)
    return planned is not None and bool(meetings_in(planned.completed_by))


def _event(journey: Journey, programme: Programme, state: MilestoneState) -> Event:
    event = Event()
    event.add("uid", f"{state.id}.{journey.number}.{journey.employee_id}@firstmate")
    event.add("dtstamp", state.planned_at)  # when it got this day: a later file with another one is newer
    event.add("dtstart", state.due)
    event.add("summary", title_of(programme, state.id))
    event.add("transp", "TRANSPARENT")
    return event
