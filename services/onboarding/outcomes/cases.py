"""One journey as the figures count it: days from its start. Pure."""

from bisect import bisect_left
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from typing import Literal

from services.onboarding.projections.outcomes import Outcome, Outcomes

WEEK_1 = range(2, 22)  # days on which an answer is about the first week: it is asked on day 7 and may wait for two weeks
DAY_90 = range(60, 151)
TOLD_LATE_DAYS = 7  # a hire told of later than this after the start met people whom nobody could log
REGULAR_BY_DAY, REGULAR_MEETINGS = 30, 3  # a meeting a week is planned for the first month; one may be missed

Contact = Literal["regular", "little"]


@dataclass(frozen=True, slots=True)
class Case:
    """One journey that began. Days count from the start date (0); ratings are 1..5.

    `hours_to_mentor` from the moment the hire was known, None while there is none: then they have waited for `hours_known`, which
    ends as they leave. `meeting_days` in order; `left_day` of somebody who left, else they were seen at work until `seen_until`.
    """

    start: date
    department: str | None
    location: str | None
    arrangement: str | None
    hours_known: float
    hours_to_mentor: float | None
    meeting_days: tuple[int, ...]
    week_1: int | None
    day_90: int | None
    match_quality: int | None
    productive: int | None
    left_day: int | None
    seen_until: int
    told_late: bool

    def met_by(self, day: int) -> int:
        """Meetings up to a day."""
        return sum(met <= day for met in self.meeting_days)

    def was_there_on(self, day: int) -> bool:
        """Whether the person is known to have been at work on a day."""
        return self.seen_until >= day if self.left_day is None else self.left_day > day

    @property
    def contact(self) -> Contact | None:
        """Regular or little contact with the mentor; None before it can be told: for who is not past day 30, or left by then."""
        if self.told_late or not self.was_there_on(REGULAR_BY_DAY):
            return None
        return "regular" if self.met_by(REGULAR_BY_DAY) >= REGULAR_MEETINGS else "little"


@dataclass(frozen=True, slots=True)
class Place:
    """Where a hire works, as the directory has it now."""

    department: str | None = None
    location: str | None = None
    arrangement: str | None = None


def cases_of(row: Outcomes, place: Place, now: datetime) -> Iterator[Case]:
    """The journeys of a person that began by `now`; those that were called off are none."""
    bounds = [*(journey.known_at for journey in row.journeys[1:]), None]
    for journey, until in zip(row.journeys, bounds, strict=True):
        if not journey.cancelled and journey.start_date <= now.date():
            first = journey is row.journeys[0]
            yield _case(journey, _first_mentor(row, journey, until, first), place, now)


def _first_mentor(row: Outcomes, journey: Outcome, until: datetime | None, first: bool) -> datetime | None:
    """The first mentor of this journey. Matching and onboarding hear of a hire at the same time, so it may come just before."""
    times = sorted(row.assigned_at)
    since = 0 if first else bisect_left(times, journey.known_at - timedelta(minutes=5))
    return next((at for at in times[since:] if until is None or at < until), None)


def _case(journey: Outcome, matched: datetime | None, place: Place, now: datetime) -> Case:
    start = journey.start_date
    last_seen = min(journey.completed_on or now.date(), now.date())
    return Case(
        start=start,
        department=place.department,
        location=place.location,
        arrangement=place.arrangement,
        hours_known=max((_until(journey, now) - journey.known_at).total_seconds() / 3600, 0),
        hours_to_mentor=None if matched is None else max((matched - journey.known_at).total_seconds() / 3600, 0),
        meeting_days=tuple(sorted((met - start).days for met in journey.meetings)),
        week_1=_rating(journey, "satisfaction", WEEK_1),
        day_90=_rating(journey, "satisfaction", DAY_90),
        match_quality=_rating(journey, "match_quality", range(366)),
        productive=_rating(journey, "productivity", range(366)),
        left_day=None if journey.left_on is None else max((journey.left_on - start).days, 0),
        seen_until=(last_seen - start).days,
        told_late=(journey.known_at.date() - start).days > TOLD_LATE_DAYS,
    )


def _until(journey: Outcome, now: datetime) -> datetime:
    """Now, or the end of the last day of somebody who left: they wait for no mentor any more."""
    if journey.left_on is None:
        return now
    return min(now, datetime.combine(journey.left_on + timedelta(days=1), time(), UTC))


def _rating(journey: Outcome, question: str, days: range) -> int | None:
    """The first answer to a question that was given on one of these days."""
    given = ((answer.at.date() - journey.start_date).days for answer in journey.answers)
    found = (a.ratings[question] for a, day in zip(journey.answers, given, strict=True) if day in days and question in a.ratings)
    return next(found, None)
