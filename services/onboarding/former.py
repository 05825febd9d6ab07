"""The journeys that somebody had before their present one, as their page shows them. Pure."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from services.onboarding.journey import Journey, JourneyStatus, PastJourney, local_day
from services.onboarding.programme import Programme, Programmes
from services.onboarding.projections.timeline import Entry
from services.onboarding.views import in_page_language, title_of
from shared.pages.language import N_
from shared.pages.language import gettext as _
from shared.pages.words import day, listed

BEGINNING, ENDINGS = "journey_started", ("journey_ended", "journey_cancelled")
HOW_IT_ENDED: Mapping[JourneyStatus, str] = {
    "completed": N_("Finished on %(day)s"),
    "left": N_("Left on %(day)s"),
    "cancelled": N_("Called off on %(day)s"),
}


@dataclass(frozen=True, slots=True)
class FormerJourney:
    """One of them: `title` says when it began and by which programme, `facts` are name and words, `done` what was completed."""

    title: str
    facts: Sequence[tuple[str, str]]
    done: Sequence[str]


@dataclass(frozen=True, slots=True)
class _Told:
    past: PastJourney
    entries: Sequence[Entry]
    programme: Programme | None
    names: Mapping[str, str]
    zone: str | None


def former_journeys(
    journey: Journey, entries: Sequence[Entry], programmes: Programmes, names: Mapping[str, str], zone: str | None
) -> list[FormerJourney]:
    """All of them, the latest first. `entries` are the whole timeline; of what that holds no longer only the counts are told."""
    told = _by_number(entries, journey.number)
    pins = {past.number: (past.programme, past.programme_version) for past in journey.past}
    known = {number: programmes.pinned(*pin) for number, pin in pins.items() if programmes.knows(*pin)}
    return [
        _former(_Told(past, told.get(past.number, ()), known.get(past.number), names, zone)) for past in reversed(journey.past)
    ]


def _by_number(entries: Sequence[Entry], present: int) -> dict[int, Sequence[Entry]]:
    """The entries of each journey. One has what came after the end of the one before: a mentor may be told before the start."""
    starts = [index for index, each in enumerate(entries) if each.kind == BEGINNING]
    begins = [_begin(entries, before, start) for before, start in zip([-1, *starts], starts, strict=False)]
    first = present - len(starts) + 1
    return {
        first + number: entries[begin:end]
        for number, (begin, end) in enumerate(zip(begins, [*begins[1:], len(entries)], strict=True))
    }


def _begin(entries: Sequence[Entry], before: int, start: int) -> int:
    """Where the journey that starts at `start` begins: behind the last end after the start before."""
    ends = [index for index in range(before + 1, start) if entries[index].kind in ENDINGS]
    return ends[-1] + 1 if ends else start if before >= 0 else 0


def _former(told: _Told) -> FormerJourney:
    past = told.past
    title = in_page_language(told.programme.title) if told.programme else past.programme
    return FormerJourney(
        _("%(day)s, %(programme)s", day=day(past.start_date), programme=title), list(_facts(told)), list(_done(told))
    )


def _facts(told: _Told) -> Iterator[tuple[str, str]]:
    past = told.past
    ended = [each.at for each in told.entries if each.kind in ENDINGS]
    if ended and past.status in HOW_IT_ENDED:
        yield _("How it ended"), _(HOW_IT_ENDED[past.status], day=day(local_day(ended[-1], told.zone)))
    mentors = dict.fromkeys(str(each.details["mentor_id"]) for each in told.entries if each.kind == "mentor_assigned")
    if mentors:
        yield _("Mentor"), listed([told.names.get(id, id) for id in mentors])
    yield _("Milestones"), _("%(done)s of %(total)s milestones done", done=past.done, total=past.required)


def _done(told: _Told) -> Iterator[str]:
    for each in told.entries:
        if each.kind == "milestone_completed":
            title = title_of(told.programme, each.milestone_id or "")
            yield _("%(title)s, %(day)s", title=title, day=day(local_day(each.at, told.zone)))
