"""The open board over a real change stream: each viewer is told what they may see, and nobody holds up anybody."""

import asyncio
from contextlib import AsyncExitStack

import httpx
import pytest

from services.onboarding import live, store
from shared.directory import COLLECTION as DIRECTORY
from shared.events.hr import EmployeeUpdated, HireRescinded
from tests.connected.pages_server import (
    ADA,
    BO,
    COORDINATOR,
    CY,
    LEAD,
    MENTOR,
    OTHER_BOSS,
    STRANGER,
    Events,
    following,
    serving,
    signed_in,
    small_company,
)


@pytest.fixture
async def told(database):
    return await small_company(database)


@pytest.fixture
async def server(database, told):
    async with serving(database, told) as server:
        yield server


async def watching(open_ones, server, who):
    """The events of an open board of somebody, until the stack closes."""
    browser = await open_ones.enter_async_context(signed_in(server, who))
    return (await open_ones.enter_async_context(following(browser)))[1]


async def _keys(events, last):
    """Whose cards came, up to this one's."""
    keys = {(await events.next("card"))["key"]}
    while last not in keys:
        keys.add((await events.next("card"))["key"])
    return keys


async def test_a_change_arrives_as_the_card_that_the_page_would_show(server, told):
    async with signed_in(server, LEAD) as browser, following(browser) as (_, events):
        await told.assign(BO)
        page = await browser.get("/board")
        card = await events.next("card")
        while card["html"].strip() not in page.text:  # states on the way there
            card = await events.next("card")
    assert (card["key"], card["section"], card["order"]) == (BO, "track", f"2027-01-25 {BO}")
    assert "&lt;b&gt;Berg" in card["html"]
    assert card["words"] == "Bo <b>Berg</b> is up to date"  # text for a status line, which the page sets as text


async def test_a_new_hire_arrives_and_the_numbers_follow(server, told):
    async with signed_in(server, LEAD) as browser, following(browser) as (_, events):
        await told.hire("E-200", LEAD)
        assert (await events.next("card"))["key"] == "E-200"
        assert (await events.next("counts"))["all"] == 3


async def test_everybodys_numbers_that_were_counted_just_before_a_change_are_told_anew(server, told):
    async with signed_in(server, COORDINATOR) as browser, following(browser) as (_, events):
        before = await events.next("counts")  # each open board is told once, since its page was counted before
        await browser.get("/board")
        await told.hire("E-200", LEAD)
        while (await events.next("counts"))["all"] != before["all"] + 1:
            pass


async def test_what_happens_between_the_page_and_its_stream_is_not_missed(server, told):
    async with signed_in(server, LEAD) as browser:
        page = await browser.get("/board")
        at = page.text.split('data-live-at="')[1].split('"')[0]
        await told.hire("E-200", LEAD)
        async with browser.stream("GET", "/live/board", params={"at": at}) as response:
            assert (await Events(response).next("card"))["key"] == "E-200"


async def test_a_stream_goes_on_where_it_was_cut(server, told):
    async with signed_in(server, LEAD) as browser:
        async with following(browser) as (_, events):
            await told.hire("E-200", LEAD)
            await events.next("card")
            position = events.id
        await told.hire("E-201", LEAD)
        async with browser.stream("GET", "/live/board", headers={"Last-Event-ID": position}) as response:
            assert (await Events(response).next("card"))["key"] == "E-201"


@pytest.mark.parametrize("at", ["", "nonsense", "0badf00d.17"])
async def test_a_position_of_another_life_loads_afresh(server, at):
    async with signed_in(server, LEAD) as browser, browser.stream("GET", "/live/board", params={"at": at}) as response:
        assert await Events(response).any() == ("refresh", None)


async def test_nobody_is_told_of_people_they_may_not_see(server, told):
    async with AsyncExitStack() as open_ones:
        to_lin, to_otto, to_cora = [await watching(open_ones, server, who) for who in (LEAD, OTHER_BOSS, COORDINATOR)]
        await told.hire("E-200", OTHER_BOSS)
        await told.assign(CY)
        await told.hire("E-201", LEAD)  # the last, so that whoever hears of it has been passed by before
        assert await _keys(to_cora, "E-201") == {"E-200", CY, "E-201"}
        assert await _keys(to_otto, CY) == {"E-200", CY}
        assert (await to_lin.next("card"))["key"] == "E-201"  # the first card; numbers come when they come


async def test_who_moves_to_another_manager_leaves_one_board_and_enters_the_other(server, told):
    async with AsyncExitStack() as open_ones:
        to_lin, to_otto = [await watching(open_ones, server, who) for who in (LEAD, OTHER_BOSS)]
        await told.fact(EmployeeUpdated(employee_id=ADA, manager_id=OTHER_BOSS))
        assert await to_lin.next("gone") == {"key": ADA}
        assert (await to_otto.next("card"))["key"] == ADA
        await told.assign(ADA, STRANGER)
        assert (await to_otto.next("card"))["key"] == ADA
        await told.welcome(BO)
        assert (await to_lin.next("card"))["key"] == BO  # and nothing more of Ada before it


async def test_a_manager_who_moves_takes_nobody_along_into_sight(server, told, database):
    """Reporting lines are read at each change, not when the board was opened."""
    async with signed_in(server, "E-1") as grace, following(grace) as (_, events):
        await database[DIRECTORY].update_one({"_id": LEAD}, {"$set": {"manager_id": OTHER_BOSS}})
        await told.welcome(BO)
        assert await events.next("gone") == {"key": BO}


async def test_a_filtered_board_is_told_who_enters_and_leaves_the_filter(server, told):
    async with signed_in(server, LEAD) as browser, following(browser, "/board?show=over") as (_, events):
        await told.hire("E-200", LEAD)
        assert await events.next("gone") == {"key": "E-200"}
        await told.fact(HireRescinded(employee_id=BO))
        card = await events.next("card")
        assert (card["key"], card["section"]) == (BO, "cancelled")
    async with signed_in(server, LEAD) as browser, following(browser, "/board?q=ada") as (_, events):
        await told.welcome(ADA)
        assert (await events.next("card"))["key"] == ADA


async def test_a_burst_ends_with_the_last_state(server, told):
    async with signed_in(server, LEAD) as browser, following(browser) as (_, events):
        for mentor in (MENTOR, STRANGER, MENTOR, STRANGER, OTHER_BOSS):
            await told.assign(BO, mentor)
        seen = 1
        while "Otto Other" not in (await events.next("card"))["html"]:
            seen += 1
    assert seen <= 10  # each assignment changes two things about the row


async def test_one_change_stream_serves_all_boards(database, told, monkeypatch):
    opened = []

    def counted(db):
        opened.append(db)
        return store.board_changes(db)

    monkeypatch.setattr(live, "board_changes", counted)
    async with serving(database, told) as server, AsyncExitStack() as open_ones:
        boards = [await watching(open_ones, server, who) for who in (LEAD, COORDINATOR, LEAD)]
        await told.welcome(BO)
        for events in boards:
            assert (await events.next("card"))["key"] == BO
    assert len(opened) == 1


async def test_a_page_that_reads_nothing_holds_up_no_other(server, told):
    async with AsyncExitStack() as open_ones:
        _slow, quick = [await watching(open_ones, server, LEAD) for _ in range(2)]
        for number in range(40):
            await told.hire(f"E-3{number:02}", LEAD)
        seen = await _keys(quick, "E-339")
    assert len(seen) == 40


async def test_a_server_with_open_boards_stops_at_once_and_says_so_to_them(database, told):
    async with serving(database, told) as server, signed_in(server, LEAD) as browser, following(browser) as (_, events):
        server.should_exit = True
        with pytest.raises((EOFError, httpx.RemoteProtocolError)):
            await events.next("card")
        async with asyncio.timeout(5):  # half of what uvicorn waits before it cancels
            while server.started and server.server_state.connections:
                await asyncio.sleep(0.02)


async def test_who_is_not_signed_in_gets_no_stream(server):
    async with signed_in(server, None) as browser:
        assert (await browser.get("/live/board")).status_code == 303


async def test_when_the_board_is_swapped_open_pages_load_afresh(server, database):
    async with signed_in(server, LEAD) as browser, following(browser) as (_, events):
        await database.create_collection("board_rebuilt")
        await database["board_rebuilt"].rename("board", dropTarget=True)
        assert await events.next("refresh") is None
