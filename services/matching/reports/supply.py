"""From mentors, mentees and hires as they are to what the forecast starts from. Pure."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta

from services.matching.reports.forecast import HORIZON_DAYS, JOURNEY_DAYS, WEEK, Supply
from services.matching.reports.hiring import RecentHire

MOST_WEEKS, FEWEST_WEEKS = 13, 4  # a quarter; of a younger installation at least a month, so that its first day is no pace
UNKNOWN = "not known"


@dataclass(frozen=True, slots=True)
class MentorNow:
    """A mentor as the forecast sees one. `open`: may take somebody on, from `back` on where they are on leave.

    `starts` are the first days of the mentees they have, None where unknown.
    """

    department: str | None
    capacity: int
    open: bool
    back: date | None = None
    starts: tuple[date | None, ...] = ()


@dataclass(frozen=True, slots=True)
class Input:
    """What the forecast starts from. `overdue` mentees are past the day on which journeys end and still hold a place; when they
    will free it is not known, so the forecast does not count on it. `weeks` of hires were looked at."""

    supplies: Sequence[Supply]
    overdue: int
    weeks: int


def weeks_of(first_hire: date | None, today: date) -> int:
    """How many weeks of hires to look at, given the first day on which any was told of."""
    known = (today - first_hire).days // WEEK + 1 if first_hire is not None else 0
    return min(max(known, FEWEST_WEEKS), MOST_WEEKS)


def supplies(
    mentors: Iterable[MentorNow], hires: Iterable[RecentHire], waiting: Mapping[str | None, int], weeks: int, today: date
) -> Input:
    """Each department's places, openings, waiting hires (`waiting`, by department) and weekly arrivals.

    A hire counts with the department of the mentor they got, or with their own while they have none.
    """
    places: Counter[str] = Counter()
    free: Counter[str] = Counter()
    opening: defaultdict[str, Counter[int]] = defaultdict(Counter)
    overdue = 0
    for mentor in mentors:
        department = mentor.department or UNKNOWN
        if not mentor.open:
            continue
        away = max((mentor.back - today).days, 0) if mentor.back is not None else 0
        places[department] += mentor.capacity if not away else 0
        left_now = mentor.capacity - len(mentor.starts)
        if away:
            opening[department][away] += max(left_now, 0)
        else:
            free[department] += max(left_now, 0)
        ends = [start + timedelta(days=JOURNEY_DAYS) for start in mentor.starts if start is not None]
        overdue += sum(end <= today for end in ends)
        ahead = sorted((end - today).days for end in ends if end > today)
        for days in ahead[max(-left_now, 0) :]:  # the first to end of too many free no place
            opening[department][max(days, away)] += 1
    weekly = _weekly(hires, weeks, today)
    waits = Counter({department or UNKNOWN: count for department, count in waiting.items()})
    found = [
        Supply(
            department=name,
            places=places[name],
            free=free[name],
            waiting=waits[name],
            opening=tuple(opening[name][day] for day in range(1, HORIZON_DAYS + 1)),
            weekly=tuple(weekly[name][week] for week in range(weeks)),
        )
        for name in sorted(places.keys() | opening.keys() | waits.keys() | weekly.keys())
    ]
    return Input(found, overdue, weeks)


def _weekly(hires: Iterable[RecentHire], weeks: int, today: date) -> defaultdict[str, Counter[int]]:
    first = today - timedelta(days=WEEK * weeks - 1)
    counts: defaultdict[str, Counter[int]] = defaultdict(Counter)
    for hire in hires:
        week = (hire.hired_at.date() - first).days // WEEK
        if (hire.mentor_id is not None or hire.waiting or hire.proposed) and 0 <= week < weeks:
            counts[(hire.mentor_department if hire.mentor_id is not None else hire.department) or UNKNOWN][week] += 1
    return counts
