"""What happens in one run, drawn from its seed before it begins: a company's life, and what goes wrong.

A script is data: a failing one is replayed as it is, and made smaller by leaving entries out.
"""

import random
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any

from services.matching.pair_desk import Allow, Approve, Exclude, Override, PairCommand, PinPair, Reject, RequestChange, UnpinPair
from services.onboarding.commands import (
    AddMilestone,
    AnswerSurvey,
    Command,
    CompleteMilestone,
    LogMeeting,
    MoveMilestone,
    PauseJourney,
    ReassignMilestone,
    ReopenMilestone,
    ResumeJourney,
    WaiveMilestone,
)
from shared.events import Event, new_event, to_record
from shared.events.hr import (
    EmployeeHired,
    EmployeeRehired,
    EmployeeSnapshot,
    EmployeeTerminated,
    EmployeeUpdated,
    HireRescinded,
    StartDateChanged,
    TerminationCancelled,
)
from shared.events.mentoring import MentorChanged, MentorEnrolled, MentorWithdrawn
from tests.simulation.world import BEGINNING

STORY_S = 10.0  # of virtual time in which everything is begun
DEPARTMENTS = ("Engineering", "Sales")
ZONES = (("FR", "Europe/Paris", "fr-FR"), ("DE", "Europe/Berlin", "de-DE"), ("US-NY", "America/New_York", "en-US"))


@dataclass(frozen=True, slots=True)
class Step:
    """Something that people or machines of the company do, `at` seconds from the beginning."""

    at: float
    kind: str
    what: Any


@dataclass(frozen=True, slots=True)
class Fault:
    """Something that goes wrong; `target` is a process, a group, a topic or nothing."""

    at: float
    kind: str
    target: str = ""
    amount: float = 0.0
    what: str = ""
    after: bool = False


@dataclass(frozen=True, slots=True)
class Script:
    """A run. `steps` and `faults` are in the order of their times; `approval_hours` as the setting, 0 for none."""

    seed: int
    replicas: dict[str, int]
    mail_hours: str
    approval_hours: int
    steps: tuple[Step, ...]
    faults: tuple[Fault, ...]

    def without(self, *, steps: frozenset[int] = frozenset(), faults: frozenset[int] = frozenset()) -> "Script":
        """The script less the entries at these places."""
        return replace(
            self,
            steps=tuple(step for place, step in enumerate(self.steps) if place not in steps),
            faults=tuple(fault for place, fault in enumerate(self.faults) if place not in faults),
        )

    def __str__(self) -> str:
        lines = [f"seed {self.seed}, replicas {self.replicas}, mail hours {self.mail_hours}, approval {self.approval_hours} h"]
        told = [(step.at, f"{step.kind}: {_words(step.what)}") for step in self.steps]
        told += [
            (
                fault.at,
                f"FAULT {fault.kind} {fault.target} {fault.amount:.3g} {_side(fault)} {fault.what}".rstrip(),
            )
            for fault in self.faults
        ]
        return "\n".join([*lines, *(f"  {at:7.3f} s  {words}" for at, words in sorted(told))])


def _side(fault: Fault) -> str:
    return "after" if fault.after else "before"


def _words(what: Any) -> str:
    if isinstance(what, Event):
        return f"{what.id} {what.type} {what.data.model_dump_json(exclude_none=True)}"[:200]
    return str(what)[:200]


def script_of(seed: int) -> Script:
    """The run of a seed."""
    rng = random.Random(seed)
    replicas = {service: 1 + (rng.random() < 0.35) for service in ("matching", "onboarding", "notifications")}
    hours = "always" if rng.random() < 0.6 else "07:00-20:00"
    story = _Story(rng)
    people = _People(random.Random(f"{seed} decides"), story)  # drawn apart: a seed's story is the same without them
    steps = tuple(sorted([*story.steps, *people.steps], key=lambda step: step.at))
    faults = () if rng.random() < 0.03 else tuple(sorted(_faults(rng, replicas), key=lambda fault: fault.at))
    return Script(seed, replicas, hours, people.approval_hours, steps, faults)


class _Story:
    """A small company, its mentors, and the people it hires."""

    def __init__(self, rng: random.Random) -> None:
        self.rng = rng
        self.steps: list[Step] = []
        self.events = 0
        self.mentors = [f"M-{number}" for number in range(1, rng.randint(2, 4) + 1)]
        self.hires = [f"E-{number}" for number in range(1, rng.choice((1, 2, 2, 3, 4)) + 1)]
        for id in ("BOSS", "LEAD", "C-1", *self.mentors):
            profile = self._profile(id) | {"manager_id": None if id == "BOSS" else "BOSS", "start_date": "2020-01-06"}
            self._hr(rng.random(), EmployeeSnapshot(employee_id=id, display_name=f"Person {id}", **profile))
        for id in self.mentors:
            self._mentor(rng.random() * 2, MentorEnrolled(mentor_id=id, capacity=rng.choice((1, 1, 2, 3))))
        for id in self.hires:
            self._life_of(id)
        for id in self.mentors:
            self._change_of(id)
        for _ in range(rng.randint(0, 2)):
            self._poison()
        for _ in range(rng.randint(0, 3)):
            self._add(rng.uniform(1, STORY_S), "leap", timedelta(hours=rng.choice((1, 10, 24, 24 * 4, 24 * 15))))
        for _ in range(rng.randint(0, 2)):
            template = rng.choice(("welcome", "mentor_introduction", "mentor_brief"))
            says = [rng.choice(("later", "later", "never", "away")) for _ in range(rng.randint(1, 2))]
            self._add(rng.uniform(0, STORY_S), "refusals", (template, says))

    def _profile(self, id: str) -> dict[str, Any]:
        location, zone, locale = self.rng.choice(ZONES)
        return {
            "location": location,
            "time_zone": zone,
            "locale": locale,
            "languages": [locale[:2], "en"],
            "department": self.rng.choice(DEPARTMENTS),
            "work_email": f"{id}@example.org",
            "personal_email": f"{id}@example.net",
            "work_arrangement": self.rng.choice(("hybrid", "remote", "onsite")),
        }

    def _add(self, at: float, kind: str, what: Any) -> None:
        self.steps.append(Step(at, kind, what))

    def _event(self, payload: Any, at: float) -> Any:
        self.events += 1
        return new_event(payload, source="/hr/acme", id=f"hr-{self.events}", time=BEGINNING + timedelta(seconds=at))

    def _hr(self, at: float, payload: Any) -> None:
        event = self._event(payload, at)
        self._add(at, "hr", event)
        if self.rng.random() < 0.12:
            self._add(at + self.rng.expovariate(1.0), "hr", event)

    def _mentor(self, at: float, payload: Any) -> None:
        if self.rng.random() < 0.5:
            self._add(at, "hr", self._event(payload, at))
        else:
            self._add(at, "desk", (payload, f"desk-{self.rng.getrandbits(40):x}"))

    def _life_of(self, id: str) -> None:
        rng, at = self.rng, self.rng.uniform(0.5, STORY_S * 0.7)
        start = BEGINNING.date() + timedelta(days=rng.choice((-1, 0, 3, 9, 20)))
        profile = self._profile(id) | {"manager_id": rng.choice(("LEAD", "BOSS", rng.choice(self.mentors)))}
        self._hr(at, EmployeeHired(employee_id=id, given_name="New", family_name=id, start_date=start, **profile))
        ended = False
        for _ in range(rng.choice((0, 1, 1, 2, 2))):
            at += rng.expovariate(0.5)
            what = rng.choice(
                ("moves", "moves", "updates", "updates", "rescinded", "leaves", "meets", "meets", "answers", "does")
            )
            if what == "moves":
                start += timedelta(days=rng.choice((-2, 7, 14)))
                self._hr(at, StartDateChanged(employee_id=id, start_date=start))
            elif what == "updates":
                said: dict[str, Any] = (
                    {"manager_id": rng.choice(("LEAD", *self.mentors))} if rng.random() < 0.5 else {"title": "Engineer"}
                )
                self._hr(at, EmployeeUpdated(employee_id=id, **said))
            elif what == "rescinded" and not ended:
                self._hr(at, HireRescinded(employee_id=id))
                ended = True
            elif what == "leaves" and not ended:
                self._hr(at, EmployeeTerminated(employee_id=id))
                ended = True
                if rng.random() < 0.3:
                    at += rng.expovariate(1.0)
                    self._hr(at, TerminationCancelled(employee_id=id))
                    ended = False
            elif what in ("meets", "answers", "does"):
                self._report(at + 2, id, what)
        if ended and rng.random() < 0.5:
            at += rng.expovariate(0.5)
            again = start + timedelta(days=30)
            self._hr(at, EmployeeRehired(employee_id=id, given_name="New", family_name=id, start_date=again, **profile))

    def _report(self, at: float, id: str, what: str) -> None:
        command: Command
        if what == "meets":
            command = LogMeeting(
                employee_id=id,
                meeting_id=f"meeting-{self.rng.getrandbits(32):x}",
                held_on=BEGINNING.date(),
                minutes=30,
                reported_by=id,
            )
        elif what == "answers":
            command = AnswerSurvey(employee_id=id, survey_id="pulse_7", ratings={"satisfaction": 4})
        else:
            command = CompleteMilestone(
                employee_id=id, milestone_id=self.rng.choice(("access_ready", "goals_30")), completed_by=id
            )
        step = (command, f"report-{self.rng.getrandbits(40):x}")
        self._add(at, "report", step)
        if self.rng.random() < 0.3:
            self._add(at + self.rng.expovariate(1.0), "report", step)

    def _change_of(self, id: str) -> None:
        rng = self.rng
        if rng.random() < 0.45:
            at = rng.uniform(2, STORY_S)
            change = rng.choice(
                (
                    MentorChanged(mentor_id=id, status="paused"),
                    MentorChanged(mentor_id=id, capacity=rng.choice((1, 2, 4))),
                    MentorWithdrawn(mentor_id=id),
                )
            )
            self._mentor(at, change)
            if rng.random() < 0.5:
                back = (
                    MentorEnrolled(mentor_id=id, capacity=2)
                    if isinstance(change, MentorWithdrawn)
                    else MentorChanged(mentor_id=id, status="active")
                )
                self._mentor(at + rng.expovariate(0.5), back)

    def _poison(self) -> None:
        rng, at = self.rng, self.rng.uniform(0.5, STORY_S)
        event = self._event(EmployeeUpdated(employee_id=rng.choice(self.hires), title="Nobody"), at)
        key, value, headers = to_record(event)
        bad = rng.choice(
            (
                (key, b"\x00 no json", headers),
                (key, value, [header for header in headers if header[0] != "ce_id"]),
                (
                    key,
                    b'{"employee_id": "E-1", "start_date": "soon"}',
                    [*headers[:3], ("ce_type", b"hr.employee.hired.v1"), *headers[4:]],
                ),
                (key, None, headers),
                (None, b"{}", [("ce_specversion", None)]),
            )
        )
        self._add(at, "poison", bad)


class _People:
    """What coordinators, hires and mentors decide about pairs, and managers about one person's plan; some press twice."""

    def __init__(self, rng: random.Random, story: _Story) -> None:
        self.rng = rng
        self.mentors, self.hires = story.mentors, story.hires
        self.approval_hours = rng.choice((0, 0, 4, 24))
        self.steps: list[Step] = []
        for id in self.hires:
            for _ in range(rng.choice((0, 0, 1, 2, 3))):
                self._asks("pair", self._about_the_pair(id))
            for _ in range(rng.choice((0, 0, 1, 2))):
                self._asks("report", self._about_the_plan(id))

    def _asks(self, kind: str, command: Any) -> None:
        at, step = self.rng.uniform(3, STORY_S + 4), (command, f"{kind}-{self.rng.getrandbits(40):x}")
        self.steps.append(Step(at, kind, step))
        if self.rng.random() < 0.3:
            self.steps.append(Step(at + self.rng.expovariate(1.0), kind, step))

    def _about_the_pair(self, id: str) -> PairCommand:
        mentor, why = self.rng.choice(self.mentors), "it is better so"
        if self.approval_hours and self.rng.random() < 0.6:
            instead = mentor if self.rng.random() < 0.3 else None
            rejected = Reject(subject=id, by="C-1", reason=why)
            return rejected if self.rng.random() < 0.3 else Approve(subject=id, by="C-1", mentor_id=instead)
        commands: tuple[PairCommand, ...] = (
            Override(subject=id, by="C-1", mentor_id=mentor, reason=why, exclude_previous=self.rng.random() < 0.3),
            RequestChange(subject=id, by=id, expected=mentor, side="hire"),
            RequestChange(subject=id, by=mentor, expected=mentor, side="mentor", reason=why),
            Exclude(subject=id, by="C-1", mentor_id=mentor),
            Allow(subject=id, by="C-1", mentor_id=mentor),
            PinPair(subject=id, by="C-1"),
            UnpinPair(subject=id, by="C-1"),
        )
        return self.rng.choice(commands)

    def _about_the_plan(self, id: str) -> Command:
        day, milestone = (
            BEGINNING.date() + timedelta(days=self.rng.randint(-3, 40)),
            self.rng.choice(("access_ready", "goals_30", "own")),
        )
        commands: tuple[Command, ...] = (
            AddMilestone(employee_id=id, milestone_id="own", title="Badge", owner="manager", due=day, added_by="BOSS"),
            MoveMilestone(employee_id=id, milestone_id=milestone, due=day, moved_by="BOSS"),
            WaiveMilestone(employee_id=id, milestone_id=milestone, waived_by="BOSS"),
            ReopenMilestone(employee_id=id, milestone_id=milestone, reopened_by="BOSS"),
            ReassignMilestone(employee_id=id, milestone_id=milestone, owner="hire", reassigned_by="BOSS"),
            PauseJourney(employee_id=id, since=self.rng.choice((None, day)), paused_by="BOSS"),
            ResumeJourney(employee_id=id, resumed_by="BOSS"),
        )
        return self.rng.choice(commands)


OPERATIONS = ("", "", "commit", "write", "find", "produce", "offsets", "poll", "mail", "next", "watch")


def _faults(rng: random.Random, replicas: dict[str, int]) -> list[Fault]:
    faults: list[Fault] = []
    workers = [f"{service}-{number}" for service, count in replicas.items() for number in range(count)]
    groups = {
        "matching": ("matching",),
        "onboarding": ("onboarding", "onboarding.read-models"),
        "notifications": ("notifications",),
    }
    shared = [group for service, count in replicas.items() if count > 1 and service != "matching" for group in groups[service]]
    for _ in range(rng.choice((1, 2, 4, 7))):
        at = rng.uniform(0.2, STORY_S + 2)
        kind = rng.choice(
            (
                "kill",
                "kill",
                "kill",
                "lose",
                "lose",
                "lose",
                "lose",
                "conflict",
                "freeze",
                "freeze",
                "outage",
                "away",
                "broker",
                "hold",
            )
            + ("rebalance",) * (3 if shared else 0)
            + ("clock", "jump", "forget")
        )
        worker, skip = rng.choice(workers), int(rng.random() ** 2 * 25)
        what, after = rng.choice(OPERATIONS), rng.random() < 0.5
        if kind in ("kill", "lose"):
            faults.append(Fault(at, kind, worker, skip, what or ("commit" if kind == "lose" else ""), after))
        elif kind == "freeze":
            faults.append(Fault(at, kind, worker, skip, what, after))
        elif kind == "conflict":
            faults.append(Fault(at, kind, worker, skip % 4, "commit"))
        elif kind in ("outage", "broker"):
            faults.append(Fault(at, kind, "", rng.choice((0.05, 0.5, 3.0, 12.0))))
        elif kind == "away":
            faults.append(Fault(at, kind, worker, rng.choice((0.05, 2.0, 14.0, 75.0))))
        elif kind == "hold":
            topic = rng.choice(
                ("hr.employees", "mentoring.mentors", "mentoring.assignments", "onboarding.journeys", "notifications.messages")
            )
            faults.append(Fault(at, kind, f"{topic}:{rng.randrange(6)}", rng.uniform(0.5, 10)))
        elif kind == "rebalance":
            faults.append(Fault(at, kind, rng.choice(shared)))
        elif kind == "clock":
            faults.append(Fault(at, kind, worker, rng.choice((-3600.0, -30.0, -1.0, 1.0, 30.0, 3600.0))))
        elif kind == "jump":
            faults.append(Fault(at, kind, "", rng.choice((5.0, 11.0, 15.0))))
        else:
            faults.append(Fault(at, kind))
    return faults
