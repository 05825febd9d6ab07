"""Meetings of mentor and hire against the rhythm that is planned, as a picture and in words. Pure.

After an earlier mentor it starts anew: with the meetings planned since then, of which each one that is held counts for the next.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date
from typing import Literal

from services.onboarding.conditions import fact_key, meetings_in
from services.onboarding.journey import Journey, Meeting, MilestoneState
from services.onboarding.programme import Programme
from shared.pages.language import N_, ngettext
from shared.pages.language import gettext as _
from shared.pages.words import day, listed

Kept = Literal["done", "late", "open"]
WIDTH = 2  # of a mark, in hundredths of the picture

_STATES: Mapping[Kept, str] = {"done": N_("%(day)s (held)"), "late": N_("%(day)s (late)")}


@dataclass(frozen=True, slots=True)
class Mark:
    """One mark: where it begins, 0..98 of the picture's width, and how it stands."""

    at: float
    kept: Kept


@dataclass(frozen=True, slots=True)
class Planned:
    """A meeting that was planned by `due`, and how it stands."""

    due: date
    kept: Kept


@dataclass(frozen=True, slots=True)
class Cadence:
    """Two rows of marks between `first` and `last`: when meetings were planned, and when some were held.

    `today` is a place as those of marks, None outside the picture; `words` and `told` say the same as the picture.
    """

    planned: Sequence[Mark]
    held: Sequence[Mark]
    today: float | None
    first: str
    last: str
    words: str
    told: Sequence[str]


def cadence_of(journey: Journey, programme: Programme, today: date) -> Cadence | None:
    """The picture of a journey; None where its programme plans no meetings."""
    theirs = [each for each in journey.meetings if _of_the_pair(each, journey)]
    planned = list(_planned(journey, programme))
    if not planned:
        return None
    held = sorted(meeting.held_on for meeting in theirs)
    first, last = min([planned[0].due, *held]), max([planned[-1].due, *held])

    def place(on: date) -> float:
        return round((100 - WIDTH) * (on - first).days / max((last - first).days, 1), 1)

    return Cadence(
        planned=[Mark(place(each.due), each.kept) for each in planned],
        held=[Mark(place(on), "done") for on in held],
        today=place(today) if first <= today <= last else None,
        first=day(first, today),
        last=day(last, today),
        words=_summary(planned, earlier=len(journey.meetings) - len(theirs)),
        told=_in_words(planned, held, today),
    )


def _of_the_pair(meeting: Meeting, journey: Journey) -> bool:
    return journey.mentor_id is None or meeting.mentor_id == journey.mentor_id


def _planned(journey: Journey, programme: Programme) -> Iterator[Planned]:
    """The planned meetings of the two, by day; of a pair after another, the first with as many as they held."""
    states = [each for each in journey.milestones.values() if each.status != "waived" and _numbers(each, programme)]
    since = _anew_from(journey)
    held = sum(each.status == "done" and _kept_by_the_pair(each, journey) for each in states) if since else 0
    due = sorted((each for each in states if since is None or each.due >= since), key=lambda each: each.due)
    for place, each in enumerate(due):
        yield Planned(each.due, "done" if place < held else _kept(each))


def _kept_by_the_pair(milestone: MilestoneState, journey: Journey) -> bool:
    """Whether the last meeting told of before it was settled was with the present mentor."""
    at = milestone.settled_at
    before = [meeting for meeting in journey.meetings if at is not None and meeting.reported_at <= at]
    return bool(before) and before[-1].mentor_id == journey.mentor_id


def _anew_from(journey: Journey) -> date | None:
    """The day the present mentor came after another one; None with the first."""
    times = journey.heard.facts.get(fact_key("mentor_assigned"), []) if journey.mentor_id else []
    return times[-1].astimezone(UTC).date() if len(times) > 1 else None  # as the board counts, which knows no zones


def _numbers(milestone: MilestoneState, programme: Programme) -> Sequence[int]:
    planned = programme.by_id.get(milestone.id)
    return meetings_in(planned.completed_by) if planned is not None else ()


def _kept(milestone: MilestoneState) -> Kept:
    return "done" if milestone.status == "done" else "late" if milestone.status == "late" else "open"


def _summary(planned: Sequence[Planned], earlier: int) -> str:
    done, late = (sum(each.kept == kept for each in planned) for kept in ("done", "late"))
    words = _("%(done)s of %(planned)s planned meetings held.", done=done, planned=len(planned))
    sentences = [words, *([ngettext("%(num)s is late.", "%(num)s are late.", late)] if late else [])]
    before = [_("Before that, with another mentor: %(number)s.", number=earlier)] if earlier else []
    return " ".join([*sentences, *before])


def _in_words(planned: Sequence[Planned], held: Sequence[date], today: date) -> list[str]:
    due = listed([_stood(each, today) for each in planned])
    told = [_("Planned by: %(days)s.", days=due)]
    return [*told, _("Held on: %(days)s.", days=listed([day(on, today) for on in held]))] if held else told


def _stood(planned: Planned, today: date) -> str:
    on, kept = day(planned.due, today), planned.kept
    return _(_STATES[kept], day=on) if kept in _STATES else on
