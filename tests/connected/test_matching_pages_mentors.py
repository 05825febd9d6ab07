"""The mentor pool's pages on the real database: found by state and words, a page at a time; everything about one to change."""

from collections.abc import AsyncIterator
from datetime import timedelta

import pytest

from services.matching.mentor_search import pattern_of
from services.matching.pages.sections import ON_A_PAGE
from shared.mongo import Database
from tests.connected.matching_company import NOW, Company, company, enrolled, hired, known
from tests.connected.matching_web import Web, signed_in, web_of

TODAY = NOW.date()


@pytest.fixture
async def room(database: Database) -> Company:
    return await company(
        database,
        known("C-1"),
        known("M-1", display_name="Inès Garnier", department="Product", location="Paris, FR", title="Designer"),
        known("M-2", display_name="Max <b>Ober</b>", department="Support", location="Lyon, FR"),
        known("M-3", display_name="Ria O'Connor-Ñandú", department="Support", location="Lima, PE"),
        enrolled("M-1"),
        enrolled("M-2", capacity=2),
        enrolled("M-3", trained=False),
        enrolled("M-9"),
    )


@pytest.fixture
async def web(room: Company) -> AsyncIterator[Web]:
    async with web_of(room) as web:
        yield web


async def found(web: Web, query: str) -> list[str]:
    page = await web.get(f"/coordinator/mentors?{query}")
    return [part.split('"')[0] for part in page.split('class="person__name" dir="auto" href="/coordinator/mentors/')[1:]]


async def test_mentors_are_found_by_the_beginnings_of_words_in_any_case_and_without_marks(web: Web) -> None:
    for words, ids in (
        ("ines", ["M-1"]),
        ("INÈS gar", ["M-1"]),
        ("nand", ["M-3"]),
        ("connor", ["M-3"]),
        ("support", ["M-2", "M-3"]),
        ("support lima", ["M-3"]),
        ("rnier", []),
        ("M-9", ["M-9"]),
        (".*", []),
        ("", ["M-1", "M-2", "M-3", "M-9"]),
    ):
        assert await found(web, f"q={words}") == ids, words


async def test_mentors_are_filtered_by_state_and_department_in_the_address(room: Company, web: Web) -> None:
    await room.tell(hired("H-1", department="Product", title="Designer"))
    assert await found(web, "status=full") == ["M-1"]
    assert await found(web, "status=free") == ["M-2", "M-3", "M-9"]
    assert await found(web, "status=untrained") == ["M-3"]
    assert await found(web, "department=Support&q=max") == ["M-2"]
    page = await web.get("/coordinator/mentors?department=Support&status=free")
    assert "Of Support only." in page
    assert 'href="/coordinator/mentors?status=free"' in page
    assert "Max &lt;b&gt;Ober&lt;/b&gt;" in page
    await web.get("/coordinator/mentors?status=nonsense", status=422)


async def test_many_mentors_come_a_page_at_a_time_and_keep_what_was_asked(room: Company, web: Web) -> None:
    many = [f"N-{number:02}" for number in range(ON_A_PAGE + 2)]
    await room.tell(*[known(id, department="Sales") for id in many], *[enrolled(id) for id in many])
    page = await web.get("/coordinator/mentors?q=sales&status=free")
    following = page.split('rel="next"')[0].rsplit('href="', 1)[1].split('"')[0].replace("&amp;", "&")
    assert await found(web, "q=sales&status=free") == many[:ON_A_PAGE]
    assert await found(web, following.split("?")[1]) == many[ON_A_PAGE:]


async def test_a_mentors_page_shows_and_changes_everything_about_one(room: Company, web: Web) -> None:
    await room.tell(hired("H-1", display_name="Hal Hire", department="Product", title="Designer"))
    here = "/coordinator/mentors/M-1"
    page = await web.get(here)
    assert "Inès Garnier" in page
    assert "Hal Hire" in page
    await web.post(f"{here}/places", {"capacity": "4", "back": here})
    back = (TODAY + timedelta(days=30)).isoformat()
    answer = await web.post(f"{here}/leave", {"until": back, "back": here})
    assert answer.headers["location"] == f"{here}?done=leave"
    mentor = await room.mentor("M-1")
    assert (mentor.capacity, mentor.available_from) == (4, TODAY + timedelta(days=30))
    assert "On leave until" in await web.get(f"{here}?done=leave")
    assert await found(web, "status=away") == ["M-1"]
    await web.post(f"{here}/leave", {"until": "", "back": here})
    assert await found(web, "status=away") == []
    await web.post(f"{here}/leave", {"until": TODAY.isoformat()}, status=422)
    await web.post(f"{here}/leave", {"until": "soon"}, status=422)
    await web.get("/coordinator/mentors/nobody", status=404)


async def test_a_nomination_has_a_checklist_and_an_endorser_and_training_accepts_it(room: Company, web: Web) -> None:
    form = {"employee_id": "C-1", "act": "nominate", "traits": ["reliability", "confidence"], "endorsed_by": "M-1"}
    assert (await web.post("/coordinator/mentors", form)).headers["location"] == "/coordinator/mentors?done=nominated"
    assert await found(web, "status=nominated") == ["C-1"]
    page = await web.get("/coordinator/mentors/C-1")
    assert "Inès Garnier" in page
    assert page.count(">seen</span>") == 2
    await web.post("/coordinator/mentors/C-1/training", {"trained_on": TODAY.isoformat()})
    mentor = await room.mentor("C-1")
    assert (mentor.status, mentor.trained, mentor.trained_on) == ("active", True, TODAY)
    await web.post("/coordinator/mentors", form | {"traits": ["beauty"]}, status=422)


async def test_the_pages_of_mentors_are_for_coordinators_only(web: Web) -> None:
    for path, form in (("/leave", {"until": ""}), ("/training", {}), ("/status", {"status": "paused"})):
        await web.post(f"/coordinator/mentors/M-1{path}", form, signed_in("M-1"), 403)
    await web.get("/coordinator/mentors/M-1", signed_in("M-1"), 403)


def test_a_word_of_a_search_is_never_read_as_a_pattern() -> None:
    assert r"\.\*\(" in pattern_of("a.*(")
