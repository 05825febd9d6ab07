"""A thread for each run: the virtual loop can't run inside pytest's."""

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import ParamSpec, TypeVar

Given = ParamSpec("Given")
Done = TypeVar("Done")


async def played(work: Callable[Given, Done], *arguments: Given.args, **options: Given.kwargs) -> Done:
    """What the work gives, done on a thread of its own."""
    with ThreadPoolExecutor(1) as thread:
        return await asyncio.get_running_loop().run_in_executor(thread, lambda: work(*arguments, **options))
