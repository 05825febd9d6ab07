"""The invariants, checked by reading store, topics and accepted mails alone: some at every commit, the rest when all is quiet."""

import asyncio
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping
from datetime import timedelta
from typing import Any

from services.matching.pair_desk import Allow, Exclude, Reject
from services.notifications.entry import UNCERTAIN
from services.onboarding.evolution import evolve
from services.onboarding.journey import Journey
from services.onboarding.naming import filed
from services.onboarding.projections.reading import TOPICS as READ_MODEL_TOPICS
from services.onboarding.read_models import CONSUMER as READ_MODELS_CONSUMER
from services.onboarding.read_models import READ_MODELS
from shared.events import Event, Unprocessable, decode_record
from shared.events.hr import EmployeeHired, EmployeeRehired, EmployeeTerminated, HireRescinded, HrEvent, TerminationCancelled
from shared.events.mentoring import HireUnlisted, HireWaitlisted, MentorAssigned, MentorReleased
from shared.events.notifications import MessageFailed, MessageSent, MessageSuppressed
from shared.kafka import to_record
from shared.streams import Stream
from shared.topics import PARTITIONS, dead_letter_topic
from shared.worker import LONGEST_PAUSE_S
from tests.simulation import queries
from tests.simulation.loop import OWNER
from tests.simulation.queries import Document
from tests.simulation.world import World

SERVICES = ("matching", "onboarding", "notifications")
CONSUMERS: Mapping[str, tuple[str, tuple[str, ...]]] = {
    "matching": ("matching", ("hr.employees", "mentoring.mentors", "onboarding.journeys")),
    "onboarding": ("onboarding", ("hr.employees", "mentoring.assignments", "notifications.messages")),
    "notifications": (
        "notifications",
        ("hr.employees", "mentoring.mentors", "mentoring.assignments", "onboarding.journeys"),
    ),
    READ_MODELS_CONSUMER: ("onboarding", READ_MODEL_TOPICS),
}
"""Every consumer: its service, and the topics it follows."""
OWN_TOPICS = ("mentoring.mentors", "mentoring.assignments", "onboarding.journeys", "notifications.messages")
HR_STREAMS = (("matching", "hires"), ("onboarding", "journeys"), ("notifications", "correspondences"))
STREAMS = {
    "/firstmate/matching:mentoring.assignments": ("matching", "hires"),
    "/firstmate/matching:mentoring.mentors": ("matching", "mentors"),
    "/firstmate/onboarding:onboarding.journeys": ("onboarding", "journeys"),
    "/firstmate/notifications:notifications.messages": ("notifications", "correspondences"),
}
"""Which collection's streams speak on which topic."""


AT_ONCE_S = 5.0  # longer than a message is on its way, from its taking to its acceptance


def is_quiet(world: World) -> list[str]:
    """What still moves or waits for somebody to move it; nothing once all is settled."""
    moving = []
    for name, process in world.processes.items():
        if not process.alive or process.thawed is not None:
            moving.append(f"{name} is away")
    outages = (world.store_away_until, world.broker_away_until, *(each.away_until for each in world.processes.values()))
    if asyncio.get_running_loop().time() < max(outages) + LONGEST_PAUSE_S:
        moving.append("a duty may pause after an outage")
    for service in SERVICES:
        waiting = [each for each in world.store.documents(service, "outbox").values() if each["published_at"] is None]
        if waiting:
            moving.append(f"{len(waiting)} outbox documents of {service} are not published")
    for consumer, (service, topics) in CONSUMERS.items():
        progress = world.store.documents(service, "progress")
        for topic in topics:
            for number in range(PARTITIONS[topic]):
                end = len(world.broker.topics[topic][number].records)
                done = progress.get(f"{consumer} {topic} {number}", {}).get("next", 0)
                if done != end:
                    moving.append(f"{consumer} stands at {done} of {end} in {topic} {number}")
    now = world.server_time() - timedelta(seconds=1)
    for message in world.store.documents("notifications", "messages").values():
        if message["state"] == "sending" or (message["state"] in ("planned", "due") and message["due_at"] <= now):
            moving.append(f"message {message['_id']} is {message['state']}")
    return moving


class Checker:
    """Collects violations, each as `name: words`."""

    def __init__(self, world: World) -> None:
        self.world = world
        queries.unsupported.clear()
        self.violations: list[str] = []
        self.poisoned: set[tuple[str, int, int]] = set()
        self.answered: list[tuple[str, str, Any]] = []
        self._loads: dict[str, int] = {}
        self._fence = 0
        self._takeovers: list[float] = []
        world.store.watchers.append(self._at_commit)

    def _fail(self, name: str, words: str) -> None:
        if len(self.violations) < 20:
            self.violations.append(f"{name}: {words}")
            self.world.trace("VIOLATION", name, words)

    # At every commit

    def _at_commit(self, written: list[tuple[str, str, Any]]) -> None:
        if any(database == "matching" and name in ("mentors", "hires") for database, name, _ in written):
            self._check_places()
        for database, name, id in written:
            if name == "outbox":
                self._check_publisher(database, id)
            if (database, name) == ("notifications", "leases"):
                self._note_takeover(self.world.store.documents(database, name)[id]["fence"])

    def _note_takeover(self, fence: int) -> None:
        if fence != self._fence:
            self._fence = fence
            self._takeovers.append(asyncio.get_running_loop().time())

    def _check_publisher(self, service: str, id: Any) -> None:
        """Only the holder of the service's lease says what was published: a stale one speaks no more."""
        process = OWNER.get()
        document = self.world.store.documents(service, "outbox").get(id)
        if document is None or document["published_at"] is None or process is None:
            return
        holder = self.world.store.documents(service, "leases")[service]["holder"]
        if holder != process.name:
            self._fail("only the holder publishes", f"{process.name} published for {service}, which {holder} leads")

    def _check_places(self) -> None:
        mentors = self._states("matching", "mentors")
        hires = self._states("matching", "hires")
        held = Counter(id for mentor in mentors.values() for id in mentor["mentees"])
        for id, count in held.items():
            if count > 1:
                self._fail("one live mentor", f"{id} has {count} mentors")
        for id, mentor in mentors.items():
            load = len(mentor["mentees"]) + len(mentor["reserved"])
            if mentor["load"] != load:
                self._fail("load", f"mentor {id} has {load} places taken, and {mentor['load']} as load")
            if load > mentor["capacity"] and load > self._loads.get(id, 0):
                self._fail("capacity", f"mentor {id} took on {load} with a capacity of {mentor['capacity']}")
            self._loads[id] = load
        assigned = {
            (id, hire["decision"]["mentor_id"]) for id, hire in hires.items() if hire["status"] == "assigned" and hire["decision"]
        }
        taken = {(id, mentor_id) for mentor_id, mentor in mentors.items() for id in mentor["mentees"]}
        if assigned != taken:
            self._fail("load", f"hires and mentors disagree about {sorted(assigned ^ taken)}")
        proposed = {(id, hire["proposal"]["decision"]["mentor_id"]) for id, hire in hires.items() if hire["proposal"]}
        reserved = {(id, mentor_id) for mentor_id, mentor in mentors.items() for id in mentor["reserved"]}
        if proposed != reserved:
            self._fail("load", f"proposals and reserved places disagree about {sorted(proposed ^ reserved)}")

    # When all is quiet

    def finish(self, stuck: list[str]) -> None:
        """Check everything that holds at rest."""
        for words in queries.unsupported:
            self._fail("the simulation knows it", words)
        for words in self.world.stopped:
            self._fail("nothing stops", words)
        if stuck:
            self._fail("nothing is stuck", "; ".join(stuck[:4]))
        self.facts = {topic: list(self._events(topic)) for topic in ("hr.employees", *OWN_TOPICS)}
        if not self.world.stopped and not stuck:
            self._check_hires()
            self._check_agreement()
            self._check_dead_letters()
            self._check_heard()
            self._check_told()
            self._check_journeys()
            self._check_read_models()
            self._check_requests()
            self._check_objections()
        self._check_mails()

    def _states(self, service: str, collection: str) -> dict[str, Document]:
        found = self.world.store.documents(service, collection)
        return {id: document["state"] for id, document in found.items() if document["state"] is not None}

    def _events(self, topic: str) -> Iterator[Event[Any]]:
        for record in self.world.broker.records(topic):
            if (topic, record.partition, record.offset) in self.poisoned:
                continue
            ours = to_record(record)
            try:
                event = decode_record(topic, ours.value, ours.headers, ours.timestamp)
            except Unprocessable as fault:
                self._fail("dead letters", f"{topic} {record.partition} {record.offset} can't be read: {fault.code}")
                continue
            if event is not None:
                yield event

    def _once(self, topic: str) -> Iterator[Event[Any]]:
        """The topic's facts, those that were sent twice once."""
        seen: set[tuple[str, str]] = set()
        for event in self.facts[topic]:
            if (event.source, event.id) not in seen:
                seen.add((event.source, event.id))
                yield event

    def _check_hires(self) -> None:
        """Everybody whom HR expects has a mentor or waits with a reason; nobody else has or does."""
        expected: dict[str, bool] = {}
        for event in self._once("hr.employees"):
            if isinstance(event.data, (EmployeeHired, EmployeeRehired)):
                expected[event.subject] = True
            elif isinstance(event.data, (HireRescinded, EmployeeTerminated)) and event.subject in expected:
                expected[event.subject] = False
            elif isinstance(event.data, TerminationCancelled) and event.subject in expected:
                expected[event.subject] = True
        hires = self._states("matching", "hires")
        live: dict[str, str | None] = {}
        for event in self._once("mentoring.assignments"):
            if isinstance(event.data, MentorAssigned):
                live[event.subject] = event.data.mentor_id
            elif isinstance(event.data, MentorReleased):
                live[event.subject] = None
            elif isinstance(event.data, (HireWaitlisted, HireUnlisted)) and live.get(event.subject):
                self._fail("one live mentor", f"{event.subject} was {event.type} with a mentor")
        for id, is_expected in expected.items():
            hire = hires.get(id, {"status": "none", "decision": None, "waiting": None, "journey": "none"})
            if is_expected and hire["journey"] not in ("completed", "cancelled"):
                reasoned = hire["status"] == "waitlisted" and hire["waiting"]
                proposed = hire["status"] == "proposed" and hire["proposal"]["until"] > self.world.true_time().isoformat()
                if hire["status"] != "assigned" and not reasoned and not proposed:
                    self._fail("assigned or waitlisted", f"{id} is {hire['status']}")
            elif not is_expected and hire["status"] in ("assigned", "waitlisted", "proposed"):
                self._fail("assigned or waitlisted", f"{id} is {hire['status']} and no longer expected")
            told = live.get(id)
            mentor = hire["decision"]["mentor_id"] if hire["status"] == "assigned" else None
            if told != mentor:
                self._fail("one live mentor", f"{id} has {mentor}, and the topic says {told}")
            if hire["status"] in ("assigned", "proposed") and hire["unsettled"]:
                self._fail("assigned or waitlisted", f"{id} is still with whom they must not be with")
        for id, mentor in self._states("matching", "mentors").items():
            if mentor["status"] == "withdrawn" and mentor["mentees"]:
                self._fail("assigned or waitlisted", f"{mentor['mentees']} are with {id}, who has withdrawn")
        free = [m for m in self._states("matching", "mentors").values() if m["status"] == "active" and m["load"] < m["capacity"]]
        for id, hire in hires.items():
            if (
                hire["status"] == "waitlisted"
                and free
                and hire["waiting"]["ruled_out"].get("at_capacity", 0)
                and not _ruled_out(hire)
            ):
                self._fail("assigned or waitlisted", f"{id} waits, for all mentors were full, beside {len(free)} who are not")

    def _check_agreement(self) -> None:
        """Onboarding and notifications have heard whom matching gave to whom."""
        journeys, letters = self._states("onboarding", "journeys"), self._states("notifications", "correspondences")
        for id, hire in self._states("matching", "hires").items():
            if hire["status"] != "assigned":
                continue
            heard = {
                "onboarding": journeys.get(id, {}).get("heard", {}).get("mentor_id"),
                "notifications": (letters.get(id, {}).get("assignment") or {}).get("mentor_id"),
            }
            for service, mentor in heard.items():
                if mentor != hire["decision"]["mentor_id"]:
                    self._fail("the services agree", f"{id} has {hire['decision']['mentor_id']}, and {service} heard of {mentor}")

    def _check_dead_letters(self) -> None:
        """Exactly the bad records, once for each consumer, in the database and told."""
        for service in SERVICES:
            consumers = [name for name, (of, topics) in CONSUMERS.items() if of == service and "hr.employees" in topics]
            wanted = {f"{name}-{topic}-{number}-{offset}" for name in consumers for topic, number, offset in self.poisoned}
            found = set(self.world.store.documents(service, "dead_letters"))
            if found != wanted:
                self._fail("dead letters", f"{service} has {sorted(found)}, the bad records are {sorted(wanted)}")
            told = {
                dict(record.headers)["x-dead-letter-id"].decode()
                for record in self.world.broker.records(dead_letter_topic(service))
            }
            if told != wanted:
                self._fail("dead letters", f"{service} told of {sorted(told)}, the bad records are {sorted(wanted)}")

    def _check_heard(self) -> None:
        """Each state remembers each fact of HR about it exactly once."""
        wanted: dict[str, list[str]] = defaultdict(list)
        for event in self._once("hr.employees"):
            if isinstance(event.data, HrEvent):
                wanted[event.subject].append(f"{event.source} {event.id}")
        for service, collection in HR_STREAMS:
            documents = self.world.store.documents(service, collection)
            for id, heard in wanted.items():
                recent = [each for each in documents.get(id, {}).get("recent", []) if each in set(heard)]
                if sorted(recent) != sorted(heard):
                    self._fail("heard once", f"{service} heard {recent} of {id}, HR said {heard}")

    def _check_told(self) -> None:
        """Each stream told each of its facts: sequence numbers without a hole or a fork, and as many as it knows of."""
        told: dict[tuple[str, str, str], dict[int, str]] = defaultdict(dict)
        for topic in OWN_TOPICS:
            for event in self.facts[topic]:
                if event.sequence is None:
                    continue
                content = f"{event.id} {event.type} {event.data.model_dump_json()} {event.time.isoformat()}"
                known = told[event.source, topic, event.subject].setdefault(event.sequence, content)
                if known != content:
                    self._fail("told once", f"{topic} holds two facts {event.sequence} of {event.subject}: {known} / {content}")
            last: dict[tuple[str, str], int] = defaultdict(int)
            for event in self.facts[topic]:
                if event.sequence is None:
                    continue
                if event.sequence > last[event.source, event.subject] + 1:
                    self._fail("told in order", f"{topic}: fact {event.sequence} of {event.subject} came before its predecessor")
                last[event.source, event.subject] = max(last[event.source, event.subject], event.sequence)
        for key, (service, collection) in STREAMS.items():
            source, topic = key.split(":")
            for id, document in self.world.store.documents(service, collection).items():
                count = len(told[source, topic, id])
                if count != document["sequence"]:
                    self._fail("told once", f"{service}.{collection} {id} told {count} facts of {document['sequence']}")
        for (source, topic, id), facts in told.items():
            service, collection = STREAMS[f"{source}:{topic}"]
            if facts and id not in self.world.store.documents(service, collection):
                self._fail("told once", f"{topic} tells of {id}, whom {service} does not know")

    def _check_journeys(self) -> None:
        """Journeys are the fold of their facts."""
        folded: dict[str, Journey] = {}
        for event in self._once("onboarding.journeys"):
            before = folded.get(event.subject) or Journey(employee_id=event.subject)
            folded[event.subject] = evolve(before, event.data, event.time)
        apart = {"heard", "wake_at", "since"}  # what was heard on other topics, and what follows from it
        for id, state in self._states("onboarding", "journeys").items():
            kept = {name: value for name, value in state.items() if name not in apart}
            told = folded.get(id, Journey(employee_id=id)).model_dump(mode="json")
            for name, value in kept.items():
                if told.get(name) != value:
                    self._fail("journeys are their facts", f"{id}.{name} is {value}, its facts say {told.get(name)}"[:300])

    def _check_read_models(self) -> None:
        """Read models are the fold of the topics."""
        for model in READ_MODELS.values():
            rows: dict[str, Stream[Any]] = {}
            for topic in READ_MODEL_TOPICS:
                for event in self.facts[topic]:
                    row = rows.setdefault(event.subject, Stream(event.subject, "onboarding"))
                    model.apply(row, event)
            stored = self._states("onboarding", model.name)
            for id, row in rows.items():
                model.complete(row)
                if row.state != stored.get(id):
                    self._fail("read models are the topics", f"{model.name} {id}: {_difference(row.state, stored.get(id))}"[:400])
            for id in stored.keys() - rows.keys():
                self._fail("read models are the topics", f"{model.name} knows {id}, no topic does")
        people = self.world.store.documents("onboarding", "directory")
        for id, row in self.world.store.documents("onboarding", "board").items():
            if row["state"]["number"] and row.get("named") != filed(id, people.get(id)):
                self._fail("read models are the topics", f"board {id} is found by {row.get('named')}, not by the present name")

    def _check_requests(self) -> None:
        """What people reported and got an answer to was done, once."""
        keys = set(self.world.store.documents("onboarding", "requests"))
        meetings = Counter(
            meeting["id"] for state in self._states("onboarding", "journeys").values() for meeting in state["meetings"]
        )
        for id, count in meetings.items():
            if count > 1:
                self._fail("requests once", f"meeting {id} was held {count} times")
        told = Counter(
            event.data.meeting_id for event in self._once("onboarding.journeys") if getattr(event.data, "meeting_id", None)
        )
        for id, count in told.items():
            if count > 1:
                self._fail("requests once", f"meeting {id} was told {count} times")
        for kind, key, asked in self.answered:
            if kind == "report" and getattr(asked, "meeting_id", None) and not told[asked.meeting_id]:
                self._fail("requests once", f"{asked.meeting_id} was answered ({key in keys}) and is not told")

    def _check_objections(self) -> None:
        """What was decided against a pair, and answered, is on record, once, and keeps the two apart until they are allowed."""
        hires = self._states("matching", "hires")
        commands = {key: asked for kind, key, asked in self.answered if kind == "pair"}
        allowed = {(asked.subject, asked.mentor_id) for asked in commands.values() if isinstance(asked, Allow)}
        apart = {(asked.subject, asked.mentor_id) for asked in commands.values() if isinstance(asked, Exclude)}
        for id, mentor_id in sorted(apart - allowed):
            if mentor_id not in hires[id]["excluded"]:
                self._fail("requests once", f"{id} and {mentor_id} were to be kept apart")
        rejected = Counter(asked.subject for asked in commands.values() if isinstance(asked, Reject))
        for id, count in rejected.items():
            kept = [each for each in hires[id]["objections"] if each["kind"] == "rejected"]
            if len(kept) > count:
                self._fail("requests once", f"{count} proposals for {id} were rejected, {len(kept)} are on record")

    def _check_mails(self) -> None:
        """One outcome for each ledger key, the same in ledger, topic and mail server."""
        ledger = self.world.store.documents("notifications", "messages")
        accepted = Counter(mail.id for mail in self.world.mails)
        for id, count in accepted.items():
            if id not in ledger:
                self._fail("one outcome", f"{id} was sent and is not in the ledger")
            first, *again = [mail for mail in self.world.mails if mail.id == id]
            for mail in again:
                # Whoever led before may still have been sending what the new holder takes for abandoned.
                taken_over = any(first.moment - AT_ONCE_S < moment < mail.moment for moment in self._takeovers)
                if mail.disturbed == first.disturbed and not self.world.hindered and not taken_over:
                    self._fail("one outcome", f"{id} was accepted {count} times, and nothing had gone wrong between")
                first = mail
        told: dict[str, list[str]] = defaultdict(list)
        for event in self._once("notifications.messages"):
            if isinstance(event.data, (MessageSent, MessageFailed, MessageSuppressed)):
                told[event.data.message_id].append(event.data.__class__.__name__)
        keys = Counter((m["cause"], m["template"], m["recipient_id"], m["channel"]) for m in ledger.values())
        for key, count in keys.items():
            if count > 1:
                self._fail("one outcome", f"{key} has {count} entries")
        for id, message in ledger.items():
            states = [step["state"] for step in message["transitions"]]
            if states[-1] != message["state"]:
                self._fail("one outcome", f"{id} is {message['state']}, its last step was {states[-1]}")
            if states.count("sent") > 1:
                self._fail("one outcome", f"{id} was sent {states.count('sent')} times: {states}")
            if accepted[id] and message["state"] in ("suppressed", "failed"):
                self._check_uncertain(id, message)
            if message["state"] == "sent" and not accepted[id]:
                self._fail("one outcome", f"{id} is sent, and no server accepted it")
            if message["state"] == "sent" and told[id].count("MessageSent") != 1:
                self._fail("one outcome", f"{id} is sent, and told as {told[id]}")
            if message["state"] not in ("sent", "sending") and told[id].count("MessageSent"):
                self._fail("one outcome", f"{id} is {message['state']}, and told as {told[id]}")

    def _check_uncertain(self, id: str, message: Document) -> None:
        """Accepted, and the ledger says otherwise: nobody can have known, and its reader counts as told where that matters."""
        if not any(step.get("reason") in UNCERTAIN for step in message["transitions"]):
            self._fail("one outcome", f"{id} was accepted, and is {message['state']} as if that were certain")
        letters = self.world.store.documents("notifications", "correspondences")[message["employee_id"]]["state"]["letters"]
        if message["reason"] == "withdrawn" and letters[id]["status"] != "perhaps":
            self._fail("one outcome", f"{id} may have arrived and was withdrawn, and its reader counts as told of nothing")


def _ruled_out(hire: Document) -> bool:
    """Whether something else than room rules mentors out."""
    return any(count for rule, count in hire["waiting"]["ruled_out"].items() if rule != "at_capacity")


def _difference(left: Any, right: Any, path: str = "") -> str:
    if isinstance(left, dict) and isinstance(right, dict):
        for name in [*left, *(name for name in right if name not in left)]:
            if left.get(name) != right.get(name):
                return _difference(left.get(name), right.get(name), f"{path}.{name}")
    return f"{path or 'it'} should be {left!r}, is {right!r}"
