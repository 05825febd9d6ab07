"""Decisions in German. Nobody's gender is known: "Begleitung" stands for a mentor, as in the messages."""

from services.matching.wording.pair import Catalogue, Known, Pair, Sentence, languages, listed, years_and_months

LOCALE = "de"
ARRANGEMENTS = {"onsite": "vor Ort", "hybrid": "hybrid", "remote": "von zu Hause"}
GROUPS = {"department": ("Abteilung", "Abteilungen"), "division": ("Bereich", "Bereiche")}
SAME_GROUP = {"department": "Dieselbe Abteilung", "division": "Derselbe Bereich"}


def _work(pair: Pair) -> str:
    return "Ihr arbeitet beide" if pair.to_the_pair else "Beide arbeiten"


def _counted(count: int, one: str, many: str) -> str:
    return f"{count} {one if count == 1 else many}"


def span(days: int) -> str:
    """In the dative: `2 Jahren und 3 Monaten`, `einem Tag`."""
    years, months = years_and_months(days)
    parts = [_counted(years, "Jahr", "Jahren")] if years else []
    parts += [_counted(months, "Monat", "Monaten")] if months else []
    return " und ".join(parts) or _counted(days, "Tag", "Tagen")


def _role(seen: Known, pair: Pair) -> str:
    ours, theirs = pair.fields("title")
    titles = f": {ours} und {theirs}" if ours and theirs else ""
    similar = f"{'ähnliche' if seen['shared_title_words'] else 'verschiedene'} Titel{titles}"
    if seen["same_family"] is None:
        return similar[:1].upper() + similar[1:] if titles else "Tätigkeitsfelder und Titel sind nicht von beiden bekannt"
    if seen["same_family"]:
        return f"{_work(pair)} im selben Tätigkeitsfeld{pair.named('role_family', True, LOCALE)}, {similar}"
    return f"Verschiedene Tätigkeitsfelder{pair.named('role_family', False, LOCALE)}, {similar}"


def _in_words(pair: Pair, field: str, count: int) -> str:
    shared = pair.shared(field, count)
    return f": {listed(shared, LOCALE)}" if shared else ""


def _whose(seen: Known) -> str:
    return "der Begleitung" if seen["named"] else "der neuen Person"


def _skills(seen: Known, pair: Pair) -> str:
    if not seen["named"] or not seen["offered"]:
        return f"Von {_whose(seen)} sind keine Kenntnisse bekannt"
    if not seen["shared"]:
        none = f"Keine der {seen['named']} genannten Kenntnisse ist gemeinsam"
        return none if seen["named"] > 1 else "Keine gemeinsame Kenntnis"
    verb = "ist" if seen["shared"] == 1 else "sind"
    which = "genannten Kenntnissen" if seen["named"] > 1 else "genannten Kenntnis"
    return f"{seen['shared']} von {seen['named']} {which} {verb} gemeinsam{_in_words(pair, 'skills', seen['shared'])}"


def _common(field: str, unknown: str, none: str, one: str, many: str) -> Sentence:
    def sentence(seen: Known, pair: Pair) -> str:
        if not seen["named"] or not seen["offered"]:
            return f"Von {_whose(seen)} sind keine {unknown} bekannt"
        if not seen["shared"]:
            return none
        return f"{_counted(seen['shared'], one, many)}{_in_words(pair, field, seen['shared'])}"

    return sentence


def _meaning(seen: Known, _: Pair) -> str:
    if not seen["named"] or not seen["offered"]:
        return f"Von {_whose(seen)} sind keine Interessen bekannt"
    if not seen["near"]:
        return "Keine verwandten Interessen"
    which = "Interesse" if seen["named"] == 1 else "Interessen"
    verb = "ist" if seen["near"] == 1 else "sind"
    return f"{seen['near']} von {seen['named']} {which} der neuen Person {verb} mit einem der Begleitung verwandt"


def _working_hours(seen: Known, pair: Pair) -> str:
    if seen["common_minutes"] is None:
        return "Zeitzonen sind nicht von beiden bekannt"
    if seen["common_minutes"] >= seen["day_hours"] * 60:
        return f"Alle {seen['day_hours']} Arbeitsstunden liegen übereinander"
    hours = GERMAN.number(round(seen["common_minutes"] * 100 / 60))
    ours, theirs = pair.fields("time_zone")
    zones = f" ({ours} und {theirs})" if ours and theirs else ""
    return f"{hours if seen['common_minutes'] else 'Keine'} von {seen['day_hours']} Arbeitsstunden liegen übereinander{zones}"


def _language(seen: Known, pair: Pair) -> str:
    if not seen["known"]:
        return "Sprachen sind nicht von beiden bekannt"
    names = languages(seen["shared"], seen.get("levels") or {}, LOCALE)
    speak = "Ihr sprecht beide" if pair.to_the_pair else "Beide sprechen"
    return f"{speak} {names}" if names else "Keine gemeinsame Sprache"


def _site(seen: Known, pair: Pair) -> str:
    how = ARRANGEMENTS.get(seen["arrangement"] or "")
    if seen["same_location"]:
        place = pair.hire.get("location") if pair.same("location") else None
        return f"{_work(pair)} {f'in {place}' if place else 'am selben Standort'}{f', {how}' if how else ''}"
    elsewhere = f" an verschiedenen Standorten{pair.named('location', False, LOCALE)}" if seen["same_location"] is False else ""
    if how:
        return f"{_work(pair)} {how}" + (f",{elsewhere}" if elsewhere and seen["arrangement"] != "remote" else "")
    return (
        f"Arbeit{elsewhere} und auf verschiedene Weise"
        if elsewhere
        else "Standorte und Arbeitsweisen sind nicht von beiden bekannt oder verschieden"
    )


def _seniority(seen: Known, _: Pair) -> str:
    steps = seen["steps"]
    if steps is None:
        return "Erfahrungsstufen sind nicht von beiden bekannt"
    if not steps:
        return "Beide stehen auf derselben Erfahrungsstufe"
    count = "eine Erfahrungsstufe" if abs(steps) == 1 else f"{abs(steps)} Erfahrungsstufen"
    return f"Die Begleitung steht {count} {'höher' if steps > 0 else 'tiefer'}"


def _tenure(seen: Known, _: Pair) -> str:
    if seen["days"] is None:
        return "Der erste Tag der Begleitung im Unternehmen ist nicht bekannt"
    if seen["days"] < 0:
        return "Die Begleitung hat selbst noch nicht angefangen"
    return f"Die Begleitung ist am ersten Tag seit {span(seen['days'])} im Unternehmen"


def _rating(seen: Known, pair: Pair) -> str:
    if not seen["answers"]:
        return "Bisher hat niemand diese Begleitung bewertet, das zählt als Durchschnitt"
    if seen["mean"] is None:
        return "Zu wenige haben diese Begleitung bisher bewertet, das zählt als Durchschnitt"
    if pair.to_the_pair:
        return "Was früher Begleitete gesagt haben, wurde berücksichtigt"
    return f"{seen['answers']} früher Begleitete haben {GERMAN.number(seen['mean'])} von 5 vergeben"


def _load(seen: Known, _: Pair) -> str:
    places = _counted(seen["capacity"], "Platz", "Plätze")
    if not seen["load"]:
        return f"Die Begleitung ist für niemanden sonst da und hat {places}"
    verb = "war" if seen["load"] == 1 else "waren"
    return f"{seen['load']} von {_counted(seen['capacity'], 'Platz', 'Plätzen')} der Begleitung {verb} vergeben"


def _cross_group(seen: Known, pair: Pair) -> str:
    by = seen["by"]
    if seen["different"] is None:
        return f"{GROUPS[by][1]} sind nicht von beiden bekannt"
    if seen["different"]:
        return f"Verschiedene {GROUPS[by][1]}{pair.named(by, False, LOCALE)}: ein Blick über das eigene Team hinaus"
    return f"{SAME_GROUP[by]}{pair.named(by, True, LOCALE)}"


def _ruled_out(count: int, predicate: str) -> str:
    return f"{_counted(count, 'Begleitung', 'Begleitungen')} {predicate}"


def _change(name: str, behind: str | None, needed: tuple[str, str, str] | None) -> str:
    lagged = f"{name} lag {behind} von 100 Punkten zurück" if behind else f"{name} hatte ebenso viele Punkte"
    if needed is None:
        return f"{lagged}; kein einzelnes Kriterium hätte das aufgewogen"
    label, value, enough = needed
    return f"{lagged} und wäre mit {enough} % statt {value} % bei „{label}“ gewählt worden"


GERMAN = Catalogue(
    labels={
        "role": "Tätigkeit",
        "skills": "Kenntnisse",
        "interests": "Interessen",
        "meaning": "Verwandte Interessen",
        "values": "Werte",
        "working_hours": "Arbeitszeiten",
        "language": "Sprache",
        "site": "Standort und Arbeitsweise",
        "seniority": "Erfahrungsstufe",
        "tenure": "Zeit im Unternehmen",
        "rating": "Bewertungen früher Begleiteter",
        "load": "Freie Plätze",
        "cross_group": "Weiteres Netz",
    },
    rules={
        "self": ("ist dieselbe Person", "sind dieselbe Person"),
        "profile_unknown": ("ist dem Personalsystem noch nicht bekannt", "sind dem Personalsystem noch nicht bekannt"),
        "not_active": (
            "pausiert, hat aufgehört oder das Unternehmen verlassen",
            "pausieren, haben aufgehört oder das Unternehmen verlassen",
        ),
        "not_trained": ("hat die Mentoring-Schulung noch nicht gemacht", "haben die Mentoring-Schulung noch nicht gemacht"),
        "excluded_pair": (
            "darf nicht mit dieser Person zusammengebracht werden",
            "dürfen nicht mit dieser Person zusammengebracht werden",
        ),
        "own_manager": ("ist die eigene Führungskraft", "sind die eigenen Führungskräfte"),
        "reporting_chain": ("steht in derselben Berichtslinie", "stehen in derselben Berichtslinie"),
        "not_available_by_start": ("ist am ersten Tag nicht da", "sind am ersten Tag nicht da"),
        "tenure_too_short": ("ist noch nicht lange genug im Unternehmen", "sind noch nicht lange genug im Unternehmen"),
        "no_shared_language": ("hat keine gemeinsame Sprache", "haben keine gemeinsame Sprache"),
        "same_department": (
            "gehört zur selben Abteilung, das Los bestimmt hier aber eine andere",
            "gehören zur selben Abteilung, das Los bestimmt hier aber eine andere",
        ),
        "capacity": ("hat keinen freien Platz", "haben keinen freien Platz"),
    },
    sentences={
        "role": _role,
        "skills": _skills,
        "interests": _common(
            "interests", "Interessen", "Kein gemeinsames Interesse", "gemeinsames Interesse", "gemeinsame Interessen"
        ),
        "meaning": _meaning,
        "values": _common("values", "Werte", "Keine gemeinsamen Werte", "gemeinsamer Wert", "gemeinsame Werte"),
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
