"""A policy in plain words: what counts how much, which rules hold, and what another policy would change."""

from collections.abc import Callable, Iterator
from typing import Any

from services.matching import words
from services.matching.person import LADDER, LEVELS
from services.matching.policy import (
    CrossGroup,
    Interests,
    Language,
    Meaning,
    Policy,
    Rating,
    Role,
    Seniority,
    Site,
    Skills,
    Tenure,
    Values,
    WorkingHours,
)
from services.matching.rules import EVERYBODY

ALWAYS = (
    "Never the person themself, their own manager or anybody in their reporting line.",
    "Never a mentor without a free place, who has paused, withdrawn or left, or who is away on the first day.",
    "Never a pair that was excluded, nor a mentor whom the HR system has not told of.",
)
"""The rules that no policy changes."""


def _things(enough: int, one: str, many: str) -> str:
    return f"one shared {one} earns everything" if enough == 1 else f"{enough} shared {many} earn everything, fewer their part"


def _role(role: Role) -> str:
    return f"the same role family earns {role.same_family} %, the rest by the words that both titles share"


def _skills(skills: Skills) -> str:
    most = _things(skills.enough, "skill", "skills")
    return f"of the skills that the new hire names, {most}"


def _interests(interests: Interests) -> str:
    return _things(interests.enough, "interest", "interests")


def _meaning(meaning: Meaning) -> str:
    return (
        f"interests that mean alike by a sentence model, from {meaning.least} % of similarity on, earn as much; "
        f"the {meaning.enough} best count"
    )


def _values(values: Values) -> str:
    return _things(values.enough, "value", "values")


def _working_hours(hours: WorkingHours) -> str:
    return f"{hours.enough_hours} common hours between {hours.starts} and {hours.ends} o'clock local time earn everything"


def _language(language: Language) -> str:
    levels = ", ".join(f"{level} {getattr(language.levels, level)} %" for level in LEVELS)
    return (
        f"the new hire's first language shared earns everything, another one {language.other_language} %, "
        f"times the lower one of both levels: {levels}, untold 100 %"
    )


def _site(site: Site) -> str:
    return f"the same location or both remote earn everything, the same arrangement elsewhere {site.same_arrangement} %"


def _seniority(seniority: Seniority) -> str:
    span = f"{seniority.least} to {seniority.most}" if seniority.least != seniority.most else str(seniority.least)
    return (
        f"{span} steps above the new hire earn everything, each step further away loses {seniority.lost_per_step} % "
        f"(steps: {', '.join(LADDER)})"
    )


def _tenure(tenure: Tenure) -> str:
    return ", ".join(f"{percent} % at {days} days" for days, percent in tenure.curve) + ", straight lines in between"


def _rating(rating: Rating) -> str:
    return (
        f"1 of 5 earns nothing and 5 everything; the mean is drawn to that of all mentors as by {rating.prior_answers} more "
        f"answers, and with fewer than {rating.minimum_answers} answers it is that mean"
    )


def _load(_: Any) -> str:
    return "the share of the mentor's places that is still free"


def _cross_group(group: CrossGroup) -> str:
    return f"another {group.by} earns everything"


_DESCRIBED: dict[str, Callable[[Any], str]] = {
    "role": _role,
    "skills": _skills,
    "interests": _interests,
    "meaning": _meaning,
    "values": _values,
    "working_hours": _working_hours,
    "language": _language,
    "site": _site,
    "seniority": _seniority,
    "tenure": _tenure,
    "rating": _rating,
    "load": _load,
    "cross_group": _cross_group,
}


def criteria(policy: Policy) -> list[dict[str, Any]]:
    """Each used criterion, what counts most first: `criterion`, `label`, `weight`, `share` of 10000 points, `words`."""
    ordered = sorted(policy.shares.items(), key=lambda one: -one[1])  # sorted() keeps the policy's order of equals
    return [
        {
            "criterion": name,
            "label": words.label(name),
            "weight": getattr(policy.criteria, name).weight,
            "share": share,
            "words": _DESCRIBED[name](getattr(policy.criteria, name)),
        }
        for name, share in ordered
    ]


def rules(policy: Policy) -> list[str]:
    """Every hard rule as a sentence, those of the policy first."""
    found = [
        "Only mentors who have done the training."
        if policy.rules.training_required
        else "Mentors need not have done the training.",
        "Only mentors who share a language with the new hire, where both sides' languages are known."
        if policy.rules.shared_language_required
        else "Mentor and new hire need not share a language.",
        f"Only mentors who have been here for {policy.rules.minimum_tenure_days} days on the new hire's first day, where known."
        if policy.rules.minimum_tenure_days
        else "Mentors may be as new as the new hire.",
    ]
    percent = policy.rules.same_department_percent
    if percent < EVERYBODY:
        found.append(
            f"Lots, drawn by employee id, say which {percent} of 100 new hires may get a mentor of their own department; "
            "the others get one from elsewhere, or wait."
        )
    return [*found, *ALWAYS]


def differences(old: Policy, new: Policy) -> list[dict[str, Any]]:
    """What differs, criteria first: `field`, `old` and `new` (None where it is not there), and `words`.

    A criterion's own field is its share of 10000 points; further fields are its parameters.
    """
    return [*_shares(old, new), *_parameters(old, new)]


def _shares(old: Policy, new: Policy) -> Iterator[dict[str, Any]]:
    for name in type(old.criteria).model_fields:
        before, after = old.shares.get(name), new.shares.get(name)
        if before == after:
            continue
        label = words.label(name)
        if before is None:
            told = f"{label} is new: it counts {words.points(after or 0)} of 100 points"
        elif after is None:
            told = f"{label} no longer counts: it was {words.points(before)} of 100 points"
        else:
            told = f"{label} counts {words.points(after)} instead of {words.points(before)} of 100 points"
        yield {"field": name, "old": before, "new": after, "words": told}


def _parameters(old: Policy, new: Policy) -> Iterator[dict[str, Any]]:
    before, after = dict(_flat(old.model_dump(mode="json"))), dict(_flat(new.model_dump(mode="json")))
    for field in sorted(before.keys() & after.keys()):
        criterion = field.split(".")[1] if field.startswith("criteria.") else None
        unused = criterion is not None and not (criterion in old.shares and criterion in new.shares)
        if before[field] == after[field] or field == "name" or field.endswith(".weight") or unused:
            continue
        told = f"{field.removeprefix('criteria.')} is {_said(after[field])} instead of {_said(before[field])}"
        yield {"field": field, "old": before[field], "new": after[field], "words": told}


def _flat(content: Any, path: str = "") -> Iterator[tuple[str, Any]]:
    if isinstance(content, dict):
        for name, value in content.items():
            yield from _flat(value, f"{path}.{name}" if path else name)
    else:
        yield path, content


def _said(value: Any) -> str:
    return {True: "on", False: "off"}[value] if isinstance(value, bool) else str(value)
