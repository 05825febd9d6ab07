"""Batches form by themselves: nobody waits for more, nothing is lost, reading ahead has an end."""

import asyncio

import pytest

from shared.gathering import gathered


async def numbers(count, failure=None):
    for number in range(count):
        yield number
    if failure:
        raise failure


async def test_every_item_comes_once_and_in_order():
    batches = [batch async for batch in gathered(numbers(7), 3)]
    assert [item for batch in batches for item in batch] == list(range(7))
    assert all(1 <= len(batch) <= 3 for batch in batches)


async def test_a_single_item_does_not_wait_for_a_second():
    more = asyncio.Event()

    async def slow():
        yield 1
        await more.wait()
        yield 2

    batches = gathered(slow(), 10)
    assert await asyncio.wait_for(anext(batches), 5) == [1]
    more.set()
    assert [batch async for batch in batches] == [[2]]


async def test_a_slow_reader_gets_more_at_once():
    batches = gathered(numbers(100), 50)
    assert await anext(batches)
    await asyncio.sleep(0)
    sizes = [len(batch) async for batch in batches]
    assert max(sizes) > 1


async def test_reading_ahead_has_an_end():
    taken = []

    async def endless():
        while True:
            taken.append(1)
            yield len(taken)

    batches = gathered(endless(), 5)
    await anext(batches)
    for _ in range(50):
        await asyncio.sleep(0)
    assert len(taken) <= 12
    await batches.aclose()


async def test_a_failure_comes_out_after_what_came_before_it():
    batches = gathered(numbers(4, KeyError("source")), 2)
    got = []
    while len(got) < 4:
        got += await anext(batches)
    assert got == [0, 1, 2, 3]
    with pytest.raises(KeyError):
        await anext(batches)


async def test_a_reader_that_leaves_ends_the_source():
    ended = asyncio.Event()

    async def watched():
        try:
            while True:
                yield 1
                await asyncio.sleep(0)
        finally:
            ended.set()

    batches = gathered(watched(), 2)
    await anext(batches)
    await batches.aclose()
    assert ended.is_set()
