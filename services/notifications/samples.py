"""Letters to look at and to check templates with: every template, role and variant, in any language."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import Any

from pydantic import SecretStr

from services.notifications.asking import Ask
from services.notifications.correspondence import Assignment, Correspondence, Escalation, LateMilestone, Letter, Reminder
from services.notifications.digest import Ahead, Coming, Digest, News, Overdue, Starter, Told, Trouble, Unreached
from services.notifications.invitations import Invite
from services.notifications.letters import Outgoing, Person, compose
from services.notifications.rendering import Renderer
from shared.events.mentoring import Contribution
from shared.events.notifications import RECIPIENTS, RecipientRole, Template
from shared.events.onboarding import Owner
from shared.links import Links

BEFORE_START = datetime(2026, 12, 1, 10, tzinfo=UTC)
AFTER_START = datetime(2027, 1, 20, 10, tzinfo=UTC)
START = date(2027, 1, 11)
GIVEN_BY = "matching/E-1/1"
ASKS = {
    "pulse_7": Ask(due=date(2027, 1, 18), survey="pulse_7"),
    "first_mentor_meeting": Ask(due=START, meeting=1),
    "mentor_meeting_2": Ask(due=date(2027, 1, 18), meeting=2),
    "mentor_meeting_3": Ask(due=date(2027, 2, 1), meeting=3),
}
WEB_URL = "https://firstmate.example"
MEETING = "1/first_mentor_meeting/M-1"
LINKS = Links(SecretStr("of the samples"))
CRITERIA = (
    *("role", "skills", "interests", "meaning", "values", "language", "site", "working_hours", "seniority", "tenure", "load"),
    "cross_group",
)
READERS: Mapping[RecipientRole, str] = {"hire": "E-1", "mentor": "M-1", "manager": "B-1", "coordinator": "B-1"}

LATE = LateMilestone(event_id=GIVEN_BY, due=START, owner="mentor", told_at=BEFORE_START)
REMINDER = Reminder(event_id=GIVEN_BY, due=START, owner="manager", told_at=BEFORE_START)
ESCALATION = Escalation(event_id=GIVEN_BY, due=START, owner="mentor", told_at=AFTER_START, to="coordinator")
OWNERS: tuple[tuple[Owner, str], ...] = (("hire", "Ada Okafor"), ("mentor", ""), ("manager", ""), ("coordinator", ""))
_CAUSES: Mapping[Template, str] = {
    "mentor_unavailable": f"{GIVEN_BY}/ended",
    "milestone_late": LATE.cause("E-1"),
    "milestone_reminder": REMINDER.cause("E-1"),
    "milestone_escalated": ESCALATION.cause("E-1"),
    "survey_invitation": Correspondence(employee_id="E-1", journey=1).asking(ASKS["pulse_7"]),
    "meeting_invitation": Correspondence(employee_id="E-1").invitation(MEETING, 0),
    "meeting_cancelled": Correspondence(employee_id="E-1").invitation(MEETING, 0),
    "meeting_question": Correspondence(employee_id="E-1", journey=1).asking(ASKS["first_mentor_meeting"]),
}
SUMMARIES: Mapping[str, Told] = {
    "manager_digest": Digest(
        starting=[Starter("Ada Okafor", START, "Noémie Laurent-Brückner"), Starter("Bo Berg", START, "")],
        late=[Overdue("Ada Okafor", "goals_30", START, owner, who) for owner, who in OWNERS],
        more_late=3,
        waiting=["Bo Berg", "Cy <Chen>"],
        news=[News("Ada Okafor", mentor="Noémie Laurent-Brückner"), News("Bo Berg", start=START)],
        well=2,
    ),
    "week_ahead": Ahead(
        [
            Coming("first_mentor_meeting", START, meeting=True),
            Coming("pulse_7", date(2027, 1, 15), meeting=False),
            Coming("mentor_meeting_2", date(2027, 1, 17), meeting=True),
        ]
    ),
    "undelivered": Trouble(
        [Unreached("E-1", "Ada Okafor", reason, 2) for reason in ("no_address", "bad_address", "bounced_5_1_1", "smtp_554")],
        more=4,
    ),
}
MOVED = Invite(mentor_id="M-1", number=2, day=date(2027, 1, 19), sequence=1)


@dataclass(frozen=True, slots=True)
class Sample:
    """One letter with everything it needs."""

    letter: Letter
    state: Correspondence
    now: datetime


def people(locale: str | None = None) -> dict[str, Person]:
    """Three people who are written to in `locale`; two of their fields are awkward on purpose."""
    known: dict[str, dict[str, Any]] = {
        "E-1": {
            "given_name": "Ada",
            "family_name": "Okafor",
            "title": "Data engineer",
            "department": "Platform",
            "location": "Lyon",
            "role_family": "engineering",
            "personal_email": "ada@home.example",
            "work_email": "ada.okafor@acme.example",
            "time_zone": "Europe/Paris",
            "languages": ["fr", "en"],
            "skills": ["Kafka", "Python", "SQL"],
            "interests": ["climbing", "choral singing", "x" * 400],
        },
        "M-1": {
            "given_name": "Noémie",
            "family_name": "Laurent-Brückner",
            "title": "Staff engineer",
            "department": "Payments",
            "location": "Lyon",
            "role_family": "engineering",
            "work_email": "noemie@acme.example",
            "languages": ["fr", "de", "en"],
            "skills": ["Python", "Kafka"],
            "interests": ["Climbing"],
        },
        "B-1": {"given_name": "Jonas", "family_name": "Weber", "title": "Head of platform", "work_email": "jonas@acme.example"},
    }
    return {id: person | {"locale": locale} for id, person in known.items()}


def samples() -> Iterator[Sample]:
    """Every template for every reader in the states that change its words: little known and much, before and after the start."""
    for template, roles in RECIPIENTS.items():
        for role in roles:
            for state in _states(template):
                for now in (BEFORE_START, AFTER_START):
                    yield Sample(_letter(template, role, now), state, now)


def preview(
    renderer: Renderer, sample: Sample, locale: str, known: Mapping[str, Person] | None = None, web_url: str = WEB_URL
) -> Outgoing:
    """The sample as its reader would get it in this language, about the sample people or others of their ids.

    Raises `jinja2.TemplateError`.
    """
    about = {"summary": SUMMARIES.get(sample.letter.template)}
    known = people(locale) if known is None else known
    return compose(sample.letter, sample.state, known, "reader@acme.example", renderer, web_url, LINKS, sample.now, about)


def _letter(template: Template, role: RecipientRole, now: datetime) -> Letter:
    cause = _CAUSES.get(template, GIVEN_BY)
    return Letter(template=template, role=role, recipient_id=READERS[role], cause=cause, due_at=now)


def _states(template: Template) -> Iterator[Correspondence]:
    """What may be known while this template is due."""
    known = _well_known()
    yield known
    if template in ("welcome", "manager_notice", "mentor_unavailable", "plans_changed"):
        yield known.model_copy(update={"manager_id": None, "assignment": None, "told": {}})
        yield known.model_copy(update={"assignment": None, "waitlisted_by": "matching/E-1/2"})
    if template == "mentor_introduction" and known.assignment is not None:
        yield known.model_copy(update={"assignment": known.assignment.model_copy(update={"contributions": ()}), "letters": {}})
    if template == "milestone_late":
        yield known.model_copy(update={"late": known.late | {"mentor_meeting_2": LATE}})
        yield known.model_copy(update={"reminders": {"goals_30": REMINDER.model_copy(update={"owner": "mentor"})}})
        yield known.model_copy(update={"asks": {}})
    if template == "milestone_reminder":
        yield known.model_copy(update={"reminders": {"first_mentor_meeting": REMINDER, "goals_30": REMINDER}})
    if template == "meeting_invitation":
        told = _letter(template, "hire", BEFORE_START), _letter(template, "mentor", BEFORE_START)
        sent = {letter.id: letter.model_copy(update={"status": "sent"}) for letter in told}
        yield known.model_copy(update={"letters": sent, "invites": {MEETING: MOVED}})
    if template == "meeting_cancelled":
        yield known.model_copy(update={"invites": {MEETING: MOVED.model_copy(update={"status": "cancelled"})}})
    if template == "mentor_release":
        for cause in ("mentor_paused", "journey_ended", "replaced"):
            yield known.model_copy(update={"endings": {GIVEN_BY: cause}})
        yield known.model_copy(update={"status": "rescinded"})
        yield known.model_copy(update={"status": "left"})


def _well_known() -> Correspondence:
    contributions = tuple(
        Contribution(criterion=criterion, weight=10, value=8000, points=1000 - 10 * rank)
        for rank, criterion in enumerate(CRITERIA)
    )
    brief = _letter("mentor_brief", "mentor", BEFORE_START).model_copy(update={"status": "sent"})
    introduction = _letter("mentor_introduction", "hire", BEFORE_START).model_copy(update={"status": "sent"})
    return Correspondence(
        employee_id="E-1",
        status="expected",
        chapter=1,
        start_date=START,
        manager_id="B-1",
        assignment=Assignment(event_id=GIVEN_BY, mentor_id="M-1", contributions=contributions),
        late={"first_mentor_meeting": LATE},
        reminders={"access_ready": REMINDER, "manager_one_to_one": REMINDER},
        escalations={"mentor_meeting_2": ESCALATION, "pulse_7": ESCALATION.model_copy(update={"owner": "hire"})},
        journey=1,
        asks=ASKS,
        invites={MEETING: Invite(mentor_id="M-1", number=1, day=START)},
        letters={letter.id: letter for letter in (brief, introduction)},
        told={f"{role}/{reader}": date(2027, 1, 4) for role, reader in READERS.items()},
    )
