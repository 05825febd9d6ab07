"""What a letter says and where it goes, pure: from what is known of hire, mentor and manager to a message for one reader."""

import re
import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any
from urllib.parse import quote
from zoneinfo import ZoneInfo

from services.notifications.asking import Ask, meetings
from services.notifications.correspondence import TELLS_START, Correspondence, LateMilestone, Letter
from services.notifications.invitations import Attendee, Invitation, Invite, start_of
from services.notifications.preferences import kind_of
from services.notifications.rendering import Rendered, Renderer, Tongue
from shared.directory import name_of
from shared.events.notifications import Template
from shared.events.onboarding import Owner
from shared.links import Link, Links

Person = Mapping[str, Any]
"""A person as the directory holds them; empty for somebody unknown."""

REASONS_TOLD = 4  # more reasons convince nobody more
MEETINGS_NAMED = 8  # of more, when they end says more than each day
WORTH_TELLING = 3_000  # of 10,000: less of a criterion than a third is no reason anybody would name
THINGS_TOLD = 3  # of a list of skills or interests: enough to begin a conversation
LONGEST_THING = 60  # characters; a longer entry is a paragraph somebody pasted
JOINERS = "\u200c\u200d"  # Persian words and Indic letters are spelt with them
_LABEL = r"[A-Za-z0-9\u0080-\U0010ffff](?:[A-Za-z0-9\u0080-\U0010ffff-]{0,61}[A-Za-z0-9\u0080-\U0010ffff])?"
_ATOM = r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~\u0080-\U0010ffff-]+"
POSSIBLE_ADDRESS = re.compile(rf"(?=[^@]{{1,64}}@.{{1,253}}$){_ATOM}(?:\.{_ATOM})*@{_LABEL}(?:\.{_LABEL})*")
"""What mail servers take in practice: a dotted local part and a domain of labels (RFC 5321, section 4.1.2), no quoting."""

TELLS_MEETING: frozenset[Template] = frozenset({"meeting_invitation", "meeting_cancelled"})
"""Templates that calendars read."""

TELLS_PAIR: frozenset[Template] = frozenset({"mentor_introduction", "mentor_brief"})
"""Templates that say what brought two people together and what to talk about first."""

ENDINGS = {
    "hire_rescinded": "rescinded",
    "hire_terminated": "left",
    "mentor_paused": "stepped_back",
    "mentor_withdrew": "stepped_back",
    "journey_ended": "ended",
}
"""How the end of a pair is worded; other causes are worded as a change of plans."""


@dataclass(frozen=True, slots=True)
class Outgoing:
    """A message for one address. `told` is the start date it names, if it names one; `unsubscribe` the address at which its
    reader turns off messages of its kind by one click, for kinds that may be turned off."""

    message_id: str
    template: str
    to_name: str
    to_address: str
    rendered: Rendered
    told: date | None
    invitation: Invitation | None = None
    unsubscribe: str | None = None


@dataclass(frozen=True, slots=True)
class Meeting:
    """A meeting that a letter tells of: `number` within the journey, `start` where the hire is, `local` where the reader is,
    `other` whom they meet; `moved` says that the reader knows of another time."""

    key: str
    hire_id: str
    mentor_id: str
    number: int
    sequence: int
    start: datetime
    local: datetime
    other: str
    moved: bool
    cancelled: bool


@dataclass(frozen=True, slots=True)
class Figure:
    """A person as a message shows them; each field is one line of plain text or empty."""

    name: str
    first: str
    role: str
    place: str
    address: str


def today(person: Person, now: datetime) -> date:
    """The calendar day where the person is."""
    return now.astimezone(ZoneInfo(person.get("time_zone") or "UTC")).date()


def address_of(person: Person, now: datetime) -> str | None:
    """The personal address before the person's first day, the work address from then on, the other one where that is missing."""
    work, personal = person.get("work_email"), person.get("personal_email")
    found: str | None = (personal or work) if is_expected(person, now) else (work or personal)
    return found


def is_expected(person: Person, now: datetime) -> bool:
    """Whether the person's first day is still to come."""
    start = person.get("start_date")
    return start is not None and today(person, now) < date.fromisoformat(start)


def is_possible(address: str) -> bool:
    """Whether mail to this address can exist at all."""
    return POSSIBLE_ADDRESS.fullmatch(address) is not None


def one_line(text: str) -> str:
    """Text on one line without control characters or marks that change the writing direction."""
    spaced = " ".join(text.split())
    if spaced.isprintable():  # nearly always, and a hundred times faster than looking at each character
        return spaced
    return "".join(char for char in spaced if unicodedata.category(char) not in ("Cc", "Cf", "Cs") or char in JOINERS)


def compose(
    letter: Letter,
    state: Correspondence,
    people: Mapping[str, Person],
    address: str,
    renderer: Renderer,
    web_url: str,
    answers: Links,
    now: datetime,
    about: Mapping[str, Any] | None = None,
) -> Outgoing:
    """Write one letter from what is known now; `answers` signs links, `about` is what a summary tells of others.

    Raises `jinja2.TemplateError` where a template is wrong.
    """
    reader = people.get(letter.recipient_id, {})
    tongue = renderer.tongue(letter.template, reader.get("locale"), reader.get("languages") or ())
    own = answers.own("preferences", letter.recipient_id)
    context = _context(letter, state, people, now) | {"links": links_to(web_url, state.employee_id, own)}
    context |= _asked(letter, state, answers, web_url)
    context |= about or {}
    meeting = meeting_in(letter, state, people) if letter.template in TELLS_MEETING else None
    context |= {"meeting": meeting}
    if letter.template in TELLS_PAIR:
        context |= _told_in_words(context, letter, state, renderer, tongue)
    rendered = renderer.render(letter.template, tongue, context)
    told = state.start_date if letter.template in TELLS_START else None
    page = context["links"]["own" if letter.role == "hire" else "person"]
    me = Attendee(context["reader"].name, address)
    invitation = invitation_to(meeting, people, me, page, renderer, tongue, now) if meeting else None
    kind = kind_of(letter.template)
    unsubscribe = f"{web_url.rstrip('/')}{own}/without/{kind}" if own and kind else None
    return Outgoing(letter.id, letter.template, context["reader"].name, address, rendered, told, invitation, unsubscribe)


def _context(letter: Letter, state: Correspondence, people: Mapping[str, Person], now: datetime) -> dict[str, Any]:
    hire = people.get(state.employee_id, {})
    mentor_id = _mentor_of(letter, state)
    late = _late_in(letter, state)
    ids = {letter.recipient_id, state.employee_id, mentor_id, state.manager_id}  # mostly the reader is one of the others
    figures: dict[str | None, Figure] = {id: figure(people.get(id, {}), id, now) for id in ids if id}
    return {
        "role": letter.role,
        "reader": figures[letter.recipient_id],
        "hire": figures[state.employee_id],
        "mentor": figures.get(mentor_id),
        "manager": figures.get(state.manager_id),
        "start": state.start_date,
        "started": state.start_date is not None and state.start_date <= today(hire, now),
        "before": state.told.get(f"{letter.role}/{letter.recipient_id}"),
        "renewed": any(other.template == letter.template and other.has_arrived for other in state.letters.values()),
        "waitlisted": state.waitlisted_by is not None,
        "meetings": state.meetings.get(letter.recipient_id, 0),
        "ending": _ending(letter, state),
        "milestone": late[0][0] if late else "",
        "due": late[0][1].due if late else None,
        "also": [(id, other.due) for id, other in late[1:]],
        "soon": _reminders_in(letter, state),
        "steps": _escalations_in(letter, state),
        "pair": (hire, people.get(mentor_id, {})) if mentor_id else (hire, {}),
        "criteria": _criteria(state),
    }


def meeting_in(letter: Letter, state: Correspondence, people: Mapping[str, Person]) -> Meeting:
    """The meeting that an invitation, or its cancellation, tells of as it is planned now."""
    key, reader_id = state.meeting(letter), letter.recipient_id
    was_invited = (key, reader_id) in state.invited
    return meeting_of(key, state.invites[key], state.employee_id, people, reader_id, was_invited=was_invited)


def meeting_of(
    key: str, invite: Invite, hire_id: str, people: Mapping[str, Person], reader_id: str, *, was_invited: bool
) -> Meeting:
    """A planned meeting as one of the two sees it."""
    zones = {id: people.get(id, {}).get("time_zone") for id in (hire_id, invite.mentor_id, reader_id)}
    start = start_of(invite.day, zones[hire_id], zones[invite.mentor_id], f"{hire_id}/{key}")
    other_id = invite.mentor_id if reader_id == hire_id else hire_id
    return Meeting(
        key=f"{hire_id}/{key}",
        hire_id=hire_id,
        mentor_id=invite.mentor_id,
        number=invite.number,
        sequence=invite.sequence,
        start=start,
        local=start.astimezone(ZoneInfo(zones[reader_id] or "UTC")),
        other=called(people.get(other_id, {}), other_id),
        moved=was_invited,
        cancelled=invite.status == "cancelled",
    )


def invitation_to(
    meeting: Meeting,
    people: Mapping[str, Person],
    reader: Attendee | None,
    page: str,
    renderer: Renderer,
    tongue: Tongue,
    now: datetime,
) -> Invitation:
    """What a calendar is told of a meeting; `reader` is whose it is, where they are invited.

    Of the other's addresses only the one at work is anybody's business.
    """
    pair = [figure(people.get(id, {}), id, now) for id in (meeting.hire_id, meeting.mentor_id)]
    others = [Attendee(each.name, each.address) for each in pair if each.address and each.name == meeting.other]
    return Invitation(
        key=meeting.key,
        sequence=meeting.sequence,
        method="CANCEL" if meeting.cancelled else "REQUEST",
        start=meeting.start,
        title=renderer.phrase(tongue, "meeting", pair[0].first, pair[1].first),
        words=page,
        attendees=[reader, *others] if reader else [],
    )


def _late_in(letter: Letter, state: Correspondence) -> list[tuple[str, LateMilestone]]:
    """What is late of that which the letter tells of, by day."""
    told = [late for late in state.late.items() if late[1].cause(state.employee_id) == letter.cause]
    return sorted(told, key=lambda late: (late[1].due, late[0]))


def _reminders_in(letter: Letter, state: Correspondence) -> list[tuple[str, date]]:
    """What the letter reminds of, by day: of a letter about what is late, what its reader is reminded of at the same time."""
    at = {(late.owner, late.told_at) for _, late in _late_in(letter, state)}
    told = [
        (id, each.due)
        for id, each in state.reminders.items()
        if each.cause(state.employee_id) == letter.cause or (each.owner, each.told_at) in at
    ]
    return sorted(told, key=lambda each: (each[1], each[0]))


def _escalations_in(letter: Letter, state: Correspondence) -> list[tuple[str, date, Owner]]:
    """What of other people's the letter tells of, by day, with whose it is; its reader's own are in another letter."""
    own = {each.cause for each in state.letters.values() if each.recipient_id == letter.recipient_id}
    told = [
        (id, each.due, each.owner)
        for id, each in state.escalations.items()
        if each.cause(state.employee_id) == letter.cause
        and own.isdisjoint(heard.cause(state.employee_id) for heard in state.heard_with(id, each))
    ]
    return sorted(told, key=lambda each: (each[1], each[0]))


def _asked(letter: Letter, state: Correspondence, answers: Links, web_url: str) -> dict[str, Any]:
    """What the letter asks of its reader: a `survey`, a `meeting` or nothing, and by which link until when."""
    told = [*(id for id, _ in _late_in(letter, state)), *(id for id, _ in _reminders_in(letter, state))][:1]
    asked = (each for each in state.asks.items() if each[0] in told or state.asking(each[1]) == letter.cause)
    id, ask = next(asked, ("", None))
    link = _link(letter, state, ask) if ask else None
    path = answers.path(link) if link else None
    about = {} if ask is None or told else {"milestone": id, "due": ask.due}
    if link is None or path is None:
        return about | {"asks": "", "answer": "", "until": None}
    return about | {"asks": link.purpose, "answer": web_url.rstrip("/") + path, "until": link.last_day}


def _link(letter: Letter, state: Correspondence, ask: Ask) -> Link | None:
    """A link for the letter's reader: surveys are the hire's, meetings the hire's and the mentor's to report."""
    if ask.meeting and letter.role in ("hire", "mentor"):
        return Link.to_meeting(state.employee_id, letter.recipient_id, state.journey, ask.last_day)
    if ask.survey and letter.recipient_id == state.employee_id:
        return Link.to_survey(state.employee_id, state.journey, ask.survey, ask.last_day)
    return None


def _mentor_of(letter: Letter, state: Correspondence) -> str | None:
    if letter.template == "mentor_unavailable":
        briefed = (other for other in state.letters.values() if other.template == "mentor_brief")
        return next((other.recipient_id for other in briefed if letter.cause == f"{other.cause}/ended"), None)
    return state.assignment.mentor_id if state.assignment else None


def _ending(letter: Letter, state: Correspondence) -> str:
    if state.status == "rescinded":
        return "rescinded"
    if state.status == "left":
        return "left"
    return ENDINGS.get(state.endings.get(letter.cause, ""), "changed")


def _criteria(state: Correspondence) -> list[str]:
    """What spoke for the pair, most first."""
    contributions = state.assignment.contributions if state.assignment else ()
    weighty = sorted((c for c in contributions if c.points > 0 and c.value >= WORTH_TELLING), key=lambda c: -c.points)
    return [contribution.criterion for contribution in weighty]


def _told_in_words(
    context: Mapping[str, Any], letter: Letter, state: Correspondence, renderer: Renderer, tongue: Tongue
) -> dict[str, Any]:
    hire, mentor = context["pair"]
    shared = _shared(hire, mentor, tongue)
    other = tongue.isolated(context["mentor"].first) if context["mentor"] else ""
    reasons = (renderer.phrase(tongue, "reason", code, letter.role, other, shared) for code in context["criteria"])
    topics = {
        "interests": tongue.listed(_things(hire.get("interests"))),
        "skills": tongue.listed(_things(hire.get("skills"))),
        "location": tongue.isolated(one_line(hire.get("location") or "")),
    }
    openers = [renderer.phrase(tongue, "opener", topic, value) for topic, value in topics.items() if value]
    asked = [renderer.phrase(tongue, "opener", topic, "") for topic in ("surprises", "hopes")]
    told = [reason for reason in reasons if reason][:REASONS_TOLD]
    return {"reasons": told, "openers": [*openers, *asked], "rhythm": _rhythm(meetings(state.asks), renderer, tongue)}


def _rhythm(days: Sequence[date], renderer: Renderer, tongue: Tongue) -> str:
    """When the two are to meet, as their programme plans it; empty while no plan is known, or a single meeting."""
    if len(days) < 2:
        return ""
    named = days if len(days) <= MEETINGS_NAMED + 2 else days[:MEETINGS_NAMED]
    more = len(days) - len(named)
    return renderer.phrase(tongue, "rhythm", tongue.listed([tongue.date(each) for each in named]), more, tongue.date(days[-1]))


def _shared(hire: Person, mentor: Person, tongue: Tongue) -> dict[str, str]:
    """What both have, in words; empty where there is nothing to name."""
    languages = [tongue.language_name(code) for code in _common(hire, mentor, "languages")]
    same = {
        field: one_line(hire[field]) if hire.get(field) and hire.get(field) == mentor.get(field) else ""
        for field in ("role_family", "location", "work_arrangement")
    }
    return {
        "skills": tongue.listed(_things(_common(hire, mentor, "skills"))),
        "interests": tongue.listed(_things(_common(hire, mentor, "interests"))),
        "languages": tongue.listed([name for name in languages if name]),
        **same,
        **{field: tongue.isolated(same[field]) for field in ("role_family", "location")},
    }


def _common(hire: Person, mentor: Person, field: str) -> list[str]:
    theirs = {thing.casefold() for thing in mentor.get(field) or ()}
    return [thing for thing in hire.get(field) or () if thing.casefold() in theirs]


def _things(things: Sequence[str] | None) -> list[str]:
    lines = (one_line(thing) for thing in things or ())
    return [line for line in lines if 0 < len(line) <= LONGEST_THING][:THINGS_TOLD]


def called(person: Person, id: str) -> str:
    """A person's name on one line; their id where no name is known."""
    return one_line(name_of(dict(person), id))


def figure(person: Person, id: str, now: datetime) -> Figure:
    """A person as a message shows them. The address is the work address, once there is work: a private one is nobody else's."""
    name = called(person, id)
    places = (person.get("department"), person.get("location"))
    return Figure(
        name=name,
        first=one_line(person.get("given_name") or name),
        role=one_line(person.get("title") or ""),
        place=", ".join(one_line(place) for place in places if place),
        address=one_line(person.get("work_email") or "") if not is_expected(person, now) else "",
    )


def links_to(web_url: str, employee_id: str, preferences: str | None = None) -> dict[str, str]:
    """The pages that messages about this hire lead to, by name; `preferences` is the path of the reader's own."""
    base = web_url.rstrip("/")
    return {
        "preferences": f"{base}{preferences or '/preferences'}",
        "home": f"{base}/",
        "own": f"{base}/me",
        "person": f"{base}/people/{quote(employee_id, safe='')}",
        "board": f"{base}/board",
        "people": f"{base}/people/",
        "bounces": f"{base}/coordinator/bounces",
        "waitlist": f"{base}/coordinator/waitlist",
    }
