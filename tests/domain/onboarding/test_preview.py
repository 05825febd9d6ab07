"""A programme's preview: the days a journey would have, each with its reason, and what is left out."""

from datetime import date, timedelta
from typing import get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.onboarding.preview import Phase, months, preview
from services.onboarding.preview_words import FIELDS, OWNERS, PHASES, locale_of, weekdays
from services.onboarding.programme import Person, When
from services.onboarding.programme_files import read_programme
from shared.calendar import is_working_day, place
from shared.events.onboarding import Owner
from shared.pages.language import LANGUAGES, speaking
from tests.domain.onboarding.history import SHIPPED, only, programmes
from tests.domain.onboarding.plan_changes import REMINDING
from tests.domain.onboarding.test_programme import AFTER

DEFAULT = only(SHIPPED)
BAVARIA = Person(location="DE-BY", work_arrangement="hybrid")


def test_each_milestone_says_how_its_day_comes_about() -> None:
    shown = preview(DEFAULT, date(2027, 3, 1), BAVARIA)
    told = {each.id: (each.due, each.phase, each.counted, each.moved) for each in shown.milestones}
    assert told["welcome_sent"] == (date(2027, 2, 22), "before", "7 days before the start", "")
    assert told["access_ready"] == (date(2027, 3, 1), "first_day", "on the first day", "")
    assert told["manager_one_to_one"] == (date(2027, 3, 5), "first_week", "4 working days after the start", "")
    moved = "Fri 26 Mar is a day off (Good Friday)"  # over Easter Monday to Tuesday
    assert told["mentor_meeting_4"] == (date(2027, 3, 30), "first_month", "25 days after the start", moved)
    sunday = "Sun 30 May is a day off (Sunday)"
    assert told["close"] == (date(2027, 5, 31), "first_ninety_days", "90 days after the start", sunday)
    assert told["retention_180"][1] == "later"


def test_what_is_left_out_says_for_whom_it_is_and_what_this_person_is() -> None:
    left_out = preview(DEFAULT, date(2027, 3, 1), BAVARIA).left_out
    assert [(each.id, each.why) for each in left_out] == [
        ("equipment_shipped", "only for work arrangement remote; here: work arrangement hybrid")
    ]
    unknown = preview(DEFAULT, date(2027, 3, 1), Person()).left_out
    assert unknown[0].why == "only for work arrangement remote; work arrangement is not told"
    remote = preview(DEFAULT, date(2027, 3, 1), Person(location="FR", work_arrangement="remote"))
    assert not remote.left_out
    assert [each.why for each in remote.milestones if each.why] == ["only for work arrangement remote"]


def test_days_off_are_named_in_the_readers_language_or_the_places_own() -> None:
    def names(language: str, location: str = "DE-BY") -> dict[date, str]:
        shown = preview(DEFAULT, date(2027, 3, 1), Person(location=location), language)
        return {each.day: each.name for each in shown.days_off if each.day.month == 3}

    assert names("de")[date(2027, 3, 26)] == "Karfreitag"
    assert names("de")[date(2027, 3, 27)] == "Samstag"
    assert names("en")[date(2027, 3, 29)] == "Easter Monday"
    assert names("de", "FR")[date(2027, 3, 29)] == "Lundi de Pâques"


def test_what_could_not_be_used_is_said() -> None:
    day = date(2027, 3, 1)
    assert preview(DEFAULT, day, BAVARIA).notes == []
    assert "No location is given" in preview(DEFAULT, day, Person()).notes[0]
    assert "'Atlantis' names no country" in preview(DEFAULT, day, Person(location="Atlantis")).notes[0]
    assert "no part of DE" in preview(DEFAULT, day, Person(location="DE-ZZ")).notes[0]
    sales = DEFAULT.model_copy(update={"when": When(department=["Sales"])})
    note = "This person would get another programme: this one is only for department Sales; department is not told."
    assert preview(sales, day, BAVARIA).notes == [note]


def test_a_milestone_after_another_names_it() -> None:
    shown = preview(read_programme(AFTER, "mine.yaml"), date(2027, 1, 8), Person(location="FR"), "de")
    told = {each.id: each.counted for each in shown.milestones}
    assert (told["meet_long"], told["pulse"]) == ("3 Tage nach „Access“", "1 Arbeitstag nach „Talk“")


def test_who_is_told_of_a_milestone_when_is_drawn_too() -> None:
    programme = only(programmes(REMINDING))
    told = {each.id: each.told for each in preview(programme, date(2027, 1, 11), Person(location="FR")).milestones}
    assert told["access"] == "reminder on Fri 8 Jan, Tue 12 Jan and Mon 18 Jan; still open on Thu 14 Jan: Coordinator is told"
    assert told["mentor"] == "reminder on Thu 31 Dec"  # three days before Monday is New Year's Day
    in_german = {each.id: each.told for each in preview(programme, date(2027, 1, 11), Person(location="FR"), "de").milestones}
    assert in_german["pulse"].endswith("Hinweis an Führungskraft")


def test_there_are_words_for_everything() -> None:
    assert set(PHASES) == set(get_args(Phase))
    assert set(OWNERS) == set(get_args(Owner))
    assert set(FIELDS) == set(When.model_fields)


@pytest.mark.parametrize("language", LANGUAGES)
def test_a_week_has_seven_short_names_in_every_language(language: str) -> None:
    with speaking(locale_of(language)):
        assert len(set(weekdays())) == 7
        assert max(map(len, weekdays())) <= 2


def test_a_preview_speaks_each_language_of_the_pages_and_english_otherwise() -> None:
    said = {
        language: preview(DEFAULT, date(2027, 3, 1), BAVARIA, language).milestones[0].counted
        for language in (*LANGUAGES, "de-AT", "ja")
    }
    assert said["en"] == said["ja"] == "7 days before the start"
    assert said["de"] == said["de-AT"] == "7 Tage vor dem Start"
    assert said["fr"] == "7 jours avant le début"
    assert said["ar"] == "قبل البداية بـ7 أيام"


@given(
    start=st.dates(date(2000, 1, 1), date(2099, 12, 31)),
    location=st.sampled_from([None, "FR", "DE-BY", "SA", "US-CA", "IN", "nowhere"]),
    arrangement=st.sampled_from([None, "remote", "hybrid"]),
    text=st.sampled_from([None, AFTER]),
)
def test_a_preview_is_what_a_journey_would_get(
    start: date, location: str | None, arrangement: str | None, text: str | None
) -> None:
    programme = only(programmes(text)) if text else DEFAULT
    person = Person(location=location, work_arrangement=arrangement)
    shown = preview(programme, start, person)
    planned = {each.id: (each.due, not each.optional) for each in programme.plan(start, person)}
    assert {each.id: (each.due, each.required) for each in shown.milestones} == planned
    assert {each.id for each in shown.left_out} == programme.by_id.keys() - planned.keys()
    assert [each for month in months(shown) for each in month.milestones] == shown.milestones
    off = {each.day for each in shown.days_off}
    where = place(location)
    first, last = min(off), max(off)
    assert all((first + timedelta(days=n) in off) != is_working_day(first + timedelta(days=n), where) for n in range(60))
    assert (first.year, first.month) <= (shown.milestones[0].due.year, shown.milestones[0].due.month)
    assert (last.year, last.month) >= (shown.milestones[-1].due.year, shown.milestones[-1].due.month)
