"""An event loop whose clock is virtual: when nothing is ready it jumps to the next timer. No thread, no socket, no waiting.

The same program on it does the same again: ready tasks run in the order in which they became ready, timers in the order of
their times, and tasks and futures hash by their number, so that sets of them have one order too.
"""

import asyncio
import contextvars
import gc
import itertools
from asyncio.base_events import BaseEventLoop
from collections.abc import Callable, Coroutine
from typing import Any

OWNER: contextvars.ContextVar[Any] = contextvars.ContextVar("owner", default=None)
"""The simulated process on whose behalf code runs; tasks inherit it."""


class Idle(Exception):
    """Nothing is ready and no timer runs: the program waits for something that can't come."""


class _Jump:
    """In the place of a selector: waiting is moving the clock."""

    def __init__(self) -> None:
        self.now = 0.0

    def select(self, timeout: float | None) -> list[Any]:
        if timeout is None:
            raise Idle
        self.now += max(timeout, 0.0)
        return []


class NumberedTask(asyncio.Task):  # type: ignore[type-arg]
    """A task with a place in the order of creation."""

    def __init__(self, coro: Coroutine[Any, Any, Any], *, number: int, **options: Any) -> None:
        self.number = number  # first: asyncio puts the task into a set at once
        super().__init__(coro, **options)

    def __hash__(self) -> int:
        return self.number

    def __eq__(self, other: object) -> bool:
        return self is other


class OrderedSet(dict[Any, None]):
    """A set in the order of adding, in the place of one in the order of memory addresses."""

    def add(self, item: Any) -> None:
        self[item] = None

    def discard(self, item: Any) -> None:
        self.pop(item, None)


class VirtualLoop(BaseEventLoop):
    """`time()` is the virtual clock in seconds, from 0."""

    def __init__(self) -> None:
        super().__init__()
        self._selector = _Jump()
        self._clock_resolution = 1e-9
        self._numbers = itertools.count(1)
        self.set_task_factory(self._make_task)

    def time(self) -> float:
        return self._selector.now

    def _process_events(self, event_list: list[Any]) -> None:
        """There are none."""

    def _write_to_self(self) -> None:
        """Nobody else could have to be woken."""

    def _make_task(self, loop: asyncio.AbstractEventLoop, coro: Coroutine[Any, Any, Any], **options: Any) -> NumberedTask:
        number = next(self._numbers)
        name = options.pop("name", None) or f"task-{number}"
        task = NumberedTask(coro, number=number, loop=loop, name=name, **options)
        owner = (options.get("context") or contextvars.copy_context()).get(OWNER)
        if owner is not None:
            owner.adopt(task)
        return task

    def run_in_executor(self, executor: Any, function: Callable[..., Any], *args: Any) -> "asyncio.Future[Any]":
        """At once: what other threads would do takes no virtual time, and no other order."""
        answer = self.create_future()
        try:
            answer.set_result(function(*args))
        except Exception as error:
            answer.set_exception(error)
        return answer


def run(main: Coroutine[Any, Any, Any]) -> Any:
    """Run to the end on a fresh loop; what is still open then is dropped without a word.

    The collector of cycles waits meanwhile: it would close forgotten generators and tasks whenever it happens to run.
    """
    gc.collect()
    gc.freeze()  # what there is now outlives the run: later collections need not look at it
    gc.disable()
    loop = VirtualLoop()
    loop.set_exception_handler(lambda *_: None)
    asyncio.set_event_loop(loop)
    try:
        return loop.run_until_complete(main)
    finally:
        for _ in range(20):
            open_tasks = [task for task in asyncio.all_tasks(loop) if not task.done()]
            if not open_tasks:
                break
            for task in open_tasks:
                task.cancel()
            loop.run_until_complete(asyncio.sleep(0))
        asyncio.set_event_loop(None)
        loop.close()
        gc.enable()
