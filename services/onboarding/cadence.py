"""Meetings of mentor and hire against the rhythm that is planned, as a picture and in words. Pure."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Literal

from services.onboarding.conditions import meetings_in
from services.onboarding.journey import Journey, MilestoneState
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
    planned = [each for each in journey.milestones.values() if each.status != "waived" and _is_meeting(each, programme)]
    if not planned:
        return None
    planned.sort(key=lambda each: each.due)
    held = sorted(meeting.held_on for meeting in journey.meetings)
    first, last = min([planned[0].due, *held]), max([planned[-1].due, *held])

    def place(on: date) -> float:
        return round((100 - WIDTH) * (on - first).days / max((last - first).days, 1), 1)

    return Cadence(
        planned=[Mark(place(each.due), _kept(each)) for each in planned],
        held=[Mark(place(on), "done") for on in held],
        today=place(today) if first <= today <= last else None,
        first=day(first, today),
        last=day(last, today),
        words=_summary(planned),
        told=_in_words(planned, held, today),
    )


def _is_meeting(milestone: MilestoneState, programme: Programme) -> bool:
    planned = programme.by_id.get(milestone.id)
    return planned is not None and bool(meetings_in(planned.completed_by))


def _kept(milestone: MilestoneState) -> Kept:
    return "done" if milestone.status == "done" else "late" if milestone.status == "late" else "open"


def _summary(planned: Sequence[MilestoneState]) -> str:
    done, late = (sum(each.status == status for each in planned) for status in ("done", "late"))
    words = _("%(done)s of %(planned)s planned meetings held.", done=done, planned=len(planned))
    return " ".join([words, ngettext("%(num)s is late.", "%(num)s are late.", late)]) if late else words


def _in_words(planned: Sequence[MilestoneState], held: Sequence[date], today: date) -> list[str]:
    due = listed([_stood(each, today) for each in planned])
    told = [_("Planned by: %(days)s.", days=due)]
    return [*told, _("Held on: %(days)s.", days=listed([day(on, today) for on in held]))] if held else told


def _stood(milestone: MilestoneState, today: date) -> str:
    on, kept = day(milestone.due, today), _kept(milestone)
    return _(_STATES[kept], day=on) if kept in _STATES else on
