"""What must hold once everything is quiet, read from topics, databases and the mail server's notes alone.

It knows nothing of what was sent or of which faults struck: the topics say who was hired and which records were bad.
"""

import asyncio
import importlib
import json
from collections import Counter, defaultdict
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

from aiokafka import AIOKafkaConsumer, ConsumerRecord, TopicPartition
from aiokafka.errors import KafkaError

from deploy.topics import look
from services.matching.domain import Hire, Mentor
from services.notifications.entry import UNCERTAIN
from services.onboarding.evolution import evolve
from services.onboarding.journey import Journey
from services.onboarding.projections.reading import TOPICS as READ_MODEL_TOPICS
from services.onboarding.read_models import READ_MODELS, ReadModel
from shared import dead_letters, progress
from shared.clock import now
from shared.events import Event, decode_record
from shared.events.hr import TOPIC as HR_TOPIC
from shared.events.hr import EmployeeHired, EmployeeTerminated, HireRescinded
from shared.events.mentoring import ASSIGNMENTS_TOPIC, HireUnlisted, HireWaitlisted, MentorAssigned, MentorReleased
from shared.events.notifications import TOPIC as MESSAGES_TOPIC
from shared.events.onboarding import TOPIC as JOURNEYS_TOPIC
from shared.kafka import to_record
from shared.mongo import Client, Document, PyMongoError
from shared.settings import Settings
from shared.streams import Stream
from shared.topics import SERVICES, TOPICS, dead_letter_topic
from tests.chaos.load import POISON_MARK
from tests.chaos.stack import NEXT_RELEASE_FIELD

STREAMS = {
    ASSIGNMENTS_TOPIC: ("matching", "hires"),
    JOURNEYS_TOPIC: ("onboarding", "journeys"),
    MESSAGES_TOPIC: ("notifications", "correspondences"),
}
"""Whose facts each of our topics carries."""
REMEMBERED = {"heard", "since", "wake_at"}
"""What a journey's own facts do not hold: it was heard from others, or follows from the calendar."""
KEPT = 20  # findings told in full; the counts are of all

Records = Mapping[str, Sequence[ConsumerRecord[Any, Any]]]
"""By topic, each partition's in order."""


@dataclass
class Findings:
    """What is wrong, in words, and figures beside."""

    lost: list[str] = field(default_factory=list)
    doubled: list[str] = field(default_factory=list)
    invariant_violations: list[str] = field(default_factory=list)
    stuck: list[str] = field(default_factory=list)
    figures: dict[str, int] = field(default_factory=dict)

    @property
    def counts(self) -> dict[str, int]:
        """How much is wrong of each kind."""
        return {kind: len(getattr(self, kind)) for kind in ("lost", "doubled", "invariant_violations", "stuck")}

    def told(self) -> dict[str, Any]:
        """Counts, figures and the first findings of each kind."""
        words = {kind: getattr(self, kind)[:KEPT] for kind, count in self.counts.items() if count}
        return {**self.counts, **self.figures, **({"findings": words} if words else {})}


def consumers() -> Iterator[tuple[str, str, Sequence[str]]]:
    """Every service's consumers with the topics that each reads."""
    for service in SERVICES:
        for each in importlib.import_module(f"services.{service}.app").worker(Settings()).subscriptions:
            yield service, each.consumer, each.topics


async def until_quiet(client: Client, address: str, patience: float) -> list[str]:
    """Wait until nothing is left to do; what still is after `patience` seconds."""
    deadline = asyncio.get_running_loop().time() + patience
    quiet = 0
    left: list[str] = []
    while quiet < 3:  # a fact that is just being published shows nowhere for a moment
        try:
            left = [words async for words in _left(client, address)]
        except (PyMongoError, KafkaError, OSError) as error:
            left = [f"can't be looked at: {type(error).__name__}"]
        quiet = 0 if left else quiet + 1
        if left and asyncio.get_running_loop().time() > deadline:
            return left
        await asyncio.sleep(1.0)
    return []


async def _left(client: Client, address: str) -> AsyncIterator[str]:
    ends = await _ends(address)
    for service, consumer, topics in consumers():
        found = {
            (one["topic"], one["partition"]): one["next"]
            async for one in client[service][progress.COLLECTION].find({"consumer": consumer})
        }
        for place, end in ends.items():
            if place[0] in topics and found.get(place, 0) < end:
                yield f"{consumer} stands at {found.get(place, 0)} of {end} in {place[0]} {place[1]}"
    for service in SERVICES:
        if unsaid := await client[service]["outbox"].count_documents({"published_at": None}):
            yield f"{unsaid} documents in the outbox of {service}"
    due = {"$or": [{"state": "sending"}, {"state": {"$in": ["planned", "due"]}, "due_at": {"$lte": now()}}]}
    if unsent := await client["notifications"]["messages"].count_documents(due):
        yield f"{unsent} messages that are due are not sent"


@asynccontextmanager
async def _consumer(address: str) -> AsyncIterator[tuple[AIOKafkaConsumer, dict[TopicPartition, int]]]:
    """A consumer with every partition there is, and their ends."""
    consumer = AIOKafkaConsumer(bootstrap_servers=address, enable_auto_commit=False, auto_offset_reset="earliest")
    await consumer.start()
    try:
        counts = (await look(address)).partitions
        partitions = [TopicPartition(topic.name, number) for topic in TOPICS for number in range(counts[topic.name])]
        consumer.assign(partitions)
        yield consumer, await consumer.end_offsets(partitions)
    finally:
        await consumer.stop()


async def _ends(address: str) -> dict[progress.Place, int]:
    async with _consumer(address) as (_, ends):
        return {(partition.topic, partition.partition): end for partition, end in ends.items()}


async def read_topics(address: str) -> Records:
    """Everything on the topics."""
    found: dict[str, list[ConsumerRecord[Any, Any]]] = defaultdict(list)
    async with _consumer(address) as (consumer, ends):
        left = {partition for partition, end in ends.items() if end}
        while left:
            for partition, records in (await consumer.getmany(timeout_ms=200)).items():
                found[partition.topic] += records
                if records[-1].offset + 1 >= ends[partition]:
                    left.discard(partition)
    return found


async def check(client: Client, address: str, accepted: Path) -> Findings:
    """Everything, on a quiet system."""
    findings = Findings()
    records = await read_topics(address)
    events = {topic: list(_events(topic, found)) for topic, found in records.items()}
    once = {topic: _once(topic, events.get(topic, []), findings) for topic in STREAMS}
    await _check_sequences(client, once, findings)
    await _check_pairs(client, events.get(HR_TOPIC, []), once[ASSIGNMENTS_TOPIC], findings)
    await _check_journeys(client, events.get(HR_TOPIC, []), once[JOURNEYS_TOPIC], findings)
    await _check_what_was_heard(client, events.get(HR_TOPIC, []), once[ASSIGNMENTS_TOPIC], findings)
    for model in READ_MODELS.values():
        await _check_read_model(client, model, [event for topic in READ_MODEL_TOPICS for event in once[topic]], findings)
    await _check_mails(client, accepted, findings)
    await _check_dead_letters(client, records, findings)
    findings.figures |= {
        "records_on_topics": sum(map(len, records.values())),
        "facts_with_the_next_releases_field": sum(
            NEXT_RELEASE_FIELD.encode() in (record.value or b"") for record in records.get(ASSIGNMENTS_TOPIC, ())
        ),
    }
    return findings


def _is_poison(record: ConsumerRecord[Any, Any]) -> bool:
    return any(name == POISON_MARK for name, _ in record.headers)


def _events(topic: str, records: Sequence[ConsumerRecord[Any, Any]]) -> Iterator[Event[Any]]:
    if topic.endswith(".dead-letters"):
        return
    for each in map(to_record, (record for record in records if not _is_poison(record))):
        yield decode_record(each.topic, each.value, each.headers, each.timestamp)


def _once(topic: str, events: Sequence[Event[Any]], findings: Findings) -> list[Event[Any]]:
    """Our facts without those that a relay said twice, which must be the same both times and come in order."""
    last: dict[str, int] = defaultdict(int)
    said: dict[tuple[str, int | None], Event[Any]] = {}
    for event in events:
        key = event.subject, event.sequence
        if key in said:
            findings.figures["facts_said_again"] = findings.figures.get("facts_said_again", 0) + 1
            if (said[key].id, said[key].data) != (event.id, event.data):
                findings.doubled.append(f"{topic}: {event.id} was said with two meanings")
            continue
        if event.sequence != last[event.subject] + 1:
            findings.lost.append(f"{topic}: {event.subject} has fact {event.sequence} after {last[event.subject]}")
        last[event.subject] = event.sequence or 0
        said[key] = event
    return list(said.values())


async def _check_sequences(client: Client, once: Mapping[str, Sequence[Event[Any]]], findings: Findings) -> None:
    """Each stream's facts are all on its topic, and no others."""
    for topic, (service, collection) in STREAMS.items():
        said = Counter(event.subject for event in once[topic])
        async for stream in client[service][collection].find({}, {"sequence": 1}):
            if said.pop(stream["_id"], 0) != stream["sequence"]:
                findings.lost.append(f"{topic} does not hold the {stream['sequence']} facts of {stream['_id']}")
        findings.doubled += [f"{topic} holds facts of {id}, of whom {service} knows nothing" for id in said]


def _hired(events: Sequence[Event[Any]]) -> tuple[set[str], set[str]]:
    """Who was hired, and of whom HR said that it is over."""
    hired = {event.subject for event in events if isinstance(event.data, EmployeeHired)}
    return hired, {event.subject for event in events if isinstance(event.data, (HireRescinded, EmployeeTerminated))}


async def _check_pairs(client: Client, hr: Sequence[Event[Any]], assignments: Sequence[Event[Any]], findings: Findings) -> None:
    wrong = findings.invariant_violations
    db = client["matching"]
    hired, over = _hired(hr)
    hires = {one["_id"]: Hire.model_validate(one["state"]) async for one in db["hires"].find({}) if one["state"]}
    mentors = {one["_id"]: Mentor.model_validate(one["state"]) async for one in db["mentors"].find({}) if one["state"]}
    places = Counter(hire for mentor in mentors.values() for hire in mentor.held)
    findings.doubled += [f"{hire} has {count} places" for hire, count in places.items() if count > 1]
    wrong += [
        f"{id} has {each.load} mentees and {each.capacity} places" for id, each in mentors.items() if each.load > each.capacity
    ]
    findings.lost += [f"{id} was hired, and matching does not know" for id in hired - hires.keys()]
    told = _told(assignments)
    for id, hire in hires.items():
        if told.get(id) != (hire.mentor_id or (hire.status if hire.status == "waitlisted" else None)):
            wrong.append(f"{id} is told of as {told.get(id)} and is {hire.status} {hire.mentor_id or ''}")
        if hire.mentor_id is not None and id not in mentors[hire.mentor_id].mentees:
            wrong.append(f"{id} has no place with their mentor {hire.mentor_id}")
        if hire.mentor_id is None and places[id]:
            wrong.append(f"{id} has a place and no mentor")
        if id in over and hire.status not in ("none", "released"):
            wrong.append(f"{id} does not come or has left, and is {hire.status}")
        if id in hired - over and not (hire.mentor_id or (hire.waiting is not None and hire.waiting.ruled_out)):
            findings.lost.append(f"{id} has no mentor and does not wait for a reason")
    findings.figures |= {
        "hires": len(hired),
        "assigned": sum(hire.mentor_id is not None for hire in hires.values()),
        "waitlisted": sum(hire.status == "waitlisted" for hire in hires.values()),
    }


def _told(assignments: Sequence[Event[Any]]) -> dict[str, str | None]:
    """Of each hire their mentor, `waitlisted`, or None, as the topic tells it."""
    told: dict[str, str | None] = {}
    for event in assignments:
        match event.data:
            case MentorAssigned(mentor_id=mentor):
                told[event.subject] = mentor
            case HireWaitlisted():
                told[event.subject] = "waitlisted"
            case MentorReleased() | HireUnlisted():
                told[event.subject] = None
    return told


async def _check_journeys(client: Client, hr: Sequence[Event[Any]], facts: Sequence[Event[Any]], findings: Findings) -> None:
    hired, _ = _hired(hr)
    folded: dict[str, Journey] = {}
    for event in facts:
        before = folded.get(event.subject) or Journey(employee_id=event.subject)
        folded[event.subject] = evolve(before, event.data, event.time)
    stored = {
        one["_id"]: Journey.model_validate(one["state"])
        async for one in client["onboarding"]["journeys"].find({})
        if one["state"]
    }
    findings.lost += [f"{id} was hired and has no journey" for id in hired if id not in stored or stored[id].number == 0]
    findings.doubled += [f"{id} has {journey.number} journeys" for id, journey in stored.items() if journey.number > 1]
    for id, journey in stored.items():
        again = folded.get(id) or Journey(employee_id=id)
        if again.model_dump(exclude=REMEMBERED) != journey.model_dump(exclude=REMEMBERED):
            findings.invariant_violations.append(f"the journey of {id} is not the fold of its facts")


async def _check_what_was_heard(
    client: Client, hr: Sequence[Event[Any]], assignments: Sequence[Event[Any]], findings: Findings
) -> None:
    """Of whom HR expects: the start and the manager that HR said last, the mentor that matching said last, and the letters."""
    hired, over = _hired(hr)
    starts, managers = _said_last(hr, "start_date"), _said_last(hr, "manager_id")
    mentors = {id: mentor for id, mentor in _told(assignments).items() if mentor not in (None, "waitlisted")}
    journeys = {one["_id"]: one["state"] async for one in client["onboarding"]["journeys"].find({}, {"state": 1}) if one["state"]}
    heard = {one["_id"]: one["state"] async for one in client["notifications"]["correspondences"].find({}, {"state": 1})}
    written = {
        (one["template"], one["employee_id"], one["recipient_id"])
        async for one in client["notifications"]["messages"].find({}, {"template": 1, "employee_id": 1, "recipient_id": 1})
    }
    for id in hired - over:
        journey, state, mentor = journeys.get(id) or {}, heard.get(id) or {}, mentors.get(id)
        found = {
            "onboarding's start": (journey.get("start_date"), starts.get(id)),
            "notifications' start": (state.get("start_date"), starts.get(id)),
            "notifications' manager": (state.get("manager_id"), managers.get(id)),
            "onboarding's mentor": ((journey.get("heard") or {}).get("mentor_id"), mentor),
            "notifications' mentor": ((state.get("assignment") or {}).get("mentor_id"), mentor),
        }
        findings.lost += [f"{what} of {id} is {here}, said was {said}" for what, (here, said) in found.items() if here != said]
        wanted = [("welcome", id, id)]
        wanted += [("mentor_introduction", id, id), ("mentor_brief", id, mentor)] if mentor else []
        findings.lost += [f"nobody planned {template} about {id}" for template, *who in wanted if (template, *who) not in written]


def _said_last(hr: Sequence[Event[Any]], name: str) -> dict[str, str]:
    """What HR said last of each person under this name, as it is stored."""
    said: dict[str, tuple[datetime, str]] = {}
    for event in hr:
        value = getattr(event.data, name, None)
        if value is not None and event.time >= said.get(event.subject, (event.time, ""))[0]:
            said[event.subject] = event.time, str(value)
    return {id: value for id, (_, value) in said.items()}


async def _check_read_model(client: Client, model: ReadModel, events: Sequence[Event[Any]], findings: Findings) -> None:
    rows: dict[str, Stream[Any]] = {}
    for event in events:
        model.apply(rows.setdefault(event.subject, Stream(event.subject, "onboarding")), event)
    for row in rows.values():
        model.complete(row)
    made = {id: row.document() for id, row in rows.items() if row.changed}
    stored = {one["_id"]: one async for one in client["onboarding"][model.name].find({})}
    for id in made.keys() | stored.keys():
        if _content(made.get(id)) != _content(stored.get(id)):
            findings.invariant_violations.append(f"{model.name} of {id} is not the fold of the topics")


def _content(row: Document | None) -> Any:
    """What is compared of a row. The field of the next release, whose workers fold it into timelines, is not known here."""
    text = json.dumps({"state": row["state"], "seen": row["seen"]}, default=str, sort_keys=True) if row else "null"
    return json.loads(text, object_hook=lambda part: {name: value for name, value in part.items() if name != NEXT_RELEASE_FIELD})


async def _check_mails(client: Client, accepted: Path, findings: Findings) -> None:
    """One outcome for each key of the ledger; a mail was accepted twice only where the ledger says that it was taken twice."""
    lines = (await asyncio.to_thread(accepted.read_text)).split()
    times = Counter(line.partition("@")[0] for line in lines)
    states: Counter[str] = Counter()
    async for entry in client["notifications"]["messages"].find({}):
        states[entry["state"]] += 1
        steps = [step["state"] for step in entry["transitions"]]
        outcomes = [step for step in entry["transitions"] if step["state"] in ("sent", "failed")]
        mails = times.pop(entry["_id"], 0)
        if len(outcomes) > 1:
            findings.doubled.append(f"message {entry['_id']} has {len(outcomes)} outcomes")
        if entry["state"] == "sent" and not mails:
            findings.lost.append(f"message {entry['_id']} counts as sent, and no mail server has it")
        uncertain = any(step.get("reason") in UNCERTAIN for step in entry["transitions"])
        if mails and entry["state"] != "sent" and not uncertain:
            findings.invariant_violations.append(f"message {entry['_id']} was accepted and is {entry['state']}")
        if mails > max(1, steps.count("sending")):
            findings.doubled.append(f"message {entry['_id']} was accepted {mails} times and taken {steps.count('sending')} times")
        findings.figures["mails_accepted_again"] = findings.figures.get("mails_accepted_again", 0) + max(0, mails - 1)
    findings.doubled += [f"mail {id} stands in no ledger" for id in times]
    findings.figures |= {"mails_accepted": len(lines)} | {f"messages_{state}": count for state, count in sorted(states.items())}


async def _check_dead_letters(client: Client, records: Records, findings: Findings) -> None:
    """Of each bad record one dead letter for each consumer of its topic, in the database and on the topic; and no other."""
    bad = [(each.topic, each.partition, each.offset) for found in records.values() for each in found if _is_poison(each)]
    bad = [place for place in bad if not place[0].endswith(".dead-letters")]  # where they lie as they came
    findings.figures["bad_records"] = len(bad)
    wanted: dict[str, set[str]] = {service: set() for service in SERVICES}
    for service, consumer, topics in consumers():
        wanted[service] |= {f"{consumer}-{topic}-{partition}-{offset}" for topic, partition, offset in bad if topic in topics}
    for service, ids in wanted.items():
        stored = {one["_id"] async for one in client[service][dead_letters.COLLECTION].find({}, {"_id": 1})}
        published = {dict(record.headers)["x-dead-letter-id"].decode() for record in records.get(dead_letter_topic(service), ())}
        for found, where in ((stored, "database"), (published, "topic")):
            findings.lost += [f"bad record {id} is no dead letter in the {where}" for id in ids - found]
            findings.invariant_violations += [f"good record {id} is a dead letter in the {where}" for id in found - ids]


async def overfull(client: Client) -> list[str]:
    """Mentors with more mentees than places, at this moment."""
    more = {"$expr": {"$gt": ["$state.load", "$state.capacity"]}}
    return [f"{one['_id']} is overfull" async for one in client["matching"]["mentors"].find(more, {"_id": 1})]
