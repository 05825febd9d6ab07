"""What the doors let in: the facts that other systems may tell, in whatever way they arrive."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from shared.events import EVENT_TYPES, Envelope, Event, Unprocessable, decode, refuse_forbidden_fields
from shared.events.envelope import OWN_SOURCES
from shared.events.hr import TOPIC as EMPLOYEES_TOPIC
from shared.events.mentoring import MENTORS_TOPIC

ACCEPTED_TYPES: Mapping[str, Any] = {
    name: model for name, model in EVENT_TYPES.items() if model.TOPIC in (EMPLOYEES_TOPIC, MENTORS_TOPIC)
}
"""HR facts and facts about mentors. Assignments, journeys and messages are Firstmate's own decisions."""


def accept(envelope: Envelope, received_at: datetime) -> Event[Any]:
    """Validate an event from outside; `received_at` stands in for a missing `time`.

    Raises `Unprocessable`: what `shared.events.decode` raises, and `type_not_accepted` or `reserved_source` for an event
    that claims to be Firstmate's own.
    """
    if envelope.type in EVENT_TYPES and envelope.type not in ACCEPTED_TYPES:
        raise Unprocessable(
            "type_not_accepted",
            f"'{envelope.type}' is Firstmate's own decision; send hr.employee.* or mentoring.mentor.*",
            "type",
        )
    if f"{envelope.source}/".startswith(OWN_SOURCES):
        raise Unprocessable("reserved_source", f"a source of '{OWN_SOURCES}' is Firstmate's own; name your system's", "source")
    if isinstance(envelope.data, dict):
        refuse_forbidden_fields(envelope.data)
    return decode(envelope, received_at=received_at)
