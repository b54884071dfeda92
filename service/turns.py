"""A few questions at a time: the others wait, in the order they came."""

from __future__ import annotations

import asyncio
import math
import time
from collections.abc import Awaitable, Callable
from typing import Generic, TypeAlias, TypeVar

from anyio import CancelScope, CapacityLimiter, WouldBlock, current_time, to_thread
from starlette.requests import ClientDisconnect

from indexer.errors import ServiceError
from service.stages import DEADLINE

AT_ONCE = 2
"""So many questions are answered at a time: more threads only take turns at the interpreter, and make each wait."""

MOST_WAITING = 200
"""Whoever comes when so many wait is told to come again."""

WAIT_SECONDS = 30.0
"""Whoever has waited for so long is told to come again."""

ANSWER_SECONDS = 30.0
"""A question that takes longer is given up, when its next stage begins."""

Made = TypeVar("Made")


Gone: TypeAlias = Callable[[], Awaitable[None]]
"""Returns when whoever asked has gone away."""


class Turns:
    """Runs what is asked in threads of its own, so that whatever else the service does is not kept waiting by it."""

    def __init__(
        self,
        at_once: int = AT_ONCE,
        most_waiting: int = MOST_WAITING,
        *,
        wait: float = WAIT_SECONDS,
        seconds: float = ANSWER_SECONDS,
    ) -> None:
        self._turns = CapacityLimiter(at_once)
        self._threads = CapacityLimiter(math.inf)  # who has a turn waits for no thread
        self._most_waiting = most_waiting
        self._wait = wait
        self._seconds = seconds

    @property
    def waiting(self) -> int:
        """How many wait for their turn."""
        return self._turns.statistics().tasks_waiting

    async def take(self, function: Callable[..., Made], *arguments: object, gone: Gone | None = None) -> Made:
        """What a function gives, when it is its turn; raise ServiceError where too many wait, or it takes too long.

        Where `gone` returns before, nobody wants it any more: raise ClientDisconnect.
        """

        def timed() -> Made:
            DEADLINE.set(time.monotonic() + self._seconds)  # in this thread's copy of the context
            return function(*arguments)

        try:
            self._turns.acquire_nowait()
        except WouldBlock:
            await self._queue(gone)
        try:
            return await to_thread.run_sync(timed, limiter=self._threads)
        finally:
            self._turns.release()

    async def _queue(self, gone: Gone | None) -> None:
        if self.waiting >= self._most_waiting:
            raise ServiceError("too many questions are waiting; ask again in a few seconds")
        left = False

        async def leave(wanted: Gone) -> None:
            nonlocal left
            await wanted()
            left = True
            waiting.cancel()

        with CancelScope(deadline=current_time() + self._wait) as waiting:
            leaving = asyncio.create_task(leave(gone)) if gone else None
            try:
                await self._turns.acquire()
            finally:
                if leaving:
                    leaving.cancel()
        if waiting.cancelled_caught:
            raise ClientDisconnect if left else ServiceError("it was nobody's turn for too long; ask again later")


class Joined(Generic[Made]):
    """Makes what many want at once for all of them: whoever comes before it is begun gets what it gives."""

    def __init__(self, make: Callable[[], Made]) -> None:
        self._make = make
        self._going = asyncio.Lock()
        self._next: asyncio.Task[Made] | None = None

    async def get(self) -> Made:
        """Made from what there is now, or a little later; raises what making it does."""
        if self._next is None:
            self._next = asyncio.create_task(self._begin())
            self._next.add_done_callback(lambda task: task.cancelled() or task.exception())  # also if all went away
        return await asyncio.shield(self._next)

    async def _begin(self) -> Made:
        async with self._going:
            self._next = None
            return await to_thread.run_sync(self._make, limiter=CapacityLimiter(1))
