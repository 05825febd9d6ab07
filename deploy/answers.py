"""How every command finds the system it is about, and says what came out."""

import asyncio
import json
import os
import sys
from collections.abc import Coroutine
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal, NoReturn

import typer

if TYPE_CHECKING:
    from deploy.found import Found

Data = Annotated[
    Path | None,
    typer.Option(
        "--data", help="Data folder of the running system; otherwise FIRSTMATE_KAFKA and FIRSTMATE_MONGO, or data/ here."
    ),
]
Json = Annotated[bool, typer.Option("--json", help="Print the result as one JSON object on the last line.")]


def with_database(data: Path | None, ask: Any) -> Any:
    """What `ask` answers on a client of the system's database."""
    from deploy.found import database  # noqa: PLC0415

    async def asking() -> Any:
        async with database(found(data, "MONGO")) as client:
            return await ask(client)

    return run(asking())


def found(data: Path | None, *needed: Literal["KAFKA", "MONGO"]) -> "Found":
    """The system's addresses, or the end with words where none runs."""
    from deploy.endpoints import NotRunning  # noqa: PLC0415
    from deploy.found import find  # noqa: PLC0415

    try:
        return find(data, *needed)
    except NotRunning as error:
        fail(str(error))


def run(work: Coroutine[Any, Any, Any]) -> Any:
    """Run to the end; what can go wrong in the ordinary way becomes words and exit code 1."""
    from aiokafka.errors import KafkaConnectionError, KafkaError  # noqa: PLC0415

    from deploy.backup import BackupError  # noqa: PLC0415
    from deploy.endpoints import NotRunning  # noqa: PLC0415
    from deploy.process import StartError  # noqa: PLC0415
    from shared.mongo import PyMongoError  # noqa: PLC0415

    try:
        return asyncio.run(work)
    except (NotRunning, StartError, BackupError) as error:
        fail(str(error))
    except OSError as error:
        fail(f"{error.filename or ''}: {error.strerror or error}")
    except KafkaConnectionError as error:
        fail(f"{asyncio.run(_why(error))}; `./firstmate doctor` looks closer")
    except (KafkaError, PyMongoError) as error:
        fail(f"{type(error).__name__}: {error}; `./firstmate doctor` looks closer")


async def _why(error: Exception) -> str:
    """A failed connection in words: a secured cluster's reason, where it was one."""
    from shared import kafka_access  # noqa: PLC0415

    address = os.environ.get("FIRSTMATE_KAFKA", "")
    words = await kafka_access.trouble(address) if kafka_access.security(address) else None
    return words or f"{type(error).__name__}: {error}"


def result(summary: dict[str, Any], words: str, as_json: bool, problem: str | None = None) -> None:
    """Say what came out; with a problem the exit code is 1."""
    if words:
        print(words)
    if problem is not None:
        tell(problem)
    if as_json:
        print(json.dumps(summary, ensure_ascii=False, default=str), flush=True)
    if problem is not None:
        sys.exit(1)


def tell(words: str) -> None:
    """Say something on standard error."""
    print(f"firstmate: {words}", file=sys.stderr, flush=True)


def fail(words: str, code: int = 1) -> NoReturn:
    """Say why not, and end."""
    tell(words)
    sys.exit(code)
