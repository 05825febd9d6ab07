"""Finding people in onboarding's directory: whose hires somebody sees, and by part for the sign-in page of the sample."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime

from services.onboarding.cards import note_of
from services.onboarding.store import BOARD, managers_under
from shared.access import Viewer
from shared.directory import COLLECTION, has_left, name_of
from shared.mongo import Database
from shared.pages.language import N_
from shared.pages.language import gettext as _

SAMPLE_LIMIT = 400  # the sign-in page lists a sample company, not a concern


async def managers_seen_by(db: Database, viewer: Viewer) -> set[str] | None:
    """The managers whose hires a viewer's board shows: themselves and everybody below; None means everybody's."""
    if viewer.sees_all:
        return None
    return await managers_under(db, viewer.employee_id) if viewer.employee_id else set()


@dataclass(frozen=True, slots=True)
class Someone:
    """A person to choose: `places` are the pages that hold something for them."""

    id: str
    name: str
    note: str
    places: frozenset[str]


@dataclass(frozen=True, slots=True)
class Group:
    """People who see the same kind of thing."""

    title: str
    words: str
    people: Sequence[Someone]


async def someone(db: Database, employee_id: str, coordinators: Collection[str], now: datetime) -> Someone | None:
    """A person of the directory who has not left, with what they find here; None for anybody else."""
    person = await db[COLLECTION].find_one({"_id": employee_id})
    if person is None or has_left(person, now):
        return None
    manages = await db[COLLECTION].find_one({"manager_id": employee_id}, {"_id": 1}) is not None
    mentors = await db[BOARD].find_one({"state.assignment.mentor_id": employee_id}, {"_id": 1}) is not None
    journey = await db[BOARD].find_one({"_id": employee_id, "state.number": {"$gt": 0}}, {"state.status": 1})
    is_new = journey is not None and journey["state"]["status"] in ("active", "paused")
    offers = {
        "board": manages or employee_id in coordinators,
        "me": mentors or journey is not None,
        "mentoring": mentors or not is_new,  # whoever is not new may offer to mentor there
    }
    places = {place for place, offered in offers.items() if offered}
    return Someone(employee_id, name_of(person, employee_id), note_of(person), frozenset(places))


async def sample_people(db: Database, coordinators: Collection[str], now: datetime) -> list[Group]:
    """Everybody in the directory, by the part they play; who plays several stands in the first of them."""
    found = db[COLLECTION].find({"$or": [{"left": False}, {"last_day": {"$gt": ""}}]}).sort("_id").limit(SAMPLE_LIMIT)
    known = [person async for person in found if not has_left(person, now)]
    managers = {person.get("manager_id") for person in known}
    mentors = set(await db[BOARD].distinct("state.assignment.mentor_id"))
    hires = {row["_id"] async for row in db[BOARD].find({"state.number": {"$gt": 0}}, {"_id": 1})}
    parts = (
        (N_("Coordinators"), N_("run the programme and see all"), set(coordinators)),
        (N_("Managers"), N_("see everyone who joins below them"), managers),
        (N_("Mentors"), N_("see their mentees"), mentors),
        (N_("New hires"), N_("see their own journey"), hires),
    )
    placed: set[str] = set()
    groups = []
    for title, words, ids in parts:
        members = [person for person in known if person["_id"] in ids and person["_id"] not in placed]
        placed |= {person["_id"] for person in members}
        named = [Someone(person["_id"], name_of(person, person["_id"]), note_of(person), frozenset()) for person in members]
        groups.append(Group(_(title), _(words), sorted(named, key=lambda each: each.name)))
    return [group for group in groups if group.people]
