"""Questions to matching's database, for API and pages alike."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Literal

from services.matching import store, views
from services.matching.briefs import Brief, brief_of
from services.matching.domain import Hire, Mentor
from services.matching.mentor_search import Filter, find_mentors
from shared.access import Viewer, check, may, relations
from shared.directory import chain, name_of, people
from shared.mongo import Database, Document
from shared.paging import Page, decode_cursor, encode_cursor
from shared.refusals import not_found

Shown = Literal["nominated", "active", "paused", "withdrawn"]


@dataclass(frozen=True, slots=True)
class Books:
    """Reads what was decided."""

    db: Database

    async def hire(self, id: str) -> Hire | None:
        """A hire's state, or None for somebody nothing is known of."""
        document = await self.db[store.HIRES].find_one({"_id": id})
        state = document["state"] if document is not None else None
        return Hire.model_validate(state) if state is not None else None

    async def assignment(self, viewer: Viewer, id: str, language: str = "en") -> views.AssignmentView:
        """A hire's assignment as this viewer may see it, in a language of `words.LANGUAGES`. Raises `Refused` 403, 404."""
        hire = await self.hire(id) or Hire()
        managers = await chain(self.db, id)
        check(viewer, "see_assignment", subject=id, chain=managers, mentor_id=hire.mentor_id)
        if hire.status == "none":
            raise not_found(
                "nothing was decided about this person: no hire event for them has arrived, or their hire was over before they "
                "could be matched",
                "no_assignment",
            )
        related = relations(viewer, id, managers, hire.mentor_id)
        known = await people(self.db, {id, *views.concerned(hire)})
        view = views.assignment(
            id,
            hire,
            known,
            whole=bool(related - {"self", "mentor"}),
            to_the_pair=bool(related & {"self", "mentor"}),
            staff=may(viewer, "override_assignment", subject=id),
            language=language,
        )
        # A coordinator may be one of the two; who asked is not told them either.
        theirs = [one for one in view.objections if viewer.employee_id not in (id, one.mentor_id)]
        return view.model_copy(update={"objections": theirs})

    async def brief(self, viewer: Viewer, id: str, language: str = "en") -> Brief:
        """What this viewer, as mentor or coordinator, is told of a mentee. Raises `Refused` 403, 404."""
        hire = await self.hire(id) or Hire()
        check(viewer, "see_brief", subject=id, mentor_id=hire.mentor_id)
        if hire.mentor_id is None:
            raise not_found("this person has no mentor now, so there is nobody to tell about them", "no_mentor")
        known = await people(self.db, {id, *views.concerned(hire)})
        view = views.assignment(id, hire, known, whole=False, to_the_pair=True, staff=False, language=language)
        return brief_of(view, known.get(id, {}))

    async def mentor(self, id: str) -> views.MentorView:
        """A mentor. Raises `Refused` 404 for somebody who is none."""
        document = await self.db[store.MENTORS].find_one({"_id": id, **store.KNOWN})
        if document is None:
            raise not_found("this person is no mentor; enrol them first", "not_a_mentor")
        return (await self._mentors([document]))[0]

    async def mentors(self, status: Shown | None, cursor: str | None, limit: int) -> Page[views.MentorView]:
        """A page of mentors by id. Raises `Refused` 422 for a bad cursor."""
        query: Document = store.KNOWN | ({"state.status": status} if status else {})
        after = decode_cursor(cursor, 1)
        if after is not None:
            query["_id"] = {"$gt": str(after[0])}
        found = [document async for document in store.find(self.db, store.MENTORS, query, limit + 1)]
        more = encode_cursor([found[limit - 1]["_id"]]) if len(found) > limit else None
        return Page[views.MentorView](items=await self._mentors(found[:limit]), next=more)

    async def find_mentors(
        self, shown: Filter, words: str, department: str, today: date, cursor: str | None, limit: int
    ) -> Page[views.MentorView]:
        """A page of the mentors of a state whom all `words` are about, by id. Raises `Refused` 422 for a bad cursor."""
        after = decode_cursor(cursor, 1)
        last = str(after[0]) if after is not None else None
        found = await find_mentors(self.db, shown, words, department, today, last, limit + 1)
        more = encode_cursor([found[limit - 1]["_id"]]) if len(found) > limit else None
        return Page[views.MentorView](items=await self._mentors(found[:limit]), next=more)

    async def waitlist(self, cursor: str | None, limit: int, language: str = "en") -> Page[views.WaitingView]:
        """A page of the waitlist, longest-waiting first, its words in a language of `words.LANGUAGES`. Raises `Refused` 422 for a
        bad cursor."""
        after = decode_cursor(cursor, 2)
        entries = await store.longest_waiting(self.db, limit + 1, (str(after[0]), str(after[1])) if after else None)
        more = encode_cursor(entries[limit - 1]) if len(entries) > limit else None
        hires = await self._hires(id for _, id in entries[:limit])
        waits = [(id, hires[id].waiting) for _, id in entries[:limit] if id in hires]
        known = await people(self.db, hires.keys() | {other for hire in hires.values() for other in views.concerned(hire)})
        return Page[views.WaitingView](
            items=[views.waiting(id, wait, known, language) for id, wait in waits if wait is not None], next=more
        )

    async def approvals(self, cursor: str | None, limit: int, language: str = "en") -> Page[views.ApprovalView]:
        """A page of proposals, those that stand soonest by themselves first, with reasons in a language of `words.LANGUAGES`.
        Raises `Refused` 422 for a bad cursor."""
        after = decode_cursor(cursor, 2)
        found = await store.proposals(self.db, limit + 1, (str(after[0]), str(after[1])) if after else None)
        shown = [(id, hire, hire.proposal) for id, hire in found[:limit] if hire.proposal is not None]
        more = encode_cursor([store.as_stored(shown[-1][2].until), shown[-1][0]]) if len(found) > limit else None
        known = await people(self.db, {id for id, _, _ in shown}.union(*(views.concerned(hire) for _, hire, _ in shown)))
        items = [views.approval(id, proposal, known, language) for id, _, proposal in shown]
        return Page[views.ApprovalView](items=items, next=more)

    async def some_mentors(self, ids: Iterable[str]) -> list[views.MentorView]:
        """These mentors, as far as they are some."""
        cursor = self.db[store.MENTORS].find({"_id": {"$in": sorted(ids)}, **store.KNOWN})
        return await self._mentors([document async for document in cursor])

    async def numbers(self) -> store.Numbers:
        """The programme in four numbers."""
        return await store.numbers(self.db)

    async def proposed(self) -> int:
        """How many proposals wait for a coordinator."""
        return int(await self.db[store.HIRES].count_documents({"state.status": "proposed"}))

    async def nominated(self) -> int:
        """How many people are nominated as mentors."""
        return int(await self.db[store.MENTORS].count_documents({"state.status": "nominated"}))

    async def names(self, ids: Iterable[str]) -> dict[str, str]:
        """The names of the people known among these."""
        return {id: name_of(person, id) for id, person in (await people(self.db, ids)).items()}

    async def mentees(self, mentors: Sequence[views.MentorView]) -> dict[str, Document]:
        """Directory documents of all these mentors' mentees."""
        return await people(self.db, {id for mentor in mentors for id in mentor.mentees})

    async def _hires(self, ids: Iterable[str]) -> dict[str, Hire]:
        cursor = self.db[store.HIRES].find({"_id": {"$in": list(ids)}, "state": {"$ne": None}})
        return {document["_id"]: Hire.model_validate(document["state"]) async for document in cursor}

    async def _mentors(self, documents: Sequence[Document]) -> list[views.MentorView]:
        known = await people(self.db, {document["_id"] for document in documents})
        return [
            views.mentor(document["_id"], Mentor.model_validate(document["state"]), known.get(document["_id"]))
            for document in documents
        ]
