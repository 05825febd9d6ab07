"""Open pages stay current, whatever others do. The source is a queue; the server's side is spoken to in ASGI."""

import asyncio
import json

import pytest

from shared.pages import live
from shared.pages.live import EventStream, Feed, Lost, Message


class Source:
    """Yields what the test puts in; an exception that is put in is raised."""

    def __init__(self):
        self.opened = 0
        self.queue = asyncio.Queue()

    async def __call__(self):
        self.opened += 1
        yield []
        while True:
            item = await self.queue.get()
            if isinstance(item, Exception):
                raise item
            yield item


@pytest.fixture
async def source():
    return Source()


@pytest.fixture
async def feed(source):
    feed = Feed("test", source, keep=5)
    yield feed
    await feed.close()


async def test_every_page_reads_every_change_once_at_its_own_pace(feed, source):
    start = await feed.position()
    source.queue.put_nowait([1, 2])
    middle, first = await feed.after(start)
    source.queue.put_nowait([3])
    end, rest = await feed.after(middle)
    assert (first, rest) == ([1, 2], [3])
    assert await feed.after(start) == (end, [1, 2, 3])
    assert source.opened == 1


async def test_a_page_that_waits_is_woken_by_a_change(feed, source):
    start = await feed.position()
    waiting = [asyncio.create_task(feed.after(start, within=30)) for _ in range(3)]
    await asyncio.sleep(0)
    source.queue.put_nowait(["a"])
    assert {tuple(changes) for _, changes in await asyncio.gather(*waiting)} == {("a",)}


async def test_silence_is_an_empty_answer_at_the_same_position(feed):
    start = await feed.position()
    assert await feed.after(start, within=0.01) == (start, [])


async def test_a_page_that_fell_behind_the_ring_is_told_to_load_afresh(feed, source):
    start = await feed.position()
    source.queue.put_nowait([1, 2, 3, 4, 5])
    assert (await feed.after(start))[1] == [1, 2, 3, 4, 5]
    source.queue.put_nowait([6])
    end = await feed.position()
    while not end.endswith(".6"):
        await asyncio.sleep(0)
        end = await feed.position()
    with pytest.raises(Lost):
        await feed.after(start)


@pytest.mark.parametrize("position", ["", ".", "x", "another-run.0", ".0", "{run}.-1", "{run}.99", "{run}.one"])
async def test_a_position_that_is_not_known_is_lost(feed, position):
    run = (await feed.position()).partition(".")[0]
    with pytest.raises(Lost):
        await feed.after(position.format(run=run), within=0.01)


async def test_a_source_that_broke_is_opened_again_and_positions_before_are_lost(feed, source):
    start = await feed.position()
    waiting = asyncio.create_task(feed.after(start, within=30))
    await asyncio.sleep(0)
    source.queue.put_nowait(ConnectionError())
    with pytest.raises(Lost):
        await waiting
    again = await feed.position()
    source.queue.put_nowait(["b"])
    assert (await feed.after(again))[1] == ["b"]
    assert source.opened == 2


async def test_a_source_that_does_not_open_costs_the_page_nothing_but_its_currency(source):
    async def closed():
        raise ConnectionError
        yield []

    feed = Feed("closed", closed)
    position = await feed.position(within=0.01)
    with pytest.raises(Lost):
        await feed.after(position, within=0.01)
    await feed.close()


# -- one stream to one page ---------------------------------------------------------------------------------------


class Page:
    """The other end of an ASGI connection; `stuck` takes nothing after the first message."""

    def __init__(self, *, stuck=False):
        self.sent = []
        self.arrived = asyncio.Event()
        self.closed = asyncio.Event()
        self.stuck = stuck

    async def receive(self):
        await self.closed.wait()
        return {"type": "http.disconnect"}

    async def send(self, message):
        if self.stuck and self.sent:
            await asyncio.Event().wait()
        self.sent.append(message)
        self.arrived.set()

    def body(self):
        return b"".join(message.get("body", b"") for message in self.sent[1:])

    async def until(self, part):
        async with asyncio.timeout(10):
            while part not in self.body():
                self.arrived.clear()
                await self.arrived.wait()


async def _messages(queue, ended):
    try:
        while True:
            yield await queue.get()
    finally:
        ended.set()


@pytest.fixture
async def stream():
    queue, ended, stopping = asyncio.Queue(), asyncio.Event(), asyncio.Event()
    return queue, ended, stopping, EventStream(_messages(queue, ended), stopping)


async def test_a_message_travels_as_one_server_sent_event(stream):
    queue, ended, _, response = stream
    page = Page()
    serving = asyncio.create_task(response({"path": "/live"}, page.receive, page.send))
    queue.put_nowait(Message("card", {"html": "<p>\nÉva</p>"}, "run.7"))
    queue.put_nowait(None)
    await page.until(b": still here\n\n")
    event = next(part for part in page.body().decode().split("\n\n") if "event:" in part).split("\n")
    assert event[:2] == ["id: run.7", "event: card"]
    assert json.loads(event[2].removeprefix("data: ")) == {"html": "<p>\nÉva</p>"}
    headers = dict(page.sent[0]["headers"])
    assert headers[b"content-type"].startswith(b"text/event-stream")
    assert b"content-length" not in headers
    page.closed.set()
    await asyncio.wait_for(serving, 10)
    assert ended.is_set()


async def test_a_server_that_stops_lets_go_of_open_streams(stream):
    _, ended, stopping, response = stream
    page = Page()
    serving = asyncio.create_task(response({"path": "/live"}, page.receive, page.send))
    await page.until(b"retry:")
    stopping.set()
    await asyncio.wait_for(serving, 10)
    assert ended.is_set()
    assert page.sent[-1] == {"type": "http.response.body", "body": b""}


async def test_a_page_that_takes_nothing_is_given_up(stream, monkeypatch):
    queue, _, _, response = stream
    monkeypatch.setattr(live, "SEND_WITHIN_S", 0.02)
    page = Page(stuck=True)
    queue.put_nowait(Message("card", {}))
    await asyncio.wait_for(response({"path": "/live"}, page.receive, page.send), 10)
    assert len(page.sent) == 1


async def test_a_stream_ends_with_its_lifetime_so_that_the_viewer_is_asked_again(stream, monkeypatch):
    _, ended, _, response = stream
    monkeypatch.setattr(live, "LIFETIME_S", 0.02)
    page = Page()
    await asyncio.wait_for(response({"path": "/live"}, page.receive, page.send), 10)
    assert ended.is_set()


async def test_a_fault_in_the_messages_ends_the_stream_cleanly():
    async def broken():
        yield Message("card", {})
        raise KeyError("row")

    page = Page()
    response = EventStream(broken(), asyncio.Event())
    await asyncio.wait_for(response({"path": "/live"}, page.receive, page.send), 10)
    assert page.sent[-1] == {"type": "http.response.body", "body": b""}
