"""A hire as reports look at one: when, with which mentor, from where. Pure."""

from dataclasses import dataclass
from datetime import date, datetime


@dataclass(frozen=True, slots=True)
class RecentHire:
    """One hire of the period. Department, site and arrangement are as the directory has them now, None where unknown.

    `matched_at` is when the first mentor of this hiring was found; `mentor_id` and `score` are of the mentor they have now.
    `waited`: at some time no mentor was possible; `proposed`: a mentor is found, and a coordinator has still to approve.
    """

    id: str
    hired_at: datetime
    waiting: bool
    waited: bool
    proposed: bool = False
    matched_at: datetime | None = None
    mentor_id: str | None = None
    score: int | None = None
    department: str | None = None
    location: str | None = None
    arrangement: str | None = None
    start: date | None = None
    mentor_department: str | None = None
    mentor_location: str | None = None


def first_of_month(day: date, months_before: int) -> date:
    """The first day of the month so many months before a day's own."""
    month = day.year * 12 + day.month - 1 - months_before
    return date(month // 12, month % 12 + 1, 1)
