"""The ledger: every message that was or will be sent, with each step it took. Collection `messages`.

A document is `{_id: message id, employee_id, template, recipient_id, recipient_role, channel, cause, state, reason, due_at,
planned_at, settled_at, attempts, fence, claim, revision, transitions: [{state, at, reason?}], traceparent?}`. It holds ids and
codes, no name and no address. `revision` moves with each step and guards it; `traceparent` joins the sending to the trace of what
the message tells of.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from contextlib import suppress
from datetime import datetime
from typing import Any

from bson import ObjectId, Timestamp

from services.notifications.correspondence import EMAIL, Letter, SendResult
from services.notifications.domain import Hasten, Plan, Withdraw
from services.notifications.entry import ADDRESS_CHANGED, FINAL, HELD, PREFERS_CHAT, UNCERTAIN, WAITING, Entry, LedgerState
from services.notifications.preferences import Asked, Chosen, Preferences
from services.notifications.timing import URGENT
from shared import metrics, tracing
from shared.changes import Changes
from shared.mongo import ASCENDING, DESCENDING, Database, Document, IndexModel, OperationFailure, UpdateOne, WriteOp
from shared.tracing import Span

MESSAGES = "messages"
CORRESPONDENCES = "correspondences"
PREFERENCES = "preferences"
WAKING: list[Document] = [
    {
        "$match": {
            "$or": [
                {"operationType": "insert"},
                {"operationType": "update", "updateDescription.updatedFields.state": {"$in": list(WAITING)}},
            ]
        }
    },
    {"$project": {"_id": 1}},
]
"""What wakes a sender: a message that is new, or waits again."""
OPEN: tuple[LedgerState, ...] = (*WAITING, "sending")
"""What has no result yet."""
UNSETTLED: Document = {"settled_at": None}
"""The same, as the index of what waits knows it: a question that doesn't say so looks at the whole ledger."""
FORMER_INDEXES = ("channel_1_state_1_due_at_1", "recipient_id_1_state_1_settled_at_1")
ARRIVED: tuple[LedgerState, ...] = ("sent", "confirmed")  # what its reader has


class Ledger:
    """The ledger's part in one attempt: the entries its results are about, and what becomes of them."""

    def __init__(self) -> None:
        self._entries: dict[str, Entry] = {}
        self._guarded: list[WriteOp] = []
        self._ops: list[WriteOp] = []
        self._planned: list[Document] = []
        self._spans: list[Span] = []

    def know(self, entries: Iterable[Entry]) -> None:
        """Entries as they were read a while ago."""
        self._entries |= {entry.message_id: entry for entry in entries}

    async def load(self, db: Database, message_ids: Iterable[str]) -> None:
        """Read these entries, in one query, but for those that are known."""
        wanted = sorted(set(message_ids) - self._entries.keys())
        if wanted:
            self._entries |= {entry.message_id: entry for entry in await entries(db, {"_id": {"$in": wanted}})}

    def open_entry(self, message_id: str) -> Entry | None:
        """The entry if it still has no result, else None."""
        entry = self._entries.get(message_id)
        # A withdrawn message may have been on its way already: what really became of it counts.
        withdrawn = entry is not None and entry.reason == "withdrawn"
        return entry if entry is not None and (entry.state not in FINAL or withdrawn) else None

    def entry(self, message_id: str) -> Entry | None:
        """The entry as it was loaded, None where there is none."""
        return self._entries.get(message_id)

    def report(self, entry: Entry, state: LedgerState, reason: str, now: datetime) -> None:
        """Record what a mail server said of a message later: a new state, or a note beside the present one."""
        step = _moved(state, now, reason)
        if state == entry.state:
            del step["$set"]
        elif state == "failed" or entry.state not in FINAL:  # what had arrived as far as we knew is lost from now on
            step["$set"]["settled_at"] = now
        self._guarded.append(UpdateOne({"_id": entry.message_id, "revision": entry.revision}, step))
        del self._entries[entry.message_id]

    def reopen(self, entry: Entry, now: datetime) -> None:
        """Make due again, under its own key, what could not be delivered where it was to go."""
        here = {"_id": entry.message_id, "revision": entry.revision}
        self._guarded.append(UpdateOne(here, _moved("due", now, ADDRESS_CHANGED, {"due_at": now})))

    def plan(self, employee_id: str, plan: Plan, now: datetime, traceparent: str | None = None) -> None:
        """Enter the letter. A key that the ledger holds already is left as it is: nothing goes twice."""
        letter = plan.letter
        step = _waiting(letter, now)
        if span := tracing.step(f"plan {letter.template}", traceparent, letter.id, recipient=letter.recipient_id):
            self._spans.append(span)
            traceparent = span.context
        traced = {"traceparent": traceparent} if traceparent else {}
        if plan.again:
            back = {"_id": letter.id, "state": "suppressed", "reason": "withdrawn"}
            changed = {"due_at": letter.due_at, **traced}
            self._ops.append(UpdateOne(back, _moved(step, now, changed=changed)))
            return
        self._planned.append({"_id": letter.id, **_document(employee_id, letter, step, now), **traced})

    def divert(self, entry: Entry, letter: Letter, now: datetime) -> None:
        """Enter this entry's letter on the channel it goes by now: anew by chat, or again by mail, which it was planned for."""
        if letter.channel != EMAIL:
            traced = {"traceparent": entry.traceparent} if entry.traceparent else {}
            document = _document(entry.employee_id, letter, _waiting(letter, now), now) | traced
            self._ops.append(UpdateOne({"_id": letter.id}, {"$setOnInsert": document}, upsert=True))
            return
        left = {"_id": letter.id, "state": "suppressed", "reason": PREFERS_CHAT}
        back = _moved("due", now, f"instead_of_{entry.channel}", {"due_at": now})
        self._ops.append(UpdateOne(left, back))

    def hasten(self, hasten: Hasten, now: datetime) -> None:
        """Make the letter due earlier."""
        letter = hasten.letter
        step = _moved(_waiting(letter, now), now, changed={"due_at": letter.due_at})
        self._ops.append(UpdateOne({"_id": letter.id, "state": "planned"}, step))

    def withdraw(self, withdraw: Withdraw, now: datetime) -> None:
        """Keep the letter from being sent. One that is being sent just now is left to its result, and one that may have arrived
        to the sender, which tells what follows from that."""
        tried = {"transitions.reason": {"$nin": list(UNCERTAIN)}}
        waiting = {"_id": withdraw.letter.id, "state": {"$in": list(WAITING)}, **tried}
        self._ops.append(UpdateOne(waiting, _moved("suppressed", now, "withdrawn", {"settled_at": now})))

    def settle(self, entry: Entry, result: SendResult, now: datetime) -> None:
        """Record what became of an attempt to send."""
        here = {"_id": entry.message_id, "revision": entry.revision}
        self._guarded.append(UpdateOne(here, _outcome(result, now)))
        del self._entries[entry.message_id]

    def add_to(self, changes: Changes) -> None:
        """Hand everything to the transaction."""
        for op in self._guarded:
            changes.guarded(MESSAGES, op)
        for document in self._planned:
            changes.add(MESSAGES, document, UpdateOne({"_id": document["_id"]}, {"$setOnInsert": document}, upsert=True))
        for op in self._ops:
            changes.write(MESSAGES, op)
        changes.spans += self._spans


def _waiting(letter: Letter, now: datetime) -> LedgerState:
    return "due" if letter.due_at <= now else "planned"


def _document(employee_id: str, letter: Letter, state: LedgerState, now: datetime) -> Document:
    steps: list[LedgerState] = ["planned"] if state == "planned" else ["planned", "due"]
    return {
        "employee_id": employee_id,
        "template": letter.template,
        "recipient_id": letter.recipient_id,
        "recipient_role": letter.role,
        "channel": letter.channel,
        "cause": letter.cause,
        "state": state,
        "reason": None,
        "due_at": letter.due_at,
        "planned_at": now,
        "settled_at": None,
        "attempts": 0,
        "fence": None,
        "claim": None,
        "revision": 1,
        "transitions": [{"state": step, "at": now} for step in steps],
    }


def _outcome(result: SendResult, now: datetime) -> Document:
    deferred = result.outcome == "deferred"
    state: LedgerState = "due" if result.outcome == "deferred" else result.outcome
    changed = {"due_at": result.retry_at} if deferred else {"settled_at": now}
    step = _moved(state, now, result.reason, changed)
    step["$inc"]["attempts"] = int(result.attempted)
    if deferred and not result.attempted:
        step["$push"]["transitions"]["untried"] = True
    before: list[Document] = []
    if result.rendered_at is not None:  # kept with the result: a round trip of its own would halve the rate
        reason = {"reason": f"written_in_{result.written_in}"} if result.written_in else {}
        before.append({"state": "rendered", "at": result.rendered_at} | reason)
    if result.failed_by is not None:
        before.append({"state": "due", "at": now, "reason": result.failed_by})
    if before:
        step["$push"]["transitions"] = {"$each": [*before, step["$push"]["transitions"]]}
    return step


def _moved(state: LedgerState, at: datetime, reason: str | None = None, changed: Mapping[str, Any] | None = None) -> Document:
    """A step to a state; what waits again has no result, whatever it had."""
    step = {"state": state, "at": at} | ({"reason": reason} if reason is not None else {})
    return {
        "$set": {"state": state, "reason": reason, **(UNSETTLED if state in OPEN else {}), **(changed or {})},
        "$push": {"transitions": step},
        "$inc": {"revision": 1},
    }


async def claim(db: Database, channel: str, limit: int, fence: int, now: datetime) -> list[Entry]:
    """Take up to `limit` messages that are due on this channel, longest due first, for the holder of `fence`.

    No two claims get the same message, whoever makes them.
    """
    due = {"state": {"$in": list(WAITING)}, "channel": channel, "due_at": {"$lte": now}, **UNSETTLED}
    ids = [found["_id"] async for found in db[MESSAGES].find(due, {"_id": 1}).sort("due_at", ASCENDING).limit(limit)]
    if not ids:
        return []
    became_due = {"$cond": [{"$eq": ["$state", "planned"]}, [{"state": "due", "at": "$due_at"}], []]}
    mark = str(ObjectId())
    take = {
        "state": "sending",
        "fence": fence,
        "claim": mark,
        "revision": {"$add": ["$revision", 1]},
        "transitions": {"$concatArrays": ["$transitions", became_due, [{"state": "sending", "at": now}]]},
    }
    await db[MESSAGES].update_many({"_id": {"$in": ids}, **due}, [{"$set": take}])
    return await entries(db, {"_id": {"$in": ids}, "claim": mark})


async def is_held(db: Database, entry: Entry) -> bool:
    """Whether a message is still this claim's to send."""
    return (
        await db[MESSAGES].find_one({"_id": entry.message_id, "state": "sending", "claim": entry.claim}, {"_id": 1}) is not None
    )


async def give_back(db: Database, channel: str, fence: int, now: datetime, *, own: bool) -> int:
    """Make due again what this channel's senders took and never settled: those before this taking of the lease, and `own` ones
    too at the start of a run. Returns how many; each may have been accepted already, and goes again under the same Message-ID."""
    abandoned = {"state": "sending", "channel": channel, "fence": {"$lte" if own else "$lt": fence}, **UNSETTLED}
    return (await db[MESSAGES].update_many(abandoned, _moved("due", now, "abandoned", {"due_at": now}))).modified_count


async def settle_alone(db: Database, result: SendResult, now: datetime) -> None:
    """Record a final result in the ledger without the correspondence: the last resort against sending the same for ever.

    One that goes by another channel instead was not sent, and is looked at again with the next taking of the lease.
    """
    if result.instead is not None:
        return
    await db[MESSAGES].update_one({"_id": result.message_id, "state": "sending"}, _outcome(result, now))


async def next_due(db: Database, channel: str) -> datetime | None:
    """When the next waiting message of this channel is due, None when none waits."""
    waiting = {"state": {"$in": list(WAITING)}, "channel": channel, **UNSETTLED}
    found = await db[MESSAGES].find_one(waiting, {"due_at": 1}, sort=[("due_at", ASCENDING)])
    return found["due_at"] if found else None


async def moment(db: Database) -> Timestamp:
    """The first moment of the database's own clock that nothing has happened at yet."""
    last: Timestamp = (await db.command("ping"))["operationTime"]
    return Timestamp(last.time, last.inc + 1)


async def news(db: Database, since: Timestamp) -> None:
    """Until a message is new, or waits again, on whatever channel; what happened from the moment `since` on counts."""
    async with db[MESSAGES].watch(WAKING, start_at_operation_time=since, max_await_time_ms=1_000) as changes:
        await changes.next()


async def sent_since(db: Database, days: Mapping[str, datetime]) -> dict[str, int]:
    """How many messages that are not urgent each person got since their day began."""
    if not days:
        return {}
    got = [{"recipient_id": id, "state": {"$in": list(ARRIVED)}, "settled_at": {"$gte": since}} for id, since in days.items()]
    counted: list[Document] = [
        {"$match": {"$or": got, "template": {"$nin": sorted(URGENT)}}},
        {"$group": {"_id": "$recipient_id", "count": {"$sum": 1}}},
    ]
    return {found["_id"]: found["count"] async for found in db[MESSAGES].aggregate(counted)}


async def stranded(db: Database, channels: Iterable[str], limit: int) -> list[Entry]:
    """What waits on a channel that is none of these: nobody would ever send it."""
    return await entries(db, {"channel": {"$nin": sorted(channels)}, "state": {"$in": list(OPEN)}, **UNSETTLED}, limit)


async def preferences_of(db: Database, ids: Iterable[str]) -> dict[str, Chosen]:
    """What these people chose; those who chose nothing are not in it."""
    query = {"_id": {"$in": sorted(set(ids))}}
    return {found["_id"]: Chosen.model_validate(found) async for found in db[PREFERENCES].find(query)}


async def prefer(db: Database, employee_id: str, preferences: Preferences, now: datetime) -> None:
    """Keep what a person chose, and look again at what waits for them because of what they had chosen before."""
    chosen = preferences.model_dump(mode="json", include=set(Preferences.model_fields))
    await db[PREFERENCES].update_one({"_id": employee_id}, {"$set": chosen}, upsert=True)
    waits = {"recipient_id": employee_id, "state": "due", "reason": {"$in": list(HELD)}}
    await db[MESSAGES].update_many(waits, _moved("due", now, "preferences_changed", {"due_at": now}))


async def ask_for_chat(db: Database, employee_id: str, asked: Asked, asks: Sequence[datetime]) -> None:
    """Keep a handle until it is proved, with when this person asked lately."""
    kept = {"asked": asked.model_dump(), "asks": list(asks)}
    await db[PREFERENCES].update_one({"_id": employee_id}, {"$set": kept}, upsert=True)


async def confirm_chat(db: Database, employee_id: str, code: str, since: datetime, now: datetime) -> bool:
    """Write to the handle that was asked about since then with this code from now on; False where there is none."""
    asked = {"_id": employee_id, "asked.code": code, "asked.asked_at": {"$gte": since}}
    proved = {"channel": "$asked.channel", "handle": "$asked.handle", "confirmed_at": now}
    steps: list[Document] = [{"$set": {"chat": proved}}, {"$unset": ["asked"]}]
    return (await db[PREFERENCES].update_one(asked, steps)).modified_count == 1


async def forget_chat(db: Database, employee_id: str) -> None:
    """Write to this person by mail alone."""
    await db[PREFERENCES].update_one({"_id": employee_id}, {"$unset": {"chat": "", "asked": ""}})


async def inbox(db: Database, employee_id: str, limit: int) -> list[Entry]:
    """What reached this person, the latest first."""
    arrived = {"recipient_id": employee_id, "state": {"$in": list(ARRIVED)}}
    found = db[MESSAGES].find(arrived).sort("settled_at", DESCENDING).limit(limit)
    return [Entry.model_validate(document) async for document in found]


async def mark_read(db: Database, employee_id: str, now: datetime, ids: Sequence[str] | None = None) -> None:
    """Note that this person has read these messages, or all that they have."""
    unread = {"recipient_id": employee_id, "state": {"$in": list(ARRIVED)}, "read_at": None}
    await db[MESSAGES].update_many(unread | ({"_id": {"$in": list(ids)}} if ids is not None else {}), {"$set": {"read_at": now}})


async def entries(db: Database, query: Document, limit: int = 0) -> list[Entry]:
    """The entries that match, longest due first; all of them without a limit."""
    found = await db[MESSAGES].find(query).sort("due_at", ASCENDING).limit(limit).to_list(None)
    return [Entry.model_validate(document) for document in found]


async def missed_by(db: Database, readers: Collection[str]) -> dict[str, list[Entry]]:
    """What these people did not get by mail because of their address."""
    if not readers:
        return {}
    ended: list[LedgerState] = ["failed", "suppressed"]
    found = await entries(db, {"recipient_id": {"$in": sorted(readers)}, "channel": EMAIL, "state": {"$in": ended}})
    return {id: [each for each in found if each.recipient_id == id and each.has_missed] for id in readers}


async def latest_of(
    db: Database, template: str, recipient_id: str, states: Sequence[LedgerState], before: datetime
) -> Entry | None:
    """The message of this kind to this reader that was planned last before a moment and is in one of these states."""
    query = {"recipient_id": recipient_id, "template": template, "state": {"$in": list(states)}, "planned_at": {"$lt": before}}
    found = await db[MESSAGES].find_one(query, sort=[("planned_at", DESCENDING)])
    return Entry.model_validate(found) if found else None


async def messages_about(db: Database, employee_id: str, after: tuple[datetime, str] | None, limit: int) -> list[Entry]:
    """Messages about an employee in the order they were planned, beginning after the given (planned_at, message id)."""
    query: Document = {"employee_id": employee_id}
    if after is not None:
        planned_at, message_id = after
        query["$or"] = [{"planned_at": {"$gt": planned_at}}, {"planned_at": planned_at, "_id": {"$gt": message_id}}]
    cursor = db[MESSAGES].find(query).sort([("planned_at", ASCENDING), ("_id", ASCENDING)]).limit(limit)
    return [Entry.model_validate(found) async for found in cursor]


async def mentor_of(db: Database, employee_id: str) -> str | None:
    """Who mentors somebody now."""
    found = await db[CORRESPONDENCES].find_one({"_id": employee_id}, {"state.assignment.mentor_id": 1}) or {}
    mentor_id: str | None = ((found.get("state") or {}).get("assignment") or {}).get("mentor_id")
    return mentor_id


async def latest_about(db: Database, employee_id: str, limit: int) -> list[Entry]:
    """Messages about an employee, those planned last first."""
    found = db[MESSAGES].find({"employee_id": employee_id}).sort([("planned_at", DESCENDING), ("_id", DESCENDING)]).limit(limit)
    return [Entry.model_validate(document) async for document in found]


async def measure(db: Database, channels: Iterable[str]) -> None:
    """Tell how many messages wait, by channel and state."""
    for channel in channels:
        for state in OPEN:
            waiting = await db[MESSAGES].count_documents({"channel": channel, "state": state, **UNSETTLED})
            metrics.MAILS.labels(channel, state).set(waiting)


async def ensure_indexes(db: Database) -> None:
    """What is due per channel, what was written about somebody, and what to somebody. Creates the collection: the change stream
    needs it."""
    # What has a result leaves this one: it stays as small as what waits, however much the ledger holds.
    due = IndexModel(
        [("channel", ASCENDING), ("state", ASCENDING), ("due_at", ASCENDING)], name="due", partialFilterExpression=UNSETTLED
    )
    about = IndexModel([("employee_id", ASCENDING), ("planned_at", ASCENDING), ("_id", ASCENDING)])
    reader = IndexModel([("recipient_id", ASCENDING), ("settled_at", ASCENDING)])
    # Messages with a reason are few: what failed, was held back or was not sent.
    troubled = IndexModel([("settled_at", ASCENDING)], partialFilterExpression={"reason": {"$type": "string"}})
    await db[MESSAGES].create_indexes([due, about, reader, troubled])
    for former in FORMER_INDEXES:
        with suppress(OperationFailure):  # a new database never had it
            await db[MESSAGES].drop_index(former)
    expected = {"partialFilterExpression": {"state.status": "expected"}}
    team = IndexModel([("state.manager_id", ASCENDING), ("state.start_date", ASCENDING)], **expected)
    mentored = IndexModel([("state.assignment.mentor_id", ASCENDING)], **expected)
    await db[CORRESPONDENCES].create_indexes([team, mentored])
