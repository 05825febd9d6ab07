"""The waitlist's suggestions on the real database: what they say is what happens."""

from collections.abc import AsyncIterator
from datetime import timedelta

import pytest

from shared.events.mentoring import MentorChanged
from shared.mongo import Database
from tests.connected.matching_company import Company, company, enrolled, hired, known
from tests.connected.matching_web import API, Web, signed_in, web_of


@pytest.fixture
async def room(database: Database) -> Company:
    return await company(
        database,
        known("C-1"),
        known("M-1", display_name="Mina", department="Support", languages=["en"]),
        known("M-2", display_name="Max", department="Support", languages=["en"]),
        known("M-3", display_name="Ria", department="Sales", languages=["es"]),
        enrolled("M-1", capacity=0),
        enrolled("M-2", capacity=0),
        enrolled("M-3"),
        hired("H-0", languages=["es"]),
        hired("H-1", display_name="Ada", languages=["en"]),
        hired("H-2", display_name="Bo", languages=["en"]),
        hired("H-3", display_name="Cy", languages=["fi"]),
    )


@pytest.fixture
async def web(room: Company) -> AsyncIterator[Web]:
    async with web_of(room) as web:
        yield web


async def test_the_first_suggestion_places_whom_it_names_with_one_press(room: Company, web: Web) -> None:
    page = await web.get("/coordinator/waitlist")
    said = page.split("What to do now")[1].split("</form>")[0]
    assert "One more place each for Mina and Max in Support" in said
    assert "would place 2 people" in said
    form: dict[str, list[str]] = {"mentor_id": [], "capacity": []}
    for part in said.split('type="hidden" name="')[1:]:
        name, value = part.split('"')[0], part.split('value="')[1].split('"')[0]
        form[name].append(value)
    assert form == {"mentor_id": ["M-1", "M-2"], "capacity": ["1", "1"]}
    await web.post("/coordinator/waitlist/places", form)
    await room.relay_own()
    await room.waitlist.try_again(room.db)
    pairs = await room.pairs()
    for hire, mentor in (("Ada", pairs["H-1"]), ("Bo", pairs["H-2"])):
        assert f"{hire} with {'Mina' if mentor == 'M-1' else 'Max'}" in said
    assert pairs["H-3"] is None


async def test_a_language_that_no_mentor_shares_asks_for_such_a_mentor(web: Web) -> None:
    page = await web.get("/coordinator/waitlist")
    assert "<strong>Win a mentor who speaks Finnish</strong>: 1 person shares a language with no mentor." in page


async def test_a_pause_and_a_leave_that_would_help_lead_to_the_mentor(room: Company, web: Web) -> None:
    await room.tell(MentorChanged(mentor_id="M-1", capacity=1, status="paused"))
    await room.tell(MentorChanged(mentor_id="M-2", capacity=1, available_from=room.now.date() + timedelta(days=300)))
    page = await web.get("/coordinator/waitlist")
    assert "Mina in Support with the pause ended" in page
    assert "Max in Support back from leave now" in page
    assert 'href="/coordinator/mentors/M-1"' in page


async def test_places_that_do_not_pair_with_mentors_are_refused(room: Company, web: Web) -> None:
    for form in ({"mentor_id": ["M-1", "M-2"], "capacity": ["1"]}, {"mentor_id": ["M-1", "M-1"], "capacity": ["1", "2"]}):
        await web.post("/coordinator/waitlist/places", form, status=422)
    await web.post("/coordinator/waitlist/places", {"mentor_id": "M-1", "capacity": "1"}, signed_in("M-1"), 403)
    assert (await room.mentor("M-1")).capacity == 0


async def test_the_suggestions_are_there_for_machines_too(web: Web) -> None:
    told = await web.get(f"{API}/waitlist/suggestions")
    (first,) = told["found"]
    assert (first["kind"], first["mentors"]) == ("places", [["M-1", 1], ["M-2", 1]])
    assert {placed["hire_id"] for placed in first["placed"]} == {"H-1", "H-2"}
    assert (told["languages"], told["looked_at"]) == ([["fi", 1]], 3)
    await web.get(f"{API}/waitlist/suggestions", signed_in("M-1"), 403)
