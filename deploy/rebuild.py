"""`./firstmate rebuild`: read models made again from the topics, with a bar that shows how far it is."""

import os
import socket
from collections.abc import Sequence
from datetime import datetime
from typing import Any

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from deploy.found import Found, database
from services.onboarding.read_models import SERVICE, ReadModel
from services.onboarding.rebuilding import RebuildRefused, Rebuilt
from services.onboarding.rebuilding import rebuild as rebuild_one
from services.onboarding.rebuilding_part import Workers
from shared.progress import TopicShorter
from shared.replay import TopicBegun


async def rebuild(
    found: Found, models: Sequence[ReadModel], now: datetime, workers: Workers, *, fewer: bool = False
) -> tuple[list[Rebuilt], str | None]:
    """Rebuild these one after the other; what was done, and why not all of it where something is in the way.

    With `fewer` a model may have fewer rows than before.
    """
    done: list[Rebuilt] = []
    holder = f"{socket.gethostname()}-{os.getpid()}"
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    async with database(found) as client:
        with Progress(*columns, console=Console(stderr=True)) as bar:
            for model in models:
                task = bar.add_task(model.name, total=None)

                def tell(read: int, known: int, task: Any = task) -> None:
                    bar.update(task, completed=read, total=known)

                try:
                    one = await rebuild_one(client[SERVICE], found.kafka, model, holder, now, tell, workers, fewer=fewer)
                    done.append(one)
                except (RebuildRefused, TopicBegun, TopicShorter) as refused:
                    return done, str(refused)
    return done, None
