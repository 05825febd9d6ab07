"""What HR tells about the sample company, in order: pure, with dates relative to a given day.

Ids depend on the fact alone, so that playing the company again on the same data changes nothing.
"""

import json
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any, Literal

from deploy.sample.company import Company, Employee, Hire, Person
from shared.events.hr import TOPIC, EmployeeHired, EmployeeSnapshot, HireRescinded, HrEvent, StartDateChanged
from shared.events.mentoring import Fact, MentorChanged, MentorEnrolled

Act = Literal["hired", "repeated", "told_again", "moved", "rescinded", "unreadable"]
UNREADABLE_AFTER = "E-1010"  # somewhere in the middle
UNREADABLE_ID = "halden-E-1099-hired"
UNREADABLE_SUBJECT = "E-1099"


@dataclass(frozen=True, slots=True)
class Telling:
    """One event: its id and its payload."""

    id: str
    payload: HrEvent | Fact

    @property
    def topic(self) -> str:
        """Where it belongs."""
        return self.payload.TOPIC


@dataclass(frozen=True, slots=True)
class Scene:
    """One step of the story. `telling` is None for the event that can't be read."""

    act: Act
    employee_id: str
    name: str
    telling: Telling | None


def next_monday(today: date, weeks: int = 1) -> date:
    """The Monday `weeks` weeks ahead; 1 is the first after `today`."""
    return today + timedelta(days=7 * weeks - today.weekday())


def present(company: Company, today: date) -> list[Telling]:
    """Who is here: a snapshot of each person."""
    return [Telling(f"halden-{person.id}-present", _snapshot(company, person, today)) for person in company.people]


def enrolments(company: Company) -> list[Telling]:
    """Who mentors, and who of them is on leave."""
    tellings: list[Telling] = []
    for person in company.mentors:
        mentor = person.mentor
        if mentor is None:
            continue
        enrolled = MentorEnrolled(
            mentor_id=person.id,
            capacity=mentor.capacity,
            trained=mentor.trained,
            traits=mentor.traits,
            endorsed_by=person.manager,
        )
        tellings.append(Telling(f"halden-{person.id}-enrolled", enrolled))
        if mentor.paused:
            tellings.append(Telling(f"halden-{person.id}-paused", MentorChanged(mentor_id=person.id, status="paused")))
    return tellings


def hiring(company: Company, today: date) -> list[Scene]:
    """The hires one by one, each with what HR tells about them afterwards: repeats at once, changes at the end."""
    now: list[Scene] = []
    later: list[Scene] = []
    for hire in company.hires:
        told = Telling(f"halden-{hire.id}-hired", hired_payload(company, hire, today))
        now.append(Scene("hired", hire.id, hire.name, told))
        if "repeated" in hire.then:
            now.append(Scene("repeated", hire.id, hire.name, told))
        if "told_again" in hire.then:
            now.append(Scene("told_again", hire.id, hire.name, Telling(f"halden-{hire.id}-hired-again", told.payload)))
        if hire.moved_by_weeks:
            moved = StartDateChanged(employee_id=hire.id, start_date=starts_on(hire, today))
            later.append(Scene("moved", hire.id, hire.name, Telling(f"halden-{hire.id}-moved", moved)))
        if hire.rescinded:
            rescinded = Telling(f"halden-{hire.id}-rescinded", HireRescinded(employee_id=hire.id))
            later.append(Scene("rescinded", hire.id, hire.name, rescinded))
        if hire.id == UNREADABLE_AFTER:
            now.append(Scene("unreadable", UNREADABLE_SUBJECT, "somebody", None))
    return now + later


def starts_on(hire: Hire, today: date) -> date:
    """Their first day, with every change that HR tells."""
    return next_monday(today, hire.starts_in_weeks + hire.moved_by_weeks)


def unreadable_record(source: str) -> tuple[str, bytes, bytes, list[tuple[str, bytes]]]:
    """Topic, key, value and headers of a hire event that was cut off on its way."""
    value = json.dumps({"employee_id": UNREADABLE_SUBJECT, "given_name": "Theo", "start_date": "2027-03-01"}).encode()[:-14]
    headers = {
        "ce_specversion": "1.0",
        "ce_id": UNREADABLE_ID,
        "ce_source": source,
        "ce_type": EmployeeHired.TYPE,
        "ce_subject": UNREADABLE_SUBJECT,
        "content-type": "application/json",
    }
    return TOPIC, UNREADABLE_SUBJECT.encode(), value, [(name, text.encode()) for name, text in headers.items()]


def _profile(company: Company, person: Person) -> dict[str, Any]:
    site = company.sites[person.site]
    given, _, family = person.name.partition(" ")
    return {
        "employee_id": person.id,
        "given_name": given,
        "family_name": family,
        "title": person.title,
        "role_family": person.family,
        "department": person.department,
        "location": site.location,
        "time_zone": site.time_zone,
        "locale": company.locale_of(person),
        "languages": person.languages,
        "manager_id": person.manager,
        "employment_type": "permanent",
        "work_arrangement": person.arrangement,
        "skills": person.skills,
        "interests": person.interests,
    }


def _snapshot(company: Company, person: Employee, today: date) -> EmployeeSnapshot:
    started = (today - timedelta(days=person.tenure_days)).isoformat()
    return EmployeeSnapshot.model_validate(
        _profile(company, person) | {"work_email": company.work_email(person), "start_date": started}
    )


def hired_payload(company: Company, hire: Hire, today: date) -> EmployeeHired:
    """The hire as HR tells it first."""
    addresses = {"work_email": company.work_email(hire)} | (
        {} if hire.work_address_only else {"personal_email": company.personal_email(hire)}
    )
    start = next_monday(today, hire.starts_in_weeks).isoformat()
    return EmployeeHired.model_validate(_profile(company, hire) | addresses | {"start_date": start})
