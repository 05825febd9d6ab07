"""Load, decide, commit: one batch of facts and sending results becomes states, ledger entries and events in one transaction."""

import asyncio
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any

from services.notifications.bounces import Bounce, next_state
from services.notifications.correspondence import Correspondence, Letter, SendResult, SummaryDue
from services.notifications.domain import Decision, Hasten, Plan, Whereabouts, decide, settle, wanted_now
from services.notifications.entry import UNCERTAIN, Entry, LedgerState
from services.notifications.facts import evolve
from services.notifications.letters import address_of
from services.notifications.store import CORRESPONDENCES, Ledger, missed_by
from services.notifications.suppression import COLLECTION as SUPPRESSED
from services.notifications.suppression import suppressing
from shared.calendar import place
from shared.changes import Changes
from shared.directory import Directory
from shared.events import Event, new_event
from shared.events.hr import HrEvent, Profile
from shared.events.mentoring import AssignmentFact, MentorFact
from shared.events.notifications import MessageFact, MessageFailed, MessageSent, MessageSuppressed
from shared.events.onboarding import JourneyFact, MilestoneEscalated, MilestoneLate, MilestoneReminded
from shared.mongo import Database, UpdateOne
from shared.streams import Stream, Streams

SERVICE = "notifications"
FIELDS = (
    "given_name",
    "family_name",
    "display_name",
    "work_email",
    "personal_email",
    "title",
    "role_family",
    "department",
    "location",
    "time_zone",
    "locale",
    "languages",
    "manager_id",
    "start_date",
    "work_arrangement",
    "skills",
    "interests",
)
"""What messages need of a person: whom to write to, where, in which language, and what pair and manager should know."""

ADDRESSES = ("work_email", "personal_email")
REMINDING = (MilestoneLate, MilestoneReminded, MilestoneEscalated)  # after these somebody may get a reminder
CorrespondenceStream = Stream[Correspondence]


class CorrespondenceWork:
    """One attempt at a batch. `coordinators` are employee ids."""

    def __init__(self, db: Database, coordinators: Sequence[str]) -> None:
        self._db = db
        self._coordinators = coordinators
        self._people = Directory(FIELDS)
        self._ledger = Ledger()
        self._suppressed: list[UpdateOne] = []
        self._missed: dict[str, list[Entry]] = {}
        self.reported: dict[str, LedgerState] = {}
        self.streams = Streams(CORRESPONDENCES, Correspondence, SERVICE)

    def know(self, streams: Iterable[CorrespondenceStream], entries: Iterable[Entry]) -> None:
        """What a sender read when it took the messages; the guards of what is written tell where it is no longer so."""
        self.streams.know(streams)
        self._ledger.know(entries)

    async def load(self, events: Sequence[Event[Any]]) -> None:
        """Read correspondences, ledger entries and people; the readers of reminders too, whose time zones say when those go."""
        await asyncio.gather(
            self.streams.load(self._db, (event.subject for event in events)),
            self._ledger.load(
                self._db, (event.data.message_id for event in events if isinstance(event.data, (SendResult, Bounce)))
            ),
            self._people.load(self._db, (event.subject for event in events if isinstance(event.data, HrEvent))),
        )
        _, self._missed = await asyncio.gather(
            self._people.load(self._db, self._readers(events)), missed_by(self._db, self._readdressed(events))
        )
        await self.streams.load(self._db, {each.employee_id for missed in self._missed.values() for each in missed})

    def _readdressed(self, events: Sequence[Event[Any]]) -> set[str]:
        """Whoever may have another address after these events. Whoever is heard of for the first time has missed nothing."""
        told = [(event.subject, event.data) for event in events if isinstance(event.data, Profile)]
        return {
            id
            for id, data in told
            if (known := self._people.get(id)) is not None
            and any(getattr(data, field) not in (None, known.get(field)) for field in ADDRESSES)
        }

    def _readers(self, events: Sequence[Event[Any]]) -> set[str]:
        """Whoever may be reminded or asked after these events: hires, and those around them where something is late by then."""
        newly = {event.subject for event in events if isinstance(event.data, REMINDING)}
        readers: set[str | None] = set()
        for event in events:
            state = self.streams[event.subject].state
            if isinstance(event.data, (JourneyFact, SummaryDue)) or (state and state.asks):
                readers.add(event.subject)
            if event.subject not in newly and not (state and state.reminds):
                continue
            readers |= {event.subject, *self._coordinators}
            readers |= {getattr(event.data, "mentor_id", None), getattr(event.data, "manager_id", None)}  # who comes by it
            if state is not None:
                readers |= {state.manager_id, state.assignment.mentor_id if state.assignment else None}
        return {id for id in readers if id is not None}

    def decide(self, event: Event[Any], now: datetime) -> None:
        """Fold one event by its cause."""
        for cause, effect in EFFECTS.items():
            if isinstance(event.data, cause):
                effect(self, self.streams[event.subject], event, now)
                return

    def conclude(self, now: datetime) -> None:
        """Nothing is left for the end of a batch."""

    def changes(self) -> Changes:
        """Correspondences, people, ledger entries, and what they say to the other services."""
        changes = Changes()
        self.streams.add_to(changes)
        self._people.add_to(changes)
        self._ledger.add_to(changes)
        for op in self._suppressed:
            changes.write(SUPPRESSED, op)
        return changes

    def learn_person_on_hr_event(self, stream: CorrespondenceStream, event: Event[HrEvent], now: datetime) -> None:
        """HR's facts change the directory as well as the correspondence."""
        if not stream.is_repeat(event) and not self._people.is_overtaken(event):
            before = address_of(self._people.get(event.subject) or {}, now)
            self._people.apply(event, now)
            self.write_letters_on_fact(stream, event, now)
            if address_of(self._people.get(event.subject) or {}, now) not in (None, before):
                self._send_what_was_missed(event.subject, now)

    def _send_what_was_missed(self, reader_id: str, now: datetime) -> None:
        """What this reader did not get at their old address goes to the new one, where it still tells what holds. How long a
        message is worth reading counts from when it was first due, and is asked when it goes."""
        for entry in self._missed.pop(reader_id, []):
            stream = self.streams[entry.employee_id]
            letter = stream.state.letters.get(entry.message_id) if stream.state else None
            if stream.state is None or letter is None or letter.status not in ("failed", "suppressed"):
                continue
            if letter.key in wanted_now(stream.state, self._coordinators):
                self._ledger.reopen(entry, now)
                waits = letter.model_copy(update={"status": "planned"})
                stream.put(stream.state.model_copy(update={"letters": stream.state.letters | {letter.key: waits}}))

    def write_letters_on_fact(self, stream: CorrespondenceStream, event: Event[Any], now: datetime) -> None:
        """Plan, hasten and withdraw what follows from a fact that was not applied before."""
        if stream.is_repeat(event):
            return
        before, after = stream.state, evolve(stream.state, event, now)
        if before is not None and after == before and event.sequence is not None:
            # What changes nothing is not noted either: told again it changes nothing again, unless a later fact of the same
            # stream lies between, and that one's note covers it.
            return
        stream.remember(event)
        stream.put(after)
        self._catch_up(stream, event, now)

    def record_outcome_on_send_result(self, stream: CorrespondenceStream, event: Event[SendResult], now: datetime) -> None:
        """Settle an attempt in the ledger, tell the other services, and plan what follows from who has now been told what."""
        result = event.data
        entry = self._ledger.open_entry(result.message_id)
        if entry is None:
            return
        letter = stream.state.letter(result.message_id) if stream.state else None
        if letter is not None and letter.is_withdrawn and (result.outcome == "deferred" or result.instead):
            settled = {"outcome": "suppressed", "reason": "withdrawn", "retry_at": None, "instead": None}
            result = result.model_copy(update=settled | {"failed_by": result.reason if result.attempted else None})
        if result.reason == "withdrawn" and (entry.may_have_arrived or event.data.reason in UNCERTAIN) and stream.state:
            result = result.model_copy(update={"perhaps_told": True, "told": stream.state.start_date})
        self._ledger.settle(entry, result, now)
        if result.instead is not None and letter is not None:
            self._divert(stream, entry, letter.model_copy(update={"channel": result.instead}), now)
            return
        if result.outcome == "deferred" or letter is None or stream.state is None:
            return
        if not letter.is_withdrawn or result.reason != "withdrawn":  # the withdrawal was told when it was decided
            stream.emit(_outcome(letter, result), now, event)
        stream.put(evolve(stream.state, replace(event, data=result), now))
        self._catch_up(stream, event, now)

    def _divert(self, stream: CorrespondenceStream, entry: Entry, letter: Letter, now: datetime) -> None:
        """The letter goes by another channel: for the other services nothing is decided yet."""
        if stream.state is None:
            return
        self._ledger.divert(entry, letter, now)
        stream.put(stream.state.model_copy(update={"letters": stream.state.letters | {letter.key: letter}}))

    def record_report_on_bounce(self, stream: CorrespondenceStream, event: Event[Bounce], now: datetime) -> None:
        """What a mail server said of a message after it had accepted it: lost for good, late, or arrived."""
        bounce = event.data
        entry = self._ledger.entry(bounce.message_id)
        state = next_state(entry, bounce) if entry is not None else None
        if entry is None or state is None:
            return
        self._ledger.report(entry, state, bounce.reason, now)
        self.reported[bounce.message_id] = state
        if bounce.is_permanent and bounce.address is not None:
            self._suppressed.append(suppressing(bounce, now))
        letter = stream.state.letters.get(bounce.message_id) if stream.state else None
        if state != "failed" or letter is None or letter.is_withdrawn:
            return
        failed = SendResult(employee_id=bounce.employee_id, message_id=bounce.message_id, outcome="failed", reason=bounce.reason)
        stream.emit(_outcome(letter, failed), now, event)
        as_result = new_event(failed, source=event.source, id=event.id, time=event.time)
        stream.put(evolve(stream.state, as_result, now))
        self._catch_up(stream, event, now)

    def _catch_up(self, stream: CorrespondenceStream, event: Event[Any], now: datetime) -> None:
        if stream.state is None:
            return
        for decision in decide(stream.state, self._where, self._coordinators, now):
            self._enter(stream, decision, event, now)
            stream.put(settle(stream.state, decision))

    def _enter(self, stream: CorrespondenceStream, decision: Decision, event: Event[Any], now: datetime) -> None:
        if isinstance(decision, Plan):
            self._ledger.plan(stream.id, decision, now, event.traceparent)
        elif isinstance(decision, Hasten):
            self._ledger.hasten(decision, now)
        else:
            self._ledger.withdraw(decision, now)
            stream.emit(MessageSuppressed(**_address(decision.letter, stream.id), reason="withdrawn"), now, event)

    def _where(self, employee_id: str) -> Whereabouts:
        person = self._people.get(employee_id) or {}
        return Whereabouts(person.get("time_zone"), place(person.get("location")))


def _address(letter: Letter, employee_id: str) -> dict[str, Any]:
    return {
        "employee_id": employee_id,
        "message_id": letter.id,
        "template": letter.template,
        "recipient_id": letter.recipient_id,
        "recipient_role": letter.role,
        "channel": letter.channel,
    }


def _outcome(letter: Letter, result: SendResult) -> MessageFact:
    address = _address(letter, result.employee_id)
    if result.outcome == "sent":
        return MessageSent(**address)
    reason = result.reason or "unknown"
    return MessageFailed(**address, reason=reason) if result.outcome == "failed" else MessageSuppressed(**address, reason=reason)


Effect = Callable[[CorrespondenceWork, CorrespondenceStream, Event[Any], datetime], None]
EFFECTS: dict[type, Effect] = {
    HrEvent: CorrespondenceWork.learn_person_on_hr_event,
    AssignmentFact: CorrespondenceWork.write_letters_on_fact,
    MentorFact: CorrespondenceWork.write_letters_on_fact,
    JourneyFact: CorrespondenceWork.write_letters_on_fact,
    SummaryDue: CorrespondenceWork.write_letters_on_fact,
    SendResult: CorrespondenceWork.record_outcome_on_send_result,
    Bounce: CorrespondenceWork.record_report_on_bounce,
}
"""Which kind of cause has which effect."""
