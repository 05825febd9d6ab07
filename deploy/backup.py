"""`./firstmate backup` and `restore`: every service's database as of one moment, in a folder of BSON files.

One snapshot session reads all collections of all services as of the same moment, so that states, outbox and recorded progress
belong together, while everything goes on working. Leases are left out: they are of processes that will be gone. Indexes are left
out: each worker makes its own at its start. Topics are not in it: Kafka keeps them (docs/guides/back-up-and-restore.md).
"""

import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

from bson import decode_file_iter
from bson.codec_options import CodecOptions
from bson.raw_bson import RawBSONDocument

from shared import lease
from shared.clock import Clock
from shared.mongo import Client
from shared.topics import SERVICES

MANIFEST = "backup.json"
FORMAT = 1
WRITTEN_AT_ONCE = 1_000
RAW: CodecOptions[RawBSONDocument] = CodecOptions(document_class=RawBSONDocument)  # byte for byte as it was stored


class BackupError(Exception):
    """A backup can't be made or restored; the message says why, and what to do."""


async def back_up(client: Client, folder: Path, clock: Clock) -> dict[str, int]:
    """Write everything into `folder`; how many documents of each database. Raises `BackupError`, OSError, PyMongoError.

    The manifest is written last: a folder without one is no backup.
    """
    _make(folder)
    at, counts = clock(), dict.fromkeys(SERVICES, 0)
    async with await client.start_session(snapshot=True) as session:
        for service in SERVICES:
            (folder / service).mkdir()
            for name in await client[service].list_collection_names():
                if name == lease.COLLECTION or name.startswith("system."):
                    continue
                collection = client[service].get_collection(name, codec_options=RAW)
                with (folder / service / f"{name}.bson").open("wb") as file:
                    async for document in collection.find({}, session=session):
                        file.write(document.raw)
                        counts[service] += 1
    (folder / MANIFEST).write_text(json.dumps({"format": FORMAT, "at": at.isoformat(), "documents": counts}, indent=2) + "\n")
    return counts


def _make(folder: Path) -> None:
    if folder.exists() and any(folder.iterdir()):
        raise BackupError(f"{folder} is not empty; name a folder that is new, a backup is never written over")
    folder.mkdir(parents=True, exist_ok=True)
    folder.chmod(0o700)  # personal data: for its owner's eyes


async def restore(client: Client, folder: Path) -> dict[str, int]:
    """Put a backup into empty databases; how many documents of each. Raises `BackupError`, OSError, PyMongoError.

    Databases that hold something are left alone. One that breaks off leaves them half full, to be dropped and filled again.
    """
    expected = read_manifest(folder)["documents"]
    full = [service for service in SERVICES if await _holds_documents(client, service)]
    if full:
        raise BackupError(
            f"not empty: {', '.join(full)}. A restore writes over nothing: stop all processes, drop these databases, then restore"
        )
    counts = dict.fromkeys(SERVICES, 0)
    for service in SERVICES:
        for path in sorted((folder / service).glob("*.bson")):
            async for documents in _chunks(path):
                await client[service].get_collection(path.stem, codec_options=RAW).insert_many(documents, ordered=False)
                counts[service] += len(documents)
    if counts != expected:
        raise BackupError(f"{folder} is damaged: it says {expected} documents and holds {counts}; drop the databases again")
    return counts


def read_manifest(folder: Path) -> dict[str, Any]:
    """Raises `BackupError` where the folder holds no whole backup."""
    try:
        manifest: dict[str, Any] = json.loads((folder / MANIFEST).read_text())
    except (OSError, ValueError):
        raise BackupError(f"{folder} holds no whole backup: its {MANIFEST} is missing or unreadable") from None
    if manifest.get("format") != FORMAT:
        raise BackupError(f"{folder} has format {manifest.get('format')}, this release reads {FORMAT}")
    return manifest


async def _holds_documents(client: Client, service: str) -> bool:
    names = await client[service].list_collection_names()
    return any([await client[service][name].find_one({}) is not None for name in names if not name.startswith("system.")])


async def _chunks(path: Path) -> AsyncIterator[list[RawBSONDocument]]:
    chunk: list[RawBSONDocument] = []
    with path.open("rb") as file:
        for document in decode_file_iter(file, RAW):
            chunk.append(document)
            if len(chunk) == WRITTEN_AT_ONCE:
                yield chunk
                chunk = []
    if chunk:
        yield chunk
