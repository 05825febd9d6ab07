"""Finding mentors for the coordinator's page: by state, by words about them, a page at a time, in the order of their ids.

Mentors are read by index and joined with the directory as they come, until a page is full: so the work ends with the mentors
there are, and no name is copied out of the directory, where erasing would miss it.
"""

import re
import unicodedata
from collections import defaultdict
from collections.abc import Sequence
from datetime import date
from functools import cache
from typing import Literal

from services.matching import store
from shared.directory import COLLECTION as DIRECTORY
from shared.mongo import Database, Document

Filter = Literal["all", "free", "full", "away", "untrained", "nominated", "paused", "withdrawn"]
SEARCHED = ("display_name", "given_name", "family_name", "title", "department", "location")
MOST_WORDS = 5
LATIN = range(0xC0, 0x250)  # Latin letters with marks: the supplement and extensions A and B


def query_of(shown: Filter, today: date) -> Document:
    """The mentors of a state, as the collection holds them."""
    active = {"state.status": "active"}
    found: dict[Filter, Document] = {
        "all": {},
        "free": active | {"$expr": {"$lt": ["$state.load", "$state.capacity"]}},
        "full": active | {"$expr": {"$gte": ["$state.load", "$state.capacity"]}},
        "away": active | {"state.available_from": {"$gt": today.isoformat()}},
        "untrained": active | {"state.trained": False},
        "nominated": {"state.status": "nominated"},
        "paused": {"state.status": "paused"},
        "withdrawn": {"state.status": "withdrawn"},
    }
    return found[shown]


@cache
def _marked() -> dict[str, str]:
    """The letters with marks that each plain letter stands for."""
    found: defaultdict[str, str] = defaultdict(str)
    for letter in map(chr, LATIN):
        plain = unicodedata.normalize("NFKD", letter)[0].lower()
        if plain.isascii() and plain.isalpha():
            found[plain] += letter
    return dict(found)


def pattern_of(word: str) -> str:
    """A regular expression that finds a word's beginning in any case, and letters with marks by the plain ones."""
    plain = "".join(letter for letter in unicodedata.normalize("NFKD", word.lower()) if not unicodedata.combining(letter))
    letters = (f"[{letter}{_marked()[letter]}]" if letter in _marked() else re.escape(letter) for letter in plain)
    return r"(?:^|[\s,\-'’])" + "".join(letters)


def _about(words: str, department: str) -> list[Document]:
    """What the directory must say of a mentor: every word somewhere, and the department."""
    wanted: list[Document] = [{"person.department": department}] if department else []
    for word in words.split()[:MOST_WORDS]:
        seen = {"$regex": pattern_of(word), "$options": "i"}
        wanted.append({"$or": [*({f"person.{field}": seen} for field in SEARCHED), {"_id": word}]})
    return wanted


async def find_mentors(
    db: Database, shown: Filter, words: str, department: str, today: date, after: str | None, limit: int
) -> Sequence[Document]:
    """The stream documents of at most `limit` mentors with ids after `after`."""
    query = store.KNOWN | query_of(shown, today) | ({"_id": {"$gt": after}} if after is not None else {})
    steps: list[Document] = [{"$match": query}, {"$sort": {"_id": 1}}]
    wanted = _about(words, department)
    if wanted:
        join = {"from": DIRECTORY, "localField": "_id", "foreignField": "_id", "as": "person"}
        steps += [{"$lookup": join}, {"$match": {"$and": wanted}}]
    steps += [{"$limit": limit}, {"$project": {"person": 0}}]
    return [document async for document in db[store.MENTORS].aggregate(steps)]
