"""What if, on the real database: who would be matched differently, nothing stored, and bad weights refused."""

from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any

import pytest

from services.matching.meaning import installed
from shared.mongo import Database
from tests.connected.matching_company import Company, company, enrolled, hired, known
from tests.connected.matching_web import API, OPERATOR, Web, signed_in, web_of


@pytest.fixture
async def room(database: Database) -> Company:
    return await company(
        database,
        known("C-1"),
        known("B-1"),
        known("M-1", display_name="Mina Skills", skills=["kafka"], department="Platform"),
        known("M-2", display_name="Max Interests", interests=["chess"], department="Sales"),
        enrolled("M-1"),
        enrolled("M-2"),
    )


@pytest.fixture
async def web(room: Company) -> AsyncIterator[Web]:
    async with web_of(room) as web:
        yield web


async def compare(web: Web, status: int = 200, **weights: Any) -> Any:
    answer = await web.http.post(f"{API}/what-if", json={"weights": weights}, headers=OPERATOR)
    assert answer.status_code == status, answer.text
    return answer.json()


async def test_other_weights_show_who_would_get_whom_and_nothing_is_stored(room: Company, web: Web) -> None:
    await room.tell(hired("H-1", display_name="Hal Hire", skills=["kafka"], interests=["chess"], department="Platform"))
    before = [await room.hire("H-1"), await room.said(), await room.mentor("M-1"), await room.mentor("M-2")]
    told = await compare(web, skills=0, interests=90)
    assert (told["hires"], told["now"]["matched"], told["then"]["matched"]) == (1, 1, 1)
    (other,) = told["others"]
    assert (other["hire_id"], other["old_mentor"], other["new_mentor"]) == ("H-1", "M-1", "M-2")
    assert other["old_now"] == (await room.hire("H-1")).decision.score, (
        "the score of the pair that exists, with the place given back"
    )
    assert (told["now"]["same_department"], told["then"]["same_department"]) == (1, 0)
    page = await web.get("/coordinator/what-if?skills=0&interests=90")
    assert "<strong>1 of 1 hire</strong> would get another mentor" in page
    assert "Mina Skills" in page
    assert "Max Interests" in page
    assert "interests: {weight: 90}" in page
    assert [await room.hire("H-1"), await room.said(), await room.mentor("M-1"), await room.mentor("M-2")] == before


async def test_the_reporting_line_holds_in_what_if_too(room: Company, web: Web) -> None:
    await room.tell(hired("H-1", skills=["kafka"], interests=["chess"], manager_id="M-2"))
    assert (await compare(web, skills=0, interests=90))["others"] == []


async def test_only_hires_of_the_last_ninety_days_who_need_a_mentor_are_compared(room: Company, web: Web) -> None:
    await room.tell(hired("old"))
    room.now += timedelta(days=91)
    await room.tell(hired("new"))
    assert (await compare(web, skills=1))["hires"] == 1


@pytest.mark.parametrize(
    ("weights", "code"),
    [
        ({"age": 1}, "unknown_criterion"),
        ({"skills": -1}, "invalid"),
        ({"skills": 1001}, "invalid"),
        ({"skills": 1.5}, "invalid"),
        pytest.param({"meaning": 9}, "no_model", marks=pytest.mark.skipif(installed(), reason="the sentence model is installed")),
    ],
)
async def test_weights_that_are_none_are_refused(web: Web, weights: dict[str, Any], code: str) -> None:
    told = await compare(web, 422, **weights)
    assert code in told["code"]


async def test_weights_that_sum_to_nothing_are_refused_and_the_page_keeps_the_form(web: Web) -> None:
    page = await web.get("/coordinator/what-if")
    names = [part.split('"')[0] for part in page.split('name="')[1:] if 'type="number"' in part]
    nothing = dict.fromkeys(names, 0)
    assert (await compare(web, 422, **nothing))["code"] == "invalid_weights"
    page = await web.get("/coordinator/what-if?" + "&".join(f"{name}=0" for name in names))
    assert "the weights sum to nothing" in page
    assert 'id="w-skills"' in page
    await web.get("/coordinator/what-if?skills=-3", status=422)


async def test_what_if_is_for_coordinators_and_the_operator(web: Web) -> None:
    await web.get("/coordinator/what-if", signed_in("M-1"), 403)
    answer = await web.http.post(f"{API}/what-if", json={"weights": {}}, headers=signed_in("M-1"))
    assert answer.status_code == 403
