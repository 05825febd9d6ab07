"""Mistakes that the simulation must find: each a patch of the product's behaviour, in force for one run.

`FOUND` says by which invariant and at which of the first 200 seeds; `python -m tests.simulation --bugs` finds it out anew.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from types import SimpleNamespace
from typing import Any
from unittest import mock

from faststream import AckPolicy
from faststream.kafka.message import KafkaAckableMessage

from services.notifications import sender as senders
from services.notifications import store as ledger
from shared import kafka
from shared.changes import Changes
from shared.events.mentoring import ASSIGNMENTS_TOPIC
from shared.lease import Fence
from shared.mongo import InsertOne, ReplaceOne
from shared.outbox import Relay
from shared.streams import Stream, Streams
from tests.simulation.loop import OWNER

WITHIN = 200


@dataclass(frozen=True, slots=True)
class Bug:
    """One mistake: `words` for the table, and what patches it in."""

    words: str
    patch: Callable[[], Any]


@contextmanager
def _patched(*patches: tuple[Any, str, Any]) -> Iterator[None]:
    with ExitStack() as stack:
        for target, name, value in patches:
            stack.enter_context(mock.patch.object(target, name, value))
        yield


_in_transaction = Changes.in_transaction
_hand_over = senders.Sender._hand_over
_is_repeat = Stream.is_repeat


async def _progress_first(self: Changes, db: Any, **how: Any) -> None:
    if ops := self._guarded.pop("progress", None):
        apart = Changes()
        apart._guarded["progress"] = ops
        await _in_transaction(apart, db)
    await _in_transaction(self, db, **how)


async def _said_before(self: Changes, db: Any, **how: Any) -> None:
    for record in self._records:
        OWNER.get().world.broker.append(
            record["topic"], record["key"], record["value"], [tuple(one) for one in record["headers"]]
        )
    await _in_transaction(self, db, **how)


def _unguarded(self: Streams[Any], changes: Changes) -> None:
    for stream in self._streams.values():
        if stream.changed:
            document = stream.document()
            changes.guarded(
                self.collection, InsertOne(document) if stream.version == 0 else ReplaceOne({"_id": stream.id}, document)
            )
            for event in stream.outgoing:
                changes.publish(event)


async def _marked_before_sent(self: Relay, documents: Sequence[Any], token: Any) -> None:
    await self._fence.check(self._db)
    self._said, self._token = [document["_id"] for document in documents], token
    await self._record()
    await self._send([record for document in documents for record in document["records"]])


async def _recorded_before_sent(self: Any, entry: Any, message: Any, **_: Any) -> Any:
    await self._record([senders._result(entry, "sent", told=message.told, attempted=True)])
    await _hand_over(self, entry, message)
    return senders._result(entry, "sent", told=message.told, attempted=True)


async def _nothing(*_: Any, **__: Any) -> Any:
    return 0


async def _none(*_: Any) -> list[Any]:
    return []


def _deaf_to_matching(self: Stream[Any], event: Any) -> bool:
    return _is_repeat(self, event) or (self.service == "notifications" and event.data.TOPIC == ASSIGNMENTS_TOPIC)


BUGS: Mapping[str, Bug] = {
    "progress apart": Bug(
        "progress moves in a transaction of its own, before the effects",
        lambda: _patched((Changes, "in_transaction", _progress_first)),
    ),
    "acknowledged first": Bug(
        "a batch is acknowledged to Kafka before it is processed (FastStream's default)",
        lambda: _patched((kafka, "AckPolicy", SimpleNamespace(NACK_ON_ERROR=AckPolicy.ACK_FIRST))),
    ),
    "no fence": Bug(
        "the lease's fence guards and checks nothing",
        lambda: _patched((Fence, "guard", lambda *_, **__: None), (Fence, "check", _nothing)),
    ),
    "published before the commit": Bug(
        "events are sent before their transaction commits", lambda: _patched((Changes, "in_transaction", _said_before))
    ),
    "no version guard": Bug("a state is replaced whatever its version", lambda: _patched((Streams, "add_to", _unguarded))),
    "no rewind": Bug(
        "a batch that could not be settled is not fetched again", lambda: _patched((KafkaAckableMessage, "nack", _nothing))
    ),
    "repeats count": Bug(
        "a fact that was applied before is applied again", lambda: _patched((Stream, "is_repeat", lambda *_: False))
    ),
    "deaf to matching": Bug(
        "notifications passes by whom matching gives to whom", lambda: _patched((Stream, "is_repeat", _deaf_to_matching))
    ),
    "marked before sent": Bug(
        "the relay notes its place before the broker has acknowledged", lambda: _patched((Relay, "_publish", _marked_before_sent))
    ),
    "recorded before sent": Bug(
        "a message is recorded as sent before the mail server has it",
        lambda: _patched((senders.Sender, "_hand_over", _recorded_before_sent)),
    ),
    "nothing given back": Bug("what a dead sender had taken is left as it is", lambda: _patched((ledger, "give_back", _nothing))),
    "no sweep": Bug(
        "where the change stream's history is lost, nobody looks for what is unpublished",
        lambda: _patched((Relay, "_unpublished", _none)),
    ),
}

FOUND: Mapping[str, tuple[int, str]] = {
    "progress apart": (3, "dead letters"),
    "acknowledged first": (1, "nothing is stuck"),
    "no fence": (3, "only the holder publishes"),
    "published before the commit": (2, "told once"),
    "no version guard": (2, "read models are the topics"),
    "no rewind": (1, "nothing is stuck"),
    "repeats count": (1, "assigned or waitlisted"),
    "deaf to matching": (2, "the services agree"),
    "marked before sent": (1, "told once"),
    "recorded before sent": (2, "one outcome"),
    "nothing given back": (6, "nothing is stuck"),
    "no sweep": (1, "nothing is stuck"),
}
"""The first seed that finds each, and the invariant that breaks."""


def table() -> str:
    """The table in docs/proof.md."""
    rows = [f"| {bug.words} | {FOUND[name][1]} | {FOUND[name][0]} |" for name, bug in BUGS.items()]
    return "\n".join(["| mistake | what notices | at seed |", "|---|---|---|", *rows])
