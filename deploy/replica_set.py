"""A MongoDB replica set of three real servers on one machine: what a company runs, for tests and figures.

Each member is the packaged mongod of `deploy/mongod.py` on a free port of its own. A dead primary is replaced after some five
seconds, as the guide for clusters advises, not after MongoDB's ten.
"""

import asyncio
import contextlib
import signal
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from pymongo import AsyncMongoClient
from pymongo.errors import PyMongoError

from deploy.mongod import LISTENING, REPLICA_SET, Mongod
from deploy.ports import free_port
from deploy.process import StartError

MEMBERS = 3
SETTINGS = {"electionTimeoutMillis": 5_000}
PRIMARY_WITHIN_S = 60.0  # an election takes about 6 s; a busy machine several rounds of it
PRIMARY, SECONDARY = 1, 2  # member states of `replSetGetStatus`


class Member(Mongod):
    """One member. It serves as soon as it listens: who is primary is the set's matter."""

    async def is_ready(self) -> bool:
        """Whether it listens."""
        return self.process is not None and self.process.has_said(LISTENING)

    def pause(self) -> None:
        """Stop it without ending it: to the others it is gone, and it will not know when it goes on."""
        assert self.process is not None
        self.process.send(signal.SIGSTOP)

    def resume(self) -> None:
        """Let a paused one go on."""
        assert self.process is not None
        self.process.send(signal.SIGCONT)


class ReplicaSet:
    """`async with ReplicaSet(folder) as mongo: ... mongo.uri`. `folder` holds no data yet; each member gets a folder in it.

    `addresses`, by member, are where clients and the other members find each; they may be changed before the start, to lead
    through something between.
    """

    def __init__(self, data: Path, *, folders: Mapping[str, Path] | None = None) -> None:
        """`folders`: other places for the data of some members, by name (`mongo-0` to `mongo-2`)."""
        names = [f"mongo-{number}" for number in range(MEMBERS)]
        homes = {name: data / name for name in names} | dict(folders or {})
        self.members = {name: Member(homes[name], free_port(), data / f"{name}.log") for name in names}
        self.addresses = {name: f"127.0.0.1:{member.port}" for name, member in self.members.items()}

    @property
    def uri(self) -> str:
        """The connection string for drivers, which names all members."""
        return f"mongodb://{','.join(self.addresses.values())}/?replicaSet={REPLICA_SET}"

    async def start(self) -> None:
        """Returns when one member is a writable primary and the others follow it. Raises `StartError`; nothing runs then."""
        try:
            for member in self.members.values():
                await member.start()
            await self._initiate()
            await self.until_whole()
        except BaseException:
            await self.stop()
            raise

    async def stop(self) -> None:
        """Stop all of them in order, paused ones too."""
        for member in self.members.values():
            if member.process is not None:
                member.resume()
        await asyncio.gather(*(member.stop() for member in self.members.values()))

    async def restart(self, name: str) -> None:
        """Start a killed member again, on its port and its data. Raises `StartError`."""
        await self.members[name].start()

    async def primary(self) -> str:
        """The name of the writable primary; waits for an election. Raises `TimeoutError` after `PRIMARY_WITHIN_S` seconds."""
        async with asyncio.timeout(PRIMARY_WITHIN_S):
            while True:
                for name, member in self.members.items():
                    if (await self._ask(member, "hello")).get("isWritablePrimary"):
                        return name
                await asyncio.sleep(0.05)

    async def step_down(self) -> str:
        """Have the present primary hand over to another one (`replSetStepDown`); the name of who stepped down."""
        name = await self.primary()
        await self._ask(self.members[name], {"replSetStepDown": 10, "secondaryCatchUpPeriodSecs": 5})
        return name

    async def step_up(self, name: str) -> None:
        """Have this member elected. Raises `TimeoutError` after `PRIMARY_WITHIN_S` seconds."""
        async with asyncio.timeout(PRIMARY_WITHIN_S):
            while await self.primary() != name:
                await self._ask(self.members[name], "replSetStepUp")
                await asyncio.sleep(0.2)

    async def until_whole(self) -> None:
        """Wait until one is primary and all others follow. Raises `TimeoutError` after `PRIMARY_WITHIN_S` seconds."""
        async with asyncio.timeout(PRIMARY_WITHIN_S):
            while True:
                status = await self._ask(self.members[await self.primary()], "replSetGetStatus")
                states = sorted(member["state"] for member in status.get("members", []))
                if states == [PRIMARY, *[SECONDARY] * (MEMBERS - 1)]:
                    return
                await asyncio.sleep(0.1)

    async def _initiate(self) -> None:
        members = [{"_id": number, "host": address} for number, address in enumerate(self.addresses.values())]
        first, *_ = self.members.values()
        done = await self._ask(first, {"replSetInitiate": {"_id": REPLICA_SET, "members": members, "settings": SETTINGS}})
        if not done.get("ok"):
            raise StartError(f"MongoDB: the replica set could not be initiated on {first.data}: it needs an empty folder")

    async def _ask(self, member: Member, command: str | dict[str, Any]) -> dict[str, Any]:
        """This very member's answer; empty when it gives none, as one that is dead, paused or just loses its office."""
        if member.process is None or member.process.code is not None:
            return {}
        client: AsyncMongoClient[dict[str, Any]] = AsyncMongoClient(
            member.address, directConnection=True, serverSelectionTimeoutMS=1_000, socketTimeoutMS=20_000
        )
        async with client:
            with contextlib.suppress(PyMongoError):
                return dict(await client.admin.command(command))
        return {}

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        await self.stop()
