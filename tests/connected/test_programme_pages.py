"""Programmes over HTTP: coordinators see which there are and what one would plan, as JSON and as a page."""

import re

import pytest

from tests.connected.pages_server import BOSS, COORDINATOR, serving, signed_in, small_company

DAY = {"start": "2027-03-01", "location": "DE-BY"}


@pytest.fixture
async def server(database):
    async with serving(database, await small_company(database)) as server:
        yield server


async def test_a_coordinator_finds_the_calendar_of_somebody_who_might_start(server):
    async with signed_in(server, COORDINATOR) as browser:
        listed = (await browser.get("/programmes")).text
        (path,) = set(re.findall(r'href="(/programmes/\w+)"', listed))
        assert (await browser.get(path)).status_code == 200
        text = (await browser.get(f"{path}/preview", params=DAY | {"department": "", "work_arrangement": "remote"})).text
    assert "Mon 29 Mar: Easter Monday" in text
    assert re.search(r'class="is-due is-start">\s*<span>1</span><span class="unseen">: \d+ due and first day', text)
    assert "Manager, 3 working days before the start; only for work arrangement remote" in text


async def test_a_preview_as_json_is_in_the_language_asked_for(server):
    async with signed_in(server, COORDINATOR) as browser:
        (found,) = (await browser.get("/api/onboarding/v1/programmes")).json()["items"]
        address = f"/api/onboarding/v1/programmes/{found['id']}/preview"
        seen = (await browser.get(address, params=DAY, headers={"accept-language": "de-AT, en;q=0.5"})).json()
    assert seen["version"] == found["version"]
    assert {each["id"]: each["counted"] for each in seen["milestones"]}["access_ready"] == "am ersten Tag"


@pytest.mark.parametrize(
    ("changed", "words"),
    [
        ({"start": "1970-01-01"}, "must lie between 2000-01-01 and 2100-01-01"),
        ({"start": "2199-01-01"}, "must lie between"),
        ({"start": "tomorrow"}, "must be a date such as 2027-01-11"),
        ({"work_arrangement": "mars"}, "remote"),
    ],
)
async def test_what_can_not_be_drawn_is_refused_with_words(server, changed, words):
    async with signed_in(server, COORDINATOR) as browser:
        for path in ("/api/onboarding/v1/programmes/default/preview", "/programmes/default/preview"):
            answer = await browser.get(path, params=DAY | changed)
            assert answer.status_code == 422
            assert words in answer.text
        unknown = await browser.get("/api/onboarding/v1/programmes/nothing/preview", params=DAY)
        assert (unknown.status_code, unknown.json()["code"]) == (404, "unknown_programme")


async def test_programmes_are_for_coordinators(server):
    async with signed_in(server, BOSS) as browser:
        for path in ("/programmes", "/programmes/default", "/api/onboarding/v1/programmes"):
            assert (await browser.get(path)).status_code == 403
