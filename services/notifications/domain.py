"""What has to be written to whom about one employee, pure.

The state holds two things: what is known (from HR, matching and onboarding) and the letters written so far with what
each recipient was last told. `decide` compares them: what somebody ought to know and was not told is planned, what is
planned and no longer true is withdrawn. So the order in which topics arrive does not matter, a repeated fact plans
nothing, and a change that meets a message on its way is made good by a later one.
"""

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from services.notifications.correspondence import EMAIL, Correspondence, Letter, LetterStatus, message_id
from services.notifications.preferences import OPTIONAL
from services.notifications.wishes import Wanted, wishes
from shared.calendar import Place, next_working_day
from shared.events.notifications import Template

MATCH_GRACE = timedelta(seconds=30)  # matching answers within a second; a manager's notice waits this long to name the mentor
NOWHERE = Place(None)
FINAL: Collection[LetterStatus] = ("sent", "failed", "suppressed")
MORNING = time(9)  # a reminder is read when the day begins, and nobody's evening is spoilt by it

IN_THE_MORNING: frozenset[Template] = frozenset({"milestone_late", "milestone_reminder", "milestone_escalated"})
"""Templates of reminders."""


@dataclass(frozen=True, slots=True)
class Plan:
    """Enter the letter in the ledger (again, when it had been withdrawn and its reason is back)."""

    letter: Letter
    again: bool = False


@dataclass(frozen=True, slots=True)
class Hasten:
    """Send a planned letter at its new, earlier due time."""

    letter: Letter


@dataclass(frozen=True, slots=True)
class Withdraw:
    """Don't send a planned letter: what it says is no longer true or needed."""

    letter: Letter


Decision = Plan | Hasten | Withdraw


@dataclass(frozen=True, slots=True)
class Whereabouts:
    """Where somebody reads: their IANA time `zone`, None where unknown, and their `place` of work with its days off."""

    zone: str | None = None
    place: Place = NOWHERE


WhereaboutsOf = Callable[[str], Whereabouts]


def decide(state: Correspondence, where: WhereaboutsOf, coordinators: Sequence[str], now: datetime) -> list[Decision]:
    """What has to happen for everybody to know what they ought to; nothing when they do."""
    wanted = wanted_now(state, coordinators)
    decisions: list[Decision] = [
        Withdraw(letter) for id, letter in state.letters.items() if letter.status == "planned" and id not in wanted
    ]
    for id, wish in wanted.items():
        letter = state.letters.get(id)
        if letter is not None and (letter.status in FINAL or (letter.status == "planned" and letter.due_at <= now)):
            continue
        due_at = _due_at(wish, state, where(wish.recipient_id), now)
        if letter is None or letter.is_withdrawn:
            channel = letter.channel if letter is not None else EMAIL
            decisions.append(Plan(_letter(wish, due_at, channel), again=letter is not None))
        elif due_at < letter.due_at:  # never later: each new fact would put it off
            decisions.append(Hasten(letter.model_copy(update={"due_at": due_at})))
    return decisions


def wanted_now(state: Correspondence, coordinators: Sequence[str]) -> dict[str, Wanted]:
    """What everybody ought to know, by the keys of the letters that say so."""
    wanted: dict[str, Wanted] = {}
    for wish in wishes(state, coordinators):
        # One person in two roles is told once.
        wanted.setdefault(message_id(wish.cause, wish.template, wish.recipient_id, EMAIL), wish)
    return wanted


def settle(state: Correspondence, decision: Decision) -> Correspondence:
    """The correspondence once the decision is in the ledger."""
    letter = decision.letter
    if isinstance(decision, Withdraw):
        letter = letter.model_copy(update={"status": "withdrawn"})
    return state.model_copy(update={"letters": state.letters | {letter.key: letter}})


def due_at(template: Template, where: Whereabouts, now: datetime, on: date | None = None) -> datetime:
    """When a message is due, in UTC: a reminder at the next working morning of its recipient, what is read `on` a day at its
    first working morning from then on, an overview on the very day that its reader chose, or at once when that has begun, all
    else at once.

    UTC stands in for an unknown zone, and Monday to Friday for an unknown place.
    """
    if template not in IN_THE_MORNING and on is None:
        return now
    here = now.astimezone(ZoneInfo(where.zone or "UTC"))
    if on is not None and template in OPTIONAL["digest"]:
        return max(datetime.combine(on, MORNING, here.tzinfo).astimezone(now.tzinfo), now)
    if template == "meeting_invitation" and on is not None and on <= here.date():
        return now  # the meeting is near
    day = here.date() if here.time() <= MORNING else here.date() + timedelta(days=1)
    day = next_working_day(max(day, on or day), where.place)
    return datetime.combine(day, MORNING, here.tzinfo).astimezone(now.tzinfo)


def _due_at(wish: Wanted, state: Correspondence, where: Whereabouts, now: datetime) -> datetime:
    unmatched = state.assignment is None and state.waitlisted_by is None
    if wish.template == "manager_notice" and unmatched:
        return now + MATCH_GRACE
    return due_at(wish.template, where, now, wish.on)


def _letter(wish: Wanted, due_at: datetime, channel: str) -> Letter:
    return Letter(
        template=wish.template,
        role=wish.role,
        recipient_id=wish.recipient_id,
        cause=wish.cause,
        channel=channel,
        due_at=due_at,
    )
