"""A mentor's own page of matching: the brief about each mentee, and availability by the mentor's own word."""

import re
from collections.abc import AsyncIterator
from datetime import date, timedelta

import pytest

from shared.events.mentoring import MentorNominated
from shared.mongo import Database
from tests.connected.matching_company import NOW, Company, company, enrolled, hired, known
from tests.connected.matching_web import API, CORA, OPERATOR, Web, signed_in, web_of

MINA, MAX, BOSS = signed_in("M-1"), signed_in("M-2"), signed_in("B-1")
ADA = {
    "display_name": "Ada <b>Okafor</b>",
    "title": "Backend Engineer",
    "role_family": "Engineering",
    "department": "Platform",
    "location": "Lyon, FR",
    "time_zone": "Asia/Tokyo",
    "languages": ["fr", "en"],
    "skills": ["kafka", "python"],
    "interests": ["climbing", "chess", "baking", "a diary " * 20],
    "manager_id": "B-1",
}


@pytest.fixture
async def room(database: Database) -> Company:
    like_ada = {name: ADA[name] for name in ("title", "role_family", "location", "languages", "skills", "interests")}
    return await company(
        database,
        known("B-1"),
        known("M-1", display_name="Mina Mentor", **like_ada),
        known("M-2"),
        known("P-1"),
        enrolled("M-1", capacity=3),
        hired("H-1", **ADA),
    )


@pytest.fixture
async def web(room: Company) -> AsyncIterator[Web]:
    async with web_of(room) as web:
        yield web


async def availability(web: Web, who: str = "M-1") -> dict:
    return await web.get(f"{API}/mentors/{who}/availability")


async def test_the_brief_says_who_it_is_what_is_shared_and_how_to_begin(web: Web) -> None:
    page = await web.get("/mentoring", MINA)
    assert "Ada &lt;b&gt;Okafor&lt;/b&gt;" in page
    for said in ("Backend Engineer, Platform, Lyon, FR", "11 Jan", "French and English", "kafka and python", "You both"):
        assert said in page, said
    assert re.search("Interests to ask about: climbing, chess,? and baking[.]", page)
    assert "a diary a diary" not in page.split("Interests to ask about")[1]
    assert "programme plans; an invitation comes" in page
    brief = await web.get(f"{API}/assignments/H-1/brief", MINA)
    assert brief["interests"][:3] == ["climbing", "chess", "baking"]
    assert 1 <= len(brief["in_common"]) <= 4
    assert brief["openers"][0].startswith("Interests to ask about")
    assert (await web.get(f"{API}/assignments/H-1/brief", {**OPERATOR, "accept-language": "de"}))["in_common"] != brief[
        "in_common"
    ]


async def test_the_brief_is_for_the_mentor_and_coordinators_alone(room: Company, web: Web) -> None:
    path = f"{API}/assignments/H-1/brief"
    for headers, status in ((MINA, 200), (CORA, 200), (OPERATOR, 200), (MAX, 403), (BOSS, 403), (signed_in("H-1"), 403)):
        await web.get(path, headers, status)
    await room.tell(enrolled("M-2", capacity=1))
    await web.post("/mentoring/status", {"status": "paused"}, MINA)
    await room.relay_own()
    assert (await room.pairs()) == {"H-1": "M-2"}
    await web.get(path, MINA, 403)  # not hers any more
    assert "Okafor" not in await web.get("/mentoring", MINA)
    assert "Okafor" in await web.get("/mentoring", MAX)


async def test_a_meeting_of_today_is_two_taps_away_and_is_today_where_the_hire_works(room: Company, web: Web) -> None:
    room.now = NOW.replace(hour=20)  # the day after in Tokyo
    page = await web.get("/mentoring", MINA)
    form = page.split('action="/people/H-1/meetings"')[1].split("</form>")[0]
    assert f'name="held_on" value="{NOW.date() + timedelta(days=1)}"' in form
    assert 'name="back" value="/mentoring"' in form
    assert re.findall(r'name="minutes" value="(\d+)"', form) == ["15", "30", "45", "60"]
    assert "Meeting logged." in await web.get("/mentoring?met=2027-01-05", MINA)


async def test_mentors_say_themselves_for_how_many_they_are_there(room: Company, web: Web) -> None:
    answer = await web.post("/mentoring/places", {"capacity": "0"}, MINA)
    assert answer.headers["location"] == "/mentoring?done=places"
    await room.relay_own()
    assert (await availability(web)) | {"load": 1, "mentees": ["H-1"]} == await availability(web)
    assert (await availability(web))["capacity"] == 0
    await web.post("/mentoring/places", {"capacity": "99"}, MINA, 422)


async def test_a_leave_ends_on_a_day_to_come_and_an_empty_one_today(web: Web) -> None:
    await web.post("/mentoring/leave", {"until": "2027-03-01"}, MINA)
    assert (await availability(web))["available_from"] == "2027-03-01"
    assert 'value="2027-03-01"' in await web.get("/mentoring", MINA)
    await web.post("/mentoring/leave", {"until": "2027-01-04"}, MINA, 422)
    back = await web.post("/mentoring/leave", {"until": ""}, MINA)
    assert back.headers["location"] == "/mentoring?done=back"
    assert (await availability(web))["available_from"] == str(NOW.date())


async def test_a_pause_gives_the_mentees_others_and_the_mentor_comes_back_alone(room: Company, web: Web) -> None:
    await web.post("/mentoring/status", {"status": "paused"}, MINA)
    await room.relay_own()
    assert await room.pairs() == {"H-1": None}
    assert "You are paused and get nobody." in await web.get("/mentoring", MINA)
    await web.post("/mentoring/status", {"status": "active"}, MINA)
    await room.waitlist.try_again(room.db)
    assert await room.pairs() == {"H-1": "M-1"}
    await web.post("/mentoring/status", {"status": "withdrawn"}, MINA, 422)


async def test_nobody_changes_another_mentors_availability_but_a_coordinator(web: Web) -> None:
    path = f"{API}/mentors/M-1/availability"
    for headers, status in ((MAX, 403), (BOSS, 403), (signed_in("H-1"), 403), (CORA, 200), (OPERATOR, 200), (MINA, 200)):
        answer = await web.http.patch(path, json={"capacity": 2}, headers=headers)
        assert answer.status_code == status, answer.text
        assert (await web.http.get(path, headers=headers)).status_code == status
    assert (await web.http.patch(path, json={"trained": True}, headers=MINA)).status_code == 422  # training is not theirs to say
    await web.post("/mentoring/places", {"capacity": "5"}, OPERATOR, 403)
    await web.get("/mentoring", OPERATOR, 403)


async def test_whoever_does_not_mentor_may_offer_to_and_accepts_it_not_themselves(room: Company, web: Web) -> None:
    pat = signed_in("P-1")
    assert "Would you like to mentor?" in await web.get("/mentoring", pat)
    await web.post("/mentoring/nomination", {"capacity": "1"}, pat)
    assert "You are put forward as a mentor" in await web.get("/mentoring", pat)
    await web.post("/mentoring/status", {"status": "active"}, pat, 409)
    await web.post("/mentoring/places", {"capacity": "3"}, pat, 409)
    assert (await room.mentor("P-1")).status == "nominated"
    await web.post("/mentoring/places", {"capacity": "3"}, signed_in("H-1"), 404)


async def test_a_nomination_by_another_is_shown_to_the_person(room: Company, web: Web) -> None:
    await room.tell(MentorNominated(mentor_id="P-1", endorsed_by="B-1"))
    page = await web.get("/mentoring", signed_in("P-1"))
    assert "You are put forward as a mentor" in page
    assert "B-1" not in page  # who vouches is between them and the coordinators


async def test_the_days_of_the_brief_are_days(web: Web) -> None:
    assert (await web.get(f"{API}/assignments/H-1/brief", MINA))["start_date"] == str(date(2027, 1, 11))
