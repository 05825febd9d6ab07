"""Onboarding's pages over a real database: who sees what, what forms do, what stands where."""

import csv
import html
import re
from datetime import UTC, date, datetime, timedelta
from typing import Any

import httpx
import pytest
from icalendar import Calendar

from services.onboarding import board_table, store
from services.onboarding.commands import AnswerSurvey, LogMeeting, ReviewDueDays
from services.onboarding.person_pages import MESSAGES_SHOWN
from shared.events.hr import EmployeeRehired, EmployeeTerminated, EmployeeUpdated, HireRescinded, StartDateChanged
from shared.events.mentoring import HireWaitlisted, MentorAssigned
from shared.events.notifications import MessageFailed, MessageSent
from shared.mongo import PyMongoError
from tests.connected.pages_server import (
    ADA,
    BO,
    BOSS,
    COORDINATOR,
    CY,
    LEAD,
    MENTOR,
    NOW,
    OTHER_BOSS,
    STRANGER,
    serving,
    signed_in,
    small_company,
)


@pytest.fixture
async def told(database):
    return await small_company(database)


@pytest.fixture
async def server(database, told):
    async with serving(database, told) as server:
        yield server


def cards(text):
    """The ids of a board's cards by section, in order."""
    sections = re.findall(r'data-live-list="(\w+)".*?</ul>\s*(?:<p|</section>)', text, re.S)
    parts = re.split(r'data-live-list="\w+"', text)[1:]
    return {name: re.findall(r'data-live-key="([^"]+)"', part) for name, part in zip(sections, parts, strict=True)}


def remedies(text):
    return re.findall(r'row__remedy"><a [^>]*href="([^"]+)"[^>]*>([^<]+)<', text)


def tiles(text):
    return {name: int(count) for name, count in re.findall(r'data-live-count="(\w+)">(\d+)<', text)}


async def _review(told, id):
    """What is overdue of one journey is announced, as the clock does it."""
    await told.command(ReviewDueDays(employee_id=id))


# -- the start page and signing in --------------------------------------------------------------------------------


STARTS = [
    (BOSS, "/board"),
    (LEAD, "/board"),
    (COORDINATOR, "/board"),
    (MENTOR, "/me"),
    (ADA, "/me"),
    (STRANGER, "/mentoring"),
    (None, "/sign-in"),
]


@pytest.mark.parametrize(("who", "start"), STARTS)
async def test_everybody_starts_where_their_people_are(server, who, start):
    async with signed_in(server, who) as browser:
        answer = await browser.get("/")
        assert (answer.status_code, answer.headers["location"]) == (303, start)


@pytest.mark.parametrize(("who", "offered"), [(LEAD, True), (MENTOR, True), (STRANGER, True), (ADA, False)])
async def test_whoever_is_not_new_finds_the_way_to_mentor(server, who, offered):
    async with signed_in(server, who) as browser:
        assert ('href="/mentoring"' in (await browser.get("/board")).text) is offered


async def test_the_sign_in_page_lists_the_sample_by_part(server):
    async with signed_in(server, None) as browser:
        text = (await browser.get("/sign-in")).text
    groups = {part.split("<")[0].strip(): re.findall(r'value="(E-\d+)"', part) for part in re.split(r"<h2[^>]*>", text)[1:]}
    assert groups == {
        "Coordinators": [COORDINATOR],
        "Managers": [BOSS, LEAD, OTHER_BOSS],
        "Mentors": [MENTOR],
        "New hires": [ADA, BO, CY],
    }


async def test_signing_in_leads_back_to_where_one_wanted_to_go_and_never_elsewhere(server):
    async with signed_in(server, None) as browser:
        wanted = await browser.get(f"/people/{ADA}")
        assert wanted.headers["location"] == f"/sign-in?next=%2Fpeople%2F{ADA}"
        assert f'name="next" value="/people/{ADA}"' in (await browser.get(wanted.headers["location"])).text
        for next, led in (
            (f"/people/{ADA}", f"/people/{ADA}"),
            ("//evil.example", "/"),
            ("https://evil.example", "/"),
            ("/\\evil", "/"),
        ):
            answer = await browser.post("/sign-in", data={"employee_id": LEAD, "next": next})
            assert answer.headers["location"] == led


async def test_signing_out_ends_the_session(server):
    async with signed_in(server, LEAD) as browser:
        await browser.post("/sign-out")
        assert (await browser.get("/board")).headers["location"] == "/sign-in?next=%2Fboard"


async def test_who_leaves_later_signs_in_until_the_last_day_is_over(server, told):
    await told.fact(EmployeeTerminated(employee_id=BO, last_day=date(2027, 1, 29)))
    async with signed_in(server, BO) as browser:
        assert (await browser.get("/me")).status_code == 200
        assert f'value="{BO}"' in (await browser.get("/sign-in")).text
    told.now = datetime(2027, 1, 30, 1, tzinfo=UTC)
    async with signed_in(server, None) as browser:
        assert (await browser.post("/sign-in", data={"employee_id": BO})).status_code == 422
        assert f'value="{BO}"' not in (await browser.get("/sign-in")).text


async def test_nobody_signs_in_as_somebody_unknown_or_who_left(server, told):
    await told.fact(HireRescinded(employee_id=BO))
    async with signed_in(server, None) as browser:
        for id in ("E-404", BO):
            answer = await browser.post("/sign-in", data={"employee_id": id})
            assert answer.status_code == 422
            assert "set-cookie" not in answer.headers


async def test_without_the_setting_or_from_elsewhere_nobody_chooses_who_they_are(database, told, server):
    async with signed_in(server, None) as browser:
        answer = await browser.post("/sign-in", data={"employee_id": LEAD}, headers={"X-Forwarded-For": "203.0.113.9"})
        assert answer.status_code == 403
    async with serving(database, told, sample_sign_in=False) as other, signed_in(other, None) as browser:
        page = await browser.get("/sign-in")
        assert "FIRSTMATE_SAMPLE_SIGN_IN" in page.text
        assert ADA not in page.text
        assert (await browser.post("/sign-in", data={"employee_id": LEAD})).status_code == 403


# -- the board ----------------------------------------------------------------------------------------------------


BOARDS = [
    (BOSS, {ADA, BO}),
    (LEAD, {ADA, BO}),
    (OTHER_BOSS, {CY}),
    (COORDINATOR, {ADA, BO, CY}),
    (MENTOR, set()),
    (ADA, set()),
]


@pytest.mark.parametrize(("who", "shown"), BOARDS)
async def test_a_board_shows_the_reporting_tree_and_to_coordinators_all(server, who, shown):
    async with signed_in(server, who) as browser:
        text = (await browser.get("/board")).text
    assert {id for ids in cards(text).values() for id in ids} == shown
    assert tiles(text)["all"] == len(shown)


async def test_who_needs_attention_stands_first_with_the_reason(server, told):
    await _review(told, ADA)
    await told.fact(HireWaitlisted(employee_id=CY, ruled_out={"no_shared_language": 9, "capacity": 0}, policy_version="1"))
    async with signed_in(server, COORDINATOR) as browser:
        text = (await browser.get("/board")).text
    assert cards(text) == {"attention": [ADA, CY], "paused": [], "track": [BO]}
    assert tiles(text) == {"all": 3, "attention": 2, "completed": 0, "over": 0}
    assert "Waiting for a mentor: no mentor shares a language with them" in text
    assert "Accounts and access ready, due 9 days ago" in text
    assert "Mina Mentor" in text
    done, who = "Mark as done or not needed", "See who could mentor"
    assert remedies(text) == [(f"/people/{ADA}#late", done), (f"/matching/why/{CY}", who)]


async def test_a_failed_welcome_is_told(server, told):
    message = {"message_id": "m", "template": "welcome", "recipient_id": BO, "recipient_role": "hire", "channel": "email"}
    await told.fact(MessageFailed(employee_id=BO, reason="smtp_550", **message))
    async with signed_in(server, LEAD) as browser:
        text = (await browser.get("/board")).text
    assert cards(text)["attention"] == [BO]
    assert "Welcome mail failed: smtp 550" in text
    assert remedies(text) == [(f"/people/{BO}#messages", "See what went wrong")]


async def test_a_person_page_shows_every_message_the_older_ones_behind_a_click(server, told):
    for number in range(MESSAGES_SHOWN + 2):
        about = {"message_id": f"m{number}", "template": "welcome" if not number else "week_ahead", "recipient_id": BO}
        await told.fact(MessageSent(employee_id=BO, recipient_role="hire", channel="email", **about))
    async with signed_in(server, LEAD) as browser:
        text = (await browser.get(f"/people/{BO}")).text
    messages = text.partition('id="messages"')[2].partition("</section>")[0]
    shown, _, before = messages.partition("<details>")
    assert (shown.count("<li>"), before.count("<li>")) == (MESSAGES_SHOWN, 2)
    assert "Earlier (2)" in before


async def test_a_former_journey_is_told_folded_with_days_mentor_ending_and_what_was_done(server, told):
    await told.fact(MentorAssigned(employee_id=ADA, mentor_id=BOSS, score=9000, policy_version="1", previous_mentor_id=MENTOR))
    await told.command(LogMeeting(employee_id=ADA, meeting_id="m", held_on=NOW.date(), minutes=45, reported_by=ADA))
    await told.fact(EmployeeTerminated(employee_id=ADA))
    told.now = datetime(2027, 9, 1, 12, tzinfo=UTC)
    await told.fact(MentorAssigned(employee_id=ADA, mentor_id=MENTOR, score=9000, policy_version="1"))  # before the start is told
    async with signed_in(server, LEAD) as browser:
        assert "Here before" not in (await browser.get(f"/people/{ADA}")).text
        again = {"given_name": "Ada", "family_name": "Okafor", "manager_id": LEAD, "location": "Lyon, FR"}
        await told.fact(EmployeeRehired(employee_id=ADA, start_date=date(2027, 9, 6), **again))
        page = html.unescape((await browser.get(f"/people/{ADA}")).text)
    former = page.partition('id="former"')[2].partition("</section>")[0]
    assert "<summary>Mon, 11 Jan 2027, The first ninety days</summary>" in former
    assert "<bdi>Left on Wed, 20 Jan 2027</bdi>" in former
    assert "<bdi>Mina Mentor and Grace Hopper</bdi>" in former
    assert re.search(r"<bdi>3 of \d+ milestones done</bdi>", former)
    assert "<li>Mentor assigned, " in former
    assert former.count("<li>") == 3
    async with signed_in(server, BO) as browser:
        assert (await browser.get(f"/people/{ADA}")).status_code == 403


@pytest.mark.parametrize(
    ("location", "words"),
    [
        ("Headquarters", "'Headquarters' names no country: Monday to Friday without public holidays"),
        ("DE-ZZ", "'DE-ZZ' names no part of DE: its national holidays are used"),
        ("Lyon, FR", ""),
    ],
)
async def test_a_persons_page_says_where_days_off_are_not_known(server, told, location, words):
    await told.fact(EmployeeUpdated(employee_id=ADA, location=location))
    async with signed_in(server, LEAD) as browser:
        page = html.unescape((await browser.get(f"/people/{ADA}")).text)
    assert ("<dt>Days off</dt>" in page) is bool(words)
    assert words in page


async def test_names_are_text_and_not_markup(server):
    async with signed_in(server, LEAD) as browser:
        for path in ("/board", f"/people/{BO}", "/sign-in"):
            text = (await browser.get(path)).text
            assert "&lt;b&gt;Berg&lt;/b&gt;" in text
            assert "<b>Berg" not in text


async def test_the_boards_address_narrows_it(server, told):
    await told.fact(HireRescinded(employee_id=BO))
    async with signed_in(server, LEAD) as browser:
        assert cards((await browser.get("/board")).text) == {"attention": [], "paused": [], "track": [ADA]}
        assert cards((await browser.get("/board?show=over")).text) == {"left": [], "cancelled": [BO]}
        assert cards((await browser.get("/board?q=oka+AD")).text)["track"] == [ADA]
        nobody = (await browser.get("/board?q=cy")).text  # not below this manager
        assert "Nobody by that name" in nobody
        assert CY not in nobody
        assert cards((await browser.get("/board?q=.*")).text)["track"] == []
        assert (await browser.get("/board?show=everything")).status_code == 422


async def test_a_long_board_goes_on_on_the_next_page(server, told, monkeypatch):
    monkeypatch.setattr(store, "PAGE", 2)
    for number in range(3):
        await told.hire(f"E-20{number}", LEAD)
    async with signed_in(server, LEAD) as browser:
        seen, address = [], "/board"
        while address:
            text = (await browser.get(address)).text
            seen.append(cards(text)["track"])
            following = re.search(r'href="([^"]+)" rel="next"', text)
            address = following and following[1].replace("&amp;", "&")
    assert seen == [[ADA, BO], ["E-200", "E-201"], ["E-202"]]
    async with signed_in(server, LEAD) as browser:
        assert (await browser.get("/board?after=nonsense")).status_code == 422


# -- a person -----------------------------------------------------------------------------------------------------


SEES = {BOSS: 200, LEAD: 200, MENTOR: 200, ADA: 200, COORDINATOR: 200, OTHER_BOSS: 403, STRANGER: 403, BO: 403}


@pytest.mark.parametrize(("who", "status"), list(SEES.items()))
async def test_a_persons_page_is_for_whoever_may_see_the_journey(server, who, status):
    async with signed_in(server, who) as browser:
        answer = await browser.get(f"/people/{ADA}")
    assert answer.status_code == status
    assert ("Okafor" in answer.text) == (status == 200)


async def test_nobody_learns_from_a_refusal_whether_somebody_exists(server):
    async with signed_in(server, STRANGER) as browser:
        there, nowhere = await browser.get(f"/people/{ADA}"), await browser.get("/people/E-404")
    # each page holds its own address, to come back to when the language is changed
    assert (there.status_code, there.text.replace(ADA, "E-404")) == (nowhere.status_code, nowhere.text)


async def test_a_persons_page_says_why_this_mentor_what_happened_and_what_was_sent(server):
    async with signed_in(server, LEAD) as browser:
        text = (await browser.get(f"/people/{ADA}")).text
    assert "Why <bdi>Mina</bdi>" in text
    assert re.search(r"Same kind of work.*?Full", text, re.S)
    assert "Site and arrangement" not in text  # it added nothing
    assert f"/matching/why/{ADA}" in text
    assert "Mina Mentor became the mentor" in text
    assert "Journey began: The first ninety days" in text
    assert "Welcome, to Ada Okafor" in text


async def test_a_mentor_does_not_see_messages(server):
    async with signed_in(server, MENTOR) as browser:
        assert "Welcome, to Ada" not in (await browser.get(f"/people/{ADA}")).text


async def _tick(browser, milestone, employee=ADA, back=""):
    return await browser.post(f"/people/{employee}/milestones/{milestone}", data={"back": back})


async def test_ticking_a_milestone_off_shows_at_once(server):
    async with signed_in(server, LEAD) as browser:
        answer = await _tick(browser, "access_ready")
        assert (answer.status_code, answer.headers["location"]) == (303, f"/people/{ADA}?done=access_ready")
        text = (await browser.get(answer.headers["location"])).text
    assert "Done: Accounts and access ready." in text
    assert "Done Wed 20 Jan by Lin Lead" in text
    assert f"/people/{ADA}/milestones/access_ready" not in text


@pytest.mark.parametrize(
    ("who", "milestone", "status"),
    [
        (BOSS, "access_ready", 303),
        (COORDINATOR, "access_ready", 303),
        (ADA, "access_ready", 403),
        (MENTOR, "access_ready", 403),
        (OTHER_BOSS, "access_ready", 403),
        (LEAD, "first_mentor_meeting", 409),  # an event completes it, nobody's word
        (LEAD, "no_such_thing", 404),
    ],
)
async def test_a_milestone_takes_the_word_of_its_owner_of_managers_above_and_of_coordinators(server, who, milestone, status):
    async with signed_in(server, who) as browser:
        assert (await _tick(browser, milestone)).status_code == status


async def test_only_what_ones_word_completes_has_a_button(server):
    async with signed_in(server, ADA) as browser:
        assert "access_ready" not in re.findall(
            r'action="/people/[^/]+/milestones/(\w+)"', (await browser.get(f"/people/{ADA}")).text
        )


async def test_a_form_sent_from_another_site_changes_nothing(server):
    async with signed_in(server, LEAD) as browser:
        answer = await browser.post(
            f"/people/{ADA}/milestones/access_ready", headers={"Sec-Fetch-Site": "cross-site", "Origin": "https://evil.example"}
        )
        assert answer.status_code == 403
        assert f"/people/{ADA}/milestones/access_ready" in (await browser.get(f"/people/{ADA}")).text


async def test_a_meeting_is_logged_once_a_day_and_completes_its_milestone(server):
    async with signed_in(server, MENTOR) as browser:
        for _ in range(2):
            answer = await browser.post(f"/people/{ADA}/meetings", data={"held_on": "2027-01-19", "minutes": "45", "back": "/me"})
            assert (answer.status_code, answer.headers["location"]) == (303, f"/me?met=2027-01-19&about={ADA}")
        text = (await browser.get(answer.headers["location"])).text
        assert "Meeting logged. 1 meeting held so far, the last on Tue 19 Jan." in text
        assert "First meeting with the mentor: " not in text
        assert re.search(
            r"First meeting with the mentor.*?Done Wed 20 Jan by Mina", (await browser.get(f"/people/{ADA}")).text, re.S
        )


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"held_on": "2027-01-29", "minutes": "45"}, "lies in the future"),
        ({"held_on": "soon", "minutes": "45"}, "held_on"),
        ({"held_on": "2027-01-19", "minutes": "0"}, "minutes"),
        ({"minutes": "30"}, "held_on"),
    ],
)
async def test_a_meeting_that_cannot_have_been_is_refused_with_the_reason(server, fields, said):
    async with signed_in(server, MENTOR) as browser:
        answer = await browser.post(f"/people/{ADA}/meetings", data=fields)
    assert answer.status_code == 422
    assert said in answer.text


async def test_after_a_form_one_is_sent_to_our_own_pages_only(server):
    async with signed_in(server, LEAD) as browser:
        answer = await _tick(browser, "access_ready", back="//evil.example/")
        assert answer.headers["location"].startswith(f"/people/{ADA}?")


# -- one's own page -----------------------------------------------------------------------------------------------


async def test_a_hires_own_page_says_what_is_theirs_who_is_who_and_asks_what_is_due(server):
    async with signed_in(server, ADA) as browser:
        text = (await browser.get("/me")).text
    assert "Hello, Ada" in text
    assert "Day 9 of your first ninety." in text
    assert "Mina Mentor" in text
    assert "Lin Lead" in text
    assert "How was your first week?" in text
    assert "How are things going?" not in text  # due on day 14


async def test_a_hire_answers_a_survey_once_and_is_thanked(server, database):
    async with signed_in(server, ADA) as browser:
        answers = {"rating.satisfaction": "4", "comment": "More tea."}
        answer = await browser.post(f"/people/{ADA}/surveys/pulse_7", data=answers)
        assert (answer.status_code, answer.headers["location"]) == (303, f"/me?answered=pulse_7&about={ADA}")
        text = (await browser.get(answer.headers["location"])).text
        assert "Thank you for your answers." in text
        assert "How was your first week?" not in text
        assert [comment["text"] for comment in await store.survey_comments(database, ADA)] == ["More tea."]
        again = await browser.post(f"/people/{ADA}/surveys/pulse_7", data={"rating.satisfaction": "1"})
        assert again.status_code == 409


@pytest.mark.parametrize("who", [ADA, COORDINATOR, MENTOR, LEAD, BOSS])
async def test_what_a_hire_wrote_in_a_survey_is_shown_to_them_and_coordinators_alone(server, who):
    async with signed_in(server, ADA) as browser:
        await browser.post(f"/people/{ADA}/surveys/pulse_7", data={"rating.satisfaction": "4", "comment": "<b>More tea</b>"})
    async with signed_in(server, who) as browser:
        text = (await browser.get(f"/people/{ADA}")).text
        assert ("&lt;b&gt;More tea&lt;/b&gt;" in text) is (who in (ADA, COORDINATOR))
        assert "<b>More" not in text


@pytest.mark.parametrize(
    ("who", "fields", "status"),
    [
        (ADA, {}, 422),
        (ADA, {"rating.satisfaction": "6"}, 422),
        (ADA, {"rating.satisfaction": "good"}, 422),
        (ADA, {"rating.satisfaction": "3", "rating.other": "3"}, 422),
        (LEAD, {"rating.satisfaction": "5"}, 403),
        (COORDINATOR, {"rating.satisfaction": "5"}, 403),
    ],
)
async def test_a_survey_takes_whole_answers_from_the_hire_alone(server, who, fields, status):
    async with signed_in(server, who) as browser:
        assert (await browser.post(f"/people/{ADA}/surveys/pulse_7", data=fields)).status_code == status


async def test_a_mentors_own_page_lists_mentees_with_what_is_next(server, told):
    async with signed_in(server, MENTOR) as browser:
        text = (await browser.get("/me")).text
        assert "Ada Okafor" in text
        assert "First meeting with the mentor" in text
        assert f'action="/people/{ADA}/meetings"' in text
        assert "Bo " not in text
        await told.assign(ADA, OTHER_BOSS)
        text = (await browser.get("/me")).text
        assert "Ada Okafor" not in text
        assert "Nobody just now" in text


async def test_a_hires_plan_comes_as_a_calendar_file_that_doubles_nothing_when_it_is_fetched_again(server, told):
    async def fetched(who):
        async with signed_in(server, who) as browser:
            answer = await browser.get("/me/calendar.ics")
            return answer, {str(event["uid"]): event for event in Calendar.from_ical(answer.text).walk("VEVENT")}

    answer, before = await fetched(ADA)
    assert answer.headers["content-type"].startswith("text/calendar")
    pulse = before[f"pulse_14.1.{ADA}@firstmate"]
    assert (pulse["summary"], pulse["dtstart"].dt, "dtend" in pulse) == ("One question after two weeks", date(2027, 1, 25), False)
    assert f"first_mentor_meeting.1.{ADA}@firstmate" in before
    assert not any(uid.startswith("access_ready") for uid in before)  # the manager's
    async with signed_in(server, ADA) as browser:
        german = await browser.get("/me/calendar.ics", headers={"Accept-Language": "de"})
    assert "SUMMARY:Eine Frage nach zwei Wochen" in german.text
    await told.fact(StartDateChanged(employee_id=ADA, start_date=date(2027, 2, 1)))
    _, after = await fetched(ADA)
    assert after.keys() == before.keys()
    moved = after[f"pulse_14.1.{ADA}@firstmate"]
    assert (moved["dtstart"].dt, moved["dtstamp"].dt > pulse["dtstamp"].dt) == (date(2027, 2, 15), True)
    async with signed_in(server, STRANGER) as browser:
        assert (await browser.get("/me/calendar.ics")).status_code == 404


async def test_somebody_without_journey_and_mentees_has_an_empty_page(server):
    async with signed_in(server, STRANGER) as browser:
        assert "Nothing for you here" in (await browser.get("/me")).text


async def test_the_operators_token_sees_the_board_and_has_no_own_page(server):
    async with httpx.AsyncClient(base_url=server.url, headers={"Authorization": "Bearer t"}) as browser:
        assert (await browser.get("/board")).status_code == 200
        assert (await browser.get("/me")).status_code == 403


async def test_a_reader_chooses_a_language_and_keeps_it(server):
    async with signed_in(server, BOSS) as browser:
        german = await browser.get("/board", headers={"Accept-Language": "de-CH"})
        assert '<html lang="de" dir="ltr">' in german.text
        assert "Deine Leute" in german.text
        back = await browser.post("/language", data={"to": "ar", "next": "/board?q=a"})
        assert (back.status_code, back.headers["location"]) == (303, "/board?q=a")
        arabic = await browser.get("/board", headers={"Accept-Language": "de-CH"})
        assert '<html lang="ar" dir="rtl">' in arabic.text
        assert (await browser.post("/language", data={"to": "tlh", "next": "/board"})).status_code == 422
        away = await browser.post("/language", data={"to": "en", "next": "//elsewhere.example"})
        assert away.headers["location"] == "/"


async def test_a_board_can_be_narrowed_to_a_reason_and_taken_along_as_a_table(server):
    async with signed_in(server, COORDINATOR) as browser:
        page = await browser.get("/board", params={"why": "no_mentor"})
        assert page.status_code == 200
        assert "No mentor yet" in page.text
        assert (await browser.get("/board", params={"why": "bored"})).status_code == 422
        table = (await browser.get("/board.csv")).content.decode("utf-8-sig")
        rows = {row["employee_id"]: row for row in csv.DictReader(table.splitlines())}
        assert set(rows) == {ADA, BO, CY}
        assert (rows[ADA]["mentor"], rows[ADA]["status"], rows[ADA]["welcome_mail"]) == ("Mina Mentor", "active", "sent")
        assert rows[BO]["name"] == "Bo <b>Berg</b>"
    async with signed_in(server, OTHER_BOSS) as browser:
        table = (await browser.get("/board.csv")).content.decode("utf-8-sig")
        assert [row["employee_id"] for row in csv.DictReader(table.splitlines())] == [CY]
        assert (await browser.get("/board.csv", params={"q": "okafor"})).text.count("\n") == 1


async def test_the_table_has_everybody_however_many_and_whoever_leaves_meanwhile(server, told, monkeypatch):
    monkeypatch.setattr(board_table, "BATCH", 2)
    for number in range(5):
        await told.hire(f"E-20{number}", LEAD)
    read = board_table.board_page

    async def leaving(*args: Any, **asked: Any) -> Any:
        page = await read(*args, **asked)
        if page.rows[-1].employee_id == BO:
            await told.fact(HireRescinded(employee_id=BO))  # the last of a batch goes just before the next is read
        return page

    monkeypatch.setattr(board_table, "board_page", leaving)
    async with signed_in(server, LEAD) as browser:
        table = (await browser.get("/board.csv")).content.decode("utf-8-sig")
    everybody = [ADA, BO, *(f"E-20{number}" for number in range(5))]
    assert [row["employee_id"] for row in csv.DictReader(table.splitlines())] == everybody


async def test_a_table_that_cant_be_read_to_its_end_is_no_whole_download(server, told, monkeypatch):
    monkeypatch.setattr(board_table, "BATCH", 1)
    read = board_table.board_page

    async def failing(*args: Any, **asked: Any) -> Any:
        if asked["after"] is not None:
            raise PyMongoError("gone")
        return await read(*args, **asked)

    monkeypatch.setattr(board_table, "board_page", failing)
    async with signed_in(server, LEAD) as browser:
        with pytest.raises(httpx.RemoteProtocolError):
            await browser.get("/board.csv")


async def test_the_overview_says_who_is_behind_with_what_and_each_number_leads_to_whom(server, told):
    for id in (ADA, BO, CY):
        await _review(told, id)
    async with signed_in(server, COORDINATOR) as browser:
        page = await browser.get("/overview")
        late = (await browser.get("/api/onboarding/v1/overview")).json()["late"]
        assert {each["owner"] for each in late} >= {"mentor", "manager", "coordinator"}
        for each in late:
            facet = ":".join(["late", *(each[part] or "" for part in ("owner", "programme", "milestone"))]).rstrip(":")
            if each["milestone"] or not (each["owner"] and each["programme"]):  # with one programme, an owner's is the same
                assert f'href="/board?facet={facet}"' in page.text
            table = (await browser.get("/board.csv", params={"facet": facet})).content.decode("utf-8-sig")
            assert len(table.splitlines()) - 1 == each["people"] > 0
        board = await browser.get("/board", params={"facet": "late:manager:default:access_ready"})
        assert "Only: <bdi>Late: Manager, The first ninety days, Accounts and access ready</bdi>." in board.text
        assert 'data-live="/live/board?facet=late:manager:default:access_ready"' in board.text
        assert 'name="facet" value="late:manager:default:access_ready"' in board.text
        assert f"/people/{BO}" not in board.text  # she starts on Monday
        assert (await browser.get("/board", params={"facet": "late:a:b:c:d"})).status_code == 422
    async with signed_in(server, OTHER_BOSS) as browser:
        board = await browser.get("/board", params={"facet": "late::default"})
        assert f"/people/{CY}" in board.text
        assert f"/people/{ADA}" not in board.text


async def test_the_overview_says_who_answers_and_who_meets(server, told):
    await told.command(LogMeeting(employee_id=ADA, meeting_id="1", held_on=date(2027, 1, 12), minutes=30, reported_by=MENTOR))
    await told.command(AnswerSurvey(employee_id=ADA, survey_id="pulse_7", ratings={"satisfaction": 4}))
    told.now += timedelta(days=7)
    for id in (ADA, BO, CY):
        await _review(told, id)
    await told.assign(CY)
    async with signed_in(server, COORDINATOR) as browser:
        answer = (await browser.get("/api/onboarding/v1/overview")).json()
        unanswered = ["unanswered::default:pulse_14", "unanswered::default:pulse_7"]
        pulse = {"kind": "pulse", "due": 3, "answered": 1, "mean": None, "unanswered": unanswered}
        assert answer["surveys"] == [pulse]  # of one answer there is no mean
        assert answer["pairs"] == {"on_rhythm": 0, "off_rhythm": 1, "never_met": 1}
        page = (await browser.get("/overview")).text
        assert "1 of 3 (33\u00a0%)" in page
        assert "/board?facet=unanswered::default:pulse_14&amp;facet=unanswered::default:pulse_7" in page
        assert "4.0" not in page
        whom = {"off_rhythm": {ADA}, "never_met": {CY}, "unanswered::default:pulse_7": {CY}}
        for facet, people in whom.items():
            table = (await browser.get("/board.csv", params={"facet": facet})).content.decode("utf-8-sig")
            assert {row["employee_id"] for row in csv.DictReader(table.splitlines())} == people, facet
        assert (await browser.get("/board", params={"facet": "answered::default:pulse_7"})).status_code == 422
        board = (await browser.get("/board", params={"facet": ["off_rhythm", "unanswered::default:pulse_7"]})).text
        assert "Only: <bdi>Behind with meetings; Not answered: Your first week</bdi>." in board


async def test_a_persons_page_shows_the_rhythm_of_their_meetings(server, told):
    await told.command(LogMeeting(employee_id=ADA, meeting_id="1", held_on=date(2027, 1, 12), minutes=30, reported_by=MENTOR))
    async with signed_in(server, LEAD) as browser:
        page = (await browser.get(f"/people/{ADA}")).text
        assert "1 of 8 planned meetings held." in page
        assert "Held on: Tue 12 Jan." in page or "Held on: Tue, Jan 12." in page
        assert page.count("cadence__mark--held") == 1
        assert 'class="cadence"' not in (await browser.get(f"/people/{BO}")).text  # nobody to meet yet


async def test_a_hire_sees_how_to_reach_the_people_around_them(server, told):
    await told.fact(EmployeeUpdated(employee_id=MENTOR, work_email="mina@x.example", time_zone="Asia/Kolkata"))
    await told.fact(EmployeeUpdated(employee_id=COORDINATOR, work_email="cora@x.example"))
    await told.fact(EmployeeUpdated(employee_id=ADA, time_zone="Europe/Paris"))
    async with signed_in(server, ADA) as browser:
        page = (await browser.get("/me")).text
        assert 'href="mailto:mina@x.example"' in page
        assert "Asia/Kolkata, 4.5 hours ahead of you" in page
        assert "Lin Lead" in page
        assert 'href="mailto:cora@x.example"' in page
    async with signed_in(server, LEAD) as browser:
        assert "mailto:" not in (await browser.get(f"/people/{ADA}")).text


async def test_the_overview_counts_everybody_for_those_who_see_everybody(server):
    async with signed_in(server, COORDINATOR) as browser:
        page = await browser.get("/overview")
        assert page.status_code == 200
        answer = (await browser.get("/api/onboarding/v1/overview")).json()
        assert sum(answer["standings"].values()) == 3
        assert sum(week["starts"] for week in answer["starts"]) == 2  # Ada's start is behind
        late = answer["attention"]["late"]
        assert ("why=late" in page.text) == bool(late)
    async with signed_in(server, BOSS) as browser:
        assert (await browser.get("/overview")).status_code == 403
