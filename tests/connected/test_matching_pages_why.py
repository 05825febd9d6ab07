"""The page that says why, on the real database: it adds up, also under an older policy and for an override, and decides."""

import re
from collections.abc import AsyncIterator
from datetime import timedelta

import pytest

from services.matching.words import points
from shared.mongo import Database
from tests.connected.matching_company import Company, company, enrolled, hired, known
from tests.connected.matching_web import API, CORA, Web, signed_in, web_of

WHY = "/matching/why/H-1"


@pytest.fixture
async def room(database: Database) -> Company:
    return await company(
        database,
        known("C-1"),
        known("B-1"),
        known("M-1", display_name="Mina Mentor", skills=["kafka", "sql"], languages=["en"], time_zone="Europe/Paris"),
        known("M-2", display_name="Max Mentor", skills=["sql"], interests=["chess"], languages=["en"]),
        known("M-3", display_name="Ria Mentor", languages=["en"], location="Paris, FR"),
        known("M-4", display_name="Leo Mentor", languages=["es"]),
        *(enrolled(f"M-{n}") for n in range(1, 5)),
        hired(
            "H-1",
            display_name="Hal Hire",
            skills=["kafka", "sql"],
            interests=["chess"],
            languages=["en"],
            time_zone="Europe/Paris",
            location="Paris, FR",
            manager_id="B-1",
        ),
    )


@pytest.fixture
async def web(room: Company) -> AsyncIterator[Web]:
    async with web_of(room) as web:
        yield web


def bars(page: str) -> list[str]:
    """What the bars of the reasons say: `12 / 18`."""
    return re.findall(r'class="bar__words">([^<]*)<', page.split('id="reasons"')[1].split("</section>", maxsplit=1)[0])


async def test_contributions_and_differences_add_up_to_the_scores_exactly(web: Web) -> None:
    told = await web.get(f"{API}/assignments/H-1")
    assert sum(reason["points"] for reason in told["reasons"]) == told["score"]
    assert len(told["runners_up"]) == 2
    for runner in told["runners_up"]:
        assert (
            sum(each["difference"] for each in runner["differences"]) == runner["difference"] == told["score"] - runner["score"]
        )
        assert sum(each["points"] for each in runner["differences"]) == runner["score"]
    page = await web.get(WHY)
    assert round(sum(float(words.split(" / ")[0]) for words in bars(page)) * 100) == told["score"]
    assert f"<strong>{points(told['score'])} of 100 points</strong>" in page
    assert round(sum(float(words.split(" / ")[1]) for words in bars(page)) * 100) == 10_000


async def test_each_runner_up_shows_where_they_were_ahead_and_where_behind(web: Web) -> None:
    page = await web.get(WHY)
    max_mentor = page.split("Who came next")[1].split("Max Mentor")[1].split("</ul>")[0]
    assert "<span>Interests</span>" in max_mentor
    assert re.search(r'Interests</span>.*?differences__words"><bdi dir="ltr">\+\d', max_mentor, re.S)
    assert re.search(r'Skills</span>.*?differences__words"><bdi dir="ltr">−\d', max_mentor, re.S)
    assert "Max Mentor was " in page.split("What would have changed it")[1]


async def test_a_decision_of_an_older_policy_adds_up_by_what_was_stored(room: Company, web: Web) -> None:
    reasons = (await room.db["hires"].find_one({"_id": "H-1"}))["state"]["decision"]["reasons"]
    reasons[0] |= {"criterion": "horoscope", "evidence": {}}
    change = {"state.decision.policy_version": "older@1", "state.decision.reasons": reasons}
    await room.db["hires"].update_one({"_id": "H-1"}, {"$set": change})
    page = await web.get(WHY)
    assert "older@1" in page
    assert "Decided under an earlier policy" in page
    assert "horoscope" in page
    score = (await room.hire("H-1")).decision.score
    assert round(sum(float(words.split(" / ")[0]) for words in bars(page)) * 100) == score


async def test_an_override_names_who_chose_why_and_what_was_set_aside(room: Company, web: Web) -> None:
    await web.post(f"{WHY}/override", {"mentor_id": "M-4", "reason": "both sing in the choir"})
    page = await web.get(f"{WHY}?done=assigned")
    assert "Why <bdi>Leo Mentor</bdi> mentors <bdi>Hal Hire</bdi>" in page
    assert "Chosen by <bdi>C-1</bdi>: <bdi>both sing in the choir</bdi>" in page
    assert "Set aside: the mentor <bdi>shares no language</bdi>" in page
    assert "points more; the choice was made by hand" in page
    assert "Mina Mentor" in page.split('id="before"')[1], "the pair before"
    told = await web.get(f"{API}/assignments/H-1")
    assert round(sum(float(words.split(" / ")[0]) for words in bars(page)) * 100) == told["score"]


async def test_a_coordinator_pins_a_pair_and_lets_it_move_again(room: Company, web: Web) -> None:
    answer = await web.post(f"{WHY}/pin", {"reason": ""})
    assert answer.headers["location"] == f"{WHY}?done=pinned"
    assert "pinned</span>" in await web.get(WHY)
    await web.post(f"{WHY}/unpin", {})
    assert (await room.hire("H-1")).decision.pin is None
    await web.post(f"{WHY}/pin", {"reason": "x"}, status=422)


async def test_either_of_the_two_asks_for_a_change_without_a_reason_and_the_other_reads_nothing_of_it(
    room: Company, web: Web
) -> None:
    hire, mentor = signed_in("H-1"), signed_in("M-1")
    assert "Ask for another mentor" in await web.get(WHY, hire)
    assert "Ask for the pair to end" in await web.get(WHY, mentor)
    await web.post(f"{WHY}/change", {"reason": "we do not get along"}, hire)
    await room.relay_own()
    await room.waitlist.try_again(room.db)
    assert (await room.pairs())["H-1"] != "M-1"
    assert "we do not get along" in await web.get(WHY, CORA)
    assert "we do not get along" not in await web.get(WHY, hire)
    assert "we do not get along" not in await web.get(WHY, signed_in("B-1"))
    await web.get(WHY, mentor, 403)


async def test_two_people_are_kept_apart_before_or_after(room: Company, web: Web) -> None:
    await web.post(f"{WHY}/apart", {"mentor_id": "M-2", "reason": ""})
    assert "M-2" in (await room.hire("H-1")).excluded
    assert "<bdi>Max Mentor</bdi>: excluded by a coordinator" in await web.get(WHY)


async def test_what_is_decided_here_is_for_coordinators_and_a_change_for_the_pair_too(web: Web) -> None:
    form = {"mentor_id": "M-2", "reason": "because"}
    for what in ("pin", "unpin", "override", "apart"):
        for viewer in ("H-1", "M-1", "B-1"):
            await web.post(f"{WHY}/{what}", form, signed_in(viewer), 403)
    for viewer in ("B-1", "M-2"):
        await web.post(f"{WHY}/change", {}, signed_in(viewer), 403)
    page = await web.get(WHY, signed_in("B-1"))
    assert "Decide about this pair" not in page
    assert "Who came next" in page


async def test_a_proposal_tells_the_hire_that_a_mentor_is_being_chosen_and_the_manager_whom(database: Database) -> None:
    room = await company(database, known("B-1"), known("M-1", display_name="Mina"), enrolled("M-1"), approval=timedelta(hours=4))
    await room.tell(hired("H-1", display_name="Hal", manager_id="B-1"))
    async with web_of(room) as web:
        assert "A mentor for <bdi>Hal</bdi> is being chosen" in await web.get(WHY, signed_in("H-1"))
        assert "Why <bdi>Mina</bdi> is proposed for <bdi>Hal</bdi>" in await web.get(WHY, signed_in("B-1"))
        assert "To the proposals" in await web.get(WHY, CORA)


async def test_a_reason_speaks_the_readers_language(web: Web) -> None:
    german, arabic = [await web.get(WHY, CORA | {"accept-language": tag}) for tag in ("de-DE", "ar")]
    assert "Warum <bdi>Hal Hire</bdi> von <bdi>Mina Mentor</bdi> begleitet wird" in german
    assert "Die Begleitung ist am ersten Tag seit" in german
    assert "von 100 Punkten" in german
    assert '<html lang="ar" dir="rtl"' in arabic
    assert "لماذا اختير <bdi>Mina Mentor</bdi> لإرشاد <bdi>Hal Hire</bdi>" in arabic
    assert "مدة عمل المرشد في الشركة حتى اليوم الأول" in arabic
