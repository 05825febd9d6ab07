"""What mails ask a hire along the way: to answer a survey when it is due, and whether the first meeting was held. Pure."""

from collections.abc import Collection, Iterable, Mapping
from datetime import date, timedelta
from operator import not_

from pydantic import BaseModel, ConfigDict, Field

from shared.events.onboarding import PlannedMilestone

ANSWER_WITHIN = timedelta(days=30)  # how long after its day a mail's link works: long enough for a holiday


class Ask(BaseModel):
    """A milestone that mails ask about: a `survey` to answer, or the `meeting` of that number; `due` where the hire works.

    It is `open` until it is done or not needed. `past`: its day was over when we heard of it, and nobody is asked for old times.
    """

    model_config = ConfigDict(extra="ignore", frozen=True)

    due: date
    survey: str = Field(default="", exclude_if=not_)
    meeting: int = Field(default=0, exclude_if=not_)
    open: bool = Field(default=True, exclude_if=bool)
    past: bool = Field(default=False, exclude_if=not_)

    @property
    def name(self) -> str:
        """What is asked, on which day: the same asked for another day is asked anew."""
        return f"{self.survey or f'meeting-{self.meeting}'}-{self.due.isoformat()}"

    @property
    def last_day(self) -> date:
        """The last day on which a link to it works."""
        return self.due + ANSWER_WITHIN


Asks = Mapping[str, Ask]
"""By milestone."""


def asked(planned: Iterable[PlannedMilestone], heard_on: date) -> dict[str, Ask]:
    """What there is to ask about among planned milestones."""
    return {
        each.id: Ask(due=each.due, survey=each.survey or "", meeting=each.meeting or 0, past=each.due < heard_on)
        for each in planned
        if each.survey or each.meeting
    }


def moved(asks: Asks, due: Mapping[str, date], heard_on: date) -> dict[str, Ask]:
    """With other days for some."""
    days = {id: {"due": day, "past": day < heard_on} for id, day in due.items()}
    return {id: ask.model_copy(update=days[id]) if id in days else ask for id, ask in asks.items()}


def opened(asks: Asks, ids: Collection[str], *, open: bool) -> dict[str, Ask]:
    """With some asked about again, or no more."""
    return {id: ask.model_copy(update={"open": open}) if id in ids else ask for id, ask in asks.items()}


def answered(asks: Asks, survey: str) -> dict[str, Ask]:
    """Without asking for a survey any more."""
    return opened(asks, [id for id, ask in asks.items() if ask.survey == survey], open=False)


def surveys(asks: Asks) -> list[Ask]:
    """The surveys to ask for, by their day."""
    return sorted(
        (ask for ask in asks.values() if ask.survey and ask.open and not ask.past), key=lambda ask: (ask.due, ask.survey)
    )


def meetings(asks: Asks) -> list[date]:
    """The days of the meetings that are still to come or to be held."""
    return sorted(ask.due for ask in asks.values() if ask.meeting and ask.open and not ask.past)


def first_meeting(asks: Asks) -> Ask | None:
    """The first meeting, while it is not known to have been held."""
    return next((ask for ask in asks.values() if ask.meeting == 1 and ask.open and not ask.past), None)
