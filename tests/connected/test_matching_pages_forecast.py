"""The forecast on the real database: what it starts from, what it says, and who sees it."""

from collections.abc import AsyncIterator
from datetime import timedelta

import pytest

from shared.events.mentoring import MentorChanged
from shared.mongo import Database
from tests.connected.matching_company import NOW, Company, company, enrolled, hired, known
from tests.connected.matching_web import API, Web, signed_in, web_of

TODAY = NOW.date()


@pytest.fixture
async def room(database: Database) -> Company:
    return await company(
        database,
        known("C-1"),
        known("M-1", department="Support", languages=["en"]),
        known("M-2", department="Platform", languages=["fr"]),
        enrolled("M-1", capacity=3),
        enrolled("M-2", capacity=12),
    )


@pytest.fixture
async def web(room: Company) -> AsyncIterator[Web]:
    async with web_of(room) as web:
        yield web


async def department(web: Web, name: str) -> dict[str, object]:
    told = await web.get(f"{API}/forecast")
    return next(one for one in told["departments"] if one["department"] == name)


async def test_a_full_department_comes_first_and_says_when_a_place_opens_and_how_many_it_lacks(room: Company, web: Web) -> None:
    start = TODAY - timedelta(days=60)
    await room.tell(*[hired(f"H-{n}", languages=["en"], start_date=start.isoformat(), department="Support") for n in range(4)])
    told = await web.get(f"{API}/forecast")
    support = told["departments"][0]
    assert (support["department"], support["free"], support["places"], support["waiting"]) == ("Support", 0, 3, 1)
    assert support["likely"] == TODAY.isoformat()
    assert support["next_opening"] == (start + timedelta(days=90)).isoformat()
    assert support["lacking_surely"] >= support["lacking"] > 0
    assert told["weeks"] == 4
    page = await web.get("/coordinator/forecast")
    assert "<strong><bdi>Support</bdi></strong>: Full now; the next place opens on " in page
    assert "take this as a first guess" in page


async def test_what_changes_about_mentors_changes_the_forecast_at_once(room: Company, web: Web) -> None:
    assert (await department(web, "Platform"))["free"] == 12
    await web.http.patch(f"{API}/mentors/M-2", json={"status": "paused"}, headers={"authorization": "Bearer operator-token"})
    assert "Platform" not in await web.get("/coordinator/forecast")
    back = TODAY + timedelta(days=20)
    await room.tell(MentorChanged(mentor_id="M-1", available_from=back))
    support = await department(web, "Support")
    assert (support["free"], support["next_opening"]) == (0, back.isoformat())


async def test_journeys_that_should_have_ended_are_named_and_not_counted_on(room: Company, web: Web) -> None:
    await room.tell(hired("H-1", languages=["fr"], start_date=(TODAY - timedelta(days=120)).isoformat()))
    assert (await web.get(f"{API}/forecast"))["overdue"] == 1
    assert "1 mentee is past day 90 and still holds a place" in await web.get("/coordinator/forecast")


async def test_a_company_without_mentors_is_told_to_enrol_some(database: Database) -> None:
    room = await company(database, known("C-1"))
    async with web_of(room) as web:
        assert "Nothing to forecast yet" in await web.get("/coordinator/forecast")


async def test_the_forecast_is_for_coordinators_and_the_operator(web: Web) -> None:
    for path in (f"{API}/forecast", "/coordinator/forecast"):
        await web.get(path, signed_in("M-1"), 403)
