"""A rebuild that dies as a process does, at a given stage: `python -m tests.connected.dying_rebuild STAGE KAFKA MONGO`."""

import asyncio
import os
import sys
from functools import partial
from typing import Any

from services.onboarding import rebuilding
from services.onboarding.read_models import BOARD, SERVICE
from shared import hold, lease
from shared.clock import now
from shared.mongo import connect

DEAD = 9
SOON_S = 2.0  # what the dead one held is free after this long
STAGES: dict[str, tuple[Any, str]] = {
    "read": (rebuilding.Copy, "fold"),
    "hold": (hold, "place"),
    "reach": (rebuilding._Rebuild, "_reach"),
    "settle": (rebuilding._Rebuild, "_settle"),
}
"""After which step it dies; `settle` ends with the swap."""


def _die_after(owner: Any, name: str) -> None:
    step = getattr(owner, name)

    async def dying(*arguments: Any) -> None:
        await step(*arguments)
        os._exit(DEAD)

    setattr(owner, name, dying)


async def main(stage: str, kafka: str, mongo: str) -> None:
    hold.TTL_S = SOON_S
    rebuilding.lease.take = partial(lease.take, ttl=SOON_S)
    _die_after(*STAGES[stage])
    client = await connect(mongo)
    await rebuilding.rebuild(client[SERVICE], kafka, BOARD, "dying", now())


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
