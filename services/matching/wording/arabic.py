"""Decisions in Arabic. What is said of people stands in nouns as far as it can: verbs would have to agree with a gender."""

from services.matching.wording.pair import Catalogue, Known, Pair, counted, languages, listed, years_and_months

LOCALE = "ar"
ARRANGEMENTS = {"onsite": "في الموقع", "hybrid": "بنظام هجين", "remote": "عن بُعد"}
GROUPS = {"department": "الأقسام", "division": "القطاعات"}
OTHER_GROUP = {"department": "قسمان مختلفان", "division": "قطاعان مختلفان"}
SAME_GROUP = {"department": "القسم نفسه لدى الطرفين", "division": "القطاع نفسه لدى الطرفين"}


def _both(pair: Pair) -> str:
    return "بينكما" if pair.to_the_pair else "بين الطرفين"


def span(days: int) -> str:
    """`سنتان و3 أشهر`, `12 يومًا`."""
    years, months = years_and_months(days)
    year = counted(years, LOCALE, one="سنة واحدة", two="سنتان", few="{} سنوات", many="{} سنة", other="{} سنة")
    month = counted(months, LOCALE, one="شهر واحد", two="شهران", few="{} أشهر", many="{} شهرًا", other="{} شهر")
    parts = [year] if years else []
    parts += [month] if months else []
    return listed(parts, LOCALE) or counted(
        days, LOCALE, one="يوم واحد", two="يومان", few="{} أيام", many="{} يومًا", other="{} يوم"
    )


def _of(count: int, one: str, two: str, few: str, many: str) -> str:
    """A number with its noun, the numbers below three in words."""
    noun = one.split(maxsplit=1)[0]
    return counted(count, LOCALE, one=one, two=two, few=f"{{}} {few}", many=f"{{}} {many}", other=f"{{}} {noun}")


def _role(seen: Known, pair: Pair) -> str:
    ours, theirs = pair.fields("title")
    titles = f": {listed([ours, theirs], LOCALE)}" if ours and theirs else ""
    similar = f"{'مسمّيات وظيفية متقاربة' if seen['shared_title_words'] else 'مسمّيات وظيفية مختلفة'}{titles}"
    if seen["same_family"] is None:
        return similar if titles else "المجال والمسمّى الوظيفي غير معروفين لدى الطرفين"
    if seen["same_family"]:
        return f"مجال العمل نفسه{pair.named('role_family', True, LOCALE)}، {similar}"
    return f"مجالا عمل مختلفان{pair.named('role_family', False, LOCALE)}، {similar}"


def _in_words(pair: Pair, field: str, count: int) -> str:
    shared = pair.shared(field, count)
    return f": {listed(shared, LOCALE)}" if shared else ""


def _whose(seen: Known) -> str:
    return "المرشد" if seen["named"] else "الموظف الجديد"


def _skills(seen: Known, pair: Pair) -> str:
    if not seen["named"] or not seen["offered"]:
        return f"مهارات {_whose(seen)} غير معروفة"
    if not seen["shared"]:
        return "لا مهارة مشتركة"
    shared = _of(seen["shared"], "مهارة مشتركة", "مهارتان مشتركتان", "مهارات مشتركة", "مهارة مشتركة")
    named = f" من أصل {seen['named']} ذكرها الموظف الجديد" if seen["named"] > 1 else ""
    return f"{shared}{named}{_in_words(pair, 'skills', seen['shared'])}"


def _interests(seen: Known, pair: Pair) -> str:
    if not seen["named"] or not seen["offered"]:
        return f"اهتمامات {_whose(seen)} غير معروفة"
    if not seen["shared"]:
        return "لا اهتمام مشترك"
    shared = _of(seen["shared"], "اهتمام مشترك", "اهتمامان مشتركان", "اهتمامات مشتركة", "اهتمامًا مشتركًا")
    return f"{shared}{_in_words(pair, 'interests', seen['shared'])}"


def _values(seen: Known, pair: Pair) -> str:
    if not seen["named"] or not seen["offered"]:
        return f"قيم {_whose(seen)} غير معروفة"
    if not seen["shared"]:
        return "لا قيمة مشتركة"
    shared = _of(seen["shared"], "قيمة مشتركة", "قيمتان مشتركتان", "قيم مشتركة", "قيمة مشتركة")
    return f"{shared}{_in_words(pair, 'values', seen['shared'])}"


def _meaning(seen: Known, _: Pair) -> str:
    if not seen["named"] or not seen["offered"]:
        return f"اهتمامات {_whose(seen)} غير معروفة"
    if not seen["near"]:
        return "لا اهتمامات متقاربة في المعنى"
    return f"{seen['near']} من أصل {seen['named']} من اهتمامات الموظف الجديد قريبة في المعنى من اهتمامات المرشد"


def _working_hours(seen: Known, pair: Pair) -> str:
    if seen["common_minutes"] is None:
        return "المنطقة الزمنية غير معروفة لدى الطرفين"
    day = _of(seen["day_hours"], "ساعة عمل", "ساعتا عمل", "ساعات عمل", "ساعة عمل")
    if seen["common_minutes"] >= seen["day_hours"] * 60:
        return f"أوقات العمل مشتركة كلها: {day}"
    ours, theirs = pair.fields("time_zone")
    zones = f" ({listed([ours, theirs], LOCALE)})" if ours and theirs else ""
    if not seen["common_minutes"]:
        return f"لا ساعات عمل مشتركة{zones}"
    return f"ساعات العمل المشتركة: {ARABIC.number(round(seen['common_minutes'] * 100 / 60))} من أصل {seen['day_hours']}{zones}"


def _language(seen: Known, pair: Pair) -> str:
    if not seen["known"]:
        return "اللغات غير معروفة لدى الطرفين"
    names = languages(seen["shared"], seen.get("levels") or {}, LOCALE)
    return f"لغة مشتركة {_both(pair)}: {names}" if names else "لا لغة مشتركة"


def _site(seen: Known, pair: Pair) -> str:
    how = ARRANGEMENTS.get(seen["arrangement"] or "")
    if seen["same_location"]:
        place = pair.hire.get("location") if pair.same("location") else None
        return f"مكان العمل نفسه{f': {place}' if place else ''}{f'، {how}' if how else ''}"
    elsewhere = f"في مكانين مختلفين{pair.named('location', False, LOCALE)}" if seen["same_location"] is False else ""
    if how:
        return f"العمل {how} لدى الطرفين" + (f"، {elsewhere}" if elsewhere and seen["arrangement"] != "remote" else "")
    return f"العمل {elsewhere} وبنظامين مختلفين" if elsewhere else "مكان العمل ونظامه غير معروفين لدى الطرفين أو مختلفان"


def _seniority(seen: Known, _: Pair) -> str:
    steps = seen["steps"]
    if steps is None:
        return "المستوى الوظيفي غير معروف لدى الطرفين"
    if not steps:
        return "المستوى الوظيفي واحد لدى الطرفين"
    count = _of(abs(steps), "درجة واحدة", "درجتان", "درجات", "درجة")
    return f"مستوى المرشد مقارنةً بالموظف الجديد: {'أعلى' if steps > 0 else 'أدنى'}، والفرق {count}"


def _tenure(seen: Known, _: Pair) -> str:
    if seen["days"] is None:
        return "تاريخ التحاق المرشد بالشركة غير معروف"
    if seen["days"] < 0:
        return "لم يحن بعد موعد التحاق المرشد بالشركة"
    return f"مدة عمل المرشد في الشركة حتى اليوم الأول: {span(seen['days'])}"


def _rating(seen: Known, pair: Pair) -> str:
    if not seen["answers"]:
        return "لا تقييمات سابقة لهذا المرشد بعد، ويُحتسب ذلك متوسطًا"
    if seen["mean"] is None:
        return "التقييمات السابقة لهذا المرشد أقل من أن تُذكر، ويُحتسب ذلك متوسطًا"
    if pair.to_the_pair:
        return "أُخذ في الاعتبار ما قيل عن المرشد سابقًا"
    rated = _of(seen["answers"], "تقييم واحد", "تقييمان", "تقييمات", "تقييمًا")
    return f"متوسط ما ناله المرشد من تقييم سابق: {ARABIC.number(seen['mean'])} من 5 ({rated})"


def _load(seen: Known, _: Pair) -> str:
    if not seen["load"]:
        places = _of(seen["capacity"], "مكان واحد", "مكانان", "أماكن", "مكانًا")
        return f"لا أحد آخر في إرشاد هذا المرشد، والأماكن المتاحة: {places}"
    return f"الأماكن المشغولة لدى المرشد: {seen['load']} من أصل {seen['capacity']}"


def _cross_group(seen: Known, pair: Pair) -> str:
    by = seen["by"]
    if seen["different"] is None:
        return f"{GROUPS[by]} غير معروفة لدى الطرفين"
    if seen["different"]:
        return f"{OTHER_GROUP[by]}{pair.named(by, False, LOCALE)}: تعارف يتجاوز الفريق الواحد"
    return f"{SAME_GROUP[by]}{pair.named(by, True, LOCALE)}"


def _ruled_out(count: int, predicate: str) -> str:
    mentors = counted(
        count, LOCALE, one="مرشد واحد", two="مرشدان", few="{} مرشدين", many="{} مرشدًا", other="{} مرشد", zero="{} مرشد"
    )
    return f"{mentors} {predicate}"


def _change(name: str, behind: str | None, needed: tuple[str, str, str] | None) -> str:
    lagged = f"الفارق مع {name}: {behind} من 100 نقطة" if behind else f"النقاط متساوية مع {name}"
    if needed is None:
        return f"{lagged}؛ وما كان أي معيار وحده ليعوّض ذلك"
    label, value, enough = needed
    return f"{lagged}؛ ولو كانت النسبة {enough}% بدل {value}% في «{label}» لوقع الاختيار على {name}"


ARABIC = Catalogue(
    labels={
        "role": "المجال الوظيفي",
        "skills": "المهارات",
        "interests": "الاهتمامات",
        "meaning": "اهتمامات متقاربة",
        "values": "القيم",
        "working_hours": "أوقات العمل",
        "language": "اللغة",
        "site": "مكان العمل ونظامه",
        "seniority": "المستوى الوظيفي",
        "tenure": "مدة العمل في الشركة",
        "rating": "تقييمات سابقة",
        "load": "الأماكن الشاغرة",
        "cross_group": "شبكة علاقات أوسع",
    },
    rules={
        rule: (words, words)
        for rule, words in {
            "self": "هو الشخص المعني نفسه",
            "profile_unknown": "بلا سجل في نظام الموارد البشرية بعد",
            "not_active": "في توقف أو انسحاب أو بعد مغادرة الشركة",
            "not_trained": "دون تدريب على الإرشاد بعد",
            "excluded_pair": "مع قرار بعدم الجمع بهذا الشخص",
            "own_manager": "من الإدارة المباشرة لهذا الشخص",
            "reporting_chain": "من التسلسل الإداري نفسه",
            "not_available_by_start": "في إجازة في اليوم الأول",
            "tenure_too_short": "بمدة عمل في الشركة أقصر من المطلوب",
            "no_shared_language": "بلا لغة مشتركة",
            "same_department": "من القسم نفسه، والقرعة تقضي هنا بقسم آخر",
            "capacity": "بلا مكان شاغر",
        }.items()
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
