"""Decisions in English."""

from services.matching.wording.pair import Catalogue, Known, Pair, Sentence, languages, listed, years_and_months

LOCALE = "en_GB"
ARRANGEMENTS = {"onsite": "on site", "hybrid": "in hybrid mode", "remote": "remotely"}


def _both(pair: Pair) -> str:
    return "You both" if pair.to_the_pair else "Both"


def span(days: int) -> str:
    """`2 years and 3 months`, `7 months`, `12 days`."""
    years, months = years_and_months(days)
    parts = [f"{count} {unit}{'s' * (count != 1)}" for count, unit in ((years, "year"), (months, "month")) if count]
    return " and ".join(parts) or f"{days} day{'s' * (days != 1)}"


def _role(seen: Known, pair: Pair) -> str:
    ours, theirs = pair.fields("title")
    titles = f": {ours} and {theirs}" if ours and theirs else ""
    similar = f"similar titles{titles}" if seen["shared_title_words"] else f"different titles{titles}"
    if seen["same_family"] is None:
        return similar[:1].upper() + similar[1:] if titles else "Role families and titles are not known of both"
    if seen["same_family"]:
        return f"{_both(pair)} work in the same role family{pair.named('role_family', True, LOCALE)}, with {similar}"
    return f"Different role families{pair.named('role_family', False, LOCALE)}, {similar}"


def _in_words(pair: Pair, field: str, count: int) -> str:
    shared = pair.shared(field, count)
    return f": {listed(shared, LOCALE)}" if shared else ""


def _skills(seen: Known, pair: Pair) -> str:
    if not seen["named"] or not seen["offered"]:
        return f"No skills are known of the {'mentor' if seen['named'] else 'new hire'}"
    if not seen["shared"]:
        return f"None of the {seen['named']} skills named by the new hire is shared" if seen["named"] > 1 else "No shared skill"
    verb = "is" if seen["shared"] == 1 else "are"
    count = f"{seen['shared']} of {seen['named']} skills"
    return f"{count} named by the new hire {verb} shared{_in_words(pair, 'skills', seen['shared'])}"


def _common(field: str, thing: str) -> Sentence:
    def sentence(seen: Known, pair: Pair) -> str:
        if not seen["named"] or not seen["offered"]:
            return f"No {thing}s are known of the {'mentor' if seen['named'] else 'new hire'}"
        if not seen["shared"]:
            return f"No {thing} in common"
        return f"{seen['shared']} shared {thing}{'s' * (seen['shared'] != 1)}{_in_words(pair, field, seen['shared'])}"

    return sentence


def _meaning(seen: Known, _: Pair) -> str:
    if not seen["named"] or not seen["offered"]:
        return f"No interests are known of the {'mentor' if seen['named'] else 'new hire'}"
    if not seen["near"]:
        return "No interests close to each other in meaning"
    verb = "is" if seen["near"] == 1 else "are"
    return f"{seen['near']} of {seen['named']} interests of the new hire {verb} close in meaning to one of the mentor's"


def _working_hours(seen: Known, pair: Pair) -> str:
    if seen["common_minutes"] is None:
        return "Time zones are not known of both"
    if seen["common_minutes"] >= seen["day_hours"] * 60:
        return f"All {seen['day_hours']} working hours overlap"
    hours = ENGLISH.number(round(seen["common_minutes"] * 100 / 60))
    ours, theirs = pair.fields("time_zone")
    zones = f" ({ours} and {theirs})" if ours and theirs else ""
    return f"{hours if seen['common_minutes'] else 'None'} of {seen['day_hours']} working hours overlap{zones}"


def _language(seen: Known, pair: Pair) -> str:
    if not seen["known"]:
        return "Languages are not known of both"
    names = languages(seen["shared"], seen.get("levels") or {}, LOCALE)
    return f"{_both(pair)} speak {names}" if names else "No language in common"


def _site(seen: Known, pair: Pair) -> str:
    how = ARRANGEMENTS.get(seen["arrangement"] or "")
    if seen["same_location"]:
        place = pair.hire.get("location") if pair.same("location") else None
        return f"{_both(pair)} work {f'in {place}' if place else 'at the same site'}{f', {how}' if how else ''}"
    elsewhere = f" at different sites{pair.named('location', False, LOCALE)}" if seen["same_location"] is False else ""
    if how:
        return f"{_both(pair)} work {how}" + (f",{elsewhere}" if elsewhere and seen["arrangement"] != "remote" else "")
    return (
        f"Work{elsewhere} and in different arrangements"
        if elsewhere
        else "Sites and arrangements are not known of both or differ"
    )


def _seniority(seen: Known, _: Pair) -> str:
    steps = seen["steps"]
    if steps is None:
        return "Seniority is not known of both"
    if not steps:
        return "Mentor and new hire are equally senior"
    count = "one step" if abs(steps) == 1 else f"{abs(steps)} steps"
    return f"The mentor is {count} {'more senior' if steps > 0 else 'less senior'} than the new hire"


def _tenure(seen: Known, _: Pair) -> str:
    if seen["days"] is None:
        return "The mentor's own first day is not known"
    if seen["days"] < 0:
        return "The mentor has not started yet"
    return f"The mentor has been here for {span(seen['days'])} on the first day"


def _rating(seen: Known, pair: Pair) -> str:
    if not seen["answers"]:
        return "No earlier mentee has rated the mentor yet, which counts as average"
    if seen["mean"] is None:
        return "Too few earlier mentees have rated the mentor to tell, which counts as average"
    if pair.to_the_pair:
        return "What earlier mentees said of the mentor was taken into account"
    return f"{seen['answers']} earlier mentees rated the mentor {ENGLISH.number(seen['mean'])} of 5"


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
        return f"Different {by}s{pair.named(by, False, LOCALE)}: meets people beyond the own team"
    return f"The same {by}{pair.named(by, True, LOCALE)}"


def _ruled_out(count: int, predicate: str) -> str:
    return f"{count} mentor{'s' * (count != 1)} {predicate}"


def _change(name: str, behind: str | None, needed: tuple[str, str, str] | None) -> str:
    lagged = f"{name} was {behind} of 100 points behind" if behind else f"{name} had as many points"
    if needed is None:
        return f"{lagged}; no single criterion would have made up for that"
    label, value, enough = needed
    return f"{lagged} and would have been chosen with {enough} % instead of {value} % for {label.lower()}"


ENGLISH = Catalogue(
    labels={
        "role": "Role",
        "skills": "Skills",
        "interests": "Interests",
        "meaning": "Related interests",
        "values": "Values",
        "working_hours": "Working hours",
        "language": "Language",
        "site": "Site and arrangement",
        "seniority": "Seniority",
        "tenure": "Time at the company",
        "rating": "Earlier mentees' ratings",
        "load": "Free places",
        "cross_group": "Wider network",
    },
    rules={
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
        "same_department": (
            "is in the same department, while lots gave this hire a mentor from elsewhere",
            "are in the same department, while lots gave this hire a mentor from elsewhere",
        ),
        "capacity": ("has no free place", "have no free place"),
    },
    sentences={
        "role": _role,
        "skills": _skills,
        "interests": _common("interests", "interest"),
        "meaning": _meaning,
        "values": _common("values", "value"),
        "working_hours": _working_hours,
        "language": _language,
        "site": _site,
        "seniority": _seniority,
        "tenure": _tenure,
        "rating": _rating,
        "load": _load,
        "cross_group": _cross_group,
    },
    locale=LOCALE,
    ruled_out=_ruled_out,
    change=_change,
)
