"""The hires of a period as reports read them: who, when, with which mentor, from where. Two queries, whatever the size."""

from datetime import date, datetime
from typing import Any

from services.matching import store
from services.matching.reports.hiring import RecentHire
from shared.directory import COLLECTION as DIRECTORY
from shared.mongo import Database, Document

MOST_HIRES = 20_000  # a year's hires of a company of a hundred thousand; read and counted in about a second
_HIRE_FIELDS = (
    *("hired_at", "status", "waited", "hired", "ended", "waiting.since", "decision.mentor_id", "decision.score"),
    *("decision.decided_at", "history.mentor_id", "history.since"),
)
_PERSON_FIELDS = ("department", "location", "work_arrangement", "start_date")


async def recent_hires(db: Database, since: date, most: int = MOST_HIRES) -> list[RecentHire]:
    """The hires told of since a day (UTC), the latest `most` of them, oldest first; by index.

    Left out is who was called off before anything was decided.
    """
    query: Document = {"state.hired_at": {"$gte": since.isoformat()}}
    fields = {f"state.{name}": 1 for name in _HIRE_FIELDS}
    cursor = db[store.HIRES].find(query, fields).sort([("state.hired_at", -1), ("_id", -1)]).limit(most)
    states = {document["_id"]: document["state"] async for document in cursor}
    states = {id: state for id, state in reversed(states.items()) if state["status"] != "none"}
    mentors = {state["decision"]["mentor_id"] for state in states.values() if state.get("decision")}
    people = await _people(db, states.keys() | mentors)
    return [_recent(id, state, people) for id, state in states.items()]


async def _people(db: Database, ids: set[str]) -> dict[str, Document]:
    cursor = db[DIRECTORY].find({"_id": {"$in": sorted(ids)}}, dict.fromkeys(_PERSON_FIELDS, 1))
    return {person["_id"]: person async for person in cursor}


def _recent(id: str, state: Document, people: dict[str, Document]) -> RecentHire:
    hired_at = _moment(state["hired_at"])
    decision: dict[str, Any] = state.get("decision") or {}
    assigned = state["status"] == "assigned"
    found = [_moment(past["since"]) for past in state.get("history", [])]
    if assigned:
        found.append(_moment(decision["decided_at"]))
    person, mentor = people.get(id, {}), people.get(decision.get("mentor_id", ""), {})
    start = person.get("start_date")
    return RecentHire(
        id=id,
        hired_at=hired_at,
        waiting=state["status"] == "waitlisted",
        waited=bool(state.get("waited")),
        proposed=state["status"] == "proposed",
        matched_at=min((at for at in found if at >= hired_at), default=None),
        mentor_id=decision["mentor_id"] if assigned else None,
        score=decision["score"] if assigned else None,
        department=person.get("department"),
        location=person.get("location"),
        arrangement=person.get("work_arrangement"),
        start=date.fromisoformat(start) if start else None,
        mentor_department=mentor.get("department") if assigned else None,
        mentor_location=mentor.get("location") if assigned else None,
    )


def _moment(text: str) -> datetime:
    return datetime.fromisoformat(text)
