"""What the links of mails open: surveys answered and meetings logged without signing in, once, and by nobody else."""

import re
from datetime import date, timedelta

import httpx
import pytest
from pydantic import SecretStr

from services.onboarding import store
from services.onboarding.commands import WaiveMilestone
from shared.events.hr import EmployeeTerminated, EmployeeUpdated, HireRescinded
from shared.links import Link, Links
from tests.connected.pages_server import ADA, BO, MENTOR, NOW, OTHER_BOSS, serving, small_company

LINKS = Links(SecretStr("of the tests"))
LAST = date(2027, 2, 17)
PULSE = Link.to_survey(ADA, 1, "pulse_7", LAST)
MET = Link.to_meeting(ADA, MENTOR, 1, LAST)


@pytest.fixture
async def told(database):
    return await small_company(database)


@pytest.fixture
async def browser(database, told):
    async with serving(database, told) as server, httpx.AsyncClient(base_url=server.url, timeout=20) as browser:
        yield browser


async def answers_of(database, id=ADA):
    journey = await store.journey(database, id)
    return {name: given.ratings for name, given in journey.surveys.items()}


async def meetings_of(database):
    journey = await store.journey(database, ADA)
    return [(meeting.held_on.isoformat(), meeting.minutes, meeting.reported_by) for meeting in journey.meetings]


async def test_a_survey_is_answered_from_a_link_without_signing_in(browser, database):
    page = await browser.get(LINKS.path(PULSE))
    assert page.status_code == 200
    assert page.headers["cache-control"] == "no-store"
    assert page.headers["referrer-policy"] == "same-origin"
    assert "<script" not in page.text
    assert "How was your first week?" in page.text
    assert "1: Not good" in page.text
    answer = await browser.post(LINKS.path(PULSE), data={"rating.satisfaction": "5", "comment": "More tea.\r\nPlease."})
    assert (answer.status_code, answer.headers["location"]) == (303, LINKS.path(PULSE))
    assert "Thank you, Ada" in (await browser.get(answer.headers["location"])).text
    assert await answers_of(database) == {"pulse_7": {"satisfaction": 5}}
    assert [comment["text"] for comment in await store.survey_comments(database, ADA)] == ["More tea.\nPlease."]


async def test_a_link_used_twice_says_that_it_was_answered_and_doubles_nothing(browser, database):
    for rating in ("5", "1"):
        answer = await browser.post(LINKS.path(PULSE), data={"rating.satisfaction": rating, "comment": f"said {rating}"})
        assert answer.status_code == 303
    text = (await browser.get(LINKS.path(PULSE))).text
    assert "Your answer of 20 January 2027 is in." in text
    assert text.count("<form") == text.count('<form class="languages"')
    assert await answers_of(database) == {"pulse_7": {"satisfaction": 5}}
    assert [comment["text"] for comment in await store.survey_comments(database, ADA)] == ["said 5"]


async def test_looking_at_a_link_changes_nothing(browser, database):
    for link in (PULSE, MET):
        assert (await browser.get(LINKS.path(link))).status_code == 200
        assert (await browser.head(LINKS.path(link))).status_code == 200
    assert (await answers_of(database), await meetings_of(database)) == ({}, [])


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({}, "choose a number"),
        ({"rating.satisfaction": "6"}, "choose a number"),
        ({"rating.satisfaction": "3", "comment": "x" * 4001}, "longer than 4000"),
    ],
)
async def test_an_answer_that_is_not_whole_comes_back_with_what_was_written(browser, database, fields, words):
    answer = await browser.post(LINKS.path(PULSE), data=fields | {"comment": fields.get("comment", "Keep <this>.")})
    assert answer.status_code == 422
    assert words in answer.text
    assert fields.get("comment", "Keep &lt;this&gt;.") in answer.text
    assert await answers_of(database) == {}


async def test_an_altered_link_is_refused_in_the_browsers_language(browser, database):
    altered = LINKS.path(PULSE)[:-3] + "AAA"
    page = await browser.get(altered, headers={"Accept-Language": "de-AT, en;q=0.5"})
    assert page.status_code == 404
    assert "Dieser Link geht nicht" in page.text
    assert (await browser.post(altered, data={"rating.satisfaction": "5"})).status_code == 404
    assert await answers_of(database) == {}


async def test_a_link_works_to_the_end_of_its_last_day_where_the_hire_works(browser, database, told):
    await told.fact(EmployeeUpdated(employee_id=ADA, time_zone="America/Los_Angeles"))
    told.now = NOW.replace(month=2, day=18, hour=7, minute=59)
    assert (await browser.get(LINKS.path(PULSE))).status_code == 200
    told.now += timedelta(minutes=1)
    page = await browser.get(LINKS.path(PULSE))
    assert page.status_code == 410
    assert "It worked until 17 February 2027." in page.text
    assert (await browser.post(LINKS.path(PULSE), data={"rating.satisfaction": "5"})).status_code == 410
    assert await answers_of(database) == {}


async def _other_mentor(told):
    await told.assign(ADA, OTHER_BOSS)


async def _left(told):
    await told.fact(EmployeeTerminated(employee_id=ADA))


async def _rescinded(told):
    await told.fact(HireRescinded(employee_id=ADA))


async def _waived(told):
    await told.command(WaiveMilestone(employee_id=ADA, milestone_id="pulse_7", waived_by=OTHER_BOSS))


async def _nothing(told):
    pass


@pytest.mark.parametrize(
    ("link", "happens", "status", "words"),
    [
        (MET, _other_mentor, 403, "not the mentor here any more"),
        (MET, _left, 410, "has ended"),
        (PULSE, _left, 410, "has ended"),
        (PULSE, _rescinded, 410, "has ended"),
        (PULSE, _waived, 410, "no longer in it"),
        (Link.to_survey(ADA, 2, "pulse_7", LAST), _nothing, 410, "earlier onboarding"),
        (Link.to_survey(ADA, 1, "pulse_14", LAST), _nothing, 409, "asked on 25 January 2027"),
        (Link.to_survey(ADA, 1, "weather", LAST), _nothing, 410, "no longer in it"),
        (Link.to_survey("E-404", 1, "pulse_7", LAST), _nothing, 404, "does not work"),
        (Link.to_meeting(BO, BO, 1, LAST), _nothing, 409, "no mentor just now"),
    ],
    ids=["former mentor", "left", "left", "rescinded", "waived", "another journey", "early", "unknown", "nobody", "no mentor"],
)
async def test_a_link_is_held_against_the_present_and_says_why_it_leads_nowhere(
    browser, database, told, link, happens, status, words
):
    await happens(told)
    page = await browser.get(LINKS.path(link))
    assert (page.status_code, words in page.text) == (status, True), page.text
    sent = await browser.post(LINKS.path(link), data={"rating.satisfaction": "5", "held_on": "2027-01-20", "minutes": "30"})
    assert sent.status_code == status
    assert (await answers_of(database), await meetings_of(database)) == ({}, [])


@pytest.mark.parametrize(("reporter", "other"), [(MENTOR, "Ada"), (ADA, "Mina")])
async def test_mentor_or_hire_log_a_meeting_in_two_taps(browser, database, reporter, other):
    path = LINKS.path(Link.to_meeting(ADA, reporter, 1, LAST))
    page = (await browser.get(path)).text
    assert f"Did you and {other} meet?" in page
    fields = dict(re.findall(r'name="(held_on|minutes)"[^>]* value="([^"]+)"', page))
    answer = await browser.post(path, data=fields)  # as the form stands, by its one button
    assert (answer.status_code, answer.headers["location"]) == (303, f"{path}?met=2027-01-20")
    assert "Your meeting of 20 January 2027 is logged." in (await browser.get(answer.headers["location"])).text
    assert await meetings_of(database) == [("2027-01-20", 30, reporter)]


async def test_a_meeting_that_both_log_counts_once(browser, database):
    for reporter in (MENTOR, ADA, MENTOR):
        path = LINKS.path(Link.to_meeting(ADA, reporter, 1, LAST))
        assert (await browser.post(path, data={"held_on": "2027-01-19", "minutes": ""})).status_code == 303
    assert await meetings_of(database) == [("2027-01-19", 30, MENTOR)]


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"held_on": "2027-01-21", "minutes": "30"}, "still to come"),
        ({"held_on": "2020-01-21", "minutes": "30"}, "before all this began"),
        ({"held_on": "soon", "minutes": "30"}, "choose the day"),
        ({"held_on": "2027-01-20", "minutes": "481"}, "from 1 to 480"),
        ({"held_on": "2027-01-20", "minutes": "-5"}, "from 1 to 480"),
    ],
)
async def test_a_meeting_that_can_not_have_been_comes_back_with_what_was_written(browser, database, fields, words):
    answer = await browser.post(LINKS.path(MET), data=fields)
    assert (answer.status_code, words in answer.text) == (422, True)
    assert f'value="{fields["minutes"]}"' in answer.text
    assert await meetings_of(database) == []


async def test_the_pages_speak_the_language_of_the_browser_until_the_reader_chooses_another(browser):
    text = (await browser.get(LINKS.path(PULSE), headers={"Accept-Language": "de-CH"})).text
    assert '<html lang="de" dir="ltr">' in text
    assert "Wie war deine erste Woche?" in text
    assert "5: Sehr gut" in text
    chosen = await browser.post("/language", data={"to": "ar", "next": LINKS.path(PULSE)}, headers={"Accept-Language": "de-CH"})
    assert chosen.headers["location"] == LINKS.path(PULSE)
    text = (await browser.get(LINKS.path(PULSE), headers={"Accept-Language": "de-CH"})).text
    assert '<html lang="ar" dir="rtl">' in text
    assert "كيف كان أسبوعك الأول؟" in text
