"""What the owner of the pool keeps in memory across batches: mentors, their profiles, the columns, the reporting lines.

Loaded once, then changed by the owner's own commits and by what the pool's log says of others. Nothing here is trusted
further than the pool's version: a decision made on anything older than the newest one can't commit.
"""

import asyncio
from collections.abc import Iterable
from dataclasses import dataclass, field, replace

from services.matching import store
from services.matching.domain import Mentor
from services.matching.person import FIELDS, Person, person_from
from services.matching.policy import Policy
from services.matching.pool import Candidate, Pool
from services.matching.reporting import Reporting
from services.matching.store import PoolVersion
from shared.changes import Changes, Conflict
from shared.directory import Directory
from shared.mongo import Database, Document
from shared.streams import Stream


def candidate(person: Person, mentor: Mentor, known: Document | None) -> Candidate:
    """A mentor as the engine sees one, from profile, state and directory document (None while HR has told nothing)."""
    return Candidate(
        person=person,
        capacity=mentor.capacity,
        load=mentor.load,
        active=mentor.status == "active" and not (known or {}).get("left"),
        trained=mentor.trained,
        available_from=mentor.available_from,
        known=known is not None,
        ratings=mentor.rated,
    )


@dataclass(slots=True)
class Attempt:
    """What one attempt has changed on top of the memory. `by` names it in the pool's log."""

    by: str
    seen: PoolVersion
    mentors: dict[str, Stream[Mentor]] = field(default_factory=dict)
    people: dict[str, Document] = field(default_factory=dict)
    lines_moved: bool = False


class Memory:
    """One owner's memory. `name` must differ from that of every other process, and from one start to the next."""

    def __init__(self, policy: Policy, name: str) -> None:
        self.policy = policy
        self.pool = Pool()
        self.reporting = Reporting({})
        self._name = name
        self._attempts = 0
        self._version = -1
        self._mentors: dict[str, Stream[Mentor]] = {}
        self._people: dict[str, Document] = {}
        self._profiles: dict[str, tuple[Document | None, Person]] = {}
        self._open: Attempt | None = None
        self._beginning = asyncio.Lock()

    async def begin(self, db: Database) -> tuple[Attempt, bool]:
        """Start an attempt on what is true now: one query, more where others changed something. Says whether others did.

        One at a time: what one loads another would empty, and whoever came first decide on mentors that are not there.
        """
        async with self._beginning:
            seen = await store.pool_version(db)
            self._settle(seen)
            others = self._version != seen.number
            if others:
                await self._catch_up(db, seen)
            self._attempts += 1
            self._open = Attempt(f"{self._name}/{self._attempts}", seen)
            return self._open, others

    def claim(self, attempt: Attempt) -> None:
        """Make sure that nobody in this process began another attempt meanwhile, or is about to. Raises `Conflict`.

        Call it before the attempt changes anything: it holds until the event loop gets its turn.
        """
        if self._open is not attempt:
            raise Conflict("another attempt of this process began on the pool meanwhile")

    def __contains__(self, mentor_id: object) -> bool:
        return mentor_id in self._mentors or (self._open is not None and mentor_id in self._open.mentors)

    def mentor_ids(self) -> Iterable[str]:
        """Every mentor there ever was."""
        return self._mentors.keys()

    def has_places(self) -> bool:
        """Whether any mentor could take somebody on."""
        return bool((self.pool.column("closed") == 0).any())

    def mentor(self, id: str) -> Stream[Mentor] | None:
        """A mentor's stream to read, with what the open attempt made of it."""
        return (self._open.mentors.get(id) if self._open else None) or self._mentors.get(id)

    def edit(self, id: str) -> Stream[Mentor]:
        """A mentor's stream to change in the open attempt; an empty one for somebody who was no mentor yet."""
        attempt = self._attempt()
        if id not in attempt.mentors:
            known = self._mentors.get(id) or Stream(id, store.SERVICE)
            attempt.mentors[id] = replace(known, seen=dict(known.seen), outgoing=[], changed=False)
        return attempt.mentors[id]

    def learn(self, id: str, person: Document) -> None:
        """A mentor's profile as the open attempt knows it."""
        self._attempt().people[id] = person

    def person(self, id: str) -> Document | None:
        """A mentor's directory document."""
        return (self._open.people.get(id) if self._open else None) or self._people.get(id)

    def move_line(self, id: str, manager: str | None) -> bool:
        """A person reports to somebody else from the open attempt on; says whether that is new."""
        moved = self.reporting.attempt(id, manager)
        self._attempt().lines_moved |= moved
        return moved

    def show(self, id: str) -> None:
        """Put what is known of a mentor now into the columns."""
        stream = self.mentor(id)
        if stream is None or stream.state is None or stream.state.stranger:
            self.pool.remove(id)
            return
        known = self.person(id)
        profile = self._profiles.get(id)
        if profile is None or profile[0] is not known:
            profile = self._profiles[id] = (known, person_from(id, known or {}))
        self.pool.put(candidate(profile[1], stream.state, known))

    def add_to(self, changes: Changes) -> None:
        """Hand the open attempt's mentors and the pool's next version to the transaction; call it last.

        An attempt that moves nothing is held to the version all the same: what it read of hires may be newer than the memory.
        """
        attempt = self._attempt()
        for id, stream in attempt.mentors.items():
            if stream.changed:
                before = self._mentors.get(id)
                store.write_mentor(changes, stream, before.state.load if before and before.state else 0)
        if attempt.people or attempt.lines_moved or any(stream.changed for stream in attempt.mentors.values()):
            store.move_pool(changes, attempt.seen, attempt.by, None)
        elif changes:
            store.pin_pool(changes, attempt.seen)

    def _attempt(self) -> Attempt:
        if self._open is None:
            raise RuntimeError("begin an attempt before changing anything")
        return self._open

    def _settle(self, seen: PoolVersion) -> None:
        """Take over what the last attempt changed if it was committed, otherwise forget it."""
        attempt, self._open = self._open, None
        if attempt is None:
            return
        if any(by == attempt.by for _, by, _ in seen.log):
            for id, stream in attempt.mentors.items():
                if stream.changed:
                    self._mentors[id] = stream.committed()
            self._people |= attempt.people
            self.reporting.keep()
            self._version = attempt.seen.number + 1
            return
        self.reporting.drop()
        for id in attempt.mentors.keys() | attempt.people.keys():
            self.show(id)

    async def _catch_up(self, db: Database, seen: PoolVersion) -> None:
        changes = seen.since(self._version)
        if changes is None or any(mentors is None for _, mentors in changes):
            self.reporting = Reporting(await store.managers(db))
            self.pool, self._mentors, self._people = Pool(), {}, {}
            wanted = await store.all_ids(db, store.MENTORS)
        else:
            wanted = [id for _, mentors in changes for id in mentors or ()]
        streams, people = store.mentors(), Directory(FIELDS)
        await streams.load(db, wanted)
        await people.load(db, wanted)
        for stream in streams:
            self._mentors[stream.id] = stream
            known = people.get(stream.id)
            if known is not None:
                self._people[stream.id] = known
            self.show(stream.id)
        self._version = seen.number
