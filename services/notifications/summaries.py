"""Summaries of many people: when each is due to whom, and what is read from the database to write them."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from itertools import islice
from typing import Any
from zoneinfo import ZoneInfo

from services.notifications.correspondence import EMAIL, Correspondence, Summary, SummaryDue
from services.notifications.digest import A_WEEK, FIRST_DAYS, UNREACHED, Told, ahead, digest, trouble
from services.notifications.entry import Entry
from services.notifications.letters import Person
from services.notifications.preferences import USUAL, WEEKDAYS, Weekday
from services.notifications.store import ARRIVED, CORRESPONDENCES, OPEN, entries, latest_of, preferences_of
from services.notifications.wishes import SUMMARY_TO
from shared.clock import Clock
from shared.directory import has_left, people
from shared.events import new_event
from shared.lease import Fence
from shared.mongo import Database, Document
from shared.processing import Processor

SOURCE = "/firstmate/notifications/summaries"
BATCH = 200
MOST_HIRES = 1_000  # a digest names some dozens of people at most; the rest is counted
MORNING = time(6)  # planned from then on, so that it can be read when the day begins, at whatever hour that is allowed
BY_TEAM = [("state.manager_id", 1), ("state.start_date", 1)]  # not sought by manager, but far smaller than the collection
A_DAY = timedelta(days=1)
A_MONTH = timedelta(days=30)  # who never had a notice is not told what failed before that


@dataclass(frozen=True, slots=True)
class Material:
    """What the summaries of one taking are about, by their reader."""

    teams: Mapping[str, Sequence[Correspondence]] = field(default_factory=dict)
    unreached: Mapping[str, Sequence[Entry]] = field(default_factory=dict)
    own: Mapping[str, Correspondence] = field(default_factory=dict)

    @property
    def people(self) -> set[str]:
        """Everybody they may name."""
        hires = [state for team in self.teams.values() for state in team]
        mentors = {state.assignment.mentor_id for state in hires if state.assignment}
        unreached = {entry.recipient_id for each in self.unreached.values() for entry in each}
        return {state.employee_id for state in hires} | mentors | unreached

    def about(self, entry: Entry, people: Mapping[str, Person], now: datetime) -> Told | None:
        """What the summary with this entry says; None for another message."""
        if entry.template == "week_ahead":
            return ahead(self.own.get(entry.recipient_id), people.get(entry.recipient_id, {}), now)
        if entry.template == "manager_digest":
            return digest(self.teams.get(entry.recipient_id, ()), people, people.get(entry.recipient_id, {}), now)
        return trouble(self.unreached.get(entry.recipient_id, ()), people) if entry.template == "undelivered" else None


async def plan_due(db: Database, processor: Processor, fence: Fence, coordinators: Sequence[str], clock: Clock) -> None:
    """Plan the summaries whose day has come where their readers are, each once: the day is part of what is planned.

    Raises `LeaseLost` when another replica does this now.
    """
    await fence.check(db)
    now = clock()
    wanted = [*await _digests(db, now), *await _weeks(db, now), *await _troubles(db, coordinators, now)]
    for batch in _batches(wanted):
        await processor.execute([_event(each, now) for each in batch])


async def gather(db: Database, taken: Iterable[Entry], now: datetime) -> Material:
    """Read what the summaries among these messages are about."""
    of = {summary: [each for each in taken if each.template == summary] for summary in SUMMARY_TO}
    if not any(of.values()):
        return Material()
    teams = {entry.recipient_id: await _team(db, entry.recipient_id, now) for entry in of["manager_digest"]}
    unreached = {entry.recipient_id: await _untold(db, entry) for entry in of["undelivered"]}
    hires: Document = {"_id": {"$in": sorted({entry.recipient_id for entry in of["week_ahead"]})}}
    found = db[CORRESPONDENCES].find(hires, {"state": 1})
    own = {each["_id"]: Correspondence.model_validate(each["state"]) async for each in found if each["state"]}
    return Material(teams, unreached, own)


async def _digests(db: Database, now: datetime) -> list[SummaryDue]:
    """Managers of hires who are new, on the weekday of their choice."""
    new: Document = {"state.status": "expected", "state.start_date": {"$gte": (now.date() - FIRST_DAYS).isoformat()}}
    since: dict[str, str] = {}
    async for found in db[CORRESPONDENCES].find(new, {"state.manager_id": 1, "state.hired_on": 1}).hint(BY_TEAM):
        manager, heard = found["state"].get("manager_id"), found["state"].get("hired_on") or now.date().isoformat()
        if manager:
            since[manager] = min(heard, since.get(manager, heard))
    return await _overviews(db, "manager_digest", since, now)


async def _weeks(db: Database, now: datetime) -> list[SummaryDue]:
    """Hires within their first ninety days who have a plan that goes on, on the weekday of their choice."""
    began: Document = {"$gte": (now.date() - FIRST_DAYS).isoformat(), "$lte": (now.date() + A_DAY).isoformat()}
    here: Document = {"state.status": "expected", "state.start_date": began, "state.resting": {"$ne": True}}
    hires = db[CORRESPONDENCES].find(here, {"state.start_date": 1, "state.hired_on": 1}).hint(BY_TEAM)
    since = {each["_id"]: max(each["state"]["start_date"], each["state"].get("hired_on") or "") async for each in hires}
    return await _overviews(db, "week_ahead", since, now)


async def _overviews(db: Database, summary: Summary, since: Mapping[str, str], now: datetime) -> list[SummaryDue]:
    """Who gets one now, of these readers, each with the first day (ISO 8601) on which there was something to tell them: on their
    day, or later in the week where nobody planned it then. Who had one within the week by another choice waits for the next."""
    due: list[SummaryDue] = []
    for batch in _batches(list(since)):
        chose = await preferences_of(db, batch)
        for id, today, last in await _present(db, summary, batch, now):
            day = _last(today, chose.get(id, USUAL).digest_day)
            missed = since[id] < day.isoformat() and (last is None or last <= day - A_WEEK)
            if missed if day < today else last != day:
                due.append(SummaryDue(employee_id=id, summary=summary, day=day))
    return due


def _last(today: date, weekday: Weekday) -> date:
    """The last such day, today included."""
    return today - timedelta(days=(today.weekday() - WEEKDAYS.index(weekday)) % 7)


async def _troubles(db: Database, coordinators: Sequence[str], now: datetime) -> list[SummaryDue]:
    """Coordinators whom no notice tells yet, sent or waiting, that somebody could not be reached."""
    present = await _present(db, "undelivered", coordinators, now)
    due = [SummaryDue(employee_id=id, summary="undelivered", day=today) for id, today, last in present if last != today]
    since = {each.employee_id: await _noticed_until(db, each.employee_id, now) for each in due}
    news = {begin for begin in set(since.values()) if await _unreached(db, begin, now, limit=1)}
    return [each for each in due if since[each.employee_id] in news]


async def _noticed_until(db: Database, coordinator: str, now: datetime) -> datetime:
    """Until when this coordinator has been or will be told; a notice that failed tells nothing."""
    last = await latest_of(db, "undelivered", coordinator, (*ARRIVED, *OPEN, "suppressed"), now)
    return max(last.planned_at, now - A_MONTH) if last else now - A_MONTH


async def _present(db: Database, summary: Summary, ids: Sequence[str], now: datetime) -> list[tuple[str, date, date | None]]:
    """Those of these readers who are with us and whose day has begun, with that day and the day of their last such summary."""
    known = await people(db, set(ids))
    field = f"state.summaries.{summary}"
    had = {found["_id"]: found async for found in db[CORRESPONDENCES].find({"_id": {"$in": list(ids)}}, {field: 1})}
    found = []
    for id in ids:
        day = _day(known.get(id, {}).get("time_zone"), now)
        if day is None or has_left(known.get(id, {}), now):
            continue
        last = ((had.get(id, {}).get("state") or {}).get("summaries") or {}).get(summary)
        found.append((id, day, date.fromisoformat(last) if last else None))
    return found


def _day(zone: str | None, now: datetime) -> date | None:
    """The day where somebody is, once it has begun to be a working day."""
    here = now.astimezone(ZoneInfo(zone or "UTC"))
    return here.date() if here.time() >= MORNING else None


async def _team(db: Database, manager_id: str, now: datetime) -> list[Correspondence]:
    query: Document = {
        "state.manager_id": manager_id,
        "state.status": "expected",
        "state.start_date": {"$gte": (now.date() - FIRST_DAYS - A_DAY).isoformat()},
    }
    found = db[CORRESPONDENCES].find(query, {"state": 1}).sort("state.start_date", 1).limit(MOST_HIRES)
    return [Correspondence.model_validate(document["state"]) async for document in found if document["_id"] != manager_id]


async def _untold(db: Database, notice: Entry) -> list[Entry]:
    """What this notice tells: all since the one before that its reader got, so that nothing is left out or told twice."""
    before = await latest_of(db, notice.template, notice.recipient_id, ARRIVED, notice.planned_at)
    since = before.planned_at if before else notice.planned_at - A_MONTH
    return await _unreached(db, since, notice.planned_at)


async def _unreached(db: Database, since: datetime, before: datetime, limit: int = 0) -> list[Entry]:
    """What did not reach its reader in that time, but for coordinators themselves."""
    query: Document = {
        "reason": {"$type": "string"},
        "settled_at": {"$gte": since, "$lt": before},
        "recipient_role": {"$ne": "coordinator"},
        "channel": EMAIL,  # what chat refused goes by mail
        "$or": [{"reason": {"$in": list(UNREACHED)}}, {"state": "failed"}],
    }
    return await entries(db, query, limit)


def _batches(things: Sequence[Any]) -> Iterator[list[Any]]:
    waiting = iter(things)
    while batch := list(islice(waiting, BATCH)):
        yield batch


def _event(due: SummaryDue, now: datetime) -> Any:
    id = f"{due.summary}/{due.employee_id}/{due.day.isoformat()}"
    return new_event(due, source=SOURCE, id=id, time=now.astimezone(UTC))
