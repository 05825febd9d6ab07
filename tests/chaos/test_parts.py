"""The tools of the fault tests themselves: the proxy, the load by seed, and what the checker makes of facts said again."""

import asyncio
from itertools import islice

import pytest

from shared.events import Event, new_event
from shared.events.mentoring import HireUnlisted
from tests.chaos.checker import Findings, _once
from tests.chaos.load import BAD_EVERY, POISON_MARK, Load, Wire
from tests.chaos.proxy import Proxy
from tests.tally import NOW


async def _echo(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    while data := await reader.read(1_000):
        writer.write(data)
    writer.close()


async def test_a_proxy_passes_on_cuts_refuses_and_goes_on() -> None:
    server = await asyncio.start_server(_echo, "127.0.0.1", 0)
    host, port = server.sockets[0].getsockname()
    async with server, Proxy(f"{host}:{port}") as proxy:
        here = proxy.address.split(":")
        reader, writer = await asyncio.open_connection(*here)
        writer.write(b"one")
        assert await reader.readexactly(3) == b"one"
        assert proxy.cut() == 1
        with pytest.raises(ConnectionResetError):
            await reader.readexactly(1)

        proxy.refuses = True
        refused, _ = await asyncio.open_connection(*here)
        with pytest.raises((ConnectionResetError, asyncio.IncompleteReadError)):
            await refused.readexactly(1)

        proxy.refuses = False
        reader, writer = await asyncio.open_connection(*here)
        writer.write(b"two")
        assert await reader.readexactly(3) == b"two"
        writer.close()


def said(seed: int) -> list[Wire]:
    load = Load(hires=300, seed=seed)
    load.enough.set()
    return list(load._with_poison())


def gist(wires: list[Wire]) -> list[object]:
    return [(topic, key, dict(headers).get("ce_id")) for topic, key, _, headers in wires]


def test_a_seed_says_the_same_and_one_record_in_a_hundred_is_bad() -> None:
    wires = said(4)
    assert gist(wires) == gist(said(4)) != gist(said(5))
    bad = sum(headers[-1][0] == POISON_MARK for *_, headers in wires)
    assert abs(bad - len(wires) / BAD_EVERY) <= 1


def test_hires_go_on_until_it_is_enough() -> None:
    load = Load(hires=1, seed=1)
    assert len(list(islice(load.stream(), 500))) == 500


def fact(number: int, cause: str = "coordinator") -> Event[HireUnlisted]:
    data = HireUnlisted.model_validate({"employee_id": "E-1", "cause": cause})
    return new_event(data, source="/firstmate/matching", id=f"matching/E-1/{number}", time=NOW, sequence=number)


def test_a_fact_may_be_said_again_but_not_with_another_meaning_nor_after_a_gap() -> None:
    findings = Findings()
    assert _once("topic", [fact(1), fact(2), fact(1), fact(2), fact(3)], findings) == [fact(1), fact(2), fact(3)]
    assert (findings.lost, findings.doubled, findings.figures) == ([], [], {"facts_said_again": 2})

    _once("topic", [fact(1), fact(1, "mentor_left")], findings)
    assert findings.doubled == ["topic: matching/E-1/1 was said with two meanings"]
    _once("topic", [fact(1), fact(3)], findings)
    assert findings.lost == ["topic: E-1 has fact 3 after 1"]
