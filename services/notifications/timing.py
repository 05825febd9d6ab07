"""When a message may go, pure: at hours when its reader works, on their working days, so many a day, and while it has sense.

Held against the reader at the moment of sending, so that a changed preference, a holiday or a day that is full already count.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from services.notifications.preferences import USUAL, WEEKDAYS, Preferences, Weekday, kind_of
from shared.calendar import LONGEST_BREAK, Place, day_off, is_working_day
from shared.events.notifications import Template

URGENT: frozenset[Template] = frozenset({"welcome", "hire_cancelled"})
"""What goes at any hour and is not counted: a welcome waits for nothing, and who expects somebody in the morning must know."""

A_MONTH = timedelta(days=30)
KEEPS_ITS_SENSE: Mapping[Template, timedelta] = {
    "welcome": A_MONTH,
    "manager_notice": A_MONTH,
    "plans_changed": A_MONTH,
    "milestone_reminder": timedelta(days=4),  # over a long week-end; after that the milestone is late, and another letter says so
    "milestone_late": timedelta(days=14),
    "milestone_escalated": timedelta(days=14),
    "waitlisted": timedelta(days=4),  # a first import may leave hundreds waiting; a page lists them
    "meeting_question": timedelta(days=7),
    "survey_invitation": timedelta(days=14),
    "manager_digest": timedelta(days=4),
    "week_ahead": timedelta(days=4),
}
"""How long after it was due a message is worth its reader's time, for those that grow stale; the others always are."""


@dataclass(frozen=True, slots=True)
class Hindrance:
    """Why a message does not go now; for good, unless `retry_at` says when to look again."""

    reason: str
    retry_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Hours:
    """From when until when a company writes to people, on their working days and where they are."""

    opens: time
    closes: time

    @classmethod
    def read(cls, text: str) -> "Hours | None":
        """`07:00-20:00`, or `always` for None. Raises ValueError for anything else."""
        if text == "always":
            return None
        begin, dash, end = text.partition("-")
        try:
            hours = cls(time.fromisoformat(begin.strip()), time.fromisoformat(end.strip()))
        except ValueError:
            dash = ""
        if not dash or hours.opens == hours.closes:
            raise ValueError("FIRSTMATE_MAIL_HOURS must be such as 07:00-20:00, or always")
        return hours

    def includes(self, moment: time) -> bool:
        """Whether it is open at a time of day; hours such as 20:00-06:00 go over midnight."""
        if self.opens < self.closes:
            return self.opens <= moment < self.closes
        return moment >= self.opens or moment < self.closes


@dataclass(frozen=True, slots=True)
class Reader:
    """Whom a message is for: `zone` is an IANA name, `where` their place of work, None for mail to somebody's home (then days off
    don't matter); `sent_today` counts the messages they got on their present day. `also_on` is the weekday that they chose for
    this message, be it one on which nobody works there."""

    zone: str | None = None
    where: Place | None = None
    preferences: Preferences = USUAL
    sent_today: int = 0
    also_on: Weekday | None = None


@dataclass(frozen=True, slots=True)
class Timing:
    """What a company allows: its `hours`, None for any, and how many messages `per_day` to one person, 0 for any number."""

    hours: Hours | None = None
    per_day: int = 0

    def hindrance(
        self, template: Template, planned_for: datetime, reader: Reader, now: datetime, begins: datetime | None = None
    ) -> Hindrance | None:
        """Why a message doesn't go now: for good, or until when. None when it may go. `planned_for` is when it was first due,
        `begins` the meeting that it invites to: once that has begun, nobody accepts it any more."""
        if now - planned_for > KEEPS_ITS_SENSE.get(template, now - planned_for) or (begins is not None and begins <= now):
            return Hindrance("outdated")
        if kind_of(template) in reader.preferences.declined:
            return Hindrance("declined")
        if template in URGENT:
            return None
        chosen = reader.preferences.digest_day if kind_of(template) == "digest" else None
        return self._wait(replace(reader, also_on=chosen), now)

    def _wait(self, reader: Reader, now: datetime) -> Hindrance | None:
        here = now.astimezone(ZoneInfo(reader.zone or "UTC"))
        back = reader.preferences.paused_until
        if back is not None and here.date() < back:
            return Hindrance("paused", self._opening(reader, here, back))
        hours = self._hours(reader)
        if hours is not None and not hours.includes(here.time()):
            return Hindrance("quiet_hours", self._opening(reader, here, here.date()))
        if not self._works(reader, here.date()):
            return Hindrance("day_off", self._opening(reader, here, here.date() + timedelta(days=1)))
        if self.per_day and reader.sent_today >= self.per_day:
            return Hindrance("daily_limit", self._opening(reader, here, here.date() + timedelta(days=1)))
        return None

    def _hours(self, reader: Reader) -> Hours | None:
        begin, end = reader.preferences.quiet_until, reader.preferences.quiet_from
        return Hours(begin, end) if begin is not None and end is not None else self.hours

    def _works(self, reader: Reader, day: date) -> bool:
        # A company that writes at any hour does so on any day.
        if self.hours is None or reader.where is None or is_working_day(day, reader.where):
            return True
        # On a holiday they did not know, when they chose, that it would be one.
        return WEEKDAYS[day.weekday()] == reader.also_on and not day_off(day, reader.where).holiday

    def _opening(self, reader: Reader, here: datetime, day: date) -> datetime:
        """The first moment from `day` on at which this reader may be written to, in the zone of `here`; always later than it."""
        hours = self._hours(reader)
        opens = hours.opens if hours else time(0)
        for _ in range(LONGEST_BREAK):
            moment = datetime.combine(day, opens, here.tzinfo)
            if moment > here and self._works(reader, day):
                return moment
            day += timedelta(days=1)
        return datetime.combine(day, opens, here.tzinfo)  # a calendar without working days: better late than never
