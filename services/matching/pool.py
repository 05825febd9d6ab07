"""The mentor pool in columns: narrow numpy arrays and codes, kept up to date mentor by mentor, never rebuilt per hire.

Row order is a matter of history and means nothing; whatever is decided orders by ids.
"""

from collections.abc import Callable, Hashable, Iterable, Sequence
from dataclasses import dataclass
from datetime import date
from hashlib import blake2b
from typing import Any, Generic, TypeVar

import numpy as np
from numpy.typing import NDArray

from services.matching.person import LADDER, WORDS, Person, Spoken
from shared.events.mentoring import MAX_CAPACITY

FIRST_ROOM = 64
MOST_TABLES = 4_096  # lookup tables kept; about 4 kB each at a thousand titles, so 16 MB at most
NEVER = int(np.iinfo(np.int32).max)  # the start day of somebody whose start is unknown: after every other day
LOADS = 64  # the column `places` is capacity × this + load; capacities end at 20, a greater load counts as 63
UNKNOWN, INACTIVE, UNTRAINED, FULL_UP = 1, 2, 4, 8  # bits of the column `closed`

V = TypeVar("V", bound=Hashable)
Ints = NDArray[np.integer[Any]]
Bools = NDArray[np.bool_]
Rows = slice | NDArray[np.intp]
Make = Callable[[NDArray[np.int16], int], NDArray[np.int16]]
ALL = slice(None)


@dataclass(frozen=True, slots=True)
class Candidate:
    """A mentor as the engine sees one: the person, and what they can take on.

    `load` counts live mentees; `available_from` is None for somebody available now; `known` is False while no HR event has told
    who the person is. `ratings` are how many earlier mentees rated the mentor, and the sum of their ratings in hundredths.
    """

    person: Person
    capacity: int
    load: int = 0
    active: bool = True
    trained: bool = True
    available_from: date | None = None
    known: bool = True
    ratings: tuple[int, int] = (0, 0)

    @property
    def closed(self) -> int:
        """Why nobody can be assigned, as bits; 0 when somebody can."""
        return (
            UNKNOWN * (not self.known)
            | INACTIVE * (not self.active)
            | UNTRAINED * (not self.trained)
            | FULL_UP * (self.load >= self.capacity)
        )


class Vocabulary(Generic[V]):
    """Dense codes 0, 1, ... for values, in the order of arrival. Nothing is forgotten: words are few and people come back."""

    def __init__(self) -> None:
        self.values: list[V] = []
        self._codes: dict[V, int] = {}

    def code(self, value: V) -> int:
        """The code of a value, a new one where it was never seen."""
        code = self._codes.setdefault(value, len(self.values))
        if code == len(self.values):
            self.values.append(value)
        return code

    def find(self, value: V) -> int | None:
        """The code of a value, or None where it was never seen."""
        return self._codes.get(value)


class Bits:
    """Which mentor has which words: one bit per word and mentor, in 64-bit words laid out word by word.

    A hire's few words then touch few of the rows, each read straight through.
    """

    def __init__(self) -> None:
        self.words: Vocabulary[str] = Vocabulary()
        self._rows: NDArray[np.uint64] = np.zeros((1, FIRST_ROOM), np.uint64)

    def put(self, mentor: int, words: Iterable[str]) -> None:
        """Set exactly these words for the mentor in this row of the pool."""
        masks: dict[int, int] = {}
        for word in words:
            row, bit = divmod(self.words.code(word), 64)
            masks[row] = masks.get(row, 0) | 1 << bit
        lacking = max(masks, default=0) + 1 - len(self._rows)
        if lacking > 0:
            self._rows = np.concatenate([self._rows, np.zeros((lacking, self._rows.shape[1]), np.uint64)])
        self._rows[:, mentor] = 0
        for row, mask in masks.items():
            self._rows[row, mentor] = mask

    def fill(self, words: Sequence[Iterable[str]]) -> None:
        """Set exactly these words for the first mentors of the pool, in the order of its rows: `put` of each, in one go."""
        known = [(mentor, *divmod(self.words.code(word), 64)) for mentor, some in enumerate(words) for word in some]
        if not known:
            return
        mentors, rows, bits = np.array(known, np.int64).T
        self._rows = np.zeros((int(rows.max()) + 1, self._rows.shape[1]), np.uint64)
        np.bitwise_or.at(self._rows, (rows, mentors), np.uint64(1) << bits.astype(np.uint64))

    def move(self, source: int, target: int) -> None:
        """Copy one mentor's words to another row of the pool."""
        self._rows[:, target] = self._rows[:, source]

    def widen(self, room: int) -> None:
        """Make room for so many mentors."""
        self._rows = np.concatenate([self._rows, np.zeros((len(self._rows), room - self._rows.shape[1]), np.uint64)], axis=1)

    def shared(self, words: Iterable[str], mentors: int, rows: Rows = ALL) -> NDArray[np.uint8]:
        """How many of the words each of the first `mentors` rows has: shape (mentors,), or of those in `rows` only."""
        masks: dict[int, int] = {}
        for word in words:
            code = self.words.find(word)
            if code is not None:
                masks[code // 64] = masks.get(code // 64, 0) | 1 << code % 64
        if not masks:
            return np.zeros(mentors, np.uint8)[rows]
        counts, *more = [np.bitwise_count(self._rows[row, :mentors][rows] & np.uint64(mask)) for row, mask in masks.items()]
        for count in more:
            counts += count
        return np.asarray(counts, np.uint8)

    def shared_by_each(self, words: Sequence[Iterable[str]], rows: NDArray[np.intp]) -> NDArray[np.uint8]:
        """How many of somebody's words some mentors each have: `words` of each, and `rows` of theirs, shape (each, mentors)."""
        known = [
            (place, *divmod(code, 64))
            for place, some in enumerate(words)
            for word in some
            if (code := self.words.find(word)) is not None
        ]
        counts = np.zeros(rows.shape, np.uint8)
        if known:
            places, in_row, bits = np.array(known, np.intp).T
            has = self._rows[in_row[:, None], rows[places]] >> bits[:, None].astype(np.uint64) & np.uint64(1)
            np.add.at(counts, places, has.astype(np.uint8))
        return counts


def identity(id: str) -> int:
    """A stable 64-bit number of an id (BLAKE2b), the same on every machine."""
    return int.from_bytes(blake2b(id.encode(), digest_size=8).digest(), "big")


class Pool:
    """All enrolled mentors. `put` adds or replaces one, `remove` drops one; both cost the same in a pool of any size."""

    def __init__(self, candidates: Iterable[Candidate] = ()) -> None:
        self.ids: list[str] = []
        self.candidates: list[Candidate] = []
        self.roles: Vocabulary[tuple[str | None, frozenset[str]]] = Vocabulary()
        self.departments: Vocabulary[str | None] = Vocabulary()
        self.divisions: Vocabulary[str | None] = Vocabulary()
        self.places: Vocabulary[tuple[str | None, str | None]] = Vocabulary()
        self.zones: Vocabulary[str | None] = Vocabulary()
        self.languages: Vocabulary[Spoken] = Vocabulary()
        self.interest_sets: Vocabulary[tuple[str, ...]] = Vocabulary()
        self.ratings: Vocabulary[tuple[int, int]] = Vocabulary()
        self.words = {name: Bits() for name in WORDS}
        self.rated = (0, 0)  # every mentor's ratings together: what somebody without any is taken to be worth
        self._rows: dict[str, int] = {}
        self._columns: dict[str, NDArray[Any]] = {name: np.zeros(FIRST_ROOM, kind) for name, kind in _KINDS.items()}
        self._tables: dict[Hashable, NDArray[np.int16]] = {}
        self._derived: dict[tuple[int, int], tuple[NDArray[np.int16], NDArray[np.int16]]] = {}
        self._order: NDArray[np.intp] | None = None
        self._fill(list({candidate.person.id: candidate for candidate in candidates}.values()))

    def _fill(self, candidates: list[Candidate]) -> None:
        """The first mentors, column by column: a fraction of what `put` of each takes."""
        count = len(candidates)
        while len(self._columns["free"]) < count:
            self._widen()
        self.candidates = candidates
        self.ids = [candidate.person.id for candidate in candidates]
        self._rows = {id: row for row, id in enumerate(self.ids)}
        for name, of_person in _OF_PERSON.items():
            self._columns[name][:count] = [of_person(self, candidate.person) for candidate in candidates]
        for name, of_candidate in _OF_CANDIDATE.items():
            self._columns[name][:count] = [of_candidate(self, candidate) for candidate in candidates]
        for name, bits in self.words.items():
            bits.fill([candidate.person.words(name) for candidate in candidates])
        for candidate in candidates:
            self._rate((0, 0), candidate.ratings)

    def __len__(self) -> int:
        return len(self.ids)

    def __contains__(self, id: object) -> bool:
        return id in self._rows

    def __getitem__(self, id: str) -> Candidate:
        """The mentor of this id. Raises KeyError for nobody."""
        return self.candidates[self._rows[id]]

    def row(self, id: str) -> int | None:
        """Where the mentor stands in the columns, or None."""
        return self._rows.get(id)

    def column(self, name: str, rows: Rows = ALL) -> NDArray[Any]:
        """One column, shape (mentors,), or of those in `rows` only."""
        column: NDArray[Any] = self._columns[name][: len(self.ids)][rows]
        return column

    @property
    def order(self) -> NDArray[np.intp]:
        """The rows in the order of their ids."""
        if self._order is None:
            self._order = np.array(sorted(range(len(self.ids)), key=self.ids.__getitem__), np.intp)
        return self._order

    def put(self, candidate: Candidate) -> None:
        """Add a mentor, or replace what is known of one."""
        person = candidate.person
        row = self._rows.get(person.id)
        if row is None:
            row = self._append(person.id)
        if self.candidates[row].person is not person:
            self._put_person(row, person)
        self._rate(self.candidates[row].ratings, candidate.ratings)
        self.candidates[row] = candidate
        for name, of_candidate in _OF_CANDIDATE.items():
            self._columns[name][row] = of_candidate(self, candidate)

    def _rate(self, before: tuple[int, int], after: tuple[int, int]) -> None:
        self.rated = (self.rated[0] + after[0] - before[0], self.rated[1] + after[1] - before[1])

    def _put_person(self, row: int, person: Person) -> None:
        for name, of_person in _OF_PERSON.items():
            self._columns[name][row] = of_person(self, person)
        for name, bits in self.words.items():
            bits.put(row, person.words(name))

    def remove(self, id: str) -> None:
        """Drop a mentor; nobody of that id is no error. The last row moves into the hole."""
        row = self._rows.pop(id, None)
        if row is None:
            return
        self._rate(self.candidates[row].ratings, (0, 0))
        last = len(self.ids) - 1
        if row != last:
            self.ids[row], self.candidates[row] = self.ids[last], self.candidates[last]
            self._rows[self.ids[row]] = row
            for column in self._columns.values():
                column[row] = column[last]
            for bits in self.words.values():
                bits.move(last, row)
        self.ids.pop()
        self.candidates.pop()
        self._order = None

    def table(self, key: Hashable, vocabulary: Vocabulary[V], value: Callable[[V], int]) -> NDArray[np.int16]:
        """`value` of each entry of a vocabulary, by code; kept under `key` and grown with the vocabulary."""
        table = self._tables.get(key)
        known = 0 if table is None else len(table)
        if table is None or known < len(vocabulary.values):
            fresh = np.fromiter((value(entry) for entry in vocabulary.values[known:]), np.int16)
            table = fresh if table is None else np.concatenate([table, fresh])
            if len(self._tables) >= MOST_TABLES:
                self._tables.clear()
            self._tables[key] = table
        return table

    def derived(self, values: NDArray[np.int16], share: int, make: Make) -> NDArray[np.int16]:
        """`make(values, share)`, made once for each array and share."""
        key = (id(values), share)
        kept = self._derived.get(key)
        if kept is None or kept[0] is not values:
            if len(self._derived) >= MOST_TABLES:
                self._derived.clear()
            kept = self._derived[key] = (values, make(values, share))  # holding the array, so that its number is not used again
        return kept[1]

    def _append(self, id: str) -> int:
        row = len(self.ids)
        if row == len(self._columns["free"]):
            self._widen()
        self.ids.append(id)
        self.candidates.append(Candidate(Person(id), 0))
        self._rows[id] = row
        self._order = None
        return row

    def _widen(self) -> None:
        room = len(self._columns["free"])
        for name, column in self._columns.items():
            self._columns[name] = np.concatenate([column, np.zeros(room, column.dtype)])
        for bits in self.words.values():
            bits.widen(2 * room)


_OF_PERSON: dict[str, Callable[[Pool, Person], int]] = {
    "role": lambda pool, person: pool.roles.code(person.role),
    "department": lambda pool, person: pool.departments.code(person.department),
    "division": lambda pool, person: pool.divisions.code(person.division),
    "place": lambda pool, person: pool.places.code(person.place),
    "zone": lambda pool, person: pool.zones.code(person.time_zone),
    "languages": lambda pool, person: pool.languages.code(person.spoken),
    "interest_set": lambda pool, person: pool.interest_sets.code(person.interests),
    "seniority": lambda _, person: len(LADDER) if person.seniority is None else person.seniority,
    "start": lambda _, person: person.start.toordinal() if person.start else NEVER,
    "identity": lambda _, person: identity(person.id),
}
_OF_CANDIDATE: dict[str, Callable[[Pool, Candidate], int]] = {
    "rating": lambda pool, mentor: pool.ratings.code(mentor.ratings),
    "available": lambda _, mentor: mentor.available_from.toordinal() if mentor.available_from else 0,
    "free": lambda _, mentor: max(mentor.capacity - mentor.load, 0),
    "places": lambda _, mentor: min(mentor.capacity, MAX_CAPACITY) * LOADS + min(mentor.load, LOADS - 1),
    "closed": lambda _, mentor: mentor.closed,
}
_NARROW: dict[str, type[np.generic]] = {
    "seniority": np.uint8,
    "free": np.int16,
    "places": np.uint16,
    "closed": np.uint8,
    "identity": np.uint64,
}
_KINDS = {name: _NARROW.get(name, np.int32) for name in (*_OF_PERSON, *_OF_CANDIDATE)}
"""Every column by its name: what it holds of a mentor, and how wide it is."""
