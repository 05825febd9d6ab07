"""Decisions in French. Nobody's gender is known: sentences do without adjectives that would have to agree with a person."""

from services.matching.wording.pair import Catalogue, Known, Pair, counted, languages, listed, years_and_months

LOCALE = "fr"
ARRANGEMENTS = {"onsite": "sur site", "hybrid": "en mode hybride", "remote": "à distance"}
UNKNOWN_GROUPS = {
    "department": "Les services ne sont pas connus des deux côtés",
    "division": "Les divisions ne sont pas connues des deux côtés",
}
OTHER_GROUP = {"department": "Services différents", "division": "Divisions différentes"}
SAME_GROUP = {"department": "Le même service", "division": "La même division"}


def _work(pair: Pair) -> str:
    return "Vous travaillez" if pair.to_the_pair else "Les deux travaillent"


def span(days: int) -> str:
    """`2 ans et 3 mois`, `7 mois`, `12 jours`."""
    years, months = years_and_months(days)
    parts = [counted(years, LOCALE, one="{} an", other="{} ans")] if years else []
    parts += [f"{months} mois"] if months else []
    return listed(parts, LOCALE) or counted(days, LOCALE, one="{} jour", other="{} jours")


def _role(seen: Known, pair: Pair) -> str:
    ours, theirs = pair.fields("title")
    titles = f" : {ours} et {theirs}" if ours and theirs else ""
    similar = f"intitulés de poste {'proches' if seen['shared_title_words'] else 'différents'}{titles}"
    if seen["same_family"] is None:
        return similar[:1].upper() + similar[1:] if titles else "Métiers et intitulés de poste ne sont pas connus des deux côtés"
    if seen["same_family"]:
        return f"{_work(pair)} dans le même métier{pair.named('role_family', True, LOCALE)}, {similar}"
    return f"Métiers différents{pair.named('role_family', False, LOCALE)}, {similar}"


def _in_words(pair: Pair, field: str, count: int) -> str:
    shared = pair.shared(field, count)
    return f" : {listed(shared, LOCALE)}" if shared else ""


def _whose(seen: Known) -> str:
    return "du mentor" if seen["named"] else "de la nouvelle recrue"


def _skills(seen: Known, pair: Pair) -> str:
    if not seen["named"] or not seen["offered"]:
        return f"Les compétences {_whose(seen)} ne sont pas connues"
    if not seen["shared"]:
        return (
            f"Aucune des {seen['named']} compétences citées n'est commune" if seen["named"] > 1 else "Pas de compétence commune"
        )
    common = counted(seen["shared"], LOCALE, one="{} compétence commune", other="{} compétences communes")
    named = counted(seen["named"], LOCALE, one="sur {} citée", other="sur {} citées")
    return f"{common} {named} par la nouvelle recrue{_in_words(pair, 'skills', seen['shared'])}"


def _interests(seen: Known, pair: Pair) -> str:
    if not seen["named"] or not seen["offered"]:
        return f"Les centres d'intérêt {_whose(seen)} ne sont pas connus"
    if not seen["shared"]:
        return "Pas de centre d'intérêt commun"
    common = counted(seen["shared"], LOCALE, one="{} centre d'intérêt commun", other="{} centres d'intérêt communs")
    return common + _in_words(pair, "interests", seen["shared"])


def _values(seen: Known, pair: Pair) -> str:
    if not seen["named"] or not seen["offered"]:
        return f"Les valeurs {_whose(seen)} ne sont pas connues"
    if not seen["shared"]:
        return "Pas de valeur commune"
    common = counted(seen["shared"], LOCALE, one="{} valeur commune", other="{} valeurs communes")
    return common + _in_words(pair, "values", seen["shared"])


def _meaning(seen: Known, _: Pair) -> str:
    if not seen["named"] or not seen["offered"]:
        return f"Les centres d'intérêt {_whose(seen)} ne sont pas connus"
    if not seen["near"]:
        return "Pas de centres d'intérêt de sens voisin"
    verb = counted(seen["near"], LOCALE, one="est proche", other="sont proches")
    return f"{seen['near']} sur {seen['named']} centres d'intérêt de la nouvelle recrue {verb} de l'un de ceux du mentor"


def _working_hours(seen: Known, pair: Pair) -> str:
    if seen["common_minutes"] is None:
        return "Les fuseaux horaires ne sont pas connus des deux côtés"
    if seen["common_minutes"] >= seen["day_hours"] * 60:
        return f"Les {seen['day_hours']} heures de travail sont toutes communes"
    ours, theirs = pair.fields("time_zone")
    zones = f" ({ours} et {theirs})" if ours and theirs else ""
    if not seen["common_minutes"]:
        return f"Aucune des {seen['day_hours']} heures de travail n'est commune{zones}"
    hours = FRENCH.number(round(seen["common_minutes"] * 100 / 60))
    return f"{hours} h de travail communes sur {seen['day_hours']}{zones}"


def _language(seen: Known, pair: Pair) -> str:
    if not seen["known"]:
        return "Les langues ne sont pas connues des deux côtés"
    names = languages(seen["shared"], seen.get("levels") or {}, LOCALE)
    if not names:
        return "Pas de langue commune"
    return f"{'Vous parlez' if pair.to_the_pair else 'Les deux parlent'} {names}"


def _site(seen: Known, pair: Pair) -> str:
    how = ARRANGEMENTS.get(seen["arrangement"] or "")
    if seen["same_location"]:
        place = pair.hire.get("location") if pair.same("location") else None
        return f"{_work(pair)} {f'à {place}' if place else 'sur le même site'}{f', {how}' if how else ''}"
    elsewhere = f"sur des sites différents{pair.named('location', False, LOCALE)}" if seen["same_location"] is False else ""
    if how:
        return f"{_work(pair)} {how}" + (f", {elsewhere}" if elsewhere and seen["arrangement"] != "remote" else "")
    return (
        f"Travail {elsewhere} et selon des modes différents"
        if elsewhere
        else "Sites et modes de travail ne sont pas connus des deux côtés, ou diffèrent"
    )


def _seniority(seen: Known, _: Pair) -> str:
    steps = seen["steps"]
    if steps is None:
        return "Les niveaux d'expérience ne sont pas connus des deux côtés"
    if not steps:
        return "Les deux ont le même niveau d'expérience"
    count = counted(abs(steps), LOCALE, one="un niveau", other="{} niveaux")
    return f"Le mentor se situe {count} {'au-dessus' if steps > 0 else 'au-dessous'} de la nouvelle recrue"


def _tenure(seen: Known, _: Pair) -> str:
    if seen["days"] is None:
        return "Le premier jour du mentor dans l'entreprise n'est pas connu"
    if seen["days"] < 0:
        return "Le mentor n'a pas encore commencé dans l'entreprise"
    return f"Le premier jour, le mentor a {span(seen['days'])} d'ancienneté"


def _rating(seen: Known, pair: Pair) -> str:
    if not seen["answers"]:
        return "Personne n'a encore évalué ce mentor, ce qui compte comme une moyenne"
    if seen["mean"] is None:
        return "Trop peu de personnes ont évalué ce mentor jusqu'ici, ce qui compte comme une moyenne"
    if pair.to_the_pair:
        return "L'avis des personnes accompagnées auparavant a été pris en compte"
    people = counted(
        seen["answers"], LOCALE, one="{} personne accompagnée auparavant a", other="{} personnes accompagnées auparavant ont"
    )
    return f"{people} donné la note de {FRENCH.number(seen['mean'])} sur 5"


def _load(seen: Known, _: Pair) -> str:
    places = counted(seen["capacity"], LOCALE, one="{} place", other="{} places")
    if not seen["load"]:
        return f"Le mentor n'accompagne personne d'autre et dispose de {places}"
    taken = counted(seen["load"], LOCALE, one="{} était déjà prise", other="{} étaient déjà prises")
    return f"Sur {places} du mentor, {taken}"


def _cross_group(seen: Known, pair: Pair) -> str:
    by = seen["by"]
    if seen["different"] is None:
        return UNKNOWN_GROUPS[by]
    if seen["different"]:
        return f"{OTHER_GROUP[by]}{pair.named(by, False, LOCALE)} : des contacts au-delà de l'équipe"
    return f"{SAME_GROUP[by]}{pair.named(by, True, LOCALE)}"


def _ruled_out(count: int, predicate: str) -> str:
    return f"{counted(count, LOCALE, one='{} mentor', other='{} mentors')} {predicate}"


def _change(name: str, behind: str | None, needed: tuple[str, str, str] | None) -> str:
    lagged = f"{name} avait {behind} points sur 100 de moins" if behind else f"{name} avait autant de points"
    if needed is None:
        return f"{lagged} ; aucun critère n'aurait suffi à lui seul à combler l'écart"
    label, value, enough = needed
    return f"{lagged} ; avec {enough} % au lieu de {value} % pour « {label} », le choix se serait porté sur {name}"


FRENCH = Catalogue(
    labels={
        "role": "Métier",
        "skills": "Compétences",
        "interests": "Centres d'intérêt",
        "meaning": "Centres d'intérêt voisins",
        "values": "Valeurs",
        "working_hours": "Heures de travail",
        "language": "Langue",
        "site": "Site et mode de travail",
        "seniority": "Niveau d'expérience",
        "tenure": "Ancienneté",
        "rating": "Avis des personnes accompagnées",
        "load": "Places libres",
        "cross_group": "Réseau élargi",
    },
    rules={
        "self": ("est la même personne", "sont la même personne"),
        "profile_unknown": ("ne figure pas encore dans le système RH", "ne figurent pas encore dans le système RH"),
        "not_active": (
            "est en pause, a renoncé à ce rôle ou quitté l'entreprise",
            "sont en pause, ont renoncé à ce rôle ou quitté l'entreprise",
        ),
        "not_trained": ("n'a pas suivi la formation au mentorat", "n'ont pas suivi la formation au mentorat"),
        "excluded_pair": (
            "ne doit pas former de binôme avec cette personne",
            "ne doivent pas former de binôme avec cette personne",
        ),
        "own_manager": ("encadre directement cette personne", "encadrent directement cette personne"),
        "reporting_chain": ("appartient à la même ligne hiérarchique", "appartiennent à la même ligne hiérarchique"),
        "not_available_by_start": ("n'est pas là le premier jour", "ne sont pas là le premier jour"),
        "tenure_too_short": ("n'a pas assez d'ancienneté", "n'ont pas assez d'ancienneté"),
        "no_shared_language": ("ne parle aucune langue commune", "ne parlent aucune langue commune"),
        "same_department": (
            "appartient au même service, alors que le tirage au sort en désigne ici un autre",
            "appartiennent au même service, alors que le tirage au sort en désigne ici un autre",
        ),
        "capacity": ("n'a pas de place libre", "n'ont pas de place libre"),
    },
    sentences={
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
    },
    locale=LOCALE,
    ruled_out=_ruled_out,
    change=_change,
)
