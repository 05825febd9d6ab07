"""The servers that come along: started, refused in words, stopped in order, started again on what they kept."""

import asyncio
import os
import signal
import sys
from pathlib import Path

import psutil
import pytest
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer

from deploy import kafka_jars, mongod, parts, ports, process
from deploy.kafka_apache import ApacheKafka, cluster_id
from deploy.kafka_light import LightKafka
from deploy.mongod import Mongod
from deploy.ports import LOWEST, free_port
from deploy.process import Process, Server, StartError
from shared.mongo import connect, transaction
from shared.topics import TOPICS, ensure_topics

TOPIC = TOPICS[0].name
Broker = type[LightKafka] | type[ApacheKafka]
BROKERS = [LightKafka, pytest.param(ApacheKafka, marks=pytest.mark.slow)]
SERVERS = [Mongod, *BROKERS]


@pytest.fixture
async def fetched(request: pytest.FixtureRequest) -> None:
    """Apache Kafka's files; skips where they can't be had."""
    if ApacheKafka in request.node.callspec.params.values():
        try:
            await asyncio.to_thread(kafka_jars.fetch, print)
        except StartError as error:
            pytest.skip(str(error))


async def put(address: str, value: bytes) -> int:
    """Its offset in partition 0."""
    producer = AIOKafkaProducer(bootstrap_servers=address, enable_idempotence=True)
    await producer.start()
    try:
        return int((await producer.send_and_wait(TOPIC, value, partition=0)).offset)
    finally:
        await producer.stop()


async def take(address: str, group: str) -> bytes:
    """The next record of the topic for this group, committed."""
    consumer = AIOKafkaConsumer(
        TOPIC, bootstrap_servers=address, group_id=group, auto_offset_reset="earliest", enable_auto_commit=False
    )
    await consumer.start()
    try:
        record = await asyncio.wait_for(consumer.getone(), 60)
        await consumer.commit()
        return bytes(record.value)
    finally:
        await consumer.stop()


async def test_mongod_runs_transactions_and_keeps_its_data_on_another_port(tmp_path: Path) -> None:
    ports = []
    for count in (1, 2):
        async with Mongod(tmp_path) as server:
            ports.append(server.port)
            client = await connect(server.uri)
            async with transaction(client["test"]) as session:
                await client["test"]["things"].insert_one({"_id": count}, session=session)
            assert await client["test"]["things"].count_documents({}) == count
            client.close()
    assert ports[0] != ports[1]


@pytest.mark.usefixtures("fetched")
@pytest.mark.parametrize("kind", BROKERS)
async def test_a_broker_keeps_records_and_group_offsets_over_an_orderly_stop(kind: Broker, tmp_path: Path) -> None:
    for offset, value in enumerate((b"first", b"second")):
        async with kind(tmp_path) as broker:
            created = await ensure_topics(broker.address)
            assert len(created) == (len(TOPICS) if offset == 0 else 0)
            assert await put(broker.address, value) == offset
            assert await take(broker.address, "group") == value


def test_no_cluster_id_looks_like_an_option_to_the_tool_that_formats_the_storage() -> None:
    assert cluster_id(b"\xfb" * 16)[0] == "_"
    assert len(cluster_id(b"\xfb" * 16)) == 22


@pytest.mark.usefixtures("fetched")
@pytest.mark.parametrize("kind", SERVERS)
async def test_a_taken_port_is_refused_with_its_number_and_nothing_is_left(kind: type[Server], tmp_path: Path) -> None:
    async with LightKafka(tmp_path / "other") as other:
        server = kind(tmp_path / "mine", other.port)
        with pytest.raises(StartError, match=rf"port {other.port} is taken"):
            await server.start()
        assert server.process is not None
        assert not psutil.pid_exists(server.process.pid)


@pytest.mark.parametrize("kind", [Mongod, LightKafka])
async def test_a_folder_in_use_is_refused(kind: type[Server], tmp_path: Path) -> None:
    async with kind(tmp_path):
        with pytest.raises(StartError, match=r"another .* is running on .*choose another data folder"):
            await kind(tmp_path, log=tmp_path / "second.log").start()


async def test_a_second_mongod_on_a_taken_port_does_not_take_the_first_for_itself(tmp_path: Path) -> None:
    async with Mongod(tmp_path / "first") as first:
        with pytest.raises(StartError, match="is taken"):
            await Mongod(tmp_path / "second", first.port).start()


@pytest.mark.parametrize("kind", [Mongod, LightKafka])
async def test_a_full_disk_is_refused_before_anything_is_written(
    kind: type[Server], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(kind, "room_mb", 10**9)
    with pytest.raises(StartError, match=r"the disk is full: \d+ MB free"):
        await kind(tmp_path / "data").start()
    assert list((tmp_path / "data").iterdir()) == []


@pytest.mark.parametrize("kind", [Mongod, LightKafka])
async def test_a_folder_that_cant_be_made_is_named(kind: type[Server], tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(StartError, match=r"file/data can't be used"):
        await kind(tmp_path / "file" / "data").start()


async def test_a_platform_without_a_mongod_is_told_what_to_do(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(mongod.importlib.util, "find_spec", lambda _: None)
    monkeypatch.setenv("PATH", "")
    with pytest.raises(StartError, match="point FIRSTMATE_MONGO at a replica set"):
        mongod.binary()


async def test_a_free_port_that_somebody_took_in_between_is_no_failure(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async with LightKafka(tmp_path / "other") as other:
        draws = iter([other.port, free_port()])
        monkeypatch.setattr(process, "free_port", lambda: next(draws))
        async with LightKafka(tmp_path / "mine") as broker:
            assert broker.port != other.port


def test_a_port_is_given_once_though_nobody_has_bound_it_yet(monkeypatch: pytest.MonkeyPatch) -> None:
    first = free_port()
    draws = iter([first - LOWEST, first - LOWEST + 1, first - LOWEST + 1, first - LOWEST + 2])
    monkeypatch.setattr(ports.secrets, "randbelow", lambda _: next(draws))
    assert first not in {free_port(), free_port()}


async def test_a_child_that_does_not_end_in_time_is_ended_by_force(tmp_path: Path) -> None:
    stubborn = await Process.start(
        "stubborn", ["sh", "-c", "trap '' TERM; echo ready; while :; do sleep 0.05; done"], log=tmp_path / "log"
    )
    while not stubborn.last_words():
        await asyncio.sleep(0.02)
    assert await stubborn.stop(0.1) == -signal.SIGKILL


async def test_a_program_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(StartError, match=r"thing: could not be started .*no-such-program"):
        await Process.start("thing", ["no-such-program"], log=tmp_path / "log")


async def test_a_part_that_never_gets_ready_is_told_of_with_what_it_answered(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def missing() -> str | None:
        return "its database is away"

    monkeypatch.setattr(parts, "READY_SECONDS", 0.3)
    service = parts.Service("mailsink", {"FIRSTMATE_SMTP": "127.0.0.1:0"}, tmp_path / "log", missing)
    await service.start()
    try:
        with pytest.raises(StartError, match="mailsink: not ready after 0 s; its database is away"):
            await service.until_ready()
    finally:
        await service.stop()


async def test_what_keeps_an_address_from_being_ready_is_said() -> None:
    nobody = free_port()
    assert await parts.answers(f"http://127.0.0.1:{nobody}")() == f"http://127.0.0.1:{nobody}: ConnectError"
    assert f"127.0.0.1:{nobody}" in (await parts.listens(f"127.0.0.1:{nobody}")() or "")


async def test_last_words_are_those_of_this_start(tmp_path: Path) -> None:
    for word in ("first", "second"):
        child = await Process.start("echo", ["echo", word], log=tmp_path / "log")
        await child.wait()
        assert child.last_words() == [word]
    assert (tmp_path / "log").read_text() == "first\nsecond\n"


async def test_a_long_log_is_set_aside_before_the_next_start(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(process, "LOG_BYTES", 3)
    for word in ("first", "second"):
        await (await Process.start("echo", ["echo", word], log=tmp_path / "log")).wait()
    assert ((tmp_path / "log.1").read_text(), (tmp_path / "log").read_text()) == ("first\n", "second\n")


@pytest.mark.skipif(not Path("/proc").is_dir(), reason="the kernel's parent-death signal is Linux's")
async def test_children_end_in_order_when_their_parent_is_killed(tmp_path: Path) -> None:
    code = f"""
import asyncio
from pathlib import Path
from deploy.kafka_light import LightKafka

async def main():
    broker = LightKafka(Path({str(tmp_path)!r}))
    await broker.start()
    print(broker.process.pid, flush=True)
    await asyncio.sleep(600)

asyncio.run(main())
"""
    parent = await asyncio.create_subprocess_exec(sys.executable, "-c", code, stdout=asyncio.subprocess.PIPE)
    assert parent.stdout is not None
    child = int(await asyncio.wait_for(parent.stdout.readline(), 60))
    os.kill(parent.pid, signal.SIGKILL)
    await parent.wait()
    async with asyncio.timeout(90):
        while psutil.pid_exists(child) and psutil.Process(child).status() != psutil.STATUS_ZOMBIE:
            await asyncio.sleep(0.02)
    assert (tmp_path / "kafka.json").exists()  # it saved


def test_a_fetched_file_that_is_not_the_locked_one_is_removed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(kafka_jars, "FOLDER", tmp_path)
    jar = kafka_jars.Jar("group", "artifact", "1", "0" * 64)
    monkeypatch.setattr(kafka_jars, "locked", lambda: [jar])
    monkeypatch.setattr(kafka_jars, "_fetch_with_jgo", lambda jars, say: jars[0].path.write_bytes(b"something else"))
    with pytest.raises(StartError, match="is not the file that"):
        kafka_jars.fetch(print)
    assert not jar.path.exists()


def test_without_a_way_to_fetch_it_the_embedded_broker_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def offline(*_: object) -> None:
        raise ConnectionError("no route")

    monkeypatch.setattr(kafka_jars, "FOLDER", tmp_path)
    monkeypatch.setattr(kafka_jars, "_fetch_with_jgo", offline)
    monkeypatch.setenv("PATH", "")
    with pytest.raises(StartError, match=r"no route.*--kafka light"):
        kafka_jars.fetch(print)
