"""Who ought to know what: every letter that follows from what is known about one employee, pure."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta

from services.notifications.asking import first_meeting, surveys
from services.notifications.correspondence import EMAIL, Correspondence, Escalation, Summary, message_id
from services.notifications.invitations import AHEAD, Invite, in_order
from shared.events.notifications import RecipientRole, Template
from shared.events.onboarding import EscalatedTo, Owner

WELCOME_UNTIL = timedelta(days=30)  # a month in, nobody wants to be welcomed, nor told that somebody new starts
PAIRED_UNTIL = timedelta(days=90)  # the shipped programme's length: whose first weeks are long over meets nobody by mail

SUMMARY_TO: Mapping[Summary, RecipientRole] = {"manager_digest": "manager", "undelivered": "coordinator", "week_ahead": "hire"}


@dataclass(frozen=True, slots=True)
class Wanted:
    """A letter that somebody ought to have; `on` is the day on which it is read, where that matters."""

    template: Template
    role: RecipientRole
    recipient_id: str
    cause: str
    on: date | None = None


def wishes(state: Correspondence, coordinators: Sequence[str]) -> Iterator[Wanted]:
    """Every letter that follows from what is known, in the order of importance to its reader."""
    if state.enrolment is not None:
        yield Wanted("mentor_guidance", "mentor", state.employee_id, state.enrolment)
    yield from _summaries(state)
    yield from _releases(state)
    yield from _meetings(state)
    if state.status == "rescinded":
        yield from _cancellations(state)
    if state.status == "expected":
        yield from _to_hire(state)
        yield from _about_pair(state, coordinators)
        yield from _moved_start(state)
        yield from _late_milestones(state, coordinators)
        yield from _reminders(state, coordinators)
        yield from _escalations(state, coordinators)
        if not state.resting:
            yield from _next_survey(state)
            yield from _first_meeting(state)


def _summaries(state: Correspondence) -> Iterator[Wanted]:
    """The last one due of each kind: one that did not go before the next is due is not sent any more."""
    for summary, day in state.summaries.items():
        yield Wanted(summary, SUMMARY_TO[summary], state.employee_id, state.cause(f"{summary}-{day.isoformat()}"), day)


def _meetings(state: Correspondence) -> Iterator[Wanted]:
    """What calendars have to hear: changes of what they know, and the next meeting of which they don't know yet."""
    if not state.invites:
        return
    invited = state.invited
    for key, invite in state.invites.items():
        for role, reader in _pair(state, invite):
            if (key, reader) in invited and invite.status != "over":
                template: Template = "meeting_invitation" if invite.status == "on" else "meeting_cancelled"
                yield Wanted(template, role, reader, state.invitation(key, invite.sequence))
    for key, invite in in_order(state.invites):
        new = [(role, reader) for role, reader in _pair(state, invite) if (key, reader) not in invited]
        cause = state.invitation(key, invite.sequence)
        wanted = [Wanted("meeting_invitation", role, reader, cause, invite.day - AHEAD) for role, reader in new]
        yield from wanted
        if any(_is_open(state, wish) for wish in wanted):
            return


def _pair(state: Correspondence, invite: Invite) -> list[tuple[RecipientRole, str]]:
    mentor: tuple[RecipientRole, str] = ("mentor", invite.mentor_id)
    # Who does not come, or leaves, hears of it from people; a calendar would be the wrong one to tell it.
    return [("hire", state.employee_id), mentor] if state.status == "expected" else [mentor]


def _is_open(state: Correspondence, wish: Wanted) -> bool:
    """Whether this letter is still to be sent."""
    letter = state.letters.get(message_id(wish.cause, wish.template, wish.recipient_id, EMAIL))
    return letter is None or letter.status == "planned" or letter.is_withdrawn


def _to_hire(state: Correspondence) -> Iterator[Wanted]:
    if state.started_before(WELCOME_UNTIL):
        return
    hired = state.cause(f"hire-{state.chapter}")
    yield Wanted("welcome", "hire", state.employee_id, hired)
    if state.manager_id not in (None, state.employee_id):  # in a wrong reporting line somebody leads themselves
        yield Wanted("manager_notice", "manager", str(state.manager_id), hired)


def _about_pair(state: Correspondence, coordinators: Sequence[str]) -> Iterator[Wanted]:
    chosen = state.assignment is not None and state.assignment.decided_by != "policy"
    if state.started_before(PAIRED_UNTIL) and not chosen:
        return
    if state.assignment is not None:
        yield Wanted("mentor_introduction", "hire", state.employee_id, state.assignment.event_id)
        yield Wanted("mentor_brief", "mentor", state.assignment.mentor_id, state.assignment.event_id)
        return
    for given_by, cause in state.endings.items():
        # A hire who was introduced and has nobody now must not wait for a person who will not come.
        if cause != "journey_ended" and state.was_sent("mentor_introduction", given_by, state.employee_id):
            yield Wanted("mentor_unavailable", "hire", state.employee_id, f"{given_by}/ended")
    if state.waitlisted_by is not None:
        for coordinator in coordinators:
            yield Wanted("waitlisted", "coordinator", coordinator, state.waitlisted_by)


def _releases(state: Correspondence) -> Iterator[Wanted]:
    """A kind word to each mentor who was told of this hire and no longer has them."""
    current = state.assignment.event_id if state.assignment is not None and state.status == "expected" else None
    for letter in state.letters.values():
        told = letter.template == "mentor_brief" and letter.has_arrived
        # Who left the company reads no mail here.
        if told and letter.cause != current and state.endings.get(letter.cause) != "mentor_left":
            yield Wanted("mentor_release", "mentor", letter.recipient_id, letter.cause)


def _cancellations(state: Correspondence) -> Iterator[Wanted]:
    """Managers who expect the person. The person themselves hears it from people, not from a machine."""
    hired = state.cause(f"hire-{state.chapter}")
    for letter in state.letters.values():
        if letter.template == "manager_notice" and letter.cause == hired and letter.has_arrived:
            yield Wanted("hire_cancelled", "manager", letter.recipient_id, state.cause(f"rescinded-{state.chapter}"))


def _moved_start(state: Correspondence) -> Iterator[Wanted]:
    """Everybody whose first letter is sent and who was last told another start date."""
    hired, moved = state.cause(f"hire-{state.chapter}"), state.cause(f"start-{state.moves}")
    first: list[tuple[Template, RecipientRole, str | None, str]] = [
        ("welcome", "hire", state.employee_id, hired),
        ("manager_notice", "manager", state.manager_id, hired),
    ]
    if state.assignment is not None:
        first.append(("mentor_brief", "mentor", state.assignment.mentor_id, state.assignment.event_id))
    for template, role, recipient_id, cause in first:
        if recipient_id is None or not state.was_sent(template, cause, recipient_id):
            continue
        if state.told.get(f"{role}/{recipient_id}") != state.start_date:
            yield Wanted("plans_changed", role, recipient_id, moved)


def _late_milestones(state: Correspondence, coordinators: Sequence[str]) -> Iterator[Wanted]:
    for late in state.late.values():
        for recipient_id in _owners(late.owner, state, coordinators):
            yield Wanted("milestone_late", late.owner, recipient_id, late.cause(state.employee_id))


def _reminders(state: Correspondence, coordinators: Sequence[str]) -> Iterator[Wanted]:
    """What its owner hears to be late at the same time is one letter with it, which names both."""
    lates = {(late.owner, late.told_at) for late in state.late.values()}
    for reminder in state.reminders.values():
        if (reminder.owner, reminder.told_at) in lates:
            continue
        for recipient_id in _owners(reminder.owner, state, coordinators):
            yield Wanted("milestone_reminder", reminder.owner, recipient_id, reminder.cause(state.employee_id))


def _escalations(state: Correspondence, coordinators: Sequence[str]) -> Iterator[Wanted]:
    for id, escalation in state.escalations.items():
        manager = state.manager_id if escalation.to == "manager" and state.manager_id != state.employee_id else None
        role: EscalatedTo = "manager" if manager else "coordinator"  # where there is no manager, it must not end with nobody
        if role == escalation.owner:
            continue
        told = _told_as_owners(id, escalation, state, coordinators)
        for recipient_id in [manager] if manager else coordinators:
            if recipient_id in told:
                continue
            yield Wanted("milestone_escalated", role, recipient_id, escalation.cause(state.employee_id))


def _told_as_owners(id: str, escalation: Escalation, state: Correspondence, coordinators: Sequence[str]) -> set[str]:
    """Who hears of the same milestone at the same time because it is theirs: a manager may be a coordinator too."""
    return {reader for own in state.heard_with(id, escalation) for reader in _owners(own.owner, state, coordinators)}


def _next_survey(state: Correspondence) -> Iterator[Wanted]:
    """One at a time: the next is planned when the one before is sent, so that a changed plan changes one letter."""
    for ask in surveys(state.asks):
        wish = Wanted("survey_invitation", "hire", state.employee_id, state.asking(ask), ask.due)
        yield wish
        if _is_open(state, wish):
            return


def _first_meeting(state: Correspondence) -> Iterator[Wanted]:
    """The day after the first meeting was planned, once a journey, for whoever had a mentor by then."""
    ask, mentor = first_meeting(state.asks), state.assignment
    if ask is None or mentor is None or mentor.since is None or mentor.since.date() > ask.due:
        return
    before = (each for each in state.letters.values() if each.template == "meeting_question" and each.has_arrived)
    if not any(each.cause.startswith(state.cause(f"ask-{state.journey}-")) for each in before):
        yield Wanted("meeting_question", "hire", state.employee_id, state.asking(ask), ask.due + timedelta(days=1))


def _owners(owner: Owner, state: Correspondence, coordinators: Sequence[str]) -> Sequence[str]:
    if owner == "coordinator":
        return coordinators
    mentor_id = state.assignment.mentor_id if state.assignment else None
    person = {"hire": state.employee_id, "manager": state.manager_id, "mentor": mentor_id}[owner]
    return [person] if person is not None else []
