"""What must hold once the sample company was played: asked from the APIs, the mail sink and the databases.

Every fault is a sentence. Ids stand in them, since the people are made up.
"""

import asyncio
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from email import policy
from email.parser import BytesHeaderParser
from pathlib import Path
from typing import Any

from deploy.asking import Origin
from deploy.sample.company import Company, Hire
from deploy.sample.story import UNREADABLE_SUBJECT, hired_payload, starts_on
from services.onboarding.programme import Person, Programmes
from services.onboarding.programme_files import read_programmes
from shared import dead_letters
from shared.mongo import Client
from shared.topics import SERVICES

Json = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Mail:
    """A message in the sink: to whom it was delivered, and its Message-ID."""

    recipient: str
    message_id: str


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of one hire; None where there is none."""

    hire: Hire
    assignment: Json | None
    journey: Json | None
    messages: Sequence[Json]

    @property
    def assigned(self) -> bool:
        """Whether they have a mentor."""
        return self.assignment is not None and self.assignment["status"] == "assigned"

    @property
    def waitlisted(self) -> bool:
        """Whether they wait for one."""
        return self.assignment is not None and self.assignment["status"] == "waitlisted"

    @property
    def live(self) -> bool:
        """Whether their journey goes on."""
        return self.journey is not None and self.journey["status"] == "active"

    def sent(self, template: str) -> list[Json]:
        """Messages made from a template that were sent."""
        return [message for message in self.messages if message["template"] == template and message["state"] == "sent"]


@dataclass(slots=True)
class Findings:
    """The state of everything, and what is wrong with it."""

    outcomes: list[Outcome] = field(default_factory=list)
    mails: list[Mail] = field(default_factory=list)
    dead_letters: int = 0
    welcomes: int = 0
    problems: list[str] = field(default_factory=list)

    def figures(self) -> dict[str, int]:
        """The counts of the summary."""
        return {
            "hires": len(self.outcomes),
            "assigned": sum(outcome.assigned for outcome in self.outcomes),
            "waitlisted": sum(outcome.waitlisted for outcome in self.outcomes),
            "rescinded": sum(outcome.hire.rescinded for outcome in self.outcomes),
            "journeys": sum(outcome.live for outcome in self.outcomes),
            "welcomes": self.welcomes,
            "mails": len(self.mails),
            "dead_letters": self.dead_letters,
        }


async def verify(origin: Origin, client: Client, mail_dir: Path, halden: Company, today: date) -> Findings:
    """Look at everything once. `today` is the day the company was played. Raises `httpx.HTTPError` or PyMongoError."""
    outcomes = list(await asyncio.gather(*(_outcome(origin, hire) for hire in halden.hires)))
    findings = Findings(outcomes=outcomes, mails=await asyncio.to_thread(read_mails, mail_dir))
    delivered = Counter(mail.recipient for mail in findings.mails)
    programmes = read_programmes()
    for outcome in outcomes:
        if outcome.hire.rescinded:
            findings.problems += _rescinded(outcome)
        else:
            findings.problems += [*_matched(outcome), *_on_the_way(outcome, halden, programmes, today), *_welcomed(outcome)]
    welcomed = [outcome.hire for outcome in outcomes if not outcome.hire.rescinded and outcome.sent("welcome")]
    findings.welcomes = sum(delivered[_first_address(halden, hire)] > 0 for hire in welcomed)
    if findings.welcomes != len(welcomed):
        findings.problems.append(f"{len(welcomed)} welcomes are recorded as sent, {findings.welcomes} hires have mail")
    findings.problems += await _places(origin, halden, outcomes)
    findings.problems += await _letters(origin, halden, findings)
    findings.problems += await _unreadable(origin, client, findings)
    return findings


async def _outcome(origin: Origin, hire: Hire) -> Outcome:
    assignment, journey, messages = await asyncio.gather(
        origin.assignment(hire.id), origin.journey(hire.id), origin.messages(hire.id)
    )
    return Outcome(hire, assignment, journey, messages)


def read_mails(folder: Path) -> list[Mail]:
    """Every message in a Maildir."""
    parser = BytesHeaderParser(policy=policy.default)
    found = []
    for place in ("new", "cur"):
        for path in sorted((folder / place).glob("*")):
            headers = parser.parsebytes(path.read_bytes())
            found.append(Mail(str(headers["Delivered-To"]).strip(), str(headers["Message-ID"]).strip()))
    return found


def _matched(outcome: Outcome) -> Iterator[str]:
    hire, found = outcome.hire, outcome.assignment
    if found is None:
        yield f"{hire.id}: neither assigned nor waitlisted"
    elif outcome.assigned and not (found["mentor_id"] and found["reasons"]):
        yield f"{hire.id}: assigned without mentor or reasons"
    elif outcome.waitlisted and not found["ruled_out"]:
        yield f"{hire.id}: waitlisted without saying who was ruled out"
    elif not (outcome.assigned or outcome.waitlisted):
        yield f"{hire.id}: assignment is {found['status']}"


def _on_the_way(outcome: Outcome, halden: Company, programmes: Programmes, today: date) -> Iterator[str]:
    """The journey is live, starts when it should, and its open milestones are due when the programme says."""
    hire, journey = outcome.hire, outcome.journey
    if journey is None or not outcome.live:
        yield f"{hire.id}: no live journey"
        return
    start = starts_on(hire, today)
    if journey["start_date"] != start.isoformat():
        yield f"{hire.id}: the journey starts {journey['start_date']}, not {start}"
    if outcome.assigned and journey["mentor"] != (outcome.assignment or {})["mentor_id"]:
        yield f"{hire.id}: the journey has another mentor than the assignment"
    person = Person.of(hired_payload(halden, hire, today).profile())
    planned = {each.id: each.due.isoformat() for each in programmes.choose(person).plan(start, person)}
    shown = {each["id"]: each for each in journey["milestones"]}
    if planned.keys() != shown.keys():
        yield f"{hire.id}: the journey's milestones are not the programme's"
    for id, due in planned.items():
        milestone = shown.get(id)
        if milestone is not None and milestone["status"] == "planned" and milestone["due"] != due:
            yield f"{hire.id}: milestone {id} is due {milestone['due']}, not {due}"


def _welcomed(outcome: Outcome) -> Iterator[str]:
    sent = outcome.sent("welcome")
    if len(sent) != 1:
        yield f"{outcome.hire.id}: {len(sent)} welcomes sent"


def _first_address(halden: Company, hire: Hire) -> str:
    """Where mail goes before the first day: home, or to the work address where HR knows no other."""
    return halden.work_email(hire) if hire.work_address_only else halden.personal_email(hire)


def _rescinded(outcome: Outcome) -> Iterator[str]:
    hire = outcome.hire
    if outcome.journey is None or outcome.journey["status"] != "cancelled":
        yield f"{hire.id}: rescinded, and the journey is {(outcome.journey or {}).get('status')}"
    if outcome.assigned or outcome.waitlisted:
        yield f"{hire.id}: rescinded, and still {(outcome.assignment or {})['status']}"


async def _places(origin: Origin, halden: Company, outcomes: Sequence[Outcome]) -> list[str]:
    """No mentor over capacity; a load is what the assignments say, so a rescinded hire's place is free again."""
    problems = []
    taken = Counter(outcome.assignment["mentor_id"] for outcome in outcomes if outcome.assigned and outcome.assignment)
    for mentor, found in zip(halden.mentors, await asyncio.gather(*(origin.mentor(m.id) for m in halden.mentors)), strict=True):
        if found is None:
            problems.append(f"{mentor.id}: enrolled, and no mentor")
        elif found["load"] != taken[mentor.id]:
            problems.append(f"{mentor.id}: load is {found['load']}, {taken[mentor.id]} hires are assigned")
        elif found["load"] > found["capacity"]:
            problems.append(f"{mentor.id}: {found['load']} mentees on {found['capacity']} places")
    return problems


async def _letters(origin: Origin, halden: Company, findings: Findings) -> list[str]:
    """Each message recorded as sent is in the sink, once, and nothing else is; nobody got one letter twice."""
    about_mentors = await asyncio.gather(*(origin.messages(mentor.id) for mentor in halden.mentors))
    every = [message for each in (*(outcome.messages for outcome in findings.outcomes), *about_mentors) for message in each]
    sent = [message for message in every if message["state"] == "sent"]
    in_sink = Counter(mail.message_id.strip("<>").partition("@")[0] for mail in findings.mails)
    problems = [f"message {id} is {count} times in the sink" for id, count in in_sink.items() if count > 1]
    recorded = {message["message_id"] for message in sent}
    problems += [f"message {id} is recorded as sent and not in the sink" for id in sorted(recorded - in_sink.keys())]
    problems += [f"message {id} is in the sink and not recorded as sent" for id in sorted(in_sink.keys() - recorded)]
    told = Counter((message["template"], message["employee_id"], message["recipient_id"]) for message in sent)
    problems += [f"{' '.join(letter)}: sent {count} times" for letter, count in told.items() if count > 1]
    return problems


async def _unreadable(origin: Origin, client: Client, findings: Findings) -> list[str]:
    """The unreadable event is in the dead letters of each service that reads HR's topic, once, and nowhere else."""
    problems = []
    for service in SERVICES:
        letters = [letter async for letter in dead_letters.letters(client[service])]
        findings.dead_letters += len(letters)
        if [(letter["key"], letter["code"]) for letter in letters] != [(UNREADABLE_SUBJECT.encode(), "malformed_json")]:
            codes = ", ".join(f"{letter['consumer']} {letter['code']}" for letter in letters) or "none"
            problems.append(f"{service}: dead letters are {codes}, not the one unreadable event")
    if await origin.assignment(UNREADABLE_SUBJECT) is not None:
        problems.append("the unreadable event has an assignment")
    if await origin.journey(UNREADABLE_SUBJECT) is not None:
        problems.append("the unreadable event has a journey")
    if await origin.messages(UNREADABLE_SUBJECT):
        problems.append("the unreadable event has messages")
    return problems
