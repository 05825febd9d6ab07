"""Others who start around the same time: seen by each other where both agreed, and by nobody else.

Agreeing is a preference of the person, kept beside the journey and read each time somebody looks: taken back, it holds at once,
whatever a read model lags behind. It is for one journey; who is hired again is asked again.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import date, timedelta

from services.onboarding import store
from services.onboarding.contacts import mailto
from services.onboarding.deciding.case import require_live
from services.onboarding.desk import Desk
from services.onboarding.journey import Journey
from shared.access import Viewer, check
from shared.clock import Clock
from shared.directory import name_of, people
from shared.mongo import Database, Document
from shared.small_groups import FEWEST

AROUND = timedelta(days=14)
MOST_SHOWN = 50  # of a very large intake: those of the same place first, then those whose first day is nearest


@dataclass(frozen=True, slots=True)
class Other:
    """Somebody who agreed: exactly what they agreed to show. `here`: at the reader's place of work."""

    employee_id: str
    name: str = field(repr=False)
    department: str | None
    start_date: date
    work_email: str | None = field(repr=False)
    here: bool

    @property
    def mailto(self) -> str:
        """Where a link to their address leads (RFC 6068); empty without one."""
        return mailto(self.work_email)


@dataclass(frozen=True, slots=True)
class Others:
    """Who starts within two weeks of a person. `people` are empty, and `more` 0, for who has not agreed.

    `more` agreed too and are beyond the list. `all_around` counts everybody, agreed or not; None where that, less those who
    agreed, would tell of fewer than five people.
    """

    agreed: bool
    people: Sequence[Other]
    more: int
    all_around: int | None


class OthersDesk:
    """What hires show to each other. Every method raises `Refused`: 403 for anybody but the person, 404 without a journey."""

    def __init__(self, db: Database, desk: Desk, clock: Clock) -> None:
        self._db = db
        self._desk = desk
        self._clock = clock

    async def choose(self, viewer: Viewer, employee_id: str, *, agreed: bool) -> None:
        """Agree to be seen, or take it back. Raises `Refused` 409 for agreeing once the journey is over."""
        check(viewer, "share_start", subject=employee_id)
        journey = await self._desk.journey(viewer, employee_id)
        if agreed:
            require_live(journey)
            await store.share_start(self._db, employee_id, journey.number, self._clock())
        else:
            await store.keep_start_private(self._db, employee_id)

    async def around(self, viewer: Viewer, employee_id: str) -> Others:
        """Who starts around the same time as this person, as far as this person may know."""
        check(viewer, "share_start", subject=employee_id)
        return await self.around_journey(await self._desk.journey(viewer, employee_id))

    async def around_journey(self, journey: Journey) -> Others:
        """As `around`, for the journey of the person who asks."""
        me, start = journey.employee_id, journey.start_date
        if start is None or not journey.live:
            return Others(False, (), 0, None)
        found = set(await store.starting_between(self._db, start - AROUND, start + AROUND)) - {me}
        agreed_for = await store.sharing_starts(self._db, found | {me})
        starts = await store.starts_of(self._db, agreed_for.keys() - {me})
        first_days = {id: day for id, (number, day) in starts.items() if number == agreed_for[id]}
        all_around = len(found) if len(found) - len(first_days) >= FEWEST else None
        if agreed_for.get(me) != journey.number:
            return Others(False, (), 0, all_around)
        known = await people(self._db, {*first_days, me})
        place = known.pop(me, {}).get("location")
        shown = sorted((_other(person, first_days[id], place) for id, person in known.items()), key=_nearest_first(start))
        return Others(True, shown[:MOST_SHOWN], len(shown[MOST_SHOWN:]), all_around)


def _other(person: Document, start: date, place: str | None) -> Other:
    id = person["_id"]
    here = place is not None and person.get("location") == place
    return Other(id, name_of(person, id), person.get("department"), start, person.get("work_email"), here)


def _nearest_first(start: date) -> Callable[[Other], tuple[bool, int, str]]:
    """At the same place first, then by how near their first day is to `start`, then by name."""
    return lambda other: (not other.here, abs((other.start_date - start).days), other.name.casefold())
