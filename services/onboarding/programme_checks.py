"""What is wrong with a programme although each field is right: what could never be reached, met, sent or meant. Pure.

A fault refuses the file. A doubt is told by `./firstmate programme check` and refuses nothing: it may be meant.
"""

import difflib
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

from babel import Locale
from pydantic import ValidationError

from services.onboarding.conditions import (
    MAX_MEETINGS,
    ByMessageSent,
    ByStillEmployed,
    BySurveyAnswered,
    CompletedBy,
    conditions_in,
    meetings_in,
    surveys_in,
)
from services.onboarding.programme import (
    EARLIEST_DAY,
    LATEST_DAY,
    MAX_MILESTONES,
    Milestone,
    Person,
    Programme,
    Survey,
    When,
    compatible,
    misplaced,
)
from services.onboarding.programme_entries import MilestoneEntry, ProgrammeFile
from shared.calendar import NoWorkingDay, place, subdivisions_of
from shared.events.notifications import RECIPIENTS

# To a new mentor; when there is no journey any more; and of a manager's or coordinator's own, whoever it tells of.
NOT_ABOUT_A_JOURNEY = frozenset({"mentor_guidance", "hire_cancelled", "manager_digest", "undelivered"})
OF_TROUBLE = frozenset({"waitlisted", "mentor_unavailable", "milestone_late", "milestone_escalated"})  # most hires cause none
NO_COUNTRIES = frozenset({"EU", "EZ", "QO", "UN", "XA", "XB", "ZZ"})  # codes with a name that people don't work in
MONTHS_AHEAD = 24  # holidays of the next starts; beyond, governments have not decided all

Steps = tuple[str | int, ...]


@dataclass(frozen=True, slots=True)
class Finding:
    """Something wrong at a place of the file (field names and list indexes)."""

    at: Steps
    message: str


def faults(written: ProgrammeFile) -> list[Finding]:
    """Everything for which the file is refused."""
    found = [*_places_that_are_none(written.when, ("when",)), *_of_entries(written)]
    try:
        milestones = [(index, each) for index, entry in enumerate(written.milestones) for each in entry.milestones()]
    except ValidationError:  # told with its line by `_of_entries`
        return found
    found += _of_ids(milestones)
    found += _of_days(milestones)
    if not any(each.required and not each.when.conditions for _, each in milestones):
        found.append(
            Finding(("milestones",), "no milestone is required of everybody, so a journey would end when it starts; add one")
        )
    return found


def faults_beside(data: Mapping[str, Any], wrong: Iterable[Steps]) -> list[Finding]:
    """What is wrong between the milestones whose own fields are right, of a file with wrong fields elsewhere (`wrong`).

    So that one look tells all that can be told. What depends on a milestone that can't be read is left for the next look.
    """
    places = list(wrong)
    entries, surveys = data.get("milestones"), data.get("surveys", {})
    if not isinstance(entries, list) or not isinstance(surveys, dict) or ("milestones",) in places:
        return []
    unread = {at[1] for at in places if at[0] == "milestones"}
    read = {index: MilestoneEntry.model_validate(entry) for index, entry in enumerate(entries) if index not in unread}
    sound = _without_dependents(read)
    when = When() if any(at[0] == "when" for at in places) else When.model_validate(data.get("when", {}))
    known = {id: Survey.model_construct(title={}, questions={}) for id in surveys}  # of a survey its id is asked for alone
    written = ProgrammeFile.model_construct(id="", title={}, when=when, surveys=known, milestones=list(sound.values()))
    indexes = list(sound)
    return [_elsewhere(each, indexes) for each in faults(written) if each.at != ("milestones",)]  # that tells of the whole


def _without_dependents(read: Mapping[int, MilestoneEntry]) -> dict[int, MilestoneEntry]:
    """These without those that come after one which is not among them, and without those that come after such."""
    sound = dict(read)
    while True:
        ids = {id for each in sound.values() for id in _ids_of(each)}
        lost = [index for index, each in sound.items() if each.after is not None and each.after not in ids]
        if not lost:
            return sound
        for index in lost:
            del sound[index]


def _ids_of(entry: MilestoneEntry) -> list[str]:
    first = entry.numbered_from or 1
    return [entry.id] if len(entry.days) == 1 else [f"{entry.id}_{first + n}" for n in range(len(entry.days))]


def _elsewhere(finding: Finding, indexes: Sequence[int]) -> Finding:
    """The finding with its milestone's place in the whole file."""
    start, *rest = finding.at
    if start != "milestones" or not rest or not isinstance(rest[0], int):
        return finding
    return Finding(("milestones", indexes[rest[0]], *rest[1:]), finding.message)


def doubts(written: ProgrammeFile, programme: Programme, today: date) -> list[Finding]:
    """What may be meant, and hardly is. `today` is where the calendar of the next two years begins."""
    return [
        *_doubtful_places(written),
        *_meetings_nobody_asks_for(written),
        *_surveys_nobody_asks_for(written),
        *_done_by_trouble(written),
        *_no_working_day(programme, written, today),
    ]


def _of_entries(written: ProgrammeFile) -> Iterator[Finding]:
    for index, entry in enumerate(written.milestones):
        at: Steps = ("milestones", index)
        yield from _of_repetition(entry, at)
        for condition in conditions_in(entry.completed_by):
            yield from _of_condition(condition, written, (*at, "completed_by"))
        yield from _places_that_are_none(entry.when, (*at, "when"))
        yield from _told_in_vain(entry, at)
        yield from _never_for_anybody(entry, written.when, (*at, "when"))
    count = sum(len(entry.days) for entry in written.milestones)
    if count > MAX_MILESTONES:
        yield Finding(
            ("milestones",), f"with those repeated there are {count} milestones; a programme has at most {MAX_MILESTONES}"
        )


def _of_repetition(entry: MilestoneEntry, at: Steps) -> Iterator[Finding]:
    last = (entry.numbered_from or 1) + len(entry.days) - 1
    if meetings_in(entry.completed_by) and len(entry.days) > 1 and last > MAX_MEETINGS:
        where = "numbered_from" if entry.numbered_from else "id"
        yield Finding((*at, where), f"would wait for meeting {last}; number at most {MAX_MEETINGS} meetings")
        return
    try:
        entry.milestones()
    except ValidationError as error:
        field = str(error.errors()[0]["loc"][0])
        yield Finding((*at, field), f"is too long once it ends in its number ({last}); shorten it")


def _of_condition(condition: CompletedBy, written: ProgrammeFile, at: Steps) -> Iterator[Finding]:
    if isinstance(condition, BySurveyAnswered) and condition.survey not in written.surveys:
        known = ", ".join(written.surveys) or "none is there"
        yield Finding(at, f"survey '{condition.survey}' is not under 'surveys' ({known}); add it, or name one that is")
    if isinstance(condition, ByMessageSent):
        yield from _of_message(condition, at)


def _of_message(condition: ByMessageSent, at: Steps) -> Iterator[Finding]:
    sent: Mapping[str, Sequence[str]] = {name: roles for name, roles in RECIPIENTS.items() if name not in NOT_ABOUT_A_JOURNEY}
    roles = sent.get(condition.template)
    if roles is None:
        near = difflib.get_close_matches(condition.template, sent, n=1)
        hint = f"did you mean '{near[0]}'?" if near else f"there are: {', '.join(sent)}"
        yield Finding(at, f"no message about a hire is made from template '{condition.template}'; {hint}")
    elif condition.recipient not in roles:
        mend = " or ".join(f"'recipient: {role}'" for role in roles)
        yield Finding(at, f"message '{condition.template}' never goes to the {condition.recipient}; write {mend}")


def _places_that_are_none(when: When, at: Steps) -> Iterator[Finding]:
    for location in when.location:
        where, code = place(location), _code_in(location)
        if where.known and where.note is not None and where.country is not None:
            parts = subdivisions_of(where.country)
            mend = f"it has {', '.join(parts)}" if parts else f"write {where.country} alone"
            yield Finding((*at, "location"), f"'{location}' is no part of {where.country}; {mend}")
        elif not where.known and code is not None and code not in _territories():
            yield Finding((*at, "location"), f"'{location}': no country has the code {code}; use ISO codes such as FR or DE-BY")


def _doubtful_places(written: ProgrammeFile) -> Iterator[Finding]:
    whens: list[tuple[Steps, When]] = [(("when",), written.when)]
    whens += [(("milestones", index, "when"), entry.when) for index, entry in enumerate(written.milestones)]
    for at, when in whens:
        for location in when.location:
            if place(location).known:
                continue
            country = _territories().get(_code_in(location) or "")
            words = f"there is no holiday calendar of {country}: Monday to Friday are its working days"
            other = f"'{location}' names no country: it holds for those whose location is written just so"
            yield Finding((*at, "location"), words if country else other)


def names_a_country(location: str) -> bool:
    """Whether a location names a country, with or without a holiday calendar, and no part that it does not have."""
    where = place(location)
    return where.note is None or (not where.known and _code_in(location) in _territories())


def _code_in(location: str) -> str | None:
    found = re.fullmatch(r"([A-Za-z]{2})(?:-[A-Za-z0-9]{1,3})?", location.rsplit(",", 1)[-1].strip())
    return found.group(1).upper() if found else None


def _territories() -> Mapping[str, str]:
    names = Locale("en").territories
    return {code: str(name) for code, name in names.items() if re.fullmatch("[A-Z]{2}", code) and code not in NO_COUNTRIES}


def _told_in_vain(entry: MilestoneEntry, at: Steps) -> Iterator[Finding]:
    field = "remind" if entry.remind else "escalate"
    if (entry.remind or entry.escalate) and isinstance(entry.completed_by, ByStillEmployed):
        yield Finding((*at, field), f"nobody can do anything about milestone '{entry.id}', which the calendar settles; remove it")
    elif entry.escalate and entry.optional:
        yield Finding((*at, "escalate"), f"milestone '{entry.id}' is optional, so nobody need be told that it is open; remove it")
    elif entry.escalate and entry.escalate.to == entry.owner:
        yield Finding(
            (*at, "escalate"), f"milestone '{entry.id}' is the {entry.owner}'s own; use 'remind', or tell somebody else"
        )


def _never_for_anybody(entry: MilestoneEntry, programme: When, at: Steps) -> Iterator[Finding]:
    for name, values in entry.when:
        whose = getattr(programme, name)
        if values and whose and not compatible(name, values, whose):
            told = f"it is for {name} {' / '.join(values)}, and the programme for {' / '.join(whose)}"
            yield Finding((*at, name), f"milestone '{entry.id}' applies to nobody: {told}; change one of them")


def _of_ids(milestones: Sequence[tuple[int, Milestone]]) -> Iterator[Finding]:
    ids: set[str] = set()
    for index, each in milestones:
        if each.id in ids:
            yield Finding(("milestones", index, "id"), f"milestone id '{each.id}' is used twice; give each its own")
        ids.add(each.id)


def _of_days(milestones: Sequence[tuple[int, Milestone]]) -> Iterator[Finding]:
    """Milestones that come after nothing or after themselves, or whose days add up to one that can't be meant."""
    places = {each.id: index for index, each in milestones}
    by_id = {each.id: each for _, each in milestones}
    wrong = list(misplaced({id: each.after for id, each in by_id.items()}))
    for id, words in wrong:
        near = difflib.get_close_matches(str(by_id[id].after), by_id.keys() - {id}, n=1)
        hint = "" if by_id[id].after in by_id else f"; did you mean '{near[0]}'?" if near else "; name one that is"
        yield Finding(("milestones", places[id], "after"), f"milestone '{id}' {words}{hint}")
    if wrong:
        return
    for id, each in by_id.items():
        day, before = each.day, each.after
        while before is not None:
            day, before = day + by_id[before].day, by_id[before].after
        at = ("milestones", places[id])
        if not EARLIEST_DAY <= day <= LATEST_DAY:
            yield Finding(at, f"milestone '{id}' is due {day} days from the start date; keep to {EARLIEST_DAY}..{LATEST_DAY}")
        if isinstance(each.completed_by, ByStillEmployed) and day < 0:
            yield Finding(
                at, f"milestone '{id}' can never be reached: nobody is still employed before the start; use a later day"
            )


def _meetings_nobody_asks_for(written: ProgrammeFile) -> Iterator[Finding]:
    """A meeting far beyond the cadence keeps a journey open until people happen to have met so often."""
    asked = {
        (number, index, each.day)
        for index, entry in enumerate(written.milestones)
        for each in entry.milestones()
        for number in meetings_in(each.completed_by)
    }
    before = 0
    for number, index, day in sorted(asked):
        if before == 0 and number > max(day, 1) and written.milestones[index].after is None:
            words = f"waits for meeting {number} by day {day}: more than one a day; ask for an earlier meeting, or a later day"
            yield Finding(("milestones", index, "completed_by"), words)
        if number > before + 1 and before > 0:
            gap = f"meeting {before + 1}" if number == before + 2 else f"meetings {before + 1} to {number - 1}"
            words = f"waits for meeting {number}, and no milestone asks for {gap}"
            yield Finding(("milestones", index, "completed_by"), f"{words}: it stays open until they have met so often")
        before = max(before, number)


def _surveys_nobody_asks_for(written: ProgrammeFile) -> Iterator[Finding]:
    asked = {survey for entry in written.milestones for survey in surveys_in(entry.completed_by)}
    for id in written.surveys.keys() - asked:
        yield Finding(("surveys", id), f"survey '{id}' is asked by no milestone, so nobody sees it")


def _done_by_trouble(written: ProgrammeFile) -> Iterator[Finding]:
    """A milestone that is done once something went wrong stays open for everybody with whom all goes well."""
    for index, entry in enumerate(written.milestones):
        for condition in conditions_in(entry.completed_by):
            if isinstance(condition, ByMessageSent) and condition.template in OF_TROUBLE:
                words = f"waits for message '{condition.template}', which tells of trouble: without any it stays open"
                yield Finding(("milestones", index, "completed_by"), f"{words}; wait for another message, or for a person's word")


def _no_working_day(programme: Programme, written: ProgrammeFile, today: date) -> Iterator[Finding]:
    """Places of the file where the days of a start in the next two years can't be found: a calendar that is all holidays."""
    named = {location for when in (written.when, *(each.when for each in written.milestones)) for location in when.location}
    starts = [date(today.year + month // 12, month % 12 + 1, 1) for month in range(today.month, today.month + MONTHS_AHEAD)]
    for location in sorted(named):
        try:
            for start in starts:
                programme.due_days(programme.by_id, start, Person(location=location))
        except NoWorkingDay as error:
            yield Finding(("milestones",), error.detail)
