"""What a mail's link asks of its reader, whether it still may, and what their form says. Pure.

What a link permits stands in `shared.links`; what it leads to is held against the present: a link outlives neither the journey
nor the pair that it was made for.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime

from services.onboarding.answer_words import in_words
from services.onboarding.commands import COMMENT_LENGTH
from services.onboarding.journey import Journey, local_day
from services.onboarding.milestones import asked_from, asking
from services.onboarding.programme import Programme
from shared.events.onboarding import MOST_MINUTES
from shared.links import Link
from shared.refusals import Refused, invalid

USUAL_MINUTES = "30"
RATINGS = ("1", "2", "3", "4", "5")

Fields = Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Closed:
    """A link that leads nowhere: the HTTP status, the key of what is said (`answer_words`), the day in it, a way to go on."""

    status: int
    why: str
    day: date | None = None
    own_page: bool = False


ALTERED = Closed(404, "altered", own_page=True)


@dataclass(frozen=True, slots=True)
class Asked:
    """What a link asks. `reader` and `other` are given names, `other` of the one whom the reader met; `zone` is the hire's."""

    link: Link
    journey: Journey
    programme: Programme
    now: datetime
    zone: str | None
    reader: str
    other: str

    def local_day(self, moment: datetime) -> date:
        """The calendar day of an instant where the hire works."""
        return local_day(moment, self.zone)

    @property
    def today(self) -> date:
        """The calendar day where the hire works."""
        return self.local_day(self.now)

    @property
    def closed(self) -> Closed | None:
        """Why this link leads nowhere now; None while it does. What is answered stays open: its page says so."""
        if self.journey.number != self.link.journey:
            return Closed(410, "other_journey")
        if not self.journey.live:
            return Closed(410, "over")
        if self.link.reporter_id not in (self.link.hire_id, self.journey.mentor_id):
            return Closed(403, "not_yours")
        if self.link.survey in self.journey.surveys:
            return None
        if self.today > self.link.last_day:
            return Closed(410, "expired", self.link.last_day, own_page=True)
        return _no_meeting(self) if self.link.purpose == "meeting" else _no_survey(self)


def _no_meeting(asked: Asked) -> Closed | None:
    return None if asked.journey.had_mentor else Closed(409, "no_mentor")


def _no_survey(asked: Asked) -> Closed | None:
    journey, programme, survey = asked.journey, asked.programme, asked.link.survey
    wanted = [journey.milestones[id] for id in asking(journey, programme, survey)]
    opens = asked_from(journey, programme, survey)
    if opens is None or survey not in programme.surveys or all(each.status == "waived" for each in wanted):
        return Closed(410, "not_asked")
    return Closed(409, "not_open", opens) if asked.today < opens else None


def ratings_in(asked: Asked, fields: Fields) -> dict[str, int]:
    """The rating of each question of the survey. Raises `Refused` 422, in the reader's words, where one is missing."""
    given = {id: fields.get(f"rating.{id}", "") for id in asked.programme.surveys[asked.link.survey].questions}
    if not all(rating in RATINGS for rating in given.values()):
        raise invalid(in_words("choose"), "invalid_rating", "ratings")
    return {id: int(rating) for id, rating in given.items()}


def comment_in(asked: Asked, fields: Fields) -> str:
    """The free text. Raises `Refused` 422, in the reader's words, when it is too long."""
    comment = fields.get("comment", "").replace("\r\n", "\n").strip()
    if len(comment) > COMMENT_LENGTH:
        raise invalid(in_words("too_long", count=COMMENT_LENGTH), "comment_too_long", "comment")
    return comment


def meeting_in(asked: Asked, fields: Fields) -> tuple[date, int]:
    """The day of the meeting and its minutes. Raises `Refused` 422, in the reader's words, for what is neither."""
    try:
        held_on = date.fromisoformat(fields.get("held_on", ""))
    except ValueError:
        raise invalid(in_words("not_a_day"), "not_a_day", "held_on") from None
    minutes = fields.get("minutes", "").strip() or USUAL_MINUTES
    if not (minutes.isascii() and minutes.isdigit() and 1 <= int(minutes[:9]) <= MOST_MINUTES):
        raise invalid(in_words("not_minutes"), "not_minutes", "minutes")
    return held_on, int(minutes)


def in_readers_words(refused: Refused) -> str:
    """What is wrong with a form, as the reader is told."""
    return in_words(refused.code) if refused.code in ("future_meeting", "meeting_too_early") else refused.detail
