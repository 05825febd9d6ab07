"""What is refused of a programme although every field is right, what is doubted, and what a place without working days does."""

from datetime import date

import pytest

from services.onboarding.preview import preview
from services.onboarding.programme import Person, Programme, When
from services.onboarding.programme_files import SHIPPED, doubts_about, doubts_in, read_programme
from shared import calendar
from shared.calendar import LONGEST_BREAK, NoWorkingDay
from tests.domain.onboarding.history import SMALL
from tests.domain.onboarding.test_programme import DEFAULT, faults_of, line_of

TODAY = date(2026, 12, 1)
SHIPPED_ABROAD = SMALL.replace("when: {work_arrangement: remote}", "when: {location: %s}")


def doubted(text: str) -> list[tuple[int, str]]:
    return [(fault.line, fault.message) for fault in doubts_about(text, "mine.yaml", TODAY)]


@pytest.mark.parametrize(
    ("right", "wrong", "words"),
    [
        ("template: welcome}", "template: welcom}", "did you mean 'welcome'?"),
        ("template: welcome}", "template: birthday}", "there are: welcome, mentor_introduction"),
        ("template: welcome}", "template: mentor_brief}", "'mentor_brief' never goes to the hire; write 'recipient: mentor'"),
        ("template: welcome}", "template: mentor_guidance, recipient: mentor}", "no message about a hire"),
        ("template: welcome}", "template: manager_digest, recipient: manager}", "no message about a hire"),
        ("template: welcome}", "template: undelivered, recipient: coordinator}", "no message about a hire"),
        ("number: 2, minutes: 30}}", "minutes: 30}, numbered_from: 100}", "would wait for meeting 101"),
        ("id: meet_long", f"id: {'m' * 48}", "too long once it ends in its number"),
    ],
)
def test_what_can_never_be_sent_or_met_is_refused(right: str, wrong: str, words: str) -> None:
    text = SMALL.replace("day: 10", "day: [10, 20]").replace(right, wrong)
    assert read_programme(SMALL.replace("day: 10", "day: [10, 20]"), "mine.yaml")
    (fault,) = faults_of(text)
    assert words in fault[1]
    assert fault[0] == line_of(text, wrong.partition(",")[0])


@pytest.mark.parametrize(
    ("location", "words"),
    [
        ("DE-ZZ", "'DE-ZZ' is no part of DE; it has BB, BE, BW, BY"),
        ("'Munich, DE-XX'", "no part of DE"),
        ("[FR, XX]", "no country has the code XX"),
        ("EU", "no country has the code EU"),
    ],
)
def test_a_place_that_is_none_is_refused(location: str, words: str) -> None:
    text = SHIPPED_ABROAD % location
    ((line, message),) = faults_of(text)
    assert words in message
    assert line == line_of(text, "id: shipped")
    whole = SMALL.replace("id: small", f"id: small\nwhen: {{location: {location}}}", 1)
    assert words in faults_of(whole)[0][1]


def test_an_unknown_part_of_a_country_is_not_all_of_it() -> None:
    anywhere = When(location=["DE-ZZ"])  # in a version that was stored before such a place was refused
    assert not anywhere.holds(Person(location="DE-BY"))
    assert anywhere.holds(Person(location="de-zz"))


@pytest.mark.parametrize(
    ("whose", "wrong"),
    [
        ("{work_arrangement: onsite}", "work_arrangement: remote"),
        ("{work_arrangement: [onsite, hybrid], department: Sales}", "work_arrangement: remote"),
    ],
)
def test_a_milestone_for_whom_the_programme_is_not_is_refused(whose: str, wrong: str) -> None:
    text = SMALL.replace("id: small", f"id: small\nwhen: {whose}", 1)
    ((line, message),) = faults_of(text)
    assert "milestone 'shipped' applies to nobody: it is for work_arrangement remote" in message
    assert line == line_of(text, wrong)


@pytest.mark.parametrize(
    ("milestone", "programme", "possible"),
    [
        ("DE-BY", "DE", True),
        ("DE", "DE-BY", True),
        ("[FR, DE-BY]", "DE-BE", False),
        ("FR", "[DE, FR]", True),
        ("Lab", "lab", True),
    ],
)
def test_places_exclude_each_other_only_if_neither_lies_in_the_other(milestone: str, programme: str, possible: bool) -> None:
    text = (SHIPPED_ABROAD % milestone).replace("id: small", f"id: small\nwhen: {{location: {programme}}}", 1)
    if possible:
        assert read_programme(text, "mine.yaml")
    else:
        assert "applies to nobody" in faults_of(text)[0][1]


def test_repeated_milestones_count_towards_the_most_there_may_be() -> None:
    entry = "  - {id: talk_%d, title: {en: Talk}, owner: mentor, day: [" + ", ".join(map(str, range(60))) + "]}\n"
    assert (
        "there are 249 milestones; a programme has at most 200" in faults_of(SMALL + "".join(entry % n for n in range(4)))[0][1]
    )


def test_the_shipped_programme_leaves_no_doubt() -> None:
    assert doubts_in(SHIPPED, TODAY) == []
    assert doubts_in(None, TODAY) == []


def test_what_may_not_be_meant_is_told_with_its_line_and_refused_nowhere() -> None:
    text = DEFAULT.replace("completed_by: {event: meeting_held, number: 1}", "completed_by: {event: meeting_held, number: 12}")
    doubts = doubted(text)
    assert doubts == [
        (
            line_of(text, "number: 12"),
            "waits for meeting 12, and no milestone asks for meetings 9 to 11: it stays open until they have met so often",
        )
    ]
    spare = DEFAULT.replace("completed_by: {event: survey_answered, survey: pulse_14}", "")
    assert doubted(spare) == [(line_of(spare, "  pulse_14:"), "survey 'pulse_14' is asked by no milestone, so nobody sees it")]


@pytest.mark.parametrize(
    ("day", "number", "doubted_of"), [(5, 40, True), (5, 6, True), (30, 4, False), (5, 1, False), (-3, 1, False)]
)
def test_a_meeting_that_needs_more_than_one_a_day_is_doubted(day: int, number: int, doubted_of: bool) -> None:
    meeting = f"owner: mentor, day: {day}, completed_by: {{event: meeting_held, number: {number}}}"
    text = f"id: default\ntitle: {{en: T}}\nmilestones:\n  - {{id: m, title: {{en: M}}, {meeting}}}\n"
    words = f"waits for meeting {number} by day {day}: more than one a day; ask for an earlier meeting, or a later day"
    assert doubted(text) == ([(4, words)] if doubted_of else [])


@pytest.mark.parametrize(
    ("template", "recipient"),
    [
        ("waitlisted", "coordinator"),
        ("mentor_unavailable", "hire"),
        ("milestone_late", "hire"),
        ("milestone_escalated", "manager"),
    ],
)
def test_a_milestone_that_only_trouble_completes_is_doubted(template: str, recipient: str) -> None:
    text = SMALL.replace("template: welcome}", f"template: {template}, recipient: {recipient}}}")
    ((line, words),) = doubted(text)
    assert line == line_of(text, f"template: {template}")
    assert words.startswith(f"waits for message '{template}', which tells of trouble: without any it stays open")
    assert not doubted(SMALL)


def test_a_place_without_a_holiday_calendar_is_doubted() -> None:
    assert "no holiday calendar of Canary Islands" in doubted(SHIPPED_ABROAD % "IC")[0][1]
    assert "'Head office' names no country: it holds for those" in doubted(SHIPPED_ABROAD % "Head office")[0][1]
    assert not doubted(SHIPPED_ABROAD % "[FR, DE-BY]")


@pytest.fixture
def everybody_is_off_in_march(monkeypatch: pytest.MonkeyPatch) -> None:
    """No real calendar has so long a break; a broken one might."""
    real = calendar.is_working_day
    monkeypatch.setattr(
        calendar, "is_working_day", lambda day, where: real(day, where) and not (where.country == "FR" and day.month in (3, 4))
    )


@pytest.mark.usefixtures("everybody_is_off_in_march")
def test_a_place_that_never_works_is_told_at_the_check_and_refused_by_name() -> None:
    assert any(f"no working day within {LONGEST_BREAK} days after" in words for _, words in doubted(SHIPPED_ABROAD % "FR"))
    programme: Programme = read_programme(SMALL, "mine.yaml")
    with pytest.raises(NoWorkingDay) as refused:
        preview(programme, date(2027, 3, 5), Person(location="FR"))
    assert (refused.value.status, refused.value.code, refused.value.field) == (422, "no_working_day", "location")
    assert "FR; check the calendar of that place" in refused.value.detail
    assert preview(programme, date(2027, 3, 5), Person(location="DE"))


def test_what_is_wrong_between_milestones_is_told_in_one_go_with_wrong_fields() -> None:
    text = (
        SMALL.replace("owner: manager, day: 0", "owner: boss, day: 0")
        .replace("template: welcome}", "template: welcom}")
        .replace("survey: pulse}", "survey: puls}")
        .replace("id: lunch", "id: mentor")
    )
    found = faults_of(text)
    assert [line for line, _ in found] == sorted(line for line, _ in found)
    for line, words in (
        (line_of(text, "id: access"), "owner"),
        (line_of(text, "id: welcome"), "did you mean 'welcome'?"),
        (line_of(text, "id: pulse,"), "survey 'puls' is not under 'surveys'"),
        (line_of(text, "title: {en: Lunch}"), "milestone id 'mentor' is used twice"),
    ):
        assert any(where == line and words in message for where, message in found), words
    assert len(found) == 4


def test_what_depends_on_a_milestone_that_cannot_be_read_waits_for_the_next_look() -> None:
    text = SMALL.replace("owner: manager, day: 0", "owner: boss, day: 0").replace(
        "owner: mentor, day: 2, optional: true",
        "owner: mentor, day: 2, after: access, completed_by: {event: message_sent, template: x}",
    )
    (fault,) = faults_of(text)  # lunch comes after access, whose owner is wrong
    assert "owner" in fault[1]


@pytest.mark.parametrize(
    ("right", "wrong"),
    [("milestones:", "milestones: 3\nothers:"), ("surveys:", "surveys: 3\nothers:"), ("id: small", "id: small\nwhen: 3")],
)
def test_a_file_whose_parts_cannot_be_read_is_refused_for_those(right: str, wrong: str) -> None:
    name = wrong.partition(": 3")[0].rpartition("\n")[2]
    assert any(message.startswith(f"{name}:") for _, message in faults_of(SMALL.replace(right, wrong, 1)))
