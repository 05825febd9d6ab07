"""Proposals and the overview on the real database: what waits for a coordinator, and that their word is carried out."""

from collections.abc import AsyncIterator
from datetime import timedelta

import pytest

from shared.mongo import Database
from tests.connected.matching_company import Company, company, enrolled, hired, known
from tests.connected.matching_web import Web, signed_in, web_of


@pytest.fixture
async def room(database: Database) -> Company:
    return await company(
        database,
        known("C-1"),
        known("M-1", display_name="Mina Mentor", skills=["kafka"], languages=["en"]),
        known("M-2", display_name="Max Mentor", languages=["en"]),
        enrolled("M-1"),
        enrolled("M-2"),
        approval=timedelta(hours=4),
    )


@pytest.fixture
async def web(room: Company) -> AsyncIterator[Web]:
    async with web_of(room) as web:
        yield web


async def test_a_proposal_shows_its_reasons_and_stands_when_approved(room: Company, web: Web) -> None:
    await room.tell(hired("H-1", display_name="Hal <i>Hire</i>", skills=["kafka"], languages=["en"]))
    page = await web.get("/coordinator/proposals")
    assert "Hal &lt;i&gt;Hire&lt;/i&gt;" in page
    assert "1 of 1 skills named by the new hire is shared: kafka" in page
    assert "stands by itself" in page
    await web.post("/coordinator/proposals/H-1/approve", {"mentor_id": "M-1"})
    assert await room.pairs() == {"H-1": "M-1"}
    assert "No proposal waits" in await web.get("/coordinator/proposals")


async def test_a_runner_up_can_be_taken_instead_and_a_proposal_turned_down(room: Company, web: Web) -> None:
    await room.tell(hired("H-1", skills=["kafka"], languages=["en"]))
    assert ": Max Mentor for H-1" in await web.get("/coordinator/proposals")
    await web.post("/coordinator/proposals/H-1/approve", {"mentor_id": "M-2"})
    assert await room.pairs() == {"H-1": "M-2"}
    await room.tell(hired("H-2", skills=["kafka"], languages=["en"]))
    answer = await web.post("/coordinator/proposals/H-2/reject", {"reason": "they were in one team before"})
    assert answer.headers["location"] == "/coordinator/proposals?done=rejected"
    assert "M-1" in (await room.hire("H-2")).excluded
    await web.post("/coordinator/proposals/H-2/reject", {"reason": ""}, status=422)


async def test_all_that_are_shown_are_approved_at_once_and_what_changed_meanwhile_is_left(room: Company, web: Web) -> None:
    await room.tell(hired("H-1", skills=["kafka"], languages=["en"]), hired("H-2", languages=["en"]))
    page = await web.get("/coordinator/proposals")
    assert "Approve all 2" in page
    shown = [part.split('"')[0] for part in page.split('name="proposal" value="')[1:]]
    answer = await web.post("/coordinator/proposals", {"proposal": [*shown, "H-9:M-1"]})
    assert answer.headers["location"] == "/coordinator/proposals?left=1&done=all_approved"
    assert await room.pairs() == dict(pair.split(":") for pair in shown)
    assert "1 proposal has changed meanwhile" in await web.get(answer.headers["location"])


async def test_the_overview_says_what_waits_and_where_to_do_it(room: Company, web: Web) -> None:
    page = await web.get("/coordinator")
    assert "proposal" not in page.split("What to do now")[1].split("</section>")[0]
    await room.tell(hired("H-1", languages=["en"]), hired("H-2", languages=["fi"]))
    await web.post("/coordinator/mentors", {"employee_id": "M-7", "act": "nominate"})
    page = await web.get("/coordinator")
    assert "1 proposal waits for your word; the first stands by itself on" in page
    assert "1 hire waits for a mentor." in page
    assert "1 nomination waits for training or acceptance" in page
    assert page.count('aria-current="page"') == 2, "in the menu and in its part"
    assert 'href="/coordinator" aria-current="true"' in await web.get("/coordinator/waitlist")


async def test_the_overview_and_proposals_are_for_coordinators_only(room: Company, web: Web) -> None:
    await room.tell(hired("H-1", languages=["en"]))
    for path in ("/coordinator", "/coordinator/proposals"):
        await web.get(path, signed_in("M-1"), 403)
    mina = signed_in("M-1")
    await web.post("/coordinator/proposals", {"proposal": "H-1:M-1"}, mina, 403)
    await web.post("/coordinator/proposals/H-1/approve", {"mentor_id": "M-1"}, mina, 403)
    await web.post("/coordinator/proposals/H-1/reject", {"reason": "because"}, mina, 403)
    assert (await room.hire("H-1")).status == "proposed"
