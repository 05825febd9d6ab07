"""How a person wants to be written to, pure: in which language, when, and what they can do without."""

from collections.abc import Mapping
from datetime import date, datetime, time, timedelta
from typing import Annotated, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, PlainSerializer, model_validator

from shared.events.notifications import Template

Kind = Literal["reminders", "surveys", "invitations", "digest"]
Weekday = Literal["monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday"]
WEEKDAYS: tuple[Weekday, ...] = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
LONGEST_PAUSE = timedelta(days=366)  # a year of leave; a pause without an end would be forgotten

OPTIONAL: Mapping[Kind, frozenset[Template]] = {
    "reminders": frozenset({"milestone_reminder", "meeting_question"}),
    "surveys": frozenset({"survey_invitation"}),
    "invitations": frozenset({"meeting_invitation"}),
    "digest": frozenset({"manager_digest", "week_ahead"}),
}
"""What a reader may do without, by kind. Everything else says what they have to know: a mentor, a moved start, what is late."""

Clock = Annotated[time, PlainSerializer(lambda value: value.strftime("%H:%M"), return_type=str)]
"""A time of day to the minute."""


def kind_of(template: Template) -> Kind | None:
    """The kind that a message belongs to, None for one that everybody gets."""
    return next((kind for kind, templates in OPTIONAL.items() if template in templates), None)


class Preferences(BaseModel):
    """What one person chose. `quiet_from` and `quiet_until` are times of day where they are, both or none; from 18:00 until
    09:00 goes over midnight. `paused_until` is the first day on which they want to read again. `declined` are the kinds they do
    without.

    Raises pydantic's ValidationError for one end of the quiet hours without the other, and for hours that leave no time to write.
    """

    model_config = ConfigDict(extra="ignore", frozen=True)

    language: str | None = Field(None, pattern=r"^[a-z]{2,3}$", description="ISO 639 code; none: as HR says.")
    digest_day: Weekday = "monday"
    quiet_from: Clock | None = None
    quiet_until: Clock | None = None
    paused_until: date | None = None
    declined: frozenset[Kind] = frozenset()

    @model_validator(mode="after")
    def _whole(self) -> Self:
        if (self.quiet_from is None) != (self.quiet_until is None):
            raise ValueError("quiet hours need both ends: quiet_from and quiet_until")
        if self.quiet_from is not None and self.quiet_from == self.quiet_until:
            raise ValueError("quiet hours would last all day: let quiet_until differ from quiet_from, or pause instead")
        return self


class Chat(BaseModel):
    """Where somebody is reached by chat: `handle` on `channel`, theirs as they proved at `confirmed_at`."""

    model_config = ConfigDict(extra="ignore", frozen=True)

    channel: str
    handle: str
    confirmed_at: datetime


class Asked(BaseModel):
    """A handle that nobody has proved yet: the message sent to it at `asked_at` holds `code`."""

    model_config = ConfigDict(extra="ignore", frozen=True)

    channel: str
    handle: str
    code: str
    asked_at: datetime


class Chosen(Preferences):
    """What one person chose, and where they are reached by chat; `asked` is what they have to confirm, `asks` are when they asked
    before."""

    chat: Chat | None = None
    asked: Asked | None = None
    asks: tuple[datetime, ...] = ()


USUAL = Chosen()
"""What holds for whoever chose nothing."""
