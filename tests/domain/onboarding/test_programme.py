"""Programmes: what a template may say, what it plans, and what is said of a wrong one."""

from datetime import date
from pathlib import Path

import pytest

from services.onboarding.programme import Person, Programme, Programmes, text_in
from services.onboarding.programme_files import SHIPPED, ProgrammeError, read_programme, read_programmes
from shared.calendar import place
from tests.domain.onboarding.history import SMALL, only, programmes

DEFAULT = (SHIPPED / "default.yaml").read_text()
FRANCE = Person(location="FR", time_zone="Europe/Paris")
MONDAY = date(2027, 1, 11)


def shipped() -> Programme:
    return only(read_programmes())


def faults_of(text: str) -> list[tuple[int, str]]:
    with pytest.raises(ProgrammeError) as refused:
        read_programme(text, "mine.yaml")
    assert str(refused.value).startswith("mine.yaml:")
    return [(fault.line, fault.message) for fault in refused.value.faults]


def line_of(text: str, part: str) -> int:
    return text[: text.index(part)].count("\n") + 1


def test_the_shipped_programme_covers_the_ninety_days_and_retention() -> None:
    due = {each.id: each.due for each in shipped().plan(MONDAY, FRANCE)}
    assert due["welcome_sent"] == due["mentor_brief_sent"] == date(2027, 1, 4)
    assert due["access_ready"] == due["first_mentor_meeting"] == MONDAY
    assert due["manager_one_to_one"] == date(2027, 1, 15)
    assert due["pulse_7"] == date(2027, 1, 18)
    assert due["pulse_14"] == date(2027, 1, 25)
    assert [due[f"mentor_meeting_{n}"] for n in range(2, 9)] == [
        date(2027, 1, 22),
        date(2027, 1, 29),
        date(2027, 2, 5),
        date(2027, 2, 19),
        date(2027, 3, 5),
        date(2027, 3, 19),
        date(2027, 4, 2),
    ]
    assert due["goals_30"] == due["match_quality"] == date(2027, 2, 10)
    assert due["review_60"] == date(2027, 3, 12)
    assert due["close"] == due["outcome_survey"] == date(2027, 4, 12)  # day 90 is a Sunday
    assert due["retention_180"] == date(2027, 7, 12)
    assert due["retention_365"] == date(2028, 1, 11)


def test_every_text_of_the_shipped_programme_is_there_in_three_languages() -> None:
    programme = shipped()
    texts = [each.title for each in programme.milestones] + [survey.title for survey in programme.surveys.values()]
    texts += [question for survey in programme.surveys.values() for question in survey.questions.values()]
    texts += [each.description for each in programme.milestones if each.description]
    assert all({"en", "de", "fr"} <= set(text) for text in texts)


def test_a_day_off_before_the_start_rolls_back_and_after_it_forward() -> None:
    thursday = date(2027, 5, 13)
    planned = {each.id: each.due for each in shipped().plan(thursday, Person(location="DE"))}
    assert planned["welcome_sent"] == date(2027, 5, 5)  # 6 May is Ascension Day
    assert planned["access_ready"] == thursday
    assert planned["manager_one_to_one"] == date(2027, 5, 20)  # four working days on, over Whit Monday


def test_a_start_on_a_day_off_is_due_on_the_next_working_day() -> None:
    planned = {each.id: each.due for each in shipped().plan(date(2027, 1, 1), FRANCE)}
    assert planned["access_ready"] == date(2027, 1, 4)


def test_a_condition_decides_whose_journey_has_a_milestone() -> None:
    remote = Person(location="FR", work_arrangement="remote")
    assert "equipment_shipped" in {each.id for each in shipped().plan(MONDAY, remote)}
    assert "equipment_shipped" not in {each.id for each in shipped().plan(MONDAY, FRANCE)}


def test_retention_days_keep_no_journey_open() -> None:
    optional = {each.id for each in shipped().plan(MONDAY, FRANCE) if each.optional}
    assert optional == {"retention_180", "retention_365"}
    assert shipped().last_required_day == 90


def test_a_list_of_days_repeats_a_milestone_with_its_number() -> None:
    programme = shipped()
    third = programme.by_id["mentor_meeting_3"]
    assert third.title["en"] == "Mentor meeting 3"
    assert third.completed_by.model_dump() == {"event": "meeting_held", "number": 3, "minutes": 1}


def test_the_version_is_the_content() -> None:
    assert shipped().version == shipped().version
    commented = read_programme("# other words\n" + DEFAULT, "default.yaml")
    assert commented.version == shipped().version
    changed = read_programme(DEFAULT.replace("day: 60", "day: 61"), "default.yaml")
    assert changed.version != shipped().version


def test_a_stored_programme_is_the_same_when_read_again() -> None:
    again = Programme.model_validate(shipped().model_dump(mode="json"))
    assert again == shipped()
    assert again.version == shipped().version


def test_a_text_is_in_the_first_language_that_there_is() -> None:
    texts = {"en": "Mentor", "de": "Mentorin", "pt-BR": "Mentora"}
    assert text_in(texts, ["fr-FR", "de-AT"]) == "Mentorin"
    assert text_in(texts, ["pt-BR"]) == "Mentora"
    assert text_in(texts, ["ja"]) == "Mentor"
    assert text_in({}, ["ja"]) == ""


@pytest.mark.parametrize(
    ("right", "wrong", "at", "words"),
    [
        ("owner: mentor", "owner: boss", "owner: boss", "should be 'hire', 'mentor', 'manager' or 'coordinator'"),
        ("owner: mentor", "ownr: mentor", "ownr: mentor", "did you mean 'owner'?"),
        (
            "completed_by: mentor_assigned",
            "completed_by: mentor",
            "completed_by: mentor",
            "'mentor' can't stand here; write one of",
        ),
        (
            "completed_by: mentor_assigned",
            "completed_by: {all: [mentor_assigned, still_employed]}",
            "completed_by: {all",
            "'still_employed' can't stand here; write one of 'person', 'mentor_assigned'",
        ),
        ("completed_by: mentor_assigned", "completed_by: {all: []}", "completed_by: {all", "needs at least 2, and has 0"),
        ("completed_by: mentor_assigned", "completed_by: {of: 3}", "completed_by: {of", "names no event"),
        ("day: 60", "day: sixty", "day: sixty", "valid integer"),
        ("day: 60", "day: 9999", "day: 9999", "less than or equal to 1095"),
        ("day: 60", "day: 60\n    working_day: 3", "- id: review_60", "not both"),
        ("id: goals_30", "id: close", "- id: close\n    title: {en: Onboarding", "used twice"),
        ("survey: outcome", "survey: outcom", "survey: outcom", "not under 'surveys' (pulse_7"),
        ("template: welcome", "tmplate: welcome", "tmplate: welcome", "'template' is missing"),
        ("id: default", "id: default\nid: other", "id: other", "stands here twice"),
        ("day: 60", "day: [60", "title: {en: Survey", "not valid YAML"),
        ("day: 60", "day: &loop [*loop]", "day: &loop", "contains itself"),
        ("day: 60", "day: 2027-99-99", "day: 2027-99-99", "can't be read"),
        ("when: {work_arrangement: remote}", "when: {arrangement: remote}", "arrangement: remote", "not a field here"),
        ("when: {work_arrangement: remote}", "when: {work_arrangement: mars}", "work_arrangement: mars", "remote"),
        ("  en: The first ninety days\n", "", "title:\n", "has no 'en' text"),
        ("numbered_from: 2\n", "numbered_from: 0\n", "numbered_from: 0", "greater than or equal to 1"),
    ],
)
def test_each_fault_is_named_with_its_line_and_what_to_do(right: str, wrong: str, at: str, words: str) -> None:
    assert right in DEFAULT
    text = DEFAULT.replace(right, wrong, 1)
    found = faults_of(text)
    assert any(words in message for _, message in found), found
    if "not valid YAML" not in words:
        assert line_of(text, at) in {line for line, _ in found}, (line_of(text, at), found)


def test_all_faults_are_shown_at_once_in_the_order_of_the_file() -> None:
    text = DEFAULT.replace("owner: mentor", "owner: boss").replace("day: 60", "day: sixty")
    lines = [line for line, _ in faults_of(text)]
    assert len(lines) == 3
    assert lines == sorted(lines)


@pytest.mark.parametrize("text", ["", "just words", "- a\n- b", "id: x", "? [a, b]\n: c", "\ttabs: no"])
def test_what_is_no_programme_at_all_is_refused_with_words(text: str) -> None:
    assert faults_of(text)


def test_a_programme_that_asks_nothing_of_most_people_is_refused() -> None:
    text = """
id: odd
title: {en: Odd}
milestones:
  - {id: lunch, title: {en: Lunch}, owner: mentor, day: 2, optional: true}
  - {id: parcel, title: {en: Parcel}, owner: manager, day: 0, when: {work_arrangement: remote}}
"""
    assert "required of everybody" in faults_of(text)[0][1]


def test_aliases_can_not_blow_a_programme_up() -> None:
    layers = "\n".join(f"l{n}: &l{n} [{', '.join([f'*l{n - 1}'] * 9)}]" for n in range(1, 9))
    assert "aliases" in faults_of(f"l0: &l0 [x, x, x]\n{layers}")[0][1]


def test_a_folder_is_read_whole_and_its_faults_are_told_together(tmp_path: Path) -> None:
    (tmp_path / "a.yaml").write_text(SMALL.replace("day: 0", "day: zero"))
    (tmp_path / "b.yml").write_bytes(b"\xff\xfe")
    with pytest.raises(ProgrammeError) as refused:
        read_programmes(tmp_path)
    assert [fault.file for fault in refused.value.faults] == ["a.yaml", "b.yml"]


def test_a_folder_without_a_programme_for_everybody_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ProgrammeError, match="no programme here"):
        read_programmes(tmp_path)
    (tmp_path / "a.yaml").write_text(SMALL.replace("id: small", "id: small\nwhen: {department: Sales}", 1))
    with pytest.raises(ProgrammeError, match="a programme for everybody"):
        read_programmes(tmp_path)
    (tmp_path / "b.yaml").write_text(SMALL)
    with pytest.raises(ProgrammeError, match="two programmes have the id 'small'"):
        read_programmes(tmp_path)


def test_the_most_specific_programme_that_holds_is_chosen() -> None:
    def named(id: str, when: str = "") -> Programme:
        return read_programme(SMALL.replace("id: small", f"id: {id}\n{when}", 1), f"{id}.yaml")

    registry = Programmes(
        [
            named("everybody"),
            named("sales", "when: {department: [Sales, Marketing]}"),
            named("sales_fr", "when: {department: sales, location: FR}"),
            named("bavaria", "when: {location: DE-BY}"),
        ]
    )
    assert registry.choose(Person()).id == "everybody"
    assert registry.choose(Person(department="Sales", location="DE-BE")).id == "sales"
    assert registry.choose(Person(department="SALES", location="Lyon, FR")).id == "sales_fr"
    assert registry.choose(Person(department="IT", location="DE-BY")).id == "bavaria"
    assert registry.choose(Person(department="IT", location="DE")).id == "everybody"


def test_an_older_version_stays_known_but_is_not_chosen() -> None:
    registry = programmes()
    older = read_programme(SMALL.replace("template: welcome", "template: mentor_introduction"), "small.yaml")
    assert not registry.waits_for("message_sent:mentor_introduction:hire")
    with pytest.raises(LookupError, match="small version"):
        registry.pinned(older.id, older.version)
    registry.add(older)
    assert registry.pinned(older.id, older.version) is older
    assert registry.waits_for("message_sent:mentor_introduction:hire")
    assert registry.choose(Person()).version != older.version


def test_a_repeated_milestone_counts_working_days_too() -> None:
    text = SMALL.replace("working_day: -2", "working_day: [1, 2]").replace(", when: {work_arrangement: remote}", "")
    programme = read_programme(text, "small.yaml")
    where = place("FR")
    assert programme.by_id["shipped_2"].due(date(2027, 1, 8), where) == date(2027, 1, 12)


CADENCE = SMALL.replace(
    "id: meet_long, title: {en: Talk}, owner: mentor, day: 10, completed_by: {event: meeting_held, number: 2, minutes: 30}",
    "id: meet, title: {en: 'Meeting {number}'}, owner: mentor, day: 14, repeat: {every: 2 weeks, until: 90}, numbered_from: 2, "
    "completed_by: {event: meeting_held, minutes: 30}",
)


def test_a_repeated_milestone_comes_every_so_many_weeks_up_to_its_last_day() -> None:
    programme = read_programme(CADENCE, "mine.yaml")
    meetings = [each for each in programme.milestones if each.id.startswith("meet_") and each.id != "meet_short"]
    assert [each.day for each in meetings] == [14, 28, 42, 56, 70, 84]
    assert [each.id for each in meetings] == [f"meet_{number}" for number in range(2, 8)]
    assert [each.completed_by.model_dump()["number"] for each in meetings] == list(range(2, 8))
    assert meetings[-1].title["en"] == "Meeting 7"
    to_the_day = read_programme(CADENCE.replace("until: 90", "until: 84"), "mine.yaml")
    assert to_the_day.version == programme.version
    weekly = read_programme(CADENCE.replace("2 weeks, until: 90", "1 week, until: 28"), "mine.yaml")
    assert [each.day for each in weekly.milestones if each.id in ("meet_2", "meet_3", "meet_4")] == [14, 21, 28]


def test_a_repeated_milestone_counts_from_the_one_it_comes_after() -> None:
    text = CADENCE.replace("day: 14, repeat", "day: 14, after: access, repeat")
    due = {each.id: each.due for each in read_programme(text, "mine.yaml").plan(date(2027, 1, 9), FRANCE)}
    assert (due["access"], due["meet_2"], due["meet_3"]) == (date(2027, 1, 11), date(2027, 1, 25), date(2027, 2, 8))


@pytest.mark.parametrize(
    ("right", "wrong", "words"),
    [
        ("every: 2 weeks", "every: 10 days", "'1 week', '2 weeks' and so on"),
        ("every: 2 weeks", "every: 1 weeks", "'1 week', '2 weeks' and so on"),
        ("until: 90", "until: 27", "ends at day 27 and so repeats nothing"),
        ("until: 90", "until: 9000", "less than or equal to 1095"),
        ("day: 14", "working_day: 14", "goes on from one 'day', in calendar days"),
        ("day: 14", "day: [14, 28]", "goes on from one 'day', in calendar days"),
        ("every: 2 weeks", "evry: 2 weeks", "did you mean 'every'?"),
    ],
)
def test_a_repetition_that_can_not_be_meant_is_refused(right: str, wrong: str, words: str) -> None:
    assert right in CADENCE
    found = faults_of(CADENCE.replace(right, wrong))
    assert any(words in message for _, message in found), found


AFTER = SMALL.replace("day: 10,", "day: 3, after: access,").replace("day: 7,", "working_day: 1, after: meet_long,")


def test_a_milestone_after_another_counts_from_its_due_day() -> None:
    programme = read_programme(AFTER, "mine.yaml")
    friday = date(2027, 1, 8)
    due = {each.id: each.due for each in programme.plan(friday, FRANCE)}
    assert due["access"] == friday
    assert due["meet_long"] == date(2027, 1, 11)
    assert due["pulse"] == date(2027, 1, 12)


def test_a_cycle_is_refused_once_and_names_its_members() -> None:
    text = AFTER.replace("owner: manager, day: 0", "owner: manager, day: 0, after: pulse")
    (fault,) = faults_of(text)
    assert fault[0] == line_of(text, "id: access")
    for member in ("access", "pulse", "meet_long"):
        assert member in fault[1]
    assert "comes after itself" in fault[1]


def test_a_milestone_after_one_that_is_not_there_is_refused_with_a_near_one() -> None:
    assert "did you mean 'access'?" in faults_of(AFTER.replace("after: access", "after: acess"))[0][1]


def test_days_after_days_keep_within_what_can_be_meant() -> None:
    text = AFTER.replace("day: 3, after: access", "day: 900, after: access").replace(
        "working_day: 1, after", "working_day: 900, after"
    )
    assert "1800 days" in faults_of(text)[0][1]


def test_nobody_is_still_employed_before_the_start() -> None:
    assert "never be reached" in faults_of(SMALL.replace("day: 365", "day: -1"))[0][1]


def test_several_conditions_are_written_as_a_list_and_each_is_checked() -> None:
    both = "completed_by: {all: [person, {event: survey_answered, survey: pulse}]}"
    text = SMALL.replace("owner: manager, day: 0", f"owner: manager, day: 0, {both}")
    programme = read_programme(text, "mine.yaml")
    assert Programme.model_validate(programme.model_dump(mode="json")) == programme
    assert "survey 'plus'" in faults_of(text.replace("survey: pulse}]", "survey: plus}]"))[0][1]
    assert "twice" in faults_of(text.replace(both, "completed_by: {all: [person, person]}"))[0][1]
    assert faults_of(text.replace(both, "completed_by: {all: [person]}"))
    assert faults_of(text.replace(both, "completed_by: {all: [person, still_employed]}"))


def test_a_stored_version_is_found_under_the_name_it_was_stored_by() -> None:
    registry = programmes()
    registry.add(only(registry), "0123456789ab")
    assert registry.pinned("small", "0123456789ab") == only(registry)
