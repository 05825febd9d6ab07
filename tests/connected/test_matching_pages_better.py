"""Better pairs on the real database: shown, taken step by step or at once, and what is stale said so."""

from collections.abc import AsyncIterator
from datetime import date

import pytest

from shared.events.mentoring import MentorChanged
from shared.events.onboarding import MeetingHeld
from shared.mongo import Database
from tests.connected.matching_company import Company, company, enrolled, hired, known
from tests.connected.matching_web import Web, signed_in, web_of

BETTER = "/coordinator/better"


@pytest.fixture
async def room(database: Database) -> Company:
    """Each of two hires has the mentor who would suit the other."""
    room = await company(
        database,
        known("C-1"),
        known("M-A", display_name="Anna", skills=["a"]),
        known("M-B", display_name="Bert", skills=["b"]),
        enrolled("M-A", 0),
        enrolled("M-B"),
    )
    await room.tell(hired("H-A", display_name="<b>Hal</b>", skills=["a"]))
    await room.tell(MentorChanged(mentor_id="M-A", capacity=1), hired("H-B", display_name="Hoa", skills=["b"]))
    assert await room.pairs() == {"H-A": "M-B", "H-B": "M-A"}
    return room


@pytest.fixture
async def web(room: Company) -> AsyncIterator[Web]:
    async with web_of(room) as web:
        yield web


def step_form(page: str) -> dict[str, str]:
    form = page.split("<article")[1].split("</form>", maxsplit=1)[0]
    return {name: form.split(f'name="{name}" value="')[1].split('"')[0] for name in ("proposal", "step")}


async def test_looking_moves_nobody_and_taking_a_step_moves_everybody_in_it(room: Company, web: Web) -> None:
    assert "Not looked at yet" in await web.get(BETTER)
    await web.post(BETTER, {})
    assert await room.pairs() == {"H-A": "M-B", "H-B": "M-A"}
    page = await web.get(BETTER)
    gain = page.split("<strong>1 step</strong> would add ")[1].split(" points")[0]
    assert float(gain) > 10
    assert "&lt;b&gt;Hal&lt;/b&gt;" in page
    assert "1 of 1 skills named by the new hire is shared: a" in page
    assert f"1 step among pairs that have not met would add {gain} points" in await web.get("/coordinator")
    answer = await web.post(f"{BETTER}/steps", step_form(page) | {"act": "accept"})
    assert answer.headers["location"] == f"{BETTER}?done=moved"
    assert await room.pairs() == {"H-A": "M-A", "H-B": "M-B"}
    assert "All steps are decided." in await web.get(BETTER)


async def test_a_step_is_left_as_it_is(room: Company, web: Web) -> None:
    await web.post(BETTER, {})
    await web.post(f"{BETTER}/steps", step_form(await web.get(BETTER)) | {"act": "dismiss"})
    assert "left as it is</span>" in await web.get(BETTER)
    assert await room.pairs() == {"H-A": "M-B", "H-B": "M-A"}


async def test_who_has_met_meanwhile_is_not_moved_and_the_page_says_why(room: Company, web: Web) -> None:
    await web.post(BETTER, {})
    form = step_form(await web.get(BETTER))
    meeting = MeetingHeld(
        employee_id="H-A", meeting_id="1", mentor_id="M-B", held_on=date(2027, 1, 5), minutes=30, reported_by="H-A"
    )
    await room.tell(meeting)
    answer = await web.post(f"{BETTER}/steps", form | {"act": "accept"})
    assert answer.headers["location"] == f"{BETTER}?why=met&done=stale"
    page = await web.get(answer.headers["location"])
    assert "What speaks against it: a pair in it has met meanwhile." in page
    assert await room.pairs() == {"H-A": "M-B", "H-B": "M-A"}
    await web.post(BETTER, {})
    assert "no exchange would make these pairs fit better" in await web.get(BETTER)


async def test_better_pairs_are_for_coordinators_only(web: Web) -> None:
    await web.get(BETTER, signed_in("M-A"), 403)
    await web.post(BETTER, {}, signed_in("M-A"), 403)
    await web.post(f"{BETTER}/steps", {"proposal": "x", "step": "1", "act": "accept"}, signed_in("M-A"), 403)
    await web.post(f"{BETTER}/steps", {"proposal": "x", "step": "1", "act": "accept"}, status=404)
