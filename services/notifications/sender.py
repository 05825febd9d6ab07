"""Takes due messages from the ledger, writes them, hands them to a channel, and records what became of them.

One sender per channel runs under the service's lease. Several messages are on the way at once; results are recorded in
whatever batches gather while the last batch is being recorded. Between acceptance and record a crash may fall: the
message then goes again with the same Message-ID, and nothing else can double.
"""

import asyncio
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

import jinja2
import structlog
from pydantic import SecretStr

from services.notifications import store
from services.notifications.channels import Channel, Later, Permanent, Temporary, Unreachable
from services.notifications.channels.server import advice
from services.notifications.chat_services import ChatServices
from services.notifications.correspondence import EMAIL, Correspondence, Letter, SendResult
from services.notifications.digest import Told
from services.notifications.entry import HELD, Entry
from services.notifications.handlers import SERVICE, CorrespondenceStream, CorrespondenceWork
from services.notifications.letters import Outgoing, Person, compose
from services.notifications.preferences import Chat
from services.notifications.readers import Readers
from services.notifications.rendering import Renderer, language_of
from services.notifications.retries import Breaker, is_over, pause
from services.notifications.routing import diversion
from services.notifications.sending import address_or_hindrance, people_needed
from services.notifications.summaries import gather
from services.notifications.suppression import Suppression
from services.notifications.timing import URGENT, Hindrance, Timing
from shared import metrics, tracing
from shared.clock import Clock
from shared.clock import now as system_clock
from shared.directory import people
from shared.events import new_event
from shared.lease import Fence
from shared.links import Links
from shared.mongo import Database
from shared.processing import Processor
from shared.refusals import Refused
from shared.streams import Streams

ON_THE_WAY = 64  # per connection: keeps them busy while results are recorded, and bounds what a crash sends again
FRESH_S = 3.0  # what was taken this lately is still ours: a lease has four seconds left at least when its fence stands
LOOK_EVERY_S = 0.1  # what is planned in a burst is looked for together; who comes alone is sent at once
LOOK_S = 0.25  # while nothing on the way arrives, what is newly due is looked for so often
POLL_S = 5.0  # the change stream wakes the sender; this is for the day it does not
TOGETHER = 32  # results that are recorded together, where as many come within this time while others are on the way: one
GATHER_S = 0.25  # transaction costs as much as several results, and what is accepted and not recorded goes again after a crash
STOP_WITHIN_S = 5.0  # what is on the way at an orderly stop gets this long to arrive and be recorded
RECORD_PAUSE_S = 1.0
DATABASE_AWAY = 503
WHENEVER = Timing()

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Draft:
    """A message to be sent with what was known when it was taken; `taken_at` is in seconds of the event loop's clock."""

    entry: Entry
    stream: CorrespondenceStream
    people: Mapping[str, Person]
    taken_at: float
    hindrance: Hindrance | None = None
    summary: Told | None = None
    bounced: frozenset[str] = frozenset()
    chat: Chat | None = None

    @property
    def state(self) -> Correspondence | None:
        """The correspondence that it belongs to."""
        return self.stream.state

    @property
    def letter(self) -> Letter | None:
        """The letter, while it is still wanted."""
        letter = self.state.letter(self.entry.message_id) if self.state else None
        here = letter is not None and letter.status == "planned" and letter.channel == self.entry.channel
        return letter if here else None

    @property
    def counts_for(self) -> str:
        """The reader whose messages of the day it counts among, if it goes."""
        return "" if self.hindrance or self.diversion or self.entry.template in URGENT else self.entry.recipient_id

    @property
    def diversion(self) -> tuple[str, str] | None:
        """Why and by which other channel it goes; None where it goes by this one."""
        return diversion(self.entry, self.chat)


class Sender:
    """Sends what is due on one channel, under the lease that `fence` proves."""

    def __init__(
        self,
        *,
        db: Database,
        channel: Channel,
        processor: Processor,
        renderer: Renderer,
        web_url: str,
        links: Links,
        fence: Fence,
        timing: Timing = WHENEVER,
        suppression: Suppression | None = None,
        services: ChatServices | None = None,
        clock: Clock = system_clock,
    ) -> None:
        self._db = db
        self._channel = channel
        self._processor = processor
        self._renderer = renderer
        self._web_url = web_url
        self._links = links
        self._fence = fence
        self._timing = timing
        self._suppression = suppression or Suppression(SecretStr(""))
        self._services = services or {}
        self._clock = clock
        self._breaker = Breaker()
        self._fallback = EMAIL if channel.name != EMAIL else None
        self._slots = asyncio.Semaphore(channel.width)
        self._taken: dict[str, Draft] = {}  # and not recorded yet
        self._on_the_way: set[asyncio.Task[SendResult | None]] = set()
        self._arrived: set[asyncio.Task[SendResult | None]] = set()  # what is being recorded
        self._recording: asyncio.Task[None] | None = None
        self._finished = 0  # of those on the way
        self._enough = asyncio.Event()

    async def run(self) -> None:
        """Send until cancelled; what is on the way then is finished and recorded first.

        Raises `LeaseLost`, and PyMongoError as it comes.
        """
        await store.give_back(self._db, self._channel.name, self._fence.number, self._clock(), own=True)
        try:
            while True:
                looked_at = asyncio.get_running_loop().time()
                await self.drain()
                await self._rest()
                await asyncio.sleep(looked_at + LOOK_EVERY_S - asyncio.get_running_loop().time())
        finally:
            await self._finish()

    async def drain(self) -> None:
        """Send until nothing is due, nothing is on the way and everything is recorded."""
        await store.give_back(self._db, self._channel.name, self._fence.number, self._clock(), own=False)
        more_due = True
        while True:
            if room := self._room() if more_due else 0:
                drafts = await self._take(room)
                more_due = len(drafts) == room
                self._send_off(drafts)
            if not self._on_the_way and self._recording is None:
                return
            more_due |= await self._collect()

    def _room(self) -> int:
        """How many to take now: none before half is done, so that the queries of a taking serve many messages."""
        if self._breaker.is_resting(self._clock()):
            return 0
        most = ON_THE_WAY * self._channel.width if self._breaker.is_whole or self._is_given_up() else 1
        room = most - len(self._on_the_way) - len(self._arrived)
        return room if room * 2 >= most else 0

    def _is_given_up(self) -> bool:
        """Whether this channel is away for so long that its messages go by mail."""
        since = self._breaker.failing_since
        return self._fallback is not None and since is not None and self._clock() - since >= self._channel.patience

    async def _collect(self) -> bool:
        """Wait for the first result or the end of a recording, or for a while. True when there may be more to take.

        Results are recorded beside all else, one recording at a time: what arrives meanwhile is the next one.
        """
        recording = self._recording
        first = self._on_the_way if recording is None else {recording}
        done, _ = await asyncio.wait(first, timeout=LOOK_S, return_when=asyncio.FIRST_COMPLETED)
        if done and self._on_the_way:
            await self._gather()
        recorded = recording is not None and recording.done()
        if recorded:
            await self._recorded()
        if self._recording is None:
            self._begin_recording({task for task in self._on_the_way if task.done()})
        return recorded or not done

    def _send_off(self, drafts: Iterable[Draft]) -> None:
        tasks = {asyncio.create_task(self._deliver(draft), name=draft.counts_for) for draft in drafts}
        self._on_the_way |= tasks
        for task in tasks:
            task.add_done_callback(self._arrive)

    def _arrive(self, _: object) -> None:
        self._finished += 1
        if self._is_enough():
            self._enough.set()

    def _is_enough(self) -> bool:
        """Whether what has arrived is worth a transaction: many, or all there is."""
        return self._finished >= min(TOGETHER, len(self._on_the_way))

    async def _gather(self) -> None:
        """Wait for company for the first result."""
        if self._is_enough():
            return
        self._enough.clear()
        with suppress(TimeoutError):
            async with asyncio.timeout(GATHER_S):
                await self._enough.wait()

    def _begin_recording(self, finished: set[asyncio.Task[SendResult | None]]) -> None:
        self._on_the_way -= finished
        self._finished -= len(finished)
        if results := _results(finished):
            self._arrived = finished
            self._recording = asyncio.create_task(self._record(results))

    async def _recorded(self) -> None:
        """The end of the recording under way, if there is one."""
        if self._recording is not None:
            await self._recording
        self._recording, self._arrived = None, set()

    async def _rest(self) -> None:
        """Until something is planned, the next message is due, or the channel's rest is over, in which nothing can be sent.

        The database is asked to tell of news only now: while messages are sent, their own changes would be most of it, and the
        ledger is looked at all the time anyway.
        """
        now = self._clock()
        if self._breaker.is_resting(now) and self._breaker.rests_until is not None:
            await asyncio.sleep(min((self._breaker.rests_until - now).total_seconds(), POLL_S))
            return
        since = await store.moment(self._db)  # before the look, so that nothing falls between
        due = await store.next_due(self._db, self._channel.name)
        seconds = min((due - now).total_seconds(), POLL_S) if due else POLL_S
        with suppress(TimeoutError):
            async with asyncio.timeout(max(seconds, 0.01)):  # unlike wait_for, it never swallows a cancellation
                await store.news(self._db, since)

    async def _finish(self) -> None:
        """Give what is on the way a moment to arrive, and record it."""
        late: set[asyncio.Task[SendResult | None]] = set()
        if self._on_the_way:
            _, late = await asyncio.wait(self._on_the_way, timeout=STOP_WITHIN_S)
        for task in late:
            task.cancel()
        with suppress(TimeoutError):
            async with asyncio.timeout(STOP_WITHIN_S):
                await self._recorded()
                self._begin_recording(self._on_the_way - late)
                await self._recorded()
        self._on_the_way.clear()

    async def _take(self, limit: int) -> list[Draft]:
        await self._fence.check(self._db)
        taken_at = asyncio.get_running_loop().time()
        entries = await store.claim(self._db, self._channel.name, limit, self._fence.number, self._clock())
        if not entries:
            return []
        streams = Streams(store.CORRESPONDENCES, Correspondence, SERVICE)
        await streams.load(self._db, (entry.employee_id for entry in entries))
        named = {id for entry in entries for id in people_needed(entry, streams[entry.employee_id].state)}
        now = self._clock()
        summaries = await gather(self._db, entries, now)
        known = await people(self._db, named | summaries.people)
        recipients = [known[each.recipient_id] for each in entries if each.recipient_id in known]
        bounced, readers = await asyncio.gather(
            self._suppression.among(self._db, recipients),
            Readers.load(self._db, self._timing, entries, known, self._counted(), now, self._services),
        )
        drafts = [
            Draft(
                entry,
                streams[entry.employee_id],
                readers.people,
                taken_at,
                summary=summaries.about(entry, known, now),
                bounced=bounced,
            )
            for entry in entries
        ]
        wished = [_as_reader_wishes(draft, readers) for draft in drafts]
        self._taken |= {draft.entry.message_id: draft for draft in wished}
        return wished

    def _counted(self) -> list[str]:
        """The readers of what is on its way or not recorded yet, urgent messages aside."""
        return [name for task in self._on_the_way | self._arrived if (name := task.get_name())]

    async def _deliver(self, draft: Draft) -> SendResult | None:
        """Everything that can happen to one message, as a result; None for one that another sender has taken over."""
        async with self._slots:
            waited = asyncio.get_running_loop().time() - draft.taken_at
            if waited > FRESH_S and not await store.is_held(self._db, draft.entry):
                self._taken.pop(draft.entry.message_id, None)
                return None
            if self._breaker.is_resting(self._clock()) and not draft.diversion:  # it broke while this message waited its turn
                if self._is_given_up():
                    return _result(draft.entry, "failed", "channel_away", instead=self._fallback)
                return _result(draft.entry, "deferred", "channel_resting", retry_at=self._breaker.rests_until)
            return await self._traced_attempt(draft)

    async def _traced_attempt(self, draft: Draft) -> SendResult:
        """An attempt as a step below the plan of the message; what is recorded of it is a step below this one."""
        entry = draft.entry
        span = tracing.step(f"send {entry.template}", entry.traceparent, entry.message_id, str(entry.revision))
        result = await self._attempt(draft)
        if span is None:
            return result
        told = {
            "outcome": result.outcome,
            "reason": result.reason,
            "channel": self._channel.name,
            "recipient": entry.recipient_id,
        }
        span.attributes = {f"firstmate.{name}": value for name, value in told.items() if value is not None}
        span.fault = result.reason if result.outcome == "failed" else None
        tracing.tell([span])
        return result.model_copy(update={"traceparent": span.context})

    async def _attempt(self, draft: Draft) -> SendResult:
        entry, letter, now = draft.entry, draft.letter, self._clock()
        if draft.state is None or letter is None:
            return _result(entry, "suppressed", "withdrawn")
        if (unsent := _without_sending(draft)) is not None:
            return unsent
        handle = draft.chat.handle if draft.chat and entry.channel != EMAIL else None
        found = draft.hindrance or address_or_hindrance(entry, draft.state, draft.people, now, handle)
        if isinstance(found, Hindrance):
            return _hindered(entry, found)
        if draft.bounced and handle is None and self._suppression.digest(found) in draft.bounced:
            return _result(entry, "suppressed", "address_bounced")
        try:
            message = self._compose(draft, letter, draft.state, found, now)
        except (jinja2.TemplateError, TypeError, ValueError, AttributeError) as error:
            log.error("template_failed", template=entry.template, message_id=entry.message_id, error=type(error).__name__)
            return self._later(entry, "template_failed", now)
        language = message.rendered.language
        missed = language if language != language_of(draft.people.get(entry.recipient_id, {}).get("locale"), language) else None
        return await self._hand_over(entry, message, rendered_at=now, written_in=missed)

    def _compose(self, draft: Draft, letter: Letter, state: Correspondence, address: str, now: datetime) -> Outgoing:
        about = {"summary": draft.summary}
        return compose(letter, state, draft.people, address, self._renderer, self._web_url, self._links, now, about)

    async def _hand_over(self, entry: Entry, message: Outgoing, **written: Any) -> SendResult:
        try:
            await self._channel.send(message, self._clock())
        except Permanent as error:
            return _result(entry, "failed", error.reason, attempted=True, instead=self._fallback, **written)
        except Later as error:
            return _result(entry, "deferred", error.reason, retry_at=self._clock() + error.after, **written)
        except Temporary as error:
            again = self._when_reachable if isinstance(error, Unreachable) else self._later
            return again(entry, error.reason, self._clock(), **written)
        except Exception as error:
            log.error("channel_failed", channel=self._channel.name, message_id=entry.message_id, error=type(error).__name__)
            return self._later(entry, "channel_failed", self._clock(), **written)
        self._breaker.mend()
        return _result(entry, "sent", told=message.told, attempted=True, **written)

    def _when_reachable(self, entry: Entry, reason: str, now: datetime, **written: Any) -> SendResult:
        if not self._breaker.is_resting(now):
            log.warning("channel_unreachable", channel=self._channel.name, reason=reason, advice=advice(reason))
        until = self._breaker.trip(now)
        # Where no other channel takes its place, it waits for as long as it is worth its reader's time.
        if self._fallback is not None and is_over(entry.first_taken_at, now, self._channel.patience):
            return _result(entry, "failed", reason, instead=self._fallback, **written)
        return _result(entry, "deferred", reason, retry_at=until, **written)

    def _later(self, entry: Entry, reason: str, now: datetime, **written: Any) -> SendResult:
        if is_over(entry.first_tried_at, now, self._channel.patience):
            return _result(entry, "failed", reason, attempted=True, instead=self._fallback, **written)
        retry_at = now + pause(entry.attempts + 1, entry.message_id)
        return _result(entry, "deferred", reason, retry_at=retry_at, attempted=True, **written)

    async def _record(self, results: Sequence[SendResult]) -> None:
        """Record results, however long the database stays away: one forgotten would send its message again."""
        while not await self._is_recorded(results):
            log.warning("record_waits", results=len(results))
            await asyncio.sleep(RECORD_PAUSE_S)
        for result in results:
            self._taken.pop(result.message_id, None)

    async def _is_recorded(self, results: Sequence[SendResult]) -> bool:
        try:
            await self._execute(results)
        except Refused as error:
            if error.status == DATABASE_AWAY:
                return False
            await self._record_apart(results, error)
        except Exception as error:
            await self._record_apart(results, error)
        return True

    async def _record_apart(self, results: Sequence[SendResult], error: Exception) -> None:
        """One bad result must not cost the others their record, nor send its own message for ever."""
        if len(results) > 1:
            for result in results:
                await self._record([result])
            return
        for result in results:
            log.error("recorded_in_ledger_alone", message_id=result.message_id, error=type(error).__name__)
            await store.settle_alone(self._db, result, self._clock())

    async def _execute(self, results: Sequence[SendResult]) -> None:
        now = self._clock()
        source = f"/firstmate/notifications/{self._channel.name}"
        drafts = [draft for one in results if (draft := self._taken.get(one.message_id))]

        def knowing(work: CorrespondenceWork) -> None:
            work.know((draft.stream for draft in drafts), (draft.entry for draft in drafts))

        await self._processor.execute(
            [new_event(one, source=source, id=one.message_id, time=now, traceparent=one.traceparent) for one in results],
            knowing=knowing,
        )
        for outcome, count in Counter(result.outcome for result in results).items():
            metrics.MESSAGES.labels(self._channel.name, outcome).inc(count)


def _as_reader_wishes(draft: Draft, readers: Readers) -> Draft:
    """With where and when its reader gets it."""
    letter, state = draft.letter, draft.state
    if letter is None or state is None:
        return draft
    if chat := readers.chat(letter):
        draft = replace(draft, chat=chat)
    if draft.diversion or (hindrance := readers.hindrance(letter, state)) is None:
        return draft
    return replace(draft, hindrance=hindrance)


def _without_sending(draft: Draft) -> SendResult | None:
    """What becomes of a message that goes by another channel, or has nothing to say; None for one that is to be sent."""
    if draft.diversion is not None:
        reason, channel = draft.diversion
        return _result(draft.entry, "suppressed", reason, instead=channel)
    if draft.summary is not None and not draft.summary.says_anything:
        return _result(draft.entry, "suppressed", "nothing_to_tell")
    return None


def _results(tasks: Iterable[asyncio.Task[SendResult | None]]) -> list[SendResult]:
    return [result for task in tasks if (result := task.result()) is not None]


def _hindered(entry: Entry, hindrance: Hindrance) -> SendResult:
    if hindrance.retry_at is None:
        return _result(entry, "suppressed", hindrance.reason)
    attempted = hindrance.reason not in HELD  # what only waits for its hour fares no worse for it
    return _result(entry, "deferred", hindrance.reason, retry_at=hindrance.retry_at, attempted=attempted)


def _result(entry: Entry, outcome: Any, reason: str | None = None, **more: Any) -> SendResult:
    return SendResult(
        employee_id=entry.employee_id,
        message_id=entry.message_id,
        outcome=outcome,
        reason=reason,
        traceparent=entry.traceparent,
        **more,
    )
