"""Decisions in plain words: each criterion with the evidence behind it, each rule with what it means.

A decision stores numbers and codes. The words that name skills, titles or places are read from the directory when somebody
looks, and left out where they no longer agree with what was decided: so erasing a person needs no change here.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from babel import Locale

from services.matching.person import comparable

Known = Mapping[str, Any]
ARRANGEMENTS = {"onsite": "on site", "hybrid": "in hybrid mode", "remote": "remotely"}
MONTH_DAYS, YEAR_DAYS = 30.44, 365.25  # means of the Gregorian calendar

LABELS = {
    "role": "Role",
    "skills": "Skills",
    "interests": "Interests",
    "working_hours": "Working hours",
    "language": "Language",
    "site": "Site and arrangement",
    "tenure": "Time at the company",
    "load": "Free places",
    "cross_group": "Wider network",
}
"""A name for each criterion."""

RULES = {
    "self": ("is the same person", "are the same person"),
    "profile_unknown": ("is not known to the HR system yet", "are not known to the HR system yet"),
    "not_active": ("has paused, withdrawn or left", "have paused, withdrawn or left"),
    "not_trained": ("has not done the mentor training", "have not done the mentor training"),
    "excluded_pair": ("must not be paired with this person", "must not be paired with this person"),
    "own_manager": ("is the person's own manager", "are the person's own managers"),
    "reporting_chain": ("is in the same reporting line", "are in the same reporting line"),
    "not_available_by_start": ("is away on the first day", "are away on the first day"),
    "tenure_too_short": ("has not been here long enough", "have not been here long enough"),
    "no_shared_language": ("shares no language", "share no language"),
    "capacity": ("has no free place", "have no free place"),
}
"""What each hard rule means, for one mentor and for several."""


@dataclass(frozen=True, slots=True)
class Pair:
    """Whom the words are about: directory documents of both, and whether one of them is reading (`you both` or `both`)."""

    hire: Known
    mentor: Known
    to_the_pair: bool = False

    @property
    def both(self) -> str:
        """The subject of a sentence about both."""
        return "You both" if self.to_the_pair else "Both"

    def fields(self, name: str) -> tuple[str | None, str | None]:
        """One text field of both, as written."""
        return self.hire.get(name), self.mentor.get(name)


def listed(words: list[str]) -> str:
    """`a`, `a and b`, `a, b and c`."""
    return " and ".join(filter(None, [", ".join(words[:-1]), words[-1]])) if words else ""


def language_name(code: str) -> str:
    """`French` for `fr`; the code where it has no name."""
    return str(Locale("en").languages.get(code, code))


def span(days: int) -> str:
    """`2 years and 3 months`, `7 months`, `12 days`."""
    years, months = divmod(round(days / MONTH_DAYS), 12)
    parts = [f"{count} {unit}{'s' * (count != 1)}" for count, unit in ((years, "year"), (months, "month")) if count]
    return " and ".join(parts) or f"{days} day{'s' * (days != 1)}"


def _same(pair: Pair, field: str) -> bool | None:
    ours, theirs = (comparable(text) for text in pair.fields(field))
    return None if ours is None or theirs is None else ours == theirs


def _named(pair: Pair, field: str, same: bool | None) -> str:
    """Both people's words for a field in brackets, if they still say what the decision says."""
    ours, theirs = pair.fields(field)
    if same is None or _same(pair, field) is not same:
        return ""
    return f" ({ours})" if same else f" ({ours} and {theirs})"


def _role(seen: Known, pair: Pair) -> str:
    ours, theirs = pair.fields("title")
    titles = f": {ours} and {theirs}" if ours and theirs else ""
    similar = f"similar titles{titles}" if seen["shared_title_words"] else f"different titles{titles}"
    if seen["same_family"] is None:
        return similar[:1].upper() + similar[1:] if titles else "Role families and titles are not known of both"
    if seen["same_family"]:
        return f"{pair.both} work in the same role family{_named(pair, 'role_family', True)}, with {similar}"
    return f"Different role families{_named(pair, 'role_family', False)}, {similar}"


def _shared_words(pair: Pair, field: str, count: int) -> str:
    theirs = {comparable(word) for word in pair.mentor.get(field) or ()}
    shared = [word for word in pair.hire.get(field) or () if comparable(word) in theirs]
    return f": {listed(shared)}" if len(shared) == count else ""


def _skills(seen: Known, pair: Pair) -> str:
    if not seen["named"] or not seen["offered"]:
        return f"No skills are known of the {'mentor' if seen['named'] else 'new hire'}"
    if not seen["shared"]:
        return f"None of the {seen['named']} skills named by the new hire is shared" if seen["named"] > 1 else "No shared skill"
    verb = "is" if seen["shared"] == 1 else "are"
    count = f"{seen['shared']} of {seen['named']} skills"
    return f"{count} named by the new hire {verb} shared{_shared_words(pair, 'skills', seen['shared'])}"


def _interests(seen: Known, pair: Pair) -> str:
    if not seen["named"] or not seen["offered"]:
        return f"No interests are known of the {'mentor' if seen['named'] else 'new hire'}"
    if not seen["shared"]:
        return "No interest in common"
    plural = "s" * (seen["shared"] != 1)
    return f"{seen['shared']} shared interest{plural}{_shared_words(pair, 'interests', seen['shared'])}"


def _working_hours(seen: Known, pair: Pair) -> str:
    if seen["common_minutes"] is None:
        return "Time zones are not known of both"
    hours = f"{seen['common_minutes'] / 60:.2f}".rstrip("0").rstrip(".")
    if seen["common_minutes"] >= seen["day_hours"] * 60:
        return f"All {seen['day_hours']} working hours overlap"
    ours, theirs = pair.fields("time_zone")
    zones = f" ({ours} and {theirs})" if ours and theirs else ""
    return f"{hours if seen['common_minutes'] else 'None'} of {seen['day_hours']} working hours overlap{zones}"


def _language(seen: Known, pair: Pair) -> str:
    if not seen["known"]:
        return "Languages are not known of both"
    names = [language_name(code) for code in seen["shared"]]
    return f"{pair.both} speak {listed(names)}" if names else "No language in common"


def _site(seen: Known, pair: Pair) -> str:
    how = ARRANGEMENTS.get(seen["arrangement"] or "")
    if seen["same_location"]:
        place = pair.hire.get("location") if _same(pair, "location") else None
        return f"{pair.both} work {f'in {place}' if place else 'at the same site'}{f', {how}' if how else ''}"
    elsewhere = f" at different sites{_named(pair, 'location', False)}" if seen["same_location"] is False else ""
    if how:
        return f"{pair.both} work {how}" + (f",{elsewhere}" if elsewhere and seen["arrangement"] != "remote" else "")
    return (
        f"Work{elsewhere} and in different arrangements"
        if elsewhere
        else "Sites and arrangements are not known of both or differ"
    )


def _tenure(seen: Known, _: Pair) -> str:
    if seen["days"] is None:
        return "The mentor's own first day is not known"
    if seen["days"] < 0:
        return "The mentor has not started yet"
    return f"The mentor has been here for {span(seen['days'])} on the first day"


def _load(seen: Known, _: Pair) -> str:
    places = f"{seen['capacity']} place{'s' * (seen['capacity'] != 1)}"
    if not seen["load"]:
        return f"The mentor has no other mentee, with {places}"
    return f"{seen['load']} of the mentor's {places} {'was' if seen['load'] == 1 else 'were'} taken"


def _cross_group(seen: Known, pair: Pair) -> str:
    by = seen["by"]
    if seen["different"] is None:
        return f"{by.capitalize()}s are not known of both"
    if seen["different"]:
        return f"Different {by}s{_named(pair, by, False)}: meets people beyond the own team"
    return f"The same {by}{_named(pair, by, True)}"


_SENTENCES: dict[str, Callable[[Known, Pair], str]] = {
    "role": _role,
    "skills": _skills,
    "interests": _interests,
    "working_hours": _working_hours,
    "language": _language,
    "site": _site,
    "tenure": _tenure,
    "load": _load,
    "cross_group": _cross_group,
}


def reason(criterion: str, evidence: Known, pair: Pair) -> str:
    """One criterion's evidence as a sentence without a full stop. A criterion of a former version is named only."""
    sentence = _SENTENCES.get(criterion)
    return sentence(evidence, pair) if sentence and evidence else LABELS.get(criterion, criterion)


def ruled_out(rule: str, count: int) -> str:
    """`3 mentors have no free place`."""
    one, many = RULES.get(rule, (rule, rule))
    return f"1 mentor {one}" if count == 1 else f"{count} mentors {many}"


def near_miss(rule: str) -> str:
    """What a rule says about one mentor: `has no free place`."""
    return RULES.get(rule, (rule, rule))[0]


def change(name: str, difference: int, criterion: str | None, value: int, needed: int) -> str:
    """What would have picked the runner-up called `name`, from points and values of 10000."""
    behind = f"{name} was {points(difference)} of 100 points behind" if difference else f"{name} had as many points"
    if criterion is None:
        return f"{behind}; no single criterion would have made up for that"
    label = LABELS.get(criterion, criterion).lower()
    return f"{behind} and would have been chosen with {points(needed)} % instead of {points(value)} % for {label}"


def points(score: int) -> str:
    """A score or value of 10000 as people read it, of 100: `78`, `15.6`."""
    return f"{score / 100:.2f}".rstrip("0").rstrip(".")
