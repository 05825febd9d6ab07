"""Addresses that mail came back from: nothing goes there until a person has another one. Collection `suppressed`.

A document is `{_id: digest of the address, recipient_id, message_id, status, at}`. The digest is keyed with the deployment's
secret: the collection holds no address, and whoever has it alone learns none.
"""

import hashlib
import hmac
from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, SecretStr

from services.notifications.bounces import Bounce
from services.notifications.letters import Person
from shared.directory import people
from shared.languages import N_
from shared.mongo import DESCENDING, Database, Document, UpdateOne
from shared.refusals import not_found

COLLECTION = "suppressed"
MOST_LISTED = 500  # who has more than that has a mail server with a fault, not people without addresses


class Bounced(BaseModel):
    """Somebody whom mail does not reach: the status of the last report, when it came, and the message it was about."""

    model_config = ConfigDict(extra="ignore", populate_by_name=True)

    address: str = Field(validation_alias="_id", description="A keyed digest of the address.")
    recipient_id: str
    message_id: str
    status: str
    at: datetime


class Suppression:
    """Knows addresses again by their digests."""

    def __init__(self, secret: SecretStr) -> None:
        self._key = hashlib.sha256(b"firstmate.suppression." + secret.get_secret_value().encode()).digest()

    def digest(self, address: str) -> str:
        """64 hex digits, the same for one address however it is capitalised."""
        return hmac.digest(self._key, address.strip().casefold().encode(), "sha256").hex()

    async def among(self, db: Database, known: Iterable[Person]) -> frozenset[str]:
        """The digests of those people's addresses that mail came back from, in one query."""
        digests = sorted({digest for person in known for digest in self._digests(person)})
        if not digests:
            return frozenset()
        return frozenset([found["_id"] async for found in db[COLLECTION].find({"_id": {"$in": digests}}, {"_id": 1})])

    async def present(self, db: Database) -> list[Bounced]:
        """Those whose address still is one that mail came back from, last first."""
        cursor = db[COLLECTION].find().sort([("at", DESCENDING), ("_id", DESCENDING)]).limit(MOST_LISTED)
        found = [Bounced.model_validate(document) async for document in cursor]
        known = await people(db, {each.recipient_id for each in found})
        return [each for each in found if each.address in self._digests(known.get(each.recipient_id, {}))]

    def _digests(self, person: Mapping[str, Any]) -> set[str]:
        return {self.digest(person[name]) for name in ("work_email", "personal_email") if person.get(name)}


def suppressing(bounce: Bounce, now: datetime) -> UpdateOne:
    """What is kept of a permanent report."""
    kept: Document = {"recipient_id": bounce.recipient_id, "message_id": bounce.message_id, "status": bounce.status, "at": now}
    return UpdateOne({"_id": bounce.address}, {"$set": kept}, upsert=True)


async def lift(db: Database, address: str) -> None:
    """Write to this address again. Raises `Refused` (404) where it was not suppressed."""
    if (await db[COLLECTION].delete_one({"_id": address})).deleted_count != 1:
        raise not_found(N_("mail to this address is not held back; the listing names those it is"))
